"""The demo library: a few hundred drawn photos in trip folders, as a person's disk would hold them.

    python -m demo.library OUT --seed 7

Belongs here: which photos there are, their names, formats, dates and places, and the truth about them. Not here:
how they are drawn (`postcards`) or how a raw file is built (`dng`).

OUT gets trip folders with bursts, copies, re-encoded and resized copies, raw files and one file that is broken
beyond use; what is true of each file is written to `truth.csv` beside OUT, never inside it.
"""

from __future__ import annotations

import argparse
import csv
import io
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from demo.dng import dng_bytes
from demo.postcards import SPLITS, Postcard
from demo.subjects import SUBJECTS

__all__ = ["TRIPS", "TRUTH_COLUMNS", "DrawnPhoto", "Trip", "make_library", "plan_library"]

LONG_EDGE = 1600


@dataclass(frozen=True)
class Camera:
    """How a camera signs its files."""

    make: str
    model: str
    lens: str
    prefix: str  # of file names; "PXL" takes the date
    focal_mm: tuple[int, int]
    crop: float  # times the focal length = that of 35 mm film


@dataclass(frozen=True)
class Trip:
    folder: str
    start: datetime  # local wall clock
    offset_min: int
    scenes: tuple[str, ...]
    weathers: tuple[str, ...]
    lat: float
    lon: float
    camera: str
    photos: int
    highlights: tuple[tuple[str, str, str, int, str, str], ...] = ()  # scene, subject, colour, count, time, weather


CAMERAS: dict[str, Camera] = {
    "canon": Camera("Canon", "Canon EOS R6", "RF24-105mm F4 L IS USM", "IMG_", (24, 105), 1.0),
    "nikon": Camera("NIKON CORPORATION", "NIKON Z 6", "NIKKOR Z 24-70mm f/4 S", "DSC_", (24, 70), 1.0),
    "fuji": Camera("FUJIFILM", "X-T4", "XF18-55mmF2.8-4 R LM OIS", "DSCF", (18, 55), 1.53),
    "iphone": Camera("Apple", "iPhone 13", "iPhone 13 back dual wide camera 5.1mm f/1.6", "IMG_", (5, 5), 5.1),
    "pixel": Camera("Google", "Pixel 6", "Pixel 6 back camera 6.81mm f/1.85", "PXL", (7, 7), 3.7),
}

_FAIR = ("clear", "clear", "cloudy", "rain", "fog")
_COLD = ("snow", "snow", "clear", "cloudy", "fog")

# Each trip has a few sights that a person would look for; the rest is drawn by lot.
_SIGHTS: dict[str, tuple[tuple[str, str, str, int, str, str], ...]] = {
    "2018-08 Brittany": (
        ("sea", "lighthouse", "red", 1, "sunset", "clear"),
        ("meadow", "house", "white", 1, "day", "clear"),
    ),
    "2019-10 Morocco": (
        ("desert", "horse", "white", 2, "dawn", "clear"),
        ("desert", "tent", "blue", 1, "night", "clear"),
    ),
    "2020-02 Dolomites": (
        ("mountains", "house", "red", 1, "day", "snow"),
        ("lake", "dog", "black", 1, "day", "snow"),
    ),
    "2021-07 Lofoten": (
        ("sea", "sailboat", "red", 1, "sunset", "clear"),
        ("lake", "sailboat", "white", 2, "day", "clear"),
        ("sea", "house", "red", 3, "dawn", "clear"),
    ),
    "2021-10 Black Forest": (("forest", "tent", "orange", 1, "dawn", "fog"),),
    "2022-05 Tuscany": (
        ("meadow", "balloon", "red", 3, "dawn", "clear"),
        ("town", "car", "yellow", 1, "day", "rain"),
    ),
    "2023-01 Lapland": (
        ("forest", "dog", "brown", 1, "day", "snow"),
        ("forest", "house", "red", 1, "night", "snow"),
    ),
    "2023-09 Utah": (
        ("desert", "balloon", "yellow", 2, "dawn", "clear"),
        ("desert", "car", "red", 1, "sunset", "clear"),
    ),
    "2024-06 Baltic Sea": (
        ("sea", "sailboat", "red", 1, "night", "clear"),
        ("sea", "bird", "white", 3, "day", "clear"),
    ),
    "2024-12 Home": (
        ("town", "dog", "brown", 1, "sunset", "snow"),
        ("town", "tree", "green", 2, "night", "snow"),
    ),
}

