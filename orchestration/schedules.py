"""Schedules: each hour or oftener they ask whether something is due. What a machine slept through is done once it runs.

While a person has paused reading photos, what reads photos or uses a model asks for nothing; backups and tidying go on.
"""

from datetime import datetime

import dagster as dg

from orchestration.active_runs import active_runs
from orchestration.jobs import backup_job, captions_job, duplicates_job, reconcile_job, refresh_map_job, tidy_job
from orchestration.partitions import add_partitions
from resources.backup import backup_due
from resources.duplicates import AREAS
from resources.folder_runs import FOLDERS_A_RUN, folder_run
from resources.imaging import DECODER_VERSION
from resources.library import Library, result_key
from resources.manifest import duplicates, files, pauses, projections, results
from resources.preview_cache import pictures_bytes
from resources.reconciling import reconcile_due
from resources.watching import look

__all__ = ["SCHEDULES"]


@dg.schedule(
    job=captions_job,
    cron_schedule="*/5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Captions what the captioner in use has not seen, newest first, once nothing else is running.",
)
def later_captions(
    context: dg.ScheduleEvaluationContext, library: dg.ResourceParam[Library]
) -> dg.RunRequest | dg.SkipReason:
    if _paused(library):
        return dg.SkipReason("reading photos is paused")
    captioner = library.captioner()
    if captioner is None:
        return dg.SkipReason("no captioner is set up")
    if active_runs(context.instance, ("ingest", "captions")):
        return dg.SkipReason("a run is active")
    if _searchable_first(library):
        return dg.SkipReason("photos that wait to be searchable come first")
    with library.manifest.read() as tx:
        waiting = results.pending_partitions(tx, "captions", result_key(captioner))
    if not waiting:
        return dg.SkipReason("every photo has a caption")
    ordered = add_partitions(context.instance, waiting[:FOLDERS_A_RUN])
    return dg.RunRequest(tags=folder_run(ordered, waiting[:FOLDERS_A_RUN]).tags)


@dg.schedule(
    job=refresh_map_job,
    cron_schedule="30 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Places photos on the map when a hundredth of the library is not on it yet.",
)
def hourly_map(
    context: dg.ScheduleEvaluationContext, library: dg.ResourceParam[Library]
) -> dg.RunRequest | dg.SkipReason:
    if _paused(library):
        return dg.SkipReason("reading photos is paused")
    clip = library.clip()
    if clip is None:
        return dg.SkipReason("no model is set up")
    if active_runs(context.instance, ("ingest", "captions", "refresh_map")):
        return dg.SkipReason("a run is active")
    with library.manifest.read() as tx:
        placed, embedded = projections.coverage(tx, clip.name)
    if embedded == 0 or placed >= 0.99 * embedded:
        return dg.SkipReason(f"{placed} of {embedded} photos are on the map")
    return dg.RunRequest(run_config={"ops": {"umap_projections": {"config": {"whole": False}}}})


@dg.schedule(
    job=duplicates_job,
    cron_schedule="50 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compares new photos with all others, once nothing else is running.",
)
def hourly_duplicates(
    context: dg.ScheduleEvaluationContext, library: dg.ResourceParam[Library]
) -> dg.RunRequest | dg.SkipReason:
    if _paused(library):
        return dg.SkipReason("reading photos is paused")
    if active_runs(context.instance, ("ingest", "captions", "find_duplicates")):
        return dg.SkipReason("a run is active")
    clip = library.clip()
    with library.manifest.read() as tx:
        due = duplicates.is_due(tx, AREAS, result_key(clip) if clip else None)
    return dg.RunRequest() if due else dg.SkipReason("every photo was compared")


@dg.schedule(
    job=reconcile_job,
    cron_schedule="15 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compares every folder with the manifest and the manifest with the index, each week or once it can.",
)
def weekly_reconcile(
    context: dg.ScheduleEvaluationContext, library: dg.ResourceParam[Library]
) -> dg.RunRequest | dg.SkipReason:
    if _paused(library):
        return dg.SkipReason("reading photos is paused")
    if active_runs(context.instance, ("reconcile",)):
        return dg.SkipReason("a run is active")
    due, why = reconcile_due(library.manifest, datetime.now().astimezone())
    if not due:
        return dg.SkipReason(why)
    known = look(library.manifest, settle=False).known
    if not known:
        return dg.SkipReason("no watched folder can be reached")
    ordered = add_partitions(context.instance, known)
    present = [key for key in ordered if key in set(known)]
    run = folder_run(ordered, present, {"thorough": True})
    return dg.RunRequest(tags=run.tags, run_config=run.run_config)


@dg.schedule(
    job=backup_job,
    cron_schedule="5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Backs the library up each night, or as soon as Loupe runs again after one that it slept through.",
)
def nightly_backup(
    context: dg.ScheduleEvaluationContext, library: dg.ResourceParam[Library]
) -> dg.RunRequest | dg.SkipReason:
    if active_runs(context.instance, ("backup",)):
        return dg.SkipReason("a backup is being written")
    due, why = backup_due(library.manifest, library.settings, datetime.now().astimezone())
    return dg.RunRequest() if due else dg.SkipReason(why)


@dg.schedule(
    job=tidy_job,
    cron_schedule="35 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keeps previews and thumbnails within their limit.",
)
def hourly_tidy(
    context: dg.ScheduleEvaluationContext, library: dg.ResourceParam[Library]
) -> dg.RunRequest | dg.SkipReason:
    if library.settings.cache_max_bytes is None:
        return dg.SkipReason("previews and thumbnails have no limit")
    if active_runs(context.instance, ("ingest", "captions", "tidy")):
        return dg.SkipReason("a run is active")
    taken = pictures_bytes(library.home)
    if taken <= library.settings.cache_max_bytes:
        return dg.SkipReason(f"previews and thumbnails take {taken:,} bytes")
    return dg.RunRequest()


def _searchable_first(library: Library) -> bool:
    """Whether there are photos that an ingest can make searchable now."""
    clip = library.clip()
    with library.manifest.read() as tx:
        return bool(
            files.pending_partitions(tx, DECODER_VERSION)
            or (clip and results.pending_partitions(tx, "embeddings", result_key(clip)))
        )


def _paused(library: Library) -> bool:
    with library.manifest.read() as tx:
        return pauses.paused_at(tx) is not None


SCHEDULES = [later_captions, hourly_map, hourly_duplicates, weekly_reconcile, nightly_backup, hourly_tidy]
