"""SIGKILL at seeded random moments during a backup, a restore and an upgrade, and started again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest
from drawn_photos import draw_photos
from kills import KILLS, SEED
from shelf import CLIP, InProcessEngine, Shelf

from resources.backup import Backup, back_up, file_hash, list_backups, segment_path
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, VectorStore, newest_schema, tags
from resources.restore import find_backup, restore
from resources.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]

_BACKUP = """
from pathlib import Path
from resources import backup
from resources.home import Home
from resources.manifest import Manifest
backup._SHORT_SEGMENT = 1
home = Home(Path(sys.argv[1]))
print("go", flush=True)
backup.back_up(Manifest(home), home, home.backups, keep=3, previews=True)
"""
_RESTORE = """
from pathlib import Path
from resources.home import Home
from resources.restore import find_backup, restore
rename = Path.rename
def slowly(path, target):  # the few moments in which the home is neither old nor new are made as long as the rest
    time.sleep(0.02)
    return rename(path, target)
Path.rename = slowly
home = Home(Path(sys.argv[1]))
print("go", flush=True)
restore(find_backup("1", home.backups), home)
"""
_UPGRADE = """
from pathlib import Path
from resources.home import Home
from resources.manifest import Manifest
print("go", flush=True)
Manifest(Home(Path(sys.argv[1]))).prepare()
"""


class Kills:
    """Runs a program again and again and kills it, each time at another moment of its whole run."""

    def __init__(self, program: str, home: Path) -> None:
        self._command = [sys.executable, "-c", "import sys, time\n" + program, str(home)]
        self._moments = random.Random(SEED)
        self.took_s = 0.0
        self.in_the_middle = 0

    def once(self, kill: bool = True) -> None:
        """Run it to its end, or kill it somewhere on the way."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(self._command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "go\n"
            started = time.monotonic()
            if kill:
                time.sleep(self._moments.uniform(0, self.took_s))
                self.in_the_middle += process.poll() is None
                process.kill()
            process.stdout.read()
        if not kill:
            assert process.returncode == 0
            self.took_s = time.monotonic() - started


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    """Thirty photos and two thousand more vectors, so that each step takes its time."""
    draw_photos(shelf.photos, 30)
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.write() as tx:
        tags.add(tx, [tx.value("SELECT min(photo_id) FROM photos")], "holiday")
    add_vectors(shelf, 2000)
    (shelf.settings.home / "loupe.toml").write_text("run_photos = 7\n")
    return shelf


def add_vectors(shelf: Shelf, count: int) -> None:
    rows = np.random.default_rng(time.time_ns()).standard_normal((count, 256), dtype=np.float32)
    store = VectorStore(shelf.library.home, CLIP.model, "many", CLIP.preprocess_version)
    store.put({os.urandom(16).hex(): row for row in rows})


def content(shelf: Shelf) -> dict[str, object]:
    library = shelf.library
    store = VectorStore(library.home, CLIP.model, "many", CLIP.preprocess_version)
    return {
        "photos": shelf.rows("SELECT * FROM photos ORDER BY photo_id"),
        "tags": shelf.rows("SELECT photo_id, tag FROM tags ORDER BY ALL"),
        "vectors": shelf.vectors.count(),
        "many vectors": store.count(),
        "settings": (shelf.settings.home / "loupe.toml").read_text(),
    }


def assert_whole(folder: Path, path: Path) -> Backup:
    """Everything that the backup names is there, byte for byte."""
    backup = Backup.read(path)
    for file in backup.files:
        assert file_hash(path / file.name) == file.sha256
    for part in backup.vectors:
        for segment in part.segments:
            assert file_hash(segment_path(folder, segment)) == segment.sha256
    return backup


def test_killed_backup_leaves_the_backups_before_it_and_no_half_one(full_shelf: Shelf, tmp_path: Path) -> None:
    folder = full_shelf.library.home.backups
    kills = Kills(_BACKUP, full_shelf.settings.home)
    kills.once(kill=False)
    before = content(full_shelf)
    for _ in range(KILLS):
        earlier = {path.name for path in list_backups(folder)}
        add_vectors(full_shelf, 50)
        kills.once()
        now = list_backups(folder)
        for path in now:
            assert_whole(folder, path)
        assert {path.name for path in now[1:]} <= earlier, "at most the one that was begun is new"
        assert len(now) >= min(3, len(earlier))
    assert kills.in_the_middle >= KILLS // 2, "too few were killed on the way; the test shows little"
    kills.once(kill=False)
    last = assert_whole(folder, list_backups(folder)[0])
    assert last.pictures == 60
    assert not list(folder.rglob(".unfinished*")), "what the killed ones left is gone"
    assert not list(folder.glob("previews/*/.*"))
    named = {
        segment.sha256
        for path in list_backups(folder)
        for part in Backup.read(path).vectors
        for segment in part.segments
    }
    assert {path.stem for path in (folder / "vectors").iterdir()} == named
    now_content = content(full_shelf)
    restored = at(full_shelf, tmp_path / "drill")
    restore(find_backup("latest", folder), Home(restored.settings.home))
    assert content(restored) == now_content
    assert {**now_content, "many vectors": before["many vectors"]} == before, "a backup changes nothing"


