"""Photos of the manifest as points: one short read for a batch of ids, then the vectors, then pure building.

Not here: which photos changed (`outbox.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import structlog

from resources.manifest import Transaction
from resources.vector_index.conditions import wall_clock_s
from resources.vector_index.points import IndexModel, PhotoPoint, Vector

__all__ = ["PhotoFacts", "VectorReader", "build_point", "read_facts", "usable_vectors"]

log = structlog.get_logger(__name__)


class VectorReader(Protocol):
    """Where image vectors are kept, by the hash of the pixels they were computed from."""

    def get(self, pixel_hashes: Sequence[str]) -> dict[str, Vector]: ...


@dataclass(frozen=True)
class PhotoFacts:
    """Everything that the manifest says of one photo that search must show. `row` is its row of `photos`."""

    row: dict[str, Any]
    pixel_hash: str | None
    embedded: bool
    caption: str | None
    tags: tuple[str, ...]
    collections: tuple[str, ...]
    files: tuple[dict[str, Any], ...]


_PHOTOS = """
WITH shown AS (SELECT p.* FROM photos p JOIN {given} USING (photo_id) WHERE p.hidden_at IS NULL),
seen AS (
    SELECT sha256, any_value(pixel_hash) AS pixel_hash FROM previews
    WHERE sha256 IN (SELECT sha256 FROM shown) GROUP BY sha256
)
SELECT shown.*, seen.pixel_hash, $model IS NOT NULL AND EXISTS (
        FROM embeddings e WHERE e.pixel_hash = seen.pixel_hash AND e.model = $model AND e.revision = $revision
            AND e.preprocess_version = $preprocess_version) AS embedded
FROM shown LEFT JOIN seen USING (sha256)
"""

# The captioner in use speaks first, then whichever spoke last.
_CAPTIONS = """
SELECT g.photo_id, first(c.text ORDER BY coalesce(m.in_use, false) DESC, c.created_at DESC, c.model) AS caption
FROM {given} g JOIN photos p USING (photo_id) JOIN previews v USING (sha256)
JOIN captions c ON c.pixel_hash = v.pixel_hash
LEFT JOIN models m ON m.kind = 'captioner' AND m.name = c.model AND m.revision = c.revision
    AND m.preprocess_version = c.preprocess_version
GROUP BY g.photo_id
"""

_TAGS = """
SELECT photo_id, list(DISTINCT tag ORDER BY tag) AS names FROM tags JOIN {given} USING (photo_id) GROUP BY photo_id
"""

_COLLECTIONS = """
SELECT m.photo_id, list(DISTINCT c.name ORDER BY c.name) AS names
FROM collection_photos m JOIN {given} USING (photo_id) JOIN collections c USING (collection_id) GROUP BY m.photo_id
"""

_FILES = """
SELECT f.photo_id, f.root_id, f.rel_path, r.path AS root_path, r.state AS root_state
FROM files f JOIN {given} USING (photo_id) JOIN roots r USING (root_id)
WHERE f.missing_since IS NULL AND f.skip_reason IS NULL ORDER BY r.path, f.rel_path
"""


def read_facts(tx: Transaction, photo_ids: Sequence[str], model: IndexModel | None) -> dict[str, PhotoFacts]:
    """The facts of those ids that a person can see: known, not hidden, with a file that is not missing."""
    if not photo_ids:
        return {}
    params = {
        "model": model.name if model else None,
        "revision": model.revision if model else None,
        "preprocess_version": model.preprocess_version if model else None,
    }
    with tx.relation({"photo_id": list(photo_ids)}, {"photo_id": pa.string()}) as given:
        photos = tx.rows(_PHOTOS.format(given=given), params)
        captions = dict(tx.execute(_CAPTIONS.format(given=given)).fetchall())
        tags = dict(tx.execute(_TAGS.format(given=given)).fetchall())
        collections = dict(tx.execute(_COLLECTIONS.format(given=given)).fetchall())
        files: dict[str, list[dict[str, Any]]] = {}
        for file in tx.rows(_FILES.format(given=given)):
            files.setdefault(file["photo_id"], []).append(file)
    return {
        row["photo_id"]: PhotoFacts(
            row=row,
            pixel_hash=row["pixel_hash"],
            embedded=bool(row["embedded"]),
            caption=captions.get(row["photo_id"]),
            tags=tuple(tags.get(row["photo_id"], ())),
            collections=tuple(collections.get(row["photo_id"], ())),
            files=tuple(files[row["photo_id"]]),
        )
        for row in photos
        if row["photo_id"] in files
    }


def usable_vectors(
    facts: Mapping[str, PhotoFacts], vectors: VectorReader | None, model: IndexModel | None
) -> tuple[dict[str, Vector], int]:
    """Vectors by pixel hash, and how many were promised by the manifest but are absent or not of the model's form."""
    hashes = sorted({fact.pixel_hash for fact in facts.values() if fact.embedded and fact.pixel_hash})
    if model is None or vectors is None or not hashes:
        return {}, 0
    found = vectors.get(hashes)
    good = {
        pixel_hash: vector
        for pixel_hash, vector in found.items()
        if vector.shape == (model.dim,) and np.isfinite(vector).all() and float(vector @ vector) > 0
    }
    if len(good) < len(hashes):
        missing = len(hashes) - len(found)
        log.warning("vectors unusable", model=model.name, missing=missing, wrong=len(found) - len(good))
    return good, len(hashes) - len(good)


