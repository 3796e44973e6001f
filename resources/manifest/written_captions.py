"""Table `written_captions`: what a person wrote about a photo through Loupe. It wins over what models say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import outbox, photos
from resources.manifest.database import Transaction

__all__ = ["MOST_CAPTION_CHARS", "clear", "merge", "of_photo", "usable", "write"]

MOST_CAPTION_CHARS = 4000  # as much as is read from a file's description


def usable(text: str) -> str:
    """The text without spaces around it, lines kept. Raises `INVALID_REQUEST` for what cannot be a caption."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise LoupeError("INVALID_REQUEST", "A caption needs words; to take one away clear it.")
    if len(text) > MOST_CAPTION_CHARS:
        raise LoupeError("INVALID_REQUEST", f"A caption has at most {MOST_CAPTION_CHARS} characters.")
    # XML, and with it a sidecar, holds no other control characters; a lone surrogate is a byte that is no text.
    if any((c < " " and c not in "\n\t") or "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff" for c in text):
        raise LoupeError("INVALID_REQUEST", "A caption is text without control characters.")
    return text


def of_photo(tx: Transaction, photo_id: str) -> str | None:
    """What was written of it, if anything."""
    text = tx.value("SELECT max(text) FROM written_captions WHERE photo_id = ?", [photo_id])
    return None if text is None else str(text)


def write(tx: Transaction, captions: Mapping[str, str]) -> int:
    """Write captions by photo id, over those that were written before. Returns how many are new or other.

    Raises `INVALID_REQUEST`, `PHOTO_NOT_FOUND`.
    """
    photos.require(tx, captions)
    # What is said now is the last word, by a clock that was set back too.
    before = tx.value("SELECT max(written_at) FROM written_captions WHERE list_contains(?, photo_id)", [list(captions)])
    now: datetime = max(utc_now(), before or datetime.min)
    columns: dict[str, list[Any]] = {
        "photo_id": list(captions),
        "text": [usable(text) for text in captions.values()],
        "written_at": [now] * len(captions),
    }
    types = {"photo_id": pa.string(), "text": pa.string(), "written_at": pa.timestamp("us")}
    with tx.relation(columns, types) as given:
        return merge(tx, given)


def merge(tx: Transaction, given: str) -> int:
    """Take over what the relation `given` (photo_id, text, written_at) has: of two words of a photo the later stays.

    Returns how many photos have another caption by it.
    """
    latest = f"""(SELECT photo_id, text, written_at FROM {given}
        QUALIFY row_number() OVER (PARTITION BY photo_id ORDER BY written_at DESC, text) = 1)"""
    changed = tx.execute(
        f"""SELECT g.photo_id FROM {latest} g LEFT JOIN written_captions w USING (photo_id)
        WHERE w.photo_id IS NULL OR (w.text <> g.text AND w.written_at <= g.written_at)"""
    ).fetchall()
    with tx.relation({"photo_id": [row[0] for row in changed]}, {"photo_id": pa.string()}) as other:
        tx.execute(f"DELETE FROM written_captions WHERE photo_id IN (SELECT photo_id FROM {other})")
        tx.execute(
            f"""INSERT INTO written_captions SELECT g.photo_id, g.text, g.written_at
            FROM {latest} g JOIN {other} USING (photo_id)"""
        )
    return outbox.push(tx, [row[0] for row in changed], "caption")


def clear(tx: Transaction, photo_ids: Collection[str]) -> int:
    """Forget what was written of these photos: what models say shows again. Returns how many had a caption."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        gone = tx.execute(
            f"DELETE FROM written_captions WHERE photo_id IN (SELECT photo_id FROM {given}) RETURNING photo_id"
        ).fetchall()
    return outbox.push(tx, [row[0] for row in gone], "caption")
