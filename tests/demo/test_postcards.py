"""Postcards: the drawings are reproducible at any size, and captions say what the pictures show."""

from __future__ import annotations

import dataclasses
from itertools import islice, pairwise

import numpy as np
import pytest

from demo.postcards import (
    HELD_OUT,
    SPLITS,
    TIMES,
    WEATHERS,
    Postcard,
    claims_of,
    draw_postcards,
    is_held_out,
    vocabulary,
)
from demo.scenery import SCENES
from demo.subjects import SUBJECTS

CARD = Postcard(seed=5, scene="sea", subject="sailboat", colour="orange", count=1, time="sunset", weather="clear")


def pixels(card: Postcard, width: int = 128, height: int = 96) -> np.ndarray:
    return np.asarray(card.draw(width, height)).astype(int)


def test_caption_reads_like_a_sentence() -> None:
    assert CARD.caption == "an orange sailboat by the sea at sunset under a clear sky"
    three = dataclasses.replace(CARD, count=3, colour="red", weather="rain")
    assert three.caption == "three red sailboats by the sea at sunset in the rain"


def test_caption_says_exactly_the_attributes() -> None:
    for card in islice(draw_postcards(1, "evaluation"), 300):
        assert claims_of(card.caption) == card.attributes()


def test_same_card_draws_the_same_pixels_and_another_seed_others() -> None:
    assert (pixels(CARD) == pixels(CARD)).all()
    assert np.abs(pixels(CARD) - pixels(dataclasses.replace(CARD, seed=6))).mean() > 3


@pytest.mark.parametrize("scene", SCENES)
def test_every_size_shows_the_same_picture(scene: str) -> None:
    subject = next(kind.name for kind in SUBJECTS.values() if scene in kind.scenes)
    card = Postcard(3, scene, subject, SUBJECTS[subject].colours[0], 2, "day", "clear")
    large = np.asarray(card.draw(640, 480).resize((64, 48))).astype(int)
    small = np.asarray(card.draw(128, 96).resize((64, 48))).astype(int)
    assert np.abs(large - small).mean() < 6
    assert large.std() > 20


def test_a_burst_moves_a_little_and_stays_the_same_picture() -> None:
    frame, other = pixels(CARD), pixels(dataclasses.replace(CARD, moment=1))
    stranger = pixels(dataclasses.replace(CARD, seed=99))
    assert 0 < np.abs(frame - other).mean() < 0.4 * np.abs(frame - stranger).mean()


@pytest.mark.parametrize("time", TIMES)
def test_weather_and_time_of_day_show(time: str) -> None:
    card = dataclasses.replace(CARD, time=time)
    drawn = {weather: pixels(dataclasses.replace(card, weather=weather)) for weather in WEATHERS}
    for weather in WEATHERS[1:]:
        assert np.abs(drawn[weather] - drawn["clear"]).mean() > 4
    if time != "night":
        night = pixels(dataclasses.replace(card, time="night", weather="clear"))
        assert drawn["clear"].mean() > night.mean() + 40


def test_paraphrases_claim_what_the_card_shows_in_known_words() -> None:
    rng = np.random.default_rng(0)
    known = set(vocabulary())
    texts = set()
    for card in islice(draw_postcards(2, "training"), 300):
        for phrase in (card.paraphrase(rng), card.fragment(rng)):
            assert card.matches(phrase.claims)
            assert phrase.claims
            assert set(phrase.text.split()) <= known, phrase.text
            texts.add(phrase.text)
    assert len(texts) > 500


def test_training_never_sees_the_held_out_combinations_nor_evaluation_pictures() -> None:
    training = list(islice(draw_postcards(7, "training", held_out=False), 3000))
    assert not any(is_held_out(card) for card in training)
    assert all(card.seed in SPLITS["training"] for card in training)
    ranges = sorted((r.start, r.stop) for r in SPLITS.values())
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    # Each part of a held-out combination is seen elsewhere; without that the score would measure nothing.
    for claims in HELD_OUT:
        for key, value in claims.items():
            assert any(card.attributes()[key] == value for card in training)


def test_held_out_draws_are_all_held_out() -> None:
    assert all(is_held_out(card) for card in islice(draw_postcards(7, "evaluation", held_out=True), 50))
