"""market.ticks: what it refuses, and market.ticks_between: how it is read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.errors import (
    CheckViolation,
    GeneratedAlways,
    NotNullViolation,
    NumericValueOutOfRange,
    UniqueViolation,
)

pytestmark = pytest.mark.editions("plain", "timescale")

Connection = psycopg.Connection[Any]

TS = datetime(2024, 1, 3, 15, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _tick(connection: Connection, **values: object) -> None:
    row = {
        "ts": TS,
        "symbol": "ES",
        "seq": 1,
        "source": "SIM",
        "is_trade": False,
        "is_sampled": False,
        "received_at": TS,
        **values,
    }
    names = ", ".join(row)
    marks = ", ".join(f"%({name})s" for name in row)
    connection.execute(f"insert into market.ticks ({names}) values ({marks})".encode(), row)


@pytest.mark.parametrize("field", ["last", "bid", "ask"])
def test_a_price_that_is_no_number_is_refused(undone: Connection, field: str) -> None:
    with pytest.raises(CheckViolation, match="ticks_values_are_sane"):
        _tick(undone, **{field: Decimal("NaN")})


@pytest.mark.parametrize("field", ["last", "bid", "ask"])
@pytest.mark.parametrize("price", ["Infinity", "-Infinity", "10000000000"])
def test_a_price_beyond_all_bounds_is_refused(undone: Connection, field: str, price: str) -> None:
    with pytest.raises(NumericValueOutOfRange):
        _tick(undone, **{field: Decimal(price)})


def test_values_that_the_record_lacks_stay_null(undone: Connection) -> None:
    _tick(undone)
    row = undone.execute(
        "select num_nulls(contract, last, bid, ask, last_size, bid_size, ask_size, side, volume, "
        "volume_delta) from ticks"
    ).fetchone()
    assert row == (10,)


def test_a_negative_price_and_a_size_of_zero_are_kept_exactly(undone: Connection) -> None:
    _tick(undone, last=Decimal("-37.63"), bid=Decimal("0.00000001"), last_size=0)
    row = undone.execute("select last, bid, last_size from ticks").fetchone()
    assert row == (Decimal("-37.63"), Decimal("0.00000001"), 0)


def test_a_last_outside_bid_and_ask_is_kept(undone: Connection) -> None:
    _tick(undone, last=Decimal("9"), bid=Decimal("10"), ask=Decimal("11"))
    assert undone.execute("select last from ticks").fetchone() == (Decimal("9"),)


@pytest.mark.parametrize("side", ["", "b", "X", "BS"])
def test_another_side_than_b_or_s_is_refused(undone: Connection, side: str) -> None:
    with pytest.raises(CheckViolation, match="ticks_values_are_sane"):
        _tick(undone, side=side)


@pytest.mark.parametrize(
    "field", ["ts", "symbol", "seq", "source", "is_trade", "is_sampled", "received_at"]
)
def test_required_values_may_not_be_null(undone: Connection, field: str) -> None:
    with pytest.raises(NotNullViolation):
        _tick(undone, **{field: None})


def test_the_same_identity_stands_here_once(undone: Connection) -> None:
    _tick(undone, last=Decimal("1"))
    with pytest.raises(UniqueViolation, match="ticks_identity"), undone.transaction():
        _tick(undone, last=Decimal("2"), received_at=TS + SECOND)
    assert undone.execute("select last from ticks").fetchall() == [(Decimal("1"),)]


@pytest.mark.parametrize(
    "other", [{"ts": TS + SECOND}, {"symbol": "NQ"}, {"seq": 2}, {"source": "EXCEL"}], ids=str
)
def test_ticks_that_differ_in_one_part_of_the_identity_are_two(
    undone: Connection, other: dict[str, object]
) -> None:
    _tick(undone)
    _tick(undone, **other)
    assert undone.execute("select count(*) from ticks").fetchone() == (2,)


def test_the_trade_date_cannot_be_written(undone: Connection) -> None:
    with pytest.raises(GeneratedAlways):
        _tick(undone, trade_date="2024-01-01")


# ts in seconds after TS, seq, source; the order of the table is (ts, seq, source).
SCATTERED = [(2, 9, "SIM"), (0, 5, "SIM"), (1, 2, "SIM"), (1, 2, "EXCEL"), (1, 1, "SIM")]
IN_ORDER = [(0, 5, "SIM"), (1, 1, "SIM"), (1, 2, "EXCEL"), (1, 2, "SIM"), (2, 9, "SIM")]


@pytest.fixture
def scattered(undone: Connection) -> Connection:
    """Five ticks of ES put in out of order, and one of NQ."""
    for after_s, seq, source in SCATTERED:
        _tick(undone, ts=TS + after_s * SECOND, seq=seq, source=source)
    _tick(undone, symbol="NQ", ts=TS + SECOND)
    return undone


def _between(
    connection: Connection, first_s: int | None, end_s: int | None, rows_max: int | None
) -> list[tuple[int, int, str]]:
    bounds = [None if s is None else TS + s * SECOND for s in (first_s, end_s)]
    rows = connection.execute(
        "select t.ts, t.seq, t.source "
        "from market.ticks_between('ES', %s::timestamptz, %s::timestamptz, %s::integer) as t",
        (*bounds, rows_max),
    ).fetchall()
    return [((ts - TS) // SECOND, seq, source) for ts, seq, source in rows]


def test_ticks_come_in_the_order_of_the_table(scattered: Connection) -> None:
    assert _between(scattered, None, None, 100) == IN_ORDER


def test_the_first_bound_is_in_and_the_last_is_out(scattered: Connection) -> None:
    assert _between(scattered, 1, 2, 100) == IN_ORDER[1:4]
    assert _between(scattered, 1, None, 100) == IN_ORDER[1:]
    assert _between(scattered, None, 1, 100) == IN_ORDER[:1]
    assert _between(scattered, 1, 1, 100) == []


def test_a_limit_leaves_the_newest_and_their_order(scattered: Connection) -> None:
    assert _between(scattered, None, None, 2) == IN_ORDER[-2:]
    # The limit falls among ticks of one instant: seq and source decide.
    assert _between(scattered, None, 2, 2) == IN_ORDER[2:4]
    assert _between(scattered, None, None, 0) == []


@pytest.mark.parametrize("rows_max", [1, 2, 3])
def test_pages_before_the_first_of_the_page_after_lose_no_tick_of_an_instant(
    scattered: Connection, rows_max: int
) -> None:
    pages: list[tuple[int, int, str]] = []
    before: tuple[object, ...] = (None, None, None)
    while page := scattered.execute(
        "select t.ts, t.seq, t.source from market.ticks_between("
        "'ES', null, null, %s::integer, %s::timestamptz, %s::bigint, %s::text) as t",
        (rows_max, *before),
    ).fetchall():
        before = page[0]
        pages[:0] = [((ts - TS) // SECOND, seq, source) for ts, seq, source in page]
    assert pages == IN_ORDER


def test_a_cursor_of_ts_alone_is_before_its_instant(scattered: Connection) -> None:
    found = scattered.execute(
        "select t.seq from ticks_between('ES', null, null, 9, before_ts => %s::timestamptz) as t",
        (TS + SECOND,),
    ).fetchall()
    assert found == [(5,)]


def test_a_tick_comes_with_every_column(scattered: Connection) -> None:
    found = scattered.execute(
        "select to_jsonb(t) from market.ticks_between('ES', null, null, 100) as t"
    ).fetchall()
    kept = scattered.execute(
        "select to_jsonb(t) from ticks as t where symbol = 'ES' order by ts, seq, source"
    ).fetchall()
    assert found == kept
