"""Stacks in the stream: photos of one shot come together in the run that takes them in, and are captioned once."""

from __future__ import annotations

from pathlib import Path

from drawn_photos import draw_photo
from PIL import Image, ImageEnhance
from shelf import ALL_STAGES, Shelf

from resources.manifest import photos


def shot_and_edit(folder: Path, stem: str, seed: int) -> None:
    """A photo and what an editor made of it: brighter, the same EXIF."""
    original = draw_photo(folder / f"{stem}.jpg", seed, (320, 240))
    with Image.open(original) as picture:
        brighter = ImageEnhance.Brightness(picture).enhance(1.2)
        brighter.save(folder / f"{stem}-edit.jpg", exif=picture.getexif())


def test_a_shot_and_its_edit_are_one_stack_and_captioned_once(shelf: Shelf) -> None:
    shot_and_edit(shelf.photos, "IMG_0001", 1)
    draw_photo(shelf.photos / "IMG_0002.jpg", 2)
    shelf.watch()
    counts = shelf.take_in(stages=ALL_STAGES)

    assert counts.left == 0
    assert (shelf.model.embedded, shelf.model.captioned) == (3, 2)
    edit, original = shelf.photo_id("IMG_0001-edit.jpg"), shelf.photo_id("IMG_0001.jpg")
    stacked = shelf.rows("SELECT photo_id, is_cover FROM stacks ORDER BY position")
    assert stacked == [{"photo_id": edit, "is_cover": True}, {"photo_id": original, "is_cover": False}]
    with shelf.library.manifest.read() as tx:
        cover, member = photos.get(tx, edit), photos.get(tx, original)
    assert cover is not None
    assert member is not None
    assert member["caption"] == cover["caption"]
    assert member["caption"]


def test_a_stack_whose_cover_goes_is_no_stack_and_the_one_left_is_captioned(shelf: Shelf) -> None:
    shot_and_edit(shelf.photos, "IMG_0001", 1)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    seq = shelf.newest_seq()
    edit, original = shelf.photo_id("IMG_0001-edit.jpg"), shelf.photo_id("IMG_0001.jpg")

    (shelf.photos / "IMG_0001-edit.jpg").unlink()
    counts = shelf.take_in(stages=ALL_STAGES)

    assert shelf.rows("FROM stacks") == []
    assert (counts.caption_model_images, counts.left) == (1, 0)
    assert shelf.outbox_since(seq) == {edit, original}


def test_again_stacks_nothing(shelf: Shelf) -> None:
    shot_and_edit(shelf.photos, "IMG_0001", 1)
    shelf.watch()
    assert shelf.take_in(stages=ALL_STAGES).stacked == 2
    assert shelf.take_in(stages=ALL_STAGES).stacked == 0
