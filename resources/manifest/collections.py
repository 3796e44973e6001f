"""Tables `collections` and `collection_photos`: sets of photos that a person made.

Not here: what is told of the photos in one (`collection_facts.py`).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import outbox, photos
from resources.manifest.database import Transaction

__all__ = [
    "MOST_NAME_CHARS",
    "NAME_PATTERN",
    "absorb",
    "add_photos",
    "confirmation",
    "count_held",
    "create",
    "detach",
    "drop_members",
    "get",
    "held",
    "list_all",
    "member_count",
    "members",
    "merge",
    "merge_covers",
    "names",
    "note_searched",
    "photo_ids",
    "remove_photos",
    "rename",
    "set_cover",
    "split",
    "unmake",
    "usable",
]

# A name is part of an address, where "/" would divide it; it is kept without spaces around it.
MOST_NAME_CHARS = 200
NAME_PATTERN = r"^[^/\x00-\x1f]+$"

# `size_bytes`: of the files behind it, those of several pages once. The cover is a member that can be seen: the one
# that was chosen, else the one with most stars, else the newest.
_COUNTED = """SELECT c.collection_id, c.name, c.created_at, c.updated_at, c.last_searched_at,
        coalesce(held.photos, 0) AS photos, coalesce(held.size_bytes, 0) AS size_bytes, held.cover AS cover_photo_id
    FROM collections c LEFT JOIN (
        SELECT collection_id, sum(photos)::BIGINT AS photos, sum(size_bytes)::BIGINT AS size_bytes,
            first(cover ORDER BY chosen DESC, rating DESC NULLS LAST, taken_at DESC NULLS LAST, cover)
                FILTER (cover IS NOT NULL) AS cover
        FROM (
            SELECT m.collection_id, count(*) AS photos, any_value(p.size_bytes) AS size_bytes,
                min(p.photo_id) FILTER (p.hidden_at IS NULL) AS cover,
                bool_or(p.photo_id = k.cover_photo_id AND p.hidden_at IS NULL) AS chosen,
                max(CASE WHEN g.photo_id IS NULL THEN p.rating ELSE g.rating END) AS rating, max(p.taken_at) AS taken_at
            FROM collection_photos m JOIN collections k USING (collection_id) LEFT JOIN photos p USING (photo_id)
            LEFT JOIN given_ratings g ON g.photo_id = m.photo_id
            {where}
            GROUP BY m.collection_id, coalesce(p.document_id, m.photo_id)
        ) GROUP BY collection_id
    ) held USING (collection_id) {whose} ORDER BY c.name"""


def create(tx: Transaction, name: str) -> dict[str, Any]:
    """A new, empty collection. Raises `INVALID_REQUEST` for what cannot be a name, `COLLECTION_EXISTS`."""
    name = _free(tx, usable(name))
    now = utc_now()
    tx.insert("collections", [{"collection_id": uuid.uuid4().hex, "name": name, "created_at": now, "updated_at": now}])
    return get(tx, name)


def usable(name: str, what: str = "A collection") -> str:
    """The name without spaces around it. Raises `INVALID_REQUEST`."""
    name = name.strip()
    if not name:
        raise LoupeError("INVALID_REQUEST", f"{what} needs a name.")
    if len(name) > MOST_NAME_CHARS:
        raise LoupeError("INVALID_REQUEST", f"{what}'s name has at most {MOST_NAME_CHARS} characters.")
    # A lone surrogate is a byte of the terminal that is no text.
    if not re.fullmatch(NAME_PATTERN, name) or name in (".", "..") or any("\ud800" <= c <= "\udfff" for c in name):
        raise LoupeError("INVALID_REQUEST", f"{what}'s name is text without '/' and line breaks.")
    return name


def get(tx: Transaction, name: str) -> dict[str, Any]:
    """The collection with its count, size and cover. Raises `COLLECTION_NOT_FOUND`."""
    row = tx.one(_COUNTED.format(where="WHERE k.name = $name", whose="WHERE c.name = $name"), {"name": name})
    if row is None:
        raise _not_found(name)
    return row


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every collection with its count, size and cover, by name."""
    return tx.rows(_COUNTED.format(where="", whose=""))


def member_count(tx: Transaction, name: str) -> int:
    """How many photos it holds. Raises `COLLECTION_NOT_FOUND`."""
    collection_id = _id(tx, name)
    return int(tx.value("SELECT count(*) FROM collection_photos WHERE collection_id = ?", [collection_id]))


def add_photos(tx: Transaction, name: str, photo_ids: Sequence[str]) -> int:
    """Add photos; those in it already stay. Returns how many were new. Raises for an unknown collection or photo."""
    collection_id = _id(tx, name)
    photos.require(tx, photo_ids)
    now = utc_now()
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        new = tx.execute(
            f"""INSERT INTO collection_photos SELECT $collection, g.photo_id, $now FROM {given} g
            WHERE NOT EXISTS (FROM collection_photos m
                WHERE m.collection_id = $collection AND m.photo_id = g.photo_id) RETURNING photo_id""",
            {"collection": collection_id, "now": now},
        ).fetchall()
    return _changed(tx, collection_id, new)


