"""The pages of a multi-page TIFF: which of its pictures are photos of their own.

Thumbnails, masks and the smaller copies of a pyramid are not. What belongs elsewhere: reading directories (`tiff`),
decoding a page (`tiff_photo`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.metadata import PhotoMetadata
from resources.imaging.previews import Pixels
from resources.imaging.raster import Raster
from resources.imaging.tiff import Directory, Tiff, TiffError
from resources.imaging.tiff_photo import TiffPage

__all__ = ["Pages", "of_page"]

# Directories looked at, whatever the file claims: a fuzzed chain can be as long as the file.
_MOST_DIRECTORIES = 20_000

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _HEIGHT = 0x00FE, 0x00FF, 0x0100, 0x0101
_REDUCED_OR_MASK = 0b101  # bits of NewSubfileType (TIFF 6.0, section 8)
_OLD_REDUCED = 2

# A smaller copy of a page has its proportions and at most this share of its long edge.
_COPY_SHARE, _COPY_ASPECT = 0.6, 0.03
# Two pictures of 64 x 64 greys are copies from this correlation on: a reduced copy of a page of text reaches 0.99, two
# pages set alike 0.67 at most (12 drawn ones).
_COPY_LIKENESS, _SIGNATURE_PX = 0.95, 64

_DecodePage = Callable[[TiffPage], Raster]


@dataclass(frozen=True)
class Pages:
    """The first pages of one TIFF, in order, and how many it has in all."""

    pages: tuple[TiffPage, ...]
    total: int

    @classmethod
    def of(cls, buffer: bytes, max_pages: int, decode_page: _DecodePage) -> Pages | None:
        """None for a TIFF of a single directory, and for one that cannot be read.

        `decode_page` is asked for pictures that nothing but their content tells from a smaller copy.
        """
        try:
            tiff = Tiff(buffer)
        except TiffError:
            return None
        chain = list(tiff.chain(_MOST_DIRECTORIES))
        if len(chain) < 2 or not any(_size(directory) for _, directory in chain):
            return None
        shared = bytearray(buffer)
        every = [TiffPage(tiff, offset, directory, shared) for offset, directory in chain if _size(directory)]
        own = [page for page in every if not _is_reduced(page.directory)] or every[:1]
        kept = _without_copies(own, decode_page)
        return cls(tuple(kept[:max_pages]), len(kept)) if kept else None


def _size(directory: Directory) -> int:
    """Pixels of the long edge; 0 where the directory holds no picture."""
    width, height = directory.integer(_WIDTH), directory.integer(_HEIGHT)
    return max(width, height) if width and height and width > 0 and height > 0 else 0


def _aspect(directory: Directory) -> float:
    return (directory.number(_WIDTH) or 1.0) / (directory.number(_HEIGHT) or 1.0)


def _is_reduced(directory: Directory) -> bool:
    kind = directory.integer(_NEW_SUBFILE_TYPE)
    if kind is not None:
        return bool(kind & _REDUCED_OR_MASK)
    return directory.integer(_SUBFILE_TYPE) == _OLD_REDUCED


def _without_copies(pages: list[TiffPage], decode_page: _DecodePage) -> list[TiffPage]:
    """The pages without unmarked smaller copies of the largest: pyramids and thumbnails of careless writers."""
    largest = max(pages, key=lambda page: _size(page.directory))
    size, aspect = _size(largest.directory), _aspect(largest.directory)
    suspects = [
        page
        for page in pages
        if _size(page.directory) <= _COPY_SHARE * size
        and abs(_aspect(page.directory) / aspect - 1) <= _COPY_ASPECT + 2 / _size(page.directory)
    ]
    if not suspects:
        return pages
    whole = _signature(largest, decode_page)
    copies = {
        page.offset
        for page in suspects
        if whole is not None
        and (small := _signature(page, decode_page)) is not None
        and float(np.corrcoef(whole, small)[0, 1]) >= _COPY_LIKENESS
    }
    return [page for page in pages if page.offset not in copies]


def _signature(page: TiffPage, decode_page: _DecodePage) -> Pixels | None:
    """64 x 64 greys in a row; None for what cannot be decoded or is blank."""
    try:
        pixels = decode_page(page).pixels
    except DecodeError:
        return None
    grey = Image.fromarray(pixels).convert("L").resize((_SIGNATURE_PX, _SIGNATURE_PX), Image.Resampling.BOX)
    values = np.asarray(grey).ravel()
    return values if values.std() > 2 else None


def of_page(document: PhotoMetadata, page: PhotoMetadata) -> PhotoMetadata:
    """What is known of a page: what it says itself, and for the rest what the first page says of the document."""
    said = {key: value for key, value in vars(page).items() if value not in (None, ())}
    for group in (("taken_at", "taken_at_offset_min", "taken_at_source"), ("gps_lat", "gps_lon", "gps_alt_m")):
        if group[0] in said:  # not the document's offset for the page's own time
            said |= {key: getattr(page, key) for key in group}
    return replace(document, **{**said, "orientation": page.orientation})
