"""Last values of ticks: for each field the newest value that is not null.

Stage 30, ticks. Pure. Takes ticks in order; gives rows of market.last_values, which can be merged
in any order.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from thor.domain.sessions import own_date, trade_date
from thor.domain.tick import Tick

FIELDS = ("contract", "last", "bid", "ask", "last_size", "bid_size", "ask_size", "volume")


def last_values(
    ticks: Iterable[Tick], own_date_symbols: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return one row for each (symbol, trade date) of ticks in the order of their index.

    A key names the tick that gave a value, by `ts`, `seq` and `source`. The trade date of
    `own_date_symbols`, stocks, is the date in New York.
    """
    return [
        _row(of_date, day)
        for symbol, of_symbol in groupby(ticks, attrgetter("symbol"))
        for day, of_date in _dates(
            list(of_symbol), own_date if symbol in own_date_symbols else trade_date
        )
    ]


def _dates(
    ticks: list[Tick], day_of: Callable[[datetime], date]
) -> Iterator[tuple[date, list[Tick]]]:
    # A batch usually lies within one trade date: comparing its ends is enough.
    day = day_of(ticks[0].ts)
    if day == day_of(ticks[-1].ts):
        yield day, ticks
        return
    for day, of_date in groupby(ticks, lambda tick: day_of(tick.ts)):
        yield day, list(of_date)


def _row(ticks: list[Tick], day: date) -> dict[str, Any]:
    newest = ticks[-1]
    row: dict[str, Any] = {
        "symbol": newest.symbol,
        "trade_date": day,
        "first_ts": ticks[0].ts,
        "ts": newest.ts,
        "seq": newest.seq,
        "source": newest.source,
        "received_at": newest.received_at,
    }
    for name in FIELDS:
        value_of = attrgetter(name)
        said = next((tick for tick in reversed(ticks) if value_of(tick) is not None), None)
        if said is not None:
            row[name] = value_of(said)
            row[f"{name}_key"] = _key(said)
    traded = [tick for tick in ticks if tick.last is not None]
    if traded:
        row["open"], row["open_key"] = traded[0].last, _key(traded[0])
        prices = [tick.last for tick in traded if tick.last is not None]
        row["high"], row["low"] = max(prices), min(prices)
    return row


def _key(tick: Tick) -> dict[str, Any]:
    return {"ts": tick.ts, "seq": tick.seq, "source": tick.source}
