"""`loupe collections`: the sets of photos that a person made. Putting photos in and out: `loupe bulk`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestration.cli.bulk import chosen
from orchestration.cli.options import JsonOption, megabytes, print_json, settings_from
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import collection_facts, collections
from resources.vector_index import wake
from resources.wording import counted

__all__ = ["app"]

app = typer.Typer(help="List, make, change or delete collections.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The collection's name.")]


@app.command("list")
def list_collections(as_json: JsonOption = False) -> None:
    """List collections with their counts and sizes."""
    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        found = collections.list_all(tx)
    if as_json:
        print_json({"collections": found})
        return
    for row in found:
        print(f"{row['name']}: {counted(row['photos'], 'photo')}, {megabytes(row['size_bytes'])}")
    if not found:
        print("There is no collection yet: `loupe collections create NAME`.")


@app.command("show")
def show(name: Name, as_json: JsonOption = False) -> None:
    """What is in a collection, in numbers."""
    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        row, told = collections.get(tx, name), collection_facts.statistics(tx, name)
    if as_json:
        print_json({**row, "statistics": told})
        return
    print(f"{row['name']}: {counted(row['photos'], 'photo')}, {megabytes(row['size_bytes'])}")
    if told["taken_first"]:
        print(f"taken: {told['taken_first']:%Y-%m-%d} to {told['taken_last']:%Y-%m-%d}; {told['undated']:,} undated")
    for what in ("formats", "cameras", "lenses", "countries", "cities"):
        if told[what]:
            print(f"{what}: " + ", ".join(f"{value} ({photos:,})" for value, photos in told[what]))


@app.command("create")
def create(
    name: Name,
    query: Annotated[str, typer.Option(help="Put in what this query finds now.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Create a collection: empty, or of what a query finds."""
    library = Library(settings_from()).open()
    photo_ids = chosen(library, query, None, "covers") if query else []
    with library.manifest.write() as tx:
        row = collections.create(tx, name)
        if photo_ids:
            collections.add_photos(tx, row["name"], photo_ids)
            row = collections.get(tx, row["name"])
    wake(library.home)
    _print(row, f"Created '{row['name']}'{_holding(row)}.", as_json)


@app.command("rename")
def rename(
    name: Name, new_name: Annotated[str, typer.Argument(help="What to call it.")], as_json: JsonOption = False
) -> None:
    """Call a collection otherwise."""
    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        row = collections.rename(tx, name, new_name)
    wake(library.home)
    _print(row, f"'{name}' is called '{row['name']}' now.", as_json)


@app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only said what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a collection. Its photos and their files stay."""
    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        row = collections.get(tx, name)
        if not yes:
            raise LoupeError(
                "CONFIRMATION_NEEDED",
                f"'{name}' holds {counted(row['photos'], 'photo')}, which stay in the library. Add --yes to delete it.",
                token=collections.confirmation(row),
                photos=row["photos"],
            )
        collection_id = collections.detach(tx, name)
        while collections.drop_members(tx, collection_id, 100_000):
            pass
    wake(library.home)
    _print({"name": name, "photos": row["photos"]}, f"Deleted '{name}'; its photos stay.", as_json)


@app.command("merge")
def merge(
    name: Name,
    sources: Annotated[list[str], typer.Argument(help="Collections whose photos it takes in.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave these as they are; else they are deleted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put the photos of other collections into one."""
    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        added = collections.absorb(tx, name, sources, keep=keep)
        row = collections.get(tx, name)
    wake(library.home)
    _print({"added": added, **row}, f"{counted(added, 'photo')} new to '{name}'.", as_json)


@app.command("split")
def split(
    name: Name,
    into: Annotated[str, typer.Argument(help="A new collection.")],
    query: Annotated[str, typer.Argument(help="Which of its photos go there.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave them in the collection too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Move what a query finds in a collection to a new one."""
    library = Library(settings_from()).open()
    wanted = set(chosen(library, query, None, "all"))
    with library.manifest.write() as tx:
        moved, row = collections.split(tx, name, into, wanted, keep=keep)
    wake(library.home)
    _print({"moved": moved, **row}, f"{counted(moved, 'photo')} in '{row['name']}'.", as_json)


@app.command("duplicates")
def duplicates(name: Name, as_json: JsonOption = False) -> None:
    """Photos in a collection that show the same, the one to keep first."""
    with Library(settings_from()).open().manifest.read() as tx:
        found = collection_facts.duplicate_groups(tx, name, 100_000, 0)
    if as_json:
        print_json({"groups": found})
        return
    for group in found:
        print(f"{group['tier']}: " + " ".join(group["photo_ids"]))
    if not found:
        print("No duplicates are known in it.")


def _holding(row: dict[str, Any]) -> str:
    return f" with {counted(row['photos'], 'photo')}" if row["photos"] else ""


def _print(row: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        print(sentence)
