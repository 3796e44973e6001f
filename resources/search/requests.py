"""What is asked and what is answered, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from resources.vector_index import SearchFilters
from resources.vector_index.points import Vector

__all__ = ["Hit", "Mode", "SearchPage", "SearchRequest", "SearchWarning", "Sort", "Texts"]

Mode = Literal["hybrid", "meaning", "words"]
Sort = Literal["relevance", "newest", "oldest"]
Texts = tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class SearchRequest:
    """A search. Without texts, photos and images it browses.

    Weights are positive and relative; negatives take away as much as a positive of the same weight gives.
    `or_texts` are other texts that may stand in the place of `texts`; a photo counts by the one that it fits best. A
    negative text takes away by meaning, and leaves out photos that are described by its words.
    `image_vectors` are float32 `[dim]` of the model in use. `cursor`, of the page before, goes on behind it and stands
    in the place of `offset`. Photos given as examples are not among the hits. Without `cut` nobody asks how many are
    relevant, which takes looking at a thousand at least: photos come in their plain order, and sooner.
    """

    texts: Texts = ()
    or_texts: tuple[Texts, ...] = ()
    photo_ids: tuple[tuple[str, float], ...] = ()
    image_vectors: tuple[tuple[Vector, float], ...] = ()
    negative_texts: Texts = ()
    negative_image_vectors: tuple[tuple[Vector, float], ...] = ()
    negative_photo_ids: tuple[tuple[str, float], ...] = ()
    filters: SearchFilters = field(default_factory=SearchFilters)
    mode: Mode = "hybrid"
    sort: Sort = "relevance"
    limit: int = 60
    offset: int = 0
    cursor: str | None = None
    cut: bool = True

    @property
    def browses(self) -> bool:
        """Whether nothing is asked for but a filter and an order."""
        return not (
            self.texts
            or self.or_texts
            or self.photo_ids
            or self.image_vectors
            or self.negative_texts
            or self.negative_image_vectors
            or self.negative_photo_ids
        )


@dataclass(frozen=True, eq=False)
class Hit:
    """One photo of a page. `score` is what the page is ranked by, 0 when browsing.

    `meaning` is the cosine to the query, `words` the BM25 score; None where that list does not hold the photo.
    """

    photo_id: str
    score: float
    payload: dict[str, Any]
    meaning: float | None = None
    words: float | None = None


@dataclass(frozen=True)
class SearchWarning:
    """Something the page could not do as asked. `code` is one of the error table's, `words` the words meant."""

    code: str
    message: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SearchPage:
    """A page of hits.

    `total` counts what the request can page through; when `total_exact` is false at least that many photos match.
    `relevant` says how many of them stand out from the rest of the library (None when browsing, and without a cut); by
    relevance they come first. When `relevant_exact` is false there may be more, which come with further pages. `cursor`
    asks for what follows, None at the end. `mode` is how it was searched in the end. `searchable` of `photos` can be
    found by content.
    """

    hits: list[Hit]
    total: int
    total_exact: bool
    relevant: int | None
    mode: Mode | Literal["browse"]
    photos: int
    searchable: int
    generation: str
    warnings: tuple[SearchWarning, ...] = ()
    cursor: str | None = None
    relevant_exact: bool = True
