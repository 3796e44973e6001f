"""Small pictures that differ from each other, drawn in a millisecond; JPEGs carry EXIF."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["draw_photo", "draw_photos", "retouch", "write_rating"]


def draw_photo(path: Path, seed: int, size: tuple[int, int] = (160, 120)) -> Path:
    """One picture, told apart from every other by `seed`, in the format that the name says. Makes the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        picture.save(path)
        return path
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    taken = datetime(2021, 3, 14, 9, 26, 53) + timedelta(hours=seed % 100_000)
    exif.get_ifd(0x8769).update({36867: taken.strftime("%Y:%m:%d %H:%M:%S"), 33437: 2.8, 34855: 200})
    picture.save(path, quality=90, exif=exif)
    return path


def draw_photos(folder: Path, names: int | Iterable[str], first_seed: int = 1) -> list[Path]:
    """Distinct pictures: so many (JPEG and PNG in turn), or one for each name relative to `folder`."""
    if isinstance(names, int):
        names = [f"photo{number:04}.{'png' if number % 2 else 'jpg'}" for number in range(names)]
    return [draw_photo(folder / name, first_seed + number) for number, name in enumerate(names)]


def write_rating(path: Path, stars: int) -> None:
    """What an editor's save does: other bytes in the JPEG's header, the same pixels."""
    data = path.read_bytes()
    assert data[:2] == b"\xff\xd8"
    comment = f"rating {stars}".encode()
    path.write_bytes(data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:])


def retouch(path: Path, seed: int) -> None:
    """Other pixels at the same path."""
    draw_photo(path, 1_000_000 + seed)
