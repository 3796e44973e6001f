"""How a process takes memory from the system and gives it back.

Belongs here: settings of the C library's allocator and of Python's garbage collector. Not here: what is kept in memory,
and how much of it.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache

__all__ = ["keep_from_collector", "share_one_arena"]

_M_ARENA_MAX = -8  # <malloc.h> of glibc


@cache
def share_one_arena() -> bool:
    """Let all threads to come take memory from one place; whether the C library knows how (glibc does).

    By default each thread gets an arena of its own, up to eight a core. What one thread frees is of no use to the
    others, so a process whose threads come and go with each flush holds ever more that nobody uses. To be called when
    the process begins: threads that run already keep their arenas.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and mallopt(_M_ARENA_MAX, 1) == 1


def keep_from_collector() -> None:
    """Have the garbage collector leave alone what is there now: modules, a model, an index.

    They are half a million objects, at which it looks every few hundred requests while all threads wait: 0.36 s
    measured. To be called again when something large has come or gone: what was left alone is looked at first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
