"""Folders that are made to stop whoever looks into them: the run looks at them itself, with no worker between."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawn_photos import draw_photos
from ordinary_user import as_ordinary_user
from shelf import Shelf

from resources.folder_scan import FolderLook, FolderMemory, look_at, survey
from resources.manifest import failures, problems
from resources.manifest.problems import Which
from resources.watching import look


def within_seconds(action: Callable[[], Any]) -> Any:
    """What `action` answers; fails when it waits for something that never comes."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(action()), daemon=True)
    thread.start()
    thread.join(30)
    assert answers, "it does not end"
    return answers[0]


def names(look: FolderLook) -> set[str]:
    return {file.rel_path for file in look.files() if file.skip_reason is None}


def test_a_pipe_that_calls_itself_the_rules_is_no_rules(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".loupeignore")
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert names(within_seconds(lambda: look_at(str(tmp_path), "", 0))) == {"a.jpg"}
    assert within_seconds(lambda: survey(tmp_path)).skipped == {"not a regular file": 1}


def test_a_link_to_an_endless_device_is_no_rules(tmp_path: Path) -> None:
    (tmp_path / ".loupeignore").symlink_to("/dev/zero")
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert names(within_seconds(lambda: look_at(str(tmp_path), "", 0))) == {"a.jpg"}


@pytest.mark.parametrize("line", ["!", "\\", "[z-a]", "a" * 100_000, "\x00", "*a" * 12 + "b"])
def test_a_line_that_is_no_rule_costs_the_others_nothing(tmp_path: Path, line: str) -> None:
    (tmp_path / ".loupeignore").write_text(f"{line}\nhidden*.jpg\n")
    for name in ("hidden1.jpg", "a" * 40 + ".jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert names(within_seconds(lambda: look_at(str(tmp_path), "", 0))) == {"a" * 40 + ".jpg"}


def test_folders_too_deep_to_look_into_are_named(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d"] * 70)
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"x")
    for parts in (30, 64):
        (tmp_path.joinpath(*["d"] * parts) / "b.jpg").write_bytes(b"x")
    look = look_at(str(tmp_path), "d", 1)
    assert names(look) == {"/".join(["d"] * parts) + "/b.jpg" for parts in (30, 64)}
    assert list(look.unreadable) == ["/".join(["d"] * 65)]
    assert FolderMemory().signatures(tmp_path, 1)["d"] == look.signature


def test_links_to_themselves_and_to_folders_above_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")
    (tmp_path / "in" / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "in" / "one.jpg").symlink_to("two.jpg")
    (tmp_path / "in" / "two.jpg").symlink_to("one.jpg")
    (tmp_path / "in" / "above").symlink_to(tmp_path)
    look = look_at(str(tmp_path), "in", 1)
    assert {file.rel_path: file.skip_reason for file in look.files()} == {
        "in/a.jpg": None,
        "in/itself.jpg": "broken link",
        "in/one.jpg": "broken link",
        "in/two.jpg": "broken link",
        "in/above": "link to a folder",
    }


# Folders that nobody may look into


@pytest.mark.parametrize("max_partitions", [5000, 2, 1])
def test_a_folder_that_could_never_be_read_is_a_problem_until_it_can(shelf: Shelf, max_partitions: int) -> None:
    draw_photos(shelf.photos, ["a.jpg", "2021/b.jpg", "2021/locked/c.jpg", "lost+found/d.jpg"])
    locked = [shelf.photos / "2021" / "locked", shelf.photos / "lost+found"]
    shelf = Shelf(shelf.settings.model_copy(update={"max_partitions": max_partitions}), shelf.photos, shelf.engine)

    def failed() -> list[dict[str, Any]]:
        return shelf.rows("SELECT rel_path, code, attempts FROM failures")

    def due() -> tuple[str, ...]:
        return look(shelf.library.manifest, settle=False, every_file=True).due

    def while_locked() -> None:
        assert set(shelf.watch().partition_keys) >= set(due())
        shelf.inventory()
        assert due() == ()
        with shelf.library.manifest.write() as tx:
            failures.retry_transient(
                tx, [row["partition_key"] for row in tx.rows("SELECT partition_key FROM failures")]
            )
        assert failed() == [{"rel_path": "2021/locked", "code": "NO_PERMISSION", "attempts": 1}]

    def tried_again() -> None:
        with shelf.library.manifest.write() as tx:
            assert problems.retry(tx, Which()).count == 1
        assert len(due()) == 1, "asked for, it is looked at again"
        shelf.inventory()
        assert failed() == [{"rel_path": "2021/locked", "code": "NO_PERMISSION", "attempts": 2}]

    for folder in locked:
        folder.chmod(0)
    try:
        as_ordinary_user(while_locked)
        as_ordinary_user(tried_again)
    finally:
        for folder in locked:
            folder.chmod(0o755)
    assert due()
    shelf.inventory()
    assert failed() == []
    taken = shelf.rows("SELECT rel_path FROM files WHERE skip_reason IS NULL ORDER BY rel_path")
    assert [row["rel_path"] for row in taken] == ["2021/b.jpg", "2021/locked/c.jpg", "a.jpg"]


def test_where_the_way_down_ends_is_a_problem(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["a.jpg", "/".join([*["d"] * 90, "b.jpg"])])
    keys = shelf.watch().partition_keys
    assert set(shelf.inventory().unreadable) == {f"{shelf.photos}/" + "/".join(["d"] * 65)}
    assert len(keys) == 2
    assert shelf.failures() == {"/".join(["d"] * 65): "NO_PERMISSION"}
    assert look(shelf.library.manifest, settle=False, every_file=True).due == ()
