"""Photos damaged on purpose, each remade from its seed and number alone: cuts, flips, splices and lying structures.

What belongs here: making bytes. What they must lead to is for the tests to say.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["Damaged", "damaged", "damaged_photo", "drawn_pictures", "small_samples"]


@dataclass(frozen=True)
class Damaged:
    """One damaged photo: `number` and the seed make it again; `story` says from what and how."""

    number: int
    story: str
    file_name: str
    data: bytes


def damaged(pictures: Mapping[str, bytes], count: int, seed: int, first: int = 0) -> Iterator[Damaged]:
    """`count` damaged photos in order of their numbers, made while they are taken."""
    return (damaged_photo(pictures, seed, number) for number in range(first, first + count))


def damaged_photo(pictures: Mapping[str, bytes], seed: int, number: int) -> Damaged:
    """The damaged photo with this number. `pictures` are whole ones by file name; small ones are taken more often."""
    chance = random.Random(f"{seed}/{number}")
    names = sorted(pictures)
    name = min(chance.sample(names, min(2, len(names))), key=lambda each: len(pictures[each]))
    other = pictures[chance.choice(names)]
    data = pictures[name]
    done: list[str] = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kinds = [kind for kind in (_of_kind(data), _inside(data)) if kind]
        ways = kinds[chance.randrange(len(kinds))] if kinds and chance.random() < 0.7 else _ANY
        way = chance.choice(ways)
        try:
            data = way(data, other, chance) or data
        except (IndexError, StopIteration, ValueError, struct.error):  # the damage before left nothing to aim at
            continue
        done.append(way.__name__.removeprefix("_").replace("_", " "))
    suffix = (
        Path(name).suffix if chance.random() < 0.9 else chance.choice((".nef", ".jpg", ".tga", ".dng", ".heic", ""))
    )
    return Damaged(number, f"{name}: {', '.join(done) or 'nothing'}", f"{number}{suffix}", data)


# Where pictures come from


def small_samples(folder: Path, most_bytes: int = 700_000) -> dict[str, bytes]:
    """The sample photos that are small enough to be decoded by the thousand; the big ones in part as well."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".csv" and 0 < path.stat().st_size <= most_bytes:
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def drawn_pictures() -> dict[str, bytes]:
    """A picture in every format that can be written here, with metadata where the format takes any."""
    import imagecodecs
    import pillow_heif
    from sample_pictures import photoshop

    noise = np.random.default_rng(5).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    picture = Image.fromarray(noise).resize((192, 144), Image.Resampling.BICUBIC)
    second = picture.transpose(Image.Transpose.ROTATE_180)
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Canon", "Canon EOS R5", 6
    exif.get_ifd(0x8769).update({36867: "2021:03:14 09:26:53", 33437: 2.8, 34855: 200, 37500: bytes(range(64)) * 4})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    described = {"exif": exif.tobytes(), "xmp": XMP}

    def saved(form: str, image: Image.Image = picture, **options: object) -> bytes:
        out = io.BytesIO()
        image.save(out, form, **options)
        return out.getvalue()

    heic = io.BytesIO()
    heif_file = pillow_heif.from_pillow(picture)
    heif_file.add_from_pillow(second)
    heif_file.save(heic, quality=60, exif=exif.tobytes(), xmp=XMP)
    return {
        "drawn.jpg": saved("JPEG", quality=85, **described),
        "progressive.jpg": saved("JPEG", quality=85, progressive=True, comment=b"drawn", **described),
        "cmyk.jpg": saved("JPEG", picture.convert("CMYK"), quality=80),
        "iptc.jpg": _with_iptc(saved("JPEG", quality=70)),
        "drawn.png": saved("PNG", exif=exif.tobytes()),
        "palette.png": saved("PNG", picture.convert("P"), bits=4),
        "animated.png": saved("PNG", save_all=True, append_images=[second]),
        "deep.png": saved("PNG", Image.fromarray((np.asarray(picture)[..., 0].astype(np.uint16) << 8) + 77)),
        "drawn.gif": saved("GIF", picture.convert("P"), save_all=True, append_images=[second.convert("P")]),
        "drawn.webp": saved("WEBP", quality=60, **described),
        "lossless.webp": saved("WEBP", lossless=True),
        "drawn.avif": saved("AVIF", quality=50, speed=10, **described),
        "drawn.heic": heic.getvalue(),
        "drawn.bmp": saved("BMP"),
        "drawn.tif": saved("TIFF", compression="tiff_lzw", exif=exif),
        "pages.tif": saved("TIFF", compression="tiff_adobe_deflate", save_all=True, append_images=[second, picture]),
        "big.tif": saved("TIFF", big_tiff=True, compression="packbits"),
        "fax.tif": saved("TIFF", picture.convert("1"), compression="group4"),
        "jpeg.tif": saved("TIFF", compression="jpeg"),
        "float.tif": saved("TIFF", Image.fromarray(np.asarray(picture)[..., 0].astype(np.float32) / 255)),
        "drawn.jp2": saved("JPEG2000", quality_mode="rates", quality_layers=[20]),
        "drawn.ppm": saved("PPM"),
        "drawn.tga": saved("TGA", compression="tga_rle"),
        "drawn.ico": saved("ICO", sizes=[(64, 48)]),
        "drawn.pcx": saved("PCX"),
        "drawn.dds": saved("DDS"),
        "drawn.sgi": saved("SGI"),
        "drawn.qoi": saved("QOI"),
        "drawn.msp": saved("MSP", picture.convert("1")),
        "drawn.xbm": saved("XBM", picture.convert("1")),
        "drawn.icns": saved("ICNS", picture.resize((128, 128))),
        "drawn.blp": saved("BLP", picture.convert("P")),
        "deep.tif": _deep_tiff(np.asarray(picture)),
        "drawn.jxl": bytes(imagecodecs.jpegxl_encode(np.asarray(picture), level=80, effort=1)),
        "boxed.jxl": bytes(imagecodecs.jpegxl_encode(np.asarray(picture), lossless=True, effort=1, usecontainer=True)),
        "drawn.psd": photoshop(np.asarray(picture), resources={1036: bytes(28), 1060: XMP}),
        "deep.psb": photoshop(np.asarray(picture).astype(np.uint16) * 257, large=True, transparency=True),
        "drawn.dng": _dng(picture, exif),
    }


XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" xmp:Rating="4" exif:GPSLatitude="48,51.5N"
 exif:GPSLongitude="2,17.6E" exif:DateTimeOriginal="2021-03-14T09:26:53.25+01:00" exif:FNumber="28/10">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Drawn</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>
<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="Ada"
 mwg-rs:Type="Face"><mwg-rs:Area stArea:x="0.5" stArea:y="0.5"/></rdf:Description></rdf:li></rdf:Bag>
</mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def _with_iptc(jpeg: bytes) -> bytes:
    records = b"".join(
        b"\x1c\x02" + bytes([dataset]) + struct.pack(">H", len(text)) + text
        for dataset, text in ((5, b"Title"), (25, b"word"), (25, b"other"), (55, b"20210314"), (60, b"092653+0100"))
    )
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) % 2)
    segment = b"Photoshop 3.0\0" + block
    return jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def _deep_tiff(pixels: np.ndarray) -> bytes:
    """16 bits in separate planes: a kind that Pillow does not read."""
    import tifffile

    out = io.BytesIO()
    planes = np.moveaxis(pixels, -1, 0).astype(np.uint16) * 257
    tifffile.imwrite(out, planes, photometric="rgb", planarconfig="separate", compression="zlib")
    return out.getvalue()


def _dng(picture: Image.Image, exif: Image.Exif) -> bytes:
    from bayer_dng import bayer_dng

    preview = io.BytesIO()
    picture.resize((96, 72)).save(preview, "JPEG")
    return bayer_dng(np.asarray(picture), preview_jpeg=preview.getvalue(), orientation=3)


# Damage that needs no structure

