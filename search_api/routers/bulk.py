"""Changing many photos at once: a selection, or all that a query finds. All of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from resources.bulk_edits import Edit, apply, count
from resources.errors import LoupeError
from resources.manifest import Transaction
from search_api.chosen_photos import ids_of, still_there
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.schemas.bulk import Bulk, BulkDone

router = APIRouter(prefix="/bulk", tags=["bulk"])

_ERRORS = responses(
    *("INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN", "SEARCH_BY_CONTENT_OFF"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "COLLECTION_NOT_FOUND", "SELECTION_CHANGED"),
    *("MAP_CHANGED", "MAP_NOT_DRAWN"),
    *("INDEX_LOADING", "MODEL_LOADING", "MODEL_NOT_FETCHED", "MANIFEST_BUSY"),
)


@router.post("", responses=_ERRORS)
def change(asked: Bulk, services: Held) -> BulkDone:
    """Tag, untag, rate, put into or take out of a collection, move between two, or hide. No file is touched.

    One transaction; search shows it within a moment. Doing it again changes nothing.
    """
    photo_ids = ids_of(asked, services)
    with services.library.manifest.write() as tx:
        done = _done(tx, asked, photo_ids, apply)
    services.live.show_changes()
    services.status.forget()
    return done


@router.post("/dry-run", responses=_ERRORS)
def dry_run(asked: Bulk, services: Held) -> BulkDone:
    """What that would do, counted."""
    photo_ids = ids_of(asked, services)
    with services.library.manifest.read() as tx:
        return _done(tx, asked, photo_ids, count)


def _done(
    tx: Transaction, asked: Bulk, photo_ids: list[str], do: Callable[[Transaction, Sequence[str], Edit], int]
) -> BulkDone:
    there = still_there(tx, asked, photo_ids)
    if asked.expected is not None and asked.expected != len(there):
        raise LoupeError(
            "SELECTION_CHANGED",
            f"{len(there):,} photos are meant now, not {asked.expected:,}. Nothing was changed.",
            found=len(there),
            expected=asked.expected,
        )
    return BulkDone(photos=len(there), changed=do(tx, there, asked.step.edit()))
