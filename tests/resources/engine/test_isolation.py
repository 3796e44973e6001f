"""What one file can do to the worker that holds it, and that it ends there: memory, signals, hangs, again and again."""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from drawn_photos import draw_photo, draw_photos, retouch
from shelf import Shelf

from resources.engine import DecodeTask, LocalEngine, Outcome
from resources.engine.tasks import Claim
from resources.home import Home
from resources.manifest import problems
from resources.settings import Settings

LINUX_ONLY = pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="only Linux bounds a process so")


@dataclass
class Fatal:
    """The local engine, except that the worker that holds certain bytes gets a signal: a decoder's native crash."""

    engine: LocalEngine
    fatal: set[str] = field(default_factory=set)
    by: signal.Signals = signal.SIGSEGV
    workers: set[int] = field(default_factory=set)

    def decode(self, tasks: Iterable[DecodeTask], claim: Claim, stop: threading.Event) -> Iterator[Outcome]:
        def claim_or_die(sha256: str) -> bool:
            (worker,) = worker_processes()
            self.workers.add(worker.pid)
            if sha256 in self.fatal:
                worker.send_signal(self.by)
            return claim(sha256)

        return self.engine.decode(tasks, claim_or_die, stop)


# Workers that other tests of this process keep: a search API decodes uploads in one.
STRANGERS: list[psutil.Process] = []


@pytest.fixture(autouse=True)
def strangers() -> None:
    STRANGERS[:] = psutil.Process().children()


def worker_processes() -> list[psutil.Process]:
    children = [each for each in psutil.Process().children() if each not in STRANGERS]
    return [each for each in children if "resources.engine.decode_worker" in each.cmdline()]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def one_worker(home: Home, **changes: object) -> LocalEngine:
    return LocalEngine(Settings.load(home=home.path, decode_workers=1, **changes))


def outcomes_of(engine: LocalEngine | Fatal, paths: Iterable[Path]) -> dict[str, Outcome]:
    tasks = (DecodeTask(str(path), "original", path.name) for path in paths)
    return {each.task.reference: each for each in engine.decode(tasks, lambda sha256: True, threading.Event())}


def flat_png(path: Path, edge: int) -> Path:
    """A small file that is one large picture: `edge` x `edge` pixels of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * edge)
    packed = b"".join(packer.compress(row) for _ in range(edge)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


@LINUX_ONLY
def test_a_picture_that_needs_more_memory_than_allowed_costs_itself(home: Home, tmp_path: Path) -> None:
    photos = draw_photos(tmp_path / "photos", 2)
    huge = flat_png(tmp_path / "huge.png", 9000)  # 243 MB
    engine = one_worker(home)
    engine._config = replace(engine._config, memory_bytes=400 << 20)
    outcomes = outcomes_of(engine, [photos[0], huge, photos[1]])
    assert outcomes["huge.png"].code == "DECODE_MEMORY"
    assert [outcomes[path.name].status for path in photos] == ["decoded", "decoded"]
    assert outcomes_of(one_worker(home), [huge])["huge.png"].status == "decoded"


@LINUX_ONLY
def test_workers_offer_themselves_first_when_memory_runs_out(home: Home, tmp_path: Path) -> None:
    """The system's choice falls on a worker, not on the run that holds the models."""
    tasks = (DecodeTask(str(path), "original", path.name) for path in draw_photos(tmp_path / "photos", 20))
    outcomes = one_worker(home).decode(tasks, lambda sha256: True, threading.Event())
    next(outcomes)
    (worker,) = worker_processes()
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert int(Path(f"/proc/{worker.pid}/oom_score_adj").read_text()) > own
    outcomes.close()  # type: ignore[attr-defined]


def test_many_crashes_in_a_row_cost_one_worker_each_and_no_neighbour(home: Home, tmp_path: Path) -> None:
    photos = draw_photos(tmp_path / "photos", 30)
    fatal = photos[10:22]
    engine = Fatal(one_worker(home), {sha256(path) for path in fatal})
    outcomes = outcomes_of(engine, photos)
    assert {name for name, each in outcomes.items() if each.code == "DECODE_CRASH"} == {path.name for path in fatal}
    assert {each.message for each in outcomes.values() if each.code} == {"The decoder crashed on this file (SIGSEGV)."}
    assert sum(each.status == "decoded" for each in outcomes.values()) == 18
    assert len(engine.workers) == 13
    assert worker_processes() == []


