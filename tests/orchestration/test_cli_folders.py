"""`loupe folders move` and `accept-missing`: a person's word about folders that stand elsewhere or are gone."""

from __future__ import annotations

import shutil

import pytest
from command_line import Loupe
from drawn_photos import draw_photos
from shelf import Shelf
from test_cli import loupe

__all__ = ["loupe"]


@pytest.fixture
def filled(shelf: Shelf) -> Shelf:
    draw_photos(shelf.photos, ["a.jpg", "2001/b.jpg"])
    shelf.watch()
    shelf.take_in()
    return shelf


def test_a_folder_that_moved_is_named_and_nothing_is_read(loupe: Loupe, filled: Shelf) -> None:
    ids = {filled.photo_id("a.jpg"), filled.photo_id("2001/b.jpg")}
    new = filled.photos.with_name("Disk")
    missing = loupe("folders", "move", str(filled.photos), str(new))
    assert (missing.status, "error [DIR_NOT_FOUND]" in missing.err) == (66, True), missing.err
    filled.photos.rename(new)
    moved = loupe("folders", "move", str(filled.photos), str(new))
    assert (moved.status, moved.out) == (0, f"{filled.photos} stands at {new}: 2 files, 2 photos.\n"), moved.err
    (row,) = loupe("folders", "list", "--json").json["folders"]
    assert (row["path"], row["photos"], row["missing"]) == (str(new), 2, 0)
    assert filled.take_in().decoded == 0
    assert {filled.photo_id("a.jpg"), filled.photo_id("2001/b.jpg")} == ids
    unknown = loupe("folders", "move", str(filled.photos), str(new), "--json")
    assert (unknown.status, unknown.json["error"]["code"]) == (66, "ROOT_NOT_FOUND")


def test_a_renamed_file_is_not_missing_but_one_that_went_is(loupe: Loupe, filled: Shelf) -> None:
    (filled.photos / "a.jpg").rename(filled.photos / "z.jpg")
    gone = filled.photos / "2001" / "b.jpg"
    content = gone.read_bytes()
    gone.unlink()
    filled.take_in()
    (row,) = loupe("folders", "list", "--json").json["folders"]
    assert (row["photos"], row["missing"]) == (1, 1)
    assert loupe("status", "--json").json["missing"] == 1
    (filled.photos / "c.jpg").write_bytes(content)
    filled.take_in()
    assert (loupe("status", "--json").json["missing"], "missing" in loupe("status").out) == (0, False)


def test_files_that_vanished_are_gone_when_a_person_says_so(loupe: Loupe, filled: Shelf) -> None:
    (filled.photos / "a.jpg").unlink()
    shutil.rmtree(filled.photos / "2001")
    assert filled.inventory().vanished, "held back"
    done = loupe("folders", "accept-missing", str(filled.photos))
    assert (done.status, done.out) == (0, f"2 files of {filled.photos} are now missing.\n"), done.err
    (row,) = loupe("folders", "list", "--json").json["folders"]
    assert (row["photos"], row["missing"], row["state"]) == (0, 2, "online")
    unknown = loupe("folders", "accept-missing", str(filled.photos / "2001"))
    assert (unknown.status, "error [ROOT_NOT_FOUND]" in unknown.err) == (66, True)

    filled.photos.rmdir()
    offline = loupe("folders", "accept-missing", str(filled.photos))
    assert (offline.status, "error [ROOT_OFFLINE]" in offline.err) == (75, True), offline.err
