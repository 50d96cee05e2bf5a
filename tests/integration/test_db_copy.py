"""A whole database in another, of either edition: every row, whatever cuts in between."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from ticks_made import many, take_in, value, wait_for

from thor import database
from thor.database import schema, tables
from thor.database.edition import Edition
from thor.errors import Broken, NotFound, Refused, Unavailable
from thor.flow.copy_database.run import PASSES_MAX, copy
from thor.flow.copy_database.target import LEFT_OUT
from thor.market.bars import refresh
from thor.market.bus.client import Bus

pytestmark = pytest.mark.editions("plain", "timescale")
# What is refused, counted or compared by the same statements whatever the target is.
PLAIN = pytest.mark.editions("plain")

Link = psycopg.Connection[Any]
Make = Callable[[Edition | None], str]
Copied = Callable[[str], AbstractContextManager[str]]

REFUSED, UNAVAILABLE = 4, 5
WIDTHS = ("1s", "1m", "5m", "1h", "1d")
# Friday, Monday to Wednesday; each from 17:00 Chicago of the day before.
DROPPED = date(2024, 6, 28)
DATES = [date(2024, 7, 1), date(2024, 7, 2), date(2024, 7, 3)]

# At least one row in every table, changed ones too; a test below fails if one is forgotten.
REFERENCE = """
update reference.instruments set margin = 14000 where symbol = 'ES';
update reference.instruments set margin = 15000 where symbol = 'ES';
delete from reference.sources where source = 'SCHWAB';
insert into reference.series (symbol, root, kind) values
    ('ESM24', 'ES', 'month'), ('ESU24', 'ES', 'month');
insert into reference.contracts (root, month, first_notice, last_trade, expiry, rule)
values ('ES', '2024-06-01', null, '2024-06-21', '2024-06-21 13:30+00', 'third friday');
insert into reference.rolls (
    root, rule, rolled_at, from_contract, to_contract, gap, ratio, evidence
)
values
    ('ES', 'volume', '2024-03-15 21:00+00', null, 'ESM24', null, null, '{}'),
    ('ES', 'volume', '2024-06-18 21:00+00', 'ESM24', 'ESU24', 61.25, 1.0112,
     '{"volume": [1, 2.50]}');
insert into reference.sources (source, kind, description) values ('TAPE:0123abcd', 'tape', 'é "x"');
insert into reference.source_preferences (symbol, source, priority) values ('ES', 'EXCEL', 5);
insert into reference.tapes (
    source, sha256, file_name, format, vendor, records, symbols, first_ts, last_ts
)
values ('TAPE:0123abcd', '0123abcd' || repeat('0', 56), E'a\\tb\\\\c.csv', 'csv', null, 3,
    '{ES,"C L"}', '2024-07-01 14:00+00', '2024-07-01 15:00+00');
insert into reference.calendars (calendar, zone, open, close, regular_open, regular_close)
values ('EUREX_DAX', 'Europe/Berlin', '01:10', '22:00', '09:00', '17:30');
insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at)
values ('CME_EQUITY', '2024-07-01', 1, '2024-06-30 22:00+00', '2024-07-01 21:00+00');
insert into reference.session_overrides (calendar, trade_date, is_closed, note)
values ('CME_EQUITY', '2024-07-04', true, 'a word');
insert into reference.market_overrides (market, day, is_closed, note)
values ('India', '2026-01-15', true, 'a word');
insert into reference.market_days (market, day, open_at, close_at, is_holiday)
values ('India', '2026-01-16', '2026-01-16 03:45+00', '2026-01-16 10:00+00', false);
insert into studies.market_transitions (market, at, from_state, to_state)
values ('India', '2026-01-16 03:45+00', 'PREOPEN', 'OPEN');
insert into studies.market_sessions (session_number, capture_group, capture_kind, market,
    session_date, symbol, captured_at, closes_at, is_complete, wndw, graded_symbol, is_by_last,
    graded_to, is_closed)
values (20260116, 'India/2026-01-16/OPEN', 'OPEN', 'India', '2026-01-16', 'ES',
    '2026-01-16 03:45+00', '2026-01-16 10:00+00', false, 'NEUTRAL', 'ES', false,
    '2026-01-16 03:45+00', true);
insert into studies.late_ticks (ts_from, ts_to)
values ('2026-01-16 03:45+00', '2026-01-16 03:46+00');
insert into market.rejected_ticks (field, value, reason, ticks, entry_id, payload, retried_at)
values ('last', 'NaN', 'is no number', 1, '1-0', E'{"last": "\\\\N"}\\n', now()),
    ('entry', 'x', 'is no entry', 3, '2-0', '', null);
insert into market.ingest_batches (
    ordinals, received, inserted, duplicate, rejected, consumer, committed_at
)
values
    ('{[100,140),[150,160)}', 50, 47, 1, 2, 'ingest-1', '2024-07-01 15:00+00'),
    ('{[140,150)}', 10, 10, 0, 0, null, '2024-07-01 15:00:01+00');
insert into market.gaps (symbol, source, trade_date, gap_start, gap_end, cause)
values ('ES', 'SIM', '2024-07-01', '2024-07-01 14:00+00', '2024-07-01 14:05+00', 'symbol silent');
insert into market.source_clocks (source, ts) values ('SIM', '2024-07-03 15:00+00');
insert into market.heard (symbol, source, heard_from, heard_at)
values ('DX', 'EXCEL', '2024-07-03 14:00+00', '2024-07-03 15:00+00');
insert into market.marks (symbol, trade_date, source, prev_close, received_at)
values ('ES', '2024-07-03', 'EXCEL', 5500.25, '2024-07-03 14:00+00');
insert into market.mark_versions select * from market.marks;
insert into market.last_values (
    symbol, trade_date, first_ts, ts, seq, source, received_at, last, last_key
)
values ('ES', '2024-07-03', '2024-07-03 14:00+00', '2024-07-03 15:00+00', 2, 'é "x"',
    '2024-07-03 15:00+00', 5501.5, row('2024-07-03 15:00+00', 2, 'é "x"'));
