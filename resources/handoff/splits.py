"""Dividing photos into train, validation and test, so that photos that show the same never stand on both sides.

Photos that belong together (duplicates of every tier, stacks, equal pixels, pages of one file) go as one. Which side
they go to is a hash of the seed and of the smallest id among them, not a draw: the same photo stays on its side when
the library grows around it, and shares are met on the average, not exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from resources.errors import LoupeError

__all__ = ["SPLITS", "Splits", "parse_shares"]

SPLITS = ("train", "val", "test")


def parse_shares(text: str) -> tuple[float, float, float]:
    """ "80,10,10" as shares of train, val and test that make 1. Raises `INVALID_REQUEST`."""
    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    total = sum(parts)
    if len(parts) != len(SPLITS) or any(not 0 <= part < float("inf") for part in parts) or not 0 < total < float("inf"):
        raise LoupeError("INVALID_REQUEST", f"Shares of train, val and test are three numbers like 80,10,10: '{text}'.")
    return parts[0] / total, parts[1] / total, parts[2] / total


class Splits:
    """`related` are pairs (key, photo id): photos with a common key belong together, and so do theirs in turn."""

    def __init__(self, shares: Sequence[float], seed: int, related: Iterable[tuple[str, str]]) -> None:
        self._shares = tuple(shares)
        self._seed = seed
        self._parent: dict[str, str] = {}
        first: dict[str, str] = {}
        for key, photo_id in related:
            self._join(first.setdefault(key, photo_id), photo_id)

    def of(self, photo_id: str) -> str:
        """One of `SPLITS`."""
        digest = hashlib.sha256(f"{self._seed}:{self._root(photo_id)}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64
        for split, share in zip(SPLITS, self._shares, strict=True):
            place -= share
            if place < 0:
                return split
        return next(split for split, share in zip(SPLITS[::-1], self._shares[::-1], strict=True) if share)  # rounding

    def _root(self, photo_id: str) -> str:
        root = photo_id
        while (above := self._parent.get(root, root)) != root:
            root = above
        while (above := self._parent.get(photo_id, photo_id)) != root:  # the way is shorter next time
            self._parent[photo_id], photo_id = root, above
        return root

    def _join(self, one: str, other: str) -> None:
        # The smallest id is the root, so that it names the set whatever the order of the pairs.
        low, high = sorted((self._root(one), self._root(other)))
        if low != high:
            self._parent[high] = low
            self._parent.setdefault(low, low)
