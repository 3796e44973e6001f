"""Deleting collections: a small one within the request, a large one as a job that goes on after a restart.

A collection is gone from sight in the transaction of the request; what takes time is to take its photos out, so that
search notices each. `jobs` rows of this kind are the API's own: Dagster does not know them.
"""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import structlog

from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import Transaction, collections, jobs
from resources.vector_index import wake

__all__ = ["DELETE_COLLECTION", "LARGE", "CollectionDeletions"]

log = structlog.get_logger("search_api")

DELETE_COLLECTION = "delete_collection"
LARGE = 20_000  # photos; as many leave within a second
_BATCH = 20_000
_AGAIN_S = 30.0  # as long as a write waits for the manifest itself


class CollectionDeletions:
    """One at a time, in a thread of its own."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._stopping = threading.Event()
        self._asked = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="deletions")

    def begin(self, tx: Transaction, name: str, photos: int, large: int = LARGE) -> str | None:
        """Delete the collection. Returns the job that takes its photos out (call `go_on` once this is committed), None
        when that is done. Raises `COLLECTION_NOT_FOUND`.
        """
        collection_id = collections.detach(tx, name)
        if photos <= large:
            collections.drop_members(tx, collection_id, large)
            return None
        job_id = str(uuid.uuid4())
        jobs.queue(tx, job_id, DELETE_COLLECTION, name, {"collection_id": collection_id, "photos": photos})
        return job_id

    def go_on(self) -> None:
        """Work on the jobs that have not ended, those of an earlier process too."""
        self._asked.set()
        self._worker.submit(self._work)

    def close(self) -> None:
        """What is left goes on at the next start."""
        self._stopping.set()
        self._asked.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _work(self) -> None:
        """Until nothing is left: what fails is tried again after a pause, or when the next deletion is asked for."""
        while not self._stopping.is_set():
            self._asked.clear()
            try:
                if self._all_done():
                    return
            except Exception:  # the manifest cannot be read now; a thread that ends leaves the jobs open for ever
                log.exception("deletions_wait")
            if not self._stopping.is_set():
                self._asked.wait(_AGAIN_S)

    def _all_done(self) -> bool:
        """One attempt at each job; whether all of them ended."""
        with self._library.manifest.read() as tx:
            waiting = jobs.unfinished(tx, DELETE_COLLECTION)
        failed = False
        for job_id in waiting:
            try:
                self._empty(job_id)
            except LoupeError as error:
                failed = True
                log.warning("deletion_waits", job_id=job_id, code=error.code, message=error.message)
            except Exception:  # of one job; the others can be done
                failed = True
                log.exception("deletion_waits", job_id=job_id)
        return not failed

    def _empty(self, job_id: str) -> None:
        with self._library.manifest.write() as tx:
            row = jobs.get(tx, job_id)
            asked_for = jobs.request(tx, job_id)
            jobs.start(tx, job_id, DELETE_COLLECTION, row["target"] if row else None)
        assert row is not None
        assert asked_for is not None
        total, done = int(asked_for["photos"]), int(row["stages"].get("photos", {}).get("done", 0))
        while not self._stopping.is_set():
            with self._library.manifest.write() as tx:
                gone = collections.drop_members(tx, asked_for["collection_id"], _BATCH)
                done += gone
                jobs.progress(tx, job_id, {"photos": {"done": done, "total": max(total, done)}}, None, None)
                if not gone:
                    jobs.finish(tx, job_id, "done")
            wake(self._library.home)
            if not gone:
                return
