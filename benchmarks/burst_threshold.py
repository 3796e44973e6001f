"""How alike the frames of a burst are, and how alike pictures are that were only taken in the same place.

Draws series with the demo's brushes: handheld bursts (the subject moves, the camera shakes, noise and exposure vary)
and pairs that are no burst (the camera swings as for a panorama, zooms, another subject stands there, another view of
the same kind), and prints for each threshold of the perceptual hash what share of each would be taken for a burst;
then what the rules in use make of whole series at eight and at two frames a second. The figures in
docs/decisions/stacks.md come from here:

    python -m benchmarks.burst_threshold --scenes 150
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, pairwise

import numpy as np
from PIL import Image, ImageEnhance

from demo.postcards import Postcard, draw_postcards
from demo.subjects import SUBJECTS
from resources.imaging.previews import perceptual_hash
from resources.shot_names import ShotName
from resources.stack_rules import Frame, group, links

_CANVAS = (1440, 960)
_FRAMES = 8
_THRESHOLDS = (6, 8, 10, 12, 14, 16, 18, 20, 22, 24)


def seen(
    picture: Image.Image, rng: np.random.Generator, *, across: float = 0.0, zoom: float = 1.0, shake: float = 1.0
) -> Image.Image:
    """What a hand-held camera sees: shaken by about 1% of the width, turned by 0.3 degrees, noisy.

    `across` is how far the camera was swung, in frame widths; `zoom` how much closer it looks. A frame has two thirds
    of the picture's sides.
    """
    frame_size = picture.width * 2 // 3, picture.height * 2 // 3
    width, height = frame_size[0] / zoom, frame_size[1] / zoom
    x = (picture.width - width) / 2 + (across - 0.25) * frame_size[0] + rng.normal(0, 0.007 * shake) * width
    y = (picture.height - height) / 2 + rng.normal(0, 0.007 * shake) * height
    turned = picture.rotate(
        rng.normal(0, 0.3 * shake), Image.Resampling.BILINEAR, center=(x + width / 2, y + height / 2)
    )
    frame = turned.crop((int(x), int(y), int(x + width), int(y + height)))
    frame = frame.resize(frame_size, Image.Resampling.BILINEAR)
    frame = ImageEnhance.Brightness(frame).enhance(2 ** rng.normal(0, 0.1))
    pixels = np.asarray(frame, dtype=np.float32) + rng.normal(0, 4, (*frame_size[::-1], 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _frame(
    picture: Image.Image, rng: np.random.Generator, *, across: float = 0.0, zoom: float = 1.0, shake: float = 1.0
) -> int:
    """The hash of what that camera sees."""
    return perceptual_hash(np.asarray(seen(picture, rng, across=across, zoom=zoom, shake=shake)))


def _burst(card: Postcard, rng: np.random.Generator, step: int = 1, shake: float = 1.0) -> list[int]:
    return [_frame(replace(card, moment=n * step).draw(*_CANVAS), rng, shake=shake) for n in range(_FRAMES)]


def _swung(by: float) -> Callable[[Postcard, Postcard, np.random.Generator], tuple[int, int]]:
    def pair(card: Postcard, _: Postcard, rng: np.random.Generator) -> tuple[int, int]:
        return _frame(card.draw(*_CANVAS), rng), _frame(replace(card, moment=1).draw(*_CANVAS), rng, across=by)

    return pair


def _zoomed(card: Postcard, _: Postcard, rng: np.random.Generator) -> tuple[int, int]:
    return _frame(card.draw(*_CANVAS), rng), _frame(replace(card, moment=1).draw(*_CANVAS), rng, zoom=1.4)


def another_subject(card: Postcard, rng: np.random.Generator) -> Postcard:
    """Something else stands in the same place, a moment later."""
    kinds = [kind for kind in SUBJECTS.values() if kind.name != card.subject and card.scene in kind.scenes]
    kind = kinds[int(rng.integers(len(kinds)))]
    colour = kind.colours[int(rng.integers(len(kind.colours)))]
    return replace(card, subject=kind.name, colour=colour, count=int(rng.integers(1, 4)), moment=1)


def _another_subject(card: Postcard, _: Postcard, rng: np.random.Generator) -> tuple[int, int]:
    other = another_subject(card, rng)
    return _frame(card.draw(*_CANVAS), rng), _frame(other.draw(*_CANVAS), rng)


def another_view(card: Postcard, other: Postcard) -> Postcard:
    """`other` as a picture of the same kind: place, light, weather and subject are those of `card`."""
    return replace(other, scene=card.scene, time=card.time, weather=card.weather, subject=card.subject)


def _another_view(card: Postcard, other: Postcard, rng: np.random.Generator) -> tuple[int, int]:
    return _frame(card.draw(*_CANVAS), rng), _frame(another_view(card, other).draw(*_CANVAS), rng)


_NO_BURSTS: dict[str, Callable[[Postcard, Postcard, np.random.Generator], tuple[int, int]]] = {
    "swung by 10% of the width": _swung(0.1),
    "swung by 20%": _swung(0.2),
    "swung by 30%": _swung(0.3),
    "swung by 50%": _swung(0.5),
    "zoomed in by 1.4": _zoomed,
    "another subject there": _another_subject,
    "another view of the kind": _another_view,
}


_BURSTS = {"burst": (1, 1.0), "burst of a moving subject": (6, 1.0), "burst, shaky": (2, 2.5)}
_PANORAMAS = {"swung by 10% a frame": 0.1, "swung by 20% a frame": 0.2}


def _measured(scenes: int) -> tuple[dict[str, list[int]], dict[str, list[list[int]]]]:
    """Distances of pairs, and hashes of whole series."""
    distances: dict[str, list[int]] = {}
    series: dict[str, list[list[int]]] = {}
    cards = list(islice(draw_postcards(7, "evaluation"), scenes + 1))
    for number, (card, other) in enumerate(pairwise(cards)):
        rng = np.random.default_rng(number)
        for name, (step, shake) in _BURSTS.items():
            hashes = _burst(card, rng, step, shake)
            series.setdefault(name, []).append(hashes)
            distances.setdefault(name, []).extend((a ^ b).bit_count() for a, b in pairwise(hashes))
        for name, pair in _NO_BURSTS.items():
            a, b = pair(card, other, rng)
            distances.setdefault(name, []).append((a ^ b).bit_count())
        picture = card.draw(*_CANVAS)
        for name, by in _PANORAMAS.items():
            hashes = [_frame(picture, rng, across=by * step) for step in range(int(0.5 / by) + 1)]
            series.setdefault(name, []).append(hashes)
    return distances, series


def _in_bursts(hashes: list[int], gap_s: float) -> list[int]:
    """Sizes of the stacks that the rules make of such a series."""
    row = {"format": "JPEG", "width": 6000, "height": 4000, "camera_make": "Canon", "camera_model": "EOS R5"}
    row |= {"taken_at_source": "exif", "burst_id": None, "exposure_bias_ev": None, "rating": None}
    row |= {"exposure_s": None, "f_number": None, "iso": None}
    start = datetime(2024, 6, 1, 12, 0, 0, 1000)
    frames = [
        Frame(
            {**row, "photo_id": str(n), "taken_at": start + timedelta(seconds=gap_s * n), "perceptual_hash": bits},
            (ShotName.of("root", f"IMG_{n:04}.JPG"),),
            (0,),
        )
        for n, bits in enumerate(hashes)
    ]
    return [len(members) for _, members in group([frame.photo_id for frame in frames], links(frames, ()))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=150)
    distances, series = _measured(parser.parse_args().scenes)
    print("share of pairs at most so many bits apart")
    print(f"{'':28}{'n':>5}{'median':>8}" + "".join(f"{threshold:>7}" for threshold in _THRESHOLDS))
    for name, bits in distances.items():
        shares = "".join(f"{np.mean(np.array(bits) <= threshold):7.2f}" for threshold in _THRESHOLDS)
        print(f"{name:28}{len(bits):>5}{np.median(bits):>8.0f}{shares}")
    print()
    print(f"{'whole series':28}{'n':>5}{'at 8/s: one stack':>20}{'frames in it':>14}{'at 2/s':>12}{'frames':>10}")
    for name, many in series.items():
        print(f"{name:28}{len(many):>5}", end="")
        for gap_s, width in ((0.125, 20), (0.5, 12)):
            sizes = [_in_bursts(hashes, gap_s) for hashes in many]
            whole = np.mean([found == [len(hashes)] for found, hashes in zip(sizes, many, strict=True)])
            held = sum(map(sum, sizes)) / sum(map(len, many))
            print(f"{whole:>{width}.2f}{held:>{14 if gap_s < 0.2 else 10}.2f}", end="")
        print()


if __name__ == "__main__":
    main()
