"""One library, server and browser for a module, and an empty page with cookies of its own for each test."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from served_page import chromium, opened, playwright, served
from small_library import SmallLibrary


@pytest.fixture(scope="module")
def small(small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A copy that the tests of a module change; a module that needs more in it says so in a fixture of this name."""
    return small.copied(tmp_path_factory.mktemp("page") / "home")


@pytest.fixture(scope="module")
def url(small: SmallLibrary) -> Iterator[str]:
    with served(small) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def console() -> list[str]:
    """What the browser complains about; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(browser: Any, url: str, console: list[str]) -> Iterator[Any]:
    with opened(browser, url, console) as page:
        yield page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What each open page showed when a test failed."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("browser")
    if report.when == "call" and report.failed and browser is not None:
        for page in [page for context in browser.contexts for page in context.pages]:
            try:
                shown = page.locator("body").aria_snapshot(timeout=5_000)
            except playwright.Error as error:
                shown = str(error)
            report.sections.append((f"The page at {page.url}", shown))
    return report
