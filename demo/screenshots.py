"""Pictures of the page for the documentation, taken beside a served demo.

    make demo                          # in one terminal
    .venv/bin/python -m demo.screenshots [--url http://127.0.0.1:8000] [--out docs/images]

It draws the map, looks for duplicates and makes a collection, so that every view has something to show. Needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

_WIDE, _PHONE = (1280, 800), (390, 844)
_PAINTED_MS = 60_000  # without a graphics card
_PICTURES_MS = 2_000  # until the pictures around it have come too
_JPEG_QUALITY = 80
_JOB_S = 180.0
COLLECTION = "By the sea"
_RENAMED = """([folders, name]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    for (const folder of folders) texts.currentNode.data = texts.currentNode.data.replaceAll(folder, name);
}"""


@dataclass(frozen=True)
class View:
    """`name` of its file, `path` in the page, `there`: waits until it is there."""

    name: str
    path: str
    there: Callable[[Page], None]
    size: tuple[int, int] = _WIDE
    dark: bool = False


def _thumbnails(page: Page) -> None:
    for tile in page.locator("main li.tile img").all()[:20]:
        tile.and_(page.locator(".loaded")).wait_for()


def _filters(page: Page) -> None:
    page.get_by_role("group", name="When photos were taken").first.wait_for()
    _thumbnails(page)


def _open_first(page: Page) -> None:
    page.locator("main a[data-index]").first.click()
    page.get_by_role("region", name="Similar photos").wait_for()


def _choose_some(page: Page) -> None:
    for at in (1, 2, 4):
        tile = page.locator("main li.tile").nth(at)
        tile.hover()
        tile.locator("input[data-choose]").click()
    _thumbnails(page)


def _text(text: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("main").get_by_text(text).first.wait_for()


def _element(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.wait_for(timeout=_PAINTED_MS)


VIEWS = (
    View("photos", "/", _element("main img.loaded")),
    View("search", "/?q=boat&panel=1&scores=1", _filters),
    View("photo", "/?q=boat", _open_first),
    View("selection", "/?q=boat", _choose_some, dark=True),
    View("collections", "/collections", _text(COLLECTION)),
    View("collection", "/collections/By%20the%20sea", _element("main img")),
    View("duplicates", "/duplicates", _element("main img")),
    View("map", "/map?q=snow&colour=camera", _element(".map-picture")),
    View("places", "/places", _element(".place-mark")),
    View("library", "/library/problems", _text("Try again")),
    View("activity", "/library/activity", _text("Taking photos in")),
    View("test-me", "/test-me", _text("Test me")),
    View("settings", "/settings", _text("Appearance"), dark=True),
    View("phone", "/", _element("main img.loaded"), size=_PHONE),
)


def prepare(api: httpx.Client) -> None:
    """Have a map, groups of duplicates and a collection."""
    for path in ("/map/draw", "/duplicates/find"):
        _wait_for_job(api, api.post(path))
    api.post("/collections", json={"name": COLLECTION})
    step = {"do": "add", "collection": COLLECTION}
    api.post("/bulk", json={"query": {"q": "sea"}, "step": step}).raise_for_status()


def _wait_for_job(api: httpx.Client, started: httpx.Response) -> None:
    started.raise_for_status()
    job = started.json()["job_id"]
    deadline = time.monotonic() + _JOB_S
    while api.get(f"/jobs/{job}").json()["state"] not in ("done", "failed", "cancelled"):
        if time.monotonic() > deadline:
            raise SystemExit(f"job {job} does not end")
        time.sleep(1.0)


def take(browser: Any, url: str, view: View, out: Path, folders: list[str]) -> Path:
    """Go there, wait until its photos have come, and keep what it looks like, with `folders` as somebody's pictures."""
    width, height = view.size
    page = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if view.dark else "light"
    ).new_page()
    page.goto(url + view.path)
    view.there(page)
    page.wait_for_timeout(_PICTURES_MS)
    page.evaluate("document.getAnimations().forEach(animation => { try { animation.finish() } catch {} })")
    page.evaluate(_RENAMED, [folders, "/home/anna/Pictures"])
    path = out / f"{view.name}.jpg"
    page.screenshot(path=path, type="jpeg", quality=_JPEG_QUALITY)
    page.context.close()
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", nargs="+", choices=[view.name for view in VIEWS])
    options = parser.parse_args()
    with httpx.Client(base_url=f"{options.url}/api/v1", timeout=120) as api:
        if not options.only:
            prepare(api)
        folders = [folder["path"] for folder in api.get("/folders").json()["folders"]]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for view in VIEWS:
            if not options.only or view.name in options.only:
                print(take(browser, options.url, view, options.out, folders))
        browser.close()


if __name__ == "__main__":
    main()
