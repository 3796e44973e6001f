"""What the library holds and how far the work on it is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from search_api.schemas.jobs import Job
from search_api.schemas.search import Warned

__all__ = [
    "Health",
    "IndexCompaction",
    "IndexStatus",
    "IndexVerification",
    "ModelChangeStatus",
    "ModelInUse",
    "Readiness",
    "Status",
]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """Which parts can be used now. Search by words and browsing need index and manifest; new jobs need Dagster."""

    index: Literal["ready", "loading", "failed"]
    manifest: Literal["ready"]
    model: Literal["ready", "loading", "off", "failed"] = Field(description="`off`: no model is set up.")
    dagster: Literal["ready", "unreachable"]


class ModelInUse(BaseModel):
    kind: Literal["clip", "captioner"]
    name: str
    revision: str
    results: int = Field(description="Photos it has seen.")


class ModelChangeStatus(BaseModel):
    """A change of model that is under way; search, or the captions shown, are those of the model before."""

    kind: Literal["clip", "captioner"]
    before: str
    after: str
    waiting: int = Field(description="Pictures that the new model has yet to see.")


class IndexCompaction(BaseModel):
    """Compaction builds the graph that keeps search fast in a large library, beside the searches."""

    state: Literal["idle", "copying", "building", "catching_up", "no_room", "failed"]
    tail: int = Field(description="Photos at most that came or changed since, which each search looks at one by one.")
    last_at: str | None = Field(description="UTC, ISO 8601.")
    last_points: int | None = Field(description="Photos that were compacted then.")
    last_seconds: float | None = Field(description="How long that took.")
    error: str | None = Field(description="Why it is not compacted.")


class IndexStatus(BaseModel):
    state: Literal["ready", "loading", "failed"]
    points: int = Field(description="Photos that can be found.")
    embedded: int = Field(description="Of these, found by content.")
    applied_seq: int | None
    newest_seq: int = Field(description="Equal to `applied_seq` when the index is up to date.")
    model: str | None
    compaction: IndexCompaction


class IndexVerification(BaseModel):
    """How the index and the library differ; the lists hold at most 100 photo ids each."""

    same: bool
    photos: int = Field(description="Photos that should be found.")
    points: int = Field(description="Photos that the index holds.")
    missing_count: int = Field(description="Photos that the index lacks.")
    unexpected_count: int = Field(description="Photos that it should not hold.")
    missing: list[str]
    unexpected: list[str]
    unembedded_count: int = Field(description="Photos with a vector that the index lacks: not found by content.")
    unembedded: list[str]
    embedded: int = Field(description="Photos that are found by content.")
    model: str | None = Field(description="The model whose vectors the index holds.")
    generation: str


class Status(BaseModel):
    files: int = Field(description="Files that may be photos, present now, those left out among them.")
    copies: int = Field(description="Of these, files with the same bytes as another, which is the photo.")
    photos: int = Field(description="Different photos: two files with the same bytes are one, each page is one.")
    hidden: int = Field(description="Photos that were removed from the library and are not found.")
    decoded: int
    embeddings: int
    captions: int
    points: int
    failures: int = Field(description="Problem files.")
    warned: int = Field(description="Photos that came in with a warning.")
    waiting: int = Field(description="Files not read yet.")
    waiting_embeddings: int = Field(description="Photos that the model has not seen yet.")
    waiting_captions: int = Field(description="Photos that are not described yet; 0 when captions are off.")
    missing: int
    skipped: int
    searchable: int = Field(description="Photos that the page can find now: by content when a model is set up.")
    total: int = Field(description="Photos to be searchable when all work is done.")
    models: list[ModelInUse]
    model_changes: list[ModelChangeStatus] = Field(description="Empty but while a model is changed.")
    index: IndexStatus
    paused_at: datetime | None = Field(description="Set (UTC) while reading photos is paused.")
    job: Job | None = Field(description="The run that works now.")
    last_job: Job | None = Field(description="The run that ended last, with its error code if it did not end well.")
    named_model: str | None = Field(
        description="The model named when the API was started (`--model`, LOUPE_MODEL): it goes before the one chosen "
        "with `loupe models use`."
    )
    banner: Warned | None = Field(description="What a person should be told on every page.")
