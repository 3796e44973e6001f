"""What is told of the photos in a collection: counts by format, camera and place, dates, duplicates.

Hidden photos are left out. Not here: the tables themselves (`collections.py`).
"""

from __future__ import annotations

from typing import Any

from resources.manifest import collections
from resources.manifest.database import Transaction

__all__ = ["duplicate_groups", "samples", "statistics"]

_MOST_VALUES = 20

_MEMBERS = """SELECT p.* FROM collections c JOIN collection_photos m USING (collection_id)
    JOIN photos p USING (photo_id)
    WHERE c.name = $name AND p.hidden_at IS NULL"""
_CAMERA = """CASE WHEN camera_model IS NULL OR starts_with(lower(camera_model), lower(coalesce(camera_make, '')))
    THEN coalesce(camera_model, camera_make) ELSE concat_ws(' ', camera_make, camera_model) END"""
_COUNTED = {"formats": "format", "cameras": _CAMERA, "lenses": "lens", "countries": "country", "cities": "city"}


def statistics(tx: Transaction, name: str) -> dict[str, Any]:
    """Counts of a collection. Raises `COLLECTION_NOT_FOUND`.

    `shown`, `hidden`, `missing` (no file is there now), `taken_first`, `taken_last`, `undated`, `with_place`, `rated`,
    and by `formats`, `cameras`, `lenses`, `countries`, `cities` the most frequent as (value, photos).
    """
    held = collections.member_count(tx, name)
    row = tx.one(
        f"""WITH member AS ({_MEMBERS})
        SELECT count(*) AS shown, min(taken_at) AS taken_first, max(taken_at) AS taken_last,
            count(*) FILTER (taken_at IS NULL) AS undated, count(*) FILTER (gps_lat IS NOT NULL) AS with_place,
            count(*) FILTER (CASE WHEN g.photo_id IS NULL THEN m.rating ELSE g.rating END > 0) AS rated,
            count(*) FILTER (NOT EXISTS (FROM files f
                WHERE f.photo_id = m.document_id AND f.missing_since IS NULL)) AS missing
        FROM member m LEFT JOIN given_ratings g ON g.photo_id = m.photo_id""",
        {"name": name},
    )
    assert row is not None
    counted = {
        called: [
            (value, count)
            for value, count in tx.execute(
                f"""SELECT {column} AS value, count(*) FROM ({_MEMBERS}) WHERE value IS NOT NULL AND value <> ''
                GROUP BY value ORDER BY count(*) DESC, value LIMIT {_MOST_VALUES}""",
                {"name": name},
            ).fetchall()
        ]
        for called, column in _COUNTED.items()
    }
    return {**row, "hidden": held - row["shown"], **counted}


def samples(tx: Transaction, name: str, count: int) -> list[str]:
    """Photos drawn evenly over its time, the same each time."""
    rows = tx.execute(
        f"""SELECT photo_id FROM (
            SELECT photo_id, taken_at, row_number() OVER w - 1 AS place, count(*) OVER () AS held
            FROM ({_MEMBERS}) WINDOW w AS (ORDER BY taken_at NULLS LAST, photo_id))
        WHERE held <= $count OR place % ceil(held / $count)::BIGINT = 0 ORDER BY place LIMIT $count""",
        {"name": name, "count": count},
    ).fetchall()
    return [row[0] for row in rows]


def duplicate_groups(tx: Transaction, name: str, limit: int, offset: int) -> list[dict[str, Any]]:
    """Groups of duplicates as far as they lie in the collection: `group_id`, `tier`, `photo_ids` (the best first).

    Of each two photos or more; large ones first. Raises `COLLECTION_NOT_FOUND`.
    """
    collections.member_count(tx, name)
    return tx.rows(
        f"""SELECT g.group_id, g.tier, list(g.photo_id ORDER BY g.position) AS photo_ids
        FROM duplicate_groups g JOIN ({_MEMBERS}) m USING (photo_id)
        GROUP BY g.group_id, g.tier HAVING count(*) > 1
        ORDER BY count(*) DESC, g.group_id LIMIT $limit OFFSET $offset""",
        {"name": name, "limit": limit, "offset": offset},
    )
