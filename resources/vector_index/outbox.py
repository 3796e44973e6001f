"""Bringing an index up to the manifest: the manifest is the log, the index a view of it.

Every step may be repeated: a point is always built from what the manifest says now, and the position in the outbox
is remembered only after the points are durable. The manifest is never open while vectors are read or the engine works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import structlog

from resources.errors import LoupeError
from resources.manifest import Manifest, Transaction, outbox, roots, stacks
from resources.vector_index.photo_points import PhotoFacts, VectorReader, build_point, read_facts, usable_vectors
from resources.vector_index.points import IndexModel, PhotoPoint, StoredPhoto, Vector
from resources.vector_index.protocol import VectorIndex

__all__ = ["AppliedCounts", "Verification", "apply_outbox", "verify", "why_rebuild"]

log = structlog.get_logger(__name__)

# Photos read, built and sent at a time: memory stays under about 20 MB, the manifest is open for milliseconds.
BATCH_PHOTOS = 1000
# Photos at a time where the whole library is walked: each step reads columns of the big tables from end to end, so that
# many small ones would take time by the square of the library. About 200 MB.
PAGE_PHOTOS = 10_000
_OUTBOX_ROWS = 5000


@dataclass(frozen=True)
class AppliedCounts:
    """What one call did. `applied_seq` is where the index stands after it.

    `vectors_missing`: embedded by the manifest's word, but without a usable vector; `rejected`: points that the engine
    refused (logged, left out). `rebuilt`: everything was written anew.
    """

    upserted: int = 0
    deleted: int = 0
    embedded: int = 0
    vectors_missing: int = 0
    rejected: int = 0
    rebuilt: bool = False
    applied_seq: int = 0


@dataclass(frozen=True)
class Verification:
    """How index and manifest differ; the lists hold at most 100 photo ids.

    `unembedded` have a vector of the index's model by the manifest's word and none in the index; `embedded` have one
    in both. `model` names whose vectors the index holds, None: words only.
    """

    photos: int
    points: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    missing_count: int
    unexpected_count: int
    unembedded: tuple[str, ...] = ()
    unembedded_count: int = 0
    embedded: int = 0
    model: str | None = None
    generation: str = ""

    @property
    def same(self) -> bool:
        return not self.missing_count and not self.unexpected_count and not self.unembedded_count


def apply_outbox(
    manifest: Manifest,
    vectors: VectorReader | None,
    index: VectorIndex,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[AppliedCounts], None] | None = None,
) -> AppliedCounts:
    """Apply every outbox row above `index.applied_seq`; rebuild from `photos` when that is not possible.

    A rebuild happens when the index is new, when the manifest was restored from a backup, and when the rows it would
    need were trimmed. `stop` ends the call between batches; what was applied stays. `progress` is called after each
    batch of `BATCH_PHOTOS`. On the way the index is told which watched folders can be reached. Raises `INDEX_BUSY` when
    another process applies to the same server.
    """
    with index.changing():
        counts = AppliedCounts(applied_seq=index.applied_seq or 0)
        more, ahead = True, 0
        while more and not (stop and stop.is_set()):
            with manifest.read() as tx:
                # Asked in the transaction that reads the rows: each opening costs an edit more time to be seen.
                index.set_roots(roots.reached(tx))
                reason = None if counts.rebuilt else _why_rebuild(tx, index)
                rows = [] if reason else outbox.after(tx, counts.applied_seq, _OUTBOX_ROWS)
                mark = _mark(tx, rows[-1]["seq"]) if rows else ""
                more = len(rows) == _OUTBOX_ROWS
                # What persons changed is not kept waiting by an import, or by a folder that moved; its rows come again
                # in their turn, when the position may pass them.
                edits = outbox.edits_after(tx, max(ahead, rows[-1]["seq"]), BATCH_PHOTOS) if more else []
                # A cover's point shows its mates' words and theirs its caption: whole stacks are built anew.
                given = dict.fromkeys(row["photo_id"] for row in [*edits, *rows])
                renewed = {row["photo_id"] for row in rows if row["change"] not in outbox.SAME_VECTOR}
                changed = [*given, *sorted(stacks.mates(tx, given) - given.keys())] if rows else []
            if reason:
                counts = _rebuild(manifest, vectors, index, reason, stop, progress)
                continue
            if not rows:
                break
            ahead = edits[-1]["seq"] if edits else ahead
            for start in range(0, len(changed), BATCH_PHOTOS):
                counts = _apply(manifest, vectors, index, changed[start : start + BATCH_PHOTOS], renewed, counts)
                if progress and start + BATCH_PHOTOS < len(changed):
                    progress(counts)
            index.set_applied_seq(rows[-1]["seq"], mark)
            counts = replace(counts, applied_seq=rows[-1]["seq"])
            if progress:
                progress(counts)
        return counts


def verify(manifest: Manifest, index: VectorIndex) -> Verification:
    """Compare the photos a person can see with the points, walking both in id order; call it while nothing changes."""
    missing: list[str] = []
    unexpected: list[str] = []
    unembedded: list[str] = []
    photos = points = missing_count = unexpected_count = unembedded_count = embedded = 0
    after: str | None = None
    while True:
        with manifest.read() as tx:
            expected = set(page := _visible_ids(tx, after, PAGE_PHOTOS))
            seen = _embedded_ids(tx, page, index.model)
        last = page[-1] if len(page) == PAGE_PHOTOS else None
        held = set(_ids_up_to(index, after, last))
        photos, points = photos + len(expected), points + len(held)
        missing_count += len(expected - held)
        unexpected_count += len(held - expected)
        missing += sorted(expected - held)[: 100 - len(missing)]
        unexpected += sorted(held - expected)[: 100 - len(unexpected)]
        stored = index.get(sorted(seen & held))
        blind = sorted(photo_id for photo_id, photo in stored.items() if not photo.payload.get("embedded"))
        embedded, unembedded_count = embedded + len(stored) - len(blind), unembedded_count + len(blind)
        unembedded += blind[: 100 - len(unembedded)]
        if last is None:
            return Verification(
                photos,
                points,
                tuple(missing),
                tuple(unexpected),
                missing_count,
                unexpected_count,
                tuple(unembedded),
                unembedded_count,
                embedded,
                index.model.name if index.model else None,
                index.generation,
            )
        after = last


def why_rebuild(manifest: Manifest, index: VectorIndex) -> str | None:
    """Why the outbox alone cannot bring this index up to the manifest; None when it can."""
    with manifest.read() as tx:
        return _why_rebuild(tx, index)


def _why_rebuild(tx: Transaction, index: VectorIndex) -> str | None:
    seq = index.applied_seq
    if seq is None:
        return "new"
    newest = outbox.newest_seq(tx)
    oldest = tx.value("SELECT min(seq) FROM index_outbox")
    mark = _mark(tx, seq)
    if seq > newest or (mark and index.applied_mark and mark != index.applied_mark):
        return "the manifest is another one"
    if seq < newest and (oldest is None or oldest > seq + 1):
        return "too far behind"
    return None


def _mark(tx: Transaction, seq: int) -> str:
    """What stands at `seq`; empty when nothing does."""
    row = tx.one("SELECT photo_id, committed_at FROM index_outbox WHERE seq = ?", [seq])
    return f"{row['photo_id']} {row['committed_at'].isoformat()}" if row else ""


def _rebuild(
    manifest: Manifest,
    vectors: VectorReader | None,
    index: VectorIndex,
    reason: str,
    stop: threading.Event | None,
    progress: Callable[[AppliedCounts], None] | None,
) -> AppliedCounts:
    """Write every visible photo and remove every other point, in id order and in bounded memory.

    Killed on the way it starts again: until the end the index says that it was never whole. Changes made meanwhile
    have outbox rows above the position noted at the start.
    """
    with manifest.read() as tx:
        newest = outbox.newest_seq(tx)
        mark = _mark(tx, newest)
    log.info("building the index from the manifest", generation=index.generation, reason=reason)
    if index.applied_seq is not None:
        index.set_applied_seq(None)
    counts = AppliedCounts(rebuilt=True)
    after: str | None = None
    while not (stop and stop.is_set()):
        with manifest.read() as tx:
            page = _visible_ids(tx, after, PAGE_PHOTOS)
        last = page[-1] if len(page) == PAGE_PHOTOS else None
        stale = sorted(set(_ids_up_to(index, after, last)) - set(page))
        index.delete(stale)
        facts, found, missing = _read(manifest, vectors, index, page)
        counts = replace(counts, deleted=counts.deleted + len(stale), vectors_missing=counts.vectors_missing + missing)
        for start in range(0, max(1, len(page)), BATCH_PHOTOS):
            with manifest.read() as tx:
                index.set_roots(roots.reached(tx))
            counts = _send(index, page[start : start + BATCH_PHOTOS], facts, found, counts)
            if progress:
                progress(counts)
            if stop and stop.is_set():
                return counts
        if last is None:
            index.set_applied_seq(newest, mark)
            return replace(counts, applied_seq=newest)
        after = last
    return counts


def _apply(
    manifest: Manifest,
    vectors: VectorReader | None,
    index: VectorIndex,
    photo_ids: Sequence[str],
    renewed: Collection[str],
    counts: AppliedCounts,
) -> AppliedCounts:
    """Make the index show these photos as the manifest has them now.

    Vectors that it holds are not read again but of those `renewed`: a vector that was damaged is computed anew from the
    same pixels.
    """
    same = [photo_id for photo_id in photo_ids if photo_id not in renewed]
    held = index.get(same, vectors=True) if index.model and same else {}
    facts, found, missing = _read(manifest, vectors, index, photo_ids, held)
    return _send(index, photo_ids, facts, found, replace(counts, vectors_missing=counts.vectors_missing + missing))


def _read(
    manifest: Manifest,
    vectors: VectorReader | None,
    index: VectorIndex,
    photo_ids: Sequence[str],
    held: Mapping[str, StoredPhoto] | None = None,
) -> tuple[dict[str, PhotoFacts], dict[str, Vector], int]:
    """What `read_facts` and `usable_vectors` say of these photos. Vectors of those `held` are as the index has them."""
    with manifest.read() as tx:
        index.set_roots(roots.reached(tx))  # a disk that goes while many photos are applied is not noticed after them
        facts = read_facts(tx, photo_ids, index.model)
    known = {photo.payload["pixel_hash"]: photo.vector for photo in (held or {}).values() if photo.vector is not None}
    for photo_id in facts.keys() - (held or {}).keys():  # one that shows the same picture may be held
        known.pop(facts[photo_id].pixel_hash, None)
    found, missing = usable_vectors(facts, vectors, index.model, known)
    return facts, found, missing


def _send(
    index: VectorIndex,
    photo_ids: Sequence[str],
    facts: Mapping[str, PhotoFacts],
    vectors: Mapping[str, Vector],
    counts: AppliedCounts,
) -> AppliedCounts:
    """Write those of the photos that have facts, delete the others."""
    points = [build_point(facts[photo_id], vectors) for photo_id in photo_ids if photo_id in facts]
    gone = [photo_id for photo_id in photo_ids if photo_id not in facts]
    rejected = _upsert(index, points)
    index.delete(gone)
    return replace(
        counts,
        upserted=counts.upserted + len(points) - rejected,
        deleted=counts.deleted + len(gone),
        embedded=counts.embedded + sum(point.vector is not None for point in points),
        rejected=counts.rejected + rejected,
    )


def _upsert(index: VectorIndex, points: Sequence[PhotoPoint]) -> int:
    """Send the points; one that the engine refuses takes no neighbour with it. Returns how many were refused."""
    try:
        index.upsert(points)
        return 0
    except LoupeError:
        raise  # unreachable, closed, disk full: every point would fail
    except Exception as error:
        if len(points) == 1:
            log.error("the index refused a photo", photo_id=points[0].photo_id, reason=str(error))
            index.delete([points[0].photo_id])
            return 1
        half = len(points) // 2
        return _upsert(index, points[:half]) + _upsert(index, points[half:])


def _visible_ids(tx: Transaction, after: str | None, limit: int) -> list[str]:
    return [
        row[0]
        for row in tx.execute(
            """SELECT p.photo_id FROM photos p
            WHERE p.hidden_at IS NULL AND ($after IS NULL OR p.photo_id > $after) AND EXISTS (
                FROM files f JOIN roots r USING (root_id)
                WHERE f.photo_id = p.document_id AND f.missing_since IS NULL AND f.skip_reason IS NULL)
            ORDER BY p.photo_id LIMIT $limit""",
            {"after": after, "limit": limit},
        ).fetchall()
    ]


def _embedded_ids(tx: Transaction, photo_ids: Sequence[str], model: IndexModel | None) -> set[str]:
    """Those of the photos that this model has seen."""
    if model is None or not photo_ids:
        return set()
    with tx.relation({"photo_id": list(photo_ids)}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(
            f"""SELECT DISTINCT p.photo_id FROM photos p JOIN {given} USING (photo_id)
            JOIN previews v USING (sha256, page) JOIN embeddings e ON e.pixel_hash = v.pixel_hash
            WHERE e.model = ? AND e.revision = ? AND e.preprocess_version = ?""",
            [model.name, model.revision, model.preprocess_version],
        ).fetchall()
    return {row[0] for row in rows}


def _ids_up_to(index: VectorIndex, after: str | None, last: str | None) -> list[str]:
    """Ids in the index above `after`, up to and with `last` (None: to the end)."""
    found: list[str] = []
    while True:
        page = index.ids(found[-1] if found else after, BATCH_PHOTOS)
        found += [photo_id for photo_id in page if last is None or photo_id <= last]
        if len(page) < BATCH_PHOTOS or (last is not None and page[-1] > last):
            return found
