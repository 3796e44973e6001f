"""Restoring onto an empty and a damaged home and to another place; interrupted, refused; older and newer backups."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from drawn_photos import draw_photos
from filelock import FileLock
from shelf import CLIP, InProcessEngine, Shelf

from resources import restore as restoring
from resources.backup import Backup, back_up, list_backups, segment_path
from resources.errors import LoupeError
from resources.home import Home, this_process
from resources.manifest import Manifest, VectorStore, collections, models, newest_schema, saved_searches, tags
from resources.repair import forget_lost_pictures
from resources.restore import find_backup, restore
from resources.settings import Settings
from resources.vector_index import open_index, rebuild_index
from resources.vector_index.points import IndexModel

MODEL = IndexModel(CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    """Five photos, embedded, one of them tagged, a model in use."""
    draw_photos(shelf.photos, 5)
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.write() as tx:
        models.use(tx, "clip", CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)
        tags.add(tx, [first := tx.value("SELECT min(photo_id) FROM photos")], "holiday")
        collections.create(tx, "Best of")
        collections.add_photos(tx, "Best of", [first])
        collections.set_cover(tx, "Best of", first)
        saved_searches.create(tx, "Lakes", {"q": "lake"})
    (shelf.library.home.path / "loupe.toml").write_text("run_photos = 7\n")
    return shelf


def take(shelf: Shelf, **options: object) -> Path:
    library = shelf.library
    made = back_up(library.manifest, library.home, library.home.backups, **options)  # type: ignore[arg-type]
    return library.home.backups / made.name


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(LoupeError) as caught:
        action()
    return caught.value.code


def content(shelf: Shelf) -> dict[str, object]:
    """What a person would miss: photos, tags, sets, and the vectors bit by bit."""
    hashes = sorted(row["pixel_hash"] for row in shelf.rows("SELECT pixel_hash FROM embeddings"))
    return {
        "photos": shelf.rows("SELECT * FROM photos ORDER BY photo_id"),
        "files": shelf.rows("SELECT * FROM files ORDER BY rel_path"),
        "tags": shelf.rows("SELECT photo_id, tag FROM tags ORDER BY ALL"),
        "collections": shelf.rows("SELECT * FROM collections"),
        "members": shelf.rows("SELECT * FROM collection_photos"),
        "searches": shelf.rows("SELECT * FROM saved_searches"),
        "vectors": {name: vector.tobytes() for name, vector in shelf.vectors.get(hashes).items()},
        "settings": (shelf.settings.home / "loupe.toml").read_text(),
    }


def at(shelf: Shelf, home: Path) -> Shelf:
    """The same photos seen from another home."""
    settings = Settings(home=home)
    return Shelf(settings, shelf.photos, InProcessEngine(settings))


def damage(home: Home, how: str) -> None:
    vectors = next(home.path.glob("vectors-*.duckdb"))
    if how == "manifest is noise":
        home.manifest.write_bytes(os.urandom(50_000))
    elif how == "manifest is gone":
        home.manifest.unlink()
    elif how == "everything is cut off":
        for path in (home.manifest, vectors):
            os.truncate(path, path.stat().st_size // 3)
        (home.path / "loupe.toml").write_bytes(b"\xff\xfe = [")
        shutil.rmtree(home.index)
        home.index.mkdir()
        (home.index / "current").write_bytes(b"\0" * 100)
    elif how == "a log of another file":
        (home.path / "manifest.duckdb.wal").write_bytes(os.urandom(5_000))


@pytest.mark.parametrize(
    "how", ["as it was", "manifest is noise", "manifest is gone", "everything is cut off", "a log of another file"]
)
def test_damaged_home_is_as_it_was(full_shelf: Shelf, how: str) -> None:
    library = full_shelf.library
    before = content(full_shelf)
    source = take(full_shelf)
    damage(library.home, how)
    old = {path.name: path.read_bytes() for path in library.home.path.glob("*.duckdb*")}
    done = restore(source, library.home)
    assert content(full_shelf) == before
    assert done.vectors == 5
    assert done.set_aside is not None
    kept = {path.name: path.read_bytes() for path in Path(done.set_aside).glob("*.duckdb*")}
    assert kept == old, "what was there is set aside, byte for byte"
    assert not library.home.restoring.exists()


def test_empty_home_at_another_path_searches_without_a_model(full_shelf: Shelf, tmp_path: Path) -> None:
    before = content(full_shelf)
    elsewhere = tmp_path / "disk" / "backups"
    made = back_up(full_shelf.library.manifest, full_shelf.library.home, elsewhere)
    shutil.rmtree(full_shelf.settings.home)
    restored = at(full_shelf, tmp_path / "new" / "home")
    done = restore(find_backup("latest", elsewhere), Home(restored.settings.home))
    assert (done.backup, done.set_aside, done.vectors) == (made.name, None, 5)
    assert content(restored) == before
    counts = rebuild_index(restored.library.manifest, restored.settings)
    assert (counts.upserted, counts.embedded, counts.rebuilt) == (5, 5, True)
    photo = restored.rows("SELECT photo_id, pixel_hash FROM photos JOIN previews USING (sha256, page)")[0]
    index = open_index(restored.settings, MODEL)
    try:
        vector = restored.vectors.get([photo["pixel_hash"]])[photo["pixel_hash"]]
        assert index.nearest(vector, 1)[0].photo_id == photo["photo_id"]
    finally:
        index.close()
    assert restored.model.loads == 0


def test_lost_previews_are_made_again_without_a_model(full_shelf: Shelf, tmp_path: Path) -> None:
    source = take(full_shelf)
    new = at(full_shelf, tmp_path / "new")
    restore(source, Home(new.settings.home))
    assert forget_lost_pictures(new.library.manifest, new.library.store) == 5
    counts = new.take_in()
    assert (counts.decoded, counts.embedding_model_images, counts.left) == (5, 0, 0)
    assert len(list(new.library.store.pixel_hashes())) == 5


def test_previews_of_a_backup_come_back(full_shelf: Shelf, tmp_path: Path) -> None:
    source = take(full_shelf, previews=True)
    broken = next((source.parent / "previews").rglob("*.jpg"))
    broken.write_bytes(b"rotten")
    new = Home(tmp_path / "new")
    done = restore(source, new)
    assert done.pictures == 9, "the damaged one is left out: it can be made again"
    originals = {path.name: path.read_bytes() for path in full_shelf.library.home.previews.rglob("*.jpg")}
    brought = {path.name: path.read_bytes() for path in new.previews.rglob("*.jpg")}
    assert brought == {name: data for name, data in originals.items() if name != broken.name}


@pytest.mark.parametrize("what", ["manifest.duckdb", "loupe.toml", "vectors"])
def test_damaged_backup_is_refused_before_anything_is_touched(full_shelf: Shelf, what: str) -> None:
    source = take(full_shelf)
    before = content(full_shelf)
    segment = Backup.read(source).vectors[0].segments[0]
    path = segment_path(source.parent, segment) if what == "vectors" else source / what
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert code_of(lambda: restore(source, full_shelf.library.home)) == "BACKUP_DAMAGED"
    path.unlink()
    assert code_of(lambda: restore(source, full_shelf.library.home)) == "BACKUP_DAMAGED"
    assert content(full_shelf) == before
    assert not (full_shelf.settings.home / "set-aside").exists()


def test_backup_by_a_newer_loupe_is_refused(full_shelf: Shelf) -> None:
    source = take(full_shelf)
    said = json.loads((source / "backup.json").read_text())
    (source / "backup.json").write_text(json.dumps({**said, "schema": newest_schema() + 1, "loupe": "9.0"}))
    with pytest.raises(LoupeError, match=r"Loupe 9\.0, which is newer") as caught:
        restore(source, full_shelf.library.home)
    assert caught.value.code == "BACKUP_TOO_NEW"
    assert code_of(lambda: find_backup("latest", source.parent)) == "BACKUP_TOO_NEW"


def test_backup_by_an_older_loupe_is_upgraded(full_shelf: Shelf, tmp_path: Path) -> None:
    """Its manifest knows the tables of the first schema alone."""
    source = take(full_shelf)
    old = source / "manifest.duckdb"
    old.unlink()
    write_first_schema(old)
    said = json.loads((source / "backup.json").read_text())
    files = [
        {"name": path.name, "bytes": path.stat().st_size, "sha256": restoring.file_hash(path)}
        for path in (old, source / "loupe.toml")
    ]
    (source / "backup.json").write_text(json.dumps({**said, "schema": 1, "files": files}))
    new = at(full_shelf, tmp_path / "new")
    restore(source, Home(new.settings.home))
    assert new.value("SELECT max(version) FROM schema_migrations") == newest_schema()
    assert new.value("SELECT document_id FROM photos") == "an-old-photo"


def write_first_schema(path: Path) -> None:
    """A manifest as the first Loupe wrote it, with one photo."""
    from importlib.resources import files

    first = files("resources.manifest") / "migrations" / "0001_initial.sql"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE schema_migrations (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL)")
        connection.execute(first.read_text(encoding="utf-8"))
        connection.execute("INSERT INTO schema_migrations VALUES (1, now() AT TIME ZONE 'UTC')")
        connection.execute("INSERT INTO photos (photo_id, sha256, created_at) VALUES ('an-old-photo', 'x', now())")


def test_manifest_alone_is_restored_beside_the_vectors(full_shelf: Shelf) -> None:
    home = full_shelf.library.home
    copy = home.path.parent / "manifest-of-yesterday.duckdb"
    full_shelf.library.manifest.copy_to(copy, lambda tx: None)
    before = content(full_shelf)
    home.manifest.write_bytes(b"noise")
    restore(find_backup(str(copy), home.backups), home)
    assert content(full_shelf) == before


@pytest.mark.parametrize("who", ["api", "dagster", "ingest", "index", "manifest"])
def test_refused_while_loupe_runs(full_shelf: Shelf, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "_LOCK_WAIT_S", 0.2)
    source = take(full_shelf)
    home = full_shelf.library.home
    said = json.dumps({"host": "127.0.0.1", "port": 1, **this_process()})
    locks = {"ingest": home.run / "ingest.lock", "index": home.index / "owner.lock"}
    if who in ("api", "dagster"):
        path = home.api_file if who == "api" else home.dagster_file
        path.write_text(said)
        assert code_of(lambda: restore(source, home)) == "HOME_IN_USE"
        path.write_text(json.dumps({**json.loads(said), "started": 1.0}))  # of a process that is gone
    else:
        with FileLock(locks.get(who, home.manifest.with_suffix(".lock"))):
            assert code_of(lambda: restore(source, home)) == "HOME_IN_USE"
    assert not (home.path / "set-aside").exists()
    restore(source, home)


def test_interrupted_swap_is_refused_until_it_is_done_again(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies between two renames; what was there stays set aside."""
    home = full_shelf.library.home
    before = content(full_shelf)
    source = take(full_shelf)
    renames = 0
    rename = Path.rename

    def dying(path: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames == 3:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        restore(source, home)
    monkeypatch.undo()
    assert code_of(lambda: Manifest(home).prepare()) == "RESTORE_UNFINISHED"
    restore(source, home)
    assert content(full_shelf) == before
    Manifest(home).prepare()
    assert len(list((home.path / "set-aside").glob("*/manifest.duckdb"))) == 1


def test_read_only_home_is_refused_with_its_code(full_shelf: Shelf, tmp_path: Path) -> None:
    """A real read-only mount: root may write to any folder."""
    source = take(full_shelf)
    copy = tmp_path / "copied" / source.name
    shutil.copytree(source.parent, copy.parent)
    place = tmp_path / "readonly"
    place.mkdir()
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], capture_output=True, text=True)
    if mounting.returncode != 0:
        pytest.skip(f"a read-only disk may not be mounted here: {mounting.stderr.strip()}")
    try:
        assert code_of(lambda: restore(copy, Home(place / "home"))) == "HOME_NOT_WRITABLE"
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk_leaves_the_home_as_it_is(full_shelf: Shelf, tmp_path: Path) -> None:
    source = take(full_shelf)
    place = tmp_path / "small"
    place.mkdir()
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True)
    if mounting.returncode != 0:
        pytest.skip("a small disk may not be mounted here")
    try:
        small = at(full_shelf, place / "home")
        restore(source, Home(small.settings.home))
        before = content(small)
        filler = place / "other"
        for room in (0, 1 << 20, 3 << 20, 7 << 19):
            filler.write_bytes(b"")
            filler.write_bytes(bytes(max(0, shutil.disk_usage(place).free - room)))
            assert code_of(lambda: restore(source, Home(small.settings.home))) == "DISK_FULL"
        filler.unlink()
        assert content(small) == before
        restore(source, Home(small.settings.home))
        assert content(small) == before
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_backups_are_found_by_name_number_path_and_latest(full_shelf: Shelf, tmp_path: Path) -> None:
    first, second = take(full_shelf), take(full_shelf)
    folder = full_shelf.library.home.backups
    assert find_backup("latest", folder) == second
    assert find_backup(first.name, folder) == find_backup("1", folder) == find_backup(str(first), tmp_path) == first
    (second / "backup.json").write_text("{")
    assert find_backup("latest", folder) == first
    assert code_of(lambda: find_backup("17", folder)) == "BACKUP_NOT_FOUND"
    assert code_of(lambda: find_backup("latest", tmp_path / "nowhere")) == "BACKUP_NOT_FOUND"
    assert len(list_backups(folder)) == 2


