"""Spans of time, from their first instant to their last."""

from collections.abc import Iterable
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]


def joined(spans: Iterable[Span], gap: timedelta) -> list[Span]:
    """Return the spans in order, those that lie no further apart than a gap made one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first - found[-1][1] <= gap:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
