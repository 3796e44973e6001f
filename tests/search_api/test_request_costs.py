"""What a request costs in counts: questions to the index, openings of the manifest, pictures read. No times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import running
from small_library import SmallLibrary

from resources.manifest.database import Database
from resources.vector_index.embedded import EmbeddedIndex

# Each is one call into the engine.
_QUESTIONS = ("_asked", "_ordered", "_walk", "_facet", "count")
_TIMES = 5


@pytest.fixture(scope="module")
def counted_client(
    small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, Counter[str]]]:
    """A client of an app whose index and manifest are the real ones, and what was done with them so far."""
    done: Counter[str] = Counter()

    def counting(kind: type, name: str, what: str, patch: pytest.MonkeyPatch) -> None:
        plain: Callable[..., Any] = getattr(kind, name)

        def counted(self: Any, *given: Any, **named: Any) -> Any:
            if kind is not Database or self.path.name == "manifest.duckdb":
                done[what] += 1
            return plain(self, *given, **named)

        patch.setattr(kind, name, counted)

    with pytest.MonkeyPatch.context() as patch:
        for name in _QUESTIONS:
            counting(EmbeddedIndex, name, "questions", patch)
        counting(EmbeddedIndex, "get", "payloads", patch)
        counting(Database, "_connect", "manifest", patch)
        with running(small.copied(tmp_path_factory.mktemp("counted") / "home")) as client:
            yield client, done


def cost(counted_client: tuple[TestClient, Counter[str]], ask: Callable[[TestClient], Any]) -> dict[str, int]:
    """The least of several times: what runs beside a request may only add to it."""
    client, done = counted_client
    assert ask(client).status_code == 200
    seen = []
    for _ in range(_TIMES):
        before = Counter(done)
        ask(client)
        seen.append({what: done[what] - before[what] for what in ("questions", "payloads", "manifest")})
    return {what: min(each[what] for each in seen) for what in seen[0]}


def test_a_search_by_words_and_meaning_asks_each_list_once(counted_client: Any) -> None:
    """One list by vectors and one by words; the payloads that the fusion looks at, and those of the page."""
    found = cost(counted_client, lambda client: client.post("/api/v1/search", json={"text": "red circle"}))
    assert found == {"questions": 2, "payloads": 2, "manifest": 0}


def test_a_search_by_meaning_asks_once(counted_client: Any) -> None:
    query = {"text": "blue sea", "mode": "meaning"}
    found = cost(counted_client, lambda client: client.post("/api/v1/search", json=query))
    assert found == {"questions": 1, "payloads": 2, "manifest": 0}


def test_photos_like_a_photo_take_its_vector_from_the_index(counted_client: Any, small: SmallLibrary) -> None:
    photo = small.photo_id("red.jpg")
    found = cost(counted_client, lambda client: client.get(f"/api/v1/images/{photo}/similar"))
    assert found == {"questions": 1, "payloads": 2, "manifest": 0}


def test_browsing_asks_for_the_dated_and_then_for_the_undated(counted_client: Any) -> None:
    found = cost(counted_client, lambda client: client.get("/api/v1/browse"))
    assert found == {"questions": 2, "payloads": 1, "manifest": 0}


def test_facets_of_the_library_are_counted_once(counted_client: Any) -> None:
    found = cost(counted_client, lambda client: client.get("/api/v1/browse/facets"))
    assert found == {"questions": 0, "payloads": 0, "manifest": 0}


def test_a_thumbnail_costs_one_look_at_its_point(counted_client: Any, small: SmallLibrary) -> None:
    photo = small.photo_id("red.jpg")
    found = cost(counted_client, lambda client: client.get(f"/api/v1/images/{photo}/thumbnail"))
    assert found == {"questions": 0, "payloads": 1, "manifest": 0}


def test_a_photos_page_opens_the_manifest_once(counted_client: Any, small: SmallLibrary) -> None:
    photo = small.photo_id("red.jpg")
    found = cost(counted_client, lambda client: client.get(f"/api/v1/images/{photo}"))
    assert found == {"questions": 0, "payloads": 1, "manifest": 1}
