"""Many photos changed at once over HTTP, and searches that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from running_app import running, wait_until
from small_library import SmallLibrary

from resources.manifest import outbox, saved_searches
from resources.search import fusion, photo_search
from search_api import live_index

BULK, SAVED = "/api/v1/bulk", "/api/v1/saved-searches"


@pytest.fixture
def http(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own, model=False) as client:
        yield client


def found(http: TestClient, q: str) -> set[str]:
    return {hit["file_name"] for hit in http.get("/api/v1/search", params={"q": q}).json()["hits"]}


def bulk(http: TestClient, step: dict[str, Any], dry: bool = False, **chosen: Any) -> Any:
    return http.post(f"{BULK}/dry-run" if dry else BULK, json={"step": step, **chosen})


def error(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def newest(own: SmallLibrary) -> int:
    with own.library.manifest.read() as tx:
        return outbox.newest_seq(tx)


def test_a_query_is_tagged_as_the_dry_run_said_and_search_shows_it(http: TestClient, own: SmallLibrary) -> None:
    garden = {"query": {"q": "folder:Garden"}}
    before = newest(own)
    tagging = {"do": "tag", "tags": ["garden", "Places|Home"]}
    assert bulk(http, tagging, dry=True, **garden).json() == {"photos": 4, "changed": 8}
    assert newest(own) == before
    assert http.get("/api/v1/audit").json()["changes"] == []
    assert error(bulk(http, tagging, expected=5, **garden)) == (409, "SELECTION_CHANGED")
    assert bulk(http, tagging, expected=4, **garden).json() == {"photos": 4, "changed": 8}
    wait_until(lambda: len(found(http, "tag:garden")) == 4, 10)
    assert bulk(http, tagging, **garden).json() == {"photos": 4, "changed": 0}
    [again, first] = http.get("/api/v1/audit").json()["changes"]
    assert (first["action"], first["affected"], again["affected"]) == ("POST /bulk", 8, 0)
    assert bulk(http, {"do": "untag", "tags": ["garden"]}, **garden).json()["changed"] == 4
    wait_until(lambda: found(http, "tag:garden") == set(), 10)
    assert len(found(http, 'tag:"Places|Home"')) == 4


def test_a_selection_is_rated_and_hidden(http: TestClient, own: SmallLibrary) -> None:
    chosen = {"photo_ids": [own.photo_id("red.jpg"), own.photo_id("blue.png"), own.photo_id("red.jpg")]}
    assert bulk(http, {"do": "rate", "rating": 4}, **chosen).json() == {"photos": 2, "changed": 2}
    wait_until(lambda: found(http, "rating:4") == {"red.jpg", "blue.png"}, 10)
    assert bulk(http, {"do": "hide"}, dry=True, query={"q": "rating:4"}).json() == {"photos": 2, "changed": 2}
    assert bulk(http, {"do": "hide"}, query={"q": "rating:4"}).json() == {"photos": 2, "changed": 2}
    wait_until(lambda: found(http, "rating:4") == set(), 10)
    assert len(found(http, "")) == 6


def test_a_change_is_undone_as_its_reply_says(
    http: TestClient, own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, blue, white = (own.photo_id(name) for name in ("red.jpg", "blue.png", "white.jpg"))
    chosen = {"photo_ids": [red, blue, white]}
    http.put(f"/api/v1/images/{red}/rating", json={"rating": 2})
    http.put(f"/api/v1/images/{blue}/rating", json={"rating": None})
    http.post(f"/api/v1/images/{red}/tags", json={"tags": ["sea"]})

    def shown() -> list[tuple[Any, Any]]:
        replies = [http.get(f"/api/v1/images/{photo_id}").json() for photo_id in chosen["photo_ids"]]
        return [(reply["rating"], reply["tags"]) for reply in replies]

    before = shown()
    rated = bulk(http, {"do": "rate", "rating": 5}, undo=True, **chosen).json()
    assert [each["step"] for each in rated["undo"]] == [
        {"do": "rate", "rating": 2},
        {"do": "rate", "rating": None},
        {"do": "unrate"},
    ]
    tagged = bulk(http, {"do": "tag", "tags": ["sea"]}, undo=True, **chosen).json()
    hidden = bulk(http, {"do": "hide"}, undo=True, **chosen).json()
    wait_until(lambda: len(found(http, "")) == 5, 10)
    for done, changes in ((hidden, 3), (tagged, 2), (rated, 3)):
        reply = http.post(f"{BULK}/undo", json={"undo": done["undo"]})
        assert (reply.status_code, reply.json()) == (200, {"photos": changes, "changed": changes})
    assert shown() == before
    wait_until(lambda: len(found(http, "")) == 8, 10)
    newest_row = http.get("/api/v1/audit").json()["changes"][0]
    assert (newest_row["action"], newest_row["affected"]) == ("POST /bulk/undo", 3)
    again = http.post(f"{BULK}/undo", json={"undo": rated["undo"]}).json()
    assert again == {"photos": 3, "changed": 0}
    gone = [{"photo_ids": [str(uuid4()), red], "step": {"do": "tag", "tags": ["known"]}}]
    assert http.post(f"{BULK}/undo", json={"undo": gone}).json() == {"photos": 1, "changed": 1}
    monkeypatch.setattr("search_api.routers.bulk.MOST_UNDONE", 2)
    assert "undo" not in bulk(http, {"do": "rate", "rating": 1}, undo=True, **chosen).json()


def test_a_collection_that_was_made_is_taken_back_unless_others_came_in(http: TestClient, own: SmallLibrary) -> None:
    red, blue, white = (own.photo_id(name) for name in ("red.jpg", "blue.png", "white.jpg"))

    def held() -> dict[str, int]:
        return {each["name"]: each["photos"] for each in http.get("/api/v1/collections").json()["collections"]}

    def made(name: str, **photos: Any) -> Any:
        return http.post("/api/v1/collections", json={"name": name, **photos, "undo": True}).json()["undo"]

    def undone(undo: Any) -> Any:
        return http.post(f"{BULK}/undo", json={"undo": undo})

    empty, three = made("Empty"), made("Three", photos={"photo_ids": [red, blue, white]})
    split = http.post(
        "/api/v1/collections/Three/split", json={"photo_ids": [red, blue], "into": "Two", "undo": True}
    ).json()["undo"]
    assert held() == {"Empty": 0, "Three": 1, "Two": 2}
    http.post("/api/v1/collections/Two/photos", json={"photo_ids": [white]}).raise_for_status()
    http.request("DELETE", "/api/v1/collections/Two/photos", json={"photo_ids": [blue]}).raise_for_status()
    assert error(undone(split)) == (409, "COLLECTION_CHANGED")  # as many photos, and not the same
    assert held() == {"Empty": 0, "Three": 1, "Two": 2}
    http.request("DELETE", "/api/v1/collections/Two/photos", json={"photo_ids": [white]}).raise_for_status()
    http.post("/api/v1/collections/Two/photos", json={"photo_ids": [blue]}).raise_for_status()
    for undo in (split, three, empty):
        assert undone(undo).status_code == 200
    assert held() == {}
    assert error(undone(three)) == (404, "COLLECTION_NOT_FOUND")


def test_what_would_be_too_much_to_undo_is_not_gathered(
    http: TestClient, own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("search_api.routers.bulk.undoing", lambda *args: asked.append(args) or [])
    monkeypatch.setattr("search_api.routers.bulk.MOST_UNDONE", 2)
    chosen = {"photo_ids": [own.photo_id(name) for name in ("red.jpg", "blue.png", "white.jpg")]}
    assert bulk(http, {"do": "rate", "rating": 1}, undo=True, **chosen).json() == {"photos": 3, "changed": 3}
    assert asked == []


def test_photos_come_into_collections_and_move_between_them(http: TestClient) -> None:
    for name in ("Inbox", "Best"):
        http.post("/api/v1/collections", json={"name": name})
    assert bulk(http, {"do": "add", "collection": "Inbox"}, query={}).json() == {"photos": 8, "changed": 8}
    moving = {"do": "move", "source": "Inbox", "collection": "Best"}
    assert bulk(http, moving, query={"q": "camera:X-T5"}).json() == {"photos": 4, "changed": 4}
    assert bulk(http, moving, query={"q": "camera:X-T5"}).json() == {"photos": 4, "changed": 0}
    taking = {"do": "remove", "collection": "Inbox"}
    assert bulk(http, taking, query={"q": "folder:Garden"}).json() == {"photos": 4, "changed": 2}
    counts = {each["name"]: each["photos"] for each in http.get("/api/v1/collections").json()["collections"]}
    assert counts == {"Inbox": 2, "Best": 4}
    assert error(bulk(http, {**moving, "collection": "Inbox"}, query={})) == (422, "INVALID_REQUEST")
    assert error(bulk(http, {**moving, "source": "None"}, query={})) == (404, "COLLECTION_NOT_FOUND")


def test_the_next_request_sees_what_the_one_before_changed(
    http: TestClient, own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_index, "_SHOWN_WITHIN_S", 60.0)  # on a machine that does much else too
    garden = {"query": {"q": "folder:Garden"}}
    http.post("/api/v1/collections", json={"name": "All"})
    for step in range(4):
        assert bulk(http, {"do": "add", "collection": "All"}, **garden).json()["photos"] == 4
        split = http.post("/api/v1/collections/All/split", json={"query": {"q": "in:All"}, "into": f"Part {step}"})
        assert split.json()["moved"] == 4
        assert (
            bulk(http, {"do": "tag", "tags": [f"step {step}"]}, query={"q": f'in:"Part {step}"'}).json()["photos"] == 4
        )
        assert len(found(http, f'tag:"step {step}"')) == 4
        photo = http.post("/api/v1/search", json={"q": f'in:"Part {step}"'}).json()["hits"][0]
        http.put(f"/api/v1/images/{photo['photo_id']}/rating", json={"rating": 1 + step})
        assert found(http, f'rating:{1 + step} tag:"step {step}"') == {photo["file_name"]}
        asked = http.delete(f"/api/v1/collections/Part {step}")
        token = asked.json()["error"]["details"]["token"]
        http.delete(f"/api/v1/collections/Part {step}", params={"confirm": token})
        assert found(http, f'in:"Part {step}"') == set()
        assert bulk(http, {"do": "untag", "tags": [f"step {step}"]}, **garden).json()["changed"] == 4


def test_what_cannot_be_done_for_all_is_done_for_none(http: TestClient, own: SmallLibrary) -> None:
    before = newest(own)
    known = own.photo_id("red.jpg")
    unknown = {"photo_ids": [known, str(uuid4())]}
    assert error(bulk(http, {"do": "tag", "tags": ["a"]}, **unknown)) == (404, "PHOTO_NOT_FOUND")
    assert error(bulk(http, {"do": "tag", "tags": ["good", "a||b"]}, photo_ids=[known])) == (422, "INVALID_REQUEST")
    assert error(bulk(http, {"do": "hide"})) == (422, "INVALID_REQUEST")
    assert error(bulk(http, {"do": "hide"}, query={}, photo_ids=[known])) == (422, "INVALID_REQUEST")
    assert error(bulk(http, {"do": "burn"}, query={})) == (422, "INVALID_REQUEST")
    assert error(bulk(http, {"do": "hide"}, query={"q": "tag:("})) == (422, "QUERY_INVALID")
    assert newest(own) == before


def test_a_search_is_kept_run_changed_and_forgotten(http: TestClient) -> None:
    query = {"q": "camera:X-T5", "sort": "oldest", "filter": {"not": {"field": "tag", "value": "x"}}, "offset": 2}
    saved = http.post(SAVED, json={"name": " Fuji ", "query": query})
    assert saved.status_code == 201, saved.text
    assert (saved.json()["name"], saved.json()["last_count"]) == ("Fuji", None)
    assert error(http.post(SAVED, json={"name": "Fuji", "query": {}})) == (409, "SAVED_SEARCH_EXISTS")
    assert error(http.post(SAVED, json={"name": "Bad", "query": {"q": "iso:many"}})) == (422, "QUERY_INVALID")

    first = http.get(f"{SAVED}/Fuji/results", params={"limit": 3}).json()
    rest = http.get(f"{SAVED}/Fuji/results", params={"limit": 3, "cursor": first["cursor"]}).json()
    assert [hit["file_name"] for hit in (*first["hits"], *rest["hits"])] == [
        *("green.jpg", "orange größe.jpg", "white.jpg", "gold.jpg")
    ]
    wait_until(lambda: http.get(f"{SAVED}/Fuji").json()["last_count"] == 4, 10)
    assert http.get(f"{SAVED}/Fuji").json()["last_run_at"] is not None

    renamed = http.patch(f"{SAVED}/Fuji", json={"name": "X-T5"}).json()
    assert (renamed["name"], renamed["last_count"], renamed["query"]["q"]) == ("X-T5", 4, "camera:X-T5")
    other = http.patch(f"{SAVED}/X-T5", json={"query": {"q": "camera:Canon"}}).json()
    assert (other["query"]["q"], other["last_count"]) == ("camera:Canon", None)
    assert error(http.patch(f"{SAVED}/X-T5", json={"query": {"q": "iso:many"}})) == (422, "QUERY_INVALID")
    assert [each["name"] for each in http.get(SAVED).json()["searches"]] == ["X-T5"]
    assert http.delete(f"{SAVED}/X-T5").status_code == 204
    for reply in (http.get(f"{SAVED}/X-T5/results"), http.get(f"{SAVED}/X-T5"), http.delete(f"{SAVED}/X-T5")):
        assert error(reply) == (404, "SAVED_SEARCH_NOT_FOUND")


def test_a_search_that_is_kept_counts_all_that_is_relevant(
    http: TestClient, own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, more in (("white.jpg", "wall"), ("gold.jpg", "wall sky"), ("pink.jpg", "wall sky sea")):
        said = f"circle red yellow blue green {more}"
        http.put(f"/api/v1/images/{own.photo_id(name)}/caption", json={"text": said}).raise_for_status()
    query = {"q": "circle", "mode": "words"}
    whole = http.post("/api/v1/search", json=query).json()
    assert (whole["relevant"], whole["relevant_exact"]) == (5, True)
    monkeypatch.setattr(fusion, "CANDIDATES", 1)
    monkeypatch.setattr(photo_search, "_DEEP", 2)
    monkeypatch.setattr(photo_search, "_FIRST", 1)
    http.post(SAVED, json={"name": "Shapes", "query": query})
    first = http.get(f"{SAVED}/Shapes/results", params={"limit": 1}).json()
    assert first["relevant"] < 5
    assert not first["relevant_exact"]
    wait_until(lambda: http.get(f"{SAVED}/Shapes").json()["last_count"] == 5, 10)


def test_a_search_that_another_version_kept_is_shown_and_told_of(http: TestClient, own: SmallLibrary) -> None:
    with own.library.manifest.write() as tx:
        saved_searches.create(tx, "Old", {"q": "beach", "dreams": 1})
    assert http.get(SAVED).json()["searches"][0]["query"] == {"q": "beach", "dreams": 1}
    assert error(http.get(f"{SAVED}/Old/results")) == (422, "QUERY_INVALID")
    assert http.delete(f"{SAVED}/Old").status_code == 204
