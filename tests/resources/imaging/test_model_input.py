"""Model input equals open_clip's own transform before normalisation, for every resize mode and odd shape."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from resources.imaging.model_input import ModelInputSpec, model_input

ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def spec(mode: str, size: int = 64, interpolation: str = "bicubic", fill: int = 0) -> ModelInputSpec:
    return ModelInputSpec(size, mode, interpolation, ZERO, ONE, fill)  # type: ignore[arg-type]


def open_clip_input(pixels: np.ndarray, wanted: ModelInputSpec) -> np.ndarray:
    """open_clip's transform with mean 0 and std 1, back in uint8."""
    from open_clip.transform import image_transform

    transform = image_transform(
        wanted.size,
        is_train=False,
        mean=ZERO,
        std=ONE,
        resize_mode=wanted.resize_mode,
        interpolation=wanted.interpolation,
        fill_color=wanted.fill_color,
    )
    tensor = transform(Image.fromarray(pixels))
    return (tensor * 255).round().byte().permute(1, 2, 0).numpy()


def pixels_of(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colour waves with noise, so that both low and high frequencies take part."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 7 + k) + np.cos(y / (5 + k)) for k in range(3)], axis=-1)
    return np.clip(127 + 50 * waves + rng.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    mode=st.sampled_from(["shortest", "squash", "longest"]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
    size=st.sampled_from([32, 63, 64]),
    fill=st.sampled_from([0, 127]),
)
def test_equals_open_clips_transform(
    height: int, width: int, mode: str, interpolation: str, size: int, fill: int
) -> None:
    if mode == "shortest" and max(height, width) > 32 * min(height, width):
        return  # a strip, cut before it is resized: see the test below
    if mode == "longest" and size * min(height, width) / max(height, width) <= 0.5:
        return  # open_clip itself fails: the short edge rounds to nothing
    wanted = spec(mode, size, interpolation, fill)
    pixels = pixels_of(height, width)
    ours = model_input(pixels, wanted).astype(int)
    theirs = open_clip_input(pixels, wanted).astype(int)
    assert np.abs(ours - theirs).max() == 0


@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("shape", [(683, 1024), (1024, 768), (1024, 1024), (64, 64), (1, 1024), (1024, 1), (1, 1)])
def test_answers_a_uint8_square_for_every_shape(mode: str, shape: tuple[int, int]) -> None:
    square = model_input(pixels_of(*shape), spec(mode, 224))
    assert square.shape == (224, 224, 3)
    assert square.dtype == np.uint8


def test_longest_pads_with_the_fill_colour_and_keeps_the_picture_centred() -> None:
    square = model_input(np.full((50, 100, 3), 200, np.uint8), spec("longest", 64, fill=9))
    assert (square[:16] == 9).all()
    assert (square[48:] == 9).all()
    assert (square[16:48] == 200).all()


def test_takes_views_and_refuses_other_arrays() -> None:
    pixels = pixels_of(80, 90)
    flipped = pixels[:, ::-1]
    assert (model_input(flipped, spec("squash")) == model_input(flipped.copy(), spec("squash"))).all()
    for bad in (pixels.astype(np.float32), pixels[..., 0], pixels[:0], np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            model_input(bad, spec("squash"))


def test_version_changes_with_every_field_and_survives_pickling() -> None:
    base = spec("shortest")
    variants = [
        base,
        spec("squash"),
        spec("shortest", 65),
        spec("shortest", interpolation="bilinear"),
        spec("shortest", fill=1),
        ModelInputSpec(64, "shortest", "bicubic", (0.1, 0.0, 0.0), ONE),
        ModelInputSpec(64, "shortest", "bicubic", ZERO, (1.0, 1.0, 0.9)),
    ]
    assert len({variant.version for variant in variants}) == len(variants)
    copy = pickle.loads(pickle.dumps(base))
    assert copy == base
    assert copy.version == base.version


def test_importing_it_brings_no_torch() -> None:
    code = "import sys, resources.imaging.model_input; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
