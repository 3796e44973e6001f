"""Pausing, cancelling and retrying, by the real job on a real instance: work is kept, and goes on where it stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from test_cli import Draw, Loupe, loupe
from test_sensor import _tick

from assets import photo_stream, stream_writer
from assets.job_rows import ProgressReporter
from assets.photo_stream import StreamCounts
from orchestration.definitions import build_defs
from orchestration.ingest import ingest
from orchestration.instance import dagster_instance
from orchestration.partitions import add_partitions
from orchestration.schedules import hourly_map, later_captions, weekly_reconcile
from resources.errors import LoupeError
from resources.folder_runs import folder_run
from resources.inventory import add_root
from resources.library import Library
from resources.manifest import Transaction, jobs, pauses

__all__ = ["loupe"]


@pytest.fixture
def at_first_flush(monkeypatch: pytest.MonkeyPatch, library: Library) -> Callable[[Callable[..., Any]], None]:
    """`at_first_flush(change)`: `change(tx, run_id)` comes in between, as from another process; flushes come often."""
    monkeypatch.setattr(stream_writer, "_FLUSH_S", 0.05)
    flushed = ProgressReporter.flushed
    waiting: list[Callable[[Transaction, str], Any]] = []

    def changed_before(reporter: ProgressReporter, counts: StreamCounts) -> None:
        while waiting:
            with library.manifest.write() as tx:
                waiting.pop()(tx, reporter._context.run.run_id)
        flushed(reporter, counts)

    monkeypatch.setattr(ProgressReporter, "flushed", changed_before)
    return waiting.append


def _photos(library: Library) -> int:
    with library.manifest.read() as tx:
        return int(tx.value("SELECT count(*) FROM photos"))


def test_a_pause_stops_the_run_keeps_its_work_and_ends_with_resume(
    library: Library, tmp_path: Path, draw_photos: Draw, at_first_flush: Callable[..., None]
) -> None:
    draw_photos(tmp_path / "photos", 60)
    at_first_flush(lambda tx, run_id: pauses.pause(tx))
    counts, _ = ingest(library, [str(tmp_path / "photos")])
    kept = _photos(library)
    assert counts.paused
    assert counts.runs == 1
    assert 0 < kept < 60
    assert counts.left == 60 - kept
    with library.manifest.read() as tx:
        [row] = jobs.list_recent(tx)
        assert tx.value("SELECT count(*) FROM embeddings") == kept
    assert (row["state"], row["error_code"]) == ("paused", "INGEST_PAUSED")

    with pytest.raises(LoupeError) as refused:
        ingest(library, [str(tmp_path / "photos")])
    assert refused.value.code == "INGEST_PAUSED"

    with library.manifest.write() as tx:
        pauses.resume(tx)
    rest, _ = ingest(library, [str(tmp_path / "photos")])
    assert (rest.decoded, rest.left, rest.paused) == (60 - kept, 0, False)
    assert _photos(library) == 60


def test_a_run_that_is_cancelled_stops_at_its_next_flush_and_its_work_can_be_asked_for_again(
    loupe: Loupe, library: Library, tmp_path: Path, draw_photos: Draw, at_first_flush: Callable[..., None]
) -> None:
    draw_photos(tmp_path / "photos", 60)
    at_first_flush(jobs.ask_cancel)
    with pytest.raises(LoupeError) as cancelled:
        ingest(library, [str(tmp_path / "photos")])
    assert cancelled.value.code == "JOB_CANCELLED"
    assert 0 < _photos(library) < 60
    [row] = loupe("jobs", "list", "--state", "cancelled", "--json").json["jobs"]
    assert (row["error_code"], row["target"]) == ("JOB_CANCELLED", "1 folder")
    assert "JOB_CANCELLED: Cancelled" in loupe("jobs", "show", row["run_id"][:8]).out

    loupe("pause")
    refused = loupe("jobs", "retry", row["run_id"], "--json")
    assert (refused.status, refused.json["error"]["code"]) == (75, "INGEST_PAUSED")
    loupe("resume")
    again = loupe("jobs", "retry", row["run_id"], "--json")
    assert again.status == 0, again.err
    assert (again.json["state"], again.json["retry_of"]) == ("done", row["run_id"])
    assert _photos(library) == 60
    refused = loupe("jobs", "retry", again.json["run_id"], "--json")
    assert (refused.status, refused.json["error"]["code"]) == (65, "JOB_NOT_RETRIABLE")


def test_ctrl_c_is_ctrl_c_and_the_run_is_cancelled(
    library: Library, tmp_path: Path, draw_photos: Draw, at_first_flush: Callable[..., None]
) -> None:
    draw_photos(tmp_path / "photos", 30)
    at_first_flush(lambda tx, run_id: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        ingest(library, [str(tmp_path / "photos")])
    with library.manifest.read() as tx:
        [row] = jobs.list_recent(tx)
    assert (row["state"], row["error_code"]) == ("cancelled", "JOB_CANCELLED")


def test_cancelling_a_run_ends_no_other_that_has_just_begun(
    loupe: Loupe, library: Library, instance: dg.DagsterInstance
) -> None:
    job = build_defs({"library": library}).resolve_job_def("ingest")
    runs = [instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED) for _ in range(2)]
    with library.manifest.write() as tx:
        for run in runs:
            jobs.start(tx, run.run_id, "ingest", None)
    assert loupe("jobs", "cancel", runs[0].run_id).status == 0
    assert [instance.get_run_by_id(run.run_id).is_finished for run in runs] == [False, False]  # type: ignore[union-attr]
    with library.manifest.read() as tx:
        assert jobs.get(tx, runs[1].run_id)["state"] == "running"  # type: ignore[index]


def test_captions_of_their_own_stop_early_for_photos_that_wait_to_be_found(
    library: Library,
    tmp_path: Path,
    draw_photos: Draw,
    at_first_flush: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = Library(library.settings.model_copy(update={"captions": "later"})).open()
    draw_photos(tmp_path / "photos", 60)
    _, [root] = ingest(later, [str(tmp_path / "photos")])
    monkeypatch.setattr(photo_stream, "_DEVICE_BATCH", 4)
    at_first_flush(lambda tx, run_id: tx.execute("UPDATE previews SET decoder_version = '' WHERE page = 1"))
    with dagster_instance(later.home) as instance:
        keys = list(root.partition_keys)
        run = folder_run(add_partitions(instance, keys), keys)
        job = build_defs({"library": later}).resolve_job_def("captions")
        done = job.execute_in_process(instance=instance, tags=run.tags)
    assert done.success
    with later.manifest.read() as tx:
        assert 0 < tx.value("SELECT count(*) FROM captions") < 60
        assert jobs.list_recent(tx)[0]["state"] == "done"


def test_while_paused_nothing_is_asked_for_and_right_after_it_everything(
    instance: dg.DagsterInstance, library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    draw_photos(tmp_path / "photos", 2)
    add_root(library.manifest, library.home, str(tmp_path / "photos"), 5000)
    _tick(instance, library, None)
    asked = _tick(instance, library, None)
    assert isinstance(asked, dg.SensorResult)
    assert isinstance(_tick(instance, library, asked.cursor), dg.SkipReason)  # asked for a moment ago
    with library.manifest.write() as tx:
        pauses.pause(tx)
    paused = _tick(instance, library, asked.cursor)
    assert isinstance(paused, dg.SensorResult)
    assert not paused.run_requests
    assert "paused since" in str(paused.skip_reason)
    for schedule in (later_captions, hourly_map, weekly_reconcile):
        answer = schedule(dg.build_schedule_context(instance=instance, resources={"library": library}))
        assert isinstance(answer, dg.SkipReason)
        assert answer.skip_message == "reading photos is paused"
    with library.manifest.write() as tx:
        pauses.resume(tx)
    resumed = _tick(instance, library, paused.cursor)
    assert isinstance(resumed, dg.SensorResult)
    assert len(resumed.run_requests or ()) == 1
    assert (resumed.run_requests or [])[0].run_key != (asked.run_requests or [])[0].run_key


def test_the_commands_pause_resume_and_name_what_they_do_not_know(loupe: Loupe, tmp_path: Path) -> None:
    since = loupe("pause", "--json").json["paused_at"]
    assert loupe("pause", "--json").json["paused_at"] == since
    assert loupe("status", "--json").json["paused_at"]
    assert "`loupe resume` ends the pause" in loupe("status").out
    refused = loupe("ingest", str(tmp_path))
    assert (refused.status, refused.err.partition(":")[0]) == (75, "error [INGEST_PAUSED]")
    assert loupe("resume", "--json").json == {"paused": False, "was_paused": True}
    assert loupe("resume").out == "Nothing was paused.\n"
    assert loupe("status", "--json").json["paused_at"] is None
    assert loupe("jobs", "list").out == "No run yet.\n"
    for arguments, status in ((("show", "none"), 66), (("cancel", "none"), 66), (("list", "--state", "odd"), 64)):
        assert loupe("jobs", *arguments).status == status
