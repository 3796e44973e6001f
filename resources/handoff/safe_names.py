"""Names for copies of photos that every system takes: one folder, no two alike.

What Windows forbids in names: "Naming Files, Paths, and Namespaces" of its documentation.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["SafeNames"]

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_MOST_BYTES = 180  # file systems take 255; some room for a number and the ending
_MOST_ENDING = 16


class SafeNames:
    """Gives out names; the second "IMG_1.jpg" becomes "IMG_1 (2).jpg". Case and Unicode form do not tell two apart."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, file_name: str) -> str:
        """A name for a file called so, never a path."""
        stem, ending = _usable(file_name)
        name = given = f"{stem}{ending}"
        number = self._next.get(_key(name), 2)
        while _key(given) in self._taken:
            given = f"{stem} ({number}){ending}"
            number += 1
        self._next[_key(name)] = number
        self._taken.add(_key(given))
        return given


def _usable(file_name: str) -> tuple[str, str]:
    """Stem and ending, ".jpg"."""
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", file_name)).strip(" ").rstrip(". ")
    if _DEVICES.fullmatch(name) or name.startswith("."):
        name = f"_{name}"
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _MOST_ENDING:
        stem, dot, ending = name, "", ""
    while len(stem.encode()) > _MOST_BYTES:
        stem = stem[:-1]
    return stem or "photo", f"{dot}{ending}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
