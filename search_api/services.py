"""What the running API holds: built once by the lifespan, handed to routes by `dependencies.py`."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import disk_bytes
from resources.inference import ServedModels
from resources.keys import KeyRing
from resources.library import Library, LibraryStatus
from resources.manifest import Manifest, jobs, outbox, pauses, problems, roots
from resources.manifest.problems import Which
from resources.model_change import ModelChange, model_changes
from resources.models import GpuResource
from resources.settings import Settings
from search_api.dagster_client import DagsterClient
from search_api.deletions import CollectionDeletions
from search_api.job_starts import JobStarts
from search_api.live_index import IndexCounts, LiveIndex
from search_api.long_waits import LongWaits
from search_api.lost_previews import LostPreviews
from search_api.open_rounds import OpenRounds
from search_api.photo_map import PhotoMap
from search_api.place_map import PlaceMap
from search_api.recent_uses import RecentUses
from search_api.snapshots import Snapshot
from search_api.uploads import MOST_WAITING, UploadDecoder, uploads_busy

__all__ = ["LibraryNow", "Services"]

_STATUS_AGE_S = 2.0
_JOBS_AGE_S = 0.8
_JOBS_KEPT = 200
_DAGSTER_AGE_S = 10.0
_DISK_USE_AGE_S = 600.0  # to add up a million files takes seconds
_PROBE_S = 2.0


@dataclass(frozen=True)
class LibraryNow:
    """What the status is made of: counts of manifest and index, the outbox's newest number, changes of model."""

    counts: LibraryStatus
    warned: int
    index: IndexCounts
    newest_seq: int
    paused_at: datetime | None
    model_changes: list[ModelChange]


@dataclass(frozen=True)
class DiskUse:
    """Bytes on this machine's disk: of previews and thumbnails, and of the index (nothing when it is on a server)."""

    pictures: int
    index: int


class Services:
    """The parts behind the routes. `start` begins to take the index; `stop` gives it back.

    `owner_secret` is written to a file in the home that its owner alone can read, and lets the command line in.
    """

    keys: KeyRing

    def __init__(self, settings: Settings, on_loaded: Callable[[], None]) -> None:
        self.settings = settings
        self.started_at = utc_now()
        self.owner_secret = secrets.token_urlsafe(32)
        self.library = Library(settings)
        self.dagster = DagsterClient(settings)
        gpu = GpuResource(settings)
        self.live = LiveIndex(self.library, gpu, on_loaded)
        self.models = ServedModels(
            self.library, gpu, most_waiting=settings.inference_queue, timeout_s=settings.inference_timeout_s
        )
        self.map = PhotoMap(self.library, self.live)
        self.places = PlaceMap(self.library)
        self.inferring = LongWaits(settings.inference_queue, self.models.full)
        self.uploads = UploadDecoder(settings)
        self.decoding = LongWaits(MOST_WAITING, uploads_busy)
        self.rounds = OpenRounds()
        self.previews = LostPreviews(self.library)
        self.uses = RecentUses(self.library)
        self.deletions = CollectionDeletions(self.library)
        self.status: Snapshot[LibraryNow] = Snapshot(
            self._load_status, _STATUS_AGE_S, lambda: (self.library.manifest.stamp(), self.live.counts())
        )
        self.watched: Snapshot[list[str]] = Snapshot(self._load_watched, _STATUS_AGE_S)
        self.jobs: Snapshot[list[dict[str, Any]]] = Snapshot(self._load_jobs, _JOBS_AGE_S)
        self.starts = JobStarts(self.library.manifest, self.dagster, self.jobs.forget)
        self.dagster_up: Snapshot[bool] = Snapshot(self.dagster.is_reachable, _DAGSTER_AGE_S)
        self.manifest_opens: Snapshot[None] = Snapshot(self._open_manifest, _STATUS_AGE_S)
        self.disk_use: Snapshot[DiskUse] = Snapshot(self._load_disk_use, _DISK_USE_AGE_S)
        self.stopping = threading.Event()

    def start(self) -> None:
        """Make the home ready and begin to open the index. Raises as `Home.prepare` and `Manifest.prepare`."""
        self.library.open()
        self.keys = KeyRing(self.library.manifest, self.library.home)
        self.live.start()
        self.deletions.go_on()

    def stop(self) -> None:
        self.stopping.set()
        self.uploads.close()
        self.previews.close()
        self.models.close()
        self.deletions.close()
        self.uses.close()
        self.live.stop()
        self.dagster.close()
        with suppress(LoupeError):  # when a key was used last is no reason to fail at the end
            self.keys.close()

    def _load_status(self) -> LibraryNow:
        index = self.live.counts()
        counts = self.library.status(index.points, {})
        try:
            changes = model_changes(self.library)
        except LoupeError:  # a server that cannot be reached is told of by the index's own state
            changes = []
        with self.library.manifest.read() as tx:
            warned, newest = problems.warned_count(tx, Which()), outbox.newest_seq(tx)
            return LibraryNow(counts, warned, index, newest, pauses.paused_at(tx), changes)

    def _load_watched(self) -> list[str]:
        with self.library.manifest.read() as tx:
            return [root["path"] for root in roots.rows(tx)]

    def _open_manifest(self) -> None:
        with Manifest(self.library.home, _PROBE_S).read() as tx:
            tx.value("SELECT 1")

    def _load_disk_use(self) -> DiskUse:
        from resources.preview_cache import pictures_bytes

        home = self.library.home
        return DiskUse(pictures_bytes(home), disk_bytes(home.index))

    def _load_jobs(self) -> list[dict[str, Any]]:
        with self.library.manifest.read() as tx:
            return jobs.list_recent(tx, _JOBS_KEPT)
