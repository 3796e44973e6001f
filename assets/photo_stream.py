"""The photo stream: originals to pixels to vectors to captions, in one bounded pass. No Dagster in it.

    pending files -> decode workers -> bounded queue -> device batches -> one writer -> manifest + outbox

An original is read once. Embeddings come before captions; every flush (2 s or 500 photos) is at once visible to search.
A stream killed at any moment is started again from the manifest: what was flushed is done, the rest is pending.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import structlog

from assets.stream_writer import StreamWriter
from resources.engine import DecodeTask, Engine, Outcome
from resources.errors import LoupeError
from resources.folders import from_text
from resources.home import Home
from resources.imaging import DECODER_VERSION, kind_by_name
from resources.imaging.model_input import ModelInputSpec
from resources.manifest import Manifest, Transaction, files, photos, previews, results, sidecars
from resources.manifest.files import PendingFile
from resources.manifest.recording import Failed, Read
from resources.manifest.results import PendingPreview, ResultKey, Stage
from resources.manifest.sidecars import PendingSidecar, ReadSidecar
from resources.photo_store import PhotoStore
from resources.stacks import restack
from resources.vector_index import wake
from resources.wording import counted

__all__ = ["Captioning", "Embedding", "PhotoStream", "StreamCounts", "StreamLimits"]

log = structlog.get_logger(__name__)

_DEVICE_BATCH = 32
# Enough for the photos of many runs; what is left is compared in the next one.
_STACKING_S = 60.0
# What a model says of a picture, rather than of itself.
_PHOTO_FAULTS = frozenset({"EMBED_FAILED", "CAPTION_FAILED"})
# Of a stored preview: it is gone or damaged, whoever reads it and whenever.
_LOST = frozenset({"FILE_VANISHED", "EMPTY_FILE", "NOT_AN_IMAGE", "TRUNCATED", "CORRUPT"})
# The home, not the file, is at fault: going on would call every photo broken.
_FATAL = frozenset({"DISK_FULL", "HOME_NOT_WRITABLE"})


class _Embeds(Protocol):
    def embed_images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


class _Captions(Protocol):
    def caption(self, images: npt.NDArray[np.uint8]) -> list[str]: ...


@dataclass(frozen=True)
class Embedding:
    """The image-text model to use: who it is, what it looks at, and how to load it (called once, when first needed).

    `since` (UTC) is set for one that goes: it sees what was decoded from then on, and nothing else.
    """

    key: ResultKey
    input_spec: ModelInputSpec
    dim: int
    load: Callable[[], _Embeds]
    since: datetime | None = None


@dataclass(frozen=True)
class Captioning:
    """The captioner to use; as `Embedding`."""

    key: ResultKey
    input_spec: ModelInputSpec
    load: Callable[[], _Captions]


@dataclass(frozen=True)
class StreamLimits:
    """A run's bounds: at most so many photos a stage and so many seconds, then it ends and is asked for again."""

    photos: int
    seconds: float


