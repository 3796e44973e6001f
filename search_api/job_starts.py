"""Starting runs for whoever asks: one after another, so that what is asked twice at once is started once.

Each run has its row in `jobs` before the next is considered. Not here: Dagster's API (`dagster_client.py`), HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from resources.manifest import Manifest, jobs, pauses
from resources.wording import counted
from search_api.dagster_client import CAPTIONS_JOB, INGEST_JOB, DagsterClient

__all__ = ["START_ERRORS", "JobStarts"]

START_ERRORS = ("DAGSTER_UNREACHABLE", "DAGSTER_BUSY", "JOB_FAILED", "MANIFEST_BUSY")


class JobStarts:
    """`changed` is called after each start. Everything raises what `START_ERRORS` names."""

    def __init__(self, manifest: Manifest, dagster: DagsterClient, changed: Callable[[], None]) -> None:
        self._manifest = manifest
        self._dagster = dagster
        self._changed = changed
        # From the check whether there is one already until its row is written.
        self._starting = threading.Lock()

    def over_library(self, kind: str) -> dict[str, Any]:
        """The row of a run over the whole library: the one that is queued or works, unless that was cancelled."""
        with self._starting:
            with self._manifest.read() as tx:
                rows = [jobs.get(tx, run_id) for run_id in jobs.unfinished(tx, kind)]
            going = [row for row in rows if row is not None and row["cancel_asked_at"] is None]
            return going[-1] if going else self._noted(self._dagster.launch(kind), kind, None)

    def again(self, job_id: str) -> dict[str, Any]:
        """The row of the run that does the work of one that ended; the one that does so already, if there is one.

        Raises as `jobs.to_retry` too.
        """
        with self._starting:
            with self._manifest.read() as tx:
                job, asked_for = jobs.to_retry(tx, job_id)
                going = jobs.open_retry(tx, job_id)
            if going:
                return going
            if asked_for:
                run_id = self._dagster.launch_folders(job["kind"], asked_for["folders"], asked_for.get("config"))
            else:
                run_id = self._dagster.launch(job["kind"])
            return self._noted(run_id, job["kind"], job["target"], asked_for, retry_of=job_id)

    def over_folders(self, kind: str, keys: Sequence[str]) -> str:
        """The id of a new run over these partitions. Raises `INGEST_PAUSED`."""
        with self._starting:
            return self._over_folders(kind, keys)

    def over_folders_unless_at_work(self, kind: str, keys: Sequence[str]) -> str | None:
        """The same, None while a run reads photos or is about to: the sensor asks for what it leaves right after it."""
        with self._starting:
            with self._manifest.read() as tx:
                if any(jobs.unfinished(tx, each) for each in (INGEST_JOB, CAPTIONS_JOB)):
                    return None
            return self._over_folders(kind, keys)

    def _over_folders(self, kind: str, keys: Sequence[str]) -> str:
        with self._manifest.read() as tx:
            pauses.check_not_paused(tx)
        run_id = self._dagster.launch_folders(kind, keys)
        self._noted(run_id, kind, counted(len(keys), "folder"), {"folders": list(keys)})
        return run_id

    def _noted(
        self,
        run_id: str,
        kind: str,
        target: str | None,
        request: jobs.Request | None = None,
        retry_of: str | None = None,
    ) -> dict[str, Any]:
        with self._manifest.write() as tx:
            jobs.queue(tx, run_id, kind, target, request, retry_of)
            row = jobs.get(tx, run_id)
        self._changed()
        assert row is not None
        return row
