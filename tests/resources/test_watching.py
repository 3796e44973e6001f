"""What the sensor asks on each tick: which folders changed and have settled, without touching files."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import Shelf

from resources.inventory import take_inventory
from resources.manifest import roots
from resources.watching import WatchMemory, WatchReport, look, notice


def tick(shelf: Shelf) -> WatchReport:
    return look(shelf.library.manifest)


def key(shelf: Shelf, folder: str) -> str:
    found = shelf.value("SELECT partition_key FROM folder_signatures WHERE rel_path = ?", [folder])
    assert isinstance(found, str)
    return found


def overwrite_in_place(path: Path) -> None:
    """As some editors save: the directory does not change."""
    with path.open("r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(b"\0\0")
    os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def settled(shelf: Shelf) -> Shelf:
    """Two folders, taken in."""
    draw_photos(shelf.photos, ["a/1.jpg", "b/2.jpg"])
    shelf.watch()
    shelf.take_in()
    return shelf


def test_new_folder_is_due_after_two_looks_that_agree(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a/1.jpg"])
    shelf.watch()
    first = tick(shelf)
    assert (first.due, first.settling) == ((), (key(shelf, "a"),))
    second = tick(shelf)
    assert (second.due, second.settling) == ((key(shelf, "a"),), ())


def test_what_is_noticed_can_be_inventoried_and_settles_no_sooner(settled: Shelf) -> None:
    with settled.library.manifest.read() as tx:
        [root] = roots.rows(tx)
    manifest = settled.library.manifest
    draw_photos(settled.photos, ["new/4.jpg"])
    notice(manifest, root, ["new"])
    assert take_inventory(manifest, [key(settled, "new")]).changes.new == 1
    draw_photos(settled.photos, ["a/3.jpg"])
    assert tick(settled).settling == (key(settled, "a"),)
    notice(manifest, root, ["a"])
    assert settled.value("SELECT stable_ticks FROM folder_signatures WHERE rel_path = 'a'") == 0


def test_copy_in_progress_is_left_alone_until_it_ends(settled: Shelf) -> None:
    for number in range(10, 13):
        draw_photo(settled.photos / "a" / f"{number}.jpg", number)
        report = tick(settled)
        assert (report.due, report.settling) == ((), (key(settled, "a"),))
    assert tick(settled).due == (key(settled, "a"),)


def test_without_settling_a_change_is_due_at_once(settled: Shelf) -> None:
    draw_photo(settled.photos / "a" / "9.jpg", 9)
    assert look(settled.library.manifest, settle=False).due == (key(settled, "a"),)


def test_nothing_changed_is_nothing_due_and_nothing_written(settled: Shelf) -> None:
    tick(settled)
    before = settled.rows("SELECT * EXCLUDE full_checked_at FROM folder_signatures ORDER BY partition_key")
    for _ in range(3):
        report = tick(settled)
        assert (report.due, report.settling, report.pending, report.offline_roots) == ((), (), (), ())
    assert settled.rows("SELECT * EXCLUDE full_checked_at FROM folder_signatures ORDER BY partition_key") == before


def test_file_overwritten_in_place_is_found_by_rotation(settled: Shelf) -> None:
    tick(settled)
    overwrite_in_place(settled.photos / "a" / "1.jpg")
    reports = [tick(settled) for _ in range(3)]
    assert any(report.due == (key(settled, "a"),) for report in reports)
    assert settled.take_in().decoded == 1
    assert tick(settled).due == ()


def seen_of_many(shelf: Shelf, *, ticks: int) -> int:
    """How many of seven folders that were overwritten in place some ticks find, with one memory."""
    draw_photos(shelf.photos, [f"{number}/a.jpg" for number in range(7)])
    shelf.watch()
    shelf.take_in()
    for number in range(7):
        overwrite_in_place(shelf.photos / str(number) / "a.jpg")
    memory, due = WatchMemory(), set[str]()
    for _ in range(ticks):
        # What is due is not inventoried here: it stays due, and is compared no more.
        due |= set(look(shelf.library.manifest, settle=False, memory=memory).due)
    return len(due)


def test_rotation_comes_round_to_every_folder(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """In as many ticks as it takes, however far these lie apart."""
    monkeypatch.setattr("resources.watching._ROTATION", 2)
    monkeypatch.setattr("resources.watching._FRESH", timedelta(0))
    assert seen_of_many(shelf, ticks=4) == 7


def test_rotation_goes_on_where_it_was_when_folders_come_and_go() -> None:
    memory = WatchMemory()
    first = list(memory.turn("root", list("acegi"), 2))
    second = list(memory.turn("root", list("abcdefghi"), 2))
    assert first[-1] < second[0] or first[-1] in "gi"
    seen = set(second)
    for _ in range(4):
        seen |= set(memory.turn("root", list("abcdefghi"), 2))
    assert seen == set("abcdefghi")
    assert list(memory.turn("other", ["z"], 2)) == ["z"]


def test_folders_that_were_just_inventoried_are_all_compared_again() -> None:
    """A file that was still being copied changes no directory when it is whole; many folders come at once."""
    memory = WatchMemory()
    folders = [f"{number:03}" for number in range(100)]
    for _ in range(2):
        for key in memory.fresh(dict.fromkeys(folders, True), 25):
            memory.compared(key, 0.0)
    later = set()
    for _ in range(4):
        owed = memory.fresh(dict.fromkeys(folders, False), 25)
        later |= set(owed)
        for key in owed:
            memory.compared(key, 0.0)
    assert later == set(folders)
    assert memory.fresh(dict.fromkeys(folders, False), 25) == []


def test_folders_that_are_there_come_before_those_that_are_gone(settled: Shelf) -> None:
    """What has vanished may have to wait for a person, and must not stand in front of what is new."""
    draw_photos(settled.photos, ["z/9.jpg"])
    shutil.rmtree(settled.photos / "a")
    gone = key(settled, "a")
    report = look(settled.library.manifest, settle=False)
    assert report.due == (key(settled, "z"), gone)


def test_removed_folder_is_due_once(settled: Shelf) -> None:
    gone = key(settled, "a")
    (settled.photos / "a" / "1.jpg").unlink()
    (settled.photos / "a").rmdir()
    tick(settled)
    report = tick(settled)
    assert report.due == (gone,)
    assert take_inventory(settled.library.manifest, report.due).changes.gone == 1
    assert tick(settled).due == ()
    assert tick(settled).due == ()


def test_folders_that_came_are_due_before_those_that_are_gone(settled: Shelf) -> None:
    """More can be due than a run takes, and what is missed in one folder may stand in another."""
    old, other = key(settled, "a"), key(settled, "b")
    (settled.photos / "a").rename(settled.photos / "z")
    draw_photo(settled.photos / "b" / "9.jpg", 9)
    due = look(settled.library.manifest, settle=False).due
    assert due == (key(settled, "z"), other, old)


def test_what_a_tick_writes_down_raises_no_question_anew(settled: Shelf) -> None:
    """Which files wait is a long question in a large library; only what somebody else wrote can change the answer."""
    manifest, memory = settled.library.manifest, WatchMemory()
    look(manifest, memory=memory)
    draw_photo(settled.photos / "b" / "9.jpg", 9)
    before = manifest.stamp()
    assert look(manifest, memory=memory).settling
    assert manifest.stamp() != before
    assert memory.answer(manifest, "pending files", lambda tx: ["asked"]) == []
    settled.inventory()
    assert memory.answer(manifest, "pending files", lambda tx: ["asked"]) == ["asked"]


def test_pending_folders_hold_files_that_wait(settled: Shelf) -> None:
    draw_photo(settled.photos / "b" / "9.jpg", 9)
    settled.inventory()
    assert tick(settled).pending == (key(settled, "b"),)
    settled.stream()
    assert tick(settled).pending == ()


def test_root_that_is_away_is_offline_and_due_for_nothing(settled: Shelf, tmp_path: Path) -> None:
    woken = settled.library.home.outbox_wake
    settled.photos.rename(tmp_path / "away")
    woken.unlink(missing_ok=True)
    report = tick(settled)
    assert woken.exists(), "search shows it"
    assert report.offline_roots == (str(settled.photos),)
    assert (report.known, report.due, report.pending) == ((), (), ())
    assert settled.value("SELECT state FROM roots") == "offline"
    woken.unlink()
    (tmp_path / "away").rename(settled.photos)
    report = tick(settled)
    assert (report.offline_roots, report.due) == ((), ())
    assert settled.value("SELECT state FROM roots") == "online"
    assert woken.exists()


def test_fingerprint_names_the_due_work(settled: Shelf) -> None:
    idle = tick(settled).fingerprint
    draw_photo(settled.photos / "a" / "8.jpg", 8)
    tick(settled)
    first = tick(settled).fingerprint
    assert tick(settled).fingerprint == first != idle, "the same work has the same name"
    draw_photo(settled.photos / "a" / "9.jpg", 9)
    tick(settled)
    assert tick(settled).fingerprint not in (first, idle)
