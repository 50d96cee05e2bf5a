"""Open a file in Thor's columnar format, Parquet or CSV with a header, as Arrow batches.

Stage 20, collect. A path and a `Layout` → its known columns, checked by name and type, a piece at a
time; and, for all layouts, the series of each row and the survey.

A file that was cut short is refused as a whole: a Parquet file lacks its footer then, a CSV file
has a last row with too few fields. A cut inside the last field of the last CSV row cannot be seen.
CSV is UTF-8 (with or without BOM), commas, an empty cell is null.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from thor.domain.series import Series, SeriesNames
from thor.errors import Rejected
from thor.market.collect.files import parsing
from thor.market.collect.files.parsing import Fault, Faults, plain_type, shown
from thor.market.collect.files.survey import Survey

_ROWS = 16_384
_HEADER_MAX = 65_536
_VENDOR_MAX = 200
# The time of a refused row without a usable one.
_ANY_DAY = date(1970, 1, 1)

_YEARS_APART = 50
_NO_SYMBOL = Fault("symbol: is missing")

# A row's symbol and contract, as written.
_Pair = tuple[str | None, str | None]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of one kind of file.

    All of `required` and at least one of `any_of` must be present; messages list `known`, and
    `unlisted` is read as well. `names` are texts and `times` times; every other known column is a
    number. `source` is only shown.
    """

    required: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    known: tuple[str, ...]
    unlisted: tuple[str, ...] = ("source",)
    names: tuple[str, ...]
    times: tuple[str, ...]
    flags: tuple[str, ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """Every column that is taken from a file which has it."""
        return self.known + self.unlisted


def survey(path: Path, form: str, layout: Layout, names: SeriesNames) -> Survey:
    """Survey the file, reading every column of every row once.

    `form` is parquet or csv; `names` resolves its series. Raises `Rejected` where the file is no
    such tape, is cut short or damaged, or lacks a column.
    """
    found = Survey(schema="neutral")
    for batch in record_batches(path, form, layout):
        if found.vendor is None and "source" in batch.schema.names:
            given = batch.column("source")[0].as_py()
            found.vendor = None if given is None else str(given)[:_VENDOR_MAX]
        times, unusable = parsing.read_times(batch.column("ts"), "ts", "is missing")
        roots, contracts, faults = series(batch, times, names)
        faults.update(unusable)
        rows = zip(roots, contracts, times, strict=True)
        if faults:
            if found.first_fault is None:
                row = min(faults)
                found.first_fault = f"row {found.records + row + 1}: {faults[row].text}"
            found.note(row for i, row in enumerate(rows) if i not in faults)
        else:
            found.note(rows)
        found.records += batch.num_rows
    return found


def series(
    batch: pa.RecordBatch, times: Sequence[datetime | None], names: SeriesNames
) -> tuple[list[str], list[str | None], Faults]:
    """Return each row's root, the key of its month where it names one, and its faults.

    `times` are the rows' own, which decide the year of a code with one digit; the month may stand
    in `symbol` or in `contract`. A missing symbol is an empty root: the row is published, to be
    refused and counted.
    """
    symbols, faults = parsing.read_column(
        batch.column("symbol"), "symbol", parsing.name, "is missing"
    )
    faults.update({row: _NO_SYMBOL for row, s in enumerate(symbols) if s == ""})
    contracts, more = parsing.optional(batch, "contract", parsing.by_value(parsing.name))
    parsing.add(faults, more)
    pairs: list[_Pair] = list(zip(symbols, contracts, strict=True))
    known = [ts for ts in times if ts is not None]
    first, last = (min(known).date(), max(known).date()) if known else (_ANY_DAY, _ANY_DAY)
    found: dict[_Pair, Series] = {}
    wrong: dict[_Pair, Fault] = {}
    for pair in set(pairs):
        try:
            found[pair] = _named(names, pair, first)
            # A name keeps its meaning or takes a later one. Equal at both ends it is the same in
            # between, unless two digits of a year repeat meanwhile.
            if last != first and (
                last.year - first.year > _YEARS_APART or _named(names, pair, last) != found[pair]
            ):
                return _row_by_row(pairs, times, names, faults)
        except ValueError as fault:
            wrong[pair] = Fault(f"contract: {fault}", pair[1] or "")
            found[pair] = Series(pair[0] or "", None)
    if wrong:
        for row, pair in enumerate(pairs):
            if pair in wrong:
                faults.setdefault(row, wrong[pair])
    return [found[pair].root for pair in pairs], [found[pair].contract for pair in pairs], faults


def _row_by_row(
    pairs: list[_Pair], times: Sequence[datetime | None], names: SeriesNames, faults: Faults
) -> tuple[list[str], list[str | None], Faults]:
    roots: list[str] = []
    contracts: list[str | None] = []
    for row, (pair, ts) in enumerate(zip(pairs, times, strict=True)):
        try:
            series = _named(names, pair, _ANY_DAY if ts is None else ts.date())
        except ValueError as fault:
            faults.setdefault(row, Fault(f"contract: {fault}", pair[1] or ""))
            series = Series(pair[0] or "", None)
        roots.append(series.root)
        contracts.append(series.contract)
    return roots, contracts, faults


def _named(names: SeriesNames, pair: _Pair, day: date) -> Series:
    symbol, contract = pair
    if not symbol:
        return Series("", contract or None)
    return names.month(symbol, contract, day) if contract else names.series(symbol, day)


def filed(roots: list[str], contracts: list[str | None], as_root: str | None) -> list[str]:
    """Return the symbol under which each row is stored: the given root, else its month."""
    if as_root is not None:
        return [as_root if root else "" for root in roots]
    return [
        contract if contract and root else root
        for root, contract in zip(roots, contracts, strict=True)
    ]


def record_batches(path: Path, form: str, layout: Layout) -> Iterator[pa.RecordBatch]:
    """Yield the known columns of a parquet or csv file, some thousands of rows at a time.

    Raises `Rejected` where a column is missing, twice there or of a type it cannot be, and
    where the file is cut short or damaged.
    """
    name = {"parquet": "Parquet", "csv": "CSV"}[form]
    try:
        open_ = _parquet_batches if form == "parquet" else _csv_batches
        yield from open_(path, layout)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as fault:
        raise Rejected(
            f"{path}: cannot be read as {name}, it is truncated or damaged: "
            f"{shown(' '.join(str(fault).split()))}"
        ) from fault


def _parquet_batches(path: Path, layout: Layout) -> Iterator[pa.RecordBatch]:
    with pa_parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        schema = file.schema_arrow
        columns = _columns(path, schema.names, layout)
        for field in columns:
            _check_type(path, field, schema.field(field).type, layout)
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns, use_threads=False):
            batch.validate(full=True)  # text that is not UTF-8 would only show later
            if batch.num_rows:
                yield batch


