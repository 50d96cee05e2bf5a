"""Read the time: the only module that reads the machine's clock.

Everything else receives the time as an argument.
"""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, aware, UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Return seconds of a clock that never goes back; only differences have a meaning."""
    return time.monotonic()


def sleep_s(seconds: float) -> None:
    """Sleep for so many seconds."""
    time.sleep(seconds)
