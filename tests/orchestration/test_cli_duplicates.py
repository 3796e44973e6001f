"""`loupe duplicates` from the shell: find, list, keep."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog
from command_line import Loupe, command
from drawn_photos import draw_photos
from PIL import Image
from shelf import Shelf


@pytest.fixture
def loupe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shelf: Shelf) -> Iterator[Loupe]:
    """The command in the home of a library of three photos and a small copy of one."""
    monkeypatch.setenv("LOUPE_HOME", str(shelf.settings.home))
    draw_photos(shelf.photos, ["a.jpg", "b.jpg", "c.jpg"])
    Image.open(shelf.photos / "b.jpg").resize((80, 60)).save(shelf.photos / "b-small.jpg")
    shelf.watch()
    shelf.take_in()
    yield command(monkeypatch, capfd)
    structlog.reset_defaults()


def test_found_listed_and_put_away(loupe: Loupe, shelf: Shelf) -> None:
    assert "not compared yet" in loupe("duplicates", "list").err
    assert loupe("duplicates", "find", "--json").json["groups"] == {"same_picture": 1}
    listed = loupe("duplicates", "list")
    assert listed.out.splitlines()[1:] == [f"  keep  {shelf.photos}/b.jpg", f"        {shelf.photos}/b-small.jpg"]
    assert "more_pixels" in listed.out
    assert loupe("duplicates", "list", "--paths").out == f"{os.fspath(shelf.photos)}/b-small.jpg\0"
    tried = loupe("duplicates", "keep", "--tier", "same_picture", "--dry-run")
    assert "1 group: 1 photo would leave the library" in tried.out
    done = loupe("duplicates", "keep", "--tier", "same_picture", "--json").json
    assert (done["hidden"], done["dry_run"]) == (1, False)
    assert loupe("duplicates", "list").out == ""
    assert (shelf.photos / "b-small.jpg").exists()


@pytest.mark.parametrize("arguments", [(), ("--tier", "nonsense"), ("group", "--tier", "burst")])
def test_what_cannot_be_meant_is_refused(loupe: Loupe, arguments: tuple[str, ...]) -> None:
    ended = loupe("duplicates", "keep", *arguments)
    assert ended.status == 64
    assert "INVALID_REQUEST" in ended.err
