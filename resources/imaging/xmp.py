"""XMP packets: the properties that Loupe reads, as plain text by name.

What the values mean belongs to `metadata`. Packets are untrusted XML: entities are forbidden, and size, tags and depth
are bounded. One that cannot be parsed reads as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

__all__ = ["MAX_XMP_BYTES", "Properties", "Xmp", "parse_xmp", "read_xmp"]

Properties = Mapping[str, tuple[str, ...]]

# By namespace, however the packet calls it, without the slash or hash at its end, which writers forget.
_PREFIXES = {
    "http://cipa.jp/exif/1.0": "exifEX",
    "http://darktable.sf.net": "darktable",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29": "Iptc4xmpExt",
    "http://loupe.photos/ns/1.0": "loupe",
    "http://ns.acdsee.com/iptc/1.0": "acdsee",
    "http://ns.acdsee.com/regions": "acdsee-rs",
    "http://ns.adobe.com/exif/1.0": "exif",
    "http://ns.adobe.com/exif/1.0/aux": "aux",
    "http://ns.adobe.com/lightroom/1.0": "lr",
    "http://ns.adobe.com/photoshop/1.0": "photoshop",
    "http://ns.adobe.com/tiff/1.0": "tiff",
    "http://ns.adobe.com/xap/1.0": "xmp",
    "http://ns.adobe.com/xmp/note": "xmpNote",
    "http://ns.camerabits.com/photomechanic/1.0": "photomechanic",
    "http://ns.google.com/photos/1.0/camera": "GCamera",
    "http://ns.google.com/photos/1.0/container": "Container",
    "http://ns.google.com/photos/1.0/container/item": "Item",
    "http://ns.google.com/photos/1.0/creations": "GCreations",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2": "MP",
    "http://ns.microsoft.com/photo/1.2/t/Region": "MPReg",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo": "MPRI",
    "http://ns.iview-multimedia.com/mediapro/1.0": "mediapro",
    "http://purl.org/dc/elements/1.1": "dc",
    "http://www.digikam.org/ns/1.0": "digiKam",
    "http://www.metadataworkinggroup.com/schemas/keywords": "mwg-kw",
    "http://www.metadataworkinggroup.com/schemas/regions": "mwg-rs",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "http://www.w3.org/XML/1998/namespace": "xml",
}

# Larger packets are editing histories and depth maps; 8 MB of tags or attributes would take 500 MB and seconds.
MAX_XMP_BYTES, _MAX_TAGS = 8 << 20, 100_000
# Structures within structures: a region's area within a region within a list within the regions makes four.
_MAX_DEPTH, _MAX_ITEMS = 8, 1000

_START = re.compile(r"<((?:[\w.-]+:)?(?:xmpmeta|xapmeta|RDF))\b")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{1,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# How "<" looks in the encodings of two and four bytes a character, for packets without a mark.
_FIRST_CHARACTERS = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# What XML does not allow at all, and some cameras and programs write nonetheless.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]|&#(?:x[0-8bcef]|x1[0-9a-f]|[0-8]);", re.I
)


@dataclass(frozen=True)
class Xmp:
    """A packet's properties by their usual names ("dc:subject"), whatever prefixes it uses; empty when absent.

    `values` holds simple properties and lists, a list of languages with the default one first. `structures` holds the
    fields of structures, by the name of the property that holds them: "mwg-rs:RegionList" has one entry a region.
    """

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    structures: dict[str, tuple[Properties, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values or self.structures)

    def text(self, name: str) -> str | None:
        """The first value of a property."""
        return next(iter(self.values.get(name, ())), None)

    def texts(self, *names: str) -> tuple[str, ...]:
        """All values of all these properties."""
        return tuple(text for name in names for text in self.values.get(name, ()))

    def fields(self, structure: str, name: str) -> Iterator[str]:
        """One field of each structure, where it is given."""
        return (found[name][0] for found in self.structures.get(structure, ()) if found.get(name))

    def extended_by(self, other: Xmp) -> Xmp:
        """Both, this one's word first."""
        return Xmp({**other.values, **self.values}, {**other.structures, **self.structures})


