"""The parsers written in Python, given damaged bytes: they raise nothing of their own accord, and they end.

Time is counted in calls, which a slow machine does not change. A parser that goes round in a lying structure makes
millions; a whole photo needs hundreds. LOUPE_TEST_FUZZ_INPUTS, _SEED and _EXAMPLES ask for more, or for others.
"""

from __future__ import annotations

import os
import random
import struct
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from damaged_photos import XMP, damaged, drawn_pictures, small_samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_pictures import SAMPLES

from resources.errors import DecodeError
from resources.imaging.blocks import photo_metadata
from resources.imaging.ciff import ciff_metadata
from resources.imaging.iptc import photoshop_iptc, read_iptc
from resources.imaging.isobmff import Container
from resources.imaging.metadata import PhotoMetadata, exif_directories, read_metadata
from resources.imaging.png import checked
from resources.imaging.sniff import foreign_kind, sniff, sniff_by_name
from resources.imaging.tiff import Tiff, TiffError
from resources.sidecars import read_sidecar

INPUTS = int(os.environ.get("LOUPE_TEST_FUZZ_INPUTS", "1500"))
SEED = int(os.environ.get("LOUPE_TEST_FUZZ_SEED", "1"))
EXAMPLES = int(os.environ.get("LOUPE_TEST_FUZZ_EXAMPLES", "300"))
# What reading a structure may take, whatever it says of itself: some work for each of its bytes, and a start.
CALLS_A_BYTE, CALLS_AT_LEAST = 40, 400_000


class Endless(BaseException):
    """More calls than the bytes can account for. No `Exception`, so that no parser catches it."""


def bounded(parse: Callable[[bytes], Any], data: bytes) -> Any:
    """What `parse` answers. Raises `Endless` in the midst of a parser that does not end."""
    left = CALLS_AT_LEAST + CALLS_A_BYTE * len(data)

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            sys.setprofile(None)
            raise Endless(f"{parse.__name__} goes on and on over {len(data):,} bytes")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return parse(data)
    finally:
        sys.setprofile(before)


def tiff(data: bytes) -> None:
    """All that is asked of directories."""
    try:
        structure = Tiff(data)
    except TiffError:
        return
    structure.is_cut()
    for directory in structure.directories():
        for tag in list(directory.tags())[:200]:
            directory.number(tag)
            directory.text(tag)
            directory.integer(tag)
        structure.child(directory, 0x8769)
    assert len(list(structure.chain(500))) <= 500


def container(data: bytes) -> None:
    found = Container.parse(data)
    if found is None:
        return
    assert 0 <= found.missing_share(found.primary) <= 1
    found.color_code()
    found.exif()
    found.xmp()
    for item in list(found.items.values())[:100]:
        found.item_data(item)


def png(data: bytes) -> None:
    try:
        buffer, warnings = checked(data, "x.png")
    except DecodeError:
        return
    assert len(buffer) <= len(data) + 64
    assert set(warnings) <= {"CORRUPT", "TRUNCATED"}


def kind(data: bytes) -> None:
    sniff(data)
    sniff(data[:64])
    foreign_kind(data)
    for name in ("x.nef", "x.tga", "x.jpg", "x", "x.dib"):
        sniff_by_name(data, name)


def metadata(data: bytes) -> PhotoMetadata:
    """EXIF, XMP and IPTC read out of the same bytes, and written down as the manifest keeps them."""
    found = read_metadata(exif_directories(data), data, data)
    assert PhotoMetadata.from_json(found.to_json()) == found
    return found


def blocks(data: bytes) -> None:
    """Where the format of these bytes keeps its metadata."""
    if found := sniff(data):
        photo_metadata(data, found)


def iptc(data: bytes) -> None:
    read_iptc(data)
    read_iptc(photoshop_iptc(data))


def ciff(data: bytes) -> PhotoMetadata:
    return ciff_metadata(data)


def sidecar(data: bytes) -> PhotoMetadata | None:
    try:
        return read_sidecar(data, "x.xmp")
    except DecodeError:
        return None


PARSERS = (tiff, container, png, kind, metadata, blocks, iptc, ciff, sidecar)


