"""`verify`: what it finds in a library that was damaged on purpose, what it mends, and what it never touches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
from drawn_photos import draw_photos
from shelf import CLIP, Shelf

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import models
from resources.vector_index import model_in_use, open_index, publish
from resources.verification import Finding, Part, verify_library


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    """Six photos in two folders, embedded and in the index."""
    draw_photos(shelf.photos / "a", 3)
    draw_photos(shelf.photos / "b", 3, first_seed=20)
    shelf.watch()
    shelf.take_in()
    library = shelf.library
    with library.manifest.write() as tx:
        models.use(tx, "clip", CLIP.model, CLIP.revision, CLIP.preprocess_version, 48)
    publish(library.manifest, library.settings, model_in_use(library.manifest))
    return shelf


def verify(shelf: Shelf, **options: bool) -> dict[str, Part]:
    return {part.name: part for part in verify_library(shelf.library, **options)}


def problems(parts: dict[str, Part]) -> dict[str, Finding]:
    return {finding.problem: finding for part in parts.values() for finding in part.findings}


def originals(shelf: Shelf) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(shelf.photos.rglob("*.*"))}


def assert_mended(shelf: Shelf, problem: str, count: int) -> None:
    """It is found, it is mended, one run later nothing is left of it, and no photo was touched."""
    before = originals(shelf)
    found = problems(verify(shelf))
    assert set(found) == {problem}, found
    assert (found[problem].count, found[problem].mended, found[problem].open) == (count, 0, count)
    mended = verify(shelf, repair=True)
    assert problems(mended)[problem].mended == count
    assert all(part.ok for part in mended.values())
    shelf.take_in()
    after = verify(shelf)
    assert problems(after) == {}
    assert after["index"].checked == 6
    assert originals(shelf) == before


def vectors_sql(shelf: Shelf, sql: str) -> None:
    with duckdb.connect(str(shelf.vectors.path)) as connection:
        connection.execute(sql)


def test_sound_library_has_nothing_to_say(full_shelf: Shelf) -> None:
    parts = verify(full_shelf, originals=True)
    assert problems(parts) == {}
    checked = {name: part.checked for name, part in parts.items() if name != "manifest"}
    assert checked == {"vectors": 6, "previews": 6, "files": 6, "originals": 6, "index": 6}


def test_lost_previews_are_pending_again(full_shelf: Shelf) -> None:
    for path in list(full_shelf.library.home.previews.rglob("*.jpg"))[:2]:
        path.unlink()
    before = originals(full_shelf)
    missing = problems(verify(full_shelf))
    assert {problem: each.open for problem, each in missing.items()} == {"previews_missing": 2}
    for repair in (True, False):  # what waits for the next run is no fault any more
        awaited = verify(full_shelf, repair=repair)
        assert {problem: each.count for problem, each in problems(awaited).items()} == {"previews_awaited": 2}
        assert all(part.ok for part in awaited.values())
    full_shelf.take_in()
    assert problems(verify(full_shelf)) == {}
    assert originals(full_shelf) == before
    assert full_shelf.model.embedded == 6, "no picture was shown to the model twice"


def test_lost_previews_of_unreachable_originals_keep_what_is_known(full_shelf: Shelf) -> None:
    for path in full_shelf.library.home.previews.rglob("*.jpg"):
        path.unlink()
    full_shelf.photos.rename(full_shelf.photos.with_name("unplugged"))
    parts = verify(full_shelf, repair=True)
    assert problems(parts)["previews_lost"].count == 6
    assert all(part.ok for part in parts.values())
    assert full_shelf.value("SELECT count(*) FROM previews") == 6
    assert parts["index"].checked == 6


def test_pictures_of_no_photo_are_removed(full_shelf: Shelf) -> None:
    home = full_shelf.library.home
    shelf_of = next(home.previews.iterdir())
    for path in (shelf_of / "0123.jpg", home.thumbnails / shelf_of.name / "0123.jpg", shelf_of / ".0123.jpg.x7"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left over")
    found = problems(verify(full_shelf))["pictures_orphaned"]
    assert (found.count, found.fault) == (3, False), "what a killed run leaves is no damage"
    assert problems(verify(full_shelf, repair=True))["pictures_orphaned"].mended == 3
    assert problems(verify(full_shelf)) == {}


def test_young_orphans_are_left_to_a_run_that_goes_on(full_shelf: Shelf) -> None:
    stray = next(full_shelf.library.home.previews.iterdir()) / "0123.jpg"
    stray.write_bytes(b"about to be named")
    with full_shelf.library.ingesting():
        assert problems(verify(full_shelf)) == {}
        os.utime(stray, (1e9, 1e9))
        assert problems(verify(full_shelf))["pictures_orphaned"].count == 1


def test_embeddings_without_vectors_are_computed_again(full_shelf: Shelf) -> None:
    vectors_sql(full_shelf, "DELETE FROM vectors WHERE pixel_hash <= (SELECT min(pixel_hash) FROM vectors)")
    assert_mended(full_shelf, "vectors_missing", 1)
    assert full_shelf.vectors.count() == 6
    assert full_shelf.model.embedded == 7


def test_vectors_of_no_embedding_are_removed(full_shelf: Shelf) -> None:
    vectors_sql(full_shelf, "INSERT INTO vectors SELECT 'of nothing', revision, '2', vector FROM vectors LIMIT 1")
    vectors_sql(full_shelf, "INSERT INTO vectors SELECT 'of no photo', revision, '1', vector FROM vectors LIMIT 1")
    assert_mended(full_shelf, "vectors_extra", 2)
    assert full_shelf.vectors.count() == 6


@pytest.mark.parametrize(
    "bad",
    [np.zeros(48, np.float32), np.full(48, np.nan, np.float32), np.ones(48, np.float32), np.eye(1, 40)[0]],
    ids=["zero", "not a number", "too long", "of another length"],
)
def test_unsound_vectors_are_computed_again(full_shelf: Shelf, bad: np.ndarray) -> None:
    with duckdb.connect(str(full_shelf.vectors.path)) as connection:
        first = connection.execute("SELECT min(pixel_hash) FROM vectors").fetchall()[0][0]
        connection.execute(
            "UPDATE vectors SET vector = ? WHERE pixel_hash = ?", [bad.astype(np.float32).tobytes(), first]
        )
    assert_mended(full_shelf, "vectors_unsound", 1)


def test_damaged_file_of_vectors_is_set_aside_and_made_again(full_shelf: Shelf) -> None:
    noise = os.urandom(20_000)
    full_shelf.vectors.path.write_bytes(noise)
    assert_mended(full_shelf, "vectors_unreadable", 6)
    kept = next((full_shelf.settings.home / "set-aside").glob("*/vectors-*.duckdb"))
    assert kept.read_bytes() == noise
    assert full_shelf.vectors.count() == 6


def test_rows_that_stand_twice_are_dropped(full_shelf: Shelf) -> None:
    with full_shelf.library.manifest.write() as tx:
        tx.execute("INSERT INTO embeddings SELECT * FROM embeddings LIMIT 2")
    assert_mended(full_shelf, "rows_twice", 2)


def test_index_rows_missing_and_extra_are_mended(full_shelf: Shelf) -> None:
    library = full_shelf.library
    index = open_index(library.settings, model_in_use(library.manifest))
    ids = index.ids(None, 10)
    index.delete(ids[:2])
    index.set_applied_seq(index.applied_seq, index.applied_mark)
    index.close()
    with library.manifest.write() as tx:  # hidden without a word to the index
        tx.execute("UPDATE photos SET hidden_at = ? WHERE photo_id = ?", [utc_now(), ids[5]])
    found = problems(verify(full_shelf))
    assert {name: (each.count, each.examples) for name, each in found.items()} == {
        "index_missing": (2, tuple(ids[:2])),
        "index_unexpected": (1, (ids[5],)),
    }
    mended = problems(verify(full_shelf, repair=True))
    assert [each.open for each in mended.values()] == [0, 0]
    assert problems(verify(full_shelf)) == {}


def test_many_differences_have_the_index_built_anew(full_shelf: Shelf) -> None:
    with full_shelf.library.manifest.write() as tx:
        for _ in range(5):  # each time twice as many
            tx.execute("INSERT INTO photos BY NAME SELECT * REPLACE (uuid()::TEXT AS photo_id) FROM photos")
    found = problems(verify(full_shelf, repair=True))
    assert found["index_missing"].count > 100
    assert found["index_missing"].open == 0


def test_bit_rot_is_told_with_a_whole_copy_and_never_touched(full_shelf: Shelf) -> None:
    good, bad = sorted((full_shelf.photos / "a").iterdir())[:2]
    shutil.copy2(bad, full_shelf.photos / "b" / "copy.jpg")
    full_shelf.take_in()
    for path in (good, bad):
        rot(path)
    before = originals(full_shelf)
    assert problems(verify(full_shelf)) == {}, "nobody sees it without reading the files"
    for repair in (False, True):
        parts = verify(full_shelf, originals=True, repair=repair)
        finding = problems(parts)["originals_rotten"]
        assert (finding.count, finding.open) == (2, 2)
        assert finding.examples == (str(good), f"{bad} (a whole copy: {full_shelf.photos / 'b' / 'copy.jpg'})")
        assert not parts["originals"].ok
    assert originals(full_shelf) == before


def rot(path: Path) -> None:
    """Turn one bit; size and times stay."""
    info = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def test_files_that_changed_or_went_are_the_next_inventorys(full_shelf: Shelf) -> None:
    first, second = sorted((full_shelf.photos / "a").iterdir())[:2]
    first.unlink()
    draw_photos(second.parent, [second.name], first_seed=99)
    parts = verify(full_shelf, originals=True)
    found = problems(parts)
    assert {name: each.examples for name, each in found.items()} == {
        "files_gone": (str(first),),
        "files_changed": (str(second),),
        "originals_not_compared": (str(first), str(second)),
    }
    assert all(part.ok for part in parts.values())
    verify(full_shelf, repair=True)
    assert full_shelf.value("SELECT count(*) FROM files WHERE missing_since IS NOT NULL") == 1
    assert full_shelf.stream().decoded == 1


def test_damaged_manifest_is_an_error_that_names_it(full_shelf: Shelf) -> None:
    path = full_shelf.library.home.manifest
    full_shelf.library.manifest.checkpoint()
    data = bytearray(path.read_bytes())
    data[12288 + 1000 : len(data)] = bytes(len(data) - 12288 - 1000)
    path.write_bytes(data)
    with pytest.raises(LoupeError) as caught:
        verify(full_shelf)
    assert caught.value.code == "MANIFEST_DAMAGED"


def test_repair_waits_for_no_run(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.verification._REPAIR_WAIT_S", 0.2)
    with full_shelf.library.ingesting(), pytest.raises(LoupeError) as caught:
        verify(full_shelf, repair=True)
    assert caught.value.code == "INGEST_BUSY"
