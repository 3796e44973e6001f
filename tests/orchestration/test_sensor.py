"""The `new_folders` sensor: asks once for settled news, not while a run is active, ever more seldom in vain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from orchestration.definitions import build_defs
from orchestration.partitions import add_partitions
from orchestration.sensors import Asked, build_new_folders_sensor, next_request
from resources.folder_runs import folder_run
from resources.inventory import accept_missing, add_root, take_inventory
from resources.library import Library
from resources.manifest import pauses
from resources.watching import look

Draw = Callable[..., list[Path]]


def _tick(instance: dg.DagsterInstance, library: Library, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    sensor = build_new_folders_sensor(10)
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"library": library}, definitions=build_defs({"library": library})
    )
    answer = sensor(context)
    assert isinstance(answer, (dg.SensorResult, dg.SkipReason))
    return answer


def _run(instance: dg.DagsterInstance, library: Library, request: dg.RunRequest) -> bool:
    job = build_defs({"library": library}).resolve_job_def("ingest")
    return job.execute_in_process(instance=instance, tags=request.tags, run_config=request.run_config).success


def test_new_folder_is_asked_for_once_settled_and_never_again_when_done(
    instance: dg.DagsterInstance, library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    draw_photos(tmp_path / "photos" / "2024 Lofoten", 3)
    add_root(library.manifest, library.home, str(tmp_path / "photos"), 5000)
    first = _tick(instance, library, None)
    assert isinstance(first, dg.SkipReason)
    assert "still changing" in (first.skip_message or "")
    second = _tick(instance, library, None)
    assert isinstance(second, dg.SensorResult)
    (request,) = second.run_requests or []
    (added,) = second.dynamic_partitions_requests or []
    assert [key.rpartition("~")[0] for key in added.partition_keys] == ["2024-lofoten"]
    add_partitions(instance, list(added.partition_keys))
    assert _run(instance, library, request)
    third = _tick(instance, library, second.cursor)
    assert isinstance(third, dg.SkipReason)
    assert "nothing to do" in (third.skip_message or "")


def test_sensor_waits_while_a_run_is_active(
    instance: dg.DagsterInstance, library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    draw_photos(tmp_path / "photos", 1)
    add_root(library.manifest, library.home, str(tmp_path / "photos"), 5000)
    _tick(instance, library, None)
    job = build_defs({"library": library}).resolve_job_def("ingest")
    instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    waiting = _tick(instance, library, None)
    assert isinstance(waiting, dg.SkipReason)
    assert waiting.skip_message == "a run is active"


def test_a_person_s_word_about_a_loss_turns_the_check(
    instance: dg.DagsterInstance, library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    photos = draw_photos(tmp_path / "photos", 24)
    root = add_root(library.manifest, library.home, str(tmp_path / "photos"), 5000)
    take_inventory(library.manifest, look(library.manifest, settle=False, every_file=True).due)
    for path in photos[:22]:
        path.unlink()
    assert take_inventory(library.manifest, look(library.manifest, settle=False, every_file=True).due).vanished
    with library.manifest.write() as tx:
        pauses.pause(tx)  # what a person says counts while reading photos is paused too
    cursor, said = None, []
    for expected in (False, True):
        answer = _tick(instance, library, cursor)
        assert isinstance(answer, dg.SensorResult)
        (event,) = answer.asset_events
        assert isinstance(event, dg.AssetCheckEvaluation)
        instance.report_runless_asset_event(event)
        said.append(event.passed)
        assert event.passed is expected
        cursor = answer.cursor
        assert not getattr(_tick(instance, library, cursor), "asset_events", []), "told once"
        accept_missing(library.manifest, root.root_id)
    assert said == [False, True]


def test_vain_requests_come_ever_more_seldom_and_news_comes_at_once() -> None:
    asked = next_request(Asked(), "work", now=0.0)
    assert asked == Asked("work", attempt=0, at=0.0, requests=1)
    assert next_request(asked, "work", now=5.0) is None
    again = next_request(asked, "work", now=11.0)
    assert again is not None
    assert again.attempt == 1
    assert next_request(again, "work", now=11.0 + 19.0) is None
    assert next_request(Asked("work", attempt=2000, at=0.0), "work", now=3601.0) is not None  # weeks in vain
    assert next_request(again, "work", now=11.0 + 21.0) is not None
    assert next_request(again, "other work", now=11.5) == Asked("other work", 0, 11.5, 3)
    patient = Asked("work", attempt=30, at=0.0, requests=31)
    assert next_request(patient, "work", now=3601.0) is not None


def test_run_over_scattered_folders_covers_them_in_one_range() -> None:
    run = folder_run(["a~1", "b~2", "c~3", "d~4"], ["d~4", "b~2"])
    assert run.tags == {
        "dagster/asset_partition_range_start": "b~2",
        "dagster/asset_partition_range_end": "d~4",
    }
    assert run.run_config["ops"]["file_inventory"]["config"]["folders"] == ["b~2", "d~4"]
    with pytest.raises(ValueError, match="only known ones"):
        folder_run(["a~1"], ["z~9"])
