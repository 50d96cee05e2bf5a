"""Decode a Databento file, `.dbn` or `.dbn.zst`, and resolve the series of its records.

Stage 20, collect. A file → its `Survey`, then its records in the file's order, piece by piece, of
the schemas that a reader takes. The only module that imports `databento_dbn`.

Every record's header is checked before it is decoded: the decoder panics on a wrong one. The format
has no count of records: an uncompressed file cut exactly between two records reads as a shorter
one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import databento_dbn
import msgspec
import numpy as np
import pyarrow as pa

from thor.domain.series import Series, SeriesNames
from thor.errors import Rejected
from thor.market.collect.files.survey import Survey
from thor.market.collect.files.symbology import Symbology, day_of

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_RECORDS = 8_192
_METADATA_MAX = 64 << 20
# A record's shape and the number of its type, by schema.
_SHAPES: dict[str, tuple[Any, int]] = {
    "mbp-1": (databento_dbn.MBP1Msg, 1),
    "tbbo": (databento_dbn.MBP1Msg, 1),
    "trades": (databento_dbn.TradeMsg, 0),
    "ohlcv-1s": (databento_dbn.OHLCVMsg, 32),
    "ohlcv-1m": (databento_dbn.OHLCVMsg, 33),
    "ohlcv-1h": (databento_dbn.OHLCVMsg, 34),
    "ohlcv-1d": (databento_dbn.OHLCVMsg, 35),
}
TRADE = databento_dbn.Action.TRADE
# Of a trade the side is the aggressor's: an ask hit the bid.
SIDES: dict[Any, Literal["B", "S"]] = {
    databento_dbn.Side.ASK: "S",
    databento_dbn.Side.BID: "B",
}
_NO_TIME = databento_dbn.UNDEF_TIMESTAMP
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_NS = 86_400_000_000_000
_PRICES_MAX = 65_536


class Opened(msgspec.Struct, frozen=True):
    """A file whose header was read: its schema, its dataset, and its records, once."""

    schema: str
    dataset: str
    names: Symbology
    records: Iterator[list[Any]]

    def series(self, record: Any) -> Series | None:
        """Return the series of a record, or None where the file names none."""
        return self.names.series(record.instrument_id, _day_number(record))


def survey(path: Path, schemas: Sequence[str], names: SeriesNames) -> Survey:
    """Survey the file, decoding every record once.

    Raises `Rejected` where the schema is none of these, or the file is cut short or damaged.
    """
    with opened(path, schemas, names) as file:
        found = Survey(schema=file.schema, vendor=f"Databento {file.dataset}")
        for records in file.records:
            found.records += len(records)
            found.note(
                (*series, ts)
                for record in records
                if (series := file.series(record)) and (ts := time_of(record.ts_event))
            )
            if found.first_fault is None and not found.spans:
                found.first_fault = f"record {found.records - len(records) + 1}: " + (
                    nameless(records[0])
                    if file.series(records[0]) is None
                    else "ts: the record has no ts_event"
                )
    if found.first_fault is not None and not file.names.is_there:
        found.first_fault = (
            "the file maps no instrument number to a symbol; have the vendor write it anew with "
            "its symbol mappings, as Databento's batch and streaming downloads do"
        )
    return found


@contextmanager
def opened(path: Path, schemas: Sequence[str], names: SeriesNames) -> Iterator[Opened]:
    """Open a file for reading through its records, some thousands at a time.

    Raises `Rejected` where the schema is none of these, and while reading where the file is
    cut short or damaged.
    """
    with _stream(path) as stream:
        decoder = databento_dbn.DBNDecoder()
        metadata = _metadata(path, stream, decoder, schemas)
        yield Opened(
            str(metadata.schema),
            metadata.dataset,
            Symbology(metadata.mappings, str(metadata.stype_out), names),
            _records(path, stream, decoder, metadata),
        )


def nameless(record: Any) -> str:
    """Return why a record is refused whose instrument the file does not name."""
    day = day_of(_day_number(record))
    return f"symbol: instrument_id {record.instrument_id} has no name on {day}"


def _day_number(record: Any) -> int:
    # The vendor's mappings go by the day of receipt, where there is one: a bar has none.
    ns: int = getattr(record, "ts_recv", _NO_TIME)
    if ns == _NO_TIME or not ns:
        ns = record.ts_event
    return 0 if ns == _NO_TIME else ns // _DAY_NS


def time_of(ns: int) -> datetime | None:
    """Return the instant so many nanoseconds after 1970, cut to microseconds, or None."""
    return None if ns == _NO_TIME else _EPOCH + timedelta(microseconds=ns // 1_000)


@lru_cache(maxsize=_PRICES_MAX)
def price(fixed: int) -> Decimal | None:
    """Return a price given in units of 1e-9, exactly, or None where it is undefined."""
    if fixed == databento_dbn.UNDEF_PRICE:
        return None
    # Exact in units of 1e-9, then without the unit's trailing zeros.
    exact = Decimal(fixed).scaleb(-9)
    return Decimal(f"{exact:f}".rstrip("0").rstrip("."))


def size(count: int) -> int | None:
    """Return a size, or None where it is undefined."""
    return None if count == databento_dbn.UNDEF_ORDER_SIZE else count


@contextmanager
def _stream(path: Path) -> Iterator[Any]:
    # Arrow unpacks, since the decoder accepts a truncated zstd frame as a whole one.
    with path.open("rb") as file:
        is_packed = file.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
    try:
        with pa.input_stream(str(path), compression="zstd" if is_packed else None) as stream:
            yield stream
    except (pa.ArrowException, OSError, databento_dbn.DBNError) as fault:
        raise _damaged(path, str(fault)) from fault


def _damaged(path: Path, what: str) -> Rejected:
    return Rejected(f"{path}: cannot be read as DBN, it is truncated or damaged: {what}")


def _metadata(path: Path, stream: Any, decoder: Any, schemas: Sequence[str]) -> Any:
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
    if schema not in schemas:
        taken = f"{', '.join(schemas[:-1])} and {schemas[-1]}"
        raise Rejected(f"{path}: schema {schema!r} is not taken; {taken} are")
    return metadata


def _records(path: Path, stream: Any, decoder: Any, metadata: Any) -> Iterator[list[Any]]:
    schema = str(metadata.schema)
    shape, type_ = _SHAPES[schema]
    size = shape.size_hint + (8 if metadata.ts_out else 0)
    count = 0
    while block := _bytes(stream, size * _RECORDS):
        whole = len(block) // size
        headers = np.frombuffer(block, dtype=np.uint8)[: whole * size].reshape(-1, size)
        wrong = np.flatnonzero((headers[:, 0] != size // 4) | (headers[:, 1] != type_))
        if len(wrong):
            length, rtype = int(headers[wrong[0], 0]) * 4, headers[wrong[0], 1]
            raise _damaged(
                path,
                f"record {count + wrong[0]} has {length} bytes and type {rtype}, "
                f"one of {schema} has {size} and {type_}",
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
