"""Previews and thumbnails on disk, named by the hash of their pixels.

A file is written whole or not at all, and equal pixels share one file, so writing twice is harmless. What a kill leaves
stands in one folder, not among the pictures, so that sweeping costs the same in a library of a million.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from resources.home import Home, storage_error, sweep_unfinished, write_atomically

__all__ = ["PhotoStore"]

# Where a picture is written before it gets its name; on the same disk as where it goes.
_BEGUN = ".unfinished"


class PhotoStore:
    """The pictures that pages show and models read: `previews/ab/<hash>.jpg` and `thumbnails/ab/<hash>.jpg`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def preview_path(self, pixel_hash: str) -> Path:
        return self._home.previews / pixel_hash[:2] / f"{pixel_hash}.jpg"

    def thumbnail_path(self, pixel_hash: str) -> Path:
        return self._home.thumbnails / pixel_hash[:2] / f"{pixel_hash}.jpg"

    def has(self, pixel_hash: str) -> bool:
        """Whether both the preview and the thumbnail are here, and not emptied by a power cut."""
        return _is_whole(self.preview_path(pixel_hash)) and _is_whole(self.thumbnail_path(pixel_hash))

    def has_thumbnail(self, pixel_hash: str) -> bool:
        """As `has`, of the thumbnail alone."""
        return _is_whole(self.thumbnail_path(pixel_hash))

    def put(self, pixel_hash: str, preview: bytes, thumbnail: bytes) -> None:
        """Store both JPEGs; those already here stay. Raises `DISK_FULL` or `HOME_NOT_WRITABLE`."""
        for path, data in (
            (self.preview_path(pixel_hash), preview),
            (self.thumbnail_path(pixel_hash), thumbnail),
        ):
            if _is_whole(path):
                continue
            begun_in = path.parent.with_name(_BEGUN)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                begun_in.mkdir(exist_ok=True)
                write_atomically(path, data, durable=False, begun_in=begun_in)
            except OSError as error:
                raise storage_error(error, path.parent) from error

    def remove(self, pixel_hash: str) -> None:
        """Delete preview and thumbnail, as far as they are here."""
        self.preview_path(pixel_hash).unlink(missing_ok=True)
        self.thumbnail_path(pixel_hash).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed writers left of pictures."""
        for folder in (self._home.previews, self._home.thumbnails):
            sweep_unfinished(folder / _BEGUN)

    def pixel_hashes(self) -> Iterator[str]:
        """The names of all pictures whose preview and thumbnail are here."""
        return iter(_whole_in(self._home.previews) & _whole_in(self._home.thumbnails))

    def thumbnail_hashes(self) -> set[str]:
        """The names of all pictures whose thumbnail is here."""
        return _whole_in(self._home.thumbnails)


def _is_whole(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _whole_in(folder: Path) -> set[str]:
    """The names of the files with content below `folder`, by one listing and one `stat` each."""
    names: set[str] = set()
    for shelf in os.scandir(folder):
        if shelf.is_dir():
            with os.scandir(shelf.path) as entries:
                names.update(
                    entry.name.removesuffix(".jpg")
                    for entry in entries
                    if entry.name.endswith(".jpg") and not entry.name.startswith(".") and entry.stat().st_size > 0
                )
    return names
