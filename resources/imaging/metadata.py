"""What a photo says about itself: EXIF, XMP and IPTC joined into one `PhotoMetadata`.

Tag by tag, EXIF wins for what the camera knows (date, exposure, place), XMP wins for what a person wrote (rating,
title, keywords). A value that cannot be true (month zero, latitude 213) is None: unusable is never passed on.
Reading the blocks out of a container belongs to the decoders (`raster`, `heif`, `raw`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from resources.imaging.iptc import Records, read_iptc
from resources.imaging.tiff import Directory, Tiff, TiffError
from resources.imaging.xmp import Properties, read_xmp

__all__ = ["ExifDirectories", "PhotoMetadata", "exif_directories", "read_metadata"]

_MAX_TEXT = 4000
_EXIF_HEADER = b"Exif\0\0"


@dataclass(frozen=True)
class PhotoMetadata:
    """Every field is None (keywords, people: empty) when the file does not say, or says something impossible."""

    taken_at: datetime | None = None  # naive: the local wall clock as the camera wrote it
    taken_at_offset_min: int | None = None  # minutes east of UTC
    taken_at_source: str | None = None  # "exif", "exif_digitized", "xmp", "iptc", "gps" (UTC), "raw"
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    focal_length_mm: float | None = None
    focal_length_35mm: float | None = None
    f_number: float | None = None
    exposure_s: float | None = None
    exposure_bias_ev: float | None = None
    iso: int | None = None
    flash_fired: bool | None = None
    gps_lat: float | None = None  # degrees WGS84, north positive
    gps_lon: float | None = None  # degrees WGS84, east positive
    gps_alt_m: float | None = None  # above sea level, negative below
    orientation: int | None = None  # as written, 1 to 8; information only: the pixels are upright already
    rating: int | None = None  # 0 to 5, -1 for rejected
    title: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    color_label: str | None = None  # in the editor's words: "Red", "Select"
    people: tuple[str, ...] = ()  # names that somebody gave to faces or to the photo
    country_code: str | None = None  # ISO 3166-1 alpha-2; this and the next three as somebody wrote them
    country: str | None = None
    region: str | None = None  # state or province
    city: str | None = None
    burst_id: str | None = None  # what the camera calls the burst that the photo belongs to
    motion: bool | None = None  # True: a short video stands behind the picture in the same file

    def to_row(self) -> dict[str, Any]:
        """Column to value, names as the fields; keywords and people as lists."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _LISTS}}

    def to_json(self) -> str:
        """As text that `from_json` turns back into an equal object; what is not known is left out."""
        row = {name: value for name, value in self.to_row().items() if value not in (None, [])}
        return json.dumps(row | ({"taken_at": self.taken_at.isoformat()} if self.taken_at else {}))

    @classmethod
    def from_json(cls, text: str) -> PhotoMetadata:
        """The inverse of `to_json`; fields that this version does not know are ignored."""
        known = {field.name for field in fields(cls)}
        row = {name: value for name, value in json.loads(text).items() if name in known}
        row |= {name: tuple(row[name]) for name in _LISTS if name in row}
        if "taken_at" in row:
            row["taken_at"] = datetime.fromisoformat(row["taken_at"])
        return cls(**row)


_LISTS = ("keywords", "people")


@dataclass(frozen=True)
class ExifDirectories:
    """The directories of an EXIF block, each absent when the file has none.

    Of the makers' notes only Canon's is read: before 2008 it alone held the ISO, and still holds lens names.
    """

    main: Directory | None = None
    exif: Directory | None = None
    gps: Directory | None = None
    canon: Directory | None = None

    def text(self, tag: int) -> str | None:
        """From the EXIF directory, else the main one: old cameras mix them."""
        return next((text for part in self._parts() if (text := part.text(tag))), None)

    def number(self, tag: int) -> float | None:
        return next((value for part in self._parts() if (value := part.number(tag)) is not None), None)

    def _parts(self) -> Iterable[Directory]:
        return (part for part in (self.exif, self.main) if part is not None)


