"""The parts of a multipart body, one after another as they arrive: nothing is kept in memory or in a temporary folder.

Belongs here: taking a stream of bytes apart. Not here: what becomes of a part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from resources.errors import LoupeError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["PartBegins", "PartData", "PartEnds", "parts_of"]

_MOST_HEADER_BYTES = 16 << 10


@dataclass(frozen=True)
class PartBegins:
    """`file_name` is None for a field that is no file."""

    name: str
    file_name: str | None


@dataclass(frozen=True)
class PartData:
    data: bytes


@dataclass(frozen=True)
class PartEnds:
    pass


Event = PartBegins | PartData | PartEnds


async def parts_of(request: Request) -> AsyncIterator[Event]:
    """The parts of the body. Raises `INVALID_REQUEST` for what is no whole `multipart/form-data`."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise LoupeError("INVALID_REQUEST", "Send the files as multipart/form-data.")
    events: list[Event] = []
    reader = _Reader(events)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
            for event in events:
                yield event
            events.clear()
        parser.finalize()
    except MultipartParseError as error:
        raise LoupeError("INVALID_REQUEST", "The body is no multipart/form-data that can be read.") from error
    except ClientDisconnect as error:
        raise LoupeError("INVALID_REQUEST", "The upload was broken off.") from error
    if not reader.whole:
        raise LoupeError("INVALID_REQUEST", "The upload ended before its end; what was whole is stored.")


class _Reader:
    """Turns the parser's callbacks into events."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self._field, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self.whole = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers, self._header_bytes = {}, 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._add(self._field, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._add(self._value, data[start:end])

    def _add(self, to: bytearray, data: bytes) -> None:
        self._header_bytes += len(data)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise MultipartParseError("too long a header")
        to += data

    def _header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name, file_name = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise MultipartParseError("a part without a name")
        self._events.append(
            PartBegins(
                name.decode("utf-8", "replace"), None if file_name is None else file_name.decode("utf-8", "replace")
            )
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(data[start:end]))

    def _part_end(self) -> None:
        self._events.append(PartEnds())

    def _end(self) -> None:
        self.whole = True
