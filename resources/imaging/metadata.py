"""What a photo says about itself: EXIF, XMP and IPTC joined into one `PhotoMetadata`.

Tag by tag, EXIF wins for what the camera knows (date, exposure, position), XMP wins for what a person wrote (rating,
title, keywords). A value that cannot be true (month zero, latitude 213) is None: unusable is never passed on.
docs/metadata.md tells for each field where it is read from. Reading the blocks out of a container belongs to `jpeg`
and the decoders (`raster`, `heif`, `raw`); what the sidecar adds to `sidecars`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time, timedelta
from typing import Any

from resources.imaging.iptc import Records, read_iptc
from resources.imaging.tiff import Directory, Tiff, TiffError
from resources.imaging.xmp import Xmp, read_xmp

__all__ = ["ExifDirectories", "PhotoMetadata", "exif_directories", "read_metadata"]

# Of a text that is kept, and of the bytes that one is made from.
_MAX_TEXT, _MAX_BYTES = 4000, 65_536
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
class MakerFacts:
    """What makers' notes say in plain: the name of the lens, the ISO of old cameras, the id of a burst."""

    lens: str | None = None
    iso: int | None = None
    burst_id: str | None = None


@dataclass(frozen=True)
class ExifDirectories:
    """The directories of an EXIF block, each absent when the file has none.

    Of the makers' notes only those are read that say something in plain which EXIF does not.
    """

    main: Directory | None = None
    exif: Directory | None = None
    gps: Directory | None = None
    canon: Directory | None = None
    maker: MakerFacts = MakerFacts()

    def text(self, tag: int) -> str | None:
        """From the main directory, else the EXIF one, as exiftool goes: old cameras mix them."""
        return next((text for part in self._parts() if (text := part.text(tag))), None)

    def number(self, tag: int) -> float | None:
        return next((value for part in self._parts() if (value := part.number(tag)) is not None), None)

    def _parts(self) -> Iterable[Directory]:
        return (part for part in (self.main, self.exif) if part is not None)


def exif_directories(block: bytes | memoryview | None) -> ExifDirectories:
    """The directories of an EXIF block or of a whole TIFF-based file; empty when it is not one."""
    if not block:
        return ExifDirectories()
    for _ in range(2):  # a few programs write the header twice
        if bytes(block[:6]) == _EXIF_HEADER:
            block = memoryview(block)[6:]
    try:
        tiff = Tiff(block)
    except TiffError:
        return ExifDirectories()
    main = tiff.first()
    exif = tiff.child(main, _EXIF_IFD)
    canon: Directory | None = None
    maker = MakerFacts()
    if exif is not None and main is not None and _MAKER_NOTE in exif:
        if (main.text(_MAKE) or "").startswith("Canon"):
            canon = tiff.directory(exif.position(_MAKER_NOTE) or 0)
        else:
            maker = _maker_facts(tiff, exif, main.text(_MAKE) or "")
    return ExifDirectories(main, exif, tiff.child(main, _GPS_IFD), canon, maker)


def _maker_facts(tiff: Tiff, exif: Directory, make: str) -> MakerFacts:
    """Notes as TIFF directories of their own, by their header; numbers of tags follow ExifTool's tables."""
    head = (exif.blob(_MAKER_NOTE) or b"")[:16]
    if head.startswith(b"Apple iOS\0"):
        apple = _own_tiff(exif, 14, b"MM").first()
        return MakerFacts(burst_id=apple.text(_APPLE_BURST) if apple else None)
    if head.startswith(b"Panasonic\0\0\0"):
        panasonic = tiff.directory((exif.position(_MAKER_NOTE) or 0) + 12)
        return MakerFacts(lens=panasonic.text(_PANASONIC_LENS) if panasonic else None)
    if head.startswith(b"Nikon\0\2"):
        return _nikon_facts(exif_directories((exif.blob(_MAKER_NOTE) or b"")[10:]).main)
    if make.upper().startswith("NIKON") and not head.startswith(b"Nikon"):  # until 2000
        return _nikon_facts(tiff.directory(exif.position(_MAKER_NOTE) or 0))
    for name, header in ((b"OLYMPUS\0", 12), (b"OM SYSTEM\0", 16)):
        if head.startswith(name):
            olympus = _own_tiff(exif, header, head[header - 4 : header - 2])
            equipment = olympus.child(olympus.first(), _OLYMPUS_EQUIPMENT)
            return MakerFacts(lens=equipment.text(_OLYMPUS_LENS) if equipment else None)
    return MakerFacts()


