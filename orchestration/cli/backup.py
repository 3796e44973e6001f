"""`loupe backup`: write a backup now, or list those there are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.options import JsonOption, megabytes, print_json, progress_line, settings_from
from resources.errors import LoupeError
from resources.settings import Settings
from resources.wording import counted

__all__ = ["app", "settings_and_folder"]

app = typer.Typer(help="Write a backup, or list backups.", rich_markup_mode=None)

ToOption = Annotated[
    Path | None,
    typer.Option("--to", help="Folder for backups. Default: LOUPE_BACKUP_FOLDER, else backups/ in the home."),
]


@app.callback(invoke_without_command=True)
def backup_command(
    context: typer.Context,
    previews: Annotated[bool, typer.Option("--previews", help="Back up previews and thumbnails too.")] = False,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the manifest, the settings and the vectors; what the last backup holds is not copied again."""
    if context.invoked_subcommand is not None:
        return
    from resources.backup import back_up, backup_folder
    from resources.library import Library

    library = Library(settings_from()).open()
    settings = library.settings
    folder = to.expanduser().absolute() if to else backup_folder(settings)
    with progress_line() as say:
        made = back_up(
            library.manifest,
            library.home,
            folder,
            keep=settings.backup_keep,
            previews=previews or settings.backup_previews,
            progress=say,
        )
    if as_json:
        print_json({"path": str(folder / made.name), **vars(made)})
        return
    print(f"{folder / made.name}: {counted(made.rows['photos'], 'photo')}, {megabytes(made.written_bytes)} written.")


@app.command("list")
def list_command(to: ToOption = None, as_json: JsonOption = False) -> None:
    """List backups, newest first, and the copies that upgrades of Loupe made. The home may be damaged."""
    from resources.backup import Backup, list_backups, list_upgrade_copies
    from resources.home import Home

    settings, folder = settings_and_folder(to, "--to")
    copies = [] if to else [(path, path.stat().st_size) for path in list_upgrade_copies(Home(settings.home))]
    rows: list[dict[str, Any]] = []
    for path in list_backups(folder):
        try:
            backup = Backup.read(path)
        except LoupeError as error:
            rows.append({"name": path.name, "path": str(path), "error": error.code, "message": error.message})
            continue
        rows.append(
            {
                "name": backup.name,
                "path": str(path),
                "created_at": backup.created_at,
                "reason": backup.reason,
                "photos": backup.rows.get("photos", 0),
                "vectors": sum(part.rows for part in backup.vectors),
                "pictures": backup.pictures,
                "bytes": backup.total_bytes,
                "written_bytes": backup.written_bytes,
                "loupe": backup.loupe,
                "schema": backup.schema,
            }
        )
    if as_json:
        listed = [{"path": str(path), "bytes": size} for path, size in copies]
        print_json({"folder": str(folder), "backups": rows, "upgrade_copies": listed})
        return
    if not rows:
        print(f"There is no backup in {folder}.")
    for row in rows:
        if "error" in row:
            print(f"{row['name']}  {row['error']}: {row['message']}")
            print("    What it may share with other backups is kept for as long as it stands there.")
            continue
        pictures = "" if row["pictures"] is None else f", {row['pictures']:,} pictures"
        print(
            f"{row['name']}  {counted(row['photos'], 'photo')}, {counted(row['vectors'], 'vector')}{pictures}, "
            f"{megabytes(row['bytes'])} ({megabytes(row['written_bytes'])} written), {row['reason']}"
        )
    for path, size in copies:
        print(f"{path}  the manifest alone, {megabytes(size)}, before an upgrade; `loupe restore` takes its path")


def settings_and_folder(given: Path | None, option: str) -> tuple[Settings, Path]:
    """The settings, from the environment alone when the home's `loupe.toml` is damaged, and where backups are.

    `given` is what `option` says, and comes first.
    """
    from resources.backup import backup_folder

    try:
        settings = settings_from()
    except LoupeError as error:
        settings = Settings.without_file()
        if given is None and settings.backup_folder is None:
            print(
                f"note: {error.message.rstrip('.')}. If it names a folder for backups, say which with {option}; "
                f"{backup_folder(settings)} is taken.",
                file=sys.stderr,
            )
    return settings, given.expanduser().absolute() if given else backup_folder(settings)
