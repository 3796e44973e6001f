"""Any decoded Pillow picture, already reduced, to sRGB pixels on white.

Colour work costs per pixel, so it is done on the preview, never on the full-size picture. What belongs here:
modes, bit depths, ICC profiles, alpha. What does not: opening files, sizes.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

__all__ = ["coded_to_srgb", "flatten_depth", "to_srgb"]

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


# Colour spaces by their numbers in ITU-T H.273, for containers that carry no ICC profile.
_BT2020, _DISPLAY_P3 = 9, 12
_PQ, _HLG = 16, 18
_TO_SRGB_PRIMARIES = {
    _BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    _DISPLAY_P3: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
_DIFFUSE_WHITE_NITS = 203.0  # ITU-R BT.2408
_KNEE = 0.6  # of diffuse white: above it highlights are rolled off


def coded_to_srgb(pixels: NDArray[np.uint8], primaries: int, transfer: int) -> NDArray[np.uint8]:
    """Preview pixels uint8 [h, w, 3] in a coded wide or high-dynamic-range space as sRGB.

    PQ (SMPTE ST 2084) and HLG (ITU-R BT.2100) are brought to diffuse white at 203 nits with highlights rolled off.
    Spaces that look like sRGB already are returned unchanged.
    """
    bright = transfer in (_PQ, _HLG)
    if primaries not in _TO_SRGB_PRIMARIES and not bright:
        return pixels
    linear = _linear_light(transfer)[pixels]
    if primaries in _TO_SRGB_PRIMARIES:
        linear = linear @ np.asarray(_TO_SRGB_PRIMARIES[primaries], np.float32).T
    if bright:
        room = 1 - _KNEE
        linear = np.where(linear > _KNEE, _KNEE + room * (1 - np.exp((_KNEE - linear) / room)), linear)
    steps = (np.clip(linear, 0, 1) * (len(_srgb_codes()) - 1) + 0.5).astype(np.uint16)
    return _srgb_codes()[steps]


@lru_cache(maxsize=8)
def _linear_light(transfer: int) -> NDArray[np.float32]:
    """The 256 code values as linear light, diffuse white 1."""
    code = np.arange(256, dtype=np.float64) / 255
    if transfer == _PQ:
        root = code ** (1 / 78.84375)
        light = (
            10_000
            / _DIFFUSE_WHITE_NITS
            * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        )
    elif transfer == _HLG:
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        light = 1000 / _DIFFUSE_WHITE_NITS * scene**1.2
    else:
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@lru_cache(maxsize=1)
def _srgb_codes() -> NDArray[np.uint8]:
    """sRGB code values of 16,384 even steps of linear light."""
    light = np.linspace(0, 1, 16_384)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (code * 255 + 0.5).astype(np.uint8)


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
