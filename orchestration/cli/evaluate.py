"""`loupe evaluate`: how well the model in use finds pictures by captions that people wrote."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from orchestration.cli.options import JsonOption, ModelOption, print_json, progress_line, settings_from
from resources.errors import CODES, LoupeError
from resources.library import Library
from resources.wording import counted

__all__ = ["evaluate_command"]

_AT_ONCE = 64


def evaluate_command(
    table: Annotated[Path, typer.Argument(help="CSV file with the columns path and caption.")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder of the paths; unset: that of the table, or the one around it.")
    ] = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure search by content: each caption is a query, its picture should come first. Nothing is kept."""
    from resources.engine import DecodeTask, LocalEngine
    from resources.models import GpuResource, load_clip
    from resources.search.evaluation import Evaluation, measure, read_captions

    library = Library(settings_from(model=model)).open()
    rows = read_captions(table, photos)
    clip = library.clip()
    if clip is None:
        raise LoupeError("SEARCH_BY_CONTENT_OFF", "A measurement needs a model: `loupe models fetch siglip2-b32`.")
    encoder = load_clip(library.settings, clip.name, GpuResource(library.settings))
    engine = LocalEngine(library.settings)

    def embed_files(files: Sequence[Path]) -> dict[Path, npt.NDArray[np.float32] | str]:
        found: dict[Path, npt.NDArray[np.float32] | str] = {}
        waiting: dict[Path, npt.NDArray[np.uint8]] = {}

        def flush() -> None:
            if waiting:
                found.update(zip(waiting, encoder.embed_images(np.stack(list(waiting.values()))), strict=True))
                waiting.clear()

        # Read like stored previews: decoded, never stored or hashed.
        tasks = (DecodeTask(str(path.absolute()), "preview", path, (encoder.input_spec,)) for path in files)
        with progress_line() as say:
            for outcome in engine.decode(tasks, lambda sha256: True, threading.Event()):
                path: Path = outcome.task.reference
                if outcome.status == "decoded":
                    waiting[path] = outcome.inputs[0]
                else:
                    found[path] = outcome.message or CODES[outcome.code or "CORRUPT"].meaning
                if len(waiting) >= _AT_ONCE:
                    flush()
                say("Reading pictures", len(found) + len(waiting), len(files))
        flush()
        return found

    result: Evaluation = measure(clip.name, rows, embed_files, encoder.embed_texts)
    if as_json:
        print_json(asdict(result))
        return
    console = Console()
    console.print(
        f"{result.model}: {counted(result.captions, 'caption')} among {counted(result.pictures, 'picture')}\n"
        f"  first           {result.recall_1:.1%}\n"
        f"  among first 5   {result.recall_5:.1%}\n"
        f"  among first 10  {result.recall_10:.1%}  (chance {result.chance_10:.1%})\n"
        f"  mean 1/rank     {result.mrr:.3f}, median rank {result.median_rank:g}",
        highlight=False,
    )
    if result.misses:
        console.print("Furthest from the first place:", highlight=False)
    for miss in result.misses:
        console.print(f"  {miss.rank:>4}  {miss.caption}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"        {miss.path}; first was {miss.first}", highlight=False, markup=False, soft_wrap=True)
    for path, why in list(result.unread.items())[:10]:
        console.print(f"not used: {path}: {why}", highlight=False, markup=False, soft_wrap=True)
    if len(result.unread) > 10:
        console.print(f"and {len(result.unread) - 10} more that could not be used", highlight=False)
