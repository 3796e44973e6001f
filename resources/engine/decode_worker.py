"""A decode worker: a process that reads, hashes and decodes one file at a time for its parent.

Started as `python -m resources.engine.decode_worker FD CONFIG`. A crash in a native decoder ends this process and costs
the one file it held. Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resources.engine.tasks import Decoded, DecodedPage, DecodeTask, Outcome, WorkerConfig
from resources.errors import LoupeError
from resources.folders import stored_mtime_ns, to_text
from resources.home import Home
from resources.imaging import (
    DecodedPhoto,
    decode,
    decode_pages,
    encode_jpeg,
    perceptual_hash,
    pixel_hash,
    sniff,
    thumbnail,
)
from resources.imaging.model_input import model_input
from resources.photo_store import PhotoStore
from resources.sidecars import read_sidecar

__all__ = ["main"]

_SNIFF_BYTES = 64 * 1024
# An editing history can make a sidecar of megabytes.
_MAX_SIDECAR_BYTES = 16 << 20


def main() -> None:
    """Serve tasks from the pipe until the parent closes it or dies."""
    descriptor, config = int(sys.argv[1]), WorkerConfig(**json.loads(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _die_with_parent()
    _bound_memory(config.memory_bytes)
    _offer_itself_first()
    with contextlib.suppress(OSError):
        os.nice(5)  # pages stay quick while a library is taken in
    connection = Connection(descriptor)
    connection.send("ready")
    worker = _Worker(connection, config)
    while True:
        try:
            task: DecodeTask = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(worker.outcome(task))


class _Worker:
    def __init__(self, connection: Connection, config: WorkerConfig) -> None:
        self._connection = connection
        self._config = config
        self._store = PhotoStore(Home(Path(config.home)))

    def outcome(self, task: DecodeTask) -> Outcome:
        read = {"original": self._original, "preview": self._preview, "sidecar": self._sidecar}[task.source]
        try:
            return read(task)
        except MemoryError:
            return Outcome(task, "failed", code="DECODE_MEMORY", message="Decoding needs more memory than allowed.")
        except LoupeError as error:
            return Outcome(task, "failed", code=error.code, message=error.message)
        except OSError as error:
            return _os_failure(task, error)

    def _original(self, task: DecodeTask) -> Outcome:
        started = time.perf_counter()
        with open(task.path, "rb", buffering=0) as stream:
            info = os.fstat(stream.fileno())
            seen = Outcome(task, "failed", size_bytes=info.st_size, mtime_ns=stored_mtime_ns(info))
            if info.st_size == 0:
                return replace(seen, code="EMPTY_FILE", message="The file has no bytes.")
            if info.st_size > self._config.max_file_bytes:
                allowed = f"LOUPE_MAX_FILE_BYTES allows {self._config.max_file_bytes:,}"
                return replace(seen, code="TOO_LARGE", message=f"The file has {info.st_size:,} bytes; {allowed}.")
            if not task.name_promises:
                head = stream.read(_SNIFF_BYTES)
                if sniff(head) is None:
                    return replace(seen, status="not_a_photo", bytes_read=len(head))
                stream.seek(0)
            buffer = stream.readall()
        sha256 = hashlib.sha256(buffer).hexdigest()
        seen = replace(seen, sha256=sha256, bytes_read=len(buffer), read_s=time.perf_counter() - started)
        self._connection.send(sha256)
        if not self._connection.recv():
            return replace(seen, status="known")
        return self._decoded(task, buffer, seen)

    def _decoded(self, task: DecodeTask, buffer: bytes, seen: Outcome) -> Outcome:
        started = time.perf_counter()
        inputs: tuple[npt.NDArray[np.uint8], ...] = ()
        pages: list[DecodedPage] = []
        try:
            for photo in decode_pages(
                buffer,
                name=_name(task),
                preview_px=self._config.preview_px,
                max_pixels=self._config.max_pixels,
                max_pages=self._config.max_pages,
            ):
                if not pages:
                    first = photo
                    inputs = tuple(model_input(photo.pixels, spec) for spec in task.input_specs)
                pages.append(self._stored(photo))
                self._connection.send(None)  # a page is done: the time for the next begins
        except MemoryError:
            return replace(seen, code="DECODE_MEMORY", message="Decoding needs more memory than allowed.")
        except LoupeError as error:
            if error.code == "NOT_AN_IMAGE" and not task.name_promises:
                return replace(seen, status="not_a_photo")
            return replace(seen, code=error.code, message=error.message)
        decoded = Decoded(first.format, first.mime, tuple(pages), first.pages)
        took = time.perf_counter() - started
        return replace(seen, status="decoded", decoded=decoded, inputs=inputs, decode_s=took)

    def _stored(self, photo: DecodedPhoto) -> DecodedPage:
        """The page's facts, after its preview and thumbnail are in the store."""
        name = pixel_hash(photo.pixels)
        small = thumbnail(photo.pixels, self._config.thumbnail_px)
        if not self._store.has(name):
            self._store.put(name, encode_jpeg(photo.pixels), encode_jpeg(small, quality=80))
        return DecodedPage(
            page=photo.page,
            pixel_hash=name,
            perceptual_hash=perceptual_hash(small),
            preview_width=photo.pixels.shape[1],
            preview_height=photo.pixels.shape[0],
            width=photo.width,
            height=photo.height,
            rung=photo.rung,
            warnings=photo.warnings,
            metadata=photo.metadata,
        )

    def _sidecar(self, task: DecodeTask) -> Outcome:
        with open(task.path, "rb") as stream:
            info = os.fstat(stream.fileno())
            seen = Outcome(task, "failed", size_bytes=info.st_size, mtime_ns=stored_mtime_ns(info))
            if info.st_size > _MAX_SIDECAR_BYTES:
                message = f"The sidecar has {info.st_size:,} bytes; {_MAX_SIDECAR_BYTES:,} are read at most."
                return replace(seen, code="TOO_LARGE", message=message)
            buffer = stream.read(_MAX_SIDECAR_BYTES)
        try:
            said = read_sidecar(buffer, _name(task))
        except LoupeError as error:
            return replace(seen, code=error.code, message=error.message)
        return replace(seen, status="decoded", sidecar=said)

    def _preview(self, task: DecodeTask) -> Outcome:
        started = time.perf_counter()
        data = Path(task.path).read_bytes()
        photo = decode(
            data,
            name=_name(task),
            preview_px=self._config.preview_px,
            max_pixels=self._config.max_pixels,
        )
        inputs = tuple(model_input(photo.pixels, spec) for spec in task.input_specs)
        return Outcome(task, "decoded", inputs=inputs, decode_s=time.perf_counter() - started)


def _name(task: DecodeTask) -> str:
    """The file's name as messages may say it: text that can be stored, whatever bytes the name is of."""
    return to_text(os.path.basename(task.path))


def _os_failure(task: DecodeTask, error: OSError) -> Outcome:
    code = "FILE_VANISHED" if isinstance(error, FileNotFoundError) else "FILE_UNREADABLE"
    sentence = (
        "The file is gone." if code == "FILE_VANISHED" else f"The file cannot be read: {error.strerror or error}."
    )
    return Outcome(task, "failed", code=code, message=sentence)


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent is killed; elsewhere the closed pipe does, a file later."""
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1  # noqa: N806 - its name in <sys/prctl.h>
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _offer_itself_first() -> None:
    """Where memory runs out, Linux is to end this process, which costs one file, and not the run with its models."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _bound_memory(limit_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        _, allowed = resource.getrlimit(resource.RLIMIT_AS)
        if allowed != resource.RLIM_INFINITY:
            limit_bytes = min(limit_bytes, allowed)
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


if __name__ == "__main__":
    main()
