"""One flush of the photo stream: files, photos, previews, results, failures and the outbox in one transaction.

This is the only place that decides which photo a file is. The rules: bytes that are some photo's current content are
that photo; new bytes at a path whose photo no other file holds are the same photo, edited; other bytes are a new photo.
Of a hidden photo only a picture like it is the same photo: another one that took its name is to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.engine.tasks import Decoded, DecodedPage
from resources.imaging import PhotoMetadata
from resources.manifest import failures, files, hidden, outbox, photos, previews, results, sidecars, stacks
from resources.manifest.database import Transaction
from resources.manifest.files import NOT_A_PHOTO, PendingFile
from resources.manifest.results import ResultKey, Stage
from resources.manifest.sidecars import ReadSidecar
from resources.photo_description import describe

__all__ = ["Failed", "Flush", "Read", "record"]


@dataclass(frozen=True)
class Read:
    """A file that was read: decoded now, or known by its bytes (`decoded` None)."""

    file: PendingFile
    sha256: str
    size_bytes: int
    mtime_ns: int
    decoded: Decoded | None


@dataclass(frozen=True)
class Failed:
    """A file that a stage could not do. `size_bytes` and `mtime_ns` are those of the bytes that failed.

    `made_by` names what failed, None for the decoder; see `ResultKey.made_by`.
    """

    root_id: str
    rel_path: str
    partition_key: str
    stage: str
    code: str
    message: str
    sha256: str | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None
    made_by: str | None = None
    page: int = 1


@dataclass
class Flush:
    """What has piled up since the last flush."""

    decoder_version: str
    reads: list[Read] = field(default_factory=list)
    sidecars: list[ReadSidecar] = field(default_factory=list)
    not_photos: list[PendingFile] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    made: dict[tuple[Stage, ResultKey], list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        made = sum(len(rows) for rows in self.made.values())
        return len(self.reads) + len(self.sidecars) + len(self.not_photos) + len(self.failed) + made


def record(tx: Transaction, flush: Flush) -> None:
    """Write the flush. Idempotent: the same flush again changes nothing that counts."""
    now = utc_now()
    changed: set[str] = set()
    if flush.reads:
        changed |= _record_reads(tx, flush, now)
    if flush.sidecars:
        changed |= _record_sidecars(tx, flush.sidecars)
    if flush.not_photos:
        _mark_not_photos(tx, flush.not_photos)
    failures.record(tx, [_failure_row(failed, flush.decoder_version) for failed in flush.failed])
    for (stage, key), rows in flush.made.items():
        results.put(tx, stage, key, [{**row, "created_at": now} for row in rows])
        if rows:
            failures.clear_made(tx, stage, key.made_by, [row["pixel_hash"] for row in rows])
            changed.update(results.photos_showing(tx, [row["pixel_hash"] for row in rows]))
    outbox.push(tx, changed, "photo")


def _failure_row(failed: Failed, decoder_version: str) -> dict[str, Any]:
    facts = {name: value for name, value in vars(failed).items() if name != "made_by"}
    return {**facts, "decoder_version": failed.made_by or decoder_version}


def _record_reads(tx: Transaction, flush: Flush, now: datetime) -> set[str]:
    decoded = {read.sha256: read.decoded for read in flush.reads if read.decoded}
    current = photos.by_sha256(tx, [read.sha256 for read in flush.reads])
    # A file that was removed, moved or left out while it was decoded has no row any more that it could be told to.
    here = files.present(tx, [_path(read) for read in flush.reads])
    # Known bytes that stopped being a photo's content meanwhile stay pending and are decoded next time.
    reads = [read for read in flush.reads if _path(read) in here and (read.sha256 in decoded or read.sha256 in current)]
    decoded = {read.sha256: read.decoded for read in reads if read.decoded}
    previews.put(
        tx,
        [
            {
                "sha256": sha256,
                "page": page.page,
                "pixel_hash": page.pixel_hash,
                "perceptual_hash": page.perceptual_hash,
                "width": page.preview_width,
                "height": page.preview_height,
                "decoder_version": flush.decoder_version,
                "rung": page.rung,
                "warnings": list(page.warnings),
                "metadata": page.metadata.to_json(),
                "decoded_at": now,
            }
            for sha256, each in decoded.items()
            for page in each.pages
        ],
    )
    photo_of = _assign(tx, reads, current)
    left = _attach(tx, reads, photo_of)
    documents = {photo_of[_path(read)]: read for read in reads if read.decoded}
    photos.replace(tx, _photo_rows(tx, documents, now))
    kept = [(document_id, page.page) for document_id, read in documents.items() for page in _pages(read)]
    gone = photos.drop_pages(tx, kept)
    failures.clear(tx, [(*_path(read), read.sha256) for read in reads], "decoded_images")
    shown = photos.of_documents(tx, [*photo_of.values(), *left])
    stacks.disturb(tx, shown)
    return set(shown) | left | set(gone)


def _record_sidecars(tx: Transaction, read: Sequence[ReadSidecar]) -> set[str]:
    """What sidecars say now, in the rows of their photos. Returns the photos that look different by it."""
    sidecars.record(tx, read)
    documents = sorted({each.pending.photo_id for each in read})
    before = photos.rows(tx, documents)
    files = sidecars.said(tx, documents)
    embedded = previews.metadata(tx, [row["sha256"] for row in before])
    changed: list[dict[str, Any]] = []
    for row in before:
        text = embedded.get((row["sha256"], row["page"]))
        if text and row["document_id"] in files:
            said = _description(PhotoMetadata.from_json(text), files[row["document_id"]], row)
            if any(row[name] != value for name, value in said.items()):
                changed.append({**row, **said, "stack_due": True})
    photos.replace(tx, changed)
    return {row["photo_id"] for row in changed}


def _path(read: Read) -> tuple[str, str]:
    return read.file.root_id, read.file.rel_path


def _assign(tx: Transaction, reads: Sequence[Read], current: dict[str, str]) -> dict[tuple[str, str], str]:
    """The photo id of each read file; `current` maps content to photo and grows with what is minted."""
    edited = [(*_path(read), read.file.photo_id) for read in reads if read.file.photo_id and read.sha256 not in current]
    shared = photos.ids_with_other_files(tx, edited) if edited else set()
    # A copy made just before the edit, or a file that took the edited one's content, holds the photo from now on.
    shared |= {current[read.sha256] for read in reads if read.sha256 in current}
    pictures = {read.sha256: read.decoded.pages[0].perceptual_hash for read in reads if read.decoded}
    edits = [(read.file.photo_id, pictures[read.sha256]) for read in reads if read.sha256 in pictures]
    shared |= hidden.other_pictures(tx, [(photo_id, picture) for photo_id, picture in edits if photo_id])
    minted = [photos.mint_photo_id(read.sha256) for read in reads if read.sha256 not in current]
    taken = photos.taken_ids(tx, minted) if minted else set()
    assigned: dict[tuple[str, str], str] = {}
    kept: set[str] = set()
    for read in reads:
        if read.sha256 not in current:
            earlier = read.file.photo_id
            if earlier and earlier not in shared and earlier not in kept:
                kept.add(earlier)
                current[read.sha256] = earlier
            else:
                current[read.sha256] = photos.mint_photo_id(read.sha256, taken)
                taken.add(current[read.sha256])
        assigned[_path(read)] = current[read.sha256]
    return assigned


def _pages(read: Read) -> Sequence[DecodedPage]:
    return read.decoded.pages if read.decoded else ()


def _photo_rows(tx: Transaction, documents: dict[str, Read], now: datetime) -> list[dict[str, Any]]:
    """A row for each page of these files, by document id. Their files are attached already."""
    files = sidecars.said(tx, list(documents))
    earlier = {row["photo_id"]: row for row in photos.rows(tx, list(documents))}
    removed = hidden.content(tx, [read.sha256 for read in documents.values()])
    return [
        {
            "photo_id": photos.page_photo_id(document_id, page.page),
            "document_id": document_id,
            "page": page.page,
            "pages": read.decoded.page_count,
            "sha256": read.sha256,
            "created_at": now,
            "format": read.decoded.format,
            "mime": read.decoded.mime,
            "width": page.width,
            "height": page.height,
            "size_bytes": read.size_bytes,
            "file_name": read.file.rel_path.rpartition("/")[2],
            **_description(page.metadata, files[document_id], earlier.get(document_id)),
            "decode_rung": page.rung,
            "warnings": list(page.warnings),
            "stack_due": True,
            "hidden_at": removed.get(read.sha256),
        }
        for document_id, read in documents.items()
        if read.decoded
        for page in read.decoded.pages
    ]


def _description(
    embedded: PhotoMetadata, files: Sequence[dict[str, Any]], earlier: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The metadata columns of a photo from its bytes and the sidecars beside its files, of which the newest counts."""
    newest_first = sorted(files, key=lambda file: -(file["sidecar_mtime_ns"] or 0))
    described = describe(
        embedded,
        [PhotoMetadata.from_json(file["sidecar_metadata"]) for file in newest_first if file["sidecar_metadata"]],
        file_name=files[0]["rel_path"].rpartition("/")[2],
        mtime_ns=min(file["mtime_ns"] for file in files),
    )
    guessed = described["taken_at_source"] == "file_modified"
    if guessed and earlier and earlier["taken_at_source"] == "file_modified" and earlier["taken_at"]:
        # Saving a file says nothing of when it was taken.
        for name in ("taken_at", "taken_at_offset_min"):
            described[name] = earlier[name] if earlier["taken_at"] < described["taken_at"] else described[name]
    return described


