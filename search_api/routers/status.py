"""What the library holds and how far the work on it is."""

from __future__ import annotations

from fastapi import APIRouter

from resources.library import LibraryStatus
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.live_index import LiveIndex
from search_api.routers.jobs import ENDED, job_reply
from search_api.schemas.search import Warned
from search_api.schemas.status import IndexStatus, ModelInUse, Status

router = APIRouter(prefix="/status", tags=["status"])


@router.get("", responses=responses("MANIFEST_BUSY"))
async def get_status(services: Held) -> Status:
    """The numbers of `loupe status`, the run that works now, and what to tell a person; at most two seconds old."""
    counts, newest_seq = await services.status.get()
    jobs = await services.jobs.get()
    working = next((job for job in jobs if job["state"] not in ENDED), None)
    index = _index(services.live, newest_seq)
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
        index=index,
        job=job_reply(working) if working else None,
        banner=_banner(services.live),
    )


def _index(live: LiveIndex, newest_seq: int) -> IndexStatus:
    if live.index_state != "ready":
        return IndexStatus(
            state=live.index_state, points=0, embedded=0, applied_seq=None, newest_seq=newest_seq, model=None
        )
    index = live.index
    return IndexStatus(
        state="ready",
        points=index.count(),
        embedded=index.embedded_count(),
        applied_seq=index.applied_seq,
        newest_seq=newest_seq,
        model=index.model.name if index.model else None,
    )


def _models(counts: LibraryStatus) -> list[ModelInUse]:
    results = {"clip": counts.embeddings, "captioner": counts.captions}
    return [
        ModelInUse(kind=kind, name=used["name"], revision=used["revision"], results=results[kind])
        for kind in ("clip", "captioner")
        if (used := counts.models.get(kind))
    ]


def _banner(live: LiveIndex) -> Warned | None:
    if live.index_state == "failed":
        return Warned(code="INDEX_LOADING", message="The library's index cannot be opened; the log says why.")
    if live.model_state in ("off", "failed"):
        reason = live.why_no_encoder()
        return Warned(code=reason.code, message=reason.message)
    return None
