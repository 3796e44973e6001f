"""One small library, taken in once; an app over it, or over a copy for tests that change something."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from running_app import free_port, running
from small_library import SmallLibrary

from demo.evidence import distinct_cards
from resources.models import DEMO_MODEL
from resources.settings import Settings

_WORKSPACE = Path(__file__).with_name("dagster_workspace.py")


@pytest.fixture(scope="session")
def client(small: SmallLibrary) -> Iterator[TestClient]:
    """Of an app over `small`; only reads."""
    with running(small) as client:
        yield client


@pytest.fixture
def own(small: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    """A copy of the home, for a test that changes it; the photos are those of `small`."""
    return small.copied(tmp_path / "home")


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("dagster")
    # The default coordinator only queues runs for a daemon; this one starts them at once.
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n"
    )
    return home


@pytest.fixture(scope="session")
def webserver(dagster_home: Path) -> Iterator[str]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "-f", str(_WORKSPACE), "-p", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(dagster_home), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    with (dagster_home / "webserver.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                if httpx.get(f"{url}/server_info", timeout=2.0).is_success:
                    break
            except httpx.HTTPError:
                pass
            assert process.poll() is None, (dagster_home / "webserver.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.3)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def postcards(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Two dozen drawn postcards that the demo's models never saw, taken in with them; never changed by a test."""
    folder = tmp_path_factory.mktemp("postcards")
    photos = folder / "Photos"
    photos.mkdir()
    for number, card in enumerate(distinct_cards(24, 7, held_out=False)):
        card.draw(480, 360).save(photos / f"card_{number:02d}.jpg", quality=88)
    settings = Settings(
        home=folder / "home", model=DEMO_MODEL, captions="later", device="cpu", decode_workers=1, cpu_threads=1
    )
    cards = SmallLibrary(settings, photos)
    cards.library.open()
    cards.add_folder(photos)
    cards.take_in()
    return cards


@pytest.fixture(scope="session")
def postcards_client(postcards: SmallLibrary) -> Iterator[TestClient]:
    """Of an app over `postcards`; only reads, uploads and rounds of the challenge."""
    with running(postcards) as client:
        yield client
