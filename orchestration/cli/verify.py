"""`loupe verify`: does the library agree with itself, and are the originals what they were."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, progress_line, settings_from
from resources.errors import CODES, LoupeError
from resources.wording import counted

__all__ = ["verify_command"]


def verify_command(
    originals: Annotated[bool, typer.Option("--originals", help="Read every original and compare its hash.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be made again. Photos are never touched.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold manifest, previews, vectors, index and files against each other."""
    from resources.library import Library
    from resources.verification import verify_library

    library = Library(settings_from()).open()
    with progress_line() as say:
        parts = verify_library(library, originals=originals, repair=repair, progress=say)
    ok = all(part.ok for part in parts)
    if as_json:
        print_json({"ok": ok, "parts": [{**asdict(part), "ok": part.ok} for part in parts]})
    else:
        for part in parts:
            print(f"{'ok ' if part.ok else 'BAD'} {part.name:<10} {counted(part.checked, part.unit)}")
            for finding in part.findings:
                mended = f"; {finding.mended:,} mended" if finding.mended else ""
                print(f"    {finding.sentence} ({finding.count:,}{mended})")
                for example in finding.examples:
                    print(f"        {example}")
    if ok:
        return
    if as_json:
        sys.exit(CODES["LIBRARY_INCONSISTENT"].exit_status)
    mendable = not repair and any(not part.ok for part in parts if part.name != "originals")
    advice = " `loupe verify --repair` mends what can be made again." if mendable else ""
    raise LoupeError("LIBRARY_INCONSISTENT", f"Not everything is as it should be; see the list.{advice}")
