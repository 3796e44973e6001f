"""Writes docs/benchmarks.md and its plots from `benchmarks/report.md` and the results.

In the template a line `{{PART}}` stands for a part: its command and machine, a table, a plot of what others took. Every
row is one thing that was measured, every column who did it. *Ratio* is how many times as good Loupe is as the best of
the others; *of the limit*, how much of what the machine allows it reaches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results import LIMIT, LOUPE, Figure, Result, read_all

__all__ = ["DOCUMENT", "PLOTS", "TEMPLATE", "rendered", "write"]

TEMPLATE = Path(__file__).parent / "report.md"
DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PLOTS = DOCUMENT.parent / "images"
_PLACE = re.compile(r"^\{\{([a-z0-9_]+)\}\}$", re.MULTILINE)


def write() -> None:
    """The document and its plots, from what is kept in `benchmarks/results/`."""
    results = read_all()
    DOCUMENT.write_text(rendered(TEMPLATE.read_text(encoding="utf-8"), results), encoding="utf-8")
    for result in results.values():
        if compared := _compared(result):
            _plot(result, compared, PLOTS / f"bench-{result.part}.svg")


def rendered(template: str, results: Mapping[str, Result]) -> str:
    """The document. Raises KeyError for a part without results."""
    return _PLACE.sub(lambda place: _section(results[place[1]]), template)


def _section(result: Result) -> str:
    who = [LOUPE, *_others(result)]
    limited = any(each.who == LIMIT for each in result.figures)
    head = ["", *who, *(["ratio"] if len(who) > 1 else []), *(["limit", "of the limit"] if limited else [])]
    rows = [head, ["---"] * len(head)]
    for what in dict.fromkeys(each.what for each in result.figures):
        figures = {each.who: each for each in result.figures if each.what == what}
        rows.append(_row(what, figures, who, limited))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    told = result.machine
    where = f"{told['processor']}, {told['cores']} cores, {told['memory_gib']} GiB, {told['gpu'] or 'no GPU'}"
    parts = [f"`{result.command}`, {result.taken}, {where}; load {told['load']} before.", table]
    if notes := [f"- {each.what}, {each.who}: {each.note}" for each in result.figures if each.note]:
        parts.append("\n".join(notes))
    if _compared(result):
        parts.append(f"![How many times as long as Loupe the others take](images/bench-{result.part}.svg)")
    return "\n\n".join(parts)


def _others(result: Result) -> list[str]:
    return list(dict.fromkeys(each.who for each in result.figures if each.who not in (LOUPE, LIMIT)))


def _rival(who: str) -> bool:
    """Not Loupe itself set otherwise ("Loupe, fp32")."""
    return who != LIMIT and who.partition(",")[0] != LOUPE


def _row(what: str, figures: Mapping[str, Figure], who: Sequence[str], limited: bool) -> list[str]:
    own, limit = figures.get(LOUPE), figures.get(LIMIT)
    row = [f"{what}, {next(iter(figures.values())).unit}", *(_said(figures.get(each)) for each in who)]
    if len(who) > 1:
        others = [own.ratio_to(figures[each]) for each in who[1:] if own and each in figures and _rival(each)]
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


def _compared(result: Result) -> dict[str, dict[str, float]]:
    """Of what others did too: how many times as good as each of them Loupe is, by what and who."""
    ratios: dict[str, dict[str, float]] = {}
    for own in (each for each in result.figures if each.who == LOUPE):
        others = {each.who: each for each in result.figures if each.what == own.what and _rival(each.who)}
        if others:
            ratios[own.what] = {who: own.ratio_to(figure) for who, figure in others.items()}
    return ratios


def _plot(result: Result, compared: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Bars of the ratios; a line where they would be equal. The same figures always make the same file."""
    import matplotlib
    from matplotlib.figure import Figure as Drawing

    bars = [(f"{what}: {who}", ratio) for what, ratios in compared.items() for who, ratio in ratios.items()]
    with matplotlib.rc_context({"svg.hashsalt": result.part, "svg.fonttype": "none", "font.family": "sans-serif"}):
        drawing = Drawing(figsize=(8, 0.6 + 0.32 * len(bars)), layout="constrained")
        axes: Any = drawing.subplots()
        shown = axes.barh([label for label, _ in bars], [ratio for _, ratio in bars], color="#4c6ef5")
        axes.bar_label(shown, fmt="%.2fx", padding=3)
        axes.axvline(1, color="#868e96", linewidth=1)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set_xlabel("times as long as Loupe")
        axes.spines[["top", "right"]].set_visible(False)
        drawing.savefig(path, metadata={"Date": None, "Creator": None})
