"""What one odd file, or a person in the middle of a run, must not do to the others."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from drawn_photos import draw_photo, draw_photos
from PIL import Image
from shelf import ALL_STAGES, Shelf

from resources.manifest import roots

_PACKET = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3">
<exif:ISOSpeedRatings><rdf:Seq><rdf:li>99999999999</rdf:li></rdf:Seq></exif:ISOSpeedRatings>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_a_number_that_no_column_holds_is_no_number(shelf: Shelf) -> None:
    picture = draw_photo(shelf.photos / "a.png", 1)
    picture.with_suffix(".xmp").write_text(_PACKET, encoding="utf-8")
    shelf.watch()
    assert shelf.take_in().left == 0
    assert shelf.rows("SELECT iso, rating FROM photos") == [{"iso": None, "rating": 3}]


def test_a_file_from_before_the_clock_comes_in(shelf: Shelf) -> None:
    """The zero date of another system, as network mounts show it."""
    draw_photos(shelf.photos, 2)
    old = draw_photo(shelf.photos / "old.jpg", 9)
    try:
        os.utime(old, ns=(-11_644_473_600_000_000_000, -11_644_473_600_000_000_000))
    except OSError:
        pytest.skip("this file system has no such dates")
    shelf.watch()
    counts = shelf.take_in()
    assert (counts.decoded, counts.left) == (3, 0)
    assert shelf.take_in().files_read == 0


def test_a_folder_removed_in_the_middle_of_a_run_costs_only_itself(shelf: Shelf, tmp_path: Path) -> None:
    draw_photos(shelf.photos, 3)
    draw_photos(tmp_path / "Other", 3, first_seed=50)
    gone = shelf.watch()
    shelf.watch(tmp_path / "Other")
    shelf.inventory()
    removed: list[str] = []

    def remove(images: np.ndarray) -> bool:
        if not removed:
            removed.append("once")
            with shelf.library.manifest.write() as tx:
                roots.remove(tx, gone.root_id)
        return False

    shelf.model.fails_on = remove
    counts = shelf.stream()
    assert removed
    assert counts.left == 0
    assert shelf.value("SELECT count(*) FROM photos") == 3
    assert shelf.failures() == {}


def test_a_broken_sidecar_that_is_deleted_is_no_problem_any_more(shelf: Shelf) -> None:
    picture = draw_photo(shelf.photos / "a.jpg", 1)
    sidecar = picture.with_suffix(".xmp")
    sidecar.write_text("nothing of the kind")
    shelf.watch()
    shelf.take_in()
    assert shelf.failures() == {"a.jpg": "SIDECAR_INVALID"}
    sidecar.unlink()
    assert shelf.take_in().left == 0
    assert shelf.failures() == {}


def test_a_broken_file_that_is_left_out_is_no_problem_any_more(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "fine.jpg", 1)
    (shelf.photos / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    shelf.watch()
    shelf.take_in()
    assert list(shelf.failures()) == ["broken.jpg"]
    (shelf.photos / ".loupeignore").write_text("broken.jpg\n")
    shelf.take_in()
    assert shelf.failures() == {}


def test_a_broken_file_replaced_by_text_is_no_problem_any_more(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "fine.jpg", 1)
    (shelf.photos / "IMG_0001").write_bytes(b"\xff\xd8\xff" + bytes(50))
    shelf.watch()
    shelf.take_in()
    assert list(shelf.failures()) == ["IMG_0001"]
    (shelf.photos / "IMG_0001").write_text("a letter, not a photo")
    shelf.take_in()
    assert shelf.failures() == {}


def test_a_model_that_fails_on_pixels_of_two_files_is_not_asked_for_ever(shelf: Shelf) -> None:
    """A blank page of a document and a picture of its own with the same pixels."""
    blank, other = Image.new("RGB", (80, 60), (40, 90, 200)), Image.effect_noise((80, 60), 60).convert("RGB")
    other.save(shelf.photos / "z.tif", save_all=True, append_images=[blank])
    blank.save(shelf.photos / "a.png")
    shelf.model.fails_on = lambda image: int(image.reshape(-1, 3).max(axis=0)[0]) == 40
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    for _ in range(3):
        counts = shelf.take_in(stages=ALL_STAGES)
    assert (counts.failed, counts.left) == (0, 0)


def test_a_lost_preview_of_an_original_that_is_away_keeps_its_row(shelf: Shelf, tmp_path: Path) -> None:
    draw_photos(shelf.photos, 2)
    shelf.watch()
    shelf.take_in()
    lost = shelf.value("SELECT min(pixel_hash) FROM previews")
    shelf.library.store.preview_path(lost).unlink()
    shelf.photos.rename(tmp_path / "unplugged")
    shelf.inventory()
    shelf.stream(stages={"captions"})
    assert shelf.value("SELECT count(*) FROM previews") == 2
