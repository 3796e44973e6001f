"""Some hundred photos among which every known way of being broken stands: one ingest, everything explained."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ordinary_user import as_ordinary_user

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from rough_files import Placed, ways
from rough_library import Ingest, fates, make_library, table, take_in, unexplained, unlock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FILES, PHOTOS_A_RUN = 320, 60


@dataclass(frozen=True)
class Rough:
    """The library, and what an ingest made of it."""

    photos: Path
    home: Path
    placed: list[Placed]
    first: Ingest
    found: dict[bytes, str]


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rough]:
    as_ordinary_user(lambda: None)  # skips where the superuser's rights cannot be given up
    place = tmp_path_factory.mktemp("rough")
    try:
        placed = make_library(place / "photos", FILES, seed=3, broken_share=0.18)
        first = take_in(place / "home", place / "photos", run_photos=str(PHOTOS_A_RUN), decode_workers="2")
        assert first.faults() == []
        yield Rough(place / "photos", place / "home", placed, first, fates(place / "home", placed))
    finally:
        unlock(place)


def test_every_good_photo_is_in_and_every_broken_one_explained(rough: Rough) -> None:
    assert unexplained(rough.placed, rough.found) == [], table(rough.placed, rough.found)
    assert {each.way for each in rough.placed} == {"", *(way.name for way in ways())}
    good = [each for each in rough.placed if not each.way]
    assert len(good) > 200
    assert {rough.found[each.path] for each in good} == {"in"}


def test_it_takes_several_runs_in_which_every_file_is_read_once(rough: Rough) -> None:
    counts = rough.first.counts
    assert counts["runs"] >= 4
    refused_unread = sum(
        rough.found[each.path] in ("EMPTY_FILE", "FILE_UNREADABLE") or each.way.startswith("5 GB")
        for each in rough.placed
    )
    assert counts["files_read"] == counts["files"] - counts["skipped"] - refused_unread


def test_memory_does_not_grow_with_the_library(rough: Rough) -> None:
    assert rough.first.own_growth() < 100e6, rough.first.curve()


def test_a_second_ingest_reads_nothing_and_changes_nothing(rough: Rough) -> None:
    """What may have passed is tried again: the photo that nobody may read still cannot be opened."""
    second = take_in(rough.home, rough.photos, decode_workers="2")
    assert second.faults() == []
    assert (second.counts["files_read"], second.counts["bytes_read"], second.counts["decoded"]) == (0, 0, 0)
    assert second.counts["failed"] == sum(fate == "FILE_UNREADABLE" for fate in rough.found.values())
    assert fates(rough.home, rough.placed) == rough.found
