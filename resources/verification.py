"""`loupe verify`: manifest, previews, vectors, index and files held against each other, and against the originals.

Each part says what it looked at and what it found wrong; with `repair` what is derived is mended: removed, or made
pending again. Photos are read and never touched. Not here: backups, which verify themselves (`backup`, `restore`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import structlog

from resources.backup import file_hash
from resources.errors import LoupeError
from resources.folder_probe import reachable
from resources.folders import from_text, is_inside, to_text
from resources.imaging import DECODER_VERSION
from resources.inventory import take_inventory
from resources.library import Library
from resources.manifest import VectorFile, VectorStore, files, integrity, outbox, previews, roots
from resources.manifest.results import ResultKey
from resources.model_change import searched_model
from resources.preview_cache import orphan_pictures
from resources.repair import lost_pictures, remakeable_pictures
from resources.restore import set_aside_folder
from resources.vector_index import model_in_use, publish, rebuild_index, verify_through_owner
from resources.vector_index.points import ModelKey

__all__ = [
    "Finding",
    "Part",
    "verify_files",
    "verify_index",
    "verify_library",
    "verify_manifest",
    "verify_originals",
    "verify_previews",
    "verify_vectors",
]

log = structlog.get_logger(__name__)

Progress = Callable[[str, int, int], None]

_EXAMPLES = 10
_VECTORS_A_STEP = 10_000
# Sum of squares of a unit vector stored as float32.
_NORM_TOLERANCE = 1e-3
_REPAIR_WAIT_S = 15.0


@dataclass(frozen=True)
class Finding:
    """What is wrong with `count` things, some of them by name. `mended` of them are, or will be by the next run.

    A finding that is no `fault` is worth knowing, and passes by itself.
    """

    problem: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()
    mended: int = 0
    fault: bool = True

    @property
    def open(self) -> int:
        """How many are a fault and not mended."""
        return max(0, self.count - self.mended) if self.fault else 0


@dataclass
class Part:
    """One comparison: `checked` things were looked at."""

    name: str
    unit: str
    checked: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not any(finding.open for finding in self.findings)

    def found(
        self, problem: str, sentence: str, which: Sequence[str] | int, *, mended: int = 0, fault: bool = True
    ) -> None:
        """Add a finding unless there is nothing to say. `which` names all of them, or counts them."""
        count = which if isinstance(which, int) else len(which)
        if count:
            examples = () if isinstance(which, int) else tuple(which[:_EXAMPLES])
            self.findings.append(Finding(problem, sentence, count, examples, mended, fault))


def verify_library(
    library: Library, *, originals: bool = False, repair: bool = False, progress: Progress = lambda *at: None
) -> list[Part]:
    """Every part in turn; the index last, so that it shows what was mended before.

    Raises `MANIFEST_DAMAGED` when the manifest cannot be read, `INGEST_BUSY` when a run is in the way of mending.
    """
    with _quiet(library, needed=repair) as idle:
        progress("manifest", 0, 0)
        parts = [verify_manifest(library, repair=repair)]
        progress("vectors", 0, 0)
        parts.append(verify_vectors(library, repair=repair, idle=idle, progress=progress))
        progress("previews", 0, 0)
        parts.append(verify_previews(library, repair=repair, idle=idle))
    parts.append(verify_files(library, repair=repair, progress=progress))
    if originals:
        parts.append(verify_originals(library, progress=progress))
    progress("index", 0, 0)
    parts.append(verify_index(library, repair=repair))
    return parts


def verify_manifest(library: Library, *, repair: bool = False) -> Part:
    """Every block reads; no key twice; every file is a photo, a failure, skipped or waiting."""
    with library.manifest.read() as tx:
        rows = integrity.read_everything(tx)
        twice = integrity.duplicate_rows(tx)
        lost = integrity.unaccounted_files(tx, files.count_pending(tx, DECODER_VERSION))
    left = twice
    if repair and any(twice.values()):
        with library.manifest.write() as tx:
            integrity.drop_duplicates(tx)
            left = integrity.duplicate_rows(tx)
    part = Part("manifest", "row", sum(rows.values()))
    for table, count in twice.items():
        part.found("rows_twice", f"keys stand twice in the table {table}", count, mended=count - left[table])
    part.found("files_unaccounted", "files are neither photos nor problem files, and do not wait either", lost)
    return part


def verify_vectors(
    library: Library, *, repair: bool = False, idle: bool = False, progress: Progress = lambda *at: None
) -> Part:
    """Every embedding has its vector, of unit norm and the right length, and every vector its embedding.

    Unless the home is `idle`, vectors without a row are not counted: a run writes them a moment before the row.
    """
    part = Part("vectors", "vector")
    with library.manifest.read() as tx:
        by_model = integrity.embedded_by_model(tx)
    owners: dict[Path, dict[ResultKey, tuple[int, set[str]]]] = {}
    for (key, dim), hashes in by_model.items():
        path = VectorStore(library.home, key.model, key.revision, key.preprocess_version).path
        owners.setdefault(path, {})[key] = (dim, hashes)
    for file in {file.path: file for file in VectorFile.all_in(library.home)}.values():
        owners.setdefault(file.path, {})
    for path, models in sorted(owners.items()):
        try:
            _verify_vector_file(library, part, VectorFile(path), models, repair, idle, progress)
        except LoupeError as error:
            if error.code != "VECTORS_DAMAGED":
                raise
            gone = sum(len(hashes) for _, hashes in models.values())
            if repair:
                path.rename(set_aside_folder(library.home) / path.name)
                _forget(library, {key: hashes for key, (_, hashes) in models.items()})
            part.found(
                "vectors_unreadable",
                f"vectors are lost: {path.name} is damaged",
                max(gone, 1),
                mended=max(gone, 1) if repair else 0,
            )
    return part


def verify_previews(library: Library, *, repair: bool = False, idle: bool = False) -> Part:
    """Every decoded picture has preview and thumbnail (culled previews aside), and every file there its picture."""
    part = Part("previews", "picture")
    with library.manifest.read() as tx:
        part.checked = len(integrity.pixel_hashes(tx))
        awaited = previews.awaited(tx)
    lost = lost_pictures(library.manifest, library.store, capped=library.settings.cache_max_bytes is not None)
    here = lost & remakeable_pictures(library.manifest) if lost else set()
    orphans = orphan_pictures(library.manifest, library.home, idle=idle)
    if repair:
        if here:
            with library.manifest.write() as tx:
                previews.read_again(tx, here)
            awaited |= here
        for path in orphans:
            path.unlink(missing_ok=True)
    part.found("previews_missing", "previews are gone and can be made again", sorted(here - awaited))
    part.found(
        "previews_awaited",
        "previews are gone; the next `loupe ingest` of their folder makes them again, or `loupe up`",
        sorted(here & awaited),
        fault=False,
    )
    part.found(
        "previews_lost",
        "previews are gone and wait for their originals, which cannot be reached",
        sorted(lost - here),
        fault=False,
    )
    part.found(
        "pictures_orphaned",
        "files in previews/ and thumbnails/ belong to no photo, as a killed run leaves them; `loupe up` removes them",
        [str(path) for path in orphans],
        mended=len(orphans) * repair,
        fault=False,
    )
    return part


def verify_index(library: Library, *, repair: bool = False) -> Part:
    """The index holds exactly the photos that a person can see."""
    model = _index_model(library)
    publish(library.manifest, library.settings, model)
    found = verify_through_owner(library.manifest, library.settings, model)
    part = Part("index", "photo", found.photos)
    left = found
    if repair and not found.same:
        listed = [*found.missing, *found.unexpected, *found.unembedded]
        if len(listed) == found.missing_count + found.unexpected_count + found.unembedded_count:
            with library.manifest.write() as tx:
                outbox.push(tx, listed, "verify")
            publish(library.manifest, library.settings, model)
        else:
            rebuild_index(library.manifest, library.settings, model)
        left = verify_through_owner(library.manifest, library.settings, model)
    for problem, sentence in (
        ("missing", "photos are not in the index"),
        ("unexpected", "photos are in the index only"),
        ("unembedded", "photos have a vector that the index lacks"),
    ):
        count, still = (getattr(each, f"{problem}_count") for each in (found, left))
        examples: Sequence[str] = getattr(found, problem)
        if count:
            part.findings.append(
                Finding(f"index_{problem}", sentence, count, tuple(examples[:_EXAMPLES]), count - min(still, count))
            )
    return part


def verify_files(library: Library, *, repair: bool = False, progress: Progress = lambda *at: None) -> Part:
    """Every file of the manifest stands on disk with its size and time; what does not is the next inventory's."""
    gone: list[str] = []
    changed: list[str] = []
    keys: set[str] = set()
    part = Part("files", "file")
    for path, row in _present(library, progress):
        part.checked += 1
        try:
            info = os.stat(path)
        except OSError:
            gone.append(path)
            keys.add(row.partition_key)
            continue
        if (info.st_size, info.st_mtime_ns) != (row.size_bytes, row.mtime_ns):
            changed.append(path)
            keys.add(row.partition_key)
    if repair and keys:
        take_inventory(library.manifest, sorted(keys))
    with library.manifest.read() as tx:
        doubted = [root["path"] for root in roots.rows(tx) if root["state"] == "vanished"]
    waiting = {path for path in gone if any(is_inside(to_text(path), root) for root in doubted)}
    part.found(
        "files_gone",
        "files are no longer where they were; the next look at their folders notes it",
        [path for path in gone if path not in waiting],
        fault=False,
    )
    part.found(
        "files_held_back",
        "files vanished with many others and wait for a person's word: `loupe folders accept-missing`",
        [path for path in gone if path in waiting],
        fault=False,
    )
    part.found("files_changed", "files changed since they were read; the next run reads them", changed, fault=False)
    return part


