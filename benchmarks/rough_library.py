"""A library as a long life leaves it: thousands of photos, one in a hundred broken in one of fifty ways, taken in once.

    python benchmarks/rough_library.py --files 10000 [--model demo-postcards] [--folder /somewhere/large]

Makes the library (samples of `../shared/photos`, where they stand, and drawn photos; no two with the same bytes), has
`loupe ingest` take it in as a user who may not read everything, and then a second time. Prints what became of each kind
of file, speed, and memory (PSS, so that shared pages count once) along the way; ends with 1 when anything is
unexplained: a good photo that is not in, a broken one with another fate than it should have, a crash, a second run that
reads again what was read.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from rough_files import GoodPhotos, Placed, ways

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "libraries"))

from ordinary_user import give_up_override  # noqa: E402

__all__ = ["Ingest", "fates", "make_library", "take_in", "unexplained"]

SAMPLES = ROOT.parent / "shared" / "photos"
_FILES_A_FOLDER = 50
_GOOD = "good photo"
_PSS_EVERY_S = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", help="Image-text model; without it photos are decoded and no more.")
    parser.add_argument("--folder", type=Path, help="Where to make the library and the home; kept afterwards.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loupe-rough-") as temporary:
        place = options.folder or Path(temporary)
        try:
            return measure(place, options.files, options.seed, options.model)
        finally:
            unlock(place)


def measure(place: Path, count: int, seed: int, model: str | None) -> int:
    started = time.monotonic()
    photos, home = place / "photos", place / "home"
    placed = make_library(photos, count, seed)
    broken = sum(bool(each.way) for each in placed)
    print(
        f"{len(placed):,} paths, {broken} of them broken or odd in {len(ways())} ways, "
        f"made in {time.monotonic() - started:.0f} s"
    )
    first = take_in(home, photos, model)
    found = fates(home, placed)
    wrong = unexplained(placed, found)
    print(first.told("first"))
    print("\n" + table(placed, found))
    print("\n" + first.curve())
    second = take_in(home, photos, model)
    print("\n" + second.told("second"))
    again = [placed for placed in unexplained(placed, fates(home, placed)) if placed not in wrong]
    for line in (*wrong, *again):
        print("UNEXPLAINED", line)
    faults = first.faults() + second.faults()
    if second.counts["decoded"] or second.counts["files_read"]:
        faults.append(f"the second run read {second.counts['files_read']} files again")
    for fault in faults:
        print("FAULT", fault)
    return 1 if wrong or again or faults else 0


# The library


def make_library(photos: Path, count: int, seed: int, broken_share: float = 0.01) -> list[Placed]:
    """A library of `count` files, the odd ones among the good ones; each way at least once."""
    chance = random.Random(seed)
    good = GoodPhotos(readable_samples(), seed)
    kinds = ways()
    number_broken = max(len(kinds), round(count * broken_share))
    placed: list[Placed] = []
    for number in range(number_broken):
        way = kinds[number % len(kinds)]
        rel = f"{2004 + number % 20}/{number:04}"
        folder = photos / rel
        folder.mkdir(parents=True)
        for path, own in way.make(folder, good, chance):
            placed.append(Placed(os.fsencode(f"{rel}/") + path, way.name, own or way.fates))
        name, data = good.next(".jpg")  # a neighbour
        (folder / name).write_bytes(data)
        placed.append(Placed(os.fsencode(f"{rel}/{name}"), "", ("in",)))
    for number in range(max(0, count - len(placed))):
        folder = photos / f"{2004 + number // _FILES_A_FOLDER % 20}/trip {number // _FILES_A_FOLDER:03}"
        if number % _FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
        name, data = good.next()
        (folder / name).write_bytes(data)
        placed.append(Placed(os.fsencode(f"{folder.relative_to(photos)}/{name}"), "", ("in",)))
    return placed


def readable_samples() -> list[Path]:
    """The samples that their table calls whole."""
    manifest = SAMPLES / "manifest.csv"
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return [SAMPLES / row["path"] for row in rows if row["expected"] == "ok" and row["format"] not in ("MP4", "THM")]


def unlock(place: Path) -> None:
    """So that the library can be removed again."""
    for folder, names, _ in os.walk(place):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755)


# Taking it in


@dataclass
class Ingest:
    """One `loupe ingest`: how it ended, what it counted, and what its processes held while it ran."""

    exit_status: int
    counts: dict[str, float]
    log: str
    seconds: float
    left_behind: list[str]
    # Seconds, PSS of the run's own process, of its workers together, in bytes.
    memory: list[tuple[float, int, int]] = field(default_factory=list)

    def faults(self) -> list[str]:
        """What must not be, whatever the files are."""
        found = [f"exit status {self.exit_status}: {self.log[-2000:]}"] if self.exit_status else []
        if "Traceback" in self.log:
            found.append(self.log[self.log.index("Traceback") :][:2000])
        if self.counts.get("left"):
            found.append(f"{self.counts['left']} photos were left undone")
        return found + [f"left behind: {process}" for process in self.left_behind]

    def told(self, which: str) -> str:
        counts = self.counts
        if self.exit_status:
            return f"The {which} ingest ended with {self.exit_status} after {self.seconds:.0f} s."
        rate = counts["files_read"] / self.seconds
        done = ", ".join(f"{counts[name]:,} {name}" for name in ("decoded", "known", "failed", "skipped", "left"))
        return (
            f"The {which} ingest: {self.seconds:.0f} s in {counts['runs']:.0f} runs, {counts['files']:,} files, "
            f"{counts['files_read']:,} read ({rate:.1f}/s): {done}."
        )

    def curve(self) -> str:
        """Memory in tenths of the time."""
        lines = ["| of the time | run, MB: median (most) | workers together, MB: median (most) |", "|---|---|---|"]
        for tenth in range(10):
            part = self.memory[tenth * len(self.memory) // 10 : (tenth + 1) * len(self.memory) // 10]
            if part:
                held = [[row[column] / 1e6 for row in part] for column in (1, 2)]
                own, workers = (f"{median(each):,.0f} ({max(each):,.0f})" for each in held)
                lines.append(f"| {10 * tenth} to {10 * (tenth + 1)}% | {own} | {workers} |")
        return "\n".join(lines)

    def own_growth(self) -> float:
        """How much more the run's process held in the last fifth of its time than in the second, medians, bytes."""
        fifth = len(self.memory) // 5
        early, late = self.memory[fifth : 2 * fifth], self.memory[-fifth:]
        return median(row[1] for row in late) - median(row[1] for row in early)


