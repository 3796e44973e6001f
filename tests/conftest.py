"""Fixtures that tests of every folder share: a fresh home, a library in it, drawn photos, the sample photos."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_photos import draw_photos
from shelf import InProcessEngine, Shelf
from small_library import SmallLibrary, build

from resources.home import Home
from resources.library import Library
from resources.settings import Settings

_IN_MEMORY = Path("/dev/shm")
_IN_MEMORY_BYTES = 4 << 30
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "photos"


def pytest_configure(config: pytest.Config) -> None:
    """Keep homes in memory where there is room: each makes hundreds of fsyncs, which a busy disk turns into minutes."""
    # numba compiles UMAP for a minute, once: also for processes that tests start.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "loupe-tests-numba"))
    if config.option.basetemp is not None or not os.access(_IN_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_IN_MEMORY).free >= _IN_MEMORY_BYTES:
        config.option.basetemp = str(_IN_MEMORY / f"loupe-tests-{os.getpid()}")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of the person who runs it."""
    for name in list(os.environ):
        if name.upper().startswith("LOUPE_") and not name.startswith("LOUPE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of its own, ready for use."""
    return Home(tmp_path / "home").prepare()


@pytest.fixture
def library(home: Home) -> Library:
    """An empty library with one decode worker and no model."""
    return Library(Settings(home=home.path, captions="off", device="cpu", decode_workers=1, cpu_threads=1)).open()


@pytest.fixture
def draw() -> Callable[..., list[Path]]:
    """Draws a folder of small, distinct JPEG and PNG pictures: `draw(folder, 12)` or `draw(folder, ["a.jpg"])`."""
    return draw_photos


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A home and an empty folder `Photos`, with the real inventory and stream between them, in this process."""
    settings = Settings(home=tmp_path / "home", decode_workers=2, decode_timeout_s=60)
    (tmp_path / "Photos").mkdir()
    return Shelf(settings, tmp_path / "Photos", InProcessEngine(settings))


@pytest.fixture
def shelf_with_workers(shelf: Shelf) -> Shelf:
    """The same with two decode worker processes, which take a second or two to start for each run."""
    return replace(shelf, engine=None)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A dozen photos that were taken in with a model; never changed by a test: those change a copy of its home."""
    return build(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def sample_photos() -> Path:
    """The folder of sample photos from many cameras and programs, which stands beside the checkout."""
    if not SAMPLES.is_dir():
        pytest.skip("the folder of sample photos does not stand beside this checkout")
    return SAMPLES