def embedded(data: bytes) -> list[bytes]:
    """The whole, and what stands inside it from its own first byte: EXIF blocks, packets, records."""
    parts = [data]
    for mark in (b"II*\0", b"MM\0*", b"<?xpacket", b"8BIM", b"\x1c\x02"):
        at = data.find(mark, 1)
        if at > 0:
            parts.append(data[at : at + 65_536])
    return parts


@pytest.mark.slow
@pytest.mark.timeout(int(os.environ.get("LOUPE_TEST_FUZZ_TIMEOUT_S", "300")))
def test_damaged_photos_are_read_or_refused_and_never_without_end() -> None:
    pictures = drawn_pictures() | (small_samples(SAMPLES, 200_000) if SAMPLES.is_dir() else {}) | {"side.xmp": XMP}
    for each in damaged(pictures, INPUTS, SEED):
        for part in embedded(each.data):
            for parse in PARSERS:
                try:
                    bounded(parse, part)
                except BaseException as error:
                    pytest.fail(f"seed {SEED}, number {each.number} ({each.story}): {parse.__name__}, {error!r}")


# The same examples each time, unless others are asked for.
examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="LOUPE_TEST_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(data=st.binary(max_size=300))
@examples
def test_any_bytes_are_read_or_refused(parse: Callable[[bytes], Any], data: bytes) -> None:
    for head in (
        b"",
        b"II*\0\x08\0\0\0",
        b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10",
        b"\x89PNG\r\n\x1a\n",
        b"8BIM",
        b"\x1c\x02",
    ):
        bounded(parse, head + data)


# Structures that say of themselves what no writer would


@st.composite
def directories(draw: st.DrawFn) -> bytes:
    """A TIFF of a few directories whose entries, pointers and values are anything."""
    order, big = draw(st.sampled_from("<>")), draw(st.booleans())
    tags = st.sampled_from((254, 256, 257, 259, 262, 271, 273, 279, 330, 513, 514, 700, 0x8769, 0x8825, 34377, 33723))
    exif_tags = st.sampled_from((1, 2, 3, 4, 7, 29, 33434, 33437, 34855, 36867, 36881, 37386, 37500, 0x4746, 0x9C9E))
    wide = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1 if big else 2**32 - 1))
    entry = st.tuples(st.one_of(tags, exif_tags), st.integers(0, 19), wide, wide)
    number, tables = "Q" if big else "I", b""
    for entries, following in draw(st.lists(st.tuples(st.lists(entry, max_size=12), wide), min_size=1, max_size=4)):
        tables += struct.pack(order + ("Q" if big else "H"), len(entries))
        for tag, kind_number, count, value in entries:
            tables += struct.pack(f"{order}HH{number}{number}", tag, kind_number, count, value)
        tables += struct.pack(order + number, following)
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    return mark + head + tables + draw(st.binary(max_size=64))


@given(data=directories())
@examples
def test_any_directories_are_read_or_refused(data: bytes) -> None:
    for parse in (tiff, kind, metadata, blocks):
        bounded(parse, data)


@st.composite
def item_boxes(draw: st.DrawFn) -> bytes:
    """The item boxes of a HEIC or AVIF with any fields, counts and sizes."""
    body = b""
    kinds = st.sampled_from((b"pitm", b"iinf", b"iloc", b"iref", b"iprp", b"idat", b"ipma", b"ipco", b"infe"))
    for name, inner, lie in draw(
        st.lists(st.tuples(kinds, st.binary(max_size=80), st.integers(-9, 9)), min_size=1, max_size=8)
    ):
        nested = draw(st.sampled_from((b"", b"infe", b"dimg", b"ipma", b"ipco", b"ispe")))
        if nested:
            inner = b"\0\0\0\0" + struct.pack(">I", 8 + len(inner)) + nested + inner
        body += struct.pack(">I", max(0, 8 + len(inner) + lie * draw(st.booleans()))) + name + inner
    meta = struct.pack(">I", 12 + len(body)) + b"meta\0\0\0\0" + body
    return b"\0\0\0\x14ftypheic\0\0\0\0mif1" + meta + draw(st.binary(max_size=40))


