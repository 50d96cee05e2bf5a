"""The DuckDB door: the lake as a database, with the names that PostgreSQL has.

Room 55, lake. Reads the lake's Parquet and the texts of `db/sql`; gives a DuckDB
connection on which ticks, bars and every feature can be selected.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.dataset

from thor.errors import Broken, Rejected
from thor.lake import texts
from thor.lake.files import Files, found, lake_url

Connection = duckdb.DuckDBPyConnection
Day = date | str | None

# `range` is a family of features and a function of DuckDB's: the function comes first.
_PATH = "memory.main,memory.market,memory.reference,system.main,memory.feat"
_SCHEMAS = ("public", "reference", "market", "feat")
_PARTED = {"date": "date", "symbol": "varchar"}
WIDTHS = ("1s", "1m", "5m", "1h", "1d")


def connect(
    url: str | None = None,
    *,
    bars: Literal["stored", "ticks"] = "stored",
    first: Day = None,
    last: Day = None,
) -> Connection:
    """Return a DuckDB in memory with the lake's ticks, bars, reference data and features.

    Relations have the names, columns and values of PostgreSQL's: `ticks`, `bars_1s` …
    `bars_1d`, `feat.matrix_1m`, `feat.returns('1m', ['ES'], from, to)`. `url` is a folder or
    s3://…, by default THOR_LAKE_URL. `first` and `last`, trade dates, keep the rest out of
    sight: features look back from `first` on nothing then. A `trade_date` in a query opens
    that date's files only. What is exported later is seen by a later connection.

    `bars="stored"` reads the bars that were exported; `"ticks"` makes them anew in memory, a
    date at a time, before it returns. Raises `NotFound` where there is no lake, `Refused`
    where a newer Thor wrote it, `Rejected` for what is no date.
    """
    if bars not in ("stored", "ticks"):
        raise Rejected(f"bars: {bars!r} is neither 'stored' nor 'ticks'")
    files = found(url or lake_url(), _day(first, "first"), _day(last, "last"))
    spill = Path(tempfile.gettempdir()) / "thor-duckdb"
    with ExitStack() as stack:
        connection = stack.enter_context(duckdb.connect(config={"temp_directory": str(spill)}))
        try:
            _furnish(connection, files, is_computed=bars == "ticks")
        except (duckdb.IOException, duckdb.InvalidInputException, pa.ArrowInvalid) as error:
            told = str(error).splitlines()[0]
            raise Broken(f"lake: {told}; `thor lake verify` says which files are whole") from error
        stack.pop_all()
    return connection


def make_bars(connection: Connection, days: Sequence[date | None] = (None,)) -> None:
    """Make the stored bars of every width from `market.ticks`, each width of the one below.

    Ticks are read once: those of each of the days, by trade date; None is all of them.
    """
    selects = iter(texts.aggregates().items())
    finest, body = next(selects)
    for number, day in enumerate(days):
        if day is not None:
            _show(connection, "market.ticks", f"market._ticks where trade_date = '{day}'")
        made = f"insert into {finest}" if number else f"create or replace table {finest} as"
        connection.execute(f"{made}\n{body}")
    for name, body in selects:
        connection.execute(f"create or replace table {name} as\n{body}")


def _furnish(connection: Connection, files: Files, *, is_computed: bool) -> None:
    connection.execute("set timezone = 'UTC'")
    for schema in _SCHEMAS:
        connection.execute(f"create schema {schema}")
    tables = texts.tables()
    for name, columns in tables.items():
        if name.startswith("reference."):
            path = files.reference.get(name.removeprefix("reference."))
            paths = [] if path is None else [path]
            _relate(connection, files, name, columns, paths)
    for statement in texts.exact():
        connection.execute(statement)
    ticks = files.parts.get("ticks", [])
    _relate(connection, files, "market._ticks", tables["market.ticks"], ticks, is_parted=True)
    if is_computed:
        _compute(connection, files, tables["market.bars_imported"])
    else:
        shapes = bar_columns()
        for width in WIDTHS:
            name = f"bars_{width}"
            paths = files.parts.get(name, [])
            _relate(connection, files, f"market.{name}", shapes[name], paths, is_parted=True)
    _show(connection, "market.ticks", "market._ticks")
    connection.execute(f"set search_path = '{_PATH}'")
    for statement in texts.features():
        connection.execute(statement)


def _compute(connection: Connection, files: Files, imported: dict[str, str]) -> None:
    found_days = sorted({path.split("/date=")[-1][:10] for path in files.parts.get("ticks", [])})
    days: list[date | None] = [date.fromisoformat(day) for day in found_days]
    _show(connection, "market.ticks", "market._ticks")
    make_bars(connection, days or [None])
    _empty(connection, "market.bars_imported", imported)
    shapes = bar_columns()
    for width in WIDTHS:
        name = f"market._stored_{width}"
        paths = files.parts.get(f"bars_{width}", [])
        _relate(connection, files, name, shapes[f"bars_{width}"], paths, is_parted=True)
        connection.execute(
            "insert into market.bars_imported by name select symbol, "
            f"'{width}' as width, bar_start, open, high, low, close, volume, volume_buy, "
            f"volume_sell, trades, changed_at as imported_at from {name} where is_imported"
        )
        connection.execute(f"drop view {name}")
    for statement in texts.bars():
        connection.execute(statement)


def bar_columns() -> dict[str, dict[str, str]]:
    """Return the columns of bars_1s … bars_1d with their types, as the texts make them."""
    with duckdb.connect() as shape:
        for schema in _SCHEMAS:
            shape.execute(f"create schema {schema}")
        tables = texts.tables()
        for name in ("market.ticks", "market.bars_imported"):
            _empty(shape, name, tables[name])
        for statement in texts.exact():
            shape.execute(statement)
        make_bars(shape)
        for statement in texts.bars():
            shape.execute(statement)
        return {
            f"bars_{width}": {
                row[0]: row[1] for row in shape.execute(f"describe market.bars_{width}").fetchall()
            }
            for width in WIDTHS
        }


def _relate(
    connection: Connection,
    files: Files,
    name: str,
    columns: dict[str, str],
    paths: list[str],
    *,
    is_parted: bool = False,
) -> None:
    if not paths:
        nulls = ", ".join(f'null::{kind} as "{column}"' for column, kind in columns.items())
        connection.execute(f"create view {name} as select {nulls} where false")
        return
    # The folder's name is told to DuckDB, which opens no file of another date for it.
    names = {column: f'"{column}"' for column in columns}
    if is_parted:
        names["trade_date"] = "date as trade_date"
    shown = ", ".join(names.values())
    source = (
        _parquet(paths, is_parted)
        if files.is_plain
        else _dataset(connection, files, name, paths, is_parted)
    )
    connection.execute(f"create view {name} as select {shown} from {source}")


def _parquet(paths: list[str], is_parted: bool) -> str:
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    if not is_parted:
        return f"read_parquet([{quoted}])"
    kinds = ", ".join(f"{key}: {kind}" for key, kind in _PARTED.items())
    return f"read_parquet([{quoted}], hive_partitioning = true, hive_types = {{{kinds}}})"


def _dataset(
    connection: Connection, files: Files, name: str, paths: list[str], is_parted: bool
) -> str:
    keys = pa.schema([("date", pa.date32()), ("symbol", pa.string())])
    known = pyarrow.dataset.dataset(
        paths,
        filesystem=files.filesystem,
        format="parquet",
        partitioning=pyarrow.dataset.partitioning(keys, flavor="hive") if is_parted else None,
        partition_base_dir=files.root,
    )
    registered = f"_files_of_{name.replace('.', '_')}"
    connection.register(registered, known)
    return registered


def _show(connection: Connection, name: str, what: str) -> None:
    connection.execute(f"create or replace view {name} as select * from {what}")


def _empty(connection: Connection, name: str, columns: dict[str, str]) -> None:
    kinds = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    connection.execute(f"create table {name} ({kinds})")


def _day(day: Day, name: str) -> date | None:
    if day is None or isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise Rejected(f"{name}: {day!r} is no date; write it as 2026-11-20") from error
