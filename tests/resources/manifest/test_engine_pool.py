"""Engines that stand by: the file is closed after each block, whatever happened in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from resources.manifest import engine_pool
from resources.manifest.database import Database
from resources.manifest.engine_pool import opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "it's a file.duckdb"
    with opened(path) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT range AS number FROM range(10)")
    return path


def open_handles(path: Path) -> list[str]:
    found = []
    for handle in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(handle))
        except FileNotFoundError:  # closed meanwhile
            continue
    return [name for name in found if name.startswith(str(path))]


def count(path: Path) -> int:
    with opened(path) as connection:
        row = connection.execute("SELECT count(*) FROM numbers").fetchone()
        assert row is not None
        assert open_handles(path)
    return int(row[0])


def test_file_is_that_of_a_plain_connection(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SEQUENCE numbered; CREATE TABLE rows (id BIGINT DEFAULT nextval('numbered'), a INT)")
    with opened(path) as connection:
        connection.execute("INSERT INTO rows (a) VALUES (1); CREATE TABLE more (id BIGINT DEFAULT nextval('numbered'))")
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO rows (a) VALUES (2); INSERT INTO more DEFAULT VALUES")
        assert connection.execute("SELECT id, a FROM rows ORDER BY id").fetchall() == [(1, 1), (2, 2)]
        assert connection.execute("SELECT id FROM more").fetchall() == [(3,)]


@pytest.mark.parametrize("error", [KeyError("x"), duckdb.InvalidInputException("x"), KeyboardInterrupt()])
def test_file_is_closed_after_an_error(path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), opened(path) as connection:
        connection.execute("BEGIN; DELETE FROM numbers")
        raise error
    assert open_handles(path) == []
    assert count(path) == 10
    assert open_handles(path) == []


def test_results_that_are_still_held_do_not_keep_the_file_open(path: Path) -> None:
    with opened(path) as connection:
        held = [connection.execute("SELECT * FROM numbers"), connection.sql("SELECT * FROM numbers")]
    assert (open_handles(path), count(path), len(held)) == ([], 10, 2)


def test_what_was_made_for_one_transaction_is_gone_in_the_next(path: Path) -> None:
    for _ in range(2):
        with opened(path) as connection:
            connection.execute("CREATE TEMP TABLE few AS SELECT 1")
            connection.register("given", connection.sql("SELECT 1").to_arrow_table())
    with opened(path) as connection, pytest.raises(duckdb.CatalogException):
        connection.execute("FROM given")


@pytest.mark.parametrize("error", [None, KeyError("x")])
def test_an_engine_that_spilled_is_not_used_for_another_file(path: Path, error: Exception | None) -> None:
    other = path.with_name("other.duckdb")
    try:
        with opened(path) as connection:
            connection.execute("SET memory_limit = '40MB'")
            connection.execute("CREATE TEMP TABLE big AS SELECT range, md5(range::TEXT) AS text FROM range(1_000_000)")
            if error:
                raise error
    except KeyError:
        pass
    with opened(other) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 1 AS number")
    assert count(other) == 1


def test_what_a_killed_process_spilled_is_removed(path: Path) -> None:
    spill = path.with_name(f"{path.name}.tmp")
    spill.mkdir()
    (spill / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(bytes(1000))
    assert (count(path), spill.exists()) == (10, False)


def test_an_engine_is_used_again_only_if_all_went_well(path: Path) -> None:
    database = Database(path)
    with database.read():
        pass
    kept = engine_pool._POOL._idle[-1]
    with database.read() as tx:
        assert tx.value("SELECT count(*) FROM numbers") == 10
    assert engine_pool._POOL._idle[-1] is kept
    with pytest.raises(duckdb.ConstraintException), database.write() as tx:
        tx.execute("CREATE TABLE once (a INT PRIMARY KEY); INSERT INTO once VALUES (1), (1)")
    assert kept not in engine_pool._POOL._idle
    with database.read() as tx:
        assert tx.value("SELECT count(*) FROM numbers") == 10


def test_what_does_not_fit_into_memory_goes_beside_the_file_and_does_not_stay(path: Path) -> None:
    spill = path.with_name(f"{path.name}.tmp")
    with opened(path) as connection:
        connection.execute("SET memory_limit = '40MB'")
        connection.execute("CREATE TEMP TABLE big AS SELECT range, md5(range::TEXT) AS text FROM range(1_000_000)")
        assert spill.is_dir()
    assert not spill.exists()
    with opened(path) as connection:
        assert connection.execute("SELECT current_setting('memory_limit')").fetchall() == [("1.8 GiB",)]


_FORKED = """
import os, signal, sys
from pathlib import Path
from test_engine_pool import count

signal.alarm(60)
path = Path(sys.argv[1])
assert count(path) == 10
child = os.fork()
if child == 0:
    assert count(path) == 10
    sys.exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
assert count(path) == 10
"""


def test_forked_child_opens_the_file_by_itself_and_ends_in_good_order(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _FORKED, str(path)], check=True, timeout=90, env=environment)
