"""The homes of the index, and a library to build one from."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from index_library import MODEL, Library, OpenHome, make_library
from qdrant_client import QdrantClient

from resources.home import Home
from resources.vector_index import IndexModel, VectorIndex, open_index
from resources.vector_index.opening import IndexFolder
from resources.vector_index.server import ServerIndex

_MEMORY_DISK = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system can: a new shard is synced to disk hundreds of times, and there are many here."""
    if not _MEMORY_DISK.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY_DISK, prefix="loupe-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


HOMES = ["embedded", "client", *(["server"] if os.environ.get("QDRANT_URL") else [])]


@pytest.fixture(params=HOMES)
def home_of_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenHome]:
    """Opens empty indexes of one home: the embedded engine, the client's in-memory mode, a real server if given."""
    opened: list[VectorIndex] = []
    alias = f"test-{uuid.uuid4().hex[:8]}"
    clients: list[QdrantClient] = []
    if request.param != "embedded":
        url = os.environ.get("QDRANT_URL")
        clients.append(QdrantClient(":memory:") if request.param == "client" else QdrantClient(url=url))

    def open_(model: IndexModel | None) -> VectorIndex:
        if request.param == "embedded":
            opened.append(IndexFolder(Home(tmp_path)).open(model))
        else:
            opened.append(ServerIndex(clients[0], alias, model, tmp_path / "server.lock"))
        return opened[-1]

    yield open_
    if request.param == "server":
        for collection in clients[0].get_collections().collections:
            if collection.name.startswith(alias):
                clients[0].delete_collection(collection.name)
    for index in opened:
        index.close()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return make_library(tmp_path / "home")


@pytest.fixture
def opened(library: Library) -> Iterator[Callable[..., VectorIndex]]:
    """Opens indexes of the library and closes them at the end."""
    held: list[VectorIndex] = []

    def open_(model: IndexModel | None = MODEL) -> VectorIndex:
        held.append(open_index(library.settings, model))
        return held[-1]

    yield open_
    for index in held:
        index.close()
