"""The demo library: real files that the product reads, and a truth that holds."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from demo.library import TRIPS, main, make_library, plan_library
from demo.postcards import Postcard
from resources.errors import DecodeError
from resources.imaging import decode

SEED = 7


@pytest.fixture(scope="module")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three trips of the library, every kind of file among them, at a quarter of the size."""
    out = tmp_path_factory.mktemp("demo") / "photos"
    make_library(out, SEED, trips=[trip for trip in TRIPS if trip.camera in ("fuji", "iphone")], long_edge=384)
    return out


def truth(out: Path) -> list[dict[str, str]]:
    with out.with_name("truth.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def decoded(out: Path, row: dict[str, str]):  # type: ignore[no-untyped-def]
    content = (out / row["path"]).read_bytes()
    return decode(content, name=row["path"], preview_px=256, max_pixels=10**8)


def test_plan_is_a_library_a_person_could_have() -> None:
    photos = plan_library(SEED)
    assert 200 <= len(photos) <= 300
    assert len({photo.path for photo in photos}) == len(photos)
    kinds = Counter(photo.kind for photo in photos)
    assert kinds["broken"] == 1
    assert min(kinds[kind] for kind in ("exact_copy", "reencoded_copy", "resized_copy")) >= 8
    bursts = Counter(photo.group for photo in photos if photo.kind == "burst")
    assert len(bursts) >= 10
    assert set(bursts.values()) <= {3, 4, 5}
    formats = Counter(photo.format for photo in photos)
    assert set(formats) == {"JPEG", "PNG", "WEBP", "HEIC", "TIFF", "AVIF", "DNG"}
    assert formats["JPEG"] > len(photos) / 2
    previews = {photo.preview_px is not None for photo in photos if photo.format == "DNG"}
    assert previews == {True, False}
    years = {photo.taken_at.year for photo in photos if photo.taken_at}
    assert len(years) >= 6


def test_plan_holds_what_people_look_for_first() -> None:
    cards = [photo.card for photo in plan_library(SEED) if photo.kind in ("photo", "burst")]
    for sight in (
        {"scene": "sea", "subject": "sailboat", "colour": "red"},
        {"subject": "sailboat", "colour": "red", "time": "night"},
        {"scene": "desert", "subject": "balloon", "colour": "yellow"},
        {"subject": "dog", "weather": "snow"},
    ):
        assert any(card.matches(sight) for card in cards), sight


def test_plan_depends_on_the_seed_alone() -> None:
    assert plan_library(SEED) == plan_library(SEED)
    assert plan_library(SEED) != plan_library(SEED + 1)


def test_truth_lies_outside_the_photo_folders(small_library: Path) -> None:
    files = {str(path.relative_to(small_library)) for path in small_library.rglob("*") if path.is_file()}
    assert files == {row["path"] for row in truth(small_library)}


def test_every_file_but_the_broken_one_decodes_to_what_truth_says(small_library: Path) -> None:
    for row in truth(small_library):
        if row["kind"] == "broken":
            with pytest.raises(DecodeError) as raised:
                decoded(small_library, row)
            assert raised.value.code == "TRUNCATED"
            continue
        photo = decoded(small_library, row)
        assert photo.format == row["format"], row["path"]
        assert (photo.width, photo.height) == (int(row["width"]), int(row["height"])), row["path"]
        meta = photo.metadata
        assert (str(meta.taken_at) if meta.taken_at else "") == row["taken_at"]
        assert (meta.camera_model or "") == row["camera_model"]
        assert str(meta.rating or "") == row["rating"]
        if row["taken_at"]:
            assert meta.taken_at_offset_min == int(row["offset_min"])
            assert meta.lens == row["lens"]
        if row["gps_lat"]:
            assert meta.gps_lat == pytest.approx(float(row["gps_lat"]), abs=1e-5)
            assert meta.gps_lon == pytest.approx(float(row["gps_lon"]), abs=1e-5)


def test_copies_are_copies_and_bursts_are_near(small_library: Path) -> None:
    rows = {row["path"]: row for row in truth(small_library)}

    def picture(row: dict[str, str]) -> np.ndarray:
        return decoded(small_library, row).pixels.astype(int)

    for row in rows.values():
        if row["kind"] == "exact_copy":
            assert (small_library / row["path"]).read_bytes() == (small_library / row["group"]).read_bytes()
        elif row["kind"] == "reencoded_copy":
            assert (small_library / row["path"]).read_bytes() != (small_library / row["group"]).read_bytes()
            assert np.abs(picture(row) - picture(rows[row["group"]])).mean() < 6
    bursts = [row for row in rows.values() if row["kind"] == "burst"]
    first, second = bursts[0], bursts[1]
    assert first["group"] == second["group"]
    assert 0 < np.abs(picture(first) - picture(second)).mean() < 15


def test_raw_file_opens_in_libraw_with_the_colours_of_the_drawing(small_library: Path) -> None:
    import rawpy

    row = next(row for row in truth(small_library) if row["format"] == "DNG")
    with rawpy.imread(str(small_library / row["path"])) as raw:
        assert raw.raw_pattern.tolist() == [[0, 1], [3, 2]]
        developed = raw.postprocess(use_camera_wb=True, no_auto_bright=True).astype(int)
    card = Postcard(
        seed=int(row["seed"]),
        scene=row["scene"],
        subject=row["subject"],
        colour=row["colour"],
        count=int(row["count"]),
        time=row["time"],
        weather=row["weather"],
    )
    drawn = np.asarray(card.draw(int(row["width"]), int(row["height"]))).astype(int)
    # LibRaw's tone curve is BT.709, not sRGB's; blocks even out what demosaicing blurs.
    assert np.abs(_blocks(developed) - _blocks(drawn)).mean() < 16
    channels = [np.corrcoef(_blocks(developed)[..., k].ravel(), _blocks(drawn)[..., k].ravel())[0, 1] for k in range(3)]
    assert min(channels) > 0.98


def _blocks(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[0] // 20 * 20, picture.shape[1] // 20 * 20
    return picture[:height, :width].reshape(height // 20, 20, width // 20, 20, 3).mean((1, 3))


def test_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        make_library(tmp_path / name / "photos", SEED, trips=[TRIPS[-1], TRIPS[4]], long_edge=144)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]


def test_an_existing_folder_is_never_written_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    assert main([str(tmp_path)]) != 0
    assert "there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.jpg"]
