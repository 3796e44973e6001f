"""Folders that stand elsewhere: said by a person, nothing is read; found by themselves, nothing is decoded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import ALL_STAGES, Shelf

from resources.errors import LoupeError
from resources.manifest import Transaction, integrity
from resources.moving import move_folder
from resources.watching import look

NAMES = ["a/1.jpg", "a/2.jpg", "a/deep/3.jpg", "b/4.jpg", "5.jpg"]


@pytest.fixture
def filled(shelf: Shelf) -> Shelf:
    draw_photos(shelf.photos, NAMES)
    (shelf.photos / "a" / "1.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
    )
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    return shelf


def ids(shelf: Shelf) -> dict[str, str]:
    rows = shelf.rows("SELECT rel_path, photo_id FROM files WHERE missing_since IS NULL AND photo_id IS NOT NULL")
    return {Path(row["rel_path"]).name: row["photo_id"] for row in rows}


def cost(shelf: Shelf) -> tuple[int, int, int, int]:
    counts = shelf.take_in(stages=ALL_STAGES)
    assert counts.left == 0
    with shelf.library.manifest.read() as tx:
        assert set(integrity.duplicate_rows(tx).values()) == {0}
    models = counts.embedding_model_images + counts.caption_model_images
    return counts.files_read, counts.decoded, models, counts.sidecars


def test_a_moved_root_is_not_read_again(filled: Shelf, tmp_path: Path) -> None:
    before, seq = ids(filled), filled.newest_seq()
    filled.photos.rename(tmp_path / "Archive")
    moved = move_folder(filled.library.manifest, str(filled.photos), str(tmp_path / "Archive"))

    assert (moved.roots, moved.files, moved.photos) == (1, 6, 5)
    assert filled.outbox_since(seq) == set(before.values())
    assert cost(filled) == (0, 0, 0, 0)
    assert ids(filled) == before
    assert filled.value("SELECT path FROM roots") == str(tmp_path / "Archive")


def test_a_moved_root_with_files_of_its_own_is_due_once(filled: Shelf, tmp_path: Path) -> None:
    """Its own files' partition is named after the root, whose name is another one now."""
    filled.photos.rename(tmp_path / "Archive")
    move_folder(filled.library.manifest, str(filled.photos), str(tmp_path / "Archive"))
    filled.take_in()
    assert look(filled.library.manifest, settle=False, every_file=True).due == ()
    draw_photo(tmp_path / "Archive" / "9.jpg", 9)
    assert cost(filled)[:2] == (1, 1)
    assert filled.value("SELECT count(*) FROM files WHERE rel_path = '9.jpg'") == 1


def test_what_an_earlier_move_left_behind_is_cleared_away(filled: Shelf) -> None:
    """A partition of the root's old name, and a file that came in twice by it."""
    with filled.library.manifest.write() as tx:
        tx.execute(
            """INSERT INTO folder_signatures SELECT * REPLACE ('old-name~0123456789' AS partition_key)
            FROM folder_signatures WHERE rel_path = ''"""
        )
        tx.execute(
            """INSERT INTO files SELECT * REPLACE ('old-name~0123456789' AS partition_key, NULL AS photo_id)
            FROM files WHERE rel_path = '5.jpg'"""
        )
    before = filled.photo_id("5.jpg")
    with filled.library.manifest.write() as tx:
        tx.execute("DELETE FROM schema_migrations WHERE version = 11")
        tx.execute("DROP TABLE IF EXISTS documents_without_files")
    filled.library.manifest.prepare()
    assert cost(filled) == (0, 0, 0, 0)
    assert look(filled.library.manifest, settle=False, every_file=True).due == ()
    assert filled.value("SELECT count(*) FROM folder_signatures WHERE rel_path = ''") == 1
    assert filled.photo_id("5.jpg") == before


