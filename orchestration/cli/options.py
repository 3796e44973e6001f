"""Options and printing that several commands share."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resources.errors import LoupeError

if TYPE_CHECKING:
    from resources.settings import Settings

__all__ = [
    "CaptionsOption",
    "JsonOption",
    "ModelOption",
    "console_error",
    "megabytes",
    "print_json",
    "progress_line",
    "quiet_terminal",
    "settings_from",
    "wants_json",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Image-text model; see `loupe models list`.")]
CaptionsOption = Annotated[
    str | None, typer.Option("--captions", help="now, later or off. Default: now on a GPU, later on a CPU.")
]


def settings_from(**given: Any) -> Settings:
    """The settings with a command's options on top. Raises `CONFIG_INVALID`."""
    from resources.settings import Settings

    return Settings.load(**given)


def print_json(value: Any) -> None:
    content = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    print(json.dumps(content, ensure_ascii=False, default=str))


@contextmanager
def progress_line() -> Iterator[Callable[[str, int, int], None]]:
    """Hand out `say(what, done, total)`, which keeps one line of a terminal true; elsewhere it says nothing."""
    live = sys.stderr.isatty()
    said_at = 0.0

    def say(what: str, done: int, total: int) -> None:
        nonlocal said_at
        if live and time.monotonic() - said_at > 0.1:
            said_at = time.monotonic()
            of = f" of {total:,}" if total else ""
            print(f"\r\033[K{what}: {done:,}{of}", end="", file=sys.stderr, flush=True)

    try:
        yield say
    finally:
        if said_at:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def wants_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments


def console_error(error: LoupeError) -> None:
    """The error on standard error: its code, then its sentence."""
    print(f"error [{error.code}]: {error.message}", file=sys.stderr)


def megabytes(count: float) -> str:
    """Bytes for a person: "830 MB", "1.2 GB"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:.0f} {unit}"
    return f"{count / 1e3:.0f} kB"


def quiet_terminal() -> None:
    """Keep libraries' notes out of a person's terminal: warnings off, logs from warnings up, on standard error."""
    import structlog

    warnings.filterwarnings("ignore")
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
