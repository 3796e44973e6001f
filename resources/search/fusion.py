"""Two ranked lists into one, and where relevance ends. Exact and the same in both homes of the index."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from operator import neg
from typing import NamedTuple

from resources.vector_index import Ranked, RankedList

__all__ = [
    "CANDIDATES",
    "Cut",
    "best_of",
    "cut_of",
    "cut_of_words",
    "deep_for",
    "fuse",
    "least_of_meaning",
    "least_of_words",
    "reaching",
]

# How deep a ranked list is taken at first: so many of each are fused, and among so many an edge is looked for.
CANDIDATES = 1000
# So many times as deep each time that what is relevant goes on to the end.
_DEEPER = 4
# Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet ...", SIGIR 2009: k = 60.
_RRF_K = 60
_SURELY, _PERHAPS = 0.9, 0.6


def deep_for(places: int) -> int:
    """How deep lists are taken so that of what is relevant so many are known, and one more."""
    depth = CANDIDATES
    while depth <= places:
        depth *= _DEEPER
    return depth + 1


class Cut(NamedTuple):
    """So many of a list's best are `relevant`; when not `sure` there may be more."""

    relevant: int
    sure: bool


def fuse(*lists: tuple[RankedList, int]) -> tuple[list[Ranked], list[Ranked]]:
    """What is relevant of several lists, best first, and what is not; of each list so many are relevant.

    Reciprocal rank fusion of the best 1,000 of each list: a photo gets 1 / (60 + its rank) from each that has it. What
    is relevant only by a list's further places comes behind, with what its best one gives. So the order does not depend
    on how deep the lists are. By (score descending, id): done here and not by the engine because ties are broken by id
    before ranks are given, so that a page is the same page each time it is asked for.
    """
    fused: dict[str, float] = {}
    behind: dict[str, float] = {}
    rest: dict[str, float] = {}
    near: set[str] = set()
    for ranked, relevant in lists:
        ids = ranked.ids
        near.update(ids[: min(relevant, CANDIDATES)])
        for rank, photo_id in enumerate(ids, start=1):
            share = 1.0 / (_RRF_K + rank)
            if rank <= CANDIDATES:
                fused[photo_id] = fused.get(photo_id, 0.0) + share
            elif rank <= relevant:  # ranks of lists where it is not relevant may not be known yet
                behind[photo_id] = max(behind.get(photo_id, 0.0), share)
            else:
                rest[photo_id] = max(rest.get(photo_id, 0.0), share)
    behind = {photo_id: share for photo_id, share in behind.items() if photo_id not in near}
    found = near | behind.keys()
    rest = {photo_id: share for photo_id, share in (rest | fused).items() if photo_id not in found}
    return [*_by_score({photo_id: fused[photo_id] for photo_id in near}), *_by_score(behind)], list(_by_score(rest))


def best_of(lists: Sequence[RankedList]) -> RankedList:
    """One list of several over the same photos: each photo with its best score, by (score descending, id)."""
    if len(lists) == 1:
        return lists[0]
    scores: dict[str, float] = {}
    for ranked in lists:
        for photo_id, score in ranked:
            scores[photo_id] = max(score, scores.get(photo_id, score))
    return _by_score(scores)


def reaching(scores: Sequence[float], least: float) -> int:
    """How many of these, best first, are no less than that."""
    return bisect_right(scores, -least, key=neg)


def _by_score(scores: dict[str, float]) -> RankedList:
    ids = sorted(scores, key=scores.__getitem__, reverse=True)
    return RankedList([scores[photo_id] for photo_id in ids], ids.__getitem__)


def least_of_meaning(best: float, background: float | None) -> float:
    """A cosine below which no photo is relevant, whatever the others are: a list that goes so far has the whole cut."""
    return -math.inf if background is None else min(background + _PERHAPS * (best - background), best)


def least_of_words(best: float) -> float:
    """The BM25 score below which no photo is relevant."""
    return best / 2


def cut_of_words(scores: Sequence[float], whole: bool) -> Cut:
    """Of the BM25 scores, best first, those that are at least half as good as the best."""
    count = reaching(scores, least_of_words(scores[0])) if scores else 0
    return Cut(count, True) if whole or count < len(scores) else Cut(count - 1, False)


def cut_of(scores: Sequence[float], background: float | None, whole: bool = True) -> Cut:
    """How many of these cosines, best first, are relevant; `whole`: none follow.

    A flat threshold does not work: cosines of one model differ from query to query more than between a match and a
    miss. So the way from the `background` (the median cosine of the library to this query; None: there are too few
    photos to tell one, and all count) to the best score is what is cut: at the largest step down between 90% and 60%
    of it. Both shares were measured, `docs/decisions/relevance-cut.md`.

    More than 1,000 between these shares are looked at in stretches that end at the 1,000th, 4,000th, 16,000th ...: a
    step that is larger than what is left to 60% is the largest, so the cut is known without what follows; with none the
    next stretch decides. That gives the same cut however deep a list is, as soon as it is deep enough to be sure.
    """
    if background is None or not scores:
        return Cut(len(scores), whole)
    way = scores[0] - background
    if way <= 0:
        return Cut(1, True)
    line = background + _PERHAPS * way
    begin, perhaps = reaching(scores, background + _SURELY * way), reaching(scores, line)
    end = CANDIDATES
    while perhaps >= end:
        if begin < end:
            place, step = _largest_step(scores[begin - 1 : end])
            if step >= scores[end - 1] - line:
                return Cut(begin + place, True)
            begin = end
        end *= _DEEPER
    if perhaps == len(scores) and not whole:
        return Cut(min(begin, len(scores) - 1), False)
    following = scores[perhaps] if perhaps < len(scores) else line
    return Cut(begin + _largest_step([*scores[begin - 1 : perhaps], following])[0], True)


def _largest_step(scores: Sequence[float]) -> tuple[int, float]:
    """Before which of these, best first, the largest step down is, counted from the second; and how large it is."""
    steps = [score - after for score, after in pairwise(scores)]
    step = max(steps)
    return steps.index(step), step
