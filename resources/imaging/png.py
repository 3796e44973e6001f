"""What Pillow leaves unchecked or refuses too early in PNG: text chunks, checksums, colour named by numbers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from resources.errors import DecodeError
from resources.imaging.color import Coded
from resources.imaging.limits import MAX_PNG_TEXT_BYTES

__all__ = ["checked", "color_code"]

# Text that shrinks to less than this share is a bomb: XMP and editing histories reach about 1:50.
_BOMB_RATIO = 200
_BOMB_LEAST_BYTES = 1 << 20


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IEND = b"\0\0\0\0IEND\xaeB`\x82"


def _chunks(buffer: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = len(_SIGNATURE)
    while at + 8 <= len(buffer):
        size = int.from_bytes(buffer[at : at + 4], "big")
        yield buffer[at + 4 : at + 8], at + 8, size
        at += 12 + size


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def checked(buffer: bytes, name: str) -> tuple[bytes, list[str]]:
    """The bytes to decode and warnings: "CORRUPT" where pixel data does not match its checksum.

    Raises `TOO_LARGE` for a text chunk that expands like a bomb.
    """
    warnings: list[str] = []
    view = memoryview(buffer)
    whole = len(_SIGNATURE)
    ended = False
    cut = b""
    for kind, start, size in _chunks(buffer):
        if start + size + 4 > len(buffer):
            if kind == b"IDAT":
                cut = buffer[start : start + size]
            break
        whole = start + size + 4
        ended = ended or kind == b"IEND"
        if kind == b"IDAT":
            stored = int.from_bytes(view[start + size : start + size + 4], "big")
            if zlib.crc32(view[start : start + size], zlib.crc32(kind)) != stored:
                warnings.append("CORRUPT")
        elif kind in (b"zTXt", b"iTXt"):
            _check_text(bytes(view[start : start + size]), kind, name)
    if not ended:
        # The end is damaged or cut off. Closed properly, a file whose pixels are all there decodes; one whose
        # pixels are not is reported as truncated by Pillow.
        buffer = buffer[:whole] + (_chunk(b"IDAT", cut) if cut else b"") + _IEND
    return buffer, warnings


def _check_text(chunk: bytes, kind: bytes, name: str) -> None:
    _, _, rest = chunk.partition(b"\0")
    if kind == b"zTXt":
        packed = rest[1:]
    elif rest[:1] == b"\x01":  # iTXt, compressed: flags, language, translated keyword, text
        packed = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        return
    limit = MAX_PNG_TEXT_BYTES
    decompressor = zlib.decompressobj()
    try:
        size = len(decompressor.decompress(packed, limit))
    except zlib.error:
        return  # Pillow skips text it cannot read
    bomb = size > _BOMB_LEAST_BYTES and size > _BOMB_RATIO * len(packed)
    if bomb or decompressor.unconsumed_tail:
        raise DecodeError("TOO_LARGE", f"{name} holds a text of {len(packed):,} bytes that expands like a bomb.")


def color_code(buffer: bytes) -> Coded | None:
    """The colour space that chunks name by numbers: cICP, else gAMA and cHRM where neither iCCP nor sRGB stands.

    None where a profile decides, or nothing is said (PNG 3rd edition, section 4.3, the order of precedence).
    """
    found: dict[bytes, bytes] = {}
    for kind, start, size in _chunks(buffer):
        if kind == b"IDAT":
            break
        if kind in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM") and start + size <= len(buffer):
            found[kind] = buffer[start : start + size]
    code = found.get(b"cICP", b"")
    if len(code) == 4:
        return Coded.numbered(code[0], code[1])
    if b"iCCP" in found or b"sRGB" in found:
        return None
    gamma = int.from_bytes(found.get(b"gAMA", b""), "big") / 100_000
    if not 0.1 <= gamma <= 2:  # nonsense, or not said; chromaticities alone describe no space
        return None
    places = found.get(b"cHRM", b"")
    white, *primaries = (
        tuple(int.from_bytes(places[at + part : at + part + 4], "big") / 100_000 for part in (0, 4))
        for at in range(0, 32, 8)
    )
    return Coded((*primaries, white) if len(places) == 32 else None, 1 / gamma)  # type: ignore[arg-type]
