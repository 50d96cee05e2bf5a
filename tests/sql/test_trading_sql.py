"""Orders, fills, positions and profit in SQL: to the cent, and refused where they must be."""

import random
import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from trades_made import AT, fill, move, place, trade

from thor import database

Link = psycopg.Connection[Any]
CENT = Decimal("0.01")
# Monday 1 July 2024, and the days after it.
MONDAY, TUESDAY, WEDNESDAY = date(2024, 7, 1), date(2024, 7, 2), date(2024, 7, 3)


def rows(link: Link, query: str, *values: Any) -> list[dict[str, Any]]:
    """Return the rows of a query as dictionaries."""
    with link.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def one(link: Link, query: str, *values: Any) -> dict[str, Any]:
    """Return the only row of a query."""
    (found,) = rows(link, query, *values)
    return found


def refused(link: Link, act: Any) -> str:
    """Return why the database refuses what is done; that is undone."""
    with pytest.raises(psycopg.Error) as caught, link.transaction():
        act()
    return str(caught.value).splitlines()[0]


def settle(link: Link, symbol: str, trade_date: date, price: str) -> None:
    """Write the settlement of a trade date, received at 17:05 Chicago."""
    link.execute(
        "insert into market.mark_versions (symbol, trade_date, source, settlement, received_at)"
        " values (%s, %s, 'SIM', %s, %s)",
        (symbol, trade_date, price, datetime(*trade_date.timetuple()[:3], 22, 5, tzinfo=UTC)),
    )


def quote(link: Link, symbol: str, last: str, ts: datetime, contract: str | None = None) -> None:
    """Write a tick, and the last values as the writer of ticks does."""
    values = {"symbol": symbol, "last": last, "ts": ts, "contract": contract}
    link.execute(
        "insert into market.last_values as v (symbol, trade_date, first_ts, ts, seq, source,"
        " received_at, contract, last, last_key) values (%(symbol)s,"
        " reference.trade_date(%(ts)s), %(ts)s, %(ts)s, 1, 'SIM', %(ts)s, %(contract)s, %(last)s,"
        " row(%(ts)s, 1, 'SIM')::market.tick_key) on conflict (symbol, trade_date) do update set"
        " ts = excluded.ts, received_at = excluded.received_at, last = excluded.last,"
        " last_key = excluded.last_key, contract = excluded.contract",
        values,
    )


# The figures, and the others by hand: points x multiplier x contracts, less 2.50 a contract
# and side. A tick is worth 5, 12.50, 5, 5, 10, 25, 12.50, 10, 50 and 31.25 dollars.
ROUND_TRIPS = {
    "ES": ("BUY", 2, "6873.75", "6875.25", "140.00"),  # 1.50 x 50 x 2 = 150, less 10
    "ZB": ("SELL", 1, "118.3125", "118.15625", "151.25"),  # 118'10 to 118'05: 5 x 31.25 - 5
    "CL": ("BUY", 1, "-37.00", "-36.50", "495.00"),  # 0.50 x 1000 - 5
    "YM": ("BUY", 3, "47501", "47498", "-60.00"),  # -3 x 5 x 3 = -45, less 15
    "NQ": ("SELL", 1, "25100.25", "25099.00", "20.00"),  # 1.25 x 20 = 25, less 5
    "RTY": ("BUY", 2, "2411.3", "2412.0", "60.00"),  # 0.7 x 50 x 2 = 70, less 10
    "SI": ("SELL", 1, "48.035", "48.050", "-80.00"),  # -0.015 x 5000 = -75, less 5
    "HG": ("BUY", 1, "5.0105", "5.0240", "332.50"),  # 0.0135 x 25000 = 337.50, less 5
    "GC": ("SELL", 2, "4012.4", "4010.9", "290.00"),  # 1.5 x 100 x 2 = 300, less 10
    "VX": ("BUY", 4, "18.35", "18.05", "-1220.00"),  # -0.30 x 1000 x 4 = -1200, less 20
    "DX": ("BUY", 1, "99.005", "99.250", "240.00"),  # 0.245 x 1000 = 245, less 5
}


@pytest.mark.parametrize("symbol", ROUND_TRIPS)
def test_a_round_trip_earns_what_the_hand_computes(undone: Link, symbol: str) -> None:
    side, quantity, opened, closed, profit = ROUND_TRIPS[symbol]
    trade(undone, side, quantity, opened, symbol)
    trade(undone, "SELL" if side == "BUY" else "BUY", quantity, closed, symbol)
    account = one(undone, "select * from trade.account_at(%s)", AT)
    assert account["cash"] - 100_000 == Decimal(profit)
    assert account["pnl_day"] == Decimal(profit)
    assert (account["unrealised"], account["positions"], account["margin_initial"]) == (0, 0, 0)
    position = one(undone, "select * from trade.positions_at(%s)", AT)
    assert (position["side"], position["quantity"], position["average_price"]) == ("FLAT", 0, None)
    assert position["realised"] == position["realised_fifo"] == Decimal(profit) + 5 * quantity
    day = one(undone, "select * from trade.pnl_days('PAPER', %s, %s, %s)", MONDAY, MONDAY, AT)
    assert day["pnl"] == Decimal(profit)
    closing = rows(undone, "select * from trade.statement('PAPER', %s, %s)", MONDAY, MONDAY)[-1]
    assert closing["balance"] - 100_000 == Decimal(profit)


