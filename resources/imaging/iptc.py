"""IPTC-IIM records: title, caption, keywords and date as older programs wrote them into JPEG and TIFF."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["ESCAPE_UTF8", "photoshop_iptc", "photoshop_resources", "read_iptc"]

Records = dict[tuple[int, int], tuple[str, ...]]

ESCAPE_UTF8 = b"\x1b%G"

# Far beyond any caption; against blocks made of millions of records.
_MAX_BYTES, _MAX_RECORDS = 4 << 20, 20_000


def read_iptc(block: bytes | None) -> Records:
    """The records by (record, dataset) number, as text; empty when there are none."""
    if not block:
        return {}
    block = block[:_MAX_BYTES]
    raw: list[tuple[tuple[int, int], bytes]] = []
    at = block.find(b"\x1c")
    while at >= 0 and at + 5 <= len(block) and block[at] == 0x1C and len(raw) < _MAX_RECORDS:
        record, dataset = block[at + 1], block[at + 2]
        size = int.from_bytes(block[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:  # an extended size: the number of bytes that hold it
            width = size & 0x7FFF
            if width > 4:
                break
            size = int.from_bytes(block[at : at + width], "big")
            at += width
        raw.append(((record, dataset), block[at : at + size]))
        at += size
    utf8 = any(key == (1, 90) and value.startswith(ESCAPE_UTF8) for key, value in raw)
    found: dict[tuple[int, int], list[str]] = {}
    for key, value in raw:
        text = _text(value, utf8)
        if text:
            found.setdefault(key, []).append(text)
    return {key: tuple(texts) for key, texts in found.items()}


def _text(value: bytes, utf8: bool) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        # Said to be UTF-8 and is not: cut in the middle of a letter, or Latin after all.
        text = value.decode("utf-8", "ignore") if utf8 and _is_cut_utf8(value) else value.decode("cp1252", "replace")
    return text.replace("\0", "").strip()


# Photoshop's own mark, and those of PhotoDeluxe, ImageReady and others (ExifTool's Photoshop tables).
_IPTC = 0x0404
_RESOURCES = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")


def _is_cut_utf8(value: bytes) -> bool:
    """Whether only the last letter is not whole: IPTC's fields have a largest size."""
    for end in range(1, 4):
        try:
            value[:-end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False


def photoshop_resources(block: bytes | None) -> Iterator[tuple[int, bytes]]:
    """The numbered resources of a Photoshop image resource block, in order; ends at the first that makes no sense."""
    at = 0
    while block and block[at : at + 4] in _RESOURCES:
        kind = int.from_bytes(block[at + 4 : at + 6], "big")
        name_size = block[at + 6] if at + 6 < len(block) else 0
        at += 6 + (name_size + 2 & ~1)  # the name and its length byte are padded to an even size
        size = int.from_bytes(block[at : at + 4], "big")
        yield kind, block[at + 4 : at + 4 + size]
        at += 4 + (size + 1 & ~1)


def photoshop_iptc(block: bytes | None) -> bytes | None:
    """The IPTC resource inside a Photoshop image resource block."""
    return next((resource for kind, resource in photoshop_resources(block) if kind == _IPTC), None)
