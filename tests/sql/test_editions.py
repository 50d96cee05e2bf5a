"""schema.up on each edition: what a database becomes, and that it stays what it is."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import alembic.command
import alembic.config
import psycopg
import pytest
import sqlalchemy.exc
from psycopg import sql

from thor import database
from thor.database import schema
from thor.database.edition import Edition
from thor.errors import Refused

pytestmark = pytest.mark.editions("plain", "timescale")

WIDTHS = ("1s", "1m", "5m", "1h", "1d")
EDITION = "select edition from ops.edition"
HAS_EXTENSION = "select exists (select from pg_extension where extname = 'timescaledb')"
EVERYTHING = """
select n.nspname || ' ' || coalesce(c.relname, ''), c.oid::bigint, c.relfilenode::bigint
from pg_namespace as n
left join pg_class as c on c.relnamespace = n.oid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select p.oid::regprocedure::text, p.oid::bigint, null
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1, 2
"""
# Friday before the change to summer time, the Sunday evening after it, which is Monday's trade
# date, and one tick a second before and after 17:00 in Chicago.
TICKS = """
insert into market.ticks (
    ts, symbol, seq, source, last, bid, ask, volume_delta, is_trade, is_sampled, received_at
)
select
    t.ts::timestamptz, s.symbol, t.seq, 'SIM', 5000.25 + t.seq, 5000, 5000.5, t.seq % 3,
    t.seq % 2 = 0, false, t.ts::timestamptz
from (
    values
    ('2024-03-08 14:30:15.25Z', 1), ('2024-03-08 14:30:15.25Z', 2),
    ('2024-03-08 21:59:59.999Z', 3),
    ('2024-03-10 22:30:00Z', 4), ('2024-03-11 15:00:00Z', 5), ('2024-03-11 21:59:59Z', 6),
    ('2024-03-11 22:00:00Z', 7)
) as t (ts, seq)
cross join (values ('ES'), ('CL')) as s (symbol)
"""
# They read tables that migrations after the ground floor's made.
LATER = {"30_ticks/340_accounting.sql", "30_ticks/360_gaps_found.sql"}
TICKS_TEXT = "select string_agg(t::text, ';' order by symbol, ts, seq, source) from market.ticks t"


def at(text: str) -> datetime:
    """Return the instant that a text in UTC names."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Whole hours around the ticks of each trade date.
RANGES = [
    (at("2024-03-08 14:00"), at("2024-03-08 22:00")),
    (at("2024-03-10 22:00"), at("2024-03-11 22:00")),
    (at("2024-03-11 22:00"), at("2024-03-11 23:00")),
]


def everything(url: str) -> list[Any]:
    """Return every object of the database that is not the system's."""
    return _rows(url, EVERYTHING)


def _rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def _value(url: str, query: str) -> Any:
    return _rows(url, query)[0][0]


