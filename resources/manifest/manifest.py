"""The manifest file itself: opening, creating and migrating it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from resources.errors import LoupeError
from resources.home import Home, storage_error
from resources.manifest.database import Database, Transaction

__all__ = ["Manifest", "applied_schemas", "newest_schema", "unknown_schemas"]


class Manifest(Database):
    """`manifest.duckdb` of one home. `prepare()` creates or migrates it and must be called before first use."""

    def __init__(self, home: Home, timeout_s: float = 30.0) -> None:
        super().__init__(home.manifest, timeout_s)
        self.home = home

    def prepare(self, *, keep_copy: bool = True) -> Manifest:
        """Create the file or apply the migrations it lacks, each in its own transaction.

        A file that an older Loupe wrote is first copied to `backups/manifest-schema-N-before-M.duckdb`, unless the
        caller has a copy. Raises `MANIFEST_MISSING` when there is none and the home holds what one described,
        `HOME_TOO_NEW` when a newer Loupe wrote it, `RESTORE_UNFINISHED` when a restore was killed half way, and
        `DISK_FULL` or `HOME_NOT_WRITABLE` when the copy cannot be made.
        """
        if (self.home.restoring / "commit.json").exists():
            raise LoupeError(
                "RESTORE_UNFINISHED",
                f"A restore of {self.home.path} was interrupted half way. Run the same `loupe restore` again.",
                path=str(self.home.path),
            )
        migrations = _migrations()
        newest = max(migrations)
        with self.write() as tx:
            tx.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL)"
            )
            applied = applied_schemas(tx)
            if not applied and self.home.holds_results():
                raise LoupeError(
                    "MANIFEST_MISSING",
                    f"{self.path} is gone or empty, but vectors or previews of its photos are there. Your photos are "
                    f"not affected. `loupe restore latest` puts a backup in its place.",
                    path=str(self.path),
                )
        current = max(applied, default=0)
        if unknown := unknown_schemas(applied):
            raise LoupeError(
                "HOME_TOO_NEW",
                f"{self.path} was written by a newer Loupe: schema {unknown[-1]} is not known here. Upgrade Loupe.",
                found=unknown[-1],
                known=newest,
            )
        # By number, not from the highest on: two changes that were made at once may have been released out of order.
        missing = sorted(migrations.keys() - applied)
        if keep_copy and applied and missing:
            self._copy_before(current, newest)
        for version in missing:
            with self.write() as tx:
                # Another process may have come first between the two transactions.
                if tx.value("SELECT count(*) FROM schema_migrations WHERE version = ?", [version]) == 0:
                    tx.execute(migrations[version])
                    tx.execute("INSERT INTO schema_migrations VALUES (?, now() AT TIME ZONE 'UTC')", [version])
        return self

    def _copy_before(self, current: int, newest: int) -> None:
        """Whole or not at all; an earlier copy of the same step, by an upgrade that was killed, is replaced."""
        kept = self.home.backups / f"manifest-schema-{current:04d}-before-{newest:04d}.duckdb"
        written = kept.with_name(f".{kept.name}")
        try:
            kept.parent.mkdir(exist_ok=True)
            self.copy_to(written, lambda tx: None)
            with open(written, "rb+") as stream:
                os.fsync(stream.fileno())
            os.replace(written, kept)
        except OSError as error:
            written.unlink(missing_ok=True)
            raise storage_error(error, self.home.backups) from error


def applied_schemas(tx: Transaction) -> set[int]:
    """The numbers of the migrations that made this manifest."""
    return {row[0] for row in tx.execute("SELECT version FROM schema_migrations").fetchall()}


def newest_schema() -> int:
    """The schema that this Loupe writes."""
    return max(_migrations())


def unknown_schemas(numbers: Iterable[int]) -> list[int]:
    """Those of `numbers` that only a newer Loupe can have written, ascending: also one between those known here."""
    return sorted(set(numbers) - _migrations().keys())


def _migrations() -> dict[int, str]:
    folder = files("resources.manifest") / "migrations"
    found = {}
    for entry in folder.iterdir():
        match = re.fullmatch(r"(\d{4})_\w+\.sql", Path(str(entry)).name)
        if match:
            found[int(match.group(1))] = entry.read_text(encoding="utf-8")
    return found
