"""Which values of a key a person's text means: case, accents, single words and `*` aside.

The engine compares exactly. A key has few distinct values beside its photos (cameras, tags, folders), so a text is
looked up among them and the engine is asked for those it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from resources.vector_index.conditions import Like
from resources.vector_index.words import folded, stem, tokens

__all__ = ["Spellings"]


class Spellings:
    """The distinct values of one key."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = values

    def meant(self, like: Like) -> tuple[str, ...]:
        """The values that one of the texts means, in the order of `values`."""
        found = {number for text in like.texts for number in self._meant(text, like.how)}
        return tuple(self.values[number] for number in sorted(found))

    def _meant(self, text: str, how: str) -> Iterable[int]:
        wanted = folded(text).strip()
        if how == "stem":
            number = stem(wanted)
            return [] if number is None else self._by_stem.get(number, [])
        if how == "path":
            wanted = wanted.rstrip("/") or "/"
            start = "" if wanted.startswith("/") else "(?:.*/)?"
            return self._fitting(re.compile(start + _pattern(wanted), re.DOTALL).fullmatch)
        if how == "words" and "*" in wanted:
            return self._fitting(re.compile(r"(?<!\w)" + _pattern(wanted) + r"(?!\w)", re.DOTALL).search)
        if how == "words":
            parts = [self._by_token.get(_root(token), set()) for token in tokens(wanted)]
            return set.intersection(*parts) if parts else []
        if how == "glob" and "*" in wanted:
            return self._fitting(re.compile(_pattern(wanted), re.DOTALL).fullmatch)
        return self._by_name.get(wanted, [])

    def _fitting(self, fits: object) -> list[int]:
        assert callable(fits)
        return [number for number, name in enumerate(self._folded) if fits(name)]

    @cached_property
    def _folded(self) -> list[str]:
        return [folded(value).strip() for value in self.values]

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, name in enumerate(self._folded):
            found.setdefault(name, []).append(number)
        return found

    @cached_property
    def _by_token(self) -> dict[int | str, set[int]]:
        found: dict[int | str, set[int]] = {}
        for number, value in enumerate(self.values):
            for token in tokens(value):
                found.setdefault(_root(token), set()).add(number)
        return found

    @cached_property
    def _by_stem(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number, value in enumerate(self.values):
            if (root := stem(value)) is not None:
                found.setdefault(root, []).append(number)
        return found


def _root(token: str) -> int | str:
    """The same for every form of a word; a stop word is itself."""
    number = stem(token)
    return token if number is None else number


def _pattern(glob: str) -> str:
    return ".*".join(re.escape(piece) for piece in glob.split("*"))
