"""The code location loads from anywhere, and says what the design says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg

from assets import job_rows
from orchestration.definitions import build_defs
from resources.library import Library

_PROJECT = Path(__file__).resolve().parents[2]


def test_workspace_validates_from_any_directory_and_writes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(_PROJECT / "workspace.yaml")],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LOUPE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location loupe" in done.stderr + done.stdout
    assert not home.exists()


def test_middle_three_assets_are_one_step_in_the_gpu_pool(library: Library) -> None:
    defs = build_defs({"library": library})
    keys = {"decoded_images", "embeddings", "captions"}
    steps = [step for step in defs.assets or [] if {key.to_user_string() for key in step.keys} == keys]  # type: ignore[union-attr]
    assert len(steps) == 1
    assert steps[0].op.pool == "gpu"  # type: ignore[union-attr]


def test_points_depend_on_embeddings_and_never_on_captions(library: Library) -> None:
    graph = build_defs({"library": library}).resolve_asset_graph()
    assert graph.get(dg.AssetKey("qdrant_points")).parent_keys == {dg.AssetKey("embeddings")}


def test_jobs_sensor_and_schedules_are_there(library: Library) -> None:
    defs = build_defs({"library": library})
    names = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names == {"ingest", "captions", "refresh_map", "find_duplicates", "reconcile", "backup", "tidy"}
    assert [sensor.name for sensor in defs.sensors or []] == ["new_folders"]
    assert {schedule.name for schedule in defs.schedules or []} == {
        "later_captions",
        "hourly_map",
        "hourly_duplicates",
        "weekly_reconcile",
        "nightly_backup",
        "hourly_tidy",
    }


def test_a_run_ends_with_the_last_of_all_its_steps(library: Library) -> None:
    defs = build_defs({"library": library})
    checks = {f"{key.asset_key.path[-1]}_{key.name}" for key in defs.resolve_asset_graph().asset_check_keys}
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    assert {node.name for job in jobs for node in job.nodes} - checks == job_rows._STEPS


def test_every_design_invariant_has_a_check(library: Library) -> None:
    graph = build_defs({"library": library}).resolve_asset_graph()
    assert {key.name for key in graph.asset_check_keys} == {
        "every_file_accounted_for",
        "no_mass_vanish",
        "manifest_is_whole",
        "previews_match_rows",
        "vectors_are_sound",
        "index_matches_manifest",
        "every_photo_found_by_the_model_in_use",
        "map_covers_library",
    }
