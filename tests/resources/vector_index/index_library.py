"""A real manifest in a real home, filled by hand: what the index is built from."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, VectorStore, models, outbox, stacks
from resources.settings import Settings
from resources.vector_index import IndexFollower, IndexModel, VectorIndex, apply_outbox, verify
from resources.vector_index.opening import IndexFolder
from resources.vector_index.publishing import wake
from resources.vector_index.words import query

OpenHome = Callable[[IndexModel | None], VectorIndex]

MODEL = IndexModel("tiny-clip", "r1", "p1", 8)


@dataclass
class Library:
    """One root with photos; each `add` is one committed transaction with its outbox rows, as the pipeline writes."""

    settings: Settings
    home: Home
    manifest: Manifest

    def vectors(self, model: IndexModel = MODEL) -> VectorStore:
        return VectorStore(self.home, model.name, model.revision, model.preprocess_version)

    def add(self, numbers: range | list[int], change: str = "decoded", **columns: Any) -> list[str]:
        """Photos `numbers` with one file each; `columns` go into their rows of `photos`."""
        now = utc_now()
        photos, files, previews = [], [], []
        for number in numbers:
            sha256 = content_hash(number)
            row = {"photo_id": photo_id(number), "document_id": photo_id(number), "sha256": sha256}
            row |= {"created_at": now, "hidden_at": None}
            row |= {"format": "JPEG", "width": 40, "height": 30, "file_name": f"IMG_{number:04}.jpg", "keywords": []}
            photos.append(row | columns)
            files.append(
                {
                    "root_id": "root",
                    "rel_path": f"trip/IMG_{number:04}.jpg",
                    "partition_key": "trip",
                    "size_bytes": 1,
                    "mtime_ns": number,
                    "sha256": sha256,
                    "photo_id": photo_id(number),
                    "first_seen_at": now,
                }
            )
            previews.append(
                {"sha256": sha256, "pixel_hash": pixel_hash(number), "width": 40, "height": 30}
                | {"decoder_version": "1", "rung": "raster", "decoded_at": now}
            )
        ids = [row["photo_id"] for row in photos]
        with self.manifest.write() as tx:
            tx.insert("photos", photos)
            tx.insert("files", files)
            tx.insert("previews", previews)
            outbox.push(tx, ids, change)
        return ids

    def embed(self, numbers: range | list[int], model: IndexModel = MODEL) -> None:
        """Vectors first, then the manifest says so: the order the pipeline keeps."""
        self.vectors(model).put({pixel_hash(number): vector(number, model.dim) for number in numbers})
        rows = [
            {
                "pixel_hash": pixel_hash(number),
                "sha256": content_hash(number),
                "model": model.name,
                "revision": model.revision,
                "preprocess_version": model.preprocess_version,
                "dim": model.dim,
                "created_at": utc_now(),
            }
            for number in numbers
        ]
        with self.manifest.write() as tx:
            tx.insert("embeddings", rows)
            outbox.push(tx, [photo_id(number) for number in numbers], "embedded")

    def caption(self, number: int, text: str, model: str = "captioner") -> None:
        row = {"pixel_hash": pixel_hash(number), "sha256": content_hash(number), "model": model, "revision": "r"}
        with self.manifest.write() as tx:
            tx.insert("captions", [row | {"preprocess_version": "p", "text": text, "created_at": utc_now()}])
            outbox.push(tx, [photo_id(number)], "caption")

    def stack(self, kind: str, *members: int) -> str:
        """Put these photos into a stack, the first as its cover, as restacking does."""
        stack_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"stack {members}"))
        rows = [
            {"stack_id": stack_id, "photo_id": photo_id(number), "kind": kind, "is_cover": n == 0, "position": n}
            for n, number in enumerate(members)
        ]
        with self.manifest.write() as tx:
            stacks.write(tx, [row["photo_id"] for row in rows], rows)
            outbox.push(tx, [row["photo_id"] for row in rows], "stack")
        return stack_id

    def set_missing(self, number: int, since: datetime | None) -> None:
        with self.manifest.write() as tx:
            tx.execute("UPDATE files SET missing_since = ? WHERE photo_id = ?", [since, photo_id(number)])
            outbox.push(tx, [photo_id(number)], "paths")

    def use(self, model: IndexModel) -> None:
        with self.manifest.write() as tx:
            models.use(tx, "clip", model.name, model.revision, model.preprocess_version, model.dim)

    def newest_seq(self) -> int:
        with self.manifest.read() as tx:
            return outbox.newest_seq(tx)


def photo_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def content_hash(number: int) -> str:
    return hashlib.sha256(f"bytes {number}".encode()).hexdigest()


def pixel_hash(number: int) -> str:
    return hashlib.sha256(f"pixels {number}".encode()).hexdigest()


def vector(number: int, dim: int = 8) -> np.ndarray:
    drawn = np.random.default_rng(number).standard_normal(dim).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def make_library(path: Path) -> Library:
    settings = Settings(home=path)
    home = Home(settings.home).prepare()
    library = Library(settings, home, Manifest(home).prepare())
    with library.manifest.write() as tx:
        row = {"root_id": "root", "path": "/photos/holiday", "added_at": utc_now(), "state": "online"}
        tx.insert("roots", [row | {"partition_depth": 1}])
    return library


def open_library(path: Path) -> Library:
    """A library that another process made."""
    settings = Settings(home=path)
    return Library(settings, Home(settings.home), Manifest(Home(settings.home)))


def own(path: str, poll_s: float, compact_photos: int = 100_000) -> None:
    """A process that owns the index and follows the outbox until it is killed."""
    library = open_library(Path(path))
    settings = library.settings.model_copy(update={"compact_photos": compact_photos})
    follower = IndexFollower(settings, library.manifest, lambda: MODEL, poll_s=poll_s)
    while True:
        try:
            follower.start()
            break
        except LoupeError:
            time.sleep(0.05)
    print("own", flush=True)
    time.sleep(600)


def write(path: str, rounds: int) -> None:
    """A process that changes the library as the pipeline and a person do."""
    library = open_library(Path(path))
    for number in range(rounds):
        start = number * 20
        library.add(range(start, start + 20), taken_at=datetime(2020, 1, 1 + number % 28))
        library.embed(range(start, start + 15))
        if number % 3 == 2:
            library.set_missing(start - 10, datetime(2024, 1, 1))
            library.caption(start - 9, f"caption of round {number}")
        wake(library.home)


def check_like_new(library: Library) -> None:
    """The index that lived through all that equals one built from nothing."""
    folder = IndexFolder(library.home)
    folder.own()
    index = folder.open(MODEL)
    assert verify(library.manifest, index).same
    lived = everything(index)
    index.close()
    (library.home.index / index.generation).rename(library.home.index / "kept-for-comparison")
    fresh = folder.open(MODEL)
    apply_outbox(library.manifest, library.vectors(), fresh)
    assert everything(fresh) == lived
    fresh.close()
    folder.release()


def everything(index: VectorIndex) -> dict[str, Any]:
    ids = index.ids(None, 100_000)
    held = index.get(ids, vectors=True)
    points = {
        found: (photo.payload, None if photo.vector is None else np.round(photo.vector, 5).tolist())
        for found, photo in held.items()
    }
    words = [hit.photo_id for hit in index.matching(query([("caption of round 8", 1.0)]), 50)]
    values = {key: index.values(key, 10_000) for key in ("format", "flags", "folders")}
    return {"points": points, "values": values, "count": index.count(), "browse": index.browse(1000), "words": words}
