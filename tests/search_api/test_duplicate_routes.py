"""Groups of duplicates over HTTP: listed, called different, and put away with what a person gave them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from running_app import running
from small_library import SmallLibrary

from resources.duplicates import find_duplicates
from resources.manifest import Transaction, collections, tags


@pytest.fixture
def library(own: SmallLibrary) -> SmallLibrary:
    """With a smaller copy of one photo, and another photo in two files."""
    photos = own.settings.home.parent / "More"
    photos.mkdir()
    red = next(own.photos.rglob("red.jpg"))
    picture = Image.open(red)
    picture.resize((picture.width // 2, picture.height // 2)).save(photos / "red-small.jpg", quality=80)
    shutil.copyfile(next(own.photos.rglob("green.jpg")), photos / "green-copy.jpg")
    own.add_folder(photos)
    own.take_in()
    with own.library.manifest.write() as tx:
        tags.add(tx, [_id(own, "red-small.jpg", tx)], "for the wall")
        collections.create(tx, "Circles")
        collections.add_photos(tx, "Circles", [_id(own, "red-small.jpg", tx)])
    find_duplicates(own.library.manifest, own.library.home, None, limit_s=60)
    return own


def _id(small: SmallLibrary, name: str, tx: object) -> str:
    return str(tx.value("SELECT photo_id FROM files WHERE rel_path LIKE '%' || ?", [name]))  # type: ignore[attr-defined]


@pytest.fixture
def app(library: SmallLibrary) -> Iterator[TestClient]:
    with running(library) as client:
        yield client


def groups(app: TestClient, **query: str) -> list[dict[str, object]]:
    reply = app.get("/api/v1/duplicates/groups", params=query)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["groups"])


def test_groups_tell_what_differs_and_which_to_keep(app: TestClient, library: SmallLibrary) -> None:
    tiers = {row["tier"]: row["groups"] for row in app.get("/api/v1/duplicates").json()["tiers"]}
    assert (tiers["same_bytes"], tiers["same_picture"]) == (2, 1)
    [group] = groups(app, tier="same_picture")
    best, other = group["photos"]  # type: ignore[misc]
    assert (best["file_name"], other["file_name"]) == ("red.jpg", "red-small.jpg")
    assert group["reasons"][0] == "more_pixels"  # type: ignore[index]
    assert best["size_bytes"] > other["size_bytes"] > 0
    assert best["sharpness"] > 0
    assert other["likeness"] > 0.95
    copied = groups(app, tier="same_bytes")
    assert [len(each["photos"][0]["paths"]) for each in copied] == [2, 2]  # type: ignore[index]
    mine = app.get(f"/api/v1/images/{library.photo_id('red.jpg')}/duplicates").json()["groups"]
    assert [each["group_id"] for each in mine] == [group["group_id"]]


def test_keeping_the_best_hides_the_others_and_takes_over_what_a_person_gave(
    app: TestClient, library: SmallLibrary
) -> None:
    [group] = groups(app, tier="same_picture")
    asked = {"group_ids": [group["group_id"]]}
    planned = app.post("/api/v1/duplicates/keep", json={**asked, "dry_run": True}).json()
    assert (planned["hidden"], planned["kept"][0]["tags"], planned["kept"][0]["collections"]) == (1, 1, 1)
    assert groups(app, tier="same_picture") == [group]
    assert app.get("/api/v1/audit").json()["changes"] == [], "only said what it would do"
    done = app.post("/api/v1/duplicates/keep", json=asked)
    assert done.status_code == 200
    assert done.json()["kept"][0]["hidden"] == planned["kept"][0]["hidden"]
    assert [row["affected"] for row in app.get("/api/v1/audit").json()["changes"]] == [1]
    assert groups(app, tier="same_picture") == []
    kept = app.get(f"/api/v1/images/{library.photo_id('red.jpg')}").json()
    assert (kept["tags"], kept["collections"]) == (["for the wall"], ["Circles"])
    assert next(library.settings.home.parent.rglob("red-small.jpg")).exists()
    again = app.post("/api/v1/duplicates/keep", json={"group_ids": ["gone"]})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "DUPLICATE_GROUP_NOT_FOUND")


def test_keeping_one_is_taken_back_with_all_that_went_over(app: TestClient, library: SmallLibrary) -> None:
    kept, small = (f"/api/v1/images/{library.photo_id(name)}" for name in ("red.jpg", "red-small.jpg"))
    app.put(f"{kept}/rating", json={"rating": None}).raise_for_status()
    app.put(f"{small}/rating", json={"rating": 4}).raise_for_status()
    app.put(f"{small}/caption", json={"text": "by my own hand"}).raise_for_status()

    def said() -> list[dict[str, object]]:
        fields = ("rating", "tags", "collections", "caption", "caption_source")
        shown = [app.get(photo).json() for photo in (kept, small)]
        with library.library.manifest.read() as tx:
            given = tx.execute("SELECT photo_id, rating FROM given_ratings ORDER BY ALL").fetchall()
            hidden = tx.execute("SELECT photo_id FROM photos WHERE hidden_at IS NOT NULL").fetchall()
        return [*({name: photo[name] for name in fields} for photo in shown), {"given": given, "hidden": hidden}]

    before = said()
    [group] = groups(app, tier="same_picture")
    asked = {"group_ids": [group["group_id"]]}
    assert "undo" not in app.post("/api/v1/duplicates/keep", json={**asked, "undo": True, "dry_run": True}).json()
    undo = app.post("/api/v1/duplicates/keep", json={**asked, "undo": True}).json()["undo"]
    after = app.get(kept).json()
    assert (after["rating"], after["tags"], after["caption"]) == (4, ["for the wall"], "by my own hand")
    app.post("/api/v1/bulk/undo", json={"undo": undo}).raise_for_status()
    assert said() == before
    assert groups(app, tier="same_picture") == [group]


def test_all_groups_or_none(app: TestClient) -> None:
    [group] = groups(app, tier="same_picture")
    copies = groups(app, tier="same_bytes")[0]
    reply = app.post("/api/v1/duplicates/keep", json={"group_ids": [group["group_id"], copies["group_id"]]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "INVALID_REQUEST")
    assert groups(app, tier="same_picture") == [group]


def test_what_a_person_calls_different_comes_apart_and_back(app: TestClient, library: SmallLibrary) -> None:
    ids = [library.photo_id("red.jpg"), library.photo_id("red-small.jpg")]
    assert app.post("/api/v1/duplicates/different", json={"photo_ids": ids}).json() == {"pairs": 1}
    assert groups(app, tier="same_picture") == []
    assert app.post("/api/v1/duplicates/different", json={"photo_ids": ids}).json() == {"pairs": 0}
    assert app.request("DELETE", "/api/v1/duplicates/different", json={"photo_ids": ids}).json() == {"pairs": 1}
    assert len(groups(app, tier="same_picture")) == 1
    unknown = app.post("/api/v1/duplicates/different", json={"photo_ids": ["00000000-0000-0000-0000-000000000000"]})
    assert unknown.json()["error"]["code"] == "PHOTO_NOT_FOUND"


def test_the_photos_of_all_groups_are_asked_for_at_once(app: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, execute = [], Transaction.execute

    def counted(tx: Transaction, sql: str, *given: Any) -> Any:
        asked.append(sql)
        return execute(tx, sql, *given)

    monkeypatch.setattr(Transaction, "execute", counted)
    assert len(groups(app)) > 1
    assert sum("AS caption_model" in sql for sql in asked) == 1


def test_a_page_of_groups_says_where_the_next_begins_and_the_surest_come_first(
    app: TestClient, library: SmallLibrary
) -> None:
    alike = {"g1": ("similar", ["pink.jpg", "white.jpg", "violet.jpg"]), "g2": ("similar", ["gold.jpg", "blue.png"])}
    rows = [
        {"group_id": group, "tier": tier, "photo_id": library.photo_id(name), "position": at, "reasons": []}
        for group, (tier, names) in alike.items()
        for at, name in enumerate(names)
    ]
    with library.library.manifest.write() as tx:
        tx.insert("duplicate_groups", rows)
    first = app.get("/api/v1/duplicates/groups", params={"limit": 1}).json()
    rest = app.get("/api/v1/duplicates/groups", params={"limit": 4, "offset": first["next_offset"]}).json()
    assert rest["next_offset"] is None
    told = [(each["tier"], len(each["photos"])) for each in first["groups"] + rest["groups"]]
    assert told == [("same_picture", 2), ("similar", 3), ("similar", 2), ("same_bytes", 1), ("same_bytes", 1)]
