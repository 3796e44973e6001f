"""Stacks and pages in the index: what a cover's point says for its stack, and that it follows every member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from index_library import MODEL, Library, OpenHome, content_hash, photo_id, pixel_hash

from resources.clock import utc_now
from resources.manifest import outbox, roots, tags
from resources.vector_index import AnyOf, Named, SearchFilters, VectorIndex, apply_outbox, verify
from resources.vector_index.words import query

JPEG, RAW, EDIT, OTHER = 1, 2, 3, 4


def apply(library: Library, index: VectorIndex) -> int:
    return apply_outbox(library.manifest, library.vectors(), index).upserted


def payload(index: VectorIndex, number: int) -> dict[str, Any]:
    return index.get([photo_id(number)])[photo_id(number)].payload


def shown(index: VectorIndex, **filters: Any) -> set[str]:
    return set(index.browse(50, 0, SearchFilters(**filters).condition()))


@pytest.fixture
def index(library: Library, home_of_index: OpenHome) -> VectorIndex:
    """An edited copy without metadata, its JPEG and its RAW, stacked; and another photo."""
    taken = datetime(2024, 6, 1, 12)
    library.add([JPEG], taken_at=taken, camera_make="NIKON", camera_model="Z 8", people=["Ana"], rating=None)
    library.add([RAW], taken_at=taken, format="NEF", rating=5, keywords=["heron"], gps_lat=38.7, gps_lon=-9.1)
    library.add([EDIT], format="TIFF", keywords=["final"])
    library.add([OTHER])
    library.stack("edit", EDIT, JPEG, RAW)
    made = home_of_index(MODEL)
    apply(library, made)
    return made


def test_a_cover_speaks_for_its_stack(index: VectorIndex) -> None:
    held = payload(index, EDIT)
    assert held["format"] == ["TIFF", "JPEG", "NEF"]
    assert held["file_name"] == "IMG_0003.jpg"
    assert set(held["file_names"]) == {f"IMG_000{n}.jpg" for n in (1, 2, 3)}
    assert held["paths"][0] == "/photos/holiday/trip/IMG_0003.jpg"
    assert held["keywords"] == ["final", "heron"]
    assert held["people"] == ["Ana"]
    assert (held["camera"], held["rating"], held["has_gps"]) == ("NIKON Z 8", 5, True)
    assert held["taken_at"] == payload(index, RAW)["taken_at"]
    assert (held["stack_kind"], held["stack_size"], held["stack_member"]) == ("edit", 3, False)


def test_a_member_says_what_it_is_itself(index: VectorIndex) -> None:
    held = payload(index, RAW)
    assert held["format"] == ["NEF"]
    assert held["file_names"] == ["IMG_0002.jpg"]
    assert "people" not in held
    assert held["stack_member"] is True
    assert held["stack_id"] == payload(index, EDIT)["stack_id"]
    assert "stack_id" not in payload(index, OTHER)


def test_only_covers_are_found_and_by_what_any_of_their_photos_is(index: VectorIndex) -> None:
    cover, other = photo_id(EDIT), photo_id(OTHER)
    assert shown(index) == {cover, other}
    assert shown(index, formats=["NEF"]) == {cover}
    assert shown(index, keywords=["heron"], people=["Ana"], rating_min=4, has_gps=True) == {cover}
    assert shown(index, in_stack=True) == {cover}
    assert shown(index, stacks="all") == {photo_id(n) for n in (JPEG, RAW, EDIT, OTHER)}
    assert shown(index, stacks="all", formats=["NEF"]) == {cover, photo_id(RAW)}
    assert shown(index, photo_ids=[photo_id(RAW)]) == {photo_id(RAW)}
    covers = SearchFilters().condition()
    assert [hit.photo_id for hit in index.matching(query([("heron", 1.0)]), 5, covers)] == [cover]
    assert index.browse(5, 0, Named("img_0002.JPG"), newest_first=True)[0] in (cover, photo_id(RAW))


def test_what_happens_to_a_member_reaches_the_cover(library: Library, index: VectorIndex) -> None:
    with library.manifest.write() as tx:
        tags.add(tx, [photo_id(RAW)], "keeper")
    assert apply(library, index) == 3
    assert payload(index, EDIT)["tags"] == ["keeper"]
    assert shown(index, tags=["keeper"]) == {photo_id(EDIT)}


def test_members_show_the_caption_of_their_cover(library: Library, index: VectorIndex) -> None:
    library.caption(EDIT, "a heron by a pond")
    apply(library, index)
    assert {payload(index, n)["caption"] for n in (EDIT, JPEG, RAW)} == {"a heron by a pond"}
    library.caption(RAW, "a bird")  # from before it was stacked
    apply(library, index)
    assert payload(index, RAW)["caption"] == "a bird"
    assert payload(index, EDIT)["caption"] == "a heron by a pond"


def test_a_cover_that_was_never_described_borrows(library: Library, index: VectorIndex) -> None:
    library.caption(JPEG, "a heron")
    apply(library, index)
    assert payload(index, EDIT)["caption"] == "a heron"


def test_a_cover_that_vanished_is_followed_by_the_next_before_it_is_noticed(
    library: Library, index: VectorIndex
) -> None:
    """The index may be brought up between the inventory and restacking: nothing may be hidden meanwhile."""
    library.set_missing(EDIT, utc_now())
    apply(library, index)
    assert shown(index) == {photo_id(JPEG), photo_id(OTHER)}
    assert payload(index, JPEG)["stack_size"] == 2
    library.set_missing(RAW, utc_now())
    apply(library, index)
    assert "stack_id" not in payload(index, JPEG)
    assert payload(index, JPEG)["format"] == ["JPEG"]


def test_a_stack_that_parts_leaves_nothing_behind(library: Library, index: VectorIndex) -> None:
    with library.manifest.write() as tx:
        tx.execute("DELETE FROM stacks")
        outbox.push(tx, [photo_id(n) for n in (JPEG, RAW, EDIT)], "stack")
    apply(library, index)
    assert shown(index) == {photo_id(n) for n in (JPEG, RAW, EDIT, OTHER)}
    assert payload(index, EDIT)["format"] == ["TIFF"]
    assert payload(index, EDIT)["keywords"] == ["final"]
    assert "taken_at" not in payload(index, EDIT)


def test_motion_of_a_member_is_the_stack_s(library: Library, index: VectorIndex) -> None:
    assert shown(index, motion=True) == set()
    with library.manifest.write() as tx:
        tx.execute("UPDATE photos SET motion = true WHERE photo_id = ?", [photo_id(JPEG)])
        outbox.push(tx, [photo_id(JPEG)], "stack")
    apply(library, index)
    assert shown(index, motion=True) == {photo_id(EDIT)}


def test_a_stack_is_offline_when_none_of_its_photos_can_be_reached(library: Library, index: VectorIndex) -> None:
    with library.manifest.write() as tx:
        added = roots.add(tx, "/nas", 1)["root_id"]
        tx.execute("UPDATE files SET root_id = ? WHERE photo_id IN (?, ?)", [added, photo_id(EDIT), photo_id(RAW)])
        outbox.push(tx, [photo_id(EDIT), photo_id(RAW)], "paths")
        roots.set_state(tx, added, "offline")
    apply(library, index)
    assert shown(index, offline=True) == set()  # the JPEG is there
    assert shown(index, offline=True, stacks="all") == {photo_id(RAW)}
    assert (payload(index, EDIT)["offline"], payload(index, RAW)["offline"]) == (False, True)
    with library.manifest.write() as tx:
        roots.set_state(tx, "root", "offline")
    assert apply(library, index) == 0
    assert shown(index, offline=True) == {photo_id(EDIT), photo_id(OTHER)}
    assert shown(index, offline=False) == set()


def test_places_people_labels_and_warnings_are_searched(library: Library, home_of_index: OpenHome) -> None:
    place = {"country_code": "PT", "country": "Portugal", "region": "Lisboa", "city": "Sintra"}
    library.add([7], people=["Ana Silva"], color_label="Winner", title="Palácio", warnings=["PREVIEW_ONLY"], **place)
    library.add([8])
    index = home_of_index(None)
    apply_outbox(library.manifest, None, index)
    for word in ("portugal", "lisboa", "sintra", "silva", "winner", "palacio"):
        assert [hit.photo_id for hit in index.matching(query([(word, 1.0)]), 5)] == [photo_id(7)], word
    assert payload(index, 7) | place == payload(index, 7)
    assert shown(index, countries=["pt"], regions=["Lisboa"], cities=["Sintra"]) == {photo_id(7)}
    assert index.browse(5, 0, AnyOf("warnings", ("PREVIEW_ONLY",))) == [photo_id(7)]


def test_pages_of_a_document_are_points_that_share_its_files(library: Library, home_of_index: OpenHome) -> None:
    library.add([10], page=1, pages=3)
    with library.manifest.write() as tx:
        for number in (11, 12):
            tx.execute(
                """INSERT INTO photos (photo_id, document_id, sha256, created_at, format, page, pages)
                VALUES (?, ?, ?, ?, 'TIFF', ?, 3)""",
                [photo_id(number), photo_id(10), content_hash(10), utc_now(), number - 9],
            )
            tx.execute(
                """INSERT INTO previews (sha256, page, pixel_hash, width, height, decoder_version, rung, decoded_at)
                VALUES (?, ?, ?, 40, 30, '1', 'raster', ?)""",
                [content_hash(10), number - 9, pixel_hash(number), utc_now()],
            )
        outbox.push(tx, [photo_id(n) for n in (11, 12)], "photo")
    library.embed([10, 12])
    library.caption(12, "a signed letter")
    index = home_of_index(MODEL)
    apply(library, index)
    assert shown(index) == {photo_id(n) for n in (10, 11, 12)}
    assert [payload(index, n)["pixel_hash"] for n in (10, 11, 12)] == [pixel_hash(n) for n in (10, 11, 12)]
    assert [(payload(index, n)["page"], payload(index, n)["pages"]) for n in (10, 11, 12)] == [(1, 3), (2, 3), (3, 3)]
    assert {tuple(payload(index, n)["paths"]) for n in (10, 11, 12)} == {("/photos/holiday/trip/IMG_0010.jpg",)}
    assert payload(index, 12)["caption"] == "a signed letter"
    assert "caption" not in payload(index, 11)
    assert index.embedded_count() == 2
    assert verify(library.manifest, index).same
    with library.manifest.write() as tx:
        tx.execute("UPDATE files SET missing_since = ?", [utc_now()])
        outbox.push(tx, [photo_id(n) for n in (10, 11, 12)], "paths")
    apply(library, index)
    assert index.count() == 0
