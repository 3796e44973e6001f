"""The one table of error codes, shared by pipeline, search API and command line.

Every error a person can meet is a `LoupeError` with a code from `CODES`; the API renders it as
`{"error": {"code", "message", "details"}}` with `http_status`, the command line prints the message and
exits with `exit_status`. Exit statuses follow BSD `sysexits.h`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CODES", "DecodeError", "ErrorCode", "LoupeError"]

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE = 64, 65, 66, 69, 70
EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 73, 74, 75, 77, 78


@dataclass(frozen=True)
class ErrorCode:
    """One row of the table: what the code means and how each surface reports it."""

    code: str
    http_status: int
    exit_status: int
    meaning: str


_TABLE = (
    # Requests
    ErrorCode("INVALID_REQUEST", 422, EX_USAGE, "The request or option is not of the expected form."),
    ErrorCode("EMPTY_QUERY", 422, EX_USAGE, "A search needs a text, an image or a filter."),
    ErrorCode("QUERY_WORDS_UNKNOWN", 422, EX_DATAERR, "The model in use knows none of the query's words."),
    ErrorCode("NOT_FOUND", 404, EX_NOINPUT, "There is no such page or route."),
    ErrorCode("METHOD_NOT_ALLOWED", 405, EX_USAGE, "The route exists but not for this method."),
    ErrorCode("HOST_NOT_ALLOWED", 400, EX_USAGE, "The request names a host that Loupe does not answer to."),
    ErrorCode("CROSS_SITE", 403, EX_NOPERM, "Another web site asked for a change."),
    ErrorCode("PHOTO_NOT_FOUND", 404, EX_NOINPUT, "No photo has this id."),
    ErrorCode("PHOTO_NOT_EMBEDDED", 409, EX_TEMPFAIL, "The photo is not searchable by content yet."),
    ErrorCode("PREVIEW_NOT_FOUND", 404, EX_NOINPUT, "The photo has no stored preview or thumbnail."),
    ErrorCode("ORIGINAL_OFFLINE", 404, EX_NOINPUT, "The original file cannot be reached now."),
    ErrorCode("COLLECTION_NOT_FOUND", 404, EX_NOINPUT, "No collection has this name."),
    ErrorCode("COLLECTION_EXISTS", 409, EX_CANTCREAT, "A collection of this name exists already."),
    ErrorCode("JOB_NOT_FOUND", 404, EX_NOINPUT, "No job has this id."),
    ErrorCode("JOB_FAILED", 500, EX_SOFTWARE, "A run ended with an error; its log says more."),
    ErrorCode("JOB_CANCELLED", 409, EX_TEMPFAIL, "The run was cancelled."),
    # Folders
    ErrorCode("DIR_NOT_FOUND", 404, EX_NOINPUT, "The folder does not exist."),
    ErrorCode("DIR_EMPTY", 422, EX_NOINPUT, "The folder holds no photo."),
    ErrorCode("NOT_A_DIRECTORY", 422, EX_NOINPUT, "The path is a file, not a folder."),
    ErrorCode("NO_PERMISSION", 403, EX_NOPERM, "The operating system refuses access."),
    ErrorCode("ROOT_NESTED", 409, EX_USAGE, "The folder lies inside, or around, one that is watched already."),
    ErrorCode("ROOT_NOT_FOUND", 404, EX_NOINPUT, "The folder is not one that Loupe watches."),
    ErrorCode("ROOT_IN_HOME", 422, EX_USAGE, "The folder overlaps Loupe's own data."),
    ErrorCode("ROOT_OFFLINE", 503, EX_TEMPFAIL, "A watched folder cannot be reached now; nothing was removed."),
    ErrorCode(
        "MASS_VANISH",
        409,
        EX_TEMPFAIL,
        "More than a quarter of a folder's files vanished; waits for a person.",
    ),
    # Home
    ErrorCode("HOME_ON_NETWORK", 500, EX_CONFIG, "LOUPE_HOME is on a network share, whose locks cannot be trusted."),
    ErrorCode("HOME_NOT_WRITABLE", 500, EX_CANTCREAT, "LOUPE_HOME cannot be written to."),
    ErrorCode("HOME_TOO_NEW", 500, EX_CONFIG, "The data was written by a newer Loupe."),
    ErrorCode("DISK_FULL", 507, EX_IOERR, "No space left on the disk; finished work is kept."),
    ErrorCode("MANIFEST_BUSY", 503, EX_TEMPFAIL, "Another process holds the manifest for too long."),
    ErrorCode("CONFIG_INVALID", 500, EX_CONFIG, "A setting has a value that cannot be used."),
    ErrorCode("PORT_TAKEN", 500, EX_UNAVAILABLE, "Another program listens on the port."),
    ErrorCode("INGEST_BUSY", 409, EX_TEMPFAIL, "Another ingest holds the lock."),
    ErrorCode("SERVICE_DIED", 500, EX_SOFTWARE, "One of the services that `loupe up` started has stopped."),
    # Models
    ErrorCode("MODEL_UNKNOWN", 422, EX_USAGE, "No preset has this name."),
    ErrorCode("MODEL_NOT_FETCHED", 503, EX_UNAVAILABLE, "The model's files are not on this machine."),
    ErrorCode("MODEL_FILES_INVALID", 500, EX_DATAERR, "The model's files are damaged or of another model."),
    ErrorCode("MODEL_CHECK_FAILED", 500, EX_DATAERR, "The model loads but does not match well-known photographs."),
    ErrorCode("HUB_UNREACHABLE", 503, EX_UNAVAILABLE, "The model hub cannot be reached."),
    ErrorCode("SEARCH_BY_CONTENT_OFF", 503, EX_UNAVAILABLE, "No model is set up, so text and image search are off."),
    ErrorCode("MODEL_LOADING", 503, EX_TEMPFAIL, "The model is being loaded; words and browsing work meanwhile."),
    ErrorCode("DEVICE_UNAVAILABLE", 500, EX_CONFIG, "The requested device is not on this machine."),
    ErrorCode("OUT_OF_MEMORY", 500, EX_SOFTWARE, "Even a batch of one does not fit the device's memory."),
    # Index and services
    ErrorCode("INDEX_LOADING", 503, EX_TEMPFAIL, "The index is being opened or rebuilt."),
    ErrorCode("INDEX_BUSY", 503, EX_TEMPFAIL, "Another process owns the index."),
    ErrorCode("INDEX_UNREACHABLE", 503, EX_UNAVAILABLE, "The Qdrant server cannot be reached."),
    ErrorCode("UPLOADS_BUSY", 503, EX_TEMPFAIL, "Too many pictures are being searched with at once."),
    ErrorCode("INDEX_BEHIND", 503, EX_TEMPFAIL, "The index did not catch up with the manifest in time."),
    ErrorCode("DAGSTER_UNREACHABLE", 503, EX_UNAVAILABLE, "Dagster is not running; search works, new jobs do not."),
    ErrorCode("INTERNAL", 500, EX_SOFTWARE, "A fault in Loupe itself; the request id finds it in the log."),
    # One file
    ErrorCode("NOT_AN_IMAGE", 422, EX_DATAERR, "The content is not an image."),
    ErrorCode("UNSUPPORTED_FORMAT", 415, EX_DATAERR, "An image of a kind that no decoder here reads."),
    ErrorCode("EMPTY_FILE", 422, EX_DATAERR, "The file has no bytes."),
    ErrorCode("TRUNCATED", 422, EX_DATAERR, "The file ends before its pixels do."),
    ErrorCode("CORRUPT", 422, EX_DATAERR, "The content is damaged."),
    ErrorCode("DECODE_RAW", 422, EX_DATAERR, "LibRaw cannot develop the file and it carries no usable preview."),
    ErrorCode("DECODE_BLANK", 422, EX_DATAERR, "The decoder answered a blank picture instead of an error."),
    ErrorCode("DECODE_TIMEOUT", 422, EX_DATAERR, "Decoding took too long and was stopped."),
    ErrorCode("DECODE_CRASH", 422, EX_DATAERR, "The decoder crashed on this file; nothing else was touched."),
    ErrorCode("DECODE_MEMORY", 422, EX_DATAERR, "Decoding needs more memory than allowed."),
    ErrorCode("PREVIEW_ONLY", 422, EX_DATAERR, "Warning: only the preview inside the file could be used."),
    ErrorCode("TOO_LARGE", 413, EX_DATAERR, "More pixels or bytes than allowed."),
    ErrorCode("FILE_VANISHED", 404, EX_NOINPUT, "The file was listed but is gone."),
    ErrorCode("FILE_UNREADABLE", 403, EX_IOERR, "The file cannot be read."),
    ErrorCode("SIDECAR_INVALID", 422, EX_DATAERR, "The .xmp file beside a photo is no XMP; the photo itself is fine."),
    ErrorCode("EMBED_FAILED", 500, EX_SOFTWARE, "The model failed on this photo."),
    ErrorCode("CAPTION_FAILED", 500, EX_SOFTWARE, "The captioner failed on this photo."),
)

CODES: dict[str, ErrorCode] = {row.code: row for row in _TABLE}


class LoupeError(Exception):
    """An error with a code from `CODES`, a sentence for a person and machine-readable details.

    The message says what happened, to what, and what to do. It carries no stack trace.
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.row = CODES[code]
        self.message = message
        self.details = details

    @property
    def code(self) -> str:
        return self.row.code

    def to_dict(self) -> dict[str, Any]:
        """The API's error body and the command line's `--json` error."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.message, self.details)


class DecodeError(LoupeError):
    """One file cannot be decoded; its code is one of the "One file" rows."""


def _rebuild(kind: type[LoupeError], code: str, message: str, details: dict[str, Any]) -> LoupeError:
    return kind(code, message, **details)
