"""What a person may be about to type: fields, their values, tags, people, places, words of captions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Literal

from resources.search.query_fields import FIELDS, Field, field_named
from resources.search.query_language import format_query
from resources.search.query_tree import Where
from resources.vector_index import Condition, VectorIndex
from resources.vector_index.words import folded

__all__ = ["Suggestion", "suggest"]

Kind = Literal["field", "value", "word"]
# So many values of a field are looked through, the most frequent.
_MOST_VALUES = 20_000
# Fields whose values are suggested for a bare word, the likeliest first.
_OFFERED = ("tag", "person", "in", "city", "country", "keyword", "camera", "label")


@dataclass(frozen=True)
class Suggestion:
    """`insert` stands in the place of the `length` characters from `start`. `count` photos have it, None for fields."""

    kind: Kind
    label: str
    insert: str
    start: int
    length: int
    field: str | None = None
    count: int | None = None


def suggest(
    index: VectorIndex, text: str, position: int, limit: int = 10, condition: Condition | None = None
) -> list[Suggestion]:
    """Suggestions for the word before `position`, the likeliest first. Counts are of what `condition` leaves."""
    start, typed = _word_before(text, position)
    name, colon, value = typed.partition(":")
    known = field_named(name) if colon else None
    if known is not None:
        return list(_values_of(index, known, value, start + len(name) + 1, limit, condition))
    if not typed or colon:
        return []
    found = [*_fields(typed, start), *_anything(index, typed, start, limit, condition)]
    return found[:limit]


def _word_before(text: str, position: int) -> tuple[int, str]:
    """Where the word that is being typed starts, without a minus before it, and what of it is there."""
    before = text[:position]
    start = _behind_last(before, lambda character: character.isspace() or character in "()")
    while start < len(before) and before[start] == "-":
        start += 1
    return start, before[start:]


def _behind_last(text: str, ends: Callable[[str], bool]) -> int:
    """Behind the last character outside quotes that ends a word."""
    start, quoted = 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and ends(character):
            start = at + 1
    return start


def _fields(typed: str, start: int) -> Iterator[Suggestion]:
    for each in FIELDS.values():
        if any(name.startswith(typed.lower()) for name in (each.name, *each.aliases)):
            yield Suggestion("field", each.says, f"{each.name}:", start, len(typed), each.name)


def _values_of(
    index: VectorIndex, known: Field, typed: str, start: int, limit: int, condition: Condition | None
) -> Iterator[Suggestion]:
    piece = typed[_behind_last(typed, lambda character: character == ",") :]
    at, length = start + len(typed) - len(piece), len(piece)
    piece = piece.strip('"')
    if known.words:  # a fixed list is given whole, in its own order
        counts = _word_counts(index, known, condition)
        for word in known.words:
            if word.startswith(piece.lower()):
                yield Suggestion("value", word, word, at, length, known.name, counts.get(word))
    elif known.key == "taken_month":
        for period, count in _periods(index, known, piece, condition)[:limit]:
            yield Suggestion("value", period, period, at, length, known.name, count)
    elif known.key is not None:
        for value, count in _beginning(index, known.key, piece, limit, condition):
            inserted = format_query(Where(known.name, (value,))).partition(":")[2]
            yield Suggestion("value", value, inserted, at, length, known.name, count)
    elif not piece:
        example = known.example.partition(":")[2]
        yield Suggestion("value", known.example, example, at, length, known.name)


def _word_counts(index: VectorIndex, known: Field, condition: Condition | None) -> dict[str, int]:
    """How many photos have a word of a fixed list, where that is counted anyway."""
    if known.key is None or not known.counted:
        return {}
    have = dict(index.valued(known.key, _MOST_VALUES, condition))
    return {word: sum(have.get(value, 0) for value in values) for word, values in known.counted.items()}


def _periods(index: VectorIndex, known: Field, typed: str, condition: Condition | None) -> list[tuple[str, int]]:
    """Years that begin like that, the last first; behind a year and a dash its months, where the field takes them."""
    length = len("2021-06") if known.kind == "date" and "-" in typed else len("2021")
    counted: Counter[str] = Counter()
    for month, count in index.valued("taken_month", _MOST_VALUES, condition):
        if month.startswith(typed):
            counted[month[:length]] += count
    return sorted(counted.items(), reverse=True)


def _anything(
    index: VectorIndex, typed: str, start: int, limit: int, condition: Condition | None
) -> Iterator[Suggestion]:
    for name in _OFFERED:
        key = FIELDS[name].key
        assert key is not None
        for value, count in _beginning(index, key, typed, max(limit // 3, 2), condition):
            yield Suggestion("value", value, format_query(Where(name, (value,))), start, len(typed), name, count)
    for word, count in _beginning(index, "caption_words", typed, limit, condition):
        yield Suggestion("word", word, word, start, len(typed), None, count)


def _beginning(
    index: VectorIndex, key: str, typed: str, limit: int, condition: Condition | None
) -> Sequence[tuple[str, int]]:
    """The most frequent values of which a word begins like that; those that begin so themselves first."""
    wanted = folded(typed)
    inside = re.compile(r"(?:^|[^\w])" + re.escape(wanted))
    found = []
    for value, count in index.valued(key, _MOST_VALUES, condition):
        name = folded(value)
        if inside.search(name):
            found.append((name.startswith(wanted), count, value))
    return [(value, count) for _, count, value in nlargest(limit, found)]
