"""Vectors and captions for other programs, by the demo's models, which know what the pictures show."""

from __future__ import annotations

import base64
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import numpy as np
import pytest
from fastapi.testclient import TestClient
from small_library import SmallLibrary

from demo.evidence import distinct_cards
from demo.postcards import Postcard
from resources.errors import LoupeError
from resources.settings import Settings
from search_api.long_waits import LongWaits
from search_api.uploads import MOST_WAITING, UploadDecoder

CARDS = distinct_cards(6, 99, held_out=False)


def jpeg(card: Postcard) -> bytes:
    written = io.BytesIO()
    card.draw(480, 360).save(written, "JPEG", quality=88)
    return written.getvalue()


@pytest.fixture(scope="module")
def pictures() -> list[tuple[str, tuple[str, bytes]]]:
    return [("image", (f"{number}.jpg", jpeg(card))) for number, card in enumerate(CARDS)]


def test_texts_and_pictures_share_one_space(
    postcards_client: TestClient, pictures: list[tuple[str, tuple[str, bytes]]]
) -> None:
    texts = [card.caption for card in CARDS]
    reply = postcards_client.post("/api/v1/embed", data={"texts": texts}, files=pictures)
    assert reply.status_code == 200, reply.text
    content = reply.json()
    words = np.array([each["vector"] for each in content["texts"]])
    shown = np.array([each["vector"] for each in content["images"]])
    assert words.shape == shown.shape == (6, content["dim"])
    assert np.allclose(np.linalg.norm(shown, axis=1), 1, atol=1e-3)
    assert ((words @ shown.T).argmax(1) == np.arange(6)).mean() >= 0.8
    assert [each["name"] for each in content["images"]] == [f"{n}.jpg" for n in range(6)]


def test_a_picture_that_is_none_costs_the_others_nothing(
    postcards_client: TestClient, pictures: list[tuple[str, tuple[str, bytes]]]
) -> None:
    files = [pictures[0], ("image", ("no.jpg", b"<html>")), pictures[1]]
    content = postcards_client.post("/api/v1/batch_embed_and_caption", files=files).json()
    first, none, last = content["images"]
    assert (none["vector"], none["caption"], none["error"]["code"]) == (None, None, "NOT_AN_IMAGE")
    assert first["error"] is last["error"] is None
    assert CARDS[0].subject in first["caption"]
    assert CARDS[1].subject in last["caption"]
    alone = postcards_client.post("/api/v1/caption", files=[pictures[1]]).json()
    assert alone["images"][0]["caption"] == last["caption"], "who else is in a batch changes nothing"


def test_nothing_to_embed_is_said(postcards_client: TestClient) -> None:
    reply = postcards_client.post("/api/v1/embed")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "EMPTY_QUERY")


def test_capabilities_name_what_is_here(postcards_client: TestClient) -> None:
    postcards_client.post("/api/v1/caption", files={"image": ("a.jpg", jpeg(CARDS[0]))})
    here = postcards_client.get("/api/v1/capabilities").json()
    assert here["device"] == "cpu"
    assert here["encoder"]["name"] == here["captioner"]["name"] == "demo-postcards"
    assert here["encoder"]["dim"] > 0
    assert here["captioner"]["loaded"]
    assert here["encoder"]["safe_batch"] >= 1
    assert here["waiting"] == 0
    too_much = postcards_client.post("/api/v1/embed", headers={"Content-Length": str(here["most_bytes"] + 1)})
    assert (too_much.status_code, too_much.json()["error"]["code"]) == (413, "TOO_LARGE")


def test_vectors_of_photos_are_those_that_search_compares(
    postcards_client: TestClient, postcards: SmallLibrary
) -> None:
    wanted = [postcards.photo_id("card_03.jpg"), postcards.photo_id("card_01.jpg")]
    unknown = "00000000-0000-0000-0000-000000000000"
    content = postcards_client.post("/api/v1/vectors", json={"photo_ids": [*wanted, unknown]}).json()
    assert content["photo_ids"] == wanted
    rows = np.frombuffer(base64.b64decode(content["vectors_base64"]), "<f4").reshape(2, content["dim"])
    again = postcards_client.post(
        "/api/v1/embed", files={"image": ("x.jpg", (postcards.photos / "card_01.jpg").read_bytes())}
    ).json()["images"][0]["vector"]
    assert rows[1] @ np.array(again) > 0.99


