"""What Loupe says in an XMP packet, merged into what other programs say there.

Pure: bytes in, bytes out. A packet is parsed, the properties below are edited, and everything else is written back as
it was: unknown namespaces, processing settings, comments, prefixes, the order of things. Which file it is belongs to
`sidecar_files`.

What Loupe brought stands in the packet itself (`loupe:`), so that three words can be told apart: what Loupe said then,
what it says now, and what the packet says by now. A tag, rating or caption that another program changed since stays as
that program left it, until it is changed in Loupe too; one that Loupe brought and that is taken back there goes.

Conventions, as digiKam, darktable and Lightroom read them: `dc:subject` holds words, `lr:hierarchicalSubject` paths
with "|", `digiKam:TagsList` paths with "/". These programs take the first of the lists that is there and ignore the
others, so a list that has to be made begins with all words of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.dom.minidom import Node
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException
from defusedxml.minidom import parseString

from resources.errors import LoupeError

__all__ = ["MOST_BYTES", "SidecarWords", "merged"]

# Masks of an editor take megabytes; as a tree a packet takes some thirty times its size.
MOST_BYTES = 32 << 20

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_EMPTY = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Loupe">
 <rdf:RDF xmlns:rdf="{_RDF}">
  <rdf:Description rdf:about="">
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()


@dataclass(frozen=True)
class _Name:
    """A property: its namespace, the prefix that it usually has, its local name."""

    space: str
    prefix: str
    local: str


_SUBJECT = _Name("http://purl.org/dc/elements/1.1/", "dc", "subject")
_DESCRIPTION = _Name("http://purl.org/dc/elements/1.1/", "dc", "description")
_HIERARCHY = _Name("http://ns.adobe.com/lightroom/1.0/", "lr", "hierarchicalSubject")
_TAGS_LIST = _Name("http://www.digikam.org/ns/1.0/", "digiKam", "TagsList")
_RATING = _Name("http://ns.adobe.com/xap/1.0/", "xmp", "Rating")
_METADATA_DATE = _Name("http://ns.adobe.com/xap/1.0/", "xmp", "MetadataDate")
# Other forms of the rating, kept in step where a program has written them; the percentages are Windows'.
_PERCENT_RATING = _Name("http://ns.microsoft.com/photo/1.0/", "MicrosoftPhoto", "Rating")
_PERCENTS = (0, 1, 25, 50, 75, 99)
_ACDSEE_RATING = _Name("http://ns.acdsee.com/iptc/1.0/", "acdsee", "rating")

_LOUPE = "http://loupe.photos/ns/1.0/"
_OWN_TAGS = _Name(_LOUPE, "loupe", "Tags")  # that no other program had said
_OWN_WORDS = _Name(_LOUPE, "loupe", "Words")  # the same of dc:subject
_OWN_RATING = _Name(_LOUPE, "loupe", "Rating")
_OWN_CAPTION = _Name(_LOUPE, "loupe", "Caption")
_OWN_MODEL = _Name(_LOUPE, "loupe", "CaptionModel")  # with a caption that no person wrote

# darktable keeps marks of its own among the paths.
_MARKS = "darktable|"

# An element or an attribute; the stubs of minidom know too little of a tree to be of use.
_Node = Any


@dataclass(frozen=True)
class SidecarWords:
    """What Loupe has to say of a photo. Levels of a tag are divided by "|".

    `rating` is None when nobody rated the photo, 0 for no rating on purpose. With `caption_model` the caption is a
    model's: it is only written where nobody described the photo. `embedded_keywords` and `embedded_description` are
    what the photo's own bytes say, which a sidecar would cover up.
    """

    tags: tuple[str, ...] = ()
    rating: int | None = None
    caption: str | None = None
    caption_model: str | None = None
    embedded_keywords: tuple[str, ...] = ()
    embedded_description: bool = False

    def __bool__(self) -> bool:
        return bool(self.tags or self.rating is not None or self.caption)


def merged(packet: bytes | None, words: SidecarWords, now: datetime) -> bytes | None:
    """The packet with what Loupe says, a new one for None; None when there is nothing to change.

    `now` is UTC. Raises `SIDECAR_INVALID` for what cannot be written back as it was.
    """
    if packet is None and not words:
        return None
    edited = _Packet(_EMPTY if packet is None else packet)
    _merge_tags(edited, words)
    _merge_rating(edited, words)
    _merge_caption(edited, words)
    if not edited.changed:
        return None
    edited.set_text(_METADATA_DATE, f"{now:%Y-%m-%dT%H:%M:%SZ}")
    return edited.written()


def _merge_tags(packet: _Packet, words: SidecarWords) -> None:
    """Bring tags that nobody has said yet, and take back those that Loupe brought and that were removed since."""
    ours = dict.fromkeys(words.tags)
    brought, brought_words = packet.items(_OWN_TAGS), packet.items(_OWN_WORDS)
    subject = packet.items(_SUBJECT) if packet.has(_SUBJECT) else list(words.embedded_keywords)
    paths = [path for path in packet.items(_HIERARCHY) if not path.startswith(_MARKS)]
    paths += [path.replace("/", "|") for path in packet.items(_TAGS_LIST)]
    leaves = set(map(_leaf, paths))
    said = list(dict.fromkeys([*paths, *(word for word in subject if word not in leaves)]))
    new = [tag for tag in ours if tag not in {*said, *leaves, *brought}]
    gone = [tag for tag in brought if tag not in ours]
    if new:
        for name, sign in ((_HIERARCHY, "|"), (_TAGS_LIST, "/")):
            begin = () if packet.has(name) else said
            # "/" divides digiKam's levels: a tag with one in it ("b/w") would be another tag there.
            paths = [path for path in (*begin, *new) if sign == "|" or "/" not in path]
            packet.add_items(name, [path.replace("|", sign) for path in paths], ordered=sign == "/")
        new_words = [leaf for leaf in map(_leaf, new) if leaf not in subject]
        packet.add_items(_SUBJECT, [*subject, *new_words])
        packet.add_items(_OWN_TAGS, new)
        packet.add_items(_OWN_WORDS, new_words)
    if gone:
        left = set(map(_leaf, ours))
        gone_words = [leaf for leaf in map(_leaf, gone) if leaf in brought_words and leaf not in left]
        packet.remove_items(_HIERARCHY, gone)
        packet.remove_items(_TAGS_LIST, [tag.replace("|", "/") for tag in gone])
        packet.remove_items(_SUBJECT, gone_words)
        packet.remove_items(_OWN_TAGS, gone)
        packet.remove_items(_OWN_WORDS, gone_words)


def _leaf(tag: str) -> str:
    return tag.rpartition("|")[2].strip()


def _merge_rating(packet: _Packet, words: SidecarWords) -> None:
    before, ours = packet.text(_OWN_RATING), None if words.rating is None else str(words.rating)
    if ours == before:
        return
    if ours is not None:
        stars = max(0, int(ours))
        packet.set_text(_RATING, ours)
        for name, value in ((_PERCENT_RATING, _PERCENTS[stars]), (_ACDSEE_RATING, stars)):
            if packet.has(name):
                packet.set_text(name, str(value))
        packet.set_text(_OWN_RATING, ours)
    else:
        if packet.text(_RATING) == before:
            for name in (_RATING, _PERCENT_RATING, _ACDSEE_RATING):
                packet.remove(name)
        packet.remove(_OWN_RATING)


def _merge_caption(packet: _Packet, words: SidecarWords) -> None:
    before, model, theirs = packet.text(_OWN_CAPTION), packet.text(_OWN_MODEL), packet.text(_DESCRIPTION)
    untouched = before is not None and _same(before, theirs)
    if words.caption_model is not None and words.caption is not None:
        described = words.embedded_description or (theirs is not None and not (untouched and model is not None))
        if described or (_same(words.caption, before) and model == words.caption_model):
            return
    elif words.caption is None:
        # A model's caption stays when only persons' words are written.
        if before is not None and model is None:
            if untouched:
                packet.remove_default_text(_DESCRIPTION)
            packet.remove(_OWN_CAPTION)
        return
    elif _same(words.caption, before) and model is None:
        return
    assert words.caption is not None
    packet.set_default_text(_DESCRIPTION, words.caption)
    packet.set_text(_OWN_CAPTION, words.caption)
    if words.caption_model is None:
        packet.remove(_OWN_MODEL)
    else:
        packet.set_text(_OWN_MODEL, words.caption_model)


def _same(one: str | None, other: str | None) -> bool:
    """Programs wrap and trim text."""
    return one is not None and other is not None and one.split() == other.split()


class _Packet:
    """A packet as a tree, and the edits that it takes. `changed` tells whether any of them changed anything."""

    def __init__(self, packet: bytes) -> None:
        self.changed = False
        if len(packet) > MOST_BYTES:
            raise LoupeError("SIDECAR_INVALID", f"The sidecar is larger than {MOST_BYTES >> 20} MB.")
        try:
            self._document: Any = parseString(packet, forbid_dtd=True)  # type: ignore[arg-type]  # it takes bytes
        except (ExpatError, DefusedXmlException, ValueError, LookupError) as error:
            raise LoupeError(
                "SIDECAR_INVALID", f"The sidecar is no XML that can be kept as it is ({error})."
            ) from error
        self._declared = packet.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"").startswith(b"<?xml ")
        blocks = self._document.getElementsByTagNameNS(_RDF, "RDF")
        if not blocks:
            raise LoupeError("SIDECAR_INVALID", "The sidecar is no XMP: it has no rdf:RDF.")
        self._rdf: Any = blocks[0]
        if not any(True for _ in self._descriptions()):
            made = self._document.createElementNS(_RDF, _qualified(self._rdf.prefix, "Description"))
            made.setAttributeNS(_RDF, f"{self._prefix(self._rdf, _RDF, 'rdf')}:about", "")
            _append(self._rdf, made)

    # What it says

    def has(self, name: _Name) -> bool:
        return next(self._held(name), None) is not None

    def text(self, name: _Name) -> str | None:
        """A property's text, of several languages the default one."""
        for held in self._held(name):
            if _is_attribute(held):
                return held.value.strip() or None
            default = _default(held)
            return _text(held if default is None else default).strip() or None
        return None

    def items(self, name: _Name) -> list[str]:
        """The texts of a list; of a simple property its text."""
        found: list[str] = []
        for held in self._held(name):
            items = [] if _is_attribute(held) else _items(held)
            texts = [_text(item) for item in items] or [held.value if _is_attribute(held) else _text(held)]
            found += [text.strip() for text in texts if text.strip()]
        return found

    # What it is made to say

    def set_text(self, name: _Name, value: str) -> None:
        if self.text(name) == value:
            return
        self.changed = True
        held: _Node = next(self._held(name), None)
        if _is_attribute(held):
            held.ownerElement.setAttribute(held.name, value)
        elif held is not None:
            _set(held, value)
        else:
            holder = next(self._descriptions())
            holder.setAttributeNS(name.space, f"{self._prefix(holder, name.space, name.prefix)}:{name.local}", value)

    def set_default_text(self, name: _Name, value: str) -> None:
        """Of a property in languages the default one, which every program reads; others stay."""
        if self.text(name) == value:
            return
        self.changed = True
        holder = self._list(name, "Alt")
        item = next(
            (item for item in _children(holder, "li") if item.getAttributeNS(_XML, "lang") == "x-default"), None
        )
        if item is None:
            item = self._document.createElementNS(_RDF, _qualified(holder.prefix, "li"))
            item.setAttributeNS(_XML, "xml:lang", "x-default")
            first = next(iter(_children(holder, "li")), None)
            _append(holder, item) if first is None else _insert_before(first, item)
        _set(item, value)

    def remove_default_text(self, name: _Name) -> None:
        for held in list(self._held(name)):
            if not _is_attribute(held) and len(_items(held)) > 1 and (default := _default(held)) is not None:
                self.changed = True
                _remove(default)
            else:
                self.remove(name)

    def add_items(self, name: _Name, texts: Iterable[str], *, ordered: bool = False) -> None:
        """Append what the list has not; the list is made where there is none."""
        have = set(self.items(name))
        new = [text for text in dict.fromkeys(texts) if text not in have]
        if not new:
            return
        self.changed = True
        holder = self._list(name, "Seq" if ordered else "Bag")
        for text in new:
            item = self._document.createElementNS(_RDF, _qualified(holder.prefix, "li"))
            item.appendChild(self._document.createTextNode(text))
            _append(holder, item)

    def remove_items(self, name: _Name, texts: Sequence[str]) -> None:
        """Take these out of the list; a list that is empty by it goes."""
        gone = [text for text in self.items(name) if text in set(texts)]
        if not gone:
            return
        if len(gone) == len(self.items(name)):
            self.remove(name)
            return
        self.changed = True
        for held in self._held(name):
            for item in _items(held) if _is_element(held) else ():
                if _text(item).strip() in gone:
                    _remove(item)

    def remove(self, name: _Name) -> None:
        for held in list(self._held(name)):
            self.changed = True
            if _is_attribute(held):
                held.ownerElement.removeAttributeNode(held)
            else:
                _remove(held)

    # How it is written

    def written(self) -> bytes:
        """The whole packet in UTF-8."""
        parts = ['<?xml version="1.0" encoding="UTF-8"?>\n'] if self._declared else []
        for node in self._document.childNodes:
            parts += [*_serialised(node), "\n"]
        return "".join(parts).encode("utf-8")

    def _descriptions(self) -> Iterator[_Node]:
        return (child for child in self._rdf.childNodes if _is_element(child))

    def _held(self, name: _Name) -> Iterator[_Node]:
        """Where a property stands, as an attribute or an element; the slash at a namespace's end may be forgotten."""
        space = name.space.rstrip("/#")
        for description in self._descriptions():
            for attribute in list(description.attributes.values()):
                if attribute.localName == name.local and (attribute.namespaceURI or "").rstrip("/#") == space:
                    yield attribute
            for child in list(description.childNodes):
                if (
                    _is_element(child)
                    and child.localName == name.local
                    and (child.namespaceURI or "").rstrip("/#") == space
                ):
                    yield child

    def _list(self, name: _Name, kind: str) -> _Node:
        """The list of a property, of whatever kind it is; made of a simple value, or anew as `kind`."""
        values = [] if any(_is_element(held) and _lists(held) for held in self._held(name)) else self.items(name)
        held = next((held for held in self._held(name) if _is_element(held)), None)
        if held is not None and (found := _lists(held)):
            return found[0]
        self.remove(name)
        description = next(self._descriptions())
        prefix, rdf = self._prefix(description, name.space, name.prefix), self._prefix(description, _RDF, "rdf")
        element = self._document.createElementNS(name.space, f"{prefix}:{name.local}")
        holder = self._document.createElementNS(_RDF, f"{rdf}:{kind}")
        _append(description, element)
        _append(element, holder)
        for value in values:
            item = self._document.createElementNS(_RDF, f"{rdf}:li")
            if kind == "Alt":
                item.setAttributeNS(_XML, "xml:lang", "x-default")
            item.appendChild(self._document.createTextNode(value))
            _append(holder, item)
        return holder

    def _prefix(self, element: _Node, space: str, wanted: str) -> str:
        """The prefix that stands for a namespace here, declared if none does."""
        bound: dict[str, str] = {}
        node: Any = element
        while _is_element(node):
            for attribute in node.attributes.values():
                if attribute.namespaceURI == _XMLNS and attribute.prefix == "xmlns":
                    bound.setdefault(attribute.localName, attribute.value)
            node = node.parentNode
        if found := next((prefix for prefix, uri in bound.items() if uri == space), None):
            return found
        while wanted in bound:
            wanted += "_"
        element.setAttributeNS(_XMLNS, f"xmlns:{wanted}", space)
        return wanted


