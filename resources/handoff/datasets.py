"""Photos and their captions as data sets: COCO captions (JSON), WebDataset (tar), CSV. Each is a stream of bytes.

Formats: https://cocodataset.org/#format-data (captions), https://github.com/webdataset/webdataset (files of a sample
share a key and follow one another). Not here: which split a photo is in (`splits.py`).
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resources.handoff.originals import Original, opened

__all__ = ["Sample", "coco_captions", "csv_table", "dataset_sample", "webdataset"]

_COLUMNS = ("photo_id", "file_name", "split", "caption", "tags", "width", "height", "taken_at", "path")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One photo of a data set. `file_name` is what it is called among the exported pictures; `path` where it stands in
    the library; `taken_at` the wall clock of the place."""

    photo_id: str
    file_name: str
    split: str
    path: str = ""
    caption: str | None = None
    tags: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    taken_at: datetime | None = None


def dataset_sample(payload: Mapping[str, Any], split: str) -> Sample:
    """Of what the index shows of a photo, or of its card. Its picture is named by its id: unique, and the same in each
    format and part."""
    path = next(iter(payload.get("paths") or ()), "")
    taken = payload.get("taken_at")
    if isinstance(taken, str):
        taken_at: datetime | None = datetime.fromisoformat(taken)
    else:
        taken_at = None if taken is None else datetime.fromtimestamp(taken, UTC).replace(tzinfo=None)
    return Sample(
        photo_id=payload["photo_id"],
        file_name=f"{payload['photo_id']}.{_ending(path)}",
        split=split,
        path=path,
        caption=payload.get("caption"),
        tags=tuple(payload.get("tags") or ()),
        width=payload.get("width"),
        height=payload.get("height"),
        taken_at=taken_at,
    )


def _ending(name: str) -> str:
    _, dot, ending = name.rpartition(".")
    return ending.lower() if dot and ending.isascii() and ending.isalnum() else "bin"


def csv_table(samples: Iterable[Sample]) -> Iterator[bytes]:
    """UTF-8, RFC 4180, with a header; tags as a JSON list. Texts as they are: for programs, not for spreadsheets."""
    yield _csv_row(_COLUMNS)
    for each in samples:
        taken = each.taken_at.isoformat() if each.taken_at else ""
        tags = json.dumps(each.tags, ensure_ascii=False)
        values = (each.photo_id, each.file_name, each.split, each.caption or "", tags)
        yield _csv_row((*values, each.width or "", each.height or "", taken, each.path))


def _csv_row(values: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().encode("utf-8", "replace")


def coco_captions(samples: Iterable[Sample], made_at: datetime) -> Iterator[bytes]:
    """One JSON document: `info`, `licenses`, `images` and `annotations`; photos without a caption are images alone.

    Ids count from 1 in the order of `samples`. The captions are held until the images are written: some 200 bytes each.
    """
    info = {"description": "Photos of a Loupe library", "version": "1.0", "year": made_at.year}
    info["date_created"] = made_at.strftime("%Y/%m/%d")
    yield f'{{"info": {json.dumps(info)}, "licenses": [], "images": ['.encode()
    captions: list[bytes] = []
    for number, each in enumerate(samples, start=1):
        image = {
            "id": number,
            "file_name": each.file_name,
            "width": each.width or 0,
            "height": each.height or 0,
            "date_captured": each.taken_at.strftime("%Y-%m-%d %H:%M:%S") if each.taken_at else "",
            "license": 0,
            "loupe_photo_id": each.photo_id,
        }
        yield (b",\n" if number > 1 else b"\n") + json.dumps(image, ensure_ascii=False).encode("utf-8", "replace")
        if each.caption:
            said = {"id": len(captions) + 1, "image_id": number, "caption": each.caption}
            captions.append(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    yield b'\n], "annotations": [\n' + b",\n".join(captions) + b"\n]}\n"


def webdataset(samples: Iterable[tuple[Sample, Original]]) -> Iterator[bytes]:
    """A tar in which each photo is its original, `.txt` with the caption and `.json` with the rest, by photo id.

    A file that cannot be opened is left out. Raises `OSError` when one became shorter while it is read.
    """
    for sample, original in samples:
        source = opened(original)
        if source is None:
            continue
        with source:
            size = os.fstat(source.fileno()).st_size
            yield _tar_header(f"{sample.photo_id}.{_ending(original.name)}", size, original.mtime)
            left = size
            while left:
                chunk = source.read(min(left, _CHUNK))
                if not chunk:
                    raise OSError(f"{original.name} became shorter while it was read")
                left -= len(chunk)
                yield chunk
            yield _padding(size)
        about = {
            "photo_id": sample.photo_id,
            "file_name": original.name,
            "split": sample.split,
            "tags": list(sample.tags),
            "width": sample.width,
            "height": sample.height,
            "taken_at": sample.taken_at.isoformat() if sample.taken_at else None,
        }
        for ending, text in (("txt", sample.caption or ""), ("json", json.dumps(about, ensure_ascii=False))):
            content = text.encode("utf-8", "replace")
            header = _tar_header(f"{sample.photo_id}.{ending}", len(content), original.mtime)
            yield header + content + _padding(len(content))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _tar_header(name: str, size: int, mtime: float) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mtime = size, max(0, int(mtime))
    return header.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