def test_a_partial_close_realises_its_share_by_average_and_by_first_in_first_out(
    undone: Link,
) -> None:
    trade(undone, "BUY", 1, "5000.00")
    trade(undone, "BUY", 1, "5010.00")
    trade(undone, "SELL", 1, "5008.00")
    held = one(undone, "select * from trade.positions_at(%s)", AT)
    # The average is 5005, so 3 x 50; the first was bought at 5000, so 8 x 50.
    assert (held["realised"], held["realised_fifo"]) == (150, 400)
    assert (held["average_price"], held["average_price_fifo"]) == (5005, 5010)
    trade(undone, "SELL", 1, "5008.00")
    closed = one(undone, "select * from trade.positions_at(%s)", AT)
    assert (closed["realised"], closed["realised_fifo"]) == (300, 300)


def test_a_third_that_is_no_whole_cent_is_settled_when_the_rest_is_closed(undone: Link) -> None:
    # Paid 5000.00, 5000.25 and 5000.25: 25.00 in all above 5000 x 3 x 50, so 8.33 1/3 each.
    for price in ("5000.00", "5000.25", "5000.25"):
        trade(undone, "BUY", 1, price)
    for _ in range(3):
        trade(undone, "SELL", 1, "5001.00")
    realised = [
        row["realised"]
        for row in rows(
            undone, "select realised from trade.fills where side = 'SELL' order by number"
        )
    ]
    # 50.00 - 8.33 1/3 is 41.67 to the cent, and so is 50.00 - 16.67 / 2; the last takes the rest:
    # the three together are 150 - 25 exactly.
    assert realised == [Decimal("41.67"), Decimal("41.67"), Decimal("41.66")]
    assert sum(realised) == 125


def test_a_sale_of_more_than_is_held_turns_the_position_and_its_price(undone: Link) -> None:
    trade(undone, "BUY", 2, "5000.00")
    trade(undone, "SELL", 5, "5004.00", at=AT + timedelta(minutes=1))
    held = one(undone, "select * from trade.positions_at(%s)", AT + timedelta(minutes=1))
    assert (held["side"], held["quantity"], held["average_price"]) == ("SHORT", -3, 5004)
    assert held["realised"] == held["realised_fifo"] == 400
    assert held["opened_at"] == AT + timedelta(minutes=1)
    trade(undone, "BUY", 3, "5005.00", at=AT + timedelta(minutes=2))
    closed = one(undone, "select * from trade.positions_at(%s)", AT + timedelta(minutes=2))
    assert (closed["quantity"], closed["realised"]) == (0, 250)


def test_a_position_held_overnight_keeps_its_average_and_earns_the_day_from_the_settlement(
    undone: Link,
) -> None:
    trade(undone, "BUY", 2, "5500.00")  # Monday 10:00 Chicago
    settle(undone, "ES", MONDAY, "5504.00")
    tuesday = AT + timedelta(days=1)
    quote(undone, "ES", "5501.00", tuesday)
    held = one(undone, "select * from trade.positions_at(%s)", tuesday)
    assert (held["average_price"], held["basis"], held["basis_kind"]) == (5500, 5504, "settlement")
    # 1 x 50 x 2 open since Monday; the day lost 3 x 50 x 2.
    assert (held["unrealised"], held["pnl_day"], held["mark"]) == (100, -300, 5501)
    trade(undone, "SELL", 1, "5502.00", at=tuesday)
    held = one(undone, "select * from trade.positions_at(%s)", tuesday)
    # One left: -3 x 50; one sold 2 below the settlement: -100; commission 2.50.
    assert (held["unrealised"], held["pnl_day"]) == (50, Decimal("-252.50"))
    assert held["realised_today"] == 100
    settle(undone, "ES", TUESDAY, "5503.00")
    wednesday = AT + timedelta(days=2)
    quote(undone, "ES", "5510.00", wednesday)
    days = rows(
        undone, "select * from trade.pnl_days('PAPER', %s, %s, %s)", MONDAY, WEDNESDAY, wednesday
    )
    # Monday: 4 x 50 x 2 - 5. Tuesday: sold at 5502, settled at 5503, from 5504: -100 - 50 - 2.50.
    # Wednesday: 7 x 50.
    assert [(day["trade_date"], day["pnl"]) for day in days] == [
        (MONDAY, 395), (TUESDAY, Decimal("-152.50")), (WEDNESDAY, 350),
    ]  # fmt: skip
    account = one(undone, "select * from trade.account_at(%s)", wednesday)
    assert account["net_liquidation"] - 100_000 == sum(day["pnl"] for day in days)
    # Each part of the days is the same days.
    tuesdays = rows(
        undone, "select * from trade.pnl_days('PAPER', %s, %s, %s)", TUESDAY, TUESDAY, wednesday
    )
    assert [day["pnl"] for day in tuesdays] == [Decimal("-152.50")]
    # What was known on Monday is still what it was.
    before = one(undone, "select * from trade.positions_at(%s)", AT + timedelta(hours=1))
    assert (before["quantity"], before["average_price"]) == (2, 5500)


