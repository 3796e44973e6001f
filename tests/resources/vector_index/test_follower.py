"""The owner of the index beside writers, queries, other processes and kills."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from index_library import (
    MODEL,
    Library,
    check_like_new,
    content_hash,
    make_library,
    open_library,
    own,
    photo_id,
    vector,
    write,
)
from kills import KILLS, SEED
from qdrant_client import QdrantClient

from resources.errors import LoupeError
from resources.manifest import failures, roots
from resources.vector_index import (
    IndexFollower,
    IndexModel,
    Offline,
    VectorIndex,
    apply_outbox,
    open_index,
    publish,
)
from resources.vector_index import follower as follower_module
from resources.vector_index import outbox as outbox_module
from resources.vector_index.embedded import EmbeddedIndex
from resources.vector_index.follower import owner_file, prune_file, takes_over
from resources.vector_index.points import generation_name
from resources.vector_index.publishing import wake
from resources.vector_index.server import ServerIndex

Opened = Callable[..., VectorIndex]
_spawn = multiprocessing.get_context("spawn")


def _until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def test_a_wake_is_followed_at_once_and_without_one_the_poll_finds_changes(library: Library) -> None:
    library.use(MODEL)
    with IndexFollower(library.settings, library.manifest, poll_s=60) as follower:
        assert follower.wait_for(0, 10)
        library.add(range(5))
        library.embed(range(5))
        assert not follower.wait_for(library.newest_seq(), 0.5)  # nobody woke it
        wake(library.home)
        started = time.monotonic()
        assert follower.wait_for(library.newest_seq(), 10)
        assert time.monotonic() - started < 2
        assert follower.index.nearest(vector(3), 1)[0].photo_id == photo_id(3)
    with IndexFollower(library.settings, library.manifest, poll_s=0.3) as follower:
        library.add(range(5, 9))
        assert follower.wait_for(library.newest_seq(), 10)
        assert follower.index.count() == 9


def _set_state(library: Library, state: str) -> None:
    with library.manifest.write() as tx:
        roots.set_state(tx, "root", state)
    wake(library.home)


def test_a_disk_that_goes_and_comes_is_shown_at_once_and_changes_no_photo(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = IndexModel("other", "1", "1", 8)
    library.use(MODEL)
    library.add(range(30))
    for model in (MODEL, other):
        library.embed(range(30), model)
    seq, written, write = library.newest_seq(), [0], EmbeddedIndex.upsert

    def counted(index: EmbeddedIndex, points: Any) -> int:
        written[0] += 1
        return write(index, points)

    with IndexFollower(library.settings, library.manifest, poll_s=60) as follower:
        assert follower.wait_for(seq, 10)
        assert follower.index.counted(Offline()) == 0
        with monkeypatch.context() as patched:
            patched.setattr(EmbeddedIndex, "upsert", counted)
            for state, offline in (("offline", 30), ("online", 0), ("vanished", 30)):
                _set_state(library, state)
                _until(lambda offline=offline: follower.index.counted(Offline()) == offline)  # type: ignore[misc]
                assert follower.index.get([photo_id(7)])[photo_id(7)].payload["offline"] == (offline > 0)
                assert follower.index.count() == 30
        assert (library.newest_seq(), written) == (seq, [0])
        library.use(other)
        follower.look()
        _until(lambda: follower.serving_model == other)
        assert follower.index.counted(Offline()) == 30  # so does the index that takes over
    with IndexFollower(library.settings, library.manifest, poll_s=60) as follower:
        assert follower.index.counted(Offline()) == 30  # before its first look


def test_while_many_photos_are_applied_a_disk_that_goes_is_shown(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "BATCH_PHOTOS", 10)
    seen: list[int] = []
    write = EmbeddedIndex.upsert

    def then_it_goes(index: EmbeddedIndex, points: Any) -> int:
        if len(seen) == 1:
            _set_state(library, "offline")
        done = write(index, points)
        seen.append(index.count(Offline()))
        return done

    library.add(range(35))
    monkeypatch.setattr(EmbeddedIndex, "upsert", then_it_goes)
    with IndexFollower(library.settings, library.manifest, lambda: None, poll_s=60) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
    assert seen == [0, 0, 30, 35]


def test_other_processes_can_read_how_far_the_owner_is(library: Library) -> None:
    library.add(range(5))
    with IndexFollower(library.settings, library.manifest) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        _until(lambda: library.home.read_run_file(owner_file(library.home))["applied_seq"] == library.newest_seq())
        told = json.loads(owner_file(library.home).read_text())
        assert (told["pid"], told["generation"], told["error"]) == (os.getpid(), follower.index.generation, None)
        with pytest.raises(LoupeError) as refused:
            IndexFollower(library.settings, library.manifest).start()
        assert refused.value.code == "INDEX_BUSY"
    assert not owner_file(library.home).exists()
    with IndexFollower(library.settings, library.manifest):
        pass  # the index is free again


def test_queries_run_beside_applying_and_never_fail(library: Library) -> None:
    library.use(MODEL)
    library.add(range(50))
    library.embed(range(50))
    stop = threading.Event()
    failures: list[BaseException] = []
    answered = [0]
    with IndexFollower(library.settings, library.manifest, poll_s=0.05) as follower:
        assert follower.wait_for(library.newest_seq(), 10)

        def ask() -> None:
            while not stop.is_set():
                try:
                    hits = follower.index.nearest(vector(answered[0] % 50), 20)
                    assert hits[0].score > 0.999
                    assert follower.index.get([hit.photo_id for hit in hits])
                    follower.index.browse(10)
                    answered[0] += 1
                except BaseException as error:
                    failures.append(error)
                    return

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for start in range(50, 450, 40):
            library.add(range(start, start + 40))
            library.embed(range(start, start + 40))
        assert follower.wait_for(library.newest_seq(), 30)
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert answered[0] > 50
        assert follower.index.embedded_count() == 450


def test_a_model_that_arrives_is_switched_to_without_a_gap(library: Library) -> None:
    library.add(range(40))
    switched: list[VectorIndex] = []
    with IndexFollower(library.settings, library.manifest, on_switch=switched.append, poll_s=0.1) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        assert follower.serving_model is None
        plain = follower.index
        library.embed(range(40))
        library.use(MODEL)
        _until(lambda: follower.serving_model == MODEL)
        assert switched == [follower.index]
        assert follower.index.embedded_count() == 40
        assert plain.count() == 40  # a request that began before the switch can still finish
        library.add([41])
        assert follower.wait_for(library.newest_seq(), 10)
        assert (follower.index.count(), plain.count()) == (41, 40)

    # From now on it starts with that generation, and an unfinished one does not take over by itself.
    other = IndexModel("other", "1", "1", 8)
    library.embed([*range(40), 41], other)

    def refuse(index: VectorIndex) -> None:
        raise LoupeError("MODEL_NOT_FETCHED", "not here")

    follower = IndexFollower(library.settings, library.manifest, lambda: other, on_switch=refuse, poll_s=0.1)
    with follower:
        assert follower.serving_model == MODEL
        _until(lambda: follower.error is not None)
        assert follower.error is not None
        assert follower.error.code == "MODEL_NOT_FETCHED"
        assert follower.serving_model == MODEL
        library.add([42])
        assert follower.wait_for(library.newest_seq(), 10)  # the old pair goes on


def test_a_new_model_takes_over_only_when_it_finds_as_much(library: Library) -> None:
    library.add(range(30))
    library.embed(range(25))
    library.use(MODEL)
    other = IndexModel("other", "1", "1", 8)

    def reached() -> bool:
        told = library.home.read_run_file(owner_file(library.home))
        return bool(told and told["applied_seq"] == told["next_seq"] == library.newest_seq())

    with IndexFollower(library.settings, library.manifest, poll_s=0.1) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        library.use(other)
        library.embed(range(10), other)
        counts = publish(library.manifest, library.settings, other, 10)  # does not wait for the other 15 photos
        assert counts.applied_seq == library.newest_seq()
        library.add([30])
        _until(reached)
        time.sleep(0.3)  # a few looks more
        assert follower.serving_model == MODEL
        assert (follower.index.embedded_count(), follower.index.count()) == (25, 31)
        assert follower.index.nearest(vector(20), 1)[0].photo_id == photo_id(20)

    # Neither a restart nor a run without the API makes it take over.
    publish(library.manifest, library.settings, other, 10)
    with IndexFollower(library.settings, library.manifest, poll_s=0.1) as follower:
        assert follower.serving_model == MODEL
        library.embed(range(10, 25), other)
        _until(lambda: follower.serving_model == other)
        library.use(MODEL)  # and back
        _until(lambda: follower.serving_model == MODEL)
        assert follower.index.nearest(vector(20), 1)[0].photo_id == photo_id(20)


def test_as_many_photos_are_not_enough_when_others_would_be_lost(library: Library) -> None:
    library.add(range(4))
    library.embed(range(4))
    other = IndexModel("other", "1", "1", 8)
    library.embed(range(3), other)
    library.add([4])
    library.embed([4], other)  # arrived when the model that goes could not see it
    assert not takes_over(library.manifest, MODEL, other)
    library.embed([3], other)
    assert takes_over(library.manifest, MODEL, other)


def test_the_owner_deletes_the_index_of_a_pruned_model_and_never_the_one_it_serves(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "_RETIRE_S", 0.5)
    library.add(range(3))
    library.embed(range(3))
    other = IndexModel("other", "1", "1", 8)
    library.embed(range(3), other)
    library.use(MODEL)
    with IndexFollower(library.settings, library.manifest, poll_s=0.1) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        library.use(other)
        _until(lambda: follower.serving_model == other)
        assert MODEL in follower.models_in_hand
        names = [generation_name(MODEL), generation_name(other)]
        prune_file(library.home).write_text(json.dumps(names))
        _until(lambda: not prune_file(library.home).exists())
        assert follower.models_in_hand == {other}
        assert [(library.home.index / name).exists() for name in names] == [False, True]
        assert follower.index.nearest(vector(2), 1)[0].photo_id == photo_id(2)


def test_a_model_that_can_embed_no_more_takes_over_with_less(library: Library) -> None:
    library.add(range(6))
    library.embed(range(6))
    other = IndexModel("other", "1", "1", 8)
    chosen: list[IndexModel | None] = [MODEL]
    with IndexFollower(library.settings, library.manifest, lambda: chosen[0], poll_s=0.1) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        chosen[0] = other
        library.embed(range(5), other)
        publish(library.manifest, library.settings, other, 10)
        assert follower.serving_model == MODEL
        with library.manifest.write() as tx:
            row = {"root_id": "root", "rel_path": "trip/IMG_0005.jpg", "partition_key": "trip"}
            row |= {"sha256": content_hash(5), "page": 1, "size_bytes": 1, "mtime_ns": 5, "stage": "embeddings"}
            failures.record(tx, [row | {"code": "EMBED_FAILED", "message": "no", "decoder_version": "other@1/1"}])
        _until(lambda: follower.serving_model == other)


def test_without_a_model_to_use_the_one_that_is_served_goes_on(library: Library) -> None:
    library.add(range(4))
    library.embed(range(4))
    chosen: list[IndexModel | None] = [MODEL]
    with IndexFollower(library.settings, library.manifest, lambda: chosen[0], poll_s=0.05) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        chosen[0] = None  # as when the choice could not be read for a moment
        time.sleep(0.4)
        assert follower.serving_model == MODEL
        assert follower.index.embedded_count() == 4


@contextmanager
def _changing(index: VectorIndex) -> Iterator[None]:
    """As another process that applies, once no follower does."""
    with ExitStack() as stack:
        entered: list[None] = []

        def enter() -> bool:
            try:
                entered.append(stack.enter_context(index.changing()))
            except LoupeError as error:
                if error.code != "INDEX_BUSY":
                    raise
            return bool(entered)

        _until(enter)
        yield


def test_a_server_is_followed_and_switched_alike(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    client = QdrantClient(":memory:")  # stands for the server that several processes would reach
    monkeypatch.setattr(client, "close", lambda: None)
    lock = library.home.index / "server.lock"
    monkeypatch.setattr(
        ServerIndex, "connect", classmethod(lambda cls, settings, model: cls(client, "loupe", model, lock))
    )
    settings = library.settings.model_copy(update={"qdrant_url": "http://unused"})
    library.add(range(12))
    with IndexFollower(settings, library.manifest, poll_s=0.1) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        assert follower.serving_model is None
        library.embed(range(12))
        library.use(MODEL)
        _until(lambda: follower.serving_model == MODEL)
        assert follower.index.embedded_count() == 12
        counts = publish(library.manifest, settings, MODEL, 10)  # a server has no owner: this process applies too
        assert counts.applied_seq == library.newest_seq()
        with IndexFollower(settings, library.manifest, poll_s=0.1) as replica, _changing(follower.index):
            for state, offline in (("offline", 12), ("online", 0)):
                _set_state(library, state)  # each is told, also while another process applies
                for each in (follower, replica):
                    _until(lambda each=each, offline=offline: each.index.counted(Offline()) == offline)  # type: ignore[misc]
    other = IndexModel("other", "1", "1", 8)
    library.embed(range(12), other)
    failing = IndexFollower(settings, library.manifest, lambda: other, on_switch=lambda index: 1 / 0, poll_s=0.1)
    with failing as follower:
        assert follower.serving_model == MODEL  # the new collection was never whole
        _until(lambda: follower.error is not None)
        assert follower.serving_model == MODEL


def test_publish_takes_a_free_index_and_lets_it_go(library: Library, opened: Opened) -> None:
    library.add(range(6))
    library.embed(range(4))
    counts = publish(library.manifest, library.settings, MODEL, 10)
    assert (counts.upserted, counts.embedded, counts.applied_seq) == (6, 4, library.newest_seq())
    assert (library.home.index / "current").read_text() == opened().generation


def test_publish_waits_for_the_owner_and_says_when_it_is_behind(library: Library) -> None:
    library.use(MODEL)
    with IndexFollower(library.settings, library.manifest, poll_s=60) as follower:
        library.add(range(6))
        counts = publish(library.manifest, library.settings, MODEL, 10)
        assert counts.applied_seq == library.newest_seq()
        assert follower.index.count() == 6


def test_publish_gives_up_on_an_owner_that_does_not_apply(library: Library, opened: Opened) -> None:
    opened(None)  # owns the index and follows nothing
    library.add(range(3))
    with pytest.raises(LoupeError) as late:
        publish(library.manifest, library.settings, None, 1.5)
    assert late.value.code == "INDEX_BEHIND"


def test_publish_waits_as_long_as_the_owner_gets_on(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "BATCH_PHOTOS", 5)
    write = EmbeddedIndex.upsert

    def slowly(index: EmbeddedIndex, points: Any) -> int:
        time.sleep(0.4)
        return write(index, points)

    monkeypatch.setattr(EmbeddedIndex, "upsert", slowly)
    library.add(range(40))
    with IndexFollower(library.settings, library.manifest, lambda: None, poll_s=60) as follower:
        started = time.monotonic()
        counts = publish(library.manifest, library.settings, None, 1.5)
        assert time.monotonic() - started > 1.5
        assert counts.applied_seq == library.newest_seq()
        assert follower.index.count() == 40


def test_two_processes_one_writing_and_one_following(tmp_path: Path) -> None:
    library = make_library(tmp_path / "home")
    owner = _spawn.Process(target=own, args=(str(library.home.path), 0.2))
    writer = _spawn.Process(target=write, args=(str(library.home.path), 8))
    owner.start()
    writer.start()
    try:
        writer.join(120)
        assert writer.exitcode == 0
        counts = publish(library.manifest, library.settings, MODEL, 60)  # this process asks the owner to catch up
        assert counts.applied_seq == library.newest_seq()
    finally:
        owner.kill()
        owner.join()
    check_like_new(library)


@pytest.mark.slow
@pytest.mark.timeout(300 + 30 * KILLS)
def test_an_owner_killed_while_applying_leaves_each_change_applied_once(tmp_path: Path) -> None:
    library = make_library(tmp_path / "home")
    writer = _spawn.Process(target=write, args=(str(library.home.path), 5 * KILLS // 2))
    writer.start()
    kills = 0
    rng = np.random.default_rng(SEED)
    try:
        while writer.is_alive() or kills < KILLS:
            owner = _spawn.Process(target=own, args=(str(library.home.path), 0.05))
            owner.start()
            assert owner.pid is not None
            _until(lambda: owner_file(library.home).exists() or not writer.is_alive(), 30)
            time.sleep(float(rng.uniform(0, 1.2)))  # it owns the index: somewhere in the middle of its work
            os.kill(owner.pid, signal.SIGKILL)
            owner.join()
            owner_file(library.home).unlink(missing_ok=True)
            kills += 1
        writer.join(60)
        assert writer.exitcode == 0
    finally:
        writer.kill()
    print(f"killed the owner {kills} times")
    publish(library.manifest, library.settings, MODEL, 60)
    check_like_new(library)
    assert not list(library.home.index.glob("damaged-*"))


def _apply_and_die(path: str, step: str, after: int) -> None:
    """A process that applies in small batches and is killed when it has done `step` for the `after`th time."""
    outbox_module.BATCH_PHOTOS, outbox_module.PAGE_PHOTOS = 4, 7
    library = open_library(Path(path))
    index = open_index(library.settings, MODEL)
    real, done = getattr(index, step), [0]

    def step_then_die(*given: Any) -> Any:
        answer = real(*given)
        done[0] += 1
        if done[0] == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(index, step, step_then_die)
    apply_outbox(library.manifest, library.vectors(), index)
    index.close()


@pytest.mark.parametrize("rebuilding", [True, False])
@pytest.mark.parametrize(("step", "after"), [("upsert", 2), ("delete", 1), ("set_applied_seq", 1)])
def test_killed_right_after_any_step_the_next_owner_ends_where_it_would_have(
    tmp_path: Path, rebuilding: bool, step: str, after: int
) -> None:
    library = make_library(tmp_path / "home")
    library.add(range(20))
    library.embed(range(20))
    if not rebuilding:
        publish(library.manifest, library.settings, MODEL, 10)
        library.add(range(20, 40))
        library.embed(range(20, 30))
        library.set_missing(3, datetime(2024, 1, 1))
    doomed = _spawn.Process(target=_apply_and_die, args=(str(library.home.path), step, after))
    doomed.start()
    doomed.join(60)
    assert doomed.exitcode == -signal.SIGKILL
    publish(library.manifest, library.settings, MODEL, 10)
    check_like_new(library)


def test_while_another_index_is_built_the_one_that_serves_goes_on(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "BATCH_PHOTOS", 10)
    library.add(range(60))
    library.embed(range(60))
    other = IndexModel("other", "1", "1", 8)
    library.embed(range(60), other)
    chosen: list[IndexModel | None] = [MODEL]
    with IndexFollower(library.settings, library.manifest, lambda: chosen[0], poll_s=60) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        held, going, write = threading.Event(), threading.Event(), EmbeddedIndex.upsert

        def slowly(index: EmbeddedIndex, points: Any) -> int:
            if index.model == other and index.point_count() >= 30 and not held.is_set():
                library.add([60])  # in the middle of the building
                held.set()
            if index.model == other and index.point_count() >= 50:
                assert going.wait(20)
            return write(index, points)

        monkeypatch.setattr(EmbeddedIndex, "upsert", slowly)
        chosen[0] = other
        follower.look()
        assert held.wait(10)
        assert follower.wait_for(library.newest_seq(), 10)
        assert (follower.serving_model, follower.index.count()) == (MODEL, 61)
        going.set()
        library.embed([60], other)
        _until(lambda: (follower.look(), follower.serving_model == other)[1])
        assert follower.index.count() == 61
