"""Measure paper trading under load: 5,000 ticks/s and 1,000 working orders, without growing lag.

    python bench/paper.py [seconds]

First the paper broker alone, pure and on one core. Then the whole way, for 60 s: a collector
publishes to the bus, `jobs.ingest` and `jobs.trade` run as processes of their own, and the orders
are placed as a trader places them. A lag is how old the newest entry of the stream was when the job
wrote what came of it.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import psycopg
from crash import CrashSystem, crash_system
from orders_made import EXACT, market, order

from thor.domain.orders import OrderRequest
from thor.domain.tick import Tick
from thor.flow.place_orders import place
from thor.market.bus.client import Bus
from thor.reference import instruments
from thor.trading.brokers.paper import PaperTradingBroker

ORDERS, TICKS, TICKS_PER_S, SECONDS = 1_000, 100_000, 5_000, 60
BEGIN = datetime(2024, 7, 2, 14, tzinfo=UTC)
TICK = Decimal("0.25")
_BATCH_S = 0.02
# The job writes how far it has read at least once a second: later, it is behind.
_LAG = """
select
    1000 * extract(epoch from case
        when clock_timestamp() - p.updated_at > interval '2 seconds' then clock_timestamp()
        else p.updated_at
    end)::float8
    - split_part(p.entry_id, '-', 1)::float8
