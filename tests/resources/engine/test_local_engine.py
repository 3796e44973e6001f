"""Decode workers are processes: a crash, a hang or a kill costs one file and leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from drawn_photos import draw_photo, draw_photos
from ordinary_user import as_ordinary_user
from PIL import Image

from resources.engine import DecodeTask, LocalEngine, Outcome
from resources.home import Home
from resources.imaging.model_input import ModelInputSpec, model_input
from resources.photo_store import PhotoStore
from resources.settings import Settings

SPEC = ModelInputSpec(32, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def settings_of(home: Home, **changes: object) -> Settings:
    return Settings.load(home=home.path, **{"decode_workers": 1, "decode_timeout_s": 60.0, **changes})


def decode(
    settings: Settings, paths: Sequence[Path], claim: Callable[[str], bool] = lambda sha256: True, **task: object
) -> dict[str, Outcome]:
    """Outcomes by file name."""
    tasks = [DecodeTask(str(path), "original", path.name, **task) for path in paths]  # type: ignore[arg-type]
    return {each.task.reference: each for each in LocalEngine(settings).decode(tasks, claim, threading.Event())}


# Workers that other tests of this process keep: a search API decodes uploads in one.
STRANGERS: list[psutil.Process] = []


@pytest.fixture(autouse=True)
def strangers() -> None:
    STRANGERS[:] = psutil.Process().children(recursive=True)


def decode_workers(of: int | None = None) -> list[psutil.Process]:
    children = psutil.Process(of).children(recursive=True)
    return [each for each in children if "resources.engine.decode_worker" in each.cmdline() and each not in STRANGERS]


def fifo(path: Path) -> Path:
    """A file whose opening never ends: nobody writes to it."""
    os.mkfifo(path)
    return path


def test_original_is_read_once_hashed_decoded_and_stored(home: Home, tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.png", 1, (2048, 1024))
    outcome = decode(settings_of(home), [photo], input_specs=(SPEC,))["a.png"]

    assert outcome.status == "decoded"
    assert outcome.sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert outcome.bytes_read == outcome.size_bytes == photo.stat().st_size
    assert outcome.mtime_ns == photo.stat().st_mtime_ns
    assert outcome.decoded is not None
    (page,) = outcome.decoded.pages
    assert (page.width, page.height) == (2048, 1024)
    assert (page.preview_width, page.preview_height) == (1024, 512)
    store = PhotoStore(home)
    with Image.open(store.preview_path(page.pixel_hash)) as preview:
        assert preview.size == (1024, 512)
    with Image.open(store.thumbnail_path(page.pixel_hash)) as thumbnail:
        assert thumbnail.size == (256, 128)
    assert [each.shape for each in outcome.inputs] == [(32, 32, 3)]


def test_model_input_comes_from_preview_pixels(home: Home, tmp_path: Path) -> None:
    """So vectors made from originals and, later, from previews agree."""
    photo = draw_photo(tmp_path / "a.png", 1)
    outcome = decode(settings_of(home), [photo], input_specs=(SPEC,))["a.png"]
    with Image.open(photo) as picture:
        np.testing.assert_array_equal(outcome.inputs[0], model_input(np.asarray(picture.convert("RGB")), SPEC))


def test_bytes_that_are_known_are_not_decoded(home: Home, tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.jpg", 1)
    asked: list[str] = []
    outcome = decode(settings_of(home), [photo], claim=lambda sha256: bool(asked.append(sha256)))["a.jpg"]
    assert outcome.status == "known"
    assert asked == [outcome.sha256]
    assert list(PhotoStore(home).pixel_hashes()) == []


@pytest.mark.parametrize("by", [signal.SIGSEGV, signal.SIGKILL])
def test_crash_of_the_decoder_costs_one_file(home: Home, tmp_path: Path, by: signal.Signals) -> None:
    photos = draw_photos(tmp_path / "photos", 4)
    fatal = hashlib.sha256(photos[1].read_bytes()).hexdigest()

    def claim(sha256: str) -> bool:
        if sha256 == fatal:  # the worker holds the bytes now and is about to decode them
            os.kill(decode_workers()[0].pid, by)
        return True

    outcomes = decode(settings_of(home), photos, claim)
    crashed = outcomes.pop(photos[1].name)
    assert (crashed.status, crashed.code, crashed.sha256) == ("failed", "DECODE_CRASH", fatal)
    assert (crashed.size_bytes, crashed.mtime_ns) == (photos[1].stat().st_size, photos[1].stat().st_mtime_ns)
    assert {each.status for each in outcomes.values()} == {"decoded"}
    assert len(outcomes) == 3
    assert decode_workers() == []


def test_file_that_hangs_times_out_and_its_worker_is_replaced(home: Home, tmp_path: Path) -> None:
    hanging = fifo(tmp_path / "hang.jpg")
    fine = draw_photo(tmp_path / "fine.jpg", 1)
    started = time.monotonic()
    outcomes = decode(settings_of(home, decode_timeout_s=5), [hanging, fine])
    assert outcomes["hang.jpg"].code == "DECODE_TIMEOUT"
    assert "5 s" in (outcomes["hang.jpg"].message or "")
    assert outcomes["fine.jpg"].status == "decoded"
    assert time.monotonic() - started < 60
    assert decode_workers() == []


def test_stop_ends_within_ten_seconds_and_leaves_no_child(home: Home, tmp_path: Path) -> None:
    hanging = [fifo(tmp_path / f"{number}.jpg") for number in range(5)]
    stop = threading.Event()
    stopped_at: list[float] = []
    threading.Timer(2.0, lambda: (stopped_at.append(time.monotonic()), stop.set())).start()
    tasks = [DecodeTask(str(path), "original", path.name) for path in hanging]
    outcomes = list(LocalEngine(settings_of(home, decode_workers=2)).decode(tasks, lambda sha256: True, stop))
    assert time.monotonic() - stopped_at[0] < 10
    assert outcomes == []
    assert decode_workers() == []


def test_reader_that_walks_away_leaves_no_child(home: Home, tmp_path: Path) -> None:
    tasks = [DecodeTask(str(path), "original", path.name) for path in draw_photos(tmp_path / "photos", 40)]
    outcomes = LocalEngine(settings_of(home)).decode(tasks, lambda sha256: True, threading.Event())
    assert next(outcomes).status == "decoded"
    assert len(decode_workers()) == 1
    outcomes.close()  # type: ignore[attr-defined]
    assert decode_workers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child at once when its parent is killed")
def test_worker_dies_with_a_killed_parent(home: Home, tmp_path: Path) -> None:
    fifo(tmp_path / "hang.jpg")
    parent = subprocess.Popen(
        [sys.executable, "-c", _HOLD_A_WORKER, str(home.path), str(tmp_path / "hang.jpg")], cwd=tmp_path
    )
    try:
        deadline = time.monotonic() + 60
        while not (workers := decode_workers(parent.pid)):
            assert time.monotonic() < deadline, "no worker started"
            time.sleep(0.05)
        # A worker that has not asked for the signal yet is still importing; its pipe would end it as well.
        time.sleep(1.0)
    finally:
        parent.kill()
        parent.wait()
    gone, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
    assert gone


_HOLD_A_WORKER = """
import sys, threading
from resources.engine import DecodeTask, LocalEngine
from resources.settings import Settings
engine = LocalEngine(Settings(home=sys.argv[1], decode_workers=1, decode_timeout_s=600))
list(engine.decode([DecodeTask(sys.argv[2], "original", 0)], lambda sha256: True, threading.Event()))
"""


def test_error_of_the_claim_reaches_the_caller_and_leaves_no_child(home: Home, tmp_path: Path) -> None:
    def claim(sha256: str) -> bool:
        raise RuntimeError("the manifest is gone")

    with pytest.raises(RuntimeError, match="the manifest is gone"):
        decode(settings_of(home), draw_photos(tmp_path / "photos", 3), claim)
    assert decode_workers() == []


def test_results_wait_in_a_bounded_queue(home: Home, tmp_path: Path) -> None:
    """An engine takes from its tasks only as fast as outcomes are taken, so memory does not grow with the folder."""
    photos = draw_photos(tmp_path / "photos", 60)
    taken: list[str] = []

    def tasks():  # type: ignore[no-untyped-def]
        for path in photos:
            taken.append(path.name)
            yield DecodeTask(str(path), "original", path.name)

    outcomes = LocalEngine(settings_of(home)).decode(tasks(), lambda sha256: True, threading.Event())
    next(outcomes)
    before = -1
    while before != len(taken):  # until nothing more is taken for a while
        before = len(taken)
        time.sleep(0.7)
    assert len(taken) < 30
    assert sum(1 for _ in outcomes) == 59


@pytest.mark.parametrize(("content", "code"), [(b"", "EMPTY_FILE"), (b"Dear Sir or Madam, " * 20, "NOT_AN_IMAGE")])
def test_broken_file_is_named_for_what_it_is(home: Home, tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    outcome = decode(settings_of(home), [path])["a.jpg"]
    assert (outcome.status, outcome.code) == ("failed", code)
    assert (outcome.size_bytes, outcome.mtime_ns) == (len(content), path.stat().st_mtime_ns)
    assert outcome.message


def test_file_without_a_photos_name_is_no_failure(home: Home, tmp_path: Path) -> None:
    """A name that promised nothing: content that is no picture is just not a photo, and only its head is read."""
    notes = tmp_path / "notes"
    notes.write_bytes(b"buy milk\n" * 20_000)
    photo = tmp_path / "IMG_0001"
    photo.write_bytes(draw_photo(tmp_path / "a.jpg", 1).read_bytes())
    outcomes = decode(settings_of(home), [notes, photo], name_promises=False)
    assert outcomes["notes"].status == "not_a_photo"
    assert outcomes["notes"].bytes_read == 64 * 1024
    assert outcomes["IMG_0001"].status == "decoded"


def test_vanished_and_unreadable_files_cost_themselves(home: Home, tmp_path: Path) -> None:
    locked, fine = draw_photos(tmp_path / "photos", ["locked.jpg", "fine.jpg"])
    locked.chmod(0)
    gone = tmp_path / "photos" / "gone.jpg"
    outcomes = as_ordinary_user(lambda: decode(settings_of(home), [gone, locked, fine]))
    assert {name: each.code for name, each in outcomes.items()} == {
        "gone.jpg": "FILE_VANISHED",
        "locked.jpg": "FILE_UNREADABLE",
        "fine.jpg": None,
    }
    assert "Permission denied" in (outcomes["locked.jpg"].message or "")


def test_too_many_bytes_or_pixels_are_refused_unread(home: Home, tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.png", 1)
    heavy = decode(settings_of(home, max_file_bytes=100), [photo])["a.png"]
    assert (heavy.code, heavy.bytes_read) == ("TOO_LARGE", 0)
    wide = decode(settings_of(home, max_pixels=1000), [photo])["a.png"]
    assert wide.code == "TOO_LARGE"


def test_full_disk_is_not_called_a_broken_photo(home: Home, tmp_path: Path) -> None:
    """The home is at fault, so the code is the home's: the stream stops instead of failing every photo."""
    photo = draw_photo(tmp_path / "a.jpg", 1)
    home.previews.rmdir()
    home.previews.write_text("a file where the folder should be")
    assert decode(settings_of(home), [photo])["a.jpg"].code == "HOME_NOT_WRITABLE"


def test_worker_imports_neither_models_nor_settings(tmp_path: Path) -> None:
    code = (
        "import sys, resources.engine.decode_worker\n"
        "print([name for name in ('torch', 'duckdb', 'dagster', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
