"""How well duplicates are told: recall on made copies, and how many look-alikes pass for copies, by tier.

    python benchmarks/duplicates.py ../shared/photos
    LOUPE_HOME=... python benchmarks/duplicates.py FOLDER --model siglip2-b32

Distinct photos of the folder (difference hashes at least 15 bits apart) are varied as people vary them: compressed,
resized, cropped, lightened, made grey; and as scenes vary: moved as by a hand-held burst, or with one thing in them
replaced. Prints a Markdown table. "same picture" is the share of pairs that count as one picture by areas; with a
model, "similar" is the share at or above the threshold that is measured on half of the photos. Pairs of different
photos come last: there every pair that passes is wrong.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from resources.duplicates import same_picture, similar
from resources.errors import LoupeError
from resources.imaging import decode
from resources.imaging.previews import encode_jpeg, perceptual_hash, thumbnail
from resources.models import GpuResource, load_clip, model_input
from resources.settings import Settings

Pixels = npt.NDArray[np.uint8]
_PREVIEW_PX, _THUMBNAIL_PX = 1024, 256
_DISTINCT_BITS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100, help="At most so many distinct ones.")
    parser.add_argument("--model", help="Also measure what this image-text model finds alike.")
    options = parser.parse_args()
    photos = list(distinct(options.folder, options.photos))
    kinds = variants()
    shown = {name: [change(number, photos) for number in range(len(photos))] for name, change in kinds.items()}
    vectors: dict[str, npt.NDArray[np.float32]] = {}
    if options.model:
        encoder = load_clip(Settings.load(), options.model, GpuResource(Settings.load()))
        for name, pictures in {"photo": photos, "edited": [similar.altered(p) for p in photos], **shown}.items():
            vectors[name] = encoder.embed_images(np.stack([model_input(each, encoder.input_spec) for each in pictures]))
    half = len(photos) // 2
    random = np.random.default_rng(1)
    threshold = (
        similar.threshold_of(
            vectors["photo"][:half],
            vectors["edited"][:half],
            vectors["photo"][:half],
            lambda below, count: random.integers(0, below, count),
        )
        if options.model
        else None
    )
    print(f"{len(photos)} distinct photos" + (f"; threshold of {options.model}: {threshold:.4f}" if threshold else ""))
    print("\n| pair | same picture | similar |\n|---|---|---|")
    for name, pictures in shown.items():
        areas = np.mean([one_picture(photo, other) for photo, other in zip(photos, pictures, strict=True)])
        alike = np.mean((vectors["photo"] * vectors[name]).sum(axis=1)[half:] >= threshold) if threshold else None
        print(row(name, float(areas), alike))
    pairs = list(combinations(range(len(photos)), 2))
    areas = np.mean([one_picture(photos[one], photos[other]) for one, other in pairs])
    alike = np.mean([vectors["photo"][a] @ vectors["photo"][b] >= threshold for a, b in pairs]) if threshold else None
    print(row(f"different photos ({len(pairs):,} pairs)", float(areas), alike))


def row(name: str, areas: float, alike: float | None) -> str:
    return f"| {name} | {areas:.1%} | {'' if alike is None else f'{alike:.1%}'} |"


def distinct(folder: Path, most: int) -> Iterator[Pixels]:
    """Upright previews of photos that differ from each other, uint8 `[h, w, 3]`."""
    hashes: list[int] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            pixels = decode(path.read_bytes(), name=path.name, preview_px=_PREVIEW_PX, max_pixels=10**9).pixels
        except LoupeError:
            continue
        found = perceptual_hash(pixels)
        too_alike = any((found ^ other).bit_count() < _DISTINCT_BITS for other in hashes)
        if min(pixels.shape[:2]) >= 200 and pixels.std() >= 12 and not too_alike:
            hashes.append(found)
            yield pixels
        if len(hashes) == most:
            return


def one_picture(one: Pixels, other: Pixels) -> bool:
    """Whether the pair would be found, and then counts as one picture."""
    hashes = np.array([perceptual_hash(each) for each in (one, other)], dtype=np.uint64)
    shapes = np.array([each.shape[1] / each.shape[0] for each in (one, other)])
    if not list(same_picture.candidates(hashes, shapes, 1)):
        return False
    grids = [same_picture.grid_of(io.BytesIO(encode_jpeg(thumbnail(each, _THUMBNAIL_PX)))) for each in (one, other)]
    first, second = grids
    return first is not None and second is not None and same_picture.likeness(first, second) is not None


def variants() -> dict[str, Callable[[int, Sequence[Pixels]], Pixels]]:
    """Each makes a picture of photo `number` among `photos`."""
    random = np.random.default_rng(5)

    def alone(change: Callable[[Image.Image], Image.Image]) -> Callable[[int, Sequence[Pixels]], Pixels]:
        return lambda number, photos: np.asarray(change(Image.fromarray(photos[number])).convert("RGB"))

    def compressed(quality: int, scale: float = 1.0) -> Callable[[int, Sequence[Pixels]], Pixels]:
        def change(picture: Image.Image) -> Image.Image:
            out = io.BytesIO()
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
            return Image.open(out)

        return alone(change)

    def cropped(share: float) -> Callable[[int, Sequence[Pixels]], Pixels]:
        def change(picture: Image.Image) -> Image.Image:
            width, height = (round(edge * (1 - share)) for edge in picture.size)
            left = int(random.integers(0, picture.width - width + 1))
            top = int(random.integers(0, picture.height - height + 1))
            return picture.crop((left, top, left + width, top + height))

        return alone(change)

    def moved(share: float) -> Callable[[int, Sequence[Pixels]], Pixels]:
        def change(picture: Image.Image) -> Image.Image:
            return picture.transform(
                picture.size, Image.Transform.AFFINE, (1, 0, share * picture.width, 0, 1, -share * picture.height)
            )

        return alone(change)

    def replaced(share: float) -> Callable[[int, Sequence[Pixels]], Pixels]:
        def change(number: int, photos: Sequence[Pixels]) -> Pixels:
            picture = photos[number].copy()
            height, width = (max(1, int(edge * share)) for edge in picture.shape[:2])
            top = int(random.integers(0, picture.shape[0] - height))
            left = int(random.integers(0, picture.shape[1] - width))
            other = Image.fromarray(photos[(number + 7) % len(photos)]).resize((width, height))
            picture[top : top + height, left : left + width] = np.asarray(other)
            return picture

        return change

    return {
        "JPEG, quality 75": compressed(75),
        "JPEG, quality 30": compressed(30),
        "half size, quality 75": compressed(75, 0.5),
        "quarter size, quality 40": compressed(40, 0.25),
        "15 % size, quality 75": compressed(75, 0.15),
        "2 % cropped": cropped(0.02),
        "10 % cropped": cropped(0.10),
        "20 % cropped": cropped(0.20),
        "10 % lighter": alone(lambda picture: ImageEnhance.Brightness(picture).enhance(1.1)),
        "30 % lighter": alone(lambda picture: ImageEnhance.Brightness(picture).enhance(1.3)),
        "grey": alone(lambda picture: picture.convert("L")),
        "mirrored": alone(lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "moved by 1 % (next frame)": moved(0.01),
        "moved by 3 % (next frame)": moved(0.03),
        "5 % x 5 % replaced": replaced(0.05),
        "10 % x 10 % replaced": replaced(0.10),
        "20 % x 20 % replaced": replaced(0.20),
    }


if __name__ == "__main__":
    main()
