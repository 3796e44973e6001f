"""The `loupe` command run in this process: arguments in; exit status, standard output and standard error out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from orchestration.cli import main

__all__ = ["Ended", "Loupe", "command"]


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Loupe = Callable[..., Ended]


def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Loupe:
    """`loupe(*arguments)`. Call `structlog.reset_defaults()` after the test: commands log to what is closed then."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["loupe", *arguments])
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capfd.readouterr()
        return Ended(status, out, err)

    return run
