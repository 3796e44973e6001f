"""Photos into a library, from files to vectors, previews and thumbnails, beside tools that index folders.

Loupe's figures are of the plain photo stream in a fresh process (`stream_run.py`); models of full size with random
weights.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
from made_photos import make
from random_models import random_model, random_models
from results import LIMIT, LOUPE, Figure

_CLIP, _BLIP = "clip-b32-laion2b", "blip-base"
_FIRST, _JPEGS, _DNGS = 4, 100, 25
_STREAM = Path(__file__).parents[1] / "stream_run.py"


def measured() -> Iterator[Figure]:
    models = random_models(_CLIP, _BLIP)
    with tempfile.TemporaryDirectory(prefix="loupe-bench-") as folder:
        place = Path(folder)
        yield from _jpegs(place, models)
        yield from _raw(place, models)


def _jpegs(place: Path, models: Path) -> Iterator[Figure]:
    first = make("JPEG", place / "first", _FIRST, 12, first=1000)
    photos = make("JPEG", place / "jpeg", _JPEGS, 12)
    what = f"{_JPEGS} JPEG of 12 MP, models loaded"
    found = _stream(place, models, "off", first, photos)
    yield from _loupe(what, found, _JPEGS, "photos/s")
    for name, script, arguments in (
        ("open_clip and DataLoader", "open_clip_loader", ["32", "2"]),
        ("clip-retrieval", "clip_retrieval", []),
        ("rclip", "rclip", []),
        ("sentence-transformers", "sentence_transformers_clip", []),
    ):
        if not (peers.PEERS / f"{script}.py").exists():
            continue
        told = peers.run(script, str(random_model(_CLIP)), str(photos), *arguments)
        yield Figure(what, name, told["photos"] / told["seconds"], "photos/s", told.get("note", ""))
    shutil.rmtree(photos)


def _raw(place: Path, models: Path) -> Iterator[Figure]:
    first = make("DNG with previews", place / "first-raw", _FIRST, 24, first=1000)
    photos = make("DNG with previews", place / "raw", _DNGS, 24)
    for captions, said in (("off", "without captions"), ("now", "with captions")):
        what = f"{_DNGS} DNG of 24 MP with a camera's previews, {said}"
        yield from _loupe(f"{what}, models loaded", _stream(place, models, captions, first, photos), _DNGS, "s")
        cold = _stream(place, models, captions, photos)["runs"][0]["whole_seconds"]
        yield Figure(f"{what}, from the start of the process", LOUPE, cold, "s")


def _loupe(what: str, found: dict[str, Any], count: int, unit: str) -> Iterator[Figure]:
    """What the stream took for its last folder, and what its stages take one after the other on their own."""
    run, stages = found["runs"][-1], found["stages"]
    alone = sum(stages.values())
    told = ", ".join(f"{name} {seconds / alone:.0%}" for name, seconds in stages.items())
    slowest = max(stages.values())
    yield Figure(
        what,
        LOUPE,
        count / run["seconds"] if unit == "photos/s" else run["seconds"],
        unit,
        f"{found['dtype']}; each original read {run['read_ratio']:.2f} times; {run['seconds'] / slowest:.2f} times as "
        "long as the slowest stage alone",
    )
    note = f"the stages alone, one after the other on the same cores: {told}"
    yield Figure(what, LIMIT, count / alone if unit == "photos/s" else alone, unit, note)


def _stream(place: Path, models: Path, captions: str, *folders: Path) -> dict[str, Any]:
    homes = [place / "home", place / "home-decoding"]
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        (home / "models").symlink_to(models)
    done = subprocess.run(
        [sys.executable, _STREAM, str(homes[0]), _CLIP, _BLIP, captions, *map(str, folders)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
