"""Ranked lists make their ids when they are looked at."""

from __future__ import annotations

import pytest

from resources.vector_index import Ranked, RankedList


class Counted:
    """Ids by place; counts how often one is made."""

    def __init__(self, ids: str) -> None:
        self.ids, self.made = ids, 0

    def __call__(self, at: int) -> str:
        self.made += 1
        return self.ids[at]


def test_only_the_ids_that_are_looked_at_are_made() -> None:
    made = Counted("dcba")
    ranked = RankedList([4.0, 3.0, 2.0, 1.0], made)
    assert (len(ranked), ranked.scores[-1], made.made) == (4, 1.0, 0)
    assert ranked[1:3] == [Ranked("c", 3.0), Ranked("b", 2.0)]
    assert ranked[-1] == ("a", 1.0)
    assert made.made == 3
    assert list(ranked) == [("d", 4.0), ("c", 3.0), ("b", 2.0), ("a", 1.0)]
    assert list(ranked) == list(ranked)
    assert made.made == 4
    with pytest.raises(IndexError):
        ranked[4]


def test_equal_scores_are_in_the_order_of_ids() -> None:
    ranked = RankedList([5.0, 2.0, 2.0, 2.0, 1.0, 1.0], "zcbaqp".__getitem__)
    assert ranked.ids == ["z", "a", "b", "c", "p", "q"]
    assert [ranked[at].photo_id for at in range(-6, 0)] == ranked.ids
    assert ranked.first(3).ids == ["z", "a", "b"]
    assert RankedList([2.0, 2.0], "ba".__getitem__).first(1)[0] == ("a", 2.0)
    assert ranked.first(99) is ranked
    assert RankedList([1.0, 1.0, 2.0, 2.0], "badc".__getitem__).ids == ["a", "b", "c", "d"]  # by date, oldest first


def test_the_first_of_a_list_keep_the_ids_that_were_made() -> None:
    made = Counted("cba")
    ranked = RankedList([3.0, 2.0, 1.0], made)
    assert ranked.ids == ["c", "b", "a"]
    cut = ranked.first(2)
    assert (cut.ids, len(cut), len(ranked), made.made) == (["c", "b"], 2, 3, 3)
    assert not ranked.first(0)
