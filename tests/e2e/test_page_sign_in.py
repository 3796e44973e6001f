"""Signing a browser in from another machine's address, in Chromium, under the page's content security policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from running_app import free_port, serving, wait_until
from served_page import photos, watched
from small_library import build

from resources import keys
from resources.library import Library
from resources.running_api import RunningApi

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _link(library: Library, port: int) -> str:
    made = keys.create(
        library.manifest, library.home, "link", frozenset(["read", "write"]), keys.LINK_LASTS, kind="link"
    )
    # Loopback, but not an address that needs no key: to the server it is as good as another machine's.
    return f"http://127.0.0.2:{port}/sign-in.html#{made.text}"


def test_a_link_signs_in_once_and_leaves_no_secret_behind(browser: Any, tmp_path: Path) -> None:
    small = build(tmp_path, with_model=False)
    settings = small.settings.model_copy(update={"host": "0.0.0.0", "port": free_port()})
    address = f"http://127.0.0.2:{settings.port}/"
    with serving(settings):
        api = RunningApi.of(small.library.home)
        assert api is not None
        wait_until(lambda: api.get("/status")["points"] == 8)
        console: list[str] = []
        page = watched(browser, address, console)
        page.goto(address)
        page.get_by_text("Sign in first").first.wait_for()
        assert console
        assert all("401" in line for line in console), console  # a browser writes each refused request
        console.clear()

        link = _link(small.library, settings.port)
        page.goto(link)
        photos(page).first.wait_for()
        assert page.url == address
        assert photos(page).count() == 8
        assert page.evaluate("document.cookie") == "", "no script can read the session"
        assert console == []
        page.context.close()

        other = watched(browser, address, console)
        other.goto(link)
        other.get_by_text("used already").wait_for()
        assert "#" not in other.url
        other.context.close()
