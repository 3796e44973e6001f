"""Sidecars beside real photos: their names, what becomes of those that are there, and what Loupe reads back."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import ALL_STAGES, Shelf

from resources.errors import LoupeError
from resources.exchange.sidecar_files import SidecarReport, sidecar_name, write_sidecars
from resources.manifest import collections, given_ratings, photos, tags, written_captions
from resources.sidecars import read_sidecar, sidecar_candidates

SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:crs="http://ns.adobe.com/camera-raw/"
 xmp:Rating="2" xmp:Label="Green" crs:Exposure2012="+0.35"/></rdf:RDF></x:xmpmeta>"""


def taken_in(shelf: Shelf, *names: str) -> list[str]:
    draw_photos(shelf.photos, names)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    return [shelf.photo_id(name) for name in names]


def say(shelf: Shelf, photo_id: str, *words: str, rating: int | None = None, caption: str | None = None) -> None:
    with shelf.library.manifest.write() as tx:
        for word in words:
            tags.add(tx, [photo_id], word)
        if rating is not None:
            given_ratings.give(tx, {photo_id: rating})
        if caption is not None:
            written_captions.write(tx, {photo_id: caption})


def write(shelf: Shelf, photo_ids: list[str] | None = None, **options: Any) -> SidecarReport:
    return write_sidecars(shelf.library, photo_ids, **options)


def files(shelf: Shelf) -> dict[str, bytes]:
    found = (path for path in shelf.photos.rglob("*") if path.is_file())
    return {str(path.relative_to(shelf.photos)): path.read_bytes() for path in found}


def shown(shelf: Shelf, photo_id: str) -> dict[str, Any]:
    """What a person sees of a photo."""
    with shelf.library.manifest.read() as tx:
        row = photos.get(tx, photo_id)
    assert row is not None
    words = {*(row["tags"] or ()), *(row["keywords"] or ())}
    return {name: row[name] for name in ("rating", "caption", "title", "taken_at", "color_label")} | {"words": words}


@pytest.mark.parametrize(
    ("name", "photo_format", "sidecar"),
    [
        ("IMG_1.CR3", "CR3", "IMG_1.xmp"),
        ("IMG_1.dng", "DNG", "IMG_1.xmp"),
        ("IMG_1.jpg", "JPEG", "IMG_1.jpg.xmp"),
        ("IMG_1.NEF", "JPEG", "IMG_1.NEF.xmp"),
        ("scan.TIF", "TIFF", "scan.TIF.xmp"),
        (".nef", "NEF", ".nef.xmp"),
        ("noname", "NEF", "noname.xmp"),
    ],
)
def test_a_new_sidecar_has_the_name_under_which_it_is_looked_for(name: str, photo_format: str, sidecar: str) -> None:
    assert sidecar_name(name, photo_format) == sidecar
    assert sidecar.lower() in sidecar_candidates(name)


def test_what_was_said_is_written_and_read_back_without_a_decode(shelf: Shelf) -> None:
    a, b, _ = taken_in(shelf, "a.jpg", "deep/b.png", "silent.jpg")
    say(shelf, a, "lake", "Places|Spain", rating=4, caption="Oma\nam See")
    say(shelf, b, rating=-1)
    before, seen = files(shelf), [shown(shelf, each) for each in (a, b)]

    tried = write(shelf, dry_run=True)
    assert files(shelf) == before
    report = write(shelf)
    assert (report.created, report.changed, report.refused) == (tried.created, tried.changed, []) == (2, 0, [])
    after = files(shelf)
    assert set(after) - set(before) == {"a.jpg.xmp", "deep/b.png.xmp"}
    assert {name: after[name] for name in before} == before

    counts = shelf.take_in(stages=ALL_STAGES)
    assert (counts.files_read, counts.sidecars, counts.left) == (0, 2, 0)
    assert counts.embedding_model_images == counts.caption_model_images == 0
    again = [shown(shelf, each) for each in (a, b)]
    assert again[0].pop("words") == seen[0].pop("words") - {"Places|Spain"} | {"Spain", "Places|Spain"}
    assert again == seen
    row = shelf.rows("SELECT rating, description, keywords FROM photos WHERE photo_id = ?", [a])[0]
    assert row == {"rating": 4, "description": "Oma\nam See", "keywords": ["lake", "Spain"]}

    assert write(shelf).unchanged == 2
    assert files(shelf) == after
    counts = shelf.take_in(stages=ALL_STAGES)
    assert (counts.files_read, counts.sidecars) == (0, 0)