def verify_originals(library: Library, *, progress: Progress = lambda *at: None) -> Part:
    """Read every original and compare its hash: other bytes at the same size and time are bit rot, which stays."""
    rotten: list[tuple[str, str]] = []
    unreadable: list[str] = []
    changed: list[str] = []
    whole: dict[str, str] = {}
    part = Part("originals", "file")

    def look(each: tuple[str, _Present]) -> tuple[str, _Present, str | None]:
        return (*each, _hash_of(*each))

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        known = ((path, row) for path, row in _present(library, progress) if row.sha256)
        for path, row, digest in _in_order(readers, look, known):
            if digest == _CHANGED:
                changed.append(path)
                continue
            part.checked += 1
            if digest is None:
                unreadable.append(path)
            elif digest != row.sha256:
                rotten.append((path, row.sha256))
            else:
                whole.setdefault(digest, path)
    said = [f"{path} (a whole copy: {whole[sha256]})" if sha256 in whole else path for path, sha256 in rotten]
    part.found("originals_rotten", "originals hold other bytes at the same size and time: put back a copy", said)
    part.found("originals_unreadable", "originals cannot be read", unreadable)
    part.found(
        "originals_not_compared", "files are gone or changed since they were read: not compared", changed, fault=False
    )
    return part


# Vectors


