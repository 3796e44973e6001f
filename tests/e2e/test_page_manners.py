"""On the page: nothing that a person wrote, chose or went to is lost, and a key does one thing."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from served_page import choose, chosen, names, photo_link, photos, playwright, search_box, title
from small_library import SmallLibrary

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


def test_a_caption_that_is_written_outlives_keys_and_other_photos(page: Any) -> None:
    photos(page).nth(1).click()
    photo = page.url
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Write a caption").click()
    field = dialog.get_by_role("textbox", name="Caption")
    field.press_sequentially("i saw 0+0 = 0?")
    expect(field).to_have_value("i saw 0+0 = 0?")
    expect(dialog.locator(".stage.close")).to_have_count(0)
    field.press("ArrowRight")
    field.press("Escape")
    expect(field).to_be_hidden()
    dialog.get_by_role("button", name="Write a caption").click()
    expect(field).to_have_value("i saw 0+0 = 0?")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda address: address != photo)
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(photo)
    expect(field).to_have_value("i saw 0+0 = 0?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(field).to_be_hidden()


def test_a_key_reaches_the_uppermost_dialog_alone(page: Any) -> None:
    photos(page).nth(1).click()
    photo = page.url
    viewer = page.get_by_role("dialog", name="gold.jpg")
    viewer.get_by_role("radio", name="No stars").wait_for(state="attached")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    keys.get_by_text("Previous and next photo").wait_for()
    for key in ("ArrowRight", "3", "i"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    assert page.url == photo
    expect(viewer.get_by_role("radio", name="No stars")).to_be_checked()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()

    choose(page, photos(page).nth(1))
    bar = chosen(page)
    bar.get_by_role("button", name="Stars").click()
    page.get_by_role("dialog", name="Give stars to 1 photo").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(bar.get_by_role("status")).to_have_text("1 chosen")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()


def test_what_is_chosen_stays_when_it_cannot_be_removed(page: Any, console: list[str]) -> None:
    page.route("**/api/v1/bulk", lambda route: route.fulfill(status=422, json={"error": {"message": "Too many."}}))
    choose(page, photos(page).nth(1))
    bar = chosen(page)
    bar.get_by_role("button", name="Remove from the library").click()
    page.get_by_text("Too many.").wait_for()
    expect(bar.get_by_role("status")).to_have_text("1 chosen")
    [refused] = console
    assert "422" in refused
    console.clear()


def test_signs_in_names_reach_the_page_as_they_are(page: Any, url: str) -> None:
    name = "50% off 100%25"
    httpx.post(f"{url}/api/v1/collections", json={"name": name}).raise_for_status()
    page.get_by_role("link", name="Collections").click()
    page.get_by_role("link", name=name).click()
    title(page).to_have_text(name)
    page.goto(f"{page.url.split('/collections')[0]}/?folder={quote('/p/Sale%20Items')}")
    expect(page.get_by_role("main")).to_contain_text("Folder: Sale%20Items")


def test_a_view_that_cannot_be_loaded_says_so_and_leaves_the_others(page: Any, console: list[str]) -> None:
    page.route("**/assets/DuplicatesPage*", lambda route: route.abort())
    page.get_by_role("link", name="Duplicates").click()
    page.get_by_role("alert").get_by_role("button", name="Load again").wait_for()
    page.get_by_role("link", name="Collections").click()
    title(page).to_have_text("Collections")
    page.route("**/assets/AddPhotosContent*", lambda route: route.abort())
    page.get_by_role("button", name="Add photos").click()
    page.get_by_role("dialog", name="Add photos").get_by_role("button", name="Load again").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    title(page).to_have_text("Collections")
    assert console
    named = ("DuplicatesPage", "AddPhotosContent", "ERR_FAILED")
    assert all(any(name in line for name in named) for line in console), console
    console.clear()


def test_an_address_that_is_none_says_so_and_leads_back(page: Any, url: str, console: list[str]) -> None:
    reply = page.goto(f"{url}/nope")
    assert reply.status == 404
    title(page).to_have_text("There is no such page")
    expect(page).to_have_title("There is no such page · Loupe")
    page.get_by_role("link", name="To your photos").click()
    photos(page).first.wait_for()
    assert len(console) == 1
    assert "404" in console.pop()


def test_a_removed_photo_says_that_it_is_and_is_brought_back(page: Any, url: str, small: SmallLibrary) -> None:
    photo_id = small.photo_id("gold.jpg")
    httpx.post(f"{url}/api/v1/hidden", json={"photo_ids": [photo_id]}, timeout=60).raise_for_status()
    page.goto(f"{url}/?photo={photo_id}")
    dialog = page.get_by_role("dialog")
    said = dialog.get_by_text("You removed this photo from your library on")
    said.wait_for()
    remove = dialog.get_by_role("button", name="Remove from the library")
    expect(remove).to_have_count(0)
    dialog.get_by_role("button", name="Bring it back").click()
    remove.wait_for()
    expect(said).to_have_count(0)
    assert httpx.get(f"{url}/api/v1/images/{photo_id}", timeout=60).json()["hidden_at"] is None


@pytest.mark.parametrize("photo_id", ["00000000-0000-4000-8000-000000000000", "none"])
def test_the_address_of_no_photo_says_so(page: Any, url: str, console: list[str], photo_id: str) -> None:
    page.goto(f"{url}/?photo={photo_id}")
    dialog = page.get_by_role("dialog", name="This photo is not in your library")
    expect(dialog.get_by_role("heading")).to_have_text("This photo is not in your library")
    assert console, "the browser tells of the reply"
    assert all("404" in line or "422" in line for line in console), console
    console.clear()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    photos(page).first.wait_for()


def test_a_kept_search_that_is_changed_is_another_search(page: Any, url: str) -> None:
    kept = {"name": "Kept", "query": {"q": "circle"}}
    httpx.post(f"{url}/api/v1/saved-searches", json=kept).raise_for_status()
    page.goto(f"{page.url}?saved=Kept")
    title(page).to_have_text("Kept")
    search_box(page).fill("format:png")
    title(page).to_contain_text("1 photo")
    assert "saved" not in page.url


def test_typing_holds_nobody_back_and_each_search_begins_at_its_first_photo(page: Any) -> None:
    photos(page).nth(2).focus()
    page.evaluate(  # at once, before the pause is over
        """() => {
            const box = document.querySelector("input[type=search]");
            Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, "circle");
            box.dispatchEvent(new Event("input", { bubbles: true }));
            document.querySelector("a[href='/library']").click();
        }"""
    )
    title(page).to_have_text("Library")
    page.wait_for_timeout(600)  # longer than the pause after which typing searches
    assert page.url.endswith("/library")
    page.go_back()
    photos(page).nth(3).focus()
    page.keyboard.press("/")
    page.keyboard.type("camera:canon")
    page.wait_for_url("**q=camera*")
    title(page).to_have_text("3 photos")
    page.keyboard.press("Escape")
    expect(search_box(page)).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(photos(page).first).to_be_focused()


def test_suggestions_belong_to_the_text_in_the_box(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("cam")
    page.get_by_role("listbox").get_by_role("option").first.wait_for()
    page.route("**/search/suggest?**", lambda route: None)
    page.keyboard.type("e")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.unroute_all(behavior="ignoreErrors")


def test_the_focus_never_hides_below_the_bar(page: Any) -> None:
    page.set_viewport_size({"width": 560, "height": 420})
    photo_link(page, "blue.png").focus()
    page.keyboard.press("End")
    for _ in range(2):
        page.keyboard.press("ArrowUp")
        bar = page.get_by_role("banner").bounding_box()
        assert page.locator("a:focus").bounding_box()["y"] >= bar["y"] + bar["height"]


def test_photos_stay_while_a_query_is_half_written_or_cannot_be_asked_anew(page: Any, console: list[str]) -> None:
    page.set_viewport_size({"width": 700, "height": 400})
    page.mouse.move(350, 300)
    page.mouse.wheel(0, 500)
    title(page).not_to_be_in_viewport()
    search_box(page).fill("camera:")
    page.wait_for_url("**q=camera*")
    said = page.get_by_role("main").get_by_role("status")
    expect(said).not_to_be_empty()
    expect(said).to_be_in_viewport()
    expect(photos(page)).to_have_count(8)
    page.set_viewport_size({"width": 1280, "height": 800})
    search_box(page).fill("")
    page.wait_for_url(lambda address: "q=" not in address)
    page.route("**/api/v1/search", lambda route: route.fulfill(status=500, json={"error": {"message": "Worn out."}}))
    photos(page).nth(1).click()
    page.get_by_role("dialog").get_by_role("radio", name="4 stars").wait_for(state="attached")
    page.keyboard.press("4")
    page.keyboard.press("Escape")
    page.get_by_text("Worn out.").wait_for()
    expect(photos(page)).to_have_count(8)
    # Half a query is refused; then nothing can be asked.
    assert any("422" in line for line in console), console
    assert any("500" in line for line in console), console
    assert all("422" in line or "500" in line for line in console), console
    console.clear()


def test_a_query_that_cannot_be_read_is_mended_by_a_button(page: Any, url: str, console: list[str]) -> None:
    page.goto(f"{url}/?q=circle+camra:canon")
    failed = page.get_by_role("main")
    failed.get_by_text("There is no field 'camra'; did you mean 'camera:'?", exact=True).wait_for()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    failed.get_by_role("button", name="Search for circle camera:canon instead").click()
    expect(search_box(page)).to_have_value("circle camera:canon")
    expect(photos(page)).to_have_count(3)
    # The same where photos are shown meanwhile.
    search_box(page).fill("formt:png")
    failed.get_by_role("status").get_by_role("button", name="Search for format:png instead").click()
    title(page).to_contain_text("1 photo")
    assert names(page) == ["blue.png"]
    search_box(page).fill("iso:fast")
    failed.get_by_text("'fast' is not a number").wait_for()
    expect(failed.get_by_role("button", name="instead")).to_have_count(0)
    assert console
    assert all("422" in line for line in console), console
    console.clear()
    page.route("**/api/v1/search", lambda route: route.abort())
    page.goto(f"{url}/?q=square")
    page.get_by_role("heading", name="Loupe does not answer").wait_for()
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("button", name="Try again").click()
    photos(page).first.wait_for()
    assert console
    assert all("ERR_FAILED" in line for line in console), console
    console.clear()


def test_a_search_is_asked_again_while_the_model_is_on_its_way(page: Any) -> None:
    def words_only(route: Any) -> None:
        reply = route.fetch()
        starting = {"code": "MODEL_LOADING", "message": "Only words were searched."}
        route.fulfill(response=reply, json={**reply.json(), "hits": [], "total": 0, "warnings": [starting]})

    page.route("**/api/v1/search", words_only, times=1)
    search_box(page).fill("circle")
    page.get_by_role("heading", name="Search by content is starting").wait_for()
    photos(page).first.wait_for()
    expect(page.get_by_role("heading", name="Search by content is starting")).to_be_hidden()


def test_of_a_list_that_says_there_is_more_all_are_counted(page: Any, url: str) -> None:
    def shortened(route: Any) -> None:
        asked = route.request.post_data_json
        reply = route.fetch()
        said = reply.json()
        if not asked.get("offset"):
            said |= {"relevant": 1, "relevant_exact": False, "total": 2, "hits": said["hits"][:2]}
        route.fulfill(response=reply, json=said)

    whole = httpx.post(f"{url}/api/v1/search", json={"q": "square"}).json()
    assert whole["relevant"] > 2
    page.route("**/api/v1/search", shortened)
    search_box(page).fill("square")
    title(page).to_have_text(re.compile(rf"^{whole['relevant']} good matches"))
    choose(page, photos(page).first)
    chosen(page).get_by_role("button", name=f"All {whole['relevant']}").click()
    expect(chosen(page).get_by_role("status")).to_have_text(f"{whole['relevant']} chosen")


def test_what_was_done_is_undone_by_a_key_and_the_focus_stays_near(page: Any, url: str) -> None:
    choose(page, photos(page).nth(1))
    page.get_by_role("button", name="Remove from the library").click()
    page.get_by_role("status", name="What was done").get_by_role("button", name="Undo").hover()  # so it stays
    title(page).to_have_text("7 photos")
    page.keyboard.press("Control+z")
    title(page).to_have_text("8 photos")
    for name in ("First kept", "Second kept"):
        httpx.post(f"{url}/api/v1/saved-searches", json={"name": name, "query": {"q": "sea"}}).raise_for_status()
    page.get_by_role("link", name="Collections").click()
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_role("button", name="Forget First kept").click()
    expect(page.get_by_role("link", name="First kept")).to_be_hidden()
    expect(page.get_by_role("region", name="Saved searches").locator(":focus")).to_have_count(1)


def test_a_search_that_cannot_be_asked_is_not_offered_for_keeping(page: Any, console: list[str]) -> None:
    keep = page.get_by_role("button", name="Save this search")
    search_box(page).fill("circle")
    title(page).to_contain_text("circle")
    expect(keep).to_be_visible()
    search_box(page).fill("camera:")
    expect(page.get_by_role("main").get_by_role("status").first).not_to_be_empty()
    expect(keep).to_be_hidden()
    expect(photos(page).first).to_be_visible()
    search_box(page).fill("circle")
    expect(keep).to_be_visible()
    assert console
    assert all("422" in entry for entry in console), console
    console.clear()


def test_pictures_in_the_bar_say_what_they_are_to_mouse_and_keys_or_in_words(page: Any) -> None:
    bar = page.get_by_role("banner")
    for width in (390, 521, 861, 1001, 1359, 1360, 1479, 1480):
        page.set_viewport_size({"width": width, "height": 800})
        add = bar.get_by_role("button", name="Add photos").bounding_box()
        assert add["x"] + add["width"] <= width, f"the bar is cut off at {width} pixels"
    page.set_viewport_size({"width": 1440, "height": 800})
    for name in ("Photos", "Map", "Places", "Library", "Collections", "Duplicates", "Settings"):
        expect(bar.get_by_role("link", name=name).get_by_text(name)).to_be_visible()
    page.set_viewport_size({"width": 1100, "height": 800})
    page.reload()  # what moves below the mouse has a say too
    photos(page).first.wait_for()
    expect(bar.get_by_text("Settings")).to_be_hidden()
    bar.get_by_role("link", name="Duplicates").hover()
    expect(page.get_by_role("tooltip", name="Duplicates")).to_be_visible()
    search_box(page).hover()
    expect(page.get_by_role("tooltip")).to_have_count(0)
    bar.get_by_role("link", name="Duplicates").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("tooltip", name="Settings")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("tooltip")).to_have_count(0)  # the last button says it itself
    search_box(page).fill("circle")
    for name in ("Clear the words", "Search with a picture", "Filters"):
        page.keyboard.press("Tab")
        expect(bar.get_by_role("button", name=name)).to_be_focused()
        expect(page.get_by_role("tooltip", name=name)).to_be_visible()


def test_what_narrows_a_search_is_taken_off_by_keys(page: Any) -> None:
    page.goto(f"{page.url}?camera=Canon&not=wall")
    for name in ("Remove wall", "Remove Canon"):
        button = page.get_by_role("main").get_by_role("button", name=name)
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_be_hidden()
    title(page).to_have_text("8 photos")
