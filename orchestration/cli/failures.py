"""`loupe failures`: the files that could not be taken in, each with a code and a sentence."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.library import Library
from resources.manifest import failures

__all__ = ["failures_command"]


def failures_command(
    code: Annotated[str | None, typer.Option(help="Only failures with this code.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Forget them, so that the next ingest tries again.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to list.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """List problem files by code, or have them tried again."""
    library = Library(settings_from()).open()
    if retry:
        with library.manifest.write() as tx:
            count = failures.retry(tx, code)
        if as_json:
            print_json({"retried": count})
        else:
            print(f"{count:,} files will be tried again by the next ingest.")
        return
    with library.manifest.read() as tx:
        by_code = failures.count_by_code(tx)
        rows = failures.list_all(tx, code, limit)
    listed = [
        {
            "path": f"{row['root_path']}/{row['rel_path']}",
            **{name: row[name] for name in ("stage", "code", "message", "attempts", "first_at", "last_at")},
        }
        for row in rows
    ]
    if as_json:
        print_json({"total": sum(by_code.values()), "by_code": by_code, "failures": listed})
        return
    for row in listed:
        print(f"{row['code']:<20} {row['path']}\n{'':<20} {row['message']}")
    print(f"{sum(by_code.values()):,} problem files" + "".join(f", {n:,} {c}" for c, n in by_code.items()))
