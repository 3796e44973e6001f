"""`loupe collections`: the sets of photos that a person made."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.library import Library
from resources.manifest import collections
from resources.wording import counted

__all__ = ["app"]

app = typer.Typer(help="List or create collections.", rich_markup_mode=None)


@app.command("list")
def list_collections(as_json: JsonOption = False) -> None:
    """List collections with their counts."""
    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        found = collections.list_all(tx)
    if as_json:
        print_json({"collections": found})
        return
    for row in found:
        print(f"{row['name']}: {counted(row['photos'], 'photo')}")
    if not found:
        print("There is no collection yet: `loupe collections create NAME`.")


@app.command("create")
def create(name: Annotated[str, typer.Argument(help="Its name.")], as_json: JsonOption = False) -> None:
    """Create an empty collection."""
    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        row = collections.create(tx, name)
    if as_json:
        print_json(row)
    else:
        print(f"Created '{row['name']}'.")
