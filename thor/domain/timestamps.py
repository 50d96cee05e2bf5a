"""Instants as text, ISO 8601 in UTC with microseconds, and back.

Stage 10, reference. Pure.
"""

from datetime import UTC, datetime
from typing import Any


def format_utc(ts: datetime) -> str:
    """Return an instant as the bus and the API write it; such texts sort as their instants do."""
    return f"{ts.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def parse(value: Any) -> datetime | None:
    """Return the instant that a text says, in UTC; None where it says none with its zone."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return utc_or_none(found) if found.tzinfo is not None else None


def utc_or_none(ts: datetime) -> datetime | None:
    """Return an aware instant in UTC, or None where it falls outside the calendar."""
    try:
        return ts.astimezone(UTC)
    except OverflowError:
        return None
