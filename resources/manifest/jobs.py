"""Table `jobs`: what runs and ran, kept in the manifest so that it survives Dagster and restarts.

A run is queued or running, and ends as done, failed, cancelled, or paused (cut short by `loupe pause`). The newest
`KEPT` runs that ended are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import pauses
from resources.manifest.database import Transaction

__all__ = [
    "ENDED",
    "KEPT",
    "OF_THE_API",
    "Request",
    "StopReason",
    "ask_cancel",
    "asked_between",
    "complete",
    "finish",
    "get",
    "held_back",
    "list_recent",
    "newest",
    "open_retry",
    "pause",
    "progress",
    "queue",
    "request",
    "start",
    "stop_asked",
    "to_retry",
    "unfinished",
]

# {stage: {"done": photos, "total": photos, "photos_per_s": ..., "eta_s": ...}}; the last two may be absent or None.
StageCounts = Mapping[str, Mapping[str, float | None]]
# What a run was asked for: {"folders": partition keys, "config": of the inventory}.
Request = Mapping[str, Any]
StopReason = Literal["cancelled", "paused"]

ENDED = frozenset(["done", "failed", "cancelled", "paused"])
# A run every ten minutes for a week; a row has some hundred bytes.
KEPT = 1000
# Jobs that the search API does itself.
OF_THE_API = frozenset(["delete_collection"])
_PAUSED = "INGEST_PAUSED"
_HELD_BACK = "MASS_VANISH"
# Jobs that can be asked for by name, and whether they read the photos of given folders.
_KINDS = {
    "ingest": True,
    "captions": True,
    "reconcile": True,
    "refresh_map": False,
    "find_duplicates": False,
    "backup": False,
    "tidy": False,
}


def queue(
    tx: Transaction,
    run_id: str,
    kind: str,
    target: str | None,
    request: Request | None = None,
    retry_of: str | None = None,
) -> None:
    """Note a run that was asked for and has not begun; one that has begun meanwhile keeps its row."""
    asked_for = json.dumps(request) if request else None
    if tx.value("SELECT count(*) FROM jobs WHERE run_id = ?", [run_id]):
        tx.execute(
            "UPDATE jobs SET request = coalesce(request, ?), retry_of = coalesce(retry_of, ?) WHERE run_id = ?",
            [asked_for, retry_of, run_id],
        )
        return
    now = utc_now()
    tx.execute(
        "INSERT INTO jobs (run_id, kind, state, target, created_at, updated_at, stages, request, retry_of) "
        "VALUES (?, ?, 'queued', ?, ?, ?, '{}', ?, ?)",
        [run_id, kind, target, now, now, asked_for, retry_of],
    )


def start(tx: Transaction, run_id: str, kind: str, target: str | None, request: Request | None = None) -> None:
    """Note that a run has begun; a run that began before (a retry of the step) keeps its row."""
    now = utc_now()
    asked_for = json.dumps(request) if request else None
    if tx.value("SELECT count(*) FROM jobs WHERE run_id = ?", [run_id]):
        tx.execute(
            "UPDATE jobs SET state = 'running', started_at = coalesce(started_at, ?), updated_at = ?, ended_at = NULL, "
            "target = coalesce(target, ?), request = coalesce(request, ?) WHERE run_id = ?",
            [now, now, target, asked_for, run_id],
        )
        return
    tx.execute(
        "INSERT INTO jobs (run_id, kind, state, target, created_at, started_at, updated_at, stages, request) "
        "VALUES (?, ?, 'running', ?, ?, ?, ?, '{}', ?)",
        [run_id, kind, target, now, now, now, asked_for],
    )


def ask_cancel(tx: Transaction, run_id: str) -> None:
    """Have a run stop at its next step or flush. One that has not begun ends now, and at once if it begins yet.

    Raises `JOB_NOT_CANCELLABLE` for a job of the API: a collection that is being deleted is gone, and ending the job
    would leave its photos in search for ever.
    """
    kind = tx.value("SELECT kind FROM jobs WHERE run_id = ? AND ended_at IS NULL", [run_id])
    if kind in OF_THE_API:
        message = "The collection is deleted already; the job takes its photos out of search and cannot be cancelled."
        raise LoupeError("JOB_NOT_CANCELLABLE", message, job_id=run_id, kind=kind)
    tx.execute("UPDATE jobs SET cancel_asked_at = ? WHERE run_id = ? AND ended_at IS NULL", [utc_now(), run_id])
    if tx.value("SELECT state FROM jobs WHERE run_id = ?", [run_id]) == "queued":
        finish(tx, run_id, "cancelled", "JOB_CANCELLED", "Cancelled before it began.")


def stop_asked(tx: Transaction, run_id: str, *, reads_photos: bool) -> StopReason | None:
    """Why the run should stop: a person cancelled it or, of one that reads photos, paused all of them."""
    if tx.value("SELECT cancel_asked_at IS NOT NULL FROM jobs WHERE run_id = ?", [run_id]):
        return "cancelled"
    return "paused" if reads_photos and pauses.paused_at(tx) is not None else None


def pause(tx: Transaction, run_id: str, left: int) -> None:
    """Note that a pause cut the run short; it ends so after its last step. `left` photos wait."""
    message = f"Paused; finished work is kept, {left:,} wait. `loupe resume` goes on with them."
    tx.execute("UPDATE jobs SET error_code = ?, error_message = ? WHERE run_id = ?", [_PAUSED, message, run_id])


def held_back(tx: Transaction, run_id: str, message: str) -> None:
    """Note that so many files vanished that a person is asked; the run goes on, and its row keeps saying so."""
    tx.execute("UPDATE jobs SET error_code = ?, error_message = ? WHERE run_id = ?", [_HELD_BACK, message, run_id])


def complete(tx: Transaction, run_id: str) -> None:
    """Set done, or paused when that was noted."""
    row = get(tx, run_id)
    if row and row["error_code"] == _PAUSED:
        finish(tx, run_id, "paused", _PAUSED, row["error_message"])
    elif row and row["error_code"] == _HELD_BACK:
        finish(tx, run_id, "done", _HELD_BACK, row["error_message"])
    else:
        finish(tx, run_id, "done")


def progress(
    tx: Transaction, run_id: str, stages: StageCounts, photos_per_s: float | None, eta_s: float | None
) -> None:
    """Set the counts of `stages`, keeping the stages not named."""
    row = tx.one("SELECT stages FROM jobs WHERE run_id = ?", [run_id])
    if row is None:
        return
    merged = {**json.loads(row["stages"]), **{name: dict(counts) for name, counts in stages.items()}}
    tx.execute(
        "UPDATE jobs SET stages = ?, photos_per_s = coalesce(?, photos_per_s), eta_s = ?, updated_at = ? "
        "WHERE run_id = ?",
        [json.dumps(merged), photos_per_s, eta_s, utc_now(), run_id],
    )


def finish(
    tx: Transaction, run_id: str, state: str, error_code: str | None = None, error_message: str | None = None
) -> None:
    """Set done, failed, cancelled or paused, and forget the oldest of more than `KEPT` runs that ended.

    The newest of each kind that is done is kept however old it is: by it the next one falls due.
    """
    now = utc_now()
    tx.execute(
        # What a run that is done was asked for is of no use to anyone.
        "UPDATE jobs SET state = ?, ended_at = ?, updated_at = ?, eta_s = NULL, error_code = ?, error_message = ?, "
        "request = CASE WHEN ? = 'done' THEN NULL ELSE request END WHERE run_id = ?",
        [state, now, now, error_code, error_message, state, run_id],
    )
    tx.execute(
        """DELETE FROM jobs WHERE run_id IN (SELECT run_id FROM jobs WHERE ended_at IS NOT NULL
            ORDER BY created_at DESC, run_id OFFSET ?)
        AND run_id NOT IN (SELECT arg_max(run_id, created_at) FROM jobs WHERE state = 'done' GROUP BY kind)""",
        [KEPT],
    )


def get(tx: Transaction, run_id: str) -> dict[str, Any] | None:
    row = tx.one("SELECT * EXCLUDE (request) FROM jobs WHERE run_id = ?", [run_id])
    return _decoded(row) if row else None


def request(tx: Transaction, run_id: str) -> dict[str, Any] | None:
    """What the run was asked for, None when that is not known."""
    text = tx.value("SELECT request FROM jobs WHERE run_id = ?", [run_id])
    asked_for: dict[str, Any] | None = json.loads(text) if text else None
    return asked_for


def to_retry(tx: Transaction, run_id: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The row of a run that can be tried again, and what it was asked for.

    Raises `JOB_NOT_FOUND`, `JOB_NOT_RETRIABLE`, and `INGEST_PAUSED` for one that reads photos while that is paused.
    """
    row = get(tx, run_id)
    if row is None:
        raise LoupeError("JOB_NOT_FOUND", f"There is no job {run_id[:64]}.", job_id=run_id[:64])
    if row["state"] not in ("failed", "cancelled"):
        message = f"The job is {row['state']}; one that failed or was cancelled can be tried again."
        raise LoupeError("JOB_NOT_RETRIABLE", message, job_id=run_id, state=row["state"])
    asked_for = request(tx, run_id)
    if row["kind"] not in _KINDS or (_KINDS[row["kind"]] and not asked_for):
        message = "It is not known what the job was to do. What it left is taken up by the next run."
        raise LoupeError("JOB_NOT_RETRIABLE", message, job_id=run_id, kind=row["kind"])
    if _KINDS[row["kind"]]:
        pauses.check_not_paused(tx)
    return row, asked_for


