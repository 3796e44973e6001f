"""What kind of file this is: by content for decoding, by name for the inventory.

Names lie (a JPEG named `.nef` is misread by LibRaw, phones export HEIC as `.jpg`), so nothing is ever decoded by
its name. Names serve only the inventory, which reads no contents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from resources.imaging.tiff import Tiff, TiffError

__all__ = ["Kind", "Sniffed", "foreign_kind", "kind_by_name", "sniff"]

Family = Literal["raster", "heif", "raw"]
Kind = Literal["photo", "sidecar", "video", "document", "unknown"]


@dataclass(frozen=True)
class Sniffed:
    """A format that Loupe decodes. `format` is its usual short name, `family` the decoder it goes to."""

    format: str
    mime: str
    family: Family


def _rows(family: Family, formats: dict[str, str]) -> dict[str, Sniffed]:
    return {name: Sniffed(name, mime, family) for name, mime in formats.items()}


_FORMATS: dict[str, Sniffed] = {
    **_rows(
        "raster",
        {
            "JPEG": "image/jpeg",
            "PNG": "image/png",
            "WEBP": "image/webp",
            "GIF": "image/gif",
            "BMP": "image/bmp",
            "TIFF": "image/tiff",
            "JP2": "image/jp2",
            "AVIF": "image/avif",
        },
    ),
    **_rows("heif", {"HEIC": "image/heic"}),
    **_rows(
        "raw",
        {
            "3FR": "image/x-hasselblad-3fr",
            "ARW": "image/x-sony-arw",
            "CR2": "image/x-canon-cr2",
            "CR3": "image/x-canon-cr3",
            "CRW": "image/x-canon-crw",
            "DNG": "image/x-adobe-dng",
            "ERF": "image/x-epson-erf",
            "GPR": "image/x-gopro-gpr",
            "IIQ": "image/x-phaseone-iiq",
            "KDC": "image/x-kodak-kdc",
            "MRW": "image/x-minolta-mrw",
            "NEF": "image/x-nikon-nef",
            "ORF": "image/x-olympus-orf",
            "PEF": "image/x-pentax-pef",
            "RAF": "image/x-fuji-raf",
            "RW2": "image/x-panasonic-rw2",
            "SRW": "image/x-samsung-srw",
            "X3F": "image/x-sigma-x3f",
        },
    ),
}

_AVIF_BRANDS = {b"avif", b"avis", b"avio"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}

# TIFF-based RAW whose makers do not write the DNG tag, by the camera's make.
_RAW_BY_MAKE = (
    ("NIKON", "NEF"),
    ("SONY", "ARW"),
    ("PENTAX", "PEF"),
    ("RICOH", "PEF"),
    ("SAMSUNG", "SRW"),
    ("EASTMAN KODAK", "KDC"),
    ("KODAK", "KDC"),
    ("HASSELBLAD", "3FR"),
    ("SEIKO EPSON", "ERF"),
    ("EPSON", "ERF"),
    ("PHASE ONE", "IIQ"),
    ("LEAF", "IIQ"),
    ("OLYMPUS", "ORF"),
    ("PANASONIC", "RW2"),
    ("LEICA", "RW2"),
    ("CANON", "CR2"),
)
_MAKE, _PHOTOMETRIC, _COMPRESSION, _NEW_SUBFILE_TYPE, _DNG_VERSION = 0x010F, 0x0106, 0x0103, 0x00FE, 0xC612
_SENSOR_PHOTOMETRICS = {32803, 34892}  # colour filter array, linear raw
_RAW_COMPRESSIONS = {34713, 32767, 65535, 65000, 32769, 32770, 262}


def sniff(head: bytes | memoryview) -> Sniffed | None:
    """The format of a file from its first bytes (64 KB is enough); None for everything that is not a photo.

    Never raises: a cut or damaged header gives the best answer that its magic bytes allow.
    """
    start = bytes(head[:64])
    name = _name_by_magic(start)
    if name == "TIFF":
        name = _tiff_dialect(head)
    if name == "ISOBMFF":
        name = _isobmff_brand(start, head)
    return _FORMATS[name] if name else None


def _name_by_magic(start: bytes) -> str | None:
    if start[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if start[:2] == b"BM" and len(start) >= 18 and int.from_bytes(start[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if start[4:8] == b"ftyp":
        return "ISOBMFF"
    if start[:16] == b"FUJIFILMCCD-RAW ":
        return "RAF"
    if start[6:14] in (b"HEAPCCDR", b"HEAPJPGM"):
        return "CRW"
    if start[:4] == b"\0MRM":
        return "MRW"
    if start[:4] == b"FOVb":
        return "X3F"
    if start[:12] == b"\0\0\0\x0cjP  \r\n\x87\n" or start[:4] == b"\xff\x4f\xff\x51":
        return "JP2"
    if start[:4] in (b"IIU\0", b"IIRO", b"IIRS", b"MMOR"):
        return "RW2" if start[2:3] == b"U" else "ORF"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    return None


_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}


def _tiff_dialect(head: bytes | memoryview) -> str:
    if bytes(head[8:10]) == b"CR":
        return "CR2"
    if bytes(head[8:12]) in (b"IIII", b"MMMM"):  # Phase One's own block follows the header
        return "IIQ"
    try:
        tiff = Tiff(head)
    except TiffError:
        return "TIFF"
    first = tiff.first()
    if first is None:
        return "TIFF"
    make = (first.text(_MAKE) or "").upper()
    if _DNG_VERSION in first:
        return "GPR" if make == "GOPRO" else "DNG"
    raw = next((name for prefix, name in _RAW_BY_MAKE if make.startswith(prefix)), None)
    if raw is None:
        return "TIFF"
    for directory in tiff.directories():
        if directory.integer(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS:
            return raw
        if directory.integer(_COMPRESSION) in _RAW_COMPRESSIONS:
            return raw
    # A camera's plain TIFF holds its picture in the first directory; a RAW holds a reduced picture there.
    if first.integer(_NEW_SUBFILE_TYPE) == 1 and 0x014A in first:
        return raw
    return raw if raw == "KDC" and first.integer(_NEW_SUBFILE_TYPE) == 1 else "TIFF"


def _isobmff_brand(start: bytes, head: bytes | memoryview) -> str | None:
    major = start[8:12]
    if major == b"crx ":
        return "CR3"
    if major in _AVIF_BRANDS:
        return "AVIF"
    if major in _HEIF_BRANDS:
        size = min(int.from_bytes(start[:4], "big"), 256)
        brands = {bytes(head[at : at + 4]) for at in range(16, size - 3, 4)}
        coded = brands & (_AVIF_BRANDS | (_HEIF_BRANDS - {b"mif1", b"mif2", b"msf1"}))
        # A structural brand says nothing of the codec; some AVIF writers put "mif1" first.
        return "AVIF" if coded and coded <= _AVIF_BRANDS else "HEIC"
    return None


def foreign_kind(head: bytes | memoryview) -> tuple[str, bool] | None:
    """What a file that is no photo is: its name in words and whether it is an image that no decoder reads."""
    start = bytes(head[:512])
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start[4:8] == b"ftyp":
        return "a video", False
    for magic, words, image in _FOREIGN:
        if start.startswith(magic):
            return words, image
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return "a video", False
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page", False
    if b"<svg" in text:
        return "an SVG drawing", True
    if text.startswith((b"<?xml", b"<x:xmpmeta")):
        return "an XML document", False
    if text.startswith((b"{", b"[")):
        return "a JSON document", False
    if start and not start.strip(b"\0"):
        return "nothing but zero bytes", False
    if start and all(byte >= 32 or byte in b"\t\r\n" for byte in start):
        return "a text file", False
    return None


_FOREIGN: tuple[tuple[bytes, str, bool], ...] = (
    (b"\x1aE\xdf\xa3", "a video", False),
    (b"\0\0\x01\xba", "a video", False),
    (b"\0\0\x01\xb3", "a video", False),
    (b"G@", "a video", False),
    (b"%PDF", "a PDF document", False),
    (b"%!PS", "a PostScript document", False),
    (b"8BPS", "a Photoshop document", True),
    (b"\xff\x0a", "a JPEG XL picture", True),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", True),
    (b"\0\0\x01\0", "an icon", True),
    (b"v/1\x01", "an OpenEXR picture", True),
    (b"#?RADIANCE", "a Radiance picture", True),
    (b"gimp xcf", "a GIMP document", True),
    (b"PK\x03\x04", "a ZIP archive", False),
    (b"Rar!", "an archive", False),
    (b"7z\xbc\xaf", "an archive", False),
    (b"\0\x05\x16\x07", "an AppleDouble file (macOS metadata)", False),
    (b"MZ", "a program", False),
    (b"\x7fELF", "a program", False),
    (b"ID3", "a sound file", False),
    (b"OggS", "a sound or video file", False),
)


def _suffixes(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PHOTO_SUFFIXES = _suffixes(
    """jpg jpeg jpe jfif jif mpo png apng webp gif bmp dib tif tiff btf heic heif heics heifs hif avif avifs jp2 j2k
    jpf jpx dng gpr nef nrw cr2 cr3 crw raf rw2 rwl raw orf ori pef ptx arw srf sr2 mrw x3f kdc dcr dcs k25 3fr fff
    iiq cap mef mos mdc erf srw bay cs1 sti"""
)
_SIDECAR_SUFFIXES = _suffixes("xmp aae thm pp3 dop cos cop on1 dxo nksc vrd spd rpd pto comask lrv")
_VIDEO_SUFFIXES = _suffixes("mp4 m4v mov qt avi mkv webm mpg mpeg mts m2ts m2t 3gp 3g2 wmv flv mxf insv dv vob ogv")
_DOCUMENT_SUFFIXES = _suffixes(
    """txt md rtf pdf doc docx odt xls xlsx csv ods ppt pptx html htm xml json yaml yml ini log db sqlite zip rar 7z
    tar gz exe dll dmg iso mp3 wav flac aac m4a ogg psd psb ai eps svg indd xcf ttf otf py js css lnk url bak tmp
    part crdownload lrcat lrdata"""
)


def kind_by_name(name: str) -> Kind:
    """What a file's name promises. "unknown" (no or a strange extension) is worth reading and sniffing."""
    suffixes = [suffix[1:].lower().strip() for suffix in PurePath(name).suffixes]
    if not suffixes:
        return "unknown"
    last = suffixes[-1]
    if last in _PHOTO_SUFFIXES:
        return "photo"
    if last in _SIDECAR_SUFFIXES:
        return "sidecar"
    if last == "json" and any(suffix in _PHOTO_SUFFIXES | _VIDEO_SUFFIXES for suffix in suffixes[:-1]):
        return "sidecar"  # a photo service's export: IMG_1.jpg.json, IMG_1.jpg.supplemental-metadata.json
    if last in _VIDEO_SUFFIXES:
        return "video"
    if last in _DOCUMENT_SUFFIXES:
        return "document"
    return "unknown"
