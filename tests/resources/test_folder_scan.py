"""What scandir and stat can tell of a folder: which files, what is skipped and why, and when it looks the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos
from ordinary_user import as_ordinary_user

from resources.folder_scan import FolderLook, FolderMemory, look_at, survey
from resources.folders import from_text, partition_folder

DEEP = 64


def taken(look: FolderLook) -> set[str]:
    return {file.rel_path for file in look.files() if file.skip_reason is None}


def skipped(look: FolderLook) -> dict[str, str]:
    return {file.rel_path: file.skip_reason for file in look.files() if file.skip_reason is not None}


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


# Names


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
    (row,) = look_at(str(tmp_path), "", 0).files()
    assert row.skip_reason is None
    assert Path(tmp_path, from_text(row.rel_path)).read_bytes() == b"photo"


# Partitions


def test_rolled_up_partition_holds_everything_below(tmp_path: Path) -> None:
    write(tmp_path, "top.jpg", "2021/a.jpg", "2021/05/b.jpg", "2021/05/01/c.jpg", "2022/d.jpg")
    assert taken(look_at(str(tmp_path), "2021", 1)) == {"2021/a.jpg", "2021/05/b.jpg", "2021/05/01/c.jpg"}
    assert taken(look_at(str(tmp_path), "2021", DEEP)) == {"2021/a.jpg"}
    assert taken(look_at(str(tmp_path), "", 1)) == {"top.jpg"}
    assert taken(look_at(str(tmp_path), "", 0)) == taken(look_at(str(tmp_path), "", 0))


@pytest.mark.parametrize("depth", [0, 1, 2, DEEP])
def test_partitions_together_hold_every_file_once(tmp_path: Path, depth: int) -> None:
    write(tmp_path, "t.jpg", "a/1.jpg", "a/@eaDir/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg", "d/.Trash-0/x/4.jpg", "e/f/5.jpg")
    everything = look_at(str(tmp_path), "", 0)
    partitions = {partition_folder(folder, depth) for folder in survey(tmp_path).folders}
    found = [row.rel_path for folder in partitions for row in look_at(str(tmp_path), folder, depth).files()]
    assert sorted(found) == sorted(row.rel_path for row in everything.files())


# What is skipped


def test_other_programs_folders_are_skipped_and_counted(tmp_path: Path) -> None:
    write(
        tmp_path, "a.jpg", "@eaDir/a.jpg/thumb.jpg", "#recycle/b.jpg", ".Trash-1000/c.jpg", "x.lrdata/d.jpg",
        "Mine.photoslibrary/resources/e.jpg", "$RECYCLE.BIN/f.jpg", "lost+found/g.jpg",
    )  # fmt: skip
    scan = look_at(str(tmp_path), "", 0)
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
    scan = look_at(str(tmp_path), "", 0)
    assert taken(scan) == {"a.jpg", "IMG_0001"}
    assert skipped(scan) == {
        "._a.jpg": "macOS resource fork",
        "clip.mp4": "video",
        "a.xmp": "sidecar",
        "letter.pdf": "not a photo by its name",
    }


def test_loupeignore_follows_gitignore_and_each_folder_has_its_own(tmp_path: Path) -> None:
    write(
        tmp_path, "a.jpg", "a.png", "drafts/b.jpg", "keep/drafts/c.jpg", "sub/d.tif", "sub/e.jpg", "f.tif", "sub/g.png"
    )
    (tmp_path / ".loupeignore").write_text("# not these\n*.png\n/drafts/\n")
    (tmp_path / "sub" / ".loupeignore").write_text("*.tif\n!*.png\n")
    scan = look_at(str(tmp_path), "", 0)
    assert taken(scan) == {"a.jpg", "keep/drafts/c.jpg", "sub/e.jpg", "f.tif", "sub/g.png"}
    assert skipped(scan)["drafts/b.jpg"] == "ignored by .loupeignore"


@pytest.mark.parametrize(
    "rules",
    [
        {"": "*.png", "a": "!k.png", "a/b": "k.png"},
        {"": "/a/", "a": "!k.png"},
        {"": "a/*", "a": "!b", "a/b": "!k.png\n*.jpg"},
        {"": "a/**\n!a/b/", "a/b": "!*.png"},
        {"": "*\n!*/\n!*.jpg"},
        {"": "*.png\n!k.png\nb/"},
        {"": "k.*", "a": "!/k.png\n!x.png", "a/b": "/c"},
        {"a": "*", "a/b": "!*"},
        {"a": "b/*\n!b/c", "a/b": "x.jpg"},
    ],
)
def test_rules_of_several_folders_say_what_git_says(tmp_path: Path, rules: dict[str, str]) -> None:
    if not shutil.which("git"):
        pytest.skip("git, which is compared with, is not on this machine")
    write(tmp_path, *(f"{folder}{name}" for folder in ("", "a/", "a/b/", "a/b/c/") for name in ("k.png", "x.jpg")))
    for folder, text in rules.items():
        (tmp_path / folder / ".loupeignore").write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-per-directory=.loupeignore"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    shutil.rmtree(tmp_path / ".git")
    assert taken(look_at(str(tmp_path), "", 0)) == {name for name in listed if not name.endswith(".loupeignore")}
    assert taken(look_at(str(tmp_path), "a/b", DEEP)) == {
        name for name in listed if Path(name).parent == Path("a/b")
    } - {"a/b/.loupeignore"}


def test_rules_that_cannot_be_used_are_named_and_the_others_hold(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "sub/b.jpg", "sub/c.tif")
    (tmp_path / ".loupeignore").write_text("# * * * * * *\n\n*.png\n*a*b*c*d*e*\n")
    (tmp_path / "sub" / ".loupeignore").write_text("!\n*.tif\n")
    scan = look_at(str(tmp_path), "", 0)
    assert taken(scan) == {"sub/b.jpg"}
    assert scan.unused_rules == {
        "": ("line 4, '*a*b*c*d*e*', has more than 4 wildcards",),
        "sub": ("line 1, '!', is no pattern of gitignore",),
    }
    assert look_at(str(tmp_path), "sub", DEEP).unused_rules == {"sub": scan.unused_rules["sub"]}


def test_of_many_rules_that_cannot_be_used_few_are_quoted_and_not_whole(tmp_path: Path) -> None:
    (tmp_path / ".loupeignore").write_text(f"{'*a' * 50_000}\n" * 9)
    [lines] = look_at(str(tmp_path), "", 0).unused_rules.values()
    assert [line[:9] for line in lines[:5]] == [f"line {number}, '" for number in range(1, 6)]
    assert lines[5:] == ("and 4 other lines likewise",)
    assert sum(map(len, lines)) < 1000


def test_ignore_rules_above_a_partition_hold_in_it(tmp_path: Path) -> None:
    write(tmp_path, "sub/deep/a.jpg", "sub/deep/b.png")
    (tmp_path / ".loupeignore").write_text("*.png\n")
    assert taken(look_at(str(tmp_path), "sub/deep", DEEP)) == {"sub/deep/a.jpg"}


def test_links_to_folders_are_not_followed_and_end_no_loop(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.jpg")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    scan = look_at(str(tmp_path), "", 0)
    assert taken(scan) == {"sub/a.jpg"}
    assert skipped(scan) == {"sub/loop": "link to a folder", "self": "broken link"}


def test_link_to_a_photo_is_a_photo(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    photo = draw_photo(elsewhere / "a.jpg", 1)
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jpg").symlink_to(photo)
    (row,) = look_at(str(root), "", 0).files()
    assert (row.skip_reason, row.size_bytes) == (None, photo.stat().st_size)


def test_pipes_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "camera.jpg")
    write(tmp_path, "a.jpg")
    scan = look_at(str(tmp_path), "", 0)
    assert taken(scan) == {"a.jpg"}
    assert skipped(scan) == {"camera.jpg": "not a regular file"}


def test_sidecars_stand_with_their_photos(tmp_path: Path) -> None:
    write(tmp_path, "a.NEF", "a.xmp", "b.jpg", "b.jpg.xmp", "c.jpg", "other/c.xmp")
    rows = {row.rel_path: row for row in look_at(str(tmp_path), "", 0).files()}
    assert rows["a.NEF"].sidecar == "a.xmp"
    assert rows["b.jpg"].sidecar == "b.jpg.xmp"
    assert rows["b.jpg"].sidecar_mtime_ns == (tmp_path / "b.jpg.xmp").stat().st_mtime_ns
    assert rows["c.jpg"].sidecar is None


def test_unreadable_folder_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "locked/b.jpg", "open/c.jpg")
    (tmp_path / "locked").chmod(0)
    try:
        scan = as_ordinary_user(lambda: look_at(str(tmp_path), "", 0))
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
    assert taken(look_at(str(tmp_path), "", 0)) == {"a.jpg", "d/b.jpg"}


# Signatures


@pytest.mark.parametrize("depth", [0, 1, DEEP])
def test_cheap_look_and_full_scan_agree_on_the_signature(tmp_path: Path, depth: int) -> None:
    draw_photos(tmp_path, ["t.jpg", "a/1.jpg", "a/@eaDir/1.jpg", "a/b/2.jpg", "c/d/3.jpg"])
    (tmp_path / "empty").mkdir()
    signatures = FolderMemory().signatures(tmp_path, depth)
    assert signatures == {folder: look_at(str(tmp_path), folder, depth).signature for folder in signatures}
    folders = {partition_folder(folder, depth) for folder in survey(tmp_path).folders}
    assert signatures.keys() == folders


@pytest.mark.parametrize("change", ["add", "remove", "rename"])
def test_cheap_signature_sees_names_come_and_go(tmp_path: Path, change: str) -> None:
    draw_photos(tmp_path, ["a/0.jpg", "a/1.jpg", "b/2.jpg"])
    os.utime(tmp_path / "a", (1e9, 1e9))
    before = FolderMemory().signatures(tmp_path, DEEP)
    photo = tmp_path / "a" / "1.jpg"
    if change == "add":
        draw_photo(tmp_path / "a" / "9.jpg", 9)
    elif change == "rename":
        photo.rename(photo.with_name("renamed.jpg"))
    else:
        photo.unlink()
    after = FolderMemory().signatures(tmp_path, DEEP)
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]


def test_full_signature_sees_a_file_overwritten_in_place(tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "a.jpg", 1)
    before = look_at(str(tmp_path), "", DEEP)
    photo.write_bytes(photo.read_bytes() + b"\0")
    after = look_at(str(tmp_path), "", DEEP)
    assert after.signature == before.signature
    assert after.full_signature != before.full_signature


def test_full_signature_sees_a_sidecar_rewritten(tmp_path: Path) -> None:
    draw_photo(tmp_path / "a.jpg", 1)
    (tmp_path / "a.xmp").write_text("<x/>")
    before = look_at(str(tmp_path), "", DEEP).full_signature
    os.utime(tmp_path / "a.xmp", (1e9, 1e9))
    assert look_at(str(tmp_path), "", DEEP).full_signature != before


def test_partition_that_is_gone_has_no_files(tmp_path: Path) -> None:
    assert look_at(str(tmp_path), "gone", DEEP) == FolderLook()


@pytest.mark.parametrize("change", ["ignore rules", "rules above"])
def test_full_signature_sees_what_decides_which_files_are_taken(tmp_path: Path, change: str) -> None:
    write(tmp_path, "a/1.jpg")
    before = look_at(str(tmp_path), "a", DEEP).full_signature
    ((tmp_path / "a" if change == "ignore rules" else tmp_path) / ".loupeignore").write_text("*.jpg")
    assert look_at(str(tmp_path), "a", DEEP).full_signature != before


def test_survey_counts_what_the_looks_find(tmp_path: Path) -> None:
    write(tmp_path, "t.jpg", "a/1.jpg", "a/1.mp4", "@eaDir/x.jpg", "b/2.png")
    found = survey(tmp_path)
    assert (found.photo_files, found.photo_bytes) == (3, 3)
    assert found.skipped == {"video": 1, "NAS index folder": 1}
    assert found.folders == ["", "@eaDir", "a", "b"]


# Memory


def older(*folders: Path) -> None:
    """As if the folders had been changed long ago: a young mtime is never believed."""
    for folder in folders:
        os.utime(folder, (time.time() - 60, time.time() - 60))


def listed(memory: FolderMemory, root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that one look lists."""
    seen: list[str] = []
    plain = os.scandir

    def spy(path: str) -> object:
        seen.append(os.path.relpath(path, root))
        return plain(path)

    with monkeypatch.context() as patched:
        patched.setattr("resources.folder_scan.os.scandir", spy)
        memory.signatures(root, DEEP)
    return seen


