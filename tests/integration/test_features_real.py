"""Every family on real bars, without being named: the same in both engines."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg
import pyarrow.parquet as pa_parquet
import pytest
from features_made import FAMILIES, WIDTHS, differences, engine, into_duckdb

from thor import database
from thor.domain.calendar import compute
from thor.domain.instrument import Instrument
from thor.flow.import_bars import import_bars
from thor.market.collect.files.bar_tape import open_bars
from thor.reference import instruments

Link = psycopg.Connection[Any]
EURO = Instrument(
    symbol="6E", name="Euro FX", exchange="CME", asset_class="currency", calendar="CME_EQUITY",
    tick_size=Decimal("0.00005"), quote_increment=Decimal("0.00005"), multiplier=Decimal(125_000),
    display_precision=5,
)  # fmt: skip
FILES = ("6e_6eh4_1m_202401", "es_gc_1m_201310_lean")
# Nine years are cut to one, with its rolls and both changes of the clocks.
LONG = "es_5m_2015_2023"
YEAR = 2018
YEARS = (2013, 2017, 2018, 2019, 2023, 2024)
# Of 5m and 1h: a year's own, and those that the import makes of the minutes of 6E, ES and GC.
HELD = {"1m": 41_574, "5m": 69_519 + 6_084 + 2_981, "1h": 5_863 + 507 + 432}
# No vendor here has bars of an hour: they are made of those of five minutes.
_HOURS = """
select
    symbol, contract, time_bucket(interval '1 hour', ts) as ts, '1h' as interval,
    arg_min(open, ts) as open, max(high) as high, min(low) as low, arg_max(close, ts) as close,
    sum(volume)::bigint as volume, sum(n_trades)::bigint as n_trades,
    sum(bid_volume)::bigint as bid_volume, sum(ask_volume)::bigint as ask_volume,
    null::bigint as open_interest, source
from five group by all order by contract, ts
"""


@pytest.fixture(scope="module")
def link(data: Path, kept_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """A database with the bars of three files, imported as people import them; read only."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        instruments.add_instrument(found, EURO)
        for year in YEARS:
            for calendar in ("CME_EQUITY", "CME_METALS"):
                days = compute(calendar, date(year, 1, 1), date(year, 12, 31))
                statement = database.statement("upsert_session").encode()
                rows = [msgspec.structs.asdict(day) for day in days]
                with found.cursor() as cursor:
                    cursor.executemany(statement, rows)
        folder = tmp_path_factory.mktemp("bars")
        paths = [data / "bars" / f"{name}.parquet" for name in FILES]
        for path in [*paths, *_long(data / "bars" / f"{LONG}.parquet", folder)]:
            import_bars(found, open_bars(path, as_root=None))
        found.execute("analyze")
        yield found


def _long(path: Path, folder: Path) -> list[Path]:
    files = [folder / "five.parquet", folder / "hours.parquet"]
    with duckdb.connect() as made:
        made.execute("set timezone = 'UTC'")
        made.execute(f"create view five as from '{path}' where year(ts) = {YEAR}")
        for file, rows in zip(files, ("from five", _HOURS), strict=True):
            pa_parquet.write_table(made.sql(rows).to_arrow_table(), file)
    return files


@pytest.fixture(scope="module")
def lake(link: Link) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the same bars and the same SQL."""
    with engine(link) as found:
        yield found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("family", FAMILIES)
def test_postgresql_and_duckdb_agree_on_real_bars(
    link: Link, lake: duckdb.DuckDBPyConnection, family: str, width: str
) -> None:
    asked = f"select * from feat.{family}('{width}', null, null, null)"
    into_duckdb(link, lake, asked, "theirs")
    (count,) = lake.sql("select count(*) from theirs").fetchall()[0]
    assert count == HELD[width]
    assert differences(lake, "theirs", f"feat.{family}_{width}") == []
