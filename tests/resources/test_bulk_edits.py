"""One edit to many photos: a dry run counts what the edit then changes."""

from __future__ import annotations

import uuid

import pytest

from resources.bulk_edits import Edit, apply, count, undoing
from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, Transaction, collections, given_ratings, hidden, outbox, tags

IDS = [str(uuid.UUID(int=number)) for number in range(1, 7)]


@pytest.fixture
def manifest(home: Home) -> Manifest:
    """Six photos, of which the last two are pages of one file; some are tagged, rated and collected already."""
    made = Manifest(home).prepare()
    with made.write() as tx:
        for number, photo_id in enumerate(IDS):
            _photo(tx, photo_id, IDS[4] if number == 5 else photo_id, 2 if number == 5 else 1)
        tags.add(tx, IDS[:2], "old")
        given_ratings.give(tx, {IDS[0]: 4, IDS[1]: None, IDS[2]: 2})
        for name in ("Inbox", "Best"):
            collections.create(tx, name)
        collections.add_photos(tx, "Inbox", IDS[:3])
        collections.add_photos(tx, "Best", IDS[2:4])
    return made


def _photo(tx: Transaction, photo_id: str, document_id: str, page: int) -> None:
    row = {"photo_id": photo_id, "document_id": document_id, "page": page, "pages": 1, "sha256": document_id}
    tx.insert("photos", [{**row, "created_at": utc_now(), "file_name": f"{document_id}.tif"}])


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (Edit("tag", tags=["old", "new", "new"]), 8),
        (Edit("untag", tags=["old", "never"]), 2),
        (Edit("rate", rating=4), 4),
        (Edit("rate", rating=None), 4),
        (Edit("add", collection="Best"), 3),
        (Edit("remove", collection="Inbox"), 3),
        (Edit("move", source="Inbox", collection="Best"), 3),
        (Edit("hide"), 6),
        (Edit("unrate"), 3),
    ],
)
def test_a_dry_run_counts_what_the_edit_changes(manifest: Manifest, edit: Edit, changes: int) -> None:
    meant = IDS[:5]
    with manifest.read() as tx:
        before = outbox.newest_seq(tx)
        assert count(tx, meant, edit) == changes
        assert outbox.newest_seq(tx) == before, "it changes nothing, not even in a transaction that is thrown away"
    with manifest.write() as tx:
        assert apply(tx, meant, edit) == changes
    with manifest.read() as tx:
        assert count(tx, meant, edit) == 0


def _said(tx: Transaction) -> dict[str, list[tuple[object, ...]]]:
    """All that a person said of the photos."""
    return {
        "tags": tx.execute("SELECT photo_id, tag FROM tags ORDER BY ALL").fetchall(),
        "ratings": tx.execute("SELECT photo_id, rating FROM given_ratings ORDER BY ALL").fetchall(),
        "collections": tx.execute(
            "SELECT c.name, m.photo_id FROM collection_photos m JOIN collections c USING (collection_id) ORDER BY ALL"
        ).fetchall(),
        "hidden": tx.execute("SELECT photo_id FROM photos WHERE hidden_at IS NOT NULL ORDER BY ALL").fetchall(),
        "hidden content": tx.execute("SELECT sha256 FROM hidden_content ORDER BY ALL").fetchall(),
    }


@pytest.mark.parametrize(
    "edit",
    [
        Edit("tag", tags=["old", " new ", "new"]),
        Edit("untag", tags=["old", "never"]),
        Edit("rate", rating=4),
        Edit("rate", rating=None),
        Edit("unrate"),
        Edit("add", collection="Best"),
        Edit("remove", collection="Inbox"),
        Edit("move", source="Inbox", collection="Best"),
        Edit("hide"),
        Edit("show"),
    ],
    ids=lambda edit: edit.kind,
)
def test_what_is_undone_is_as_it_was_and_names_only_what_was_changed(manifest: Manifest, edit: Edit) -> None:
    with manifest.write() as tx:
        hidden.hide(tx, IDS[:1])
        before = _said(tx)
        back = undoing(tx, IDS[:5], edit)
        assert _said(tx) == before
        assert apply(tx, IDS[:5], edit) > 0
        assert _said(tx) != before
        for each, photo_ids in back:
            assert apply(tx, photo_ids, each) == len(photo_ids), "no photo is named that was so before"
        assert _said(tx) == before


@pytest.mark.parametrize(
    "edit",
    [
        Edit("tag", tags=[" "]),
        Edit("rate", rating=7),
        Edit("add", collection="None"),
        Edit("remove", collection="None"),
        Edit("move", source="None", collection="Best"),
        Edit("move", source="Inbox", collection="None"),
        Edit("move", source="Inbox", collection="Inbox"),
    ],
)
def test_both_refuse_alike(manifest: Manifest, edit: Edit) -> None:
    codes = []
    for do in (count, apply):
        with manifest.read() as tx, pytest.raises(LoupeError) as refused:
            do(tx, IDS, edit)
        codes.append(refused.value.code)
    assert codes[0] == codes[1]
