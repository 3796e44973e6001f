"""Several processes on one home: two ingests at once, one that was killed, a manifest that another program holds.

What was decided: a second ingest waits for the first and takes what that left. A run waits ten minutes for a program
that holds the manifest, a request half a minute, and search asks the index alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running_app import running, wait_until
from small_library import build
from test_cli import Draw

from orchestration.active_runs import active_runs
from orchestration.ingest import IngestCounts, ingest
from orchestration.instance import dagster_instance
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import Manifest, integrity, jobs
from resources.settings import Settings

pytestmark = pytest.mark.slow

# What a request waits for the manifest here; thirty seconds otherwise.
_REQUEST_WAITS_S = 1.0
_HOLD = """
import sys, time, duckdb
print("ready", flush=True)
sys.stdin.readline()
while True:
    try:
        held = duckdb.connect(sys.argv[1])
        break
    except duckdb.IOException:
        time.sleep(0.002)
print("held", flush=True)
time.sleep(60)
"""


def start_ingest(home: Path, photos: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "orchestration.cli", "ingest", str(photos), "--captions", "off", "--json"]
    environment = {**os.environ, "LOUPE_HOME": str(home), "LOUPE_DECODE_WORKERS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_each_once(library: Library, photos: int) -> None:
    with library.manifest.read() as tx:
        assert not any(integrity.duplicate_rows(tx).values())
        assert tx.value("SELECT count(*) FROM photos") == photos
        assert tx.value("SELECT count(*) FROM failures") == 0
        wanted = integrity.pixel_hashes(tx)
    assert set(library.store.pixel_hashes()) == wanted
    assert len(wanted) == photos


@contextmanager
def foreign_holder(path: Path) -> Iterator[Callable[[], None]]:
    """A program that knows nothing of our lock file and has the manifest open from the call on to the block's end."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said, asked = process.stdout, process.stdin
        assert said is not None
        assert asked is not None
        assert said.readline() == "ready\n"

        def hold() -> None:
            print(file=asked, flush=True)
            assert said.readline() == "held\n"

        try:
            yield hold
        finally:
            process.kill()


def test_two_ingests_of_one_folder_at_once_read_each_photo_once(tmp_path: Path, draw_photos: Draw) -> None:
    """On a home that neither has seen, so that they make it at once as well."""
    draw_photos(tmp_path / "photos", 30)
    both = [start_ingest(tmp_path / "home", tmp_path / "photos") for _ in range(2)]
    ended = [(process.communicate(timeout=200), process.returncode) for process in both]
    assert [status for _, status in ended] == [0, 0], ended
    counts = [json.loads(out) for (out, _), _ in ended]
    assert sum(count["decoded"] for count in counts) == 30
    assert sum(count["known"] for count in counts) == 0
    assert_each_once(Library(Settings(home=tmp_path / "home")), 30)


def test_a_killed_ingest_is_a_failed_job_and_the_next_goes_on(tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 30)
    library = Library(Settings(home=tmp_path / "home", captions="off", decode_workers=1))
    killed = start_ingest(tmp_path / "home", tmp_path / "photos")
    wait_until(lambda: any(library.home.previews.glob("*/*.jpg")) or killed.poll() is not None, 200)
    killed.kill()
    killed.communicate()
    counts, _ = ingest(library, [str(tmp_path / "photos")])
    assert counts.left == 0
    assert_each_once(library, 30)
    with library.manifest.read() as tx:
        rows = jobs.list_recent(tx)
    assert [row["state"] for row in rows] == ["done", "failed"]
    with dagster_instance(library.home) as instance:
        assert active_runs(instance, ("ingest",)) == [], "no run is left that would hold the pool"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Manifest.__init__, "__defaults__", (_REQUEST_WAITS_S,))


@pytest.mark.usefixtures("impatient")
def test_a_run_waits_for_a_manifest_that_is_held_and_goes_on(tmp_path: Path, draw_photos: Draw) -> None:
    """For longer than a request does, and nothing that was decoded meanwhile is lost."""
    draw_photos(tmp_path / "photos", 60)
    library = Library(Settings(home=tmp_path / "home", captions="off", decode_workers=1)).open()
    outcome: list[object] = []

    def take_in() -> None:
        try:
            outcome.append(ingest(library, [str(tmp_path / "photos")])[0])
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=take_in)
    with foreign_holder(library.home.manifest) as hold:
        thread.start()
        wait_until(lambda: any(library.home.previews.glob("*/*.jpg")) or bool(outcome), 200)
        hold()
        time.sleep(3 * _REQUEST_WAITS_S)
        assert not outcome, "it waits"
    thread.join(120)
    [counts] = outcome
    assert isinstance(counts, IngestCounts), counts
    assert (counts.decoded, counts.left, counts.runs) == (60, 0, 1)
    assert_each_once(library, 60)


@pytest.mark.usefixtures("impatient")
def test_a_request_waits_its_time_for_a_manifest_that_is_held(tmp_path: Path) -> None:
    """Search needs the index alone; what asks the manifest says that it is busy, after its time and not before."""
    small = build(tmp_path, with_model=False)
    with running(small, model=False) as client:
        with foreign_holder(small.library.home.manifest) as hold:
            hold()
            started = time.monotonic()
            busy = client.get("/api/v1/collections")
            assert busy.json()["error"]["code"] == "MANIFEST_BUSY"
            assert time.monotonic() - started >= _REQUEST_WAITS_S
            found = client.post("/api/v1/search", json={"text": "gold", "mode": "words"})
            assert found.status_code == 200, found.text
            assert found.json()["hits"]
        assert client.get("/api/v1/collections").status_code == 200


def test_a_second_ingest_does_not_wait_for_ever(tmp_path: Path) -> None:
    library = Library(Settings(home=tmp_path / "home")).open()
    with library.home.ingest_lock():
        found: list[str] = []

        def wait() -> None:
            try:
                with library.ingesting(wait_s=0.3):
                    found.append("in")
            except LoupeError as error:
                found.append(error.code)

        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(30)
    assert found == ["INGEST_BUSY"]
