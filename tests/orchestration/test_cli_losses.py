"""What the command line says when files vanish or a folder cannot be reached, and no daemon ever looks after a home."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import structlog
from command_line import Loupe, command
from drawn_photos import draw_photos
from shelf import Shelf

READ = ("decoded_images",)


@pytest.fixture
def loupe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shelf: Shelf) -> Iterator[Loupe]:
    monkeypatch.setenv("LOUPE_HOME", str(shelf.settings.home))
    yield command(monkeypatch, capfd)
    structlog.reset_defaults()


def test_a_loss_that_is_not_believed_is_told_and_accepted(loupe: Loupe, shelf: Shelf) -> None:
    photos = draw_photos(shelf.photos, 24)
    shelf.watch()
    shelf.take_in(stages=READ)
    for path in photos[:21]:
        path.rename(shelf.photos.parent / path.name)

    told = loupe("ingest", str(shelf.photos))
    assert told.status == 75, told.err
    assert "3 as before" in told.out
    assert "21 not where they were" in told.out
    assert f"`loupe folders accept-missing {shelf.photos}`" in told.out
    listed = loupe("folders", "list").out
    assert "24 photos, 0 missing, vanished" in listed
    assert f"`loupe folders accept-missing {shelf.photos}`" in listed
    verified = loupe("verify").out
    held_back = "files vanished with many others and wait for a person's word: `loupe folders accept-missing` (21)"
    assert held_back in verified

    accepted = loupe("folders", "accept-missing", str(shelf.photos)).out
    assert accepted == f"21 files of {shelf.photos} are now missing.\n"
    assert "3 photos, 21 missing, online" in loupe("folders", "list").out

    for path in photos[21:]:
        path.unlink()
    emptied = loupe("ingest", str(shelf.photos), "--json")
    assert emptied.status == 75, emptied.err
    [loss] = emptied.json["held_back"].values()
    assert loss["path"] == str(shelf.photos)


def test_a_folder_that_went_is_offline_until_it_is_said_where_it_stands(loupe: Loupe, shelf: Shelf) -> None:
    old, new = shelf.photos, shelf.photos.parent / "Moved"
    draw_photos(old, 2)
    shelf.watch()
    shelf.take_in(stages=READ)
    assert loupe("search", "is:offline").err.startswith("Nothing found.")
    old.rename(new)
    listed = loupe("folders", "list").out
    assert "2 photos, 0 missing, offline" in listed, "no daemon had to see it"
    assert f"`loupe folders move {old} NEW`" in listed
    refused = loupe("folders", "add", str(old))
    assert (refused.status, refused.err.partition(":")[0]) == (75, "error [ROOT_OFFLINE]")
    assert f"`loupe folders move {old} NEW`" in refused.err
    assert len(re.findall(r"photo\S+  \(offline\)", loupe("search", "is:offline").out)) == 2
    assert [hit["offline"] for hit in loupe("search", "is:offline", "--json").json["results"]] == [True, True]

    assert loupe("folders", "move", str(old), str(new)).out == f"{old} stands at {new}: 2 files, 2 photos.\n"
    assert "2 photos, 0 missing, online" in loupe("folders", "list").out
    assert loupe("search", "is:offline", "--json").json["results"] == []


def test_what_is_missing_for_long_is_forgotten_without_a_daemon(loupe: Loupe, shelf: Shelf) -> None:
    first, _ = draw_photos(shelf.photos, 2)
    shelf.watch()
    shelf.take_in(stages=READ)
    first.unlink()
    shelf.inventory()
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE files SET missing_since = missing_since - INTERVAL 31 DAY")
        tx.execute(
            "INSERT INTO jobs (run_id, kind, state, created_at, updated_at, stages) "
            "VALUES ('earlier', 'ingest', 'done', now() - INTERVAL 2 DAY, now(), '{}')"
        )
    assert shelf.value("SELECT count(*) FROM photos") == 2
    assert loupe("ingest", str(shelf.photos)).status == 0
    assert shelf.value("SELECT count(*) FROM photos") == 1
