"""The one table of error codes, shared by pipeline, search API and command line.

Every error a person can meet is a `LoupeError` with a code from `CODES`; the API renders it as
`{"error": {"code", "message", "details"}}` with `http_status`, the command line prints the message and
exits with `exit_status`. Exit statuses follow BSD `sysexits.h`. What was odd in a file and did not stop it is a code
from `WARNINGS`.

`python -m resources.errors > docs/errors.md` writes the page that documents all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CODES", "WARNINGS", "DecodeError", "ErrorCode", "LoupeError", "WarningCode", "documentation"]

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE = 64, 65, 66, 69, 70
EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 73, 74, 75, 77, 78


@dataclass(frozen=True)
class ErrorCode:
    """One row of the table: what the code means, how each surface reports it, and what a person can do."""

    code: str
    http_status: int
    exit_status: int
    meaning: str
    advice: str


@dataclass(frozen=True)
class WarningCode:
    """What was odd in a file that came in all the same: what it means for the photo, and what a person can do."""

    code: str
    meaning: str
    advice: str


_AGAIN_LATER = "Try again in a moment."
_FILE_AGAIN = "Open it in another program; if it is damaged there too, replace it by a whole copy. Then try it again."
_MODEL_AGAIN = "Try it again. If it fails again, the log says what the model met."

_REQUESTS = (
    ErrorCode(
        "INVALID_REQUEST",
        422,
        EX_USAGE,
        "The request, option or argument is not of the expected form.",
        "The message names the field or option; `loupe COMMAND --help` shows the right form.",
    ),
    ErrorCode(
        "EMPTY_QUERY",
        422,
        EX_USAGE,
        "A search needs a text, an image or a filter.",
        "Say what to look for.",
    ),
    ErrorCode(
        "QUERY_INVALID",
        422,
        EX_USAGE,
        "The query cannot be read; `position` and `length` say which of its characters are meant.",
        "Write what `suggestion` says in their place, or put words that should be taken as they are in quotes.",
    ),
    ErrorCode(
        "CURSOR_EXPIRED",
        410,
        EX_TEMPFAIL,
        "The list that the cursor goes on with is not kept any more: the index was built anew, or it is too long ago.",
        "Ask for the first page again.",
    ),
    ErrorCode(
        "QUERY_WORDS_UNKNOWN",
        422,
        EX_DATAERR,
        "The model in use knows none of the query's words.",
        "Use other words; the models of `loupe models list` know more than the demo's.",
    ),
    ErrorCode(
        "FILTER_VALUE_UNKNOWN",
        422,
        EX_DATAERR,
        "No photo of the library has this value of a filter; a search that finds nothing warns of it.",
        "Take a whole name as `GET /browse/facets` gives it, or words of it in a query: `camera:nikon`.",
    ),
    ErrorCode("NOT_FOUND", 404, EX_NOINPUT, "There is no such page or route.", "Check the address."),
    ErrorCode(
        "METHOD_NOT_ALLOWED",
        405,
        EX_USAGE,
        "The route exists but not for this method.",
        "`/api/v1/openapi.json` lists the methods.",
    ),
    ErrorCode(
        "HOST_NOT_ALLOWED",
        400,
        EX_USAGE,
        "The request names a host that Loupe does not answer to.",
        "Open the page by localhost, or by the host that `loupe up --host` was given.",
    ),
    ErrorCode(
        "CROSS_SITE",
        403,
        EX_NOPERM,
        "Another web site asked for a change.",
        "Open Loupe's own page and do it there.",
    ),
    ErrorCode(
        "PHOTO_NOT_FOUND", 404, EX_NOINPUT, "No photo has this id.", "Search again: the photo may have been removed."
    ),
    ErrorCode(
        "PHOTO_NOT_EMBEDDED",
        409,
        EX_TEMPFAIL,
        "The photo is not searchable by content yet.",
        "Wait until the model has seen it; `loupe status` says how many wait.",
    ),
    ErrorCode(
        "DUPLICATE_GROUP_NOT_FOUND",
        404,
        EX_NOINPUT,
        "There is no such group of duplicates.",
        "List the groups again: they are made anew as photos come and go.",
    ),
    ErrorCode(
        "PREVIEW_NOT_FOUND",
        404,
        EX_NOINPUT,
        "The photo has no stored preview or thumbnail.",
        "Nothing: it is made again by the next run.",
    ),
    ErrorCode(
        "ORIGINAL_OFFLINE",
        404,
        EX_NOINPUT,
        "The original file cannot be reached now.",
        "Plug the disk in, or put the file back; the preview is kept meanwhile.",
    ),
    ErrorCode(
        "FAILURE_NOT_FOUND",
        404,
        EX_NOINPUT,
        "None of these is a problem file.",
        "`loupe failures` lists them; it may have been read meanwhile.",
    ),
    ErrorCode(
        "COLLECTION_NOT_FOUND",
        404,
        EX_NOINPUT,
        "No collection has this name.",
        "`loupe collections list` names them.",
    ),
    ErrorCode(
        "COLLECTION_EXISTS",
        409,
        EX_CANTCREAT,
        "A collection of this name exists already.",
        "Use it, or choose another name.",
    ),
    ErrorCode(
        "COLLECTION_CHANGED",
        409,
        EX_CANTCREAT,
        "The collection holds other photos than those that it was made of, so making it is not undone.",
        "Take out what came in since, or delete the collection.",
    ),
    ErrorCode(
        "CONFIRMATION_NEEDED",
        409,
        EX_USAGE,
        "Deleting needs a word that shows what is meant; `token` is that word for what is there now.",
        "Ask again with `confirm` set to the `token` of this reply; on the command line add `--yes`.",
    ),
    ErrorCode(
        "API_NOT_RUNNING",
        503,
        EX_UNAVAILABLE,
        "The command asks the search API, and it is not running.",
        "Start it with `loupe up`, then run the same command again.",
    ),
    ErrorCode(
        "SAVED_SEARCH_NOT_FOUND",
        404,
        EX_NOINPUT,
        "No saved search has this name.",
        "`loupe searches list` names them.",
    ),
    ErrorCode(
        "SAVED_SEARCH_EXISTS",
        409,
        EX_CANTCREAT,
        "A search is saved under this name already.",
        "Use it, or choose another name.",
    ),
    ErrorCode(
        "MAP_NOT_DRAWN",
        404,
        EX_NOINPUT,
        "The similarity map was not drawn yet.",
        "It is drawn within the hour, and at once by `POST /api/v1/map/draw`.",
    ),
    ErrorCode(
        "MAP_CHANGED",
        409,
        EX_TEMPFAIL,
        "The similarity map was drawn anew, so that its points are not those that are meant.",
        "Load the map again.",
    ),
    ErrorCode(
        "SELECTION_CHANGED",
        409,
        EX_TEMPFAIL,
        "The query finds another number of photos than was expected; nothing was changed.",
        "Look at what it finds now and ask again with that number, or without one.",
    ),
    ErrorCode("TAG_NOT_FOUND", 404, EX_NOINPUT, "No photo has this tag.", "Check its spelling; case counts."),
    ErrorCode(
        "NOT_IN_A_STACK",
        409,
        EX_DATAERR,
        "The photo stands in no stack.",
        "Nothing: it may have been taken out of its stack meanwhile.",
    ),
    ErrorCode(
        "JOB_LOGS_NOT_KEPT",
        404,
        EX_NOINPUT,
        "Dagster keeps no log of this job.",
        "Look into the log files in the home; Dagster may have forgotten the run.",
    ),
    ErrorCode(
        "CHALLENGE_ROUND_GONE",
        410,
        EX_NOINPUT,
        "The round is answered already, or was begun too long ago.",
        "Begin another one.",
    ),
    ErrorCode("JOB_NOT_FOUND", 404, EX_NOINPUT, "No job has this id.", "`GET /api/v1/jobs` lists them."),
    ErrorCode(
        "JOB_FAILED",
        500,
        EX_SOFTWARE,
        "A run ended with an error; its log says more.",
        "Look at the run in the Dagster UI; finished work is kept, and the next run goes on.",
    ),
    ErrorCode(
        "JOB_CANCELLED",
        409,
        EX_TEMPFAIL,
        "The run was cancelled.",
        "Nothing: finished work is kept, and the next run goes on.",
    ),
    ErrorCode(
        "JOB_NOT_CANCELLABLE",
        409,
        EX_DATAERR,
        "The job finishes what was done already, so it cannot be called back.",
        "Let it end: what it works on is gone from sight, and search follows within moments.",
    ),
    ErrorCode(
        "JOB_NOT_RETRIABLE",
        409,
        EX_DATAERR,
        "Only a run that failed or was cancelled, and of which it is known what it was to do, can be tried again.",
        "Wait for it to end, or cancel it; what it left is taken up by the next run anyhow.",
    ),
    ErrorCode(
        "INGEST_PAUSED",
        409,
        EX_TEMPFAIL,
        "Reading photos is paused.",
        "`loupe resume`, or Resume on the page, ends the pause; search and edits go on meanwhile.",
    ),
)

_ACCESS = (
    ErrorCode(
        "SIGN_IN_NEEDED",
        401,
        EX_NOPERM,
        "From another machine Loupe answers to those alone that are signed in or send a key.",
        "Open a link that `loupe up --lan` or `loupe keys link` prints, or send a key of `loupe keys create`.",
    ),
    ErrorCode(
        "KEY_INVALID",
        401,
        EX_NOPERM,
        "The key or sign-in link is not one of this library, has expired, was revoked or was used already.",
        "`loupe keys list` names the keys; `loupe keys create` and `loupe keys link` make new ones.",
    ),
    ErrorCode(
        "SCOPE_MISSING",
        403,
        EX_NOPERM,
        "The key may not do this.",
        "The message names the scope; `loupe keys create --scopes` makes a key that has it.",
    ),
    ErrorCode(
        "TOO_MANY_REQUESTS",
        429,
        EX_TEMPFAIL,
        "This client asks too often.",
        "Wait as long as Retry-After says; LOUPE_REQUESTS_PER_S sets the limit.",
    ),
    ErrorCode(
        "REQUEST_TIMEOUT",
        408,
        EX_TEMPFAIL,
        "The request did not arrive in time.",
        "Send it again, over a faster connection.",
    ),
    ErrorCode("KEY_EXISTS", 409, EX_CANTCREAT, "A key of this name exists already.", "Revoke it, or choose another."),
    ErrorCode("KEY_NOT_FOUND", 404, EX_NOINPUT, "No key has this name or id.", "`loupe keys list` names them."),
)

_FOLDERS = (
    ErrorCode(
        "DIR_NOT_ALLOWED",
        403,
        EX_NOPERM,
        "The folder lies outside of those that may be looked into.",
        "Choose one below a folder that is offered, or add it to LOUPE_BROWSE_ROOTS.",
    ),
    ErrorCode(
        "UPLOAD_PATH_INVALID",
        422,
        EX_USAGE,
        "The name or folder of an uploaded file cannot be used.",
        "Send a path below the folder, with `/` between its parts.",
    ),
    ErrorCode(
        "UPLOAD_REFUSED",
        422,
        EX_DATAERR,
        "The uploaded file is neither a photo nor a sidecar, by content and name, or a sidecar without its photo.",
        "Send a sidecar in one request with its photo; anything else is not kept.",
    ),
    ErrorCode(
        "FILE_EXISTS",
        409,
        EX_CANTCREAT,
        "Another file has this name already.",
        "Rename one of the two; nothing is overwritten.",
    ),
    ErrorCode("DIR_NOT_FOUND", 404, EX_NOINPUT, "The folder does not exist.", "Check the path."),
    ErrorCode(
        "DIR_EMPTY",
        422,
        EX_NOINPUT,
        "The folder holds no photo.",
        "Give a folder with photos in it, or in the folders below it.",
    ),
    ErrorCode(
        "NOT_A_DIRECTORY", 422, EX_NOINPUT, "The path is a file, not a folder.", "Give the folder that holds it."
    ),
    ErrorCode(
        "NO_PERMISSION",
        403,
        EX_NOPERM,
        "The operating system refuses access.",
        "Let the user that runs Loupe read the folder (its owner, its mode), then try it again.",
    ),
    ErrorCode(
        "ROOT_NESTED",
        409,
        EX_USAGE,
        "The folder lies inside, or around, one that is watched already.",
        "Remove the watched one first (`loupe folders remove`), or leave it as it is.",
    ),
    ErrorCode(
        "ROOT_NOT_FOUND",
        404,
        EX_NOINPUT,
        "The folder is not one that Loupe watches.",
        "`loupe folders list` names those that are.",
    ),
    ErrorCode(
        "MOVE_NOT_FOUND",
        409,
        EX_DATAERR,
        "A folder's files are not at the place where it is said to stand now; nothing was changed.",
        "Check both paths; a disk that is not plugged in looks empty.",
    ),
    ErrorCode(
        "ROOT_IN_HOME", 422, EX_USAGE, "The folder overlaps Loupe's own data.", "Give a folder outside LOUPE_HOME."
    ),
    ErrorCode(
        "ROOT_OFFLINE",
        503,
        EX_TEMPFAIL,
        "A watched folder cannot be reached now; nothing was removed.",
        "Plug the disk in or mount the share; its photos stay searchable meanwhile.",
    ),
    ErrorCode(
        "IGNORE_RULE_UNUSED",
        500,
        EX_DATAERR,
        "A line of a folder's .loupeignore has no effect; the other lines do.",
        "Write it as git understands it, with at most four wildcards.",
    ),
    ErrorCode(
        "MASS_VANISH",
        409,
        EX_TEMPFAIL,
        "More than a quarter of a folder's files vanished; waits for a person.",
        "Check the disk. If the files are gone for good: `loupe folders accept-missing PATH`.",
    ),
)

_HOME = (
    ErrorCode(
        "HOME_ON_NETWORK",
        500,
        EX_CONFIG,
        "LOUPE_HOME is on a network share, whose locks cannot be trusted.",
        "Set LOUPE_HOME to a folder on a local disk; the photos themselves may be on the share.",
    ),
    ErrorCode(
        "HOME_NOT_WRITABLE",
        500,
        EX_CANTCREAT,
        "LOUPE_HOME cannot be written to.",
        "Check the owner of the folder and whether the disk is mounted read-only.",
    ),
    ErrorCode("HOME_TOO_NEW", 500, EX_CONFIG, "The data was written by a newer Loupe.", "Upgrade Loupe."),
    ErrorCode(
        "DISK_FULL",
        507,
        EX_IOERR,
        "No space left on the disk; finished work is kept.",
        "Free some space; work goes on by itself with the next run.",
    ),
    ErrorCode(
        "MANIFEST_BUSY",
        503,
        EX_TEMPFAIL,
        "Another process holds the manifest for too long.",
        "Close the program that has manifest.duckdb open, then try again.",
    ),
    ErrorCode(
        "MANIFEST_DAMAGED",
        500,
        EX_DATAERR,
        "The manifest cannot be read: the file is damaged.",
        "As for `MANIFEST_MISSING`.",
    ),
    ErrorCode(
        "MANIFEST_MISSING",
        500,
        EX_DATAERR,
        "The manifest is gone, and what it described is still there.",
        "`loupe restore latest` puts a backup in its place. Without one move it, `vectors-*.duckdb`, `previews`, "
        "`thumbnails` and `index` away and run `loupe up` with your folders: photos are found again, tags and "
        "collections are not.",
    ),
    ErrorCode(
        "VECTORS_DAMAGED",
        500,
        EX_DATAERR,
        "A file of image vectors cannot be read: it is damaged.",
        "`loupe verify --repair` sets it aside, and the model makes its vectors again from the previews.",
    ),
    ErrorCode(
        "CONFIG_INVALID",
        500,
        EX_CONFIG,
        "A setting has a value that cannot be used.",
        "The message names the setting; `loupe config` shows all of them and where they come from.",
    ),
    ErrorCode(
        "PORT_TAKEN",
        500,
        EX_UNAVAILABLE,
        "Another program listens on the port.",
        "Stop it, or choose another with --port or --dagster-port.",
    ),
    ErrorCode(
        "INGEST_BUSY", 409, EX_TEMPFAIL, "Another ingest holds the lock.", "Nothing: what it leaves is taken up next."
    ),
    ErrorCode(
        "SERVICE_DIED",
        500,
        EX_SOFTWARE,
        "One of the services that `loupe up` started has stopped.",
        "Run `loupe up` again; its log in LOUPE_HOME/logs says why it stopped.",
    ),
)

_MODELS = (
    ErrorCode("MODEL_UNKNOWN", 422, EX_USAGE, "No preset has this name.", "`loupe models list` names them."),
    ErrorCode(
        "MODEL_NOT_FETCHED",
        503,
        EX_UNAVAILABLE,
        "The model's files are not on this machine.",
        "`loupe models fetch NAME`, or bring its folder from a machine that has it.",
    ),
    ErrorCode(
        "MODEL_FILES_INVALID",
        500,
        EX_DATAERR,
        "The model's files are damaged or of another model.",
        "`loupe models fetch NAME` brings them anew.",
    ),
    ErrorCode(
        "MODEL_IN_USE",
        409,
        EX_USAGE,
        "The model is in use, or a change from it is under way.",
        "Choose another with `loupe models use`, and wait until `loupe status` says that search has changed.",
    ),
    ErrorCode(
        "NO_EARLIER_MODEL",
        409,
        EX_USAGE,
        "There is no model to go back to.",
        "`loupe models list` names those that there are; `loupe models use NAME` chooses one.",
    ),
    ErrorCode(
        "MODEL_CHECK_FAILED",
        500,
        EX_DATAERR,
        "The model loads but does not match well-known photographs.",
        "`loupe models fetch NAME` brings its files anew.",
    ),
    ErrorCode(
        "HUB_UNREACHABLE",
        503,
        EX_UNAVAILABLE,
        "The model hub cannot be reached.",
        "Check the network, name a mirror (LOUPE_HUB_URL), or fetch with `--to` on another machine and carry it.",
    ),
    ErrorCode(
        "SEARCH_BY_CONTENT_OFF",
        503,
        EX_UNAVAILABLE,
        "No model is set up, so text and image search are off.",
        "`loupe models fetch siglip2-b32`; browsing and words work meanwhile.",
    ),
    ErrorCode(
        "MODEL_LOADING",
        503,
        EX_TEMPFAIL,
        "The model is being loaded; words and browsing work meanwhile.",
        _AGAIN_LATER,
    ),
    ErrorCode(
        "DEVICE_UNAVAILABLE",
        500,
        EX_CONFIG,
        "The requested device is not on this machine.",
        "Set LOUPE_DEVICE to auto, or to a device that `loupe doctor` names.",
    ),
    ErrorCode(
        "OUT_OF_MEMORY",
        500,
        EX_SOFTWARE,
        "Even a batch of one does not fit the device's memory.",
        "Close other programs that use the device, choose a smaller model, or set LOUPE_DEVICE=cpu.",
    ),
)

_SERVICES = (
    ErrorCode("INDEX_LOADING", 503, EX_TEMPFAIL, "The index is being opened or rebuilt.", _AGAIN_LATER),
    ErrorCode(
        "INDEX_BUSY",
        503,
        EX_TEMPFAIL,
        "Another process owns the index.",
        "Wait for it to end, or ask the `loupe up` that runs.",
    ),
    ErrorCode(
        "INDEX_UNREACHABLE",
        503,
        EX_UNAVAILABLE,
        "The Qdrant server cannot be reached.",
        "Start it, or check QDRANT_URL.",
    ),
    ErrorCode("UPLOADS_BUSY", 503, EX_TEMPFAIL, "Too many pictures are being searched with at once.", _AGAIN_LATER),
    ErrorCode(
        "QUEUE_FULL", 429, EX_TEMPFAIL, "Too much waits for the model already.", "Try again when Retry-After says."
    ),
    ErrorCode(
        "INFERENCE_TIMEOUT",
        504,
        EX_TEMPFAIL,
        "The model did not come to it in time.",
        "Send fewer at once, or try again when less is going on.",
    ),
    ErrorCode(
        "COMPACTION_FAILED",
        500,
        EX_SOFTWARE,
        "The search index could not be compacted; search goes on as before, more slowly in a large library.",
        "Look at the log for the reason. Loupe tries again by itself; `loupe index rebuild` writes the index anew.",
    ),
    ErrorCode("INDEX_BEHIND", 503, EX_TEMPFAIL, "The index did not catch up with the manifest in time.", _AGAIN_LATER),
    ErrorCode(
        "DAGSTER_UNREACHABLE",
        503,
        EX_UNAVAILABLE,
        "Dagster is not running; search works, new jobs do not.",
        "Run `loupe up`.",
    ),
    ErrorCode(
        "DAGSTER_BUSY",
        503,
        EX_TEMPFAIL,
        "Dagster is slow, and as many wait for it as may.",
        "Try again in a moment. If it stays so, look what its log says, or restart `loupe up`.",
    ),
    ErrorCode(
        "SERVER_FULL",
        503,
        EX_TEMPFAIL,
        "The running API has as many connections as it takes, so the command could not ask it.",
        "Try again when less is being asked of it, or close pages and scripts that hold it.",
    ),
    ErrorCode(
        "INTERNAL",
        500,
        EX_SOFTWARE,
        "A fault in Loupe itself; the message says where the log has more.",
        "Report it with the lines of the log.",
    ),
)

_EXCHANGE = (
    ErrorCode(
        "EXPORT_EXISTS",
        409,
        EX_CANTCREAT,
        "There is something at the place where the export should go.",
        "Name a folder that does not exist yet, or an empty one.",
    ),
    ErrorCode(
        "EXPORT_FAILED",
        500,
        EX_IOERR,
        "The export could not be written; nothing is left of it.",
        "Check the disk, its free space and the owner of the folder, then export again.",
    ),
    ErrorCode(
        "EXPORT_INVALID",
        422,
        EX_DATAERR,
        "The folder is no export of Loupe, or a part of it is missing or damaged.",
        "Name the folder that holds the README.json of an export, or export again.",
    ),
    ErrorCode("EXPORT_TOO_NEW", 422, EX_CONFIG, "The export was written by a newer Loupe.", "Upgrade Loupe."),
    ErrorCode(
        "CSV_INVALID",
        422,
        EX_DATAERR,
        "The table cannot be used as it is; nothing was imported.",
        "The message names line and column. Mend the file, or name other columns.",
    ),
    ErrorCode(
        "SIDECAR_NOT_WRITABLE",
        403,
        EX_NOPERM,
        "A sidecar could not be written; what stood there is unchanged.",
        "Let the user that runs Loupe write to the folder, then run the same command again.",
    ),
)

_BACKUPS = (
    ErrorCode(
        "BACKUP_NOT_FOUND",
        404,
        EX_NOINPUT,
        "There is no such backup.",
        "`loupe backup list` names them; `--from DIR` looks in another folder.",
    ),
    ErrorCode(
        "BACKUP_DAMAGED",
        500,
        EX_DATAERR,
        "A file of the backup is missing or does not hold what was written; nothing was changed.",
        "Use an older backup, and look at the disk that holds them. The next backup writes the damaged part anew.",
    ),
    ErrorCode(
        "BACKUP_TOO_NEW",
        500,
        EX_CONFIG,
        "The backup was written by a newer Loupe; nothing was changed.",
        "Upgrade Loupe.",
    ),
    ErrorCode(
        "BACKUP_NOT_WRITABLE",
        500,
        EX_CANTCREAT,
        "The folder for backups cannot be written to.",
        "Plug the disk in, check its owner, or name another folder with --to or LOUPE_BACKUP_FOLDER.",
    ),
    ErrorCode("BACKUP_BUSY", 409, EX_TEMPFAIL, "Another backup is being written.", "Wait for it to end."),
    ErrorCode(
        "HOME_IN_USE",
        409,
        EX_TEMPFAIL,
        "Loupe runs on this home, so it cannot be replaced.",
        "Stop `loupe up` and every other Loupe command on this home, then try again.",
    ),
    ErrorCode(
        "RESTORE_UNFINISHED",
        500,
        EX_DATAERR,
        "A restore was interrupted half way; what stood here before it is kept.",
        "Run the same `loupe restore` again.",
    ),
    ErrorCode(
        "LIBRARY_INCONSISTENT",
        500,
        EX_DATAERR,
        "Manifest, previews, index or files do not agree.",
        "`loupe verify --repair` mends what can be made again; what it cannot is listed with its files.",
    ),
)

_ONE_FILE = (
    ErrorCode(
        "NOT_AN_IMAGE",
        422,
        EX_DATAERR,
        "The content is not an image.",
        "If only its name is wrong, a line in `.loupeignore` hides it. Else replace it by a whole copy.",
    ),
    ErrorCode(
        "UNSUPPORTED_FORMAT",
        415,
        EX_DATAERR,
        "An image of a kind that no decoder here reads.",
        "Convert it to a kind that Loupe reads (docs/formats.md), beside the original.",
    ),
    ErrorCode("EMPTY_FILE", 422, EX_DATAERR, "The file has no bytes.", "Copy it again from where it came."),
    ErrorCode(
        "TRUNCATED",
        422,
        EX_DATAERR,
        "The file ends before its pixels do.",
        "Copy it again from where it came: the copy was cut off.",
    ),
    ErrorCode("CORRUPT", 422, EX_DATAERR, "The content is damaged.", _FILE_AGAIN),
    ErrorCode(
        "DECODE_RAW",
        422,
        EX_DATAERR,
        "LibRaw cannot develop the file and it carries no usable preview.",
        "Convert it to DNG. A newer Loupe may read the camera.",
    ),
    ErrorCode(
        "DECODE_BLANK",
        422,
        EX_DATAERR,
        "The decoder answered a blank picture instead of an error.",
        _FILE_AGAIN,
    ),
    ErrorCode(
        "DECODE_TIMEOUT",
        422,
        EX_DATAERR,
        "Decoding took too long and was stopped.",
        "Try it again when the machine is idle, or give it longer (LOUPE_DECODE_TIMEOUT_S).",
    ),
    ErrorCode(
        "DECODE_CRASH",
        422,
        EX_DATAERR,
        "The decoder crashed on this file; nothing else was touched.",
        _FILE_AGAIN,
    ),
    ErrorCode(
        "DECODE_MEMORY",
        422,
        EX_DATAERR,
        "Decoding needs more memory than allowed.",
        "Try it again when less else is running, or lower LOUPE_DECODE_WORKERS.",
    ),
    ErrorCode(
        "TOO_LARGE",
        413,
        EX_DATAERR,
        "More pixels or bytes than allowed.",
        "Raise LOUPE_MAX_PIXELS or LOUPE_MAX_FILE_BYTES if the picture is genuine, then try it again.",
    ),
    ErrorCode(
        "FILE_VANISHED",
        404,
        EX_NOINPUT,
        "The file was listed but is gone.",
        "Nothing: the next look at its folder notes it.",
    ),
    ErrorCode(
        "FILE_UNREADABLE",
        403,
        EX_IOERR,
        "The file cannot be read.",
        "Check its owner and mode, and the disk. Then try it again.",
    ),
    ErrorCode(
        "SIDECAR_INVALID",
        422,
        EX_DATAERR,
        "The .xmp file beside a photo is no XMP; the photo itself is fine.",
        "Save the photo's metadata again in the program that wrote the .xmp file, or delete that file.",
    ),
    ErrorCode(
        "PREVIEW_UNREADABLE",
        500,
        EX_IOERR,
        "The photo's stored preview could not be read for the model.",
        "Nothing at first: it is tried again by itself. If it stays, check the disk of Loupe's home and its memory.",
    ),
    ErrorCode("EMBED_FAILED", 500, EX_SOFTWARE, "The model failed on this photo.", _MODEL_AGAIN),
    ErrorCode("CAPTION_FAILED", 500, EX_SOFTWARE, "The captioner failed on this photo.", _MODEL_AGAIN),
)

# In the order in which the documentation shows them.
_GROUPS = {
    "Requests": _REQUESTS,
    "Access": _ACCESS,
    "Folders": _FOLDERS,
    "Data and settings": _HOME,
    "Backups": _BACKUPS,
    "Models": _MODELS,
    "Index and services": _SERVICES,
    "Export, import, sidecars": _EXCHANGE,
    "One file": _ONE_FILE,
}

_WARNINGS = (
    WarningCode(
        "TRUNCATED",
        "The file is cut off: a part of the picture is missing.",
        "Copy it again from where it came; the photo is then read anew.",
    ),
    WarningCode(
        "CORRUPT",
        "The file is damaged: a part of the picture may be wrong.",
        "Compare it with a backup; a whole copy in its place is read anew.",
    ),
    WarningCode(
        "PREVIEW_ONLY",
        "Only the preview inside the file could be used: the picture is smaller than the photo.",
        "Nothing, if the camera is new: a newer Loupe may read the file itself. Else look whether the file is whole.",
    ),
    WarningCode(
        "PAGE_UNREADABLE",
        "A page of the file could not be read and is left out.",
        "Open the file in another program, save it whole, and it is read anew.",
    ),
    WarningCode(
        "PAGES_LEFT_OUT",
        "The file has more pages than are taken in; the later ones are left out.",
        "Raise LOUPE_MAX_PAGES before you add such files.",
    ),
    WarningCode(
        "METADATA_UNREADABLE",
        "The picture is whole, but what the file says of itself (date, camera, place, words) could not be read.",
        "Report it with the lines of the log and, if you can, the file; a newer Loupe may read it.",
    ),
)

CODES: dict[str, ErrorCode] = {row.code: row for rows in _GROUPS.values() for row in rows}
WARNINGS: dict[str, WarningCode] = {row.code: row for row in _WARNINGS}


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


_SYSEXITS = {
    EX_USAGE: "EX_USAGE",
    EX_DATAERR: "EX_DATAERR",
    EX_NOINPUT: "EX_NOINPUT",
    EX_UNAVAILABLE: "EX_UNAVAILABLE",
    EX_SOFTWARE: "EX_SOFTWARE",
    EX_CANTCREAT: "EX_CANTCREAT",
    EX_IOERR: "EX_IOERR",
    EX_TEMPFAIL: "EX_TEMPFAIL",
    EX_NOPERM: "EX_NOPERM",
    EX_CONFIG: "EX_CONFIG",
}

_INTRODUCTION = """# Errors

