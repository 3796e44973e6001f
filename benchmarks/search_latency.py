"""How fast the embedded index takes photos in and answers, in this process, on synthetic photos.

    python benchmarks/search_latency.py --photos 10000 100000

Points are seeded: 512-dimensional unit vectors around 200 centres, a full payload, a caption from a vocabulary with
a natural (Zipf) distribution. Each figure is a whole `PhotoSearch.search` of 60 photos with payload, without encoding
the text. Prints Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resources.home import Home
from resources.search import PhotoSearch, SearchRequest
from resources.vector_index import InBox, IndexModel, PhotoPoint, SearchFilters, VectorIndex
from resources.vector_index.opening import IndexFolder

DIM, CENTRES, VOCABULARY, SEED = 512, 200, 4000, 20_240_501
MODEL = IndexModel("synthetic", "1", "1", DIM)
WORDS = [f"word{number}" for number in range(VOCABULARY)]


def synthetic_points(count: int, rng: np.random.Generator) -> Iterator[PhotoPoint]:
    """Photos with every payload key filled."""
    centres = rng.standard_normal((CENTRES, DIM)).astype(np.float32)
    zipf = 1.0 / np.arange(1, VOCABULARY + 1)
    zipf /= zipf.sum()
    for number in range(count):
        drawn = centres[rng.integers(CENTRES)] + 0.8 * rng.standard_normal(DIM).astype(np.float32)
        caption = " ".join(WORDS[index] for index in rng.choice(VOCABULARY, size=9, p=zipf))
        photo_id = str(uuid.UUID(bytes=rng.bytes(16)))
        folder = f"/photos/{2000 + number % 24}/{number % 300}"
        payload: dict[str, Any] = {
            "sha256": f"{number:064x}",
            "pixel_hash": f"{number:064x}",
            "file_name": f"IMG_{number:06}.jpg",
            "paths": [f"{folder}/IMG_{number:06}.jpg"],
            "folders": ["/", "/photos", f"/photos/{2000 + number % 24}", folder],
            "root_ids": ["root"],
            "format": ["JPEG", "HEIC", "NEF", "DNG"][number % 4],
            "width": 6000,
            "height": 4000,
            "size_bytes": 5_000_000 + number,
            "orientation_kind": "landscape",
            "taken_at": 1.0e9 + float(rng.integers(0, 700_000_000)),
            "added_at": 1.7e9 + number,
            "camera": f"Camera {number % 12}",
            "camera_make": f"Maker {number % 5}",
            "camera_model": f"Camera {number % 12}",
            "lens": f"Lens {number % 20}",
            "iso": int(rng.choice([100, 200, 400, 800, 1600, 3200])),
            "f_number": float(rng.choice([1.8, 2.8, 4.0, 8.0])),
            "exposure_s": 0.01,
            "focal_length_mm": float(rng.integers(14, 400)),
            "rating": int(rng.integers(0, 6)),
            "tags": [WORDS[index] for index in rng.integers(0, 50, size=3)],
            "caption": caption,
            "collections": [f"Collection {number % 40}"],
            "location": {"lat": float(rng.uniform(-60, 70)), "lon": float(rng.uniform(-180, 180))},
            "has_gps": True,
            "offline": False,
        }
        text = f"{caption}\n{' '.join(payload['tags'])}\n{payload['file_name']}\n{folder}"
        yield PhotoPoint(photo_id, drawn / np.linalg.norm(drawn), text, payload)


def fill(index: VectorIndex, count: int, rng: np.random.Generator) -> tuple[float, float]:
    """Upsert `count` photos. Returns (photos a second, seconds of the flush); drawing them is not counted."""
    spent, batch = 0.0, []
    for point in synthetic_points(count, rng):
        batch.append(point)
        if len(batch) == 1000:
            spent += _timed(partial(index.upsert, batch))
            batch = []
    spent += _timed(lambda: index.upsert(batch))
    return count / spent, _timed(lambda: index.set_applied_seq(count))


def latencies_ms(ask: Callable[[int], object], rounds: int) -> tuple[float, float]:
    """p50 and p95 over `rounds` different questions, after three to warm up."""
    for number in range(3):
        ask(number)
    taken = sorted(_timed(partial(ask, number)) * 1000 for number in range(rounds))
    return statistics.median(taken), taken[int(0.95 * (rounds - 1))]


def measure(count: int, rounds: int) -> list[tuple[str, str]]:
    """Rows of (what, figure)."""
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        index = IndexFolder(Home(Path(folder))).open(MODEL)
        rate, flush_s = fill(index, count, rng)
        search = PhotoSearch(index, None)
        questions = rng.standard_normal((rounds, DIM)).astype(np.float32)

        def by_vector(number: int, **more: Any) -> object:
            vector: npt.NDArray[np.float32] = questions[number % rounds]
            return search.search(SearchRequest(image_vectors=((vector, 1.0),), **more))

        def words(number: int) -> object:
            text = f"{WORDS[number % 300]} {WORDS[(7 * number) % VOCABULARY]}"
            return search.search(SearchRequest(texts=((text, 1.0),), mode="words"))

        folder_filter = SearchFilters(folder="/photos/2013/13")
        wide = SearchFilters(rating_min=3, formats=["JPEG", "NEF"])
        box = SearchFilters(inside=InBox(40, 0, 50, 10))
        questions_asked: list[tuple[str, Callable[[int], object]]] = [
            ("vector", by_vector),
            ("vector, 1 in 300 pass (folder)", lambda n: by_vector(n, filters=folder_filter)),
            ("vector, 1 in 4 pass (rating and format)", lambda n: by_vector(n, filters=wide)),
            ("vector, in a box on the map", lambda n: by_vector(n, filters=box)),
            ("vector, newest of the relevant first", lambda n: by_vector(n, sort="newest")),
            ("words, two", words),
            ("browse, newest first", lambda n: search.search(SearchRequest())),
            ("browse, from photo 5,000 on", lambda n: search.search(SearchRequest(offset=5000))),
            ("browse, filtered", lambda n: search.search(SearchRequest(filters=wide))),
        ]
        rows = [("upsert, photos/s", f"{rate:,.0f}"), ("flush, s", f"{flush_s:.2f}")]
        for name, ask in questions_asked:
            p50, p95 = latencies_ms(ask, rounds)
            rows.append((f"{name}, ms p50 / p95", f"{p50:.1f} / {p95:.1f}"))
        rows.append(("on disk, MB", f"{index.stats().bytes / 1e6:,.0f}"))
        index.close()
        rows.append(("open again, s", f"{_timed(lambda: IndexFolder(Home(Path(folder))).open(MODEL).close()):.2f}"))
    return rows


def _timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    columns = {count: dict(measure(count, given.rounds)) for count in given.photos}
    print("| | " + " | ".join(f"{count:,} photos" for count in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in next(iter(columns.values())):
        print(f"| {name} | " + " | ".join(rows[name] for rows in columns.values()) + " |")


if __name__ == "__main__":
    main()
