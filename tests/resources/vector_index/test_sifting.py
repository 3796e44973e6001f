"""Wide filters in a compacted index: what the graph finds without them is sifted, else each photo is looked at."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.home import Home
from resources.vector_index import And, AnyOf, Condition, Ids, IndexModel, Not, PhotoPoint, Range
from resources.vector_index.condition_parts import MEMBER
from resources.vector_index.embedded import Compacted, EmbeddedIndex
from resources.vector_index.opening import IndexFolder

MODEL = IndexModel("drawn", "1", "1", 8)
PHOTOS = 3000


def pid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


VECTORS = np.random.default_rng(1).standard_normal((PHOTOS, MODEL.dim)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def payload(number: int) -> dict[str, Any]:
    side = "left" if VECTORS[number, 0] < 0 else "right"
    return {"added_at": 0.0, "rating": number % 5, "tags": [side], "stack_member": number % 10 == 1}


def passes(number: int, condition: Condition) -> bool:
    match condition:
        case And(parts):
            return all(passes(number, part) for part in parts)
        case Not(part):
            return not passes(number, part)
        case Range("rating", gte=least):
            return payload(number)["rating"] >= (least or 0)
        case AnyOf("tags", named):
            return payload(number)["tags"][0] in named
        case Ids(named):
            return pid(number) in named
    assert condition == MEMBER
    return bool(payload(number)["stack_member"])


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedIndex]:
    """One that says it was compacted. It is too small for a graph, which the engine looks at from 100 MB on."""
    opened = IndexFolder(Home(tmp_path)).open(MODEL)
    assert isinstance(opened, EmbeddedIndex)
    opened.upsert(PhotoPoint(pid(n), VECTORS[n], "", payload(n)) for n in range(PHOTOS))
    monkeypatch.setattr(EmbeddedIndex, "compacted", property(lambda self: Compacted("", PHOTOS, 1.0)))
    yield opened
    opened.close()


WIDE = Range("rating", gte=2)
COVERS = Not(MEMBER)


@pytest.mark.parametrize(
    ("condition", "limit", "sifted"),
    [
        (WIDE, 10, True),
        (And((COVERS, WIDE)), 10, True),
        (And((COVERS, WIDE, Not(Ids((pid(3), pid(4)))))), 10, True),
        (AnyOf("tags", ("right",)), 10, True),
        (AnyOf("tags", ("left",)), 10, False),  # half of all pass, and none of them is near
        (WIDE, 400, False),  # of so many each is looked at
        (Range("rating", gte=4), 10, False),  # and where few pass
        (Range("rating", gte=5), 10, False),
    ],
    ids=str,
)
def test_the_nearest_that_pass_are_those_of_brute_force(
    index: EmbeddedIndex,
    monkeypatch: pytest.MonkeyPatch,
    condition: Condition,
    limit: int,
    sifted: bool,
) -> None:
    answered: list[bool] = []
    sift = EmbeddedIndex._sifted

    def told(self: EmbeddedIndex, *given: Any) -> Any:
        found = sift(self, *given)
        answered.append(found is not None)
        return found

    monkeypatch.setattr(EmbeddedIndex, "_sifted", told)
    asked = np.zeros(MODEL.dim, np.float32)
    asked[0] = 1.0
    passing = [n for n in range(PHOTOS) if passes(n, condition)]
    expected = sorted(passing, key=lambda n: (-float(VECTORS[n] @ asked), pid(n)))
    found = index.nearest(asked, limit, condition)
    assert found.ids == [pid(n) for n in expected[:limit]]
    assert answered[0] == sifted
    least = found.scores[min(limit, len(found)) // 2] if found else 0.5
    assert index.nearest(asked, limit, condition, least=least).ids == found.ids[: sum(s >= least for s in found.scores)]


def test_what_was_never_compacted_has_no_graph_to_ask(index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedIndex, "compacted", None)
    monkeypatch.setattr(EmbeddedIndex, "_sifted", None)
    assert len(index.nearest(VECTORS[0], 20, WIDE)) == 20
