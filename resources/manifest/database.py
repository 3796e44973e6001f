"""How a DuckDB file is opened: one short transaction under a lock between processes, then closed.

DuckDB lets one process write or many read. While one process holds a file read-write, every other open fails, and a
process that keeps a read-only handle blocks every writer. So nobody holds a handle: `read()` and `write()` open, run
one short transaction and close. Never call a model, decode or wait for the network inside one.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
from filelock import FileLock, Timeout

from resources.errors import LoupeError
from resources.home import storage_error
from resources.manifest.engine_pool import opened

__all__ = ["Database", "Transaction"]

T = TypeVar("T")

_LOCK_POLL_S = 0.004
# What DuckDB says of a file that is none of its own, cut or altered.
_DAMAGED = ("not a valid DuckDB database", "Could not read enough bytes", "Corrupt database file", "checksum")
# What DuckDB says of a file that a newer one made.
_TOO_NEW = "created with a newer version of DuckDB"
# What DuckDB says of a file that another process holds, on POSIX and on Windows.
_HELD_ELSEWHERE = ("Could not set lock on file", "being used by another process")


class Transaction:
    """One open transaction: parameterised SQL in, dicts or Arrow tables out."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._registered = 0

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql, params) if params else self._connection.execute(sql)

    def rows(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        cursor = self.execute(sql, params)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> dict[str, Any] | None:
        found = self.rows(sql, params)
        return found[0] if found else None

    def value(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        # All rows are fetched: DuckDB refuses other work on a connection whose last result is not read to its end.
        rows = self.execute(sql, params).fetchall()
        return rows[0][0] if rows else None

    def arrow(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> pa.Table:
        return self._connection.sql(sql, params=params or None).to_arrow_table()

    @contextmanager
    def relation(self, columns: Mapping[str, Sequence[Any]], types: Mapping[str, pa.DataType]) -> Iterator[str]:
        """Rows held in memory as a relation that SQL can name; the name is valid inside the block."""
        with self.table(pa.table({name: pa.array(columns[name], type=kind) for name, kind in types.items()})) as name:
            yield name

    @contextmanager
    def table(self, table: pa.Table) -> Iterator[str]:
        """As `relation`, of an Arrow table."""
        self._registered += 1
        name = f"given_{self._registered}"
        self._connection.register(name, table)
        try:
            yield name
        finally:
            self._unregister(name)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append `rows` (all with the same keys) to `table` in one statement. Returns how many."""
        if not rows:
            return 0
        names = list(rows[0])
        # An empty result tells Arrow the column types, so that all-NULL columns keep theirs.
        types = self.arrow(f"SELECT {', '.join(names)} FROM {table} LIMIT 0").schema
        given = pa.Table.from_pylist([dict(row) for row in rows], schema=types)
        self._registered += 1
        view = f"given_{self._registered}"
        self._connection.register(view, given)
        try:
            self.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(names)} FROM {view}")
        finally:
            self._unregister(view)
        return len(rows)

    def _unregister(self, name: str) -> None:
        # After a failed statement (a full disk) DuckDB refuses this too: the first error is the one to hear of.
        with suppress(duckdb.TransactionException):
            self._connection.unregister(name)


class Database:
    """A DuckDB file that several processes share. Cheap to build; no handle is kept.

    Raises `MANIFEST_BUSY` when the file stays locked for `timeout_s` seconds, `HOME_TOO_NEW` when a newer DuckDB wrote
    it, and `DAMAGED` when it cannot be read.
    """

    DAMAGED = "MANIFEST_DAMAGED"
    MENDED_BY = "Stop Loupe; `loupe restore latest` puts a backup in its place."

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._inside = threading.local()

    def be_patient(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` seconds from now on: for a run, whose work would be lost and whom nobody waits for."""
        self._timeout_s = timeout_s

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One read-write transaction: committed at the end of the block, rolled back if it raises."""
        with self._open() as connection:
            connection.begin()
            try:
                yield Transaction(connection)
                connection.commit()
            except BaseException:
                _rollback(connection)
                raise

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One transaction whose changes, if any, are thrown away."""
        with self._open() as connection:
            connection.begin()
            try:
                yield Transaction(connection)
            finally:
                _rollback(connection)

    def stamp(self) -> tuple[int, ...]:
        """Sizes and mtimes of the file and its write-ahead log: as long as it is the same, nothing was written."""
        found: list[int] = []
        for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
            with suppress(FileNotFoundError):
                info = path.stat()
                found += [info.st_size, info.st_mtime_ns]
        return tuple(found)

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file, so that a copy of the file alone is whole."""
        with self._open() as connection:
            connection.execute("CHECKPOINT")

    def copy_to(self, target: Path, look: Callable[[Transaction], T]) -> T:
        """Copy the file as it stands between two transactions to `target`. Returns what `look` found in it.

        Nobody else opens the file meanwhile, so it takes no longer than it must: the caller makes the copy durable.
        Raises `OSError` when `target` cannot be written.
        """
        with self._alone() as deadline:
            with self._connected(deadline) as connection:
                connection.execute("CHECKPOINT")
                connection.begin()
                found = look(Transaction(connection))
                _rollback(connection)
            # Only now: closing any handle of a file gives up every lock that this process has on it.
            shutil.copyfile(self.path, target)
        return found

    def delete(self) -> int:
        """Delete the file and its write-ahead log while nobody has it open. Returns the bytes freed."""
        freed = 0
        with self._alone():
            # The log last: without its file it says nothing, and the file without it would be an older state.
            for path in (self.path, self.path.with_name(f"{self.path.name}.wal")):
                with suppress(FileNotFoundError):
                    freed += path.stat().st_size
                    path.unlink()
        return freed

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._alone() as deadline, self._connected(deadline) as connection:
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[float]:
        """No other thread or process of Loupe has the file open inside the block. Yields until when to wait."""
        if getattr(self._inside, "open", False):
            raise RuntimeError(f"{self.path.name}: a transaction is open in this thread already")
        deadline = time.monotonic() + self._timeout_s
        lock = FileLock(self.path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=self._timeout_s, poll_interval=_LOCK_POLL_S)
        except Timeout as error:
            raise self._busy() from error
        except OSError as error:
            raise storage_error(error, self.path.parent) from error
        self._inside.open = True
        try:
            yield deadline
        finally:
            self._inside.open = False
            lock.release()

    @contextmanager
    def _connected(self, deadline: float) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with ExitStack() as stack:
                yield self._connect(deadline, stack)
        except duckdb.Error as error:
            raise self._translated(error) from error

    def _connect(self, deadline: float, stack: ExitStack) -> duckdb.DuckDBPyConnection:
        while True:
            try:
                return stack.enter_context(opened(self.path))
            except duckdb.IOException as error:
                # Only a lock held by a program that does not know our lock file is worth waiting for. The message
                # also names the path, which may say anything.
                if not any(sign in str(error) for sign in _HELD_ELSEWHERE):
                    raise
                if time.monotonic() > deadline:
                    raise self._busy() from error
                time.sleep(random.uniform(0.01, 0.05))

    def _busy(self) -> LoupeError:
        return LoupeError(
            "MANIFEST_BUSY",
            f"{self.path.name} is held by another process. Close the program that has it open and try again.",
            path=str(self.path),
        )

    def _translated(self, error: duckdb.Error) -> Exception:
        text = str(error)
        if "No space left" in text or "out of disk" in text.lower():
            return LoupeError(
                "DISK_FULL", f"No space is left for {self.path}. Free some and run the same command again."
            )
        if "Read-only file system" in text or "Permission denied" in text:
            return LoupeError("HOME_NOT_WRITABLE", f"{self.path} cannot be written to. Check its owner and the disk.")
        if _TOO_NEW in text:
            return LoupeError(
                "HOME_TOO_NEW", f"{self.path} was written by a newer Loupe. Upgrade Loupe.", path=str(self.path)
            )
        if any(sign in text for sign in _DAMAGED):
            return LoupeError(
                self.DAMAGED,
                f"{self.path} is damaged. Your photos are not affected. {self.MENDED_BY}",
                path=str(self.path),
            )
        return error


def _rollback(connection: duckdb.DuckDBPyConnection) -> None:
    # When the transaction ended by itself (a failed commit, a full disk) nothing is left to undo.
    with suppress(duckdb.Error):
        connection.rollback()