insert into studies.extreme_events (
    symbol, trade_date, kind, price, previous, previous_on, at, source, since
)
values ('ES', '2024-07-03', 'HIGH_52W', 5501.5, 5500.25, '2024-07-02', '2024-07-03 15:00+00',
    'SIM', '2023-07-04');
insert into store.feature_sets (name, version, hash, names, width, look_back)
values ('base', 1, repeat('a', 64), '{rsi_14}', '1m', '2 hours');
insert into store.feature_rows (set_hash, symbol, bar_start, changed_at, values)
values (repeat('a', 64), 'ES', '2024-07-01 14:00+00', '2024-07-01 14:01:02+00', '{51.0625,NaN}');
insert into model.runs (
    target, horizon, symbols, state, set_name, set_version, set_hash, span_from, span_to, seed,
    threads, code_version, libraries, parameters, ended_at
)
values ('direction', '1m', '{ES}', 'done', 'base', 1, repeat('a', 64), '2024-06-01Z',
    '2024-07-01Z', 1, 2, '0.1', '{}', '{}', '2024-07-02Z');
insert into model.folds (
    run_id, fold, model, is_baseline, test_from, test_to, train_rows, purged_rows, test_rows, loss
)
select r.run_id, 1, 'logistic', false, '2024-06-10Z', '2024-06-20Z', 9, 1, 5, 0.25
from model.runs as r;
insert into model.reports (run_id, html) select r.run_id, '<p>é</p>' from model.runs as r;
insert into model.artifacts (sha256, content) values (repeat('b', 64), '\\x00ff5c'::bytea);
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to, libraries,
    artifact_sha256
)
select r.run_id, 'logistic', r.target, r.horizon, r.symbols, r.set_hash, r.span_from, r.span_to,
    '{}', repeat('b', 64)
from model.runs as r;
insert into model.aliases (target, horizon, symbols, alias, version_id, reason)
select v.target, v.horizon, v.symbols, 'champion', v.id, 'a word' from model.versions as v;
insert into model.alias_changes (
    target, horizon, symbols, alias, version_id, changed_by, reason
)
select v.target, v.horizon, v.symbols, 'champion', v.id, 'thor', 'a word'
from model.versions as v;
insert into model.regimes (
    symbol, trade_date, version_id, regime, probability, is_out_of_sample
)
select 'ES', '2024-06-28', v.id, 1, 0.75, true from model.versions as v;
insert into model.predictions (
    model_id, symbol, bar_start, known_at, kind, row_version, value, probability, latency_ms
)
select v.id, 'ES', '2024-07-01 14:00+00', '2024-07-01 14:01:01+00', 'live', 1, -1, 0.5625, 12.5
from model.versions as v;
insert into model.profiles (
    model_id, feature, place, is_used, rows, nulls, low, high, edges, shares, usual_psi
)
select v.id, 'rsi_14', 1, true, 9, 0, 1.5, 98.25, '{10,20}', '{0.5,0.5}', 0.03125
from model.versions as v;
insert into model.demotions (
    target, horizon, symbols, model_id, cause, feature, measured, threshold, reason
)
select v.target, v.horizon, v.symbols, v.id, 'drift', 'rsi_14', 0.5, 0.25, 'a word'
from model.versions as v;
insert into model.training_proposals (target, horizon, symbols, set_name, reason)
select v.target, v.horizon, v.symbols, 'base', 'a word' from model.versions as v;
insert into feedback.outcomes (prediction_id, label_end, actual, is_hit, loss)
select p.prediction_id, '2024-07-01 14:02:01+00', -1, true, 0.5 from model.predictions as p;
insert into feedback.parity (trade_date, set_hash, symbol, rows, equal, different, missing)
values ('2024-07-01', repeat('a', 64), 'ES', 3, 1, 1, 1);
insert into people.users (email, password_hash, role)
values ('ann@example.com', '$argon2id$x', 'OWNER');
insert into people.settings (user_id, key, value)
select u.user_id, 'theme', '{"a": "é"}' from people.users as u;
insert into people.signing_keys (key_id, secret) values ('0123abcd', repeat('s', 43));
insert into people.sessions (user_id, expires_at, agent)
select u.user_id, '2024-07-08Z', E'a\tb' from people.users as u;
insert into people.refresh_tokens (token_sha256, session_id)
select repeat('c', 64), s.session_id from people.sessions as s;
insert into people.keys (user_id, name, prefix, key_sha256, scopes)
select u.user_id, 'a key', 'thor_0123abcd', repeat('d', 64), '{read}' from people.users as u;
insert into people.setup_links (link_sha256, made_by, expires_at)
values (repeat('e', 64), 'me', '2024-07-08Z');
insert into people.attempts (kind, account_sha256, address)
values ('login', repeat('f', 64), '127.0.0.1');
insert into people.audit (who, method, route, status, after)
values ('ann@example.com', 'PATCH', '/api/me', 200, '{"n": 1.50}');
insert into store.features_1m_before (
    symbol, bar_start, bar_ticks, made_at, changed_at, replaced_at, rsi_14
)
values ('ES', '2024-07-01 14:00+00', 3, '2024-07-01 14:01:02+00', '2024-07-01 14:01:02+00',
    '2024-07-01 14:09+00', 51.0625);
insert into store.features_5m_before (
    symbol, bar_start, bar_ticks, made_at, changed_at, replaced_at
)
values ('ES', '2024-07-01 14:00+00', 3, '2024-07-01 14:05:02+00', '2024-07-01 14:05:02+00',
    '2024-07-01 14:09+00');
insert into store.features_1h_before (
    symbol, bar_start, bar_ticks, made_at, changed_at, replaced_at
)
values ('ES', '2024-07-01 14:00+00', 3, '2024-07-01 15:00:02+00', '2024-07-01 15:00:02+00',
    '2024-07-01 15:09+00');
