"""What moving photos costs: renamed folders, files in other folders, a whole root that stands elsewhere.

    python benchmarks/moves.py --photos 10000 [--recorded]

Takes small drawn pictures in with the demo models, captions included, tags each third one and puts each fifth one into
a collection, moves all of them in three ways, and lets Loupe find out each time by a real ingest: inventory, photo
stream and search index. With `--recorded` the first ingest is only written down as done (the files are hashed, results
made up), which saves the models' hours. Prints Markdown: seconds; files and bytes read; pictures decoded and seen by
the models; and what was lost: photos with another id or without their tags, collections or captions, and points of the
index without the new path.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from soak import draw

from orchestration.ingest import IngestCounts, ingest
from resources.imaging import DECODER_VERSION
from resources.inventory import add_root, take_inventory
from resources.library import Library
from resources.manifest import collections, outbox, photos, tags
from resources.models.presets import DEMO_MODEL
from resources.moving import move_folder
from resources.settings import Settings
from resources.vector_index import IndexModel, open_index, publish
from resources.vector_index.photo_points import vector_store
from resources.watching import look

_HEADS = (
    "",
    "s",
    "files read",
    "bytes read",
    "decoded",
    "embedded",
    "captioned",
    "runs",
    "photos",
    "lost",
    "old paths",
)


_FILL = (
    """INSERT INTO photos (photo_id, document_id, sha256, created_at, format, width, height, size_bytes, stack_due)
    SELECT photo_id, photo_id, sha256, first_seen_at, 'JPEG', 160, 120, size_bytes, false FROM files""",
    """INSERT INTO previews (sha256, pixel_hash, width, height, decoder_version, rung, decoded_at, metadata)
    SELECT sha256, 'x' || sha256, 160, 120, $decoder, 'draft', first_seen_at, '{}' FROM files""",
)


@dataclass(frozen=True)
class Kept:
    """What stays with a photo wherever its file stands."""

    photo_id: str
    tags: int
    collections: int
    captions: int


def _rename_folders(root: Path) -> None:
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        folder.rename(folder.with_name(f"renamed {folder.name}"))


def _move_into_others(root: Path) -> None:
    for number, path in enumerate(sorted(path for path in root.rglob("*.jpg"))):
        folder = root / f"by day {number % 37:02}"
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)


def _record(library: Library, root: Path) -> None:
    """What a whole ingest would have left behind."""
    clip, captioner = library.use_models()
    assert clip is not None
    assert captioner is not None
    added = add_root(library.manifest, library.home, str(root), library.settings.max_partitions)
    take_inventory(library.manifest, look(library.manifest, settle=False).due)
    hashes: dict[str, str] = {}
    for path in root.rglob("*.jpg"):
        data = path.read_bytes()
        hashes[str(path.relative_to(root))] = sha256 = hashlib.sha256(data).hexdigest()
        library.store.put(f"x{sha256}", data, data)
    drawn = np.random.default_rng(1).standard_normal((len(hashes), clip.dim)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    vectors = vector_store(library.home, IndexModel(clip.name, clip.revision, clip.preprocess_version, clip.dim))
    assert vectors is not None
    vectors.put({f"x{sha256}": vector for sha256, vector in zip(hashes.values(), drawn, strict=True)})
    columns = {"rel_path": list(hashes), "sha256": list(hashes.values())}
    columns["photo_id"] = [photos.mint_photo_id(sha256) for sha256 in hashes.values()]
    with library.manifest.write() as tx:
        with tx.relation(columns, dict.fromkeys(columns, pa.string())) as read:
            tx.execute(
                f"""UPDATE files AS f SET sha256 = r.sha256, photo_id = r.photo_id, stack_key = hash(r.sha256)
                FROM {read} r WHERE f.root_id = ? AND f.rel_path = r.rel_path""",
                [added.root_id],
            )
        for statement in _FILL:
            tx.execute(statement, {"decoder": DECODER_VERSION} if "$decoder" in statement else ())
        for table, identity, column, value in (
            ("embeddings", clip, "dim", str(clip.dim)),
            ("captions", captioner, "text", "'a picture of ' || pixel_hash"),
        ):
            tx.execute(
                f"""INSERT INTO {table} (pixel_hash, sha256, model, revision, preprocess_version, {column}, created_at)
                SELECT pixel_hash, sha256, ?, ?, ?, {value}, decoded_at FROM previews""",
                [identity.name, identity.revision, identity.preprocess_version],
            )
        outbox.push(tx, columns["photo_id"], "decoded")


def _kept(library: Library) -> dict[str, Kept]:
    """By content, of photos with a file that is there."""
    with library.manifest.read() as tx:
        rows = tx.execute(
            """SELECT f.sha256, f.photo_id, count(DISTINCT t.tag), count(DISTINCT c.collection_id),
                count(DISTINCT w.model)
            FROM files f JOIN previews v ON v.sha256 = f.sha256
            LEFT JOIN tags t ON t.photo_id = f.photo_id LEFT JOIN collection_photos c ON c.photo_id = f.photo_id
            LEFT JOIN captions w ON w.pixel_hash = v.pixel_hash
            WHERE f.missing_since IS NULL AND f.photo_id IS NOT NULL GROUP BY ALL"""
        )
        return {row[0]: Kept(*row[1:]) for row in rows.fetchall()}


def _old_paths(library: Library) -> int:
    """Points of the index that show another path than where the file stands."""
    with library.manifest.read() as tx:
        rows = tx.execute(
            """SELECT f.photo_id, r.path || '/' || f.rel_path FROM files f JOIN roots r USING (root_id)
            WHERE f.missing_since IS NULL AND f.photo_id IS NOT NULL"""
        )
        there = dict(rows.fetchall())
    with closing(open_index(library.settings, library.clip())) as index:
        shown = index.get(list(there))
    return sum(
        photo_id not in shown or path not in shown[photo_id].payload["paths"] for photo_id, path in there.items()
    )


def _edit(library: Library) -> None:
    """Tags and a collection, as a person gives them."""
    ids = sorted(kept.photo_id for kept in _kept(library).values())
    with library.manifest.write() as tx:
        tags.add(tx, ids[::3], "each third")
        collections.create(tx, "Each fifth")
        collections.add_photos(tx, "Each fifth", ids[::5])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--recorded", action="store_true", help="Write the first ingest down as done.")
    given = parser.parse_args()
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "photos")
        draw(root, given.photos)
        settings = Settings.load(home=Path(place, "home"), model=DEMO_MODEL, captioner=DEMO_MODEL, captions="now")
        library = Library(settings).open()
        kept: dict[str, Kept] = {}

        def found_out(name: str, started: float, counts: IngestCounts) -> None:
            publish(library.manifest, settings, library.clip(), 600)
            seconds, now = time.monotonic() - started, _kept(library)
            did = (
                counts.files_read,
                counts.bytes_read,
                counts.decoded,
                counts.embedding_model_images,
                counts.caption_model_images,
                counts.runs,
                len(now),
                sum(now.get(sha256) != before for sha256, before in kept.items()),
                _old_paths(library),
            )
            rows.append(f"| {name} | {seconds:,.1f} | {' | '.join(f'{each:,}' for each in did)} |")
            print(rows[-1], f"load {os.getloadavg()[0]:.0f}", flush=True)

        started = time.monotonic()
        if given.recorded:
            _record(library, root)
            found_out("written down as taken in", started, IngestCounts())
        else:
            found_out("taken in", started, ingest(library, [str(root)])[0])
        _edit(library)
        kept = _kept(library)
        _rename_folders(root)
        started = time.monotonic()
        found_out("all folders renamed", started, ingest(library, [str(root)])[0])
        _move_into_others(root)
        started = time.monotonic()
        found_out("all files in other folders", started, ingest(library, [str(root)])[0])
        elsewhere = Path(place, "elsewhere")
        root.rename(elsewhere)
        started = time.monotonic()
        move_folder(library.manifest, str(root), str(elsewhere))
        found_out("root stands elsewhere, `folders move`", started, IngestCounts())
        started = time.monotonic()
        found_out("the next ingest after it", started, ingest(library, [str(elsewhere)])[0])
    print(f"\n| {' | '.join(_HEADS)} |\n|{'---|' * len(_HEADS)}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
