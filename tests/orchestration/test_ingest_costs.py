"""What an ingest costs in counts that no machine changes, told by itself and by a witness in each of its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestration.instance import dagster_instance
from resources.home import Home, disk_bytes

Draw = Callable[..., list[Path]]

# Python runs this at the start of the command and of each decode worker: it notes what is opened among the photos.
_WITNESS = """
import os, sys
_photos, _notes = os.environ["WITNESS_PHOTOS"], os.environ["WITNESS_NOTES"]
_open = os.open(_notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def _note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.fsdecode(arguments[0])
        if path.startswith(_photos + os.sep):
            os.write(_open, (path + "\\n").encode())
sys.addaudithook(_note)
"""


@dataclass(frozen=True)
class Ingested:
    """What `loupe ingest --json` said, and how often each original was opened, by name."""

    said: dict[str, Any]
    opened: Counter[str]


@dataclass(frozen=True)
class Place:
    photos: Path
    home: Path

    def ingest(self) -> Ingested:
        around = self.home.parent
        (around / "witness").mkdir(exist_ok=True)
        (around / "witness" / "sitecustomize.py").write_text(_WITNESS)
        notes = around / "opened.txt"
        notes.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "ingest", self.photos, "--json"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(around / "witness"), *filter(None, sys.path)]),
                "WITNESS_PHOTOS": str(self.photos),
                "WITNESS_NOTES": str(notes),
                "LOUPE_HOME": str(self.home),
                "LOUPE_MODEL": "demo-postcards",
                "LOUPE_CAPTIONS": "off",
                "LOUPE_DEVICE": "cpu",
                "LOUPE_DECODE_WORKERS": "2",
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        opened = Counter(Path(line).name for line in notes.read_text().splitlines())
        return Ingested(json.loads(done.stdout), opened)

    def events(self) -> list[int]:
        """Rows of Dagster's event log, by run."""
        with dagster_instance(Home(self.home)) as instance:
            return [len(instance.all_logs(run.run_id)) for run in instance.get_runs()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "photos", tmp_path / "home")


def test_each_original_is_opened_once_and_by_a_known_library_never(place: Place, draw_photos: Draw) -> None:
    originals = draw_photos(place.photos, 7)
    first = place.ingest()
    assert first.opened == Counter({path.name: 1 for path in originals})
    assert first.said["bytes_read"] == sum(path.stat().st_size for path in originals)
    done = {name: first.said[name] for name in ("files_read", "decoded", "embedded", "embedding_model_images")}
    assert done == dict.fromkeys(done, 7)
    again = place.ingest()
    assert again.opened == Counter()
    assert (again.said["runs"], again.said["embedding_model_images"]) == (0, 0)
    assert len(place.events()) == 1, "nothing to do is no run"
    assert again.said["seconds"] < first.said["seconds"] / 2, "the model, the workers and a run are not begun"


def test_what_a_run_writes_to_dagster_does_not_grow_with_its_photos(
    place: Place, tmp_path: Path, draw_photos: Draw
) -> None:
    few = Place(tmp_path / "few", tmp_path / "home of few")
    draw_photos(few.photos, 2)
    draw_photos(place.photos, 24)
    few.ingest()
    many = place.ingest()
    assert many.said["decoded"] == 24
    assert place.events() == few.events()


def test_the_home_keeps_one_preview_and_one_thumbnail_of_a_photo(place: Place, draw_photos: Draw) -> None:
    """And no more beside them for a photo than its rows, vector and point, which start from some megabytes."""
    draw_photos(place.photos, 9)
    place.ingest()
    home = Home(place.home)
    for folder in (home.previews, home.thumbnails):
        pictures = [path for path in folder.rglob("*") if path.is_file()]
        assert len(pictures) == 9
        assert all(path.suffix == ".jpg" for path in pictures)
    assert disk_bytes(home.previews) <= 9 * 200_000, "more than `loupe up` promises"
