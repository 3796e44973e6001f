"""A bounded reader of TIFF directories: the tags of TIFF, BigTIFF, EXIF blocks and TIFF-based camera RAW.

Why not Pillow's or ExifRead's: sniffing, the check that pixel data lies within the file, the search for embedded
previews and the metadata of a dozen RAW dialects all need the same thing, directories read from memory in under
a millisecond, where a broken entry reads as absent and a loop ends. Meanings of tags belong to `exif` and `raw`.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Directory", "PageFile", "Tiff", "TiffError"]

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_ASCII, _RATIONAL, _UNDEFINED, _SRATIONAL = 2, 5, 7, 10

# Magic numbers after the byte order mark: plain, RW2 ("U"), ORF ("RO", "RS"), and BigTIFF.
_CLASSIC_MAGICS = {42, 0x0055, 0x4F52, 0x5352}
_BIGTIFF_MAGIC = 43

# More than any camera writes; a cap against fuzzed files.
_MAX_ENTRIES, _MAX_DIRECTORIES, _MAX_VALUES = 4096, 64, 1 << 20

SUB_IFDS = 0x014A

# SubIFDs, EXIF, GPS and interoperability directories.
_POINTERS = {SUB_IFDS, 0x8769, 0x8825, 0xA005}

# Offsets and sizes of strips, of tiles, of a whole JPEG.
_EXTENT_TAGS = ((0x0111, 0x0117), (0x0144, 0x0145), (0x0201, 0x0202))


class TiffError(ValueError):
    """The bytes do not begin with a TIFF header."""


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    position: int  # of the values, absolute in the buffer


class Directory:
    """One directory (IFD). Values are decoded on request; what cannot be read is None.

    `ends_early`: the file ends before all of its entries.
    """

    __slots__ = ("_entries", "_tiff", "ends_early", "next_offset")

    def __init__(self, tiff: Tiff, entries: dict[int, _Entry], next_offset: int, ends_early: bool) -> None:
        self._tiff = tiff
        self._entries = entries
        self.next_offset = next_offset
        self.ends_early = ends_early

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def tags(self) -> Iterator[int]:
        """The tags whose values lie within the buffer."""
        return (tag for tag in self._entries if self.blob(tag) is not None)

    def entry(self, tag: int) -> tuple[int, int, bytes]:
        """The type, count and stored bytes of one of `tags()`."""
        found = self._entries[tag]
        return found.kind, found.count, self.blob(tag) or b""

    def blob(self, tag: int) -> bytes | None:
        """The value's bytes as stored."""
        entry = self._entries.get(tag)
        if entry is None:
            return None
        end = entry.position + entry.count * _SIZES[entry.kind]
        if end > len(self._tiff.buffer):
            return None
        return bytes(self._tiff.buffer[entry.position : end])

    def position(self, tag: int) -> int | None:
        """Where the value lies in the buffer."""
        entry = self._entries.get(tag)
        return entry.position if entry else None

    def numbers(self, tag: int) -> tuple[float, ...]:
        """The numeric values; rationals as floats, NaN where the denominator is zero. Empty when not numeric."""
        entry = self._entries.get(tag)
        if entry is None or entry.count > _MAX_VALUES or entry.kind == _ASCII:
            return ()
        order, buffer = self._tiff.byte_order, self._tiff.buffer
        try:
            if entry.kind in (_RATIONAL, _SRATIONAL):
                code = "I" if entry.kind == _RATIONAL else "i"
                pairs = struct.unpack_from(f"{order}{2 * entry.count}{code}", buffer, entry.position)
                return tuple(n / d if d else math.nan for n, d in zip(pairs[::2], pairs[1::2], strict=True))
            code = _CODES.get(entry.kind, "B")
            return struct.unpack_from(f"{order}{entry.count}{code}", buffer, entry.position)
        except (struct.error, OverflowError):  # beyond the end; a place beyond 2^63 in BigTIFF
            return ()

    def number(self, tag: int) -> float | None:
        """The first numeric value, None when absent or not finite."""
        values = self.numbers(tag)
        return float(values[0]) if values and math.isfinite(values[0]) else None

    def integer(self, tag: int) -> int | None:
        value = self.number(tag)
        return None if value is None else int(value)

    def integers(self, tag: int) -> tuple[int, ...]:
        entry = self._entries.get(tag)
        if entry is not None and _CODES.get(entry.kind, "B") not in "fd" and entry.kind not in (_RATIONAL, _SRATIONAL):
            return self.numbers(tag)  # type: ignore[return-value]  # a million offsets are not looked at one by one
        return tuple(int(value) for value in self.numbers(tag) if math.isfinite(value))

    def extents(self) -> Iterator[tuple[int, int]]:
        """Where the picture data of this directory lies: (start, size) of strips, tiles or one JPEG."""
        for offsets, sizes in _EXTENT_TAGS:
            yield from zip(self.integers(offsets), self.integers(sizes), strict=False)

    def picture_end(self) -> int:
        """Where the last of the `extents` ends; 0 where there are none. Fast even for a million of them."""
        ends = (map(add, self.integers(offsets), self.integers(sizes)) for offsets, sizes in _EXTENT_TAGS)
        return max(chain.from_iterable(ends), default=0)

    def text(self, tag: int) -> str | None:
        """The text up to its first NUL, stripped; None when absent, blank or not text."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in (_ASCII, _UNDEFINED, 1):
            return None
        raw = self.blob(tag)
        if not raw:
            return None
        raw = raw.split(b"\0", 1)[0]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")
        return text.strip() or None


class Tiff:
    """The directories of one TIFF structure that begins at byte 0 of `buffer`. Raises `TiffError`."""

    def __init__(self, buffer: bytes | memoryview) -> None:
        self.buffer = memoryview(buffer)
        head = bytes(self.buffer[:16])
        if head[:2] == b"II":
            self.byte_order = "<"
        elif head[:2] == b"MM":
            self.byte_order = ">"
        else:
            raise TiffError("no byte order mark")
        if len(head) < 8:
            raise TiffError("the header is cut")
        (self.magic,) = struct.unpack_from(self.byte_order + "H", head, 2)
        self.big = self.magic == _BIGTIFF_MAGIC
        if self.big:
            if len(head) < 16:
                raise TiffError("the header is cut")
            (self.first_offset,) = struct.unpack_from(self.byte_order + "Q", head, 8)
        elif self.magic in _CLASSIC_MAGICS:
            (self.first_offset,) = struct.unpack_from(self.byte_order + "I", head, 4)
        else:
            raise TiffError("unknown magic number")

    def directory(self, offset: int) -> Directory | None:
        """The directory at `offset`, None when it does not lie within the buffer."""
        order, buffer = self.byte_order, self.buffer
        count_code, entry_size, inline, next_code = ("Q", 20, 8, "Q") if self.big else ("H", 12, 4, "I")
        count_size = struct.calcsize("=" + count_code)
        if offset < 8 or offset + count_size > len(buffer):
            return None
        (declared,) = struct.unpack_from(order + count_code, buffer, offset)
        start = offset + count_size
        fitting = (len(buffer) - start) // entry_size
        count = min(declared, _MAX_ENTRIES, fitting)
        entries: dict[int, _Entry] = {}
        for index in range(count):
            at = start + index * entry_size
            if self.big:
                tag, kind, values = struct.unpack_from(order + "HHQ", buffer, at)
            else:
                tag, kind, values = struct.unpack_from(order + "HHI", buffer, at)
            size = _SIZES.get(kind)
            if size is None or tag in entries:
                continue
            position = at + entry_size - inline
            if values * size > inline:
                (position,) = struct.unpack_from(order + next_code, buffer, position)
            entries[tag] = _Entry(kind, values, position)
        end = start + count * entry_size
        next_offset = 0
        if end + inline <= len(buffer):
            (next_offset,) = struct.unpack_from(order + next_code, buffer, end)
        return Directory(self, entries, next_offset, ends_early=declared > fitting)

    def first(self) -> Directory | None:
        return self.directory(self.first_offset)

    def child(self, parent: Directory | None, tag: int) -> Directory | None:
        """The directory that `tag` of `parent` points to."""
        offset = parent.integer(tag) if parent is not None else None
        return self.directory(offset) if offset else None

    def directories(self) -> Iterator[Directory]:
        """The main chain and all SubIFDs, each once."""
        pending, seen = [self.first_offset], set[int]()
        while pending and len(seen) < _MAX_DIRECTORIES:
            offset = pending.pop(0)
            if offset in seen:
                continue
            seen.add(offset)
            directory = self.directory(offset)
            if directory is None or not len(directory):
                continue
            yield directory
            pending.extend(directory.integers(SUB_IFDS)[:16])
            if directory.next_offset:
                pending.append(directory.next_offset)

    def chain(self, limit: int) -> Iterator[tuple[int, Directory]]:
        """The main chain alone, at most `limit` directories: each offset and its directory. Ends where it loops."""
        offset, seen = self.first_offset, set[int]()
        while offset and offset not in seen and len(seen) < limit:
            seen.add(offset)
            directory = self.directory(offset)
            if directory is None or not len(directory):
                return
            yield offset, directory
            offset = directory.next_offset

    def is_cut(self) -> bool:
        """Whether the first directory or the data of any picture lies beyond the end of the buffer."""
        end = len(self.buffer)
        return self.first_offset + 2 > end or any(directory.picture_end() > end for directory in self.directories())

    def as_classic(self, directory: Directory) -> bytes | None:
        """One picture of a BigTIFF behind a classic header and directory appended at the end; None over 4 GB.

        Pillow reads BigTIFF in little-endian order only. Picture data stays where it is, so offsets stay valid;
        pointers to other directories are left out.
        """
        if len(self.buffer) >= 1 << 32:
            return None
        order = self.byte_order
        start = len(self.buffer) + len(self.buffer) % 2
        kept = sorted(tag for tag in directory.tags() if tag not in _POINTERS)
        tail_start = start + 2 + 12 * len(kept) + 4
        table, tail = [struct.pack(order + "H", len(kept))], b""
        for tag in kept:
            kind, count, value = directory.entry(tag)
            if kind in (13, 16, 17, 18):
                kind, value = 4, struct.pack(f"{order}{count}I", *directory.integers(tag))
            table.append(struct.pack(order + "HHI", tag, kind, count))
            if len(value) <= 4:
                table.append(value.ljust(4, b"\0"))
            else:
                table.append(struct.pack(order + "I", tail_start + len(tail)))
                tail += value + b"\0" * (len(value) % 2)
        header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
        body = bytes(self.buffer[8:]).ljust(start - 8, b"\0")
        return header + body + b"".join(table) + struct.pack(order + "I", 0) + tail


class PageFile(io.RawIOBase):
    """A TIFF as a file whose first picture is the one at `offset`, for readers that know only the first.

    All pages of a document share one changeable copy of its bytes, so only one may be open at a time.
    """

    def __init__(self, buffer: bytearray, offset: int, tiff: Tiff) -> None:
        super().__init__()
        at, code = (8, "Q") if tiff.big else (4, "I")
        struct.pack_into(tiff.byte_order + code, buffer, at, offset)
        self._buffer = buffer
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        view = memoryview(target).cast("B")
        part = self._buffer[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._buffer)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def getvalue(self) -> bytearray:
        """The whole file; Pillow hands it to libtiff without a copy."""
        return self._buffer