def _nikon_facts(nikon: Directory | None) -> MakerFacts:
    if nikon is None:
        return MakerFacts()
    iso = nikon.integers(_NIKON_ISO)  # a code and the number
    usable = len(iso) == 2 and 0 < iso[1] < _ISO_OVERFLOW
    return MakerFacts(lens=lens_words(nikon.numbers(_NIKON_LENS)), iso=iso[1] if usable else None)


def _own_tiff(exif: Directory, start: int, byte_order: bytes) -> Tiff:
    """A maker's note whose directory begins at `start` and whose offsets count from the note's own first byte."""
    header = b"II*\0" + start.to_bytes(4, "little") if byte_order == b"II" else b"MM\0*" + start.to_bytes(4, "big")
    return Tiff(header + (exif.blob(_MAKER_NOTE) or b"")[8:])


def lens_words(numbers: tuple[float, ...]) -> str | None:
    """A lens by its shortest and longest focal length (mm) and their apertures: "18-70mm f/3.5-4.5"."""
    if len(numbers) != 4 or not all(math.isfinite(number) and 0 < number < 10_000 for number in numbers[:2]):
        return None
    wide, long, *apertures = numbers
    focal = f"{wide:g}" if wide == long else f"{wide:g}-{long:g}"
    stops = list(dict.fromkeys(f"{stop:.3g}" for stop in apertures if math.isfinite(stop) and 0 < stop < 100))
    return f"{focal}mm f/{'-'.join(stops)}" if stops else f"{focal}mm"


def read_metadata(
    exif: ExifDirectories | None = None, xmp: bytes | Xmp | None = None, iptc: bytes | None = None
) -> PhotoMetadata:
    """The joined metadata of a photo's blocks. Never raises for bad bytes."""
    exif = exif or ExifDirectories()
    properties, records = xmp if isinstance(xmp, Xmp) else read_xmp(xmp), read_iptc(iptc)
    taken_at, offset, source = _taken(exif, properties, records)
    lat, lon = _position(exif.gps, properties)
    country_code, country, region, city = _written_place(properties, records)
    return PhotoMetadata(
        taken_at=taken_at,
        taken_at_offset_min=offset,
        taken_at_source=source,
        camera_make=_first_text(exif.text(_MAKE), properties.text("tiff:Make")),
        camera_model=_first_text(exif.text(_MODEL), properties.text("tiff:Model")),
        lens=_lens(exif, properties),
        focal_length_mm=_within(
            exif.number(_FOCAL_LENGTH) or _fraction(properties.text("exif:FocalLength")), 0.01, 10_000
        ),
        focal_length_35mm=_within(
            exif.number(_FOCAL_LENGTH_35MM) or _fraction(properties.text("exif:FocalLengthIn35mmFilm")), 1, 10_000
        ),
        f_number=_f_number(exif, properties),
        exposure_s=_exposure(exif, properties),
        exposure_bias_ev=_within(
            _first(exif.number(_EXPOSURE_BIAS), _fraction(properties.text("exif:ExposureBiasValue"))), -20, 20
        ),
        iso=_iso(exif, properties) or _canon_iso(exif) or exif.maker.iso,
        flash_fired=_flash(exif, properties),
        gps_lat=lat,
        gps_lon=lon,
        gps_alt_m=_altitude(exif.gps, properties),
        orientation=orientation_of(exif, properties),
        rating=_rating(exif, properties),
        title=_first_text(
            properties.text("dc:title"),
            _record(records, 2, 5),
            _windows_text(exif, _XP_TITLE),
            properties.text("photoshop:Headline"),
            _record(records, 2, 105),
        ),
        description=_first_text(
            _not_boilerplate(_written_description(properties)),
            _not_boilerplate(_record(records, 2, 120)),
            _not_boilerplate(exif.text(_IMAGE_DESCRIPTION)),
            _windows_text(exif, _XP_COMMENT),
            _not_boilerplate(_user_comment(exif)),
            properties.text("acdsee:caption"),
            _not_boilerplate(properties.text("exif:UserComment")),
        ),
        keywords=_keywords(exif, properties, records),
        color_label=_color_label(properties),
        people=_people(properties),
        country_code=country_code,
        country=country,
        region=region,
        city=city,
        burst_id=_first_text(
            exif.maker.burst_id, properties.text("GCamera:BurstID"), properties.text("GCreations:CameraBurstID")
        ),
    )


