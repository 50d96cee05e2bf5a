"""A recorded evening through bus, job and database: fixed orders against books of other means."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg
from recorded_evening import BEGIN, ORDERS, books, records, ticks
from ticks_made import rows, take_in
from trading_made import SOURCE, made_desk

from thor.flow.place_orders import place
from thor.market.bus.client import Bus


def test_fixed_orders_on_a_recorded_evening_give_the_positions_and_the_money_of_the_books(
    data: Path, database_url: str, redis_url: str, bus: Bus, connection: psycopg.Connection[Any]
) -> None:
    desk = made_desk(database_url, redis_url, bus, connection)
    recorded = records(data)
    left = iter(ticks(recorded, SOURCE))
    held: list[Any] = []

    def read_until(end: datetime) -> None:
        """Publish what was recorded before a moment, with the source's clock, and trade on it."""
        entries = list(before(end))
        for first in range(0, len(entries), 500):
            bus.publish(entries[first : first + 500])
        bus.publish_clock(SOURCE, end, ["ES"])
        take_in(redis_url, database_url)
        desk.trader._due.pop("look", None)
        while desk.trader.turn(1):
            pass

    def before(end: datetime) -> Iterator[Any]:
        while held or (found := next(left, None)) is not None:
            tick = held.pop() if held else found
            if tick.ts >= end:
                held.append(tick)
                return
            yield tick

    for seconds, side, quantity in ORDERS:
        at = BEGIN + timedelta(seconds=seconds)
        read_until(at)
        placed = place(desk.link, desk.request(side, quantity), "ann", at)
        assert placed["status"] == "PENDING", placed["reason"]
    read_until(datetime(2024, 7, 2, 1, tzinfo=UTC))

    expected = books(recorded)
    fills = rows(
        desk.link,
        "select at, quantity, price, position, sum(realised) over w as realised, net_sum"
        " from trade.fills window w as (order by number) order by number",
    )
    assert [(fill["at"], fill["quantity"], fill["price"], fill["position"]) for fill in fills] == [
        one[:4] for one in expected
    ]
    for fill, one in zip(fills, expected, strict=True):
        # A partial close is rounded to the cent, the rest of a cent stays in what is left.
        assert abs(fill["realised"] - money(one.realised_cents)) <= Decimal("0.01")
        assert abs(fill["net_sum"] - money(one.cash_cents)) <= Decimal("0.01")
    moment = datetime(2024, 7, 2, 1, tzinfo=UTC)
    (account,) = rows(desk.link, f"select * from trade.account_at('{moment}')")
    (position,) = rows(desk.link, f"select * from trade.positions_at('{moment}')")
    (day,) = rows(
        desk.link, f"select * from trade.pnl_days('PAPER', '-infinity', 'infinity', '{moment}')"
    )
    closing = rows(desk.link, "select * from trade.statement('PAPER', '2024-07-02', '2024-07-02')")
    last = expected[-1]
    assert (last.position, position["quantity"], position["series"]) == (0, 0, "ESU24")
    # Flat, to the cent.
    cash = 100_000 + money(last.cash_cents)
    assert account["cash"] == account["net_liquidation"] == closing[-1]["balance"] == cash
    assert account["realised"] == position["realised"] == money(last.realised_cents)
    assert (day["trade_date"], day["pnl"]) == (date(2024, 7, 2), money(last.cash_cents))
    assert account["commission"] == Decimal("2.50") * sum(quantity for *_, quantity in ORDERS)
    assert desk.trader.reconcile() == []


def money(cents: Fraction) -> Decimal:
    """Return cents as money, to the cent."""
    exact = Decimal(cents.numerator) / Decimal(cents.denominator) / 100
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
