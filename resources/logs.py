"""What the log of API and pipeline looks like: one JSON object a line on standard output, with request and run ids.

Plain tracebacks: the pretty ones print the values of local variables, and take seconds to draw.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.types import Processor

from resources.settings import Settings

__all__ = ["configure", "configure_libraries"]


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
