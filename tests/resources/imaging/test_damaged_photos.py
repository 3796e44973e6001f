"""Damaged bytes: a code and a sentence, or the readable part with a warning; never a blank passed as good."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from bayer_dng import bayer_dng
from PIL import Image
from sample_pictures import photoshop, saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode
from resources.imaging.blocks import Blocks
from resources.imaging.metadata import PhotoMetadata


def read(buffer: bytes, name: str = "photo.jpg") -> DecodedPhoto:
    return decode(buffer, name=name, preview_px=256, max_pixels=50_000_000)


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
        (b"8BPS\0\x01" + bytes(100), "CORRUPT"),
        (b"\xff\x0a" + bytes(100), "CORRUPT"),
        (b"%!PS-Adobe-3.0 EPSF-3.0" + bytes(100), "NOT_AN_IMAGE"),
        (b"\xd7\xcd\xc6\x9a" + bytes(100), "UNSUPPORTED_FORMAT"),
        (b"v/1\x01" + bytes(100), "UNSUPPORTED_FORMAT"),
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


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_cut_pictures_that_hold_nothing_in_rows_are_refused(textured: Image.Image, form: str, share: float) -> None:
    whole = saved(textured, form)
    assert code(whole[: int(len(whole) * share)]) in ("TRUNCATED", "CORRUPT")


MISSING_GREY = 128


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize(
    ("form", "options", "from_below"),
    [
        ("PNG", {}, False),
        ("GIF", {"interlace": 0}, False),
        ("PPM", {}, False),
        ("PCX", {}, False),
        ("BMP", {}, True),
        ("TGA", {}, True),
        ("SGI", {}, True),
        ("TIFF", {}, False),
    ],
)
def test_the_readable_rows_of_a_cut_picture_come_in_with_a_warning(
    textured: Image.Image, form: str, options: dict[str, object], from_below: bool, share: float
) -> None:
    picture = textured.convert("L") if form == "SGI" else textured  # of colours it keeps one plane after the other
    whole = saved(picture, form, **options)
    photo = read(whole[: int(len(whole) * share)], f"photo.{form.lower()}")  # Targa begins like nothing
    assert photo.warnings == ("TRUNCATED",)
    assert (photo.width, photo.height) == (640, 480)
    found, expected = photo.pixels.astype(int), read(whole, f"photo.{form.lower()}").pixels.astype(int)
    if from_below:
        found, expected = found[::-1], expected[::-1]
    there = int(len(found) * share * 0.8)
    assert np.abs(found[:there] - expected[:there]).mean() < 1
    assert (found[-4:] == MISSING_GREY).all()


@pytest.mark.parametrize("layout", [{"rowsperstrip": 16}, {"tile": (64, 64)}])
@pytest.mark.parametrize("compression", [None, "lzw", "jpeg"])
def test_the_strips_and_tiles_of_a_cut_tiff_come_in(
    textured: Image.Image, layout: dict[str, object], compression: str | None
) -> None:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, np.asarray(textured), photometric="rgb", compression=compression, **layout)
    whole = out.getvalue()
    photo = read(whole[: len(whole) // 2])
    assert photo.warnings == ("TRUNCATED",)
    there = int(len(photo.pixels) * 0.35)
    assert np.abs(photo.pixels[:there].astype(int) - read(whole).pixels[:there]).mean() < 1
    assert (photo.pixels[-4:] == MISSING_GREY).all()


def test_a_tiff_whose_directory_is_cut_near_its_end_carries_a_warning(textured: Image.Image) -> None:
    """What is missing may be the kind of the samples: signed ones read as unsigned are another picture."""
    import tifffile

    out = io.BytesIO()
    signed = (np.asarray(textured.convert("L")).astype(np.int16) - 128).astype(np.int8)
    tifffile.imwrite(out, signed, photometric="minisblack", metadata=None)
    written = out.getvalue()
    start = int.from_bytes(written[4:8], "little")
    entries = int.from_bytes(written[start : start + 2], "little")
    table = written[start : start + 2 + 12 * entries + 4]
    whole = written[:4] + len(written).to_bytes(4, "little") + written[8:] + table
    assert read(whole).warnings == ()
    kind = next(at for at in range(2, len(table), 12) if table[at : at + 2] == (339).to_bytes(2, "little"))
    photo = read(whole[: len(written) + kind])
    assert np.abs(photo.pixels.astype(int) - read(whole).pixels).mean() > 20, "it does decode to something else"
    assert photo.warnings == ("TRUNCATED",)


@pytest.mark.parametrize("form", ["PNG", "GIF", "PPM", "BMP", "TIFF"])
def test_a_picture_of_which_hardly_anything_is_left_is_refused(textured: Image.Image, form: str) -> None:
    whole = saved(textured, form)
    assert code(whole[: int(len(whole) * 0.2)]) in ("TRUNCATED", "CORRUPT")


def test_an_interlaced_png_that_is_cut_is_refused() -> None:
    import imagecodecs

    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    whole = bytearray(imagecodecs.png_encode(noise))
    whole[28] = 1  # interlaced, says the header; what follows no longer fits
    assert code(bytes(whole)) in ("TRUNCATED", "CORRUPT")


def test_a_strip_that_cannot_be_decoded_ends_the_picture_there(textured: Image.Image) -> None:
    import tifffile

    whole = saved(textured, "TIFF", compression="tiff_adobe_deflate", strip_size=8192)
    with tifffile.TiffFile(io.BytesIO(whole)) as document:
        page = document.pages.first
        middle = len(page.dataoffsets) * 2 // 3
        start, size = page.dataoffsets[middle], page.databytecounts[middle]
    photo = read(whole[:start] + b"\xff" * size + whole[start + size :])
    assert photo.warnings == ("CORRUPT",)
    good = int(len(photo.pixels) * 0.6)
    assert np.abs(photo.pixels[:good].astype(int) - read(whole).pixels[:good]).mean() < 1
    assert (photo.pixels[-4:] == MISSING_GREY).all()


def test_a_gif_cut_after_its_first_frame_is_whole(textured: Image.Image) -> None:
    frames = [textured.rotate(90 * turn) for turn in range(4)]
    whole = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    photo = read(whole[: len(whole) // 2])
    assert photo.warnings == ()
    assert np.array_equal(photo.pixels, read(whole).pixels)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_cut_jpeg_with_an_end_marker_put_behind_is_noticed(
    textured: Image.Image, progressive: bool, share: float
) -> None:
    jpeg = saved(textured, "JPEG", quality=90, progressive=progressive)
    first_scan = jpeg.index(b"\xff\xda")
    second_scan = jpeg.find(b"\xff\xda", first_scan + 2) if progressive else len(jpeg)
    kept = first_scan + int((second_scan - first_scan) * share)
    assert read(jpeg[:kept] + b"\xff\xd9").warnings == ("TRUNCATED",)


def test_a_jpeg_without_any_picture_data_is_refused(textured: Image.Image) -> None:
    jpeg = saved(textured, "JPEG", quality=90)
    scan = jpeg.index(b"\xff\xda")
    assert code(jpeg[: scan + 14] + b"\xff\xd9") == "TRUNCATED"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_pictures_that_end_in_one_colour_are_whole(textured: Image.Image, value: int, progressive: bool) -> None:
    flat = textured.copy()
    flat.paste((value,) * 3, (0, 200, 640, 480))
    for picture in (flat, Image.new("RGB", (640, 480), (value,) * 3), Image.new("L", (640, 480), value)):
        photo = read(saved(picture, "JPEG", quality=90, progressive=progressive))
        assert photo.warnings == ()


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


@pytest.mark.parametrize(
    "form",
    [
        *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "DNG", "JPEG2000", "JXL", "PSD"),
        *("PPM", "PCX", "TGA", "SGI", "ICO", "ICNS", "DDS", "QOI", "SPIDER", "IM", "MSP", "XBM"),
    ],
)
def test_random_damage_never_raises_anything_else(
    textured: Image.Image, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    small = textured.resize((160, 120))
    whole = _file_of(form, small)
    chance = random.Random(form)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 8, 64))):
            damaged[chance.randrange(min(len(damaged), chance.choice((100, 1000, len(damaged)))))] = chance.randrange(
                256
            )
        try:
            photo = decode(bytes(damaged), name=f"x.{form.lower()}", preview_px=128, max_pixels=1_000_000)
        except DecodeError:
            continue
        assert max(photo.pixels.shape[:2]) <= 128
    assert capfd.readouterr() == ("", "")  # decoders keep quiet


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "AVIF", "HEIF", "DNG", "JXL", "PSD"])
def test_a_fault_in_reading_metadata_costs_no_picture(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _file_of(form, Image.linear_gradient("L").resize((640, 480)).convert("RGB"))
    expected = read(whole)

    def fault(*_: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(Blocks, "metadata", fault)
    photo = read(whole)
    assert photo.warnings == ("METADATA_UNREADABLE",)
    assert photo.metadata == PhotoMetadata()
    assert np.array_equal(photo.pixels, expected.pixels)


def _file_of(form: str, image: Image.Image) -> bytes:
    import imagecodecs
    import pillow_heif

    if form == "HEIF":
        out = io.BytesIO()
        pillow_heif.from_pillow(image).save(out)
        return out.getvalue()
    if form == "DNG":
        return bayer_dng(np.asarray(image))
    if form == "JXL":
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image)))
    if form == "PSD":
        return photoshop(np.asarray(image))
    if form == "ICNS":
        image = image.resize((128, 128))
    return saved(image.convert("1" if form in ("MSP", "XBM") else "F" if form == "SPIDER" else "RGB"), form)


@pytest.mark.parametrize("form", ["BMP", "PPM", "QOI"])
def test_a_copy_that_was_never_finished_comes_in_with_a_warning(form: str) -> None:
    """The length is right and the rest is zeros, which a plain format shows as black."""
    buffer = io.BytesIO()
    Image.effect_noise((200, 150), 80).convert("RGB").save(buffer, form)
    whole = buffer.getvalue()
    half = len(whole) // 2
    assert decode(whole, name="a", preview_px=512, max_pixels=1_000_000).warnings == ()
    unfinished = decode(whole[:half] + bytes(len(whole) - half), name="a", preview_px=512, max_pixels=1_000_000)
    assert unfinished.warnings == ("TRUNCATED",)
