"""The query language of the search box, the API and the command line: text to tree and back.

`parse(format_query(tree)) == tree` for every tree in normal form; docs/query-language.md describes it for people.
Not here: what fields mean (`query_fields.py`), how a tree is asked (`asking.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from resources.errors import LoupeError
from resources.search.query_fields import field_named, nearest_field
from resources.search.query_tree import (
    MOST_GLOBS,
    AllOf,
    Exclude,
    Node,
    OneOf,
    Op,
    Similar,
    Where,
    Words,
    all_of,
    exclude,
    leaves,
    one_of,
)
from resources.search.query_values import ValueProblemError

__all__ = ["MOST_CHARACTERS", "format_query", "parse"]

MOST_CHARACTERS = 4000
_MOST_PARTS = 200
_DEEPEST = 25
_OPS: tuple[Op, ...] = (">=", "<=", ">", "<", "=")

# Ends a bare word. A comma ends a bare value as well.
_STOPS = ' \t\r\n\f\v\u00a0()"'
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?=:)")
_WEIGHT = re.compile(r"\^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?=[\s()]|$)")
_JOINING = ("OR", "AND", "NOT")


def parse(text: str) -> Node:
    """The tree of a query, in normal form; nothing at all is `AllOf(())`.

    Raises `QUERY_INVALID` with `position` and `length` in characters and, where one is known, `suggestion`: what to
    write instead of those characters.
    """
    if len(text) > MOST_CHARACTERS:
        raise _problem(
            f"A query has at most {MOST_CHARACTERS} characters", MOST_CHARACTERS, len(text) - MOST_CHARACTERS
        )
    parser = _Parser(text)
    return parser.whole()


def format_query(node: Node) -> str:
    """The query that `parse` reads as this tree."""
    if isinstance(node, AllOf):
        return " ".join(f"({format_query(part)})" if isinstance(part, OneOf) else _written(part) for part in node.parts)
    return " OR ".join(map(_written, node.parts)) if isinstance(node, OneOf) else _written(node)


# Reading


@dataclass(frozen=True)
class _Read:
    """A node and where it stands."""

    node: Node
    start: int
    end: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._parts = 0
        self._globs = 0
        self._depth = 0

    def whole(self) -> Node:
        if not self._text.strip():
            return AllOf(())
        found = self._alternatives()
        if self._at < len(self._text):
            raise _problem("This parenthesis closes nothing", self._at, 1, "")
        return found.node

    def _alternatives(self) -> _Read:
        """a OR b: joins less than standing side by side does."""
        parts = [self._side_by_side()]
        while self._keyword("OR"):
            parts.append(self._side_by_side())
        if len(parts) > 1:
            _check_alternatives(parts)
        return _Read(one_of(*(part.node for part in parts)), parts[0].start, parts[-1].end)

    def _side_by_side(self) -> _Read:
        parts: list[_Read] = []
        while True:
            joined = self._keyword("AND")
            self._skip_space()
            if self._at == len(self._text) or self._text[self._at] == ")" or self._sees("OR"):
                if joined or not parts:
                    raise self._nothing_here()
                return _Read(all_of(*(part.node for part in parts)), parts[0].start, parts[-1].end)
            if self._sees("AND") or (joined and not parts):
                raise self._nothing_here()
            parts.append(self._one())

    def _one(self) -> _Read:
        self._skip_space()
        start, text = self._at, self._text
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _problem("The query is nested too deep", start, 1)
        try:
            if self._keyword("NOT") or self._minus():
                self._skip_space()
                if self._at == len(text) or text[self._at] == ")" or self._sees("OR") or self._sees("AND"):
                    raise _problem(f"Something must follow '{text[start : self._at].strip()}'", start, self._at - start)
                inner = self._one()
                _check_exclusion(inner)
                return _Read(exclude(inner.node), start, inner.end)
            if text[self._at] == "(":
                self._at += 1
                found = self._alternatives()
                if self._at == len(text):
                    raise _problem("This parenthesis is not closed", start, 1, "")
                self._at += 1
                self._refuse_weight()
                return _Read(found.node, start, self._at)
            return self._leaf()
        finally:
            self._depth -= 1

    def _leaf(self) -> _Read:
        start = self._at
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _problem(f"A query has at most {_MOST_PARTS} parts", start, len(self._text) - start)
        if self._text[start] == '"':
            phrase = self._quoted()
            if not phrase.strip():
                raise _problem("There is nothing between the quotes", start, self._at - start)
            return _Read(Words(phrase, self._weight(), phrase=True), start, self._at)
        if named := _FIELD.match(self._text, start):
            return self._field(named[0])
        end = start
        while end < len(self._text) and self._text[end] not in _STOPS:
            if end > start and _WEIGHT.match(self._text, end):
                break
            end += 1
        self._at = end
        return _Read(Words(self._text[start:end], self._weight()), start, self._at)

    def _field(self, name: str) -> _Read:
        start, text = self._at, self._text
        self._at += len(name) + 1
        similar = name.lower() == "similar"
        known = field_named(name)
        if known is None and not similar:
            if nearest := nearest_field(name):
                meant = f"There is no field '{name}'; did you mean '{nearest}:'?"
                raise _problem(meant, start, len(name) + 1, f"{nearest}:")
            word = text[start : self._end_of_bare(start)]
            meant = f"There is no field '{name}'; put words with a colon in quotes"
            raise _problem(meant, start, len(word), f'"{word}"')
        op = next((sign for sign in _OPS if text.startswith(sign, self._at)), None)
        op_at = self._at
        self._at += len(op or "")
        values, spans = self._values(name)
        if similar or known is None:
            return self._similar(start, values, spans, op)
        if op not in (None, "=") and not known.compares:
            raise _problem(f"'{name}:' cannot be compared by '{op}'", op_at, len(op or ""), "")
        where = Where(known.name, tuple(values), op or "=")
        try:
            known.compile(where.op, where.values)
        except ValueProblemError as problem:
            at, end = spans[min(problem.index, len(spans) - 1)]
            raise _problem(problem.message, at, end - at, problem.suggestion) from problem
        self._refuse_weight()
        return _Read(where, start, self._at)

    def _values(self, name: str) -> tuple[list[str], list[tuple[int, int]]]:
        values: list[str] = []
        spans: list[tuple[int, int]] = []
        while True:
            start = self._at
            if self._text.startswith('"', start):
                value = self._quoted()
            else:
                while self._at < len(self._text) and self._text[self._at] not in _STOPS + ",":
                    self._at += 1
                value = self._text[start : self._at]
            if not value.strip():
                known = field_named(name)
                example = f", as in {known.example}" if known else ""
                if self._text.startswith("(", self._at):
                    raise _problem(f"Several values are joined by commas: {name}:a,b", self._at, 1)
                raise _problem(f"A value must follow '{name}:'{example}", start, max(self._at - start, 1))
            self._globs += "*" in value
            if self._globs > MOST_GLOBS:
                raise _problem(f"A query has at most {MOST_GLOBS} values with a star", start, self._at - start)
            values.append(value)
            spans.append((start, self._at))
            if not self._text.startswith(",", self._at):
                return values, spans
            self._at += 1

    def _similar(self, start: int, values: list[str], spans: list[tuple[int, int]], op: str | None) -> _Read:
        photo_id, caret, _ = values[0].partition("^")
        at, end = spans[0]
        if len(values) > 1 or op is not None:
            raise _problem("similar: takes one photo's id; write it again for another", at, spans[-1][1] - at)
        try:
            photo = str(UUID(photo_id))
        except ValueError as error:
            raise _problem(f"'{photo_id}' is no photo's id", at, len(photo_id)) from error
        if caret:
            self._at = at + len(photo_id)
            weight = self._weight()
            if self._at != end:
                raise _problem("A weight is a number, as in ^2", at + len(photo_id), end - at - len(photo_id))
        else:
            weight = 1.0
        return _Read(Similar(photo, weight), start, self._at)

    def _nothing_here(self) -> LoupeError:
        before = re.search(r"(OR|AND|\()\s*$", self._text[: self._at])
        if before:
            return _problem(f"Something must follow '{before[1]}'", before.start(1), len(before[1]))
        word = re.match(r"\w*", self._text[self._at :])
        return _problem(
            f"Something must stand before '{word[0] if word else ''}'", self._at, len(word[0]) if word else 1
        )

    # Characters

    def _skip_space(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _sees(self, word: str) -> bool:
        end = self._at + len(word)
        return self._text.startswith(word, self._at) and (end == len(self._text) or self._text[end] in _STOPS)

    def _keyword(self, word: str) -> bool:
        self._skip_space()
        if not self._sees(word):
            return False
        self._at += len(word)
        return True

    def _minus(self) -> bool:
        following = self._text[self._at + 1 : self._at + 2]
        if self._text[self._at] != "-" or not following or following.isspace() or following == ")":
            return False
        self._at += 1
        return True

    def _quoted(self) -> str:
        start = self._at
        found: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                self._at += 1
                return "".join(found)
            if character == "\\" and self._text[self._at + 1 : self._at + 2] in ('"', "\\"):
                self._at += 1
                character = self._text[self._at]
            found.append(character)
            self._at += 1
        raise _problem("These quotes are not closed", start, 1, "")

    def _weight(self) -> float:
        found = _WEIGHT.match(self._text, self._at)
        if not found:
            if self._text.startswith("^", self._at):
                raise _problem("A weight is a number, as in ^2", self._at, self._end_of_bare(self._at) - self._at)
            return 1.0
        weight = float(found[1])
        if not 0 < weight <= 100:
            raise _problem("A weight lies between 0 and 100", self._at, len(found[0]), "^1")
        self._at = found.end()
        return weight

    def _refuse_weight(self) -> None:
        if self._text.startswith("^", self._at):
            raise _problem(
                "Only words and examples have a weight", self._at, self._end_of_bare(self._at) - self._at, ""
            )

    def _end_of_bare(self, start: int) -> int:
        end = start
        while end < len(self._text) and self._text[end] not in _STOPS:
            end += 1
        return end


def _check_alternatives(parts: list[_Read]) -> None:
    """Either filters or plain texts: a ranking and a condition cannot stand for one another."""
    found = [(part, leaf) for part in parts for leaf in leaves(part.node)]
    texts = [part for part, leaf in found if not isinstance(leaf, Where)]
    if not texts:
        return
    odd = texts[0]
    if any(isinstance(leaf, Where) for _, leaf in found):
        raise _problem(
            "Words to rank by and filters cannot be alternatives of one another; caption: filters by words",
            odd.start, odd.end - odd.start,
            f'caption:"{odd.node.text}"' if isinstance(odd.node, Words) and '"' not in odd.node.text else None,
        )  # fmt: skip
    for part in parts:
        if _excludes(part.node) or any(isinstance(leaf, Similar) for leaf in leaves(part.node)):
            raise _problem("Only words to look for can be alternatives", part.start, part.end - part.start)


def _check_exclusion(inner: _Read) -> None:
    excluded = inner.node.part if isinstance(inner.node, Exclude) else inner.node
    kinds = {isinstance(leaf, Where) for leaf in leaves(excluded)}
    if len(kinds) > 1 or (False in kinds and _excludes(excluded)):
        raise _problem("Leave out words and filters one by one", inner.start, inner.end - inner.start)


def _excludes(node: Node) -> bool:
    match node:
        case Exclude():
            return True
        case AllOf(parts) | OneOf(parts):
            return any(_excludes(part) for part in parts)
        case _:
            return False


def _problem(message: str, position: int, length: int, suggestion: str | None = None) -> LoupeError:
    said = message if message.endswith("?") else f"{message}."
    return LoupeError("QUERY_INVALID", said, position=position, length=max(length, 1), suggestion=suggestion)


# Writing


def _written(node: Node) -> str:
    match node:
        case Words(text, weight, phrase):
            return (_quotes(text) if phrase else text) + _weighed(weight)
        case Similar(photo_id, weight):
            return f"similar:{photo_id}{_weighed(weight)}"
        case Where(field, values, op):
            return f"{field}:{'' if op == '=' else op}{','.join(map(_value, values))}"
        case Exclude(part):
            return (
                f"-{_written(part)}"
                if isinstance(part, (Words, Similar, Where)) and not _spaced(part)
                else f"-({format_query(part)})"
            )
        case _:
            return f"({format_query(node)})" if isinstance(node, OneOf) else format_query(node)


def _spaced(node: Node) -> bool:
    return isinstance(node, Words) and not node.phrase and " " in node.text


def _value(text: str) -> str:
    plain = text and not any(character in _STOPS + ',"' or character.isspace() for character in text)
    return text if plain and text[0] not in "<>=" and not text.startswith("(") else _quotes(text)


def _quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _weighed(weight: float) -> str:
    return "" if weight == 1.0 else f"^{weight:.12f}".rstrip("0").rstrip(".")
