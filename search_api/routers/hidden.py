"""Photos removed from the library, whose files stay: removing, bringing back, listing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response

from resources.folders import from_text
from resources.manifest import Transaction, hidden, photos
from search_api.dependencies import Held, OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.hidden import ChangedPhotos, HiddenPhoto, HiddenPhotos, NamedPhotos
from search_api.services import Services

router = APIRouter(prefix="/hidden", tags=["hidden photos"])


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_hidden(
    library: OpenLibrary,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
) -> HiddenPhotos:
    """Photos that were removed from the library, and where their files stand."""
    with library.manifest.read() as tx:
        rows, total = hidden.list_all(tx, limit, offset), hidden.count(tx)
    return HiddenPhotos(
        total=total,
        photos=[
            HiddenPhoto(
                **{name: row[name] for name in ("photo_id", "file_name", "hidden_at", "paths", "beside")},
                thumbnail_url=f"/api/v1/images/{row['photo_id']}/thumbnail",
            )
            for row in rows
        ],
    )


@router.get("/paths", response_class=PlainTextResponse, responses=responses("MANIFEST_BUSY"))
def list_paths(library: OpenLibrary, end: Literal["newline", "nul"] = "newline") -> Response:
    """The paths of their files as plain text, each ended by a line break, or by a NUL byte as for `xargs -0 rm`.

    Also of what belongs to them alone: the video of a Live Photo, and sidecars that no other photo has.
    """
    with library.manifest.read() as tx:
        rows = hidden.list_all(tx)
    mark = b"\0" if end == "nul" else b"\n"
    names = (
        os.fsencode(from_text(path)) for row in rows for path in (*row["paths"], *row["beside"])
    )  # as the system knows them
    return Response(b"".join(name + mark for name in names), media_type="text/plain")


@router.post("", responses=responses("PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def hide(asked: NamedPhotos, services: Held) -> ChangedPhotos:
    """Remove photos from the library: they leave search within a moment, and no scan brings them back.

    No file is touched. Photos that are removed already stay so.
    """
    return _change(services, asked, photos.require, hidden.hide)


@router.post("/show", responses=responses("PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def show(asked: NamedPhotos, services: Held) -> ChangedPhotos:
    """Bring removed photos back. Those that are not removed stay as they are."""
    return _change(services, asked, hidden.require, hidden.show)


def _change(
    services: Services,
    asked: NamedPhotos,
    require: Callable[[Transaction, Sequence[str]], None],
    change: Callable[[Transaction, Sequence[str]], list[str]],
) -> ChangedPhotos:
    photo_ids = [str(photo_id) for photo_id in asked.photo_ids]
    with services.library.manifest.write() as tx:
        require(tx, photo_ids)
        changed, total = change(tx, photo_ids), hidden.count(tx)
    services.live.show_changes()
    services.status.forget()
    return ChangedPhotos(photo_ids=changed, total=total)
