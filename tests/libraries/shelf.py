"""A folder of photos, a home, and the real inventory and stream between them, with models that are plain arithmetic.

The models answer from pixels alone, so equal pixels get equal answers, and count what they are shown.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assets.photo_stream import Captioning, Embedding, PhotoStream, StreamCounts, StreamLimits
from resources.engine import DecodeTask, Engine, LocalEngine, Outcome
from resources.engine.decode_worker import _Worker
from resources.engine.tasks import Claim, WorkerConfig
from resources.imaging.model_input import ModelInputSpec
from resources.inventory import AddedRoot, InventoryReport, add_root, take_inventory
from resources.library import Library
from resources.manifest import VectorStore
from resources.manifest.results import ResultKey
from resources.settings import Settings
from resources.watching import look

__all__ = ["ALL_STAGES", "CAPTIONER", "CLIP", "InProcessEngine", "PixelModel", "Shelf"]

CLIP = ResultKey("mean-colours", "1", "1")
CAPTIONER = ResultKey("names-colours", "1", "1")
ALL_STAGES = frozenset({"decoded_images", "embeddings", "captions"})
_SPEC = ModelInputSpec(32, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_GRID = 4
_DIM = _GRID * _GRID * 3


class PixelModel:
    """Embeds by the mean colours of a grid and captions by the brightest channel. Counts calls, loads and images."""

    def __init__(self) -> None:
        self.loads = 0
        self.embedded = 0
        self.captioned = 0
        self.fails_on: Callable[[npt.NDArray[np.uint8]], bool] = lambda image: False

    def load(self) -> PixelModel:
        self.loads += 1
        return self

    def embed_images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self._look_at(images)
        self.embedded += len(images)
        edge = images.shape[1] // _GRID
        cells = images.reshape(len(images), _GRID, edge, _GRID, edge, 3).mean(axis=(2, 4)).reshape(len(images), _DIM)
        vectors = cells.astype(np.float32) + 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def caption(self, images: npt.NDArray[np.uint8]) -> list[str]:
        self._look_at(images)
        self.captioned += len(images)
        return [f"a {('red', 'green', 'blue')[int(image.mean(axis=(0, 1)).argmax())]} picture" for image in images]

    def _look_at(self, images: npt.NDArray[np.uint8]) -> None:
        if any(self.fails_on(image) for image in images):
            raise RuntimeError("the model cannot look at one of these")


class InProcessEngine:
    """The decode worker's own code without a process around it: for tests that take in a library dozens of times."""

    def __init__(self, settings: Settings) -> None:
        self._config = WorkerConfig(
            home=str(settings.home),
            preview_px=settings.preview_px,
            thumbnail_px=settings.thumbnail_px,
            max_pixels=settings.max_pixels,
            max_pages=settings.max_pages,
            max_file_bytes=1 << 30,
            memory_bytes=1 << 32,
        )

    def decode(self, tasks: Iterable[DecodeTask], claim: Claim, stop: threading.Event) -> Iterator[Outcome]:
        for task in tasks:
            if stop.is_set():
                return
            yield _Worker(_Asking(claim), self._config).outcome(task)  # type: ignore[arg-type]


class _Asking:
    """The worker's end of the pipe."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._sha256 = ""

    def send(self, sha256: str) -> None:
        self._sha256 = sha256

    def recv(self) -> bool:
        return self._claim(self._sha256)


@dataclass
class Shelf:
    """One watched folder of a home. Nothing is watched until `watch`; nothing is read until `take_in`."""

    settings: Settings
    photos: Path
    engine: Engine | None = None
    model: PixelModel = field(default_factory=PixelModel)

    @cached_property
    def library(self) -> Library:
        return Library(self.settings).open()

    @property
    def vectors(self) -> VectorStore:
        return VectorStore(self.library.home, CLIP.model, CLIP.revision, CLIP.preprocess_version)

    def watch(self, folder: Path | None = None) -> AddedRoot:
        path = str(folder or self.photos)
        return add_root(self.library.manifest, self.library.home, path, self.settings.max_partitions)

    def inventory(self, *, accept_missing: bool = False) -> InventoryReport:
        """What the sensor and the inventory do once folders have settled."""
        report = look(self.library.manifest, settle=False, every_file=True)
        return take_inventory(self.library.manifest, report.due, accept_missing=accept_missing)

    def stream(
        self,
        stages: Iterable[str] = ("decoded_images", "embeddings"),
        *,
        partition_keys: Sequence[str] | None = None,
        photos: int = 10_000,
        seconds: float = 300.0,
        stop: threading.Event | None = None,
        on_flush: Callable[[StreamCounts], None] = lambda counts: None,
        clip: ResultKey = CLIP,
        captioner: ResultKey = CAPTIONER,
        going: tuple[ResultKey, datetime] | None = None,
    ) -> StreamCounts:
        """One run of the stream over what the inventory left pending; `going`: a model that goes, and since when."""
        stream = PhotoStream(
            self.library.manifest,
            self.library.home,
            self.engine or LocalEngine(self.settings),
            StreamLimits(photos, seconds),
            embedding=Embedding(clip, _SPEC, _DIM, self.model.load),
            captioning=Captioning(captioner, _SPEC, self.model.load),
            going=Embedding(going[0], _SPEC, _DIM, self.model.load, going[1]) if going else None,
            on_flush=on_flush,
        )
        return stream.run(set(stages), partition_keys, stop or threading.Event())

    def take_in(self, **options: Any) -> StreamCounts:
        """Inventory and one run."""
        self.inventory()
        return self.stream(**options)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        with self.library.manifest.read() as tx:
            return tx.rows(sql, params)

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        with self.library.manifest.read() as tx:
            return tx.value(sql, params)

    def photo_id(self, rel_path: str) -> str:
        """The photo that the file at `rel_path` is."""
        found = self.value("SELECT photo_id FROM files WHERE rel_path = ? AND missing_since IS NULL", [rel_path])
        assert isinstance(found, str), f"{rel_path} is no photo yet"
        return found

    def failures(self) -> dict[str, str]:
        """Code of each failed file, by relative path."""
        return {row["rel_path"]: row["code"] for row in self.rows("SELECT rel_path, code FROM failures")}

    def outbox_since(self, seq: int) -> set[str]:
        return {row["photo_id"] for row in self.rows("SELECT photo_id FROM index_outbox WHERE seq > ?", [seq])}

    def newest_seq(self) -> int:
        return int(self.value("SELECT coalesce(max(seq), 0) FROM index_outbox"))

    def sha256(self, rel_path: str) -> str:
        return hashlib.sha256((self.photos / rel_path).read_bytes()).hexdigest()


def as_numbers(counts: StreamCounts) -> dict[str, int]:
    """What a run did, without the times it took."""
    return {name: value for name, value in asdict(counts).items() if isinstance(value, int)}
