"""Keep the newest events, encoded once, so that all subscribers get the same bytes.

Stages: 25 bus → API. Pure. Bounded by bytes: the oldest are removed first; for a subscriber that is
behind them `take` returns None.
"""

from bisect import bisect_right
from collections import deque
from typing import NamedTuple

from thor.stream.events import WHOLE, EntryKey, TickKey

# About the memory that Python needs for a tick's offset and its two strings.
_OVERHEAD = 300


class EventFilter(NamedTuple):
    """The events that a subscriber wants; None means every symbol, `bars` are widths.

    `desk` means the signals, the TOTAL and the extremes; `world` are `session`, `market`,
    `grade` and `prediction`, those asked for.
    """

    symbols: frozenset[str] | None
    ticks: bool
    quotes: bool
    bars: frozenset[str] = frozenset()
    desk: bool = False
    world: frozenset[str] = frozenset()


class Slice(NamedTuple):
    """Bytes to send, how many events they are, and the ordinal to go on from."""

    frames: bytes
    events: int
    ordinal: int


class Batch:
    """The events of some whole entries, or a gap, which every subscriber gets."""

    __slots__ = (
        "_joined",
        "gap",
        "has_quotes",
        "is_framed",
        "keys",
        "last",
        "quotes",
        "symbols",
        "ticks",
        "widths",
    )
    # Whether subscribers to bars must wait for it, with all later batches.
    is_pending = False

    def __init__(
        self,
        last: EntryKey,
        gap: bytes = b"",
        *,
        is_framed: bool = True,
        has_quotes: bool = True,
        widths: frozenset[str] = frozenset(),
    ) -> None:
        """Begin with the last entry the batch holds, and the gap where it is one."""
        self.is_framed = is_framed
        # Encoding a quote costs more than its tick: it is left out where no subscriber wants it.
        self.has_quotes = has_quotes
        # The widths that subscribers wanted when it was built.
        self.widths = widths
        self.last = last
        self.gap = gap
        self.keys: list[TickKey] = []
        self.symbols: list[str] = []
        self.ticks: list[bytes] = []
        # Empty where the tick did not change the quote.
        self.quotes: list[bytes] = []
        self._joined: dict[EventFilter, tuple[bytes, int]] = {}

    def add(self, key: TickKey, symbol: str, tick: bytes, quote: bytes) -> None:
        """Append a tick and the quote after it."""
        self.keys.append(key)
        self.symbols.append(symbol)
        self.ticks.append(tick)
        self.quotes.append(quote)

    def size(self) -> int:
        """Return about how many bytes it takes, without cached joins."""
        kept = len(self.gap) + sum(map(len, self.ticks)) + sum(map(len, self.quotes))
        return kept + _OVERHEAD * len(self.keys)

    def frames(self, event_filter: EventFilter, keep: bool) -> tuple[bytes, int, int]:
        """Return the selected events joined, their number, and the bytes newly cached."""
        found = self._joined.get(event_filter)
        if found is not None:
            return (*found, 0)
        found = self.after(None, event_filter)
        if keep:
            self._joined[event_filter] = found
        return (*found, len(found[0]) if keep else 0)

    def after(self, key: TickKey | None, event_filter: EventFilter) -> tuple[bytes, int]:
        """Return the selected events after an offset, joined, and their number."""
        start = 0 if key is None else bisect_right(self.keys, key)
        parts = [self.gap] if self.gap and key is None else []
        for at in range(start, len(self.keys)):
            if event_filter.symbols is None or self.symbols[at] in event_filter.symbols:
                if event_filter.ticks:
                    parts.append(self.ticks[at])
                if event_filter.quotes and self.quotes[at]:
                    parts.append(self.quotes[at])
        return b"".join(parts), len(parts)


class ReplayBuffer:
    """The newest batches, each with an ordinal that only grows."""

    def __init__(self, bytes_max: int) -> None:
        """Take its limit in bytes."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._batches: deque[tuple[Batch, int]] = deque()
        self.oldest = 0
        # The entry before the oldest batch: everything after it is buffered.
        self.start: EntryKey = (0, 0)

    @property
    def end(self) -> int:
        """The ordinal that the next batch will have."""
        return self.oldest + len(self._batches)

    def restart(self, start: EntryKey) -> None:
        """Drop all batches: every subscriber is behind; the next batch follows this entry."""
        self.oldest = self.end + 1
        self._batches.clear()
        self._bytes = 0
        self.start = start

    def pass_by(self, entry: EntryKey) -> None:
        """Record that the stream advanced to an entry without events."""
        if self._batches:
            self._batches[-1][0].last = entry
        else:
            self.start = entry

    def append(self, batch: Batch) -> None:
        """Add a batch, and remove the oldest while the limit is exceeded."""
        size = batch.size()
        self._batches.append((batch, size))
        self._bytes += size
        self._shrink()

    def ordinal_after(self, key: TickKey) -> int | None:
        """Return the ordinal of the first batch with anything after an offset, or None.

        None where some events after the offset are no longer buffered.
        """
        if key < (*self.start, WHOLE):
            return None
        at = bisect_right(self._batches, key, key=lambda kept: (*kept[0].last, WHOLE))
        return self.oldest + at

    def first(self, ordinal: int, key: TickKey, event_filter: EventFilter) -> Slice:
        """Return the events of a batch, given by ordinal, after an offset."""
        if ordinal == self.end:
            return Slice(b"", 0, ordinal)
        batch = self._batches[ordinal - self.oldest][0]
        if batch.is_pending and event_filter.bars:
            return Slice(b"", 0, ordinal)
        return Slice(*batch.after(None if batch.gap else key, event_filter), ordinal + 1)

    def take(self, ordinal: int, event_filter: EventFilter, bytes_max: int) -> Slice | None:
        """Return the selected events from an ordinal on, or None where they are gone.

        A subscriber to bars gets nothing from a pending batch on.
        """
        if ordinal < self.oldest:
            return None
        parts: list[bytes] = []
        events = size = 0
        while ordinal < self.end and size < bytes_max:
            if event_filter.bars and self._batches[ordinal - self.oldest][0].is_pending:
                break
            part, n, kept = self._join(ordinal, event_filter)
            parts.append(part)
            events += n
            size += len(part)
            ordinal += 1
            if kept:
                self._bytes += kept
        # A lone part, the usual case, is not copied.
        return Slice(parts[0] if len(parts) == 1 else b"".join(parts), events, ordinal)

    def last(self, ordinal: int) -> EntryKey:
        """Return the last entry that comes before an ordinal."""
        at = ordinal - self.oldest
        return self._batches[at - 1][0].last if at > 0 else self.start

    def _join(self, ordinal: int, event_filter: EventFilter) -> tuple[bytes, int, int]:
        at = ordinal - self.oldest
        batch, size = self._batches[at]
        part, n, kept = batch.frames(event_filter, keep=self._bytes < self._bytes_max)
        if kept:
            self._batches[at] = (batch, size + kept)
        return part, n, kept

    def _shrink(self) -> None:
        while self._bytes > self._bytes_max and len(self._batches) > 1:
            batch, size = self._batches.popleft()
            self._bytes -= size
            self.start = batch.last
            self.oldest += 1
