"""Tables `picture_pairs`, `compared_pictures`, `similarity_thresholds`, `picture_sharpness`, `duplicate_groups` and
`not_duplicates`: what was compared, what was found, and a person's word about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import photos
from resources.manifest.database import Transaction
from resources.manifest.results import ResultKey

__all__ = [
    "candidates",
    "chosen",
    "counts",
    "equal_pictures",
    "given",
    "grouped",
    "groups",
    "is_due",
    "mark_different",
    "marked_different",
    "merge_different",
    "pairs",
    "pictures",
    "put_pairs",
    "put_sharpness",
    "put_threshold",
    "replace_groups",
    "sharpness",
    "stacked",
    "threshold",
    "unmark_different",
    "with_copies",
]

# A photo that a person can see, `p`, and the picture it shows, `v`.
_SHOWN = """photos p JOIN previews v USING (sha256, page)
    WHERE p.hidden_at IS NULL
      AND EXISTS (FROM files f
        WHERE f.photo_id = p.document_id AND f.missing_since IS NULL AND f.skip_reason IS NULL)"""

_GROUPS = f"""SELECT group_id, tier, list(photo_id ORDER BY position) AS photo_ids,
        list(score ORDER BY position) AS scores, any_value(reasons) AS reasons
    FROM duplicate_groups WHERE {{which}} AND photo_id IN (SELECT p.photo_id FROM {_SHOWN})
    GROUP BY group_id, tier HAVING count(*) > 1 OR tier = 'same_bytes'"""


def pictures(tx: Transaction, made_by: str) -> list[dict[str, Any]]:
    """Every picture that a person can see, those compared already (`compared`) first."""
    return tx.rows(
        f"""SELECT v.pixel_hash, any_value(v.perceptual_hash) AS perceptual_hash, any_value(v.width) AS width,
            any_value(v.height) AS height, bool_or(c.pixel_hash IS NOT NULL) AS compared
        FROM (SELECT v.* FROM {_SHOWN}) v
        LEFT JOIN compared_pictures c ON c.pixel_hash = v.pixel_hash AND c.made_by = ?
        GROUP BY v.pixel_hash ORDER BY compared DESC, v.pixel_hash""",
        [made_by],
    )


def is_due(tx: Transaction, areas: str, key: ResultKey | None) -> bool:
    """Whether a picture that a person can see was not compared by areas (`areas`), or an embedded one by vectors."""
    ways = [(areas, "")]
    if key:
        embedded = """AND EXISTS (FROM embeddings e WHERE e.pixel_hash = v.pixel_hash
            AND e.model = ? AND e.revision = ? AND e.preprocess_version = ?)"""
        ways.append((key.made_by, embedded))
    for made_by, only in ways:
        found = tx.value(
            f"""SELECT 1 FROM {_SHOWN} {only} AND v.perceptual_hash IS NOT NULL
            AND NOT EXISTS (FROM compared_pictures c WHERE c.pixel_hash = v.pixel_hash AND c.made_by = ?) LIMIT 1""",
            [*((key.model, key.revision, key.preprocess_version) if only and key else ()), made_by],
        )
        if found:
            return True
    return False


def put_pairs(
    tx: Transaction, made_by: str, found: Iterable[tuple[str, str, float]], compared: Collection[str]
) -> None:
    """Pairs of pixel hashes that were found alike, and which pictures are compared with all others by now."""
    rows = sorted({(min(one, other), max(one, other)): score for one, other, score in found}.items())
    columns: dict[str, list[Any]] = {
        "picture": [pair[0] for pair, _ in rows],
        "other": [pair[1] for pair, _ in rows],
        "score": [score for _, score in rows],
    }
    types = {"picture": pa.string(), "other": pa.string(), "score": pa.float32()}
    with tx.relation(columns, types) as given:
        tx.execute(
            f"""INSERT INTO picture_pairs SELECT picture, other, ?, score FROM {given} g
            WHERE NOT EXISTS (FROM picture_pairs t
                WHERE t.picture = g.picture AND t.other = g.other AND t.made_by = ?)""",
            [made_by, made_by],
        )
    with tx.relation({"pixel_hash": sorted(set(compared))}, {"pixel_hash": pa.string()}) as given:
        tx.execute(
            f"""INSERT INTO compared_pictures SELECT pixel_hash, ? FROM {given} g
            WHERE NOT EXISTS (FROM compared_pictures t WHERE t.pixel_hash = g.pixel_hash AND t.made_by = ?)""",
            [made_by, made_by],
        )


def pairs(tx: Transaction, made_by: str) -> list[tuple[str, str, float]]:
    """Pairs of photos that show alike pictures: every photo of the one picture with every photo of the other, but for
    pages of one document: they are no copies of each other."""
    return [
        tuple(row)
        for row in tx.execute(
            f"""WITH shown AS (SELECT p.photo_id, p.document_id, v.pixel_hash FROM {_SHOWN})
            SELECT a.photo_id, b.photo_id, t.score FROM picture_pairs t
            JOIN shown a ON a.pixel_hash = t.picture JOIN shown b ON b.pixel_hash = t.other
            WHERE t.made_by = ? AND a.document_id <> b.document_id ORDER BY ALL""",
            [made_by],
        ).fetchall()
    ]


def equal_pictures(tx: Transaction) -> list[tuple[str, str]]:
    """Pairs of photos with equal pixels, each with the first of its picture, where more than one document shows it."""
    return [
        tuple(row)
        for row in tx.execute(
            f"""WITH shown AS (
                SELECT p.photo_id, min(p.photo_id) OVER same AS first,
                    min(p.document_id) OVER same <> max(p.document_id) OVER same AS shared
                FROM {_SHOWN} WINDOW same AS (PARTITION BY v.pixel_hash)
            ) SELECT first, photo_id FROM shown WHERE shared AND photo_id <> first ORDER BY ALL"""
        ).fetchall()
    ]


def with_copies(tx: Transaction) -> list[str]:
    """Photos of which the same bytes stand in more than one file."""
    rows = tx.execute(
        f"""SELECT DISTINCT p.photo_id FROM {_SHOWN} AND p.page = 1 AND 1 < (SELECT count(*) FROM files f
            WHERE f.photo_id = p.document_id AND f.missing_since IS NULL AND f.skip_reason IS NULL
              AND f.sha256 = p.sha256) ORDER BY 1"""
    ).fetchall()
    return [row[0] for row in rows]


def stacked(tx: Transaction) -> list[dict[str, Any]]:
    """`stack_id`, `kind`, `photo_id`, `file_name` and `format` of every photo in a stack."""
    return tx.rows(
        """SELECT s.stack_id, s.kind, s.photo_id, p.file_name, p.format FROM stacks s JOIN photos p USING (photo_id)
        ORDER BY s.stack_id, s.position"""
    )


def candidates(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
    """What tells which of these photos is the best, with the `pixel_hash` of its picture."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        return tx.rows(
            f"""SELECT p.photo_id, p.format, p.width, p.height, p.size_bytes, p.taken_at, p.taken_at_source,
                p.camera_model AS camera, p.created_at, v.pixel_hash, s.sharpness,
                coalesce({photos.rating_sql("p")}, 0) + (SELECT count(*) FROM tags t WHERE t.photo_id = p.photo_id)
                + (SELECT count(*) FROM collection_photos m WHERE m.photo_id = p.photo_id) AS given
            FROM photos p JOIN {given} USING (photo_id) JOIN previews v USING (sha256, page)
            LEFT JOIN picture_sharpness s USING (pixel_hash)"""
        )