_Way = Callable[[bytes, bytes, random.Random], bytes | None]
_EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def _cut_anywhere(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def _cut_near_an_end(data: bytes, other: bytes, chance: random.Random) -> bytes:
    few = chance.randrange(1, min(len(data), 512))
    return data[:few] if chance.random() < 0.5 else data[:-few]


def _end_never_copied(data: bytes, other: bytes, chance: random.Random) -> bytes:
    kept = chance.randrange(1, len(data))
    return data[:kept] + bytes(len(data) - kept)


def _flipped(data: bytes, first: int, last: int, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 64))):
        changed[chance.randrange(first, last)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _bits_flipped_in_the_head(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return _flipped(data, 0, min(len(data), chance.choice((32, 256, 2048))), chance)


def _bits_flipped_anywhere(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return _flipped(data, 0, len(data), chance)


def _run_of_one_value(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start, size = chance.randrange(len(data)), chance.choice((4, 64, 1024, 65_536))
    size = min(size, len(data) - start)
    return data[:start] + bytes([chance.choice((0, 0, 0xFF, 0x55))]) * size + data[start + size :]


def _random_bytes(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    size = min(chance.choice((4, 64, 1024)), len(data) - start)
    return data[:start] + chance.randbytes(size) + data[start + size :]


def _a_range_inserted(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + chance.randbytes(chance.choice((1, 3, 16, 4096))) + data[start:]


def _a_range_left_out(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.choice((1, 3, 16, 4096)) :]


def _a_range_twice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice((2, 32, 4096)))
    return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]


def _spliced_with_another(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))] + other[chance.randrange(len(other)) :]


def _put_inside_another(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + other[:65_536] + data[start:]


def _extreme_numbers(data: bytes, other: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 6))):
        size = chance.choice((2, 4, 4, 8))
        at = chance.randrange(min(len(data), chance.choice((64, 1024, len(data)))))
        value = chance.choice(_EXTREMES) & ((1 << 8 * size) - 1)
        changed[at : at + size] = value.to_bytes(size, chance.choice(("big", "little")))
    return bytes(changed)


_ANY: tuple[_Way, ...] = (
    _cut_anywhere,
    _cut_near_an_end,
    _end_never_copied,
    _bits_flipped_in_the_head,
    _bits_flipped_anywhere,
    _run_of_one_value,
    _random_bytes,
    _a_range_inserted,
    _a_range_left_out,
    _a_range_twice,
    _spliced_with_another,
    _put_inside_another,
    _extreme_numbers,
)


def _of_kind(data: bytes) -> tuple[_Way, ...]:
    """The ways that fit the container."""
    if data.startswith(b"\xff\xd8"):
        return _JPEG
    if data.startswith(b"\x89PNG"):
        return _PNG
    if data[4:8] == b"ftyp":
        return _BOXES
    if data[:4] == b"RIFF":
        return _RIFF
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _TIFF
    return ()


def _inside(data: bytes) -> tuple[_Way, ...]:
    """The ways that fit what is embedded: EXIF blocks, XMP packets, IPTC records."""
    ways: tuple[_Way, ...] = ()
    if b"<rdf:RDF" in data:
        ways += _XMP
    if b"II*\0" in data or b"MM\0*" in data:
        ways += _TIFF
    if b"8BIM" in data:
        ways += (_iptc_lengths,)
    return ways


# JPEG


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Marker, start (of its FF) and end of each segment before the first scan, that one included."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], at, end))
        if data[at + 1] == 0xDA:
            break
        at = end
    return found


def _jpeg_segment_length(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_segments(data))
    size = chance.choice((0, 1, 2, 3, 8, 0xFFFF, end - start - 3, end - start - 1))
    return data[: start + 2] + struct.pack(">H", size & 0xFFFF) + data[start + 4 :]


def _jpeg_segment_twice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_segments(data))
    _, place, _ = chance.choice(_segments(data))
    return data[:place] + data[start:end] * chance.choice((1, 3, 200)) + data[place:]


