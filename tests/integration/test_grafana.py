"""Every panel's SQL, filled as Grafana fills it, run as thor_grafana against a filled schema."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from macros import UnknownError, filled
from roles_made import as_role
from trades_made import place, trade

from thor.learning import feature_store

pytestmark = pytest.mark.editions("plain", "timescale")

ROOT = Path(__file__).parents[2]
Rows = list[dict[str, Any]]
# Monday 4 March 2024, two hours of the afternoon in Chicago's session.
FROM, TO = datetime(2024, 3, 4, 15, tzinfo=UTC), datetime(2024, 3, 4, 17, tzinfo=UTC)
# ES rises by a point a minute, one contract bought every ten seconds; the last tick of a minute
# is 50 s into it.
FILL = """
insert into market.ticks (
    ts, symbol, seq, source, last, bid, ask, last_size, bid_size, ask_size, side, volume,
    volume_delta, is_trade, is_sampled, received_at, created_at
)
select
    t.ts, s.symbol, 2 * n.n + s.nth, 'SIM', 5000 + n.n / 6, 4999.75 + n.n / 6, 5000.25 + n.n / 6,
    1, 5, 6, 'B', n.n, 1, true, false, t.ts + interval '20 ms', t.ts + interval '120 ms'
from generate_series(0, 719) as n (n)
cross join lateral (select %(ts)s::timestamptz + n.n * interval '10 s' as ts) as t
cross join (values ('ES', 0), ('NQ', 1)) as s (symbol, nth);
"""
MORE = """
insert into market.last_values
select v.* from (values ('ES'), ('NQ')) as s (symbol)
cross join lateral market.last_values_of(s.symbol, '2024-03-04') as v;
insert into market.ingest_batches (ordinals, received, inserted, duplicate, rejected, committed_at)
values ('{[1,101)}', 100, 97, 2, 1, '2024-03-04 15:30Z');
insert into market.rejected_ticks (
    rejected_at, symbol, source, field, value, reason, ticks, entry_id, payload
)
values ('2024-03-04 15:30Z', 'ES', 'SIM', 'last', '0', 'last: 0 is no price', 1, '1-1', '{}');
insert into market.gaps (symbol, source, trade_date, gap_start, gap_end, cause)
values ('ES', 'SIM', '2024-03-04', '2024-03-04 16:00Z', '2024-03-04 16:01Z', 'symbol silent');
insert into market.source_clocks (source, ts) values ('SIM', '2024-03-04 17:01Z');
insert into store.features_to_refresh (width, ts_from, ts_to, reason)
values ('1m', '2024-03-04 15:00Z', '2024-03-04 17:00Z', 'asked');
insert into market.dropped_ranges (trade_date, ts_from, ts_to, ticks, evidence)
values ('2023-03-06', '2023-03-05 23:00Z', '2023-03-06 23:00Z', 9, 'verified');
insert into ops.job_runs (job, due_at, status, attempt, started_at, ended_at, error)
values ('export_trade_date', '2024-03-04 15:10Z', 'succeeded', 1, '2024-03-04 15:10:02Z',
    '2024-03-04 15:10:09Z', null),
('export_trade_date', '2024-03-04 16:10Z', 'failed', 1, '2024-03-04 16:10:02Z',
    '2024-03-04 16:10:03Z', 'The lake lacks 2024-03-01');
"""
# A champion that predicted a rise at two bars, was right once, and refused a third.
MODELS = """
insert into store.feature_sets (name, version, hash, names, width, look_back)
values ('base', 1, repeat('a', 64), '{rsi_14}', '1m', '1 hour');
insert into store.feature_rows (set_hash, symbol, bar_start, changed_at, values)
values (repeat('a', 64), 'ES', '2024-03-04 15:30Z', '2024-03-04 15:31:02Z', '{51}');
insert into model.runs (
    target, horizon, symbols, state, set_name, set_version, set_hash, span_from, span_to, seed,
    threads, code_version, libraries, parameters, ended_at
)
values ('direction', '1m', '{ES}', 'done', 'base', 1, repeat('a', 64), '2024-02-01Z',
    '2024-03-01Z', 1, 1, '0.1', '{}', '{}', now());
insert into model.artifacts (sha256, content) values (repeat('b', 64), 'x');
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to, libraries,
    artifact_sha256
)
select r.run_id, 'boosting', r.target, r.horizon, r.symbols, r.set_hash, r.span_from, r.span_to,
    '{}', repeat('b', 64)
