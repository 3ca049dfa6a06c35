"""Logging, once for a process: one JSON object a line on standard error, and no secrets in it."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from pydantic import SecretStr

from consumers.trace import add_trace

MASK = "**********"
SECRET_NAMES = ("token", "secret", "password", "authorization", "cookie", "api_key")
LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog's events to `stream` (standard error) as JSON lines.

    Called by a process' entry point, never at import.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.JSONRenderer(serializer=_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def mask_secrets(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor: whatever is called a secret, or is one by type, is masked."""
    del logger, method
    for name, value in event.items():
        if isinstance(value, SecretStr) or any(part in name.lower() for part in SECRET_NAMES):
            event[name] = MASK
    return event


def _line(event: Mapping[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