def take_in(home: Path, photos: Path, model: str | None = None, **settings: str) -> Ingest:
    """Have `loupe ingest` take the library in, as a user for whom file modes mean what they say."""
    home.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "orchestration.cli", "ingest", str(photos), "--json", "--captions", "off"]
    command += ["--model", model] if model else []
    variables = {f"LOUPE_{name.upper()}": value for name, value in {"home": str(home), **settings}.items()}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            env={**os.environ, **variables},
            cwd=ROOT,
            preexec_fn=give_up_override,
        )
        memory: list[tuple[float, int, int]] = []
        family: dict[int, str] = {}
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, started, memory, family, done))
        watcher.start()
        status = process.wait()
        seconds = time.monotonic() - started
        done.set()
        watcher.join()
        out.seek(0)
        log.seek(0)
        said, logged = out.read(), log.read()
    left = [name for pid, name in family.items() if psutil.pid_exists(pid)]
    counts = json.loads(said) if status == 0 else {}
    workers_log = home / "logs" / "decode-workers.log"
    logged += workers_log.read_text(errors="replace") if workers_log.exists() else ""
    return Ingest(status, counts, logged, seconds, left, memory)


def _watch(
    pid: int, started: float, memory: list[tuple[float, int, int]], family: dict[int, str], done: threading.Event
) -> None:
    root = psutil.Process(pid)
    while not done.wait(_PSS_EVERY_S):
        try:
            children = root.children(recursive=True)
            own = root.memory_full_info().pss
        except psutil.Error:
            continue
        held = 0
        for child in children:
            try:
                family.setdefault(child.pid, " ".join(child.cmdline())[:200])
                held += child.memory_full_info().pss
            except psutil.Error:  # it ended between listing and asking
                continue
        memory.append((time.monotonic() - started, own, held))


# What became of it


def fates(home: Path, placed: Sequence[Placed]) -> dict[bytes, str]:
    """The fate of each path, as the manifest tells it."""
    from resources.folders import from_text
    from resources.library import Library
    from resources.settings import Settings

    with Library(Settings.load(home=home)).manifest.read() as tx:
        files = tx.rows(
            """SELECT f.rel_path, f.skip_reason, any_value(p.photo_id) AS photo_id, any_value(p.warnings) AS warnings
            FROM files f LEFT JOIN photos p ON p.document_id = f.photo_id AND p.page = 1 AND p.sha256 = f.sha256
            WHERE f.missing_since IS NULL GROUP BY ALL"""
        )
        failures = tx.rows("SELECT rel_path, stage, code FROM failures")
    codes = {(os.fsencode(from_text(row["rel_path"])), row["stage"]): row["code"] for row in failures}
    folders = [path for path, stage in codes if stage == "file_inventory"]
    rows = {os.fsencode(from_text(row["rel_path"])): row for row in files}

    def fate(path: bytes) -> str:
        row = rows.get(path)
        if failed := codes.get((path, "decoded_images")) or codes.get((path, "file_inventory")):
            return failed
        if row is None:
            if any(path.startswith(folder + b"/") for folder in folders):
                return "not looked at"
            return "too deep" if any(folder.startswith(path + b"/") for folder in folders) else "without a trace"
        if row["skip_reason"]:
            return f"skipped: {row['skip_reason']}"
        if row["photo_id"] is None:
            return "pending for ever"
        sidecar = codes.get((path, "sidecars"))
        warned = f" with {', '.join(row['warnings'])}" if row["warnings"] else ""
        return "in" + warned + (f" and {sidecar}" if sidecar else "")

    return {each.path: fate(each.path) for each in placed}


def unexplained(placed: Sequence[Placed], found: dict[bytes, str]) -> list[str]:
    """The paths whose fate is none that explains them, in words."""
    return [
        f"{each.way or _GOOD}: {each.path[:200]!r} came to {found[each.path]!r}, not to {' or '.join(each.fates)}"
        for each in placed
        if found[each.path] not in each.fates
    ]


def table(placed: Sequence[Placed], found: dict[bytes, str]) -> str:
    """By way: how many, what they may come to, what they came to."""
    came: dict[str, Counter[str]] = {_GOOD: Counter(), **{way.name: Counter() for way in ways()}}
    for each in placed:
        came[each.way or _GOOD][found[each.path]] += 1
    lines = ["| way | paths | came to |", "|---|---|---|"]
    lines += [
        f"| {name} | {sum(counts.values()):,} | {', '.join(f'{fate}: {n:,}' for fate, n in counts.most_common())} |"
        for name, counts in came.items()
        if counts
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