def read_xmp(packet: bytes | None) -> Xmp:
    """The properties of a packet; empty when it cannot be parsed. Never raises."""
    return parse_xmp(packet) or Xmp()


def parse_xmp(packet: bytes | None) -> Xmp | None:
    """The properties of a packet or of a sidecar file, None when it is none that can be parsed. Never raises."""
    text = _decoded(packet) if packet and len(packet) <= MAX_XMP_BYTES else ""
    root = _parsed(_body(text))
    if root is None:
        return None
    blocks = [block for block in (root, *root) if _name(block.tag) == "rdf:RDF"]
    if not blocks:
        return None
    found = Xmp()
    for block in blocks:
        for description in block:
            _read_fields(description, found.values, found, 0)
    return found


def _decoded(packet: bytes) -> str:
    for mark, encoding in (*_BYTE_ORDER_MARKS, *_FIRST_CHARACTERS):
        if packet.startswith(mark):
            return packet.decode(encoding, "replace")
    declared = _DECLARED.match(packet)
    for encoding in ("utf-8", declared[1].decode("ascii") if declared else "cp1252"):
        try:
            return packet.decode(encoding)
        except (UnicodeError, LookupError):
            continue
    return packet.decode("utf-8", "replace")


def _body(text: str) -> str:
    """From the first start of a packet's root to the last end of it: what stands around it is padding."""
    start = _START.search(text)
    if start is None:
        return ""
    end = text.rfind(f"</{start[1]}")
    close = text.find(">", end)
    return text[start.start() : close + 1] if end > 0 and close > 0 else ""


def _parsed(body: str) -> Element | None:
    if not body or body.count("<") > _MAX_TAGS or body.count('="') + body.count("='") > _MAX_TAGS:
        return None
    for attempt in (body, None):
        text = _FORBIDDEN.sub("", body) if attempt is None else attempt
        try:
            parsed: Element = fromstring(text.encode("utf-8", "replace"))
        except (ParseError, DefusedXmlException, ValueError):
            continue
        return parsed
    return None


def _name(tag: object) -> str | None:
    """The usual name of an expanded one, "{http://purl.org/dc/elements/1.1/}title"; None in a foreign namespace."""
    if not isinstance(tag, str):
        return None
    space, _, local = tag.removeprefix("{").partition("}")
    prefix = _PREFIXES.get(space.rstrip("/#"))
    return f"{prefix}:{local}" if prefix and local else None


def _read_fields(holder: Element, into: dict[str, tuple[str, ...]], found: Xmp, depth: int) -> None:
    """The properties of a description or structure, written as attributes or as elements."""
    for tag, value in holder.attrib.items():
        name = _name(tag)
        if name and not name.startswith(("rdf:", "xml:")) and value.strip():
            into.setdefault(name, (value.strip(),))
    for child in holder:
        name = _name(child.tag)
        if name is None or depth > _MAX_DEPTH:
            continue
        if name == "rdf:Description":  # a structure in its long form
            _read_fields(child, into, found, depth + 1)
        else:
            _read_property(name, child, into, found, depth)


def _read_property(name: str, element: Element, into: dict[str, tuple[str, ...]], found: Xmp, depth: int) -> None:
    lists = [child for child in element if _name(child.tag) in ("rdf:Alt", "rdf:Bag", "rdf:Seq")]
    items = (
        [item for held in lists for item in held if _name(item.tag) == "rdf:li"][:_MAX_ITEMS] if lists else [element]
    )
    items.sort(key=_is_translation)
    texts: list[str] = []
    structures: list[Properties] = []
    for item in items:
        fields: dict[str, tuple[str, ...]] = {}
        _read_fields(item, fields, found, depth + 1)
        text = (item.text or "").strip() or next(iter(fields.pop("rdf:value", ())), "")
        if fields:
            structures.append(fields)
        if text:
            texts.append(text)
    if texts:
        into.setdefault(name, tuple(texts))
    if structures:
        found.structures[name] = (*found.structures.get(name, ()), *structures)[:_MAX_ITEMS]


def _is_translation(item: Element) -> bool:
    return item.get("{http://www.w3.org/XML/1998/namespace}lang") not in (None, "x-default")
