"""Which photo a file is: the rules of `recording`, through the real inventory and stream.

Bytes that are some photo's current content are that photo; new bytes at a path whose photo no other file holds are the
same photo, edited; other bytes are a new photo.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos, retouch, write_rating
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import CLIP, InProcessEngine, Shelf

from resources.imaging import DECODER_VERSION
from resources.manifest import failures, files, integrity, results
from resources.settings import Settings


def assert_consistent(shelf: Shelf) -> None:
    """What must hold of a library that has taken everything in."""
    with shelf.library.manifest.read() as tx:
        assert files.count_pending(tx, DECODER_VERSION) == 0
        assert integrity.unaccounted_files(tx, 0) == 0
        assert {table: n for table, n in integrity.duplicate_rows(tx).items() if n} == {}
        assert results.count_pending(tx, "embeddings", CLIP) == 0
        assert failures.count_by_code(tx) == {}
    rows = shelf.rows(
        """SELECT f.rel_path, f.sha256, f.photo_id, p.sha256 AS photo_sha256
        FROM files f LEFT JOIN photos p USING (photo_id) WHERE f.missing_since IS NULL"""
    )
    on_disk = {str(path.relative_to(shelf.photos)) for path in shelf.photos.rglob("*") if path.is_file()}
    assert {row["rel_path"] for row in rows} == on_disk
    photo_of: dict[str, str] = {}
    for row in rows:
        assert row["sha256"] == shelf.sha256(row["rel_path"]), f"{row['rel_path']}: stale hash"
        assert row["photo_sha256"] == row["sha256"], f"{row['rel_path']} is said to be a photo with other content"
        assert photo_of.setdefault(row["sha256"], row["photo_id"]) == row["photo_id"], "equal bytes, two photos"
    assert len(set(photo_of.values())) == len(photo_of), "different bytes, one photo"


def settle(shelf: Shelf) -> int:
    """Take in until nothing is left, as the sensor does. Returns how many images the model saw."""
    counts = shelf.take_in()
    seen = counts.embedding_model_images
    for _ in range(3):
        if counts.left == 0:
            break
        counts = shelf.take_in()
        seen += counts.embedding_model_images
    assert_consistent(shelf)
    return seen


@pytest.fixture
def watched(shelf: Shelf) -> Shelf:
    """`a.jpg` is taken in; `anchor.png` keeps the folder from being empty."""
    draw_photos(shelf.photos, ["a.jpg", "anchor.png"])
    shelf.watch()
    settle(shelf)
    return shelf


def test_same_bytes_at_two_paths_are_one_photo(watched: Shelf) -> None:
    shutil.copy(watched.photos / "a.jpg", watched.photos / "copy.jpg")
    assert settle(watched) == 0
    assert watched.photo_id("copy.jpg") == watched.photo_id("a.jpg")


def test_same_bytes_in_two_homes_get_the_same_id(watched: Shelf, tmp_path: Path) -> None:
    config = Settings(home=tmp_path / "other")
    other = Shelf(config, watched.photos, InProcessEngine(config))
    other.watch()
    settle(other)
    assert other.photo_id("a.jpg") == watched.photo_id("a.jpg")


def test_edit_keeps_the_photo(watched: Shelf) -> None:
    before = watched.photo_id("a.jpg")
    retouch(watched.photos / "a.jpg", 1)
    assert settle(watched) == 1
    assert watched.photo_id("a.jpg") == before


def test_edit_undone_is_the_same_photo_and_needs_no_model(watched: Shelf) -> None:
    before = watched.photo_id("a.jpg")
    original = (watched.photos / "a.jpg").read_bytes()
    retouch(watched.photos / "a.jpg", 1)
    settle(watched)
    (watched.photos / "a.jpg").write_bytes(original)
    assert settle(watched) == 0
    assert watched.photo_id("a.jpg") == before


def test_edited_copy_becomes_a_photo_of_its_own(watched: Shelf) -> None:
    shutil.copy(watched.photos / "a.jpg", watched.photos / "copy.jpg")
    settle(watched)
    retouch(watched.photos / "copy.jpg", 1)
    before = watched.photo_id("a.jpg")
    settle(watched)
    assert watched.photo_id("a.jpg") == before
    assert watched.photo_id("copy.jpg") != before


def test_copies_edited_alike_stay_one_photo(watched: Shelf) -> None:
    shutil.copy(watched.photos / "a.jpg", watched.photos / "copy.jpg")
    settle(watched)
    before = watched.photo_id("a.jpg")
    for name in ("a.jpg", "copy.jpg"):
        retouch(watched.photos / name, 1)
    settle(watched)
    assert watched.photo_id("copy.jpg") == watched.photo_id("a.jpg") == before


def test_copies_edited_differently_part(watched: Shelf) -> None:
    shutil.copy(watched.photos / "a.jpg", watched.photos / "copy.jpg")
    settle(watched)
    before = watched.photo_id("a.jpg")
    retouch(watched.photos / "a.jpg", 1)
    retouch(watched.photos / "copy.jpg", 2)
    settle(watched)
    ids = {watched.photo_id("a.jpg"), watched.photo_id("copy.jpg")}
    assert before in ids, "the photo that a person tagged is nobody's"
    assert len(ids) == 2


def test_backup_made_before_an_edit_is_not_the_edited_photo(watched: Shelf) -> None:
    """Copied and edited between two looks: one flush holds both, and the copy's content is what the photo was."""
    before = watched.photo_id("a.jpg")
    shutil.copy(watched.photos / "a.jpg", watched.photos / "backup.jpg")
    retouch(watched.photos / "a.jpg", 1)
    settle(watched)
    assert {watched.photo_id("backup.jpg"), watched.photo_id("a.jpg")} > {before}


