"""`loupe failures`: the files that could not be taken in, each with a code and a sentence; trying them again.

Beside them what came in with a warning (`--warnings`) and what is left out on purpose (`--skipped`).
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.errors import CODES, WARNINGS, LoupeError
from resources.folders import to_text
from resources.library import Library
from resources.manifest import problems
from resources.manifest.problems import Which
from resources.running_api import RunningApi
from resources.wording import counted

__all__ = ["failures_command"]

_SHOWN = ("id", "path", "stage", "code", "message", "page", "attempts", "retried", "first_at", "last_at")


def failures_command(
    paths: Annotated[list[str] | None, typer.Argument(help="With --retry: these files only.")] = None,
    code: Annotated[list[str] | None, typer.Option(help="Only with this code (of --skipped: this reason).")] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Only of this stage: file_inventory, decoded_images, sidecars, embeddings, captions."),
    ] = None,
    under: Annotated[str | None, typer.Option(help="Only what stands below this folder.")] = None,
    warnings: Annotated[bool, typer.Option("--warnings", help="List photos that came in with a warning.")] = False,
    skipped: Annotated[bool, typer.Option("--skipped", help="List files that are left out on purpose.")] = False,
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Try again: the files named, what the options leave, or all; also of --warnings."),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --retry: every problem file.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to list.")] = 1000,
    offset: Annotated[int, typer.Option(min=0, help="Rows to pass over.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """List problem files by code, or have them tried again."""
    which = Which(
        codes=code or (),
        stages=stage or (),
        under=_absolute(under) if under is not None else None,
        paths=[_absolute(path) for path in paths or ()],
    )
    _check(which, warnings=warnings, skipped=skipped, retry=retry, everything=everything)
    library = Library(settings_from()).open()
    if not skipped:
        with library.manifest.read() as tx:
            problems.check(tx, which, warnings=warnings)
    if retry:
        _retry(library, which, as_json, warnings=warnings)
    elif warnings:
        _list_warnings(library, which, limit, offset, as_json)
    elif skipped:
        _list_skipped(library, which, limit, offset, as_json)
    else:
        _list_failures(library, which, limit, offset, as_json)


def _check(which: Which, *, warnings: bool, skipped: bool, retry: bool, everything: bool) -> None:
    """Refuse options that do not go together, rather than pass one over."""
    narrowed = bool(which.codes or which.stages or which.under or which.paths)
    for wrong, sentence in (
        (warnings + skipped > 1, "--warnings and --skipped are different things: give one of them."),
        (retry and skipped, "What is left out on purpose is not tried again."),
        (retry and warnings and which.paths, "Photos with a warning are narrowed by --code and --under."),
        (which.stages and (warnings or skipped), "--stage narrows failures alone."),
        (which.paths and not retry, "Files are named for --retry; to list those of a folder say --under PATH."),
        (everything and not retry, "--all goes with --retry; without either all are listed."),
        (everything and narrowed, "--all means every problem file: leave out the paths and the other options."),
    ):
        if wrong:
            raise LoupeError("INVALID_REQUEST", sentence)


def _absolute(path: str) -> str:
    return to_text(os.path.abspath(os.path.expanduser(path)))


def _retry(library: Library, which: Which, as_json: bool, *, warnings: bool) -> None:
    api = RunningApi.of(library.home)
    if api is not None:  # it has Dagster start a run at once
        given = {"codes": which.codes, "stages": which.stages, "paths": which.paths, "under": which.under}
        asked = {name: list(value) if name != "under" else value for name, value in given.items() if value}
        reply = api.post("/warnings/retry" if warnings else "/failures/retry", asked or {"all": True})
    else:
        with library.manifest.write() as tx:
            retried = problems.reread(tx, which) if warnings else problems.retry(tx, which)
        if retried.count == 0 and which.paths:
            raise LoupeError(
                "FAILURE_NOT_FOUND", "None of these is a problem file; `loupe failures` lists those that are."
            )
        unknown = [path for path in which.paths if path not in retried.paths]
        note = "`loupe ingest` or `loupe up` does so." if retried.count else None
        reply = {"retried": retried.count, "unknown": unknown, "job_id": None, "note": note}
    if as_json:
        print_json(reply)
        return
    what = "file with a warning" if warnings else "problem file"
    said = counted(reply["retried"], what, "files with a warning" if warnings else None)
    if reply["job_id"]:
        print(f"{said} tried again now, by run {reply['job_id']}.")
    elif reply["retried"]:
        verb = "is" if reply["retried"] == 1 else "are"
        print(f"{said} {verb} to be tried again. {reply['note'] or ''}".rstrip())
    else:
        print("There is nothing to try again.")
    for path in reply["unknown"]:
        print(f"no problem file: {path}")


def _list_failures(library: Library, which: Which, limit: int, offset: int, as_json: bool) -> None:
    with library.manifest.read() as tx:
        kinds = problems.failure_kinds(tx, which)
        rows = problems.failed(tx, which, limit, offset)
    by_code = _summed((kind.code, kind.count) for kind in kinds)
    total = sum(by_code.values())
    if as_json:
        print_json(
            {
                "total": total,
                "by_code": by_code,
                "by_stage": _summed((kind.stage, kind.count) for kind in kinds),
                "failures": [{name: row[name] for name in _SHOWN} for row in rows],
            }
        )
        return
    shown = None
    for row in rows:
        if row["code"] != shown:
            shown = row["code"]
            known = CODES.get(shown)
            print(f"{shown} ({counted(by_code[shown], 'file')}): {known.meaning if known else ''}")
            if known:
                print(f"  {known.advice}")
        page = f" (page {row['page']})" if row["page"] > 1 else ""
        print(f"  {row['path']}{page}\n      {row['message']}{_tried(row)}")
    _print_end(counted(total, "problem file"), len(rows) + offset, total)


def _tried(row: dict[str, Any]) -> str:
    if row["retried"]:
        return " It is to be tried again."
    if row["attempts"] < 2:
        return ""
    return f" Tried {row['attempts']} times, last on {row['last_at']:%Y-%m-%d %H:%M} UTC."


def _list_warnings(library: Library, which: Which, limit: int, offset: int, as_json: bool) -> None:
    with library.manifest.read() as tx:
        by_code = problems.warning_kinds(tx, which)
        total = problems.warned_count(tx, which)
        rows = problems.warned(tx, which, limit, offset)
    if as_json:
        print_json({"total": total, "by_code": by_code, "photos": rows})
        return
    for row in rows:
        page = f" (page {row['page']} of {row['pages']})" if row["pages"] > 1 else ""
        print(f"{row['path']}{page}")
        for each in row["warnings"]:
            known = WARNINGS.get(each)
            print(f"    {each}: {known.meaning if known else ''}")
    _print_end(f"{counted(total, 'photo')} came in with a warning", len(rows) + offset, total)


def _list_skipped(library: Library, which: Which, limit: int, offset: int, as_json: bool) -> None:
    with library.manifest.read() as tx:
        by_reason = problems.skip_reasons(tx, which)
        rows = problems.skipped(tx, which, limit, offset)
    total = sum(by_reason.values())
    if as_json:
        print_json({"total": total, "by_reason": by_reason, "files": rows})
        return
    shown = None
    for row in rows:
        if row["reason"] != shown:
            shown = row["reason"]
            print(f"{shown} ({counted(by_reason[shown], 'file')})")
        print(f"  {row['path']}")
    _print_end(f"{counted(total, 'file')} left out", len(rows) + offset, total)


def _summed(pairs: Any) -> dict[str, int]:
    """Counts by name, most frequent first."""
    counts: dict[str, int] = {}
    for name, count in pairs:
        counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _print_end(sentence: str, at: int, total: int) -> None:
    more = f"; {total - at:,} more with --offset {at}" if 0 < at < total else ""
    print(f"{sentence}{more}.")