from model.runs as r;
insert into model.aliases (target, horizon, symbols, alias, version_id, reason)
select v.target, v.horizon, v.symbols, 'champion', v.id, 'skill' from model.versions as v;
insert into model.profiles
select v.id, 'rsi_14', 1, true, 100, 0, 20, 80, '{30,35,40,45,50,55,60,65,70}',
    array_fill(0.1, array[10]), 0.05
from model.versions as v;
insert into model.predictions (
    model_id, symbol, bar_start, known_at, kind, row_version, value, probability, confidence,
    refused, latency_ms
)
select v.id, 'ES', p.bar_start, p.bar_start + interval '61 s', 'live', 1, p.value,
    p.value * 0.6, p.value * 0.6, case when p.value is null then 'stale: no trade' end, 250
from model.versions as v
cross join (values
    ('2024-03-04 15:30Z'::timestamptz, 1), ('2024-03-04 15:31Z', 1), ('2024-03-04 15:32Z', null)
) as p (bar_start, value);
insert into feedback.outcomes (prediction_id, label_end, actual, is_hit, loss)
select p.prediction_id, p.known_at + interval '1 min', case when is_right then 1 else -1 end,
    is_right, 0.5
from model.predictions as p
cross join lateral (select p.bar_start = '2024-03-04 15:30Z' as is_right) as o
where p.value is not null;
insert into model.demotions (
    target, horizon, symbols, model_id, cause, feature, measured, threshold, reason
)
select v.target, v.horizon, v.symbols, v.id, 'drift', 'rsi_14', 0.5, 0.25, 'drift of rsi_14'
from model.versions as v;
insert into feedback.parity (trade_date, set_hash, symbol, rows, equal, different, missing)
values ('2024-03-04', repeat('a', 64), 'ES', 3, 3, 0, 0);
"""
LATE = """
insert into market.bars_to_refresh (ts_from, ts_to)
values ('2024-02-01 15:00Z', '2024-02-01 16:00Z');
insert into store.features_to_refresh (width, symbol, ts_from, ts_to, reason)
values ('1m', 'ES', '2024-02-01 15:00Z', '2024-02-01 16:00Z', 'late');
"""
# They need what a test of a minute has not: late ticks, chunks in columns.
MAY_BE_EMPTY = {"Late ticks a minute", "Slow statements", "Chunks and partitions"}


def trades(link: psycopg.Connection[Any]) -> None:
    """Buy two and sell one, leave an order working, and have one refused."""
    at = FROM + timedelta(minutes=5)
    trade(link, "BUY", 2, "5005.00", at=at)
    trade(link, "SELL", 1, "5006.50", at=at + timedelta(minutes=1))
    place(link, "SELL", 1, type="LIMIT", limit_price=5200, placed_at=at)
    link.execute(
        "insert into trade.verdicts (at, account_id, symbol, side, quantity, is_allowed, rule,"
        " reason) values (%s, 'PAPER', 'ES', 'BUY', 99, false, 'max_contracts', 'too many')",
        (at,),
    )


def dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each dashboard with its name."""
    for file in sorted((ROOT / "ops" / "grafana" / "dashboards").glob("*.json")):
        yield file.stem, json.loads(file.read_text())


PANELS = [(name, panel["title"]) for name, one in dashboards() for panel in one["panels"]]


@pytest.fixture(scope="module")
def url(kept_url: str) -> str:
    """A database with two hours of ES and NQ and some of all else, for Grafana."""
    with psycopg.connect(kept_url, autocommit=True) as connection:
        connection.execute(FILL.encode(), {"ts": FROM})
        connection.execute(MORE.encode())
        connection.execute(MODELS.encode())
        while feature_store.catch_up(connection).ranges:
            pass
        connection.execute(LATE.encode())
        trades(connection)
        connection.execute("analyse")
    return as_role(kept_url, "grafana")


def asked(url: str, name: str, title: str, start: datetime = FROM, end: datetime = TO) -> Rows:
    """Run a panel's SQL with its dashboard's first values of the variables."""
    dashboard = dict(dashboards())[name]
    variables = {one["name"]: one["current"]["value"] for one in dashboard["templating"]["list"]}
    (panel,) = (one for one in dashboard["panels"] if one["title"] == title)
    sql = filled(panel["targets"][0]["rawSql"], start, end, variables)
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(sql.encode()).fetchall()


@pytest.mark.parametrize(("name", "title"), PANELS)
def test_a_panel_gives_rows_and_over_an_empty_range_no_error(
    url: str, name: str, title: str
) -> None:
    rows = asked(url, name, title)
    assert rows or title in MAY_BE_EMPTY
    asked(url, name, title, FROM - timedelta(days=3650), TO - timedelta(days=3650))


