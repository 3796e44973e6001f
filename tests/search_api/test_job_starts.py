"""Starting runs: what is asked twice at once is started once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from filelock import FileLock

from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import jobs
from search_api import job_starts
from search_api.dagster_client import DagsterClient
from search_api.job_starts import JobStarts
from search_api.routers.jobs import job_reply


class SlowDagster(DagsterClient):
    """Starts nothing, and takes its time."""

    def __init__(self, library: Library) -> None:
        super().__init__(library.settings)
        self.launched: list[str] = []

    def launch(
        self, job_name: str, tags: Mapping[str, str] | None = None, run_config: Mapping[str, Any] | None = None
    ) -> str:
        time.sleep(0.2)
        self.launched.append(job_name)
        return f"run-{len(self.launched)}"

    def launch_folders(self, job_name: str, keys: Sequence[str], config: Mapping[str, Any] | None = None) -> str:
        return self.launch(job_name)


@pytest.fixture
def dagster(library: Library) -> SlowDagster:
    return SlowDagster(library)


@pytest.fixture
def starts(library: Library, dagster: SlowDagster) -> JobStarts:
    return JobStarts(library.manifest, dagster, lambda: None)


def test_asked_by_many_at_once_one_run_is_started(library: Library, dagster: SlowDagster, starts: JobStarts) -> None:
    with library.manifest.write() as tx:
        jobs.start(tx, "old", "ingest", "1 folder", {"folders": ["a~1"]})
        jobs.finish(tx, "old", "failed", "JOB_FAILED", "It failed.")
    with ThreadPoolExecutor(8) as pool:
        drawn = [pool.submit(starts.over_library, "refresh_map") for _ in range(4)]
        again = [pool.submit(starts.again, "old") for _ in range(4)]
    assert len({each.result()["run_id"] for each in drawn}) == 1
    assert len({each.result()["run_id"] for each in again}) == 1
    assert sorted(dagster.launched) == ["ingest", "refresh_map"]
    assert starts.over_folders_unless_at_work("ingest", ["b~1"]) is None
    assert starts.over_folders("ingest", ["b~1"]) == "run-3"


def test_one_that_was_cancelled_is_no_answer(library: Library, dagster: SlowDagster, starts: JobStarts) -> None:
    first = starts.over_library("find_duplicates")["run_id"]
    with library.manifest.write() as tx:
        jobs.start(tx, first, "find_duplicates", None)
        jobs.ask_cancel(tx, first)
    assert starts.over_library("find_duplicates")["run_id"] != first


@pytest.mark.parametrize(("limit", "value"), [("_WAITING_AT_ONCE", 1), ("_PATIENCE_S", 0.01)])
def test_while_a_start_hangs_others_are_refused_soon_and_what_is_at_work_is_told(
    library: Library, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    class Hanging(SlowDagster):
        asked, wakes = threading.Event(), threading.Event()

        def launch_folders(self, job_name: str, keys: Sequence[str], config: Mapping[str, Any] | None = None) -> str:
            self.asked.set()
            assert self.wakes.wait(60)
            return "late"

    with library.manifest.write() as tx:
        jobs.start(tx, "drawing", "refresh_map", None)
    monkeypatch.setattr(job_starts, limit, value)
    dagster = Hanging(library)
    starts = JobStarts(library.manifest, dagster, lambda: None)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(starts.over_folders, "ingest", ["a~1"])
        assert dagster.asked.wait(60)
        try:
            with pytest.raises(LoupeError) as refused:
                starts.over_library("find_duplicates")
            assert refused.value.code == "DAGSTER_BUSY"
            assert starts.over_library("refresh_map")["run_id"] == "drawing"
        finally:
            dagster.wakes.set()
        assert first.result() == "late"
    assert starts.over_library("find_duplicates")["kind"] == "find_duplicates"


def test_a_run_that_was_started_is_told_though_it_cannot_be_noted(library: Library) -> None:
    held = FileLock(library.manifest.path.with_suffix(".lock"))

    class Taking(SlowDagster):
        """Someone takes the manifest while the run is started."""

        def launch(self, *asked: Any) -> str:
            held.acquire()
            return "started"

    library.manifest.be_patient(0.1)
    starts = JobStarts(library.manifest, Taking(library), lambda: None)
    try:
        row = starts.over_library("refresh_map")
    finally:
        held.release()
    assert {name: row[name] for name in ("run_id", "kind", "state")} == {
        "run_id": "started", "kind": "refresh_map", "state": "queued",
    }  # fmt: skip
    assert job_reply(row).job_id == "started"
