"""TIFF of every depth, sample type, layout and codec comes out as the picture that was written."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from sample_pictures import difference, saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode


def read(buffer: bytes) -> DecodedPhoto:
    return decode(buffer, name="scan.tif", preview_px=1024, max_pixels=10_000_000)


def tiff(values: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, values, metadata=None, **options)
    return out.getvalue()


def planes(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def check(buffer: bytes, expected: Image.Image, tolerance: float = 1) -> None:
    photo = read(buffer)
    assert photo.warnings == ()
    assert difference(photo.pixels, expected) <= tolerance


CODECS = [None, "lzw", "deflate", "packbits", "zstd", "lzma", "jpeg", "jpeg2000", "webp", "png", "jpegxl", "lerc"]


@pytest.mark.parametrize("codec", CODECS)
def test_codecs(scene: Image.Image, codec: str | None) -> None:
    lossy = {"jpeg", "webp", "jpegxr", "jpeg2000"}
    check(tiff(np.asarray(scene), photometric="rgb", compression=codec), scene, 4 if codec in lossy else 0)


@pytest.mark.parametrize("codec", [None, "lzw", "deflate", "jpeg2000", "jpegxl"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_sixteen_bits(scene: Image.Image, mode: str, codec: str | None) -> None:
    picture = scene.convert(mode)
    wide = np.asarray(picture).astype(np.uint16) * 257
    photometric = "rgb" if mode == "RGB" else "minisblack"
    check(tiff(wide, photometric=photometric, compression=codec), picture)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("codec", "predictor"), [(None, False), ("deflate", False), ("deflate", 3), ("lzw", 3)])
def test_floats(scene: Image.Image, mode: str, kind: str, codec: str | None, predictor: int) -> None:
    picture = scene.convert(mode)
    values = (np.asarray(picture) / 255).astype(kind)
    photometric = "rgb" if mode == "RGB" else "minisblack"
    check(tiff(values, photometric=photometric, compression=codec, predictor=predictor), picture)


@pytest.mark.parametrize(
    ("kind", "scale", "offset"),
    [
        ("int8", 1, -128),
        ("int16", 128, -16_384),
        ("int32", 1 << 22, -(1 << 29)),
        ("uint32", 1 << 24, 0),
        ("uint64", 1 << 56, 0),
    ],
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_whole_numbers_of_any_size_and_sign(scene: Image.Image, mode: str, kind: str, scale: int, offset: int) -> None:
    picture = scene.convert(mode)
    values = (np.asarray(picture).astype(object) * scale + offset).astype(kind)
    photo = read(tiff(values, photometric="rgb" if mode == "RGB" else "minisblack"))
    # Stretched to the values present where there is no natural white: the same picture, perhaps of more contrast.
    assert np.corrcoef(photo.pixels.ravel(), np.asarray(picture.convert("RGB")).ravel())[0, 1] > 0.999


@pytest.mark.parametrize("codec", [None, "lzw"])
@pytest.mark.parametrize("layout", [{}, {"tile": (64, 64)}])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_colours_in_planes_and_tiles(
    scene: Image.Image, mode: str, bits: int, layout: dict[str, Any], codec: str | None
) -> None:
    values = np.asarray(scene.convert(mode))
    values = values if bits == 8 else values.astype(np.uint16) * 257
    photometric = "rgb" if mode == "RGB" else "separated"
    for stored, order in ((values, "contig"), (planes(values), "separate")):
        buffer = tiff(stored, photometric=photometric, planarconfig=order, compression=codec, **layout)
        check(buffer, scene, 2)


@pytest.mark.parametrize("bits", [8, 16])
def test_white_may_be_zero(scene: Image.Image, bits: int) -> None:
    grey = 255 - np.asarray(scene.convert("L"))
    stored = grey if bits == 8 else grey.astype(np.uint16) * 257
    check(tiff(stored, photometric="miniswhite"), scene.convert("L"))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits(scene: Image.Image, bits: int) -> None:
    few = np.asarray(scene.convert("L")) >> (8 - bits)
    packed = np.packbits(np.unpackbits(few[..., None], axis=-1)[..., -bits:].reshape(240, -1), axis=1).tobytes()
    entries = ((256, 320), (257, 240), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, 240), (279, 0))
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value or len(packed)) for tag, value in entries)
    buffer = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(entries)) + table + bytes(4)
    check(buffer, Image.fromarray((few * (255 // ((1 << bits) - 1))).astype(np.uint8)))


@pytest.mark.parametrize("codec", ["group3", "group4", "tiff_ccitt"])
def test_fax_codecs(scene: Image.Image, codec: str) -> None:
    black_and_white = scene.convert("1")
    check(saved(black_and_white, "TIFF", compression=codec), black_and_white, 0)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_extra_channels(scene: Image.Image, mode: str, extra: str, bits: int) -> None:
    picture = scene.convert(mode)
    values = np.atleast_3d(np.asarray(picture)).astype(float)
    alpha = np.full((240, 320, 1), 255.0)
    alpha[:, 160:] = 102
    if extra == "assocalpha":
        values = values * alpha / 255
    stored = np.rint(np.concatenate([values, alpha], axis=2)).astype(np.uint8)
    if bits == 16:
        stored = stored.astype(np.uint16) * 257
    photometric = "rgb" if mode == "RGB" else "minisblack"
    photo = read(tiff(stored, photometric=photometric, extrasamples=[extra], planarconfig="contig"))
    expected = np.asarray(picture.convert("RGB")).astype(float)
    if extra != "unspecified":  # on white
        expected[:, 160:] = 255 + (expected[:, 160:] - 255) * 0.4
    found = photo.pixels[:, 165:].astype(float), photo.pixels[:, :155].astype(float)
    assert np.abs(found[0] - expected[:, 165:]).mean() < 3
    assert np.abs(found[1] - expected[:, :155]).mean() < 1


def test_lab_of_sixteen_bits(scene: Image.Image) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(scene, to_lab)
    assert lab is not None
    values = np.asarray(lab)
    signed = ((values[..., 1:] ^ 128).view(np.int8).astype(np.int16) * 256).view(np.uint16)
    wide = np.dstack([values[..., 0].astype(np.uint16) * 257, signed])
    check(tiff(wide, photometric="cielab"), scene, 3)


def test_twelve_bits_of_colour_in_sixteen_are_not_shown_black(scene: Image.Image) -> None:
    twelve = np.asarray(scene).astype(np.uint16) * 16
    assert read(tiff(twelve, photometric="rgb")).pixels.max() > 240


def test_bright_floats_are_stretched(scene: Image.Image) -> None:
    light = np.asarray(scene).astype(np.float32) * 40
    light[0, 0] = np.nan
    photo = read(tiff(light, photometric="rgb"))
    assert np.corrcoef(photo.pixels.ravel(), np.asarray(scene).ravel())[0, 1] > 0.99


def test_a_picture_of_one_value_stays_that_value() -> None:
    photo = read(tiff(np.full((16, 16), 0x8080, np.uint16), photometric="minisblack"))
    assert photo.pixels.min() == photo.pixels.max() == 128


@pytest.mark.parametrize("samples", [5, 12])
def test_more_channels_than_colours_show_the_first(scene: Image.Image, samples: int) -> None:
    more = np.concatenate([np.asarray(scene)] * 4, axis=2)[..., :samples]
    photo = read(tiff(more, photometric="rgb", planarconfig="contig"))
    assert difference(photo.pixels, scene) == 0


def test_a_flood_of_channels_is_refused() -> None:
    buffer = bytearray(tiff(np.zeros((8, 8, 3), np.uint8), photometric="rgb"))
    with tifffile.TiffFile(io.BytesIO(bytes(buffer))) as document:
        tag = document.pages.first.tags["SamplesPerPixel"]
        struct.pack_into("<H", buffer, tag.valueoffset, 60_000)
    with pytest.raises(DecodeError) as caught:
        read(bytes(buffer))
    assert caught.value.code == "UNSUPPORTED_FORMAT"
