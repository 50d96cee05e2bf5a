"""A recorded evening of ES with fixed orders, and its books kept by other means than Thor's.

The books count in fractions of a point and cents, from the records alone: the quote that stood when
an order arrived, moved against the trader by 1 bp or a tick on the grid, and an average price.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from thor.domain.tick import Tick

BEGIN = datetime(2024, 7, 1, 23, 58, tzinfo=UTC)
LATENCY = timedelta(milliseconds=50)
# Seconds after the beginning, the side, and the contracts.
ORDERS = [
    *((5, "BUY", 1), (20, "BUY", 2), (41, "SELL", 1), (60, "SELL", 4), (75, "BUY", 1)),
    *((99, "BUY", 3), (121, "SELL", 2), (150, "SELL", 1), (177, "BUY", 2), (200, "SELL", 1)),
]


class Entry(NamedTuple):
    """A fill of the books, with the position and the sums in cents after it."""

    at: datetime
    quantity: int
    price: Decimal
    position: int
    realised_cents: Fraction
    cash_cents: Fraction


def records(data: Path) -> list[dict[str, Any]]:
    """Return the records of the evening in their order; 120 of them are trades."""
    file = data / "ticks/es_esu4_20240701_mbp1.parquet"
    return sorted(pq.read_table(file).to_pylist(), key=lambda row: (row["ts"], row["seq"]))


def ticks(rows: list[dict[str, Any]], source: str) -> list[Tick]:
    """Return the records as a feed gives them."""
    return [
        Tick(
            symbol="ES",
            ts=row["ts"],
            seq=row["seq"],
            source=source,
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


def books(rows: list[dict[str, Any]]) -> list[Entry]:
    """Return the books of the fixed orders over the records."""
    cash, realised, cost, position, found = Fraction(0), Fraction(0), Fraction(0), 0, []
    for seconds, side, quantity in ORDERS:
        arrival = BEGIN + timedelta(seconds=seconds) + LATENCY
        quote: dict[str, Any] = {}
        for row in rows:
            if row["ts"] < arrival:
                quote |= {name: row[name] for name in ("bid", "ask") if row[name] is not None}
        touch = Fraction(quote["ask" if side == "BUY" else "bid"])
        sign = 1 if side == "BUY" else -1
        price = touch + sign * Fraction(max(ceil(touch / 10_000 * 4), 1), 4)
        # One contract after another: it adds at its price, or closes at the average.
        for _ in range(quantity):
            if position * sign >= 0:
                cost += sign * price
            else:
                share = cost / abs(position)
                realised += -sign * (price - abs(share)) * 5_000
                cost -= share
            position += sign
        cash -= 250 * quantity
        found.append(
            Entry(
                *(arrival, quantity, Decimal(str(float(price))), position),
                *(realised, cash + realised),
            )
        )
    return found
