"""Photos that belong together over HTTP: covers in search, the stack opened, a person's word; what photos say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from related_photos import PEOPLE, draw_related
from running_app import running, wait_until
from small_library import SmallLibrary


@pytest.fixture
def related(own: SmallLibrary) -> SmallLibrary:
    folder = own.settings.home.parent / "Related"
    folder.mkdir()
    draw_related(folder)
    own.add_folder(folder)
    own.take_in()
    return own


@pytest.fixture
def folder(related: SmallLibrary) -> str:
    return str(related.settings.home.parent / "Related")


@pytest.fixture
def http(related: SmallLibrary) -> Iterator[TestClient]:
    with running(related) as client:
        yield client


def found(client: TestClient, **filters: Any) -> list[dict[str, Any]]:
    reply = client.post("/api/v1/search", json={"filters": filters})
    assert reply.status_code == 200, reply.text
    hits: list[dict[str, Any]] = reply.json()["hits"]
    return hits


def names(hits: list[dict[str, Any]]) -> list[str]:
    return sorted(hit["file_name"] for hit in hits)


def test_search_shows_the_cover_and_the_stack_opens(http: TestClient, folder: str) -> None:
    shown = found(http, folder=folder)
    assert names(shown) == ["cut.jpg", "harbour-edit.jpg", "letter.tif", "letter.tif", "letter.tif", "live.jpg"]
    [cover] = [hit for hit in shown if hit["stack_id"]]
    assert (cover["file_name"], cover["stack_kind"], cover["stack_size"]) == ("harbour-edit.jpg", "edit", 2)
    everything = found(http, folder=folder, stacks="all")
    assert names(everything).count("harbour.jpg") == 1
    assert names(found(http, folder=folder, in_stack=True, stacks="all")) == ["harbour-edit.jpg", "harbour.jpg"]
    browsed = http.get("/api/v1/browse", params={"folder": folder, "stacks": "all", "in_stack": "true"}).json()
    assert names(browsed["hits"]) == ["harbour-edit.jpg", "harbour.jpg"]

    stack = http.get(f"/api/v1/images/{cover['photo_id']}/stack").json()
    assert (stack["kind"], stack["motion_path"]) == ("edit", None)
    assert [photo["file_name"] for photo in stack["photos"]] == ["harbour-edit.jpg", "harbour.jpg"]
    assert all(http.get(photo["thumbnail_url"]).status_code == 200 for photo in stack["photos"])
    other = stack["photos"][1]["photo_id"]
    assert http.get(f"/api/v1/images/{other}/stack").json() == stack
    info = http.get(f"/api/v1/images/{other}").json()
    assert info["stack"] == {"stack_id": stack["stack_id"], "kind": "edit", "size": 2, "is_cover": False}


def test_another_cover_taking_apart_and_undoing_it(http: TestClient, related: SmallLibrary, folder: str) -> None:
    cover, other = related.photo_id("harbour-edit.jpg"), related.photo_id("harbour.jpg")

    def shown() -> list[str]:
        return [name for name in names(found(http, folder=folder)) if name.startswith("harbour")]

    assert shown() == ["harbour-edit.jpg"]
    chosen = http.post(f"/api/v1/images/{other}/stack/cover").json()
    assert [photo["photo_id"] for photo in chosen["photos"]] == [other, cover]
    wait_until(lambda: shown() == ["harbour.jpg"], 10)

    apart = http.delete(f"/api/v1/images/{cover}/stack")
    assert (apart.status_code, set(apart.json()["photo_ids"])) == (200, {cover, other})
    wait_until(lambda: shown() == ["harbour-edit.jpg", "harbour.jpg"], 10)
    assert http.get(f"/api/v1/images/{cover}").json()["stack"] is None

    again = http.post(f"/api/v1/images/{cover}/stack/reunite")
    assert again.status_code == 200, again.text
    wait_until(lambda: len(shown()) == 1, 10)

    out = http.post(f"/api/v1/images/{cover}/stack/take-out")
    assert set(out.json()["photo_ids"]) == {cover, other}
    wait_until(lambda: shown() == ["harbour-edit.jpg", "harbour.jpg"], 10)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/cover"), ("POST", "/take-out"), ("POST", "/reunite")]
)
def test_a_photo_that_stands_alone_has_no_stack(
    client: TestClient, small: SmallLibrary, method: str, path: str
) -> None:
    reply = client.request(method, f"/api/v1/images/{small.photo_id('red.jpg')}/stack{path}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "NOT_IN_A_STACK")
    unknown = client.request(method, f"/api/v1/images/00000000-0000-0000-0000-000000000000/stack{path}")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "PHOTO_NOT_FOUND")


def test_a_live_photo_names_and_serves_its_video(http: TestClient, related: SmallLibrary, folder: str) -> None:
    [live] = found(http, folder=folder, motion=True)
    assert (live["file_name"], live["motion"]) == ("live.jpg", True)
    info = http.get(f"/api/v1/images/{live['photo_id']}").json()
    assert info["motion_path"] == f"{folder}/live.mov"
    video = http.get(info["motion_url"])
    assert video.content == Path(folder, "live.mov").read_bytes()
    assert video.headers["content-type"] == "video/quicktime"
    still = http.get(f"/api/v1/images/{related.photo_id('cut.jpg')}/motion")
    assert (still.status_code, still.json()["error"]["code"]) == (404, "ORIGINAL_OFFLINE")
    reasons = {row["reason"]: row["count"] for row in http.get("/api/v1/skipped").json()["by_reason"]}
    assert reasons["video of a Live Photo"] == 1


def test_every_page_of_a_document_is_a_photo(http: TestClient, folder: str) -> None:
    pages = [hit for hit in found(http, folder=folder) if hit["file_name"] == "letter.tif"]
    assert sorted((hit["page"], hit["pages"]) for hit in pages) == [(1, 3), (2, 3), (3, 3)]
    assert len({hit["photo_id"] for hit in pages}) == 3
    second = next(hit for hit in pages if hit["page"] == 2)
    info = http.get(f"/api/v1/images/{second['photo_id']}").json()
    assert (info["page"], info["pages"]) == (2, 3)
    assert [file["path"] for file in info["files"]] == [f"{folder}/letter.tif"]


def test_what_people_wrote_is_shown_and_found(http: TestClient, related: SmallLibrary, folder: str) -> None:
    info = http.get(f"/api/v1/images/{related.photo_id('harbour.jpg')}").json()
    assert set(info["people"]) == set(PEOPLE)
    assert info["color_label"] == "Red"
    assert (info["city"], info["region"], info["country"], info["country_code"]) == (
        "Lisboa",
        "Lisboa",
        "Portugal",
        "PT",
    )
    assert (info["place_source"], info["taken_at_source"]) == ("file", "exif")
    assert http.get(f"/api/v1/images/{related.photo_id('letter.tif')}").json()["taken_at_source"] == "file_modified"
    for filters in (
        {"people": [PEOPLE[1]]},
        {"countries": ["Portugal"]},
        {"countries": ["pt"]},
        {"regions": ["Lisboa"]},
        {"cities": ["Lisboa"]},
        {"color_labels": ["Red"]},
    ):
        assert names(found(http, **filters)) == ["harbour-edit.jpg"], filters
    assert found(http, people=["Nobody"]) == []
    facets = http.get("/api/v1/browse/facets").json()
    assert {facet["value"]: facet["count"] for facet in facets["people"]} == dict.fromkeys(PEOPLE, 1)
    assert facets["countries"] == [{"value": "Portugal", "label": None, "count": 1}]
    assert facets["color_labels"] == [{"value": "Red", "label": None, "count": 1}]