def sharpness(tx: Transaction, pixel_hashes: Collection[str]) -> set[str]:
    """Of these pictures: those whose sharpness is known."""
    with tx.relation({"pixel_hash": sorted(set(pixel_hashes))}, {"pixel_hash": pa.string()}) as given:
        rows = tx.execute(f"SELECT DISTINCT pixel_hash FROM picture_sharpness JOIN {given} USING (pixel_hash)")
        return {row[0] for row in rows.fetchall()}


def put_sharpness(tx: Transaction, measured: Mapping[str, float]) -> None:
    """What was measured of pictures whose sharpness was not known."""
    tx.insert("picture_sharpness", [{"pixel_hash": name, "sharpness": value} for name, value in measured.items()])


def threshold(tx: Transaction, made_by: str) -> tuple[float, int] | None:
    """The cosine from which this model's pictures count as alike, and on how many pictures it was measured."""
    row = tx.one("SELECT threshold, pictures FROM similarity_thresholds WHERE made_by = ?", [made_by])
    return (row["threshold"], row["pictures"]) if row else None


def put_threshold(tx: Transaction, made_by: str, cosine: float, measured_on: int) -> None:
    """Keep what was measured. Pairs that were found by another threshold are forgotten: they are sought again."""
    for table in ("similarity_thresholds", "picture_pairs", "compared_pictures"):
        tx.execute(f"DELETE FROM {table} WHERE made_by = ?", [made_by])
    tx.execute("INSERT INTO similarity_thresholds VALUES (?, ?, ?, ?)", [made_by, cosine, measured_on, utc_now()])


