"""Previews that are asked for and not stored (culled to keep the cache small, or lost): made again from the originals.

Belongs here: who waits for what, and how long. Not here: decoding, and which originals can be used.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from resources.engine import LocalEngine
from resources.library import Library
from resources.preview_cache import remake_previews

__all__ = ["LostPreviews"]

log = structlog.get_logger(__name__)

# Previews that may wait to be made, and how many one start of the decode worker makes.
_MOST_WAITING = 64
_AT_ONCE = 4
# A person who waits longer is shown the thumbnail; the preview is made all the same.
_PATIENCE_S = 20.0


class LostPreviews:
    """One thread and one decode worker, so that other requests go on. A preview asked for twice is made once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._asked: dict[str, Future[bool]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._executor = ThreadPoolExecutor(1, "lost-previews")

    async def make(self, pixel_hash: str) -> bool:
        """Whether the preview is stored now: False when it cannot be made, or not in time. Blocks no thread."""
        asked = self._ask(pixel_hash)
        if asked is None:
            return False
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(asked)), _PATIENCE_S)
        except TimeoutError:
            return False

    def close(self) -> None:
        """Give up what is being made."""
        self._stop.set()
        self._executor.shutdown(cancel_futures=True)
        with self._lock:
            left, self._asked = self._asked, {}
        for future in left.values():
            future.set_result(False)

    def _ask(self, pixel_hash: str) -> Future[bool] | None:
        """None when too many wait already."""
        with self._lock:
            known = self._asked.get(pixel_hash)
            if known or self._stop.is_set() or len(self._asked) >= _MOST_WAITING:
                return known
            future = self._asked[pixel_hash] = Future()
            self._executor.submit(self._make_some)
        return future

    def _make_some(self) -> None:
        with self._lock:
            batch = list(self._asked)[:_AT_ONCE]
        if not batch:
            return  # made together with others
        made: set[str] = set()
        try:
            engine = LocalEngine(self._library.settings.model_copy(update={"decode_workers": 1}))
            made = remake_previews(self._library, engine, batch, self._stop)
        except Exception:
            log.exception("previews_not_made")
        with self._lock:
            settled = {pixel_hash: self._asked.pop(pixel_hash) for pixel_hash in batch if pixel_hash in self._asked}
        for pixel_hash, future in settled.items():
            future.set_result(pixel_hash in made)
