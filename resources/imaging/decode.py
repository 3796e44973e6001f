"""One photo from its bytes: the format by content, then the decoder of its family.

The only door to the decoders. Whatever the bytes are, the answer is a `DecodedPhoto` or a `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from resources.errors import DecodeError
from resources.imaging.heif import decode_heif
from resources.imaging.jxl import decode_jxl
from resources.imaging.metadata import PhotoMetadata
from resources.imaging.pages import Pages, of_page
from resources.imaging.previews import Pixels
from resources.imaging.psd import decode_psd
from resources.imaging.raster import Raster, decode_raster
from resources.imaging.raw import decode_raw
from resources.imaging.sniff import RAW_WITHOUT_MARKS, Sniffed, foreign_kind, sniff, sniff_by_name
from resources.imaging.tiff_photo import TiffPage, decode_tiff

__all__ = ["DECODER_VERSION", "DecodedPhoto", "decode", "decode_pages"]

# Part of what a preview is known by: bump it when the same bytes could give other pixels, another answer or other
# metadata. Failures are tried again when it changes.
DECODER_VERSION = "2"


@dataclass(frozen=True)
class DecodedPhoto:
    """One photo: upright sRGB preview pixels uint8 [h, w, 3] and what is known of the whole."""

    pixels: Pixels
    width: int  # upright full size, pixels
    height: int
    format: str
    mime: str
    rung: str  # "raster", "draft" (JPEG scaled while decoding), "embedded_preview", "half_size", "full"
    warnings: tuple[str, ...]  # codes of `resources.errors.WARNINGS`
    metadata: PhotoMetadata
    page: int = 1  # of a multi-page TIFF, from 1; every other photo is one page
    pages: int = 1  # how many the file holds, with those that are unreadable or left out


def decode(buffer: bytes | memoryview, *, name: str, preview_px: int, max_pixels: int) -> DecodedPhoto:
    """The preview and metadata of one photo held in memory.

    `name` is used in sentences only. The long edge of the pixels is at most `preview_px`, never enlarged. More
    declared pixels than `max_pixels` are refused before anything is decoded. Raises `DecodeError`, and nothing
    else for bad bytes.
    """
    data = buffer if isinstance(buffer, bytes) else bytes(buffer)
    sniffed = _sniffed(data, name)
    if sniffed.format == "TIFF":
        document = _Document(data, sniffed, name, preview_px, max_pixels)
        return document.page(0)
    return _photo(_decoded(data, sniffed, name, preview_px, max_pixels), sniffed)


def decode_pages(
    buffer: bytes | memoryview, *, name: str, preview_px: int, max_pixels: int, max_pages: int
) -> Iterator[DecodedPhoto]:
    """All photos of one file in order: the pages of a TIFF, for any other format the one that `decode` gives.

    Thumbnails, masks and the smaller copies of a pyramid are no pages. A page that cannot be decoded is left out,
    with "PAGE_UNREADABLE" on the first page, or far into a long document on the page before. Where more than
    `max_pages` stand in the file, the first carries "PAGES_LEFT_OUT". Raises `DecodeError` where `decode` does: the
    first page must be readable.
    """
    data = buffer if isinstance(buffer, bytes) else bytes(buffer)
    sniffed = _sniffed(data, name)
    if sniffed.format != "TIFF":
        yield _photo(_decoded(data, sniffed, name, preview_px, max_pixels), sniffed)
        return
    document = _Document(data, sniffed, name, preview_px, max_pixels, max_pages)
    first = document.page(0)
    near = [document.later_page(index, first) for index in range(1, min(document.count, _PAGES_AHEAD + 1))]
    if document.total > document.count:
        first = _warned(first, "PAGES_LEFT_OUT")
    yield _warned(first, "PAGE_UNREADABLE") if None in near else first
    waiting: DecodedPhoto | None = None
    for index in range(1, document.count):
        photo = near[index - 1] if index <= len(near) else document.later_page(index, first)
        if photo is not None:
            if waiting is not None:
                yield waiting
            waiting = photo
        elif waiting is not None and index > len(near):
            waiting = _warned(waiting, "PAGE_UNREADABLE")
    if waiting is not None:
        yield waiting


# Pages that are decoded before the first is given out, because it must say whether they can be. A preview is 2 to 3 MB.
_PAGES_AHEAD = 32


def _warned(photo: DecodedPhoto, code: str) -> DecodedPhoto:
    return replace(photo, warnings=tuple(dict.fromkeys((*photo.warnings, code))))


class _Document:
    """A TIFF, page by page."""

    def __init__(
        self, data: bytes, sniffed: Sniffed, name: str, preview_px: int, max_pixels: int, max_pages: int = 1 << 16
    ) -> None:
        self._arguments = (data, sniffed, name, preview_px, max_pixels)
        pages = Pages.of(data, max_pages, lambda page: _decoded(*self._arguments, page))
        self._pages: tuple[TiffPage | None, ...] = pages.pages if pages else (None,)
        self.count = len(self._pages)
        self.total = pages.total if pages else 1

    def page(self, index: int) -> DecodedPhoto:
        raster = _decoded(*self._arguments, self._pages[index])
        photo = _photo(raster, self._arguments[1])
        return replace(photo, page=index + 1, pages=self.total)

    def later_page(self, index: int, first: DecodedPhoto) -> DecodedPhoto | None:
        """A page with what `first` says where it does not say itself; None where it cannot be decoded."""
        try:
            photo = self.page(index)
        except DecodeError:
            return None
        return replace(photo, metadata=of_page(first.metadata, photo.metadata))


def _sniffed(data: bytes, name: str) -> Sniffed:
    """What the bytes are. Raises `EMPTY_FILE`, `NOT_AN_IMAGE`, `UNSUPPORTED_FORMAT`."""
    if not data:
        raise DecodeError("EMPTY_FILE", f"{name} is empty: it has no bytes.")
    sniffed = sniff(data) or sniff_by_name(data, name)
    if sniffed is not None:
        return sniffed
    foreign = foreign_kind(data)
    if foreign is None:
        raise DecodeError("NOT_AN_IMAGE", f"{name} does not begin like any image that is known.")
    words, image = foreign
    code = "UNSUPPORTED_FORMAT" if image else "NOT_AN_IMAGE"
    raise DecodeError(code, f"{name} is {words}, which " + ("no decoder here reads." if image else "is no photo."))


def _decoded(
    data: bytes, sniffed: Sniffed, name: str, preview_px: int, max_pixels: int, page: TiffPage | None = None
) -> Raster:
    raster = _by_family(data, sniffed, name, preview_px, max_pixels, page)
    if _is_unfinished(data, sniffed) and "TRUNCATED" not in raster.warnings:
        return replace(raster, warnings=(*raster.warnings, "TRUNCATED"))
    return raster


# What tells by itself that its end is missing: coded data does not end in zeros, or its decoder says so.
_TELLING = {"JPEG", "PNG", "WEBP", "GIF", "AVIF"}
_QOI_END = bytes(7) + b"\x01"
_LEAST_TAIL, _TAIL_SHARE = 4096, 3


def _is_unfinished(data: bytes, sniffed: Sniffed) -> bool:
    """Whether a file looks like a copy that was never finished, in a format that decodes zeros to pixels.

    More than a third of it is zeros at its end (the black plane of a CMYK picture in planes is a quarter). A picture
    that is stored plainly and black there gets a warning that it does not need; nothing is refused for it.
    """
    if sniffed.format == "QOI":
        return not data.endswith(_QOI_END)
    if sniffed.family in ("raw", "heif") or sniffed.format in _TELLING or any(data[-_LEAST_TAIL:]):
        return False
    tail = len(data) - len(data.rstrip(b"\0"))
    return tail >= _LEAST_TAIL and tail * _TAIL_SHARE > len(data)


def _by_family(
    data: bytes, sniffed: Sniffed, name: str, preview_px: int, max_pixels: int, page: TiffPage | None
) -> Raster:
    if sniffed.family == "raw":
        try:
            return decode_raw(data, sniffed, name=name, preview_px=preview_px, max_pixels=max_pixels)
        except DecodeError as error:
            if sniffed.format in RAW_WITHOUT_MARKS and error.code in ("UNSUPPORTED_FORMAT", "DECODE_RAW", "CORRUPT"):
                return _as_plain_tiff(data, error, name, preview_px, max_pixels)
            raise
    if sniffed.family == "heif":
        return decode_heif(data, name=name, preview_px=preview_px, max_pixels=max_pixels)
    if sniffed.family == "jxl":
        return decode_jxl(data, name=name, preview_px=preview_px, max_pixels=max_pixels)
    if sniffed.family == "psd":
        return decode_psd(data, name=name, preview_px=preview_px, max_pixels=max_pixels)
    if sniffed.family == "tiff":
        return decode_tiff(data, name=name, preview_px=preview_px, max_pixels=max_pixels, page=page)
    return decode_raster(data, sniffed, name=name, preview_px=preview_px, max_pixels=max_pixels)


# A camera's TIFF whose first picture is smaller than this is a RAW that could not be read, not a plain TIFF.
_LEAST_TIFF_PX = 640


def _as_plain_tiff(data: bytes, refusal: DecodeError, name: str, preview_px: int, max_pixels: int) -> Raster:
    try:
        raster = decode_tiff(data, name=name, preview_px=preview_px, max_pixels=max_pixels)
    except DecodeError:
        raise refusal from None
    if max(raster.width, raster.height) < _LEAST_TIFF_PX:
        raise refusal
    return raster


def _photo(raster: Raster, sniffed: Sniffed) -> DecodedPhoto:
    return DecodedPhoto(
        pixels=raster.pixels,
        width=raster.width,
        height=raster.height,
        format=sniffed.format,
        mime=sniffed.mime,
        rung=raster.rung,
        warnings=raster.warnings,
        metadata=raster.metadata,
    )
