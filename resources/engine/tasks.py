"""What an engine is asked and what it answers. Plain, picklable, free of torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from resources.imaging import PhotoMetadata
from resources.imaging.model_input import ModelInputSpec

__all__ = ["Claim", "DecodeTask", "Decoded", "DecodedPage", "Engine", "Outcome", "WorkerConfig"]

Claim = Callable[[str], bool]
"""Asked with the SHA-256 of a file that was read: True to decode it, False when these bytes are known."""


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker needs to know of the settings. Sizes in pixels and bytes."""

    home: str
    preview_px: int
    thumbnail_px: int
    max_pixels: int
    max_pages: int
    max_file_bytes: int
    memory_bytes: int


@dataclass(frozen=True)
class DecodeTask:
    """One file to read in a worker.

    `source` "original" is read once, hashed, offered to the `Claim` and decoded from the same buffer; the preview and
    thumbnail of each page are stored. `source` "preview" is a stored preview, decoded for `input_specs` alone. `source`
    "sidecar" is the metadata file beside a photo. `name_promises` says whether the file name is a photo's: content that
    is no image is then a failure, else just not a photo. `reference` is the caller's own and comes back untouched.
    """

    path: str
    source: Literal["original", "preview", "sidecar"]
    reference: Any
    input_specs: tuple[ModelInputSpec, ...] = ()
    name_promises: bool = True


@dataclass(frozen=True)
class DecodedPage:
    """One picture of an original, from 1: facts for the manifest; its pixels are in the photo store by `pixel_hash`."""

    page: int
    pixel_hash: str
    perceptual_hash: int
    preview_width: int
    preview_height: int
    width: int
    height: int
    rung: str
    warnings: tuple[str, ...]
    metadata: PhotoMetadata


@dataclass(frozen=True)
class Decoded:
    """A decoded original: its pages in order, most often one. `page_count` counts those that were left out too."""

    format: str
    mime: str
    pages: tuple[DecodedPage, ...]
    page_count: int


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    `inputs` are uint8 `[size, size, 3]` of the first page, one per input spec, when decoded. `sidecar` is what a
    sidecar says. `size_bytes` and `mtime_ns` are those of the file as it was read. `bytes_read` counts what was read
    from the original. Times are seconds.
    """

    task: DecodeTask
    status: Literal["decoded", "known", "not_a_photo", "failed"]
    sha256: str | None = None
    size_bytes: int = 0
    mtime_ns: int = 0
    bytes_read: int = 0
    decoded: Decoded | None = None
    sidecar: PhotoMetadata | None = None
    inputs: tuple[npt.NDArray[np.uint8], ...] = ()
    code: str | None = None
    message: str | None = None
    read_s: float = 0.0
    decode_s: float = 0.0


class Engine(Protocol):
    """Decodes tasks somewhere. Outcomes come in any order, one for each task that was begun."""

    def decode(self, tasks: Iterable[DecodeTask], claim: Claim, stop: threading.Event) -> Iterator[Outcome]:
        """Take from `tasks` only as fast as outcomes are taken. After `stop` ends within seconds, no child left."""
        ...
