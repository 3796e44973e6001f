"""LocalEngine: decode workers as processes of this machine, one thread here to mind each.

A worker that crashes or takes too long costs the file it held: it is replaced and the next file goes on. Results wait
in a bounded queue, so memory does not grow with the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import psutil

from resources.engine.tasks import Claim, DecodeTask, Outcome, WorkerConfig
from resources.errors import LoupeError
from resources.folders import stored_mtime_ns
from resources.home import Home

if TYPE_CHECKING:  # every worker imports this package: it stays cheap
    from resources.settings import Settings

__all__ = ["LocalEngine"]

_POLL_S = 0.25
_START_TIMEOUT_S = 60.0
# A worker that fails closes its pipe a little before it ends; how it ended is worth the wait.
_ENDING_S = 2.0
# One that reads from a network share that hangs cannot even be killed before the share is back: it is given up.
_KILLING_S = 10.0
# A file of many pages may take this many times as long as one of a single page.
_PAGES_TIMEOUTS = 10
# Finished pictures that may wait for the device, per worker.
_QUEUE_PER_WORKER = 16


class LocalEngine:
    """Decodes on this machine's cores."""

    def __init__(self, settings: Settings) -> None:
        self.workers = settings.decode_workers or os.cpu_count() or 1
        self._timeout_s = settings.decode_timeout_s
        self._log = Home(settings.home).logs / "decode-workers.log"
        self._config = WorkerConfig(
            home=str(settings.home),
            preview_px=settings.preview_px,
            thumbnail_px=settings.thumbnail_px,
            max_pixels=settings.max_pixels,
            max_pages=settings.max_pages,
            max_file_bytes=settings.max_file_bytes,
            # Address space, not resident memory: room for one picture of `max_pixels`, never the whole machine.
            memory_bytes=max(4 << 30, int(psutil.virtual_memory().total * 0.5)),
        )

    def decode(self, tasks: Iterable[DecodeTask], claim: Claim, stop: threading.Event) -> Iterator[Outcome]:
        """See `Engine.decode`. Raises what `tasks` or `claim` raise."""
        source = _Shared(tasks)
        results: queue.Queue[Outcome | BaseException | None] = queue.Queue(self.workers * _QUEUE_PER_WORKER)
        abandoned = threading.Event()
        minders = [
            threading.Thread(
                target=self._mind,
                args=(source, claim, results, _Either(stop, abandoned)),
                name=f"decode-{number}",
                daemon=True,
            )
            for number in range(self.workers)
        ]
        for minder in minders:
            minder.start()
        running = len(minders)
        try:
            while running:
                item = results.get()
                if item is None:
                    running -= 1
                elif isinstance(item, BaseException):
                    raise item
                else:
                    yield item
        finally:
            abandoned.set()
            while any(minder.is_alive() for minder in minders):
                _drain(results)
                time.sleep(0.01)

    def _mind(self, source: _Shared, claim: Claim, results: queue.Queue[Any], stop: _Either) -> None:
        worker: _WorkerProcess | None = None
        try:
            while not stop.is_set() and (task := source.next()) is not None:
                worker = worker or _WorkerProcess(self._config, self._log)
                outcome = worker.run(task, claim, stop, self._timeout_s)
                if not worker.alive:
                    worker = None
                if outcome is None:
                    break
                _put(results, outcome, stop)
        except BaseException as error:
            _put(results, error, stop)
        finally:
            if worker:
                worker.close()
            _put(results, None, stop)


class _WorkerProcess:
    """One child process and the pipe to it."""

    def __init__(self, config: WorkerConfig, log: Any) -> None:
        ours, theirs = socket.socketpair()
        with open(log, "ab") as stderr:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "resources.engine.decode_worker",
                    str(theirs.fileno()),
                    json.dumps(asdict(config)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                # LibRaw's own threads would compete with the other workers'.
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                cwd="/",
            )
        theirs.close()
        self._connection = Connection(ours.detach())
        self.alive = True
        if not self._connection.poll(_START_TIMEOUT_S):
            self._kill()
            raise LoupeError("INTERNAL", f"A decode worker did not start; see {log}.")
        try:
            self._connection.recv()
        except (EOFError, OSError) as error:
            self._kill()
            raise LoupeError("INTERNAL", f"A decode worker did not start; see {log}.") from error

    def run(self, task: DecodeTask, claim: Claim, stop: _Either, timeout_s: float) -> Outcome | None:
        """The outcome of `task`, a crash or time-out included; None when stopped in the middle."""
        sha256: str | None = None
        started = time.monotonic()
        deadline = started + timeout_s
        try:
            self._connection.send(task)
            while True:
                while not self._connection.poll(_POLL_S):
                    if stop.is_set():
                        self._kill()
                        return None
                    if time.monotonic() > deadline:
                        self._kill()
                        message = f"Decoding took longer than {timeout_s:g} s and was stopped."
                        return self._failure(task, sha256, "DECODE_TIMEOUT", message)
                answer = self._connection.recv()
                if isinstance(answer, Outcome):
                    return answer
                if answer is None:
                    deadline = min(time.monotonic() + timeout_s, started + _PAGES_TIMEOUTS * timeout_s)
                    continue
                sha256 = answer
                self._connection.send(claim(answer))
        except (EOFError, OSError):
            self._kill(_ENDING_S)
            message = f"The decoder crashed on this file ({_ending(self._process.returncode)})."
            return self._failure(task, sha256, "DECODE_CRASH", message)

    def _failure(self, task: DecodeTask, sha256: str | None, code: str, message: str) -> Outcome:
        try:
            info = os.stat(task.path)
        except OSError:
            return Outcome(task, "failed", sha256=sha256, code=code, message=message)
        return Outcome(
            task,
            "failed",
            sha256=sha256,
            size_bytes=info.st_size,
            mtime_ns=stored_mtime_ns(info),
            code=code,
            message=message,
        )

    def close(self) -> None:
        """End the child: by closing its pipe, by force if it lingers."""
        self._connection.close()
        self.alive = False
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self, patience_s: float = 0.0) -> None:
        self.alive = False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_KILLING_S)
        self._connection.close()


def _ending(status: int | None) -> str:
    """How a process ended, in words: by a signal (a negative status), or by an error of Loupe's own."""
    if status is None:
        return "it has not ended yet"
    if status >= 0:
        return f"exit status {status}; decode-workers.log says more"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


class _Shared:
    """One iterator that several threads take from."""

    def __init__(self, tasks: Iterable[DecodeTask]) -> None:
        self._iterator = iter(tasks)
        self._lock = threading.Lock()

    def next(self) -> DecodeTask | None:
        with self._lock:
            return next(self._iterator, None)


class _Either:
    """Set when any of its events is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)


def _put(results: queue.Queue[Any], item: Any, stop: _Either) -> None:
    """Queue `item`; while stopped and full, give up results but never the end marks that the reader counts."""
    while True:
        try:
            results.put(item, timeout=_POLL_S)
            return
        except queue.Full:
            if stop.is_set() and isinstance(item, Outcome):
                return


def _drain(results: queue.Queue[Any]) -> None:
    try:
        while True:
            results.get_nowait()
    except queue.Empty:
        return
