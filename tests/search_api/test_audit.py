"""The audit log: a row for every route that changes something, by whom, with how much; nothing for what reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from running_app import LOCAL, running
from small_library import SmallLibrary

from resources import keys
from resources.manifest import audit_log
from search_api.main import create_app
from search_api.route_rules import PREFIX, RULES

CHANGING = sorted(name for name, rule in RULES.items() if rule.changes)


@pytest.fixture
def changing(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own, model=False) as client:
        yield client


def rows(client: TestClient, **narrowed: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/v1/audit", params=narrowed).json()["changes"]
    return found


def test_changes_are_written_down_with_who_what_and_how_many(changing: TestClient, own: SmallLibrary) -> None:
    made = changing.post("/api/v1/collections", json={"name": "Holidays"}, headers={"X-Request-ID": "first"})
    assert made.status_code == 201
    photos = {"photo_ids": [own.photo_id("red.jpg"), own.photo_id("green.jpg")]}
    key = keys.create(own.library.manifest, own.library.home, "phone", frozenset(["read", "write"]), None)
    sent = {"Authorization": f"Bearer {key.text}"}
    assert changing.post("/api/v1/collections/Holidays/photos", json=photos, headers=sent).json()["added"] == 2
    assert changing.post("/api/v1/failures/retry", json={"all": True}).status_code == 202
    assert changing.delete(f"/api/v1/images/{own.photo_id('red.jpg')}/stack").status_code == 409
    assert changing.post("/api/v1/collections", json={"name": "Holidays"}).status_code == 409
    assert changing.post("/api/v1/search", json={}).status_code == 200

    retried, added, created = rows(changing)
    assert (created["who"], created["action"], created["target"]) == ("this machine", "POST /collections", "Holidays")
    assert (created["request_id"], created["status"], created["address"]) == ("first", 201, "127.0.0.1")
    assert (added["who"], added["target"], added["affected"]) == ("phone", "Holidays", 2)
    assert (retried["action"], retried["affected"]) == ("POST /failures/retry", 1)
    assert [row["who"] for row in rows(changing, who="phone")] == ["phone"]
    assert [row["seq"] for row in rows(changing, before=added["seq"])] == [created["seq"]]
    assert len(rows(changing, limit=1)) == 1


@pytest.mark.parametrize("route", CHANGING)
def test_each_changing_route_leaves_a_row(changing_stand_ins: TestClient, small_log: SmallLibrary, route: str) -> None:
    method, _, template = route.partition(" ")
    reply = changing_stand_ins.request(method, PREFIX + template.replace("{", "its-").replace("}", ""))
    assert reply.status_code == 200, reply.text
    with small_log.library.manifest.read() as tx:
        row = audit_log.newest(tx, 1)[0]
    assert row["action"] == route
    assert row["request_id"] == reply.headers["x-request-id"]
    assert row["affected"] == (3 if RULES[route].counts else None)
    if "{" in template:
        assert "its-" in row["target"]


@pytest.fixture(scope="module")
def small_log(small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    home = tmp_path_factory.mktemp("log") / "home"
    return SmallLibrary(small.settings.model_copy(update={"home": home}), small.photos)


@pytest.fixture(scope="module")
def changing_stand_ins(small_log: SmallLibrary) -> Iterator[TestClient]:
    """The app with every changing route answering at once that it changed three."""
    app = create_app(small_log.settings)
    standing_in = FastAPI()
    for route in CHANGING:
        method, _, template = route.partition(" ")
        counts = RULES[route].counts[:1]

        async def answer(counts: str = ",".join(counts)) -> dict[str, int]:
            return dict.fromkeys(filter(None, counts.split(",")), 3)

        standing_in.add_api_route(PREFIX + template, answer, methods=[method])
    app.router.routes[:] = standing_in.routes
    with TestClient(app, base_url="http://localhost", client=LOCAL) as client:
        yield client


class Panic(BaseException):
    """What bindings of Rust raise: no `Exception`."""


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
def test_a_fault_is_written_down_too(own: SmallLibrary, kind: type[BaseException]) -> None:
    app = create_app(own.settings)
    app.router.routes[:] = []

    @app.post("/api/v1/collections")
    def fault() -> None:
        raise kind("half way")

    with TestClient(app, base_url="http://localhost", client=LOCAL) as client:
        assert client.post("/api/v1/collections").status_code == 500
    with own.library.manifest.read() as tx:
        row = audit_log.newest(tx, 1)[0]
    assert (row["action"], row["status"]) == ("POST /collections", 500)


def test_the_log_is_kept_bounded(own: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "_KEPT", 20)
    monkeypatch.setattr(audit_log, "_LOOK_EVERY", 10)
    with own.library.manifest.write() as tx:
        for number in range(55):
            audit_log.add(tx, "somebody", f"change {number}")
        kept = audit_log.newest(tx, 1000)
    assert 20 <= len(kept) <= 30
    assert kept[0]["action"] == "change 54"
