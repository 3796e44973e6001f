"""Trains the two `demo-postcards` models from drawn pictures: `python -m demo.train`.

Belongs here: the small architectures, the word-level tokenizer, the training loops, writing model folders in the
hub's layout. Not here: how pictures look (`postcards`), how good the models are (`evidence`).

The image-text model is open_clip's `CLIP` (a small ResNet and a small text transformer) trained with a contrastive
loss in which every text is a positive of every picture that it is true of. The captioner is transformers'
`BlipForConditionalGeneration`, small; while it trains, its picture tower also names the attributes (heads that are
thrown away), which lets a transformer learn from few pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from demo.postcards import TIMES, WEATHERS, Phrase, Postcard, draw_postcards, vocabulary
from demo.scenery import SCENES
from demo.subjects import COLOURS, SUBJECTS
from resources.imaging.model_input import ModelInputSpec, model_input

if TYPE_CHECKING:
    import torch

__all__ = ["ATTRIBUTES", "CLIP_CONFIG", "INPUT_SPEC", "MODELS", "attribute_ids", "render_inputs"]

MODELS = Path(__file__).resolve().parent / "models" / "demo-postcards"

# Squash keeps the whole picture: a balloon at the edge is not cropped away.
INPUT_SPEC = ModelInputSpec(
    size=64, resize_mode="squash", interpolation="bicubic", mean=(0.48, 0.47, 0.48), std=(0.27, 0.25, 0.26)
)
CONTEXT_WORDS = 24
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
PAD, UNK, BOS, EOS = range(4)

# Words that queries hold together and that name nothing: the image-text model passes over them (see `write_clip`).
FILLERS = (
    *("above", "across", "along", "and", "are", "around", "behind", "beside", "find", "for", "from", "has", "image"),
    *(
        "images",
        "into",
        "is",
        "me",
        "my",
        "near",
        "next",
        "on",
        "over",
        "photos",
        "pictures",
        "show",
        "showing",
        "some",
    ),
    *("that", "there", "this", "through", "to", "view", "with"),
)

ATTRIBUTES: dict[str, tuple[str | int, ...]] = {
    "scene": tuple(SCENES),
    "subject": tuple(SUBJECTS),
    "colour": tuple(COLOURS),
    "count": (1, 2, 3),
    "time": TIMES,
    "weather": WEATHERS,
}

CLIP_CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 128,
        "vision_cfg": {"image_size": INPUT_SPEC.size, "layers": [2, 2, 2, 2], "width": 16, "head_width": 32},
        "text_cfg": {
            "context_length": CONTEXT_WORDS,
            "vocab_size": 0,
            "hf_tokenizer_name": "demo-postcards",
            "width": 128,
            "heads": 4,
            "layers": 2,
            "pool_type": "eos",
            "eos_id": EOS,
            "pad_id": PAD,
        },
    },
    "preprocess_cfg": {
        "size": INPUT_SPEC.size,
        "mean": list(INPUT_SPEC.mean),
        "std": list(INPUT_SPEC.std),
        "interpolation": INPUT_SPEC.interpolation,
        "resize_mode": INPUT_SPEC.resize_mode,
    },
}


# Words


def write_tokenizer(folder: Path, words_known: dict[str, int]) -> None:
    """The word-level tokenizer as hub files in `folder`."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(words_known, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\w]+"), behavior="removed")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", BOS), ("[SEP]", EOS)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="[CLS]",
        cls_token="[CLS]",
        eos_token="[SEP]",
        sep_token="[SEP]",
        model_max_length=CONTEXT_WORDS,
        clean_up_tokenization_spaces=False,
    )
    fast.save_pretrained(folder)
    # The name that transformers 4 knows as well; 5 writes one of its own.
    config = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    # transformers 5 keeps these in tokenizer_config.json alone; older readers look for the file of their own.
    specials = {key: fast.special_tokens_map[key] for key in sorted(fast.special_tokens_map)}
    (folder / "special_tokens_map.json").write_text(json.dumps(specials, indent=2) + "\n")


def word_ids(*, fillers: bool = False) -> dict[str, int]:
    """Numbers of all words: specials, what captions and queries are made of, and perhaps the fillers."""
    extra = [word for word in FILLERS if word not in vocabulary()] if fillers else []
    return {word: index for index, word in enumerate((*SPECIALS, *vocabulary(), *extra))}


