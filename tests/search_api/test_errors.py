"""Every error has the one form; nothing of the inside leaks; other sites and names are refused."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import LOCAL
from small_library import SmallLibrary
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from resources.errors import CODES
from search_api.main import create_app
from search_api.request_context import RequestContextMiddleware, allowed_names


def error(reply: Any) -> dict[str, Any]:
    content = reply.json()
    assert list(content) == ["error"]
    assert set(content["error"]) == {"code", "message", "details"}
    assert content["error"]["code"] in CODES
    body: dict[str, Any] = content["error"]
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/nothing.html", 404, "NOT_FOUND"),
        ("GET", "/../../etc/passwd", 404, "NOT_FOUND"),
        ("DELETE", "/api/v1/search", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/jobs/none", 404, "JOB_NOT_FOUND"),
        ("GET", "/api/v1/jobs/none/events", 404, "JOB_NOT_FOUND"),
        ("POST", "/api/v1/jobs/none/cancel", 404, "JOB_NOT_FOUND"),
        ("GET", "/api/v1/collections/none", 404, "COLLECTION_NOT_FOUND"),
        ("GET", "/api/v1/failures?limit=0", 422, "INVALID_REQUEST"),
        ("GET", "/api/v1/browse?sort=best", 422, "INVALID_REQUEST"),
    ],
)
def test_routes_that_fail(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    reply = client.request(method, path)
    assert reply.status_code == status
    assert error(reply)["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 10_000},
        {"offset": -1},
        {"text": "x" * 501},
        {"texts": [{"text": "a", "weight": 0}]},
        {"texts": [{"text": "a", "weight": "NaN"}]},
        {"photos": [{"photo_id": "../../etc"}]},
        {"filters": {"taken_from": "2023-13-01"}},
        {"filters": {"near": {"lat": 91, "lon": 0, "radius_m": 1}}},
        {"filters": {"colour": "red"}},
        {"mode": "telepathy"},
        {"surprise": 1},
        [],
        "text",
    ],
)
def test_a_body_that_is_not_of_the_form_is_refused_with_the_field(client: TestClient, body: Any) -> None:
    reply = client.post("/api/v1/search", json=body)
    assert reply.status_code == 422
    assert error(reply)["code"] == "INVALID_REQUEST"
    assert error(reply)["details"]["problems"]


def test_json_that_is_none_and_bodies_that_are_too_large(client: TestClient) -> None:
    broken = client.post("/api/v1/search", content=b'{"text": ', headers={"Content-Type": "application/json"})
    assert error(broken)["code"] == "INVALID_REQUEST"
    large = client.post("/api/v1/search", content=b" " * (5 << 20), headers={"Content-Type": "application/json"})
    assert large.status_code == 413
    assert error(large)["code"] == "TOO_LARGE"


def test_a_fault_says_nothing_but_the_request_id(small: SmallLibrary) -> None:
    app = create_app(small.settings.model_copy(update={"home": small.settings.home / "other"}))

    @app.get("/api/v1/fault")
    def fault() -> None:
        raise RuntimeError("secret /home/me/path")

    with TestClient(app, base_url="http://localhost", client=LOCAL) as client:
        reply = client.get("/api/v1/fault", headers={"X-Request-ID": "from-the-proxy.1"})
    assert reply.status_code == 500
    assert error(reply)["code"] == "INTERNAL"
    assert error(reply)["details"] == {"request_id": "from-the-proxy.1"}
    assert reply.headers["x-request-id"] == "from-the-proxy.1"
    assert "secret" not in reply.text
    assert "Traceback" not in reply.text


class Panic(BaseException):
    """What bindings of Rust raise when the library breaks: no `Exception` (pyo3's `PanicException`)."""


@pytest.mark.parametrize("in_a_thread", [True, False])
def test_a_panic_of_a_library_is_a_fault_as_any_other(small: SmallLibrary, in_a_thread: bool) -> None:
    app = create_app(small.settings.model_copy(update={"home": small.settings.home / "other"}))

    def panic() -> None:
        raise Panic("index out of bounds")

    async def panic_in_the_loop() -> None:
        panic()

    app.get("/api/v1/fault")(panic if in_a_thread else panic_in_the_loop)
    with TestClient(app, base_url="http://localhost", client=LOCAL) as client, capture_logs() as lines:
        reply = client.get("/api/v1/fault", headers={"X-Request-ID": "from-the-proxy.1"})
        assert client.get("/api/v1/health/live").status_code == 200, "and it goes on"
    assert (reply.status_code, error(reply)["code"]) == (500, "INTERNAL")
    assert reply.headers["x-request-id"] == error(reply)["details"]["request_id"] == "from-the-proxy.1"
    assert "request_failed" in [line["event"] for line in lines]


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_ends_a_request_or_the_server_is_not_answered(small: SmallLibrary, end: type[BaseException]) -> None:
    app = create_app(small.settings.model_copy(update={"home": small.settings.home / "other"}))
    sent: list[Message] = []

    async def ended(scope: Scope, receive: Receive, send: Send) -> None:
        raise end

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    scope = {"type": "http", "app": app, "method": "POST", "path": "/api/v1/collections", "headers": []}
    run = RequestContextMiddleware(ended)(scope, receive, send)
    with pytest.raises(end):
        run.send(None)
    assert sent == []


def test_each_reply_has_a_request_id_and_security_headers(client: TestClient) -> None:
    first, second = client.get("/api/v1/health/live"), client.get("/api/v1/nothing")
    assert re.fullmatch(r"[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    for reply in (first, second, client.get("/")):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"  # a form says where it comes from
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "access-control-allow-origin" not in reply.headers
    assert "unsafe" not in client.get("/").headers["content-security-policy"]


def test_a_request_id_that_could_forge_a_log_line_is_not_taken_over(client: TestClient) -> None:
    reply = client.get("/api/v1/health/live", headers={"X-Request-ID": "a b;{}"})
    assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["x-request-id"])


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""])
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    reply = client.get("/api/v1/health/live", headers={"Host": host})
    assert reply.status_code == 400
    assert error(reply)["code"] == "HOST_NOT_ALLOWED"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/health/live", headers={"Host": host}).status_code == 200


