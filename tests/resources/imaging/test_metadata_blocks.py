"""What other programs write into each format, in every form the standards allow, and what is read of it."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pillow_heif
import pytest
from bayer_dng import bayer_dng
from exiftool import ExifTool
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from programs import require_program
from sample_pictures import saved

from resources.imaging import PhotoMetadata, decode, pixel_hash, sniff
from resources.imaging.blocks import photo_metadata
from resources.imaging.iptc import read_iptc
from resources.imaging.metadata import read_metadata
from resources.imaging.xmp import parse_xmp, read_xmp

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8))


def read(photo: bytes) -> PhotoMetadata:
    sniffed = sniff(photo)
    assert sniffed is not None
    return photo_metadata(photo, sniffed)


def heif(codec: str) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(PICTURE).save(out, format=codec)
    return out.getvalue()


@pytest.fixture(scope="module")
def exiftool() -> Iterator[ExifTool]:
    with ExifTool(require_program("exiftool")) as tool:
        yield tool


@pytest.fixture
def write(exiftool: ExifTool, tmp_path: Path) -> Callable[..., bytes]:
    """`write(photo, "-XMP:Rating=3", ...)`: the bytes after exiftool wrote these tags."""

    def written(photo: bytes, *tags: str, name: str = "photo.jpg") -> bytes:
        return exiftool.write(photo, *tags, path=tmp_path / name)

    return written


# Every format


def dng() -> bytes:
    return bayer_dng(np.asarray(PICTURE.resize((640, 480))), preview_jpeg=saved(PICTURE.resize((640, 480)), "JPEG"))


FORMATS = {
    "JPEG": lambda: saved(PICTURE, "JPEG"),
    "PNG": lambda: saved(PICTURE, "PNG"),
    "WEBP": lambda: saved(PICTURE, "WEBP"),
    "TIFF": lambda: saved(PICTURE, "TIFF"),
    "JP2": lambda: saved(PICTURE, "JPEG2000"),
    "AVIF": lambda: saved(PICTURE, "AVIF"),
    "HEIC": lambda: heif("HEIF"),
    "DNG": dng,
}
CAMERA_TAGS = (
    "-EXIF:Make=NIKON CORPORATION",
    "-EXIF:Model=NIKON D800",
    "-EXIF:LensModel=50.0 mm f/1.4",
    "-EXIF:DateTimeOriginal=2021:03:05 12:34:56",
    "-EXIF:SubSecTimeOriginal=25",
    "-EXIF:OffsetTimeOriginal=+05:30",
    "-EXIF:FNumber=2.8",
    "-EXIF:ExposureTime=1/250",
    "-EXIF:ISO=400",
    "-EXIF:FocalLength=50",
    "-EXIF:FocalLengthIn35mmFormat=75",
    "-EXIF:Flash#=1",
    "-EXIF:ExposureCompensation=-0.5",
    "-EXIF:GPSLatitude=33.5",
    "-EXIF:GPSLatitudeRef=S",
    "-EXIF:GPSLongitude=70.25",
    "-EXIF:GPSLongitudeRef=W",
    "-EXIF:GPSAltitude=430",
    "-EXIF:GPSAltitudeRef#=1",
    "-XMP-xmp:Rating=4",
    "-XMP-dc:Title=Tïtle",
    "-XMP-dc:Subject=a",
    "-XMP-dc:Subject=ß",
    "-XMP-xmp:Label=Red",
)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_carries_everything(form: str, write: Callable[..., bytes]) -> None:
    found = read(write(FORMATS[form](), *CAMERA_TAGS, name=f"photo.{form.lower()}"))
    assert found == PhotoMetadata(
        taken_at=datetime(2021, 3, 5, 12, 34, 56, 250_000),
        taken_at_offset_min=330,
        taken_at_source="exif",
        camera_make="NIKON CORPORATION",
        camera_model="NIKON D800",
        lens="50.0 mm f/1.4",
        focal_length_mm=50.0,
        focal_length_35mm=75.0,
        f_number=2.8,
        exposure_s=0.004,
        exposure_bias_ev=-0.5,
        iso=400,
        flash_fired=True,
        gps_lat=-33.5,
        gps_lon=-70.25,
        gps_alt_m=-430.0,
        orientation=found.orientation,
        rating=4,
        title="Tïtle",
        keywords=("a", "ß"),
        color_label="Red",
    )


@pytest.mark.parametrize("form", FORMATS)
def test_an_editors_save_changes_metadata_and_no_pixel(form: str, write: Callable[..., bytes]) -> None:
    before = FORMATS[form]()
    after = write(before, "-XMP-xmp:Rating=5", "-XMP-dc:Title=New", "-XMP-dc:Subject=word", name=f"p.{form.lower()}")
    assert hashlib.sha256(before).digest() != hashlib.sha256(after).digest()
    old, new = (decode(photo, name="p", preview_px=64, max_pixels=1_000_000) for photo in (before, after))
    assert pixel_hash(old.pixels) == pixel_hash(new.pixels)
    assert (new.metadata.rating, new.metadata.title, new.metadata.keywords) == (5, "New", ("word",))
    assert (old.metadata.rating, old.metadata.title, old.metadata.keywords) == (None, None, ())


def test_gif_carries_xmp(write: Callable[..., bytes]) -> None:
    found = read(write(saved(PICTURE, "GIF"), "-XMP-xmp:Rating=3", "-XMP-dc:Title=Tïtle", name="photo.gif"))
    assert (found.rating, found.title) == (3, "Tïtle")


# Tags


@pytest.mark.parametrize(
    ("tags", "field", "expected"),
    [
        (["-XMP-xmp:Rating=-1"], "rating", -1),
        (["-XMP-xmp:Rating=0", "-EXIF:Rating=3"], "rating", 0),
        (["-EXIF:Rating=3"], "rating", 3),
        (["-EXIF:RatingPercent=75"], "rating", 4),
        (["-XMP-microsoft:RatingPercent=99"], "rating", 5),
        (["-XMP-microsoft:RatingPercent=1"], "rating", 1),
        (["-XMP-microsoft:RatingPercent=0"], "rating", 0),
        (["-XMP-xmp:Rating=17"], "rating", None),
        (["-IPTC:ObjectName=Tïtle"], "title", "Tïtle"),
        (["-EXIF:XPTitle=Tïtle 東京"], "title", "Tïtle 東京"),
        (["-IPTC:Headline=Head", "-IPTC:ObjectName=Name"], "title", "Name"),
        (["-IPTC:Headline=Head"], "title", "Head"),
        (["-IPTC:Caption-Abstract=Über"], "description", "Über"),
        (["-EXIF:ImageDescription=Harbour"], "description", "Harbour"),
        (["-EXIF:UserComment=Añejo 東京"], "description", "Añejo 東京"),
        (["-EXIF:UserComment=plain"], "description", "plain"),
        (["-EXIF:XPComment=Añejo"], "description", "Añejo"),
        (["-EXIF:UserComment=Screenshot"], "description", None),
        (["-IPTC:Keywords=ß", "-IPTC:Keywords=b", "-XMP-dc:Subject=B"], "keywords", ("B", "ß")),
        (["-EXIF:XPKeywords=one;two words"], "keywords", ("one", "two words")),
        (["-XMP-lr:HierarchicalSubject=Places|Spain|Cádiz"], "keywords", ("Cádiz",)),
        (["-XMP-digiKam:TagsList=Places/Spain", "-XMP-dc:Subject=Spain"], "keywords", ("Spain",)),
        (["-XMP-microsoft:LastKeywordXMP=Places/Spain"], "keywords", ("Spain",)),
        (["-XMP-xmp:Label=Yellow"], "color_label", "Yellow"),
        (["-XMP-digiKam:ColorLabel=1"], "color_label", "Red"),
        (["-XMP-digiKam:ColorLabel=0"], "color_label", None),
        (["-XMP-photoshop:Urgency=5"], "color_label", None),
        (["-XMP-iptcExt:PersonInImage=Ana", "-XMP-iptcExt:PersonInImage=Bo"], "people", ("Ana", "Bo")),
        (["-XMP-GCamera:BurstID=b-1"], "burst_id", "b-1"),
        (["-XMP-photoshop:Country=España"], "country", "España"),
        (["-IPTC:Country-PrimaryLocationCode=esp"], "country_code", "ESP"),
        (["-IPTC:Province-State=Andalucía"], "region", "Andalucía"),
        (["-XMP-aux:Lens=EF50mm f/1.4"], "lens", "EF50mm f/1.4"),
        (["-EXIF:LensModel=----", "-EXIF:LensInfo=18 55 3.5 5.6"], "lens", "18-55mm f/3.5-5.6"),
        (["-EXIF:LensInfo=50 50 1.4 1.4"], "lens", "50mm f/1.4"),
        (["-EXIF:Flash#=16"], "flash_fired", False),
        (["-XMP-exif:FlashFired=True"], "flash_fired", True),
        (["-XMP-exif:FNumber=4"], "f_number", 4.0),
        (["-XMP-exif:ApertureValue=4"], "f_number", 4.0),
        (["-EXIF:ApertureValue=4"], "f_number", 4.0),
        (["-XMP-exif:ExposureTime=1/8"], "exposure_s", 0.125),
        (["-XMP-exif:ShutterSpeedValue=1/8"], "exposure_s", 0.125),
        (["-EXIF:ShutterSpeedValue=1/8"], "exposure_s", 0.125),
        (["-XMP-exif:ExposureCompensation=-1/3"], "exposure_bias_ev", -1 / 3),
        (["-XMP-exif:ISO=640"], "iso", 640),
        (["-XMP-tiff:Orientation#=6"], "orientation", 6),
        (["-EXIF:Orientation#=6", "-XMP-tiff:Orientation#=1"], "orientation", 6),
        (["-EXIF:CreateDate=2021:03:05 12:34:56"], "taken_at_source", "exif_digitized"),
        (["-XMP-exif:DateTimeOriginal=2021:03:05 12:34:56+02:00"], "taken_at_offset_min", 120),
        (["-XMP-xmp:CreateDate=2021:03:05 12:34:56"], "taken_at_source", "xmp"),
        (["-IPTC:DateCreated=2021:03:05", "-IPTC:TimeCreated=12:34:56-03:00"], "taken_at_offset_min", -180),
        (["-EXIF:OffsetTime=-03:30", "-EXIF:DateTimeOriginal=2021:03:05 12:34:56"], "taken_at_offset_min", -210),
        (["-EXIF:ModifyDate=2021:03:05 12:34:56"], "taken_at", None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_tag_is_read(tags: list[str], field: str, expected: object, write: Callable[..., bytes]) -> None:
    found = getattr(read(write(FORMATS["JPEG"](), *tags)), field)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


FACES = "{AppliedToDimensions={W=64,H=48,Unit=pixel},RegionList=[%s]}"
AREA = "Area={X=0.5,Y=0.5,W=0.1,H=0.1,Unit=normalized}"


def test_faces_have_names_and_pets_do_not_count(write: Callable[..., bytes]) -> None:
    regions = ",".join(
        f"{{Name={name},Type={kind},{AREA}}}" for name, kind in (("Ana", "Face"), ("Rex", "Pet"), ("Tag", "BarCode"))
    )
    photo = write(
        FORMATS["JPEG"](),
        f"-XMP-mwg-rs:RegionInfo={FACES % regions}",
        "-XMP-MP:RegionInfoMP={Regions=[{PersonDisplayName=Bo},{PersonDisplayName=ana}]}",
        "-XMP-iptcExt:PersonInImage=Cy",
        "-XMP-iptcExt:PersonInImageWDetails={PersonName=Di}",
    )
    assert read(photo).people == ("Ana", "Bo", "Cy", "Di")


def test_a_place_is_taken_whole_from_the_first_block_that_names_one(write: Callable[..., bytes]) -> None:
    shown = "-XMP-iptcExt:LocationShown={City=Granada,ProvinceState=Andalucía,CountryName=España,CountryCode=ES}"
    found = read(write(FORMATS["JPEG"](), "-IPTC:City=Zürich", "-IPTC:Country-PrimaryLocationName=Schweiz", shown))
    assert (found.country_code, found.country, found.region, found.city) == (None, "Schweiz", None, "Zürich")
    found = read(write(FORMATS["JPEG"](), shown))
    assert (found.country_code, found.country, found.region, found.city) == ("ES", "España", "Andalucía", "Granada")


@pytest.mark.parametrize(
    ("tags", "position", "altitude"),
    [
        (["-GPSLatitude=31.5", "-GPSLatitudeRef=N", "-GPSLongitude=35.5", "-GPSLongitudeRef=E"], (31.5, 35.5), None),
        (["-GPSLatitude=31.5", "-GPSLatitudeRef=S", "-GPSLongitude=35.5", "-GPSLongitudeRef=W"], (-31.5, -35.5), None),
        (["-GPSLatitude=31.5", "-GPSLongitude=35.5", "-GPSLongitudeRef=E"], (None, None), None),
        (["-XMP-exif:GPSLatitude=-31.5", "-XMP-exif:GPSLongitude=35.5"], (-31.5, 35.5), None),
        (["-GPSAltitude=430", "-GPSAltitudeRef#=1"], (None, None), -430.0),
        (["-GPSAltitude=430", "-GPSAltitudeRef#=0"], (None, None), 430.0),
        (["-GPSAltitude=430"], (None, None), 430.0),
        (["-XMP-exif:GPSAltitude=430", "-XMP-exif:GPSAltitudeRef#=1"], (None, None), -430.0),
    ],
)
def test_signs_of_positions(
    tags: list[str], position: tuple[Any, Any], altitude: float | None, write: Callable[..., bytes]
) -> None:
    found = read(write(FORMATS["JPEG"](), *tags))
    assert (found.gps_lat, found.gps_lon) == pytest.approx(position)
    assert found.gps_alt_m == altitude


def test_long_xmp_in_several_segments_is_joined(write: Callable[..., bytes]) -> None:
    words = [f"-XMP-dc:Subject=word number {number} of very many" for number in range(900)]
    history = "-XMP-photoshop:History=" + "brightness " * 8000
    photo = write(FORMATS["JPEG"](), *words, history, "-XMP-xmp:Rating=2")
    assert b"http://ns.adobe.com/xmp/extension/" in photo
    found = read(photo)
    assert (found.rating, len(found.keywords)) == (2, 900)


# XMP's forms


def packet(inside: str, namespaces: str = "") -> str:
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" {namespaces}>'
        f"{inside}</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    )


@pytest.mark.parametrize(
    "inside",
    [
        '<rdf:Description xmp:Rating="3"/>',
        "<rdf:Description><xmp:Rating>3</xmp:Rating></rdf:Description>",
        "<rdf:Description><xmp:Rating>\n 3 </xmp:Rating></rdf:Description>",
        '<rdf:Description xmlns:q="http://ns.adobe.com/xap/1.0/" q:Rating="3"/>',
        '<rdf:Description xmlns:q="http://ns.adobe.com/xap/1.0" q:Rating="3"/>',
        '<rdf:Description dc:format="image/jpeg"/><rdf:Description xmp:Rating="3"/>',
        '<rdf:Description><xmp:Rating rdf:parseType="Resource"><rdf:value>3</rdf:value></xmp:Rating></rdf:Description>',
        "<rdf:Description><xmp:Rating><rdf:Description><rdf:value>3</rdf:value></rdf:Description></xmp:Rating>"
        "</rdf:Description>",
        '<rdf:Description xmp:Rating="3" dc:creator="&#x1;bell"/>',
    ],
)
def test_forms_of_one_property(inside: str) -> None:
    assert read_metadata(xmp=packet(inside).encode()).rating == 3


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "cp1252"]
)
def test_encodings_of_packets(encoding: str) -> None:
    text = packet("<rdf:Description><xmp:Label>Grün</xmp:Label></rdf:Description>")
    assert read_metadata(xmp=text.encode(encoding)).color_label == "Grün"


def test_languages_give_the_default_one() -> None:
    inside = (
        '<rdf:Description><dc:title><rdf:Alt><rdf:li xml:lang="de">Nebel</rdf:li>'
        '<rdf:li xml:lang="x-default">Fog</rdf:li></rdf:Alt></dc:title></rdf:Description>'
    )
    assert read_metadata(xmp=packet(inside).encode()).title == "Fog"


@pytest.mark.parametrize(
    "bytes_",
    [
        packet('<rdf:Description xmp:Rating="3"/>').encode()[:-60],
        packet('<rdf:Description zzz:Rating="3"/>').encode(),
        b"<x:xmpmeta " * 500_000,
        packet("<a>" * 200_000 + "</a>" * 200_000).encode(),
        packet("<rdf:Description " + " ".join(f'dc:a{number}="1"' for number in range(200_000)) + "/>").encode(),
        b'<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>' + packet("<rdf:Description xmp:Label='&b;'/>").encode(),
        packet("<rdf:Description xmp:Rating='3'/>" + " " * (9 << 20)).encode(),
    ],
    ids=["cut", "undeclared prefix", "starts only", "too deep", "too many attributes", "entities", "too large"],
)
def test_hostile_and_broken_packets_are_absent(bytes_: bytes) -> None:
    assert parse_xmp(bytes_) is None


def test_depth_within_a_packet_is_bounded() -> None:
    deep = "<dc:relation rdf:parseType='Resource'>" * 400 + "</dc:relation>" * 400
    found = read_xmp(packet(f"<rdf:Description xmp:Rating='3'>{deep}</rdf:Description>").encode())
    assert found.text("xmp:Rating") == "3"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=60))
def test_any_word_survives_xmp(word: str) -> None:
    words = f"<rdf:Bag><rdf:li>{escape(word)}</rdf:li></rdf:Bag>"
    inside = f"<rdf:Description><dc:subject>{words}</dc:subject></rdf:Description>"
    expected = tuple(filter(None, [" ".join(word.replace("\ufffe", "").replace("\uffff", "").split())]))
    assert read_metadata(xmp=packet(inside).encode()).keywords == expected


# IPTC's encodings


def record(dataset: int, value: bytes, number: int = 2) -> bytes:
    return b"\x1c" + bytes([number, dataset]) + struct.pack(">H", len(value)) + value


UTF8 = record(90, b"\x1b%G", number=1)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (UTF8 + record(90, "Zürich".encode()), "Zürich"),
        (record(90, "Zürich".encode()), "Zürich"),
        (record(90, "Zürich".encode("latin-1")), "Zürich"),
        (UTF8 + record(90, "Zürich".encode("latin-1")), "Zürich"),
        (UTF8 + record(90, "Zürichü".encode()[:-1]), "Zürich"),
        (record(90, b"Bonn\0\0"), "Bonn"),
        (record(90, b"Bonn") + b"\x1c\x02", "Bonn"),
        (b"\x1c\x02\x5a\x80\x04\0\0\0\x04Bonn", "Bonn"),
    ],
    ids=["said UTF-8", "unsaid UTF-8", "Latin", "Latin said UTF-8", "cut", "padded", "cut record", "extended size"],
)
def test_encodings_of_iptc(block: bytes, expected: str) -> None:
    assert read_iptc(block)[2, 90] == (expected,)


# EXIF's corners


def exif_jpeg(exif: dict[int, Any], gps: dict[int, Any] | None = None, make: str | None = None) -> bytes:
    tags = Image.Exif()
    if make:
        tags[0x010F] = make
    tags.get_ifd(0x8769).update(exif)
    if gps:
        tags.get_ifd(0x8825).update(gps)
    return saved(PICTURE, "JPEG", exif=tags)


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"ASCII\0\0\0harbour", "harbour"),
        (b"UNICODE\0" + "Größe".encode("utf-16-le"), "Größe"),
        (b"UNICODE\0" + "Größe".encode("utf-16-be"), "Größe"),
        (b"UNICODE\0" + "Größe".encode("utf-16"), "Größe"),
        (b"JIS\0\0\0\0\0" + "東京".encode("iso2022_jp"), "東京"),
        (b"\0\0\0\0\0\0\0\0" + "Größe".encode(), "Größe"),
        (b"\0\0\0\0\0\0\0\0" + "Größe".encode("cp1252"), "Größe"),
        (b"no code at all", "no code at all"),
        (b"ASCII\0\0\0        ", None),
        (b"ASCII\0\0\0oppo_0", None),
        (b'\0\0\0\0\0\0\0\0{"sceneMode":"0"}', None),
        (b"ASCII\0\0\0fileterIntensity: 0.0; filterMask: 0; captureOrientation: 0; shaking_score: 0.2", None),
    ],
)
def test_comments_behind_their_code(comment: bytes, expected: str | None) -> None:
    assert read(exif_jpeg({0x9286: comment})).description == expected


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        ({1: "n", 2: (10.0, 30.0, 0.0), 3: "w", 4: (20.0, 0.0, 0.0)}, (10.5, -20.0)),
        ({1: "North", 2: (10.0, 30.0, 0.0), 3: "East", 4: (20.0, 0.0, 0.0)}, (10.5, 20.0)),
        ({1: "S", 2: (10.5, 0.0, 0.0), 3: "E", 4: (20.0, 0.0, 0.0)}, (-10.5, 20.0)),
    ],
)
def test_hemispheres_as_they_are_written(gps: dict[int, Any], expected: tuple[float, float]) -> None:
    found = read(exif_jpeg({}, gps))
    assert (found.gps_lat, found.gps_lon) == pytest.approx(expected)


def maker_note(entries: list[tuple[int, bytes]], header: bytes) -> bytes:
    """A big-endian note with a directory of texts right behind its header; offsets count from the note's start."""
    at = len(header) + 2 + 12 * len(entries) + 4
    table, tail = struct.pack(">H", len(entries)), b""
    for tag, text in entries:
        table += struct.pack(">HHII", tag, 2, len(text), at + len(tail))
        tail += text
    return header + table + bytes(4) + tail


