"""A disk that fills up in the middle of each stage: `DISK_FULL`, no damage, and on it goes when there is room.

Home and temporary files are on a real file system of 800 MB (the search engine alone maps 400), filled to the brim by a
file that is deleted afterwards. Where nothing may be mounted the tests are skipped.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drawn_photos import draw_photos
from shelf import ALL_STAGES, CLIP, InProcessEngine, Shelf

from resources.errors import LoupeError
from resources.home import free_bytes
from resources.manifest import VectorStore, integrity, jobs
from resources.photo_map import draw_map
from resources.settings import Settings
from resources.vector_index import IndexModel, open_index, publish, verify

pytestmark = pytest.mark.slow

_MODEL = IndexModel(CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)
_FILE_SYSTEM_MB = 800
# With twice as many the map is drawn by UMAP; fewer than 16 are placed by arithmetic.
_PHOTOS = 12


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_FILE_SYSTEM_MB}m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounting.returncode != 0:
        pytest.skip(f"a small disk may not be mounted here: {mounting.stderr.strip()}")
    (place / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(place / "tmp"))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def full_shelf(disk: Path, tmp_path: Path) -> Shelf:
    """Some photos taken in and searchable, more of them waiting in the folder."""
    settings = Settings(home=disk / "home", decode_workers=1)
    shelf = Shelf(settings, tmp_path / "Photos", InProcessEngine(settings))
    draw_photos(shelf.photos, _PHOTOS)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    publish(shelf.library.manifest, settings, _MODEL)
    draw_photos(shelf.photos / "more", _PHOTOS, first_seed=100)
    return shelf


def _inventory(shelf: Shelf) -> None:
    draw_photos(shelf.photos / "many", [f"{number:04}{'x' * 200}.png" for number in range(60)], first_seed=2000)
    shelf.inventory()


def _decoding(shelf: Shelf) -> None:
    shelf.stream(["decoded_images"])


def _embedding(shelf: Shelf) -> None:
    shelf.stream(["embeddings"])


def _captioning(shelf: Shelf) -> None:
    shelf.stream(["captions"])


def _indexing(shelf: Shelf) -> None:
    publish(shelf.library.manifest, shelf.settings, _MODEL)


def _mapping(shelf: Shelf) -> None:
    draw_map(shelf.library, CLIP)


def _noting_a_job(shelf: Shelf) -> None:
    for number in range(2000):
        with shelf.library.manifest.write() as tx:
            jobs.start(tx, f"run {number}", "ingest", "x" * 20_000)


_STAGES: list[tuple[Callable[[Shelf], None], list[Callable[[Shelf], None]]]] = [
    (_inventory, []),
    (_decoding, [Shelf.inventory]),
    (_embedding, [Shelf.inventory, _decoding]),
    (_captioning, [Shelf.inventory, _decoding]),
    (_indexing, [Shelf.inventory, _decoding, _embedding]),
    (_mapping, [Shelf.inventory, _decoding, _embedding]),
    (_noting_a_job, []),
]


@pytest.mark.parametrize(("stage", "before"), _STAGES, ids=[stage.__name__.strip("_") for stage, _ in _STAGES])
def test_full_disk_has_its_code_and_costs_nothing(
    disk: Path, full_shelf: Shelf, stage: Callable[[Shelf], None], before: list[Callable[[Shelf], object]]
) -> None:
    shelf = full_shelf
    for step in before:
        step(shelf)
    known = said(shelf)
    filler = fill(disk)
    with pytest.raises(LoupeError) as caught:
        stage(shelf)
    assert caught.value.code == "DISK_FULL", caught.value.message
    assert known.items() <= said(shelf).items(), "what was there can be read while the disk is full"
    filler.unlink()

    shelf.take_in(stages=ALL_STAGES)
    publish(shelf.library.manifest, shelf.settings, _MODEL)
    assert_whole(shelf)


def said(shelf: Shelf) -> dict[str, str]:
    return {row["photo_id"]: row["sha256"] for row in shelf.rows("SELECT photo_id, sha256 FROM photos")}


def assert_whole(shelf: Shelf) -> None:
    """Every photo once in manifest, previews, vectors and index; no file is called broken for the disk's fault."""
    library = shelf.library
    assert shelf.failures() == {}
    photos = len(list(shelf.photos.rglob("*.*")))
    with library.manifest.read() as tx:
        assert not any(integrity.duplicate_rows(tx).values())
        wanted = integrity.pixel_hashes(tx)
        assert tx.value("SELECT count(*) FROM photos") == photos
    assert set(library.store.pixel_hashes()) == wanted
    store = VectorStore(library.home, CLIP.model, CLIP.revision, CLIP.preprocess_version)
    assert set(store.get(sorted(wanted))) == wanted
    index = open_index(shelf.settings, _MODEL)
    try:
        assert verify(library.manifest, index).same
        assert index.embedded_count() == photos
    finally:
        index.close()


def fill(disk: Path) -> Path:
    """A file that takes all there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        while (room := free_bytes(disk)) > 0:
            try:
                stream.write(b"\0" * min(room, 1 << 20))
            except OSError:
                break
    return filler
