"""`loupe export`, `import` and `write-sidecars` from the shell: what they print, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import structlog
from command_line import Loupe, command
from drawn_photos import draw_photos
from shelf import ALL_STAGES, CLIP, Shelf

from orchestration.cli.exchange import CHANGES
from resources.exchange.library_import import Change
from resources.manifest import collections, given_ratings, hidden, models, saved_searches, tags, written_captions
from resources.settings import Settings

NAMES = ["2019/IMG_1.jpg", "2020/IMG_1.jpg", "top.png"]


@pytest.fixture
def loupe(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shelf: Shelf) -> Iterator[Loupe]:
    """The command in the home of a library of three photos."""
    monkeypatch.setenv("LOUPE_HOME", str(shelf.settings.home))
    draw_photos(shelf.photos, NAMES)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)

    yield command(monkeypatch, capfd)
    structlog.reset_defaults()


def test_a_table_comes_in_goes_out_and_stands_beside_the_photos(loupe: Loupe, shelf: Shelf, tmp_path: Path) -> None:
    table = tmp_path / "words.csv"
    table.write_text("path,tags,rating\ntop.png,lake;sea,4\nIMG_1.jpg,two of them,1\nnone.jpg,x,1\n")
    tried = loupe("import", str(table), "--dry-run")
    assert tried.status == 0, tried.err
    assert "Would change: 2 tags, 1 rating." in tried.out
    assert "no photo: line 4, 'none.jpg'" in tried.out
    assert f"several photos: line 3, 'IMG_1.jpg': {shelf.photos}/2019/IMG_1.jpg, " in tried.out
    assert "3 lines: matched 1 by path; 1 without a photo here, 1 ambiguous." in tried.out

    done = loupe("import", str(table), "--json").json
    assert done["changes"]["tags"] == 2
    assert (shelf.library.home.run / "outbox.wake").exists()
    assert "Nothing changes" in loupe("import", str(table)).out

    out = tmp_path / "out"
    exported = loupe("export", str(out), "--format", "jsonl", "--only", "tags,ratings", "--json").json
    assert exported["tables"] == {"photos": 3, "tags": 2, "ratings": 1}
    assert sorted(path.name for path in out.iterdir()) == ["README.json", "photos.jsonl", "ratings.jsonl", "tags.jsonl"]
    assert "3 photos: matched 3 by sha256; 0 without" in loupe("import", str(out)).out
    again = loupe("export", str(out))
    assert (again.status, again.err.split("]")[0]) == (73, "error [EXPORT_EXISTS")

    tried = loupe("write-sidecars", "--all", "--dry-run")
    assert not (shelf.photos / "top.png.xmp").exists()
    assert "1 sidecar would be new, 0 would be changed" in tried.out
    written = loupe("write-sidecars", "--tag", "lake", "--json").json
    assert (written["created"], written["paths"]) == (1, [str(shelf.photos / "top.png.xmp")])
    (shelf.photos / "top.png.xmp").write_text("no packet")
    refused = loupe("write-sidecars", "--all")
    assert refused.status == 65
    assert "SIDECAR_INVALID" in refused.err


def test_words_find_the_photos_whose_sidecars_are_written(loupe: Loupe, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("path,tags\ntop.png,lighthouse\n2019/IMG_1.jpg,harbour\n")
    loupe("import", str(tmp_path / "words.csv"))
    written = loupe("write-sidecars", "lighthouse", "--json")
    assert written.status == 0, written.err
    assert written.json["paths"] == [str(shelf.photos / "top.png.xmp")]


def test_another_home_takes_over_all_that_an_export_holds(
    loupe: Loupe, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [shelf.photo_id(name) for name in NAMES]
    with shelf.library.manifest.write() as tx:
        tags.add(tx, ids, "holiday")
        given_ratings.give(tx, {ids[0]: 5})
        written_captions.write(tx, {ids[1]: "the harbour"})
        collections.create(tx, "Best")
        collections.add_photos(tx, "Best", ids[:2])
        collections.set_cover(tx, "Best", ids[1])
        saved_searches.create(tx, "Lakes", {"q": "lake", "photos": [{"photo_id": ids[0]}]})
        hidden.hide(tx, ids[2:])
        models.use(tx, "clip", CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)
    out = tmp_path / "out"
    exported = loupe("export", str(out), "--vectors")
    assert exported.status == 0, exported.err

    other = replace(shelf, settings=Settings(home=tmp_path / "other", decode_workers=1))
    other.watch()
    other.take_in(stages={"decoded_images"})
    monkeypatch.setenv("LOUPE_HOME", str(other.settings.home))
    said = (
        "3 tags, 1 rating, 1 caption, 3 computed captions, 1 new collection, 2 photos in collections, "
        "1 collection's cover, 1 saved search, 1 photo hidden, 3 vectors."
    )
    tried = loupe("import", str(out), "--dry-run")
    assert (tried.status, tried.out.splitlines()[-1]) == (0, f"Would change: {said}"), tried.err
    done = loupe("import", str(out))
    assert (done.status, done.out.splitlines()[-1]) == (0, f"Changed: {said}"), done.err
    assert other.value("SELECT count(*) FROM photos WHERE hidden_at IS NULL") == 2
    again = loupe("import", str(out))
    assert (again.status, "Nothing changes" in again.out) == (0, True), again.err


def test_every_change_of_an_import_has_its_words() -> None:
    assert set(CHANGES) == set(get_args(Change))


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["write-sidecars"], 64, "Say which photos"),
        (["write-sidecars", "x", "--all"], 64, "Say which photos"),
        (["write-sidecars", "--collection", "none"], 66, "no collection named 'none'"),
        (["write-sidecars", "--tag", "none"], 66, "No photo has the tag 'none'"),
        (["export", "{tmp}/x", "--format", "csv"], 64, "parquet or jsonl"),
        (["export", "{photos}/x"], 64, "inside the watched folder"),
        (["import", "{tmp}"], 65, "no export of Loupe"),
        (["import", "{tmp}/none.csv"], 66, "There is no file"),
        (["import", "{tmp}", "--rating", "x"], 64, "--rating is for CSV files"),
    ],
)
def test_what_cannot_be_done_ends_with_its_status(
    loupe: Loupe, shelf: Shelf, tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    ended = loupe(*(each.format(tmp=tmp_path, photos=shelf.photos) for each in arguments))
    assert (ended.status, sentence in ended.err) == (status, True), ended.err