def test_a_full_queue_refuses_and_search_goes_past_it(postcards_client: TestClient) -> None:
    """The device is held by a lane of this test; what waits behind it is refused or stays, search answers."""
    from resources.inference import DeviceQueue, Lane

    models = postcards_client.app.state.services.models  # type: ignore[attr-defined]
    gate, began = threading.Event(), threading.Event()

    def hold(items: list[int]) -> list[int]:
        began.set()
        assert gate.wait(60)
        return items

    before, models._queue = models._queue, DeviceQueue(2)
    try:
        with ThreadPoolExecutor(2) as pool:
            held = pool.submit(models._queue.run, Lane("held", hold, lambda: 1), [1], 60)
            assert began.wait(30)
            try:
                waiting = pool.submit(models._queue.run, Lane("more", hold, lambda: 1), [1, 2], 60)
                while models.waiting < 2:
                    began.wait(0.01)
                refused = postcards_client.post("/api/v1/embed", data={"texts": ["a red car"]})
                assert (refused.status_code, refused.json()["error"]["code"]) == (429, "QUEUE_FULL")
                assert int(refused.headers["retry-after"]) >= 1
                found = postcards_client.post(
                    "/api/v1/search", json={"text": "a blue house at night", "mode": "meaning"}
                )
                assert found.status_code == 200, found.text
                assert found.json()["hits"]
            finally:
                gate.set()
            assert held.result() == [1]
            assert waiting.result() == [1, 2]
        models._queue.close()
    finally:
        models._queue = before


def test_many_who_wait_for_the_model_stop_nobody_else(postcards_client: TestClient) -> None:
    """More than the threads that routes share, each with one text."""
    from resources.inference import DeviceQueue, Lane

    app = postcards_client.app
    models = app.state.services.models  # type: ignore[attr-defined]
    gate = threading.Event()
    before, models._queue = models._queue, DeviceQueue(512)
    with ThreadPoolExecutor(48) as pool:
        held = pool.submit(models._queue.run, Lane("held", lambda items: [gate.wait(60)], lambda: 1), [1], 60)
        asked = [pool.submit(postcards_client.post, "/api/v1/embed", data={"texts": ["a"]}) for _ in range(45)]
        try:
            while models.waiting < 40:
                gate.wait(0.01)
            assert pool.submit(postcards_client.get, "/api/v1/browse").result(20).status_code == 200
        finally:
            gate.set()
        assert held.result()
        assert {each.result().status_code for each in asked} == {200}
    models._queue.close()
    models._queue = before


def test_more_than_may_wait_are_refused_at_once() -> None:
    async def ask() -> list[str]:
        waits = LongWaits(2, lambda: LoupeError("QUEUE_FULL", "Full."))
        gate, found = threading.Event(), []

        async def wait() -> None:
            assert await waits.run(gate.wait, timeout=30)
            found.append("waited")

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            group.start_soon(wait)
            await anyio.sleep(0)
            await anyio.sleep(0)
            try:
                await waits.run(gate.wait)
            except LoupeError as error:
                found.append(error.code)
            gate.set()
        return found

    assert anyio.run(ask) == ["QUEUE_FULL", "waited", "waited"]


def test_closing_the_decoder_waits_for_nobody(tmp_path: Path) -> None:
    """Its queue is full, and its worker's thread takes no more."""
    decoder = UploadDecoder(Settings(home=tmp_path / "home"))
    decoder._ensure_running = lambda: None  # type: ignore[method-assign]
    with ThreadPoolExecutor(MOST_WAITING) as pool:
        waiting = [pool.submit(decoder.model_inputs, b"x", ()) for _ in range(MOST_WAITING)]
        while not decoder._tasks.full():
            time.sleep(0.01)
        decoder.close()
        for each in waiting:
            assert getattr(each.exception(), "code", None) == "UPLOADS_BUSY"
