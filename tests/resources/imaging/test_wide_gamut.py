"""Colours of wide spaces come out as themselves in sRGB, however the file names its space."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image
from sample_pictures import photoshop, saved

from resources.imaging import decode

# sRGB's red and a middle grey in other spaces: CSS Color Module Level 4, sample conversions.
SPACES = {
    "Display P3": ((0.9175, 0.2003, 0.1386), "srgb"),
    "Adobe RGB": ((0.8586, 0.0, 0.0), 563 / 256),
    "ProPhoto RGB": ((0.7022, 0.2757, 0.1036), 1.8),
}
# Columns of the profiles' matrices: XYZ of red, green and blue relative to D50 (Lindbloom; Display P3 from Apple's).
PRIMARIES = {
    "Display P3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "ProPhoto RGB": ((0.79767, 0.28804, 0.0), (0.13519, 0.71187, 0.0), (0.03135, 0.00009, 0.82491)),
}


def icc_profile(space: str) -> bytes:
    """A matrix profile of version 2, as cameras and editors embed them (ICC.1:2001-04)."""
    _, curve = SPACES[space]

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65_536)) for value in values)

    if curve == "srgb":
        code = np.linspace(0, 1, 1024)
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        table = np.round(light * 65_535).astype(">u2").tobytes()
        tone = b"curv\0\0\0\0" + struct.pack(">I", 1024) + table
    else:
        tone = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(float(curve) * 256)) + b"\0\0"
    name = space.encode()
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + bytes(78)
    tags = {b"desc": text.ljust(-(-len(text) // 4) * 4, b"\0"), b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    for letter, column in zip(b"rgb", PRIMARIES[space], strict=True):
        tags[bytes([letter]) + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*column)
        tags[bytes([letter]) + b"TRC"] = tone
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for key, data in tags.items():
        table += key + struct.pack(">II", at + len(body), len(data))
        body += data
    size = at + len(body)
    head = struct.pack(">I4xI4s4s4s", size, 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249) + bytes(48) + struct.pack(">I", len(tags)) + table + body


def picture(space: str) -> Image.Image:
    """Left sRGB's red in that space, right a grey."""
    image = Image.new("RGB", (64, 48), (128, 128, 128))
    image.paste(tuple(round(255 * part) for part in SPACES[space][0]), (0, 0, 32, 48))
    return image


def check(buffer: bytes, tolerance: int) -> None:
    pixels = decode(buffer, name="x", preview_px=64, max_pixels=100_000).pixels
    assert pixels[24, 12].tolist() == pytest.approx([255, 0, 0], abs=tolerance)
    right = pixels[24, 52].astype(int)
    assert np.ptp(right) <= 2  # grey stays grey
    assert 110 < right[0] < 175


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIC", "PSD", "TIFF of 16 bits"])
def test_profiles_are_converted(space: str, form: str) -> None:
    image, profile = picture(space), icc_profile(space)
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100}}
    if form == "HEIC":
        out = io.BytesIO()
        pillow_heif.from_pillow(image).save(out, quality=-1, chroma=444, icc_profile=profile, matrix_coefficients=0)
        buffer = out.getvalue()
    elif form == "PSD":
        buffer = photoshop(np.asarray(image), resources={1039: profile})
    elif form == "TIFF of 16 bits":
        out = io.BytesIO()
        tifffile.imwrite(
            out, np.asarray(image).astype(np.uint16) * 257, photometric="rgb", iccprofile=profile, planarconfig="contig"
        )
        buffer = out.getvalue()
    else:
        buffer = saved(image, form, icc_profile=profile, **options.get(form, {}))
    check(buffer, 12 if form == "AVIF" else 4)


def png_with(image: Image.Image, **chunks: bytes) -> bytes:
    whole = saved(image, "PNG")
    extra = b"".join(
        struct.pack(">I", len(data)) + kind.encode() + data + struct.pack(">I", zlib.crc32(kind.encode() + data))
        for kind, data in chunks.items()
    )
    return whole[:33] + extra + whole[33:]


CHROMATICITIES = {
    "Display P3": (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    "Adobe RGB": (0.3127, 0.3290, 0.640, 0.330, 0.210, 0.710, 0.150, 0.060),
    "ProPhoto RGB": (0.3457, 0.3585, 0.734699, 0.265301, 0.159597, 0.840403, 0.036598, 0.000105),
}


@pytest.mark.parametrize("space", SPACES)
def test_png_that_names_its_primaries_and_gamma(space: str) -> None:
    curve = SPACES[space][1]
    chunks = {
        "gAMA": struct.pack(">I", round(100_000 / (2.2 if curve == "srgb" else float(curve)))),
        "cHRM": struct.pack(">8I", *(round(100_000 * place) for place in CHROMATICITIES[space])),
    }
    check(png_with(picture(space), **chunks), 4)


def test_png_that_names_its_space_by_code() -> None:
    by_code = {"cICP": bytes((12, 13, 0, 1))}
    check(png_with(picture("Display P3"), **by_code), 4)
    # It goes before everything else the file says.
    others = {"gAMA": struct.pack(">I", 100_000), "sRGB": b"\0"}
    check(png_with(picture("Display P3"), **by_code, **others), 4)


def test_png_of_plain_srgb_is_left_alone() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for chunks in ({"gAMA": struct.pack(">I", 45_455)}, {"gAMA": struct.pack(">I", 45_455), "cHRM": srgb}):
        photo = decode(png_with(Image.fromarray(grey), **chunks), name="x", preview_px=64, max_pixels=100_000)
        assert np.array_equal(photo.pixels, grey)


def test_linear_light_in_png_is_brightened() -> None:
    linear = Image.new("RGB", (16, 16), (55, 55, 55))  # 0.2157, which is 128 in sRGB
    buffer = png_with(linear, gAMA=struct.pack(">I", 100_000))
    assert decode(buffer, name="x", preview_px=64, max_pixels=1000).pixels[8, 8].tolist() == [128, 128, 128]


def test_cmyk_with_a_profile_goes_through_it() -> None:
    plain = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    red = decode(plain, name="x", preview_px=16, max_pixels=1000).pixels[8, 8].tolist()
    assert red == pytest.approx([255, 0, 0], abs=3)  # without one, ink is the plain opposite of light
    buffer = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "TIFF", icc_profile=icc_profile("Display P3"))
    # A profile of another colour space is no help and no obstacle.
    assert decode(buffer, name="x", preview_px=16, max_pixels=1000).pixels[8, 8].tolist() == [255, 0, 0]
