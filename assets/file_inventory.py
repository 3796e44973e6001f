"""Asset `file_inventory`: what stands in the watched folders, by path, size and mtime. Reads no file contents."""

from typing import Any

import dagster as dg
from pydantic import Field

from assets.job_rows import job_row
from assets.partitions import PER_FOLDER_RUN, folders
from resources.inventory import InventoryReport, take_inventory
from resources.library import Library
from resources.manifest import outbox, problems
from resources.purge import purge
from resources.repair import forget_lost_pictures
from resources.vector_index import wake
from resources.wording import counted

__all__ = ["InventoryConfig", "file_inventory"]


class InventoryConfig(dg.Config):
    """`folders`: partition keys to look at; empty looks at all partitions of the run.

    `thorough`: also have lost previews made again, forget what has been missing for long, and drop old outbox rows.
    """

    folders: list[str] = Field(default_factory=list)
    accept_missing: bool = False
    thorough: bool = False


@dg.asset(partitions_def=folders, backfill_policy=PER_FOLDER_RUN, group_name="library", kinds={"duckdb"})
def file_inventory(
    context: dg.AssetExecutionContext, config: InventoryConfig, library: dg.ResourceParam[Library]
) -> dg.MaterializeResult:
    """New, changed, gone and returned files of these folders, noted in the manifest."""
    keys = config.folders or list(context.partition_keys)
    asked_for = {"folders": keys, "config": {"accept_missing": config.accept_missing, "thorough": config.thorough}}
    with job_row(context, library, counted(len(keys), "folder"), asked_for):
        if config.thorough:
            forget_lost_pictures(library.manifest, library.store, capped=library.settings.cache_max_bytes is not None)
            purge(library.manifest, library.store, library.settings.purge_missing_days)
            with library.manifest.write() as tx:
                outbox.trim(tx)
        report = take_inventory(library.manifest, keys, accept_missing=config.accept_missing, every_row=config.thorough)
        wake(library.home)
        for root, why in report.unreadable.items():
            context.log.warning(f"{root}: {why}")
    return dg.MaterializeResult(metadata=_metadata(report, library))


def _metadata(report: InventoryReport, library: Library) -> dict[str, Any]:
    with library.manifest.read() as tx:
        skipped = problems.skip_reasons(tx)
    return {
        "folders": report.folders,
        **{f"{name} files": count for name, count in vars(report.changes).items()},
        "skipped by reason": dg.MetadataValue.json(skipped),
        "unreadable folders": dg.MetadataValue.json(report.unreadable),
        "folders offline": dg.MetadataValue.json(report.offline_roots),
        "mass vanish held back": dg.MetadataValue.json({root: list(pair) for root, pair in report.vanished.items()}),
    }