def test_an_iphones_burst_has_an_id() -> None:
    note = maker_note([(0x000B, b"E2B4F3A0-1111-2222\0")], b"Apple iOS\0\0\1MM")
    assert read(exif_jpeg({0x927C: note}, make="Apple")).burst_id == "E2B4F3A0-1111-2222"


def test_a_broken_makers_note_is_absent() -> None:
    for note in (b"Apple iOS\0\0\1MM", b"Apple iOS\0\0\1MM\xff\xff", b"OLYMPUS\0II\3\0\xff\xff\xff\xff", b"Nikon\0\2"):
        assert read(exif_jpeg({0x927C: note}, make="Apple")) == PhotoMetadata(camera_make="Apple")


# Motion photos


VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(400)
MICRO_VIDEO = packet(
    f'<rdf:Description GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(VIDEO)}"/>',
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"',
)
MOTION_PHOTO = packet(
    '<rdf:Description GCamera:MotionPhoto="1"><Container:Directory><rdf:Seq>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Length="0"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="video/mp4" Item:Semantic="MotionPhoto" '
    f'Item:Length="{len(VIDEO)}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>',
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" '
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/"',
)


def samsung(photo: bytes, name: bytes = b"MotionPhoto_Data") -> bytes:
    data = struct.pack("<HHI", 0, 0x0A30, len(name)) + name + VIDEO
    directory = b"SEFH" + struct.pack("<II", 106, 1) + struct.pack("<HHII", 0, 0x0A30, len(data), len(data))
    return photo + data + directory + struct.pack("<I", len(directory)) + b"SEFT"


