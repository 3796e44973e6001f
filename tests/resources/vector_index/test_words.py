"""How a text is cut into terms and weighed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.vector_index.words import document, query, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IMG_0421", ["img_0421", "img", "0421"]),
        ("DSC01234.NEF", ["dsc01234", "dsc", "01234", "nef"]),
        ("2024-05-01 Trip", ["2024-05-01", "2024", "05", "01", "trip"]),
        ("Élan STRASSE straße", ["elan", "strasse", "strasse"]),
        ("cafe\u0301", ["cafe"]),
        ("東京の夜", ["東京", "京の", "の夜"]),
        ("海", ["海"]),
        ("Москва", ["москва"]),
        ("  ...  ", []),
        ("__", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text())
def test_any_text_can_be_indexed_and_asked_for(text: str) -> None:
    assert all(token and token == token.strip() for token in tokens(text))
    held = document(text)
    assert len(held.indices) == len(held.values) == len(set(held.indices))
    assert all(value > 0 for value in held.values)
    assert set(query([(text, 1.0)]).indices) <= set(held.indices)


def test_forms_of_a_word_are_one_term() -> None:
    assert query([("running", 1.0)]) == query([("Runs", 1.0)])
    assert query([("running", 1.0)]) != query([("ruin", 1.0)])


def test_weights_add_up_and_cancel() -> None:
    assert query([("dog", 1.0), ("dogs", 0.5)]).values == (1.5,)
    assert not query([("dog", 1.0), ("dogs", -1.0)])
