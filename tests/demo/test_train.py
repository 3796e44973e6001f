"""Training the demo's models: what counts as a positive, what goes in, and that a run writes loadable folders."""

from __future__ import annotations

import dataclasses
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from demo.postcards import Phrase, Postcard, draw_postcards
from demo.train import (
    CONTEXT_WORDS,
    INPUT_SPEC,
    PAD,
    attribute_ids,
    encode_words,
    main,
    positives,
    render_input,
    training_pictures,
    word_ids,
)
from resources.models import GpuResource
from resources.models.captioner import load_captioner_folder
from resources.models.clip import load_clip_folder
from resources.settings import Settings

CARD = Postcard(seed=1, scene="lake", subject="dog", colour="brown", count=2, time="dawn", weather="fog")


def test_equal_captions_and_all_true_fragments_are_positives() -> None:
    twin = dataclasses.replace(CARD, seed=2)
    other = dataclasses.replace(CARD, seed=3, colour="black")
    truth = np.array([attribute_ids(card.attributes()) for card in (CARD, twin, other)])
    phrases = [
        Phrase(CARD.caption, tuple(CARD.attributes().items())),
        Phrase("dogs at dawn", (("subject", "dog"), ("time", "dawn"))),
        Phrase("a horse", (("subject", "horse"),)),
    ]
    assert positives(phrases, truth).tolist() == [[1, 1, 0], [1, 1, 1], [0, 0, 0]]


def test_training_words_are_what_the_tokenizer_makes(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from demo.train import write_tokenizer

    write_tokenizer(tmp_path, word_ids())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    rng = np.random.default_rng(0)
    texts = [card.paraphrase(rng).text for card in islice(draw_postcards(4, "training"), 60)]
    made = tokenizer(texts, padding="max_length", max_length=CONTEXT_WORDS, truncation=True)["input_ids"]
    assert (encode_words(texts, word_ids(), 0.0, rng) == np.array(made)).all()
    assert tokenizer("  Two BROWN dogs, at dawn!")["input_ids"] == tokenizer("two brown dogs at dawn")["input_ids"]


def test_no_text_is_cut_short() -> None:
    rng = np.random.default_rng(0)
    cards = islice(draw_postcards(5, "training"), 2000)
    ids = encode_words([card.paraphrase(rng).text for card in cards], word_ids(), 0.0, rng)
    assert (ids[:, -1] == PAD).mean() > 0.99


def test_model_input_is_reproducible() -> None:
    first, again = render_input(CARD), render_input(CARD)
    assert first.shape == (INPUT_SPEC.size, INPUT_SPEC.size, 3)
    assert (first == again).all()


@pytest.mark.slow
def test_a_run_writes_folders_that_load(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    small = ["--pictures", "256", "--epochs", "1", "1", "--cache", str(cache), "--out", str(tmp_path / "models")]
    main(small)
    cards, pixels = training_pictures(256, 7, cache)
    assert len(list(cache.iterdir())) == 1
    gpu = GpuResource(Settings.load(home=tmp_path / "home", device="cpu"))
    encoder = load_clip_folder("trained", tmp_path / "models" / "clip", gpu)
    captioner = load_captioner_folder("trained", tmp_path / "models" / "captioner", gpu)
    vectors = encoder.embed_images(np.asarray(pixels[:4]))
    assert vectors.shape == (4, encoder.dim)
    assert encoder.embed_texts([cards[0].caption]).shape == (1, encoder.dim)
    assert len(captioner.caption(np.asarray(pixels[:2]))) == 2