def _is_element(node: _Node) -> bool:
    return node is not None and node.nodeType == Node.ELEMENT_NODE


def _is_attribute(node: _Node) -> bool:
    return node is not None and node.nodeType == Node.ATTRIBUTE_NODE


def _qualified(prefix: str | None, local: str) -> str:
    return f"{prefix}:{local}" if prefix else local


def _children(element: _Node, local: str) -> list[_Node]:
    return [
        child
        for child in element.childNodes
        if _is_element(child) and child.namespaceURI == _RDF and child.localName == local
    ]


def _lists(element: _Node) -> list[_Node]:
    return [child for kind in ("Alt", "Bag", "Seq") for child in _children(element, kind)]


def _items(element: _Node) -> list[_Node]:
    return [item for holder in _lists(element) for item in _children(holder, "li")]


def _default(element: _Node) -> _Node | None:
    items = _items(element)
    return next(
        (item for item in items if item.getAttributeNS(_XML, "lang") == "x-default"), items[0] if items else None
    )


def _text(element: _Node) -> str:
    return "".join(
        child.data for child in element.childNodes if child.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE)
    )


def _set(element: _Node, text: str) -> None:
    while element.firstChild is not None:
        element.removeChild(element.firstChild)
    element.appendChild(element.ownerDocument.createTextNode(text))


