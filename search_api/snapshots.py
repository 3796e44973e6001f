"""Answers that many requests share for a moment, so that ten open pages cost the manifest one read a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from resources.lasting import Lasting

__all__ = ["Snapshot"]

T = TypeVar("T")

# Loading it never takes more than a tenth of a processor.
_TIMES = 10.0
_MOST_S = 20.0
# What says that nothing changed is believed for so long.
_UNCHANGED_S = 60.0


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T
    loaded_at: float
    lasts_s: float
    of: Hashable


class Snapshot(Generic[T]):
    """The value of a blocking `load`, one load at a time.

    It is at most `max_age_s` seconds old, or ten times as old as loading it takes (up to 20 s), and older as long as
    `state`, which blocks too but costs little, stays the same.
    """

    def __init__(self, load: Callable[[], T], max_age_s: float, state: Callable[[], Hashable] | None = None) -> None:
        self._load = load
        self._lasting = Lasting(_TIMES, max_age_s, max(max_age_s, _MOST_S))
        self._state = state
        self._lock = asyncio.Lock()
        self._kept: _Kept[T] | None = None
        self._forgotten = 0

    async def get(self) -> T:
        """The value; raises what `load` raises, which is not kept."""
        async with self._lock:
            kept = self._kept
            if kept is None or time.monotonic() - kept.loaded_at > kept.lasts_s:
                forgotten = self._forgotten
                kept = await run_in_threadpool(self._renewed, kept)
                if forgotten == self._forgotten:  # else it may be of before the change
                    self._kept = kept
            return kept.value

    def forget(self) -> None:
        """Load anew at the next `get`: something was changed by a request."""
        self._forgotten += 1
        self._kept = None

    def _renewed(self, kept: _Kept[T] | None) -> _Kept[T]:
        began = time.monotonic()
        of = self._state() if self._state else began
        if kept is not None and kept.of == of and began - kept.loaded_at < _UNCHANGED_S:
            return kept
        value = self._load()
        now = time.monotonic()
        return _Kept(value, now, self._lasting.seconds(now - began), of)
