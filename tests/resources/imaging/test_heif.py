"""HEIC: the container's rotation once, and no flat green where data is missing."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from pillow_heif import as_plugin
from sample_pictures import difference

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode


def read(buffer: bytes, max_pixels: int = 10_000_000) -> DecodedPhoto:
    return decode(buffer, name="photo.heic", preview_px=512, max_pixels=max_pixels)


def heic(image: Image.Image, exif: Image.Exif | None = None) -> bytes:
    """A HEIC file; like a phone's, the encoder writes the EXIF orientation as the container's rotation too."""
    out = io.BytesIO()
    image = image.copy()
    image.encoderinfo = {"quality": 90, **({"exif": exif.tobytes()} if exif else {})}  # type: ignore[attr-defined]
    as_plugin._save_heif(image, out, "")
    return out.getvalue()


def test_a_heic_comes_out_as_it_is(scene: Image.Image) -> None:
    photo = read(heic(scene))
    assert (photo.format, photo.mime, photo.rung) == ("HEIC", "image/heic", "raster")
    assert difference(photo.pixels, scene) < 4


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def test_exif_orientation_without_rotation_is_information_only(scene: Image.Image) -> None:
    upright, on_its_side = (b"\x01\x12\x00\x03\x00\x00\x00\x01" + value for value in (b"\0\1", b"\0\6"))
    whole = heic(scene, orientation(1))
    assert whole.count(upright) == 1
    photo = read(whole.replace(upright, on_its_side))
    assert photo.metadata.orientation == 6
    assert (photo.width, photo.height) == (320, 240)
    assert difference(photo.pixels, scene) < 4


@pytest.mark.parametrize(("tag", "angle"), [(6, 90), (3, 180), (8, -90)])
def test_the_containers_rotation_is_applied_once(scene: Image.Image, tag: int, angle: int) -> None:
    photo = read(heic(scene.rotate(angle, expand=True), orientation(tag)))
    assert photo.metadata.orientation == tag
    assert (photo.width, photo.height) == (320, 240)
    assert difference(photo.pixels, scene) < 4


def test_alpha_is_laid_on_white(scene: Image.Image) -> None:
    image = scene.convert("RGBA")
    image.putalpha(0)
    assert read(heic(image)).pixels.min() > 250


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_cut_heic_is_refused(scene: Image.Image, share: float) -> None:
    whole = heic(scene.resize((1280, 960)))
    with pytest.raises(DecodeError) as caught:
        read(whole[: int(len(whole) * share)])
    assert caught.value.code == "TRUNCATED"


def test_a_heic_whose_end_was_never_copied_is_refused(scene: Image.Image) -> None:
    whole = heic(scene.resize((1280, 960)))
    kept = len(whole) * 2 // 3
    with pytest.raises(DecodeError) as caught:
        read(whole[:kept] + bytes(len(whole) - kept))
    assert caught.value.code == "TRUNCATED"


def test_a_whole_picture_in_a_cut_container_comes_in_with_a_warning(scene: Image.Image) -> None:
    photo = read(heic(scene) + b"\0\0\x40\0free" + bytes(16))
    assert photo.warnings == ("TRUNCATED",)
    assert difference(photo.pixels, scene) < 4


def test_declared_size_is_checked_before_decoding(scene: Image.Image) -> None:
    with pytest.raises(DecodeError) as caught:
        read(heic(scene), max_pixels=320 * 240 - 1)
    assert caught.value.code == "TOO_LARGE"


def test_an_avif_named_like_a_heif_is_still_read(scene: Image.Image) -> None:
    out = io.BytesIO()
    scene.save(out, "AVIF", quality=90)
    structural = out.getvalue().replace(b"ftypavif", b"ftypmif1", 1)
    photo = read(structural)
    assert photo.format == "AVIF"
    assert difference(photo.pixels, scene) < 6
