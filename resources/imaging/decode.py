"""One photo from its bytes: the format by content, then the decoder of its family.

The only door to the decoders. Whatever the bytes are, the answer is a `DecodedPhoto` or a `DecodeError`.
"""

from __future__ import annotations

from dataclasses import dataclass

from resources.errors import DecodeError
from resources.imaging.heif import decode_heif
from resources.imaging.metadata import PhotoMetadata
from resources.imaging.previews import Pixels
from resources.imaging.raster import Raster, decode_raster
from resources.imaging.raw import decode_raw
from resources.imaging.sniff import foreign_kind, sniff

__all__ = ["DECODER_VERSION", "DecodedPhoto", "decode"]

# Part of what a preview is known by: bump it when the same bytes could give other pixels, another answer or other
# metadata. Failures are tried again when it changes.
DECODER_VERSION = "1"


@dataclass(frozen=True)
class DecodedPhoto:
    """One photo: upright sRGB preview pixels uint8 [h, w, 3] and what is known of the whole."""

    pixels: Pixels
    width: int  # upright full size, pixels
    height: int
    format: str
    mime: str
    rung: str  # "raster", "draft" (JPEG scaled while decoding), "embedded_preview", "half_size", "full"
    warnings: tuple[str, ...]  # codes: "TRUNCATED", "CORRUPT", "PREVIEW_ONLY"
    metadata: PhotoMetadata


def decode(buffer: bytes | memoryview, *, name: str, preview_px: int, max_pixels: int) -> DecodedPhoto:
    """The preview and metadata of one photo held in memory.

    `name` is used in sentences only. The long edge of the pixels is at most `preview_px`, never enlarged. More
    declared pixels than `max_pixels` are refused before anything is decoded. Raises `DecodeError`, and nothing
    else for bad bytes.
    """
    data = buffer if isinstance(buffer, bytes) else bytes(buffer)
    if not data:
        raise DecodeError("EMPTY_FILE", f"{name} is empty: it has no bytes.")
    sniffed = sniff(data)
    if sniffed is None:
        foreign = foreign_kind(data)
        if foreign is None:
            raise DecodeError("NOT_AN_IMAGE", f"{name} does not begin like any image that is known.")
        words, image = foreign
        code = "UNSUPPORTED_FORMAT" if image else "NOT_AN_IMAGE"
        raise DecodeError(code, f"{name} is {words}, which " + ("no decoder here reads." if image else "is no photo."))
    raster: Raster
    if sniffed.family == "raw":
        raster = decode_raw(data, sniffed, name=name, preview_px=preview_px, max_pixels=max_pixels)
    elif sniffed.family == "heif":
        raster = decode_heif(data, name=name, preview_px=preview_px, max_pixels=max_pixels)
    else:
        raster = decode_raster(data, sniffed, name=name, preview_px=preview_px, max_pixels=max_pixels)
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
