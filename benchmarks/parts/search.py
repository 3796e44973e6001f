"""The embedded index against the local mode of qdrant-client and a bare matrix product, 50,000 points of 512 numbers.

The index is asked as search asks it (`VectorIndex.nearest`, the best 60), uncompacted: it compares with every vector,
as the others do. Vectors are of unit norm around 200 centres, every question another vector; the filter leaves a fifth.
Answers must agree before anything is timed.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models
from results import LIMIT, LOUPE, Figure
from turns import least_seconds

from resources.settings import Settings
from resources.vector_index import AnyOf, IndexModel, PhotoPoint, open_index

_POINTS, _DIM, _CENTRES, _BEST = 50_000, 512, 200, 60
_BATCH = 1000
_LOCAL = "qdrant-client, local"
_CAMERAS = [f"Camera {number}" for number in range(5)]


def measured() -> Iterable[Figure]:
    vectors, questions = _vectors(_POINTS, 1), itertools.cycle(_vectors(64, 2))
    ids = [str(uuid.UUID(int=number + 1)) for number in range(_POINTS)]
    payloads = [_payload(number) for number in range(_POINTS)]
    local = QdrantClient(":memory:")
    local.create_collection("photos", vectors_config=models.VectorParams(size=_DIM, distance=models.Distance.COSINE))
    with tempfile.TemporaryDirectory() as home:
        index = open_index(Settings(home=Path(home)), IndexModel("bench", "1", "1", _DIM))

        def into_index(part: range) -> None:
            index.upsert(PhotoPoint(ids[at], vectors[at], "", payloads[at]) for at in part)

        def into_local(part: range) -> None:
            points = [models.PointStruct(id=ids[at], vector=vectors[at].tolist(), payload=payloads[at]) for at in part]
            local.upsert("photos", points)

        for who, rate in _rates({LOUPE: into_index, _LOCAL: into_local}).items():
            yield Figure("points written", who, rate, "points/s", "kept on the disk" if who == LOUPE else "in memory")
        some = np.flatnonzero([payload["camera"] == _CAMERAS[0] for payload in payloads])
        passing = np.ascontiguousarray(vectors[some])
        only = models.Filter(must=[models.FieldCondition(key="camera", match=models.MatchValue(value=_CAMERAS[0]))])
        wide = {
            LOUPE: lambda asked: index.nearest(asked, _BEST),
            _LOCAL: lambda asked: _local(local, asked, None),
            LIMIT: lambda asked: vectors @ asked,
        }
        narrow = {
            LOUPE: lambda asked: index.nearest(asked, _BEST, AnyOf("camera", (_CAMERAS[0],))),
            _LOCAL: lambda asked: _local(local, asked, only),
            LIMIT: lambda asked: passing @ asked,
        }
        asked = next(questions)
        for rivals, among in ((wide, np.arange(_POINTS)), (narrow, some)):
            best = {ids[at] for at in among[np.argsort(vectors[among] @ asked)[-_BEST:]]}
            found = {each.photo_id for each in rivals[LOUPE](asked)}
            agreeing = {str(each.id) for each in rivals[_LOCAL](asked)}
            assert len(best & found) >= _BEST - 1 <= len(best & agreeing), "answers differ by more than rounding"
        note = "float32 matrix times vector in numpy, {:,} x 512: every vector read once, nothing sorted or looked up"
        for what, rivals, rows in (
            ("search", wide, _POINTS),
            ("search, a filter that leaves a fifth", narrow, len(some)),
        ):
            least = least_seconds({who: _asking(run, questions) for who, run in rivals.items()}, rounds=15)
            for who, seconds in least.items():
                yield Figure(what, who, 1000 * seconds, "ms", note.format(rows) if who == LIMIT else "")
        index.close()


def _asking(run: Callable[[Any], object], questions: Iterator[Any]) -> Callable[[], object]:
    return lambda: run(next(questions))


def _local(client: QdrantClient, asked: np.ndarray, only: models.Filter | None) -> list[models.ScoredPoint]:
    return client.query_points("photos", query=asked, limit=_BEST, query_filter=only, with_payload=False).points


def _rates(writers: dict[str, Callable[[range], None]]) -> dict[str, float]:
    """Points a second of each over all points, by batches in turn."""
    took = dict.fromkeys(writers, 0.0)
    for start in range(0, _POINTS, _BATCH):
        for who, write in writers.items():
            began = time.perf_counter()
            write(range(start, start + _BATCH))
            took[who] += time.perf_counter() - began
        print(f"\r{start + _BATCH:,} points written", end="", file=sys.stderr)
    print(file=sys.stderr)
    return {who: _POINTS / seconds for who, seconds in took.items()}


def _vectors(count: int, seed: int) -> np.ndarray:
    """float32 `[count, dim]` of unit norm around the centres, which are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((_CENTRES, _DIM), np.float32)
    rng = np.random.default_rng(seed)
    found = centres[rng.integers(0, _CENTRES, count)] + 0.7 * rng.standard_normal((count, _DIM), np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _payload(number: int) -> dict[str, Any]:
    return {
        "file_name": f"IMG_{number:05}.jpg",
        "paths": [f"/photos/trip {number // 500}/IMG_{number:05}.jpg"],
        "folders": [f"trip {number // 500}"],
        "camera": _CAMERAS[number % len(_CAMERAS)],
        "format": "JPEG",
        "taken_at": 1_600_000_000 + 60 * number,
        "iso": 100 * (1 + number % 16),
        "tags": [f"tag {number % 97}"],
        "width": 4000,
        "height": 3000,
    }
