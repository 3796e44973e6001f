"""Taking conditions apart: what an engine answers sooner in parts than at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resources.vector_index.conditions import And, AnyOf, Condition, Flag, Ids, Not, Or

__all__ = ["MEMBER", "also", "split_covers", "split_left_out", "values_named"]

# Stands behind the cover of its stack.
MEMBER = Flag("stack_member")


def values_named(asked: object) -> int:
    """How many ids and values stand in a condition, or in what holds one."""
    match asked:
        case Ids(named) | AnyOf(_, named):
            return len(named)
        case And(parts) | Or(parts):
            return sum(map(values_named, parts))
        case Not(part):
            return values_named(part)
        case tuple():
            return sum(map(values_named, asked))
    return 0


def split_left_out(condition: Condition | None) -> tuple[Condition | None, Condition | None]:
    """The single photos and stacks that a condition leaves out, and what else must hold."""
    parts = list(_flat(condition))
    left_out = [part.part for part in parts if isinstance(part, Not) and _names_photos(part.part)]
    rest = [part for part in parts if not (isinstance(part, Not) and _names_photos(part.part))]
    return _joined(Or, left_out), _joined(And, rest)


def _names_photos(condition: Condition) -> bool:
    """Whether it lists photos or stacks one by one, so that it holds for few."""
    if isinstance(condition, Or):
        return all(map(_names_photos, condition.parts))
    return isinstance(condition, Ids) or (isinstance(condition, AnyOf) and condition.key == "stack_id")


def _joined(by: type[And] | type[Or], parts: Sequence[Condition]) -> Condition | None:
    return parts[0] if len(parts) == 1 else by(tuple(parts)) if parts else None


def split_covers(condition: Condition | None) -> tuple[bool, Condition | None]:
    """Whether stacks are found by their covers alone, and what else must hold."""
    parts = list(_flat(condition))
    rest = [part for part in parts if part != Not(MEMBER)]
    return len(rest) < len(parts), _joined(And, rest)


def _flat(condition: Condition | None) -> Iterator[Condition]:
    if isinstance(condition, And):
        for part in condition.parts:
            yield from _flat(part)
    elif condition is not None:
        yield condition


def also(condition: Condition | None, more: Condition) -> Condition:
    return more if condition is None else And((condition, more))