@dataclass
class StreamCounts:
    """What a run did, in photos unless the name says otherwise. `left` photos were pending when it ended.

    `going_model_images` are those that the model that goes saw besides, while a change of model was under way.
    """

    decoded: int = 0
    embedded: int = 0
    captioned: int = 0
    known: int = 0
    failed: int = 0
    skipped: int = 0
    sidecars: int = 0
    sidecars_failed: int = 0
    stacked: int = 0
    files_read: int = 0
    bytes_read: int = 0
    embedding_model_images: int = 0
    going_model_images: int = 0
    caption_model_images: int = 0
    left: int = 0
    seconds: float = 0.0
    read_s: float = 0.0
    decode_s: float = 0.0
    embed_s: float = 0.0
    caption_s: float = 0.0
    totals: dict[str, int] = field(default_factory=dict)

    def stages(self) -> dict[str, dict[str, int]]:
        """Done and total by stage, as the manifest's `jobs` keeps them."""
        done = {"decoded": self.decoded + self.known + self.failed + self.skipped}
        done |= {"sidecars": self.sidecars + self.sidecars_failed}
        done |= {"embedded": self.embedded, "captioned": self.captioned}
        return {name: {"done": done[name], "total": max(total, done[name])} for name, total in self.totals.items()}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def told(self) -> str:
        """What the run did, for a person: "1,246 files read; 237 photos made searchable, 1 problem file."."""
        done = [
            (self.embedded, "photo", "made searchable"),
            (self.captioned, "photo", "described"),
            (self.known, "file", "known already"),
            (self.sidecars, "sidecar", "taken in"),
            (self.failed + self.sidecars_failed, "problem file", ""),
        ]
        parts = [f"{counted(self.files_read, 'file')} read"] if self.files_read else []
        parts += [f"{counted(number, what)} {how}".rstrip() for number, what, how in done if number]
        return f"{', '.join(parts)}." if parts else "Nothing was new."