def encode_words(texts: list[str], words: dict[str, int], unknown_rate: float, rng: np.random.Generator) -> np.ndarray:
    """Token ids int64 [n, CONTEXT_WORDS] as the tokenizer makes them; now and then an unknown word slips in."""
    out = np.full((len(texts), CONTEXT_WORDS), PAD, np.int64)
    for row, text in enumerate(texts):
        ids = [words[word] for word in text.split()]
        if rng.random() < unknown_rate:
            ids.insert(int(rng.integers(len(ids) + 1)), UNK)
        ids = [BOS, *ids[: CONTEXT_WORDS - 2], EOS]
        out[row, : len(ids)] = ids
    return out


# Pictures


def attribute_ids(claims: dict[str, str | int]) -> list[int]:
    """One number for each attribute in the order of `ATTRIBUTES`; -1 where nothing is claimed."""
    return [values.index(claims[key]) if key in claims else -1 for key, values in ATTRIBUTES.items()]


def render_input(card: Postcard) -> np.ndarray:
    """The card as the model meets it in a library: drawn at some size, compressed, perhaps resized, then squashed."""
    rng = np.random.default_rng([card.seed, 9])
    height = int(rng.choice((108, 144, 180, 240)))
    width = round(height * float(rng.choice((4 / 3, 4 / 3, 4 / 3, 3 / 2, 1.0, 3 / 4))))
    image = card.draw(width, height)
    if rng.random() < 0.8:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(55, 95)))
        image = Image.open(buffer).convert("RGB")
    return model_input(np.asarray(image), INPUT_SPEC)


def render_inputs(cards: list[Postcard], workers: int = 2) -> np.ndarray:
    """Model inputs uint8 [n, size, size, 3] of many cards."""
    out = np.empty((len(cards), INPUT_SPEC.size, INPUT_SPEC.size, 3), np.uint8)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for index, pixels in enumerate(pool.map(render_input, cards, chunksize=64)):
            out[index] = pixels
    return out


def training_pictures(count: int, seed: int, cache: Path) -> tuple[list[Postcard], np.ndarray]:
    """Cards that training may see, and their pixels, drawn once and kept in `cache`."""
    cards = list(islice(draw_postcards(seed, "training", held_out=False), count))
    path = cache / f"postcards-{seed}-{count}-{_drawing_fingerprint(cards)}.npy"
    if not path.is_file():
        started = time.monotonic()
        pixels = render_inputs(cards)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, pixels)
        print(f"drew {count} pictures in {time.monotonic() - started:.0f} s", flush=True)
    return cards, np.load(path)


def _drawing_fingerprint(cards: list[Postcard]) -> str:
    """Changes when the drawings do: a hash over the first few pictures."""
    return hashlib.sha256(b"".join(render_input(card).tobytes() for card in cards[:24])).hexdigest()[:8]


