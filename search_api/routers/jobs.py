"""Runs of the pipeline: what works, how far it is, stopping it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from resources.errors import LoupeError
from resources.manifest import jobs
from resources.manifest.jobs import ENDED
from search_api.dependencies import CurrentJob, Held
from search_api.error_replies import responses
from search_api.job_starts import START_ERRORS
from search_api.log_wording import plain_words
from search_api.schemas.jobs import Job, JobLogs, Jobs, JobState, LogLine, Stage
from search_api.services import Services

__all__ = ["job_reply", "router"]

log = structlog.get_logger("search_api")

router = APIRouter(prefix="/jobs", tags=["jobs"])

_LOOK_S = 1.0
LastEvent = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The id of the last event seen: that state is not told again."),
]


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_jobs(
    services: Held,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    state: JobState | None = None,
) -> Jobs:
    """The runs, newest first."""
    with services.library.manifest.read() as tx:
        return Jobs(jobs=[job_reply(row) for row in jobs.list_recent(tx, limit, state, offset)])


@router.get("/{job_id}", responses=responses("JOB_NOT_FOUND", "MANIFEST_BUSY"))
async def get_job(job: CurrentJob) -> Job:
    """One run."""
    return job_reply(job)


@router.get(
    "/{job_id}/events", response_class=EventSourceResponse, responses=responses("JOB_NOT_FOUND", "MANIFEST_BUSY")
)
async def job_events(
    job: CurrentJob, services: Held, last_event_id: LastEvent = None
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `progress` with a `Job` at each change, then one `end` with the last `Job`.

    An event's id names the state it tells, so a stream that is taken up again with `Last-Event-ID` goes on with what
    changed since.
    """
    row: dict[str, Any] | None = job
    shown = last_event_id
    retry: int | None = 2000
    last = job_reply(job)
    while row is not None and not services.stopping.is_set():
        last = job_reply(row)
        if (version := _version(row)) != shown:
            yield ServerSentEvent(data=last, event="progress", id=version, retry=retry)
            shown, retry = version, None
        if last.state in ENDED:
            break
        await asyncio.sleep(_LOOK_S)
        rows = await services.jobs.get()
        row = next((each for each in rows if each["run_id"] == job["run_id"]), None)
        if row is None:  # older than the newest that are held
            row = await run_in_threadpool(_row, services, job["run_id"])
    yield ServerSentEvent(data=last, event="end", id=shown)


@router.get(
    "/{job_id}/logs",
    responses=responses(
        *("JOB_NOT_FOUND", "JOB_LOGS_NOT_KEPT", "INVALID_REQUEST"),
        *("DAGSTER_UNREACHABLE", "DAGSTER_BUSY", "JOB_FAILED", "MANIFEST_BUSY"),
    ),
)
def job_logs(
    job: CurrentJob,
    services: Held,
    cursor: Annotated[
        str | None, Query(max_length=500, description="Of the page before; unset: from the beginning.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> JobLogs:
    """What Dagster wrote down of a run, oldest first. The last `cursor` of a run that works goes on where it ended."""
    page = services.dagster.logs(job["run_id"], cursor, limit)
    return JobLogs(
        lines=[
            LogLine(
                at=line.at,
                level=line.level,
                message=line.message,
                said=plain_words(line),
                step=line.step,
                event=line.event,
            )
            for line in page.lines
        ],
        cursor=page.cursor,
        more=page.more,
        dagster_url=services.dagster.run_url(job["run_id"]),
    )


def _row(services: Services, job_id: str) -> dict[str, Any] | None:
    with services.library.manifest.read() as tx:
        return jobs.get(tx, job_id)


def _version(row: dict[str, Any]) -> str:
    """Another one after each write to the row."""
    return f"{row['updated_at']:%Y%m%dT%H%M%S.%f}"


@router.post(
    "/{job_id}/cancel", status_code=202, responses=responses("JOB_NOT_FOUND", "JOB_NOT_CANCELLABLE", "MANIFEST_BUSY")
)
def cancel_job(job: CurrentJob, services: Held) -> Job:
    """Ask a run to stop; what it has finished is kept. A run that has ended stays as it is.

    It stops within seconds, and at its next flush or step at the latest, whoever runs it; `cancel_asked_at` is set
    until it has. A collection's deletion cannot be called back.
    """
    if job["state"] not in ENDED:
        with services.library.manifest.write() as tx:
            jobs.ask_cancel(tx, job["run_id"])
            job = jobs.get(tx, job["run_id"]) or job
        try:
            services.dagster.terminate(job["run_id"])
        except LoupeError as error:  # just starting, or not Dagster's: it sees the note
            log.info("run_not_terminated", run_id=job["run_id"], code=error.code, reason=error.message)
        services.jobs.forget()
    return job_reply(job)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    responses=responses("JOB_NOT_FOUND", "JOB_NOT_RETRIABLE", "INGEST_PAUSED", *START_ERRORS),
)
def retry_job(job_id: str, services: Held) -> Job:
    """Start a run that does the work of one that failed or was cancelled; returns the new one.

    Asked twice, the second answer is the run that the first started, as long as it has not ended.
    """
    return job_reply(services.starts.again(job_id))


def job_reply(row: dict[str, Any]) -> Job:
    """A row of the manifest's `jobs`. The stage is the first that is not through; stages come in their order."""
    stages = {name: Stage(**counts) for name, counts in row["stages"].items()}
    if row["state"] in ENDED:
        for stage in stages.values():
            stage.eta_s = None  # nobody works on it
    current = next((name for name, stage in stages.items() if stage.done < stage.total), None)
    current = current or (list(stages)[-1] if stages else None)
    counts = stages[current] if current else Stage(done=0, total=0)
    known = {name: row[name] for name in Job.model_fields if name in row and name != "stages"}
    return Job(**known, job_id=row["run_id"], stages=stages, stage=current, done=counts.done, total=counts.total)