def _is_space(node: Any) -> bool:
    return node is not None and node.nodeType == Node.TEXT_NODE and not node.data.strip()


def _append(parent: _Node, child: _Node) -> None:
    """At the end, on a line of its own, as far in as what stands before it or one further than its parent."""
    document, last = parent.ownerDocument, parent.lastChild
    inner = parent.firstChild if _is_space(parent.firstChild) and parent.firstChild is not last else None
    outer = parent.previousSibling if _is_space(parent.previousSibling) else None
    closing = last.data if _is_space(last) else ("\n" + outer.data.rpartition("\n")[2] if outer else "\n")
    indent = inner.data if inner else closing + " "
    if not _is_space(last):
        last = parent.appendChild(document.createTextNode(closing))
    parent.insertBefore(document.createTextNode(indent), last)
    parent.insertBefore(child, last)


def _insert_before(sibling: _Node, child: _Node) -> None:
    parent, space = sibling.parentNode, sibling.previousSibling
    parent.insertBefore(child, sibling)
    parent.insertBefore(sibling.ownerDocument.createTextNode(space.data if _is_space(space) else ""), sibling)


def _remove(element: _Node) -> None:
    """With the space before it."""
    if _is_space(element.previousSibling):
        element.parentNode.removeChild(element.previousSibling)
    element.parentNode.removeChild(element)


