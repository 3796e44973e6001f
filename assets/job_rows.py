"""The `jobs` row of a run: opened by its first step, closed by its last, or by the step that fails.

Rows live in the manifest, so that progress and history survive Dagster.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.photo_stream import StreamCounts
from resources.errors import LoupeError
from resources.home import this_process
from resources.library import Library
from resources.manifest import jobs

__all__ = ["PROCESS_TAG", "ProgressReporter", "job_row"]

PROCESS_TAG = "loupe/process"
_OBSERVE_EVERY_S = 30.0
# The steps that keep a run's row; checks do not.
_STEPS = frozenset({"file_inventory", "streamed_photos", "qdrant_points", "umap_projections"})


@contextmanager
def job_row(context: dg.AssetExecutionContext, library: Library, target: str | None = None) -> Iterator[None]:
    """Keep the run's row true around one step's work."""
    run_id, kind = context.run.run_id, context.run.job_name
    # By this `loupe up` tells a run that goes on from one whose process is gone.
    context.instance.add_run_tags(run_id, {PROCESS_TAG: json.dumps(this_process())})
    with library.manifest.write() as tx:
        jobs.start(tx, run_id, "materialize" if kind.startswith("__") else kind, target)
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        _finish(library, run_id, "cancelled", "JOB_CANCELLED", "Cancelled; finished work is kept.")
        raise
    except LoupeError as error:
        _finish(library, run_id, "failed", error.code, error.message)
        raise dg.Failure(description=f"{error.code}: {error.message}", allow_retries=False) from error
    except BaseException as error:
        _finish(library, run_id, "failed", "JOB_FAILED", f"{type(error).__name__}: {error}")
        raise
    if _is_last_step(context):
        _finish(library, run_id, "done", None, None)


def _finish(library: Library, run_id: str, state: str, code: str | None, message: str | None) -> None:
    with library.manifest.write() as tx:
        jobs.finish(tx, run_id, state, code, message)


def _is_last_step(context: dg.AssetExecutionContext) -> bool:
    """Whether every other step of the run that keeps the row has succeeded."""
    steps = {node.name for node in context.job_def.nodes} & _STEPS
    ended = {
        stats.step_key
        for stats in context.instance.get_run_step_stats(context.run.run_id)
        if stats.status is not None and stats.status.value == "SUCCESS"
    }
    return steps - ended <= {context.op_execution_context.op_handle.name}


class ProgressReporter:
    """Tells the `jobs` row at each flush, and the Dagster UI every 30 s, how far a stream is."""

    def __init__(self, context: dg.AssetExecutionContext, library: Library) -> None:
        self._context = context
        self._library = library
        self._started = time.monotonic()
        self._observed = self._started

    def flushed(self, counts: StreamCounts) -> None:
        """Called by the stream's writer after each flush."""
        now = time.monotonic()
        stages = counts.stages()
        done = sum(stage["done"] for stage in stages.values())
        total = sum(stage["total"] for stage in stages.values())
        rate = done / max(now - self._started, 1e-6)
        photos_per_s = max((stage["done"] for stage in stages.values()), default=0) / max(now - self._started, 1e-6)
        with self._library.manifest.write() as tx:
            jobs.progress(tx, self._context.run.run_id, stages, photos_per_s, (total - done) / rate if rate else None)
        if now - self._observed >= _OBSERVE_EVERY_S:
            self._observed = now
            self._context.log_event(
                dg.AssetObservation(
                    asset_key="decoded_images",
                    metadata={
                        **{
                            f"{name} {part}": count
                            for name, counts_ in stages.items()
                            for part, count in counts_.items()
                        },
                        "photos_per_s": photos_per_s,
                    },
                )
            )
