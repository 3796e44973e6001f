"""What every home of the index does alike: the same cases over the embedded engine and the server's client."""

from __future__ import annotations

import fnmatch
import math
import re
import unicodedata
import uuid
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from index_library import MODEL, OpenHome, photo_id, vector

from resources.errors import LoupeError
from resources.vector_index import (
    And,
    AnyOf,
    Condition,
    Exists,
    Flag,
    HasVector,
    Ids,
    InBox,
    IndexModel,
    Like,
    Named,
    Near,
    Not,
    Offline,
    Or,
    PhotoPoint,
    Range,
    SearchFilters,
    VectorIndex,
    qdrant_index,
)
from resources.vector_index.conditions import FLAGS, wall_clock_s
from resources.vector_index.qdrant_index import QdrantIndex
from resources.vector_index.words import query


def point(number: int, words: str = "", embedded: bool = True, **payload: Any) -> PhotoPoint:
    held = {"file_name": f"IMG_{number}.jpg", "added_at": float(number), **payload}
    return PhotoPoint(photo_id(number), vector(number) if embedded else None, words, held)


# Changes


def test_upserting_twice_is_like_once(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    for _ in range(2):
        assert index.upsert([point(n, "a dog", tags=["x"]) for n in range(7)]) == 7
    assert index.count() == 7
    assert index.embedded_count() == 7
    assert index.get([photo_id(3)])[photo_id(3)].payload["tags"] == ["x"]


def test_a_replaced_point_keeps_nothing_of_the_old_one(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(1, "a dog", tags=["x"], rating=5)])
    index.upsert([point(1, "a cat", embedded=False)])
    held = index.get([photo_id(1)], vectors=True)[photo_id(1)]
    assert "tags" not in held.payload
    assert held.payload["embedded"] is False
    assert held.vector is None
    assert index.embedded_count() == 0
    assert not index.nearest(vector(1), 5)
    assert not index.matching(query([("dog", 1.0)]), 5)
    assert [hit.photo_id for hit in index.matching(query([("cat", 1.0)]), 5)] == [photo_id(1)]


def test_deleted_points_are_gone_and_unknown_ids_are_fine(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n) for n in range(5)])
    index.delete([photo_id(1), photo_id(99)])
    index.delete([])
    assert index.count() == 4
    assert photo_id(1) not in index.get([photo_id(0), photo_id(1)])
    assert photo_id(1) not in [hit.photo_id for hit in index.nearest(vector(1), 10)]


def test_payload_and_vector_come_back_as_they_went_in(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    payload = {
        "tags": ["été", "海"],
        "taken_at": 1714564800.25,
        "iso": 400,
        "f_number": 2.8,
        "title": 'Ein "Titel"\n',
        "location": {"lat": -33.5, "lon": 151.25},
        "has_gps": True,
        "lens": None,
        "keywords": [],
    }
    index.upsert([replace(point(1), payload=payload | {"added_at": 5.0})])
    held = index.get([photo_id(1)], vectors=True)[photo_id(1)]
    expected = {key: value for key, value in payload.items() if value not in (None, [])}
    assert held.payload == expected | {"photo_id": photo_id(1), "embedded": True, "added_at": 5.0, "offline": False}
    assert held.vector is not None
    assert held.vector.dtype == np.float32
    np.testing.assert_allclose(held.vector, vector(1), atol=1e-6)


def test_applied_seq_is_remembered(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    assert index.applied_seq is None
    index.set_applied_seq(41, "mark")
    assert (index.applied_seq, index.applied_mark) == (41, "mark")
    index.set_applied_seq(None)
    assert index.applied_seq is None
    index.make_current()
    index.make_current()


# Without a model, or without a vector yet


def test_an_index_without_a_model_browses_and_finds_words(home_of_index: OpenHome) -> None:
    index = home_of_index(None)
    index.upsert([point(n, "a dog" if n == 2 else "a cat", embedded=False, taken_at=float(n)) for n in range(4)])
    assert index.embedded_count() == 0
    assert index.count(HasVector()) == 0
    assert index.count(Not(HasVector())) == 4
    assert not index.nearest(vector(1), 5)
    assert [hit.photo_id for hit in index.matching(query([("dogs", 1.0)]), 5)] == [photo_id(2)]
    assert index.browse(2) == [photo_id(3), photo_id(2)]


def test_points_without_a_vector_are_browsed_and_found_by_words_beside_embedded_ones(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n, "waterfall", embedded=n % 2 == 0, taken_at=float(n)) for n in range(6)])
    assert len(index.matching(query([("waterfall", 1.0)]), 10)) == 6
    assert len(index.nearest(vector(0), 10)) == 3
    assert len(index.browse(10)) == 6
    assert index.count(HasVector()) == index.count(Flag("embedded")) == index.embedded_count() == 3


