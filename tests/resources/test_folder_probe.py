"""Folders that answer, that cannot be read, and that never answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from shelf import Shelf

from resources import folder_probe
from resources.directories import browse_roots, check_offered
from resources.errors import LoupeError
from resources.folder_probe import FolderProbe, reachable
from resources.settings import Settings
from resources.watching import look


class Sleeping:
    """A share whose server sleeps: whoever asks for this folder waits until it wakes."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.awake = threading.Event()
        self.asked = 0

    def can_be_read(self, path: str) -> bool:
        if path == self.path:
            self.asked += 1
            self.awake.wait(60)
        return folder_probe._can_be_read(path)


def test_what_is_there_can_be_reached_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert reachable(str(tmp_path))
    assert not reachable(str(tmp_path / "file"))
    assert not reachable(str(tmp_path / "gone"))


def test_a_folder_that_never_answers_is_offline_and_holds_up_no_other(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "Other"
    other.mkdir()
    for folder in (shelf.photos, other):
        (folder / "a.jpg").write_bytes(b"x")
        shelf.watch(folder)
    share = Sleeping(shelf.photos)
    monkeypatch.setattr(folder_probe, "_probe", FolderProbe(share.can_be_read, patience_s=1.0))

    for _ in range(3):
        report = look(shelf.library.manifest, settle=False)
        assert report.offline_roots == (str(shelf.photos),)
        assert len(report.due) == 1, "the other folder is looked at all the same"
    assert share.asked == 1, "while a question hangs there is no second one"

    share.awake.set()
    for thread in threading.enumerate():
        if thread.name == "folder probe":
            thread.join(10)
    report = look(shelf.library.manifest, settle=False)
    assert (report.offline_roots, len(report.due)) == ((), 2)


def test_a_folder_that_never_answers_is_refused_before_anybody_looks_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Sleeping(tmp_path / "share")
    monkeypatch.setattr(folder_probe, "_probe", FolderProbe(share.can_be_read, patience_s=0.1))
    for roots in ((), (tmp_path,)):
        with pytest.raises(LoupeError) as refused:
            check_offered(Settings(home=tmp_path / "home", browse_roots=roots), str(share.path))
        assert refused.value.code == "ROOT_OFFLINE"
    sleeping_root = Settings(home=tmp_path / "home", browse_roots=(Path(share.path), tmp_path / "other"))
    check_offered(sleeping_root, str(tmp_path / "other"))
    assert browse_roots(sleeping_root) == []
    share.awake.set()
