"""The jobs `backup` and `tidy`, and when their schedules ask for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from orchestration.definitions import build_defs
from orchestration.ingest import ingest
from orchestration.instance import dagster_instance
from orchestration.schedules import hourly_tidy, nightly_backup
from resources.backup import Backup, list_backups
from resources.library import Library
from resources.manifest import jobs
from resources.settings import Settings

Draw = Callable[..., list[Path]]


@pytest.fixture
def library(tmp_path: Path, draw_photos: Draw) -> Library:
    made = Library(Settings(home=tmp_path / "home", captions="off", decode_workers=1, cache_max_bytes=1))
    draw_photos(tmp_path / "photos", 3)
    ingest(made, [str(tmp_path / "photos")])
    return made


def asked(schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance, library: Library) -> bool:
    context = dg.build_schedule_context(instance=instance, resources={"library": library})
    return isinstance(schedule(context), dg.RunRequest)


def test_backup_is_written_each_night(library: Library) -> None:
    with dagster_instance(library.home) as instance:
        assert asked(nightly_backup, instance, library)
        result = build_defs({"library": library}).resolve_job_def("backup").execute_in_process(instance=instance)
        assert result.success
        assert not asked(nightly_backup, instance, library)
        found = Backup.read(list_backups(library.home.backups)[0])
    assert (found.reason, found.rows["photos"]) == ("scheduled", 3)
    with library.manifest.read() as tx:
        row = jobs.get(tx, result.run_id)
    assert row is not None
    assert (row["kind"], row["state"]) == ("backup", "done")
    assert row["stages"]["manifest"]["done"] == 1


def test_failed_backup_is_a_failed_job_with_its_code(library: Library) -> None:
    (library.home.path / "backups").write_text("no folder")
    with dagster_instance(library.home) as instance:
        job = build_defs({"library": library}).resolve_job_def("backup")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    with library.manifest.read() as tx:
        row = jobs.get(tx, result.run_id)
    assert row is not None
    assert (row["state"], row["error_code"]) == ("failed", "BACKUP_NOT_WRITABLE")


def test_cache_is_tidied_when_it_is_over_its_limit(library: Library) -> None:
    with dagster_instance(library.home) as instance:
        assert asked(hourly_tidy, instance, library)
        result = build_defs({"library": library}).resolve_job_def("tidy").execute_in_process(instance=instance)
    assert result.success
    assert not list(library.home.previews.rglob("*.jpg"))
    assert len(list(library.home.thumbnails.rglob("*.jpg"))) == 3
    unlimited = Library(Settings(home=library.home.path))
    with dagster_instance(library.home) as instance:
        assert not asked(hourly_tidy, instance, unlimited)
