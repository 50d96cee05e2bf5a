"""Compute a checksum of rows that is the same in a database and in a file, in any order.

Stage 55, lake. Pure. Each row is hashed over its columns' names and values and the hashes are
added, so blocks can be summed in any order; equal sums mean equal rows.
"""

import hashlib
import struct
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

_ROWS = 1 << 15
_WORD = np.uint64
_MIX = _WORD(0xBF58476D1CE4E5B9)
_END = _WORD(0x94D049BB133111EB)
_NULL = _WORD(0x9E3779B97F4A7C15)
_SHIFT = _WORD(29)

Numbers: TypeAlias = Any


def of(table: pa.Table) -> int:
    """Return the checksum of a table's rows; add those of its parts modulo 2^64.

    Columns count by name and value, not by position; texts by value, not by their Arrow encoding;
    decimals of one scale by their digits.
    """
    total = 0
    for batch in table.to_batches(max_chunksize=_ROWS):
        with np.errstate(over="ignore"):
            total += int(_hashes(batch).sum(dtype=np.uint64))
    return total % 2**64


def text(checksum: int) -> str:
    """Return a checksum as written in the manifest: 16 hex digits."""
    return f"{checksum:016x}"


def _hashes(batch: pa.RecordBatch) -> Numbers:
    mixed = np.zeros(batch.num_rows, np.uint64)
    for name in sorted(batch.schema.names):
        values = _numbers(batch.column(batch.schema.get_field_index(name)))
        values += _WORD(_hash(name))
        mixed ^= values
        mixed *= _MIX
        mixed ^= mixed >> _SHIFT
    mixed *= _END
    mixed ^= mixed >> _SHIFT
    return mixed


def _numbers(column: pa.Array) -> Numbers:
    """Return a column as numbers of its own, equal where values are."""
    found = _valid_numbers(column)
    if column.null_count:
        found[np.asarray(column.is_null())] = _NULL
    return found


def _valid_numbers(column: pa.Array) -> Numbers:
    kind = column.type
    if pa.types.is_dictionary(kind):
        known = np.array([_hash(word) for word in column.dictionary.to_pylist()] or [0], np.uint64)
        return known[column.indices.fill_null(0).to_numpy(zero_copy_only=False)]
    if pa.types.is_string(kind):
        return _valid_numbers(column.dictionary_encode())
    if pa.types.is_list(kind):
        return np.array([_hash(repr(item)) for item in column.to_pylist()], np.uint64)
    if pa.types.is_decimal128(kind):
        wide = np.frombuffer(column.buffers()[1], np.uint64)
        low, high = wide[0::2], wide[1::2]
        part = slice(column.offset, column.offset + len(column))
        # The high word is the sign alone up to 18 digits; that of a wider number is mixed in.
        is_narrow = kind.precision <= 18
        return low[part].copy() if is_narrow else low[part] ^ (high[part] * _MIX)
    if pa.types.is_boolean(kind):
        return column.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint64)
    if pa.types.is_floating(kind):
        floats = column.fill_null(0.0).to_numpy(zero_copy_only=False)
        # All NaNs are equal.
        return np.where(np.isnan(floats), np.nan, floats).astype(np.float64).view(np.uint64)
    whole = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    numbers = column if pa.types.is_integer(kind) else column.view(whole)
    return numbers.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)


def _hash(word: Any) -> int:
    digest = hashlib.md5(str(word).encode(), usedforsecurity=False).digest()
    return int(struct.unpack_from("<Q", digest)[0])
