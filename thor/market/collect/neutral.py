"""Open a file in the neutral schema, Parquet or CSV with a header, as Arrow record batches.

Room 20, collect. A path → its known columns, checked by name and type, a piece at a time.

A file that was cut short is refused as a whole: a Parquet file lacks its footer then, a CSV
file has a last row with too few fields. A cut inside the last field of the last CSV row
cannot be seen. CSV is UTF-8 (with or without BOM), commas, an empty cell is null.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from thor.errors import Rejected
from thor.market.collect.cells import plain_type, shown

PRICE_FIELDS = ("last", "bid", "ask")
SIZE_FIELDS = ("last_size", "bid_size", "ask_size")
_ROWS = 16_384
_HEADER_MAX = 65_536
_REQUIRED = ("symbol", "ts")
_NAMES = ("symbol", "contract", "side", "kind")
_TIMES = ("ts", "received_at")
KNOWN = (
    *_REQUIRED,
    "kind",
    *PRICE_FIELDS,
    *SIZE_FIELDS,
    "contract",
    "side",
    "received_at",
)
_READ = (*KNOWN, "seq", "source")


def record_batches(path: Path, form: str) -> Iterator[pa.RecordBatch]:
    """Yield the known columns of a parquet or csv file, some thousands of rows at a time.

    Raises `Rejected` where a column is missing, twice there or of a type it cannot be, and
    where the file is cut short or damaged.
    """
    name = {"parquet": "Parquet", "csv": "CSV"}[form]
    try:
        yield from _parquet_batches(path) if form == "parquet" else _csv_batches(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as fault:
        raise Rejected(
            f"{path}: cannot be read as {name}, it is truncated or damaged: "
            f"{shown(' '.join(str(fault).split()))}"
        ) from fault


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa_parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        schema = file.schema_arrow
        columns = _columns(path, schema.names)
        for field in columns:
            _check_type(path, field, schema.field(field).type)
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns, use_threads=False):
            batch.validate(full=True)  # text that is not UTF-8 would only show later
            if batch.num_rows:
                yield batch


def _csv_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        line = file.readline(_HEADER_MAX)
    if len(line) >= _HEADER_MAX:
        raise Rejected(f"{path}: the header is longer than {_HEADER_MAX} bytes")
    header = next(csv.reader([line.decode("utf-8-sig")]), [])
    columns = _columns(path, header)
    if not line.endswith((b"\n", b"\r")):
        raise Rejected(f"{path}: holds no records")
    options = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=columns,
        null_values=[""],
        strings_can_be_null=True,
    )
    reading = pa_csv.ReadOptions(use_threads=False)
    with pa_csv.open_csv(path, read_options=reading, convert_options=options) as batches:
        for batch in batches:
            if batch.num_rows:
                yield batch


def _columns(path: Path, header: list[str]) -> list[str]:
    twice = sorted({field for field in header if header.count(field) > 1 and field in _READ})
    if twice:
        raise Rejected(f"{path}: column {twice[0]!r} appears twice")
    known = f"known columns are {', '.join(KNOWN)}; the file has {shown(', '.join(header))}"
    for field in _REQUIRED:
        if field not in header:
            raise Rejected(f"{path}: column {field!r} is missing; {known}")
    if not any(field in header for field in PRICE_FIELDS):
        raise Rejected(f"{path}: column 'last', 'bid' or 'ask' is missing; {known}")
    return [field for field in _READ if field in header]


def _check_type(path: Path, field: str, kind: pa.DataType) -> None:
    if field == "source":
        return  # only shown
    types = pa.types
    inner = plain_type(kind)
    is_text = types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner)
    if is_text or types.is_null(inner):
        return
    if field in _TIMES and types.is_timestamp(inner):
        if inner.tz is None:
            raise Rejected(f"{path}: column {field!r} has no time zone; write it with tz UTC")
        return
    is_number = types.is_integer(inner) or types.is_floating(inner) or types.is_decimal(inner)
    if is_number and field not in (*_TIMES, *_NAMES):
        return
    raise Rejected(f"{path}: column {field!r} is of type {kind}, which it cannot be")
