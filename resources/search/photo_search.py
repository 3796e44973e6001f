"""`PhotoSearch`: one index and, if there is a model, its text encoder.

Queries by content are vector arithmetic on unit vectors: the query is the weighted sum of what is wanted minus the
weighted sum of what is not, scaled to unit length, and photos are ranked by cosine to it. Words are treated alike:
the words of negative texts count against a photo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from resources.errors import LoupeError
from resources.search.fusion import fuse, relevant_ids
from resources.search.requests import Hit, SearchPage, SearchRequest, SearchWarning
from resources.vector_index import (
    And,
    AnyOf,
    Condition,
    HasVector,
    Ids,
    Not,
    Or,
    Ranked,
    SearchFilters,
    StoredPhoto,
    VectorIndex,
)
from resources.vector_index.points import IndexModel, Vector
from resources.vector_index.words import query as word_query

__all__ = ["PhotoSearch", "TextEncoder"]

# How deep a ranked list is taken, whatever the page: fixed, so that pages of one query never overlap or leave gaps.
CANDIDATES = 1000
MOST_PER_PAGE = 1000
_LEAST_NORM = 1e-3


class TextEncoder(Protocol):
    """The text side of the model whose vectors the index holds."""

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def preprocess_version(self) -> str: ...
    @property
    def dim(self) -> int: ...

    def embed_texts(self, texts: list[str], /) -> Vector:
        """float32 `[n, dim]`, unit norm."""
        ...

    def unknown_words(self, text: str, /) -> list[str]:
        """Words that a closed vocabulary does not have; empty for real tokenizers."""
        ...


@dataclass(frozen=True)
class _Content:
    """The query by content: a unit vector `[dim]`, None when there is nothing to ask by."""

    vector: Vector | None
    warnings: tuple[SearchWarning, ...] = ()


class PhotoSearch:
    """Searches one index. `encoder` must be of the index's model; without one, texts are searched as words only."""

    def __init__(self, index: VectorIndex, encoder: TextEncoder | None) -> None:
        self.index = index
        if encoder is not None and (index.model is None or IndexModel.of(encoder) != index.model):
            encoder = None  # vectors of two models cannot be compared: words only, until the index has switched
        self.encoder = encoder

    def search(self, request: SearchRequest) -> SearchPage:
        """Answer a request.

        Raises `INVALID_REQUEST`, `PHOTO_NOT_FOUND` (an example photo that is not there), `PHOTO_NOT_EMBEDDED` (no
        example has a vector yet), `SEARCH_BY_CONTENT_OFF` (mode meaning, or examples, without a model) and
        `QUERY_WORDS_UNKNOWN` (mode meaning, and the model knows none of the words).
        """
        _check(request)
        if request.browses:
            return self._browse(request)
        examples = self._examples(request)
        content = self._content(request, examples) if request.mode != "words" else _Content(None)
        words = word_query([*request.texts, *((text, -weight) for text, weight in request.negative_texts)])
        by_meaning, by_words = content.vector is not None, bool(request.texts and words) and request.mode != "meaning"
        condition = _and(request.filters.condition(), _without(examples))

        # Sorted by relevance, meaning alone can be paged to the end: every embedded photo has a score.
        depth = CANDIDATES
        if not by_words and request.sort == "relevance":
            depth = max(depth, request.offset + request.limit)
        meaning = [] if content.vector is None else self.index.nearest(content.vector, depth, condition)
        matches = self.index.matching(words, CANDIDATES, condition) if by_words else []
        ranked = fuse(meaning, matches) if by_meaning and by_words else meaning if by_meaning else matches
        relevant = relevant_ids(meaning[:CANDIDATES], matches)

        warnings = content.warnings
        mode: Literal["hybrid", "meaning", "words"] = (
            "hybrid" if by_meaning and by_words else "meaning" if by_meaning else "words"
        )
        total, exact = len(ranked), len(meaning) < depth and len(matches) < CANDIDATES
        if request.sort != "relevance":
            page, total = self._by_date(ranked, relevant, request)
            exact = True
        else:
            page = ranked[request.offset : request.offset + request.limit]
            if mode == "meaning" and not exact:
                total = self.index.counted(_and(HasVector(), condition))
                exact = True
        return self._page(page, total, exact, len(relevant), mode, warnings, meaning, matches)

    def similar(
        self, photo_id: str, limit: int = 60, offset: int = 0, filters: SearchFilters | None = None
    ) -> SearchPage:
        """Photos that look like this one, itself and its stack left out. Raises as `search` does."""
        return self.search(
            SearchRequest(
                photo_ids=((photo_id, 1.0),),
                filters=filters or SearchFilters(),
                mode="meaning",
                limit=limit,
                offset=offset,
            )
        )

    # Browsing and sorting

    def _browse(self, request: SearchRequest) -> SearchPage:
        condition = request.filters.condition()
        ids = self.index.browse(request.limit, request.offset, condition, newest_first=request.sort != "oldest")
        total = self.index.counted(condition)
        return self._page([Ranked(photo_id, 0.0) for photo_id in ids], total, True, None, "browse", ())

    def _by_date(self, ranked: list[Ranked], relevant: set[str], request: SearchRequest) -> tuple[list[Ranked], int]:
        """Sorted by date, only what is relevant is kept: the rest would come first as often as last."""
        kept = {hit.photo_id: hit for hit in ranked if hit.photo_id in relevant}
        ids = self.index.browse(request.limit, request.offset, Ids(tuple(kept)), newest_first=request.sort == "newest")
        return [kept[photo_id] for photo_id in ids], len(kept)

    def _page(
        self,
        page: Sequence[Ranked],
        total: int,
        exact: bool,
        relevant: int | None,
        mode: Literal["hybrid", "meaning", "words", "browse"],
        warnings: tuple[SearchWarning, ...],
        meaning: Sequence[Ranked] = (),
        words: Sequence[Ranked] = (),
    ) -> SearchPage:
        stored = self.index.get([hit.photo_id for hit in page])
        wanted = {hit.photo_id for hit in page}
        cosines = {hit.photo_id: hit.score for hit in meaning if hit.photo_id in wanted}
        bm25 = {hit.photo_id: hit.score for hit in words if hit.photo_id in wanted}
        hits = [
            Hit(
                hit.photo_id,
                hit.score,
                stored[hit.photo_id].payload,
                cosines.get(hit.photo_id),
                bm25.get(hit.photo_id),
            )
            for hit in page
            if hit.photo_id in stored  # removed since it was ranked
        ]
        return SearchPage(
            hits=hits,
            total=total,
            total_exact=exact,
            relevant=relevant,
            mode=mode,
            photos=self.index.point_count(),
            searchable=self.index.embedded_count(),
            generation=self.index.generation,
            warnings=warnings,
        )

    # The query

    def _content(self, request: SearchRequest, photos: Mapping[str, StoredPhoto]) -> _Content:
        examples = bool(request.photo_ids or request.image_vectors or request.negative_photo_ids)
        needs_encoder = bool(request.texts or request.negative_texts)
        if self.index.model is None or (needs_encoder and self.encoder is None):
            if request.mode == "meaning" or (examples and self.index.model is None):
                raise _content_off()
            warning = SearchWarning(
                "SEARCH_BY_CONTENT_OFF", "No model is in use, so only words were searched: names, tags and captions."
            )
            if not examples:
                return _Content(None, (warning,))
            texts_left = _Content(None, (warning,))
        else:
            texts_left = _Content(None)

        parts: list[tuple[Vector, float]] = []
        unknown: dict[str, None] = {}
        if self.encoder is not None:
            signed = [*request.texts, *((text, -weight) for text, weight in request.negative_texts)]
            known = [(text, weight) for text, weight in signed if self._is_known(text, unknown)]
            if known:
                rows = self.encoder.embed_texts([text for text, _ in known])
                parts += [(_unit(row), weight) for row, (_, weight) in zip(rows, known, strict=True)]
        parts += [(self._given(vector), weight) for vector, weight in request.image_vectors]
        warnings = list(texts_left.warnings)
        if unknown:
            listed = ", ".join(f"'{word}'" for word in unknown)
            warnings.append(
                SearchWarning("QUERY_WORDS_UNKNOWN", f"The model in use does not know {listed}.", tuple(unknown))
            )
        found, waiting = _vectors(request, photos)
        parts += found
        if waiting and not parts:
            raise LoupeError(
                "PHOTO_NOT_EMBEDDED", "The photo is not searchable by content yet. Try again when it is.", ids=waiting
            )
        if waiting:
            warnings.append(SearchWarning("PHOTO_NOT_EMBEDDED", "An example photo is not searchable by content yet."))
        if not parts:
            if request.mode == "meaning":
                raise LoupeError(
                    "QUERY_WORDS_UNKNOWN",
                    "The model in use knows none of these words. Try simpler ones, or search by words.",
                    words=list(unknown),
                )
            return _Content(None, tuple(warnings))
        weights = np.array([weight for _, weight in parts], dtype=np.float32)
        total: Vector = weights @ np.stack([vector for vector, _ in parts])
        if float(np.linalg.norm(total)) < _LEAST_NORM:
            raise LoupeError("INVALID_REQUEST", "What is wanted and what is not cancel each other out.")
        return _Content(_unit(total), tuple(warnings))

    def _is_known(self, text: str, unknown: dict[str, None]) -> bool:
        """Whether the model knows any word of the text; those it does not are added to `unknown`."""
        assert self.encoder is not None
        missing = self.encoder.unknown_words(text)
        unknown.update(dict.fromkeys(missing))
        lost = {word.casefold() for word in missing}
        return not lost or any(word.casefold() not in lost for word in re.findall(r"[^\W_]+", text))

    def _examples(self, request: SearchRequest) -> dict[str, StoredPhoto]:
        """The example photos, wanted and unwanted."""
        photo_ids = [photo_id for photo_id, _ in (*request.photo_ids, *request.negative_photo_ids)]
        stored = self.index.get(photo_ids, vectors=True)
        for photo_id in photo_ids:
            if photo_id not in stored:
                raise LoupeError("PHOTO_NOT_FOUND", f"No photo has the id {photo_id}.", photo_id=photo_id)
        return stored

    def _given(self, vector: Vector) -> Vector:
        dim = self.index.model.dim if self.index.model else 0
        if vector.shape != (dim,) or not np.isfinite(vector).all() or not np.any(vector):
            raise LoupeError(
                "INVALID_REQUEST", f"An image vector must hold {dim} finite numbers.", shape=list(vector.shape)
            )
        return _unit(vector)


