"""`loupe bulk`: one change to all photos that a query finds, or to named ones."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.hidden import photo_id_of
from orchestration.cli.options import JsonOption, print_json, settings_from
from orchestration.cli.search import found_photos
from resources.bulk_edits import Edit, apply, count
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import photos
from resources.vector_index import wake
from resources.wording import counted

__all__ = ["app", "chosen"]

app = typer.Typer(help="Change many photos at once: all of them or none.", rich_markup_mode=None)

Query = Annotated[str, typer.Argument(help='A query, as for `loupe search`; "" with --photo.')]
Photo = Annotated[list[str] | None, typer.Option("--photo", help="In the place of a query: a path or id; again: more.")]
Stacks = Annotated[str, typer.Option(help="covers: of a stack its cover; all: every photo of it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many photos it would change.")]
Tags = Annotated[list[str], typer.Option("--tag", help="Again: more than one.")]
Collection = Annotated[str, typer.Argument(help="A collection's name.")]


@app.command("tag")
def tag(
    query: Query,
    tags: Tags,
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Add tags: `loupe bulk tag "beach after:2021" --tag holiday`."""
    _change(Edit("tag", tags=tags), query, photo, stacks, dry_run, as_json)


@app.command("untag")
def untag(
    query: Query,
    tags: Tags,
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Take tags away."""
    _change(Edit("untag", tags=tags), query, photo, stacks, dry_run, as_json)


@app.command("rate")
def rate(
    query: Query,
    stars: Annotated[int, typer.Argument(min=-1, max=5, help="0 to 5; -1 for rejected.")],
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Give stars."""
    _change(Edit("rate", rating=stars), query, photo, stacks, dry_run, as_json)


@app.command("add")
def add(
    query: Query,
    collection: Collection,
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Put photos into a collection."""
    _change(Edit("add", collection=collection), query, photo, stacks, dry_run, as_json)


@app.command("remove")
def remove(
    query: Query,
    collection: Collection,
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Take photos out of a collection."""
    _change(Edit("remove", collection=collection), query, photo, stacks, dry_run, as_json)


@app.command("move")
def move(
    query: Query,
    source: Collection,
    collection: Collection,
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Move photos from one collection to another."""
    _change(Edit("move", source=source, collection=collection), query, photo, stacks, dry_run, as_json)


@app.command("hide")
def hide(
    query: Query,
    photo: Photo = None,
    stacks: Stacks = "covers",
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Remove photos from the library. Their files stay; `loupe unhide` brings them back."""
    _change(Edit("hide"), query, photo, stacks, dry_run, as_json)


def chosen(library: Library, query: str, named: list[str] | None, stacks: str) -> list[str]:
    """The ids of what a query finds, or of named photos.

    Raises `EMPTY_QUERY` for neither, `INVALID_REQUEST` for both, `PHOTO_NOT_FOUND`.
    """
    if stacks not in ("covers", "all"):
        raise LoupeError("INVALID_REQUEST", f"--stacks is covers or all, not '{stacks}'.")
    if named and query:
        raise LoupeError("INVALID_REQUEST", "Give a query or --photo, not both.")
    if named:
        with library.manifest.read() as tx:
            return [photo_id_of(tx, each) for each in named]
    if not query:
        raise LoupeError("EMPTY_QUERY", 'Say which photos: a query like "tag:old", or --photo PATH.')
    return [hit["photo_id"] for hit in found_photos(library.settings, query, filters={"stacks": stacks})["hits"]]


def _change(edit: Edit, query: str, named: list[str] | None, stacks: str, dry_run: bool, as_json: bool) -> None:
    library = Library(settings_from()).open()
    photo_ids = chosen(library, query, named, stacks)
    with library.manifest.read() if dry_run else library.manifest.write() as tx:
        there = sorted(photos.taken_ids(tx, photo_ids))
        changed = (count if dry_run else apply)(tx, there, edit)
    if not dry_run:
        wake(library.home)
    if as_json:
        print_json({"photos": len(there), "changed": changed, "dry_run": dry_run})
    else:
        would = "would be " if dry_run else ""
        print(f"{counted(len(there), 'photo')} found; {counted(changed, 'change')} {would}made.")