def build_point(facts: PhotoFacts, vectors: Mapping[str, Vector]) -> PhotoPoint:
    """The point of one photo; its vector is the one of its pixel hash, None when there is none."""
    row = facts.row
    paths = [PurePosixPath(file["root_path"], file["rel_path"]) for file in facts.files]
    folders = sorted({str(folder) for path in paths for folder in path.parents})
    camera = _camera(row["camera_make"], row["camera_model"])
    location = _location(row["gps_lat"], row["gps_lon"])
    keywords = [text for text in (_text(word) for word in row["keywords"] or ()) if text]
    payload: dict[str, Any] = {
        "photo_id": row["photo_id"],
        "sha256": row["sha256"],
        "pixel_hash": facts.pixel_hash,
        # Of a file that is there now: the row keeps the name under which the photo was first read.
        "file_name": _text(paths[0].name if paths else row["file_name"]),
        "paths": [_text(str(path)) for path in paths],
        "folders": [_text(folder) for folder in folders],
        "root_ids": sorted({file["root_id"] for file in facts.files}),
        "format": row["format"],
        "width": row["width"],
        "height": row["height"],
        "size_bytes": row["size_bytes"],
        "orientation_kind": _orientation_kind(row["width"], row["height"]),
        "taken_at": _seconds(row["taken_at"]),
        "added_at": _seconds(row["created_at"]),
        "camera": camera,
        "camera_make": _text(row["camera_make"]),
        "camera_model": _text(row["camera_model"]),
        "lens": _text(row["lens"]),
        "iso": _number(row["iso"]),
        "f_number": _number(row["f_number"]),
        "exposure_s": _number(row["exposure_s"]),
        "focal_length_mm": _number(row["focal_length_mm"]),
        "rating": _number(row["rating"]),
        "tags": [_text(tag) for tag in facts.tags],
        "keywords": keywords,
        "title": _text(row["title"]),
        "description": _text(row["description"]),
        "caption": _text(facts.caption),
        "collections": [_text(name) for name in facts.collections],
        "location": location,
        "has_gps": location is not None,
        "offline": bool(facts.files) and all(file["root_state"] != "online" for file in facts.files),
    }
    vector = vectors.get(facts.pixel_hash) if facts.embedded and facts.pixel_hash else None
    return PhotoPoint(row["photo_id"], vector, _words(payload, facts), payload)


def _words(payload: Mapping[str, Any], facts: PhotoFacts) -> str:
    """What the word search reads. Of a path only what a person chose: the root's own name and what is below it."""
    names: dict[str, None] = {}
    for file in facts.files:
        names[PurePosixPath(file["root_path"]).name] = None
        for part in PurePosixPath(file["rel_path"]).parts[:-1]:
            names[part] = None
        names[PurePosixPath(file["rel_path"]).name] = None
    texts = [payload["caption"], payload["title"], payload["description"], *payload["tags"], *payload["keywords"]]
    texts += [*payload["collections"], payload["camera"], payload["lens"], *names]
    return _text("\n".join(text for text in texts if text)) or ""


def _camera(make: str | None, model: str | None) -> str | None:
    """Make and model as one name, the make not said twice: "Canon" and "Canon EOS R5" are "Canon EOS R5"."""
    make, model = (_text(make) or "").strip(), (_text(model) or "").strip()
    if not model or model.casefold().startswith(make.casefold()):
        return model or make or None
    return f"{make} {model}".strip()


def _location(lat: float | None, lon: float | None) -> dict[str, float] | None:
    """Degrees WGS84 that the engine takes; a point outside the globe is no place."""
    if lat is None or lon is None or not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    return {"lat": float(lat), "lon": float(lon)}


def _orientation_kind(width: int | None, height: int | None) -> str | None:
    if not width or not height:
        return None
    return "square" if width == height else "landscape" if width > height else "portrait"


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else wall_clock_s(moment)


def _number(value: float | int | None) -> float | int | None:
    return None if value is None or not math.isfinite(value) else value


def _text(value: str | None) -> str | None:
    """Text that the engine can store: no lone surrogates."""
    return None if value is None else value.encode("utf-8", "replace").decode("utf-8")
