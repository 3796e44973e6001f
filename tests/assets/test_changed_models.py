"""The stream while a model is changed: who sees what, in which order, and what is left after a kill."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import CAPTIONER, CLIP, InProcessEngine, PixelModel, Shelf

from assets import stream_writer
from assets.photo_stream import StreamCounts
from resources.clock import utc_now
from resources.engine import DecodeTask, Outcome, decode_worker
from resources.manifest import VectorStore, models, outbox, photos, results, written_captions
from resources.manifest.results import ResultKey
from resources.settings import Settings
from resources.vector_index import apply_outbox, open_index
from resources.vector_index.words import query

NEW_CLIP = ResultKey("mean-colours-two", "1", "1")
NEW_CAPTIONER = ResultKey("names-colours-two", "1", "1")
_spawn = multiprocessing.get_context("spawn")


class Wordier(PixelModel):
    """Says the same in other words, and remembers how bright the pictures were that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def load(self) -> Wordier:
        return self

    def caption(self, images: npt.NDArray[np.uint8]) -> list[str]:
        self.seen += [float(image.mean()) for image in images]
        return [text.replace("picture", "photograph") for text in super().caption(images)]


def embedded(shelf: Shelf, key: ResultKey) -> set[str]:
    """The pixel hashes that have a vector of this model, in the manifest and in the store."""
    said = {row["pixel_hash"] for row in shelf.rows("SELECT pixel_hash FROM embeddings WHERE model = ?", [key.model])}
    store = VectorStore(shelf.library.home, key.model, key.revision, key.preprocess_version)
    assert set(store.get(sorted(said))) == said
    return said


def behind(shelf: Shelf) -> int:
    """How many photos the model before finds and the new one does not yet."""
    with shelf.library.manifest.read() as tx:
        return results.count_behind(tx, "embeddings", NEW_CLIP, CLIP)


def use_captioner(shelf: Shelf, key: ResultKey) -> None:
    with shelf.library.manifest.write() as tx:
        models.use(tx, "captioner", key.model, key.revision, key.preprocess_version, None)


def caption_of(shelf: Shelf, photo_id: str) -> tuple[str, str | None]:
    with shelf.library.manifest.read() as tx:
        row = photos.get(tx, photo_id)
    assert row is not None
    return row["caption"], row["caption_model"]


def test_photos_that_arrive_during_a_change_are_seen_by_both_models_and_the_others_by_the_new_one(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 6)
    shelf.watch()
    shelf.take_in()
    change = (CLIP, utc_now() + timedelta(microseconds=1))
    first = shelf.stream(photos=2, clip=NEW_CLIP, going=change)
    assert (first.embedding_model_images, first.going_model_images) == (2, 0)

    draw_photos(shelf.photos, ["new0.jpg", "new1.png"], 500)
    rest = shelf.take_in(clip=NEW_CLIP, going=change)
    assert (rest.embedding_model_images, rest.going_model_images, rest.left) == (6, 2, 0)
    assert len(embedded(shelf, CLIP)) == 8
    assert embedded(shelf, CLIP) == embedded(shelf, NEW_CLIP)

    draw_photo(shelf.photos / "after.jpg", 900)
    after = shelf.take_in(clip=NEW_CLIP)  # the change is done
    assert (after.embedding_model_images, after.going_model_images) == (1, 0)
    assert len(embedded(shelf, CLIP)) == 8


