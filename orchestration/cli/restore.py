"""`loupe restore`: a backup in the place of what the home holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.backup import settings_and_folder
from orchestration.cli.index import model_of
from orchestration.cli.options import JsonOption, print_json, progress_line, settings_from
from resources.errors import LoupeError
from resources.wording import counted

__all__ = ["restore_command"]


def restore_command(
    backup: Annotated[str, typer.Argument(help='A path, a name or number of `loupe backup list`, or "latest".')],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of the backups. Default: LOUPE_BACKUP_FOLDER, else the home's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of LOUPE_HOME's data, which may be damaged or absent; what was there is set aside."""
    from resources.home import Home
    from resources.library import Library
    from resources.repair import forget_lost_pictures
    from resources.restore import find_backup, restore
    from resources.vector_index import rebuild_index

    bare, folder = settings_and_folder(source, "--from")
    with progress_line() as say:
        restored = restore(find_backup(backup, folder), Home(bare.home), say)
    problem: LoupeError | None = None
    points = remade = 0
    try:
        library = Library(settings_from()).open()
        with progress_line() as say:
            counts = rebuild_index(
                library.manifest,
                library.settings,
                model_of(library),
                progress=lambda counts: say("index", counts.upserted, 0),
            )
        points = counts.upserted
        # After the index, which finds photos by their pictures' names: search is whole while they are made again.
        capped = library.settings.cache_max_bytes is not None
        remade = forget_lost_pictures(library.manifest, library.store, capped=capped)
    except LoupeError as error:
        problem = error
    if as_json:
        print_json(
            {**vars(restored), "points": points, "pictures_to_remake": remade, "index_error": problem and problem.code}
        )
    else:
        print(f"{restored.backup} is restored to {restored.home}: {counted(restored.vectors, 'vector')} brought back.")
        if restored.set_aside:
            print(f"What was there stands in {restored.set_aside}; delete it when you no longer need it.")
        if remade:
            print(
                f"{counted(remade, 'preview')} will be made again from the originals by `loupe up` or `loupe ingest`."
            )
        if problem is None:
            print(f"The index shows {counted(points, 'photo')}.")
    if problem:
        print(
            f"note: the index is not built yet ({problem.code}: {problem.message}). Run `loupe index rebuild`.",
            file=sys.stderr,
        )