TRIPS: tuple[Trip, ...] = tuple(
    replace(trip, highlights=_SIGHTS[trip.folder])
    for trip in (
        Trip(
            "2018-08 Brittany", datetime(2018, 8, 4), 120, ("sea", "meadow", "town"), _FAIR, 48.36, -4.55, "nikon", 18
        ),
        Trip(
            "2019-10 Morocco", datetime(2019, 10, 12), 60, ("desert", "desert", "town"), _FAIR, 31.10, -4.01, "fuji", 17
        ),
        Trip("2020-02 Dolomites", datetime(2020, 2, 16), 60, ("mountains", "lake"), _COLD, 46.55, 11.86, "canon", 18),
        Trip(
            "2021-07 Lofoten", datetime(2021, 7, 9), 120, ("sea", "lake", "mountains"), _FAIR, 68.12, 13.61, "canon", 20
        ),
        Trip("2021-10 Black Forest", datetime(2021, 10, 2), 120, ("forest", "meadow"), _FAIR, 47.98, 8.11, "fuji", 16),
        Trip("2022-05 Tuscany", datetime(2022, 5, 14), 120, ("meadow", "town"), _FAIR, 43.25, 11.55, "nikon", 18),
        Trip("2023-01 Lapland", datetime(2023, 1, 21), 120, ("forest", "lake"), _COLD, 67.92, 24.15, "canon", 18),
        Trip("2023-09 Utah", datetime(2023, 9, 3), -360, ("desert", "mountains"), _FAIR, 38.57, -109.55, "nikon", 18),
        Trip("2024-06 Baltic Sea", datetime(2024, 6, 22), 120, ("sea", "forest"), _FAIR, 54.43, 13.03, "pixel", 20),
        Trip("2024-12 Home", datetime(2024, 12, 6), 60, ("town", "meadow"), _COLD, 50.98, 11.32, "iphone", 16),
    )
)

TRUTH_COLUMNS = (
    "path",
    "kind",
    "group",
    "caption",
    "scene",
    "subject",
    "colour",
    "count",
    "time",
    "weather",
    "seed",
    "moment",
    "format",
    "width",
    "height",
    "taken_at",
    "offset_min",
    "camera_make",
    "camera_model",
    "lens",
    "gps_lat",
    "gps_lon",
    "rating",
)

_SUFFIX = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "HEIC": ".heic",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "DNG": ".dng",
}


@dataclass(frozen=True)
class DrawnPhoto:
    """One file of the library and all that is true of it.

    `kind`: "photo", "burst", "exact_copy", "reencoded_copy", "resized_copy" or "broken". `group`: name of the burst, or
    path of the photo that a copy was made from. `width`, `height`: upright, pixels. `rotated`: stored on its side with
    an orientation tag. `taken_at`: local wall clock, None for files without metadata.
    """

    path: str
    kind: str
    group: str
    card: Postcard
    format: str
    width: int
    height: int
    quality: int = 88
    rotated: bool = False
    preview_px: int | None = None
    camera: str | None = None
    taken_at: datetime | None = None
    offset_min: int = 0
    lat: float | None = None
    lon: float | None = None
    rating: int | None = None

    def truth(self) -> dict[str, object]:
        """A row of truth.csv."""
        camera = CAMERAS[self.camera] if self.camera else None
        own = self.card.attributes()
        return dict(
            zip(
                TRUTH_COLUMNS,
                (
                    self.path,
                    self.kind,
                    self.group,
                    self.card.caption,
                    *(own[k] for k in TRUTH_COLUMNS[4:10]),
                    self.card.seed,
                    self.card.moment,
                    self.format,
                    self.width,
                    self.height,
                    self.taken_at.isoformat(sep=" ") if self.taken_at else "",
                    self.offset_min if self.taken_at else "",
                    camera.make if camera else "",
                    camera.model if camera else "",
                    camera.lens if camera else "",
                    "" if self.lat is None else f"{self.lat:.6f}",
                    "" if self.lon is None else f"{self.lon:.6f}",
                    self.rating or "",
                ),
                strict=True,
            )
        )


# Which photos there are


def plan_library(seed: int, *, trips: Sequence[Trip] = TRIPS, long_edge: int = LONG_EDGE) -> list[DrawnPhoto]:
    """Every file of the library, in the order they are written: copies after what they copy."""
    rng = np.random.default_rng([seed, 11])
    photos: list[DrawnPhoto] = []
    for trip in trips:
        photos += _trip_photos(trip, long_edge, rng)
    photos += _copies(photos, rng)
    broken = photos[3]
    name = str(Path(broken.path).parent / "IMG_9999.jpg")
    photos.append(replace(broken, path=name, kind="broken", group="", format="JPEG"))
    return photos


