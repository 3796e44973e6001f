"""Files that could not be read, and why."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

__all__ = ["Failure", "FailureKind", "Failures"]


class Failure(BaseModel):
    path: str = Field(description="Absolute.")
    stage: str = Field(examples=["decoded_images"])
    code: str = Field(examples=["TRUNCATED"])
    message: str = Field(description="A sentence for a person.")
    attempts: int
    first_at: datetime = Field(description="UTC.")
    last_at: datetime = Field(description="UTC.")


class FailureKind(BaseModel):
    code: str
    meaning: str
    count: int


class Failures(BaseModel):
    total: int = Field(description="Of the code that was asked for, else of all.")
    by_code: list[FailureKind] = Field(description="Most frequent first.")
    failures: list[Failure] = Field(description="By code and path.")
