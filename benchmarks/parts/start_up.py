"""Commands, `loupe up` and a decode worker, from a fresh process to what one waits for.

Each is started anew several times, in turn with the others, over a library of 40 drawn photos with the demo's model;
the median counts. The limit of a command is a fresh Python that imports nothing but the libraries which the command's
answer is made by, so it is no answer yet: what Loupe's own modules cost comes on top.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from results import LIMIT, LOUPE, Figure

_ROUNDS = 5
_ROUNDS_OF_UP = 3
_PHOTOS = 40
_ROOT = Path(__file__).parents[2]
_CLI = ("-m", "orchestration.cli")
# What reads settings, whatever else is done.
_SETTINGS = "typer, pydantic_settings"


@dataclass(frozen=True)
class Took:
    """Wall and processor seconds of one start."""

    wall: float
    cpu: float


def measured() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as place:
        environment = _library(Path(place))
        alone = {
            "loupe --help": ([*_CLI, "--help"], "typer"),
            "loupe status": ([*_CLI, "status"], f"{_SETTINGS}, duckdb"),
            "loupe search, words alone": (
                [*_CLI, "search", "boat", "--mode", "words"],
                f"{_SETTINGS}, duckdb, numpy, qdrant_edge",
            ),
            "loupe search, with the model": (
                [*_CLI, "search", "boat"],
                f"{_SETTINGS}, duckdb, numpy, qdrant_edge, open_clip",
            ),
            "a decode worker's imports": (
                ["-c", "import resources.engine.decode_worker"],
                "numpy, PIL.Image, pillow_heif",
            ),
            "import search_api.main": (
                ["-c", "import search_api.main"],
                "fastapi, pydantic_settings, duckdb, qdrant_edge",
            ),
            "import orchestration.definitions": (
                ["-c", "import orchestration.definitions"],
                "dagster, pydantic_settings, duckdb",
            ),
        }
        yield from _compared(alone, environment)
        with _up(environment) as (url, _, _):
            _answer(f"{url}/api/v1/search", {"q": "boat"}, lambda found: found["mode"] != "words")
            asking = {
                "loupe search, API running": ([*_CLI, "search", "boat"], f"{_SETTINGS}, httpx"),
                "loupe status, API running": ([*_CLI, "status"], f"{_SETTINGS}, httpx, duckdb"),
            }
            yield from _compared(asking, environment)
        yield from _first_answers(environment)


def _library(place: Path) -> dict[str, str]:
    """The environment of a home with drawn photos taken in."""
    photos = place / "Photos"
    photos.mkdir()
    rng = np.random.default_rng(7)
    for number in range(_PHOTOS):
        small = rng.integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(small).resize((1600, 1200), Image.Resampling.BICUBIC).save(photos / f"boat {number}.jpg")
    environment = {
        # As installed programs run: from bytecode, which the first round leaves where it is not there.
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": str(_ROOT),
        "LOUPE_HOME": str(place / "home"),
        "LOUPE_MODEL": "demo-postcards",
        "LOUPE_CAPTIONS": "off",
        "LOUPE_DEVICE": "cpu",
    }
    subprocess.run([sys.executable, *_CLI, "ingest", photos], env=environment, check=True, stdout=sys.stderr)
    return environment


def _compared(commands: Mapping[str, tuple[list[str], str]], environment: Mapping[str, str]) -> Iterable[Figure]:
    runs = {(what, LOUPE): command for what, (command, _) in commands.items()}
    runs |= {(what, LIMIT): ["-c", f"import {libraries}"] for what, (_, libraries) in commands.items()}
    took = {key: [] for key in runs}
    for counts in (False, *[True] * _ROUNDS):  # the first finds the files on the disk
        for key, command in runs.items():
            found = _started(command, environment)
            if counts:
                took[key].append(found)
    for (what, who), found in took.items():
        cpu = statistics.median(each.cpu for each in found)
        note = f"{cpu:.2f} s of processor time"
        if who == LIMIT:
            note += f"; a fresh Python that imports {commands[what][1]}"
        yield Figure(what, who, statistics.median(each.wall for each in found), "s", note)


def _started(command: list[str], environment: Mapping[str, str]) -> Took:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", *command], env=environment, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _first_answers(environment: Mapping[str, str]) -> Iterable[Figure]:
    """From `loupe up` to the page, to an answer by words, and to one by the model."""
    waits: dict[str, list[float]] = {}
    for _ in range(_ROUNDS_OF_UP):
        with _up(environment) as (url, began, process):
            for what, until in (
                ("loupe up until the page is served", lambda: _page(url)),
                (
                    "loupe up until a search by words is answered",
                    lambda: _answer(
                        f"{url}/api/v1/search", {"q": "boat", "mode": "words"}, lambda found: found["hits"]
                    ),
                ),
                (
                    "loupe up until a search by the model is answered",
                    lambda: _answer(
                        f"{url}/api/v1/search", {"q": "boat", "mode": "meaning"}, lambda found: found["hits"]
                    ),
                ),
            ):
                until()
                assert process.poll() is None
                waits.setdefault(what, []).append(time.perf_counter() - began)
    for what, found in waits.items():
        yield Figure(what, LOUPE, statistics.median(found), "s")


@contextmanager
def _up(environment: Mapping[str, str]):
    """`loupe up`: its address, when it was started, its process."""
    page, dagster = (str(_free_port()) for _ in range(2))
    command = [sys.executable, *_CLI, "up", "--port", page, "--dagster-port", dagster]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{page}"
    try:
        yield url, began, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _page(url: str) -> None:
    _until(lambda: urllib.request.urlopen(url, timeout=5).status == 200)


def _answer(url: str, asked: object, holds: Callable[[dict], object]) -> None:
    request = urllib.request.Request(url, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    _until(lambda: holds(json.load(urllib.request.urlopen(request, timeout=30))))


def _until(holds: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            if holds():
                return
        time.sleep(0.02)
    raise TimeoutError("no answer")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
