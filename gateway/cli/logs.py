"""Structured logs, to standard error: words for a person or JSON for a machine. Never the content of a record."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from gateway.config import Log

__all__ = ["configure"]


def configure(settings: Log, *, as_json: bool = False) -> None:
    """Sets up structlog for the process."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    renderer: Any
    in_json = as_json or settings.form == "json"
    if in_json:
        renderer = structlog.processors.JSONRenderer(sort_keys=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=32)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if in_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
