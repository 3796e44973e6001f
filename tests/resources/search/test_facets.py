"""Counts, months, folders, chance and suggestions, against what counting by hand gives; and filtered search as well."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from resources.errors import LoupeError
from resources.home import Home
from resources.search import PhotoSearch, SearchRequest, asking
from resources.search.facets import FACETS, FolderCount, facets, folders_below, random_photos, timeline
from resources.search.query_fields import FIELDS
from resources.search.query_language import parse
from resources.search.query_tree import Where
from resources.search.suggestions import suggest
from resources.vector_index import AnyOf, IndexModel, Like, PhotoPoint, Range, SearchFilters, VectorIndex
from resources.vector_index.opening import IndexFolder

MODEL = IndexModel("noise", "1", "1", 24)
PHOTOS = 3000


def _photo(number: int) -> PhotoPoint:
    drawn = random.Random(number)
    payload: dict[str, Any] = {
        "file_name": f"IMG_{number:04}.jpg",
        "camera": drawn.choice(["FUJIFILM X-T5", "Canon EOS R5", "Apple iPhone 14 Pro"]),
        "format": ["JPEG"] if number % 3 else ["NEF", "JPEG"],
        "tags": [tag for tag in ("Sea", "Seagull", "dog") if drawn.random() < 0.3],
        "people": ["Ana Silva"] if drawn.random() < 0.1 else [],
        "city": drawn.choice(["Lisbon", "Zürich", None]),
        "rating": drawn.choice([None, 3, 5]),
        "iso": drawn.choice([100, 400, 3200]),
        "caption": drawn.choice(["a boat on the sea", "two boats", None]),
        "folders": ["/", "/photos", "/photos/b", *(["/photos/b/deep"] if number % 2 else [])]
        if number % 5
        else ["/", "/photos", "/photos/a"],
        "taken_at": None if number % 10 == 0 else 1.6e9 + number * 40_000.0,
        "stack_member": number % 50 == 1,
    }
    vector = np.random.default_rng(number).standard_normal(24).astype(np.float32)
    return PhotoPoint(str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))), vector / np.linalg.norm(vector), "", payload)


POINTS = [_photo(number) for number in range(PHOTOS)]
SHOWN = [point for point in POINTS if not point.payload["stack_member"]]
COVERS = SearchFilters().condition()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    made = IndexFolder(Home(tmp_path_factory.mktemp("home"))).open(MODEL)
    made.upsert(POINTS)
    made.upsert(POINTS[:400])  # written twice, counted once
    yield made
    made.close()


def counted(key: str, points: list[PhotoPoint]) -> Counter[str]:
    values = (point.payload[key] for point in points)
    return Counter(v for value in values for v in (value if isinstance(value, list) else [value]) if v is not None)


def test_facets_count_what_a_filter_leaves(index: VectorIndex) -> None:
    for condition, points in (
        (None, POINTS),
        (COVERS, SHOWN),
        (Like("tags", ("DOG",)), [p for p in POINTS if "dog" in p.payload["tags"]]),
    ):
        counts = facets(index, condition)
        found = counts.values
        assert counts.total == len(points)
        assert (counts.months, counts.undated) == timeline(index, condition)
        for name, key in (("cameras", "camera"), ("formats", "format"), ("tags", "tags"), ("people", "people"),
                          ("cities", "city"), ("folders", "folders")):  # fmt: skip
            assert dict(found[name]) == counted(key, points)
            assert [count for _, count in found[name]] == sorted(dict(found[name]).values(), reverse=True)
    assert dict(facets(index, None).values["ratings"]) == {
        str(stars): n for stars, n in counted("rating", POINTS).items()
    }
    assert found.keys() == FACETS.keys()


def test_the_timeline_counts_years_months_and_days(index: VectorIndex) -> None:
    dated = [datetime.fromtimestamp(p.payload["taken_at"], UTC) for p in SHOWN if p.payload["taken_at"]]
    for by, form in (("year", "%Y"), ("month", "%Y-%m")):
        buckets, undated = timeline(index, COVERS, by)  # type: ignore[arg-type]
        assert {each.period: each.count for each in buckets} == Counter(f"{moment:{form}}" for moment in dated)
        assert [each.period for each in buckets] == sorted(each.period for each in buckets)
        assert undated == len(SHOWN) - len(dated)
    with pytest.raises(LoupeError):
        timeline(index, COVERS, "day")
    spring = asking("taken:2021-03..2021-05", SearchRequest()).filters.condition()
    buckets, undated = timeline(index, spring, "day")
    wanted = Counter(f"{moment:%Y-%m-%d}" for moment in dated if (2021, 3) <= (moment.year, moment.month) <= (2021, 5))
    assert {each.period: each.count for each in buckets} == wanted
    assert undated == 0


def test_folders_open_level_by_level(index: VectorIndex) -> None:
    folders = counted("folders", SHOWN)
    top = folders_below(index, COVERS, None)
    assert top == [
        FolderCount("/photos/a", folders["/photos/a"], False),
        FolderCount("/photos/b", folders["/photos/b"], True),
    ]
    assert folders_below(index, COVERS, "/photos/b/") == [
        FolderCount("/photos/b/deep", folders["/photos/b/deep"], False)
    ]
    assert folders_below(index, COVERS, "/photos/a") == []
    assert [each.path for each in folders_below(index, COVERS, "/")] == ["/photos"]
    only = AnyOf("folders", ("/photos/b/deep",))
    assert [each.path for each in folders_below(index, only, None)] == ["/photos/b/deep"]


def test_chance_draws_different_photos_evenly(index: VectorIndex) -> None:
    there = {point.photo_id for point in SHOWN}
    drawn = random_photos(index, COVERS, 50, seed=1)
    assert len(set(drawn)) == 50
    assert set(drawn) <= there
    assert random_photos(index, COVERS, 50, seed=1) == drawn
    assert random_photos(index, COVERS, 50, seed=2) != drawn
    halves = Counter(photo_id < "8" for seed in range(20) for photo_id in random_photos(index, COVERS, 20, seed))
    assert 140 < halves[True] < 260
    few = Range("taken_at", gte=1.6e9, lte=1.6e9 + 280_000.0)
    assert sorted(random_photos(index, few, 50)) == sorted(p.photo_id for p in POINTS[1:8])
    assert random_photos(index, AnyOf("format", ("GIF",)), 5) == []


def inserted(index: VectorIndex, text: str, position: int | None = None) -> list[str]:
    at = len(text) if position is None else position
    found = suggest(index, text, at, 8, COVERS)
    return [text[: each.start] + each.insert + text[each.start + each.length :] for each in found]


def test_suggestions_complete_what_is_typed(index: VectorIndex) -> None:
    assert inserted(index, "cam")[0] == "camera:"
    assert inserted(index, "boat -ca")[0] == "boat -camera:"
    assert inserted(index, "camera:x") == ['camera:"FUJIFILM X-T5"']
    assert set(inserted(index, "tag:s")) == {"tag:Sea", "tag:Seagull"}
    assert inserted(index, "tag:dog,seag rating:5", 12) == ["tag:dog,Seagull rating:5"]
    assert inserted(index, 'tag:"a dog","seag') == ['tag:"a dog",Seagull']
    assert inserted(index, 'person:"an') == ['person:"Ana Silva"']
    assert inserted(index, "(zur") == ["(city:Zürich"]
    assert inserted(index, "is:por") == ["is:portrait"]
    assert inserted(index, "near:") == ["near:48.85,2.35,5km"]
    assert {"tag:Sea", "tag:Seagull", "sea"} <= set(inserted(index, "sea"))
    assert inserted(index, "") == inserted(index, "boat ") == inserted(index, "nofield:x") == []
    found = {each.label: each for each in suggest(index, "tag:s", 5, 8, COVERS)}
    assert found["Sea"].count == counted("tags", SHOWN)["Sea"]
    assert (found["Sea"].kind, found["Sea"].field) == ("value", "tag")


def test_fixed_lists_are_offered_whole_with_how_many_photos_have_each(index: VectorIndex) -> None:
    taken = [datetime.fromtimestamp(p.payload["taken_at"], UTC) for p in SHOWN if p.payload["taken_at"]]
    stars = counted("rating", SHOWN)

    def offered(text: str) -> dict[str, int | None]:
        return {each.insert: each.count for each in suggest(index, text, len(text), 8, COVERS)}

    months = offered("month:")
    assert list(months)[::11] == ["january", "december"]
    assert months["june"] == sum(moment.month == 6 for moment in taken)
    assert set(offered("month:ju")) == {"june", "july"}
    days = offered("weekday:")
    assert list(days) == [
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        *("weekend", "workday"),
    ]
    assert days["weekend"] == sum(moment.weekday() > 4 for moment in taken)
    assert offered("hour:")["0"] == sum(moment.hour == 0 for moment in taken)
    assert offered("day:31")["31"] == sum(moment.day == 31 for moment in taken)
    assert offered("rating:") == {str(number): stars[number] for number in range(1, 6)}
    years = Counter(str(moment.year) for moment in taken)
    assert offered("year:") == offered("taken:") == years
    assert list(offered("year:")) == sorted(years, reverse=True)
    assert offered("taken:2021-1") == Counter(f"{m:%Y-%m}" for m in taken if m.year == 2021 and m.month >= 10)
    assert offered("year:2021-") == {"2021": years["2021"]}
    assert {"landscape", "raw"} <= set(offered("is:"))
    assert offered("stack:")["burst"] == 0
    for name, known in FIELDS.items():
        for word in known.words:
            assert isinstance(parse(f"{name}:{word}"), Where), f"{name}:{word}"


# Filtered search by meaning against brute force

QUERIES = [
    ("", lambda p: True),
    ("camera:x-t5", lambda p: "X-T5" in p["camera"]),
    ("tag:sea,seagull iso:>=400", lambda p: bool({"Sea", "Seagull"} & set(p["tags"])) and p["iso"] >= 400),
    ("(place:lisbon OR rating:5) -format:nef",
     lambda p: (p["city"] == "Lisbon" or p["rating"] == 5) and "NEF" not in p["format"]),
    ("caption:boat folder:b/deep", lambda p: bool(p["caption"]) and "/photos/b/deep" in p["folders"]),
    ("person:silva -has:rating -has:date", lambda p: p["people"] and p["rating"] is None and p["taken_at"] is None),
    ("file:img_001*", lambda p: p["file_name"].startswith("IMG_001")),
]  # fmt: skip


class Given:
    """Texts are numbers of drawn vectors."""

    name, revision, preprocess_version, dim = MODEL.name, MODEL.revision, MODEL.preprocess_version, MODEL.dim

    def embed_texts(self, texts: list[str], /) -> np.ndarray:
        drawn = np.stack([np.random.default_rng(10_000 + int(text)).standard_normal(24) for text in texts])
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    def unknown_words(self, text: str, /) -> list[str]:
        return []


@pytest.mark.parametrize(("query", "holds"), QUERIES, ids=[query or "everything" for query, _ in QUERIES])
def test_filtered_search_finds_the_brute_force_best(index: VectorIndex, query: str, holds: Any) -> None:
    search, encoder = PhotoSearch(index, Given()), Given()
    left = [point for point in SHOWN if holds(point.payload)]
    assert left, "the case says something"
    vectors = np.stack([point.vector for point in left if point.vector is not None])
    found = wanted = 0
    for number in range(30):
        request = asking(query, SearchRequest(texts=((str(number), 1.0),), mode="meaning", limit=20))
        best = np.argsort(-(vectors @ encoder.embed_texts([str(number)])[0]), kind="stable")[:20]
        hits = {hit.photo_id for hit in search.search(request).hits}
        found += len(hits & {left[n].photo_id for n in best})
        wanted += len(best)
        if len(left) <= 20:
            assert hits == {point.photo_id for point in left}
    assert found / wanted >= 0.99
