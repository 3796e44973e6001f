"""Compaction of the embedded index: beside changes, searches and kills; the real process compacts in each of these."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from index_library import (
    MODEL,
    Library,
    check_like_new,
    everything,
    make_library,
    open_library,
    own,
    photo_id,
    vector,
    write,
)
from kills import KILLS, SEED
from structlog.testing import capture_logs

from resources.errors import LoupeError
from resources.vector_index import IndexFollower, apply_outbox, compact_index, open_index, publish, verify
from resources.vector_index import compaction as compaction_module
from resources.vector_index.compaction import Compactor
from resources.vector_index.embedded import EmbeddedIndex, compacting_file
from resources.vector_index.follower import owner_file
from resources.vector_index.sparse_files import copy_tree, read_tree

# Owners are forked from a process that has the imports behind it and has run nothing: a start takes no second.
_processes = multiprocessing.get_context("forkserver")


_command = compaction_module.command


@pytest.fixture
def index(library: Library) -> Iterator[EmbeddedIndex]:
    """The index of a library of 60 photos, 50 of them embedded."""
    library.add(range(60))
    library.embed(range(50))
    library.caption(7, "caption of round 8")
    opened = open_index(library.settings, MODEL)
    assert isinstance(opened, EmbeddedIndex)
    apply_outbox(library.manifest, library.vectors(), opened)
    yield opened
    opened.close()


def _folders(index: EmbeddedIndex) -> list[str]:
    return sorted(
        path.name for path in index.folder.iterdir() if path.is_dir() or path == compacting_file(index.folder)
    )


def test_nothing_that_changes_during_a_compaction_is_lost_and_it_survives_closing(
    library: Library, index: EmbeddedIndex
) -> None:
    def changed_meanwhile(path: Path) -> list[str]:
        library.add(range(60, 70))
        library.embed(range(55, 65))
        library.set_missing(3, datetime(2024, 1, 1))
        library.set_missing(61, datetime(2024, 1, 1))
        library.caption(9, "caption of round 8")
        apply_outbox(library.manifest, library.vectors(), index)  # the owner goes on
        library.caption(10, "caption of round 8")  # and of this it will hear later
        return _command(path)

    before = index.tail
    done = Compactor(library.settings, library.manifest, build=changed_meanwhile).run(index)
    assert done is not None
    assert index.compacted == done
    assert index.tail < before
    assert verify(library.manifest, index).same
    assert index.applied_seq == library.newest_seq()
    assert index.nearest(vector(62), 1)[0].photo_id == photo_id(62)
    assert photo_id(3) not in index.get([photo_id(3)])
    library.caption(11, "caption of round 8")
    apply_outbox(library.manifest, library.vectors(), index)
    lived = everything(index)
    assert len(lived["words"]) == 4
    assert _folders(index) == [json.loads((index.folder / "applied.json").read_bytes())["shard"]]
    index.close()
    again = open_index(library.settings, MODEL)
    assert isinstance(again, EmbeddedIndex)
    assert everything(again) == lived
    assert again.compacted == done
    assert again.applied_seq == library.newest_seq()
    again.close()
    check_like_new(library)


def test_searches_go_on_while_the_copy_takes_over(library: Library, index: EmbeddedIndex) -> None:
    stop, answered = threading.Event(), [0]
    failures: list[BaseException] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                assert index.nearest(vector(answered[0] % 50), 5)[0].score > 0.999
                assert index.get([photo_id(1)], vectors=True)[photo_id(1)].vector is not None
                assert len(index.browse(100)) == 60
                answered[0] += 1
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert Compactor(library.settings, library.manifest).run(index) is not None
        reached = answered[0]
        deadline = time.monotonic() + 30
        while answered[0] < reached + 20 and not failures and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert answered[0] >= reached + 20


def test_an_index_that_is_begun_anew_meanwhile_keeps_its_shard(library: Library, index: EmbeddedIndex) -> None:
    def rebuilt_meanwhile(path: Path) -> list[str]:
        index.set_applied_seq(None)
        apply_outbox(library.manifest, library.vectors(), index)
        return _command(path)

    assert Compactor(library.settings, library.manifest, build=rebuilt_meanwhile).run(index) is None
    assert index.compacted is None
    assert _folders(index) == ["shard"]
    assert verify(library.manifest, index).same


@pytest.mark.parametrize(
    "ends", ["import sys; sys.exit('no graph today')", "import os; os.kill(os.getpid(), 9)", "print('did nothing')"]
)
def test_a_compaction_that_fails_leaves_the_index_as_it_was(library: Library, index: EmbeddedIndex, ends: str) -> None:
    def damages(path: Path) -> list[str]:
        if "nothing" in ends:  # the process says that all is well, and it is not
            shutil.rmtree(path / "segments")
            (path / "edge_config.json").write_text("{")
        return [sys.executable, "-c", ends]

    held = everything(index)
    with pytest.raises(LoupeError) as failed:
        Compactor(library.settings, library.manifest, build=damages).run(index)
    assert failed.value.code == "COMPACTION_FAILED"
    assert "no graph today" in failed.value.message or "no graph" not in ends
    assert everything(index) == held
    assert _folders(index) == ["shard"]


def test_one_that_is_stopped_or_whose_index_is_closed_leaves_nothing(library: Library, index: EmbeddedIndex) -> None:
    def stopped(path: Path) -> list[str]:
        compactor._stop.set()
        return _command(path)

    compactor = Compactor(library.settings, library.manifest, build=stopped)
    assert compactor.run(index) is None
    assert _folders(index) == ["shard"]

    def closed(path: Path) -> list[str]:
        index.close()
        return _command(path)

    assert Compactor(library.settings, library.manifest, build=closed).run(index) is None
    assert _folders(index) == ["shard"]


@pytest.mark.parametrize("lacking", ["disk", "memory"])
def test_without_room_nothing_is_begun_and_the_status_says_so(
    library: Library, index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    if lacking == "disk":
        monkeypatch.setattr(compaction_module, "free_bytes", lambda path: 1 << 20)
    else:
        memory = namedtuple("memory", "available")(1 << 10)
        monkeypatch.setattr(compaction_module.psutil, "virtual_memory", lambda: memory)
    settings = library.settings.model_copy(update={"compact_photos": 1})
    compactor = Compactor(settings, library.manifest)
    assert compactor.is_due(index)
    compactor.start(index)
    assert compactor._thread is not None
    compactor._thread.join(30)
    status = compactor.status(index)
    assert status.state == "no_room"
    assert lacking in str(status.error)
    assert _folders(index) == ["shard"]
    assert not compactor.is_due(index)  # not tried again at each look


def test_the_owner_compacts_by_itself_and_when_asked(library: Library) -> None:
    library.use(MODEL)
    library.add(range(40))
    library.embed(range(40))
    settings = library.settings.model_copy(update={"compact_photos": 50})
    with IndexFollower(settings, library.manifest, poll_s=0.2) as follower:
        assert follower.wait_for(library.newest_seq(), 10)
        assert follower.compaction.compacted is None  # 40 are not enough
        asked = compact_index(library.manifest, settings, MODEL)
        assert asked is not None
        assert follower.compaction.compacted == asked
        assert follower.compaction.tail == 0
        library.add(range(40, 100))
        library.embed(range(40, 100))
        deadline = time.monotonic() + 60
        while (now := follower.compaction).compacted == asked or now.state != "idle":
            assert time.monotonic() < deadline, now
            time.sleep(0.05)
        assert now.compacted is not None
        assert verify(library.manifest, follower.index).same


def test_on_demand_without_an_owner(library: Library, index: EmbeddedIndex) -> None:
    index.close()
    done = compact_index(library.manifest, library.settings, MODEL)
    assert done is not None
    assert done.points == 60
    check_like_new(library)
    assert compact_index(library.manifest, library.settings, None) is None  # no model, no vectors


def test_a_copy_holds_what_the_folder_held(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "empty" / "below").mkdir(parents=True)
    (source / "none").touch()
    with open(source / "empty" / "holes", "wb") as stream:
        stream.seek(5 << 20)
        stream.write(b"in the middle")
        stream.truncate(20 << 20)
    (source / "text").write_bytes(os.urandom(100_001))
    copy_tree(source, tmp_path / "copy")
    for path in source.rglob("*"):
        twin = tmp_path / "copy" / path.relative_to(source)
        assert twin.is_dir() if path.is_dir() else twin.read_bytes() == path.read_bytes()
    assert (tmp_path / "copy" / "empty" / "holes").stat().st_blocks * 512 < 1 << 20


def test_a_folder_is_read_without_its_holes(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    with open(tmp_path / "below" / "holes", "wb") as stream:
        stream.seek(5 << 20)
        stream.write(os.urandom(1 << 16))
        stream.truncate(500 << 20)
    (tmp_path / "text").write_bytes(os.urandom(100_001))
    assert 100_001 + (1 << 16) <= read_tree(tmp_path, 1 << 30, lambda: False) < 1 << 20
    assert read_tree(tmp_path, 50_000, lambda: False) == 50_000
    assert read_tree(tmp_path, 1 << 30, lambda: True) == 0
    assert read_tree(tmp_path / "gone", 1 << 30, lambda: False) == 0


def test_an_index_is_read_ahead(index: EmbeddedIndex) -> None:
    with capture_logs() as logs:
        index.read_ahead(lambda: False)
        index.close()
        index.read_ahead(lambda: False)
    assert [entry["event"] for entry in logs] == ["index read into memory"]
    assert logs[0]["megabytes"] > 0


def _until(condition: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.timeout(300 + 60 * KILLS)
def test_owner_or_compaction_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Each round ends with a kill of the owner, at some moment between copying and after taking over; in two rounds of
    three the process that compacts is killed before it."""
    _processes.set_forkserver_preload(["index_library"])
    library = make_library(tmp_path / "home")
    write(str(library.home.path), 4)
    publish(library.manifest, library.settings, MODEL, 60)
    folder = next(path for path in library.home.index.iterdir() if path.is_dir())
    writer = _processes.Process(target=write_on, args=(str(library.home.path), 1000))
    writer.start()
    rng = np.random.default_rng(SEED)
    compactors: list[psutil.Process] = []
    killed = {"owner": 0, "compaction": 0}
    try:
        while min(killed.values()) < KILLS:
            assert killed["owner"] < 4 * KILLS, "most rounds ended before there was a compaction to kill"
            first = killed["owner"] % 3 < 2
            owner = _processes.Process(target=own, args=(str(library.home.path), 0.05, 1))
            before = set(folder.glob("shard*"))
            owner.start()
            assert owner.pid is not None
            _until(partial(_compacts if first else _copied, folder, before, compactors), 60)
            time.sleep(float(rng.choice([0.02, 0.5, 3.0])) * float(rng.uniform(0, 1)))
            if process := _compacts(folder, before, compactors):
                compactors.append(process)
                if first:
                    process.kill()
                    killed["compaction"] += 1
                    time.sleep(float(rng.uniform(0, 0.3)))
            os.kill(owner.pid, signal.SIGKILL)
            killed["owner"] += 1
            owner.join()
            owner_file(library.home).unlink(missing_ok=True)
    finally:
        writer.kill()
        writer.join()
    print(f"killed {killed}")
    publish(library.manifest, library.settings, MODEL, 60)
    assert not any(process.is_running() for process in compactors)
    assert len(list(folder.glob("shard*"))) == 1
    assert not compacting_file(folder).exists()
    assert not list(library.home.index.glob("damaged-*"))
    check_like_new(library)


def write_on(path: str, start: int) -> None:
    """A process that changes the library until it is killed."""
    library = open_library(Path(path))
    for number in range(start, start + 10_000):
        library.add([number])
        library.embed([number])
        library.caption(number - start if number - start < 50 else number, f"caption of round {number}")
        library.set_missing(int(number * 7 % 50), datetime(2024, 1, 1) if number % 2 else None)
        time.sleep(0.05)


def _copied(folder: Path, before: set[Path], _: object) -> bool:
    return bool(set(folder.glob("shard*")) - before)


def _compacts(folder: Path, _: object, known: list[psutil.Process]) -> psutil.Process | None:
    """The process that compacts now, if it is none of an earlier round."""
    try:
        process = psutil.Process(json.loads(compacting_file(folder).read_text())["pid"])
    except (OSError, ValueError, psutil.Error):
        return None
    return None if process in known else process
