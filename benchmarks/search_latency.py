"""How fast the search API answers over HTTP, on synthetic photos in an embedded index.

    python benchmarks/search_latency.py --photos 10000 100000 --homes DIR [--graph]

Points are seeded: 512-dimensional unit vectors around 200 centres, a full payload, a caption from a vocabulary with
a natural (Zipf) distribution. The model is untrained, with a text encoder of the size of CLIP ViT-B/32's. The API runs
in a process of its own and is asked over one connection, each question another one, so that nothing is answered from
what is kept unless the row says so. Beside the time, the processor time that the API spent on a question: other work
on the machine disturbs that less. Where a row says so, eight connections ask at once, from this process, which takes
its share of the processor. Homes that are built already in DIR are used again. Prints Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from resources.home import Home
from resources.library import Library
from resources.photo_store import PhotoStore
from resources.settings import Settings
from resources.vector_index import PhotoPoint, VectorIndex, open_index
from resources.vector_index.compaction import Compactor
from resources.vector_index.embedded import EmbeddedIndex

DIM, CENTRES, VOCABULARY, SEED = 512, 200, 4000, 20_240_501
PRESET = "clip-b32-laion2b"  # the name under which the untrained model poses as fetched
# Letters alone: of a word with a number the number is found as well, and what stands before it is in every caption.
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprt" for vowel in "aou"][:16]
WORDS = ["".join((*reversed(said), "k")) for said in itertools.product(_SYLLABLES, repeat=3)][:VOCABULARY]
# What is asked at once by several as well.
CLIENTS = 8
RATED = ("nothing (health)", "thumbnail", "like a photo, 20 without a cut", "like a photo, 60 a page")
THUMBNAIL_BYTES = 20_000
_BATCH = 1000


def write_model(folder: Path) -> None:
    """An untrained CLIP: the text encoder of ViT-B/32, an image encoder of no size, the words of the captions."""
    import open_clip
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    text = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
    text |= {
        "hf_tokenizer_name": "words",
        "tokenizer_kwargs": {"clean": "whitespace"},
        "pad_id": 0,
        "pool_type": "last",
    }
    vision = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
    torch.manual_seed(SEED)
    model = open_clip.CLIP(
        embed_dim=DIM, vision_cfg=open_clip.CLIPVisionCfg(**vision), text_cfg=open_clip.CLIPTextCfg(**text)
    )
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    seen = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    content = {"model_cfg": {"embed_dim": DIM, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": seen}
    (folder / "open_clip_config.json").write_text(json.dumps(content))


def synthetic_points(count: int, rng: np.random.Generator) -> Iterator[list[PhotoPoint]]:
    """Photos with every payload key filled, a thousand at a time."""
    centres = rng.standard_normal((CENTRES, DIM)).astype(np.float32)
    zipf = np.cumsum(1.0 / np.arange(1, VOCABULARY + 1))
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        drawn = rng.standard_normal((size, DIM), dtype=np.float32) * np.float32(0.8)
        drawn += centres[rng.integers(CENTRES, size=size)]
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        said = np.searchsorted(zipf, rng.random((size, 9)) * zipf[-1])
        tagged = rng.integers(0, 50, size=(size, 3))
        facts = zip(
            rng.integers(0, 700_000_000, size).tolist(),
            rng.choice([100, 200, 400, 800, 1600, 3200], size).tolist(),
            rng.choice([1.8, 2.8, 4.0, 8.0], size).tolist(),
            rng.integers(14, 400, size).tolist(),
            rng.integers(0, 6, size).tolist(),
            rng.uniform((-60, -180), (70, 180), (size, 2)).tolist(),
            strict=True,
        )
        yield [
            _point(start + at, drawn[at], [WORDS[word] for word in said[at]], [WORDS[tag] for tag in tagged[at]], fact)
            for at, fact in enumerate(facts)
        ]


def _point(number: int, vector: Any, caption: list[str], tags: list[str], fact: tuple[Any, ...]) -> PhotoPoint:
    taken, iso, f_number, focal_length, rating, (lat, lon) = fact
    folder = f"/photos/{2000 + number % 24}/{number % 300}"
    taken_at = 1.0e9 + taken
    payload: dict[str, Any] = {
        "sha256": f"{number:064x}",
        "pixel_hash": f"{number:064x}",
        "file_name": f"IMG_{number:06}.jpg",
        "file_names": [f"IMG_{number:06}.jpg"],
        "paths": [f"{folder}/IMG_{number:06}.jpg"],
        "folders": ["/", "/photos", f"/photos/{2000 + number % 24}", folder],
        "root_ids": ["root"],
        "format": [["JPEG", "HEIC", "NEF", "DNG"][number % 4]],
        "width": 6000,
        "height": 4000,
        "size_bytes": 5_000_000 + number,
        "orientation_kind": "landscape",
        "taken_at": taken_at,
        "added_at": 1.7e9 + number,
        "camera": f"Camera {number % 12}",
        "camera_make": f"Maker {number % 5}",
        "camera_model": f"Camera {number % 12}",
        "lens": f"Lens {number % 20}",
        "iso": iso,
        "f_number": f_number,
        "exposure_s": 0.01,
        "focal_length_mm": float(focal_length),
        "rating": rating,
        "tags": tags,
        "keywords": [f"Keyword {number % 311}", f"Keyword {number % 97}"],
        "people": [f"Person {number % 60}"] if number % 4 == 0 else [],
        "country": f"Country {number % 30}",
        "region": f"Region {number % 150}",
        "city": f"City {number % 450}",
        "caption": " ".join(caption),
        "collections": [f"Collection {number % 40}"],
        "location": {"lat": lat, "lon": lon},
        "has_gps": True,
        "motion": False,
    }
    if number % 10 < 2:  # a RAW and its JPEG: the second is found by the first
        payload |= {"stack_id": f"{number // 10}", "stack_kind": "raw_jpeg", "stack_size": 2}
        payload["stack_member"] = number % 10 == 1
    text = f"{payload['caption']}\n{' '.join(tags)}\n{payload['file_name']}\n{folder}"
    return PhotoPoint(str(uuid.UUID(int=uuid.uuid5(uuid.NAMESPACE_OID, str(number)).int)), vector, text, payload)


def fill(index: VectorIndex, count: int) -> tuple[float, float]:
    """Upsert `count` photos. Returns (photos a second, seconds of the flush); drawing them is not counted."""
    spent = sum(
        _timed(partial(index.upsert, points)) for points in synthetic_points(count, np.random.default_rng(SEED))
    )
    return count / spent, _timed(lambda: index.set_applied_seq(0))


def build(home: Path, count: int, graph: bool) -> None:
    """A home whose index holds `count` photos, of which the manifest knows nothing; compacted when it has a `graph`."""
    settings = settings_of(home)
    if (home / "built").exists():
        return
    write_model(home / "models" / PRESET)
    library = Library(settings)
    library.open()
    clip, _ = library.use_models()
    index = open_index(settings, clip)
    rate, flush_s = fill(index, count)
    index.make_current()
    said = f"{rate:.0f} photos/s, flush {flush_s:.1f} s"
    if graph:
        assert isinstance(index, EmbeddedIndex)
        compacted = Compactor(settings, library.manifest).run(index)
        if compacted is None:
            raise SystemExit("the index was not compacted")
        said += f", compacted in {compacted.seconds:.0f} s"
    index.close()
    (home / "built").write_text(said)


def write_thumbnail(home: Path, file_name: str) -> None:
    """A file as large as a thumbnail where that of this photo is looked for."""
    path = PhotoStore(Home(home)).thumbnail_path(f"{int(file_name[4:-4]):064x}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * THUMBNAIL_BYTES)


def settings_of(home: Path) -> Settings:
    # Nothing is compacted while it is measured.
    return Settings(home=home, model=PRESET, captions="off", device="cpu", compact_photos=1_000_000_000)


@dataclass(frozen=True)
class Row:
    """Milliseconds of a question: whole, as its asker sees it, and of the API's processor time."""

    p50: float
    p95: float
    p99: float
    processor: float


