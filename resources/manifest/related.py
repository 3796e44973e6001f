"""Which photos show the same or belong together, by every table that says so: for dividing a data set."""

from __future__ import annotations

from resources.manifest.database import Transaction

__all__ = ["related"]


def related(tx: Transaction) -> list[tuple[str, str]]:
    """(key, photo id): photos with a common key belong together. Photos on their own are not among them."""
    return [
        tuple(row)
        for row in tx.execute(
            """WITH pictures AS (
                SELECT v.pixel_hash, p.photo_id FROM photos p JOIN previews v USING (sha256, page)
            )
            SELECT 'd' || group_id, photo_id FROM duplicate_groups
            UNION ALL SELECT 's' || stack_id, photo_id FROM stacks
            UNION ALL SELECT 'f' || document_id, photo_id FROM photos WHERE pages > 1
            UNION ALL SELECT 'p' || pixel_hash, photo_id FROM pictures
                WHERE pixel_hash IN (SELECT pixel_hash FROM pictures GROUP BY pixel_hash HAVING count(*) > 1)
            ORDER BY ALL"""
        ).fetchall()
    ]
