"""How long a photo takes from its bytes to a preview, a thumbnail and metadata, on one core.

    python benchmarks/decode.py [--megapixels 12] [--repeats 5] [--photos FILE ...]

Makes its own inputs (a textured picture with sensor-like noise as JPEG, HEIC, PNG, WebP, AVIF and Bayer DNG) and
prints a markdown table of CPU milliseconds: the least of the repeats, which is what the work costs when nothing
disturbs it. `--photos` measures files of yours instead. Peer rows (plain Pillow, pyvips where it is installed) do
no metadata, no colour management and no checks.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # LibRaw's loops; before rawpy is imported
os.environ.setdefault("VIPS_CONCURRENCY", "1")

import numpy as np
from bayer_dng import bayer_dng
from PIL import Image

from resources.imaging import decode, encode_jpeg, pixel_hash, thumbnail

PREVIEW_PX, THUMBNAIL_PX = 1024, 256


def picture(megapixels: float) -> Image.Image:
    """A 4:3 picture with structure at every scale and some noise, so that codecs work as on a real photo."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5) // 16 * 16
    height = width * 3 // 4 // 16 * 16
    chance = np.random.default_rng(7)
    pixels = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((6, 90), (40, 45), (300, 18)):
        coarse = chance.random((cells * 3 // 4, cells, 3), np.float32)
        for channel in range(3):
            layer = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            pixels[..., channel] += weight * np.asarray(layer)
    pixels += 50 + chance.normal(0, 3, (height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def inputs(megapixels: float) -> dict[str, bytes]:
    """Files by label."""
    import pillow_heif

    image = picture(megapixels)
    pixels = np.asarray(image)
    heic = io.BytesIO()
    pillow_heif.from_pillow(image).save(heic, quality=60)
    preview = saved(image.resize((1616, 1212)), "JPEG", quality=85)
    return {
        "JPEG": saved(image, "JPEG", quality=90),
        "JPEG, progressive": saved(image, "JPEG", quality=90, progressive=True),
        "HEIC": heic.getvalue(),
        "DNG, embedded preview": bayer_dng(pixels, preview_jpeg=preview),
        "DNG, no preview": bayer_dng(pixels),
        "PNG": saved(image, "PNG", compress_level=3),
        "WebP": saved(image, "WEBP", quality=80, method=1),
        "AVIF": saved(image, "AVIF", quality=60, speed=9),
    }


def cpu_ms(work: Callable[[], object], repeats: int) -> float:
    least = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        work()
        least = min(least, time.process_time() - started)
    return 1000 * least


def ingest(buffer: bytes) -> None:
    """All that the pipeline does to one photo before the model: preview and thumbnail as JPEG, hash, metadata."""
    photo = decode(buffer, name="photo", preview_px=PREVIEW_PX, max_pixels=500_000_000)
    encode_jpeg(photo.pixels)
    encode_jpeg(thumbnail(photo.pixels, THUMBNAIL_PX))
    pixel_hash(photo.pixels)


def pillow_draft(buffer: bytes) -> None:
    with Image.open(io.BytesIO(buffer)) as image:
        image.thumbnail((PREVIEW_PX, PREVIEW_PX))
        image.copy().thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))


def pyvips_thumbnail(buffer: bytes) -> None:
    import pyvips

    preview = pyvips.Image.thumbnail_buffer(buffer, PREVIEW_PX, size="down").copy_memory()
    preview.thumbnail_image(THUMBNAIL_PX).copy_memory()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--photos", type=Path, nargs="*", help="measure these files instead of made ones")
    arguments = parser.parse_args()

    if arguments.photos:
        files = {path.name: path.read_bytes() for path in arguments.photos}
    else:
        files = inputs(arguments.megapixels)
    print(f"{platform.machine()}, Python {platform.python_version()}, CPU ms of one core, least of {arguments.repeats}")
    print()
    print("| file | MB | photo | rung | decode + metadata | all of ingest |")
    print("|---|---|---|---|---|---|")
    for label, buffer in files.items():
        photo = decode(buffer, name=label, preview_px=PREVIEW_PX, max_pixels=500_000_000)

        def decoding(buffer: bytes = buffer) -> None:
            decode(buffer, name="photo", preview_px=PREVIEW_PX, max_pixels=500_000_000)

        def ingesting(buffer: bytes = buffer) -> None:
            ingest(buffer)

        print(
            f"| {label} | {len(buffer) / 1e6:.1f} | {photo.width} x {photo.height} | {photo.rung} "
            f"| {cpu_ms(decoding, arguments.repeats):.0f} | {cpu_ms(ingesting, arguments.repeats):.0f} |"
        )
    if "JPEG" in files:
        jpeg = files["JPEG"]
        print(
            f"| peer: JPEG, Pillow thumbnail() | | | | {cpu_ms(lambda: pillow_draft(jpeg), arguments.repeats):.0f} | |"
        )
        try:
            ms = cpu_ms(lambda: pyvips_thumbnail(jpeg), arguments.repeats)
        except ImportError:
            return
        print(f"| peer: JPEG, pyvips thumbnail | | | | {ms:.0f} | |")


if __name__ == "__main__":
    main()