def test_a_file_that_stands_twice_is_mended(filled: Shelf) -> None:
    before = filled.photo_id("5.jpg")
    with filled.library.manifest.write() as tx:
        tx.execute("UPDATE files SET photo_id = NULL, sha256 = NULL WHERE rel_path = '5.jpg'")
        tx.execute(
            """INSERT INTO files SELECT * REPLACE (? AS photo_id, 'bytes' AS sha256) FROM files
            WHERE rel_path = '5.jpg'""",
            [before],
        )
        assert integrity.drop_duplicates(tx) == 1
    assert filled.photo_id("5.jpg") == before


def test_a_disk_that_is_mounted_elsewhere_takes_its_roots_along(shelf: Shelf, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    for name in ("one", "two"):
        draw_photos(disk / name, [f"{name}.jpg"], first_seed=len(name) + ord(name[0]))
        shelf.watch(disk / name)
    shelf.take_in(stages=ALL_STAGES)
    before = ids(shelf)
    disk.rename(tmp_path / "mounted")
    assert move_folder(shelf.library.manifest, str(disk), str(tmp_path / "mounted")).roots == 2
    assert cost(shelf) == (0, 0, 0, 0)
    assert ids(shelf) == before


def test_a_moved_part_keeps_everything_its_sidecar_too(filled: Shelf) -> None:
    before = ids(filled)
    (filled.photos / "trips").mkdir()
    (filled.photos / "a").rename(filled.photos / "trips" / "spring")
    move_folder(filled.library.manifest, str(filled.photos / "a"), str(filled.photos / "trips" / "spring"))

    assert cost(filled) == (0, 0, 0, 0)
    assert ids(filled) == before
    assert filled.value("SELECT rating FROM photos WHERE photo_id = ?", [before["1.jpg"]]) == 4
    assert filled.value("SELECT sidecar FROM files WHERE photo_id = ?", [before["1.jpg"]]) == "trips/spring/1.xmp"


def test_a_part_moved_to_another_root(filled: Shelf, tmp_path: Path) -> None:
    other = tmp_path / "Other"
    draw_photo(other / "9.jpg", 9)
    filled.watch(other)
    filled.take_in(stages=ALL_STAGES)
    before = ids(filled)
    (filled.photos / "b").rename(other / "b")
    move_folder(filled.library.manifest, str(filled.photos / "b"), str(other / "b"))
    assert cost(filled) == (0, 0, 0, 0)
    assert ids(filled) == before


def test_said_after_the_scan_had_found_it(filled: Shelf) -> None:
    """The sensor was quicker: the new paths stand in the manifest, unread or read."""
    before = ids(filled)
    (filled.photos / "b").rename(filled.photos / "c")
    filled.inventory()
    shutil.move(filled.photos / "a", filled.photos / "d")
    filled.take_in(stages=ALL_STAGES)
    for old, new in (("b", "c"), ("a", "d")):
        with pytest.raises(LoupeError, match="is known"):  # its files are missing there, and found here
            move_folder(filled.library.manifest, str(filled.photos / old), str(filled.photos / new))
    assert cost(filled)[1:3] == (0, 0)
    assert ids(filled) == before


def test_found_by_itself_a_move_costs_nothing_where_it_is_certain(filled: Shelf) -> None:
    """Not even the time until it is read: search shows the files at their new place at once, sidecars with them."""
    before, seq = ids(filled), filled.newest_seq()
    (filled.photos / "a").rename(filled.photos / "renamed")
    changes = filled.inventory().changes
    assert (changes.moved, changes.gone, changes.new) == (3, 1, 1), "the sidecar by itself is only a name"
    assert ids(filled) == before
    assert filled.outbox_since(seq) == {before[name] for name in ("1.jpg", "2.jpg", "3.jpg")}
    assert filled.value("SELECT count(*) FROM files WHERE missing_since IS NOT NULL AND photo_id IS NOT NULL") == 0
    assert filled.value("SELECT sidecar FROM files WHERE rel_path = 'renamed/1.jpg'") == "renamed/1.xmp"
    assert cost(filled) == (0, 0, 0, 0)
    assert filled.value("SELECT rating FROM photos WHERE photo_id = ?", [before["1.jpg"]]) == 4


def test_found_by_itself_a_move_to_another_root_costs_nothing(filled: Shelf, tmp_path: Path) -> None:
    other = tmp_path / "Other"
    draw_photo(other / "9.jpg", 9)
    filled.watch(other)
    filled.take_in(stages=ALL_STAGES)
    before = ids(filled)
    (filled.photos / "b").rename(other / "b")
    assert cost(filled) == (0, 0, 0, 0)
    assert ids(filled) == before


@pytest.mark.parametrize("also", ["a copy came", "a twin went", "a stranger stands", "the time is another"])
def test_found_by_itself_a_move_that_is_not_certain_is_read(filled: Shelf, also: str) -> None:
    """Another file of the same name, size and time could be the one that moved."""
    photo = filled.photos / "b" / "4.jpg"
    size, mtime_ns = photo.stat().st_size, photo.stat().st_mtime_ns

    def stranger(folder: str) -> Path:
        path = filled.photos / folder / "4.jpg"
        path.parent.mkdir()
        path.write_bytes(draw_photo(filled.photos / "x.jpg", 77).read_bytes().ljust(size, b"\0")[:size])
        (filled.photos / "x.jpg").unlink()
        os.utime(path, ns=(mtime_ns, mtime_ns))
        return path

    if also in ("a twin went", "a stranger stands"):
        twin = stranger("other")
        filled.take_in(stages=ALL_STAGES)
        if also == "a twin went":
            twin.unlink()
    before = filled.photo_id("b/4.jpg")
    (filled.photos / "c").mkdir()
    moved = photo.rename(filled.photos / "c" / "4.jpg")
    if also == "a copy came":
        stranger("d")
    if also == "the time is another":
        os.utime(moved, ns=(mtime_ns, mtime_ns + 1))
    assert filled.inventory().changes.moved == 0
    assert filled.stream(stages=ALL_STAGES).files_read > 0
    assert filled.photo_id("c/4.jpg") == before, "its content says the same, later"


def test_the_parts_of_a_live_photo_move_together(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a/IMG_1.jpg", "b/2.jpg"])
    (shelf.photos / "a" / "IMG_1.mov").write_bytes(b"a short film")
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    with shelf.library.manifest.write() as tx:
        tx.execute(
            "UPDATE files SET motion_of = ? WHERE rel_path = 'a/IMG_1.mov'", [photo := shelf_photo(tx, "a/IMG_1.jpg")]
        )
    (shelf.photos / "a").rename(shelf.photos / "c")
    assert shelf.inventory().changes.moved == 2
    assert shelf.value("SELECT motion_of FROM files WHERE rel_path = 'c/IMG_1.mov'") == photo


def shelf_photo(tx: Transaction, rel_path: str) -> str:
    return str(tx.value("SELECT photo_id FROM files WHERE rel_path = ?", [rel_path]))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("nowhere", "Photos/b", "ROOT_NOT_FOUND"),
        ("Photos", "gone", "DIR_NOT_FOUND"),
        ("Photos", "elsewhere", "MOVE_NOT_FOUND"),
        ("Photos/a", "elsewhere", "ROOT_NOT_FOUND"),
        ("Photos/a", "Photos/b", "MOVE_NOT_FOUND"),
        ("Photos", "Other/within", "ROOT_NESTED"),
    ],
)
def test_what_cannot_be_a_move_changes_nothing(filled: Shelf, tmp_path: Path, old: str, new: str, code: str) -> None:
    draw_photo(tmp_path / "Other" / "within" / "9.jpg", 9)
    filled.watch(tmp_path / "Other")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "nowhere").mkdir()
    before = filled.rows("FROM files ORDER BY ALL"), filled.newest_seq()
    with pytest.raises(LoupeError) as caught:
        move_folder(filled.library.manifest, str(tmp_path / old), str(tmp_path / new))
    assert caught.value.code == code
    assert (filled.rows("FROM files ORDER BY ALL"), filled.newest_seq()) == before
