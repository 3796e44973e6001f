"""Creating and migrating the manifest: once, whoever comes first, and never by an older Loupe."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager

from resources.home import Home
from resources.manifest import Manifest, Transaction, newest_schema

TABLES = {
    "roots", "files", "photos", "previews", "embeddings", "captions", "failures", "models", "jobs",
    "folder_signatures", "index_outbox", "projections", "tags", "collections", "collection_photos",
    "api_keys", "audit_log",
}  # fmt: skip

_PREPARE = """
import sys
from pathlib import Path
from resources.home import Home
from resources.manifest import Manifest
Manifest(Home(Path(sys.argv[1])).prepare()).prepare()
"""


def test_prepare_creates_every_table(home: Home) -> None:
    with Manifest(home).prepare().read() as tx:
        found = {row[0] for row in tx.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert found >= TABLES


def test_prepare_again_changes_nothing(home: Home) -> None:
    manifest = Manifest(home).prepare()
    with manifest.write() as tx:
        tx.execute("INSERT INTO tags VALUES ('p', 'holiday', now())")
        before = tx.rows("SELECT * FROM schema_migrations")
    Manifest(home).prepare()
    with manifest.read() as tx:
        assert tx.rows("SELECT * FROM schema_migrations") == before
        assert tx.value("SELECT count(*) FROM tags") == 1


def test_processes_that_race_to_create_it_apply_each_migration_once(home: Home) -> None:
    racers = [subprocess.Popen([sys.executable, "-c", _PREPARE, str(home.path)]) for _ in range(4)]
    assert [racer.wait(60) for racer in racers] == [0, 0, 0, 0]
    with Manifest(home).prepare().read() as tx:
        versions = [row[0] for row in tx.execute("SELECT version FROM schema_migrations ORDER BY version").fetchall()]
    assert versions == sorted(set(versions))
    assert versions[-1] == newest_schema()


def test_a_migration_that_was_left_out_is_applied_later(home: Home) -> None:
    manifest = Manifest(home).prepare()
    with manifest.write() as tx:
        tx.execute("DROP TABLE hidden_content; DROP TABLE given_ratings; DROP TABLE written_captions")
        tx.execute("DELETE FROM schema_migrations WHERE version = 3")
    with Manifest(home).prepare().read() as tx:
        assert tx.value("SELECT count(*) FROM hidden_content") == 0
        assert tx.value("SELECT count(*) FROM schema_migrations WHERE version = 3") == 1


def test_process_that_comes_second_finds_the_migration_done(home: Home) -> None:
    """The other one comes in between: after this one looked which migrations are missing, before it applies them."""

    class Slow(Manifest):
        transactions = 0

        def write(self) -> AbstractContextManager[Transaction]:
            self.transactions += 1
            if self.transactions == 2:
                Manifest(home).prepare()
            return super().write()

    slow = Slow(home).prepare()
    assert slow.transactions >= 2
    with slow.read() as tx:
        assert tx.value("SELECT count(*) FROM schema_migrations WHERE version = 1") == 1
