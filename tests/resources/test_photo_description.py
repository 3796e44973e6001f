"""The row of a photo: what joins what, and what stands in for what is missing."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.clock import utc_now
from resources.imaging.metadata import PhotoMetadata
from resources.photo_description import date_in_name, describe

NOON = datetime(2021, 3, 5, 12, 34, 56)
MODIFIED_NS = 1_600_000_000_123_456_789  # 2020-09-13 12:26:40 UTC


def described(
    embedded: PhotoMetadata | None = None, *sidecars: PhotoMetadata, file_name: str = "DSC_1.JPG"
) -> dict[str, Any]:
    return describe(embedded or PhotoMetadata(), sidecars, file_name=file_name, mtime_ns=MODIFIED_NS)


def test_a_row_has_every_field_and_where_the_place_is_from() -> None:
    assert set(described()) == {field.name for field in fields(PhotoMetadata)} | {"place_source"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_20210305_123456.jpg", NOON),
        ("IMG_20210305_123456_HDR.jpg", NOON),
        ("IMG20210305123456.jpg", NOON),
        ("MVIMG_20210305_123456.jpg", NOON),
        ("20210305_123456(0).jpg", NOON),
        ("2021-03-05 12.34.56.jpg", NOON),
        ("2021-03-05 12.34.56-1.jpg", NOON),
        ("Screenshot_2021-03-05-12-34-56.png", NOON),
        ("Screenshot_20210305-123456_Chrome.jpg", NOON),
        ("Screen Shot 2021-03-05 at 12.34.56 PM.png", NOON),
        ("Screenshot 2021-03-05 at 12.34.56\u202fAM.png", NOON.replace(hour=0)),
        ("WhatsApp Image 2021-03-05 at 12.34.56.jpeg", NOON),
        ("WhatsApp Image 2021-03-05 at 1.34.56 PM.jpeg", NOON.replace(hour=13)),
        ("Bildschirmfoto 2021-03-05 um 12.34.56.png", NOON),
        ("Captura de pantalla 2021-03-05 a las 12.34.56.png", NOON),
        ("signal-2021-03-05-123456.jpg", NOON),
        ("signal-2021-03-05-12-34-56-789.jpg", NOON.replace(microsecond=789_000)),
        ("photo_2021-03-05_12-34-56.jpg", NOON),
        ("DJI_20210305123456_0001_D.JPG", NOON),
        ("WP_20210305_12_34_56_Pro.jpg", NOON),
        ("IMG_20210305_123456789.jpg", NOON.replace(microsecond=789_000)),
        ("IMG-20210305-WA0001.jpg", datetime(2021, 3, 5)),
        ("WP_20210305_001.jpg", datetime(2021, 3, 5)),
        ("20210305 Birthday.jpg", datetime(2021, 3, 5)),
        ("scan 1965-08-12.tif", datetime(1965, 8, 12)),
        ("2021-03-05 99.99.99.jpg", datetime(2021, 3, 5)),
    ],
)
def test_dates_in_names(name: str, expected: datetime) -> None:
    assert date_in_name(name) == (expected, None)


def test_a_pixel_phone_names_files_in_utc() -> None:
    assert date_in_name("PXL_20210305_123456789.MP.jpg") == (NOON.replace(microsecond=789_000), 0)


@pytest.mark.parametrize(
    "name",
    [
        "IMG_4120.JPG",
        "DSC_2021.JPG",
        "P1210305.JPG",
        "DSC20210305.jpg",
        "120210305.jpg",
        "49620210305123.jpg",
        "20110512_10155200404012345_n.jpg",
        "img_20210305_256199.jpg",
        "FB_IMG_1614947696123.jpg",
        "550e8400-e29b-41d4-a716-446655440000.jpg",
        "1920x1080.jpg",
        "IMG_20211305_123456.jpg",
        "2021-02-30.jpg",
        "19851012.jpg",
        "",
    ],
)
def test_numbers_in_names_that_are_no_dates(name: str) -> None:
    assert date_in_name(name) == (None, None)


def test_a_name_from_the_future_is_no_date() -> None:
    coming = utc_now() + timedelta(days=2)
    assert date_in_name(f"IMG_{coming:%Y%m%d_%H%M%S}.jpg") == (None, None)


@given(st.text(max_size=80))
def test_any_name_is_read_without_error_and_never_the_future(name: str) -> None:
    moment, _ = date_in_name(name)
    assert moment is None or moment <= utc_now() + timedelta(days=1)


def test_what_stands_in_for_a_date() -> None:
    camera = PhotoMetadata(taken_at=datetime(2019, 1, 2), taken_at_source="exif")
    row = described(camera, file_name="IMG_20210305_123456.jpg")
    assert (row["taken_at"], row["taken_at_source"]) == (datetime(2019, 1, 2), "exif")
    row = described(file_name="IMG_20210305_123456.jpg")
    assert (row["taken_at"], row["taken_at_source"]) == (NOON, "file_name")
    row = described()
    assert (row["taken_at"], row["taken_at_offset_min"], row["taken_at_source"]) == (
        datetime(2020, 9, 13, 12, 26, 40),
        0,
        "file_modified",
    )


def test_a_camera_clock_in_the_future_is_not_believed() -> None:
    camera = PhotoMetadata(taken_at=datetime(2098, 1, 2), taken_at_offset_min=60, taken_at_source="exif")
    assert described(camera)["taken_at_source"] == "file_modified"


def test_a_person_has_the_last_word_and_the_camera_keeps_its_facts() -> None:
    camera = PhotoMetadata(
        camera_model="X", iso=100, rating=1, title="old", keywords=("a", "b"), description="kept", people=("Ann",)
    )
    sidecar = PhotoMetadata(camera_model="Y", iso=200, lens="L", rating=0, title="new", keywords=("c",))
    row = described(camera, sidecar)
    assert (row["camera_model"], row["iso"], row["lens"]) == ("X", 100, "L")
    assert (row["rating"], row["title"], row["description"]) == (0, "new", "kept")
    assert (row["keywords"], row["people"]) == (["c"], ["Ann"])


def test_the_newest_sidecar_wins() -> None:
    newest, older = PhotoMetadata(rating=5), PhotoMetadata(rating=2, color_label="Red")
    row = described(PhotoMetadata(), newest, older)
    assert (row["rating"], row["color_label"]) == (5, "Red")


def test_a_corrected_date_comes_from_the_sidecar_and_a_copied_one_changes_nothing() -> None:
    camera = PhotoMetadata(taken_at=NOON.replace(microsecond=250_000), taken_at_offset_min=60, taken_at_source="exif")
    copied = PhotoMetadata(taken_at=NOON, taken_at_source="xmp")
    assert described(camera, copied)["taken_at"] == NOON.replace(microsecond=250_000)
    corrected = PhotoMetadata(taken_at=NOON - timedelta(hours=2), taken_at_source="xmp")
    row = described(camera, corrected)
    assert (row["taken_at"], row["taken_at_offset_min"], row["taken_at_source"]) == (
        NOON - timedelta(hours=2),
        None,
        "xmp",
    )


def test_positions_and_places_are_taken_whole() -> None:
    camera = PhotoMetadata(gps_lat=48.8584, gps_lon=2.2945, gps_alt_m=35.0, city="Paris", region="Île-de-France")
    sidecar = PhotoMetadata(gps_lat=-33.8568, gps_lon=151.2153, city="Sydney", country_code="AUS")
    row = described(camera, sidecar)
    assert (row["gps_lat"], row["gps_lon"], row["gps_alt_m"]) == (-33.8568, 151.2153, None)
    assert (row["city"], row["region"], row["country_code"], row["country"], row["place_source"]) == (
        "Sydney",
        None,
        "AU",
        "Australia",
        "file",
    )


def test_a_position_gets_a_place_unless_somebody_wrote_one() -> None:
    row = described(PhotoMetadata(gps_lat=48.8584, gps_lon=2.2945))
    assert (row["city"], row["region"], row["country_code"], row["country"], row["place_source"]) == (
        "Paris",
        "Île-de-France",
        "FR",
        "France",
        "gps",
    )
    row = described(PhotoMetadata(gps_lat=33.66, gps_lon=-95.55, city="Paris"))
    assert (row["city"], row["region"], row["country_code"], row["place_source"]) == ("Paris", None, "US", "file")
    assert described(PhotoMetadata(gps_lat=30.0, gps_lon=-40.0))["place_source"] is None


@given(
    st.builds(
        PhotoMetadata,
        taken_at=st.none() | st.datetimes(),
        taken_at_offset_min=st.none() | st.integers(-720, 840),
        title=st.none() | st.text(),
        exposure_s=st.none() | st.floats(allow_nan=False),
        flash_fired=st.none() | st.booleans(),
        rating=st.none() | st.integers(-1, 5),
        keywords=st.lists(st.text()).map(tuple),
        people=st.lists(st.text()).map(tuple),
    )
)
def test_metadata_survives_being_stored(metadata: PhotoMetadata) -> None:
    assert PhotoMetadata.from_json(metadata.to_json()) == metadata


def test_stored_metadata_of_another_version_is_read() -> None:
    assert PhotoMetadata.from_json('{"rating": 3, "field_to_come": 1}') == PhotoMetadata(rating=3)
