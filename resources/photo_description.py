"""The row that describes a photo: what its bytes say, what its sidecars say, and what can be found out from both.

Pure but for the place names, which are loaded once a process. Reading bytes belongs to `imaging` and `sidecars`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from resources.clock import utc_now
from resources.imaging.metadata import PhotoMetadata
from resources.places import country_code_of, country_name, place_at

__all__ = ["date_in_name", "describe"]

# What a person writes, so a sidecar's word counts more than the file's. The rest is the camera's: a sidecar only fills
# what the file lacks.
_WRITTEN = ("rating", "title", "description", "keywords", "color_label", "people")
# Written together or not at all: parts from two sources would make a third place or moment.
_WRITTEN_TOGETHER = (("country_code", "country", "region", "city"), ("gps_lat", "gps_lon", "gps_alt_m"))
_PLACE = _WRITTEN_TOGETHER[0]


def describe(
    embedded: PhotoMetadata, sidecars: Sequence[PhotoMetadata], *, file_name: str, mtime_ns: int
) -> dict[str, Any]:
    """All metadata columns of `photos`: `PhotoMetadata.to_row()` and place_source ("file", "gps" or None).

    `sidecars` stand newest first. A photo without a date, or with one in the future, takes the one in its file name
    (`taken_at_source` "file_name"), else the file's modification time in UTC ("file_modified").
    """
    joined = embedded
    for sidecar in reversed(sidecars):
        joined = _join(joined, sidecar)
    if joined.taken_at is None or joined.taken_at > _latest():  # a clock set wrong
        joined = _dated(joined, file_name, mtime_ns)
    place, source = _place(joined)
    return {**joined.to_row(), **place, "place_source": source}


def _place(metadata: PhotoMetadata) -> tuple[dict[str, str | None], str | None]:
    """The place columns: as somebody wrote them, with the country completed, else those of the position."""
    lat, lon = metadata.gps_lat, metadata.gps_lon
    found = place_at(lat, lon) if lat is not None and lon is not None else None
    written = {name: getattr(metadata, name) for name in _PLACE}
    if not any(written.values()):
        looked_up = {name: getattr(found, name, None) for name in _PLACE}
        return looked_up, "gps" if found else None
    code = country_code_of(written["country_code"] or "") or country_code_of(written["country"] or "")
    if code is None and written["country"] is None and found is not None:
        code = found.country_code
    return {**written, "country_code": code, "country": written["country"] or country_name(code or "")}, "file"


def _join(below: PhotoMetadata, sidecar: PhotoMetadata) -> PhotoMetadata:
    found: dict[str, Any] = {
        name: value
        for name, value in vars(sidecar).items()
        if value not in (None, ()) and (name in _WRITTEN or getattr(below, name) in (None, ()))
    }
    for group in _WRITTEN_TOGETHER:
        values = {name: getattr(sidecar, name) for name in group}
        for name in group:
            found.pop(name, None)
        if any(value is not None for value in values.values()):
            found |= values
    for name in ("taken_at", "taken_at_offset_min", "taken_at_source"):
        found.pop(name, None)
    return replace(_moment(below, sidecar), **found)


def _moment(below: PhotoMetadata, sidecar: PhotoMetadata) -> PhotoMetadata:
    """The sidecar's date where it is another one: somebody corrected it. The same to the second is the file's."""
    theirs = sidecar.taken_at
    if theirs is None:
        return below
    if below.taken_at is not None and abs(below.taken_at - theirs) < timedelta(seconds=1):
        offset = below.taken_at_offset_min
        return replace(below, taken_at_offset_min=sidecar.taken_at_offset_min if offset is None else offset)
    return replace(
        below,
        taken_at=theirs,
        taken_at_offset_min=sidecar.taken_at_offset_min,
        taken_at_source=sidecar.taken_at_source,
    )


def _dated(metadata: PhotoMetadata, file_name: str, mtime_ns: int) -> PhotoMetadata:
    moment, offset = date_in_name(file_name)
    if moment is not None:
        return replace(metadata, taken_at=moment, taken_at_offset_min=offset, taken_at_source="file_name")
    try:
        modified = datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC).replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):
        return metadata
    return replace(metadata, taken_at=modified, taken_at_offset_min=0, taken_at_source="file_modified")


# 2021-03-05, 2021_03_05, 2021.03.05; scans are named by the year of the print.
_SEPARATED = r"(?P<year>1[89]\d\d|20\d\d)(?P<sep>[-_.])(?P<month>\d\d)(?P=sep)(?P<day>\d\d)"
# 20210305: eight digits are a date only where digital cameras have been.
_COMPACT = r"(?P<year>199\d|20\d\d)(?P<month>\d\d)(?P<day>\d\d)"
# 123456, 123456789 (milliseconds), 12.34.56, 1-34-56 PM, behind a separator and perhaps a word: "at", "um", "a las".
_TIME = (
    r"(?:[-_., T]{0,3}(?:[^\W\d_]{1,3}\.? ){0,2}(?:(?P<h>\d\d)(?P<m>\d\d)(?P<s>\d\d)(?P<ms>\d{3})?"
    r"|(?P<hour>\d{1,2})(?P<colon>[-_.:\uf03a])(?P<minute>\d\d)(?P=colon)(?P<second>\d\d)(?:[-.](?P<milli>\d{3}))?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm])?)(?!\d))"
)
_NAME_DATES = tuple(re.compile(rf"(?<!\d){date}(?:{_TIME}|(?!\d))") for date in (_SEPARATED, _COMPACT))
# A number of this many digits beside eight that could be a date: both are the serial numbers of a web site.
_SERIAL = re.compile(r"\d{5}")
# Names whose clock is in UTC: Google's Pixel phones.
_UTC_NAME = re.compile(r"PXL_\d", re.IGNORECASE)


def date_in_name(file_name: str) -> tuple[datetime | None, int | None]:
    """The date that a camera or program wrote into a file's name: (wall clock, offset in minutes where known).

    Known are IMG_20210305_123456, PXL_20210305_123456789 (in UTC), Screenshot_2021-03-05-12-34-56,
    2021-03-05 12.34.56, IMG-20210305-WA0001, signal-2021-03-05-123456, "WhatsApp Image 2021-03-05 at 1.34.56 PM",
    DJI_20210305123456_0001_D and whatever has the same parts. Without a time it is midnight. A date that cannot be,
    one in the future, and digits that are part of a longer number are none.
    """
    for pattern in _NAME_DATES:
        for match in pattern.finditer(file_name):
            moment = _moment_of(match, file_name)
            if moment is not None:
                return moment, 0 if _UTC_NAME.match(file_name) else None
    return None, None


def _moment_of(match: re.Match[str], file_name: str) -> datetime | None:
    try:
        date = datetime(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None
    moment = _with_time(date, match)
    if moment is None:
        before, after = file_name[: match.start()], file_name[match.end("day") :]
        compact = "sep" not in match.re.groupindex
        if compact and (before[-1:].isalpha() or _SERIAL.search(before) or _SERIAL.search(after)):
            return None
        moment = date
    return moment if moment <= _latest() else None


def _with_time(date: datetime, match: re.Match[str]) -> datetime | None:
    """None where the name has no time, or digits that are none."""
    if not (match["h"] or match["hour"]):
        return None
    hour, minute, second = (int(match[a] or match[b]) for a, b in (("h", "hour"), ("m", "minute"), ("s", "second")))
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] in "Pp" else 0)
    milliseconds = int(match["ms"] or match["milli"] or 0)
    try:
        return date.replace(hour=hour, minute=minute, second=second, microsecond=1000 * milliseconds)
    except ValueError:
        return None


# A clock that says an earlier time than that of this line has lost its battery.
_BATTERY_DEAD_BEFORE = datetime(2026, 1, 1)


def _latest() -> datetime:
    """Later than this is the future in every time zone."""
    return max(utc_now(), _BATTERY_DEAD_BEFORE) + timedelta(hours=14)
