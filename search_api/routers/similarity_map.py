"""The similarity map: what is on it, its points, up to a million, what colours them, what a search finds of them.

Nothing is computed on request: the map is drawn by a job. A selection on it is `area` wherever photos are chosen
(`POST /collections`, `/bulk`, `/handoff`).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from resources.errors import LoupeError
from resources.manifest import outbox, projections
from resources.photo_map import Points, stream_of
from resources.search.chosen import chosen_ids
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.file_replies import RANGES, FileReply
from search_api.job_starts import START_ERRORS
from search_api.routers.jobs import job_reply
from search_api.routers.search import search_request, told_why
from search_api.schemas.jobs import Job
from search_api.schemas.search import SearchQuery
from search_api.schemas.similarity_map import FoundOnMap, Map, MapCluster, MapPoints

router = APIRouter(prefix="/map", tags=["map"])

MAP_JOB = "refresh_map"

_ARROW = "application/vnd.apache.arrow.stream"
_FOR_EVER = "private, max-age=31536000, immutable"
_ASK_EACH_TIME = "private, no-cache"
_ERRORS = ("MAP_NOT_DRAWN", "SEARCH_BY_CONTENT_OFF", "INDEX_LOADING", "MODEL_LOADING", "MANIFEST_BUSY")
_NOT_CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "As `If-None-Match` has it."}}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {_ARROW: {}}, "description": "An Arrow IPC stream, not compressed."},
    **_NOT_CHANGED,
}
_RANGES: dict[int | str, dict[str, Any]] = {
    206: {"content": {_ARROW: {}}, "description": "The range that was asked for."},
    **RANGES,
}
_FINDING = (
    *("INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "MODEL_NOT_FETCHED"),
)
Column = Literal["date", "camera", "country", "city", "format", "rating"]
Generation = Annotated[
    str | None,
    Query(
        alias="v",
        max_length=64,
        description="The drawing that is meant, as `GET /map` names it; 409 `MAP_CHANGED` when there is another.",
        examples=["5f2c9a0b1d7e4a36"],
    ),
]


@router.get("", response_model=Map, responses={**_NOT_CHANGED, **responses(*_ERRORS)})
def get_map(
    request: Request,
    services: Held,
    sample: Annotated[int, Query(ge=0, le=20_000, description="How many points to tell here at most.")] = 2_000,
) -> Response:
    """What is on the map: groups with their labels, and a sample of the points."""
    points = services.map.at()
    drawing = points.drawing
    with services.library.manifest.read() as tx:
        etag = f"{drawing.generation}-{outbox.newest_seq(tx)}-{sample}"
        if _is_known(request, etag):
            return _unchanged(etag, _ASK_EACH_TIME)
        clusters = projections.clusters(tx, drawing.model)
        hidden = projections.hidden_ids(tx, drawing.model)
        placed, embedded = projections.coverage(tx, drawing.model)
    told = Map(
        **vars(drawing),
        photos=len(points),
        waiting=embedded - placed,
        points_url=f"/api/v1/map/points?v={drawing.generation}",
        columns=list(projections.COLUMNS),
        clusters=[MapCluster(**{**vars(each), "terms": list(each.terms)}) for each in clusters],
        hidden_rows=points.rows_of(hidden).tolist(),
        sample=points_at(points, _sampled(len(points), sample)),
    )
    return Response(told.model_dump_json(), media_type="application/json", headers=_headers(etag, _ASK_EACH_TIME))


@router.get(
    "/points", response_class=FileResponse, responses={**_STREAM, **_RANGES, **responses("MAP_CHANGED", *_ERRORS)}
)
def get_points(services: Held, v: Generation = None) -> Response:
    """Every point, by id: `photo_id` (16 bytes), `x`, `y` (float32), `cluster` (int32, -1 for none); 28 bytes each.

    With `v` the reply may be kept for ever.
    """
    points = services.map.at(v)
    etag, kept = points.drawing.generation, _FOR_EVER if v else _ASK_EACH_TIME
    return FileReply(points.path, media_type=_ARROW, headers=_headers(etag, kept))


@router.get("/columns", response_class=Response, responses={**_STREAM, **responses("MAP_CHANGED", *_ERRORS)})
def get_columns(
    request: Request,
    services: Held,
    names: Annotated[list[Column], Query(min_length=1, max_length=6, description="What to colour by.")],
    v: Generation = None,
) -> Response:
    """What points can be coloured by, a row for each point in the same order: more columns of the same table.

    `date` is days since 1970 (date32), `rating` int8, the others dictionaries; null where it is not known.
    """
    drawing = services.map.at(v).drawing
    with services.library.manifest.read() as tx:
        if projections.drawing(tx, drawing.model) != drawing:
            raise LoupeError("MAP_CHANGED", "The map was drawn anew meanwhile. Load it again.")
        wanted = list(dict.fromkeys(names))
        etag = f"{drawing.generation}-{outbox.newest_seq(tx)}-{'-'.join(wanted)}"
        if _is_known(request, etag):
            return _unchanged(etag, _ASK_EACH_TIME)
        table = projections.columns(tx, drawing.model, wanted)
    content = stream_of(table, {"generation": drawing.generation})
    return Response(content, media_type=_ARROW, headers=_headers(etag, _ASK_EACH_TIME))


@router.post("/found", response_model=FoundOnMap, responses=responses("MAP_CHANGED", *_ERRORS, *_FINDING))
def find(query: SearchQuery, services: Held, v: Generation = None) -> Response:
    """The points of all photos that a search finds, of a ranking those that are relevant, whatever its page."""
    points = services.map.at(v)
    with told_why(services.live):
        photo_ids = chosen_ids(services.live.search, search_request(query, services.map))
    rows = points.rows_of(photo_ids).tolist()
    # A million numbers: made into models and back they would take seconds.
    told = {"generation": points.drawing.generation, "found": len(photo_ids), "rows": rows}
    return Response(json.dumps(told, separators=(",", ":")), media_type="application/json")


@router.post("/draw", status_code=202, responses=responses(*START_ERRORS))
def draw(services: Held) -> Job:
    """Lay the map out anew now: photos move. New ones are placed among the others by themselves, each hour.

    While it is being drawn already, the answer is that run.
    """
    return job_reply(services.starts.over_library(MAP_JOB))


def _sampled(points: int, most: int) -> npt.NDArray[np.int64]:
    """Rows, `most` at most. Ids are hashes: every n-th is as good as a draw."""
    step = -(-points // most) if most else 0
    return np.arange(0, points, step) if step else np.zeros(0, dtype=np.int64)


def points_at(points: Points, rows: npt.NDArray[np.int64]) -> MapPoints:
    """These rows as columns."""
    return MapPoints(
        photo_ids=points.ids_at(rows),
        rows=rows.tolist(),
        x=points.x[rows].tolist(),
        y=points.y[rows].tolist(),
        cluster=points.cluster[rows].tolist(),
    )


def _headers(etag: str, kept: str) -> dict[str, str]:
    return {"ETag": f'"{etag}"', "Cache-Control": kept}


def _is_known(request: Request, etag: str) -> bool:
    return f'"{etag}"' in request.headers.get("if-none-match", "")


def _unchanged(etag: str, kept: str) -> Response:
    return Response(status_code=304, headers=_headers(etag, kept))
