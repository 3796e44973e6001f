"""Nobody holds the manifest: transactions are short, wait for each other, and a foreign process is waited for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Database, Manifest

_WRITE_ROWS = """
import sys
from pathlib import Path
from resources.manifest import Database
database = Database(Path(sys.argv[1]))
for number in range(40):
    with database.write() as tx:
        tx.execute("INSERT INTO t VALUES (?, ?)", [sys.argv[2], number])
"""
_HOLD = """
import sys, time, duckdb
held = duckdb.connect(sys.argv[1], read_only=sys.argv[3] == "reading")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database(tmp_path / "t.duckdb")
    with found.write() as tx:
        tx.execute("CREATE TABLE t (who TEXT, n INTEGER)")
    return found


def count(database: Database) -> int:
    with database.read() as tx:
        return int(tx.value("SELECT count(*) FROM t"))


@contextmanager
def foreign_holder(path: Path, seconds: float, how: str = "writing") -> Iterator[None]:
    """A process that keeps the DuckDB file open and knows nothing of our lock file."""
    arguments = [sys.executable, "-c", _HOLD, str(path), str(seconds), how]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()


def test_three_writers_and_a_polling_reader_lose_no_row(database: Database) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITE_ROWS, str(database.path), name]) for name in ("a", "b", "c")
    ]
    seen = []
    while any(writer.poll() is None for writer in writers):
        seen.append(count(database))
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert seen == sorted(seen), "a reader saw rows disappear"
    assert any(0 < each < 120 for each in seen), "the reader never read between two writes"
    with database.read() as tx:
        assert dict(tx.execute("SELECT who, count(DISTINCT n) FROM t GROUP BY who").fetchall()) == dict.fromkeys(
            "abc", 40
        )


def test_threads_of_one_process_take_turns(database: Database) -> None:
    def write(name: str) -> None:
        for number in range(15):
            with database.write() as tx:
                tx.execute("INSERT INTO t VALUES (?, ?)", [name, number])
            count(database)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 60


@pytest.mark.parametrize("how", ["writing", "reading"])
def test_foreign_process_that_lets_go_is_waited_for(database: Database, how: str) -> None:
    with foreign_holder(database.path, 1.5, how):
        started = time.monotonic()
        with database.write() as tx:
            tx.execute("INSERT INTO t VALUES ('late', 1)")
        assert time.monotonic() - started > 0.5
    assert count(database) == 1


def test_foreign_process_that_does_not_let_go_is_named_busy(database: Database) -> None:
    impatient = Database(database.path, timeout_s=0.5)
    with foreign_holder(database.path, 60), pytest.raises(LoupeError) as caught, impatient.read():
        pass
    assert caught.value.code == "MANIFEST_BUSY"
    assert caught.value.details["path"] == str(database.path)
    assert count(database) == 0, "the file is usable again"


def test_own_lock_held_too_long_is_named_busy(database: Database) -> None:
    impatient = Database(database.path, timeout_s=0.3)
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            holding.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(30)
    try:
        with pytest.raises(LoupeError) as caught, impatient.write():
            pass
        assert caught.value.code == "MANIFEST_BUSY"
    finally:
        release.set()
        holder.join()


def test_other_trouble_is_not_waited_for(tmp_path: Path) -> None:
    """Only a held lock passes by itself. The path must not matter, not even one that says "lock"."""
    damaged = tmp_path / "padlocks" / "t.duckdb"
    damaged.parent.mkdir()
    damaged.write_bytes(b"not a database, but long enough to look at " * 400)
    started = time.monotonic()
    with pytest.raises(LoupeError) as caught, Database(damaged, timeout_s=5).read():
        pass
    assert caught.value.code == "MANIFEST_DAMAGED"
    assert time.monotonic() - started < 3