def test_an_empty_range_draws_nothing(url: str) -> None:
    for name, title in PANELS:
        (panel,) = (one for one in dict(dashboards())[name]["panels"] if one["title"] == title)
        if panel["type"] == "timeseries" and title != "TOTAL":
            before = FROM - timedelta(days=3650)
            assert asked(url, name, title, before, before + timedelta(hours=1)) == [], title


def test_the_candles_spread_and_vwap_are_the_ticks(url: str) -> None:
    candles = asked(url, "market", "$symbol, $width bars")
    assert len(candles) == 120
    # The sixth minute: n = 30 … 35, all at 5005.
    prices = dict.fromkeys(("open", "high", "low", "close"), 5005)
    assert candles[5] == {"time": FROM + timedelta(minutes=5), **prices, "volume": 6}
    spread = asked(url, "market", "Spread")
    assert {row["mean spread"] for row in spread} == {0.5}
    day = asked(url, "market", "Close and the day's VWAP")
    # Minutes at 5000, 5001, 5002 with six contracts each.
    assert day[2]["VWAP of what is shown"] == pytest.approx(5001)
    (board,) = (row for row in asked(url, "market", "Board") if row["symbol"] == "ES")
    assert (board["last"], board["bid"], board["ask"]) == (5119, 5118.75, 5119.25)


def test_lag_jobs_and_counts_are_what_was_written(url: str) -> None:
    lag = asked(url, "pipeline", "Lag, $symbol")
    assert {round(row["collector to database"]) for row in lag} == {100}
    assert {round(row["market to collector"]) for row in lag} == {20}
    (batch,) = asked(url, "pipeline", "Ticks taken in")
    assert (batch["inserted"], batch["duplicate"], batch["refused"]) == (97, 2, 1)
    took = asked(url, "jobs", "How long they took")
    assert [row["value"] for row in took] == [7, 1]
    (failed,) = asked(url, "jobs", "Runs that did not succeed")
    assert failed["error"] == "The lake lacks 2024-03-01"


def test_the_account_and_its_positions_are_those_of_the_ranges_end(url: str) -> None:
    (account,) = asked(url, "trading", "Account")
    # 1.50 x 50 realised less 3 x 2.50; ES ends at 5119: 114 x 50 open.
    assert (account["cash"], account["unrealised"]) == (100_067.5, 5700)
    (position,) = asked(url, "trading", "Positions")
    assert (position["quantity"], position["mark"], position["pnl_day"]) == (1, 5119, 5767.5)
    before = asked(url, "trading", "Account", FROM - timedelta(days=1), FROM)
    assert before[0]["cash"] == 100_000


def test_any_feature_is_drawn_by_its_name(url: str) -> None:
    drawn = asked(url, "features", "$feature")
    assert {row["metric"] for row in drawn} == {"ES rsi_14"}
    # It only rises.
    assert {row["value"] for row in drawn if row["value"] is not None} == {100}


def test_the_variables_of_the_dashboards_have_values_and_their_first_is_one(url: str) -> None:
    for name, dashboard in dashboards():
        variables = {
            one["name"]: one["current"]["value"] for one in dashboard["templating"]["list"]
        }
        for one in dashboard["templating"]["list"]:
            if one["type"] == "query":
                with psycopg.connect(url) as connection:
                    text = filled(one["query"], FROM, TO, variables).encode()
                    values = {value for (value,) in connection.execute(text).fetchall()}
                first = one["current"]["value"]
                assert set(first if isinstance(first, list) else [first]) <= values, name


def test_the_ready_queries_of_the_document_run(url: str) -> None:
    text = (ROOT / "docs" / "grafana.md").read_text()
    queries = re.findall(r"^```sql\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(queries) >= 6
    for query in queries:
        with psycopg.connect(url) as connection:
            connection.execute(filled(query, FROM, TO, {"symbol": "ES"}).encode())


def test_sizes_include_parts_and_each_part_is_of_a_size(url: str) -> None:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select s.total_bytes, s.parts, sum(p.total_bytes), count(*) from ops.sizes as s "
            "join ops.parts as p using (relation) group by 1, 2"
        ).fetchall()
    assert rows
    for total, parts, of_parts, counted in rows:
        assert total >= of_parts > 0
        assert parts == counted


def test_a_macro_and_a_variable_that_grafana_lacks_are_named() -> None:
    with pytest.raises(UnknownError, match="__timeNever"):
        filled("select $__timeNever(ts)", FROM, TO, {})
    with pytest.raises(UnknownError, match="colour"):
        filled("select '$colour'", FROM, TO, {})
    assert filled("a in ($s)", FROM, TO, {"s": ["x", "o'y"]}) == "a in ('x','o''y')"