insert into trade.cash_movements (account_id, epoch, kind, amount, who)
values ('PAPER', 1, 'FUND', 0.01, 'é');
insert into trade.signals (signal_id, at, symbol, side, origin, who)
values ('00000000-0000-4000-8000-000000000001', '2024-07-01 14:00Z', 'ES', 'BUY', 'PERSON', 'é');
insert into trade.verdicts (verdict_id, at, account_id, symbol, side, quantity, is_allowed)
values ('00000000-0000-4000-8000-000000000002', '2024-07-01 14:00Z', 'PAPER', 'ES', 'BUY', 2, true);
insert into trade.orders (
    order_id, account_id, client_order_id, symbol, contract, side, type, quantity, signal_id,
    verdict_id, who, content_sha256, placed_at
)
values ('00000000-0000-4000-8000-000000000003', 'PAPER', 'é', 'ES', 'ESU24', 'BUY', 'MARKET', 2,
    '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', 'é',
    repeat('c', 64), '2024-07-01 14:00Z');
update trade.orders set status = 'SUBMITTED';
insert into trade.fills (
    order_id, account_id, symbol, contract, side, quantity, price, commission, at, tick_ts,
    tick_seq, tick_source, assumptions
)
select o.order_id, 'PAPER', 'ES', 'ESU24', 'BUY', 1, 5500.25, 2.5, '2024-07-01 14:00:01Z',
    '2024-07-01 14:00:01Z', 7, 'SIM', '{a,"é b"}'
from trade.orders as o;
insert into trade.limits (rule, symbol, value, version, who)
values ('max_contracts', 'ES', 3, 1, 'é');
insert into trade.fees (symbol, from_date, commission_per_side, who)
values ('ES', '2024-01-01', 1.25, 'é');
insert into trade.kill_events (action, who, reason) values ('LATCH', 'é', 'a word');
insert into trade.breaks (account_id, symbol, expected, actual, reason)
values ('PAPER', 'CL', '0', '1', 'a word');
insert into trade.modifications (order_id, quantity, who, at)
select o.order_id, 3, 'é', '2024-07-01 14:00:02Z' from trade.orders as o;
insert into trade.broker_progress (account_id, entry_id) values ('PAPER', '17-0');
insert into trade.notes (order_id, who, text)
select o.order_id, 'é', E'a\\tb' from trade.orders as o;
insert into market.bar_files (
    file, sha256, file_name, format, records, symbols, widths, first_bar, last_bar
)
values ('BARS:0123abcd', '0123abcd' || repeat('0', 56), 'bars.csv', 'csv', 2, '{ES}', '{1m,1d}',
    '2024-06-26 22:00+00', '2024-07-01 14:00+00');
insert into market.bars_imported (
    symbol, width, bar_start, open, high, low, close, volume, open_interest, file
)
values
    ('ES', '1m', '2024-07-01 14:00+00', 5000, 5001, 4999, 5000.25, 7, null, 'BARS:0123abcd'),
    ('ES', '1m', '2024-06-27 14:00+00', 5000, 5001, 4999, 5000.25, null, 9, 'BARS:0123abcd'),
    ('ES', '1d', '2024-06-26 22:00+00', -1, 1, -2, 0, 7, null, 'BARS:0123abcd');
"""

# For each hour of a trade date, 17:00 Chicago first: ties, quotes without a trade, trades without a
# size or a side, late ticks, and a symbol below zero.
TICKS = """
insert into market.ticks (
    ts, symbol, seq, source, contract, last, bid, ask, last_size, bid_size, ask_size, side,
    volume, volume_delta, is_trade, is_sampled, received_at, created_at
)
select
    m.ts, s.symbol, k.seq, case when k.seq %% 5 = 0 then 'EXCEL' else 'SIM' end,
    case when k.seq %% 2 = 0 then 'ESU24' end,
    case when k.seq %% 4 > 0 then s.price + k.seq * 0.25 end,
    s.price - 0.25, case when k.seq %% 3 > 0 then s.price + 0.25 end, k.seq, 3, null,
    (array['B', 'S', null])[1 + k.seq %% 3],
    k.seq * 10, case when k.seq %% 7 > 0 then k.seq end, k.seq %% 4 > 0, k.seq %% 5 = 0,
    m.ts + case when k.seq %% 6 = 0 then interval '70 seconds' else '5 milliseconds' end,
    timestamptz '2024-07-05 00:00+00' + k.seq * interval '1 microsecond'
from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, '1 hour') as h (hour)
cross join (values ('ES', 5000.0), ('CL', -37.5)) as s (symbol, price)
cross join generate_series(1, %(count)s) as k (seq)
-- Four ticks at one instant.
cross join lateral (select h.hour + k.seq / 4 * interval '700 milliseconds') as m (ts)
"""


@pytest.fixture(scope="module")
def migrated(template: str, edition: Edition, copied: Copied) -> Iterator[Callable[[Edition], str]]:
    """Gives the URL of a database of an edition to copy, made when it is first asked for."""
    urls = {edition: template}
    with ExitStack() as stack:

        def of(requested: Edition) -> str:
            if requested not in urls:
                urls[requested] = stack.enter_context(copied(named(template, "template0")))
                schema.up(urls[requested], requested=requested)
            return urls[requested]

        yield of


@pytest.fixture(scope="module")
def filled(template: str, copied: Copied) -> Iterator[str]:
    """A plain database with a little of everything, made at another moment than all others."""
    with copied(named(template, "template0")) as url:
        schema.up(url, requested="plain")
        fill(url)
        yield url


@pytest.fixture
def make(template: str, migrated: Callable[[Edition], str], copied: Copied) -> Iterator[Make]:
    """Makes databases: of an edition, or empty."""
    with ExitStack() as stack:

        def made(requested: Edition | None) -> str:
            of = migrated(requested) if requested else named(template, "template0")
            return stack.enter_context(copied(of))

        yield made


@pytest.fixture
def source_url(filled: str, copied: Copied) -> Iterator[str]:
    """A plain database with a little of everything."""
    with copied(filled) as url:
        yield url


def named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def linked(url: str) -> Link:
    return psycopg.connect(url, autocommit=True, options="-c timezone=UTC")


def span_of(trade_date: date) -> dict[str, Any]:
    """The hours of a trade date in July, when Chicago is five hours behind UTC."""
    first = datetime(trade_date.year, trade_date.month, trade_date.day, 22, tzinfo=UTC)
    return {"first": first - timedelta(days=1), "last": first - timedelta(hours=1)}


def add_ticks(link: Link, trade_date: date, count: int = 30, **given: Any) -> None:
    link.execute(TICKS.encode(), {**span_of(trade_date), "count": count, **given})


def drop_ticks(link: Link, trade_date: date) -> None:
    """Drop a trade date's ticks as the lake will, and leave its bars."""
    span = span_of(trade_date)
    dropped = link.execute("delete from market.ticks where trade_date = %s", [trade_date])
    link.execute(
        "insert into market.dropped_ranges (trade_date, ts_from, ts_to, ticks, evidence)"
        " values (%s, %s, %s, %s, 'lake')",
        [trade_date, span["first"], span["last"] + timedelta(hours=1), dropped.rowcount],
    )


