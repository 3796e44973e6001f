"""`loupe models`: which models there are, fetching, checking and choosing one, going back, pruning."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from orchestration.cli.options import JsonOption, megabytes, print_json, settings_from
from resources.errors import LoupeError
from resources.library import Library
from resources.model_change import Chosen, choose, kinds_of, roll_back
from resources.running_api import RunningApi
from resources.wording import counted

__all__ = ["app"]

app = typer.Typer(help="List, fetch, check, choose or prune models.", rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(help="A preset of `loupe models list`, or a captioner as owner/name.")]


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List presets, what they are for, and which are on this machine."""
    from resources.models import available

    library = Library(settings_from()).open()
    chosen = (("clip", library.clip()), ("captioner", library.captioner()))
    in_use = {(kind, identity.name) for kind, identity in chosen if identity}
    rows = [
        {
            "name": status.preset.name,
            "kind": status.preset.kind,
            "fetched": status.fetched,
            "in_use": (status.preset.kind, status.preset.name) in in_use,
            "bytes": status.bytes,
            "download_bytes": status.preset.download_bytes,
            "revision": status.preset.revision,
            "path": str(status.path),
            "description": status.preset.description,
        }
        for status in available(library.settings)
    ]
    if as_json:
        print_json({"models": rows})
        return
    for row in rows:
        state = "in use" if row["in_use"] else "fetched" if row["fetched"] else ""
        size = megabytes(float(str(row["bytes"] or row["download_bytes"] or 0)))
        print(f"{row['name']:<18} {row['kind']:<10} {size:>8}  {state:<8} {row['description']}")


@app.command("fetch")
def fetch_model(
    name: NameArgument,
    to: Annotated[Path | None, typer.Option(help="Bring it here, to carry to another machine.")] = None,
) -> None:
    """Download a model's weights, tokenizer and configuration, then check that it works."""
    from resources.models import check, fetch

    settings = settings_from()
    Library(settings).open()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task(name, total=None)
        folder = fetch(
            settings,
            name,
            to,
            lambda at: progress.update(task, description=at.stage, completed=at.bytes_done, total=at.bytes_total),
        )
    print(f"{name} is in {folder}")
    if to is None:
        report = check(settings, name)
        print(f"Checked: {report.fitting} of {len(report.items)} well-known photographs matched.")


@app.command("check")
def check_model(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show a model a dozen well-known photographs and see whether it knows them."""
    from resources.models import check

    settings = settings_from()
    reports = [check(settings, name, kind=kind) for kind in kinds_of(name)]
    if as_json:
        print_json({"checks": [asdict(report) for report in reports]})
        return
    for report in reports:
        if len(reports) > 1:
            print(f"{_kind(report.kind)}:")
        for item in report.items:
            print(f"{'ok ' if item.fits else 'NO '} {item.picture:<24} {item.answered}")
        print(f"{report.fitting} of {len(report.items)} matched; {report.needed} are needed.")


@app.command("use")
def use_model(name: NameArgument, as_json: JsonOption = False) -> None:
    """Use a model from now on. Photos are seen anew from their previews; search goes on with what there is."""
    library = Library(settings_from()).open()
    _say(library, [choose(library, kind, name) for kind in kinds_of(name)], as_json)


@app.command("rollback")
def roll_back_model(
    captioner: Annotated[bool, typer.Option("--captioner", help="The captioner instead of the search model.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Go back to the model that was in use before. What it made is still there, so that no photo is seen again."""
    library = Library(settings_from()).open()
    _say(library, [roll_back(library, "captioner" if captioner else "clip")], as_json)


@app.command("prune")
def prune_command(
    names: Annotated[list[str] | None, typer.Argument(help="Only these. Default: all that are not in use.")] = None,
    weights: Annotated[bool, typer.Option("--weights", help="Their fetched files too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List what models that are not in use have left here, and delete it with --yes. Your own words always stay."""
    from resources.model_pruning import find_prunable, prune_models
    from resources.vector_index import wake

    library = Library(settings_from()).open()
    found = find_prunable(library, names or [], weights=weights)
    listed = [
        {**asdict(each), "weights": str(each.weights) if each.weights else None, "bytes": each.bytes} for each in found
    ]
    if not as_json:
        for each in found:
            made = counted(each.results, "vector" if each.kind == "clip" else "caption")
            files = f" and the files in {each.weights}" if each.weights else ""
            print(f"{_kind(each.kind)} {each.name} ({each.revision[:12]}): {made}{files}, {megabytes(each.bytes)}")
    if found and not yes and not as_json and sys.stdin.isatty():
        print("These models can then no longer be gone back to without seeing the photos again.")
        yes = typer.prompt("Type prune to delete all of this", default="", show_default=False).strip() == "prune"
    pruned = prune_models(library, found) if found and yes else None
    if pruned:
        wake(library.home)
    if as_json:
        print_json({"models": listed, "pruned": asdict(pruned) if pruned else None})
    elif pruned:
        print(
            f"{megabytes(pruned.bytes)} freed: {counted(pruned.models, 'model')}, {counted(pruned.results, 'result')}."
        )
        if pruned.index_later:
            print("The search API still has the old index open, and deletes it when its last request is answered.")
    elif found:
        print(f"Nothing was deleted; `loupe models prune --yes` frees {megabytes(sum(each.bytes for each in found))}.")
    else:
        print("No model has left anything that is not in use.")


def _say(library: Library, chosen: Sequence[Chosen], as_json: bool) -> None:
    """Have the index follow, and tell what a choice did, what waits and how to watch it."""
    from resources.vector_index import bring_up_to_date, wake

    wake(library.home)
    notes = [note for each in chosen for note in _overrides(library, each.kind, each.name)]
    alone = RunningApi.of(library.home) is None
    if alone and any(each.kind == "clip" for each in chosen):
        try:
            bring_up_to_date(library.manifest, library.settings, library.clip())  # nobody else is there to switch
        except LoupeError as error:
            notes.append(f"the index does not follow yet: {error.message}")
    if as_json:
        print_json({"chosen": [asdict(each) for each in chosen], "notes": notes})
        return
    for each in chosen:
        print(f"{_kind(each.kind)}: {each.name} {'is now in use' if each.changed else 'was in use already'}.")
        if each.waiting:
            verb = "waits" if each.waiting == 1 else "wait"
            todo = "to be embedded" if each.kind == "clip" else "for a caption by it"
            print(f"  {counted(each.waiting, 'photo')} {verb} {todo}, from the previews.")
        if each.behind and each.before:
            goes_on = "search goes on with" if each.kind == "clip" else "the captions shown are those of"
            print(f"  Until then {goes_on} {each.before}; `loupe status` says how far it is.")
    if any(each.waiting for each in chosen) and alone:
        print("`loupe up` does the work.")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _kind(kind: str) -> str:
    return "image-text model" if kind == "clip" else "captioner"


def _overrides(library: Library, kind: str, name: str) -> Iterator[str]:
    """What goes before the choice of `name`: a setting, or the model that a running `loupe up` was started with."""
    setting, variable = ("model", "LOUPE_MODEL") if kind == "clip" else ("captioner", "LOUPE_CAPTIONER")
    named = getattr(library.settings, setting)
    if named not in (None, name):
        yield f"{variable}, or `{setting}` in loupe.toml, names '{named}', which goes before this choice. Remove it."
    api = RunningApi.of(library.home) if kind == "clip" else None
    if api is None:
        return
    served = api.get("/status")["named_model"]
    if served not in (None, name):
        yield f"`loupe up` was started with the model '{served}' and goes on with it: start it again without --model."
