"""Files that stand on the disk, sent whole, by range, or not at all when the client has them.

Belongs here: what HTTP says of conditions and ranges. Not here: which file is meant.
"""

from __future__ import annotations

import os
from typing import Any

from anyio import to_thread
from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from resources.errors import LoupeError
from search_api.error_replies import loupe_reply, responses

__all__ = ["RANGES", "FileReply"]

_INVALID = responses("INVALID_REQUEST")
RANGES: dict[int | str, dict[str, Any]] = {
    304: {"description": "As `If-None-Match` has it."},
    416: {**next(iter(_INVALID.values())), "description": "The file is shorter than that."},
}


class FileReply(FileResponse):
    """A `FileResponse` that answers `If-None-Match` with 304, and ranges that are none with an error as all others."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.stat_result is None:
            self.stat_result = await to_thread.run_sync(os.stat, self.path)
            self.set_stat_headers(self.stat_result)
        if self.headers["etag"] in Headers(scope=scope).get("if-none-match", ""):
            await Response(status_code=304, headers=_kept(self.headers))(scope, receive, send)
            return

        async def coded(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 416:
                raise _Beyond(Headers(raw=message["headers"])["content-range"])
            if message["type"] == "http.response.start" and message["status"] == 400:
                raise LoupeError("INVALID_REQUEST", "The Range header cannot be understood: ask for bytes=FROM-TO.")
            await send(message)

        try:
            await super().__call__(scope, receive, coded)
        except _Beyond as beyond:
            reply = loupe_reply(LoupeError("INVALID_REQUEST", "The file is shorter than the range asked for."), scope)
            reply.status_code = 416
            reply.headers["Content-Range"] = beyond.content_range
            await reply(scope, receive, send)


class _Beyond(Exception):  # noqa: N818 - no error of its own: it ends the reply that was begun
    def __init__(self, content_range: str) -> None:
        self.content_range = content_range


def _kept(headers: Headers) -> dict[str, str]:
    return {name: headers[name] for name in ("etag", "cache-control", "last-modified") if name in headers}
