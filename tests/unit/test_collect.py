"""Collectors give steps, and one loop publishes each when it is due."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from thor import clock
from thor.domain.tick import Tick
from thor.errors import Unavailable
from thor.flow.collect import Outlet, collect
from thor.market.bus.messages import Published
from thor.market.collect.collector import FeedState, Step
from thor.market.collect.files.collector import TapeCollector
from thor.runtime import Stop, Stopped

START = datetime(2024, 7, 1, 14, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def tick(seconds: float, seq: int = 0) -> Tick:
    ts = at(seconds)
    return Tick(symbol="ES", ts=ts, seq=seq, source="SIM", received_at=ts, last=Decimal(1))


class Tape:
    source = "TAPE:00000000"

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds

    def batches(self) -> Iterator[list[Tick]]:
        yield [tick(second, seq) for seq, second in enumerate(self.seconds)]


def said(tape: Tape, speed: float | None) -> list[tuple[float, float | None, int]]:
    """Return each step: the second that it says, when it is due, and its ticks."""
    steps = TapeCollector(tape, speed).steps()  # type: ignore[arg-type]
    return [((step.at - START).total_seconds(), step.due_s, len(step.ticks)) for step in steps]


def test_a_tape_says_every_whole_second_between_distant_ticks() -> None:
    assert said(Tape(0.25, 3.5, 4.25), 1.0) == [
        (0.25, 0.0, 1),
        (1.0, 0.75, 0),
        (2.0, 1.75, 0),
        (3.0, 2.75, 0),
        (3.5, 3.25, 1),
        (4.0, 3.75, 0),
        (4.25, 4.0, 1),
    ]


def test_a_fast_tape_says_its_time_ten_times_a_second() -> None:
    assert said(Tape(0, 10), 40.0) == [(0, 0.0, 1), (4, 0.1, 0), (8, 0.2, 0), (10, 0.25, 1)]


def test_a_tape_at_full_speed_says_no_time_between_its_ticks() -> None:
    assert said(Tape(0, 3600, 90_000), None) == [(0, 0.0, 3)]


class Bus:
    """A publisher that remembers, or is away."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.is_away = False

    def checked(self, ticks: list[Tick]) -> list[Tick]:
        return ticks

    def publish_checked(self, ticks: list[Tick], seen: Sequence[str] | None = None) -> Published:
        self._call([one.seq for one in ticks])
        return Published(len(ticks), 0)

    def publish_clock(self, source: str, ts: datetime, seen: Sequence[str] | None) -> None:
        self._call(ts)

    def _call(self, what: Any) -> None:
        if self.is_away:
            raise Unavailable("away")
        self.calls.append(what)


class Feed:
    source = "SIM"

    def __init__(self, *steps: Step) -> None:
        self._steps = steps

    def steps(self) -> Iterator[Step]:
        yield from self._steps


class Waits(Stop):
    """A stop that is asked to wait and does not."""

    def __init__(self, *, stops_at: int | None = None) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._stops_at = stops_at

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) == self._stops_at


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def outlet(bus: Bus) -> Outlet:
    return Outlet("SIM", bus)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "monotonic_s", lambda: 1000.0)
    monkeypatch.setattr(clock, "now", lambda: START)


def test_a_step_waits_until_it_is_due_by_the_run_or_by_the_machine_s_clock(
    bus: Bus, outlet: Outlet
) -> None:
    stop = Waits()
    feed = Feed(Step(at(0), [tick(0)], due_s=2.5), Step(at(7), [tick(7, 1)], due_s=None))
    assert collect(feed, outlet, stop)
    assert stop.waited == [2.5, 7.0]
    assert bus.calls == [[0], [1]]
    assert outlet.published == 2


def test_ticks_of_a_feed_that_looks_at_symbols_are_followed_by_its_clock(
    bus: Bus, outlet: Outlet
) -> None:
    collect(Feed(Step(at(1), [tick(0)], seen=["ES"]), Step(at(2), seen=[])), outlet, Waits())
    assert bus.calls == [[0], at(1), at(2)]


def test_a_time_that_has_long_passed_is_left_out_and_a_tick_or_a_feed_s_state_is_not(
    bus: Bus, outlet: Outlet
) -> None:
    state = FeedState("live", "", START)
    late = [Step(at(-60), due_s=-60.0), Step(at(-59), due_s=None)]
    kept = [Step(at(-58), [tick(-58)], due_s=None), Step(at(-57), due_s=-57.0, state=state)]
    taken: list[Step] = []
    collect(Feed(*late, *kept), outlet, Waits(), taken.append)
    assert bus.calls == [[0], at(-57)]
    assert taken == kept


def test_a_run_that_is_to_stop_publishes_nothing_more(bus: Bus, outlet: Outlet) -> None:
    feed = Feed(Step(at(0), [tick(0, 0)]), Step(at(0), [tick(0, 1)]))
    with pytest.raises(Stopped):
        collect(feed, outlet, Waits(stops_at=2))
    assert bus.calls == [[0]]


def test_a_feed_without_a_spill_fails_where_the_bus_is_away(bus: Bus, outlet: Outlet) -> None:
    bus.is_away = True
    with pytest.raises(Unavailable):
        collect(Feed(Step(at(0), [tick(0)])), outlet, Waits())
