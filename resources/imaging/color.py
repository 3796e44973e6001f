"""Any decoded Pillow picture, already reduced, to sRGB pixels on white.

Colour work costs per pixel, so it is done on the preview, never on the full-size picture. What belongs here:
modes, bit depths, ICC profiles, alpha. What does not: opening files, sizes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

__all__ = ["ADOBE_RGB", "PROPHOTO_RGB", "Coded", "coded_to_srgb", "flatten_depth", "samples_picture", "to_srgb"]

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
    values = np.asarray(image)
    return Image.fromarray(_to_8_bits(values, *_range(values, bits if bits and 8 < bits <= 16 else 16)))


_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def samples_picture(
    values: NDArray[Any], *, bits: int | None = None, mode: str | None = None, inverted: bool = False
) -> Image.Image:
    """Samples of any type [h, w] or [h, w, channels] as an 8-bit picture; channels beyond the mode's are dropped.

    Unsigned samples are scaled from the `bits` they declare, unless they use hardly any of that range; floats from
    0 to 1 are taken as they stand; everything else is stretched to the values present. All colours of a picture
    are scaled alike. `inverted`: the least value is white.
    """
    if values.ndim == 2:
        values = values[..., None]
    mode = mode or _MODES[min(values.shape[2], 4)]
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = values[..., :channels]
    alpha = channels - 1 if mode in ("LA", "RGBA") else None
    colors = values if alpha is None else values[..., :alpha]
    if values.dtype == np.uint8:
        shown = values
    else:
        declared = bits or (8 * values.dtype.itemsize if values.dtype.kind == "u" else None)
        low, high = _range(colors, declared) if mode != "CMYK" else (0.0, _full(colors, declared))
        shown = _to_8_bits(colors, low, high)
        if alpha is not None:
            shown = np.concatenate([shown, _to_8_bits(values[..., alpha:], 0.0, _full(values, declared))], axis=2)
    if inverted:
        shown = np.concatenate([255 - shown[..., :1], shown[..., 1:]], axis=2) if alpha else 255 - shown
    return Image.fromarray(np.ascontiguousarray(shown[..., 0] if channels == 1 else shown), mode)


def _full(values: NDArray[Any], bits: int | None) -> float:
    return 1.0 if values.dtype.kind == "f" or not bits else float((1 << bits) - 1)


# Values looked at to find the range of a picture, and pixels converted at a time.
_MOST_LOOKED_AT, _BAND_PIXELS = 1 << 20, 1 << 22


def _range(values: NDArray[Any], bits: int | None) -> tuple[float, float]:
    """The values to show as black and as white."""
    step = max(1, int((values.size / _MOST_LOOKED_AT) ** 0.5))
    seen = values[::step, ::step].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    if not seen.size:
        return 0.0, 0.0
    low, high = (float(bound) for bound in np.percentile(seen, (0.1, 99.9)))
    if values.dtype.kind == "f":
        return (0.0, 1.0) if low >= 0.0 and high <= 1.0 and seen.max() <= 1.0 + 1e-3 else (low, high)
    full = float((1 << bits) - 1) if bits else 0.0
    if full and low >= 0 and high <= full and (high - low >= _NARROW_RANGE * full or high == low):
        return 0.0, full  # a picture of one value stays that value
    return low, high


def _to_8_bits(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    shown = np.empty(values.shape, np.uint8)
    scale = 255.0 / (high - low) if high > low else 0.0
    rows = max(1, _BAND_PIXELS // max(1, values[0].size))
    for at in range(0, len(values), rows):
        band = (values[at : at + rows].astype(np.float32) - np.float32(low)) * np.float32(scale)
        shown[at : at + rows] = np.clip(np.nan_to_num(band) + 0.5, 0, 255)
    return shown


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


_Place = tuple[float, float]
_D65 = (0.3127, 0.3290)
_SRGB_PRIMARIES = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)

# Primaries and white by their numbers in ITU-T H.273, for containers that carry no ICC profile.
_PRIMARIES: dict[int, tuple[_Place, _Place, _Place, _Place]] = {
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_GAMMA_22, _GAMMA_28, _LINEAR, _PQ, _ST428, _HLG = 4, 5, 8, 16, 17, 18
_TRANSFERS: dict[int, str | float] = {
    _GAMMA_22: 2.2,
    _GAMMA_28: 2.8,
    _LINEAR: 1.0,
    _PQ: "pq",
    _ST428: 2.6,
    _HLG: "hlg",
}
_DIFFUSE_WHITE_NITS = 203.0  # ITU-R BT.2408
_KNEE = 0.6  # of diffuse white: above it highlights are rolled off
_LIKE_SRGB = (2.1, 2.3)  # powers that are taken for sRGB's own curve where nothing else differs


@dataclass(frozen=True)
class Coded:
    """A colour space without a profile.

    `primaries` are the xy places of red, green, blue and white, None for sRGB's; `transfer` is "srgb", "pq", "hlg"
    or the power that turns code values into light.
    """

    primaries: tuple[_Place, _Place, _Place, _Place] | None
    transfer: str | float

    @classmethod
    def numbered(cls, primaries: int, transfer: int) -> Coded:
        """From the numbers of ITU-T H.273. Video's own curve counts as sRGB, as every viewer shows it."""
        return cls(_PRIMARIES.get(primaries), _TRANSFERS.get(transfer, "srgb"))


