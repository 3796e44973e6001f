"""Libraries for tests of jobs, sensors and commands: small drawn photos, the demo's model, a home of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from demo.postcards import draw_postcards
from orchestration.instance import dagster_instance
from resources.library import Library
from resources.settings import Settings


@pytest.fixture
def draw_photos() -> Callable[..., list[Path]]:
    """`draw_photos(folder, count, seed)` writes small JPEG postcards with a camera's names."""

    def draw(folder: Path, count: int, seed: int = 1) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        cards = draw_postcards(seed, "evaluation")
        paths = []
        for number in range(count):
            path = folder / f"IMG_{seed:02d}{number:02d}.jpg"
            next(cards).draw(320, 240).save(path, "JPEG", quality=85)
            paths.append(path)
        return paths

    return draw


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home", model="demo-postcards", captions="off", decode_workers=1)


@pytest.fixture
def library(settings: Settings) -> Library:
    return Library(settings).open()


@pytest.fixture
def instance(library: Library) -> Iterator[dg.DagsterInstance]:
    with dagster_instance(library.home) as opened:
        yield opened
