"""Table `given_ratings`: the stars that a person gave through Loupe. They win over what the file says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import outbox, photos, stacks
from resources.manifest.database import Transaction

__all__ = [
    "RATINGS",
    "count_held",
    "forget",
    "give",
    "given_to",
    "merge",
]

RATINGS = range(-1, 6)  # -1 rejected, 0 none, 1 to 5 stars


def give(tx: Transaction, ratings: Mapping[str, int | None]) -> int:
    """Rate photos by id: -1 for rejected, 0 to 5 stars, None for no rating whatever the file says.

    Returns how many are new or other. Raises `INVALID_REQUEST`, `PHOTO_NOT_FOUND`.
    """
    for rating in ratings.values():
        _check(rating)
    photos.require(tx, ratings)
    columns: dict[str, list[Any]] = {"photo_id": list(ratings), "rating": list(ratings.values())}
    with tx.relation(columns, {"photo_id": pa.string(), "rating": pa.int32()}) as given:
        # What is said now is the last word, by a clock that was set back too.
        before = tx.value(f"SELECT max(w.given_at) FROM given_ratings w JOIN {given} USING (photo_id)")
        now: datetime = max(utc_now(), before or datetime.min)
        return merge(tx, f"(SELECT photo_id, rating, TIMESTAMP '{now.isoformat(sep=' ')}' AS given_at FROM {given})")


def count_held(tx: Transaction, photo_ids: Collection[str], rating: int | None) -> int:
    """How many of these photos were given this rating. Raises `INVALID_REQUEST`."""
    _check(rating)
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        return int(
            tx.value(
                f"""SELECT count(*) FROM given_ratings w JOIN {given} USING (photo_id)
                WHERE w.rating IS NOT DISTINCT FROM ?""",
                [rating],
            )
        )


def given_to(tx: Transaction, photo_ids: Collection[str]) -> dict[str, int | None]:
    """What was given to these photos; one that nobody rated is absent."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(f"SELECT photo_id, w.rating FROM given_ratings w JOIN {given} USING (photo_id)").fetchall()
    return dict(rows)


def _check(rating: int | None) -> None:
    if rating is not None and rating not in RATINGS:
        raise LoupeError("INVALID_REQUEST", f"A rating is 0 to 5, or -1 for rejected, not {rating}.")


def merge(tx: Transaction, given: str) -> int:
    """Take over what the relation `given` (photo_id, rating, given_at) has: of two words of a photo the later stays.

    Returns how many photos have another rating by it.
    """
    latest = f"""(SELECT photo_id, rating, given_at FROM {given}
        QUALIFY row_number() OVER (PARTITION BY photo_id ORDER BY given_at DESC, rating) = 1)"""
    changed = tx.execute(
        f"""SELECT g.photo_id FROM {latest} g LEFT JOIN given_ratings w USING (photo_id)
        WHERE w.photo_id IS NULL OR (w.rating IS DISTINCT FROM g.rating AND w.given_at <= g.given_at)"""
    ).fetchall()
    with tx.relation({"photo_id": [row[0] for row in changed]}, {"photo_id": pa.string()}) as other:
        tx.execute(f"DELETE FROM given_ratings WHERE photo_id IN (SELECT photo_id FROM {other})")
        tx.execute(
            f"""INSERT INTO given_ratings SELECT g.photo_id, g.rating, g.given_at
            FROM {latest} g JOIN {other} USING (photo_id)"""
        )
    return _changed(tx, changed)


def forget(tx: Transaction, photo_ids: Collection[str]) -> int:
    """Take back what was given to these photos: what the file says counts again. Returns how many were rated."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        gone = tx.execute(
            f"DELETE FROM given_ratings WHERE photo_id IN (SELECT photo_id FROM {given}) RETURNING photo_id"
        ).fetchall()
    return _changed(tx, gone)


def _changed(tx: Transaction, rows: list[Any]) -> int:
    photo_ids = [row[0] for row in rows]
    stacks.disturb(tx, photo_ids)  # a stack's cover is chosen by its rating too
    return outbox.push(tx, photo_ids, "rating")
