"""Speed of model arithmetic on this machine, as a Markdown table: encoding, text queries, captions.

Takes model folders (real, or random ones by `model_weights.py`: the arithmetic is the same). Images are made model
input beforehand, so this is the device's share alone.

    python benchmarks/inference.py --clip siglip2-b32=FOLDER --captioner blip-base=FOLDER [--dtypes fp32,bf16]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from resources.models import GpuResource
from resources.models.captioner import load_captioner_folder
from resources.models.clip import load_clip_folder
from resources.settings import Settings

REPEATS = 3


def best_rate(count: int, work: Callable[[], object]) -> tuple[float, float]:
    """Images a second in the best of three passes, the least disturbed one; and processor seconds an image."""
    took, busy = [], []
    for _ in range(REPEATS):
        start, used = time.perf_counter(), time.process_time()
        work()
        took.append(time.perf_counter() - start)
        busy.append(time.process_time() - used)
    return count / min(took), min(busy) / count


def median_ms(work: Callable[[], object], times: int = 9) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1000


def images_of(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def resource(home: str, dtype: str, batch: int | None) -> GpuResource:
    return GpuResource(Settings(home=Path(home), dtype=dtype, batch_size=batch))  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--captioner", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--dtypes", default="fp32,auto", help="number formats, comma separated")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--captions", type=int, default=16)
    parser.add_argument("--batch", type=int, default=None)
    arguments = parser.parse_args()
    dtypes = arguments.dtypes.split(",")

    with tempfile.TemporaryDirectory() as home:
        told = resource(home, "auto", None).capabilities()
        print(
            f"{told['device_name']}, {told['cpu_threads']} threads, bf16 in hardware: {told['cpu_bf16']}, "
            f"torch {told['torch']}, {platform.machine()}, load average {os.getloadavg()[0]:.1f}\n"
        )
        print("| model | dtype | load s | images/s | one text ms | captions/s | CPU s each | peak MB |")
        print("|---|---|---|---|---|---|---|---|")
        for name, folder in (entry.split("=", 1) for entry in arguments.clip):
            for dtype in dtypes:
                gpu = resource(home, dtype, arguments.batch)
                start = time.perf_counter()
                encoder = load_clip_folder(name, Path(folder), gpu)
                loading = time.perf_counter() - start
                images = images_of(arguments.images, encoder.input_spec.size)
                encoder.warm()
                rate, each = best_rate(len(images), lambda: encoder.embed_images(images))  # noqa: B023 - runs at once
                text = median_ms(lambda: encoder.embed_texts(["a dog on the beach"]))  # noqa: B023 - runs at once
                used = gpu.capabilities()
                print(
                    f"| {name} | {used['dtype']} | {loading:.1f} | {rate:.1f} | {text:.0f} | | {each:.3f} | "
                    f"{used['memory_mb']['peak']} |",
                    flush=True,
                )
        for name, folder in (entry.split("=", 1) for entry in arguments.captioner):
            for dtype in dtypes:
                gpu = resource(home, dtype, arguments.batch)
                start = time.perf_counter()
                captioner = load_captioner_folder(name, Path(folder), gpu)
                loading = time.perf_counter() - start
                images = images_of(arguments.captions, captioner.input_spec.size)
                captioner.warm()
                rate, each = best_rate(len(images), lambda: captioner.caption(images))  # noqa: B023 - runs at once
                used = gpu.capabilities()
                print(
                    f"| {name} | {used['dtype']} | {loading:.1f} | | | {rate:.2f} | {each:.3f} | "
                    f"{used['memory_mb']['peak']} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
