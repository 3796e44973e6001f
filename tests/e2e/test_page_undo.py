"""On the page: what was done to photos and collections is undone, and everything is as it was before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from served_page import choose, chosen, names, photo_link, photos, playwright, title
from small_library import SmallLibrary

from resources.manifest import collections, given_ratings, tags

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect

NAMES = ("red.jpg", "green.jpg", "blue.png")
Said = dict[str, Any]


@pytest.fixture(autouse=True)
def _said_before(small: SmallLibrary, url: str) -> None:
    """Stars that differ, a tag that one photo has already, captions by a model and by a person."""
    red, green, blue = (small.photo_id(name) for name in NAMES)
    with small.library.manifest.read() as tx:
        held = collections.names(tx)
    for name in held:
        refused = httpx.delete(f"{url}/api/v1/collections/{name}").json()
        token = refused["error"]["details"]["token"]
        httpx.delete(f"{url}/api/v1/collections/{name}", params={"confirm": token}).raise_for_status()
    for photo_id, rating in ((red, 2), (green, None), (blue, None)):
        photo = f"{url}/api/v1/images/{photo_id}"
        httpx.delete(f"{photo}/rating").raise_for_status()
        if rating:
            httpx.put(f"{photo}/rating", json={"rating": rating}).raise_for_status()
        given = httpx.get(f"{photo}/tags").json()["tags"]
        if given:
            httpx.delete(f"{photo}/tags", params={"tag": given}).raise_for_status()
        httpx.delete(f"{photo}/caption").raise_for_status()
    httpx.post(f"{url}/api/v1/images/{red}/tags", json={"tags": ["sea"]}).raise_for_status()
    httpx.put(f"{url}/api/v1/images/{blue}/caption", json={"text": "by my own hand"}).raise_for_status()


def _said(small: SmallLibrary) -> Said:
    """What a person said of the photos, as it is written down."""
    ids = [small.photo_id(name) for name in NAMES]
    with small.library.manifest.read() as tx:
        return {
            "ratings": given_ratings.given_to(tx, ids),
            "tags": [tags.of_photo(tx, photo_id) for photo_id in ids],
            "captions": tx.execute("SELECT photo_id, text FROM written_captions ORDER BY ALL").fetchall(),
            "collections": {name: sorted(collections.photo_ids(tx, name)) for name in collections.names(tx)},
            "hidden": tx.execute("SELECT photo_id FROM photos WHERE hidden_at IS NOT NULL ORDER BY ALL").fetchall(),
        }


def _notes(page: Any) -> Any:
    return page.get_by_role("status", name="What was done")


def _undo(page: Any, what: str) -> None:
    """By the key, and wait until it is said."""
    page.keyboard.press("Control+z")
    expect(_notes(page)).to_contain_text(f"Undone: “{what}")


@contextmanager
def _asked_for(page: Any, *requests: str) -> Iterator[None]:
    """These changes are asked for meanwhile, in this order, and no others."""
    asked: list[str] = []

    def note(request: Any) -> None:
        path = request.url.split("/api/v1/")[-1]
        if request.method in ("PUT", "DELETE", "PATCH") or path in ("bulk", "bulk/undo", "hidden", "hidden/show"):
            asked.append(f"{request.method} {path}")

    page.on("request", note)
    yield
    page.wait_for_timeout(500)  # what a key began has left by now
    page.remove_listener("request", note)
    assert asked == list(requests)


def _choose_all_three(page: Any) -> None:
    for name in NAMES:
        choose(page, photo_link(page, name))
    expect(chosen(page).get_by_role("status")).to_have_text("3 chosen")


def test_each_change_to_one_photo_is_undone_step_by_step(page: Any, small: SmallLibrary) -> None:
    before = _said(small)
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    expect(viewer.get_by_role("radio", name="2 stars")).to_be_checked()
    for stars in ("4", "5"):
        page.keyboard.press(stars)
        expect(_notes(page)).to_contain_text(f"{stars} stars for red.jpg now.")
    field = viewer.get_by_role("combobox", name="Tags")
    field.fill("evening")
    field.press("Enter")
    expect(_notes(page)).to_contain_text("red.jpg has the tag evening now.")
    viewer.get_by_role("button", name="Remove tag sea").focus()
    page.keyboard.press("Enter")
    expect(_notes(page)).to_contain_text("red.jpg has the tag sea no more.")
    viewer.get_by_role("button", name="Change the caption").click()
    viewer.get_by_role("textbox", name="Caption").fill("words of mine")
    viewer.get_by_role("button", name="Save").click()
    expect(_notes(page)).to_contain_text("The caption of red.jpg is changed.")
    after = _said(small)
    assert [after[each] != before[each] for each in ("ratings", "tags", "captions")] == [True, True, True]

    _undo(page, "The caption of red.jpg is changed.")
    expect(viewer.get_by_text("a red circle on a blue wall")).to_be_visible()
    _undo(page, "red.jpg has the tag sea no more.")
    expect(viewer.get_by_role("button", name="Remove tag sea")).to_be_visible()
    field.focus()  # nothing is written in it
    _undo(page, "red.jpg has the tag evening now.")
    expect(viewer.get_by_role("button", name="Remove tag evening")).to_be_hidden()
    viewer.get_by_role("radio", name="5 stars").focus()
    _undo(page, "5 stars for red.jpg now.")
    expect(viewer.get_by_role("radio", name="4 stars")).to_be_checked()
    _undo(page, "4 stars for red.jpg now.")
    expect(viewer.get_by_role("radio", name="2 stars")).to_be_checked()
    assert _said(small) == before


def test_stars_reach_the_photo_that_is_shown_before_all_is_known_of_it(page: Any, small: SmallLibrary) -> None:
    held: list[Any] = []
    page.route(re.compile(r"/api/v1/images/[^/]+$"), lambda route: held.append(route))
    shown = names(page)[:3]
    photos(page).first.click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("button", name="Close", exact=True).wait_for()
    for stars in ("5", "1", "4"):
        page.keyboard.press(stars)
        page.keyboard.press("ArrowRight")
    expect(_notes(page)).to_contain_text(f"4 stars for {shown[2]} now.")
    with small.library.manifest.read() as tx:
        given = dict(tx.execute("SELECT photo_id, rating FROM given_ratings").fetchall())
    assert [given.get(small.photo_id(name)) for name in shown] == [5, 1, 4]
    page.unroute_all(behavior="ignoreErrors")
    for name, stars in zip(reversed(shown), ("4", "1", "5"), strict=True):
        _undo(page, f"{stars} {'star' if stars == '1' else 'stars'} for {name} now.")


def test_stars_that_nobody_gave_and_a_caption_of_ones_own_come_back(page: Any, small: SmallLibrary) -> None:
    before = _said(small)
    photo_link(page, "blue.png").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="No stars").wait_for(state="attached")
    page.keyboard.press("3")
    expect(_notes(page)).to_contain_text("3 stars for blue.png now.")
    viewer.get_by_role("button", name="Change the caption").click()
    viewer.get_by_role("textbox", name="Caption").fill("")
    viewer.get_by_role("button", name="Save").click()
    expect(_notes(page)).to_contain_text("The caption of blue.png is taken away.")
    expect(viewer.get_by_text("a blue square beside the sea")).to_be_visible()
    _notes(page).get_by_role("button", name="Undo").click()
    expect(viewer.get_by_text("by my own hand")).to_be_visible()
    _undo(page, "3 stars for blue.png now.")
    expect(viewer.get_by_role("radio", name="No stars")).to_be_checked()
    assert _said(small) == before


def test_each_of_many_photos_gets_back_what_it_had(page: Any, small: SmallLibrary) -> None:
    before = _said(small)
    _choose_all_three(page)
    chosen(page).get_by_role("button", name="Stars").click()
    dialog = page.get_by_role("dialog", name="Give stars to 3 photos")
    dialog.get_by_role("radio", name="5 stars").press(" ")
    expect(dialog.get_by_role("status")).to_have_text("3 photos will have 5 stars.")
    dialog.get_by_role("button", name="Give").click()
    expect(_notes(page)).to_contain_text("3 photos changed.")
    _choose_all_three(page)
    chosen(page).get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog", name="Tag 3 photos")
    dialog.get_by_role("combobox").fill("sea")
    expect(dialog.get_by_role("status")).to_have_text("2 photos will get this tag; 1 has it already.")
    dialog.get_by_role("button", name="Do it").click()
    expect(_notes(page)).to_contain_text("Done: 2 tags changed.")
    _choose_all_three(page)
    chosen(page).get_by_role("button", name="Remove from the library").click()
    title(page).to_have_text("5 photos")

    _undo(page, "3 photos removed")
    title(page).to_have_text("8 photos")
    _undo(page, "Done: 2 tags changed.")
    _undo(page, "3 photos changed.")
    assert _said(small) == before
    with _asked_for(page):
        page.keyboard.press("Control+z")  # nothing is left
    expect(_notes(page)).to_contain_text("Undone: “3 photos changed.”")


def test_collections_are_undone(page: Any, small: SmallLibrary, url: str) -> None:
    red, green, _ = (small.photo_id(name) for name in NAMES)
    for name, held in (("Inbox", [red, green]), ("Best", [red])):
        body = {"name": name, "photos": {"photo_ids": held}}
        httpx.post(f"{url}/api/v1/collections", json=body).raise_for_status()
    before = _said(small)["collections"]
    page.reload()

    def collect(name: str, said: str, leave: bool = False) -> None:
        chosen(page).get_by_role("button", name="To a collection").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("combobox").or_(dialog.get_by_role("textbox")).first.fill(name)
        if leave:
            page.keyboard.press("Tab")
            page.keyboard.press("Space")
            expect(dialog.get_by_role("checkbox", name="Take them out of Inbox")).to_be_checked()
        if said:
            expect(dialog.get_by_role("status")).to_have_text(said)
        dialog.get_by_role("button", name="Put them in").click()
        expect(dialog).to_be_hidden()

    _choose_all_three(page)
    collect("Best", "2 photos will come into Best; 1 is in it already.")
    expect(_notes(page)).to_contain_text("2 photos came in.")
    _undo(page, "2 photos came in.")
    assert _said(small)["collections"] == before

    _choose_all_three(page)
    collect("Three", "")
    expect(_notes(page)).to_contain_text("Three holds 3 photos now.")
    _undo(page, "Three holds 3 photos now.")
    assert _said(small)["collections"] == before

    page.goto(f"{url}/?collection=Inbox")
    title(page).to_have_text("2 photos")
    for name, said, done in (
        ("Best", "2 photos will move from Inbox to Best.", "2 photos came in."),
        ("Apart", "", "Apart holds 2 photos now."),
    ):
        for photo in NAMES[:2]:
            choose(page, photo_link(page, photo))
        collect(name, said, leave=True)
        expect(_notes(page)).to_contain_text(done)
        assert _said(small)["collections"]["Inbox"] == []
        title(page).to_have_text("0 photos")
        _undo(page, done)
        assert _said(small)["collections"] == before
        title(page).to_have_text("2 photos")

    page.goto(f"{url}/collections/Inbox")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("In")
    page.get_by_role("button", name="Do it").click()
    title(page).to_have_text("In")
    _undo(page, "Inbox is called In now.")
    title(page).to_have_text("Inbox")
    assert page.url == f"{url}/collections/Inbox"
    assert _said(small)["collections"] == before


def test_a_collection_that_somebody_filled_since_is_not_undone(
    page: Any, small: SmallLibrary, url: str, console: list[str]
) -> None:
    choose(page, photo_link(page, "red.jpg"))
    chosen(page).get_by_role("button", name="To a collection").click()
    page.get_by_role("dialog").locator("input").first.fill("Shared")
    page.get_by_role("button", name="Put them in").click()
    expect(_notes(page)).to_contain_text("Shared holds 1 photo now.")
    body = {"photo_ids": [small.photo_id("gold.jpg")]}
    httpx.post(f"{url}/api/v1/collections/Shared/photos", json=body).raise_for_status()
    page.keyboard.press("Control+z")
    expect(_notes(page)).to_contain_text("'Shared' holds other photos than when it was made.")
    assert len(_said(small)["collections"]["Shared"]) == 2
    assert ["409" in entry for entry in console] == [True]
    console.clear()


def test_what_cannot_be_undone_is_told_before(page: Any) -> None:
    page.route("**/api/v1/bulk/dry-run", lambda route: route.fulfill(json={"photos": 12_000, "changed": 10_001}))
    choose(page, photo_link(page, "red.jpg"))
    chosen(page).get_by_role("button", name="Stars").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="5 stars").press(" ")
    expect(dialog.get_by_role("status")).to_have_text(
        "10,001 photos will have 5 stars. These are too many to be undone."
    )


def test_undoing_is_tried_again_when_loupe_was_busy(page: Any, small: SmallLibrary, console: list[str]) -> None:
    before = _said(small)
    choose(page, photo_link(page, "red.jpg"))
    chosen(page).get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("evening")
    expect(dialog.get_by_role("status")).to_have_text("1 photo will get this tag.")
    dialog.get_by_role("button", name="Do it").click()
    expect(_notes(page)).to_contain_text("Done: 1 tag changed.")
    refused = {"error": {"code": "MANIFEST_BUSY", "message": "Another program has the file open."}}
    page.route("**/api/v1/bulk/undo", lambda route: route.fulfill(status=503, json=refused), times=1)
    page.keyboard.press("Control+z")
    expect(_notes(page)).to_contain_text("Another program has the file open.")
    assert ["503" in entry for entry in console] == [True]
    console.clear()
    _undo(page, "Done: 1 tag changed.")
    assert _said(small) == before


def test_words_that_are_written_keep_the_key(page: Any, small: SmallLibrary) -> None:
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    page.keyboard.press("4")
    expect(_notes(page)).to_contain_text("4 stars for red.jpg now.")
    field = viewer.get_by_role("combobox", name="Tags")
    with _asked_for(page):
        field.press_sequentially("eve")
        field.press("Control+z")
    viewer.get_by_role("button", name="Change the caption").click()
    words = viewer.get_by_role("textbox", name="Caption")
    with _asked_for(page):
        words.press("End")
        words.press_sequentially("x")
        words.press("Control+z")
    expect(words).to_have_value(re.compile("a red circle"))
    expect(_notes(page)).not_to_contain_text("Undone")
    assert _said(small)["ratings"][small.photo_id("red.jpg")] == 4


def test_photos_that_were_brought_back_are_removed_again(page: Any, small: SmallLibrary, url: str) -> None:
    hidden = [small.photo_id("gold.jpg")]
    httpx.post(f"{url}/api/v1/hidden", json={"photo_ids": hidden}).raise_for_status()
    before = _said(small)
    page.goto(f"{url}/library/removed")
    page.get_by_role("checkbox", name="Choose gold.jpg").check()
    page.get_by_role("button", name="Bring back 1 photo").click()
    page.get_by_text("No photo is removed.").wait_for()
    assert _said(small)["hidden"] == []
    _undo(page, "1 photo is back in your library.")
    expect(page.get_by_role("checkbox", name="Choose gold.jpg")).to_be_visible()
    assert _said(small) == before
    httpx.post(f"{url}/api/v1/hidden/show", json={"photo_ids": hidden}).raise_for_status()


def test_the_change_that_is_under_way_is_the_one_that_is_undone(page: Any, small: SmallLibrary) -> None:
    before = _said(small)
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    page.keyboard.press("4")
    expect(_notes(page)).to_contain_text("4 stars for red.jpg now.")
    held: list[Any] = []
    page.route("**/api/v1/bulk", lambda route: held.append(route))  # as behind an ingest
    with _asked_for(page, "POST bulk"):
        page.keyboard.press("5")
        page.keyboard.press("Control+z")
    assert _said(small)["ratings"][small.photo_id("red.jpg")] == 4
    [route] = held
    with _asked_for(page, "POST bulk/undo"):
        route.continue_()
        expect(_notes(page)).to_contain_text("Undone: “5 stars for red.jpg now.”")
    page.unroute("**/api/v1/bulk")
    assert _said(small)["ratings"][small.photo_id("red.jpg")] == 4
    expect(viewer.get_by_role("radio", name="4 stars")).to_be_checked()
    _undo(page, "4 stars for red.jpg now.")
    assert _said(small) == before


def test_a_change_that_was_refused_is_not_in_the_way(page: Any, small: SmallLibrary, console: list[str]) -> None:
    before = _said(small)
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    page.keyboard.press("4")
    expect(_notes(page)).to_contain_text("4 stars for red.jpg now.")
    refused = {"error": {"code": "MANIFEST_BUSY", "message": "Another program has the file open."}}
    page.route("**/api/v1/bulk", lambda route: route.fulfill(status=503, json=refused), times=1)
    page.keyboard.press("5")
    expect(_notes(page)).to_contain_text("Another program has the file open.")
    assert ["503" in entry for entry in console] == [True]
    console.clear()
    _undo(page, "4 stars for red.jpg now.")
    assert _said(small) == before


@pytest.mark.parametrize("in_tags", [False, True], ids=["in the viewer", "in the field of tags"])
def test_a_key_that_is_held_undoes_one_step(page: Any, small: SmallLibrary, in_tags: bool) -> None:
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    for stars in ("3", "4", "5"):
        page.keyboard.press(stars)
        expect(_notes(page)).to_contain_text(f"{stars} stars for red.jpg now.")
    if in_tags:
        viewer.get_by_role("combobox", name="Tags").focus()
    with _asked_for(page, "POST bulk/undo"):
        page.keyboard.down("Control")
        for _ in range(5):
            page.keyboard.down("z")
        page.keyboard.up("z")
        page.keyboard.up("Control")
        expect(_notes(page)).to_contain_text("Undone: “5 stars for red.jpg now.”")
    assert _said(small)["ratings"][small.photo_id("red.jpg")] == 4


def test_nothing_is_undone_over_what_has_no_way_back(
    page: Any, small: SmallLibrary, url: str, console: list[str]
) -> None:
    httpx.post(f"{url}/api/v1/collections", json={"name": "Old"}).raise_for_status()
    page.reload()
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    page.keyboard.press("4")
    expect(_notes(page)).to_contain_text("4 stars for red.jpg now.")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Collections", exact=True).click()
    page.get_by_role("link", name="Old").click()
    page.get_by_role("button", name="Delete the collection").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the collection").click()
    expect(_notes(page)).to_contain_text("Old is deleted.")
    # The question before the deletion is answered by a refusal, which a browser writes to its console.
    assert ["409" in entry for entry in console] == [True]
    console.clear()
    with _asked_for(page):
        for _ in range(2):
            page.keyboard.press("Control+z")
        expect(_notes(page)).to_contain_text("This cannot be undone: “Old is deleted.")
    assert _said(small)["ratings"][small.photo_id("red.jpg")] == 4


def test_steps_stay_in_their_order_when_loupe_was_busy(page: Any, small: SmallLibrary, console: list[str]) -> None:
    before = _said(small)
    photo_link(page, "red.jpg").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("radio", name="2 stars").wait_for(state="attached")
    for stars in ("3", "4", "5"):
        page.keyboard.press(stars)
        expect(_notes(page)).to_contain_text(f"{stars} stars for red.jpg now.")
    refused = {"error": {"code": "MANIFEST_BUSY", "message": "Another program has the file open."}}
    held: list[Any] = []
    page.route("**/api/v1/bulk/undo", lambda route: held.append(route), times=1)
    with _asked_for(page, "POST bulk/undo"):
        with page.expect_request("**/api/v1/bulk/undo"):
            for _ in range(3):
                page.keyboard.press("Control+z")
        held[0].fulfill(status=503, json=refused)
        expect(_notes(page)).to_contain_text("Another program has the file open.")
    assert ["503" in entry for entry in console] == [True]
    console.clear()
    assert _said(small)["ratings"][small.photo_id("red.jpg")] == 5
    for stars in ("5", "4", "3"):
        _undo(page, f"{stars} stars for red.jpg now.")
    assert _said(small) == before


def test_what_was_split_off_goes_back_unless_somebody_exchanged_it(
    page: Any, small: SmallLibrary, url: str, console: list[str]
) -> None:
    red, green, blue = (small.photo_id(name) for name in NAMES)
    body = {"name": "Inbox", "photos": {"photo_ids": [red, green]}}
    httpx.post(f"{url}/api/v1/collections", json=body).raise_for_status()
    page.goto(f"{url}/collections/Inbox")
    page.get_by_role("button", name="Split").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Which photos").fill("file:red.jpg")
    dialog.get_by_label("Name", exact=True).fill("Apart")
    expect(dialog.get_by_role("status")).to_have_text("1 photo would go.")
    dialog.get_by_role("button", name="Do it").click()
    expect(_notes(page)).to_contain_text("Apart holds 1 photo now.")
    assert _said(small)["collections"] == {"Apart": [red], "Inbox": [green]}
    apart = f"{url}/api/v1/collections/Apart/photos"
    httpx.post(apart, json={"photo_ids": [blue]}).raise_for_status()
    httpx.request("DELETE", apart, json={"photo_ids": [red]}).raise_for_status()
    page.keyboard.press("Control+z")
    expect(_notes(page)).to_contain_text("'Apart' holds other photos than when it was made.")
    assert ["409" in entry for entry in console] == [True]
    console.clear()
    assert _said(small)["collections"] == {"Apart": [blue], "Inbox": [green]}


def test_deleting_says_why_it_cannot_be_asked_for(page: Any, url: str, console: list[str]) -> None:
    httpx.post(f"{url}/api/v1/collections", json={"name": "Old"}).raise_for_status()
    page.goto(f"{url}/collections/Old")
    refused = {"error": {"code": "NOT_ALLOWED", "message": "This key may not do that."}}

    def refuse(route: Any) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=403, json=refused)
        else:
            route.continue_()

    page.route("**/api/v1/collections/Old*", refuse)
    page.get_by_role("button", name="Delete the collection").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_have_text("This key may not do that.")
    expect(dialog.get_by_role("button", name="Delete the collection")).to_be_disabled()
    assert ["403" in entry for entry in console] == [True]
    console.clear()
