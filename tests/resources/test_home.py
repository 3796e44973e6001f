"""Where Loupe keeps its data, and whether it may be trusted with it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from drawn_photos import draw_photos
from ordinary_user import as_ordinary_user
from shelf import InProcessEngine, Shelf

from resources.errors import LoupeError
from resources.home import Home, disk_bytes, free_bytes, this_process, write_atomically
from resources.manifest import integrity
from resources.settings import Settings

MountTable = Callable[[str, str], None]


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> MountTable:
    """Says that a file system stands at a path. The table alone is made up; a share cannot be mounted in a test."""

    def mount(path: str, file_system: str) -> None:
        table = [
            SimpleNamespace(mountpoint="/", fstype="ext4"),
            SimpleNamespace(mountpoint=path, fstype=file_system),
        ]
        monkeypatch.setattr("psutil.disk_partitions", lambda all: table)

    return mount


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounting.returncode != 0:
        pytest.skip(f"a small disk may not be mounted here: {mounting.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(LoupeError) as caught:
        action()
    return caught.value.code


def test_a_new_home_is_its_owners_alone_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    assert Home(tmp_path / "new").prepare().path.stat().st_mode & 0o777 == 0o700
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o750)
    assert Home(shared).prepare().path.stat().st_mode & 0o777 == 0o750


def test_prepare_makes_the_folders_and_may_be_repeated(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.prepare().prepare()
    for folder in (home.previews, home.thumbnails, home.index, home.dagster, home.models, home.logs, home.run):
        assert folder.is_dir()
    assert list(home.run.iterdir()) == [], "the probe is gone"


def test_building_a_home_touches_nothing(tmp_path: Path) -> None:
    Home(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file_system", ["nfs4", "cifs", "SMB3", "9p", "fuse.sshfs"])
def test_home_on_a_network_share_is_refused(tmp_path: Path, mounted: MountTable, file_system: str) -> None:
    mounted(str(tmp_path.resolve()), file_system)
    home = Home(tmp_path / "not" / "there" / "yet")
    assert code_of(home.prepare) == "HOME_ON_NETWORK"
    assert list(tmp_path.iterdir()) == [], "nothing was written to the share"


def test_home_reached_by_a_link_to_a_share_is_refused(tmp_path: Path, mounted: MountTable) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    mounted(str((tmp_path / "share").resolve()), "nfs")
    assert code_of(Home(tmp_path / "link" / "home").prepare) == "HOME_ON_NETWORK"


def test_share_beside_the_home_does_not_matter(tmp_path: Path, mounted: MountTable) -> None:
    mounted(f"{tmp_path.resolve()}/home-of-photos", "nfs")
    Home(tmp_path / "home").prepare()


def test_home_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    assert as_ordinary_user(lambda: code_of(Home(locked / "home").prepare)) == "HOME_NOT_WRITABLE"


def test_home_that_became_read_only_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").prepare()
    home.run.chmod(0o555)
    assert as_ordinary_user(lambda: code_of(home.prepare)) == "HOME_NOT_WRITABLE"


def test_file_in_the_place_of_the_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a letter")
    assert code_of(Home(tmp_path / "home").prepare) == "HOME_NOT_WRITABLE"
    assert (tmp_path / "home").read_text() == "a letter"


# A full disk


def test_full_disk_is_named_before_anything_begins(small_disk: Path) -> None:
    fill(small_disk, leave=0)
    home = Home(small_disk / "home")
    assert code_of(lambda: Shelf(Settings(home=home.path), small_disk).library) == "DISK_FULL"


@pytest.mark.slow
@pytest.mark.parametrize("leave_kb", [60, 200, 500])
def test_full_disk_ends_the_run_and_keeps_what_is_finished(small_disk: Path, tmp_path: Path, leave_kb: int) -> None:
    """After room is made the same run again finishes; nothing was half-written."""
    config = Settings(home=small_disk / "home")
    shelf = Shelf(config, tmp_path / "Photos", InProcessEngine(config))
    draw_photos(shelf.photos, 5)
    shelf.watch()
    shelf.take_in()
    draw_photos(shelf.photos / "more", 150, first_seed=100)
    shelf.inventory()
    filler = fill(small_disk, leave=leave_kb * 1024)

    assert code_of(shelf.stream) == "DISK_FULL"
    assert shelf.failures() == {}, "the disk is at fault, not the photos"
    filler.unlink()
    assert shelf.value("SELECT count(*) FROM photos") >= 5
    for picture in [*shelf.library.home.previews.rglob("*.jpg"), *shelf.library.home.thumbnails.rglob("*.jpg")]:
        assert picture.read_bytes().endswith(b"\xff\xd9"), f"{picture.name} is half-written"
    assert [*small_disk.rglob(".*.jpg.*")] == [], "nothing is left lying about"

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert shelf.stream().left == 0
    assert shelf.value("SELECT count(*) FROM photos") == 155
    assert shelf.vectors.count() == 155
    with shelf.library.manifest.read() as tx:
        assert set(integrity.duplicate_rows(tx).values()) == {0}


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all but `leave` bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        room = free_bytes(disk) - leave
        while room > 0 and (written := stream.write(b"\0" * min(room, 1 << 16))):
            room -= written
    return filler


# Small files


def test_atomic_write_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "folder", b"new")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.json", "folder"], "no temporary file is left"


def test_run_file_counts_only_while_its_process_lives(home: Home) -> None:
    assert home.read_run_file(home.api_file) is None
    said = {"port": 8000, **this_process()}
    home.api_file.write_text(json.dumps(said))
    assert home.read_run_file(home.api_file) == said
    home.api_file.write_text(json.dumps({**said, "started": said["started"] - 60}))
    assert home.read_run_file(home.api_file) is None, "after a restart another process has the number"
    home.api_file.write_text(json.dumps({**said, "machine": "another"}))
    assert home.read_run_file(home.api_file) is None
    home.api_file.write_text(json.dumps({**said, "pid": 2**22 + 1}))
    assert home.read_run_file(home.api_file) is None
    for damaged in ("", "[1]", '{"pid": "x"}', "{"):
        home.api_file.write_text(damaged)
        assert home.read_run_file(home.api_file) is None


def test_ingest_lock_is_held_by_one(home: Home) -> None:
    from filelock import Timeout

    with home.ingest_lock(), pytest.raises(Timeout):
        home.ingest_lock().acquire(timeout=0.1)
    home.ingest_lock().acquire(timeout=0.1).lock.release()


def test_free_bytes_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0


def test_what_a_folder_takes_on_the_disk_leaves_out_holes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with open(tmp_path / "in" / "sparse", "wb") as stream:
        stream.truncate(64 << 20)
    (tmp_path / "full").write_bytes(os.urandom(1 << 20))
    (tmp_path / "nothing").symlink_to(tmp_path / "gone")
    assert disk_bytes(tmp_path / "gone") == 0
    assert 1 << 20 <= disk_bytes(tmp_path / "full") < 2 << 20
    assert 1 << 20 <= disk_bytes(tmp_path) < 8 << 20
