"""What the log of API and pipeline looks like: one JSON object a line on standard output, with request and run ids.

Plain tracebacks: the pretty ones print the values of local variables, and take seconds to draw.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog
from structlog.types import Processor

from resources.home import Home
from resources.settings import Settings

__all__ = ["configure", "configure_libraries", "note_fault"]


_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure(settings: Settings) -> None:
    """Set up structlog for this process, unless whoever started it has."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[*_PROCESSORS, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        cache_logger_on_first_use=False,
    )


def configure_libraries(settings: Settings) -> None:
    """What libraries log by the standard library takes the same form: for a process that is the API's alone."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_PROCESSORS],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def note_fault(command: str) -> Path:
    """Append the exception that is being handled to `logs/command-line.log` of the home. Returns that file.

    Raises `OSError` when it cannot be written, and `CONFIG_INVALID` when no setting says where the home is.
    """
    path = Home(Settings.without_file().home).logs / "command-line.log"
    with open(path, "a", encoding="utf-8") as stream:
        structlog.wrap_logger(
            structlog.WriteLogger(stream), processors=[*_PROCESSORS, structlog.processors.JSONRenderer()]
        ).error("a command met what it has no code for", command=command, exc_info=True)
    return path
