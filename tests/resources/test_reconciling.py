"""When the weekly comparison falls due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from resources.library import Library
from resources.manifest import jobs, roots
from resources.reconciling import reconcile_due

# A Sunday.
SUNDAY = datetime(2026, 3, 1, 4, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def watching(library: Library) -> Library:
    """A folder is watched since the Wednesday before `SUNDAY`."""
    with library.manifest.write() as tx:
        roots.add(tx, "/photos", 64)
        tx.execute("UPDATE roots SET added_at = ?", [(SUNDAY - 4 * DAY).replace(tzinfo=None)])
    return library


def due(library: Library, now: datetime) -> bool:
    return reconcile_due(library.manifest, now)[0]


def ran(library: Library, at: datetime, state: str = "done") -> None:
    with library.manifest.write() as tx:
        jobs.start(tx, str(at), "reconcile", None)
        jobs.finish(tx, str(at), state)
        tx.execute("UPDATE jobs SET created_at = ? WHERE run_id = ?", [at.replace(tzinfo=None), str(at)])


def test_it_is_due_once_a_week_and_after_a_sunday_that_was_slept_through(watching: Library) -> None:
    assert not due(watching, SUNDAY - HOUR), "the week before the folder was watched is owed by nobody"
    assert due(watching, SUNDAY + HOUR)
    assert due(watching, SUNDAY + 4 * DAY), "a machine that was off owes it"
    ran(watching, SUNDAY + 4 * DAY)
    assert not due(watching, SUNDAY + 5 * DAY)
    assert not due(watching, SUNDAY + 7 * DAY - HOUR)
    assert due(watching, SUNDAY + 7 * DAY)
    assert due(watching, SUNDAY + 40 * DAY)


def test_one_that_did_not_end_well_is_tried_again_after_a_day(watching: Library) -> None:
    ran(watching, SUNDAY + HOUR, "failed")
    assert not due(watching, SUNDAY + 2 * HOUR)
    assert due(watching, SUNDAY + 2 * HOUR + DAY)


def test_the_hour_is_that_of_the_clock_on_the_wall(watching: Library) -> None:
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")  # 04:00 there is 03:00 UTC
    assert due(watching, (SUNDAY - HOUR / 2).astimezone(berlin))
    assert not due(watching, SUNDAY - HOUR / 2)


def test_one_of_the_future_is_no_reason_to_wait(watching: Library) -> None:
    ran(watching, SUNDAY + 400 * DAY)
    assert due(watching, SUNDAY + HOUR)


def test_nothing_watched_owes_nothing(library: Library) -> None:
    assert not due(library, SUNDAY)
