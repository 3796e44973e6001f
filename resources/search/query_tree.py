"""A question as a tree: words, example photos and filters, joined by and, or, not.

Belongs here: the nodes and their normal form. Not here: how it is written (`query_language.py`), what a field means
(`query_fields.py`), how it is asked (`asking.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "MOST_GLOBS",
    "MOST_VALUES",
    "AllOf",
    "Exclude",
    "Node",
    "OneOf",
    "Op",
    "Similar",
    "Where",
    "Words",
    "all_of",
    "exclude",
    "leaves",
    "one_of",
]

# In one question. A value with a star is compared with every name in the library: some 2 µs each.
MOST_VALUES, MOST_GLOBS = 1000, 50

Op = Literal["=", ">", ">=", "<", "<="]


@dataclass(frozen=True)
class Words:
    """Free text: what the picture shows, and words of the photo. `phrase` stood in quotes and is a text by itself."""

    text: str
    weight: float = 1.0
    phrase: bool = False


@dataclass(frozen=True)
class Similar:
    """Like this photo of the library."""

    photo_id: str
    weight: float = 1.0


@dataclass(frozen=True)
class Where:
    """A field of `query_fields.FIELDS` and the values asked for, any of which will do."""

    field: str
    values: tuple[str, ...]
    op: Op = "="


@dataclass(frozen=True)
class AllOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class OneOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Exclude:
    part: Node


Node = Words | Similar | Where | AllOf | OneOf | Exclude


def all_of(*parts: Node) -> Node:
    """All of them, in normal form: no `AllOf` in an `AllOf`, neighbouring plain words in one node."""
    found: list[Node] = []
    for part in parts:
        for each in part.parts if isinstance(part, AllOf) else (part,):
            last = found[-1] if found else None
            if isinstance(each, Words) and isinstance(last, Words) and _is_plain(each) and _is_plain(last):
                found[-1] = Words(f"{last.text} {each.text}")
            else:
                found.append(each)
    return found[0] if len(found) == 1 else AllOf(tuple(found))


def one_of(*parts: Node) -> Node:
    """One of them, in normal form: no `OneOf` in a `OneOf`."""
    found = [each for part in parts for each in (part.parts if isinstance(part, OneOf) else (part,))]
    return found[0] if len(found) == 1 else OneOf(tuple(found))


def exclude(part: Node) -> Node:
    """Not this, in normal form: not not is nothing."""
    return part.part if isinstance(part, Exclude) else Exclude(part)


def leaves(node: Node) -> Iterator[Words | Similar | Where]:
    """Words, examples and filters of a tree, in order."""
    match node:
        case AllOf(parts) | OneOf(parts):
            for part in parts:
                yield from leaves(part)
        case Exclude(part):
            yield from leaves(part)
        case _:
            yield node


def _is_plain(words: Words) -> bool:
    return words.weight == 1.0 and not words.phrase
