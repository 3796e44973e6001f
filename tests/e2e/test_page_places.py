"""On the page: where photos were taken, and what was removed from the library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from served_page import choose, chosen, names, photo_link, playwright, search_box, title
from small_library import SmallLibrary, draw_photo

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect
# Without a graphics card a map is painted by the processor, each step of its flight.
_PAINTED_MS = 60_000
JOURNEYS = {
    "rua.jpg": (38.7167, -9.1333),
    "tejo.jpg": (38.711, -9.14),
    "ponte.jpg": (41.1496, -8.6109),
    "opera.jpg": (-33.8688, 151.2093),
}


@pytest.fixture(scope="module")
def small(small: SmallLibrary) -> SmallLibrary:
    folder = _journeys(small)
    for seed, (name, place) in enumerate(JOURNEYS.items(), start=200):
        draw_photo(folder / name, "red", "white", seed, (160, 120), place)
    small.add_folder(folder)
    small.take_in()
    return small


def _journeys(small: SmallLibrary) -> Path:
    return small.settings.home.parent / "Journeys"


def test_the_viewer_shows_where_a_photo_was_taken_and_leads_to_what_is_near(page: Any) -> None:
    photo_link(page, "rua.jpg").click()
    where = page.get_by_role("region", name="Where it was taken")
    expect(where.get_by_role("img", name="Map of where the photo was taken").locator(".land")).to_be_visible()
    where.get_by_role("link", name="Photos near here").click()
    title(page).to_have_text("2 photos")
    assert set(names(page)) == {"rua.jpg", "tejo.jpg"}
    expect(search_box(page)).to_have_value("near:38.71670,-9.13330,1km")
    page.goto(page.url.split("?")[0])
    photo_link(page, "gold.jpg").first.click()
    page.get_by_role("region", name="Similar photos").wait_for()
    expect(where).to_be_hidden()


def test_a_map_shows_where_photos_were_taken_and_leads_to_them(page: Any, console: list[str]) -> None:
    box = search_box(page)
    page.get_by_role("link", name="Places", exact=True).click()
    title(page).to_have_text("4 photos with a place")
    marks, rows = page.locator(".place-mark"), page.get_by_role("region", name="Places in view").locator("li")
    expect(marks).to_have_count(2, timeout=_PAINTED_MS)
    seen = [re.compile("^Lisbon, Portugal.*3 photos$"), re.compile("^Sydney.*1 photo$")]
    expect(rows).to_have_text(seen, timeout=_PAINTED_MS)
    rows.first.get_by_role("link").click()
    title(page).to_have_text("3 photos")
    expect(box).to_have_value(re.compile(r"^box:[-\d.]+(,[-\d.]+){3}$"))
    page.go_back()
    # A closer look parts the towns, and stands in the address.
    marks.filter(has_text="3").click()
    towns = [re.compile("^Lisbon, Portugal.*2 photos$"), re.compile("^Porto, Portugal.*1 photo$")]
    expect(rows).to_have_text(towns, timeout=_PAINTED_MS)
    page.wait_for_url(re.compile(r"/places\?at=[\d.]+"))
    page.get_by_role("link", name="Show 3 photos").click()
    title(page).to_have_text("3 photos")
    # A search goes along, and the map goes where its photos are.
    page.goto(f"{page.url.split('?')[0]}places?q=city:sydney")
    title(page).to_have_text("1 photo found with a place")
    expect(marks).to_have_count(1, timeout=_PAINTED_MS)
    # The same map, while a query is half written too.
    page.locator(".map-canvas").evaluate("canvas => { canvas.dataset.first = 'yes'; }")
    box.fill("country:")
    refused = page.get_by_text("A value must follow 'country:'")
    refused.wait_for()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(rows).to_have_count(1)
    box.fill("country:portugal")
    title(page).to_have_text("3 photos found with a place")
    expect(refused).to_be_hidden()
    expect(rows.first).to_contain_text("Lisbon", timeout=_PAINTED_MS)
    expect(page.locator(".map-canvas")).to_have_attribute("data-first", "yes")
    assert all("422" in line for line in console), console
    console.clear()
    rows.first.get_by_role("link").click()
    expect(box).to_have_value(re.compile("^country:portugal box:"))


def test_without_graphics_the_places_are_a_list(page: Any) -> None:
    page.add_init_script(
        "const before = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind === 'webgl2' ? null : before.call(this, kind, ...rest);"
        "};"
    )
    page.goto(f"{page.url}places")
    page.get_by_text("This browser cannot draw the map").wait_for()
    expect(page.get_by_role("region", name="Places").locator("li")).to_have_count(2, timeout=_PAINTED_MS)
    page.get_by_role("link", name=re.compile("^Lisbon, Portugal")).press("Enter")
    title(page).to_have_text("3 photos")
    assert set(names(page)) == {"rua.jpg", "tejo.jpg", "ponte.jpg"}


def test_removed_photos_are_listed_taken_along_and_brought_back(page: Any, small: SmallLibrary) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name in ("opera.jpg", "ponte.jpg"):
        choose(page, photo_link(page, name))
    chosen(page).get_by_role("button", name="Remove from the library").click()
    page.get_by_text("2 photos removed from the library.").wait_for()
    page.get_by_role("link", name="Library").click()
    page.get_by_role("tab", name="Removed").click()
    rows = page.get_by_role("tabpanel").locator("li")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Copy all paths").click()
    page.get_by_text("2 paths copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert sorted(copied) == [str(_journeys(small) / name) for name in ("opera.jpg", "ponte.jpg")]
    page.get_by_role("checkbox", name="Choose opera.jpg").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the list").click()
    assert Path(download.value.path()).read_text() == f"{_journeys(small)}/opera.jpg\n"
    page.get_by_role("button", name="Bring back 1 photo").click()
    page.get_by_text("1 photo is back in your library.").wait_for()
    expect(rows).to_have_count(1)
    page.get_by_role("checkbox", name="Choose all that are shown").check()
    page.get_by_role("button", name="Bring back 1 photo").click()
    page.get_by_text("No photo is removed.").wait_for()
    page.get_by_role("link", name="Photos", exact=True).click()
    expect(photo_link(page, "opera.jpg")).to_have_count(1)
