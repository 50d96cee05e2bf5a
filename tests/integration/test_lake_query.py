"""DuckDB over the lake: the lake shows what PostgreSQL shows, value for value."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bars_oracle
import duckdb
import psycopg
import pytest
from bars_written import write_tape
from features_made import FAMILIES, differences, fill_store, into_duckdb
from lake_made import WIDTHS, write_lake
from moto.server import ThreadedMotoServer

from thor import lake
from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable
from thor.flow.import_bars import import_bars
from thor.flow.replay import admit
from thor.lake.query import sql
from thor.market.bars import refresh
from thor.market.collect.files.bar_tape import open_bars

Link = psycopg.Connection[Any]
Duck = duckdb.DuckDBPyConnection
# Trades with their quotes, quotes of every change, and quotes of minutes for five days.
TICKS = {
    "es_esh2_20220124_tbt": 4,
    "es_esu4_20240701_mbp1": 4,
    "es_esz3_201310_minute_quotes": 4,
}
# Months that have ticks too, and months that have none.
BARS = "es_gc_1m_201310_lean"


@pytest.fixture(scope="module")
def store(data: Path, kept_url: str) -> Iterator[Link]:
    """A database with the ticks of three recordings and a vendor's bars; read only."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        for file in TICKS:
            path = data / "ticks" / f"{file}.parquet"
            write_tape(link, admit(link, path, as_root=None, overlap=False)[0])
        refresh.catch_up(link)
        import_bars(link, open_bars(data / "bars" / f"{BARS}.parquet", as_root=None))
        fill_store(link)
        yield link