class PhotoStream:
    """Runs the stages over pending work. One at a time per home (the caller holds the ingest lock).

    `going` is the model that search still serves while the library changes to that of `embedding`: photos that arrive
    meanwhile are seen by both. What it cannot do is nobody's failure, because its vectors are soon of no use.
    """

    def __init__(
        self,
        manifest: Manifest,
        home: Home,
        engine: Engine,
        limits: StreamLimits,
        *,
        embedding: Embedding | None,
        captioning: Captioning | None,
        going: Embedding | None = None,
        on_flush: Callable[[StreamCounts], None] = lambda counts: None,
    ) -> None:
        self._manifest = manifest
        self._home = home
        self._store = PhotoStore(home)
        self._engine = engine
        self._limits = limits
        self._embedding = embedding
        self._going = going if embedding else None
        self._captioning = captioning
        self._on_flush = on_flush
        self._embedders: dict[ResultKey, _Embeds] = {}
        self._captioner: _Captions | None = None
        self._embedded_now: set[tuple[ResultKey, str]] = set()  # pixel hashes, at most those of one run's photos

    def run(self, stages: set[str], partition_keys: Sequence[str] | None, stop: threading.Event) -> StreamCounts:
        """Run `stages` ("decoded_images", "embeddings", "captions") over what is pending in these partitions.

        Raises `DISK_FULL` or `HOME_NOT_WRITABLE` after flushing what is finished; whatever a model's loading raises.
        """
        started = time.monotonic()
        counts = StreamCounts()
        budget = _Budget(self._limits, started, stop)
        self._store.sweep()
        writer = StreamWriter(self._manifest, self._home, lambda: self._on_flush(counts))
        try:
            if "decoded_images" in stages:
                self._originals(counts, budget, writer, partition_keys, embed="embeddings" in stages)
                self._sidecars(counts, budget, writer, partition_keys)
                writer.flush()
                counts.stacked = restack(self._manifest, limit_s=_STACKING_S).changed
                wake(self._home)
            if "embeddings" in stages and self._embedding:
                self._from_previews("embeddings", counts, budget, writer, partition_keys)
            if "captions" in stages and self._captioning:
                self._from_previews("captions", counts, budget, writer, partition_keys)
        finally:
            counts.seconds = time.monotonic() - started
            writer.close()
        counts.left = self._left(stages)
        return counts

    def _left(self, stages: set[str]) -> int:
        with self._manifest.read() as tx:
            left = 0
            if "decoded_images" in stages:
                left += files.count_pending(tx, DECODER_VERSION) + sidecars.count_pending(tx)
            if "embeddings" in stages and self._embedding:
                left += results.count_pending(tx, "embeddings", self._embedding.key)
            if "captions" in stages and self._captioning:
                left += results.count_pending(tx, "captions", self._captioning.key)
        return left

    # Originals: decoded, and embedded from the same decode.

    def _originals(
        self,
        counts: StreamCounts,
        budget: _Budget,
        writer: StreamWriter,
        partition_keys: Sequence[str] | None,
        *,
        embed: bool,
    ) -> None:
        with self._manifest.read() as tx:
            work = files.pending(tx, DECODER_VERSION, self._limits.photos, partition_keys)
            known = photos.known_content(tx, [file.size_bytes for file in work])
        if not work:
            return
        embeddings = [each for each in (self._embedding, self._going) if each] if embed else []
        counts.totals["decoded"] = len(work)
        if embeddings:
            counts.totals["embedded"] = len(work)
        content = _Content(known)
        batch: list[tuple[Outcome, PendingFile]] = []
        for outcome in self._engine.decode(
            budget.take(_original_task(file, embeddings) for file in work), content.claim, budget.stop
        ):
            file: PendingFile = outcome.task.reference
            counts.bytes_read += outcome.bytes_read
            counts.files_read += outcome.bytes_read > 0
            counts.read_s += outcome.read_s
            counts.decode_s += outcome.decode_s
            for settled in content.settle(outcome):
                self._file_done(settled, counts, writer)
                if embeddings and settled.status != "decoded":
                    counts.totals["embedded"] -= 1  # nothing of it goes to the model here
            if outcome.inputs and outcome.decoded and embeddings:
                batch.append((outcome, file))
                if len(batch) >= _DEVICE_BATCH:
                    self._embed_originals(embeddings, batch, counts, writer)
                    batch = []
        if batch and embeddings:
            self._embed_originals(embeddings, batch, counts, writer)

    def _file_done(self, outcome: Outcome, counts: StreamCounts, writer: StreamWriter) -> None:
        file: PendingFile = outcome.task.reference
        if outcome.code in _FATAL:
            raise LoupeError(outcome.code, outcome.message or "The home cannot be written to.")
        if outcome.status == "not_a_photo":
            counts.skipped += 1
            writer.not_photo(file)
        elif outcome.status == "failed" or outcome.sha256 is None:
            counts.failed += 1
            writer.failed(
                Failed(
                    file.root_id,
                    file.rel_path,
                    file.partition_key,
                    "decoded_images",
                    outcome.code or "INTERNAL",
                    outcome.message or "",
                    outcome.sha256,
                    # An unreadable file keeps the facts of the inventory, so that the failure applies to them.
                    outcome.size_bytes or file.size_bytes,
                    outcome.mtime_ns or file.mtime_ns,
                )
            )
        else:
            if outcome.status == "known":
                counts.known += 1
            else:
                counts.decoded += 1
            writer.read(Read(file, outcome.sha256, outcome.size_bytes, outcome.mtime_ns, outcome.decoded))

    def _embed_originals(
        self,
        embeddings: Sequence[Embedding],
        batch: list[tuple[Outcome, PendingFile]],
        counts: StreamCounts,
        writer: StreamWriter,
    ) -> None:
        targets = [
            PendingPreview(
                outcome.decoded.pages[0].pixel_hash if outcome.decoded else "",
                outcome.sha256 or "",
                file.root_id,
                file.rel_path,
                file.partition_key,
            )
            for outcome, file in batch
        ]
        # An editor's save or a re-encoded copy can have pixels that the model has seen, in this run or before.
        hashes = [target.pixel_hash for target in targets]
        with self._manifest.read() as tx:
            seen = {
                (each.key, pixel_hash)
                for each in embeddings
                for pixel_hash in results.known(tx, "embeddings", each.key, hashes)
            }
        seen |= self._embedded_now
        for number, embedding in enumerate(embeddings):
            unseen = {
                target.pixel_hash: (target, outcome.inputs[number])
                for target, (outcome, _) in zip(targets, batch, strict=True)
                if (embedding.key, target.pixel_hash) not in seen
            }
            if embedding is self._embedding:
                counts.embedded += len(targets) - len(unseen)
            self._embed(
                embedding,
                [target for target, _ in unseen.values()],
                [image for _, image in unseen.values()],
                counts,
                writer,
            )

    # Sidecars: what editors wrote beside the photos.

    def _sidecars(
        self, counts: StreamCounts, budget: _Budget, writer: StreamWriter, partition_keys: Sequence[str] | None
    ) -> None:
        writer.flush()
        with self._manifest.read() as tx:
            work = sidecars.pending(tx, self._limits.photos, partition_keys)
        if work:
            counts.totals["sidecars"] = len(work)
        for gone in (each for each in work if each.sidecar is None):
            writer.sidecar(ReadSidecar(gone, None))
            counts.sidecars += 1
        tasks = (
            DecodeTask(os.path.join(from_text(each.root_path), from_text(each.sidecar)), "sidecar", each)
            for each in work
            if each.sidecar is not None
        )
        for outcome in self._engine.decode(budget.take(tasks), lambda sha256: True, budget.stop):
            each: PendingSidecar = outcome.task.reference
            if outcome.sidecar:
                counts.sidecars += 1
                writer.sidecar(ReadSidecar(each, outcome.sidecar.to_json()))
                continue
            counts.failed += 1
            counts.sidecars_failed += 1
            writer.failed(
                Failed(
                    each.root_id,
                    each.rel_path,
                    each.partition_key,
                    sidecars.STAGE,
                    outcome.code or "INTERNAL",
                    outcome.message or "",
                    size_bytes=each.size_bytes,
                    mtime_ns=each.mtime_ns,
                )
            )

    # Stored previews: a new model, captions, or what an interrupted run left.

    def _from_previews(
        self,
        stage: Stage,
        counts: StreamCounts,
        budget: _Budget,
        writer: StreamWriter,
        partition_keys: Sequence[str] | None,
    ) -> None:
        model = self._embedding if stage == "embeddings" else self._captioning
        assert model is not None
        writer.flush()
        with self._manifest.read() as tx:
            work = results.pending(tx, stage, model.key, self._limits.photos, partition_keys)
            arrived = self._arrived(tx, stage, work)
        if not work:
            return
        name = "embedded" if stage == "embeddings" else "captioned"
        counts.totals[name] = (
            counts.totals.get(name, 0) + len(work)
            if stage == "captions"
            else max(counts.totals.get(name, 0), counts.embedded + len(work))
        )
        specs = (model.input_spec,)
        both = (*specs, self._going.input_spec) if self._going else specs
        tasks = (
            DecodeTask(
                str(self._store.preview_path(each.pixel_hash)),
                "preview",
                each,
                both if each.pixel_hash in arrived else specs,
            )
            for each in work
        )
        targets: list[PendingPreview] = []
        images: list[tuple[npt.NDArray[np.uint8], ...]] = []
        lost: list[str] = []
        for outcome in self._engine.decode(budget.take(tasks), lambda sha256: True, budget.stop):
            each: PendingPreview = outcome.task.reference
            if outcome.status == "failed":
                counts.totals[name] -= 1
                if outcome.code in _LOST:
                    lost.append(each.pixel_hash)
                    if len(lost) >= _DEVICE_BATCH:
                        self._read_again(lost)
                        lost = []
                else:  # the memory or the disk of now: the picture is there
                    counts.failed += 1
                    writer.failed(_failure(stage, model.key, each, "PREVIEW_UNREADABLE", outcome.message or ""))
                continue
            targets.append(each)
            images.append(outcome.inputs)
            if len(targets) >= _DEVICE_BATCH:
                self._apply(stage, targets, images, counts, writer)
                targets, images = [], []
        self._read_again(lost)
        if targets:
            self._apply(stage, targets, images, counts, writer)

    def _arrived(self, tx: Transaction, stage: Stage, work: Sequence[PendingPreview]) -> set[str]:
        """The pixel hashes of `work` that the model that goes has to see too."""
        if stage != "embeddings" or self._going is None or self._going.since is None:
            return set()
        hashes = [each.pixel_hash for each in work]
        return results.unseen_newcomers(tx, self._going.key, hashes, self._going.since)

    def _read_again(self, lost: Sequence[str]) -> None:
        """Have pictures whose preview is gone or damaged read from their originals, as soon as these can be reached."""
        if not lost:
            return
        for pixel_hash in lost:
            self._store.preview_path(pixel_hash).unlink(missing_ok=True)
        with self._manifest.write() as tx:
            previews.read_again(tx, lost)

    # The device.

    def _apply(
        self,
        stage: Stage,
        targets: list[PendingPreview],
        inputs: list[tuple[npt.NDArray[np.uint8], ...]],
        counts: StreamCounts,
        writer: StreamWriter,
    ) -> None:
        images = [each[0] for each in inputs]
        if stage == "embeddings" and self._embedding:
            self._embed(self._embedding, targets, images, counts, writer)
            if self._going:
                pairs = [(target, each[1]) for target, each in zip(targets, inputs, strict=True) if len(each) > 1]
                self._embed(self._going, [target for target, _ in pairs], [image for _, image in pairs], counts, writer)
        elif self._captioning:
            self._caption(self._captioning, targets, images, counts, writer)

    def _embed(
        self,
        embedding: Embedding,
        targets: list[PendingPreview],
        images: list[npt.NDArray[np.uint8]],
        counts: StreamCounts,
        writer: StreamWriter,
    ) -> None:
        embedder = self._embedder(embedding) if targets else None
        if embedder is None:
            return
        started = time.perf_counter()
        embed = embedder.embed_images
        done = _each_or_all(lambda batch: list(embed(batch)), images)
        counts.embed_s += time.perf_counter() - started
        if embedding is self._going:
            counts.going_model_images += len(images)
            for target, vector in zip(targets, done, strict=True):
                if not isinstance(vector, Exception) and np.isfinite(vector).all():
                    self._embedded_now.add((embedding.key, target.pixel_hash))
                    writer.vector(embedding.key, target, vector)
            return
        counts.embedding_model_images += len(images)
        for target, vector in zip(targets, done, strict=True):
            if isinstance(vector, Exception) or not np.isfinite(vector).all():
                counts.failed += 1
                counts.totals["embedded"] -= 1
                message = str(vector) if isinstance(vector, Exception) else "The model answered no number."
                writer.failed(_model_failure("embeddings", embedding.key, target, message))
            else:
                counts.embedded += 1
                self._embedded_now.add((embedding.key, target.pixel_hash))
                writer.vector(embedding.key, target, vector)

    def _embedder(self, embedding: Embedding) -> _Embeds | None:
        """The model, loaded once. The one that goes may be missing: the change goes on without it."""
        if embedding.key not in self._embedders:
            try:
                self._embedders[embedding.key] = embedding.load()
            except LoupeError as error:
                if embedding is not self._going:
                    raise
                log.warning("going_model_not_loaded", model=embedding.key.model, code=error.code)
                self._going = None
                return None
        return self._embedders[embedding.key]

    def _caption(
        self,
        captioning: Captioning,
        targets: list[PendingPreview],
        images: list[npt.NDArray[np.uint8]],
        counts: StreamCounts,
        writer: StreamWriter,
    ) -> None:
        if self._captioner is None:
            self._captioner = captioning.load()
        started = time.perf_counter()
        done = _each_or_all(self._captioner.caption, images)
        counts.caption_s += time.perf_counter() - started
        counts.caption_model_images += len(images)
        for target, text in zip(targets, done, strict=True):
            if isinstance(text, Exception):
                counts.failed += 1
                counts.totals["captioned"] -= 1
                writer.failed(_model_failure("captions", captioning.key, target, str(text)))
            else:
                counts.captioned += 1
                writer.caption(captioning.key, target, text)


