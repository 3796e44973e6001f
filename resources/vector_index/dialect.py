"""A tree of conditions in the words of an engine: one recursion, and a thin vocabulary for each engine.

The vocabularies are `edge_dialect.py` and `server_dialect.py`: the server's client takes a second to import, and
few need it.

The embedded engine's `MatchValue(True)` becomes the integer 1 and matches no boolean (qdrant-edge-py 0.9.0), so the
payload's booleans are also kept as names in the keyword list `FLAGS_KEY`, in both homes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resources.vector_index.conditions import (
    And,
    AnyOf,
    Condition,
    Exists,
    Flag,
    HasVector,
    Ids,
    InBox,
    Like,
    Named,
    Near,
    Not,
    Offline,
    Or,
    Range,
)
from resources.vector_index.derived_keys import COUNTED, COUNTED_KEY, FLAGS_KEY, UNSET
from resources.vector_index.words import folded

__all__ = ["Dialect"]


class Dialect:
    """`filter(condition)` gives the engine's filter.

    `dense_name` None says that points have no vector at all. `spelled` gives the values that a `Like` means, `offline`
    what `Offline` means now.
    """

    def __init__(
        self, dense_name: str | None, spelled: Callable[[Like], tuple[str, ...]], offline: Callable[[], Condition]
    ) -> None:
        self._dense_name = dense_name
        self._spelled = spelled
        self._offline = offline

    def filter(self, condition: Condition | None) -> Any:
        return None if condition is None else self._all([self._translate(condition)])

    def _translate(self, condition: Condition) -> Any:
        match condition:
            case And(parts):
                return self._all([self._translate(part) for part in parts])
            case Or(()):
                return self._none()
            case Or(parts):
                return self._any([self._translate(part) for part in parts])
            case Not(Flag(name)) if name in UNSET:
                return self._any_of(FLAGS_KEY, [UNSET[name]])
            case Not(part):
                return self._not(self._translate(part))
            case AnyOf(_, ()):
                return self._none()
            case AnyOf(key, values) if key in COUNTED:
                return self._any_of(COUNTED_KEY, [COUNTED[key] + value for value in values])
            case AnyOf(key, values):
                return self._any_of(key, list(values))
            case Like():
                return self._translate(AnyOf(condition.key, self._spelled(condition)))
            case Offline():
                return self._translate(self._offline())
            case Named(pattern):
                return self._named(folded(pattern))
            case Range():
                return self._range(_one_bound_a_side(condition))
            case Flag(name):
                return self._any_of(FLAGS_KEY, [name])
            case Exists(key) if key in COUNTED:
                return self._any_of(COUNTED_KEY, [COUNTED[key]])
            case Exists(key):
                return self._not(self._empty(key))
            case HasVector():
                return self._none() if self._dense_name is None else self._has_vector(self._dense_name)
            case Ids(photo_ids):
                return self._ids(list(photo_ids))
            case Near():
                return self._near(condition)
            case InBox():
                return self._any([self._inside(part) for part in _quarters(condition)])

    def _named(self, pattern: str) -> Any:
        first, *others = pattern.split("*")
        if not others:
            return self._any_of("names", [first])
        pieces = [self._contains("names", piece) for piece in others if piece]
        return self._all([*([self._starts("names", first)] if first else []), *pieces])

    def _none(self) -> Any:
        return self._ids([])

    def _all(self, parts: list[Any]) -> Any: ...
    def _any(self, parts: list[Any]) -> Any: ...
    def _not(self, part: Any) -> Any: ...
    def _any_of(self, key: str, values: list[str]) -> Any: ...
    def _starts(self, key: str, text: str) -> Any: ...
    def _contains(self, key: str, text: str) -> Any: ...
    def _range(self, bounds: Range) -> Any: ...
    def _empty(self, key: str) -> Any: ...
    def _has_vector(self, name: str) -> Any: ...
    def _ids(self, photo_ids: list[str]) -> Any: ...
    def _near(self, near: Near) -> Any: ...
    def _inside(self, box: InBox) -> Any: ...


def _quarters(box: InBox) -> list[InBox]:
    """The parts of a box on either side of the equator, of longitude 0 and of the date line.

    The embedded engine finds too little in a box that reaches 90 or 180 degrees and comes from beyond 0.
    """
    spans = [(box.west, box.east)] if box.west <= box.east else [(box.west, 180.0), (-180.0, box.east)]
    return [
        InBox(south, west, north, east)
        for south, north in _parted(box.south, box.north)
        for low, high in spans
        for west, east in _parted(low, high)
    ]


def _parted(low: float, high: float) -> list[tuple[float, float]]:
    return [(low, 0.0), (0.0, high)] if low < 0.0 < high else [(low, high)]


def _one_bound_a_side(bounds: Range) -> Range:
    """The stricter of two lower and of two upper bounds: the embedded engine looks at one of them only."""
    gte, gt, lte, lt = bounds.gte, bounds.gt, bounds.lte, bounds.lt
    if gte is not None and gt is not None:
        gte, gt = (gte, None) if gte > gt else (None, gt)
    if lte is not None and lt is not None:
        lte, lt = (lte, None) if lte < lt else (None, lt)
    return Range(bounds.key, gte=gte, lte=lte, gt=gt, lt=lt)
