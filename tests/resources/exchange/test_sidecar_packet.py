"""Packets of other programs take what Loupe says, and keep everything else."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, canonicalize, fromstring, tostring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import LoupeError
from resources.exchange.sidecar_packet import SidecarWords, merged
from resources.sidecars import read_sidecar

NOW = datetime(2024, 5, 6, 7, 8, 9)
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

LIGHTROOM = """<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000 1.000000, 0000/00/00-00:00:00     ">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmp:Rating="2"
   xmp:Label="Red"
   xmp:MetadataDate="2021-03-04T05:06:07+01:00"
   xmpMM:DocumentID="xmp.did:1"
   crs:Version="15.3"
   crs:Exposure2012="+0.35"
   crs:RawFileName="IMG &quot;1&quot;&#10;.CR3">
   <dc:title>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">At the lake</rdf:li>
     <rdf:li xml:lang="de-DE">Am See</rdf:li>
    </rdf:Alt>
   </dc:title>
   <dc:description>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">What Lightroom said</rdf:li>
     <rdf:li xml:lang="de-DE">Was Lightroom sagte</rdf:li>
    </rdf:Alt>
   </dc:description>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>water</rdf:li>
     <rdf:li>Spain</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>water</rdf:li>
     <rdf:li>Places|Spain</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <xmpMM:History>
    <rdf:Seq>
     <rdf:li stEvt:action="saved" stEvt:changed="/metadata"/>
    </rdf:Seq>
   </xmpMM:History>
   <crs:ToneCurvePV2012>
    <rdf:Seq>
     <rdf:li>0, 0</rdf:li>
     <rdf:li>255, 255</rdf:li>
    </rdf:Seq>
   </crs:ToneCurvePV2012>
   <crs:Look>
    <rdf:Description crs:Name="Adobe Color">
     <crs:Parameters>
      <rdf:Description crs:Version="15.3" crs:ConvertToGrayscale="False"/>
     </crs:Parameters>
    </rdf:Description>
   </crs:Look>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   exif:DateTimeOriginal="2021:03:14 09:26:53"
   xmp:Rating="1"
   darktable:import_timestamp="63835555777"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:history_end="2">
   <lr:hierarchicalSubject>
    <rdf:Seq>
     <rdf:li>darktable|exported</rdf:li>
     <rdf:li>people|Anna</rdf:li>
    </rdf:Seq>
   </lr:hierarchicalSubject>
   <dc:subject>
    <rdf:Seq>
     <rdf:li>Anna</rdf:li>
    </rdf:Seq>
   </dc:subject>
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="rawprepare"
      darktable:enabled="1"
      darktable:modversion="2"
      darktable:params="gz04eJxjYGBgYAJiCQYGBkkGBgYA"/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
DIGIKAM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 5.5.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
   <xmp:Rating>3</xmp:Rating>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/">
   <MicrosoftPhoto:Rating>50</MicrosoftPhoto:Rating>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:digiKam="http://www.digikam.org/ns/1.0/" digiKam:PickLabel="3">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>Places/Norway</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
PACKETS = {"lightroom": LIGHTROOM, "darktable": DARKTABLE, "digikam": DIGIKAM}
WORDS = SidecarWords(tags=("lake", "Places|Spain", "b/w"), rating=4, caption="Oma & <Opa>\nam See")


def say(packet: str | bytes | None, words: SidecarWords) -> bytes:
    data = merged(packet.encode() if isinstance(packet, str) else packet, words, NOW)
    assert data is not None
    return data


def texts(packet: bytes, name: str) -> list[str]:
    """The items of a list, "dc:subject", by any reader of XML."""
    spaces = {
        "dc": "http://purl.org/dc/elements/1.1/",
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "digiKam": "http://www.digikam.org/ns/1.0/",
        "rdf": RDF,
    }
    return [item.text or "" for item in fromstring(packet).iterfind(f".//{name}/*/rdf:li", spaces)]


def test_a_new_sidecar_says_it_in_every_convention() -> None:
    packet = say(None, WORDS)
    assert texts(packet, "dc:subject") == ["lake", "Spain", "b/w"]
    assert texts(packet, "lr:hierarchicalSubject") == ["lake", "Places|Spain", "b/w"]
    assert texts(packet, "digiKam:TagsList") == ["lake", "Places/Spain"]  # "/" divides levels there
    read = read_sidecar(packet, "a.xmp")
    assert (read.rating, read.description) == (4, "Oma & <Opa>\nam See")
    assert {"lake", "Spain", "b/w"} <= set(read.keywords)


@pytest.mark.parametrize("program", PACKETS)
def test_said_again_it_changes_nothing(program: str) -> None:
    once = say(PACKETS[program], WORDS)
    assert merged(once, WORDS, datetime(2030, 1, 1)) is None


