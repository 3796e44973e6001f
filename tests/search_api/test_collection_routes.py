"""Collections over HTTP: lists, numbers, samples, renaming, merging, splitting, deleting; search shows each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import running, wait_until
from small_library import SmallLibrary

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import Transaction, collections, duplicates, jobs, saved_searches
from resources.vector_index import Like
from search_api import deletions, recent_uses
from search_api.recent_uses import RecentUses, collections_in

URL = "/api/v1/collections"


@pytest.fixture
def http(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own, model=False) as client:
        yield client


def made(http: TestClient, name: str, **photos: Any) -> dict[str, Any]:
    reply = http.post(URL, json={"name": name, "photos": photos} if photos else {"name": name})
    assert reply.status_code == 201, reply.text
    created: dict[str, Any] = reply.json()
    return created


def inside(http: TestClient, name: str) -> list[str]:
    body = {"filters": {"collections": [name]}}
    return sorted(hit["file_name"] for hit in http.post("/api/v1/search", json=body).json()["hits"])


def error(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_collection_tells_what_is_in_it(http: TestClient, own: SmallLibrary) -> None:
    assert made(http, "Empty")["cover_photo_id"] is None
    created = made(http, "Lisbon", query={"q": "folder:Lisbon*"})
    assert created["photos"] == 5
    wait_until(lambda: len(inside(http, "Lisbon")) == 5, 10)
    http.put(f"/api/v1/images/{own.photo_id('green.jpg')}/rating", json={"rating": 5})
    http.post("/api/v1/hidden", json={"photo_ids": [own.photo_id("red.jpg")]})

    told = http.get(f"{URL}/Lisbon").json()
    assert told["size_bytes"] == sum(path.stat().st_size for path in own.photos.rglob("Lisbon*/**/*") if path.is_file())
    assert told["cover_photo_id"] == own.photo_id("green.jpg")
    assert http.get(told["cover_url"]).headers["content-type"] == "image/jpeg"
    counted = told["statistics"]
    assert (counted["shown"], counted["hidden"], counted["missing"], counted["rated"]) == (4, 1, 0, 1)
    assert counted["formats"] == [{"value": "JPEG", "photos": 3}, {"value": "PNG", "photos": 1}]
    assert {each["value"]: each["photos"] for each in counted["cameras"]} == {"FUJIFILM X-T5": 3}
    assert (counted["taken_first"], counted["undated"]) == ("2023-06-19T10:30:00", 0)
    assert counted["taken_last"] >= "2023-08-12T10:30:00"
    assert len(told["samples"]) == 4
    listed = {each["name"]: each for each in http.get(URL).json()["collections"]}
    assert listed["Lisbon"] == {name: told[name] for name in listed["Lisbon"]}
    assert (listed["Empty"]["photos"], listed["Empty"]["size_bytes"]) == (0, 0)
    wait_until(lambda: http.get(f"{URL}/Lisbon").json()["last_searched_at"] is not None, 15)
    assert http.get(f"{URL}/Empty").json()["last_searched_at"] is None
    assert error(http.get(f"{URL}/None")) == (404, "COLLECTION_NOT_FOUND")


def test_members_are_paged_and_taken_out(http: TestClient, own: SmallLibrary) -> None:
    made(http, "All", query={})
    first = http.get(f"{URL}/All/photos", params={"limit": 5}).json()
    rest = http.get(f"{URL}/All/photos", params={"limit": 5, "offset": first["next_offset"]}).json()
    assert (first["next_offset"], rest["next_offset"]) == (5, None)
    ids = [photo["photo_id"] for photo in (*first["photos"], *rest["photos"])]
    assert len(set(ids)) == 8
    wait_until(lambda: len(inside(http, "All")) == 8, 10)
    removed = http.request("DELETE", f"{URL}/All/photos", json={"photo_ids": ids[:3]}).json()
    assert (removed["removed"], removed["collection"]["photos"]) == (3, 5)
    wait_until(lambda: len(inside(http, "All")) == 5, 10)
    assert http.request("DELETE", f"{URL}/All/photos", json={"photo_ids": ids[:3]}).json()["removed"] == 0


def test_a_collection_is_renamed_and_given_a_cover(http: TestClient, own: SmallLibrary) -> None:
    made(http, "Old", photo_ids=[own.photo_id("red.jpg"), own.photo_id("green.jpg")])
    made(http, "Taken")
    assert error(http.patch(f"{URL}/Old", json={"name": "Taken"})) == (409, "COLLECTION_EXISTS")
    refused = http.patch(f"{URL}/Old", json={"name": "a/b"})
    assert error(refused) == (422, "INVALID_REQUEST")
    assert "A name can have no / and no line ends." in refused.json()["error"]["message"]
    outside = {"cover_photo_id": own.photo_id("gold.jpg")}
    assert error(http.patch(f"{URL}/Old", json=outside)) == (404, "PHOTO_NOT_FOUND")
    changed = http.patch(f"{URL}/Old", json={"name": "New", "cover_photo_id": own.photo_id("red.jpg")}).json()
    assert (changed["name"], changed["photos"], changed["cover_photo_id"]) == ("New", 2, own.photo_id("red.jpg"))
    wait_until(lambda: inside(http, "New") == ["green.jpg", "red.jpg"], 10)
    assert inside(http, "Old") == []
    assert http.patch(f"{URL}/New", json={"cover_photo_id": None}).json()["cover_photo_id"] == own.photo_id("green.jpg")


def test_collections_are_merged_and_split(http: TestClient, own: SmallLibrary) -> None:
    red, green, gold = (own.photo_id(f"{name}.jpg") for name in ("red", "green", "gold"))
    made(http, "A", photo_ids=[red])
    made(http, "B", photo_ids=[red, green])
    made(http, "C", photo_ids=[gold])
    assert error(http.post(f"{URL}/A/merge", json={"sources": ["A"]})) == (422, "INVALID_REQUEST")
    assert error(http.post(f"{URL}/A/merge", json={"sources": ["B", "None"]})) == (404, "COLLECTION_NOT_FOUND")
    assert http.get(f"{URL}/A").json()["photos"] == 1, "all or nothing"
    kept = http.post(f"{URL}/A/merge", json={"sources": ["C"], "keep": True}).json()
    merged = http.post(f"{URL}/A/merge", json={"sources": ["B"]}).json()
    assert (kept["added"], merged["added"], merged["collection"]["photos"]) == (1, 1, 3)
    assert sorted(each["name"] for each in http.get(URL).json()["collections"]) == ["A", "C"]
    wait_until(lambda: len(inside(http, "A")) == 3, 10)

    assert error(http.post(f"{URL}/A/split", json={"into": "C", "query": {}})) == (409, "COLLECTION_EXISTS")
    divided = http.post(f"{URL}/A/split", json={"into": "Circles", "query": {"q": "camera:X-T5"}}).json()
    names = {photo["file_name"] for photo in http.get(f"{URL}/Circles/photos").json()["photos"]}
    assert names == {"green.jpg", "gold.jpg"}, "of what the query finds only what was in it"
    assert (divided["moved"], divided["collection"]["photos"], divided["into"]["photos"]) == (2, 1, 2)
    wait_until(lambda: (inside(http, "A"), len(inside(http, "Circles"))) == (["red.jpg"], 2), 10)


def test_deleting_needs_a_word_that_is_true_for_what_is_there(http: TestClient, own: SmallLibrary) -> None:
    made(http, "Gone", photo_ids=[own.photo_id("red.jpg")])
    refused = http.delete(f"{URL}/Gone")
    assert error(refused) == (409, "CONFIRMATION_NEEDED")
    token = refused.json()["error"]["details"]["token"]
    http.post(f"{URL}/Gone/photos", json={"photo_ids": [own.photo_id("green.jpg")]})
    assert error(http.delete(f"{URL}/Gone", params={"confirm": token})) == (409, "CONFIRMATION_NEEDED")
    token = http.delete(f"{URL}/Gone").json()["error"]["details"]["token"]
    wait_until(lambda: len(inside(http, "Gone")) == 2, 10)
    done = http.delete(f"{URL}/Gone", params={"confirm": token})
    assert (done.status_code, done.json()) == (200, {"name": "Gone", "photos": 2, "job_id": None})
    wait_until(lambda: inside(http, "Gone") == [], 10)
    assert error(http.get(f"{URL}/Gone")) == (404, "COLLECTION_NOT_FOUND")


def test_a_large_one_is_deleted_by_a_job_that_outlives_a_restart(
    own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "_BATCH", 3)
    with running(own, model=False) as http:
        made(http, "Large", query={})
        wait_until(lambda: len(inside(http, "Large")) == 8, 10)
    # As a request leaves it whose process ended before the thread began.
    with own.library.manifest.write() as tx:
        begun = deletions.CollectionDeletions(own.library)
        job_id = begun.begin(tx, "Large", 8, large=7)
    begun.close()
    assert job_id is not None
    with own.library.manifest.write() as tx, pytest.raises(LoupeError) as refused:
        jobs.ask_cancel(tx, job_id)
    assert refused.value.code == "JOB_NOT_CANCELLABLE", "the collection is gone: its photos must follow"
    drop, failed = collections.drop_members, list[str]()

    def busy_once(tx: Transaction, collection_id: str, most: int) -> int:
        if not failed:
            failed.append(collection_id)
            raise LoupeError("MANIFEST_BUSY", "Another program has the file open.")
        return drop(tx, collection_id, most)

    monkeypatch.setattr(collections, "drop_members", busy_once)
    monkeypatch.setattr(deletions, "_AGAIN_S", 0.1)
    with running(own, model=False) as http:
        wait_until(lambda: http.get(f"/api/v1/jobs/{job_id}").json()["state"] == "done", 20)
        job = http.get(f"/api/v1/jobs/{job_id}").json()
        assert (job["kind"], job["target"], job["done"], job["total"]) == ("delete_collection", "Large", 8, 8)
        wait_until(lambda: inside(http, "Large") == [], 10)
    with own.library.manifest.read() as tx:
        assert tx.value("SELECT count(*) FROM collection_photos") == 0
        assert jobs.unfinished(tx, "delete_collection") == []


def test_duplicates_of_a_collection(http: TestClient, own: SmallLibrary) -> None:
    red, green, gold = (own.photo_id(f"{name}.jpg") for name in ("red", "green", "gold"))
    made(http, "A", photo_ids=[red, green])
    rows = [
        {"group_id": group, "tier": "similar", "photo_id": photo_id, "position": position, "reasons": [], "score": 0.9}
        for group, members in (("g1", [green, red, gold]), ("g2", [gold, red]))
        for position, photo_id in enumerate(members)
    ]
    with own.library.manifest.write() as tx:
        duplicates.replace_groups(tx, rows)
    [group] = http.get(f"{URL}/A/duplicates").json()["groups"]
    assert (group["group_id"], [photo["file_name"] for photo in group["photos"]]) == ("g1", ["green.jpg", "red.jpg"])
    for what in ("duplicates", "photos"):
        assert error(http.get(f"{URL}/None/{what}")) == (404, "COLLECTION_NOT_FOUND")


def test_a_search_is_noted_at_the_collections_that_it_asks_for_alone() -> None:
    from resources.search import SearchRequest, asking

    condition = asking('in:"Summer 2021" -in:Work (in:a OR in:b) beach', SearchRequest()).filters.condition()
    assert collections_in(condition) == {Like("collections", (name,), "glob") for name in ("Summer 2021", "a", "b")}


def test_a_collection_of_many_is_counted_by_files_not_pages(own: SmallLibrary) -> None:
    photo_id = own.photo_id("red.jpg")
    with own.library.manifest.write() as tx:
        collections.create(tx, "Pages")
        size = tx.value("SELECT size_bytes FROM photos WHERE photo_id = ?", [photo_id])
        tx.execute(
            "INSERT INTO photos BY NAME "
            "SELECT * REPLACE ('other' AS photo_id, 2 AS page) FROM photos WHERE photo_id = ?",
            [photo_id],
        )
        assert collections.add_photos(tx, "Pages", [photo_id, "other"]) == 2
        told = collections.get(tx, "Pages")
        assert (told["photos"], told["size_bytes"], told["cover_photo_id"]) == (2, size, photo_id)
        collections.note_searched(tx, ["Pages"], utc_now())
        assert collections.get(tx, "Pages")["last_searched_at"] is not None


@pytest.mark.parametrize("asked", ["in:summer*", "in:ete", "in:ÉTÉ -in:Summer", "(in:ete OR in:none) -rating:5"])
def test_a_collection_is_searched_however_it_is_named(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(recent_uses, "_AT_MOST_EVERY_S", 0.05)
    for name in ("Summer 2021", "Été", "Else"):
        made(http, name)
    assert http.post("/api/v1/search", json={"q": asked}).status_code == 200

    def searched() -> list[str]:
        listed = http.get(URL).json()["collections"]
        return [each["name"] for each in listed if each["last_searched_at"] is not None]

    wait_until(lambda: bool(searched()), 5)
    assert searched() == ["Summer 2021" if "*" in asked else "Été"]


def test_what_cannot_be_noted_keeps_nothing_after_it_from_being_noted(
    own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_uses, "_AT_MOST_EVERY_S", 0.05)
    library: Library = own.library
    with library.manifest.write() as tx:
        saved_searches.create(tx, "Sea", {})
    uses = RecentUses(library)

    def last_count() -> int | None:
        with library.manifest.read() as tx:
            count: int | None = saved_searches.get(tx, "Sea")["last_count"]
        return count

    try:
        uses.saved_search("half a character: \ud800", 1)
        wait_until(lambda: not uses._run, 5)
        uses.saved_search("Sea", 7)
        wait_until(lambda: last_count() == 7, 5)
    finally:
        uses.close()
