"""What a line of a run's log says to a photographer; everything else of the log is for who looks into the engine."""

from __future__ import annotations

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
# Whose own lines are meant for people.
_TELLS = "streamed_photos"


def plain_words(line: LoggedLine) -> str | None:
    """The line in a photographer's words; None for what only the engine's people need. What warns is always said."""
    event, message = line.event or "", line.message.strip()
    if event in _RUNS:
        return _RUNS[event]
    if event in _STEPS and line.step in _WORKS:
        _, _, reason = message.partition("\n")
        return _STEPS[event].format(work=_WORKS[line.step], reason=reason).strip()
    meant = line.level in _GRAVE or (line.level == "INFO" and not event and line.step == _TELLS)
    return message or None if meant else None
