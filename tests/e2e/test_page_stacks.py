"""On the page: stacks in the grid and opened, what a person says about them, and what photos say of themselves."""

from __future__ import annotations

from typing import Any

import pytest
from related_photos import PEOPLE, related_folder
from served_page import photo_link, playwright, title
from small_library import SmallLibrary

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


@pytest.fixture(scope="module")
def small(small: SmallLibrary) -> SmallLibrary:
    small.add_folder(related_folder(small))
    small.take_in()
    return small


def test_tiles_say_that_they_stand_for_several_are_a_page_or_move(page: Any) -> None:
    title(page).to_have_text("14 photos")
    expect(photo_link(page, "harbour-edit.jpg").locator(".mark")).to_have_text("2 versions")
    expect(photo_link(page, "harbour.jpg")).to_have_count(0)
    expect(photo_link(page, "live.jpg").locator(".mark")).to_have_text("Live")
    expect(photo_link(page, "letter.tif")).to_have_count(3)
    assert sorted(photo_link(page, "letter.tif").locator(".mark").all_inner_texts()) == [
        "Page 1 of 3",
        "Page 2 of 3",
        "Page 3 of 3",
    ]
    assert page.get_by_alt_text("harbour-edit.jpg, 2 versions").count() == 1
    page.get_by_role("main").get_by_text("of 15 · ").get_by_role("link", name="1 more stands in stacks").click()
    title(page).to_have_text("15 photos")
    expect(page.get_by_role("link", name="in stacks")).to_have_count(0)


def test_a_photo_shows_people_place_label_and_where_its_date_is_from(page: Any, small: SmallLibrary) -> None:
    page.goto(f"{page.url.rstrip('/')}/?photo={small.photo_id('harbour.jpg')}")
    facts = page.get_by_role("dialog")
    facts.get_by_text(PEOPLE[0]).wait_for()
    said = facts.inner_text()
    assert PEOPLE[1] in said
    assert "Lisboa, Portugal" in said
    assert "Red" in said
    page.goto(f"{page.url.partition('/?')[0]}/?photo={small.photo_id('letter.tif')}")
    facts.get_by_text("when the file was last changed").wait_for()
    assert "TIFF · page 1 of 3" in facts.inner_text()


def test_a_live_photo_leads_to_its_video(page: Any) -> None:
    photo_link(page, "live.jpg").click()
    link = page.get_by_role("link", name="Open the video")
    link.wait_for()
    assert link.get_attribute("href").endswith("/motion")
    assert "/Related/live.mov" in page.get_by_role("region", name="Where the file is").inner_text()


def test_filters_find_people_and_places_and_open_stacks(page: Any) -> None:
    page.get_by_role("button", name="Filters").click()
    panel = page.get_by_role("complementary", name="Filters")
    panel.get_by_role("checkbox", name=f"{PEOPLE[1]} 1").check()
    title(page).to_have_text("1 photo")
    expect(photo_link(page, "harbour-edit.jpg")).to_have_count(1)
    assert "person=" in page.url
    panel.get_by_role("button", name="Clear").click()
    panel.get_by_text("More", exact=True).click()
    page.get_by_label("Stacks").select_option("all")
    title(page).to_have_text("15 photos")
    page.get_by_label("Stacks").select_option("only")
    title(page).to_have_text("1 photo")
    page.get_by_label("Stacks").select_option("")
    page.get_by_label("Motion").select_option("yes")
    title(page).to_have_text("1 photo")
    page.get_by_label("Motion").select_option("")
    panel.get_by_role("checkbox", name="Portugal 1").check()
    title(page).to_have_text("1 photo")


def test_a_stack_opens_gets_another_cover_and_is_taken_apart_and_back(page: Any) -> None:
    photo_link(page, "harbour-edit.jpg").click()
    dialog = page.get_by_role("dialog")
    stack = dialog.get_by_role("region", name="2 versions of one photo")
    members = stack.get_by_role("link")
    expect(members).to_have_count(2)
    expect(members.first).to_have_attribute("aria-current", "true")
    members.nth(1).click()
    expect(dialog.get_by_role("heading", level=2)).to_have_text("harbour.jpg")
    stack.get_by_role("button", name="Make this the cover").click()
    notice = page.get_by_role("status", name="What was done")
    expect(notice).to_contain_text("Search shows this photo for the stack now.")
    expect(stack.get_by_role("button", name="Make this the cover")).to_have_count(0)
    expect(photo_link(page, "harbour.jpg")).to_have_count(1)
    expect(photo_link(page, "harbour-edit.jpg")).to_have_count(0)

    stack.get_by_role("button", name="Take the stack apart").click()
    expect(notice).to_contain_text("These photos stand alone now.")
    undo = notice.get_by_role("button", name="Undo")
    undo.focus()  # it stays as long as somebody is about to use it
    expect(stack).to_be_hidden()
    expect(photo_link(page, "harbour-edit.jpg")).to_have_count(1)
    undo.click()
    expect(notice).to_contain_text("Undone: “These photos stand alone now.”")
    expect(stack).to_be_visible()
    expect(photo_link(page, "harbour.jpg")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(notice).to_contain_text("Undone: “Search shows this photo for the stack now.”")
    expect(photo_link(page, "harbour-edit.jpg")).to_have_count(1)
    title(page).to_have_text("14 photos")
