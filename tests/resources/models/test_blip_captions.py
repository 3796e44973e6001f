"""Captions in fixed shapes say what transformers' own generation says, token for token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_models import random_images, write_tiny_blip

from resources.device.blip import BlipCaptions
from resources.models.captioner import MOST_TOKENS
from resources.models.clip import normalised
from resources.models.identity import captioner_identity


def generated(model: Any, images: Any, spec: Any, most: int = MOST_TOKENS) -> Any:
    import torch

    pixels = normalised(images, spec, model.dtype)
    with torch.inference_mode():
        return model.generate(pixel_values=pixels, max_new_tokens=most, do_sample=False, num_beams=1)


def said(model: Any, images: Any, spec: Any, most: int = MOST_TOKENS) -> Any:
    """What fixed shapes say, checked to be padded to the end and cut where `generate` stops."""
    import torch

    captions = BlipCaptions.of(model, (spec.mean, spec.std), most)
    assert captions is not None
    with torch.inference_mode():
        tokens = captions(images)
    assert tokens.shape == (len(images), 1 + most)
    return tokens


def assert_same(tokens: Any, theirs: Any, pad: int) -> None:
    import torch

    assert torch.equal(tokens[:, : theirs.shape[1]], theirs)
    assert (tokens[:, theirs.shape[1] :] == pad).all()


@pytest.mark.parametrize("seed", range(8))
def test_tokens_are_those_of_generate(tmp_path: Path, seed: int) -> None:
    import torch

    model = write_tiny_blip(tmp_path / "tiny", seed=seed)
    spec = captioner_identity("tiny", tmp_path / "tiny").input_spec
    images = torch.from_numpy(random_images(12, 32, seed))
    assert_same(said(model, images, spec), generated(model, images, spec), 0)


def test_captions_that_end_at_different_lengths_are_padded(tmp_path: Path) -> None:
    """Small random models hardly end: here the end of a sentence is made likely, and comes where the picture says."""
    import torch

    model = write_tiny_blip(tmp_path / "tiny", seed=3)
    spec = captioner_identity("tiny", tmp_path / "tiny").input_spec
    torch.manual_seed(3)
    for parameter in model.text_decoder.parameters():
        parameter.data.mul_(6)
    images = torch.from_numpy(random_images(40, 32))
    lengths: set[int] = set()
    for push in (0.0, 1.0, 2.0, 4.0, 8.0, 60.0):
        model.text_decoder.cls.predictions.decoder.bias.data[3] = push
        theirs = generated(model, images, spec)
        assert_same(said(model, images, spec), theirs, 0)
        lengths |= set((theirs != 0).sum(dim=1).tolist())
    assert len(lengths) > 2, lengths


def test_first_word_may_be_the_last(tmp_path: Path) -> None:
    import torch

    model = write_tiny_blip(tmp_path / "tiny")
    spec = captioner_identity("tiny", tmp_path / "tiny").input_spec
    model.text_decoder.cls.predictions.decoder.bias.data[3] = 1000
    tokens = said(model, torch.from_numpy(random_images(2, 32)), spec)
    assert tokens.tolist() == [[2, 3] + [0] * (MOST_TOKENS - 1)] * 2


def test_settings_that_change_what_is_said_are_left_to_generate(tmp_path: Path) -> None:
    model = write_tiny_blip(tmp_path / "tiny")
    spec = captioner_identity("tiny", tmp_path / "tiny").input_spec
    normalisation = (spec.mean, spec.std)
    model.text_decoder.generation_config.repetition_penalty = 1.5
    assert BlipCaptions.of(model, normalisation, MOST_TOKENS) is None
    model.text_decoder.generation_config.repetition_penalty = 1.0
    assert BlipCaptions.of(model, normalisation, MOST_TOKENS) is not None
    # More places than the model has.
    assert BlipCaptions.of(model, normalisation, 32) is None
    assert BlipCaptions.of(model.vision_model, normalisation, MOST_TOKENS) is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_full_size_says_the_same(tmp_path: Path, model_weights: Any) -> None:
    import numpy as np
    import torch

    model = model_weights.write_blip("blip-base", tmp_path / "blip-base")
    spec = captioner_identity("blip-base", tmp_path / "blip-base").input_spec
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 384, 384, 3), dtype=np.uint8))
    assert_same(said(model, images, spec), generated(model, images, spec), 0)
