"""Read a Databento tape, `.dbn` or `.dbn.zst`, of the schemas mbp-1, tbbo and trades.

Room 20, collect. A file → its `Survey`, then its ticks in the file's order, piece by piece.
The only module that imports `databento_dbn`.

One record is one tick, `seq` its ordinal; `ts` is `ts_event` and `received_at` `ts_recv`,
cut to microseconds. A trade keeps the best bid and offer that its record carries: the book
just before it traded. The side of a record that is no trade says which half of the book
changed, not who was the aggressor, and is not kept. Undefined prices and times are null.

Every record's header is checked before it is decoded: the decoder panics on a wrong one.
The format has no count of records, so that an uncompressed file cut exactly between two of
them reads as a shorter one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import databento_dbn
import numpy as np
import pyarrow as pa

from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.collect.spans import Survey
from thor.market.collect.symbology import Series, Symbology, day_of

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
SCHEMAS = ("mbp-1", "tbbo", "trades")
_RECORDS = 8_192
_METADATA_MAX = 64 << 20
_SHAPES: dict[str, Any] = {
    "mbp-1": databento_dbn.MBP1Msg,
    "tbbo": databento_dbn.MBP1Msg,
    "trades": databento_dbn.TradeMsg,
}
_RTYPES = {"mbp-1": 1, "tbbo": 1, "trades": 0}
_TRADE = databento_dbn.Action.TRADE
# Of a trade the side is the aggressor's: an ask hit the bid.
_SIDES: dict[Any, Literal["B", "S"]] = {
    databento_dbn.Side.ASK: "S",
    databento_dbn.Side.BID: "B",
}
_NO_TIME = databento_dbn.UNDEF_TIMESTAMP
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_NS = 86_400_000_000_000
_PRICES_MAX = 65_536


def survey(path: Path) -> Survey:
    """Return what the file holds, decoding every record once.

    Raises `Rejected` where the schema is not taken, or the file is cut short or damaged.
    """
    with _opened(path) as stream:
        decoder = databento_dbn.DBNDecoder()
        metadata = _metadata(path, stream, decoder)
        found = Survey(schema=str(metadata.schema), vendor=f"Databento {metadata.dataset}")
        names = Symbology(metadata.mappings, str(metadata.stype_out))
        for records in _records(path, stream, decoder, metadata):
            found.records += len(records)
            found.note(
                (*series, ts)
                for record in records
                if (series := _series(names, record)) and (ts := _time(record.ts_event))
            )
    return found


def ticks(path: Path, source: str, as_root: str | None, first_ts: datetime) -> Iterator[list[Tick]]:
    """Yield the records as ticks in the file's order, some thousands at a time.

    `first_ts` stands in for an undefined `ts_event` before the first defined one; `as_root`
    replaces the symbol of every record that has one.
    """
    ts = first_ts
    seq = 0
    with _opened(path) as stream:
        decoder = databento_dbn.DBNDecoder()
        metadata = _metadata(path, stream, decoder)
        names = Symbology(metadata.mappings, str(metadata.stype_out))
        has_book = str(metadata.schema) != "trades"
        for records in _records(path, stream, decoder, metadata):
            made = []
            for record in records:
                tick = _tick(record, seq, source, _series(names, record), ts, has_book, as_root)
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
        day = day_of(_day_number(record))
        refused = f"symbol: instrument_id {record.instrument_id} has no name on {day}"
    else:
        root, contract = series
        symbol = as_root or contract or root
    ts = _time(record.ts_event)
    if ts is None:
        ts = ts_before
        refused = refused or "ts: the record has no ts_event"
    is_trade = record.action == _TRADE
    size = _size(record.size) if is_trade else None
    bid = ask = bid_size = ask_size = None
    if has_book:
        bid, ask = _price(record.bid_px_00), _price(record.ask_px_00)
        bid_size = None if bid is None else _size(record.bid_sz_00)
        ask_size = None if ask is None else _size(record.ask_sz_00)
    return Tick(
        symbol=symbol,
        ts=ts,
        seq=seq,
        source=source,
        received_at=(_time(record.ts_recv) if record.ts_recv else None) or ts,
        contract=contract,
        last=_price(record.price) if is_trade else None,
        bid=bid,
        ask=ask,
        last_size=size,
        bid_size=bid_size,
        ask_size=ask_size,
        side=_SIDES.get(record.side) if is_trade else None,
        volume_delta=size,
        is_trade=is_trade,
        refused=refused,
    )


def _series(names: Symbology, record: Any) -> Series | None:
    return names.series(record.instrument_id, _day_number(record))


def _day_number(record: Any) -> int:
    # The vendor's mappings go by the day of receipt, where there is one.
    ns: int = record.ts_recv
    if ns == _NO_TIME or not ns:
        ns = record.ts_event
    return 0 if ns == _NO_TIME else ns // _DAY_NS


def _time(ns: int) -> datetime | None:
    return None if ns == _NO_TIME else _EPOCH + timedelta(microseconds=ns // 1_000)


@lru_cache(maxsize=_PRICES_MAX)
def _price(fixed: int) -> Decimal | None:
    if fixed == databento_dbn.UNDEF_PRICE:
        return None
    # Exact in units of 1e-9, then without the zeros that the unit brings.
    exact = Decimal(fixed).scaleb(-9)
    return Decimal(f"{exact:f}".rstrip("0").rstrip("."))


def _size(count: int) -> int | None:
    return None if count == databento_dbn.UNDEF_ORDER_SIZE else count


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # Arrow unpacks, since the decoder takes a zstd frame that was cut for a whole one.
    with path.open("rb") as file:
        is_packed = file.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
    try:
        with pa.input_stream(str(path), compression="zstd" if is_packed else None) as stream:
            yield stream
    except (pa.ArrowException, OSError, databento_dbn.DBNError) as fault:
        raise _damaged(path, str(fault)) from fault


def _damaged(path: Path, what: str) -> Rejected:
    return Rejected(f"{path}: cannot be read as DBN, it is truncated or damaged: {what}")


def _metadata(path: Path, stream: Any, decoder: Any) -> Any:
    head = _bytes(stream, 8)
    if len(head) < 8 or head[:3] != b"DBN":
        raise _damaged(path, f"it begins with {head[:3]!r} and not with b'DBN'")
    length = int.from_bytes(head[4:], "little")
    body = _bytes(stream, length) if length <= _METADATA_MAX else b""
    if len(body) < length:
        raise _damaged(path, f"its metadata should be {length} bytes long, {len(body)} are there")
    decoder.write(head + body)
    decoded = decoder.decode()
    if not decoded:
        raise _damaged(path, "its metadata is incomplete")
    metadata = decoded[0]
    schema = str(metadata.schema) if metadata.schema is not None else "mixed"
    if schema not in SCHEMAS:
        raise Rejected(f"{path}: schema {schema!r} is not taken; mbp-1, tbbo and trades are")
    return metadata


def _records(path: Path, stream: Any, decoder: Any, metadata: Any) -> Iterator[list[Any]]:
    schema = str(metadata.schema)
    size = _SHAPES[schema].size_hint + (8 if metadata.ts_out else 0)
    count = 0
    while block := _bytes(stream, size * _RECORDS):
        whole = len(block) // size
        headers = np.frombuffer(block, dtype=np.uint8)[: whole * size].reshape(-1, size)
        wrong = np.flatnonzero((headers[:, 0] != size // 4) | (headers[:, 1] != _RTYPES[schema]))
        if len(wrong):
            length, rtype = int(headers[wrong[0], 0]) * 4, headers[wrong[0], 1]
            raise _damaged(
                path,
                f"record {count + wrong[0]} has {length} bytes and type {rtype}, "
                f"one of {schema} has {size} and {_RTYPES[schema]}",
            )
        if len(block) % size:
            raise _damaged(
                path,
                f"record {count + whole} has {len(block) % size} of its {size} bytes",
            )
        decoder.write(block)
        decoded = decoder.decode()
        if len(decoded) != whole:
            raise _damaged(path, f"{len(decoded)} of {whole} records from {count} on are readable")
        count += whole
        yield decoded


def _bytes(stream: Any, count: int) -> bytes:
    # Fewer bytes only where the stream ends; one read may give less.
    parts = []
    while count and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
