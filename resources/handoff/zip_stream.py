"""A ZIP of photos as a stream: stored, since pictures are compressed already; no temporary file, one buffer.

Written by the standard library to a sink that cannot seek, so sizes and checksums stand behind each file (APPNOTE.TXT
4.4.4, bit 3) and in the directory at the end; ZIP64, so that neither the number nor the size of files is bounded.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator

from resources.handoff.originals import Original, opened
from resources.handoff.safe_names import SafeNames

__all__ = ["LEFT_OUT", "zip_stream"]

LEFT_OUT = "not in this archive.txt"
_CHUNK = 1 << 20
_OLDEST, _NEWEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what the format can say


def zip_stream(files: Iterable[Original | str]) -> Iterator[bytes]:
    """The bytes of a ZIP of these files; each file once. A text in the place of a file names one that cannot be had: a
    list of these stands at the end of the archive, under `LEFT_OUT`.

    Raises `OSError` when a file fails while it is read: what was sent by then is no whole
    archive, and a reader notices.
    """
    sink, names, left_out = _Sink(), SafeNames(), list[str]()
    seen: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for file in files:
            if isinstance(file, str):
                left_out.append(file)
                continue
            if file.path in seen:  # pages of one document
                continue
            seen.add(file.path)
            source = opened(file)
            if source is None:
                left_out.append(file.name)
                continue
            with source:
                entry = zipfile.ZipInfo(names.take(file.name), _date(file.mtime))
                entry.external_attr = 0o100644 << 16
                with archive.open(entry, "w", force_zip64=True) as target:
                    while chunk := source.read(_CHUNK):
                        target.write(chunk)
                        yield from sink.taken()
            yield from sink.taken()
        if left_out:
            archive.writestr(names.take(LEFT_OUT), "".join(f"{name}\n" for name in left_out).encode("utf-8", "replace"))
    yield from sink.taken()


def _date(mtime: float) -> tuple[int, int, int, int, int, int]:
    moment = time.localtime(mtime)[:6]
    return min(max(moment, _OLDEST), _NEWEST)


class _Sink(io.RawIOBase):
    """Takes what is written, until it is taken."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._held.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        held, self._held = self._held, []
        if held:
            yield b"".join(held)
