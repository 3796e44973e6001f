"""`loupe index`: the search index built anew."""

from __future__ import annotations

import typer

from orchestration.cli.options import JsonOption, print_json, progress_line, settings_from
from resources.errors import LoupeError
from resources.library import Library
from resources.model_change import searched_model
from resources.models import ModelIdentity
from resources.wording import counted

__all__ = ["app", "model_of"]

app = typer.Typer(help="Look after the search index.", rich_markup_mode=None)


@app.callback()
def index() -> None:
    """Keeps `rebuild` a command of its own while it is the only one."""


@app.command("rebuild")
def rebuild_command(as_json: JsonOption = False) -> None:
    """Build the index anew from the manifest, without a model. While `loupe up` runs, search goes on meanwhile."""
    from resources.vector_index import rebuild_index

    library = Library(settings_from()).open()
    with progress_line() as say:
        counts = rebuild_index(
            library.manifest,
            library.settings,
            model_of(library),
            progress=lambda counts: say("index", counts.upserted, 0),
        )
    if as_json:
        print_json(counts)
        return
    said = (
        f": {counted(counts.upserted, 'photo')}, {counts.embedded:,} of them found by content"
        if counts.upserted
        else ""
    )
    print(f"The index is built anew{said}.")
    if counts.vectors_missing:
        print(f"{counted(counts.vectors_missing, 'vector')} missing: `loupe verify --repair` has them made again.")


def model_of(library: Library) -> ModelIdentity | None:
    """The model to search with; None when its files are not here: the manifest then says whose vectors to show."""
    try:
        return searched_model(library)
    except LoupeError:
        return None
