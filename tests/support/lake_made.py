"""Write a lake by hand, in the export's layout, from a database."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pa_parquet
from features_made import into_duckdb

Link = psycopg.Connection[Any]
TABLES = ("series", "instruments", "sessions", "rolls")
WIDTHS = ("1s", "1m", "5m", "1h", "1d")
ORDERS = {"ticks": "ts, seq, source"}
# Types that DuckDB's CSV reader takes as text.
_LISTS = {"aliases": "array_to_json(aliases)::text", "evidence": "evidence::text"}


def write_lake(
    link: Link, root: Path | str, what: Iterable[str] = ("ticks", *(f"bars_{w}" for w in WIDTHS))
) -> str:
    """Write ticks, bars and reference data of all trade dates, then a manifest a date.

    `root` is a folder or s3://…; returns it as a URL that `connect` takes.
    """
    filesystem, folder = _place(root)
    with duckdb.connect() as made:
        made.execute("set timezone = 'UTC'")
        for table in TABLES:
            names = link.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
                " and not attisdropped order by attnum",
                (f"reference.{table}",),
            ).fetchall()
            shown = ", ".join(
                f"{_LISTS[name]} as {name}" if name in _LISTS else name for (name,) in names
            )
            into_duckdb(link, made, f"select {shown} from reference.{table}", table)
            _write(made, f"select * from {table}", filesystem, f"{folder}/reference/{table}")
        dates: set[str] = set()
        for name in what:
            into_duckdb(link, made, f"select * from market.{name}", name)
            parts = made.execute(
                f"select distinct trade_date::varchar, symbol from {name} order by all"
            ).fetchall()
            for day, symbol in parts:
                path = f"{folder}/{name.split('_')[0]}/date={day}/symbol={symbol}/{name}"
                rows = (
                    f"select * from {name} where trade_date = '{day}' and symbol = '{symbol}' "
                    f"order by {ORDERS.get(name, 'bar_start')}"
                )
                _write(made, rows, filesystem, path)
                dates.add(day)
    for day in dates:
        write_text(filesystem, f"{folder}/manifests/date={day}.json", {"format": 1, "parts": []})
    write_text(
        filesystem,
        f"{folder}/lake.json",
        {"format": 1, "made_by": "thor 0.1.0", "nature": "simulated"},
    )
    return str(root)


def write_text(filesystem: Any, path: str, content: Any) -> None:
    """Write a JSON file, and the folders above it."""
    filesystem.create_dir(path.rsplit("/", 1)[0], recursive=True)
    with filesystem.open_output_stream(path) as file:
        file.write(json.dumps(content).encode())


def _place(root: Path | str) -> tuple[Any, str]:
    if "://" in str(root):
        filesystem, folder = pyarrow.fs.FileSystem.from_uri(str(root))
        return filesystem, folder
    return pyarrow.fs.LocalFileSystem(), str(root)


def _write(made: duckdb.DuckDBPyConnection, query: str, filesystem: Any, path: str) -> None:
    table: pa.Table = made.sql(query).to_arrow_table()
    times = {one.name: one for one in table.schema if pa.types.is_timestamp(one.type)}
    delta = {name: "DELTA_BINARY_PACKED" for name in [*times, "seq"] if name in table.column_names}
    filesystem.create_dir(path.rsplit("/", 1)[0], recursive=True)
    pa_parquet.write_table(
        table,
        f"{path}.parquet",
        filesystem=filesystem,
        compression="zstd",
        compression_level=3,
        use_dictionary=[name for name in table.column_names if name not in delta],
        column_encoding=delta,
    )
