"""Commands while the search API of the same home runs and owns the index, and looking at an index from outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running_app import free_port, serving, wait_until
from small_library import PRESET, write_tiny_clip
from test_cli import Draw, Loupe, loupe

from resources.library import Library
from resources.manifest import outbox
from resources.settings import Settings
from resources.vector_index import open_index

__all__ = ["loupe"]


def _ready(url: str) -> bool:
    reply = httpx.get(f"{url}/api/v1/health/ready")
    return reply.status_code == 200 and reply.json()["model"] == "ready"


@pytest.fixture
def api(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> Iterator[str]:
    """The address of the API over a home with 24 photos; started with the demo's model named."""
    draw_photos(tmp_path / "photos", 24)
    assert loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards").status == 0
    settings = Settings(home=tmp_path / "home", model="demo-postcards", port=free_port(), captions="off")
    url = f"http://127.0.0.1:{settings.port}"
    with serving(settings):
        wait_until(lambda: _ready(url))
        yield url


def test_the_challenge_asks_the_running_api(loupe: Loupe, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["a red car in a town", ""])
    monkeypatch.setattr("rich.console.Console.input", lambda *_: next(answers))
    found = loupe("challenge", "--seconds", "0")
    assert found.status == 0, found.err
    assert "1 round, 24 photos: median rank" in found.out


def test_choosing_a_model_says_what_goes_before_it(
    loupe: Loupe, api: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fitting = loupe("models", "use", "demo-postcards")
    assert (fitting.status, fitting.err) == (0, "")
    monkeypatch.setenv("LOUPE_MODEL", "siglip2-b32")
    overridden = loupe("models", "use", "demo-postcards")
    assert "LOUPE_MODEL" in overridden.err
    assert "'siglip2-b32'" in overridden.err
    monkeypatch.delenv("LOUPE_MODEL")
    write_tiny_clip(tmp_path / "home" / "models" / PRESET)
    other = loupe("models", "use", PRESET)
    assert other.status == 0, other.err
    assert "`loupe up` was started with the model 'demo-postcards'" in other.err


def test_status_looks_at_the_index_without_touching_it(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 3)
    loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards")
    home = tmp_path / "home"
    index = loupe("status", "--json").json["index"]
    assert (index["state"], index["points"]) == ("ready", 3)

    settings = Settings(home=home)
    library = Library(settings).open()
    with library.manifest.write() as tx:
        outbox.push(tx, [row["photo_id"] for row in tx.rows("SELECT photo_id FROM photos")], "tags")
    before = _files(home / "index")
    status = loupe("status", "--json").json
    assert (status["index"]["state"], status["points"]) == ("behind", 3)
    assert status["index"]["newest_seq"] == status["index"]["applied_seq"] + 3
    assert "the index is behind" in loupe("status").out
    assert _files(home / "index") == before
    held = open_index(settings, library.clip())  # another process has it: still an answer
    assert loupe("status", "--json").json["points"] == 3
    held.close()

    generation = index["generation"]
    (home / "index" / generation).rename(tmp_path / "elsewhere")
    assert loupe("status", "--json").json["index"]["state"] == "behind"
    assert not (home / "index" / generation).exists()


def _files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["", "   ", "a/b", "line\nbreak", "x" * 201, ".."])
def test_a_collection_that_the_api_would_refuse_is_refused_here(loupe: Loupe, name: str) -> None:
    refused = loupe("collections", "create", name, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (64, "INVALID_REQUEST")
    assert loupe("collections", "list", "--json").json["collections"] == []


def test_a_collection_is_kept_without_spaces_around_its_name(loupe: Loupe) -> None:
    assert loupe("collections", "create", " Best ", "--json").json["name"] == "Best"
    assert loupe("collections", "create", "Best").status == 73