def at(shelf: Shelf, home: Path) -> Shelf:
    settings = Settings(home=home)
    return Shelf(settings, shelf.photos, InProcessEngine(settings))


def test_killed_restore_leaves_the_old_the_new_or_a_refusal(full_shelf: Shelf) -> None:
    """Each time the restore is run again, and all that it set aside is still there in the end."""
    library = full_shelf.library
    wanted = content(full_shelf)
    back_up(library.manifest, library.home, library.home.backups)
    timing = Kills(_RESTORE, library.home.path)
    timing.once(kill=False)
    refused = 0
    for number in range(KILLS):
        with library.manifest.write() as tx:
            tags.add(tx, [tx.value("SELECT min(photo_id) FROM photos")], f"after {number}")
        changed = content(full_shelf)
        timing.once()
        if (library.home.restoring / "commit.json").exists():
            with pytest.raises(LoupeError, match="interrupted half way"):
                Manifest(library.home).prepare()
            refused += 1
        else:
            Manifest(library.home).prepare()
            assert content(full_shelf) in (changed, wanted)
        restore(find_backup("1", library.home.backups), library.home)
        assert content(full_shelf) == wanted
        assert not library.home.restoring.exists()
        kept = sorted((library.home.path / "set-aside").glob("*/manifest.duckdb"))
        assert any(f"after {number}" in tags_of(path) for path in kept), "what was there is kept"
    assert refused, "no kill fell between two renames; the test shows little"
    assert refused < KILLS, "every kill fell between two renames; the test shows little"


def tags_of(manifest: Path) -> set[str]:
    with duckdb.connect(str(manifest), read_only=True) as connection:
        return {row[0] for row in connection.execute("SELECT tag FROM tags").fetchall()}


def test_killed_upgrade_leaves_a_whole_manifest_and_a_copy_of_the_old(tmp_path: Path) -> None:
    """Some schema, never something between two, and nothing that stood in it is lost."""
    photos = 20_000
    template = tmp_path / "first.duckdb"
    write_first_schema(template, photos)
    homes = iter(Home(tmp_path / f"home-{number}").prepare() for number in range(KILLS + 1))

    def old_home() -> Home:
        home = next(homes)
        home.manifest.write_bytes(template.read_bytes())
        return home

    first = old_home()
    took = Kills(_UPGRADE, first.path)
    took.once(kill=False)
    moments = random.Random(SEED)
    cut: list[int] = []
    for _ in range(KILLS):
        home = old_home()
        kills = Kills(_UPGRADE, home.path)
        kills.took_s = moments.uniform(0, took.took_s)
        kills.once()
        cut.append(schema_of(home.manifest))
        for copy in home.backups.glob("manifest-schema-*.duckdb"):
            assert (schema_of(copy), count_of(copy)) == (int(copy.name[16:20]), photos), "a copy is whole or not there"
        Manifest(home).prepare()
        assert (schema_of(home.manifest), count_of(home.manifest)) == (newest_schema(), photos)
        if cut[-1] < newest_schema():
            assert list(home.backups.glob("manifest-schema-*.duckdb")), "the old one is kept"
    assert set(cut) - {newest_schema()}, "every upgrade had ended before its kill; the test shows nothing"


def write_first_schema(path: Path, photos: int) -> None:
    from importlib.resources import files

    first = files("resources.manifest") / "migrations" / "0001_initial.sql"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE schema_migrations (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL)")
        connection.execute(first.read_text(encoding="utf-8"))
        connection.execute("INSERT INTO schema_migrations VALUES (1, now() AT TIME ZONE 'UTC')")
        connection.execute(
            f"""INSERT INTO photos (photo_id, sha256, created_at, title)
            SELECT uuid()::TEXT, sha256('p' || i), now(), 'photo ' || i FROM range({photos}) t(i)"""
        )


def _asked(path: Path, sql: str) -> int:
    with duckdb.connect(str(path)) as connection:  # not read-only: a log that a kill left is replayed
        return int(connection.execute(sql).fetchall()[0][0])


def schema_of(path: Path) -> int:
    return _asked(path, "SELECT max(version) FROM schema_migrations")


def count_of(path: Path) -> int:
    return _asked(path, "SELECT count(DISTINCT photo_id) FROM photos")