_IMAGE_DESCRIPTION, _MAKE, _MODEL, _ORIENTATION = 0x010E, 0x010F, 0x0110, 0x0112
_RATING, _RATING_PERCENT, _XP_TITLE, _XP_COMMENT, _XP_KEYWORDS = 0x4746, 0x4749, 0x9C9B, 0x9C9C, 0x9C9E
_EXPOSURE_TIME, _F_NUMBER, _EXIF_IFD, _GPS_IFD = 0x829A, 0x829D, 0x8769, 0x8825
_ISO, _STANDARD_SENSITIVITY, _RECOMMENDED_EXPOSURE_INDEX, _ISO_SPEED = 0x8827, 0x8831, 0x8832, 0x8833
_DATE_ORIGINAL, _DATE_DIGITIZED = 0x9003, 0x9004
_OFFSET, _OFFSET_ORIGINAL, _OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
_SHUTTER_APEX, _APERTURE_APEX, _EXPOSURE_BIAS, _FLASH, _FOCAL_LENGTH = 0x9201, 0x9202, 0x9204, 0x9209, 0x920A
_SUBSEC_ORIGINAL, _SUBSEC_DIGITIZED = 0x9291, 0x9292
_USER_COMMENT, _FOCAL_LENGTH_35MM, _LENS_SPECIFICATION, _LENS_MODEL = 0x9286, 0xA405, 0xA432, 0xA434
_MAKER_NOTE, _CANON_SHOT_INFO, _CANON_LENS_MODEL = 0x927C, 0x0004, 0x0095
_APPLE_BURST, _PANASONIC_LENS, _NIKON_ISO, _NIKON_LENS = 0x000B, 0x0051, 0x0002, 0x0084
_OLYMPUS_EQUIPMENT, _OLYMPUS_LENS = 0x2010, 0x0203

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
    digits = fraction or "".join(re.findall(r"\d", (subsec or "")[:32]))
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


def _taken(exif: ExifDirectories, properties: Xmp, records: Records) -> tuple[datetime | None, int | None, str | None]:
    for date_tag, offset_tags, subsec_tag, source in (
        (_DATE_ORIGINAL, (_OFFSET_ORIGINAL, _OFFSET), _SUBSEC_ORIGINAL, "exif"),
        (_DATE_DIGITIZED, (_OFFSET_DIGITIZED, _OFFSET), _SUBSEC_DIGITIZED, "exif_digitized"),
    ):
        moment, offset = parse_date(exif.text(date_tag), exif.text(subsec_tag))
        if moment:
            for tag in offset_tags:
                offset = parse_offset(exif.text(tag)) if offset is None else offset
            # Not the zone that XMP gives for the same second: editors write their computer's zone there.
            return moment, offset, source
    for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "exif:DateTimeDigitized", "xmp:CreateDate"):
        moment, offset = parse_date(properties.text(name))
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
    return datetime.combine(day.date(), time()) + timedelta(seconds=seconds) if 0 <= seconds < 86_400 else None


