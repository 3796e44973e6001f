"""Photos as a long life leaves them: good ones, each with bytes of its own, and files broken in some fifty named ways.

Belongs here: making files, and what each must come to. Not here: taking them in, and judging (`rough_library`).

What a file came to, its fate, is said in words: "in", "in with TRUNCATED", the code of a failure, or "skipped: reason".
"""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from bayer_dng import bayer_dng
from PIL import Image

__all__ = ["GoodPhotos", "Placed", "Way", "ways"]

_IN_SOMEHOW = ("in", "in with TRUNCATED", "in with CORRUPT", "in with PREVIEW_ONLY", "in with TRUNCATED, PREVIEW_ONLY")
_REFUSED = ("TRUNCATED", "CORRUPT", "NOT_AN_IMAGE", "UNSUPPORTED_FORMAT", "DECODE_RAW", "DECODE_BLANK")
_CUT = ("TRUNCATED", "CORRUPT", "DECODE_RAW", *_IN_SOMEHOW[1:])


# What a way placed: a path within its folder, and its fates where they are other than the way's.
_Made = Sequence[tuple[bytes, tuple[str, ...] | None]]
_Make = Callable[["Path", "GoodPhotos", random.Random], _Made]


@dataclass(frozen=True)
class Placed:
    """One path of the library: what it is, and the fates that explain it."""

    path: bytes  # relative to the library
    way: str  # "" for a good photo
    fates: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """One way for a file to be broken. `make` writes into an empty folder and answers what it placed, by name."""

    name: str
    fates: tuple[str, ...]
    make: _Make


# Good photos


class GoodPhotos:
    """An endless supply of photos, no two with the same bytes: drawn ones, and samples with a word of their own."""

    def __init__(self, samples: Sequence[Path], seed: int) -> None:
        self._samples = [path for path in samples if path.suffix.lower() not in _END_MATTERS]
        self._light = [path for path in self._samples if path.stat().st_size < 300_000]
        self._chance = random.Random(seed)
        self._number = 0

    def next(self, *suffixes: str) -> tuple[str, bytes]:
        """A name and the bytes of the next photo; of one of these kinds (".jpg") where any are named."""
        self._number += 1
        number = self._number
        if suffixes or not self._samples or number % 5 < 3:
            suffix = suffixes[number % len(suffixes)] if suffixes else _DRAWN[number % len(_DRAWN)]
            return f"IMG_{number:05}{suffix}", drawn(number, suffix)
        # Each sample once, then the light ones again and again.
        turn = number // 5 * 2 + number % 5 - 3
        source = self._samples[turn] if turn < len(self._samples) else self._light[turn % len(self._light)]
        return f"{number:05} {source.name}", retold(source.read_bytes(), number)


_DRAWN = (".jpg",) * 7 + (".png", ".webp", ".heic", ".tif", ".jpg", ".jpg", ".dng", ".avif", ".gif", ".bmp")
# What stands at the end of these files says where everything else is, so that no word can be put behind it.
_END_MATTERS = (".crw", ".x3f", ".csv", ".jxl", ".tga", ".xmp")


def drawn(number: int, suffix: str, size: tuple[int, int] = (640, 480)) -> bytes:
    """A photo told apart from every other by its number, in pixels as well; JPEGs carry EXIF."""
    chance = np.random.default_rng(number)
    coarse = chance.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    if suffix == ".dng":
        preview = io.BytesIO()
        picture.save(preview, "JPEG", quality=80)
        return bayer_dng(np.asarray(picture.resize((320, 240))), preview_jpeg=preview.getvalue())
    if suffix == ".heic":
        import pillow_heif

        pillow_heif.from_pillow(picture).save(out, quality=50)
        return out.getvalue()
    options: dict[str, object] = {}
    if suffix == ".jpg":
        exif = Image.Exif()
        exif[271], exif[272] = "Canon", "Canon EOS R5"
        taken = datetime(2004, 1, 1, 8) + timedelta(minutes=531 * number)
        exif.get_ifd(0x8769).update({36867: taken.strftime("%Y:%m:%d %H:%M:%S"), 33437: 4.0, 34855: 100})
        options = {"quality": 85, "exif": exif}
    forms = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".avif": "AVIF", ".gif": "GIF"}
    if suffix == ".avif":
        options = {"speed": 10}
    picture.save(out, forms.get(suffix, "BMP"), **options)
    return out.getvalue()


