"""How long an answer that requests share is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import pytest

from search_api.snapshots import Snapshot


def test_a_value_is_loaded_anew_when_it_is_old_and_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, loaded, state = [100.0], [0], ["a"]

    def load() -> int:
        now[0] += 1.0  # it takes a second
        loaded[0] += 1
        return loaded[0]

    def seen() -> Hashable:
        return state[0]

    monkeypatch.setattr("search_api.snapshots.time.monotonic", lambda: now[0])
    kept = Snapshot(load, 2.0, seen)

    async def after(seconds: float) -> int:
        now[0] += seconds
        return await kept.get()

    async def ask() -> list[int]:
        found = [await after(0), await after(3)]
        state[0] = "b"
        found += [await after(3), await after(5)]  # ten times what it took
        found += [await after(30), await after(25), await after(6)]  # nothing changed, but not for ever
        kept.forget()
        return [*found, await after(0)]

    assert asyncio.run(ask()) == [1, 1, 1, 2, 2, 2, 3, 4]


def test_what_took_long_is_not_believed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now, loaded = [100.0], [0]

    def load() -> int:
        now[0] += 20.0  # it waited for the manifest
        loaded[0] += 1
        return loaded[0]

    monkeypatch.setattr("search_api.snapshots.time.monotonic", lambda: now[0])
    kept = Snapshot(load, 2.0)

    async def ask() -> list[int]:
        found = []
        for seconds in (0.0, 19.0, 2.0):
            now[0] += seconds
            found.append(await kept.get())
        return found

    assert asyncio.run(ask()) == [1, 1, 2]


def test_what_changed_while_it_was_loaded_is_loaded_again() -> None:
    loaded = []

    def load() -> int:
        loaded.append(None)
        if len(loaded) == 1:
            kept.forget()
        return len(loaded)

    kept: Snapshot[int] = Snapshot(load, 60.0)

    async def ask() -> list[int]:
        return [await kept.get() for _ in range(3)]

    assert asyncio.run(ask()) == [1, 2, 2]
