"""Photos that belong together: what stands in a stack, and a person's word about it."""

from __future__ import annotations

from fastapi import APIRouter

from resources import stacks
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import photos
from resources.manifest import stacks as table
from resources.vector_index.points import StoredPhoto
from search_api.dependencies import Live, OpenLibrary, PhotoId
from search_api.error_replies import responses
from search_api.live_index import LiveIndex
from search_api.photo_cards import card, motion_path, photo
from search_api.schemas.photos import PhotoCard, PhotoStack, SeparatedPhotos

router = APIRouter(prefix="/images/{photo_id}/stack", tags=["stacks"])

_ERRORS = responses("PHOTO_NOT_FOUND", "NOT_IN_A_STACK", "MANIFEST_BUSY")


@router.get("", responses=_ERRORS)
def get_stack(photo_id: PhotoId, library: OpenLibrary, live: Live) -> PhotoStack:
    """The stack that a photo stands in, its cover first."""
    return _reply(str(photo_id), library, live)


@router.post("/cover", responses=_ERRORS)
def choose_cover(photo_id: PhotoId, library: OpenLibrary, live: Live) -> PhotoStack:
    """Make this photo the cover of its stack: the one that search shows."""
    stacks.choose_cover(library.manifest, str(photo_id))
    live.show_changes()
    return _reply(str(photo_id), library, live)


@router.delete("", responses=_ERRORS)
def unstack(photo_id: PhotoId, library: OpenLibrary, live: Live) -> SeparatedPhotos:
    """Take the stack apart; its photos are shown one by one from now on."""
    apart = stacks.unstack(library.manifest, str(photo_id))
    live.show_changes()
    return SeparatedPhotos(photo_ids=list(apart))


@router.post("/take-out", responses=_ERRORS)
def take_out(photo_id: PhotoId, library: OpenLibrary, live: Live) -> SeparatedPhotos:
    """Take this photo out of its stack; the others stay together."""
    left = stacks.take_out(library.manifest, str(photo_id))
    live.show_changes()
    return SeparatedPhotos(photo_ids=[str(photo_id), *left])


@router.post("/reunite", responses=_ERRORS)
def reunite(photo_id: PhotoId, library: OpenLibrary, live: Live) -> PhotoStack:
    """Undo taking apart and taking out: the photo stands again where Loupe would put it."""
    if stacks.reunite(library.manifest, str(photo_id)) is None:
        raise _alone(str(photo_id))
    live.show_changes()
    return _reply(str(photo_id), library, live)


def _reply(photo_id: str, library: Library, live: LiveIndex) -> PhotoStack:
    """Who stands in the stack is the manifest's word at this moment; how they look the index knows, if it does."""
    with library.manifest.read() as tx:
        known_photo = photos.get(tx, photo_id) is not None
        members = table.members(tx, photo_id)
        ids = [member["photo_id"] for member in members]
        videos = photos.motion_files(tx, ids)
    if not known_photo:
        raise LoupeError("PHOTO_NOT_FOUND", f"There is no photo {photo_id}.", photo_id=photo_id)
    if not members:
        raise _alone(photo_id)
    cards: dict[str, PhotoCard] = {each: card(stored.payload) for each, stored in _indexed(live, ids).items()}
    if len(cards) < len(ids):
        with library.manifest.read() as tx:
            for each in ids:
                row = None if each in cards else photos.get(tx, each)
                if row is not None:
                    cards[each] = photo(row, photos.paths(tx, each), members, None, False)
    shown = [cards[each] for each in ids if each in cards]
    for each in shown:
        each.stack_id, each.stack_kind, each.stack_size = members[0]["stack_id"], members[0]["kind"], len(members)
    return PhotoStack(
        stack_id=members[0]["stack_id"], kind=members[0]["kind"], photos=shown, motion_path=motion_path(videos)
    )


def _indexed(live: LiveIndex, photo_ids: list[str]) -> dict[str, StoredPhoto]:
    return live.index.get(photo_ids) if live.index_state == "ready" else {}


def _alone(photo_id: str) -> LoupeError:
    return LoupeError("NOT_IN_A_STACK", "The photo stands in no stack.", photo_id=photo_id)