def exif_directories(block: bytes | memoryview | None) -> ExifDirectories:
    """The directories of an EXIF block or of a whole TIFF-based file; empty when it is not one."""
    if not block:
        return ExifDirectories()
    while bytes(block[:6]) == _EXIF_HEADER:
        block = block[6:]
    try:
        tiff = Tiff(block)
    except TiffError:
        return ExifDirectories()
    main = tiff.first()
    exif = tiff.child(main, _EXIF_IFD)
    canon: Directory | None = None
    if exif is not None and main is not None and (main.text(_MAKE) or "").startswith("Canon"):
        canon = tiff.directory(exif.position(_MAKER_NOTE) or 0)
    return ExifDirectories(main, exif, tiff.child(main, _GPS_IFD), canon)


def read_metadata(
    exif: ExifDirectories | None = None, xmp: bytes | None = None, iptc: bytes | None = None
) -> PhotoMetadata:
    """The joined metadata of a photo's blocks. Never raises for bad bytes."""
    exif = exif or ExifDirectories()
    properties, records = read_xmp(xmp), read_iptc(iptc)
    taken_at, offset, source = _taken(exif, properties, records)
    lat, lon = _position(exif.gps, properties)
    return PhotoMetadata(
        taken_at=taken_at,
        taken_at_offset_min=offset,
        taken_at_source=source,
        camera_make=_first_text(exif.text(_MAKE), _one(properties, "tiff:Make")),
        camera_model=_first_text(exif.text(_MODEL), _one(properties, "tiff:Model")),
        lens=_lens(exif, properties),
        focal_length_mm=_within(
            exif.number(_FOCAL_LENGTH) or _fraction(_one(properties, "exif:FocalLength")), 0.01, 10_000
        ),
        focal_length_35mm=_within(
            exif.number(_FOCAL_LENGTH_35MM) or _fraction(_one(properties, "exif:FocalLengthIn35mmFilm")), 1, 10_000
        ),
        f_number=_f_number(exif, properties),
        exposure_s=_exposure(exif, properties),
        exposure_bias_ev=_within(
            _first(exif.number(_EXPOSURE_BIAS), _fraction(_one(properties, "exif:ExposureBiasValue"))), -20, 20
        ),
        iso=_iso(exif, properties) or _canon_iso(exif),
        flash_fired=_flash(exif, properties),
        gps_lat=lat,
        gps_lon=lon,
        gps_alt_m=_altitude(exif.gps, properties),
        orientation=orientation_of(exif, properties),
        rating=_rating(exif, properties),
        title=_first_text(_one(properties, "dc:title"), _record(records, 2, 5), _windows_text(exif, _XP_TITLE)),
        description=_first_text(
            _one(properties, "dc:description"),
            _record(records, 2, 120),
            _not_boilerplate(exif.text(_IMAGE_DESCRIPTION)),
            _windows_text(exif, _XP_COMMENT),
        ),
        keywords=_keywords(exif, properties, records),
    )


_IMAGE_DESCRIPTION, _MAKE, _MODEL, _ORIENTATION = 0x010E, 0x010F, 0x0110, 0x0112
_RATING, _XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x4746, 0x9C9B, 0x9C9C, 0x9C9E
_EXPOSURE_TIME, _F_NUMBER, _EXIF_IFD, _GPS_IFD = 0x829A, 0x829D, 0x8769, 0x8825
_ISO, _STANDARD_SENSITIVITY, _RECOMMENDED_EXPOSURE_INDEX, _ISO_SPEED = 0x8827, 0x8831, 0x8832, 0x8833
_DATE_ORIGINAL, _DATE_DIGITIZED = 0x9003, 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
_SHUTTER_APEX, _APERTURE_APEX, _EXPOSURE_BIAS, _FLASH, _FOCAL_LENGTH = 0x9201, 0x9202, 0x9204, 0x9209, 0x920A
_SUBSEC_ORIGINAL, _SUBSEC_DIGITIZED = 0x9291, 0x9292
_FOCAL_LENGTH_35MM, _LENS_MODEL = 0xA405, 0xA434
_MAKER_NOTE, _CANON_SHOT_INFO, _CANON_LENS_MODEL = 0x927C, 0x0004, 0x0095

_ISO_OVERFLOW = 65535  # the 16-bit tag's "see the other tags"

