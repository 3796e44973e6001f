"""Pictures that a person searches with: decoded in a process of their own, like any bytes that are not trusted.

Belongs here: bounds on an upload and the way to the decode worker. Not here: decoding.
"""

from __future__ import annotations

import itertools
import queue
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError, TimeoutError
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resources.engine import DecodeTask, LocalEngine, Outcome
from resources.errors import CODES, DecodeError, LoupeError
from resources.imaging.model_input import ModelInputSpec
from resources.settings import Settings

__all__ = ["MAX_UPLOAD_BYTES", "MOST_WAITING", "UploadDecoder", "uploads_busy"]

MAX_UPLOAD_BYTES = 128 << 20  # a raw file of today's largest sensors
_MOST_PIXELS = 250_000_000  # the largest that cameras make today, four shots put together
_TIMEOUT_S = 20.0
# Pictures that wait for the one worker, and how long one more waits for a place among them.
MOST_WAITING = 32
_PLACE_S = 5.0


def uploads_busy() -> LoupeError:
    return LoupeError("UPLOADS_BUSY", "Too many pictures are being searched with. Try again in a moment.")


class UploadDecoder:
    """One decode worker, started with the first upload and then kept; a crash or a time-out costs one upload."""

    def __init__(self, settings: Settings) -> None:
        self._engine = LocalEngine(
            settings.model_copy(
                update={
                    "decode_workers": 1,
                    "decode_timeout_s": min(_TIMEOUT_S, settings.decode_timeout_s),
                    "max_pixels": min(_MOST_PIXELS, settings.max_pixels),
                    "max_file_bytes": min(MAX_UPLOAD_BYTES, settings.max_file_bytes),
                }
            )
        )
        self._tasks: queue.Queue[DecodeTask | None] = queue.Queue(maxsize=MOST_WAITING)
        self._waiting: dict[int, Future[Outcome]] = {}
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def model_input(self, data: bytes, spec: ModelInputSpec) -> npt.NDArray[np.uint8]:
        """uint8 `[size, size, 3]` of a picture. Raises as `model_inputs`."""
        return self.model_inputs(data, (spec,))[0]

    def model_inputs(self, data: bytes, specs: tuple[ModelInputSpec, ...]) -> tuple[npt.NDArray[np.uint8], ...]:
        """uint8 `[size, size, 3]` of a picture, one for each of `specs`.

        Raises `DecodeError` as decoding a file does, `UPLOADS_BUSY` when too many others wait before it.
        """
        if not data:
            raise DecodeError("EMPTY_FILE", "The picture has no bytes.")
        self._ensure_running()
        number = next(self._numbers)
        future = self._waiting[number] = Future[Outcome]()
        with tempfile.TemporaryDirectory(prefix="loupe-upload-") as folder:
            path = Path(folder) / "picture"
            path.write_bytes(data)
            # Read like a stored preview: decoded, never stored or hashed.
            try:
                self._tasks.put(DecodeTask(str(path), "preview", number, specs), timeout=_PLACE_S)
                outcome = future.result(timeout=3 * _TIMEOUT_S)
            except (queue.Full, TimeoutError) as error:
                raise uploads_busy() from error
            finally:
                self._waiting.pop(number, None)
        if outcome.status != "decoded":
            code = outcome.code or "CORRUPT"
            raise DecodeError(code, outcome.message or CODES[code].meaning)
        return outcome.inputs

    @property
    def waiting(self) -> int:
        """Pictures that wait for the worker."""
        return self._tasks.qsize()

    def close(self) -> None:
        """Ends the worker; who still waits for it is refused."""
        self._stop.set()
        with suppress(queue.Full):  # then the worker's thread sees the stop when it takes the next
            self._tasks.put_nowait(None)
        if self._thread:
            self._thread.join(5.0)
        for future in list(self._waiting.values()):
            with suppress(InvalidStateError):  # answered meanwhile
                future.set_exception(uploads_busy())

    def _ensure_running(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="upload-decoder", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        for outcome in self._engine.decode(self._given(), lambda sha256: True, self._stop):
            waiting = self._waiting.get(outcome.task.reference)
            if waiting:
                waiting.set_result(outcome)

    def _given(self) -> Iterator[DecodeTask]:
        while not self._stop.is_set() and (task := self._tasks.get()) is not None:
            yield task