def test_a_day_without_a_fill_earns_what_its_settlement_moved(undone: Link) -> None:
    undone.execute("delete from reference.sessions where calendar = 'CME_EQUITY'")
    undone.execute(
        "insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at)"
        " select 'CME_EQUITY', d, d - date '2024-06-01', d - interval '2 hours',"
        " d + interval '21 hours' from unnest(%s::date[]) as d",
        ([MONDAY, TUESDAY, WEDNESDAY],),
    )
    trade(undone, "SELL", 1, "5500.00")
    settle(undone, "ES", MONDAY, "5490.00")
    settle(undone, "ES", TUESDAY, "5495.00")
    at = AT + timedelta(days=2)
    quote(undone, "ES", "5480.00", at)
    ask = "select trade_date, basis, mark, pnl from trade.pnl_days('PAPER', %s, %s, %s)"
    days = [tuple(row.values()) for row in rows(undone, ask, MONDAY, WEDNESDAY, at)]
    assert days == [
        (MONDAY, None, 5490, Decimal("497.50")), (TUESDAY, 5490, 5495, -250),
        (WEDNESDAY, 5495, 5480, 750),
    ]  # fmt: skip
    assert [tuple(row.values()) for row in rows(undone, ask, TUESDAY, TUESDAY, at)] == days[1:2]
    assert one(undone, "select days from trade.positions_at(%s)", at)["days"] == 3
    by_symbol = "select * from trade.pnl_by_symbol('PAPER', %s, %s, %s)"
    assert one(undone, by_symbol, MONDAY, WEDNESDAY, at)["pnl"] == Decimal("997.50")


def test_a_month_is_marked_by_its_own_quote_and_by_the_roots_only_while_that_follows_it(
    undone: Link,
) -> None:
    undone.execute("insert into reference.series values ('ESU24', 'ES', 'month')")
    trade(undone, "BUY", 1, "5500.00", contract="ESU24")
    quote(undone, "ES", "5501.00", AT, "ESU24")
    held = one(undone, "select * from trade.positions_at(%s)", AT)
    assert (held["series"], held["root"], held["mark"]) == ("ESU24", "ES", 5501)
    later = AT + timedelta(minutes=1)
    quote(undone, "ES", "5560.00", later, "ESZ24")
    assert one(undone, "select * from trade.positions_at(%s)", later)["mark_kind"] == "fill"
    quote(undone, "ESU24", "5502.00", later)
    held = one(undone, "select * from trade.positions_at(%s)", later)
    assert (held["mark"], held["mark_kind"]) == (5502, "last")
    # Ordered by its month, it is the same position.
    trade(undone, "SELL", 1, "5503.00", "ESU24", at=later)
    assert one(undone, "select * from trade.positions_at(%s)", later)["quantity"] == 0


@pytest.mark.parametrize(
    ("at", "trade_date"),
    [
        # 16:59:59 and 17:00 in Chicago, in summer and in winter; a stock at 15:59 in New York.
        ("2024-07-01 21:59:59Z", "2024-07-01"),
        ("2024-07-01 22:00:00Z", "2024-07-02"),
        ("2024-12-02 22:59:59Z", "2024-12-02"),
        ("2024-12-02 23:00:00Z", "2024-12-03"),
        ("2024-07-05 19:59:00Z", "2024-07-05"),
        ("2024-07-05 22:30:00Z", "2024-07-06"),
    ],
)
def test_a_fill_belongs_to_the_exchanges_day(undone: Link, at: str, trade_date: str) -> None:
    trade(undone, "BUY", 1, "5500.00", at=datetime.fromisoformat(at), trade_date="1999-01-01")
    assert one(undone, "select trade_date from trade.fills")["trade_date"] == date.fromisoformat(
        trade_date
    )


def test_a_reset_begins_anew_and_deletes_nothing(undone: Link) -> None:
    trade(undone, "BUY", 2, "5500.00")
    order = place(undone, "BUY", 1, type="LIMIT", limit_price=5400)
    later = AT + timedelta(hours=1)
    reset = "select trade.reset_account('PAPER', %s, 'ann', 'a new month', %s)"
    why = refused(undone, lambda: undone.execute(reset, (50_000, later)))
    assert "PAPER has open orders (c" in why
    assert "cancel them first" in why
    move(undone, order, "CANCELLED")
    undone.execute(reset, (50_000, later))
    account = one(undone, "select * from trade.account_at(%s)", later)
    assert (account["cash"], account["epoch"], account["positions"]) == (50_000, 2, 0)
    assert rows(undone, "select * from trade.positions_at(%s)", later) == []
    assert one(undone, "select * from trade.account_at(%s)", AT)["positions"] == 1
    assert one(undone, "select count(*) as n from trade.fills")["n"] == 1
    trade(undone, "SELL", 1, "5600.00", at=later)
    undone.execute("select trade.fund('PAPER', -1000.01, 'ann', 'rent', %s)", (later,))
    held = one(undone, "select * from trade.positions_at(%s)", later)
    assert (held["quantity"], held["realised"]) == (-1, 0)
    lines = rows(undone, "select * from trade.statement('PAPER', %s, %s)", MONDAY, MONDAY)
    assert [(line["section"], line["balance"]) for line in lines] == [
        ("OPENING", 100_000), ("TRADE", 99_995), ("CASH", 50_000),
        ("CASH", Decimal("48999.99")), ("TRADE", Decimal("48997.49")),
        ("CLOSING", Decimal("48997.49")),
    ]  # fmt: skip


