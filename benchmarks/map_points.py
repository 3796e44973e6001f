"""The similarity map at a million photos, and how well its groups are found.

    python benchmarks/map_points.py --photos 1000000
    python benchmarks/map_points.py --groups

The first writes a manifest with so many photos, stores a made map over them as the drawing does (but UMAP), and asks a
server for it: bytes, seconds, and seconds of processor, the best of three. The second draws made vectors with real UMAP
and compares groups with the truth (adjusted Rand index) beside HDBSCAN of scikit-learn, and the seconds of a core that
both take. Both print Markdown tables.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import uvicorn
from fastapi import FastAPI

from resources.library import Library
from resources.manifest import projections
from resources.manifest.projections import Drawing
from resources.photo_map import find_clusters, open_points, store_map
from resources.projection import project
from resources.settings import Settings
from search_api.photo_map import PhotoMap
from search_api.routers import similarity_map

_MODEL = "made"
_WORDS = ("beach", "boat", "city", "night", "dog", "snow", "forest", "child", "bicycle", "flower", "bridge", "car")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=8471)
    parser.add_argument("--groups", action="store_true", help="Compare groups with the truth instead.")
    options = parser.parse_args()
    if options.groups:
        compare_groups()
        return
    folder = Path(tempfile.mkdtemp(prefix="loupe-map-"))
    try:
        measure(Library(Settings(home=folder / "home", captions="off")).open(), options.photos, options.port)
    finally:
        shutil.rmtree(folder)


def measure(library: Library, count: int, port: int) -> None:
    ids = fill(library, count)
    places = made_places(count)
    print(f"{count:,} photos\n\n| step | seconds | of both cores | bytes |\n|---|---|---|---|")
    row("groups (density, hills)", lambda: find_clusters(places), times=1)
    row("whole: groups, labels, rows, file", lambda: store_map(library, _MODEL, ids, places), times=1)
    with library.manifest.read() as tx:
        drawing = projections.drawing(tx, _MODEL)
        told = projections.clusters(tx, _MODEL)
    assert drawing is not None
    points = open_points(library.manifest, library.home, drawing)
    row("file into memory", lambda: open_points(library.manifest, library.home, drawing))
    lasso = [(0.6 * np.cos(a), 0.6 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 200, endpoint=False)]
    row("selection by a line of 200 corners", lambda: points.inside(lasso))
    some = ids[:: max(1, count // 100_000)]
    row(f"rows of {len(some):,} photos", lambda: points.rows_of(some))
    with _Serving(library, drawing, port) as client:
        for name, address in (
            ("`GET /map`", "/map"),
            ("`GET /map/points`", f"/map/points?v={drawing.generation}"),
            ("`GET /map/columns`: date", "/map/columns?names=date"),
            ("`GET /map/columns`: camera, country", "/map/columns?names=camera&names=country"),
        ):
            row(name, lambda address=address: len(client.get(address).raise_for_status().content))
    print(f"\n{len(told)} groups, the first: {[each.label for each in told[:3]]}")


def fill(library: Library, count: int) -> list[str]:
    """Photos with dates, cameras, countries and captions; nothing but the rows. Returns their ids, in order."""
    with library.manifest.write() as tx:
        tx.execute(
            """CREATE TEMP TABLE made AS SELECT row_number() OVER (ORDER BY photo_id) AS n, photo_id
            FROM (SELECT uuid()::TEXT AS photo_id FROM range(?))""",
            [count],
        )
        tx.execute(
            """INSERT INTO photos BY NAME SELECT photo_id, photo_id AS document_id, photo_id AS sha256, 1 AS page,
                now() AS created_at, TIMESTAMP '2000-01-01' + to_minutes((n * 13)::INT) AS taken_at,
                'Canon' AS camera_make, 'EOS R' || n % 40 AS camera_model, 'Country ' || n % 90 AS country,
                'JPEG' AS format FROM made"""
        )
        tx.execute(
            """INSERT INTO previews BY NAME SELECT photo_id AS sha256, 1 AS page, photo_id AS pixel_hash, 1 AS width,
                1 AS height, '1' AS decoder_version, 'full' AS rung, now() AS decoded_at FROM made"""
        )
        words = "[" + ", ".join(f"'{word}'" for word in _WORDS) + "]"
        tx.execute(
            f"""INSERT INTO captions BY NAME SELECT photo_id AS sha256, photo_id AS pixel_hash, 'made' AS model,
                '1' AS revision, '1' AS preprocess_version, now() AS created_at,
                'a ' || {words}[1 + n * 200 // {count} % {len(_WORDS)}] || ' beside a '
                || {words}[1 + n % {len(_WORDS)}] AS text FROM made"""
        )
        return [each[0] for each in tx.execute("SELECT photo_id FROM made ORDER BY n").fetchall()]


def made_places(count: int) -> npt.NDArray[np.float32]:
    """Two hundred hills of unlike width, and a twentieth of the photos anywhere."""
    random = np.random.default_rng(1)
    middles, widths = random.uniform(-0.9, 0.9, (200, 2)), random.uniform(0.005, 0.03, 200)
    hill = np.arange(count) * 200 // count
    places = middles[hill] + random.normal(size=(count, 2)) * widths[hill, None]
    anywhere = random.random(count) < 0.05
    places[anywhere] = random.uniform(-1, 1, (int(anywhere.sum()), 2))
    return np.clip(places, -1, 1).astype(np.float32)


class _Drawn(PhotoMap):
    """The map of a library without an index: a million points of one take longer to build than all that is measured."""

    def __init__(self, library: Library, drawing: Drawing) -> None:
        super().__init__(library, None)  # type: ignore[arg-type]
        self._drawing = drawing

    def drawing(self) -> Drawing:
        return self._drawing


class _Serving:
    """The map's routes on a port of this machine."""

    def __init__(self, library: Library, drawing: Drawing, port: int) -> None:
        app = FastAPI()
        app.include_router(similarity_map.router)
        app.state.services = SimpleNamespace(library=library, map=_Drawn(library, drawing))
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)

    def __enter__(self) -> httpx.Client:
        threading.Thread(target=self._server.run, daemon=True).start()
        while not self._server.started:
            time.sleep(0.05)
        return self._client

    def __exit__(self, *error: object) -> None:
        self._client.close()
        self._server.should_exit = True


