"""Searching: by texts, by photos of the library, by a picture that is sent along."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, File, Form, UploadFile
from pydantic import Json
from starlette.concurrency import run_in_threadpool

from resources.errors import LoupeError
from resources.search import PhotoSearch, SearchPage, SearchRequest
from resources.vector_index import InBox, Near, SearchFilters
from search_api.dependencies import Held, Live
from search_api.error_replies import responses
from search_api.live_index import LiveIndex
from search_api.photo_cards import hit_card
from search_api.schemas.search import FlatFilters, SearchQuery, SearchReply, Warned
from search_api.uploads import MAX_UPLOAD_BYTES

__all__ = ["IMAGE_BYTES", "IMAGE_PATH", "answer", "reply", "router", "search_filters"]

router = APIRouter(prefix="/search", tags=["search"])

IMAGE_PATH = "/api/v1/search/image"
IMAGE_BYTES = MAX_UPLOAD_BYTES + (1 << 20)  # room for the other fields of the form

_ERRORS = ("INVALID_REQUEST", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN", "PHOTO_NOT_FOUND", "INDEX_LOADING")
_CONTENT_ERRORS = ("MODEL_LOADING", "SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED")
_PICTURE_ERRORS = ("NOT_AN_IMAGE", "UNSUPPORTED_FORMAT", "EMPTY_FILE", "TRUNCATED", "CORRUPT", "TOO_LARGE")


@router.post("", responses=responses(*_ERRORS, *_CONTENT_ERRORS))
def search(query: SearchQuery, live: Live) -> SearchReply:
    """Find photos by texts, by example photos, by filters, or all of them together."""
    return answer(query, live, live.search, ())


@router.post(
    "/image",
    responses=responses(*_ERRORS, *_CONTENT_ERRORS, *_PICTURE_ERRORS, "UPLOADS_BUSY"),
)
async def search_with_image(
    image: Annotated[UploadFile, File(description="A picture of any kind that Loupe reads; it is not kept.")],
    services: Held,
    query: Annotated[
        Json[SearchQuery] | None, Form(description="A `SearchQuery` as JSON: words, weights and filters to go with it.")
    ] = None,
) -> SearchReply:
    """Find photos that look like a picture, alone or together with the rest of a query."""
    asked = query or SearchQuery()
    if asked.mode == "words":
        raise LoupeError("INVALID_REQUEST", "A picture cannot be searched for by words. Leave out the mode.")
    return await run_in_threadpool(_answer_with_image, asked, await image.read(), services)


def _answer_with_image(query: SearchQuery, data: bytes, services: Held) -> SearchReply:
    search = services.live.search  # once: a model may be changed between the picture's vector and its use
    encoder = services.live.encoder_of(search)
    vector = encoder.embed_image(services.uploads.model_input(data, encoder.input_spec))
    return answer(query, services.live, search, ((vector, query.image_weight),))


def answer(
    query: SearchQuery,
    live: LiveIndex,
    search: PhotoSearch,
    image_vectors: tuple[tuple[npt.NDArray[np.float32], float], ...],
) -> SearchReply:
    """The reply to a query; blocks while a text is encoded."""
    started = time.perf_counter()
    texts = [(item.text, item.weight) for item in query.texts]
    if query.text:
        texts.insert(0, (query.text, 1.0))
    request = SearchRequest(
        texts=tuple(texts),
        photo_ids=tuple((str(item.photo_id), item.weight) for item in query.photos),
        image_vectors=image_vectors,
        negative_texts=tuple((item.text, item.weight) for item in query.negative_texts),
        negative_photo_ids=tuple((str(item.photo_id), item.weight) for item in query.negative_photos),
        filters=search_filters(query.filters),
        mode=query.mode,
        sort=query.sort or "relevance",
        limit=query.limit,
        offset=query.offset,
    )
    try:
        page = search.search(request)
    except LoupeError as error:
        if error.code == "SEARCH_BY_CONTENT_OFF":  # the search cannot tell a model that is off from one that is loading
            raise live.why_no_encoder() from error
        raise
    return reply(page, request, live, started)


def reply(page: SearchPage, request: SearchRequest, live: LiveIndex, started: float) -> SearchReply:
    """A page as it goes over the wire."""
    return SearchReply(
        hits=[hit_card(hit, page.mode == "browse") for hit in page.hits],
        total=page.total,
        total_exact=page.total_exact,
        relevant=page.relevant,
        photos=page.photos,
        searchable=page.searchable,
        mode=page.mode,
        generation=page.generation,
        warnings=[_warned(warning.code, warning.message, live) for warning in page.warnings],
        offset=request.offset,
        limit=request.limit,
        took_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def search_filters(filters: FlatFilters) -> SearchFilters:
    """The filters as the index takes them."""
    given = {name: value for name, value in filters if value is not None and name in SearchFilters.__dataclass_fields__}
    if near := given.get("near"):
        given["near"] = Near(near.lat, near.lon, near.radius_m)
    if inside := given.get("inside"):
        given["inside"] = InBox(inside.south, inside.west, inside.north, inside.east)
    return SearchFilters(**given)


def _warned(code: str, message: str, live: LiveIndex) -> Warned:
    if code == "SEARCH_BY_CONTENT_OFF":
        reason = live.why_no_encoder()
        return Warned(code=reason.code, message=f"{reason.message} Only words were searched.")
    return Warned(code=code, message=message)