@pytest.mark.parametrize("name", ["a.xmp", "A.XMP", "a.jpg.xmp", "a.JPG.XMP"])
def test_a_sidecar_that_is_there_keeps_its_name_and_what_it_says(shelf: Shelf, name: str) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    (shelf.photos / name).write_text(SIDECAR)
    os.chmod(shelf.photos / name, 0o640)
    [a] = taken_in(shelf, "a.jpg")
    say(shelf, a, "lake")
    report = write(shelf)
    assert (report.created, report.changed, report.paths) == (0, 1, [str(shelf.photos / name)])
    assert set(files(shelf)) == {"a.jpg", name, f"{name}~"}
    assert (shelf.photos / f"{name}~").read_text() == SIDECAR
    assert stat.S_IMODE((shelf.photos / name).stat().st_mode) == 0o640
    text = (shelf.photos / name).read_text()
    assert all(kept in text for kept in ('xmp:Rating="2"', 'xmp:Label="Green"', 'crs:Exposure2012="+0.35"'))

    counts = shelf.take_in(stages=ALL_STAGES)
    assert (counts.files_read, counts.sidecars) == (0, 1)
    assert shown(shelf, a)["color_label"] == "Green"
    assert shelf.value("SELECT count(*) FROM files WHERE skip_reason = 'sidecar'") == 2

    say(shelf, a, "sea")
    write(shelf)
    assert (shelf.photos / f"{name}~").read_text() == text


def test_a_word_that_is_taken_back_leaves_the_sidecar(shelf: Shelf) -> None:
    [a] = taken_in(shelf, "a.jpg")
    say(shelf, a, "lake", rating=4, caption="Oma")
    write(shelf)
    shelf.take_in(stages=ALL_STAGES)
    with shelf.library.manifest.write() as tx:
        tags.remove(tx, [a], "lake")
        given_ratings.forget(tx, [a])
        written_captions.clear(tx, [a])
    assert write(shelf).changed == 1
    said = read_sidecar((shelf.photos / "a.jpg.xmp").read_bytes(), "a.jpg.xmp")
    assert (said.keywords, said.rating, said.description) == ((), None, None)
    report = write(shelf)
    assert (report.created, report.changed) == (0, 0)
    shelf.take_in(stages=ALL_STAGES)
    assert shown(shelf, a)["words"] == set()


def test_only_the_photos_that_were_meant(shelf: Shelf) -> None:
    a, b = taken_in(shelf, "a.jpg", "b.jpg")
    for each in (a, b):
        say(shelf, each, "x")
    with shelf.library.manifest.write() as tx:
        collections.create(tx, "Best")
        collections.add_photos(tx, "Best", [b])
        assert collections.photo_ids(tx, "Best") == [b]
        assert tags.photo_ids(tx, "x") == sorted([a, b])
    assert write(shelf, [b]).paths == [str(shelf.photos / "b.jpg.xmp")]
    assert not (shelf.photos / "a.jpg.xmp").exists()


def test_photos_that_share_a_sidecar_speak_together(shelf: Shelf) -> None:
    """A pair of RAW and JPEG beside Lightroom's sidecar: it says what was said of either, whichever was meant."""
    for name, seed in (("IMG_1.jpg", 1), ("IMG_1.png", 2)):
        draw_photo(shelf.photos / name, seed)
    (shelf.photos / "IMG_1.xmp").write_text(SIDECAR)
    a, b = taken_in(shelf, "IMG_1.jpg", "IMG_1.png")
    say(shelf, a, "of the one", rating=1)
    say(shelf, b, "of the other", rating=5)
    write(shelf, [a])
    said = read_sidecar((shelf.photos / "IMG_1.xmp").read_bytes(), "IMG_1.xmp")
    assert (set(said.keywords), said.rating) == ({"of the one", "of the other"}, 5)
    assert write(shelf).unchanged == 1