def fill(url: str, dates: list[date] | None = None) -> None:
    with linked(url) as link:
        link.execute(REFERENCE.encode())
        add_ticks(link, DROPPED)
        refresh.catch_up(link)
        drop_ticks(link, DROPPED)
        for trade_date in DATES if dates is None else dates:
            add_ticks(link, trade_date)
        refresh.catch_up(link)


def names_in(link: Link) -> set[str]:
    """Every table of Thor's schemas, a partitioned one as one."""
    found = link.execute(
        "select c.oid::regclass::text from pg_class as c where c.relkind in ('r', 'p')"
        " and not c.relispartition"
        " and c.relnamespace in ('reference'::regnamespace, 'market'::regnamespace,"
        " 'studies'::regnamespace, 'store'::regnamespace, 'model'::regnamespace,"
        " 'trade'::regnamespace, 'feedback'::regnamespace,"
        " 'ops'::regnamespace)"
    ).fetchall()
    return {name for (name,) in found}


def everything(url: str) -> dict[str, list[str]]:
    """Every row that a copy must have, as text, and all rows of the bars' views."""
    with linked(url) as link:
        link.execute("set search_path = ''")
        whole = [name for name in names_in(link) if name not in LEFT_OUT]
        views = [f"market.bars_{width}" for width in WIDTHS]
        return {
            name: [
                text
                for (text,) in link.execute(f"select t::text from {name} as t order by 1".encode())
            ]
            for name in [*sorted(whole), "market.ticks", *views]
        }


def assert_equal(source_url: str, target_url: str) -> None:
    source, target = everything(source_url), everything(target_url)
    assert {name: len(rows) for name, rows in source.items()} == {
        name: len(rows) for name, rows in target.items()
    }
    assert source == target


def ticks_in(url: str) -> int:
    with linked(url) as link:
        return int(value(link, "select count(*) from market.ticks"))


def once(what: str, do: Callable[[], None]) -> Callable[[str, int, int], None]:
    """Do something when the copy first reports that point."""
    done: list[str] = []

    def progress(said: str, _: int, __: int) -> None:
        if said == what and not done:
            done.append(said)
            do()

    return progress


# Everything


def assert_whole(source_url: str, target_url: str, edition: str) -> None:
    fill(source_url)
    copied = copy(source_url, target_url)
    with linked(target_url) as link:
        assert value(link, "select edition from ops.edition") == edition
    assert_equal(source_url, target_url)
    assert copied.is_whole
    assert (copied.ticks, copied.copied, copied.trade_dates) == (3 * 24 * 60, 3 * 24 * 60, 3)
    shown = everything(source_url)
    assert copied.bars == {width: len(shown[f"market.bars_{width}"]) for width in WIDTHS}


def test_everything_that_a_database_holds_stands_in_its_copy(make: Make) -> None:
    assert_whole(make("plain"), make("plain"), "plain")


@pytest.mark.editions("timescale")
@pytest.mark.parametrize(
    ("of", "to"), [("plain", None), ("timescale", "plain"), ("timescale", None)]
)
def test_everything_stands_in_a_copy_of_another_edition(
    make: Make, of: Edition, to: Edition | None
) -> None:
    assert_whole(make(of), make(to), to or "timescale")


@PLAIN
def test_the_source_of_these_tests_has_a_row_in_every_table(source_url: str) -> None:
    with linked(source_url) as link:
        link.execute("set search_path = ''")
        empty = [
            name
            for name in sorted(names_in(link) - set(LEFT_OUT))
            if not value(link, f"select count(*) from {name}")
        ]
    assert empty == [], "give it one in REFERENCE, or say in LEFT_OUT why it is left out"


@PLAIN
def test_a_table_is_copied_or_named_as_left_out(source_url: str) -> None:
    with linked(source_url) as link:
        copied = {table.name for table in tables.found(link, LEFT_OUT)}
        link.execute("set search_path = ''")
        assert copied | set(LEFT_OUT) >= names_in(link)
        assert copied & set(LEFT_OUT) == set()


@PLAIN
def test_a_table_that_is_made_tomorrow_is_copied_too(make: Make) -> None:
    source_url, target_url = make("plain"), make("plain")
    for url in (source_url, target_url):
        with linked(url) as link:
            link.execute(
                "create table market.tomorrow (id bigint generated always as identity primary key,"
                " symbol text references reference.instruments, twice bigint generated always as"
                " (id * 2) stored, seen jsonb)"
            )
    with linked(target_url) as link:
        # What a trigger would do of a row has been done when the row was made.
        link.execute(
            "create function public.again() returns trigger language plpgsql as"
            " $$ begin raise exception 'done again'; end $$"
        )
        link.execute(
            "create trigger again before insert or delete on market.tomorrow"
            " for each row execute function public.again()"
        )
    with linked(source_url) as link:
        link.execute("insert into market.tomorrow (symbol, seen) values ('ES', '[1, null]')")
    assert copy(source_url, target_url).tables["market.tomorrow"] == 1
    assert_equal(source_url, target_url)


def test_rows_that_triggers_wrote_are_copied_and_not_written_again(
    source_url: str, database_url: str
) -> None:
    copy(source_url, database_url)
    with linked(database_url) as link:
        assert value(link, "select max(created_at) from market.ticks") == datetime(
            2024, 7, 5, 0, 0, 0, 30, tzinfo=UTC
        )
        assert value(link, "select array_agg(version) from reference.versions") == [1, 2, 1]
        assert value(link, "select version from reference.instruments where symbol = 'ES'") == 3


