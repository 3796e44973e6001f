"""The rows of runs: how they begin, stop, end, are tried again and are forgotten at last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, jobs, pauses


@pytest.fixture
def manifest(home: Home) -> Manifest:
    return Manifest(home).prepare()


def test_a_run_cancelled_before_it_began_stops_at_once_if_it_begins_yet(manifest: Manifest) -> None:
    with manifest.write() as tx:
        jobs.queue(tx, "r", "ingest", "1 folder", {"folders": ["a~1"]})
        jobs.ask_cancel(tx, "r")
        assert (jobs.get(tx, "r") or {})["state"] == "cancelled"
        jobs.start(tx, "r", "ingest", None)
        assert jobs.stop_asked(tx, "r", reads_photos=False) == "cancelled"


def test_a_pause_stops_what_reads_photos_and_is_kept_until_it_is_ended(manifest: Manifest) -> None:
    with manifest.write() as tx:
        jobs.start(tx, "r", "ingest", None, {"folders": ["a~1"]})
        assert jobs.stop_asked(tx, "r", reads_photos=True) is None
        since = pauses.pause(tx)
        assert pauses.pause(tx) == since
    with manifest.write() as tx:
        assert jobs.stop_asked(tx, "r", reads_photos=True) == "paused"
        assert jobs.stop_asked(tx, "r", reads_photos=False) is None
        jobs.pause(tx, "r", 1234)
        jobs.complete(tx, "r")
        row = jobs.get(tx, "r") or {}
        assert (row["state"], row["error_code"]) == ("paused", "INGEST_PAUSED")
        assert "1,234 wait" in row["error_message"]
        with pytest.raises(LoupeError, match="is paused since") as error:
            pauses.check_not_paused(tx)
        assert error.value.code == "INGEST_PAUSED"
        assert pauses.resume(tx)
        assert not pauses.resume(tx)
        pauses.check_not_paused(tx)


def test_only_what_failed_or_was_cancelled_and_is_known_can_be_tried_again(manifest: Manifest) -> None:
    asked_for = {"folders": ["a~1"], "config": {"thorough": True}}
    with manifest.write() as tx:
        jobs.start(tx, "r", "reconcile", "1 folder", asked_for)
        jobs.start(tx, "old", "ingest", "1 folder")
        jobs.start(tx, "by-hand", "materialize", "1 folder", asked_for)
        jobs.start(tx, "backup", "backup", None)
        for run_id in ("old", "by-hand", "backup"):
            jobs.finish(tx, run_id, "failed", "JOB_FAILED", "It failed.")

    def refused(run_id: str) -> str:
        with manifest.read() as tx, pytest.raises(LoupeError) as error:
            jobs.to_retry(tx, run_id)
        return error.value.code

    assert [refused(run_id) for run_id in ("r", "old", "by-hand", "none")] == [
        "JOB_NOT_RETRIABLE",
        "JOB_NOT_RETRIABLE",
        "JOB_NOT_RETRIABLE",
        "JOB_NOT_FOUND",
    ]
    with manifest.write() as tx:
        jobs.finish(tx, "r", "cancelled", "JOB_CANCELLED", "Cancelled.")
        assert jobs.to_retry(tx, "r")[1] == asked_for
        jobs.queue(tx, "again", "reconcile", "1 folder", asked_for, retry_of="r")
        assert (jobs.open_retry(tx, "r") or {})["run_id"] == "again"
        jobs.finish(tx, "again", "done")
        assert jobs.open_retry(tx, "r") is None
        pauses.pause(tx)
        assert jobs.to_retry(tx, "backup")[1] is None
    assert refused("r") == "INGEST_PAUSED"


def test_the_newest_runs_that_ended_are_kept(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT", 5)
    with manifest.write() as tx:
        jobs.start(tx, "open", "ingest", None)
        tx.execute("UPDATE jobs SET created_at = ?", [utc_now() - timedelta(days=900)])
        for number in range(8):
            jobs.start(tx, f"r{number}", "ingest", None)
            jobs.finish(tx, f"r{number}", "done")
        assert [row["run_id"] for row in jobs.list_recent(tx)] == ["r7", "r6", "r5", "r4", "r3", "open"]
        assert [row["run_id"] for row in jobs.list_recent(tx, 2, "done", 1)] == ["r6", "r5"]
