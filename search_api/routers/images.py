"""One photo: what is known of it, its thumbnail, preview, original and motion, and photos like it."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from resources.errors import LoupeError
from resources.handoff import Original, reachable, watched_folders
from resources.library import Library
from resources.manifest import photos, stacks
from resources.preview_cache import note_use
from search_api.dependencies import Held, Live, OpenLibrary, PhotoId
from search_api.error_replies import responses
from search_api.file_replies import RANGES, FileReply
from search_api.live_index import LiveIndex
from search_api.photo_cards import hit_card, motion_path, photo
from search_api.schemas.photos import Photo, SimilarPhotos

router = APIRouter(prefix="/images", tags=["images"])

_FOR_EVER = "private, max-age=31536000, immutable"
_ASK_EACH_TIME = "private, no-cache"
# A picture of no more than this is read in the thread that looked for it, and not part by part in others.
_READ_AT_ONCE = 1 << 20
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "The picture."}}
_AS_IT_IS: dict[str, Any] = {"application/octet-stream": {}, "image/*": {}, "video/*": {}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": _AS_IT_IS, "description": "The file, as it stands on the disk."},
    206: {"content": _AS_IT_IS, "description": "The range that was asked for."},
    **RANGES,
}
Version = Annotated[
    str | None,
    Query(max_length=64, description="Start of the hash of the pixels; with the right one the reply may be kept."),
]


@router.get("/{photo_id}", responses=responses("PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def info(photo_id: PhotoId, library: OpenLibrary, live: Live) -> Photo:
    """Everything known about a photo."""
    with library.manifest.read() as tx:
        row = photos.get(tx, str(photo_id))
        paths = photos.paths(tx, str(photo_id)) if row else []
        stack = stacks.members(tx, str(photo_id)) if row else []
        videos = photos.motion_files(tx, [str(photo_id)]) if row else []
    if row is None:
        raise _not_found(photo_id)
    return photo(row, paths, stack, motion_path(videos), _searchable_by_content(live, str(photo_id)))


@router.get("/{photo_id}/thumbnail", response_class=FileResponse, responses={**_JPEG, **responses("PREVIEW_NOT_FOUND")})
def thumbnail(photo_id: PhotoId, request: Request, library: OpenLibrary, live: Live, v: Version = None) -> Response:
    """The small picture of a grid, JPEG."""
    pixel_hash = _pixel_hash(str(photo_id), library, live)
    return _picture(library.store.thumbnail_path(pixel_hash), pixel_hash, request, v)


@router.get("/{photo_id}/preview", response_class=FileResponse, responses={**_JPEG, **responses("PREVIEW_NOT_FOUND")})
async def preview(photo_id: PhotoId, request: Request, services: Held, v: Version = None) -> Response:
    """The large picture, JPEG.

    One that was culled to keep the cache small is made again from its original. When that cannot be read now, or takes
    long, the thumbnail comes in its place, with `X-Loupe-Picture: thumbnail`, not to be kept.
    """
    store = services.library.store
    pixel_hash = await run_in_threadpool(_pixel_hash, str(photo_id), services.library, services.live)
    path = store.preview_path(pixel_hash)
    try:
        reply = await run_in_threadpool(_picture, path, pixel_hash, request, v)
    except LoupeError:
        if not await services.previews.make(pixel_hash):
            return await run_in_threadpool(_instead, store.thumbnail_path(pixel_hash), pixel_hash, request)
        reply = await run_in_threadpool(_picture, path, pixel_hash, request, v)
    if services.settings.cache_max_bytes is not None:
        await run_in_threadpool(note_use, path)
    return reply


@router.get(
    "/{photo_id}/original",
    response_class=FileResponse,
    responses={**_FILE, **responses("PHOTO_NOT_FOUND", "ORIGINAL_OFFLINE")},
)
def original(photo_id: PhotoId, library: OpenLibrary) -> FileResponse:
    """The file itself; ranges can be asked for, and one that the client has is not sent again."""
    with library.manifest.read() as tx:
        row = photos.get(tx, str(photo_id))
        paths = photos.paths(tx, str(photo_id)) if row else []
    if row is None:
        raise _not_found(photo_id)
    found = _original(library, paths)
    if found is None:
        raise LoupeError(
            "ORIGINAL_OFFLINE",
            "No file of this photo can be reached now: the disk may be unplugged, or it was moved or deleted.",
            photo_id=str(photo_id),
        )
    return _as_it_stands(found, row["mime"] or "application/octet-stream")


@router.get(
    "/{photo_id}/motion",
    response_class=FileResponse,
    responses={**_FILE, **responses("ORIGINAL_OFFLINE")},
)
def motion(photo_id: PhotoId, library: OpenLibrary) -> FileResponse:
    """The video of a Live Photo, as it stands beside the photo; ranges can be asked for."""
    with library.manifest.read() as tx:
        videos = photos.motion_files(tx, [str(photo_id)])
    found = _original(library, videos)
    if found is None:
        raise LoupeError(
            "ORIGINAL_OFFLINE", "There is no video of this photo that can be reached now.", photo_id=str(photo_id)
        )
    return _as_it_stands(found, mimetypes.guess_type(found.name)[0] or "video/quicktime")


@router.get(
    "/{photo_id}/similar",
    responses=responses("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "SEARCH_BY_CONTENT_OFF", "INDEX_LOADING"),
)
def similar(photo_id: PhotoId, live: Live, limit: Annotated[int, Query(ge=1, le=200)] = 24) -> SimilarPhotos:
    """Photos that look like this one, most alike first."""
    page = live.search.similar(str(photo_id), limit=limit)
    return SimilarPhotos(hits=[hit_card(hit, browsing=False) for hit in page.hits])


def _as_it_stands(found: Original, mime: str) -> FileReply:
    return FileReply(
        found.path,
        media_type=mime,
        filename=found.name,
        content_disposition_type="inline",
        headers={"Cache-Control": _ASK_EACH_TIME},
    )


def _not_found(photo_id: Any) -> LoupeError:
    return LoupeError("PHOTO_NOT_FOUND", f"There is no photo {photo_id}.", photo_id=str(photo_id))


def _searchable_by_content(live: LiveIndex, photo_id: str) -> bool:
    if live.index_state != "ready":
        return False
    stored = live.index.get([photo_id]).get(photo_id)
    return bool(stored and stored.payload.get("embedded"))


def _pixel_hash(photo_id: str, library: Library, live: LiveIndex) -> str:
    """From the index, which answers at once; from the manifest for what the index does not show (yet)."""
    if live.index_state == "ready":
        stored = live.index.get([photo_id]).get(photo_id)
        if stored and stored.payload.get("pixel_hash"):
            return str(stored.payload["pixel_hash"])
    with library.manifest.read() as tx:
        row = photos.get(tx, photo_id)
    if row is None:
        raise _not_found(photo_id)
    if row["pixel_hash"] is None:
        raise LoupeError("PREVIEW_NOT_FOUND", "The photo has no preview yet.", photo_id=photo_id)
    return str(row["pixel_hash"])


def _picture(path: Path, pixel_hash: str, request: Request, version: str | None) -> Response:
    """A stored picture. Its name is the hash of its pixels, so that is its ETag."""
    fixed = bool(version) and pixel_hash.startswith(version or "")
    headers = {"ETag": f'"{pixel_hash}"', "Cache-Control": _FOR_EVER if fixed else _ASK_EACH_TIME}
    return _not_modified(headers, request) or _stored(path, headers, request)  # whether the file is there or not


def _instead(thumbnail: Path, pixel_hash: str, request: Request) -> Response:
    """The thumbnail where the preview should be; with an ETag of its own, so that the preview is asked for again."""
    headers = {"ETag": f'"{pixel_hash}-thumbnail"', "Cache-Control": _ASK_EACH_TIME, "X-Loupe-Picture": "thumbnail"}
    return _not_modified(headers, request) or _stored(thumbnail, headers, request)


def _not_modified(headers: dict[str, str], request: Request) -> Response | None:
    known = headers["ETag"] in request.headers.get("if-none-match", "")
    return Response(status_code=304, headers=headers) if known else None


def _stored(path: Path, headers: dict[str, str], request: Request) -> Response:
    """Raises `PREVIEW_NOT_FOUND` for a file that is not there, or was emptied by a power cut."""
    try:
        info = path.stat()
        if 0 < info.st_size <= _READ_AT_ONCE and "range" not in request.headers:
            return Response(path.read_bytes(), media_type="image/jpeg", headers={**headers, "Accept-Ranges": "bytes"})
    except OSError:
        info = None
    if info is None or info.st_size == 0:
        raise LoupeError("PREVIEW_NOT_FOUND", "The stored picture is gone; it is made again with the next run.")
    return FileReply(path, media_type="image/jpeg", headers=headers, stat_result=info)


def _original(library: Library, paths: list[dict[str, Any]]) -> Original | None:
    there = [os.path.join(file["root_path"], file["rel_path"]) for file in paths if file["missing_since"] is None]
    return reachable(there, watched_folders(library.manifest))
