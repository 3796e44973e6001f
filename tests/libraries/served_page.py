"""The page in Chromium: a server of its own process over a small library, and a browser that complains aloud."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from running_app import free_port
from small_library import PRESET, SmallLibrary

__all__ = [
    "choose",
    "chosen",
    "chromium",
    "names",
    "opened",
    "photo_link",
    "photos",
    "playwright",
    "press",
    "search_box",
    "served",
    "title",
    "watched",
]

playwright = pytest.importorskip("playwright.sync_api")
# A busy machine needs many seconds for what an idle one does at once: no wait may be what fails.
_WAIT_MS = 30_000
playwright.expect.set_options(timeout=_WAIT_MS)
_CHROMIUM = shutil.which("chromium")
# A browser without a graphics card says this of each canvas that it paints with WebGL, whatever the page does.
_PAINTS_WITHOUT_CARD = "GL Driver Message (OpenGL, Performance"


@contextmanager
def served(small: SmallLibrary) -> Iterator[str]:
    """The address of a server of its own process, once everything can be searched by content."""
    port = free_port()
    settings = {"HOME": small.settings.home, "MODEL": PRESET, "CAPTIONS": "off", "DEVICE": "cpu", "CPU_THREADS": 1}
    settings["PORT"] = port
    environment = {**os.environ, **{f"LOUPE_{name}": str(value) for name, value in settings.items()}}
    log = small.settings.home.parent / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "search_api"],
            env=environment,
            stdout=stream,
            stderr=stream,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 400
        while not _searchable(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        finally:
            process.kill()


def _searchable(address: str) -> bool:
    try:
        ready = httpx.get(f"{address}/api/v1/health/ready", timeout=5)
        if not ready.is_success or ready.json()["model"] != "ready":
            return False
        # Not what /status says: that may be two seconds old.
        index = httpx.get(f"{address}/api/v1/status/index", timeout=10)
        return bool(index.is_success and index.json()["same"])
    except httpx.HTTPError:
        return False


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser. One a module: its driver keeps the thread's event loop, so that no `asyncio.run` works meanwhile."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def watched(browser: Any, address: str, console: list[str]) -> Any:
    """An empty page with cookies and a cache of its own; what it complains of, or asks of other hosts, is in `console`.

    Whoever calls closes its context.
    """
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(_WAIT_MS)
    page.on(
        "console",
        lambda entry: (
            console.append(entry.text)
            if entry.type in ("error", "warning") and _PAINTS_WITHOUT_CARD not in entry.text
            else None
        ),
    )
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((address, "data:", "blob:")) else console.append(request.url),
    )
    return page


@contextmanager
def opened(browser: Any, url: str, console: list[str]) -> Iterator[Any]:
    """The page with its photos. Its console must stay empty, and it must ask no other host for anything."""
    page = watched(browser, url, console)
    page.goto(url)
    photos(page).first.wait_for()
    yield page
    page.context.close()
    assert console == []


def title(page: Any) -> Any:
    """Assertions on the line above the photos, which wait for it."""
    return playwright.expect(page.get_by_role("heading", level=1))


def search_box(page: Any) -> Any:
    return page.get_by_role("combobox", name="Search your photos")


def photos(page: Any) -> Any:
    """The photos that are drawn now, in their order."""
    return page.get_by_role("main").locator("a[data-index]")


def photo_link(page: Any, name: str) -> Any:
    """The photos of the grid whose file has this name."""
    return page.get_by_role("main").locator(f'a[data-index][title^="{name} "]')


def names(page: Any) -> list[str]:
    """The names of their files."""
    found: list[str] = photos(page).evaluate_all("links => links.map(link => link.title.split(' · ')[0])")
    return found


def chosen(page: Any) -> Any:
    """The bar of what may be done with the chosen photos."""
    return page.get_by_role("region", name="Chosen photos")


def choose(page: Any, photo: Any) -> None:
    """Choose a photo of the grid by its key."""
    box = photo.locator("xpath=..").locator("input[data-choose]")
    box.wait_for(state="attached")
    photo.focus()
    page.keyboard.press("Space")
    playwright.expect(box).to_be_checked()


def press(field: Any) -> None:
    """Press the space bar on a radio or a box of a dialog that has just opened, once that has taken the focus."""
    within = field.page.locator("[role=dialog]:focus, [role=dialog] :focus")
    playwright.expect(within).to_have_count(1)
    field.press(" ")
