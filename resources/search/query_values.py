"""What a person writes as a value (a number with its unit, a stretch of time, a place) as conditions on a key.

Belongs here: reading values. Not here: which fields there are (`query_fields.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from resources.search.query_tree import Op
from resources.vector_index.conditions import AnyOf, Condition, InBox, Near, Or, Range, wall_clock_s

__all__ = [
    "Period",
    "ValueProblemError",
    "box",
    "choices",
    "circle",
    "date_range",
    "nearest_word",
    "number_range",
    "one_of_numbers",
    "period",
    "read_number",
    "years",
]


class ValueProblemError(Exception):
    """A value that says nothing: which one of the values, why, and what would."""

    def __init__(self, index: int, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.index = index
        self.message = message
        self.suggestion = suggestion


# Numbers

_UNITS: Mapping[str, float] = {
    "": 1.0,
    "mm": 1.0,
    "px": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "ms": 1e-3,
    "b": 1.0,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "kib": 1024.0,
    "mib": 1024.0**2,
    "gib": 1024.0**3,
    "m": 1.0,
    "km": 1e3,
    "mi": 1609.344,
}
_NUMBER = re.compile(r"(?:f/?)?([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:/(\d+(?:\.\d*)?))?\s*([a-z]*)", re.IGNORECASE)


def read_number(text: str, units: Sequence[str] = ("",)) -> float:
    """A number, a fraction, either with one of `units`. Raises `ValueError`."""
    found = _NUMBER.fullmatch(text.strip())
    unit = found[3].lower() if found else ""
    if not found or (unit and unit not in units):
        raise ValueError(text)
    divisor = float(found[2]) if found[2] else 1.0
    if divisor == 0:
        raise ValueError(text)
    number = float(found[1]) / divisor * _UNITS[unit]
    if not math.isfinite(2 * number):  # what is computed of it stays a number
        raise ValueError(text)
    return number


def number_range(
    key: str, op: Op, values: Sequence[str], units: Sequence[str], tolerance: float, example: str
) -> Condition:
    """`key` is one of these numbers or ranges ("100..800"). `tolerance` is relative: an aperture is not exact."""

    def read(text: str) -> tuple[float, float]:
        number = read_number(text, units)
        return number - abs(number) * tolerance, number + abs(number) * tolerance

    def bounds(low: tuple[float, float] | None, high: tuple[float, float] | None) -> Condition:
        return Range(key, gte=low[0] if low else None, lte=high[1] if high else None)

    def compared(value: tuple[float, float]) -> Condition:
        middle = (value[0] + value[1]) / 2
        match op:
            case ">":
                return Range(key, gt=middle)
            case ">=":
                return Range(key, gte=value[0])
            case "<":
                return Range(key, lt=middle)
            case "<=":
                return Range(key, lte=value[1])
            case _:
                return bounds(value, value)

    return _each(op, values, read, bounds, compared, f"a number, as in {example}")


def one_of_numbers(
    key: str, prefix: str, op: Op, values: Sequence[str], names: Mapping[str, Sequence[int]], low: int, high: int
) -> Condition:
    """`key` holds `prefix` and one of the numbers between `low` and `high` that are meant.

    A range may pass the end ("22..4" of hours). `names` stand for numbers ("june", "weekend").
    """

    def read(text: str) -> tuple[int, ...]:
        named = names.get(text.strip().lower())
        if named:
            return tuple(named)
        number = int(text)
        if not low <= number <= high:
            raise ValueError(text)
        return (number,)

    def bounds(first: tuple[int, ...] | None, last: tuple[int, ...] | None) -> Condition:
        start, end = first[0] if first else low, last[-1] if last else high
        return within(range(start, end + 1) if start <= end else [*range(start, high + 1), *range(low, end + 1)])

    def compared(value: tuple[int, ...]) -> Condition:
        match op:
            case ">":
                return within(range(value[-1] + 1, high + 1))
            case ">=":
                return within(range(value[0], high + 1))
            case "<":
                return within(range(low, value[0]))
            case "<=":
                return within(range(low, value[-1] + 1))
            case _:
                return within(value)

    def within(numbers: Sequence[int]) -> Condition:
        return AnyOf(key, tuple(f"{prefix}{number}" for number in numbers))

    known = f"a number from {low} to {high}" + (f" or a name, as in {next(iter(names))}" if names else "")
    return _each(op, values, read, bounds, compared, known)


# Time


@dataclass(frozen=True)
class Period:
    """From `start` up to, but not with, `end`; wall clock."""

    start: datetime
    end: datetime


_AGO = re.compile(r"(\d{1,5})\s*(d|w|m|y)(?:ays?|eeks?|onths?|ears?)?", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{2})(?::(\d{2}))?")
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def period(text: str, today: date) -> Period:
    """A year, month, day or minute ("2021", "2021-06", "2021-06-15", "2021-06-15T14:30"), "today", "yesterday", or the
    day so long ago ("7d", "2w", "6m", "1y"). Raises `ValueError`."""
    word = text.strip().lower()
    if word in ("today", "yesterday"):
        return _days(today - timedelta(days=word == "yesterday"), 1)
    if ago := _AGO.fullmatch(word):
        return _days(_before(today, int(ago[1]), ago[2]), 1)
    if moment := _MOMENT.fullmatch(text.strip().upper()):
        year, month, day, hour, minute, second = (int(part or 0) for part in moment.groups())
        start = datetime(year, month, day, hour, minute, second)
        return Period(start, start + (timedelta(seconds=1) if moment[6] else timedelta(minutes=1)))
    found = _DAY.fullmatch(word)
    if not found:
        raise ValueError(text)
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    first = date(year, month, day)
    if found[3]:
        return _days(first, 1)
    try:
        end = date(year, month + 1, 1) if found[2] and month < 12 else date(year + 1, 1, 1)
    except ValueError:  # the last year that a date can have
        end = date.max
    return Period(datetime.combine(first, time()), datetime.combine(end, time()))


def date_range(key: str, op: Op, values: Sequence[str], today: date) -> Condition:
    """`key` (seconds of a wall clock) lies in, before or after these periods; "2021..2023" includes both."""
    return _periods(key, op, values, lambda text: period(text, today), "a date, as in 2021, 2021-06, 2021-06-15 or 7d")


def years(key: str, op: Op, values: Sequence[str]) -> Condition:
    """As `date_range`, of years alone."""

    def read(text: str) -> Period:
        if not re.fullmatch(r"\d{4}", text.strip()):
            raise ValueError(text)
        return period(text, date.min)

    return _periods(key, op, values, read, "a year, as in 2021 or 2019..2021")


def _periods(key: str, op: Op, values: Sequence[str], read: Callable[[str], Period], known: str) -> Condition:
    def bounds(first: Period | None, last: Period | None) -> Condition:
        return Range(key, gte=wall_clock_s(first.start) if first else None, lt=wall_clock_s(last.end) if last else None)

    def compared(value: Period) -> Condition:
        match op:
            case ">":
                return Range(key, gte=wall_clock_s(value.end))
            case ">=":
                return Range(key, gte=wall_clock_s(value.start))
            case "<":
                return Range(key, lt=wall_clock_s(value.start))
            case "<=":
                return Range(key, lt=wall_clock_s(value.end))
            case _:
                return bounds(value, value)

    return _each(op, values, read, bounds, compared, known)


def _days(start: date, number: int) -> Period:
    first = datetime.combine(start, time())
    return Period(first, first + timedelta(days=number))


def _before(today: date, number: int, unit: str) -> date:
    try:
        if unit in ("d", "w"):
            return today - timedelta(days=number * (7 if unit == "w" else 1))
        months = today.year * 12 + today.month - 1 - number * (12 if unit == "y" else 1)
        first = date(months // 12, months % 12 + 1, 1)
        after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return first.replace(day=min(today.day, (after - first).days))
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{number}{unit}") from error


# Places


def circle(values: Sequence[str]) -> Condition:
    """Latitude, longitude, radius ("5km", "800m", "3mi"; kilometres without a unit)."""
    if len(values) != 3:
        raise ValueProblemError(
            max(len(values) - 1, 0),
            "near: takes a latitude, a longitude and a radius, as in near:48.85,2.35,5km",
            f"{values[1]},5km" if len(values) == 2 else None,
        )
    lat, lon = _degrees(values, 0, 90.0), _degrees(values, 1, 180.0)
    try:
        radius = read_number(values[2], ("m", "km", "mi"))
    except ValueError as error:
        raise ValueProblemError(2, f"'{values[2]}' is no distance", "5km") from error
    if not values[2].strip()[-1:].isalpha():
        radius *= 1000.0
    if not 0 < radius <= 20_100_000:
        raise ValueProblemError(2, "The distance must be above zero and on this planet", "5km")
    return Near(lat, lon, radius)


def box(values: Sequence[str]) -> Condition:
    """South, west, north, east in degrees."""
    if len(values) != 4:
        raise ValueProblemError(max(len(values) - 1, 0), "box: takes south, west, north and east, as in box:47,5,49,9")
    south, west = _degrees(values, 0, 90.0), _degrees(values, 1, 180.0)
    north, east = _degrees(values, 2, 90.0), _degrees(values, 3, 180.0)
    if south > north:
        raise ValueProblemError(2, "The north of a box lies above its south")
    return InBox(south, west, north, east)


def _degrees(values: Sequence[str], index: int, most: float) -> float:
    try:
        number = read_number(values[index])
    except ValueError as error:
        raise ValueProblemError(index, f"'{values[index]}' is no number of degrees") from error
    if abs(number) > most:
        raise ValueProblemError(index, f"{values[index]} lies beyond {most:.0f} degrees")
    return number


# Names from a list


def choices(values: Sequence[str], known: Mapping[str, Condition]) -> Condition:
    """One of the conditions that these words name."""
    parts = []
    for index, value in enumerate(values):
        named = known.get(value.strip().lower().replace(" ", "_"))
        if named is None:
            raise ValueProblemError(index, f"'{value}' is none of {', '.join(known)}", nearest_word(value, known))
        parts.append(named)
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def nearest_word(word: str, known: Sequence[str] | Mapping[str, object]) -> str | None:
    """The known word that was probably meant."""
    from difflib import get_close_matches

    found = get_close_matches(word.strip().lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _is_backwards(bounds: Range) -> bool:
    low = bounds.gt if bounds.gte is None else bounds.gte
    high = bounds.lt if bounds.lte is None else bounds.lte
    open_ended = bounds.gte is None or bounds.lte is None
    return low is not None and high is not None and (low > high or (open_ended and low == high))


def _each(
    op: Op,
    values: Sequence[str],
    read: Callable[[str], object],
    bounds: Callable[..., Condition],
    compared: Callable[..., Condition],
    known: str,
) -> Condition:
    """Any of the values, each a value or a range of two, one of which may be left open."""
    parts: list[Condition] = []
    for index, value in enumerate(values):
        low, dots, high = value.partition("..")
        try:
            if not dots:
                parts.append(compared(read(value)))
                continue
            if op != "=" or not (low.strip() or high.strip()):
                raise ValueError(value)
            found = bounds(read(low) if low.strip() else None, read(high) if high.strip() else None)
        except (ValueError, OverflowError) as error:
            raise ValueProblemError(index, f"'{value}' is not {known}") from error
        if isinstance(found, Range) and _is_backwards(found):
            raise ValueProblemError(index, f"'{value}' begins after its end", f"{high.strip()}..{low.strip()}")
        parts.append(found)
    return parts[0] if len(parts) == 1 else Or(tuple(parts))