def orientation_of(exif: ExifDirectories, properties: Xmp) -> int | None:
    """The orientation as written, 1 to 8: EXIF's, else XMP's."""
    written = [part.integer(_ORIENTATION) for part in (exif.main, exif.exif) if part is not None]
    for value in (*written, _integer(properties.text("tiff:Orientation"))):
        if value is not None and 1 <= value <= 8:
            return value
    return None


def _lens(exif: ExifDirectories, properties: Xmp) -> str | None:
    """Its name, else its focal lengths and apertures in words. "----" and "0.0 mm f/0.0" stand for no lens."""
    candidates = (
        exif.text(_LENS_MODEL),
        exif.canon.text(_CANON_LENS_MODEL) if exif.canon else None,
        exif.maker.lens,
        properties.text("exifEX:LensModel"),
        properties.text("aux:Lens"),
        lens_words(exif.exif.numbers(_LENS_SPECIFICATION)) if exif.exif else None,
        lens_words(tuple(_fraction(part) or 0.0 for part in (properties.text("aux:LensInfo") or "").split())),
    )
    return next((text[:_MAX_TEXT] for text in candidates if text and re.search(r"[A-Za-z1-9]", text)), None)


def _exposure(exif: ExifDirectories, properties: Xmp) -> float | None:
    seconds = _within(exif.number(_EXPOSURE_TIME), 1e-7, 1e6)
    if seconds is None:
        apex = _within(exif.number(_SHUTTER_APEX), -20, 24)
        seconds = 2.0**-apex if apex else None
    if seconds is None:
        seconds = _within(_fraction(properties.text("exif:ExposureTime")), 1e-7, 1e6)
    apex = _within(_fraction(properties.text("exif:ShutterSpeedValue")), -20, 24)
    return seconds if seconds is not None or not apex else 2.0**-apex


def _f_number(exif: ExifDirectories, properties: Xmp) -> float | None:
    number = _within(exif.number(_F_NUMBER), 0.1, 500)
    if number is None:
        apex = _within(exif.number(_APERTURE_APEX), 0.01, 18)
        number = round(2.0 ** (apex / 2), 2) if apex else None
    if number is None:
        number = _within(_fraction(properties.text("exif:FNumber")), 0.1, 500)
    apex = _within(_fraction(properties.text("exif:ApertureValue")), 0.01, 18)
    return number if number is not None or not apex else round(2.0 ** (apex / 2), 2)


def _iso(exif: ExifDirectories, properties: Xmp) -> int | None:
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
        value = _integer(properties.text(name))
        if value and 0 < value < 1e8:
            return value
    return None


def _canon_iso(exif: ExifDirectories) -> int | None:
    """From Canon's ShotInfo: base and automatic ISO in 1/32 EV (ExifTool's Canon tables)."""
    shot = exif.canon.integers(_CANON_SHOT_INFO) if exif.canon else ()
    if len(shot) < 3 or not 0 < shot[2] < 640 or not 0 <= shot[1] < 640:
        return None
    value = 2 ** (shot[2] / 32) * 100 / 32 * 2 ** (shot[1] / 32)
    return round(value) if 1 <= value <= 1e7 else None


def _flash(exif: ExifDirectories, properties: Xmp) -> bool | None:
    value = exif.number(_FLASH)
    if value is not None:
        return bool(int(value) & 1)
    fired = next(properties.fields("exif:Flash", "exif:Fired"), None)
    return None if fired is None else fired.lower() == "true"


