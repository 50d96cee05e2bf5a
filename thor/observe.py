"""Logs: one configuration, one function that hides secrets.

Stage 95, ops. Every process calls `configure` once.
"""

import logging
import re
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

_PASSWORD_IN_URL = re.compile(r"(?P<head>\w+://[^:/@\s]*:)[^@/\s]+(?P<tail>@)")


def redacted(text: str) -> str:
    """Return the text with the password of every URL in it hidden."""
    return _PASSWORD_IN_URL.sub(r"\g<head>***\g<tail>", text)


def _redact(_: Any, __: str, event: Any) -> Any:
    return {
        key: redacted(value) if isinstance(value, str) else value for key, value in event.items()
    }


class _Stderr:
    """The error output, whose loss (a full disk, a pipe that nobody reads) stops no process."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(level: str, form: str) -> None:
    """Send structured logs to stderr, as lines for people or as JSON."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> Any:
    """Return a logger whose lines carry the process's name."""
    return structlog.get_logger().bind(job=name)
