"""A clock that is set back, or ahead and back again: nothing waits for ever, nothing is forgotten early or lost.

A battery that died, a journey, a wrong year typed in. Times that only show when something was done are left as they
were; those that decide something are held here.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import psutil
import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import ALL_STAGES, Shelf

from orchestration.sensors import Asked, next_request
from resources.home import process_lives, this_process
from resources.imaging import DECODER_VERSION
from resources.inventory import MASS_VANISH_FILES
from resources.manifest import files, given_ratings, jobs, photos, written_captions
from resources.photo_description import date_in_name
from resources.purge import purge


class Clock:
    """The time of day that Loupe is told; moved by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self, zone: tzinfo | None = None) -> datetime:
        return datetime.now(zone) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("resources.clock.datetime", clock)
    return clock


YEAR, DAY = timedelta(days=365), timedelta(days=1)


def work_of(shelf: Shelf) -> None:
    """A run on this day, as the schedules ask for."""
    with shelf.library.manifest.write() as tx:
        run = f"run {tx.value('SELECT count(*) FROM jobs')}"
        jobs.start(tx, run, "reconcile", None)
        jobs.finish(tx, run, "done")


def test_files_of_the_future_are_taken_in_once_and_first(shelf: Shelf, clock: Clock) -> None:
    draw_photos(shelf.photos, ["old.png", "new.png", "from 2099.png"])
    for name, when in (("old.png", -YEAR), ("new.png", -DAY), ("from 2099.png", 73 * YEAR)):
        at = (datetime.now() + when).timestamp()
        os.utime(shelf.photos / name, (at, at))
    shelf.watch()
    shelf.inventory()
    with shelf.library.manifest.read() as tx:
        order = [file.rel_path for file in files.pending(tx, DECODER_VERSION, 10)]
    assert order == ["from 2099.png", "new.png", "old.png"]
    assert shelf.stream().left == 0
    for step in (-YEAR, 2 * YEAR, -YEAR):
        clock.ahead += step
        counts = shelf.take_in(stages=ALL_STAGES)
        assert (counts.files_read, counts.embedding_model_images, counts.left) == (0, 0, 0)


def test_a_date_in_a_name_is_believed_by_a_clock_without_a_battery(clock: Clock) -> None:
    clock.ahead = -40 * YEAR
    assert date_in_name("IMG_20250305_123456.jpg")[0] == datetime(2025, 3, 5, 12, 34, 56)
    assert date_in_name("IMG_20990305_123456.jpg") == (None, None)


def test_a_failure_of_the_future_is_tried_again(shelf: Shelf, clock: Clock) -> None:
    """It was noted while the clock was a year ahead; its ten minutes would have lasted a year."""
    picture = draw_photo(shelf.photos / "a.jpg", 1)
    draw_photo(shelf.photos / "b.jpg", 2)
    shelf.watch()
    shelf.inventory()
    clock.ahead = YEAR
    hidden = picture.rename(shelf.photos.parent / "elsewhere.jpg")
    shelf.stream()
    assert shelf.failures() == {"a.jpg": "FILE_VANISHED"}
    hidden.rename(picture)
    assert shelf.stream().files_read == 0, "not at once"
    clock.ahead = timedelta()
    assert shelf.stream().files_read == 1
    assert shelf.failures() == {}


def test_the_sensor_asks_again_after_the_clock_was_set_back() -> None:
    asked = next_request(Asked(), "work", 1_900_000_000.0)
    assert asked is not None
    assert next_request(asked, "work", 1_900_000_001.0) is None
    assert next_request(asked, "work", 1_800_000_000.0) is not None


def test_losses_of_the_future_are_not_added_to_one_of_today(shelf: Shelf, clock: Clock) -> None:
    """A handful is believed, however many went while the clock was ahead."""
    draw_photos(shelf.photos, 4 * MASS_VANISH_FILES)
    shelf.watch()
    shelf.take_in()
    clock.ahead = YEAR
    _delete(shelf.photos, MASS_VANISH_FILES - 1)
    assert shelf.inventory().changes.gone == MASS_VANISH_FILES - 1
    clock.ahead = timedelta()
    _delete(shelf.photos, 5)
    report = shelf.inventory()
    assert (report.changes.gone, report.vanished) == (5, {})


def _delete(folder: Path, count: int) -> None:
    for path in sorted(folder.iterdir())[:count]:
        path.unlink()


def test_a_clock_that_jumps_ahead_forgets_no_missing_photo(shelf: Shelf, clock: Clock) -> None:
    """Thirty days must have gone by while Loupe looked on, not between two looks."""
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    (shelf.photos / "photo0000.jpg").unlink()
    shelf.inventory()

    def forgotten() -> int:
        work_of(shelf)
        return purge(shelf.library.manifest, shelf.library.store, 30).photos

    assert forgotten() == 0
    clock.ahead = YEAR
    assert forgotten() == 0
    clock.ahead = timedelta(hours=2)
    assert forgotten() == 0
    clock.ahead = -YEAR
    assert forgotten() == 0
    for week in range(1, 6):
        clock.ahead = timedelta(weeks=week)
        assert forgotten() == (week == 5)
    assert shelf.value("SELECT count(*) FROM photos") == 2


def test_what_goes_while_the_clock_is_behind_is_not_forgotten_early(shelf: Shelf, clock: Clock) -> None:
    """A machine that starts in the past until it has asked for the time."""
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    work_of(shelf)
    clock.ahead = -YEAR
    (shelf.photos / "photo0000.jpg").unlink()
    shelf.inventory()
    for week in (1, 2):
        clock.ahead = timedelta(weeks=week)
        work_of(shelf)
        purged = purge(shelf.library.manifest, shelf.library.store, 30)
        assert (purged.files, purged.photos) == (0, 0)


def test_what_a_person_says_after_the_clock_was_set_back_counts(shelf: Shelf, clock: Clock) -> None:
    draw_photos(shelf.photos, 1)
    shelf.watch()
    shelf.take_in()
    photo_id = shelf.photo_id("photo0000.jpg")
    for ahead, words, stars in ((YEAR, "first", 1), (timedelta(), "second", 2), (-YEAR, "third", 3)):
        clock.ahead = ahead
        with shelf.library.manifest.write() as tx:
            assert written_captions.write(tx, {photo_id: words}) == 1
            assert given_ratings.give(tx, {photo_id: stars}) == 1
        with shelf.library.manifest.read() as tx:
            row = photos.get(tx, photo_id)
        assert row is not None
        assert (row["caption"], row["rating"]) == (words, stars)


def test_a_process_is_the_same_after_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a running Loupe would be taken for one that is gone, and its run for one that was killed."""
    said = this_process()
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: real(process) - 3600)
    assert process_lives(said)
    assert not process_lives({**said, "boot": "another"})