_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def _serialised(root: Any) -> Iterator[str]:
    """A node as it is written. minidom's own writer loses line breaks in attributes and in text."""
    open_nodes: list[Any] = [root]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, str):
            yield node
        elif node.nodeType == Node.ELEMENT_NODE:
            yield f"<{node.tagName}"
            attributes = list(node.attributes.values())
            space = "\n" + _column(node) + "  " if len(attributes) > 2 else " "
            for attribute in attributes:
                yield f'{space}{attribute.name}="{attribute.value.translate(_IN_ATTRIBUTES)}"'
            if node.childNodes:
                yield ">"
                open_nodes.append(f"</{node.tagName}>")
                open_nodes.extend(reversed(node.childNodes))
            else:
                yield "/>"
        elif node.nodeType == Node.TEXT_NODE:
            yield node.data.translate(_IN_TEXT)
        elif node.nodeType == Node.CDATA_SECTION_NODE:
            yield f"<![CDATA[{node.data}]]>"
        elif node.nodeType == Node.COMMENT_NODE:
            yield f"<!--{node.data}-->"
        elif node.nodeType == Node.PROCESSING_INSTRUCTION_NODE:
            yield f"<?{node.target} {node.data}?>"


def _column(node: _Node) -> str:
    """The spaces before an element that begins a line."""
    before = node.previousSibling
    return before.data.rpartition("\n")[2] if _is_space(before) else ""
