"""Table `previews`: which bytes are decoded, and to which pixels. A file of several pages has a row for each.

A row whose `decoder_version` is empty is to be read again from its original: its picture is lost, or a person asked.
The photo is shown, found and counted as it was until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from resources.manifest.database import Transaction

__all__ = [
    "IS_READ",
    "awaited",
    "metadata",
    "newest",
    "originals",
    "put",
    "read_again",
    "read_content_again",
    "remakeable",
]

# Of a row `v`: whether its bytes need not be read again.
IS_READ = "(v.metadata IS NOT NULL AND v.decoder_version <> '')"


def put(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the preview rows, all pages of their bytes, replacing those of the same bytes."""
    if not rows:
        return
    unique = {(row["sha256"], row["page"]): row for row in rows}
    with tx.relation({"sha256": sorted({sha256 for sha256, _ in unique})}, {"sha256": pa.string()}) as given:
        tx.execute(f"DELETE FROM previews WHERE sha256 IN (SELECT sha256 FROM {given})")
    tx.insert("previews", list(unique.values()))


def read_again(tx: Transaction, pixel_hashes: Iterable[str]) -> None:
    """Have the bytes that show these pictures decoded anew: their files are pending again."""
    with tx.relation({"pixel_hash": sorted(pixel_hashes)}, {"pixel_hash": pa.string()}) as given:
        tx.execute(
            f"""UPDATE previews SET decoder_version = '' WHERE sha256 IN
                (SELECT sha256 FROM previews JOIN {given} USING (pixel_hash))"""
        )


def awaited(tx: Transaction) -> set[str]:
    """The pictures that `read_again` was asked for and that no run has made again yet."""
    return {
        row[0] for row in tx.execute("SELECT DISTINCT pixel_hash FROM previews WHERE decoder_version = ''").fetchall()
    }


def read_content_again(tx: Transaction, hashes: Iterable[str]) -> None:
    """Have these bytes decoded anew: their files are pending again."""
    with tx.relation({"sha256": sorted(hashes)}, {"sha256": pa.string()}) as given:
        tx.execute(f"UPDATE previews SET decoder_version = '' WHERE sha256 IN (SELECT sha256 FROM {given})")


def metadata(tx: Transaction, hashes: Iterable[str]) -> dict[tuple[str, int], str]:
    """By `(sha256, page)`: what the bytes alone say, as JSON."""
    with tx.relation({"sha256": sorted(set(hashes))}, {"sha256": pa.string()}) as given:
        rows = tx.execute(
            f"SELECT sha256, page, metadata FROM previews JOIN {given} USING (sha256) WHERE metadata IS NOT NULL"
        ).fetchall()
    return {(sha256, page): text for sha256, page, text in rows}


def newest(tx: Transaction, limit: int) -> list[str]:
    """Pixel hashes of the photos decoded last."""
    rows = tx.execute(
        "SELECT pixel_hash FROM previews GROUP BY pixel_hash ORDER BY max(decoded_at) DESC, pixel_hash LIMIT ?", [limit]
    ).fetchall()
    return [row[0] for row in rows]


def remakeable(tx: Transaction, root_ids: Iterable[str]) -> set[str]:
    """Pixel hashes of pictures that can be decoded again: a file of the same bytes is present below these roots."""
    with tx.relation({"root_id": sorted(root_ids)}, {"root_id": pa.string()}) as given:
        rows = tx.execute(
            f"""SELECT DISTINCT v.pixel_hash FROM previews v JOIN files f USING (sha256) JOIN {given} USING (root_id)
            WHERE f.missing_since IS NULL AND f.skip_reason IS NULL"""
        ).fetchall()
    return {row[0] for row in rows}


def originals(tx: Transaction, pixel_hashes: Iterable[str]) -> list[dict[str, Any]]:
    """A present file for each of the bytes that show these pictures: `sha256`, `root_path`, `rel_path`."""
    with tx.relation({"pixel_hash": sorted(pixel_hashes)}, {"pixel_hash": pa.string()}) as given:
        return tx.rows(
            f"""SELECT f.sha256, arg_min(r.path, f.rel_path) AS root_path, min(f.rel_path) AS rel_path
            FROM previews v JOIN {given} USING (pixel_hash) JOIN files f USING (sha256) JOIN roots r USING (root_id)
            WHERE f.missing_since IS NULL AND f.skip_reason IS NULL AND r.state = 'online'
            GROUP BY f.sha256"""
        )
