"""Running a piece of a test under file permissions, which do not bind the superuser that containers run tests as."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["as_ordinary_user", "give_up_override"]

T = TypeVar("T")

# <linux/capability.h> and <linux/securebits.h>
_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_PR_SET_SECUREBITS, _SECBIT_NOROOT = 28, 1


def as_ordinary_user(action: Callable[[], T]) -> T:
    """The answer of `action`, for which a mode of 000 means what it says, in this process and those it starts.

    Linux keeps capabilities by thread, so the superuser gives them up in a thread that ends with the action.
    """
    import pytest

    if os.geteuid() != 0:
        return action()
    done: list[Any] = []
    refused: list[PermissionError] = []

    def run() -> None:
        try:
            give_up_override()
        except PermissionError as error:
            refused.append(error)
            return
        try:
            done.append(action())
        except BaseException as error:
            done.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if refused:
        pytest.skip(str(refused[0]))
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def give_up_override() -> None:
    """Give up, in this thread and what it starts, the superuser's right to read everything.

    Raises `PermissionError` (EPERM) where the right is had and cannot be given up.
    """
    if os.geteuid() != 0:
        return
    refused = PermissionError(errno.EPERM, "the superuser's rights may not be given up here")
    if sys.platform != "linux":
        raise refused
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable of capabilities 0-31; the same of 32-63
    if libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NOROOT, 0, 0, 0) or libc.capget(header, sets):
        raise refused
    kept = ~((1 << _CAP_DAC_OVERRIDE) | (1 << _CAP_DAC_READ_SEARCH)) & 0xFFFFFFFF
    for number in range(3):
        sets[number] &= kept
    if libc.capset(header, sets):
        raise refused
