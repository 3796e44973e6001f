"""Table `photos`: one row per photo, keyed by the id that a person's tags, collections and the index use.

The id is minted when content is first seen and outlives the bytes: an editor that rewrites a file at the same path
changes `sha256`, not `photo_id`. Two files with the same bytes are one photo with two paths. A file of several pages is
a document: each page is a photo, and `document_id` is the photo id of the first.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resources.errors import LoupeError
from resources.manifest.database import Transaction
from resources.manifest.previews import IS_READ

__all__ = [
    "by_sha256",
    "drop_pages",
    "get",
    "get_many",
    "ids_with_other_files",
    "known_content",
    "located",
    "mint_photo_id",
    "motion_files",
    "of_documents",
    "page_photo_id",
    "paths",
    "paths_of",
    "rating_sql",
    "replace",
    "require",
    "rows",
    "taken_ids",
]

# Namespace of photo ids: uuid5(NAMESPACE_URL, "https://loupe.photos/photo").
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://loupe.photos/photo")


def mint_photo_id(sha256: str, taken: Sequence[str] | set[str] = ()) -> str:
    """The id of content first seen now. `taken` ids (content that became another photo since) are passed over."""
    number = 0
    while True:
        photo_id = str(uuid.uuid5(_NAMESPACE, sha256 if number == 0 else f"{sha256}:{number}"))
        if photo_id not in taken:
            return photo_id
        number += 1


def page_photo_id(document_id: str, page: int) -> str:
    """The id of a page of a document: that of the document for the first, the same at every save for the others."""
    return document_id if page == 1 else str(uuid.uuid5(uuid.UUID(document_id), str(page)))


def by_sha256(tx: Transaction, hashes: Sequence[str]) -> dict[str, str]:
    """The photo id (of a document its first page's) of each hash that is some photo's current content."""
    with tx.relation({"sha256": sorted(set(hashes))}, {"sha256": pa.string()}) as given:
        return dict(
            tx.execute(
                f"""SELECT p.sha256, min(p.photo_id) FROM photos p JOIN {given} g USING (sha256)
                WHERE p.page = 1 GROUP BY p.sha256"""
            ).fetchall()
        )


def taken_ids(tx: Transaction, photo_ids: Collection[str]) -> set[str]:
    """Those of `photo_ids` that exist."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        return {
            row[0] for row in tx.execute(f"SELECT p.photo_id FROM photos p JOIN {given} g USING (photo_id)").fetchall()
        }


def require(tx: Transaction, photo_ids: Collection[str]) -> None:
    """Raise `PHOTO_NOT_FOUND` when one of these does not exist."""
    wanted = set(photo_ids)
    if unknown := sorted(wanted - taken_ids(tx, wanted)):
        raise LoupeError("PHOTO_NOT_FOUND", f"There is no photo {unknown[0]}.", photo_id=unknown[0])


def ids_with_other_files(tx: Transaction, held: Sequence[tuple[str, str, str]]) -> set[str]:
    """Of `(root_id, rel_path, photo_id)`: the photo ids that some other present, unchanged file holds too."""
    columns = {
        "root_id": [row[0] for row in held],
        "rel_path": [row[1] for row in held],
        "photo_id": [row[2] for row in held],
    }
    with tx.relation(columns, dict.fromkeys(columns, pa.string())) as given:
        rows = tx.execute(
            f"""SELECT DISTINCT f.photo_id
            FROM files f JOIN photos p ON p.photo_id = f.photo_id AND p.sha256 = f.sha256
            WHERE f.photo_id IN (SELECT photo_id FROM {given}) AND f.missing_since IS NULL
              AND NOT EXISTS (FROM {given} g WHERE g.root_id = f.root_id AND g.rel_path = f.rel_path)"""
        ).fetchall()
    return {row[0] for row in rows}


