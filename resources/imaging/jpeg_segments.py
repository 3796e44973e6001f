"""The metadata segments of a JPEG: EXIF, XMP and Photoshop's resources, which stand before the picture.

Read here and not by Pillow, which leaves out XMP that spans several segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from resources.imaging.xmp import MAX_XMP_BYTES, Xmp, read_xmp

__all__ = ["JpegSegments"]

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP, _PHOTOSHOP = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"
_APP1, _APP13, _START_OF_SCAN, _END = 0xE1, 0xED, 0xDA, 0xD9
_MAX_SEGMENTS, _MAX_JOINED = 4096, 16 << 20


@dataclass
class JpegSegments:
    """The blocks as stored, each empty when the file has none."""

    exif: bytearray = field(default_factory=bytearray)
    packet: bytes = b""
    photoshop: bytearray = field(default_factory=bytearray)
    # Pieces of extended packets by their id: (offset in the whole, text), and the size of the whole.
    extended: dict[bytes, list[tuple[int, bytes]]] = field(default_factory=dict)
    extended_sizes: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def read(cls, buffer: bytes) -> JpegSegments:
        """Never raises; ends at the first segment that makes no sense."""
        found = cls()
        for marker, payload in _segments(buffer):
            if marker == _APP13 and payload.startswith(_PHOTOSHOP) and len(found.photoshop) < _MAX_JOINED:
                found.photoshop += payload[len(_PHOTOSHOP) :]
            elif marker != _APP1:
                continue
            elif payload.startswith(_EXIF):
                block = payload[len(_EXIF) :]
                # A block too large for one segment goes on in the next; another whole block is a copy.
                if not found.exif or (block[:4] not in (b"II*\0", b"MM\0*") and len(found.exif) < _MAX_JOINED):
                    found.exif += block
            elif payload.startswith(_XMP):
                found.packet = found.packet or payload[len(_XMP) :]
            elif payload.startswith(_EXTENDED_XMP):
                found._keep_extended(payload[len(_EXTENDED_XMP) :])
        return found

    def xmp(self) -> Xmp:
        """What the packet says, and what it says of itself in an extension with the id that it names."""
        xmp = read_xmp(self.packet)
        name = (xmp.text("xmpNote:HasExtendedXMP") or "").encode("ascii", "replace")
        whole = b""
        for place, text in sorted(self.extended.get(name, ())):
            if place != len(whole):
                return xmp
            whole += text
        return xmp.extended_by(read_xmp(whole)) if whole and len(whole) == self.extended_sizes[name] else xmp

    def _keep_extended(self, piece: bytes) -> None:
        """A piece is its packet's id (32 bytes), the packet's size and the piece's place in it (4 each), and text."""
        name, size, place = piece[:32], int.from_bytes(piece[32:36], "big"), int.from_bytes(piece[36:40], "big")
        if len(piece) > 40 and size <= MAX_XMP_BYTES:  # larger are depth maps and pictures within the picture
            self.extended.setdefault(name, []).append((place, piece[40:]))
            self.extended_sizes[name] = size


def _segments(buffer: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) of the segments before the picture."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        while buffer[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if at + 4 > len(buffer) or buffer[at] != 0xFF or buffer[at + 1] in (_START_OF_SCAN, _END):
            return
        size = int.from_bytes(buffer[at + 2 : at + 4], "big")
        if size < 2:
            return
        yield buffer[at + 1], buffer[at + 4 : at + 2 + size]
        at += 2 + size
