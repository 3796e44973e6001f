"""Runs of the pipeline: what is being done, how far it is, how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["Job", "JobState", "Jobs", "Stage"]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class Stage(BaseModel):
    done: int = Field(description="Photos.")
    total: int = Field(description="Photos known to need it so far; may grow.")


class Job(BaseModel):
    """One run. Times are UTC."""

    job_id: str
    kind: str = Field(examples=["ingest"])
    state: JobState
    target: str | None = Field(None, description="What it works on.")
    stage: str | None = Field(None, description="The stage it is in.", examples=["decoded_images"])
    done: int = Field(description="Photos done in this stage.")
    total: int = Field(description="Photos in this stage.")
    stages: dict[str, Stage]
    photos_per_s: float | None = None
    eta_s: float | None = Field(None, description="Seconds that are left, as far as can be told.")
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None


class Jobs(BaseModel):
    jobs: list[Job] = Field(description="Newest first.")
