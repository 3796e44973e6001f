"""When a library is due to be compared as a whole with the disk and with itself: each week.

Not here: what is compared then (`orchestration.jobs.reconcile_job`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from resources.manifest import Manifest, jobs, roots

__all__ = ["reconcile_due"]

_HOUR = 4
# One that failed, or that a person cancelled, is not asked for again each hour.
_NOT_AGAIN = timedelta(days=1)
# Rows that are further ahead of the clock were written while it was wrong, and say nothing.
_AHEAD = timedelta(hours=1)


def reconcile_due(manifest: Manifest, now: datetime) -> tuple[bool, str]:
    """Whether no reconcile was done since Sunday's hour (04:00 of `now`'s zone), and why not if one was.

    A machine that was off at that hour, or a library that was paused, owes it. A library owes none of the time before
    its first folder was watched.
    """
    here = now.astimezone(UTC).replace(tzinfo=None)
    with manifest.read() as tx:
        watched = roots.rows(tx)
        asked = jobs.newest(tx, "reconcile", here + _AHEAD)
        done = jobs.newest(tx, "reconcile", here + _AHEAD, state="done")
    if not watched:
        return False, "no folder is watched"
    sunday = now.replace(hour=_HOUR, minute=0, second=0, microsecond=0) - timedelta(days=(now.weekday() + 1) % 7)
    week = (sunday if sunday <= now else sunday - timedelta(days=7)).astimezone(UTC).replace(tzinfo=None)
    since = done["created_at"] if done else watched[0]["added_at"]
    if week <= since <= here + _AHEAD:
        return False, f"nothing is owed since {since:%Y-%m-%d %H:%M} UTC"
    if asked and asked["created_at"] > here - _NOT_AGAIN:
        return False, f"the last one was {asked['state']} at {asked['created_at']:%Y-%m-%d %H:%M} UTC"
    return True, ""
