"""Tags, captions and ratings that a person gives: what they change, what shows, and what search is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from drawn_photos import draw_photo, draw_photos
from shelf import ALL_STAGES, Shelf

from resources.errors import LoupeError
from resources.manifest import Transaction, given_ratings, photos, tags, written_captions
from resources.vector_index.photo_points import build_point, read_facts


@pytest.fixture
def three(shelf: Shelf) -> tuple[Shelf, list[str]]:
    """Three photos with computed captions, and their ids by name."""
    draw_photos(shelf.photos, ["a.jpg", "b.jpg", "c.png"])
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    return shelf, [shelf.photo_id(name) for name in ("a.jpg", "b.jpg", "c.png")]


def changed(shelf: Shelf, change: Callable[[Transaction], Any]) -> tuple[Any, set[str]]:
    """What a change answers, and the photos that search is told of."""
    seq = shelf.newest_seq()
    with shelf.library.manifest.write() as tx:
        answer = change(tx)
    return answer, shelf.outbox_since(seq)


def shown(shelf: Shelf, photo_id: str) -> dict[str, Any]:
    with shelf.library.manifest.read() as tx:
        row = photos.get(tx, photo_id)
    assert row is not None
    return row


def payload(shelf: Shelf, photo_id: str) -> dict[str, Any]:
    with shelf.library.manifest.read() as tx:
        facts = read_facts(tx, [photo_id], None)[photo_id]
    return {**build_point(facts, {}).payload, "words": build_point(facts, {}).words}


def test_tags_are_given_once_and_taken_away(three: tuple[Shelf, list[str]]) -> None:
    shelf, (a, b, c) = three
    assert changed(shelf, lambda tx: tags.add(tx, [a, b, b], " Sommer ")) == (2, {a, b})
    assert changed(shelf, lambda tx: tags.add(tx, [b, c], "Sommer")) == (1, {c})
    assert shown(shelf, c)["tags"] == ["Sommer"]
    assert changed(shelf, lambda tx: tags.remove(tx, [a, c], "Sommer")) == (2, {a, c})
    assert changed(shelf, lambda tx: tags.remove(tx, None, "Sommer")) == (1, {b})
    assert changed(shelf, lambda tx: tags.remove(tx, None, "Sommer")) == (0, set())


def test_a_renamed_tag_joins_the_one_that_has_the_name(three: tuple[Shelf, list[str]]) -> None:
    shelf, (a, b, c) = three
    with shelf.library.manifest.write() as tx:
        tags.add(tx, [a, b], "lake")
        tags.add(tx, [b, c], "water")
    assert changed(shelf, lambda tx: tags.rename(tx, "lake", "water")) == (2, {a, b})
    with shelf.library.manifest.read() as tx:
        assert tags.list_all(tx) == [{"tag": "water", "photos": 3}]
    assert shelf.value("SELECT count(*) FROM tags") == 3
    with pytest.raises(LoupeError, match="No photo has the tag 'lake'"):
        changed(shelf, lambda tx: tags.rename(tx, "lake", "sea"))


@pytest.mark.parametrize("bad", ["", "  ", "a\nb", "x" * 201, "Places|", "\ud800"])
def test_what_is_no_tag_is_refused(three: tuple[Shelf, list[str]], bad: str) -> None:
    shelf, (a, _, _) = three
    with pytest.raises(LoupeError) as refused:
        changed(shelf, lambda tx: tags.add(tx, [a], bad))
    assert refused.value.code == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tags.add(tx, ["nobody"], "x"),
        lambda tx: given_ratings.give(tx, {"nobody": 3}),
        lambda tx: written_captions.write(tx, {"nobody": "x"}),
    ],
)
def test_a_photo_that_does_not_exist_is_named(three: tuple[Shelf, list[str]], change: Callable[..., Any]) -> None:
    with pytest.raises(LoupeError) as refused:
        changed(three[0], change)
    assert refused.value.code == "PHOTO_NOT_FOUND"


def test_a_written_caption_wins_and_clearing_it_shows_the_models_again(three: tuple[Shelf, list[str]]) -> None:
    shelf, (a, b, _) = three
    computed = shown(shelf, a)
    assert computed["caption"].endswith("picture")
    assert computed["caption_model"] == "names-colours"

    assert changed(shelf, lambda tx: written_captions.write(tx, {a: "Oma am See\r\n1974 "})) == (1, {a})
    assert changed(shelf, lambda tx: written_captions.write(tx, {a: "Oma am See\n1974"})) == (0, set())
    written = shown(shelf, a)
    assert (written["caption"], written["caption_model"]) == ("Oma am See\n1974", None)
    assert payload(shelf, a)["caption"] == "Oma am See\n1974"
    assert shown(shelf, b)["caption_model"] == "names-colours"

    assert changed(shelf, lambda tx: written_captions.clear(tx, [a, b])) == (1, {a})
    assert shown(shelf, a)["caption"] == computed["caption"] == payload(shelf, a)["caption"]


def test_a_given_rating_wins_over_the_files_and_can_be_none(three: tuple[Shelf, list[str]]) -> None:
    shelf, (a, b, _) = three
    with shelf.library.manifest.write() as tx:
        tx.execute("UPDATE photos SET rating = 2 WHERE photo_id = ?", [a])
    assert shown(shelf, a)["rating"] == payload(shelf, a)["rating"] == 2

    assert changed(shelf, lambda tx: given_ratings.give(tx, {a: 5, b: -1})) == (2, {a, b})
    assert [shown(shelf, each)["rating"] for each in (a, b)] == [5, -1]
    assert changed(shelf, lambda tx: given_ratings.give(tx, {a: None, b: -1})) == (1, {a})
    assert shown(shelf, a)["rating"] is payload(shelf, a)["rating"] is None
    assert changed(shelf, lambda tx: given_ratings.forget(tx, [a])) == (1, {a})
    assert shown(shelf, a)["rating"] == 2
    with pytest.raises(LoupeError):
        changed(shelf, lambda tx: given_ratings.give(tx, {a: 6}))


def test_a_caption_written_of_one_photo_of_a_stack_is_shown_for_its_cover(shelf: Shelf) -> None:
    first = draw_photo(shelf.photos / "IMG_1.jpg", 1)
    (shelf.photos / "IMG_1-edited.jpg").write_bytes(first.read_bytes() + b"\0")
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    stack = shelf.rows("SELECT photo_id, is_cover FROM stacks ORDER BY position")
    assert [row["is_cover"] for row in stack] == [True, False]
    cover, member = (row["photo_id"] for row in stack)
    with shelf.library.manifest.write() as tx:
        written_captions.write(tx, {member: "a person's word"})
    assert shown(shelf, cover)["caption"] == payload(shelf, cover)["caption"] == "a person's word"
    assert "a person's word" in payload(shelf, cover)["words"]
