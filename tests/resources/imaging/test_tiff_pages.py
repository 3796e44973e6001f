"""Every page of a TIFF is a photo; thumbnails, masks and pyramids are not."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image
from sample_pictures import difference, saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode, decode_pages

REDUCED, PAGE, MASK = 1, 2, 4


def pages(buffer: bytes, max_pages: int = 1000) -> list[DecodedPhoto]:
    found = decode_pages(buffer, name="scan.tif", preview_px=256, max_pixels=10_000_000, max_pages=max_pages)
    return list(found)


def page_picture(number: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    coarse = np.random.default_rng(number).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST)


def tiff(*pictures: tuple[Image.Image, int | None], byteorder: str = "<", bigtiff: bool = False) -> bytes:
    """Pictures with their NewSubfileType (None: without one), one directory each."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out, byteorder=byteorder, bigtiff=bigtiff) as writer:
        for picture, kind in pictures:
            writer.write(np.asarray(picture), photometric="rgb", subfiletype=kind, metadata=None, contiguous=False)
    return out.getvalue()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_every_page_is_a_photo(byteorder: str, bigtiff: bool) -> None:
    pictures = [page_picture(number) for number in range(3)]
    found = pages(tiff(*((picture, PAGE) for picture in pictures), byteorder=byteorder, bigtiff=bigtiff))
    assert [(photo.page, photo.pages) for photo in found] == [(1, 3), (2, 3), (3, 3)]
    for photo, picture in zip(found, pictures, strict=True):
        assert difference(photo.pixels, picture.resize((256, 192), Image.Resampling.BICUBIC)) < 1
        assert photo.warnings == ()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg", "tiff_adobe_deflate"])
def test_pages_of_any_compression(compression: str) -> None:
    pictures = [page_picture(number) for number in range(3)]
    buffer = saved(pictures[0], "TIFF", save_all=True, append_images=pictures[1:], compression=compression)
    found = pages(buffer)
    assert len(found) == 3
    for photo, picture in zip(found, pictures, strict=True):
        assert difference(photo.pixels, picture.resize((256, 192), Image.Resampling.BICUBIC)) < 5


def test_pages_of_different_sizes_and_modes() -> None:
    pictures = [page_picture(1), page_picture(2, (100, 300)).convert("1"), page_picture(3, (64, 64)).convert("L")]
    found = pages(saved(pictures[0], "TIFF", save_all=True, append_images=pictures[1:]))
    assert [(photo.width, photo.height) for photo in found] == [(320, 240), (100, 300), (64, 64)]
    assert difference(found[2].pixels, pictures[2]) == 0


def test_decode_gives_the_first_page_and_tells_how_many_there_are() -> None:
    buffer = tiff(*((page_picture(number), PAGE) for number in range(4)))
    photo = decode(buffer, name="scan.tif", preview_px=256, max_pixels=10_000_000)
    first = pages(buffer)[0]
    assert (photo.page, photo.pages) == (first.page, first.pages) == (1, 4)
    assert np.array_equal(photo.pixels, first.pixels)


def test_a_plain_photo_is_one_page(scene: Image.Image) -> None:
    for form in ("JPEG", "TIFF", "PNG"):
        found = pages(saved(scene, form))
        assert [(photo.page, photo.pages) for photo in found] == [(1, 1)]


def test_only_tiff_has_pages(scene: Image.Image) -> None:
    for form in ("GIF", "WEBP", "PNG", "AVIF", "MPO"):
        assert len(pages(saved(scene, form, save_all=True, append_images=[page_picture(1)]))) == 1


def test_a_marked_thumbnail_is_no_page_wherever_it_stands(scene: Image.Image) -> None:
    small = scene.resize((80, 60))
    for order in (((scene, 0), (small, REDUCED)), ((small, REDUCED), (scene, 0))):
        (photo,) = pages(tiff(*order))
        assert (photo.width, photo.height, photo.page, photo.pages) == (320, 240, 1, 1)


def test_a_mask_is_no_page(scene: Image.Image) -> None:
    both = tiff((scene, 0), (scene.rotate(180), REDUCED))
    as_mask = both.replace(*(struct.pack("<HHII", 254, 4, 1, kind) for kind in (REDUCED, MASK)))
    assert as_mask != both
    assert len(pages(as_mask)) == 1


def test_a_pyramid_is_one_photo_marked_or_not() -> None:
    large = page_picture(5, (640, 480))
    for kind in (REDUCED, None):
        levels = [(large, 0 if kind else None)]
        levels += [(large.resize((640 >> level, 480 >> level), Image.Resampling.BOX), kind) for level in (1, 2, 3)]
        (photo,) = pages(tiff(*levels))
        assert (photo.width, photo.height) == (640, 480)


