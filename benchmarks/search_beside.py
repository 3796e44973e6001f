"""How fast the search API answers while photos are taken in, and while its index is compacted.

    python -m benchmarks.search_beside --photos 100000 --homes DIR

Works on a copy of the home that `search_latency.py` builds in DIR. The photos that come are JPEGs of 12 megapixels,
drawn before. Two processes share the machine with the API then: this one, and the one that works. Prints Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import search_latency
from benchmarks.search_latency import Api

ASKED = ("like a photo, 20 a page", "words alone, two", "browse, newest first")


def draw_photos(folder: Path, count: int) -> None:
    """JPEGs of 12 megapixels with the grain of a photo, each other pixels."""
    folder.mkdir()
    rng = np.random.default_rng(search_latency.SEED)
    for number in range(count):
        coarse = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((4000, 3000), Image.Resampling.BICUBIC)
        picture.save(folder / f"new_{number:05}.jpg", quality=88)


def loupe(home: Path, *words: str) -> subprocess.Popen[bytes]:
    given = search_latency.settings_of(home).model_dump(include={"home", "model", "captions", "device"})
    environment = {f"LOUPE_{name.upper()}": str(value) for name, value in given.items()}
    environment["LOUPE_COMPACT_PHOTOS"] = "1000000000"
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", *words],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )


def ask_for(
    asks: dict[str, Callable[[int], object]], goes_on: Callable[[], bool], at_most_s: float = 600.0
) -> dict[str, list[float]]:
    """Milliseconds of each question, in turn, for as long as it goes on."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    began = time.monotonic()
    for number in itertools.count():
        if not goes_on() or time.monotonic() - began > at_most_s:
            return taken
        for name, ask in asks.items():
            started = time.perf_counter()
            ask(number)
            taken[name].append((time.perf_counter() - started) * 1000)
    raise AssertionError


def told(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    at = [ordered[min(len(ordered) - 1, int(part * len(ordered)))] for part in (0.95, 0.99)]
    return f"{statistics.median(ordered):.1f} / {at[0]:.1f} / {at[1]:.1f} / {ordered[-1]:.0f} ({len(ordered)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=200, help="Photos that are taken in.")
    parser.add_argument("--homes", type=Path, required=True, help="Where homes are built and stay.")
    parser.add_argument("--alone-s", type=float, default=20.0)
    parser.add_argument("--port", type=int, default=8766)
    given = parser.parse_args()
    built = given.homes / str(given.photos)
    search_latency.build(built, given.photos, graph=False)
    columns: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(dir=given.homes) as folder:
        home, photos = Path(folder, "home"), Path(folder, "photos")
        shutil.copytree(built, home)
        draw_photos(photos, given.new)
        with Api(home, given.port) as api:
            asks = {name: ask for name, ask in search_latency.questions(api, home) if name in ASKED}
            ask_for(asks, lambda: True, 3.0)
            columns["alone"] = ask_for(asks, lambda: True, given.alone_s)
            for name, words in (("taking photos in", ("ingest", str(photos))), ("compacting", ("index", "compact"))):
                beside = loupe(home, *words)
                columns[name] = ask_for(asks, lambda process=beside: process.poll() is None)  # type: ignore[misc]
                if beside.wait():
                    raise SystemExit(f"loupe {words[0]} ended with {beside.returncode}")
    print(f"{given.photos:,} photos; milliseconds, p50 / p95 / p99 / longest (questions).\n")
    print("| | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in ASKED:
        print(f"| {name} | " + " | ".join(told(column[name]) for column in columns.values()) + " |")


if __name__ == "__main__":
    main()
