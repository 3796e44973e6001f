"""RAW: embedded preview if it is good, else half size, else full; the rung is told."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from bayer_dng import bayer_dng
from PIL import Image
from sample_pictures import saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode
from resources.imaging.previews import orient

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


# Previews that must not stand for the photo


def preview_of(image: Image.Image, size: tuple[int, int] = (320, 240), **options: object) -> bytes:
    return saved(image.resize(size, Image.Resampling.BICUBIC), "JPEG", **{"quality": 92, **options})


def with_previews(image: Image.Image, *previews: bytes, orientation: int = 1) -> DecodedPhoto:
    first, *others = previews
    return read(bayer_dng(np.asarray(image), preview_jpeg=first, more_previews=others, orientation=orientation))


def test_the_smallest_preview_that_is_enough_is_taken(large: Image.Image) -> None:
    # The others say by their colour which one was read.
    full = preview_of(large.convert("L").convert("RGB"), (640, 480))
    photo = with_previews(large, preview_of(large, (160, 120)), full, preview_of(large, (320, 240)))
    assert photo.rung == "embedded_preview"
    assert likeness(photo.pixels, large) > 0.98


def test_a_preview_of_another_picture_is_found_out_by_a_second_one(large: Image.Image) -> None:
    other = large.transpose(Image.Transpose.FLIP_LEFT_RIGHT).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    photo = with_previews(large, preview_of(large, (160, 120)), preview_of(other))
    assert photo.rung == "half_size"
    assert likeness(photo.pixels, large) > 0.95


def test_a_garbled_preview_is_found_out_by_a_second_one(large: Image.Image) -> None:
    jpeg = bytearray(preview_of(large))
    scan = jpeg.index(b"\xff\xda") + 14
    chance = np.random.default_rng(2)
    for at in chance.integers(scan, len(jpeg) - 2, 60):
        jpeg[at] = int(chance.integers(0, 255))
    photo = with_previews(large, preview_of(large, (160, 120)), bytes(jpeg))
    assert likeness(photo.pixels, large) > 0.9


def test_a_cut_preview_is_passed_over(large: Image.Image) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    rough = Image.fromarray(coarse).resize((640, 480), Image.Resampling.NEAREST)
    whole = preview_of(rough, (640, 480))
    photo = read(bayer_dng(np.asarray(rough), preview_jpeg=whole[: len(whole) // 2]))
    assert photo.rung == "half_size"
    assert photo.warnings == ()


def test_a_preview_of_another_shape_is_passed_over(large: Image.Image) -> None:
    wide = large.crop((0, 60, 640, 420))  # 16:9 out of 4:3
    photo = with_previews(large, preview_of(wide, (640, 360)))
    assert photo.rung == "half_size"
    assert photo.pixels.shape == (192, 256, 3)


def test_a_preview_with_black_bars_is_passed_over(large: Image.Image) -> None:
    framed = Image.new("RGB", (640, 480))
    framed.paste(large.resize((640, 360)), (0, 60))
    photo = with_previews(large, preview_of(framed, (320, 240)))
    assert photo.rung == "half_size"


def test_a_small_uncompressed_picture_never_stands_for_the_photo(large: Image.Image) -> None:
    """Canon's are linear and without white balance; the row of the thumbnail's tags is made to say RGB."""
    small = np.asarray(large.resize((320, 240)))
    stripped = bayer_dng(np.asarray(large), preview_jpeg=preview_of(large))
    plain = stripped + small.tobytes()
    table = {259: 1, 262: 2, 273: len(stripped), 279: small.nbytes}
    whole = bytearray(plain)
    first = int.from_bytes(whole[4:8], "little")
    for index in range(int.from_bytes(whole[first : first + 2], "little")):
        entry = first + 2 + 12 * index
        tag = int.from_bytes(whole[entry : entry + 2], "little")
        if tag in table:
            size = 2 if whole[entry + 2] == 3 else 4
            whole[entry + 8 : entry + 8 + size] = table[tag].to_bytes(size, "little")
    photo = read(bytes(whole))
    assert photo.rung == "half_size"


def test_a_preview_of_another_shape_is_better_than_nothing(large: Image.Image) -> None:
    wide = large.crop((0, 60, 640, 420))
    dng = bayer_dng(np.asarray(large), preview_jpeg=preview_of(wide, (640, 360)))
    unknown = dng.replace(b"\x03\x01\x03\0\x01\0\0\0\x01\0\0\0", b"\x03\x01\x03\0\x01\0\0\0\x99\x99\0\0")
    photo = read(unknown)
    assert photo.warnings == ("PREVIEW_ONLY",)
    assert photo.width / photo.height == pytest.approx(16 / 9, rel=0.01)
    assert photo.pixels.shape == (144, 256, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("stored", ["as the sensor saw it", "with a tag of its own", "upright"])
def test_previews_of_every_orientation_however_they_are_stored(
    large: Image.Image, orientation: int, stored: str
) -> None:
    photo_picture = np.asarray(large)
    expected = np.asarray(orient(large, orientation))
    exif = Image.Exif()
    exif[0x0112] = orientation
    if stored == "upright":
        if orientation not in (5, 6, 7, 8):
            pytest.skip("only the shape tells that a preview is upright already")
        preview = preview_of(Image.fromarray(expected), (240, 320))
    else:
        preview = preview_of(large, exif=exif) if stored != "as the sensor saw it" else preview_of(large)
    photo = read(bayer_dng(photo_picture, preview_jpeg=preview, orientation=orientation))
    assert photo.rung == "embedded_preview"
    assert (photo.width, photo.height) == expected.shape[1::-1]
    assert likeness(photo.pixels, Image.fromarray(expected)) > 0.95


@pytest.mark.parametrize("orientation", range(1, 9))
def test_developing_is_upright_in_every_orientation(large: Image.Image, orientation: int) -> None:
    expected = orient(large, orientation)
    photo = read(bayer_dng(np.asarray(large), orientation=orientation))
    assert (photo.width, photo.height) == expected.size
    assert likeness(photo.pixels, expected) > 0.95


def adobe_rgb_exif(byte_order: str = "<") -> bytes:
    """An EXIF block that says what cameras say of Adobe RGB: nothing but the interoperability index "R03"."""
    pack = struct.pack
    directories = (
        pack(byte_order + "HHHIII", 1, 0x8769, 4, 1, 26, 0)
        + pack(byte_order + "HHHIII", 1, 0xA005, 4, 1, 44, 0)
        + pack(byte_order + "HHHI4sI", 1, 0x0001, 2, 4, b"R03\0", 0)
    )
    return b"Exif\0\0" + (b"II*\0" if byte_order == "<" else b"MM\0*") + pack(byte_order + "I", 8) + directories


def test_a_photo_in_the_cameras_adobe_rgb_is_converted() -> None:
    green = Image.new("RGB", (320, 240), (100, 200, 100))
    found = [
        decode(preview_of(green, **exif), name="x", preview_px=320, max_pixels=1_000_000).pixels[120, 250].astype(int)
        for exif in ({}, {"exif": adobe_rgb_exif("<")}, {"exif": adobe_rgb_exif(">")})
    ]
    assert found[0].tolist() == pytest.approx([100, 200, 100], abs=3)
    # It lies outside sRGB's red: (0, 201, 93) by the primaries of both.
    assert found[1].tolist() == found[2].tolist() == pytest.approx([0, 201, 93], abs=6)


# Sensor data that LibRaw would pass off as a picture

_BLACK, _WHITE = 512, 15_000


def sensor(values: np.ndarray) -> bytes:
    """A DNG with these sensor values [h, w]."""
    height, width = values.shape
    whole = bytearray(bayer_dng(np.zeros((height, width, 3), np.uint8)))
    whole[8 : 8 + 2 * width * height] = np.clip(values, 0, 65_535).astype("<u2").tobytes()
    return bytes(whole)


@pytest.mark.parametrize("preview_px", [128, 256, 600])
def test_noise_is_no_photo(preview_px: int) -> None:
    values = np.random.default_rng(0).integers(0, 65_536, (480, 640))
    with pytest.raises(DecodeError) as caught:
        read(sensor(values), preview_px)
    assert caught.value.code == "DECODE_BLANK"
    assert "noise" in str(caught.value)


@pytest.mark.parametrize("preview_px", [128, 256, 600])
def test_a_frame_taken_with_the_lens_capped_comes_in_black(preview_px: int) -> None:
    values = np.random.default_rng(0).normal(_BLACK, 8, (480, 640))
    photo = read(sensor(values), preview_px)
    assert photo.warnings == ()
    assert photo.pixels.max() < 40  # not brightened until the noise shows


def test_a_night_sky_comes_in(large: Image.Image) -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(_BLACK + 20, 8, (480, 640))
    stars = chance.random((480, 640)) < 0.001
    values[stars] += 8000
    photo = read(sensor(values))
    assert photo.warnings == ()
    assert np.ptp(photo.pixels) > 60


def test_a_noisy_photo_of_a_plain_wall_comes_in() -> None:
    values = np.random.default_rng(0).normal(5000, 700, (480, 640))
    assert read(sensor(values)).warnings == ()


def test_an_overexposed_frame_comes_in_white() -> None:
    assert read(sensor(np.full((480, 640), _WHITE))).pixels.min() > 250


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_rows_of_a_cut_raw_come_in_with_a_warning(large: Image.Image, orientation: int) -> None:
    whole = bayer_dng(np.asarray(large), orientation=orientation)
    # Directories at the end, as these files have them, are gone with the cut; so they are put in front.
    sensor_bytes = 2 * 640 * 480
    shift = len(whole) - 8 - sensor_bytes
    photo = read(_directories_first(whole, 8 + sensor_bytes, shift)[: 8 + shift + sensor_bytes * 6 // 10])
    assert photo.warnings == ("TRUNCATED",)
    upright_pixels = np.asarray(orient(Image.fromarray(photo.pixels), {1: 1, 3: 3, 6: 8, 8: 6}[orientation]))
    kept = int(len(upright_pixels) * 0.55)
    assert likeness(upright_pixels[:kept], large.crop((0, 0, 640, 480 * 55 // 100))) > 0.9
    assert (upright_pixels[-8:] == 128).all()


def _directories_first(dng: bytes, start: int, shift: int) -> bytes:
    """The DNG of one directory with everything behind `start` moved in front of the sensor data."""
    tail = bytearray(dng[start:])
    first = int.from_bytes(dng[4:8], "little") - start
    for index in range(int.from_bytes(tail[first : first + 2], "little")):
        at = first + 2 + 12 * index
        tag, kind = (int.from_bytes(tail[at + part : at + part + 2], "little") for part in (0, 2))
        size = int.from_bytes(tail[at + 4 : at + 8], "little") * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}[kind]
        value = int.from_bytes(tail[at + 8 : at + 12], "little")
        if tag == 273:
            tail[at + 8 : at + 12] = (value + shift).to_bytes(4, "little")
        elif size > 4:
            tail[at + 8 : at + 12] = (value - start + 8).to_bytes(4, "little")
    return dng[:4] + (first + 8).to_bytes(4, "little") + bytes(tail) + dng[8:start]


def test_declared_size_is_checked(large: Image.Image) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bayer_dng(np.asarray(large)), name="x", preview_px=256, max_pixels=100_000)
    assert caught.value.code == "TOO_LARGE"
