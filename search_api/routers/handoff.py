"""Photos for other programs: paths, a ZIP, a data set. Streams that hold a few hundred photos at a time, and no file.

Named photos that are hidden or gone are passed over; one that never was is refused. A folder of links is made on the
machine itself: `loupe search ... --link-to DIR`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import StreamingResponse

from resources.clock import utc_now
from resources.folders import from_text
from resources.handoff import (
    Original,
    Sample,
    Splits,
    coco_captions,
    csv_table,
    dataset_sample,
    parse_shares,
    reachable,
    watched_folders,
    webdataset,
    zip_stream,
)
from resources.library import Library
from resources.manifest import related
from search_api.chosen_photos import payloads_of
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.schemas.chosen import Chosen
from search_api.schemas.handoff import AskedPaths, AskedSet, ChosenForm

router = APIRouter(prefix="/handoff", tags=["hand-off"])

_ERRORS = responses(
    *("INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN", "SEARCH_BY_CONTENT_OFF"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "INDEX_LOADING", "MODEL_LOADING", "MODEL_NOT_FETCHED", "MANIFEST_BUSY"),
    *("MAP_CHANGED", "MAP_NOT_DRAWN"),
)
_LINES_AT_ONCE = 500
# A form writes 100,000 ids in 4.5 MB.
FORM_PATH, FORM_BYTES = "/api/v1/handoff/zip/form", 8 << 20


def _answers(*kinds: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "The stream.", "content": {kind: {} for kind in kinds}}, **_ERRORS}


@router.post("/paths", response_class=StreamingResponse, responses=_answers("text/plain"))
def paths(asked: AskedPaths, services: Held) -> StreamingResponse:
    """One path for each photo, as plain text; a file of several pages once."""
    return StreamingResponse(
        _lines(payloads_of(asked, services), b"\0" if asked.end == "nul" else b"\n"), media_type="text/plain"
    )


@router.post("/zip", response_class=StreamingResponse, responses=_answers("application/zip"))
def zipped(asked: Chosen, services: Held) -> StreamingResponse:
    """The originals in one ZIP, not compressed again. What cannot be read now is named in a text at its end."""
    return StreamingResponse(
        # Read before the reply begins: then it can be an error still.
        zip_stream(_files(payloads_of(asked, services), watched_folders(services.library.manifest))),
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="photos.zip"'},
    )


@router.post(
    "/zip/form",
    form_limits={"max_part_size": FORM_BYTES},
    response_class=StreamingResponse,
    responses=_answers("application/zip"),
)
def zipped_for_form(form: Annotated[ChosenForm, Form()], services: Held) -> StreamingResponse:
    """The same for a form of a web page: the browser writes it to the disk as it comes."""
    return zipped(form.chosen, services)


@router.post(
    "/dataset",
    response_class=StreamingResponse,
    responses=_answers("application/json", "application/x-tar", "text/csv"),
)
def dataset(asked: AskedSet, services: Held) -> StreamingResponse:
    """Photos and captions to train with, whole or one part of it."""
    shares, library = parse_shares(asked.shares), services.library
    with library.manifest.read() as tx:
        pairs = related.related(tx)
    splits = Splits(shares, asked.seed, pairs)  # seconds for a million photos, without the manifest
    samples = _samples(payloads_of(asked, services), splits, asked.split)
    kind, ending, content = _set(asked, samples, library)
    name = f"{asked.split or 'photos'}.{ending}"
    return StreamingResponse(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _set(
    asked: AskedSet, samples: Iterator[tuple[Sample, list[str]]], library: Library
) -> tuple[str, str, Iterator[bytes]]:
    match asked.format:
        case "csv":
            return "text/csv", "csv", csv_table(sample for sample, _ in samples)
        case "coco":
            return "application/json", "json", coco_captions((sample for sample, _ in samples), utc_now())
        case "webdataset":
            folders = watched_folders(library.manifest)
            found = ((sample, reachable(held, folders)) for sample, held in samples)
            return "application/x-tar", "tar", webdataset((each, file) for each, file in found if file)


def _samples(
    payloads: Iterator[dict[str, Any]], splits: Splits, only: str | None
) -> Iterator[tuple[Sample, list[str]]]:
    for payload in payloads:
        split = splits.of(payload["photo_id"])
        if only in (None, split):
            yield dataset_sample(payload, split), payload.get("paths") or []


def _lines(payloads: Iterator[dict[str, Any]], end: bytes) -> Iterator[bytes]:
    seen: set[str] = set()  # of documents alone: the rest cannot come twice
    lines: list[bytes] = []
    for payload in payloads:
        path = next(iter(payload.get("paths") or ()), None)
        if path is None or path in seen:
            continue
        if (payload.get("pages") or 1) > 1:
            seen.add(path)
        lines.append(os.fsencode(from_text(path)) + end)  # as the system knows it
        if len(lines) == _LINES_AT_ONCE:
            yield b"".join(lines)
            lines = []
    yield b"".join(lines)


def _files(payloads: Iterator[dict[str, Any]], folders: Sequence[str]) -> Iterator[Original | str]:
    for payload in payloads:
        yield reachable(payload.get("paths") or (), folders) or str(payload.get("file_name") or payload["photo_id"])
