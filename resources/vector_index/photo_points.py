"""Photos of the manifest as points: one short read for a batch of ids, then the vectors, then pure building.

Not here: which photos changed (`outbox.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import structlog

from resources.home import Home
from resources.manifest import Transaction, VectorStore, photos, stacks
from resources.vector_index.conditions import wall_clock_s
from resources.vector_index.points import IndexModel, PhotoPoint, Vector

__all__ = ["PhotoFacts", "VectorReader", "build_point", "read_facts", "usable_vectors", "vector_store"]

log = structlog.get_logger(__name__)


class VectorReader(Protocol):
    """Where image vectors are kept, by the hash of the pixels they were computed from."""

    def get(self, pixel_hashes: Sequence[str]) -> dict[str, Vector]: ...


@dataclass(frozen=True)
class Caption:
    """A caption, since when (UTC), and by which model; `model` is None when a person wrote it."""

    text: str
    model: str | None
    at: datetime


@dataclass(frozen=True)
class PhotoFacts:
    """Everything that the manifest says of one photo that search must show. `row` is its row of `photos`.

    `caption` is what a model made, `written` what a person wrote. `stack` are the photos of its stack that a person can
    see, the cover first; empty when it stands alone.
    """

    row: dict[str, Any]
    pixel_hash: str | None
    embedded: bool
    caption: Caption | None
    written: Caption | None
    tags: tuple[str, ...]
    collections: tuple[str, ...]
    files: tuple[dict[str, Any], ...]
    stack_id: str | None = None
    stack_kind: str | None = None
    stack: tuple[PhotoFacts, ...] = ()

    @property
    def photo_id(self) -> str:
        return str(self.row["photo_id"])

    @property
    def mates(self) -> tuple[PhotoFacts, ...]:
        """The other photos of its stack."""
        return tuple(photo for photo in self.stack if photo.photo_id != self.photo_id)

    @property
    def is_cover(self) -> bool:
        return bool(self.stack) and self.stack[0].photo_id == self.photo_id


# A big table is read in one pass over the column that is asked for, and no more of it than the rows that match: `given`
# stands in each join by itself, so that the engine makes its values a filter of the scan. Through another table or a
# correlated EXISTS it would scan that table again, or read every row of this one.
_PHOTOS = """
SELECT p.* REPLACE ({rating} AS rating) FROM photos p JOIN {given} USING (photo_id) WHERE p.hidden_at IS NULL
"""

_PREVIEWS = """
SELECT v.sha256, v.page, any_value(v.pixel_hash) FROM previews v JOIN {given} USING (sha256) GROUP BY v.sha256, v.page
"""

_EMBEDDED = """
SELECT DISTINCT e.pixel_hash FROM embeddings e JOIN {given} USING (pixel_hash)
WHERE e.model = ? AND e.revision = ? AND e.preprocess_version = ?
"""

# The captioner in use speaks first, then whichever spoke last.
_CAPTIONS = """
SELECT c.pixel_hash, unnest(first(struct_pack(text := c.text, model := c.model, at := c.created_at)
    ORDER BY coalesce(m.in_use, false) DESC, c.created_at DESC, c.model))
FROM captions c JOIN {given} USING (pixel_hash)
LEFT JOIN models m ON m.kind = 'captioner' AND m.name = c.model AND m.revision = c.revision
    AND m.preprocess_version = c.preprocess_version
