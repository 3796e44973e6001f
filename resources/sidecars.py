"""The `.xmp` file beside a photo: what it is called, and what it says.

Editors leave a photo's bytes alone and write ratings, words and corrections into a sidecar. Which sidecar of a folder
belongs to which photo is asked by name only (`folders` finds them); how what it says joins what the photo says belongs
to `photo_description`.
"""

from __future__ import annotations

from resources.errors import DecodeError
from resources.imaging.metadata import PhotoMetadata, read_metadata
from resources.imaging.xmp import parse_xmp

__all__ = ["read_sidecar", "sidecar_candidates"]

_SUFFIX = ".xmp"


def read_sidecar(buffer: bytes, name: str) -> PhotoMetadata:
    """What a sidecar says. Raises `SIDECAR_INVALID` for what is no XMP; `name` is used in the sentence only."""
    xmp = parse_xmp(buffer)
    if xmp is None:
        raise DecodeError("SIDECAR_INVALID", f"{name} is no XMP sidecar: it holds no packet that can be read.")
    return read_metadata(xmp=xmp)


def sidecar_candidates(file_name: str) -> tuple[str, ...]:
    """The names, in lower case, that a photo's sidecar can have, the surest first.

    "IMG_1.JPG" gives "img_1.jpg.xmp" (darktable, digiKam, XnView) and "img_1.xmp" (Lightroom, Capture One, Photo
    Mechanic, ACDSee). darktable's further versions, "img_1_01.jpg.xmp", are none: they are other pictures made from
    the same file, and the name may belong to a photo "img_1_01.jpg".
    """
    name = file_name.lower()
    stem, dot, _ = name.rpartition(".")
    return (name + _SUFFIX, *([stem + _SUFFIX] if dot and stem else []))