def grouped(tx: Transaction) -> list[tuple[str, str]]:
    """`(group_id, photo_id)` of all groups."""
    return tx.execute("SELECT group_id, photo_id FROM duplicate_groups").fetchall()


def replace_groups(tx: Transaction, rows: Sequence[Mapping[str, Any]], within: Collection[str] | None = None) -> None:
    """Make these the groups: all of them, or those of the photos `within`."""
    if within is None:
        tx.execute("DELETE FROM duplicate_groups")
    else:
        with tx.relation({"photo_id": sorted(within)}, {"photo_id": pa.string()}) as given:
            tx.execute(f"DELETE FROM duplicate_groups WHERE photo_id IN (SELECT photo_id FROM {given})")
    tx.insert("duplicate_groups", rows)


def counts(tx: Transaction) -> dict[str, dict[str, int]]:
    """By tier: how many `groups` there are, and how many `photos` stand in them."""
    rows = tx.rows(
        f"""SELECT tier, count(*) AS groups, sum(photos)::BIGINT AS photos FROM (
            SELECT tier, group_id, count(*) AS photos FROM duplicate_groups
            WHERE photo_id IN (SELECT p.photo_id FROM {_SHOWN})
            GROUP BY tier, group_id HAVING count(*) > 1 OR tier = 'same_bytes')
        GROUP BY tier ORDER BY tier"""
    )
    return {row["tier"]: {"groups": row["groups"], "photos": row["photos"]} for row in rows}


def groups(
    tx: Transaction,
    *,
    tiers: Sequence[str],
    tier: str | None,
    photo_ids: Collection[str] | None,
    limit: int,
    offset: int,
) -> list[dict[str, Any]]:
    """A page of groups: `group_id`, `tier`, `photo_ids` (the best first), `scores`, `reasons`; in the order of `tiers`,
    of each large ones first.

    Photos that were hidden or went missing since the groups were made are left out.

    With `photo_ids`: groups that any of these stands in.
    """
    with tx.relation({"photo_id": sorted(set(photo_ids or ()))}, {"photo_id": pa.string()}) as given:
        among = f"AND group_id IN (SELECT group_id FROM duplicate_groups JOIN {given} USING (photo_id))"
        which = f"($tier IS NULL OR tier = $tier) {among if photo_ids is not None else ''}"
        return tx.rows(
            f"""{_GROUPS.format(which=which)}
            ORDER BY list_position($tiers, tier), count(*) DESC, group_id LIMIT $limit OFFSET $offset""",
            {"tiers": list(tiers), "tier": tier, "limit": limit, "offset": offset},
        )