def test_a_smaller_page_with_another_picture_is_a_page() -> None:
    found = pages(tiff((page_picture(1, (640, 480)), None), (page_picture(2, (320, 240)), None)))
    assert [photo.width for photo in found] == [640, 320]


def test_one_picture_marked_as_reduced_is_still_a_photo(scene: Image.Image) -> None:
    assert len(pages(tiff((scene, REDUCED)))) == 1
    assert len(pages(tiff((scene, REDUCED), (scene, REDUCED)))) == 1


def damaged(buffer: bytes, number: int) -> bytes:
    """The document with the deflate data of one page overwritten."""
    broken = bytearray(buffer)
    with tifffile.TiffFile(io.BytesIO(buffer)) as document:
        page = document.pages[number]
        start = page.dataoffsets[0]
        broken[start : start + page.databytecounts[0]] = b"\xff" * page.databytecounts[0]
    return bytes(broken)


def test_a_broken_page_costs_itself_alone() -> None:
    pictures = [page_picture(number) for number in range(4)]
    buffer = saved(pictures[0], "TIFF", save_all=True, append_images=pictures[1:], compression="tiff_adobe_deflate")
    found = pages(damaged(buffer, 2))
    assert [(photo.page, photo.pages) for photo in found] == [(1, 4), (2, 4), (4, 4)]
    assert [photo.warnings for photo in found] == [("PAGE_UNREADABLE",), (), ()]
    assert difference(found[2].pixels, pictures[3].resize((256, 192), Image.Resampling.BICUBIC)) < 1


def test_a_broken_page_far_into_a_document_is_told_of_by_the_page_before() -> None:
    pictures = [page_picture(number, (32, 24)) for number in range(40)]
    buffer = saved(pictures[0], "TIFF", save_all=True, append_images=pictures[1:], compression="tiff_adobe_deflate")
    for broken, before in (((36, 37), 36), ((39,), 39)):
        for number in broken:
            buffer = damaged(buffer, number)
        found = {photo.page: photo.warnings for photo in pages(buffer)}
        assert found[before] == ("PAGE_UNREADABLE",)
        assert found[1] == ()
    assert sorted(found) == [page for page in range(1, 40) if page not in (37, 38)]


def test_a_document_whose_first_page_is_broken_is_refused() -> None:
    pictures = [page_picture(number) for number in range(2)]
    buffer = saved(pictures[0], "TIFF", save_all=True, append_images=pictures[1:], compression="tiff_adobe_deflate")
    with pytest.raises(DecodeError):
        pages(damaged(buffer, 0))


def test_pages_beyond_the_limit_are_left_out_with_a_warning() -> None:
    buffer = tiff(*((page_picture(number, (32, 24)), PAGE) for number in range(50)))
    found = pages(buffer, max_pages=40)
    assert [photo.page for photo in found] == list(range(1, 41))
    assert {photo.pages for photo in found} == {50}
    assert found[0].warnings == ("PAGES_LEFT_OUT",)
    # More pages than are decoded ahead come in order and as themselves.
    assert difference(found[39].pixels, page_picture(39, (32, 24))) == 0


def test_directories_that_loop_end() -> None:
    buffer = bytearray(tiff((page_picture(1), PAGE), (page_picture(2), PAGE)))
    with tifffile.TiffFile(io.BytesIO(bytes(buffer))) as document:
        first, second = (page.offset for page in document.pages)
    entries = struct.unpack_from("<H", buffer, second)[0]
    struct.pack_into("<I", buffer, second + 2 + 12 * entries, first)
    assert len(pages(bytes(buffer))) == 2


def test_a_page_says_what_differs_and_takes_the_rest_from_the_first() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for number, description in enumerate(("A letter", "Its back")):
            tags = [(315, 2, 0, "Ann", True), (271, 2, 0, "Scanners", True)] if number == 0 else []
            tags.append((274, 3, 1, (1, 8)[number], True))
            writer.write(
                np.asarray(page_picture(number)),
                photometric="rgb",
                metadata=None,
                description=description,
                extratags=tags,
                contiguous=False,
                datetime="2001:02:03 04:05:06" if number == 0 else None,
            )
    first, second = pages(out.getvalue())
    assert (first.metadata.description, second.metadata.description) == ("A letter", "Its back")
    assert second.metadata.camera_make == first.metadata.camera_make == "Scanners"
    assert (first.metadata.orientation, second.metadata.orientation) == (1, 8)
    assert (second.width, second.height) == (240, 320)
