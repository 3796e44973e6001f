"""`loupe folders`: which folders are watched."""

from __future__ import annotations

import os
from shlex import quote
from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, megabytes, print_json, settings_from
from resources.errors import LoupeError
from resources.folders import to_text
from resources.library import Library
from resources.manifest import Transaction, roots
from resources.wording import counted

__all__ = ["app"]

app = typer.Typer(help="Add, list or remove watched folders.", rich_markup_mode=None)

PathArgument = Annotated[str, typer.Argument(help="The folder.")]


@app.command("add")
def add(paths: Annotated[list[str], typer.Argument(help="Folders of photos.")], as_json: JsonOption = False) -> None:
    """Watch folders. `loupe up` takes them in; `loupe ingest` does so at once."""
    from resources.inventory import add_root
    from resources.watching import look

    library = Library(settings_from()).open()
    added = [add_root(library.manifest, library.home, path, library.settings.max_partitions) for path in paths]
    look(library.manifest)
    if as_json:
        print_json({"folders": [vars(root) for root in added]})
        return
    for root in added:
        skipped = "".join(f", {count:,} {reason} skipped" for reason, count in root.skipped.items())
        print(f"{root.path}: {counted(root.photo_files, 'photo file')}, {megabytes(root.total_bytes)}{skipped}")


@app.command("list")
def list_folders(as_json: JsonOption = False) -> None:
    """List watched folders with their counts, and what to do about those that are not as they were."""
    from resources.inventory import note_reach_of_all

    library = Library(settings_from()).open()
    note_reach_of_all(library.manifest)
    with library.manifest.read() as tx:
        watched = roots.list_all(tx)
    if as_json:
        print_json({"folders": watched})
        return
    for root in watched:
        print(f"{root['path']}: {counted(root['photos'], 'photo')}, {root['missing']:,} missing, {root['state']}")
        if root["state"] == "offline":
            print("    Its photos stay searchable. Plug the disk in or mount the share. If the folder stands elsewhere")
            print(f"    now: `loupe folders move {quote(root['path'])} NEW`")
        elif root["state"] == "vanished":
            print("    Many files are not where they were; nothing was removed. Check the disk. If they are gone for")
            print(f"    good: `loupe folders accept-missing {quote(root['path'])}`")
    if not watched:
        print("No folder is watched yet: `loupe folders add PATH`.")


@app.command("remove")
def remove(path: PathArgument) -> None:
    """Stop watching a folder. Its photos leave the library; the files, and what you made of them, stay."""
    from resources.inventory import remove_root
    from resources.vector_index import wake

    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        root = _root_at(tx, path)
    photo_ids = remove_root(library.manifest, root["root_id"])
    wake(library.home)
    leave = f"{counted(len(photo_ids), 'photo')} {'leaves' if len(photo_ids) == 1 else 'leave'} search"
    print(f"{root['path']} is no longer watched; {leave}. No file was touched.")


@app.command("move")
def move(
    old: Annotated[str, typer.Argument(help="Where the folder stood.")],
    new: Annotated[str, typer.Argument(help="Where it stands now.")],
    as_json: JsonOption = False,
) -> None:
    """Say that a folder, or the disk it is on, stands elsewhere now. Nothing is read, and nothing is lost."""
    from resources.moving import move_folder
    from resources.vector_index import wake

    library = Library(settings_from()).open()
    moved = move_folder(library.manifest, old, new)
    wake(library.home)
    if as_json:
        print_json(vars(moved))
        return
    print(f"{moved.old} stands at {moved.new}: {counted(moved.files, 'file')}, {counted(moved.photos, 'photo')}.")


@app.command("accept-missing")
def accept_missing(path: PathArgument) -> None:
    """Believe that the files which vanished from a folder are gone for good."""
    from resources.inventory import accept_missing as accept
    from resources.vector_index import wake

    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        root = _root_at(tx, path)
    gone = accept(library.manifest, root["root_id"])
    wake(library.home)
    print(f"{counted(gone, 'file')} of {root['path']} {'is' if gone == 1 else 'are'} now missing.")


def _root_at(tx: Transaction, path: str) -> dict[str, str]:
    text = to_text(os.path.abspath(os.path.expanduser(path)))
    found = next((root for root in roots.list_all(tx) if root["path"] == text), None)
    if found is None:
        raise LoupeError("ROOT_NOT_FOUND", f"'{text}' is not a watched folder; see `loupe folders list`.", path=text)
    return found
