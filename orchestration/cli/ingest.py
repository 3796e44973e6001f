"""`loupe ingest PATH...`: take photos in now and wait until they are searchable."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestration.cli.audit import note_change
from orchestration.cli.options import CaptionsOption, JsonOption, ModelOption, print_json, settings_from
from resources.errors import CODES
from resources.wording import counted

if TYPE_CHECKING:
    from orchestration.ingest import IngestCounts

__all__ = ["ingest_command"]


def ingest_command(
    paths: Annotated[list[str], typer.Argument(help="Folders of photos. Nothing in them is changed.")],
    model: ModelOption = None,
    captions: CaptionsOption = None,
    captioner: Annotated[str | None, typer.Option(help="Captioner; see `loupe models list`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Take in folders of photos: new and changed ones are decoded, embedded and made searchable."""
    from orchestration.ingest import ingest
    from resources.library import Library

    library = Library(settings_from(model=model, captions=captions, captioner=captioner))
    with _Bars(visible=not as_json) as bars:
        counts, added = ingest(library, paths, bars.show)
    if as_json:
        figures = {name: value for name, value in counts.to_dict().items() if name != "totals"}
        print_json({**figures, "folders": [root.path for root in added]})
    else:
        _tell(counts, can_search=library.clip() is not None)
    if counts.held_back:
        note_change(library, "loupe ingest", " ".join(paths))
        sys.exit(CODES["MASS_VANISH"].exit_status)


def _tell(counts: IngestCounts, *, can_search: bool) -> None:
    lost = sum(loss.gone for loss in counts.held_back.values())
    before = counts.files - counts.decoded - counts.known - counts.failed - counts.skipped - lost
    print(
        f"{counted(counts.files, 'file')}: {max(0, before):,} as before, {counts.decoded:,} decoded, "
        f"{counts.embedded:,} embedded, {counts.captioned:,} captioned, "
        f"{counts.known:,} with bytes known already, {counts.failed:,} failed, "
        f"{counts.skipped:,} skipped{f', {lost:,} not where they were' if lost else ''}; {counts.seconds:.1f} s."
    )
    for loss in counts.held_back.values():
        print(loss.sentence)
    if not can_search:
        print("Search by content is off: run `loupe models fetch siglip2-b32`, then ingest again.")
    if counts.paused:
        print(f"Paused: {counted(counts.left, 'photo')} still to do. `loupe resume`, then run the same command again.")
    elif counts.left:
        verb = "waits" if counts.left == 1 else "wait"
        print(f"{counted(counts.left, 'photo')} still {verb}; run the same command again.")
    if counts.failed:
        print("`loupe failures` lists what could not be read, and why.")


class _Bars:
    """One bar per stage on standard error."""

    def __init__(self, *, visible: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not visible,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._progress.stop()

    def show(self, row: dict[str, Any]) -> None:
        for stage, counts in row["stages"].items():
            if stage not in self._tasks:
                self._progress.start()
                self._tasks[stage] = self._progress.add_task(stage, total=counts["total"])
            self._progress.update(self._tasks[stage], completed=counts["done"], total=counts["total"])