def row(name: str, work: Callable[[], Any], times: int = 3) -> None:
    best, least, answer = float("inf"), float("inf"), None
    for _ in range(times):
        started, spent = time.perf_counter(), time.process_time()
        answer = work()
        best, least = min(best, time.perf_counter() - started), min(least, time.process_time() - spent)
    size = f"{answer:,}" if isinstance(answer, int) else ""
    print(f"| {name} | {best:.3f} | {least:.3f} | {size} |", flush=True)


def compare_groups() -> None:
    from sklearn.cluster import HDBSCAN
    from sklearn.metrics import adjusted_rand_score

    print("| photos | kinds | HDBSCAN: groups, index | hills: groups, index, in none |\n|---|---|---|---|")
    for count, kinds, noise in ((40, 2, 1.0), (100, 4, 1.0), (400, 8, 1.2), (2_000, 20, 1.5), (5_000, 40, 1.7)):
        random = np.random.default_rng(count)
        truth = random.choice(kinds, count, p=random.dirichlet(np.full(kinds, 2.0)))
        vectors = random.normal(size=(kinds, 64))[truth] + random.normal(0, noise, (count, 64))
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        places = project(unit, Path(tempfile.gettempdir()) / "loupe-map-numba")
        theirs = HDBSCAN(min_cluster_size=max(5, count // 500), copy=True).fit_predict(places)
        found = find_clusters(places)
        none = float((found.cluster_of < 0).mean())
        print(
            f"| {count:,} | {kinds} | {len(set(theirs[theirs >= 0]))}, {adjusted_rand_score(truth, theirs):.3f} "
            f"| {len(found.peaks)}, {adjusted_rand_score(truth, found.cluster_of):.3f}, {none:.1%} |",
            flush=True,
        )
    print("\n| places | HDBSCAN, s | hills, s |\n|---|---|---|")
    for count in (5_000, 10_000, 20_000, 40_000):
        places = made_places(count)
        spent = []
        for find in (HDBSCAN(min_cluster_size=count // 500, copy=True).fit, find_clusters):
            started = time.process_time()
            find(places)
            spent.append(time.process_time() - started)
        print(f"| {count:,} | {spent[0]:.2f} | {spent[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