def test_a_decoder_that_never_answers_is_ended_and_replaced(home: Home, tmp_path: Path) -> None:
    """Stopped, it does not even see a polite signal."""
    photos = draw_photos(tmp_path / "photos", 3)
    engine = Fatal(one_worker(home, decode_timeout_s=5.0), {sha256(photos[1])}, signal.SIGSTOP)
    outcomes = outcomes_of(engine, photos)
    assert [outcomes[path.name].code for path in photos] == [None, "DECODE_TIMEOUT", None]
    assert len(engine.workers) == 2
    assert worker_processes() == []


def test_failures_by_the_thousand_leave_nothing_behind(home: Home, tmp_path: Path) -> None:
    broken = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number, path in enumerate(broken):
        path.write_bytes((b"", b"words", b"\xff\xd8\xff\xe0\0\x10JFIF", bytes(3000))[number])
    tasks = (DecodeTask(str(broken[number % 4]), "original", number) for number in range(4000))
    own = psutil.Process()
    resident: list[int] = []
    descriptors: list[int] = []
    seen: set[int] = set()
    for outcome in one_worker(home).decode(tasks, lambda sha256: True, threading.Event()):
        assert outcome.status == "failed"
        seen.add(outcome.task.reference)
        if outcome.task.reference % 500 == 499:
            resident.append(own.memory_info().rss)
            descriptors.append(own.num_fds())
    assert len(seen) == 4000
    assert resident[-1] < resident[0] + (16 << 20)
    assert descriptors[-1] <= descriptors[0]


# A file that ends every worker that looks at it


@pytest.fixture
def poisoned(shelf: Shelf) -> Shelf:
    """Five photos, one of which is fatal to whoever decodes it."""
    photos = draw_photos(shelf.photos, 5)
    engine = LocalEngine(shelf.settings.model_copy(update={"decode_workers": 1}))
    shelf = replace(shelf, engine=Fatal(engine, {sha256(photos[2])}))
    shelf.watch()
    return shelf


def hours_later(shelf: Shelf) -> None:
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE failures SET last_at = last_at - ?", [timedelta(hours=5)])


def test_a_poisonous_file_is_given_up_after_its_attempts(poisoned: Shelf) -> None:
    name = "photo0002.jpg"
    assert poisoned.take_in().decoded == 4
    for attempt in range(1, 9):
        assert poisoned.failures() == {name: "DECODE_CRASH"}
        assert poisoned.value("SELECT attempts FROM failures") == min(attempt, 5)
        assert poisoned.stream().files_read == 0, "not again at once"
        hours_later(poisoned)
        counts = poisoned.stream()
        assert (counts.decoded, counts.failed) == (0, int(attempt < 5))
    assert poisoned.value("SELECT count(*) FROM photos") == 4


def test_other_bytes_in_place_of_a_poisonous_file_have_attempts_of_their_own(poisoned: Shelf) -> None:
    poisoned.take_in()
    hours_later(poisoned)
    poisoned.stream()
    assert poisoned.value("SELECT attempts FROM failures") == 2
    path = poisoned.photos / "photo0002.jpg"
    retouch(path, 7)
    os.utime(path, ns=(1, 1))
    assert isinstance(poisoned.engine, Fatal)
    poisoned.engine.fatal.add(sha256(path))
    poisoned.take_in()
    assert poisoned.value("SELECT attempts FROM failures") == 1


def test_a_whole_photo_in_place_of_a_poisonous_file_clears_its_failure(poisoned: Shelf) -> None:
    poisoned.take_in()
    draw_photo(poisoned.photos / "photo0002.jpg", 99)
    assert poisoned.take_in().decoded == 1
    assert poisoned.failures() == {}
    with poisoned.library.manifest.read() as tx:
        assert problems.skip_reasons(tx) == {}