def test_a_statement_closes_with_the_profit_of_the_epoch_that_its_cash_is_of(undone: Link) -> None:
    trade(undone, "BUY", 1, "5500.00")
    trade(undone, "SELL", 1, "5510.00")
    later = AT + timedelta(hours=1)
    undone.execute("select trade.reset_account('PAPER', 50000, 'ann', 'anew', %s)", (later,))
    statement = "select * from trade.statement('PAPER', %s, %s)"
    closing = rows(undone, statement, MONDAY, MONDAY)[-1]
    assert (closing["realised"], closing["commission"], closing["balance"]) == (None, None, 50_000)
    trade(undone, "BUY", 1, "5600.00", at=later)
    trade(undone, "SELL", 1, "5602.00", at=later)
    closing = rows(undone, statement, MONDAY, MONDAY)[-1]
    # 2 x 50; what was earned before the reset is not in the 50,000.
    assert (closing["realised"], closing["commission"], closing["balance"]) == (100, 5, 50_095)


def test_no_more_is_withdrawn_than_is_free(undone: Link) -> None:
    fund = "select trade.fund('PAPER', %s, 'ann', 'rent', %s)"
    why = refused(undone, lambda: undone.execute(fund, ("-100000.01", AT)))
    assert why == (
        "amount: 100000.01 is to be withdrawn and 100000.00 is free of PAPER (cash, less what is "
        "lost on positions and their margin): withdraw that at most, or flatten first"
    )
    undone.execute(fund, (-1, AT))
    trade(undone, "BUY", 1, "5500.00")
    # 20 points lost, and then 20 earned that are not in the cash.
    for last, least in (("5480.00", -1_000), ("5520.00", 0)):
        quote(undone, "ES", last, AT)
        account = one(undone, "select * from trade.account_at(%s)", AT)
        assert account["margin_initial"] > 0
        free = Decimal("99996.50") + least - account["margin_initial"]
        why = refused(undone, lambda most=free + CENT: undone.execute(fund, (-most, AT)))
        assert f" and {free} is free of PAPER" in why
    undone.execute(fund, (-free, AT))
    left = one(undone, "select * from trade.account_at(%s)", AT)
    assert left["cash"] == left["margin_initial"]
    undone.execute("set local session_replication_role = replica")
    undone.execute("delete from reference.margins")
    why = refused(undone, lambda: undone.execute(fund, (-1, AT)))
    assert "is not known while a position has no price or no margin" in why


def test_a_statement_adds_up_where_half_a_tick_is_no_whole_cent(undone: Link) -> None:
    # 118'12 to 118'08+ is 3.5 x 31.25 = 109.375.
    trade(undone, "BUY", 1, "118.375", "ZB")
    trade(undone, "SELL", 1, "118.265625", "ZB")
    undone.execute("select trade.fund('PAPER', 10, 'ann', '', %s)", (AT,))
    lines = rows(undone, "select * from trade.statement('PAPER', %s, %s)", MONDAY, MONDAY)
    balances = [line["balance"] for line in lines]
    for line, before in zip(lines[1:-1], balances, strict=False):
        assert line["balance"] == before + line["amount"]
    assert balances[-1] == one(undone, "select cash from trade.account_at(%s)", AT)["cash"]
    moved = sum(line["amount"] for line in lines if line["section"] == "CASH")
    assert balances[0] + moved + lines[-1]["realised"] - lines[-1]["commission"] == balances[-1]
    (day,) = rows(undone, "select * from trade.value_days('PAPER', %s, %s, %s)", MONDAY, MONDAY, AT)
    assert (day["moved"], day["pnl"], day["net_liquidation"]) == (
        *(moved, Decimal("-114.375")),
        balances[-1],
    )


def test_the_value_of_days_follows_the_account(undone: Link) -> None:
    trade(undone, "BUY", 2, "5000.00")
    settle(undone, "ES", MONDAY, "5010.00")
    later = AT + timedelta(days=1)
    quote(undone, "ES", "5005.00", later)
    days = rows(
        undone, "select * from trade.value_days('PAPER', %s, %s, %s)", MONDAY, TUESDAY, later
    )
    # 2 x 10 x 50 less 5.00 on Monday, 2 x 5 x 50 given back on Tuesday.
    assert [(day["trade_date"], day["pnl"], day["net_liquidation"]) for day in days] == [
        (MONDAY, 995, 100_995),
        (TUESDAY, -500, 100_495),
    ]
    account = one(undone, "select * from trade.account_at(%s)", later)
    assert account["net_liquidation"] == days[-1]["net_liquidation"]


