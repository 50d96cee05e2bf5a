"""Read the bars of a Databento file, of the schemas ohlcv-1s, -1m, -1h and -1d.

Stage 20, collect. A file → its bars in the file's order, piece by piece.

`ts_event` is the start of a bar, of a day its date at 00:00 UTC. The vendor's day runs from
midnight to midnight UTC, the exchange's from 17:00 to 17:00 in Chicago: where they differ a
vendor's day is filed under the trade date of the same name, and known when it has ended. A
weekend's day is no trade date's: it is left out.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from thor.domain.bar import ImportedBar, stamped
from thor.domain.series import Series, SeriesNames
from thor.market.collect.files import dbn

SCHEMAS = ("ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d")
# The time of a refused record without a usable one.
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_FRIDAY = 4


def bars(path: Path, as_root: str | None, names: SeriesNames) -> Iterator[list[ImportedBar]]:
    """Yield the records as bars in the file's order, some thousands at a time.

    `as_root` replaces the symbol of every record that has one.
    """
    with dbn.opened(path, SCHEMAS, names) as file:
        width = file.schema.removeprefix("ohlcv-")
        for records in file.records:
            yield [_bar(record, width, file.series(record), as_root) for record in records]


def _bar(record: Any, width: str, series: Series | None, as_root: str | None) -> ImportedBar:
    refused = None
    symbol = ""
    if series is not None:
        root, contract = series
        symbol = as_root or contract or root
    ts = dbn.time_of(record.ts_event)
    bar_start = _NO_TIME
    ends_at = None
    if ts is None:
        refused = "ts: the record has no ts_event"
    elif series is None:
        refused = dbn.nameless(record)
    else:
        try:
            bar_start = stamped(width, ts)
        except ValueError as fault:
            refused = f"ts: {fault}"
        else:
            if width == "1d":
                ends_at = ts + _DAY
    return ImportedBar(
        symbol=symbol,
        width=width,
        bar_start=bar_start,
        open=dbn.price(record.open),
        high=dbn.price(record.high),
        low=dbn.price(record.low),
        close=dbn.price(record.close),
        volume=record.volume,
        ends_at=ends_at,
        is_of_weekend=ends_at is not None and ts is not None and ts.weekday() > _FRIDAY,
        refused=refused,
    )
