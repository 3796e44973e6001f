"""The one form of every error."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["ErrorBody", "ErrorReply"]


class ErrorBody(BaseModel):
    code: str = Field(description="A code of the documented table; stable.", examples=["DIR_NOT_FOUND"])
    message: str = Field(description="What happened, to what, and what to do; for a person.")
    details: dict[str, Any] = Field(default_factory=dict, description="The same facts for a program.")


class ErrorReply(BaseModel):
    error: ErrorBody
