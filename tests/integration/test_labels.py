"""Labels: worked by hand, equal in both engines, blind to what comes after their end."""

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import (
    REFERENCE,
    altered,
    engine,
    into_duckdb,
    made_bars,
    made_ticks,
    put_bars,
    put_sessions,
    put_ticks,
)

from thor.lake.query import sql

Link = psycopg.Connection[Any]
Lake = duckdb.DuckDBPyConnection

HORIZONS = ("1m", "5m", "15m", "60m", "close")
# Tuesday: a session of 23 hours, from Monday 23:00 to Tuesday 22:00 UTC.
OPEN, CLOSE = datetime(2024, 2, 5, 23, tzinfo=UTC), datetime(2024, 2, 6, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# ES: a tick of 0.25, 50 dollars a point, 2.50 a side: 0.1 points a round trip.
FEES, TICK = 0.1, 0.25
ROLLED, GAP = OPEN + timedelta(hours=2), OPEN + timedelta(hours=3)
HALTED = OPEN + timedelta(hours=4)
_MARKET = "symbol, source, trade_date, gap_start, gap_end, filled_by"


def close_of(number: int) -> float:
    """Return the close of the walk's minute of a number: up two points in each, one back."""
    return 5000 + (number % 7) - 2 * (number % 3)


def walk() -> Iterator[tuple[Any, ...]]:
    """Yield a session of ES in minutes, without twenty of them after HALTED."""
    before = close_of(0)
    for number in range(23 * 60):
        at, close = OPEN + number * MINUTE, close_of(number)
        if not HALTED <= at < HALTED + 20 * MINUTE:
            prices = (before, max(before, close), min(before, close), close)
            yield ("ES", "1m", at, *(Decimal(str(price)) for price in prices), 10)
        before = close


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database with the walk, a roll and a gap in it, and bars and ticks of others later."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_sessions(found, ("CME_EQUITY", "CME_METALS"))
        put_bars(found, walk())
        for symbol in ("ES", "NQ", "GC"):
            put_bars(found, made_bars(5, symbol, "1m", 2500))
            put_bars(found, made_bars(5, symbol, "5m", 900))
        put_ticks(found, made_ticks(5, "NQ", 4600))
        found.execute(
            "insert into reference.series (symbol, root, kind) values ('ESM24', 'ES', 'month')"
        )
        found.execute(
            "insert into reference.rolls (root, rule, rolled_at, to_contract)"
            " values ('ES', 'made', %s, 'ESM24')",
            (ROLLED,),
        )
        # A gap, one that was filled, and one within a minute.
        for start, length, by in (
            (GAP, 120, None),
            (GAP + 20 * MINUTE, 120, "SIM"),
            (CLOSE, 30, None),
        ):
            at = start if start < CLOSE else OPEN + timedelta(minutes=30)
            found.execute(
                "insert into market.gaps (symbol, source, trade_date, gap_start, gap_end, cause,"
                " filled_by) values ('ES', 'EXCEL', '2024-02-06', %s, %s, 'symbol silent', %s)",
                (at, at + timedelta(seconds=length), by),
            )
        yield found


@pytest.fixture(scope="module")
def lake(link: Link) -> Iterator[Lake]:
    """A DuckDB with the same rows and the same SQL."""
    with engine(link) as found:
        with_labels(link, found)
        yield found


def with_labels(link: Link, lake: Lake) -> None:
    """Bring what labels read beside bars, and make them."""
    names = "symbol, calendar, tick_size, quote_increment, multiplier"
    for table, query in {
        "market.gaps": f"select {_MARKET} from market.gaps",
        "reference.rolls": "select root, rule, rolled_at from reference.rolls",
        "reference.series": "select symbol, root, kind from reference.series",
        "reference.instruments": f"select {names} from reference.instruments",
    }.items():
        into_duckdb(link, lake, query, table)
    for statement in sql.labels():
        lake.execute(statement)


@pytest.fixture(scope="module")
def labels(link: Link) -> dict[tuple[int, str], dict[str, Any]]:
    """The labels of the walk by the minute's number and the horizon."""
    cursor = link.cursor(row_factory=psycopg.rows.dict_row)
    cursor.execute("select * from feat.labels('1m', array['ES'], %s, %s)", (OPEN, CLOSE))
    return {((row["bar_start"] - OPEN) // MINUTE, row["horizon"]): row for row in cursor}


def test_every_bar_has_a_row_of_each_horizon(labels: dict[tuple[int, str], Any]) -> None:
    numbers = {number for number, _ in labels}
    assert len(numbers) == 23 * 60 - 20
    assert labels.keys() == {(number, horizon) for number in numbers for horizon in HORIZONS}


@pytest.mark.parametrize(("horizon", "minutes"), [("1m", 1), ("5m", 5), ("15m", 15), ("60m", 60)])
def test_a_label_is_what_a_trade_would_have_made(
    labels: dict[tuple[int, str], Any], horizon: str, minutes: int
) -> None:
    for number in (600, 601, 602, 603, 604):
        row, now = labels[number, horizon], close_of(number)
        then = close_of(number + minutes)
        # No quotes: half a tick on either side of each close, one tick a round trip.
        edge = abs(then - now) - TICK
        assert row["direction"] == (math.copysign(1, then - now) if edge > FEES else 0)
        assert row["magnitude_ticks"] == pytest.approx((then - now) / TICK)
        assert row["magnitude"] == pytest.approx(math.log(then / now))
        assert row["cost_ticks"] == pytest.approx(1 + FEES / TICK)
        path = [close_of(n) for n in range(number, number + minutes + 1)]
        squares = sum(math.log(b / a) ** 2 for a, b in itertools.pairwise(path))
        assert row["volatility"] == pytest.approx(math.sqrt(squares), rel=1e-9)
        hour = [close_of(n) for n in range(number - 60, number + 1)]
        # The return that leads into the first bar of the 60 minutes began before them.
        realised = math.sqrt(sum(math.log(b / a) ** 2 for a, b in itertools.pairwise(hour)))
        scaled = math.log(then / now) / (realised * math.sqrt(minutes / 60))
        assert row["magnitude_scaled"] == pytest.approx(scaled, rel=0.02)
        assert row["has_quotes"] is False
        end = OPEN + (number + minutes + 1) * MINUTE + timedelta(seconds=1)
        assert row["label_end"] == end
        assert row["known_at"] == end - minutes * MINUTE


def test_the_label_of_the_close_ends_with_the_session(
    labels: dict[tuple[int, str], Any],
) -> None:
    row, last = labels[1300, "close"], 23 * 60 - 1
    assert row["label_end"] == CLOSE + timedelta(seconds=1)
    assert row["magnitude_ticks"] == pytest.approx((close_of(last) - close_of(1300)) / TICK)
    path = [close_of(n) for n in range(1300, last + 1)]
    squares = sum(math.log(b / a) ** 2 for a, b in itertools.pairwise(path))
    assert row["volatility"] == pytest.approx(math.sqrt(squares), rel=1e-9)
    assert row["barrier"] is None


def test_no_label_crosses_the_close_a_roll_a_gap_or_a_halt(
    labels: dict[tuple[int, str], Any],
) -> None:
    have = {key for key, row in labels.items() if row["label_end"] is not None}
    last = 23 * 60 - 1
    for number in range(23 * 60):
        if (number, "15m") not in labels:
            continue
        end = number + 15
        crosses = (
            end > last
            # The minutes that begin at the roll, within the gap, and after the halt.
            or any(number < at <= end for at in (120, 180, 181, 260))
            # A bar that would end it is missing.
            or 240 <= end < 260
        )
        assert ((number, "15m") in have) is not crosses, number
    blank = [row for key, row in labels.items() if key not in have]
    for name in ("direction", "magnitude", "magnitude_ticks", "volatility", "barrier"):
        assert {row[name] for row in blank} == {None}


def test_a_barrier_is_the_one_reached_first(labels: dict[tuple[int, str], Any]) -> None:
    # The walk's true ranges are 1 to 6 points, so two ATR are out of its reach of 10 points.
    assert {labels[number, "60m"]["barrier"] for number in range(700, 720)} <= {0, 1, -1, None}
    row = labels[700, "60m"]
    assert row["barrier_end"] <= row["label_end"]


@pytest.mark.parametrize("width", ["1m", "5m"])
def test_both_engines_give_the_same_labels(link: Link, lake: Lake, width: str) -> None:
    walks = ("2024-03-06 09:30Z", "2024-03-06 18:10Z")
    for first, last in [walks, (OPEN, CLOSE)] if width == "1m" else [walks]:
        asked = f"feat.labels('{width}', null, '{first}', '{last}')"
        into_duckdb(link, lake, f"select * from {asked}", "theirs")
        lake.execute(f"create or replace table ours as select * from {asked}")
        assert lake.execute("select count(*) from theirs").fetchone() != (0,)
        numbers = ["magnitude", "magnitude_ticks", "magnitude_scaled", "volatility", "cost_ticks"]
        exact = ["known_at", "label_end", "has_quotes", "direction", "barrier", "barrier_end"]
        wrong = [f"a.{name} is distinct from b.{name}" for name in exact] + [
            f"(a.{n} is null) <> (b.{n} is null) or abs(a.{n} - b.{n}) > 1e-9 * greatest(1, a.{n})"
            for n in numbers
        ]
        found = lake.execute(
            "select * from theirs as a full join ours as b using (symbol, bar_start, horizon) "
            f"where {' or '.join(wrong)} limit 3"
        ).fetchall()
        assert found == []


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_no_label_that_has_ended_moves_with_later_bars(link: Link, lake: Lake, how: str) -> None:
    cut = "2024-03-06 13:05:00Z"
    asked = "feat.labels('1m', null, '2024-03-06 03:00Z', '2024-03-06 18:00Z')"
    before = f"select * from {asked} where label_end <= timestamptz '{cut}' + interval '1 second'"
    names = " order by symbol, bar_start, horizon"
    with altered(lake, f"bar_start >= timestamptz '{cut}'", how) as other:
        with_labels(link, other)
        # Of a bar that is not there there is no row.
        found = other.execute(before + names).fetchall()
    assert len(found) > 2000
    # The last digit of a sum is as DuckDB's threads happened to add it.
    same = lake.execute(before + names).fetchall()
    for row, of_all in zip(found, same, strict=True):
        for moved, value in zip(row, of_all, strict=True):
            is_near = isinstance(value, float) and moved is not None
            assert moved == (pytest.approx(value, rel=1e-12, abs=0) if is_near else value)


def test_what_is_no_range_is_refused(link: Link) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="width: 2m: take 1m, 5m or 1h"):
        link.execute("select * from feat.labels('2m', null, null, null)").fetchall()
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="is after to"):
        link.execute(
            "select * from feat.labels('1m', null, '2024-02-07Z', '2024-02-06Z')"
        ).fetchall()


def test_the_lake_has_the_tables_that_labels_read() -> None:
    assert {"market.gaps", *(f"reference.{name}" for name in REFERENCE)} <= sql.tables().keys()
