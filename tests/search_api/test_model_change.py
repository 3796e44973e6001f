"""A model is changed, and changed back, while people search: real models, real HTTP, every answer compared."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from drawn_photos import draw_photos
from PIL import Image
from running_app import free_port, serving, wait_until
from shelf import InProcessEngine
from small_library import PRESET, SmallLibrary, write_tiny_clip

from assets.photo_stream import StreamCounts
from resources.imaging import decode
from resources.library import result_key
from resources.manifest import VectorStore
from resources.model_change import choose, completeness, model_changes, roll_back
from resources.models import ClipEncoder, GpuResource, clip_spec, load_clip, model_input
from resources.settings import Settings
from resources.vector_index import IndexModel, wake
from resources.vector_index.points import generation_name

OTHER = "clip-b32-openai"
PHOTOS, LATER, A_RUN = 200, 6, 90
TEXTS = ["a red circle", "the blue sea", "green sky", "yellow square beside the wall"]


@dataclass
class Load:
    """Threads that search until they are told to stop; what they were answered, and what went wrong."""

    url: str
    picture: bytes
    example: str
    replies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        asks = [self._text(text) for text in TEXTS[:2]] + [self._image, self._similar, self._browse]
        threads = [threading.Thread(target=self._ask, args=(ask,)) for ask in asks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self, ask: Callable[[httpx.Client], tuple[str, httpx.Response]]) -> None:
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=60, trust_env=False) as client:
            while not self._stop.is_set():
                try:
                    kind, reply = ask(client)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if reply.status_code == 200 and not reply.json().get("warnings"):
                    self.replies.append((kind, reply.json()))
                else:
                    self.failures.append(reply.text)
                time.sleep(0.05)  # a person, not a benchmark: the change needs the processor too

    def _text(self, text: str) -> Callable[[httpx.Client], tuple[str, httpx.Response]]:
        query = {"text": text, "mode": "meaning", "limit": 500}
        return lambda client: (text, client.post("/search", json=query))

    def _image(self, client: httpx.Client) -> tuple[str, httpx.Response]:
        given = {"query": '{"limit": 500}'}
        return "image", client.post("/search/image", files={"image": ("given.png", self.picture)}, data=given)

    def _similar(self, client: httpx.Client) -> tuple[str, httpx.Response]:
        return "similar", client.post("/search", json={"photos": [{"photo_id": self.example}], "limit": 500})

    def _browse(self, client: httpx.Client) -> tuple[str, httpx.Response]:
        return "browse", client.get("/browse", params={"limit": 500})


@dataclass(frozen=True)
class Truth:
    """What one model alone answers: its vectors of all photos, and of what is asked for."""

    vectors: dict[str, np.ndarray]
    asked: dict[str, np.ndarray]

    def cosines(self, kind: str) -> dict[str, float]:
        return {photo_id: float(vector @ self.asked[kind]) for photo_id, vector in self.vectors.items()}


def truth(small: SmallLibrary, name: str, picture: bytes, example: str) -> Truth:
    encoder = load_clip(small.settings, name, GpuResource(small.settings))
    key = result_key(encoder.identity)
    with small.library.manifest.read() as tx:
        rows = tx.execute("SELECT p.photo_id, v.pixel_hash FROM photos p JOIN previews v USING (sha256, page)")
        hashes = dict(rows.fetchall())
    stored = VectorStore(small.library.home, key.model, key.revision, key.preprocess_version).get(list(hashes.values()))
    vectors = {photo_id: stored[pixel_hash] for photo_id, pixel_hash in hashes.items()}
    asked = {text: encoder.embed_texts([text])[0] for text in TEXTS}
    return Truth(vectors, asked | {"image": _vector(encoder, picture), "similar": vectors[example]})


def _vector(encoder: ClipEncoder, picture: bytes) -> np.ndarray:
    pixels = decode(picture, name="given.png", preview_px=1024, max_pixels=1_000_000).pixels
    vector: np.ndarray = encoder.embed_images(model_input(pixels, encoder.input_spec)[None])[0]
    return vector


def take_in(small: SmallLibrary, photos: int = 1000) -> StreamCounts:
    """A run that decodes in this process: workers of its own would take seconds to start each time."""
    return small.take_in(photos, InProcessEngine(small.settings))


def generation_of(small: SmallLibrary, name: str) -> str:
    return generation_name(IndexModel.of(clip_spec(small.settings, name)))


@pytest.fixture
def changing(tmp_path: Path) -> SmallLibrary:
    """200 photos that one model has seen, and the files of another one with vectors of the same length."""
    home, photos = tmp_path / "home", tmp_path / "Photos"
    write_tiny_clip(home / "models" / PRESET)
    write_tiny_clip(home / "models" / OTHER, seed=7)
    draw_photos(photos, PHOTOS)
    settings = Settings(
        home=home, captions="off", device="cpu", decode_workers=1, cpu_threads=1, port=free_port(), host="127.0.0.1"
    )
    small = SmallLibrary(settings, photos)
    small.library.open()
    small.add_folder(photos)
    choose(small.library, "clip", PRESET)
    assert take_in(small).embedded == PHOTOS
    return small


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_search_goes_on_whole_and_unmixed_while_the_model_is_changed_and_changed_back(changing: SmallLibrary) -> None:
    small, url = changing, f"http://127.0.0.1:{changing.settings.port}"
    old, new = generation_of(small, PRESET), generation_of(small, OTHER)
    with io.BytesIO() as stream:
        Image.fromarray(np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(stream, "PNG")
        picture = stream.getvalue()
    example = small.photo_id("photo0000.jpg")

    def asked(text: str = TEXTS[2]) -> dict[str, Any]:
        reply = httpx.post(f"{url}/api/v1/search", json={"text": text, "mode": "meaning", "limit": 500}, timeout=60)
        content: dict[str, Any] = reply.json()
        return content

    def finds(photo_ids: set[str]) -> bool:
        return photo_ids <= {hit["photo_id"] for hit in asked().get("hits", [])}

    def ready() -> bool:
        return bool(httpx.get(f"{url}/api/v1/health/ready", timeout=60).json().get("model") == "ready")

    with serving(small.settings):
        wait_until(lambda: ready() and len(asked()["hits"]) == PHOTOS)
        load = Load(url, picture, example)
        with load.running():
            chosen = choose(small.library, "clip", OTHER)
            assert (chosen.before, chosen.waiting, chosen.behind) == (PRESET, PHOTOS, PHOTOS)
            wake(small.library.home)
            first = take_in(small, A_RUN)
            assert (first.embedding_model_images, first.going_model_images) == (A_RUN, 0)

            arrived = draw_photos(small.photos, [f"later{number}.jpg" for number in range(LATER)], 5000)
            during = take_in(small, A_RUN)
            assert during.going_model_images == LATER, "the old model sees what arrives, and nothing else"
            ids = {small.photo_id(path.name) for path in arrived}
            wait_until(lambda: finds(ids))
            assert asked()["generation"] == old, "found by content before the change is done"
            (change,) = model_changes(small.library)
            assert (change.before, change.after) == (PRESET, OTHER)
            assert 0 < change.waiting < PHOTOS
            told = httpx.get(f"{url}/api/v1/status", timeout=60).json()
            assert told["model_changes"][0]["before"] == PRESET

            while take_in(small, A_RUN).left:
                pass
            wait_until(lambda: asked()["generation"] == new, 150)
            assert finds(ids)
            assert len(asked()["hits"]) == PHOTOS + LATER
            found = completeness(small.library)
            assert found is not None
            assert found.whole, found
            assert (found.model, found.found) == (OTHER, PHOTOS + LATER)

            started = time.monotonic()
            back = roll_back(small.library, "clip")
            assert (back.name, back.waiting) == (PRESET, 0)
            wake(small.library.home)
            wait_until(lambda: asked()["generation"] == old, 150)
            took_s = time.monotonic() - started
            assert len(asked()["hits"]) == PHOTOS + LATER
            assert take_in(small).embedding_model_images == 0
            again = completeness(small.library)
            assert again is not None
            assert again.whole, again
            time.sleep(0.5)
        print(f"{len(load.replies)} replies, {len(load.failures)} failures, rolled back in {took_s:.1f} s")

    assert load.failures == []
    truths = {old: truth(small, PRESET, picture, example), new: truth(small, OTHER, picture, example)}
    kinds = {(kind, reply["generation"]) for kind, reply in load.replies}
    assert kinds == {(kind, made) for kind in (*TEXTS[:2], "image", "similar", "browse") for made in (old, new)}
    worst = 0.0
    for kind, reply in load.replies:
        hits = reply["hits"]
        assert len(hits) >= PHOTOS - (kind == "similar"), "photos that were found are found all the while"
        if kind != "browse":
            expected = truths[reply["generation"]].cosines(kind)
            given = [hit["meaning"] for hit in hits]
            worst = max(worst, *(abs(hit["meaning"] - expected[hit["photo_id"]]) for hit in hits))
            assert given == sorted(given, reverse=True)
    assert worst < 1e-3, "an answer holds scores of another model"
    mixed = truths[old].cosines("image"), truths[new].cosines("image")
    assert max(abs(mixed[0][photo_id] - mixed[1][photo_id]) for photo_id in mixed[0]) > 0.05, "the models are alike"