def test_triggers_and_sequences_go_on_where_the_source_was(
    source_url: str, database_url: str
) -> None:
    copy(source_url, database_url)
    with linked(database_url) as link:
        link.execute("update reference.instruments set margin = 1 where symbol = 'ES'")
        assert value(link, "select version from reference.instruments where symbol = 'ES'") == 4
        made = "insert into market.rejected_ticks (field, value, reason, ticks, entry_id, payload)"
        row = f"{made} values ('a', 'b', 'c', 1, '3-0', '') returning rejected_id"
        assert value(link, row) == 3
        batch = (
            "insert into market.ingest_batches (ordinals, received, inserted, duplicate, rejected)"
            " values ('{[160,161)}', 1, 1, 0, 0) returning batch_id"
        )
        assert value(link, batch) == 3


def test_a_database_that_is_not_there_is_made(source_url: str, make: Make) -> None:
    there = make(None)
    target_url = named(there, f"{urlsplit(there).path[1:]}_new")
    try:
        assert copy(source_url, target_url).is_whole
        assert_equal(source_url, target_url)
    finally:
        with linked(there) as link:
            link.execute(f"drop database {urlsplit(target_url).path[1:]} with (force)".encode())


def test_an_ordinary_owner_of_the_target_is_enough(source_url: str, make: Make) -> None:
    target_url = make(None)
    role, name = f"owner_{uuid.uuid4().hex[:8]}", urlsplit(target_url).path[1:]
    with linked(target_url) as link:
        link.execute(f"create role {role} login password 'x'".encode())
        link.execute(f"alter database {name} owner to {role}".encode())
    parts = urlsplit(target_url)
    owner_url = urlunsplit(parts._replace(netloc=f"{role}:x@{parts.hostname}:{parts.port}"))
    try:
        assert copy(source_url, owner_url).is_whole
        assert_equal(source_url, target_url)
    finally:
        with linked(named(target_url, "postgres")) as link:
            link.execute(f"drop database {name} with (force)".encode())
            link.execute(f"drop role {role}".encode())


def test_a_trade_date_of_more_than_a_statement_s_worth_is_copied_in_pieces(
    make: Make, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.flow.copy_database.ticks._SLICE_TICKS", 130)
    source_url = make("plain")
    with linked(source_url) as link:
        add_ticks(link, DATES[0])
    said: list[int] = []
    copy(
        source_url,
        database_url,
        lambda what, done, _: said.append(done) if "ticks" in what else None,
    )
    assert len(set(said)) > 10
    assert_equal(source_url, database_url)


def test_dst_weekends_and_the_hours_around_17_00_stay_in_their_trade_dates(
    make: Make, database_url: str
) -> None:
    source_url = make("plain")
    with linked(source_url) as link:
        for first in ("2024-03-08 18:00+00", "2024-11-01 18:00+00"):
            start = datetime.fromisoformat(first)
            span = {"first": start, "last": start + timedelta(hours=80)}
            add_ticks(link, DATES[0], count=3, **span)
    copy(source_url, database_url)
    assert_equal(source_url, database_url)


# Bars without ticks


def test_bars_are_carried_where_all_ticks_were_dropped(make: Make, database_url: str) -> None:
    source_url = make("plain")
    with linked(source_url) as link:
        for trade_date in DATES:
            add_ticks(link, trade_date)
            drop_ticks(link, trade_date)
    copied = copy(source_url, database_url)
    assert (copied.is_whole, copied.ticks) == (True, 0)
    assert copied.bars["1h"] == 3 * 24 * 2
    assert_equal(source_url, database_url)


def test_carried_bars_outlive_what_is_refreshed_beside_them(
    source_url: str, database_url: str
) -> None:
    copy(source_url, database_url)
    before = everything(database_url)["market.bars_1s"]
    with linked(database_url) as link:
        refresh.renew(link, span_of(DATES[0])["first"], span_of(DATES[0])["last"])
        assert list(refresh.rebuild(link, span_of(DROPPED)["first"], span_of(DATES[1])["last"]))
    assert everything(database_url)["market.bars_1s"] == before


def test_a_dropped_date_that_was_cut_is_carried_again(
    source_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise Unavailable("cut")

    with monkeypatch.context() as patched:
        patched.setattr("thor.flow.copy_database.bars.record", cut)
        with pytest.raises(Unavailable, match="cut"):
            copy(source_url, database_url)
    assert copy(source_url, database_url).is_whole
    assert_equal(source_url, database_url)


# Cut, and gone on with


def test_a_copy_that_was_cut_goes_on_where_it_was(source_url: str, database_url: str) -> None:
    def cut() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source_url, database_url, once(f"ticks of {DATES[2]}", cut))
    assert ticks_in(database_url) == 2 * 24 * 60
    copied = copy(source_url, database_url)
    assert (copied.is_whole, copied.ticks, copied.copied) == (True, 3 * 24 * 60, 24 * 60)
    assert_equal(source_url, database_url)


def test_a_copy_that_is_done_copies_nothing_again(source_url: str, database_url: str) -> None:
    copy(source_url, database_url)
    before = everything(database_url)
    copied = copy(source_url, database_url)
    assert (copied.is_whole, copied.copied, copied.passes) == (True, 0, 1)
    assert everything(database_url) == before


def test_a_killed_copy_leaves_whole_trade_dates_and_is_gone_on_with(
    source_url: str, database_url: str, tmp_path: Path
) -> None:
    with linked(database_url) as link, linked(database_url) as watching:
        # The copy waits where it writes down its third trade date, until it is killed there.
        with link.transaction(force_rollback=True):
            link.execute(
                "insert into ops.copied_parts (part, records) values (%s, 0)",
                [f"market.ticks/{DATES[2]}"],
            )
            process = start(tmp_path, source_url, "db", "copy", "--to", database_url)
            wait_for(
                lambda: (
                    value(
                        watching,
                        "select count(*) from pg_stat_activity where datname = current_database()"
                        " and application_name = 'thor copy' and wait_event_type = 'Lock'",
                    )
                    == 1
                ),
                "the copy at its third trade date",
            )
            process.kill()
            process.communicate(timeout=60)
            wait_for(
                lambda: (
                    value(
                        watching,
                        "select count(*) from pg_stat_activity where datname = current_database()"
                        " and application_name = 'thor copy' and wait_event_type is distinct from"
                        " 'Lock'",
                    )
                    == 0
                ),
                "the server to see that it is gone",
            )
            watching.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name = 'thor copy'"
            )
        wait_for(lambda: ticks_in(database_url) == 2 * 24 * 60, "two whole trade dates")
        wait_for(
            lambda: (
                value(watching, "select count(*) from pg_locks where locktype = 'advisory'") == 0
            ),
            "the lock of the killed copy to end",
        )
    assert copy(source_url, database_url).copied == 24 * 60
    assert_equal(source_url, database_url)