def chosen(tx: Transaction, group_ids: Sequence[str]) -> list[dict[str, Any]]:
    """These groups, each once and in this order, as `groups` tells them.

    Raises `DUPLICATE_GROUP_NOT_FOUND`, also when fewer than two photos are left of one.
    """
    wanted = list(dict.fromkeys(group_ids))
    with tx.relation({"group_id": wanted}, {"group_id": pa.string()}) as given:
        rows = tx.rows(_GROUPS.format(which=f"group_id IN (SELECT group_id FROM {given})"))
    found = {row["group_id"]: row for row in rows}
    for group_id in wanted:
        if group_id not in found:
            raise LoupeError(
                "DUPLICATE_GROUP_NOT_FOUND", "There is no such group of duplicates now.", group_id=group_id
            )
    return [found[group_id] for group_id in wanted]


def given(tx: Transaction, photo_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """By id, what a person gave these photos: `tags`, `collections`, `rating` (else the file's), and the `caption`
    that was written of it (`written_at`); with its `document_id` and that document's `pages` that are not hidden."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as asked:
        rows = tx.rows(
            f"""WITH tagged AS (
                SELECT photo_id, list(tag) AS tags FROM tags JOIN {asked} USING (photo_id) GROUP BY ALL),
            collected AS (
                SELECT photo_id, list(name) AS collections FROM collection_photos JOIN {asked} USING (photo_id)
                JOIN collections USING (collection_id) GROUP BY ALL),
            documents AS (
                SELECT q.document_id, list(q.photo_id) AS pages FROM photos q WHERE q.hidden_at IS NULL
                AND q.document_id IN (SELECT document_id FROM photos JOIN {asked} USING (photo_id)) GROUP BY ALL)
            SELECT p.photo_id, p.document_id, d.pages, {photos.rating_sql("p")} AS rating, t.tags, c.collections,
                w.text AS caption, w.written_at
            FROM photos p JOIN {asked} USING (photo_id) JOIN documents d USING (document_id)
            LEFT JOIN tagged t USING (photo_id) LEFT JOIN collected c USING (photo_id)
            LEFT JOIN written_captions w USING (photo_id)"""
        )
    return {row["photo_id"]: row for row in rows}


def marked_different(tx: Transaction) -> set[tuple[str, str]]:
    """Pairs of photos that a person called different, the smaller id first."""
    return {tuple(row) for row in tx.execute("SELECT DISTINCT photo_a, photo_b FROM not_duplicates").fetchall()}


def mark_different(tx: Transaction, photo_ids: Collection[str]) -> int:
    """A person's word: no two of these are duplicates; of one photo alone: its copies are meant. How many pairs."""
    photos.require(tx, photo_ids)
    ids = sorted(set(photo_ids))
    wanted = {(ids[0], ids[0])} if len(ids) == 1 else {(a, b) for i, a in enumerate(ids) for b in ids[i + 1 :]}
    new = sorted(wanted - marked_different(tx))
    now = utc_now()
    tx.insert("not_duplicates", [{"photo_a": a, "photo_b": b, "decided_at": now} for a, b in new])
    return len(new)


def merge_different(tx: Transaction, given: str) -> list[tuple[str, str]]:
    """Take over the pairs that the relation `given` (photo_id, other_photo_id, decided_at) has and this one has not.

    Returns those. Whether groups come apart by it is for `resources.duplicates.regroup`.
    """
    new = tx.execute(
        f"""INSERT INTO not_duplicates
        SELECT least(photo_id, other_photo_id), greatest(photo_id, other_photo_id), min(decided_at) FROM {given} g
        WHERE NOT EXISTS (FROM not_duplicates n WHERE n.photo_a = least(g.photo_id, g.other_photo_id)
            AND n.photo_b = greatest(g.photo_id, g.other_photo_id))
        GROUP BY ALL RETURNING photo_a, photo_b"""
    ).fetchall()
    return [(row[0], row[1]) for row in new]


def unmark_different(tx: Transaction, photo_ids: Collection[str]) -> int:
    """Take that word back for every pair among these photos. Returns how many pairs."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(
            f"""DELETE FROM not_duplicates WHERE photo_a IN (SELECT photo_id FROM {given})
            AND photo_b IN (SELECT photo_id FROM {given}) RETURNING photo_a"""
        ).fetchall()
    return len(rows)
