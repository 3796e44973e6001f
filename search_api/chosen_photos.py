"""From a request's choice of photos to their ids and to what the index shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resources.manifest import Transaction, photos
from resources.search.chosen import batches, chosen_ids
from search_api.routers.search import search_request, told_why
from search_api.schemas.chosen import Chosen
from search_api.services import Services

__all__ = ["ids_of", "payloads_of", "still_there"]

_BATCH = 500


def ids_of(chosen: Chosen, services: Services) -> list[str]:
    """The photos that are meant, each once. Raises as a search does, and `MAP_CHANGED` and the like."""
    if chosen.photo_ids is not None:
        return sorted({str(photo_id) for photo_id in chosen.photo_ids})
    if chosen.area is not None:
        return services.map.inside(chosen.area)
    assert chosen.query is not None
    with told_why(services.live):
        return chosen_ids(services.live.search, search_request(chosen.query, services.map))


def still_there(tx: Transaction, chosen: Chosen, photo_ids: list[str]) -> list[str]:
    """Those that the manifest knows: the index may show for a moment what is gone. Named ones must all be there.

    Raises `PHOTO_NOT_FOUND`.
    """
    if chosen.photo_ids is not None:
        photos.require(tx, photo_ids)
        return photo_ids
    return sorted(photos.taken_ids(tx, photo_ids))


def payloads_of(chosen: Chosen, services: Services) -> Iterator[dict[str, Any]]:
    """What the index shows of each photo, by id, a few hundred at a time. The first batch is asked for at once, so that
    what cannot be searched is an error and no broken stream.

    Raises `PHOTO_NOT_FOUND` for named ones that never were, and as a search does.
    """
    live = services.live
    if chosen.photo_ids is not None:
        with services.library.manifest.read() as tx:
            photos.require(tx, [str(photo_id) for photo_id in chosen.photo_ids])
    if chosen.query is None:
        ids = ids_of(chosen, services)
        walked = iter([ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)])
        begun = next(walked, [])
    else:
        with told_why(live):
            walked = batches(live.search, search_request(chosen.query, services.map), _BATCH, lambda: live.index)
            begun = next(walked, [])

    def shown() -> Iterator[dict[str, Any]]:
        batch = begun
        while batch:
            # A reply may take hours to be taken, and another model's index may take over meanwhile.
            stored = live.index.get(batch)
            yield from (stored[photo_id].payload for photo_id in batch if photo_id in stored)
            batch = next(walked, [])

    return shown()
