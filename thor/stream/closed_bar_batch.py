"""Find the bars that a clock entry closes, and keep them encoded for subscribers.

Stages: 40 bars → API. Pure. The ids of its events are offsets in the clock entry.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from thor.domain.bar import CLOSE_DELAY, WIDTHS
from thor.market.bus.messages import Entry
from thor.stream.buffer import Batch, EventFilter
from thor.stream.events import WHOLE, TickKey, bar_frame, before, entry_key, gap

# Of one width; no source closes more at once.
ROWS_MAX = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST = timedelta(microseconds=1)
# A day in Chicago ends on an hour of UTC and has 23 to 25 hours.
_HOUR = timedelta(hours=1)
# A bar's offset does not depend on other widths, so its id is the same for every selection.
_OFFSETS = {width: rank * 100_000 for rank, width in enumerate(WIDTHS)}


def due(entry: Entry, widths: frozenset[str]) -> frozenset[str]:
    """Return the widths of which a clock entry closes a bar; none for a source's first clock."""
    since, until = entry.since, entry.clock
    if not widths or since is None or until is None:
        return frozenset()
    return frozenset(width for width in widths if _ended(width, until) > _ended(width, since))


def _ended(width: str, clock: datetime) -> int:
    length = _HOUR if width == "1d" else WIDTHS[width]
    return (clock - CLOSE_DELAY - _EPOCH) // length


def starts(width: str, since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Return the starts of bars whose `known_at` is after one instant and not after another.

    A half-open span; for days it has a few more.
    """
    spare = _HOUR if width == "1d" else timedelta(0)
    longest, shortest = WIDTHS[width] + spare, WIDTHS[width] - spare
    return since - CLOSE_DELAY - longest + _LEAST, until - CLOSE_DELAY - shortest + _LEAST


class BarClose(Batch):
    """The bars that one clock entry closes; pending until the database has all their ticks."""

    __slots__ = ("done", "due", "entry", "is_pending", "missed", "of_width", "read_s")

    def __init__(self, entry: Entry, widths: frozenset[str], read_s: float) -> None:
        """Take the clock entry, the widths with a bar to close, and when it was read."""
        super().__init__(entry_key(entry.entry_id), widths=widths)
        self.entry, self.due, self.read_s = entry, widths, read_s
        self.is_pending = True
        self.of_width: list[str] = []
        self.missed = b""
        self.done = asyncio.Event()

    def fill(self, found: Mapping[str, Sequence[Mapping[str, Any]]], *, is_complete: bool) -> None:
        """Take the bars of each width, and whether the database had all their ticks."""
        for width in WIDTHS:
            for index, row in enumerate(found.get(width, ()), _OFFSETS[width]):
                frame = bar_frame(self.entry.entry_id, index, width, row["bar"], is_complete)
                self.keys.append((*self.last, index))
                self.symbols.append(row["symbol"])
                self.of_width.append(width)
                self.ticks.append(frame)
        if any(len(rows) >= ROWS_MAX for rows in found.values()):
            self.missed = self.gap_event()
        self._end()

    def miss(self) -> None:
        """Record that the bars could not be read."""
        self.missed = self.gap_event()
        self._end()

    def after(self, key: TickKey | None, event_filter: EventFilter) -> tuple[bytes, int]:
        """Return the selected bars after an offset, joined, and their number."""
        wanted = event_filter.bars & self.due
        if not wanted:
            return b"", 0
        parts = [
            frame
            for at, symbol, width, frame in zip(
                self.keys, self.symbols, self.of_width, self.ticks, strict=True
            )
            if width in wanted
            and (event_filter.symbols is None or symbol in event_filter.symbols)
            and (key is None or at > key)
        ]
        if self.missed:
            parts.append(self.missed)
        return b"".join(parts), len(parts)

    def gap_event(self) -> bytes:
        """Return a gap event: its bars may be missing."""
        key = entry_key(self.entry.entry_id)
        return gap((*before(key), WHOLE), key)

    def _end(self) -> None:
        self.is_pending = False
        self.done.set()