def _do(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def another_database(url: str) -> Iterator[str]:
    """An empty database beside another one, on the same server."""
    name = f"thor_test_{uuid4().hex[:12]}"
    _do(url, f"create database {name} template template0")
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        _do(url, f"drop database if exists {name} with (force)")


def make_ground_floor(url: str) -> None:
    """Make of an empty database what Thor made before there were bars, with ticks in it."""
    with database.engine(url).begin() as connection:
        config = alembic.config.Config()
        config.set_main_option("script_location", str(database.DB / "migrations"))
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0002")
        driver = database.raw(connection)
        for file in schema.files("plain"):
            if file.is_logic and file.path < "30_ticks/37" and file.path not in LATER:
                driver.execute(file.text.encode())
                driver.execute(
                    "insert into ops.logic_files (path, sha256, makes) values (%s, %s, %s)",
                    (file.path, file.sha256, file.makes),
                )
        driver.execute("insert into ops.edition (edition, nature) values ('plain', 'simulated')")
        driver.execute(TICKS)


@pytest.fixture
def ground_floor_url(bare_database_url: str) -> str:
    """A database as it was before there were bars."""
    make_ground_floor(bare_database_url)
    return bare_database_url


def test_a_database_without_bars_gets_them_and_keeps_its_ticks(
    ground_floor_url: str, edition: Edition
) -> None:
    _do(ground_floor_url, "create view public.mine as select symbol, last from market.ticks")
    before = _value(ground_floor_url, TICKS_TEXT)
    schema.up(ground_floor_url)
    assert _value(ground_floor_url, EDITION) == edition
    assert _value(ground_floor_url, TICKS_TEXT) == before
    assert _value(ground_floor_url, "select count(*) from public.mine where last > 5000") == 14
    ranges = "select ts_from, ts_to from market.bars_to_refresh order by range_id"
    assert _rows(ground_floor_url, ranges) == RANGES
    # Later ticks are distinguished from earlier ones: their bars are kept at once.
    _do(
        ground_floor_url,
        "insert into market.ticks (ts, symbol, seq, source, is_trade, is_sampled, received_at) "
        "values ('2024-03-12 15:00:00Z', 'ES', 8, 'SIM', false, false, '2024-03-12 15:00:00Z')",
    )
    shown = "select count(*) from market.bars_1s where trade_date = '2024-03-12' and ticks = 1"
    assert _value(ground_floor_url, f"{shown} and bar_start = '2024-03-12 15:00:00Z'") == 1


@pytest.mark.editions("timescale")
def test_the_ticks_of_the_ground_floor_go_into_chunks_of_a_day(ground_floor_url: str) -> None:
    schema.up(ground_floor_url)
    chunks = (
        "select range_start, range_end from timescaledb_information.chunks "
        "where hypertable_name = 'ticks' order by 1"
    )
    assert _rows(ground_floor_url, chunks) == [
        (at(f"2024-03-{day:02} 00:00"), at(f"2024-03-{day + 1:02} 00:00")) for day in (8, 10, 11)
    ]
    assert _value(ground_floor_url, "select count(*) from only market.ticks") == 0
    # Nothing was materialised yet, so that all of it is read from the ticks.
    for width in WIDTHS:
        assert _value(ground_floor_url, f"select sum(ticks) from bars_{width}") == 14, width


@pytest.mark.editions("plain")
def test_the_bars_of_the_first_release_are_made_from_the_recorded_ranges(
    ground_floor_url: str,
) -> None:
    schema.up(ground_floor_url)
    assert _value(ground_floor_url, "select count(*) from bars_1s") == 0
    made = "select sum(market.rebuild_bars(ts_from, ts_to)) from market.bars_to_refresh"
    with psycopg.connect(ground_floor_url, autocommit=True) as connection:
        assert connection.execute(made).fetchone() == (14,)
    for width in WIDTHS:
        assert _value(ground_floor_url, f"select sum(ticks) from bars_{width}") == 14, width


def test_a_second_run_on_a_converted_database_changes_nothing(ground_floor_url: str) -> None:
    schema.up(ground_floor_url)
    before = everything(ground_floor_url)
    ranges = _rows(ground_floor_url, "select r::text from market.bars_to_refresh as r order by 1")
    said: list[str] = []
    schema.up(ground_floor_url, report=said.append)
    assert said == []
    assert everything(ground_floor_url) == before
    assert ranges == _rows(
        ground_floor_url, "select r::text from market.bars_to_refresh as r order by 1"
    )


def test_a_conversion_that_fails_at_its_end_leaves_the_ground_floor(
    ground_floor_url: str, edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(database.DB / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(schema, "DB", tmp_path)
    last = tmp_path / "migrations" / "versions" / f"0003_bars.{edition}.sql"
    last.write_text(last.read_text() + "\nselect 1 / 0;\n")
    before = everything(ground_floor_url), _value(ground_floor_url, TICKS_TEXT)
    with pytest.raises(sqlalchemy.exc.DataError, match="division by zero"):
        schema.up(ground_floor_url)
    assert (everything(ground_floor_url), _value(ground_floor_url, TICKS_TEXT)) == before
    assert _value(ground_floor_url, EDITION) == "plain"
    assert _value(ground_floor_url, HAS_EXTENSION) is False
    assert _value(ground_floor_url, "select version_num from ops.alembic_version") == "0002"


@pytest.mark.editions("timescale")
def test_a_converted_database_is_what_a_new_one_is(
    ground_floor_url: str, database_url: str
) -> None:
    schema.up(ground_floor_url)
    shape = (
        "select c.oid::regclass::text, c.relkind::text from pg_class as c where c.relnamespace in "
        "('reference'::regnamespace, 'market'::regnamespace, 'ops'::regnamespace) order by 1"
    )
    assert _rows(ground_floor_url, shape) == _rows(database_url, shape)
    policies = (
        "select proc_name, hypertable_name, schedule_interval, config::text "
        "from timescaledb_information.jobs where job_id >= 1000 order by 1, 2"
    )
    assert _rows(ground_floor_url, policies) == _rows(database_url, policies)


@pytest.mark.editions("timescale")
def test_a_new_database_has_its_hypertables_and_four_aggregates_read_to_the_newest_tick(
    database_url: str,
) -> None:
    hypertables = "select hypertable_name from timescaledb_information.hypertables order by 1"
    assert _rows(database_url, hypertables) == [
        ("features_1h",),
        ("features_1m",),
        ("features_5m",),
        ("ticks",),
    ]
    aggregates = (
        "select view_name from timescaledb_information.continuous_aggregates "
        "where not materialized_only order by 1"
    )
    assert _rows(database_url, aggregates) == [
        ("_bars_1h",),
        ("_bars_1m",),
        ("_bars_1s",),
        ("_bars_5m",),
    ]


@pytest.mark.editions("plain")
def test_a_new_database_without_the_vendor_has_no_extension_but_statistics(
    database_url: str,
) -> None:
    assert _value(database_url, HAS_EXTENSION) is False
    others = "select extname from pg_extension where extname <> 'pg_stat_statements'"
    assert _rows(database_url, others) == [("plpgsql",)]


@pytest.mark.editions("timescale")
@pytest.mark.parametrize("at_first", ["new", "ground floor"])
def test_a_plain_edition_on_a_community_server_is_possible_and_stays(
    bare_database_url: str, at_first: str
) -> None:
    url = bare_database_url
    if at_first == "ground floor":
        make_ground_floor(url)
    schema.up(url, requested="plain")
    assert _value(url, EDITION) == "plain"
    assert _value(url, HAS_EXTENSION) is False
    before = everything(url)
    for requested in ("plain", "auto"):
        schema.up(url, requested=requested)
        assert everything(url) == before
    assert _value(url, EDITION) == "plain"


@pytest.mark.editions("timescale")
def test_a_plain_database_whose_extension_is_active_is_sent_to_copy(bare_database_url: str) -> None:
    schema.up(bare_database_url, requested="plain")
    _do(bare_database_url, "create extension timescaledb schema public")
    before = everything(bare_database_url)
    with pytest.raises(Refused, match=r"made as plain.*thor db copy"):
        schema.up(bare_database_url)
    assert everything(bare_database_url) == before
    # THOR_EDITION=plain keeps it plain.
    schema.up(bare_database_url, requested="plain")
    assert everything(bare_database_url) == before


@pytest.mark.editions("timescale")
@pytest.mark.parametrize(("made", "requested"), [("plain", "timescale"), ("timescale", "plain")])
def test_a_database_with_bars_stays_what_it_is(
    bare_database_url: str, made: Any, requested: Any
) -> None:
    schema.up(bare_database_url, requested=made)
    before = everything(bare_database_url)
    with pytest.raises(Refused, match=rf"made as {made}.*{requested} edition.*thor db copy"):
        schema.up(bare_database_url, requested=requested)
    assert everything(bare_database_url) == before
    assert _value(bare_database_url, EDITION) == made


FACE = """
select c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
    col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid
where c.oid = any(array[{names}]::regclass[]) and a.attnum > 0
order by 1, 2
"""
FUNCTIONS = """
select p.oid::regprocedure::text, pg_get_function_result(p.oid), p.provolatile,
    obj_description(p.oid, 'pg_proc')
from pg_proc as p
where p.pronamespace in ('reference'::regnamespace, 'market'::regnamespace)
and p.proname not in (
    'keep_bars', 'merge_bars', 'rebuild_bars', 'convert_chunks', 'drop_tick_chunks'
)
order by 1
"""


@pytest.mark.editions("timescale")
def test_the_bars_have_one_face_on_both_editions(database_url: str) -> None:
    names = ", ".join(f"'market.bars_{width}'" for width in WIDTHS)
    face = FACE.format(names=names)
    with another_database(database_url) as plain_url:
        schema.up(plain_url, requested="plain")
        assert _value(plain_url, EDITION) == "plain"
        shown = _rows(plain_url, face)
        assert _rows(database_url, face) == shown
        assert _rows(database_url, FUNCTIONS) == _rows(plain_url, FUNCTIONS)
    columns = [(name, kind) for view, _, name, kind, *_ in shown if view == "bars_1s"]
    prices = [(name, "numeric(18,8)") for name in ("open", "high", "low", "close")]
    counts = ("volume", "volume_buy", "volume_sell", "trades", "ticks")
    means = ("vwap", "bid_close", "ask_close", "spread_mean")
    assert columns == [
        ("symbol", "text"),
        *((name, "timestamp with time zone") for name in ("bar_start", "bar_end", "known_at")),
        ("trade_date", "date"),
        *prices,
        *((name, "bigint") for name in counts),
        *((name, "numeric(18,8)") for name in means),
        ("late_ticks", "bigint"),
        ("is_sampled", "boolean"),
        ("is_imported", "boolean"),
        ("changed_at", "timestamp with time zone"),
    ]
    for width in WIDTHS:
        assert [(name, kind) for v, _, name, kind, *_ in shown if v == f"bars_{width}"] == columns


@pytest.fixture
def role(bare_database_url: str) -> Iterator[str]:
    """A role that may log in and nothing else, whose password is its name."""
    name = f"thor_test_{uuid4().hex[:12]}"
    _do(bare_database_url, f"create role {name} login password '{name}'")
    yield name
    _do(bare_database_url, f"drop owned by {name} cascade", f"drop role {name}")


def _as(role: str, url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{role}@{host}"))


@pytest.mark.editions("timescale")
def test_a_role_that_may_not_create_the_extension_is_refused_with_the_fix(
    bare_database_url: str, role: str
) -> None:
    before = everything(bare_database_url)
    with pytest.raises(Refused) as refused:
        schema.up(_as(role, bare_database_url))
    said = str(refused.value)
    name = urlsplit(bare_database_url).path.lstrip("/")
    assert f"cannot be used in database {name}: permission denied" in said
    assert "create extension timescaledb schema public" in said
    assert f"make {role} its owner" in said
    assert everything(bare_database_url) == before


@pytest.mark.parametrize("may_create", [False, True])
@pytest.mark.parametrize("requested", ["auto", "plain"])
def test_a_role_that_does_not_own_the_database_gets_the_statement_to_own_it(
    bare_database_url: str, role: str, may_create: bool, requested: Any
) -> None:
    name = urlsplit(bare_database_url).path.lstrip("/")
    if may_create:
        _do(bare_database_url, f"grant create on database {name} to {role}")
    before = everything(bare_database_url)
    with pytest.raises(Refused, match=rf"{name}.*(owner to {role}|make {role} its owner)"):
        schema.up(_as(role, bare_database_url), requested=requested)
    assert everything(bare_database_url) == before


@pytest.mark.editions("timescale")
def test_an_extension_in_a_schema_of_its_own_is_refused(bare_database_url: str) -> None:
    _do(
        bare_database_url,
        "create schema extensions",
        "create extension timescaledb schema extensions",
    )
    before = everything(bare_database_url)
    with pytest.raises(Refused, match=r"in schema extensions.*schema public"):
        schema.up(bare_database_url)
    assert everything(bare_database_url) == before
    schema.up(bare_database_url, requested="plain")
    assert _value(bare_database_url, EDITION) == "plain"


@pytest.mark.parametrize("made_by", ["the role itself", "a superuser"])
def test_the_owner_of_a_database_brings_it_up(
    bare_database_url: str, role: str, edition: Edition, made_by: str
) -> None:
    with psycopg.connect(bare_database_url, autocommit=True) as connection:
        text = "alter database {} owner to {}"
        name = sql.Identifier(connection.info.dbname)
        owner = sql.Identifier(connection.info.user)
        connection.execute(sql.SQL(text).format(name, sql.Identifier(role)))
        if edition == "timescale" and made_by == "a superuser":
            connection.execute("create extension timescaledb schema public")
    schema.up(_as(role, bare_database_url))
    assert _value(bare_database_url, EDITION) == edition
    with psycopg.connect(bare_database_url, autocommit=True) as connection:
        connection.execute(sql.SQL(text).format(name, owner))
