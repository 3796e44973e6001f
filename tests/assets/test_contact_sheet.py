"""Pictures that a run shows in the Dagster UI: small enough to be kept with every run."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from drawn_photos import draw_photo
from PIL import Image

from assets.contact_sheet import contact_sheet, map_plot


def picture_in(markdown: str | None) -> Image.Image:
    assert markdown is not None
    head, _, data = markdown.rstrip(")").partition("base64,")
    assert head.startswith("![")
    assert len(markdown) < 100_000
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_contact_sheet_shows_32_thumbnails_in_rows_of_8(tmp_path: Path) -> None:
    thumbnails = [draw_photo(tmp_path / f"{number}.jpg", number) for number in range(40)]
    assert picture_in(contact_sheet(thumbnails)).size == (8 * 112, 4 * 112)


def test_contact_sheet_of_few_is_no_wider_than_they_are(tmp_path: Path) -> None:
    thumbnails = [draw_photo(tmp_path / f"{number}.jpg", number) for number in range(3)]
    sheet = picture_in(contact_sheet(thumbnails))
    assert sheet.size == (3 * 112, 112)
    with Image.open(thumbnails[2]) as last:
        expected = np.asarray(last.convert("RGB"), dtype=float).mean(axis=(0, 1))
    shown = np.asarray(sheet.convert("RGB"), dtype=float)[:, 224:].mean(axis=(0, 1))
    assert np.abs(shown - expected).max() < 25


def test_thumbnails_that_are_gone_or_broken_are_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    sheet = contact_sheet([tmp_path / "culled.jpg", broken, draw_photo(tmp_path / "a.jpg", 1)])
    assert picture_in(sheet).size == (112, 112)
    assert contact_sheet([broken]) is None
    assert contact_sheet([]) is None


def test_noisy_thumbnails_still_fit(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    paths = []
    for number in range(32):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(noise.integers(0, 256, (112, 112, 3), dtype=np.uint8)).save(paths[-1])
    picture_in(contact_sheet(paths)).load()


def test_map_plot_of_few_and_of_many_places() -> None:
    assert map_plot(np.zeros((0, 2), np.float32)) is None
    places = np.random.default_rng(1).uniform(-1, 1, (20_000, 2)).astype(np.float32)
    for count in (1, 20_000):
        plot = np.asarray(picture_in(map_plot(places[:count])).convert("L"))
        assert plot.shape == (560, 560)
        assert (plot < 250).any(), "nothing was drawn"
