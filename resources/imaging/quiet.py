"""Silence for decoders that print: LibRaw and libtiff write about bad bytes straight to standard error.

What they say, Loupe says better in a `DecodeError`; in a library of many files it would bury the log.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["silenced"]

_lock = threading.Lock()
_inside = 0
_saved: int | None = None


@contextmanager
def silenced() -> Iterator[None]:
    """Sends file descriptor 2 of the process to nowhere while inside.

    It is the process's own descriptor, so nesting and threads share one redirection: the first in sets it, the
    last out restores it. Used around LibRaw and libtiff only, which run in decode workers.
    """
    global _inside, _saved
    with _lock:
        if _inside == 0:
            _saved = _redirect()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _saved is not None:
                os.dup2(_saved, 2)
                os.close(_saved)
                _saved = None


def _redirect() -> int | None:
    try:
        saved = os.dup(2)
    except OSError:  # no standard error to save: nothing can be printed either
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return saved
