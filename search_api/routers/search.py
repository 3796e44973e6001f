"""Searching: by texts, by photos of the library, by a picture that is sent along."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import Json

from resources.errors import LoupeError
from resources.search import PhotoSearch, SearchPage, SearchRequest, asking, narrowed
from resources.search.query_fields import condition_of
from resources.search.unknown_values import unknown_values
from resources.vector_index import Ids, InBox, Near, SearchFilters
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.live_index import LiveIndex
from search_api.photo_cards import hit_card
from search_api.photo_map import PhotoMap
from search_api.schemas.search import FlatFilters, LanguageQuery, SearchQuery, SearchReply, TextQuery, Warned
from search_api.services import Services
from search_api.uploads import MAX_UPLOAD_BYTES

__all__ = [
    "IMAGE_BYTES",
    "IMAGE_PATH",
    "answer",
    "reply",
    "router",
    "search_filters",
    "search_request",
    "told_why",
]

router = APIRouter(prefix="/search", tags=["search"])

IMAGE_PATH = "/api/v1/search/image"
IMAGE_BYTES = MAX_UPLOAD_BYTES + (1 << 20)  # room for the other fields of the form

_ERRORS = (
    *("INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "CURSOR_EXPIRED", "INDEX_LOADING"),
    *("MAP_NOT_DRAWN", "MAP_CHANGED"),
)
_CONTENT_ERRORS = ("MODEL_LOADING", "SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED")
_PICTURE_ERRORS = ("NOT_AN_IMAGE", "UNSUPPORTED_FORMAT", "EMPTY_FILE", "TRUNCATED", "CORRUPT", "TOO_LARGE")
_MOST_PICTURES = 8

Picture = tuple[npt.NDArray[np.float32], float]


@router.post("", responses=responses(*_ERRORS, *_CONTENT_ERRORS))
def search(query: SearchQuery, services: Held) -> SearchReply:
    """Find photos by texts, by example photos, by filters, or all of them together."""
    return answer(query, services, services.live.search)


@router.get("", responses=responses(*_ERRORS, *_CONTENT_ERRORS))
def search_by_language(query: Annotated[LanguageQuery, Query()], services: Held) -> SearchReply:
    """Find photos by a query in the query language."""
    return answer(SearchQuery(**query.model_dump()), services, services.live.search)


@router.get("/text", responses=responses(*_ERRORS, *_CONTENT_ERRORS))
def search_by_text(query: Annotated[TextQuery, Query()], services: Held) -> SearchReply:
    """Find photos by a free text, taken as it is."""
    return answer(SearchQuery(**query.model_dump()), services, services.live.search)


@router.post(
    "/image",
    responses=responses(*_ERRORS, *_CONTENT_ERRORS, *_PICTURE_ERRORS, "UPLOADS_BUSY"),
)
async def search_with_image(
    image: Annotated[
        list[UploadFile],
        File(
            description="A picture of any kind that Loupe reads, or several; they are not kept.",
            min_length=1,
            max_length=_MOST_PICTURES,
        ),
    ],
    services: Held,
    query: Annotated[
        Json[SearchQuery] | None, Form(description="A `SearchQuery` as JSON: words, weights and filters to go with it.")
    ] = None,
) -> SearchReply:
    """Find photos that look like a picture (or less like it), alone or together with the rest of a query."""
    asked = query or SearchQuery()
    if asked.mode == "words":
        raise LoupeError("INVALID_REQUEST", "A picture cannot be searched for by words. Leave out the mode.")
    if len(asked.image_weights) > len(image) or 0 in asked.image_weights:
        raise LoupeError("INVALID_REQUEST", "Each picture has one weight, above or below zero.")
    return await services.decoding.run(_answer_with_images, asked, image, services)


def _answer_with_images(query: SearchQuery, pictures: list[UploadFile], services: Held) -> SearchReply:
    search = services.live.search  # once: a model may be changed between the pictures' vectors and their use
    encoder = services.live.encoder_of(search)
    weights = [*query.image_weights, *[1.0] * (len(pictures) - len(query.image_weights))]
    vectors = [
        encoder.embed_image(services.uploads.model_input(picture.file.read(), encoder.input_spec))
        for picture in pictures
    ]
    return answer(query, services, search, tuple(zip(vectors, weights, strict=True)))


def search_request(query: SearchQuery, photo_map: PhotoMap | None, pictures: tuple[Picture, ...] = ()) -> SearchRequest:
    """A query as `PhotoSearch` takes it; without a map only whether it can be read.

    Raises `QUERY_INVALID`, `INVALID_REQUEST`, `MAP_NOT_DRAWN`, `MAP_CHANGED`.
    """
    texts = [(item.text, item.weight) for item in query.texts]
    if query.text:
        texts.insert(0, (query.text, 1.0))
    request = SearchRequest(
        texts=tuple(texts),
        photo_ids=tuple((str(item.photo_id), item.weight) for item in query.photos),
        image_vectors=tuple((vector, weight) for vector, weight in pictures if weight > 0),
        negative_texts=tuple((item.text, item.weight) for item in query.negative_texts),
        negative_photo_ids=tuple((str(item.photo_id), item.weight) for item in query.negative_photos),
        negative_image_vectors=tuple((vector, -weight) for vector, weight in pictures if weight < 0),
        filters=search_filters(query.filters),
        mode=query.mode,
        sort=query.sort or "relevance",
        limit=query.limit,
        offset=query.offset,
        cursor=query.cursor,
        cut=query.cut,
    )
    if query.filter is not None:
        request = narrowed(request, condition_of(query.filter.node()))
    if query.filters.area is not None and photo_map is not None:
        request = narrowed(request, Ids(tuple(photo_map.inside(query.filters.area))))
    return asking(query.q, request) if query.q else request


def answer(
    query: SearchQuery, services: Services, search: PhotoSearch, pictures: tuple[Picture, ...] = ()
) -> SearchReply:
    """The reply to a query; blocks while a text is encoded."""
    started = time.perf_counter()
    request = search_request(query, services.map, pictures)
    with told_why(services.live):
        page = search.search(request)
    services.uses.search(request.filters.condition())
    return reply(page, request, services.live, started)


@contextmanager
def told_why(live: LiveIndex) -> Iterator[None]:
    """Says why there is no search by content: the search cannot tell a model that is off from one that is loading."""
    try:
        yield
    except LoupeError as error:
        if error.code == "SEARCH_BY_CONTENT_OFF":
            raise live.why_no_encoder() from error
        raise


def reply(page: SearchPage, request: SearchRequest, live: LiveIndex, started: float) -> SearchReply:
    """A page as it goes over the wire."""
    unknown = () if page.total else tuple(unknown_values(live.index, request.filters))
    return SearchReply(
        hits=[hit_card(hit, page.mode == "browse") for hit in page.hits],
        total=page.total,
        total_exact=page.total_exact,
        relevant=page.relevant,
        relevant_exact=page.relevant_exact,
        photos=page.photos,
        searchable=page.searchable,
        mode=page.mode,
        generation=page.generation,
        warnings=[_warned(warning.code, warning.message, live) for warning in (*page.warnings, *unknown)],
        offset=request.offset,
        limit=request.limit,
        cursor=page.cursor,
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