def _rating(exif: ExifDirectories, properties: Xmp) -> int | None:
    """Stars as written, else from the percentages that Windows writes (1, 25, 50, 75, 99 for one to five stars)."""
    main = exif.main
    for stars in (
        _fraction(properties.text("xmp:Rating")),
        main.number(_RATING) if main else None,
        _fraction(properties.text("acdsee:rating")),
    ):
        if stars is not None and -1 <= stars <= 5:
            return int(stars)
    for percent in (
        _fraction(properties.text("MicrosoftPhoto:Rating")),
        _fraction(properties.text("xmp:RatingPercent")),
        main.number(_RATING_PERCENT) if main else None,
    ):
        if percent is not None and 0 <= percent <= 100:
            return min(5, round(percent / 25) + 1) if percent >= 1 else 0
    return None


_GPS_LAT_REF, _GPS_LAT, _GPS_LON_REF, _GPS_LON, _GPS_ALT_REF, _GPS_ALT = 1, 2, 3, 4, 5, 6


def _position(gps: Directory | None, properties: Xmp) -> tuple[float | None, float | None]:
    """Both or neither, in degrees. A hemisphere that is neither written nor a minus leaves the sign unknown: None."""
    if gps is not None:
        lat = _degrees(gps, _GPS_LAT, _GPS_LAT_REF, "NS", 90)
        lon = _degrees(gps, _GPS_LON, _GPS_LON_REF, "EW", 180)
        if lat is not None and lon is not None:
            return lat, lon
        if _GPS_LAT in gps:  # written but unusable: a copy in XMP is no better
            return None, None
    lat = _xmp_degrees(properties.text("exif:GPSLatitude"), "NS", 90)
    lon = _xmp_degrees(properties.text("exif:GPSLongitude"), "EW", 180)
    return (lat, lon) if lat is not None and lon is not None else (None, None)


def _degrees(gps: Directory, tag: int, ref_tag: int, letters: str, limit: float) -> float | None:
    parts = gps.numbers(tag)
    if not parts:  # some phones write the rationals as text: "52,00000,50.0000"
        text = gps.text(tag)
        parts = tuple(float(part) for part in re.findall(r"-?\d+(?:\.\d+)?", (text or "")[:100]))
    ref = (gps.text(ref_tag) or "").upper()[:1]
    return _signed_degrees(parts, ref, letters, limit)


def _signed_degrees(parts: tuple[float, ...], ref: str, letters: str, limit: float) -> float | None:
    # 0/0 in minutes or seconds is how some cameras write "none"; 0/0 in degrees is no position.
    if not parts or not math.isfinite(parts[0]):
        return None
    usable = [abs(part) if math.isfinite(part) else 0.0 for part in parts[:3]] + [0.0, 0.0]
    value = usable[0] + usable[1] / 60 + usable[2] / 3600
    minus = any(part < 0 for part in parts[:3])  # a few programs sign the number, with or without the letter
    if value > limit or (ref not in letters if ref else not minus) or (minus and ref == letters[0]):
        return None
    return -value if minus or ref == letters[1] else value


def _xmp_degrees(text: str | None, letters: str, limit: float) -> float | None:
    match = re.fullmatch(r"\s*([\d.]+)(?:,([\d.]+))?(?:,([\d.]+))?\s*([NSEW])\s*", text or "", re.IGNORECASE)
    if match is None:
        decimal = re.fullmatch(r"\s*([+-]?\d+\.\d+)\s*", text or "")
        return _within(float(decimal[1]), -limit, limit) if decimal else None
    parts = tuple(number for group in match.groups()[:3] if group and (number := _fraction(group)) is not None)
    return _signed_degrees(parts, match[4].upper(), letters, limit)


def _altitude(gps: Directory | None, properties: Xmp) -> float | None:
    metres = gps.number(_GPS_ALT) if gps is not None else None
    below: bool
    if metres is not None and gps is not None:
        ref = gps.number(_GPS_ALT_REF)
        below = ref in _BELOW if ref is not None else gps.text(_GPS_ALT_REF) == "1"
    else:
        metres = _fraction(properties.text("exif:GPSAltitude"))
        below = properties.text("exif:GPSAltitudeRef") in ("1", "3")
    metres = _within(metres, -12_000, 100_000)
    return -abs(metres) if metres is not None and below else metres


