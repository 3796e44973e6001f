"""Runs that are queued or running, and those that only look so because their process is gone."""

from __future__ import annotations

import json
import time

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus

from assets.job_rows import PROCESS_TAG
from resources.home import process_lives
from resources.library import Library
from resources.manifest import jobs

__all__ = ["BEGINNING_S", "active_runs", "close_ended_jobs", "fail_orphans"]

# Within this a run of another process has said who it is.
BEGINNING_S = 60.0
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


def fail_orphans(instance: dg.DagsterInstance, library: Library, older_than_s: float = 0.0) -> list[str]:
    """Fail the runs whose process is gone (a power cut), which would hold the pool for ever. Call with no daemon alive.

    Queued runs were never begun and are cancelled: the sensor asks again for whatever is pending. A run that has not
    said which process it is counts as one whose process is gone once it is `older_than_s` seconds old. Returns run ids.
    """
    ended = []
    latest = time.time() - older_than_s
    for record in instance.get_run_records(filters=dg.RunsFilter(statuses=_ACTIVE)):
        run = record.dagster_run
        young = record.create_timestamp.timestamp() > latest
        if _process_lives(run) or (young and PROCESS_TAG not in run.tags):
            continue
        if run.status in (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED):
            instance.report_run_canceled(run, message="Loupe was stopped before this run began.")
        else:
            instance.report_run_failed(run, message="The process of this run is gone (killed, or a power cut).")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended.append(run.run_id)
    close_ended_jobs(instance, library)
    return ended


def close_ended_jobs(instance: dg.DagsterInstance, library: Library) -> None:
    """Close the rows of jobs whose Dagster run has ended without saying so: killed, or failed outside a step."""
    with library.manifest.read() as tx:
        open_rows = [row for state in ("running", "queued") for row in jobs.list_recent(tx, limit=1000, state=state)]
    ended: dict[str, DagsterRun | None] = {}
    for row in open_rows:
        if row["kind"] in jobs.OF_THE_API:
            continue  # no run of Dagster's; the API goes on with it when it starts
        run = instance.get_run_by_id(row["run_id"])
        if run is None or run.is_finished:
            ended[row["run_id"]] = run
    if not ended:
        return
    with library.manifest.write() as tx:
        for run_id, run in ended.items():
            if run is not None and run.status == DagsterRunStatus.SUCCESS:
                jobs.complete(tx, run_id)
            elif run is not None and run.status == DagsterRunStatus.CANCELED:
                jobs.finish(tx, run_id, "cancelled", "JOB_CANCELLED", "Cancelled; finished work is kept.")
            else:
                jobs.finish(tx, run_id, "failed", "JOB_FAILED", "Stopped before its end; finished work is kept.")


def _process_lives(run: DagsterRun) -> bool:
    """Whether the process that the run's first step noted exists on this machine."""
    try:
        return process_lives(json.loads(run.tags.get(PROCESS_TAG, "{}")))
    except ValueError:
        return False
