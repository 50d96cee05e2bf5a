"""Read the bars that clock entries closed, once for all subscribers.

Stages: 40 bars → API. A bar is read when the database has every tick published before the clock
entry, so that the event equals its row.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from thor import clock, database
from thor.domain.bar import CLOSE_DELAY
from thor.errors import ThorError
from thor.market.bus.client import Listener
from thor.market.bus.messages import Entry
from thor.reference.cache import Reference
from thor.stream.closed_bar_batch import ROWS_MAX, BarClose, due, starts
from thor.stream.last_values import LastValues

# How long bars may delay the ticks and quotes of their stream, and how long on their own.
HASTE_S, PATIENCE_S = 2.0, 30.0
_LOOK_EVERY_S = 0.025
# The time limit of the last query.
_LAST_LOOK_S = 0.5
_KEPT_MAX = 200


class Coverage:
    """The ordinal up to which the database has every tick of this life of the bus."""

    def __init__(self, pool: Any, listener: Listener) -> None:
        """Take the database and the bus."""
        self._pool, self._listener = pool, listener
        self._base = self._until = -1
        self._lock = asyncio.Lock()

    async def has(self, first: int, ts_from: datetime, ts_to: datetime) -> bool:
        """Return whether all ticks before an ordinal are in the bars of a span of time."""
        async with self._lock:
            if first < self._base or self._base < 0:
                await self._begin()
            span = {"ordinal": self._until, "ts_from": ts_from, "ts_to": ts_to}
            (row,) = await database.fetch(self._pool, "settled_until", span)
            if row["ordinal"] == self._until < first:
                # Nothing new: the bus may have restarted its ordinals, and no batch covers the ones
                # between.
                await self._begin()
            else:
                self._until = row["ordinal"]
            return self._until >= first and not row["is_refreshing"]

    def give_up(self, first: int) -> None:
        """Stop waiting for ticks published before an ordinal."""
        self._until = max(self._until, first)

    async def _begin(self) -> None:
        base = (await self._listener.state()).base
        if base != self._base:
            self._base = self._until = base


class ClosedBars:
    """The closed bars of one process."""

    def __init__(
        self, pool: Any, listener: Listener, reference: Reference, last_values: LastValues
    ) -> None:
        """Take the database, the bus, the reference data, and the active source of each symbol."""
        self._pool, self._reference, self._last_values = pool, reference, last_values
        self._coverage = Coverage(pool, listener)
        self._begun: asyncio.Queue[BarClose] = asyncio.Queue()
        self._kept: dict[str, BarClose] = {}

    def begin(self, entry: Entry, widths: frozenset[str]) -> BarClose | None:
        """Return the batch of an entry, which `run` fills; None where it closes no bar."""
        wanted = due(entry, widths)
        if not wanted:
            return None
        bar_close = self._keep(entry, wanted)
        self._begun.put_nowait(bar_close)
        return bar_close

    async def run(self, is_hasty: Callable[[], bool], on_bars: Callable[[BarClose], None]) -> None:
        """Fill the batches in order and report each, until cancelled."""
        while True:
            bar_close = await self._begun.get()
            await self._fill(bar_close, is_hasty)
            on_bars(bar_close)

    async def closed(
        self, entry: Entry, widths: frozenset[str], *, is_hasty: bool
    ) -> BarClose | None:
        """Return the bars that an entry closed, for a late subscriber, or None."""
        wanted = due(entry, widths)
        while wanted:
            kept = self._kept.get(entry.entry_id)
            if kept is None or not wanted <= kept.due:
                kept = self._keep(entry, wanted)
                await self._fill(kept, lambda: is_hasty)
            await kept.done.wait()
            if not kept.is_pending:
                return kept
        return None

    def _keep(self, entry: Entry, wanted: frozenset[str]) -> BarClose:
        if len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        bar_close = self._kept[entry.entry_id] = BarClose(entry, wanted, clock.monotonic_s())
        return bar_close

    async def _fill(self, bar_close: BarClose, is_hasty: Callable[[], bool]) -> None:
        try:
            while bar_close.is_pending:
                passed_s = clock.monotonic_s() - bar_close.read_s
                left_s = (HASTE_S if is_hasty() else PATIENCE_S) - passed_s
                with contextlib.suppress(ThorError, TimeoutError):
                    async with asyncio.timeout(max(left_s, _LAST_LOOK_S)):
                        await self._look(bar_close, is_last=left_s <= 0)
                if bar_close.is_pending and left_s <= 0:
                    bar_close.miss()
                elif bar_close.is_pending:
                    await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            if bar_close.is_pending:
                # A subscriber that waits for it must ask again.
                if self._kept.get(bar_close.entry.entry_id) is bar_close:
                    del self._kept[bar_close.entry.entry_id]
                bar_close.done.set()

    async def _look(self, bar_close: BarClose, *, is_last: bool) -> None:
        entry = bar_close.entry
        assert entry.first is not None
        assert entry.since is not None
        assert entry.clock is not None
        ts_from = min(starts(width, entry.since, entry.clock)[0] for width in bar_close.due)
        has_all = await self._coverage.has(entry.first, ts_from, entry.clock - CLOSE_DELAY)
        if not (has_all or is_last):
            return
        asked = {
            "source": entry.source,
            "since": entry.since,
            "until": entry.clock,
            "limit": ROWS_MAX,
            **await self._claimed_by(entry.source or ""),
        }
        found = {}
        for width in bar_close.due:
            start, end = starts(width, entry.since, entry.clock)
            asked |= {"width": width, "ts_from": start, "ts_to": end}
            found[width] = await database.fetch(self._pool, "closed_bars", asked)
        bar_close.fill(found, is_complete=has_all)
        if not has_all:
            self._coverage.give_up(entry.first)

    async def _claimed_by(self, source: str) -> dict[str, list[Any]]:
        catalogue = self._reference.catalogue
        if source not in catalogue.sources:
            catalogue = await self._reference.renewed_for(source) or catalogue
        listing = catalogue.listing
        known = catalogue.sources.get(source)
        # A tape closes bars of its own symbols, which the database knows, whatever source came
        # later.
        is_tape = known is not None and known.kind == "tape"
        every = [*listing.instruments, *listing.series]
        symbols = list(dict.fromkeys(every)) if is_tape else self._last_values.of_source(source)
        instruments = [listing.instrument(symbol) for symbol in symbols]
        decimals = [0 if one is None else one.display_precision for one in instruments]
        return {"symbols": symbols, "decimals": decimals}
