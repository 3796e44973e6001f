"""Groups from pairs, and which photo of a group to keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.duplicates.grouping import Candidate, copies, is_other_moment, lookalikes, ranked

DAY = datetime(2024, 5, 6, 7, 8, 9)
PHOTO = Candidate("a", "JPEG", 6000, 4000, 8_000_000, DAY, "exif", "X-T5", 0, datetime(2024, 6, 1), 100.0)
names = st.sampled_from("abcdefgh")
pairs = st.lists(st.tuples(names, names).filter(lambda pair: pair[0] != pair[1]), max_size=12)


@given(pairs)
def test_copies_of_copies_stand_together_and_nobody_stands_twice(joined: list[tuple[str, str]]) -> None:
    groups = copies(joined)
    where = {name: number for number, group in enumerate(groups) for name in group}
    assert sum(map(len, groups)) == len(where) == len({name for pair in joined for name in pair})
    assert all(where[one] == where[other] for one, other in joined)


@given(pairs)
def test_all_of_a_group_are_alike_to_its_leader(joined: list[tuple[str, str]]) -> None:
    scores = {(min(pair), max(pair)): 0.9 for pair in joined}
    groups = lookalikes(scores)
    for (leader, _), *members in groups:
        assert members
        assert all((min(leader, name), max(leader, name)) in scores for name, _ in members)
    grouped = [name for group in groups for name, _ in group]
    assert len(grouped) == len(set(grouped))
    # Whoever is left out is alike only to photos that stand in a group.
    assert not [pair for pair in scores if not set(pair) & set(grouped)]


def test_steps_do_not_join_what_is_not_alike() -> None:
    scores = {("a", "b"): 0.95, ("b", "c"): 0.95, ("c", "d"): 0.95, ("d", "e"): 0.95}
    assert [len(group) for group in lookalikes(scores)] == [3, 2]


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        (PHOTO, {"width": 3000, "height": 2000, "size_bytes": 9_000_000}, "more_pixels"),
        (PHOTO, {"size_bytes": 2_000_000}, "less_compressed"),
        (PHOTO, {"taken_at_source": "file_modified", "size_bytes": 9_000_000}, "from_the_camera"),
        (replace(PHOTO, given=3), {"given": 0}, "given"),
        (replace(PHOTO, format="DNG"), {"format": "JPEG"}, "raw"),
        (PHOTO, {"format": "PNG", "size_bytes": 40_000_000}, "less_compressed"),
        (PHOTO, {"created_at": datetime(2024, 7, 1)}, "earlier"),
    ],
)
def test_the_better_copy_is_proposed_and_why(better: Candidate, worse: dict[str, object], reason: str) -> None:
    other = replace(better, photo_id="0", **worse)  # type: ignore[arg-type]
    ordered, reasons = ranked("same_picture", [other, better])
    assert ordered == [better, other]
    assert reasons[0] == reason


def test_of_equal_pixels_a_larger_file_is_no_better_and_the_earlier_stays() -> None:
    copy = replace(PHOTO, photo_id="0", size_bytes=PHOTO.size_bytes + 2, created_at=datetime(2024, 7, 1))
    assert ranked("same_pixels", [copy, PHOTO]) == ([PHOTO, copy], ("earlier",))
    assert ranked("same_pixels", [replace(copy, given=1), PHOTO])[1] == ("given",)


def test_of_a_burst_the_sharper_frame_is_proposed_unless_a_person_chose_one() -> None:
    frames = [replace(PHOTO, photo_id=name, sharpness=value) for name, value in (("a", 40.0), ("b", 90.0), ("c", 70.0))]
    assert next(each.photo_id for each in ranked("burst", frames)[0]) == "b"
    assert ranked("burst", frames)[1] == ("sharper",)
    chosen = [replace(frames[0], given=5), *frames[1:]]
    assert next(each.photo_id for each in ranked("burst", chosen)[0]) == "a"


def test_moments_count_only_where_the_files_say_them() -> None:
    later = replace(PHOTO, taken_at=datetime(2024, 5, 6, 7, 8, 30))
    assert is_other_moment(PHOTO, later)
    assert is_other_moment(PHOTO, replace(PHOTO, taken_at=DAY.replace(second=10))), "the next frame of a timelapse"
    assert not is_other_moment(PHOTO, replace(later, taken_at_source="file_modified"))
    assert not is_other_moment(PHOTO, replace(PHOTO, taken_at=DAY.replace(microsecond=500_000)))