def test_only_directories_whose_mtime_moved_are_listed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a/1.jpg", "a/b/2.jpg", "c/3.jpg")
    older(tmp_path / "a" / "b", tmp_path / "a", tmp_path / "c", tmp_path)
    memory = FolderMemory()
    assert sorted(listed(memory, tmp_path, monkeypatch)) == [".", "a", "a/b", "c"]
    assert listed(memory, tmp_path, monkeypatch) == []

    write(tmp_path, "a/b/4.jpg")
    assert listed(memory, tmp_path, monkeypatch) == ["a/b"]
    assert memory.signatures(tmp_path, DEEP) == FolderMemory().signatures(tmp_path, DEEP)


def test_a_directory_that_changed_just_now_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next change can fall into the same tick of the file system's clock."""
    write(tmp_path, "a/1.jpg")
    older(tmp_path)
    memory = FolderMemory()
    memory.signatures(tmp_path, DEEP)
    assert listed(memory, tmp_path, monkeypatch) == ["a"]


def test_memory_follows_folders_that_come_move_and_go(tmp_path: Path) -> None:
    write(tmp_path, "a/1.jpg", "a/b/2.jpg")
    older(tmp_path / "a" / "b", tmp_path / "a", tmp_path)
    memory = FolderMemory()
    memory.signatures(tmp_path, DEEP)
    (tmp_path / "a" / "b").rename(tmp_path / "d")
    write(tmp_path, "d/e/3.jpg")
    assert memory.signatures(tmp_path, DEEP).keys() == {"a", "d", "d/e"}
    assert memory.signatures(tmp_path, DEEP) == FolderMemory().signatures(tmp_path, DEEP)