def test_what_an_interrupted_run_left_of_new_photos_is_made_up_for_both_models(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    change = (CLIP, utc_now() + timedelta(microseconds=1))
    draw_photos(shelf.photos, ["new0.jpg", "new1.png"], 500)
    shelf.take_in(stages={"decoded_images"})  # killed before a model saw them
    counts = shelf.stream({"embeddings"}, clip=NEW_CLIP, going=change)
    assert (counts.embedding_model_images, counts.going_model_images) == (5, 2)
    assert embedded(shelf, CLIP) == embedded(shelf, NEW_CLIP)


def test_a_going_model_that_fails_is_no_photos_failure(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_photos(shelf.photos, 2)
    shelf.watch()
    shelf.inventory()
    good, broken = PixelModel(), PixelModel()
    broken.fails_on = lambda image: True
    loads = iter([good, broken])  # the model in use is loaded first
    monkeypatch.setattr(shelf.model, "load", lambda: next(loads))
    counts = shelf.stream(clip=NEW_CLIP, going=(CLIP, utc_now()))
    assert (counts.embedded, counts.failed, counts.left) == (2, 0, 0)
    assert shelf.failures() == {}
    assert len(embedded(shelf, NEW_CLIP)) == 2


def test_an_old_caption_stays_until_the_new_one_is_there_and_comes_back_without_the_model(shelf: Shelf) -> None:
    paths = draw_photos(shelf.photos, 5)
    for age, path in enumerate(paths):
        os.utime(path, (1_700_000_000 - age * 1000,) * 2)
    shelf.watch()
    use_captioner(shelf, CAPTIONER)
    shelf.take_in(stages={"decoded_images", "embeddings", "captions"})
    ids = [shelf.photo_id(path.name) for path in paths]
    with shelf.library.manifest.write() as tx:
        written_captions.write(tx, {ids[4]: "grandmother's garden"})
    old = {photo_id: caption_of(shelf, photo_id) for photo_id in ids}
    assert {model for _, model in list(old.values())[:4]} == {CAPTIONER.model}

    use_captioner(shelf, NEW_CAPTIONER)
    assert {photo_id: caption_of(shelf, photo_id) for photo_id in ids} == old
    shelf.model = Wordier()
    shelf.stream({"captions"}, photos=2, captioner=NEW_CAPTIONER)
    assert [caption_of(shelf, photo_id)[1] for photo_id in ids[:4]] == [NEW_CAPTIONER.model] * 2 + [CAPTIONER.model] * 2
    assert shelf.stream({"captions"}, captioner=NEW_CAPTIONER).left == 0
    assert caption_of(shelf, ids[3])[0] == old[ids[3]][0].replace("picture", "photograph")
    assert caption_of(shelf, ids[4]) == ("grandmother's garden", None)

    index = open_index(shelf.settings, None)
    apply_outbox(shelf.library.manifest, None, index)
    asked = shelf.model.captioned
    use_captioner(shelf, CAPTIONER)  # and back
    assert shelf.stream({"captions"}).caption_model_images == 0
    assert shelf.model.captioned == asked
    assert {photo_id: caption_of(shelf, photo_id) for photo_id in ids} == old
    apply_outbox(shelf.library.manifest, None, index)
    shown = index.get(ids)
    assert {
        photo_id: (shown[photo_id].payload["caption"], shown[photo_id].payload.get("caption_model")) for photo_id in ids
    } == old
    assert all(shown[photo_id].payload["caption_at"] > 1_700_000_000 for photo_id in ids)
    index.close()


def test_newest_photos_are_captioned_first_whatever_their_folder(shelf: Shelf) -> None:
    draw_photos(shelf.photos, [f"{folder}/{number}.jpg" for folder in ("a", "b", "c") for number in range(3)])
    for age, name in enumerate(["b/1", "c/2", "a/0", "b/0", "c/0", "a/1", "a/2", "b/2", "c/1"]):
        os.utime(shelf.photos / f"{name}.jpg", (1_700_000_000 - age * 1000,) * 2)
    shelf.watch()
    shelf.take_in()
    with shelf.library.manifest.read() as tx:
        folders = [key.partition("~")[0] for key in results.pending_partitions(tx, "captions", CAPTIONER)]
        waiting = [each.rel_path for each in results.pending(tx, "captions", CAPTIONER, 4)]
    assert [folder[-1] for folder in folders] == ["b", "c", "a"]
    assert waiting == ["b/1.jpg", "c/2.jpg", "a/0.jpg", "b/0.jpg"]
    for _ in range(3):
        shelf.stream({"captions"}, photos=3)
        done = shelf.rows(
            "SELECT min(f.mtime_ns) AS oldest FROM files f JOIN previews v USING (sha256) "
            "JOIN captions USING (pixel_hash)"
        )
        waits = shelf.rows(
            "SELECT max(f.mtime_ns) AS newest FROM files f JOIN previews v USING (sha256) "
            "WHERE v.pixel_hash NOT IN (SELECT pixel_hash FROM captions)"
        )
        assert waits[0]["newest"] is None or waits[0]["newest"] < done[0]["oldest"]


def test_photos_whose_preview_was_culled_hold_the_change_until_the_new_model_saw_them(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 5)
    shelf.watch()
    shelf.take_in()
    for path in list(shelf.library.home.previews.rglob("*.jpg"))[:3]:
        path.unlink()
    first = shelf.stream({"embeddings"}, clip=NEW_CLIP)
    assert (first.embedded, first.failed, first.left, behind(shelf)) == (2, 0, 3, 3)
    with shelf.library.manifest.read() as tx:
        assert len(results.embedded_photos(tx, CLIP)) == 5, "search by the model before shows all of them"
    again = shelf.stream(clip=NEW_CLIP)
    assert (again.decoded, again.embedded, again.left, behind(shelf)) == (3, 3, 0, 0)


def test_originals_that_cannot_be_reached_wait_for_their_disk_and_are_nobodys_failure(
    shelf: Shelf, tmp_path: Path
) -> None:
    draw_photos(shelf.photos, 3)
    shelf.watch()
    shelf.take_in()
    for path in shelf.library.home.previews.rglob("*.jpg"):
        path.unlink()
    away = shelf.photos.rename(tmp_path / "asleep")
    assert shelf.stream({"embeddings"}, clip=NEW_CLIP).failed == 0
    shelf.inventory()
    for _ in range(3):  # nothing is tried in vain
        idle = shelf.stream(clip=NEW_CLIP)
        assert (idle.totals.get("embedded", 0), idle.decoded, behind(shelf)) == (0, 0, 3)
    assert shelf.failures() == {}
    away.rename(shelf.photos)
    shelf.inventory()
    assert (shelf.stream(clip=NEW_CLIP).embedded, behind(shelf)) == (3, 0)


def test_an_original_that_is_broken_now_holds_no_change_for_ever(shelf: Shelf) -> None:
    [path, _] = draw_photos(shelf.photos, 2)
    shelf.watch()
    shelf.take_in()
    for preview in shelf.library.home.previews.rglob("*.jpg"):
        preview.unlink()
    shelf.stream({"embeddings"}, clip=NEW_CLIP)
    info = path.stat()
    path.write_bytes(bytes(info.st_size))
    os.utime(path, ns=(info.st_mtime_ns, info.st_mtime_ns))
    counts = shelf.stream(clip=NEW_CLIP)
    assert (counts.failed, counts.embedded, behind(shelf)) == (1, 1, 0)


def test_a_preview_that_cannot_be_read_now_is_tried_again_later(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_photos(shelf.photos, 2)
    shelf.watch()
    shelf.take_in()
    with monkeypatch.context() as patch:
        patch.setattr(decode_worker._Worker, "outcome", _killed)
        assert shelf.stream({"embeddings"}, clip=NEW_CLIP).failed == 2
    assert set(shelf.failures().values()) == {"PREVIEW_UNREADABLE"}
    at_once = shelf.stream({"embeddings"}, clip=NEW_CLIP)
    assert (at_once.embedded, at_once.failed, behind(shelf)) == (0, 0, 2)
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE failures SET last_at = last_at - INTERVAL 1 HOUR")
    later = shelf.stream({"embeddings"}, clip=NEW_CLIP)
    assert (later.embedded, shelf.failures(), behind(shelf)) == (2, {}, 0)


def _killed(worker: object, task: DecodeTask) -> Outcome:
    """As the engine says it of a worker that the system ended."""
    return Outcome(task, "failed", code="DECODE_CRASH", message="The decoder crashed on this file (SIGKILL).")


def _caption_and_die(home: str, folder: str, batches: int) -> None:
    """A process that captions and is killed after so many flushes of a batch each."""
    stream_writer._FLUSH_PHOTOS = 32
    settings = Settings(home=Path(home), decode_workers=1)
    shelf = Shelf(settings, Path(folder), InProcessEngine(settings))
    flushed = [0]

    def die(counts: StreamCounts) -> None:
        flushed[0] += 1
        if flushed[0] >= batches:
            os.kill(os.getpid(), signal.SIGKILL)

    shelf.stream({"captions"}, on_flush=die)


def test_captions_go_on_after_a_kill_where_they_were_and_search_shows_them(shelf: Shelf) -> None:
    draw_photos(shelf.photos, 90)
    shelf.watch()
    use_captioner(shelf, CAPTIONER)
    shelf.take_in()
    doomed = _spawn.Process(target=_caption_and_die, args=(str(shelf.settings.home), str(shelf.photos), 1))
    doomed.start()
    doomed.join(120)
    assert doomed.exitcode == -signal.SIGKILL
    done = shelf.value("SELECT count(*) FROM captions")
    assert 0 < done < 90
    index = open_index(shelf.settings, None)
    apply_outbox(shelf.library.manifest, None, index)
    assert len(index.matching(query([("picture", 1.0)]), 200)) == done

    counts = shelf.stream({"captions"})
    assert (counts.caption_model_images, counts.left) == (90 - done, 0)
    assert shelf.value("SELECT count(*) FROM captions") == 90
    assert shelf.value("SELECT count(DISTINCT pixel_hash) FROM captions") == 90
    with shelf.library.manifest.read() as tx:
        assert outbox.newest_seq(tx) > (index.applied_seq or 0)
    apply_outbox(shelf.library.manifest, None, index)
    assert len(index.matching(query([("picture", 1.0)]), 200)) == 90
    index.close()
