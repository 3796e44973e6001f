"""What a person should look at, narrowed and paged; failures forgotten, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import Shelf

from resources.errors import LoupeError
from resources.folders import to_text
from resources.manifest import failures, problems
from resources.manifest.problems import FailureKind, Which


def fail(shelf: Shelf, rel_path: str, code: str = "CORRUPT", stage: str = "decoded_images", page: int = 1) -> None:
    with shelf.library.manifest.write() as tx:
        root = shelf.library and tx.one("SELECT root_id FROM roots WHERE path = ?", [str(shelf.photos)])
        assert root is not None
        row = {
            "root_id": root["root_id"],
            "rel_path": rel_path,
            "partition_key": f"{rel_path.rpartition('/')[0] or 'root'}~0",
            "sha256": None,
            "size_bytes": None,
            "mtime_ns": None,
            "stage": stage,
            "code": code,
            "message": "Broken.",
            "decoder_version": "1",
            "page": page,
        }
        failures.record(tx, [row])


def failed(shelf: Shelf, which: Which = Which(), limit: int = 100, offset: int = 0) -> list[str]:
    with shelf.library.manifest.read() as tx:
        return [os.path.relpath(row["path"], shelf.photos) for row in problems.failed(tx, which, limit, offset)]


@pytest.fixture
def broken(shelf: Shelf) -> Shelf:
    """Failures at several stages, in folders whose names are prefixes and patterns of each other."""
    draw_photo(shelf.photos / "good.jpg", 1)
    shelf.watch()
    shelf.take_in()
    for rel_path in ("a/1.jpg", "a/2.jpg", "ab/1.jpg", "a_/1.jpg", "a%/1.jpg"):
        fail(shelf, rel_path)
    fail(shelf, "a/1.jpg", "CAPTION_FAILED", "captions")
    fail(shelf, "pages.tif", "EMBED_FAILED", "embeddings", page=3)
    fail(shelf, "locked", "NO_PERMISSION", "file_inventory")
    return shelf


def test_failures_are_narrowed_by_what_is_given_all_of_it(broken: Shelf) -> None:
    photos = str(broken.photos)
    assert len(failed(broken)) == 8
    assert failed(broken, Which(codes=["CAPTION_FAILED", "EMBED_FAILED"])) == ["a/1.jpg", "pages.tif"]
    assert failed(broken, Which(stages=["file_inventory"])) == ["locked"]
    assert failed(broken, Which(codes=["CORRUPT"], stages=["captions"])) == []
    assert failed(broken, Which(paths=[f"{photos}/a/1.jpg"])) == ["a/1.jpg", "a/1.jpg"]
    assert failed(broken, Which(paths=[f"{photos}/a"])) == [], "a path is a file, not what stands below it"
    assert failed(broken, Which(under=photos)) == failed(broken)
    assert failed(broken, Which(under=str(broken.photos.parent))) == failed(broken)
    assert failed(broken, Which(under="/")) == failed(broken)


@pytest.mark.parametrize("folder", ["a", "ab", "a_", "a%"])
def test_a_folder_stands_for_what_is_below_it_and_its_name_is_no_pattern(broken: Shelf, folder: str) -> None:
    found = failed(broken, Which(under=f"{broken.photos}/{folder}"))
    assert set(found) == {path for path in failed(broken) if path.startswith(f"{folder}/")}
    assert found
    assert failed(broken, Which(under=f"{broken.photos}/{folder}/")) == found


def test_pages_follow_one_another(broken: Shelf) -> None:
    assert failed(broken, limit=3) + failed(broken, limit=3, offset=3) + failed(broken, limit=3, offset=6) == failed(
        broken
    )


def test_kinds_are_counted_by_code_and_stage(broken: Shelf) -> None:
    with broken.library.manifest.read() as tx:
        assert problems.failure_kinds(tx, Which()) == [
            FailureKind("CORRUPT", "decoded_images", 5),
            FailureKind("CAPTION_FAILED", "captions", 1),
            FailureKind("EMBED_FAILED", "embeddings", 1),
            FailureKind("NO_PERMISSION", "file_inventory", 1),
        ]


def test_what_is_tried_again_stays_listed_and_says_where_to_look(broken: Shelf) -> None:
    with broken.library.manifest.write() as tx:
        retried = problems.retry(tx, Which(under=f"{broken.photos}/a"))
    assert (retried.count, retried.paths) == (
        3,
        (f"{broken.photos}/a/1.jpg", f"{broken.photos}/a/2.jpg"),
    )
    assert retried.partition_keys == {"captions": ("a~0",), "decoded_images": ("a~0",)}
    with broken.library.manifest.read() as tx:
        rows = problems.failed(tx, Which(), 100)
    assert len(rows) == 8
    assert {row["partition_key"] for row in rows if row["retried"]} == {"a~0"}
    with broken.library.manifest.write() as tx:
        assert problems.retry(tx, Which()).count == 8


def test_codes_stages_and_folders_that_do_not_exist_are_refused(broken: Shelf) -> None:
    def refused(which: Which, *, warnings: bool = False) -> str:
        with broken.library.manifest.read() as tx, pytest.raises(LoupeError) as error:
            problems.check(tx, which, warnings=warnings)
        return error.value.code

    assert refused(Which(codes=["CORUPT"])) == "INVALID_REQUEST"
    assert refused(Which(codes=["EMPTY_FILE"]), warnings=True) == "INVALID_REQUEST"
    assert refused(Which(stages=["decoding"])) == "INVALID_REQUEST"
    assert refused(Which(under="/nowhere")) == "ROOT_NOT_FOUND"
    with broken.library.manifest.read() as tx:
        problems.check(tx, Which(codes=["CORRUPT"], stages=["sidecars"], under=f"{broken.photos}/a"))
        problems.check(tx, Which(under=str(broken.photos.parent)))
        problems.check(tx, Which(codes=["TRUNCATED"], under="/"), warnings=True)


def test_an_id_names_one_failure_and_stays_while_it_fails_again(broken: Shelf) -> None:
    with broken.library.manifest.read() as tx:
        rows = problems.failed(tx, Which(paths=[f"{broken.photos}/a/1.jpg"]), 10)
    ids = {row["stage"]: row["id"] for row in rows}
    assert len(set(ids.values())) == 2
    fail(broken, "a/1.jpg", "TRUNCATED")
    with broken.library.manifest.write() as tx:
        (row,) = problems.failed(tx, Which(ids=[ids["decoded_images"]]), 10)
        assert (row["code"], row["attempts"]) == ("TRUNCATED", 2)
        assert problems.retry(tx, Which(ids=[ids["decoded_images"]])).count == 1
    fail(broken, "a/1.jpg", "CORRUPT")
    with broken.library.manifest.read() as tx:
        (row,) = problems.failed(tx, Which(ids=[ids["decoded_images"]]), 10)
        assert (row["code"], row["attempts"], row["retried"]) == ("CORRUPT", 3, False)


def test_a_name_that_is_no_text_is_listed_and_tried_again_by_its_path(shelf: Shelf) -> None:
    name = os.fsdecode(b"bad \xff name.jpg")
    (shelf.photos / name).write_bytes(b"no picture")
    shelf.watch()
    shelf.take_in()
    path = to_text(str(shelf.photos / name))
    with shelf.library.manifest.write() as tx:
        assert [row["path"] for row in problems.failed(tx, Which(), 10)] == [path]
        assert problems.retry(tx, Which(paths=[path])).paths == (path,)


def test_photos_with_warnings_are_listed_while_their_files_are_there(shelf: Shelf) -> None:
    first, second, _ = draw_photos(shelf.photos, ["b/cut.jpg", "a/cut.jpg", "whole.jpg"])
    for path in (first, second):
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.read() as tx:
        assert problems.warning_kinds(tx, Which()) == {"TRUNCATED": 2}
        assert problems.warned_count(tx, Which()) == 2
        rows = problems.warned(tx, Which(), 10)
        assert [row["path"] for row in rows] == [str(second), str(first)]
        assert [row["warnings"] for row in rows] == [["TRUNCATED"]] * 2
        assert problems.warned_count(tx, Which(codes=["PREVIEW_ONLY"])) == 0
        assert [row["path"] for row in problems.warned(tx, Which(under=str(shelf.photos / "b")), 10)] == [str(first)]
    first.unlink()
    shelf.take_in()
    with shelf.library.manifest.read() as tx:
        assert [row["path"] for row in problems.warned(tx, Which(), 10)] == [str(second)]


def test_skipped_files_are_listed_by_reason(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "photo.jpg", 1)
    (shelf.photos / "deep").mkdir()
    for name in ("notes.txt", "deep/clip.mp4", "deep/other.mov"):
        Path(shelf.photos, name).write_bytes(b"\0\0\0\x18ftypmp42")
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.read() as tx:
        assert problems.skip_reasons(tx, Which()) == {"video": 2, "not a photo by its name": 1}
        assert [row["path"] for row in problems.skipped(tx, Which(codes=["video"]), 10)] == [
            f"{shelf.photos}/deep/clip.mp4",
            f"{shelf.photos}/deep/other.mov",
        ]
        assert problems.skip_reasons(tx, Which(under=str(shelf.photos / "deep"))) == {"video": 2}