def test_every_copy_of_a_photo_gets_its_sidecar(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    shutil.copy(shelf.photos / "a.jpg", shelf.photos / "copy.jpg")
    shelf.watch()
    shelf.take_in(stages={"decoded_images"})
    say(shelf, shelf.photo_id("a.jpg"), "lake")
    assert write(shelf).created == 2
    os.unlink(shelf.photos / "copy.jpg")
    os.unlink(shelf.photos / "copy.jpg.xmp")
    shelf.take_in(stages={"decoded_images"})
    assert write(shelf).unchanged == 1


def test_computed_captions_only_when_asked_and_not_over_a_persons(shelf: Shelf) -> None:
    a, b = taken_in(shelf, "a.jpg", "b.jpg")
    say(shelf, b, caption="Oma")
    assert write(shelf).created == 1
    assert write(shelf, computed_captions=True).created == 1
    said = read_sidecar((shelf.photos / "b.jpg.xmp").read_bytes(), "b")
    assert said.description == "Oma"
    packet = (shelf.photos / "a.jpg.xmp").read_text()
    assert "names-colours@1" in packet
    computed = shown(shelf, a)["caption"]
    assert f">{computed}<" in packet

    shelf.take_in(stages=ALL_STAGES)
    assert shown(shelf, a)["caption"] == computed
    assert shelf.value("SELECT description FROM photos WHERE photo_id = ?", [a]) is None  # no person said it


def test_what_may_not_be_written_is_reported_and_the_rest_goes_on(shelf: Shelf) -> None:
    names = ["locked/a.jpg", "open/b.jpg", "open/broken.jpg", "open/linked.jpg", "open/fixed.jpg"]
    ids = taken_in(shelf, *names)
    for each in ids:
        say(shelf, each, "lake")
    (shelf.photos / "open" / "broken.xmp").write_text("no packet")
    (shelf.photos / "elsewhere").write_text(SIDECAR)
    (shelf.photos / "open" / "linked.jpg.xmp").symlink_to(shelf.photos / "elsewhere")
    (shelf.photos / "open" / "fixed.jpg.xmp").write_text(SIDECAR)
    os.chmod(shelf.photos / "open" / "fixed.jpg.xmp", 0o444)
    os.chmod(shelf.photos / "locked", 0o555)
    before = files(shelf)
    try:
        for dry_run in (True, False):
            report = write(shelf, dry_run=dry_run)
            assert report.paths == [str(shelf.photos / "open" / "b.jpg.xmp")]
            assert {(Path(each.path).name, each.code) for each in report.refused} == {
                ("a.jpg.xmp", "SIDECAR_NOT_WRITABLE"),
                ("broken.xmp", "SIDECAR_INVALID"),
                ("linked.jpg.xmp", "SIDECAR_NOT_WRITABLE"),
                ("fixed.jpg.xmp", "SIDECAR_NOT_WRITABLE"),
            }
    finally:
        os.chmod(shelf.photos / "locked", 0o755)
    after = files(shelf)
    assert set(after) - set(before) == {"open/b.jpg.xmp"}
    assert {name: after[name] for name in before} == before


def test_a_folder_that_is_gone_is_reported(shelf: Shelf) -> None:
    a, b = taken_in(shelf, "gone/a.jpg", "here/b.jpg")
    for each in (a, b):
        say(shelf, each, "lake")
    shutil.rmtree(shelf.photos / "gone")
    report = write(shelf)
    assert report.created == 1
    assert [each.code for each in report.refused] == ["SIDECAR_NOT_WRITABLE"]


def test_photos_that_are_hidden_missing_or_offline_get_none(shelf: Shelf) -> None:
    a, b, c = taken_in(shelf, "a.jpg", "b.jpg", "c.jpg")
    for each in (a, b, c):
        say(shelf, each, "lake")
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE photos SET hidden_at = now() WHERE photo_id = ?", [a])
        tx.execute("UPDATE files SET missing_since = now() WHERE photo_id = ?", [b])
    assert write(shelf).paths == [str(shelf.photos / "c.jpg.xmp")]
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE roots SET state = 'offline'")
        tags.add(tx, [c], "sea")
    assert write(shelf).paths == []


def test_a_full_disk_ends_it_and_leaves_what_was_there(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    [a] = taken_in(shelf, "a.jpg")
    (shelf.photos / "a.jpg.xmp").write_text(SIDECAR)
    say(shelf, a, "lake")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LoupeError) as refused:
        write(shelf)
    assert refused.value.code == "DISK_FULL"
    assert set(files(shelf)) == {"a.jpg", "a.jpg.xmp"}
    assert (shelf.photos / "a.jpg.xmp").read_text() == SIDECAR


def test_a_sidecar_that_another_program_saves_meanwhile_is_merged_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    [a] = taken_in(shelf, "a.jpg")
    target = shelf.photos / "a.jpg.xmp"
    target.write_text(SIDECAR)
    say(shelf, a, "lake")
    original, saved = os.fsync, []

    def save_first(handle: int) -> None:
        if not saved:
            saved.append(True)
            target.write_text(SIDECAR.replace("Green", "Yellow!"))
        original(handle)

    monkeypatch.setattr(os, "fsync", save_first)
    assert write(shelf).changed == 1
    text = target.read_text()
    assert "Yellow!" in text
    assert "lake" in text
    assert set(files(shelf)) == {"a.jpg", "a.jpg.xmp", "a.jpg.xmp~"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only an administrator gives files away")
def test_the_owner_stays(shelf: Shelf) -> None:
    [a] = taken_in(shelf, "a.jpg")
    target = shelf.photos / "a.jpg.xmp"
    target.write_text(SIDECAR)
    os.chown(target, 12345, 23456)
    say(shelf, a, "lake")
    write(shelf)
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 23456)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_finds_what_was_said(shelf: Shelf) -> None:
    [a] = taken_in(shelf, "a.jpg")
    say(shelf, a, "lake", "Places|Spain", rating=3, caption="Größe & <Art>")
    write(shelf)
    ran = subprocess.run(
        ["exiftool", "-j", "-G1", "-struct", str(shelf.photos / "a.jpg.xmp")], capture_output=True, check=True
    )
    row = json.loads(ran.stdout)[0]
    assert "ExifTool:Warning" not in row
    assert row["XMP-dc:Subject"] == ["lake", "Spain"]
    assert row["XMP-lr:HierarchicalSubject"] == ["lake", "Places|Spain"]
    assert row["XMP-digiKam:TagsList"] == ["lake", "Places/Spain"]
    assert (row["XMP-xmp:Rating"], row["XMP-dc:Description"]) == (3, "Größe & <Art>")
