"""Answers that many requests share for a moment, so that ten open pages cost the manifest one read a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

__all__ = ["Snapshot"]

T = TypeVar("T")


class Snapshot(Generic[T]):
    """The value of a blocking `load`, at most `max_age_s` seconds old; one load at a time."""

    def __init__(self, load: Callable[[], T], max_age_s: float) -> None:
        self._load = load
        self._max_age_s = max_age_s
        self._lock = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self) -> T:
        """The value; raises what `load` raises, which is not kept."""
        async with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > self._max_age_s:
                value = await run_in_threadpool(self._load)
                self._kept = (time.monotonic(), value)
            return self._kept[1]

    def forget(self) -> None:
        """Load anew at the next `get`: something was changed by a request."""
        self._kept = None
