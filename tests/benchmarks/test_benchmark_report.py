"""docs/benchmarks.md says what was measured, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import report
from results import LIMIT, LOUPE, Figure, Result, read, read_all

MACHINE = {"processor": "A processor", "cores": 2, "memory_gib": 24, "gpu": None, "load": 0.1}


def a_result(*figures: Figure) -> Result:
    return Result("speed", "make bench PARTS=speed", MACHINE, "2026-01-02", list(figures))


def table_of(document: str) -> list[list[str]]:
    """Cells of a document's only table, without the line under its head."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in document.splitlines() if line.startswith("|")]
    return [rows[0], *rows[2:]]


def test_the_document_is_what_the_results_and_the_template_say():
    expected = report.rendered(report.TEMPLATE.read_text(encoding="utf-8"), read_all())
    assert report.DOCUMENT.read_text(encoding="utf-8") == expected, "run `make bench PARTS=report`"


def test_every_result_has_its_place_in_the_template():
    template = report.TEMPLATE.read_text(encoding="utf-8")
    assert not [part for part in read_all() if f"{{{{{part}}}}}" not in template.splitlines()]


def test_more_a_second_is_better_and_fewer_seconds_are():
    fast, slow = Figure("a", LOUPE, 30, "photos/s"), Figure("a", "other", 20, "photos/s")
    assert fast.ratio_to(slow) == pytest.approx(1.5)
    short, long = Figure("a", LOUPE, 2, "s"), Figure("a", "other", 3, "s")
    assert short.ratio_to(long) == pytest.approx(1.5)


def test_the_ratio_is_to_the_best_of_the_others():
    speeds = {LOUPE: 30, "Loupe, fp32": 25, "slow": 3, "b": 20}
    figures = [Figure("a", who, speed, "photos/s") for who, speed in speeds.items()]
    document = report.rendered("before\n{{speed}}\nafter\n", {"speed": a_result(*figures)})
    assert document.startswith("before\n`make bench PARTS=speed`, 2026-01-02, A processor, 2 cores, 24 GiB, no GPU; ")
    assert document.endswith("after\n")
    assert table_of(document) == [
        ["", "Loupe", "Loupe, fp32", "slow", "b", "ratio"],
        ["a, photos/s", "30", "25", "3", "20", "1.50x"],
    ]
    assert list(report._compared(a_result(*figures))["a"]) == ["slow", "b"]


def test_the_share_of_the_limit_and_what_nobody_else_did():
    figures = [Figure("a", LOUPE, 1234.5, "images/s"), Figure("a", LIMIT, 2469, "images/s", "by arithmetic")]
    document = report.rendered("{{speed}}\n", {"speed": a_result(*figures, Figure("b", LOUPE, 0.04567, "s"))})
    assert table_of(document) == [
        ["", "Loupe", "limit", "of the limit"],
        ["a, images/s", "1,234", "2,469", "50%"],
        ["b, s", "0.0457", "–", "–"],
    ]
    assert "- a, limit: by arithmetic" in document
    assert "images/bench" not in document  # nobody to compare with


def test_a_part_without_results_is_not_passed_over():
    with pytest.raises(KeyError, match="speed"):
        report.rendered("{{speed}}\n", {})


def test_results_survive_being_written(tmp_path):
    result = a_result(Figure("a", LOUPE, 1.5, "s", "a note"))
    assert read(result.write(tmp_path)) == result
    assert read_all(tmp_path) == {"speed": replace(result)}


def test_a_plot_is_the_same_each_time(tmp_path):
    result = a_result(Figure("a", LOUPE, 2, "s"), Figure("a", "other", 3, "s"))
    compared = report._compared(result)
    assert compared == {"a": {"other": pytest.approx(1.5)}}
    for name in ("one.svg", "two.svg"):
        report._plot(result, compared, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert "1.50x" in (tmp_path / "one.svg").read_text()