def held(tx: Transaction, name: str, photo_ids: Collection[str]) -> set[str]:
    """Those of these photos that are in it. Raises `COLLECTION_NOT_FOUND`."""
    collection_id = _id(tx, name)
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(
            f"SELECT photo_id FROM collection_photos JOIN {given} USING (photo_id) WHERE collection_id = ?",
            [collection_id],
        ).fetchall()
    return {row[0] for row in rows}


def count_held(tx: Transaction, name: str, photo_ids: Collection[str]) -> int:
    """How many of these photos are in it. Raises `COLLECTION_NOT_FOUND`."""
    return len(held(tx, name, photo_ids))


def remove_photos(tx: Transaction, name: str, photo_ids: Collection[str]) -> int:
    """Take photos out; those that are not in it are passed over. Returns how many were in it.

    Raises `COLLECTION_NOT_FOUND`.
    """
    collection_id = _id(tx, name)
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        gone = tx.execute(
            f"""DELETE FROM collection_photos WHERE collection_id = ? AND photo_id IN (SELECT photo_id FROM {given})
            RETURNING photo_id""",
            [collection_id],
        ).fetchall()
    return _changed(tx, collection_id, gone)


def rename(tx: Transaction, name: str, new_name: str) -> dict[str, Any]:
    """Call a collection otherwise. Raises `COLLECTION_NOT_FOUND`, `COLLECTION_EXISTS`, `INVALID_REQUEST`."""
    collection_id, new_name = _id(tx, name), usable(new_name)
    if new_name != name:
        tx.execute(
            "UPDATE collections SET name = ?, updated_at = ? WHERE collection_id = ?",
            [_free(tx, new_name), utc_now(), collection_id],
        )
        outbox.push(tx, photo_ids(tx, new_name), "collections")
    return get(tx, new_name)


def set_cover(tx: Transaction, name: str, photo_id: str | None) -> dict[str, Any]:
    """Choose its cover, or with None let the best photo be it. Raises `PHOTO_NOT_FOUND` for a photo not in it."""
    collection_id = _id(tx, name)
    if photo_id is not None and not tx.value(
        "SELECT count(*) FROM collection_photos WHERE collection_id = ? AND photo_id = ?", [collection_id, photo_id]
    ):
        raise LoupeError("PHOTO_NOT_FOUND", f"The photo {photo_id} is not in '{name}'.", photo_id=photo_id)
    tx.execute("UPDATE collections SET cover_photo_id = ? WHERE collection_id = ?", [photo_id, collection_id])
    return get(tx, name)


def absorb(tx: Transaction, name: str, sources: Sequence[str], *, keep: bool = False) -> int:
    """Put the photos of `sources` into the collection `name`, and delete the sources unless `keep`.

    Returns how many photos were new to it. Raises `COLLECTION_NOT_FOUND`, and `INVALID_REQUEST` for a collection that
    would take in itself.
    """
    if name in sources:
        raise LoupeError("INVALID_REQUEST", f"'{name}' cannot be merged into itself.")
    target = _id(tx, name)
    ids = [_id(tx, source) for source in dict.fromkeys(sources)]
    new = tx.execute(
        """INSERT INTO collection_photos SELECT $target, m.photo_id, min(m.added_at) FROM collection_photos m
        WHERE list_contains($sources, m.collection_id) AND NOT EXISTS (FROM collection_photos t
            WHERE t.collection_id = $target AND t.photo_id = m.photo_id)
        GROUP BY m.photo_id RETURNING photo_id""",
        {"target": target, "sources": ids},
    ).fetchall()
    if not keep:
        for source in dict.fromkeys(sources):
            _delete(tx, source)
    return _changed(tx, target, new)


def split(
    tx: Transaction, name: str, into: str, wanted: Collection[str], *, keep: bool = False
) -> tuple[int, dict[str, Any]]:
    """Move those of its photos that are `wanted` to the new collection `into`; with `keep` they stay in it too.

    Returns how many, and the new collection. Raises `COLLECTION_NOT_FOUND`, `COLLECTION_EXISTS`, `INVALID_REQUEST`.
    """
    wanted = set(wanted)
    held = [photo_id for photo_id in photo_ids(tx, name) if photo_id in wanted]
    called = create(tx, into)["name"]
    collection_id = _id(tx, called)
    with tx.relation({"photo_id": held}, {"photo_id": pa.string()}) as given:  # also photos that are forgotten now
        tx.execute(f"INSERT INTO collection_photos SELECT ?, photo_id, ? FROM {given}", [collection_id, utc_now()])
    outbox.push(tx, held, "collections")
    if not keep:
        remove_photos(tx, name, held)
    return len(held), get(tx, called)