def test_nothing_to_say_makes_no_sidecar_and_touches_none() -> None:
    assert merged(None, SidecarWords(), NOW) is None
    assert merged(None, SidecarWords(embedded_keywords=("a",)), NOW) is None
    for packet in PACKETS.values():
        assert merged(packet.encode(), SidecarWords(), NOW) is None


def test_words_join_those_that_stand_there() -> None:
    packet = say(LIGHTROOM, WORDS)
    assert texts(packet, "dc:subject") == ["water", "Spain", "lake", "b/w"]
    assert texts(packet, "lr:hierarchicalSubject") == ["water", "Places|Spain", "lake", "b/w"]
    # A list that has to be made begins with what the others say: digiKam reads no other.
    assert texts(packet, "digiKam:TagsList") == ["water", "Places/Spain", "lake"]

    packet = say(DARKTABLE, WORDS)
    assert texts(packet, "lr:hierarchicalSubject")[:2] == ["darktable|exported", "people|Anna"]
    assert texts(packet, "digiKam:TagsList") == ["people/Anna", "lake", "Places/Spain"]

    packet = say(DIGIKAM, SidecarWords(tags=("lake",), embedded_keywords=("inside",)))
    assert texts(packet, "lr:hierarchicalSubject") == ["Places|Norway", "inside", "lake"]
    assert texts(packet, "dc:subject") == ["inside", "lake"]


def test_what_is_said_already_is_not_said_otherwise() -> None:
    """A word that stands below another one there is no new tag at the top; a new path keeps the word that was there."""
    assert merged(LIGHTROOM.encode(), SidecarWords(tags=("Spain", "water", "Places|Spain")), NOW) is None
    packet = say(LIGHTROOM, SidecarWords(tags=("Rivers|water",)))
    assert texts(packet, "dc:subject") == ["water", "Spain"]
    assert texts(packet, "digiKam:TagsList") == ["water", "Places/Spain", "Rivers/water"]
    assert texts(say(packet, SidecarWords()), "dc:subject") == ["water", "Spain"]


def test_what_the_photo_itself_says_is_not_covered_up() -> None:
    packet = say(None, SidecarWords(tags=("new",), embedded_keywords=("inside", "the file")))
    assert read_sidecar(packet, "a.xmp").keywords == ("inside", "the file", "new")
    assert merged(say(None, SidecarWords(rating=1, embedded_keywords=("inside",))), SidecarWords(rating=1), NOW) is None


def test_other_forms_of_the_rating_are_kept_in_step() -> None:
    after = say(DIGIKAM, SidecarWords(rating=5)).decode()
    assert "<xmp:Rating>5</xmp:Rating>" in after
    assert "<MicrosoftPhoto:Rating>99</MicrosoftPhoto:Rating>" in after
    rejected = say(DIGIKAM, SidecarWords(rating=-1)).decode()
    assert "<xmp:Rating>-1</xmp:Rating>" in rejected
    assert "<MicrosoftPhoto:Rating>0</MicrosoftPhoto:Rating>" in rejected


def test_a_description_in_other_languages_stays() -> None:
    after = say(LIGHTROOM, SidecarWords(caption="Oma")).decode()
    assert (
        '<rdf:li xml:lang="x-default">Oma</rdf:li>\n     <rdf:li xml:lang="de-DE">Was Lightroom sagte</rdf:li>' in after
    )


def test_what_is_taken_back_in_loupe_goes_and_the_rest_stays() -> None:
    said = say(LIGHTROOM, WORDS)
    packet = say(said, SidecarWords(tags=("lake",)))
    assert texts(packet, "dc:subject") == ["water", "Spain", "lake"]  # Spain was said before
    assert texts(packet, "lr:hierarchicalSubject") == ["water", "Places|Spain", "lake"]
    read = read_sidecar(packet, "a.xmp")
    assert (read.rating, read.description) == (None, "Was Lightroom sagte")
    assert read.title == "At the lake"


def test_what_another_program_changed_since_stays_until_loupe_says_something_new() -> None:
    said = say(LIGHTROOM, SidecarWords(tags=("lake", "sea"), rating=4, caption="Oma")).decode()
    theirs = said.replace('xmp:Rating="4"', 'xmp:Rating="1"').replace(">Oma<", ">Großmutter<")
    theirs = theirs.replace("<rdf:li>sea</rdf:li>", "", 1)
    assert merged(theirs.encode(), SidecarWords(tags=("lake", "sea"), rating=4, caption="Oma"), NOW) is None
    packet = say(theirs, SidecarWords(tags=("lake", "sea"), rating=5, caption="Oma"))
    read = read_sidecar(packet, "a.xmp")
    assert (read.rating, read.description) == (5, "Großmutter")
    packet = say(theirs, SidecarWords())
    read = read_sidecar(packet, "a.xmp")
    assert (read.rating, read.description) == (1, "Großmutter")