class Api:
    """The API over a home, in a process of its own."""

    def __init__(self, home: Path, port: int) -> None:
        given = settings_of(home).model_dump(include={"home", "model", "captions", "device", "compact_photos"})
        environment = {f"LOUPE_{name.upper()}": str(value) for name, value in given.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "search_api"],
            env={**os.environ, **environment, "LOUPE_PORT": str(port), "LOUPE_LOG_LEVEL": "error"},
        )
        self._seen = psutil.Process(self._process.pid)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=600.0, trust_env=False)

    def __enter__(self) -> Api:
        deadline = time.monotonic() + 600
        while True:
            try:
                ready = self.http.get("/health/ready")
                if ready.status_code == 200 and ready.json()["model"] == "ready":
                    return self
            except httpx.TransportError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the API does not become ready")
            time.sleep(0.2)

    def __exit__(self, *exception: object) -> None:
        self.http.close()
        self._process.terminate()
        self._process.wait(60)

    def get(self, path: str, **params: Any) -> Any:
        return self._answer(self.http.get(path, params=params))

    def post(self, path: str, **body: Any) -> Any:
        return self._answer(self.http.post(path, json=body))

    def _answer(self, reply: httpx.Response) -> Any:
        if reply.status_code != 200:
            raise SystemExit(f"{reply.status_code}: {reply.text[:300]}")
        return reply.json()

    def processor_s(self) -> float:
        """Processor time that the API has taken so far."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> tuple[float, float]:
        """Memory of its own, and with the files that it maps, which the system may take back."""
        used = self._seen.memory_full_info()
        return used.uss / 1e6, used.rss / 1e6

    def row(self, ask: Callable[[int], object], rounds: int) -> Row:
        """Over `rounds` different questions, after three to warm up."""
        for number in range(3):
            ask(10_000 + number)
        before = self.processor_s()
        taken = sorted(_timed(partial(ask, number)) * 1000 for number in range(rounds))
        processor = (self.processor_s() - before) * 1000 / rounds
        at = [taken[min(rounds - 1, int(part * rounds))] for part in (0.95, 0.99)]
        return Row(statistics.median(taken), at[0], at[1], processor)

    def answers_a_second(self, ask: Callable[[int], object], rounds: int) -> float:
        """With `CLIENTS` that ask at once, each after it has its answer."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            began = time.perf_counter()
            list(clients.map(ask, range(rounds)))
            return rounds / (time.perf_counter() - began)