def test_limits_used_are_those_that_the_rules_count(undone: Link) -> None:
    trade(undone, "BUY", 2, "5000.00")
    quote(undone, "ES", "4990.00", AT)
    for group in ("OCO", None):
        place(undone, "BUY", 3, type="LIMIT", limit_price="4900", status="PENDING",
              group_kind=group, group_id=group and "g")  # fmt: skip
    place(undone, "SELL", 1, type="LIMIT", limit_price="5100", group_kind="OCO", group_id="g")
    used = {
        row["rule"]: (row["used"], row["subject"])
        for row in rows(undone, "select * from trade.limits_used_at('PAPER', %s, now())", AT)
    }
    # 2 held and 6 to buy: 8 x 4990 x 50. The loss is 2 x 10 x 50 and 5.00.
    assert used["max_contracts"] == (8, "ES")
    assert used["gross_exposure"] == (Decimal(1_996_000), None)
    assert used["daily_loss"] == (Decimal(1_005), None)
    assert used["stale_quote_s"] == (None, None)
    # AT is in regular hours, five in the afternoon is not; the account is worth 98,995.00.
    undone.execute(
        "insert into reference.margins (symbol, from_date, initial, intraday, source)"
        " values ('ES', '2024-07-01', 10000, 5000, 'by hand')"
    )
    undone.execute(
        "insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at,"
        " regular_open_at, regular_close_at) values ('CME_EQUITY', '2024-07-01', 1,"
        " '2024-06-30 22:00Z', '2024-07-01 21:00Z', '2024-07-01 13:30Z', '2024-07-01 20:00Z')"
    )
    for at, share in ((AT, "40.41"), (datetime(2024, 7, 1, 22, 5, tzinfo=UTC), "80.81")):
        margin = one(
            undone,
            "select * from trade.limits_used_at('PAPER', %s, now()) where rule = 'margin_pct'",
            at,
        )
        assert margin["used"] == Decimal(share)
    undone.execute(
        "insert into trade.limits (rule, symbol, value, who) values ('max_contracts', 'NQ', 1, 'a')"
    )
    of_nq = one(
        undone,
        "select * from trade.limits_used_at('PAPER', %s, now()) where symbol = 'NQ'",
        AT,
    )
    assert of_nq["used"] == 0


def test_a_statement_is_of_at_most_370_days(undone: Link) -> None:
    ask = "select * from trade.statement('PAPER', %s, %s)"
    first = date(2024, 1, 1)
    assert len(rows(undone, ask, first, first + timedelta(days=369))) == 2
    why = refused(undone, lambda: rows(undone, ask, first, first + timedelta(days=370)))
    assert why == "from, to: 2024-01-01 to 2025-01-05 are 371 days; a statement has at most 370"
    assert "from: 2024-01-01 is after to: 2023-12-31" in refused(
        undone, lambda: rows(undone, ask, first, first - timedelta(days=1))
    )
    assert refused(undone, lambda: rows(undone, "select * from trade.statement('X', %s, %s)",
                                        first, first)) == "account: X is none"  # fmt: skip


# What the database refuses

FINAL = ("FILLED", "CANCELLED", "REFUSED", "REJECTED", "EXPIRED")


def test_only_the_listed_changes_of_status_are_possible(undone: Link) -> None:
    legal = {tuple(row.values()) for row in rows(undone, "select * from trade.order_transitions")}
    statuses = ("PENDING", "SUBMITTED", "WORKING", "PARTIALLY_FILLED", "CANCEL_PENDING", *FINAL)
    roads = {
        "PENDING": (), "SUBMITTED": ("SUBMITTED",), "WORKING": ("SUBMITTED", "WORKING"),
        "CANCEL_PENDING": ("SUBMITTED", "CANCEL_PENDING"), "CANCELLED": ("CANCELLED",),
        "REJECTED": ("REJECTED",), "EXPIRED": ("EXPIRED",),
    }  # fmt: skip
    for from_status, road in roads.items():
        for to_status in statuses:
            filled = to_status in ("PARTIALLY_FILLED", "FILLED")
            order = place(undone, "BUY", 2, status="PENDING")
            for status in road:
                move(undone, order, status)
            given = {"filled_quantity": 1 if to_status != "FILLED" else 2, "average_price": 5000}

            def change(order: Any = order, to: str = to_status, given: Any = given,
                       filled: bool = filled) -> None:  # fmt: skip
                move(undone, order, to, **(given if filled else {}))

            if from_status == to_status or (from_status, to_status) in legal:
                change()
            else:
                assert "status: order" in refused(undone, change), (from_status, to_status)
    assert {to for _, to in legal} & {"REFUSED", "PENDING"} == set()
    assert {origin for origin, _ in legal} & set(FINAL) == set()


def test_a_fill_moves_its_order_and_never_beyond_its_quantity(undone: Link) -> None:
    order = place(undone, "BUY", 3)
    fill(undone, order, 1, "5000.00", tick_seq=5)
    fill(undone, order, 1, "5001.00", tick_seq=6)
    now = one(undone, "select * from trade.orders")
    assert (now["status"], now["filled_quantity"]) == ("PARTIALLY_FILLED", 2)
    assert now["average_price"] == Decimal("5000.5")
    assert "orders_fill_at_most_their_quantity" in refused(
        undone, lambda: fill(undone, order, 2, "5002.00")
    )
    assert "fills_order_id_tick_ts" in refused(
        undone, lambda: fill(undone, order, 1, "5001.00", tick_seq=6)
    )
    assert "has filled 2, not 1" in refused(
        undone, lambda: move(undone, order, "PARTIALLY_FILLED", filled_quantity=1)
    )
    move(undone, order, "CANCEL_PENDING")
    fill(undone, order, 1, "5002.00")
    now = one(undone, "select * from trade.orders")
    assert (now["status"], now["filled_quantity"], now["average_price"]) == ("FILLED", 3, 5001)
    assert "is FILLED, which is final" in refused(undone, lambda: fill(undone, order, 1, "5002.00"))
    assert "only its quantity, prices, status" in refused(
        undone, lambda: move(undone, order, "FILLED", symbol="NQ")
    )
    kinds = rows(undone, "select kind, to_status, quantity from trade.order_events order by 1, 3")
    assert [tuple(kind.values()) for kind in kinds] == [
        ("FILL", "PARTIALLY_FILLED", 1), ("FILL", "PARTIALLY_FILLED", 1), ("FILL", "FILLED", 1),
        ("PLACED", "PENDING", 3), ("STATUS", "SUBMITTED", 3), ("STATUS", "CANCEL_PENDING", 3),
    ]  # fmt: skip


