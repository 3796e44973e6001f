"""Two ranked lists into one, and where relevance ends. Exact and the same in both homes of the index."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from resources.vector_index import Ranked

__all__ = ["fuse", "relevant_ids"]

# Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet ...", SIGIR 2009: k = 60.
_RRF_K = 60
_FEWEST_TO_CUT = 20


def fuse(*lists: Sequence[Ranked]) -> list[Ranked]:
    """Reciprocal rank fusion: each list gives a photo 1 / (60 + its rank); sorted by (sum descending, id).

    Done here and not by the engine because ties are broken by id before ranks are given, so that a page is the same
    page each time it is asked for.
    """
    scores: dict[str, float] = {}
    for ranked in lists:
        for rank, hit in enumerate(ranked, start=1):
            scores[hit.photo_id] = scores.get(hit.photo_id, 0.0) + 1.0 / (_RRF_K + rank)
    fused = [Ranked(photo_id, score) for photo_id, score in scores.items()]
    return sorted(fused, key=lambda hit: (-hit.score, hit.photo_id))


def relevant_ids(meaning: Sequence[Ranked], words: Sequence[Ranked]) -> set[str]:
    """The photos that stand out for this query.

    A flat threshold does not work: cosines of one model differ from query to query more than between a match and a
    miss. So each query has its own: by meaning, the photos above the middle between the best score and the median of
    the candidates (all of them when there are fewer than 20, for then there is no background to compare with); by
    words, those with at least half the best score.
    """
    found: set[str] = set()
    if meaning:
        scores = [hit.score for hit in meaning]
        cut = (scores[0] + median(scores)) / 2 if len(scores) >= _FEWEST_TO_CUT else scores[-1]
        found |= {hit.photo_id for hit in meaning if hit.score >= cut}
    if words:
        found |= {hit.photo_id for hit in words if hit.score >= words[0].score / 2}
    return found
