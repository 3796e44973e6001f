"""Damaged bytes: a code and a sentence, or the readable part with a warning; never a blank passed as good."""

from __future__ import annotations

import random

import numpy as np
import pytest
from bayer_dng import bayer_dng
from PIL import Image
from sample_pictures import saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode


def read(buffer: bytes) -> DecodedPhoto:
    return decode(buffer, name="photo.jpg", preview_px=256, max_pixels=50_000_000)


def code(buffer: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        read(buffer)
    sentence = str(caught.value)
    assert sentence.startswith("photo.jpg")
    assert sentence.endswith(".")
    return caught.value.code


@pytest.fixture(scope="module")
def textured() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)


def test_no_bytes() -> None:
    assert code(b"") == "EMPTY_FILE"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<!DOCTYPE html><html>404</html>", "NOT_AN_IMAGE"),
        (b'{"title": "IMG_1.jpg"}', "NOT_AN_IMAGE"),
        (b"just words, no picture", "NOT_AN_IMAGE"),
        (bytes(5000), "NOT_AN_IMAGE"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2mp41", "NOT_AN_IMAGE"),
        (b"8BPS\0\x01" + bytes(100), "UNSUPPORTED_FORMAT"),
        (b"\xff\x0a" + bytes(100), "UNSUPPORTED_FORMAT"),
    ],
)
def test_what_is_no_photo_is_named(content: bytes, expected: str) -> None:
    assert code(content) == expected


@pytest.mark.parametrize("progressive", [False, True])
def test_the_readable_part_of_a_cut_jpeg_comes_in_with_a_warning(textured: Image.Image, progressive: bool) -> None:
    jpeg = saved(textured, "JPEG", quality=90, progressive=progressive)
    photo = read(jpeg[: len(jpeg) * 7 // 10])
    assert photo.warnings == ("TRUNCATED",)
    assert (photo.width, photo.height) == (640, 480)
    whole = read(jpeg).pixels.astype(int)
    assert np.abs(photo.pixels[:80].astype(int) - whole[:80]).mean() < 12


def test_a_jpeg_of_which_hardly_anything_is_left_is_refused(textured: Image.Image) -> None:
    jpeg = saved(textured, "JPEG", quality=90)
    assert code(jpeg[: len(jpeg) // 8]) == "TRUNCATED"
    scan = jpeg.index(b"\xff\xda")
    assert code(jpeg[: scan + 14]) == "TRUNCATED"


def test_a_jpeg_whose_end_was_never_copied_is_noticed(textured: Image.Image) -> None:
    jpeg = saved(textured, "JPEG", quality=90)
    kept = len(jpeg) * 7 // 10
    assert read(jpeg[:kept] + bytes(len(jpeg) - kept)).warnings == ("TRUNCATED",)


def test_padding_after_a_whole_jpeg_is_no_damage(textured: Image.Image) -> None:
    assert read(saved(textured, "JPEG") + bytes(4096)).warnings == ()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_other_cut_pictures_are_refused(textured: Image.Image, form: str, share: float) -> None:
    whole = saved(textured, form)
    assert code(whole[: int(len(whole) * share)]) in ("TRUNCATED", "CORRUPT")


def test_a_png_whose_pixels_are_whole_needs_no_end(textured: Image.Image) -> None:
    whole = saved(textured, "PNG")
    assert read(whole[:-12]).warnings == ()
    assert np.array_equal(read(whole[:-5]).pixels, read(whole).pixels)


def test_a_png_with_a_changed_checksum_carries_a_warning(textured: Image.Image) -> None:
    whole = bytearray(saved(textured, "PNG"))
    at = whole.index(b"IDAT")
    size = int.from_bytes(whole[at - 4 : at], "big")
    whole[at + 4 + size] ^= 0xFF  # the stored checksum, not the data
    assert read(bytes(whole)).warnings == ("CORRUPT",)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "DNG"])
def test_random_damage_never_raises_anything_else(
    textured: Image.Image, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    small = textured.resize((160, 120))
    whole = bayer_dng(np.asarray(small)) if form == "DNG" else saved(small, form)
    chance = random.Random(form)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 8, 64))):
            damaged[chance.randrange(min(len(damaged), chance.choice((100, 1000, len(damaged)))))] = chance.randrange(
                256
            )
        try:
            photo = decode(bytes(damaged), name="x", preview_px=128, max_pixels=1_000_000)
        except DecodeError:
            continue
        assert max(photo.pixels.shape[:2]) <= 128
    assert capfd.readouterr() == ("", "")  # decoders keep quiet