def test_an_order_has_the_prices_of_its_type_and_one_id(undone: Link) -> None:
    for given in (
        {"type": "LIMIT"}, {"type": "MARKET", "limit_price": 5000}, {"type": "STOP"},
        {"type": "STOP_LIMIT", "limit_price": 5000}, {"type": "TRAILING_STOP"},
        {"type": "ICEBERG"}, {"type": "LIMIT", "limit_price": Decimal("NaN")},
        {"quantity": 0}, {"quantity": -1}, {"status": "FILLED"},
    ):  # fmt: skip
        refused(undone, lambda given=given: place(undone, "BUY", **{"quantity": 1, **given}))
    place(undone, "BUY", 1, client_order_id="mine")
    assert "orders_account_id_client_order_id_key" in refused(
        undone, lambda: place(undone, "BUY", 1, client_order_id="mine")
    )
    assert "foreign key" in refused(undone, lambda: place(undone, "BUY", 1, "NONE"))


# The kill switch


def test_no_order_passes_the_latched_switch_but_those_that_reduce_a_position(undone: Link) -> None:
    trade(undone, "BUY", 2, "5000.00")
    waiting = place(undone, "BUY", 1, status="PENDING")
    working = place(undone, "BUY", 1, type="LIMIT", limit_price=4900)
    state = one(undone, "select * from trade.kill('ann', 'the feed lies')")
    assert (state["is_latched"], state["is_flat"], state["who"]) == (True, False, "ann")
    for refused_now in (
        lambda: place(undone, "BUY", 1, status="PENDING"),
        lambda: place(undone, "SELL", 2, status="PENDING"),
        lambda: move(undone, waiting, "SUBMITTED"),
        lambda: move(undone, working, "SUBMITTED", quantity=3),
        lambda: move(undone, working, "SUBMITTED", limit_price=4950),
    ):
        assert refused(undone, refused_now).startswith("the kill switch is latched")
    # Flattening is what it is called only if it reduces.
    for side, quantity in (("BUY", 1), ("SELL", 3)):
        why = refused(undone, lambda s=side, q=quantity: place(undone, s, q, is_flattening=True))
        assert why == (
            f"is_flattening: {side} {quantity} ES would not only reduce the position of 2"
        )
    assert "position of 0" in refused(
        undone, lambda: place(undone, "SELL", 1, "NQ", is_flattening=True)
    )
    reset = "select * from trade.reset_kill('eve', 'it was repaired')"
    why = refused(undone, lambda: undone.execute(reset))
    assert "PAPER ES 2" in why
    assert "PAPER order" in why
    # What the broker reports is a fact; cancelling is never refused.
    fill(undone, working, 1, "4900.00")
    move(undone, waiting, "CANCELLED")
    flatten = place(undone, "SELL", 3, is_flattening=True)
    fill(undone, flatten, 3, "4899.00")
    assert rows(undone, "select * from trade.not_flat()") == []
    state = one(undone, reset)
    assert (state["is_latched"], state["who"]) == (False, "eve")
    place(undone, "BUY", 1)
    assert [row["action"] for row in rows(undone, "select action from trade.kill_events")] == [
        "LATCH", "FLAT", "RESET",
    ]  # fmt: skip
    assert "not latched" in refused(undone, lambda: undone.execute(reset))


def test_an_order_that_is_being_written_and_the_latch_wait_for_one_another(
    common_database_url: str,
) -> None:
    with (
        psycopg.connect(common_database_url) as trader,
        psycopg.connect(common_database_url) as other,
        psycopg.connect(common_database_url) as risk,
    ):
        place(trader, "BUY", 1, status="PENDING")
        risk.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            risk.execute("select trade.kill('ann', 'a reason')")
        risk.rollback()
        trader.rollback()
        risk.execute("select trade.kill('ann', 'a reason')")
        other.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            place(other, "BUY", 1, status="PENDING")
        risk.rollback()
        other.rollback()
        other.execute("set transaction isolation level repeatable read")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="read committed"):
            place(other, "BUY", 1, status="PENDING")


# Limits, fees, exposure, story


def test_the_newest_version_of_a_limit_and_a_fee_holds_from_its_time(undone: Link) -> None:
    undone.execute(
        "insert into trade.limits (rule, symbol, value, version, valid_from, who) values"
        " ('max_contracts', 'ES', 3, 1, '2024-01-01Z', 'ann'),"
        " ('max_contracts', 'ES', 5, 2, '2024-06-01Z', 'ann')"
    )
    ask = "select symbol, value from trade.limits_at(%s) where rule = 'max_contracts' order by 1"
    found = [
        [tuple(row.values()) for row in rows(undone, ask, at)]
        for at in ("2023-01-01Z", "2024-02-01Z", "2024-07-01Z")
    ]
    assert found == [[(None, 10)], [("ES", 3), (None, 10)], [("ES", 5), (None, 10)]]
    undone.execute(
        "insert into trade.fees (symbol, from_date, commission_per_side, who)"
        " values ('ES', '2024-07-01', 1.25, 'ann')"
    )
    fees = "select trade.fee_at('ES', '2024-06-30') as a, trade.fee_at('ES', '2024-07-01') as b"
    assert tuple(one(undone, fees).values()) == (Decimal("2.5"), Decimal("1.25"))


