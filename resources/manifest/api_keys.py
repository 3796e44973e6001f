"""Table `api_keys`: who may use the API. A key's secret part is kept as its hash alone (`resources/keys.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = ["add", "all_rows", "named", "note_used", "remove", "remove_expired", "take_link"]


def add(
    tx: Transaction, key_id: str, secret_sha256: str, name: str, kind: str, scopes: str, expires_at: datetime | None
) -> None:
    """A new row. `kind` is key, session or link; `scopes` some of read,write,admin."""
    tx.execute(
        "INSERT INTO api_keys (key_id, secret_sha256, name, kind, scopes, created_at, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [key_id, secret_sha256, name, kind, scopes, utc_now(), expires_at],
    )


def all_rows(tx: Transaction) -> list[dict[str, Any]]:
    """Every row, oldest first; those that have expired too."""
    return tx.rows("SELECT * FROM api_keys ORDER BY created_at, key_id")


def named(tx: Transaction, name: str) -> list[dict[str, Any]]:
    """The rows that have this name or this id."""
    return tx.rows("SELECT * FROM api_keys WHERE name = ? OR key_id = ? ORDER BY created_at, key_id", [name, name])


def remove(tx: Transaction, name: str) -> int:
    """Delete the rows that have this name or this id. Returns how many."""
    return len(tx.execute("DELETE FROM api_keys WHERE name = ? OR key_id = ? RETURNING 1", [name, name]).fetchall())


def remove_expired(tx: Transaction) -> None:
    """Delete sessions and links whose time is over; a key that has expired stays to be seen."""
    tx.execute("DELETE FROM api_keys WHERE kind <> 'key' AND expires_at < ?", [utc_now()])


def take_link(tx: Transaction, key_id: str) -> dict[str, Any] | None:
    """Delete the sign-in link of this id and hand out its row, to one caller alone."""
    row = tx.one("SELECT * FROM api_keys WHERE key_id = ? AND kind = 'link'", [key_id])
    if row:
        tx.execute("DELETE FROM api_keys WHERE key_id = ?", [key_id])
    return row


def note_used(tx: Transaction, used_at: Mapping[str, datetime]) -> None:
    """Remember when keys were used last, by id."""
    for key_id, moment in used_at.items():
        tx.execute("UPDATE api_keys SET last_used_at = ? WHERE key_id = ?", [moment, key_id])