Written by `python -m resources.errors > docs/errors.md`; a test holds it in step with the table in the source.

Pipeline, search API and command line share one table of codes. The API answers
`{"error": {"code": ..., "message": ..., "details": ...}}` with the HTTP status; a command prints
`error [CODE]: message` on standard error, with `--json` the API's body on standard output as well, and ends with the
exit status of `sysexits.h`. Beside these a command ends with 0 when it did what was asked, 130 after Ctrl-C, and 141
when the program it writes to has closed the pipe. A message says what happened and to what; the table says what a code
means and what to do.

A file that fails is kept in the list of problem files (`loupe failures`, `GET /api/v1/failures`, "Problem files" on the
page) with one of the codes under "One file", or NO_PERMISSION or IGNORE_RULE_UNUSED for a folder, and stops nothing
else. It is tried again when the file changes, when a newer decoder comes, and when a person asks.
"""

_WARNINGS_INTRODUCTION = """## Warnings

A photo that came in although something was odd carries one of these (`warnings` in the API). It is searchable like
any other; `loupe failures --warnings`, `GET /api/v1/warnings` and "Came in, but look" on the page list them.

| code | meaning | what to do |
|---|---|---|
"""


def documentation() -> str:
    """The page `docs/errors.md`."""
    parts = [_INTRODUCTION]
    for group, rows in _GROUPS.items():
        lines = [
            f"| `{row.code}` | {row.http_status} | {row.exit_status} {_SYSEXITS[row.exit_status]} "
            f"| {row.meaning} | {row.advice} |"
            for row in rows
        ]
        head = "| code | HTTP | exit status | meaning | what to do |\n|---|---|---|---|---|\n"
        parts.append(f"## {group}\n\n{head}" + "\n".join(lines) + "\n")
    lines = [f"| `{row.code}` | {row.meaning} | {row.advice} |" for row in _WARNINGS]
    parts.append(_WARNINGS_INTRODUCTION + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(documentation(), end="")
