"""Everything Dagster loads, assembled: assets, checks, jobs, the sensor, schedules and the resources they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.checks import asset_checks
from assets.file_inventory import file_inventory
from assets.library_backup import library_backup
from assets.near_duplicates import near_duplicates
from assets.preview_cache import preview_cache
from assets.qdrant_points import qdrant_points
from assets.streamed_photos import streamed_photos
from assets.umap_projections import umap_projections
from orchestration.jobs import JOBS
from orchestration.schedules import SCHEDULES
from orchestration.sensors import build_new_folders_sensor
from resources.allocator import share_one_arena
from resources.engine import LocalEngine
from resources.library import Library
from resources.models import GpuResource
from resources.settings import Settings

__all__ = ["build_defs", "defs"]


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The code location. Loading it writes nothing; `resource_overrides` replaces resources by name in tests."""
    share_one_arena()
    given = dict(resource_overrides or {})
    library = given.get("library") or Library(Settings.load())
    resources: dict[str, Any] = {
        "library": library,
        "gpu": GpuResource(library.settings),
        "engine": LocalEngine(library.settings),
        **given,
    }
    return dg.Definitions(
        assets=[
            file_inventory,
            streamed_photos,
            qdrant_points,
            umap_projections,
            near_duplicates,
            library_backup,
            preview_cache,
        ],
        asset_checks=asset_checks,
        jobs=JOBS,
        sensors=[build_new_folders_sensor(library.settings.sensor_interval_s)],
        schedules=SCHEDULES,
        resources=resources,
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` names; evaluated when Dagster loads it, not when this module is imported."""
    return build_defs()
