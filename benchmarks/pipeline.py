"""The photo stream, end to end on this machine: photos/s by stage, peak memory, bytes read per original.

Full-size models with seeded random weights (`clip-b32-laion2b` and BLIP-base by default): random weights change no
arithmetic. Each format is taken in by a fresh process with a home of its own; distinct 12 MP photos are made first.

    python benchmarks/pipeline.py --photos 32 --captioned 8

Prints a Markdown table. "stage" figures are the stage's own seconds (decode: worker seconds over workers); "whole" is
wall time from the stream's start to its last flush, models loaded cold, workers started.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from bayer_dng import bayer_dng
from decode import picture, saved
from model_weights import write_blip, write_clip
from PIL import Image

_CLIP, _BLIP = "clip-b32-laion2b", "blip-base"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=32, help="Photos of each format.")
    parser.add_argument("--captioned", type=int, default=8, help="Of these, photos in the run with captions.")
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--formats", nargs="+", default=["JPEG", "HEIC", "DNG"])
    parser.add_argument("--run", nargs=3, metavar=("HOME", "FOLDER", "CAPTIONS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(Path(options.run[0]), options.run[1], options.run[2] == "now")))
        return
    with tempfile.TemporaryDirectory(prefix="loupe-bench-") as folder:
        place = Path(folder)
        models = place / "models"
        write_clip(_CLIP, models / _CLIP)
        write_blip(_BLIP, models / _BLIP)
        print("| photos | decode/s | embed/s | caption/s | whole/s | peak memory, MB | bytes read per original |")
        print("|---|---|---|---|---|---|---|")
        for name in options.formats:
            photos = place / name
            make(name, photos, options.photos, options.megapixels)
            print(row(f"{options.photos} {name}", measured(place, models, photos, "off")), flush=True)
            few = place / f"{name}-captioned"
            few.mkdir()
            for path in sorted(photos.iterdir())[: options.captioned]:
                path.rename(few / path.name)
            print(row(f"{options.captioned} {name}, captions now", measured(place, models, few, "now")), flush=True)
            shutil.rmtree(photos)
            shutil.rmtree(few)


def make(name: str, folder: Path, count: int, megapixels: float) -> None:
    """Distinct photos: one picture, shifted and with a patch of its own."""
    import pillow_heif

    folder.mkdir()
    base = np.asarray(picture(megapixels))

    def heic(pixels: np.ndarray) -> bytes:
        out = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(out, quality=60)
        return out.getvalue()

    encode: dict[str, Callable[[np.ndarray], bytes]] = {
        "JPEG": lambda pixels: saved(Image.fromarray(pixels), "JPEG", quality=90),
        "HEIC": heic,
        "DNG": bayer_dng,
    }
    for number in range(count):
        pixels = np.roll(base, 16 * number, axis=1)
        pixels[:64, :64] = number * 7 % 256
        (folder / f"IMG_{number:04d}.{name.lower()}").write_bytes(encode[name](pixels))


def measured(place: Path, models: Path, photos: Path, captions: str) -> dict[str, float]:
    """The figures of one fresh process, its peak memory taken from outside, workers included."""
    home = place / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "models").symlink_to(models)
    command = [sys.executable, __file__, "--run", str(home), str(photos), captions]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not done.wait(0.1):
            try:
                family = [root, *root.children(recursive=True)]
                peak = max(peak, sum(each.memory_full_info().pss for each in family))
            except psutil.Error:
                continue  # a worker ended between listing and asking

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return {**found, "peak_mb": peak / 1e6}


def run(home: Path, folder: str, captions: bool) -> dict[str, float]:
    """Take the folder in with the plain stream, no Dagster, and answer its counts."""
    from assets.captions import captioning
    from assets.embeddings import embedding
    from assets.photo_stream import PhotoStream, StreamLimits
    from resources.engine import LocalEngine
    from resources.inventory import add_root, take_inventory
    from resources.library import Library
    from resources.models import GpuResource
    from resources.settings import Settings
    from resources.watching import look

    settings = Settings.load(home=home, model=_CLIP, captioner=_BLIP)
    library = Library(settings).open()
    gpu, engine = GpuResource(settings), LocalEngine(settings)
    add_root(library.manifest, library.home, folder, settings.max_partitions)
    take_inventory(library.manifest, look(library.manifest, settle=False).due)
    clip, captioner = library.use_models()
    stream = PhotoStream(
        library.manifest,
        library.home,
        engine,
        StreamLimits(1_000_000, 3600),
        embedding=embedding(library, gpu, clip),
        captioning=captioning(library, gpu, captioner) if captions else None,
    )
    started = time.perf_counter()
    counts = stream.run({"decoded_images", "embeddings", "captions"}, None, threading.Event())
    seconds = time.perf_counter() - started
    originals = sum(path.stat().st_size for path in Path(folder).iterdir())
    assert counts.decoded == len(list(Path(folder).iterdir())), counts
    return {
        "decode_per_s": counts.decoded * engine.workers / counts.decode_s,
        "embed_per_s": counts.embedded / counts.embed_s,
        "caption_per_s": counts.captioned / counts.caption_s if counts.caption_s else 0.0,
        "whole_per_s": counts.decoded / seconds,
        "read_ratio": counts.bytes_read / originals,
    }


def row(label: str, found: dict[str, float]) -> str:
    caption = f"{found['caption_per_s']:.2f}" if found["caption_per_s"] else "–"
    return (
        f"| {label} | {found['decode_per_s']:.1f} | {found['embed_per_s']:.1f} | {caption} | "
        f"{found['whole_per_s']:.2f} | {found['peak_mb']:,.0f} | {found['read_ratio']:.2f}x |"
    )


if __name__ == "__main__":
    main()