@pytest.mark.parametrize("words", [MICRO_VIDEO, MOTION_PHOTO], ids=["micro video", "motion photo"])
def test_a_video_behind_the_picture_counts_only_where_it_is(words: str) -> None:
    photo = saved(PICTURE, "JPEG", xmp=words.encode())
    assert read(photo).motion is None  # an editor kept the words and dropped the video
    assert read(photo + VIDEO).motion is True


def test_makers_own_trailers() -> None:
    plain = FORMATS["JPEG"]()
    assert read(plain).motion is None
    assert read(samsung(plain)).motion is True
    assert read(samsung(plain)[: -len(VIDEO)]).motion is None
    tail = f"v2_f25  1000:1000  LIVE_{len(VIDEO) + 36}".encode().ljust(36)
    assert read(plain + VIDEO + tail).motion is True


def test_the_video_box_of_a_heic() -> None:
    box = struct.pack(">I", 8 + len(VIDEO)) + b"mpvd" + VIDEO
    assert read(FORMATS["HEIC"]()).motion is None
    assert read(FORMATS["HEIC"]() + box).motion is True


# PNG's own ways


def png_with(kind: bytes, data: bytes) -> bytes:
    photo = FORMATS["PNG"]()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return photo[:-12] + chunk + photo[-12:]