def test_a_models_caption_never_covers_a_persons() -> None:
    computed = SidecarWords(caption="a red circle", caption_model="blip@1")
    assert merged(LIGHTROOM.encode(), computed, NOW) is None
    assert merged(None, SidecarWords(caption="a", caption_model="m", embedded_description=True), NOW) is None
    first = say(DARKTABLE, computed)
    assert merged(first, computed, NOW) is None
    assert merged(first, SidecarWords(), NOW) is None  # only asked for persons' words: it stays
    newer = say(first, SidecarWords(caption="a round thing", caption_model="blip@2"))
    assert b"a red circle" not in newer
    person = say(newer, SidecarWords(caption="Oma"))
    assert read_sidecar(person, "a.xmp").description == "Oma"
    assert b"CaptionModel" not in person
    assert merged(person, computed, NOW) is None


@pytest.mark.parametrize("program", PACKETS)
def test_everything_else_is_kept(program: str) -> None:
    """Said and taken back again, the packet means what it meant."""
    before = PACKETS[program]
    words = (
        SidecarWords(tags=("never there",), rating=4) if program != "digikam" else SidecarWords(tags=("never there",))
    )
    after = say(say(before, words), SidecarWords()).decode()
    for line in before.splitlines():
        content = line.strip().rstrip("/>").strip()
        if "Rating" not in line and "MetadataDate" not in line and 'rdf:about=""' not in line:
            assert content in after, content
    assert _comparable(after) == _comparable(before)


def _comparable(packet: str) -> str:
    """Canonical XML without what Loupe may leave behind: a date, the rating that it was told to forget, lists made."""
    root = fromstring(packet.encode())
    for element in root.iter():
        for name in [name for name in element.attrib if name.endswith(("}MetadataDate", "}Rating"))]:
            del element.attrib[name]
        for child in list(element):
            if child.tag.endswith(("}TagsList", "}subject", "}hierarchicalSubject")):
                element.remove(child)
    return canonicalize(tostring(root, encoding="unicode"), strip_text=True)


def test_xpacket_comments_prefixes_and_odd_characters_survive() -> None:
    packet = DIGIKAM.replace("<rdf:RDF", "<!-- mine --><rdf:RDF").replace(
        "</rdf:RDF>",
        '<rdf:Description xmlns:lr="http://example.org/not-lightroom" lr:x="a&#10;b&#9;c&#13;&lt;&quot;">'
        "<lr:y><![CDATA[<raw> & ]]></lr:y><lr:z>one&#13;two</lr:z></rdf:Description></rdf:RDF>",
    )
    after = say(packet, WORDS).decode()
    for kept in (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
        '<?xpacket end="w"?>',
        "<!-- mine -->",
        'lr:x="a&#10;b&#9;c&#13;&lt;&quot;"',
        "<![CDATA[<raw> & ]]>",
        "one&#13;two",
    ):
        assert kept in after
    assert texts(after.encode(), "lr:hierarchicalSubject")[-1] == "b/w"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read_and_written_as_utf_8(encoding: str) -> None:
    declared = LIGHTROOM if encoding == "utf-8-sig" else '<?xml version="1.0" encoding="UTF-16"?>\n' + LIGHTROOM
    packet = say(declared.encode(encoding), SidecarWords(tags=("größer",)))
    assert "größer" in packet.decode("utf-8")
    assert read_sidecar(packet, "a.xmp").title == "At the lake"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"no packet",
        b"<a/>",
        LIGHTROOM.encode()[:-20],
        LIGHTROOM.encode() + b"<more/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + LIGHTROOM.encode(),
        LIGHTROOM.replace("water", "w\x01ter").encode(),
        LIGHTROOM.replace("water", "wässer").encode("latin-1"),
    ],
)
def test_what_could_not_be_written_back_as_it_was_is_refused(packet: bytes) -> None:
    with pytest.raises(LoupeError) as refused:
        merged(packet, WORDS, NOW)
    assert refused.value.code == "SIDECAR_INVALID"


def test_lists_and_texts_in_odd_forms() -> None:
    """A subject that is one text, a description that is an attribute, an RDF without prefix."""
    packet = f"""<RDF xmlns="{RDF}">
    <Description about="" xmlns:d="http://purl.org/dc/elements/1.1/" d:description="old">
    <d:subject>one word</d:subject></Description></RDF>"""
    after = say(packet, SidecarWords(tags=("two",), caption="new"))
    assert texts(after, "dc:subject") == ["one word", "two"]
    read = read_sidecar(after, "a.xmp")
    assert (read.description, set(read.keywords)) == ("new", {"one word", "two"})


