"""Thumbnails, JPEG bytes and the identity of pixels."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from sample_pictures import difference

from resources.imaging import encode_jpeg, perceptual_hash, pixel_hash, thumbnail
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


def test_the_perceptual_hash_is_that_of_its_definition() -> None:
    areas = np.random.default_rng(3).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    pixels = areas.repeat(10, axis=0).repeat(10, axis=1)
    grey = areas @ np.array([0.299, 0.587, 0.114])
    expected = 0
    for row in grey:
        for left, right in itertools.pairwise(row):
            expected = expected << 1 | int(left > right)
    found = perceptual_hash(pixels)
    assert 0 <= found < 1 << 64
    assert (found ^ expected).bit_count() <= 2  # rounding to whole greys decides ties


def test_alike_pictures_have_close_hashes_and_others_do_not(scene: Image.Image) -> None:
    pixels = np.asarray(scene)
    smaller = np.asarray(scene.resize((200, 150), Image.Resampling.BICUBIC))
    brighter = np.clip(pixels.astype(int) + 12, 0, 255).astype(np.uint8)
    assert (perceptual_hash(pixels) ^ perceptual_hash(smaller)).bit_count() <= 4
    assert (perceptual_hash(pixels) ^ perceptual_hash(brighter)).bit_count() <= 4
    assert (perceptual_hash(pixels) ^ perceptual_hash(pixels[:, ::-1])).bit_count() > 16


@pytest.mark.parametrize("shape", [(1, 1), (1, 1000), (1000, 1), (7, 5)])
def test_any_size_has_a_perceptual_hash(shape: tuple[int, int]) -> None:
    assert perceptual_hash(np.full((*shape, 3), 200, np.uint8)) == 0
