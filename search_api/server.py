"""How the app is served: one process, and patience that ends, so that slow clients hold nobody up.

Belongs here: connections. Time and size of bodies are `request_context.py`'s, who may ask `access.py`'s.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from resources.settings import Settings
from search_api.main import create_app

__all__ = ["PatientProtocol", "server"]

_GRACE_S = 3  # for replies that are under way when the server stops
# For the next request of a connection. Clients give up idle ones after 5 s (httpx) to minutes (browsers): were it as
# short as theirs, they would ask on connections that are closed just then.
_IDLE_S = 30
_CONNECTIONS = 1000  # of all clients together, below the usual limit of 1,024 open files


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on who does not send a request's head, or does not take a reply, in reasonable time.

    Connections wait in the event loop, not in threads, so a slow one costs a file handle: those are counted by address.
    """

    head_s: ClassVar[float] = 10.0  # for the whole head of a request
    head_bytes: ClassVar[int] = 64 << 10
    take_s: ClassVar[float] = 60.0  # for the next 48 KiB of a reply
    most_open: ClassVar[int] = 200  # by address; a browser has six
    _open: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._head: asyncio.TimerHandle | None = None
        self._take: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._open[self._address] += 1
        if self._open[self._address] > self.most_open:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._take):
            if timer:
                timer.cancel()
        self._open[self._address] -= 1
        if self._open[self._address] <= 0:
            del self._open[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()  # the next request of a connection that is kept
        awaited = self._head
        super().data_received(data)
        if awaited and self._head is awaited:  # else it is whole, and a body may have begun in the same read
            self._head_bytes += len(data)
            if self._head_bytes > self.head_bytes:
                self.transport.abort()

    def on_message_begin(self) -> None:
        if self._head is None:
            self._await_head()  # of a request whose head came in part with the one before it
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._head:
            self._head.cancel()
            self._head = None
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._take = self._take or self.loop.call_later(self.take_s, self.transport.abort)

    def resume_writing(self) -> None:
        if self._take:
            self._take.cancel()
            self._take = None
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head = self.loop.call_later(self.head_s, self.transport.abort)


def server(settings: Settings, on_loaded: Callable[[], None] = lambda: None, **options: Any) -> uvicorn.Server:
    """The server of the library of `settings`; `run()` serves until SIGINT or SIGTERM.

    `on_loaded` is handed to `create_app`.
    """
    config = uvicorn.Config(
        create_app(settings, on_loaded),
        host=settings.host,
        port=settings.port,
        http=PatientProtocol,
        ws="none",
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_GRACE_S,
        **options,
    )
    return uvicorn.Server(config)