def replace(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Insert photo rows, replacing those with the same `photo_id` but keeping when they were created and hidden."""
    if not rows:
        return
    with tx.relation({"photo_id": [row["photo_id"] for row in rows]}, {"photo_id": pa.string()}) as given:
        kept = {
            row["photo_id"]: row
            for row in tx.rows(f"SELECT photo_id, created_at, hidden_at FROM photos JOIN {given} USING (photo_id)")
        }
        tx.execute(f"DELETE FROM photos WHERE photo_id IN (SELECT photo_id FROM {given})")
    tx.insert("photos", [{"hidden_at": None, **row, **kept.get(row["photo_id"], {})} for row in rows])


def rows(tx: Transaction, photo_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these photos and of all other pages of their documents."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        return tx.rows(
            f"""SELECT * FROM photos WHERE document_id IN (SELECT document_id FROM photos JOIN {given} USING (photo_id))
            ORDER BY photo_id"""
        )


def drop_pages(tx: Transaction, kept: Sequence[tuple[str, int]]) -> list[str]:
    """Delete what is not among these `(document_id, page)` of their documents. Returns the photo ids that are gone."""
    columns: dict[str, list[Any]] = {"document_id": [row[0] for row in kept], "page": [row[1] for row in kept]}
    with tx.relation(columns, {"document_id": pa.string(), "page": pa.int32()}) as given:
        other = f"""page > 1 AND document_id IN (SELECT document_id FROM {given})
            AND (document_id, page) NOT IN (SELECT (document_id, page) FROM {given})"""
        gone = tx.execute(f"SELECT photo_id FROM photos WHERE {other}").fetchall()
        if gone:
            tx.execute(f"DELETE FROM photos WHERE {other}")
    return [row[0] for row in gone]


def of_documents(tx: Transaction, document_ids: Sequence[str]) -> list[str]:
    """The photo ids of all pages of these documents."""
    with tx.relation({"document_id": sorted(set(document_ids))}, {"document_id": pa.string()}) as given:
        return [
            row[0] for row in tx.execute(f"SELECT photo_id FROM photos JOIN {given} USING (document_id)").fetchall()
        ]


def rating_sql(alias: str) -> str:
    """The rating to show of the photo `alias`: the one that a person gave, even NULL, else its file's."""
    given = f"given_ratings given WHERE given.photo_id = {alias}.photo_id"
    return f"CASE WHEN EXISTS (FROM {given}) THEN (SELECT given.rating FROM {given}) ELSE {alias}.rating END"


def get(tx: Transaction, photo_id: str) -> dict[str, Any] | None:
    """One photo as `get_many` has it, or None."""
    return get_many(tx, [photo_id]).get(photo_id)


def get_many(tx: Transaction, photo_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Photos by id, with pixel hash, caption, rating, tags and collections; unknown ids are absent.

    What a person wrote or gave wins. The caption is, in this order, what was written of the photo or of its stack, what
    the captioner in use, else a model made of the photo last, and of its stack's cover. `caption_at` tells when, and
    `caption_model` by which model; that is NULL when a person wrote it.
    """
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.rows(
            f"""WITH speakers AS (
                SELECT photo_id AS asked, photo_id, -1 AS position FROM {given}
                UNION ALL SELECT s.photo_id, o.photo_id, o.position
                FROM {given} g JOIN stacks s USING (photo_id) JOIN stacks o ON o.stack_id = s.stack_id
                WHERE o.photo_id <> s.photo_id
            ), said AS (
                SELECT s.asked, w.text, NULL AS model, w.written_at AS said_at, 1 AS rank, s.position, false AS in_use
                FROM speakers s JOIN written_captions w USING (photo_id)
                UNION ALL SELECT s.asked, c.text, c.model, c.created_at, 2, s.position, coalesce(m.in_use, false)
                FROM speakers s JOIN photos q USING (photo_id) JOIN previews v USING (sha256, page)
                JOIN captions c ON c.pixel_hash = v.pixel_hash
                LEFT JOIN models m ON m.kind = 'captioner' AND m.name = c.model AND m.revision = c.revision
                    AND m.preprocess_version = c.preprocess_version
            ), caption AS (
                SELECT * FROM said
                QUALIFY row_number() OVER (PARTITION BY asked ORDER BY rank, position, in_use DESC, said_at DESC) = 1
            )
            SELECT p.* REPLACE ({rating_sql("p")} AS rating), v.pixel_hash,
                v.width AS preview_width, v.height AS preview_height,
                c.text AS caption, c.model AS caption_model, c.said_at AS caption_at,
                (SELECT list(t.tag ORDER BY t.tag) FROM tags t WHERE t.photo_id = p.photo_id) AS tags,
                (SELECT list(c.name ORDER BY c.name) FROM collection_photos m JOIN collections c USING (collection_id)
                    WHERE m.photo_id = p.photo_id) AS collections
            FROM photos p JOIN {given} g ON g.photo_id = p.photo_id LEFT JOIN previews v USING (sha256, page)
            LEFT JOIN caption c ON c.asked = p.photo_id"""
        )
    return {row["photo_id"]: row for row in rows}


def paths(tx: Transaction, photo_id: str) -> list[dict[str, Any]]:
    """The files of one photo, as `paths_of` has them."""
    return paths_of(tx, [photo_id]).get(photo_id, [])


def paths_of(tx: Transaction, photo_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Every file of these photos: root path, relative path, `missing_since`, and the state of the root."""
    found: dict[str, list[dict[str, Any]]] = {}
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.rows(
            f"""SELECT p.photo_id, r.root_id, r.path AS root_path, r.state AS root_state,
                f.rel_path, f.size_bytes, f.mtime_ns, f.missing_since
            FROM {given} JOIN photos p USING (photo_id) JOIN files f ON f.photo_id = p.document_id
            JOIN roots r ON r.root_id = f.root_id
            ORDER BY f.missing_since NULLS FIRST, r.path, f.rel_path"""
        )
    for row in rows:
        found.setdefault(row.pop("photo_id"), []).append(row)
    return found


def motion_files(tx: Transaction, photo_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The videos that are the motion of one of these Live Photos, with the columns of `paths`."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        return tx.rows(
            f"""SELECT r.root_id, r.path AS root_path, r.state AS root_state,
                f.rel_path, f.size_bytes, f.mtime_ns, f.missing_since
            FROM files f JOIN {given} g ON f.motion_of = g.photo_id JOIN roots r USING (root_id)
            WHERE f.missing_since IS NULL ORDER BY r.path, f.rel_path"""
        )


def known_content(tx: Transaction, sizes_bytes: Sequence[int]) -> npt.NDArray[np.bytes_]:
    """The decoded photos whose size is one of these: what a file of that size may turn out to be.

    Of each the first 16 bytes of its SHA-256, ascending: shape `(n,)`, dtype `S16`. A camera may write all its RAW
    files in one size, so this may name every photo of a library; as whole hashes in text they would be 230 bytes each.
    That two of a million photos share 16 bytes has a chance of 10^-27.
    """
    with tx.relation({"size_bytes": sorted(set(sizes_bytes))}, {"size_bytes": pa.int64()}) as given:
        found = tx.arrow(
            f"""SELECT DISTINCT unhex(left(p.sha256, 32)) AS head FROM photos p JOIN {given} g USING (size_bytes)
            WHERE EXISTS (FROM previews v WHERE v.sha256 = p.sha256 AND {IS_READ})"""
        )
    heads = found["head"].cast(pa.binary(16)).combine_chunks()
    return np.sort(np.frombuffer(heads.buffers()[1], dtype="S16", count=len(heads), offset=16 * heads.offset))


# Of a stack the first that a person can see stands for all; where it says no place, it has that of the next that does.
_LOCATED = """
WITH seen AS (
    SELECT p.photo_id, s.stack_id, s.position,
        CASE WHEN abs(p.gps_lat) <= 90 AND abs(p.gps_lon) <= 180 THEN
            {'lat': p.gps_lat, 'lon': p.gps_lon,
             'name': nullif(concat_ws(', ', coalesce(p.city, p.region), coalesce(p.country, p.country_code)), '')}
        END AS place
    FROM photos p LEFT JOIN stacks s USING (photo_id)
    WHERE p.hidden_at IS NULL AND p.document_id IN (
        SELECT f.photo_id FROM files f WHERE f.missing_since IS NULL AND f.skip_reason IS NULL)
), stacked AS (
    SELECT stack_id, arg_min(photo_id, position) AS photo_id, arg_min(place, position) AS place
    FROM seen WHERE stack_id IS NOT NULL GROUP BY stack_id
), told AS (
    SELECT seen.photo_id, coalesce(seen.place, stacked.place) AS place,
        seen.stack_id IS NULL OR stacked.photo_id IS NOT NULL AS is_found
    FROM seen LEFT JOIN stacked USING (photo_id)
)
SELECT unhex(replace(photo_id, '-', '')) AS id, place.lat AS lat, place.lon AS lon, place.name AS name, is_found
FROM told WHERE place IS NOT NULL ORDER BY id
"""


def located(tx: Transaction) -> pa.Table:
    """Every photo with a place that a person can see, by id: `id` (16 bytes), `lat` and `lon` (degrees WGS84), `name`
    of the town or region and the country (NULL: not known), `is_found`: it stands alone or for its stack."""
    return tx.arrow(_LOCATED)
