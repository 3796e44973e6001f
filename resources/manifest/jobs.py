"""Table `jobs`: what runs and ran, kept in the manifest so that it survives Dagster and restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = ["finish", "get", "list_recent", "progress", "queue", "start"]

StageCounts = Mapping[str, Mapping[str, int]]


def queue(tx: Transaction, run_id: str, kind: str, target: str | None) -> None:
    """Note a run that was asked for and has not begun; one that has begun meanwhile keeps its row."""
    if tx.value("SELECT count(*) FROM jobs WHERE run_id = ?", [run_id]):
        return
    now = utc_now()
    tx.execute(
        "INSERT INTO jobs (run_id, kind, state, target, created_at, updated_at, stages) "
        "VALUES (?, ?, 'queued', ?, ?, ?, '{}')",
        [run_id, kind, target, now, now],
    )


def start(tx: Transaction, run_id: str, kind: str, target: str | None) -> None:
    """Note that a run has begun; a run that began before (a retry of the step) keeps its row."""
    now = utc_now()
    if tx.value("SELECT count(*) FROM jobs WHERE run_id = ?", [run_id]):
        tx.execute(
            "UPDATE jobs SET state = 'running', started_at = coalesce(started_at, ?), updated_at = ?, ended_at = NULL "
            "WHERE run_id = ?",
            [now, now, run_id],
        )
        return
    tx.execute(
        "INSERT INTO jobs (run_id, kind, state, target, created_at, started_at, updated_at, stages) "
        "VALUES (?, ?, 'running', ?, ?, ?, ?, '{}')",
        [run_id, kind, target, now, now, now],
    )


def progress(
    tx: Transaction, run_id: str, stages: StageCounts, photos_per_s: float | None, eta_s: float | None
) -> None:
    """Set the counts of `stages` ({stage: {"done", "total"}}), keeping the stages not named."""
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
    """Set done, failed or cancelled."""
    now = utc_now()
    tx.execute(
        "UPDATE jobs SET state = ?, ended_at = ?, updated_at = ?, eta_s = NULL, error_code = ?, error_message = ? "
        "WHERE run_id = ?",
        [state, now, now, error_code, error_message, run_id],
    )


def get(tx: Transaction, run_id: str) -> dict[str, Any] | None:
    row = tx.one("SELECT * FROM jobs WHERE run_id = ?", [run_id])
    return _decoded(row) if row else None


def list_recent(tx: Transaction, limit: int = 50, state: str | None = None) -> list[dict[str, Any]]:
    """Newest first; `state` narrows."""
    rows = tx.rows(
        "SELECT * FROM jobs WHERE ? IS NULL OR state = ? ORDER BY created_at DESC, run_id LIMIT ?",
        [state, state, limit],
    )
    return [_decoded(row) for row in rows]


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "stages": json.loads(row["stages"])}
