"""Starting runs for whoever asks: one after another, so that what is asked twice at once is started once.

Each run has its row in `jobs` before the next is considered. Not here: Dagster's API (`dagster_client.py`), HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import Manifest, jobs, pauses
from resources.wording import counted
from search_api.dagster_client import CAPTIONS_JOB, INGEST_JOB, DagsterClient

__all__ = ["START_ERRORS", "JobStarts"]

log = structlog.get_logger("search_api")

START_ERRORS = ("DAGSTER_UNREACHABLE", "DAGSTER_BUSY", "JOB_FAILED", "MANIFEST_BUSY")
# A start may take minutes when Dagster hangs. Who waits for it keeps one of the forty threads that all routes share.
_WAITING_AT_ONCE = 8
_PATIENCE_S = 10.0


class JobStarts:
    """`changed` is called after each start. Everything raises what `START_ERRORS` names."""

    def __init__(self, manifest: Manifest, dagster: DagsterClient, changed: Callable[[], None]) -> None:
        self._manifest = manifest
        self._dagster = dagster
        self._changed = changed
        # From the check whether there is one already until its row is written.
        self._starting = threading.Lock()
        self._places = threading.BoundedSemaphore(_WAITING_AT_ONCE)

    def over_library(self, kind: str) -> dict[str, Any]:
        """The row of a run over the whole library: the one that is queued or works, unless that was cancelled."""
        if going := self._at_work(kind):
            return going
        with self._turn():
            return self._at_work(kind) or self._noted(self._dagster.launch(kind), kind, None)

    def again(self, job_id: str) -> dict[str, Any]:
        """The row of the run that does the work of one that ended; the one that does so already, if there is one.

        Raises as `jobs.to_retry` too.
        """
        *_, going = self._to_retry(job_id)
        if going:
            return going
        with self._turn():
            job, asked_for, going = self._to_retry(job_id)
            if going:
                return going
            if asked_for:
                run_id = self._dagster.launch_folders(job["kind"], asked_for["folders"], asked_for.get("config"))
            else:
                run_id = self._dagster.launch(job["kind"])
            return self._noted(run_id, job["kind"], job["target"], asked_for, retry_of=job_id)

    def over_folders(self, kind: str, keys: Sequence[str]) -> str:
        """The id of a new run over these partitions. Raises `INGEST_PAUSED`."""
        with self._turn():
            return self._over_folders(kind, keys)

    def over_folders_unless_at_work(self, kind: str, keys: Sequence[str]) -> str | None:
        """The same, None while a run reads photos or is about to: the sensor asks for what it leaves right after it."""
        self._check_not_paused()
        if self._reads_photos():
            return None
        with self._turn():
            return None if self._reads_photos() else self._over_folders(kind, keys)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Raises `DAGSTER_BUSY` when others wait for theirs already, or when it does not come soon."""
        busy = LoupeError("DAGSTER_BUSY", "Dagster is slow, and other work is being started.", retry_after_s=10)
        if not self._places.acquire(blocking=False):
            raise busy
        try:
            if not self._starting.acquire(timeout=_PATIENCE_S):
                raise busy
            try:
                yield
            finally:
                self._starting.release()
        finally:
            self._places.release()

    def _at_work(self, kind: str) -> dict[str, Any] | None:
        with self._manifest.read() as tx:
            rows = [jobs.get(tx, run_id) for run_id in jobs.unfinished(tx, kind)]
        going = [row for row in rows if row is not None and row["cancel_asked_at"] is None]
        return going[-1] if going else None

    def _to_retry(self, job_id: str) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]:
        """The row of a run that ended, what it was asked for, and the row of the run that does that again already."""
        with self._manifest.read() as tx:
            return *jobs.to_retry(tx, job_id), jobs.open_retry(tx, job_id)

    def _reads_photos(self) -> bool:
        with self._manifest.read() as tx:
            return any(jobs.unfinished(tx, each) for each in (INGEST_JOB, CAPTIONS_JOB))

    def _check_not_paused(self) -> None:
        with self._manifest.read() as tx:
            pauses.check_not_paused(tx)

    def _over_folders(self, kind: str, keys: Sequence[str]) -> str:
        self._check_not_paused()
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
        """The row of a run that was started. It was, whether or not that can be written: its first step writes too."""
        now = utc_now()
        row: dict[str, Any] | None = None
        try:
            with self._manifest.write() as tx:
                jobs.queue(tx, run_id, kind, target, request, retry_of)
                row = jobs.get(tx, run_id)
        except LoupeError as error:
            log.warning("run_not_noted", run_id=run_id, kind=kind, code=error.code, reason=error.message)
        self._changed()
        queued = {"run_id": run_id, "kind": kind, "state": "queued", "target": target, "retry_of": retry_of}
        return row or {**queued, "stages": {}, "created_at": now, "updated_at": now}
