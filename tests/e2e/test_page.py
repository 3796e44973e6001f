"""The page in Chromium against a real server over a small real library."""

from __future__ import annotations

from typing import Any

import pytest
from running_app import wait_until
from served_page import names, photos, playwright, press, search_box, title
from small_library import SmallLibrary

from resources.manifest import jobs

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


def test_the_grid_shows_all_photos_newest_first_with_captions_as_alt_text(page: Any) -> None:
    title(page).to_have_text("8 photos")
    expect(photos(page)).to_have_count(8)
    assert names(page)[0] == "blue.png", "it says no date, so its file's counts"
    assert names(page)[1].startswith("gold")
    assert page.get_by_alt_text("a red circle on a blue wall").count() == 1
    assert page.get_by_alt_text("violet.jpg").count() == 1
    for image in photos(page).locator("img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)


def test_the_first_screen_is_asked_for_before_the_scripts_are_there_and_each_thing_once(page: Any, url: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(url).partition("?")[0]))
    page.goto(f"{url}/?q=blue+square")
    title(page).to_contain_text("blue square")
    expect(photos(page).first).to_be_visible()
    api = [path for path in asked if path.startswith("/api/")]
    once = ["/api/v1/search", "/api/v1/status", "/api/v1/session"]
    assert sorted(api[:3]) == sorted(once), "thumbnails and the rest come after them"
    assert [api.count(path) for path in once] == [1, 1, 1]


def test_typing_searches_and_the_address_keeps_it(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("blue square beside the sea")
    page.wait_for_url("**/?q=blue*sea")
    title(page).to_contain_text("blue square beside the sea")
    assert names(page)[0] == "blue.png"
    page.reload()
    title(page).to_contain_text("blue square beside the sea")
    expect(search_box(page)).to_have_value("blue square beside the sea")
    assert names(page)[0] == "blue.png"
    page.get_by_role("link", name="Loupe").click()
    title(page).to_have_text("8 photos")


def test_a_photo_opens_with_its_facts_and_leads_to_similar_ones(page: Any) -> None:
    page.get_by_alt_text("a red circle on a blue wall").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Canon EOS R5").wait_for()
    assert "ISO 200" in dialog.inner_text()
    assert dialog.get_by_text("/Photos/Lisbon 2023/red.jpg").count() == 1
    assert "photo=" in page.url
    expect(dialog.get_by_role("region", name="Similar photos").get_by_role("img")).to_have_count(7)
    with page.expect_popup() as popup:
        dialog.get_by_role("link", name="Open original").click()
    assert popup.value.url.endswith("/original")
    popup.value.close()
    dialog.get_by_role("button", name="More like this").click()
    title(page).to_have_text("Photos like this one")
    assert "red.jpg" not in names(page)
    page.get_by_role("button", name="Remove this photo").click()
    title(page).to_have_text("8 photos")


def test_the_grid_and_the_dialog_work_with_the_keyboard_alone(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    second = names(page)[1]
    assert page.evaluate("document.activeElement.title").startswith(second)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=second).get_by_role("button", name="Close", exact=True)).to_be_focused()
    page.keyboard.press("ArrowRight")
    third = photos(page).nth(2).get_attribute("data-id")
    page.wait_for_url(f"**photo={third}")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "photo=" not in page.url
    expect(photos(page).nth(2)).to_be_focused()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").get_by_text("Previous and next photo").wait_for()


def test_a_chosen_picture_finds_its_like(page: Any, small: SmallLibrary) -> None:
    page.locator("input[type=file]").set_input_files(str(small.photos / "Garden/violet.jpg"))
    title(page).to_have_text("Photos like your picture")
    assert names(page)[0] == "violet.jpg"


