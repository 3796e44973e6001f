"""Stacks of real files: the demo library's bursts and copies, taken in by the real stream, against what is true."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from shelf import ALL_STAGES, InProcessEngine, Shelf

from demo.library import TRIPS, _write_drawn, make_library, plan_library
from resources.settings import Settings

_SEED, _EDGE = 7, 384
_CAMERAS = ("nikon", "pixel", "iphone")


@pytest.fixture(scope="module")
def demo_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Trips with a DSLR, an Android phone and an iPhone; to one RAW its JPEG, to one HEIC its video."""
    folder = tmp_path_factory.mktemp("demo")
    trips = [next(trip for trip in TRIPS if trip.camera == camera) for camera in _CAMERAS]
    photos = plan_library(_SEED, trips=trips, long_edge=_EDGE)
    make_library(folder / "Photos", _SEED, trips=trips, long_edge=_EDGE)
    raw = next(photo for photo in photos if photo.format == "DNG")
    _write_drawn((replace(raw, path=raw.path.replace(".dng", ".jpg"), format="JPEG"), folder / "Photos"))
    heic = next(photo for photo in photos if photo.format == "HEIC")
    (folder / "Photos" / heic.path).with_suffix(".MOV").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(1000))
    settings = Settings(home=folder / "home")
    shelf = Shelf(settings, folder / "Photos", InProcessEngine(settings))
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    return shelf


def stacks(shelf: Shelf) -> dict[frozenset[str], str]:
    """Kind of each stack by its files."""
    found: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, str] = {}
    for row in shelf.rows("SELECT s.stack_id, s.kind, f.rel_path FROM stacks s JOIN files f USING (photo_id)"):
        found[row["stack_id"]].add(row["rel_path"])
        kinds[row["stack_id"]] = row["kind"]
    return {frozenset(files): kinds[stack_id] for stack_id, files in found.items()}


def test_what_belongs_together_and_nothing_else(demo_shelf: Shelf) -> None:
    with demo_shelf.photos.with_name("truth.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    copies: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["kind"] == "exact_copy":
            copies[row["group"]].add(row["path"])
    expected: dict[frozenset[str], str] = {}
    bursts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["kind"] == "burst":
            bursts[row["group"]].add(row["path"])
        elif row["kind"] == "reencoded_copy":
            expected[frozenset({row["path"], row["group"], *copies[row["group"]]})] = "edit"
    expected |= {frozenset(files): "burst" for files in bursts.values()}
    raw = next(row["path"] for row in rows if row["format"] == "DNG")
    expected[frozenset({raw, raw.replace(".dng", ".jpg")})] = "raw_jpeg"
    assert len(bursts) >= 3
    assert stacks(demo_shelf) == expected


def test_captions_are_made_for_covers_and_photos_that_stand_alone(demo_shelf: Shelf) -> None:
    rows = demo_shelf.rows(
        """SELECT v.pixel_hash, coalesce(s.is_cover, true) AS shown,
            v.pixel_hash IN (SELECT pixel_hash FROM captions) AS captioned
        FROM photos p JOIN previews v USING (sha256, page) LEFT JOIN stacks s USING (photo_id)"""
    )
    shown = {row["pixel_hash"] for row in rows if row["shown"]}
    assert {row["pixel_hash"] for row in rows if row["captioned"]} == shown
    assert len({row["pixel_hash"] for row in rows}) > len(shown)


def test_a_video_beside_a_photo_is_its_motion(demo_shelf: Shelf) -> None:
    rows = demo_shelf.rows(
        """SELECT f.rel_path, p.motion, o.rel_path AS photo FROM files f JOIN photos p ON p.photo_id = f.motion_of
        JOIN files o ON o.photo_id = p.photo_id WHERE f.skip_reason = 'video'"""
    )
    assert [(Path(row["rel_path"]).stem, row["motion"]) for row in rows] == [(Path(rows[0]["photo"]).stem, True)]


def test_a_folder_that_moves_keeps_its_stacks(demo_shelf: Shelf, tmp_path: Path) -> None:
    before = stacks(demo_shelf)
    trip = next(folder for folder in sorted(demo_shelf.photos.iterdir()) if folder.name.startswith("20"))
    shutil.move(trip, trip.with_name("moved"))
    try:
        demo_shelf.take_in()
        demo_shelf.take_in()
        named = {
            frozenset(path.replace("moved/", f"{trip.name}/") for path in files if not path.startswith(f"{trip.name}/"))
            for files in stacks(demo_shelf)
        }
        assert named == set(before)
    finally:
        shutil.move(trip.with_name("moved"), trip)
        demo_shelf.take_in()