def test_on_a_wildcard_address_literal_addresses_and_the_own_name_are_answered() -> None:
    names, any_address = allowed_names("0.0.0.0", "Studio")
    assert any_address
    assert {"studio", "studio.local", "localhost"} <= names
    names, any_address = allowed_names("192.168.1.5", "Studio")
    assert not any_address
    assert "192.168.1.5" in names
    assert "studio" not in names


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:9999"},
    ],
)
def test_a_change_that_another_site_asks_for_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    reply = client.post("/api/v1/jobs/any/cancel", headers=headers)
    assert reply.status_code == 403
    assert error(reply)["code"] == "CROSS_SITE"


def test_a_change_that_the_page_asks_for_is_not(client: TestClient) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/v1/search", json={}, headers=headers).status_code == 200


def test_openapi_names_every_error_form_and_no_other_host(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorReply"}, (method, path, status)
            assert operation["x-scope"] in ("read", "write", "admin", "none")
            assert ({"key": []} in operation["security"]) == (operation["x-scope"] != "none")
            assert {"401", "403", "429"} <= operation["responses"].keys(), (method, path)
    assert {"key", "session"} <= document["components"]["securitySchemes"].keys()
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    # Two models of one name, or one in requests and replies, get such names, and clients' types change with them.
    assert [name for name in schemas if "__" in name or name.endswith(("-Input", "-Output"))] == []


def test_a_body_that_hides_its_size_is_cut_off_too(client: TestClient) -> None:
    def chunks() -> Any:
        for _ in range(6):
            yield b" " * (1 << 20)

    reply = client.post("/api/v1/search", content=chunks(), headers={"Content-Type": "application/json"})
    assert reply.status_code == 413
    assert error(reply)["code"] == "TOO_LARGE"
