"""One bounded queue before the device: what callers hand in is cut into batches that several of them share.

Belongs here: order, fairness, bounds, time-outs. Not here: what a batch computes; a lane brings its own function.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from resources.errors import LoupeError

__all__ = ["DeviceQueue", "Lane", "Places"]

log = structlog.get_logger(__name__)

# A batch of a GPU takes some tens of ms: to wait for company no longer than a tenth of that.
_COLLECT_S = 0.004
# Batches of urgent lanes in a row, before another that waits has its turn.
_URGENT_IN_A_ROW = 4
# Guessed before the first batch was timed: the slowest that is common, a large model on two cores.
_FIRST_GUESS_S = 0.5


@dataclass(frozen=True)
class Lane:
    """Work that goes together in a batch. `run` takes a list of items and answers one result for each, in order.

    `safe_batch` says how many items it takes at once; it is asked before each batch. `key` names the lane: a model
    that was changed is another lane. Items of an urgent lane go before those of others.
    """

    key: Hashable
    run: Callable[[list[Any]], Sequence[Any]]
    safe_batch: Callable[[], int]
    urgent: bool = False


@dataclass(frozen=True)
class Places:
    """Kept in the queue for items that are still made ready; they have to be done `until` then (monotonic, seconds)."""

    until: float

    def left_s(self) -> float:
        """Raises `INFERENCE_TIMEOUT` when the time is over."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise _too_late("They were not even read in time.")
        return left


@dataclass(eq=False)
class _Job:
    lane: Lane
    items: list[Any]
    results: list[Any]
    has_places: bool = False
    given_out: int = 0
    answered: int = 0
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def waiting(self) -> int:
        return 0 if self.done.is_set() else len(self.items) - self.given_out


