"""Photos that are sent to be kept. They stream to the disk of a watched folder; a run then reads them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from resources.errors import LoupeError
from resources.folders import folder_of, from_text, is_inside, partition_folder, partition_key, to_text
from resources.inventory import add_root
from resources.manifest import files, roots
from resources.receiving import Received, ReceivedFile, Receiver, holds, safe_path
from resources.watching import notice
from search_api.dagster_client import INGEST_JOB
from search_api.dependencies import Held
from search_api.error_replies import loupe_error, responses
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
    response: Response,
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
    others are stored. A sidecar goes where its photo went, so it must come in the same request, before or after it.
    """
    into = await run_in_threadpool(_folder, services, root_id, folder)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        await run_in_threadpool(into.receiver.check_room, int(declared))
    taking = _Taking(services, into)
    try:
        cut_off = await _take_all(request, taking)
    finally:
        await run_in_threadpool(taking.close)
    if cut_off:
        response.headers["Connection"] = "close"  # the rest of the body is not read
    return await run_in_threadpool(_reply, services, into, taking.files, cut_off)


async def _take_all(request: Request, taking: _Taking) -> LoupeError | None:
    """Returns why the body ended early, after at least one file that the library has: its folder must be watched."""
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
    except (LoupeError, HTTPException) as error:
        await run_in_threadpool(taking.place_sidecars)
        if not taking.has_any:
            raise
        return loupe_error(error) if isinstance(error, HTTPException) else error
    await run_in_threadpool(taking.place_sidecars)
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
        self._sidecars: list[tuple[int, ReceivedFile]] = []
        self.files: list[UploadedFile] = []

    @property
    def has_any(self) -> bool:
        """Whether the library has any of the files, not only refusals."""
        return any(each.status != "refused" for each in self.files)

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
        self._leave()

    def place_sidecars(self) -> None:
        """Each beside its photo; that it cannot be is said of it where it came in the order of files."""
        sidecars, self._sidecars = self._sidecars, []
        for index, file in sidecars:
            name = self.files[index].name
            try:
                self.files[index] = self._stored(name, self._into.receiver.place(file))
            except LoupeError as error:
                self.files[index] = _refused(name, error)

    def close(self) -> None:
        """Whatever has no place leaves nothing."""
        self._leave()
        for _, file in self._sidecars:
            self._into.receiver.forget(file)

    def _leave(self) -> None:
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
            self._leave()
            if error.code in ("DISK_FULL", "NO_PERMISSION", "DIR_NOT_FOUND"):
                raise
            self.files.append(_refused(self._name or "", error))

    def _finish(self, file: ReceivedFile) -> None:
        name = self._name or ""
        if not file.is_photo:
            file.hold()
            self._sidecars.append((len(self.files), file))
            self.files.append(UploadedFile(name=name, status="refused"))  # until it has its place
            return
        file.check_kind()
        if known := self._known(file):
            within = to_text(str(self._into.path))
            below = PurePosixPath(from_text(known)).relative_to(self._into.path) if is_inside(known, within) else None
            self._into.receiver.stands(file.wanted, below)
            self.files.append(UploadedFile(name=name, status="known", path=known, sha256=file.sha256))
            return
        self.files.append(self._stored(name, file.finish()))

    def _stored(self, name: str, found: Received) -> UploadedFile:
        return UploadedFile(
            name=name,
            status=found.status,
            path=to_text(str(self._into.path / found.path)),
            sha256=found.sha256,
            size_bytes=found.size_bytes,
        )

    def _known(self, file: ReceivedFile) -> str | None:
        """Where the library has these bytes already; asked of the disk too, as whoever sends may delete their copy."""
        with self._services.library.manifest.read() as tx:
            paths = files.paths_of(tx, file.sha256)
        here = to_text(str(self._into.path / file.wanted))
        return next((path for path in paths if path != here and holds(from_text(path), file.sha256)), None)


def _refused(name: str, error: LoupeError) -> UploadedFile:
    return UploadedFile(name=name, status="refused", code=error.code, message=error.message)


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


def _reply(services: Services, into: _Into, taken: list[UploadedFile], cut_off: LoupeError | None) -> Uploads:
    by_status = {status: [each for each in taken if each.status == status] for status in ("stored", "same", "known")}
    root, job_id = into.root, None
    notes = [cut_off.message] if cut_off else []
    if by_status["stored"] or (by_status["same"] and root is None):
        try:
            root = root or _watch(services, into.path)
            job_id, note = _start(services, root, [each.path or "" for each in by_status["stored"]])
            notes += [note] if note else []
        except LoupeError as error:
            notes.append(f"The files are stored. Reading them was not begun: {error.message}")
    return Uploads(
        folder=to_text(str(into.path)),
        root_id=root["root_id"] if root else None,
        files=taken,
        stored=len(by_status["stored"]),
        same=len(by_status["same"]) + len(by_status["known"]),
        refused=sum(each.status == "refused" for each in taken),
        job_id=job_id,
        code=cut_off.code if cut_off else None,
        note=" ".join(notes) or None,
    )


def _watch(services: Services, path: Path) -> dict[str, Any]:
    library = services.library
    added = add_root(library.manifest, library.home, str(path), services.settings.max_partitions)
    with library.manifest.read() as tx:
        return next(each for each in roots.rows(tx) if each["root_id"] == added.root_id)


def _start(services: Services, root: dict[str, Any], paths: list[str]) -> tuple[str | None, str | None]:
    """A run over the folders that took files, or None and why. Raises `DAGSTER_UNREACHABLE`, `INGEST_PAUSED` and so on.

    While another run is at work none is queued: many requests of one sending would queue as many.
    """
    below = {folder_of(path.removeprefix(root["path"]).lstrip("/")) for path in paths}
    folders = sorted({partition_folder(each, root["partition_depth"]) for each in below})
    notice(services.library.manifest, root, folders)
    services.status.forget()
    services.watched.forget()
    keys = [partition_key(root["root_id"], root["path"], each) for each in folders][:_FOLDERS_A_RUN]
    if not keys:
        return None, None
    job_id = services.starts.over_folders_unless_at_work(INGEST_JOB, keys)
    return job_id, None if job_id else "A run is at work; the files are read right after it."
