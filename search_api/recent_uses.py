"""When collections were searched and saved searches run last. Searching waits for nothing: a thread writes it down.

What is not written when the API is killed is lost; it is a note, no fact.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

import structlog

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import collections, saved_searches
from resources.vector_index import And, AnyOf, Condition, Like, Not, Or
from resources.vector_index.spellings import Spellings

__all__ = ["RecentUses", "collections_in"]

log = structlog.get_logger("search_api")

_AT_MOST_EVERY_S = 10.0


class RecentUses:
    """Notes by name, written together at most every ten seconds and at the end."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._searched: dict[Like | AnyOf, datetime] = {}
        self._run: dict[str, tuple[int, datetime]] = {}
        self._written_at = 0.0
        self._stopping = threading.Event()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="recent-uses")
        self._waiting = False

    def search(self, condition: Condition | None) -> None:
        """A search was narrowed by this."""
        if asked := collections_in(condition):
            with self._lock:
                self._searched.update(dict.fromkeys(asked, utc_now()))
            self._write_soon()

    def saved_search(self, name: str, count: int) -> None:
        """A saved search was run and found so many photos."""
        with self._lock:
            self._run[name] = (count, utc_now())
        self._write_soon()

    def close(self) -> None:
        """Write what is left."""
        self._stopping.set()
        self._writer.shutdown(wait=True)
        self._write()

    def _write_soon(self) -> None:
        with self._lock:
            if self._waiting or self._stopping.is_set():
                return
            self._waiting = True
        with suppress(RuntimeError):  # closed meanwhile: `close` writes it
            self._writer.submit(self._write_and_rest)

    def _write_and_rest(self) -> None:
        self._write()
        self._stopping.wait(_AT_MOST_EVERY_S)
        with self._lock:
            self._waiting = False
            left = bool(self._searched or self._run)
        if left and not self._stopping.is_set():
            self._write_soon()

    def _write(self) -> None:
        with self._lock:
            searched, self._searched = self._searched, {}
            run, self._run = self._run, {}
        if not searched and not run:
            return
        try:
            with self._library.manifest.write() as tx:
                known = Spellings(collections.names(tx) if searched else [])
                for asked, moment in searched.items():
                    names = known.meant(asked) if isinstance(asked, Like) else asked.values
                    collections.note_searched(tx, names, moment)
                for name, (count, moment) in run.items():
                    saved_searches.note_run(tx, name, count, moment)
        except LoupeError:
            pass
        except Exception:  # a note is not worth more than the notes after it
            log.exception("recent_uses_not_written")


def collections_in(condition: Condition | None) -> set[Like | AnyOf]:
    """What it asks for of collections; not what it leaves out."""
    match condition:
        case Like("collections") | AnyOf("collections"):
            return {condition}
        case And(parts) | Or(parts):
            return {asked for part in parts for asked in collections_in(part)}
        case Not() | _:
            return set()
