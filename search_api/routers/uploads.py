"""Photos that are sent to be kept. They stream to the disk of a watched folder; a run then reads them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from resources.errors import LoupeError
from resources.folders import folder_of, from_text, is_inside, partition_folder, partition_key, to_text
from resources.inventory import add_root
from resources.manifest import files, jobs, pauses, roots
from resources.receiving import Received, ReceivedFile, Receiver, holds, safe_path
from resources.watching import look
from resources.wording import counted
from search_api.dagster_client import INGEST_JOB
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.received_parts import PartBegins, PartData, parts_of
from search_api.schemas.uploads import UploadedFile, Uploads
from search_api.services import Services

__all__ = ["PATH", "router"]

router = APIRouter(prefix="/uploads", tags=["folders"])

PATH = "/api/v1/uploads"
_MOST_FILES = 10_000
_MOST_FIELD_BYTES = 4096
# Written at once: each write is a trip to the thread pool.
_WRITE_BYTES = 1 << 20
# Folders that the run takes at once; the sensor asks for the others.
_FOLDERS_A_RUN = 20

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "path": {
                            "type": "string",
                            "description": "Where the next file goes, relative to the folder: `Summer/IMG_1.jpg`. "
                            "Without it a file goes where its own name says.",
                        },
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "Photos and their sidecars, in any number.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    openapi_extra=_BODY,
    responses=responses(
        *("ROOT_NOT_FOUND", "ROOT_OFFLINE", "DIR_NOT_FOUND", "UPLOAD_PATH_INVALID"),
        *("NO_PERMISSION", "DISK_FULL", "TOO_LARGE", "MANIFEST_BUSY", "UPLOADS_BUSY"),
    ),
)
async def upload(
    request: Request,
    services: Held,
    root_id: Annotated[
        str | None, Query(max_length=64, description="The watched folder that takes them; unset: the upload folder.")
    ] = None,
    folder: Annotated[
        str | None, Query(max_length=2000, description="A folder below it, made when it is not there.")
    ] = None,
) -> Uploads:
    """Send photos and sidecars. Each is hashed while it is written, and stands whole under its name or not at all.

    Nothing is overwritten: another file of the same name gets a number. A photo that the library has already is not
    stored again, so a request that was broken off can be sent again whole. A file that is refused has a `code`; the
    others are stored.
    """
    into = await run_in_threadpool(_folder, services, root_id, folder)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        await run_in_threadpool(into.receiver.check_room, int(declared))
    taking = _Taking(services, into)
    try:
        note = await _take_all(request, taking)
    finally:
        await run_in_threadpool(taking.abandon)
    return await run_in_threadpool(_reply, services, into, taking.files, note)


async def _take_all(request: Request, taking: _Taking) -> str | None:
    """Returns why the body ended early, after at least one file that is kept."""
    held = bytearray()
    try:
        async for event in parts_of(request):
            if isinstance(event, PartBegins):
                await run_in_threadpool(taking.begin, event)
            elif isinstance(event, PartData):
                held += event.data
                if len(held) >= _WRITE_BYTES:
                    await run_in_threadpool(taking.write, bytes(held))
                    held.clear()
            else:
                await run_in_threadpool(taking.end, bytes(held))
                held.clear()
    except LoupeError as error:
        if error.code != "INVALID_REQUEST" or not taking.files:
            raise
        return error.message
    if not taking.files:
        raise LoupeError("INVALID_REQUEST", "There is no file in the request. Send each as a part named 'file'.")
    return None


class _Into:
    """The folder that takes the files: a watched one, or one that is to be."""

    def __init__(self, path: Path, root: dict[str, Any] | None, below: str, receiver: Receiver) -> None:
        self.path, self.root, self.below, self.receiver = path, root, below, receiver


class _Taking:
    """Takes parts one after another, in the thread pool, never two at once."""

    def __init__(self, services: Services, into: _Into) -> None:
        self._services = services
        self._into = into
        self._name: str | None = None
        self._path: str | None = None
        self._field: str | None = None
        self._file: ReceivedFile | None = None
        self._open: ExitStack | None = None
        self._text = b""
        self.files: list[UploadedFile] = []

    def begin(self, part: PartBegins) -> None:
        self._field, self._text, self._file = part.name, b"", None
        if part.name != "file":
            return
        if len(self.files) >= _MOST_FILES:
            raise LoupeError("INVALID_REQUEST", f"At most {_MOST_FILES:,} files at once; send the others apart.")
        self._name = self._path or part.file_name or ""
        self._path = None
        below = f"{self._into.below}/{self._name}" if self._into.below else self._name
        stack = ExitStack()
        self._open = stack
        self._guarded(lambda: self._enter(stack, below))

    def write(self, data: bytes) -> None:
        file = self._file
        if self._field != "file":
            self._text += data[: _MOST_FIELD_BYTES + 1 - len(self._text)]
        elif file is not None:
            self._guarded(lambda: file.write(data))

    def end(self, data: bytes) -> None:
        if data:
            self.write(data)
        if self._field == "path":
            self._path = self._text.decode("utf-8", "replace")
        file = self._file
        if file is not None:
            self._guarded(lambda: self._finish(file))
        self.abandon()

    def abandon(self) -> None:
        """Whatever is not finished leaves nothing."""
        stack, self._open, self._file = self._open, None, None
        if stack is not None:
            stack.close()

    def _enter(self, stack: ExitStack, below: str) -> None:
        self._file = stack.enter_context(self._into.receiver.file(below))

    def _guarded(self, step: Callable[[], None]) -> None:
        """A fault of this file alone is its own; a full disk ends the request."""
        try:
            step()
        except LoupeError as error:
            self.abandon()
            if error.code in ("DISK_FULL", "NO_PERMISSION", "DIR_NOT_FOUND"):
                raise
            self.files.append(
                UploadedFile(name=self._name or "", status="refused", code=error.code, message=error.message)
            )

    def _finish(self, file: ReceivedFile) -> None:
        file.check_kind()
        known = self._known(file) if file.is_photo else None
        if known:
            self.files.append(UploadedFile(name=self._name or "", status="known", path=known, sha256=file.sha256))
            return
        found: Received = file.finish()
        self.files.append(
            UploadedFile(
                name=self._name or "",
                status=found.status,
                path=to_text(str(self._into.path / found.path)),
                sha256=found.sha256,
                size_bytes=found.size_bytes,
            )
        )

    def _known(self, file: ReceivedFile) -> str | None:
        """Where the library has these bytes already; asked of the disk too, as whoever sends may delete their copy."""
        with self._services.library.manifest.read() as tx:
            paths = files.paths_of(tx, file.sha256)
        here = to_text(str(self._into.path / file.wanted))
        return next((path for path in paths if path != here and holds(from_text(path), file.sha256)), None)


def _folder(services: Services, root_id: str | None, folder: str | None) -> _Into:
    below = str(safe_path(folder)) if folder else ""
    settings = services.settings
    with services.library.manifest.read() as tx:
        watched = roots.rows(tx)
    if root_id is not None:
        root = next((each for each in watched if each["root_id"] == root_id), None)
        if root is None:
            raise LoupeError("ROOT_NOT_FOUND", f"No watched folder has the id {root_id}.", root_id=root_id)
        path = Path(from_text(root["path"]))
        if root["state"] != "online" or not path.is_dir():
            raise LoupeError("ROOT_OFFLINE", f"{root['path']} cannot be reached now; nothing was stored.")
    else:
        path = settings.upload_folder or services.library.home.uploads
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LoupeError("NO_PERMISSION", f"The upload folder cannot be made ({error.strerror}).") from error
        root = next((each for each in watched if is_inside(to_text(str(path)), each["path"])), None)
    receiver = Receiver(path, max_file_bytes=settings.max_file_bytes, keep_free_bytes=settings.upload_keep_free_bytes)
    return _Into(path, root, below, receiver)


def _reply(services: Services, into: _Into, taken: list[UploadedFile], note: str | None) -> Uploads:
    by_status = {status: [each for each in taken if each.status == status] for status in ("stored", "same", "known")}
    root, job_id = into.root, None
    if by_status["stored"] or (by_status["same"] and root is None):
        try:
            root = root or _watch(services, into.path)
            job_id = _start(services, root, [each.path or "" for each in by_status["stored"]])
        except LoupeError as error:
            note = f"The files are stored. Reading them was not begun: {error.message}"
    return Uploads(
        folder=to_text(str(into.path)),
        root_id=root["root_id"] if root else None,
        files=taken,
        stored=len(by_status["stored"]),
        same=len(by_status["same"]) + len(by_status["known"]),
        refused=sum(each.status == "refused" for each in taken),
        job_id=job_id,
        note=note,
    )


def _watch(services: Services, path: Path) -> dict[str, Any]:
    library = services.library
    added = add_root(library.manifest, library.home, str(path), services.settings.max_partitions)
    with library.manifest.read() as tx:
        return next(each for each in roots.rows(tx) if each["root_id"] == added.root_id)


def _start(services: Services, root: dict[str, Any], paths: list[str]) -> str | None:
    """A run over the folders that took files. Raises `DAGSTER_UNREACHABLE`, `INGEST_PAUSED` and the like."""
    manifest = services.library.manifest
    below = {folder_of(path.removeprefix(root["path"]).lstrip("/")) for path in paths}
    folders = sorted({partition_folder(each, root["partition_depth"]) for each in below})
    keys = [partition_key(root["root_id"], root["path"], each) for each in folders][:_FOLDERS_A_RUN]
    look(manifest)  # the inventory looks at partitions that were seen
    services.status.forget()
    services.watched.forget()
    with manifest.read() as tx:
        pauses.check_not_paused(tx)
    if not keys:
        return None
    job_id = services.dagster.launch_folders(INGEST_JOB, keys)
    with manifest.write() as tx:
        jobs.queue(tx, job_id, INGEST_JOB, counted(len(keys), "folder"), {"folders": keys})
    services.jobs.forget()
    return job_id