def _verify_vector_file(
    library: Library,
    part: Part,
    file: VectorFile,
    models: dict[ResultKey, tuple[int, set[str]]],
    repair: bool,
    idle: bool,
    progress: Progress,
) -> None:
    keys = file.keys() if file.path.exists() else pa.table({name: pa.array([], pa.string()) for name in file.KEYS})
    stored: dict[tuple[str, str], set[str]] = {}
    for pixel_hash, revision, preprocess in zip(*(keys.column(name).to_pylist() for name in file.KEYS), strict=True):
        stored.setdefault((revision, preprocess), set()).add(pixel_hash)
    lengths = {(key.revision, key.preprocess_version): dim for key, (dim, _) in models.items()}
    unsound = _unsound(file, keys, lengths, part, progress)
    missing = {
        key: hashes - stored.get((key.revision, key.preprocess_version), set()) for key, (_, hashes) in models.items()
    }
    named = {(key.revision, key.preprocess_version): hashes for key, (_, hashes) in models.items()}
    extra = {pair: hashes - named.get(pair, set()) for pair, hashes in stored.items()} if idle else {}
    if repair:
        doomed = [
            (pixel_hash, *pair)
            for each in (unsound, extra)
            for pair, hashes in each.items()
            for pixel_hash in sorted(hashes)
        ]
        if doomed:
            columns = zip(*dict.fromkeys(doomed), strict=True)
            file.delete(pa.table(dict(zip(file.KEYS, map(pa.array, columns), strict=True))))
        _forget(
            library,
            {key: gone | unsound.get((key.revision, key.preprocess_version), set()) for key, gone in missing.items()},
        )
    for problem, sentence, which in (
        ("vectors_missing", "photos are called embedded but have no vector", missing.values()),
        ("vectors_unsound", "vectors are not of unit norm, or of another length than the model's", unsound.values()),
        ("vectors_extra", "vectors belong to no embedding", extra.values()),
    ):
        all_of = sorted(set().union(*which))
        part.found(problem, f"{sentence} ({file.path.name})", all_of, mended=len(all_of) * repair)


