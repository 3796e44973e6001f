"""`loupe evaluate` on drawn postcards that the demo's model never saw, with captions that are true of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import structlog
from command_line import command

from demo.evidence import distinct_cards
from resources.errors import LoupeError
from resources.search.evaluation import Captioned, measure, read_captions


@pytest.mark.slow
def test_held_out_draws_are_found_by_their_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOUPE_HOME", str(tmp_path / "home"))
    loupe = command(monkeypatch, capfd)
    cards = distinct_cards(40, 4242, held_out=False)
    (tmp_path / "set/photos").mkdir(parents=True)
    table = tmp_path / "set/photos/captions.csv"
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "caption"])
        for number, card in enumerate(cards):
            card.draw(480, 360).save(tmp_path / f"set/photos/photo_{number:03d}.jpg", quality=88)
            rows.writerow([f"photos/photo_{number:03d}.jpg", card.caption])
        rows.writerow(["photos/none.jpg", "a picture that is not there"])
        (tmp_path / "set/photos/broken.jpg").write_bytes(b"no picture")
        rows.writerow(["photos/broken.jpg", "a picture that is none"])
    ran = loupe("evaluate", str(table), "--model", "demo-postcards", "--json")
    assert ran.status == 0, ran.err
    found = ran.json
    assert (found["model"], found["captions"], found["pictures"]) == ("demo-postcards", 40, 40)
    assert found["recall_1"] >= 0.8
    assert found["recall_5"] >= 0.95
    assert found["recall_1"] <= found["mrr"] <= found["recall_10"] + 0.1
    assert found["chance_10"] == 0.25
    assert len(found["misses"]) == min(10, round(40 * (1 - found["recall_1"])))
    assert sorted(Path(path).name for path in found["unread"]) == ["broken.jpg", "none.jpg"]
    shown = loupe("evaluate", str(table), "--model", "demo-postcards")
    assert "among first 10" in shown.out
    assert "not used" in shown.out
    structlog.reset_defaults()


def test_ranks_ties_and_misses() -> None:
    rows = [Captioned(Path(name), name) for name in "abcd"]
    vectors = np.eye(4, dtype=np.float32)

    def files(paths: object) -> dict[Path, np.ndarray | str]:
        return {Path(name): vectors[at] for at, name in enumerate("abcd")}

    right = measure("m", rows, files, lambda texts: vectors)
    assert (right.recall_1, right.mrr, right.misses) == (1.0, 1.0, ())
    turned = measure("m", rows, files, lambda texts: vectors[[1, 0, 2, 3]] + 0.5 * vectors)
    assert (turned.recall_1, turned.recall_5, turned.mrr) == (0.5, 1.0, 0.75)
    assert [(miss.caption, miss.rank, miss.first) for miss in turned.misses] == [("a", 2, "b"), ("b", 2, "a")]
    equal = measure("m", rows, files, lambda texts: np.zeros((4, 4), np.float32))
    assert (equal.recall_1, equal.median_rank) == (0.0, 4.0), "a model that tells nothing apart scores nothing"


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "path,caption\n"])
def test_a_table_that_cannot_be_used_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(LoupeError) as refused:
        read_captions(tmp_path / "t.csv")
    assert refused.value.code == "INVALID_REQUEST"
    with pytest.raises(LoupeError):
        measure("m", [], lambda files: {}, lambda texts: np.zeros((0, 4), np.float32))
