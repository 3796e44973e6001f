"""Runs of the pipeline: what is being done, how far it is, how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["Ingest", "Job", "JobLogs", "JobState", "Jobs", "LogLine", "Stage"]

JobState = Literal["queued", "running", "done", "failed", "cancelled", "paused"]


class Stage(BaseModel):
    done: int = Field(description="Photos.", examples=[640])
    total: int = Field(description="Photos known to need it so far; may grow.", examples=[2000])
    photos_per_s: float | None = Field(None, description="Over the last minute.", examples=[21.5])
    eta_s: float | None = Field(None, description="Seconds left in this stage, as far as can be told.", examples=[63.3])


class Job(BaseModel):
    """One run. Times are UTC."""

    job_id: str = Field(examples=["8f0c9f52-5c0e-4f6f-9a57-0d6a4b8f1e55"])
    kind: str = Field(examples=["ingest"])
    state: JobState = Field(description="`paused`: a pause cut it short; what it left is taken up after the pause.")
    target: str | None = Field(None, description="What it works on.")
    stage: str | None = Field(None, description="The stage it is in.", examples=["decoded_images"])
    done: int = Field(description="Photos done in this stage.")
    total: int = Field(description="Photos in this stage.")
    stages: dict[str, Stage]
    photos_per_s: float | None = Field(None, description="Of the stage it is in; later, of its fastest.")
    eta_s: float | None = Field(None, description="Seconds that are left of the stages begun, as far as can be told.")
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error_code: str | None = Field(
        None, description="Why it ended before its end; `JOB_CANCELLED`, `INGEST_PAUSED`, or what went wrong."
    )
    error_message: str | None = None
    cancel_asked_at: datetime | None = Field(None, description="Set while it has yet to notice that it was cancelled.")
    retry_of: str | None = Field(None, description="The job whose work this one does again.")


class Jobs(BaseModel):
    jobs: list[Job] = Field(description="Newest first; the newest 1,000 that ended are kept.")


class LogLine(BaseModel):
    at: datetime = Field(description="UTC.")
    level: str = Field(examples=["INFO"])
    message: str = Field(description="As Dagster wrote it; empty for some of its events.")
    said: str | None = Field(None, description="The same in plain words; null for technical details.")
    step: str | None = Field(None, description="The step of the run that said it.")
    event: str | None = Field(None, description="Dagster's kind of event.", examples=["STEP_START"])


class JobLogs(BaseModel):
    lines: list[LogLine] = Field(description="Oldest first.")
    cursor: str = Field(description="Asks for what comes after.")
    more: bool = Field(description="There is more already.")
    dagster_url: str = Field(description="Where Dagster shows the run, to a browser on the machine itself.")


class Ingest(BaseModel):
    """Whether photos are read when they come."""

    paused: bool
    paused_at: datetime | None = Field(None, description="UTC.")
