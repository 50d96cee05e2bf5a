"""The simulated market through the house: every tick it made is a row, and no other is."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from ticks_made import account, plain, rejected, rows, settings, stored, take_in, value, wait_for

from thor import clock
from thor.database import schema
from thor.domain.sessions import Sessions
from thor.domain.tick import Tick
from thor.errors import Refused
from thor.flow.simulate import simulate
from thor.market.bus.client import Bus
from thor.market.bus.messages import Claim
from thor.market.collect.simulator.market import Simulator
from thor.reference import instruments
from thor.runtime import Stop, Stopped

Link = psycopg.Connection[Any]
# A Monday in regular hours.
START = datetime(2025, 10, 27, 14, 0, tzinfo=UTC)
RATE = 500.0


class Hands:
    """A clock that runs twenty times as fast as the one on the wall, from where it is set."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def set(self, at: datetime) -> None:
        self._at, self._since_s = at, time.monotonic()

    def now(self) -> datetime:
        return self._at + timedelta(seconds=20 * (time.monotonic() - self._since_s))


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The time of these tests."""
    hands = Hands(START)
    monkeypatch.setattr(clock, "now", hands.now)
    return hands


@pytest.fixture
def bus(redis_url: str) -> Iterator[Bus]:
    """The bus that the market is published on."""
    bus = Bus(redis_url)
    yield bus
    bus.close()


def simulated(bus: Bus, database_url: str, ticks: int, **given: Any) -> None:
    """Run the simulator until so many more ticks are on the bus."""
    stop, before = Stop(), bus.state().received
    ended: list[BaseException] = []

    def run() -> None:
        try:
            made = settings(sim_ticks_per_s=RATE, **given)
            simulate(made, bus, database_url, stop)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: ended or bus.state().received >= before + ticks, "the market")
    stop.set()
    thread.join()
    if not isinstance(ended[0], Stopped):
        raise ended[0]


def again(link: Link, start: datetime, until: datetime, **given: Any) -> list[Tick]:
    """Return what a simulator of the same seed makes from the same start, without a house."""
    found = instruments.sessions(link, start - timedelta(days=7), start + timedelta(days=400))
    listed = instruments.instruments(link)
    market = Simulator(listed, Sessions(found), 7, start, RATE, always_open=True, **given)
    ticks: list[Tick] = []
    for step in market.steps():
        ticks += [one for one in step.ticks if one.ts <= until]
        if step.at > until:
            return ticks
    raise AssertionError("the simulated market is endless")


def test_the_simulated_market_is_in_the_ledger_as_it_was_made(
    hands: Hands, bus: Bus, redis_url: str, database_url: str, connection: Link,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    instruments.renew_sessions(connection, START.date())
    begun: list[datetime] = []

    class Noted(Simulator):
        def __init__(self, *given: Any, **named: Any) -> None:
            begun.append(given[3])
            super().__init__(*given, **named)

    monkeypatch.setattr("thor.flow.simulate.Simulator", Noted)
    simulated(bus, database_url, 3000)
    take_in(redis_url, database_url)

    received, inserted, duplicate, refused = account(connection)
    assert received == bus.state().received == inserted >= 3000
    assert (duplicate, refused, rejected(connection)) == (0, 0, [])
    until = value(connection, "select max(ts) from market.ticks")
    made = sorted(again(connection, begun[0], until), key=lambda one: (one.symbol, one.ts, one.seq))
    assert [plain(one) for one in stored(connection)] == [plain(one) for one in made]
    assert len({one.symbol for one in made}) == 11

    off_grid = (
        "select count(*) from market.ticks as t join reference.instruments as i using (symbol)"
        " where t.last %% i.quote_increment <> 0 or t.bid %% i.quote_increment <> 0"
        " or t.ask %% i.quote_increment <> 0 or t.bid >= t.ask"
    )
    assert value(connection, off_grid) == 0

    # The next start, a minute later, goes on: later numbers, and prices from where they were.
    first_run = rows(
        connection, "select symbol, max(seq) as seq, max(last) as high, min(last) as low"
        " from market.ticks group by symbol",
    )  # fmt: skip
    hands.set(until + timedelta(minutes=1))
    simulated(bus, database_url, 3000)
    take_in(redis_url, database_url)
    newest = max(row["seq"] for row in first_run)
    later = "select count(*), min(seq) > %s from market.ticks where ts > %s"
    found = connection.execute(later.encode(), (newest, until)).fetchone()
    assert found == (value(connection, "select count(*) from market.ticks") - inserted, True)
    assert account(connection)[2:] == (0, 0)
    for row in first_run:
        opened = (
            "select last from market.ticks where symbol = %s and ts > %s and last > 0"
            " order by ts, seq limit 1"
        )
        after = connection.execute(opened.encode(), (row["symbol"], until)).fetchone()
        # A minute moves no market by one part in fifty; another start's price might be anywhere.
        if after is not None:
            assert row["low"] * 49 / 50 < after[0] < row["high"] * 51 / 50


def test_the_simulator_yields_to_a_feed_and_is_counted(
    hands: Hands, bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    instruments.renew_sessions(connection, START.date())
    feed = Tick(
        symbol="ES", ts=START, seq=1, source="EXCEL", received_at=START, bid=None, volume=5
    )  # fmt: skip
    bus.publish([feed], {"ES": Claim(20, 3_600_000)})
    simulated(bus, database_url, 1000)
    take_in(redis_url, database_url)
    sources = "select distinct source from market.ticks where symbol = 'ES'"
    assert rows(connection, sources) == [{"source": "EXCEL"}]
    assert value(connection, "select count(distinct symbol) from market.ticks") == 11
    assert bus.state().shadowed["SIM"] > 0
    assert bus.state().received == account(connection)[1]


def test_the_simulator_stays_out_of_a_database_for_live_data(
    bus: Bus, bare_database_url: str
) -> None:
    schema.up(bare_database_url, "live")
    with pytest.raises(Refused, match="live"):
        simulate(settings(), bus, bare_database_url, Stop())
    assert bus.state().received == 0


def test_a_wish_to_stop_is_heard_while_the_database_is_away(bus: Bus) -> None:
    stop, said = Stop(), []

    def say(reason: str, attempt: int) -> None:
        said.append((reason, attempt))
        stop.set()

    with pytest.raises(Stopped):
        simulate(settings(), bus, "postgresql://thor@127.0.0.1:1/thor", stop, say)
    assert said[0][1] == 1
    assert "PostgreSQL" in said[0][0]