def retold(data: bytes, number: int) -> bytes:
    """The same photo in other bytes: with a comment where its format has one, else with a word behind its end."""
    word = f"copy {number}".encode()
    if data[:2] == b"\xff\xd8":
        return data[:2] + b"\xff\xfe" + struct.pack(">H", len(word) + 2) + word + data[2:]
    if data[:4] == b"\x89PNG":
        return data[:33] + _png_chunk(b"tEXt", b"Comment\0" + word) + data[33:]
    if data[4:8] == b"ftyp" or data[4:8] == b"jP  ":
        return data + struct.pack(">I", 8 + len(word)) + b"free" + word
    return data + word


# Broken ones


def _cut(kinds: Sequence[str]) -> _Make:
    def make(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
        name, data = good.next(*kinds)
        return _written(folder, name, data[: chance.randrange(len(data) // 10, len(data) * 9 // 10)])

    return make


def _written(folder: Path, name: str, data: bytes) -> _Made:
    (folder / name).write_bytes(data)
    return [(os.fsencode(name), None)]


def _header_flipped(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    name, data = good.next(".jpg", ".png", ".tif", ".heic", ".dng", ".webp", ".gif")
    changed = bytearray(data)
    for _ in range(8):
        changed[chance.randrange(min(len(data), 512))] ^= 1 << chance.randrange(8)
    return _written(folder, name, bytes(changed))


def _never_finished(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    name, data = good.next(".jpg", ".png", ".heic")
    kept = len(data) * chance.randrange(20, 90) // 100
    return _written(folder, name, data[:kept] + bytes(len(data) - kept))


def _content(name: str, data: bytes) -> _Make:
    """The same content each time but for a number, so that no two are one."""

    def make(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
        return _written(folder, f"{chance.randrange(1 << 30)} {name}", data)

    return make


def _made(name: str, make_bytes: Callable[[], bytes]) -> _Make:
    def make(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
        number = chance.randrange(1 << 30)
        return _written(folder, f"{number} {name}", retold(make_bytes(), number))

    return make


def _random_bytes(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    return _written(folder, "noise.jpg", b"\x9c" + chance.randbytes(5000))


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, pixels: bytes = b"") -> bytes:
    head = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    body = _png_chunk(b"IDAT", zlib.compress(pixels)) + _png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body


def _png_bomb() -> bytes:
    return _png(60_000, 60_000, depth=1, pixels=bytes(10_000))


def _jpeg_bomb() -> bytes:
    jpeg = bytearray(drawn(1, ".jpg"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(jpeg)


def _tiff(entries: dict[int, tuple[int, int, int]], following: int = 0, at: int = 8) -> bytes:
    table = b"".join(struct.pack("<HHII", tag, *entries[tag]) for tag in sorted(entries))
    return struct.pack("<H", len(entries)) + table + struct.pack("<I", following)


def _picture_entries(edge: int, strip: int) -> dict[int, tuple[int, int, int]]:
    entries = {256: (4, 1, edge), 257: (4, 1, edge), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    return entries | {273: (4, 1, strip), 277: (3, 1, 1), 278: (4, 1, edge), 279: (4, 1, edge * edge)}


_EDGE = 96
_STRIP = np.random.default_rng(3).integers(0, 256, (_EDGE, _EDGE), dtype=np.uint8).tobytes()
_TABLE_AT = 8 + len(_STRIP)


def _tiff_bomb() -> bytes:
    return b"II*\0" + struct.pack("<I", _TABLE_AT) + _STRIP + _tiff(_picture_entries(60_000, 8))


def _tiff_ring() -> bytes:
    """Directories that lead from one to the next and round again."""
    first = _tiff(_picture_entries(_EDGE, 8), _TABLE_AT + 200)
    second = _tiff({305: (2, 4, 0)}, _TABLE_AT)
    return b"II*\0" + struct.pack("<I", _TABLE_AT) + _STRIP + first.ljust(200, b"\0") + second


def _tiff_within_itself() -> bytes:
    entries = _picture_entries(_EDGE, 8) | {330: (4, 1, _TABLE_AT), 34665: (4, 1, _TABLE_AT), 34853: (4, 1, _TABLE_AT)}
    return b"II*\0" + struct.pack("<I", _TABLE_AT) + _STRIP + _tiff(entries)


def _tiff_endless() -> bytes:
    """A picture, and behind it fifty thousand directories that hold none."""
    tables = bytearray(_tiff(_picture_entries(_EDGE, 8), _TABLE_AT + 200).ljust(200, b"\0"))
    for number in range(50_000):
        tables += _tiff({305: (2, 4, 0)}, _TABLE_AT + 200 + 18 * (number + 1))
    return b"II*\0" + struct.pack("<I", _TABLE_AT) + _STRIP + bytes(tables)


def _text_bomb() -> bytes:
    packed = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    return _png(_EDGE, _EDGE, _png_chunk(b"zTXt", packed), pixels=_png_rows())


def _many_texts() -> bytes:
    """Two thousand texts that each stay below what one text may be, and are two gigabytes together."""
    packed = zlib.compress(bytes(1_000_000), 9)
    texts = [_png_chunk(b"zTXt", f"Word {number}".encode() + b"\0\0" + packed) for number in range(2000)]
    return _png(_EDGE, _EDGE, *texts, pixels=_png_rows())


def _profile_bomb() -> bytes:
    packed = b"icc\0\0" + zlib.compress(bytes(200_000_000), 9)
    return _png(_EDGE, _EDGE, _png_chunk(b"iCCP", packed), pixels=_png_rows())


def _png_rows() -> bytes:
    return b"".join(b"\0" + _STRIP[at : at + _EDGE] for at in range(0, len(_STRIP), _EDGE))


def _profile_of_noise() -> bytes:
    """A colour profile of four megabytes that is no profile."""
    noise = random.Random(4).randbytes(4_000_000)
    parts = [noise[at : at + 60_000] for at in range(0, len(noise), 60_000)]
    segments = b"".join(
        b"\xff\xe2" + struct.pack(">H", len(part) + 16) + b"ICC_PROFILE\0" + bytes((number + 1, len(parts))) + part
        for number, part in enumerate(parts)
    )
    jpeg = drawn(2, ".jpg")
    return jpeg[:2] + segments + jpeg[2:]


_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + step, b"&%c;" % (97 + step) * 10) for step in range(10))
    + b']><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&k;</dc:title></rdf:Description>'
    b"</rdf:RDF></x:xmpmeta>"
)


def _laughing_jpeg() -> bytes:
    segment = b"http://ns.adobe.com/xap/1.0/\0" + _LAUGHS
    jpeg = drawn(3, ".jpg")
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def _laughing_sidecar(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    name, data = good.next(".jpg")
    (folder / name).write_bytes(data)
    (folder / f"{name}.xmp").write_bytes(_LAUGHS)
    return [(os.fsencode(name), None), (os.fsencode(f"{name}.xmp"), ("skipped: sidecar",))]


def _gif_of_many_frames() -> bytes:
    first = io.BytesIO()
    Image.frombytes("P", (_EDGE, _EDGE), _STRIP).save(first, "GIF")
    frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    return first.getvalue()[:-1] + frame * 300_000 + b";"


def _jpeg_of_restarts() -> bytes:
    """65,536 restart intervals of one block each."""
    coarse = Image.fromarray(np.random.default_rng(8).integers(0, 256, (16, 16), dtype=np.uint8))
    out = io.BytesIO()
    coarse.resize((2048, 2048)).save(out, "JPEG", quality=30, restart_marker_blocks=1)
    return out.getvalue()


def _jpeg_of_scans() -> bytes:
    """A progressive picture whose first scan comes a thousand times: each is a pass over all of it."""
    out = io.BytesIO()
    Image.open(io.BytesIO(drawn(5, ".jpg", (2000, 1500)))).save(out, "JPEG", progressive=True)
    jpeg = out.getvalue()
    start = jpeg.index(b"\xff\xda")
    end = min(jpeg.index(mark, start + 2) for mark in (b"\xff\xc4", b"\xff\xda") if mark in jpeg[start + 2 :])
    return jpeg[:start] + jpeg[start:end] * 300 + jpeg[start:]


def _heic_of_endless_boxes() -> bytes:
    heic = bytearray(drawn(6, ".heic"))
    location = heic.index(b"iloc")
    heic[location + 8 : location + 12] = b"\0\0\xff\xff"
    struct.pack_into(">I", heic, location - 4, 0x7FFFFFFF)
    return bytes(heic)


def _far_larger_than_allowed(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    path = folder / "five gigabytes of holes.jpg"
    with path.open("wb") as stream:
        stream.write(drawn(9, ".jpg"))
        stream.truncate(5 << 30)
    return [(os.fsencode(path.name), None)]


def _renamed(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    """A good photo under the name of another format."""
    _, data = good.next(".jpg", ".png", ".heic")
    return _written(
        folder, f"renamed{chance.randrange(1 << 30)}{chance.choice(('.nef', '.png', '.tif', '.webp'))}", data
    )


# The file system


def _named(name: bytes) -> _Make:
    def make(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
        with open(os.path.join(os.fsencode(folder), name), "wb") as stream:
            stream.write(good.next(".jpg")[1])
        return [(name, None)]

    return make


def _twins(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    """The same word in composed and decomposed letters: two files on Linux."""
    names = [unicodedata.normalize(form, "café.jpg").encode() for form in ("NFC", "NFD")]
    return [placed for name in names for placed in _named(name)(folder, good, chance)]


def _locked(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    name, data = good.next(".jpg")
    (folder / name).write_bytes(data)
    (folder / name).chmod(0)
    return [(os.fsencode(name), None)]


def _locked_folder(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    inner = folder / "locked"
    inner.mkdir()
    name, data = good.next(".jpg")
    (inner / name).write_bytes(data)
    inner.chmod(0)
    return [(b"locked", None), (os.fsencode(f"locked/{name}"), ("not looked at",))]


def _linked(target: str) -> _Make:
    def make(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
        (folder / "link.jpg").symlink_to(target)
        return [(b"link.jpg", None)]

    return make


def _linked_photo(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    _, data = good.next(".jpg")
    (folder / "original.jpg").write_bytes(data)
    (folder / "link.jpg").symlink_to("original.jpg")
    return [(b"link.jpg", None), (b"original.jpg", None)]


def _pipe(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    os.mkfifo(folder / "pipe.jpg")
    return [(b"pipe.jpg", None)]


def _socket(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    before = os.getcwd()
    os.chdir(folder)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("socket.jpg")
    os.chdir(before)
    return [(b"socket.jpg", None)]


def _pipe_for_rules(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    os.mkfifo(folder / ".loupeignore")
    name, data = good.next(".jpg")
    (folder / name).write_bytes(data)
    return [(os.fsencode(name), None), (b".loupeignore", ("skipped: not a regular file",))]


def _folder_named_as_a_photo(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    name, data = good.next(".jpg")
    (folder / "x.jpg").mkdir()
    (folder / "x.jpg" / name).write_bytes(data)
    return [(os.fsencode(f"x.jpg/{name}"), None)]


def _nested(depth: int) -> _Make:
    def make(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
        name, data = good.next(".jpg")
        inner = folder.joinpath(*["down"] * depth)
        inner.mkdir(parents=True)
        (inner / name).write_bytes(data)
        inside = "/".join(["down"] * depth) + f"/{name}"
        if depth < 60:
            return [(os.fsencode(inside), None)]
        # The folder where the way down ends is named; how deep that is depends on where this folder stands.
        return [(b"down", None), (os.fsencode(inside), ("not looked at",))]

    return make


def _resource_fork(folder: Path, good: GoodPhotos, chance: random.Random) -> _Made:
    return _written(folder, "._photo.jpg", b"\0\x05\x16\x07\0\x02\0\0Mac OS X        " + bytes(64))


_WEB_PAGE = b"<!DOCTYPE html><html><title>404</title>Not found</html>"
_VIDEO = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(range(256)) * 20
_NOTE = b"Dear all, the photos are on the other disk. " * 40
_FULL_NAME = b"n" * 251 + b".jpg"
_IN = ("in",)
_LARGE = ("TOO_LARGE",)
_NO_IMAGE = ("NOT_AN_IMAGE",)


def ways() -> tuple[Way, ...]:
    """All of them, in the order in which they are shown."""
    return (
        Way("cut: JPEG", _CUT, _cut([".jpg"])),
        Way("cut: PNG, WebP, GIF, BMP", _CUT, _cut([".png", ".webp", ".gif", ".bmp"])),
        Way("cut: TIFF, DNG", _CUT, _cut([".tif", ".dng"])),
        Way("cut: HEIC, AVIF", _CUT, _cut([".heic", ".avif"])),
        Way("bits flipped in the header", (*_REFUSED, *_IN_SOMEHOW, "TOO_LARGE", "DECODE_CRASH"), _header_flipped),
        Way("copy never finished (zeros to the end)", _CUT, _never_finished),
        Way("no bytes", ("EMPTY_FILE",), _content("empty.jpg", b"")),
        Way("nothing but zero bytes", _NO_IMAGE, _made("zeros.jpg", lambda: bytes(20_000))),
        Way("random bytes", (*_NO_IMAGE,), _random_bytes),
        Way("a text named .jpg", _NO_IMAGE, _made("letter.jpg", lambda: _NOTE)),
        Way("a web page named .heic", _NO_IMAGE, _made("page.heic", lambda: _WEB_PAGE)),
        Way("a video named .jpg", _NO_IMAGE, _made("video.jpg", lambda: _VIDEO)),
        Way("a good photo named as another format", _IN, _renamed),
        Way("PNG that claims 60,000 x 60,000", _LARGE, _made("bomb.png", _png_bomb)),
        Way("JPEG that claims 60,000 x 60,000", _LARGE, _made("bomb.jpg", _jpeg_bomb)),
        Way("TIFF that claims 60,000 x 60,000", _LARGE, _made("bomb.tif", _tiff_bomb)),
        Way("PNG text that unpacks to 100 MB", _LARGE, _made("text.png", _text_bomb)),
        Way(
            "PNG of 2,000 texts of 1 MB",
            ("TOO_LARGE", "CORRUPT", "in", "in with CORRUPT"),
            _made("texts.png", _many_texts),
        ),
        Way(
            "PNG profile that unpacks to 200 MB",
            ("TOO_LARGE", "CORRUPT", *_IN_SOMEHOW),
            _made("icc.png", _profile_bomb),
        ),
        Way("JPEG profile of 4 MB of noise", _IN, _made("icc.jpg", _profile_of_noise)),
        Way("TIFF directories in a ring", _IN, _made("ring.tif", _tiff_ring)),
        Way("TIFF directory within itself", _IN, _made("self.tif", _tiff_within_itself)),
        Way("TIFF of 50,000 directories", _IN, _made("endless.tif", _tiff_endless)),
        Way("XMP of a billion laughs", _IN, _made("laughs.jpg", _laughing_jpeg)),
        Way("sidecar of a billion laughs", ("in and SIDECAR_INVALID",), _laughing_sidecar),
        Way("GIF of 300,000 frames", _IN, _made("frames.gif", _gif_of_many_frames)),
        Way("JPEG of 65,536 restart intervals", _IN, _made("restarts.jpg", _jpeg_of_restarts)),
        Way("JPEG of 300 scans", ("CORRUPT", "TRUNCATED", *_IN_SOMEHOW), _made("scans.jpg", _jpeg_of_scans)),
        Way("HEIC of endless item extents", ("CORRUPT", "TRUNCATED"), _made("boxes.heic", _heic_of_endless_boxes)),
        Way("5 GB of holes behind a photo", _LARGE, _far_larger_than_allowed),
        Way("photo that may not be read", ("FILE_UNREADABLE",), _locked),
        Way("folder that may not be read", ("NO_PERMISSION",), _locked_folder),
        Way("link to itself", ("skipped: broken link",), _linked("link.jpg")),
        Way("link to nothing", ("skipped: broken link",), _linked("nowhere/gone.jpg")),
        Way("link to the folder above", ("skipped: link to a folder",), _linked("..")),
        Way("link to a device", ("skipped: not a regular file",), _linked("/dev/zero")),
        Way("link to a photo", _IN, _linked_photo),
        Way("pipe named .jpg", ("skipped: not a regular file",), _pipe),
        Way("socket named .jpg", ("skipped: not a regular file",), _socket),
        Way("pipe named .loupeignore", _IN, _pipe_for_rules),
        Way("folder named .jpg", _IN, _folder_named_as_a_photo),
        Way("forty folders deep", _IN, _nested(40)),
        Way("a hundred folders deep", ("too deep",), _nested(100)),
        Way("macOS resource fork", ("skipped: macOS resource fork",), _resource_fork),
        Way("name in Latin-1 bytes", _IN, _named(b"caf\xe9 \xff.jpg")),
        Way("name with a new line and a tab", _IN, _named(b"new\nline\tand tab.jpg")),
        Way("name with emoji, right to left, zero width", _IN, _named("👨‍👩‍👧 صورة \u200b\u202e.jpg".encode())),
        Way("name of a command's option", _IN, _named(b"-rf --help.jpg")),
        Way("name with quotes and a backslash", _IN, _named(b'it\'s "a\\b" $(x);&.jpg')),
        Way("name that ends in a space", _IN, _named(b"trailing.jpg ")),
        Way("name of 255 bytes", _IN, _named(_FULL_NAME)),
        Way("name that begins with a dot", _IN, _named(b".hidden.jpg")),
        Way("names that differ in composition alone", _IN, _twins),
    )
