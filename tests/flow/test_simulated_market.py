"""The simulated market end to end: every tick it made is a row, and there is no other row."""

import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
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


def again(
    link: Link, start: datetime, until: datetime, volumes: Mapping[str, int], **given: Any
) -> list[Tick]:
    """Return what a simulator of the same seed makes from the same start, without servers."""
    found = instruments.sessions(link, start - timedelta(days=7), start + timedelta(days=400))
    listed = instruments.instruments(link)
    market = Simulator(
        listed, Sessions(found), 7, start, RATE, always_open=True, pattern=0.2, **given
    )
    market.carry_volumes(volumes)
    ticks: list[Tick] = []
    for step in market.steps():
        ticks += [one for one in step.ticks if one.ts <= until]
        if step.at > until:
            return ticks
    raise AssertionError("the simulated market is endless")


def test_the_simulated_market_is_in_the_database_as_it_was_made(
    hands: Hands, bus: Bus, redis_url: str, database_url: str, connection: Link,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    instruments.renew_sessions(connection, START.date())
    begun: list[datetime] = []
    carried: list[Mapping[str, int]] = []

    class Noted(Simulator):
        def __init__(self, *given: Any, **named: Any) -> None:
            begun.append(given[3])
            super().__init__(*given, **named)

        def carry_volumes(self, volumes: Mapping[str, int]) -> None:
            carried.append(volumes)
            super().carry_volumes(volumes)

    monkeypatch.setattr("thor.flow.simulate.Simulator", Noted)
    simulated(bus, database_url, 3000)
    take_in(redis_url, database_url)

    received, inserted, duplicate, refused = account(connection)
    assert received == bus.state().received == inserted >= 3000
    assert (duplicate, refused, rejected(connection)) == (0, 0, [])
    until = value(connection, "select max(ts) from market.ticks")
    # Nothing was there before the first start; then the history of the day so far.
    assert carried[0] == {}
    made = sorted(
        again(connection, begun[0], until, carried[1]),
        key=lambda one: (one.symbol, one.ts, one.seq),
    )
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


SATURDAY = datetime(2025, 11, 1, 17, 30, tzinfo=UTC)


def test_a_new_simulated_market_has_a_past_on_a_saturday_too(
    hands: Hands, bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    hands.set(SATURDAY)
    instruments.renew_sessions(connection, SATURDAY.date(), ignores_hours=True)
    simulated(bus, database_url, 3000)
    take_in(redis_url, database_url)
    history = "select count(*) from market.bar_files where vendor = 'SIM'"
    wait_for(lambda: value(connection, history), "the history")

    counts = rows(
        connection,
        "select width, min(n) as least, max(n) as most from (select symbol, width, count(*) as n"
        " from market.bars_imported group by 1, 2) as b group by width",
    )
    found = {row["width"]: (row["least"], row["most"]) for row in counts}
    assert found["1d"] == (400, 400)
    assert len(found) == 4
    # Ten days, and the minutes from Friday 17:00 in Chicago to the start: the last is over.
    begun = value(connection, "select min(ts) from market.ticks").replace(second=0, microsecond=0)
    so_far = (begun - datetime(2025, 10, 31, 22, tzinfo=UTC)) // timedelta(minutes=1)
    assert found["1m"][1] == 10 * 1440 + so_far
    # The last minute of the past ends where the first ticks are: a tick or two apart.
    joins = rows(
        connection,
        "select b.symbol, abs(b.close - t.last) / i.tick_size as ticks, b.bar_start"
        " from reference.instruments as i cross join lateral (select * from market.bars_imported"
        " as m where m.symbol = i.symbol and m.width = '1m' order by m.bar_start desc limit 1) as b"
        " cross join lateral (select * from market.ticks as m where m.symbol = i.symbol and"
        " m.last is not null order by m.ts limit 1) as t",
    )
    assert len(joins) == 11
    assert max(row["ticks"] for row in joins) <= 8
    assert max(row["bar_start"] for row in joins) == begun - timedelta(minutes=1)

    # Every figure of the board is there, and every session feature.
    until = value(connection, "select max(ts) from market.ticks")
    board = rows(connection, "select * from market.quote_metrics(%s)", until)
    lacking = {
        (row["symbol"], name)
        for row in board
        for name, field in row.items()
        if field is None and name not in ("contract", "basis_source")
    }
    assert lacking == set()
    assert {(row["basis_kind"], row["basis_date"]) for row in board} == {
        ("daily_bar", SATURDAY.date() - timedelta(days=1))
    }
    for row in board:
        assert row["low"] <= row["vwap"] <= row["high"]
        assert row["low_52w"] <= row["low"]
        assert row["high"] <= row["high_52w"]
    where = (
        "select count(*) as n, count(minutes_since_open) as open, count(is_regular) as regular,"
        " count(minutes_to_close) as close, count(prior_close_distance) as prior"
        " from feat.context('1m', '{ES}', %s, %s)"
    )
    (row,) = rows(connection, where, SATURDAY - timedelta(hours=1), SATURDAY)
    assert row["n"] >= 59
    assert set(row.values()) == {row["n"]}

    # What README has a newcomer select gives rows, and features that are there.
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    queries = re.findall(r"^thor=> (select .+);$", readme, re.MULTILINE)
    assert sum("feat." in query for query in queries) == 1
    for query in queries:
        shown = rows(connection, query.replace("now()", f"timestamptz '{until}'"))
        assert shown, query
        assert "feat." not in query or None not in shown[-1].values()

    # Whether or not it trades, the simulator has looked at every symbol.
    assert value(connection, "select count(*) from market.heard where source = 'SIM'") == 11

    # The next start makes no other past, and counts the day's volume on.
    before = value(connection, "select sum(volume) from market.quotes")
    hands.set(until + timedelta(minutes=1))
    simulated(bus, database_url, 500)
    take_in(redis_url, database_url)
    assert value(connection, history) == 1
    assert value(connection, "select sum(volume) from market.quotes") > before


def test_a_simulated_market_without_a_past_is_given_one_up_to_its_first_tick(
    hands: Hands, bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    instruments.renew_sessions(connection, START.date(), ignores_hours=True)
    price = Decimal("5000.25")
    first = Tick(
        symbol="ES", ts=START - timedelta(hours=1), seq=1, source="SIM", is_trade=True,
        received_at=START - timedelta(hours=1), last=price, volume_delta=1, volume=1,
    )  # fmt: skip
    bus.publish([first])
    take_in(redis_url, database_url)
    simulated(bus, database_url, 500)
    newest = "select close from market.bars_imported where width = '1m' order by bar_start desc"
    wait_for(lambda: connection.execute(newest.encode()).fetchone(), "the history")
    assert value(connection, newest) == price
    assert value(connection, "select array_agg(distinct symbol) from market.bars_imported") == [
        "ES"
    ]
    begun = "select max(bar_start) from market.bars_imported where width = '1m'"
    assert value(connection, begun) == START - timedelta(hours=1, minutes=1)


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


def test_a_stop_is_seen_while_the_database_is_away(bus: Bus) -> None:
    stop, said = Stop(), []

    def say(reason: str, attempt: int) -> None:
        said.append((reason, attempt))
        stop.set()

    with pytest.raises(Stopped):
        simulate(settings(), bus, "postgresql://thor@127.0.0.1:1/thor", stop, say)
    assert said[0][1] == 1
    assert "PostgreSQL" in said[0][0]