def test_index_that_was_ahead_of_the_restored_manifest_is_built_anew(full_shelf: Shelf) -> None:
    library = full_shelf.library
    source = take(full_shelf)
    draw_photos(full_shelf.photos / "more", 3, first_seed=40)
    full_shelf.take_in()
    rebuild_index(library.manifest, library.settings)
    restore(source, library.home)
    counts = rebuild_index(library.manifest, library.settings)
    assert counts.upserted == 5
    index = open_index(library.settings, MODEL)
    assert index.count() == 5
    index.close()
    full_shelf.inventory()
    counts2 = full_shelf.stream()
    assert counts2.decoded == 3, "what came after the backup comes in again"


def test_vectors_of_every_revision_come_back(full_shelf: Shelf, tmp_path: Path) -> None:
    other = VectorStore(full_shelf.library.home, CLIP.model, "2", CLIP.preprocess_version)
    vector = np.ones(4, dtype=np.float32) / 2
    other.put({"a-picture": vector})
    source = take(full_shelf)
    restore(source, Home(tmp_path / "new"))
    back = VectorStore(Home(tmp_path / "new"), CLIP.model, "2", CLIP.preprocess_version)
    assert np.array_equal(back.get(["a-picture"])["a-picture"], vector)
    assert VectorStore(Home(tmp_path / "new"), CLIP.model, CLIP.revision, CLIP.preprocess_version).count() == 5


def test_set_aside_folders_are_numbered_whatever_the_clock_does(full_shelf: Shelf) -> None:
    source = take(full_shelf)
    names = [Path(str(restore(source, full_shelf.library.home).set_aside)).name for _ in range(2)]
    assert [name[:4] for name in names] == ["0001", "0002"]
