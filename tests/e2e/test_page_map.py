"""The similarity map on the page: what it shows, what is lit on it, and from a part of it to photos and collections."""

from __future__ import annotations

import gzip
import re
from typing import Any

import numpy as np
import pytest
from running_app import wait_until
from served_page import names, playwright, search_box, title
from small_library import PRESET, SmallLibrary

from resources.manifest import jobs, projections
from search_api.page import BUILT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect
_MAPS = ("MapPage-", "WorldMap-")  # chunks that only a view with a map asks for
# Two groups left and right, one photo apart, one that has no place yet.
PLACES = {
    "red.jpg": (-0.7, 0.1),
    "green.jpg": (-0.6, -0.1),
    "blue.png": (-0.5, 0.1),
    "violet.jpg": (0.5, -0.1),
    "white.jpg": (0.6, 0.1),
    "pink.jpg": (0.7, -0.1),
    "gold.jpg": (0.0, 0.6),
}


def draw_map(small: SmallLibrary, places: dict[str, tuple[float, float]] = PLACES) -> None:
    """Store a map with these places and two groups: left and right of the middle."""
    named = sorted((small.photo_id(name), place) for name, place in places.items())
    points = np.array([place for _, place in named], dtype=np.float32)
    cluster = np.where(np.abs(points[:, 0]) < 0.3, -1, (points[:, 0] > 0).astype(np.int32)).astype(np.int32)
    groups = [
        projections.Cluster(0, 3, -0.6, 0.0, "circle, sea", ("circle", "sea")),
        projections.Cluster(1, 3, 0.6, 0.0, None, ()),
    ]
    with small.library.manifest.write() as tx:
        projections.replace(tx, PRESET, [photo_id for photo_id, _ in named], points, cluster, groups)


@pytest.fixture
def page(page: Any, small: SmallLibrary) -> Any:
    """With the map as it is at first, whatever the test before made of it."""
    draw_map(small)
    return page


def _lit(page: Any) -> Any:
    return page.get_by_role("region", name="What is lit on the map")


def _open(page: Any) -> None:
    page.get_by_role("link", name="Map").click()
    page.get_by_role("application").wait_for()


def _says(page: Any, text: str) -> None:
    _lit(page).get_by_role("status").get_by_text(text).wait_for()


def _painted(page: Any) -> int:
    """How many different colours the canvas shows."""
    shown: int = page.evaluate(
        """() => {
            const canvas = document.querySelector(".dots canvas");
            const copy = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
            const context = copy.getContext("2d");
            const picture = new Image();
            return new Promise(resolve => {
                picture.onload = () => {
                    context.drawImage(picture, 0, 0, 300, 200);
                    const pixels = new Uint32Array(context.getImageData(0, 0, 300, 200).data.buffer);
                    resolve(new Set(pixels).size);
                };
                picture.src = canvas.toDataURL();
            });
        }"""
    )
    return shown


def test_the_map_opens_and_says_in_words_what_it_shows(page: Any) -> None:
    page.get_by_role("link", name="Map").click()
    page.wait_for_url("**/map")
    title(page).to_have_text("Map")
    page.get_by_text("7 photos. Those that look alike lie close together.").wait_for()
    page.get_by_text("1 newer photo has no place yet.").wait_for()
    groups = page.get_by_role("region", name="2 groups").get_by_role("button")
    expect(groups).to_have_text(["circle, sea3", "Group 23"])
    expect(page.locator(".map-picture")).to_have_count(7)
    expect(page.get_by_role("application", name="Map of 7 photos by likeness")).to_be_visible()
    wait_until(lambda: _painted(page) > 2)

    page.get_by_label("Colour by").select_option("Camera")
    legend = page.get_by_role("list", name="What the colours mean").get_by_role("listitem")
    expect(legend).to_have_text(["Canon EOS R53", "FUJIFILM X-T53", "Not known1"])
    page.get_by_label("Colour by").select_option("Date")
    expect(legend.first).to_contain_text("2023")
    page.reload()
    expect(page.get_by_label("Colour by")).to_have_value("date")


def test_what_is_searched_for_is_lit(page: Any) -> None:
    _open(page)
    search_box(page).fill("camera:X-T5")
    _says(page, "3 photos")
    expect(page.locator(".map-picture.unlit")).to_have_count(4)
    _says(page, "(1 more not on the map)")
    page.get_by_role("link", name="Show these photos").click()
    title(page).to_have_text("4 photos")
    _open(page)
    _says(page, "3 photos")
    _lit(page).get_by_role("button", name="Clear").click()
    expect(_lit(page)).to_be_hidden()
    expect(page.locator(".map-picture.unlit")).to_have_count(0)


