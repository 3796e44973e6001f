"""Changing many photos at once: a selection, or all that a query finds. All of them or none."""

from __future__ import annotations

from fastapi import APIRouter

from resources.bulk_edits import apply, count, undoing
from resources.errors import LoupeError
from resources.manifest import Transaction, photos
from search_api.chosen_photos import ids_of, still_there
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.schemas.bulk import MOST_UNDONE, Bulk, BulkDone, UndoBulk, undo_of

router = APIRouter(prefix="/bulk", tags=["bulk"])

_ERRORS = responses(
    *("INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN", "SEARCH_BY_CONTENT_OFF"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "COLLECTION_NOT_FOUND", "SELECTION_CHANGED"),
    *("MAP_CHANGED", "MAP_NOT_DRAWN"),
    *("INDEX_LOADING", "MODEL_LOADING", "MODEL_NOT_FETCHED", "MANIFEST_BUSY"),
)
_UNDO_ERRORS = responses("INVALID_REQUEST", "COLLECTION_NOT_FOUND", "COLLECTION_CHANGED", "MANIFEST_BUSY")


@router.post("", responses=_ERRORS, response_model_exclude_unset=True)
def change(asked: Bulk, services: Held) -> BulkDone:
    """Tag, untag, rate, put into or take out of a collection, move between two, or hide. No file is touched.

    One transaction; search shows it within a moment. Doing it again changes nothing.
    """
    photo_ids = ids_of(asked, services)
    with services.library.manifest.write() as tx:
        there = _meant(tx, asked, photo_ids)
        edit = asked.step.edit()
        undone = asked.undo and count(tx, there, edit) <= MOST_UNDONE
        back = undoing(tx, there, edit) if undone else []
        done = BulkDone(photos=len(there), changed=apply(tx, there, edit))
        if undone:
            done.undo = undo_of(back)
    services.live.show_changes()
    services.status.forget()
    return done


@router.post("/dry-run", responses=_ERRORS, response_model_exclude_unset=True)
def dry_run(asked: Bulk, services: Held) -> BulkDone:
    """What that would do, counted."""
    photo_ids = ids_of(asked, services)
    with services.library.manifest.read() as tx:
        there = _meant(tx, asked, photo_ids)
        return BulkDone(photos=len(there), changed=count(tx, there, asked.step.edit()))


@router.post("/undo", responses=_UNDO_ERRORS, response_model_exclude_unset=True)
def undo(asked: UndoBulk, services: Held) -> BulkDone:
    """Take a change back, by what its reply said. Photos that are not known any more are passed over."""
    meant, changed = set[str](), 0
    with services.library.manifest.write() as tx:
        for each in asked.undo:
            there = sorted(photos.taken_ids(tx, {str(photo_id) for photo_id in each.photo_ids}))
            changed += apply(tx, there, each.step.edit())
            meant.update(there)
    services.live.show_changes()
    services.status.forget()
    return BulkDone(photos=len(meant), changed=changed)


def _meant(tx: Transaction, asked: Bulk, photo_ids: list[str]) -> list[str]:
    there = still_there(tx, asked, photo_ids)
    if asked.expected is not None and asked.expected != len(there):
        raise LoupeError(
            "SELECTION_CHANGED",
            f"{len(there):,} photos are meant now, not {asked.expected:,}. Nothing was changed.",
            found=len(there),
            expected=asked.expected,
        )
    return there
