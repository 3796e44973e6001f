"""How well a model finds pictures by what people wrote of them: a table of paths and captions, measured.

Belongs here: reading the table, ranks, recall, the misses. Not here: how files are decoded and models are loaded
(`measure` is given both), printing.

Each caption is a query among all pictures of the table. Recall@k is the share of captions whose picture comes among
the first k, MRR the mean of 1/rank (Voorhees 1999). A tie counts against the model, so that equal vectors everywhere
score nothing. Captions of one picture are queries of their own; two pictures with equal captions compete.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resources.errors import LoupeError

__all__ = ["Captioned", "Evaluation", "Miss", "measure", "read_captions"]

_CUTS = (1, 5, 10)
_MISSES = 10

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Captioned:
    """A row of the table: the file, and what it shows in a person's words."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Miss:
    """A caption whose picture did not come first: its rank, and what came first instead."""

    caption: str
    path: str
    rank: int
    first: str


@dataclass(frozen=True)
class Evaluation:
    """Shares of captions by the place of their picture among `pictures`; `chance_10` is what guessing gives.

    `unread` pictures, by path, with the reason; their captions are left out. `misses` are the worst first.
    """

    model: str
    captions: int
    pictures: int
    recall_1: float
    recall_5: float
    recall_10: float
    mrr: float
    median_rank: float
    chance_10: float
    misses: tuple[Miss, ...]
    unread: dict[str, str]


def read_captions(table: Path, photos: Path | None = None) -> list[Captioned]:
    """The rows of a CSV file with the columns `path` and `caption`, in order; rows without a caption are left out.

    A relative path is looked for below `photos`, or else beside the table and beside its folder.
    Raises `DIR_NOT_FOUND` without the table, `INVALID_REQUEST` for one that cannot be used.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except FileNotFoundError as error:
        raise LoupeError("DIR_NOT_FOUND", f"There is no file {table}.", path=str(table)) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LoupeError("INVALID_REQUEST", f"{table} cannot be read as CSV in UTF-8: {error}.") from error
    if not rows or not {"path", "caption"} <= rows[0].keys():
        raise LoupeError("INVALID_REQUEST", f"{table} has no rows with the columns path and caption.")
    places = [photos] if photos else [table.parent, table.parent.parent]
    return [
        Captioned(_found(places, row["path"]), row["caption"].strip())
        for row in rows
        if row["path"] and (row["caption"] or "").strip()
    ]


def measure(
    model: str,
    rows: Sequence[Captioned],
    embed_files: Callable[[Sequence[Path]], dict[Path, Vectors | str]],
    embed_texts: Callable[[list[str]], Vectors],
) -> Evaluation:
    """Scores a model on `rows`.

    `embed_files` gives the vector `[dim]` of each file, or why it has none; `embed_texts` float32 `[n, dim]`. Vectors
    have length one. Raises `DIR_EMPTY` when none of the files could be used.
    """
    files = list(dict.fromkeys(row.path for row in rows))
    embedded = embed_files(files)
    unread = {str(path): why for path, why in embedded.items() if isinstance(why, str)}
    known = [path for path in files if not isinstance(embedded[path], str)]
    used = [row for row in rows if not isinstance(embedded[row.path], str)]
    if not used:
        why = next((f"{path}: {why}" for path, why in unread.items()), "the table is empty")
        raise LoupeError("DIR_EMPTY", f"None of the pictures could be used: {why}")
    images = np.stack([np.asarray(embedded[path], np.float32) for path in known])
    scores = embed_texts([row.caption for row in used]) @ images.T
    own = np.array([known.index(row.path) for row in used])
    mine = scores[np.arange(len(used)), own][:, None]
    ranks = (scores >= mine).sum(1)
    first = scores.argmax(1)
    worst = sorted(np.flatnonzero(ranks > 1), key=lambda at: (-ranks[at], at))[:_MISSES]
    recall = [float((ranks <= cut).mean()) for cut in _CUTS]
    return Evaluation(
        model=model,
        captions=len(used),
        pictures=len(known),
        recall_1=recall[0],
        recall_5=recall[1],
        recall_10=recall[2],
        mrr=float((1 / ranks).mean()),
        median_rank=float(np.median(ranks)),
        chance_10=min(1.0, 10 / len(known)),
        misses=tuple(Miss(used[at].caption, str(used[at].path), int(ranks[at]), str(known[first[at]])) for at in worst),
        unread=unread,
    )


def _found(places: Sequence[Path], path: str) -> Path:
    candidates = [place / path for place in places]
    return next((each for each in candidates if each.is_file()), candidates[0])
