"""A folder as people have them: many formats, copies, sidecars, pairs of RAW and JPEG, documents, broken files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

from drawn_photos import draw_photo
from PIL import Image

from demo.dng import dng_bytes

__all__ = ["draw_mixed"]

_SUFFIXES = ("jpg", "png", "jpg", "webp", "jpg", "tif", "jpg", "gif", "jpg", "bmp")
_SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>"""


def draw_mixed(folder: Path, first: int, count: int) -> None:
    """`count` pictures with the numbers from `first` on, each its own; beside some of them what belongs to them.

    Of ten pictures one has a copy of the same bytes in another folder, one a sidecar, one a RAW of the same shot; of
    twenty one is followed by a document of two pages and one by a file that is cut in its header.
    """
    for number in range(first, first + count):
        for _ in _belonging(folder / f"Album {number % 5}", number):
            pass


def _belonging(album: Path, number: int) -> Iterator[Path]:
    path = draw_photo(album / f"IMG_{number:04}.{_SUFFIXES[number % 10]}", number)
    yield path
    if number % 10 == 0:
        copy = album.parent / "Copies" / f"again {path.name}"
        copy.parent.mkdir(exist_ok=True)
        yield Path(shutil.copy(path, copy))
    if number % 10 == 2:
        path.with_suffix(".xmp").write_text(_SIDECAR, encoding="utf-8")
    if number % 10 == 4:
        raw = path.with_suffix(".dng")
        raw.write_bytes(_raw_of(path, number))
        yield raw
    if number % 20 == 5:
        first, second = (_noise(number + each) for each in (10_000, 20_000))
        first.save(album / f"scan {number}.tif", save_all=True, append_images=[second])
    if number % 20 == 7:
        (album / f"broken {number}.jpg").write_bytes(path.read_bytes()[:60] + b"\xff\xd8\xff" + bytes(number % 97))


def _raw_of(path: Path, number: int) -> bytes:
    taken = datetime(2021, 3, 14, 9, 26, 53) + timedelta(hours=number)
    with Image.open(path) as picture:
        return dng_bytes(
            picture.convert("RGB"),
            preview_px=None,
            make="Canon",
            model="Canon EOS R5",
            taken_at=taken.strftime("%Y:%m:%d %H:%M:%S"),
            offset="+00:00",
            exposure_s=Fraction(1, 250),
            f_number=Fraction(28, 10),
            iso=200,
            focal_length_mm=35,
            lens="RF 35",
        )


def _noise(seed: int) -> Image.Image:
    import numpy as np

    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)
