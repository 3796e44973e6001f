"""Signing in, and what was changed by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Audit", "AuditQuery", "AuditedChange", "Session", "SignIn"]


class SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    link: str = Field(
        min_length=1, max_length=200, description="What stands behind `#` in a sign-in link. It is used up."
    )


class Session(BaseModel):
    """Who asks, and what they may do."""

    name: str = Field(examples=["this machine"])
    scopes: list[Literal["read", "write", "admin"]]
    signed_in: bool = Field(description="By a link, in this browser: there is something to sign out of.")


class AuditQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    before: int | None = Field(
        None, ge=1, le=(1 << 63) - 1, description="Changes with a lower number: the last `seq` of the page before."
    )
    who: str | None = Field(None, max_length=100, description="Only of this key, of `this machine` or `command line`.")


class AuditedChange(BaseModel):
    """One change. Times are UTC."""

    seq: int
    happened_at: datetime
    who: str = Field(description="A key's or session's name, `this machine`, or `command line`.")
    address: str | None = Field(description="Of the client; null for the command line.")
    action: str = Field(examples=["POST /collections/{name}/photos"])
    target: str | None = Field(description="What of the address or the arguments names its object.")
    affected: int | None = Field(description="How many photos, files or rows it says that it changed.")
    status: int = Field(description="HTTP status of the reply, or exit status of the command.")
    request_id: str | None
    run_id: str | None = Field(description="The job that it started or was about.")


class Audit(BaseModel):
    changes: list[AuditedChange] = Field(description="Newest first. The newest 100,000 are kept.")