def augmented(pixels: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """A float batch [n, 3, size, size], normalised; flipped, shifted and relit a little."""
    import torch

    n, size = len(pixels), INPUT_SPEC.size
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    flip = torch.from_numpy(rng.random(n) < 0.5)
    batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
    pad = 4
    padded = torch.nn.functional.pad(batch, (pad, pad, pad, pad), mode="replicate")
    dx, dy = rng.integers(0, 2 * pad + 1, 2)
    batch = padded[:, :, dy : dy + size, dx : dx + size]
    gain = torch.from_numpy(rng.normal(1.0, 0.05, (n, 1, 1, 1)).astype(np.float32))
    tint = torch.from_numpy(rng.normal(0.0, 0.012, (n, 3, 1, 1)).astype(np.float32))
    batch = (batch * gain + tint).clamp(0, 1)
    return normalised(batch)


def normalised(batch: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of `INPUT_SPEC` applied to a float batch [n, 3, h, w] in 0..1."""
    import torch

    mean = torch.tensor(INPUT_SPEC.mean)[:, None, None]
    std = torch.tensor(INPUT_SPEC.std)[:, None, None]
    return ((batch - mean) / std).contiguous()


def batches(count: int, size: int, epochs: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Shuffled index batches, the ragged last one left out."""
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


# Training


def train_clip(cards: list[Postcard], pixels: np.ndarray, folder: Path, *, epochs: int, seed: int) -> None:
    """Train the image-text model and write its folder."""
    import torch
    import torch.nn.functional as functional

    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 1])
    words = word_ids()
    model = clip_model(clip_config(len(words))).train()
    batch_size, whole_texts, part_texts = 128, 96, 160
    steps = epochs * (len(cards) // batch_size)
    optimizer, schedule = _optimizer(model, 2.5e-3, steps)
    truth = np.array([attribute_ids(card.attributes()) for card in cards])
    started = time.monotonic()
    for step, index in enumerate(batches(len(cards), batch_size, epochs, rng)):
        # More fragments than sentences: short queries are what people type, and the harder ones to learn.
        whole = [_full_phrase(cards[i], rng) for i in index[:whole_texts]]
        parts = [cards[index[k % batch_size]].fragment(rng) for k in range(part_texts)]
        ids = [encode_words([p.text for p in phrases], words, 0.06, rng) for phrases in (whole, parts)]
        true = torch.from_numpy(positives(whole + parts, truth[index]))  # [texts, images]
        with torch.autocast("cpu", torch.bfloat16):
            image = model.encode_image(augmented(pixels[index], rng), normalize=True)
            text = torch.cat([_encode_text(model, torch.from_numpy(part)) for part in ids])
        logits = model.logit_scale.exp().clamp(max=60) * text.float() @ image.float().T
        to_images = true / true.sum(1, keepdim=True)
        loss_text = -(to_images * functional.log_softmax(logits, 1)).sum(1).mean()
        to_texts = true[:whole_texts, :whole_texts].T
        to_texts = to_texts / to_texts.sum(1, keepdim=True)
        loss_image = -(to_texts * functional.log_softmax(logits[:whole_texts, :whole_texts].T, 1)).sum(1).mean()
        loss = loss_text + 0.5 * loss_image
        _step(model, optimizer, schedule, loss)
        if step % 50 == 0:
            _report("clip", step, steps, loss.item(), started)
    write_clip(model.eval(), folder)


def _encode_text(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """`model.encode_text(ids, normalize=True)` without computing the padding, which a causal mask hides anyway."""
    import torch.nn.functional as functional

    length = int((ids != PAD).sum(1).max())
    x = model.token_embedding(ids[:, :length]) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    ends = (ids == EOS).int().argmax(1)
    return functional.normalize(x[range(len(ids)), ends] @ model.text_projection, dim=-1)


def clip_config(words_known: int) -> dict[str, Any]:
    """The `open_clip_config.json` of a model that knows so many words."""
    config: dict[str, Any] = json.loads(json.dumps(CLIP_CONFIG))
    config["model_cfg"]["text_cfg"]["vocab_size"] = words_known
    return config


def clip_model(config: dict[str, Any]) -> Any:
    """open_clip's `CLIP` for an `open_clip_config.json`, untrained."""
    import open_clip.model

    model_cfg = config["model_cfg"]
    return open_clip.model.CLIP(model_cfg["embed_dim"], model_cfg["vision_cfg"], model_cfg["text_cfg"])


def write_clip(model: Any, folder: Path) -> None:
    """The model's folder in the hub's layout, half precision.

    Training slips unknown words into its texts, so the model has learnt to pass over the embedding of [UNK]. The
    fillers get that embedding: known, and without a meaning.
    """
    import torch
    from safetensors.torch import save_file

    words = word_ids(fillers=True)
    state = dict(model.state_dict())
    embedding = state["token_embedding.weight"]
    state["token_embedding.weight"] = torch.cat([embedding, embedding[UNK].expand(len(words) - len(embedding), -1)])
    halved = {
        key: value.detach().half().contiguous() if value.is_floating_point() else value.clone()
        for key, value in state.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(halved, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    (folder / "open_clip_config.json").write_text(json.dumps(clip_config(len(words)), indent=2) + "\n")
    write_tokenizer(folder, words)


def train_captioner(cards: list[Postcard], pixels: np.ndarray, folder: Path, *, epochs: int, seed: int) -> None:
    """Train the captioner and write its folder."""
    import torch
    import torch.nn.functional as functional

    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 2])
    folder.mkdir(parents=True, exist_ok=True)
    words = word_ids()
    write_tokenizer(folder, words)
    model = captioner_model(len(words)).train()
    width = model.config.vision_config.hidden_size
    heads = torch.nn.ModuleList([torch.nn.Linear(width, len(values)) for values in ATTRIBUTES.values()])
    batch_size, steps = 128, epochs * (len(cards) // 128)
    optimizer, schedule = _optimizer(torch.nn.ModuleList([model, heads]), 1.2e-3, steps)
    truth = torch.from_numpy(np.array([attribute_ids(card.attributes()) for card in cards]))
    captions = torch.from_numpy(encode_words([card.caption for card in cards], words, 0.0, rng))
    longest = int((captions != PAD).sum(1).max())
    captions = captions[:, :longest]
    started = time.monotonic()
    for step, index in enumerate(batches(len(cards), batch_size, epochs, rng)):
        ids = captions[index]
        labels = ids.masked_fill(ids == PAD, -100)
        with torch.autocast("cpu", torch.bfloat16):
            out = model(
                pixel_values=augmented(pixels[index], rng),
                input_ids=ids,
                attention_mask=(ids != PAD).long(),
                labels=labels,
            )
            pooled = out.last_hidden_state.mean(1)
            named = sum(functional.cross_entropy(head(pooled).float(), truth[index, k]) for k, head in enumerate(heads))
        loss = out.loss.float() + 0.5 * named
        _step(model, optimizer, schedule, loss)
        if step % 50 == 0:
            _report("captioner", step, steps, loss.item(), started)
    write_captioner(model.eval(), folder)


def captioner_model(words_known: int) -> Any:
    """transformers' `BlipForConditionalGeneration`, small and untrained."""
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration

    config = BlipConfig(
        text_config={
            "vocab_size": words_known,
            "hidden_size": 128,
            "encoder_hidden_size": 144,
            "intermediate_size": 384,
            "projection_dim": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 40,
            "bos_token_id": BOS,
            "eos_token_id": EOS,
            "sep_token_id": EOS,
            "pad_token_id": PAD,
            "is_decoder": True,
        },
        vision_config={
            "hidden_size": 144,
            "intermediate_size": 432,
            "projection_dim": 128,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "image_size": INPUT_SPEC.size,
            "patch_size": 8,
            "initializer_range": 0.02,
        },
        projection_dim=128,
        image_text_hidden_size=128,
    )
    model = BlipForConditionalGeneration(config)
    with torch.no_grad():
        embeddings = model.vision_model.embeddings
        torch.nn.init.trunc_normal_(embeddings.position_embedding, std=0.02)
        torch.nn.init.trunc_normal_(embeddings.class_embedding, std=0.02)
    return model


def write_captioner(model: Any, folder: Path) -> None:
    """Weights, configuration and processor in the hub's layout, half precision."""
    import torch
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, max_new_tokens=24, num_beams=1, do_sample=False
    )
    model.to(torch.float16).save_pretrained(folder)
    processor = {
        "image_processor_type": "BlipImageProcessor",
        "processor_class": "BlipProcessor",
        "do_resize": True,
        "size": {"height": INPUT_SPEC.size, "width": INPUT_SPEC.size},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(INPUT_SPEC.mean),
        "image_std": list(INPUT_SPEC.std),
        "do_convert_rgb": True,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")


def _full_phrase(card: Postcard, rng: np.random.Generator) -> Phrase:
    if rng.random() < 0.5:
        return Phrase(card.caption, tuple(card.attributes().items()))
    return card.paraphrase(rng)


def positives(phrases: list[Phrase], truth: np.ndarray) -> np.ndarray:
    """float32 [phrases, pictures], 1 where all that the phrase claims is true of the picture."""
    claims = np.array([attribute_ids(dict(phrase.claims)) for phrase in phrases])
    agree = (claims[:, None, :] == truth[None]) | (claims[:, None, :] < 0)
    return agree.all(2).astype(np.float32)


def _optimizer(model: torch.nn.Module, rate: float, steps: int) -> tuple[Any, Any]:
    import torch

    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
    )
    warm = min(200, steps // 10 + 1)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) + 0.005

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _step(model: torch.nn.Module, optimizer: Any, schedule: Any, loss: torch.Tensor) -> None:
    import torch

    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()


def _report(name: str, step: int, steps: int, loss: float, started: float) -> None:
    seconds = time.monotonic() - started
    left = seconds / max(1, step) * (steps - step) / 60
    print(f"{name} step {step}/{steps} loss {loss:.3f} {seconds:.0f} s, about {left:.0f} min left", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.train", description="Train the demo's two models.")
    parser.add_argument("--seed", type=int, default=7, help="decides pictures, start weights and order")
    parser.add_argument("--pictures", type=int, default=16_000, help="how many pictures to draw")
    parser.add_argument("--epochs", type=int, nargs=2, default=(8, 12), metavar=("CLIP", "CAPTIONER"))
    parser.add_argument("--only", choices=("clip", "captioner"), help="train one of the two")
    parser.add_argument("--threads", type=int, default=2, help="for arithmetic")
    parser.add_argument("--cache", type=Path, default=Path(".demo/training"), help="drawn pictures are kept here")
    parser.add_argument("--out", type=Path, default=MODELS, help="model folders go here")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(options.threads)
    trainers: dict[str, Callable[..., None]] = {"clip": train_clip, "captioner": train_captioner}
    cards, pixels = training_pictures(options.pictures, options.seed, options.cache)
    for (name, trainer), epochs in zip(trainers.items(), options.epochs, strict=True):
        if options.only in (None, name):
            started = time.monotonic()
            trainer(cards, pixels, options.out / name, epochs=epochs, seed=options.seed)
            print(
                f"{name}: trained in {(time.monotonic() - started) / 60:.1f} min on {os.cpu_count()} cores", flush=True
            )


if __name__ == "__main__":
    main()
