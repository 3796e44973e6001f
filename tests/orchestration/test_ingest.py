"""`ingest` as the command and the daemon run it: the real job on a real instance."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from assets.file_inventory import NO_MASS_VANISH
from orchestration.active_runs import fail_orphans
from orchestration.definitions import build_defs
from orchestration.ingest import ingest
from orchestration.instance import GPU_POOL, dagster_instance
from orchestration.schedules import hourly_map
from resources import watching
from resources.duplicates import AREAS
from resources.errors import LoupeError
from resources.folder_scan import FolderLook, look_at
from resources.imaging import DECODER_VERSION
from resources.inventory import accept_missing
from resources.library import Library
from resources.manifest import duplicates, failures, jobs, roots
from resources.photo_store import PhotoStore
from resources.settings import Settings

Draw = Callable[..., list[Path]]


def test_second_ingest_reads_decodes_and_embeds_nothing(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 6)
    first, _ = ingest(library, [str(tmp_path / "photos")])
    assert (first.decoded, first.embedded, first.failed, first.left) == (6, 6, 0, 0)
    assert first.bytes_read == sum(path.stat().st_size for path in (tmp_path / "photos").iterdir())
    again, _ = ingest(library, [str(tmp_path / "photos")])
    assert (again.runs, again.files_read, again.decoded, again.embedding_model_images) == (0, 0, 0, 0)
    assert again.files == 6


def test_what_came_back_is_not_forgotten_by_the_ingest_that_finds_it(
    library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    back, gone = draw_photos(tmp_path / "photos", 2)
    ingest(library, [str(tmp_path / "photos")])
    with library.manifest.write() as tx:  # both have been missing for longer than they are kept
        tx.execute("UPDATE files SET missing_since = now() - INTERVAL 31 DAY")
        tx.execute("UPDATE jobs SET created_at = now() - INTERVAL 7 DAY")
    gone.unlink()
    os.utime(back)
    counts, _ = ingest(library, [str(tmp_path / "photos")])
    assert (counts.files, counts.files_read, counts.decoded, counts.embedded) == (1, 1, 0, 0)
    with library.manifest.read() as tx:
        assert tx.value("SELECT list(file_name) FROM photos") == [back.name]


def test_run_that_is_bounded_goes_on_in_the_next_until_nothing_is_left(
    tmp_path: Path, settings: Settings, draw_photos: Draw
) -> None:
    bounded = Library(settings.model_copy(update={"run_photos": 4}))
    draw_photos(tmp_path / "photos", 10)
    counts, _ = ingest(bounded, [str(tmp_path / "photos")])
    assert counts.runs == 3
    assert (counts.decoded, counts.embedded, counts.left) == (10, 10, 0)


def test_job_row_tells_stages_and_end(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 3)
    ingest(library, [str(tmp_path / "photos")])
    with library.manifest.read() as tx:
        (row,) = jobs.list_recent(tx)
    assert (row["kind"], row["state"], row["error_code"]) == ("ingest", "done", None)
    for stage in (row["stages"]["decoded"], row["stages"]["embedded"]):
        assert (stage["done"], stage["total"], stage["eta_s"]) == (3, 3, None)
        assert stage["photos_per_s"] > 0


def test_captions_job_captions_from_previews_and_leaves_originals_alone(
    library: Library, tmp_path: Path, draw_photos: Draw, settings: Settings
) -> None:
    originals = draw_photos(tmp_path / "photos", 3)
    _, (root,) = ingest(library, [str(tmp_path / "photos")])
    for path in originals:
        path.write_bytes(b"gone to the cloud")
    captioning = Library(settings.model_copy(update={"captions": "later"}))
    with dagster_instance(library.home) as instance:
        (key,) = root.partition_keys
        result = (
            build_defs({"library": captioning})
            .resolve_job_def("captions")
            .execute_in_process(
                instance=instance,
                tags={"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key},
            )
        )
    assert result.success
    with library.manifest.read() as tx:
        captions = tx.execute("SELECT text FROM captions").fetchall()
    assert len(captions) == 3
    assert all(len(text.split()) >= 3 for (text,) in captions)


def test_reconcile_runs_every_check_and_all_hold(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 3)
    _, (root,) = ingest(library, [str(tmp_path / "photos")])
    with dagster_instance(library.home) as instance:
        (key,) = root.partition_keys
        result = (
            build_defs({"library": library})
            .resolve_job_def("reconcile")
            .execute_in_process(
                instance=instance,
                tags={"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key},
            )
        )
    checks = {found.check_name: found.passed for found in result.get_asset_check_evaluations()}
    assert len(checks) == 8
    # The map is drawn by its own job, not by an ingest.
    assert {name for name, passed in checks.items() if not passed} == {"map_covers_library"}


def test_checks_fail_when_something_is_wrong(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 3)
    _, (root,) = ingest(library, [str(tmp_path / "photos")])
    next(library.home.previews.glob("*/*.jpg")).unlink()
    with library.manifest.write() as tx:
        tx.execute("INSERT INTO photos SELECT * FROM photos LIMIT 1")
        tx.execute("UPDATE embeddings SET dim = 7")
    with dagster_instance(library.home) as instance:
        (key,) = root.partition_keys
        result = (
            build_defs({"library": library})
            .resolve_job_def("reconcile")
            .execute_in_process(
                instance=instance,
                tags={"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": key},
                raise_on_error=False,
            )
        )
    failed = {found.check_name for found in result.get_asset_check_evaluations() if not found.passed}
    assert {"previews_match_rows", "manifest_is_whole", "vectors_are_sound"} <= failed


def test_a_run_that_holds_back_what_vanished_fails_its_check_and_says_so_in_its_row(
    library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    photos = draw_photos(tmp_path / "photos", 24)
    others = draw_photos(tmp_path / "others", 1, seed=2)
    ingest(library, [str(tmp_path / "photos"), str(tmp_path / "others")])
    assert _newest_check(library) is True
    for path in photos[:21]:
        path.rename(tmp_path / path.name)
    ingest(library, [str(tmp_path / "photos")])
    assert _newest_check(library) is False
    with library.manifest.read() as tx:
        row = jobs.list_recent(tx, 1)[0]
    assert (row["state"], row["error_code"]) == ("done", "MASS_VANISH")
    assert "21 of 24 files" in row["error_message"]
    shutil.copy(others[0], tmp_path / "others" / "copy.jpg")
    ingest(library, [str(tmp_path / "others")])
    assert _newest_check(library) is False, "a run over another folder does not make this one whole"
    accept_missing(library.manifest, _root_id(library, tmp_path / "photos"))
    shutil.copy(photos[22], tmp_path / "photos" / "copy.jpg")
    ingest(library, [str(tmp_path / "photos")])
    assert _newest_check(library) is True


def _root_id(library: Library, path: Path) -> str:
    with library.manifest.read() as tx:
        return str(next(root["root_id"] for root in roots.rows(tx) if root["path"] == str(path)))


def _newest_check(library: Library) -> bool:
    """Whether `no_mass_vanish` passed when a run asked it last."""
    key = NO_MASS_VANISH.key
    with dagster_instance(library.home) as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert found.event is not None
    assert found.event.dagster_event is not None
    return found.event.dagster_event.asset_check_evaluation_data.passed


def test_refresh_map_places_every_photo(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 5)
    ingest(library, [str(tmp_path / "photos")])
    with dagster_instance(library.home) as instance:
        result = build_defs({"library": library}).resolve_job_def("refresh_map").execute_in_process(instance=instance)
    assert result.success
    with library.manifest.read() as tx:
        places = tx.execute("SELECT x, y FROM projections").fetchall()
    assert len(places) == 5
    assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in places)


def test_each_hour_what_is_new_is_placed_and_only_a_person_moves_the_others(
    library: Library, tmp_path: Path, draw_photos: Draw
) -> None:
    def places() -> dict[str, tuple[float, float]]:
        with library.manifest.read() as tx:
            return {row[0]: row[1:] for row in tx.execute("SELECT photo_id, x, y FROM projections").fetchall()}

    def draw(instance: dg.DagsterInstance, **options: Any) -> None:
        job = build_defs({"library": library}).resolve_job_def("refresh_map")
        assert job.execute_in_process(instance=instance, **options).success

    draw_photos(tmp_path / "photos", 20)
    later = sorted((tmp_path / "photos").iterdir())[18:]
    for path in later:
        path.rename(tmp_path / path.name)
    ingest(library, [str(tmp_path / "photos")])
    with dagster_instance(library.home) as instance:
        draw(instance)
        drawn = places()
        context = dg.build_schedule_context(instance=instance, resources={"library": library})
        assert isinstance(hourly_map(context), dg.SkipReason)
        for path in later:
            (tmp_path / path.name).rename(path)
        ingest(library, [str(tmp_path / "photos")])
        due = hourly_map(context)
        assert isinstance(due, dg.RunRequest)
        draw(instance, run_config=due.run_config)
        placed = places()
        assert (len(placed), {photo_id: placed[photo_id] for photo_id in drawn}) == (20, drawn)
        draw(instance)
        assert not any(places()[photo_id] == drawn[photo_id] for photo_id in drawn)


def test_find_duplicates_compares_every_photo(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 3)
    first = min((tmp_path / "photos").iterdir())
    shutil.copyfile(first, first.with_name(f"copy of {first.name}"))
    ingest(library, [str(tmp_path / "photos")])
    with dagster_instance(library.home) as instance:
        job = build_defs({"library": library}).resolve_job_def("find_duplicates")
        assert job.execute_in_process(instance=instance).success
    with library.manifest.read() as tx:
        assert duplicates.counts(tx)["same_bytes"] == {"groups": 1, "photos": 1}
        assert not duplicates.is_due(tx, AREAS, None)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "DIR_NOT_FOUND"),
        (lambda path: path.mkdir(), "DIR_EMPTY"),
        (lambda path: path.write_text("a file"), "NOT_A_DIRECTORY"),
    ],
)
def test_a_path_that_cannot_be_taken_in_is_an_error_and_watches_nothing(
    library: Library, tmp_path: Path, make: Callable[[Path], object], code: str
) -> None:
    make(tmp_path / "given")
    with pytest.raises(LoupeError) as caught:
        ingest(library, [str(tmp_path / "given")])
    assert caught.value.code == code
    with library.manifest.read() as tx:
        assert tx.value("SELECT count(*) FROM roots") == 0


def test_gpu_pool_has_one_slot(instance: dg.DagsterInstance) -> None:
    assert {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()} == {GPU_POOL: 1}


def test_run_whose_process_is_gone_is_failed_and_its_row_closed(instance: dg.DagsterInstance, library: Library) -> None:
    job = build_defs({"library": library}).resolve_job_def("ingest")
    run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    with library.manifest.write() as tx:
        jobs.start(tx, run.run_id, "ingest", None)
    assert fail_orphans(instance, library) == [run.run_id]
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == DagsterRunStatus.FAILURE
    with library.manifest.read() as tx:
        row = jobs.get(tx, run.run_id)
    assert row is not None
    assert (row["state"], row["error_code"]) == ("failed", "JOB_FAILED")


def test_full_disk_is_an_error_with_a_code_and_the_same_command_goes_on(tmp_path: Path, draw_photos: Draw) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=800m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        small = Library(Settings.load(home=place / "home", captions="off", decode_workers=1))
        draw_photos(tmp_path / "photos", 3)
        ingest(small, [str(tmp_path / "photos")])
        draw_photos(tmp_path / "photos", 4, seed=2)
        other = place / "other"
        other.write_bytes(bytes(shutil.disk_usage(place).free - (2 << 20)))
        with pytest.raises(LoupeError) as caught:
            ingest(small, [str(tmp_path / "photos")])
        assert caught.value.code == "DISK_FULL"
        other.unlink()
        counts, _ = ingest(small, [str(tmp_path / "photos")])
        assert (counts.decoded, counts.left) == (4, 0)
        with small.manifest.read() as tx:
            assert tx.value("SELECT count(*) FROM photos") == 7
            assert tx.value("SELECT count(*) FROM failures") == 0
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_asking_again_retries_what_may_have_passed(library: Library, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 2)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    ingest(library, [str(tmp_path / "photos")])
    with library.manifest.write() as tx:  # as if one had been unreadable when it was looked at
        tx.execute("UPDATE files SET sha256 = NULL, photo_id = NULL WHERE rel_path = 'IMG_0100.jpg'")
        tx.execute(
            """INSERT INTO failures SELECT root_id, 'IMG_0100.jpg', partition_key, NULL, size_bytes, mtime_ns,
                'decoded_images', 'FILE_UNREADABLE', 'Permission denied', 1, ?, now(), now(), 1
            FROM files WHERE rel_path = 'IMG_0100.jpg'""",
            [DECODER_VERSION],
        )
    counts, _ = ingest(library, [str(tmp_path / "photos")])
    assert (counts.known, counts.failed, counts.left) == (1, 0, 0)
    with library.manifest.read() as tx:
        assert list(failures.count_by_code(tx).values()) == [1], "the broken file is not read again"


def test_an_ingest_of_one_folder_looks_at_no_file_of_the_others(
    library: Library, tmp_path: Path, draw_photos: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(("many", "one", "shelf/a", "shelf/b")):
        draw_photos(tmp_path / name, 2, seed + 1)
    ingest(library, [str(tmp_path / name) for name in ("many", "one", "shelf")])
    stored = sorted(library.store.pixel_hashes())
    looked: list[str] = []

    def noted(path: str, folder: str, depth: int) -> FolderLook:
        looked.append(os.path.join(path, folder))
        return look_at(path, folder, depth)

    monkeypatch.setattr(watching, "look_at", noted)
    monkeypatch.setattr(PhotoStore, "pixel_hashes", lambda store: pytest.fail("every picture is looked for"))
    for pixel_hash in stored:
        library.store.preview_path(pixel_hash).unlink()
    again, _ = ingest(library, [str(tmp_path / "shelf" / "a")])
    assert looked == [str(tmp_path / "shelf" / "a")]
    assert (again.decoded, len(list(library.home.previews.rglob("*.jpg")))) == (2, 2), "lost pictures of that folder"
