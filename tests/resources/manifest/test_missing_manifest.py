"""A home whose manifest is gone is no empty library."""

from __future__ import annotations

import duckdb
import pytest
from drawn_photos import draw_photos
from shelf import Shelf

from resources.backup import back_up
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest
from resources.restore import find_backup, restore


def test_a_manifest_that_is_gone_is_missed_and_can_be_restored(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    home = Home(shelf.settings.home)
    back_up(shelf.library.manifest, home, home.backups)
    home.manifest.unlink()
    vectors = {path: path.read_bytes() for path in home.path.glob("vectors-*.duckdb")}
    assert vectors
    with pytest.raises(duckdb.CatalogException), shelf.library.manifest.read() as tx:  # who has it open already
        tx.value("SELECT count(*) FROM photos")
    for _ in range(2):
        with pytest.raises(LoupeError) as caught:
            Manifest(home).prepare()
        assert caught.value.code == "MANIFEST_MISSING"
    assert {path: path.read_bytes() for path in home.path.glob("vectors-*.duckdb")} == vectors
    restore(find_backup("latest", home.backups), home)
    assert shelf.value("SELECT count(*) FROM photos") == 3


def test_an_empty_home_has_no_manifest_to_miss(shelf: Shelf) -> None:
    home = Home(shelf.settings.home.with_name("new")).prepare()
    Manifest(home).prepare()
    assert home.manifest.exists()
