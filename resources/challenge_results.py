"""What people scored in the challenge on their own photos, kept in the home and nowhere else.

Not here: choosing photos and ranks (`resources/search/challenge.py`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from resources.clock import utc_now
from resources.home import Home, storage_error

__all__ = ["ChallengeResults", "Round"]

_ADDING = threading.Lock()


@dataclass(frozen=True)
class Round:
    """One described photo: its rank, best is 1, among `candidates`. `at` is UTC; what was said stays unwritten."""

    at: datetime
    model: str
    photo_id: str
    rank: int
    candidates: int


class ChallengeResults:
    """The rounds of a library: a file with one JSON object a line, which a person may read and delete."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / "challenge.jsonl"

    def add(self, model: str, photo_id: str, rank: int, candidates: int) -> Round:
        """Write a round down. Raises `DISK_FULL`, `HOME_NOT_WRITABLE`."""
        made = Round(utc_now(), model, photo_id, rank, candidates)
        line = json.dumps({**asdict(made), "at": made.at.isoformat()})
        try:
            with _ADDING, self._path.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")
        except OSError as error:
            raise storage_error(error, self._path) from error
        return made

    def of_model(self, model: str, newest: int) -> list[Round]:
        """The newest rounds with this model, oldest first."""
        return [each for each in self._all() if each.model == model][-newest:]

    def _all(self) -> Iterator[Round]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except OSError:
            return
        for line in text.splitlines():
            try:
                content = json.loads(line)
                yield Round(**{**content, "at": datetime.fromisoformat(content["at"])})
            except (ValueError, TypeError, KeyError):  # a line that a crash cut off
                continue
