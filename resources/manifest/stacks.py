"""Tables `stacks`, `stack_separations`, `stack_covers`: photos that belong together, and a person's word about it.

What belongs together is decided in `resources/stacks.py`; here are the rows it reads and writes. A photo's neighbours
are found by two keys kept with its files (`stack_key`, `shot_key`), never by reading its folder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest import photos
from resources.manifest.database import Transaction

__all__ = [
    "Key",
    "chosen_covers",
    "count_due",
    "disturb",
    "due_photos",
    "due_videos",
    "frames",
    "is_member_sql",
    "mates",
    "members",
    "merge_covers",
    "merge_separations",
    "motion",
    "of_bursts",
    "of_keys",
    "reunite",
    "rows_of",
    "say_cover",
    "separate",
    "separations",
    "set_keys",
    "set_motion",
    "set_motion_of",
    "settled",
    "sightings",
    "videos",
    "whole",
    "write",
]

Key = Literal["stack_key", "shot_key"]

# A file to compare: a photo's that is there, or a video's, which may be a Live Photo's.
_COMPARED = """(f.missing_since IS NULL
    AND ((f.skip_reason IS NULL AND f.photo_id IS NOT NULL) OR f.skip_reason = 'video'))"""
_DUE = f"(f.stack_key IS NOT NULL) <> {_COMPARED}"


def is_member_sql(alias: str) -> str:
    """A condition on the photo `alias`: it stands in a stack and is not its cover."""
    return f"EXISTS (FROM stacks member WHERE member.photo_id = {alias}.photo_id AND NOT member.is_cover)"


# What belongs together


def mates(tx: Transaction, photo_ids: Collection[str]) -> set[str]:
    """The photos that stand in one stack with any of these; these themselves if they stand in one."""
    with _given(tx, photo_ids) as given:
        rows = tx.execute(
            f"""SELECT photo_id FROM stacks
            WHERE stack_id IN (SELECT stack_id FROM stacks JOIN {given} USING (photo_id))"""
        ).fetchall()
    return {row[0] for row in rows}


def members(tx: Transaction, photo_id: str) -> list[dict[str, Any]]:
    """The stack that this photo stands in: rows of `stacks`, the cover first. Empty when it stands in none."""
    return tx.rows(
        """SELECT s.* FROM stacks s WHERE s.stack_id = (SELECT stack_id FROM stacks WHERE photo_id = ?)
        ORDER BY s.position""",
        [photo_id],
    )


def whole(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
    """The stacks that these photos stand in, all their rows, covers first."""
    with _given(tx, photo_ids) as given:
        return tx.rows(
            f"""SELECT * FROM stacks WHERE stack_id IN (SELECT stack_id FROM stacks JOIN {given} USING (photo_id))
            ORDER BY stack_id, position"""
        )


def rows_of(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
    """The rows of these photos."""
    with _given(tx, photo_ids) as given:
        return tx.rows(f"SELECT s.* FROM stacks s JOIN {given} USING (photo_id)")


def write(tx: Transaction, photo_ids: Collection[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Take these photos out of their stacks and put them into those of `rows`."""
    with _given(tx, photo_ids) as given:
        tx.execute(f"DELETE FROM stacks WHERE photo_id IN (SELECT photo_id FROM {given})")
    tx.insert("stacks", rows)


# Pending work


def disturb(tx: Transaction, photo_ids: Collection[str]) -> None:
    """These photos changed, or a file of theirs became another photo's: they and their mates are compared anew.

    Not needed for files that came, vanished, returned or moved: their keys show it.
    """
    if photo_ids:
        with _given(tx, {*photo_ids, *mates(tx, photo_ids)}) as given:
            tx.execute(f"UPDATE photos SET stack_due = true WHERE photo_id IN (SELECT photo_id FROM {given})")


def due_photos(tx: Transaction, limit: int) -> list[str]:
    """Photos that were not compared with their neighbours as both are now."""
    rows = tx.execute(f"SELECT photo_id FROM ({_DUE_PHOTOS}) LIMIT ?", [limit]).fetchall()
    return [row[0] for row in rows]


_DUE_PHOTOS = f"""SELECT photo_id FROM photos WHERE stack_due
    UNION SELECT photo_id FROM files f WHERE f.photo_id IS NOT NULL AND {_DUE}"""


def due_videos(tx: Transaction, limit: int) -> list[dict[str, Any]]:
    """Videos that came or went since they were last compared: `root_id`, `rel_path`, `stack_key`, `present`."""
    return tx.rows(
        f"""SELECT f.root_id, f.rel_path, f.stack_key, {_COMPARED} AS present FROM files f
        WHERE f.photo_id IS NULL AND {_DUE} LIMIT ?""",
        [limit],
    )


def count_due(tx: Transaction) -> int:
    """How many photos and videos wait to be compared."""
    return int(
        tx.value(
            f"""SELECT (SELECT count(*) FROM ({_DUE_PHOTOS}))
                + (SELECT count(*) FROM files f WHERE f.photo_id IS NULL AND {_DUE})"""
        )
    )


