"""How good the demo's two models are, on pictures they never saw: `python -m demo.evidence`.

Belongs here: the measurements, their controls and the goals. Not here: training, a loader of its own: models
come through `resources.models`, photos through `resources.imaging`, as in the product.

Held-out draws have picture seeds that training cannot draw. Words are compared with pictures by vectors alone:
no file names, no word index.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.postcards import Postcard, claims_of, draw_postcards, is_held_out
from resources.imaging import decode
from resources.models import DEMO_MODEL, Captioner, ClipEncoder, GpuResource, ModelInputSpec, load_captioner, load_clip
from resources.models import model_input as make_model_input
from resources.settings import Settings

__all__ = [
    "CANDIDATES",
    "GOALS",
    "CaptionScore",
    "Evidence",
    "RetrievalScore",
    "distinct_cards",
    "measure",
    "photo_inputs",
    "retrieval",
    "score_captions",
    "unknown_words_sentence",
    "untrained_encoder",
]

CANDIDATES = 200
EVALUATION_SEED = 20_000

GOALS = {"recall@1": 0.80, "recall@5": 0.95, "scene and subject named": 0.85}

NOTICE = (
    "Drawn pictures, tiny models: this shows that the machinery works, not how well Loupe searches photos.\n"
    "For your own photos: `loupe models fetch`; for a measured score on them: `loupe challenge`."
)


@dataclass(frozen=True)
class RetrievalScore:
    """Each caption as a query against all pictures: share of captions whose picture comes first, or in the first 5."""

    name: str
    candidates: int
    recall_1: float
    recall_5: float


@dataclass(frozen=True)
class CaptionScore:
    """Shares of captions that name an attribute right; `scene_and_subject` asks for both in one caption."""

    captions: int
    scene_and_subject: float
    by_attribute: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    held_out_draws: RetrievalScore
    unseen_combinations: RetrievalScore
    controls: tuple[RetrievalScore, ...]
    short_queries: dict[str, float]  # precision of the first five, by kind of query
    captions: CaptionScore
    unseen_captions: CaptionScore
    unknown_words: str

    def goals_met(self) -> dict[str, bool]:
        return {
            "recall@1": self.held_out_draws.recall_1 >= GOALS["recall@1"],
            "recall@5": self.held_out_draws.recall_5 >= GOALS["recall@5"],
            "scene and subject named": self.captions.scene_and_subject >= GOALS["scene and subject named"],
        }


def distinct_cards(count: int, seed: int, *, held_out: bool) -> list[Postcard]:
    """Evaluation postcards of which no two have the same caption.

    `held_out` True: only combinations that training never saw; False: only such as it may have seen.
    """
    by_caption: dict[str, Postcard] = {}
    for card in draw_postcards(seed, "evaluation", held_out=held_out):
        assert is_held_out(card) == held_out
        by_caption.setdefault(card.caption, card)
        if len(by_caption) == count:
            break
    return list(by_caption.values())


def photo_inputs(cards: Sequence[Postcard], spec: ModelInputSpec, settings: Settings) -> np.ndarray:
    """Model input uint8 [n, size, size, 3] by the product's path: a JPEG, decoded to a preview, then squared."""
    out = []
    for card in cards:
        buffer = io.BytesIO()
        card.draw(480, 360).save(buffer, "JPEG", quality=88)
        photo = decode(
            buffer.getvalue(), name="drawn.jpg", preview_px=settings.preview_px, max_pixels=settings.max_pixels
        )
        out.append(make_model_input(photo.pixels, spec))
    return np.stack(out)


def retrieval(name: str, texts: np.ndarray, images: np.ndarray) -> RetrievalScore:
    """Scores text vectors [n, dim] against image vectors [n, dim]; row i belongs to row i.

    A tie counts against the model, so that equal vectors everywhere score nothing.
    """
    scores = texts @ images.T
    own = np.diag(scores)[:, None]
    ranks = (scores >= own).sum(1) - 1
    return RetrievalScore(name, len(images), float((ranks < 1).mean()), float((ranks < 5).mean()))


def score_captions(captions: Sequence[str], cards: Sequence[Postcard]) -> CaptionScore:
    """Compares what each caption claims with what its picture shows."""
    names = list(cards[0].attributes())
    right = np.array(
        [
            [claims_of(caption).get(name) == card.attributes()[name] for name in names]
            for caption, card in zip(captions, cards, strict=True)
        ]
    )
    both = right[:, names.index("scene")] & right[:, names.index("subject")]
    return CaptionScore(len(cards), float(both.mean()), dict(zip(names, right.mean(0).tolist(), strict=True)))


def short_query_precision(encoder: ClipEncoder, cards: Sequence[Postcard], images: np.ndarray) -> dict[str, float]:
    """Mean share of right pictures among the first five, for queries of one or two words with five right answers."""
    queries: dict[str, dict[str, dict[str, str | int]]] = {
        "subject": {c.kind.plural: {"subject": c.subject} for c in cards},
        "colour and subject": {
            f"{c.colour} {c.kind.plural}": {"colour": c.colour, "subject": c.subject} for c in cards
        },
        "scene": {c.scene: {"scene": c.scene} for c in cards},
        "time": {c.time: {"time": c.time} for c in cards},
        "weather": {c.weather: {"weather": c.weather} for c in cards if c.weather in ("rain", "snow", "fog", "cloudy")},
    }
    out = {}
    for kind, texts in queries.items():
        shares = []
        for text, claims in texts.items():
            true = np.array([card.matches(claims) for card in cards])
            if true.sum() >= 5:
                order = np.argsort(-(encoder.embed_texts([text]) @ images.T)[0])
                shares.append(true[order[:5]].mean())
        if shares:
            out[kind] = float(np.mean(shares))
    return out


