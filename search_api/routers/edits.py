"""What a person says of one photo: caption, rating, tags. Each is one transaction, and search shows it in a moment.

Saying the same again changes nothing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from resources.errors import LoupeError
from resources.manifest import Transaction, given_ratings, photos, tags, written_captions
from resources.manifest.tags import MOST_TAG_CHARS
from search_api.dependencies import Live, OpenLibrary, PhotoId
from search_api.error_replies import responses
from search_api.photo_cards import caption_source
from search_api.schemas.edits import AddTags, CaptionOfPhoto, GiveRating, RatingOfPhoto, TagsOfPhoto, WriteCaption

router = APIRouter(prefix="/images/{photo_id}", tags=["edits"])

_ERRORS = responses("PHOTO_NOT_FOUND", "MANIFEST_BUSY")


@router.put("/caption", responses=_ERRORS)
def write_caption(photo_id: PhotoId, asked: WriteCaption, library: OpenLibrary, live: Live) -> CaptionOfPhoto:
    """Write the caption. It stands before what models say, now and later, and is exported apart from that."""
    with library.manifest.write() as tx:
        before = written_captions.of_photo(tx, str(photo_id))
        written_captions.write(tx, {str(photo_id): asked.text})
        shown = _caption(tx, str(photo_id), before)
    live.show_changes()
    return shown


@router.delete("/caption", responses=_ERRORS)
def clear_caption(photo_id: PhotoId, library: OpenLibrary, live: Live) -> CaptionOfPhoto:
    """Take back what was written: what a model says shows again."""
    with library.manifest.write() as tx:
        photos.require(tx, [str(photo_id)])
        before = written_captions.of_photo(tx, str(photo_id))
        written_captions.clear(tx, [str(photo_id)])
        shown = _caption(tx, str(photo_id), before)
    live.show_changes()
    return shown


@router.put("/rating", responses=_ERRORS)
def give_rating(photo_id: PhotoId, asked: GiveRating, library: OpenLibrary, live: Live) -> RatingOfPhoto:
    """Rate the photo. It stands before what the file says; the file is not written to."""
    with library.manifest.write() as tx:
        given_ratings.give(tx, {str(photo_id): asked.rating})
        shown = _rating(tx, str(photo_id))
    live.show_changes()
    return shown


@router.delete("/rating", responses=_ERRORS)
def forget_rating(photo_id: PhotoId, library: OpenLibrary, live: Live) -> RatingOfPhoto:
    """Take the given rating back: what the file says counts again."""
    with library.manifest.write() as tx:
        photos.require(tx, [str(photo_id)])
        given_ratings.forget(tx, [str(photo_id)])
        shown = _rating(tx, str(photo_id))
    live.show_changes()
    return shown


@router.get("/tags", responses=_ERRORS)
def list_tags(photo_id: PhotoId, library: OpenLibrary) -> TagsOfPhoto:
    """The tags that a person gave to the photo."""
    with library.manifest.read() as tx:
        return TagsOfPhoto(tags=tags.of_photo(tx, str(photo_id)))


@router.post("/tags", responses=_ERRORS)
def add_tags(photo_id: PhotoId, asked: AddTags, library: OpenLibrary, live: Live) -> TagsOfPhoto:
    """Add tags; those that it has stay. All of them or, if one cannot be a tag, none."""
    with library.manifest.write() as tx:
        for tag in asked.tags:
            tags.add(tx, [str(photo_id)], tag)
        shown = TagsOfPhoto(tags=tags.of_photo(tx, str(photo_id)))
    live.show_changes()
    return shown


@router.delete("/tags", responses=_ERRORS)
def remove_tags(
    photo_id: PhotoId,
    library: OpenLibrary,
    live: Live,
    tag: Annotated[
        list[str],
        Query(min_length=1, max_length=100, description=f"Each of at most {MOST_TAG_CHARS} characters; case counts."),
    ],
) -> TagsOfPhoto:
    """Take tags away; those that it has not are passed over."""
    with library.manifest.write() as tx:
        photos.require(tx, [str(photo_id)])
        for each in tag:
            tags.remove(tx, [str(photo_id)], each)
        shown = TagsOfPhoto(tags=tags.of_photo(tx, str(photo_id)))
    live.show_changes()
    return shown


def _caption(tx: Transaction, photo_id: str, before: str | None) -> CaptionOfPhoto:
    row = photos.get(tx, photo_id)
    if row is None:
        raise LoupeError("PHOTO_NOT_FOUND", f"There is no photo {photo_id}.", photo_id=photo_id)
    return CaptionOfPhoto(
        caption=row["caption"],
        caption_source=caption_source(row),
        caption_model=row["caption_model"],
        caption_at=row["caption_at"],
        before=before,
    )


def _rating(tx: Transaction, photo_id: str) -> RatingOfPhoto:
    row = photos.get(tx, photo_id)
    return RatingOfPhoto(rating=row["rating"] if row else None)
