"""An export holds everything, and another home that has the same photos takes it over: once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from drawn_photos import draw_photo, draw_photos, retouch, write_rating
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelf import ALL_STAGES, CAPTIONER, CLIP, InProcessEngine, Shelf

from resources.errors import LoupeError
from resources.exchange.export_tables import GROUPS, TABLES
from resources.exchange.library_export import export_library
from resources.exchange.library_import import import_export
from resources.manifest import (
    collections,
    duplicates,
    given_ratings,
    hidden,
    models,
    projections,
    saved_searches,
    stacks,
    tags,
    written_captions,
)
from resources.manifest.exports import QUERIES
from resources.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["a.jpg", "b.jpg", "c.png", "d/e.jpg", "d/ü ñ.jpg"]
_WORDS = {
    "tags": "SELECT p.sha256, t.tag, t.created_at FROM tags t JOIN photos p USING (photo_id)",
    "ratings": "SELECT p.sha256, g.rating, g.given_at FROM given_ratings g JOIN photos p USING (photo_id)",
    "written": "SELECT p.sha256, w.text, w.written_at FROM written_captions w JOIN photos p USING (photo_id)",
    "collections": "SELECT name FROM collections",
    "members": """SELECT c.name, p.sha256, m.added_at FROM collection_photos m
        JOIN collections c USING (collection_id) JOIN photos p USING (photo_id)""",
    "covers": "SELECT c.name, p.sha256 FROM collections c JOIN photos p ON p.photo_id = c.cover_photo_id",
    "different": """SELECT least(a.sha256, b.sha256), greatest(a.sha256, b.sha256), n.decided_at FROM not_duplicates n
        JOIN photos a ON a.photo_id = n.photo_a JOIN photos b ON b.photo_id = n.photo_b""",
    "searches": "SELECT name, request, created_at, updated_at FROM saved_searches",
}


def shelf_at(folder: Path, photos: Path | None = None) -> Shelf:
    configured = Settings(home=folder / "home", decode_workers=2)
    if photos is None:
        photos = folder / "Photos"
        photos.mkdir(parents=True)
    return Shelf(configured, photos, InProcessEngine(configured))


def fill(shelf: Shelf, stages: Iterable[str] = ("decoded_images",)) -> None:
    """Watch the folder as it is now, and take it in."""
    shelf.watch()
    shelf.take_in(stages=set(stages))


def words(shelf: Shelf) -> dict[str, list[str]]:
    """What a person said, by the bytes of the photos."""
    return {name: sorted(str(tuple(row.values())) for row in shelf.rows(sql)) for name, sql in _WORDS.items()}


def paths_of(rows: list[dict[str, Any]]) -> set[Path]:
    return {Path(row["name"]) for row in rows}


def read_table(folder: Path, name: str) -> list[dict[str, Any]]:
    """A table of an export as a program of a person's own reads it."""
    path = next(folder.glob(f"{name}.*"))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    cursor = duckdb.sql(f"FROM '{path}'")
    return [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def full(tmp_path: Path) -> Shelf:
    """A library with something in every table that an export has."""
    shelf = shelf_at(tmp_path / "one")
    draw_photos(shelf.photos, NAMES)
    shutil.copy(shelf.photos / "a.jpg", shelf.photos / "d" / "again.jpg")
    fill(shelf, ALL_STAGES)
    a, b, c = (shelf.photo_id(name) for name in ("a.jpg", "b.jpg", "c.png"))
    with shelf.library.manifest.write() as tx:
        tags.add(tx, [a, b], "Sommer; 'am See'")
        tags.add(tx, [b], "Places|Spain")
        given_ratings.give(tx, {a: 5, b: None, c: -1})
        written_captions.write(tx, {a: 'Oma, "1974"\nam See'})
        collections.create(tx, "Best of")
        collections.create(tx, "empty")
        collections.add_photos(tx, "Best of", [a, c])
        collections.set_cover(tx, "Best of", c)
        saved_searches.create(tx, "Lakes", {"q": 'lake "Best of"', "photos": [{"photo_id": a}]})
        stacks.separate(tx, "choice", [[a], [b]])
        stacks.say_cover(tx, c)
        duplicates.mark_different(tx, [a, b, c])
        duplicates.mark_different(tx, [a])
        tx.insert("stacks", [{"stack_id": "s", "photo_id": a, "kind": "edit", "is_cover": True, "position": 0}])
        tx.execute("INSERT INTO hidden_content VALUES ('of a file that is gone', 'gone', now())")
        projections.replace(tx, CLIP.model, [a], np.array([[0.5, -1]], dtype=np.float32))
        models.use(tx, "clip", CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)
    return shelf


@pytest.fixture
def twin(full: Shelf, tmp_path: Path) -> Shelf:
    """Another home over a copy of the same photos; nothing said, nothing computed."""
    shutil.copytree(full.photos, tmp_path / "two" / "Photos")
    shelf = shelf_at(tmp_path / "two", tmp_path / "two" / "Photos")
    fill(shelf)
    return shelf


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_an_export_holds_every_table_with_every_column(full: Shelf, tmp_path: Path, file_format: Any) -> None:
    out = tmp_path / "out"
    report = export_library(full.library, out, file_format=file_format, vectors=True)
    readme = json.loads((out / "README.json").read_text(encoding="utf-8"))
    assert [table["name"] for table in readme["tables"]] == list(TABLES)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["README.json", *(f"{t}.{file_format}" for t in TABLES)]
    )
    for table in readme["tables"]:
        rows = read_table(out, table["name"])
        assert len(rows) == table["rows"] == report.tables[table["name"]] > 0, table["name"]
        assert list(rows[0]) == [column["name"] for column in table["columns"]] == list(TABLES[table["name"]].columns)

    photo = next(row for row in read_table(out, "photos") if row["sha256"] == full.sha256("a.jpg"))
    assert photo["paths"] == [str(full.photos / "a.jpg"), str(full.photos / "d" / "again.jpg")]
    assert (photo["sha256"], photo["iso"], photo["f_number"]) == (full.sha256("a.jpg"), 200, 2.8)
    vector = next(row["vector"] for row in read_table(out, "vectors") if row["pixel_hash"] == photo["pixel_hash"])
    kept = full.vectors.get([photo["pixel_hash"]])[photo["pixel_hash"]]
    assert np.array_equal(np.asarray(vector, dtype=np.float32), kept)
    captions = read_table(out, "computed_captions")
    assert {(row["model"], row["revision"]) for row in captions} == {(CAPTIONER.model, CAPTIONER.revision)}
    assert [row["text"] for row in read_table(out, "written_captions")] == ['Oma, "1974"\nam See']


