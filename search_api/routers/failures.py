"""Files and folders that could not be read, and trying them again."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query

from resources.errors import CODES, LoupeError
from resources.folder_runs import FOLDERS_A_RUN
from resources.manifest import problems
from resources.manifest.failures import STAGES
from resources.manifest.problems import Retried, Which
from search_api.dagster_client import CAPTIONS_JOB, INGEST_JOB
from search_api.dependencies import Held, OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.failures import (
    Failure,
    FailureKind,
    FailureQuery,
    Failures,
    FailureStage,
    RetriedFailures,
    RetryFailures,
)
from search_api.services import Services

__all__ = ["router", "start_retry"]

router = APIRouter(prefix="/failures", tags=["problem files"])


@router.get("", responses=responses("ROOT_NOT_FOUND", "MANIFEST_BUSY"))
def list_failures(query: Annotated[FailureQuery, Query()], library: OpenLibrary) -> Failures:
    """The problem files, by code, stage and path."""
    which = Which(codes=query.code, stages=query.stage, under=query.under)
    with library.manifest.read() as tx:
        problems.check(tx, which)
        kinds = problems.failure_kinds(tx, Which(under=query.under))
        rows = problems.failed(tx, which, query.limit, query.offset)
    total = 0
    by_code: Counter[str] = Counter()
    by_stage: Counter[str] = Counter()
    for kind in kinds:
        by_code[kind.code] += kind.count
        by_stage[kind.stage] += kind.count
        if (not query.code or kind.code in query.code) and (not query.stage or kind.stage in query.stage):
            total += kind.count
    return Failures(
        total=total,
        by_code=[_kind(code, count) for code, count in sorted(by_code.items(), key=lambda each: (-each[1], each[0]))],
        by_stage=[
            FailureStage(stage=stage, count=by_stage[stage])
            for stage in sorted(by_stage, key=lambda name: (STAGES.index(name) if name in STAGES else 99, name))
        ],
        failures=[Failure(**{name: row[name] for name in Failure.model_fields}) for row in rows],
    )


def _kind(code: str, count: int) -> FailureKind:
    row = CODES.get(code)
    return FailureKind(code=code, meaning=row.meaning if row else code, advice=row.advice if row else "", count=count)


@router.post("/retry", status_code=202, responses=responses("FAILURE_NOT_FOUND", "ROOT_NOT_FOUND", "MANIFEST_BUSY"))
def retry_failures(asked: RetryFailures, services: Held) -> RetriedFailures:
    """Try problem files again: one, some or all.

    They are pending again, stay listed until they are read or fail anew, and a run is started. Without Dagster, or
    while another run works, `job_id` is null and `note` says when they are tried.
    """
    which = Which(asked.codes, asked.stages, asked.under, asked.paths, asked.ids)
    with services.library.manifest.write() as tx:
        problems.check(tx, which)
        retried = problems.retry(tx, which)
    if retried.count == 0 and (asked.ids or asked.paths):
        raise LoupeError("FAILURE_NOT_FOUND", "None of these is a problem file; it may have been read meanwhile.")
    services.status.forget()
    known = set(retried.paths)
    job_id, note = start_retry(services, retried)
    return RetriedFailures(
        retried=retried.count,
        unknown=[path for path in asked.paths if path.rstrip("/") not in known],
        job_id=job_id,
        note=note,
    )


def start_retry(services: Services, retried: Retried) -> tuple[str | None, str | None]:
    """The run that tries them and None, or None and when they are tried."""
    if retried.count == 0:
        return None, None
    keys = retried.partition_keys
    folders = sorted({key for stage, found in keys.items() if stage != "captions" for key in found})
    job, wanted = (INGEST_JOB, folders) if folders else (CAPTIONS_JOB, list(keys["captions"]))
    wanted = wanted[:FOLDERS_A_RUN]
    starts = services.starts
    # What waits for a model or a decoder is taken up by the sensor as soon as no run works; a folder that could not be
    # listed waits in no table, so it is asked for by name.
    start = starts.over_folders if "file_inventory" in keys else starts.over_folders_unless_at_work
    try:
        job_id = start(job, wanted)
    except LoupeError as error:
        if error.code == "INGEST_PAUSED":
            return None, "Reading photos is paused; they are tried again once it goes on."
        if error.code == "DAGSTER_UNREACHABLE":
            return None, "Dagster does not run now; they are tried again by the next `loupe up` or `loupe ingest`."
        return None, f"No run could be started now; they are tried again by the next one. {error.message}"
    return job_id, None if job_id else "A run is at work; they are tried again right after it."
