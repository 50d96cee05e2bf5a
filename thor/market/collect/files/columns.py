"""Read a tape of columns, Parquet or CSV with a header, in Thor's columnar format.

Stage 20, collect. A file → its ticks in the file's order, piece by piece.

`seq` is the row's ordinal. A `seq` column is the recording collector's own number: it is not used,
but a row whose number is below one already seen is refused. Without a `kind` column a row with
`last` is a trade. A row without a usable `ts` is refused and carries the `ts` of the row before it.

A recording of a live collector (`thor.recording` in the metadata of its Parquet schema) also says
volumes and whether it sampled, and its own numbers are the ticks': replayed, it gives the ticks
that were published, of another source.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from thor.domain.series import SeriesNames
from thor.domain.tick import Tick
from thor.market.collect.files import parsing
from thor.market.collect.files.columnar import Layout, filed, record_batches, series
from thor.market.collect.files.parsing import Faults

_NO_FAULT = (None, None)
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
RECORDING = msgspec.structs.replace(
    LAYOUT,
    known=(*LAYOUT.known, "volume", "volume_delta", "is_sampled"),
    required=(*LAYOUT.required, "seq"),
    flags=("is_sampled",),
)
RECORDING_MARK = b"thor.recording"


def layout_of(path: Path, form: str) -> Layout:
    """Return the columns of a file: those of a recording where it says that it is one.

    A file that is no Parquet is left to its reader.
    """
    if form == "parquet":
        with suppress(pa.ArrowException, OSError):
            if RECORDING_MARK in (pa_parquet.read_schema(path).metadata or {}):
                return RECORDING
    return LAYOUT


def ticks(
    path: Path,
    form: str,
    source: str,
    as_root: str | None,
    first_ts: datetime,
    names: SeriesNames,
) -> Iterator[list[Tick]]:
    """Yield the rows as ticks in the file's order, some thousands at a time.

    `first_ts` stands in for an unusable `ts` before the first usable one; `as_root` replaces the
    symbol of every row that has one; `names` resolves the series.
    """
    seq = 0
    highest: int | None = None
    ts_before = first_ts
    layout = layout_of(path, form)
    for batch in record_batches(path, form, layout):
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
        refused: list[Any] = [_NO_FAULT] * batch.num_rows
        for row, fault in faults.items():
            refused[row] = fault
        given = [
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
                refused_value=value,
            )
            for (
                ordinal, symbol, contract, ts, received_at, is_trade,
                last, bid, ask, last_size, bid_size, ask_size, side, (reason, value),
            ) in zip(
                range(seq, seq + batch.num_rows), symbols, contracts, times, received, trades,
                *values, refused, strict=True,
            )
        ]  # fmt: skip
        yield given if layout is not RECORDING else _as_recorded(given, batch, seqs)
        seq += batch.num_rows


def _as_recorded(ticks: list[Tick], batch: pa.RecordBatch, seqs: list[Any]) -> list[Tick]:
    # The recorder wrote these columns itself: a value that it cannot have written is ignored.
    volumes, _ = parsing.optional(batch, "volume", _counts)
    deltas, _ = parsing.optional(batch, "volume_delta", _counts)
    sampled = batch.column("is_sampled").to_pylist() if "is_sampled" in batch.schema.names else []
    sampled = sampled or [False] * len(ticks)
    return [
        msgspec.structs.replace(
            tick,
            seq=tick.seq if seq is None else seq,
            volume=volume,
            volume_delta=delta,
            is_sampled=is_sampled is True,
        )
        for tick, seq, volume, delta, is_sampled in zip(
            ticks, seqs, volumes, deltas, sampled, strict=True
        )
    ]


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
