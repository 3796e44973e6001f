"""The tables of an export: their names, what is in them and what each column means.

The queries stand in `manifest/exports.py`; a test holds both in step, and docs/exchange.md with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from resources.errors import LoupeError

__all__ = ["EXPORT_VERSION", "GROUPS", "TABLES", "ExportTable", "tables_of"]

# Grows when a column changes its meaning or goes; a new column or table needs no new version.
EXPORT_VERSION = 1


@dataclass(frozen=True)
class ExportTable:
    """One table. `columns` maps name to meaning, in the order of the file; `made_by` says whose word it is."""

    name: str
    made_by: Literal["a person", "Loupe", "a model", "the files"]
    meaning: str
    columns: dict[str, str]


_UTC = "UTC"
_PHOTO = {"photo_id": "the photo, as in `photos`"}
_MODEL = {
    "model": "name of the model",
    "revision": "of the model's files",
    "preprocess_version": "of the way from picture to model",
}

TABLES: dict[str, ExportTable] = {
    table.name: table
    for table in (
        ExportTable(
            "photos",
            "the files",
            "One row a photo: what its file, the sidecars beside it and its position say. Of a file of several pages "
            "each page is a photo.",
            {
                "photo_id": "by which the other tables name it",
                "document_id": "photo_id of the file's first page; of a plain photo its own",
                "page": "from 1",
                "pages": "of the whole file",
                "sha256": "of the file's bytes, hexadecimal",
                "pixel_hash": "of the decoded preview pixels, hexadecimal: equal pictures have equal ones",
                "perceptual_hash": "difference hash of the picture, 64 bits as 16 hexadecimal digits",
                "file_name": "when it was first read",
                "paths": "absolute paths of its files that are there; several for copies of the same bytes",
                "format": "by content: JPEG, CR3, ...",
                "mime": "of the format",
                "width": "pixels, upright",
                "height": "pixels, upright",
                "size_bytes": "of the file",
                "taken_at": "the clock of the place where it was taken, without a zone",
                "taken_at_offset_min": "minutes that this clock was ahead of UTC; NULL: unknown",
                "taken_at_source": "exif, xmp, iptc, gps, raw, file_name, file_modified, ...",
                "camera_make": "",
                "camera_model": "",
                "lens": "",
                "focal_length_mm": "millimetres",
                "focal_length_35mm": "millimetres, for the same view on 24 x 36 mm film",
                "f_number": "",
                "exposure_s": "seconds",
                "exposure_bias_ev": "EV",
                "iso": "",
                "flash_fired": "",
                "gps_lat": "degrees WGS84, north positive",
                "gps_lon": "degrees WGS84, east positive",
                "gps_alt_m": "metres above sea level",
                "country_code": "ISO 3166-1 alpha-2",
                "country": "",
                "region": "state or province",
                "city": "",
                "place_source": "file: somebody wrote it; gps: looked up for the position",
                "orientation": "as written into the file, 1 to 8; width and height are upright already",
                "rating": "as the file or sidecar says, 0 to 5, -1 rejected; those given in Loupe stand in `ratings`",
                "color_label": "in the words of the editor that gave it",
                "title": "",
                "description": "as the file or sidecar says",
                "keywords": "as the file or sidecar says; those given in Loupe stand in `tags`",
                "people": "names that the file or sidecar gives",
                "burst_id": "what the camera calls the burst",
                "motion": "a short video belongs to it",
                "decode_rung": "how the picture was got out of the file",
                "warnings": "codes of docs/errors.md",
                "created_at": f"when the library first saw it, {_UTC}",
                "hidden_at": f"when a person removed it from the library, {_UTC}",
            },
        ),
        ExportTable(
            "files",
            "the files",
            "One row a file that is or was a photo.",
            {
                "document_id": "photo_id of its first page",
                "root_path": "the watched folder; characters U+F780 to U+F7FF stand for bytes that are no UTF-8",
                "rel_path": "below it",
                "size_bytes": "",
                "mtime_ns": "nanoseconds since 1970",
                "sha256": "of its bytes, hexadecimal",
                "sidecar": "path of the sidecar beside it, below the watched folder",
                "first_seen_at": _UTC,
                "missing_since": f"{_UTC}; NULL while it is there",
            },
        ),
        ExportTable("tags", "a person", "Tags given in Loupe.", {**_PHOTO, "tag": "", "created_at": _UTC}),
        ExportTable(
            "ratings",
            "a person",
            "Ratings given in Loupe.",
            {**_PHOTO, "rating": "0 to 5, -1 rejected; NULL: none, whatever the file says", "given_at": _UTC},
        ),
        ExportTable(
            "written_captions",
            "a person",
            "Captions written in Loupe.",
            {**_PHOTO, "text": "", "written_at": _UTC},
        ),
        ExportTable(
            "computed_captions",
            "a model",
            "Captions that models made, for each photo that has the pixels.",
            {**_PHOTO, "pixel_hash": "what the model saw", **_MODEL, "text": "", "created_at": _UTC},
        ),
        ExportTable(
            "collections",
            "a person",
            "Collections; empty ones too.",
            {
                "collection_id": "",
                "name": "",
                "cover_photo_id": "the photo that was chosen to stand for it; NULL: the best of it",
                "created_at": _UTC,
                "updated_at": _UTC,
                "last_searched_at": f"when a search was narrowed to it last, {_UTC}",
            },
        ),
        ExportTable(
            "collection_photos",
            "a person",
            "What is in the collections.",
            {"collection_id": "as in `collections`", **_PHOTO, "added_at": _UTC},
        ),
        ExportTable(
            "saved_searches",
            "a person",
            "Searches kept under a name.",
            {
                "name": "",
                "request": "JSON: what `POST /api/v1/search` takes, without its pages",
                "created_at": _UTC,
                "updated_at": _UTC,
                "last_run_at": f"{_UTC}; NULL: not run yet",
                "last_count": "photos that the last run found",
            },
        ),
        ExportTable(
            "stacks",
            "Loupe",
            "Photos that belong together.",
            {
                "stack_id": "",
                **_PHOTO,
                "kind": "raw_jpeg, edit, burst",
                "is_cover": "the one that search shows",
                "position": "from 0, the cover first",
            },
        ),
        ExportTable(
            "stack_separations",
            "a person",
            "Photos that a person keeps apart: those of different parts of one choice never come together.",
            {"choice_id": "", **_PHOTO, "part": "", "decided_at": _UTC},
        ),
        ExportTable(
            "stack_covers",
            "a person",
            "Photos that a person made the cover of their stack.",
            {**_PHOTO, "decided_at": _UTC},
        ),
        ExportTable(
            "not_duplicates",
            "a person",
            "Pairs of photos that a person called different: they are no duplicates.",
            {
                **_PHOTO,
                "other_photo_id": "the other of the two; the same photo: its copies are meant",
                "decided_at": _UTC,
            },
        ),
        ExportTable(
            "hidden",
            "a person",
            "Content that a person removed from the library.",
            {"sha256": "of the bytes, hexadecimal", **_PHOTO, "hidden_at": _UTC},
        ),
        ExportTable(
            "projections",
            "Loupe",
            "Where photos lie on the similarity map.",
            {"model": "name of the model", **_PHOTO, "x": "", "y": "", "created_at": _UTC},
        ),
        ExportTable(
            "vectors",
            "a model",
            "Image vectors, of unit length: `pixel_hash` joins them to `photos`.",
            {"pixel_hash": "what the model saw", **_MODEL, "vector": "float32"},
        ),
    )
}

# What `--only` takes beside the names of tables.
GROUPS = {
    "captions": ("written_captions", "computed_captions"),
    "collections": ("collections", "collection_photos"),
    "stacks": ("stacks", "stack_separations", "stack_covers"),
}


def tables_of(only: Iterable[str], *, vectors: bool) -> list[ExportTable]:
    """The tables to write: those named (groups or tables), all when none is; `photos` always, by which all is matched.

    Vectors are large: they come with `vectors` or by name. Raises `INVALID_REQUEST` for an unknown name.
    """
    asked = [name.strip() for name in only if name.strip()]
    wanted = {"photos", *(["vectors"] if vectors else [])}
    for name in asked:
        if name not in TABLES and name not in GROUPS:
            known = ", ".join(sorted({*TABLES, *GROUPS}))
            raise LoupeError("INVALID_REQUEST", f"There is no '{name}' to export. There is {known}.")
        wanted.update(GROUPS.get(name, (name,)))
    if not asked:
        wanted.update(set(TABLES) - {"vectors"})
    return [table for table in TABLES.values() if table.name in wanted]
