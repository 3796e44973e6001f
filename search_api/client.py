"""A client for notebooks and scripts: `Loupe()` finds photos, gives vectors as arrays, changes tags.

Belongs here: requests and replies as Python values. It needs httpx and numpy and nothing of the server, so the file
works on its own. Not here: what the routes do. docs/client.md shows how it is used.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import httpx
import numpy as np
import numpy.typing as npt

__all__ = ["Found", "Loupe", "LoupeApiError"]

Json = dict[str, Any]
Picture = str | Path | bytes
Part = tuple[str, bytes]
Vectors = npt.NDArray[np.float32]
T = TypeVar("T")

_PAGE = 200
_VECTORS_AT_ONCE = 1000
_IMAGES_AT_ONCE = 32
_TEXTS_AT_ONCE = 256
_AROUND_A_PART = 2048  # name, boundary and headers in the body


class LoupeApiError(Exception):
    """What the API refused: `code` of the documented table, `status` of HTTP, `details` for a program.

    `UNREACHABLE`, with status 0, when nothing answers at the address.
    `retry_after_s` says when to try again what passes by itself, else None.
    """

    def __init__(self, code: str, message: str, status: int, details: Mapping[str, Any], retry_after_s: float | None):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.details = dict(details)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Found:
    """One page of a search.

    `hits` are photos as the API shows them; `relevant` of all stand out from the rest, and more than that where it is
    not `relevant_exact`.
    """

    hits: list[Json] = field(repr=False)
    total: int
    relevant: int | None
    relevant_exact: bool
    warnings: list[Json]
    cursor: str | None

    @property
    def photo_ids(self) -> list[str]:
        return [hit["photo_id"] for hit in self.hits]

    def __iter__(self) -> Iterator[Json]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)


class Loupe:
    """A running Loupe. Every method raises `LoupeApiError`, and `httpx.HTTPError` when nothing answers.

    `key` is needed from other machines (`loupe keys create`). What is refused because too much is going on is tried
    again for up to `patience_s` seconds.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        patience_s: float = 30.0,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout_s)
        self._patience_s = patience_s
        self._most_bytes: int | None = None

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Loupe:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # Finding

    def search(self, query: str = "", *, limit: int = 50, cursor: str | None = None, **more: Any) -> Found:
        """One page for a query in the query language: `search("beach -people after:2021")`.

        `more` are further fields of `POST /search`: `text`, `mode`, `sort`, `filters`, `photos` and so on.
        """
        body: Json = {"q": query, "limit": limit, **more} if query else {"limit": limit, **more}
        if cursor:
            body["cursor"] = cursor
        return _found(self._json("POST", "/search", json=body))

    def search_all(self, query: str = "", *, most: int | None = None, **more: Any) -> Iterator[Json]:
        """Photos of a query, page after page, each once though the library grows meanwhile."""
        cursor, given = None, 0
        while True:
            left = _PAGE if most is None else min(_PAGE, most - given)
            if left <= 0:
                return
            page = self.search(query, limit=left, cursor=cursor, **more)
            yield from page.hits
            given += len(page)
            cursor = page.cursor
            more.pop("offset", None)  # the cursor stands in its place
            if not cursor or not page.hits:
                return

    def search_with_picture(self, picture: Picture, query: str = "", *, limit: int = 50, **more: Any) -> Found:
        """Photos that look like a picture: a path or its bytes."""
        body = {"limit": limit, **({"q": query} if query else {}), **more}
        fields = {"query": _dumped(body)}
        return _found(self._json("POST", "/search/image", data=fields, files=[("image", _part(picture))]))

    def similar(self, photo_id: str, *, limit: int = 24) -> list[Json]:
        """Photos that look like one of the library."""
        hits: list[Json] = self._json("GET", f"/images/{photo_id}/similar", params={"limit": limit})["hits"]
        return hits

    # One photo

    def photo(self, photo_id: str) -> Json:
        """All that is known of it."""
        return self._json("GET", f"/images/{photo_id}")

    def thumbnail(self, photo_id: str) -> bytes:
        """JPEG."""
        return self._reply("GET", f"/images/{photo_id}/thumbnail").content

    def preview(self, photo_id: str) -> bytes:
        """JPEG, the large one."""
        return self._reply("GET", f"/images/{photo_id}/preview").content

    def download(self, photo_id: str, to: str | Path | BinaryIO) -> None:
        """The original file, in parts, into an open file or a path, which then has all of it or what it had before."""
        if not isinstance(to, (str, Path)):
            self._patiently(lambda: self._stream(f"/images/{photo_id}/original", to))
            return
        path = Path(to).resolve()
        beside = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with beside.open("xb") as stream:
                self.download(photo_id, stream)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    # Vectors

    def vectors(self, photo_ids: Iterable[str]) -> tuple[list[str], Vectors]:
        """Those of the photos that have one, and float32 `[n, dim]` of unit norm, row by row."""
        wanted = list(dict.fromkeys(photo_ids))
        known: list[str] = []
        parts: list[Vectors] = []
        for start in range(0, len(wanted), _VECTORS_AT_ONCE):
            reply = self._json("POST", "/vectors", json={"photo_ids": wanted[start : start + _VECTORS_AT_ONCE]})
            known += reply["photo_ids"]
            raw = np.frombuffer(base64.b64decode(reply["vectors_base64"]), "<f4").astype(np.float32)
            parts.append(raw.reshape(-1, reply["dim"]))
        return known, np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """float32 `[n, dim]` of unit norm, in the space of `vectors`."""
        if isinstance(texts, str):
            raise TypeError("embed_texts takes a list of texts")  # else each letter would be one
        rows = [
            each["vector"]
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
            for each in self._json("POST", "/embed", data={"texts": list(texts[start : start + _TEXTS_AT_ONCE])})[
                "texts"
            ]
        ]
        return self._table(rows)

    def embed_pictures(self, pictures: Sequence[Picture]) -> Vectors:
        """float32 `[n, dim]`; a picture that cannot be read raises."""
        return self._table([each["vector"] for each in self._pictures("/embed", pictures)])

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        """One sentence each; a picture that cannot be read raises."""
        return [each["caption"] for each in self._pictures("/caption", pictures)]

    def capabilities(self) -> Json:
        """Models, device, and how much can be sent at once."""
        return self._json("GET", "/capabilities")

    # Changing

    def tags(self, photo_id: str) -> list[str]:
        return _tags(self._json("GET", f"/images/{photo_id}/tags"))

    def add_tags(self, photo_id: str, *tags: str) -> list[str]:
        """The tags it has now."""
        return _tags(self._json("POST", f"/images/{photo_id}/tags", json={"tags": list(tags)}))

    def remove_tags(self, photo_id: str, *tags: str) -> list[str]:
        """The tags it has now."""
        return _tags(self._json("DELETE", f"/images/{photo_id}/tags", params={"tag": list(tags)}))

    def upload(self, folder: str | Path, *, root_id: str | None = None) -> list[Json]:
        """Send every file below a folder, a photo and its sidecars in one request; what became of them.

        Safe to repeat: what the library has is not stored again.
        """
        top = Path(folder)
        params = {"root_id": root_id} if root_id else {}
        sent: list[Json] = []
        for paths in _together(sorted(each for each in top.rglob("*") if each.is_file())):
            with ExitStack() as opened:
                parts: list[Any] = []
                for path in paths:
                    parts.append(("path", (None, path.relative_to(top).as_posix())))
                    parts.append(("file", (path.name, opened.enter_context(path.open("rb")))))
                reply = self._json("POST", "/uploads", params=params, files=parts)
            if reply["code"]:  # it ended early, after some of the files
                raise LoupeApiError(reply["code"], reply["note"], 200, {"files": reply["files"]}, None)
            sent += reply["files"]
        return sent

    # The rest of the API

    def get(self, path: str, **params: Any) -> Json:
        """The reply of any GET route: `get("/status")`."""
        return self._json("GET", path, params=params)

    def _pictures(self, path: str, pictures: Sequence[Picture]) -> Iterator[Json]:
        for parts in self._fitting(pictures):
            reply = self._json("POST", path, files=[("image", part) for part in parts])
            for each in reply["images"]:
                if fault := each["error"]:
                    raise LoupeApiError(fault["code"], f"{each['name']}: {fault['message']}", 422, {}, None)
                yield each

    def _fitting(self, pictures: Sequence[Picture]) -> Iterator[list[Part]]:
        """As many at a time as one request may bring; one that is too large by itself is the server's to refuse."""
        if pictures and self._most_bytes is None:
            self._most_bytes = int(self.capabilities()["most_bytes"])
        parts: list[Part] = []
        left = self._most_bytes or 0
        for part in map(_part, pictures):
            size = len(part[1]) + _AROUND_A_PART
            if parts and (size > left or len(parts) == _IMAGES_AT_ONCE):
                yield parts
                parts, left = [], self._most_bytes or 0
            parts.append(part)
            left -= size
        if parts:
            yield parts

    def _table(self, rows: list[list[float]]) -> Vectors:
        if rows:
            return np.array(rows, np.float32)
        dim: int = self._json("POST", "/embed", data={"texts": ["a"]})["dim"]
        return np.empty((0, dim), np.float32)

    def _json(self, method: str, path: str, **more: Any) -> Json:
        content: Json = self._reply(method, path, **more).json()
        return content

    def _reply(self, method: str, path: str, **more: Any) -> httpx.Response:
        # What was read from a file is gone: only a body that can be sent again is.
        if any(hasattr(part[1][1], "read") for part in more.get("files") or ()):
            return self._once(method, path, **more)
        return self._patiently(lambda: self._once(method, path, **more))

    def _once(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            reply = self._http.request(method, f"/api/v1{path}", **more)
        except httpx.ConnectError as error:
            at = self._http.base_url
            raise LoupeApiError("UNREACHABLE", f"Nothing answers at {at}. Start it: loupe up", 0, {}, None) from error
        if not reply.is_success:
            raise _error(reply)
        return reply

    def _stream(self, path: str, to: BinaryIO) -> None:
        """The content of a reply, in parts; nothing is written when it is refused."""
        with self._http.stream("GET", f"/api/v1{path}") as reply:
            if not reply.is_success:
                reply.read()
                raise _error(reply)
            for part in reply.iter_bytes():
                to.write(part)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, tried again as long as what is refused passes by itself."""
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return ask()
            except LoupeApiError as error:
                if error.retry_after_s is None or time.monotonic() + error.retry_after_s > until:
                    raise
                time.sleep(error.retry_after_s)


def _found(reply: Json) -> Found:
    return Found(
        hits=reply["hits"],
        total=reply["total"],
        relevant=reply["relevant"],
        relevant_exact=reply["relevant_exact"],
        warnings=reply["warnings"],
        cursor=reply.get("cursor"),
    )


def _together(paths: Sequence[Path]) -> list[list[Path]]:
    """Files of one name but for their endings, "a.jpg", "a.xmp", "a.jpg.more.json": sidecars are known by name."""
    there = set(paths)
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        parts = path.name.split(".")
        before = [path.with_name(".".join(parts[:count])) for count in range(len(parts) - 1, 0, -1) if parts[0]]
        photo = next((each for each in before if each in there), path)
        groups.setdefault((path.parent, photo.stem.lower()), []).append(path)
    return list(groups.values())


def _tags(reply: Json) -> list[str]:
    tags: list[str] = reply["tags"]
    return tags


def _dumped(body: Json) -> str:
    return json.dumps(body)


def _part(picture: Picture) -> Part:
    if isinstance(picture, bytes):
        return "picture", picture
    path = Path(picture)
    return path.name, path.read_bytes()


def _error(reply: httpx.Response) -> LoupeApiError:
    try:
        said = reply.json()["error"]
        code, message, details = said["code"], said["message"], said.get("details", {})
    except (ValueError, KeyError, TypeError):  # a proxy's own page
        code, message, details = "UNKNOWN", f"The reply has the status {reply.status_code}.", {}
    after = reply.headers.get("retry-after", "")
    return LoupeApiError(code, message, reply.status_code, details, float(after) if after.isdecimal() else None)
