"""Sidecars as pending work: read when they appear, change or go, without reading their photos again."""

from __future__ import annotations

import os
from pathlib import Path

from drawn_photos import draw_photo, write_rating
from shelf import ALL_STAGES, Shelf

_PACKET = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmp:Rating="{rating}"><dc:subject><rdf:Bag>{subjects}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def write_sidecar(path: Path, rating: int, *words: str) -> None:
    before = path.stat().st_mtime_ns if path.exists() else None
    subjects = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    path.write_text(_PACKET.format(rating=rating, subjects=subjects), encoding="utf-8")
    if before is not None and path.stat().st_mtime_ns <= before:  # a clock too coarse to tell
        os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


def said(shelf: Shelf) -> list[tuple[str, int | None, list[str]]]:
    rows = shelf.rows("SELECT file_name, rating, keywords FROM photos ORDER BY file_name")
    return [(row["file_name"], row["rating"], row["keywords"]) for row in rows]


def work(shelf: Shelf) -> tuple[int, int, int]:
    counts = shelf.take_in(stages=ALL_STAGES)
    assert counts.left == 0
    return counts.files_read, counts.sidecars, counts.embedding_model_images + counts.caption_model_images


def test_a_sidecar_is_read_with_its_photo(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    write_sidecar(shelf.photos / "a.xmp", 4, "lake")
    shelf.watch()
    assert work(shelf) == (1, 1, 2)
    assert said(shelf) == [("a.jpg", 4, ["lake"])]


def test_a_changed_sidecar_is_read_and_its_photo_is_not(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    write_sidecar(shelf.photos / "a.xmp", 4, "lake")
    shelf.watch()
    work(shelf)
    seq = shelf.newest_seq()

    write_sidecar(shelf.photos / "a.xmp", 5, "lake", "dawn")
    assert work(shelf) == (0, 1, 0)
    assert said(shelf) == [("a.jpg", 5, ["lake", "dawn"])]
    assert shelf.outbox_since(seq) == {shelf.photo_id("a.jpg")}
    assert work(shelf) == (0, 0, 0)


def test_a_sidecar_that_appears_later_and_goes_again(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    shelf.watch()
    work(shelf)
    write_sidecar(shelf.photos / "a.jpg.xmp", 3)
    assert work(shelf) == (0, 1, 0)
    assert said(shelf) == [("a.jpg", 3, [])]

    (shelf.photos / "a.jpg.xmp").unlink()
    assert work(shelf) == (0, 1, 0)
    assert said(shelf) == [("a.jpg", None, [])]


def test_an_edited_photo_keeps_what_its_sidecar_says(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    write_sidecar(shelf.photos / "a.xmp", 4, "lake")
    shelf.watch()
    work(shelf)
    write_rating(shelf.photos / "a.jpg", 1)
    assert work(shelf) == (1, 0, 0)
    assert said(shelf) == [("a.jpg", 4, ["lake"])]


def test_a_broken_sidecar_is_a_problem_file_and_its_photo_comes_in(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    (shelf.photos / "a.xmp").write_text("no packet at all", encoding="utf-8")
    shelf.watch()
    assert work(shelf) == (1, 0, 2)
    row = shelf.rows("SELECT stage, code, rel_path FROM failures")[0]
    assert row == {"stage": "sidecars", "code": "SIDECAR_INVALID", "rel_path": "a.jpg"}
    assert work(shelf) == (0, 0, 0)

    write_sidecar(shelf.photos / "a.xmp", 2)
    assert work(shelf) == (0, 1, 0)
    assert said(shelf) == [("a.jpg", 2, [])]
    assert shelf.failures() == {}


def test_a_broken_save_keeps_what_the_sidecar_said_before(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "a.jpg", 1)
    write_sidecar(shelf.photos / "a.xmp", 4, "lake")
    shelf.watch()
    work(shelf)
    (shelf.photos / "a.xmp").write_bytes(b"<x:xmpmeta")
    work(shelf)
    assert said(shelf) == [("a.jpg", 4, ["lake"])]
    assert shelf.failures() == {"a.jpg": "SIDECAR_INVALID"}


def test_a_copy_with_a_sidecar_of_its_own_the_newest_counts(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "one" / "a.jpg", 1)
    draw_photo(shelf.photos / "two" / "a.jpg", 1)
    write_sidecar(shelf.photos / "one" / "a.xmp", 1, "old")
    write_sidecar(shelf.photos / "two" / "a.xmp", 2, "new")
    newer = (shelf.photos / "one" / "a.xmp").stat().st_mtime_ns + 5_000_000_000
    os.utime(shelf.photos / "two" / "a.xmp", ns=(newer, newer))
    shelf.watch()
    work(shelf)
    assert said(shelf)[0][1] == 2