def _original_task(file: PendingFile, embeddings: Sequence[Embedding]) -> DecodeTask:
    path = os.path.join(from_text(file.root_path), from_text(file.rel_path))
    specs = tuple(embedding.input_spec for embedding in embeddings)
    promises = kind_by_name(file.rel_path.rpartition("/")[2]) == "photo"
    return DecodeTask(path, "original", file, specs, promises)


def _model_failure(stage: Stage, key: ResultKey, target: PendingPreview, message: str) -> Failed:
    return _failure(stage, key, target, "EMBED_FAILED" if stage == "embeddings" else "CAPTION_FAILED", message)


def _failure(stage: Stage, key: ResultKey, target: PendingPreview, code: str, message: str) -> Failed:
    return Failed(
        target.root_id,
        target.rel_path,
        target.partition_key,
        stage,
        code,
        message or code,
        sha256=target.sha256,
        made_by=key.made_by,
        page=target.page,
    )


def _each_or_all(
    model: Callable[[npt.NDArray[np.uint8]], Sequence[Any]], images: list[npt.NDArray[np.uint8]]
) -> list[Any]:
    """The model's answers for a batch; if the batch fails, one by one, with the error in place of the answer."""
    try:
        return list(model(np.stack(images)))
    except Exception as error:
        if isinstance(error, LoupeError) and error.code not in _PHOTO_FAULTS:
            raise  # the device or the model's files, not a picture
        if len(images) == 1:
            return [error]
        return [_each_or_all(model, [image])[0] for image in images]