@pytest.fixture(scope="module")
def url(store: Link, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake of that database."""
    return write_lake(store, tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module", params=["stored", "ticks"])
def duck(url: str, request: pytest.FixtureRequest) -> Iterator[Duck]:
    """A DuckDB over that lake, once with the bars as exported, once computed from the ticks."""
    with lake.connect(url, bars=request.param) as found:
        yield found


def value(duck: Duck, query: str) -> Any:
    """Return the one value that a query has."""
    return duck.sql(query).fetchall()[0][0]


def apart(duck: Duck, one: str, other: str) -> list[tuple[Any, ...]]:
    """Return rows that only one of two relations has, columns taken by position."""
    rows = f"(from {one} except all from {other}) union all (from {other} except all from {one})"
    return duck.sql(f"select columns(*)::varchar from ({rows}) limit 5").fetchall()


@pytest.mark.parametrize("relation", ["ticks", *(f"bars_{width}" for width in WIDTHS)])
def test_the_lake_shows_what_the_database_shows(store: Link, duck: Duck, relation: str) -> None:
    into_duckdb(store, duck, f"select * from market.{relation}", "memory.main.theirs")
    assert value(duck, "select count(*) > 0 from theirs")
    shape = "select column_name, column_type from (describe {})"
    ours = duck.sql(shape.format(f"market.{relation}")).fetchall()
    assert ours == duck.sql(shape.format("theirs")).fetchall()
    assert apart(duck, "theirs", f"market.{relation}") == []


def test_bars_made_of_ticks_and_imported_ones_are_both_there(duck: Duck) -> None:
    found = duck.sql(
        "select is_imported, count(*) > 100 from bars_1m where symbol in ('ESZ13', 'GCZ13') "
        "group by all order by all"
    ).fetchall()
    assert found == [(False, True), (True, True)]


@pytest.mark.parametrize("file", TICKS)
def test_bars_made_of_ticks_are_the_oracles(url: str, data: Path, file: str) -> None:
    ticks = bars_oracle.of_file(data / "ticks" / f"{file}.parquet", TICKS[file])
    symbols = sorted(set(ticks["symbol"].to_pylist()))
    with lake.connect(url, bars="ticks") as duck:
        for width, made in bars_oracle.bars(ticks).items():
            found = duck.sql(
                f"select {', '.join(bars_oracle.COLUMNS)} from bars_{width} "
                f"where symbol in {(*symbols, '')} and not is_imported order by symbol, bar_start"
            ).to_arrow_table()
            # Where its few ticks do not cover a bar the vendor's stands.
            hidden = set(
                duck.sql(f"select symbol, bar_start from bars_{width} where is_imported").fetchall()
            )
            made = [bar for bar in made if bar[:2] not in hidden]
            columns = (found[name].to_pylist() for name in bars_oracle.COLUMNS)
            assert list(zip(*columns, strict=True)) == made


def test_features_are_those_of_the_database(store: Link, duck: Duck) -> None:
    for family in FAMILIES:
        into_duckdb(store, duck, f"select * from feat.{family}_1m", "memory.main.theirs")
        assert differences(duck, "theirs", f"feat.{family}_1m") == []
    matrix = duck.sql("select * from matrix_1m").columns
    assert matrix == duck.sql("select * from feat.matrix('1m', ['ESZ13'], null, null)").columns
    bars_traded = value(duck, "select count(close) from bars_1m")
    assert value(duck, "select count(*) from matrix_1m") == bars_traded > 4_000


def test_the_catalogue_is_the_databases(store: Link, duck: Duck) -> None:
    theirs = store.execute("select * from feat.catalogue").fetchall()
    assert len({row[0] for row in theirs}) >= 70
    assert duck.sql("select * from catalogue").fetchall() == theirs
    assert duck.sql("select * from feat.catalogue").columns == [
        "name", "family", "width", "unit", "definition", "look_back", "source",
    ]  # fmt: skip


def test_a_date_and_a_symbol_open_their_files_only(url: str) -> None:
    with lake.connect(url) as duck:
        for query in (
            "select sum(volume) from bars_1m where trade_date = '2013-10-08' and symbol = 'ESZ13'",
            "select max(ts) from ticks where trade_date = '2013-10-08' and symbol = 'ESZ13'",
        ):
            plan = duck.sql(f"explain analyze {query}").fetchall()[0][1]
            assert "Scanning Files: 1/" in plan


def test_a_functions_name_is_a_familys_only_behind_its_schema(duck: Duck) -> None:
    assert value(duck, "select count(*) from range(5)") == 5
    assert value(duck, "select count(*) from feat.range('1m', ['VX'], null, null)") == 0
    assert value(duck, "select current_setting('timezone')") == "UTC"


def test_an_instant_is_fetched_as_an_aware_one(duck: Duck) -> None:
    row = duck.execute("select min(ts) from ticks").fetchone()
    assert row is not None
    assert row[0].utcoffset() == timedelta()


def test_dates_outside_of_those_asked_for_are_out_of_sight(url: str) -> None:
    with lake.connect(url, bars="ticks", first="2013-10-08", last="2013-10-09") as duck:
        for relation in ("ticks", "bars_1s", "bars_1m", "bars_1h", "bars_1d"):
            found = duck.sql(f"select distinct trade_date::varchar from {relation} order by 1")
            assert found.fetchall() == [("2013-10-08",), ("2013-10-09",)]


def test_what_was_not_exported_is_empty_with_its_columns(store: Link, tmp_path: Path) -> None:
    url = write_lake(store, tmp_path, what=["bars_1m"])
    for path in (tmp_path / "reference").iterdir():
        path.unlink()
    with lake.connect(url, bars="stored") as duck, lake.connect(url, bars="ticks") as made:
        for each in (duck, made):
            for relation in ("ticks", "bars_1s", "bars_5m", "bars_1h", "bars_1d"):
                names = [
                    column.name
                    for column in store.execute(
                        f"select * from market.{relation} limit 0".encode()
                    ).description
                    or ()
                ]
                assert each.sql(f"select * from {relation}").columns == names
                assert value(each, f"select count(*) from {relation}") == 0
            assert value(each, "select count(*) from matrix_1h") == 0
            assert value(each, "select count(*) from returns_1m") != 0


def test_the_types_of_tables_are_those_of_the_database(store: Link) -> None:
    for table, columns in sql.tables().items():
        found = store.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 order by attnum",
            (table,),
        ).fetchall()
        assert list(columns) == [name for name, _ in found]
        with duckdb.connect() as shape:
            for name, kind in found:
                said = columns[name]
                if said not in ("double", "varchar"):
                    same = shape.sql(f"select typeof(null::{said}), typeof(null::{kind})")
                    one, other = same.fetchall()[0]
                    assert one == other, f"{table}.{name}"


def test_half_a_date_is_none(store: Link, tmp_path: Path) -> None:
    url = write_lake(store, tmp_path, what=["bars_1h"])
    (tmp_path / "manifests" / "date=2013-10-08.json").unlink()
    with lake.connect(url) as duck:
        dates = duck.sql("select distinct trade_date::varchar from bars_1h").fetchall()
        assert ("2013-10-07",) in dates
        assert ("2013-10-08",) not in dates


def test_a_lake_of_a_newer_thor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake.json").write_text(json.dumps({"format": 2, "made_by": "thor 9.0.0"}))
    with pytest.raises(Refused, match=r"has format 2, made by thor 9\.0\.0; .* update Thor"):
        lake.connect(str(tmp_path))
    (tmp_path / "lake.json").write_text("{")
    with pytest.raises(Broken, match=r"lake\.json at .* does not say its format"):
        lake.connect(str(tmp_path))


def test_without_a_lake_the_command_that_makes_one_is_shown(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is none at .*none; `thor export-to-parquet"):
        lake.connect(str(tmp_path / "none"))
    with pytest.raises(Rejected, match="gopher://x/y is no place for one"):
        lake.connect("gopher://x/y")
    with pytest.raises(Rejected, match="first: 'monday' is no date"):
        lake.connect(str(tmp_path), first="monday")


def test_a_file_that_is_none_is_named(store: Link, tmp_path: Path) -> None:
    url = write_lake(store, tmp_path, what=["bars_1h"])
    for path in tmp_path.glob("bars/*/*/bars_1h.parquet"):
        path.write_bytes(b"no Parquet at all")
    with pytest.raises(Broken, match=r"bars_1h\.parquet.*; `thor lake verify`"):
        lake.connect(url)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server on loopback, as a URL."""
    for name, said in (("AWS_ACCESS_KEY_ID", "thor"), ("AWS_SECRET_ACCESS_KEY", "thor")):
        monkeypatch.setenv(name, said)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        where = f"scheme=http&endpoint_override={host}%3A{port}&allow_bucket_creation=true"
        yield f"s3://thor-{os.getpid()}/lake?{where}"
    finally:
        server.stop()


def test_a_lake_on_s3_shows_the_same(store: Link, url: str, bucket: str) -> None:
    write_lake(store, bucket, what=["ticks", "bars_1m"])
    with lake.connect(bucket) as far, lake.connect(url) as near:
        for query in (
            "select count(*), sum(last), max(ts) from ticks where trade_date = '2024-07-02'",
            "select symbol, sum(close), min(bar_start) from bars_1m where symbol = 'ESZ13' "
            "and trade_date > '2013-10-09' and close > 1650.25 group by all",
            "select round(avg(ema_20), 6), count(*) from trend_1m",
        ):
            rows = [one.sql(query).to_arrow_table().to_pylist() for one in (far, near)]
            assert rows[0] == rows[1]
    with lake.connect(bucket, bars="ticks", last="2022-02-01") as far:
        seconds = "select count(*) from {}bars_1s where symbol = 'ESH22'"
        (theirs,) = store.execute(seconds.format("market.").encode()).fetchall()
        assert far.sql(seconds.format("")).fetchall() == [theirs]
        assert far.sql("select count(*) from bars_1h where symbol = 'ESZ13'").fetchall() == (
            store.execute("select count(*) from market.bars_1h where symbol = 'ESZ13'").fetchall()
        )
    with pytest.raises(NotFound, match="there is none at s3://"):
        lake.connect(bucket.replace("/lake?", "/other?"))


def test_a_server_that_is_away_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "thor")
    away = "s3://thor/lake?scheme=http&endpoint_override=127.0.0.1%3A1&region=x&connect_timeout=1"
    with pytest.raises((Unavailable, Rejected), match="lake: s3://thor/lake"):
        lake.connect(away)
