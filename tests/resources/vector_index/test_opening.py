"""Who owns the index, and what happens to one that cannot be opened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from index_library import MODEL, Library, vector

from resources.errors import LoupeError
from resources.vector_index import IndexModel, VectorIndex, apply_outbox, embedded, open_index, verify
from resources.vector_index.opening import IndexFolder
from resources.vector_index.points import generation_name

Opened = Callable[..., VectorIndex]

_HOLDER = """
    import sys, time
    from resources.settings import Settings
    from resources.vector_index import open_index
    index = open_index(Settings(home=sys.argv[1]), None)
    print("open", flush=True)
    time.sleep(60)
"""


def test_a_second_owner_is_told_at_once(library: Library, opened: Opened) -> None:
    opened(None)
    started = time.monotonic()
    with pytest.raises(LoupeError) as refused:
        open_index(library.settings, None)
    assert refused.value.code == "INDEX_BUSY"
    assert time.monotonic() - started < 1


def test_a_killed_owner_frees_the_index_and_its_points_are_there(library: Library, opened: Opened) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_HOLDER), str(library.home.path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(LoupeError) as refused:
        open_index(library.settings, None)
    assert refused.value.code == "INDEX_BUSY"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert opened(None).count() == 0


def test_points_and_position_survive_closing(library: Library, opened: Opened) -> None:
    library.add(range(20))
    library.embed(range(20))
    index = opened()
    apply_outbox(library.manifest, library.vectors(), index)
    index.close()
    again = opened()
    assert again.applied_seq == library.newest_seq()
    assert again.count() == again.embedded_count() == 20
    assert not apply_outbox(library.manifest, library.vectors(), again).rebuilt
    assert verify(library.manifest, again).same


def _shard_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def _truncate_config(folder: Path) -> None:
    (folder / "shard" / "edge_config.json").write_text("{")


def _delete_segments(folder: Path) -> None:
    shutil.rmtree(folder / "shard" / "segments")


def _garble_everything(folder: Path) -> None:
    for path in _shard_files(folder / "shard"):
        path.write_bytes(b"\xff" * 64)


def _cut_applied(folder: Path) -> None:
    (folder / "applied.json").write_bytes(b"")


@pytest.mark.parametrize("damage", [_truncate_config, _delete_segments, _garble_everything, _cut_applied])
def test_a_damaged_index_is_set_aside_and_rebuilt(
    library: Library, opened: Opened, damage: Callable[[Path], None]
) -> None:
    library.add(range(20))
    library.embed(range(20))
    index = opened()
    apply_outbox(library.manifest, library.vectors(), index)
    index.close()
    damage(library.home.index / index.generation)

    # In a process of its own first: a shard whose mapped files are damaged may end the process that opens it.
    code = "import sys; from resources.settings import Settings; from resources.vector_index import *\n"
    code += "from index_library import MODEL; open_index(Settings(home=sys.argv[1]), MODEL).close()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code, str(library.home.path)], env=environment, capture_output=True, check=False
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr.decode()[-2000:]

    index = opened()
    if damage is not _delete_segments:  # those the engine writes again from its own log, if that still holds them
        assert index.applied_seq is None
        assert len(list(library.home.index.glob("damaged-*"))) == 1
    apply_outbox(library.manifest, library.vectors(), index)
    assert verify(library.manifest, index).same
    assert index.embedded_count() == 20
    assert index.nearest(vector(3), 1)[0].score > 0.999
    assert len(index.browse(50)) == 20


@pytest.mark.parametrize("times", [1, 2, 7])
def test_openings_that_were_killed_are_no_damage(library: Library, opened: Opened, times: int) -> None:
    library.add(range(3))
    index = opened(None)
    apply_outbox(library.manifest, None, index)
    index.close()
    (library.home.index / index.generation / "opening").write_bytes(b"." * times)
    index = opened(None)
    assert index.applied_seq is not None
    assert index.count() == 3
    assert not (library.home.index / index.generation / "opening").exists()


def test_an_index_that_crashes_whoever_opens_it_is_set_aside(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(range(3))
    index = opened(None)
    apply_outbox(library.manifest, None, index)
    index.close()
    (library.home.index / index.generation / "opening").write_bytes(b"..")
    monkeypatch.setattr(embedded, "_OPENING", "import os; os.abort()")
    assert opened(None).applied_seq is None
    assert len(list(library.home.index.glob("damaged-*"))) == 1


def test_a_generation_killed_while_it_was_created_is_created_again(library: Library, opened: Opened) -> None:
    index = opened(None)
    index.close()
    (library.home.index / index.generation / "complete").unlink()
    library.add(range(3))
    again = opened(None)
    apply_outbox(library.manifest, None, again)
    assert again.count() == 3


def test_current_names_the_generation_in_use_and_old_ones_are_pruned(library: Library) -> None:
    models = [MODEL, IndexModel("other", "1", "1", 8), IndexModel("third", "1", "1", 8), None]
    folder = IndexFolder(library.home)
    folder.own()
    try:
        assert folder.current() == (False, None)
        for model in models:
            index = folder.open(model)
            index.set_applied_seq(1)
            index.make_current()
            assert folder.current() == (True, model)
            index.close()
        assert folder.prune(keep=2) == [generation_name(models[1]), generation_name(models[0])]
        assert [path.name for path in folder.generations()] == [generation_name(None), generation_name(models[2])]
    finally:
        folder.release()


def test_an_unreachable_server_says_so(library: Library) -> None:
    settings = library.settings.model_copy(update={"qdrant_url": "http://127.0.0.1:9"})
    with pytest.raises(LoupeError) as refused:
        open_index(settings, None)
    assert refused.value.code == "INDEX_UNREACHABLE"