GROUP BY c.pixel_hash
"""

_WRITTEN = "SELECT photo_id, text, NULL, written_at FROM written_captions JOIN {given} USING (photo_id)"

_TAGS = """
SELECT photo_id, list(DISTINCT tag ORDER BY tag) AS names FROM tags JOIN {given} USING (photo_id) GROUP BY photo_id
"""

_COLLECTIONS = """
SELECT m.photo_id, list(DISTINCT c.name ORDER BY c.name) AS names
FROM collection_photos m JOIN {given} USING (photo_id) JOIN collections c USING (collection_id) GROUP BY m.photo_id
"""

_FILES = """
SELECT f.photo_id, f.root_id, f.rel_path, r.path AS root_path
FROM files f JOIN {given} USING (photo_id) JOIN roots r USING (root_id)
WHERE f.missing_since IS NULL AND f.skip_reason IS NULL ORDER BY r.path, f.rel_path
"""


def vector_store(home: Home, model: IndexModel | None) -> VectorStore | None:
    """Where the vectors of this model are kept."""
    return VectorStore(home, model.name, model.revision, model.preprocess_version) if model else None


def read_facts(tx: Transaction, photo_ids: Sequence[str], model: IndexModel | None) -> dict[str, PhotoFacts]:
    """The facts of those ids that a person can see: known, not hidden, with a file that is not missing."""
    if not photo_ids:
        return {}
    in_stacks = stacks.whole(tx, photo_ids)
    wanted = dict.fromkeys([*photo_ids, *(row["photo_id"] for row in in_stacks)])
    rating = photos.rating_sql("p")
    with _given(tx, "photo_id", wanted) as given:
        rows = tx.rows(_PHOTOS.format(given=given, rating=rating))
        written = {row[0]: Caption(*row[1:]) for row in tx.execute(_WRITTEN.format(given=given)).fetchall()}
        tags = dict(tx.execute(_TAGS.format(given=given)).fetchall())
        collections = dict(tx.execute(_COLLECTIONS.format(given=given)).fetchall())
    with _given(tx, "photo_id", {row["document_id"] for row in rows}) as given:
        files: dict[str, list[dict[str, Any]]] = {}
        for file in tx.rows(_FILES.format(given=given)):
            files.setdefault(file["photo_id"], []).append(file)
    with _given(tx, "sha256", {row["sha256"] for row in rows}) as given:
        seen = {(row[0], row[1]): row[2] for row in tx.execute(_PREVIEWS.format(given=given)).fetchall()}
    with _given(tx, "pixel_hash", seen.values()) as given:
        captions = {row[0]: Caption(*row[1:]) for row in tx.execute(_CAPTIONS.format(given=given)).fetchall()}
        embedded = set()
        if model:
            params = [model.name, model.revision, model.preprocess_version]
            embedded = {row[0] for row in tx.execute(_EMBEDDED.format(given=given), params).fetchall()}
    facts = {}
    for row in rows:
        photo_id, pixel_hash = row["photo_id"], seen.get((row["sha256"], row["page"]))
        if row["document_id"] in files:
            facts[photo_id] = PhotoFacts(
                row=row,
                pixel_hash=pixel_hash,
                embedded=pixel_hash in embedded,
                caption=captions.get(pixel_hash) if pixel_hash else None,
                written=written.get(photo_id),
                tags=tuple(tags.get(photo_id, ())),
                collections=tuple(collections.get(photo_id, ())),
                files=tuple(files[row["document_id"]]),
            )
    return _in_stacks({photo_id: facts[photo_id] for photo_id in photo_ids if photo_id in facts}, facts, in_stacks)


@contextmanager
def _given(tx: Transaction, column: str, values: Iterable[str]) -> Iterator[str]:
    """A relation of one column with these values, each once."""
    with tx.relation({column: list(dict.fromkeys(values))}, {column: pa.string()}) as name:
        yield name


def _in_stacks(
    wanted: dict[str, PhotoFacts], facts: Mapping[str, PhotoFacts], rows: Sequence[Mapping[str, Any]]
) -> dict[str, PhotoFacts]:
    """`wanted` with their stacks. Of those a person sees less than was stacked, until it is noticed: the first that is
    left is the cover, and one that is left alone is no stack."""
    for stack_id, members in groupby(rows, key=lambda row: str(row["stack_id"])):
        held = list(members)
        seen = tuple(facts[row["photo_id"]] for row in held if row["photo_id"] in facts)
        if len(seen) > 1:
            for photo in seen:
                if photo.photo_id in wanted:
                    wanted[photo.photo_id] = replace(photo, stack_id=stack_id, stack_kind=held[0]["kind"], stack=seen)
    return wanted


def usable_vectors(
    facts: Mapping[str, PhotoFacts],
    vectors: VectorReader | None,
    model: IndexModel | None,
    known: Mapping[str, Vector],
) -> tuple[dict[str, Vector], int]:
    """Vectors by pixel hash, and how many were promised by the manifest but are absent or not of the model's form.

    Those `known` are taken from there: to find one among all that are stored costs time by the size of the library.
    """
    hashes = sorted({fact.pixel_hash for fact in facts.values() if fact.embedded and fact.pixel_hash})
    if model is None or vectors is None or not hashes:
        return {}, 0
    stored = vectors.get([pixel_hash for pixel_hash in hashes if pixel_hash not in known])
    found = {**stored, **{pixel_hash: known[pixel_hash] for pixel_hash in hashes if pixel_hash in known}}
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
    """The point of one photo; its vector is the one of its pixel hash, None when there is none.

    A cover stands for its stack: it is found by the names, folders, formats and words of every photo of it, and where
    its own file is silent (an edited copy without a date) it says what the others say of the same shot.
    """
    payload = _payload(facts)
    if facts.is_cover:
        for mate in facts.mates:
            _join(payload, _payload(mate))
    if facts.stack:
        payload |= {
            "stack_id": facts.stack_id,
            "stack_kind": facts.stack_kind,
            "stack_size": len(facts.stack),
            "stack_member": not facts.is_cover,
        }
    # A person's word counts before a model's, whichever photo of the stack was meant; models describe covers.
    speakers = (facts, *facts.stack)
    captions = [*(each.written for each in speakers), *(each.caption for each in speakers)]
    caption = next((each for each in captions if each and each.text), None)
    payload["caption"] = _text(caption.text) if caption else None
    payload["caption_model"] = _text(caption.model) if caption else None
    payload["caption_at"] = caption.at.replace(tzinfo=UTC).timestamp() if caption else None
    payload["has_gps"] = payload["location"] is not None
    vector = vectors.get(facts.pixel_hash) if facts.embedded and facts.pixel_hash else None
    texts = dict.fromkeys(text for each in (speakers if facts.is_cover else (facts,)) for text in _words(each))
    words = "\n".join(dict.fromkeys([*([payload["caption"]] if payload["caption"] else []), *texts]))
    return PhotoPoint(facts.photo_id, vector, words, payload)


def _payload(facts: PhotoFacts) -> dict[str, Any]:
    """What this photo alone says."""
    row = facts.row
    paths = [PurePosixPath(file["root_path"], file["rel_path"]) for file in facts.files]
    folders = sorted({str(folder) for path in paths for folder in path.parents})
    return {
        "photo_id": row["photo_id"],
        "sha256": row["sha256"],
        "pixel_hash": facts.pixel_hash,
        # Of a file that is there now: the row keeps the name under which the photo was first read.
        "file_name": _text(paths[0].name if paths else row["file_name"]),
        "file_names": _texts(dict.fromkeys(path.name for path in paths)),
        "paths": _texts(str(path) for path in paths),
        "folders": _texts(folders),
        "root_ids": sorted({file["root_id"] for file in facts.files}),
        "format": [row["format"]] if row["format"] else [],
        "page": row["page"],
        "pages": row["pages"],
        "width": row["width"],
        "height": row["height"],
        "size_bytes": row["size_bytes"],
        "orientation_kind": _orientation_kind(row["width"], row["height"]),
        "taken_at": _seconds(row["taken_at"]),
        "added_at": _seconds(row["created_at"]),
        "camera": _camera(row["camera_make"], row["camera_model"]),
        "camera_make": _text(row["camera_make"]),
        "camera_model": _text(row["camera_model"]),
        "lens": _text(row["lens"]),
        "iso": _number(row["iso"]),
        "f_number": _number(row["f_number"]),
        "exposure_s": _number(row["exposure_s"]),
        "focal_length_mm": _number(row["focal_length_mm"]),
        "focal_length_35mm": _number(row["focal_length_35mm"]),
        "rating": _number(row["rating"]),
        "color_label": _text(row["color_label"]),
        "tags": _texts(facts.tags),
        "keywords": _texts(row["keywords"]),
        "people": _texts(row["people"]),
        "title": _text(row["title"]),
        "description": _text(row["description"]),
        "collections": _texts(facts.collections),
        "location": _location(row["gps_lat"], row["gps_lon"]),
        "country_code": _text(row["country_code"]),
        "country": _text(row["country"]),
        "region": _text(row["region"]),
        "city": _text(row["city"]),
        "motion": bool(row["motion"]),
        "warnings": _texts(row["warnings"]),
    }


# Lists that grow by what the mates say; what of the rest is filled from them where the cover says nothing.
_JOINED = ("format", "paths", "folders", "root_ids", "file_names", "tags", "keywords", "people", "collections")
_FILLED = (
    ("taken_at",),
    ("camera", "camera_make", "camera_model"),
    ("lens",),
    ("iso", "f_number", "exposure_s", "focal_length_mm", "focal_length_35mm"),
    ("rating",),
    ("color_label",),
    ("title",),
    ("description",),
    ("location",),
    ("country_code", "country", "region", "city"),
)


def _join(payload: dict[str, Any], mate: Mapping[str, Any]) -> None:
    for key in _JOINED:
        payload[key] = list(dict.fromkeys([*payload[key], *mate[key]]))
    for keys in _FILLED:
        if all(payload[key] is None for key in keys):
            payload |= {key: mate[key] for key in keys}
    payload["motion"] = payload["motion"] or mate["motion"]


def _words(facts: PhotoFacts) -> list[str]:
    """What the word search reads. Of a path only what a person chose: the root's own name and what is below it."""
    row = facts.row
    texts = [
        facts.written.text if facts.written else None,
        row["title"],
        row["description"],
        *facts.tags,
        *(row["keywords"] or ()),
        *(row["people"] or ()),
    ]
    texts += [*facts.collections, row["city"], row["region"], row["country"], row["color_label"]]
    texts += [_camera(row["camera_make"], row["camera_model"]), row["lens"]]
    for file in facts.files:
        path = PurePosixPath(file["rel_path"])
        texts += [PurePosixPath(file["root_path"]).name, *path.parts[:-1], path.name]
    return _texts(texts)


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


def _texts(values: Iterable[str | None] | None) -> list[str]:
    """Those that say something, as `_text`."""
    return [text for text in map(_text, values or ()) if text]