def test_two_photos_that_swap_names_swap_files(watched: Shelf) -> None:
    draw_photo(watched.photos / "b.jpg", 7)
    settle(watched)
    a, b = watched.photo_id("a.jpg"), watched.photo_id("b.jpg")
    (watched.photos / "a.jpg").rename(watched.photos / "x.jpg")
    (watched.photos / "b.jpg").rename(watched.photos / "a.jpg")
    (watched.photos / "x.jpg").rename(watched.photos / "b.jpg")
    assert settle(watched) == 0
    assert (watched.photo_id("b.jpg"), watched.photo_id("a.jpg")) == (a, b)


def test_photo_overwritten_by_another_while_that_one_is_edited(watched: Shelf) -> None:
    draw_photo(watched.photos / "b.jpg", 7)
    settle(watched)
    shutil.copy(watched.photos / "b.jpg", watched.photos / "a.jpg")
    retouch(watched.photos / "b.jpg", 1)
    settle(watched)


def test_moved_then_edited_and_the_first_file_restored(watched: Shelf, tmp_path: Path) -> None:
    """A backup brings back the old file, times included, after its photo went on elsewhere with other content."""
    before = watched.photo_id("a.jpg")
    shutil.copy2(watched.photos / "a.jpg", tmp_path / "backup.jpg")
    (watched.photos / "a.jpg").rename(watched.photos / "moved.jpg")
    settle(watched)
    retouch(watched.photos / "moved.jpg", 1)
    settle(watched)
    shutil.copy2(tmp_path / "backup.jpg", watched.photos / "a.jpg")
    settle(watched)
    assert watched.photo_id("moved.jpg") == before
    assert watched.photo_id("a.jpg") != before


def test_deleted_photo_that_comes_back_is_the_same(watched: Shelf) -> None:
    before = watched.photo_id("a.jpg")
    data = (watched.photos / "a.jpg").read_bytes()
    (watched.photos / "a.jpg").unlink()
    settle(watched)
    assert watched.value("SELECT count(*) FROM photos") == 2, "photos stay: a person's tags hang on them"
    (watched.photos / "elsewhere.jpg").write_bytes(data)
    assert settle(watched) == 0
    assert watched.photo_id("elsewhere.jpg") == before


