"""Paging: each photo once, though photos are being added; cursors that cannot be gone on with say so."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.errors import LoupeError
from resources.home import Home
from resources.search import PhotoSearch, SearchRequest
from resources.search.chosen import chosen_ids
from resources.search.cursors import KeptRankings, Ranking
from resources.vector_index import Ids, IndexModel, PhotoPoint, Ranked, SearchFilters, VectorIndex
from resources.vector_index.opening import IndexFolder

DIM = 16
MODEL = IndexModel("axes", "1", "1", DIM)
PHOTOS = 5000


class Axes:
    """The text "3" is the third axis."""

    name, revision, preprocess_version, dim = MODEL.name, MODEL.revision, MODEL.preprocess_version, MODEL.dim

    def embed_texts(self, texts: list[str], /) -> np.ndarray:
        return np.stack([np.eye(DIM, dtype=np.float32)[int(text)] for text in texts])

    def unknown_words(self, text: str, /) -> list[str]:
        return [] if text.isdigit() else text.split()


def pid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def made(numbers: range) -> list[PhotoPoint]:
    points = []
    for number in numbers:
        drawn = np.random.default_rng(number).standard_normal(DIM).astype(np.float32)
        payload: dict[str, Any] = {"added_at": float(number), "tags": ["even"] if number % 2 == 0 else []}
        if number % 7:
            payload["taken_at"] = float(number % 900)
        words = f"boat {'sea ' * (number % 5)}{number % 13}" if number % 4 == 0 else "hill"
        points.append(PhotoPoint(pid(number), drawn / np.linalg.norm(drawn), words, payload))
    return points


@pytest.fixture
def index(tmp_path: Path) -> Iterator[VectorIndex]:
    opened = IndexFolder(Home(tmp_path)).open(MODEL)
    yield opened
    opened.close()


def walk(search: PhotoSearch, request: SearchRequest, between: Callable[[int], None]) -> list[str]:
    found: list[str] = []
    cursor = None
    for page in range(1000):
        answer = search.search(SearchRequest(**{**request.__dict__, "cursor": cursor}))
        found += [hit.photo_id for hit in answer.hits]
        cursor = answer.cursor
        if cursor is None:
            return found
        between(page)
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize(
    "request_",
    [
        SearchRequest(sort="newest", limit=400),
        SearchRequest(sort="oldest", limit=400),
        SearchRequest(texts=(("3", 1.0),), mode="meaning", limit=400),
    ],
    ids=["newest", "oldest", "meaning"],
)
def test_paging_through_5000_gives_each_once_while_photos_are_added(
    index: VectorIndex, request_: SearchRequest
) -> None:
    index.upsert(made(range(PHOTOS)))
    search = PhotoSearch(index, Axes())
    whole = [hit.photo_id for offset in range(0, PHOTOS, 1000) for hit in search.search(
        SearchRequest(**{**request_.__dict__, "limit": 1000, "offset": offset})).hits]  # fmt: skip
    assert len(set(whole)) == PHOTOS

    def add(page: int) -> None:
        index.upsert(made(range(PHOTOS + 60 * page, PHOTOS + 60 * (page + 1))))

    found = walk(search, request_, add)
    assert len(found) == len(set(found)), "none twice"
    there_before = set(whole)
    assert [photo for photo in found if photo in there_before] == whole, "each once, in the order it had"


@pytest.mark.parametrize(
    "request_",
    [
        SearchRequest(texts=(("boat sea", 1.0),), mode="words", limit=90),
        SearchRequest(texts=(("3", 1.0),), limit=300),
        SearchRequest(texts=(("3", 1.0),), sort="newest", limit=20),
    ],
    ids=["words", "hybrid", "by date"],
)
def test_lists_that_depend_on_every_photo_are_kept(index: VectorIndex, request_: SearchRequest) -> None:
    index.upsert(made(range(2000)))
    kept = KeptRankings()
    first = PhotoSearch(index, Axes(), kept)
    whole = [hit.photo_id for hit in first.search(SearchRequest(**{**request_.__dict__, "limit": 1000})).hits]

    def add(page: int) -> None:
        index.upsert(made(range(2000 + 20 * page, 2000 + 20 * (page + 1))))

    found = walk(PhotoSearch(index, Axes(), kept), request_, add)
    assert found[: len(whole)] == whole
    assert len(found) == len(set(found)) > request_.limit


def test_what_is_relevant_is_counted_paged_and_chosen_to_the_last(index: VectorIndex) -> None:
    points = made(range(2600))
    axis = 10 * np.eye(DIM, dtype=np.float32)[3]
    near = [replace(point, vector=_unit(axis + point.vector)) for point in points[:1200] if point.vector is not None]
    index.upsert([*near, *points[1200:]])
    search = PhotoSearch(index, Axes())
    hills, shown = {pid(n) for n in range(2600) if n % 4}, {pid(n) for n in range(1200)}
    words = SearchRequest(texts=(("hill", 1.0),), mode="words", limit=500)
    meaning = SearchRequest(texts=(("3", 1.0),), mode="meaning", limit=500)
    page = search.search(words)
    assert (page.total, page.total_exact, page.relevant, page.relevant_exact) == (1000, False, 1000, False)
    page = search.search(meaning)
    assert (page.total, page.total_exact, page.relevant, page.relevant_exact) == (2600, True, 1000, False)
    for request, known in ((words, len(hills)), (meaning, len(shown))):  # the pages that go further tell
        far = search.search(replace(request, offset=1500))
        assert (far.relevant, far.relevant_exact) == (known, True)
    for request, relevant in ((words, hills), (meaning, shown)):
        assert set(walk(search, request, lambda page: None)[: len(relevant)]) == relevant
        assert set(chosen_ids(search, request)) == relevant
        dated = search.search(replace(request, sort="newest"))
        assert (dated.total, dated.relevant) == (len(relevant), len(relevant))


def _unit(vector: np.ndarray) -> np.ndarray:
    found: np.ndarray = vector / np.linalg.norm(vector)
    return found


def test_scores_of_a_later_page_are_those_of_the_list(index: VectorIndex) -> None:
    index.upsert(made(range(300)))
    search = PhotoSearch(index, Axes())
    whole = search.search(SearchRequest(texts=(("3", 1.0),), limit=60))
    first = search.search(SearchRequest(texts=(("3", 1.0),), limit=30))
    second = search.search(SearchRequest(texts=(("3", 1.0),), limit=30, cursor=first.cursor))
    assert [(h.photo_id, h.score, h.meaning, h.words) for h in second.hits] == [
        (h.photo_id, h.score, h.meaning, h.words) for h in whole.hits[30:]
    ]
    assert (second.total, second.relevant, second.mode) == (first.total, first.relevant, first.mode)


def refused(search: PhotoSearch, request: SearchRequest) -> str:
    with pytest.raises(LoupeError) as error:
        search.search(request)
    return error.value.code


def test_cursors_of_another_index_list_or_search_are_refused(index: VectorIndex) -> None:
    index.upsert(made(range(200)))
    search = PhotoSearch(index, Axes())
    browsed = search.search(SearchRequest(limit=5)).cursor
    assert browsed is not None
    assert refused(search, SearchRequest(limit=5, cursor=browsed, offset=5)) == "INVALID_REQUEST"
    assert refused(search, SearchRequest(sort="oldest", cursor=browsed)) == "INVALID_REQUEST"
    assert refused(search, SearchRequest(filters=SearchFilters(tags=["even"]), cursor=browsed)) == "INVALID_REQUEST"
    content = json.loads(base64.urlsafe_b64decode(browsed + "=" * (-len(browsed) % 4)))
    content[0] = "another-generation"
    assert refused(search, SearchRequest(cursor=encoded(json.dumps(content)))) == "CURSOR_EXPIRED"
    words = SearchRequest(texts=(("boat", 1.0),), mode="words", limit=5)
    cursor = search.search(words).cursor
    restarted = PhotoSearch(index, Axes())
    assert refused(restarted, SearchRequest(**{**words.__dict__, "cursor": cursor})) == "CURSOR_EXPIRED"
    content[0], content[2] = index.generation, 10
    assert refused(search, SearchRequest(cursor=encoded(json.dumps(content)))) == "CURSOR_EXPIRED"  # of other lists
    forged = [
        '["a","b",1,2,NaN,"c","",""]',
        f'["a","b",1,2,{"9" * 400},"{pid(1)}","",""]',
        '["a","b",1,2,0.5,7,"",""]',
        '["a","b",1,2,0.5,[],"",""]',
        "7",
        '{"a": 1}',
    ]
    for wrong in ("", "x", "!!", "W10", *map(encoded, forged)):
        assert refused(search, SearchRequest(cursor=wrong)) == "INVALID_REQUEST"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_paging_by_meaning_gives_each_of_many_that_are_equal_once(index: VectorIndex) -> None:
    points = made(range(3000))
    index.upsert(replace(point, vector=points[0].vector) if n < 1400 else point for n, point in enumerate(points))
    found = walk(PhotoSearch(index, Axes()), SearchRequest(texts=(("3", 1.0),), mode="meaning", limit=113), print)
    assert len(found) == len(set(found)) == 3000


def test_long_lists_end_where_they_say_and_what_is_newest_is_the_newest_of_all(index: VectorIndex) -> None:
    index.upsert(made(range(2600)))
    hills = [pid(n) for n in range(2600) if n % 4]
    words = SearchRequest(texts=(("hill", 1.0),), mode="words", limit=1000)
    search = PhotoSearch(index, Axes())
    found = walk(search, words, print)
    assert len(found) == len(hills)
    assert set(found) == set(hills)
    far = search.search(replace(words, offset=1500, limit=20))
    assert [hit.photo_id for hit in far.hits] == found[1500:1520]
    both = SearchRequest(texts=(("3", 1.0), ("hill", 1.0)), limit=200)
    found = walk(search, both, print)
    assert len(found) == len(set(found))
    assert set(chosen_ids(search, both)) <= set(found)
    by_offset = [hit.photo_id for at in range(0, 2000, 200) for hit in search.search(replace(both, offset=at)).hits]
    assert by_offset == found[: len(by_offset)]
    dated = search.search(replace(words, sort="newest"))
    assert (dated.total, dated.relevant_exact, dated.relevant) == (len(hills), True, len(hills))
    assert [hit.photo_id for hit in dated.hits] == index.browse(1000, 0, Ids(tuple(hills)))
    assert set(chosen_ids(search, words)) == set(hills)


def test_a_list_that_ends_among_what_is_less_alike_has_all_that_is_relevant(index: VectorIndex) -> None:
    long = "hill " + " ".join(f"word{'x' * n}" for n in range(80))
    index.upsert(replace(point, words="hill" if n < 1200 else long) for n, point in enumerate(made(range(4400))))
    search = PhotoSearch(index, Axes())
    words = SearchRequest(texts=(("hill", 1.0),), mode="words", limit=10)
    page = search.search(replace(words, offset=1000))
    assert (page.relevant, page.relevant_exact, page.total, page.total_exact) == (1200, True, 4001, False)


def test_without_a_cut_photos_come_in_their_plain_order(index: VectorIndex) -> None:
    index.upsert(made(range(1500)))
    search = PhotoSearch(index, Axes())
    meaning = SearchRequest(texts=(("3", 1.0),), mode="meaning", limit=70)
    with_cut, without = search.search(meaning), search.search(replace(meaning, cut=False))
    assert with_cut.relevant is not None
    assert without.relevant is None
    assert [hit.photo_id for hit in without.hits] == [hit.photo_id for hit in with_cut.hits]
    assert (without.total, without.total_exact) == (with_cut.total, True)
    assert len(set(walk(search, replace(meaning, cut=False), print))) == 1500
    both = search.search(SearchRequest(texts=(("3", 1.0),), limit=900, cut=False))
    assert (both.relevant, len(both.hits)) == (None, 900)
    scores = [hit.score for hit in both.hits]
    assert scores == sorted(scores, reverse=True)
    far = SearchRequest(texts=(("3", 1.0),), limit=100, offset=1100, cut=False)
    assert len(search.search(far).hits) == 100
    assert set(chosen_ids(search, replace(meaning, cut=False))) == set(chosen_ids(search, meaning))
    assert refused(search, replace(meaning, cut=False, sort="newest")) == "INVALID_REQUEST"
    assert len(search.search(SearchRequest(cut=False, sort="newest")).hits) == 60


def test_as_many_are_chosen_as_are_said_to_be_relevant(index: VectorIndex) -> None:
    """The largest step down is the last one, behind more photos than are looked at at first."""
    points = made(range(2600))
    axis = np.eye(DIM, dtype=np.float32)[3]
    asked_for = [
        replace(point, vector=_unit(axis * (3.0 if n < 1100 else 1.35 if n < 1300 else 0.0) + 0.9 * other))
        for n, point in enumerate(points)
        if point.vector is not None
        for other in [_unit(point.vector * (np.arange(DIM) != 3))]
    ]
    index.upsert(asked_for)
    search = PhotoSearch(index, Axes())
    meaning = SearchRequest(texts=(("3", 1.0),), mode="meaning", limit=10)
    first, further = search.search(meaning), search.search(replace(meaning, offset=1290))
    assert not first.relevant_exact
    assert further.relevant_exact
    assert first.relevant is not None
    assert further.relevant is not None
    assert first.relevant <= further.relevant
    chosen = len(chosen_ids(search, meaning))
    assert chosen == further.relevant == search.search(replace(meaning, sort="newest")).relevant


def test_the_oldest_lists_are_given_up_first() -> None:
    kept = KeptRankings(most=2)
    counts = {"total": 1, "exact": True, "relevant": 1, "shortened": False}
    ranking = Ranking.of([pid(1)], {pid(1): 0.5}, {pid(1): 0.25}, {}, mode="hybrid", warnings=(), **counts)
    names = [kept.keep(ranking) for _ in range(2)]
    kept.get(names[0])
    kept.keep(ranking)
    assert kept.get(names[0]).part(0, 5) == [Ranked(pid(1), 0.5)]
    with pytest.raises(LoupeError) as error:
        kept.get(names[1])
    assert error.value.code == "CURSOR_EXPIRED"
    small = KeptRankings(most_places=2)
    names = [small.keep(ranking) for _ in range(3)]
    assert len(small.get(names[1])) == len(small.get(names[2])) == 1
    with pytest.raises(LoupeError):
        small.get(names[0])
