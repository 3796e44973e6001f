"""XMP packets: the handful of properties that Loupe reads, as plain text by name.

What the values mean belongs to `metadata`. Packets are untrusted XML and are parsed with entities forbidden.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

__all__ = ["Properties", "read_xmp"]

Properties = dict[str, tuple[str, ...]]

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
}

# Larger packets are editing histories; the properties read here stand in the first part of any real one.
_MAX_BYTES = 8 << 20
_PACKET = re.compile(rb"<(?:\w+:)?(?:xmpmeta|xapmeta|RDF)\b.*</(?:\w+:)?(?:xmpmeta|xapmeta|RDF)\s*>", re.DOTALL)


def read_xmp(packet: bytes | None) -> Properties:
    """The simple, list and language-alternative properties of a packet; empty when it cannot be parsed.

    Names carry their usual prefix ("dc:subject"). A structure reads as absent, except that its named fields are
    joined to its name ("exif:Flash/Fired").
    """
    if not packet or len(packet) > _MAX_BYTES:
        return {}
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        packet = packet.decode("utf-16", "replace").encode()
    match = _PACKET.search(packet)
    if match is None:
        return {}
    try:
        root: Element = fromstring(match.group(0))
    except (ParseError, DefusedXmlException, ValueError):
        return {}
    found: Properties = {}
    for description in root.iter(f"{_RDF}Description"):
        _read_description(description, "", found)
    return found


def _name(tag: str) -> str | None:
    space, _, local = tag.removeprefix("{").partition("}")
    prefix = _PREFIXES.get(space)
    return f"{prefix}:{local}" if prefix and local else None


def _read_description(description: Element, parent: str, found: Properties) -> None:
    for tag, value in description.attrib.items():
        name = _name(tag)
        if name and value.strip():
            found.setdefault(parent + name, (value.strip(),))
    for child in description:
        name = _name(child.tag)
        if name is None:
            continue
        items: list[Any] = [item for kind in ("Alt", "Bag", "Seq") for item in child.findall(f"{_RDF}{kind}/{_RDF}li")]
        items.sort(key=lambda item: item.get(_LANG) not in (None, "x-default"))  # the default language first
        texts = tuple(text for item in items if (text := (item.text or "").strip()))
        if texts:
            found.setdefault(parent + name, texts)
        elif child.text and child.text.strip():
            found.setdefault(parent + name, (child.text.strip(),))
        else:
            _read_description(child, f"{name}/", found)
