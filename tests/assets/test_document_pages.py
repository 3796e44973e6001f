"""Files of several pages: each page is a photo of its own, found, embedded and captioned like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from shelf import ALL_STAGES, InProcessEngine, Shelf

from resources.manifest import photos


def page(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def scan(path: Path, *seeds: int) -> None:
    """A multi-page TIFF, one picture for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = [page(seed) for seed in seeds]
    first.save(path, save_all=True, append_images=rest)


def shown(shelf: Shelf) -> list[tuple[int, int]]:
    return [
        (row["page"], row["pages"]) for row in shelf.rows("SELECT page, pages FROM photos ORDER BY document_id, page")
    ]


def test_every_page_is_a_photo_with_vector_and_caption(shelf: Shelf) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3)
    shelf.watch()
    counts = shelf.take_in(stages=ALL_STAGES)

    assert shown(shelf) == [(1, 3), (2, 3), (3, 3)]
    assert counts.files_read == 1
    assert (shelf.model.embedded, shelf.model.captioned) == (3, 3)
    assert counts.left == 0
    document = shelf.photo_id("minutes.tif")
    ids = [row["photo_id"] for row in shelf.rows("SELECT photo_id FROM photos ORDER BY page")]
    assert ids == [photos.page_photo_id(document, number) for number in (1, 2, 3)]
    with shelf.library.manifest.read() as tx:
        for photo_id in ids:
            row = photos.get(tx, photo_id)
            assert row is not None
            assert row["caption"]
            assert row["pixel_hash"]
            assert [each["rel_path"] for each in photos.paths(tx, photo_id)] == ["minutes.tif"]
    assert shelf.outbox_since(0) == set(ids)


def test_again_reads_nothing(shelf: Shelf) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    counts = shelf.take_in(stages=ALL_STAGES)
    assert (counts.files_read, counts.embedding_model_images, counts.caption_model_images) == (0, 0, 0)


def test_saved_with_another_page_keeps_ids_and_drops_what_is_gone(shelf: Shelf) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    before = [row["photo_id"] for row in shelf.rows("SELECT photo_id FROM photos ORDER BY page")]
    seq = shelf.newest_seq()

    scan(shelf.photos / "minutes.tif", 1, 9)
    shelf.take_in(stages=ALL_STAGES)

    assert [row["photo_id"] for row in shelf.rows("SELECT photo_id FROM photos ORDER BY page")] == before[:2]
    assert shown(shelf) == [(1, 2), (2, 2)]
    assert shelf.outbox_since(seq) == set(before)  # the third page leaves the index
    assert shelf.model.embedded == 4  # only the new page was shown to the model


def test_a_file_that_goes_takes_all_its_pages_and_brings_them_back(shelf: Shelf, tmp_path: Path) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3)
    Image.new("RGB", (80, 60), "teal").save(shelf.photos / "other.png")
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    pages = {row["photo_id"] for row in shelf.rows("SELECT photo_id FROM photos WHERE pages = 3")}
    seq = shelf.newest_seq()

    away = tmp_path / "minutes.tif"
    (shelf.photos / "minutes.tif").rename(away)
    shelf.take_in(stages=ALL_STAGES)
    assert shelf.outbox_since(seq) == pages

    seq = shelf.newest_seq()
    away.rename(shelf.photos / "minutes.tif")
    counts = shelf.take_in(stages=ALL_STAGES)
    assert shelf.outbox_since(seq) == pages
    assert counts.decoded == 0


def test_a_lost_preview_of_a_later_page_is_made_again(shelf: Shelf) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3)
    shelf.watch()
    shelf.take_in()
    lost = shelf.value("SELECT pixel_hash FROM previews WHERE page = 3")
    shelf.library.store.preview_path(lost).unlink()

    shelf.take_in(stages=ALL_STAGES)
    counts = shelf.take_in(stages=ALL_STAGES)

    assert counts.left == 0
    assert shelf.library.store.preview_path(lost).exists()
    assert shelf.value("SELECT count(*) FROM captions") == 3


def test_a_model_that_fails_on_one_page_has_the_others(shelf: Shelf) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3)
    second = np.asarray(page(2).crop((20, 0, 140, 120)).resize((32, 32)), dtype=np.float32).mean(axis=(0, 1))
    shelf.model.fails_on = lambda image: bool(np.abs(image.mean(axis=(0, 1)) - second).max() < 4)
    shelf.watch()
    counts = shelf.take_in()

    assert shelf.rows("SELECT stage, page FROM failures") == [{"stage": "embeddings", "page": 2}]
    assert shelf.value("SELECT count(*) FROM embeddings") == 2
    assert counts.left == 0


def test_more_pages_than_the_setting_allows_are_left_out_with_a_warning(shelf: Shelf) -> None:
    scan(shelf.photos / "minutes.tif", 1, 2, 3, 4)
    settings = shelf.settings.model_copy(update={"max_pages": 2})
    shelf = Shelf(settings, shelf.photos, InProcessEngine(settings))
    shelf.watch()
    shelf.take_in()
    assert shown(shelf) == [(1, 4), (2, 4)]
    assert "PAGES_LEFT_OUT" in shelf.value("SELECT warnings FROM photos WHERE page = 1")
