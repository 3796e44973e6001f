"""How counts are said to a person, on every surface alike."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, one: str, many: str | None = None) -> str:
    """ "1 file", "1,204 files"; `many` where an s does not do."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
