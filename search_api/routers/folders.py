"""The folders that the library watches."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from resources.errors import LoupeError
from resources.folders import check_root
from resources.imaging import DECODER_VERSION
from resources.inventory import add_root
from resources.library import Library
from resources.manifest import files, jobs, roots
from resources.watching import look
from search_api.dependencies import Held, OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.folders import AddedFolder, AddFolder, Folder, Folders

router = APIRouter(prefix="/folders", tags=["folders"])

INGEST_JOB = "ingest"
# Folders that the first run takes; the sensor asks for the others.
_FOLDERS_A_RUN = 500


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_folders(library: OpenLibrary) -> Folders:
    """Every watched folder with its state and counts, oldest first."""
    return Folders(folders=_folders(library))


@router.post(
    "",
    status_code=201,
    responses=responses(
        "DIR_NOT_FOUND",
        "NOT_A_DIRECTORY",
        "NO_PERMISSION",
        "DIR_EMPTY",
        "ROOT_NESTED",
        "ROOT_IN_HOME",
        "DAGSTER_UNREACHABLE",
    ),
)
def add_folder(asked: AddFolder, services: Held) -> AddedFolder:
    """Watch a folder and begin to read it. When Dagster is down nothing is added."""
    check_root(asked.path)
    if not services.dagster.is_reachable():
        raise LoupeError(
            "DAGSTER_UNREACHABLE",
            "The folder cannot be read now: Dagster, which does that work, does not run. Start it with `loupe up`.",
        )
    library = services.library
    added = add_root(library.manifest, library.home, asked.path, services.settings.max_partitions)
    look(library.manifest)  # the inventory looks at partitions that were seen
    first = added.partition_keys[:_FOLDERS_A_RUN]
    job_id = services.dagster.launch_folders(INGEST_JOB, first)
    with library.manifest.write() as tx:
        jobs.queue(tx, job_id, INGEST_JOB, f"{len(first)} folders")
    services.status.forget()
    services.jobs.forget()
    folder = next(folder for folder in _folders(library) if folder.root_id == added.root_id)
    return AddedFolder(folder=folder, photo_files=added.photo_files, total_bytes=added.total_bytes, job_id=job_id)


def _folders(library: Library) -> list[Folder]:
    with library.manifest.read() as tx:
        waiting = files.count_pending_by_root(tx, DECODER_VERSION)
        rows: list[dict[str, Any]] = roots.list_all(tx)
    return [
        Folder(
            waiting=waiting.get(row["root_id"], 0), **{name: row[name] for name in Folder.model_fields if name in row}
        )
        for row in rows
    ]
