"""Table `saved_searches`: searches that a person keeps under a name, and what they found last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest.collections import usable
from resources.manifest.database import Transaction

__all__ = ["change", "create", "delete", "get", "list_all", "merge", "note_run"]


def create(tx: Transaction, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a search. Raises `INVALID_REQUEST` for what cannot be a name, `SAVED_SEARCH_EXISTS`."""
    name = _free(tx, usable(name, "A saved search"))
    now = utc_now()
    row = {"name": name, "request": json.dumps(request), "created_at": now, "updated_at": now}
    tx.insert("saved_searches", [row])
    return get(tx, name)


def get(tx: Transaction, name: str) -> dict[str, Any]:
    """The saved search, its `request` as an object. Raises `SAVED_SEARCH_NOT_FOUND`."""
    row = tx.one("SELECT * FROM saved_searches WHERE name = ?", [name])
    if row is None:
        raise LoupeError("SAVED_SEARCH_NOT_FOUND", f"There is no saved search named '{name}'.", name=name)
    return {**row, "request": json.loads(row["request"])}


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every saved search, by name."""
    rows = tx.rows("SELECT * FROM saved_searches ORDER BY name")
    return [{**row, "request": json.loads(row["request"])} for row in rows]


def change(
    tx: Transaction, name: str, *, new_name: str | None = None, request: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give it another name, another request, or both; another request has not been run.

    Raises `SAVED_SEARCH_NOT_FOUND`, `SAVED_SEARCH_EXISTS`, `INVALID_REQUEST`.
    """
    row = get(tx, name)
    if new_name is not None and (called := usable(new_name, "A saved search")) != name:
        tx.execute("UPDATE saved_searches SET name = ? WHERE name = ?", [_free(tx, called), name])
        name = called
    if request is not None and request != row["request"]:
        tx.execute(
            "UPDATE saved_searches SET request = ?, last_run_at = NULL, last_count = NULL WHERE name = ?",
            [json.dumps(request), name],
        )
    tx.execute("UPDATE saved_searches SET updated_at = ? WHERE name = ?", [utc_now(), name])
    return get(tx, name)


def delete(tx: Transaction, name: str) -> None:
    """Raises `SAVED_SEARCH_NOT_FOUND`."""
    get(tx, name)
    tx.execute("DELETE FROM saved_searches WHERE name = ?", [name])


def merge(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> int:
    """Take over searches (name, request as an object, created_at, updated_at), by name: of two the later stays.

    Returns how many are new or other. Raises `INVALID_REQUEST` for what cannot be a name.
    """
    here = {row["name"]: row for row in list_all(tx)}
    changed = 0
    for row in rows:
        name = usable(row["name"], "A saved search")
        kept = here.get(name)
        if kept and (kept["request"] == row["request"] or kept["updated_at"] >= row["updated_at"]):
            continue
        tx.execute("DELETE FROM saved_searches WHERE name = ?", [name])
        created_at = kept["created_at"] if kept else row["created_at"]
        new = {"name": name, "request": json.dumps(row["request"]), "created_at": created_at}
        tx.insert("saved_searches", [{**new, "updated_at": row["updated_at"]}])
        changed += 1
    return changed


def note_run(tx: Transaction, name: str, count: int, at: datetime) -> None:
    """What it found; of one that is gone nothing is noted."""
    tx.execute("UPDATE saved_searches SET last_run_at = ?, last_count = ? WHERE name = ?", [at, count, name])


def _free(tx: Transaction, name: str) -> str:
    if tx.value("SELECT count(*) FROM saved_searches WHERE name = ?", [name]):
        raise LoupeError("SAVED_SEARCH_EXISTS", f"A search named '{name}' is saved already.", name=name)
    return name