def _jpeg_segment_left_out(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_segments(data))
    return data[:start] + data[end:]


def _jpeg_marker_changed(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, _ = chance.choice(_segments(data))
    marker = chance.choice((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xC4, 0xDB, 0xDD, 0xDC, 0xE1, 0xED, 0xFE))
    return data[: start + 1] + bytes([marker]) + data[start + 2 :]


def _jpeg_frame_changed(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Size, precision, components and sampling factors."""
    start = next(start for marker, start, _ in _segments(data) if marker in (0xC0, 0xC1, 0xC2))
    changed = bytearray(data)
    where = chance.choice(("size", "precision", "components", "sampling"))
    if where == "size":
        size = chance.choice(((60_000, 60_000), (65_535, 65_535), (1, 65_500), (0, 100), (20_000, 20_000)))
        struct.pack_into(">HH", changed, start + 5, *size)
    elif where == "precision":
        changed[start + 4] = chance.choice((0, 1, 12, 16, 255))
    elif where == "components":
        changed[start + 9] = chance.choice((0, 1, 2, 4, 5, 255))
    else:
        changed[start + 11 + 3 * chance.randrange(3)] = chance.randrange(256)
    return bytes(changed)


def _jpeg_table_changed(data: bytes, other: bytes, chance: random.Random) -> bytes:
    tables = [(start, end) for marker, start, end in _segments(data) if marker in (0xC4, 0xDB, 0xDA, 0xDD)]
    start, end = chance.choice(tables)
    return _flipped(data, start + 4, end, chance)


def _jpeg_markers_in_the_scan(data: bytes, other: bytes, chance: random.Random) -> bytes:
    scan = _segments(data)[-1][2]
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4, 100))):
        at = chance.randrange(scan, len(data) - 1)
        changed[at : at + 2] = bytes((0xFF, chance.choice((0xD0, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0x01, 0xFF))))
    return bytes(changed)


def _jpeg_scans_without_end(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """A progressive frame whose scans are repeated: each costs a pass over the picture."""
    scan = data.index(b"\xff\xda")
    end = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    return data[:scan] + data[scan : end + 40] * chance.choice((10, 500)) + data[scan:]


_JPEG: tuple[_Way, ...] = (
    _jpeg_segment_length,
    _jpeg_segment_twice,
    _jpeg_segment_left_out,
    _jpeg_marker_changed,
    _jpeg_frame_changed,
    _jpeg_table_changed,
    _jpeg_markers_in_the_scan,
    _jpeg_scans_without_end,
)


# PNG


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Kind, start (of its length) and end of each chunk."""
    found, at = [], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], at, end))
        at = end
    return found


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_chunk_length(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_chunks(data))
    size = chance.choice((*_EXTREMES, end - start - 11, end - start - 13))
    return data[:start] + struct.pack(">I", size & 0xFFFFFFFF) + data[start + 4 :]


def _png_header_changed(data: bytes, other: bytes, chance: random.Random) -> bytes:
    body = bytearray(data[16:29])
    if chance.random() < 0.5:
        size = chance.choice(((60_000, 60_000), (0, 5), (0x7FFFFFFF, 1), (1, 0x7FFFFFFF), (20_000, 20_000)))
        struct.pack_into(">II", body, 0, *size)
    else:
        body[8 + chance.randrange(5)] = chance.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return data[:8] + _chunk(b"IHDR", bytes(body)) + data[33:]


def _png_chunk_twice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_chunks(data))
    _, place, _ = chance.choice(_chunks(data))
    return data[:place] + data[start:end] * chance.choice((1, 5, 300)) + data[place:]


def _png_chunk_left_out(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_chunks(data))
    return data[:start] + data[end:]


