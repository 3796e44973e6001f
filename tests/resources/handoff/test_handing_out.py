"""Handing out: names that every system takes, links that overwrite nothing, splits that keep duplicates, a ZIP."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import LoupeError
from resources.handoff import Original, SafeNames, Sample, Splits, csv_table, link_folder, parse_shares, zip_stream

FORBIDDEN = set('"*/:<>?\\|') | {chr(code) for code in range(32)}


@given(st.lists(st.text(max_size=300), max_size=20))
@settings(deadline=None)
def test_names_are_usable_and_no_two_are_alike(given_names: list[str]) -> None:
    names = SafeNames()
    taken = [names.take(name) for name in given_names]
    assert len({name.casefold() for name in taken}) == len(taken)
    for name in taken:
        assert name
        assert not FORBIDDEN & set(name)
        assert len(name.encode()) < 255
        assert name[0] not in ". "
        assert name[-1] not in ". "
        assert name.partition(".")[0].casefold() not in ("con", "nul", "lpt1")


def test_names_keep_what_they_can() -> None:
    names = SafeNames()
    taken = [
        names.take(name) for name in ("IMG_1.jpg", "img_1.JPG", "IMG_1 (2).jpg", "a/b.jpg", "..", "NUL.txt", "größe")
    ]
    assert taken == ["IMG_1.jpg", "img_1 (2).JPG", "IMG_1 (2) (2).jpg", "a_b.jpg", "photo", "_NUL.txt", "größe"]


def test_links_are_made_once_and_nothing_is_overwritten(tmp_path: Path) -> None:
    photos, folder = tmp_path / "photos", tmp_path / "links"
    for name in ("a/x.jpg", "b/x.jpg", "c/y.jpg"):
        (photos / name).parent.mkdir(parents=True)
        (photos / name).write_text(name)
    folder.mkdir()
    (folder / "x.jpg").write_text("somebody's own")
    (folder / "y.jpg").symlink_to(tmp_path / "elsewhere")
    paths = [str(photos / name) for name in ("a/x.jpg", "b/x.jpg", "c/y.jpg", "gone.jpg")]
    linked = link_folder(str(folder), paths, [str(photos)])
    assert (linked.made, linked.there, linked.missing) == (3, 0, (str(photos / "gone.jpg"),))
    assert {link.name: link.resolve() for link in folder.iterdir() if link.resolve().is_relative_to(photos)} == {
        "x (2).jpg": photos / "a/x.jpg",
        "x (3).jpg": photos / "b/x.jpg",
        "y (2).jpg": photos / "c/y.jpg",
    }
    assert (folder / "x.jpg").read_text() == "somebody's own"
    again = link_folder(str(folder), paths, [str(photos)])
    assert (again.made, again.there) == (0, 3)
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("place", ["photos", "photos/new", "way in", "a file"])
def test_links_do_not_go_among_the_photos(tmp_path: Path, place: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/x.jpg").write_text("x")
    (tmp_path / "way in").symlink_to(tmp_path / "photos")
    (tmp_path / "a file").write_text("")
    with pytest.raises(LoupeError) as refused:
        link_folder(str(tmp_path / place), [str(tmp_path / "photos/x.jpg")], [str(tmp_path / "photos")])
    assert refused.value.code == "INVALID_REQUEST"
    assert os.listdir(tmp_path / "photos") == ["x.jpg"]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), max_size=60),
    st.integers(0, 99),
    st.tuples(*[st.integers(0, 9)] * 3).filter(any),
)
@settings(deadline=None)
def test_what_belongs_together_directly_or_by_others_stays_together(
    pairs: list[tuple[int, int]], seed: int, shares: tuple[int, int, int]
) -> None:
    related = [(f"k{key}", f"p{photo:02}") for key, photo in pairs]
    splits = Splits(parse_shares(",".join(map(str, shares))), seed, related)
    again = Splits(parse_shares(",".join(map(str, shares))), seed, reversed(related))
    keys: dict[str, set[str]] = {}
    for key, photo in related:
        keys.setdefault(key, set()).add(splits.of(photo))
    assert all(len(each) == 1 for each in keys.values())
    for number in range(31):
        side = splits.of(f"p{number:02}")
        assert side == again.of(f"p{number:02}")
        assert shares[("train", "val", "test").index(side)] > 0


def test_shares_are_met_on_the_average() -> None:
    splits = Splits(parse_shares("80,10,10"), 7, [])
    sides = [splits.of(f"photo {number}") for number in range(10_000)]
    assert abs(sides.count("train") - 8000) < 200  # five standard deviations
    assert abs(sides.count("val") - 1000) < 150


def test_a_zip_holds_each_file_once_under_a_name_of_its_own(tmp_path: Path) -> None:
    files = []
    for number, name in enumerate(("x.jpg", "sub/x.jpg", "empty.jpg")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(3 << 20) if number < 2 else b"")
        files.append(Original(str(path), path.name, path.stat().st_size, [0.0, 1e9, 9e9][number]))
    gone = Original(str(tmp_path / str(uuid4())), "gone.jpg", 1, 0)
    parts = list(zip_stream([files[0], gone, files[1], files[0], "offline.jpg", files[2]]))
    assert max(map(len, parts)) < 3 << 20, "a file is not held whole"
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["x.jpg", "x (2).jpg", "empty.jpg", "not in this archive.txt"]
        assert archive.read("x (2).jpg") == (tmp_path / "sub/x.jpg").read_bytes()
        assert archive.read("not in this archive.txt") == b"gone.jpg\noffline.jpg\n"
        assert archive.infolist()[0].date_time[0] == 1980


@pytest.mark.parametrize("caption", ["=1+1", "-20 degrees, and snow", "@night", "'quoted'", 'a "b", c\nd'])
def test_a_table_has_captions_as_they_are(caption: str) -> None:
    table = b"".join(csv_table([Sample("id", "id.jpg", "train", "=a.jpg", caption)])).decode()
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert (row["caption"], row["path"]) == (caption, "=a.jpg")
