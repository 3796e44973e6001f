"""What scandir and stat can tell of a folder: which files, what is skipped and why, and when it looks the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos
from hypothesis import given
from hypothesis import strategies as st
from ordinary_user import as_ordinary_user

from resources.errors import LoupeError
from resources.folders import (
    FolderScan,
    check_root,
    from_text,
    partition_depth,
    partition_folder,
    partition_key,
    scan_partition,
    scan_signatures,
    scan_tree,
    to_text,
)

DEEP = 64


def taken(scan: FolderScan) -> set[str]:
    return {row["rel_path"] for row in scan.files if row["skip_reason"] is None}


def skipped(scan: FolderScan) -> dict[str, str]:
    return {row["rel_path"]: row["skip_reason"] for row in scan.files if row["skip_reason"] is not None}


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


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


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9.jpg",
        "Größe.jpg".encode(),
        "日本語.jpg".encode("shift_jis"),
        b"new\nline.jpg",
        b"quote'\".jpg",
        b" .jpg",
    ],
)
def test_files_of_odd_names_are_found_and_can_be_opened(tmp_path: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as stream:
        stream.write(b"photo")
    (row,) = scan_tree(tmp_path).files
    assert row["skip_reason"] is None
    assert Path(tmp_path, from_text(row["rel_path"])).read_bytes() == b"photo"


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


def test_rolled_up_partition_holds_everything_below(tmp_path: Path) -> None:
    write(tmp_path, "top.jpg", "2021/a.jpg", "2021/05/b.jpg", "2021/05/01/c.jpg", "2022/d.jpg")
    assert taken(scan_partition(str(tmp_path), "2021", 1)) == {"2021/a.jpg", "2021/05/b.jpg", "2021/05/01/c.jpg"}
    assert taken(scan_partition(str(tmp_path), "2021", DEEP)) == {"2021/a.jpg"}
    assert taken(scan_partition(str(tmp_path), "", 1)) == {"top.jpg"}
    assert taken(scan_partition(str(tmp_path), "", 0)) == taken(scan_tree(tmp_path))


@pytest.mark.parametrize("depth", [0, 1, 2, DEEP])
def test_partitions_together_hold_every_file_once(tmp_path: Path, depth: int) -> None:
    write(tmp_path, "t.jpg", "a/1.jpg", "a/@eaDir/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg", "d/.Trash-0/x/4.jpg", "e/f/5.jpg")
    everything = scan_tree(tmp_path)
    partitions = {partition_folder(folder, depth) for folder in everything.folders}
    found = [row["rel_path"] for folder in partitions for row in scan_partition(str(tmp_path), folder, depth).files]
    assert sorted(found) == sorted(row["rel_path"] for row in everything.files)


# What is skipped


def test_other_programs_folders_are_skipped_and_counted(tmp_path: Path) -> None:
    write(
        tmp_path, "a.jpg", "@eaDir/a.jpg/thumb.jpg", "#recycle/b.jpg", ".Trash-1000/c.jpg", "x.lrdata/d.jpg",
        "Mine.photoslibrary/resources/e.jpg", "$RECYCLE.BIN/f.jpg", "lost+found/g.jpg",
    )  # fmt: skip
    scan = scan_tree(tmp_path)
    assert taken(scan) == {"a.jpg"}
    assert skipped(scan) == {
        "@eaDir/a.jpg/thumb.jpg": "NAS index folder",
        "#recycle/b.jpg": "recycle bin",
        ".Trash-1000/c.jpg": "recycle bin",
        "x.lrdata/d.jpg": "Lightroom previews",
        "Mine.photoslibrary/resources/e.jpg": "Apple Photos library",
        "$RECYCLE.BIN/f.jpg": "recycle bin",
        "lost+found/g.jpg": "file system folder",
    }


def test_files_that_are_no_photos_by_name_are_skipped_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "._a.jpg", "clip.mp4", "a.xmp", "letter.pdf", "IMG_0001")
    scan = scan_tree(tmp_path)
    assert taken(scan) == {"a.jpg", "IMG_0001"}
    assert skipped(scan) == {
        "._a.jpg": "macOS resource fork",
        "clip.mp4": "video",
        "a.xmp": "sidecar",
        "letter.pdf": "not a photo by its name",
    }


def test_loupeignore_follows_gitignore_and_each_folder_has_its_own(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "a.png", "drafts/b.jpg", "keep/drafts/c.jpg", "sub/d.tif", "sub/e.jpg", "f.tif")
    (tmp_path / ".loupeignore").write_text("# not these\n*.png\n/drafts/\n")
    (tmp_path / "sub" / ".loupeignore").write_text("*.tif\n!*.png\n")
    scan = scan_tree(tmp_path)
    assert taken(scan) == {"a.jpg", "keep/drafts/c.jpg", "sub/e.jpg", "f.tif"}
    assert skipped(scan)["drafts/b.jpg"] == "ignored by .loupeignore"


def test_ignore_rules_above_a_partition_hold_in_it(tmp_path: Path) -> None:
    write(tmp_path, "sub/deep/a.jpg", "sub/deep/b.png")
    (tmp_path / ".loupeignore").write_text("*.png\n")
    assert taken(scan_partition(str(tmp_path), "sub/deep", DEEP)) == {"sub/deep/a.jpg"}


def test_links_to_folders_are_not_followed_and_end_no_loop(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.jpg")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    scan = scan_tree(tmp_path)
    assert taken(scan) == {"sub/a.jpg"}
    assert skipped(scan) == {"sub/loop": "link to a folder", "self": "broken link"}


def test_link_to_a_photo_is_a_photo(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    photo = draw_photo(elsewhere / "a.jpg", 1)
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jpg").symlink_to(photo)
    (row,) = scan_tree(root).files
    assert (row["skip_reason"], row["size_bytes"]) == (None, photo.stat().st_size)


def test_pipes_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "camera.jpg")
    write(tmp_path, "a.jpg")
    scan = scan_tree(tmp_path)
    assert taken(scan) == {"a.jpg"}
    assert skipped(scan) == {"camera.jpg": "not a regular file"}


def test_sidecars_stand_with_their_photos(tmp_path: Path) -> None:
    write(tmp_path, "a.NEF", "a.xmp", "b.jpg", "b.jpg.xmp", "c.jpg", "other/c.xmp")
    rows = {row["rel_path"]: row for row in scan_tree(tmp_path).files}
    assert rows["a.NEF"]["sidecar"] == "a.xmp"
    assert rows["b.jpg"]["sidecar"] == "b.jpg.xmp"
    assert rows["b.jpg"]["sidecar_mtime_ns"] == (tmp_path / "b.jpg.xmp").stat().st_mtime_ns
    assert rows["c.jpg"]["sidecar"] is None


def test_unreadable_folder_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "locked/b.jpg", "open/c.jpg")
    (tmp_path / "locked").chmod(0)
    try:
        scan = as_ordinary_user(lambda: scan_tree(tmp_path))
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert taken(scan) == {"a.jpg", "open/c.jpg"}
    assert scan.unreadable == {"locked": "Permission denied"}


def test_very_deep_tree_ends(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(80):
        folder = folder / "d"
    folder.mkdir(parents=True)
    write(tmp_path, "a.jpg", "d/b.jpg")
    assert taken(scan_tree(tmp_path)) == {"a.jpg", "d/b.jpg"}


# Signatures


@pytest.mark.parametrize("depth", [0, 1, DEEP])
def test_cheap_look_and_full_scan_agree_on_the_signature(tmp_path: Path, depth: int) -> None:
    draw_photos(tmp_path, ["t.jpg", "a/1.jpg", "a/@eaDir/1.jpg", "a/b/2.jpg", "c/d/3.jpg"])
    (tmp_path / "empty").mkdir()
    signatures = scan_signatures(tmp_path, depth)
    assert signatures == {folder: scan_partition(str(tmp_path), folder, depth).signature for folder in signatures}
    folders = {partition_folder(folder, depth) for folder in scan_tree(tmp_path).folders}
    assert signatures.keys() == folders


@pytest.mark.parametrize("change", ["add", "remove", "rename"])
def test_cheap_signature_sees_names_come_and_go(tmp_path: Path, change: str) -> None:
    draw_photos(tmp_path, ["a/0.jpg", "a/1.jpg", "b/2.jpg"])
    os.utime(tmp_path / "a", (1e9, 1e9))
    before = scan_signatures(tmp_path, DEEP)
    photo = tmp_path / "a" / "1.jpg"
    if change == "add":
        draw_photo(tmp_path / "a" / "9.jpg", 9)
    elif change == "rename":
        photo.rename(photo.with_name("renamed.jpg"))
    else:
        photo.unlink()
    after = scan_signatures(tmp_path, DEEP)
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]


def test_full_signature_sees_a_file_overwritten_in_place(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.jpg", 1)
    before = scan_partition(str(tmp_path), "", DEEP)
    photo.write_bytes(photo.read_bytes() + b"\0")
    after = scan_partition(str(tmp_path), "", DEEP)
    assert after.signature == before.signature
    assert after.full_signature != before.full_signature


def test_full_signature_sees_a_sidecar_rewritten(tmp_path: Path) -> None:
    draw_photo(tmp_path / "a.jpg", 1)
    (tmp_path / "a.xmp").write_text("<x/>")
    before = scan_partition(str(tmp_path), "", DEEP).full_signature
    os.utime(tmp_path / "a.xmp", (1e9, 1e9))
    assert scan_partition(str(tmp_path), "", DEEP).full_signature != before


def test_partition_that_is_gone_has_no_files(tmp_path: Path) -> None:
    assert scan_partition(str(tmp_path), "gone", DEEP) == FolderScan()


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
    write(tmp_path, "file.jpg")
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
