"""The map over HTTP: what is on it, its points and columns, what a search finds on it, and selections made on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from running_app import running, wait_until
from small_library import PRESET, SmallLibrary

from resources.manifest import projections
from resources.photo_map import store_map

URL = "/api/v1/map"
ARROW = "application/vnd.apache.arrow.stream"
# The first two are neighbours, the third stands apart; the others have no place yet.
PLACES = {"red.jpg": (-0.5, 0.5), "green.jpg": (-0.4, 0.6), "gold.jpg": (0.9, -0.9)}
AROUND_TWO = [[-0.6, 0.4], [-0.3, 0.4], [-0.3, 0.7], [-0.6, 0.7]]


@pytest.fixture
def http(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own, model=False) as client:
        yield client


def drawn(own: SmallLibrary, places: dict[str, tuple[float, float]] = PLACES) -> list[str]:
    """Store a map with these places. Returns the photo ids in the order of its rows."""
    named = sorted((own.photo_id(name), place) for name, place in places.items())
    ids = [photo_id for photo_id, _ in named]
    store_map(own.library, PRESET, ids, np.array([place for _, place in named], dtype=np.float32))
    return ids


def table(reply: Any) -> pa.Table:
    assert (reply.status_code, reply.headers["content-type"]) == (200, ARROW), reply.text
    with pa.ipc.open_stream(reply.content) as reader:
        return reader.read_all()


def error(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_without_a_map_each_route_says_so(http: TestClient, own: SmallLibrary) -> None:
    http.post("/api/v1/collections", json={"name": "A"})
    area = {"generation": "x", "polygon": AROUND_TWO}
    for reply in (
        http.get(URL),
        http.get(f"{URL}/points"),
        http.get(f"{URL}/columns", params={"names": "date"}),
        http.post(f"{URL}/found", json={}),
        http.get("/api/v1/collections/A/map"),
        http.post("/api/v1/collections", json={"name": "B", "photos": {"area": area}}),
    ):
        assert error(reply) == (404, "MAP_NOT_DRAWN")
    assert error(http.get("/api/v1/collections/None/map")) == (404, "COLLECTION_NOT_FOUND")


def test_a_map_without_points_is_told(http: TestClient, own: SmallLibrary) -> None:
    store_map(own.library, PRESET, [], np.zeros((0, 2), dtype=np.float32))
    told = http.get(URL)
    assert (told.status_code, told.json()["photos"], told.json()["sample"]["rows"]) == (200, 0, [])


def test_the_map_tells_its_groups_and_a_sample(http: TestClient, own: SmallLibrary) -> None:
    ids = drawn(own)
    told = http.get(URL).json()
    assert (told["model"], told["photos"], told["waiting"]) == (PRESET, 3, 5)
    assert (told["clusters"], told["hidden_rows"]) == ([], [])
    assert told["sample"]["photo_ids"] == ids
    places = {own.photo_id(name): place for name, place in PLACES.items()}
    for photo_id, x, y in zip(ids, told["sample"]["x"], told["sample"]["y"], strict=True):
        assert (x, y) == pytest.approx(places[photo_id])
    assert len(http.get(URL, params={"sample": 2}).json()["sample"]["rows"]) == 2
    assert http.get(URL, params={"sample": 0}).json()["sample"]["rows"] == []
    found = [projections.Cluster(0, 2, -0.45, 0.55, "circle", ("circle", "sky"))]
    with own.library.manifest.write() as tx:
        points = np.array([places[photo_id] for photo_id in ids], dtype=np.float32)
        projections.replace(tx, PRESET, ids, points, np.array([0, 0, -1], dtype=np.int32), found)
    [group] = http.get(URL).json()["clusters"]
    assert (group["label"], group["terms"], group["photos"]) == ("circle", ["circle", "sky"], 2)
    assert http.get(URL).json()["sample"]["cluster"] == [0, 0, -1]


def test_points_are_kept_for_ever_and_columns_follow_the_photos(http: TestClient, own: SmallLibrary) -> None:
    ids = drawn(own)
    told = http.get(URL)
    reply = http.get(told.json()["points_url"])
    points = table(reply)
    assert [str(uuid.UUID(bytes=each)) for each in points["photo_id"].to_pylist()] == ids
    assert points.schema.metadata[b"generation"].decode() == told.json()["generation"]
    assert "immutable" in reply.headers["cache-control"]
    assert "no-cache" in http.get(f"{URL}/points").headers["cache-control"]
    known = {"If-None-Match": reply.headers["etag"]}
    for address in (told.json()["points_url"], f"{URL}/points"):
        again = http.get(address, headers=known)
        assert (again.status_code, again.content) == (304, b"")
    assert http.get(URL, headers={"If-None-Match": told.headers["etag"]}).status_code == 304

    generation = told.json()["generation"]
    asked = {"names": ["camera", "date", "rating", "country"], "v": generation}
    reply = http.get(f"{URL}/columns", params=asked)
    columns = table(reply)
    assert columns.column_names == ["camera", "date", "rating", "country"]
    cameras = dict(zip(ids, columns["camera"].to_pylist(), strict=True))
    assert cameras == {
        own.photo_id("red.jpg"): "Canon EOS R5",
        own.photo_id("green.jpg"): "FUJIFILM X-T5",
        own.photo_id("gold.jpg"): "FUJIFILM X-T5",
    }
    assert columns["date"].null_count == 0
    assert columns["rating"].to_pylist() == [None] * 3
    known = {"If-None-Match": reply.headers["etag"]}
    assert http.get(f"{URL}/columns", params=asked, headers=known).status_code == 304
    http.put(f"/api/v1/images/{ids[1]}/rating", json={"rating": 4})
    assert table(http.get(f"{URL}/columns", params=asked, headers=known))["rating"].to_pylist() == [None, 4, None]
    assert error(http.get(f"{URL}/columns", params={"names": "mood"})) == (422, "INVALID_REQUEST")

    drawn(own, {"blue.png": (0.0, 0.0)})
    assert error(http.get(f"{URL}/columns", params=asked)) == (409, "MAP_CHANGED")
    assert error(http.get(f"{URL}/points", params={"v": "another"})) == (409, "MAP_CHANGED")
    assert table(http.get(f"{URL}/points")).num_rows == 1
    assert error(http.get(told.json()["points_url"])) == (409, "MAP_CHANGED")


def test_what_a_search_finds_is_told_by_rows(http: TestClient, own: SmallLibrary) -> None:
    ids = drawn(own)
    generation = http.get(URL).json()["generation"]
    found = http.post(f"{URL}/found", params={"v": generation}, json={"q": "camera:X-T5"}).json()
    assert found["generation"] == generation
    assert found["found"] == 4, "two of them have no place yet"
    assert [ids[row] for row in found["rows"]] == sorted(own.photo_id(name) for name in ("green.jpg", "gold.jpg"))
    assert http.post(f"{URL}/found", json={}).json()["rows"] == [0, 1, 2]
    assert error(http.post(f"{URL}/found", params={"v": "old"}, json={})) == (409, "MAP_CHANGED")
    assert error(http.post(f"{URL}/found", json={"q": "iso:many"})) == (422, "QUERY_INVALID")
    gone = own.photo_id("gold.jpg")
    http.post("/api/v1/hidden", json={"photo_ids": [gone]})
    assert http.get(URL).json()["hidden_rows"] == [ids.index(gone)]
    wait_until(lambda: len(http.post(f"{URL}/found", json={}).json()["rows"]) == 2, 10)


def test_a_selection_on_the_map_becomes_a_collection(http: TestClient, own: SmallLibrary) -> None:
    drawn(own)
    generation = http.get(URL).json()["generation"]
    area = {"generation": generation, "polygon": AROUND_TWO}
    made = http.post("/api/v1/collections", json={"name": "Corner", "photos": {"area": area}})
    assert (made.status_code, made.json()["photos"]) == (201, 2)
    wait_until(lambda: http.get("/api/v1/collections/Corner/photos").json()["photos"] != [], 10)
    here = http.get("/api/v1/collections/Corner/map").json()
    assert here["generation"] == generation
    assert sorted(here["photo_ids"]) == sorted(own.photo_id(name) for name in ("red.jpg", "green.jpg"))
    assert [round(each, 3) for each in here["x"]] in ([-0.5, -0.4], [-0.4, -0.5])
    tried = http.post("/api/v1/bulk/dry-run", json={"area": area, "step": {"do": "tag", "tags": ["corner"]}})
    assert tried.json() == {"photos": 2, "changed": 2}
    assert len(http.post("/api/v1/handoff/paths", json={"area": area}).text.splitlines()) == 2

    http.post("/api/v1/hidden", json={"photo_ids": [own.photo_id("red.jpg")]})
    everything = {"generation": generation, "polygon": [[-1, -1], [1, -1], [1, 1], [-1, 1]]}
    made = http.post("/api/v1/collections", json={"name": "All", "photos": {"area": everything}})
    assert made.json()["photos"] == 2, "what is hidden is not selected"
    old = {**area, "generation": "another"}
    assert error(http.post("/api/v1/collections", json={"name": "C", "photos": {"area": old}})) == (409, "MAP_CHANGED")
    line = {**area, "polygon": AROUND_TWO[:2]}
    wrong = [{"area": line}, {"area": area, "query": {}}, {}]
    for photos in wrong:
        reply = http.post("/api/v1/collections", json={"name": "C", "photos": photos})
        assert error(reply) == (422, "INVALID_REQUEST")


def test_the_map_is_drawn_on_demand_and_not_without_dagster(http: TestClient) -> None:
    assert error(http.post(f"{URL}/draw")) == (503, "DAGSTER_UNREACHABLE")


def test_a_search_is_narrowed_to_a_line_or_a_group_of_the_map(http: TestClient, own: SmallLibrary) -> None:
    ids = drawn(own)
    places = np.array([PLACES[name] for name in sorted(PLACES, key=own.photo_id)], dtype=np.float32)
    apart = own.photo_id("gold.jpg")
    groups = np.array([-1 if photo_id == apart else 0 for photo_id in ids], dtype=np.int32)
    with own.library.manifest.write() as tx:
        projections.replace(tx, PRESET, ids, places, groups, [projections.Cluster(0, 2, -0.45, 0.55, None, ())])
    generation = http.get(URL).json()["generation"]
    two = {own.photo_id("red.jpg"), own.photo_id("green.jpg")}
    line = {"generation": generation, "polygon": AROUND_TWO}
    group = {"generation": generation, "cluster": 0}
    for area in (line, group):
        query = {"filters": {"area": area}}
        assert {hit["photo_id"] for hit in http.post("/api/v1/search", json=query).json()["hits"]} == two
        [camera] = http.post("/api/v1/search/facets", json={**query, "q": "camera:X-T5"}).json()["cameras"]
        assert camera["count"] == 1
        drawn_by_chance = http.post("/api/v1/random", params={"count": 5}, json=query).json()["photos"]
        assert {photo["photo_id"] for photo in drawn_by_chance} == two
        found = http.post(f"{URL}/found", json=query).json()
        assert {ids[row] for row in found["rows"]} == two
        chosen = {"query": query, "step": {"do": "tag", "tags": ["together"]}}
        assert http.post("/api/v1/bulk/dry-run", json=chosen).json() == {"photos": 2, "changed": 2}
    kept = {"name": "Corner", "query": {"filters": {"area": group}}}
    assert error(http.post("/api/v1/saved-searches", json=kept)) == (422, "INVALID_REQUEST"), "it would not last"

    drawn(own, {"blue.png": (0.0, 0.0)})
    assert error(http.post("/api/v1/search", json={"filters": {"area": group}})) == (409, "MAP_CHANGED")
    for wrong in ({**line, "cluster": 0}, {"generation": generation}, {"generation": generation, "cluster": -1}):
        assert error(http.post("/api/v1/search", json={"filters": {"area": wrong}})) == (422, "INVALID_REQUEST")
