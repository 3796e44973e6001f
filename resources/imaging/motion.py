"""Motion photos: whether a short video stands behind the picture in the same file.

What the file says is checked against where the video should be: editors keep the words and drop the video. Videos
beside a photo (Live Photos) belong to `stacks`.
"""

from __future__ import annotations

import re
import struct

from resources.imaging.isobmff import boxes
from resources.imaging.xmp import Xmp

__all__ = ["video_behind_heic", "video_behind_jpeg"]

_SAMSUNG_VIDEO = 0x0A30  # ExifTool's Samsung trailer tables
_HUAWEI_TAIL = re.compile(rb"LIVE_(\d{1,10})\s*$")


def video_behind_jpeg(buffer: bytes, xmp: Xmp) -> bool:
    """Google's motion photos and micro videos (also Xiaomi, Oppo, vivo), Samsung's trailer, Huawei's."""
    return (
        any(_is_video(buffer, len(buffer) - size) for size in _google_sizes(xmp))
        or _samsung_video(buffer)
        or any(_is_video(buffer, len(buffer) - int(tail[1])) for tail in _HUAWEI_TAIL.finditer(buffer[-24:]))
    )


def video_behind_heic(buffer: bytes) -> bool:
    """The box that Samsung and Google put the video in."""
    view = memoryview(buffer)
    return any(box.kind == b"mpvd" and box.end - box.start > 8 for box in boxes(view, 0, len(view)))


def _is_video(buffer: bytes, start: int) -> bool:
    return 0 < start < len(buffer) and buffer[start + 4 : start + 8] == b"ftyp"


def _google_sizes(xmp: Xmp) -> list[int]:
    """How far before the file's end the video begins, as the packet says."""
    items = xmp.structures.get("Container:Item", ()) + xmp.structures.get("Container:Directory", ())
    videos = [item for item in items if item.get("Item:Semantic", ("",))[0] == "MotionPhoto"]
    texts = [xmp.text("GCamera:MicroVideoOffset") or "", *(item.get("Item:Length", ("",))[0] for item in videos)]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= 10]


def _samsung_video(buffer: bytes) -> bool:
    if buffer[-4:] != b"SEFT":
        return False
    start = len(buffer) - 8 - int.from_bytes(buffer[-8:-4], "little")
    if start < 0 or buffer[start : start + 4] != b"SEFH":
        return False
    count = int.from_bytes(buffer[start + 8 : start + 12], "little")
    for index in range(min(count, 256)):
        entry = buffer[start + 12 + 12 * index : start + 24 + 12 * index]
        if len(entry) < 12:
            return False
        _, kind, back, size = struct.unpack("<HHII", entry)
        head = buffer[start - back : start - back + 64] if 0 < back <= start else b""
        if kind == _SAMSUNG_VIDEO and size > 64 and b"ftyp" in head:
            return True
    return False
