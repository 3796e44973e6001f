"""Backups: what is in them, what is not copied twice, what is kept, and what a bad disk costs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from drawn_photos import draw_photos
from filelock import FileLock
from shelf import InProcessEngine, Shelf

from resources import backup as backups
from resources.backup import Backup, back_up, backup_due, list_backups, segment_path
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import collections
from resources.settings import Settings

pytestmark = pytest.mark.usefixtures("no_waiting_for_times")


@pytest.fixture
def no_waiting_for_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's time is trusted at once, not after two seconds."""
    monkeypatch.setattr(backups, "_SETTLED_S", -1.0)


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    draw_photos(shelf.photos, 6)
    shelf.watch()
    shelf.take_in()
    return shelf


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 80 MB: 64 MB are never used, and a manifest takes 3."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounting.returncode != 0:
        pytest.skip(f"a small disk may not be mounted here: {mounting.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def take(shelf: Shelf, folder: Path | None = None, **options: object) -> Backup:
    library = shelf.library
    return back_up(library.manifest, library.home, folder or library.home.backups, **options)  # type: ignore[arg-type]


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(LoupeError) as caught:
        action()
    return caught.value.code


def stored_keys(folder: Path, backup: Backup) -> list[str]:
    segments = [segment for part in backup.vectors for segment in part.segments]
    return [
        name
        for segment in segments
        for name in pq.read_table(segment_path(folder, segment)).column("pixel_hash").to_pylist()
    ]


def test_backup_holds_manifest_settings_and_vectors(full_shelf: Shelf) -> None:
    home = full_shelf.library.home
    (home.path / "loupe.toml").write_text("run_photos = 7\n")
    made = take(full_shelf)
    folder = home.backups / made.name
    assert Backup.read(folder) == made
    assert {file.name for file in made.files} == {"manifest.duckdb", "loupe.toml"}
    with duckdb.connect(str(folder / "manifest.duckdb"), read_only=True) as copy:
        assert copy.execute("SELECT count(*) FROM photos").fetchall() == [(6,)]
    assert made.rows["photos"] == 6
    assert sorted(stored_keys(home.backups, made)) == sorted(
        row["pixel_hash"] for row in full_shelf.rows("SELECT pixel_hash FROM embeddings")
    )
    assert made.pictures is None
    assert not list(home.backups.rglob("*.jpg"))


def test_unchanged_vectors_are_not_read_again(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    first = take(full_shelf)
    monkeypatch.setattr(backups.VectorFile, "keys", lambda file: pytest.fail("vectors were read"))
    second = take(full_shelf)
    assert second.vectors == first.vectors
    assert second.written_bytes == sum(file.bytes for file in second.files)


def test_new_vectors_are_written_and_old_ones_are_not(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_SHORT_SEGMENT", 1)
    first = take(full_shelf)
    draw_photos(full_shelf.photos / "more", 1, first_seed=50)
    full_shelf.take_in()
    second = take(full_shelf)
    assert [segment.rows for segment in second.vectors[0].segments] == [6, 1]
    assert second.vectors[0].segments[0] == first.vectors[0].segments[0]
    assert len(set(stored_keys(full_shelf.library.home.backups, second))) == second.vectors[0].rows == 7


def test_a_photo_a_night_costs_little_and_leaves_few_segments(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each vector is written about log2(n) times in all its life, and there are about log2(n) segments."""
    monkeypatch.setattr(backups, "_SHORT_SEGMENT", 1)
    nights, written = 24, 0
    for night in range(nights):
        draw_photos(shelf.photos / str(night), 1, first_seed=night)
        shelf.watch()
        shelf.take_in()
        before = {segment for part in _last_vectors(shelf) for segment in part.segments}
        made = take(shelf)
        written += sum(each.rows for part in made.vectors for each in part.segments if each not in before)
    assert sorted(stored_keys(shelf.library.home.backups, made)) == sorted(
        row["pixel_hash"] for row in shelf.rows("SELECT pixel_hash FROM embeddings")
    )
    assert len(made.vectors[0].segments) <= 5
    assert written <= nights * 5


def _last_vectors(shelf: Shelf) -> tuple[backups.VectorPart, ...]:
    found = list_backups(shelf.library.home.backups)
    return Backup.read(found[0]).vectors if found else ()


def test_removed_vectors_leave_the_backups_with_time(full_shelf: Shelf) -> None:
    take(full_shelf)
    vectors = backups.VectorFile(full_shelf.vectors.path)
    vectors.delete(vectors.keys().slice(0, 4))
    made = take(full_shelf)
    assert len(stored_keys(full_shelf.library.home.backups, made)) == made.vectors[0].rows == 2


def test_damaged_segment_is_written_anew_while_the_vectors_are_here(full_shelf: Shelf) -> None:
    folder = full_shelf.library.home.backups
    first = take(full_shelf)
    path = segment_path(folder, first.vectors[0].segments[0])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    take(full_shelf)
    assert backups.file_hash(path) == path.stem
    assert len(pq.read_table(path)) == 6


def test_previews_are_copied_once_and_even_after_they_were_culled(full_shelf: Shelf) -> None:
    folder = full_shelf.library.home.backups
    told: list[tuple[str, int, int]] = []
    first = take(full_shelf, previews=True, progress=lambda *stage: told.append(stage))
    assert first.pictures == 12
    assert told[-1] == ("previews", 6, 6), "each stage is seen to end"
    for path in full_shelf.library.home.previews.rglob("*.jpg"):
        path.unlink()
    second = take(full_shelf, previews=True)
    assert second.pictures == 12
    assert second.written_bytes == sum(file.bytes for file in second.files)
    assert len(list((folder / "previews").rglob("*.jpg"))) == 6


def test_newest_are_kept_and_what_none_of_them_names_goes(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_SHORT_SEGMENT", 100)
    folder = full_shelf.library.home.backups
    for night in range(4):
        draw_photos(full_shelf.photos / str(night), 1, first_seed=60 + night)
        full_shelf.take_in()
        made = take(full_shelf, keep=2, previews=True)
    assert [int(path.name[:6]) for path in list_backups(folder)] == [4, 3]
    named = {segment.sha256 for path in list_backups(folder) for segment in Backup.read(path).vectors[0].segments}
    assert {path.stem for path in (folder / "vectors").iterdir()} == named
    assert len(list((folder / "previews").rglob("*.jpg"))) == 10 == made.rows["photos"]


def test_libraries_share_a_folder_without_deleting_each_others(full_shelf: Shelf, tmp_path: Path) -> None:
    other_settings = Settings(home=tmp_path / "other-home")
    (tmp_path / "Other").mkdir()
    other = Shelf(other_settings, tmp_path / "Other", InProcessEngine(other_settings))
    draw_photos(other.photos, 2, first_seed=30)
    other.watch()
    other.take_in()
    shared = tmp_path / "shared"
    theirs = take(other, shared)
    for _ in range(3):
        take(full_shelf, shared, keep=1)
    assert [path.name for path in list_backups(shared)][1:] == [theirs.name]
    assert len(stored_keys(shared, theirs)) == 2


def test_clock_set_back_changes_no_order(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = full_shelf.library.home.backups
    now = datetime(2026, 5, 1, 3, 0)
    for days in (0, -400, -800):
        monkeypatch.setattr(backups, "utc_now", lambda days=days: now + timedelta(days=days))
        last = take(full_shelf, keep=2)
    assert list_backups(folder)[0].name == last.name == "000003-20240221T030000Z"
    assert len(list_backups(folder)) == 2


def test_backup_into_a_watched_folder_is_refused(full_shelf: Shelf) -> None:
    assert code_of(lambda: take(full_shelf, full_shelf.photos / "backups")) == "INVALID_REQUEST"
    assert not (full_shelf.photos / "backups").exists()


def test_two_backups_at_once_are_refused(full_shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    with FileLock(tmp_path / "to" / ".lock"):
        assert code_of(lambda: take(full_shelf, tmp_path / "to")) == "BACKUP_BUSY"
    take(full_shelf, tmp_path / "to")


def test_what_a_killed_backup_left_is_removed(full_shelf: Shelf) -> None:
    folder = full_shelf.library.home.backups
    take(full_shelf)
    (folder / ".unfinished-000002").mkdir()
    (folder / ".unfinished-000002" / "manifest.duckdb").write_bytes(b"half")
    (folder / "vectors" / ".unfinished-segment.parquet").write_bytes(b"half")
    take(full_shelf)
    assert not list(folder.rglob(".unfinished*"))
    assert len(list_backups(folder)) == 2


def test_writers_go_on_while_a_backup_is_written(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is free while what was copied is checked, and vectors are read."""
    manifest = full_shelf.library.manifest
    free = []
    check = backups._check_manifest

    def checked(path: Path, rows: dict[str, int]) -> None:
        with manifest.write() as tx:
            collections.create(tx, "Made meanwhile")
        free.append(True)
        check(path, rows)

    monkeypatch.setattr(backups, "_check_manifest", checked)
    writer = threading.Thread(target=lambda: take(full_shelf))
    writer.start()
    writer.join(60)
    assert free == [True]


def test_copy_that_does_not_read_back_is_no_backup(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that swallows a block while the manifest is being copied."""
    copy = shutil.copyfile

    def bad(source: Path, target: Path) -> None:
        copy(source, target)
        with open(target, "r+b") as stream:
            stream.seek(Path(target).stat().st_size // 2)
            stream.write(bytes(300_000))

    monkeypatch.setattr("resources.manifest.database.shutil.copyfile", bad)
    assert code_of(lambda: take(full_shelf)) == "BACKUP_DAMAGED"
    monkeypatch.undo()
    assert list_backups(full_shelf.library.home.backups) == []


def test_full_disk_ends_the_backup_and_keeps_the_earlier_ones(full_shelf: Shelf, small_disk: Path) -> None:
    folder = small_disk / "backups"
    first = take(full_shelf, folder)
    filler = small_disk / "other"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - (1 << 20)))
    draw_photos(full_shelf.photos / "more", 3, first_seed=50)
    full_shelf.take_in()
    assert code_of(lambda: take(full_shelf, folder)) == "DISK_FULL"
    assert [path.name for path in list_backups(folder)] == [first.name]
    assert not list(folder.rglob(".unfinished*"))
    filler.unlink()
    assert take(full_shelf, folder).rows["photos"] == 9


@pytest.mark.parametrize("room", [0, 200_000, 2_000_000, 4_000_000])
def test_disk_that_fills_while_it_is_written_to(
    full_shelf: Shelf, small_disk: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Without the reserve, so that the writes themselves fail, each time in another place."""
    monkeypatch.setattr(backups._Writer, "_need", lambda writer, size: None)
    folder = small_disk / "backups"
    folder.mkdir()
    filler = small_disk / "other"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    if room < 4_000_000:
        assert code_of(lambda: take(full_shelf, folder, previews=True)) == "DISK_FULL"
        assert list_backups(folder) == []
        filler.unlink()
    assert take(full_shelf, folder, previews=True).pictures == 12


def test_folder_that_may_not_be_written_to_has_its_code(full_shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert code_of(lambda: take(full_shelf, tmp_path / "file" / "backups")) == "BACKUP_NOT_WRITABLE"


def test_backup_by_a_newer_loupe_is_listed_and_nothing_it_may_share_is_deleted(full_shelf: Shelf) -> None:
    folder = full_shelf.library.home.backups
    made = take(full_shelf)
    said = json.loads((folder / made.name / "backup.json").read_text())
    (folder / made.name / "backup.json").write_text(json.dumps({**said, "format": 99}))
    assert code_of(lambda: Backup.read(folder / made.name)) == "BACKUP_TOO_NEW"
    full_shelf.vectors.path.unlink()
    take(full_shelf, keep=1)
    assert len(list_backups(folder)) == 2
    assert segment_path(folder, made.vectors[0].segments[0]).exists()


def test_a_backup_that_cannot_be_read_keeps_only_what_it_may_share(full_shelf: Shelf) -> None:
    folder = full_shelf.library.home.backups
    first = take(full_shelf, previews=True)
    (folder / first.name / "backup.json").write_text("{")
    long_ago = 1_700_000_000
    for path in [*folder.rglob("*"), folder / first.name]:
        os.utime(path, (long_ago, long_ago))
    old = segment_path(folder, first.vectors[0].segments[0])
    full_shelf.vectors.path.unlink()
    with full_shelf.library.manifest.write() as tx:
        tx.execute("DELETE FROM embeddings")
    draw_photos(full_shelf.photos / "more", 1, first_seed=50)
    full_shelf.take_in()
    second = take(full_shelf, keep=1, previews=True)
    young = segment_path(folder, second.vectors[0].segments[0])
    with full_shelf.library.manifest.write() as tx:
        tx.execute("DELETE FROM embeddings")
    full_shelf.vectors.path.unlink()
    take(full_shelf, keep=1, previews=True)
    assert (old.exists(), young.exists()) == (True, False)
    assert len(list((folder / "previews").rglob("*.jpg"))) == 7
    assert code_of(lambda: Backup.read(folder / first.name)) == "BACKUP_DAMAGED"
    assert len(list_backups(folder)) == 2


def test_a_backup_is_due_once_a_night_and_after_nights_that_were_slept_through(full_shelf: Shelf) -> None:
    library = full_shelf.library

    def due(now: datetime) -> bool:
        return backup_due(library.manifest, library.settings, now)[0]

    now = datetime.now(UTC)
    assert due(now)
    take(full_shelf)
    assert not due(now + timedelta(minutes=1))
    next_night = (now + timedelta(days=1)).replace(hour=3, minute=5)
    assert not due(next_night - timedelta(minutes=10)) or now.hour < 3
    assert due(next_night)
    assert due(next_night + timedelta(days=20, hours=9))
    assert due(now - timedelta(days=3)), "the newest backup lies in the future: the clock was set back"


def test_an_empty_library_needs_no_backup(home: Home) -> None:
    from resources.library import Library

    library = Library(Settings(home=home.path)).open()
    assert backup_due(library.manifest, library.settings, datetime.now(UTC))[0] is False


def test_manifest_is_held_only_while_it_is_copied(full_shelf: Shelf, tmp_path: Path) -> None:
    """A backup to another disk copies to this one first: a distant one would keep writers waiting."""
    distant = Path("/dev/shm") if tmp_path.stat().st_dev != Path("/dev/shm").stat().st_dev else Path("/var/tmp")
    if distant.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk to write to")
    folder = distant / f"loupe-backup-{time.time_ns()}"
    try:
        made = take(full_shelf, folder)
        assert Backup.read(folder / made.name).rows["photos"] == 6
        assert not list(full_shelf.library.home.backups.iterdir())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