def questions(api: Api, home: Path) -> Iterator[tuple[str, Callable[[int], object]]]:
    """What is asked, by name; `number` makes each question another one."""
    new = itertools.count()
    shown = api.get("/browse", limit=200)["hits"]
    photos = [hit["photo_id"] for hit in shown]
    thumbnails = [hit["thumbnail_url"].removeprefix("/api/v1") for hit in shown]
    for hit in shown:
        write_thumbnail(home, hit["file_name"])

    def text(number: int) -> str:
        return f"{WORDS[number % 300]} {WORDS[(7 * number) % VOCABULARY]} {WORDS[next(new) % VOCABULARY]}"

    kept = [text(number) for number in range(40)]
    api.http.post("/embed", data={"texts": kept}).raise_for_status()

    def like(number: int, limit: int = 60, **more: Any) -> Any:
        return api.post("/search", photos=[{"photo_id": photos[number % 200]}], limit=limit, **more)

    def thumbnail(number: int) -> None:
        reply = api.http.get(thumbnails[number % 200])
        assert (reply.status_code, len(reply.content)) == (200, THUMBNAIL_BYTES)

    def since(number: int) -> str:
        return f"{2001 + number % 20}-{1 + next(new) % 12:02}-{1 + number % 28:02}"

    def typed(number: int) -> str:
        return f"{WORDS[number % 200][: 5 + number % 3]}"

    folder = {"folder": "/photos/2013/13"}
    wide = {"rating_min": 3, "formats": ["JPEG", "NEF"]}
    yield "nothing (health)", lambda n: api.get("/health/live")
    yield "thumbnail", thumbnail
    yield "text encoding alone", lambda n: api.http.post("/embed", data={"texts": [text(n)]}).raise_for_status()
    yield "text: meaning and words, model included", lambda n: api.post("/search", text=text(n), limit=60)
    yield "the same with the text's vector kept", lambda n: api.post("/search", text=kept[n % 40], limit=60)
    for number in range(60):  # files of the index come into memory when they are first looked at
        like(number, 500)
    yield "like a photo, 20 without a cut", lambda n: like(n, 20, cut=False)
    yield "like a photo, 20 a page", lambda n: like(n, 20)
    yield "like a photo, 60 a page", like
    yield "like a photo, 1 in 300 pass (folder)", lambda n: like(n, filters=folder)
    yield "the same, 20 without a cut", lambda n: like(n, 20, filters=folder, cut=False)
    yield "like a photo, 1 in 4 pass (rating and format)", lambda n: like(n, filters=wide)
    yield "the same, 20 a page without a cut", lambda n: like(n, 20, filters=wide, cut=False)
    yield (
        "words alone, two",
        lambda n: api.post("/search", text=f"{WORDS[n % 300]} {WORDS[7 * n % 4000]}", mode="words"),
    )
    yield "browse, newest first", lambda n: api.get("/browse", limit=60)
    yield "browse, filtered", lambda n: api.get("/browse", limit=60, rating_min=n % 5, iso_min=1 + next(new))
    yield "browse, from photo 5,000 on", lambda n: api.get("/browse", limit=60, offset=5000 + n)
    cursors = [api.get("/browse", limit=60, offset=5000)["cursor"]]

    def follow(number: int) -> None:
        cursors.append(api.get("/browse", limit=60, cursor=cursors[-1])["cursor"])

    yield "browse, the next page by cursor, from 5,000 on", follow
    yield "facets of a filter, first time", lambda n: api.post("/search/facets", filters={"taken_from": since(n)})
    yield "facets of words, first time", lambda n: api.post("/search/facets", text=text(n), mode="words")
    yield "facets of the library, kept", lambda n: api.get("/browse/facets")
    yield "timeline of a filter, first time", lambda n: api.get("/browse/timeline", taken_from=since(n))
    yield "timeline of the library, kept", lambda n: api.get("/browse/timeline")
    yield "suggestions, kept values", lambda n: api.get("/search/suggest", text=typed(n))


