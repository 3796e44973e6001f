"""Photos that a person removed: out of search, remembered by id and content, reversible; their files stay."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos, write_rating
from PIL import Image
from shelf import ALL_STAGES, Shelf

from resources.clock import utc_now
from resources.inventory import remove_root
from resources.manifest import hidden, photos
from resources.purge import purge


@pytest.fixture
def filled(shelf: Shelf) -> Shelf:
    draw_photos(shelf.photos, ["a.jpg", "b.jpg", "c.jpg"])
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    return shelf


def hide(shelf: Shelf, *names: str) -> list[str]:
    with shelf.library.manifest.write() as tx:
        return hidden.hide(tx, [shelf_id(tx, name) for name in names])


def shelf_id(tx, name: str) -> str:  # type: ignore[no-untyped-def]
    return str(tx.value("SELECT photo_id FROM files WHERE rel_path = ?", [name]))


def hidden_names(shelf: Shelf) -> list[str]:
    with shelf.library.manifest.read() as tx:
        return sorted(row["file_name"] for row in hidden.list_all(tx))


def test_hidden_photo_leaves_search_and_its_file_stays(filled: Shelf) -> None:
    seq = filled.newest_seq()
    assert hide(filled, "a.jpg") == [filled.photo_id("a.jpg")]
    assert filled.outbox_since(seq) == {filled.photo_id("a.jpg")}
    assert (filled.photos / "a.jpg").exists()
    with filled.library.manifest.read() as tx:
        (row,) = hidden.list_all(tx)
    assert row["paths"] == [str(filled.photos / "a.jpg")]


def test_hiding_again_changes_nothing(filled: Shelf) -> None:
    hide(filled, "a.jpg")
    seq = filled.newest_seq()
    assert hide(filled, "a.jpg") == []
    assert filled.outbox_since(seq) == set()


@pytest.mark.parametrize("event", ["scan", "moved", "copied", "edited"])
def test_what_is_hidden_does_not_come_back_by_itself(filled: Shelf, event: str) -> None:
    hide(filled, "a.jpg")
    photo = filled.photos / "a.jpg"
    if event == "moved":
        photo.rename(filled.photos / "renamed.jpg")
    elif event == "copied":
        shutil.copy(photo, filled.photos / "copy.jpg")
    elif event == "edited":
        write_rating(photo, 3)
    filled.take_in(stages=ALL_STAGES)
    assert filled.value("SELECT count(*) FROM photos WHERE hidden_at IS NULL") == 2


@pytest.mark.parametrize("way", ["over it", "after it was gone"])
def test_another_picture_of_the_same_name_is_to_be_seen(filled: Shelf, way: str) -> None:
    """Cameras number from one again: nobody asked for this photo to be hidden, nor said anything of it."""
    photo_id = filled.photo_id("a.jpg")
    with filled.library.manifest.write() as tx:
        tx.execute("INSERT INTO tags VALUES (?, 'holiday', now())", [photo_id])
    hide(filled, "a.jpg")
    if way == "after it was gone":
        (filled.photos / "a.jpg").unlink()
        filled.inventory()
    Image.effect_noise((80, 60), 60).save(filled.photos / "a.jpg")
    filled.take_in(stages=ALL_STAGES)
    assert filled.photo_id("a.jpg") != photo_id
    assert filled.value("SELECT hidden_at FROM photos WHERE photo_id = ?", [filled.photo_id("a.jpg")]) is None
    assert filled.value("SELECT hidden_at FROM photos WHERE photo_id = ?", [photo_id]) is not None


def test_shown_again_it_is_as_it_was(filled: Shelf) -> None:
    photo_id = filled.photo_id("a.jpg")
    hide(filled, "a.jpg")
    with filled.library.manifest.write() as tx:
        assert hidden.show(tx, [photo_id]) == [photo_id]
    assert hidden_names(filled) == []
    assert filled.take_in(stages=ALL_STAGES).embedding_model_images == 0
    with filled.library.manifest.read() as tx:
        row = photos.get(tx, photo_id)
    assert row is not None
    assert row["caption"]


def test_a_document_is_hidden_with_all_its_pages(shelf: Shelf) -> None:
    first, second = Image.new("RGB", (80, 60), "red"), Image.effect_noise((80, 60), 60).convert("RGB")
    first.save(shelf.photos / "minutes.tif", save_all=True, append_images=[second])
    shelf.watch()
    shelf.take_in()
    assert len(hide(shelf, "minutes.tif")) == 2
    with shelf.library.manifest.read() as tx:
        assert hidden.count(tx) == len(hidden.list_all(tx)) == 1, "what is listed once counts once"
    assert shelf.value("SELECT count(*) FROM photos WHERE hidden_at IS NULL") == 0


# Purging


def lose(shelf: Shelf, name: str, days: float) -> None:
    """As if the file had gone missing so many days ago."""
    (shelf.photos / name).unlink()
    shelf.take_in(stages=ALL_STAGES)
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE files SET missing_since = ? WHERE rel_path = ?", [utc_now() - timedelta(days=days), name])
        tx.execute(
            """INSERT INTO jobs (run_id, kind, state, created_at, updated_at, stages)
            SELECT ?, 'reconcile', 'done', now() - INTERVAL 7 DAY, now(), '{}'""",
            [name],
        )


def test_missing_for_long_is_forgotten_with_its_picture(filled: Shelf) -> None:
    photo_id = filled.photo_id("a.jpg")
    pixel_hash = filled.value(
        "SELECT pixel_hash FROM previews JOIN photos USING (sha256) WHERE photo_id = ?", [photo_id]
    )
    lose(filled, "a.jpg", 31)
    lose(filled, "b.jpg", 29)
    purged = purge(filled.library.manifest, filled.library.store, 30)

    assert (purged.files, purged.photos, purged.pixel_hashes) == (1, 1, (pixel_hash,))
    assert not filled.library.store.preview_path(pixel_hash).exists()
    assert filled.value("SELECT count(*) FROM photos") == 2
    assert filled.value("SELECT count(*) FROM captions") == 2
    assert purge(filled.library.manifest, filled.library.store, 30).files == 0


def test_a_photo_without_any_file_is_forgotten_in_its_time(filled: Shelf) -> None:
    """Its folder is watched no more. Thirty days count from when that was first seen."""
    root_id = filled.value("SELECT root_id FROM roots")
    lose(filled, "a.jpg", 1)
    remove_root(filled.library.manifest, root_id)

    def forgotten(days: int) -> int:
        with filled.library.manifest.write() as tx:
            tx.execute("UPDATE documents_without_files SET since = since - INTERVAL (?) DAY", [days])
        return purge(filled.library.manifest, filled.library.store, 30).photos

    assert [forgotten(0), forgotten(29)] == [0, 0]
    filled.watch()
    filled.take_in(stages=ALL_STAGES)
    assert forgotten(2) == 1, "the two that are back stay"
    assert filled.value("SELECT count(*) FROM photos") == 2
    assert forgotten(99) == 0


def test_a_photo_with_another_file_stays(filled: Shelf) -> None:
    shutil.copy(filled.photos / "a.jpg", filled.photos / "copy.jpg")
    filled.take_in()
    lose(filled, "a.jpg", 31)
    purged = purge(filled.library.manifest, filled.library.store, 30)
    assert (purged.files, purged.photos) == (1, 0)
    assert filled.value("SELECT count(*) FROM photos") == 3


def test_a_file_that_comes_back_after_all_has_its_tags_and_stays_hidden(filled: Shelf, tmp_path: Path) -> None:
    shutil.copy(filled.photos / "a.jpg", tmp_path / "kept.jpg")
    photo_id = filled.photo_id("a.jpg")
    with filled.library.manifest.write() as tx:
        tx.execute("INSERT INTO tags VALUES (?, 'holiday', now())", [photo_id])
    hide(filled, "a.jpg")
    lose(filled, "a.jpg", 31)
    purge(filled.library.manifest, filled.library.store, 30)

    shutil.copy(tmp_path / "kept.jpg", filled.photos / "again.jpg")
    filled.take_in(stages=ALL_STAGES)
    assert filled.photo_id("again.jpg") == photo_id
    assert hidden_names(filled) == ["again.jpg"]
    assert filled.value("SELECT count(*) FROM tags WHERE photo_id = ?", [photo_id]) == 1


def test_never_is_never(filled: Shelf) -> None:
    lose(filled, "a.jpg", 10_000)
    assert purge(filled.library.manifest, filled.library.store, 0).photos == 0
    assert filled.value("SELECT count(*) FROM photos") == 3


def test_the_purge_keeps_what_another_photo_shows(shelf: Shelf) -> None:
    """Two files of equal pixels and different bytes are two photos and one picture."""
    draw_photo(shelf.photos / "a.jpg", 1)
    shutil.copy(shelf.photos / "a.jpg", shelf.photos / "b.jpg")
    write_rating(shelf.photos / "b.jpg", 5)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    lose(shelf, "a.jpg", 31)
    assert purge(shelf.library.manifest, shelf.library.store, 30).pixel_hashes == ()
    assert shelf.value("SELECT count(*) FROM embeddings") == 1
