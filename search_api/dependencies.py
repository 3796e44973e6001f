"""What routes ask for, as `Annotated` types declared once."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request

from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import jobs
from search_api.dagster_client import DagsterClient
from search_api.live_index import LiveIndex
from search_api.services import Services

__all__ = ["CurrentJob", "Dagster", "Held", "Live", "OpenLibrary", "PhotoId"]


# Those that wait for nothing are coroutines: any other takes two changes of thread a request.


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _library(services: Annotated[Services, Depends(_services)]) -> Library:
    return services.library


async def _live(services: Annotated[Services, Depends(_services)]) -> LiveIndex:
    return services.live


async def _dagster(services: Annotated[Services, Depends(_services)]) -> DagsterClient:
    return services.dagster


def _job(services: Annotated[Services, Depends(_services)], job_id: str) -> dict[str, Any]:
    with services.library.manifest.read() as tx:
        job = jobs.get(tx, job_id)
    if job:
        return job
    raise LoupeError("JOB_NOT_FOUND", f"There is no job {job_id[:64]}.", job_id=job_id[:64])


Held = Annotated[Services, Depends(_services)]
"""Everything that the running API holds."""

OpenLibrary = Annotated[Library, Depends(_library)]
"""Home, manifest and photo store: for the thread pool."""

Live = Annotated[LiveIndex, Depends(_live)]
"""The index and its encoder; its properties raise `INDEX_LOADING` and the like."""

Dagster = Annotated[DagsterClient, Depends(_dagster)]
"""Starts and stops runs: for the thread pool."""

CurrentJob = Annotated[dict[str, Any], Depends(_job)]
"""The row of the job in the path. Raises `JOB_NOT_FOUND`."""

PhotoId = Annotated[UUID, Path(description="The photo's id.")]
