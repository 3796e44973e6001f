"""What every home of the index offers. Queries may run beside one another and beside changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from resources.vector_index.conditions import Condition, Like
from resources.vector_index.points import Counts, IndexModel, IndexStats, PhotoPoint, RankedList, StoredPhoto, Vector
from resources.vector_index.words import SparseWords

__all__ = ["VectorIndex"]


class VectorIndex(Protocol):
    """One generation of the index. Raises `INDEX_UNREACHABLE` when its server is."""

    @property
    def model(self) -> IndexModel | None:
        """Whose vectors it holds; None for an index of words only."""
        ...

    @property
    def generation(self) -> str:
        """Its name: another model, another generation."""
        ...

    @property
    def applied_seq(self) -> int | None:
        """The outbox row up to which it shows the manifest; None while it was never whole."""
        ...

    @property
    def applied_mark(self) -> str:
        """What stood at that row: tells a manifest that was restored from a backup from the one applied."""
        ...

    def set_applied_seq(self, seq: int | None, mark: str = "") -> None:
        """Make all changes durable, then remember `seq` durably."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """Held while the outbox is applied: one process at a time. Raises `INDEX_BUSY`."""
        ...

    def set_roots(self, reached: Mapping[str, bool]) -> None:
        """Say of each watched folder, by `root_id`, whether it can be reached now.

        From the next query on `Offline`, and `offline` in payloads, answer by it. Not kept: whoever opens an index
        tells it, and so does `apply_outbox`.
        """
        ...

    def offline(self) -> Condition:
        """What `Offline` means now: another condition when a folder has come or gone."""
        ...

    def upsert(self, points: Iterable[PhotoPoint]) -> int:
        """Insert or replace whole points. Returns how many."""
        ...

    def delete(self, photo_ids: Sequence[str]) -> None:
        """Remove points; unknown ids are fine."""
        ...

    def count(self, condition: Condition | None = None) -> int: ...

    def counted(self, condition: Condition | None) -> int:
        """As `count`, but kept between changes: a count costs a look at every point."""
        ...

    def point_count(self) -> int:
        """All points, `counted`."""
        ...

    def embedded_count(self) -> int:
        """Points with a vector, `counted`."""
        ...

    def get(self, photo_ids: Sequence[str], vectors: bool = False) -> dict[str, StoredPhoto]:
        """The photos of these ids; unknown ids are absent."""
        ...

    def read_ahead(self, stopped: Callable[[], bool]) -> None:
        """Read payloads and their indexes into memory, as far as there is room: questions then wait for no disk."""
        ...

    @property
    def looks_at_each(self) -> bool:
        """Whether `nearest` compares with every vector: a list that is taken deeper later costs as much again."""
        ...

    def nearest(
        self, vector: Vector, limit: int, condition: Condition | None = None, least: float | None = None
    ) -> RankedList:
        """The `limit` photos most like `vector` (`[dim]`), by (cosine descending, id). Empty without a model.

        With `least` only those with that cosine or more.
        """
        ...

    def matching(
        self, words: SparseWords, limit: int, condition: Condition | None = None, least: float | None = None
    ) -> RankedList:
        """The `limit` photos whose words match best, by (BM25 descending, id), scores above zero only.

        With `least` only those with that score or more.
        """
        ...

    def browse(
        self, limit: int, offset: int = 0, condition: Condition | None = None, newest_first: bool = True
    ) -> list[str]:
        """Photo ids by (`taken_at`, id), undated photos last by (`added_at` newest first, id)."""
        ...

    def browse_after(
        self,
        place: tuple[str, float, str],
        limit: int,
        condition: Condition | None = None,
        newest_first: bool = True,
    ) -> list[str]:
        """What `browse` gives behind a place: the key it is ordered by ("taken_at" or "added_at"), value and id."""
        ...

    def sample(self) -> Vector:
        """Vectors `[n, dim]` of some hundreds of photos, drawn evenly: what the library looks like."""
        ...

    def ids(self, after: str | None, limit: int, condition: Condition | None = None) -> list[str]:
        """Photo ids in id order, above `after`: walks the whole index, or what `condition` leaves of it."""
        ...

    def values(self, key: str, limit: int = 100, condition: Condition | None = None) -> list[tuple[str, int]]:
        """The most frequent values of a keyword key with their counts: cameras, tags, collections.

        Of a key of `derived_keys.COUNTED` without a condition they are kept until something changes.
        """
        ...

    def valued(self, key: str, limit: int, condition: Condition | None) -> list[tuple[str, int]]:
        """As `values`, but kept between changes."""
        ...

    def spelled(self, like: Like) -> tuple[str, ...]:
        """The values of its key that it means; of values that came in the last moment some may lack."""
        ...

    def counts(self, condition: Condition | None) -> Counts:
        """The values of all keys of `derived_keys.COUNTED` at once, in the time of `values` for one. Kept too."""
        ...

    def stats(self) -> IndexStats: ...

    def make_current(self) -> None:
        """Point the library at this generation."""
        ...

    def close(self) -> None:
        """Flush and let go of the files and the lock."""
        ...
