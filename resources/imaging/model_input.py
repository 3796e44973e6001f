"""Model input: from upright sRGB pixels to the uint8 square a model looks at. Pillow only, no torch.

Belongs here: resizing, cropping and padding exactly as the model was trained with. Not here: mean and
standard deviation, which are carried in the spec but applied on the device.

The geometry is that of open_clip's inference transform (`open_clip.transform.image_transform`, "shortest",
"squash" and "longest"), on Pillow images as there; BLIP's processor is "squash" at 384. Runs inside decode
workers, so importing this module must stay cheap.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

__all__ = ["Interpolation", "ModelInputSpec", "ResizeMode", "model_input"]

ResizeMode = Literal["shortest", "squash", "longest"]
Interpolation = Literal["bicubic", "bilinear", "lanczos", "nearest", "box", "hamming"]

# Part of every `version`: raise it when `model_input` would answer other pixels for the same spec.
_ALGORITHM = 1

# Times the short edge beyond which a picture counts as a strip; no camera's panorama comes near.
_STRIP = 32

_RESAMPLING = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}


@dataclass(frozen=True)
class ModelInputSpec:
    """What a model expects to see. Picklable and hashable.

    `size`: edge of the square input, pixels. `mean`, `std`: per channel, for values in 0..1, applied on the
    device. `fill_color`: 0..255, the padding of "longest".
    """

    size: int
    resize_mode: ResizeMode
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill_color: int = 0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be positive, not {self.size}")
        if self.resize_mode not in get_args(ResizeMode):
            raise ValueError(f"unknown resize mode {self.resize_mode!r}")
        if self.interpolation not in _RESAMPLING:
            raise ValueError(f"unknown interpolation {self.interpolation!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std need three values each, std above zero")

    @property
    def version(self) -> str:
        """Twelve hex digits over every field: the `preprocess_version` of what a model makes of it."""
        fields = asdict(self) | {"algorithm": _ALGORITHM}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]


def model_input(pixels: np.ndarray, spec: ModelInputSpec) -> np.ndarray:
    """The square a model sees: uint8 `[size, size, 3]` from uint8 sRGB `[h, w, 3]` pixels.

    Raises `ValueError` for pixels of another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"expected uint8 [h, w, 3] pixels, got {pixels.dtype} {list(pixels.shape)}")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    resampling = _RESAMPLING[spec.interpolation]
    if spec.resize_mode == "squash":
        square = image.resize((spec.size, spec.size), resampling)
    elif spec.resize_mode == "shortest":
        square = _shortest(image, spec.size, resampling)
    else:
        square = _longest(image, spec.size, resampling, spec.fill_color)
    return np.asarray(square)


def _shortest(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    """Shortest edge to `size`, then the central square.

    A strip (longer than 32 times its short edge) is first cut to its middle: enlarging all of a 1024 x 1
    picture to 224 pixels high would take 150 MB for a square that shows one of its pixels.
    """
    short, long = min(image.size), max(image.size)
    if long > _STRIP * short:
        spare = (long - _STRIP * short) // 2
        along_x = image.width == long
        image = image.crop(
            (spare, 0, image.width - spare, short) if along_x else (0, spare, short, image.height - spare)
        )
        long -= 2 * spare
    new_long = int(size * long / short)  # torchvision truncates here ...
    along_x = image.width >= image.height
    resized = image.resize((new_long, size) if along_x else (size, new_long), resampling)
    start = round((new_long - size) / 2.0)  # ... and rounds half to even here
    return resized.crop((start, 0, start + size, size) if along_x else (0, start, size, start + size))


def _longest(image: Image.Image, size: int, resampling: Image.Resampling, fill_color: int) -> Image.Image:
    """Longest edge to `size`, centred on a square of `fill_color`; odd padding goes right or below."""
    ratio = max(image.size) / size
    width, height = (max(1, round(edge / ratio)) for edge in image.size)
    square = Image.new("RGB", (size, size), (fill_color,) * 3)
    square.paste(image.resize((width, height), resampling), ((size - width) // 2, (size - height) // 2))
    return square
