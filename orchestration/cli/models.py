"""`loupe models`: which models there are, fetching, checking and choosing one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from orchestration.cli.options import JsonOption, megabytes, print_json, settings_from
from resources.errors import LoupeError
from resources.library import Library
from resources.running_api import RunningApi

__all__ = ["app"]

app = typer.Typer(help="List, fetch, check or choose models.", rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(help="A preset of `loupe models list`, or a captioner as owner/name.")]


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List presets, what they are for, and which are on this machine."""
    from resources.models import available

    library = Library(settings_from()).open()
    in_use = {identity.name for identity in (library.clip(), library.captioner()) if identity}
    rows = [
        {
            "name": status.preset.name,
            "kind": status.preset.kind,
            "fetched": status.fetched,
            "in_use": status.preset.name in in_use,
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

    report = check(settings_from(), name)
    if as_json:
        print_json(report)
        return
    for item in report.items:
        print(f"{'ok ' if item.fits else 'NO '} {item.picture:<24} {item.answered}")
    print(f"{report.fitting} of {len(report.items)} matched; {report.needed} are needed.")


@app.command("use")
def use_model(name: NameArgument) -> None:
    """Use a model from now on. Photos are embedded anew from their previews; captions made before stay."""
    from resources.manifest import models
    from resources.models import CAPTIONERS, PRESETS, captioner_spec, clip_spec
    from resources.vector_index import wake

    settings = settings_from()
    library = Library(settings).open()
    kinds = [kind for kind, known in (("clip", PRESETS), ("captioner", CAPTIONERS)) if name in known]
    kinds = kinds or (["captioner"] if "/" in name else [])
    if not kinds:
        raise LoupeError("MODEL_UNKNOWN", f"No model is called '{name}'; see `loupe models list`.", name=name)
    for kind in kinds:
        identity = clip_spec(settings, name) if kind == "clip" else captioner_spec(settings, name)
        with library.manifest.write() as tx:
            changed = models.use(
                tx, kind, identity.name, identity.revision, identity.preprocess_version, identity.dim or None
            )
        print(f"{kind}: {name} {'is now in use' if changed else 'was in use already'}.")
        for note in _overrides(library, kind, name):
            print(f"note: {note}", file=sys.stderr)
    wake(library.home)


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