def _vectors(
    request: SearchRequest, examples: Mapping[str, StoredPhoto]
) -> tuple[list[tuple[Vector, float]], list[str]]:
    """Vectors of the example photos with signed weights, and the ids of those without a vector yet."""
    parts: list[tuple[Vector, float]] = []
    waiting: list[str] = []
    for photo_id, weight in (*request.photo_ids, *((name, -weight) for name, weight in request.negative_photo_ids)):
        vector = examples[photo_id].vector
        if vector is None:
            waiting.append(photo_id)
        else:
            parts.append((_unit(vector), weight))
    return parts, waiting


def _without(examples: Mapping[str, StoredPhoto]) -> Condition | None:
    """None of the examples, and nothing that stands in a stack with one."""
    if not examples:
        return None
    stacks = {photo.payload["stack_id"] for photo in examples.values() if "stack_id" in photo.payload}
    return Not(Or((Ids(tuple(examples)), AnyOf("stack_id", tuple(sorted(stacks))))))


def _check(request: SearchRequest) -> None:
    if not 0 < request.limit <= MOST_PER_PAGE or request.offset < 0:
        raise LoupeError("INVALID_REQUEST", f"A page holds 1 to {MOST_PER_PAGE} photos, from position 0 on.")
    weighted = (
        *request.texts,
        *request.photo_ids,
        *request.image_vectors,
        *request.negative_texts,
        *request.negative_photo_ids,
    )
    if any(not (0 < weight < float("inf")) for _, weight in weighted):
        raise LoupeError("INVALID_REQUEST", "A weight must be a positive number; use the negatives to take away.")
    if request.mode == "words" and not request.texts and not request.browses:
        raise LoupeError("EMPTY_QUERY", "A search by words needs a text.")
    if any(not text.strip() for text, _ in (*request.texts, *request.negative_texts)):
        raise LoupeError("EMPTY_QUERY", "A text to search for is empty.")


def _content_off() -> LoupeError:
    return LoupeError(
        "SEARCH_BY_CONTENT_OFF",
        "Search by content is off: no model is set up. `loupe models fetch` brings one; words still work.",
    )


def _unit(vector: Vector) -> Vector:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _and(*conditions: Condition | None) -> Condition | None:
    parts = tuple(condition for condition in conditions if condition is not None)
    return And(parts) if parts else None
