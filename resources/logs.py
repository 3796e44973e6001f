"""What the log of API and pipeline looks like: one JSON object a line on standard output, with request and run ids.

Plain tracebacks: the pretty ones print the values of local variables, and take seconds to draw.
"""

from __future__ import annotations

import logging

import structlog

from resources.settings import Settings

__all__ = ["configure"]


def configure(settings: Settings) -> None:
    """Set up structlog for this process, unless whoever started it has."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        cache_logger_on_first_use=False,
    )
