"""Ingest as a command: the same `ingest` job on the same instance, run by a live daemon or, without one, right here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from typing import Any

import dagster as dg
import structlog
from dagster import DagsterEventType, DagsterRunStatus

from assets.captions import captions_now
from assets.file_inventory import HELD_BACK
from assets.photo_stream import StreamCounts
from orchestration.active_runs import BEGINNING_S, fail_orphans
from orchestration.definitions import build_defs
from orchestration.instance import dagster_instance
from orchestration.partitions import add_partitions
from resources.errors import LoupeError
from resources.folder_runs import folder_run
from resources.imaging import DECODER_VERSION
from resources.inventory import AddedRoot, Loss, add_root
from resources.library import Library, result_key
from resources.manifest import failures, files, jobs, pauses, results, sidecars
from resources.manifest.results import ResultKey, Stage
from resources.models import GpuResource
from resources.purge import purge
from resources.repair import forget_lost_pictures
from resources.vector_index import bring_up_to_date
from resources.watching import look

__all__ = ["IngestCounts", "ingest", "raise_if_interrupted"]

log = structlog.get_logger(__name__)

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_POLL_S = 0.5
_ALL = 1_000_000_000


# What a run can lessen, by the names of its counts.
_WORK = ("decoded", "known", "failed", "skipped", "sidecars", "stacked", "embedded", "captioned")


@dataclass
class IngestCounts(StreamCounts):
    """What an ingest did over all its runs: the streams' counts added up, and `files` present in the folders.

    `skipped` counts all files there that are not taken in, `left` what is pending at the end, `seconds` wall time.
    `paused`: a person paused reading photos before it was through. `held_back`: by folder, what vanished and waits for
    a person's word; these files still count as present.
    """

    runs: int = 0
    files: int = 0
    paused: bool = False
    held_back: dict[str, Loss] = dataclass_field(default_factory=dict)

    def add(self, run: dict[str, Any]) -> None:
        self.runs += 1
        self.held_back.update({loss["path"]: Loss(**loss) for loss in run.get(HELD_BACK, ())})
        for field in fields(StreamCounts):
            if isinstance(run.get(field.name), (int, float)):
                setattr(self, field.name, getattr(self, field.name) + run[field.name])


def ingest(
    library: Library, paths: Sequence[str], on_progress: Callable[[dict[str, Any]], None] = lambda row: None
) -> tuple[IngestCounts, list[AddedRoot]]:
    """Watch `paths` and take in everything pending below them, run after run, until nothing is left.

    Raises `INGEST_PAUSED` before anything is changed, what `add_root` raises, the error that ended a run, and
    `KeyboardInterrupt`, once the run has ended in good order.
    """
    started = time.monotonic()
    library.open()
    with library.manifest.read() as tx:
        pauses.check_not_paused(tx)
    library.use_models()  # an unknown or absent model is an error now, not in the middle of a run
    added = [
        add_root(library.manifest, library.home, path, library.settings.max_partitions) for path in dict.fromkeys(paths)
    ]
    by_root: dict[str, set[str]] = {}
    for root in added:
        by_root.setdefault(root.root_id, set()).update(root.partition_keys)
    keys = sorted(set().union(*by_root.values()))
    # Of these folders alone: the rest of a large library is the sensor's and the weekly reconcile's.
    capped = library.settings.cache_max_bytes is not None
    forget_lost_pictures(library.manifest, library.store, capped=capped, partition_keys=keys)
    due = set(look(library.manifest, settle=False, every_file=True, only=by_root).due)
    with library.manifest.write() as tx:
        failures.retry_transient(tx, keys)  # a person who asks again has mended what was wrong
    counts = IngestCounts()
    waiting = _Waiting(library, keys)
    if due & set(keys) or waiting.count():
        with dagster_instance(library.home) as instance:
            if library.home.read_run_file(library.home.dagster_file):
                run_once = _by_daemon
            else:
                run_once = _here
                fail_orphans(instance, library, older_than_s=BEGINNING_S)
            while True:
                run = run_once(instance, library, sorted(due & set(keys)) or waiting.partitions(), on_progress)
                counts.add(run)
                counts.left = waiting.count()
                due = set()
                with library.manifest.read() as tx:
                    counts.paused = counts.left > 0 and pauses.paused_at(tx) is not None
                did = any(run.get(name) for name in _WORK)
                if counts.left == 0 or counts.paused or not did:  # what a run could not lessen, another will not
                    break
    # A home that no daemon looks after is looked after here, once it is known what came back.
    purge(library.manifest, library.store, library.settings.purge_missing_days, keys)
    # Edits made while no owner ran, and what was purged now; a run shows what it did by itself.
    try:
        bring_up_to_date(library.manifest, library.settings, library.clip())
    except LoupeError as error:
        log.warning("index_not_up_to_date", code=error.code, reason=error.message)
    counts.files, counts.skipped = _files(library, keys)
    counts.seconds = round(time.monotonic() - started, 3)
    return counts, added


class _Waiting:
    """What is pending in these folders, by the stages that an ingest runs."""

    def __init__(self, library: Library, keys: Sequence[str]) -> None:
        self._library = library
        self._keys = set(keys)
        clip, captioner = library.clip(), library.captioner()
        self._models: list[tuple[Stage, ResultKey]] = [("embeddings", result_key(clip))] if clip else []
        if captioner and captions_now(library, GpuResource(library.settings)):
            self._models.append(("captions", result_key(captioner)))

    def count(self) -> int:
        with self._library.manifest.read() as tx:
            waiting = len(files.pending(tx, DECODER_VERSION, _ALL, list(self._keys)))
            waiting += sidecars.count_pending(tx, list(self._keys))
            return waiting + sum(
                len(results.pending(tx, stage, key, _ALL, list(self._keys))) for stage, key in self._models
            )

    def partitions(self) -> list[str]:
        with self._library.manifest.read() as tx:
            found = set(files.pending_partitions(tx, DECODER_VERSION))
            for stage, key in self._models:
                found.update(results.pending_partitions(tx, stage, key))
        return sorted(found & self._keys)


def _files(library: Library, keys: Sequence[str]) -> tuple[int, int]:
    with library.manifest.read() as tx:
        row = tx.execute(
            """SELECT count(*), count(*) FILTER (skip_reason IS NOT NULL) FROM files
            WHERE missing_since IS NULL AND list_contains(?, partition_key)""",
            [list(keys)],
        ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _here(
    instance: dg.DagsterInstance,
    library: Library,
    keys: Sequence[str],
    on_progress: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Execute the job in this process."""
    run = folder_run(add_partitions(instance, keys), keys)
    defs = build_defs({"library": library})
    with _watching(library, on_progress):
        result = defs.resolve_job_def("ingest").execute_in_process(
            instance=instance,
            tags=run.tags,
            run_config={**run.run_config, **_QUIET},
            raise_on_error=False,
        )
    raise_if_interrupted(library, result.run_id)
    _raise_if_failed(library, result.run_id, result.success)
    return _counts_of(instance, result.run_id)


