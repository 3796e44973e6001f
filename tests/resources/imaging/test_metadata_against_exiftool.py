"""Every field of every sample photo against exiftool, which reads the same tags by its own tables.

The table of the samples has a dozen columns; this covers all fields and the files that are refused as pictures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exiftool import ExifTool
from programs import require_program
from sample_pictures import SAMPLES, sample_rows

from resources.imaging import PhotoMetadata, sniff
from resources.imaging.blocks import photo_metadata

pytestmark = pytest.mark.skipif(not sample_rows(), reason="the sample photos are not beside this checkout")

# Fields where the two differ, and why ours stands.
KNOWN = {
    ("png/issue590_canon70d_gps.png", "gps_lat"): "no hemisphere is written",
    ("png/issue590_canon70d_gps.png", "gps_lon"): "no hemisphere is written",
    ("jpeg/meta/hopper_bad_exif.jpg", "orientation"): "exiftool gives up on the block, whose other tags are whole",
    ("tiff/hopper_lzma.tif", "description"): "exiftool writes what it cannot decode as a question mark",
    ("jpeg/meta/buggy_panorama.jpg", "gps_lon"): "the latitude is 213 degrees, so there is no position",
    ("raw/CRW_0101.CRW", "orientation"): "exiftool calls it a rotation of 0 degrees",
    ("jpeg/gps_SE_fiji_near_dateline.JPG", "gps_alt_m"): "without a reference EXIF means above sea level",
}


# Where exiftool says this it has stopped before the blocks, which ours reads.
GIVES_UP = "JPEG format error"


def usable_text(value: Any) -> str | None:
    text = " ".join(str(value).split("\0")[0].split())
    return text or None


def positive(value: Any) -> float | None:
    parts = str(value).split()
    try:
        number = float(parts[-1])
    except (ValueError, IndexError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def number(value: Any) -> float | None:
    try:
        return float(value) if math.isfinite(float(value)) else None
    except ValueError:
        return None


def within(low: float, high: float) -> Callable[[Any], float | None]:
    return lambda value: found if (found := number(value)) is not None and low <= found <= high else None


def moment(value: Any) -> str | None:
    match = re.match(r"(\d{4}):(\d\d):(\d\d)(?: (\d\d):(\d\d)(?::(\d\d))?)?", str(value))
    if match is None or not int(match[1]) or not 1 <= int(match[2]) <= 12 or not 1 <= int(match[3]) <= 31:
        return None
    return f"{match[1]}:{match[2]}:{match[3]} {match[4] or '00'}:{match[5] or '00'}:{match[6] or '00'}"


def minutes(value: Any) -> int | None:
    match = re.fullmatch(r"([+-])(\d\d):(\d\d)", str(value))
    return (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1) if match else None


def written_by_a_person(value: Any) -> str | None:
    text = usable_text(value)
    cameras = r"(OLYMPUS|KONICA MINOLTA)? ?DIGITAL CAMERA|SONY DSC|.*DCIM.*|Screenshot"
    return None if text is None or re.fullmatch(cameras, text) else text


def fired(value: Any) -> bool | None:
    return value if isinstance(value, bool) else bool(int(value) & 1)


# Field: exiftool's tags in the order in which ours are read, and what makes one usable.
TAGS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "camera_make": ("IFD0:Make ExifIFD:Make CanonRaw:Make XMP-tiff:Make", usable_text),
    "camera_model": ("IFD0:Model ExifIFD:Model CanonRaw:Model XMP-tiff:Model", usable_text),
    "focal_length_mm": ("IFD0:FocalLength ExifIFD:FocalLength Canon:FocalLength XMP-exif:FocalLength", positive),
    "focal_length_35mm": ("ExifIFD:FocalLengthIn35mmFormat XMP-exif:FocalLengthIn35mmFormat", positive),
    "f_number": ("IFD0:FNumber ExifIFD:FNumber ExifIFD:ApertureValue Canon:FNumber XMP-exif:FNumber", positive),
    "exposure_s": (
        "IFD0:ExposureTime ExifIFD:ExposureTime ExifIFD:ShutterSpeedValue Canon:ExposureTime XMP-exif:ExposureTime",
        positive,
    ),
    "exposure_bias_ev": (
        "ExifIFD:ExposureCompensation Canon:ExposureCompensation XMP-exif:ExposureCompensation",
        within(-20, 20),
    ),
    "iso": (
        "ExifIFD:ISO IFD0:ISO ExifIFD:ISOSpeed XMP-exif:ISO XMP-exifEX:PhotographicSensitivity Nikon:ISO Composite:ISO",
        positive,
    ),
    "flash_fired": ("ExifIFD:Flash IFD0:Flash XMP-exif:FlashFired", fired),
    "gps_lat": ("Composite:GPSLatitude", within(-90, 90)),
    "gps_lon": ("Composite:GPSLongitude", within(-180, 180)),
    "gps_alt_m": ("Composite:GPSAltitude XMP-exif:GPSAltitude", number),
    "orientation": ("IFD0:Orientation ExifIFD:Orientation XMP-tiff:Orientation", within(1, 8)),
    "rating": ("XMP-xmp:Rating IFD0:Rating XMP-acdsee:Rating", within(-1, 5)),
    "title": ("XMP-dc:Title IPTC:ObjectName IFD0:XPTitle XMP-photoshop:Headline IPTC:Headline", usable_text),
    "description": (
        "XMP-dc:Description IPTC:Caption-Abstract IFD0:ImageDescription IFD0:XPComment ExifIFD:UserComment "
        "PNG:Description",
        written_by_a_person,
    ),
    "country_code": ("XMP-iptcCore:CountryCode IPTC:Country-PrimaryLocationCode", usable_text),
    "country": ("XMP-photoshop:Country IPTC:Country-PrimaryLocationName", usable_text),
    "region": ("XMP-photoshop:State IPTC:Province-State", usable_text),
    "city": ("XMP-photoshop:City IPTC:City", usable_text),
    "burst_id": ("Apple:BurstUUID XMP-GCamera:BurstID", usable_text),
    "taken_at": (
        "IFD0:DateTimeOriginal ExifIFD:DateTimeOriginal CanonRaw:DateTimeOriginal ExifIFD:CreateDate "
        "XMP-exif:DateTimeOriginal XMP-photoshop:DateCreated XMP-xmp:CreateDate",
        moment,
    ),
}
LENS_TAGS = ["ExifIFD:LensModel", "Canon:LensModel", "XMP-exifEX:LensModel", "XMP-aux:Lens"]
DIGIKAM_COLORS = {1: "Red", 2: "Orange", 3: "Yellow", 4: "Green", 5: "Blue", 9: "White"}
WORD_TAGS = {
    "keywords": ["XMP-dc:Subject", "IPTC:Keywords", "IFD0:XPKeywords", "XMP-lr:HierarchicalSubject"],
    "people": ["XMP-mwg-rs:RegionName", "XMP-MP:RegionPersonDisplayName", "XMP-iptcExt:PersonInImage"],
}


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, PhotoMetadata, dict[str, Any]]]:
    """(path, ours, exiftool's) of every sample that begins like a photo."""
    paths = [SAMPLES / row["path"] for row in sample_rows()]
    with ExifTool(require_program("exiftool")) as tool:
        theirs = tool.read(paths)
    found = []
    for path in paths:
        buffer = path.read_bytes()
        sniffed = sniff(buffer)
        row = theirs.get(str(path), {})
        if sniffed is not None and row and GIVES_UP not in str(row.get("ExifTool:Warning")):
            found.append((str(path.relative_to(SAMPLES)), photo_metadata(buffer, sniffed), row))
    return found


def differences(pairs: list[tuple[str, PhotoMetadata, dict[str, Any]]]) -> Iterator[tuple[str, str, Any, Any]]:
    """(path, field, ours, exiftool's)."""
    for path, ours, row in pairs:
        for field, (tags, usable) in TAGS.items():
            said = (row[tag] for tag in tags.split() if tag in row)
            expected = next((good for value in said if (good := usable(value)) is not None), None)
            found = getattr(ours, field)
            if field == "taken_at":
                if ours.taken_at_source in ("gps", "iptc"):
                    continue
                found = found and f"{found:%Y:%m:%d %H:%M:%S}"
            elif isinstance(found, str):
                found = usable_text(found)
            if not alike(found, expected):
                yield path, field, found, expected
        lens = next((text for tag in LENS_TAGS if (text := usable_text(row.get(tag, ""))) and "--" not in text), None)
        if lens is not None and ours.lens != lens:
            yield path, "lens", ours.lens, lens
        for field, tags in WORD_TAGS.items():
            texts = [text for tag in tags if tag in row for text in listed(row[tag])]
            expected_words = {text.rpartition("|")[2].casefold() for text in texts}
            if {word.casefold() for word in getattr(ours, field)} != expected_words:
                yield path, field, getattr(ours, field), texts
        label = usable_text(row.get("XMP-xmp:Label", "")) or DIGIKAM_COLORS.get(row.get("XMP-digiKam:ColorLabel"))
        if ours.color_label != label:
            yield path, "color_label", ours.color_label, label
        offset = minutes(row.get("ExifIFD:OffsetTimeOriginal"))
        if offset is not None and ours.taken_at_offset_min != offset:
            yield path, "taken_at_offset_min", ours.taken_at_offset_min, offset


def listed(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value]) if str(item).strip()]


