"""The item structure of HEIC and AVIF containers: what lies where, checked against the file's real length.

libheif fills missing tiles with flat green and says nothing, so whether a picture's data is there is found out
here, before it decodes. Decoding belongs to `heif` and `raster`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from resources.imaging.color import Coded

__all__ = ["Box", "Container", "Item", "boxes"]

# Bounds against fuzzed counts; a 400-megapixel photo has some 1,600 tiles.
_MAX_BOXES, _MAX_ITEMS = 4096, 65_536


@dataclass(frozen=True)
class Box:
    """One box: its four-letter kind, the range of its payload, and how many bytes it claims beyond the data."""

    kind: bytes
    start: int
    end: int
    lacking: int = 0


def boxes(data: memoryview, start: int, end: int) -> Iterator[Box]:
    """The boxes in a range, in order; ends at the first that makes no sense."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size = int.from_bytes(data[start : start + 4], "big")
        kind = bytes(data[start + 4 : start + 8])
        header = 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        yield Box(kind, start + header, min(start + size, end), max(0, start + size - end))
        start += size


@dataclass
class Item:
    """One item: its type, the byte ranges of its data (absolute) and the properties that matter here."""

    kind: bytes = b""
    content_type: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    in_idat: bool = False
    width: int = 0
    height: int = 0
    rotation: int = 0  # anticlockwise, degrees
    primaries: int = 0  # colour primaries and transfer by their numbers in ITU-T H.273; 0 where not given
    transfer: int = 0


class _Reader:
    """Big-endian fields one after the other; reading past the end gives zeros, counts are bounded by callers."""

    def __init__(self, data: memoryview, start: int, end: int) -> None:
        self.data, self.at, self.end = data, start, end

    def uint(self, size: int) -> int:
        value = int.from_bytes(self.data[self.at : min(self.at + size, self.end)], "big")
        self.at += size
        return value

    def text(self) -> bytes:
        stop = self.at
        while stop < self.end and self.data[stop]:
            stop += 1
        value = bytes(self.data[self.at : stop])
        self.at = stop + 1
        return value

    @property
    def left(self) -> bool:
        return self.at < self.end


