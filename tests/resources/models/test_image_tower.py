"""Rewritten image towers answer what the libraries' own do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import write_tiny_clip

from resources.models.image_tower import for_inference


def tokens_through(layer: torch.nn.Module) -> list[int]:
    """Filled with the number of tokens of each call."""
    seen: list[int] = []
    layer.register_forward_hook(lambda _module, given, _answer: seen.append(given[0].shape[1]))
    return seen


def test_clip_answers_the_same_and_ends_with_one_token(tmp_path: Path) -> None:
    model = write_tiny_clip(tmp_path / "clip")
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        theirs = model.encode_image(images)
        for_inference(model.visual)
        blocks = model.visual.transformer.resblocks
        first, last = tokens_through(blocks[0].mlp), tokens_through(blocks[-1].mlp)
        torch.testing.assert_close(model.encode_image(images), theirs, rtol=1e-5, atol=1e-6)
    assert (first, last) == ([17], [1])


@pytest.mark.parametrize("change", [{"pool_type": "avg"}, {"output_tokens": True}])
def test_a_tower_whose_tokens_are_all_asked_for_keeps_them(tmp_path: Path, change: dict[str, Any]) -> None:
    visual = write_tiny_clip(tmp_path / "clip").visual
    for name, value in change.items():
        setattr(visual, name, value)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        theirs = visual(images)
        answer = for_inference(visual)(images)
    torch.testing.assert_close(answer, theirs, rtol=1e-5, atol=1e-6)


def test_other_towers_stay_as_they_are() -> None:
    other = torch.nn.Sequential(torch.nn.Linear(4, 4))
    assert for_inference(other) is other
    assert type(other[0]) is torch.nn.Linear