_DATE = re.compile(
    r"(\d{4})[:\-/. ](\d{1,2})[:\-/. ](\d{1,2})"
    r"(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?)?\s*(Z|[+-]\d{1,2}:?\d{2})?"
)


def parse_date(text: str | None, subsec: str | None = None) -> tuple[datetime | None, int | None]:
    """A date in EXIF's or ISO 8601's form as (naive wall clock, offset in minutes); None when it cannot be true."""
    match = _DATE.match(text.strip()) if text else None
    if match is None:
        return None, None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if int(year) < 1826:  # the year of the oldest photograph
        return None, None
    digits = fraction or "".join(re.findall(r"\d", subsec or ""))
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59))
    except ValueError:
        return None, None
    return moment.replace(microsecond=int(digits[:6].ljust(6, "0")) if digits else 0), parse_offset(offset)


def parse_offset(text: str | None) -> int | None:
    """ "+05:30" as minutes east of UTC; None beyond the zones that exist (-12:00 to +14:00)."""
    match = re.fullmatch(r"(Z)|([+-])(\d{1,2}):?(\d{2})", text.strip()) if text else None
    if match is None:
        return None
    if match[1]:
        return 0
    minutes = (int(match[3]) * 60 + int(match[4])) * (-1 if match[2] == "-" else 1)
    return minutes if -720 <= minutes <= 840 else None


def _taken(
    exif: ExifDirectories, properties: Properties, records: Records
) -> tuple[datetime | None, int | None, str | None]:
    for date_tag, offset_tags, subsec_tag, source in (
        (_DATE_ORIGINAL, (_OFFSET_ORIGINAL, _OFFSET), _SUBSEC_ORIGINAL, "exif"),
        (_DATE_DIGITIZED, (_OFFSET_DIGITIZED, _OFFSET), _SUBSEC_DIGITIZED, "exif_digitized"),
    ):
        moment, offset = parse_date(exif.text(date_tag), exif.text(subsec_tag))
        if moment:
            for tag in offset_tags:
                offset = parse_offset(exif.text(tag)) if offset is None else offset
            return moment, offset, source
    for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "exif:DateTimeDigitized"):
        moment, offset = parse_date(_one(properties, name))
        if moment:
            return moment, offset, "xmp"
    created = _record(records, 2, 55)
    if created and len(created) == 8:
        clock = (_record(records, 2, 60) or "").ljust(6, "0")
        moment, _ = parse_date(f"{created[:4]}:{created[4:6]}:{created[6:]} {clock[:2]}:{clock[2:4]}:{clock[4:6]}")
        if moment:
            return moment, parse_offset(clock[6:]), "iptc"
    moment = _gps_moment(exif.gps)
    return (moment, 0, "gps") if moment else (None, None, None)


def _gps_moment(gps: Directory | None) -> datetime | None:
    if gps is None:
        return None
    day, _ = parse_date(gps.text(0x001D))
    clock = gps.numbers(0x0007)
    if day is None or len(clock) != 3 or not all(math.isfinite(part) for part in clock):
        return None
    seconds = clock[0] * 3600 + clock[1] * 60 + clock[2]
    return day + timedelta(seconds=seconds) if 0 <= seconds < 86_400 else None


def orientation_of(exif: ExifDirectories, properties: Properties) -> int | None:
    """The orientation as written, 1 to 8: EXIF's, else XMP's."""
    written = [part.integer(_ORIENTATION) for part in (exif.main, exif.exif) if part is not None]
    for value in (*written, _integer(_one(properties, "tiff:Orientation"))):
        if value is not None and 1 <= value <= 8:
            return value
    return None


def _lens(exif: ExifDirectories, properties: Properties) -> str | None:
    canon = exif.canon.text(_CANON_LENS_MODEL) if exif.canon else None
    candidates = (exif.text(_LENS_MODEL), canon, _one(properties, "exifEX:LensModel"), _one(properties, "aux:Lens"))
    return next((text[:_MAX_TEXT] for text in candidates if text and re.search(r"\w", text)), None)