def test_columns_are_described_for_every_query() -> None:
    assert set(QUERIES) == set(TABLES) - {"vectors"}
    documented = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
    for name in [*TABLES, *GROUPS]:
        assert f"`{name}`" in documented, name
    for column in TABLES["photos"].columns:
        assert re.search(rf"`{column}`", documented), column


def test_only_some_tables(full: Shelf, tmp_path: Path) -> None:
    report = export_library(full.library, tmp_path / "out", only=["captions", "tags"])
    assert list(report.tables) == ["photos", "tags", "written_captions", "computed_captions"]
    with pytest.raises(LoupeError, match="There is no 'tag' to export"):
        export_library(full.library, tmp_path / "other", only=["tag"])
    assert not (tmp_path / "other").exists()


def test_an_export_takes_no_place_that_is_taken(full: Shelf, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(LoupeError) as refused:
        export_library(full.library, tmp_path / "out")
    assert refused.value.code == "EXPORT_EXISTS"
    with pytest.raises(LoupeError, match="inside the watched folder"):
        export_library(full.library, full.photos / "export")
    (tmp_path / "empty").mkdir()
    export_library(full.library, tmp_path / "empty")
    assert (tmp_path / "empty" / "README.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"one", "out", "empty"}


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_another_home_takes_everything_over_once(full: Shelf, twin: Shelf, tmp_path: Path, file_format: Any) -> None:
    out = tmp_path / "out"
    export_library(full.library, out, file_format=file_format, vectors=True)
    photos = full.value("SELECT count(*) FROM photos")

    tried = import_export(twin.library, out, dry_run=True)
    assert words(twin) == {name: [] for name in _WORDS}
    seq = twin.newest_seq()
    done = import_export(twin.library, out)
    assert (done.matched, done.changes) == (tried.matched, tried.changes)
    assert (done.matched.rows, done.matched.by, done.matched.unmatched_count) == (photos, {"sha256": photos}, 0)
    assert done.changes == {
        "tags": 3,
        "ratings": 3,
        "written_captions": 1,
        "computed_captions": photos,
        "collections": 2,
        "collection_photos": 2,
        "collection_covers": 1,
        "saved_searches": 1,
        "stack_separations": 1,
        "stack_covers": 1,
        "not_duplicates": 4,
        "hidden": 1,
        "vectors": photos,
    }
    assert words(twin) == words(full)
    assert len(twin.outbox_since(seq)) == photos

    seq = twin.newest_seq()
    again = import_export(twin.library, out)
    assert set(again.changes.values()) == {0}
    assert twin.outbox_since(seq) == set()

    counts = twin.take_in(stages=ALL_STAGES)
    assert (counts.embedding_model_images, counts.caption_model_images) == (0, 0)
    assert twin.model.embedded == twin.model.captioned == 0
    hashes = [row["pixel_hash"] for row in full.rows("SELECT pixel_hash FROM previews")]
    assert all(np.array_equal(twin.vectors.get([h])[h], full.vectors.get([h])[h]) for h in hashes)


def test_what_was_hidden_is_hidden_there(full: Shelf, twin: Shelf, tmp_path: Path) -> None:
    c = full.photo_id("c.png")
    with full.library.manifest.write() as tx:
        hidden.hide(tx, [c])
    export_library(full.library, tmp_path / "out")
    assert import_export(twin.library, tmp_path / "out", dry_run=True).changes["hidden"] == 2
    assert import_export(twin.library, tmp_path / "out").changes["hidden"] == 2
    assert import_export(twin.library, tmp_path / "out").changes["hidden"] == 0
    with twin.library.manifest.read() as tx:
        assert [row["file_name"] for row in hidden.list_all(tx)] == ["c.png"]
        assert set(hidden.content(tx, ["of a file that is gone"])) == {"of a file that is gone"}


def test_photos_are_taken_by_thousands(
    full: Shelf, twin: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.exchange.library_import._PHOTO_BATCH", 2)
    export_library(full.library, tmp_path / "out")
    tried = import_export(twin.library, tmp_path / "out", dry_run=True)
    done = import_export(twin.library, tmp_path / "out")
    assert done.changes == tried.changes
    assert words(twin) == words(full)


def test_the_later_word_stays(full: Shelf, twin: Shelf, tmp_path: Path) -> None:
    a, b = twin.photo_id("a.jpg"), twin.photo_id("b.jpg")
    with twin.library.manifest.write() as tx:
        given_ratings.give(tx, {a: 1})
        written_captions.write(tx, {a: "later", b: "only here"})
        saved_searches.create(tx, "Lakes", {"q": "later"})
    export_library(full.library, tmp_path / "early")
    import_export(twin.library, tmp_path / "early")
    assert twin.value("SELECT rating FROM given_ratings WHERE photo_id = ?", [a]) == 1
    assert twin.value("SELECT text FROM written_captions WHERE photo_id = ?", [a]) == "later"

    assert twin.value("SELECT request FROM saved_searches") == '{"q": "later"}'

    with full.library.manifest.write() as tx:
        given_ratings.give(tx, {a: 3})
        saved_searches.change(tx, "Lakes", request={"q": "latest"})
    export_library(full.library, tmp_path / "late")
    assert import_export(twin.library, tmp_path / "late").changes["ratings"] == 1
    assert twin.value("SELECT rating FROM given_ratings WHERE photo_id = ?", [a]) == 3
    assert twin.value("SELECT text FROM written_captions WHERE photo_id = ?", [b]) == "only here"
    assert twin.value("SELECT request FROM saved_searches") == '{"q": "latest"}'


def test_a_search_for_photos_like_one_names_it_by_its_id_here(full: Shelf, twin: Shelf, tmp_path: Path) -> None:
    theirs, other = full.photo_id("a.jpg"), "00000000-0000-4000-8000-000000000000"
    with twin.library.manifest.write() as tx:
        tx.execute("UPDATE photos SET photo_id = ?, document_id = ? WHERE photo_id = ?", [other, other, theirs])
        tx.execute("UPDATE files SET photo_id = ? WHERE photo_id = ?", [other, theirs])
    export_library(full.library, tmp_path / "out")
    import_export(twin.library, tmp_path / "out")
    with twin.library.manifest.read() as tx:
        assert saved_searches.get(tx, "Lakes")["request"]["photos"] == [{"photo_id": other}]


def test_photos_are_matched_by_bytes_then_pixels_then_place_and_size(full: Shelf, tmp_path: Path) -> None:
    other = shelf_at(tmp_path / "two")
    shutil.copy(full.photos / "a.jpg", other.photos / "renamed.jpg")
    shutil.copy(full.photos / "b.jpg", other.photos / "b.jpg")
    write_rating(other.photos / "b.jpg", 1)  # other bytes, the same pixels
    draw_photo(other.photos / "d" / "e.jpg", 999)  # another picture at the same place
    for copy in ("x.jpg", "y.jpg"):  # two photos of the same pixels, neither with the name
        shutil.copy(full.photos / "d" / "ü ñ.jpg", other.photos / copy)
        write_rating(other.photos / copy, 1 if copy == "x.jpg" else 2)
    fill(other)
    export_library(full.library, tmp_path / "out")

    matched = import_export(other.library, tmp_path / "out").matched
    assert matched.by == {"sha256": 1, "pixels": 1}
    assert paths_of(matched.unmatched) == {full.photos / "c.png", full.photos / "d" / "e.jpg"}
    assert paths_of(matched.ambiguous) == {full.photos / "d" / "ü ñ.jpg"}
    assert matched.ambiguous[0]["paths"] == [str(other.photos / "x.jpg"), str(other.photos / "y.jpg")]
    assert other.rows("SELECT rating FROM given_ratings ORDER BY rating") == [{"rating": 5}, {"rating": None}]


def test_a_photo_at_the_same_place_with_the_same_size_matches_when_it_looks_the_same(
    full: Shelf, tmp_path: Path
) -> None:
    other = shelf_at(tmp_path / "two")
    size = (full.photos / "b.jpg").stat().st_size
    for name, seed in (("b.jpg", 2), ("a.jpg", 77)):  # b is drawn as there, a is another picture
        path = draw_photo(other.photos / name, seed, (168, 126))
        path.write_bytes(path.read_bytes() + bytes(20_000))
    fill(other)
    export_library(full.library, tmp_path / "out", file_format="jsonl")
    lines = read_table(tmp_path / "out", "files")
    for row in lines:
        row["size_bytes"] = (
            (other.photos / row["rel_path"]).stat().st_size if row["rel_path"] in ("a.jpg", "b.jpg") else 1
        )
    (tmp_path / "out" / "files.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert size != (other.photos / "b.jpg").stat().st_size

    matched = import_export(other.library, tmp_path / "out").matched
    assert matched.by == {"path": 1}
    assert full.photos / "a.jpg" in paths_of(matched.unmatched)


@pytest.fixture
def exported(full: Shelf, tmp_path: Path) -> Path:
    export_library(full.library, tmp_path / "out", file_format="jsonl", vectors=True)
    return tmp_path / "out"


_SEARCH = '{{"name": "x", "request": "{}", "created_at": "2024-01-01", "updated_at": "2024-01-01"}}'


def _rewrite(name: str, line: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_text(line, encoding="utf-8")

    return apply


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda folder: (folder / "README.json").unlink(), "EXPORT_INVALID"),
        (lambda folder: (folder / "tags.jsonl").unlink(), "EXPORT_INVALID"),
        (_rewrite("README.json", '{"format": "other"}'), "EXPORT_INVALID"),
        (_rewrite("tags.jsonl", '{"photo_id": "x", "tag": "", "created_at": "2024-01-01"}'), "EXPORT_INVALID"),
        (_rewrite("ratings.jsonl", '{"photo_id": "x", "rating": 9, "given_at": "2024-01-01"}'), "EXPORT_INVALID"),
        (_rewrite("written_captions.jsonl", "{not json"), "EXPORT_INVALID"),
        (_rewrite("saved_searches.jsonl", _SEARCH.format("not JSON")), "EXPORT_INVALID"),
        (_rewrite("saved_searches.jsonl", _SEARCH.format("[]")), "EXPORT_INVALID"),
        (_rewrite("photos.jsonl", '{"sha256": "x"}'), "EXPORT_INVALID"),
        (lambda folder: _newer(folder), "EXPORT_TOO_NEW"),
    ],
)
def test_what_is_no_whole_export_changes_nothing(
    exported: Path, twin: Shelf, damage: Callable[[Path], None], code: str
) -> None:
    damage(exported)
    with pytest.raises(LoupeError) as refused:
        import_export(twin.library, exported)
    assert refused.value.code == code
    assert words(twin) == {name: [] for name in _WORDS}


def _newer(folder: Path) -> None:
    content = json.loads((folder / "README.json").read_text(encoding="utf-8"))
    (folder / "README.json").write_text(json.dumps({**content, "version": 2}), encoding="utf-8")


def test_a_vector_that_cannot_be_right_is_refused(exported: Path, twin: Shelf) -> None:
    rows = read_table(exported, "vectors")
    rows[0]["vector"] = [3.0] * 48
    (exported / "vectors.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(LoupeError, match="vectors of mean-colours that cannot be right"):
        import_export(twin.library, exported)
    assert twin.value("SELECT count(*) FROM embeddings") == 0


def test_a_photo_edited_elsewhere_keeps_what_was_said_of_its_picture(full: Shelf, twin: Shelf, tmp_path: Path) -> None:
    retouch(twin.photos / "a.jpg", 5)
    (twin.photos / "d" / "again.jpg").unlink()
    fill(twin)
    export_library(full.library, tmp_path / "out")
    matched = import_export(twin.library, tmp_path / "out").matched
    assert paths_of(matched.unmatched) == {full.photos / "a.jpg"}
    assert twin.rows("SELECT * FROM tags WHERE photo_id = ?", [twin.photo_id("a.jpg")]) == []


# Any words on any photos


@dataclass(frozen=True)
class Pair:
    one: Shelf
    two: Shelf
    folder: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    one = shelf_at(folder / "one")
    draw_photos(one.photos, NAMES)
    shutil.copytree(one.photos, folder / "two" / "Photos")
    two = shelf_at(folder / "two", folder / "two" / "Photos")
    for shelf in (one, two):
        fill(shelf)
    yield Pair(one, two, folder)
    shutil.rmtree(folder)


_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=40
)
_PHOTO = st.sampled_from(NAMES)
_NAME = _TEXT.filter(lambda text: text.strip() not in ("", ".", "..") and "/" not in text and "|" not in text)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.fixed_dictionaries(
        {
            "tags": st.sets(st.tuples(_PHOTO, _NAME.map(str.strip)), max_size=8),
            "ratings": st.dictionaries(_PHOTO, st.none() | st.integers(-1, 5)),
            "captions": st.dictionaries(_PHOTO, _TEXT.filter(str.strip)),
            "collections": st.dictionaries(_NAME.map(str.strip), st.sets(_PHOTO), max_size=4),
        }
    ),
    file_format=st.sampled_from(["parquet", "jsonl"]),
)
def test_what_was_said_comes_over_unchanged(pair: Pair, said: dict[str, Any], file_format: Any) -> None:
    one, two = pair.one, pair.two
    photo = {name: one.photo_id(name) for name in NAMES}
    for shelf in (one, two):
        with shelf.library.manifest.write() as tx:
            for table in ("tags", "given_ratings", "written_captions", "collections", "collection_photos"):
                tx.execute(f"DELETE FROM {table}")
    with one.library.manifest.write() as tx:
        for name, tag in said["tags"]:
            tags.add(tx, [photo[name]], tag)
        given_ratings.give(tx, {photo[name]: rating for name, rating in said["ratings"].items()})
        written_captions.write(tx, {photo[name]: text for name, text in said["captions"].items()})
        for collection, names in said["collections"].items():
            collections.create(tx, collection)
            collections.add_photos(tx, collection, [photo[name] for name in names])
    out = pair.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    export_library(one.library, out, file_format=file_format)
    report = import_export(two.library, out)
    assert report.matched.by == {"sha256": len(NAMES)}
    assert words(two) == words(one)
    assert set(import_export(two.library, out).changes.values()) == {0}
