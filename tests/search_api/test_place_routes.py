"""Where photos were taken: counted on a map, narrowed by a search, found again by a cell's box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import LOCAL, running, wait_until
from small_library import SmallLibrary, build, draw_photo

from resources.manifest import roots
from resources.settings import Settings
from resources.vector_index import wake
from search_api import place_map
from search_api.main import create_app

LISBON, PORTO, SYDNEY, FIJI = (38.7167, -9.1333), (41.1496, -8.6109), (-33.8688, 151.2093), (-17.7134, 178.065)
PLACES = {
    "rua.jpg": LISBON,
    "tejo.jpg": (38.711, -9.14),
    "ponte.jpg": PORTO,
    "opera.jpg": SYDNEY,
    "reef.jpg": FIJI,
    "lagoon.jpg": (-16.5, -179.4),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    small = build(tmp_path_factory.mktemp("places"), with_model=False)
    for seed, (name, place) in enumerate(PLACES.items(), start=200):
        draw_photo(small.photos / "Journeys" / name, "red", "white", seed, (160, 120), place)
    small.take_in()
    return small


@pytest.fixture(scope="module")
def client(small: SmallLibrary) -> Iterator[TestClient]:
    with running(small, model=False) as client:
        yield client


def _asked(client: TestClient, **query: Any) -> dict[str, Any]:
    reply = client.post("/api/v1/search/places", json=query)
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def _names(client: TestClient, **query: Any) -> set[str]:
    return {hit["file_name"] for hit in client.post("/api/v1/search", json=query).json()["hits"]}


def test_photos_are_counted_where_they_were_taken(client: TestClient) -> None:
    world = _asked(client, zoom=1)
    assert (world["found"], world["located"], world["exact"], world["tiles"]) == (6, 6, True, None)
    first = world["cells"][0]
    assert (first["count"], first["places"]) == (3, 2)
    assert first["name"] == "Lisbon, Portugal"
    assert math.isclose(first["lat"], (LISBON[0] + 38.711 + PORTO[0]) / 3, abs_tol=1e-4)
    assert world["bounds"]["south"] <= SYDNEY[0]
    assert world["bounds"]["east"] >= FIJI[1]
    assert client.get(first["thumbnail_url"]).status_code == 200


def test_a_closer_look_parts_what_is_apart(client: TestClient) -> None:
    iberia = {"south": 36, "west": -10, "north": 44, "east": 4}
    near = _asked(client, zoom=6, box=iberia)
    assert [cell["count"] for cell in near["cells"]] == [2, 1]
    assert [cell["name"] for cell in near["cells"]] == ["Lisbon, Portugal", "Porto, Portugal"]
    assert near["found"] == 3
    assert near["located"] == 6
    tagus = {"south": 38.6, "west": -9.3, "north": 38.8, "east": -9}
    assert [cell["count"] for cell in _asked(client, zoom=13, box=tagus)["cells"]] == [1, 1]
    # Whoever asks for the finest cells of half a continent gets coarser ones, and as many photos.
    assert _asked(client, zoom=24, box=iberia)["found"] == 3


def test_a_view_across_the_date_line_shows_both_of_its_sides(client: TestClient) -> None:
    told = _asked(client, zoom=5, box={"south": -30, "west": 170, "north": 0, "east": -170})
    assert sorted(cell["lon"] > 0 for cell in told["cells"]) == [False, True]


@pytest.mark.parametrize("zoom", [0, 1, 3, 6, 9, 14])
def test_the_box_of_a_cell_finds_what_was_counted_in_it(client: TestClient, zoom: int) -> None:
    for cell in _asked(client, zoom=zoom)["cells"]:
        assert len(_names(client, filters={"inside": cell["box"]})) == cell["count"]
        edges = ",".join(str(cell["box"][name]) for name in ("south", "west", "north", "east"))
        assert len(_names(client, q=f"box:{edges}")) == cell["count"]


def test_a_search_narrows_the_map(client: TestClient) -> None:
    assert _asked(client, q="country:portugal", zoom=1)["located"] == 3
    assert _asked(client, q='near:-33.87,151.2,5km OR city:"porto"')["located"] == 2
    assert _asked(client, filters={"stacks": "all", "cities": ["Sydney"]})["cells"][0]["name"].startswith("Sydney")
    assert _asked(client, q="file:rua.jpg")["located"] == 1
    assert _asked(client, q="lagoon")["located"] == 1  # by words, of which a file name is one
    nothing = _asked(client, q="country:iceland")
    assert (nothing["cells"], nothing["located"], nothing["bounds"]) == ([], 0, None)


def test_of_very_many_photos_counts_are_told_from_a_draw(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_map, "_MOST_WALKED", 2)
    told = _asked(client, q="-city:nowhere", zoom=2)
    assert told["exact"] is False
    assert 3 <= told["found"] <= 60
    # Few enough in view, and they are counted one by one.
    narrow = _asked(client, q="-city:nowhere", zoom=9, box={"south": 38, "west": -10, "north": 39, "east": -9})
    assert (narrow["exact"], narrow["found"]) == (True, 2)


def test_a_query_that_cannot_be_read_says_where(client: TestClient) -> None:
    reply = client.post("/api/v1/search/places", json={"q": "beach near:48.85,200,5km"})
    assert reply.status_code == 422
    details = reply.json()["error"]["details"]
    assert (details["position"], details["length"]) == (17, 3)
    assert client.post("/api/v1/search/places", json={"zoom": 99}).status_code == 422


def test_what_is_removed_leaves_the_map(client: TestClient, small: SmallLibrary) -> None:
    reef = small.photo_id("reef.jpg")
    assert client.post("/api/v1/hidden", json={"photo_ids": [reef]}).status_code == 200
    try:
        wait_until(lambda: _asked(client)["located"] == 5, 20)
    finally:
        client.post("/api/v1/hidden/show", json={"photo_ids": [reef]})
    wait_until(lambda: _asked(client)["located"] == 6, 20)


def test_only_the_server_that_was_set_may_be_asked_for_tiles(tmp_path: Path, client: TestClient) -> None:
    assert "connect-src 'self';" in client.get("/").headers["content-security-policy"]
    tiles = "https://tiles.example/{z}/{x}/{y}.png"
    settings = Settings(home=tmp_path, map_tiles=tiles, captions="off")
    with TestClient(create_app(settings), base_url="http://localhost", client=LOCAL) as other:
        assert "connect-src 'self' https://tiles.example;" in other.get("/").headers["content-security-policy"]
        assert "tiles.example" not in other.get("/api/v1/status").headers["content-security-policy"]


@pytest.mark.parametrize("value", ["https://tiles.example/{z}/{x}", "javascript:{z}{x}{y}", "https://a; b/{z}/{x}/{y}"])
def test_tiles_have_an_address_with_all_its_parts(value: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        Settings(map_tiles=value)


def test_photos_of_a_folder_that_goes_are_offline_on_the_map_too(client: TestClient, small: SmallLibrary) -> None:
    def to(state: str) -> None:
        with small.library.manifest.write() as tx:
            for root in roots.rows(tx):
                roots.set_state(tx, root["root_id"], state)
        wake(small.library.home)

    assert _asked(client, q="is:offline")["located"] == 0
    to("offline")
    try:
        wait_until(lambda: _asked(client, q="is:offline")["located"] == 6, 20)
    finally:
        to("online")
    wait_until(lambda: _asked(client, q="is:offline")["located"] == 0, 20)
