"""Changing many photos at once: one edit, one transaction, all of them or none.

A dry run asks the tables what the edit would change, and changes nothing: it holds the manifest for as long as counting
takes. Not here: which photos are meant (`resources/search/chosen.py` walks a query).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resources.errors import LoupeError
from resources.manifest import Transaction, collections, given_ratings, hidden, photos, tags, written_captions

__all__ = ["Edit", "apply", "count", "undoing"]

Kind = Literal["tag", "untag", "rate", "unrate", "uncaption", "add", "remove", "move", "hide", "show", "unmake"]


@dataclass(frozen=True)
class Edit:
    """What to do with each photo.

    `tags` for tag and untag; `rating` for rate (None: no rating); `collection` for add, remove and move, which is where
    photos go to or leave, and `source` for move, the collection they leave. Unrate takes back what was given: what the
    file says counts again; uncaption what was written. Unmake deletes a collection that was made of these photos alone;
    they go back to `source`, where it is named.
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
        case "unrate":
            return given_ratings.forget(tx, photo_ids)
        case "uncaption":
            return written_captions.clear(tx, photo_ids)
        case "add":
            return collections.add_photos(tx, edit.collection, photo_ids)
        case "remove":
            return collections.remove_photos(tx, edit.collection, photo_ids)
        case "move":
            return _move(tx, photo_ids, edit)
        case "hide":
            return len(hidden.hide(tx, photo_ids))
        case "show":
            return len(hidden.show(tx, photo_ids))
        case "unmake":
            return collections.unmake(tx, edit.collection, photo_ids, edit.source or None)


def count(tx: Transaction, photo_ids: Sequence[str], edit: Edit) -> int:
    """What `apply` would return, or raise. Not of what only undoes: uncaption and unmake."""
    match edit.kind:
        case "tag":
            named = {tags.usable(tag) for tag in edit.tags}
            photos.require(tx, photo_ids)
            return len(set(photo_ids)) * len(named) - tags.count_held(tx, photo_ids, named)
        case "untag":
            return tags.count_held(tx, photo_ids, edit.tags)
        case "rate":
            held = given_ratings.count_held(tx, photo_ids, edit.rating)
            photos.require(tx, photo_ids)
            return len(set(photo_ids)) - held
        case "unrate":
            return len(given_ratings.given_to(tx, photo_ids))
        case "add":
            held = collections.count_held(tx, edit.collection, photo_ids)
            photos.require(tx, photo_ids)
            return len(set(photo_ids)) - held
        case "remove":
            return collections.count_held(tx, edit.collection, photo_ids)
        case "move":
            _check_move(edit)
            moved = collections.count_held(tx, edit.source, photo_ids)
            collections.count_held(tx, edit.collection, ())  # it must be there
            return moved
        case "hide":
            return len(hidden.shown_of(tx, photo_ids))
        case "show":
            return len(hidden.hidden_of(tx, photo_ids))
    raise ValueError(f"{edit.kind} is not counted")


def undoing(tx: Transaction, photo_ids: Sequence[str], edit: Edit) -> list[tuple[Edit, list[str]]]:
    """What takes the edit back, asked for before it is done: edits, each with its photos, in their order.

    They name only what the edit would change, and leave it as it is now; what comes back into a collection comes in
    last. Nothing takes back uncaption and unmake. Raises `COLLECTION_NOT_FOUND`.
    """
    wanted = set(photo_ids)
    match edit.kind:
        case "tag":
            named = list(dict.fromkeys(tags.usable(tag) for tag in edit.tags))
            back = [(Edit("untag", tags=[tag]), wanted - tags.holders(tx, wanted, tag)) for tag in named]
        case "untag":
            back = [(Edit("tag", tags=[tag]), tags.holders(tx, wanted, tag)) for tag in dict.fromkeys(edit.tags)]
        case "rate" | "unrate":
            given = given_ratings.given_to(tx, wanted)
            others = sorted({*given.values()} - ({edit.rating} if edit.kind == "rate" else set()), key=str)
            back = [(Edit("rate", rating=each), {photo for photo in given if given[photo] == each}) for each in others]
            back.append((Edit("unrate"), wanted - given.keys() if edit.kind == "rate" else set()))
        case "add":
            back = [
                (Edit("remove", collection=edit.collection), wanted - collections.held(tx, edit.collection, wanted))
            ]
        case "remove":
            back = [(Edit("add", collection=edit.collection), collections.held(tx, edit.collection, wanted))]
        case "move":
            held = collections.held(tx, edit.source, wanted)
            back = [
                (Edit("remove", collection=edit.collection), held - collections.held(tx, edit.collection, held)),
                (Edit("add", collection=edit.source), held),
            ]
        case "hide":
            back = [(Edit("show"), set(hidden.shown_of(tx, photo_ids)))]
        case "show":
            back = [(Edit("hide"), set(hidden.hidden_of(tx, photo_ids)))]
        case _:
            raise ValueError(f"nothing takes back {edit.kind}")
    return [(each, sorted(ids)) for each, ids in back if ids]


def _check_move(edit: Edit) -> None:
    if edit.source == edit.collection:
        raise LoupeError("INVALID_REQUEST", "Photos move from one collection to another, not to the same.")


def _move(tx: Transaction, photo_ids: Sequence[str], edit: Edit) -> int:
    """Only what is in the source goes: a selection may hold more."""
    _check_move(edit)
    held = sorted(collections.held(tx, edit.source, photo_ids))
    collections.add_photos(tx, edit.collection, held)
    return collections.remove_photos(tx, edit.source, held)
