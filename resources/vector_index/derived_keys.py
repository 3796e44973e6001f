"""Payload keys that are made from others, so that the engine can filter and count by them.

They are written with each point and left out of what is read back. Not here: what a photo says (`photo_points.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from resources.vector_index.conditions import FLAGS
from resources.vector_index.words import folded, stem, tokens

__all__ = ["COUNTED", "COUNTED_KEY", "DERIVED", "EVERY", "FLAGS_KEY", "UNDATED", "UNSET", "derived"]

FLAGS_KEY = "flags"

# What is counted together is found and counted under one key: an engine that counts sixteen keys one by one looks at
# what a filter leaves sixteen times, and builds and keeps an index for each. Key -> the character before its values.
COUNTED_KEY = "counted"
COUNTED = {
    "camera": "a",
    "lens": "b",
    "format": "c",
    "orientation_kind": "d",
    "stars": "e",
    "tags": "f",
    "keywords": "g",
    "people": "h",
    "color_label": "i",
    "country": "j",
    "region": "k",
    "city": "l",
    "collections": "m",
    "folders": "n",
    "stack_kind": "o",
    "taken_month": "p",
}
# Values of every photo, and of those without a date.
EVERY, UNDATED = "*", "?"

# Flags that are asked for more often as not set: an engine that looks for a value is three times as fast as one that
# looks for its absence (14 and 46 ms for the nearest 1,000 of 60,000).
UNSET = {"stack_member": "not_stack_member"}

DERIVED = frozenset([FLAGS_KEY, COUNTED_KEY, "names", "caption_words", "stars", "taken_month", "taken_parts"])


def derived(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The derived keys of a payload; those that would hold nothing are left out.

    `flags`: names of the booleans that are true, and of those of `UNSET` that are not. `names`: folded file names,
    with and without their ending. `caption_words`: words of caption, title and description, stop words left out.
    `stars`: "4". `taken_month`: "2021-06". `taken_parts`: "m6", "d15", "w2" (Tuesday; Monday is 1) and "h14".
    `counted`: the values of the keys of `COUNTED`, each behind its character, that character alone where a key holds a
    value, `EVERY`, and `UNDATED`.
    """
    flags = [name for name in sorted(FLAGS) if payload.get(name)]
    flags += [unset for name, unset in UNSET.items() if not payload.get(name)]
    names = payload.get("file_names") or ([payload["file_name"]] if payload.get("file_name") else [])
    told = "\n".join(payload[key] for key in ("caption", "title", "description") if payload.get(key))
    made = {
        FLAGS_KEY: flags,
        "names": list(dict.fromkeys(name for each in names for name in _names(each))),
        "caption_words": list(dict.fromkeys(token for token in tokens(told) if stem(token) is not None)),
        "stars": [str(int(payload["rating"]))] if payload.get("rating") is not None else [],
        **_date_parts(payload.get("taken_at")),
    }
    made[COUNTED_KEY] = list(_counted({**payload, **made}))
    return {key: value for key, value in made.items() if value}


def _counted(said: Mapping[str, Any]) -> Iterator[str]:
    yield EVERY
    if said.get("taken_at") is None:
        yield UNDATED
    for key, mark in COUNTED.items():
        values = said.get(key) or ()
        if values:
            yield mark
        for value in (values,) if isinstance(values, str) else dict.fromkeys(values):
            yield mark + value


def _names(name: str) -> tuple[str, ...]:
    whole = folded(name)
    start, dot, _ = whole.rpartition(".")
    return (whole, start) if dot and start else (whole,)


def _date_parts(taken_at: float | None) -> dict[str, Any]:
    if taken_at is None:
        return {}
    moment = datetime.fromtimestamp(taken_at, UTC)
    return {
        "taken_month": moment.date().isoformat()[:7],
        "taken_parts": [f"m{moment.month}", f"d{moment.day}", f"w{moment.isoweekday()}", f"h{moment.hour}"],
    }
