"""Any decoded Pillow picture, already reduced, to sRGB pixels on white.

Colour work costs per pixel, so it is done on the preview, never on the full-size picture. What belongs here:
modes, bit depths, ICC profiles, alpha. What does not: opening files, sizes.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

__all__ = ["flatten_depth", "to_srgb"]

_SRGB_NAMES = ("sRGB IEC61966-2", "sRGB built-in")
_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}

# A 16-bit picture that uses less than this share of its range (thermal cameras, 12 bits in 16) is stretched:
# shown as it stands it would be one flat grey.
_NARROW_RANGE = 1 / 8


def flatten_depth(image: Image.Image, bits: int | None = None) -> Image.Image:
    """16-bit, 32-bit and float greyscale to 8 bits; other modes are returned unchanged.

    `bits` is the depth the file declares; unknown depths and floats are stretched to the values present.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float32)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Image.new("L", image.size)
    low, high = (float(bound) for bound in np.percentile(finite, (0.1, 99.9)))
    full = float((1 << bits) - 1) if bits and 8 < bits <= 16 else 65535.0
    if image.mode == "F":
        if low >= 0.0 and high <= 1.0:
            low, high = 0.0, 1.0
    elif high <= full and low >= 0 and high - low >= _NARROW_RANGE * full:
        low, high = 0.0, full
    scale = 255.0 / (high - low) if high > low else 0.0
    offset = 0.0 if scale else 255.0 * low / full  # a picture of one value stays that value
    shown = np.nan_to_num((values - low) * scale + offset)
    return Image.fromarray(np.clip(shown + 0.5, 0, 255).astype(np.uint8))


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An 8-bit picture of any mode as "RGB", converted from its ICC profile, transparency laid on white."""
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode in ("1", "PA", "La", "RGBa", "YCbCr", "HSV"):
        image = image.convert({"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB"))
    elif image.mode in ("L", "RGB") and "transparency" in image.info:
        image = image.convert("RGBA")
    alpha: Image.Image | None = None
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    if image.mode == "RGBX":
        image = image.convert("RGB")
    image = _convert(image, icc)
    if alpha is not None and alpha.getextrema() != (255, 255):
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    return image


def _convert(image: Image.Image, icc: bytes | None) -> Image.Image:
    if image.mode == "LAB" and not icc:
        return ImageCms.applyTransform(image, _lab_transform()) or image
    transform = _transform(icc, image.mode) if icc else None
    if transform is not None:
        try:
            return ImageCms.applyTransform(image, transform) or image
        except (ImageCms.PyCMSError, ValueError):
            pass  # a damaged profile must not cost the picture
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=64)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform to sRGB; None where the profile is sRGB itself, unreadable or of another colour space."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != _PROFILE_SPACES.get(mode):
            return None
        if (profile.profile.profile_description or "").startswith(_SRGB_NAMES):
            return None
        return ImageCms.buildTransform(
            profile,
            _srgb_profile(),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1)
def _srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb_profile(), "LAB", "RGB")
