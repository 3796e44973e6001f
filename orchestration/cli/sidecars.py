"""`loupe write-sidecars`: put what a person said in Loupe beside the photos, where other programs read it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.errors import CODES, LoupeError
from resources.library import Library
from resources.wording import counted

if TYPE_CHECKING:
    from resources.exchange.sidecar_files import SidecarReport

__all__ = ["write_sidecars_command"]

_SHOWN_ROWS = 20
_MOST_HITS = 500


def write_sidecars_command(
    query: Annotated[str | None, typer.Argument(help="Photos that these words find, at most 500.")] = None,
    collection: Annotated[str | None, typer.Option(help="The photos of a collection.")] = None,
    tag: Annotated[str | None, typer.Option(help="The photos that have a tag.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All photos of the library.")] = False,
    computed_captions: Annotated[
        bool, typer.Option("--computed-captions", help="Captions of models too, where nobody described the photo.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which sidecars would be written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write tags, ratings and captions into XMP sidecars beside the photos. The photos themselves are never touched.

    A sidecar that is there is merged into, nothing in it is lost, and the one before is kept as NAME.xmp~.
    """
    from resources.exchange.sidecar_files import write_sidecars

    if sum((query is not None, collection is not None, tag is not None, everything)) != 1:
        raise LoupeError("INVALID_REQUEST", "Say which photos: words to find them by, --collection, --tag or --all.")
    library = Library(settings_from()).open()
    chosen = None if everything else _photo_ids(library, query, collection, tag)
    report = write_sidecars(library, chosen, computed_captions=computed_captions, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.refused:
        raise typer.Exit(CODES[report.refused[0].code].exit_status)


def _photo_ids(library: Library, query: str | None, collection: str | None, tag: str | None) -> list[str]:
    from orchestration.cli.search import search_library
    from resources.manifest import collections, tags

    if query is not None:
        found = search_library(library.settings, query, None, None, _MOST_HITS, "words")
        return [str(hit["photo_id"]) for hit in found["results"]]
    with library.manifest.read() as tx:
        return collections.photo_ids(tx, collection) if collection is not None else tags.photo_ids(tx, tag or "")


def _print_report(report: SidecarReport) -> None:
    would = "would be " if report.dry_run else ""
    for path in report.paths[:_SHOWN_ROWS]:
        print(f"  {path}")
    if (more := report.created + report.changed - _SHOWN_ROWS) > 0:
        print(f"  and {more:,} more")
    for refused in report.refused[:_SHOWN_ROWS]:
        print(f"  {refused.code}: {refused.message}", file=sys.stderr)
    if (more := report.refused_count - _SHOWN_ROWS) > 0:
        print(f"  and {more:,} more that could not be written", file=sys.stderr)
    print(
        f"{counted(report.created, 'sidecar')} {would}new, {report.changed:,} {would}changed, "
        f"{report.unchanged:,} said all of it already, {report.refused_count:,} could not be written."
    )