def unmake(tx: Transaction, name: str, made_of: Collection[str], back_to: str | None = None) -> int:
    """Delete a collection that was made of these photos; those that are still in it go back to `back_to`, if named.

    Returns how many it held. Raises `COLLECTION_NOT_FOUND`, and `COLLECTION_CHANGED` when others came into it.
    """
    members = set(photo_ids(tx, name))
    others = photos.taken_ids(tx, members - set(made_of))
    if others:
        raise LoupeError(
            "COLLECTION_CHANGED",
            f"'{name}' holds other photos than when it was made. You can delete it among the collections.",
            name=name,
            others=len(others),
        )
    if back_to is None:
        _delete(tx, name)
    else:
        absorb(tx, back_to, [name])
    return len(members)


def _delete(tx: Transaction, name: str) -> None:
    collection_id = detach(tx, name)
    while drop_members(tx, collection_id, 1_000_000):
        pass


def confirmation(row: dict[str, Any]) -> str:
    """What a person repeats to delete the collection as it is shown in `row`; another one after each change to it."""
    said = f"{row['collection_id']}:{row['name']}:{row['photos']}:{row['updated_at'].isoformat()}"
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def detach(tx: Transaction, name: str) -> str:
    """Delete the collection's row, so that nobody sees it any more. Returns its id, for `drop_members` to go on with.

    Raises `COLLECTION_NOT_FOUND`.
    """
    collection_id = _id(tx, name)
    tx.execute("DELETE FROM collections WHERE collection_id = ?", [collection_id])
    return collection_id


def drop_members(tx: Transaction, collection_id: str, most: int) -> int:
    """Take at most so many photos out of a detached collection, so that search notices. Returns how many; 0: none is
    left."""
    gone = tx.execute(
        """DELETE FROM collection_photos WHERE rowid IN
            (SELECT rowid FROM collection_photos WHERE collection_id = ? LIMIT ?) RETURNING photo_id""",
        [collection_id, most],
    ).fetchall()
    return outbox.push(tx, [row[0] for row in gone], "collections")


def names(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.execute("SELECT name FROM collections ORDER BY name").fetchall()]


def note_searched(tx: Transaction, names: Collection[str], at: datetime) -> None:
    """A search was narrowed to the collections of these names."""
    tx.execute("UPDATE collections SET last_searched_at = ? WHERE list_contains(?, name)", [at, sorted(names)])


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


def merge_covers(tx: Transaction, given: str) -> int:
    """Choose covers as the relation `given` (name, photo_id) has them, where none is chosen and the photo is in it.

    Returns how many were chosen.
    """
    chosen = tx.execute(
        f"""UPDATE collections SET cover_photo_id = g.photo_id
        FROM (SELECT trim(name) AS name, min(photo_id) AS photo_id FROM {given} GROUP BY ALL) g
        WHERE g.name = collections.name AND collections.cover_photo_id IS NULL
          AND EXISTS (FROM collection_photos m
            WHERE m.collection_id = collections.collection_id AND m.photo_id = g.photo_id)
        RETURNING collections.collection_id"""
    ).fetchall()
    return len(chosen)


def photo_ids(tx: Transaction, name: str) -> list[str]:
    """What is in the collection. Raises `COLLECTION_NOT_FOUND`."""
    rows = tx.execute(
        "SELECT photo_id FROM collection_photos WHERE collection_id = ? ORDER BY added_at, photo_id", [_id(tx, name)]
    ).fetchall()
    return [row[0] for row in rows]


def members(tx: Transaction, name: str, limit: int | None = None, offset: int = 0) -> list[str]:
    """A page, or all, of the photos in it that are not hidden, added first first. Raises `COLLECTION_NOT_FOUND`."""
    rows = tx.execute(
        """SELECT m.photo_id FROM collection_photos m JOIN photos p USING (photo_id)
        WHERE m.collection_id = ? AND p.hidden_at IS NULL ORDER BY m.added_at, m.photo_id LIMIT ? OFFSET ?""",
        [_id(tx, name), limit, offset],
    ).fetchall()
    return [row[0] for row in rows]


def _id(tx: Transaction, name: str) -> str:
    found = tx.value("SELECT collection_id FROM collections WHERE name = ?", [name])
    if found is None:
        raise _not_found(name)
    return str(found)


def _free(tx: Transaction, name: str) -> str:
    if tx.value("SELECT count(*) FROM collections WHERE name = ?", [name]):
        raise LoupeError("COLLECTION_EXISTS", f"A collection named '{name}' exists already.", name=name)
    return name


def _changed(tx: Transaction, collection_id: str, rows: list[Any]) -> int:
    if rows:
        tx.execute("UPDATE collections SET updated_at = ? WHERE collection_id = ?", [utc_now(), collection_id])
    return outbox.push(tx, [row[0] for row in rows], "collections")


def _not_found(name: str) -> LoupeError:
    return LoupeError(
        "COLLECTION_NOT_FOUND",
        f"There is no collection named '{name}'; create it first, or see which there are.",
        name=name,
    )