def test_moved_file_costs_one_read(watched: Shelf) -> None:
    before = watched.photo_id("a.jpg")
    (watched.photos / "2021").mkdir()
    (watched.photos / "a.jpg").rename(watched.photos / "2021" / "renamed.jpg")
    counts = watched.take_in()
    assert (counts.files_read, counts.known, counts.decoded, counts.embedding_model_images) == (1, 1, 0, 0)
    assert_consistent(watched)
    assert watched.photo_id("2021/renamed.jpg") == before


def test_failure_of_earlier_bytes_goes_when_new_bytes_succeed(watched: Shelf) -> None:
    watched.model.fails_on = lambda image: True
    retouch(watched.photos / "a.jpg", 1)
    watched.take_in()
    assert watched.failures() == {"a.jpg": "EMBED_FAILED"}
    watched.model.fails_on = lambda image: False
    retouch(watched.photos / "a.jpg", 2)
    settle(watched)
    assert watched.failures() == {}


NAMES = ["a.jpg", "sub/b.jpg"]
# Copies and edits are where identities part and meet, so they come up more often.
WHAT = ["add", "copy", "copy", "move", "edit", "edit", "edit", "rate", "delete", "restore"]
Operation = tuple[str, str, int]

OPERATIONS = st.tuples(st.sampled_from(WHAT), st.sampled_from(NAMES), st.integers(1, 3))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(looks=st.lists(st.lists(OPERATIONS, min_size=2, max_size=5), min_size=3, max_size=5))
@pytest.mark.slow
def test_whatever_happens_to_files_the_manifest_agrees_with_the_disk(
    looks: list[list[Operation]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any mix of additions, copies, moves, edits, deletions and restores between looks. After each look every file is
    accounted for, equal bytes are one photo, no photo claims other content, the model saw no pixels twice, and every
    photo whose files or content changed stands in the outbox."""
    folder = tmp_path_factory.mktemp("library")
    config = Settings(home=folder / "home")
    shelf = Shelf(config, folder / "Photos", InProcessEngine(config))
    draw_photos(shelf.photos, ["anchor.png", "a.jpg"], first_seed=1000)
    shelf.watch()
    seen = settle(shelf)
    trash: dict[str, Path] = {}
    for operations in looks:
        shown, seq = shown_photos(shelf), shelf.newest_seq()
        for operation in operations:
            perform(operation, shelf.photos, trash, folder)
        seen += settle(shelf)
        after = shown_photos(shelf)
        changed = {photo_id for photo_id in {*shown, *after} if shown.get(photo_id) != after.get(photo_id)}
        assert changed <= shelf.outbox_since(seq), "search was not told of a change"
    assert seen == shelf.vectors.count(), "the model saw the same pixels twice"


def shown_photos(shelf: Shelf) -> dict[str, tuple[object, ...]]:
    """What search shows of each photo that has a file: content and paths."""
    rows = shelf.rows(
        """SELECT p.photo_id, p.sha256, list(f.rel_path ORDER BY f.rel_path) AS paths
        FROM photos p JOIN files f USING (photo_id) WHERE f.missing_since IS NULL GROUP BY ALL"""
    )
    return {row["photo_id"]: (row["sha256"], tuple(row["paths"])) for row in rows}


def perform(operation: Operation, photos: Path, trash: dict[str, Path], outside: Path) -> None:
    """One thing that a person does. What cannot be done (no such file) is left undone."""
    what, first, seed = operation
    second = next(name for name in NAMES if name != first)
    source, target = photos / first, photos / second
    target.parent.mkdir(parents=True, exist_ok=True)
    if what == "add":
        draw_photo(source, seed)
    elif what == "restore":
        if first in trash and not source.exists():
            source.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(trash[first], source)
    elif not source.exists():
        return
    elif what == "copy":
        shutil.copy2(source, target)
    elif what == "move":
        os.replace(source, target)
    elif what == "edit":
        retouch(source, seed)
    elif what == "rate":
        write_rating(source, seed)
    elif what == "delete":
        trash[first] = outside / f"trash-{first.replace('/', '-')}"
        shutil.move(source, trash[first])
