"""The challenge's score, and ranks from a real search."""

from __future__ import annotations

import pytest

from resources.search.challenge import choose_photos, score


def test_score_stands_beside_chance() -> None:
    found = score([1, 3, 40, 11], candidates=199)
    assert (found.rounds, found.median_rank, found.top_10) == (4, 7.0, 0.5)
    assert (found.chance_median_rank, found.chance_top_10) == (100.0, 10 / 199)
    assert score([1], candidates=4).chance_top_10 == 1.0
    with pytest.raises(ValueError, match="at least one round"):
        score([], candidates=10)


def test_photos_are_different_and_at_most_all() -> None:
    ids = [f"photo-{number}" for number in range(8)]
    assert sorted(choose_photos(ids, 20)) == ids
    assert len(set(choose_photos(ids, 5, seed=1))) == 5
    assert choose_photos(ids, 5, seed=1) == choose_photos(ids, 5, seed=1)
