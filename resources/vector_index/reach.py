"""Which photos are offline: asked of the watched folders each time, so that a disk that goes or comes changes no point.

Belongs here: what the states of folders say of a photo and as a condition. Not here: which state means that a folder
can be reached (`resources/manifest/roots.py`), who tells an index of them (`outbox.py`, `follower.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resources.vector_index.conditions import And, AnyOf, Condition, Not

__all__ = ["Reach"]


@dataclass(frozen=True)
class Reach:
    """The watched folders, by `root_id`, that can be reached now (`here`) and that cannot (`away`).

    Nothing is known of one that is in neither, as of a folder that was added a moment ago: it makes no photo offline.
    """

    here: frozenset[str] = frozenset()
    away: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reached: Mapping[str, bool]) -> Reach:
        """From whether each folder can be reached."""
        here = frozenset(root_id for root_id, can in reached.items() if can)
        return cls(here, frozenset(reached) - here)

    def is_offline(self, root_ids: Iterable[str]) -> bool:
        """Whether a photo whose files are in these folders is offline: some are known, and none can be reached.

        A cover's folders are those of its whole stack. A photo that is in none is not offline.
        """
        held = set(root_ids)
        return not self.away.isdisjoint(held) and self.here.isdisjoint(held)

    def offline(self) -> Condition:
        """The photos for which `is_offline` holds."""
        away, here = (AnyOf("root_ids", tuple(sorted(root_ids))) for root_ids in (self.away, self.here))
        return And((away, Not(here)))
