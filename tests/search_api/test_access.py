"""Who gets in: every route by every kind of caller, from this machine and from elsewhere, and what a key is worth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from running_app import LOCAL
from small_library import build

from resources import keys
from resources.library import Library
from resources.manifest import api_keys
from search_api.main import create_app
from search_api.rate_limit import RateLimit
from search_api.route_rules import RULES, RuledRoutes
from search_api.server import server

ELSEWHERE = ("192.168.1.7", 50000)
HERE = "http://192.168.1.5:8000"


@dataclass(frozen=True)
class Guarded:
    """An app that listens on every address, and a key of each kind."""

    app: FastAPI
    library: Library
    texts: dict[str, str]

    def ask(self, **options: Any) -> TestClient:
        """A client at another machine; `headers` as given."""
        given = {"base_url": HERE, "client": ELSEWHERE, "follow_redirects": False, **options}
        return TestClient(self.app, **given)

    def key(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.texts[name]}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    small = build(tmp_path_factory.mktemp("guarded"), with_model=False)
    library = small.library
    texts = {
        name: keys.create(library.manifest, library.home, name, frozenset(scopes), lasts).text
        for name, scopes, lasts in (
            ("reader", ["read"], None),
            ("writer", ["write"], timedelta(days=1)),
            ("admin", ["admin"], None),
            ("all", keys.SCOPES, None),
            ("expired", keys.SCOPES, timedelta(seconds=-1)),
        )
    }
    texts["wrong"] = texts["all"][:-6] + "AAAAAA"
    settings = small.settings.model_copy(update={"host": "0.0.0.0", "requests_at_once": 100_000})
    app = create_app(settings)
    with TestClient(app, base_url="http://localhost", client=LOCAL):
        yield Guarded(app, library, texts)


def routes() -> list[str]:
    """Every route of the app, "GET /images/{photo_id}"."""
    from resources.settings import Settings

    return RuledRoutes(create_app(Settings(home=Path("/nonexistent"))).routes).templates()


ROUTES = routes()


def test_every_route_says_what_it_asks_for_and_every_row_is_a_route() -> None:
    assert sorted(RULES) == sorted(ROUTES)


def test_every_route_that_is_no_reading_is_in_the_audit_log() -> None:
    reading = {"POST /search", "POST /search/image", "POST /search/facets", "POST /search/places", "POST /random"} | {
        *("POST /embed", "POST /caption", "POST /batch_embed_and_caption", "POST /vectors", "POST /challenge/rounds")
    }
    reading |= {"POST /bulk/dry-run", "POST /handoff/paths", "POST /handoff/zip", "POST /handoff/zip/form"}
    reading |= {"POST /handoff/dataset"}
    reading |= {"POST /map/found"}
    not_audited = {name for name, rule in RULES.items() if not name.startswith("GET ") and not rule.changes}
    assert not_audited == reading & RULES.keys()
    assert not [name for name, rule in RULES.items() if name.startswith("GET ") and rule.changes]


def code(reply: Any) -> str | None:
    try:
        found = reply.json()
    except ValueError:
        return None
    return found.get("error", {}).get("code") if isinstance(found, dict) else None


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("who", ["nobody", "wrong", "expired", "reader", "writer", "admin"])
def test_a_route_lets_in_whom_it_should(guarded: Guarded, route: str, who: str) -> None:
    method, _, template = route.partition(" ")
    path = "/api/v1" + re.sub(r"\{[^}]*\}", "00000000-0000-0000-0000-000000000000", template)
    # Each from an address of its own: wrong keys are limited by address.
    number = 1 + ROUTES.index(route)
    with_key = {} if who == "nobody" else guarded.key(who)
    reply = guarded.ask(client=(f"10.0.{number // 200}.{number % 200}", 5)).request(method, path, headers=with_key)
    wanted = RULES[route].scope
    scope = {"reader": "read", "writer": "write", "admin": "admin"}.get(who)
    if who in ("wrong", "expired"):
        assert (reply.status_code, code(reply)) == (401, "KEY_INVALID")
    elif wanted is None or scope == wanted:
        assert code(reply) not in ("SIGN_IN_NEEDED", "KEY_INVALID", "SCOPE_MISSING", "CROSS_SITE", "INTERNAL")
    elif who == "nobody":
        assert (reply.status_code, code(reply)) == (401, "SIGN_IN_NEEDED")
        assert reply.headers["www-authenticate"] == "Bearer"
    else:
        assert (reply.status_code, code(reply)) == (403, "SCOPE_MISSING")


def test_a_route_without_a_row_is_for_administrators(guarded: Guarded) -> None:
    app = create_app(guarded.app.state.services.settings)

    @app.get("/api/v1/forgotten")
    def forgotten() -> str:
        return "here"

    app.state.services = guarded.app.state.services
    for name, status in (("reader", 403), ("writer", 403), ("admin", 200)):
        reply = TestClient(app, base_url=HERE, client=ELSEWHERE).get("/api/v1/forgotten", headers=guarded.key(name))
        assert reply.status_code == status, name


def test_what_is_no_route_tells_nobody_so(guarded: Guarded) -> None:
    assert guarded.ask().get("/api/v1/nothing").status_code == 401
    assert guarded.ask().get("/api/v1/nothing", headers=guarded.key("reader")).status_code == 404
    assert guarded.ask().get("/sign-in.html").status_code == 200


@pytest.mark.parametrize(
    ("client", "base_url", "headers", "status"),
    [
        (("127.0.0.1", 1), "http://localhost:8000", {}, 200),
        (("127.0.0.1", 1), "http://127.0.0.1:8000", {}, 200),
        (("::1", 1), "http://[::1]:8000", {}, 200),
        (("::ffff:127.0.0.1", 1), "http://localhost", {}, 200),
        # From this machine, but by a name that others use too, or through a proxy: it may be anybody's request.
        (("127.0.0.1", 1), HERE, {}, 401),
        (("127.0.0.1", 1), "http://localhost", {"X-Forwarded-For": "127.0.0.1"}, 401),
        (("127.0.0.1", 1), "http://localhost", {"Forwarded": "for=1.2.3.4"}, 401),
        (("127.0.0.1", 1), "http://localhost", {"Via": "1.1 proxy"}, 401),
        (ELSEWHERE, "http://localhost", {}, 401),
        (("testclient", 1), "http://localhost", {}, 401),
    ],
)
def test_without_a_key_only_this_machine_gets_in(
    guarded: Guarded, client: tuple[str, int], base_url: str, headers: dict[str, str], status: int
) -> None:
    asking = guarded.ask(client=client, base_url=base_url)
    assert asking.get("/api/v1/collections", headers=headers).status_code == status


def test_keys_can_be_asked_for_on_this_machine_too(guarded: Guarded) -> None:
    services = guarded.app.state.services
    app = create_app(services.settings.model_copy(update={"require_keys": True}))
    app.state.services = services
    local = TestClient(app, base_url="http://localhost", client=LOCAL)
    assert code(local.get("/api/v1/collections")) == "SIGN_IN_NEEDED"
    assert local.get("/api/v1/collections", headers=guarded.key("reader")).status_code == 200
    owner = {"Authorization": f"Bearer {services.owner_secret}"}
    assert local.get("/api/v1/audit", headers=owner).status_code == 200, "the command line goes on working"


@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Bearer x", "Basic dXNlcjpwYXNz", "Bearer loupe_000000000000_" + "A" * 43]
)
def test_an_authorization_that_proves_nothing_is_refused_here_too(guarded: Guarded, sent: str) -> None:
    reply = guarded.ask(base_url="http://localhost", client=LOCAL).get(
        "/api/v1/collections", headers={"Authorization": sent}
    )
    assert (reply.status_code, code(reply)) == (401, "KEY_INVALID")


def test_a_revoked_key_is_worthless_at_once(guarded: Guarded) -> None:
    made = keys.create(guarded.library.manifest, guarded.library.home, "for a moment", frozenset(["read"]), None)
    sent = {"Authorization": f"Bearer {made.text}"}
    assert guarded.ask().get("/api/v1/collections", headers=sent).status_code == 200
    keys.revoke(guarded.library.manifest, guarded.library.home, "for a moment")
    assert guarded.ask().get("/api/v1/collections", headers=sent).status_code == 401


def test_the_manifest_holds_no_key_and_says_when_one_was_used(guarded: Guarded) -> None:
    guarded.ask().get("/api/v1/collections", headers=guarded.key("reader"))
    guarded.app.state.services.keys.close()
    with guarded.library.manifest.read() as tx:
        rows = {row["name"]: row for row in api_keys.all_rows(tx)}
    assert rows["reader"]["last_used_at"] is not None
    written = repr(rows) + guarded.library.home.manifest.read_bytes().decode("latin-1")
    assert not [name for name, text in guarded.texts.items() if text[-43:] in written]


def test_nobody_waits_for_a_busy_manifest_to_be_let_in(guarded: Guarded) -> None:
    reader, ring = guarded.key("reader"), guarded.app.state.services.keys
    assert guarded.ask().get("/api/v1/session", headers=reader).json()["name"] == "reader"
    with guarded.library.manifest.write() as tx:
        tx.execute("UPDATE api_keys SET last_used_at = NULL")
    with guarded.library.manifest.write():
        ring._upkeep_at = 0.0  # a minute went by
        assert guarded.ask().get("/api/v1/health/live").status_code == 200
        assert guarded.ask().get("/api/v1/openapi.json", headers=reader).status_code == 200
        guarded.library.home.keys_wake.touch()  # keys are read anew before the next that is sent is judged
        assert guarded.ask().get("/api/v1/health/live").status_code == 200
        assert guarded.ask(base_url="http://localhost", client=LOCAL).get("/api/v1/session").status_code == 200
    ring._upkeep.join()
    with guarded.library.manifest.read() as tx:
        rows = {row["name"]: row for row in api_keys.all_rows(tx)}
    assert rows["reader"]["last_used_at"] is not None


def signed_in(guarded: Guarded, scopes: list[str]) -> TestClient:
    link = keys.create(
        guarded.library.manifest, guarded.library.home, "link", frozenset(scopes), keys.LINK_LASTS, kind="link"
    )
    browser = guarded.ask()
    reply = browser.post("/api/v1/session", json={"link": link.text}, headers={"Origin": HERE})
    assert reply.status_code == 201, reply.text
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert link.text not in cookie
    again = guarded.ask().post("/api/v1/session", json={"link": link.text}, headers={"Origin": HERE})
    assert (again.status_code, code(again)) == (401, "KEY_INVALID"), "a link works once"
    return browser


def test_a_link_signs_a_browser_in_once_and_out_again(guarded: Guarded) -> None:
    browser = signed_in(guarded, ["read", "write"])
    assert browser.get("/api/v1/session").json()["scopes"] == ["read", "write"]
    made = browser.post("/api/v1/collections", json={"name": "By browser"}, headers={"Origin": HERE})
    assert made.status_code == 201
    assert code(browser.get("/api/v1/audit")) == "SCOPE_MISSING"
    cookie = dict(browser.cookies)
    assert browser.delete("/api/v1/session", headers={"Origin": HERE}).status_code == 200
    thief = guarded.ask(cookies=cookie)
    assert thief.get("/api/v1/collections").status_code == 401, "a kept cookie is worthless after signing out"


def test_a_link_is_no_key_and_a_key_is_no_link(guarded: Guarded) -> None:
    link = keys.create(
        guarded.library.manifest, guarded.library.home, "l", frozenset(["read"]), keys.LINK_LASTS, kind="link"
    )
    sent = {"Authorization": f"Bearer {link.text}"}
    assert guarded.ask().get("/api/v1/collections", headers=sent).status_code == 401
    assert guarded.ask().post("/api/v1/session", json={"link": guarded.texts["all"]}).status_code == 401
    late = keys.create(
        guarded.library.manifest, guarded.library.home, "l", frozenset(["read"]), timedelta(seconds=-1), kind="link"
    )
    assert guarded.ask().post("/api/v1/session", json={"link": late.text}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://192.168.1.5:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_a_session_cannot_be_used_by_another_site(guarded: Guarded, headers: dict[str, str]) -> None:
    browser = signed_in(guarded, ["read", "write"])
    reply = browser.post("/api/v1/collections", json={"name": "By evil"}, headers=headers)
    assert (reply.status_code, code(reply)) == (403, "CROSS_SITE")
    assert "By evil" not in browser.get("/api/v1/collections").text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_embed_or_time_replies_but_may_link_to_them(guarded: Guarded, site: str) -> None:
    local = guarded.ask(base_url="http://localhost", client=LOCAL)
    embedding = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert code(local.get("/api/v1/collections", headers=embedding)) == "CROSS_SITE"
    following = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert local.get("/api/v1/collections", headers=following).status_code == 200


def test_other_sites_may_ask_only_when_they_are_named(guarded: Guarded) -> None:
    services = guarded.app.state.services
    app = create_app(services.settings.model_copy(update={"cors_origins": ("https://photos.example",)}))
    app.state.services = services
    client = TestClient(app, base_url=HERE, client=ELSEWHERE)
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    named = client.options("/api/v1/collections", headers={"Origin": "https://photos.example", **preflight})
    assert named.headers["access-control-allow-origin"] == "https://photos.example"
    assert "access-control-allow-credentials" not in named.headers
    other = client.options("/api/v1/collections", headers={"Origin": "https://evil.example", **preflight})
    assert "access-control-allow-origin" not in other.headers
    sent = {"Origin": "https://photos.example", "Sec-Fetch-Site": "cross-site", **guarded.key("reader")}
    allowed = client.get("/api/v1/collections", headers=sent)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://photos.example")
    refused = client.get("/api/v1/nothing", headers={"Origin": "https://photos.example"})
    assert refused.headers["access-control-allow-origin"] == "https://photos.example", "so that it can read the error"


def test_further_names_are_answered_when_they_are_set(guarded: Guarded) -> None:
    services = guarded.app.state.services
    app = create_app(services.settings.model_copy(update={"host": "127.0.0.1", "hosts": ("photos.example",)}))
    app.state.services = services
    for host, status in (("photos.example", 200), ("evil.example", 400), ("192.168.1.5", 400)):
        reply = TestClient(app, base_url=f"https://{host}", client=LOCAL).get("/api/v1/health/live")
        assert reply.status_code == status, host


def test_who_asks_too_often_is_told_when_to_come_back(guarded: Guarded) -> None:
    services = guarded.app.state.services
    app = create_app(services.settings.model_copy(update={"requests_per_s": 0.1, "requests_at_once": 3}))
    app.state.services = services
    client = TestClient(app, base_url=HERE, client=ELSEWHERE, headers=guarded.key("reader"))
    statuses = [client.get("/api/v1/collections").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = client.get("/api/v1/collections")
    assert code(refused) == "TOO_MANY_REQUESTS"
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    other_key = client.get("/api/v1/collections", headers=guarded.key("all"))
    assert other_key.status_code == 200, "each key has its own measure"
    local = TestClient(app, base_url="http://localhost", client=LOCAL)
    assert {local.get("/api/v1/collections").status_code for _ in range(5)} == {200}, "this machine has none"


def test_wrong_keys_are_tried_a_few_times_only(guarded: Guarded) -> None:
    client = guarded.ask(client=("10.9.9.9", 5), headers=guarded.key("wrong"))
    statuses = [client.get("/api/v1/collections").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    neighbour = guarded.ask(client=("10.9.9.8", 5), headers=guarded.key("reader"))
    assert neighbour.get("/api/v1/collections").status_code == 200


def test_wrong_keys_of_an_address_keep_out_no_right_one(guarded: Guarded) -> None:
    client = guarded.ask(base_url="http://127.0.0.1:8000", client=("127.0.0.9", 5))
    statuses = [client.get("/api/v1/collections", headers=guarded.key("wrong")).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    owner = {"Authorization": f"Bearer {guarded.app.state.services.owner_secret}"}
    for right in (owner, guarded.key("reader")):
        assert client.get("/api/v1/collections", headers=right).status_code == 200
    assert client.get("/api/v1/collections", headers=guarded.key("wrong")).status_code == 429


def test_the_measure_of_requests_lets_through_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("search_api.rate_limit.time.monotonic", lambda: now)
    limit = RateLimit(per_s=2.0, at_once=4)

    def passed(seconds: float) -> int:
        nonlocal now
        count, end = 0, now + seconds
        while now < end:
            if limit.wait_s("a") == 0:
                limit.count("a")
                count += 1
            now += 0.01
        return count

    assert passed(10.0) == 4 + 2 * 10 - 1
    now += 100
    assert passed(0.1) == 4, "what was not used is not saved up beyond the burst"
    assert limit.wait_s("b") == 0


def test_the_reply_to_others_names_no_folder_of_this_machine(guarded: Guarded) -> None:
    app = create_app(guarded.app.state.services.settings)

    @app.get("/api/v1/browse/full")
    def full() -> None:
        from resources.home import storage_error

        raise storage_error(OSError(28, "No space left on device"), guarded.library.home.previews)

    app.state.services = guarded.app.state.services
    place = str(guarded.library.home.path)
    client = TestClient(app, base_url=HERE, client=ELSEWHERE)
    assert place in client.get("/api/v1/browse/full", headers=guarded.key("admin")).text
    RULES["GET /browse/full"] = replace(RULES["GET /browse"])
    try:
        reply = client.get("/api/v1/browse/full", headers=guarded.key("reader"))
        shown = TestClient(app, base_url=HERE, client=ELSEWHERE).get(
            "/api/v1/browse/full", headers=guarded.key("reader")
        )
    finally:
        del RULES["GET /browse/full"]
    assert reply.status_code == shown.status_code == 507
    assert place not in reply.text
    assert "LOUPE_HOME/previews" in reply.text


def test_the_server_says_nothing_of_itself(guarded: Guarded) -> None:
    config = server(guarded.app.state.services.settings).config
    assert not config.server_header
    assert config.ws == "none"


def each_way_out(path: str) -> list[str]:
    up = "../" * 8
    return [
        f"{up}{path}",
        f"/{up}{path}",
        up.replace("/", "%2f") + path,
        f"....//....//{path}",
        f"/{path}",
        f"file:///{path}",
    ]


@pytest.mark.parametrize("sent", [*each_way_out("etc/passwd"), "\\..\\..\\etc\\passwd", "a\x00b", "%00", "x" * 5000])
def test_no_text_of_a_request_reaches_another_file(guarded: Guarded, sent: str) -> None:
    """Every parameter of every route that takes text, in the address and in the query."""
    client = guarded.ask(base_url="http://localhost", client=LOCAL)
    document = client.get("/api/v1/openapi.json").json()
    quoted = quote(sent, safe="")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "get":
                continue
            queries = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            for parameters in [{}, *({name: sent} for name in queries)]:
                reply = client.get(re.sub(r"\{[^}]*\}", lambda _: quoted, path), params=parameters)
                assert reply.status_code != 500, (path, parameters)
                assert "root:" not in reply.text, (path, parameters)
                assert "Traceback" not in reply.text, (path, parameters)


@pytest.mark.parametrize("sent", [*each_way_out("etc/passwd"), "/etc", "a\x00b", "x" * 5000])
def test_no_path_in_a_body_reaches_another_file(guarded: Guarded, sent: str) -> None:
    """Every property of a body that takes text, of every route but signing in."""
    client = guarded.ask(base_url="http://localhost", client=LOCAL)
    document = client.get("/api/v1/openapi.json").json()
    schemas = document["components"]["schemas"]
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if not name or path.endswith("/session"):
                continue
            texts = [field for field, schema in schemas[name]["properties"].items() if '"string"' in json.dumps(schema)]
            for body in (dict.fromkeys(texts, sent), {field: [sent] for field in texts}):
                reply = client.request(method, re.sub(r"\{[^}]*\}", "none", path), json=body)
                assert reply.status_code < 500 or code(reply) not in (None, "INTERNAL"), (path, body, reply.text)
                assert "root:" not in reply.text, (path, body)
                tried += 1
    assert tried >= 10


@pytest.mark.parametrize("path", each_way_out("etc/passwd"))
def test_the_page_serves_its_own_files_alone(guarded: Guarded, path: str) -> None:
    reply = guarded.ask().get("/" + path.replace("/", "%2f").lstrip("/"))
    assert reply.status_code in (404, 400)
    assert "root:" not in reply.text


@pytest.mark.parametrize(
    "path", ["relative", "../..", "/etc/../etc/passwd", "/proc/self/root", "\x00", "~", "file:///etc"]
)
def test_a_folder_to_watch_is_an_absolute_folder_that_can_be(guarded: Guarded, path: str) -> None:
    reply = guarded.ask(base_url="http://localhost", client=LOCAL).post("/api/v1/folders", json={"path": path})
    assert 400 <= reply.status_code < 500 or code(reply) == "DAGSTER_UNREACHABLE"
    assert "root:" not in reply.text
