"""Photos that are sent to be kept, and the folders of this machine that can be chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["Directories", "Directory", "UploadedFile", "Uploads"]


class UploadedFile(BaseModel):
    """What became of one file; `code` and `message` say why it was refused."""

    name: str = Field(description="As it was sent.", examples=["Summer/IMG_1.jpg"])
    status: Literal["stored", "same", "known", "refused"] = Field(
        description="`same`: these bytes stood there already. `known`: the library has them elsewhere; no second copy."
    )
    path: str | None = Field(None, description="Absolute; where it stands.")
    sha256: str | None = None
    size_bytes: int = 0
    code: str | None = None
    message: str | None = None


class Uploads(BaseModel):
    """Each file that was sent, in order. Sending all of them again is safe."""

    folder: str = Field(description="The watched folder that took them, absolute.")
    root_id: str | None = Field(description="Its id; null while it holds no photo.")
    files: list[UploadedFile]
    stored: int
    same: int = Field(description="Those that were there already, here or elsewhere.")
    refused: int
    job_id: str | None = Field(None, description="The run that reads them; null when none was started.")
    code: str | None = Field(
        None, description="Why the request ended early, such as `DISK_FULL`; what is not among `files` was not taken."
    )
    note: str | None = Field(None, description="What to tell the person: why no run was started, or what was cut off.")


class Directory(BaseModel):
    name: str
    path: str = Field(description="Absolute; to ask with, or to add as a watched folder.")
    hidden: bool
    readable: bool
    watched: bool = Field(description="It is watched, or lies in a folder that is.")
    photos: int | None = Field(description="Files in it that may be photos, by their names, not below it; null: many.")


class Directories(BaseModel):
    path: str | None = Field(description="Links resolved; null: `directories` are the roots.")
    parent: str | None = Field(description="Null at a root.")
    directories: list[Directory] = Field(description="By name.")
    more: bool = Field(description="There are more than are listed.")
