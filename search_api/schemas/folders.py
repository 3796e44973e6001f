"""The folders that the library watches."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AddFolder", "AddedFolder", "Folder", "Folders"]


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
    missing: int = Field(description="Files that were there once.")
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