def test_an_empty_index_answers(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    assert index.browse(5) == []
    assert not index.nearest(vector(0), 5)
    assert not index.matching(query([("dog", 1.0)]), 5)
    assert index.ids(None, 5) == []
    assert index.get([photo_id(0)]) == {}
    assert index.count() == index.embedded_count() == 0
    assert index.stats().points == 0


# Order


def test_browsing_is_newest_first_with_undated_photos_last(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    dated = {n: float(n // 3) for n in range(20)}  # runs of three share a moment
    index.upsert([point(n, taken_at=dated[n]) for n in dated])
    index.upsert([point(n, added_at=float(-(n // 2))) for n in range(20, 27)])
    undated = sorted(range(20, 27), key=lambda n: (n // 2, photo_id(n)))
    newest = sorted(dated, key=lambda n: (-dated[n], photo_id(n))) + undated
    oldest = sorted(dated, key=lambda n: (dated[n], photo_id(n))) + undated
    assert index.browse(100) == [photo_id(n) for n in newest]
    assert index.browse(100, newest_first=False) == [photo_id(n) for n in oldest]
    for size in (1, 2, 4, 7, 26):
        pages = [index.browse(size, offset) for offset in range(0, 28, size)]
        assert [found for page in pages for found in page] == [photo_id(n) for n in newest]


def test_equal_scores_are_ordered_by_id(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    same = vector(0)
    index.upsert([replace(point(n, "a dog"), vector=same) for n in range(50)])
    first = sorted(photo_id(n) for n in range(50))[:8]
    assert [hit.photo_id for hit in index.nearest(same, 8)] == first
    assert [hit.photo_id for hit in index.matching(query([("dog", 1.0)]), 8)] == first


def test_ids_walk_the_whole_index_in_order(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n) for n in range(23)])
    found: list[str] = []
    while page := index.ids(found[-1] if found else None, 5):
        found += page
    assert found == sorted(photo_id(n) for n in range(23))


# Words


def test_a_rare_word_counts_more_than_a_common_one(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    texts = ["dog grass", "dog sand", "dog snow", "dog leaves", "dog street", "lighthouse grass"]
    index.upsert([point(n, text) for n, text in enumerate(texts)])
    hits = index.matching(query([("dog lighthouse", 1.0)]), 10)
    assert hits[0].photo_id == photo_id(5)
    assert hits[0].score > 2 * hits[1].score


def test_words_are_found_in_other_forms_and_file_names_in_parts(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(1, "Two dogs running at the Café\nIMG_0421.JPG"), point(2, "東京の夜 DSC01234.NEF")])
    for text, expected in [
        ("dog", 1),
        ("RUNS", 1),
        ("cafe", 1),
        ("img_0421", 1),
        ("0421", 1),
        ("东京", None),
        ("東京", 2),
        ("dsc01234", 2),
        ("the", 1),  # a stop word is looked for when there is nothing else
        ("zebra", None),
        ("!?", None),
    ]:
        hits = index.matching(query([(text, 1.0)]), 5)
        assert [hit.photo_id for hit in hits] == ([photo_id(expected)] if expected else []), text


def test_words_of_a_negative_text_count_against(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(1, "red car"), point(2, "blue car"), point(3, "green car"), point(4, "red bus")])
    hits = index.matching(query([("car", 1.0), ("red", -1.0)]), 5)
    assert {hit.photo_id for hit in hits} == {photo_id(2), photo_id(3)}


# Folders that can and cannot be reached


def test_photos_are_offline_by_what_is_said_of_their_folders_now(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    where = [["disk"], ["nas"], ["disk", "nas"], ["nas", "usb"], [], ["new"]]
    index.upsert([point(n, "waterfall", root_ids=roots, tags=["x"]) for n, roots in enumerate(where)])

    def offline() -> set[int]:
        """Numbers of the photos that are, by every question that is answered."""
        found = {n for n in range(6) if index.get([photo_id(n)])[photo_id(n)].payload["offline"]}
        ids = {photo_id(n) for n in found}
        others = {photo_id(n) for n in range(6)} - ids
        asked, left = SearchFilters(offline=True).condition(), SearchFilters(offline=False).condition()
        assert asked is not None
        for condition, expected in ((Offline(), ids), (asked, ids), (left, others), (Not(asked), others)):
            assert set(index.browse(10, 0, condition)) == expected
            assert {hit.photo_id for hit in index.nearest(vector(1), 10, condition)} == expected
            assert {hit.photo_id for hit in index.matching(query([("waterfall", 1.0)]), 10, condition)} == expected
            assert index.counted(condition) == index.counts(condition).total == len(expected)
            assert dict(index.valued("tags", 10, condition)).get("x", 0) == len(expected)
        return found

    assert offline() == set()  # nothing was said
    index.set_roots({"disk": True, "nas": True, "usb": True})
    assert offline() == set()
    index.set_roots({"disk": True, "nas": False, "usb": True})
    assert offline() == {1}
    index.set_roots({"disk": True, "nas": False, "usb": False})
    assert offline() == {1, 3}
    index.set_roots({"disk": False, "nas": False, "usb": False})
    assert offline() == {0, 1, 2, 3}
    index.set_roots({"disk": False, "nas": True})
    assert offline() == {0}


# Filters and queries against brute force

FORMATS, CAMERAS, TAGS = ["JPEG", "NEF", "HEIC"], ["Canon EOS R5", "Nikon Z 8", None], ["sea", "dog", "été", "x y"]
ROOTS = {"disk": True, "nas": False, "usb": False}  # whether each can be reached
CAPTIONS = ["a dog runs", "two Dogs on the beach", "a café at night", "the end"]
PLACES = [("PT", "Portugal", "Lisbon", "Sintra"), ("JP", "日本", None, "京都"), (None, None, None, None)]


def _random_points(count: int, seed: int) -> dict[str, PhotoPoint]:
    rng = np.random.default_rng(seed)
    made: dict[str, PhotoPoint] = {}
    for number in range(count):
        payload: dict[str, Any] = {
            "format": [name for name in FORMATS if rng.random() < 0.5] or ["JPEG"],
            "camera": CAMERAS[rng.integers(3)],
            "taken_at": None if rng.random() < 0.2 else float(rng.integers(0, 40)) * 86400.0,
            "iso": None if rng.random() < 0.3 else int(rng.choice([100, 400, 1600])),
            "f_number": None if rng.random() < 0.3 else float(rng.choice([1.8, 2.8, 8.0])),
            "rating": None if rng.random() < 0.3 else int(rng.integers(0, 6)),
            "tags": [tag for tag in TAGS if rng.random() < 0.3],
            "folders": ["/", "/A", "/A/b"] if rng.random() < 0.5 else ["/", "/A", "/A/bb"],
            "caption": None if rng.random() < 0.3 else str(rng.choice(CAPTIONS)),
            "title": "Running" if rng.random() < 0.1 else None,
            "collections": ["Best of"] if rng.random() < 0.2 else [],
            "root_ids": [root for root in (*ROOTS, "new") if rng.random() < 0.4],
            "people": ["Ana"] if rng.random() < 0.3 else [],
            "color_label": "Red" if rng.random() < 0.3 else None,
            "motion": bool(rng.random() < 0.3),
            "stack_id": str(number // 4) if rng.random() < 0.5 else None,
        }
        payload["stack_member"] = payload["stack_id"] is not None and number % 4 > 0
        payload |= zip(("country_code", "country", "region", "city"), PLACES[rng.integers(3)], strict=True)
        if rng.random() < 0.6:
            payload["location"] = {"lat": float(rng.uniform(-80, 80)), "lon": float(rng.uniform(-179, 179))}
        payload["has_gps"] = "location" in payload
        made[photo_id(number)] = point(number, embedded=bool(rng.random() < 0.8), **payload)
    return made


POINTS = _random_points(300, seed=1)
# South, west, north, east; the corners of the map count.
BOXES_OF_THE_WORLD = [
    (-90, -180, 90, 180),
    (-85, -180, 85, 180),
    (-60, -10, 90, 20),
    (-90, 170, 90, -170),
    (-90, -180, 0, 180),
    (-45, -180, 45, 0),
    (0, 0, 90, 180),
    (-30, 20, 40, 180),
]


def _metres(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance on the sphere that geo filters use (haversine)."""
    a, b = math.radians(lat1), math.radians(lat2)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


def _plain(text: str) -> str:
    """Without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def _means(text: str, how: str, value: str) -> bool:
    text, value = _plain(text), _plain(value)
    if how == "words":
        return set(re.findall(r"\w+", text)) <= set(re.findall(r"\w+", value))
    if how == "path":
        text = text.rstrip("/") or "/"
        return fnmatch.fnmatchcase(value, text) or (text[0] != "/" and fnmatch.fnmatchcase(value, "*/" + text))
    return fnmatch.fnmatchcase(value, text) if how == "glob" else text == value


def matches(condition: Condition, held: PhotoPoint) -> bool:
    """What the condition means, said once more and slowly."""
    payload = held.payload
    match condition:
        case And(parts):
            return all(matches(part, held) for part in parts)
        case Or(parts):
            return any(matches(part, held) for part in parts)
        case Not(part):
            return not matches(part, held)
        case AnyOf("taken_parts", values):
            moment = datetime(1970, 1, 1) + timedelta(seconds=payload.get("taken_at") or 0.0)
            parts = {f"m{moment.month}", f"d{moment.day}", f"w{moment.isoweekday()}", f"h{moment.hour}"}
            return payload.get("taken_at") is not None and bool(parts & set(values))
        case AnyOf(key, values):
            value = payload.get(key)
            return bool(set(value if isinstance(value, list) else [value]) & set(values))
        case Like("caption_words", texts, _):
            said = f"{payload.get('caption')} {payload.get('title')}".lower()
            forms = {"dog": r"\bdogs?\b", "run": r"\brun(s|ning)?\b", "cafes": r"\bcafé\b", "the": "(?!)"}
            return any(re.search(forms[text], said) for text in texts)
        case Like(key, texts, how):
            value = payload.get(key)
            values = value if isinstance(value, list) else [value] if value else []
            return any(_means(text, how, each) for text in texts for each in values)
        case Named(pattern):
            name = _plain(payload["file_name"])
            if "*" not in pattern:
                return _plain(pattern) in (name, name.rpartition(".")[0])
            return fnmatch.fnmatchcase(name, _plain(pattern).rstrip("*") + "*")
        case Range(key, gte, lte, gt, lt):
            value = payload.get(key)
            return value is not None and (
                (gte is None or value >= gte)
                and (lte is None or value <= lte)
                and (gt is None or value > gt)
                and (lt is None or value < lt)
            )
        case Offline():
            known = [ROOTS[root] for root in payload.get("root_ids") or () if root in ROOTS]
            return bool(known) and not any(known)
        case Flag("embedded") | HasVector():
            return held.vector is not None
        case Flag(name):
            return payload.get(name) is True
        case Exists(key):
            return payload.get(key) not in (None, [])
        case Ids(photo_ids):
            return held.photo_id in photo_ids
        case Near(lat, lon, radius_m):
            place = payload.get("location")
            return place is not None and _metres(lat, lon, place["lat"], place["lon"]) <= radius_m
        case InBox(south, west, north, east):
            place = payload.get("location")
            if place is None or not south <= place["lat"] <= north:
                return False
            return west <= place["lon"] <= east if west <= east else not east < place["lon"] < west
    raise AssertionError(condition)


_bounds = st.none() | st.integers(0, 40).map(lambda day: day * 86400.0)
LEAVES = st.one_of(
    st.builds(AnyOf, st.just("format"), st.lists(st.sampled_from([*FORMATS, "GIF"]), max_size=2).map(tuple)),
    st.builds(AnyOf, st.just("tags"), st.lists(st.sampled_from(TAGS), max_size=3).map(tuple)),
    st.builds(AnyOf, st.just("camera"), st.sampled_from([("Canon EOS R5",), ("canon",), ("Nikon Z 8",)])),
    st.builds(AnyOf, st.just("folders"), st.sampled_from([("/A/b",), ("/a",), ("/A/",)])),
    st.builds(
        Like, st.just("folders"), st.sampled_from([("/a/b",), ("B/",), ("a",), ("a/b*",), ("/b",)]), st.just("path")
    ),
    st.builds(Like, st.just("camera"), st.sampled_from([("eos canon",), ("z 8", "R5"), ("ca",)]), st.just("words")),
    st.builds(Like, st.just("tags"), st.sampled_from([("ETE",), ("dog", "SEA"), ("X*",), ("*",)]), st.just("glob")),
    st.builds(Like, st.just("tags"), st.sampled_from([("ete",), ("DOG", "Sea"), ("*",), ()])),
    st.builds(Like, st.just("caption_words"), st.sampled_from([("dog",), ("run", "cafes"), ("the",)]), st.just("stem")),
    st.builds(Named, st.sampled_from(["img_7.JPG", "Img_7", "img_2*", "*_11*", "7.jpg", "IMG_*9.j*"])),
    st.builds(AnyOf, st.just("taken_parts"), st.sampled_from([("m1",), ("d3", "d4"), ("w4",)])),
    st.builds(AnyOf, st.just("collections"), st.just(("Best of",))),
    st.builds(Range, st.just("taken_at"), _bounds, _bounds, _bounds, _bounds),
    st.builds(Range, st.just("iso"), st.sampled_from([None, 100, 400, 500]), st.sampled_from([None, 400, 1600])),
    st.builds(Range, st.just("f_number"), st.sampled_from([None, 1.8, 2.8]), st.sampled_from([None, 2.8, 8.0])),
    st.builds(Range, st.just("rating"), st.integers(0, 6)),
    st.builds(Flag, st.sampled_from(sorted(FLAGS))),
    st.builds(Exists, st.sampled_from(["taken_at", "tags", "location", "iso", "collections", "stack_id", "city"])),
    st.just(HasVector()),
    st.just(Offline()),
    st.builds(Ids, st.lists(st.integers(0, 310).map(photo_id), max_size=30).map(tuple)),
    st.builds(Near, st.floats(-80, 80), st.floats(-170, 170), st.floats(1e5, 1e7)),
    st.builds(InBox, st.integers(-80, 0), st.integers(-170, 170), st.integers(1, 80), st.integers(-170, 170)).filter(
        lambda box: box.west != box.east
    ),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def filled(home_of_index: OpenHome) -> VectorIndex:
    index = home_of_index(MODEL)
    index.upsert(POINTS.values())
    index.set_roots(ROOTS)
    return index


@FEW
@given(condition=CONDITIONS)
@example(condition=Range("taken_at", lte=0.0, lt=172800.0))
@example(condition=Range("taken_at", gte=86400.0, gt=864000.0))
def test_any_filter_selects_what_brute_force_selects(filled: VectorIndex, condition: Condition) -> None:
    expected = {found for found, held in POINTS.items() if matches(condition, held)}
    assert filled.count(condition) == len(expected)
    browsed = filled.browse(400, 0, condition)
    assert set(browsed) == expected
    assert len(browsed) == len(expected)


@FEW
@given(condition=st.none() | CONDITIONS, seed=st.integers(0, 1000), limit=st.integers(1, 40))
def test_vector_query_is_the_brute_force_top(
    filled: VectorIndex, condition: Condition | None, seed: int, limit: int
) -> None:
    asked = vector(100_000 + seed)
    scores = {
        found: float(held.vector @ asked)
        for found, held in POINTS.items()
        if held.vector is not None and (condition is None or matches(condition, held))
    }
    hits = filled.nearest(asked, limit, condition)
    expected = sorted(scores, key=lambda found: (-scores[found], found))[:limit]
    assert [hit.photo_id for hit in hits] == expected
    np.testing.assert_allclose([hit.score for hit in hits], [scores[found] for found in expected], atol=1e-5)


@pytest.mark.parametrize(
    "filters",
    [
        SearchFilters(),
        SearchFilters(taken_from=date(1970, 1, 5), taken_to=date(1970, 1, 9)),
        SearchFilters(taken_from=datetime(1970, 1, 5), taken_to=datetime(1970, 1, 9)),
        SearchFilters(taken_to=date(1970, 1, 9), undated=False),
        SearchFilters(undated=True),
        SearchFilters(cameras=["canon eos r5", "NIKON Z 8"], formats=["nef"]),
        SearchFilters(tags=["Sea", "dog"]),
        SearchFilters(tags_any=["sea", "dog"], rating_min=3),
        SearchFilters(iso_min=200, iso_max=1600, f_number_max=2.8),
        SearchFilters(folder="/A/b/", has_gps=True),
        SearchFilters(folder="/"),
        SearchFilters(collections=["Best of"], offline=False, embedded=True),
        SearchFilters(offline=True, stacks="all"),
        SearchFilters(near=Near(10, 10, 3e6)),
        SearchFilters(inside=InBox(-60, 100, 60, -100)),
        *(SearchFilters(inside=InBox(*box)) for box in BOXES_OF_THE_WORLD),
        SearchFilters(stacks="all"),
        SearchFilters(stacks="all", in_stack=True),
        SearchFilters(in_stack=True, motion=False),
        SearchFilters(in_stack=False, motion=True),
        SearchFilters(people=["Ana", "Bo"], color_labels=["Red"]),
        SearchFilters(countries=["pt", "日本"]),
        SearchFilters(regions=["Lisbon"], cities=["Sintra", "京都"]),
        SearchFilters(photo_ids=[photo_id(3), photo_id(4)]),
        SearchFilters(photo_ids=[]),
        SearchFilters(where=Not(Or((Flag("has_gps"), AnyOf("tags", ("sea",)))))),
    ],
    ids=lambda filters: str(filters.condition())[:60],
)
def test_every_field_of_the_filters_selects_what_it_says(filled: VectorIndex, filters: SearchFilters) -> None:
    condition = filters.condition()
    expected = {found for found, held in POINTS.items() if condition is None or matches(condition, held)}
    assert set(filled.browse(400, 0, condition)) == expected
    if filters not in (SearchFilters(stacks="all"), SearchFilters(photo_ids=[])):
        assert 0 < len(expected) < len(POINTS)  # else the case says nothing


def test_a_date_means_its_whole_day() -> None:
    condition = SearchFilters(taken_from=date(2024, 5, 1), taken_to=date(2024, 5, 1)).condition()
    for moment, inside in [
        (datetime(2024, 4, 30, 23, 59, 59), False),
        (datetime(2024, 5, 1), True),
        (datetime(2024, 5, 1, 23, 59, 59, 999_000), True),
        (datetime(2024, 5, 2), False),
    ]:
        assert condition is not None
        assert matches(condition, point(1, taken_at=wall_clock_s(moment))) is inside


def test_a_key_that_is_not_indexed_is_refused() -> None:
    with pytest.raises(LoupeError) as refused:
        AnyOf("secret", ("x",))
    assert refused.value.code == "INVALID_REQUEST"


def test_values_count_what_there_is(filled: VectorIndex) -> None:
    counted = dict(filled.values("format"))
    assert counted == {name: sum(name in held.payload["format"] for held in POINTS.values()) for name in FORMATS}
    only = dict(filled.values("tags", condition=AnyOf("format", ("NEF",))))
    expected = {
        tag: sum(tag in p.payload["tags"] for p in POINTS.values() if "NEF" in p.payload["format"]) for tag in TAGS
    }
    assert only == {tag: count for tag, count in expected.items() if count}


def test_counts_are_kept_until_something_changes(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n, motion=n < 3) for n in range(5)])
    assert (index.counted(Flag("motion")), index.counted(None)) == (3, 5)
    index.upsert([point(n, motion=True) for n in range(4, 8)])
    assert (index.counted(Flag("motion")), index.counted(None)) == (7, 8)


def test_generations_of_two_models_stand_beside_each_other(home_of_index: OpenHome) -> None:
    other = IndexModel("tiny-clip", "r2", "p1", 4)
    first, second = home_of_index(MODEL), home_of_index(other)
    assert first.generation != second.generation
    first.upsert([point(1)])
    second.upsert([PhotoPoint(photo_id(n), vector(n, 4), "", {}) for n in range(3)])
    assert (first.count(), second.count()) == (1, 3)
    second.make_current()
    assert len(second.nearest(vector(1, 4), 5)) == 3


def test_the_engine_reads_uuid_order_as_text_order() -> None:
    drawn = [str(uuid.UUID(int=int(n))) for n in np.random.default_rng(0).integers(0, 2**62, 50)]
    assert sorted(drawn) == sorted(drawn, key=lambda text: uuid.UUID(text).int)


def test_counting_covers_by_what_they_are_not_is_counting_them(filled: VectorIndex) -> None:
    for more in (None, AnyOf("format", ("NEF",)), Or((Flag("motion"), Range("rating", gte=3)))):
        condition = SearchFilters(where=more).condition()
        assert condition is not None
        held = [each for each in POINTS.values() if matches(condition, each)]
        assert filled.counted(condition) == len(held) == filled.count(condition)
        tags = {tag: sum(tag in each.payload["tags"] for each in held) for tag in TAGS}
        assert dict(filled.valued("tags", 100, condition)) == tags == dict(filled.values("tags", 100, condition))
        assert filled.valued("tags", 2, condition) == sorted(tags.items(), key=lambda pair: (-pair[1], pair[0]))[:2]


@pytest.mark.parametrize("bound", [math.inf, -math.inf, math.nan])
def test_a_bound_that_is_no_number_is_refused(bound: float) -> None:
    with pytest.raises(LoupeError, match="too large"):
        Range("iso", gte=bound)


def test_the_last_day_of_the_calendar_ends_nothing() -> None:
    assert SearchFilters(taken_to=date.max, stacks="all").condition() is None
    first = SearchFilters(taken_from=date.min, taken_to=date.max, stacks="all").condition()
    assert first == And((Range("taken_at", gte=wall_clock_s(datetime.min)),))


def test_what_is_left_out_one_by_one_is_not_counted(filled: VectorIndex) -> None:
    some = sorted(POINTS)[::7]
    left_out = Not(Or((Ids((*some, photo_id(999_999))), AnyOf("stack_id", ("3", "8")))))
    for more in (None, SearchFilters().condition(), HasVector(), Range("rating", gte=3), Not(Ids((some[0], some[1])))):
        condition = And((left_out, more)) if more else left_out
        expected = sum(matches(condition, held) for held in POINTS.values())
        assert filled.counted(condition) == filled.count(condition) == expected < len(POINTS)


def test_a_least_score_is_given_and_nothing_below(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n, "dog" + " waterfall" * (n % 5)) for n in range(60)])
    words = query([("waterfall", 1.0)])
    least = index.matching(words, 60).scores[20]
    given = index.matching(words, 60, least=least)
    assert given.ids == [hit.photo_id for hit in index.matching(words, 60) if hit.score >= least]
    assert 20 < len(given) < 48
    whole = index.nearest(vector(3), 60)
    assert index.nearest(vector(3), 60, least=whole.scores[9]).ids == whole.first(10).ids
    assert index.nearest(vector(3), 60, SearchFilters().condition(), least=whole.scores[9]).ids == whole.first(10).ids
    assert not index.nearest(vector(3), 60, least=1.1)


def test_where_there_are_no_stacks_search_is_the_same_and_notices_the_first(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n, "dog") for n in range(6)])
    covers = SearchFilters().condition()
    assert len(index.nearest(vector(1), 9, covers)) == len(index.matching(query([("dog", 1.0)]), 9, covers)) == 6
    index.upsert([point(n, "dog", stack_id="s", stack_member=n > 0) for n in range(2)])
    for hits in (index.nearest(vector(1), 9, covers), index.matching(query([("dog", 1.0)]), 9, covers)):
        assert {hit.photo_id for hit in hits} == {photo_id(n) for n in (0, 2, 3, 4, 5)}


def test_what_is_read_behind_a_place_is_the_rest(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    index.upsert([point(n, taken_at=float(n // 3) if n < 12 else None, added_at=float(n // 2)) for n in range(20)])
    for newest_first in (True, False):
        whole = index.browse(50, newest_first=newest_first)
        for place, found in enumerate(whole):
            payload = index.get([found])[found].payload
            key = "taken_at" if "taken_at" in payload else "added_at"
            behind = index.browse_after((key, payload[key], found), 50, newest_first=newest_first)
            assert behind == whole[place + 1 :]
            assert index.browse_after((key, payload[key], found), 2, newest_first=newest_first) == behind[:2]


def test_a_sample_holds_vectors_of_the_library(home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    assert index.sample().shape == (0, 8)
    index.upsert([point(n, embedded=n % 2 == 0) for n in range(9)])
    drawn = index.sample()
    assert sorted(map(tuple, drawn.round(4).tolist())) == sorted(
        tuple(vector(n).round(4).tolist()) for n in range(0, 9, 2)
    )


def test_counts_are_kept_for_so_many_named_photos_at_most(
    home_of_index: OpenHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = home_of_index(None)
    assert isinstance(index, QdrantIndex)
    index.upsert([PhotoPoint(photo_id(number), None, "", {}) for number in range(6)])
    monkeypatch.setattr(qdrant_index, "_MOST_COUNTED_IDS", 4)
    for first in range(6):
        named = Ids(tuple(photo_id(number) for number in range(first, first + 2)))
        assert index.counted(And((Not(Not(named)),))) == min(2, 6 - first)
        assert index.counts(named).total == min(2, 6 - first)
        assert sum(each[2] for each in index._counted.values()) <= 4
    every = Ids(tuple(photo_id(number) for number in range(6)))
    assert index.counted(every) == 6
    assert every not in index._counted
