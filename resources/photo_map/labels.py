"""What sets a group of photos apart in words: class-based TF-IDF over captions and tags.

A term weighs its share of the group's photos times log(1 + groups / its shares of all groups): Grootendorst, BERTopic:
Neural topic modeling with a class-based TF-IDF procedure, 2022, with shares of photos for counts of words, because a
caption says a thing once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Said", "label_clusters"]

# Words of a language that is written with spaces; others count as they stand.
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MOST_TERMS = 8
_LABEL_TERMS = 3
# A term is said of at least two photos of the group and this share of those that anything is said of.
_LEAST_SHARE = 0.1
_MOST_LETTERS = 40
# Words of captions that say where in the picture something is, or that it is one, and never what.
_PLACING = frozenset(
    [
        *("across", "along", "around", "background", "behind", "beside", "foreground", "front", "image", "inside"),
        *("near", "next", "outside", "photo", "photograph", "picture", "side", "top", "toward", "towards", "view"),
    ]
)


@dataclass(frozen=True)
class Said:
    """What is said of one photo."""

    caption: str | None
    tags: Sequence[str]


def label_clusters(groups: Sequence[Iterable[Said]]) -> list[tuple[str | None, tuple[str, ...]]]:
    """For each group its label (None: nothing is said often enough) and up to eight terms, best first.

    Terms are words and pairs of words of captions, without English stop words, and tags, of which the last level
    counts ("Places|Spain": "spain").
    """
    shares = [_shares(group) for group in groups]
    everywhere: Counter[str] = Counter()
    for share in shares:
        everywhere.update(share)
    return [_labelled(share, everywhere, len(shares)) for share in shares]


def _shares(group: Iterable[Said]) -> dict[str, float]:
    told = 0
    held: Counter[str] = Counter()
    for photo in group:
        terms = _terms(photo)
        told += bool(terms)
        held.update(terms)
    least = max(2.0, _LEAST_SHARE * told)
    return {term: count / told for term, count in held.items() if count >= least}


def _terms(photo: Said) -> set[str]:
    from resources.vector_index.words import folded, stem

    terms = {tag.rpartition("|")[2].strip().lower() for tag in photo.tags}
    words = [word.lower() for word in _WORD.findall(photo.caption or "")]
    telling = [len(word) > 1 and word not in _PLACING and stem(folded(word)) is not None for word in words]
    terms.update(word for word, tells in zip(words, telling, strict=True) if tells)
    terms.update(
        f"{first} {second}"
        for (first, a), (second, b) in pairwise(zip(words, telling, strict=True))
        if a and b and first != second
    )
    return {term for term in terms if term and len(term) <= _MOST_LETTERS}


def _labelled(share: dict[str, float], everywhere: Counter[str], groups: int) -> tuple[str | None, tuple[str, ...]]:
    weight = {term: each * math.log1p(groups / everywhere[term]) for term, each in share.items()}
    chosen: list[str] = []
    used: set[str] = set()
    # Of equal weights the longer term: a pair says what its words say.
    for term in sorted(weight, key=lambda each: (-round(weight[each], 6), -len(each), each)):
        words = set(term.split())
        if not words & used:
            chosen.append(term)
            used |= words
        if len(chosen) == _MOST_TERMS:
            break
    return ", ".join(chosen[:_LABEL_TERMS]) or None, tuple(chosen)
