"""Make the lake's DuckDB of tables that are handed over, not of files.

Stage 55, lake. Takes Arrow tables under the database's names; gives the connection that `connect`
gives of a lake: the same relations, the same SQL.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from thor import database
from thor.database import Connection as Link
from thor.domain.bar import FEATURE_WIDTHS, WIDTHS
from thor.lake.export import reader
from thor.lake.query import connect, sql
from thor.lake.query.connect import Connection

# Ranges and volatilities of labels look back on so many bars of an hour at most.
_BACK = timedelta(days=35)
# The label of the close ends within a day.
_AHEAD = timedelta(days=1)
_REFERENCE = ("series", "instruments", "sessions", "rolls")


def from_database(
    link: Link[Any], width: str, symbols: list[str], ts_from: datetime, ts_to: datetime
) -> Connection:
    """Return a DuckDB with what labels and stored features of a span are made of.

    Takes the bars with ts_from <= bar_start < ts_to of the symbols, those that labels read around
    them, and the rows of store.features_<width>. Raises `Unavailable` where the server is away.
    """
    database.rows(link, "lake_settings")
    tables: dict[str, list[pa.Table]] = {}
    for name in (*(f"reference.{table}" for table in _REFERENCE), "market.gaps"):
        tables[name] = [*reader.tables(link, reader.relation(link, name))]
    dated = {f"market.bars_{one}": (ts_from - _BACK, ts_to + _AHEAD) for one in {"1m", width}}
    dated[f"store.features_{width}"] = (ts_from, ts_to)
    for name, (first, last) in dated.items():
        relation = reader.relation(link, name)
        tables[name] = [
            table
            for symbol in symbols
            for table in reader.tables(link, relation, symbol=symbol, ts_from=first, ts_to=last)
        ]
    return from_tables({name: pa.concat_tables(parts) for name, parts in tables.items() if parts})


def from_tables(tables: Mapping[str, pa.Table]) -> Connection:
    """Return a DuckDB with these tables of reference, market and store; others are empty."""
    made = duckdb.connect()
    connect.begin(made)
    shapes = sql.tables() | {
        f"market.{name}": columns for name, columns in connect.bar_columns().items()
    }
    features = connect.feature_columns()
    shapes |= {f"store.features_{width}": features for width in FEATURE_WIDTHS}
    shapes = {name: columns for name, columns in shapes.items() if name != "market.bars_imported"}
    assert all(f"market.bars_{width}" in shapes for width in WIDTHS)
    for name, columns in shapes.items():
        made.execute(connect.empty(name, columns))
    stored = {name.rpartition("_")[2] for name in tables if name.startswith("store.features_")}
    for statement in (*sql.families(), *sql.feature_views(stored=stored), *sql.labels()):
        made.execute(statement)
    for number, (name, table) in enumerate(tables.items()):
        made.register(f"handed_{number}", table)
        there = set(table.column_names)
        shown = ", ".join(
            f'"{column}"' if column in there else f'null::{kind} as "{column}"'
            for column, kind in shapes[name].items()
        )
        made.execute(f"create or replace view {name} as select {shown} from handed_{number}")
    return made
