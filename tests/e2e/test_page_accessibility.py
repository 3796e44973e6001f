"""Every view, light and dark, wide and on a phone: no serious or critical finding of axe, and nothing cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from related_photos import related_folder
from served_page import choose, chosen, photo_link, photos, playwright, search_box
from small_library import PRESET, SmallLibrary, draw_photo

from resources.duplicates import find_duplicates
from resources.manifest import collections, jobs, projections, saved_searches, tags
from search_api.page import BUILT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Without a graphics card a map is painted by the processor.
_PAINTED_MS = 60_000
AXE = BUILT.parent / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async (rules) => {
    const runOnly = rules.length ? { type: "rule", values: rules } : undefined;
    const { violations } = await axe.run(document, { resultTypes: ["violations"], runOnly });
    return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
        .flatMap(({ id, nodes }) => nodes.map(node => `${id}: ${node.target} ${node.failureSummary}`));
}"""
# The others find the same in light and in dark.
_OF_COLOURS = ["color-contrast", "link-in-text-block"]


@pytest.fixture(scope="module")
def small(small: SmallLibrary) -> SmallLibrary:
    folder = related_folder(small)
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not a photo at all")
    draw_photo(folder / "tejo.jpg", "teal", "gold", 90, (160, 120), (38.7167, -9.1333))
    small.add_folder(folder)
    small.take_in()
    find_duplicates(small.library.manifest, small.library.home, None, limit_s=60)
    gold, red, edited = (small.photo_id(name) for name in ("gold.jpg", "red.jpg", "harbour-edit.jpg"))
    with small.library.manifest.write() as tx:
        jobs.start(tx, "run-failed", "ingest", "1 folder")
        jobs.finish(tx, "run-failed", "failed", "DISK_FULL", "No space is left for /home/me.")
        jobs.start(tx, "run-page", "ingest", "1 folder")
        jobs.progress(tx, "run-page", {"decoded": {"done": 3, "total": 120}}, 12.0, 300.0)
        collections.create(tx, "Favourites")
        collections.add_photos(tx, "Favourites", [gold, red])
        tags.add(tx, [edited], "harbour")
        saved_searches.create(tx, "Gold", {"q": "gold"})
        places = np.array([[-0.5, 0.2], [0.5, -0.2]], dtype=np.float32)
        groups = [projections.Cluster(0, 2, 0.0, 0.0, "gold, red", ("gold", "red"))]
        projections.replace(tx, PRESET, sorted([gold, red]), places, np.array([0, 0], dtype=np.int32), groups)
    return small


@pytest.fixture(scope="module")
def url(url: str, small: SmallLibrary) -> str:
    violet = small.photo_id("violet.jpg")
    httpx.post(f"{url}/api/v1/hidden", json={"photo_ids": [violet]}, timeout=60).raise_for_status()
    return url


def _photos(page: Any) -> None:
    photos(page).first.hover()


def _filters(page: Any) -> None:
    page.get_by_role("tree").wait_for()
    page.get_by_role("group", name="When photos were taken").first.wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(group => { group.open = true })")


def _suggestions(page: Any) -> None:
    search_box(page).press_sequentially("ca")
    page.get_by_role("option").first.wait_for()


def _part(page: Any) -> None:
    page.get_by_role("button", name="Less like wall").click()
    page.get_by_text("How much it counts").wait_for()


def _photo(page: Any) -> None:
    photo_link(page, "harbour-edit.jpg").click()
    page.get_by_role("region", name="Similar photos").wait_for()
    page.get_by_role("region", name="2 versions of one photo").wait_for()
    page.get_by_role("button", name="Remove tag harbour").wait_for()


def _place(page: Any) -> None:
    photo_link(page, "tejo.jpg").click()
    page.get_by_role("img", name="Map of where the photo was taken").locator(".land").wait_for()


def _button(name: str) -> Callable[[Any], None]:
    def press(page: Any) -> None:
        page.get_by_role("button", name=name).click()
        page.get_by_role("dialog", name=name).get_by_text("left out").first.wait_for()

    return press


