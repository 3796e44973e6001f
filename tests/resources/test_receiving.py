"""Files that are sent: stored whole or not at all, inside their folder, never over another one."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from resources.errors import LoupeError
from resources.folder_scan import survey
from resources.receiving import UNFINISHED_FOLDER, Received, ReceivedFile, Receiver, safe_path


def picture(colour: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(written, "JPEG")
    return written.getvalue()


RED, BLUE = picture("red"), picture("blue")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Photos"
    made.mkdir()
    return made


def receiver(folder: Path, **limits: int) -> Receiver:
    return Receiver(folder, **{"max_file_bytes": 1 << 20, "keep_free_bytes": 0, **limits})


def take(to: Receiver, path: str, content: bytes, part: int = 100) -> Received:
    with to.file(path) as file:
        for start in range(0, len(content), part):
            file.write(content[start : start + part])
        return file.finish()


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_stands_whole_in_its_folder(folder: Path) -> None:
    found = take(receiver(folder), "Sommer 2024/Größe/IMG_1.jpg", RED)
    assert found == Received("Sommer 2024/Größe/IMG_1.jpg", "stored", hashlib.sha256(RED).hexdigest(), len(RED))
    assert (folder / found.path).read_bytes() == RED
    assert everything(folder) == ["Sommer 2024", "Sommer 2024/Größe", "Sommer 2024/Größe/IMG_1.jpg"]


def test_the_same_file_again_is_no_second_copy_and_another_one_overwrites_nothing(folder: Path) -> None:
    to = receiver(folder)
    assert [take(to, "a.jpg", RED).status for _ in range(2)] == ["stored", "same"]
    assert (take(to, "a.jpg", BLUE).path, take(to, "a.jpg", BLUE).status) == ("a (2).jpg", "same")
    assert take(receiver(folder), "a.jpg", RED).status == "same"
    assert everything(folder) == ["a (2).jpg", "a.jpg"]
    assert ((folder / "a.jpg").read_bytes(), (folder / "a (2).jpg").read_bytes()) == (RED, BLUE)


def sidecar(to: Receiver, path: str, content: bytes = XMP) -> ReceivedFile:
    with to.file(path) as file:
        file.write(content)
        file.hold()
        return file


def test_a_sidecar_goes_beside_the_photo_that_it_was_sent_with_whichever_came_first(folder: Path) -> None:
    take(receiver(folder), "a.jpg", RED)
    to = receiver(folder)
    held = [sidecar(to, name) for name in ("a.xmp", "A.jpg.xmp", "a.jpg.supplemental-metadata.json")]
    assert everything(folder)[:2] == [UNFINISHED_FOLDER, f"{UNFINISHED_FOLDER}/{min(each.name for each in held)}"]
    take(to, "a.jpg", BLUE)
    assert [to.place(each).path for each in held] == [
        "a (2).xmp", "a (2).jpg.xmp", "a (2).jpg.supplemental-metadata.json",
    ]  # fmt: skip
    assert everything(folder) == [
        "a (2).jpg", "a (2).jpg.supplemental-metadata.json", "a (2).jpg.xmp", "a (2).xmp", "a.jpg",
    ]  # fmt: skip


def test_a_sidecar_replaces_none(folder: Path) -> None:
    for content, status in ((XMP, "stored"), (XMP, "same"), (XMP + b" ", "FILE_EXISTS")):
        to = receiver(folder)
        take(to, "a.jpg", RED)
        held = sidecar(to, "a.jpg.xmp", content)
        if status == "FILE_EXISTS":
            with pytest.raises(LoupeError) as taken:
                to.place(held)
            assert taken.value.code == status
        else:
            assert to.place(held).status == status
    assert everything(folder) == ["a.jpg", "a.jpg.xmp"]
    assert (folder / "a.jpg.xmp").read_bytes() == XMP


def test_a_sidecar_whose_photo_is_not_there_is_refused(folder: Path) -> None:
    take(receiver(folder), "a.jpg", RED)
    to = receiver(folder)
    to.stands(PurePosixPath("b.jpg"), "Old/first.jpg")
    to.stands(PurePosixPath("c.jpg"), None)
    alone, beside_known, elsewhere = (sidecar(to, name) for name in ("a.xmp", "b.xmp", "c.xmp"))
    for held, said in ((alone, "without its photo"), (elsewhere, "another folder")):
        with pytest.raises(LoupeError, match=said) as refused:
            to.place(held)
        assert refused.value.code == "UPLOAD_REFUSED"
    assert to.place(beside_known).path == "Old/first.xmp"
    to.forget(sidecar(to, "d.xmp"))
    assert everything(folder) == ["Old", "Old/first.xmp", "a.jpg"]


@pytest.mark.parametrize("places", [(None, "a.jpg"), ("a.jpg", None)])
def test_of_a_photo_that_was_sent_twice_the_one_in_the_folder_has_the_sidecar(
    folder: Path, places: tuple[str | None, str | None]
) -> None:
    to = receiver(folder)
    for place in places:
        to.stands(PurePosixPath("a.jpg"), place)
    for name in ("a.xmp", "a.jpg.xmp"):
        assert to.place(sidecar(to, name)).path == name


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.jpg", b"", "EMPTY_FILE"),
        ("a.jpg", b"<html><script>", "UPLOAD_REFUSED"),
        ("a.exe", b"MZ" + bytes(500), "UPLOAD_REFUSED"),
        ("a.xmp", b"\x7fELF" + bytes(500), "UPLOAD_REFUSED"),
        ("a.html", b"GIF89a/*" + bytes(500), "UPLOAD_REFUSED"),
        ("a.sh", RED, "UPLOAD_REFUSED"),
        (".loupeignore", b"*", "UPLOAD_PATH_INVALID"),
        (".ssh/authorized_keys", RED, "UPLOAD_PATH_INVALID"),
        ("a.jpg", RED + bytes(1 << 20), "TOO_LARGE"),
    ],
)
def test_what_is_refused_leaves_nothing(folder: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(LoupeError) as refused:
        take(receiver(folder), name, content, 1 << 16)
    assert refused.value.code == code
    assert everything(folder) == []


def test_the_disk_keeps_its_room(folder: Path) -> None:
    with pytest.raises(LoupeError) as full:
        take(receiver(folder, keep_free_bytes=1 << 60), "a.jpg", RED)
    assert full.value.code == "DISK_FULL"
    assert everything(folder) == []


@pytest.mark.parametrize("path", ["out/a.jpg", "link.jpg/a.jpg"])
def test_no_link_leads_out(folder: Path, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "out").symlink_to(outside)
    (folder / "link.jpg").symlink_to(outside / "made.jpg")
    with pytest.raises(LoupeError) as refused:
        take(receiver(folder), path, RED)
    assert refused.value.code == "UPLOAD_PATH_INVALID"
    assert take(receiver(folder), "link.jpg", RED).path == "link (2).jpg"
    assert list(outside.iterdir()) == []


def test_a_folder_of_unfinished_files_that_is_a_link_is_not_used(folder: Path, tmp_path: Path) -> None:
    (folder / UNFINISHED_FOLDER).symlink_to(tmp_path)
    with pytest.raises(LoupeError):
        take(receiver(folder), "a.jpg", RED)


def test_the_folder_of_unfinished_files_may_be_removed_by_another_upload_at_any_time(folder: Path) -> None:
    over = threading.Event()

    def end_others() -> None:
        while not over.is_set():
            with suppress(OSError):
                (folder / UNFINISHED_FOLDER).rmdir()

    other = threading.Thread(target=end_others)
    other.start()
    try:
        to = receiver(folder)
        assert {take(to, f"{number}.jpg", RED).status for number in range(200)} == {"stored"}
    finally:
        over.set()
        other.join()


def test_what_a_power_cut_left_is_removed_and_nothing_else(folder: Path) -> None:
    left = folder / UNFINISHED_FOLDER
    left.mkdir()
    for name in ("0" * 32, "mine.jpg"):
        (left / name).write_bytes(RED)
        os.utime(left / name, (0, 0))
    (left / ("1" * 32)).write_bytes(RED)  # on its way now
    take(receiver(folder), "a.jpg", RED)
    assert sorted(path.name for path in left.iterdir()) == ["1" * 32, "mine.jpg"]


def test_what_is_on_its_way_is_no_photo_yet(folder: Path) -> None:
    with receiver(folder).file("a.jpg") as file:
        file.write(RED)
        assert survey(folder).photo_files == 0
        file.finish()
    assert survey(folder).photo_files == 1


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "a", "~", "\\", "\0", "C:"])).map("/".join))
def test_a_path_is_refused_or_stays_below(path: str) -> None:
    try:
        found = safe_path(path)
    except LoupeError:
        return
    assert os.path.normpath(f"/root/{found}").startswith("/root/")
    assert not {".", ".."} & set(found.parts)
