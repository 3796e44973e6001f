"""One library: its settings, home, manifest and the models it is to use, opened together.

What the pipeline, the command line and the search API all begin with. Nothing is written before `open`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from filelock import Timeout

from resources.errors import LoupeError
from resources.home import Home
from resources.imaging import DECODER_VERSION
from resources.manifest import Manifest, failures, files, hidden, models, problems, results, roots, sidecars
from resources.manifest.results import ResultKey
from resources.models import ModelIdentity, captioner_spec, clip_spec
from resources.models.presets import DEMO_MODEL
from resources.photo_store import PhotoStore
from resources.settings import Settings
from resources.watching import WatchMemory

__all__ = ["Library", "LibraryStatus", "result_key"]


@dataclass(frozen=True)
class LibraryStatus:
    """Counts for `loupe status` and the page. Photos are counted once however many files they have.

    `copies` are files with the bytes of another. `photos` have a file that is there; the `hidden`, which search does
    not show, may be among them.
    """

    files: int
    copies: int
    photos: int
    decoded: int
    embeddings: int
    captions: int
    points: int
    failures: int
    skipped: dict[str, int]
    missing: int
    hidden: int
    pending: dict[str, int]
    failures_by_code: dict[str, int]
    models: dict[str, Any]
    index: dict[str, Any]
    folders: list[dict[str, Any]]

    @property
    def total(self) -> int:
        """Photos that are searchable or will be: the taken in, and the files that wait to be read."""
        return self.photos + self.pending["decoded"]


class Library:
    """A home and what is in it. Cheap to build; `open` prepares the home and the manifest once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        self.store = PhotoStore(self.home)

    @cached_property
    def watch_memory(self) -> WatchMemory:
        """What looks at the watched folders found; it lives as long as the process that looks on each tick."""
        return WatchMemory()

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, created or migrated at first use. Raises what `Home.prepare` and `Manifest.prepare` raise."""
        self.home.prepare()
        return Manifest(self.home).prepare()

    def open(self) -> Library:
        """Prepare home and manifest now."""
        _ = self.manifest
        return self

    def clip(self) -> ModelIdentity | None:
        """The image-text model to use, None when search by content is off.

        The one the settings name, else the one in use here, else the default preset if it is fetched. A model that is
        named but not on this machine raises `MODEL_NOT_FETCHED`; an unknown name `MODEL_UNKNOWN`.
        """
        if self.settings.model:
            return clip_spec(self.settings, self.settings.model)
        with self.manifest.read() as tx:
            used = models.in_use(tx, "clip")
        try:
            return clip_spec(self.settings, used["name"] if used else None)
        except LoupeError as error:
            if error.code in ("MODEL_NOT_FETCHED", "MODEL_UNKNOWN"):
                return None
            raise

    def captioner(self) -> ModelIdentity | None:
        """The captioner to use, None when there is none; chosen as `clip` is. The demo's model captions for itself."""
        if self.settings.captions == "off":
            return None
        if self.settings.captioner:
            return captioner_spec(self.settings, self.settings.captioner)
        if self.settings.model == DEMO_MODEL:
            return captioner_spec(self.settings, DEMO_MODEL)
        with self.manifest.read() as tx:
            used = models.in_use(tx, "captioner")
        try:
            return captioner_spec(self.settings, used["name"] if used else None)
        except LoupeError as error:
            if error.code in ("MODEL_NOT_FETCHED", "MODEL_UNKNOWN"):
                return None
            raise

    def use_models(self) -> tuple[ModelIdentity | None, ModelIdentity | None]:
        """The image-text model and the captioner, recorded as those in use."""
        clip, captioner = self.clip(), self.captioner()
        with self.manifest.read() as tx:
            current = {kind: models.in_use(tx, kind) for kind in ("clip", "captioner")}
        for kind, identity in (("clip", clip), ("captioner", captioner)):
            row = current[kind]
            if identity and (row is None or result_key(identity) != models.key_of(row)):
                with self.manifest.write() as tx:
                    models.use(
                        tx, kind, identity.name, identity.revision, identity.preprocess_version, identity.dim or None
                    )
        return clip, captioner

    @contextmanager
    def ingesting(self, wait_s: float = 900.0) -> Iterator[None]:
        """Be the only ingest of this home, here or in another process. Raises `INGEST_BUSY` after `wait_s` seconds."""
        lock = self.home.ingest_lock()
        try:
            lock.acquire(timeout=wait_s, poll_interval=0.2)
        except Timeout as error:
            raise LoupeError("INGEST_BUSY", "Another ingest is running; what it leaves is taken up next.") from error
        try:
            yield
        finally:
            lock.release()

    def pending(self, clip: ModelIdentity | None, captioner: ModelIdentity | None) -> dict[str, int]:
        """Photos (files for "decoded") that wait, by stage."""
        with self.manifest.read() as tx:
            return {
                "decoded": files.count_pending(tx, DECODER_VERSION),
                "sidecars": sidecars.count_pending(tx),
                "embeddings": results.count_pending(tx, "embeddings", result_key(clip)) if clip else 0,
                "captions": results.count_pending(tx, "captions", result_key(captioner)) if captioner else 0,
            }

    def status(self, points: int, index: dict[str, Any]) -> LibraryStatus:
        """Counts as of now. The caller, who can reach the index, says how many points it holds and how it is."""
        clip, captioner = self._or_none("clip"), self._or_none("captioner")
        pending = self.pending(clip, captioner)
        with self.manifest.read() as tx:
            row = tx.one(
                """WITH present AS MATERIALIZED (
                    SELECT photo_id, count(*) AS files FROM files
                    WHERE missing_since IS NULL AND skip_reason IS NULL AND photo_id IS NOT NULL GROUP BY photo_id
                )
                SELECT (SELECT count(*) FROM files WHERE missing_since IS NULL) AS files,
                    (SELECT count(*) FROM photos p JOIN present d ON d.photo_id = p.document_id) AS photos,
                    (SELECT coalesce(sum(files - 1), 0) FROM present
                        WHERE photo_id IN (SELECT document_id FROM photos)) AS copies"""
            )
            decoded = tx.value(
                """SELECT count(DISTINCT p.photo_id) FROM photos p JOIN previews v USING (sha256, page)
                JOIN files f ON f.photo_id = p.document_id AND f.missing_since IS NULL"""
            )
            by_code = failures.count_by_code(tx)
            assert row is not None
            return LibraryStatus(
                files=row["files"],
                copies=int(row["copies"]),
                photos=row["photos"],
                decoded=decoded,
                embeddings=results.count_done(tx, "embeddings", result_key(clip)) if clip else 0,
                captions=results.count_done(tx, "captions", result_key(captioner)) if captioner else 0,
                points=points,
                failures=sum(by_code.values()),
                skipped=problems.skip_reasons(tx),
                missing=sum(files.count_lost(tx).values()),
                hidden=hidden.count(tx),
                pending=pending,
                failures_by_code=by_code,
                models={
                    "clip": _shown(clip),
                    "captioner": _shown(captioner),
                    "search_by_content": clip is not None,
                },
                index=index,
                folders=[{**root, "added_at": root["added_at"].isoformat()} for root in roots.list_all(tx)],
            )

    def _or_none(self, kind: str) -> ModelIdentity | None:
        try:
            return self.clip() if kind == "clip" else self.captioner()
        except LoupeError:
            return None


def result_key(identity: ModelIdentity) -> ResultKey:
    """What keys the results of this model in the manifest."""
    return ResultKey(identity.name, identity.revision, identity.preprocess_version)


def _shown(identity: ModelIdentity | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    return {"name": identity.name, "revision": identity.revision, "dim": identity.dim or None}