def test_exposure_counts_what_open_orders_may_add(undone: Link) -> None:
    trade(undone, "BUY", 2, "5000.00")
    place(undone, "BUY", 3, type="LIMIT", limit_price=4990)
    place(undone, "SELL", 4, type="LIMIT", limit_price=5010)
    place(undone, "SELL", 1, "CL", type="LIMIT", limit_price=-37)
    quote(undone, "CL", "-37.50", AT)
    found = rows(undone, "select * from trade.exposure_at(%s) order by root desc", AT)
    es, cl = found
    assert (es["quantity"], es["working_buy"], es["working_sell"]) == (2, 3, 4)
    assert (es["long_most"], es["short_most"], es["net"]) == (5, 2, 500_000)
    assert (es["gross_most"], es["margin_initial"]) == (1_250_000, 65_000)
    assert es["correlation_group"] == "equity_index"
    assert (cl["short_most"], cl["gross_most"], cl["net"]) == (1, 37_500, 0)


def test_the_story_of_an_order_has_every_step_and_a_refused_one_its_reason(undone: Link) -> None:
    signal = one(
        undone,
        "insert into trade.signals (at, symbol, side, horizon, confidence, origin, who)"
        " values (%s, 'ES', 'BUY', '15m', 0.61, 'DESK', 'desk') returning signal_id",
        AT,
    )["signal_id"]
    verdict = "insert into trade.verdicts (at, account_id, symbol, side, quantity, is_allowed, {})"
    allowed = one(
        undone,
        verdict.format("checks")
        + " values (%s, 'PAPER', 'ES', 'BUY', 1, true, '[]') returning verdict_id",
        AT,
    )["verdict_id"]
    undone.execute(
        "insert into market.ticks (ts, symbol, seq, source, last, bid, ask, is_trade, is_sampled,"
        " received_at) values (%s, 'ES', 1, 'SIM', 5000.25, 5000, 5000.25, true, false, %s)",
        (AT - timedelta(seconds=1), AT),
    )
    order = place(undone, "BUY", 1, signal_id=signal, verdict_id=allowed)
    fill(undone, order, 1, "5000.50", bid=5000, ask=5000.25, slippage=0.25, latency_ms=51)
    undone.execute(
        "insert into trade.notes (order_id, who, text) values (%s, 'ann', 'too late')", (order,)
    )
    ask = "select kind, what from trade.trade_story where order_id = %s order by step, at"
    story = {row["kind"]: row["what"] for row in rows(undone, ask, order)}
    assert list(story) == ["signal", "tick", "verdict", "order", "event", "fill", "outcome", "note"]
    assert story["signal"] == "DESK BUY ES 15m confidence 0.61 by desk"
    assert story["tick"] == "ES last 5000.25 bid 5000 ask 5000.25 of SIM"
    assert story["order"] == "PAPER BUY 1 ES MARKET DAY by ann"
    assert story["fill"] == (
        "BUY 1 ES at 5000.5 bid 5000 ask 5000.25 after 51 ms slippage 0.25 commission 2.50"
    )
    assert story["outcome"] == (
        "FILLED 1 of 1 at 5000.5 realised 0.00 commission 2.50 slippage 12.50"
    )
    no = one(
        undone,
        verdict.format("rule, limit_value, figure, reason")
        + " values (%s, 'PAPER', 'ES', 'BUY', 9, false, 'max_contracts', 10, 11,"
        " '9 more would be 11') returning verdict_id",
        AT,
    )["verdict_id"]
    order = place(undone, "BUY", 9, status="REFUSED", verdict_id=no, reason="9 more would be 11")
    story = {row["kind"]: row["what"] for row in rows(undone, ask, order)}
    assert list(story) == ["tick", "verdict", "order", "event", "outcome"]
    assert story["verdict"] == ("refused by max_contracts : 9 more would be 11 limit 10 figure 11")
    assert story["outcome"] == "REFUSED 0 of 9 9 more would be 11"


def test_the_days_activity_is_what_works_what_was_filled_and_what_was_not(undone: Link) -> None:
    trade(undone, "BUY", 1, "5000.00")
    place(undone, "BUY", 1, type="STOP", stop_price=5100)
    place(undone, "BUY", 9, status="REFUSED", reason="a word")
    old = place(undone, "BUY", 1, placed_at=AT - timedelta(days=3), status="PENDING")
    move(undone, old, "CANCELLED", updated_at=AT - timedelta(days=2))
    quote(undone, "ES", "5090.00", AT)
    found = rows(undone, "select * from trade.activity_today")
    assert [row["section"] for row in found] == ["WORKING", "FILLED", "CANCELLED"]
    working = one(undone, "select * from trade.working_orders")
    assert (working["working_quantity"], working["last"], working["distance"]) == (1, 5090, 10)
    assert one(undone, "select * from trade.positions")["unrealised"] == 4500
    assert one(undone, "select * from trade.account")["cash"] == Decimal("99997.50")
    assert one(undone, "select * from trade.pnl_daily")["pnl"] == Decimal("4497.50")


