"""Turn columns of a file into exact values: decimals, whole numbers, aware times.

Stage 20, collect. An unreadable value becomes None and a fault that names field and value.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa


class Fault(NamedTuple):
    """Why a row is refused: field and reason as text, and the value as it was read."""

    text: str
    value: str = ""


# A parsed column: values by row, faults by row number.
Faults = dict[int, Fault]
Parsed = tuple[list[Any], Faults]

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_BARE_NUMBER = re.compile(r"[+-]?[0-9]{9,}(\.[0-9]*)?")
_BARE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_NUMBER = 64
_LONGEST_NAME = 64
_LONGEST_SHOWN = 60
_COUNT_LIMIT = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Microseconds of the first and the last instant that a datetime can hold.
_US_MIN = -62_135_596_800_000_000
_US_MAX = 253_402_300_799_999_999
_US_PER = {"s": 1_000_000, "ms": 1_000, "us": 1}


def read_column(
    column: pa.Array,
    field: str,
    convert: Callable[[Any], Any],
    missing: str | None = None,
) -> Parsed:
    """Convert a column, each distinct value once, to a list by row and the faults by row.

    `convert` raises `ValueError` with the reason where a value does not fit. A null
    becomes None, and a fault where `missing` gives a reason for it.
    """
    column = _plain(column)
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # The shortest text of a narrow float is what its writer saw; that of the widened float is
        # not.
        column = column.cast(pa.float32()).cast(pa.string())
    if pa.types.is_decimal32(column.type) or pa.types.is_decimal64(column.type):
        column = column.cast(pa.decimal128(column.type.precision, column.type.scale))
    coded = column.dictionary_encode()
    values = np.empty(len(coded.dictionary) + 1, dtype=object)
    reasons: dict[int, Fault] = {}
    for code, value in enumerate(coded.dictionary.to_pylist()):
        if value is None:
            continue
        try:
            values[code] = convert(value)
        except ValueError as fault:
            reasons[code] = Fault(f"{field}: {fault}", str(value))
    codes = coded.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
    if missing is not None and column.null_count:
        reasons[len(values) - 1] = Fault(f"{field}: {missing}")
    listed: list[Any] = values[codes].tolist()
    if not reasons:
        return listed, {}
    return listed, {
        row: reasons[code] for row, code in enumerate(codes.tolist()) if code in reasons
    }


def optional(batch: pa.RecordBatch, field: str, read: Callable[..., Parsed]) -> Parsed:
    """Read a column, or nothing but nulls where the file does not have it."""
    if field not in batch.schema.names:
        return [None] * batch.num_rows, {}
    return read(batch.column(field), field)


def by_value(convert: Callable[[Any], Any]) -> Callable[[pa.Array, str], Parsed]:
    """Return a reader of columns that converts each value with `convert`."""
    return lambda column, field: read_column(column, field, convert)


def price(value: Any) -> Decimal:
    """Return a price exactly as written: a float by its shortest text, never rounded."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = value.strip()
    if len(text) <= _LONGEST_NUMBER and (_NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text)):
        return Decimal(text)
    raise ValueError(f"{shown(value)} is not a number")


def whole(value: Any) -> int:
    """Return a count; a fraction, a text or a number beyond 64 bits is refused."""
    try:
        number = price(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a whole number") from None
    # The magnitude first: int() of 1e999 would take long.
    if not number.is_finite() or (number.adjusted() < 0 and number != 0):
        raise ValueError(f"{shown(value)} is not a whole number")
    if number.adjusted() > 18 or not -_COUNT_LIMIT <= number < _COUNT_LIMIT:
        raise ValueError(f"{shown(value)} does not fit 64 bits")
    if number != number.to_integral_value():
        raise ValueError(f"{shown(value)} is not a whole number")
    return int(number)


def name(value: Any) -> str:
    """Return a symbol or a contract as written, at most 64 characters."""
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"{shown(value)} is longer than {_LONGEST_NAME} characters")
    return str(value)


def is_trade(value: Any) -> bool:
    """Distinguish a trade from a quote; anything else is refused."""
    if value not in ("trade", "quote"):
        raise ValueError(f"{shown(value)} is neither trade nor quote")
    return bool(value == "trade")


def side(value: Any) -> str:
    """Return the aggressor's side, B or S; anything else is refused."""
    if value not in ("B", "S"):
        raise ValueError(f"{shown(value)} is neither B nor S")
    return str(value)


def time_of(value: Any) -> datetime:
    """Return the instant that an ISO 8601 text names, UTC, cut to the microsecond."""
    text = value.strip()
    if _BARE_NUMBER.fullmatch(text):
        raise ValueError(
            f"{shown(value)} is a bare number; write ISO 8601 times with their zone, "
            "2024-02-07T15:00:00Z say"
        )
    try:
        ts = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(value)} is not an ISO 8601 time") from None
    if ts.tzinfo is None and _BARE_DATE.fullmatch(text):
        raise ValueError(f"{shown(value)} is a date without a time; write {text}T00:00:00Z")
    if ts.tzinfo is None:
        raise ValueError(f"{shown(value)} has no time zone; write Z or an offset")
    try:
        return ts.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{shown(value)} is outside the years 1 to 9999") from None


def read_times(column: pa.Array, field: str, missing: str | None = None) -> Parsed:
    """Convert a column of zoned timestamps, or of ISO 8601 text, to aware UTC times.

    Nanoseconds are cut, not rounded, to microseconds.
    """
    column = _plain(column)
    if not pa.types.is_timestamp(column.type):
        return read_column(column, field, time_of, missing)
    ticks = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    unit = column.type.unit
    if unit == "ns":
        us = ticks // 1_000
        outside = np.zeros(len(us), dtype=bool)
    else:
        per = _US_PER[unit]
        outside = (ticks < -(-_US_MIN // per)) | (ticks > _US_MAX // per)
        us = np.where(outside, 0, ticks) * per
    times: list[Any] = [_EPOCH + since for since in us.astype("m8[us]").tolist()]
    faults: Faults = {}
    for row in np.flatnonzero(outside).tolist():
        times[row] = None
        since = f"{ticks[row]} {unit} since 1970"
        faults[row] = Fault(f"{field}: {since} is outside the years 1 to 9999", str(ticks[row]))
    if column.null_count:
        for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
            times[row] = None
            if missing is not None:
                faults[row] = Fault(f"{field}: {missing}")
    return times, faults


def mark_backward(seqs: Sequence[int | None], faults: Faults, highest: int | None) -> int | None:
    """Add a fault for each number below the highest one before it; return the new highest.

    Equal numbers pass: one message of a feed may have made several rows.
    """
    for row, seq in enumerate(seqs):
        if seq is None:
            continue
        if highest is not None and seq < highest:
            faults.setdefault(row, Fault(f"seq: {seq} comes after {highest}", str(seq)))
        else:
            highest = seq
    return highest


def add(faults: Faults, more: Faults) -> None:
    """Add faults to those of other columns: a row is refused for its first fault."""
    for row, reason in more.items():
        faults.setdefault(row, reason)


def shown(value: Any) -> str:
    """Return a value as shown in a reason: text in quotes, at most 60 characters."""
    text = str(value)
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return repr(cut) if isinstance(value, str) else cut


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, seen through a dictionary encoding."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
