"""Logs: one configuration, one function that hides secrets, repeated errors counted.

Stage 95, ops. Every process calls `configure` once.
"""

import atexit
import logging
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TextIO, cast

import structlog

from thor import clock

REPEATS_WITHIN_S = 60.0
_REPEATS_MAX = 1_000
_PASSWORD_IN_URL = re.compile(r"(?P<head>\w+://[^:/@\s]*:)[^@/\s]+(?P<tail>@)")
# Ports, ids and counts differ between lines that report one and the same error.
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+")
_ERRORS = ("warning", "error", "critical")
_IS_COUNT = "is_count"


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


class _Repeated(NamedTuple):
    since_s: float
    times: int
    event: dict[str, Any]


class Repeats:
    """Writes an error once within a minute, then how often it was repeated.

    Two lines are the same error where they differ in numbers only. Waits for a server count as
    errors; what a job did does not.
    """

    def __init__(
        self,
        write: Callable[[dict[str, Any], int], None],
        within_s: float = REPEATS_WITHIN_S,
        now_s: Callable[[], float] = clock.monotonic_s,
    ) -> None:
        """Take what writes a line's count, the seconds of a minute, and the clock."""
        self._write, self._within_s, self._now_s = write, within_s, now_s
        self._guard = threading.Lock()
        self._found: dict[str, _Repeated] = {}
        self._timer: threading.Timer | None = None

    def __call__(self, _: Any, level: str, event: Any) -> Any:
        """Let a line pass, or count it; a processor of structlog."""
        if event.pop(_IS_COUNT, False) or not (level in _ERRORS or "attempt" in event):
            return event
        key = _NUMBER.sub("#", repr(sorted(event.items())))
        self.flush()
        with self._guard:
            known = self._found.get(key)
            if known is None:
                if len(self._found) < _REPEATS_MAX:
                    self._found[key] = _Repeated(self._now_s(), 0, dict(event))
                return event
            self._found[key] = known._replace(times=known.times + 1)
            if self._timer is None:
                self._timer = threading.Timer(self._within_s, self._on_time)
                self._timer.daemon = True
                self._timer.start()
        raise structlog.DropEvent

    def flush(self, *, is_end: bool = False) -> None:
        """Write the counts of the errors whose minute is over; of all of them at the end."""
        until_s = self._now_s() - self._within_s
        with self._guard:
            over = [k for k, one in self._found.items() if is_end or one.since_s <= until_s]
            counted = [self._found.pop(key) for key in over]
        for one in counted:
            if one.times:
                self._write(one.event, one.times)

    def _on_time(self) -> None:
        with self._guard:
            self._timer = None
        self.flush()
        with self._guard:
            is_left = any(one.times for one in self._found.values())
            if is_left and self._timer is None:
                self._timer = threading.Timer(self._within_s, self._on_time)
                self._timer.daemon = True
                self._timer.start()


def _write_count(event: dict[str, Any], times: int) -> None:
    kept = {name: event[name] for name in ("job", "reason", "path", "part") if name in event}
    text = f"{event['event']} … repeated {times} times"
    getattr(structlog.get_logger(), event["level"])(text, **kept, **{_IS_COUNT: True})


class _OfLibraries(logging.Handler):
    """Takes what libraries log, so that it is redacted and counted like Thor's own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        log = structlog.get_logger(library=record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)


def configure(level: str, form: str) -> None:
    """Send structured logs to stderr, as lines for people or as JSON."""
    repeats = Repeats(_write_count)
    atexit.register(repeats.flush, is_end=True)
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, _OfLibraries)]
    root.addHandler(_OfLibraries())
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _redact,
            repeats,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
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
    # Not bound yet: a module may make its logger before the process has called `configure`.
    return structlog.get_logger(job=name)
