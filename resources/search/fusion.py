"""Two ranked lists into one, and where relevance ends. Exact and the same in both homes of the index."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resources.vector_index import RankedList

__all__ = ["best_of", "cut_of", "fuse", "least_of_meaning", "least_of_words", "relevant_ids"]

# Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet ...", SIGIR 2009: k = 60.
_RRF_K = 60
_SURELY, _PERHAPS = 0.9, 0.6


def fuse(*lists: RankedList) -> RankedList:
    """Reciprocal rank fusion: each list gives a photo 1 / (60 + its rank); by (sum descending, id).

    Done here and not by the engine because ties are broken by id before ranks are given, so that a page is the same
    page each time it is asked for.
    """
    scores: dict[str, float] = {}
    for ranked in lists:
        for rank, photo_id in enumerate(ranked.ids, start=1):
            scores[photo_id] = scores.get(photo_id, 0.0) + 1.0 / (_RRF_K + rank)
    return _by_score(scores)


def best_of(lists: Sequence[RankedList]) -> RankedList:
    """One list of several over the same photos: each photo with its best score, by (score descending, id)."""
    if len(lists) == 1:
        return lists[0]
    scores: dict[str, float] = {}
    for ranked in lists:
        for photo_id, score in ranked:
            scores[photo_id] = max(score, scores.get(photo_id, score))
    return _by_score(scores)


def _by_score(scores: dict[str, float]) -> RankedList:
    ids = sorted(scores, key=scores.__getitem__, reverse=True)
    return RankedList([scores[photo_id] for photo_id in ids], ids.__getitem__)


def relevant_ids(meaning: RankedList, words: RankedList, background: float | None = None) -> set[str]:
    """The photos that stand out for this query: `cut_of` the cosines, and of words those with half the best score."""
    found = set(meaning.ids[: cut_of(meaning.scores, background)])
    if words:
        least = least_of_words(words.scores[0])
        found.update(words.ids[: sum(score >= least for score in words.scores)])
    return found


def least_of_meaning(best: float, background: float | None) -> float:
    """A cosine below which no photo is relevant, whatever the others are: a list that goes so far has the whole cut."""
    return -math.inf if background is None else min(background + _PERHAPS * (best - background), best)


def least_of_words(best: float) -> float:
    """The BM25 score below which no photo is relevant."""
    return best / 2


def cut_of(scores: Sequence[float], background: float | None) -> int:
    """How many of these cosines, best first, are relevant.

    A flat threshold does not work: cosines of one model differ from query to query more than between a match and a
    miss. So the way from the `background` (the median cosine of the library to this query; None: there are too few
    photos to tell one, and all count) to the best score is what is cut: at the largest step down between 90% and 60%
    of it. Both shares were measured, `docs/decisions/relevance-cut.md`.
    """
    if background is None or not scores:
        return len(scores)
    way = scores[0] - background
    if way <= 0:
        return 1
    surely = sum(score >= background + _SURELY * way for score in scores)
    perhaps = sum(score >= background + _PERHAPS * way for score in scores)
    # What follows the last candidate is not known; the step to the last share stands for it.
    ends = [*scores[surely : perhaps + 1], background + _PERHAPS * way][: perhaps - surely + 1]
    steps = [score - after for score, after in zip(scores[surely - 1 : perhaps], ends, strict=True)]
    return surely + steps.index(max(steps))
