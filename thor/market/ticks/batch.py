"""Ticks as the database stores them: their columns, their order, their ingest counts.

Stage 30, ticks. Pure: `writer.py` writes it.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec

from thor.domain.mark import Mark
from thor.domain.spans import joined
from thor.domain.tick import RejectedTick, Tick

COLUMN_TYPES = [
    "timestamptz",
    "text",
    "int8",
    "text",
    "text",
    "numeric",
    "numeric",
    "numeric",
    "int4",
    "int4",
    "int4",
    "text",
    "int8",
    "int8",
    "bool",
    "bool",
    "timestamptz",
]

HEARD_PAUSE = timedelta(seconds=5)
_MINUTE = timedelta(minutes=1)
_ORDER = attrgetter("ts", "seq", "source")


class EntryTicks(msgspec.Struct, frozen=True):
    """One validated stream entry: its ordinals `first … first + n`, and its ticks.

    `first` is None for an entry that is not Thor's; it counts as no ticks. `clock` is a source and
    its clock, in an entry without ticks, and `seen` the symbols it looked at then; `marks` are
    those of `marks_source`.
    """

    entry_id: str
    first: int | None
    n: int
    ticks: list[Tick]
    rejected: list[RejectedTick]
    clock: tuple[str, datetime] | None = None
    seen: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    marks_source: str = ""


class IngestCounts(msgspec.Struct, frozen=True):
    """The counts of a transaction: received = inserted + duplicate + rejected + lost.

    `lost` ticks were deleted from the bus before they were ingested.
    """

    received: int = 0
    inserted: int = 0
    duplicate: int = 0
    rejected: int = 0
    lost: int = 0

    def __add__(self, other: "IngestCounts") -> "IngestCounts":
        """Return the sum of both."""
        return IngestCounts(
            self.received + other.received,
            self.inserted + other.inserted,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.lost + other.lost,
        )


def in_order(entries: Iterable[EntryTicks]) -> list[Tick]:
    """Return all ticks of the entries in the order of their index: symbol, ts, seq, source.

    A symbol's ticks arrive nearly in order: sorting by symbol costs half of sorting all.
    """
    of_symbol: defaultdict[str, list[Tick]] = defaultdict(list)
    for entry in entries:
        for tick in entry.ticks:
            of_symbol[tick.symbol].append(tick)
    return [tick for symbol in sorted(of_symbol) for tick in sorted(of_symbol[symbol], key=_ORDER)]


def columns(tick: Tick) -> tuple[Any, ...]:
    """Return a tick as the row that COPY takes, in the order of `COLUMN_TYPES`."""
    return (
        tick.ts,
        tick.symbol,
        tick.seq,
        tick.source,
        tick.contract,
        tick.last,
        tick.bid,
        tick.ask,
        tick.last_size,
        tick.bid_size,
        tick.ask_size,
        tick.side,
        tick.volume,
        tick.volume_delta,
        tick.is_trade,
        tick.is_sampled,
        tick.received_at,
    )


def spans(entries: Iterable[EntryTicks]) -> list[tuple[int, int]]:
    """Return the ordinals of the entries as half-open spans, adjacent ones joined."""
    joined: list[tuple[int, int]] = []
    for first, n in sorted((e.first, e.n) for e in entries if e.first is not None and e.n):
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], first + n)
        else:
            joined.append((first, first + n))
    return joined


def distinct(entries: list[EntryTicks]) -> list[EntryTicks]:
    """Return the entries without those whose ordinals an earlier one of them has: its copies."""
    covered: set[int] = set()
    kept = []
    for entry in entries:
        ordinals = range(entry.first or 0, (entry.first or 0) + entry.n)
        if entry.n and any(ordinal in covered for ordinal in (ordinals[0], ordinals[-1])):
            continue
        covered.update(ordinals)
        kept.append(entry)
    return kept


def clocks(entries: Iterable[EntryTicks]) -> dict[str, datetime]:
    """Return the newest clock of each source in the entries."""
    newest: dict[str, datetime] = {}
    for entry in entries:
        if entry.clock is not None:
            source, ts = entry.clock
            newest[source] = max(ts, newest.get(source, ts))
    return newest


def heard(entries: Iterable[EntryTicks]) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """Return the start and the end of each source's latest stretch of looking, by (symbol, source).

    A pause longer than `HEARD_PAUSE` begins a new stretch of looking.
    """
    found: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for entry in entries:
        if entry.clock is not None:
            source, ts = entry.clock
            for symbol in entry.seen:
                since, last = found.get((symbol, source), (ts, ts))
                if ts >= last:
                    found[symbol, source] = (since if ts - last <= HEARD_PAUSE else ts), ts
    return found


def stretches(
    instants: Collection[datetime], count_max: int | None = None
) -> list[tuple[datetime, datetime]]:
    """Return the stretches of time that instants lie in, the first and last of each.

    Stretches nearer than a minute are joined. Of instants within two minutes only the ends are
    used. Above `count_max` stretches, the nearest are joined, too.
    """
    first, last = min(instants), max(instants)
    if last - first <= 2 * _MINUTE:
        return [(first, last)]
    found = joined(((ts, ts) for ts in set(instants)), _MINUTE)
    if count_max is not None and len(found) > count_max:
        between = sorted(after[0] - before[1] for before, after in itertools.pairwise(found))
        found = joined(found, between[-count_max])
    return found
