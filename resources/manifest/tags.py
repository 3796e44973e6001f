"""Table `tags`: words that a person gave to photos."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import outbox, photos
from resources.manifest.database import Transaction

__all__ = [
    "MOST_TAG_CHARS",
    "add",
    "count_held",
    "holders",
    "list_all",
    "merge",
    "of_photo",
    "photo_ids",
    "remove",
    "rename",
    "usable",
]

MOST_TAG_CHARS = 200


def usable(tag: str) -> str:
    """The tag without spaces around it. Raises `INVALID_REQUEST` for what cannot be one.

    "|" divides levels ("Places|Spain"); what stands around it must say something.
    """
    tag = tag.strip()
    if not tag or not all(level.strip() for level in tag.split("|")):
        raise LoupeError("INVALID_REQUEST", "A tag needs a word, and one on each side of '|'.")
    if len(tag) > MOST_TAG_CHARS:
        raise LoupeError("INVALID_REQUEST", f"A tag has at most {MOST_TAG_CHARS} characters.")
    # XML, and with it a sidecar, holds no control characters; a lone surrogate is a byte that is no text.
    if any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff" for c in tag):
        raise LoupeError("INVALID_REQUEST", "A tag is one line of text.")
    return tag


def add(tx: Transaction, photo_ids: Collection[str], tag: str) -> int:
    """Tag these photos. Returns how many did not have the tag. Raises `INVALID_REQUEST`, `PHOTO_NOT_FOUND`."""
    tag = usable(tag)
    photos.require(tx, photo_ids)
    now = utc_now()
    wanted = sorted(set(photo_ids))
    columns: dict[str, list[Any]] = {
        "photo_id": wanted,
        "tag": [tag] * len(wanted),
        "created_at": [now] * len(wanted),
    }
    types = {"photo_id": pa.string(), "tag": pa.string(), "created_at": pa.timestamp("us")}
    with tx.relation(columns, types) as given:
        return merge(tx, given)[0]


def merge(tx: Transaction, given: str) -> tuple[int, int]:
    """Add what the relation `given` (photo_id, tag, created_at) has and the table has not.

    Returns how many tags were added and how many photos got any.
    """
    new = tx.execute(
        f"""INSERT INTO tags SELECT photo_id, tag, min(created_at) FROM {given} g
        WHERE NOT EXISTS (FROM tags t WHERE t.photo_id = g.photo_id AND t.tag = g.tag)
        GROUP BY photo_id, tag RETURNING photo_id"""
    ).fetchall()
    return len(new), outbox.push(tx, [row[0] for row in new], "tags")


def count_held(tx: Transaction, photo_ids: Collection[str], named: Collection[str]) -> int:
    """How many of these tags stand at these photos, counted by photo and tag."""
    with (
        tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given,
        tx.relation({"tag": sorted(set(named))}, {"tag": pa.string()}) as asked,
    ):
        return int(tx.value(f"SELECT count(*) FROM tags JOIN {asked} USING (tag) JOIN {given} USING (photo_id)"))


def holders(tx: Transaction, photo_ids: Collection[str], tag: str) -> set[str]:
    """Those of these photos that have the tag."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(f"SELECT photo_id FROM tags JOIN {given} USING (photo_id) WHERE tag = ?", [tag]).fetchall()
    return {row[0] for row in rows}


def remove(tx: Transaction, photo_ids: Collection[str] | None, tag: str) -> int:
    """Take the tag from these photos, from all with None. Returns how many had it."""
    if photo_ids is None:
        return _gone(tx, tx.execute("DELETE FROM tags WHERE tag = ? RETURNING photo_id", [tag]).fetchall())
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(
            f"DELETE FROM tags WHERE tag = ? AND photo_id IN (SELECT photo_id FROM {given}) RETURNING photo_id", [tag]
        ).fetchall()
    return _gone(tx, rows)


def _gone(tx: Transaction, rows: list[Any]) -> int:
    return outbox.push(tx, [row[0] for row in rows], "tags")


def rename(tx: Transaction, old: str, new: str) -> int:
    """Call a tag otherwise, on every photo; photos that have both keep one. Returns how many photos had `old`.

    Raises `INVALID_REQUEST`, and `TAG_NOT_FOUND` when no photo has it.
    """
    new = usable(new)
    had = tx.execute("SELECT DISTINCT photo_id FROM tags WHERE tag = ?", [old]).fetchall()
    if not had:
        raise LoupeError("TAG_NOT_FOUND", f"No photo has the tag '{old}'.", tag=old)
    if new == old:
        return len(had)
    tx.execute(
        """DELETE FROM tags AS t
        WHERE t.tag = $old AND EXISTS (FROM tags o WHERE o.tag = $new AND o.photo_id = t.photo_id)""",
        {"old": old, "new": new},
    )
    tx.execute("UPDATE tags SET tag = $new WHERE tag = $old", {"old": old, "new": new})
    return outbox.push(tx, [row[0] for row in had], "tags")


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every tag with how many photos have it, by name."""
    return tx.rows("SELECT tag, count(DISTINCT photo_id) AS photos FROM tags GROUP BY tag ORDER BY tag")


def of_photo(tx: Transaction, photo_id: str) -> list[str]:
    """The tags of one photo, by name. Raises `PHOTO_NOT_FOUND`."""
    photos.require(tx, [photo_id])
    rows = tx.execute("SELECT DISTINCT tag FROM tags WHERE photo_id = ? ORDER BY tag", [photo_id]).fetchall()
    return [row[0] for row in rows]


def photo_ids(tx: Transaction, tag: str) -> list[str]:
    """The photos that have the tag. Raises `TAG_NOT_FOUND` when none has."""
    rows = tx.execute("SELECT DISTINCT photo_id FROM tags WHERE tag = ? ORDER BY photo_id", [tag]).fetchall()
    if not rows:
        raise LoupeError("TAG_NOT_FOUND", f"No photo has the tag '{tag}'.", tag=tag)
    return [row[0] for row in rows]