def alike(found: Any, expected: Any) -> bool:
    if isinstance(found, (int, float)) and isinstance(expected, (int, float)):
        return math.isclose(found, expected, rel_tol=1e-4, abs_tol=1e-4)
    return bool(found == expected)


def test_every_field_of_every_sample_is_what_exiftool_reads(
    pairs: list[tuple[str, PhotoMetadata, dict[str, Any]]],
) -> None:
    assert len(pairs) > 200
    found = {(path, field): (ours, theirs) for path, field, ours, theirs in differences(pairs)}
    unknown = {key: values for key, values in found.items() if key not in KNOWN}
    table = "\n".join(f"{path} | {field} | {ours!r} | {theirs!r}" for (path, field), (ours, theirs) in unknown.items())
    assert not unknown, f"file | field | ours | exiftool's\n{table}"


def test_the_samples_say_something_of_every_kind(pairs: list[tuple[str, PhotoMetadata, dict[str, Any]]]) -> None:
    """So that the comparison above does not pass on nothing."""
    said = {name for _, ours, _ in pairs for name, value in vars(ours).items() if value not in (None, ())}
    assert said >= set(PhotoMetadata.__dataclass_fields__) - {"burst_id", "motion"}
    assert Path(SAMPLES / "manifest.csv").exists()
