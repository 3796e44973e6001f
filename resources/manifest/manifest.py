"""The manifest file itself: opening, creating and migrating it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest.database import Database

__all__ = ["Manifest"]


class Manifest(Database):
    """`manifest.duckdb` of one home. `prepare()` creates or migrates it and must be called before first use."""

    def __init__(self, home: Home, timeout_s: float = 30.0) -> None:
        super().__init__(home.manifest, timeout_s)

    def prepare(self) -> Manifest:
        """Create the file or apply the migrations it lacks, each in its own transaction.

        Raises `HOME_TOO_NEW` when a newer Loupe wrote it.
        """
        migrations = _migrations()
        newest = max(migrations)
        with self.write() as tx:
            tx.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL)"
            )
            current = tx.value("SELECT coalesce(max(version), 0) FROM schema_migrations")
        if current > newest:
            raise LoupeError(
                "HOME_TOO_NEW",
                f"{self.path} was written by a newer Loupe (schema {current}, this one knows {newest}). Upgrade Loupe.",
                found=current,
                known=newest,
            )
        for version in range(current + 1, newest + 1):
            with self.write() as tx:
                # Another process may have come first between the two transactions.
                if tx.value("SELECT count(*) FROM schema_migrations WHERE version = ?", [version]) == 0:
                    tx.execute(migrations[version])
                    tx.execute("INSERT INTO schema_migrations VALUES (?, now() AT TIME ZONE 'UTC')", [version])
        return self


def _migrations() -> dict[int, str]:
    folder = files("resources.manifest") / "migrations"
    found = {}
    for entry in folder.iterdir():
        match = re.fullmatch(r"(\d{4})_\w+\.sql", Path(str(entry)).name)
        if match:
            found[int(match.group(1))] = entry.read_text(encoding="utf-8")
    return found
