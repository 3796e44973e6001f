"""Tables `embeddings` and `captions`: what models made, keyed by pixels and by what made it.

The same statements serve both: a result is pending while a photo that a person can see has none by this model and this
model has not failed on the same bytes. A photo whose picture is to be read again from its original waits for that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest import outbox
from resources.manifest.database import Transaction
from resources.manifest.failures import GIVEN_UP, TO_RETRY
from resources.manifest.stacks import is_member_sql

__all__ = [
    "PendingPreview",
    "ResultKey",
    "content_showing",
    "count_behind",
    "count_done",
    "count_failed",
    "count_pending",
    "forget",
    "keys",
    "known",
    "merge_captions",
    "pending",
    "pending_partitions",
    "photos_described_by",
    "photos_showing",
    "put",
    "unseen_newcomers",
]

Stage = Literal["embeddings", "captions"]


@dataclass(frozen=True)
class ResultKey:
    """What makes a result: another model, revision or preprocessing is another result."""

    model: str
    revision: str
    preprocess_version: str

    @property
    def made_by(self) -> str:
        """The key in one text, by which `failures` tells models apart."""
        return f"{self.model}@{self.revision}/{self.preprocess_version}"


@dataclass(frozen=True)
class PendingPreview:
    """A decoded photo that a model has not seen. `root_id`, `rel_path` and `page` name one of its files."""

    pixel_hash: str
    sha256: str
    root_id: str
    rel_path: str
    partition_key: str
    page: int = 1


# Whether a picture `v` is stored, or its file `f` is still tried.
_CAN_BE_READ = f"""(v.decoder_version <> '' OR NOT EXISTS (FROM failures x WHERE x.stage = 'decoded_images'
        AND x.root_id = f.root_id AND x.rel_path = f.rel_path AND x.decoder_version <> ''
        AND x.size_bytes = f.size_bytes AND x.mtime_ns = f.mtime_ns AND {GIVEN_UP}))"""
_SAME = "x.model = $model AND x.revision = $revision AND x.preprocess_version = $preprocess_version"


def _pending_sql(stage: Stage, *, now: bool) -> str:
    """Pictures `v` of files `f` without a result: those to look at `now`, or all that are not given up."""
    # A stack is captioned once: by its cover.
    alone = f"AND NOT {is_member_sql('p')}" if stage == "captions" else ""
    return f"""
    FROM files f JOIN photos p ON p.document_id = f.photo_id AND p.sha256 = f.sha256
    JOIN previews v ON v.sha256 = p.sha256 AND v.page = p.page
    WHERE f.missing_since IS NULL AND f.skip_reason IS NULL AND p.hidden_at IS NULL {alone}
      AND NOT EXISTS (FROM {stage} x WHERE x.pixel_hash = v.pixel_hash AND {_SAME})
      AND NOT EXISTS (FROM failures x WHERE x.stage = '{stage}' AND x.sha256 = p.sha256 AND x.page = p.page
        AND x.decoder_version = $model || '@' || $revision || '/' || $preprocess_version
        AND {f"NOT {TO_RETRY}" if now else GIVEN_UP})
      AND {"v.decoder_version <> ''" if now else _CAN_BE_READ}
    """


def _params(key: ResultKey, **more: Any) -> dict[str, Any]:
    return {
        "model": key.model,
        "revision": key.revision,
        "preprocess_version": key.preprocess_version,
        **more,
    }


def pending(
    tx: Transaction, stage: Stage, key: ResultKey, limit: int, partition_keys: Sequence[str] | None = None
) -> list[PendingPreview]:
    """Decoded pictures without this result, newest file first, each picture once."""
    rows = tx.execute(
        f"""SELECT pixel_hash, one.sha256, one.root_id, one.rel_path, one.partition_key, one.page FROM (
            SELECT v.pixel_hash, max(f.mtime_ns) AS newest, min(struct_pack(rel_path := f.rel_path,
                root_id := f.root_id, page := p.page, sha256 := p.sha256, partition_key := f.partition_key)) AS one
            {_pending_sql(stage, now=True)} AND ($keys IS NULL OR list_contains($keys, f.partition_key))
            GROUP BY v.pixel_hash)
        ORDER BY newest DESC, pixel_hash LIMIT $limit""",
        _params(key, now=utc_now(), limit=limit, keys=None if partition_keys is None else list(partition_keys)),
    ).fetchall()
    return [PendingPreview(*row) for row in rows]


def count_pending(tx: Transaction, stage: Stage, key: ResultKey) -> int:
    """How many decoded pictures lack this result and are not given up, those that cannot be read now too."""
    return int(tx.value(f"SELECT count(DISTINCT v.pixel_hash) {_pending_sql(stage, now=False)}", _params(key)))


def count_behind(tx: Transaction, stage: Stage, key: ResultKey, before: ResultKey) -> int:
    """How many pictures `before` has a result for while that of `key` is pending: what a change would lose now."""
    return int(
        tx.value(
            f"""SELECT count(DISTINCT v.pixel_hash) {_pending_sql(stage, now=False)}
            AND EXISTS (FROM {stage} o WHERE o.pixel_hash = v.pixel_hash AND o.model = $old_model
                AND o.revision = $old_revision AND o.preprocess_version = $old_preprocess_version)""",
            _params(
                key,
                old_model=before.model,
                old_revision=before.revision,
                old_preprocess_version=before.preprocess_version,
            ),
        )
    )


def unseen_newcomers(tx: Transaction, key: ResultKey, pixel_hashes: Sequence[str], since: datetime) -> set[str]:
    """Those of `pixel_hashes` that were decoded at `since` (UTC) or later and have no vector of this model."""
    with tx.relation({"pixel_hash": sorted(set(pixel_hashes))}, {"pixel_hash": pa.string()}) as given:
        rows = tx.execute(
            f"""SELECT pixel_hash FROM previews v JOIN {given} g USING (pixel_hash)
            WHERE NOT EXISTS (FROM embeddings x WHERE x.pixel_hash = v.pixel_hash AND {_SAME})
            GROUP BY pixel_hash HAVING min(v.decoded_at) >= $since""",
            _params(key, since=since),
        ).fetchall()
    return {row[0] for row in rows}


def keys(tx: Transaction, stage: Stage) -> dict[ResultKey, int]:
    """Everything that has results of this stage, with how many."""
    rows = tx.execute(
        f"SELECT model, revision, preprocess_version, count(*) FROM {stage} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {ResultKey(*row[:3]): int(row[3]) for row in rows}


def forget(tx: Transaction, stage: Stage, key: ResultKey) -> int:
    """Delete every result of this model, and its failures. Returns how many results went.

    Photos whose caption changes by it are told to search.
    """
    if stage == "captions":
        outbox.push(tx, photos_described_by(tx, key), "caption")
    gone = tx.execute(f"DELETE FROM {stage} AS x WHERE {_SAME} RETURNING 1", _params(key)).fetchall()
    tx.execute("DELETE FROM failures WHERE stage = ? AND decoder_version = ?", [stage, key.made_by])
    return len(gone)


def photos_described_by(tx: Transaction, key: ResultKey) -> list[str]:
    """The photos that this captioner has described."""
    rows = tx.execute(
        f"""SELECT DISTINCT p.photo_id FROM photos p JOIN previews v USING (sha256, page)
        JOIN captions x ON x.pixel_hash = v.pixel_hash WHERE {_SAME} ORDER BY ALL""",
        _params(key),
    ).fetchall()
    return [row[0] for row in rows]


def count_done(tx: Transaction, stage: Stage, key: ResultKey) -> int:
    """How many photos that a person can see have this result."""
    return int(
        tx.value(
            f"""SELECT count(DISTINCT p.photo_id) FROM photos p JOIN previews v USING (sha256, page)
            JOIN files f ON f.photo_id = p.document_id AND f.missing_since IS NULL
            WHERE p.hidden_at IS NULL AND EXISTS (FROM {stage} x WHERE x.pixel_hash = v.pixel_hash AND {_SAME})""",
            _params(key),
        )
    )


def count_failed(tx: Transaction, stage: Stage, key: ResultKey) -> int:
    """On how many files the model failed."""
    sql = "SELECT count(*) FROM failures WHERE stage = ? AND decoder_version = ?"
    return int(tx.value(sql, [stage, key.made_by]))


def known(tx: Transaction, stage: Stage, key: ResultKey, pixel_hashes: Sequence[str]) -> set[str]:
    """Those of `pixel_hashes` that have this result."""
    with tx.relation({"pixel_hash": sorted(set(pixel_hashes))}, {"pixel_hash": pa.string()}) as given:
        rows = tx.execute(
            f"SELECT DISTINCT x.pixel_hash FROM {stage} x JOIN {given} g USING (pixel_hash) WHERE {_SAME}",
            _params(key),
        ).fetchall()
    return {row[0] for row in rows}


def put(tx: Transaction, stage: Stage, key: ResultKey, rows: Sequence[dict[str, Any]]) -> int:
    """Insert results (`pixel_hash`, `sha256`, `created_at` and `dim` or `text`); those known stay. Returns how many."""
    unique = {row["pixel_hash"]: row for row in rows}
    for pixel_hash in known(tx, stage, key, list(unique)) if unique else ():
        del unique[pixel_hash]
    return tx.insert(stage, [{**_params(key), **row} for row in unique.values()])


def merge_captions(tx: Transaction, given: str) -> int:
    """Take over the captions of pictures that are here and lack one by the same model.

    `given` is a relation (pixel_hash, model, revision, preprocess_version, text, created_at). Returns how many.
    """
    new = tx.execute(
        f"""INSERT INTO captions (pixel_hash, sha256, model, revision, preprocess_version, text, created_at)
        SELECT g.pixel_hash, min(v.sha256), g.model, g.revision, g.preprocess_version,
            arg_max(g.text, (g.created_at, g.text)), max(g.created_at)
        FROM {given} g JOIN previews v USING (pixel_hash)
        WHERE NOT EXISTS (FROM captions x WHERE x.pixel_hash = g.pixel_hash AND x.model = g.model
            AND x.revision = g.revision AND x.preprocess_version = g.preprocess_version)
        GROUP BY g.pixel_hash, g.model, g.revision, g.preprocess_version RETURNING pixel_hash"""
    ).fetchall()
    outbox.push(tx, photos_showing(tx, [row[0] for row in new]), "caption")
    return len(new)


def content_showing(tx: Transaction, pixel_hashes: Sequence[str]) -> dict[str, str]:
    """Of those of `pixel_hashes` that some decoded bytes show: the hash of such bytes."""
    with tx.relation({"pixel_hash": sorted(set(pixel_hashes))}, {"pixel_hash": pa.string()}) as given:
        return dict(
            tx.execute(
                f"""SELECT v.pixel_hash, min(v.sha256) FROM previews v JOIN {given} USING (pixel_hash)
                GROUP BY v.pixel_hash"""
            ).fetchall()
        )


def photos_showing(tx: Transaction, pixel_hashes: Sequence[str]) -> list[str]:
    """The photos whose current content has one of these pixel hashes."""
    with tx.relation({"pixel_hash": sorted(set(pixel_hashes))}, {"pixel_hash": pa.string()}) as given:
        rows = tx.execute(
            f"""SELECT DISTINCT p.photo_id FROM photos p JOIN previews v USING (sha256, page)
            JOIN {given} g ON g.pixel_hash = v.pixel_hash"""
        ).fetchall()
    return [row[0] for row in rows]


def pending_partitions(tx: Transaction, stage: Stage, key: ResultKey) -> list[str]:
    """Partitions with pictures for this model to look at now, those with the newest files first."""
    rows = tx.execute(
        f"""SELECT f.partition_key {_pending_sql(stage, now=True)} GROUP BY f.partition_key
        ORDER BY max(f.mtime_ns) DESC, f.partition_key""",
        _params(key, now=utc_now()),
    ).fetchall()
    return [row[0] for row in rows]


def embedded_photos(tx: Transaction, key: ResultKey) -> list[tuple[str, str]]:
    """`(photo_id, pixel_hash)` of every photo that a person can see and this model has embedded, by id."""
    return tx.execute(
        f"""SELECT DISTINCT p.photo_id, v.pixel_hash FROM photos p JOIN previews v USING (sha256, page)
        JOIN files f ON f.photo_id = p.document_id AND f.missing_since IS NULL
        WHERE p.hidden_at IS NULL AND EXISTS (FROM embeddings x WHERE x.pixel_hash = v.pixel_hash AND {_SAME})
        ORDER BY p.photo_id""",
        _params(key),
    ).fetchall()