def test_ticks_that_come_meanwhile_are_copied_too(source_url: str, database_url: str) -> None:
    def arrive() -> None:
        with linked(source_url) as link:
            # Into an hour that is copied already, and of a new trade date.
            link.execute(
                TICKS.replace("k.seq, case", "k.seq + 1000, case").encode(),
                {**span_of(DATES[0]), "last": span_of(DATES[0])["first"], "count": 7},
            )
            add_ticks(link, date(2024, 7, 4), count=5)
            link.execute("update reference.instruments set margin = 2 where symbol = 'CL'")

    copied = copy(source_url, database_url, once(f"ticks of {DATES[2]}", arrive))
    assert copied.is_whole
    assert copied.passes == 3
    assert copied.copied == 3 * 24 * 60 + 14 + 24 * 10
    assert_equal(source_url, database_url)


@PLAIN
def test_while_ticks_keep_coming_the_copy_reports_that_it_is_not_whole(
    source_url: str, database_url: str
) -> None:
    reported: list[str] = []

    def arrive(said: str, _: int, __: int) -> None:
        if said == "bars without ticks":
            reported.append(said)
            with linked(source_url) as link:
                span = span_of(date(2024, 7, 4) + timedelta(days=len(reported)))
                add_ticks(link, DATES[0], count=1, **{**span, "last": span["first"]})

    copied = copy(source_url, database_url, arrive)
    assert not copied.is_whole
    assert copied.passes == PASSES_MAX
    assert copied.arriving == {"market.ticks": 2}
    assert copied.bars == {}
    again = copy(source_url, database_url)
    assert (again.is_whole, again.copied, again.arriving) == (True, 2, {})
    assert_equal(source_url, database_url)


@PLAIN
def test_while_a_job_writes_into_the_source_the_copy_is_not_whole(
    source_url: str, database_url: str
) -> None:
    with database.connect(source_url, "ingest-1"):
        copied = copy(source_url, database_url)
    assert (copied.is_whole, copied.writers, copied.bars) == (False, ["ingest-1"], {})
    with linked(database_url) as link:
        assert value(link, "select verified_at from ops.copies") is None
    assert copy(source_url, database_url).is_whole


@PLAIN
def test_the_account_holds_when_the_bus_goes_on_into_the_copy(
    make: Make, database_url: str, redis_url: str
) -> None:
    source_url = make("plain")
    bus = Bus(redis_url)
    try:
        bus.publish(many(40))
        take_in(redis_url, source_url)
        bus.publish(many(10, 40))
        assert copy(source_url, database_url).is_whole
        take_in(redis_url, database_url)
        state = bus.state()
    finally:
        bus.close()
    with linked(database_url) as link:
        values = {"base": state.base, "next": state.next}
        assert database.row(link, "accounting", values) == {
            "received": 50, "inserted": 50, "duplicate": 0, "rejected": 0, "lost": 0, "pending": 0
        }  # fmt: skip
    assert ticks_in(database_url) == 50


def test_a_copy_can_be_copied(source_url: str, database_url: str, make: Make) -> None:
    copy(source_url, database_url)
    target_url = make("plain")
    assert copy(database_url, target_url).is_whole
    assert_equal(source_url, target_url)


def test_ticks_of_this_very_minute_are_copied_with_their_bars(
    make: Make, database_url: str
) -> None:
    source_url = make("plain")
    with linked(source_url) as link:
        now = value(link, "select now()")
        # Ten hours to the full hour, and the minute that is not over.
        hour = now.replace(minute=0, second=0, microsecond=0)
        add_ticks(link, DATES[0], first=hour - timedelta(hours=10), last=hour)
        add_ticks(link, DATES[0], first=now, last=now)
    assert copy(source_url, database_url).is_whole
    assert_equal(source_url, database_url)


@pytest.mark.editions("timescale")
def test_late_ticks_go_into_a_copy_that_is_in_columns_already(
    source_url: str, database_url: str
) -> None:
    copy(source_url, database_url)
    in_columns = (
        "select count(*) from timescaledb_information.chunks as c where c.is_compressed"
        " and c.hypertable_name = 'ticks'"
    )
    with linked(database_url) as link:
        link.execute(
            "select compress_chunk(format('%I.%I', c.chunk_schema, c.chunk_name)::regclass)"
            " from timescaledb_information.chunks as c"
        )
        assert value(link, in_columns) == 4
    with linked(source_url) as link:
        link.execute(
            TICKS.replace("k.seq, case", "k.seq + 1000, case").encode(),
            {**span_of(DATES[1]), "count": 3},
        )
    copied = copy(source_url, database_url)
    assert (copied.is_whole, copied.copied) == (True, 3 * 24 * 2)
    assert_equal(source_url, database_url)


@pytest.mark.editions("timescale")
def test_policies_that_run_on_the_target_meanwhile_do_no_harm(
    source_url: str, database_url: str
) -> None:
    stopped = threading.Event()
    runs = 0

    def run_policies() -> None:
        nonlocal runs
        with linked(database_url) as link:
            jobs = link.execute(
                "select job_id from timescaledb_information.jobs where job_id >= 1000"
            ).fetchall()
            while not stopped.is_set():
                for (job,) in jobs:
                    # One that met the copy's own refresh is run again, as the vendor does.
                    with contextlib.suppress(psycopg.errors.LockNotAvailable):
                        link.execute(f"call run_job({job})".encode())
                    runs += 1
                stopped.wait(0.2)

    thread = threading.Thread(target=run_policies)
    thread.start()
    try:
        assert copy(source_url, database_url).is_whole
    finally:
        stopped.set()
        thread.join(timeout=60)
    assert runs > 0
    assert_equal(source_url, database_url)


