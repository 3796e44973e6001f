"""Sidecars as the well-known programs write them: what they are called and what they say."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import require_program

from resources.errors import DecodeError
from resources.imaging.metadata import PhotoMetadata
from resources.sidecars import read_sidecar, sidecar_candidates

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
XMP = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
LR = 'xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'


def packet(attributes: str, elements: str = "", head: str = "") -> bytes:
    return (
        f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
        f'<rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def bag(name: str, *words: str, kind: str = "Bag") -> str:
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"


def read(sidecar: bytes) -> PhotoMetadata:
    return read_sidecar(sidecar, "IMG_1.xmp")


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("IMG_1.JPG", ("img_1.jpg.xmp", "img_1.xmp")),
        ("a.b.NEF", ("a.b.nef.xmp", "a.b.xmp")),
        ("noextension", ("noextension.xmp",)),
        (".jpg", (".jpg.xmp",)),
    ],
)
def test_what_a_sidecar_is_called(name: str, candidates: tuple[str, ...]) -> None:
    assert sidecar_candidates(name) == candidates


def test_lightroom() -> None:
    found = read(
        packet(
            f'{XMP} {DC} {LR} xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
            'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" '
            'xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" '
            'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.35" '
            'xmp:Rating="4" xmp:Label="Rot" aux:Lens="EF24-105mm f/4L IS USM" '
            'photoshop:City="Cádiz" photoshop:State="Andalucía" photoshop:Country="España" '
            'Iptc4xmpCore:CountryCode="ES" exif:GPSLatitude="36,31.9818N" exif:GPSLongitude="6,17.6394W" '
            'exif:DateTimeOriginal="2019-07-14T09:21:11.47"',
            bag("dc:subject", "playa", "Ana")
            + bag("lr:hierarchicalSubject", "lugares|playa", "gente|Ana")
            + '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Tarde</rdf:li></rdf:Alt></dc:title>',
        )
    )
    assert found == PhotoMetadata(
        taken_at=datetime(2019, 7, 14, 9, 21, 11, 470_000),
        taken_at_source="xmp",
        lens="EF24-105mm f/4L IS USM",
        gps_lat=pytest.approx(36.53303),
        gps_lon=pytest.approx(-6.29399),
        rating=4,
        title="Tarde",
        keywords=("playa", "Ana"),
        color_label="Rot",
        country_code="ES",
        country="España",
        region="Andalucía",
        city="Cádiz",
    )


def test_darktable() -> None:
    found = read(
        packet(
            f'{XMP} {DC} {LR} xmlns:darktable="http://darktable.sf.net/" xmp:Rating="-1" darktable:xmp_version="5"',
            bag("dc:subject", "fog")
            + bag("lr:hierarchicalSubject", "darktable|exported", "weather|fog", "weather|wind")
            + bag("darktable:colorlabels", "3", kind="Seq"),
            head='<?xml version="1.0" encoding="UTF-8"?>\n',
        )
    )
    assert (found.rating, found.color_label, found.keywords) == (-1, "Blue", ("fog", "wind"))


def test_digikam() -> None:
    region = (
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>'
        '<rdf:li><rdf:Description mwg-rs:Name="Ana" mwg-rs:Type="Face"/></rdf:li>'
        '<rdf:li><rdf:Description mwg-rs:Name="Rex" mwg-rs:Type="Pet"/></rdf:li>'
        '<rdf:li rdf:parseType="Resource"><mwg-rs:Type>Face</mwg-rs:Type><mwg-rs:Name>Bo</mwg-rs:Name></rdf:li>'
        "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )
    found = read(
        packet(
            f'{XMP} xmlns:digiKam="http://www.digikam.org/ns/1.0/" '
            'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
            'xmp:Rating="3" digiKam:ColorLabel="4" digiKam:PickLabel="3"',
            bag("digiKam:TagsList", "places/sea", "harbour", kind="Seq") + region,
        )
    )
    assert (found.rating, found.color_label) == (3, "Green")
    assert (found.keywords, found.people) == (("sea", "harbour"), ("Ana", "Bo"))


def test_capture_one() -> None:
    found = read(
        packet(
            f'{XMP} {DC} xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"',
            "<xmp:Rating>5</xmp:Rating><xmp:Label>Green</xmp:Label><photoshop:Urgency>4</photoshop:Urgency>"
            + bag("dc:subject", "one", "two"),
        )
    )
    assert (found.rating, found.color_label, found.keywords) == (5, "Green", ("one", "two"))


def test_photo_mechanic() -> None:
    found = read(
        packet(
            f'{XMP} xmlns:photomechanic="http://ns.camerabits.com/photomechanic/1.0/" '
            'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
            'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
            "<photomechanic:ColorClass>3</photomechanic:ColorClass><photoshop:Headline>Final</photoshop:Headline>"
            + bag("Iptc4xmpExt:PersonInImage", "Ana", "Bo"),
        )
    )
    assert (found.color_label, found.title, found.people) == ("Superior", "Final", ("Ana", "Bo"))


def test_acdsee() -> None:
    found = read(
        packet(
            'xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/" xmlns:acdsee-rs="http://ns.acdsee.com/regions/" '
            'acdsee:rating="2" acdsee:caption="At the lake"',
            bag("acdsee:keywords", "lake", "boat")
            + '<acdsee-rs:Regions rdf:parseType="Resource"><acdsee-rs:RegionList><rdf:Bag>'
            '<rdf:li acdsee-rs:Name="Ana" acdsee-rs:Type="Face"/></rdf:Bag></acdsee-rs:RegionList></acdsee-rs:Regions>',
        )
    )
    assert (found.rating, found.description, found.keywords, found.people) == (
        2,
        "At the lake",
        ("lake", "boat"),
        ("Ana",),
    )


def test_a_sidecar_with_nothing_but_settings_says_nothing() -> None:
    settings = packet('xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+0.35"')
    assert read(settings) == PhotoMetadata()


@pytest.mark.parametrize(
    "bytes_",
    [b"", b"not xml", b"<?xml version='1.0'?><recipe/>", packet('xmp:Rating="3"'), packet(XMP)[:-20], bytes(1000)],
    ids=["empty", "text", "other XML", "undeclared prefix", "cut", "zeros"],
)
def test_what_is_no_xmp_is_refused_with_its_name(bytes_: bytes) -> None:
    with pytest.raises(DecodeError, match=r"IMG_1\.xmp") as caught:
        read(bytes_)
    assert caught.value.code == "SIDECAR_INVALID"


@given(st.binary(max_size=300), st.sampled_from([b"", b"<x:xmpmeta ", packet(f'{XMP} xmp:Rating="1"')]))
def test_any_bytes_are_metadata_or_refused(noise: bytes, start: bytes) -> None:
    for sidecar in (start + noise, noise + start):
        with suppress(DecodeError):
            assert isinstance(read(sidecar), PhotoMetadata)


def test_a_sidecar_that_exiftool_writes(tmp_path: Path) -> None:
    program = require_program("exiftool")
    path = tmp_path / "IMG_1.xmp"
    fields = ["-XMP-xmp:Rating=2", "-XMP-dc:Title=Wörter", "-XMP-dc:Subject=a", "-XMP-dc:Subject=b"]
    fields += ["-XMP-mwg-rs:RegionInfo={RegionList=[{Name=Ana,Type=Face},{Name=Rex,Type=Pet}]}"]
    fields += ["-XMP-exif:GPSLatitude=-33.5", "-XMP-exif:GPSLongitude=-70.25", "-XMP-photoshop:City=Lo Barnechea"]
    subprocess.run([program, "-q", *fields, str(path)], check=True)
    found = read(path.read_bytes())
    assert (found.rating, found.title, found.keywords, found.people) == (2, "Wörter", ("a", "b"), ("Ana",))
    assert (found.gps_lat, found.gps_lon, found.city) == (-33.5, -70.25, "Lo Barnechea")
