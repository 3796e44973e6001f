"""SIGKILL at chosen steps and at seeded random moments of a backup, a restore and an upgrade, and started again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
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

_STEP = """
import os
import sys
def step():  # say that something is about to begin, and wait until it may
    print("step", flush=True)
    sys.stdin.readline()
def stepwise(do):
    return lambda *arguments, **named: (step(), do(*arguments, **named))[1]
os.rename, os.replace, os.link = stepwise(os.rename), stepwise(os.replace), stepwise(os.link)
"""
_BACKUP = """
from pathlib import Path
from resources import backup
from resources.home import Home
from resources.manifest import Manifest
backup._SHORT_SEGMENT = 1
home = Home(Path(sys.argv[1]))
step()
backup.back_up(Manifest(home), home, home.backups, keep=3, previews=True)
"""
_RESTORE = """
from pathlib import Path
from resources.home import Home
from resources.restore import find_backup, restore
home = Home(Path(sys.argv[1]))
step()
restore(find_backup("1", home.backups), home)
"""
_UPGRADE = """
from pathlib import Path
from resources.home import Home
from resources.manifest import Manifest, manifest
execute = manifest.Transaction.execute
def migrate(transaction, sql, *arguments, **named):
    if "INSERT INTO schema_migrations" in sql:
        step()
    return execute(transaction, sql, *arguments, **named)
manifest.Transaction.execute = migrate
step()
Manifest(Home(Path(sys.argv[1]))).prepare()
"""


class Kills:
    """Runs a program again and again and kills it, each time at another moment of its whole run.

    `whole()` comes first: it counts the steps and takes the time of a run that nobody kills.
    """

    def __init__(self, program: str, home: Path) -> None:
        self.home = home
        self._program = _STEP + program
        self._moments = random.Random(SEED)
        self._took_s = 0.0
        self._number = 0
        self.steps = 0
        self.killed = 0

    def whole(self) -> None:
        """Run it to its end."""
        code, self.steps, self._took_s = self._run(None, None)
        assert code == 0

    def once(self) -> None:
        """Kill it on the way: in turn before one of its steps, the last one first, and at a random moment.

        A run that ended first, because it had less to do or was faster, says how many steps and seconds it has now.
        """
        number, self._number = self._number, self._number + 1
        if number % 2 == 0:
            earlier = min(1.0, number / 2 / max(1, KILLS // 2 - 1))
            code, steps, took_s = self._run(None, round((self.steps - 1) * (1 - earlier)))
        else:
            code, steps, took_s = self._run(self._moments.uniform(0, self._took_s), None)
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            self.steps, self._took_s = steps, min(self._took_s, took_s)
        self.killed += code != 0

    def _run(self, after_s: float | None, at_step: int | None) -> tuple[int, int, float]:
        """How it ended, the steps that it came to, and the seconds from the first of them to its end."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", self._program, str(self.home)]
        steps, started, timer = 0, 0.0, None
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for line in process.stdout:
                if line != "step\n":
                    continue  # what it logs
                if steps == at_step:
                    process.kill()
                    break
                if steps == 0:
                    started = time.monotonic()
                    if after_s is not None:
                        timer = threading.Timer(after_s, process.kill)
                        timer.start()
                steps += 1
                with contextlib.suppress(BrokenPipeError):  # killed meanwhile
                    process.stdin.write("\n")
                    process.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        if timer is not None:
            timer.cancel()
        return process.returncode, steps, time.monotonic() - started


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
    kills.whole()
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
    assert kills.killed >= KILLS // 2
    kills.whole()
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
    kills = Kills(_RESTORE, library.home.path)
    kills.whole()
    refused = 0
    for number in range(KILLS):
        with library.manifest.write() as tx:
            tags.add(tx, [tx.value("SELECT min(photo_id) FROM photos")], f"after {number}")
        changed = content(full_shelf)
        kills.once()
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
    assert 0 < refused < KILLS, "some fell between two renames, some did not"


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

    kills = Kills(_UPGRADE, old_home().path)
    kills.whole()
    cut: list[int] = []
    for _ in range(KILLS):
        home = old_home()
        kills.home = home.path
        kills.once()
        cut.append(schema_of(home.manifest))
        for copy in home.backups.glob("manifest-schema-*.duckdb"):
            assert (schema_of(copy), count_of(copy)) == (int(copy.name[16:20]), photos), "a copy is whole or not there"
        Manifest(home).prepare()
        assert (schema_of(home.manifest), count_of(home.manifest)) == (newest_schema(), photos)
        if cut[-1] < newest_schema():
            assert list(home.backups.glob("manifest-schema-*.duckdb")), "the old one is kept"
    assert len(set(cut) - {newest_schema()}) > 1, "killed between two migrations, at several of them"


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
