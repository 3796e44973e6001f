"""RAW: embedded preview if it is good, else half size, else full; the rung is told."""

from __future__ import annotations

import numpy as np
import pytest
from bayer_dng import bayer_dng
from PIL import Image
from sample_pictures import saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode

PREVIEW_PX = 256


@pytest.fixture(scope="module")
def large(scene: Image.Image) -> Image.Image:
    return scene.resize((640, 480), Image.Resampling.BICUBIC)


def read(buffer: bytes, preview_px: int = PREVIEW_PX) -> DecodedPhoto:
    return decode(buffer, name="photo.dng", preview_px=preview_px, max_pixels=10_000_000)


def likeness(pixels: np.ndarray, expected: Image.Image) -> float:
    """Correlation of two pictures; RAW development changes brightness, not content."""
    other = np.asarray(expected.resize(pixels.shape[1::-1])).astype(float)
    return float(np.corrcoef(pixels.astype(float).ravel(), other.ravel())[0, 1])


def upright(image: Image.Image, orientation: int) -> Image.Image:
    angle = {1: 0, 3: 180, 6: -90, 8: 90}[orientation]
    return image.rotate(angle, expand=True)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("with_preview", [True, False])
def test_every_rung_is_upright(large: Image.Image, orientation: int, with_preview: bool) -> None:
    preview = saved(large.resize((320, 240)), "JPEG") if with_preview else None
    photo = read(bayer_dng(np.asarray(large), preview_jpeg=preview, orientation=orientation))
    expected = upright(large, orientation)
    assert photo.rung == ("embedded_preview" if with_preview else "half_size")
    assert (photo.width, photo.height) == expected.size
    assert photo.metadata.orientation == orientation
    assert likeness(photo.pixels, expected) > 0.95


def test_a_preview_stored_upright_is_not_turned_twice(large: Image.Image) -> None:
    standing = upright(large, 6)
    dng = bayer_dng(np.asarray(large), preview_jpeg=saved(standing.resize((240, 320)), "JPEG"), orientation=6)
    photo = read(dng)
    assert photo.rung == "embedded_preview"
    assert likeness(photo.pixels, standing) > 0.95


def test_a_preview_with_its_own_tag_is_turned_by_it(large: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    dng = bayer_dng(np.asarray(large), preview_jpeg=saved(large.resize((320, 240)), "JPEG", exif=exif), orientation=6)
    assert likeness(read(dng).pixels, upright(large, 6)) > 0.95


def test_a_small_preview_is_passed_over(large: Image.Image) -> None:
    photo = read(bayer_dng(np.asarray(large), preview_jpeg=saved(large.resize((160, 120)), "JPEG")))
    assert photo.rung == "half_size"
    assert max(photo.pixels.shape[:2]) == PREVIEW_PX


def test_a_black_preview_is_passed_over(large: Image.Image) -> None:
    black = saved(Image.new("RGB", (320, 240)), "JPEG")
    photo = read(bayer_dng(np.asarray(large), preview_jpeg=black))
    assert photo.rung == "half_size"
    assert likeness(photo.pixels, large) > 0.95


def test_full_size_is_developed_where_half_is_too_small(large: Image.Image) -> None:
    photo = read(bayer_dng(np.asarray(large)), preview_px=600)
    assert photo.rung == "full"
    assert photo.pixels.shape == (450, 600, 3)


def test_missing_sensor_data_is_refused(large: Image.Image) -> None:
    whole = bayer_dng(np.asarray(large))
    sensor = np.asarray(large).size // 3 * 2
    for kept in (0, 1000):
        hollow = whole[: 8 + kept] + whole[8 + sensor :]  # the directories point beyond the end
        with pytest.raises(DecodeError) as caught:
            read(hollow)
        assert caught.value.code in ("TRUNCATED", "CORRUPT")


def test_sensor_data_of_one_value_is_blank(large: Image.Image) -> None:
    whole = bytearray(bayer_dng(np.asarray(large)))
    sensor = np.asarray(large).size // 3 * 2
    whole[8 : 8 + sensor] = bytes(sensor)
    with pytest.raises(DecodeError) as caught:
        read(bytes(whole))
    assert caught.value.code == "DECODE_BLANK"


def test_a_half_copied_raw_comes_in_with_a_warning(large: Image.Image) -> None:
    whole = bytearray(bayer_dng(np.asarray(large)))
    sensor = np.asarray(large).size // 3 * 2
    whole[8 + sensor // 2 : 8 + sensor] = bytes(sensor - sensor // 2)
    photo = read(bytes(whole))
    assert photo.warnings == ("TRUNCATED",)


def test_a_good_preview_saves_a_raw_that_cannot_be_developed(large: Image.Image) -> None:
    preview = saved(large.resize((320, 240)), "JPEG")
    dng = bayer_dng(np.asarray(large), preview_jpeg=preview)
    unknown = dng.replace(b"\x03\x01\x03\0\x01\0\0\0\x01\0\0\0", b"\x03\x01\x03\0\x01\0\0\0\x99\x99\0\0")  # compression
    assert unknown != dng
    photo = read(unknown, preview_px=600)  # the preview is too small to be taken gladly
    assert photo.rung == "embedded_preview"
    assert "PREVIEW_ONLY" in photo.warnings
    assert likeness(photo.pixels, large) > 0.95


def test_declared_size_is_checked(large: Image.Image) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bayer_dng(np.asarray(large)), name="x", preview_px=256, max_pixels=100_000)
    assert caught.value.code == "TOO_LARGE"