# Anything that another program may have written

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
_LINES = st.text(st.sampled_from("ab <>&\"'\n\t\r]]>é漢"), max_size=12)
_NAMES = st.sampled_from(["alpha", "beta", "gamma", "Rating", "subject", "li", "x.y-z"])
_SPACES = st.sampled_from(["http://example.org/one/", "http://example.org/two#", "urn:three", "adobe:ns:meta/"])


@st.composite
def trees(draw: Any, depth: int = 3) -> Element:
    element = Element(f"{{{draw(_SPACES)}}}{draw(_NAMES)}")
    for _ in range(draw(st.integers(0, 3))):
        element.set(f"{{{draw(_SPACES)}}}{draw(_NAMES)}", draw(_TEXT | _LINES))
    element.text = draw(_TEXT | _LINES)
    if depth:
        for child in draw(st.lists(trees(depth - 1), max_size=3)):
            child.tail = draw(_TEXT | _LINES)
            element.append(child)
    return element


@settings(max_examples=150, deadline=None)
@given(
    contents=st.lists(trees(), max_size=4),
    tags=st.lists(_TEXT.filter(lambda text: text.strip() and "|" not in text and "/" not in text), max_size=4),
    rating=st.none() | st.integers(-1, 5),
    caption=st.none() | _TEXT.filter(str.strip),
)
def test_any_packet_survives_what_is_said_and_taken_back(
    contents: list[Element], tags: list[str], rating: int | None, caption: str | None
) -> None:
    root = Element(f"{{{RDF}}}RDF")
    description = SubElement(root, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    description.extend(contents)
    before = tostring(root, encoding="unicode")
    words = SidecarWords(tuple(dict.fromkeys(tag.strip() for tag in tags)), rating, caption)
    said = merged(before.encode(), words, NOW)
    if said is None:
        assert not words
        return
    read = read_sidecar(said, "a.xmp")
    assert read.rating == rating
    assert list(read.keywords) == list(dict.fromkeys(" ".join(tag.split()) for tag in words.tags)) or set(
        texts(said, "dc:subject")
    ) == set(words.tags)
    assert merged(said, words, NOW) is None
    back = fromstring(say(said, SidecarWords()))
    back[0].attrib.pop("{http://ns.adobe.com/xap/1.0/}MetadataDate")
    after, original = (canonicalize(tostring(each, encoding="unicode")) for each in (back, fromstring(before)))
    assert _tight(after) == _tight(original)


def _tight(canonical: str) -> str:
    """Loupe may leave line breaks at the end of the description that it wrote into."""
    head, _, tail = canonical.rpartition("</")
    head, _, end = head.rpartition("</")
    return head.rstrip() + "</" + end.rstrip() + "</" + tail


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("program", PACKETS)
def test_exiftool_reads_the_same_but_for_what_was_said(program: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before.xmp", tmp_path / "after.xmp"
    before.write_text(PACKETS[program], encoding="utf-8")
    after.write_bytes(say(PACKETS[program], WORDS))
    old, new = (_exiftool(path) for path in (before, after))
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    assert changed <= {
        "XMP-xmp:Rating",
        "XMP-xmp:MetadataDate",
        "XMP-microsoft:RatingPercent",
        "XMP-dc:Subject",
        "XMP-dc:Description",
        "XMP-lr:HierarchicalSubject",
        "XMP-digiKam:TagsList",
        "XMP-loupe:Tags",
        "XMP-loupe:Words",
        "XMP-loupe:Rating",
        "XMP-loupe:Caption",
    }
    assert new["XMP-xmp:Rating"] == 4
    assert new["XMP-dc:Description"] == "Oma & <Opa>\nam See"
    assert {"lake", "Spain", "b/w"} <= set(new["XMP-dc:Subject"])
    assert {"lake", "Places/Spain"} <= set(new["XMP-digiKam:TagsList"])
    assert {"lake", "Places|Spain", "b/w"} <= set(new["XMP-lr:HierarchicalSubject"])


def _exiftool(path: Path) -> dict[str, Any]:
    ran = subprocess.run(
        ["exiftool", "-j", "-G1", "-a", "-struct", "-XMP:all", "-RatingPercent", str(path)],
        capture_output=True,
        check=True,
    )
    row: dict[str, Any] = json.loads(ran.stdout)[0]
    assert not any("Warning" in name for name in row), row
    return {name: value for name, value in row.items() if name.startswith("XMP")}


def test_a_tag_with_the_sign_that_divides_levels_stays_one_tag() -> None:
    packet = merged(None, SidecarWords(tags=("b/w", "Places|Spain")), NOW)
    assert packet is not None
    assert read_sidecar(packet, "a.xmp").keywords == ("b/w", "Spain")
