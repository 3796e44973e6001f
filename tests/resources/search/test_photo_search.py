"""What a search request means, over the real engine and a small encoder whose geometry is known."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import LoupeError
from resources.home import Home
from resources.search import PhotoSearch, SearchRequest
from resources.search.fusion import CANDIDATES, cut_of, cut_of_words, fuse
from resources.vector_index import AnyOf, IndexModel, PhotoPoint, RankedList, SearchFilters, VectorIndex
from resources.vector_index.opening import IndexFolder

CONCEPTS = ["dog", "cat", "car", "beach", "snow", "red", "blue", "night"]
MODEL = IndexModel("concepts", "1", "1", len(CONCEPTS))


class ConceptEncoder:
    """One axis a concept: a text is the sum of the concepts it names. Knows no other word, and says so."""

    name, revision, preprocess_version, dim = MODEL.name, MODEL.revision, MODEL.preprocess_version, MODEL.dim

    def embed_texts(self, texts: list[str], /) -> np.ndarray:
        return np.stack([concept_vector(text) for text in texts])

    def unknown_words(self, text: str, /) -> list[str]:
        return [word for word in re.findall(r"\w+", text.lower()) if word not in CONCEPTS]


def concept_vector(text: str) -> np.ndarray:
    words = re.findall(r"\w+", text.lower())
    sums = np.array([float(words.count(concept)) for concept in CONCEPTS], np.float32)
    return sums / np.linalg.norm(sums)


def pid(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


# Number, what the picture shows, what its caption and names say.
PHOTOS = [
    (0, "dog beach", "a dog on the beach"),
    (1, "dog snow", "IMG_0421.jpg"),
    (2, "cat red", "a red cat"),
    (3, "car red", "a red car at the seaside"),
    (4, "car blue night", "a car"),
    (5, "cat snow", "Rex the dog's friend"),
    (6, "beach", "holiday in Ulaanbaatar"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    made = IndexFolder(Home(tmp_path_factory.mktemp("home"))).open(MODEL)
    made.upsert(
        PhotoPoint(pid(n), concept_vector(shows), words, {"taken_at": float(n), "shows": shows, "tags": shows.split()})
        for n, shows, words in PHOTOS
    )
    made.upsert([PhotoPoint(pid(7), None, "a dog, not looked at yet", {"taken_at": 7.0})])
    yield made
    made.close()


@pytest.fixture
def search(index: VectorIndex) -> PhotoSearch:
    return PhotoSearch(index, ConceptEncoder())


def asks(*texts: str, **more: Any) -> SearchRequest:
    return SearchRequest(texts=tuple((text, 1.0) for text in texts), **more)


def numbers(page: Any) -> list[int]:
    return [uuid.UUID(hit.photo_id).int - 1 for hit in page.hits]


def code(request: SearchRequest, search: PhotoSearch) -> str:
    with pytest.raises(LoupeError) as refused:
        search.search(request)
    return refused.value.code


# Meaning


def test_meaning_ranks_by_cosine_and_carries_the_payload(search: PhotoSearch) -> None:
    page = search.search(asks("dog beach", mode="meaning"))
    assert numbers(page)[:3] == [0, 6, 1] or numbers(page)[:3] == [0, 1, 6]
    assert page.hits[0].score == pytest.approx(1.0, abs=1e-6)
    assert page.hits[0].meaning == page.hits[0].score
    assert page.hits[0].payload["shows"] == "dog beach"
    assert (page.mode, page.total, page.total_exact) == ("meaning", 7, True)  # the one without a vector has no score
    assert (page.photos, page.searchable, page.warnings) == (8, 7, ())


def test_texts_are_added_by_weight_and_negatives_taken_away(search: PhotoSearch) -> None:
    even = search.search(asks("dog", "snow", mode="meaning"))
    assert numbers(even)[0] == 1
    mostly = SearchRequest(texts=(("cat", 0.3), ("red", 1.0)), mode="meaning")
    assert numbers(search.search(mostly))[:2] == [2, 3]
    without = SearchRequest(texts=(("red", 1.0),), negative_texts=(("cat", 1.0),), mode="meaning")
    page = search.search(without)
    assert numbers(page)[0] == 3
    assert numbers(page)[-1] == 5 or numbers(page)[-1] == 2
    expected = (concept_vector("red") - concept_vector("cat")) / np.sqrt(2)
    assert page.hits[0].score == pytest.approx(float(expected @ concept_vector("car red")), abs=1e-6)


def test_what_cancels_out_is_refused(search: PhotoSearch) -> None:
    request = SearchRequest(texts=(("red", 1.0),), negative_texts=(("red", 1.0),), mode="meaning")
    assert code(request, search) == "INVALID_REQUEST"


def test_similar_photos_leave_out_the_photo_itself(search: PhotoSearch) -> None:
    page = search.similar(pid(0), limit=2)
    assert 0 not in numbers(page)
    assert page.hits[0].score == pytest.approx(float(concept_vector("dog beach") @ concept_vector("beach")), abs=1e-6)
    assert page.total == 6
    narrowed = search.similar(pid(0), filters=SearchFilters(tags=["snow"]))
    assert set(numbers(narrowed)) == {1, 5}


def test_an_uploaded_image_a_photo_and_a_text_make_one_query(search: PhotoSearch) -> None:
    request = SearchRequest(
        texts=(("blue", 1.0),), image_vectors=((concept_vector("car") * 3, 1.0),), photo_ids=((pid(6), 0.1),)
    )
    page = search.search(request)
    assert numbers(page)[0] == 4
    assert 6 not in numbers(page)


@pytest.mark.parametrize("wrong", [np.ones(5, np.float32), np.full(8, np.nan, np.float32), np.zeros(8, np.float32)])
def test_an_image_vector_of_another_form_is_refused(search: PhotoSearch, wrong: np.ndarray) -> None:
    assert code(SearchRequest(image_vectors=((wrong, 1.0),)), search) == "INVALID_REQUEST"


def test_example_photos_must_exist_and_be_embedded(search: PhotoSearch) -> None:
    assert code(SearchRequest(photo_ids=((pid(99), 1.0),)), search) == "PHOTO_NOT_FOUND"
    assert code(SearchRequest(photo_ids=((pid(7), 1.0),)), search) == "PHOTO_NOT_EMBEDDED"
    page = search.search(SearchRequest(photo_ids=((pid(7), 1.0), (pid(2), 1.0))))
    assert [warning.code for warning in page.warnings] == ["PHOTO_NOT_EMBEDDED"]
    assert page.hits


# Words and both


def test_words_find_captions_names_and_photos_not_embedded_yet(search: PhotoSearch) -> None:
    page = search.search(asks("dogs", mode="words"))
    assert set(numbers(page)) == {0, 5, 7}
    assert (page.mode, page.total, page.hits[0].meaning) == ("words", 3, None)
    assert page.hits[0].words == page.hits[0].score > 0
    assert numbers(search.search(asks("img_0421", mode="words"))) == [1]
    assert numbers(search.search(asks("zebra", mode="words"))) == []


def test_hybrid_fuses_both_lists_exactly(search: PhotoSearch) -> None:
    request = asks("dog", mode="hybrid")
    meaning = numbers(search.search(asks("dog", mode="meaning")))
    words = numbers(search.search(asks("dog", mode="words")))
    expected = dict.fromkeys({*meaning, *words}, 0.0)
    for ranked in (meaning, words):
        for rank, n in enumerate(ranked, start=1):
            expected[n] += 1 / (60 + rank)
    page = search.search(request)
    assert numbers(page) == sorted(expected, key=lambda n: (-expected[n], pid(n)))
    assert [hit.score for hit in page.hits] == pytest.approx([expected[n] for n in numbers(page)])
    assert page.mode == "hybrid"
    both = next(hit for hit in page.hits if hit.photo_id == pid(0))
    assert both.meaning is not None
    assert both.words is not None


def test_words_that_the_model_does_not_know_are_named(search: PhotoSearch) -> None:
    page = search.search(asks("dog Ulaanbaatar", mode="meaning"))
    assert [(warning.code, warning.words) for warning in page.warnings] == [("QUERY_WORDS_UNKNOWN", ("ulaanbaatar",))]
    assert numbers(page)[0] in (0, 1)
    page = search.search(asks("Ulaanbaatar"))  # hybrid: names may still know it
    assert numbers(page) == [6]
    assert (page.mode, page.warnings[0].code) == ("words", "QUERY_WORDS_UNKNOWN")
    assert code(asks("Ulaanbaatar", mode="meaning"), search) == "QUERY_WORDS_UNKNOWN"


def test_without_a_model_hybrid_is_words_and_meaning_is_off(index: VectorIndex) -> None:
    search = PhotoSearch(index, None)
    page = search.search(asks("dog"))
    assert set(numbers(page)) == {0, 5, 7}
    assert (page.mode, [warning.code for warning in page.warnings]) == ("words", ["SEARCH_BY_CONTENT_OFF"])
    assert code(asks("dog", mode="meaning"), search) == "SEARCH_BY_CONTENT_OFF"
    assert numbers(search.similar(pid(0)))  # the vectors are there; only texts need the encoder
    assert search.search(asks("dog", mode="words")).warnings == ()


def test_an_encoder_of_another_model_is_not_compared_with_these_vectors(index: VectorIndex) -> None:
    class Other(ConceptEncoder):
        revision = "2"

    assert PhotoSearch(index, Other()).search(asks("dog")).mode == "words"


def test_an_index_without_vectors_answers_words_only(tmp_path: Path) -> None:
    index = IndexFolder(Home(tmp_path)).open(None)
    index.upsert([PhotoPoint(pid(1), None, "a dog", {})])
    search = PhotoSearch(index, ConceptEncoder())
    assert numbers(search.search(asks("dog"))) == [1]
    assert code(SearchRequest(photo_ids=((pid(1), 1.0),)), search) == "SEARCH_BY_CONTENT_OFF"
    index.close()


# Browsing, sorting, paging


def test_no_query_browses_newest_first_under_the_filter(search: PhotoSearch) -> None:
    page = search.search(SearchRequest())
    assert numbers(page) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert (page.mode, page.total, page.relevant) == ("browse", 8, None)
    page = search.search(
        SearchRequest(sort="oldest", limit=2, offset=1, filters=SearchFilters(tags_any=["dog", "cat"]))
    )
    assert numbers(page) == [1, 2]
    assert page.total == 4


def test_filters_narrow_every_mode(search: PhotoSearch) -> None:
    filters = SearchFilters(where=AnyOf("tags", ("beach",)))
    for mode in ("hybrid", "meaning", "words"):
        assert set(numbers(search.search(asks("dog holiday", mode=mode, filters=filters)))) <= {0, 6}


@pytest.fixture
def stacked(tmp_path: Path) -> Iterator[PhotoSearch]:
    """A stack of three dogs (0 its cover, 1, 2), a dog (3) and a cat (4)."""
    index = IndexFolder(Home(tmp_path)).open(MODEL)
    shows = ["dog beach", "dog beach", "dog", "dog snow", "cat"]
    for n, text in enumerate(shows):
        stack = {"stack_id": "s", "stack_size": 3, "stack_member": n > 0} if n < 3 else {}
        index.upsert([PhotoPoint(pid(n), concept_vector(text), text, {"taken_at": float(n)} | stack)])
    yield PhotoSearch(index, ConceptEncoder())
    index.close()


def test_a_stack_is_found_by_its_cover(stacked: PhotoSearch) -> None:
    for mode in ("hybrid", "meaning", "words"):
        page = stacked.search(asks("dog", mode=mode, filters=SearchFilters()))
        assert {0, 3} <= set(numbers(page)) <= {0, 3, 4}
        every = stacked.search(asks("dog", mode=mode, filters=SearchFilters(stacks="all")))
        assert {0, 1, 2, 3} <= set(numbers(every))
        assert every.total == page.total + 2
    browsed = stacked.search(SearchRequest())
    assert (numbers(browsed), browsed.total) == ([4, 3, 0], 3)
    assert stacked.search(SearchRequest(filters=SearchFilters(stacks="all"))).total == 5
    assert numbers(stacked.search(SearchRequest(filters=SearchFilters(in_stack=True)))) == [0]


@pytest.mark.parametrize("example", [0, 2])
@pytest.mark.parametrize("stacks", ["covers", "all"])
def test_more_like_a_photo_leaves_its_own_stack_out(stacked: PhotoSearch, example: int, stacks: str) -> None:
    page = stacked.similar(pid(example), filters=SearchFilters(stacks=stacks))  # type: ignore[arg-type]
    assert numbers(page) == [3, 4]
    assert page.total == 2


def test_pages_join_without_gaps(search: PhotoSearch) -> None:
    for mode in ("hybrid", "meaning", "words"):
        whole = numbers(search.search(asks("dog snow car", mode=mode)))
        parts = [numbers(search.search(asks("dog snow car", mode=mode, limit=2, offset=n))) for n in range(0, 10, 2)]
        assert [n for part in parts for n in part] == whole


def test_sorted_by_date_only_what_is_relevant_is_kept(tmp_path: Path) -> None:
    index = IndexFolder(Home(tmp_path)).open(MODEL)
    rng = np.random.default_rng(3)
    for n in range(60):  # every tenth shows a dog, the rest something else with a little of everything
        towards = "dog" if n % 10 == 0 else str(rng.choice(["cat", "car", "snow", "night"]))
        drawn = concept_vector(towards) + 0.08 * rng.standard_normal(MODEL.dim).astype(np.float32)
        index.upsert([PhotoPoint(pid(n), drawn / np.linalg.norm(drawn), "", {"taken_at": float(n)})])
    search = PhotoSearch(index, ConceptEncoder())
    page = search.search(asks("dog", mode="meaning", sort="newest"))
    assert numbers(page) == [50, 40, 30, 20, 10, 0]
    assert (page.total, page.relevant) == (6, 6)
    assert page.hits[0].score > 0.7
    assert numbers(search.search(asks("dog", sort="oldest", limit=2, offset=2))) == [20, 30]
    index.close()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (SearchRequest(limit=0), "INVALID_REQUEST"),
        (SearchRequest(limit=100_000), "INVALID_REQUEST"),
        (SearchRequest(offset=-1), "INVALID_REQUEST"),
        (SearchRequest(texts=(("  ", 1.0),)), "EMPTY_QUERY"),
        (SearchRequest(texts=(("dog", -1.0),)), "INVALID_REQUEST"),
        (SearchRequest(texts=(("dog", float("nan")),)), "INVALID_REQUEST"),
        (SearchRequest(photo_ids=((pid(0), 1.0),), mode="words"), "EMPTY_QUERY"),
    ],
)
def test_requests_that_make_no_sense_are_refused(search: PhotoSearch, request_: SearchRequest, expected: str) -> None:
    assert code(request_, search) == expected


# Fusion and the cut


def test_fusion_breaks_ties_by_id() -> None:
    one, other = RankedList([9.0], "b".__getitem__), RankedList([1.0], "a".__getitem__)
    assert [hit.photo_id for hit in fuse((one, 1), (other, 1))[0]] == ["a", "b"]
    both = RankedList([9.0, 8.0], "ba".__getitem__)
    assert fuse((both, 2), (other, 1))[0][0].photo_id == "a"
    assert [[hit.photo_id for hit in part] for part in fuse((both, 1), (other, 0))] == [["b"], ["a"]]
    assert fuse((RankedList([], str), 0), (RankedList([], str), 0)) == ([], [])


def test_the_order_of_fused_lists_does_not_depend_on_how_deep_they_are() -> None:
    rng = np.random.default_rng(5)
    orders = [[f"{n:04}" for n in rng.permutation(5000)] for _ in range(2)]

    def fused(depth: int, relevant: int) -> list[str]:
        scores = [1.0 - n / 9000 for n in range(depth)]
        lists = [RankedList(scores, order.__getitem__) for order in orders]
        found, others = fuse((lists[0], 40), (lists[1], relevant))
        assert {hit.photo_id for hit in found} == set(orders[0][:40]) | set(orders[1][:relevant])
        assert {hit.photo_id for hit in (*found, *others)} == set(orders[0][:depth]) | set(orders[1][:depth])
        return [hit.photo_id for hit in found]

    short, long = fused(CANDIDATES + 1, CANDIDATES), fused(4 * CANDIDATES + 1, 4 * CANDIDATES)
    assert long[: len(short)] == short


def test_the_cut_lies_between_the_best_and_the_background() -> None:
    scores = [0.32, 0.31, 0.30, *[0.24 - 0.001 * n for n in range(40)]]
    assert cut_of(scores, 0.1) == (3, True)
    assert cut_of(scores[:5], None) == (5, True)  # too few to know a background
    assert cut_of_words([8.0, 4.0, 3.9], whole=False) == (2, True)
    assert cut_of_words([8.0, 4.0], whole=False) == (1, False)
    assert cut_of_words([8.0, 4.0], whole=True) == (2, True)


@given(
    parts=st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 3000)), min_size=1, max_size=4),
    seen=st.integers(1, 6000),
    seed=st.integers(0, 99),
)
@settings(max_examples=200, deadline=None)
def test_a_cut_that_is_sure_is_that_of_the_whole_list(parts: list[tuple[float, int]], seen: int, seed: int) -> None:
    """Groups of cosines around some heights, as of a library with so many photos of each kind."""
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([height + 0.05 * rng.standard_normal(size) for height, size in parts])
    scores = np.sort(drawn)[::-1].tolist()
    whole, part = cut_of(scores, 0.0), cut_of(scores[:seen], 0.0, whole=seen >= len(scores))
    assert whole.sure
    if part.sure:
        assert part.relevant == whole.relevant
    else:
        assert part.relevant <= whole.relevant


@pytest.mark.parametrize(
    ("scores", "background", "cut"),
    [
        ([], 0.1, 0),
        ([0.3], 0.1, 1),
        ([0.3, 0.29], 0.1, 2),
        ([0.3, 0.29], 0.4, 1),  # nothing stands out
        ([0.30, 0.20, 0.19, 0.18], 0.1, 1),  # the best alone
        ([0.30, 0.29, 0.25, 0.24, 0.23, 0.15], 0.1, 5),  # what follows is far below
        ([0.30, 0.29, 0.285, 0.26, 0.255], 0.1, 5),  # or there is nothing else
        ([1.0, 1.0, 1.0, 0.1], 0.0, 3),
    ],
)
def test_relevance_ends_at_the_largest_step_down(scores: list[float], background: float, cut: int) -> None:
    assert cut_of(scores, background) == (cut, True)


def test_alternatives_count_by_the_one_that_fits(search: PhotoSearch) -> None:
    either = SearchRequest(texts=(("dog snow", 1.0),), or_texts=((("car blue", 1.0),),), mode="meaning")
    page = search.search(either)
    assert set(numbers(page)[:2]) == {1, 4}
    cosines = {n: max(float(shown @ concept_vector(text)) for text in ("dog snow", "car blue"))
               for n, shown in ((n, concept_vector(shows)) for n, shows, _ in PHOTOS)}  # fmt: skip
    assert [hit.score for hit in page.hits] == pytest.approx(sorted(cosines.values(), reverse=True), abs=1e-6)
    words = SearchRequest(texts=(("cat", 1.0),), or_texts=((("Ulaanbaatar", 1.0),),), mode="words")
    assert set(numbers(search.search(words))) == {2, 6}


@pytest.fixture
def described(tmp_path: Path) -> Iterator[PhotoSearch]:
    """A beach with people in its caption, one with a tag, one with neither; and named files."""
    index = IndexFolder(Home(tmp_path)).open(MODEL)
    said = [
        {"caption": "People on a beach", "file_name": "IMG1.jpg"},
        {"caption": "a beach", "tags": ["Peoples"], "file_name": "IMG2.jpg"},
        {"caption": "a beach", "file_name": "people.jpg"},
        {"caption": "a night", "file_name": "IMG1.dng"},
    ]
    for n, payload in enumerate(said):
        shows = concept_vector("night" if n == 3 else "beach")
        index.upsert([PhotoPoint(pid(n), shows, f"{payload['caption']} {payload['file_name']}", payload)])
    yield PhotoSearch(index, ConceptEncoder())
    index.close()


def test_words_that_are_not_wanted_leave_out_what_is_described_by_them(described: PhotoSearch) -> None:
    against = (("people", 1.0),)
    for mode in ("hybrid", "words"):
        assert set(numbers(described.search(asks("beach", mode=mode, negative_texts=against)))) <= {2, 3}
    assert set(numbers(described.search(asks("beach", mode="meaning", negative_texts=against)))) == {0, 1, 2, 3}
    alone = described.search(SearchRequest(negative_texts=against))
    assert (set(numbers(alone)), alone.mode) == ({2, 3}, "browse")  # the model does not know the word


def test_a_file_name_comes_first(described: PhotoSearch) -> None:
    page = described.search(asks("img1.DNG"))
    assert numbers(page)[0] == 3
    assert (page.hits[0].score, page.relevant is not None and page.relevant >= 1) == (1.0, True)
    assert set(numbers(described.search(asks("img1")))[:2]) == {0, 3}
    assert described.search(asks("beach people")).hits[0].score < 1.0  # an ordinary word is no file name


def test_what_is_found_can_be_asked_as_a_condition(search: PhotoSearch) -> None:
    def found(request: SearchRequest) -> set[int]:
        return {uuid.UUID(photo).int - 1 for photo in search.index.browse(50, 0, search.found(request))}

    assert found(SearchRequest(filters=SearchFilters(tags=["snow"]))) == {1, 5}
    assert found(asks("img_0421", mode="words")) == {1}
    assert found(asks("red", filters=SearchFilters(tags=["cat"]), mode="meaning")) == {2, 5}
