"""Where each format keeps its metadata: from a file's bytes to its EXIF, XMP and IPTC blocks, without decoding a pixel.

What the blocks mean belongs to `metadata`. Nothing here raises for bad bytes: a block that is not whole is absent.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from resources.imaging.ciff import ciff_metadata
from resources.imaging.iptc import photoshop_iptc, photoshop_resources
from resources.imaging.isobmff import Container, boxes
from resources.imaging.jpeg_segments import JpegSegments
from resources.imaging.metadata import ExifDirectories, PhotoMetadata, exif_directories, read_metadata
from resources.imaging.motion import video_behind_heic, video_behind_jpeg
from resources.imaging.sniff import Sniffed
from resources.imaging.tiff import Directory
from resources.imaging.xmp import MAX_XMP_BYTES, Xmp, read_xmp

__all__ = ["Blocks", "metadata_or_warning", "photo_metadata", "tiff_blocks"]

_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG, _PANASONIC_JPEG = 0x02BC, 0x83BB, 0x8649, 0x002E
_IPTC_RESOURCE, _EXIF_RESOURCE, _XMP_RESOURCE = 0x0404, 0x0422, 0x0424

# Boxes of CR3 and JPEG 2000, by their ids.
_CR3_METADATA = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC_BOX = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_EXIF_BOX = b"JpgTiffExif->JP2"

_MAX_CHUNKS = 100_000
# EXIF and IPTC in compressed PNG text; XMP has its own bound.
_MAX_PROFILE_BYTES = 8 << 20


@dataclass(frozen=True)
class Blocks:
    """The metadata blocks of one photo; each empty when the file has none."""

    exif: ExifDirectories = field(default_factory=ExifDirectories)
    xmp: Xmp = field(default_factory=Xmp)
    iptc: bytes | None = None
    motion: bool = False
    title: str | None = None  # PNG's own texts, the last resort
    description: str | None = None

    def metadata(self) -> PhotoMetadata:
        """All of it joined."""
        found = read_metadata(self.exif, self.xmp, self.iptc)
        return replace(
            found,
            motion=True if self.motion else None,
            title=found.title or self.title,
            description=found.description or self.description,
        )


def metadata_or_warning(read: Callable[[], PhotoMetadata]) -> tuple[PhotoMetadata, tuple[str, ...]]:
    """What `read` finds, and warnings: a fault of ours in reading metadata costs what it says, never the picture.

    The fault goes to the log of the decode worker.
    """
    try:
        return read(), ()
    except MemoryError:
        raise
    except Exception:
        logging.getLogger(__name__).exception("reading metadata failed")
        return PhotoMetadata(), ("METADATA_UNREADABLE",)


def photo_metadata(buffer: bytes, sniffed: Sniffed) -> PhotoMetadata:
    """What a photo says about itself. Costs under a millisecond; never raises for bad bytes.

    Decoders ask by `metadata_or_warning` all the same: files are stranger than any test.
    """
    if sniffed.format == "CRW":
        return ciff_metadata(buffer)
    read = _READERS.get(sniffed.format)
    if read is not None:
        return read(buffer).metadata()
    if buffer[:2] not in (b"II", b"MM"):
        return PhotoMetadata()
    directories = exif_directories(buffer)
    found = tiff_blocks(directories).metadata()
    if sniffed.format == "RW2" and directories.main is not None:
        found = _filled(found, _jpeg(directories.main.blob(_PANASONIC_JPEG) or b"").metadata())
    return found


def _filled(metadata: PhotoMetadata, other: PhotoMetadata) -> PhotoMetadata:
    """What is not known from the other: Panasonic's RAW has the rest of its EXIF in the preview inside."""
    known = {name: value for name, value in vars(metadata).items() if value not in (None, ())}
    return replace(other, **known)


def tiff_blocks(directories: ExifDirectories) -> Blocks:
    """The blocks of a TIFF-based file (also DNG and most RAW), or of one page of it, from its directories."""
    main = directories.main
    if main is None:
        return Blocks(directories)
    iptc = main.blob(_IPTC_TAG) or photoshop_iptc(main.blob(_PHOTOSHOP_TAG))
    if iptc and iptc[:1] != b"\x1c" and iptc[3:4] == b"\x1c":  # written as 32-bit numbers in the other byte order
        iptc = b"".join(iptc[at : at + 4][::-1] for at in range(0, min(len(iptc), _MAX_PROFILE_BYTES), 4))
    return Blocks(directories, read_xmp(main.blob(_XMP_TAG)), iptc)


