"""Pending work is files minus results minus failures at the same bytes, asked anew each time."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from drawn_photos import draw_photos
from shelf import CAPTIONER, CLIP, Shelf

from resources.clock import utc_now
from resources.imaging import DECODER_VERSION
from resources.manifest import failures, files, jobs, outbox, results
from resources.manifest.results import ResultKey


@pytest.fixture
def waiting(shelf: Shelf) -> Shelf:
    """Two hundred and fifty files in one folder and three in another, older ones in the small folder."""
    for folder, count, time in (("big", 250, 1_700_000_000), ("small", 3, 1_600_000_000)):
        (shelf.photos / folder).mkdir()
        for number in range(count):
            path = shelf.photos / folder / f"{number}.jpg"
            path.write_bytes(b"x")
            os.utime(path, (time + number,) * 2)
    shelf.watch()
    shelf.inventory()
    return shelf


def pending(shelf: Shelf, limit: int = 1000, version: str = DECODER_VERSION) -> list[str]:
    with shelf.library.manifest.read() as tx:
        return [each.rel_path for each in files.pending(tx, version, limit)]


def fail(shelf: Shelf, rel_path: str, code: str, **changed: object) -> None:
    (row,) = shelf.rows(
        "SELECT root_id, rel_path, partition_key, size_bytes, mtime_ns FROM files WHERE rel_path = ?", [rel_path]
    )
    with shelf.library.manifest.write() as tx:
        failures.record(
            tx,
            [
                {
                    **row, "sha256": None, "stage": "decoded_images", "code": code, "message": "It failed.",
                    "decoder_version": DECODER_VERSION, "page": 1, **changed,
                }
            ],
        )  # fmt: skip


def test_small_folder_is_not_stuck_behind_a_big_one(waiting: Shelf) -> None:
    order = pending(waiting)
    assert len(order) == 253
    assert order[0] == "big/249.jpg", "newest first"
    assert {name for name in order[:103] if name.startswith("small/")} == {f"small/{n}.jpg" for n in range(3)}


def test_limit_and_folders_narrow(waiting: Shelf) -> None:
    assert len(pending(waiting, 7)) == 7
    with waiting.library.manifest.read() as tx:
        small = next(key for key in files.pending_partitions(tx, DECODER_VERSION) if key.startswith("small~"))
        assert {each.rel_path for each in files.pending(tx, DECODER_VERSION, 10, [small])} == {
            "small/0.jpg", "small/1.jpg", "small/2.jpg",
        }  # fmt: skip
        assert files.pending(tx, DECODER_VERSION, 10, []) == []
        assert files.count_pending(tx, DECODER_VERSION) == 253
        assert list(files.count_pending_by_root(tx, DECODER_VERSION).values()) == [253]


def test_failure_settles_a_file_until_bytes_or_decoder_change(waiting: Shelf) -> None:
    fail(waiting, "small/0.jpg", "CORRUPT")
    assert "small/0.jpg" not in pending(waiting)
    assert "small/0.jpg" in pending(waiting, version="a newer decoder")
    (waiting.photos / "small" / "0.jpg").write_bytes(b"other")
    waiting.inventory()
    assert "small/0.jpg" in pending(waiting)


def test_failure_that_may_pass_is_tried_again_later_and_not_for_ever(waiting: Shelf) -> None:
    def later(minutes: int) -> None:
        with waiting.library.manifest.write() as tx:
            tx.execute("UPDATE failures SET last_at = last_at - ?", [timedelta(minutes=minutes)])

    for attempt in range(1, 6):
        fail(waiting, "small/0.jpg", "FILE_UNREADABLE")
        assert "small/0.jpg" not in pending(waiting), "not at once"
        assert waiting.value("SELECT attempts FROM failures") == attempt
        later(10 * attempt + 1)
        assert ("small/0.jpg" in pending(waiting)) is (attempt < 5)


def test_failure_keeps_when_it_first_happened(waiting: Shelf) -> None:
    fail(waiting, "small/0.jpg", "CORRUPT")
    first = waiting.value("SELECT first_at FROM failures")
    fail(waiting, "small/0.jpg", "TRUNCATED")
    (row,) = waiting.rows("SELECT code, attempts, first_at FROM failures")
    assert row == {"code": "TRUNCATED", "attempts": 2, "first_at": first}


def test_failures_are_counted_by_code(waiting: Shelf) -> None:
    fail(waiting, "small/0.jpg", "CORRUPT")
    fail(waiting, "small/1.jpg", "CORRUPT")
    fail(waiting, "small/2.jpg", "TRUNCATED")
    with waiting.library.manifest.write() as tx:
        assert failures.count_by_code(tx) == {"CORRUPT": 2, "TRUNCATED": 1}


def test_results_are_pending_for_each_model_alone(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.read() as tx:
        assert results.count_pending(tx, "embeddings", CLIP) == 0
        assert results.count_done(tx, "embeddings", CLIP) == 3
        for other in (
            ResultKey("another", CLIP.revision, CLIP.preprocess_version),
            ResultKey(CLIP.model, "2", CLIP.preprocess_version),
            ResultKey(CLIP.model, CLIP.revision, "2"),
        ):
            assert results.count_pending(tx, "embeddings", other) == 3
        assert results.count_pending(tx, "captions", CAPTIONER) == 3
        assert len(results.pending(tx, "captions", CAPTIONER, 2)) == 2


def test_failure_of_one_model_does_not_hold_back_another(shelf: Shelf) -> None:
    """Or a photo would stay without a vector after a change of models."""
    draw_photos(shelf.photos, 2)
    shelf.watch()
    shelf.model.fails_on = lambda image: True
    shelf.take_in()
    assert set(shelf.failures().values()) == {"EMBED_FAILED"}
    with shelf.library.manifest.read() as tx:
        assert results.count_pending(tx, "embeddings", CLIP) == 0
        assert results.count_pending(tx, "embeddings", ResultKey("another", "1", "1")) == 2


def test_results_of_photos_nobody_sees_are_not_pending(shelf: Shelf) -> None:
    gone, *_ = draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    gone.unlink()
    shelf.inventory()
    with shelf.library.manifest.read() as tx:
        assert results.count_pending(tx, "captions", CAPTIONER) == 2
        assert results.count_done(tx, "embeddings", CLIP) == 2


def test_result_put_twice_stands_once(shelf: Shelf) -> None:
    row = {"pixel_hash": "p", "sha256": "s", "text": "a cat", "created_at": utc_now()}
    with shelf.library.manifest.write() as tx:
        assert results.put(tx, "captions", CAPTIONER, [row, row]) == 1
        assert results.put(tx, "captions", CAPTIONER, [row]) == 0


# The log that the index follows, and the jobs


def test_outbox_numbers_grow_with_each_commit(shelf: Shelf) -> None:
    manifest = shelf.library.manifest
    for photo_id in ("a", "b", "c"):
        with manifest.write() as tx:
            assert outbox.push(tx, [photo_id, photo_id], "tags") == 1

    def push_and_fail() -> None:
        with manifest.write() as tx:
            outbox.push(tx, ["never"], "tags")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        push_and_fail()
    with manifest.read() as tx:
        rows = outbox.after(tx, 0, 10)
        assert [row["photo_id"] for row in rows] == ["a", "b", "c"]
        assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows})
        assert [row["photo_id"] for row in outbox.after(tx, rows[0]["seq"], 1)] == ["b"]
        assert outbox.newest_seq(tx) >= rows[-1]["seq"]


def test_trimmed_outbox_keeps_its_numbers(shelf: Shelf) -> None:
    with shelf.library.manifest.write() as tx:
        outbox.push(tx, [f"{number:03}" for number in range(50)], "tags")
        newest = outbox.newest_seq(tx)
        outbox.trim(tx, keep=10)
        assert len(outbox.after(tx, 0, 100)) == 10
        assert outbox.newest_seq(tx) == newest
        outbox.trim(tx, keep=0)
        assert outbox.newest_seq(tx) == newest
        outbox.push(tx, ["next"], "tags")
        assert outbox.after(tx, 0, 1)[0]["seq"] == newest + 1


def test_job_row_survives_a_retry_and_keeps_what_was_counted(shelf: Shelf) -> None:
    with shelf.library.manifest.write() as tx:
        jobs.queue(tx, "r", "ingest", "2 folders")
        jobs.start(tx, "r", "ingest", None)
        jobs.progress(tx, "r", {"decoded": {"done": 3, "total": 9}}, 4.5, 1.3)
        jobs.start(tx, "r", "ingest", None)
        jobs.queue(tx, "r", "ingest", None)
        jobs.progress(tx, "r", {"embedded": {"done": 1, "total": 9}}, None, None)
        row = jobs.get(tx, "r")
        assert row is not None
        assert (row["state"], row["target"], row["photos_per_s"]) == ("running", "2 folders", 4.5)
        assert row["stages"] == {"decoded": {"done": 3, "total": 9}, "embedded": {"done": 1, "total": 9}}
        jobs.finish(tx, "r", "failed", "DISK_FULL", "No space is left.")
        assert [each["run_id"] for each in jobs.list_recent(tx, state="failed")] == ["r"]
        assert jobs.list_recent(tx, state="running") == []
        jobs.progress(tx, "unknown", {}, None, None)
        assert jobs.get(tx, "unknown") is None
