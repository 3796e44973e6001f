"""Memory that threads free is there for all others."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys

import pytest

_ARENAS_AFTER_THREADS = """
import ctypes, sys, threading
from resources.allocator import share_one_arena
if sys.argv[1] == "shared":
    assert share_one_arena()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
all_began = threading.Barrier(6)
def take() -> None:
    all_began.wait()
    libc.free(libc.malloc(50_000))
threads = [threading.Thread(target=take) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fdopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
libc.malloc_info(0, libc.fdopen(1, b"w"))
libc.fflush(None)
"""


def _arenas(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _ARENAS_AFTER_THREADS, how], capture_output=True, text=True, check=True, timeout=60
    )
    return len(re.findall(r"<heap nr=", done.stdout))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has arenas")
def test_threads_share_one_arena() -> None:
    assert _arenas("as it is") > 1
    assert _arenas("shared") == 1


_FROZEN = """
import gc, weakref
from resources.allocator import keep_from_collector
class Node: pass
kept, lost = Node(), Node()
kept.kept, lost.lost = kept, lost
seen = [weakref.ref(kept), weakref.ref(lost)]
del lost
keep_from_collector()
counted = len(gc.get_objects())
del kept
gc.collect()
first = [node() is not None for node in seen]
keep_from_collector()
print(counted < 1000, first, [node() is not None for node in seen])
"""


def test_what_is_there_is_left_alone_until_said_again() -> None:
    done = subprocess.run([sys.executable, "-c", _FROZEN], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "True [True, False] [False, False]"
