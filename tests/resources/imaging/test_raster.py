"""Pictures through Pillow: upright, sRGB, on white, never larger than asked, never a bomb."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from sample_pictures import difference, saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode

LIMIT = 50_000_000


def read(buffer: bytes, preview_px: int = 1024, max_pixels: int = LIMIT) -> DecodedPhoto:
    return decode(buffer, name="photo", preview_px=preview_px, max_pixels=max_pixels)


def refused(buffer: bytes, max_pixels: int = LIMIT) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read(buffer, max_pixels=max_pixels)
    assert "photo" in str(caught.value)
    return caught.value


def turned(upright: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    """The picture as a camera would store it for this orientation, and the tag that says so."""
    inverse = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    exif = Image.Exif()
    exif[0x0112] = inverse
    upright = upright.copy()
    upright.getexif()[0x0112] = inverse
    stored = ImageOps.exif_transpose(upright)
    assert stored is not None
    exif[0x0112] = orientation
    return stored, exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_all_eight_orientations_come_out_upright(scene: Image.Image, form: str, orientation: int) -> None:
    stored, exif = turned(scene, orientation)
    photo = read(saved(stored, form, exif=exif, **({"quality": 95} if form != "TIFF" else {})))
    assert (photo.width, photo.height) == scene.size
    # The AVIF encoder writes it as the container's rotation and mirroring, which is all there is to know.
    assert photo.metadata.orientation == (None if form == "AVIF" else orientation)
    assert difference(photo.pixels, scene) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_survives_reduction(scene: Image.Image, orientation: int) -> None:
    stored, exif = turned(scene.resize((1280, 960)), orientation)
    photo = read(saved(stored, "JPEG", exif=exif), preview_px=160)
    assert (photo.width, photo.height, photo.rung) == (1280, 960, "draft")
    assert difference(photo.pixels, scene.resize((160, 120))) < 8


def test_an_orientation_only_in_xmp_counts(scene: Image.Image) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/></rdf:RDF></x:xmpmeta>'
    )
    photo = read(saved(scene.rotate(180), "JPEG", xmp=packet, quality=95))
    assert difference(photo.pixels, scene) < 4


@pytest.mark.parametrize(
    ("size", "expected"), [((3000, 500), (1024, 171)), ((500, 3000), (171, 1024)), ((90, 60), (90, 60))]
)
def test_previews_keep_proportions_and_are_never_enlarged(
    scene: Image.Image, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    photo = read(saved(scene.resize(size), "JPEG"))
    assert photo.pixels.shape == (expected[1], expected[0], 3)
    assert photo.pixels.dtype == np.uint8
    assert (photo.width, photo.height) == size


def test_a_draft_equals_a_full_decode_within_noise(scene: Image.Image) -> None:
    large = scene.resize((2400, 1800), Image.Resampling.BICUBIC)
    jpeg = saved(large, "JPEG", quality=92)
    photo = read(jpeg, preview_px=512)
    assert photo.rung == "draft"
    with Image.open(io.BytesIO(jpeg)) as full:
        assert difference(photo.pixels, full.resize((512, 384), Image.Resampling.BICUBIC)) < 1


# Colour


def test_wide_gamut_is_converted_from_its_profile() -> None:
    # A profile whose red and blue are swapped shows whether the conversion takes place at all.
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = swapped.replace(b"rXYZ", b"tmpX", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmpX", b"bXYZ", 1)
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    converted = read(saved(red, "PNG", icc_profile=_renamed(swapped))).pixels[32, 32]
    assert converted[2] > 200
    assert converted[0] < 60


def _renamed(profile: bytes) -> bytes:
    """Another description: profiles that call themselves sRGB are taken at their word."""
    return profile.replace("sRGB built-in".encode("utf-16-be"), "Not sRGB here".encode("utf-16-be"))


def test_a_damaged_profile_does_not_cost_the_picture(scene: Image.Image) -> None:
    photo = read(saved(scene, "JPEG", icc_profile=b"this is no profile" * 20, quality=95))
    assert difference(photo.pixels, scene) < 4


def test_a_profile_of_another_colour_space_is_ignored(scene: Image.Image) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert difference(read(saved(scene, "PNG", icc_profile=lab)).pixels, scene) == 0


def test_cmyk_comes_out_in_its_colours(scene: Image.Image) -> None:
    photo = read(saved(scene.convert("CMYK"), "JPEG", quality=95))
    assert difference(photo.pixels, scene) < 6


def test_lab_comes_out_in_its_colours(scene: Image.Image) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(scene, to_lab)
    assert lab is not None
    assert difference(read(saved(lab, "TIFF")).pixels, scene) < 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 20))
    photo = read(saved(image.convert(mode) if mode != "P" else image.quantize(4), "PNG"))
    assert photo.pixels[10, 5].tolist() == [0, 0, 0]
    assert photo.pixels[10, 35].tolist() == [255, 255, 255]


def test_transparent_edges_do_not_bleed_their_hidden_colour() -> None:
    image = Image.new("RGBA", (400, 400), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 200, 400))
    pixels = read(saved(image, "PNG"), preview_px=64).pixels.astype(int)
    assert (pixels[..., 1] <= pixels[..., 0] + 2).all()  # from red to white without green


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_modes_of_png(scene: Image.Image, mode: str) -> None:
    image = scene.convert(mode)
    assert difference(read(saved(image, "PNG")).pixels, image) == 0


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (32, 1))
    photo = read(saved(Image.fromarray(ramp), "PNG"))
    assert np.abs(photo.pixels[16, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_twelve_bits_in_sixteen_are_not_shown_black() -> None:
    ramp = np.tile(np.linspace(100, 4000, 256).astype(np.uint16), (32, 1))
    photo = read(saved(Image.fromarray(ramp), "TIFF"))
    assert photo.pixels.max() > 240


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_and_bigtiff_in_both_byte_orders(scene: Image.Image, byteorder: str, bigtiff: bool, bits: int) -> None:
    pixels = np.asarray(scene)
    stored = pixels if bits == 8 else pixels.astype(np.uint16) * 257
    out = io.BytesIO()
    tifffile.imwrite(out, stored, byteorder=byteorder, bigtiff=bigtiff, photometric="rgb", rowsperstrip=64)
    assert difference(read(out.getvalue()).pixels, scene) == 0


def test_the_first_frame_of_an_animation_is_the_photo(scene: Image.Image) -> None:
    others = [Image.new("RGB", scene.size, colour) for colour in ("black", "white")]
    for form in ("GIF", "WEBP", "PNG", "AVIF"):
        photo = read(saved(scene, form, save_all=True, append_images=others))
        assert difference(photo.pixels, scene) < 12, form


# Limits


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_too_many_declared_pixels_are_refused(scene: Image.Image, form: str) -> None:
    error = refused(saved(scene, form), max_pixels=320 * 240 - 1)
    assert error.code == "TOO_LARGE"
    assert error.details["width"] == 320
    read(saved(scene, form), max_pixels=320 * 240)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    header = b"\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0"  # 65,535 x 65,535
    ihdr = b"\0\0\0\x0dIHDR" + header + zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    data = zlib.compress(bytes(1000))
    idat = len(data).to_bytes(4, "big") + b"IDAT" + data + zlib.crc32(b"IDAT" + data).to_bytes(4, "big")
    assert refused(b"\x89PNG\r\n\x1a\n" + ihdr + idat + b"\0\0\0\0IEND\xaeB`\x82").code == "TOO_LARGE"


def test_large_texts_in_png_are_no_obstacle(scene: Image.Image) -> None:
    words = np.random.default_rng(1).integers(33, 120, 3_000_000).astype(np.uint8).tobytes().decode("ascii")
    for compressed in (False, True):
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", words, zip=compressed)
        info.add_itxt("XML:com.adobe.xmp", words, zip=compressed)
        assert difference(read(saved(scene, "PNG", pnginfo=info)).pixels, scene) == 0


def test_a_text_bomb_in_png_is_refused(scene: Image.Image) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * 40_000_000, zip=True)
    assert refused(saved(scene, "PNG", pnginfo=info)).code == "TOO_LARGE"


def test_a_run_length_bomb_in_bmp_is_refused() -> None:
    palette = bytes(1024)
    runs = b"\x08\x01\0\0\0\x01"
    header = b"BM" + (54 + 1024 + len(runs)).to_bytes(4, "little") + bytes(4) + (54 + 1024).to_bytes(4, "little")
    size = b"".join(value.to_bytes(4, "little") for value in (40, 5000, 5000))
    header += size + b"\x01\0\x08\0" + (1).to_bytes(4, "little") + bytes(20)
    assert refused(header + palette + runs).code == "TOO_LARGE"
