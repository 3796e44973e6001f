"""The `jobs` row of a run: opened by its first step, closed by its last, or by the step that fails.

Rows live in the manifest, so that progress and history survive Dagster.
"""

from __future__ import annotations

import errno
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
import structlog

from assets.photo_stream import StreamCounts
from resources import logs
from resources.errors import LoupeError
from resources.home import this_process
from resources.imaging import DECODER_VERSION
from resources.library import Library
from resources.manifest import files, jobs
from resources.manifest.jobs import Request, StopReason

__all__ = ["PROCESS_TAG", "ProgressReporter", "StageProgress", "StageRates", "interrupt", "job_row", "stop_reason"]

PROCESS_TAG = "loupe/process"
_OBSERVE_EVERY_S = 30.0
# How often a step that is no stream tells how far it is.
_TELL_EVERY_S = 2.0
_NOT_ENDED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)
# Long enough to even out flushes and batches, short enough to forget how long a model took to load.
_RATE_OVER_S = 60.0
# How long a run waits for a program that has the manifest open (a person who looks into it with DuckDB's own).
_MANIFEST_S = 600.0
# The steps that keep a run's row; checks do not.
_STEPS = frozenset(
    {
        "file_inventory",
        "streamed_photos",
        "qdrant_points",
        "preview_cache",
        "umap_projections",
        "near_duplicates",
        "library_backup",
    }
)


@contextmanager
def job_row(
    context: dg.AssetExecutionContext, library: Library, target: str | None = None, request: Request | None = None
) -> Iterator[StageProgress]:
    """Keep the run's row true around one step's work, which is not begun when the run was cancelled meanwhile.

    What it hands out is told how far the work is. `request` is what the run was asked for, so that it can be asked for
    again.
    """
    run_id, kind = context.run.run_id, context.run.job_name
    library.manifest.be_patient(_MANIFEST_S)
    # By this `loupe up` tells a run that goes on from one whose process is gone.
    context.instance.add_run_tags(run_id, {PROCESS_TAG: json.dumps(this_process())})
    with library.manifest.write() as tx:
        jobs.start(tx, run_id, "materialize" if kind.startswith("__") else kind, target, request)
        stop = jobs.stop_asked(tx, run_id, reads_photos=False)
    logs.configure(library.settings)
    try:
        if stop:
            interrupt(context)
        with structlog.contextvars.bound_contextvars(run_id=run_id):
            yield StageProgress(library, run_id)
    except dg.DagsterExecutionInterruptedError:
        _finish(library, run_id, "cancelled", "JOB_CANCELLED", "Cancelled; finished work is kept.")
        raise
    except LoupeError as error:
        _finish(library, run_id, "failed", error.code, error.message)
        raise dg.Failure(description=f"{error.code}: {error.message}", allow_retries=False) from error
    except BaseException as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = "DISK_FULL" if full else "JOB_FAILED"
        _finish(library, run_id, "failed", code, f"{type(error).__name__}: {error}")
        raise
    if _is_last_step(context):
        with library.manifest.write() as tx:
            jobs.complete(tx, run_id)


def interrupt(context: dg.AssetExecutionContext) -> None:
    """End the run as Dagster ends one that is terminated."""
    run = context.instance.get_run_by_id(context.run.run_id)
    if run and run.status != dg.DagsterRunStatus.CANCELING:
        context.instance.report_run_canceling(run)  # else Dagster would call the interruption a failure
    raise dg.DagsterExecutionInterruptedError("cancelled by a person")


def stop_reason(context: dg.AssetExecutionContext, library: Library) -> StopReason | None:
    """Why the step should end early: a person cancelled the run or paused reading photos."""
    with library.manifest.read() as tx:
        return jobs.stop_asked(tx, context.run.run_id, reads_photos=True)


def _finish(library: Library, run_id: str, state: str, code: str | None, message: str | None) -> None:
    try:
        with library.manifest.write() as tx:
            jobs.finish(tx, run_id, state, code, message)
    except LoupeError:
        if code is None:
            raise
        # What ended the run (a full disk) is worth more than that its row cannot be written: that is closed later.


def _is_last_step(context: dg.AssetExecutionContext) -> bool:
    """Whether every other step of the run that keeps the row has succeeded."""
    steps = {node.name for node in context.job_def.nodes} & _STEPS
    ended = {
        stats.step_key
        for stats in context.instance.get_run_step_stats(context.run.run_id)
        if stats.status is not None and stats.status.value == "SUCCESS"
    }
    return steps - ended <= {context.op_execution_context.op_handle.name}


