"""Previews and thumbnails on disk, named by the hash of their pixels.

A file is written whole or not at all, and equal pixels share one file, so writing twice is harmless and a crash leaves
nothing to clean but a dot file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from resources.home import Home, storage_error, write_atomically

__all__ = ["PhotoStore"]


class PhotoStore:
    """The pictures that pages show and models read: `previews/ab/<hash>.jpg` and `thumbnails/ab/<hash>.jpg`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def preview_path(self, pixel_hash: str) -> Path:
        return self._home.previews / pixel_hash[:2] / f"{pixel_hash}.jpg"

    def thumbnail_path(self, pixel_hash: str) -> Path:
        return self._home.thumbnails / pixel_hash[:2] / f"{pixel_hash}.jpg"

    def has(self, pixel_hash: str) -> bool:
        """Whether both the preview and the thumbnail are here."""
        return self.preview_path(pixel_hash).exists() and self.thumbnail_path(pixel_hash).exists()

    def put(self, pixel_hash: str, preview: bytes, thumbnail: bytes) -> None:
        """Store both JPEGs; those already here stay. Raises `DISK_FULL` or `HOME_NOT_WRITABLE`."""
        for path, data in (
            (self.preview_path(pixel_hash), preview),
            (self.thumbnail_path(pixel_hash), thumbnail),
        ):
            if path.exists():
                continue
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, data)
            except OSError as error:
                raise storage_error(error, path.parent) from error

    def pixel_hashes(self) -> Iterator[str]:
        """The names of all stored previews."""
        return (path.stem for path in self._home.previews.glob("*/*.jpg"))

    def size_bytes(self) -> int:
        """Bytes that previews and thumbnails take."""
        folders = (self._home.previews, self._home.thumbnails)
        return sum(path.stat().st_size for folder in folders for path in folder.glob("*/*.jpg"))
