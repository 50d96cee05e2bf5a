"""Write tables into one Parquet file and sum up what went in, and read such a file back.

Room 55, lake. Takes Arrow tables and a store; gives files of zstd-packed columns, each
coded as suits it, whole or not at all.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from thor.errors import Broken
from thor.lake import content
from thor.lake.store import Store

# What a reader takes at a time, and what is held in memory until it is written.
GROUP_ROWS = 1 << 18
# Near to each other from row to row: their differences take a fraction.
_DELTA = ("ts", "seq", "received_at", "created_at", "volume", "bar_start", "bar_end", "known_at")
_CHUNK_BYTES = 1 << 20


class Written(msgspec.Struct, frozen=True):
    """What a file holds."""

    rows: int
    min_ts: datetime | None
    max_ts: datetime | None
    bytes: int
    sha256: str
    content: str


class Sum(msgspec.Struct):
    """What rows add up to while they pass."""

    rows: int = 0
    content: int = 0
    min_ts: datetime | None = None
    max_ts: datetime | None = None

    def add(self, table: pa.Table) -> None:
        """Count a table in."""
        self.rows += table.num_rows
        self.content = (self.content + content.of(table)) % 2**64
        name = next((name for name in ("ts", "bar_start") if name in table.schema.names), None)
        if name is not None and table.num_rows:
            ends = pc.min_max(table.column(name)).as_py()
            first, last = ends["min"].astimezone(UTC), ends["max"].astimezone(UTC)
            self.min_ts = first if self.min_ts is None else min(self.min_ts, first)
            self.max_ts = last if self.max_ts is None else max(self.max_ts, last)


def write(
    store: Store, path: str, tables: Iterable[pa.Table], told: Callable[[int], None] | None = None
) -> Written | None:
    """Put tables in one file, which is there when it is whole; None, and no file, for no rows.

    `told` hears the number of rows as they are written.
    """
    summed = Sum()
    # Rows are summed while others are read and written: numpy and Arrow let each other run.
    with ThreadPoolExecutor(1, "sum") as summing:
        return _written(
            store,
            path,
            _groups(tables, lambda table: summing.submit(summed.add, table)),
            summed,
            told,
        )


def _written(
    store: Store,
    path: str,
    parts: Iterator[pa.Table],
    summed: Sum,
    told: Callable[[int], None] | None,
) -> Written | None:
    first = next(parts, None)
    if first is None:
        return None
    with store.new(path) as beside:
        with parquet.ParquetWriter(str(beside), first.schema, **_options(first.schema)) as writer:
            for group in _and_then(first, parts):
                writer.write_table(group, row_group_size=GROUP_ROWS)
                if told is not None:
                    told(group.num_rows)
        digest = hashlib.sha256()
        with beside.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        size = beside.stat().st_size
    return Written(
        summed.rows, summed.min_ts, summed.max_ts, size, digest.hexdigest(),
        content.text(summed.content),
    )  # fmt: skip


def tables(store: Store, path: str) -> Iterator[pa.Table]:
    """Yield a file's rows, a group a table; `Broken` where it is damaged, `NotFound` if gone."""
    with store.open(path) as source:
        try:
            file = parquet.ParquetFile(source, page_checksum_verification=True)
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
        except (pa.ArrowException, OSError) as error:
            said = str(error).strip().splitlines()[0]
            raise Broken(f"{store.place(path)} is damaged: {said}") from error


def sha256(store: Store, path: str) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with store.open(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _groups(
    parts: Iterable[pa.Table], summed: Callable[[pa.Table], Future[None]]
) -> Iterator[pa.Table]:
    pending: list[pa.Table] = []
    sums: list[Future[None]] = []
    rows = 0
    is_begun = False
    for part in parts:
        sums.append(summed(part))
        pending.append(part)
        rows += part.num_rows
        if rows >= GROUP_ROWS:
            yield pa.concat_tables(pending).unify_dictionaries()
            _finish(sums)
            pending, rows = [], 0
            is_begun = True
    # A table without rows makes a file without rows.
    if rows or (pending and not is_begun):
        yield pa.concat_tables(pending).unify_dictionaries()
    _finish(sums)


def _finish(sums: list[Future[None]]) -> None:
    while sums:
        sums.pop().result()


def _and_then(first: pa.Table, others: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield first
    yield from others


def _options(schema: pa.Schema) -> dict[str, Any]:
    flags = [field.name for field in schema if pa.types.is_boolean(field.type)]
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    delta = [
        field.name
        for field in schema
        if field.name in _DELTA and (pa.types.is_integer(field.type) or _is_instant(field.type))
    ]
    plain = {*flags, *floats, *delta}
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [name for name in _leaves(schema) if name not in plain],
        "column_encoding": {
            **dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
            **dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
        },
        "store_decimal_as_integer": True,
        "write_page_checksum": True,
        # Types as Parquet has them: words are words, however they were coded on the way.
        "store_schema": False,
    }


def _leaves(schema: pa.Schema) -> list[str]:
    return [
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
        for field in schema
    ]


def _is_instant(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind))