def test_a_line_around_photos_leads_to_them(page: Any) -> None:
    _open(page)
    page.get_by_role("button", name="Draw a line around photos").click()
    surface = page.get_by_role("application").bounding_box()
    middle = surface["y"] + surface["height"] / 2
    left, right = surface["x"] + 12, surface["x"] + surface["width"] * 0.4
    page.mouse.move(left, middle - 160)
    page.mouse.down()
    for x, y in ((right, middle - 160), (right, middle + 200), (left, middle + 200)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    _says(page, "3 photos")
    expect(_lit(page).get_by_role("status")).to_have_text("3 photos · Inside a line on the map")
    page.reload()
    _says(page, "3 photos")
    page.get_by_role("link", name="Show these photos").click()
    title(page).to_have_text("3 photos")
    assert sorted(names(page)) == ["blue.png", "green.jpg", "red.jpg"]
    page.get_by_role("button", name="Remove Inside a line on the map").click()
    title(page).to_have_text("8 photos")


def test_a_group_becomes_a_collection_by_keys(page: Any) -> None:
    page.get_by_role("link", name="Map").focus()
    page.keyboard.press("Enter")
    group = page.get_by_role("button", name="circle, sea")
    group.wait_for()
    group.focus()
    page.keyboard.press("Enter")
    expect(group).to_have_attribute("aria-pressed", "true")
    _says(page, "3 photos")
    expect(_lit(page).get_by_role("status")).to_have_text("3 photos · circle, sea")
    page.get_by_role("button", name="To a collection").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").locator("input").first.fill("At the sea")
    page.keyboard.press("Escape")  # the list of collections below the field
    page.get_by_role("button", name="Put them in").press("Enter")
    page.get_by_text("At the sea holds 3 photos now.").wait_for()
    page.get_by_role("link", name="Show the photos of circle, sea").press("Enter")
    title(page).to_have_text("3 photos")

    page.go_back()
    surface = page.get_by_role("application")
    surface.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**at=*")
    page.keyboard.press("0")


def test_a_photo_is_looked_at_and_those_around_it(page: Any, small: SmallLibrary) -> None:
    _open(page)
    page.locator(".map-picture").first.wait_for()
    picture = page.locator(f'.map-picture[src*="{small.photo_id("gold.jpg")}"]').bounding_box()
    place = (picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2)
    page.mouse.move(*place)
    page.locator(".map-card img").wait_for()
    page.mouse.click(*place)
    page.wait_for_url(f"**photo={small.photo_id('gold.jpg')}*")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Next photo").click()
    page.wait_for_url(lambda address: "photo=" in address and small.photo_id("gold.jpg") not in address)
    dialog.get_by_role("button", name="Previous photo").click()
    page.wait_for_url(f"**photo={small.photo_id('gold.jpg')}*")
    dialog.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("application")).to_be_visible()


def test_a_map_that_is_drawn_anew_or_gone_is_told(page: Any, small: SmallLibrary, console: list[str]) -> None:
    _open(page)
    page.get_by_role("button", name="circle, sea").click()
    _says(page, "3 photos")
    draw_map(small, {**PLACES, "orange größe.jpg": (0.1, -0.6)})
    page.get_by_label("Colour by").select_option("Kind of file")  # the page learns of it by asking
    page.get_by_text("8 photos. Those that look alike").wait_for()
    expect(_lit(page)).to_be_hidden()
    assert console, "it was told when it asked"
    assert all("409" in line for line in console), console
    console.clear()

    with small.library.manifest.write() as tx:
        projections.drop(tx, PRESET)
    page.reload()
    title(page).to_have_text("The map is not drawn yet")
    page.get_by_role("button", name="Draw the map").click()
    page.get_by_text("Dagster does not answer").wait_for()
    assert any("404" in line for line in console), console
    assert any("503" in line for line in console), console
    assert all("404" in line or "503" in line for line in console), console
    console.clear()


def test_a_drawing_that_works_already_is_shown_and_the_map_after_it(page: Any, small: SmallLibrary) -> None:
    manifest = small.library.manifest

    def started(route: Any) -> None:  # Dagster does not run here: its part is played
        with manifest.write() as tx:
            jobs.start(tx, "run-map", "refresh_map", None)
        route.fulfill(status=202, json=page.request.get(f"{page.url.split('/map')[0]}/api/v1/jobs/run-map").json())

    page.route("**/api/v1/map/draw", started)
    _open(page)
    main = page.get_by_role("main")
    button = main.get_by_role("button", name="Draw it anew")
    button.click()
    drawing = main.get_by_role("status").filter(has_text="Drawing the map")
    expect(drawing).to_be_focused()
    page.reload()
    drawing.wait_for()
    expect(button).to_have_count(0)
    draw_map(small, {**PLACES, "orange größe.jpg": (0.1, -0.6)})
    with manifest.write() as tx:
        jobs.finish(tx, "run-map", "done")
    page.get_by_text("8 photos. Those that look alike").wait_for()


def test_what_is_loaded_before_a_map_stays_small() -> None:
    """All scripts that any view asks for, without the maps' and the API documentation's own."""
    assets = BUILT / "assets"
    [entry] = re.findall(r'src="/assets/([^"]+\.js)"', (BUILT / "index.html").read_text())
    reached, waiting = set(), [entry]
    while waiting:
        name = waiting.pop()
        if name in reached or name.startswith(_MAPS):
            continue
        reached.add(name)
        waiting += re.findall(r"""["'`]\./([\w.-]+\.js)["'`]""", (assets / name).read_text())
    packed = sum(len(gzip.compress((assets / name).read_bytes())) for name in reached)
    assert 100_000 < packed < 400_000
    assert all(any(path.name.startswith(name) for path in assets.iterdir()) for name in _MAPS)
