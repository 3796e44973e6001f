"""One life of an ingest, for tests that kill it: inventory, decode workers, models, writer and index, as a run does it.

Every step is noted in a file that a kill leaves behind: "look", "read", "embed N", "caption N", "index", "end".
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from shelf import ALL_STAGES, CLIP, PixelModel, Shelf

from assets import photo_stream, stream_writer
from resources import home
from resources.engine import DecodeTask, LocalEngine, Outcome
from resources.engine.tasks import Claim
from resources.settings import Settings
from resources.vector_index import IndexModel, publish

__all__ = ["DECODES_LOST", "IMAGES_LOST", "INDEX_MODEL", "live", "settings_of"]

# A flush and a device batch of the real sizes (500 and 32) would hold the whole library: these are smaller, and what a
# kill may cost is reckoned from them by the same rule.
_FLUSH_PHOTOS, _FLUSH_S, _DEVICE_BATCH = 20, 0.5, 8
_WORKERS = 2
# One flush being written, one waiting, the batch that the model looks at.
IMAGES_LOST = 2 * _FLUSH_PHOTOS + _DEVICE_BATCH
# Besides: what waits for the device, and the file in each worker's hands and at its door.
DECODES_LOST = IMAGES_LOST + _WORKERS * (16 + 2)
# What a small model takes for a picture; without it every kill would fall between two batches.
_MODEL_S = 0.004
INDEX_MODEL = IndexModel(CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)


def settings_of(path: Path) -> Settings:
    return Settings(home=path, captions="now", device="cpu", decode_workers=_WORKERS, cpu_threads=1)


def live(home_path: Path, photos: Path, log: Path) -> None:
    """Take in everything that is pending, captions too, and bring the index up to it."""
    stream_writer._FLUSH_PHOTOS, stream_writer._FLUSH_S = _FLUSH_PHOTOS, _FLUSH_S
    photo_stream._DEVICE_BATCH = _DEVICE_BATCH
    home._ABANDONED_S = 0.0  # nobody else writes here: what is unfinished was left by the life before
    notes = _Notes(log)
    settings = settings_of(home_path)
    shelf = Shelf(settings, photos, _NotingEngine(settings, notes), _NotingModel(notes))
    notes.add("look")
    with shelf.library.ingesting():
        shelf.watch()
        shelf.take_in(stages=ALL_STAGES)
    notes.add("index")
    publish(shelf.library.manifest, settings, INDEX_MODEL)
    notes.add("end")


class _Notes:
    """Lines that stand in the file as soon as they are added, whatever happens next."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


class _NotingEngine:
    """Notes each file that a worker begins to decode."""

    def __init__(self, settings: Settings, notes: _Notes) -> None:
        self._engine = LocalEngine(settings)
        self._notes = notes

    def decode(self, tasks: Iterable[DecodeTask], claim: Claim, stop: threading.Event) -> Iterator[Outcome]:
        def noting(sha256: str) -> bool:
            wanted = claim(sha256)
            if wanted:
                self._notes.add("read")
            return wanted

        return self._engine.decode(tasks, noting, stop)


class _NotingModel(PixelModel):
    """Notes what it is shown before it looks at it."""

    def __init__(self, notes: _Notes) -> None:
        super().__init__()
        self._notes = notes

    def load(self) -> _NotingModel:
        return self

    def embed_images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self._notes.add(f"embed {len(images)}")
        time.sleep(_MODEL_S * len(images))
        return super().embed_images(images)

    def caption(self, images: npt.NDArray[np.uint8]) -> list[str]:
        self._notes.add(f"caption {len(images)}")
        time.sleep(_MODEL_S * len(images))
        return super().caption(images)
