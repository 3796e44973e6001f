"""The page of a module's own library: its fixture `url` says where that is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from served_page import opened


@pytest.fixture
def console() -> list[str]:
    """What the browser complains about; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(url: str, console: list[str]) -> Iterator[Any]:
    with opened(url, console) as page:
        yield page