def _png_chunk_filled_with_noise(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """A chunk of a known kind with a right checksum and a wrong body."""
    kinds = (b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"pHYs")
    kind = chance.choice(kinds)
    body = chance.randbytes(chance.choice((0, 1, 4, 26, 300)))
    if kind in (b"iCCP", b"zTXt"):
        packed = zlib.compress(chance.choice((bytes(3_000_000), body, chance.randbytes(5000))), 9)
        body = b"name\0\0" + packed
    elif kind == b"iTXt":
        body = b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(chance.choice((XMP * 50, bytes(3_000_000))))
    return data[:33] + _chunk(kind, body) + data[33:]


def _png_pixels_repacked(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Pixel data that is sound as a stream but too short, too long or a bomb."""
    first = next(start for kind, start, _ in _chunks(data) if kind == b"IDAT")
    plain = chance.choice((b"", bytes(1000), bytes(40_000_000), chance.randbytes(20_000)))
    return data[:first] + _chunk(b"IDAT", zlib.compress(plain, 9)) + _chunk(b"IEND", b"")


_PNG: tuple[_Way, ...] = (
    _png_chunk_length,
    _png_header_changed,
    _png_chunk_twice,
    _png_chunk_left_out,
    _png_chunk_filled_with_noise,
    _png_pixels_repacked,
)


# RIFF (WebP)


def _riff_length(data: bytes, other: bytes, chance: random.Random) -> bytes:
    at, places = 12, [4]
    while at + 8 <= len(data):
        places.append(at + 4)
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1
    place = chance.choice(places)
    size = int.from_bytes(data[place : place + 4], "little")
    size = chance.choice((*_EXTREMES, size - 1, size + 1, size + 8))
    return data[:place] + struct.pack("<I", size & 0xFFFFFFFF) + data[place + 4 :]


def _riff_picture_header(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return _flipped(data, 12, min(len(data), 42), chance)


_RIFF: tuple[_Way, ...] = (_riff_length, _riff_picture_header)


# ISOBMFF: HEIC, AVIF, CR3

_HOLD_BOXES = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"iinf": 6,
    b"iref": 4,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
}


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> list[tuple[bytes, int, int]]:
    """Kind, start and end of all boxes, those within others too."""
    found: list[tuple[bytes, int, int]] = []
    end = len(data) if end is None else end
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            break
        kind, stop = data[start + 4 : start + 8], min(start + size, end)
        found.append((kind, start, stop))
        if kind in _HOLD_BOXES:
            found += _boxes(data, start + 8 + _HOLD_BOXES[kind], stop)
        start += size
    return found


def _box_length(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_boxes(data))
    size = chance.choice((*_EXTREMES, end - start - 1, end - start + 1, end - start + 8))
    return data[:start] + struct.pack(">I", size & 0xFFFFFFFF) + data[start + 4 :]


def _box_kind(data: bytes, other: bytes, chance: random.Random) -> bytes:
    found = _boxes(data)
    _, start, _ = chance.choice(found)
    return data[: start + 4] + chance.choice(found)[0] + data[start + 8 :]


def _box_twice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    found = _boxes(data)
    _, start, end = chance.choice(found)
    _, place, _ = chance.choice(found)
    return data[:place] + data[start : min(end, start + 50_000)] * chance.choice((1, 2, 400)) + data[place:]


def _box_emptied(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, start, end = chance.choice(_boxes(data))
    return data[: start + 8] + bytes(end - start - 8) + data[end:]


def _box_fields(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Sizes, counts and ids of the boxes that describe the picture."""
    wanted = (
        b"ispe",
        b"iloc",
        b"ipma",
        b"iref",
        b"infe",
        b"pitm",
        b"hvcC",
        b"av1C",
        b"irot",
        b"iinf",
        b"dimg",
        b"colr",
    )
    kind, start, end = chance.choice([box for box in _boxes(data) if box[0] in wanted])
    changed = bytearray(data)
    if kind == b"ispe" and chance.random() < 0.5:
        struct.pack_into(">II", changed, start + 12, *chance.choice(((60_000, 60_000), (0, 0), (1, 0x7FFFFFFF))))
        return bytes(changed)
    for _ in range(chance.choice((1, 3))):
        changed[chance.randrange(start + 8, end)] = chance.choice((0, 1, 2, 0x0F, 0x40, 0x7F, 0xF0, 0xFF))
    return bytes(changed)


_BOXES: tuple[_Way, ...] = (_box_length, _box_kind, _box_twice, _box_emptied, _box_fields, _box_fields)


# TIFF: pictures, camera RAW and EXIF blocks


def _tiff_entries(data: bytes) -> tuple[int, str, list[int], list[int]]:
    """Where a TIFF structure begins, its byte order, the places of its entries, and those of its next pointers."""
    starts = [at for mark in (b"II*\0", b"MM\0*") if (at := data.find(mark)) >= 0]
    base = min(starts)
    order = "<" if data[base : base + 2] == b"II" else ">"
    entries: list[int] = []
    ends: list[int] = []
    pending, seen = [struct.unpack_from(order + "I", data, base + 4)[0]], set[int]()
    while pending and len(seen) < 16:
        offset = pending.pop()
        if offset in seen or base + offset + 2 > len(data):
            continue
        seen.add(offset)
        (count,) = struct.unpack_from(order + "H", data, base + offset)
        for index in range(min(count, 200)):
            at = base + offset + 2 + 12 * index
            if at + 12 > len(data):
                break
            entries.append(at)
            tag, _, _, value = struct.unpack_from(order + "HHII", data, at)
            if tag in (0x014A, 0x8769, 0x8825, 0xA005):
                pending.append(value)
        end = base + offset + 2 + 12 * count
        if end + 4 <= len(data):
            ends.append(end)
            pending.append(struct.unpack_from(order + "I", data, end)[0])
    return base, order, entries, ends


def _tiff_entry_field(data: bytes, other: bytes, chance: random.Random) -> bytes:
    _, order, entries, _ = _tiff_entries(data)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 4))):
        at = chance.choice(entries)
        field = chance.choice(("tag", "type", "count", "value", "value"))
        if field == "tag":
            struct.pack_into(order + "H", changed, at, struct.unpack_from(order + "H", data, chance.choice(entries))[0])
        elif field == "type":
            struct.pack_into(order + "H", changed, at + 2, chance.choice((0, *range(1, 19), 99, 0xFFFF)))
        else:
            value = chance.choice((*_EXTREMES, chance.randrange(len(data)), len(data) - 1))
            struct.pack_into(order + "I", changed, at + (4 if field == "count" else 8), value & 0xFFFFFFFF)
    return bytes(changed)