from trade.broker_progress as p
"""


def walk(chance: random.Random) -> Iterator[Tick]:
    """Yield ticks of ES 200 µs apart, whose price walks by a tick at most."""
    price, at = Decimal(5550), 0
    while True:
        price += TICK * chance.choice((-1, 0, 0, 1))
        # A minute after the first one: the orders are placed meanwhile.
        ts = BEGIN + timedelta(microseconds=200 * at, minutes=min(at, 1))
        yield Tick(
            symbol="ES",
            ts=ts,
            seq=at,
            source="SIM",
            received_at=ts,
            bid=price,
            ask=price + TICK,
            bid_size=10,
            ask_size=10,
            last=price,
            last_size=1,
            is_trade=True,
        )
        at += 1


def asked(number: int, chance: random.Random) -> dict[str, Any]:
    """Return an order of one contract that waits 50 to 300 ticks away."""
    sign = 1 if number % 2 else -1
    away = TICK * chance.randint(50, 300)
    kind = ("LIMIT", "STOP")[number // 2 % 2]
    side = "BUY" if sign > 0 else "SELL"
    price = Decimal(5550) + (-sign if kind == "LIMIT" else sign) * away
    return {"side": side, "type": kind, f"{kind.lower()}_price": price}


def pure() -> None:
    """Print how many ticks a second the broker alone reads, and what was filled."""
    chance = random.Random(1)
    broker = PaperTradingBroker("PAPER", market(), EXACT)
    source = walk(chance)
    ticks = [next(source) for _ in range(TICKS)]
    broker.on_tick(ticks[0])
    for number in range(ORDERS):
        given = asked(number, chance)
        side, kind = given.pop("side"), given.pop("type")
        broker.submit(
            order(f"b{number}", side, kind, 1, placed_at=BEGIN, time_in_force="GTC", **given)
        )
    began_s, worst_s = time.perf_counter(), 0.0
    for tick in ticks[1:]:
        at_s = time.perf_counter()
        broker.on_tick(tick)
        worst_s = max(worst_s, time.perf_counter() - at_s)
    took_s = time.perf_counter() - began_s
    fills = sum(event.fill is not None for event in broker.events())
    print(
        f"broker alone: {(TICKS - 1) / took_s:,.0f} ticks/s with {ORDERS} orders; {fills} fills, "
        f"{len(broker.orders())} still work; slowest tick {worst_s * 1000:.1f} ms"
    )


def place_all(system: CrashSystem, bus: Bus, at: datetime) -> None:
    """Place the orders as a trader does, with limits that let them pass, and print how long."""
    chance = random.Random(2)
    with psycopg.connect(system.urls.database_url, autocommit=True) as link:
        link.execute(
            "insert into trade.limits (rule, value, version, who)"
            " select rule, 1e12, 9, 'bench' from trade.limits_at(now())"
            " where rule not in ('duplicate_s', 'stale_quote_s', 'no_open_before_close_minutes',"
            " 'flat_by_close', 'days_to_notice') union all select 'duplicate_s', 0, 9, 'bench'"
        )
        began_s = time.perf_counter()
        for number in range(ORDERS):
            request = OrderRequest(
                **{"account_id": "PAPER", "client_order_id": f"b{number}", "symbol": "ES"},
                **{"quantity": 1, "time_in_force": "GTC", **asked(number, chance)},
            )
            row = place(link, request, "bench", at)
            assert row["status"] == "PENDING", row["reason"]
            if number % 50 == 49:
                # The market's time goes on, without a tick.
                bus.publish_clock("SIM", at + timedelta(milliseconds=2 * number), ["ES"])
        took_s = time.perf_counter() - began_s
    print(f"placed: {ORDERS} orders in {took_s:.1f} s, {took_s / ORDERS * 1000:.1f} ms each")


def whole(seconds: int) -> None:
    """Print the lag of the job over the time, first and last, and what was filled."""
    with crash_system() as system:
        with psycopg.connect(system.urls.database_url, autocommit=True) as link:
            instruments.renew_sessions(link, BEGIN.date())
        bus, source = Bus(system.urls.redis_url), walk(random.Random(1))
        system.ingestor.start()
        with (system.folder / "trade.log").open("wb") as log:
            job = subprocess.Popen(
                [sys.executable, "-m", "jobs.trade"],
                **{
                    "cwd": Path(__file__).resolve().parents[1],
                    "env": system.ingestor.env,
                    "stdout": log,
                    "stderr": log,
                },
            )
        try:
            # It reads on from its start: of ticks before that it has no quote.
            said = system.folder / "trade.log"
            system.wait_for(lambda: b" trading " in said.read_bytes(), "the job")
            first = next(source)
            bus.publish([first])
            system.wait_for(lambda: system.received() > 0, "the first tick")
            place_all(system, bus, first.ts)
            later = count(2 * ORDERS)

            def all_answered() -> bool:
                # An order that came after the last clock arrives with the next one.
                bus.publish_clock("SIM", first.ts + timedelta(milliseconds=next(later)), ["ES"])
                return unanswered(system) == 0

            system.wait_for(all_answered, "the broker's answers")
            print(f"at work: {working(system)} orders")
            lags = run(system, bus, source, seconds)
        finally:
            job.terminate()
            job.wait(30)
            bus.close()
        tenth = max(len(lags) // 6, 1)
        (fills,) = system.query("select count(*) from trade.fills")
        print(
            f"whole way: {seconds} s of {TICKS_PER_S:,} ticks/s; lag {mean(lags[:tenth]):.0f} ms "
            f"in the first sixth, {mean(lags[-tenth:]):.0f} ms in the last, {max(lags):.0f} ms at "
            f"most; {fills} fills, {working(system)} still work"
        )


def working(system: CrashSystem) -> int:
    """Return how many orders work at the broker."""
    return int(system.query("select count(*) from trade.orders where status = 'WORKING'")[0])


def unanswered(system: CrashSystem) -> int:
    """Return how many orders the broker has not answered yet."""
    asked = "select count(*) from trade.orders where status in ('PENDING', 'SUBMITTED')"
    return int(system.query(asked)[0])


def run(system: CrashSystem, bus: Bus, source: Iterator[Tick], seconds: int) -> list[float]:
    """Publish at the pace, and return the lag of each second, in ms."""
    lags: list[float] = []
    began_s, sent = time.perf_counter(), 0
    with psycopg.connect(system.urls.database_url, autocommit=True) as link:
        while (passed_s := time.perf_counter() - began_s) < seconds:
            due = int(passed_s * TICKS_PER_S) - sent
            if due > 0:
                bus.publish([next(source) for _ in range(min(due, 1_000))])
                sent += min(due, 1_000)
            if int(passed_s) > len(lags):
                lag = link.execute(_LAG.encode()).fetchone()
                assert lag is not None
                lags.append(float(lag[0]))
            time.sleep(_BATCH_S)
    print(f"published: {sent / seconds:,.0f} ticks/s")
    return lags


if __name__ == "__main__":
    pure()
    whole(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
