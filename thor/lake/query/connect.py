"""Connect DuckDB to the lake: the lake as a database, with PostgreSQL's names.

Stage 55, lake. Reads the lake's Parquet and the statements of `db/sql`; gives a DuckDB connection
on which ticks, bars and every feature can be selected.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from itertools import count, groupby
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb
import pyarrow as pa

from thor.config import Settings
from thor.domain.bar import FEATURE_WIDTHS, WIDTHS
from thor.errors import Broken, Rejected, Unavailable
from thor.lake.query import sql
from thor.lake.query.files import Files, found
from thor.lake.store import url_of

Connection = duckdb.DuckDBPyConnection
Day = date | str | None

# `range` is a family of features and a function of DuckDB's: the function comes first.
_PATH = "memory.main,memory.market,memory.reference,system.main,memory.feat"
_NUMBERS = count()
# A vendor's day that ended after the exchange's is known later than its bar_end.
_ENDS_AT = (
    "case when known_at > bar_end + interval '1 second' then known_at - interval '1 second' end"
)
_ARROW = {
    "varchar": pa.string(),
    "timestamptz": pa.timestamp("us", "UTC"),
    "bigint": pa.int64(),
    "double": pa.float64(),
}


def connect(
    url: str | None = None,
    *,
    bars: Literal["stored", "ticks"] = "stored",
    first: Day = None,
    last: Day = None,
) -> Connection:
    """Return a DuckDB in memory with the lake's ticks, bars, reference data and features.

    Relations have the names, columns and values of PostgreSQL's: `ticks`, `bars_1s` … `bars_1d`,
    `feat.matrix_1m`, `feat.returns('1m', ['ES'], from, to)`. `url` is a folder or s3://…, by
    default THOR_LAKE_URL. `first` and `last`, trade dates, hide the rest: features do not look back
    beyond `first` then. A `trade_date` in a query opens that date's files only. A later export is
    visible to a later connection.

    `bars="stored"` reads the bars that were exported, and the features where those of every
    exported bar are there; `"ticks"` computes bars from ticks in memory, a date at a time, before
    it returns, and features with every query. Raises `NotFound` where there is no lake, `Refused`
    where a newer Thor wrote it, `Rejected` for an invalid date.
    """
    if bars not in ("stored", "ticks"):
        raise Rejected(f"bars: {bars!r} is neither 'stored' nor 'ticks'")
    files = found(url or url_of(Settings()), _day(first, "first"), _day(last, "last"))
    spill = Path(tempfile.gettempdir()) / "thor-duckdb"
    with ExitStack() as stack:
        connection = stack.enter_context(duckdb.connect(config={"temp_directory": str(spill)}))
        try:
            _make_relations(connection, files, is_computed=bars == "ticks")
        except (duckdb.IOException, duckdb.InvalidInputException, pa.ArrowInvalid) as error:
            reason = str(error).splitlines()[0]
            raise Broken(
                f"lake: {reason}; `thor lake verify` says which files are whole"
            ) from error
        except OSError as error:
            raise Unavailable(f"lake: {error}") from error
        stack.pop_all()
    return connection


def make_bars(connection: Connection, parts: Sequence[str] = ()) -> None:
    """Compute the stored bars of every width from `market.ticks`, each width from the one below.

    Ticks are read once. `parts` are statements that each make `market.ticks` one part of the ticks;
    no second lies in two parts.
    """
    selects = iter(sql.aggregates().items())
    finest, body = next(selects)
    for number, part in enumerate(parts or [""]):
        connection.execute(part)
        made = f"insert into {finest}" if number else f"create or replace table {finest} as"
        connection.execute(f"{made}\n{body}")
    for name, body in selects:
        connection.execute(f"create or replace table {name} as\n{body}")


def bar_columns() -> dict[str, dict[str, str]]:
    """Return the columns of bars_1s … bars_1d with their types, as `db/sql` defines them."""
    with duckdb.connect() as shape:
        tables = sql.tables()
        begin(shape)
        for name in ("market.ticks", "market.bars_imported"):
            _make_empty(shape, name, tables[name])
        make_bars(shape)
        for statement in sql.bars():
            shape.execute(statement)
        return {
            f"bars_{width}": {
                row[0]: row[1] for row in shape.execute(f"describe market.bars_{width}").fetchall()
            }
            for width in WIDTHS
        }


def feature_columns() -> dict[str, str]:
    """Return the columns of store.features_<width> with their types."""
    columns = {
        "symbol": "varchar",
        "bar_start": "timestamptz",
        "bar_ticks": "bigint",
        "made_at": "timestamptz",
        "changed_at": "timestamptz",
    }
    return columns | {name: "double" for names in sql.feature_columns().values() for name in names}


def empty(name: str, columns: Mapping[str, str]) -> str:
    """Return the statement that creates a relation of these columns without rows."""
    nulls = ", ".join(f'null::{kind} as "{column}"' for column, kind in columns.items())
    return f"create or replace view {name} as select {nulls} where false"


# As the views of bars have it; without stocks the folder's date lets DuckDB skip files.
_OWN_DATE = """case
    when symbol = any(reference.own_date_symbols())
        then (bar_start at time zone 'America/New_York')::date
    else date
