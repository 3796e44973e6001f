"""Keeping one photo of a group: what a person gave the others goes over to it, then the others are hidden.

Nothing is deleted: hidden photos come back with `loupe unhide`, their files stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from resources.errors import LoupeError
from resources.manifest import Transaction, collections, given_ratings, hidden, photos, tags
from resources.manifest import duplicates as table

__all__ = ["Kept", "keep"]


@dataclass(frozen=True)
class Kept:
    """What keeping one photo of a group came to: the photos that were hidden, and what went over to the kept one."""

    group_id: str
    photo_id: str
    hidden: tuple[str, ...]
    tags: int
    collections: int
    rated: bool


def keep(tx: Transaction, group_id: str, photo_id: str | None = None) -> Kept:
    """Keep this photo of the group, by default the one proposed, and hide the others.

    Tags and collections of the others are added to the kept photo; the highest stars, if it has none itself. Raises
    `DUPLICATE_GROUP_NOT_FOUND`, `PHOTO_NOT_FOUND` for a photo that is not of the group, and `INVALID_REQUEST` for a
    group of one photo with several files: there is nothing to hide.
    """
    group = table.group(tx, group_id)
    if group["tier"] == "same_bytes":
        raise LoupeError(
            "INVALID_REQUEST",
            "The files of this group are one photo: delete those that you do not want.",
            group=group_id,
        )
    kept = photo_id or group["photo_ids"][0]
    if kept not in group["photo_ids"]:
        raise LoupeError("PHOTO_NOT_FOUND", f"Photo {kept} is not of this group.", photo_id=kept)
    others = [each for each in group["photo_ids"] if each != kept]
    rows = [row for each in (kept, *others) if (row := photos.get(tx, each)) is not None]
    own, rest = rows[0], rows[1:]
    new_tags = {tag for row in rest for tag in row["tags"] or ()} - set(own["tags"] or ())
    new_collections = {name for row in rest for name in row["collections"] or ()} - set(own["collections"] or ())
    stars = max((row["rating"] for row in rest if row["rating"]), default=None)
    for tag in sorted(new_tags):
        tags.add(tx, [kept], tag)
    for name in sorted(new_collections):
        collections.add_photos(tx, name, [kept])
    rated = bool(stars and not own["rating"])
    if rated:
        given_ratings.give(tx, {kept: stars})
    return Kept(group_id, kept, tuple(hidden.hide(tx, others)), len(new_tags), len(new_collections), rated)
