"""A recorded evening through the paper broker: fixed orders against books kept by other means."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from orders_made import EXACT, market, order

from thor.domain.tick import Tick
from thor.trading.brokers.paper import PaperTradingBroker

FILE = "ticks/es_esu4_20240701_mbp1.parquet"
LATENCY = timedelta(milliseconds=50)
# Seconds after 23:58:00 UTC, the side, and the contracts.
ORDERS = [
    *((5, "BUY", 1), (20, "BUY", 2), (41, "SELL", 1), (60, "SELL", 4), (75, "BUY", 1)),
    *((99, "BUY", 3), (121, "SELL", 2), (150, "SELL", 1), (177, "BUY", 2), (200, "SELL", 1)),
]


def ticks(rows: list[dict[str, Any]]) -> list[Tick]:
    """Return the records as a feed gives them."""
    return [
        Tick(
            symbol="ES",
            ts=row["ts"],
            seq=row["seq"],
            source="TAPE:00000000",
            received_at=row["ts"],
            is_trade=row["kind"] == "trade",
            last_size=row["last_size"],
            bid_size=row["bid_size"],
            ask_size=row["ask_size"],
            **{
                name: None if row[name] is None else Decimal(str(row[name]))
                for name in ("last", "bid", "ask")
            },
        )
        for row in rows
    ]


def test_fixed_orders_on_a_recorded_evening_equal_books_kept_by_other_means(data: Path) -> None:
    rows = sorted(pq.read_table(data / FILE).to_pylist(), key=lambda row: (row["ts"], row["seq"]))
    assert sum(row["kind"] == "trade" for row in rows) == 120
    begin = datetime(2024, 7, 1, 23, 58, tzinfo=UTC)

    def run() -> PaperTradingBroker:
        one = PaperTradingBroker("PAPER", market(), EXACT)
        due = [
            order(f"o{at}", side, "MARKET", quantity, placed_at=begin + timedelta(seconds=at))
            for at, side, quantity in ORDERS
        ]
        for tick in ticks(rows):
            while due and due[0].placed_at <= tick.ts:
                one.submit(due.pop(0))
            one.on_tick(tick)
        return one

    events = run().events()
    fills = [event.fill for event in events if event.fill is not None]
    assert [repr(one) for one in run().events()] == [repr(one) for one in events]

    # By other means: the book as it stood when each order arrived, in fractions of a point, and
    # money counted in cents.
    cents, position, expected = 0, 0, []
    for at, side, quantity in ORDERS:
        arrival = begin + timedelta(seconds=at) + LATENCY
        book: dict[str, Any] = {}
        for row in rows:
            if row["ts"] < arrival:
                book |= {name: row[name] for name in ("bid", "ask") if row[name] is not None}
        touch = Fraction(book["ask" if side == "BUY" else "bid"])
        quarters = max(ceil(touch / 10_000 / Fraction(1, 4)), 1)
        sign = 1 if side == "BUY" else -1
        price = touch + sign * Fraction(quarters, 4)
        cents -= sign * quantity * int(price * 50 * 100) + 250 * quantity
        position += sign * quantity
        expected.append((arrival, quantity, Decimal(str(float(price)))))

    # What is displayed is enough for most; the rest of an order has the same price or the next.
    whole = [fill for fill in fills if fill.at - LATENCY == _placed(fill.order_id, begin)]
    assert [(fill.at, fill.quantity, fill.price) for fill in whole] == expected
    assert position == 0
    signed = [(1 if fill.side == "BUY" else -1, fill) for fill in fills]
    assert sum(sign * fill.quantity for sign, fill in signed) == position
    cash = sum(-sign * fill.quantity * fill.price * 50 - fill.commission for sign, fill in signed)
    assert cash == Decimal(cents) / 100


def _placed(order_id: Any, begin: datetime) -> datetime | None:
    for at, side, quantity in ORDERS:
        if order(f"o{at}", side, "MARKET", quantity).order_id == order_id:
            return begin + timedelta(seconds=at)
    return None
