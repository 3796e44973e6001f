"""HEIC: the container's rotation once, and no flat green where data is missing."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from pillow_heif import as_plugin
from sample_pictures import difference

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode
from resources.imaging.previews import orient


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


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_containers_rotation_and_mirroring_are_applied_once(scene: Image.Image, tag: int) -> None:
    inverse = {6: 8, 8: 6}.get(tag, tag)
    photo = read(heic(orient(scene, inverse), orientation(tag)))
    assert photo.metadata.orientation == tag
    assert (photo.width, photo.height) == (320, 240)
    assert difference(photo.pixels, scene) < 4


def test_alpha_is_laid_on_white(scene: Image.Image) -> None:
    image = scene.convert("RGBA")
    image.putalpha(0)
    assert read(heic(image)).pixels.min() > 250


@pytest.mark.parametrize(("mode", "bits"), [("RGB;16", 10), ("RGB;16", 12), ("L", 8), ("LA", 8), ("RGBA", 8)])
def test_depths_greys_and_transparency(scene: Image.Image, mode: str, bits: int) -> None:
    if mode == "RGB;16":
        values = np.asarray(scene).astype(np.uint16) * 257
        opened = pillow_heif.from_bytes(mode, scene.size, values.tobytes())
    else:
        opened = pillow_heif.from_pillow(scene.convert(mode))
    out = io.BytesIO()
    before = pillow_heif.options.SAVE_HDR_TO_12_BIT
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    try:
        opened.save(out, quality=95)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = before
    expected = scene.convert("L") if mode in ("L", "LA") else scene
    assert difference(read(out.getvalue()).pixels, expected) < 4


def test_of_several_pictures_the_primary_one_is_the_photo(scene: Image.Image) -> None:
    file = pillow_heif.from_pillow(scene.rotate(180))
    file.add_from_pillow(scene)
    for primary, expected in ((0, scene.rotate(180)), (1, scene)):
        out = io.BytesIO()
        file.save(out, quality=90, primary_index=primary)
        photo = read(out.getvalue())
        assert photo.pages == 1
        assert difference(photo.pixels, expected) < 4


def test_a_large_thumbnail_inside_saves_decoding_the_whole(scene: Image.Image) -> None:
    large = pillow_heif.from_pillow(scene.resize((1280, 960), Image.Resampling.BICUBIC))
    for side, rung in ((640, "embedded_preview"), (256, "raster")):
        out = io.BytesIO()
        large.save(out, quality=90, thumbnails=[side])
        photo = read(out.getvalue())
        assert (photo.rung, photo.width, photo.height) == (rung, 1280, 960)
        assert difference(photo.pixels, scene.resize((512, 384), Image.Resampling.BICUBIC)) < 6


def test_the_green_of_missing_data_is_noticed(scene: Image.Image) -> None:
    for share, height in ((0.3, 72), (0.9, 216)):
        filled = scene.copy()
        filled.paste((0, 135, 0), (0, 240 - height, 320, 240))
        out = io.BytesIO()
        pillow_heif.from_pillow(filled).save(out, quality=-1, chroma=444, matrix_coefficients=0)
        if share < 0.75:
            assert read(out.getvalue()).warnings == ("CORRUPT",)
        else:
            with pytest.raises(DecodeError) as caught:
                read(out.getvalue())
            assert caught.value.code == "CORRUPT"


def test_a_wide_gamut_named_by_number_is_converted() -> None:
    red = pillow_heif.from_pillow(Image.new("RGB", (64, 64), (234, 51, 35)))  # sRGB's red in Display P3
    out = io.BytesIO()
    red.save(out, quality=-1, chroma=444, color_primaries=12, transfer_characteristics=13, matrix_coefficients=0)
    assert read(out.getvalue()).pixels[32, 32].tolist() == pytest.approx([255, 0, 0], abs=3)


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def sequence(image: Image.Image, matrix: tuple[int, int, int, int] = (1, 0, 0, 1)) -> bytes:
    """An image sequence without any item: one track whose only sample is the picture of a HEIC."""
    still = heic(image)
    configuration = still[still.index(b"hvcC") - 4 :]
    configuration = configuration[: int.from_bytes(configuration[:4], "big")]
    coded = still[still.index(b"mdat") + 4 :]
    size = b"".join(length.to_bytes(2, "big") for length in image.size)
    entry = box(b"hvc1", bytes(24), size, bytes(50), configuration)
    brands = box(b"ftyp", b"msf1", bytes(4), b"msf1hevc")
    turn = b"".join((value << 16).to_bytes(4, "big", signed=True) for value in (*matrix[:2], 0, *matrix[2:], 0, 0, 0))

    def movie(start: int) -> bytes:
        table = box(
            b"stbl",
            box(b"stsd", bytes(4), b"\0\0\0\1", entry),
            box(b"stsz", bytes(8), b"\0\0\0\1", len(coded).to_bytes(4, "big")),
            box(b"stco", bytes(4), b"\0\0\0\1", start.to_bytes(4, "big")),
        )
        media = box(b"mdia", box(b"hdlr", bytes(8), b"pict", bytes(13)), box(b"minf", table))
        return box(b"moov", box(b"trak", box(b"tkhd", bytes(40), turn, bytes(12)), media))

    start = len(brands) + len(movie(0)) + 8
    return brands + movie(start) + box(b"mdat", coded)


@pytest.mark.parametrize(
    ("matrix", "orientation"), [((1, 0, 0, 1), 1), ((0, 1, -1, 0), 6), ((-1, 0, 0, -1), 3), ((0, -1, 1, 0), 8)]
)
def test_the_first_picture_of_a_sequence(
    scene: Image.Image, matrix: tuple[int, int, int, int], orientation: int
) -> None:
    photo = read(sequence(scene, matrix))
    expected = orient(scene, orientation)
    assert (photo.format, photo.width, photo.height) == ("HEIC", *expected.size)
    assert difference(photo.pixels, expected) < 4


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_cut_sequence_is_refused(scene: Image.Image, share: float) -> None:
    whole = sequence(scene)
    with pytest.raises(DecodeError):
        read(whole[: int(len(whole) * share)])


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
