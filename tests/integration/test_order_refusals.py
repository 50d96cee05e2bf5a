"""What refuses an order, by the rows of a database: each rule at its limit, worked out by hand.

It is Monday, 1 July 2024, 10:30 in Chicago: ES at 5000.00 to 5000.25, a contract 250,000 at 50 a
point; NQ at 20,000.00 to 20,000.25, a contract 400,000 at 20 a point.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import redis
from ticks_made import TS, rows, take_in, tick
from trades_made import move, trade
from trades_made import place as row
from trading_made import SOURCE, Desk, made_desk

from thor.flow.place_orders import place, preview
from thor.market.bus.client import Bus
from thor.services.running import Endpoints

D = Decimal
NOW = TS + timedelta(milliseconds=3_600_100)


@pytest.fixture(scope="module")
def market(kept_url: str, endpoints: Endpoints) -> Iterator[Desk]:
    with (
        redis.Redis.from_url(endpoints.redis_url) as client,
        psycopg.connect(kept_url, autocommit=True) as link,
    ):
        client.flushdb()
        bus = Bus(endpoints.redis_url)
        desk = made_desk(kept_url, endpoints.redis_url, bus, link)
        # A quote of an hour before is there as well.
        desk.move("5000.00", "5000.25", 3_600_000)
        nq = {"bid": D("20000.00"), "ask": D("20000.25"), "last": None, "last_size": None}
        bus.publish([tick(symbol="NQ", ts=NOW, source=SOURCE, is_trade=False, **nq)])
        take_in(endpoints.redis_url, kept_url)
        yield desk
        client.flushdb()
        bus.close()


@pytest.fixture
def desk(market: Desk) -> Iterator[Desk]:
    """The market, in which every change is undone when the test is over."""
    with market.link.transaction(force_rollback=True):
        yield market


def limit(desk: Desk, rule: str, value: Any) -> None:
    """Set a limit of every account and symbol."""
    desk.link.execute(
        "insert into trade.limits (rule, value, version, who) values (%s, %s, 9, 'eve')",
        (rule, value),
    )


def asked(
    desk: Desk,
    quantity: int,
    *,
    side: str = "BUY",
    kind: str = "MARKET",
    at: Any = NOW,
    **more: Any,
) -> Any:
    """Return the rule, limit and figure that refuse an order, or None where it is allowed."""
    request = desk.request(side, quantity, kind, **more)
    with desk.link.transaction(force_rollback=True):
        verdict_id = place(desk.link, request, "ann", at)["verdict_id"]
        (found,) = rows(
            desk.link,
            "select is_allowed, rule, limit_value, round(figure, 4) as figure from trade.verdicts"
            f" where verdict_id = '{verdict_id}'",
        )
    return None if found["is_allowed"] else (found["rule"], found["limit_value"], found["figure"])


def test_margin_is_that_of_the_trade_date_and_of_the_hour(desk: Desk) -> None:
    desk.link.execute(
        "insert into reference.margins (symbol, from_date, initial, maintenance, intraday, source)"
        " values ('ES', '2024-06-30', 40000, 36000, 20000, 'by hand'),"
        " ('ES', '2024-07-02', 90000, 81000, 45000, 'by hand')"
    )
    # In regular hours 20,000 a contract: 5 are all of the account's 100,000, 6 are 120 %.
    assert asked(desk, 5) is None
    assert asked(desk, 6) == ("margin_pct", 100, 120)
    # With a working order of 2, another 4 are 6.
    row(desk.link, "BUY", 2, contract="ESU24", type="LIMIT", limit_price=4900, placed_at=TS)
    assert asked(desk, 4) == ("margin_pct", 100, 120)
    desk.link.execute("delete from reference.margins where symbol = 'ES'")
    assert asked(desk, 1) == ("margin_pct", 100, None)


def test_a_correlation_group_is_counted_together(desk: Desk) -> None:
    row(desk.link, "BUY", 3, "NQ", type="LIMIT", limit_price=19_900, placed_at=TS)
    limit(desk, "max_group_contracts", 4)
    assert asked(desk, 1) is None
    assert asked(desk, 2) == ("max_group_contracts", 4, 5)
    limit(desk, "group_exposure", 1_450_012)
    limit(desk, "max_contracts", 10)
    # 3 x 20,000.00 x 20 and 1 x 5,000.00 x 50: the bid, since nothing has traded.
    found = preview(desk.link, desk.request("BUY", 1)).verdict
    figures = {check.rule: check.figure for check in found.checks}
    assert figures["group_exposure"] == 3 * 400_000 + D("5000.125") * 50
    assert figures["gross_exposure"] == figures["net_exposure"] == figures["group_exposure"]
    limit_row = "update trade.limits set value = %s where rule = 'group_exposure' and version = 9"
    desk.link.execute(limit_row.encode(), (1_450_000,))
    assert asked(desk, 1) == ("group_exposure", 1_450_000, D("1450006.25"))


def test_a_drawdown_is_counted_from_the_highest_value(desk: Desk) -> None:
    # 100 points up are 5,000 less 5.00; then 1 at 5010.00, which the market leaves 9.875 below.
    trade(desk.link, "BUY", 1, "4900.00", contract="ESU24", at=TS)
    trade(desk.link, "SELL", 1, "5000.00", contract="ESU24", at=TS)
    trade(desk.link, "BUY", 1, "5010.00", contract="ESU24", at=TS)
    # 9.875 x 50 and the commission of 2.50.
    fall = D("9.875") * 50 + D("2.50")
    limit(desk, "drawdown", D("496.26"))
    assert asked(desk, 1) is None
    desk.link.execute("update trade.limits set value = 496.25 where value = 496.26")
    assert asked(desk, 1) == ("drawdown", D("496.25"), fall)
    # What only reduces passes.
    assert asked(desk, 1, side="SELL") is None


def test_the_day_s_loss_counts_what_is_open(desk: Desk) -> None:
    trade(desk.link, "BUY", 1, "5010.00", contract="ESU24", at=TS)
    limit(desk, "daily_loss", D("496.26"))
    assert asked(desk, 1) is None
    desk.link.execute("update trade.limits set value = 496.25 where value = 496.26")
    assert asked(desk, 1) == ("daily_loss", D("496.25"), D("496.25"))


def test_a_price_is_at_most_five_per_cent_from_the_market(desk: Desk) -> None:
    # 5 % of the ask of 5000.25 are 250.0125.
    assert asked(desk, 1, kind="LIMIT", limit_price=D("4750.25")) is None
    assert asked(desk, 1, kind="LIMIT", limit_price=D("4750.00")) == (
        "price_band_pct", 5, D("5.0047"),
    )  # fmt: skip


def test_nothing_opens_within_five_business_days_of_first_notice_or_last_trade(desk: Desk) -> None:
    # 2, 3, 5 and 8 July are four business days, the 4th is a holiday; the 9th is the fifth.
    desk.link.execute(
        "update reference.sessions set regular_open_at = null, regular_close_at = null"
        " where trade_date = '2024-07-04'"
    )
    for contract, first_notice, last_trade, expected in (
        ("ESQ24", None, "2024-07-09", None),
        ("ESV24", "2024-07-08", "2024-10-20", ("days_to_notice", 5, 4)),
        ("ESN24", None, "2024-07-08", ("days_to_notice", 5, 4)),
    ):
        month = {"N": "2024-07-01", "Q": "2024-08-01", "V": "2024-10-01"}[contract[2]]
        desk.link.execute(
            "insert into reference.contracts (root, month, first_notice, last_trade, expiry, rule)"
            " values ('ES', %s, %s, %s, '2024-10-20', 'by hand')",
            (month, first_notice, last_trade),
        )
        desk.link.execute(
            "insert into reference.series (symbol, root, kind) values (%s, 'ES', 'month')"
            " on conflict do nothing",
            (contract,),
        )
        desk.link.execute("delete from reference.rolls where root = 'ES'")
        desk.link.execute(
            "insert into reference.rolls (root, rule, rolled_at, to_contract)"
            " values ('ES', 'volume', '2024-06-01Z', %s)",
            (contract,),
        )
        assert asked(desk, 1) == expected
    # To leave it is never refused.
    trade(desk.link, "SELL", 1, "5000.00", contract="ESN24", at=TS)
    assert asked(desk, 1, contract="ESN24") is None


def test_the_same_order_again_and_too_many_within_a_minute_are_refused(desk: Desk) -> None:
    desk.place("BUY", 1)
    assert asked(desk, 1) == ("duplicate_s", 1, 0)
    assert asked(desk, 2) is None
    limit(desk, "orders_per_minute", 2)
    desk.place("BUY", 2)
    assert asked(desk, 3) == ("orders_per_minute", 2, 3)
    # By a clock that was put back, what was placed since is of the future, and counts.
    assert asked(desk, 1, at=TS - timedelta(seconds=2))[0] in ("stale_quote_s", "orders_per_minute")


def test_a_limit_that_no_row_gives_and_a_price_that_nobody_has_refuse(desk: Desk) -> None:
    desk.link.execute("alter table trade.limits disable trigger all")
    desk.link.execute("delete from trade.limits where rule = 'drawdown'")
    assert asked(desk, 1) == ("drawdown", None, 0)
    desk.link.execute("update market.last_values set ask = null where symbol = 'ES'")
    assert asked(desk, 1)[0] == "quote"


def test_a_clock_that_jumps_makes_every_quote_stale(desk: Desk) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert asked(desk, 1, at=NOW) is None
    assert asked(desk, 1, at=NOW + timedelta(seconds=5)) is None
    assert asked(desk, 1, at=NOW + timedelta(seconds=6)) == ("stale_quote_s", 5, 6)
    assert asked(desk, 1, at=NOW + day) == ("stale_quote_s", 5, 86_400)
    # An hour back: the newest quote is of the future, and the one of then is no answer.
    assert asked(desk, 1, at=NOW - hour) == ("stale_quote_s", 5, 3_600)
    # What flattens passes, by any clock, and is for what is held now.
    trade(desk.link, "BUY", 2, "5000.00", contract="ESU24", at=NOW)
    for at in (NOW + day, NOW):
        assert asked(desk, 2, side="SELL", at=at, is_flattening=True, contract="ESU24") is None


def test_the_feed_is_silent_with_a_position_open_and_its_mark_says_so(desk: Desk) -> None:
    trade(desk.link, "BUY", 1, "5000.00", contract="ESU24", at=NOW)
    ask = "select mark, mark_kind, mark_state from trade.positions_at(%s)"
    states = []
    for seconds in (1, 6, 60):
        with desk.link.cursor() as cursor:
            states.append(
                cursor.execute(ask.encode(), (NOW + timedelta(seconds=seconds),)).fetchone()
            )
    assert [state[2] for state in states if state] == ["FRESH", "STALE", "DEAD"]
    assert {state[:2] for state in states if state} == {(D("5000.125"), "quote")}


def test_a_locked_symbol_is_refused_by_the_database_too(desk: Desk) -> None:
    link = desk.link
    waiting = row(link, "BUY", 1, contract="ESU24", status="PENDING", placed_at=TS)
    working = row(link, "BUY", 1, contract="ESU24", type="LIMIT", limit_price=4900, placed_at=TS)
    trade(link, "BUY", 2, "5000.00", contract="ESU24", at=TS)
    link.execute(
        "insert into trade.breaks (account_id, symbol, expected, actual, reason)"
        " values ('PAPER', 'ESU24', '2', '1', 'position: look, then clear it')"
    )
    for act in (
        lambda: row(link, "BUY", 1, contract="ESU24", status="PENDING", placed_at=TS),
        lambda: move(link, waiting, "SUBMITTED"),
        lambda: move(link, working, "SUBMITTED", quantity=2),
    ):
        with (
            pytest.raises(psycopg.Error, match=r"ESU24 is locked by break \d+: position: look"),
            link.transaction(),
        ):
            act()
    assert asked(desk, 1)[0] == "break"
    # Another symbol, what is cancelled and what flattens pass.
    row(link, "BUY", 1, "NQ", status="PENDING", placed_at=TS)
    move(link, waiting, "CANCELLED")
    row(link, "SELL", 2, contract="ESU24", is_flattening=True, status="PENDING", placed_at=TS)
    link.execute("update trade.breaks set symbol = '*'")
    with pytest.raises(psycopg.Error, match="NQ is locked"), link.transaction():
        row(link, "BUY", 1, "NQ", status="PENDING", placed_at=TS)
    link.execute("update trade.breaks set cleared_at = now(), cleared_by = 'eve'")
    row(link, "BUY", 1, "NQ", status="PENDING", placed_at=TS)
