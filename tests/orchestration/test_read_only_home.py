"""A home that can be read and not written: a disk mounted read-only, or given to somebody else.

What was decided: without a place for locks nothing is begun, so every command says so, searching too. Nothing is half
read, and when the home can be written again the same command goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import Loupe
from ordinary_user import as_ordinary_user
from test_cli import Draw, loupe

from resources.library import Library
from resources.manifest import integrity
from resources.settings import Settings

__all__ = ["loupe"]

pytestmark = pytest.mark.slow


@contextmanager
def read_only(home: Path) -> Iterator[None]:
    """Nobody but the superuser can write anything in `home` inside the block."""
    modes = {path: path.stat().st_mode for path in (home, *home.rglob("*"))}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def state(home: Path) -> dict[Path, tuple[int, int]]:
    return {path: (info.st_size, info.st_mtime_ns) for path in home.rglob("*") for info in [path.stat()]}


def test_a_home_that_became_read_only_is_named_by_every_command(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw
) -> None:
    home, photos = tmp_path / "home", str(tmp_path / "photos")
    draw_photos(tmp_path / "photos", 4)
    assert loupe("ingest", photos).status == 0
    draw_photos(tmp_path / "photos", 3, seed=2)
    before = state(home)
    with read_only(home):
        for arguments in (("ingest", photos), ("up", photos), ("search", "red"), ("status",), ("backup",)):
            ended = as_ordinary_user(lambda: loupe(*arguments))  # noqa: B023
            assert ended.status == 73, (arguments, ended)
            assert "error [HOME_NOT_WRITABLE]" in ended.err, (arguments, ended.err)
            assert str(home) in ended.err
            assert "Traceback" not in ended.err
    assert state(home) == before
    assert loupe("ingest", photos, "--json").json["decoded"] == 3
    library = Library(Settings(home=home))
    with library.manifest.read() as tx:
        assert not any(integrity.duplicate_rows(tx).values())
        assert set(library.store.pixel_hashes()) == integrity.pixel_hashes(tx)
        assert len(integrity.pixel_hashes(tx)) == 7