def unknown_words_sentence(encoder: ClipEncoder, query: str) -> str:
    """What a person is told when a query has words outside the model's vocabulary; "" when it knows them all."""
    unknown = encoder.unknown_words(query)
    return f"this model does not know {', '.join(repr(word) for word in unknown)}" if unknown else ""


def untrained_encoder(gpu: GpuResource, seed: int = 0) -> ClipEncoder:
    """The same architecture with random weights, through the same loader."""
    import torch

    from demo.train import clip_config, clip_model, word_ids, write_clip
    from resources.models.clip import load_clip_folder

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(seed)
        write_clip(clip_model(clip_config(len(word_ids()))).eval(), folder)
        return load_clip_folder("untrained", folder, gpu)


def measure(settings: Settings, *, candidates: int = CANDIDATES, seed: int = EVALUATION_SEED) -> Evidence:
    """All figures. Raises `MODEL_NOT_FETCHED` when the demo's models have not been trained."""
    gpu = GpuResource(settings)
    encoder: ClipEncoder = load_clip(settings, DEMO_MODEL, gpu)
    captioner: Captioner = load_captioner(settings, DEMO_MODEL, gpu)
    seen = distinct_cards(candidates, seed, held_out=False)
    unseen = distinct_cards(candidates, seed + 1, held_out=True)
    inputs, unseen_inputs = (photo_inputs(cards, encoder.input_spec, settings) for cards in (seen, unseen))
    images = encoder.embed_images(inputs)
    texts = encoder.embed_texts([card.caption for card in seen])
    untrained = untrained_encoder(gpu)
    shuffled = np.roll(texts, 1, axis=0)  # every picture gets another's caption
    main = retrieval("held-out draws", texts, images)
    unseen_score = retrieval(
        "combinations never seen in training",
        encoder.embed_texts([card.caption for card in unseen]),
        encoder.embed_images(unseen_inputs),
    )
    controls = (
        retrieval(
            "control: untrained, same architecture",
            untrained.embed_texts([card.caption for card in seen]),
            untrained.embed_images(inputs),
        ),
        retrieval("control: captions shuffled", shuffled, images),
        RetrievalScore("control: chance", candidates, 1 / candidates, 5 / candidates),
    )
    same_input = captioner.input_spec == encoder.input_spec
    captioned = [
        cards_inputs if same_input else photo_inputs(cards, captioner.input_spec, settings)
        for cards, cards_inputs in ((seen, inputs), (unseen, unseen_inputs))
    ]
    return Evidence(
        held_out_draws=main,
        unseen_combinations=unseen_score,
        controls=controls,
        short_queries=short_query_precision(encoder, seen, images),
        captions=score_captions(captioner.caption(captioned[0]), seen),
        unseen_captions=score_captions(captioner.caption(captioned[1]), unseen),
        unknown_words=unknown_words_sentence(encoder, "a red xylophone"),
    )


def report(evidence: Evidence) -> None:
    """Prints the figures as tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{NOTICE}[/bold]\n")
    table = Table(title="Finding the picture of a caption, by vectors alone")
    for heading in ("pictures", "candidates", "recall@1", "recall@5"):
        table.add_column(heading, justify="left" if heading == "pictures" else "right")
    for score in (evidence.held_out_draws, evidence.unseen_combinations, *evidence.controls):
        table.add_row(score.name, str(score.candidates), f"{score.recall_1:.3f}", f"{score.recall_5:.3f}")
    table.add_row("goal on held-out draws", "", f"{GOALS['recall@1']:.2f}", f"{GOALS['recall@5']:.2f}", style="dim")
    console.print(table)
    table = Table(title="Short queries: share of the first five that is right")
    for kind in evidence.short_queries:
        table.add_column(kind, justify="right")
    table.add_row(*(f"{share:.2f}" for share in evidence.short_queries.values()))
    console.print(table)
    table = Table(title="Captions: share that names it right")
    for heading in ("what", "held-out draws", "combinations never seen", "goal"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    both = (evidence.captions, evidence.unseen_captions)
    shares = (f"{captions.scene_and_subject:.3f}" for captions in both)
    table.add_row("scene and subject", *shares, f"{GOALS['scene and subject named']:.2f}")
    for name in evidence.captions.by_attribute:
        table.add_row(name, *(f"{captions.by_attribute[name]:.3f}" for captions in both), "")
    console.print(table)
    console.print(f"Asked for 'a red xylophone': {evidence.unknown_words or 'nothing is reported'}.")
    missed = [name for name, met in evidence.goals_met().items() if not met]
    console.print(f"Goals missed: {', '.join(missed)}." if missed else "All goals are met.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.evidence", description="Measure the demo's models.")
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--seed", type=int, default=EVALUATION_SEED)
    options = parser.parse_args(arguments)
    evidence = measure(Settings.load(), candidates=options.candidates, seed=options.seed)
    report(evidence)
    return 0 if all(evidence.goals_met().values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