def _keys(page: Any) -> None:
    photos(page).first.wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()


def _chosen(page: Any) -> None:
    choose(page, photos(page).first)
    chosen(page).get_by_role("button", name="Tag").wait_for()


def _collecting(page: Any) -> None:
    _chosen(page)
    page.get_by_role("button", name="To a collection").click()
    page.get_by_role("dialog").locator("input").first.fill("Fav")


def _split(page: Any) -> None:
    page.get_by_role("button", name="Split").click()
    page.get_by_label("Which photos").fill("gold")
    page.get_by_text("would go").wait_for()


def _map(page: Any) -> None:
    page.locator(".map-picture").first.wait_for()
    page.get_by_role("button", name="gold, red").click()
    page.get_by_role("link", name="Show these photos").wait_for()
    page.get_by_role("list", name="What the colours mean").wait_for()


def _text(text: str) -> Callable[[Any], None]:
    return lambda page: page.get_by_text(text).first.wait_for()


VIEWS: list[tuple[str, Callable[[Any], None]]] = [
    ("/", _photos),
    ("/?panel=1", _filters),
    ("/", _suggestions),
    ("/?q=red&not=wall%5E2&scores=1", _part),
    ("/?q=red&format=PNG", _photos),
    ("/?country=Portugal&camera=none", _text("No photo matches")),
    ("/", _photo),
    ("/", _place),
    ("/", _chosen),
    ("/", _collecting),
    ("/collections", _text("Gold")),
    ("/collections/Favourites", _text("Canon")),
    ("/collections/Favourites", _split),
    ("/test-me", _text("Test me")),
    ("/", _button("Add photos")),
    ("/", _keys),
    ("/library", _text("left out")),
    ("/library/activity", _text("No space is left")),
    ("/library/problems", _text("zero.jpg")),
    ("/library/warnings", _text("cut.jpg")),
    ("/library/skipped", _text("live.mov")),
    ("/library/removed", _text("violet.jpg")),
    ("/duplicates", _text("gold.jpg")),
    ("/map?colour=camera", _map),
    ("/places", lambda page: page.locator(".place-mark").first.wait_for(timeout=_PAINTED_MS)),
    ("/settings", _text("Appearance")),
    ("/nope", _text("There is no such page")),
]


@pytest.mark.parametrize("width", [1280, 390])
def test_no_view_keeps_anybody_out(page: Any, url: str, width: int, console: list[str]) -> None:
    found: list[str] = []
    page.set_viewport_size({"width": width, "height": 800})
    axe = AXE.read_text()
    for address, reach in VIEWS:
        page.emulate_media(color_scheme="light")
        page.goto(url + address)
        reach(page)
        page.evaluate(axe)
        for scheme, rules in (("light", []), ("dark", _OF_COLOURS)):
            page.emulate_media(color_scheme=scheme)
            page.locator(f"html[data-mantine-color-scheme={scheme}]").wait_for()
            page.evaluate("document.getAnimations().forEach(animation => animation.finish())")
            found += [f"{address}, {scheme}: {finding}" for finding in page.evaluate(_RUN, rules)]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found.append(f"{address}: {wide} pixels stand out to the right")
    assert found == []
    assert len(console) == 1
    assert "404" in console.pop(), "of the address that is none"


def test_every_view_can_be_gone_to_by_keys(page: Any) -> None:
    page.keyboard.press("Tab")
    playwright.expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    reached = []
    for _ in range(8):
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.title"))
        page.keyboard.press("Tab")
    assert any(".jpg" in name or ".tif" in name for name in reached), reached
    page.get_by_role("link", name="Library").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Library").wait_for()
    page.get_by_role("tab", name="Folders").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("tabpanel", name="Activity").get_by_text("Taking photos in").first.wait_for()
    page.get_by_role("button", name="Add photos").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_label("Folder on this computer")).to_be_focused()
    page.keyboard.press("Escape")
    playwright.expect(page.get_by_role("button", name="Add photos")).to_be_focused()
