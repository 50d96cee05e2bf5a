"""Read bars from columns, Parquet or CSV with a header, in Thor's columnar format.

Stage 20, collect. A file → its bars in the file's order, piece by piece.

The vendor's `bid_volume` was sold into the bid, its `ask_volume` bought from the offer. An
unreadable row is yielded too, with `refused` naming field and value.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from thor.domain.bar import ImportedBar, stamped
from thor.domain.series import SeriesNames
from thor.market.collect.files import parsing
from thor.market.collect.files.columnar import Layout, filed, record_batches, series
from thor.market.collect.files.parsing import Fault, Faults

_PRICES = ("open", "high", "low", "close")
_COUNTS = ("volume", "ask_volume", "bid_volume", "n_trades", "open_interest")
LAYOUT = Layout(
    required=("symbol", "ts", "interval", *_PRICES),
    known=("symbol", "ts", "interval", *_PRICES, *_COUNTS, "contract"),
    names=("symbol", "contract", "interval"),
    times=("ts",),
)
# A double keeps so many decimal digits; digits beyond them are arithmetic noise.
_DOUBLE_DIGITS = 15
# The time of a refused row without a usable one.
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def bars(
    path: Path, form: str, as_root: str | None, names: SeriesNames
) -> Iterator[list[ImportedBar]]:
    """Yield the rows as bars in the file's order, some thousands at a time.

    `as_root` replaces the symbol of every row that has one; `names` resolves the series.
    """
    for batch in record_batches(path, form, LAYOUT):
        times, unusable = parsing.read_times(batch.column("ts"), "ts", "is missing")
        roots, contracts, faults = series(batch, times, names)
        widths, more = parsing.read_column(
            batch.column("interval"), "interval", parsing.name, "is missing"
        )
        parsing.add(faults, more)
        parsing.add(faults, unusable)
        starts = _starts(widths, times, faults)
        values = _values(batch, faults)
        refused: list[Any] = [None] * batch.num_rows
        for row, fault in faults.items():
            refused[row] = fault.text
        yield [
            ImportedBar(
                symbol=symbol,
                width=width or "",
                bar_start=bar_start,
                open=opening,
                high=high,
                low=low,
                close=close,
                volume=volume,
                volume_buy=volume_buy,
                volume_sell=volume_sell,
                trades=trades,
                open_interest=open_interest,
                refused=reason,
            )
            for (
                symbol, width, bar_start, opening, high, low, close,
                volume, volume_buy, volume_sell, trades, open_interest, reason,
            ) in zip(
                filed(roots, contracts, as_root), widths, starts, *values, refused, strict=True
            )
        ]  # fmt: skip


def _starts(widths: list[Any], times: list[Any], faults: Faults) -> list[datetime]:
    starts: list[datetime] = []
    for row, (width, ts) in enumerate(zip(widths, times, strict=True)):
        try:
            starts.append(_NO_TIME if ts is None else stamped(width, ts))
        except ValueError as fault:
            faults.setdefault(row, Fault(f"ts: {fault}", ts.isoformat()))
            starts.append(ts)
    return starts


def _values(batch: pa.RecordBatch, faults: Faults) -> list[list[Any]]:
    values: list[list[Any]] = []
    for fields, convert in ((_PRICES, _price), (_COUNTS, parsing.whole)):
        for field in fields:
            read, more = parsing.optional(batch, field, parsing.by_value(convert))
            parsing.add(faults, more)
            values.append(read)
    return values


def _price(value: Any) -> Decimal:
    if isinstance(value, float):
        return Decimal(f"{value:.{_DOUBLE_DIGITS}g}")
    return parsing.price(value)
