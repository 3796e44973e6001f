"""The folders that the library watches."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AcceptedMissing",
    "AddFolder",
    "AddedFolder",
    "Folder",
    "Folders",
    "MissingFiles",
    "MissingFolder",
    "MoveFolder",
    "MovedFolder",
    "RemovedFolder",
]


class Folder(BaseModel):
    root_id: str
    path: str = Field(examples=["/home/me/Pictures"])
    added_at: datetime = Field(description="UTC.")
    state: Literal["online", "offline", "vanished"] = Field(
        description="`offline`: cannot be reached now, its photos stay searchable. `vanished`: more than a quarter of "
        "its files are gone; nothing was removed, a person must say that this is right."
    )
    files: int = Field(description="Files that may be photos, present now.")
    photos: int
    missing: int = Field(description="Files that were there once, and no other file of their photo is.")
    skipped: int = Field(description="Files not taken in: videos, sidecars, ignored.")
    waiting: int = Field(description="Files not read yet.")


class Folders(BaseModel):
    folders: list[Folder]


class AddFolder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str = Field(
        min_length=1, max_length=4096, description="Absolute, or with `~`.", examples=["/home/me/Pictures"]
    )


class AddedFolder(BaseModel):
    folder: Folder
    photo_files: int = Field(description="Files found that may be photos.")
    total_bytes: int = Field(description="Their size.")
    job_id: str | None = Field(description="The run that begins to read it; null when it could not be started.")
    note: str | None = Field(None, description="What to tell the person: why the run could not be started.")


class RemovedFolder(BaseModel):
    path: str
    photos: int = Field(description="Photos that left search. Their files, tags and collections stay.")


class MoveFolder(BaseModel):
    """A folder, watched or part of a watched one, that stands elsewhere now."""

    model_config = ConfigDict(extra="forbid")
    old: str = Field(min_length=1, max_length=4096, examples=["/media/old-disk/Pictures"])
    new: str = Field(min_length=1, max_length=4096, examples=["/media/new-disk/Pictures"])


class MovedFolder(BaseModel):
    old: str
    new: str
    roots: int = Field(description="Watched folders that stand elsewhere now.")
    files: int
    photos: int = Field(description="Photos whose paths changed; nothing was read.")


class AcceptedMissing(BaseModel):
    gone: int = Field(description="Files that count as missing now.")
    folder: Folder


class MissingFolder(BaseModel):
    """A folder from which files are missing."""

    root_id: str
    path: str = Field(description="Absolute.")
    files: int
    photos: int = Field(description="Of these, photos with no file left anywhere: out of search.")
    first_at: datetime = Field(description="UTC.")
    last_at: datetime = Field(description="UTC; `purge_missing_days` after it the last of them are forgotten.")


class MissingFiles(BaseModel):
    total: int = Field(description="Missing files of all folders.")
    purge_missing_days: int = Field(description="What is missing for so long is forgotten.")
    folders: list[MissingFolder] = Field(description="The latest loss first.")
    offline: list[Folder] = Field(description="Watched folders that cannot be reached; their photos stay searchable.")
    vanished: list[Folder] = Field(
        description="Watched folders that lost too much at once to be believed; `accept-missing` says that it is right."
    )