class _Budget:
    """Hands out each stage's work until its photos, or the time of the whole run, are used up or it is stopped."""

    def __init__(self, limits: StreamLimits, started: float, stop: threading.Event) -> None:
        self._photos = limits.photos
        self._deadline = started + limits.seconds
        self.stop = stop

    def take(self, tasks: Iterable[DecodeTask]) -> Iterator[DecodeTask]:
        for task in islice(tasks, self._photos):
            if time.monotonic() > self._deadline or self.stop.is_set():
                return
            yield task


class _Content:
    """Which bytes are known: decoded before this run, or being decoded in it by another worker."""

    def __init__(self, known: npt.NDArray[np.bytes_]) -> None:
        self._before = known
        self._decoded: set[str] = set()
        self._lock = threading.Lock()
        self._in_hand: set[str] = set()
        self._waiting: dict[str, list[Outcome]] = {}
        self._fates: dict[str, dict[str, Any]] = {}  # of bytes that failed in this run

    def claim(self, sha256: str) -> bool:
        """Whether the asker should decode these bytes."""
        with self._lock:
            if sha256 in self._in_hand or sha256 in self._fates or self._is_known(sha256):
                return False
            self._in_hand.add(sha256)
            return True

    def settle(self, outcome: Outcome) -> list[Outcome]:
        """The outcomes that can be recorded now: a copy waits for the file that is being decoded."""
        sha256 = outcome.sha256
        if sha256 is None:
            return [outcome]
        with self._lock:
            if outcome.status == "known":
                if self._is_known(sha256):
                    return [outcome]
                if sha256 in self._fates:
                    return [replace(outcome, **self._fates[sha256])]
                self._waiting.setdefault(sha256, []).append(outcome)
                return []
            self._in_hand.discard(sha256)
            copies = self._waiting.pop(sha256, [])
            if outcome.status == "decoded":
                self._decoded.add(sha256)
                return [outcome, *copies]
            # The copies have the same bytes and fail the same way.
            fate: dict[str, Any] = {"status": outcome.status, "code": outcome.code, "message": outcome.message}
            self._fates[sha256] = fate
        return [outcome, *(replace(copy, **fate) for copy in copies)]

    def _is_known(self, sha256: str) -> bool:
        if sha256 in self._decoded:
            return True
        head = np.array([bytes.fromhex(sha256[:32])], dtype=self._before.dtype)
        at = np.searchsorted(self._before, head)[0]
        return bool(at < len(self._before) and self._before[at] == head[0])
