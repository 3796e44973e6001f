"""What an engine is asked and what it answers. Plain, picklable, free of torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from resources.models.preprocess import ModelInputSpec

__all__ = ["Claim", "DecodeTask", "Decoded", "Engine", "Outcome"]

Claim = Callable[[str], bool]
"""Asked with the SHA-256 of a file that was read: True to decode it, False when these bytes are known."""


@dataclass(frozen=True)
class DecodeTask:
    """One file to turn into pixels.

    `source` "original" is read once, hashed, offered to the `Claim` and decoded from the same buffer; its preview and
    thumbnail are stored. `source` "preview" is a stored preview, decoded for `input_specs` alone. `name_promises` says
    whether the file name is a photo's: content that is no image is then a failure, else just not a photo.
    `reference` is the caller's own and comes back untouched.
    """

    path: str
    source: Literal["original", "preview"]
    reference: Any
    input_specs: tuple[ModelInputSpec, ...] = ()
    name_promises: bool = True


@dataclass(frozen=True)
class Decoded:
    """A decoded original: facts for the manifest; its pixels are in the photo store under `pixel_hash`."""

    pixel_hash: str
    preview_width: int
    preview_height: int
    width: int
    height: int
    format: str
    mime: str
    rung: str
    warnings: tuple[str, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    `inputs` are uint8 `[size, size, 3]`, one per input spec, when decoded. `size_bytes` and `mtime_ns` are those of
    the file as it was read. `bytes_read` counts what was read from the original. Times are seconds.
    """

    task: DecodeTask
    status: Literal["decoded", "known", "not_a_photo", "failed"]
    sha256: str | None = None
    size_bytes: int = 0
    mtime_ns: int = 0
    bytes_read: int = 0
    decoded: Decoded | None = None
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
