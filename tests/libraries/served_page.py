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

__all__ = ["names", "opened", "photo_link", "photos", "playwright", "served", "title"]

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
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
        deadline = time.monotonic() + 120
        while not _searchable(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def title(page: Any) -> Any:
    """Assertions on the line above the photos, which wait for it."""
    return playwright.expect(page.get_by_role("heading", level=1))


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


def _searchable(address: str) -> bool:
    try:
        ready = httpx.get(f"{address}/api/v1/health/ready", timeout=5)
        if not ready.is_success or ready.json()["model"] != "ready":
            return False
        status = httpx.get(f"{address}/api/v1/status", timeout=10).json()
        return bool(status["points"] == status["photos"] > 0)
    except httpx.HTTPError:
        return False


@contextmanager
def opened(url: str, console: list[str], scheme: str = "light") -> Iterator[Any]:
    """A page whose console must stay free of errors, and which must ask no other host for anything."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
        page.set_default_timeout(15_000)
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
            lambda request: None if request.url.startswith((url, "data:", "blob:")) else console.append(request.url),
        )
        page.goto(url)
        photos(page).first.wait_for()
        yield page
        browser.close()
    assert console == []
