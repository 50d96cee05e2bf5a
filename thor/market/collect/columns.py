"""Read a tape of columns, Parquet or CSV with a header, in Thor's neutral schema.

Room 20, collect. A file → its `Survey`, then its ticks in the file's order, piece by piece.

`seq` is the row's ordinal. A `seq` column is the recording collector's own number: it is
not used, but a row whose number is below one already seen is refused. Without a `kind`
column a row with `last` is a trade. A row without a usable `ts` is refused and carries the
`ts` of the row before it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from thor.domain.instrument import parse_month_code
from thor.domain.tick import Tick
from thor.market.collect import cells
from thor.market.collect.cells import Cells, Faults
from thor.market.collect.neutral import PRICE_FIELDS, SIZE_FIELDS, record_batches
from thor.market.collect.spans import Survey

_VENDOR_MAX = 200


def survey(path: Path, form: str) -> Survey:
    """Return what the file holds, reading every column of every row once.

    `form` is parquet or csv. Raises `Rejected` where the file is no such tape, is cut
    short or damaged, or lacks a column.
    """
    found = Survey(schema="neutral")
    for batch in record_batches(path, form):
        if found.vendor is None and "source" in batch.schema.names:
            given = batch.column("source")[0].as_py()
            found.vendor = None if given is None else str(given)[:_VENDOR_MAX]
        symbols, contracts, faults = _series(batch)
        times, unusable = cells.read_times(batch.column("ts"), "ts", "is missing")
        faults.update(unusable)
        rows = zip(symbols, contracts, times, strict=True)
        if faults:
            found.note(row for i, row in enumerate(rows) if i not in faults)
        else:
            found.note(rows)
        found.records += batch.num_rows
    return found


def ticks(
    path: Path, form: str, source: str, as_root: str | None, first_ts: datetime
) -> Iterator[list[Tick]]:
    """Yield the rows as ticks in the file's order, some thousands at a time.

    `first_ts` stands in for an unusable `ts` before the first usable one; `as_root`
    replaces the symbol of every row that has one.
    """
    seq = 0
    highest: int | None = None
    ts_before = first_ts
    for batch in record_batches(path, form):
        symbols, contracts, faults = _series(batch)
        times, more = cells.read_times(batch.column("ts"), "ts", "is missing")
        if more:
            _add(faults, more)
            times = _carried(times, ts_before)
        ts_before = times[-1]
        received, more = _optional(batch, "received_at", cells.read_times)
        _add(faults, more)
        trades, values = _values(batch, faults)
        seqs, more = _optional(batch, "seq", _counts)
        _add(faults, more)
        highest = cells.mark_backward(seqs, faults, highest)
        if as_root is not None:
            symbols = [as_root if symbol else "" for symbol in symbols]
        else:
            symbols = [
                contract if contract and symbol else symbol
                for symbol, contract in zip(symbols, contracts, strict=True)
            ]
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
    for fields, convert in ((PRICE_FIELDS, cells.price), (SIZE_FIELDS, cells.whole)):
        for field in fields:
            read, more = _optional(batch, field, _with(convert))
            _add(faults, more)
            values.append(read)
    if "kind" in batch.schema.names:
        kinds, more = cells.read_column(
            batch.column("kind"),
            "kind",
            cells.is_trade,
            "null is neither trade nor quote",
        )
        _add(faults, more)
        trades = [bool(kind) for kind in kinds] if more else kinds
    else:
        trades = [last is not None for last in values[0]]
    sides, more = _optional(batch, "side", _with(cells.side))
    _add(faults, more)
    values.append(sides)
    return trades, values


def _with(convert: Callable[[Any], Any]) -> Callable[[pa.Array, str], Cells]:
    return lambda column, field: cells.read_column(column, field, convert)


_counts = _with(cells.whole)


def _optional(batch: pa.RecordBatch, field: str, read: Callable[..., Cells]) -> Cells:
    if field not in batch.schema.names:
        return [None] * batch.num_rows, {}
    return read(batch.column(field), field)


def _series(batch: pa.RecordBatch) -> tuple[list[str], list[str | None], Faults]:
    # A missing symbol is an empty one: the row has to travel to be quarantined.
    symbols, faults = cells.read_column(batch.column("symbol"), "symbol", cells.name, "is missing")
    faults.update({row: "symbol: is missing" for row, s in enumerate(symbols) if s == ""})
    contracts, more = _optional(batch, "contract", _with(cells.name))
    _add(faults, more)
    wrong = {
        (symbol, contract)
        for symbol, contract in set(zip(symbols, contracts, strict=True))
        if symbol and contract and not _is_month_of(contract, symbol)
    }
    if wrong:
        for row, pair in enumerate(zip(symbols, contracts, strict=True)):
            if pair in wrong:
                faults.setdefault(row, f"contract: {pair[1]!r} is no month of {pair[0]!r}")
    if faults:
        symbols = [symbol or "" for symbol in symbols]
    return symbols, [contract or None for contract in contracts], faults


def _is_month_of(contract: str, symbol: str) -> bool:
    # A contract that is no month code is nobody's to judge here: the listing knows.
    month = parse_month_code(contract)
    return month is None or symbol in (month[0], contract)


def _carried(times: list[Any], before: datetime) -> list[datetime]:
    carried = []
    for ts in times:
        before = before if ts is None else ts
        carried.append(before)
    return carried


def _add(faults: Faults, more: Faults) -> None:
    # The first fault of a row is the one it is refused for.
    for row, reason in more.items():
        faults.setdefault(row, reason)
