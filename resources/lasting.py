"""How long what was loaded may be used before it is loaded anew, by how long loading it took.

Belongs here: the one rule that every answer kept for a while goes by. Not here: what is kept, what tells of a change.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Lasting"]


@dataclass(frozen=True)
class Lasting:
    """`times` as long as loading took, so that loading takes a part of the time that grows with nothing.

    Never shorter than `at_least_s`, and never longer than `at_most_s`: what took long may have waited for something
    else, as for a backup that holds the manifest, and need not take so long again.
    """

    times: float
    at_least_s: float
    at_most_s: float

    def seconds(self, took_s: float) -> float:
        """How long, when loading took `took_s`."""
        return min(max(self.at_least_s, self.times * took_s), self.at_most_s)