class DeviceQueue:
    """A thread takes batches from jobs in turn, one item of each, so that a large job delays a small one by little.

    At most `most_waiting` items wait; what would be more is refused whole. The thread starts with the first job.
    """

    def __init__(self, most_waiting: int, *, idle_s: float = 60.0, on_idle: Callable[[], None] | None = None) -> None:
        self._most_waiting = most_waiting
        self._idle_s = idle_s
        self._on_idle = on_idle
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._places = 0
        self._last_served: dict[Hashable, float] = {}
        self._urgent_in_a_row = 0
        self._item_s = _FIRST_GUESS_S
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Items that no batch has taken yet, and those that are still made ready."""
        with self._changed:
            return self._waiting()

    def full(self) -> LoupeError:
        """`QUEUE_FULL`, with the seconds that what waits now may take."""
        with self._changed:
            return self._full(self._waiting(), 1)

    @contextmanager
    def places(self, count: int, timeout_s: float) -> Iterator[Places]:
        """Keeps places for `count` items, which run with them; for who takes long to make them ready.

        Raises `QUEUE_FULL` at once when too much waits.
        """
        with self._changed:
            self._require_room(count)
            self._places += count
        try:
            yield Places(time.monotonic() + timeout_s)
        finally:
            with self._changed:
                self._places -= count

    def run(self, lane: Lane, items: Sequence[Any], timeout_s: float, places: Places | None = None) -> list[Any]:
        """One result an item, in order; blocks.

        Raises `QUEUE_FULL` at once when too much waits and no `places` are kept for them, `INFERENCE_TIMEOUT` after
        `timeout_s`, or when the time of the `places` is over, and what `lane.run` raises for a batch of these items
        alone.
        """
        if not items:
            return []
        job = _Job(lane, list(items), [None] * len(items), has_places=places is not None)
        timeout_s = min(timeout_s, places.left_s()) if places else timeout_s
        with self._changed:
            if not places:
                self._require_room(len(items))
            elif self._stopping:
                raise self._full(self._waiting(), len(items))
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="device-queue", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if not job.done.wait(timeout_s):
            with self._changed:
                if not job.done.is_set():
                    job.error = _too_late(
                        f"The model did not come to all {len(items)} of them within {timeout_s:.0f} s."
                    )
                    self._finish(job)
        if job.error is not None:
            raise job.error
        return job.results

    def close(self) -> None:
        """Answers what waits with `QUEUE_FULL` and ends; the batch in progress is finished first."""
        with self._changed:
            self._stopping = True
            for job in list(self._jobs):
                job.error = self._full(self._waiting(), len(job.items))
                self._finish(job)
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join(10.0)

    # With `_changed` held

    def _waiting(self) -> int:
        return self._places + sum(job.waiting for job in self._jobs if not job.has_places)

    def _require_room(self, more: int) -> None:
        waiting = self._waiting()
        if self._stopping or waiting + more > self._most_waiting:
            raise self._full(waiting, more)

    def _full(self, waiting: int, more: int) -> LoupeError:
        after_s = max(1, min(60, math.ceil(waiting * self._item_s)))
        if more > self._most_waiting:
            return LoupeError(
                "INVALID_REQUEST", f"At most {self._most_waiting} at once are taken; these are {more}. Send them apart."
            )
        return LoupeError(
            "QUEUE_FULL",
            f"{waiting} others wait for the model already. Try again in {after_s} s.",
            waiting=waiting,
            retry_after_s=after_s,
        )

    def _finish(self, job: _Job) -> None:
        job.done.set()
        if job in self._jobs:
            self._jobs.remove(job)

    def _next_lane(self) -> Lane | None:
        """Urgent ones first, but not for ever; among equals the one that was served longest ago."""
        lanes = {job.lane.key: job.lane for job in self._jobs if job.waiting}
        if not lanes:
            return None
        others_wait = any(not lane.urgent for lane in lanes.values())
        yields = others_wait and self._urgent_in_a_row >= _URGENT_IN_A_ROW
        return min(
            lanes.values(),
            key=lambda lane: (lane.urgent if yields else not lane.urgent, self._last_served.get(lane.key, 0.0)),
        )

    def _take(self, lane: Lane, size: int) -> list[tuple[_Job, int]]:
        """Up to `size` items of the lane: one of each job in turn. The next batch begins with the job after."""
        taken: list[tuple[_Job, int]] = []
        turns = deque(job for job in self._jobs if job.lane.key == lane.key and job.waiting)
        while turns and len(taken) < size:
            job = turns.popleft()
            taken.append((job, job.given_out))
            job.given_out += 1
            if job.waiting:
                turns.append(job)
        for job, _ in taken[-1:]:  # whoever came last into this batch comes last into the next
            self._jobs.remove(job)
            self._jobs.append(job)
        return taken

    # In the thread

    def _serve(self) -> None:
        while True:
            with self._changed:
                lane = self._next_lane()
                if lane is None:
                    if self._stopping:
                        return
                    idle = not self._changed.wait(self._idle_s)
            if lane is None:
                if idle and self._on_idle:
                    self._on_idle()
                continue
            self._batch(lane)

    def _batch(self, lane: Lane) -> None:
        try:
            size = max(1, lane.safe_batch())
        except BaseException as error:  # a model that cannot be loaded
            self._fail(lane, error)
            return
        with self._changed:
            if not lane.urgent:
                until = time.monotonic() + _COLLECT_S
                while (
                    sum(job.waiting for job in self._jobs if job.lane.key == lane.key) < size
                    and (left := until - time.monotonic()) > 0
                ):
                    self._changed.wait(left)
            taken = self._take(lane, size)
            self._urgent_in_a_row = self._urgent_in_a_row + 1 if lane.urgent else 0
            self._last_served = {**self._last_served, lane.key: time.monotonic()}
        if not taken:
            return
        began = time.monotonic()
        self._answer(lane, taken)
        if not lane.urgent:
            self._item_s += 0.3 * ((time.monotonic() - began) / len(taken) - self._item_s)

    def _answer(self, lane: Lane, taken: list[tuple[_Job, int]]) -> None:
        try:
            results = list(lane.run([job.items[position] for job, position in taken]))
            if len(results) != len(taken):
                raise RuntimeError(f"{len(results)} results for {len(taken)} items")
        except BaseException as error:
            jobs = list(dict.fromkeys(job for job, _ in taken))
            if len(jobs) > 1:  # whose item it was is found out by running each caller's alone
                for each in jobs:
                    self._answer(lane, [pair for pair in taken if pair[0] is each])
                return
            log.info("inference_failed", lane=str(lane.key), reason=str(error))
            with self._changed:
                jobs[0].error = jobs[0].error or error
                self._finish(jobs[0])
            return
        with self._changed:
            for (job, position), result in zip(taken, results, strict=True):
                job.results[position] = result
                job.answered += 1
                if job.answered == len(job.items):
                    self._finish(job)

    def _fail(self, lane: Lane, error: BaseException) -> None:
        with self._changed:
            for job in [job for job in self._jobs if job.lane.key == lane.key]:
                job.error = error
                self._finish(job)


def _too_late(why: str) -> LoupeError:
    return LoupeError("INFERENCE_TIMEOUT", f"{why} Send fewer at once, or try again later.")
