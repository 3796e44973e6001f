"""What the library holds and how far the work on it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from resources.errors import CODES, LoupeError
from resources.library import LibraryStatus
from resources.manifest.jobs import ENDED
from resources.vector_index import CompactionStatus
from search_api.dagster_client import CAPTIONS_JOB, INGEST_JOB
from search_api.dependencies import Held, Live
from search_api.error_replies import responses
from search_api.live_index import IndexCounts, LiveIndex
from search_api.routers.jobs import job_reply
from search_api.schemas.search import Warned
from search_api.schemas.status import (
    IndexCompaction,
    IndexStatus,
    IndexVerification,
    ModelChangeStatus,
    ModelInUse,
    Status,
)

router = APIRouter(prefix="/status", tags=["status"])

_READING = (INGEST_JOB, CAPTIONS_JOB)


@router.get("", responses=responses("MANIFEST_BUSY"))
async def get_status(services: Held) -> Status:
    """The numbers of `loupe status`, the run that works now, and what to tell a person; at most two seconds old."""
    now = await services.status.get()
    counts, index = now.counts, now.index
    jobs = await services.jobs.get()
    working = next((job for job in jobs if job["state"] not in ENDED), None)
    ended = max((job for job in jobs if job["state"] in ENDED), key=lambda job: job["ended_at"], default=None)
    return Status(
        files=counts.files,
        copies=counts.copies,
        photos=counts.photos,
        hidden=counts.hidden,
        decoded=counts.decoded,
        embeddings=counts.embeddings,
        captions=counts.captions,
        points=index.points,
        failures=counts.failures,
        warned=now.warned,
        waiting=counts.pending["decoded"],
        waiting_embeddings=counts.pending["embeddings"],
        waiting_captions=counts.pending["captions"],
        missing=counts.missing,
        skipped=sum(counts.skipped.values()),
        searchable=index.embedded if index.model else index.points,
        total=counts.total,
        models=_models(counts),
        model_changes=[ModelChangeStatus(**asdict(change)) for change in now.model_changes],
        index=IndexStatus(
            state=index.state,
            points=index.points,
            embedded=index.embedded,
            applied_seq=index.applied_seq,
            newest_seq=now.newest_seq,
            model=index.model,
            compaction=_compaction(index.compaction),
        ),
        paused_at=now.paused_at,
        job=job_reply(working) if working else None,
        last_job=job_reply(ended) if ended else None,
        named_model=services.settings.model,
        banner=_banner(services.live, index, [job for job in jobs if job["created_at"] >= services.started_at]),
    )


@router.get("/index", responses=responses("INDEX_LOADING", "INDEX_BEHIND", "INDEX_UNREACHABLE", "MANIFEST_BUSY"))
def verify_index(live: Live) -> IndexVerification:
    """Compare the index with the library, photo by photo: a second for some ten thousand photos."""
    found = live.verify()
    return IndexVerification(**asdict(found), same=found.same)


def _models(counts: LibraryStatus) -> list[ModelInUse]:
    results = {"clip": counts.embeddings, "captioner": counts.captions}
    return [
        ModelInUse(kind=kind, name=used["name"], revision=used["revision"], results=results[kind])
        for kind in ("clip", "captioner")
        if (used := counts.models.get(kind))
    ]


def _compaction(status: CompactionStatus) -> IndexCompaction:
    last = status.compacted
    return IndexCompaction(
        state=status.state,
        tail=status.tail,
        last_at=last.at if last else None,
        last_points=last.points if last else None,
        last_seconds=last.seconds if last else None,
        error=status.error,
    )


def _banner(live: LiveIndex, index: IndexCounts, jobs: list[dict[str, Any]]) -> Warned | None:
    if index.state == "failed":
        reason = index.error or LoupeError("INDEX_LOADING", "The library's index cannot be opened; the log says why.")
        return Warned(code=reason.code, message=reason.message)
    if failed := _failed_run(jobs):
        return failed
    if live.model_state in ("off", "failed"):
        reason = live.why_no_encoder()
        return Warned(code=reason.code, message=reason.message)
    return None


def _failed_run(jobs: list[dict[str, Any]]) -> Warned | None:
    """Why photos stopped coming in, until a run has gone well since. `jobs` newest first.

    Those of earlier starts are left out: a run that was cut off by the end of `loupe up` is no news.
    """
    ended = next((job for job in jobs if job["kind"] in _READING and job["state"] in ENDED), None)
    if ended is None or ended["state"] != "failed":
        return None
    code = ended["error_code"] if ended["error_code"] in CODES else "JOB_FAILED"
    return Warned(code=code, message=f"The last run stopped: {ended['error_message'] or CODES[code].meaning}")
