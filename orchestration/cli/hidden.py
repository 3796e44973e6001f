"""`loupe hide`, `loupe unhide` and `loupe hidden`: photos removed from the library, whose files stay."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.errors import LoupeError
from resources.folders import from_text, to_text
from resources.library import Library
from resources.manifest import Transaction, files, hidden, photos
from resources.wording import counted

__all__ = ["hidden_command", "hide", "photo_id_of", "unhide"]

PhotosArgument = Annotated[list[str], typer.Argument(help="Paths or photo ids.")]


def hide(photo: PhotosArgument, as_json: JsonOption = False) -> None:
    """Remove photos from the library. Their files stay, and they do not come back until `loupe unhide`."""
    _change(photo, hidden.hide, "left the library; no file was touched", "removed from the library", as_json)


def unhide(photo: PhotosArgument, as_json: JsonOption = False) -> None:
    """Bring removed photos back."""
    _change(photo, hidden.show, "back in the library", "in the library", as_json)


def hidden_command(
    paths0: Annotated[
        bool, typer.Option("--paths", "-0", help="Only paths, each ended by a NUL byte, as for `xargs -0 rm`.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Most photos to list; default: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the photos that were removed from the library: every file of theirs, also what belongs to it alone.

    That is copies, the video of a Live Photo, and sidecars that no photo in the library has.
    """
    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        found = hidden.list_all(tx, limit)
        total = hidden.count(tx)
    if paths0:
        for row in found:
            for path in (*row["paths"], *row["beside"]):
                sys.stdout.buffer.write(os.fsencode(from_text(path)) + b"\0")
    elif as_json:
        print_json({"total": total, "hidden": found})
    else:
        for row in found:
            print(*(row["paths"] or [f"{row['file_name']} (no file)"]), *row["beside"], sep="\n")
        listed = "" if limit is None else f", the last {limit:,} listed"
        print(f"{counted(total, 'photo')} removed from the library{listed}.", file=sys.stderr)


def _change(
    asked: list[str], change: Callable[[Transaction, Sequence[str]], list[str]], words: str, already: str, as_json: bool
) -> None:
    from resources.vector_index import wake

    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        ids = [photo_id_of(tx, each) for each in asked]
        changed = change(tx, ids)
    wake(library.home)
    if as_json:
        print_json({"photo_ids": changed})
    else:
        if changed:
            print(f"{counted(len(changed), 'photo')} {words}.")
        if rest := len(set(ids) - set(changed)):  # what belongs to a photo is changed with it
            print(f"{counted(rest, 'photo')} had been {already} before.")


def photo_id_of(tx: Transaction, text: str) -> str:
    """The photo that an id or a path names. Raises `PHOTO_NOT_FOUND`."""
    if photos.get(tx, text):
        return text
    path = to_text(os.path.abspath(os.path.expanduser(text)))
    found = files.photo_at(tx, path)
    if found is None:
        raise LoupeError("PHOTO_NOT_FOUND", f"'{text}' is neither a photo's id nor the path of one.", photo=text)
    return found
