"""Layout of the map: the same as umap-learn's by graph and by neighbours, compiled once, and places that stay.

Each test that computes does so in a process of its own: compiled code is not for those that run much else.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.projection import place, project

pytestmark = pytest.mark.slow

_VECTORS = """
import json, sys
from pathlib import Path
import numpy as np
random = np.random.default_rng(3)
label = random.choice(40, 6000)
spread = random.normal(size=(40, 12, 64))
middle = 3 * random.normal(size=(40, 64))
vectors = middle[label] + np.einsum("nk,nkd->nd", random.normal(size=(6000, 12)), spread[label])
vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
likeness = vectors @ vectors.T
np.fill_diagonal(likeness, -2)
truth = np.argsort(-likeness, axis=1)[:, :15]
"""


def computed(code: str, cwd: Path, timeout_s: float = 400) -> dict[str, Any]:
    """What the code, which has `vectors` and their true neighbours `truth`, prints last."""
    done = subprocess.run(
        [sys.executable, "-c", _VECTORS + code], capture_output=True, text=True, cwd=cwd, timeout=timeout_s
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def groups(count: int, kinds: int = 3, dim: int = 32, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(seed)
    label = np.arange(count) % kinds
    vectors = np.eye(dim)[label] + noise.normal(0, 0.05, (count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), label


def test_neighbours_are_found_and_weigh_what_umap_learn_says(tmp_path: Path) -> None:
    found = computed(
        """
from umap.umap_ import fuzzy_simplicial_set
from resources.projection.layout import graph
from resources.projection import neighbours
from resources.projection.neighbours import Neighbours
neighbours._MORE_CELLS = 0  # as few as in a large library
rows = np.arange(len(vectors), dtype=np.int32)
near, far = Neighbours(vectors).nearest(vectors, 14, rows)
recall = np.mean([len(np.intersect1d(a, b)) for a, b in zip(near, truth[:, :14])]) / 14
itself = {"knn_indices": np.c_[rows, near], "knn_dists": np.c_[np.zeros(len(far), "f4"), far]}
theirs = fuzzy_simplicial_set(vectors, 15, np.random.RandomState(1), "cosine", **itself)[0]
print(json.dumps({"recall": recall, "apart": float(abs(graph(near, far) - theirs.tocsr()).max()),
    "exact": float(np.abs(far - np.take_along_axis(1 - likeness, near, 1)).max())}))
""",
        tmp_path,
    )
    assert found["recall"] > 0.9
    assert found["apart"] < 0.001
    assert found["exact"] < 1e-5


def test_as_many_neighbours_stay_neighbours_as_by_umap_learn(tmp_path: Path) -> None:
    found = computed(
        """
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KDTree
from umap import UMAP
from resources.projection.layout import lay_out
said = {}
some = slice(0, 1500)
drawn = {"own": lay_out(vectors), "again": lay_out(vectors), "theirs": UMAP(metric="cosine").fit_transform(vectors)}
for name, places in drawn.items():
    near = KDTree(places).query(places, k=16)[1][:, 1:]
    said[name] = {
        "kept": np.mean([len(np.intersect1d(a, b)) for a, b in zip(near, truth)]) / 15,
        "trust": float(trustworthiness(vectors[some], places[some], n_neighbors=15, metric="cosine")),
        "first": places[:5].tolist(),
    }
print(json.dumps(said))
""",
        tmp_path,
    )
    assert found["own"]["kept"] >= found["theirs"]["kept"] - 0.01
    assert found["own"]["trust"] >= found["theirs"]["trust"] - 0.005
    assert found["own"]["first"] == found["again"]["first"], "a small library is drawn the same each time"


def test_a_sample_is_laid_out_and_the_others_are_placed_in_it(tmp_path: Path) -> None:
    found = computed(
        """
from resources.projection.layout import lay_out
from resources.projection.process import Vectors, draw
vectors.tofile("vectors.f4")
seen = []
def noted(some):
    seen.append(len(some))
    return lay_out(some)
places = draw(Vectors(Path("vectors.f4"), 64), None, noted, sample=2000)
d = np.linalg.norm(places[:1000, None] - places[None], axis=2)
d[np.arange(1000), np.arange(1000)] = np.inf
alike = float((label[d.argmin(1)] == label[:1000]).mean())
print(json.dumps({"seen": seen, "whole": bool(np.isfinite(places).all()), "alike": alike}))
""",
        tmp_path,
    )
    assert (found["seen"], found["whole"]) == ([2000], True)
    assert found["alike"] > 0.95


def test_code_is_compiled_once_and_not_by_each_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "compiled"))
    seen = []
    for _ in range(2):
        project(groups(60)[0], tmp_path / "cache")
        seen.append({path: path.stat().st_mtime_ns for path in (tmp_path / "compiled").rglob("*.nb*")})
    assert {"_descend", "_keep_best"} <= {path.name.split("-")[0].split(".")[-1] for path in seen[0]}
    assert seen[0] == seen[1]


def test_new_photos_lie_amid_those_like_them_and_no_other_moves(tmp_path: Path) -> None:
    vectors, label = groups(90)
    drawn = project(vectors[:75], tmp_path)
    known = np.concatenate([drawn, np.full((15, 2), np.nan, dtype=np.float32)])
    blocks = [(vectors[start : start + 40], known[start : start + 40]) for start in range(0, 90, 40)]
    places = place(blocks, tmp_path)
    assert np.array_equal(places[:75], drawn)
    assert np.abs(places).max() <= 1
    distance = np.linalg.norm(places[75:, None] - drawn[None], axis=2)
    assert (label[distance.argmin(axis=1)] == label[75:]).all()
    assert len(np.unique(places, axis=0)) == 90, "photos that are alike do not hide each other"


@pytest.mark.parametrize("works", [True, False])
def test_a_gpu_is_used_where_cuml_finds_one(works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name notes what it is asked; one that finds no GPU is done without."""
    package = tmp_path / "packages" / "cuml"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "manifold.py").write_text(
        f"""
import json, pathlib
class UMAP:
    def __init__(self, **options):
        pathlib.Path({str(tmp_path / "asked")!r}).write_text(json.dumps(options))
        if not {works}:
            raise RuntimeError("no CUDA-capable device is detected")
    def fit_transform(self, vectors):
        return vectors[:, :2]
"""
    )
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, [tmp_path / "packages", *sys.path])))
    vectors, label = groups(60)
    places = project(vectors, tmp_path / "cache")
    asked = json.loads((tmp_path / "asked").read_text())
    assert asked == {"n_neighbors": 15, "n_components": 2, "min_dist": 0.1, "metric": "cosine"}
    flat = vectors[:, :2] - (vectors[:, :2].max(axis=0) + vectors[:, :2].min(axis=0)) / 2
    assert np.allclose(places, flat / np.abs(flat).max(), atol=1e-6) == works
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + np.eye(60) * 9
    assert works or (label[distance.argmin(axis=1)] == label).all()


def test_umap_learn_lays_out_where_it_is_asked_for(tmp_path: Path) -> None:
    vectors, label = groups(60)
    own, theirs = (project(vectors, tmp_path, way) for way in ("auto", "umap-learn"))
    assert not np.allclose(own, theirs, atol=0.1)
    distance = np.linalg.norm(theirs[:, None] - theirs[None], axis=2) + np.eye(60) * 9
    assert (label[distance.argmin(axis=1)] == label).all()
