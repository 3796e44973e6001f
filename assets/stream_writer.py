"""The stream's writer: what stages finish piles up here and is flushed every 2 s or 500 photos.

Vectors are written first, then one manifest transaction with its outbox rows, then the index owner is woken. What was
flushed is done for good; what was not is pending again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from resources.home import Home
from resources.imaging import DECODER_VERSION
from resources.manifest import Manifest, VectorStore
from resources.manifest.files import PendingFile
from resources.manifest.recording import Failed, Flush, Read, record
from resources.manifest.results import PendingPreview, ResultKey, Stage
from resources.manifest.sidecars import ReadSidecar
from resources.vector_index import wake

__all__ = ["StreamWriter"]

# What a kill costs at most: the flush in hand, and as many results that wait for the next one while the disk is slow.
_FLUSH_S = 2.0
_FLUSH_PHOTOS = 500


class StreamWriter:
    """The one thread that writes results: vectors first, then one manifest transaction, then the wake file."""

    def __init__(
        self,
        manifest: Manifest,
        home: Home,
        on_flush: Callable[[], None],
    ) -> None:
        self._manifest = manifest
        self._home = home
        self._on_flush = on_flush
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(_FLUSH_PHOTOS)
        self._flush = Flush(DECODER_VERSION)
        self._pending_vectors: dict[ResultKey, dict[str, npt.NDArray[np.float32]]] = {}
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._loop, name="stream-writer", daemon=True)
        self._thread.start()

    def read(self, read: Read) -> None:
        self._put(lambda: self._flush.reads.append(read))

    def sidecar(self, read: ReadSidecar) -> None:
        self._put(lambda: self._flush.sidecars.append(read))

    def not_photo(self, file: PendingFile) -> None:
        self._put(lambda: self._flush.not_photos.append(file))

    def failed(self, failed: Failed) -> None:
        self._put(lambda: self._flush.failed.append(failed))

    def vector(self, key: ResultKey, target: PendingPreview, vector: npt.NDArray[np.float32]) -> None:
        row = {"pixel_hash": target.pixel_hash, "sha256": target.sha256, "dim": len(vector)}

        def add() -> None:
            self._pending_vectors.setdefault(key, {})[target.pixel_hash] = vector
            self._made("embeddings", key, row)

        self._put(add)

    def caption(self, key: ResultKey, target: PendingPreview, text: str) -> None:
        row = {"pixel_hash": target.pixel_hash, "sha256": target.sha256, "text": text}
        self._put(lambda: self._made("captions", key, row))

    def flush(self) -> None:
        """Write what is there now and wait for it. Raises what the writer met."""
        done = threading.Event()

        def write_now() -> None:
            try:
                self._write()
            except BaseException as error:
                self._error = error  # before the one who waits looks
                raise
            finally:
                done.set()

        self._put(write_now)
        while not done.wait(0.1) and self._error is None and self._thread.is_alive():
            pass
        if self._error:
            raise self._error

    def close(self) -> None:
        """Write the rest and end the thread. Raises what the writer met."""
        self._queue.put(None)
        self._thread.join()
        if self._error:
            raise self._error

    def _put(self, action: Callable[[], None]) -> None:
        if self._error:
            raise self._error
        self._queue.put(action)

    def _made(self, stage: Stage, key: ResultKey, row: dict[str, Any]) -> None:
        self._flush.made.setdefault((stage, key), []).append(row)

    def _loop(self) -> None:
        last = time.monotonic()
        ended = False
        while not ended:
            try:
                action = self._queue.get(timeout=0.25)
                ended = action is None
                if action and not self._error:
                    action()
            except queue.Empty:
                pass
            except BaseException as error:
                self._error = error
            due = ended or self._flush.size >= _FLUSH_PHOTOS or time.monotonic() - last >= _FLUSH_S
            if due and not self._error:
                try:
                    self._write()
                except BaseException as error:
                    self._error = error
                last = time.monotonic()

    def _write(self) -> None:
        if self._flush.size == 0:
            return
        for key, vectors in self._pending_vectors.items():
            VectorStore(self._home, key.model, key.revision, key.preprocess_version).put(vectors)
        with self._manifest.write() as tx:
            record(tx, self._flush)
        wake(self._home)
        self._flush = Flush(DECODER_VERSION)
        self._pending_vectors = {}
        self._on_flush()
