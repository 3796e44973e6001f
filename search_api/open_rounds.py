"""Rounds of the challenge that wait for their answer: in memory, as a round is worth nothing after a restart."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from resources.errors import LoupeError

__all__ = ["OpenRound", "OpenRounds"]

_MOST = 1000
_LASTS_S = 3600.0


@dataclass(frozen=True)
class OpenRound:
    photo_id: str
    begun: float = field(default_factory=time.monotonic)


class OpenRounds:
    """By token; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._rounds: OrderedDict[str, OpenRound] = OrderedDict()

    def begin(self, made: OpenRound) -> str:
        """The round's token."""
        token = secrets.token_urlsafe(16)
        with self._guard:
            self._rounds[token] = made
            while len(self._rounds) > _MOST:
                self._rounds.popitem(last=False)
        return token

    def of(self, token: str) -> OpenRound:
        """Raises `CHALLENGE_ROUND_GONE`."""
        with self._guard:
            found = self._rounds.get(token)
        if found is None or time.monotonic() - found.begun > _LASTS_S:
            raise _gone()
        return found

    def end(self, token: str) -> None:
        """Each round counts once, however many answers came at once. Raises `CHALLENGE_ROUND_GONE`."""
        with self._guard:
            if self._rounds.pop(token, None) is None:
                raise _gone()


def _gone() -> LoupeError:
    return LoupeError("CHALLENGE_ROUND_GONE", "This round is answered already, or it was begun too long ago.")
