"""What both homes share: payload schema, exact order after retrieval, browsing by date.

Not here: how an engine is called (`embedded.py`, `server.py`).
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import neg
from typing import Any

import numpy as np

from resources.lasting import Lasting
from resources.vector_index.condition_parts import MEMBER, also, split_covers, split_left_out, values_named
from resources.vector_index.conditions import (
    KEYWORD_KEYS,
    RANGE_KEYS,
    Condition,
    Exists,
    HasVector,
    Like,
    Not,
    Range,
)
from resources.vector_index.derived_keys import COUNTED, COUNTED_KEY, DERIVED, EVERY, FLAGS_KEY, UNDATED, derived
from resources.vector_index.points import Counts, IndexModel, PhotoPoint, RankedList, StoredPhoto, Vector
from resources.vector_index.reach import Reach
from resources.vector_index.spellings import Spellings
from resources.vector_index.words import SparseWords

__all__ = ["ALL_VALUES", "DENSE", "WORDS", "QdrantIndex", "indexed_keys", "stored_payload", "threshold"]

DENSE, WORDS = "image", "words"

# How far past the end a run of equal scores is followed, so that it is cut at an id and not at random.
_MOST_TIES = 256
# So many counts are kept between changes, and of so many ids that conditions name: at 93 bytes each, 47 MB.
_MOST_COUNTED = 500
_MOST_COUNTED_IDS = 500_000
# A median of so many cosines is off by some hundredths of their spread.
_SAMPLED = 500
_SAMPLE_LASTS_S = 60.0
# More than a key has values.
ALL_VALUES = 1_000_000
# Spellings never cost more than a twentieth of the time.
_SPELLINGS_LAST = Lasting(20.0, at_least_s=0.0, at_most_s=60.0)


def indexed_keys() -> dict[str, str]:
    """Payload key -> kind of payload index ("keyword", "names", "float" or "geo"); "names" also finds their parts."""
    words = (KEYWORD_KEYS - COUNTED.keys()) | {FLAGS_KEY, COUNTED_KEY}
    return {
        **dict.fromkeys(sorted(words), "keyword"),
        "names": "names",
        **dict.fromkeys(sorted(RANGE_KEYS), "float"),
        "location": "geo",
    }


def stored_payload(point: PhotoPoint) -> dict[str, Any]:
    """The payload as the engine keeps it: no empty values, the keys of `derived_keys.py`, always `added_at`."""
    kept = {"added_at": 0.0} | {key: value for key, value in point.payload.items() if value is not None and value != []}
    kept["photo_id"] = point.photo_id
    kept["embedded"] = point.vector is not None
    return kept | derived(kept)


class QdrantIndex(ABC):
    """The part of `VectorIndex` that does not depend on how the engine is called."""

    # How long counts may be kept: for ever where every change passes through this object.
    _counts_last_s = math.inf

    def __init__(self, generation: str, model: IndexModel | None) -> None:
        self._generation = generation
        self._model = model
        self._counted: dict[Hashable, tuple[float, Any, int]] = {}
        self._changes_seen = 0
        self._sampled: tuple[int, float, Vector] | None = None
        self._spelled: dict[str, tuple[int, float, Spellings]] = {}
        self._reach = Reach()

    @property
    def generation(self) -> str:
        return self._generation

    @property
    def model(self) -> IndexModel | None:
        return self._model

    # What a home brings.

    @abstractmethod
    def count(self, condition: Condition | None = None) -> int: ...

    @abstractmethod
    def _search(
        self, query: Vector | SparseWords, using: str, limit: int, condition: Condition | None, least: float | None
    ) -> RankedList: ...

    @abstractmethod
    def _ordered(self, key: str, descending: bool, limit: int, condition: Condition | None) -> RankedList:
        """`limit` photos by the value of the key, which stands for the score. Points without the key are left out."""

    @abstractmethod
    def _walk(self, after: str | None, limit: int, condition: Condition | None) -> list[str]:
        """Ids in id order, above `after`."""

    # What follows from it.

    def point_count(self) -> int:
        return self.counted(None)

    def embedded_count(self) -> int:
        return self.counted(HasVector()) if self._model else 0

    def counted(self, condition: Condition | None) -> int:
        covers, rest = split_covers(condition)
        if covers:  # looking at every point for what few are costs ten times as much as counting those few
            return self.counted(rest) - self.counted(also(rest, MEMBER))
        left_out, rest = split_left_out(condition)
        if left_out:
            return self.counted(rest) - self.count(also(rest, left_out))
        number: int = self._once(condition, lambda: self.count(condition))
        return number

    def valued(self, key: str, limit: int, condition: Condition | None) -> list[tuple[str, int]]:
        if key in COUNTED:  # all at once, as the facets are: who asks for one asks for others
            return self.counts(condition).values[key][:limit]
        counted: list[tuple[str, int]] = self._once(
            (key, limit, condition), lambda: self._valued(key, limit, condition)
        )
        return counted

    def _valued(self, key: str, limit: int, condition: Condition | None) -> list[tuple[str, int]]:
        covers, rest = split_covers(condition)
        if not covers:
            return self.values(key, limit, condition)
        members = dict(self.values(key, ALL_VALUES, also(rest, MEMBER)))
        counts = self.values(key, limit + len(members), rest)
        left = [(value, count - members.get(value, 0)) for value, count in counts]
        return _by_count([pair for pair in left if pair[1] > 0])[:limit]

    def counts(self, condition: Condition | None) -> Counts:
        made: Counts = self._once(("counts", condition), lambda: self._counts(condition))
        return made

    def _counts(self, condition: Condition | None) -> Counts:
        covers, rest = split_covers(condition)
        # With no filter but the covers nothing is looked at but the members; else to look once is cheaper than twice.
        count = self._valued if covers and rest is None else self.values
        by_mark: dict[str, list[tuple[str, int]]] = {}
        for value, number in count(COUNTED_KEY, ALL_VALUES, condition):
            if value[1:] or value in (EVERY, UNDATED):
                by_mark.setdefault(value[0], []).append((value[1:], number))
        total, undated = (sum(number for _, number in by_mark.get(mark, ())) for mark in (EVERY, UNDATED))
        return Counts(total, undated, {key: by_mark.get(mark, []) for key, mark in COUNTED.items()})

    def _lean(self, condition: Condition | None) -> Condition | None:
        """The condition without the look at stacks where there are none: every point would be asked in vain."""
        covers, rest = split_covers(condition)
        return rest if covers and self._counts_last_s == math.inf and not self.counted(MEMBER) else condition

    def _once(self, asked: Hashable, count: Callable[[], Any]) -> Any:
        """What `count` gives, asked once between changes."""
        known = self._counted.get(asked)
        if known and time.monotonic() - known[0] < self._counts_last_s:
            return known[1]
        changes, taken_at = self._changes_seen, time.monotonic()
        found = count()
        if changes == self._changes_seen:  # else a change came between, and the count may be of before it
            named = values_named(asked)
            if named > _MOST_COUNTED_IDS:
                return found
            held = sum(each[2] for each in list(self._counted.values()))
            if len(self._counted) >= _MOST_COUNTED or held + named > _MOST_COUNTED_IDS:
                self._counted.clear()
            self._counted[asked] = taken_at, found, named
        return found

    def spellings(self, key: str) -> Spellings:
        """The distinct values of a key; those that came in the last moment may be missing."""
        changes, asked_at = self._changes_seen, time.monotonic()
        known = self._spelled.get(key)
        if known and (asked_at < known[1] or (known[0] == changes and self._counts_last_s == math.inf)):
            return known[2]
        made = Spellings([value for value, _ in self.values(key, ALL_VALUES)])
        now = time.monotonic()
        self._spelled[key] = changes, now + _SPELLINGS_LAST.seconds(now - asked_at), made
        return made

    def spelled(self, like: Like) -> tuple[str, ...]:
        """The values of its key that it means."""
        return self.spellings(like.key).meant(like)

    def set_roots(self, reached: Mapping[str, bool]) -> None:
        reach = Reach.of(reached)
        if reach != self._reach:
            self._reach = reach
            self._changed()  # what was counted of photos that are offline

    def offline(self) -> Condition:
        """What `Offline` means now."""
        return self._reach.offline()

    def _payload(self, stored: Mapping[str, Any] | None) -> dict[str, Any]:
        """A stored payload without what was derived for the engine, and with `offline` as it is now."""
        said = {key: value for key, value in (stored or {}).items() if key not in DERIVED}
        return said | {"offline": self._reach.is_offline(said.get("root_ids", ()))}

    @abstractmethod
    def get(self, photo_ids: Sequence[str], vectors: bool = False) -> dict[str, StoredPhoto]: ...

    def values(self, key: str, limit: int = 100, condition: Condition | None = None) -> list[tuple[str, int]]:
        if key not in COUNTED:
            return _by_count(self._facet(key, limit, condition))[:limit]

        def count() -> list[tuple[str, int]]:
            return self._facet(COUNTED_KEY, ALL_VALUES, condition)

        # Of the whole library all keys are asked for, one after the other.
        counts = self._once(COUNTED_KEY, count) if condition is None else count()
        mark = COUNTED[key]
        return _by_count([(value[1:], number) for value, number in counts if value[0] == mark and value[1:]])[:limit]

    @abstractmethod
    def _facet(self, key: str, limit: int, condition: Condition | None) -> list[tuple[str, int]]:
        """Values of an indexed key with how many points hold them, the most frequent `limit` in any order."""

    def _changed(self) -> None:
        self._changes_seen += 1
        self._counted.clear()

    def nearest(
        self, vector: Vector, limit: int, condition: Condition | None = None, least: float | None = None
    ) -> RankedList:
        if self._model is None or limit < 1:
            return _NOTHING
        lean = self._lean(condition)
        found = _widened(limit, lambda n: self._search(vector, DENSE, n, lean, least))
        return self._to_the_tie(found, limit, lambda n, least: self._search(vector, DENSE, n, lean, least))

    def matching(
        self, words: SparseWords, limit: int, condition: Condition | None = None, least: float | None = None
    ) -> RankedList:
        if not words or limit < 1:
            return _NOTHING
        lean = self._lean(condition)
        found = self._search(words, WORDS, limit + _MOST_TIES, lean, least)  # captions tie often
        found = self._to_the_tie(found, limit, lambda n, least: self._search(words, WORDS, n, lean, least))
        return found.first(bisect_left(found.scores, 0.0, key=neg))

    def _to_the_tie(self, found: RankedList, limit: int, fetch: Callable[[int, float], RankedList]) -> RankedList:
        """The best `limit`, which none that is equal to the last and stands before it by its id is missing from.

        A longer list would begin with others otherwise, and pages of the two would not fit together.
        """
        if len(found) == limit + _MOST_TIES and found.scores[-1] == found.scores[limit - 1]:
            found = fetch(self.point_count(), found.scores[-1])
        return found.first(limit)

    def browse(
        self, limit: int, offset: int = 0, condition: Condition | None = None, newest_first: bool = True
    ) -> list[str]:
        if limit < 1:
            return []
        end = offset + limit
        found, dated = self._in_order("taken_at", newest_first, offset, end, condition)
        if dated < end:
            undated = also(condition, Not(Exists("taken_at")))
            found += self._in_order("added_at", True, max(0, offset - dated), end - dated, undated)[0]
        return found

    def browse_after(
        self,
        place: tuple[str, float, str],
        limit: int,
        condition: Condition | None = None,
        newest_first: bool = True,
    ) -> list[str]:
        key, value, photo_id = place
        dated = key == "taken_at"
        held = condition if dated else also(condition, Not(Exists("taken_at")))
        found = self._walk(photo_id, limit, also(held, Range(key, gte=value, lte=value)))
        descending = newest_first or not dated
        beyond = Range(key, lt=value) if descending else Range(key, gt=value)
        if len(found) < limit:
            found += self._in_order(key, descending, 0, limit - len(found), also(held, beyond))[0]
        if len(found) < limit and dated:
            undated = also(condition, Not(Exists("taken_at")))
            found += self._in_order("added_at", True, 0, limit - len(found), undated)[0]
        return found

    def sample(self) -> Vector:
        changes, asked_at = self._changes_seen, time.monotonic()
        if self._sampled:
            lasting = len(self._sampled[2]) == _SAMPLED and asked_at - self._sampled[1] < _SAMPLE_LASTS_S
            if lasting or (self._sampled[0] == changes and self._counts_last_s == math.inf):
                return self._sampled[2]
        # Ids are hashes, so the first ones are as good as any.
        drawn = [held.vector for held in self.get(self._walk(None, _SAMPLED, HasVector()), vectors=True).values()]
        dim = self._model.dim if self._model else 0
        vectors = np.array([vector for vector in drawn if vector is not None], np.float32).reshape(-1, dim)
        self._sampled = changes, time.monotonic(), vectors
        return vectors

    def ids(self, after: str | None, limit: int, condition: Condition | None = None) -> list[str]:
        return self._walk(after, limit, condition)

    def _in_order(
        self, key: str, descending: bool, start: int, end: int, condition: Condition | None
    ) -> tuple[list[str], int]:
        """The ids at these places by (value, id), and how many there are up to `end`.

        A run of equal values at the end is fetched whole, then cut: the engine breaks ties as it likes.
        """
        found = self._ordered(key, descending, end, condition)
        if len(found) < end:
            return [photo_id for photo_id, _ in found[start:]], len(found)
        last = found.scores[-1]
        before = found.scores.index(last)
        tied = self._walk_all(also(condition, Range(key, gte=last, lte=last)))[: end - before]
        ids = [photo_id for photo_id, _ in found[start:before]] + tied[max(0, start - before) :]
        return ids, before + len(tied)

    def _walk_all(self, condition: Condition | None) -> list[str]:
        found: list[str] = []
        while True:
            page = self._walk(found[-1] if found else None, 4096, condition)
            found += page
            if len(page) < 4096:
                return found


_NOTHING = RankedList([], str)


def _by_count(counts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(counts, key=lambda pair: (-pair[1], pair[0]))


def threshold(least: float | None) -> float | None:
    """What an engine that gives only scores above its threshold, as float32, is asked for to give `least` too."""
    return None if least is None else float(np.nextafter(np.float32(least), np.float32(-np.inf)))


def _widened(limit: int, fetch: Callable[[int], RankedList]) -> RankedList:
    """The best `limit`, and more where a tie stands at the edge: engines break ties as they like, here the id does."""
    hits = fetch(limit + 1)
    if len(hits) > limit and hits.scores[limit] == hits.scores[limit - 1]:
        hits = fetch(limit + _MOST_TIES)
    return hits
