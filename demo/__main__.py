"""`make demo`: draw the library, take it in, show evidence and example searches, then serve.

Everything goes to `.demo/` in the checkout: `photos/`, `truth.csv` and a home of its own, never a person's library.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from demo.evidence import NOTICE
from orchestration.cli.options import quiet_terminal
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import problems
from resources.manifest.problems import Which
from resources.models import DEMO_MODEL
from resources.settings import Settings

_PLACE = Path(__file__).resolve().parents[1] / ".demo"
_SEARCHES = ("red sailboats by a lake", "yellow balloons in the desert", "houses in a forest at night")
_TOP = 3

console = Console()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--serve", type=int, default=1, help="0 ends instead of serving.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--dagster-port", type=int, default=3000)
    options = parser.parse_args(arguments)
    quiet_terminal()
    started = time.monotonic()
    settings = Settings.load(home=_PLACE / "home", model=DEMO_MODEL, captions="now")
    console.print(f"[bold]{NOTICE}[/bold]\n")
    try:
        if options.serve:
            _check_ports(settings, options.port, options.dagster_port)
        photos = _draw(_PLACE / "photos")
        truth = _truth(_PLACE / "truth.csv")
        library = Library(settings)
        _take_in(library, photos, truth)
        good = _evidence(settings) and _searches(settings, truth)
        good = _explain_failures(library, truth) and good
    except LoupeError as error:
        console.print(f"error [{error.code}]: {error.message}", style="red", markup=False)
        return error.row.exit_status
    console.print(f"\nThe demo took {time.monotonic() - started:.0f} s.")
    console.print("For your own photos:  [bold].venv/bin/loupe up ~/Pictures[/bold]", highlight=False)
    if options.serve:
        _serve(settings, photos, options.port, options.dagster_port)
    return 0 if good else 1


def _serve(settings: Settings, photos: Path, port: int, dagster_port: int) -> NoReturn:
    """Become `loupe up` on the demo's home."""
    command = [sys.executable, "-m", "orchestration.cli", "up", str(photos), "--model", DEMO_MODEL, "--captions", "now"]
    command += ["--port", str(port), "--dagster-port", str(dagster_port)]
    os.environ["LOUPE_HOME"] = str(settings.home)
    sys.stdout.flush()
    os.execv(sys.executable, command)


def _check_ports(settings: Settings, port: int, dagster_port: int) -> None:
    from orchestration.services import check_port

    check_port(port, settings.host, "make demo PORT=")
    check_port(dagster_port, "127.0.0.1", "make demo DAGSTER_PORT=")


def _draw(photos: Path) -> Path:
    from demo.library import make_library

    if not photos.exists():
        console.print(f"Drawing the demo library in {photos} …")
        photos.parent.mkdir(parents=True, exist_ok=True)
        make_library(photos, workers=os.cpu_count() or 1)
    return photos


def _truth(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return {row["path"]: row for row in csv.DictReader(stream)}


def _take_in(library: Library, photos: Path, truth: dict[str, dict[str, str]]) -> None:
    from assets.umap_projections import refresh_map
    from orchestration.ingest import ingest

    with console.status("Taking it in: decode, embed, caption, index …"):
        counts, _ = ingest(library, [str(photos)])
        placed = len(refresh_map(library))
    with library.manifest.read() as tx:
        formats = Counter(dict(tx.execute("SELECT format, count(*) FROM photos GROUP BY format").fetchall()))
    table = Table(title="Taken in")
    for heading in ("files", "decoded", "same bytes as another", "embedded", "captioned", "failed", "on the map"):
        table.add_column(heading, justify="right")
    done = (counts.files, counts.decoded, counts.known, counts.embedded, counts.captioned, counts.failed, placed)
    table.add_row(*(f"{count:,}" for count in done))
    console.print(table)
    listed = ", ".join(f"{count} {name}" for name, count in formats.most_common())
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(row["kind"] for row in truth.values()).most_common())
    console.print(f"In the library: {listed}.\nDrawn as: {kinds}.")
    if counts.decoded:
        console.print(f"{counts.seconds:.0f} s, {counts.decoded / counts.seconds:.1f} photos/s with captions.")
    else:
        console.print(f"Nothing was new: no file read, no model called, {counts.seconds:.1f} s.")


def _evidence(settings: Settings) -> bool:
    from demo.evidence import measure, report

    with console.status("Measuring the models on pictures they have not seen …"):
        found = measure(settings)
    report(found)
    return all(found.goals_met().values())


def _searches(settings: Settings, truth: dict[str, dict[str, str]]) -> bool:
    """Example searches by vectors alone, the truth of each hit beside it."""
    from orchestration.cli.search import search_library

    root = str(_PLACE / "photos") + "/"
    right = True
    for text in _SEARCHES:
        found = search_library(settings, text, None, None, _TOP, "meaning")
        table = Table(title=f'Search: "{text}"', title_justify="left")
        for heading in ("score", "photo", "drawn as"):
            table.add_column(heading)
        for hit in found["results"]:
            path = hit["path"].removeprefix(root)
            table.add_row(f"{hit['score']:.3f}", path, truth[path]["caption"])
        console.print(table)
        first: dict[str, Any] = found["results"][0]
        right = _fits(text, truth[first["path"].removeprefix(root)]) and right
    console.print("The first result of each search is right." if right else "A first result is wrong.")
    return right


def _fits(text: str, row: dict[str, str]) -> bool:
    """Whether what was drawn is what was asked for: every attribute that the query names."""
    from demo.postcards import claims_of

    return all(
        str(row[name]) == str(value) for name, value in claims_of(text).items() if name in row and name != "count"
    )


def _explain_failures(library: Library, truth: dict[str, dict[str, str]]) -> bool:
    """List the problem files; each must be one that the library breaks on purpose."""
    with library.manifest.read() as tx:
        rows = problems.failed(tx, Which(), limit=1000)
    for row in rows:
        meant = truth[row["rel_path"]]["kind"] == "broken"
        why = "broken on purpose" if meant else "NOT EXPECTED"
        console.print(f"Problem file: {row['rel_path']} [{row['code']}] {row['message']} ({why})", markup=False)
    return all(truth[row["rel_path"]]["kind"] == "broken" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
