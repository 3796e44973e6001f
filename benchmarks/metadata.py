"""Metadata readers on the sample photos: values right, values invented, and CPU milliseconds per file.

    python benchmarks/metadata.py FOLDER [--repeats 5]

FOLDER holds photos and a `manifest.csv` whose columns were read by exiftool. Peers are measured where they can be
imported: ExifRead, piexif, and pyexiv2, whose licence (GPL) rules it out for anything but this. Every reader gets the
bytes in memory and hands out the table's columns; a value is right when it equals the table's (dates to the second,
positions to 1e-4, numbers to 1%), and invented where the table says that there is none that can be used.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import time
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

from resources.imaging import sniff
from resources.imaging.blocks import photo_metadata

Values = dict[str, Any]
Reader = Callable[[bytes], Values]

COLUMNS = (
    "make",
    "model",
    "lens",
    "datetime_original",
    "offset_time_original",
    "gps_lat",
    "gps_lon",
    "gps_alt",
    "orientation",
    "iso",
    "fnumber",
    "exposure_time",
    "focal_length",
)
WORDS = {"make", "model", "lens", "datetime_original", "offset_time_original"}


def ours(buffer: bytes) -> Values:
    sniffed = sniff(buffer)
    if sniffed is None:
        return {}
    found = photo_metadata(buffer, sniffed)
    offset = found.taken_at_offset_min
    taken = found.taken_at
    return {
        "make": found.camera_make,
        "model": found.camera_model,
        "lens": found.lens,
        "datetime_original": f"{taken:%Y:%m:%d %H:%M:%S}" if taken else None,
        "offset_time_original": None if offset is None else f"{'-' if offset < 0 else '+'}{hours_minutes(offset)}",
        "gps_lat": found.gps_lat,
        "gps_lon": found.gps_lon,
        "gps_alt": found.gps_alt_m,
        "orientation": found.orientation,
        "iso": found.iso,
        "fnumber": found.f_number,
        "exposure_time": found.exposure_s,
        "focal_length": found.focal_length_mm,
    }


def hours_minutes(offset_min: int) -> str:
    return f"{abs(offset_min) // 60:02d}:{abs(offset_min) % 60:02d}"


def number(value: Any) -> float | None:
    """The first number of what a library hands out: a number, a ratio, a pair, a list or text."""
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(isinstance(part, int) for part in value):
            return value[0] / value[1] if value[1] else None
        return number(value[0]) if value else None
    text = str(value).strip("[]").split(",")[0].split()
    if not text:
        return None
    numerator, _, denominator = text[0].partition("/")
    try:
        found = float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return found if math.isfinite(found) else None


def degrees(parts: Any, ref: Any, negative: str) -> float | None:
    numbers = [number(part) for part in (parts.split() if isinstance(parts, str) else parts or ())]
    if not numbers or any(part is None for part in numbers) or not ref:
        return None
    value = sum(part / 60**power for power, part in enumerate(numbers[:3]) if part is not None)
    return -value if str(ref).strip().upper().startswith(negative) else value


def by_number(main: dict[int, Any], exif: dict[int, Any], gps: dict[int, Any]) -> Values:
    """From directories by the numbers of their tags, as Pillow and piexif have them."""

    def text(tag: int) -> str | None:
        value = exif.get(tag, main.get(tag))
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return str(value).split("\0")[0].strip() or None if value is not None else None

    altitude = number(gps.get(6)) if 6 in gps else None
    below = gps.get(5) in (1, b"\x01")
    ref = {key: value.decode() if isinstance(value, bytes) else value for key, value in gps.items() if key in (1, 3)}
    return {
        "make": text(0x010F),
        "model": text(0x0110),
        "lens": text(0xA434),
        "datetime_original": text(0x9003),
        "offset_time_original": text(0x9011),
        "gps_lat": degrees(gps.get(2), ref.get(1), "S"),
        "gps_lon": degrees(gps.get(4), ref.get(3), "W"),
        "gps_alt": -altitude if altitude is not None and below else altitude,
        "orientation": number(main.get(0x0112)) if 0x0112 in main else None,
        "iso": number(exif.get(0x8827)) if 0x8827 in exif else None,
        "fnumber": number(exif.get(0x829D)) if 0x829D in exif else None,
        "exposure_time": number(exif.get(0x829A)) if 0x829A in exif else None,
        "focal_length": number(exif.get(0x920A)) if 0x920A in exif else None,
    }


def pillow(buffer: bytes) -> Values:
    with Image.open(io.BytesIO(buffer)) as image:
        exif = image.getexif()
        return by_number(dict(exif), exif.get_ifd(0x8769), exif.get_ifd(0x8825))


def piexif_reader() -> Reader:
    import piexif

    def read(buffer: bytes) -> Values:
        found = piexif.load(buffer)
        return by_number(found["0th"], found["Exif"], found["GPS"])

    return read


NAMES = {
    "make": ("Image Make", "Exif.Image.Make"),
    "model": ("Image Model", "Exif.Image.Model"),
    "lens": ("EXIF LensModel", "Exif.Photo.LensModel"),
    "datetime_original": ("EXIF DateTimeOriginal", "Exif.Photo.DateTimeOriginal"),
    "offset_time_original": ("EXIF OffsetTimeOriginal", "Exif.Photo.OffsetTimeOriginal"),
    "orientation": ("Image Orientation", "Exif.Image.Orientation"),
    "iso": ("EXIF ISOSpeedRatings", "Exif.Photo.ISOSpeedRatings"),
    "fnumber": ("EXIF FNumber", "Exif.Photo.FNumber"),
    "exposure_time": ("EXIF ExposureTime", "Exif.Photo.ExposureTime"),
    "focal_length": ("EXIF FocalLength", "Exif.Photo.FocalLength"),
}


def by_name(tags: dict[str, Any], column: int, position: Callable[[str], Any]) -> Values:
    found: Values = {}
    for name, names in NAMES.items():
        value = tags.get(names[column])
        if value is not None:
            value = getattr(value, "values", value)
            found[name] = (str(value).split("\0")[0].strip() or None) if name in WORDS else number(value)
    found["gps_lat"] = degrees(position("GPSLatitude"), position("GPSLatitudeRef"), "S")
    found["gps_lon"] = degrees(position("GPSLongitude"), position("GPSLongitudeRef"), "W")
    altitude = position("GPSAltitude")
    metres = number(altitude) if altitude is not None else None
    below = number(position("GPSAltitudeRef") or 0) == 1
    found["gps_alt"] = -metres if metres is not None and below else metres
    return found


def exifread_reader() -> Reader:
    import logging

    import exifread

    logging.getLogger("exifread").setLevel(logging.CRITICAL)

    def read(buffer: bytes) -> Values:
        tags = exifread.process_file(io.BytesIO(buffer), details=False)
        return by_name(tags, 0, lambda name: getattr(tags.get(f"GPS {name}"), "values", None))

    return read


def pyexiv2_reader() -> Reader:
    import pyexiv2

    pyexiv2.set_log_level(4)

    def read(buffer: bytes) -> Values:
        with pyexiv2.ImageData(buffer) as image:
            tags = image.read_exif()
        return by_name(tags, 1, lambda name: tags.get(f"Exif.GPSInfo.{name}"))

    return read


def truth(row: dict[str, str], column: str) -> tuple[bool, Any]:
    """Whether the table judges this value, and what it should be: None where nothing usable is written."""
    text = row[column].strip()
    if column.startswith("gps"):
        if "invalid" in row["gps_source"] or "unusable" in row["gps_source"]:
            return column != "gps_alt", None
        return bool(text), float(text) if text else None
    if column == "datetime_original":
        return bool(text), None if text.startswith("0000") else text[:19]
    if column in WORDS:
        return bool(text), text
    value = number(text.split()[-1]) if text else None
    return bool(value), value


def is_right(found: Any, expected: Any, column: str) -> bool:
    if found is None or expected is None:
        return found is expected
    if column in WORDS:
        return str(found).strip()[: len(expected)] == expected
    return math.isclose(float(found), expected, rel_tol=0.01, abs_tol=1e-4 if column.startswith("gps_l") else 1e-6)


def measure(read: Reader, photos: list[tuple[dict[str, str], bytes]], repeats: int) -> dict[str, float]:
    right = judged = invented = failed = 0
    spent = 0.0
    for row, buffer in photos:
        least, found = math.inf, Values()
        for _ in range(repeats):
            started = time.process_time()
            try:
                found = read(buffer)
            except Exception:  # whatever a peer raises: the file counts as not read
                found = {}
                failed += 1 / repeats
            least = min(least, time.process_time() - started)
        spent += least
        for column in COLUMNS:
            counts, expected = truth(row, column)
            if not counts:
                continue
            good = is_right(found.get(column), expected, column)
            if expected is None:
                invented += not good
            else:
                judged += 1
                right += good
    return {
        "right": right,
        "judged": judged,
        "invented": invented,
        "failed": round(failed),
        "ms": 1000 * spent / len(photos),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with (arguments.folder / "manifest.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["expected"] == "ok" and "200MP" not in row["path"]]
    photos = [(row, (arguments.folder / row["path"]).read_bytes()) for row in rows]
    jpegs = [photo for photo in photos if photo[0]["format"] == "JPEG"]
    pillow_heif.register_heif_opener()  # for Pillow's row
    readers: dict[str, Reader] = {"ours": ours, "Pillow getexif": pillow}
    for name, make in (("ExifRead", exifread_reader), ("piexif", piexif_reader), ("pyexiv2", pyexiv2_reader)):
        with suppress(ImportError, OSError):
            readers[name] = make()
    print(f"{len(photos)} photos, {len(jpegs)} of them JPEG; CPU ms per file, least of {arguments.repeats}")
    print()
    print("| reader | right, all | right, JPEG | invented | files that raise | ms, all | ms, JPEG |")
    print("|---|---|---|---|---|---|---|")
    for name, read in readers.items():
        with redirect_stderr(io.StringIO()):
            whole, only_jpeg = (measure(read, some, arguments.repeats) for some in (photos, jpegs))
        print(
            f"| {name} | {whole['right']} of {whole['judged']} | {only_jpeg['right']} of {only_jpeg['judged']} "
            f"| {whole['invented']} | {whole['failed']} | {whole['ms']:.2f} | {only_jpeg['ms']:.2f} |"
        )


if __name__ == "__main__":
    main()
