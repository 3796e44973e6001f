"""Photos that show the same: groups, which one to keep, and a person's word that they differ."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Query

from resources.duplicates import AREAS, SHOWN_IN, TIERS, Keeping, Tier, regroup
from resources.errors import LoupeError
from resources.library import Library, result_key
from resources.manifest import duplicates, photos
from search_api.dependencies import Held, Live, OpenLibrary, PhotoId
from search_api.error_replies import responses
from search_api.job_starts import START_ERRORS
from search_api.photo_cards import photo
from search_api.routers.jobs import job_reply
from search_api.schemas.bulk import undo_of
from search_api.schemas.duplicates import (
    DifferentPhotos,
    DifferentReply,
    Duplicate,
    DuplicateGroup,
    DuplicateGroups,
    Duplicates,
    DuplicateTier,
    KeepBest,
    KeptBest,
    KeptPhoto,
)
from search_api.schemas.jobs import Job

router = APIRouter(tags=["duplicates"])

DUPLICATES_JOB = "find_duplicates"


@router.get("/duplicates", responses=responses("MANIFEST_BUSY"))
def count_duplicates(library: OpenLibrary) -> Duplicates:
    """How many groups there are of each kind."""
    clip = library.clip()
    with library.manifest.read() as tx:
        found = duplicates.counts(tx)
        waiting = duplicates.is_due(tx, AREAS, result_key(clip) if clip else None)
    tiers = [DuplicateTier(tier=tier, **found.get(tier, {"groups": 0, "photos": 0})) for tier in TIERS]
    return Duplicates(tiers=tiers, waiting=waiting)


@router.get("/duplicates/groups", responses=responses("MANIFEST_BUSY"))
def list_groups(
    library: OpenLibrary,
    tier: Tier | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
) -> DuplicateGroups:
    """Groups: the surest kind first, and of each kind large ones first; last what stands in several files alone."""
    found = _groups(library, tier, None, limit + 1, offset)
    return DuplicateGroups(groups=found[:limit], next_offset=offset + limit if len(found) > limit else None)


@router.get("/images/{photo_id}/duplicates", responses=responses("PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def get_duplicates(photo_id: PhotoId, library: OpenLibrary) -> DuplicateGroups:
    """The groups that a photo stands in."""
    with library.manifest.read() as tx:
        photos.require(tx, [str(photo_id)])
    return DuplicateGroups(groups=_groups(library, None, [str(photo_id)], 100, 0), next_offset=None)


@router.post("/duplicates/find", status_code=202, responses=responses(*START_ERRORS))
def find(services: Held) -> Job:
    """Compare what is new now, as happens by itself each hour. While that is done already, the answer is that run."""
    return job_reply(services.starts.over_library(DUPLICATES_JOB))


@router.post(
    "/duplicates/keep",
    response_model_exclude_unset=True,
    responses=responses("DUPLICATE_GROUP_NOT_FOUND", "PHOTO_NOT_FOUND", "INVALID_REQUEST", "MANIFEST_BUSY"),
)
def keep_best(asked: KeepBest, library: OpenLibrary, live: Live) -> KeptBest:
    """Keep one photo of each group and hide the others, all groups or none.

    What a person gave the others (tags, collections, stars, a caption) goes over to the kept one. No file is touched.
    A file of several pages leaves the library whole or not at all: `left` names photos that stay because of that.
    """
    if asked.photo_id and len(asked.group_ids) > 1:
        raise LoupeError("INVALID_REQUEST", "A photo can be chosen for one group at a time.")
    with library.manifest.read() if asked.dry_run else library.manifest.write() as tx:
        chosen = str(asked.photo_id) if asked.photo_id else None
        keeping = Keeping(tx, asked.group_ids, chosen)
        kept = [KeptPhoto(**vars(each)) for each in keeping.kept]
        hidden = len({photo_id for each in kept for photo_id in each.hidden})
        done = KeptBest(kept=kept, hidden=hidden, dry_run=asked.dry_run)
        if not asked.dry_run:
            if asked.undo:
                done.undo = undo_of(keeping.undoing(tx))
            keeping.put(tx)
    if not asked.dry_run:
        live.show_changes()
    return done


@router.post("/duplicates/different", responses=responses("PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def mark_different(asked: DifferentPhotos, library: OpenLibrary) -> DifferentReply:
    """No two of these photos are duplicates; their groups come apart and do not come back."""
    with library.manifest.write() as tx:
        pairs = duplicates.mark_different(tx, [str(each) for each in asked.photo_ids])
    return _regrouped(library, asked, pairs)


@router.delete("/duplicates/different", responses=responses("MANIFEST_BUSY"))
def unmark_different(asked: DifferentPhotos, library: OpenLibrary) -> DifferentReply:
    """Take that word back."""
    with library.manifest.write() as tx:
        pairs = duplicates.unmark_different(tx, [str(each) for each in asked.photo_ids])
    return _regrouped(library, asked, pairs)


def _regrouped(library: Library, asked: DifferentPhotos, pairs: int) -> DifferentReply:
    if pairs:
        clip = library.clip()
        key = result_key(clip) if clip else None
        regroup(library.manifest, library.home, key, [str(each) for each in asked.photo_ids])
    return DifferentReply(pairs=pairs)


def _groups(
    library: Library, tier: Tier | None, photo_ids: Collection[str] | None, limit: int, offset: int
) -> list[DuplicateGroup]:
    with library.manifest.read() as tx:
        found = duplicates.groups(tx, tiers=SHOWN_IN, tier=tier, photo_ids=photo_ids, limit=limit, offset=offset)
        facts = {row["photo_id"]: row for row in duplicates.candidates(tx, {p for g in found for p in g["photo_ids"]})}
        rows, files = photos.get_many(tx, list(facts)), photos.paths_of(tx, list(facts))
    groups = []
    shown = {each: photo(row, files.get(each, []), [], None, False) for each, row in rows.items()}
    for group in found:
        members = [
            Duplicate(
                **shown[each].model_dump(include=set(Duplicate.model_fields)),
                likeness=score,
                sharpness=facts[each]["sharpness"],
            )
            for each, score in zip(group["photo_ids"], group["scores"], strict=True)
            if each in shown
        ]
        groups.append(
            DuplicateGroup(
                group_id=group["group_id"], tier=group["tier"], photos=members, reasons=group["reasons"] or []
            )
        )
    return groups
