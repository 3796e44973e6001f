"""Table `audit_log`: who changed what, when, and by which request. Rows are added and, when there are many, dropped."""

from __future__ import annotations

from typing import Any

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = ["add", "newest"]

_KEPT = 100_000
_LOOK_EVERY = 500


def add(
    tx: Transaction,
    who: str,
    action: str,
    *,
    address: str | None = None,
    target: str | None = None,
    affected: int | None = None,
    status: int = 0,
    request_id: str | None = None,
    run_id: str | None = None,
) -> None:
    """One change. The newest 100,000 rows are kept, give or take 500."""
    seq = tx.value(
        "INSERT INTO audit_log (happened_at, who, address, action, target, affected, status, request_id, run_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        [utc_now(), who, address, action, target, affected, status, request_id, run_id],
    )
    if seq % _LOOK_EVERY == 0:
        tx.execute("DELETE FROM audit_log WHERE seq <= ?", [seq - _KEPT])


def newest(tx: Transaction, limit: int, before: int | None = None, who: str | None = None) -> list[dict[str, Any]]:
    """At most `limit` rows with a number below `before`, newest first; `who` narrows."""
    return tx.rows(
        "SELECT * FROM audit_log WHERE (? IS NULL OR seq < ?) AND (? IS NULL OR who = ?) ORDER BY seq DESC LIMIT ?",
        [before, before, who, who, limit],
    )
