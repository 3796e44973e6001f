"""Copies, resized, re-encoded and edited pictures among others, found by the real stream's pictures and vectors."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from drawn_photos import draw_photos
from PIL import Image, ImageEnhance
from shelf import CLIP, InProcessEngine, PixelModel, Shelf

from demo.dng import dng_bytes
from resources.duplicates import AREAS, TIERS, ContentModel, DuplicateCounts, find_duplicates, finding, keep, regroup
from resources.errors import LoupeError
from resources.imaging.model_input import ModelInputSpec
from resources.manifest import Transaction, given_ratings, hidden, integrity, written_captions
from resources.manifest import duplicates as table
from resources.settings import Settings

_SPEC = ModelInputSpec(32, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    settings = Settings(home=tmp_path / "home", captions="off")
    made = Shelf(settings, tmp_path / "photos", InProcessEngine(settings))
    draw_photos(made.photos, [f"{number:02}.jpg" for number in range(12)])
    return made


def find(shelf: Shelf, model: PixelModel | None = None, limit_s: float = 60.0) -> DuplicateCounts:
    content = ContentModel(CLIP, _SPEC, (model or PixelModel()).load)
    return find_duplicates(shelf.library.manifest, shelf.library.home, content, limit_s=limit_s)


def groups(shelf: Shelf, tier: str) -> list[list[str]]:
    """File names of each group of a tier, the best first."""
    with shelf.library.manifest.read() as tx:
        found = table.groups(tx, tiers=TIERS, tier=tier, photo_ids=None, limit=100, offset=0)
        return [
            [str(tx.value("SELECT file_name FROM photos WHERE photo_id = ?", [p])) for p in g["photo_ids"]]
            for g in found
        ]


def reasons(shelf: Shelf, tier: str) -> list[list[str]]:
    with shelf.library.manifest.read() as tx:
        return [
            group["reasons"] for group in table.groups(tx, tiers=TIERS, tier=tier, photo_ids=None, limit=100, offset=0)
        ]


def saved(shelf: Shelf, name: str, of: str, change: object = None, **options: object) -> None:
    picture = Image.open(shelf.photos / of).convert("RGB")
    (change(picture) if callable(change) else picture).save(shelf.photos / name, **options)  # type: ignore[arg-type]


def test_each_kind_of_duplicate_stands_in_its_own_tier(shelf: Shelf) -> None:
    shutil.copyfile(shelf.photos / "00.jpg", shelf.photos / "00 copy.jpg")
    saved(shelf, "01.png", "01.jpg")  # other bytes, the same pixels
    saved(shelf, "02-mail.jpg", "02.jpg", lambda picture: picture.resize((80, 60)), quality=70)
    saved(shelf, "03-web.webp", "03.jpg", quality=80)
    saved(
        shelf,
        "04-light.jpg",
        "04.jpg",
        lambda picture: ImageEnhance.Brightness(picture.crop((0, 0, 150, 112))).enhance(1.1),
    )
    shelf.watch()
    shelf.take_in()
    counts = find(shelf)
    assert groups(shelf, "same_bytes") == [["00.jpg"]] or groups(shelf, "same_bytes") == [["00 copy.jpg"]]
    assert groups(shelf, "same_pixels") == [["01.jpg", "01.png"]]
    assert sorted(groups(shelf, "same_picture")) == [["02.jpg", "02-mail.jpg"], ["03.jpg", "03-web.webp"]]
    assert sorted(sorted(each) for each in groups(shelf, "similar")) == [["04-light.jpg", "04.jpg"]]
    assert [each[0] for each in sorted(reasons(shelf, "same_picture"))] == ["from_the_camera", "more_pixels"]
    assert counts.left == 0
    assert counts.groups == {"same_bytes": 1, "same_pixels": 1, "same_picture": 2, "similar": 1}


def test_found_again_nothing_is_compared_and_new_photos_find_the_old(shelf: Shelf) -> None:
    shelf.watch()
    shelf.take_in()
    model = PixelModel()
    first = find(shelf, model)
    assert (first.compared, first.compared_vectors, first.groups) == (12, 12, {})
    again = find(shelf, model)
    assert (again.compared, again.compared_vectors, again.pairs, model.loads) == (0, 0, 0, 1)
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    shelf.take_in()
    more = find(shelf, model)
    assert (more.compared, more.compared_vectors) == (1, 1)
    assert groups(shelf, "same_picture") == [["05.jpg", "05-small.jpg"]]


def test_out_of_time_the_rest_is_left_for_the_next_run(shelf: Shelf) -> None:
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    assert find(shelf, limit_s=0.0).left == 26
    assert find(shelf).left == 0
    assert groups(shelf, "same_picture") == [["05.jpg", "05-small.jpg"]]


def test_frames_of_different_moments_are_no_copies(shelf: Shelf) -> None:
    """Two frames from a tripod look the same; the camera says that they were taken apart."""
    pixels = Image.open(shelf.photos / "00.jpg").convert("RGB")
    for number, second in enumerate((1, 9)):
        exif = Image.Exif()
        exif[0x0110] = "X-T5"
        exif.get_ifd(0x8769)[36867] = f"2024:05:06 07:08:{second:02}"
        noisy = np.clip(
            np.asarray(pixels, np.int16) + np.random.default_rng(number).integers(-3, 4, (120, 160, 3)), 0, 255
        )
        Image.fromarray(noisy.astype(np.uint8)).save(shelf.photos / f"tripod{number}.jpg", quality=92, exif=exif)
    (shelf.photos / "00.jpg").unlink()
    shelf.watch()
    shelf.take_in()
    find(shelf)
    assert groups(shelf, "same_picture") == []
    assert [sorted(each) for each in groups(shelf, "similar")] == [["tripod0.jpg", "tripod1.jpg"]]


def test_a_raw_and_its_jpeg_are_found_beside_an_edit_and_among_the_frames_of_a_burst(shelf: Shelf) -> None:
    """Their stack is then one of edits, or a burst."""

    def shot(name: str, of: str, second: int, lighter: float = 1.0) -> None:
        picture = ImageEnhance.Brightness(Image.open(shelf.photos / of).convert("RGB")).enhance(lighter)
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Canon", "EOS R6"
        exif.get_ifd(0x8769)[36867] = f"2024:05:06 07:08:{second:02}"
        picture.save(shelf.photos / f"{name}.JPG", quality=92, exif=exif)
        (shelf.photos / f"{name}.DNG").write_bytes(
            dng_bytes(
                picture,
                preview_px=None,
                make="Canon",
                model="EOS R6",
                taken_at=f"2024:05:06 07:08:{second:02}",
                offset="+00:00",
                exposure_s=Fraction(1, 100),
                f_number=Fraction(8),
                iso=100,
                focal_length_mm=35,
                lens="",
            )
        )

    shot("IMG_0001", "00.jpg", 1)
    for number in range(3):
        shot(f"DSC_{number:04}", "01.jpg", 20, 1 + 0.02 * number)
    edited = Image.open(shelf.photos / "IMG_0001.JPG")
    edited.crop((0, 0, 120, 90)).save(shelf.photos / "IMG_0001-Edit.JPG", exif=edited.getexif())
    shelf.watch()
    shelf.take_in()
    find(shelf)
    assert sorted(sorted(each) for each in groups(shelf, "raw_jpeg")) == [
        ["DSC_0000.DNG", "DSC_0000.JPG"],
        ["DSC_0001.DNG", "DSC_0001.JPG"],
        ["DSC_0002.DNG", "DSC_0002.JPG"],
        ["IMG_0001.DNG", "IMG_0001.JPG"],
    ]
    assert [len(each) for each in groups(shelf, "burst")] == [6]


def test_what_a_person_calls_different_is_no_group_any_more(shelf: Shelf) -> None:
    shutil.copyfile(shelf.photos / "00.jpg", shelf.photos / "00 copy.jpg")
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    find(shelf)
    pair = [shelf.photo_id("05.jpg"), shelf.photo_id("05-small.jpg")]
    copied = shelf.photo_id("00.jpg")
    manifest, home = shelf.library.manifest, shelf.library.home
    with manifest.write() as tx:
        assert table.mark_different(tx, pair) == 1
        assert table.mark_different(tx, [copied]) == 1
    assert regroup(manifest, home, CLIP) == {}
    assert find(shelf).groups == {}
    with manifest.write() as tx:
        assert table.unmark_different(tx, pair) == 1
    assert regroup(manifest, home, CLIP) == {"same_picture": 1}


def test_a_picture_whose_vector_is_lost_is_not_due_for_ever_and_is_due_when_it_is_embedded_anew(
    shelf: Shelf,
) -> None:
    shelf.watch()
    shelf.take_in()
    lost = shelf.value("SELECT min(pixel_hash) FROM embeddings")
    with duckdb.connect(str(shelf.vectors.path)) as store:
        store.execute("DELETE FROM vectors WHERE pixel_hash = ?", [lost])
    find(shelf)
    with shelf.library.manifest.write() as tx:
        assert not table.is_due(tx, AREAS, CLIP)
        integrity.forget_embeddings(tx, CLIP, [lost])
    shelf.stream()
    with shelf.library.manifest.read() as tx:
        assert table.is_due(tx, AREAS, CLIP)
    assert find(shelf).compared_vectors == 1


def test_one_pair_called_different_costs_only_its_own_groups(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(shelf.photos / "00.jpg", shelf.photos / "00 copy.jpg")
    for number in ("05", "06"):
        saved(shelf, f"{number}-small.jpg", f"{number}.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    find(shelf)
    manifest, home = shelf.library.manifest, shelf.library.home
    pair = [shelf.photo_id("05.jpg"), shelf.photo_id("05-small.jpg")]
    with manifest.write() as tx:
        assert table.mark_different(tx, pair) == 1
    asked: set[str] = set()
    candidates = table.candidates

    def counted(tx: Transaction, photo_ids: Collection[str]) -> list[dict[str, Any]]:
        asked.update(photo_ids)
        return candidates(tx, photo_ids)

    monkeypatch.setattr(table, "candidates", counted)
    regroup(manifest, home, CLIP, pair)
    assert asked == set(pair)
    only = shelf.rows("SELECT * EXCLUDE (reasons) FROM duplicate_groups ORDER BY ALL")
    assert len(only) == 3
    regroup(manifest, home, CLIP)
    assert shelf.rows("SELECT * EXCLUDE (reasons) FROM duplicate_groups ORDER BY ALL") == only


def test_the_manifest_is_free_while_groups_are_made_and_what_is_said_meanwhile_counts(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    find(shelf)
    manifest, home = shelf.library.manifest, shelf.library.home
    pair = [shelf.photo_id("05.jpg"), shelf.photo_id("05-small.jpg")]
    joined, said = finding._joined, [False]

    def while_somebody_clicks(*given: Any) -> Any:
        if not said[0]:
            said[0] = True
            with manifest.write() as tx:
                table.mark_different(tx, pair)
        return joined(*given)

    monkeypatch.setattr(finding, "_joined", while_somebody_clicks)
    assert regroup(manifest, home, CLIP) == {}
    assert groups(shelf, "same_picture") == []


def test_removed_and_missing_photos_leave_their_groups(shelf: Shelf) -> None:
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    saved(shelf, "06-small.jpg", "06.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    assert find(shelf).groups == {"same_picture": 2}
    small = shelf.photo_id("05-small.jpg")
    with shelf.library.manifest.write() as tx:
        hidden.hide(tx, [small])
    (shelf.photos / "06.jpg").unlink()
    shelf.take_in()
    assert find(shelf).groups == {}


def test_a_photo_that_went_since_is_not_kept_in_place_of_those_that_are_there(shelf: Shelf) -> None:
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    saved(shelf, "05-tiny.jpg", "05.jpg", lambda picture: picture.resize((100, 75)))
    shelf.watch()
    shelf.take_in()
    find(shelf)
    [(group_id, best)] = [
        (row["group_id"], row["photo_id"])
        for row in shelf.rows("SELECT * FROM duplicate_groups WHERE tier = 'same_picture' AND position = 0")
    ]
    assert best == shelf.photo_id("05.jpg")
    (shelf.photos / "05.jpg").unlink()
    shelf.take_in()
    small, tiny = shelf.photo_id("05-small.jpg"), shelf.photo_id("05-tiny.jpg")
    with shelf.library.manifest.write() as tx:
        [kept] = keep(tx, [group_id])
    assert (kept.photo_id, kept.hidden) == (small, (tiny,))
    with shelf.library.manifest.read() as tx, pytest.raises(LoupeError) as refused:
        keep(tx, [group_id])
    assert refused.value.code == "DUPLICATE_GROUP_NOT_FOUND"


def test_a_document_is_hidden_whole_or_not_at_all_and_never_beside_the_page_that_is_kept(shelf: Shelf) -> None:
    numbered = [Image.open(path).convert("RGB") for path in sorted(shelf.photos.glob("*.jpg"))]
    blank = Image.new("RGB", numbered[0].size, "white")

    def scan(name: str, *pages: Image.Image, **options: object) -> None:
        pages[0].save(shelf.photos / name, save_all=True, append_images=pages[1:], **options)  # type: ignore[arg-type]

    scan("letter.tif", numbered[0], blank)
    scan("other.tif", numbered[1], blank, blank)
    scan("again.tif", numbered[2], numbered[3])
    scan("again-packed.tif", numbered[2], numbered[3], compression="tiff_deflate")
    scan("only.tif", numbered[4], numbered[4])
    for path in shelf.photos.glob("*.jpg"):
        path.unlink()
    shelf.watch()
    shelf.take_in()
    counts = find_duplicates(shelf.library.manifest, shelf.library.home, None, limit_s=60)
    assert counts.groups == {"same_pixels": 3}, "pages of one file are no copies of each other"
    every = sorted(groups(shelf, "same_pixels"))
    assert [sorted(set(each)) for each in every[:2]] == [["again-packed.tif", "again.tif"]] * 2
    assert sorted(every[2]) == ["letter.tif", "other.tif", "other.tif"]
    with shelf.library.manifest.read() as tx:
        found = table.groups(tx, tiers=TIERS, tier="same_pixels", photo_ids=None, limit=9, offset=0)
    by_size = sorted(found, key=lambda group: len(group["photo_ids"]))
    with shelf.library.manifest.write() as tx:
        [blanks] = keep(tx, [by_size[2]["group_id"]])
        [page] = keep(tx, [by_size[0]["group_id"]])
    assert (blanks.hidden, len(blanks.left)) == ((), 2), "their other pages stand nowhere else"
    assert (page.hidden, len(page.left)) == ((), 1)
    with shelf.library.manifest.write() as tx:
        whole = keep(tx, [group["group_id"] for group in found])
    gone = [each for kept in whole for each in kept.hidden]
    assert sorted(
        tuple(row.values()) for row in shelf.rows("SELECT file_name, page FROM photos WHERE hidden_at IS NOT NULL")
    ) in (
        [("again.tif", 1), ("again.tif", 2)],
        [("again-packed.tif", 1), ("again-packed.tif", 2)],
    )
    assert len(gone) == 2
    assert not {kept.photo_id for kept in whole} & set(gone)


def test_that_another_was_rejected_is_not_said_of_the_photo_that_is_kept(shelf: Shelf) -> None:
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    find(shelf)
    small, best = shelf.photo_id("05-small.jpg"), shelf.photo_id("05.jpg")
    with shelf.library.manifest.write() as tx:
        [group] = table.groups(tx, tiers=TIERS, tier="same_picture", photo_ids=None, limit=9, offset=0)
        given_ratings.give(tx, {small: -1})
        assert [each.rated for each in keep(tx, [group["group_id"]], best, dry_run=True)] == [False]
        given_ratings.give(tx, {small: 4})
        assert [each.rated for each in keep(tx, [group["group_id"]], best)] == [True]


def test_the_caption_that_was_written_last_goes_over_to_a_photo_that_has_none(shelf: Shelf) -> None:
    for name in ("05-small.jpg", "06-small.jpg"):
        saved(shelf, name, f"{name[:2]}.jpg", lambda picture: picture.resize((120, 90)))
    saved(shelf, "05-tiny.jpg", "05.jpg", lambda picture: picture.resize((100, 75)))
    shelf.watch()
    shelf.take_in()
    find(shelf)
    captioned = ("05-tiny.jpg", "05-small.jpg", "06.jpg", "06-small.jpg")
    ids = {name: shelf.photo_id(name) for name in captioned}
    with shelf.library.manifest.write() as tx:
        for name in captioned:
            written_captions.write(tx, {ids[name]: f"of {name}"})
        asked = [
            each["group_id"]
            for each in table.groups(tx, tiers=TIERS, tier="same_picture", photo_ids=None, limit=9, offset=0)
        ]
        told = keep(tx, asked, dry_run=True)
        assert tx.value("SELECT count(*) FROM photos WHERE hidden_at IS NOT NULL") == 0, "told, not done"
        assert tx.value("SELECT count(*) FROM written_captions") == len(captioned)
        done = keep(tx, asked)
    assert done == told
    kept = {each.photo_id: each.captioned for each in done}
    assert kept == {shelf.photo_id("05.jpg"): True, shelf.photo_id("06.jpg"): False}
    said = shelf.rows(
        "SELECT text FROM written_captions WHERE photo_id IN (SELECT photo_id FROM photos"
        " WHERE hidden_at IS NULL) ORDER BY text"
    )
    assert [row["text"] for row in said] == ["of 05-small.jpg", "of 06.jpg"]


def test_asked_to_stop_it_keeps_what_it_compared(shelf: Shelf) -> None:
    shelf.watch()
    shelf.take_in()
    manifest, home = shelf.library.manifest, shelf.library.home
    assert find_duplicates(manifest, home, None, limit_s=60, goes_on=lambda: False).left == 12
    assert find_duplicates(manifest, home, None, limit_s=60).compared == 12


def test_many_equal_pictures_are_one_group_at_little_cost(shelf: Shelf) -> None:
    blank = np.full((30, 40, 3), 200, dtype=np.uint8)
    for number in range(150):
        blank[0, 0] = number
        Image.fromarray(blank).save(shelf.photos / f"blank{number:03}.png")
    shelf.watch()
    shelf.take_in()
    counts = find(shelf)
    [group] = groups(shelf, "same_picture")
    assert len([name for name in group if name.startswith("blank")]) == 150
    assert counts.pairs < 150 * 100


def test_without_a_model_bytes_pixels_and_areas_are_compared(shelf: Shelf) -> None:
    saved(shelf, "05-small.jpg", "05.jpg", lambda picture: picture.resize((120, 90)))
    shelf.watch()
    shelf.take_in()
    counts = find_duplicates(shelf.library.manifest, shelf.library.home, None, limit_s=60)
    assert (counts.threshold, counts.groups) == (None, {"same_picture": 1})
