"""The real app over a small library, inside the test's process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from fastapi.testclient import TestClient
from small_library import SmallLibrary

from resources.settings import Settings
from search_api.main import create_app
from search_api.server import server

__all__ = ["LOCAL", "free_port", "running", "serving", "wait_until"]

LOCAL = ("127.0.0.1", 50000)


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until `holds` does; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def _is_whole(client: TestClient, model: bool) -> bool:
    ready = client.get("/api/v1/health/ready")
    if ready.status_code != 200 or (model and ready.json()["model"] != "ready"):
        return False
    index = client.get("/api/v1/status").json()["index"]
    return bool(index["applied_seq"] == index["newest_seq"])


@contextmanager
def running(small: SmallLibrary, *, model: bool = True) -> Iterator[TestClient]:
    """A client of the app, once its index is up to date and its model ready."""
    with TestClient(create_app(small.settings), base_url="http://localhost", client=LOCAL) as client:
        wait_until(lambda: _is_whole(client, model))
        yield client


@contextmanager
def serving(settings: Settings) -> Iterator[FastAPI]:
    """The app on the address of `settings`, reached over the network as other processes reach it."""
    serving = server(settings, log_level="error")
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: serving.started)
        yield serving.config.app
    finally:
        serving.should_exit = True
        thread.join(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
