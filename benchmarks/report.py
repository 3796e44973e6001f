"""Writes docs/benchmarks.md from `benchmarks/report.md` and the results.

    python -m benchmarks report

In the template a line `{{PART}}` stands for the table of a part, with its machine and command. Every row is one thing
that was measured, every column who did it; `ratio` is Loupe against the best of the others, and `of the limit` how much
of what the machine allows Loupe reaches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from results import LIMIT, LOUPE, Figure, Result

__all__ = ["DOCUMENT", "TEMPLATE", "rendered"]

TEMPLATE = Path(__file__).parent / "report.md"
DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_PLACE = re.compile(r"^\{\{([a-z0-9_]+)\}\}$", re.MULTILINE)


def rendered(template: str, results: Mapping[str, Result]) -> str:
    """The document. Raises KeyError for a part without results."""
    return _PLACE.sub(lambda place: _section(results[place[1]]), template)


def _section(result: Result) -> str:
    who = [LOUPE, *dict.fromkeys(each.who for each in result.figures if each.who not in (LOUPE, LIMIT))]
    limited = any(each.who == LIMIT for each in result.figures)
    head = ["", *who, *(["ratio"] if len(who) > 1 else []), *(["limit", "of the limit"] if limited else [])]
    rows = [head, ["---"] * len(head)]
    for what in dict.fromkeys(each.what for each in result.figures):
        figures = {each.who: each for each in result.figures if each.what == what}
        rows.append(_row(what, figures, who, limited))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = [f"- {each.what}, {each.who}: {each.note}" for each in result.figures if each.note]
    told = result.machine
    where = f"{told['processor']}, {told['cores']} cores, {told['memory_gib']} GiB, {told['gpu'] or 'no GPU'}"
    return "\n\n".join([f"`{result.command}`, {result.taken}, {where}.", table, *(["\n".join(notes)] if notes else [])])


def _row(what: str, figures: Mapping[str, Figure], who: Sequence[str], limited: bool) -> list[str]:
    own, limit = figures.get(LOUPE), figures.get(LIMIT)
    row = [f"{what}, {next(iter(figures.values())).unit}", *(_said(figures.get(each)) for each in who)]
    if len(who) > 1:
        others = [own.ratio_to(figures[each]) for each in who[1:] if own and each in figures]
        row.append(f"{min(others):.2f}x" if others else "–")
    if limited:
        row += [_said(limit), f"{own.ratio_to(limit):.0%}" if own and limit else "–"]
    return row


def _said(figure: Figure | None) -> str:
    """Three figures that count."""
    if figure is None:
        return "–"
    value = figure.value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
