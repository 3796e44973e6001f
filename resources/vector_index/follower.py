"""The owner of the index while the search API runs: applies the outbox in a thread, beside queries.

Not here: what a search means, HTTP. Other processes read how far it is from `run/index-owner.json`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home, this_process, write_atomically
from resources.manifest import Manifest, models, outbox, results, roots
from resources.manifest.results import ResultKey
from resources.settings import Settings
from resources.vector_index.compaction import CompactionStatus, Compactor
from resources.vector_index.opening import IndexFolder, read_position
from resources.vector_index.outbox import AppliedCounts, Verification, apply_outbox, verify
from resources.vector_index.photo_points import vector_store
from resources.vector_index.points import IndexModel, ModelKey, generation_name
from resources.vector_index.protocol import VectorIndex

__all__ = [
    "IndexFollower",
    "compact_file",
    "drop_generations",
    "model_in_use",
    "owner_file",
    "prune_file",
    "rebuild_file",
    "served_model",
    "takes_over",
]

log = structlog.get_logger(__name__)

_WAKE_LOOK_S = 0.05
_POLL_S = 5.0
# Photos that are taken in during a verification look like differences: what differs is looked at again.
_VERIFICATIONS = 3
_CATCH_UP_S = 60.0
# A request that began with the index before a switch may ask it again for as long as this.
_RETIRE_S = 30.0
# Whether the next index may take over is asked again after so many times as long as the answer took, but soon enough.
_ASK_SHARE, _LONGEST_ASK_WAIT_S = 5, 10.0


def owner_file(home: Home) -> Path:
    """Who owns the index and how far it is.

    What `this_process` says; "generation", "applied_seq" and "model" that are served; "next" and "next_seq" of the one
    that is being built; "written", photos written so far, which grows while the owner gets on; "error"; "at";
    "compaction", a `CompactionStatus`.
    """
    return home.run / "index-owner.json"


def rebuild_file(home: Home) -> Path:
    """Stands here while somebody asks the owner to write the whole index anew."""
    return home.run / "index-rebuild"


def prune_file(home: Home) -> Path:
    """Stands here while somebody asks the owner to delete generations that are not served: their names, as JSON."""
    return home.run / "index-prune"


def compact_file(home: Home) -> Path:
    """Stands here while somebody asks the owner to compact the index now."""
    return home.run / "index-compact"


class IndexFollower:
    """Owns the index, keeps it up to the manifest, and switches it to another model without a gap.

    `index` answers queries from any thread. `choose_model` is asked at each look which model is in use (by default:
    the manifest's word); while its index finds fewer photos by content than the one in use, that one is served
    (`serving_model`) and kept up to date (`takes_over`). The one before stays on the disk, so that choosing its model
    again goes back. `on_switch(index)` is called in the follower's thread before a new index takes over: there the API
    warms the text encoder of the index that it is given; that of the old one is needed until `models_in_hand` leaves
    it out. An error in it leaves the old pair serving, and is tried again at the next look.
    """

    def __init__(
        self,
        settings: Settings,
        manifest: Manifest,
        choose_model: Callable[[], ModelKey | None] | None = None,
        *,
        on_switch: Callable[[VectorIndex], None] | None = None,
        poll_s: float = _POLL_S,
    ) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._manifest = manifest
        self._choose_model = choose_model or (lambda: model_in_use(manifest))
        self._on_switch = on_switch
        self._poll_s = poll_s
        self._folder = IndexFolder(self._home)
        self._index: VectorIndex | None = None
        self._next: VectorIndex | None = None
        self._stop = threading.Event()
        self._look = threading.Event()
        self._thread: threading.Thread | None = None
        self._retired: list[tuple[float, VectorIndex]] = []
        self._moved = threading.Condition()
        self._verifying = threading.Lock()
        self._asked = ("", 0.0)  # the generation that was last asked about, and when it may be asked about again
        self._error: LoupeError | None = None
        self._photos_written = 0
        self._said: tuple[Any, ...] = ()
        self._compactor = Compactor(settings, manifest, self.look)

    def start(self) -> IndexFollower:
        """Take the index and begin to follow. Raises `INDEX_BUSY` at once when another process owns it."""
        if not self._settings.qdrant_url:
            self._folder.own()
            self._folder.prune()
        try:
            model = self._first_model()
            with self._manifest.read() as tx:
                reached = roots.reached(tx)
            self._index = self._open(model)
            self._index.set_roots(reached)  # before it is asked
            self._say()
        except BaseException:
            self._folder.release()
            raise
        self._thread = threading.Thread(target=self._follow, name="index-follower", daemon=True)
        self._thread.start()
        return self

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the batch in hand, close the index, give up the ownership."""
        self._stop.set()
        self._look.set()
        self._compactor.stop()
        if self._thread:
            self._thread.join(timeout_s)
        for index in (self._next, self._index, *(index for _, index in self._retired)):
            if index is not None:
                index.close()
        self._folder.release()
        owner_file(self._home).unlink(missing_ok=True)

    def __enter__(self) -> IndexFollower:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def index(self) -> VectorIndex:
        """The index that answers queries. Raises `INDEX_LOADING` before `start`."""
        if self._index is None:
            raise LoupeError("INDEX_LOADING", "The index is being opened. Try again in a moment.")
        return self._index

    @property
    def serving_model(self) -> IndexModel | None:
        """The model whose vectors are served now; a text must be encoded by this one."""
        return self.index.model

    @property
    def models_in_hand(self) -> set[IndexModel]:
        """The models whose indexes may be asked now: of the one that serves, the next one, and those just replaced."""
        held = [self._index, self._next, *(index for _, index in list(self._retired))]
        return {index.model for index in held if index is not None and index.model is not None}

    @property
    def applied_seq(self) -> int | None:
        """How far the serving index is; None while it was never whole."""
        return self.index.applied_seq

    @property
    def error(self) -> LoupeError | None:
        """Why the last look failed; None when it did not."""
        return self._error

    @property
    def compaction(self) -> CompactionStatus:
        """What compaction of the serving index does."""
        return self._compactor.status(self.index)

    def look(self) -> None:
        """Look at the outbox now."""
        self._look.set()

    def wait_for(self, seq: int, timeout_s: float) -> bool:
        """Whether the serving index reached `seq` in time."""
        with self._moved:
            return self._moved.wait_for(lambda: (reached := self.applied_seq) is not None and reached >= seq, timeout_s)

    def verify(self) -> Verification:
        """How the serving index and the manifest differ, at any time; blocks while it walks both.

        Raises `INDEX_BEHIND` when the index does not catch up with the manifest first.
        """
        with self._verifying:
            for _ in range(_VERIFICATIONS):
                with self._manifest.read() as tx:
                    target = outbox.newest_seq(tx)
                self.look()
                if not self.wait_for(target, _CATCH_UP_S):
                    raise LoupeError(
                        "INDEX_BEHIND",
                        "The index does not catch up with the library, so they cannot be compared.",
                        applied_seq=self.applied_seq,
                        wanted_seq=target,
                    )
                found = verify(self._manifest, self.index)
                if found.same:
                    break
            return found

    # The thread

    def _follow(self) -> None:
        seen = -1
        while not self._stop.is_set():
            # The mark is read before the work: a touch during it is seen again.
            seen = _mtime_ns(self._home.outbox_wake)
            try:
                self._catch_up()
                self._error = None
            except LoupeError as error:
                log.warning("index not brought up to date", code=error.code, reason=error.message)
                self._error = error
            except Exception as error:
                log.exception("index not brought up to date")
                self._error = LoupeError("INTERNAL", f"The index could not be brought up to date: {error}")
            try:
                self._say()
            except LoupeError as error:  # a server that went away meanwhile: this thread goes on until it is back
                log.warning("index not told of", code=error.code, reason=error.message)
                self._error = error
            self._wait(seen)
            for retired in [pair for pair in self._retired if time.monotonic() - pair[0] > _RETIRE_S]:
                self._retired.remove(retired)
                retired[1].close()
            self._prune()

    def _wait(self, seen: int) -> None:
        """Until the wake file is touched, someone asks, or the poll is due."""
        due = time.monotonic() + self._poll_s
        while time.monotonic() < due and not self._stop.is_set():
            if self._look.wait(min(_WAKE_LOOK_S, self._poll_s)):
                self._look.clear()
                return
            if _mtime_ns(self._home.outbox_wake) != seen:
                return

    def _catch_up(self) -> None:
        index = self.index
        if rebuild_file(self._home).exists():
            with index.changing():
                index.set_applied_seq(None)
            self._say()  # before the request goes: whoever asked waits from here on
            rebuild_file(self._home).unlink(missing_ok=True)
        self._apply(index)
        self._compact(index)
        wanted = self._wanted()
        if generation_name(wanted) == index.generation or self._stop.is_set():
            self._drop_next()
            return
        if wanted is None and index.model is not None:
            return  # words are found in this one too, and its text encoder may be warm
        if self._next is None or self._next.generation != generation_name(wanted):
            self._drop_next()
            self._next = self._open(wanted)
            self._say()
        # Building it may take hours: edits and new photos are found meanwhile, in the one that serves.
        self._apply(self._next, between=lambda: self._apply(index))
        self._say()
        if self._next.applied_seq is None or self._stop.is_set():
            return
        if not self._takes_over(index, wanted):
            return
        if self._on_switch:
            self._on_switch(self._next)
        # What was embedded before the question above, and while the encoder was warmed, is to be in the new one too.
        with self._manifest.read() as tx:
            newest = outbox.newest_seq(tx)
        self._apply(self._next)
        if self._next.applied_seq is None or self._next.applied_seq < newest or self._stop.is_set():
            return
        self._retired.append((time.monotonic(), index))
        self._index = self._next  # before it leaves its place: its model is in hand all the while
        self._next = None
        self._index.make_current()
        log.info("index switched", generation=self._index.generation)

    def _takes_over(self, index: VectorIndex, wanted: IndexModel | None) -> bool:
        """As `takes_over`, which reads the whole library: not asked all the time while a large one is changed."""
        generation, not_before = self._asked
        started = time.monotonic()
        if generation == generation_name(wanted) and started < not_before:
            return False
        answer = takes_over(self._manifest, index.model, wanted)
        ended = time.monotonic()
        self._asked = generation_name(wanted), ended + min(_ASK_SHARE * (ended - started), _LONGEST_ASK_WAIT_S)
        return answer

    def _compact(self, index: VectorIndex) -> None:
        """Begin to compact when somebody asks or it is time; it goes on beside this thread."""
        asked = compact_file(self._home)
        if asked.exists() and not self._compactor.running:
            self._compactor.start(index)
            self._say()  # before the request goes: whoever asked waits from here on
            asked.unlink(missing_ok=True)
        elif self._compactor.is_due(index):
            self._compactor.start(index)

    def _drop_next(self) -> None:
        """Let go of an index that is no longer wanted; it may have served a moment ago."""
        if self._next is not None:
            self._retired.append((time.monotonic(), self._next))
            self._next = None

    def _prune(self) -> None:
        """Delete the generations that somebody asked to have deleted; those that may still be asked wait."""
        asked = prune_file(self._home)
        if not asked.exists():
            return
        try:
            names = set(json.loads(asked.read_text()))
        except (OSError, ValueError):
            names = set()
        held = [self._index, self._next, *(index for _, index in self._retired)]
        served = {index.generation for index in held[:2] if index is not None}
        in_hand = {index.generation for index in held if index is not None}
        drop_generations(self._settings, names - in_hand)
        if names & in_hand - served:
            write_atomically(asked, json.dumps(sorted(names & in_hand - served)).encode())
        else:
            asked.unlink(missing_ok=True)

    def _apply(self, index: VectorIndex, between: Callable[[], None] = lambda: None) -> None:
        """Bring `index` up to the outbox; `between` is called after each part of what that takes."""
        written = 0

        def progressed(counts: AppliedCounts) -> None:
            nonlocal written
            done = counts.upserted + counts.deleted
            self._photos_written, written = self._photos_written + done - written, done
            self._say()
            between()

        try:
            apply_outbox(
                self._manifest,
                vector_store(self._home, index.model),
                index,
                stop=self._stop,
                progress=progressed,
            )
        except LoupeError as error:
            if error.code != "INDEX_BUSY":
                raise
            # A server's collection that another process is applying to; which folders it can reach each knows itself.
            with self._manifest.read() as tx:
                index.set_roots(roots.reached(tx))
            return
        if index is self._index and index.applied_seq is not None:
            index.make_current()

    def _open(self, model: IndexModel | None) -> VectorIndex:
        if self._settings.qdrant_url:
            from resources.vector_index.server import ServerIndex

            return ServerIndex.connect(self._settings, model)
        for pair in self._retired:  # switched back before it was closed: a shard is opened once
            if pair[1].generation == generation_name(model):
                self._retired.remove(pair)
                return pair[1]
        return self._folder.open(model)

    def _first_model(self) -> IndexModel | None:
        """The wanted model, or the one in use while the wanted one would find less."""
        wanted = self._wanted()
        known, current = current_model(self._settings, self._folder, wanted)
        if not known or current == wanted:
            return wanted
        return wanted if takes_over(self._manifest, current, wanted) and self._is_up_to_date(wanted) else current

    def _is_up_to_date(self, model: IndexModel | None) -> bool:
        """Whether an index shows everything now: one that was not served for long is followed up before it serves."""
        with self._manifest.read() as tx:
            newest = outbox.newest_seq(tx)
        if self._settings.qdrant_url:
            from resources.vector_index.server import ServerIndex

            collection = ServerIndex.connect(self._settings, model)
            reached = collection.applied_seq
            collection.close()
        else:
            reached = read_position(self._settings, model).applied_seq
        return reached is not None and reached >= newest

    def _wanted(self) -> IndexModel | None:
        key = self._choose_model()
        return None if key is None else IndexModel.of(key)

    def _say(self) -> None:
        """Tell waiting threads and other processes how far the index is."""
        index = self._index
        if index is None:
            return
        error = self._error.to_dict()["error"] if self._error else None
        following = self._next.generation if self._next else None
        reached, next_reached = index.applied_seq, self._next.applied_seq if self._next else None
        compaction = self._compactor.status(index)
        told = (compaction.state, compaction.compacted, compaction.error)
        state = (index.generation, following, reached, next_reached, self._photos_written, repr(error), told)
        if state != self._said:
            content = {
                **this_process(),
                "generation": index.generation,
                "next": following,
                "model": asdict(index.model) if index.model else None,
                "applied_seq": reached,
                "next_seq": next_reached,
                "written": self._photos_written,
                "error": error,
                "compaction": asdict(compaction),
                "at": utc_now().isoformat(),
            }
            self._home.run.mkdir(parents=True, exist_ok=True)
            write_atomically(owner_file(self._home), json.dumps(content).encode())
            self._said = state
        with self._moved:
            self._moved.notify_all()


def model_in_use(manifest: Manifest) -> IndexModel | None:
    """The image-text model that the manifest says is in use."""
    with manifest.read() as tx:
        row = models.in_use(tx, "clip")
    return IndexModel(row["name"], row["revision"], row["preprocess_version"], row["dim"]) if row else None


def current_model(settings: Settings, folder: IndexFolder, wanted: IndexModel | None) -> tuple[bool, IndexModel | None]:
    """Whether an index is in use, and of which model. On a server the collection of `wanted` is made if need be."""
    if not settings.qdrant_url:
        return folder.current()
    from resources.vector_index.server import ServerIndex

    collection = ServerIndex.connect(settings, wanted)
    try:
        return collection.current()
    finally:
        collection.close()


def served_model(settings: Settings) -> IndexModel | None:
    """The model whose index search serves, or served last; None when that is words only, or there is none yet.

    Nothing is opened or created. Raises `INDEX_UNREACHABLE` when the server of `Settings.qdrant_url` is.
    """
    if settings.qdrant_url:
        from resources.vector_index.server import ServerIndex

        return ServerIndex.served(settings)
    return IndexFolder(Home(settings.home)).current()[1]


def drop_generations(settings: Settings, names: Iterable[str]) -> int:
    """Delete these generations, which nobody has open. Returns the bytes freed on this machine's disk."""
    freed = 0
    for name in names:
        if settings.qdrant_url:
            from resources.vector_index.server import ServerIndex

            ServerIndex.drop(settings, name)
        else:
            freed += IndexFolder(Home(settings.home)).drop(name)
    return freed


def takes_over(manifest: Manifest, serving: IndexModel | None, wanted: IndexModel | None) -> bool:
    """Whether the index of `wanted` finds every photo by content that the one of `serving` finds, or ever will.

    It is the manifest's word: an index that is whole shows it. Words alone never take over from a model.
    """
    if serving is None or serving == wanted:
        return True
    if wanted is None:
        return False
    old, new = (ResultKey(model.name, model.revision, model.preprocess_version) for model in (serving, wanted))
    with manifest.read() as tx:
        return not results.count_behind(tx, "embeddings", new, old)


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1
