"""The first picture of an HEVC image sequence, as a still that libheif opens.

pillow-heif reads items only; a sequence without any (brand "msf1" or "hevc") keeps its pictures as samples of a track
(ISO/IEC 14496-12 and 23008-12). The coded picture is the same; only its container is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from resources.imaging.isobmff import Box, boxes

__all__ = ["still_of_sequence"]

_ENTRY_HEADER, _TRACK_HEADER_MATRIX = 78, {0: 40, 1: 52}  # bytes before the entry's own boxes; by version
_PROPERTIES = (b"hvcC", b"colr", b"clap", b"pasp")
# How many quarter turns anticlockwise a matrix means, by its four signs (a, b, c, d).
_TURNS = {(0, 1, -1, 0): 3, (-1, 0, 0, -1): 2, (0, -1, 1, 0): 1}


def still_of_sequence(buffer: bytes) -> bytes | None:
    """A HEIC file with the first sample of the picture track; None where there is none, or not all of it."""
    view = memoryview(buffer)
    for movie in _inside(view, Box(b"", 0, len(view)), b"moov"):
        for track in _inside(view, movie, b"trak"):
            if still := _still(view, track):
                return still
    return None


def _inside(view: memoryview, box: Box, *path: bytes) -> Iterator[Box]:
    """The boxes at the end of a path of kinds."""
    for found in boxes(view, box.start, box.end):
        if found.kind == path[0]:
            if len(path) == 1:
                yield found
            else:
                yield from _inside(view, found, *path[1:])


def _still(view: memoryview, track: Box) -> bytes | None:
    handler = next(_inside(view, track, b"mdia", b"hdlr"), None)
    if handler is None or bytes(view[handler.start + 8 : handler.start + 12]) != b"pict":
        return None
    table = next(_inside(view, track, b"mdia", b"minf", b"stbl"), None)
    if table is None:
        return None
    parts = {box.kind: box for box in boxes(view, table.start, table.end)}
    entry = next(boxes(view, parts[b"stsd"].start + 8, parts[b"stsd"].end), None) if b"stsd" in parts else None
    sample = _first_sample(view, parts)
    if entry is None or entry.kind not in (b"hvc1", b"hev1") or sample is None:
        return None
    width, height = (int.from_bytes(view[entry.start + at : entry.start + at + 2], "big") for at in (24, 26))
    properties = [
        _box(part.kind, bytes(view[part.start : part.end]))
        for part in boxes(view, entry.start + _ENTRY_HEADER, entry.end)
        if part.kind in _PROPERTIES
    ]
    properties.append(_box(b"ispe", bytes(4) + width.to_bytes(4, "big") + height.to_bytes(4, "big")))
    if turns := _turns(view, track):
        properties.append(_box(b"irot", bytes([turns])))
    return _file(sample, properties)


def _first_sample(view: memoryview, parts: dict[bytes, Box]) -> bytes | None:
    sizes, chunks, wide = parts.get(b"stsz"), parts.get(b"stco"), 4
    if chunks is None:
        chunks, wide = parts.get(b"co64"), 8
    if sizes is None or chunks is None:
        return None
    size = int.from_bytes(view[sizes.start + 4 : sizes.start + 8], "big")
    size = size or int.from_bytes(view[sizes.start + 12 : sizes.start + 16], "big")
    start = int.from_bytes(view[chunks.start + 8 : chunks.start + 8 + wide], "big")
    return bytes(view[start : start + size]) if 0 < size <= len(view) - start else None


def _turns(view: memoryview, track: Box) -> int:
    header = next(_inside(view, track, b"tkhd"), None)
    if header is None or header.start >= header.end:
        return 0
    at = header.start + _TRACK_HEADER_MATRIX.get(view[header.start], 40)
    values = (int.from_bytes(view[at + part : at + part + 4], "big", signed=True) for part in (0, 4, 12, 16))
    return _TURNS.get(tuple((value > 0) - (value < 0) for value in values), 0)  # type: ignore[arg-type]


def _box(kind: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def _file(sample: bytes, properties: list[bytes]) -> bytes:
    properties = properties[:127]  # an association names a property by seven bits
    brands = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    # Essential are the decoder's configuration, rotation and cropping.
    essential = {b"hvcC", b"irot", b"clap"}
    links = bytes((index + 1) | (0x80 if one[4:8] in essential else 0) for index, one in enumerate(properties))
    associations = bytes(7) + b"\x01" + b"\0\x01" + bytes([len(properties)]) + links
    entry = _box(b"infe", b"\x02" + bytes(3) + b"\0\x01\0\0" + b"hvc1" + b"\0")

    def meta(start: int) -> bytes:
        where = start.to_bytes(4, "big") + len(sample).to_bytes(4, "big")
        return _box(
            b"meta",
            bytes(4)
            + _box(b"hdlr", bytes(8) + b"pict" + bytes(13))
            + _box(b"pitm", bytes(4) + b"\0\x01")
            + _box(b"iloc", bytes(4) + b"\x44\0" + b"\0\x01" + b"\0\x01\0\0" + b"\0\x01" + where)
            + _box(b"iinf", bytes(4) + b"\0\x01" + entry)
            + _box(b"iprp", _box(b"ipco", b"".join(properties)) + _box(b"ipma", associations)),
        )

    start = len(brands) + len(meta(0)) + 8
    return brands + meta(start) + _box(b"mdat", sample)