end"""


_STOCKS = """
select s.symbol
from reference.series as s
inner join reference.instruments as i on i.symbol = s.root
where i.calendar = 'US_EQUITY' order by s.symbol
"""


class _Relation(NamedTuple):
    """The contents of a view: columns with their types, and files, partitioned or not."""

    name: str
    columns: dict[str, str]
    paths: list[str]
    is_parted: bool = True
    # Whether a file may lack columns: a feature that is younger than it.
    is_loose: bool = False
    # Whether it may have bars of stocks, whose trade date is not the folder's in the evening.
    has_own_dates: bool = False

    def empty(self) -> str:
        """Return the statement that creates it without rows."""
        return empty(self.name, self.columns)

    def over(self, connection: Connection, files: Files) -> str:
        """Return the statement that creates it over its files."""
        if not self.paths:
            return self.empty()
        source = self._parquet() if files.is_plain else self._dataset(connection, files)
        shown = "*"
        if self.is_parted:
            # From the folder's name DuckDB knows which files it can skip.
            names = {column: f'"{column}"' for column in self.columns}
            trade_date = _OWN_DATE if self.has_own_dates else "date"
            shown = ", ".join((names | {"trade_date": f"{trade_date} as trade_date"}).values())
        if self.is_loose:
            nulls = ", ".join(f'null::{kind} as "{name}"' for name, kind in self.columns.items())
            source = f"(select {nulls} where false union all by name select * from {source})"
        return f"create or replace view {self.name} as select {shown} from {source}"

    def _parquet(self) -> str:
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in self.paths)
        hive = ", hive_partitioning = true, hive_types = {date: date, symbol: varchar}"
        loose = ", union_by_name = true" if self.is_loose else ""
        return f"read_parquet([{quoted}]{hive if self.is_parted else ''}{loose})"

    def _dataset(self, connection: Connection, files: Files) -> str:
        # It brings pandas, whose import takes a second; a lake in a folder does without.
        from pyarrow import dataset

        keys = pa.schema([("date", pa.date32()), ("symbol", pa.string())])
        schema = None
        if self.is_loose:
            held = [(name, _ARROW[kind]) for name, kind in self.columns.items()]
            schema = pa.schema([*held, ("date", pa.date32())])
        known = dataset.dataset(
            self.paths,
            schema=schema,
            filesystem=files.store.filesystem,
            format="parquet",
            partitioning=dataset.partitioning(keys, flavor="hive"),
            partition_base_dir=files.store.root,
        )
        registered = f"files_{next(_NUMBERS)}"
        connection.register(registered, known)
        return registered


def _make_relations(connection: Connection, files: Files, *, is_computed: bool) -> None:
    begin(connection)
    tables, shapes = sql.tables(), bar_columns()
    relations = [
        _Relation(
            name, columns, [files.reference[table]] if table in files.reference else [], False
        )
        for name, columns in tables.items()
        for schema, table in [name.split(".")]
        if schema == "reference"
    ]
    for relation in relations:
        connection.execute(relation.over(connection, files))
    stocks = connection.execute(_STOCKS).fetchall()
    listed = ", ".join(f"'{symbol}'" for (symbol,) in stocks)
    connection.execute(
        f"create or replace macro reference.own_date_symbols() as [{listed}]::varchar[]"
    )
    for name in ("market.gaps", "store.feature_sets"):
        own = [files.reference[name]] if name in files.reference else []
        relations.append(_Relation(name, tables[name], own, False))
    shown = files.parts.get("feature_rows", [])
    relations.append(_Relation("store.feature_rows", tables["store.feature_rows"], shown))
    stored = "market._stored_" if is_computed else "market.bars_"
    bars = {
        width: _Relation(
            f"{stored}{width}",
            shapes[f"bars_{width}"],
            files.parts.get(f"bars_{width}", []),
            has_own_dates=bool(stocks) and width != "1d",
        )
        for width in WIDTHS
    }
    ticks = _Relation("market.ticks", tables["market.ticks"], files.parts.get("ticks", []))
    relations.append(ticks)
    if is_computed:
        _make_empty(connection, "market.bars_imported", tables["market.bars_imported"])
        _compute(connection, files, ticks, bars)
    else:
        relations += bars.values()
    # The features are created over empty relations first, which costs nothing.
    for relation in relations:
        connection.execute(relation.empty())
    features = _features(files) if not is_computed else {}
    for relation in features.values():
        connection.execute(relation.empty())
    for statement in (*sql.families(), *sql.feature_views(stored=features), *sql.labels()):
        connection.execute(statement)
    for relation in (*relations, *features.values()):
        if relation.paths:
            connection.execute(relation.over(connection, files))
    connection.execute(f"set search_path = '{_PATH}'")


def _features(files: Files) -> dict[str, _Relation]:
    """Return the stored features of each width that has those of every bar it has."""
    columns = feature_columns()
    found = {}
    for width in FEATURE_WIDTHS:
        paths = files.parts.get(f"matrix_{width}", [])
        has_features = {_folder(path) for path in paths}
        has_bars = {_folder(path) for path in files.parts.get(f"bars_{width}", [])}
        if paths and has_features >= has_bars:
            found[width] = _Relation(f"store.features_{width}", columns, paths, is_loose=True)
    return found


def _folder(path: str) -> str:
    return path.rsplit("/date=", 1)[-1].rsplit("/", 1)[0]


def begin(connection: Connection) -> None:
    """Make the schemas, and the macros that the SQL of bars calls, in UTC."""
    connection.execute("set global timezone = 'UTC'")
    for schema in ("public", "reference", "market", "feat", "store"):
        connection.execute(f"create schema {schema}")
    for statement in sql.exact():
        connection.execute(statement)


def _compute(
    connection: Connection, files: Files, ticks: _Relation, stored: Mapping[str, _Relation]
) -> None:
    days = groupby(ticks.paths, key=lambda path: path.split("/date=")[-1][:10])
    parts = [ticks._replace(paths=list(paths)).over(connection, files) for _, paths in days]
    make_bars(connection, parts or [ticks.empty()])
    for width, relation in stored.items():
        connection.execute(relation.over(connection, files))
        connection.execute(
            "insert into market.bars_imported by name select symbol, "
            f"'{width}' as width, bar_start, open, high, low, close, volume, volume_buy, "
            f"volume_sell, trades, changed_at as imported_at, {_ENDS_AT} as ends_at "
            f"from {relation.name} where is_imported"
        )
        connection.execute(f"drop view {relation.name}")
    for statement in sql.bars():
        connection.execute(statement)


def _make_empty(connection: Connection, name: str, columns: dict[str, str]) -> None:
    kinds = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    connection.execute(f"create table {name} ({kinds})")


def _day(day: Day, name: str) -> date | None:
    if day is None or isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise Rejected(f"{name}: {day!r} is no date; write it as 2026-11-20") from error