# What is refused


def state(url: str) -> dict[str, list[str]] | None:
    """Everything in a database of Thor's; None in one that it may not read, or never made."""
    with linked(url) as link, contextlib.suppress(psycopg.errors.InsufficientPrivilege):
        if value(link, "select to_regclass('ops.edition') is not null"):
            return everything(url)
    return None


def refused(source_url: str, target_url: str, words: str) -> None:
    """Expect a refusal in such words, which leaves the target as it was."""
    before = state(target_url)
    with pytest.raises(Refused, match=words):
        copy(source_url, target_url)
    assert state(target_url) == before


@PLAIN
def test_a_database_is_not_copied_into_itself(source_url: str) -> None:
    name = urlsplit(source_url).path[1:]
    refused(source_url, source_url, f"database {name} is the one to be copied")
    other_way = source_url.replace("127.0.0.1", "localhost")
    refused(source_url, other_way, f"database {name} is the one to be copied")


@PLAIN
def test_another_application_s_database_is_left_alone(source_url: str, make: Make) -> None:
    target_url = make(None)
    with linked(target_url) as link:
        link.execute("create table orders (a integer)")
    refused(source_url, target_url, r"holds public\.orders, and Thor did not make them")
    with linked(target_url) as link:
        assert value(link, "select to_regclass('ops.edition')") is None


@PLAIN
def test_a_database_of_another_nature_is_left_alone(source_url: str, make: Make) -> None:
    target_url = make(None)
    schema.up(target_url, nature="live", requested="plain")
    refused(source_url, target_url, "was made for live data and the source for simulated")


@PLAIN
def test_a_live_database_is_copied_into_a_live_one(make: Make) -> None:
    source_url, target_url = make(None), make(None)
    schema.up(source_url, nature="live", requested="plain")
    assert copy(source_url, target_url).is_whole
    with linked(target_url) as link:
        assert value(link, "select nature from ops.edition") == "live"


@PLAIN
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "insert into market.ticks (ts, symbol, seq, source, is_trade, is_sampled, received_at)"
            " values ('2024-07-01', 'ES', 1, 'SIM', false, false, '2024-07-01')",
            r"market\.ticks of database .* holds 1 ticks of 2024-07-01, of which this copy wrote 0",
        ),
        (
            "update reference.instruments set margin = 1 where symbol = 'ES'",
            r"reference\.instruments of database .* holds 1 rows that this copy did not write",
        ),
        (
            "delete from reference.sources where source = 'EXCEL'",
            r"reference\.versions of database .* holds 1 rows",
        ),
        (
            "insert into reference.series (symbol, root, kind) values ('ESZ29', 'ES', 'month')",
            r"reference\.series of database .* holds 1 rows",
        ),
        (
            "insert into market.ingest_batches (ordinals, received, inserted, duplicate, rejected)"
            " values ('{[1,2)}', 1, 1, 0, 0)",
            r"market\.ingest_batches of database .* holds 1 rows",
        ),
    ],
)
def test_a_database_that_holds_something_else_is_left_alone(
    source_url: str, database_url: str, change: str, words: str
) -> None:
    with linked(database_url) as link:
        link.execute(change.encode())
    refused(source_url, database_url, words)


@PLAIN
def test_sessions_that_were_only_computed_are_no_obstacle(
    source_url: str, database_url: str
) -> None:
    with linked(database_url) as link:
        link.execute(
            "insert into reference.sessions (calendar, trade_date, session_number, open_at,"
            " close_at) values ('ICE', '2024-07-01', 1, '2024-07-01', '2024-07-02')"
        )
    assert copy(source_url, database_url).is_whole
    assert_equal(source_url, database_url)


@PLAIN
def test_a_copy_of_another_database_is_left_alone(
    source_url: str, make: Make, database_url: str
) -> None:
    copy(make("plain"), database_url)
    refused(source_url, database_url, "was filled by a copy of thor_test_.*, another database")


@PLAIN
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("delete from market.ticks where seq = 1", r"1392 ticks of 2024-07-01, .* wrote 1440"),
        (
            "update reference.instruments set margin = 3 where symbol = 'CL'",
            r"reference\.instruments of database .* holds other values than this copy wrote",
        ),
        (
            "delete from market.gaps",
            r"market\.gaps of database .* holds 0 rows, not the 1 that this copy wrote",
        ),
    ],
)
def test_a_copy_that_was_used_since_is_left_alone(
    source_url: str, database_url: str, change: str, words: str
) -> None:
    copy(source_url, database_url)
    with linked(database_url) as link:
        link.execute(change.encode())
    refused(source_url, database_url, words)


@PLAIN
def test_ticks_that_the_source_lost_since_are_not_overlooked(
    source_url: str, database_url: str
) -> None:
    copy(source_url, database_url)
    with linked(source_url) as link:
        link.execute("delete from market.ticks where trade_date = '2024-07-02' and seq > 28")
    with pytest.raises(Refused, match=r"has 1344 ticks of 2024-07-02 left, and 1440 were copied"):
        copy(source_url, database_url)


@PLAIN
def test_a_database_that_was_never_migrated_has_nothing_to_copy(
    make: Make, database_url: str
) -> None:
    with pytest.raises(NotFound, match="run `thor db up`"):
        copy(make(None), database_url)


@PLAIN
def test_another_table_in_thors_schemas_is_named_not_lost(
    source_url: str, database_url: str
) -> None:
    with linked(source_url) as link:
        link.execute("create table market.mine (a integer)")
    refused(source_url, database_url, r"^market\.mine of the source are other tables")