def _exposure(exif: ExifDirectories, properties: Properties) -> float | None:
    seconds = _within(exif.number(_EXPOSURE_TIME), 1e-7, 1e6)
    if seconds is None:
        apex = _within(exif.number(_SHUTTER_APEX), -20, 24)
        seconds = 2.0**-apex if apex else None
    return seconds if seconds is not None else _within(_fraction(_one(properties, "exif:ExposureTime")), 1e-7, 1e6)


def _f_number(exif: ExifDirectories, properties: Properties) -> float | None:
    number = _within(exif.number(_F_NUMBER), 0.1, 500)
    if number is None:
        apex = _within(exif.number(_APERTURE_APEX), 0.01, 18)
        number = round(2.0 ** (apex / 2), 2) if apex else None
    return number if number is not None else _within(_fraction(_one(properties, "exif:FNumber")), 0.1, 500)


def _iso(exif: ExifDirectories, properties: Properties) -> int | None:
    values = list(exif.exif.integers(_ISO)) if exif.exif else []
    values += exif.main.integers(_ISO) if exif.main else ()
    usable = [value for value in values if 0 < value < _ISO_OVERFLOW]
    if not usable:
        wide = (exif.number(tag) for tag in (_RECOMMENDED_EXPOSURE_INDEX, _STANDARD_SENSITIVITY, _ISO_SPEED))
        usable = [int(value) for value in wide if value and 0 < value < 1e8]
    if not usable and _ISO_OVERFLOW in values:
        usable = [_ISO_OVERFLOW]
    if usable:
        return usable[0]
    for name in ("exif:ISOSpeedRatings", "exifEX:PhotographicSensitivity"):
        value = _integer(_one(properties, name))
        if value and value > 0:
            return value
    return None


def _canon_iso(exif: ExifDirectories) -> int | None:
    """From Canon's ShotInfo: base and automatic ISO in 1/32 EV (ExifTool's Canon tables)."""
    shot = exif.canon.integers(_CANON_SHOT_INFO) if exif.canon else ()
    if len(shot) < 3 or not 0 < shot[2] < 640 or not 0 <= shot[1] < 640:
        return None
    value = 2 ** (shot[2] / 32) * 100 / 32 * 2 ** (shot[1] / 32)
    return round(value) if 1 <= value <= 1e7 else None


def _flash(exif: ExifDirectories, properties: Properties) -> bool | None:
    value = exif.number(_FLASH)
    if value is not None:
        return bool(int(value) & 1)
    fired = _one(properties, "exif:Flash/exif:Fired")
    return None if fired is None else fired.lower() == "true"


def _rating(exif: ExifDirectories, properties: Properties) -> int | None:
    value = _fraction(_one(properties, "xmp:Rating"))
    if value is None:
        value = exif.main.number(_RATING) if exif.main else None
    return int(value) if value is not None and -1 <= value <= 5 else None


_GPS_LAT_REF, _GPS_LAT, _GPS_LON_REF, _GPS_LON, _GPS_ALT_REF, _GPS_ALT = 1, 2, 3, 4, 5, 6


def _position(gps: Directory | None, properties: Properties) -> tuple[float | None, float | None]:
    """Both or neither, in degrees; a hemisphere that is not written leaves the sign unknown, so None."""
    if gps is not None:
        lat = _degrees(gps, _GPS_LAT, _GPS_LAT_REF, "NS", 90)
        lon = _degrees(gps, _GPS_LON, _GPS_LON_REF, "EW", 180)
        if lat is not None and lon is not None:
            return lat, lon
        if _GPS_LAT in gps:  # written but unusable: a copy in XMP is no better
            return None, None
    lat = _xmp_degrees(_one(properties, "exif:GPSLatitude"), "NS", 90)
    lon = _xmp_degrees(_one(properties, "exif:GPSLongitude"), "EW", 180)
    return (lat, lon) if lat is not None and lon is not None else (None, None)


def _degrees(gps: Directory, tag: int, ref_tag: int, letters: str, limit: float) -> float | None:
    parts = gps.numbers(tag)
    if not parts:  # some phones write the rationals as text: "52,00000,50.0000"
        text = gps.text(tag)
        parts = tuple(float(part) for part in re.findall(r"\d+(?:\.\d+)?", text or ""))
    ref = (gps.text(ref_tag) or "").upper()[:1]
    return _signed_degrees(parts, ref, letters, limit)


