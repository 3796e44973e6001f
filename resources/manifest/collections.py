"""Tables `collections` and `collection_photos`: sets of photos that a person made."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import outbox
from resources.manifest.database import Transaction

__all__ = ["MOST_NAME_CHARS", "NAME_PATTERN", "add_photos", "create", "get", "list_all", "merge", "photo_ids", "usable"]

# A name is part of an address, where "/" would divide it; it is kept without spaces around it.
MOST_NAME_CHARS = 200
NAME_PATTERN = r"^[^/\x00-\x1f]+$"

_COUNTED = """SELECT c.*, count(p.photo_id) AS photos FROM collections c
    LEFT JOIN collection_photos p USING (collection_id) {where} GROUP BY ALL ORDER BY c.name"""


def create(tx: Transaction, name: str) -> dict[str, Any]:
    """A new, empty collection. Raises `INVALID_REQUEST` for what cannot be a name, `COLLECTION_EXISTS`."""
    name = usable(name)
    if tx.value("SELECT count(*) FROM collections WHERE name = ?", [name]):
        raise LoupeError("COLLECTION_EXISTS", f"A collection named '{name}' exists already.", name=name)
    now = utc_now()
    row = {"collection_id": uuid.uuid4().hex, "name": name, "created_at": now, "updated_at": now}
    tx.insert("collections", [row])
    return {**row, "photos": 0}


def usable(name: str) -> str:
    """The name without spaces around it. Raises `INVALID_REQUEST`."""
    name = name.strip()
    if not name:
        raise LoupeError("INVALID_REQUEST", "A collection needs a name.")
    if len(name) > MOST_NAME_CHARS:
        raise LoupeError("INVALID_REQUEST", f"A collection's name has at most {MOST_NAME_CHARS} characters.")
    # A lone surrogate is a byte of the terminal that is no text.
    if not re.fullmatch(NAME_PATTERN, name) or name in (".", "..") or any("\ud800" <= c <= "\udfff" for c in name):
        raise LoupeError("INVALID_REQUEST", "A collection's name is text without '/' and line breaks.")
    return name


def get(tx: Transaction, name: str) -> dict[str, Any]:
    """The collection with its count of photos. Raises `COLLECTION_NOT_FOUND`."""
    row = tx.one(_COUNTED.format(where="WHERE c.name = ?"), [name])
    if row is None:
        raise LoupeError("COLLECTION_NOT_FOUND", f"There is no collection named '{name}'.", name=name)
    return row


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every collection with its count of photos, by name."""
    return tx.rows(_COUNTED.format(where=""))


def add_photos(tx: Transaction, name: str, photo_ids: Sequence[str]) -> int:
    """Add photos; those in it already stay. Returns how many were new. Raises for an unknown collection or photo."""
    collection = get(tx, name)
    now = utc_now()
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        unknown = tx.execute(
            f"SELECT photo_id FROM {given} WHERE photo_id NOT IN (SELECT photo_id FROM photos)"
        ).fetchall()
        if unknown:
            raise LoupeError("PHOTO_NOT_FOUND", f"There is no photo {unknown[0][0]}.", photo_id=unknown[0][0])
        new = [
            row[0]
            for row in tx.execute(
                f"SELECT photo_id FROM {given} WHERE photo_id NOT IN "
                "(SELECT photo_id FROM collection_photos WHERE collection_id = ?)",
                [collection["collection_id"]],
            ).fetchall()
        ]
    tx.insert(
        "collection_photos",
        [{"collection_id": collection["collection_id"], "photo_id": photo_id, "added_at": now} for photo_id in new],
    )
    tx.execute("UPDATE collections SET updated_at = ? WHERE collection_id = ?", [now, collection["collection_id"]])
    outbox.push(tx, new, "collections")
    return len(new)


def merge(tx: Transaction, given: str) -> tuple[list[str], int]:
    """Add what the relation `given` (name, photo_id, added_at; photo_id NULL for an empty collection) has, by name.

    Returns the names of collections that are new and how many photos were put into any. Raises `INVALID_REQUEST`.
    """
    missing = tx.execute(
        f"""SELECT DISTINCT trim(name) AS new FROM {given} WHERE trim(name) NOT IN (SELECT name FROM collections)
        ORDER BY new"""
    ).fetchall()
    created = [create(tx, row[0])["name"] for row in missing]
    added = tx.execute(
        f"""INSERT INTO collection_photos SELECT c.collection_id, g.photo_id, min(g.added_at)
        FROM {given} g JOIN collections c ON c.name = trim(g.name)
        WHERE g.photo_id IS NOT NULL AND NOT EXISTS (FROM collection_photos m
            WHERE m.collection_id = c.collection_id AND m.photo_id = g.photo_id)
        GROUP BY c.collection_id, g.photo_id RETURNING collection_id, photo_id"""
    ).fetchall()
    with tx.relation({"collection_id": sorted({row[0] for row in added})}, {"collection_id": pa.string()}) as changed:
        tx.execute(
            f"UPDATE collections SET updated_at = ? WHERE collection_id IN (SELECT collection_id FROM {changed})",
            [utc_now()],
        )
    outbox.push(tx, [row[1] for row in added], "collections")
    return created, len(added)


def photo_ids(tx: Transaction, name: str) -> list[str]:
    """What is in the collection. Raises `COLLECTION_NOT_FOUND`."""
    rows = tx.execute(
        "SELECT photo_id FROM collection_photos WHERE collection_id = ? ORDER BY added_at, photo_id",
        [get(tx, name)["collection_id"]],
    ).fetchall()
    return [row[0] for row in rows]
