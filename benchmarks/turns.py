"""Rivals timed in turn, so that a machine that slows down slows all of them.

Belongs here: who goes when, and which of several times counts. Not here: what is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

__all__ = ["least_seconds"]


def least_seconds(rivals: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """The least disturbed of `rounds` times, by rival, after one that does not count (first calls pay for set-up)."""
    for run in rivals.values():
        run()
    took = dict.fromkeys(rivals, float("inf"))
    for _ in range(rounds):
        for name, run in rivals.items():
            began = time.perf_counter()
            run()
            took[name] = min(took[name], time.perf_counter() - began)
    return took
