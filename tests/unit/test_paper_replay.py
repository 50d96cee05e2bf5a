"""A recorded evening through the paper broker: fixed orders against books kept by other means."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from orders_made import EXACT, market, order
from recorded_evening import BEGIN, ORDERS, books, records, ticks

from thor.trading.brokers.paper import PaperTradingBroker


def test_fixed_orders_on_a_recorded_evening_equal_books_kept_by_other_means(data: Path) -> None:
    rows = records(data)
    assert sum(row["kind"] == "trade" for row in rows) == 120

    def run() -> PaperTradingBroker:
        one = PaperTradingBroker("PAPER", market(), EXACT)
        due = [
            order(f"o{at}", side, "MARKET", quantity, placed_at=BEGIN + timedelta(seconds=at))
            for at, side, quantity in ORDERS
        ]
        for tick in ticks(rows, "TAPE:00000000"):
            while due and due[0].placed_at <= tick.ts:
                one.submit(due.pop(0))
            one.on_tick(tick)
        return one

    events = run().events()
    fills = [event.fill for event in events if event.fill is not None]
    assert [repr(one) for one in run().events()] == [repr(one) for one in events]
    expected = books(rows)
    assert [(fill.at, fill.quantity, fill.price) for fill in fills] == [
        (one.at, one.quantity, one.price) for one in expected
    ]
    signed = [(1 if fill.side == "BUY" else -1, fill) for fill in fills]
    cash = sum(-sign * fill.quantity * fill.price * 50 - fill.commission for sign, fill in signed)
    assert expected[-1].position == sum(sign * fill.quantity for sign, fill in signed) == 0
    assert cash == Decimal(str(float(expected[-1].cash_cents))) / 100
