"""Keep what a model was shown: the values of a set at each bar, in single precision.

Stage 60, store. Writes store.feature_rows; a row whose values differ from the newest version is
another version, and one that is the same is not written again.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from thor import database
from thor.database import Connection, copy
from thor.learning.rows import Array

# PostgreSQL counts microseconds from 2000, NumPy from 1970.
_EPOCH_US = 946_684_800_000_000
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
_FLOAT4 = 700
_ROWS = 20_000


def keep(
    connection: Connection[Any],
    set_hash: str,
    symbols: tuple[str, ...],
    symbol: Array,
    bar_start_us: Array,
    changed_us: Array,
    x: Array,
) -> int:
    """Keep rows that a model is shown, within the caller's transaction; returns how many are new.

    `x` is float32, a column a feature of the set; times are microseconds since 1970.
    """
    database.rows(connection, "stage_feature_rows")
    copy_in = database.one(connection, "shown_rows_copy")["copy_in"]
    copy.pour(connection, copy_in, _framed(symbols, symbol, bar_start_us, changed_us, x))
    return database.execute(connection, "keep_feature_rows", {"set_hash": set_hash}).rowcount


def _framed(
    symbols: tuple[str, ...], symbol: Array, bar_start_us: Array, changed_us: Array, x: Array
) -> Iterator[bytes]:
    yield _HEAD
    for number, name in enumerate(symbols):
        rows = np.flatnonzero(symbol == number)
        for first in range(0, len(rows), _ROWS):
            part = rows[first : first + _ROWS]
            yield _packed(name.encode(), bar_start_us[part], changed_us[part], x[part])
    yield _TAIL


def _packed(symbol: bytes, bar_start_us: Array, changed_us: Array, x: Array) -> bytes:
    rows, features = x.shape
    head = struct.pack(">hi", 4, len(symbol)) + symbol
    # Each value of the array: its length, then itself.
    array = np.zeros((rows, features, 8), np.uint8)
    array[:, :, 3] = 4
    values = np.ascontiguousarray(x.astype(">f4"))
    array[:, :, 4:] = values.view(np.uint8).reshape(rows, features, 4)
    about = struct.pack(">iiiii", 1, 0, _FLOAT4, features, 1)
    found = np.concatenate(
        [
            _same(head, rows),
            _instants(bar_start_us),
            _instants(changed_us),
            _same(struct.pack(">i", len(about) + 8 * features) + about, rows),
            array.reshape(rows, features * 8),
        ],
        axis=1,
    )
    return found.tobytes()


def _same(content: bytes, rows: int) -> Array:
    return np.tile(np.frombuffer(content, np.uint8), (rows, 1))


def _instants(us: Array) -> Array:
    found = np.zeros((len(us), 12), np.uint8)
    found[:, 3] = 8
    values = np.ascontiguousarray((us - _EPOCH_US).astype(">i8"))
    found[:, 4:] = values.view(np.uint8).reshape(-1, 8)
    return found