@given(data=item_boxes())
@examples
def test_any_item_boxes_are_read_or_refused(data: bytes) -> None:
    for parse in (container, kind, blocks):
        bounded(parse, data)


def test_a_box_that_ends_with_the_file_reads_as_empty() -> None:
    for name in (b"iref", b"iinf", b"iloc", b"ipma", b"pitm", b"iprp"):
        for size in (8, 1):
            empty = struct.pack(">I", size) + name
            meta = struct.pack(">I", 12 + len(empty)) + b"meta\0\0\0\0" + empty
            container(b"\0\0\0\x14ftypheic\0\0\0\0mif1" + meta)


def test_an_item_of_endless_extents_without_a_size_ends() -> None:
    """Fields of no width take no bytes: only the count says how many there are."""
    items = b"".join(struct.pack(">HHHH", number, 0, 0, 0xFFFF)[:2] + b"\0\0\xff\xff" for number in range(4000))
    location = b"\0\0\0\0" + b"\0\0" + struct.pack(">H", 4000) + items
    box = struct.pack(">I", 8 + len(location)) + b"iloc" + location
    meta = struct.pack(">I", 12 + len(box)) + b"meta\0\0\0\0" + box
    bounded(container, b"\0\0\0\x14ftypheic\0\0\0\0mif1" + meta)


def test_an_item_made_of_the_whole_file_again_and_again_is_no_item() -> None:
    """60,000 extents of 1 MB would be 60 GB; here it is 400 MB."""
    extents = struct.pack(">II", 0, 6_666) * 60_000
    location = b"\0\0\0\0" + b"\x44\0" + struct.pack(">HHHH", 1, 1, 0, 60_000) + extents
    infos = b"\0\0\0\0\0\x01" + struct.pack(">I", 8 + 13) + b"infe\x02\0\0\0" + struct.pack(">HH", 1, 0) + b"Exif\0"
    boxes = b"".join(
        struct.pack(">I", 8 + len(body)) + name + body for name, body in ((b"iinf", infos), (b"iloc", location))
    )
    meta = struct.pack(">I", 12 + len(boxes)) + b"meta\0\0\0\0" + boxes
    found = Container.parse(b"\0\0\0\x14ftypheic\0\0\0\0mif1" + meta + bytes(100_000))
    assert found is not None
    assert found.items[1].kind == b"Exif"
    assert found.exif() is None


def test_heaps_within_themselves_end() -> None:
    """A CIFF heap whose records all are that heap: a thousand to the sixth power of them."""
    size = 26 + 2 + 10 * 1000 + 4
    records = struct.pack("<HII", 0x2807, size - 26, 0) * 1000
    data = b"II\x1a\0\0\0HEAPCCDR" + bytes(12) + struct.pack("<H", 1000) + records + struct.pack("<I", 0)
    assert len(data) == size
    bounded(ciff, data)


def test_directories_that_share_one_huge_array_end() -> None:
    """Sixteen SubIFDs, each with a million offsets that all lie at one place."""
    many, base = 1 << 18, 8
    table = struct.pack("<H", 2) + struct.pack("<HHII", 273, 4, many, 4096) + struct.pack("<HHII", 279, 4, many, 4096)
    table += struct.pack("<I", base)
    tables = b"".join(table[:-4] + struct.pack("<I", base + 30 * (number + 1)) for number in range(60))
    data = b"II*\0" + struct.pack("<I", base) + tables
    data = data.ljust(4096, b"\0") + bytes(4 * many)
    bounded(tiff, data)


def test_nested_and_repeated_packets_end() -> None:
    chance = random.Random(3)
    for opened, closed in (
        ("<rdf:RDF>", "</rdf:RDF>"),
        ("<rdf:Description>", "</rdf:Description>"),
        ("<dc:subject><rdf:Bag><rdf:li>", "</rdf:li></rdf:Bag></dc:subject>"),
        ("<dc:subject rdf:parseType='Resource'>", "</dc:subject>"),
    ):
        depth = chance.choice((10_000, 20_000))
        inner = (opened * depth + "x" + closed * depth).encode()
        packet = XMP.replace(b"</rdf:Description></rdf:RDF>", inner + b"</rdf:Description></rdf:RDF>")
        bounded(sidecar, packet)
