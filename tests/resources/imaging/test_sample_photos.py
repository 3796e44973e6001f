"""Every file of the sample set against the table that exiftool and other decoders agreed on."""

from __future__ import annotations

import numpy as np
import pytest
from sample_pictures import SAMPLES, sample_rows

from resources.errors import CODES, DecodeError
from resources.imaging import DecodedPhoto, decode

ROWS = sample_rows()
pytestmark = [
    pytest.mark.skipif(not ROWS, reason=f"the sample photos are not beside this checkout (looked in {SAMPLES})"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # pytest lifts the filters that `limits` sets
]

# The one row where the table is wrong: "55/1 54/1 4074/100" read as 55, 1 and 54; without a hemisphere besides.
MISREAD_POSITION = "png/issue590_canon70d_gps.png"
EXPOSURE_TOLERANCE = 1e-4  # the table's own rounding


def rows(*expected: str) -> list[object]:
    return [
        pytest.param(row, id=row["path"], marks=[pytest.mark.slow] if "200MP" in row["path"] else [])
        for row in ROWS
        if row["expected"] in expected
    ]


def read(row: dict[str, str]) -> DecodedPhoto:
    buffer = (SAMPLES / row["path"]).read_bytes()
    return decode(buffer, name=row["path"], preview_px=512, max_pixels=500_000_000)


def number(text: str) -> float | None:
    """A number of the table; the second of "0 200"; zero where only more than zero is usable."""
    return float(text.split()[-1]) or None if text.strip() else None


@pytest.mark.parametrize("row", rows("ok"))
def test_a_good_photo_decodes_and_its_metadata_agrees(row: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    photo = read(row)
    assert capfd.readouterr() == ("", "")
    sizes = {(int(row["width"]), int(row["height"]))}
    if row["format"] in ("CRW", "KDC"):  # camera crops differ by a margin
        sizes.add((int(row["exiftool_width"]), int(row["exiftool_height"])))
    assert (photo.width, photo.height) in sizes
    height, width = photo.pixels.shape[:2]
    assert max(height, width) <= 512
    assert width / height == pytest.approx(photo.width / photo.height, rel=0.02, abs=0.02 * photo.width)
    assert photo.warnings == ()

    found = photo.metadata
    if row["make"]:
        assert found.camera_make == row["make"]
    if row["model"]:
        assert found.camera_model == row["model"]
    if row["lens"]:
        assert found.lens == row["lens"]
    for column, value in (
        ("fnumber", found.f_number),
        ("exposure_time", found.exposure_s),
        ("focal_length", found.focal_length_mm),
        ("iso", found.iso),
    ):
        expected = number(row[column])
        if expected is not None:
            assert value == pytest.approx(expected, rel=EXPOSURE_TOLERANCE), column
    if row["orientation"] and row["orientation"] != "0":
        assert found.orientation == int(row["orientation"])
    _check_date(row, photo)
    _check_position(row, photo)


def _check_date(row: dict[str, str], photo: DecodedPhoto) -> None:
    text, found = row["datetime_original"], photo.metadata
    if text.startswith("0000"):
        assert found.taken_at is None
    elif text:
        assert found.taken_at is not None
        assert found.taken_at.strftime("%Y:%m:%d %H:%M:%S") == text[:19]
    else:  # a stand-in for the date of taking must say that it is one
        assert found.taken_at_source != "exif"
    if row["offset_time_original"]:
        hours, minutes = row["offset_time_original"].split(":")
        assert found.taken_at_offset_min == int(hours) * 60 + int(minutes) * (-1 if hours.startswith("-") else 1)


def _check_position(row: dict[str, str], photo: DecodedPhoto) -> None:
    found = photo.metadata
    if not row["gps_lat"] or row["path"] == MISREAD_POSITION:
        assert (found.gps_lat, found.gps_lon) == (None, None)
        return
    assert found.gps_lat == pytest.approx(float(row["gps_lat"]), abs=1e-4)
    assert found.gps_lon == pytest.approx(float(row["gps_lon"]), abs=1e-4)
    if row["gps_alt"]:
        assert found.gps_alt_m == pytest.approx(float(row["gps_alt"]), abs=0.01)


# Damage inside the coded data that no decoder here reports: coming in is tolerable, by the table's own note.
UNDETECTABLE = {"heic/bitflips_arrow.heic", "jpeg/bitflips_cat.jpg"}


@pytest.mark.parametrize("row", rows("corrupt"))
def test_a_corrupt_photo_is_refused_or_flagged(row: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    refusal: DecodeError | None = None
    try:
        photo = read(row)
    except DecodeError as error:
        refusal = error
    if refusal is not None:
        assert refusal.code in CODES
        assert row["path"].split("/")[-1] in str(refusal)
        assert "0x" not in str(refusal)
    else:
        assert photo.warnings or row["path"] in UNDETECTABLE
        assert np.ptp(photo.pixels) > 40, "a blank picture came in"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("row", rows("unsupported"))
def test_an_unsupported_file_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(DecodeError) as caught:
        read(row)
    assert caught.value.code in ("TOO_LARGE", "NOT_AN_IMAGE", "UNSUPPORTED_FORMAT")


def test_the_eight_cats_are_one_cat() -> None:
    cats = [read(row).pixels.astype(int) for row in ROWS if row["path"].startswith("jpeg/orientation/cat_")]
    assert len(cats) == 8
    assert all(np.abs(cat - cats[0]).mean() < 3 for cat in cats)


def test_turned_avifs_show_one_picture() -> None:
    fields = [read(row).pixels.astype(int) for row in ROWS if row["path"].startswith("avif/rot")]
    assert len(fields) == 3
    assert all(np.abs(field - fields[0]).mean() < 12 for field in fields)  # the words in them differ