def _trip_photos(trip: Trip, long_edge: int, rng: np.random.Generator) -> list[DrawnPhoto]:
    camera = CAMERAS[trip.camera]
    number = int(rng.integers(200, 8000))
    photos: list[DrawnPhoto] = []
    burst_at = set(rng.choice(np.arange(2, trip.photos), 1 + int(rng.random() < 0.4), replace=False).tolist())
    shots = sorted((_shot(trip, index, rng) for index in range(trip.photos)), key=lambda shot: shot[0])
    for index, (taken, card) in enumerate(shots):
        upright = rng.random() < 0.14
        film_shape = camera.prefix != "IMG_" and rng.random() < 0.3  # 3:2 instead of 4:3
        short = long_edge // (3 if film_shape else 4) * (2 if film_shape else 3)
        width, height = (short, long_edge) if upright else (long_edge, short)
        frames = int(rng.integers(3, 6)) if index in burst_at else 1
        for moment in range(frames):
            at = taken + timedelta(seconds=moment)
            kind_of_file = _file_format(trip, index, frames)
            number += 1 if moment else int(rng.integers(1, 5))
            stem = (
                at.strftime("PXL_%Y%m%d_%H%M%S") if camera.prefix == "PXL" else f"{camera.prefix}{number % 10000:04d}"
            )
            sub = "Raw/" if kind_of_file == "DNG" else ""
            photos.append(
                DrawnPhoto(
                    path=f"{trip.folder}/{sub}{stem}{_SUFFIX[kind_of_file]}",
                    kind="burst" if frames > 1 else "photo",
                    group=f"{trip.folder} burst {index}" if frames > 1 else "",
                    card=replace(card, moment=moment),
                    format=kind_of_file,
                    width=width,
                    height=height,
                    rotated=upright and kind_of_file == "JPEG",
                    preview_px=1024 if kind_of_file == "DNG" and trip.camera == "nikon" else None,
                    camera=None if kind_of_file == "PNG" else trip.camera,
                    taken_at=None if kind_of_file == "PNG" else at,
                    offset_min=trip.offset_min,
                    lat=None if kind_of_file in ("PNG", "DNG") else trip.lat + 0.08 * (rng.random() - 0.5),
                    lon=None if kind_of_file in ("PNG", "DNG") else trip.lon + 0.12 * (rng.random() - 0.5),
                    rating=int(rng.integers(3, 6)) if kind_of_file == "JPEG" and rng.random() < 0.12 else None,
                )
            )
    return photos


_HOURS = {"day": (10, 16), "dawn": (5, 6), "sunset": (19, 20), "night": (21, 23)}


def _shot(trip: Trip, index: int, rng: np.random.Generator) -> tuple[datetime, Postcard]:
    scene = trip.scenes[int(rng.integers(len(trip.scenes)))]
    kinds = [kind for kind in SUBJECTS.values() if scene in kind.scenes]
    kind = kinds[int(rng.integers(len(kinds)))]
    seeds = SPLITS["library"]
    card = Postcard(
        seed=int(rng.integers(seeds.start, seeds.stop)),
        scene=scene,
        subject=kind.name,
        colour=kind.colours[int(rng.integers(len(kind.colours)))],
        count=int(rng.choice((1, 1, 1, 2, 2, 3))),
        time=str(rng.choice(("day", "day", "dawn", "sunset", "sunset", "night"))),
        weather=trip.weathers[int(rng.integers(len(trip.weathers)))],
    )
    if index < len(trip.highlights):
        scene, subject, colour, count, time_of_day, weather = trip.highlights[index]
        card = Postcard(card.seed, scene, subject, colour, count, time_of_day, weather)
    low, high = _HOURS[card.time]
    hour = int(rng.integers(low, high + 1))
    return trip.start + timedelta(days=int(rng.integers(6)), hours=hour, seconds=int(rng.integers(3600))), card


def _file_format(trip: Trip, index: int, frames: int) -> str:
    if frames > 1:
        return "HEIC" if trip.camera == "iphone" else "JPEG"
    if trip.camera == "iphone":
        return "HEIC" if index % 2 else "JPEG"
    if trip.camera == "nikon" and index == 5:
        return "DNG"  # carries an embedded preview
    if trip.camera == "fuji" and index == 4:
        return "DNG"  # carries none
    if trip.camera == "fuji" and index == 11:
        return "TIFF"  # uncompressed: Pillow cannot write Exif into a compressed one
    return {7: "PNG", 9: "WEBP", 13: "AVIF"}.get(index, "JPEG")