def _csv_batches(path: Path, layout: Layout) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        line = file.readline(_HEADER_MAX)
    if len(line) >= _HEADER_MAX:
        raise Rejected(f"{path}: the header is longer than {_HEADER_MAX} bytes")
    header = next(csv.reader([line.decode("utf-8-sig")]), [])
    columns = _columns(path, header, layout)
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


def _columns(path: Path, header: list[str], layout: Layout) -> list[str]:
    twice = sorted({field for field in header if header.count(field) > 1 and field in layout.read})
    if twice:
        raise Rejected(f"{path}: column {twice[0]!r} appears twice")
    known = f"known columns are {', '.join(layout.known)}; the file has {shown(', '.join(header))}"
    for field in layout.required:
        if field not in header:
            raise Rejected(f"{path}: column {field!r} is missing; {known}")
    if layout.any_of and not any(field in header for field in layout.any_of):
        *others, last = map(repr, layout.any_of)
        raise Rejected(f"{path}: column {', '.join(others)} or {last} is missing; {known}")
    return [field for field in layout.read if field in header]


def _check_type(path: Path, field: str, kind: pa.DataType, layout: Layout) -> None:
    if field == "source":
        return  # only shown
    types = pa.types
    inner = plain_type(kind)
    is_text = types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner)
    if is_text or types.is_null(inner):
        return
    if field in layout.times and types.is_timestamp(inner):
        if inner.tz is None:
            raise Rejected(f"{path}: column {field!r} has no time zone; write it with tz UTC")
        return
    if field in layout.flags and types.is_boolean(inner):
        return
    if field in layout.times and types.is_integer(inner):
        raise Rejected(
            f"{path}: column {field!r} is of type {kind}, bare numbers; write it as timestamps "
            f"with tz UTC, in pandas pd.to_datetime(df.{field}, unit='ns', utc=True) if these are "
            "nanoseconds"
        )
    is_number = types.is_integer(inner) or types.is_floating(inner) or types.is_decimal(inner)
    if is_number and field not in (*layout.times, *layout.names, *layout.flags):
        return
    raise Rejected(f"{path}: column {field!r} is of type {kind}, which it cannot be")
