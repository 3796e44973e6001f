"""The page of a module's own library: its fixture `url` says where that is served."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from served_page import opened, playwright


@pytest.fixture
def console() -> list[str]:
    """What the browser complains about; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(url: str, console: list[str]) -> Iterator[Any]:
    with opened(url, console) as page:
        yield page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the page showed when a test of it failed."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and page is not None:
        try:
            report.sections.append((f"The page at {page.url}", page.locator("body").aria_snapshot(timeout=5_000)))
        except playwright.Error as error:
            report.sections.append(("The page", str(error)))
    return report