_BELOW = {1, 3, ord("1")}  # below the ellipsoid, below sea level (EXIF 3.0), and the digit as a byte


_BOILERPLATE = re.compile(
    r"(?:(?:OLYMPUS|MINOLTA|KONICA MINOLTA|SAMSUNG|PENTAX|KODAK|CASIO)?\s*DIGITAL CAMERA|SONY DSC"
    r"|(?:\w:\\)?DCIM\\.*|MDE|Untitled|default|Exif_JPEG_\d*|JPEG|\?+|<\w+>|Screenshot|(?:oppo|vivo)_\w*|charset=\S+.{0,20}"
    r"|\s*\{.*\}\s*|(?:\w+: ?[\w.-]*; ?){3,}.*|[\W_]*)",
    re.IGNORECASE,
)


def _not_boilerplate(text: str | None) -> str | None:
    """A description that a person wrote; cameras fill the tag with their own name."""
    return None if text is None or _BOILERPLATE.fullmatch(text[:_MAX_TEXT].strip()) else text


def _written_description(properties: Xmp) -> str | None:
    """The description, unless Loupe put a model's caption there (`loupe write-sidecars`): that is nobody's word."""
    text, computed = properties.text("dc:description"), properties.text("loupe:Caption")
    by_model = computed is not None and properties.text("loupe:CaptionModel") is not None
    return None if text and computed and by_model and text.split() == computed.split() else text


def _user_comment(exif: ExifDirectories) -> str | None:
    """The comment behind its code of eight bytes; without a code it is taken for UTF-8, else Latin."""
    blob = exif.exif.blob(_USER_COMMENT) if exif.exif else None
    if not blob:
        return None
    blob = blob[:_MAX_BYTES]
    code, comment = blob[:8], blob[8:]
    if code.startswith(b"UNICODE"):
        little = comment[:2] == b"\xff\xfe" or (
            comment[:2] != b"\xfe\xff" and comment[1::2].count(0) > comment[::2].count(0)
        )
        text = comment.decode("utf-16-le" if little else "utf-16-be", "replace").lstrip("\ufeff")
        return text.split("\0", 1)[0].strip() or None
    if not code.startswith((b"ASCII\0", b"JIS\0", b"\0\0\0\0\0\0\0\0")):
        comment = blob
    for encoding in ("iso2022_jp", "utf-8") if code.startswith(b"JIS") else ("utf-8", "cp1252"):
        try:
            return comment.split(b"\0", 1)[0].decode(encoding).strip() or None
        except UnicodeDecodeError:
            continue
    return None


def _windows_text(exif: ExifDirectories, tag: int) -> str | None:
    blob = exif.main.blob(tag) if exif.main else None
    return blob[:_MAX_BYTES].decode("utf-16-le", "replace").split("\0", 1)[0].strip() or None if blob else None


def _keywords(exif: ExifDirectories, properties: Xmp, records: Records) -> tuple[str, ...]:
    words: list[str] = [*properties.texts("dc:subject"), *records.get((2, 25), ())]
    words += (_windows_text(exif, _XP_KEYWORDS) or "").split(";")
    words += properties.texts("acdsee:keywords")
    for name, sign in _HIERARCHIES.items():
        words += (path.rpartition(sign)[2] for path in properties.texts(name) if not path.startswith("darktable|"))
    return _unique(words)


