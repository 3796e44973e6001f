"""One small library, taken in once; an app over it, or over a copy for tests that change something."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from small_library import SmallLibrary, build

from search_api.main import create_app


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
    with TestClient(create_app(small.settings), base_url="http://localhost") as client:
        wait_until(lambda: _is_whole(client, model))
        yield client


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Never changed by a test."""
    return build(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def client(small: SmallLibrary) -> Iterator[TestClient]:
    """Of an app over `small`; only reads."""
    with running(small) as client:
        yield client


@pytest.fixture
def own(small: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    """A copy of the home, for a test that changes it; the photos are those of `small`."""
    home = tmp_path / "home"
    shutil.copytree(small.settings.home, home, ignore=shutil.ignore_patterns("run", "*.lock"))
    return SmallLibrary(small.settings.model_copy(update={"home": home}), small.photos)
