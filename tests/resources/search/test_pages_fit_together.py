"""Pages by cursor and by offset give the same photos, each once, however deep the lists behind them are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resources.home import Home
from resources.search import PhotoSearch, SearchRequest, fusion, photo_search
from resources.search.chosen import chosen_ids
from resources.vector_index import IndexModel, PhotoPoint, VectorIndex, qdrant_index
from resources.vector_index.embedded import EmbeddedIndex
from resources.vector_index.opening import IndexFolder

DIM, PHOTOS = 6, 700
MODEL = IndexModel("axes", "1", "1", DIM)
WORDS = ("hill", "lake", "tree", "boat")


class Axes:
    """A text is the sum of the axes that its words are the names of."""

    name, revision, preprocess_version, dim = MODEL.name, MODEL.revision, MODEL.preprocess_version, MODEL.dim

    def embed_texts(self, texts: list[str], /) -> np.ndarray:
        return np.stack(
            [np.eye(DIM, dtype=np.float32)[[WORDS.index(w) for w in text.split()]].sum(0) for text in texts]
        )

    def unknown_words(self, text: str, /) -> list[str]:
        return []


@pytest.fixture(params=[1, 2])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    """Photos of a few kinds, whose captions are equal for hundreds: long lists, and long ties."""
    rng = np.random.default_rng(request.param)
    opened = IndexFolder(Home(tmp_path)).open(MODEL)
    points = []
    for number in range(PHOTOS):
        shown = rng.integers(DIM)
        drawn = np.eye(DIM)[shown] * rng.choice([0.8, 1.6]) + 0.4 * rng.standard_normal(DIM)
        said = [WORDS[word] for word in rng.integers(0, len(WORDS), rng.integers(0, 3))]
        vector = (drawn / np.linalg.norm(drawn)).astype(np.float32) if number % 9 else None
        photo_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{request.param} {number}"))
        points.append(PhotoPoint(photo_id, vector, " ".join(said), {"added_at": float(number)}))
    opened.upsert(points)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that begin 20 deep, so that these photos are many."""
    monkeypatch.setattr(fusion, "CANDIDATES", 20)
    monkeypatch.setattr(photo_search, "_DEEP", 21)
    monkeypatch.setattr(photo_search, "_FIRST", 8)
    monkeypatch.setattr(EmbeddedIndex, "looks_at_each", False)  # as of one with a graph, which begins less deep
    monkeypatch.setattr(qdrant_index, "_MOST_TIES", 8)


def by_cursor(search: PhotoSearch, request: SearchRequest) -> tuple[list[str], int]:
    found: list[str] = []
    answer = search.search(request)
    while True:
        found += [hit.photo_id for hit in answer.hits]
        if answer.cursor is None:
            return found, answer.relevant or 0
        answer = search.search(replace(request, cursor=answer.cursor))


def by_offset(search: PhotoSearch, request: SearchRequest) -> list[str]:
    found: list[str] = []
    while page := search.search(replace(request, offset=len(found))).hits:
        found += [hit.photo_id for hit in page]
    return found


@pytest.mark.parametrize("limit", [7, 20])
@pytest.mark.parametrize("mode", ["words", "meaning", "hybrid"])
@pytest.mark.parametrize(
    "texts", [("hill",), ("hill lake",), ("hill", "lake tree"), ("boat", "hill lake tree", "lake")], ids=" or ".join
)
def test_pages_fit_together(index: VectorIndex, texts: tuple[str, ...], mode: str, limit: int) -> None:
    search = PhotoSearch(index, Axes())
    first, *others = [((text, 1.0),) for text in texts]
    request = SearchRequest(texts=first, or_texts=tuple(others), mode=mode, limit=limit)  # type: ignore[arg-type]
    for asked in (request, replace(request, cut=False)):
        walked, relevant = by_cursor(search, asked)
        paged = by_offset(search, asked)
        assert len(walked) == len(set(walked))
        assert len(paged) == len(set(paged))
        assert set(walked) == set(paged)
        if asked.cut:
            assert walked[:relevant] == paged[:relevant]
            assert set(walked[:relevant]) == set(chosen_ids(search, asked))
            assert relevant == search.search(replace(asked, sort="newest")).relevant
            assert search.search(replace(asked, sort="newest")).relevant_exact