def _tiff_known_field(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Size, depth, compression, layout of strips: what decoders believe."""
    _, order, entries, _ = _tiff_entries(data)
    wanted = {256, 257, 258, 259, 262, 277, 278, 284, 317, 322, 323, 338, 339, 273, 279, 324, 325, 330, 513, 514, 274}
    places = [at for at in entries if struct.unpack_from(order + "H", data, at)[0] in wanted]
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2))):
        at = chance.choice(places)
        value = chance.choice(
            (0, 1, 2, 3, 5, 6, 7, 8, 16, 32, 64, 4, 34712, 60_000, 65_535, chance.randrange(len(data)))
        )
        (kind,) = struct.unpack_from(order + "H", data, at + 2)
        struct.pack_into(
            order + ("HH" if kind == 3 else "I"), changed, at + 8, *((value, 0) if kind == 3 else (value,))
        )
    return bytes(changed)


def _tiff_chain(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """A next pointer that leads back, to another directory, into data or out of the file."""
    base, order, entries, ends = _tiff_entries(data)
    target = chance.choice((8, chance.choice(entries) - base - 2, chance.choice(ends) - base, len(data), 0xFFFFFFF0))
    changed = bytearray(data)
    struct.pack_into(order + "I", changed, chance.choice(ends), target & 0xFFFFFFFF)
    return bytes(changed)


def _tiff_pointer_to_itself(data: bytes, other: bytes, chance: random.Random) -> bytes:
    base, order, entries, _ = _tiff_entries(data)
    first = struct.unpack_from(order + "I", data, base + 4)[0]
    changed = bytearray(data)
    struct.pack_into(
        order + "HHII", changed, chance.choice(entries), chance.choice((0x014A, 0x8769, 0x8825)), 4, 1, first
    )
    return bytes(changed)


def _tiff_byte_order(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The mark alone is swapped; everything after it stays as it was."""
    base, order, _, _ = _tiff_entries(data)
    mark = chance.choice((b"MM\0*", b"MM*\0") if order == "<" else (b"II*\0", b"II\0*"))
    return data[:base] + mark + data[base + 4 :]


def _tiff_count_of_entries(data: bytes, other: bytes, chance: random.Random) -> bytes:
    base, order, _, _ = _tiff_entries(data)
    first = base + struct.unpack_from(order + "I", data, base + 4)[0]
    changed = bytearray(data)
    struct.pack_into(order + "H", changed, first, chance.choice((0, 1, 3, 4096, 0x7FFF, 0xFFFF)))
    return bytes(changed)


_TIFF: tuple[_Way, ...] = (
    _tiff_entry_field,
    _tiff_entry_field,
    _tiff_known_field,
    _tiff_known_field,
    _tiff_chain,
    _tiff_pointer_to_itself,
    _tiff_byte_order,
    _tiff_count_of_entries,
)


# XMP and IPTC


def _packet(data: bytes) -> tuple[int, int]:
    start = data.index(b"<rdf:RDF")
    return start, data.find(b"</rdf:RDF>", start) % len(data) + 10


def _xmp_of_one_length(data: bytes, start: int, end: int, packet: bytes) -> bytes:
    """The packet in its old room where it fits, so that the container around it stays sound."""
    return data[:start] + packet[: end - start].ljust(end - start) + data[end:]


def _xmp_text_changed(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start, end = _packet(data)
    packet = data[start:end]
    old, new = chance.choice(
        (
            (b">", b" "),
            (b"</", b"<"),
            (b'"', b"'"),
            (b"rdf:li", b"rdf:LI"),
            (b"=", b"\0"),
            (b"http:", b"\xff\xfe:::"),
            (b"1", b"&x;"),
            (b"2", "٣".encode()),
            (b"0", b"1e309"),
            (b"4", b"9999999999999999999999999"),
        )
    )
    return _xmp_of_one_length(data, start, end, packet.replace(old, new, chance.choice((1, 3, -1))))


def _xmp_laughs(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Entities that expand without end, or reach for a file."""
    start, end = _packet(data)
    bomb = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + step, b"&%c;" % (97 + step) * 10) for step in range(9)
    )
    far = b'<!DOCTYPE l [<!ENTITY j SYSTEM "file:///etc/passwd">'
    packet = data[start:end].replace(b"one", b"&j;").replace(b"4", b"&j;")
    return data[:start] + chance.choice((bomb, far)) + b"]>" + packet + data[end:]


def _xmp_nested(data: bytes, other: bytes, chance: random.Random) -> bytes:
    start, end = _packet(data)
    depth = chance.choice((50, 3000, 20_000))
    opened, closed = chance.choice(
        (
            (b"<rdf:Description>", b"</rdf:Description>"),
            (b"<dc:subject><rdf:Bag><rdf:li>", b"</rdf:li></rdf:Bag></dc:subject>"),
            (b"<rdf:RDF>", b"</rdf:RDF>"),
        )
    )
    middle = data.find(b"</rdf:Description>", start, end)
    middle = middle if middle > 0 else end - 10
    return data[:middle] + opened * depth + b"x" + closed * depth + data[middle:]


def _iptc_lengths(data: bytes, other: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    at = data.index(b"8BIM")
    for _ in range(chance.choice((1, 3))):
        changed[chance.randrange(at + 4, min(len(data), at + 60))] = chance.choice((0, 1, 4, 0x1C, 0x80, 0xFF))
    return bytes(changed)


_XMP: tuple[_Way, ...] = (_xmp_text_changed, _xmp_text_changed, _xmp_laughs, _xmp_nested)