def test_profiles_as_hexadecimal_text() -> None:
    block = record(90, b"Bonn") + record(25, b"river")
    profile = b"\niptc\n%8d\n" % len(block) + block.hex().encode()
    found = read(png_with(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile)))
    assert (found.city, found.keywords) == ("Bonn", ("river",))


def test_texts_of_a_png_are_the_last_resort() -> None:
    assert read(png_with(b"tEXt", b"Title\0Fog")).title == "Fog"
    assert read(png_with(b"iTXt", b"Description\0\0\0\0\0" + "Größe".encode())).description == "Größe"


def test_a_compressed_text_that_expands_like_a_bomb_is_absent() -> None:
    bomb = zlib.compress(bytes(64 << 20))
    assert read(png_with(b"zTXt", b"Description\0\0" + bomb)) == PhotoMetadata()


@pytest.fixture(scope="module")
def tagged(exiftool: ExifTool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A photo of each format with all tags."""
    folder = tmp_path_factory.mktemp("tagged")
    return {
        form: exiftool.write(make(), *CAMERA_TAGS, path=folder / f"photo.{form.lower()}")
        for form, make in FORMATS.items()
    }


@settings(max_examples=200)
@given(st.data())
def test_blocks_of_damaged_photos_never_raise(tagged: dict[str, bytes], data: st.DataObject) -> None:
    photo = bytearray(tagged[data.draw(st.sampled_from(sorted(tagged)))])
    for _ in range(data.draw(st.integers(1, 12))):
        photo[data.draw(st.integers(12, len(photo) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(photo[: data.draw(st.integers(12, len(photo)))])
    sniffed = sniff(damaged)
    if sniffed is not None:
        assert isinstance(photo_metadata(damaged, sniffed), PhotoMetadata)


def test_of_two_pictures_the_main_ones_metadata_count() -> None:
    def exif(model: str) -> bytes:
        tags = Image.Exif()
        tags[0x0110] = model
        return tags.tobytes()

    pictures = pillow_heif.HeifFile()
    for number, model in enumerate(("first", "second")):
        pictures.add_from_pillow(PICTURE)
        pictures[number].info["exif"] = exif(model)
    for main, model in enumerate(("first", "second")):
        out = io.BytesIO()
        pictures.save(out, primary_index=main)
        assert read(out.getvalue()).camera_model == model


def segments(marker: int, payload: bytes, count: int) -> bytes:
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload
    return b"\xff\xd8" + segment * count + FORMATS["JPEG"]()[2:]


@pytest.mark.parametrize(
    "photo",
    [
        segments(0xE1, b"Exif\0\0" * 10_900, 600),
        segments(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\xff\xff" + b"\x1c\2\x19\0\1a" * 10_000, 600),
        segments(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + bytes(8) + b"<x" * 32_000, 600),
        png_with(b"zTXt", b"key\0\0" + zlib.compress(bytes(8_000_000))) * 40,
    ],
    ids=["EXIF headers", "IPTC records", "extended XMP", "PNG texts"],
)
def test_blocks_made_to_swell_are_bounded(photo: bytes) -> None:
    found = read(photo)
    assert len(found.keywords) <= 1
