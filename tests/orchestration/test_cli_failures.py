"""`loupe failures`: what failed, what came in with a warning, what is left out; trying again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running_app import free_port, serving
from test_cli import Draw, Ended, Loupe, loupe

from resources.settings import Settings

__all__ = ["loupe"]


@pytest.fixture
def photos(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> Path:
    """A folder that was taken in: two good photos, one that is cut in half, three broken ones, a text and a video."""
    folder = tmp_path / "photos"
    whole = draw_photos(folder, 3)[2]
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (folder / "deep").mkdir()
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "deep" / "head.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    (folder / "deep" / "text.jpg").write_text("not a photo at all")
    (folder / "notes.txt").write_text("a note")
    (folder / "deep" / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(64))
    taken = loupe("ingest", str(folder))
    assert taken.status == 0, taken.err
    return folder


def listed(ended: Ended) -> set[str]:
    return {Path(row["path"]).name for row in ended.json["failures"]}


def test_failures_are_narrowed_by_code_stage_and_folder_and_paged(loupe: Loupe, photos: Path) -> None:
    whole = loupe("failures", "--json")
    assert whole.json["total"] == 3
    assert listed(whole) == {"zero.jpg", "head.jpg", "text.jpg"}
    assert whole.json["by_code"]["EMPTY_FILE"] == 1
    assert whole.json["by_stage"] == {"decoded_images": 3}
    assert listed(loupe("failures", "--json", "--code", "EMPTY_FILE")) == {"zero.jpg"}
    assert listed(loupe("failures", "--json", "--code", "EMPTY_FILE", "--code", "NOT_AN_IMAGE")) == {
        "zero.jpg",
        "text.jpg",
    }
    assert listed(loupe("failures", "--json", "--stage", "captions")) == set()
    assert listed(loupe("failures", "--json", "--under", str(photos / "deep"))) == {"head.jpg", "text.jpg"}
    assert listed(loupe("failures", "--json", "--under", str(photos / "dee"))) == set()
    pages = [loupe("failures", "--json", "--limit", "2", "--offset", offset) for offset in ("0", "2")]
    assert [len(page.json["failures"]) for page in pages] == [2, 1]
    assert listed(pages[0]) | listed(pages[1]) == listed(whole)


def test_the_list_says_what_a_code_means_and_what_to_do(loupe: Loupe, photos: Path) -> None:
    said = loupe("failures").out
    assert "EMPTY_FILE (1 file): The file has no bytes." in said
    assert "Copy it again from where it came." in said
    assert str(photos / "zero.jpg") in said
    assert said.endswith("3 problem files.\n")
    assert "2 more with --offset 1" in loupe("failures", "--limit", "1").out


def test_one_a_code_or_all_are_tried_again_by_the_next_ingest(loupe: Loupe, photos: Path, draw_photos: Draw) -> None:
    mended = draw_photos(photos.parent / "other", 1, seed=9)[0].read_bytes()
    one = loupe("failures", "--retry", str(photos / "zero.jpg"), str(photos / "fine.jpg"), "--json").json
    assert (one["retried"], one["unknown"], one["job_id"]) == (1, [str(photos / "fine.jpg")], None)
    assert "loupe ingest" in one["note"]
    assert "It is to be tried again." in loupe("failures", "--code", "EMPTY_FILE").out
    by_code = loupe("failures", "--retry", "--code", "NOT_AN_IMAGE")
    assert by_code.out == "1 problem file is to be tried again. `loupe ingest` or `loupe up` does so.\n"
    assert listed(loupe("failures", "--json")) == {"zero.jpg", "head.jpg", "text.jpg"}
    assert loupe("failures", "--retry", "--all", "--json").json["retried"] == 3
    (photos / "zero.jpg").write_bytes(mended)
    again = loupe("ingest", str(photos), "--json").json
    assert (again["decoded"], again["failed"]) == (1, 2)
    left = loupe("failures", "--json")
    assert listed(left) == {"head.jpg", "text.jpg"}
    assert {(row["attempts"], row["retried"]) for row in left.json["failures"]} == {(2, False)}


def test_photos_with_a_warning_are_read_again_on_demand(loupe: Loupe, photos: Path) -> None:
    again = loupe("failures", "--warnings", "--retry", "--code", "TRUNCATED")
    assert again.out == "1 file with a warning is to be tried again. `loupe ingest` or `loupe up` does so.\n"
    taken = loupe("ingest", str(photos), "--json").json
    assert (taken["decoded"], taken["failed"]) == (1, 0)
    assert loupe("failures", "--warnings", "--json").json["total"] == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--code", "EMPTY"), 64),
        (("--stage", "decoding"), 64),
        (("--warnings", "--code", "EMPTY_FILE"), 64),
        (("--retry", "--code", "EMPTY"), 64),
        (("--under", "/nowhere/at/all"), 66),
    ],
)
def test_what_does_not_exist_is_refused(loupe: Loupe, arguments: tuple[str, ...], status: int) -> None:
    assert loupe("failures", *arguments).status == status


def test_what_is_no_problem_file_cannot_be_tried_again(loupe: Loupe, photos: Path) -> None:
    refused = loupe("failures", "--retry", str(photos / "fine.jpg"), "--json")
    assert (refused.status, refused.json["error"]["code"]) == (66, "FAILURE_NOT_FOUND")
    assert loupe("failures", "--retry", "--code", "DECODE_RAW").out == "There is nothing to try again.\n"
    assert loupe("failures", "--json").json["total"] == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("--all",),
        ("some.jpg",),
        ("--retry", "--all", "--code", "CORRUPT"),
        ("--retry", "--all", "some.jpg"),
        ("--retry", "--skipped"),
        ("--warnings", "--skipped"),
        ("--warnings", "--stage", "captions"),
    ],
)
def test_options_that_do_not_go_together_are_refused(loupe: Loupe, arguments: tuple[str, ...]) -> None:
    refused = loupe("failures", *arguments)
    assert refused.status == 64
    assert refused.err.startswith("error [INVALID_REQUEST]: ")


def test_photos_with_a_warning_and_skipped_files_are_listed(loupe: Loupe, photos: Path) -> None:
    warned = loupe("failures", "--warnings", "--json").json
    assert (warned["total"], warned["by_code"]) == (1, {"TRUNCATED": 1})
    assert Path(warned["photos"][0]["path"]).parent == photos
    said = loupe("failures", "--warnings").out
    assert "TRUNCATED: The file is cut off: a part of the picture is missing." in said
    assert said.endswith("1 photo came in with a warning.\n")
    assert loupe("failures", "--warnings", "--code", "PREVIEW_ONLY", "--json").json["total"] == 0

    skipped = loupe("failures", "--skipped", "--json").json
    assert skipped["by_reason"] == {"not a photo by its name": 1, "video": 1}
    assert {Path(row["path"]).name for row in skipped["files"]} == {"notes.txt", "clip.mp4"}
    below = loupe("failures", "--skipped", "--under", str(photos / "deep"), "--json").json
    assert [Path(row["path"]).name for row in below["files"]] == ["clip.mp4"]
    assert [row["reason"] for row in loupe("failures", "--skipped", "--code", "video", "--json").json["files"]] == [
        "video"
    ]

    status = loupe("status").out
    assert "came in with a warning: 1 TRUNCATED" in status
    assert "`loupe failures --warnings`" in status
    assert "`loupe failures --skipped`" in status


def test_beside_a_running_api_it_is_asked_to_try_again(loupe: Loupe, photos: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", port=free_port(), dagster_port=free_port())
    with serving(settings):
        ended = loupe("failures", "--retry", str(photos / "zero.jpg"), "--json")
        assert ended.status == 0, ended.err
        assert ended.json["retried"] == 1
        assert "Dagster does not run now" in ended.json["note"]
        gone = loupe("failures", "--retry", str(photos / "fine.jpg"), "--json")
        assert json.loads(gone.out)["error"]["code"] == "FAILURE_NOT_FOUND"
        assert loupe("failures", "--retry", "--json").json["retried"] == 3
        assert loupe("failures", "--warnings", "--retry", "--json").json["retried"] == 1
