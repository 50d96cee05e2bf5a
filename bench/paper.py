"""Measure the paper broker: ticks a second with 1,000 working orders; the aim is 5,000.

    python bench/paper.py

Pure, on one core: no bus and no database. Prices walk; orders wait 50 to 300 ticks away.
"""

import random
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from orders_made import EXACT, market, order

from thor.domain.tick import Tick
from thor.trading.brokers.paper import PaperTradingBroker

ORDERS, TICKS = 1_000, 100_000
BEGIN = datetime(2024, 7, 2, 14, tzinfo=UTC)


def main() -> None:
    """Print how many ticks a second were read, and what was filled."""
    chance = random.Random(1)
    broker = PaperTradingBroker("PAPER", market(), EXACT)
    price = Decimal(5550)
    ticks = []
    for at in range(TICKS):
        price += Decimal("0.25") * chance.choice((-1, 0, 0, 1))
        ticks.append(
            Tick(
                symbol="ES",
                ts=BEGIN + timedelta(microseconds=200 * at),
                seq=at,
                source="TAPE:00000000",
                received_at=BEGIN,
                bid=price,
                ask=price + Decimal("0.25"),
                bid_size=10,
                ask_size=10,
                last=price,
                last_size=1,
                is_trade=True,
            )
        )
    broker.on_tick(ticks[0])
    for number in range(ORDERS):
        side = "BUY" if number % 2 else "SELL"
        sign = 1 if number % 2 else -1
        away = Decimal("0.25") * chance.randint(50, 300)
        kind = ("LIMIT", "STOP")[number // 2 % 2]
        prices = (
            {"limit_price": str(Decimal(5550) - sign * away)}
            if kind == "LIMIT"
            else {"stop_price": str(Decimal(5550) + sign * away)}
        )
        one = order(f"b{number}", side, kind, 1, placed_at=BEGIN, time_in_force="GTC", **prices)
        assert isinstance(one.order_id, UUID)
        broker.submit(one)
    began_s, worst_s = time.perf_counter(), 0.0
    for one_tick in ticks[1:]:
        at_s = time.perf_counter()
        broker.on_tick(one_tick)
        worst_s = max(worst_s, time.perf_counter() - at_s)
    took_s = time.perf_counter() - began_s
    fills = sum(event.fill is not None for event in broker.events())
    print(
        f"{(TICKS - 1) / took_s:,.0f} ticks/s with {ORDERS} orders; {fills} fills, "
        f"{len(broker.orders())} still work; slowest tick {worst_s * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
