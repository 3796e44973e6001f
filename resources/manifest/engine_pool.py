"""DuckDB engines that stand by without a file: making one costs ten times as much as opening a small file in it."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        # In a forked child the threads of an engine are gone, and ending it would wait for them.
        self._inherited: list[duckdb.DuckDBPyConnection] = []

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
        while self._idle:
            self._idle.pop().close()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._inherited, self._idle = self._idle, []


_POOL = _Pool()
atexit.register(_POOL.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_POOL.forget)


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file at `path`, made if need be, and closed after the block, with a connection of its own.

    Raises what `duckdb.connect` would. After an error of DuckDB its engine is not used again: some leave it unusable.
    """
    name = _quoted(path.stem, '"')  # as `duckdb.connect` names it: the file keeps the name in what it stores
    spill = path.with_name(f"{path.name}.tmp")  # as there
    engine = _POOL.take()
    try:
        engine.execute(f"SET temp_directory = {_quoted(str(spill), _TEXT)}")
        engine.execute(f"ATTACH {_quoted(str(path), _TEXT)} AS {name} (TYPE duckdb)")
        with _closed_after(engine, name) as connection:
            connection.execute(f"USE {name}")
            yield connection
    except duckdb.Error:
        engine.close()  # and the file with it
        raise
    except BaseException:
        _POOL.put_back(engine)
        raise
    if spill.exists():  # an engine that spilled can have no other place for it, and removes it when it ends
        engine.close()
    else:
        _POOL.put_back(engine)


@contextmanager
def _closed_after(engine: duckdb.DuckDBPyConnection, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = engine.cursor()
    try:
        yield connection
    except duckdb.Error:
        connection.close()
        raise
    except BaseException:
        connection.close()
        engine.execute(f"DETACH {name}")
        raise
    connection.close()
    engine.execute(f"DETACH {name}")


def _quoted(text: str, sign: str) -> str:
    return sign + text.replace(sign, sign * 2) + sign
