"""What a line of a run's log says to a photographer; everything else of the log is for who looks into the engine."""

from __future__ import annotations

import re

from resources.wording import counted
from search_api.dagster_client import LoggedLine

__all__ = ["plain_words"]

_WORKS = {
    "file_inventory": "Looking through the folders",
    "streamed_photos": "Reading photos",
    "qdrant_points": "Bringing search up to date",
    "near_duplicates": "Looking for duplicates",
    "umap_projections": "Drawing the map",
    "preview_cache": "Making room",
    "library_backup": "Backing up",
}
_RUNS = {
    "RUN_ENQUEUED": "Waits for its turn.",
    "RUN_STARTING": "Is about to begin.",
    "RUN_START": "Work has begun.",
    "RUN_SUCCESS": "All of it is done.",
    "RUN_FAILURE": "It was stopped by an error.",
    "RUN_CANCELING": "It is asked to stop.",
    "RUN_CANCELED": "It was stopped.",
}
_STEPS = {
    "STEP_START": "{work}.",
    "STEP_SUCCESS": "{work}: done.",
    "STEP_FAILURE": "{work}: stopped by an error. {reason}",
    "STEP_UP_FOR_RETRY": "{work}: did not go well, and is tried again. {reason}",
    "STEP_RESTARTED": "{work}, once more.",
}
_GRAVE = frozenset(["WARNING", "ERROR", "CRITICAL"])
_COUNTS = re.compile(r"StreamCounts\((.*)\)", re.DOTALL)
# What a run did, in the order in which it is said.
_DONE = (("decoded", "read"), ("embedded", "made searchable"), ("captioned", "described"), ("failed", "not readable"))


def plain_words(line: LoggedLine) -> str | None:
    """The line in a photographer's words; None for what only the engine's people need. What warns is always said."""
    event, message = line.event or "", line.message.strip()
    if event in _RUNS:
        return _RUNS[event]
    if event in _STEPS and line.step in _WORKS:
        _, _, reason = message.partition("\n")
        return _STEPS[event].format(work=_WORKS[line.step], reason=reason).strip()
    if counts := _COUNTS.fullmatch(message):
        return _did(dict(re.findall(r"(\w+)=(\d+)", counts[1])))
    return message or None if line.level in _GRAVE else None


def _did(counts: dict[str, str]) -> str:
    parts = [f"{int(counts[name]):,} {what}" for name, what in _DONE if int(counts.get(name, 0))]
    read = counted(int(counts.get("files_read", 0)), "file")
    return f"{read} looked at: {', '.join(parts)}." if parts else "Nothing was new."
