"""Memory over a long ingest: many small distinct pictures through one process, the demo models, the index followed.

    python benchmarks/soak.py --photos 100000 --plot docs/images/soak.png

One process takes the pictures in, run after run of at most 2,000, as `loupe up` asks for them, without ever being
started anew (Dagster starts a process a run: this is harder). Another owns the index and follows, as the search API
does. The memory that each process asked for (`Pss_Anon` of Linux: without pages of files, which the system takes back
and of which other processes share some) is sampled from outside every second; photos done are read from the stream's
own flushes.
Prints a Markdown table: for the ingest (with and without its decode workers) and for the owner, the slope after
warm-up in MB per 10,000 photos, of what is held most of the time (the median of each of 24 equal blocks of samples) and
of peaks (their 95th percentile: for a moment at each flush, queries hold what they compare), by least squares over the
blocks, with its 95 % interval (Student's t over the blocks: neighbouring samples are not independent).
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from scipy import stats

_EVERY_S = 1.0
_BLOCKS = 24
_HELD = (("most of the time", 0.5), ("at peaks", 0.95))
_FOLDER_PHOTOS = 1000


@dataclass(frozen=True)
class Sample:
    """At `at_s` seconds `done` photos were taken in; memory in MB."""

    at_s: float
    done: int
    ingest_mb: float
    workers_mb: float
    owner_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--warm-up", type=float, default=0.2, help="Share of the photos before the slope is taken.")
    parser.add_argument("--minutes", type=float, default=600.0, help="Stop then, and report what was seen.")
    parser.add_argument("--captions", action="store_true", help="Caption them as well, in the same runs.")
    parser.add_argument("--plot", type=Path, help="Write a picture of the curves here.")
    parser.add_argument("--samples", type=Path, help="Write the samples here, as JSON Lines.")
    parser.add_argument("--run", nargs=3, metavar=("PART", "HOME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        part, home, folder = options.run
        (own if part == "own" else ingest)(Path(home), folder, options.captions)
        return
    with tempfile.TemporaryDirectory(prefix="loupe-soak-", ignore_cleanup_errors=True) as place:
        photos = Path(place, "photos")
        draw(photos, options.photos)
        samples, counts = soak(Path(place, "home"), photos, options.captions, options.minutes)
        if options.samples:
            options.samples.write_text("".join(json.dumps(vars(each)) + "\n" for each in samples))
    print(table(samples, options.warm_up))
    print(
        f"\n{counts['done']:,} photos in {samples[-1].at_s:,.0f} s, {counts['runs']} runs, {counts['failed']} failed."
    )
    if options.plot:
        plot(samples, options.warm_up, options.plot)


def draw(folder: Path, count: int) -> None:
    """`count` distinct pictures of 160 x 120: smooth random colours, so that they compress as photos do."""
    random = np.random.default_rng(20)
    for number in range(count):
        if number % _FOLDER_PHOTOS == 0:
            shelf = folder / f"{number // _FOLDER_PHOTOS:03d}"
            shelf.mkdir(parents=True)
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        out = io.BytesIO()
        coarse.resize((160, 120), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
        (shelf / f"IMG_{number:06d}.jpg").write_bytes(out.getvalue())


def soak(home: Path, photos: Path, captions: bool, minutes: float) -> tuple[list[Sample], dict[str, int]]:
    """Take the pictures in and follow them; the samples, and what the ingest says of itself at the end."""
    command = [sys.executable, __file__, *(["--captions"] if captions else [])]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    stream = subprocess.Popen(
        [*command, "--run", "ingest", str(home), str(photos)], stdout=subprocess.PIPE, text=True, env=quiet
    )
    said: dict[str, int] = {"done": 0}
    assert stream.stdout is not None

    def listen() -> None:
        for line in stream.stdout or ():
            if line.startswith("{"):  # the rest is the log
                said.update(json.loads(line))

    listener = threading.Thread(target=listen)
    listener.start()
    owner: subprocess.Popen[bytes] | None = None
    samples: list[Sample] = []
    started = time.monotonic()
    while stream.poll() is None:
        if time.monotonic() - started > 60 * minutes:
            stream.terminate()
            break
        if owner is None and said["done"]:
            owner = subprocess.Popen([*command, "--run", "own", str(home), str(photos)], env=quiet)
        time.sleep(_EVERY_S)
        try:
            sizes = [memory_mb(stream.pid), workers_mb(stream.pid), memory_mb(owner.pid) if owner else 0.0]
        except (psutil.Error, OSError):
            continue  # one of them ended between listing and asking
        samples.append(Sample(time.monotonic() - started, said["done"], *sizes))
    listener.join()
    if owner:
        compaction = psutil.Process(owner.pid).children(recursive=True)
        for process in (owner, *compaction):
            process.terminate()
        owner.wait()
    if stream.wait() not in (0, -signal.SIGTERM):
        raise SystemExit(stream.returncode)
    # After the last flush the process ends: what it holds then says nothing of its growth.
    return [each for each in samples if each.done < said["done"]], said


def memory_mb(pid: int) -> float:
    """What one process asked for and holds."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) * 1024 / 1e6


