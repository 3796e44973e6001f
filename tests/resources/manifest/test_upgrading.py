"""A manifest by an older Loupe: copied before it is upgraded, and refused when it cannot be."""

from __future__ import annotations

import shutil
import struct
import subprocess
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, newest_schema
from resources.restore import find_backup, restore

MIGRATIONS = files("resources.manifest") / "migrations"
SCRIPTS = {int(entry.name[:4]): entry for entry in MIGRATIONS.iterdir() if entry.name.endswith(".sql")}


def write_schema(path: Path, newest: int) -> None:
    """A manifest with the migrations up to `newest`, and one photo."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE schema_migrations (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL)")
        for version in sorted(number for number in SCRIPTS if number <= newest):
            connection.execute(SCRIPTS[version].read_text(encoding="utf-8"))
            connection.execute("INSERT INTO schema_migrations VALUES (?, now() AT TIME ZONE 'UTC')", [version])
        connection.execute("INSERT INTO photos (photo_id, sha256, created_at) VALUES ('old', 'x', now())")


def schema_of(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute("SELECT max(version) FROM schema_migrations").fetchall()[0][0])


@pytest.mark.parametrize("found", sorted(SCRIPTS.keys() - {newest_schema()}))
def test_older_manifest_is_copied_then_upgraded(home: Home, found: int) -> None:
    write_schema(home.manifest, found)
    manifest = Manifest(home).prepare()
    copy = home.backups / f"manifest-schema-{found:04d}-before-{newest_schema():04d}.duckdb"
    assert [path.name for path in home.backups.iterdir()] == [copy.name]
    assert (schema_of(copy), schema_of(home.manifest)) == (found, newest_schema())
    with manifest.read() as tx:
        assert tx.value("SELECT photo_id FROM photos") == "old"
    Manifest(home).prepare()
    assert len(list(home.backups.iterdir())) == 1


def test_the_copy_can_be_restored(home: Home) -> None:
    write_schema(home.manifest, 1)
    Manifest(home).prepare()
    copy = next(home.backups.iterdir())
    home.manifest.write_bytes(b"noise")
    restore(find_backup(str(copy), home.backups), home)
    with Manifest(home).prepare().read() as tx:
        assert tx.value("SELECT photo_id FROM photos") == "old"


def test_new_manifest_needs_no_copy(home: Home) -> None:
    Manifest(home).prepare()
    assert not home.backups.exists()


# A number that no script here has although it lies below the newest: another branch was released first.
BETWEEN = next(number for number in range(1, newest_schema()) if number not in SCRIPTS)


@pytest.mark.parametrize("newer", ["schema 999", f"schema {BETWEEN}", "DuckDB"])
def test_newer_manifest_is_refused_and_left_alone(home: Home, newer: str) -> None:
    Manifest(home).prepare()
    if newer == "DuckDB":
        as_a_later_duckdb_would_write(home.manifest)
    else:
        with Manifest(home).write() as tx:
            tx.execute("INSERT INTO schema_migrations VALUES (?, now())", [int(newer.split()[1])])
    before = home.manifest.read_bytes()
    with pytest.raises(LoupeError, match="newer Loupe") as caught:
        Manifest(home).prepare()
    assert caught.value.code == "HOME_TOO_NEW"
    assert home.manifest.read_bytes() == before
    assert not home.backups.exists()

    other = Home(home.path.parent / "other").prepare()
    with pytest.raises(LoupeError, match="newer Loupe") as caught:
        restore(home.manifest, other)
    assert caught.value.code == "BACKUP_TOO_NEW"
    assert not other.manifest.exists()


def as_a_later_duckdb_would_write(path: Path) -> None:
    """Raise the storage version in the main header, whose first eight bytes are the checksum of the rest."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, 12, 1000)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", data[8:4096]):
        checksum ^= word * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    struct.pack_into("<Q", data, 0, checksum)
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["noise", "another program's", "empty"])
def test_what_holds_no_library_is_not_restored(home: Home, tmp_path: Path, what: str) -> None:
    file = tmp_path / "other.duckdb"
    if what == "noise":
        file.write_bytes(b"noise" * 10_000)
    else:
        with duckdb.connect(str(file)) as connection:
            connection.execute(
                "CREATE TABLE " + ("sales (n INTEGER)" if what != "empty" else "schema_migrations (version INTEGER)")
            )
    with pytest.raises(LoupeError) as caught:
        restore(file, home)
    assert caught.value.code == "BACKUP_DAMAGED"
    assert not home.manifest.exists()


def test_no_room_for_the_copy_leaves_the_old_manifest(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True)
    if mounting.returncode != 0:
        pytest.skip("a small disk may not be mounted here")
    try:
        home = Home(place / "home").prepare()
        write_schema(home.manifest, 1)
        filler = place / "other"
        filler.write_bytes(bytes(shutil.disk_usage(place).free - home.manifest.stat().st_size // 2))
        with pytest.raises(LoupeError) as caught:
            Manifest(home).prepare()
        assert caught.value.code == "DISK_FULL"
        assert schema_of(home.manifest) == 1
        assert not list(home.backups.glob("*"))
        filler.unlink()
        Manifest(home).prepare()
        assert schema_of(home.manifest) == newest_schema()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
