"""Write tables into one Parquet file and compute their checksum, and read such a file back.

Stage 55, lake. Takes Arrow tables and a store; gives files of zstd-packed columns, each with a
fitting encoding, complete or not at all.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from thor.errors import Broken
from thor.lake import fingerprint
from thor.lake.store import Store

# The rows that a reader takes at a time, and that wait in memory until they are written.
GROUP_ROWS = 1 << 18
# Similar from row to row: delta encoding takes a fraction.
_DELTA = ("ts", "seq", "received_at", "created_at", "volume", "bar_start", "bar_end", "known_at")
_CHUNK_BYTES = 1 << 20


class Written(msgspec.Struct, frozen=True):
    """The contents of a file."""

    rows: int
    min_ts: datetime | None
    max_ts: datetime | None
    bytes: int
    sha256: str
    content: str


class Sum(msgspec.Struct):
    """The running checksum of rows."""

    rows: int = 0
    content: int = 0
    min_ts: datetime | None = None
    max_ts: datetime | None = None

    def add(self, table: pa.Table) -> None:
        """Add a table."""
        self.rows += table.num_rows
        self.content = (self.content + fingerprint.of(table)) % 2**64
        name = next((name for name in ("ts", "bar_start") if name in table.schema.names), None)
        if name is not None and table.num_rows:
            ends = pc.min_max(table.column(name)).as_py()
            first, last = ends["min"].astimezone(UTC), ends["max"].astimezone(UTC)
            self.min_ts = first if self.min_ts is None else min(self.min_ts, first)
            self.max_ts = last if self.max_ts is None else max(self.max_ts, last)


class File:
    """A file being written: a context manager, in which tables are added and it is finished.

    It appears once it is finished; a failed block leaves nothing.
    """

    def __init__(
        self,
        store: Store,
        path: str,
        summing: Executor,
        on_rows: Callable[[int], None] | None = None,
    ) -> None:
        """Take the file, and the thread that computes checksums, which files may share.

        `on_rows` is called with the number of rows as they are written.
        """
        self._store, self._path, self._summing, self._on_rows = store, path, summing, on_rows
        self._open = ExitStack()
        self._writer: Any = None
        self._beside: Any = None
        self._groups: list[pa.Table] = []
        self._sums: list[Future[None]] = []
        self._summed = Sum()
        self._written: Written | None = None
        # Rows that wait for their group to be written, and all that were added.
        self.pending = self.rows = 0

    def __enter__(self) -> Self:
        """Begin; the file is created when there are rows to write."""
        return self

    def __exit__(self, *failed: Any) -> None:
        """Finish the file, or remove it after a failure."""
        if failed[0] is None:
            self.finish()
        else:
            self._open.__exit__(*failed)

    def add(self, table: pa.Table) -> None:
        """Add rows; each full group is written."""
        # Checksums are computed while other rows are read and written: numpy and Arrow release the
        # GIL.
        self._sums.append(self._summing.submit(self._summed.add, table))
        self._groups.append(table)
        self.pending += table.num_rows
        self.rows += table.num_rows
        if self.pending >= GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait, as a group of their own."""
        # A failure is reported for this file, whichever others are written in parallel.
        with ExitStack() as failing:
            failing.push(self._open)
            self._flush()
            failing.pop_all()

    def finish(self) -> Written | None:
        """Complete the file and return its contents; None, and no file, for no rows."""
        with self._open:
            # A table without rows makes a file without rows.
            if self.pending or (self._groups and self._writer is None):
                self._flush()
            if self._writer is not None:
                self._writer.close()
                self._written = self._summary()
                self._writer = None
        return self._written

    def _flush(self) -> None:
        group = pa.concat_tables(self._groups).unify_dictionaries()
        if self._writer is None:
            self._beside = self._open.enter_context(self._store.new(self._path))
            options = _options(group.schema)
            self._writer = self._open.enter_context(
                parquet.ParquetWriter(str(self._beside), group.schema, **options)
            )
        self._writer.write_table(group, row_group_size=GROUP_ROWS)
        while self._sums:
            self._sums.pop().result()
        self._groups, self.pending = [], 0
        if self._on_rows is not None:
            self._on_rows(group.num_rows)

    def _summary(self) -> Written:
        digest = hashlib.sha256()
        with self._beside.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        size = self._beside.stat().st_size
        summed = self._summed
        return Written(
            summed.rows, summed.min_ts, summed.max_ts, size, digest.hexdigest(),
            fingerprint.text(summed.content),
        )  # fmt: skip


def write(
    store: Store,
    path: str,
    tables: Iterable[pa.Table],
    on_rows: Callable[[int], None] | None = None,
) -> Written | None:
    """Write tables into one file, which appears when complete; None, and no file, for no rows.

    `on_rows` is called with the number of rows as they are written.
    """
    with ThreadPoolExecutor(1, "sum") as summing, File(store, path, summing, on_rows) as file:
        for table in tables:
            file.add(table)
        return file.finish()


def tables(store: Store, path: str) -> Iterator[pa.Table]:
    """Yield a file's rows, a group a table; `Broken` where it is damaged, `NotFound` if gone."""
    with store.open(path) as source:
        try:
            file = parquet.ParquetFile(source, page_checksum_verification=True)
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
        except (pa.ArrowException, OSError) as error:
            message = str(error).strip().splitlines()[0]
            raise Broken(f"{store.locate(path)} is damaged: {message}") from error


def sha256(store: Store, path: str) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with store.open(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _options(schema: pa.Schema) -> dict[str, Any]:
    flags = [field.name for field in schema if pa.types.is_boolean(field.type)]
    floats = [
        leaf
        for field, leaf in zip(schema, _leaves(schema), strict=True)
        if pa.types.is_floating(field.type.value_type if _is_list(field) else field.type)
    ]
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
        # Types as in Parquet: texts are texts, whatever their encoding before.
        "store_schema": False,
    }


def _leaves(schema: pa.Schema) -> list[str]:
    return [f"{field.name}.list.element" if _is_list(field) else field.name for field in schema]


def _is_list(field: pa.Field) -> bool:
    found: bool = pa.types.is_list(field.type)
    return found


def _is_instant(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind))
