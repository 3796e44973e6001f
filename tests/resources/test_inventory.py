"""Bringing the manifest up to the disk: what is new, changed, gone and back, and what is not believed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from drawn_photos import draw_photo, draw_photos, retouch
from ordinary_user import as_ordinary_user
from shelf import InProcessEngine, Shelf

from resources.errors import LoupeError
from resources.folder_scan import look_at
from resources.inventory import Loss, remove_root, take_inventory
from resources.manifest import files, roots
from resources.settings import Settings
from resources.watching import look


def changes(shelf: Shelf, **options: Any) -> dict[str, int]:
    """What an inventory changed, without the zeros and the unchanged."""
    found = vars(shelf.inventory(**options).changes)
    return {name: count for name, count in found.items() if count and name != "unchanged"}


def present(shelf: Shelf) -> set[str]:
    rows = shelf.rows("SELECT rel_path FROM files WHERE missing_since IS NULL AND skip_reason IS NULL")
    return {row["rel_path"] for row in rows}


def state(shelf: Shelf) -> str:
    return str(shelf.value("SELECT min(state) FROM roots"))


@pytest.fixture
def filled(shelf: Shelf) -> Shelf:
    """Forty empty files with photos' names, inventoried: an inventory reads no contents."""
    for number in range(40):
        path = shelf.photos / f"{2000 + number // 10}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * (number + 1))
    shelf.watch()
    assert changes(shelf) == {"new": 40}
    return shelf


# Changes


def test_inventory_reads_no_contents(filled: Shelf) -> None:
    rows = filled.rows("SELECT sha256, photo_id, size_bytes FROM files ORDER BY size_bytes")
    assert [row["size_bytes"] for row in rows] == list(range(1, 41))
    assert {(row["sha256"], row["photo_id"]) for row in rows} == {(None, None)}


def test_nothing_changed_is_nothing_written(filled: Shelf) -> None:
    assert changes(filled) == {}
    everything = [row["partition_key"] for row in filled.rows("SELECT partition_key FROM folder_signatures")]
    report = take_inventory(filled.library.manifest, everything)
    assert report.changes.unchanged == 40


def test_new_changed_and_gone_files_are_told_apart(filled: Shelf) -> None:
    (filled.photos / "2000" / "new.jpg").write_bytes(b"y")
    (filled.photos / "2001" / "10.jpg").write_bytes(b"other bytes")
    (filled.photos / "2002" / "20.jpg").unlink()
    assert changes(filled) == {"new": 1, "changed": 1, "gone": 1}
    assert "2002/20.jpg" not in present(filled)


