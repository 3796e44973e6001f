"""A person's word on photos over HTTP: captions, ratings, tags, hiding, folders. Search shows it in a moment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from running_app import running, wait_until
from small_library import CAPTIONS, SmallLibrary, draw_photo

from resources.inventory import take_inventory
from resources.manifest import outbox, signatures
from resources.watching import look


@pytest.fixture
def http(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own) as client:
        yield client


def found(http: TestClient, **body: Any) -> list[str]:
    return [hit["file_name"] for hit in http.post("/api/v1/search", json=body).json()["hits"]]


def newest(own: SmallLibrary) -> int:
    with own.library.manifest.read() as tx:
        return outbox.newest_seq(tx)


def detail_at(http: TestClient, path: str) -> str:
    return str(http.get(path.removesuffix("/caption")).json()["caption_at"])


def test_a_written_caption_stands_before_the_computed_one_until_it_is_taken_back(
    http: TestClient, own: SmallLibrary
) -> None:
    path = f"/api/v1/images/{own.photo_id('red.jpg')}/caption"
    written = http.put(path, json={"text": "  Grandma's birthday\n"})
    assert written.status_code == 200, written.text
    assert (written.json()["caption"], written.json()["caption_source"]) == ("Grandma's birthday", "written")
    assert (written.json()["caption_model"], bool(written.json()["caption_at"])) == (None, True)
    wait_until(lambda: found(http, text="birthday", mode="words") == ["red.jpg"], 10)
    [hit] = http.post("/api/v1/search", json={"text": "birthday", "mode": "words"}).json()["hits"]
    assert (hit["caption_source"], hit["caption_model"], hit["caption_at"]) == ("written", None, detail_at(http, path))
    before = newest(own)
    assert http.put(path, json={"text": "Grandma's birthday"}).json()["caption"] == "Grandma's birthday"
    assert newest(own) == before, "the same again is no change"
    detail = http.get(path.removesuffix("/caption")).json()
    assert (detail["caption_source"], detail["caption_model"]) == ("written", None)
    back = http.delete(path).json()
    assert (back["caption"], back["caption_source"]) == (CAPTIONS["red.jpg"], "computed")
    assert (back["caption_model"], bool(back["caption_at"])) == ("captions-by-hand", True)
    assert back.pop("before") == "Grandma's birthday"
    assert http.delete(path).json() == {**back, "before": None}
    detail = http.get(path.removesuffix("/caption")).json()
    assert {name: detail[name] for name in back} == back
    wait_until(lambda: found(http, text="birthday", mode="words") == [], 10)
    nothing = http.delete(f"/api/v1/images/{own.photo_id('pink.jpg')}/caption").json()
    unsaid = ("caption", "caption_source", "caption_model", "caption_at", "before")
    assert nothing == dict.fromkeys(unsaid)


def test_a_caption_tells_what_a_person_had_written_before(http: TestClient, own: SmallLibrary) -> None:
    path = f"/api/v1/images/{own.photo_id('red.jpg')}/caption"
    before = [
        http.put(path, json={"text": "one"}).json()["before"],
        http.put(path, json={"text": "two"}).json()["before"],
        http.delete(path).json()["before"],
        http.delete(path).json()["before"],
    ]
    assert before == [None, "one", "two", None], "what a model says is no person's word"


def test_ratings_and_tags_of_one_photo(http: TestClient, own: SmallLibrary) -> None:
    photo = f"/api/v1/images/{own.photo_id('green.jpg')}"
    assert http.put(f"{photo}/rating", json={"rating": 5}).json() == {"rating": 5}
    assert http.post(f"{photo}/tags", json={"tags": ["holiday", " Places|Spain "]}).json() == {
        "tags": ["Places|Spain", "holiday"]
    }
    wait_until(lambda: found(http, filters={"rating_min": 5}) == ["green.jpg"], 10)
    wait_until(lambda: found(http, filters={"tags": ["holiday"]}) == ["green.jpg"], 10)
    before = newest(own)
    assert http.post(f"{photo}/tags", json={"tags": ["holiday"]}).json()["tags"] == ["Places|Spain", "holiday"]
    assert http.put(f"{photo}/rating", json={"rating": 5}).json() == {"rating": 5}
    assert newest(own) == before
    assert http.request("DELETE", f"{photo}/tags", params={"tag": ["holiday", "never"]}).json() == {
        "tags": ["Places|Spain"]
    }
    assert http.get(f"{photo}/tags").json() == {"tags": ["Places|Spain"]}
    assert http.delete(f"{photo}/rating").json() == {"rating": None}
    wait_until(lambda: found(http, filters={"tags": ["holiday"]}) == [], 10)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "images/{}/caption", {"text": "words"}),
        ("DELETE", "images/{}/caption", None),
        ("PUT", "images/{}/rating", {"rating": 3}),
        ("DELETE", "images/{}/rating", None),
        ("GET", "images/{}/tags", None),
        ("POST", "images/{}/tags", {"tags": ["a"]}),
        ("DELETE", "images/{}/tags?tag=a", None),
        ("POST", "hidden", {"photo_ids": ["{}"]}),
        ("POST", "hidden/show", {"photo_ids": ["{}"]}),
    ],
)
def test_a_photo_that_does_not_exist_is_not_found(client: TestClient, method: str, path: str, body: Any) -> None:
    photo_id = str(uuid4())
    content = json.loads(json.dumps(body).replace("{}", photo_id)) if body and "photo_ids" in body else body
    reply = client.request(method, f"/api/v1/{path.format(photo_id)}", json=content)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "PHOTO_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "caption", {"text": "   "}),
        ("PUT", "caption", {"text": "x" * 4001}),
        ("PUT", "caption", {"text": "a\x00b"}),
        ("PUT", "rating", {"rating": 6}),
        ("PUT", "rating", {}),
        ("POST", "tags", {"tags": []}),
        ("POST", "tags", {"tags": ["good", "a||b"]}),
        ("DELETE", "tags", None),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_changed(
    http: TestClient, own: SmallLibrary, method: str, path: str, body: Any
) -> None:
    photo = f"/api/v1/images/{own.photo_id('green.jpg')}"
    before = newest(own)
    reply = http.request(method, f"{photo}/{path}", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "INVALID_REQUEST")
    assert newest(own) == before
    assert http.get(f"{photo}/tags").json() == {"tags": []}


def test_hidden_photos_leave_search_are_listed_with_their_paths_and_come_back(
    http: TestClient, own: SmallLibrary
) -> None:
    gold = own.photo_id("gold.jpg")
    changed = http.post("/api/v1/hidden", json={"photo_ids": [gold]})
    assert changed.json() == {"photo_ids": [gold], "total": 1}
    assert http.post("/api/v1/hidden", json={"photo_ids": [gold]}).json() == {"photo_ids": [], "total": 1}
    wait_until(lambda: "gold.jpg" not in found(http), 10)
    own.take_in()  # the next scan does not bring it back
    listed = http.get("/api/v1/hidden").json()
    paths = [str(own.photos / "Garden/gold.jpg"), str(own.photos / "Lisbon 2023/gold again.jpg")]
    assert (listed["total"], [photo["paths"] for photo in listed["photos"]]) == (1, [paths])
    assert http.get(listed["photos"][0]["thumbnail_url"]).status_code == 200
    plain = http.get("/api/v1/hidden/paths")
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.text == "".join(f"{path}\n" for path in paths)
    assert http.get("/api/v1/hidden/paths", params={"end": "nul"}).content.count(b"\0") == 2
    shown = http.post("/api/v1/hidden/show", json={"photo_ids": [gold]})
    assert shown.json() == {"photo_ids": [gold], "total": 0}
    wait_until(lambda: "gold.jpg" in found(http), 10)


def _own_folder(own: SmallLibrary, photos: int) -> str:
    folder = own.settings.home.parent / "Own"
    for number in range(photos):
        draw_photo(folder / f"day/p{number}.jpg", "red", "white", 200 + number, (64, 48))
    root = own.add_folder(folder)
    own.take_in()
    return root.root_id


def test_a_folder_moves_with_its_photos_and_is_removed(http: TestClient, own: SmallLibrary) -> None:
    root_id = _own_folder(own, 2)
    old, new = own.settings.home.parent / "Own", own.settings.home.parent / "Elsewhere"
    photo_id = own.photo_id("p0.jpg")
    refused = http.post("/api/v1/folders/move", json={"old": str(old), "new": str(new)})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "DIR_NOT_FOUND")
    shutil.move(old, new)
    moved = http.post("/api/v1/folders/move", json={"old": str(old), "new": str(new)})
    assert moved.json() == {"old": str(old), "new": str(new), "roots": 1, "files": 2, "photos": 2}
    assert http.get(f"/api/v1/images/{photo_id}").json()["paths"] == [str(new / "day/p0.jpg")]
    wait_until(lambda: len(found(http, filters={"folder": str(new)})) == 2, 10)
    unknown = http.post("/api/v1/folders/move", json={"old": "/nowhere", "new": str(new)})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "ROOT_NOT_FOUND")

    removed = http.delete(f"/api/v1/folders/{root_id}")
    assert removed.json() == {"path": str(new), "photos": 2}
    wait_until(lambda: len(found(http)) == 8, 10)
    assert http.delete(f"/api/v1/folders/{root_id}").json()["error"]["code"] == "ROOT_NOT_FOUND"
    assert http.post("/api/v1/folders/none/accept-missing").json()["error"]["code"] == "ROOT_NOT_FOUND"


def test_missing_vanished_and_offline_are_listed_with_counts(http: TestClient, own: SmallLibrary) -> None:
    root_id = _own_folder(own, 24)
    folder = own.settings.home.parent / "Own"
    for number in range(23):
        (folder / f"day/p{number}.jpg").unlink()
    with own.library.manifest.read() as tx:
        keys = list(signatures.by_key(tx))
    take_inventory(own.library.manifest, keys)
    listed = http.get("/api/v1/folders/missing").json()
    assert (listed["total"], listed["folders"]) == (0, [])
    assert [each["root_id"] for each in listed["vanished"]] == [root_id]
    # Nobody can tell from afar which of them are there: all are shown as offline, wherever it is said.
    wait_until(lambda: len(found(http, q="is:offline")) == 24, 10)
    shown = http.get(f"/api/v1/images/{own.photo_id('p23.jpg')}").json()
    assert (shown["offline"], [file["reachable"] for file in shown["files"]]) == (True, [False])

    accepted = http.post(f"/api/v1/folders/{root_id}/accept-missing").json()
    assert (accepted["gone"], accepted["folder"]["state"], accepted["folder"]["missing"]) == (23, "online", 23)
    listed = http.get("/api/v1/folders/missing").json()
    [missing] = listed["folders"]
    assert (missing["path"], missing["files"], missing["photos"]) == (str(folder / "day"), 23, 23)
    assert (listed["total"], listed["purge_missing_days"], listed["vanished"]) == (23, 30, [])
    wait_until(lambda: len(found(http)) == 9, 10)
    assert (found(http, q="is:offline"), found(http, filters={"offline": True})) == ([], [])

    seq = newest(own)
    folder.rename(folder.with_name("Unplugged"))
    look(own.library.manifest)
    assert [each["root_id"] for each in http.get("/api/v1/folders/missing").json()["offline"]] == [root_id]
    wait_until(lambda: found(http, q="is:offline") == ["p23.jpg"], 10)
    assert len(found(http, q="-is:offline")) == len(found(http, filters={"offline": False})) == 8
    assert {hit["file_name"]: hit["offline"] for hit in http.post("/api/v1/search", json={}).json()["hits"]} == {
        **dict.fromkeys(found(http, q="-is:offline"), False),
        "p23.jpg": True,
    }
    assert http.post("/api/v1/search/facets", json={"q": "is:offline"}).json()["total"] == 1
    assert newest(own) == seq, "not a photo was written anew"
    refused = http.post(f"/api/v1/folders/{root_id}/accept-missing")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ROOT_OFFLINE")
    folder.with_name("Unplugged").rename(folder)
    look(own.library.manifest)
    wait_until(lambda: found(http, q="is:offline") == [], 10)


def test_every_edit_is_documented_with_an_example(client: TestClient) -> None:
    spec = client.get("/api/v1/openapi.json").json()
    for name in ("WriteCaption", "GiveRating", "AddTags", "NamedPhotos", "MoveFolder"):
        properties = spec["components"]["schemas"][name]["properties"]
        assert any("examples" in each for each in properties.values()), name
