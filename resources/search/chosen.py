"""All photos that a search finds, in batches: for changing many, and for handing them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from resources.search.photo_search import PhotoSearch
from resources.search.requests import SearchRequest
from resources.vector_index import Ids, VectorIndex

__all__ = ["batches", "chosen_ids"]

_BATCH = 5_000


def chosen_ids(search: PhotoSearch, request: SearchRequest) -> list[str]:
    """The ids of what the search finds, in id order: all that filters leave, of a ranking what is relevant.

    A hundred bytes a photo. Raises as `PhotoSearch.search` does.
    """
    return [photo_id for batch in batches(search, request) for photo_id in batch]


def batches(
    search: PhotoSearch, request: SearchRequest, size: int = _BATCH, index: Callable[[], VectorIndex] | None = None
) -> Iterator[list[str]]:
    """As `chosen_ids`, a batch at a time; photos that come in meanwhile may be among the later ones.

    Who takes long over a batch says by `index` which one to ask for the next: that of the search is closed some time
    after another took over.
    """
    condition = search.found(request)
    if isinstance(condition, Ids):  # a ranking's own, sorted: nothing is left to look for
        yield from (
            list(condition.photo_ids[start : start + size]) for start in range(0, len(condition.photo_ids), size)
        )
        return
    last: str | None = None
    while batch := (index() if index else search.index).ids(last, size, condition):
        yield batch
        last = batch[-1]
