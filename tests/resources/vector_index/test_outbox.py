"""The index follows the manifest: every change, once, whatever was interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from index_library import MODEL, Library, OpenHome, photo_id, pixel_hash, vector

from resources.manifest import collections, outbox, roots, tags
from resources.vector_index import And, AnyOf, IndexModel, Offline, VectorIndex, apply_outbox, verify
from resources.vector_index import outbox as outbox_module
from resources.vector_index.outbox import AppliedCounts
from resources.vector_index.points import PhotoPoint, Vector
from resources.vector_index.words import query

Opened = Callable[..., VectorIndex]


def snapshot(index: VectorIndex) -> dict[str, Any]:
    """Everything that the index shows, comparable."""
    ids = index.ids(None, 10_000)
    return {
        found: (held.payload, None if held.vector is None else np.round(held.vector, 5).tolist())
        for found, held in index.get(ids, vectors=True).items()
    }


def found_by(index: VectorIndex, text: str) -> list[str]:
    return [hit.photo_id for hit in index.matching(query([(text, 1.0)]), 10)]


def test_a_decoded_photo_is_shown_before_it_is_embedded(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    library.add(range(5), taken_at=datetime(2024, 5, 1, 12, 30), camera_make="NIKON", camera_model="Z 8", rating=4)
    counts = apply_outbox(library.manifest, library.vectors(), index)
    assert (counts.upserted, counts.embedded, counts.rebuilt) == (5, 0, True)
    held = index.get([photo_id(0)], vectors=True)[photo_id(0)]
    assert held.vector is None
    expected = {
        "camera": "NIKON Z 8",
        "taken_at": (datetime(2024, 5, 1, 12, 30) - datetime(1970, 1, 1)).total_seconds(),
        "paths": ["/photos/holiday/trip/IMG_0000.jpg"],
        "folders": ["/", "/photos", "/photos/holiday", "/photos/holiday/trip"],
        "rating": 4,
        "orientation_kind": "landscape",
        "has_gps": False,
        "embedded": False,
        "offline": False,
        "pixel_hash": pixel_hash(0),
    }
    assert {key: held.payload.get(key) for key in expected} == expected

    library.embed(range(3))
    counts = apply_outbox(library.manifest, library.vectors(), index)
    assert (counts.upserted, counts.embedded, counts.rebuilt) == (3, 3, False)
    assert index.embedded_count() == 3
    assert index.nearest(vector(2), 1)[0].photo_id == photo_id(2)
    assert index.applied_seq == library.newest_seq()


def test_applying_again_does_nothing(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    library.add(range(5))
    apply_outbox(library.manifest, library.vectors(), index)
    before = snapshot(index)
    counts = apply_outbox(library.manifest, library.vectors(), index)
    assert (counts.upserted, counts.deleted, counts.rebuilt) == (0, 0, False)
    assert snapshot(index) == before


def test_captions_tags_and_collections_become_searchable(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    library.add(range(4))
    apply_outbox(library.manifest, library.vectors(), index)
    library.caption(1, "a lighthouse at dusk")
    with library.manifest.write() as tx:
        tags.add(tx, [photo_id(2)], "Sommer")
        collections.create(tx, "Best of")
        collections.add_photos(tx, "Best of", [photo_id(2), photo_id(3)])
    counts = apply_outbox(library.manifest, library.vectors(), index)
    assert counts.upserted == 3  # each photo once, however often it changed
    assert index.get([photo_id(1)])[photo_id(1)].payload["caption"] == "a lighthouse at dusk"
    assert found_by(index, "lighthouses") == [photo_id(1)]
    assert found_by(index, "sommer") == [photo_id(2)]
    both = And((AnyOf("collections", ("Best of",)), AnyOf("tags", ("Sommer",))))
    assert index.browse(5, 0, both) == [photo_id(2)]
    assert set(found_by(index, "trip holiday")) == {photo_id(n) for n in range(4)}


def test_missing_and_hidden_photos_leave_and_come_back(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(MODEL)
    library.add(range(4))
    library.embed(range(4))
    apply_outbox(library.manifest, library.vectors(), index)
    before = snapshot(index)
    library.set_missing(1, datetime(2024, 1, 1))
    with library.manifest.write() as tx:
        tx.execute("UPDATE photos SET hidden_at = ? WHERE photo_id = ?", [datetime(2024, 1, 1), photo_id(2)])
        outbox.push(tx, [photo_id(2)], "hidden")
    assert apply_outbox(library.manifest, library.vectors(), index).deleted == 2
    assert set(index.ids(None, 10)) == {photo_id(0), photo_id(3)}

    library.set_missing(1, None)
    with library.manifest.write() as tx:
        tx.execute("UPDATE photos SET hidden_at = NULL")
        outbox.push(tx, [photo_id(2)], "hidden")
    apply_outbox(library.manifest, library.vectors(), index)
    assert snapshot(index) == before


def test_a_photo_on_an_unplugged_disk_stays_and_is_marked_offline(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(None)
    library.add(range(2))
    apply_outbox(library.manifest, None, index)
    for state, offline in (("offline", 2), ("vanished", 2), ("online", 0)):
        with library.manifest.write() as tx:
            assert roots.set_state(tx, "root", state)
        counts = apply_outbox(library.manifest, None, index)
        assert (counts.upserted, len(index.browse(5)), index.count(Offline())) == (0, 2, offline)
        with library.manifest.read() as tx:
            assert roots.reached(tx) == {"root": not offline}


def test_an_edit_does_not_wait_for_all_photos_of_a_folder_that_moved(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = opened(None)
    library.add(range(60))
    apply_outbox(library.manifest, None, index)
    last = max(photo_id(number) for number in range(60))
    with library.manifest.write() as tx:
        roots.set_path(tx, "root", "/photos/moved")
        outbox.push(tx, [photo_id(number) for number in range(60)], "paths")
        tags.add(tx, [last], "beach")
    monkeypatch.setattr(outbox_module, "_OUTBOX_ROWS", 10)
    shown: list[tuple[int, list[str]]] = []

    def look(counts: AppliedCounts) -> None:
        moved = index.count(AnyOf("folders", ("/photos/moved",)))
        shown.append((moved, index.browse(5, 0, AnyOf("tags", ("beach",)))))

    apply_outbox(library.manifest, None, index, progress=look)
    assert shown[0] == (11, [last])
    assert shown[-1] == (60, [last])
    assert index.applied_seq == library.newest_seq()


def test_a_new_model_is_a_new_generation_built_without_a_model(library: Library, opened: Opened) -> None:
    library.add(range(30))
    library.caption(7, "a lighthouse")
    plain = opened(None)
    apply_outbox(library.manifest, None, plain)
    assert (plain.count(), plain.embedded_count()) == (30, 0)
    plain.close()

    library.embed(range(20))
    index = opened(MODEL)
    assert index.applied_seq is None
    counts = apply_outbox(library.manifest, library.vectors(), index)
    assert (counts.upserted, counts.embedded, counts.rebuilt) == (30, 20, True)
    assert index.nearest(vector(11), 1)[0].photo_id == photo_id(11)
    assert found_by(index, "lighthouse") == [photo_id(7)]
    assert verify(library.manifest, index).same


def test_vectors_of_another_model_or_form_are_not_taken(library: Library, opened: Opened) -> None:
    library.add(range(4))
    library.embed([0])
    library.embed([1], IndexModel(MODEL.name, "another revision", MODEL.preprocess_version, 8))
    library.embed([2])
    library.embed([3])
    vectors = library.vectors()

    class Damaged:
        def get(self, pixel_hashes: Sequence[str]) -> dict[str, np.ndarray]:
            found = {**vectors.get(pixel_hashes), pixel_hash(2): np.full(8, np.nan, np.float32)}
            return {key: value for key, value in found.items() if key != pixel_hash(3)}

    index = opened()
    counts = apply_outbox(library.manifest, Damaged(), index)
    assert (counts.upserted, counts.embedded, counts.vectors_missing) == (4, 1, 2)
    assert [hit.photo_id for hit in index.nearest(vector(0), 9)] == [photo_id(0)]


def test_a_restored_manifest_is_noticed(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(None)
    library.add(range(6))
    apply_outbox(library.manifest, None, index)
    saved = library.manifest.path.read_bytes()
    library.add(range(6, 9))
    apply_outbox(library.manifest, None, index)
    assert index.count() == 9

    library.manifest.path.write_bytes(saved)  # as a restore does; the index is ahead of it now
    library.manifest.path.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    assert apply_outbox(library.manifest, None, index).rebuilt
    assert set(index.ids(None, 20)) == {photo_id(n) for n in range(6)}

    library.manifest.path.write_bytes(saved)  # and then other photos take the numbers of those that were lost
    library.add(range(20, 30))
    apply_outbox(library.manifest, None, index)
    assert set(index.ids(None, 30)) == {photo_id(n) for n in [*range(6), *range(20, 30)]}


def test_other_photos_at_the_same_positions_are_noticed(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(None)
    library.add(range(6))
    saved = library.manifest.path.read_bytes()
    library.add(range(6, 9))
    apply_outbox(library.manifest, None, index)
    library.manifest.path.write_bytes(saved)
    library.add(range(20, 30))  # beyond the position that the index remembers
    assert apply_outbox(library.manifest, None, index).rebuilt
    assert verify(library.manifest, index).same


def test_an_index_too_far_behind_a_trimmed_outbox_is_rebuilt(library: Library, home_of_index: OpenHome) -> None:
    index = home_of_index(None)
    library.add(range(10))
    apply_outbox(library.manifest, None, index)
    library.set_missing(3, datetime(2024, 1, 1))
    library.add(range(10, 20))
    with library.manifest.write() as tx:
        outbox.trim(tx, keep=2)
    counts = apply_outbox(library.manifest, None, index)
    assert counts.rebuilt
    assert verify(library.manifest, index).same
    assert index.count() == 19


def test_a_rebuild_in_small_batches_equals_one_in_one(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(range(57))
    library.embed(range(40))
    index = opened()
    apply_outbox(library.manifest, library.vectors(), index)
    whole = snapshot(index)
    index.delete([photo_id(5), photo_id(50)])
    index.upsert([PhotoPoint(photo_id(900 + n), None, "", {}) for n in range(15)])  # of photos long gone
    assert verify(library.manifest, index).missing_count == 2
    assert verify(library.manifest, index).unexpected_count == 15
    index.set_applied_seq(None)
    monkeypatch.setattr(outbox_module, "BATCH_PHOTOS", 4)
    monkeypatch.setattr(outbox_module, "PAGE_PHOTOS", 10)
    counts = apply_outbox(library.manifest, library.vectors(), index)
    assert (counts.upserted, counts.deleted) == (57, 15)
    assert snapshot(index) == whole


def test_a_stopped_rebuild_starts_again_and_ends_whole(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "BATCH_PHOTOS", 5)
    library.add(range(23))
    index = opened()
    stop = threading.Event()
    apply_outbox(library.manifest, library.vectors(), index, stop=stop, progress=lambda counts: stop.set())
    assert index.count() == 5
    assert index.applied_seq is None
    assert apply_outbox(library.manifest, library.vectors(), index).rebuilt
    assert index.count() == 23


def test_a_point_that_the_engine_refuses_takes_no_neighbour_with_it(library: Library, opened: Opened) -> None:
    library.add(range(9))
    library.add([9], iso=2**31 - 1, gps_lat=400.0, gps_lon=10.0, title="a\ufffdb", f_number=float("inf"))
    index = opened(None)
    real = index.upsert

    def picky(points: list[PhotoPoint]) -> int:
        if any(point.photo_id == photo_id(4) for point in points):
            raise ValueError("not this one")
        return real(points)

    index.upsert = picky  # type: ignore[method-assign]
    counts = apply_outbox(library.manifest, None, index)
    assert (counts.upserted, counts.rejected) == (9, 1)
    assert index.count() == 9
    held = index.get([photo_id(9)])[photo_id(9)].payload
    assert "location" not in held
    assert "f_number" not in held
    assert held["has_gps"] is False


def test_manifest_is_not_open_while_vectors_are_read(library: Library, opened: Opened) -> None:
    library.add(range(3))
    library.embed(range(3))
    vectors = library.vectors()
    seen: list[int] = []

    class Watching:
        def get(self, pixel_hashes: Sequence[str]) -> dict[str, np.ndarray]:
            def write() -> None:
                with library.manifest.write() as tx:
                    seen.append(tx.value("SELECT count(*) FROM photos"))

            thread = threading.Thread(target=write)
            thread.start()
            thread.join(10)
            return vectors.get(pixel_hashes)

    apply_outbox(library.manifest, Watching(), opened())
    assert seen == [3]


def test_an_edit_takes_its_vector_from_the_index_and_reads_none(library: Library, opened: Opened) -> None:
    library.add(range(20))
    library.embed(range(15))
    index = opened()
    apply_outbox(library.manifest, library.vectors(), index)
    before = index.get([photo_id(3), photo_id(17)], vectors=True)
    with library.manifest.write() as tx:
        tags.add(tx, [photo_id(3), photo_id(17)], "edited")
    library.embed([17])
    asked: list[str] = []

    class Noting:
        def get(self, pixel_hashes: Sequence[str]) -> dict[str, Vector]:
            asked.extend(pixel_hashes)
            return library.vectors().get(pixel_hashes)

    counts = apply_outbox(library.manifest, Noting(), index)
    after = index.get([photo_id(3), photo_id(17)], vectors=True)
    assert (counts.embedded, counts.vectors_missing) == (2, 0)
    assert asked == [after[photo_id(17)].payload["pixel_hash"]]  # it had none before
    assert before[photo_id(17)].vector is None
    assert after[photo_id(17)].vector is not None
    assert np.array_equal(after[photo_id(3)].vector, before[photo_id(3)].vector)
    assert after[photo_id(3)].payload["tags"] == ["edited"]


def test_a_photo_with_other_pixels_gets_their_vector(library: Library, opened: Opened) -> None:
    library.add(range(3))
    library.embed(range(3))
    index = opened()
    apply_outbox(library.manifest, library.vectors(), index)
    before = index.get([photo_id(1)], vectors=True)[photo_id(1)]
    with library.manifest.write() as tx:
        tx.execute("UPDATE previews SET pixel_hash = 'other' WHERE pixel_hash = ?", [before.payload["pixel_hash"]])
        tx.execute("UPDATE embeddings SET pixel_hash = 'other' WHERE pixel_hash = ?", [before.payload["pixel_hash"]])
        outbox.push(tx, [photo_id(1)], "decoded")
    other = np.roll(np.asarray(before.vector), 1)
    library.vectors().put({"other": other})
    apply_outbox(library.manifest, library.vectors(), index)
    after = index.get([photo_id(1)], vectors=True)[photo_id(1)]
    assert after.payload["pixel_hash"] == "other"
    assert after.vector is not None
    assert np.allclose(after.vector, other, atol=1e-6)


def test_a_vector_that_was_computed_anew_takes_the_place_of_the_one_in_the_index(
    library: Library, opened: Opened
) -> None:
    library.add(range(3))
    library.embed(range(3))
    index = opened()
    apply_outbox(library.manifest, library.vectors(), index)
    library.vectors().delete_file()
    anew = {number: vector(number + 50) for number in range(3)}
    library.vectors().put({pixel_hash(number): each for number, each in anew.items()})
    with library.manifest.write() as tx:
        tags.add(tx, [photo_id(0), photo_id(1)], "edited")
        outbox.push(tx, [photo_id(1)], "photo")
    apply_outbox(library.manifest, library.vectors(), index)
    held = index.get([photo_id(number) for number in range(3)], vectors=True)
    for number, expected in ((0, vector(0)), (1, anew[1]), (2, vector(2))):
        assert np.allclose(held[photo_id(number)].vector, expected, atol=1e-5)  # type: ignore[arg-type]