def test_filters_narrow_by_values_with_their_counts_and_can_be_cleared(page: Any) -> None:
    page.get_by_role("button", name="Filters").click()
    panel = page.get_by_role("complementary", name="Filters")
    panel.get_by_text("Kind of file").click()
    panel.get_by_role("checkbox", name="PNG 1").check()
    title(page).to_have_text("1 photo")
    assert names(page) == ["blue.png"]
    assert "format=PNG" in page.url
    panel.get_by_role("checkbox", name="JPEG 7").check()
    title(page).to_have_text("8 photos")
    expect(panel.get_by_role("checkbox", name="FUJIFILM X-T5 4")).to_be_visible()
    panel.get_by_role("checkbox", name="JPEG 7").uncheck()
    panel.get_by_text("Stars").click()
    panel.get_by_role("radio", name="3 stars or more").press(" ")
    page.get_by_text("No photo matches").wait_for()
    page.get_by_role("button", name="Clear the filters").click()
    title(page).to_have_text("8 photos")


def test_a_range_of_months_and_a_folder_narrow_by_mouse_and_by_keys(page: Any) -> None:
    page.get_by_role("button", name="Filters").click()
    panel = page.get_by_role("complementary", name="Filters")
    thumb = panel.get_by_role("slider", name="to")
    thumb.focus()
    thumb.press("Home")
    page.wait_for_url("**from=2023-06-01&to=2023-06-30*")
    title(page).to_have_text("2 photos")
    panel.get_by_role("button", name="Clear").click()
    title(page).to_have_text("8 photos")
    bars = panel.get_by_role("group", name="When photos were taken").locator(".bars").bounding_box()
    page.mouse.move(bars["x"] + 2, bars["y"] + 30)
    page.mouse.down()
    page.mouse.up()
    title(page).to_have_text("2 photos")
    page.go_back()
    title(page).to_have_text("8 photos")
    tree = panel.get_by_role("tree", name="Folders")
    tree.get_by_role("treeitem", name="Lisbon 2023 5").focus()
    page.keyboard.press("ArrowRight")
    tree.get_by_role("treeitem", name="Ünïcode 1").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    title(page).to_have_text("1 photo")
    assert names(page)[0].startswith("orange")
    page.goto(f"{page.url.partition('?')[0]}?panel=1&format=PNG")  # counts are of what the other filters leave
    tree.get_by_role("treeitem", name="Lisbon 2023 1").wait_for()
    tree.get_by_role("treeitem", name="Garden 0").wait_for()


