"""The models behind the queue: the encoder that search has in memory, and a captioner that comes when it is asked for.

Not here: the queue itself (`device_queue.py`), which encoder fits the index (the caller says).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import numpy.typing as npt
import structlog

from resources.errors import LoupeError
from resources.inference.device_queue import DeviceQueue, Lane, Places
from resources.library import Library
from resources.models import Captioner, GpuResource, ModelIdentity, load_captioner
from resources.models.presets import DEFAULT_CAPTIONER
from resources.search import TextEncoder

__all__ = ["Encoder", "ServedModels"]

log = structlog.get_logger(__name__)

# A captioner takes 1-2 GB; to load one again takes some seconds.
_CAPTIONER_IDLE_S = 300.0
_TEXT_BATCH = 64


class Encoder(TextEncoder, Protocol):
    """What embeds: `resources.models.ClipEncoder`, or what stands before one."""

    def embed_images(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]: ...


class ServedModels:
    """Embeds and captions for many callers. Loads nothing before it is asked; every method may block for seconds.

    Texts go before pictures. A search's own text takes another way, past this queue: it waits for the batch in
    progress at most, never for what waits here.
    """

    def __init__(self, library: Library, gpu: GpuResource, *, most_waiting: int, timeout_s: float) -> None:
        self._library = library
        self.gpu = gpu
        self._timeout_s = timeout_s
        self._queue = DeviceQueue(most_waiting, idle_s=_CAPTIONER_IDLE_S, on_idle=self._let_go)
        self._captioner: Captioner | None = None
        self._loading = threading.Lock()

    @property
    def waiting(self) -> int:
        """Items that wait for the device."""
        return self._queue.waiting

    def full(self) -> LoupeError:
        """`QUEUE_FULL`, for who is refused before the queue."""
        return self._queue.full()

    def places(self, count: int) -> AbstractContextManager[Places]:
        """Places in the queue for pictures that are still to be decoded. Raises `QUEUE_FULL` at once."""
        return self._queue.places(count, self._timeout_s)

    def embed_images(
        self, encoder: Encoder, images: Sequence[npt.NDArray[np.uint8]], places: Places | None = None
    ) -> npt.NDArray[np.float32]:
        """float32 `[n, dim]`, unit norm, from uint8 `[size, size, 3]` of the encoder's input.

        Raises `QUEUE_FULL`, `INFERENCE_TIMEOUT`, `EMBED_FAILED`, `OUT_OF_MEMORY`.
        """
        lane = Lane(
            ("embed_images", *_key(encoder)),
            lambda items: list(encoder.embed_images(np.stack(items))),
            lambda: self.safe_batch("embed_images"),
        )
        return np.stack(self._queue.run(lane, images, self._timeout_s, places))

    def embed_texts(self, encoder: Encoder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32 `[n, dim]`, unit norm. Raises as `embed_images`."""
        lane = Lane(
            ("embed_texts", *_key(encoder)),
            lambda items: list(encoder.embed_texts(items)),
            lambda: _TEXT_BATCH,
            urgent=True,
        )
        return np.stack(self._queue.run(lane, texts, self._timeout_s))

    def captions(
        self, captioner: Captioner, images: Sequence[npt.NDArray[np.uint8]], places: Places | None = None
    ) -> list[str]:
        """One sentence a picture, from uint8 `[size, size, 3]` of the captioner's input. Raises as `embed_images`."""
        lane = Lane(
            ("caption", *_key(captioner)),
            lambda items: captioner.caption(np.stack(items)),
            lambda: self.safe_batch("caption"),
        )
        return [str(text) for text in self._queue.run(lane, images, self._timeout_s, places)]

    def captioner(self) -> Captioner:
        """The captioner in use, loaded if it is not; another one may be chosen at any time.

        Raises `MODEL_NOT_FETCHED`, `MANIFEST_BUSY` and the like.
        """
        identity = self._library.captioner()
        if identity is None:
            raise LoupeError(
                "MODEL_NOT_FETCHED",
                f"Captions are off, or no captioner is here: run `loupe models fetch {DEFAULT_CAPTIONER}`.",
            )
        with self._loading:
            if self._captioner is not None and _key(self._captioner) != _key(identity):
                log.info("captioner_released", model=self._captioner.name)
                self._captioner = None
            if self._captioner is None:
                self._captioner = load_captioner(self._library.settings, identity.name, self.gpu)
                log.info("captioner_loaded", model=identity.name)
            return self._captioner

    @property
    def captioner_in_memory(self) -> str | None:
        """The name of the captioner, while it is loaded."""
        captioner = self._captioner
        return captioner.name if captioner else None

    def safe_batch(self, stage: str) -> int:
        """Items that the device takes at once, as far as it has been tried."""
        return self.gpu.batch_size(stage)

    def close(self) -> None:
        self._queue.close()
        self._let_go()

    def _let_go(self) -> None:
        with self._loading:
            if self._captioner is not None:
                log.info("captioner_released", model=self._captioner.name)
            self._captioner = None


def _key(model: Encoder | Captioner | ModelIdentity) -> tuple[str, str, str]:
    return model.name, model.revision, model.preprocess_version
