"""What kind of file this is: by content for decoding, by name for the inventory.

Names lie (a JPEG named `.nef` is misread by LibRaw, phones export HEIC as `.jpg`), so nothing is ever decoded by
its name. Names serve only the inventory, which reads no contents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from resources.imaging.tiff import Tiff, TiffError

__all__ = [
    "RAW_FORMATS",
    "RAW_WITHOUT_MARKS",
    "Kind",
    "Sniffed",
    "foreign_kind",
    "kind_by_name",
    "sniff",
    "sniff_by_name",
]

Family = Literal["raster", "tiff", "heif", "raw", "jxl", "psd"]
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
            "JP2": "image/jp2",
            "AVIF": "image/avif",
            "BLP": "image/x-blp",
            "CUR": "image/x-win-bitmap",
            "DCX": "image/x-dcx",
            "DDS": "image/vnd.ms-dds",
            "FITS": "image/fits",
            "FLI": "video/x-fli",
            "FTEX": "image/x-ftex",
            "GBR": "image/x-gimp-gbr",
            "ICNS": "image/icns",
            "ICO": "image/vnd.microsoft.icon",
            "IM": "image/x-im",
            "MCIDAS": "image/x-mcidas",
            "MSP": "image/x-msp",
            "PAM": "image/x-portable-arbitrarymap",
            "PCD": "image/x-photo-cd",
            "PCX": "image/vnd.zbrush.pcx",
            "PFM": "image/x-portable-floatmap",
            "PIXAR": "image/x-pixar",
            "PPM": "image/x-portable-anymap",
            "QOI": "image/qoi",
            "SGI": "image/sgi",
            "SPIDER": "image/x-spider",
            "SUN": "image/x-sun-raster",
            "TGA": "image/x-tga",
            "XBM": "image/x-xbitmap",
            "XPM": "image/x-xpixmap",
            "XVTHUMB": "image/x-xv-thumbnail",
        },
    ),
    **_rows("tiff", {"TIFF": "image/tiff"}),
    **_rows("heif", {"HEIC": "image/heic"}),
    **_rows("jxl", {"JXL": "image/jxl"}),
    **_rows("psd", {"PSD": "image/vnd.adobe.photoshop"}),
    **_rows(
        "raw",
        {
            "3FR": "image/x-hasselblad-3fr",
            "ARI": "image/x-arri-ari",
            "ARW": "image/x-sony-arw",
            "CR2": "image/x-canon-cr2",
            "CR3": "image/x-canon-cr3",
            "CRW": "image/x-canon-crw",
            "DCR": "image/x-kodak-dcr",
            "DNG": "image/x-adobe-dng",
            "ERF": "image/x-epson-erf",
            "FFF": "image/x-hasselblad-fff",
            "GPR": "image/x-gopro-gpr",
            "IIQ": "image/x-phaseone-iiq",
            "KDC": "image/x-kodak-kdc",
            "MEF": "image/x-mamiya-mef",
            "MOS": "image/x-leaf-mos",
            "MRW": "image/x-minolta-mrw",
            "NEF": "image/x-nikon-nef",
            "NRW": "image/x-nikon-nrw",
            "ORF": "image/x-olympus-orf",
            "PEF": "image/x-pentax-pef",
            "RAF": "image/x-fuji-raf",
            "RAW": "image/x-raw",  # cameras and phones whose makers gave their files no name of their own
            "RW2": "image/x-panasonic-rw2",
            "RWL": "image/x-leica-rwl",
            "SR2": "image/x-sony-sr2",
            "SRF": "image/x-sony-srf",
            "SRW": "image/x-samsung-srw",
            "STI": "image/x-sinar-sti",
            "TIF": "image/x-canon-tif",  # Canon EOS-1D and 1Ds
            "X3F": "image/x-sigma-x3f",
        },
    ),
}

# Those that hold what the sensor saw, by the name in `Sniffed.format`.
RAW_FORMATS = frozenset(name for name, kind in _FORMATS.items() if kind.family == "raw")

_AVIF_BRANDS = {b"avif", b"avis", b"avio"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}

# TIFF-based RAW whose makers do not write the DNG tag, by the camera's make and a word of its model.
_RAW_BY_MAKE = (
    ("NIKON", "COOLPIX", "NRW"),
    ("NIKON", "", "NEF"),
    ("SONY", "DSC-F828", "SRF"),
    ("SONY", "DSC-V3", "SRF"),
    ("SONY", "DSC-R1", "SR2"),
    ("SONY", "", "ARW"),
    ("HASSELBLAD", "", "3FR"),
    ("IMACON", "", "FFF"),
    ("PENTAX", "", "PEF"),
    ("ASAHI", "", "PEF"),
    ("RICOH", "", "PEF"),
    ("SAMSUNG", "", "SRW"),
    ("EASTMAN KODAK", "DCS", "DCR"),
    ("EASTMAN KODAK", "", "KDC"),
    ("KODAK", "DCS", "DCR"),
    ("KODAK", "", "KDC"),
    ("SEIKO EPSON", "", "ERF"),
    ("EPSON", "", "ERF"),
    ("PHASE ONE", "", "IIQ"),
    ("LEAF", "", "MOS"),
    ("MAMIYA", "", "MEF"),
    ("SINAR", "", "STI"),
    ("OLYMPUS", "", "ORF"),
    ("OM DIGITAL", "", "ORF"),
    ("PANASONIC", "", "RW2"),
    ("LEICA", "", "RWL"),
    ("CANON", "EOS-1D", "TIF"),
    ("CANON", "", "CR2"),
    ("FUJIFILM", "", "RAF"),
    ("KONICA", "", "MRW"),
    ("MINOLTA", "", "MRW"),
    ("CREO", "", "MOS"),
    ("CASIO", "", "RAW"),
)
_MAKE, _MODEL, _SOFTWARE = 0x010F, 0x0110, 0x0131
_PHOTOMETRIC, _COMPRESSION, _NEW_SUBFILE_TYPE, _DNG_VERSION = 0x0106, 0x0103, 0x00FE, 0xC612
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
    elif name == "ISOBMFF":
        name = _isobmff_brand(start, head)
    elif name == "PANASONIC":
        name = "RWL" if _make_of(head).startswith("LEICA") else "RW2"
    elif name is None:
        name = _name_by_structure(head)
    return _FORMATS[name] if name else None


def sniff_by_name(buffer: bytes, name: str) -> Sniffed | None:
    """What an unknown content may be whose name promises a format without magic bytes; None when nothing.

    The decoder has the last word: Targa and SPIDER headers are checked here, a RAW is for LibRaw to recognise.
    """
    suffix = PurePath(name).suffix[1:].lower().strip()
    if suffix in _TARGA_SUFFIXES and _is_targa(buffer[:18]):
        return _FORMATS["TGA"]
    if suffix == "spider":
        return _FORMATS["SPIDER"]
    if suffix == "dib" and int.from_bytes(buffer[:4], "little") in _BMP_HEADER_SIZES:
        return _FORMATS["BMP"]
    if suffix in _RAW_SUFFIXES and len(buffer) >= _LEAST_RAW_BYTES and foreign_kind(buffer) is None:
        return _FORMATS.get(suffix.upper(), _FORMATS["RAW"])
    return None


_TARGA_SUFFIXES = {"tga", "icb", "vda", "vst", "targa"}
_LEAST_RAW_BYTES = 32_768

_MAGICS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (4, b"ftyp", "ISOBMFF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JP2"),
    (0, b"\xff\x4f\xff\x51", "JP2"),
    (0, b"\xff\x0a", "JXL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (0, b"8BPS\0\x01", "PSD"),
    (0, b"8BPS\0\x02", "PSD"),  # PSB, for large documents
    # RAW
    (0, b"FUJIFILMCCD-RAW ", "RAF"),
    (6, b"HEAPCCDR", "CRW"),
    (6, b"HEAPJPGM", "CRW"),
    (0, b"\0MRM", "MRW"),
    (0, b"FOVb", "X3F"),
    (0, b"IIU\0", "PANASONIC"),
    (0, b"IIRO", "ORF"),
    (0, b"IIRS", "ORF"),
    (0, b"MMOR", "ORF"),
    (0, b"ARRI\x12\x34\x56\x78", "ARI"),
    (0, b"ARRI\x78\x56\x34\x12", "ARI"),
    (0, b"IIIITwaR", "IIQ"),
    (0, b"MMMMRawT", "IIQ"),
    (25, b"ARECOYK", "RAW"),  # Contax N Digital
    (0, b"NOKIARAW", "RAW"),
    (0, b"DSC-Image", "RAW"),  # Rollei d530flex
    (0, b"qktk", "RAW"),  # Apple QuickTake 100 and 200
    (0, b"qktn", "RAW"),  # Apple QuickTake 150
    # Everything else that Pillow reads
    (0, b"BLP1", "BLP"),
    (0, b"BLP2", "BLP"),
    (0, b"\xb1\x68\xde\x3a", "DCX"),
    (0, b"DDS ", "DDS"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"FTEX", "FTEX"),
    (20, b"GIMP", "GBR"),
    (0, b"icns", "ICNS"),
    (0, b"\0\0\0\0\0\0\0\x04", "MCIDAS"),
    (0, b"DanM", "MSP"),
    (0, b"LinS", "MSP"),
    (0, b"P7 332", "XVTHUMB"),
    (0, b"\x80\xe8\0\0", "PIXAR"),
    (0, b"qoif", "QOI"),
    (0, b"\x59\xa6\x6a\x95", "SUN"),
    (0, b"/* XPM */", "XPM"),
)


def _name_by_magic(start: bytes) -> str | None:
    found = next((name for at, magic, name in _MAGICS if start.startswith(magic, at)), None)
    if found is not None:
        return found
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:2] == b"BM" and len(start) >= 18 and int.from_bytes(start[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if start[:2] == b"\x01\xda" and start[2:3] in (b"\0", b"\x01") and start[3:4] in (b"\x01", b"\x02"):
        return "SGI"
    if start[:2] == b"\0\0" and start[3:4] == b"\0" and 0 < int.from_bytes(start[4:6], "little") <= _MOST_ICONS:
        return {1: "ICO", 2: "CUR"}.get(start[2]) if len(start) > 22 else None
    return None


_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
_MOST_ICONS = 256
_PORTABLE = re.compile(rb"P([1-7fF])\s")
_X_BITMAP = re.compile(rb"\s*(?:/\*.*?\*/\s*)?#define[ \t]+[^\s]+_width[ \t]+[0-9]+[\r\n]", re.DOTALL)


def _name_by_structure(head: bytes | memoryview) -> str | None:
    """Formats whose first bytes are too common to be believed without a look at what follows."""
    start = bytes(head[:1024])
    if found := _PORTABLE.match(start):
        return {b"7": "PAM", b"f": "PFM", b"F": "PFM"}.get(found[1], "PPM")
    if _X_BITMAP.match(start):
        return "XBM"
    if start[:10] == b"Image type" and b"\r\n" in start[:100]:
        return "IM"
    if start[4:6] in (b"\x11\xaf", b"\x12\xaf") and start[14:16] in (b"\0\0", b"\x03\0"):
        return "FLI"
    if start[:1] == b"\x0a" and start[1:2] in b"\0\x02\x03\x05" and start[2:3] == b"\x01" and start[64:65] == b"\0":
        return "PCX"
    if bytes(head[2048:2052]) == b"PCD_":
        return "PCD"
    if bytes(head[-18:]) == b"TRUEVISION-XFILE.\0" and _is_targa(start[:18]):
        return "TGA"
    return None


def _is_targa(header: bytes) -> bool:
    if len(header) < 18:
        return False
    palette, kind, depth, flags = header[1], header[2], header[16], header[17]
    if kind not in (1, 2, 3, 9, 10, 11) or depth not in (1, 8, 15, 16, 24, 32) or flags & 0xC0:
        return False
    if palette not in (0, 1) or (kind in (1, 9)) != bool(palette):
        return False
    return all(int.from_bytes(header[at : at + 2], "little") for at in (12, 14))


def _make_of(head: bytes | memoryview) -> str:
    try:
        first = Tiff(head).first()
    except TiffError:
        return ""
    return ((first.text(_MAKE) if first else None) or "").upper()


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
    make, model = ((first.text(tag) or "").upper() for tag in (_MAKE, _MODEL))
    if _DNG_VERSION in first:
        return "GPR" if make == "GOPRO" else "DNG"
    raw = next((name for prefix, word, name in _RAW_BY_MAKE if make.startswith(prefix) and word in model), None)
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
    if raw in ("KDC", "DCR") and first.integer(_NEW_SUBFILE_TYPE) == 1:
        return raw
    if raw == "TIF" and _SOFTWARE not in first:  # what programs write of such a camera's photo names the program
        return raw
    return raw if raw in RAW_WITHOUT_MARKS and _holds_more_than_it_shows(tiff, head) else "TIFF"


# RAW whose directories call the sensor data an ordinary picture, or do not name it: what LibRaw does not know of
# them is a plain TIFF.
RAW_WITHOUT_MARKS = {"TIF", "MOS", "MEF", "SRF", "SR2", "FFF", "3FR", "STI", "RAW", "DCR"}


def _holds_more_than_it_shows(tiff: Tiff, head: bytes | memoryview) -> bool:
    """Whether the pictures that the directories tell of fill less than a third of the file."""
    shown = sum(size for directory in tiff.directories() for _, size in directory.extents())
    return 3 * shown < len(head)


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
    (b"8BPS", "a Photoshop document of an unknown version", True),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile", True),
    (b"\x01\0\0\0\x6c\0\0\0", "a Windows metafile", True),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document", False),
    (b"II\xbc\x01", "a JPEG XR picture", True),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document", False),
    (b"RED", "a video", False),
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


_RAW_SUFFIXES = _suffixes(
    """dng gpr nef nrw cr2 cr3 crw raf rw2 rwl raw orf ori pef ptx arw srf sr2 arq mrw x3f kdc dcr dcs drf k25 kc2 3fr
    fff iiq cap eip mef mos mfw mdc erf srw bay cs1 sti ari qtk rdc"""
)
_PHOTO_SUFFIXES = _RAW_SUFFIXES | _suffixes(
    """jpg jpeg jpe jfif jif mpo png apng webp gif bmp dib tif tiff btf heic heif heics heifs hif avif avifs jp2 j2k
    jpf jpx j2c jpc jxl psd psb tga icb vda vst targa ppm pgm pbm pnm pfm pam qoi sgi ico cur icns pcx dcx dds xbm xpm
    fits pcd spider"""
)
_SIDECAR_SUFFIXES = _suffixes("xmp xmp~ aae thm pp3 dop cos cop on1 dxo nksc vrd spd rpd pto comask lrv")
_VIDEO_SUFFIXES = _suffixes("mp4 m4v mov qt avi mkv webm mpg mpeg mts m2ts m2t 3gp 3g2 wmv flv mxf insv dv vob ogv")
_DOCUMENT_SUFFIXES = _suffixes(
    """txt md rtf pdf doc docx odt xls xlsx csv ods ppt pptx html htm xml json yaml yml ini log db sqlite zip rar 7z
    tar gz exe dll dmg iso mp3 wav flac aac m4a ogg ai eps svg indd xcf ttf otf py js css lnk url bak tmp
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
