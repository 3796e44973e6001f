"""The index built anew: free, owned by a running follower that is searched meanwhile, and on a server."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from index_library import MODEL, Library, make_library, photo_id, vector

from resources.settings import Settings
from resources.vector_index import IndexFollower, open_index, publish, rebuild_index
from resources.vector_index.server import ServerIndex


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Thirty photos with vectors, in the index."""
    made = make_library(tmp_path / "home")
    made.use(MODEL)
    made.add(range(30))
    made.embed(range(30))
    publish(made.manifest, made.settings, MODEL)
    return made


def spoil(library: Library) -> None:
    """Points that are gone, or not there, without a word in the outbox."""
    index = open_index(library.settings, MODEL)
    index.delete([photo_id(number) for number in range(5)])
    index.set_applied_seq(index.applied_seq, index.applied_mark)
    index.close()


def test_free_index_is_built_anew(library: Library) -> None:
    spoil(library)
    folder = next((library.settings.home / "index").glob("*-v*"))
    (folder / "stray").write_text("from another time")
    counts = rebuild_index(library.manifest, library.settings)
    assert (counts.rebuilt, counts.upserted, counts.embedded, counts.vectors_missing) == (True, 30, 30, 0)
    assert not (folder / "stray").exists()
    index = open_index(library.settings, MODEL)
    assert index.nearest(vector(3), 1)[0].photo_id == photo_id(3)
    index.close()


def test_index_that_was_never_made_is_built(tmp_path: Path) -> None:
    made = make_library(tmp_path / "home")
    made.add(range(3))
    assert rebuild_index(made.manifest, made.settings).upserted == 3


def test_owner_builds_it_anew_and_answers_meanwhile(library: Library) -> None:
    spoil(library)
    answers: list[int] = []
    stop = threading.Event()
    with IndexFollower(library.settings, library.manifest, poll_s=0.1) as follower:

        def search() -> None:
            while not stop.wait(0.005):
                answers.append(len(follower.index.nearest(vector(20), 10)))

        searching = threading.Thread(target=search)
        searching.start()
        counts = rebuild_index(library.manifest, library.settings, MODEL)
        stop.set()
        searching.join()
        assert follower.index.count() == 30
        assert follower.error is None
    assert counts.rebuilt
    assert counts.applied_seq == library.newest_seq()
    assert answers
    assert set(answers) == {10}
    assert not (library.settings.home / "run" / "index-rebuild").exists()


def test_what_changes_during_a_rebuild_is_shown(library: Library) -> None:
    with IndexFollower(library.settings, library.manifest, poll_s=0.1) as follower:
        library.add(range(30, 40))
        rebuild_index(library.manifest, library.settings, MODEL)
        assert follower.index.count() == 40


def test_owner_that_was_gone_is_not_waited_for(library: Library) -> None:
    """A file left by a killed owner says nothing."""
    run = library.settings.home / "run"
    run.mkdir(exist_ok=True)
    (run / "index-owner.json").write_text('{"pid": 999999, "started": 1, "machine": "elsewhere"}')
    started = time.monotonic()
    assert rebuild_index(library.manifest, library.settings, MODEL, timeout_s=30).upserted == 30
    assert time.monotonic() - started < 25


def test_collection_on_a_server_is_written_over(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's in-memory server, which outlives the connections to it."""
    from qdrant_client import QdrantClient

    client = QdrantClient(":memory:")
    monkeypatch.setattr(client, "close", lambda: None)
    monkeypatch.setattr(ServerIndex, "_client_of", staticmethod(lambda settings: client))
    settings = Settings(home=library.settings.home, qdrant_url="http://server:6333")
    publish(library.manifest, settings, MODEL)
    index = open_index(settings, MODEL)
    index.delete([photo_id(number) for number in range(10)])
    assert index.count() == 20
    assert rebuild_index(library.manifest, settings).upserted == 30
    assert (index.count(), index.applied_seq) == (30, library.newest_seq())
    assert np.allclose(index.get([photo_id(3)], vectors=True)[photo_id(3)].vector, vector(3), atol=1e-3)
