"""Words of a photo and of a query as sparse vectors for BM25, the same in both homes.

The engine computes the inverse document frequency when it answers (its `Idf` modifier), so a vector depends on its
own text alone and never has to be rewritten when the library grows. Stemming (English Snowball), the saturation of
term frequencies and the hash from term to dimension are the Qdrant engine's own `Bm25`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import qdrant_edge as edge

__all__ = ["SparseWords", "document", "folded", "query", "stem", "tokens"]

# Photos carry a caption, some tags and a few path parts: about this many tokens. Only the ratio between a text and
# this length matters (BM25's b); it need not be exact.
_AVERAGE_TOKENS = 24.0
_LONGEST_TOKEN = 64

_COMPOUND = re.compile(r"\w+(?:[-']\w+)*")
_PART = re.compile(r"[^\W\d_]+|\d+")
_COMBINING = re.compile("[\u0300-\u036f]")
# Scripts written without spaces: Han, Hiragana, Katakana.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


@dataclass(frozen=True)
class SparseWords:
    """A sparse vector: one dimension a term. Negative values push away."""

    indices: tuple[int, ...]
    values: tuple[float, ...]

    def __bool__(self) -> bool:
        return bool(self.indices)


def folded(text: str) -> str:
    """The text as it is compared: case-folded, without Latin accents."""
    return unicodedata.normalize("NFC", _COMBINING.sub("", unicodedata.normalize("NFKD", text).casefold()))


@lru_cache(maxsize=1 << 16)
def stem(token: str) -> int | None:
    """The same number for every form of an English word ("dog", "dogs"); None for a stop word and for no word."""
    indices = _queries().embed_query(token).indices
    return indices[0] if indices else None


def tokens(text: str) -> list[str]:
    """The terms of a text, in order, with repeats: case-folded, without Latin accents.

    Words joined by `_`, `-` or a change between letters and digits count whole and in parts
    (`IMG_0421` gives `img_0421`, `img`, `0421`); runs of Han and Kana count as pairs of characters.
    """
    found: list[str] = []
    for whole in _COMPOUND.findall(folded(text)):
        whole = whole.strip("_")
        pieces = [piece for part in _PART.findall(whole) for piece in _pieces(part)]
        if pieces != [whole] and not _UNSPACED.fullmatch(whole):
            found.append(whole)
        found += pieces
    return [token[:_LONGEST_TOKEN] for token in found if token]


def document(text: str) -> SparseWords:
    """What a photo's words weigh: saturated term frequencies."""
    vector = _documents().embed_document(" ".join(tokens(text)))
    return SparseWords(tuple(vector.indices), tuple(vector.values))


def query(texts: Iterable[tuple[str, float]]) -> SparseWords:
    """What weighted texts ask for, added up: each distinct term counts its text's weight; a weight may be negative.

    English stop words are left out, unless a text has no other words.
    """
    weights: dict[int, float] = {}
    for text, weight in texts:
        terms = " ".join(tokens(text))
        vector = _queries().embed_query(terms)
        if not vector.indices:
            vector = _documents().embed_query(terms)
        for index in vector.indices:
            weights[index] = weights.get(index, 0.0) + weight
    kept = {index: weight for index, weight in sorted(weights.items()) if weight}
    return SparseWords(tuple(kept), tuple(kept.values()))


def _pieces(part: str) -> list[str]:
    """A run of letters, split where its script writes without spaces."""
    found: list[str] = []
    position = 0
    for run in _UNSPACED.finditer(part):
        if run.start() > position:
            found.append(part[position : run.start()])
        characters = run.group()
        found += [a + b for a, b in pairwise(characters)] or [characters]
        position = run.end()
    return [*found, part[position:]] if position < len(part) else found


@lru_cache(maxsize=1)
def _documents() -> edge.Bm25:
    return edge.Bm25(_config(edge.StopwordsSet(languages=set(), custom=set())))


@lru_cache(maxsize=1)
def _queries() -> edge.Bm25:
    return edge.Bm25(_config(edge.Language.English))


def _config(stopwords: edge.Stopwords) -> edge.Bm25Config:
    return edge.Bm25Config(
        avg_len=_AVERAGE_TOKENS,
        tokenizer=edge.TokenizerType.Whitespace,
        language="english",
        stopwords=stopwords,
        stemmer=edge.SnowballParams(edge.SnowballLanguage.English),
    )