def test_suggestions_are_taken_by_keys(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("cam")
    box = search_box(page)
    option = page.get_by_role("listbox").get_by_role("option").first
    expect(option).to_contain_text("camera:")
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(option).to_contain_text("FUJIFILM X-T5")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value('camera:"FUJIFILM X-T5" ')
    expect(box).to_have_attribute("aria-expanded", "false")
    title(page).to_have_text("4 photos")


def test_values_of_a_fixed_list_are_offered_with_how_many_photos_have_them(page: Any, url: str) -> None:
    page.goto(f"{url}/library")  # where half a query is not searched for
    search_box(page).press_sequentially("month:")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(options).to_have_count(12)
    expect(options.nth(5)).to_contain_text("june2")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    expect(options.nth(11)).to_be_in_viewport(ratio=1)
    search_box(page).fill("")
    search_box(page).press_sequentially("weekday:we")
    expect(options).to_have_text(["day of the week wednesday0", "day of the week weekend3"])
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(search_box(page)).to_have_value("weekday:weekend ")
    page.keyboard.press("Enter")
    title(page).to_have_text("3 photos")


def test_parts_of_a_search_weigh_more_or_turn_round_and_scores_are_told(page: Any, small: SmallLibrary) -> None:
    page.goto(f"{page.url}?q=circle&not=wall&also=sea^2")
    head = page.get_by_role("main")
    head.get_by_role("button", name="Less like wall").click()
    press(page.get_by_role("radio", name="×4"))
    page.wait_for_url("**not=wall%5E4*")
    press(page.get_by_role("radio", name="With", exact=True))
    head.get_by_role("button", name="More like wall, counts 1 times").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Say how alike they are").click()
    expect(photos(page).first).to_contain_text("shows it")
    photos(page).first.click()
    page.get_by_role("button", name="Less like this").click()
    page.get_by_role("search").get_by_role("button", name="Less like this photo").wait_for()
    assert "unlike=" in page.url


def test_photos_by_chance_and_the_way_back(page: Any) -> None:
    page.get_by_role("button", name="Photos by chance").click()
    title(page).to_have_text("8 photos by chance")
    seed = page.url
    drawn = names(page)
    page.get_by_role("button", name="Others by chance").click()
    page.wait_for_url(lambda address: address != seed)
    page.goto(seed)
    title(page).to_have_text("8 photos by chance")
    assert names(page) == drawn
    page.get_by_role("button", name="All, in order").click()
    title(page).to_have_text("8 photos")


def test_the_rail_goes_to_a_month(page: Any) -> None:
    page.set_viewport_size({"width": 900, "height": 300})
    rail = page.get_by_role("slider", name="Go to a month")
    rail.focus()
    page.keyboard.press("End")
    wait_until(lambda: page.evaluate("window.scrollY > 100"))  # the page's own policy forbids Playwright's wait
    expect(rail).to_have_attribute("aria-valuetext", "June 2023")


def test_progress_is_shown_while_a_job_runs_and_goes_with_it(page: Any, small: SmallLibrary) -> None:
    manifest = small.library.manifest
    with manifest.write() as tx:
        jobs.start(tx, "run-page", "ingest", "1 folder")
        jobs.progress(tx, "run-page", {"decoded": {"done": 3, "total": 120}}, 12.0, 300.0)
    strip = page.get_by_role("region", name="Progress")
    strip.get_by_text("about 5 min left").wait_for()
    strip.get_by_role("button", name="Pause").click()
    strip.get_by_role("button", name="Resume").wait_for()
    with manifest.write() as tx:
        jobs.pause(tx, "run-page", 117)
        jobs.complete(tx, "run-page")
    strip.get_by_text("Reading photos is paused").wait_for()
    strip.get_by_role("button", name="Resume").click()
    strip.wait_for(state="hidden")


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_a_run_is_told_in_two_lines_and_can_be_stopped(page: Any, small: SmallLibrary, width: int) -> None:
    run_id = f"run-phone-{width}"
    with small.library.manifest.write() as tx:
        jobs.start(tx, run_id, "ingest", "1 folder")
        jobs.progress(tx, run_id, {"decoded": {"done": 3, "total": 120}}, 12.0, 300.0)
    page.set_viewport_size({"width": width, "height": 800})
    strip = page.get_by_role("region", name="Progress")
    strip.get_by_text("about 5 min left").wait_for()
    for name in ("Stop", "Pause"):
        button = strip.get_by_role("button", name=name)
        box = button.bounding_box()
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name
        label = button.get_by_text(name)
        assert label.evaluate("label => label.scrollWidth - label.clientWidth") <= 0, f"{name} is clipped"
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "nothing stands out to the right"
    assert strip.bounding_box()["height"] <= 70, "a line for what is done and the buttons, one for how it goes"
    with small.library.manifest.write() as tx:
        jobs.complete(tx, run_id)
    strip.wait_for(state="hidden")


def test_a_folder_that_cannot_be_added_is_explained_in_the_form(page: Any, console: list[str]) -> None:
    page.get_by_role("button", name="Add photos").click()
    dialog = page.get_by_role("dialog", name="Add photos")
    dialog.get_by_text("8 photos").wait_for()
    page.get_by_label("Folder on this computer").fill("/nowhere")
    page.get_by_label("Folder on this computer").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("There is no folder")
    # A browser writes every refused request to its console.
    assert len(console) == 1
    assert "404" in console.pop()