def _copies(photos: list[DrawnPhoto], rng: np.random.Generator) -> list[DrawnPhoto]:
    plain = [photo for photo in photos if photo.kind == "photo" and photo.format == "JPEG"]
    each = min(8, len(plain) // 3)
    chosen = [plain[int(i)] for i in rng.choice(len(plain), 3 * each, replace=False)]
    out = []
    for photo in chosen[:each]:
        name = Path(photo.path).name
        out.append(replace(photo, path=f"Favourites/{name}", kind="exact_copy", group=photo.path))
    for photo in chosen[each : 2 * each]:
        name = Path(photo.path).stem + " edited.jpg"
        out.append(
            replace(
                photo, path=f"{Path(photo.path).parent}/{name}", kind="reencoded_copy", group=photo.path, quality=62
            )
        )
    for index, photo in enumerate(chosen[2 * each :]):
        made = "WEBP" if index % 4 == 3 else "JPEG"
        small = (photo.width // 2, photo.height // 2)
        name = Path(photo.path).stem + _SUFFIX[made]
        # Made for the web: metadata is stripped, as web exports do.
        out.append(
            DrawnPhoto(
                path=f"For the web/{name}",
                kind="resized_copy",
                group=photo.path,
                card=photo.card,
                format=made,
                width=small[0],
                height=small[1],
                quality=80,
            )
        )
    return out


# Writing them


def make_library(
    out: Path,
    seed: int = 7,
    *,
    workers: int = 2,
    truth: Path | None = None,
    trips: Sequence[Trip] = TRIPS,
    long_edge: int = LONG_EDGE,
) -> list[DrawnPhoto]:
    """Write the library into the folder `out` and its truth beside it; the same arguments give the same bytes.

    `truth`: where the truth goes, by default `truth.csv` beside `out`. `long_edge`: of the photos, pixels, a multiple
    of 8. The folder appears under its name only when it is complete. Raises `FileExistsError` when `out` is there.
    """
    out = Path(os.path.abspath(out))
    if out.exists():
        raise FileExistsError(f"{out} is there already. Choose another folder, or remove it first.")
    photos = plan_library(seed, trips=trips, long_edge=long_edge)
    names = [photo.path for photo in photos]
    assert len(set(names)) == len(names), "two photos of one name"
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in {part / Path(name).parent for name in names}:
        folder.mkdir(parents=True, exist_ok=True)
    drawn = [photo for photo in photos if photo.kind in ("photo", "burst")]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for _ in pool.map(_write_drawn, [(photo, part) for photo in drawn], chunksize=4):
            pass
    sources = {photo.path: photo for photo in drawn}
    for photo in photos:
        if photo.kind not in ("photo", "burst"):
            _write_derived(photo, sources, part)
        if photo.taken_at:  # the file's date, as a camera's card would show it
            zone = timezone(timedelta(minutes=photo.offset_min))
            seconds = photo.taken_at.replace(tzinfo=zone).astimezone(UTC).timestamp()
            os.utime(part / photo.path, (seconds, seconds))
    with (truth or out.with_name("truth.csv")).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS)
        writer.writeheader()
        writer.writerows(photo.truth() for photo in photos)
    part.rename(out)
    return photos


def _write_drawn(job: tuple[DrawnPhoto, Path]) -> None:
    photo, root = job
    picture = photo.card.draw(photo.width, photo.height)
    (root / photo.path).write_bytes(_encode(photo, picture))


def _write_derived(photo: DrawnPhoto, sources: dict[str, DrawnPhoto], root: Path) -> None:
    target = root / photo.path
    if photo.kind == "exact_copy":
        shutil.copyfile(root / photo.group, target)
    elif photo.kind == "broken":  # a card pulled out too early: a header and nothing to show
        whole = _encode(photo, photo.card.draw(320, 240))
        target.write_bytes(whole[: whole.index(b"\xff\xda") + 14])
    else:
        with Image.open(root / photo.group) as opened:
            picture = opened.convert("RGB")
        if sources[photo.group].rotated:
            picture = picture.transpose(Image.Transpose.ROTATE_270)
        if photo.kind == "resized_copy":
            picture = picture.resize((photo.width, photo.height), Image.Resampling.LANCZOS)
        target.write_bytes(_encode(photo, picture))


def _encode(photo: DrawnPhoto, picture: Image.Image) -> bytes:
    if photo.format == "DNG":
        return _encode_dng(photo, picture)
    if photo.rotated:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    options: dict[str, object] = {}
    exif = _exif(photo)
    if exif is not None:
        options["exif"] = exif.tobytes()
    if photo.format in ("JPEG", "WEBP", "AVIF", "HEIC"):
        options["quality"] = photo.quality
    if photo.format == "AVIF":
        options |= {"speed": 9, "quality": 75, "max_threads": 1}
    elif photo.format == "WEBP":
        options["method"] = 2
    elif photo.format == "PNG":
        options["compress_level"] = 3
    elif photo.format == "HEIC":
        import pillow_heif

        pillow_heif.register_heif_opener()
        options |= {"quality": 80, "enc_params": {"preset": "ultrafast"}}
    buffer = io.BytesIO()
    picture.save(buffer, "HEIF" if photo.format == "HEIC" else photo.format, **options)
    return buffer.getvalue()


def _encode_dng(photo: DrawnPhoto, picture: Image.Image) -> bytes:
    assert photo.camera is not None
    assert photo.taken_at is not None
    camera = CAMERAS[photo.camera]
    exposure, f_number, iso = _exposure(photo)
    return dng_bytes(
        picture,
        preview_px=photo.preview_px,
        make=camera.make,
        model=camera.model,
        taken_at=photo.taken_at.strftime("%Y:%m:%d %H:%M:%S"),
        offset=_offset(photo.offset_min),
        exposure_s=exposure,
        f_number=f_number,
        iso=iso,
        focal_length_mm=camera.focal_mm[0],
        lens=camera.lens,
    )


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _exposure(photo: DrawnPhoto) -> tuple[Fraction, Fraction, int]:
    """Seconds, f-number and ISO that such a light would ask for."""
    pick = photo.card.seed
    if photo.card.time == "night":
        return Fraction(1, (8, 15, 30)[pick % 3]), Fraction(28, 10), (1600, 3200, 6400)[pick // 3 % 3]
    if photo.card.time == "day" and photo.card.weather in ("clear", "snow"):
        return Fraction(1, (320, 500, 800)[pick % 3]), Fraction(8), 100
    return Fraction(1, (60, 125, 200)[pick % 3]), Fraction(56, 10), (200, 400, 800)[pick // 3 % 3]


def _exif(photo: DrawnPhoto) -> Image.Exif | None:
    if photo.camera is None or photo.taken_at is None:
        return None
    camera = CAMERAS[photo.camera]
    exif = Image.Exif()
    taken, offset = photo.taken_at.strftime("%Y:%m:%d %H:%M:%S"), _offset(photo.offset_min)
    exposure, f_number, iso = _exposure(photo)
    low, high = camera.focal_mm
    focal = low + photo.card.seed % (high - low + 1)
    exif[0x010F], exif[0x0110], exif[0x0112] = camera.make, camera.model, 6 if photo.rotated else 1
    exif[0x0132], exif[0x0131] = taken, "Loupe demo"
    if photo.rating:
        exif[0x4746] = photo.rating
    detail = exif.get_ifd(0x8769)
    detail[0x9003] = detail[0x9004] = taken
    detail[0x9010] = detail[0x9011] = offset
    detail[0x829A] = IFDRational(exposure)
    detail[0x829D] = IFDRational(f_number)
    detail[0x8827] = iso
    detail[0x9209] = 0
    detail[0x920A] = IFDRational(focal)
    detail[0xA405] = round(focal * camera.crop)
    detail[0xA434] = camera.lens
    if photo.lat is not None and photo.lon is not None:
        place = exif.get_ifd(0x8825)
        place[0] = b"\x02\x03\x00\x00"
        place[1], place[2] = "N" if photo.lat >= 0 else "S", _degrees(photo.lat)
        place[3], place[4] = "E" if photo.lon >= 0 else "W", _degrees(photo.lon)
    return exif


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    total = Fraction(round(abs(value) * 3_600_000), 1000)  # seconds of arc
    return (
        IFDRational(total // 3600),
        IFDRational(total % 3600 // 60),
        IFDRational(total % 60),
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.library", description="Draw the demo library.")
    parser.add_argument("out", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        photos = make_library(options.out, options.seed, workers=options.workers)
    except FileExistsError as error:
        print(error, file=sys.stderr)
        return 73  # EX_CANTCREAT
    folders = len({Path(photo.path).parts[0] for photo in photos})
    print(f"{len(photos)} photos in {folders} folders in {time.monotonic() - started:.0f} s: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
