"""A measured score on a person's own photos: they say what a photo shows, search says where it ranks.

Belongs here: choosing photos, ranks, the score against chance. Not here: showing the photo, asking.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["LEAST_PHOTOS", "ROUNDS", "ChallengeScore", "choose_photos", "random_baseline", "rank_of", "score"]

# With fewer a rank says little; and so many rounds make a score.
LEAST_PHOTOS = 20
ROUNDS = 10


_PAGE = 500
# Further down nobody looks, and each page costs as much as all before it.
_MOST_RANKED = 10_000


@dataclass(frozen=True)
class ChallengeScore:
    """Ranks of the described photos among `candidates`, best is 1, beside what guessing would give.

    `top_10` and `chance_top_10` are shares of rounds; `chance_median_rank` is the median of a uniform rank.
    """

    rounds: int
    candidates: int
    median_rank: float
    top_10: float
    chance_median_rank: float
    chance_top_10: float


def choose_photos(photo_ids: Sequence[str], rounds: int, seed: int | None = None) -> list[str]:
    """Different photos, chosen at random."""
    return random.Random(seed).sample(list(photo_ids), min(rounds, len(photo_ids)))


def rank_of(photo_id: str, candidates: int, page: Callable[[int, int], Sequence[str]]) -> int:
    """Where `photo_id` stands, 1 first, in `page(offset, limit)`: the ids that a search by meaning alone finds.

    What is not among the first 10,000 counts as the last.
    """
    for offset in range(0, min(candidates, _MOST_RANKED), _PAGE):
        found = page(offset, _PAGE)
        if photo_id in found:
            return offset + 1 + list(found).index(photo_id)
        if len(found) < _PAGE:
            break
    return candidates


def random_baseline(candidates: int) -> tuple[float, float]:
    """Of guessing: the median rank, and the share of rounds in the first ten."""
    return (candidates + 1) / 2, min(1.0, 10 / candidates)


def score(ranks: Sequence[int], candidates: int) -> ChallengeScore:
    """The score of these ranks. Raises `ValueError` without any."""
    if not ranks:
        raise ValueError("a score needs at least one round")
    chance_median, chance_10 = random_baseline(candidates)
    return ChallengeScore(
        rounds=len(ranks),
        candidates=candidates,
        median_rank=float(median(ranks)),
        top_10=sum(rank <= 10 for rank in ranks) / len(ranks),
        chance_median_rank=chance_median,
        chance_top_10=chance_10,
    )
