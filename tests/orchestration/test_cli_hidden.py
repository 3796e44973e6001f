"""`loupe hide`, `unhide` and `hidden`: what leaves the library, what comes back, and every file that goes with it."""

from __future__ import annotations

import os
import shutil

from command_line import Loupe
from drawn_photos import draw_photos
from PIL import Image
from shelf import Shelf
from test_cli import loupe

__all__ = ["loupe"]

_MOVIE = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0\0\0\x08wide" + bytes(2000)


def test_photos_leave_and_come_back_with_all_that_is_theirs(loupe: Loupe, shelf: Shelf) -> None:
    photos = shelf.photos
    draw_photos(photos, ["live.jpg", "pair.jpg", "pair.png"])
    with Image.open(photos / "live.jpg") as photo:
        exif = photo.getexif()
        exif[0x010F], exif[0x0110] = "Apple", "iPhone 14 Pro"
        photo.save(photos / "live.jpg", exif=exif)
    (photos / "live.mov").write_bytes(_MOVIE)
    (photos / "copies").mkdir()
    shutil.copy(photos / "live.jpg", photos / "copies" / "again.jpg")
    for name in ("live.jpg.xmp", "pair.xmp"):  # the second belongs to both
        (photos / name).write_text('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
    shelf.watch()
    shelf.take_in()
    assert loupe("status", "--json").json["hidden"] == 0

    left = loupe("hide", str(photos / "copies" / "again.jpg"), shelf.photo_id("pair.jpg"))
    assert (left.status, left.out) == (0, "2 photos left the library; no file was touched.\n"), left.err
    again = loupe("hide", shelf.photo_id("pair.jpg"))
    assert again.out == "1 photo had been removed from the library before.\n"
    theirs = {str(photos / name) for name in ("copies/again.jpg", "live.jpg", "live.jpg.xmp", "live.mov", "pair.jpg")}
    listed = loupe("hidden")
    assert set(listed.out.splitlines()) == theirs, "a sidecar of a photo that stays is not among them"
    assert listed.err == "2 photos removed from the library.\n"
    assert set(loupe("hidden", "--paths").out.split("\0")) == {*theirs, ""}
    assert all(os.path.exists(path) for path in theirs)
    status = loupe("status")
    assert "removed from the library: 2 photos; `loupe hidden` lists them" in status.out
    last = loupe("hidden", "--limit", "1")
    assert last.err == "2 photos removed from the library, the last 1 listed.\n"

    # The run that follows hiding compares what stays with its neighbours anew.
    shelf.take_in()
    assert set(loupe("hidden").out.splitlines()) == theirs

    loupe("hide", str(photos / "pair.png"))
    assert str(photos / "pair.xmp") in loupe("hidden").out.splitlines(), "no photo has it any more"
    # As long as the person keeps another of that name, the video may be that one's.
    draw_photos(photos, ["other.jpg"])
    (photos / "other.jpg").rename(photos / "live.jpeg")
    os.utime(photos / "live.jpeg", (1e9, 1e9))  # not written together, so it does not take the video
    shelf.take_in()
    assert str(photos / "live.mov") not in loupe("hidden").out.splitlines()
    (photos / "live.jpeg").unlink()
    shelf.take_in()
    assert str(photos / "live.mov") in loupe("hidden").out.splitlines()
    back = loupe("unhide", str(photos / "live.jpg"), str(photos / "pair.jpg"), str(photos / "pair.png"))
    assert (back.status, back.out) == (0, "3 photos back in the library.\n"), back.err
    assert loupe("hidden", "--json").json == {"total": 0, "hidden": []}
    unknown = loupe("hide", str(photos / "none.jpg"))
    assert (unknown.status, "error [PHOTO_NOT_FOUND]" in unknown.err) == (66, True)
