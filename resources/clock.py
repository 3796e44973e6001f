"""The clock that rows and logs are written by: UTC, without a zone, as DuckDB's TIMESTAMP wants it."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_now"]


def utc_now() -> datetime:
    """Now, in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
