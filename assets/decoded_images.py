"""Asset `decoded_images`: each original read once, as upright sRGB preview and thumbnail with its metadata."""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.contact_sheet import contact_sheet
from assets.partitions import folders
from assets.photo_stream import StreamCounts
from resources.library import Library
from resources.manifest import failures, previews, problems
from resources.manifest.problems import Which

__all__ = ["decoded_images_metadata", "decoded_images_spec"]

decoded_images_spec = dg.AssetSpec(
    "decoded_images",
    deps=["file_inventory"],
    description="Each original read once: upright sRGB preview, thumbnail, metadata.",
    partitions_def=folders,
    skippable=True,
    group_name="library",
    kinds={"pillow"},
)


def decoded_images_metadata(counts: StreamCounts, library: Library) -> dict[str, Any]:
    """Counts, a contact sheet of the newest photos, and the failures as a table."""
    with library.manifest.read() as tx:
        newest = previews.newest(tx, 32)
        by_code = failures.count_by_code(tx)
        listed = problems.failed(tx, Which(), limit=50)
    sheet = contact_sheet([library.store.thumbnail_path(pixel_hash) for pixel_hash in newest])
    records = [
        dg.TableRecord({name: str(row[name]) for name in ("code", "rel_path", "message", "attempts")}) for row in listed
    ]
    return {
        "decoded": counts.decoded,
        "known": counts.known,
        "failed": counts.failed,
        "files read": counts.files_read,
        "bytes read": counts.bytes_read,
        "photos/s": round((counts.decoded + counts.known) / counts.seconds, 2) if counts.seconds else 0.0,
        "left": counts.left,
        "failures by code": dg.MetadataValue.json(by_code),
        **({"failures": dg.MetadataValue.table(records)} if records else {}),
        **({"contact sheet": dg.MetadataValue.md(sheet)} if sheet else {}),
    }
