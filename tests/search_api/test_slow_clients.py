"""Real sockets of clients that are slow, silent or greedy: they are hung up on, and others are served meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from running_app import free_port, serving, wait_until
from small_library import SmallLibrary

from search_api import request_context
from search_api.server import PatientProtocol

ADDRESS = "127.0.0.1"


@pytest.fixture
def port(own: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server with little patience, over a library that is only asked whether it lives."""
    monkeypatch.setattr(PatientProtocol, "head_s", 1.5)
    monkeypatch.setattr(PatientProtocol, "take_s", 1.5)
    monkeypatch.setattr(request_context, "_PATIENCE_S", 1.5)
    settings = own.settings.model_copy(update={"port": free_port()})
    with serving(settings) as app:

        @app.get("/api/v1/browse/large")
        def large() -> bytes:
            return b"x" * (32 << 20)

        yield settings.port


@pytest.fixture
def opened(port: int) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def connect(stack: ExitStack, port: int, sent: bytes) -> socket.socket:
    connection = stack.enter_context(socket.create_connection((ADDRESS, port), timeout=20))
    connection.sendall(sent)
    return connection


def left_alone(connection: socket.socket) -> bytes:
    """What comes until the server hangs up; fails after the 20 s of the socket."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except (ConnectionResetError, BrokenPipeError):
        pass
    return received


def is_served(port: int) -> bool:
    return httpx.get(f"http://{ADDRESS}:{port}/api/v1/health/live", timeout=20).status_code == 200


def test_heads_that_never_end_are_hung_up_on_and_others_are_served(port: int, opened: ExitStack) -> None:
    slow = [connect(opened, port, b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\nX-") for _ in range(100)]
    silent = [connect(opened, port, b"") for _ in range(50)]
    assert is_served(port)
    stop = threading.Event()

    def drip() -> None:  # a byte now and then does not buy more time
        while not stop.wait(0.2):
            for connection in slow:
                try:
                    connection.sendall(b"a")
                except OSError:
                    continue

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    try:
        assert {left_alone(connection) for connection in [*slow, *silent]} == {b""}
    finally:
        stop.set()
        dripping.join()
    assert is_served(port)


def test_the_second_request_of_a_connection_has_no_more_time_than_the_first(port: int, opened: ExitStack) -> None:
    whole = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection = connect(opened, port, whole + whole[:20])
    received = left_alone(connection)
    assert received.count(b"HTTP/1.1 200") == 1


def test_a_body_that_does_not_come_is_answered_with_408(port: int, opened: ExitStack) -> None:
    head = "POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += "Content-Length: 100\r\n\r\n{"
    waiting = [connect(opened, port, head.encode()) for _ in range(60)]  # more than there are threads
    assert is_served(port)
    for connection in waiting:
        received = left_alone(connection)
        assert received.startswith(b"HTTP/1.1 408")
        assert b"REQUEST_TIMEOUT" in received


def test_bodies_together_have_a_limit_and_its_room_comes_back(
    port: int, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_context, "_BODIES_BYTES", 4 << 20)
    monkeypatch.setattr(request_context, "_PATIENCE_S", 60.0)
    head = "POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    held = connect(opened, port, f"{head}Content-Length: {4 << 20}\r\n\r\n".encode() + b" " * (4_000_000))
    url, large = f"http://{ADDRESS}:{port}/api/v1/search", b" " * 1_000_000

    def status() -> int:
        return httpx.post(url, content=large, headers={"Content-Type": "application/json"}, timeout=20).status_code

    wait_until(lambda: status() == 503, 20)
    held.close()
    wait_until(lambda: status() == 422, 20)


def test_who_does_not_take_the_reply_is_hung_up_on(port: int, opened: ExitStack) -> None:
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.enter_context(lazy)
    lazy.settimeout(20)
    lazy.connect((ADDRESS, port))
    lazy.sendall(b"GET /api/v1/browse/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert lazy.recv(10).startswith(b"HTTP/1.1")
    threading.Event().wait(3.0)  # takes nothing for longer than the server's patience
    assert len(left_alone(lazy)) < 32 << 20
    assert is_served(port)


def test_one_address_cannot_take_every_connection(
    port: int, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "most_open", 5)
    held = [connect(opened, port, b"GET") for _ in range(5)]
    assert left_alone(connect(opened, port, b"")) == b""
    for connection in held:
        connection.close()
    monkeypatch.setattr(PatientProtocol, "most_open", 200)
    assert is_served(port)


def test_a_head_without_end_is_not_kept_in_memory(port: int, opened: ExitStack) -> None:
    connection = connect(opened, port, b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    sent = 0
    try:
        for number in range(400):
            connection.sendall(f"X-{number}: {'a' * 1000}\r\n".encode())
            sent += 1000
    except OSError:
        pass
    assert left_alone(connection) == b""
    assert is_served(port)
