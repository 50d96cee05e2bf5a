"""Turn readings into ticks: what changed since the last one, numbered for ever upwards.

Stage 20, collect. Pure but for what it remembers of this run. The sheet has no clock and no
numbers of its own: a tick's `ts` is the moment its block was read, its `seq` that moment in
ms since 1970 × 64 plus the row's index.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec

from thor.domain.sessions import trade_date
from thor.domain.tick import Tick
from thor.market.collect.excel.sheet import Row

SOURCE = "EXCEL"
SEQ_PER_MS = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class _Known(msgspec.Struct):
    """What this run last read of a symbol."""

    quote: tuple[object, ...]
    last: object
    volume: int | None
    day: date


class Changes:
    """Compares each reading with the last one of this run."""

    def __init__(self, last_seq: int = -1) -> None:
        """Take the highest `seq` that is stored for EXCEL; what follows is above it."""
        self._seq = last_seq
        self._known: dict[str, _Known] = {}
        self._unlisted: set[str] = set()

    @property
    def seq(self) -> int:
        """The highest number given so far."""
        return self._seq

    def ticks(self, rows: Iterable[Row], at: datetime) -> list[Tick]:
        """Return a tick for each row that says something else than before, in the rows' order.

        `at` is the moment the block was read, aware. A row without a quote gives none. A
        name that is not listed gives one in a run, to be refused and kept.
        """
        day = trade_date(at)
        first = max((at - _EPOCH) // _MS * SEQ_PER_MS, self._seq + 1)
        ticks = []
        for index, row in enumerate(rows):
            tick = self._tick(row, at, day, first + index)
            if tick is not None:
                self._seq = tick.seq
                ticks.append(tick)
        return ticks

    def _tick(self, row: Row, at: datetime, day: date, seq: int) -> Tick | None:
        if not row.has_quote:
            return None
        if row.symbol is None:
            if row.name in self._unlisted:
                return None
            self._unlisted.add(row.name)
        symbol = row.symbol or row.name.upper()
        quote = (
            row.last, row.bid, row.ask, row.last_size, row.bid_size, row.ask_size, row.volume,
        )  # fmt: skip
        before = self._known.get(symbol)
        if before is not None and before.quote == quote:
            return None
        delta = None
        if before is not None and before.volume is not None and row.volume is not None:
            is_same_count = before.day == day and row.volume >= before.volume
            delta = row.volume - before.volume if is_same_count else None
        is_trade = (
            row.last is not None
            and before is not None
            and before.last is not None
            and (bool(delta) or row.last != before.last)
        )
        self._known[symbol] = _Known(
            quote=quote,
            last=before.last if before is not None and row.last is None else row.last,
            volume=before.volume if before is not None and row.volume is None else row.volume,
            day=day if row.volume is not None or before is None else before.day,
        )
        return Tick(
            symbol=symbol,
            ts=at,
            seq=seq,
            source=SOURCE,
            received_at=at,
            contract=row.contract,
            last=row.last,
            bid=row.bid,
            ask=row.ask,
            last_size=row.last_size,
            bid_size=row.bid_size,
            ask_size=row.ask_size,
            volume=row.volume,
            volume_delta=delta,
            is_trade=is_trade,
            is_sampled=True,
        )
