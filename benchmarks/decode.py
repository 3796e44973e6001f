"""How long a photo takes from its bytes to a preview, a thumbnail and a model's input, on one core.

    python benchmarks/decode.py [formats] [raw] [samples] [--megapixels 12] [--repeats 5] [--raw-files 25]
    python benchmarks/decode.py files --photos FILE ...

Parts: `formats` makes a textured picture with sensor-like noise in every format and measures the peers on the JPEG;
`raw` makes distinct 24-megapixel Bayer DNG, half of them with an embedded full-size JPEG, and counts by rung of the
ladder; `samples` decodes the sample photos (--samples-at) and prints a table by format; `files` measures files of
yours. Without a part, the first two.

All figures are CPU milliseconds of this process, so that other work on the machine counts for nothing; made files are
read from memory and take the least of the repeats, `raw` and `samples` take each file once, after one to warm up.
Peers do no metadata, no colour management and no checks.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import platform
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # LibRaw's loops; before rawpy is imported
os.environ.setdefault("VIPS_CONCURRENCY", "1")

import numpy as np
import PIL
import rawpy
from bayer_dng import bayer_dng
from PIL import Image

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode, encode_jpeg, perceptual_hash, pixel_hash, thumbnail
from resources.imaging.model_input import ModelInputSpec, model_input

PREVIEW_PX, THUMBNAIL_PX, INPUT_PX, MAX_PIXELS = 1024, 256, 256, 500_000_000
_INPUT = ModelInputSpec(INPUT_PX, "squash", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def picture(megapixels: float, *, seed: int = 7, aspect: float = 4 / 3) -> Image.Image:
    """A picture with structure at every scale and some noise, so that codecs work as on a real photo."""
    width = round((megapixels * 1e6 * aspect) ** 0.5) // 16 * 16
    height = round(width / aspect) // 16 * 16
    chance = np.random.default_rng(seed)
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


def made_files(megapixels: float) -> dict[str, bytes]:
    """Files by label."""
    import imagecodecs
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
        "JPEG XL": bytes(imagecodecs.jpegxl_encode(pixels, distance=1.0, effort=3)),
        "JPEG 2000": saved(image, "JPEG2000", quality_mode="rates", quality_layers=[10]),
        "TIFF, LZW": saved(image, "TIFF", compression="tiff_lzw"),
    }


def spent_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def least_ms(work: Callable[[], object], repeats: int) -> float:
    return min(spent_ms(work) for _ in range(repeats))


def decoded(buffer: bytes, name: str = "photo") -> DecodedPhoto:
    return decode(buffer, name=name, preview_px=PREVIEW_PX, max_pixels=MAX_PIXELS)


def prepared(buffer: bytes) -> None:
    """Preview, thumbnail and model input from one decode."""
    pixels = decoded(buffer).pixels
    thumbnail(pixels, THUMBNAIL_PX)
    model_input(pixels, _INPUT)


def ingested(buffer: bytes) -> None:
    """All that the pipeline does to one photo before the model: the same, hashes, and both JPEG files."""
    pixels = decoded(buffer).pixels
    encode_jpeg(pixels)
    encode_jpeg(thumbnail(pixels, THUMBNAIL_PX), quality=80)
    pixel_hash(pixels)
    perceptual_hash(pixels)
    model_input(pixels, _INPUT)


# Peers, on a JPEG


def pillow_plain(buffer: bytes) -> None:
    with Image.open(io.BytesIO(buffer)) as image:
        whole = image.convert("RGB")
    preview = whole.copy()
    preview.thumbnail((PREVIEW_PX, PREVIEW_PX))
    whole.copy().thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    whole.resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC)


def pillow_draft(buffer: bytes) -> None:
    with Image.open(io.BytesIO(buffer)) as image:
        image.draft("RGB", (PREVIEW_PX, PREVIEW_PX))
        image.thumbnail((PREVIEW_PX, PREVIEW_PX))
        image.copy().thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        image.resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC)


def pyvips_thumbnail(buffer: bytes) -> None:
    import pyvips  # type: ignore[import-untyped]

    preview = pyvips.Image.thumbnail_buffer(buffer, PREVIEW_PX, size="down").copy_memory()
    preview.thumbnail_image(THUMBNAIL_PX).copy_memory()
    preview.thumbnail_image(INPUT_PX, height=INPUT_PX, size="force").numpy()


def print_files(files: dict[str, bytes], repeats: int) -> None:
    print("| file | MB | photo | rung | decode | + thumbnail + model input | all of ingest |")
    print("|---|---|---|---|---|---|---|")
    for label, buffer in files.items():
        photo = decoded(buffer, label)
        times = [
            least_ms(lambda work=work, buffer=buffer: work(buffer), repeats)  # type: ignore[misc]
            for work in (decoded, prepared, ingested)
        ]
        print(
            f"| {label} | {len(buffer) / 1e6:.1f} | {photo.width} x {photo.height} | {photo.rung} "
            f"| {times[0]:.0f} | {times[1]:.0f} | {times[2]:.0f} |"
        )
    if "JPEG" not in files:
        return
    for label, peer in (
        ("Pillow, plain", pillow_plain),
        ("Pillow with draft()", pillow_draft),
        ("pyvips", pyvips_thumbnail),
    ):
        try:
            ms = least_ms(lambda peer=peer: peer(files["JPEG"]), repeats)  # type: ignore[misc]
        except ImportError:
            continue
        print(f"| peer: JPEG, {label} | | | | | {ms:.0f} | |")


# RAW by rung


def print_raw(count: int, megapixels: float) -> None:
    """Every second file has a full-size preview. Those are measured twice: cameras store a smaller one beside it."""
    times: dict[str, list[float]] = defaultdict(list)
    sizes = []
    for number in range(-1, count):  # the first warms up
        image = picture(megapixels, seed=100 + number, aspect=3 / 2)
        pixels = np.asarray(image)
        files = {"without a preview": bayer_dng(pixels)}
        if number % 2 == 0:
            full = saved(image, "JPEG", quality=80)
            small = saved(image.resize((1620, 1080), Image.Resampling.BICUBIC), "JPEG", quality=80)
            sizes.append(len(full) / 1e6)
            files = {
                "full-size preview": bayer_dng(pixels, preview_jpeg=full),
                "full-size preview and one of 1620 px": bayer_dng(pixels, preview_jpeg=full, more_previews=[small]),
            }
        for label, buffer in files.items():
            rung = decoded(buffer).rung
            ms = spent_ms(lambda buffer=buffer: decoded(buffer))  # type: ignore[misc]
            if number >= 0:
                times[f"{rung}: {label}"].append(ms)
            if 0 <= number < 3:
                plain = spent_ms(lambda buffer=buffer: _developed_plainly(buffer))  # type: ignore[misc]
                times["peer: rawpy.postprocess() and a resize"].append(plain)
    each = statistics.mean(sizes)
    print(f"{count} DNG of {megapixels:g} megapixels; full-size previews of {each:.1f} MB (quality 80)")
    print()
    print_times("rung and file", times)


def _developed_plainly(buffer: bytes) -> None:
    with rawpy.imread(io.BytesIO(buffer)) as raw:
        image = Image.fromarray(raw.postprocess(use_camera_wb=True))
    image.thumbnail((PREVIEW_PX, PREVIEW_PX))


def print_times(what: str, times: dict[str, list[float]]) -> None:
    print(f"| {what} | n | median ms | p95 ms |")
    print("|---|---|---|---|")
    for label, found in times.items():
        print(f"| {label} | {len(found)} | {statistics.median(found):.0f} | {percentile(found, 95):.0f} |")


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share))


# The sample photos


def print_samples(folder: Path) -> None:
    """By format: files, how many of the good ones came in right, what became of the others, rungs and times."""
    with (folder / "manifest.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    results: dict[str, Counter[str]] = defaultdict(Counter)
    rungs: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, list[float]] = defaultdict(list)
    raw_times: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        form, buffer = row["format"], (folder / row["path"]).read_bytes()
        results[form][row["expected"]] += 1
        started = time.process_time()
        try:
            photo = decoded(buffer, row["path"])
        except DecodeError as error:
            results[form]["refused"] += row["expected"] != "ok"
            results[form][error.code] += 1
            continue
        ms = 1000 * (time.process_time() - started)
        sizes = {(row["width"], row["height"]), (row["exiftool_width"], row["exiftool_height"])}
        if row["expected"] == "ok":
            results[form]["right"] += (str(photo.width), str(photo.height)) in sizes
        else:
            results[form]["flagged"] += bool(photo.warnings)
        rungs[form][photo.rung] += 1
        times[form].append(ms)
        if photo.format not in ("JPEG", "HEIC") and photo.rung in ("embedded_preview", "half_size", "full"):
            raw_times[photo.rung].append(ms)
    print(
        "| format | files | ok: of which right | broken or foreign: refused, in with a warning | rungs | median | p95 |"
    )
    print("|---|---|---|---|---|---|---|")
    for form in sorted(results):
        found = results[form]
        bad = found["corrupt"] + found["unsupported"]
        rung = ", ".join(f"{name} {count}" for name, count in rungs[form].most_common()) or "-"
        each = times[form]
        spent = f"{statistics.median(each):.0f} | {percentile(each, 95):.0f}" if each else "- | -"
        print(
            f"| {form} | {found['ok'] + bad} | {found['ok']}: {found['right']} "
            f"| {bad}: {found['refused']}, {found['flagged']} | {rung} | {spent} |"
        )
    print()
    print_times("RAW samples by rung", raw_times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["formats", "raw", "samples", "files", []], default=[])
    parser.add_argument("--megapixels", type=float, default=12.0, help="of the made files of `formats`")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--raw-files", type=int, default=25)
    parser.add_argument("--raw-megapixels", type=float, default=24.0)
    parser.add_argument("--samples-at", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "photos")
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="files of yours, for the part `files`")
    arguments = parser.parse_args()
    parts = arguments.parts or ["formats", "raw"]

    print(f"{platform.machine()}, Python {platform.python_version()}, Pillow {PIL.__version__}: CPU ms of one core")
    for part in parts:
        print(f"\n## {part}\n")
        if part == "formats":
            print_files(made_files(arguments.megapixels), arguments.repeats)
        elif part == "raw":
            print_raw(arguments.raw_files, arguments.raw_megapixels)
        elif part == "samples":
            print_samples(arguments.samples_at)
        else:
            print_files({path.name: path.read_bytes() for path in arguments.photos}, arguments.repeats)


if __name__ == "__main__":
    main()
