"""A real manifest with photos as restacking sees them: names, dates, cameras and hashes, no pictures."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from resources.clock import utc_now
from resources.home import Home
from resources.manifest import Manifest, outbox
from resources.stacks import StackCounts, restack

NOON = datetime(2024, 6, 1, 12, 0, 0, 250_000)
ROOT = "root"
FORMATS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "heic": "HEIC",
    "nef": "NEF",
    "cr3": "CR3",
    "dng": "DNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "png": "PNG",
}


def photo_row(name: str, **given: Any) -> dict[str, Any]:
    """What the pipeline would write of a file of this name; `given` overrides, `hash` is the perceptual hash."""
    return {
        "format": FORMATS[name.rpartition(".")[2].lower()],
        "width": 6000,
        "height": 4000,
        "camera_make": "NIKON CORPORATION",
        "camera_model": "NIKON Z 6",
        "taken_at": NOON,
        "taken_at_source": "exif",
        "hash": 0x0F1E2D3C4B5A6978,
        **given,
    }


@dataclass
class StackLibrary:
    """One root. Every method is one committed transaction, as the pipeline writes."""

    manifest: Manifest
    ids: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, **given: Any) -> str:
        """A photo with one file."""
        self.add_all({path: given})
        return self.ids[path]

    def add_all(self, photos: Mapping[str, Mapping[str, Any]]) -> None:
        """Photos with one file each: what overrides their rows, by path."""
        rows, previews, files = [], [], []
        for path, given in photos.items():
            row = photo_row(path, **given)
            photo_id = self.ids[path] = str(uuid.uuid4())
            previews.append(_preview(photo_id, row.pop("hash")))
            rows.append({"photo_id": photo_id, "document_id": photo_id, "sha256": photo_id} | row)
            files.append(_file(path, photo_id))
        columns = dict.fromkeys(name for row in rows for name in row)
        with self.manifest.write() as tx:
            tx.insert("photos", [{"created_at": utc_now(), **dict.fromkeys(columns), **row} for row in rows])
            tx.insert("files", files)
            tx.insert("previews", previews)

    def add_path(self, path: str, of: str) -> None:
        """The same bytes at one more path."""
        with self.manifest.write() as tx:
            tx.insert("files", [_file(path, self.ids[of])])
        self.ids[path] = self.ids[of]

    def add_video(self, path: str, size_bytes: int = 3_000_000, written_s_later: int = 0) -> None:
        row = _file(path, None) | {"size_bytes": size_bytes, "skip_reason": "video", "sha256": None}
        row["mtime_ns"] += written_s_later * 10**9
        with self.manifest.write() as tx:
            tx.insert("files", [row])

    def vanish(self, path: str) -> None:
        self.execute("UPDATE files SET missing_since = ? WHERE rel_path = ?", [utc_now(), path])

    def come_back(self, path: str) -> None:
        self.execute("UPDATE files SET missing_since = NULL WHERE rel_path = ?", [path])

    def move(self, old: str, new: str) -> None:
        """As the inventory and the reader see a move: the old file is missing, the new one is the photo's."""
        photo_id = self.ids.pop(old)
        self.vanish(old)
        with self.manifest.write() as tx:
            if tx.value("SELECT count(*) FROM files WHERE rel_path = ?", [new]):
                tx.execute("UPDATE files SET missing_since = NULL, photo_id = ? WHERE rel_path = ?", [photo_id, new])
            else:
                tx.insert("files", [_file(new, photo_id)])
        self.ids[new] = photo_id

    def rewrite(self, path: str, perceptual_hash: int | None = None, **columns: Any) -> None:
        """What a sidecar's change or an editor's save does to the photo's row; the row written anew is due."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        with self.manifest.write() as tx:
            if columns:
                tx.execute(f"UPDATE photos SET {sets} WHERE photo_id = ?", [*columns.values(), self.ids[path]])
            if perceptual_hash is not None:
                tx.execute(
                    "UPDATE previews SET perceptual_hash = ? WHERE sha256 = ?", [perceptual_hash, self.ids[path]]
                )
            tx.execute("UPDATE photos SET stack_due = true WHERE photo_id = ?", [self.ids[path]])

    def execute(self, sql: str, params: list[Any]) -> None:
        with self.manifest.write() as tx:
            tx.execute(sql, params)

    def restack(self, limit_s: float = 60.0) -> StackCounts:
        return restack(self.manifest, limit_s=limit_s)

    def stacks(self) -> dict[tuple[str, ...], str]:
        """Kind of each stack by its photos, the cover first; a photo is named by the first path it was given."""
        names: dict[str, str] = {}
        for path, photo_id in self.ids.items():
            names.setdefault(photo_id, path)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.rows("SELECT * FROM stacks ORDER BY stack_id, position"):
            found.setdefault(row["stack_id"], []).append(row)
        for rows in found.values():
            assert [row["is_cover"] for row in rows] == [True] + [False] * (len(rows) - 1)
            assert [row["position"] for row in rows] == list(range(len(rows)))
            assert len({row["kind"] for row in rows}) == 1
        stacks = {tuple(names[row["photo_id"]] for row in rows): rows[0]["kind"] for rows in found.values()}
        photos = [photo for members in stacks for photo in members]
        assert len(photos) == len(set(photos)), "a photo stands in two stacks"
        assert all(len(members) > 1 for members in stacks)
        return stacks

    def rows(self, sql: str, params: list[Any] | None = None) -> list[dict[str, Any]]:
        with self.manifest.read() as tx:
            return tx.rows(sql, params or ())

    def told_since(self, seq: int) -> set[str]:
        """Photos that the index is told of since then."""
        return {row["photo_id"] for row in self.rows("SELECT photo_id FROM index_outbox WHERE seq > ?", [seq])}

    def newest_seq(self) -> int:
        with self.manifest.read() as tx:
            return outbox.newest_seq(tx)


def make_stack_library(path: Path) -> StackLibrary:
    manifest = Manifest(Home(path).prepare()).prepare()
    with manifest.write() as tx:
        row = {"root_id": ROOT, "path": "/photos", "added_at": utc_now(), "state": "online", "partition_depth": 9}
        tx.insert("roots", [row])
    return StackLibrary(manifest)


def _file(path: str, photo_id: str | None) -> dict[str, Any]:
    return {
        "root_id": ROOT,
        "rel_path": path,
        "partition_key": path.rpartition("/")[0],
        "size_bytes": 1,
        "mtime_ns": 1,
        "sha256": photo_id,
        "photo_id": photo_id,
        "first_seen_at": utc_now(),
    }


def _preview(sha256: str, perceptual_hash: int | None) -> dict[str, Any]:
    row = {"sha256": sha256, "pixel_hash": sha256, "width": 6, "height": 4, "decoder_version": "1", "rung": "raster"}
    return row | {"decoded_at": utc_now(), "perceptual_hash": perceptual_hash}