def _signed_degrees(parts: tuple[float, ...], ref: str, letters: str, limit: float) -> float | None:
    # 0/0 in minutes or seconds is how some cameras write "none"; 0/0 in degrees is no position.
    if not parts or not math.isfinite(parts[0]) or not ref or ref not in letters:
        return None
    usable = [part if math.isfinite(part) else 0.0 for part in parts[:3]] + [0.0, 0.0]
    value = usable[0] + usable[1] / 60 + usable[2] / 3600
    if not 0 <= value <= limit:
        return None
    return -value if ref == letters[1] else value


def _xmp_degrees(text: str | None, letters: str, limit: float) -> float | None:
    match = re.fullmatch(r"\s*([\d.]+)(?:,([\d.]+))?(?:,([\d.]+))?\s*([NSEW])\s*", text or "", re.IGNORECASE)
    if match is None:
        return None
    parts = tuple(number for group in match.groups()[:3] if group and (number := _fraction(group)) is not None)
    return _signed_degrees(parts, match[4].upper(), letters, limit)


def _altitude(gps: Directory | None, properties: Properties) -> float | None:
    metres = gps.number(_GPS_ALT) if gps is not None else None
    below: bool
    if metres is not None and gps is not None:
        ref = gps.blob(_GPS_ALT_REF) or b"\0"
        below = ref[:1] in (b"\x01", b"1")
    else:
        metres = _fraction(_one(properties, "exif:GPSAltitude"))
        below = _one(properties, "exif:GPSAltitudeRef") == "1"
    metres = _within(metres, -12_000, 100_000)
    return -abs(metres) if metres is not None and below else metres


_BOILERPLATE = re.compile(
    r"(?:(?:OLYMPUS|MINOLTA|KONICA MINOLTA|SAMSUNG|PENTAX|KODAK|CASIO)?\s*DIGITAL CAMERA|SONY DSC|DCIM\\.*|MDE"
    r"|Untitled|default|Exif_JPEG_\d*|JPEG|\?+|<\w+>|[\W_]*)",
    re.IGNORECASE,
)


def _not_boilerplate(text: str | None) -> str | None:
    """A description that a person wrote; cameras fill the tag with their own name."""
    return None if text is None or _BOILERPLATE.fullmatch(text.strip()) else text


def _windows_text(exif: ExifDirectories, tag: int) -> str | None:
    blob = exif.main.blob(tag) if exif.main else None
    return blob.decode("utf-16-le", "replace").split("\0", 1)[0].strip() or None if blob else None


def _keywords(exif: ExifDirectories, properties: Properties, records: Records) -> tuple[str, ...]:
    words: list[str] = [*properties.get("dc:subject", ()), *records.get((2, 25), ())]
    words += (_windows_text(exif, _XP_KEYWORDS) or "").split(";")
    if not any(word.strip() for word in words):
        words = [path.replace("/", "|").split("|")[-1] for path in _hierarchical(properties)]
    unique: dict[str, str] = {}
    for word in words:
        word = " ".join(word.split())[:200]
        if word:
            unique.setdefault(word.casefold(), word)
    return tuple(unique.values())


def _hierarchical(properties: Properties) -> Iterable[str]:
    return (*properties.get("lr:hierarchicalSubject", ()), *properties.get("digiKam:TagsList", ()))


def _one(properties: Properties, name: str) -> str | None:
    values = properties.get(name)
    return values[0] if values else None


def _record(records: Records, record: int, dataset: int) -> str | None:
    values = records.get((record, dataset))
    return values[0] if values else None


def _first_text(*candidates: str | None) -> str | None:
    return next((text[:_MAX_TEXT] for text in candidates if text), None)


def _first(*candidates: float | None) -> float | None:
    return next((value for value in candidates if value is not None), None)


def _within(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and math.isfinite(value) and low <= value <= high else None


def _fraction(text: str | None) -> float | None:
    """ "1/200" or "5.6" as a number."""
    if not text:
        return None
    numerator, _, denominator = text.partition("/")
    try:
        value = float(numerator) / (float(denominator) if denominator else 1.0)
    except (ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) else None


def _integer(text: str | None) -> int | None:
    value = _fraction(text)
    return None if value is None else int(value)
