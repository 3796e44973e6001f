"""A run's work done again in this process, where no Dagster runs that could be asked."""

from __future__ import annotations

from orchestration.definitions import build_defs
from orchestration.ingest import raise_if_interrupted
from orchestration.instance import dagster_instance
from orchestration.partitions import add_partitions
from resources.errors import LoupeError
from resources.folder_runs import FolderRun, folder_run
from resources.library import Library
from resources.manifest import jobs

__all__ = ["run_again"]

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_again(library: Library, run_id: str) -> str:
    """Do what `run_id`, which failed or was cancelled, was asked for. Returns the id of the new run.

    Raises as `jobs.to_retry`, and the error that ended the new run.
    """
    with library.manifest.read() as tx:
        row, asked_for = jobs.to_retry(tx, run_id)
    with dagster_instance(library.home) as instance:
        run = FolderRun({}, {})
        if asked_for:
            keys = asked_for["folders"]
            run = folder_run(add_partitions(instance, keys), keys, asked_for.get("config"))
        config = {} if row["kind"] == "captions" else run.run_config  # the inventory's, which that job has not
        result = (
            build_defs({"library": library})
            .resolve_job_def(row["kind"])
            .execute_in_process(instance=instance, tags=run.tags, run_config={**config, **_QUIET}, raise_on_error=False)
        )
    with library.manifest.write() as tx:
        jobs.queue(tx, result.run_id, row["kind"], row["target"], None, retry_of=run_id)
        ended = jobs.get(tx, result.run_id) or {}
    raise_if_interrupted(library, result.run_id)
    if not result.success:
        code, message = ended.get("error_code"), ended.get("error_message")
        raise LoupeError(code or "JOB_FAILED", message or f"Run {result.run_id} failed.", run_id=result.run_id)
    return str(result.run_id)
