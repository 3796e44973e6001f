"""The photo stream, from files to pixels to vectors to captions, over real files, workers and DuckDB."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
from drawn_photos import draw_photo, draw_photos, retouch, write_rating
from PIL import Image
from shelf import ALL_STAGES, CLIP, InProcessEngine, Shelf, as_numbers

from assets.photo_stream import StreamCounts, _Content, _each_or_all
from resources.engine import DecodeTask, Outcome
from resources.engine.tasks import Claim
from resources.errors import LoupeError
from resources.imaging import DECODER_VERSION
from resources.manifest import files, integrity, photos, problems, results
from resources.manifest.problems import Which
from resources.photo_store import PhotoStore
from resources.repair import forget_lost_pictures


def work(counts: StreamCounts) -> dict[str, int]:
    """What a run spent: reads, decodes and model images."""
    numbers = as_numbers(counts)
    return {
        name: numbers[name]
        for name in ("files_read", "bytes_read", "decoded", "embedding_model_images", "caption_model_images")
    }


NOTHING = dict.fromkeys(("files_read", "bytes_read", "decoded", "embedding_model_images", "caption_model_images"), 0)


def sizes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def assert_whole(shelf: Shelf) -> None:
    """Every file accounted for, no row twice, nothing pending, every vector and preview where it should be."""
    with shelf.library.manifest.read() as tx:
        pending = files.count_pending(tx, DECODER_VERSION)
        assert pending == 0
        assert integrity.unaccounted_files(tx, pending) == 0
        assert set(integrity.duplicate_rows(tx).values()) == {0}
        assert results.count_pending(tx, "embeddings", CLIP) == 0
        hashes = {pixel_hash for _, pixel_hash in results.embedded_photos(tx, CLIP)}
    store = PhotoStore(shelf.library.home)
    assert all(store.has(pixel_hash) for pixel_hash in hashes)
    assert shelf.vectors.get(sorted(hashes)).keys() == hashes


# One pass


def test_every_original_is_read_exactly_once(shelf_with_workers: Shelf) -> None:
    shelf = shelf_with_workers
    draw_photos(shelf.photos, 12)
    shelf.watch()
    counts = shelf.take_in(stages=ALL_STAGES)

    assert (counts.files_read, counts.bytes_read) == (12, sizes(shelf.photos))
    assert (counts.decoded, counts.embedded, counts.captioned, counts.failed, counts.left) == (12, 12, 12, 0, 0)
    assert (shelf.model.embedded, shelf.model.captioned) == (12, 12)
    assert_whole(shelf)


def test_vectors_are_unit_norm_and_belong_to_their_photos(shelf: Shelf) -> None:
    """The model answers from pixels alone, so a vector that was mixed up with a neighbour's would show."""
    draw_photos(shelf.photos, [f"{number}.png" for number in range(40)])  # more than one device batch
    shelf.watch()
    shelf.take_in()
    rows = shelf.rows(
        "SELECT f.rel_path, v.pixel_hash FROM files f JOIN photos p USING (photo_id) "
        "JOIN previews v ON v.sha256 = p.sha256 ORDER BY f.rel_path"
    )
    stored = shelf.vectors.get([row["pixel_hash"] for row in rows])
    vectors = np.stack([stored[row["pixel_hash"]] for row in rows])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for number, row in enumerate(rows):
        with Image.open(shelf.photos / row["rel_path"]) as picture:
            square = picture.convert("RGB").resize((43, 32), Image.Resampling.BICUBIC).crop((5, 0, 37, 32))
        expected = shelf.model.embed_images(np.asarray(square)[None])[0]
        assert int((vectors @ expected).argmax()) == number, row["rel_path"]


def test_photo_rows_carry_what_the_camera_wrote(shelf: Shelf) -> None:
    draw_photo(shelf.photos / "2021" / "a.jpg", 0)
    shelf.watch()
    shelf.take_in()
    (row,) = shelf.rows("SELECT * FROM photos")
    assert (row["camera_model"], row["f_number"], row["iso"]) == ("Canon EOS R5", 2.8, 200)
    assert row["taken_at"].isoformat() == "2021-03-14T09:26:53"
    assert (row["file_name"], row["width"], row["height"], row["format"]) == ("a.jpg", 160, 120, "JPEG")


