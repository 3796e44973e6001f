"""Table `ingest_pause`: whether a person paused reading photos, kept so that it survives restarts.

While it is, the sensor and the schedules ask for no run that reads photos or uses a model, and one that works stops at
its next flush. Backups, tidying and everything a person asks of search go on.
"""

from __future__ import annotations

from datetime import datetime

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest.database import Transaction

__all__ = ["check_not_paused", "pause", "paused_at", "resume"]


def paused_at(tx: Transaction) -> datetime | None:
    """When reading photos was paused (UTC), None while it is not."""
    moment: datetime | None = tx.value("SELECT min(paused_at) FROM ingest_pause")
    return moment


def pause(tx: Transaction) -> datetime:
    """Pause; what is paused already keeps its time, which is returned."""
    since = paused_at(tx)
    if since is None:
        since = utc_now()
        tx.execute("INSERT INTO ingest_pause VALUES (?)", [since])
    return since


def resume(tx: Transaction) -> bool:
    """End the pause. Returns whether there was one."""
    return bool(tx.execute("DELETE FROM ingest_pause RETURNING paused_at").fetchall())


def check_not_paused(tx: Transaction) -> None:
    """Raise `INGEST_PAUSED` while reading photos is paused."""
    since = paused_at(tx)
    if since is not None:
        raise LoupeError(
            "INGEST_PAUSED",
            f"Reading photos is paused since {since:%Y-%m-%d %H:%M} UTC. `loupe resume` ends the pause.",
            paused_at=f"{since.isoformat()}Z",
        )
