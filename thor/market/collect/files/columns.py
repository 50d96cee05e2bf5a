"""Read a tape of columns, Parquet or CSV with a header, in Thor's neutral schema.

Stage 20, collect. A file → its ticks in the file's order, piece by piece.

`seq` is the row's ordinal. A `seq` column is the recording collector's own number: it is
not used, but a row whose number is below one already seen is refused. Without a `kind`
column a row with `last` is a trade. A row without a usable `ts` is refused and carries the
`ts` of the row before it.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from thor.domain.series import SeriesNames
from thor.domain.tick import Tick
from thor.market.collect.files import parsing
from thor.market.collect.files.columnar import Layout, filed, record_batches, series
from thor.market.collect.files.parsing import Faults

_PRICES = ("last", "bid", "ask")
_SIZES = ("last_size", "bid_size", "ask_size")
LAYOUT = Layout(
    required=("symbol", "ts"),
    any_of=_PRICES,
    known=("symbol", "ts", "kind", *_PRICES, *_SIZES, "contract", "side", "received_at"),
    unlisted=("seq", "source"),
    names=("symbol", "contract", "side", "kind"),
    times=("ts", "received_at"),
)


def ticks(
    path: Path,
    form: str,
    source: str,
    as_root: str | None,
    first_ts: datetime,
    names: SeriesNames,
) -> Iterator[list[Tick]]:
    """Yield the rows as ticks in the file's order, some thousands at a time.

    `first_ts` stands in for an unusable `ts` before the first usable one; `as_root`
    replaces the symbol of every row that has one; `names` tells the series.
    """
    seq = 0
    highest: int | None = None
    ts_before = first_ts
    for batch in record_batches(path, form, LAYOUT):
        times, unusable = parsing.read_times(batch.column("ts"), "ts", "is missing")
        if unusable:
            times = _carried(times, ts_before)
        ts_before = times[-1]
        roots, contracts, faults = series(batch, times, names)
        parsing.add(faults, unusable)
        received, more = parsing.optional(batch, "received_at", parsing.read_times)
        parsing.add(faults, more)
        trades, values = _values(batch, faults)
        seqs, more = parsing.optional(batch, "seq", _counts)
        parsing.add(faults, more)
        highest = parsing.mark_backward(seqs, faults, highest)
        symbols = filed(roots, contracts, as_root)
        refused: list[Any] = [None] * batch.num_rows
        for row, reason in faults.items():
            refused[row] = reason
        yield [
            Tick(
                symbol=symbol,
                ts=ts,
                seq=ordinal,
                source=source,
                received_at=received_at or ts,
                contract=contract,
                last=last,
                bid=bid,
                ask=ask,
                last_size=last_size,
                bid_size=bid_size,
                ask_size=ask_size,
                side=side,
                volume_delta=last_size if is_trade else None,
                is_trade=is_trade,
                refused=reason,
            )
            for (
                ordinal, symbol, contract, ts, received_at, is_trade,
                last, bid, ask, last_size, bid_size, ask_size, side, reason,
            ) in zip(
                range(seq, seq + batch.num_rows), symbols, contracts, times, received, trades,
                *values, refused, strict=True,
            )
        ]  # fmt: skip
        seq += batch.num_rows


def _values(batch: pa.RecordBatch, faults: Faults) -> tuple[list[bool], list[list[Any]]]:
    # Whether each row is a trade, and its prices, sizes and side.
    values: list[list[Any]] = []
    for fields, convert in ((_PRICES, parsing.price), (_SIZES, parsing.whole)):
        for field in fields:
            read, more = parsing.optional(batch, field, parsing.by_value(convert))
            parsing.add(faults, more)
            values.append(read)
    if "kind" in batch.schema.names:
        kinds, more = parsing.read_column(
            batch.column("kind"),
            "kind",
            parsing.is_trade,
            "null is neither trade nor quote",
        )
        parsing.add(faults, more)
        trades = [bool(kind) for kind in kinds] if more else kinds
    else:
        trades = [last is not None for last in values[0]]
    sides, more = parsing.optional(batch, "side", parsing.by_value(parsing.side))
    parsing.add(faults, more)
    values.append(sides)
    return trades, values


_counts = parsing.by_value(parsing.whole)


def _carried(times: list[Any], before: datetime) -> list[datetime]:
    carried = []
    for ts in times:
        before = before if ts is None else ts
        carried.append(before)
    return carried