class StageRates:
    """Photos per second and seconds left of each stage, from how its count grew over the last minute."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def add(self, stages: Mapping[str, Mapping[str, int]], now_s: float) -> dict[str, dict[str, float | None]]:
        """`{stage: {"done", "total", "photos_per_s", "eta_s"}}`; a rate is None until a stage was seen to grow."""
        return {name: self._stage(name, counts["done"], counts["total"], now_s) for name, counts in stages.items()}

    def _stage(self, name: str, done: int, total: int, now_s: float) -> dict[str, float | None]:
        seen = self._seen.setdefault(name, deque())
        if not seen or seen[-1][1] < total:  # of a stage that is through the rate stays what it was
            seen.append((now_s, done))
        while len(seen) > 2 and now_s - seen[1][0] >= _RATE_OVER_S:
            seen.popleft()
        (since_s, before), (until_s, after) = seen[0], seen[-1]
        rate = (after - before) / (until_s - since_s) if after > before and until_s > since_s else None
        left = (total - done) / rate if rate and done < total else None
        return {"done": done, "total": total, "photos_per_s": rate, "eta_s": left}


class StageProgress:
    """Tells the `jobs` row how far a step's stages are: `progress("vectors", 10_000, 50_000)`, as often as one likes.

    Each stage's end is told at once, what lies between every two seconds. Never call it inside a transaction.
    """

    def __init__(self, library: Library, run_id: str) -> None:
        self._library = library
        self._run_id = run_id
        self._rates = StageRates()
        self._stages: dict[str, dict[str, int]] = {}
        self._told = float("-inf")

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._stages[stage] = {"done": done, "total": total}
        now = time.monotonic()
        if done < total and now - self._told < _TELL_EVERY_S:
            return  # before the rates: they keep each count that they are given for a minute
        self._told = now
        stages = self._rates.add(self._stages, now)
        with self._library.manifest.write() as tx:
            jobs.progress(tx, self._run_id, stages, None, _time_left(stages))


class ProgressReporter:
    """Tells the `jobs` row at each flush, and the Dagster UI every 30 s, how far a stream is; sets `stop` when asked.

    `stopped` says why it did. One that `gives_way` also stops, and ends well, once photos wait to be read or an ingest
    is asked for: what is left is asked for again.
    """

    def __init__(
        self, context: dg.AssetExecutionContext, library: Library, stop: threading.Event, *, gives_way: bool = False
    ) -> None:
        self._context = context
        self._library = library
        self._stop = stop
        self._gives_way = gives_way
        self._rates = StageRates()
        self._observed = time.monotonic()
        self.stopped: StopReason | None = None

    def begin(self) -> None:
        """Call before the stream: it may have been paused or cancelled while the run waited."""
        self._rates.add({name: {"done": 0, "total": 1} for name in ("decoded", "embedded")}, time.monotonic())
        with self._library.manifest.read() as tx:
            self._heed(jobs.stop_asked(tx, self._context.run.run_id, reads_photos=True))

    def flushed(self, counts: StreamCounts) -> None:
        """Called by the stream's writer after each flush."""
        now = time.monotonic()
        stages = self._rates.add(counts.stages(), now)
        # The stage that a person waits for: the first that is not through.
        current = next((stage for stage in stages.values() if stage["eta_s"]), None)
        rates = [stage["photos_per_s"] for stage in stages.values() if stage["photos_per_s"]]
        photos_per_s = current["photos_per_s"] if current else max(rates, default=None)
        with self._library.manifest.write() as tx:
            jobs.progress(tx, self._context.run.run_id, stages, photos_per_s, _time_left(stages))
            self._heed(jobs.stop_asked(tx, self._context.run.run_id, reads_photos=True))
        if self._gives_way and self._others_wait():
            self._stop.set()
        if now - self._observed >= _OBSERVE_EVERY_S:
            self._observed = now
            self._context.log_event(
                dg.AssetObservation(
                    asset_key="decoded_images",
                    metadata={
                        f"{name} {part}": value
                        for name, stage in stages.items()
                        for part, value in stage.items()
                        if value is not None
                    },
                )
            )

    def end(self, counts: StreamCounts) -> None:
        """Call after the stream: a run that was cancelled ends here, one that was paused goes on to show its work."""
        if self.stopped == "cancelled":
            interrupt(self._context)
        if self.stopped == "paused" and counts.left:
            with self._library.manifest.write() as tx:
                jobs.pause(tx, self._context.run.run_id, counts.left)

    def _others_wait(self) -> bool:
        with self._library.manifest.read() as tx:
            if files.pending_partitions(tx, DECODER_VERSION):
                return True
        asked = dg.RunsFilter(job_name="ingest", statuses=list(_NOT_ENDED))
        return bool(self._context.instance.get_runs(filters=asked, limit=1))

    def _heed(self, reason: StopReason | None) -> None:
        if reason:
            self.stopped = reason
            self._stop.set()


def _time_left(stages: Mapping[str, Mapping[str, float | None]]) -> float | None:
    """Seconds until the stages known so far are through: decoding and embedding are one pass, captions follow."""
    left = {name: stage["eta_s"] or 0.0 for name, stage in stages.items()}
    captions = left.pop("captioned", 0.0)
    return (max(left.values(), default=0.0) + captions) or None