def settled(tx: Transaction, photo_ids: Collection[str]) -> None:
    """These photos are compared."""
    with _given(tx, photo_ids) as given:
        tx.execute(
            f"UPDATE photos SET stack_due = false WHERE stack_due AND photo_id IN (SELECT photo_id FROM {given})"
        )


# Neighbours


def frames(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
    """What comparing takes, of those of these photos that a person can see and that are a file of their own."""
    with _given(tx, photo_ids) as given:
        return tx.rows(
            f"""SELECT p.photo_id, p.format, p.width, p.height, p.camera_make, p.camera_model, p.taken_at,
                p.taken_at_source, p.exposure_s, p.f_number, p.iso, p.exposure_bias_ev, p.burst_id,
                {photos.rating_sql("p")} AS rating, v.perceptual_hash
            FROM photos p JOIN {given} USING (photo_id) LEFT JOIN previews v ON v.sha256 = p.sha256 AND v.page = p.page
            WHERE p.hidden_at IS NULL AND p.pages = 1"""
        )


def sightings(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
    """The files of these photos, gone ones too: `photo_id`, `root_id`, `rel_path`, `mtime_ns`, both keys, `present`."""
    with _given(tx, photo_ids) as given:
        return tx.rows(
            f"""SELECT f.photo_id, f.root_id, f.rel_path, f.mtime_ns, f.stack_key, f.shot_key, {_COMPARED} AS present
            FROM files f JOIN {given} USING (photo_id)"""
        )


def of_keys(tx: Transaction, key: Key, keys: Collection[int], most: int) -> tuple[set[str], set[int]]:
    """The photos with a file under one of these keys, and the keys that more than `most` files have.

    Of such a crowd only those that stand in a stack are named: at any size of it the answer is short.
    """
    with _given_keys(tx, keys) as given:
        found = f"""FROM files f WHERE f.{key} IN (SELECT key FROM {given}) AND f.photo_id IS NOT NULL
            AND {_COMPARED}"""
        crowds = f"SELECT f.{key} {found} GROUP BY f.{key} HAVING count(*) > $most"
        crowded = {row[0] for row in tx.execute(crowds, {"most": most}).fetchall()}
        if crowded:
            found += f""" AND (f.{key} NOT IN ({crowds}) OR f.photo_id IN (SELECT photo_id FROM stacks))"""
        rows = tx.execute(f"SELECT DISTINCT f.photo_id {found}", {"most": most} if crowded else {}).fetchall()
    return {row[0] for row in rows}, crowded


def of_bursts(tx: Transaction, burst_ids: Collection[str], most: int) -> tuple[set[str], set[str]]:
    """The photos of these bursts by their camera's word; as `of_keys`."""
    columns = {"burst_id": sorted(burst_ids)}
    with tx.relation(columns, {"burst_id": pa.string()}) as given:
        found = f"FROM photos p WHERE p.burst_id IN (SELECT burst_id FROM {given})"
        crowds = f"SELECT p.burst_id {found} GROUP BY p.burst_id HAVING count(*) > $most"
        crowded = {row[0] for row in tx.execute(crowds, {"most": most}).fetchall()}
        if crowded:
            found += f" AND (p.burst_id NOT IN ({crowds}) OR p.photo_id IN (SELECT photo_id FROM stacks))"
        rows = tx.execute(f"SELECT p.photo_id {found}", {"most": most} if crowded else {}).fetchall()
    return {row[0] for row in rows}, crowded


def set_keys(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `stack_key` and `shot_key` of the files of these rows (`root_id`, `rel_path`)."""
    if not rows:
        return
    columns = {name: [row[name] for row in rows] for name in ("root_id", "rel_path", "stack_key", "shot_key")}
    types = {"root_id": pa.string(), "rel_path": pa.string(), "stack_key": pa.uint64(), "shot_key": pa.uint64()}
    with tx.relation(columns, types) as given:
        tx.execute(
            f"""UPDATE files AS f SET stack_key = g.stack_key, shot_key = g.shot_key FROM {given} g
            WHERE f.root_id = g.root_id AND f.rel_path = g.rel_path"""
        )


# Live Photos


def videos(tx: Transaction, keys: Collection[int]) -> list[dict[str, Any]]:
    """The videos under these keys, those that are gone and were not taken notice of too. `hidden_owner` is the photo
    whose motion a video is, where a person removed that from the library."""
    with _given_keys(tx, keys) as given:
        return tx.rows(
            f"""SELECT f.root_id, f.rel_path, f.size_bytes, f.mtime_ns, f.stack_key, f.motion_of,
                p.photo_id AS hidden_owner, {_COMPARED} AS present
            FROM files f LEFT JOIN photos p ON p.photo_id = f.motion_of AND p.hidden_at IS NOT NULL
            WHERE f.photo_id IS NULL AND f.stack_key IN (SELECT key FROM {given})"""
        )


def set_motion_of(tx: Transaction, rows: Sequence[tuple[str, str, str | None]]) -> None:
    """Say whose motion these videos `(root_id, rel_path, photo_id)` are."""
    if not rows:
        return
    columns = {name: [row[i] for row in rows] for i, name in enumerate(("root_id", "rel_path", "photo_id"))}
    with tx.relation(columns, dict.fromkeys(columns, pa.string())) as given:
        tx.execute(
            f"""UPDATE files AS f SET motion_of = g.photo_id FROM {given} g
            WHERE f.root_id = g.root_id AND f.rel_path = g.rel_path"""
        )


def motion(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
    """Of each photo what its bytes say (`metadata`, JSON), and whether a `video` that is there is its motion."""
    with _given(tx, photo_ids) as given:
        return tx.rows(
            f"""SELECT p.photo_id, v.metadata, EXISTS (FROM files f WHERE f.motion_of = p.photo_id
                AND f.missing_since IS NULL) AS video
            FROM photos p JOIN {given} USING (photo_id) LEFT JOIN previews v USING (sha256, page)"""
        )


def set_motion(tx: Transaction, motion: Mapping[str, bool]) -> set[str]:
    """Say of these photos whether they move. Returns those of which it was not said before."""
    columns: dict[str, list[Any]] = {"photo_id": list(motion), "motion": list(motion.values())}
    with tx.relation(columns, {"photo_id": pa.string(), "motion": pa.bool_()}) as given:
        rows = tx.execute(
            f"""UPDATE photos AS p SET motion = g.motion FROM {given} g
            WHERE p.photo_id = g.photo_id AND coalesce(p.motion, false) <> g.motion RETURNING p.photo_id"""
        ).fetchall()
    return {row[0] for row in rows}


# A person's word


def separations(tx: Transaction, photo_ids: Collection[str]) -> list[tuple[str, str, int]]:
    """`(choice_id, photo_id, part)` of these photos: those in different parts of one choice stay apart."""
    with _given(tx, photo_ids) as given:
        return tx.execute(
            f"SELECT s.choice_id, s.photo_id, s.part FROM stack_separations s JOIN {given} USING (photo_id)"
        ).fetchall()


def separate(tx: Transaction, choice_id: str, parts: Sequence[Collection[str]]) -> None:
    """Keep the photos of each part apart from those of the others, for ever."""
    now = utc_now()
    tx.insert(
        "stack_separations",
        [
            {"choice_id": choice_id, "photo_id": photo_id, "part": number, "decided_at": now}
            for number, part in enumerate(parts)
            for photo_id in sorted(part)
        ],
    )


def reunite(tx: Transaction, photo_id: str) -> set[str]:
    """Forget every separation that names this photo. Returns the photos it was kept apart from, itself included."""
    rows = tx.execute(
        """DELETE FROM stack_separations
        WHERE choice_id IN (SELECT choice_id FROM stack_separations WHERE photo_id = ?) RETURNING photo_id""",
        [photo_id],
    ).fetchall()
    return {row[0] for row in rows}


def chosen_covers(tx: Transaction, photo_ids: Collection[str]) -> dict[str, Any]:
    """When each of these photos was last chosen as a cover; those never chosen are absent."""
    with _given(tx, photo_ids) as given:
        return dict(
            tx.execute(
                f"SELECT c.photo_id, max(c.decided_at) FROM stack_covers c JOIN {given} USING (photo_id) GROUP BY 1"
            ).fetchall()
        )


def say_cover(tx: Transaction, photo_id: str) -> None:
    """This photo is to be the cover of whatever stack it stands in."""
    tx.execute("DELETE FROM stack_covers WHERE photo_id = ?", [photo_id])
    tx.insert("stack_covers", [{"photo_id": photo_id, "decided_at": utc_now()}])


def merge_separations(tx: Transaction, given: str) -> int:
    """Take over the choices that the relation `given` (choice_id, photo_id, part, decided_at) has and this one has not.

    A choice counts with two parts or more. Returns how many; their photos are compared anew.
    """
    new = tx.execute(
        f"""INSERT INTO stack_separations SELECT DISTINCT choice_id, photo_id, part, decided_at FROM {given} g
        WHERE NOT EXISTS (FROM stack_separations s WHERE s.choice_id = g.choice_id)
          AND choice_id IN (SELECT choice_id FROM {given} GROUP BY choice_id HAVING count(DISTINCT part) > 1)
        RETURNING choice_id, photo_id"""
    ).fetchall()
    disturb(tx, {row[1] for row in new})
    return len({row[0] for row in new})


def merge_covers(tx: Transaction, given: str) -> int:
    """Take over the covers that the relation `given` (photo_id, decided_at) has and this one has not. How many."""
    new = tx.execute(
        f"""INSERT INTO stack_covers SELECT photo_id, max(decided_at) FROM {given} g
        WHERE NOT EXISTS (FROM stack_covers s WHERE s.photo_id = g.photo_id) GROUP BY photo_id RETURNING photo_id"""
    ).fetchall()
    disturb(tx, {row[0] for row in new})
    return len(new)


@contextmanager
def _given(tx: Transaction, photo_ids: Collection[str]) -> Iterator[str]:
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        yield given


@contextmanager
def _given_keys(tx: Transaction, keys: Collection[int]) -> Iterator[str]:
    with tx.relation({"key": sorted(set(keys))}, {"key": pa.uint64()}) as given:
        yield given