def measure(home: Path, count: int, graph: bool, rounds: int, port: int, only: str) -> dict[str, str]:
    """Figures by what was asked."""
    began = time.monotonic()
    build(home, count, graph)
    print(f"{count:,}: built in {time.monotonic() - began:.0f} s ({(home / 'built').read_text()})", file=sys.stderr)
    rows = {}
    with Api(home, port) as api:
        for name, ask in questions(api, home):
            if only in name:
                row = api.row(ask, rounds)
                rows[name] = f"{row.p50:.1f} / {row.p95:.1f} / {row.p99:.1f} ({row.processor:.1f})"
                print(f"{count:,}: {name}: {rows[name]}", file=sys.stderr)
                if name in RATED:
                    rate = api.answers_a_second(ask, 4 * rounds)
                    rows[f"{name}: answers a second, {CLIENTS} asking"] = f"{rate:.0f}"
        own, mapped = api.memory_mb()
        rows["memory, own / with mapped files, MB"] = f"{own:,.0f} / {mapped:,.0f}"
    return rows


def _timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--homes", type=Path, help="Where homes are built and stay; unset: they are deleted.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--only", default="", help="Only questions whose name holds this.")
    parser.add_argument("--graph", action="store_true", help="Compact the index before it is asked.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        homes = given.homes or Path(folder)
        columns = {
            count: measure(
                homes / f"{count}{'-graph' * given.graph}", count, given.graph, given.rounds, given.port, given.only
            )
            for count in given.photos
        }
    print("Milliseconds, p50 / p95 / p99 (the API's processor time).\n")
    print("| | " + " | ".join(f"{count:,} photos" for count in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in next(iter(columns.values())):
        print(f"| {name} | " + " | ".join(rows.get(name, "") for rows in columns.values()) + " |")


if __name__ == "__main__":
    main()
