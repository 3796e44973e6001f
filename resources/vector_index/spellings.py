"""Which values of a key a person's text means: case, accents, single words and `*` aside.

The engine compares exactly. A key has few distinct values beside its photos (cameras, tags, folders), so a text is
looked up among them and the engine is asked for those it means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
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
            return self._fitting(_whole(wanted) if wanted.startswith("/") else _path_end(wanted))
        if how == "words" and "*" in wanted:
            return self._fitting(_inside(wanted))
        if how == "words":
            words = [self._with_word(word) for word in wanted.split() if tokens(word)]
            return set.intersection(*words) if words else []
        if how == "glob" and "*" in wanted:
            return self._fitting(_whole(wanted))
        return self._by_name.get(wanted, [])

    def _fitting(self, fits: Callable[[str], bool]) -> list[int]:
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

    def _with_word(self, word: str) -> set[int]:
        """A name has it as it stands, or all its parts: "xt4" and "x-t4" mean "X-T4", "24-70" means "24-70mm"."""
        pieces = tokens(word)
        if len(pieces) > 1 and pieces[0] == folded(word):  # as it stands, before its parts
            pieces = pieces[1:]
        parts = [self._by_token.get(_root(token), set()) for token in pieces]
        return set.intersection(*parts) | self._by_token.get(_joined(word), set())

    @cached_property
    def _by_token(self) -> dict[int | str, set[int]]:
        found: dict[int | str, set[int]] = {}
        for number, value in enumerate(self.values):
            name = _APERTURE.sub(" ", value)
            for token in map(_root, tokens(name)):
                found.setdefault(token, set()).add(number)
            for word in name.split():
                found.setdefault(_joined(word), set()).add(number)
        return found

    @cached_property
    def _by_stem(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number, value in enumerate(self.values):
            if (root := stem(value)) is not None:
                found.setdefault(root, []).append(number)
        return found


# Where the aperture follows the length without a space: "XF18-55mmF2.8-4".
_APERTURE = re.compile(r"(?<=\dmm)(?=[Ff]\d)")


def _joined(word: str) -> str:
    """The letters and digits of a word, which may be what a person types."""
    return "".join(filter(str.isalnum, folded(word)))


def _root(token: str) -> int | str:
    """The same for every form of a word; a stop word is itself."""
    number = stem(token)
    return token if number is None else number


# A text with `*` is looked for piece by piece, each at the first place behind the one before. A regular expression
# would try every way to share a name among the stars, and keep the whole process waiting for it.


def _whole(glob: str) -> Callable[[str], bool]:
    """Whether a name is the glob."""
    first, *others = glob.split("*")
    if not others:
        return glob.__eq__
    *middle, last = others

    def fits(name: str) -> bool:
        at = _behind(name, middle, len(first))
        return name.startswith(first) and name.endswith(last) and 0 <= at <= len(name) - len(last)

    return fits


def _path_end(glob: str) -> Callable[[str], bool]:
    """Whether the last folders of a path are the glob."""
    fits = _whole("*/" + glob)
    return lambda path: fits("/" + path)


def _inside(glob: str) -> Callable[[str], bool]:
    """Whether a name holds the glob, beginning and ending where words do."""
    first, *middle, last = glob.split("*")

    def fits(name: str) -> bool:
        at = name.find(first)
        while first and at > 0 and _in_word(name[at - 1]):
            at = name.find(first, at + 1)
        if at < 0 or (at := _behind(name, middle, at + len(first))) < 0:
            return False
        if not last:
            return True
        end = name.find(last, at) + len(last)
        while end >= len(last) and end < len(name) and _in_word(name[end]):
            end = name.find(last, end - len(last) + 1) + len(last)
        return end >= len(last)

    return fits


def _behind(name: str, pieces: Sequence[str], at: int) -> int:
    """Where `pieces` end, one behind the other from `at` on; -1 when they are not there."""
    for piece in pieces:
        found = name.find(piece, at)
        if found < 0:
            return -1
        at = found + len(piece)
    return at


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
