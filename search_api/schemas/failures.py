"""Files that could not be read, photos that came in with a warning, files that are not taken in; and trying again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "Failure",
    "FailureKind",
    "FailureQuery",
    "FailureStage",
    "Failures",
    "RetriedFailures",
    "RetryFailures",
    "RetryWarnings",
    "SkipReason",
    "SkippedFile",
    "SkippedFiles",
    "SkippedQuery",
    "WarnedPhoto",
    "WarnedPhotos",
    "WarningKind",
    "WarningQuery",
]

MOST_NAMED = 1000
Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Id = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]


class _Listing(BaseModel):
    """Sequences are given by naming the parameter again."""

    model_config = ConfigDict(extra="forbid")

    under: FilePath | None = Field(
        None, description="Absolute path of a folder: only what stands below it.", examples=["/home/me/Pictures/2023"]
    )
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=100_000_000)


class FailureQuery(_Listing):
    code: list[Code] = Field([], max_length=100, description="Only those with one of these codes.")
    stage: list[Code] = Field([], max_length=20, description="Only those of one of these stages.")


class WarningQuery(_Listing):
    code: list[Code] = Field([], max_length=100, description="Only those with one of these codes.")


class SkippedQuery(_Listing):
    reason: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(
        [], max_length=100, description="Only those with one of these reasons."
    )


class Failure(BaseModel):
    """A file, or a folder, that a stage could not do."""

    id: str = Field(description="Names it in a retry; stays while the same stage fails on the same file again.")
    path: str = Field(description="Absolute.")
    stage: str = Field(
        description="`file_inventory` (a folder), `decoded_images`, `sidecars`, `embeddings`, `captions`.",
        examples=["decoded_images"],
    )
    code: str = Field(examples=["TRUNCATED"])
    message: str = Field(description="A sentence for a person.")
    page: int = Field(1, description="Of a file with several pages: the one that failed.")
    attempts: int = Field(description="Since `first_at`, with the same bytes.")
    retried: bool = Field(False, description="Somebody asked for it to be tried again, which is yet to be done.")
    size_bytes: int | None = None
    first_at: datetime = Field(description="UTC.")
    last_at: datetime = Field(description="UTC.")


class FailureKind(BaseModel):
    code: str
    meaning: str
    advice: str = Field("", description="What a person can do.")
    count: int


class FailureStage(BaseModel):
    stage: str
    count: int


class Failures(BaseModel):
    total: int = Field(description="Of what was asked for.")
    by_code: list[FailureKind] = Field(description="Most frequent first; of every code, whichever was asked for.")
    by_stage: list[FailureStage] = Field(description="In the order of the work; of every stage.")
    failures: list[Failure] = Field(description="By code, stage and path.")


class RetryFailures(BaseModel):
    """Which failures to try again: everything given must hold, of a list any. `all` stands alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"paths": ["/home/me/Pictures/IMG_2041.HEIC"]},
                {"codes": ["DECODE_TIMEOUT"], "under": "/home/me/Pictures/2023"},
                {"all": True},
            ]
        },
    )

    ids: list[Id] = Field([], max_length=MOST_NAMED)
    paths: list[FilePath] = Field([], max_length=MOST_NAMED, description="Absolute, as listed.")
    codes: list[Code] = Field([], max_length=100)
    stages: list[Code] = Field([], max_length=20)
    under: FilePath | None = Field(None, description="A folder, for everything below it.")
    all: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> RetryFailures:
        narrowed = any((self.ids, self.paths, self.codes, self.stages, self.under))
        if self.all == narrowed:
            raise ValueError("say which: ids, paths, codes, stages or under; or all alone")
        return self


class RetriedFailures(BaseModel):
    retried: int = Field(description="How many are pending again; failures stay listed until they are done.")
    unknown: list[str] = Field([], description="Paths that were asked for and are no problem files.")
    job_id: str | None = Field(None, description="The run that tries them now; null when none was started.")
    note: str | None = Field(None, description="When no run was started: when they are tried.")


class RetryWarnings(BaseModel):
    """Which photos with a warning to read again: everything given must hold. `all` stands alone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"codes": ["TRUNCATED"]}, {"all": True}]})

    codes: list[Code] = Field([], max_length=100)
    under: FilePath | None = Field(None, description="A folder, for everything below it.")
    all: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> RetryWarnings:
        if self.all == any((self.codes, self.under)):
            raise ValueError("say which: codes or under; or all alone")
        return self


class WarningKind(BaseModel):
    code: str = Field(examples=["TRUNCATED"])
    meaning: str
    advice: str = Field(description="What a person can do.")
    count: int


class WarnedPhoto(BaseModel):
    """A photo that came in although something was odd in its file."""

    photo_id: str
    path: str = Field(description="Absolute.")
    page: int = 1
    pages: int = 1
    warnings: list[str] = Field(description="Codes.")
    thumbnail_url: str


class WarnedPhotos(BaseModel):
    total: int = Field(description="Of what was asked for.")
    by_code: list[WarningKind] = Field(description="Most frequent first; of every code. A photo may have several.")
    photos: list[WarnedPhoto] = Field(description="By path.")


class SkipReason(BaseModel):
    reason: str = Field(examples=["video"])
    count: int


class SkippedFile(BaseModel):
    path: str = Field(description="Absolute.")
    reason: str
    size_bytes: int


class SkippedFiles(BaseModel):
    total: int = Field(description="Of what was asked for.")
    by_reason: list[SkipReason] = Field(description="Most frequent first; of every reason.")
    files: list[SkippedFile] = Field(description="By reason and path.")