# Paths of keywords, with what divides their levels. darktable's own marks stand there too, under its name.
_HIERARCHIES = {
    "lr:hierarchicalSubject": "|",
    "digiKam:TagsList": "/",
    "MicrosoftPhoto:LastKeywordXMP": "/",
    "MicrosoftPhoto:LastKeywordIPTC": "/",
    "mediapro:CatalogSets": "|",
}


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    """Each once, however it is capitalised, at most 200 characters, in the order given."""
    unique: dict[str, str] = {}
    for word in words:
        word = " ".join(word.split())[:200]
        if word:
            unique.setdefault(word.casefold(), word)
        if len(unique) == _MAX_WORDS:
            break
    return tuple(unique.values())


_MAX_WORDS = 1000

# By their numbers in digiKam, darktable and Photo Mechanic (ExifTool's PhotoMechanic tables).
_DIGIKAM_COLORS = ("", "Red", "Orange", "Yellow", "Green", "Blue", "Magenta", "Gray", "Black", "White")
_DARKTABLE_COLORS = ("Red", "Yellow", "Green", "Blue", "Purple")
_COLOR_CLASSES = (
    "",
    "Winner",
    "Winner alt",
    "Superior",
    "Superior alt",
    "Typical",
    "Typical alt",
    "Extras",
    "Trash",
)


def _color_label(properties: Xmp) -> str | None:
    """In words. `photoshop:Urgency` is no colour: news agencies mean it as it is called."""
    label = properties.text("xmp:Label")
    if label:
        return label[:_MAX_TEXT]
    for name, words in (
        ("digiKam:ColorLabel", _DIGIKAM_COLORS),
        ("darktable:colorlabels", _DARKTABLE_COLORS),
        ("photomechanic:ColorClass", _COLOR_CLASSES),
    ):
        number = _integer(properties.text(name))
        if number is not None and 0 <= number < len(words) and words[number]:
            return words[number]
    return None


def _people(properties: Xmp) -> tuple[str, ...]:
    """Names of faces (not of pets, focus points or codes) and of people named for the whole photo."""
    return _unique(_names(properties))


def _names(properties: Xmp) -> Iterator[str]:
    for prefix in ("mwg-rs", "acdsee-rs"):
        for region in properties.structures.get(f"{prefix}:RegionList", ()):
            if region.get(f"{prefix}:Type", ("Face",))[0].lower() == "face":
                yield from region.get(f"{prefix}:Name", ())
    yield from properties.fields("MPRI:Regions", "MPReg:PersonDisplayName")
    yield from properties.texts("Iptc4xmpExt:PersonInImage")
    yield from properties.fields("Iptc4xmpExt:PersonInImageWDetails", "Iptc4xmpExt:PersonName")
    for region in properties.structures.get("Iptc4xmpExt:ImageRegion", ()):
        yield from region.get("Iptc4xmpExt:PersonInImage", ())
    yield from properties.texts("mediapro:People")


def _written_place(properties: Xmp, records: Records) -> tuple[str | None, str | None, str | None, str | None]:
    """(country code, country, region, city), all from the first block that names any: mixed, they make a new place."""
    sources: list[tuple[str | None, ...]] = [
        (
            properties.text("Iptc4xmpCore:CountryCode"),
            properties.text("photoshop:Country"),
            properties.text("photoshop:State"),
            properties.text("photoshop:City"),
        ),
        (_record(records, 2, 100), _record(records, 2, 101), _record(records, 2, 95), _record(records, 2, 90)),
    ]
    for name in ("Iptc4xmpExt:LocationCreated", "Iptc4xmpExt:LocationShown"):
        sources += [
            tuple(next(iter(shown.get(f"Iptc4xmpExt:{part}", ())), None) for part in _LOCATION_PARTS)
            for shown in properties.structures.get(name, ())
        ]
    for source in sources:
        code, country, region, city = (text[:_MAX_TEXT] if text else None for text in source)
        if code or country or region or city:
            return code.upper() if code else None, country, region, city
    return None, None, None, None


_LOCATION_PARTS = ("CountryCode", "CountryName", "ProvinceState", "City")


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
