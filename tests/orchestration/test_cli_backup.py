"""`loupe backup`, `restore`, `verify` and `index rebuild` as a person runs them, over a small real library."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import small_library
import structlog
from command_line import Ended, Loupe, command
from drawn_photos import draw_photos
from small_library import SmallLibrary

from resources.manifest import tags
from resources.vector_index import publish


@pytest.fixture
def loupe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.setenv("LOUPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOUPE_DECODE_WORKERS", "1")
    monkeypatch.setenv("LOUPE_CAPTIONS", "off")

    yield command(monkeypatch, capfd)
    structlog.reset_defaults()  # commands log to a standard error that is closed after this test


@pytest.fixture
def small(tmp_path: Path) -> SmallLibrary:
    """The small library, searchable, with a tag and settings of its own."""
    made = small_library.build(tmp_path)
    library = made.library
    red = made.photo_id("red.jpg")
    with library.manifest.write() as tx:
        tags.add(tx, [red], "holiday")
    publish(library.manifest, library.settings, library.clip())
    (made.settings.home / "loupe.toml").write_text(f'model = "{small_library.PRESET}"\ndevice = "cpu"\n')
    return made


def ids(found: Ended) -> list[str]:
    return [hit["photo_id"] for hit in found.json["results"]]


def test_drill(loupe: Loupe, small: SmallLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back up, lose the machine, restore on another under another path, without the model: what was found is found."""
    home = small.settings.home
    searched = ids(loupe("search", "red circle", "--json"))
    disk = tmp_path / "disk"
    made = loupe("backup", "--previews", "--to", str(disk), "--json")
    assert made.status == 0, made.err
    assert Path(made.json["path"]).parent == disk
    listed = loupe("backup", "list", "--to", str(disk), "--json").json["backups"]
    assert [row["photos"] for row in listed] == [small.library.status(0, {}).photos]

    models = tmp_path / "models"
    shutil.move(home / "models", models)
    shutil.rmtree(home)
    monkeypatch.setenv("LOUPE_HOME", str(tmp_path / "another" / "place"))
    restored = loupe("restore", "latest", "--from", str(disk), "--json")
    assert restored.status == 0, restored.err
    assert restored.json["set_aside"] is None
    assert restored.json["points"] == listed[0]["photos"]
    assert restored.json["pictures_to_remake"] == 0
    tagged = loupe("search", "holiday", "--json", "--model", small_library.PRESET)
    assert tagged.status != 0, "there is no model on the new machine yet"

    (tmp_path / "another" / "place" / "models").rmdir()
    shutil.move(models, tmp_path / "another" / "place" / "models")
    assert ids(loupe("search", "red circle", "--json")) == searched
    assert loupe("verify", "--originals", "--json").json["ok"]
    again = loupe("ingest", str(small.photos), "--json").json
    assert [again[name] for name in ("decoded", "embedded", "embedding_model_images")] == [0, 0, 0]


def test_damaged_home_is_told_and_restored(loupe: Loupe, small: SmallLibrary) -> None:
    home = small.settings.home
    searched = ids(loupe("search", "red circle", "--json"))
    loupe("backup")
    noise = os.urandom(40_000)
    (home / "manifest.duckdb").write_bytes(noise)
    (home / "loupe.toml").write_bytes(b"\xff[")
    assert "error [CONFIG_INVALID]" in loupe("status").err
    (home / "loupe.toml").write_text("")
    damaged = loupe("status").err
    assert "error [MANIFEST_DAMAGED]" in damaged
    assert "`loupe restore latest`" in damaged
    (home / "loupe.toml").write_bytes(b"\xff[")
    unknown = loupe("restore", "7")
    assert (unknown.status, "`loupe backup list` names them" in unknown.err) == (66, True), unknown.err
    assert "loupe.toml cannot be read" in unknown.err
    assert "say which with --from" in unknown.err
    listed = loupe("backup", "list")
    assert (listed.status, listed.out[:6]) == (0, "000001"), listed.err
    done = loupe("restore", "1", "--json")
    assert done.status == 0, done.err
    assert (Path(done.json["set_aside"]) / "manifest.duckdb").read_bytes() == noise
    assert ids(loupe("search", "red circle", "--json")) == searched
    assert loupe("verify").status == 0


def test_what_cannot_be_restored_has_its_code_and_status(loupe: Loupe, small: SmallLibrary, tmp_path: Path) -> None:
    missing = loupe("restore", "latest", "--json")
    assert (missing.status, missing.json["error"]["code"]) == (66, "BACKUP_NOT_FOUND")
    path = Path(loupe("backup", "--json").json["path"])
    said = json.loads((path / "backup.json").read_text())
    (path / "backup.json").write_text(json.dumps({**said, "schema": 999}))
    newer = loupe("restore", str(path))
    assert newer.status == 78
    assert "newer than this one" in newer.err
    assert "BACKUP_TOO_NEW" in loupe("backup", "list").out


def test_verify_says_what_is_wrong_and_ends_with_its_status(loupe: Loupe, small: SmallLibrary) -> None:
    whole = loupe("verify")
    assert (whole.status, whole.out.count("ok ")) == (0, 5), whole.out
    next(small.library.home.previews.rglob("*.jpg")).unlink()
    found = loupe("verify")
    assert found.status == 65
    assert "BAD previews" in found.out
    assert "previews are gone and can be made again (1)" in found.out
    assert loupe("verify", "--repair").status == 0
    assert loupe("ingest", str(small.photos), "--json").json["embedding_model_images"] == 0
    assert loupe("verify").status == 0


def test_index_is_rebuilt_on_demand(loupe: Loupe, small: SmallLibrary) -> None:
    shutil.rmtree(small.settings.home / "index")
    counts = loupe("index", "rebuild", "--json").json
    assert counts["rebuilt"]
    assert counts["upserted"] == counts["embedded"] == 8
    assert loupe("verify").status == 0


def test_older_backups_are_deleted_by_the_setting(
    loupe: Loupe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOUPE_BACKUP_KEEP", "2")
    monkeypatch.setenv("LOUPE_BACKUP_FOLDER", str(tmp_path / "elsewhere"))
    draw_photos(tmp_path / "photos", 1)
    loupe("folders", "add", str(tmp_path / "photos"))
    for _ in range(3):
        assert loupe("backup").status == 0
    listed = loupe("backup", "list", "--json").json
    assert listed["folder"] == str(tmp_path / "elsewhere")
    assert [row["name"][:6] for row in listed["backups"]] == ["000003", "000002"]
    assert listed["upgrade_copies"] == []

    copy = tmp_path / "home" / "backups" / "manifest-schema-0001-before-0002.duckdb"
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(tmp_path / "home" / "manifest.duckdb", copy)
    listed = loupe("backup", "list")
    assert listed.out.splitlines()[-1].startswith(f"{copy}  the manifest alone"), "`loupe restore` takes it"
