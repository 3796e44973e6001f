"""What the library holds and how far the work on it is."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from resources.errors import LoupeError
from resources.library import LibraryStatus
from search_api.dependencies import Held, Live
from search_api.error_replies import responses
from search_api.live_index import IndexCounts, LiveIndex
from search_api.routers.jobs import ENDED, job_reply
from search_api.schemas.search import Warned
from search_api.schemas.status import IndexStatus, IndexVerification, ModelInUse, Status

router = APIRouter(prefix="/status", tags=["status"])


@router.get("", responses=responses("MANIFEST_BUSY"))
async def get_status(services: Held) -> Status:
    """The numbers of `loupe status`, the run that works now, and what to tell a person; at most two seconds old."""
    counts, index, newest_seq = await services.status.get()
    jobs = await services.jobs.get()
    working = next((job for job in jobs if job["state"] not in ENDED), None)
    return Status(
        files=counts.files,
        photos=counts.photos,
        decoded=counts.decoded,
        embeddings=counts.embeddings,
        captions=counts.captions,
        points=index.points,
        failures=counts.failures,
        waiting=counts.pending["decoded"],
        missing=counts.missing,
        skipped=sum(counts.skipped.values()),
        searchable=index.embedded if index.model else index.points,
        total=counts.total,
        models=_models(counts),
        index=IndexStatus(
            state=index.state,
            points=index.points,
            embedded=index.embedded,
            applied_seq=index.applied_seq,
            newest_seq=newest_seq,
            model=index.model,
        ),
        job=job_reply(working) if working else None,
        named_model=services.settings.model,
        banner=_banner(services.live, index),
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


def _banner(live: LiveIndex, index: IndexCounts) -> Warned | None:
    if index.state == "failed":
        reason = index.error or LoupeError("INDEX_LOADING", "The library's index cannot be opened; the log says why.")
        return Warned(code=reason.code, message=reason.message)
    if live.model_state in ("off", "failed"):
        reason = live.why_no_encoder()
        return Warned(code=reason.code, message=reason.message)
    return None
