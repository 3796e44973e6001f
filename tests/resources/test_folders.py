"""Watched folders by name: paths as text, partitions and roots."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ordinary_user import as_ordinary_user

from resources.errors import LoupeError
from resources.folders import (
    check_root,
    from_text,
    partition_depth,
    partition_folder,
    partition_key,
    to_text,
)

DEEP = 64


# Names


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_any_name_round_trips_as_storable_text(name: bytes) -> None:
    text = to_text(os.fsdecode(name))
    text.encode("utf-8")  # no lone surrogate: a database can store it
    assert os.fsencode(from_text(text)) == name


@pytest.mark.parametrize("name", ["\uf780", "a\uf7ffb.jpg", "\uf7ef\uf79e\uf780"])
def test_names_that_use_the_escape_characters_themselves_round_trip(name: str) -> None:
    assert os.fsencode(from_text(to_text(name))) == os.fsencode(name)


def test_different_names_stay_different() -> None:
    assert to_text(os.fsdecode(b"\x80")) != to_text("\uf780")


# Partitions


def test_partition_key_is_readable_and_stable() -> None:
    key = partition_key("r1", "/photos", "2021/Été à Nice")
    assert key == partition_key("r1", "/photos", "2021/Été à Nice")
    assert key.startswith("2021-ete-a-nice~")
    assert len(key.partition("~")[2]) == 10
    assert partition_key("r1", "/photos", "").startswith("photos~")
    assert partition_key("r1", "/photos", "日本").startswith("folder~")


def test_partition_keys_of_like_names_differ() -> None:
    keys = {partition_key(root, "/p", folder) for root in ("r1", "r2") for folder in ("a b", "a-b", "A b", "a/b")}
    assert len(keys) == 8


def test_shallow_library_has_a_partition_for_each_folder() -> None:
    assert partition_depth(["", "a", "a/b/c/d"], 5) == DEEP


def test_deep_library_rolls_up_until_it_fits() -> None:
    folders = [f"{year}/{month}/{day}" for year in range(3) for month in range(12) for day in range(28)]
    depth = partition_depth(folders, 50)
    assert depth == 2
    assert len({partition_folder(folder, depth) for folder in folders}) == 36
    assert partition_depth([str(number) for number in range(100)], 50) == 0


# Roots


def test_folder_that_can_be_watched_comes_back_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Photos").mkdir()
    assert check_root("Photos") == tmp_path / "Photos"
    assert check_root(f"{tmp_path}/Photos/../Photos/") == tmp_path / "Photos"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_root("~/Photos") == tmp_path / "Photos"


@pytest.mark.parametrize(("name", "code"), [("gone", "DIR_NOT_FOUND"), ("file.jpg", "NOT_A_DIRECTORY")])
def test_what_is_no_folder_cannot_be_watched(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "file.jpg").write_bytes(b"x")
    with pytest.raises(LoupeError) as caught:
        check_root(tmp_path / name)
    assert caught.value.code == code
    assert str(tmp_path / name) in caught.value.message


def test_message_about_an_odd_name_can_be_printed(tmp_path: Path) -> None:
    with pytest.raises(LoupeError) as caught:
        check_root(os.path.join(tmp_path, os.fsdecode(b"caf\xe9")))
    caught.value.message.encode("utf-8")


def test_locked_folder_cannot_be_watched(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)

    def check() -> None:
        with pytest.raises(LoupeError) as caught:
            check_root(locked)
        assert caught.value.code == "NO_PERMISSION"

    as_ordinary_user(check)
