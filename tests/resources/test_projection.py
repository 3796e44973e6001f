"""The similarity map: always in a process of its own, always within -1..1."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from resources.errors import LoupeError
from resources.projection import project


def clusters(count: int, groups: int = 3, dim: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around well-separated centres, and which centre each belongs to."""
    noise = np.random.default_rng(7)
    label = np.arange(count) % groups
    vectors = np.eye(dim)[label] + noise.normal(0, 0.05, (count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), label


@pytest.mark.parametrize("count", [0, 1, 2, 3, 15])
def test_few_photos_have_places_too(tmp_path: Path, count: int) -> None:
    places = project(clusters(count)[0], tmp_path)
    assert (places.shape, places.dtype) == ((count, 2), np.float32)
    assert np.isfinite(places).all()
    assert np.abs(places).max(initial=0.0) <= 1.0 + 1e-6


def test_equal_photos_share_a_place(tmp_path: Path) -> None:
    places = project(np.tile(clusters(1)[0], (5, 1)), tmp_path)
    assert np.isfinite(places).all()
    assert np.ptp(places, axis=0).max() < 1e-6


@pytest.mark.slow
def test_like_photos_lie_together_and_this_process_never_loads_umap(tmp_path: Path) -> None:
    vectors, label = clusters(60)
    places = project(vectors, tmp_path / "cache")
    assert places.shape == (60, 2)
    assert np.abs(places).max() == pytest.approx(1.0, abs=1e-5)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(axis=1)] == label).mean() == 1.0
    assert "umap" not in sys.modules
    assert "numba" not in sys.modules


def test_process_that_fails_is_an_error_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho 'out of memory' >&2\nexit 3\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with pytest.raises(LoupeError) as caught:
        project(clusters(20)[0], tmp_path)
    assert caught.value.code == "JOB_FAILED"
    assert "out of memory" in caught.value.message
