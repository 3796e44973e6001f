"""What Pillow leaves aside in JPEG 2000: scaled decoding and the colour profile."""

from __future__ import annotations

from PIL import Image, ImageFile

from resources.imaging.isobmff import boxes
from resources.imaging.previews import least

__all__ = ["loaded", "profile"]

_RESTRICTED_ICC, _ANY_ICC = 2, 3  # methods of the colour specification box (ISO 15444-1, I.5.3.3)


def loaded(image: Image.Image, buffer: bytes, target: tuple[int, int]) -> tuple[Image.Image, str]:
    """The picture at the smallest of its resolutions that is near `target` or larger, and the rung."""
    assert isinstance(image, ImageFile.ImageFile)
    levels = _levels(buffer)
    steps = 0
    width, height = least(target)
    while steps < levels and image.width >> (steps + 1) >= width and image.height >> (steps + 1) >= height:
        steps += 1
    if steps:
        image.reduce = steps  # type: ignore[method-assign,assignment] # a property of this plugin
    image.load()
    return image, "draft" if steps else "raster"


def _levels(buffer: bytes) -> int:
    """Decomposition levels that the main header declares (marker COD), 0 where it is not found."""
    start = buffer.find(b"\xff\x4f\xff\x51")
    at = start + 2
    while at > 0 and at + 4 <= len(buffer) and buffer[at] == 0xFF and buffer[at + 1] not in (0x90, 0x93, 0xD9):
        if buffer[at + 1] == 0x52:
            return buffer[at + 9] if at + 9 < len(buffer) and buffer[at + 9] <= 32 else 0
        at += 2 + int.from_bytes(buffer[at + 2 : at + 4], "big")
    return 0


def profile(buffer: bytes) -> bytes | None:
    """The ICC profile of the header box."""
    view = memoryview(buffer)
    for box in boxes(view, 0, len(view)):
        if box.kind != b"jp2h":
            continue
        for part in boxes(view, box.start, box.end):
            if part.kind == b"colr" and part.end - part.start > 3 and view[part.start] in (_RESTRICTED_ICC, _ANY_ICC):
                return bytes(view[part.start + 3 : part.end])
    return None
