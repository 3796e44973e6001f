"""EXIF, XMP and IPTC: what is written comes out, what cannot be true comes out as None."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from sample_pictures import saved

from resources.imaging import PhotoMetadata, decode
from resources.imaging.metadata import exif_directories, parse_date, parse_offset, read_metadata
from resources.imaging.xmp import read_xmp

EXIF_IFD, GPS_IFD = 0x8769, 0x8825


def written(
    main: dict[int, Any] | None = None, exif: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> PhotoMetadata:
    """What comes back from a JPEG that carries these tags."""
    tags = Image.Exif()
    tags.update(main or {})
    if exif:
        tags.get_ifd(EXIF_IFD).update(exif)
    if gps:
        tags.get_ifd(GPS_IFD).update(gps)
    return read(saved(Image.new("RGB", (8, 8)), "JPEG", exif=tags))


def read(jpeg: bytes) -> PhotoMetadata:
    return decode(jpeg, name="x", preview_px=64, max_pixels=1000).metadata


def xmp(properties: str) -> PhotoMetadata:
    packet = (
        '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">'
        f"{properties}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    )
    return read(saved(Image.new("RGB", (8, 8)), "JPEG", xmp=packet.encode()))


def test_a_photo_without_metadata_says_nothing() -> None:
    assert written() == PhotoMetadata()


def test_what_the_camera_writes() -> None:
    found = written(
        main={0x010F: "NIKON CORPORATION", 0x0110: "NIKON D800 ", 0x0112: 6},
        exif={
            0x9003: "2019:07:14 09:21:11",
            0x9291: "47",
            0x9011: "+05:30",
            0x829A: IFDRational(1, 250),
            0x829D: IFDRational(28, 10),
            0x8827: 400,
            0x9204: IFDRational(-2, 3),
            0x9209: 0x19,
            0x920A: IFDRational(50, 1),
            0xA405: 75,
            0xA434: "50.0 mm f/1.4",
        },
    )
    assert found == PhotoMetadata(
        taken_at=datetime(2019, 7, 14, 9, 21, 11, 470_000),
        taken_at_offset_min=330,
        taken_at_source="exif",
        camera_make="NIKON CORPORATION",
        camera_model="NIKON D800",
        lens="50.0 mm f/1.4",
        focal_length_mm=50.0,
        focal_length_35mm=75.0,
        f_number=2.8,
        exposure_s=0.004,
        exposure_bias_ev=-2 / 3,
        iso=400,
        flash_fired=True,
        orientation=6,
    )
    assert found.to_row()["keywords"] == []


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2020:13:01 00:00:00",
        "2019:02:30 10:00:00",
        "1601:01:01 00:00:00",
        "",
        "garbage",
    ],
)
def test_impossible_dates_are_none(text: str) -> None:
    assert written(exif={0x9003: text}).taken_at is None
    assert parse_date(text) == (None, None)


@pytest.mark.parametrize(
    ("text", "moment", "offset"),
    [
        ("2019:07:14 09:21:11", datetime(2019, 7, 14, 9, 21, 11), None),
        ("2019-07-14T09:21:11.25+02:00", datetime(2019, 7, 14, 9, 21, 11, 250_000), 120),
        ("2019-07-14T09:21:11Z", datetime(2019, 7, 14, 9, 21, 11), 0),
        ("2019-07-14", datetime(2019, 7, 14), None),
        ("2019:07:14 09:21:60", datetime(2019, 7, 14, 9, 21, 59), None),
    ],
)
def test_dates(text: str, moment: datetime, offset: int | None) -> None:
    assert parse_date(text) == (moment, offset)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+01:00", 60), ("-03:30", -210), ("Z", 0), ("+14:00", 840), ("+15:00", None), ("   :  ", None)],
)
def test_offsets(text: str, minutes: int | None) -> None:
    assert parse_offset(text) == minutes


def test_a_digitised_date_stands_in_and_says_so() -> None:
    found = written(exif={0x9003: "0000:00:00 00:00:00", 0x9004: "2011:07:19 11:36:38"})
    assert (found.taken_at, found.taken_at_source) == (datetime(2011, 7, 19, 11, 36, 38), "exif_digitized")


def gps(lat: Any, lat_ref: str, lon: Any, lon_ref: str, **more: Any) -> dict[int, Any]:
    return {1: lat_ref, 2: lat, 3: lon_ref, 4: lon, **{int(key[1:]): value for key, value in more.items()}}


@pytest.mark.parametrize(
    ("lat_ref", "lon_ref", "expected"),
    [("N", "E", (40.5, 74.25)), ("N", "W", (40.5, -74.25)), ("S", "E", (-40.5, 74.25)), ("S", "W", (-40.5, -74.25))],
)
def test_hemispheres(lat_ref: str, lon_ref: str, expected: tuple[float, float]) -> None:
    found = written(gps=gps((40.0, 30.0, 0.0), lat_ref, (74.0, 15.0, 0.0), lon_ref))
    assert (found.gps_lat, found.gps_lon) == pytest.approx(expected)


@pytest.mark.parametrize(
    "tags",
    [
        gps((213.0, 38.0, 24.0), "N", (103.0, 0.0, 0.0), "E"),
        gps((10.0, 0.0, 0.0), "N", (181.0, 0.0, 0.0), "E"),
        gps((10.0, 0.0, 0.0), "", (20.0, 0.0, 0.0), "E"),
        {1: "N", 2: (10.0, 0.0, 0.0)},
        gps((IFDRational(0, 0), 0.0, 0.0), "N", (20.0, 0.0, 0.0), "E"),
    ],
)
def test_unusable_positions_are_none(tags: dict[int, Any]) -> None:
    found = written(gps=tags)
    assert (found.gps_lat, found.gps_lon) == (None, None)


@pytest.mark.parametrize(("ref", "metres"), [(b"\0", 430.0), (b"\1", -430.0)])
def test_altitude_has_a_sign(ref: bytes, metres: float) -> None:
    found = written(gps=gps((31.5, 0.0, 0.0), "N", (35.5, 0.0, 0.0), "E", _5=ref, _6=430.0))
    assert found.gps_alt_m == metres


def test_gps_time_is_the_last_resort_and_in_utc() -> None:
    found = written(gps=gps((1.0, 0.0, 0.0), "N", (1.0, 0.0, 0.0), "E", _7=(7.0, 8.0, 9.0), _29="2020:01:02"))
    assert (found.taken_at, found.taken_at_offset_min, found.taken_at_source) == (
        datetime(2020, 1, 2, 7, 8, 9),
        0,
        "gps",
    )


def test_impossible_exposures_are_none() -> None:
    found = written(exif={0x829A: IFDRational(0, 1), 0x829D: IFDRational(0, 0), 0x8827: 0, 0x920A: IFDRational(0, 1)})
    assert (found.exposure_s, found.f_number, found.iso, found.focal_length_mm) == (None, None, None, None)


def test_high_iso_is_read_from_the_wide_tag() -> None:
    assert written(exif={0x8827: 65_535, 0x8832: 102_400}).iso == 102_400


def test_what_a_person_wrote_in_xmp() -> None:
    found = xmp(
        "<xmp:Rating>4</xmp:Rating>"
        '<dc:title><rdf:Alt><rdf:li xml:lang="de">Nebel</rdf:li>'
        '<rdf:li xml:lang="x-default">Fog</rdf:li></rdf:Alt></dc:title>'
        "<dc:description><rdf:Alt><rdf:li>Over the river</rdf:li></rdf:Alt></dc:description>"
        "<dc:subject><rdf:Bag><rdf:li>river</rdf:li><rdf:li>Fog</rdf:li><rdf:li>fog</rdf:li></rdf:Bag></dc:subject>"
        "<exif:DateTimeOriginal>2010-07-11T13:53:00+02:00</exif:DateTimeOriginal>"
        "<exif:GPSLatitude>55,30.6S</exif:GPSLatitude><exif:GPSLongitude>36,15,36E</exif:GPSLongitude>"
    )
    assert (found.rating, found.title, found.description) == (4, "Fog", "Over the river")
    assert found.keywords == ("river", "Fog")
    assert (found.taken_at, found.taken_at_offset_min, found.taken_at_source) == (
        datetime(2010, 7, 11, 13, 53),
        120,
        "xmp",
    )
    assert (found.gps_lat, found.gps_lon) == pytest.approx((-55.51, 36.26))


def test_entities_in_xmp_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>'
    assert not read_xmp(bomb)


def test_what_a_person_wrote_in_iptc() -> None:
    def record(dataset: int, text: bytes) -> bytes:
        return b"\x1c\x02" + bytes([dataset]) + struct.pack(">H", len(text)) + text

    block = record(5, b"Fog") + record(120, "Fluß".encode("cp1252")) + record(25, b"river") + record(25, b"fog")
    block += record(55, b"20100711") + record(60, b"135300+0200")
    found = read_metadata(iptc=block)
    assert (found.title, found.description, found.keywords) == ("Fog", "Fluß", ("river", "fog"))
    assert (found.taken_at, found.taken_at_offset_min) == (datetime(2010, 7, 11, 13, 53), 120)


def test_what_cameras_write_for_a_description_is_none() -> None:
    for words in ("OLYMPUS DIGITAL CAMERA", "SONY DSC", "   ", "DCIM\\100MEDIA\\DJI_0001.JPG"):
        assert written(main={0x010E: words}).description is None
    assert written(main={0x010E: "Our digital camera club"}).description == "Our digital camera club"


@given(st.binary(max_size=400))
def test_metadata_of_any_bytes_never_raises(block: bytes) -> None:
    for magic in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", b""):
        read_metadata(exif_directories(magic + block), block, block)
