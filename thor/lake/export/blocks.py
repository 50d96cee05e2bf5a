"""Read blocks of binary COPY as Arrow: ticks of a fixed width, without a Python object a row.

Stage 55, lake. Pure. The database sends the form of `lake_tick_statements`: instants in µs since
2000, prices as whole 1e-8ths, words as numbers; this makes the columns of market.ticks.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from thor.errors import Broken

PRICE = pa.decimal128(18, 8)
INSTANT = pa.timestamp("us", "UTC")
# PostgreSQL counts from 2000, Arrow from 1970.
_EPOCH_US = 946_684_800_000_000
# The database's value for null: no price or size can be that.
NULL_8 = -(2**63)
NULL_4 = -(2**31)
# In `marks`: two flags, the side, the source and the contract by their index, 0 an unknown one.
_TRADE, _SAMPLED = 1, 2
_SIDE, _SOURCE, _CONTRACT = 2, 4, 16
_SIDES = ("B", "S")
WORDS_MAX = 4095

_INSTANTS = ("ts", "received_at", "created_at")
_PRICES = ("last", "bid", "ask")
_WIDTHS = {
    **dict.fromkeys(("ts", "seq", *_PRICES), 8),
    **dict.fromkeys(("last_size", "bid_size", "ask_size"), 4),
    **dict.fromkeys(("volume", "volume_delta", "received_at", "created_at"), 8),
    "marks": 4,
}
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"

SCHEMA = pa.schema(
    [
        ("ts", INSTANT), ("symbol", pa.string()), ("seq", pa.int64()), ("source", pa.string()),
        ("contract", pa.string()), ("last", PRICE), ("bid", PRICE), ("ask", PRICE),
        ("last_size", pa.int32()), ("bid_size", pa.int32()), ("ask_size", pa.int32()),
        ("side", pa.string()), ("volume", pa.int64()), ("volume_delta", pa.int64()),
        ("is_trade", pa.bool_()), ("is_sampled", pa.bool_()), ("received_at", INSTANT),
        ("created_at", INSTANT), ("trade_date", pa.date32()),
    ]
)  # fmt: skip


class UnknownWord(Exception):
    """A row names a source or contract that its query did not expect."""


class Words(msgspec.Struct, frozen=True):
    """The words that the numbers in a block mean."""

    symbol: str
    trade_date: date
    sources: tuple[str, ...]
    contracts: tuple[str, ...]


def _row() -> np.dtype[Any]:
    names, formats = ["fields"], [">i2"]
    for name, width in _WIDTHS.items():
        names += [f"{name}_bytes", name]
        formats += [">i4", f">i{width}"]
    return np.dtype({"names": names, "formats": formats})


ROW = _row()


def table(block: bytes | bytearray, words: Words) -> pa.Table:
    """Return the ticks of whole rows, in the stream's order, with the columns of the lake.

    Raises `UnknownWord` for a word that `words` lacks, `Broken` for anything but such rows.
    """
    rows = np.frombuffer(block, ROW) if len(block) % ROW.itemsize == 0 else None
    if rows is None or not _is_whole(rows):
        raise Broken("The database sent ticks in another form than requested")
    marks = rows["marks"].astype(np.int32)
    source = (marks >> _SOURCE) & 0xFFF
    contract = marks >> _CONTRACT
    if not source.all() or (contract == 1).any():
        raise UnknownWord
    count = len(rows)
    columns = {
        **{name: _instants(rows[name]) for name in _INSTANTS},
        **{name: _prices(rows[name]) for name in _PRICES},
        **{name: _sizes(rows[name]) for name in ("last_size", "bid_size", "ask_size")},
        **{name: _counts(rows[name]) for name in ("volume", "volume_delta")},
        "seq": pa.array(rows["seq"].astype(np.int64)),
        "symbol": _words(np.zeros(count, np.int32), (words.symbol,)),
        "source": _words(source - 1, words.sources),
        "contract": _words(contract - 2, words.contracts),
        "side": _words(((marks >> _SIDE) & 3) - 1, _SIDES),
        "is_trade": pa.array((marks & _TRADE) != 0),
        "is_sampled": pa.array((marks & _SAMPLED) != 0),
        "trade_date": pa.repeat(pa.scalar(words.trade_date, pa.date32()), count),
    }
    return pa.table({field.name: columns[field.name] for field in SCHEMA})


def without_frame(block: bytearray, *, is_first: bool, is_last: bool) -> bytearray:
    """Take the header off the first block of a stream, and the trailer off the last."""
    if is_first:
        if not block.startswith(HEAD):
            raise Broken("The database sent no COPY of the binary form")
        del block[: len(HEAD)]
    if is_last:
        if not block.endswith(_TAIL):
            raise Broken("The database's COPY ended before its end")
        del block[-len(_TAIL) :]
    return block


def _is_whole(rows: np.ndarray[Any, Any]) -> bool:
    return bool((rows["fields"] == len(_WIDTHS)).all()) and all(
        bool((rows[f"{name}_bytes"] == width).all()) for name, width in _WIDTHS.items()
    )


def _instants(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values.astype(np.int64) + _EPOCH_US).view(INSTANT)


def _prices(values: np.ndarray[Any, Any]) -> pa.Array:
    # A decimal of 128 bits is its low word, then its high one: here the sign alone.
    wide = np.empty((len(values), 2), np.int64)
    wide[:, 0] = values
    is_null = wide[:, 0] == NULL_8
    np.right_shift(wide[:, 0], 63, out=wide[:, 1])
    return pa.Array.from_buffers(
        PRICE, len(values), [_validity(is_null), pa.py_buffer(wide)], int(is_null.sum())
    )


def _sizes(values: np.ndarray[Any, Any]) -> pa.Array:
    own = values.astype(np.int32)
    return pa.array(own, mask=own == NULL_4)


def _counts(values: np.ndarray[Any, Any]) -> pa.Array:
    own = values.astype(np.int64)
    return pa.array(own, mask=own == NULL_8)


def _words(indexes: np.ndarray[Any, Any], words: Sequence[str]) -> pa.Array:
    is_null = indexes < 0
    return pa.DictionaryArray.from_arrays(
        pa.array(indexes, pa.int32(), mask=is_null if is_null.any() else None),
        pa.array(words, pa.string()),
    )


def _validity(is_null: np.ndarray[Any, Any]) -> Any:
    return pa.py_buffer(np.packbits(~is_null, bitorder="little")) if is_null.any() else None