def test_the_statements_of_the_document_run(undone: Link) -> None:
    text = (Path(__file__).parents[2] / "docs" / "trading.md").read_text()
    blocks = re.findall(r"^```sql\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    statements = [each for block in blocks for each in block.split(";\n") if each.strip()]
    assert len(statements) >= 20
    order = str(trade(undone, "BUY", 1, "5000.00"))
    trade(undone, "SELL", 1, "5000.00")
    undone.execute(f"set local search_path = {', '.join(database.SEARCH_PATH)}".encode())
    for statement in statements:
        undone.execute(statement.replace("…", order).encode())


# A random stream against books kept in Python


class Book:
    """Positions of one series, kept lot by lot and by average, in Python."""

    def __init__(self, multiplier: Decimal) -> None:
        """Begin flat."""
        self.multiplier = multiplier
        self.lots: deque[list[Decimal]] = deque()  # signed contracts, price
        self.cost = self.realised = self.fifo = Decimal(0)
        self.position = 0

    def fill(self, signed: int, price: Decimal) -> None:
        """Take a fill: lots first in, first out; the average with what is left of a cent kept."""
        left = signed
        while left and self.lots and self.lots[0][0] * left < 0:
            lot = self.lots[0]
            closed = min(abs(left), abs(int(lot[0])))
            sign = 1 if lot[0] > 0 else -1
            self.fifo += sign * closed * (price - lot[1]) * self.multiplier
            lot[0] -= sign * closed
            left += sign * closed
            if not lot[0]:
                self.lots.popleft()
        if left:
            self.lots.append([Decimal(left), price])
        before, value = self.position, price * self.multiplier
        self.position += signed
        if before * signed >= 0:
            self.cost += signed * value
        elif abs(signed) < abs(before):
            share = self.cost * abs(signed) / abs(before)
            profit = (-signed * value - share).quantize(CENT, ROUND_HALF_UP)
            self.realised += profit
            self.cost += signed * value + profit
        else:
            self.realised += before * value - self.cost
            self.cost = self.position * value


def stream(seed: int, count: int) -> Iterator[tuple[str, int, Decimal, datetime, Decimal]]:
    """Yield fills: series, signed contracts, price, time and commission."""
    rng = random.Random(seed)
    ticks = {"ES": ("0.25", 22000), "ZB": ("0.03125", 3800), "CL": ("0.01", -500)}
    at = datetime(2024, 7, 1, 13, tzinfo=UTC)
    for _ in range(count):
        symbol = rng.choice(list(ticks))
        tick, level = ticks[symbol]
        quantity = rng.choice((1, 1, 2, 3, 5, 7)) * rng.choice((1, -1))
        at += timedelta(seconds=rng.randrange(1, 1200))
        price = Decimal(tick) * (level + rng.randrange(-200, 200))
        yield symbol, quantity, price, at, CENT * rng.randrange(0, 900)


@pytest.mark.parametrize("seed", [1, 2])
def test_books_kept_in_python_over_a_random_stream_equal_the_sql(undone: Link, seed: int) -> None:
    books = {"ES": Book(Decimal(50)), "ZB": Book(Decimal(1000)), "CL": Book(Decimal(1000))}
    commission = Decimal(0)
    for symbol, signed, price, at, fee in stream(seed, 300):
        books[symbol].fill(signed, price)
        commission += fee
        side = "BUY" if signed > 0 else "SELL"
        trade(undone, side, abs(signed), price, symbol, at=at, commission=fee)
    marks: dict[str, Decimal] = {}
    ends = at + timedelta(seconds=1)
    for symbol, (tick, level) in {"ES": ("0.25", 22010), "ZB": ("0.03125", 3805),
                                  "CL": ("0.01", -505)}.items():  # fmt: skip
        marks[symbol] = Decimal(tick) * level
        quote(undone, symbol, str(marks[symbol]), ends)
    for book in books.values():
        lots = sum((lot[0] * lot[1] * book.multiplier for lot in book.lots), Decimal(0))
        assert book.realised - book.cost == book.fifo - lots, "the methods disagree in Python"
    found = {
        row["series"]: row
        for row in rows(undone, "select distinct on (series) * from trade.fills"
                                " order by series, number desc")
    }  # fmt: skip
    assert {symbol: row["position"] for symbol, row in found.items()} == {
        symbol: book.position for symbol, book in books.items()
    }
    held = rows(undone, "select * from trade.positions_at(%s)", ends)
    for row in held:
        book = books[row["series"]]
        assert (row["realised"], row["realised_fifo"]) == (book.realised, book.fifo)
        assert row["cost"] == book.cost.quantize(CENT, ROUND_HALF_UP)
    open_profit = sum(
        book.position * marks[symbol] * book.multiplier - book.cost
        for symbol, book in books.items()
    )
    realised = sum(book.realised for book in books.values())
    account = one(undone, "select * from trade.account_at(%s)", ends)
    assert account["commission"] == commission
    assert account["cash"] == 100_000 + realised - commission
    equity = (100_000 + realised - commission + open_profit).quantize(CENT, ROUND_HALF_UP)
    assert abs(account["net_liquidation"] - equity) <= CENT
    days = rows(undone, "select * from trade.pnl_days('PAPER', '-infinity', 'infinity', %s)", ends)
    assert abs(sum(day["pnl"] for day in days) + 100_000 - equity) <= CENT * len(days)
    assert sum(day["commission"] for day in days) == commission
    assert sum(day["realised"] for day in days) == realised
    lines = rows(undone, "select * from trade.statement('PAPER', '2024-07-01', '2024-07-31')")
    assert lines[-1]["balance"] == account["cash"]
    balance = Decimal(100_000)
    for line in lines[1:-1]:
        balance += line["amount"]
        assert line["balance"] == balance
