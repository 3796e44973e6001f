"""The page in Chromium against a real server over a small real library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from served_page import names, opened, photos, playwright, served, title
from small_library import SmallLibrary, build

from resources.manifest import jobs

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    return build(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def url(small: SmallLibrary) -> Iterator[str]:
    with served(small) as address:
        yield address


@pytest.fixture
def console() -> list[str]:
    """What the browser complains about; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(url: str, console: list[str]) -> Iterator[Any]:
    with opened(url, console) as page:
        yield page


def test_the_grid_shows_all_photos_newest_first_with_captions_as_alt_text(page: Any) -> None:
    assert len(names(page)) == 8
    assert names(page)[0] == "blue.png", "it says no date, so its file's counts"
    assert names(page)[1].startswith("gold")
    title(page).to_have_text("8 photos")
    assert page.get_by_alt_text("a red circle on a blue wall").count() == 1
    assert page.get_by_alt_text("violet.jpg").count() == 1
    assert photos(page).locator("img").evaluate_all("images => images.every(image => image.naturalWidth > 0)")


def test_typing_searches_and_the_address_keeps_it(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("blue square beside the sea")
    page.wait_for_url("**/?q=blue*")
    title(page).to_contain_text("blue square")
    assert names(page)[0] == "blue.png"
    page.reload()
    title(page).to_contain_text("blue square")
    assert page.get_by_role("searchbox").input_value() == "blue square beside the sea"
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
    expect(page.get_by_role("dialog", name=second)).to_be_visible()
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


def test_filters_narrow_and_can_be_cleared(page: Any) -> None:
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Kind of file").locator('option[value="PNG"]').wait_for(state="attached")
    page.get_by_label("Kind of file").select_option("PNG")
    title(page).to_have_text("1 photo")
    assert names(page) == ["blue.png"]
    assert "format=PNG" in page.url
    page.get_by_label("Camera").select_option(index=1)
    page.get_by_text("No photo matches").wait_for()
    page.get_by_role("button", name="Clear the filters").click()
    title(page).to_have_text("8 photos")


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
