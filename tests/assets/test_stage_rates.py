"""How fast a stage goes and how long it takes: told by stage, from the last minute."""

from __future__ import annotations

from assets.job_rows import StageRates


def test_each_stage_has_a_rate_and_a_time_of_its_own() -> None:
    rates = StageRates()
    rates.add({"decoded": {"done": 0, "total": 100}, "embedded": {"done": 0, "total": 100}}, 0.0)
    told = rates.add({"decoded": {"done": 40, "total": 100}, "embedded": {"done": 10, "total": 100}}, 2.0)
    assert told["decoded"] == {"done": 40, "total": 100, "photos_per_s": 20.0, "eta_s": 3.0}
    assert told["embedded"] == {"done": 10, "total": 100, "photos_per_s": 5.0, "eta_s": 18.0}


def test_a_stage_that_has_not_grown_yet_has_neither() -> None:
    [told] = StageRates().add({"captioned": {"done": 32, "total": 64}}, 5.0).values()
    assert (told["photos_per_s"], told["eta_s"]) == (None, None)


def test_the_rate_is_of_the_last_minute_and_stays_when_the_stage_is_through() -> None:
    rates = StageRates()
    for second in range(0, 101, 10):  # the first 100 s at one a second
        rates.add({"decoded": {"done": second, "total": 1000}}, float(second))
    for second in range(110, 201, 10):
        told = rates.add({"decoded": {"done": 100 + (second - 100) * 4, "total": 1000}}, float(second))["decoded"]
    assert told["photos_per_s"] == 4.0
    done = rates.add({"decoded": {"done": 1000, "total": 1000}}, 325.0)["decoded"]
    assert done["eta_s"] is None
    later = rates.add({"decoded": {"done": 1000, "total": 1000}}, 9000.0)["decoded"]
    assert later["photos_per_s"] == done["photos_per_s"]
