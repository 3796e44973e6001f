"""Formats are told by content; names only sort what the inventory lists."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from bayer_dng import bayer_dng
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sample_pictures import saved

from resources.errors import DecodeError
from resources.imaging import decode, kind_by_name, sniff


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


def camera_tiff(make: str, model: str, *, sensor: bool, panasonic: bool = False) -> bytes:
    """A TIFF that says which camera made it; `sensor` marks its picture as a colour filter array."""
    texts = [(271, make.encode() + b"\0"), (272, model.encode() + b"\0")]
    numbers = [(256, 64), (257, 48), (258, 16), (259, 1), (262, 32803 if sensor else 2), (277, 1)]
    count = len(texts) + len(numbers) + 2
    tail_start = 8 + 2 + 12 * count + 4
    tail, entries = b"", {}
    for tag, text in texts:
        entries[tag] = struct.pack("<HHII", tag, 2, len(text), tail_start + len(tail))
        tail += text.ljust(40, b"\0")
    for tag, value in numbers:
        entries[tag] = struct.pack("<HHII", tag, 4, 1, value)
    entries[273] = struct.pack("<HHII", 273, 4, 1, tail_start + len(tail))
    entries[279] = struct.pack("<HHII", 279, 4, 1, 64 * 48 * 2)
    table = b"".join(entries[tag] for tag in sorted(entries))
    head = b"IIU\0" if panasonic else b"II*\0"
    return head + struct.pack("<IH", 8, count) + table + bytes(4) + tail + bytes(64 * 48 * 2)


CAMERAS = [
    ("NIKON CORPORATION", "NIKON D850", "NEF"),
    ("NIKON", "COOLPIX P7000", "NRW"),
    ("SONY", "ILCE-7M3", "ARW"),
    ("SONY", "DSC-F828", "SRF"),
    ("SONY", "DSC-R1", "SR2"),
    ("PENTAX", "PENTAX K-1", "PEF"),
    ("RICOH IMAGING COMPANY, LTD.", "PENTAX K-3 Mark III", "PEF"),
    ("SAMSUNG", "NX500", "SRW"),
    ("Kodak", "DCS Pro 14N", "DCR"),
    ("EASTMAN KODAK COMPANY", "KODAK EASYSHARE P850", "KDC"),
    ("Hasselblad", "Hasselblad X1D", "3FR"),
    ("Imacon", "Ixpress", "FFF"),
    ("SEIKO EPSON CORP.", "R-D1", "ERF"),
    ("Leaf", "Leaf Aptus 75", "MOS"),
    ("Mamiya-OP Co.,Ltd.", "Mamiya ZD", "MEF"),
    ("Sinar AG", "Sinarback 54", "STI"),
    ("OLYMPUS IMAGING CORP.", "E-M5", "ORF"),
    ("Canon", "Canon EOS-1DS", "TIF"),
]


@pytest.mark.parametrize(("make", "model", "expected"), CAMERAS)
def test_raw_is_told_by_its_camera_where_the_sensor_is_marked(make: str, model: str, expected: str) -> None:
    sniffed = sniff(camera_tiff(make, model, sensor=True))
    assert sniffed is not None
    assert (sniffed.format, sniffed.family) == (expected, "raw")


@pytest.mark.parametrize(("make", "model", "expected"), CAMERAS)
def test_what_a_program_wrote_of_a_cameras_photo_is_a_plain_tiff(make: str, model: str, expected: str) -> None:
    if expected == "TIF":
        return  # told by the program's name, which this file lacks
    sniffed = sniff(camera_tiff(make, model, sensor=False))
    assert sniffed is not None
    assert sniffed.format == "TIFF"


def test_leica_and_panasonic_share_a_mark() -> None:
    for make, expected in (("LEICA CAMERA AG", "RWL"), ("Panasonic", "RW2")):
        sniffed = sniff(camera_tiff(make, "x", sensor=False, panasonic=True))
        assert sniffed is not None
        assert sniffed.format == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"ARRI\x12\x34\x56\x78", "ARI"),
        (b"IIIITwaR", "IIQ"),
        (b"MMMMRawT", "IIQ"),
        (b"II*\0\x08\0\0\0IIII", "IIQ"),
        (b"MMOR\0\0\0\x08", "ORF"),
        (bytes(25) + b"ARECOYK", "RAW"),
        (b"NOKIARAW", "RAW"),
        (b"DSC-Image", "RAW"),
        (b"qktk", "RAW"),
    ],
)
def test_magic_numbers_of_rare_raw(head: bytes, expected: str) -> None:
    sniffed = sniff(head + bytes(32))
    assert sniffed is not None
    assert (sniffed.format, sniffed.family) == (expected, "raw")


def test_a_raw_name_is_the_last_resort_and_libraw_decides() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 200_000).astype(np.uint8).tobytes()
    for name, content, expected in (
        ("x.bay", b"\x01\x02" + noise, {"UNSUPPORTED_FORMAT", "DECODE_RAW", "DECODE_BLANK", "CORRUPT"}),
        ("x.nef", b"only words " * 9000, {"NOT_AN_IMAGE"}),
        ("x.raw", b"\x01\x02" + noise[:1000], {"NOT_AN_IMAGE"}),  # too small for any camera
        ("x.dat", b"\x01\x02" + noise, {"NOT_AN_IMAGE"}),
    ):
        with pytest.raises(DecodeError) as caught:
            decode(content, name=name, preview_px=256, max_pixels=50_000_000)
        assert caught.value.code in expected
