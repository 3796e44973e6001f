"""Thumbnails, JPEG bytes and the identity of pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sample_pictures import difference

from resources.imaging import encode_jpeg, pixel_hash, thumbnail
from resources.imaging.previews import reduce_rows, reduce_to


def test_thumbnails_are_small_and_alike(scene: Image.Image) -> None:
    small = thumbnail(np.asarray(scene), 64)
    assert small.shape == (48, 64, 3)
    assert difference(small, scene.resize((64, 48), Image.Resampling.BICUBIC)) < 3


def test_thumbnails_are_never_enlarged(scene: Image.Image) -> None:
    assert thumbnail(np.asarray(scene), 1000).shape == (240, 320, 3)


def test_encoded_previews_read_back(scene: Image.Image) -> None:
    jpeg = encode_jpeg(np.asarray(scene), quality=92)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        assert difference(np.asarray(image), scene) < 4


def test_pixel_hash_is_equal_exactly_for_equal_pixels(scene: Image.Image) -> None:
    pixels = np.asarray(scene)
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert pixel_hash(pixels) == pixel_hash(np.ascontiguousarray(pixels[::-1])[::-1])
    assert pixel_hash(pixels) != pixel_hash(changed)
    assert pixel_hash(pixels) != pixel_hash(pixels.reshape(320, 240, 3))  # same bytes, another shape
    assert len(pixel_hash(pixels)) == 64


@pytest.mark.parametrize("size", [(50, 38), (17, 13), (200, 150)])
def test_reduction_by_bands_equals_reduction_at_once(scene: Image.Image, size: tuple[int, int]) -> None:
    large = scene.resize((2001, 1503), Image.Resampling.BICUBIC)
    bands = reduce_rows(np.asarray(large), size)
    # Bands that do not divide evenly end in a thinner row.
    assert difference(np.asarray(bands), reduce_to(large, size)) < 4
