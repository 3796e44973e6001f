"""The folders that the library watches."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from resources.directories import check_offered
from resources.errors import LoupeError
from resources.folders import check_root, from_text
from resources.imaging import DECODER_VERSION
from resources.inventory import AddedRoot, accept_missing, add_root, remove_root
from resources.library import Library
from resources.manifest import files, roots, signatures
from resources.moving import move_folder
from resources.watching import look
from search_api.dagster_client import INGEST_JOB
from search_api.dependencies import Held, OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.folders import (
    AcceptedMissing,
    AddedFolder,
    AddFolder,
    Folder,
    Folders,
    MissingFiles,
    MissingFolder,
    MovedFolder,
    MoveFolder,
    RemovedFolder,
)
from search_api.services import Services

router = APIRouter(prefix="/folders", tags=["folders"])

# Folders that the first run takes: each is a call to Dagster while a person waits. The sensor asks for the others.
_FOLDERS_A_RUN = 20
RootId = Annotated[str, Path(max_length=64, description="The `root_id` of a watched folder.")]


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_folders(library: OpenLibrary) -> Folders:
    """Every watched folder with its state and counts, oldest first."""
    return Folders(folders=_folders(library))


@router.post(
    "",
    status_code=201,
    responses={
        202: {"model": AddedFolder, "description": "The folder is watched; `note` says why its run did not start."},
        **responses(
            "DIR_NOT_ALLOWED",
            "DIR_NOT_FOUND",
            "NOT_A_DIRECTORY",
            "NO_PERMISSION",
            "DIR_EMPTY",
            "ROOT_NESTED",
            "ROOT_IN_HOME",
            "ROOT_OFFLINE",
            "DAGSTER_UNREACHABLE",
            "MANIFEST_BUSY",
        ),
    },
)
def add_folder(asked: AddFolder, services: Held, response: Response) -> AddedFolder:
    """Watch a folder and begin to read it, its folders that changed last first.

    When Dagster does not answer nothing is added. When it answers but does not start the run (202), the folder is
    watched all the same, and read as soon as Dagster looks for new photos.
    """
    check_offered(services.settings, asked.path)
    check_root(asked.path)
    if not services.dagster.is_reachable():
        raise LoupeError(
            "DAGSTER_UNREACHABLE",
            "The folder cannot be read now: Dagster, which does that work, does not run. Start it with `loupe up`.",
        )
    library = services.library
    added = add_root(library.manifest, library.home, asked.path, services.settings.max_partitions)
    look(library.manifest)  # the inventory looks at partitions that were seen
    first = _newest_first(library, added)[:_FOLDERS_A_RUN]
    job_id = note = None
    try:
        job_id = services.starts.over_folders(INGEST_JOB, first)
    except LoupeError as error:
        response.status_code = 202
        then = "the pause ends" if error.code == "INGEST_PAUSED" else "Dagster works"
        note = f"The folder is watched. Reading it was not begun: {error.message} It begins once {then}."
    services.status.forget()
    services.watched.forget()
    folder = next(folder for folder in _folders(library) if folder.root_id == added.root_id)
    return AddedFolder(
        folder=folder, photo_files=added.photo_files, total_bytes=added.total_bytes, job_id=job_id, note=note
    )


@router.get("/missing", responses=responses("MANIFEST_BUSY"))
def list_missing(
    library: OpenLibrary,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
) -> MissingFiles:
    """Where files are missing, and watched folders that cannot be reached or believed."""
    with library.manifest.read() as tx:
        rows = files.lost(tx, limit, offset)
    watched = _folders(library)
    return MissingFiles(
        total=sum(folder.missing for folder in watched),
        purge_missing_days=library.settings.purge_missing_days,
        folders=[MissingFolder(**row) for row in rows],
        offline=[folder for folder in watched if folder.state == "offline"],
        vanished=[folder for folder in watched if folder.state == "vanished"],
    )


@router.post(
    "/move",
    responses=responses(
        *("ROOT_NOT_FOUND", "DIR_NOT_ALLOWED", "DIR_NOT_FOUND", "NOT_A_DIRECTORY", "ROOT_NESTED", "MOVE_NOT_FOUND"),
        *("ROOT_OFFLINE", "MANIFEST_BUSY"),
    ),
)
def move(asked: MoveFolder, services: Held) -> MovedFolder:
    """Say that a folder, or the disk it is on, stands elsewhere now. Nothing is read, and nothing is lost."""
    check_offered(services.settings, asked.new)
    moved = move_folder(services.library.manifest, asked.old, asked.new)
    _shown(services)
    return MovedFolder(**vars(moved))


@router.post("/{root_id}/accept-missing", responses=responses("ROOT_NOT_FOUND", "ROOT_OFFLINE", "MANIFEST_BUSY"))
def accept(root_id: RootId, services: Held) -> AcceptedMissing:
    """Believe that the files which vanished from a watched folder are gone for good."""
    _root(services.library, root_id)
    gone = accept_missing(services.library.manifest, root_id)
    _shown(services)
    return AcceptedMissing(
        gone=gone, folder=next(folder for folder in _folders(services.library) if folder.root_id == root_id)
    )


@router.delete("/{root_id}", responses=responses("ROOT_NOT_FOUND", "MANIFEST_BUSY"))
def remove(root_id: RootId, services: Held) -> RemovedFolder:
    """Stop watching a folder. Its photos leave search; no file is touched, and tags and collections are kept."""
    root = _root(services.library, root_id)
    photo_ids = remove_root(services.library.manifest, root_id)
    _shown(services)
    return RemovedFolder(path=root["path"], photos=len(photo_ids))


def _root(library: Library, root_id: str) -> dict[str, Any]:
    with library.manifest.read() as tx:
        found = next((root for root in roots.rows(tx) if root["root_id"] == root_id), None)
    if found is None:
        raise LoupeError("ROOT_NOT_FOUND", f"No watched folder has the id {root_id}.", root_id=root_id)
    return found


def _shown(services: Services) -> None:
    services.live.show_changes()
    services.status.forget()
    services.watched.forget()


def _newest_first(library: Library, added: AddedRoot) -> list[str]:
    """The partitions of the added folder, that of the folder which changed last first."""
    with library.manifest.read() as tx:
        seen = signatures.by_key(tx)
        paths = {root["root_id"]: root["path"] for root in roots.list_all(tx)}

    def changed_ns(key: str) -> int:
        row = seen.get(key)
        if row is None:
            return 0
        try:
            return os.stat(os.path.join(from_text(paths[row["root_id"]]), from_text(row["rel_path"]))).st_mtime_ns
        except OSError:
            return 0

    return sorted(added.partition_keys, key=lambda key: (-changed_ns(key), key))


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
