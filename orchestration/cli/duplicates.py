"""`loupe duplicates`: photos that show the same, found, listed and put away."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.duplicates import AREAS, SHOWN_IN, TIERS, ContentModel, Tier, find_duplicates, keep
from resources.errors import LoupeError
from resources.folders import from_text
from resources.library import Library, result_key
from resources.manifest import Transaction, duplicates, photos
from resources.vector_index import wake
from resources.wording import counted

__all__ = ["app"]

app = typer.Typer(help="Find, list or put away photos that show the same.", rich_markup_mode=None)

TierOption = Annotated[str | None, typer.Option("--tier", help=f"Only of this kind: {', '.join(TIERS)}.")]


@app.command("find")
def find(
    minutes: Annotated[float, typer.Option(min=0.1, help="Stop after so long; the rest is for the next time.")] = 60,
    as_json: JsonOption = False,
) -> None:
    """Compare what is new with everything else now. `loupe up` does so each hour."""
    from resources.models import GpuResource, load_clip

    library = Library(settings_from()).open()
    clip = library.clip()
    gpu = GpuResource(library.settings)
    model = (
        ContentModel(result_key(clip), clip.input_spec, lambda: load_clip(library.settings, clip.name, gpu))
        if clip
        else None
    )
    counts = find_duplicates(library.manifest, library.home, model, limit_s=60 * minutes)
    if as_json:
        print_json({**vars(counts), "groups": dict(counts.groups)})
        return
    left = f"; {counted(counts.left, 'picture')} left" if counts.left else ""
    print(f"Compared {counted(counts.compared, 'new picture')}{left}.")
    _tell(library)


@app.command("list")
def list_groups(
    tier: TierOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Most groups to list.")] = 100,
    paths0: Annotated[
        bool,
        typer.Option("--paths", "-0", help="Only the paths of those not to keep, each ended by a NUL byte."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List groups, the photo to keep first."""
    library = Library(settings_from()).open()
    chosen = _tier(tier)
    with library.manifest.read() as tx:
        found = duplicates.groups(tx, tiers=SHOWN_IN, tier=chosen, photo_ids=None, limit=limit, offset=0)
        paths = {each: _paths(tx, each) for group in found for each in group["photo_ids"]}
    if as_json:
        print_json({"groups": [{**group, "paths": [paths[each] for each in group["photo_ids"]]} for group in found]})
        return
    for group in found:
        best, *others = [path for each in group["photo_ids"] for path in paths[each]] or [""]
        if paths0:
            for path in others:
                sys.stdout.buffer.write(os.fsencode(from_text(path)) + b"\0")
            continue
        print(f"{group['group_id']}  {group['tier'].replace('_', ' ')} ({', '.join(group['reasons'] or [])})")
        print(f"  keep  {best}")
        for path in others:
            print(f"        {path}")
    if not paths0:
        _tell(library)


@app.command("keep")
def keep_best(
    group: Annotated[list[str] | None, typer.Argument(help="Groups, by their ids.")] = None,
    tier: TierOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep the best of each group and hide the others; no file is touched. What a person gave them goes over."""
    chosen = _tier(tier)
    if bool(group) == bool(chosen):
        raise LoupeError("INVALID_REQUEST", "Name groups, or a kind with --tier.")
    library = Library(settings_from()).open()
    with library.manifest.read() if dry_run else library.manifest.write() as tx:
        asked = group or [
            each["group_id"]
            for each in duplicates.groups(tx, tiers=SHOWN_IN, tier=chosen, photo_ids=None, limit=1_000_000, offset=0)
        ]
        kept = keep(tx, asked, dry_run=dry_run)
    if not dry_run:
        wake(library.home)
    hidden = len({photo_id for each in kept for photo_id in each.hidden})
    if as_json:
        print_json({"kept": [vars(each) for each in kept], "hidden": hidden, "dry_run": dry_run})
    else:
        words = "would leave" if dry_run else "left"
        print(f"{counted(len(kept), 'group')}: {counted(hidden, 'photo')} {words} the library; no file was touched.")
        if left := len({photo_id for each in kept for photo_id in each.left}):
            print(f"{counted(left, 'photo')} stayed: pages of a file with other pages, or kept by another group.")


def _tell(library: Library) -> None:
    clip = library.clip()
    with library.manifest.read() as tx:
        by_tier = duplicates.counts(tx)
        due = duplicates.is_due(tx, AREAS, result_key(clip) if clip else None)
    said = [
        f"{counted(by_tier[tier]['groups'], 'group')} {tier.replace('_', ' ')}" for tier in TIERS if tier in by_tier
    ]
    print(f"Groups: {', '.join(said)}." if said else "No duplicates.", file=sys.stderr)
    if due:
        print("Some photos were not compared yet: loupe duplicates find", file=sys.stderr)


def _tier(name: str | None) -> Tier | None:
    for tier in TIERS:
        if name == tier:
            return tier
    if name is None:
        return None
    raise LoupeError("INVALID_REQUEST", f"'{name}' is none of the kinds: {', '.join(TIERS)}.")


def _paths(tx: Transaction, photo_id: str) -> list[str]:
    return [
        os.path.join(row["root_path"], row["rel_path"])
        for row in photos.paths(tx, photo_id)
        if row["missing_since"] is None
    ]
