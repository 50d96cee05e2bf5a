"""Read the ticks of a Databento tape, of the schemas mbp-1, tbbo and trades.

Stage 20, collect. A file → its ticks in the file's order, piece by piece.

One record is one tick, `seq` its ordinal; `ts` is `ts_event` and `received_at` `ts_recv`,
cut to microseconds. A trade keeps the best bid and offer that its record carries: the book
just before it traded. The side of a record that is no trade says which half of the book
changed, not who was the aggressor, and is not kept. Undefined prices and times are null.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from thor.domain.series import Series, SeriesNames
from thor.domain.tick import Tick
from thor.market.collect.files import dbn

SCHEMAS = ("mbp-1", "tbbo", "trades")


def ticks(
    path: Path, source: str, as_root: str | None, first_ts: datetime, names: SeriesNames
) -> Iterator[list[Tick]]:
    """Yield the records as ticks in the file's order, some thousands at a time.

    `first_ts` stands in for an undefined `ts_event` before the first defined one; `as_root`
    replaces the symbol of every record that has one.
    """
    ts = first_ts
    seq = 0
    with dbn.opened(path, SCHEMAS, names) as file:
        has_book = file.schema != "trades"
        for records in file.records:
            made = []
            for record in records:
                tick = _tick(record, seq, source, file.series(record), ts, has_book, as_root)
                ts = tick.ts
                seq += 1
                made.append(tick)
            yield made


def _tick(
    record: Any,
    seq: int,
    source: str,
    series: Series | None,
    ts_before: datetime,
    has_book: bool,
    as_root: str | None,
) -> Tick:
    refused = None
    symbol, contract = "", None
    if series is None:
        refused = dbn.nameless(record)
    else:
        root, contract = series
        symbol = as_root or contract or root
    ts = dbn.time_of(record.ts_event)
    if ts is None:
        ts = ts_before
        refused = refused or "ts: the record has no ts_event"
    is_trade = record.action == dbn.TRADE
    size = dbn.size(record.size) if is_trade else None
    bid = ask = bid_size = ask_size = None
    if has_book:
        bid, ask = dbn.price(record.bid_px_00), dbn.price(record.ask_px_00)
        bid_size = None if bid is None else dbn.size(record.bid_sz_00)
        ask_size = None if ask is None else dbn.size(record.ask_sz_00)
    return Tick(
        symbol=symbol,
        ts=ts,
        seq=seq,
        source=source,
        received_at=(dbn.time_of(record.ts_recv) if record.ts_recv else None) or ts,
        contract=contract,
        last=dbn.price(record.price) if is_trade else None,
        bid=bid,
        ask=ask,
        last_size=size,
        bid_size=bid_size,
        ask_size=ask_size,
        side=dbn.SIDES.get(record.side) if is_trade else None,
        volume_delta=size,
        is_trade=is_trade,
        refused=refused,
    )