@PLAIN
def test_a_user_without_the_right_is_refused_with_a_reason(
    source_url: str, database_url: str
) -> None:
    role = f"guest_{uuid.uuid4().hex[:8]}"
    parts = urlsplit(database_url)
    guest_url = urlunsplit(parts._replace(netloc=f"{role}:x@{parts.hostname}:{parts.port}"))
    with linked(database_url) as link:
        link.execute(f"create role {role} login password 'x'".encode())
        try:
            refused(source_url, guest_url, "permission denied .*: name the owner")
        finally:
            link.execute(f"drop role {role}".encode())


@PLAIN
def test_rows_written_meanwhile_are_not_mixed_in(source_url: str, database_url: str) -> None:
    def write() -> None:
        with linked(database_url) as link:
            add_ticks(link, DATES[2], count=1)

    with pytest.raises(Refused, match="somebody else writes into database"):
        copy(source_url, database_url, once("looking for ticks", write))


@PLAIN
def test_two_copies_into_one_database_do_not_mix(source_url: str, database_url: str) -> None:
    def again() -> None:
        refused(source_url, database_url, "another copy into database .* is under way")

    assert copy(source_url, database_url, once("looking for ticks", again)).is_whole


# What differs


def test_a_tick_that_is_not_the_source_s_is_named_and_its_trade_date_not_written(
    source_url: str, database_url: str
) -> None:
    with linked(database_url) as link:
        link.execute(
            "create function public.spoil() returns trigger language plpgsql as $$ begin"
            " if new.seq = 7 and new.symbol = 'ES'"
            " and date_trunc('hour', new.ts at time zone 'UTC') = '2024-07-02 03:00'"
            " then new.last := new.last + 0.00000001; end if; return new; end $$"
        )
        link.execute(
            "create trigger spoil before insert on market.ticks for each row"
            " execute function public.spoil()"
        )
    words = r"market\.ticks of 2024-07-02, hour 2024-07-02 03:00 UTC, differ: 60 rows .*, 60 with"
    with pytest.raises(Broken, match=words):
        copy(source_url, database_url)
    with linked(database_url) as link:
        found = link.execute("select distinct trade_date from market.ticks").fetchall()
    assert found == [(DATES[0],)]


@PLAIN
def test_prices_that_changed_places_are_not_equal(source_url: str, database_url: str) -> None:
    copy(source_url, database_url)
    with linked(database_url) as link:
        # Same rows, same sums of every column.
        link.execute(
            "with two as (select ctid, tableoid, bid, seq from market.ticks"
            " where symbol = 'ES' and trade_date = '2024-07-02' and seq in (1, 2)"
            " order by ts limit 2) "
            "update market.ticks as t set bid = case t.seq when 1 then 1 else 2 end"
            " from two where t.ctid = two.ctid and t.tableoid = two.tableoid"
        )
    with linked(source_url) as link:
        link.execute(
            "with two as (select ctid, bid, seq from market.ticks"
            " where symbol = 'ES' and trade_date = '2024-07-02' and seq in (1, 2)"
            " order by ts limit 2) "
            "update market.ticks as t set bid = case t.seq when 1 then 2 else 1 end"
            " from two where t.ctid = two.ctid"
        )
    with linked(source_url) as source, linked(database_url) as target:
        table = next(
            table
            for table in tables.found(source, set(LEFT_OUT) - {"market.ticks"})
            if table.name == "market.ticks"
        )
        here, there = tables.measured(source, table), tables.measured(target, table)
    assert here.records == there.records
    assert here.checksum != there.checksum


def test_bars_that_are_not_those_of_the_ticks_are_named(source_url: str, database_url: str) -> None:
    with linked(source_url) as link:
        link.execute(
            "update market._bars_5m set high = high + 1 where symbol = 'ES'"
            " and bar_start = '2024-07-02 14:00+00'"
        )
    with pytest.raises(Broken, match=r"market\.bars_5m of 2024-07-02 differ: 48 bars .*, 48 with"):
        copy(source_url, database_url)
    with linked(database_url) as link:
        assert value(link, "select verified_at from ops.copies") is None


# The command


def start(folder: Path, url: str, *words: str) -> "subprocess.Popen[str]":
    own = {name: item for name, item in os.environ.items() if not name.startswith("THOR_")}
    env = {
        **own,
        "THOR_HOME": str(folder / "home"),
        "THOR_DATABASE_URL": url,
        "THOR_REDIS_URL": "redis://127.0.0.1:1/0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "COLUMNS": "200",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "thor", *words],
        cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(folder: Path, url: str, *words: str) -> tuple[int, str, str]:
    process = start(folder, url, *words)
    out, err = process.communicate(timeout=120)
    password = urlsplit(url).password
    assert password is None or password not in out + err
    return process.returncode, out, err


@PLAIN
def test_the_command_copies_and_prints_the_settings_to_change_next(
    source_url: str, database_url: str, tmp_path: Path
) -> None:
    code, out, err = run(tmp_path, source_url, "db", "copy", "--to", database_url)
    assert code == 0, err
    assert out.startswith("4,320 ticks of 3 trade dates, 4,320 of them copied now")
    last = err.strip().splitlines()[-1]
    assert "THOR_DATABASE_URL" in last
    assert urlsplit(database_url).path[1:] in last
    assert_equal(source_url, database_url)


def test_the_command_has_json_and_exit_codes_for_scripts(
    source_url: str, database_url: str, tmp_path: Path
) -> None:
    with database.connect(source_url, "ingest-1"):
        code, out, err = run(tmp_path, source_url, "db", "copy", "--json", "--to", database_url)
    assert code == UNAVAILABLE
    assert "ingest-1" in err.splitlines()[-1]
    assert json.loads(out)["is_whole"] is False
    code, out, err = run(tmp_path, source_url, "db", "copy", "--json", "--to", database_url)
    assert code == 0, err
    found = json.loads(out)
    assert (found["is_whole"], found["ticks"], found["copied"]) == (True, 4320, 0)
    assert found["tables"]["reference.versions"] == 3


def test_the_command_refuses_in_one_line(source_url: str, tmp_path: Path) -> None:
    code, _, err = run(tmp_path, source_url, "db", "copy", "--to", source_url)
    assert code == REFUSED
    assert err.strip().splitlines()[-1].startswith("thor: --to: database ")