def _attach(tx: Transaction, reads: Sequence[Read], photo_of: dict[tuple[str, str], str]) -> set[str]:
    """Give the files their hash and photo. Returns photos that lost a file by it."""
    columns: dict[str, list[Any]] = {
        "root_id": [read.file.root_id for read in reads],
        "rel_path": [read.file.rel_path for read in reads],
        "sha256": [read.sha256 for read in reads],
        "photo_id": [photo_of[_path(read)] for read in reads],
        "size_bytes": [read.size_bytes for read in reads],
        "mtime_ns": [read.mtime_ns for read in reads],
    }
    types = {name: pa.string() for name in columns} | {"size_bytes": pa.int64(), "mtime_ns": pa.int64()}
    with tx.relation(columns, types) as given:
        same = "f.root_id = g.root_id AND f.rel_path = g.rel_path"
        left = tx.execute(
            f"SELECT f.photo_id FROM files f JOIN {given} g ON {same} WHERE f.photo_id <> g.photo_id"
        ).fetchall()
        tx.execute(
            f"""UPDATE files AS f SET sha256 = g.sha256, photo_id = g.photo_id, size_bytes = g.size_bytes,
                mtime_ns = g.mtime_ns FROM {given} g WHERE {same}"""
        )
    return {row[0] for row in left}


def _mark_not_photos(tx: Transaction, given_files: Sequence[PendingFile]) -> None:
    columns = {
        "root_id": [each.root_id for each in given_files],
        "rel_path": [each.rel_path for each in given_files],
    }
    with tx.relation(columns, dict.fromkeys(columns, pa.string())) as given:
        tx.execute(
            f"UPDATE files AS f SET skip_reason = ? FROM {given} g "
            "WHERE f.root_id = g.root_id AND f.rel_path = g.rel_path",
            [NOT_A_PHOTO],
        )
        tx.execute(f"DELETE FROM failures AS x USING {given} g WHERE x.root_id = g.root_id AND x.rel_path = g.rel_path")