def test_second_run_reads_decodes_and_embeds_nothing(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 6)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    before, loads = shelf.newest_seq(), shelf.model.loads
    counts = shelf.take_in(stages=ALL_STAGES)
    assert work(counts) == NOTHING
    assert shelf.model.loads == loads, "a model was loaded with nothing to look at"
    assert shelf.newest_seq() == before, "search was told of changes that are none"


def test_copies_are_decoded_and_embedded_once(shelf_with_workers: Shelf) -> None:
    shelf = shelf_with_workers
    original = draw_photo(shelf.photos / "a.jpg", 1).read_bytes()
    for name in ("backup/a.jpg", "backup/b.jpg", "c.jpg"):
        (shelf.photos / name).parent.mkdir(exist_ok=True)
        (shelf.photos / name).write_bytes(original)
    shelf.watch()
    counts = shelf.take_in()
    assert (counts.files_read, counts.decoded, counts.known) == (4, 1, 3)
    assert shelf.model.embedded == 1
    assert shelf.value("SELECT count(*) FROM photos") == 1
    assert len({shelf.photo_id(name) for name in ("a.jpg", "c.jpg", "backup/a.jpg", "backup/b.jpg")}) == 1
    assert_whole(shelf)


def test_what_is_known_is_found_by_the_head_of_its_hash(shelf: Shelf) -> None:
    paths = draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    heads = {path: hashlib.sha256(path.read_bytes()).digest()[:16] for path in paths}
    with shelf.library.manifest.read() as tx:
        for some in (paths, paths[1:2]):
            known = photos.known_content(tx, [path.stat().st_size for path in some])
            assert {head.tobytes() for head in known} >= {heads[path] for path in some}
            assert (known[:-1] < known[1:]).all()
        assert photos.known_content(tx, []).tolist() == []


def test_heads_that_end_in_zeros_are_told_apart() -> None:
    def hashed(head: str) -> str:
        return head.ljust(32, "0") + "a" * 32

    heads = [bytes.fromhex(hashed(head)[:32]) for head in ("00", "61", "6100ff")]
    content = _Content(np.sort(np.array(heads, dtype="S16")))
    assert [content.claim(hashed(head)) for head in ("00", "61", "6100ff")] == [False, False, False]
    assert [content.claim(hashed(head)) for head in ("01", "6100", "6101", "ff")] == [True, False, True, True]


