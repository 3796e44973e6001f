"""`loupe dataset DIR`: photos and their captions, divided into train, val and test, to train models with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from orchestration.cli.search import found_photos
from resources.clock import utc_now
from resources.errors import LoupeError
from resources.handoff import (
    Original,
    Sample,
    Splits,
    coco_captions,
    csv_table,
    dataset_sample,
    link_pictures,
    parse_shares,
    reachable,
    watched_folders,
    webdataset,
)
from resources.home import storage_error
from resources.library import Library
from resources.manifest import related
from resources.wording import counted

__all__ = ["dataset_command"]

Found = tuple[Sample, Original]


def dataset_command(
    folder: Annotated[Path, typer.Argument(help="A folder that is new or empty.")],
    query: Annotated[str, typer.Argument(help='A query, as for `loupe search`; "" for every photo.')] = "",
    kind: Annotated[str, typer.Option("--format", help="coco, webdataset or csv.")] = "coco",
    shares: Annotated[str, typer.Option(help="Of train, val and test, met on the average.")] = "80,10,10",
    seed: Annotated[int, typer.Option(min=0, help="Another division for another number.")] = 0,
    shard: Annotated[int, typer.Option(min=1, help="webdataset: most photos in one tar.")] = 5000,
    stacks: Annotated[str, typer.Option(help="covers: of a stack its cover; all: every photo of it.")] = "covers",
    as_json: JsonOption = False,
) -> None:
    """Write a data set of what a query finds. Photos that belong together (duplicates, stacks) are never divided.

    coco and csv link to the originals in `images/`; webdataset holds copies of them.
    """
    if kind not in ("coco", "webdataset", "csv"):
        raise LoupeError("INVALID_REQUEST", f"--format is coco, webdataset or csv, not '{kind}'.")
    if stacks not in ("covers", "all"):
        raise LoupeError("INVALID_REQUEST", f"--stacks is covers or all, not '{stacks}'.")
    divided = parse_shares(shares)
    library = Library(settings_from()).open()
    watched = watched_folders(library.manifest)
    hits = found_photos(library.settings, query or None, filters={"stacks": stacks})["hits"]
    with library.manifest.read() as tx:
        pairs = related.related(tx)
    splits = Splits(divided, seed, pairs)
    found, missing = _reachable(hits, splits, watched)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LoupeError("INVALID_REQUEST", f"'{folder}' is not empty; nothing is overwritten.")
        _write(folder, kind, found, shard, watched)
    except OSError as error:
        raise storage_error(error, folder) from error
    counts = {split: len(each) for split, each in found.items()}
    if as_json:
        print_json({"photos": counts, "missing": missing})
        return
    told = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    print(f"{counted(sum(counts.values()), 'photo')} in {folder}: {told}.")
    if missing:
        print(f"{counted(len(missing), 'photo')} left out: no file can be reached now.")


def _reachable(
    hits: Iterable[dict[str, Any]], splits: Splits, watched: list[str]
) -> tuple[dict[str, list[Found]], list[str]]:
    """By split, in the order of ids; and the ids of photos without a file now."""
    found: dict[str, list[Found]] = {"train": [], "val": [], "test": []}
    missing = []
    for hit in sorted(hits, key=lambda hit: str(hit["photo_id"])):
        sample = dataset_sample(hit, splits.of(hit["photo_id"]))
        original = reachable(hit.get("paths") or (), watched)
        if original is None:
            missing.append(sample.photo_id)
        else:
            found[sample.split].append((sample, original))
    return found, missing


def _write(folder: Path, kind: str, found: dict[str, list[Found]], shard: int, watched: list[str]) -> None:
    if kind == "webdataset":
        for split, pairs in found.items():
            for number, start in enumerate(range(0, len(pairs), shard)):
                _file(folder / f"{split}-{number:06d}.tar", webdataset(iter(pairs[start : start + shard])))
        return
    link_pictures(
        str(folder / "images"),
        ((sample.file_name, original.path) for pairs in found.values() for sample, original in pairs),
        watched,
    )
    if kind == "csv":
        _file(folder / "photos.csv", csv_table(sample for pairs in found.values() for sample, _ in pairs))
        return
    for split, pairs in found.items():
        _file(folder / f"captions_{split}.json", coco_captions((sample for sample, _ in pairs), utc_now()))


def _file(path: Path, content: Iterator[bytes]) -> None:
    with path.open("xb") as target:  # never over what is there
        for part in content:
            target.write(part)
