"""Reading photos as a whole: paused, or going on."""

from __future__ import annotations

from fastapi import APIRouter

from resources.manifest import pauses
from search_api.dependencies import CurrentJob, Held
from search_api.error_replies import responses
from search_api.routers.jobs import job_reply
from search_api.schemas.jobs import Ingest, Job
from search_api.services import Services

router = APIRouter(prefix="/ingest", tags=["jobs"])


@router.get("", responses=responses("MANIFEST_BUSY"))
def get_ingest(services: Held) -> Ingest:
    """Whether reading photos is paused."""
    with services.library.manifest.read() as tx:
        since = pauses.paused_at(tx)
    return Ingest(paused=since is not None, paused_at=since)


@router.get("/status/{job_id}", responses=responses("JOB_NOT_FOUND", "MANIFEST_BUSY"))
async def ingest_status(job: CurrentJob) -> Job:
    """One run: the same as `GET /jobs/{job_id}`."""
    return job_reply(job)


@router.post("/pause", responses=responses("MANIFEST_BUSY"))
def pause(services: Held) -> Ingest:
    """Pause reading photos, until it is resumed, also when Loupe is started anew.

    A run that works stops at its next flush, with what it finished kept, and ends as `paused`; no other is begun.
    Search, edits and backups go on.
    """
    with services.library.manifest.write() as tx:
        since = pauses.pause(tx)
    _forget(services)
    return Ingest(paused=True, paused_at=since)


@router.post("/resume", responses=responses("MANIFEST_BUSY"))
def resume(services: Held) -> Ingest:
    """End the pause: what waits is asked for within a tick of the sensor, some ten seconds."""
    with services.library.manifest.write() as tx:
        pauses.resume(tx)
    _forget(services)
    return Ingest(paused=False)


def _forget(services: Services) -> None:
    services.status.forget()
    services.jobs.forget()