def test_changed_file_is_read_again_and_stays_its_photo(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg", "b.jpg"])
    shelf.watch()
    shelf.take_in()
    photo_id = shelf.photo_id("a.jpg")
    retouch(shelf.photos / "a.jpg", 1)
    shelf.inventory()
    (row,) = shelf.rows("SELECT sha256, photo_id FROM files WHERE rel_path = 'a.jpg'")
    assert row == {"sha256": None, "photo_id": photo_id}


def test_returned_file_that_is_unchanged_is_not_read_again(shelf: Shelf, tmp_path: Path) -> None:
    photo, _ = draw_photos(shelf.photos, ["a.jpg", "b.jpg"])
    shelf.watch()
    shelf.take_in()
    photo_id = shelf.photo_id("a.jpg")
    shutil.move(photo, tmp_path / "aside.jpg")
    assert changes(shelf) == {"gone": 1}
    seq = shelf.newest_seq()
    shutil.move(tmp_path / "aside.jpg", photo)
    assert changes(shelf) == {"returned": 1}
    assert shelf.outbox_since(seq) == {photo_id}, "search must show it again"
    assert shelf.stream().files_read == 0


def test_returned_file_with_other_bytes_is_another_photo(shelf: Shelf) -> None:
    photo, _ = draw_photos(shelf.photos, ["a.jpg", "b.jpg"])
    shelf.watch()
    shelf.take_in()
    photo_id = shelf.photo_id("a.jpg")
    photo.unlink()
    shelf.inventory()
    draw_photo(photo, 99)
    assert changes(shelf) == {"changed": 1, "returned": 1}
    shelf.stream()
    assert shelf.photo_id("a.jpg") != photo_id


def test_gone_files_are_told_to_search(shelf: Shelf) -> None:
    photo, _ = draw_photos(shelf.photos, ["a.jpg", "b.jpg"])
    shelf.watch()
    shelf.take_in()
    photo_id, seq = shelf.photo_id("a.jpg"), shelf.newest_seq()
    photo.unlink()
    shelf.inventory()
    assert shelf.outbox_since(seq) == {photo_id}


def test_files_ignored_later_are_told_to_search_and_come_back(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg", "b.jpg", "drafts/c.jpg"])
    shelf.watch()
    shelf.take_in()
    photo_id, seq = shelf.photo_id("a.jpg"), shelf.newest_seq()
    (shelf.photos / ".loupeignore").write_text("a.jpg\n")
    shelf.inventory()
    assert present(shelf) == {"b.jpg", "drafts/c.jpg"}
    assert shelf.outbox_since(seq) == {photo_id}
    seq = shelf.newest_seq()
    (shelf.photos / ".loupeignore").unlink()
    shelf.inventory()
    assert "a.jpg" in present(shelf)
    assert shelf.outbox_since(seq) == {photo_id}
    assert shelf.stream().files_read == 0


def test_file_whose_content_is_no_photo_stays_skipped_until_it_changes(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg"])
    (shelf.photos / "notes").write_text("milk, bread")
    shelf.watch()
    shelf.take_in()
    (shelf.photos / "b.txt").touch()  # so that the folder is due
    shelf.inventory()
    assert shelf.stream().files_read == 0
    (shelf.photos / "notes").write_bytes(draw_photo(shelf.photos / "b.jpg", 2).read_bytes())
    assert shelf.take_in().decoded == 1
    assert {"a.jpg", "b.jpg", "notes"} == present(shelf)


def test_emptied_and_removed_folders_lose_their_files(filled: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.inventory._ONE_LOSS", timedelta(0))  # the two losses lie hours apart
    for path in (filled.photos / "2000").iterdir():
        path.unlink()
    assert changes(filled) == {"gone": 10}
    shutil.rmtree(filled.photos / "2001")
    assert changes(filled) == {"gone": 10}
    assert look(filled.library.manifest, settle=False, every_file=True).due == (), "what is done is asked for no more"


# Losses that are not believed


def test_mass_vanish_removes_nothing_until_a_person_says_so(filled: Shelf) -> None:
    for year in ("2000", "2001"):
        shutil.rmtree(filled.photos / year)
    (filled.photos / "2002" / "new.jpg").write_bytes(b"y")
    report = filled.inventory()
    assert list(report.vanished.values()) == [Loss(str(filled.photos), 20, 40)]
    assert report.changes.gone == 0
    assert report.changes.new == 1, "what is new comes in all the same"
    assert state(filled) == "vanished"
    assert len(present(filled)) == 41

    assert changes(filled) == {}, "asked again it still waits"
    assert changes(filled, accept_missing=True) == {"gone": 20}
    assert state(filled) == "online"
    assert len(present(filled)) == 21


def test_search_hears_of_an_alarm_and_of_its_end(shelf: Shelf, tmp_path: Path) -> None:
    """Photos of a root that is not whole are shown as offline: not a photo is written for it."""
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    seq, woken = shelf.newest_seq(), shelf.library.home.outbox_wake
    shelf.photos.rename(tmp_path / "unplugged")
    shelf.photos.mkdir()
    woken.unlink(missing_ok=True)
    shelf.inventory()
    assert (state(shelf), woken.exists()) == ("vanished", True)
    woken.unlink()
    shelf.inventory()
    assert (state(shelf), woken.exists()) == ("vanished", False), "once"
    assert shelf.outbox_since(seq) == set()
    shelf.inventory(accept_missing=True)
    assert (state(shelf), woken.exists()) == ("online", True)


def test_mass_vanish_that_is_seen_a_folder_at_a_time_is_held_back_too(filled: Shelf) -> None:
    """A run takes some folders; the next run goes on with the others of the same loss."""
    shutil.rmtree(filled.photos / "2000")
    shutil.rmtree(filled.photos / "2001")
    shutil.rmtree(filled.photos / "2002")
    due = look(filled.library.manifest, settle=False).due
    assert len(due) == 3
    gone = [take_inventory(filled.library.manifest, [key]).changes.gone for key in due]
    assert gone == [10, 0, 0], "a quarter is gone before it shows that this is more than a quarter"
    assert state(filled) == "vanished"
    assert len(present(filled)) == 30
    assert changes(filled, accept_missing=True) == {"gone": 20}
    assert state(filled) == "online"


def test_vanished_files_that_are_back_end_the_alarm(filled: Shelf, tmp_path: Path) -> None:
    for year in ("2000", "2001"):
        shutil.move(filled.photos / year, tmp_path / year)
    filled.inventory()
    assert state(filled) == "vanished"
    for year in ("2000", "2001"):
        shutil.move(tmp_path / year, filled.photos / year)
    filled.inventory()
    assert state(filled) == "online"


@pytest.mark.parametrize(
    ("total", "gone", "held"),
    [(40, 10, False), (100, 25, False), (100, 26, True), (19, 19, False), (21, 20, True), (400, 90, False)],
)
def test_guard_wants_more_than_a_quarter_and_at_least_twenty(shelf: Shelf, total: int, gone: int, held: bool) -> None:
    (shelf.photos / "readme.txt").touch()
    for number in range(total):
        (shelf.photos / f"{number}.jpg").write_bytes(b"x")
    shelf.watch()
    shelf.inventory()
    for number in range(gone):
        (shelf.photos / f"{number}.jpg").unlink()
    report = shelf.inventory()
    assert bool(report.vanished) is held
    assert report.changes.gone == (0 if held else gone)


def test_moved_folder_is_no_mass_vanish(filled: Shelf) -> None:
    """Every file of three folders is at another path, by name, size and time the same."""
    (filled.photos / "archive").mkdir()
    for year in ("2000", "2001", "2002"):
        (filled.photos / year).rename(filled.photos / "archive" / year)
    report = filled.inventory()
    assert report.vanished == {}
    assert (report.changes.new, report.changes.gone) == (30, 30)


@pytest.mark.parametrize("read", [True, False])
def test_copied_folders_that_are_deleted_later_are_no_mass_vanish(shelf: Shelf, read: bool) -> None:
    """The copies have other times, when they are read; as a backup program copies, they have the same."""
    for year in ("2000", "2001"):
        draw_photos(shelf.photos / year, 20, first_seed=int(year) * 100)
    shelf.watch()
    shelf.take_in()
    (shelf.photos / "archive").mkdir()
    copy = shutil.copy if read else shutil.copy2
    shutil.copytree(shelf.photos / "2000", shelf.photos / "archive" / "2000", copy_function=copy)
    shelf.inventory()
    if read:
        shelf.stream()
    shutil.rmtree(shelf.photos / "2000")
    report = shelf.inventory()
    assert (report.vanished, report.changes.gone) == ({}, 20)
    assert state(shelf) == "online"


def test_a_move_that_is_seen_in_two_runs_is_no_mass_vanish(filled: Shelf) -> None:
    """The first run takes the folders of old, which are lost for all it knows; the other then finds them."""
    (filled.photos / "archive").mkdir()
    for year in ("2000", "2001"):
        (filled.photos / year).rename(filled.photos / "archive" / year)
    due = look(filled.library.manifest, settle=False, every_file=True).due
    came = [key for key in due if key.startswith("archive")]
    assert take_inventory(filled.library.manifest, [key for key in due if key not in came]).vanished
    assert take_inventory(filled.library.manifest, came).changes.new == 20
    assert state(filled) == "vanished"
    assert (filled.inventory().vanished, state(filled)) == ({}, "online")
    assert len(present(filled)) == 40


def test_root_that_is_away_loses_nothing_and_is_offline(shelf: Shelf, tmp_path: Path) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    seq, woken = shelf.newest_seq(), shelf.library.home.outbox_wake
    woken.unlink(missing_ok=True)
    shelf.photos.rename(tmp_path / "unplugged")
    keys = [row["partition_key"] for row in shelf.rows("SELECT partition_key FROM folder_signatures")]
    report = take_inventory(shelf.library.manifest, keys)
    assert report.offline_roots == [str(shelf.photos)]
    assert state(shelf) == "offline"
    assert len(present(shelf)) == 3
    assert woken.exists(), "search shows that they are offline"

    (tmp_path / "unplugged").rename(shelf.photos)
    woken.unlink()
    report = take_inventory(shelf.library.manifest, keys)
    assert (report.offline_roots, report.changes.unchanged, state(shelf)) == ([], 3, "online")
    assert woken.exists()
    assert shelf.outbox_since(seq) == set(), "at no cost per photo"


def test_empty_mount_point_of_an_unplugged_disk_loses_nothing(shelf: Shelf, tmp_path: Path) -> None:
    """Even of a root with fewer than twenty photos."""
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    shelf.photos.rename(tmp_path / "unplugged")
    shelf.photos.mkdir()
    report = shelf.inventory()
    assert report.changes.gone == 0
    assert state(shelf) == "vanished"
    assert len(present(shelf)) == 3
    assert changes(shelf, accept_missing=True) == {"gone": 3}, "a person may say that they are gone"


def test_pending_files_of_an_offline_root_wait(filled: Shelf, tmp_path: Path) -> None:
    filled.photos.rename(tmp_path / "unplugged")
    filled.inventory()
    with filled.library.manifest.read() as tx:
        assert files.count_pending(tx, "any") == 0


@pytest.mark.parametrize("max_partitions", [5000, 2, 1])
def test_folder_that_cannot_be_read_loses_nothing(shelf: Shelf, max_partitions: int) -> None:
    """Whether it has a partition of its own or is rolled up, and with everything below it."""
    draw_photos(shelf.photos, ["a.jpg", "locked/b.jpg", "locked/deep/c.jpg", "open/d.jpg"])
    shelf = Shelf(shelf.settings.model_copy(update={"max_partitions": max_partitions}), shelf.photos, shelf.engine)
    shelf.watch()
    shelf.take_in()
    (shelf.photos / "e.jpg").touch()
    (shelf.photos / "locked").chmod(0)
    try:
        report = as_ordinary_user(shelf.inventory)
    finally:
        (shelf.photos / "locked").chmod(0o755)
    assert report.changes.gone == 0
    assert report.changes.new == 1
    assert any("locked" in path for path in report.unreadable)
    assert present(shelf) == {"a.jpg", "e.jpg", "locked/b.jpg", "locked/deep/c.jpg", "open/d.jpg"}
    assert changes(shelf) == {}
    assert len(present(shelf)) == 5


def test_deletion_beside_a_folder_that_cannot_be_read_is_seen(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg", "b.jpg", "locked/c.jpg"])
    shelf.watch()
    shelf.inventory()
    (shelf.photos / "a.jpg").unlink()
    (shelf.photos / "locked").chmod(0)
    try:
        assert as_ordinary_user(lambda: changes(shelf)) == {"gone": 1}
    finally:
        (shelf.photos / "locked").chmod(0o755)


# Watching a root


def test_added_root_says_what_a_look_found(shelf: Shelf) -> None:
    photos = draw_photos(shelf.photos, ["a.jpg", "b/c.jpg"])
    (shelf.photos / "film.mp4").touch()
    (shelf.photos / "@eaDir").mkdir()
    (shelf.photos / "@eaDir" / "a.jpg").touch()
    added = shelf.watch()
    assert (added.new, added.photo_files) == (True, 2)
    assert added.total_bytes == sum(photo.stat().st_size for photo in photos)
    assert added.skipped == {"video": 1, "NAS index folder": 1}
    assert len(added.partition_keys) == 2
    again = shelf.watch()
    assert (again.new, again.root_id, again.partition_keys) == (False, added.root_id, added.partition_keys)


def test_part_of_a_watched_folder_is_that_part(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg", "2021/b.jpg", "2021/05/c.jpg"])
    whole = shelf.watch()
    part = shelf.watch(shelf.photos / "2021")
    assert part.root_id == whole.root_id
    assert not part.new
    assert set(part.partition_keys) < set(whole.partition_keys)
    assert len(part.partition_keys) == 2


def test_folders_that_are_gone_are_asked_for_with_the_folder_that_held_them(shelf: Shelf) -> None:
    """Else an ingest of a folder would read files again that only moved within it, and never miss what is gone."""
    draw_photos(shelf.photos, ["2021/05/a.jpg", "2022/b.jpg"])
    shelf.watch()
    shelf.take_in()
    (shelf.photos / "2021" / "05").rename(shelf.photos / "2021" / "May")
    before = shelf.watch(shelf.photos / "2022").partition_keys
    assert len(before) == 1
    keys = shelf.watch(shelf.photos / "2021").partition_keys
    look(shelf.library.manifest, settle=False)
    changes = take_inventory(shelf.library.manifest, keys).changes
    assert (changes.moved, changes.new, changes.gone) == (1, 0, 0)


def test_folder_around_a_watched_one_is_refused(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg", "2021/b.jpg"])
    shelf.watch(shelf.photos / "2021")
    with pytest.raises(LoupeError) as caught:
        shelf.watch()
    assert caught.value.code == "ROOT_NESTED"


def test_folder_whose_name_begins_alike_is_another(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["2021/a.jpg", "2021 Lisbon/b.jpg"])
    assert shelf.watch(shelf.photos / "2021").new
    assert shelf.watch(shelf.photos / "2021 Lisbon").new


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda photos: None, "DIR_EMPTY"),
        (lambda photos: (photos / "film.mp4").touch(), "DIR_EMPTY"),
        (lambda photos: photos.rmdir(), "DIR_NOT_FOUND"),
    ],
)
def test_folder_without_photos_is_refused(shelf: Shelf, prepare: Callable[[Path], None], code: str) -> None:
    prepare(shelf.photos)
    with pytest.raises(LoupeError) as caught:
        shelf.watch()
    assert caught.value.code == code
    with shelf.library.manifest.read() as tx:
        assert roots.list_all(tx) == []


def test_loupes_own_data_is_no_photo_folder(shelf: Shelf, tmp_path: Path) -> None:
    draw_photo(shelf.library.home.previews / "ab" / "c.jpg", 1)
    link = tmp_path / "link"
    link.symlink_to(shelf.settings.home)
    for folder in (shelf.settings.home, shelf.library.home.previews, tmp_path, link):
        with pytest.raises(LoupeError) as caught:
            shelf.watch(folder)
        assert caught.value.code == "ROOT_IN_HOME", folder


def test_deep_library_stays_under_the_partition_limit(shelf: Shelf) -> None:
    for year in range(4):
        for month in range(6):
            for day in range(3):
                folder = shelf.photos / f"{year}/{month}/{day}"
                folder.mkdir(parents=True)
                (folder / "a.jpg").write_bytes(b"x")
    config = Settings(home=shelf.settings.home, max_partitions=30)
    shelf = Shelf(config, shelf.photos, InProcessEngine(config))
    assert len(shelf.watch().partition_keys) == 24
    report = shelf.inventory()
    assert (report.changes.new, report.folders) == (72, 24)
    (shelf.photos / "3" / "5" / "2" / "new.jpg").write_bytes(b"y")
    assert changes(shelf) == {"new": 1}


def test_removed_root_forgets_files_and_keeps_photos(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 2)
    root = shelf.watch()
    shelf.take_in()
    before = shelf.photo_id("photo0000.jpg")
    with shelf.library.manifest.write() as tx:
        assert before in roots.remove(tx, root.root_id)
        assert roots.list_all(tx) == []
    assert shelf.value("SELECT count(*) FROM files") == 0
    assert shelf.value("SELECT count(*) FROM photos") == 2
    shelf.watch()
    assert shelf.take_in().embedding_model_images == 0
    assert shelf.photo_id("photo0000.jpg") == before


def during_a_look(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something that is done by somebody else, once, after a folder was looked at and before that is written."""

    def look_and_wait(*asked: Any) -> Any:
        seen = look_at(*asked)
        monkeypatch.setattr("resources.inventory.look_at", look_at)
        happens()
        return seen

    monkeypatch.setattr("resources.inventory.look_at", look_and_wait)


def test_root_that_is_removed_while_it_is_looked_at_leaves_no_files(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_photos(shelf.photos, 3)
    root = shelf.watch()
    during_a_look(monkeypatch, lambda: remove_root(shelf.library.manifest, root.root_id))
    shelf.inventory()
    assert [shelf.value(f"SELECT count(*) FROM {table}") for table in ("files", "folder_signatures")] == [0, 0]


def test_older_look_takes_nothing_from_a_newer_one(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconcile looked, a photo came, was inventoried and read; only then does reconcile write."""
    draw_photos(shelf.photos, ["a.jpg", "b.jpg"])
    shelf.watch()
    shelf.take_in()
    (key,) = (row["partition_key"] for row in shelf.rows("SELECT partition_key FROM folder_signatures"))

    def photo_comes() -> None:
        draw_photo(shelf.photos / "c.jpg", 9)
        shelf.take_in()

    during_a_look(monkeypatch, photo_comes)
    assert take_inventory(shelf.library.manifest, [key], every_row=True).changes.gone == 0
    assert present(shelf) == {"a.jpg", "b.jpg", "c.jpg"}


def test_names_that_are_not_utf8_come_in(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "plain.jpg", 1)
    folder = os.path.join(os.fsencode(shelf.photos), b"\xc9t\xe9")
    os.mkdir(folder)
    shutil.copy(draw_photo(shelf.photos / "x.png", 2), os.path.join(folder, b"caf\xe9.png"))
    os.unlink(shelf.photos / "x.png")
    shelf.watch()
    assert shelf.take_in().decoded == 2
    assert shelf.failures() == {}
    assert changes(shelf) == {}


@pytest.mark.slow
def test_inventory_of_many_files_makes_no_round_trip_per_file(shelf: Shelf) -> None:
    """20,000 files, a second look with nothing changed: generous by an order of magnitude on a busy machine."""
    for folder in range(20):
        (shelf.photos / str(folder)).mkdir()
        for number in range(1000):
            (shelf.photos / str(folder) / f"{number}.jpg").touch()
    shelf.watch()
    assert shelf.inventory().changes.new == 20_000
    keys = [row["partition_key"] for row in shelf.rows("SELECT partition_key FROM folder_signatures")]
    started = time.monotonic()
    assert take_inventory(shelf.library.manifest, keys).changes.unchanged == 20_000
    assert time.monotonic() - started < 10
