"""Asset `file_inventory`: what stands in the watched folders, by path, size and mtime. Reads no file contents."""

from typing import Any

import dagster as dg
from pydantic import Field

from assets.job_rows import job_row
from assets.partitions import PER_FOLDER_RUN, folders
from resources.inventory import InventoryReport, take_inventory
from resources.library import Library
from resources.manifest import jobs, outbox, problems, roots
from resources.purge import purge
from resources.repair import forget_lost_pictures
from resources.vector_index import wake
from resources.wording import counted

__all__ = ["HELD_BACK", "NO_MASS_VANISH", "InventoryConfig", "doubted_folders", "file_inventory", "mass_vanish_check"]

NO_MASS_VANISH = dg.AssetCheckSpec(
    "no_mass_vanish",
    asset="file_inventory",
    description="No watched folder lost more than a quarter of its files at once and waits for a person's word.",
)
# The metadata of what vanished and was not believed.
HELD_BACK = "mass vanish held back"


class InventoryConfig(dg.Config):
    """`folders`: partition keys to look at; empty looks at all partitions of the run.

    `thorough`: also have lost previews made again, forget what has been missing for long, and drop old outbox rows.
    """

    folders: list[str] = Field(default_factory=list)
    accept_missing: bool = False
    thorough: bool = False


@dg.asset(
    partitions_def=folders,
    backfill_policy=PER_FOLDER_RUN,
    group_name="library",
    kinds={"duckdb"},
    check_specs=[NO_MASS_VANISH],
)
def file_inventory(
    context: dg.AssetExecutionContext, config: InventoryConfig, library: dg.ResourceParam[Library]
) -> dg.MaterializeResult:
    """New, changed, gone and returned files of these folders, noted in the manifest."""
    keys = config.folders or list(context.partition_keys)
    asked_for = {"folders": keys, "config": {"accept_missing": config.accept_missing, "thorough": config.thorough}}
    with job_row(context, library, counted(len(keys), "folder"), asked_for) as progress:
        if config.thorough:
            forget_lost_pictures(library.manifest, library.store, capped=library.settings.cache_max_bytes is not None)
        report = take_inventory(
            library.manifest,
            keys,
            accept_missing=config.accept_missing,
            every_row=config.thorough,
            # Of what an ingest waits for, its folders are the least.
            progress=(lambda done: progress("folders", done, len(keys))) if config.thorough else lambda done: None,
        )
        if config.thorough:
            purge(library.manifest, library.store, library.settings.purge_missing_days, keys)
            with library.manifest.write() as tx:
                outbox.trim(tx)
        wake(library.home)
        if report.vanished:
            with library.manifest.write() as tx:
                jobs.held_back(tx, context.run.run_id, " ".join(loss.sentence for loss in report.vanished.values()))
        for root, why in report.unreadable.items():
            context.log.warning(f"{root}: {why}")
    return dg.MaterializeResult(
        metadata=_metadata(report, library), check_results=[mass_vanish_check(doubted_folders(library))]
    )


def doubted_folders(library: Library) -> list[str]:
    """Of all watched folders those whose loss waits for a person's word."""
    with library.manifest.read() as tx:
        return [root["path"] for root in roots.rows(tx) if root["state"] == "vanished"]


def mass_vanish_check(waiting: list[str]) -> dg.AssetCheckResult:
    """Asked of all watched folders: a run that looked at others does not make one whole."""
    advice = "Check the disk. If the files are gone for good: loupe folders accept-missing PATH"
    return dg.AssetCheckResult(
        check_name=NO_MASS_VANISH.name, passed=not waiting, metadata={"folders": waiting, "what to do": advice}
    )


def _metadata(report: InventoryReport, library: Library) -> dict[str, Any]:
    with library.manifest.read() as tx:
        skipped = problems.skip_reasons(tx)
    return {
        "folders": report.folders,
        **{f"{name} files": count for name, count in vars(report.changes).items()},
        "skipped by reason": dg.MetadataValue.json(skipped),
        "unreadable folders": dg.MetadataValue.json(report.unreadable),
        "folders offline": dg.MetadataValue.json(report.offline_roots),
        HELD_BACK: dg.MetadataValue.json([vars(loss) for loss in report.vanished.values()]),
    }