def _jpeg(buffer: bytes) -> Blocks:
    segments = JpegSegments.read(buffer)
    xmp = segments.xmp()
    return Blocks(
        exif_directories(bytes(segments.exif)),
        xmp,
        photoshop_iptc(bytes(segments.photoshop)),
        video_behind_jpeg(buffer, xmp),
    )


_PNG_TEXTS = {"xml:com.adobe.xmp", "title", "description"} | {
    f"raw profile type {kind}" for kind in ("exif", "app1", "iptc", "8bim", "xmp")
}


def _png(buffer: bytes) -> Blocks:
    exif, texts = b"", dict[str, bytes]()
    for kind, data in _png_chunks(buffer):
        if kind == b"eXIf":
            exif = exif or data
        else:
            key = data.partition(b"\0")[0].decode("latin-1").lower()
            if key in _PNG_TEXTS and key not in texts:
                texts[key] = _png_text(kind, data)
    exif = exif or _profile(texts, "exif") or _profile(texts, "app1")
    iptc = _profile(texts, "iptc") or _profile(texts, "8bim")
    return Blocks(
        exif_directories(exif),
        read_xmp(texts.get("xml:com.adobe.xmp") or _profile(texts, "xmp")),
        photoshop_iptc(iptc) or iptc or None,
        title=_plain(texts.get("title")),
        description=_plain(texts.get("description")),
    )


