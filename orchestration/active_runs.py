"""Runs that are queued or running, and those that only look so because their process is gone."""

from __future__ import annotations

import socket

import dagster as dg
import psutil
from dagster import DagsterRun, DagsterRunStatus

from assets.job_rows import PROCESS_TAG
from resources.library import Library
from resources.manifest import jobs

__all__ = ["active_runs", "fail_orphans"]

_ACTIVE = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def active_runs(instance: dg.DagsterInstance, job_names: tuple[str, ...]) -> list[DagsterRun]:
    """Runs of these jobs that have not ended."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=_ACTIVE))
    return [run for run in runs if run.job_name in job_names]


def fail_orphans(instance: dg.DagsterInstance, library: Library) -> list[str]:
    """Fail the runs whose process is gone (a power cut), which would hold the pool for ever. Call with no daemon alive.

    Queued runs were never begun and are cancelled: the sensor asks again for whatever is pending. Returns run ids.
    """
    ended = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_ACTIVE)):
        if _process_lives(run):
            continue
        if run.status in (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED):
            instance.report_run_canceled(run, message="Loupe was stopped before this run began.")
        else:
            instance.report_run_failed(run, message="The process of this run is gone (killed, or a power cut).")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended.append(run.run_id)
    with library.manifest.write() as tx:
        unfinished = [row for state in ("queued", "running") for row in jobs.list_recent(tx, limit=1000, state=state)]
        for row in unfinished:
            run_now = instance.get_run_by_id(row["run_id"])
            if run_now is None or run_now.is_finished:
                jobs.finish(tx, row["run_id"], "failed", "JOB_FAILED", "Stopped before its end; finished work is kept.")
    return ended


def _process_lives(run: DagsterRun) -> bool:
    """Whether the process that the run's first step noted exists on this machine."""
    host, _, pid = run.tags.get(PROCESS_TAG, "").partition(":")
    return host == socket.gethostname() and pid.isdigit() and psutil.pid_exists(int(pid))
