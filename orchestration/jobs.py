"""The jobs a person, the sensor and the schedules start. All run in one process: separate ones load models anew."""

from __future__ import annotations

import dagster as dg

from assets.file_inventory import NO_MASS_VANISH

__all__ = [
    "JOBS",
    "backup_job",
    "captions_job",
    "duplicates_job",
    "ingest_job",
    "reconcile_job",
    "refresh_map_job",
    "tidy_job",
]

ingest_job = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(
        "file_inventory", "decoded_images", "embeddings", "captions", "qdrant_points"
    ).without_checks()
    | dg.AssetSelection.checks(NO_MASS_VANISH.key),
    executor_def=dg.in_process_executor,
    description="Take in what is new or changed in watched folders, and show it in search.",
)

captions_job = dg.define_asset_job(
    "captions",
    selection=dg.AssetSelection.assets("captions").without_checks(),
    executor_def=dg.in_process_executor,
    description="Caption photos that have no caption yet, newest first, from their previews.",
)

refresh_map_job = dg.define_asset_job(
    "refresh_map",
    selection=dg.AssetSelection.assets("umap_projections"),
    executor_def=dg.in_process_executor,
    description="Draw the similarity map: anew, or (`whole: false`) by placing what is new on it.",
)

duplicates_job = dg.define_asset_job(
    "find_duplicates",
    selection=dg.AssetSelection.assets("near_duplicates"),
    executor_def=dg.in_process_executor,
    description="Compare new photos with all others and make the groups of duplicates anew.",
)

reconcile_job = dg.define_asset_job(
    "reconcile",
    selection=dg.AssetSelection.assets("file_inventory", "qdrant_points", "preview_cache")
    | dg.AssetSelection.all_asset_checks(),
    executor_def=dg.in_process_executor,
    description="Compare every watched folder with the manifest, the manifest with the index, and check all of it.",
)

backup_job = dg.define_asset_job(
    "backup",
    selection=dg.AssetSelection.assets("library_backup"),
    executor_def=dg.in_process_executor,
    description="Back up the manifest, the settings and the vectors.",
)

tidy_job = dg.define_asset_job(
    "tidy",
    selection=dg.AssetSelection.assets("preview_cache"),
    executor_def=dg.in_process_executor,
    description="Keep previews and thumbnails within their limit, and remove those that belong to no photo.",
)

JOBS = [ingest_job, captions_job, refresh_map_job, duplicates_job, reconcile_job, backup_job, tidy_job]
