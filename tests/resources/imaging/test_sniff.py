"""Formats are told by content; names only sort what the inventory lists."""

from __future__ import annotations

import pytest
from bayer_dng import bayer_dng
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sample_pictures import saved

from resources.imaging import kind_by_name, sniff


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("JPEG", "JPEG"),
        ("PNG", "PNG"),
        ("WEBP", "WEBP"),
        ("GIF", "GIF"),
        ("BMP", "BMP"),
        ("TIFF", "TIFF"),
        ("AVIF", "AVIF"),
    ],
)
def test_pictures_are_told_by_their_content(scene: Image.Image, form: str, expected: str) -> None:
    sniffed = sniff(saved(scene, form))
    assert sniffed is not None
    assert (sniffed.format, sniffed.family) == (expected, "tiff" if form == "TIFF" else "raster")
    assert sniffed.mime == f"image/{expected.lower()}"


def test_a_dng_is_not_taken_for_the_tiff_it_is_made_of(scene: Image.Image) -> None:
    import numpy as np

    sniffed = sniff(bayer_dng(np.asarray(scene))[:65_536] + b"")
    # The directory lies at the end of this file, beyond the head: the whole file tells.
    assert sniffed is not None
    whole = sniff(bayer_dng(np.asarray(scene)))
    assert whole is not None
    assert (whole.format, whole.family) == ("DNG", "raw")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"II\x1a\0\0\0HEAPCCDR", "CRW"),
        (b"IIU\0\x18\0\0\0", "RW2"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"\0MRM\0\0\0\0", "MRW"),
        (b"FOVb\0\0\0\0", "X3F"),
        (b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "CR3"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
    ],
)
def test_magic_numbers(head: bytes, expected: str) -> None:
    sniffed = sniff(head)
    assert sniffed is not None
    assert sniffed.format == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"%PDF-1.7",
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2mp41",
        b"\0\0\0\x14ftypqt  ",
        b"<html><body>",
        b"\x1aE\xdf\xa3",
        b"RIFF\0\0\0\0AVI LIST",
        b"BMW is a maker of cars",
        bytes(64),
    ],
)
def test_videos_and_documents_are_no_photos(head: bytes) -> None:
    assert sniff(head) is None


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"\0\0\0\x20ftyp", b"\xff\xd8\xff"]),
)
def test_sniffing_never_raises(tail: bytes, magic: bytes) -> None:
    sniff(magic + tail)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG_1.JPG", "photo"),
        ("a.b.heic", "photo"),
        ("x.CR3", "photo"),
        ("x.xmp", "sidecar"),
        ("IMG_1.AAE", "sidecar"),
        ("CRW_1.THM", "sidecar"),
        ("IMG_1.jpg.json", "sidecar"),
        ("IMG_1.HEIC.supplemental-metadata.json", "sidecar"),
        ("settings.json", "document"),
        ("clip.MOV", "video"),
        ("notes.txt", "document"),
        ("no_extension", "unknown"),
        ("strange.q7z", "unknown"),
        (".hidden", "unknown"),
    ],
)
def test_kinds_by_name(name: str, kind: str) -> None:
    assert kind_by_name(name) == kind
