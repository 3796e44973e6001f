"""`PhotoSearch`: one index and, if there is a model, its text encoder.

Queries by content are vector arithmetic on unit vectors: the query is the weighted sum of what is wanted minus the
weighted sum of what is not, scaled to unit length, and photos are ranked by cosine to it. Words that are not wanted
leave photos out whose captions or tags say them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from resources.errors import LoupeError
from resources.search.cursors import Cursor, KeptRankings, Ranking, cursor_expired, question_of
from resources.search.fusion import (
    CANDIDATES,
    Cut,
    best_of,
    cut_of,
    cut_of_words,
    deep_for,
    fuse,
    least_of_meaning,
    least_of_words,
    reaching,
)
from resources.search.query_fields import described
from resources.search.requests import Hit, SearchPage, SearchRequest, SearchWarning, Texts
from resources.vector_index import (
    And,
    AnyOf,
    Condition,
    HasVector,
    Ids,
    Named,
    Not,
    Or,
    Ranked,
    RankedList,
    SearchFilters,
    StoredPhoto,
    VectorIndex,
)
from resources.vector_index.points import IndexModel, ModelKey, Vector
from resources.vector_index.words import SparseWords
from resources.vector_index.words import query as word_query

__all__ = ["PhotoSearch", "TextEncoder"]

# How deep a list by meaning is taken first, where that is sooner: seldom more are relevant.
_FIRST = 128
# Then, and any other list at first: with one more than what decides.
_DEEP = CANDIDATES + 1
MOST_PER_PAGE = 1000
_FEWEST_TO_CUT = 20
_LEAST_NORM = 1e-3


class TextEncoder(ModelKey, Protocol):
    """The text side of the model whose vectors the index holds."""

    def embed_texts(self, texts: list[str], /) -> Vector:
        """float32 `[n, dim]`, unit norm."""
        ...

    def unknown_words(self, text: str, /) -> list[str]:
        """Words that a closed vocabulary does not have; empty for real tokenizers."""
        ...


@dataclass(frozen=True)
class _Content:
    """The query by content: unit vectors `[dim]`, one for each alternative; none when there is nothing to ask by."""

    vectors: tuple[Vector, ...] = ()
    warnings: tuple[SearchWarning, ...] = ()


class _Found(NamedTuple):
    """What one way of ranking finds. `cut`: what of it is relevant, None without a cut; `ended`: it is all that it can.

    A list with a cut that is sure has at least what is relevant, any other ends where there may be more.
    """

    ranked: RankedList
    cut: Cut | None
    ended: bool

    @property
    def relevant(self) -> int:
        return len(self.ranked) if self.cut is None else self.cut.relevant


@dataclass(frozen=True)
class _Lists:
    """What each way of ranking finds, and photos that the query names."""

    meaning: _Found
    words: _Found
    named: dict[str, None]

    @property
    def relevant(self) -> set[str]:
        lists = (self.meaning, self.words)
        return {photo_id for found in lists for photo_id in found.ranked.first(found.relevant).ids} | self.named.keys()

    @property
    def shortened(self) -> bool:
        """More may be relevant."""
        return any(found.cut is not None and not found.cut.sure for found in (self.meaning, self.words))

    def in_order(self) -> tuple[list[Ranked], list[Ranked]]:
        """What is relevant, best first, and what is not."""
        lists = [found for found in (self.meaning, self.words) if found.ranked]
        # Beyond what is known of a list that may go on, what the other has would be in another order with more of it.
        known = [each.relevant for each in lists if each.cut and not each.cut.sure]
        parts = [(each.ranked, min([each.relevant, *known])) for each in lists]
        if len(parts) == 1:
            ranked, relevant = list(parts[0][0]), parts[0][1]
            found, others = ranked[:relevant], ranked[relevant:]
        else:
            found, others = fuse(*parts)
        first = [Ranked(photo_id, 1.0) for photo_id in self.named]
        return first + [hit for hit in found if hit.photo_id not in self.named], [
            hit for hit in others if hit.photo_id not in self.named
        ]


class PhotoSearch:
    """Searches one index. `encoder` must be of the index's model; without one, texts are searched as words only.

    `kept` are the lists that cursors go on with; searches that share it may be different objects.
    """

    def __init__(self, index: VectorIndex, encoder: TextEncoder | None, kept: KeptRankings | None = None) -> None:
        self.index = index
        if encoder is not None and (index.model is None or IndexModel.of(encoder) != index.model):
            encoder = None  # vectors of two models cannot be compared: words only, until the index has switched
        self.encoder = encoder
        self._kept = kept or KeptRankings()

    def search(self, request: SearchRequest) -> SearchPage:
        """Answer a request.

        Raises `INVALID_REQUEST`, `PHOTO_NOT_FOUND` (an example photo that is not there), `PHOTO_NOT_EMBEDDED` (no
        example has a vector yet), `SEARCH_BY_CONTENT_OFF` (mode meaning, or examples, without a model),
        `QUERY_WORDS_UNKNOWN` (mode meaning, and the model knows none of the words) and `CURSOR_EXPIRED`.
        """
        _check(request)
        cursor = self._cursor(request)
        if request.browses:
            return self._browse(request, request.filters.condition(), cursor)
        if cursor and cursor.kept:
            return self._kept_page(request, self._kept_ranking(request, cursor), cursor.rank, cursor.kept)
        content, words, condition = self._asked(request)
        if not words and (not content.vectors or (request.sort != "relevance" and not _wants(request))):
            return self._browse(request, condition, cursor, content.warnings)  # all that is said is what is unwanted
        if not words and request.sort == "relevance":
            return self._by_meaning(request, content, condition, cursor)
        most = deep_for(request.offset + request.limit)
        return self._kept_page(request, self._ranking(request, content, words, condition, most), request.offset, "")

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

    def found(self, request: SearchRequest) -> Condition | None:
        """Which photos a search finds, as a condition: what its filters leave, of a ranking what is relevant.

        For counting (facets, histograms) and for changing many photos. Raises as `search` does.
        """
        if request.browses:
            return request.filters.condition()
        request = replace(request, cut=True)
        _check(request)
        content, words, condition = self._asked(request)
        if not words and (not content.vectors or not _wants(request)):
            return condition
        lists = self._lists(request, content, words, condition, self.index.point_count() + 1, further=False)
        return Ids(tuple(sorted(lists.relevant)))

    # Lists and pages

    def _asked(self, request: SearchRequest) -> tuple[_Content, list[SparseWords], Condition | None]:
        """What to rank by, and what must hold."""
        examples = self._examples(request)
        content = self._content(request, examples) if request.mode != "words" else _Content()
        texts = () if request.mode == "meaning" else (request.texts, *request.or_texts)
        words = [asked for asked in map(word_query, texts) if asked]
        return content, words, _and(request.filters.condition(), _without(examples), _undescribed(request))

    def _kept_ranking(self, request: SearchRequest, cursor: Cursor) -> Ranking:
        """The list that the cursor names, made longer when its page would go beyond it."""
        kept = self._kept.get(cursor.kept)
        if not kept.exact and cursor.rank + request.limit >= len(kept):
            most = deep_for(cursor.rank + request.limit)
            kept = kept.followed_by(self._ranking(request, *self._asked(request), most))
            self._kept.keep(kept, cursor.kept)
        return kept

    def _ranking(
        self,
        request: SearchRequest,
        content: _Content,
        words: Sequence[SparseWords],
        condition: Condition | None,
        most: int,
    ) -> Ranking:
        """The list by words, by both, or of what is relevant by date."""
        by_date = request.sort != "relevance"
        if by_date:  # the newest may be the least relevant
            most = self.index.point_count() + 1
        lists = self._lists(request, content, words, condition, most, further=not by_date)
        relevant, others = lists.in_order()
        scores = dict([*relevant, *others])
        ids, exact = [hit.photo_id for hit in relevant], lists.meaning.ended and lists.words.ended
        if by_date:  # only what is relevant is kept: the rest would come first as often as last
            ids = self.index.browse(len(ids), 0, Ids(tuple(ids)), newest_first=request.sort == "newest")
            exact = True
        elif not lists.shortened:  # else what follows is relevant
            ids += [hit.photo_id for hit in others]
        return Ranking.of(
            ids,
            scores,
            dict(lists.meaning.ranked),
            dict(lists.words.ranked),
            total=len(ids),
            exact=exact,
            relevant=len(relevant) if request.cut else None,
            shortened=lists.shortened,
            mode="hybrid" if content.vectors and words else "meaning" if content.vectors else "words",
            warnings=content.warnings,
        )

    def _lists(
        self,
        request: SearchRequest,
        content: _Content,
        words: Sequence[SparseWords],
        condition: Condition | None,
        most: int,
        *,
        further: bool,
    ) -> _Lists:
        """`most` photos deep at most; by words also what is less than relevant comes when there is to be `further`."""
        background = self._background(content.vectors)
        first = _DEEP if request.cut else max(_DEEP, most)
        meaning = _to_the_cut(
            [partial(self.index.nearest, vector, condition=condition) for vector in content.vectors],
            _Cosines(background) if request.cut else None,
            first,
            most,
            further=False,  # every photo has a cosine
        )
        matches = _to_the_cut(
            [partial(self.index.matching, asked, condition=condition) for asked in words],
            _WordScores() if request.cut else None,
            first,
            most,
            further=further,
        )
        return _Lists(meaning, matches, self._named(request, condition))

    def _kept_page(self, request: SearchRequest, ranking: Ranking, start: int, kept: str) -> SearchPage:
        page = ranking.part(start, start + request.limit)
        end = start + len(page)
        cursor = None
        if page and end < len(ranking):
            name = kept or self._kept.keep(ranking)
            cursor = self._cursor_after(request, page[-1], end, kept=name)
        shown = self._page(
            page,
            ranking.total,
            ranking.exact,
            ranking.relevant,
            ranking.mode,
            ranking.warnings,
            ranking.values(ranking.meaning, start, page),
            ranking.values(ranking.words, start, page),
            cursor,
        )
        return replace(shown, relevant_exact=not ranking.shortened)

    def _by_meaning(
        self, request: SearchRequest, content: _Content, condition: Condition | None, cursor: Cursor | None
    ) -> SearchPage:
        """Meaning alone can be paged to the end: every embedded photo has a score, and it is its own."""
        start = cursor.rank if cursor else request.offset
        first = _DEEP if self.index.looks_at_each else _FIRST
        depth = max(first if request.cut else 0, start + request.limit + 1)
        background = self._background(content.vectors) if request.cut else None
        while True:
            ranked = self._nearest(content.vectors, depth, condition)
            whole = len(ranked) < depth
            if cursor:
                start = bisect_right(ranked, (-cursor.score, cursor.photo_id), key=_place)
            if whole:
                break
            if start + request.limit >= len(ranked):
                depth = 2 * max(depth, start)  # photos came in above the cursor
            elif request.cut and depth < _DEEP and not cut_of(ranked.scores, background, whole=False).sure:
                depth = _DEEP
            else:
                break
        page = ranked[start : start + request.limit]
        total = len(ranked) if whole else self.index.counted(_and(HasVector(), condition))
        following = start + len(page) < len(ranked)
        cut = cut_of(ranked.scores, background, whole) if request.cut else None
        shown = self._page(
            page,
            total,
            True,
            cut.relevant if cut else None,
            "meaning",
            content.warnings,
            {hit.photo_id: hit.score for hit in page},
            {},
            self._cursor_after(request, page[-1], start + len(page)) if page and following else None,
        )
        return replace(shown, relevant_exact=cut is None or cut.sure)

    def _browse(
        self,
        request: SearchRequest,
        condition: Condition | None,
        cursor: Cursor | None,
        warnings: tuple[SearchWarning, ...] = (),
    ) -> SearchPage:
        newest_first = request.sort != "oldest"
        if cursor:
            place = cursor.key, cursor.score, cursor.photo_id
            ids = self.index.browse_after(place, request.limit + 1, condition, newest_first)
            start = cursor.rank
        else:
            ids = self.index.browse(request.limit + 1, request.offset, condition, newest_first=newest_first)
            start = request.offset
        total = self.index.counted(condition)
        page = self._page(
            [Ranked(photo_id, 0.0) for photo_id in ids[: request.limit]], total, True, None, "browse", warnings, {}, {}
        )
        if len(ids) <= request.limit or not page.hits:
            return page
        last = page.hits[-1]
        key = "taken_at" if "taken_at" in last.payload else "added_at"
        after = Ranked(last.photo_id, float(last.payload[key]))
        return replace(page, cursor=self._cursor_after(request, after, start + request.limit, key=key))

    def _named(self, request: SearchRequest, condition: Condition | None) -> dict[str, None]:
        """Photos with the file name that was given, if it looks like one: such a query means that file."""
        text = request.texts[0][0].strip() if len(request.texts) == 1 and not request.or_texts else ""
        looks_like_one = re.search(r"\d|\.\w+$", text) and "*" not in text
        if request.mode != "hybrid" or not looks_like_one:
            return {}
        named = _and(Named(text), condition)
        found = self.index.browse(CANDIDATES, 0, named)
        return dict.fromkeys(found if len(found) < CANDIDATES else self.index.browse(self.index.count(named), 0, named))

    def _nearest(self, vectors: Sequence[Vector], depth: int, condition: Condition | None) -> RankedList:
        return best_of([self.index.nearest(vector, depth, condition) for vector in vectors]).first(depth)

    def _background(self, vectors: Sequence[Vector]) -> float | None:
        """The median cosine of the library to the query; None where there are too few photos to tell."""
        if not vectors:
            return None
        drawn = self.index.sample()
        return None if len(drawn) < _FEWEST_TO_CUT else float(np.median((drawn @ np.stack(vectors).T).max(axis=1)))

    def _cursor(self, request: SearchRequest) -> Cursor | None:
        if request.cursor is None:
            return None
        cursor = Cursor.read(request.cursor, self.index.generation, question_of(request))
        if cursor.candidates != CANDIDATES:  # of a version that ranked other lists
            raise cursor_expired()
        return cursor

    def _cursor_after(self, request: SearchRequest, last: Ranked, rank: int, key: str = "", kept: str = "") -> str:
        return Cursor(
            self.index.generation, question_of(request), CANDIDATES, rank, last.score, last.photo_id, key, kept
        ).written()

    def _page(
        self,
        page: Sequence[Ranked],
        total: int,
        exact: bool,
        relevant: int | None,
        mode: str,
        warnings: tuple[SearchWarning, ...],
        meaning: Mapping[str, float],
        words: Mapping[str, float],
        cursor: str | None = None,
    ) -> SearchPage:
        stored = self.index.get([hit.photo_id for hit in page])
        hits = [
            Hit(
                hit.photo_id,
                hit.score,
                stored[hit.photo_id].payload,
                meaning.get(hit.photo_id),
                words.get(hit.photo_id),
            )
            for hit in page
            if hit.photo_id in stored  # removed since it was ranked
        ]
        return SearchPage(
            hits=hits,
            total=total,
            total_exact=exact,
            relevant=relevant,
            mode=mode,  # type: ignore[arg-type]
            photos=self.index.point_count(),
            searchable=self.index.embedded_count(),
            generation=self.index.generation,
            warnings=warnings,
            cursor=cursor,
        )

    # The query

    def _content(self, request: SearchRequest, photos: Mapping[str, StoredPhoto]) -> _Content:
        examples = bool(request.photo_ids or _images(request) or request.negative_photo_ids)
        needs_encoder = bool(request.texts or request.or_texts or request.negative_texts)
        if self.index.model is None or (needs_encoder and self.encoder is None):
            if request.mode == "meaning" or (examples and self.index.model is None):
                raise _content_off()
            warning = SearchWarning(
                "SEARCH_BY_CONTENT_OFF", "No model is in use, so only words were searched: names, tags and captions."
            )
            if not examples:
                return _Content((), (warning,))
            texts_left = _Content((), (warning,))
        else:
            texts_left = _Content()

        unknown: dict[str, None] = {}
        ways = [
            self._text_parts(texts, request.negative_texts, unknown) for texts in (request.texts, *request.or_texts)
        ]
        given = [(self._given(vector), weight) for vector, weight in request.image_vectors]
        given += [(self._given(vector), -weight) for vector, weight in request.negative_image_vectors]
        warnings = list(texts_left.warnings)
        if unknown:
            listed = ", ".join(f"'{word}'" for word in unknown)
            warnings.append(
                SearchWarning("QUERY_WORDS_UNKNOWN", f"The model in use does not know {listed}.", tuple(unknown))
            )
        found, waiting = _vectors(request, photos)
        given += found
        summed = [[*parts, *given] for parts in ways if parts or given]
        if waiting and not summed:
            raise LoupeError(
                "PHOTO_NOT_EMBEDDED", "The photo is not searchable by content yet. Try again when it is.", ids=waiting
            )
        if waiting:
            warnings.append(SearchWarning("PHOTO_NOT_EMBEDDED", "An example photo is not searchable by content yet."))
        if not summed and request.mode == "meaning":
            raise LoupeError(
                "QUERY_WORDS_UNKNOWN",
                "The model in use knows none of these words. Try simpler ones, or search by words.",
                words=list(unknown),
            )
        return _Content(tuple(map(_sum, summed)), tuple(warnings))

    def _text_parts(self, texts: Texts, negative: Texts, unknown: dict[str, None]) -> list[tuple[Vector, float]]:
        """Vectors of the texts that the model knows, with signed weights; words it does not go into `unknown`."""
        if self.encoder is None:
            return []
        signed = [*texts, *((text, -weight) for text, weight in negative)]
        known = [(text, weight) for text, weight in signed if self._is_known(text, unknown)]
        if not known:
            return []
        rows = self.encoder.embed_texts([text for text, _ in known])
        return [(_unit(row), weight) for row, (_, weight) in zip(rows, known, strict=True)]

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


class _Fetch(Protocol):
    def __call__(self, *, limit: int, least: float | None = None) -> RankedList: ...


class _Rule(Protocol):
    """Where relevance ends in a list."""

    def least(self, best: float) -> float:
        """The score below which nothing is relevant."""

    def cut(self, scores: Sequence[float], whole: bool) -> Cut: ...


@dataclass(frozen=True)
class _Cosines:
    background: float | None

    def least(self, best: float) -> float:
        return least_of_meaning(best, self.background)

    def cut(self, scores: Sequence[float], whole: bool) -> Cut:
        return cut_of(scores, self.background, whole)


class _WordScores:
    least = staticmethod(least_of_words)
    cut = staticmethod(cut_of_words)


def _to_the_cut(fetches: Sequence[_Fetch], rule: _Rule | None, first: int, most: int, *, further: bool) -> _Found:
    """The best of several lists, so deep that by the rule it is sure where relevance ends, if `most` of each suffice.

    A list that has to go deeper than the `first` ends behind what may be relevant, or goes `further` to `most`.
    """
    lists = [fetch(limit=first) for fetch in fetches]
    ended = [len(each) < first for each in lists]
    found = _found(lists, ended, rule)
    if rule is None or found.cut is None or found.cut.sure or most <= first:
        return found
    best = found.ranked.scores[0]
    for at, fetch in enumerate(fetches):
        if ended[at] or lists[at].scores[-1] < rule.least(best):
            continue
        if further:
            lists[at] = fetch(limit=most)
            ended[at] = len(lists[at]) < most
        else:
            lists[at], ended[at] = _down_to(rule.least(best), best, fetch, most)
    return _found(lists, ended, rule)


def _down_to(least: float, best: float, fetch: _Fetch, most: int) -> tuple[RankedList, bool]:
    """A list down to `least` and the next one below, on which depends where relevance ends; and whether it is all."""
    found = fetch(limit=most, least=least - (best - least) / 4)  # the next one is seldom further away
    count = reaching(found.scores, least)
    if count < len(found) or count == most:
        return found.first(count + 1), False
    found = fetch(limit=count + 1)
    return found, len(found) <= count


def _found(lists: Sequence[RankedList], ended: Sequence[bool], rule: _Rule | None) -> _Found:
    ranked, whole = best_of(lists), all(ended)
    ends = [each[-1] for each, is_all in zip(lists, ended, strict=True) if not is_all]
    # Behind the end of one list it is not known what of it belongs between what another still has; but of what may be
    # relevant all is known where each goes on below, and so is the next one.
    known = len(ranked) if whole else _up_to(ranked, ends)
    if rule is None:
        return _Found(ranked.first(known), None, whole)
    if ranked and all(end.score < rule.least(ranked.scores[0]) for end in ends):
        known = max(known, reaching(ranked.scores, rule.least(ranked.scores[0])) + 1)
    ranked = ranked.first(known)
    return _Found(ranked, rule.cut(ranked.scores, whole), whole)


def _up_to(ranked: RankedList, ends: Sequence[Ranked]) -> int:
    """How many of the merged list stand no lower than the first of these ends."""
    return bisect_right(ranked, min(map(_place, ends)), key=_place)


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


def _sum(parts: Sequence[tuple[Vector, float]]) -> Vector:
    weights = np.array([weight for _, weight in parts], dtype=np.float32)
    total: Vector = weights @ np.stack([vector for vector, _ in parts])
    if float(np.linalg.norm(total)) < _LEAST_NORM:
        raise LoupeError("INVALID_REQUEST", "What is wanted and what is not cancel each other out.")
    return _unit(total)


def _images(request: SearchRequest) -> bool:
    return bool(request.image_vectors or request.negative_image_vectors)


def _place(hit: Ranked) -> tuple[float, str]:
    return -hit.score, hit.photo_id


def _wants(request: SearchRequest) -> bool:
    """Whether anything is asked for, not only against."""
    return bool(request.texts or request.or_texts or request.photo_ids or request.image_vectors)


def _undescribed(request: SearchRequest) -> Condition | None:
    """Not said to show what is not wanted; by meaning alone only the picture counts."""
    if request.mode == "meaning" or not request.negative_texts:
        return None
    return Not(Or(tuple(described(text) for text, _ in request.negative_texts)))


def _without(examples: Mapping[str, StoredPhoto]) -> Condition | None:
    """None of the examples, and nothing that stands in a stack with one."""
    if not examples:
        return None
    stacks = {photo.payload["stack_id"] for photo in examples.values() if "stack_id" in photo.payload}
    return Not(Or((Ids(tuple(examples)), AnyOf("stack_id", tuple(sorted(stacks))))))


def _check(request: SearchRequest) -> None:
    if not request.cut and request.sort != "relevance" and not request.browses:
        raise LoupeError("INVALID_REQUEST", "By date only what is relevant is found: leave the cut in.")
    if request.cursor is not None and request.offset:
        raise LoupeError("INVALID_REQUEST", "A cursor stands in the place of an offset.")
    if not 0 < request.limit <= MOST_PER_PAGE or request.offset < 0:
        raise LoupeError("INVALID_REQUEST", f"A page holds 1 to {MOST_PER_PAGE} photos, from position 0 on.")
    texts = [pair for group in (request.texts, *request.or_texts, request.negative_texts) for pair in group]
    weighted = (
        *texts,
        *request.photo_ids,
        *request.image_vectors,
        *request.negative_image_vectors,
        *request.negative_photo_ids,
    )
    if any(not (0 < weight < float("inf")) for _, weight in weighted):
        raise LoupeError("INVALID_REQUEST", "A weight must be a positive number; use the negatives to take away.")
    if request.mode == "words" and not (texts or request.browses):
        raise LoupeError("EMPTY_QUERY", "A search by words needs a text.")
    if any(not text.strip() for text, _ in texts):
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
