"""How often a client may ask: the generic cell rate algorithm (ITU-T I.371), one number for each client.

The libraries for this keep windows of counts and a timer thread; this is exact, says when to come back, and forgets.
"""

from __future__ import annotations

import time
from collections import OrderedDict

__all__ = ["RateLimit"]

_CLIENTS_KEPT = 10_000


class RateLimit:
    """`per_s` requests a second for each client, `at_once` before that counts. For one thread."""

    def __init__(self, per_s: float, at_once: int) -> None:
        self._interval_s = 1.0 / per_s
        self._tolerance_s = (at_once - 1) * self._interval_s
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Seconds until the client may ask again; 0 when it may now."""
        return max(0.0, self._due.get(client, 0.0) - time.monotonic() - self._tolerance_s)

    def count(self, client: str) -> None:
        """One request that was let through."""
        now = time.monotonic()
        self._due[client] = max(self._due.get(client, now), now) + self._interval_s
        self._due.move_to_end(client)
        if len(self._due) > _CLIENTS_KEPT:
            self._due.popitem(last=False)  # who asked longest ago