@dataclass
class Container:
    """The items of a still image container."""

    data: memoryview
    primary: int
    items: dict[int, Item]
    references: dict[tuple[bytes, int], tuple[int, ...]]
    idat: tuple[int, int]
    missing_bytes: int  # how many more bytes the top-level boxes claim than the file has

    @classmethod
    def parse(cls, buffer: bytes | memoryview) -> Container | None:
        """The container, None when there is no item structure (a pure image sequence, or not ISOBMFF)."""
        data = memoryview(buffer)
        top = list(boxes(data, 0, len(data)))
        meta = next((box for box in top if box.kind == b"meta"), None)
        if meta is None:
            return None
        container = cls(data, 0, {}, {}, (0, 0), sum(box.lacking for box in top))
        parts = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}
        if box := parts.get(b"idat"):
            container.idat = (box.start, box.end)
        for kind, read in (
            (b"pitm", container._read_primary),
            (b"iinf", container._read_infos),
            (b"iloc", container._read_locations),
            (b"iref", container._read_references),
            (b"iprp", container._read_properties),
        ):
            if box := parts.get(kind):
                read(box)
        return container

    def item_data(self, item: Item) -> bytes | None:
        """An item's bytes, None when they do not all lie within the file."""
        if sum(size for _, size in item.extents) > len(self.data):  # the same bytes again and again
            return None
        parts = []
        for start, size in item.extents:
            if start + size > len(self.data):
                return None
            parts.append(bytes(self.data[start : start + size]))
        return b"".join(parts) or None

    def exif(self) -> bytes | None:
        """The main picture's EXIF block (a TIFF structure)."""
        for item in self._described():
            if item.kind == b"Exif" and (block := self.item_data(item)):
                skip = 4 + int.from_bytes(block[:4], "big")
                if skip + 8 > len(block):
                    skip = 4
                return block[skip:].removeprefix(b"Exif\0\0")
        return None

    def xmp(self) -> bytes | None:
        """The main picture's packet."""
        for item in self._described():
            if item.kind == b"mime" and item.content_type == b"application/rdf+xml":
                return self.item_data(item)
        return None

    def _described(self) -> Iterator[Item]:
        """All items, those that describe the main picture first: of two pictures each may have its own metadata."""
        mine = [item_id for item_id in self.items if self.primary in self.references.get((b"cdsc", item_id), ())]
        return (self.items[item_id] for item_id in dict.fromkeys((*mine, *self.items)))

    def coded_items(self, item_id: int) -> list[Item]:
        """The items whose data make up a picture: its tiles, or itself."""
        found: list[Item] = []
        pending, seen = [item_id], set[int]()
        while pending and len(seen) < _MAX_ITEMS:
            current = pending.pop()
            if current in seen or current not in self.items:
                continue
            seen.add(current)
            found.append(self.items[current])
            pending.extend(self.references.get((b"dimg", current), ()))
        return found

    def color_code(self) -> Coded | None:
        """The main picture's colour space, from itself or its tiles; None where it is not given by numbers."""
        for item in self.coded_items(self.primary):
            if item.primaries:
                return Coded.numbered(item.primaries, item.transfer)
        return None

    def missing_share(self, item_id: int) -> float:
        """The share (0 to 1) of a picture's coded items whose data is cut off or was never written (zeros)."""
        coded = [item for item in self.coded_items(item_id) if item.extents]
        return sum(not self._present(item) for item in coded) / len(coded) if coded else 0.0

    def _present(self, item: Item) -> bool:
        for start, size in item.extents:
            if start + size > len(self.data) or start < 0:
                return False
            # Coded data begins with a length and ends with a stop bit; zeros there are a copy never finished.
            if size >= 16 and not any(self.data[start : start + 16]):
                return False
            if size >= 64 and not any(self.data[start + size - 32 : start + size]):
                return False
        return True

    def _item(self, item_id: int) -> Item:
        if len(self.items) >= _MAX_ITEMS:
            return Item()
        return self.items.setdefault(item_id, Item())

    def _read_primary(self, box: Box) -> None:
        reader = _Reader(self.data, box.start, box.end)
        version = reader.uint(4) >> 24
        self.primary = reader.uint(4 if version else 2)

    def _read_infos(self, box: Box) -> None:
        version = self.data[box.start] if box.start < box.end else 0
        for info in boxes(self.data, box.start + (8 if version else 6), box.end):
            reader = _Reader(self.data, info.start, info.end)
            version = reader.uint(4) >> 24
            if info.kind != b"infe" or version < 2:
                continue
            item = self._item(reader.uint(4 if version == 3 else 2))
            reader.uint(2)
            item.kind = reader.uint(4).to_bytes(4, "big")
            reader.text()
            item.content_type = reader.text() if item.kind == b"mime" else b""

    def _read_locations(self, box: Box) -> None:
        reader = _Reader(self.data, box.start, box.end)
        version = reader.uint(4) >> 24
        sizes = reader.uint(2)
        offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_size = sizes & 15 if version in (1, 2) else 0
        # Fields of no width say nothing more of a second extent, and would let a box of ten bytes hold thousands.
        most_extents = 0xFFFF if index_size + offset_size + length_size else 1
        for _ in range(min(reader.uint(4 if version == 2 else 2), _MAX_ITEMS)):
            if not reader.left:
                return
            item = self._item(reader.uint(4 if version == 2 else 2))
            method = reader.uint(2) & 15 if version in (1, 2) else 0
            reader.uint(2)
            base = reader.uint(base_size)
            if method == 1:
                item.in_idat = True
                base += self.idat[0]
            for _ in range(min(reader.uint(2), most_extents)):
                if not reader.left:
                    return
                reader.uint(index_size)
                start = base + reader.uint(offset_size)
                size = reader.uint(length_size)
                if method in (0, 1):
                    item.extents.append((start, size or max(0, len(self.data) - start)))

    def _read_references(self, box: Box) -> None:
        wide = 4 if any(self.data[box.start : box.start + 1]) else 2
        for reference in boxes(self.data, box.start + 4, box.end):
            reader = _Reader(self.data, reference.start, reference.end)
            source = reader.uint(wide)
            count = min(reader.uint(2), (reference.end - reader.at) // wide)
            self.references[reference.kind, source] = tuple(reader.uint(wide) for _ in range(count))

    def _read_properties(self, box: Box) -> None:
        parts = list(boxes(self.data, box.start, box.end))
        store = next((part for part in parts if part.kind == b"ipco"), None)
        if store is None:
            return
        properties = list(boxes(self.data, store.start, store.end))
        for part in parts:
            if part.kind != b"ipma":
                continue
            reader = _Reader(self.data, part.start, part.end)
            head = reader.uint(4)
            version, wide = head >> 24, head & 1
            for _ in range(min(reader.uint(4), _MAX_ITEMS)):
                if not reader.left:
                    return
                item = self._item(reader.uint(4 if version else 2))
                for _ in range(reader.uint(1)):
                    index = reader.uint(2) & 0x7FFF if wide else reader.uint(1) & 0x7F
                    if 0 < index <= len(properties):
                        self._apply(item, properties[index - 1])

    def _apply(self, item: Item, box: Box) -> None:
        reader = _Reader(self.data, box.start, box.end)
        if box.kind == b"ispe":
            reader.uint(4)
            item.width, item.height = reader.uint(4), reader.uint(4)
        elif box.kind == b"colr" and bytes(self.data[box.start : box.start + 4]) == b"nclx":
            reader.uint(4)
            item.primaries, item.transfer = reader.uint(2), reader.uint(2)
        elif box.kind == b"irot":
            item.rotation = 90 * (reader.uint(1) & 3)
