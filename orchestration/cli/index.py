"""`loupe index`: the search index built anew, or compacted."""

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


@app.command("compact")
def compact_command(as_json: JsonOption = False) -> None:
    """Compact the index now, which keeps search fast in a large library; Loupe does it by itself when it is time.

    Search goes on meanwhile. It takes a while, and about three times the room of the index on the disk.
    """
    from resources.vector_index import compact_index

    library = Library(settings_from()).open()
    done = compact_index(library.manifest, library.settings, model_of(library))
    if as_json:
        print_json(done or {"compacted": False})
    elif done is None:
        print("There is nothing to compact: the index holds no vectors, or stands on a server.")
    else:
        print(f"The index is compacted: {counted(done.points, 'photo')} in {done.seconds:,.0f} s.")


def model_of(library: Library) -> ModelIdentity | None:
    """The model to search with; None when its files are not here: the manifest then says whose vectors to show."""
    try:
        return searched_model(library)
    except LoupeError:
        return None
