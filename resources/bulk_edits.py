"""Changing many photos at once: one edit, one transaction, all of them or none.

A dry run is the same edit in a transaction that is thrown away (`Manifest.read`), so its count is the real one. Not
here: which photos are meant (`resources/search/chosen.py` walks a query).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resources.errors import LoupeError
from resources.manifest import Transaction, collections, given_ratings, hidden, tags

__all__ = ["Edit", "apply"]

Kind = Literal["tag", "untag", "rate", "add", "remove", "move", "hide"]


@dataclass(frozen=True)
class Edit:
    """What to do with each photo.

    `tags` for tag and untag; `rating` for rate (None: no rating); `collection` for add, remove and move, which is where
    photos go to or leave, and `source` for move, the collection they leave.
    """

    kind: Kind
    tags: Sequence[str] = ()
    rating: int | None = None
    collection: str = ""
    source: str = ""


def apply(tx: Transaction, photo_ids: Sequence[str], edit: Edit) -> int:
    """Do it. Returns how many photos are other than before (tags count by photo and tag).

    Saying the same again changes nothing. Raises `INVALID_REQUEST`, `PHOTO_NOT_FOUND`, `COLLECTION_NOT_FOUND`.
    """
    match edit.kind:
        case "tag":
            return sum(tags.add(tx, photo_ids, tag) for tag in dict.fromkeys(edit.tags))
        case "untag":
            return sum(tags.remove(tx, photo_ids, tag) for tag in dict.fromkeys(edit.tags))
        case "rate":
            return given_ratings.give(tx, dict.fromkeys(photo_ids, edit.rating))
        case "add":
            return collections.add_photos(tx, edit.collection, photo_ids)
        case "remove":
            return collections.remove_photos(tx, edit.collection, photo_ids)
        case "move":
            return _move(tx, photo_ids, edit)
        case "hide":
            return len(hidden.hide(tx, photo_ids))


def _move(tx: Transaction, photo_ids: Sequence[str], edit: Edit) -> int:
    """Only what is in the source goes: a selection may hold more."""
    if edit.source == edit.collection:
        raise LoupeError("INVALID_REQUEST", "Photos move from one collection to another, not to the same.")
    wanted = set(photo_ids)
    held = [photo_id for photo_id in collections.photo_ids(tx, edit.source) if photo_id in wanted]
    collections.add_photos(tx, edit.collection, held)
    return collections.remove_photos(tx, edit.source, held)
