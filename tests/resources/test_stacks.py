"""Which photos come together, and that they come together whatever happens to them, over a real manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stack_library import NOON, StackLibrary, make_stack_library, photo_row

from resources import stacks as stacks_module
from resources.clock import utc_now
from resources.errors import LoupeError
from resources.manifest import stacks as table
from resources.stacks import choose_cover, reunite, stack_of, take_out, unstack

RAW_FIRST = {"camera_make": "Canon", "camera_model": "Canon EOS R5"}
ANOTHER_HASH = 0xF0E1D2C3B4A59687  # 64 bits away from the usual one


@pytest.fixture
def library(tmp_path: Path) -> StackLibrary:
    return make_stack_library(tmp_path / "home")


def seconds(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


def burst(library: StackLibrary, frames: int, gap_s: float, folder: str = "b", first: int = 100, **given: Any) -> None:
    """Frames `folder/IMG_0100.JPG` and on, `gap_s` apart."""
    start = given.pop("start", NOON)
    library.add_all(
        {
            f"{folder}/IMG_{first + number:04}.JPG": {"taken_at": start + timedelta(seconds=gap_s * number)} | given
            for number in range(frames)
        }
    )


# Pairs


def test_raw_and_jpeg_of_one_shot(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.add("a/IMG_2.JPG", taken_at=seconds(60))
    library.restack()
    assert library.stacks() == {("a/IMG_1.JPG", "a/IMG_1.NEF"): "raw_jpeg"}


def test_raw_heic_and_jpeg_with_an_edited_copy_are_one_stack(library: StackLibrary) -> None:
    for name in ("IMG_1.DNG", "IMG_1.HEIC", "IMG_1-Edit.tif"):
        library.add(f"a/{name}")
    library.restack()
    assert library.stacks() == {("a/IMG_1-Edit.tif", "a/IMG_1.DNG", "a/IMG_1.HEIC"): "edit"}


@pytest.mark.parametrize(
    "raw",
    [
        {"taken_at": NOON - timedelta(days=800), "camera_make": "Canon", "camera_model": "Canon EOS R5"},
        {"taken_at": NOON - timedelta(days=800)},  # the counter came round again
        {"camera_make": "Canon", "camera_model": "Canon EOS R5"},  # two cameras at one event
        {"taken_at": None, "taken_at_source": None, "hash": ANOTHER_HASH},
        {"taken_at": NOON, "taken_at_source": "file_modified", "hash": ANOTHER_HASH},
        {"taken_at": NOON, "taken_at_source": "file_modified", "hash": None},
        {"taken_at": seconds(0.3)},  # the next frame of a burst, renamed
    ],
)
def test_one_name_is_not_enough(library: StackLibrary, raw: dict[str, Any]) -> None:
    library.add("a/IMG_0001.JPG")
    library.add("a/IMG_0001.NEF", **raw)
    library.restack()
    assert library.stacks() == {}


def test_one_name_in_two_folders_is_two_photos(library: StackLibrary) -> None:
    library.add("a/IMG_1.JPG")
    library.add("a/raw/IMG_1.NEF")
    library.restack()
    assert library.stacks() == {}


def test_a_file_without_a_date_joins_the_shot_that_it_looks_like(library: StackLibrary) -> None:
    """For the web, its metadata stripped; and the counter came round, so that two shots have this name."""
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.add("a/IMG_1.CR3", taken_at=seconds(9_000), hash=ANOTHER_HASH, **RAW_FIRST)
    library.add("a/IMG_1-edited.jpg", taken_at=None, camera_make=None, camera_model=None)
    library.restack()
    assert library.stacks() == {("a/IMG_1-edited.jpg", "a/IMG_1.JPG", "a/IMG_1.NEF"): "edit"}


def test_a_file_without_a_date_that_fits_two_shots_joins_none(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.CR3", taken_at=seconds(9_000), **RAW_FIRST)
    library.add("a/IMG_1.jpg", taken_at=None, camera_make=None, camera_model=None)
    library.restack()
    assert library.stacks() == {}


def test_makers_are_spelled_in_several_ways(library: StackLibrary) -> None:
    library.add("a/IMG_1.CR3", camera_make="Canon", camera_model="Canon EOS R5")
    library.add("a/IMG_1.JPG", camera_make=None, camera_model="EOS R5")
    library.restack()
    assert len(library.stacks()) == 1


def test_an_editor_may_drop_the_fraction_of_the_second(library: StackLibrary) -> None:
    library.add("a/IMG_1.CR3")
    library.add("a/IMG_1-Edit.tif", taken_at=NOON.replace(microsecond=0))
    library.restack()
    assert len(library.stacks()) == 1


def test_apple_s_edited_copy(library: StackLibrary) -> None:
    phone = {"camera_make": "Apple", "camera_model": "iPhone 14 Pro", "width": 4032, "height": 3024}
    library.add("a/IMG_1234.HEIC", **phone)
    library.add("a/IMG_E1234.JPG", **phone)
    library.restack()
    assert library.stacks() == {("a/IMG_E1234.JPG", "a/IMG_1234.HEIC"): "edit"}


def test_darktable_s_version_of_a_raw(library: StackLibrary) -> None:
    library.add("a/DSC_0007.NEF", taken_at=NOON)
    library.add("a/DSC_0007_01.jpg", taken_at=NOON)
    library.restack()
    assert library.stacks() == {("a/DSC_0007_01.jpg", "a/DSC_0007.NEF"): "edit"}


def test_numbered_names_are_no_versions(library: StackLibrary) -> None:
    """Scans, frames of one second by their date, and a numbered name that has a RAW of its own."""
    library.add("s/scan.tif", taken_at=None, camera_make=None, camera_model=None)
    for number in range(1, 5):
        library.add(f"s/scan-0{number}.tif", taken_at=None, camera_make=None, camera_model=None)
        library.add(f"d/20240601_120000_0{number}.jpg", taken_at=seconds(number / 5), hash=number << 20)
    library.add("d/20240601_120000.jpg", hash=5 << 30)
    library.add("v/A.NEF")
    library.add("v/A_01.NEF", taken_at=seconds(5))
    library.add("v/A_01.jpg", taken_at=seconds(5))
    library.restack()
    kinds = {members: kind for members, kind in library.stacks().items() if kind != "burst"}
    assert kinds == {("v/A_01.jpg", "v/A_01.NEF"): "raw_jpeg"}


def test_panorama_and_merged_exposures_are_no_edit_of_their_first_frame(library: StackLibrary) -> None:
    for name in ("IMG_1.CR3", "IMG_1-Pano.dng", "IMG_1-HDR.dng", "IMG_1-HDR-Edit.tif"):
        library.add(f"a/{name}")
    library.restack()
    assert library.stacks() == {("a/IMG_1-HDR-Edit.tif", "a/IMG_1-HDR.dng"): "edit"}


def test_pages_of_a_document_are_no_stack(library: StackLibrary) -> None:
    library.add("a/IMG_1.tif")
    library.rewrite("a/IMG_1.tif", pages=3)
    library.add("a/IMG_1.jpg")
    assert library.restack().left == 0
    assert library.stacks() == {}


# Bursts


def test_a_burst(library: StackLibrary) -> None:
    burst(library, 9, 0.1)
    library.add("b/IMG_0300.JPG", taken_at=seconds(100))
    library.restack()
    assert library.stacks() == {tuple(f"b/IMG_{n:04}.JPG" for n in range(100, 109)): "burst"}


def test_a_burst_of_pairs_is_one_stack(library: StackLibrary) -> None:
    names = [f"b/IMG_{number:04}.{ending}" for number in range(4) for ending in ("JPG", "NEF")]
    library.add_all({name: {"taken_at": seconds(number // 2 / 8)} for number, name in enumerate(names)})
    library.restack()
    assert [(len(members), kind) for members, kind in library.stacks().items()] == [(8, "burst")]
    assert next(iter(library.stacks()))[0] == "b/IMG_0000.JPG"


def test_a_burst_whose_camera_writes_whole_seconds(library: StackLibrary) -> None:
    start = NOON.replace(microsecond=0)
    times = [start + timedelta(seconds=number // 5) for number in range(12)]
    library.add_all({f"b/IMG_{number:04}.JPG": {"taken_at": at} for number, at in enumerate(times)})
    library.restack()
    assert [len(members) for members in library.stacks()] == [12]


def test_three_shots_a_second_apart_with_nothing_around_them(library: StackLibrary) -> None:
    burst(library, 3, 1.0, start=NOON.replace(microsecond=0))
    library.restack()
    assert [len(members) for members in library.stacks()] == [3]


def test_the_camera_s_word_is_a_burst_of_two(library: StackLibrary) -> None:
    for number in range(2):
        library.add(f"b/IMG_{number}.HEIC", taken_at=seconds(number * 4), burst_id="uuid", hash=None)
    library.add("c/IMG_9.HEIC", taken_at=seconds(4), burst_id="uuid")
    library.restack()
    assert library.stacks() == {("b/IMG_0.HEIC", "b/IMG_1.HEIC"): "burst"}


@pytest.mark.parametrize("gap_s", [2.0, 1.0, 0.99])
def test_a_timelapse_is_no_burst(library: StackLibrary, gap_s: float) -> None:
    burst(library, 60, gap_s)
    library.restack()
    assert library.stacks() == {}


def test_a_timelapse_by_whole_seconds_is_no_burst(library: StackLibrary) -> None:
    burst(library, 60, 1.0, start=NOON.replace(microsecond=0))
    library.restack()
    assert library.stacks() == {}


NO_BURSTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "bracket by its compensation": lambda n: {"exposure_bias_ev": (0.0, -2.0, 2.0)[n % 3]},
    "bracket by its shutter": lambda n: {"exposure_s": (0.01, 0.0025, 0.04)[n % 3], "f_number": 8.0, "iso": 100},
    "other pictures": lambda n: {"hash": int(np.random.default_rng(n).integers(2**63))},
    "no hash": lambda n: {"hash": None},
    "dates from file names": lambda n: {"taken_at_source": "file_name"},
    "no camera": lambda n: {"camera_make": None, "camera_model": None},
    "two cameras in turn": lambda n: {"camera_model": ("NIKON Z 6", "NIKON Z 8")[n % 2], "taken_at": seconds(n * 0.6)},
}


@pytest.mark.parametrize("name", NO_BURSTS)
def test_no_burst(library: StackLibrary, name: str) -> None:
    rows = [{"taken_at": seconds(number * 0.2)} | NO_BURSTS[name](number) for number in range(6)]
    library.add_all({f"b/IMG_{number:04}.JPG": row for number, row in enumerate(rows)})
    library.restack()
    assert library.stacks() == {}


def test_two_of_one_camera_model_that_count_apart(library: StackLibrary) -> None:
    """Two people with one camera model at one event, their cards copied into one folder."""
    for number in range(2):
        library.add(f"b/DSC_{100 + number}.JPG", taken_at=seconds(number * 0.4))
        library.add(f"b/DSC_{7000 + number}.JPG", taken_at=seconds(number * 0.4 + 0.2))
    library.restack()
    assert library.stacks() == {}


def test_scans_of_one_date_are_no_burst(library: StackLibrary) -> None:
    """A scanner that signs, and a date that somebody gave them all."""
    row = {"taken_at": datetime(1974, 7, 1), "taken_at_source": "xmp", "camera_model": "Perfection V600"}
    hashes = np.random.default_rng(1).integers(2**63, size=300).tolist()
    library.add_all({f"s/scan-{number}.tif": row | {"hash": bits} for number, bits in enumerate(hashes)})
    assert library.restack().left == 0
    assert library.stacks() == {}


# Covers


def test_the_best_rated_frame_is_the_cover_then_the_earliest(library: StackLibrary) -> None:
    burst(library, 5, 0.1)
    library.restack()
    assert next(iter(library.stacks()))[0] == "b/IMG_0100.JPG"
    library.rewrite("b/IMG_0103.JPG", rating=4)
    library.restack()
    assert next(iter(library.stacks()))[0] == "b/IMG_0103.JPG"


def test_a_chosen_cover_stays_whatever_joins(library: StackLibrary) -> None:
    raw = library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.restack()
    seq = library.newest_seq()
    stack = choose_cover(library.manifest, raw)
    assert stack.photo_ids == (raw, library.ids["a/IMG_1.JPG"])
    assert library.told_since(seq) == set(stack.photo_ids)
    library.add("a/IMG_1-Edit.tif")
    library.restack()
    assert next(iter(library.stacks()))[0] == "a/IMG_1.NEF"


# A person's word


def test_what_a_person_takes_apart_stays_apart(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    jpeg = library.add("a/IMG_1.JPG")
    library.restack()
    seq = library.newest_seq()
    assert set(unstack(library.manifest, jpeg)) == set(library.ids.values())
    assert library.told_since(seq) == set(library.ids.values())
    assert library.stacks() == {}
    library.rewrite("a/IMG_1.JPG", rating=5)
    library.move("a/IMG_1.NEF", "c/IMG_1.NEF")
    library.move("a/IMG_1.JPG", "c/IMG_1.JPG")
    library.restack()
    assert library.stacks() == {}


def test_an_edit_of_what_was_taken_apart_joins_one_of_them(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.restack()
    unstack(library.manifest, library.ids["a/IMG_1.JPG"])
    library.add("a/IMG_1-Edit.tif")
    library.restack()
    stacks = list(library.stacks())
    assert len(stacks) == 1
    assert len(stacks[0]) == 2
    assert stacks[0][0] == "a/IMG_1-Edit.tif"


def test_one_photo_taken_out(library: StackLibrary) -> None:
    burst(library, 5, 0.1)
    library.restack()
    left = take_out(library.manifest, library.ids["b/IMG_0100.JPG"])
    assert left == tuple(library.ids[f"b/IMG_{n:04}.JPG"] for n in range(101, 105))
    library.rewrite("b/IMG_0100.JPG", rating=5)
    library.restack()
    assert list(library.stacks()) == [tuple(f"b/IMG_{n:04}.JPG" for n in range(101, 105))]


def test_a_frame_taken_out_of_the_middle_leaves_one_stack(library: StackLibrary) -> None:
    burst(library, 7, 0.1)
    library.restack()
    take_out(library.manifest, library.ids["b/IMG_0103.JPG"])
    take_out(library.manifest, library.ids["b/IMG_0100.JPG"])
    assert list(library.stacks()) == [tuple(f"b/IMG_{n:04}.JPG" for n in (101, 102, 104, 105, 106))]


def test_together_again(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    jpeg = library.add("a/IMG_1.JPG")
    library.restack()
    unstack(library.manifest, jpeg)
    stack = reunite(library.manifest, jpeg)
    assert stack is not None
    assert stack.photo_ids[0] == jpeg
    assert library.stacks() == {("a/IMG_1.JPG", "a/IMG_1.NEF"): "raw_jpeg"}


def test_a_word_about_no_stack_and_no_photo(library: StackLibrary) -> None:
    alone = library.add("a/IMG_1.NEF")
    library.restack()
    for act in (unstack, take_out, choose_cover):
        with pytest.raises(LoupeError) as raised:
            act(library.manifest, alone)
        assert raised.value.code == "NOT_IN_A_STACK"
    for act in (unstack, take_out, choose_cover, reunite):
        with pytest.raises(LoupeError) as raised:
            act(library.manifest, "nobody")
        assert raised.value.code == "PHOTO_NOT_FOUND"
    assert reunite(library.manifest, alone) is None


# Live Photos

PHONE = {"camera_make": "Apple", "camera_model": "iPhone 14 Pro"}


def moving(library: StackLibrary) -> set[str]:
    names = {photo_id: path for path, photo_id in library.ids.items()}
    return {names[row["photo_id"]] for row in library.rows("SELECT photo_id FROM photos WHERE motion")}


@pytest.mark.parametrize("video", ["IMG_1.MOV", "img_1.mov", "IMG_1.HEIC.MP4"])
def test_a_live_photo(library: StackLibrary, video: str) -> None:
    photo_id = library.add("a/IMG_1.HEIC", **PHONE)
    library.restack()
    seq = library.newest_seq()
    library.add_video(f"a/{video}")
    library.restack()
    assert moving(library) == {"a/IMG_1.HEIC"}
    assert library.told_since(seq) == {photo_id}
    assert library.rows("SELECT motion_of FROM files WHERE skip_reason = 'video'") == [{"motion_of": photo_id}]
    library.vanish(f"a/{video}")
    library.restack()
    assert moving(library) == set()
    assert library.rows("SELECT motion_of FROM files WHERE skip_reason = 'video'") == [{"motion_of": None}]
    library.come_back(f"a/{video}")
    library.restack()
    assert moving(library) == {"a/IMG_1.HEIC"}


def test_the_photo_may_come_after_its_video_and_move_with_it(library: StackLibrary) -> None:
    library.add_video("a/IMG_1.MOV")
    library.restack()
    library.add("a/IMG_1.JPG", **PHONE)
    library.restack()
    assert moving(library) == {"a/IMG_1.JPG"}
    library.move("a/IMG_1.JPG", "c/IMG_1.JPG")
    library.restack()
    assert moving(library) == set()
    library.add_video("c/IMG_1.MOV")
    library.restack()
    assert moving(library) == {"c/IMG_1.JPG"}


def test_a_film_is_no_live_photo(library: StackLibrary) -> None:
    library.add("a/IMG_1.HEIC", **PHONE)
    library.add_video("a/IMG_1.MOV", size_bytes=900_000_000)
    library.add("a/DSC_2.JPG")
    library.add_video("a/DSC_2.MOV", written_s_later=86_400)
    library.add("a/IMG_3.HEIC", **PHONE)
    library.add_video("b/IMG_3.MOV")
    library.restack()
    assert moving(library) == set()


def test_photo_and_video_of_any_make_that_were_written_together(library: StackLibrary) -> None:
    library.add("a/IMG_1.JPG", camera_make="HUAWEI", camera_model="P50")
    library.add_video("a/IMG_1.MOV", written_s_later=2)
    library.restack()
    assert moving(library) == {"a/IMG_1.JPG"}


def test_what_the_bytes_say_of_motion_outlives_a_video(library: StackLibrary) -> None:
    photo_id = library.add("a/IMG_1.HEIC", motion=True, **PHONE)
    library.execute("UPDATE previews SET metadata = ? WHERE sha256 = ?", [json.dumps({"motion": True}), photo_id])
    library.add_video("a/IMG_1.MOV")
    library.restack()
    library.vanish("a/IMG_1.MOV")
    library.restack()
    assert moving(library) == {"a/IMG_1.HEIC"}


# What happens to a library


def test_again_does_nothing(library: StackLibrary) -> None:
    burst(library, 5, 0.1)
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    assert library.restack().changed == 7
    seq = library.newest_seq()
    assert library.restack() == stacks_module.StackCounts()
    assert library.newest_seq() == seq


def test_a_member_that_vanishes_and_returns(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.add("a/IMG_1-Edit.tif")
    library.restack()
    before = library.stacks()
    seq = library.newest_seq()
    library.vanish("a/IMG_1-Edit.tif")
    library.restack()
    assert library.stacks() == {("a/IMG_1.JPG", "a/IMG_1.NEF"): "raw_jpeg"}
    assert library.told_since(seq) == set(library.ids.values())
    library.vanish("a/IMG_1.NEF")
    library.restack()
    assert library.stacks() == {}
    library.come_back("a/IMG_1.NEF")
    library.come_back("a/IMG_1-Edit.tif")
    library.restack()
    assert library.stacks() == before


def test_a_stack_keeps_its_name_while_its_photos_change(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.restack()
    [name] = {row["stack_id"] for row in library.rows("SELECT stack_id FROM stacks")}
    library.add("a/IMG_1-Edit.tif")
    library.restack()
    library.vanish("a/IMG_1.NEF")
    library.restack()
    assert {row["stack_id"] for row in library.rows("SELECT stack_id FROM stacks")} == {name}


def test_a_moved_pair_stays_a_stack(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.restack()
    library.move("a/IMG_1.NEF", "2024/IMG_1.NEF")
    library.restack()
    assert library.stacks() == {}
    library.move("a/IMG_1.JPG", "2024/IMG_1.JPG")
    library.restack()
    assert library.stacks() == {("2024/IMG_1.JPG", "2024/IMG_1.NEF"): "raw_jpeg"}


def test_a_photo_with_two_files_stands_with_the_neighbours_of_either(library: StackLibrary) -> None:
    library.add("a/IMG_1.JPG")
    library.add_path("favourites/IMG_1.JPG", of="a/IMG_1.JPG")
    library.add("a/IMG_1.NEF")
    library.add("favourites/IMG_1-edited.jpg")
    library.restack()
    [members] = library.stacks()
    assert len(members) == 3
    library.vanish("a/IMG_1.JPG")
    library.restack()
    assert {frozenset(members) for members in library.stacks()} == {
        frozenset({"a/IMG_1.JPG", "favourites/IMG_1-edited.jpg"})
    }


def test_a_hidden_photo_stands_in_no_stack(library: StackLibrary) -> None:
    burst(library, 4, 0.1)
    library.restack()
    library.rewrite("b/IMG_0100.JPG", hidden_at=utc_now())
    library.restack()
    assert list(library.stacks()) == [tuple(f"b/IMG_{n:04}.JPG" for n in range(101, 104))]


def test_a_new_date_parts_and_joins(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG", taken_at=seconds(3600))
    library.restack()
    assert library.stacks() == {}
    library.rewrite("a/IMG_1.JPG", taken_at=NOON)
    library.restack()
    assert len(library.stacks()) == 1
    library.rewrite("a/IMG_1.NEF", taken_at=seconds(-3600))
    library.restack()
    assert library.stacks() == {}


def test_what_stood_between_two_series_and_left(library: StackLibrary) -> None:
    """Frames of another picture cut a burst in two; without them the halves, which nobody touched, come together."""
    for number in range(6):
        other = {"hash": ANOTHER_HASH, "rating": 1} if number in (2, 3) else {}
        library.add(f"b/IMG_{number:04}.JPG", taken_at=seconds(number * 0.35), **other)
    library.restack()
    assert library.stacks() == {}
    library.vanish("b/IMG_0002.JPG")
    library.vanish("b/IMG_0003.JPG")
    library.rewrite("b/IMG_0004.JPG", taken_at=seconds(0.8))
    library.rewrite("b/IMG_0005.JPG", taken_at=seconds(1.1))
    library.restack()
    assert [len(members) for members in library.stacks()] == [4]


def test_a_shaken_frame_does_not_end_a_burst(library: StackLibrary) -> None:
    rows = {f"b/IMG_{number:04}.JPG": {"taken_at": seconds(number / 8)} for number in range(7)}
    rows["b/IMG_0003.JPG"]["hash"] = ANOTHER_HASH
    library.add_all(rows)
    library.restack()
    assert [len(members) for members in library.stacks()] == [7]


def test_disturbed_photos_are_compared_again_with_their_mates(library: StackLibrary) -> None:
    library.add("a/IMG_1.NEF")
    library.add("a/IMG_1.JPG")
    library.add("a/IMG_2.JPG", taken_at=seconds(60))
    library.restack()
    with library.manifest.write() as tx:
        table.disturb(tx, [library.ids["a/IMG_1.NEF"]])
        assert table.count_due(tx) == 2
        members = tx.rows(f"SELECT p.photo_id FROM photos p WHERE {table.is_member_sql('p')}")
        assert [row["photo_id"] for row in members] == [library.ids["a/IMG_1.NEF"]]
        assert stack_of(tx, library.ids["a/IMG_2.JPG"]) is None
    assert library.restack().changed == 0


def test_killed_between_batches_it_goes_on(library: StackLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks_module, "_BATCH_PHOTOS", 7)
    burst(library, 20, 0.1)
    names = [f"a/IMG_{number}.{ending}" for number in range(10) for ending in ("NEF", "JPG")]
    library.add_all({name: {"taken_at": seconds(number // 2 * 60)} for number, name in enumerate(names)})
    library.add("b/IMG_0100-Edit.tif")
    left = 41
    while left:
        counts = library.restack(limit_s=0)
        assert counts.left < left
        left = counts.left
    sizes = sorted(len(members) for members in library.stacks())
    assert sizes == [2] * 10 + [21]


# Any mix of it

FOLDERS = ["a", "b"]
NAMES = ["IMG_1.JPG", "IMG_1.NEF", "IMG_1-Edit.tif", "IMG_2.JPG", "IMG_3.JPG", "IMG_4.JPG", "IMG_2.NEF"]
PATHS = st.sampled_from([f"{folder}/{name}" for folder in FOLDERS for name in NAMES])
TIMES = st.sampled_from([NOON, seconds(0.3), seconds(0.6), seconds(0.9), seconds(1.7), seconds(4), seconds(3600)])
HASHES = st.sampled_from([0x0F1E2D3C4B5A6978, ANOTHER_HASH])
STEPS = st.one_of(
    st.tuples(st.just("add"), PATHS, TIMES, HASHES),
    st.tuples(st.just("vanish"), PATHS),
    st.tuples(st.just("come back"), PATHS),
    st.tuples(st.just("date"), PATHS, TIMES),
    st.tuples(st.just("pixels"), PATHS, HASHES),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("hide"), PATHS),
    st.tuples(st.just("unstack"), PATHS),
    st.just(("restack",)),
)


def perform(library: StackLibrary, step: tuple[Any, ...]) -> None:
    """One thing that happens; what cannot be done is left undone."""
    what, *rest = step
    if what == "restack":
        library.restack()
        return
    path = rest[0]
    there = {row["rel_path"] for row in library.rows("SELECT rel_path FROM files WHERE missing_since IS NULL")}
    if what == "add":
        if path not in library.ids and not library.rows("SELECT 1 FROM files WHERE rel_path = ?", [path]):
            library.add(path, taken_at=rest[1], hash=rest[2])
    elif path not in library.ids:
        return
    elif what == "come back":
        library.come_back(path)
    elif what == "vanish":
        library.vanish(path)
    elif what == "date":
        library.rewrite(path, taken_at=rest[1])
    elif what == "pixels":
        library.rewrite(path, perceptual_hash=rest[1])
    elif what == "hide":
        library.rewrite(path, hidden_at=utc_now())
    elif what == "move":
        if path in there and rest[1] not in library.ids:
            library.move(path, rest[1])
    elif what == "unstack":
        library.restack()
        try:
            unstack(library.manifest, library.ids[path])
        except LoupeError:
            return


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=14))
def test_step_by_step_comes_to_what_comparing_everything_comes_to(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    library = make_stack_library(tmp_path_factory.mktemp("any") / "home")
    rows = {f"a/IMG_{number}.JPG": {"taken_at": seconds(number * 0.3 - 0.3)} for number in range(1, 5)}
    library.add_all(rows | {"a/IMG_1.NEF": {}, "b/IMG_2.NEF": {}, "b/IMG_2.JPG": {"taken_at": seconds(0.3)}})
    for step in steps:
        perform(library, step)
    library.restack()
    by_steps = library.stacks()
    library.execute("DELETE FROM stacks", [])
    library.execute("UPDATE photos SET stack_due = true", [])
    library.execute("UPDATE files SET stack_key = NULL, shot_key = NULL", [])
    library.restack()
    assert library.stacks() == by_steps


# Its cost

BIG, PAIRED = 20_000, 16_000


@pytest.fixture(scope="module")
def big_folder(tmp_path_factory: pytest.TempPathFactory) -> StackLibrary:
    """One folder, compared: 8,000 pairs a minute apart, 4,000 scans of one date under one name."""
    library = make_stack_library(tmp_path_factory.mktemp("big") / "home")
    row = photo_row("x.jpg")
    with library.manifest.write() as tx:
        tx.execute(
            """CREATE TEMP TABLE made AS
            SELECT uuid()::TEXT AS id, i, CASE WHEN i >= $paired THEN i ELSE i // 2 END AS n,
                CASE WHEN i >= $paired THEN 'TIFF' WHEN i % 2 = 0 THEN 'JPEG' ELSE 'NEF' END AS format
            FROM range($big) t(i)""",
            {"big": BIG, "paired": PAIRED},
        )
        tx.execute(
            """INSERT INTO photos (photo_id, document_id, sha256, created_at, format, width, height, camera_make,
                camera_model, taken_at, taken_at_source)
            SELECT id, id, id, now(), format, 6000, 4000, $make, $model,
                CASE WHEN i >= $paired THEN TIMESTAMP '1974-07-01' ELSE $noon + to_seconds(n * 60) END, 'exif'
            FROM made""",
            {"make": row["camera_make"], "model": row["camera_model"], "noon": NOON, "paired": PAIRED},
        )
        tx.execute(
            """INSERT INTO files
                (root_id, rel_path, partition_key, size_bytes, mtime_ns, sha256, photo_id, first_seen_at)
            SELECT 'root', CASE WHEN i >= $paired THEN format('all/scan~{}.tif', n - $paired)
                ELSE format('all/DSC_{:06d}.{}', n, format) END, 'all', 1, 1, id, id, now() FROM made""",
            {"paired": PAIRED},
        )
        tx.execute(
            """INSERT INTO previews
                (sha256, pixel_hash, width, height, decoder_version, rung, decoded_at, perceptual_hash)
            SELECT id, id, 6, 4, '1', 'raster', now(), hash(id) FROM made"""
        )
    counts = library.restack(limit_s=600)
    assert (counts.compared, counts.left) == (BIG, 0)
    with library.manifest.read() as tx:
        assert tx.value("SELECT count(DISTINCT stack_id) FROM stacks") == PAIRED // 2
    return library


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given_row", "stacks"),
    [
        ("DSC_000777-edited.jpg", {"taken_at": NOON + timedelta(minutes=777)}, 3),
        ("DSC_999999.JPG", {"taken_at": NOON + timedelta(minutes=778)}, 0),
        ("scan~99999.tif", {"taken_at": datetime(1974, 7, 1)}, 0),
        ("other.jpg", {"taken_at": datetime(1974, 7, 1)}, 0),
    ],
)
def test_a_new_photo_in_a_big_folder_reads_a_handful(
    big_folder: StackLibrary, name: str, given_row: dict[str, Any], stacks: int
) -> None:
    photo_id = big_folder.add(f"all/{name}", **given_row)
    counts = big_folder.restack()
    assert counts.compared == 1
    assert counts.read <= 8
    with big_folder.manifest.read() as tx:
        assert len(table.members(tx, photo_id)) == stacks
