"""DuckDB engines that stand by without a file: making one costs ten times as much as opening a small file in it."""

from __future__ import annotations

import atexit
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb

__all__ = ["opened"]

_CONFIG: dict[str, Any] = {"threads": 2, "memory_limit": "2GB", "preserve_insertion_order": False}
_STAND_BY = 2
_TEXT = "'"


class _Pool:
    """Engines that nobody uses, at most `_STAND_BY`. One engine serves one transaction at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[duckdb.DuckDBPyConnection] = []

    def take(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return duckdb.connect(config=_CONFIG)

    def put_back(self, engine: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if len(self._idle) < _STAND_BY:
                self._idle.append(engine)
                return
        engine.close()

    def end(self) -> None:
        with self._lock:
            self._end()

    def before_fork(self) -> None:
        """A forked child has none of the threads of an engine, and could not end it: none is left to it."""
        self._lock.acquire()
        self._end()

    def after_fork(self) -> None:
        self._lock.release()

    def _end(self) -> None:
        while self._idle:
            self._idle.pop().close()


_POOL = _Pool()
atexit.register(_POOL.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_POOL.before_fork, after_in_parent=_POOL.after_fork, after_in_child=_POOL.after_fork)


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file at `path`, made if need be, and closed after the block, with a connection of its own.

    Raises what `duckdb.connect` would. Only an engine with which all went well is used again: some errors leave it
    unusable, and ending it is what surely closes the file.
    """
    # As `duckdb.connect` names it, should the file keep the name in what it stores.
    name = _quoted(path.name.partition(".")[0] or path.stem, '"')
    spill = path.with_name(f"{path.name}.tmp")  # as there
    usable = False
    engine = _POOL.take()
    try:
        engine.execute(f"SET temp_directory = {_quoted(str(spill), _TEXT)}")
        engine.execute(f"ATTACH {_quoted(str(path), _TEXT)} AS {name} (TYPE duckdb)")
        if spill.exists():  # of a process that was killed: the file is open here alone
            shutil.rmtree(spill, ignore_errors=True)
        with closing(engine.cursor()) as connection:
            connection.execute(f"USE {name}")
            yield connection
        engine.execute(f"DETACH {name}")
        usable = not spill.exists()  # an engine that spilled can have no other place for it
    finally:
        if usable:
            _POOL.put_back(engine)
        else:
            engine.close()


def _quoted(text: str, sign: str) -> str:
    return sign + text.replace(sign, sign * 2) + sign
