"""Runs of the pipeline: what works, how far it is, stopping it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from resources.manifest import jobs
from search_api.dependencies import CurrentJob, Held
from search_api.error_replies import responses
from search_api.schemas.jobs import Job, Jobs, JobState, Stage
from search_api.services import Services

__all__ = ["job_reply", "router"]

router = APIRouter(prefix="/jobs", tags=["jobs"])

ENDED = frozenset(["done", "failed", "cancelled"])
_LOOK_S = 1.0


@router.get("", responses=responses("MANIFEST_BUSY"))
async def list_jobs(
    services: Held, limit: Annotated[int, Query(ge=1, le=200)] = 50, state: JobState | None = None
) -> Jobs:
    """The runs, newest first."""
    rows = [row for row in await services.jobs.get() if state in (None, row["state"])]
    return Jobs(jobs=[job_reply(row) for row in rows[:limit]])


@router.get("/{job_id}", responses=responses("JOB_NOT_FOUND", "MANIFEST_BUSY"))
async def get_job(job: CurrentJob) -> Job:
    """One run."""
    return job_reply(job)


@router.get(
    "/{job_id}/events", response_class=EventSourceResponse, responses=responses("JOB_NOT_FOUND", "MANIFEST_BUSY")
)
async def job_events(job: CurrentJob, services: Held) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `progress` with a `Job` at each change, then one `end` with the last `Job`."""
    shown: Job | None = None
    row: dict[str, Any] | None = job
    number = 0
    while row is not None and not services.stopping.is_set():
        now = job_reply(row)
        if now != shown:
            number += 1
            yield ServerSentEvent(data=now, event="progress", id=str(number), retry=2000 if number == 1 else None)
            shown = now
        if now.state in ENDED:
            break
        await asyncio.sleep(_LOOK_S)
        rows = await services.jobs.get()
        row = next((each for each in rows if each["run_id"] == job["run_id"]), None)
    yield ServerSentEvent(data=shown, event="end")


@router.post(
    "/{job_id}/cancel", status_code=202, responses=responses("JOB_NOT_FOUND", "DAGSTER_UNREACHABLE", "JOB_FAILED")
)
async def cancel_job(job: CurrentJob, services: Held) -> Job:
    """Ask a run to stop; what it has finished is kept. A run that has ended stays as it is."""
    if job["state"] not in ENDED:
        await run_in_threadpool(_cancel, services, job)
        services.jobs.forget()
    return job_reply(job)


def _cancel(services: Services, job: dict[str, Any]) -> None:
    services.dagster.terminate(job["run_id"])
    if job["state"] == "queued":  # none of its steps will say so
        with services.library.manifest.write() as tx:
            jobs.finish(tx, job["run_id"], "cancelled", "JOB_CANCELLED", "Cancelled before it began.")


def job_reply(row: dict[str, Any]) -> Job:
    """A row of the manifest's `jobs`. The stage is the first that is not through; stages come in their order."""
    stages = {name: Stage(**counts) for name, counts in row["stages"].items()}
    current = next((name for name, stage in stages.items() if stage.done < stage.total), None)
    current = current or (list(stages)[-1] if stages else None)
    counts = stages[current] if current else Stage(done=0, total=0)
    known = {name: row[name] for name in Job.model_fields if name in row and name != "stages"}
    return Job(**known, job_id=row["run_id"], stages=stages, stage=current, done=counts.done, total=counts.total)
