"""Engines that stand by: the file is closed after each block, whatever happened in it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

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


def test_what_does_not_fit_into_memory_goes_beside_the_file_and_does_not_stay(path: Path) -> None:
    spill = path.with_name(f"{path.name}.tmp")
    with opened(path) as connection:
        connection.execute("SET memory_limit = '40MB'")
        connection.execute("CREATE TEMP TABLE big AS SELECT range, md5(range::TEXT) AS text FROM range(1_000_000)")
        assert spill.is_dir()
    assert not spill.exists()
    with opened(path) as connection:
        assert connection.execute("SELECT current_setting('memory_limit')").fetchall() == [("1.8 GiB",)]


def test_forked_child_opens_the_file_by_itself(path: Path) -> None:
    assert count(path) == 10
    child = os.fork()
    if child == 0:
        os._exit(0 if count(path) == 10 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert count(path) == 10
