"""Turn readings into ticks: the rows that changed, numbered upwards for ever.

Stage 20, collect. Pure but for its memory of this run. The sheet has no clock and no numbers of its
own: a tick's `ts` is the moment its block was read, its `seq` that moment in ms since 1970 × 64
plus the row's index.
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
    """The last reading of a symbol in this run."""

    quote: tuple[object, ...]
    last: object
    volume: int | None
    day: date


class Changes:
    """Compares each reading with the last one of this run."""

    def __init__(self, last_seq: int = -1) -> None:
        """Take the highest `seq` stored for EXCEL; new ticks are numbered above it."""
        self._seq = last_seq
        self._known: dict[str, _Known] = {}
        self._unlisted: set[str] = set()

    @property
    def seq(self) -> int:
        """The highest `seq` given so far."""
        return self._seq

    def ticks(self, rows: Iterable[Row], at: datetime) -> list[Tick]:
        """Return a tick for each row that changed, in the rows' order.

        `at` is the moment the block was read, aware. A row without a quote gives none. An unlisted
        name gives one tick a run, which is refused and kept.
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
