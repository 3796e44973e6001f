"""The committed demo models: they load as any fetched model does and meet the goals on pictures they never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from demo.evidence import (
    CANDIDATES,
    GOALS,
    Evidence,
    distinct_cards,
    measure,
    retrieval,
    score_captions,
    unknown_words_sentence,
)
from demo.postcards import vocabulary
from demo.train import CLIP_CONFIG, INPUT_SPEC, MODELS
from resources.models import DEMO_MODEL, GpuResource, captioner_spec, clip_spec, load_captioner, load_clip
from resources.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(home=tmp_path_factory.mktemp("home"), device="cpu")


@pytest.fixture(scope="module")
def evidence(settings: Settings) -> Evidence:
    return measure(settings)


def test_retrieval_meets_the_goals(evidence: Evidence) -> None:
    assert evidence.held_out_draws.candidates == CANDIDATES
    assert evidence.held_out_draws.recall_1 >= GOALS["recall@1"]
    assert evidence.held_out_draws.recall_5 >= GOALS["recall@5"]


def test_combinations_never_seen_are_found_far_above_chance(evidence: Evidence) -> None:
    assert evidence.unseen_combinations.candidates == CANDIDATES
    assert evidence.unseen_combinations.recall_5 >= 0.5


def test_controls_score_as_chance_does(evidence: Evidence) -> None:
    for control in evidence.controls:
        assert control.candidates == CANDIDATES
        assert control.recall_5 <= 0.10, control.name


def test_short_queries_find_what_they_name(evidence: Evidence) -> None:
    assert evidence.short_queries["subject"] >= 0.85
    assert evidence.short_queries["scene"] >= 0.85


def test_captions_name_scene_and_subject(evidence: Evidence) -> None:
    assert evidence.captions.captions == CANDIDATES
    assert evidence.captions.scene_and_subject >= GOALS["scene and subject named"]


def test_a_word_outside_the_vocabulary_is_reported(evidence: Evidence, settings: Settings) -> None:
    assert evidence.unknown_words == "this model does not know 'xylophone'"
    encoder = load_clip(settings, DEMO_MODEL, GpuResource(settings))
    assert unknown_words_sentence(encoder, "Red boats, at NIGHT!") == ""


def test_every_word_of_the_vocabulary_is_known(settings: Settings) -> None:
    encoder = load_clip(settings, DEMO_MODEL, GpuResource(settings))
    assert encoder.unknown_words(" ".join(vocabulary())) == []


def test_filler_words_are_known_and_change_little(settings: Settings) -> None:
    encoder = load_clip(settings, DEMO_MODEL, GpuResource(settings))
    assert encoder.unknown_words("show me photos with a red balloon over the sea") == []
    plain, filled, other = encoder.embed_texts(
        ["a red balloon by the sea", "a red balloon over the sea", "a blue car in a forest"]
    )
    assert plain @ filled > 0.8 > plain @ other


def test_input_is_the_one_trained_with(settings: Settings) -> None:
    clip, captioner = clip_spec(settings, DEMO_MODEL), captioner_spec(settings, DEMO_MODEL)
    assert clip.input_spec == captioner.input_spec == INPUT_SPEC
    assert clip.dim == CLIP_CONFIG["model_cfg"]["embed_dim"]


def test_captioner_speaks_the_same_words(settings: Settings) -> None:
    captioner = load_captioner(settings, DEMO_MODEL, GpuResource(settings))
    size = captioner.input_spec.size
    blank = np.full((1, size, size, 3), 128, np.uint8)
    assert set(captioner.caption(blank)[0].split()) <= set(vocabulary())


@pytest.mark.parametrize("kind", ["clip", "captioner"])
def test_model_folders_are_small_and_in_the_hubs_layout(kind: str) -> None:
    folder = MODELS / kind
    names = {path.name for path in folder.iterdir()}
    weights = "open_clip_model.safetensors" if kind == "clip" else "model.safetensors"
    expected = {weights, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    expected |= (
        {"open_clip_config.json"}
        if kind == "clip"
        else {"config.json", "generation_config.json", "preprocessor_config.json"}
    )
    assert expected <= names
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
    for path in folder.glob("*.json"):
        # Weights and configuration say nothing of the machine they were made on.
        assert str(Path.home()) not in path.read_text()
        json.loads(path.read_text())


def test_hub_classes_load_the_captioner_folder() -> None:
    from transformers import AutoProcessor, BlipForConditionalGeneration

    processor = AutoProcessor.from_pretrained(MODELS / "captioner", local_files_only=True)
    model = BlipForConditionalGeneration.from_pretrained(MODELS / "captioner", local_files_only=True).float()
    card = distinct_cards(1, 3, held_out=False)[0]
    inputs = processor(images=card.draw(320, 240), return_tensors="pt")
    said = processor.decode(model.generate(**inputs)[0], skip_special_tokens=True)
    assert set(said.split()) <= set(vocabulary())


def test_scores_count_ties_against_the_model() -> None:
    same = np.ones((4, 3), np.float32) / np.sqrt(3)
    assert retrieval("all alike", same, same).recall_1 == 0
    perfect = retrieval("perfect", np.eye(6, dtype=np.float32), np.eye(6, dtype=np.float32))
    assert (perfect.recall_1, perfect.recall_5) == (1, 1)
    backwards = retrieval("turned", np.eye(6, dtype=np.float32)[::-1].copy(), np.eye(6, dtype=np.float32))
    assert backwards.recall_1 == 0


def test_caption_scores_need_scene_and_subject_together() -> None:
    cards = distinct_cards(4, 3, held_out=False)
    perfect = score_captions([card.caption for card in cards], cards)
    assert perfect.scene_and_subject == 1
    assert set(perfect.by_attribute.values()) == {1}
    assert score_captions(["", "sea", cards[2].caption, "two"], cards).scene_and_subject == 0.25