def test_exception_rolls_everything_back(database: Database) -> None:
    def change_and_fail() -> None:
        with database.write() as tx:
            tx.execute("INSERT INTO t VALUES ('a', 1)")
            tx.execute("CREATE TABLE other (n INTEGER)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert count(database) == 0
    with database.write() as tx:
        tx.execute("CREATE TABLE other (n INTEGER)")  # would exist already


def test_failing_statement_rolls_back_what_came_before(database: Database) -> None:
    def change_and_fail() -> None:
        with database.write() as tx:
            tx.execute("INSERT INTO t VALUES ('a', 1)")
            tx.execute("INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(duckdb.Error, match="no_such_table"):
        change_and_fail()
    assert count(database) == 0


def test_changes_of_a_read_are_thrown_away(database: Database) -> None:
    with database.read() as tx:
        tx.execute("INSERT INTO t VALUES ('a', 1)")
        assert tx.value("SELECT count(*) FROM t") == 1
    assert count(database) == 0


def test_transaction_inside_a_transaction_is_an_error_not_a_deadlock(database: Database) -> None:
    with database.write() as tx:
        with pytest.raises(RuntimeError, match="open in this thread already"), database.read():
            pass
        tx.execute("INSERT INTO t VALUES ('a', 1)")
    assert count(database) == 1


def test_checkpoint_makes_the_file_alone_whole(database: Database, tmp_path: Path) -> None:
    with database.write() as tx:
        tx.execute("INSERT INTO t SELECT 'a', range FROM range(1000)")
    database.checkpoint()
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(database.path.read_bytes())
    assert count(Database(copy)) == 1000


def test_rows_come_as_dicts_and_one_as_none_when_absent(database: Database) -> None:
    with database.write() as tx:
        assert tx.insert("t", [{"who": "a", "n": 1}, {"who": "b", "n": None}]) == 2
        assert tx.insert("t", []) == 0
        assert tx.rows("SELECT * FROM t ORDER BY who") == [{"who": "a", "n": 1}, {"who": "b", "n": None}]
        assert tx.one("SELECT * FROM t WHERE who = ?", ["c"]) is None
        assert tx.value("SELECT n FROM t WHERE who = $who", {"who": "a"}) == 1
        assert tx.arrow("SELECT n FROM t ORDER BY who").column("n").to_pylist() == [1, None]


def test_relation_is_known_inside_its_block_alone(database: Database) -> None:
    with database.read() as tx:
        with tx.relation({"n": [3, 1, 2]}, {"n": pa.int64()}) as given:
            assert tx.value(f"SELECT sum(n) FROM {given}") == 6
        with pytest.raises(Exception, match="does not exist"):
            tx.execute(f"SELECT * FROM {given}")


def test_quotes_in_values_are_values(database: Database) -> None:
    hostile = "Robert'); DROP TABLE t; --"
    with database.write() as tx:
        tx.insert("t", [{"who": hostile, "n": 1}])
        tx.execute("INSERT INTO t VALUES (?, 2)", [hostile])
    with database.read() as tx:
        assert tx.value("SELECT count(*) FROM t WHERE who = ?", [hostile]) == 2


@pytest.mark.parametrize("damage", ["emptied", "cut", "overwritten", "flipped"])
def test_damaged_file_has_a_code_and_stays_as_it_is(home: Home, damage: str) -> None:
    manifest = Manifest(home).prepare()
    with manifest.write() as tx:
        tx.execute("INSERT INTO tags SELECT 'photo' || i, 'holiday', now() FROM range(50000) r(i)")
    manifest.checkpoint()
    path = manifest.path
    whole = path.read_bytes()
    broken = {
        "emptied": b"",
        "cut": whole[:6000],
        "overwritten": b"not a database " * 1000,
        "flipped": whole[:4100] + bytes(byte ^ 0xFF for byte in whole[4100:4200]) + whole[4200:],
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(LoupeError) as caught, Manifest(home).read() as tx:
        tx.value("SELECT count(*) FROM tags WHERE tag = 'holiday'")
    assert caught.value.code == "MANIFEST_DAMAGED"
    assert path.read_bytes() == broken