# DCF's "optional colour space"; Adobe RGB (1998), D65.
ADOBE_RGB = Coded(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65), 563 / 256)
PROPHOTO_RGB = Coded(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585)), 1.8)


def coded_to_srgb(pixels: NDArray[np.uint8], coded: Coded) -> NDArray[np.uint8]:
    """Preview pixels uint8 [h, w, 3] in a coded wide or high-dynamic-range space as sRGB.

    PQ (SMPTE ST 2084) and HLG (ITU-R BT.2100) are brought to diffuse white at 203 nits with highlights rolled off.
    Spaces that look like sRGB already are returned unchanged.
    """
    bright = coded.transfer in ("pq", "hlg")
    matrix = _to_srgb_matrix(coded.primaries) if coded.primaries else None
    if matrix is not None and np.abs(matrix - np.eye(3)).max() < 0.02:
        matrix = None
    curved = isinstance(coded.transfer, float) and not _LIKE_SRGB[0] <= coded.transfer <= _LIKE_SRGB[1]
    if matrix is None and not bright and not curved:
        return pixels
    linear = _linear_light(coded.transfer)[pixels]
    if matrix is not None:
        linear = linear @ matrix.T
    if bright:
        room = 1 - _KNEE
        linear = np.where(linear > _KNEE, _KNEE + room * (1 - np.exp((_KNEE - linear) / room)), linear)
    steps = (np.clip(linear, 0, 1) * (len(_srgb_codes()) - 1) + 0.5).astype(np.uint16)
    return _srgb_codes()[steps]


_BRADFORD = np.array([(0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)])


@lru_cache(maxsize=16)
def _to_srgb_matrix(primaries: tuple[_Place, _Place, _Place, _Place]) -> NDArray[np.float32]:
    """Linear RGB of other primaries to linear sRGB, whites adapted by Bradford's transform. Lindbloom's formulas."""
    try:
        matrix = np.linalg.inv(_to_xyz(_SRGB_PRIMARIES)) @ _to_xyz(primaries)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return np.eye(3, dtype=np.float32)
    return matrix.astype(np.float32) if np.isfinite(matrix).all() else np.eye(3, dtype=np.float32)


def _to_xyz(primaries: tuple[_Place, _Place, _Place, _Place]) -> NDArray[np.float64]:
    *colors, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries)
    columns = np.stack(colors, axis=1)
    matrix = columns * np.linalg.solve(columns, white)
    d65 = np.array([_D65[0] / _D65[1], 1.0, (1 - sum(_D65)) / _D65[1]])
    adapt = np.diag((_BRADFORD @ d65) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ adapt @ _BRADFORD @ matrix)


@lru_cache(maxsize=8)
def _linear_light(transfer: str | float) -> NDArray[np.float32]:
    """The 256 code values as linear light, diffuse white 1."""
    code = np.arange(256, dtype=np.float64) / 255
    if isinstance(transfer, float):
        light = code**transfer
    elif transfer == "pq":
        root = code ** (1 / 78.84375)
        light = (
            10_000
            / _DIFFUSE_WHITE_NITS
            * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        )
    elif transfer == "hlg":
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
