"""Where the next page begins, however the library changed in between.

A photo's place by date or by cosine is its own, so the cursor holds the last photo's and goes on below it. Words and
fused ranks depend on all the other photos: such a list is kept for a while and the cursor names it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import secrets
import threading
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from uuid import UUID

from resources.errors import LoupeError
from resources.search.requests import SearchRequest, SearchWarning
from resources.vector_index import Ranked

__all__ = ["Cursor", "KeptRankings", "Ranking", "cursor_expired", "question_of"]

# A list of 2,000 photos takes 80 kB, all together at most 80 MB.
_MOST_KEPT = 200
_MOST_PLACES = 2_000_000


@dataclass(frozen=True)
class Cursor:
    """The end of a page: `rank` photos were given, the last one `photo_id` with `score`.

    `generation` and `question` are those it was made for, `candidates` how deep lists were ranked. When browsing `key`
    is what the last photo is ordered by ("taken_at" or "added_at") and `score` its value; `kept` names a kept list.
    """

    generation: str
    question: str
    candidates: int
    rank: int
    score: float
    photo_id: str
    key: str = ""
    kept: str = ""

    def written(self) -> str:
        content = json.dumps(list(asdict(self).values()), separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, generation: str, question: str) -> Cursor:
        """Raises `INVALID_REQUEST` for what is no cursor of this question, `CURSOR_EXPIRED` for another generation."""
        try:
            cursor = cls(*json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
            valid = all(
                isinstance(value, (int, float) if name.type == "float" else {"str": str, "int": int}[str(name.type)])
                for name, value in zip(fields(cls), asdict(cursor).values(), strict=True)
            )
            UUID(cursor.photo_id)
            valid = valid and math.isfinite(cursor.score) and 0 <= cursor.rank < 1 << 40
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            valid = False
        if not valid:
            raise LoupeError("INVALID_REQUEST", "This is no cursor. Take the one of the page before.")
        if cursor.generation != generation:
            raise cursor_expired()
        if cursor.question != question:
            raise LoupeError("INVALID_REQUEST", "The cursor belongs to another search. Begin this one without it.")
        return cursor


def question_of(request: SearchRequest) -> str:
    """The same for every page of one search, another for another search."""
    asked = [
        request.texts,
        request.or_texts,
        request.photo_ids,
        [(vector.tobytes().hex(), weight) for vector, weight in request.image_vectors],
        [(vector.tobytes().hex(), weight) for vector, weight in request.negative_image_vectors],
        request.negative_texts,
        request.negative_photo_ids,
        request.filters.condition(),
        request.mode,
        request.sort,
        request.cut,
    ]
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def cursor_expired() -> LoupeError:
    return LoupeError("CURSOR_EXPIRED", "The list that this cursor goes on with is not kept any more. Begin again.")


@dataclass(frozen=True)
class Ranking:
    """A whole ranked list, small: 16 bytes an id, a float each for score, cosine and BM25 (NaN: not in that list).

    `shortened`: more photos are relevant than it holds.
    """

    ids: bytes
    scores: array[float]
    meaning: array[float]
    words: array[float]
    total: int
    exact: bool
    relevant: int | None
    shortened: bool
    mode: str
    warnings: tuple[SearchWarning, ...]

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        scores: Mapping[str, float],
        meaning: Mapping[str, float],
        words: Mapping[str, float],
        *,
        total: int,
        exact: bool,
        relevant: int | None,
        shortened: bool,
        mode: str,
        warnings: tuple[SearchWarning, ...],
    ) -> Ranking:
        return cls(
            bytes.fromhex("".join(ids).replace("-", "")),
            array("d", [scores[photo_id] for photo_id in ids]),
            array("d", [meaning.get(photo_id, math.nan) for photo_id in ids]),
            array("d", [words.get(photo_id, math.nan) for photo_id in ids]),
            total,
            exact,
            relevant,
            shortened,
            mode,
            warnings,
        )

    def followed_by(self, longer: Ranking) -> Ranking:
        """This, and behind it what a longer list of the same question has besides."""
        given = {self.ids[at : at + 16] for at in range(0, len(self.ids), 16)}
        places = [n for n in range(len(longer)) if longer.ids[16 * n : 16 * n + 16] not in given]
        return replace(
            longer,
            ids=self.ids + b"".join(longer.ids[16 * n : 16 * n + 16] for n in places),
            scores=self.scores + array("d", [longer.scores[n] for n in places]),
            meaning=self.meaning + array("d", [longer.meaning[n] for n in places]),
            words=self.words + array("d", [longer.words[n] for n in places]),
            total=len(self) + len(places),
        )

    def __len__(self) -> int:
        return len(self.scores)

    def part(self, start: int, end: int) -> list[Ranked]:
        places = range(start, min(end, len(self)))
        return [Ranked(str(UUID(bytes=self.ids[16 * n : 16 * n + 16])), self.scores[n]) for n in places]

    def values(self, of: array[float], start: int, part: Sequence[Ranked]) -> dict[str, float]:
        """The values of `meaning` or `words` for a part that begins at `start`."""
        pairs = ((hit.photo_id, of[start + n]) for n, hit in enumerate(part))
        return {photo_id: value for photo_id, value in pairs if not math.isnan(value)}


class KeptRankings:
    """The lists that cursors name: the latest ones of this process. Safe to use from several threads."""

    def __init__(self, most: int = _MOST_KEPT, most_places: int = _MOST_PLACES) -> None:
        self._most, self._most_places = most, most_places
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Ranking] = OrderedDict()
        self._places = 0

    def keep(self, ranking: Ranking, name: str = "") -> str:
        """Its name; one that has this name already is replaced."""
        name = name or secrets.token_urlsafe(9)
        with self._lock:
            before = self._kept.pop(name, None)
            self._kept[name] = ranking
            self._places += len(ranking) - (len(before) if before else 0)
            while len(self._kept) > self._most or (self._places > self._most_places and len(self._kept) > 1):
                self._places -= len(self._kept.popitem(last=False)[1])
        return name

    def get(self, name: str) -> Ranking:
        """Raises `CURSOR_EXPIRED`."""
        with self._lock:
            ranking = self._kept.get(name)
            if ranking is None:
                raise cursor_expired()
            self._kept.move_to_end(name)
        return ranking