def test_each_flush_is_visible_and_wakes_the_index(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.inventory()
    seen: list[int] = []
    shelf.stream(on_flush=lambda counts: seen.append(shelf.newest_seq()))
    assert seen, "no flush was reported"
    assert seen[-1] > 0, "a flush was reported before it was committed"
    assert shelf.library.home.outbox_wake.exists()


def test_stage_counts_never_promise_less_than_is_done(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 5)
    (shelf.photos / "broken.jpg").write_bytes(b"not a picture at all")
    shelf.watch()
    counts = shelf.take_in(stages=ALL_STAGES)
    assert counts.stages()["decoded"] == {"done": 6, "total": 6}
    assert counts.stages()["captioned"] == {"done": 5, "total": 5}
    assert all(stage["done"] <= stage["total"] for stage in counts.stages().values())


# Broken files and models


def test_broken_files_are_recorded_while_their_neighbours_come_in(shelf_with_workers: Shelf) -> None:
    shelf = shelf_with_workers
    draw_photos(shelf.photos, 4)
    (shelf.photos / "empty.jpg").touch()
    (shelf.photos / "letter.jpg").write_bytes(b"Dear Sir or Madam, " * 20)
    (shelf.photos / "notes").write_text("a name that promises nothing")
    shelf.watch()
    counts = shelf.take_in()
    assert (counts.decoded, counts.failed, counts.skipped) == (4, 2, 1)
    assert shelf.failures() == {"empty.jpg": "EMPTY_FILE", "letter.jpg": "NOT_AN_IMAGE"}
    assert shelf.value("SELECT skip_reason FROM files WHERE rel_path = 'notes'") == "not a photo"
    assert_whole(shelf)

    assert work(shelf.take_in()) == NOTHING, "a file that failed is not tried again while it stays the same"


class LastFirst(InProcessEngine):
    """Outcomes come in any order; here a copy's before that of the file whose bytes are being decoded."""

    def decode(self, tasks: Iterable[DecodeTask], claim: Claim, stop: threading.Event) -> Iterator[Outcome]:
        yield from reversed(list(super().decode(tasks, claim, stop)))


def test_copies_wait_for_the_file_that_is_being_decoded(shelf: Shelf) -> None:
    shelf.engine = LastFirst(shelf.settings)
    draw_photo(shelf.photos / "a.jpg", 1)
    (shelf.photos / "b.jpg").write_bytes((shelf.photos / "a.jpg").read_bytes())
    shelf.watch()
    counts = shelf.take_in()
    assert (counts.decoded, counts.known, counts.left) == (1, 1, 0)
    assert shelf.photo_id("a.jpg") == shelf.photo_id("b.jpg")


def test_copies_of_a_broken_file_all_fail(shelf: Shelf) -> None:
    shelf.engine = LastFirst(shelf.settings)
    for name in ("a.jpg", "b.jpg"):
        (shelf.photos / name).write_bytes(b"\xff\xd8\xff\xe0" + b"nothing that decodes " * 9)
    shelf.watch()
    shelf.take_in()
    assert set(shelf.failures()) == {"a.jpg", "b.jpg"}
    assert_whole(shelf)


def test_mended_file_comes_in_and_its_failure_goes(shelf: Shelf) -> None:
    (shelf.photos / "a.jpg").write_bytes(b"half a copy")
    shelf.watch()
    shelf.take_in()
    assert set(shelf.failures()) == {"a.jpg"}
    draw_photo(shelf.photos / "a.jpg", 1)
    assert shelf.take_in().decoded == 1
    assert shelf.failures() == {}


def test_retry_tries_a_failed_file_again(shelf: Shelf) -> None:
    (shelf.photos / "a.jpg").write_bytes(b"no picture")
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.write() as tx:
        assert problems.retry(tx, Which()).count == 1
    assert set(shelf.failures()) == {"a.jpg"}, "listed until it was tried"
    assert shelf.stream().failed == 1
    assert shelf.value("SELECT attempts FROM failures") == 2
    assert shelf.stream().failed == 0, "not again without being asked"


def test_retry_of_what_a_model_failed_on_forgets_it_when_it_does_not_fail_again(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 2)
    shelf.watch()
    look_at = shelf.model.embed_images

    def fails(images: np.ndarray) -> np.ndarray:
        raise ValueError("no answer")

    shelf.model.embed_images = fails  # type: ignore[method-assign]
    shelf.take_in()
    assert shelf.value("SELECT count(*) FROM failures WHERE stage = 'embeddings'") == 2
    with shelf.library.manifest.write() as tx:
        assert problems.retry(tx, Which()).count == 2
    shelf.model.embed_images = look_at  # type: ignore[method-assign]
    assert shelf.stream().embedded == 2
    assert shelf.failures() == {}


def test_a_photo_with_a_warning_is_read_again_on_demand(shelf: Shelf) -> None:
    cut, _ = draw_photos(shelf.photos, ["cut.jpg", "whole.jpg"])
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.write() as tx:
        assert problems.warning_kinds(tx, Which()) == {"TRUNCATED": 1}
        again = problems.reread(tx, Which(codes=["TRUNCATED"]))
    assert (again.count, again.paths) == (1, (str(cut),))
    counts = shelf.stream()
    assert (counts.decoded, counts.embedding_model_images) == (1, 0)
    with shelf.library.manifest.read() as tx:
        assert problems.warning_kinds(tx, Which()) == {"TRUNCATED": 1}, "the bytes are as they were"
    assert_whole(shelf)


def test_file_that_vanishes_after_the_inventory_is_a_failure_of_its_own(shelf: Shelf) -> None:
    gone, *_ = draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.inventory()
    gone.unlink()
    counts = shelf.stream()
    assert (counts.decoded, counts.failed) == (2, 1)
    assert shelf.failures() == {gone.name: "FILE_VANISHED"}
    shelf.take_in()
    assert shelf.failures() == {}, "the next inventory knows that it is gone"


def test_file_that_changes_after_the_inventory_is_taken_as_it_was_read(shelf: Shelf) -> None:
    changed = draw_photo(shelf.photos / "a.jpg", 1)
    shelf.watch()
    shelf.inventory()
    retouch(changed, 1)
    shelf.stream()
    (row,) = shelf.rows("SELECT sha256, size_bytes, mtime_ns FROM files")
    assert row == {
        "sha256": shelf.sha256("a.jpg"),
        "size_bytes": changed.stat().st_size,
        "mtime_ns": changed.stat().st_mtime_ns,
    }
    assert work(shelf.take_in()) == NOTHING


@pytest.mark.parametrize(("stage", "code"), [("embeddings", "EMBED_FAILED"), ("captions", "CAPTION_FAILED")])
def test_model_that_fails_on_one_photo_costs_that_photo(shelf: Shelf, stage: str, code: str) -> None:
    draw_photos(shelf.photos, 5)
    Image.new("RGB", (160, 120), (255, 0, 255)).save(shelf.photos / "magenta.png")
    shelf.model.fails_on = lambda image: np.abs(image.mean(axis=(0, 1)) - [255, 0, 255]).max() < 3
    shelf.watch()
    counts = shelf.take_in(stages={"decoded_images", stage})
    assert counts.decoded == 6
    assert counts.embedded + counts.captioned == 5
    assert shelf.failures() == {"magenta.png": code}
    assert counts.left == 0


def test_vector_that_is_no_number_is_a_failure(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    honest = shelf.model.embed_images

    def dishonest(images: np.ndarray) -> np.ndarray:
        vectors = honest(images)
        vectors[0] = np.nan
        return vectors

    shelf.model.embed_images = dishonest  # type: ignore[method-assign]
    counts = shelf.take_in()
    assert (counts.embedded, counts.failed) == (2, 1)
    assert list(shelf.failures().values()) == ["EMBED_FAILED"]
    assert "nan" not in shelf.value("SELECT message FROM failures"), "a message is a sentence, not an array"
    assert shelf.vectors.count() == 2


def children() -> set[psutil.Process]:
    """Of this process, those that other tests have it keep among them."""
    return set(psutil.Process().children(recursive=True))


def test_model_that_cannot_be_loaded_ends_the_run_with_the_photos_kept(shelf_with_workers: Shelf) -> None:
    shelf = shelf_with_workers
    draw_photos(shelf.photos, 3)
    shelf.watch()
    strangers = children()

    def load() -> None:
        raise LoupeError("MODEL_FILES_INVALID", "The model's files are damaged.")

    shelf.model.load = load  # type: ignore[assignment, method-assign]
    with pytest.raises(LoupeError) as caught:
        shelf.take_in()
    assert caught.value.code == "MODEL_FILES_INVALID"
    assert shelf.value("SELECT count(*) FROM photos") == 3
    assert children() <= strangers


def test_home_that_cannot_store_pictures_ends_the_run_and_blames_no_photo(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.inventory()
    previews = shelf.library.home.previews
    previews.rmdir()
    previews.write_text("a file where the folder should be")
    with pytest.raises(LoupeError) as caught:
        shelf.stream()
    assert caught.value.code == "HOME_NOT_WRITABLE"
    assert shelf.failures() == {}
    previews.unlink()
    assert shelf.stream().decoded == 3
    assert_whole(shelf)


# Limits


def test_photo_limit_leaves_the_rest_pending(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 10)
    shelf.watch()
    first = shelf.take_in(photos=4)
    assert (first.decoded, first.left) == (4, 6)
    second = shelf.stream(photos=4)
    third = shelf.stream(photos=4)
    assert [each.decoded for each in (second, third)] == [4, 2]
    assert third.left == 0
    assert first.bytes_read + second.bytes_read + third.bytes_read == sizes(shelf.photos)
    assert_whole(shelf)


def test_newest_photos_come_first(shelf: Shelf) -> None:
    for day, path in enumerate(draw_photos(shelf.photos, [f"{number}.png" for number in range(6)])):
        os.utime(path, (1_600_000_000 + 86_400 * day,) * 2)
    shelf.watch()
    shelf.take_in(photos=2)
    assert {row["file_name"] for row in shelf.rows("SELECT file_name FROM photos")} == {"5.png", "4.png"}


def test_time_limit_ends_the_run(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 10)
    shelf.watch()
    counts = shelf.take_in(seconds=0.0)
    assert (counts.decoded, counts.left) == (0, 10)
    assert shelf.stream().left == 0


def test_stop_keeps_what_is_finished(shelf_with_workers: Shelf) -> None:
    shelf = shelf_with_workers
    draw_photos(shelf.photos, 30)
    shelf.watch()
    shelf.inventory()
    strangers = children()
    stop = threading.Event()
    look_at = shelf.model.embed_images

    def stop_then_look(images: np.ndarray) -> np.ndarray:
        stop.set()
        return look_at(images)

    shelf.model.embed_images = stop_then_look  # type: ignore[method-assign]
    counts = shelf.stream(photos=20, stop=stop)
    assert children() <= strangers
    assert shelf.value("SELECT count(*) FROM photos") == counts.decoded > 0
    shelf.stream()
    assert_whole(shelf)
    assert shelf.value("SELECT count(*) FROM photos") == 30


def test_run_over_some_folders_leaves_the_others(shelf: Shelf) -> None:
    draw_photos(shelf.photos, ["north/a.jpg", "north/b.jpg", "south/c.jpg"])
    keys = shelf.watch().partition_keys
    north = [key for key in keys if key.startswith("north~")]
    shelf.inventory()
    counts = shelf.stream(partition_keys=north)
    assert (counts.decoded, counts.left) == (2, 1)


# From previews


@pytest.mark.parametrize(("stage", "made"), [("embeddings", "embedded"), ("captions", "captioned")])
def test_subset_run_looks_at_previews_and_never_at_originals(shelf_with_workers: Shelf, stage: str, made: str) -> None:
    shelf = shelf_with_workers
    draw_photos(shelf.photos, 5)
    shelf.watch()
    shelf.take_in(stages={"decoded_images"})
    assert (shelf.model.embedded, shelf.model.captioned) == (0, 0)
    for path in shelf.photos.iterdir():
        path.unlink()
    counts = shelf.stream(stages={stage})
    assert getattr(counts, made) == 5
    assert (counts.files_read, counts.bytes_read, counts.decoded, counts.failed) == (0, 0, 0, 0)


def test_vectors_from_previews_agree_with_those_from_originals(shelf: Shelf, tmp_path: Path) -> None:
    draw_photos(shelf.photos, 4)
    shelf.watch()
    shelf.take_in()
    settings = shelf.settings.model_copy(update={"home": tmp_path / "other"})
    other = Shelf(settings, shelf.photos, InProcessEngine(settings))
    other.watch()
    other.take_in(stages={"decoded_images"})
    other.stream(stages={"embeddings"})
    hashes = [row["pixel_hash"] for row in shelf.rows("SELECT pixel_hash FROM previews")]
    first, second = shelf.vectors.get(hashes), other.vectors.get(hashes)
    assert len(first) == len(second) == 4
    assert all(float(first[each] @ second[each]) > 0.999 for each in hashes)


def test_lost_preview_is_made_again_from_its_original(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in(stages={"decoded_images"})
    lost = shelf.value("SELECT min(pixel_hash) FROM previews")
    damaged = shelf.value("SELECT max(pixel_hash) FROM previews")
    store = PhotoStore(shelf.library.home)
    store.preview_path(lost).unlink()
    store.preview_path(damaged).write_bytes(b"")
    first = shelf.stream(stages=ALL_STAGES)
    assert (first.embedded, first.failed) == (1, 0)
    second = shelf.stream(stages=ALL_STAGES)
    assert second.decoded == 2
    assert_whole(shelf)
    assert shelf.value("SELECT count(*) FROM captions") == 3


# What an edit costs


def test_editors_save_keeps_photo_tags_collections_and_needs_no_model(shelf: Shelf) -> None:
    from resources.manifest import collections, photos, tags

    photo = draw_photo(shelf.photos / "a.jpg", 1)
    draw_photos(shelf.photos, ["b.jpg"], first_seed=2)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    photo_id = shelf.photo_id("a.jpg")
    with shelf.library.manifest.write() as tx:
        tags.add(tx, [photo_id], "holiday")
        collections.create(tx, "Lisbon")
        collections.add_photos(tx, "Lisbon", [photo_id])

    write_rating(photo, 5)
    counts = shelf.take_in(stages=ALL_STAGES)
    assert counts.decoded == 1
    assert (counts.embedding_model_images, counts.caption_model_images) == (0, 0)
    assert shelf.photo_id("a.jpg") == photo_id
    with shelf.library.manifest.read() as tx:
        kept = photos.get(tx, photo_id)
    assert kept is not None
    assert (kept["tags"], kept["collections"], kept["sha256"]) == (["holiday"], ["Lisbon"], shelf.sha256("a.jpg"))
    assert kept["caption"]


def test_edited_picture_keeps_its_photo_and_is_looked_at_again(shelf: Shelf) -> None:
    photo = draw_photo(shelf.photos / "a.jpg", 1)
    shelf.watch()
    shelf.take_in()
    photo_id = shelf.photo_id("a.jpg")
    retouch(photo, 1)
    counts = shelf.take_in()
    assert (counts.decoded, counts.embedding_model_images) == (1, 1)
    assert shelf.photo_id("a.jpg") == photo_id
    assert shelf.value("SELECT count(*) FROM photos") == 1


def test_moved_folder_costs_nothing_and_loses_nothing(shelf: Shelf) -> None:
    """With new times on its files, as some programs leave them, it costs a read of each and no more."""
    draw_photos(shelf.photos / "Lisbon", 6)
    draw_photos(shelf.photos, ["stays.jpg"], first_seed=99)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    before = {path.name: shelf.photo_id(f"Lisbon/{path.name}") for path in (shelf.photos / "Lisbon").iterdir()}

    (shelf.photos / "Lisbon").rename(shelf.photos / "Portugal")
    assert work(shelf.take_in(stages=ALL_STAGES)) == NOTHING
    moved = (shelf.photos / "Portugal").rename(shelf.photos / "Portugal 2021")
    for path in moved.iterdir():
        os.utime(path)
    counts = shelf.take_in(stages=ALL_STAGES)
    assert work(counts) == {**NOTHING, "files_read": 6, "bytes_read": sizes(moved)}
    assert {name: shelf.photo_id(f"Portugal 2021/{name}") for name in before} == before
    assert shelf.value("SELECT count(*) FROM photos") == 7


# Kills and memory


@pytest.mark.slow
def test_killed_stream_goes_on_where_it_was(shelf_with_workers: Shelf) -> None:
    """SIGKILL at random moments; then every photo is there exactly once, and what was flushed is not done again."""
    shelf = shelf_with_workers
    draw_photos(shelf.photos, 320)
    shelf.watch()
    shelf.inventory()
    moments = random.Random(20260101)
    for _ in range(4):
        before = shelf.value("SELECT count(*) FROM photos")
        process = subprocess.Popen(
            [sys.executable, "-c", _STREAM, str(shelf.settings.home), str(shelf.photos)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        with process, process.stdout as flushes:  # type: ignore[union-attr]
            for _ in range(moments.randint(1, 4)):
                assert flushes.readline() == "flushed\n", "the run ended before it was killed"
            time.sleep(moments.uniform(0.0, 0.1))
            process.kill()
        assert shelf.value("SELECT count(*) FROM photos") > before, "a kill took away finished work"

    done = shelf.value("SELECT count(*) FROM photos")
    assert done < 320, "no run was killed in the middle; the test shows nothing"
    counts = shelf.stream()
    assert counts.decoded == 320 - done
    assert_whole(shelf)
    assert shelf.value("SELECT count(*) FROM photos") == 320


_STREAM = """
import pathlib, sys
import assets.stream_writer as stream_writer
from resources.settings import Settings
from shelf import Shelf
stream_writer._FLUSH_PHOTOS = 5  # flush often, so that kills fall into flushes as well
shelf = Shelf(Settings(home=sys.argv[1], decode_workers=2), pathlib.Path(sys.argv[2]))
shelf.stream(on_flush=lambda counts: print("flushed", flush=True))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_folder(shelf: Shelf) -> None:
    """Six hundred pictures pass through; held at once they would be 600 x 0.9 MB."""
    draw_photos(shelf.photos, 60)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)  # what is loaded once is loaded now
    draw_photos(shelf.photos / "more", [f"{number}.jpg" for number in range(600)], first_seed=1000)
    shelf.inventory()
    process = psutil.Process()
    before, peak = process.memory_info().rss, 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        counts = shelf.stream(stages=ALL_STAGES)
    finally:
        done.set()
        watcher.join()
    assert counts.decoded == 600
    assert peak - before < 200e6, f"grew by {(peak - before) / 1e6:.0f} MB"


def test_captions_have_a_budget_of_their_own(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 8)
    shelf.watch()
    shelf.inventory()
    counts = shelf.stream(ALL_STAGES, photos=4)
    assert (counts.decoded, counts.embedded, counts.captioned) == (4, 4, 4)


def test_deleted_previews_and_thumbnails_are_made_again_without_a_model(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 4)
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    store, home = shelf.library.store, shelf.library.home
    first, second, *_ = sorted(store.pixel_hashes())
    store.preview_path(first).unlink()
    store.thumbnail_path(second).write_bytes(b"")  # what a power cut leaves
    assert forget_lost_pictures(shelf.library.manifest, store) == 2
    counts = shelf.stream(ALL_STAGES)
    assert (counts.decoded, counts.embedding_model_images, counts.caption_model_images) == (2, 0, 0)
    assert store.preview_path(first).stat().st_size > 0
    assert store.thumbnail_path(second).stat().st_size > 0
    assert len(list(home.previews.glob("*/*.jpg"))) == 4
    assert forget_lost_pictures(shelf.library.manifest, store) == 0


def test_picture_that_the_model_refuses_by_code_costs_itself_alone() -> None:
    """The encoder says `EMBED_FAILED` of a picture without a finite vector; other codes are no picture's fault."""

    def refuses_dark(batch: npt.NDArray[np.uint8]) -> list[float]:
        if (batch.reshape(len(batch), -1).max(axis=1) == 0).any():
            raise LoupeError("EMBED_FAILED", "A picture has no finite vector.")
        return [float(image.mean()) for image in batch]

    images = [np.full((2, 2, 3), value, dtype=np.uint8) for value in (10, 0, 30)]
    first, refused, last = _each_or_all(refuses_dark, images)
    assert (first, last) == (10.0, 30.0)
    assert isinstance(refused, LoupeError)

    def out_of_memory(batch: npt.NDArray[np.uint8]) -> list[float]:
        raise LoupeError("OUT_OF_MEMORY", "Even one does not fit.")

    with pytest.raises(LoupeError, match="Even one"):
        _each_or_all(out_of_memory, images)
