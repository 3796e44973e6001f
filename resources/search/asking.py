"""From a query's tree to a request: what is ranked by, what is left out, what must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

from resources.errors import LoupeError
from resources.search.query_fields import condition_of
from resources.search.query_language import parse
from resources.search.query_tree import AllOf, Exclude, Node, OneOf, Similar, Where, Words, leaves
from resources.search.requests import SearchRequest, Texts
from resources.vector_index.conditions import And, Condition

__all__ = ["asking", "narrowed"]

_MOST_ALTERNATIVES = 16


def asking(query: str, request: SearchRequest) -> SearchRequest:
    """The request with a query of the language added to it. Raises `QUERY_INVALID`."""
    return _with(parse(query), request)


def narrowed(request: SearchRequest, *conditions: Condition) -> SearchRequest:
    """The request with more that must hold."""
    if not conditions:
        return request
    held = (request.filters.where,) if request.filters.where is not None else ()
    return replace(request, filters=replace(request.filters, where=And((*held, *conditions))))


def _with(tree: Node, request: SearchRequest) -> SearchRequest:
    wanted: list[Node] = []
    conditions: list[Condition] = []
    photos, negative_texts, negative_photos = [], [], []
    for part in tree.parts if isinstance(tree, AllOf) else (tree,):
        if all(isinstance(leaf, Where) for leaf in leaves(part)):
            conditions.append(condition_of(part))
        elif isinstance(part, Similar):
            photos.append((part.photo_id, part.weight))
        elif isinstance(part, Exclude):
            for unwanted in part.part.parts if isinstance(part.part, OneOf) else (part.part,):
                examples = [leaf for leaf in leaves(unwanted) if isinstance(leaf, Similar)]
                negative_photos += [(leaf.photo_id, leaf.weight) for leaf in examples]
                words = [leaf for leaf in leaves(unwanted) if isinstance(leaf, Words)]
                if words:
                    negative_texts.append((" ".join(leaf.text for leaf in words), words[0].weight))
        else:
            wanted.append(part)
    first, *others = _texts(wanted, request.texts)
    return narrowed(
        replace(
            request,
            texts=first,
            or_texts=(*request.or_texts, *others),
            photo_ids=(*request.photo_ids, *photos),
            negative_texts=(*request.negative_texts, *negative_texts),
            negative_photo_ids=(*request.negative_photo_ids, *negative_photos),
        ),
        *conditions,
    )


def _texts(wanted: Sequence[Node], given: Texts) -> list[Texts]:
    """One group of texts for each way to satisfy the alternatives; plain words of a group are one text."""
    groups = []
    for words in _ways(AllOf(tuple(wanted))):
        plain = " ".join(each.text for each in words if not each.phrase and each.weight == 1.0)
        others = tuple((each.text, each.weight) for each in words if each.phrase or each.weight != 1.0)
        groups.append((*given, *(((plain, 1.0),) if plain else ()), *others))
    return groups


def _ways(node: Node) -> list[tuple[Words, ...]]:
    found: list[tuple[Words, ...]]
    match node:
        case Words():
            found = [(node,)]
        case AllOf(parts):
            ways = [_ways(part) for part in parts]
            _check(prod(map(len, ways)))
            found = [tuple(words for group in way for words in group) for way in product(*ways)]
        case OneOf(parts):
            found = [way for part in parts for way in _ways(part)]
        case _:
            raise LoupeError("QUERY_INVALID", "Only words can be alternatives.", position=0, length=1)
    _check(len(found))
    return found


def _check(alternatives: int) -> None:
    if alternatives > _MOST_ALTERNATIVES:
        raise LoupeError(
            "QUERY_INVALID", f"A query has at most {_MOST_ALTERNATIVES} alternatives.", position=0, length=1
        )
