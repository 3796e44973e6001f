"""`loupe export` and `loupe import`: what a person made and Loupe computed, out of one library and into another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from orchestration.cli.options import JsonOption, megabytes, print_json, settings_from
from resources.errors import LoupeError
from resources.library import Library
from resources.wording import counted

if TYPE_CHECKING:
    from resources.exchange.library_import import Change, ImportReport

__all__ = ["CHANGES", "export_command", "import_command"]

_SHOWN_ROWS = 20
# What is said of one and of several of each.
CHANGES: dict[Change, tuple[str, str]] = {
    "tags": ("tag", "tags"),
    "ratings": ("rating", "ratings"),
    "written_captions": ("caption", "captions"),
    "computed_captions": ("computed caption", "computed captions"),
    "collections": ("new collection", "new collections"),
    "collection_photos": ("photo in a collection", "photos in collections"),
    "collection_covers": ("collection's cover", "collections' covers"),
    "saved_searches": ("saved search", "saved searches"),
    "stack_separations": ("separation of photos", "separations of photos"),
    "stack_covers": ("chosen cover", "chosen covers"),
    "not_duplicates": ("pair of photos called different", "pairs of photos called different"),
    "hidden": ("photo hidden", "photos hidden"),
    "vectors": ("vector", "vectors"),
}


def export_command(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or an empty one.")],
    file_format: Annotated[str, typer.Option("--format", help="parquet or jsonl (JSON Lines).")] = "parquet",
    only: Annotated[
        str | None,
        typer.Option(help="Only these, by commas: captions, tags, ratings, collections, stacks, files, vectors, ..."),
    ] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="Image vectors too; they are large.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write everything that you made and Loupe computed into a folder, for other programs and other homes."""
    from resources.exchange.library_export import ExportFormat, export_library

    if file_format not in ("parquet", "jsonl"):
        raise LoupeError("INVALID_REQUEST", f"--format is parquet or jsonl, not '{file_format}'.")
    library = Library(settings_from()).open()
    report = export_library(
        library,
        folder,
        file_format=cast(ExportFormat, file_format),
        only=only.split(",") if only else (),
        vectors=vectors,
    )
    if as_json:
        print_json(report)
        return
    for name, rows in report.tables.items():
        print(f"  {name}: {counted(rows, 'row')}")
    print(f"{report.folder}: {megabytes(report.total_bytes)}; README.json there says what is in it.")


def import_command(
    source: Annotated[Path, typer.Argument(help="The folder of an export, or a CSV file.")],
    match: Annotated[
        str | None, typer.Option(help="CSV: path, name, sha256, or the column that names the photo. Default: path.")
    ] = None,
    caption: Annotated[str | None, typer.Option(help="CSV: the column of captions.")] = None,
    tags: Annotated[str | None, typer.Option(help="CSV: the column of tags.")] = None,
    separator: Annotated[str | None, typer.Option(help="CSV: what stands between tags. Default: ;")] = None,
    rating: Annotated[str | None, typer.Option(help="CSV: the column of ratings, 0 to 5, -1 for rejected.")] = None,
    collection: Annotated[str | None, typer.Option(help="CSV: the column of collections' names.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take over captions, tags, ratings and collections from an export of another home, or from a CSV file."""
    from resources.vector_index import wake

    given = {
        "match": match,
        "caption": caption,
        "tags": tags,
        "separator": separator,
        "rating": rating,
        "collection": collection,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if source.is_dir() and options:
        raise LoupeError("INVALID_REQUEST", f"--{next(iter(options))} is for CSV files; '{source}' is a folder.")
    library = Library(settings_from()).open()
    report = _import(library, source, options, dry_run)
    if not dry_run and any(report.changes.values()):
        wake(library.home)
    if as_json:
        print_json(report)
        return
    _print_report(report, "line" if source.is_file() else "photo")


def _import(library: Library, source: Path, options: dict[str, Any], dry_run: bool) -> ImportReport:
    if source.is_dir():
        from resources.exchange.library_import import import_export

        return import_export(library, source, dry_run=dry_run)
    from resources.exchange.csv_import import CsvColumns, import_csv

    return import_csv(library, source, CsvColumns(**options), dry_run=dry_run)


def _print_report(report: ImportReport, row: str) -> None:
    matched = report.matched
    for note in report.notes:
        print(f"note: {note}")
    for unmatched in matched.unmatched[:_SHOWN_ROWS]:
        print(f"  no photo: {_called(unmatched, row)}")
    for ambiguous in matched.ambiguous[:_SHOWN_ROWS]:
        print(f"  several photos: {_called(ambiguous, row)}: {', '.join(ambiguous['paths'])}")
    shown = sum(len(rows[:_SHOWN_ROWS]) for rows in (matched.unmatched, matched.ambiguous))
    if (hidden := matched.unmatched_count + matched.ambiguous_count - shown) > 0:
        print(f"  and {hidden:,} more; --json lists them")
    by = ", ".join(f"{count:,} by {how}" for how, count in matched.by.items()) or "none"
    print(f"{counted(matched.rows, row)}: matched {by}; {matched.unmatched_count:,} without a photo here, ", end="")
    print(f"{matched.ambiguous_count:,} ambiguous.")
    done = [counted(count, *CHANGES[name]) for name, count in report.changes.items() if count]
    verb = "Would change" if report.dry_run else "Changed"
    print(f"{verb}: {', '.join(done)}." if done else "Nothing changes: all of it is here already.")


def _called(entry: dict[str, Any], row: str) -> str:
    return f"line {entry['theirs']}, '{entry['name']}'" if row == "line" else f"'{entry['name']}'"
