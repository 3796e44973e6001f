"""How soon one edit is found, in libraries of several sizes, through the real owner of the index.

    python benchmarks/index_changes.py --photos 10000 100000 [--keep DIR]

Fills a manifest and a vector store (512 dimensions) with synthetic photos, builds the index as an ingest would, and
then tags one photo after another as the API does: a committed transaction with its outbox row, and a touch of the wake
file. Each figure is the time from before the transaction until a search filtered by that tag finds the photo. Prints
Markdown, and how long the steps take by themselves.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

from resources.clock import utc_now
from resources.home import Home
from resources.manifest import Manifest, VectorStore, models, outbox, stacks
from resources.settings import Settings
from resources.vector_index import IndexFollower, IndexModel, SearchFilters, apply_outbox, open_index
from resources.vector_index.photo_points import read_facts
from resources.vector_index.publishing import wake

MODEL = IndexModel("synthetic", "1", "1", 512)
_AT_ONCE = 10_000

# What a whole ingest would have left behind.
_FILL = (
    """INSERT INTO photos (photo_id, document_id, sha256, created_at, format, width, height, size_bytes, file_name,
        taken_at, camera_make, camera_model, lens, iso, f_number, exposure_s, focal_length_mm, gps_lat, gps_lon, rating,
        keywords, people, country, city, stack_due)
    SELECT id, id, md5('s' || n), TIMESTAMP '2024-01-01' + INTERVAL (n) SECOND, 'JPEG', 6000, 4000, 5000000 + n,
        'IMG_' || n || '.JPG', TIMESTAMP '2005-01-01' + INTERVAL (n * 500) SECOND, 'Maker ' || n % 5,
        'Camera ' || n % 12, 'Lens ' || n % 20, 100 * (n % 8 + 1), 2.8, 0.01, n % 300 + 14.0, n % 120 - 60.0,
        n % 360 - 180.0, n % 6, ['word ' || n % 50, 'word ' || n % 333], ['Person ' || n % 20], 'Country ' || n % 30,
        'City ' || n % 200, false
    FROM (SELECT range AS n, CAST(md5('p' || range) AS UUID)::TEXT AS id FROM range(?))""",
    """INSERT INTO files (root_id, rel_path, partition_key, size_bytes, mtime_ns, sha256, photo_id, first_seen_at,
        stack_key, shot_key)
    SELECT 'root', 2000 + rowid // 100000 || '/trip ' || rowid // 500 || '/' || file_name, 'trip', size_bytes, rowid,
        sha256, photo_id, created_at, hash(rowid), hash(rowid) FROM photos""",
    """INSERT INTO previews (sha256, pixel_hash, width, height, decoder_version, rung, decoded_at, metadata)
    SELECT sha256, 'x' || sha256, 1024, 768, '1', 'draft', created_at, '{}' FROM photos""",
    """INSERT INTO embeddings SELECT 'x' || sha256, sha256, 'synthetic', '1', '1', 512, created_at FROM photos""",
    """INSERT INTO captions
    SELECT 'x' || sha256, sha256, 'captioner', '1', '1', 'a picture of ' || city || ' with words', created_at
    FROM photos""",
    "INSERT INTO tags SELECT photo_id, 'tag ' || rowid % 100, created_at FROM photos WHERE rowid % 3 = 0",
)


def make_library(path: Path, photos: int) -> tuple[Settings, Manifest]:
    """A home whose manifest and vectors hold so many photos, and whose index shows them."""
    settings = Settings(home=path)
    home = Home(path).prepare()
    manifest = Manifest(home).prepare()
    with manifest.write() as tx:
        tx.insert(
            "roots",
            [{"root_id": "root", "path": "/photos", "added_at": utc_now(), "state": "online", "partition_depth": 1}],
        )
        tx.execute(_FILL[0], [photos])
        for statement in _FILL[1:]:
            tx.execute(statement)
        models.use(tx, "clip", MODEL.name, MODEL.revision, MODEL.preprocess_version, MODEL.dim)
        hashes = [row[0] for row in tx.execute("SELECT pixel_hash FROM previews").fetchall()]
    rng = np.random.default_rng(20_240_501)
    centres = rng.standard_normal((200, MODEL.dim)).astype(np.float32)
    vectors = VectorStore(home, MODEL.name, MODEL.revision, MODEL.preprocess_version)
    for start in range(0, photos, _AT_ONCE):
        some = hashes[start : start + _AT_ONCE]
        drawn = centres[rng.integers(200, size=len(some))] + 0.8 * rng.standard_normal((len(some), MODEL.dim))
        drawn = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        vectors.put(dict(zip(some, drawn, strict=True)))
    started = time.perf_counter()
    index = open_index(settings, MODEL)
    apply_outbox(manifest, vectors, index)
    index.make_current()
    index.close()
    print(f"{photos:,} photos: index built in {time.perf_counter() - started:,.0f} s", flush=True)
    return settings, manifest


def measure(settings: Settings, manifest: Manifest, rounds: int) -> dict[str, str]:
    """One figure a row."""
    home = Home(settings.home)
    rng = np.random.default_rng(1)
    with manifest.read() as tx:
        total = tx.value("SELECT count(*) FROM photos")
        newest = outbox.newest_seq(tx)
    rows: dict[str, str] = {}
    with IndexFollower(settings, manifest, lambda: MODEL) as follower:
        follower.wait_for(newest, 600)
        taken: list[float] = []
        committed: list[float] = []
        for number in range(rounds):
            photo_id = str(uuid.UUID(_md5(int(rng.integers(total)))))
            tag = f"new {os.urandom(4).hex()}"
            condition = SearchFilters(tags=[tag]).condition()
            started = time.perf_counter()
            with manifest.write() as tx:
                tx.insert("tags", [{"photo_id": photo_id, "tag": tag, "created_at": utc_now()}])
                outbox.push(tx, [photo_id], "tags")
            wake(home)
            committed.append(time.perf_counter() - started)
            while follower.index.browse(1, condition=condition) != [photo_id]:
                time.sleep(0.002)
            taken.append(time.perf_counter() - started)
            del number
        rows["found, s p50 / max"] = f"{statistics.median(taken):.2f} / {max(taken):.2f}"
        rows["of that the edit's own transaction, s p50"] = f"{statistics.median(committed):.3f}"
        index = follower.index
        steps: dict[str, Callable[[], object]] = {
            "reading the photo's facts": lambda: _read(manifest, lambda tx: read_facts(tx, [photo_id], MODEL)),
            "reading its stack mates": lambda: _read(manifest, lambda tx: stacks.mates(tx, [photo_id])),
            "opening the manifest and nothing else": lambda: _read(manifest, lambda tx: None),
            "recording the position": lambda: index.set_applied_seq(index.applied_seq, index.applied_mark),
        }
        for name, step in steps.items():
            rows[f"{name}, ms p50"] = f"{statistics.median(_timed(step) for _ in range(5)) * 1000:.1f}"
    return rows


def _md5(number: int) -> str:
    import hashlib

    return hashlib.md5(f"p{number}".encode()).hexdigest()


def _read(manifest: Manifest, look: Callable[..., object]) -> object:
    with manifest.read() as tx:
        return look(tx)


def _timed(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keep", type=Path, help="make the homes here, and use them again")
    given = parser.parse_args()
    columns: dict[int, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for count in given.photos:
            path = (given.keep or Path(scratch)) / f"library-{count}"
            if (path / "index" / "current").exists():
                settings = Settings(home=path)
                manifest = Manifest(Home(path)).prepare()
            else:
                settings, manifest = make_library(path, count)
            columns[count] = measure(settings, manifest, given.rounds)
    print(f"load {os.getloadavg()[0]:.0f}")
    print("| | " + " | ".join(f"{count:,} photos" for count in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in next(iter(columns.values())):
        print(f"| {name} | " + " | ".join(rows[name] for rows in columns.values()) + " |")


if __name__ == "__main__":
    main()
