"""`loupe up` as a person runs it: real services, real sensor, real kills."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from demo.postcards import draw_postcards
from orchestration.active_runs import active_runs
from orchestration.instance import dagster_instance
from orchestration.services import free_port
from resources.home import Home
from resources.library import Library
from resources.manifest import integrity
from resources.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass
class Up:
    """A running `loupe up` and its API."""

    home: Path
    photos: Path
    log: Path
    port: int = field(default_factory=free_port)
    dagster_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "orchestration.cli", "up", str(self.photos), "--model", "demo-postcards"]
        command += ["--captions", "now", "--port", str(self.port), "--dagster-port", str(self.dagster_port)]
        before = self._times_ready()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "LOUPE_HOME": str(self.home)}, cwd="/"
            )
        self.wait(lambda: self._times_ready() > before, 120)

    def _times_ready(self) -> int:
        return self.log.read_text().count("Ctrl-C stops") if self.log.exists() else 0

    def tree(self) -> list[psutil.Process]:
        assert self.process is not None
        root = psutil.Process(self.process.pid)
        return [*root.children(recursive=True), root]

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        """Until `condition` holds. Fails when `loupe up` has ended, or after `seconds` of a machine that has time.

        Where more processes want to run than there are cores, a second is as much longer.
        """
        waited, before = 0.0, time.monotonic()
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert waited < seconds, self.log.read_text()[-2000:]
            time.sleep(0.3)
            now = time.monotonic()
            waited += (now - before) / max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
            before = now

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        reply = httpx.get(f"http://127.0.0.1:{self.port}/api/v1{path}", params=params, timeout=30)
        assert reply.is_success, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def search(self, text: str) -> dict[str, Any]:
        query = {"text": text, "mode": "meaning", "limit": 100}
        reply = httpx.post(f"http://127.0.0.1:{self.port}/api/v1/search", json=query, timeout=60)
        assert reply.is_success, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def searchable(self) -> int:
        try:
            return int(self.get("/status")["searchable"])
        except (httpx.HTTPError, AssertionError):
            return -1  # not up yet, or busy for a moment

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            family = self.tree()
            self.process.send_signal(signal.SIGINT)
            _, left = psutil.wait_procs(family, timeout=40)
            assert not left, left


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path / "home", tmp_path / "photos", tmp_path / "up.log")
    yield running
    if running.process and running.process.poll() is None:
        for process in running.tree():
            process.kill()


def _draw(folder: Path, count: int, seed: int) -> None:
    """Drawn elsewhere and moved in, as a finished copy would appear."""
    part = folder.with_name(f".{folder.name}.part")
    part.mkdir(parents=True)
    for number, card in zip(range(count), draw_postcards(seed, "evaluation"), strict=False):
        card.draw(320, 240).save(part / f"IMG_{seed:02d}{number:03d}.jpg", quality=85)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part.rename(folder)


def _exactly_once(up: Up, count: int) -> None:
    """Every photo stands once in manifest, previews and vectors; nothing is left over."""
    library = Library(Settings.load(home=up.home, model="demo-postcards", captions="now"))
    with library.manifest.read() as tx:
        assert not any(integrity.duplicate_rows(tx).values())
        wanted = integrity.pixel_hashes(tx)
        assert tx.value("SELECT count(*) FROM photos") == count
        assert tx.value("SELECT count(*) FROM embeddings") == len(wanted)
        assert tx.value("SELECT count(*) FROM captions") == len(wanted)
    assert set(library.store.pixel_hashes()) == wanted


def test_new_folder_is_searchable_within_a_minute_and_ctrl_c_leaves_nothing(up: Up) -> None:
    _draw(up.photos / "2023 Home", 8, seed=1)
    up.start()
    up.wait(lambda: up.searchable() == 8, 120)
    assert up.get("/status")["banner"] is None

    _draw(up.photos / "2024 Lofoten", 12, seed=2)
    up.wait(lambda: up.searchable() == 20, 60)
    hits = up.search("a boat by the sea")["hits"]
    assert len(hits) == 20
    assert {Path(hit["paths"][0]).parent.name for hit in hits} == {"2023 Home", "2024 Lofoten"}

    up.wait(lambda: up.get("/jobs")["jobs"][0]["state"] == "done", 60)
    job = up.get("/jobs")["jobs"][0]
    assert job["kind"] == "ingest"

    runs = httpx.post(
        f"http://127.0.0.1:{up.dagster_port}/graphql",
        json={"query": "{ runsOrError { ... on Runs { results { jobName status } } } }"},
        timeout=30,
    ).json()["data"]["runsOrError"]["results"]
    assert {"jobName": "ingest", "status": "SUCCESS"} in runs

    killed = [each for each in up.tree() if any("/dagster-" in word for word in each.cmdline())]
    assert len(killed) == 2, "daemon and web server"
    for process in killed:
        process.kill()
    assert len(up.search("a boat by the sea")["hits"]) == 20
    up.wait(lambda: up.log.read_text().count("has stopped and is started again") == 2, 30)
    up.wait(lambda: up.get("/health/ready")["dagster"] == "ready", 60)

    shutil.rmtree(up.photos / "2023 Home")
    up.wait(lambda: up.searchable() == 12, 90)
    up.stop()
    _exactly_once(up, 20)


def test_tree_killed_in_mid_run_goes_on_where_it_was(up: Up) -> None:
    """Every process at once, as a power cut does: when the first picture is there, and in the run after that."""
    _draw(up.photos / "2024 Lofoten", 60, seed=3)
    for reached in (lambda: any((up.home / "previews").glob("*/*.jpg")), lambda: _states(up)[:1] == ["running"]):
        up.start()
        up.wait(reached, 120)
        family = up.tree()
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=20)
        assert _processes_on(up.home) == []
        with Library(Settings.load(home=up.home)).manifest.read() as tx:
            assert tx.value("SELECT count(*) FROM captions") < 60, "it was in the middle"
    up.start()
    up.wait(lambda: up.searchable() == 60, 180)
    up.wait(lambda: up.get("/status")["captions"] == 60, 180)
    up.wait(lambda: _states(up)[0] == "done", 60)
    assert len(up.search("a house")["hits"]) == 60
    assert set(_states(up)) == {"done", "failed"}, "the killed runs have ended too"
    assert up.get("/status/index")["same"]
    up.stop()
    assert _processes_on(up.home) == []
    _exactly_once(up, 60)
    home = Home(up.home)
    assert not home.dagster_file.exists()
    with dagster_instance(home) as instance:
        assert active_runs(instance, ("ingest",)) == []
        assert instance.event_log_storage.get_concurrency_info("gpu").active_slot_count == 0


def test_cancelled_run_keeps_what_is_done_and_leaves_no_child(up: Up) -> None:
    _draw(up.photos / "2024 Lofoten", 240, seed=4)
    up.start()
    up.wait(lambda: any(job["state"] == "running" for job in up.get("/jobs")["jobs"]), 60)
    up.wait(lambda: bool(_workers(up)), 60)
    family = _run_processes(up)
    assert len(family) >= 2
    job_id = next(job["job_id"] for job in up.get("/jobs")["jobs"] if job["state"] == "running")
    reply = httpx.post(f"http://127.0.0.1:{up.port}/api/v1/jobs/{job_id}/cancel", timeout=30)
    assert reply.is_success, reply.text
    up.wait(lambda: up.get(f"/jobs/{job_id}")["state"] == "cancelled", 30)
    # A cancelled run has stopped when the row says so; its processes have ten seconds to be gone.
    up.wait(lambda: all(not process.is_running() for process in family), 10)
    # The sensor asks again for what is left: pausing is not asking.
    up.wait(lambda: up.searchable() == 240, 240)
    up.wait(lambda: up.get("/status")["captions"] == 240, 240)
    up.stop()
    _exactly_once(up, 240)


def _states(up: Up) -> list[str]:
    """Of the jobs, the newest first."""
    return [job["state"] for job in up.get("/jobs")["jobs"]]


def _processes_on(home: Path) -> list[psutil.Process]:
    """All that were started for this home, whoever their parent is now."""
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _environment(process).get("LOUPE_HOME") == str(home)
    ]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ() if process.status() != psutil.STATUS_ZOMBIE else {}
    except psutil.Error:
        return {}


def _workers(up: Up) -> list[psutil.Process]:
    return [process for process in up.tree() if "resources.engine.decode_worker" in process.cmdline()]


def _run_processes(up: Up) -> list[psutil.Process]:
    """Processes of the run, its decode workers among them."""
    roots = [process for process in up.tree() if "multiprocessing.spawn" in " ".join(process.cmdline())]
    return [*roots, *(child for root in roots for child in root.children(recursive=True))]
