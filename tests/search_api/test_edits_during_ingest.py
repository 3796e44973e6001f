"""A person edits over HTTP while photos come in: nothing is refused, nothing is lost, and search shows all of it."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from drawn_photos import draw_photos
from running_app import running, wait_until
from small_library import SmallLibrary

_PHOTOS = 100


@pytest.mark.slow
def test_edits_during_an_ingest_are_kept_and_found(own: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.stream_writer._FLUSH_S", 0.1)  # many flushes, so that many edits meet one
    folder = own.settings.home.parent / "New"
    draw_photos(folder, _PHOTOS)
    own.add_folder(folder)
    names = ("red.jpg", "green.jpg", "violet.jpg", "white.jpg", "pink.jpg")
    ids = [own.photo_id(name) for name in names]
    hidden = own.photo_id("gold.jpg")
    counts = []
    with running(own) as client:
        ingest = threading.Thread(target=lambda: counts.append(own.take_in()))
        ingest.start()
        edits, slowest = 0, 0.0
        for number, photo_id in zip(itertools.count(), itertools.cycle(ids)):
            if not ingest.is_alive() and edits >= 3 * len(ids):
                break
            photo = f"/api/v1/images/{photo_id}"
            started = time.perf_counter()
            for reply in (
                client.post(f"{photo}/tags", json={"tags": [f"edit {number}"]}),
                client.put(f"{photo}/caption", json={"text": f"caption {number}"}),
                client.put(f"{photo}/rating", json={"rating": number % 5 + 1}),
                client.post(
                    "/api/v1/hidden" if number % 2 == 0 else "/api/v1/hidden/show", json={"photo_ids": [hidden]}
                ),
            ):
                assert reply.status_code == 200, reply.text
            slowest = max(slowest, time.perf_counter() - started)
            edits += 1
        ingest.join()
        client.post("/api/v1/hidden", json={"photo_ids": [hidden]})
        assert (counts[0].decoded, counts[0].failed) == (_PHOTOS, 0)
        assert slowest < 30, "each waited for one flush at most, never for the run"

        for place, photo_id in enumerate(ids):
            made = range(place, edits, len(ids))  # the numbers of this photo's edits
            info = client.get(f"/api/v1/images/{photo_id}").json()
            assert sorted(info["tags"]) == sorted(f"edit {number}" for number in made)
            assert (info["caption"], info["rating"]) == (f"caption {made[-1]}", made[-1] % 5 + 1)

        def shown() -> bool:
            page = client.post("/api/v1/search", json={"limit": 200}).json()
            tagged = client.post("/api/v1/search", json={"filters": {"tags": [f"edit {edits - 1}"]}}).json()
            names = {hit["file_name"] for hit in page["hits"]}
            return page["total"] == _PHOTOS + 7 and "gold.jpg" not in names and tagged["total"] == 1

        wait_until(shown, 20)
        assert client.get("/api/v1/status/index").json()["same"]