def workers_mb(pid: int) -> float:
    return sum(memory_mb(child.pid) for child in psutil.Process(pid).children(recursive=True))


def ingest(home: Path, folder: str, captions: bool) -> None:
    """Run after run until nothing is pending; a line of JSON at each flush."""
    from assets.captions import captioning
    from assets.embeddings import embedding
    from assets.photo_stream import PhotoStream, StreamCounts, StreamLimits
    from resources.allocator import share_one_arena
    from resources.engine import LocalEngine
    from resources.inventory import add_root, take_inventory
    from resources.library import Library
    from resources.models import GpuResource
    from resources.models.presets import DEMO_MODEL
    from resources.settings import Settings
    from resources.watching import look

    share_one_arena()
    settings = Settings.load(home=home, model=DEMO_MODEL, captioner=DEMO_MODEL)
    library = Library(settings).open()
    gpu, engine = GpuResource(settings), LocalEngine(settings)
    add_root(library.manifest, library.home, folder, settings.max_partitions)
    take_inventory(library.manifest, look(library.manifest, settle=False).due)
    clip, captioner = library.use_models()
    before = failed = runs = 0

    def told(counts: StreamCounts) -> None:
        print(json.dumps({"done": before + counts.decoded, "failed": failed + counts.failed, "runs": runs}), flush=True)

    while True:
        runs += 1
        counts = PhotoStream(
            library.manifest,
            library.home,
            engine,
            StreamLimits(settings.run_photos, settings.run_minutes * 60),
            embedding=embedding(library, gpu, clip),
            captioning=captioning(library, gpu, captioner) if captions else None,
            on_flush=told,
        ).run({"decoded_images", "embeddings", "captions"}, None, threading.Event())
        before, failed = before + counts.decoded, failed + counts.failed
        if not counts.left or not counts.files_read:
            return


def own(home: Path, folder: str, captions: bool) -> None:
    """Own the index until told to end."""
    from resources.library import Library
    from resources.models.presets import DEMO_MODEL
    from resources.settings import Settings
    from resources.vector_index import IndexFollower

    library = Library(Settings.load(home=home, model=DEMO_MODEL)).open()
    follower = IndexFollower(library.settings, library.manifest, library.clip).start()
    try:
        threading.Event().wait()
    finally:
        follower.stop()


_CURVES = (
    ("ingest, without workers", lambda each: each.ingest_mb),
    ("ingest, with its decode workers", lambda each: each.ingest_mb + each.workers_mb),
    ("owner of the index", lambda each: each.owner_mb),
)


def table(samples: list[Sample], warm_up: float) -> str:
    warm = [each for each in samples if each.done >= warm_up * samples[-1].done]
    heads = ["process", "held", "first block, MB", "last block, MB", "slope, MB per 10,000 photos", "95 % interval"]
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for (name, size), (held, quantile) in itertools.product(_CURVES, _HELD):
        blocks = [block for block in np.array_split(np.array([(e.done, size(e)) for e in warm]), _BLOCKS) if len(block)]
        done = np.array([block[:, 0].mean() for block in blocks])
        mb = np.array([np.quantile(block[:, 1], quantile) for block in blocks])
        fit = stats.linregress(done / 10_000, mb)
        reach = fit.stderr * stats.t.ppf(0.975, len(blocks) - 2)
        interval = f"{fit.slope - reach:+.2f} to {fit.slope + reach:+.2f}"
        rows.append(f"| {name} | {held} | {mb[0]:,.0f} | {mb[-1]:,.0f} | {fit.slope:+.2f} | {interval} |")
    return "\n".join(rows)


def plot(samples: list[Sample], warm_up: float, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for name, size in _CURVES:
        axes.plot([each.done / 1000 for each in samples], [size(each) for each in samples], label=name, linewidth=1)
    axes.axvline(warm_up * samples[-1].done / 1000, color="grey", linestyle=":", label="end of warm-up")
    axes.set(xlabel="thousand photos taken in", ylabel="memory, MB", ylim=(0, None))
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
