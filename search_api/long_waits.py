"""Threads for requests that wait long, apart from those that all other routes share.

Starlette runs every plain function in one pool of forty threads. A request that waits in it for a model or a decoder
keeps one for a minute or two, and forty of them stop search, pictures and the page. Not here: what is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from resources.errors import LoupeError

__all__ = ["LongWaits"]

P = ParamSpec("P")
T = TypeVar("T")


class LongWaits:
    """At most `most` functions at once, each in a thread; what would be more is refused at once as `full` says."""

    def __init__(self, most: int, full: Callable[[], LoupeError]) -> None:
        self._limiter = CapacityLimiter(most)
        self._full = full

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` gives. Raises what it raises, and the error of `full`."""
        if self._limiter.available_tokens < 1:
            raise self._full()
        return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)
