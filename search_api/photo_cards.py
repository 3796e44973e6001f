"""From what the index and the manifest hold of a photo to what a reply shows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from resources.errors import WARNINGS
from resources.manifest.roots import can_be_reached
from resources.search import Hit
from search_api.schemas.edits import CaptionSource
from search_api.schemas.photos import Location, Photo, PhotoCard, PhotoFile, PhotoWarning, StackOfPhoto

__all__ = ["caption_source", "card", "file_name", "hit_card", "motion_path", "photo"]

_SHOWN = (
    "file_name",
    "paths",
    "title",
    "caption",
    "caption_model",
    "width",
    "height",
    "page",
    "pages",
    "motion",
    "stack_id",
    "stack_kind",
    "stack_size",
    "camera",
    "rating",
    "color_label",
    "people",
    "country",
    "region",
    "city",
    "tags",
    "collections",
)


def hit_card(hit: Hit, browsing: bool) -> PhotoCard:
    """A search's hit; without a score when there was nothing to score by."""
    shown = card(hit.payload)
    if not browsing:
        shown.score, shown.meaning, shown.words = hit.score, hit.meaning, hit.words
    return shown


def card(payload: Mapping[str, Any]) -> PhotoCard:
    """A photo of the index."""
    taken_at, caption_at = payload.get("taken_at"), payload.get("caption_at")
    formats = payload.get("format") or []
    return PhotoCard(
        photo_id=payload["photo_id"],
        taken_at=None if taken_at is None else datetime.fromtimestamp(taken_at, UTC).replace(tzinfo=None),
        caption_at=None if caption_at is None else datetime.fromtimestamp(caption_at, UTC).replace(tzinfo=None),
        caption_source=caption_source(payload),
        location=payload.get("location"),
        format=formats[0] if formats else None,
        formats=formats,
        offline=bool(payload.get("offline")),
        searchable_by_content=bool(payload.get("embedded")),
        **_image_urls(payload["photo_id"], payload.get("pixel_hash")),
        **{name: payload[name] for name in _SHOWN if payload.get(name) is not None},
    )


def photo(
    row: Mapping[str, Any],
    paths: list[dict[str, Any]],
    stack: list[dict[str, Any]],
    motion_path: str | None,
    searchable_by_content: bool,
) -> Photo:
    """All that is known.

    `row` of `manifest.photos.get`, `paths` of `manifest.photos.paths`, `stack` of `manifest.stacks.members`.
    """
    files = [
        PhotoFile(
            root_id=file["root_id"],
            path=os.path.join(file["root_path"], file["rel_path"]),
            size_bytes=file["size_bytes"],
            modified_at=datetime.fromtimestamp(file["mtime_ns"] / 1e9, UTC).replace(tzinfo=None),
            reachable=file["missing_since"] is None and can_be_reached(file["root_state"]),
        )
        for file in paths
    ]
    known = {name: row[name] for name in Photo.model_fields if row.get(name) is not None}
    make, model = row["camera_make"] or "", row["camera_model"] or ""
    camera = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    located = row["gps_lat"] is not None and row["gps_lon"] is not None
    return Photo(
        **{
            **known,
            **_image_urls(row["photo_id"], row["pixel_hash"]),
            "file_name": file_name(row, paths),
            "camera": camera or None,
            "caption_source": caption_source(row),
            "location": Location(lat=row["gps_lat"], lon=row["gps_lon"]) if located else None,
            "added_at": row["created_at"],
            "offline": not any(file.reachable for file in files),
            "searchable_by_content": searchable_by_content,
            "formats": [row["format"]] if row["format"] else [],
            **_stack(row["photo_id"], stack),
            "motion_path": motion_path,
            "motion_url": f"/api/v1/images/{row['photo_id']}/motion" if motion_path else None,
            "warning_notes": [_warning(code) for code in row["warnings"] or ()],
            "files": files,
            "paths": [file.path for file in files],
            "original_url": f"/api/v1/images/{row['photo_id']}/original",
        }
    )


def caption_source(row: Mapping[str, Any]) -> CaptionSource | None:
    """Whose the caption of a row of `manifest.photos.get`, or of a point, is; only what a model computed names one."""
    if row.get("caption") is None:
        return None
    return "computed" if row.get("caption_model") else "written"


def _stack(photo_id: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    if not members:
        return {}
    stack_id, kind = members[0]["stack_id"], members[0]["kind"]
    is_cover = any(member["is_cover"] for member in members if member["photo_id"] == photo_id)
    return {
        "stack_id": stack_id,
        "stack_kind": kind,
        "stack_size": len(members),
        "stack": StackOfPhoto(stack_id=stack_id, kind=kind, size=len(members), is_cover=is_cover),
    }


def _warning(code: str) -> PhotoWarning:
    known = WARNINGS.get(code)
    return PhotoWarning(code=code, message=known.meaning if known else code, advice=known.advice if known else "")


def motion_path(videos: list[dict[str, Any]]) -> str | None:
    """The absolute path of the first of `manifest.photos.motion_files`."""
    return os.path.join(videos[0]["root_path"], videos[0]["rel_path"]) if videos else None


def file_name(row: Mapping[str, Any], paths: list[dict[str, Any]]) -> str:
    """The name of the first file that is there, else of the one that was there last."""
    there = [file for file in paths if file["missing_since"] is None]
    known = there[:1] or sorted(paths, key=lambda file: file["missing_since"])[-1:]
    return str(os.path.basename(known[0]["rel_path"]) if known else row["file_name"] or row["photo_id"])


def _image_urls(photo_id: str, pixel_hash: str | None) -> dict[str, Any]:
    # The hash makes the address of other pixels another one, so that browsers may keep what they have.
    version = f"?v={pixel_hash[:16]}" if pixel_hash else ""
    base = f"/api/v1/images/{photo_id}"
    return {"thumbnail_url": f"{base}/thumbnail{version}", "preview_url": f"{base}/preview{version}"}
