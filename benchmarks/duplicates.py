"""How well duplicates are told: precision and recall of each tier, on a library of which it is known what belongs
together.

    python benchmarks/duplicates.py ../shared/photos
    LOUPE_HOME=... python benchmarks/duplicates.py ../shared/photos --model siglip2-b32

Makes families of copies, edits, RAW and JPEG, bursts and look-alikes (`duplicate_truth.py`): of drawn pictures and, as
far as a folder is given, of its photographs. Takes them in with the real stream, finds duplicates, and prints Markdown:
the tiers, each kind of pair, the traps, and what other thresholds would have come to. A pair is found when both stand
in one group of its tier, wrong when they stand in one group of a tier that is too strong for them.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from types import ModuleType

from duplicate_truth import Family, Pair, distinct, make_families

from assets.embeddings import embedding
from assets.photo_stream import PhotoStream, StreamLimits
from resources import stack_rules
from resources.duplicates import TIERS, ContentModel, Tier, find_duplicates, regroup, same_picture
from resources.engine import LocalEngine
from resources.inventory import add_root, take_inventory
from resources.library import Library, result_key
from resources.manifest import duplicates as table
from resources.manifest import stacks
from resources.models import DEMO_MODEL, GpuResource, load_clip
from resources.settings import Settings
from resources.stacks import restack
from resources.watching import look

_ENOUGH_S = 3600.0
_COSINES = (0.80, 0.90, 0.95, 0.97, 0.98, 0.995)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="Photographs to copy and edit beside the drawings.")
    parser.add_argument("--photographs", type=int, default=40, help="At most so many of them.")
    parser.add_argument("--model", default=DEMO_MODEL)
    parser.add_argument("--no-curves", action="store_true", help="Only the thresholds in use.")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="loupe-duplicates-") as temporary:
        place = Path(temporary)
        photographs = list(distinct(options.folder, options.photographs)) if options.folder else []
        families = make_families(place / "photos", photographs)
        print(f"{sum(len(f.files) for f in families):,} files made in {time.monotonic() - started:.0f} s")
        measure = Measurement(place, families, options.model)
        print(f"taken in and compared after {time.monotonic() - started:.0f} s\n", flush=True)
        measure.tell()
        if not options.no_curves:
            measure.tell_curves()
    print(f"\n{time.monotonic() - started:.0f} s in all")


@dataclass(frozen=True)
class Score:
    """What one tier came to, in pairs: `elsewhere` stand together in another tier only."""

    made: int
    found: int
    elsewhere: int
    wrong: int

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.wrong)

    @property
    def recall(self) -> float:
        return self.found / max(1, self.made)


_Found = Mapping[tuple[str, str], set[Tier]]


class Measurement:
    """The library of these families, taken in and compared by the thresholds in use."""

    def __init__(self, place: Path, families: Sequence[Family], model: str) -> None:
        own = Settings.load()
        home = place / "home"
        home.mkdir()
        if (own.home / "models").is_dir():
            (home / "models").symlink_to(own.home / "models")
        settings = Settings(home=home, model=model, captions="off")
        self._library = Library(settings).open()
        gpu = GpuResource(settings)
        clip, _ = self._library.use_models()
        assert clip is not None
        manifest = self._library.manifest
        add_root(manifest, self._library.home, str(place / "photos"), settings.max_partitions)
        take_inventory(manifest, look(manifest, settle=False).due)
        stream = PhotoStream(
            manifest,
            self._library.home,
            LocalEngine(settings),
            StreamLimits(1_000_000, 3600),
            embedding=embedding(self._library, gpu, clip),
            captioning=None,
        )
        stream.run({"decoded_images", "embeddings"}, None, threading.Event())
        restack(manifest, limit_s=_ENOUGH_S)
        self._model = ContentModel(result_key(clip), clip.input_spec, lambda: load_clip(settings, clip.name, gpu))
        self._truth: dict[tuple[str, str], Pair] = {
            _key(pair.one, pair.other): pair for family in families for pair in family.pairs
        }
        with manifest.read() as tx:
            rows = tx.rows("SELECT rel_path, photo_id FROM files WHERE photo_id IS NOT NULL ORDER BY rel_path")
        self._paths: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            self._paths[row["photo_id"]].append(row["rel_path"])
        lost = {path for family in families for path in family.files} - {row["rel_path"] for row in rows}
        assert not lost, f"not taken in: {sorted(lost)}"
        self._threshold = find_duplicates(manifest, self._library.home, self._model, limit_s=_ENOUGH_S).threshold

    def found(self) -> _Found:
        """The tiers in which pairs of files stand together now."""
        with self._library.manifest.read() as tx:
            groups = table.groups(tx, tier=None, photo_ids=None, limit=1_000_000, offset=0)
        found: dict[tuple[str, str], set[Tier]] = defaultdict(set)
        for group in groups:
            paths = [self._paths[photo_id] for photo_id in group["photo_ids"]]
            if group["tier"] == "same_bytes":
                pairs = list(combinations(paths[0], 2))
            else:
                pairs = [pair for one, other in combinations(paths, 2) for pair in product(one, other)]
            for pair in pairs:
                found[_key(*pair)].add(group["tier"])
        return found

    def scores(self, found: _Found) -> dict[Tier, Score]:
        made: Counter[Tier] = Counter()
        right: Counter[Tier] = Counter()
        elsewhere: Counter[Tier] = Counter()
        wrong: Counter[Tier] = Counter()
        for key, pair in self._truth.items():
            if pair.wanted and pair.tier:
                made[pair.tier] += 1
                right[pair.tier] += pair.tier in found.get(key, ())
                elsewhere[pair.tier] += bool(found.get(key)) and pair.tier not in found[key]
        for key, tiers in found.items():
            wrong.update(tier for tier in tiers if _is_wrong(self._truth.get(key), tier))
        return {tier: Score(made[tier], right[tier], elsewhere[tier], wrong[tier]) for tier in TIERS}

    def tell(self) -> None:
        """The tiers, the kinds of pairs that were made, and the traps."""
        found = self.found()
        print("| tier | pairs made | found | in another tier only | wrong | precision | recall |")
        print("|---|---|---|---|---|---|---|")
        for tier, score in self.scores(found).items():
            counts = f"{score.made} | {score.found} | {score.elsewhere} | {score.wrong}"
            print(f"| {_named(tier)} | {counts} | {score.precision:.1%} | {score.recall:.1%} |")
        kinds: dict[tuple[bool, str], list[Counter[str]]] = defaultdict(list)
        tiers: dict[str, Tier | None] = {}
        for key, pair in self._truth.items():
            stands = found.get(key, set())
            kinds[pair.wanted, pair.kind].append(Counter(map(str, stands or ("nowhere",))))
            tiers[pair.kind] = pair.tier
        for wanted, title in ((True, "made"), (False, "not to be found")):
            print(f"\n| {title} | may stand in | pairs | stand in |\n|---|---|---|---|")
            rows = [(kind, each) for (is_wanted, kind), each in kinds.items() if is_wanted is wanted]
            for kind, each in sorted(rows, key=lambda row: TIERS.index(tiers[row[0]] or "similar")):
                total: Counter[str] = sum(each, Counter())
                where = ", ".join(f"{_named(name)} {count}" for name, count in total.most_common())
                print(f"| {kind} | {_named(tiers[kind] or 'nowhere')} | {len(each)} | {where} |")
        strangers: Counter[Tier] = Counter(
            tier for key, tiers_found in found.items() if key not in self._truth for tier in tiers_found
        )
        named = ", ".join(f"{_named(tier)} {count}" for tier, count in strangers.items())
        print(f"\nPairs of different families that stand together: {named or 'none'}.", flush=True)

    def tell_curves(self) -> None:
        """Precision and recall over each threshold, the others as they are in use."""
        print("\n| threshold | tier | precision and recall at |\n|---|---|---|")
        manifest, home = self._library.manifest, self._library.home

        def compared_again() -> None:
            find_duplicates(manifest, home, None, limit_s=_ENOUGH_S)

        def stacked_again() -> None:
            with manifest.write() as tx:
                stacks.disturb(tx, list(self._paths))
            restack(manifest, limit_s=_ENOUGH_S)
            regroup(manifest, home, None)

        cells = []
        for cosine in sorted({*_COSINES, self._threshold or 1.0}):
            with manifest.write() as tx:
                table.put_threshold(tx, self._model.key.made_by, cosine, 64)
            find_duplicates(manifest, home, self._model, limit_s=_ENOUGH_S)
            cells.append(_cell(f"{cosine:.3f}", self.scores(self.found())["similar"], cosine == self._threshold))
        print(f"| cosine of {self._model.key.model} | similar | {'; '.join(cells)} |", flush=True)

        areas = self._curve(same_picture, compared_again, "same_picture")
        areas("_MOST_BITS", "bits of 64", (6, 8, 10, 14))
        areas("_MOST_MEAN", "root mean square over areas", (3.0, 5.0, 7.5, 10.0))
        areas("_MOST_AREA", "worst area", (5.0, 10.0, 15.0, 20.0, 25.0, 40.0))
        self._curve(stack_rules, stacked_again, "raw_jpeg")(
            "_SAME_SHOT_BITS", "bits of 64, one without a date", (2, 6, 18)
        )
        burst = self._curve(stack_rules, stacked_again, "burst")
        burst("_BURST_BITS", "bits of 64 between frames", (10, 14, 18, 22, 26))
        burst("_BURST_GAP_S", "seconds between frames", (0.4, 1.0, 2.0))

    def _curve(
        self, module: ModuleType, again: Callable[[], None], tier: Tier
    ) -> Callable[[str, str, Sequence[float]], None]:
        def tell(constant: str, said: str, values: Sequence[float]) -> None:
            used, cells = getattr(module, constant), []
            made_by = same_picture.MADE_BY
            for value in values:
                # Another way of comparing is another name: pictures are then compared again.
                name = f"{constant} {value}" if module is same_picture else made_by
                with _set(module, constant, value), _set(same_picture, "MADE_BY", name):
                    again()
                    cells.append(_cell(f"{value:g}", self.scores(self.found())[tier], value == used))
            print(f"| {said} | {_named(tier)} | {'; '.join(cells)} |", flush=True)

        return tell


def _is_wrong(pair: Pair | None, tier: Tier) -> bool:
    return pair is None or pair.tier is None or TIERS.index(tier) < TIERS.index(pair.tier)


def _cell(value: str, score: Score, in_use: bool) -> str:
    text = f"{value}: {score.precision:.3f}, {score.recall:.3f}"
    return f"**{text}**" if in_use else text


@contextmanager
def _set(module: ModuleType, constant: str, value: object) -> Iterator[None]:
    before = getattr(module, constant)
    setattr(module, constant, value)
    try:
        yield
    finally:
        setattr(module, constant, before)


def _key(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _named(tier: str) -> str:
    return {"raw_jpeg": "RAW and JPEG"}.get(tier, tier.replace("_", " "))


if __name__ == "__main__":
    main()
