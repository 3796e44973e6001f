"""`loupe ingest PATH...`: take photos in now and wait until they are searchable."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestration.cli.options import CaptionsOption, JsonOption, ModelOption, print_json, settings_from
from resources.wording import counted

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
        return
    before = counts.files - counts.decoded - counts.known - counts.failed - counts.skipped
    print(
        f"{counted(counts.files, 'file')}: {max(0, before):,} as before, {counts.decoded:,} decoded, "
        f"{counts.embedded:,} embedded, {counts.captioned:,} captioned, "
        f"{counts.known:,} with bytes known already, {counts.failed:,} failed, "
        f"{counts.skipped:,} skipped; {counts.seconds:.1f} s."
    )
    if library.clip() is None:
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