def _unsound(
    file: VectorFile, keys: pa.Table, lengths: dict[tuple[str, str], int], part: Part, progress: Progress
) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for start in range(0, len(keys), _VECTORS_A_STEP):
        rows = file.rows(keys.slice(start, _VECTORS_A_STEP))
        columns = (rows.column(name).to_pylist() for name in (*file.KEYS, "vector"))
        for pixel_hash, revision, preprocess, blob in zip(*columns, strict=True):
            length = lengths.get((revision, preprocess))
            whole = len(blob) % 4 == 0 and length in (None, len(blob) // 4)
            vector = np.frombuffer(blob, dtype=np.float32) if whole else None
            if vector is None or not abs(float(np.dot(vector, vector)) - 1) < _NORM_TOLERANCE:
                found.setdefault((revision, preprocess), set()).add(pixel_hash)
        part.checked += len(rows)
        progress("vectors", start + len(rows), len(keys))
    return found


def _forget(library: Library, gone: dict[ResultKey, set[str]]) -> None:
    """Make these embeddings pending again."""
    for key, hashes in gone.items():
        if hashes:
            with library.manifest.write() as tx:
                integrity.forget_embeddings(tx, key, hashes)


# Files


@dataclass(frozen=True)
class _Present:
    partition_key: str
    size_bytes: int
    mtime_ns: int
    sha256: str


_CHANGED = "changed"


def _present(library: Library, progress: Progress) -> Iterator[tuple[str, _Present]]:
    """Path and facts of each file below a root that can be read now."""
    with library.manifest.read() as tx:
        table = integrity.present_files(tx)
    can_be_read: dict[str, bool] = {}
    done = 0
    for batch in table.to_batches(10_000):
        for row in batch.to_pylist():
            root = row["root_path"]
            if root not in can_be_read:
                can_be_read[root] = reachable(from_text(root))
            if can_be_read[root]:
                path = os.path.join(from_text(root), from_text(row["rel_path"]))
                yield path, _Present(row["partition_key"], row["size_bytes"], row["mtime_ns"], row["sha256"])
            done += 1
            if done % 500 == 0:
                progress("files", done, len(table))


def _hash_of(path: str, row: _Present) -> str | None:
    """The hash of the file now; `_CHANGED` when it is not the file that was read, None when it cannot be read."""
    try:
        before = os.stat(path)
        digest = file_hash(Path(path))
        after = os.stat(path)
    except FileNotFoundError:
        return _CHANGED
    except OSError:
        return None
    same = all((info.st_size, info.st_mtime_ns) == (row.size_bytes, row.mtime_ns) for info in (before, after))
    return digest if same else _CHANGED


def _in_order(
    pool: ThreadPoolExecutor,
    look: Callable[[tuple[str, _Present]], tuple[str, _Present, str | None]],
    given: Iterable[tuple[str, _Present]],
) -> Iterator[tuple[str, _Present, str | None]]:
    """As `pool.map`, with few at a time: a library has more files than fit a queue."""
    waiting: deque[Future[tuple[str, _Present, str | None]]] = deque()
    for each in given:
        waiting.append(pool.submit(look, each))
        if len(waiting) >= 16:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


# The home


@contextmanager
def _quiet(library: Library, *, needed: bool) -> Iterator[bool]:
    """Hold the ingest lock and yield True; False when a run has it and it is not `needed`. Raises `INGEST_BUSY`."""
    with ExitStack() as held:
        try:
            held.enter_context(library.ingesting(wait_s=_REPAIR_WAIT_S if needed else 0.0))
            idle = True
        except LoupeError as error:
            if needed or error.code != "INGEST_BUSY":
                raise
            idle = False
        yield idle


def _index_model(library: Library) -> ModelKey | None:
    """The model whose index is searched, its files here or not."""
    try:
        return searched_model(library) or model_in_use(library.manifest)
    except LoupeError:
        return model_in_use(library.manifest)