def _png_chunks(buffer: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that are not pixels: (kind, data)."""
    at = 8
    for _ in range(_MAX_CHUNKS):
        size = int.from_bytes(buffer[at : at + 4], "big")
        kind = buffer[at + 4 : at + 8]
        if len(kind) < 4 or at + 8 + size > len(buffer):
            return
        if kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
            yield kind, buffer[at + 8 : at + 8 + size]
        at += 12 + size


def _png_text(kind: bytes, data: bytes) -> bytes:
    """A text without its keyword, unpacked; empty where it expands beyond all bounds."""
    rest = data.partition(b"\0")[2]
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":  # flag and method of compression, language, keyword in that language
        packed = rest[:1] == b"\x01"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if packed:
        decompressor = zlib.decompressobj()
        try:
            rest = decompressor.decompress(rest, max(_MAX_PROFILE_BYTES, MAX_XMP_BYTES))
        except zlib.error:
            rest = b""
        if decompressor.unconsumed_tail:
            rest = b""
    return rest


def _profile(texts: dict[str, bytes], kind: str) -> bytes:
    """A block that ImageMagick and others write as text: its name, its size and hexadecimal digits."""
    lines = texts.get(f"raw profile type {kind}", b"").split(b"\n", 3)
    try:
        return bytes.fromhex(lines[3].decode("ascii")) if len(lines) == 4 else b""
    except ValueError:
        return b""


def _plain(text: bytes | None) -> str | None:
    if not text:
        return None
    try:
        words = text.decode("utf-8")
    except UnicodeDecodeError:
        words = text.decode("latin-1")
    return words.strip()[:4000] or None


def _webp(buffer: bytes) -> Blocks:
    found: dict[bytes, bytes] = {}
    at = 12
    for _ in range(_MAX_CHUNKS):
        kind, size = buffer[at : at + 4], int.from_bytes(buffer[at + 4 : at + 8], "little")
        if len(kind) < 4:
            break
        if kind in (b"EXIF", b"XMP "):
            found.setdefault(kind, buffer[at + 8 : at + 8 + size])
        at += 8 + size + (size & 1)
    return Blocks(exif_directories(found.get(b"EXIF")), read_xmp(found.get(b"XMP ")))


def _gif(buffer: bytes) -> Blocks:
    """The packet stands in an application block as it is, not cut into pieces as other blocks are."""
    start = buffer.find(b"\x21\xff\x0bXMP DataXMP")
    end = buffer.find(b"<?xpacket end", start)
    return Blocks(xmp=read_xmp(buffer[start + 14 : end])) if 0 < start < end else Blocks()


def _container(buffer: bytes) -> Blocks:
    container = Container.parse(buffer)
    if container is None:
        return Blocks()
    return Blocks(exif_directories(container.exif()), read_xmp(container.xmp()), motion=video_behind_heic(buffer))


def _jpeg2000(buffer: bytes) -> Blocks:
    """Also JPEG XL, whose boxes have names instead of ids."""
    view = memoryview(buffer)
    found: dict[bytes, bytes] = {}
    for box in boxes(view, 0, len(view)):
        data = view[box.start : box.end]
        if box.kind == b"uuid":
            found.setdefault(bytes(data[:16]), bytes(data[16:]))
        elif box.kind == b"Exif" and len(data) > 8:
            found.setdefault(_EXIF_BOX, bytes(data[4 + int.from_bytes(data[:4], "big") :]))
        elif box.kind == b"xml ":
            found.setdefault(_XMP_BOX, bytes(data[: MAX_XMP_BYTES + 1]))
    return Blocks(exif_directories(found.get(_EXIF_BOX)), read_xmp(found.get(_XMP_BOX)), found.get(_IPTC_BOX))


def _photoshop(buffer: bytes) -> Blocks:
    """Photoshop's own format: a header of 26 bytes, a colour table, then the resources."""
    start = 30 + int.from_bytes(buffer[26:30], "big")
    size = int.from_bytes(buffer[start : start + 4], "big")
    resources = dict(photoshop_resources(buffer[start + 4 : start + 4 + size]))
    return Blocks(
        exif_directories(resources.get(_EXIF_RESOURCE)),
        read_xmp(resources.get(_XMP_RESOURCE)),
        resources.get(_IPTC_RESOURCE),
    )


def _cr3(buffer: bytes) -> Blocks:
    """EXIF's directories and Canon's notes are TIFF structures of their own, the packet a box."""
    view = memoryview(buffer)
    parts: dict[bytes, Directory | None] = {}
    xmp: bytes | None = None
    for top in boxes(view, 0, len(view)):
        if top.kind == b"uuid" and bytes(view[top.start : top.start + 16]) == _XMP_BOX:
            xmp = bytes(view[top.start + 16 : top.end])
        if top.kind != b"moov":
            continue
        for box in boxes(view, top.start, top.end):
            if box.kind == b"uuid" and bytes(view[box.start : box.start + 16]) == _CR3_METADATA:
                for part in boxes(view, box.start + 16, box.end):
                    if part.kind.startswith(b"CMT"):
                        parts[part.kind] = exif_directories(view[part.start : part.end]).main
    exif = ExifDirectories(
        main=parts.get(b"CMT1"), exif=parts.get(b"CMT2"), canon=parts.get(b"CMT3"), gps=parts.get(b"CMT4")
    )
    return Blocks(exif, read_xmp(xmp))


def _raf(buffer: bytes) -> Blocks:
    start, size = (int.from_bytes(buffer[at : at + 4], "big") for at in (84, 88))
    return _jpeg(buffer[start : start + size])


def _mrw(buffer: bytes) -> Blocks:
    """Minolta's TTW block, a TIFF structure inside the header."""
    at, end = 8, 8 + int.from_bytes(buffer[4:8], "big")
    while at + 8 <= min(end, len(buffer)):
        size = int.from_bytes(buffer[at + 4 : at + 8], "big")
        if buffer[at : at + 4] == b"\0TTW":
            return tiff_blocks(exif_directories(buffer[at + 8 : at + 8 + size]))
        at += 8 + size
    return Blocks()


def _x3f(buffer: bytes) -> Blocks:
    """Sigma's cameras since 2006 keep EXIF in the preview only."""
    start = buffer.find(b"\xff\xd8\xff\xe1")
    return _jpeg(buffer[start:]) if start > 0 else Blocks()


_READERS = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "HEIC": _container,
    "AVIF": _container,
    "JP2": _jpeg2000,
    "JXL": _jpeg2000,
    "PSD": _photoshop,
    "CR3": _cr3,
    "RAF": _raf,
    "MRW": _mrw,
    "X3F": _x3f,
}
