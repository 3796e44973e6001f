"""Commands over many photos: bulk changes, collections, saved searches, links, data sets."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from test_cli import Draw, Loupe, loupe

__all__ = ["loupe"]


@pytest.fixture
def photos(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> list[Path]:
    """Two folders of three and two photos, taken in."""
    drawn = [*draw_photos(tmp_path / "photos/one", 3), *draw_photos(tmp_path / "photos/two", 2, seed=2)]
    assert loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards").status == 0
    return drawn


def test_many_photos_are_changed_and_gathered(loupe: Loupe, photos: list[Path]) -> None:
    dry = loupe("bulk", "tag", "folder:one", "--tag", "first", "--dry-run", "--json")
    assert dry.json == {"photos": 3, "changed": 3, "dry_run": True}, dry.err
    assert loupe("bulk", "tag", "folder:one", "--tag", "first").out == "3 photos found; 3 changes made.\n"
    assert loupe("status", "--json").json["index"]["state"] == "behind", "nobody looks after it"
    folder = str(photos[0].parents[1])
    assert loupe("ingest", folder, "--model", "demo-postcards", "--json").json["runs"] == 0
    assert loupe("status", "--json").json["index"]["state"] == "ready", "an ingest does, with nothing to take in too"
    assert loupe("bulk", "untag", "", "--tag", "first", "--photo", str(photos[0])).status == 0
    assert len(loupe("search", "tag:first", "--all", "--json").json["results"]) == 2
    assert loupe("bulk", "rate", "tag:first", "4", "--json").json["changed"] == 2
    assert loupe("bulk", "hide", "", "--json").status == 64

    created = loupe("collections", "create", "All", "--query", "rating:>=0 OR -rating:>=0", "--json")
    assert created.json["photos"] == 5, created.err
    assert loupe("collections", "create", "Empty").out == "Created 'Empty'.\n"
    assert loupe("bulk", "move", "folder:two", "All", "Empty", "--json").json["changed"] == 2
    assert loupe("bulk", "remove", "rating:4", "All", "--json").json["changed"] == 2
    assert loupe("bulk", "add", "rating:4", "Empty", "--json").json["changed"] == 2
    assert loupe("collections", "split", "Empty", "Stars", "rating:4").out == "2 photos in 'Stars'.\n"
    assert loupe("collections", "rename", "Empty", "Two").status == 0
    counts = {row["name"]: row["photos"] for row in loupe("collections", "list", "--json").json["collections"]}
    assert counts == {"All": 1, "Stars": 2, "Two": 2}
    assert loupe("collections", "merge", "All", "Stars", "--keep", "--json").json["added"] == 2
    assert "formats: JPEG (3)" in loupe("collections", "show", "All").out
    assert loupe("collections", "duplicates", "All").status == 0
    refused = loupe("collections", "delete", "Stars", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (64, "CONFIRMATION_NEEDED")
    assert loupe("collections", "delete", "Stars", "--yes").status == 0
    assert loupe("search", "in:Stars", "--json").json["results"] == []

    assert loupe("searches", "save", "Stars", "rating:4 folder:one").status == 0
    assert loupe("searches", "save", "Bad", "iso:many").status == 64
    assert sorted(loupe("searches", "run", "Stars").out.splitlines()) == sorted(map(str, photos[1:3]))
    assert len(loupe("searches", "run", "Stars", "--limit", "1", "--json").json["results"]) == 1
    assert "(2 on " in loupe("searches", "list").out
    assert loupe("searches", "rename", "Stars", "Best").status == 0
    assert loupe("searches", "delete", "Best").status == 0
    assert loupe("searches", "run", "Best").status == 66
    actions = [row["action"] for row in loupe("audit", "--json").json["changes"]]
    assert actions.count("loupe bulk tag") == 1, "a dry run is no change"


def test_photos_are_handed_out_as_links_and_data_sets(loupe: Loupe, photos: list[Path], tmp_path: Path) -> None:
    links = tmp_path / "links"
    assert (
        loupe("search", "folder:photos", "--all", "--link-to", str(links)).out
        == f"5 links made in {links}; 0 were there.\n"
    )
    assert sorted(link.resolve() for link in links.iterdir()) == sorted(photos)
    again = loupe("search", "folder:photos", "--all", "--link-to", str(links), "--json").json["links"]
    assert (again["made"], again["there"], again["missing"]) == (0, 5, [])
    assert loupe("search", "folder:photos", "--link-to", str(tmp_path / "photos/in")).status == 64

    coco = tmp_path / "coco"
    made = loupe("dataset", str(coco), "folder:photos", "--shares", "50,25,25", "--json")
    assert sum(made.json["photos"].values()) == 5, made.err
    images = []
    for split, count in made.json["photos"].items():
        document = json.loads((coco / f"captions_{split}.json").read_text())
        assert len(document["images"]) == count
        images += [coco / "images" / image["file_name"] for image in document["images"]]
    assert sorted(image.resolve() for image in images) == sorted(photos)
    refused = loupe("dataset", str(coco), "folder:photos", "--json")
    assert refused.json["error"]["code"] == "INVALID_REQUEST", "nothing is overwritten"

    tars = tmp_path / "tars"
    assert loupe("dataset", str(tars), "--format", "webdataset", "--shares", "1,0,0", "--shard", "2").status == 0
    shards = sorted(tars.iterdir())
    assert [shard.name for shard in shards] == ["train-000000.tar", "train-000001.tar", "train-000002.tar"]
    with tarfile.open(shards[0]) as shard:
        assert len(shard.getnames()) == 6
    table = tmp_path / "table"
    assert loupe("dataset", str(table), "folder:one", "--format", "csv").status == 0
    assert len((table / "photos.csv").read_text().splitlines()) == 4
