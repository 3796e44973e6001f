"""A preview that was culled is made again when somebody looks at it; until then nobody waits for it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import running, wait_until
from small_library import SmallLibrary

from resources.engine import LocalEngine
from resources.preview_cache import cull


@pytest.fixture
def capped(own: SmallLibrary) -> SmallLibrary:
    """Every preview is culled, and those that come again may stay."""
    small = SmallLibrary(own.settings.model_copy(update={"cache_max_bytes": 10_000_000}), own.photos)
    assert cull(small.library, 0).culled == 8
    return small


@pytest.fixture
def http(capped: SmallLibrary) -> Iterator[TestClient]:
    with running(capped) as client:
        yield client


def stored(small: SmallLibrary) -> list[Path]:
    return list(small.library.home.previews.rglob("*.jpg"))


def test_a_culled_preview_is_made_again_from_its_original(http: TestClient, capped: SmallLibrary) -> None:
    photo_id = capped.photo_id("red.jpg")
    address = http.get(f"/api/v1/images/{photo_id}").json()["preview_url"]
    made = http.get(address)
    assert (made.status_code, made.headers["content-type"]) == (200, "image/jpeg")
    assert "x-loupe-picture" not in made.headers
    assert "immutable" in made.headers["cache-control"]
    [path] = stored(capped)
    assert made.content == path.read_bytes()
    assert http.get(address, headers={"If-None-Match": made.headers["etag"]}).status_code == 304


def test_one_that_is_served_counts_as_used(http: TestClient, capped: SmallLibrary) -> None:
    address = f"/api/v1/images/{capped.photo_id('red.jpg')}/preview"
    http.get(address)
    [path] = stored(capped)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert http.get(address).status_code == 200
    info = path.stat()
    assert info.st_mtime == 1_700_000_000
    assert time.time() - info.st_atime < 60


def test_without_its_original_the_thumbnail_comes_in_its_place(http: TestClient, capped: SmallLibrary) -> None:
    photo_id = capped.photo_id("red.jpg")
    with capped.library.manifest.write() as tx:  # as when the disk is unplugged
        tx.execute("UPDATE roots SET state = 'offline'")
    instead = http.get(f"/api/v1/images/{photo_id}/preview")
    assert (instead.status_code, instead.headers["x-loupe-picture"]) == (200, "thumbnail")
    assert instead.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": instead.headers["etag"]}
    assert http.get(f"/api/v1/images/{photo_id}/preview", headers=known).status_code == 304
    assert instead.content == http.get(f"/api/v1/images/{photo_id}/thumbnail").content
    for path in capped.library.home.thumbnails.rglob("*.jpg"):
        path.unlink()
    gone = http.get(f"/api/v1/images/{photo_id}/preview")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "PREVIEW_NOT_FOUND")


def test_many_who_ask_wait_together_and_nobody_else_waits(
    http: TestClient, capped: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, started, decoded = LocalEngine.decode, [], []

    def counted(engine: LocalEngine, tasks: Any, *given: Any) -> Any:
        started.append(engine)
        while not held.done():
            time.sleep(0.05)
        for outcome in decode(engine, tasks, *given):
            decoded.append(outcome.task.path)
            yield outcome

    monkeypatch.setattr(LocalEngine, "decode", counted)
    address = f"/api/v1/images/{capped.photo_id('red.jpg')}/preview"
    with ThreadPoolExecutor(45) as pool:  # more than the server has threads
        held = pool.submit(lambda: wait_until(lambda: http.post("/api/v1/search", json={}).json()["total"] == 8))
        asking = [pool.submit(http.get, address) for _ in range(44)]
        assert {reply.result().status_code for reply in asking} == {200}
    assert (len(started), len(decoded)) == (1, 1)
