"""Programs that tests need and a machine may lack."""

from __future__ import annotations

import os
import shutil

import pytest

__all__ = ["require_program"]


def require_program(name: str) -> str:
    """The path of the program `name`. Without it the test is skipped; with LOUPE_TEST_NO_SKIP set it fails."""
    found = shutil.which(name)
    if found:
        return found
    reason = f"the program '{name}' is not installed here"
    if os.environ.get("LOUPE_TEST_NO_SKIP"):
        pytest.fail(f"{reason}, and LOUPE_TEST_NO_SKIP asks for every test")
    pytest.skip(reason)