def unfinished(tx: Transaction, kind: str) -> list[str]:
    """The runs of this kind that have not ended, oldest first."""
    rows = tx.execute("SELECT run_id FROM jobs WHERE kind = ? AND ended_at IS NULL ORDER BY created_at", [kind])
    return [row[0] for row in rows.fetchall()]


def open_retry(tx: Transaction, run_id: str) -> dict[str, Any] | None:
    """The run that does this one's work again and has not ended, if there is one."""
    row = tx.one("SELECT * EXCLUDE (request) FROM jobs WHERE retry_of = ? AND ended_at IS NULL", [run_id])
    return _decoded(row) if row else None


def list_recent(tx: Transaction, limit: int = 50, state: str | None = None, offset: int = 0) -> list[dict[str, Any]]:
    """Newest first; `state` narrows."""
    rows = tx.rows(
        "SELECT * EXCLUDE (request) FROM jobs WHERE ? IS NULL OR state = ? "
        "ORDER BY created_at DESC, run_id LIMIT ? OFFSET ?",
        [state, state, limit, offset],
    )
    return [_decoded(row) for row in rows]


def newest(tx: Transaction, kind: str, before: datetime, state: str | None = None) -> dict[str, Any] | None:
    """The newest run of this kind, and in this state, that was asked for before then (UTC)."""
    row = tx.one(
        "SELECT * EXCLUDE (request) FROM jobs WHERE kind = ? AND created_at <= ? AND (? IS NULL OR state = ?) "
        "ORDER BY created_at DESC, run_id LIMIT 1",
        [kind, before, state, state],
    )
    return _decoded(row) if row else None


def asked_between(tx: Transaction, after: datetime, before: datetime) -> bool:
    """Whether any job was asked for between these times (UTC)."""
    return bool(tx.value("SELECT count(*) FROM jobs WHERE created_at > ? AND created_at < ?", [after, before]))


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "stages": json.loads(row["stages"])}