def raise_if_interrupted(library: Library, run_id: str) -> None:
    """Raise `KeyboardInterrupt` when a run of this process was cancelled and nobody asked for it by its row.

    While a run works Dagster has the signals, and Ctrl-C cancels it; to whoever pressed it, it is Ctrl-C all the same.
    """
    with library.manifest.read() as tx:
        row = jobs.get(tx, run_id)
    if row and row["state"] == "cancelled" and row["cancel_asked_at"] is None:
        raise KeyboardInterrupt


def _by_daemon(
    instance: dg.DagsterInstance,
    library: Library,
    keys: Sequence[str],
    on_progress: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Hand the job to the running Dagster and follow it to its end."""
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

    address = library.home.read_run_file(library.home.dagster_file) or {}
    run = folder_run(add_partitions(instance, keys), keys)
    try:
        client = DagsterGraphQLClient(str(address["host"]), port_number=int(address["port"]))
        run_id = client.submit_job_execution("ingest", run_config=run.run_config, tags=run.tags)
    except (DagsterGraphQLClientError, KeyError) as error:
        raise LoupeError("DAGSTER_UNREACHABLE", f"The running Dagster did not take the work: {error}") from error
    while True:
        found = instance.get_run_by_id(run_id)
        with library.manifest.read() as tx:
            row = jobs.get(tx, run_id)
        if row:
            on_progress(row)
        if found is None or found.is_finished:
            break
        time.sleep(_POLL_S)
    _raise_if_failed(library, run_id, found is not None and found.status == DagsterRunStatus.SUCCESS)
    return _counts_of(instance, run_id)


@contextmanager
def _watching(library: Library, on_progress: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Report the newest running job's row while the block runs."""
    done = threading.Event()

    def follow() -> None:
        while not done.wait(_POLL_S):
            with library.manifest.read() as tx:
                running = jobs.list_recent(tx, 1, state="running")
            if running:
                on_progress(running[0])

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()


def _raise_if_failed(library: Library, run_id: str, success: bool) -> None:
    if success:
        return
    with library.manifest.read() as tx:
        row = jobs.get(tx, run_id) or {}
    code, message = row.get("error_code") or "JOB_FAILED", row.get("error_message") or f"Run {run_id} failed."
    raise LoupeError(code, message, run_id=run_id)


def _counts_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """The stream's counts, and what the inventory held back, which the run's assets carry as metadata."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION).records
    said: dict[str, Any] = {}
    for record in records:
        if record.asset_materialization:
            said |= record.asset_materialization.metadata
    counts = said["counts"].value if "counts" in said else {}
    return {**counts, HELD_BACK: said[HELD_BACK].value if HELD_BACK in said else []}
