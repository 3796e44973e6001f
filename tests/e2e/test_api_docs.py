"""The interactive documentation of the API, in Chromium, under the page's content security policy and offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from running_app import free_port, serving
from served_page import watched

from resources.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_documentation_comes_from_this_machine_alone_and_asks_for_real(browser: Any, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", model=None, captions="off", port=free_port())
    address = f"http://localhost:{settings.port}"
    console: list[str] = []
    asked: list[str] = []
    with serving(settings):
        page = watched(browser, address, console)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/docs")
        live = page.locator("#operations-health-" + operation_id(settings))
        live.get_by_role("button").first.click()
        live.get_by_role("button", name="Try it out").click()
        live.get_by_role("button", name="Execute").click()
        live.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
        assert f"{address}/api/v1/health/live" in asked
        assert console == []
        page.context.close()


def operation_id(settings: Settings) -> str:
    from search_api.main import create_app

    found: str = create_app(settings).openapi()["paths"]["/api/v1/health/live"]["get"]["operationId"]
    return found
