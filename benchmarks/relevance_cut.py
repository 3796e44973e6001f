"""Where relevance ends, measured: rules for the cut on held-out draws, of which it is known what they show.

    python benchmarks/relevance_cut.py --photos 2000 --queries 600

Queries are what a person types in a hurry (`Postcard.fragment`), each with the photos that it describes. A rule sees
what search sees: the sorted cosines of the query. For each rule: mean precision, recall and F1 over the queries that
describe something, and how many photos it calls relevant for queries that describe nothing in the library.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from demo.evidence import photo_inputs
from demo.postcards import draw_postcards
from resources.models import DEMO_MODEL, GpuResource, load_clip
from resources.settings import Settings

Rule = Callable[[np.ndarray], int]


def flat(threshold: float) -> Rule:
    """The same threshold for each query."""
    return lambda scores: int((scores >= threshold).sum())


def between(share: float) -> Rule:
    """The place between the best score (1) and the median (0)."""

    def rule(scores: np.ndarray) -> int:
        return int((scores >= np.median(scores) + share * (scores[0] - np.median(scores))).sum())

    return rule


def between_candidates(share: float, candidates: int = 1000) -> Rule:
    """As `between`, the median being that of the best `candidates` alone."""
    return lambda scores: between(share)(scores[:candidates])


def deviations(many: float) -> Rule:
    """So many standard deviations above the mean."""
    return lambda scores: int((scores >= scores.mean() + many * scores.std()).sum())


def robust(many: float) -> Rule:
    """So many median deviations above the median."""

    def rule(scores: np.ndarray) -> int:
        middle = np.median(scores)
        return int((scores >= middle + many * 1.4826 * np.median(np.abs(scores - middle))).sum())

    return rule


def largest_gap(among: int) -> Rule:
    """Before the largest step down among the first."""
    return lambda scores: int(np.argmax(scores[:among] - scores[1 : among + 1])) + 1


def knee(among: int) -> Rule:
    """Where the curve of the first lies furthest below the straight line between its ends."""

    def rule(scores: np.ndarray) -> int:
        part = scores[:among]
        line = np.linspace(part[0], part[-1], len(part))
        return int(np.argmax(line - part)) + 1

    return rule


def two_groups(bins: int = 128) -> Rule:
    """Otsu's threshold between two groups of scores."""

    def rule(scores: np.ndarray) -> int:
        counts, edges = np.histogram(scores, bins)
        middles = (edges[1:] + edges[:-1]) / 2
        below = np.cumsum(counts)
        above = below[-1] - below
        sums = np.cumsum(counts * middles)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
        return int((scores >= edges[1 + int(np.nanargmax(spread[:-1]))]).sum())

    return rule


def gap_between(low: float, high: float, candidates: int | None = None) -> Rule:
    """Before the largest step down among scores that lie between two shares of the way from the median to the best."""

    def rule(scores: np.ndarray) -> int:
        seen = scores[:candidates]
        middle, best = np.median(seen), seen[0]
        first = max(int((seen >= middle + high * (best - middle)).sum()), 1)
        last = max(int((seen >= middle + low * (best - middle)).sum()), first)
        steps = seen[first - 1 : last] - seen[first : last + 1]
        return first + int(np.argmax(steps))

    return rule


def both(share: float, many: float) -> Rule:
    """The stricter of `between` and `deviations`."""
    return lambda scores: min(between(share)(scores), deviations(many)(scores))


RULES: dict[str, Rule] = {
    **{f"flat {t}": flat(t) for t in (0.3, 0.4, 0.5, 0.6, 0.7)},
    **{f"between best and median of 1,000, {x}": between_candidates(x) for x in (0.4, 0.5, 0.6, 0.7)},
    **{f"between best and median of all, {x}": between(x) for x in (0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8)},
    **{f"mean + {x} deviations": deviations(x) for x in (1.0, 1.5, 2.0, 2.5, 3.0)},
    **{f"median + {x} robust deviations": robust(x) for x in (2.0, 2.5, 3.0, 4.0)},
    **{f"largest gap of {x}": largest_gap(x) for x in (100, 500)},
    **{f"knee of {x}": knee(x) for x in (500, 1000)},
    **{
        f"largest gap between {low} and {high} of the way": gap_between(low, high)
        for low in (0.5, 0.6, 0.65, 0.7, 0.75)
        for high in (0.85, 0.9, 0.95, 1.0)
    },
    "two groups": two_groups(),
    **{f"between {x} and {y} deviations": both(x, y) for x in (0.5, 0.6, 0.7) for y in (1.5, 2.0, 2.5)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=600)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--vectors", type=Path, help="Keep the vectors here between runs.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        encoder = load_clip(settings, DEMO_MODEL, GpuResource(settings))
        cards = list(islice(draw_postcards(options.seed, "evaluation"), options.photos))
        if options.vectors and options.vectors.exists():
            images = np.load(options.vectors)[: options.photos]
        else:
            parts = [cards[at : at + 100] for at in range(0, len(cards), 100)]
            images = np.concatenate(
                [encoder.embed_images(photo_inputs(p, encoder.input_spec, settings)) for p in parts]
            )
            if options.vectors:
                np.save(options.vectors, images)
        rng = np.random.default_rng(options.seed + 1)
        asked = list(islice(draw_postcards(options.seed + 2, "evaluation"), options.queries))
        phrases = [card.fragment(rng) for card in asked]
        texts = encoder.embed_texts([phrase.text for phrase in phrases])
    true = np.array([[card.matches(phrase.claims) for card in cards] for phrase in phrases])
    scores = texts @ images.T
    order = np.argsort(-scores, axis=1)
    scores, true = np.take_along_axis(scores, order, 1), np.take_along_axis(true, order, 1)
    found = true.sum(1) > 0
    print(
        f"{len(cards)} photos; {int(found.sum())} queries describe some (median {np.median(true.sum(1)[found]):.0f}),"
    )
    print(f"{int((~found).sum())} describe none\n")
    print("| rule | precision | recall | F1 | relevant where nothing is |")
    print("|---|---|---|---|---|")
    best = []
    for name, rule in RULES.items():
        counts = np.array([max(rule(row), 1) for row in scores])
        hits = np.array([row[:count].sum() for row, count in zip(true, counts, strict=True)])
        precision, recall = hits[found] / counts[found], hits[found] / true.sum(1)[found]
        f1 = np.where(hits[found] > 0, 2 * precision * recall / np.maximum(precision + recall, 1e-9), 0.0)
        nothing = float(np.median(counts[~found])) if (~found).any() else 0.0
        best.append((f1.mean(), name))
        print(f"| {name} | {precision.mean():.2f} | {recall.mean():.2f} | {f1.mean():.2f} | {nothing:.0f} |")
    ideal = []
    for row in true[found]:
        cumulative, places = np.cumsum(row), np.arange(1, len(row) + 1)
        ideal.append((2 * cumulative / (places + row.sum())).max())
    print(f"\nBest possible cut of each query: F1 {np.mean(ideal):.2f}. Best rule: {max(best)[1]}.")


if __name__ == "__main__":
    main()
