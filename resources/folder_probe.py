"""Whether a folder can be read now, asked with patience that ends: a share whose server sleeps answers never.

Belongs here: asking the disk. Not here: what is made of the answer (`inventory`, `watching`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass, field

__all__ = ["FolderProbe", "answers", "reachable"]

# A local disk or a share that is awake answers within milliseconds. One that spins up is offline for a moment.
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class _Question:
    asked_at: float = field(default_factory=time.monotonic)
    answer: Future[bool] = field(default_factory=Future)


def _can_be_read(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            next(entries, None)
            return True
    except (OSError, ValueError):  # a value error: no name can hold a NUL
        return False


class FolderProbe:
    """Asks `can_be_read` of a folder in a thread of its own, and says no when that takes longer than `patience_s`.

    A system call on a dead share cannot be ended. So a folder is not asked again while an earlier question about it
    hangs: the threads that wait are as many as the folders that hang.
    """

    def __init__(self, can_be_read: Callable[[str], bool] = _can_be_read, patience_s: float = _PATIENCE_S) -> None:
        self._can_be_read = can_be_read
        self._patience_s = patience_s
        self._asked: dict[str, _Question] = {}
        self._lock = threading.Lock()

    def __call__(self, path: str) -> bool:
        """Whether the folder is there and may be read."""
        return self.ask(path) or False

    def ask(self, path: str) -> bool | None:
        """The same; None when there is no answer in time."""
        with self._lock:
            question = self._asked.get(path)
            if question is None:
                question = self._asked[path] = _Question()
                threading.Thread(target=self._ask, args=(path, question), name="folder probe", daemon=True).start()
        left = question.asked_at + self._patience_s - time.monotonic()
        try:
            return question.answer.result(max(0.0, left))
        except NoAnswer:
            return None

    def _ask(self, path: str, question: _Question) -> None:
        answer = self._can_be_read(path)
        with self._lock:
            del self._asked[path]
        question.answer.set_result(answer)


_probe = FolderProbe()


def reachable(path: str) -> bool:
    """Whether the folder is there and may be read; not, when it does not answer within five seconds."""
    return _probe(path)


def answers(path: str) -> bool:
    """Whether anything is said of the folder within five seconds, be it that there is none."""
    return _probe.ask(path) is not None
