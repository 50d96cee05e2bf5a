"""The simulator: repeatable, on the grid, correlated, and silent when the exchange is.

27 October 2025 is an ordinary Monday: in Chicago (CDT, UTC-5) equity trades from Sunday
17:00 to 16:00, and regularly from 08:30 to 15:00, 13:30 to 20:00 UTC.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, takewhile

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.domain.calendar import compute
from thor.domain.hours import HOURS
from thor.domain.instrument import Instrument, Listing, checked
from thor.domain.sessions import Sessions
from thor.domain.tick import Tick, check
from thor.errors import NotFound, Rejected
from thor.market.collect.simulator.instruments import PROFILES, correlation
from thor.market.collect.simulator.market import Simulator, Step

# symbol: calendar, tick size, quote increment, multiplier
TABLE = {
    "YM": ("CME_EQUITY", "1", "1", "5"),
    "ES": ("CME_EQUITY", "0.25", "0.25", "50"),
    "NQ": ("CME_EQUITY", "0.25", "0.25", "20"),
    "RTY": ("CME_EQUITY", "0.1", "0.1", "50"),
    "CL": ("CME_ENERGY", "0.01", "0.01", "1000"),
    "SI": ("CME_METALS", "0.005", "0.005", "5000"),
    "HG": ("CME_METALS", "0.0005", "0.0005", "25000"),
    "GC": ("CME_METALS", "0.1", "0.1", "100"),
    "VX": ("CFE", "0.05", "0.05", "1000"),
    "DX": ("ICE", "0.005", "0.001", "1000"),
    "ZB": ("CME_RATES", "0.03125", "0.015625", "1000"),
}


def instrument(symbol: str, calendar: str, tick: str, quote: str, multiplier: str) -> Instrument:
    row = {"symbol": symbol, "name": symbol, "calendar": calendar, "multiplier": multiplier}
    row |= {"tick_size": tick, "quote_increment": quote, "exchange": "test", "asset_class": "test"}
    return checked(msgspec.convert({**row, "display_precision": 2}, Instrument, strict=False))


ELEVEN = {symbol: instrument(symbol, *row) for symbol, row in TABLE.items()}
LISTING = Listing(ELEVEN, {}, frozenset({"SIM"}))
SESSIONS = Sessions(
    row for calendar in HOURS for row in compute(calendar, date(2025, 10, 1), date(2026, 1, 31))
)
MONDAY = datetime(2025, 10, 27, 14, 0, tzinfo=UTC)


def only(*symbols: str) -> dict[str, Instrument]:
    return {symbol: ELEVEN[symbol] for symbol in symbols}


def until(simulator: Simulator, end: datetime) -> Iterator[Step]:
    return takewhile(lambda step: step.at <= end, simulator.steps())


def ticks_of(simulator: Simulator, end: datetime) -> list[Tick]:
    return [tick for step in until(simulator, end) for tick in step.ticks]


def test_the_same_arguments_give_the_same_ticks_and_another_seed_others() -> None:
    end = MONDAY + timedelta(seconds=20)
    first = ticks_of(Simulator(ELEVEN, SESSIONS, 7, MONDAY, 500), end)
    backwards = dict(reversed(ELEVEN.items()))
    assert len(first) > 5_000
    assert ticks_of(Simulator(backwards, SESSIONS, 7, MONDAY, 500), end) == first
    assert ticks_of(Simulator(ELEVEN, SESSIONS, 8, MONDAY, 500), end) != first


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    rate=st.floats(0.1, 200_000),
    start=st.datetimes(datetime(2025, 10, 5), datetime(2026, 1, 20), timezones=st.just(UTC)),
)
def test_every_tick_is_loadable_in_order_and_inside_its_step(
    seed: int, rate: float, start: datetime
) -> None:
    simulator = Simulator(ELEVEN, SESSIONS, seed, start, rate, always_open=True)
    before, seq, last_ts = start, -1, start
    for _, step in zip(range(20), simulator.steps(), strict=False):
        assert before < step.at
        assert step.at - before <= timedelta(seconds=1)
        assert len(step.ticks) <= 1000
        for tick in step.ticks:
            assert check(tick, LISTING) is None
            assert tick.received_at == tick.ts
            assert before <= tick.ts < step.at
            assert last_ts <= tick.ts
            assert seq < tick.seq
            assert tick.bid is not None
            assert tick.ask is not None
            assert 0 < tick.bid < tick.ask
            if tick.is_trade:
                assert tick.last == (tick.ask if tick.side == "B" else tick.bid)
                assert tick.last_size == tick.volume_delta
                assert tick.bid_size is None
            else:
                assert tick.last is None
                assert tick.side is None
                assert tick.volume is None
                assert tick.bid_size
                assert tick.ask_size
            seq, last_ts = tick.seq, tick.ts
        before = step.at


def test_seq_goes_on_growing_after_a_restart_without_anything_being_stored() -> None:
    first = ticks_of(Simulator(ELEVEN, SESSIONS, 1, MONDAY, 20_000), MONDAY + timedelta(seconds=2))
    later = MONDAY + timedelta(seconds=2)
    second = ticks_of(Simulator(ELEVEN, SESSIONS, 1, later, 20_000), later + timedelta(seconds=2))
    numbers = [tick.seq for tick in first + second]
    assert len(first) > 20_000
    assert len(second) > 20_000
    assert all(one < other for one, other in pairwise(numbers))
    # 14:00 UTC on 27 October 2025 is 1,761,573,600 s after 1970.
    assert first[0].seq >= 1_761_573_600_000_000
    assert first[0].seq - 1_761_573_600_000_000 < 100_000


def test_a_restart_goes_on_at_the_last_prices_it_is_given() -> None:
    last = {"ES": Decimal("5000.25"), "VX": Decimal(40), "CL": Decimal("-37.63")}
    simulator = Simulator(ELEVEN, SESSIONS, 1, MONDAY, 1000, last_prices=last)
    first: dict[str, Decimal | None] = {}
    for tick in ticks_of(simulator, MONDAY + timedelta(seconds=5)):
        first.setdefault(tick.symbol, tick.bid)
    assert first.keys() == ELEVEN.keys()
    expected = {"ES": 5000.25, "VX": 40, "CL": 61.87, "ZB": 118.3125, "HG": 5.2195}
    for symbol, price in expected.items():
        assert float(first[symbol] or 0) == pytest.approx(price, rel=0.005), symbol


def test_index_futures_move_together_and_vx_against_them() -> None:
    simulator = Simulator(only("ES", "NQ", "YM", "RTY", "VX"), SESSIONS, 3, MONDAY, 2)
    mids: dict[str, dict[int, float]] = defaultdict(dict)
    for tick in ticks_of(simulator, MONDAY + timedelta(hours=6)):
        minute = int(tick.ts.timestamp() // 60)
        mids[tick.symbol][minute] = float((tick.bid or 0) + (tick.ask or 0)) / 2
    minutes = sorted(set.intersection(*(set(of_symbol) for of_symbol in mids.values())))
    assert len(minutes) > 300
    returns = {
        symbol: np.diff(np.log([of_symbol[minute] for minute in minutes]))
        for symbol, of_symbol in mids.items()
    }
    together = {other: np.corrcoef(returns["ES"], returns[other])[0, 1] for other in returns}
    # The table has 0.93, 0.92, 0.85 and -0.80; the grid and the minutes' ends take some away.
    assert min(together["NQ"], together["YM"], together["RTY"]) > 0.6
    assert together["VX"] < -0.4


def test_the_correlation_table_is_a_correlation() -> None:
    matrix = correlation([*PROFILES, "BAC"])
    assert (matrix == matrix.T).all()
    assert (matrix.diagonal() == 1).all()
    assert np.linalg.eigvalsh(matrix).min() > 0
    assert matrix[-1, :-1].tolist() == [0] * len(PROFILES)


def test_nothing_is_emitted_in_the_daily_break_at_the_weekend_or_on_a_holiday() -> None:
    # From Friday's close at 21:00 UTC to Sunday's openings at 22:00, or 23:00 once the clocks
    # have gone back on 2 November 2025.
    friday = datetime(2025, 10, 31, 20, 59, 50, tzinfo=UTC)
    sunday = datetime(2025, 11, 2, 23, 0, 10, tzinfo=UTC)
    steps = list(until(Simulator(ELEVEN, SESSIONS, 1, friday, 200), sunday))
    stamps = [tick.ts for step in steps for tick in step.ticks]
    assert any(ts < friday + timedelta(seconds=10) for ts in stamps)
    assert any(ts >= datetime(2025, 11, 2, 23, 0, tzinfo=UTC) for ts in stamps)
    closed = (friday + timedelta(seconds=10), datetime(2025, 11, 2, 23, 0, tzinfo=UTC))
    assert not [ts for ts in stamps if closed[0] <= ts < closed[1]]
    # The clock goes on while nothing trades, a second at a time.
    assert max(later.at - one.at for one, later in pairwise(steps)) == timedelta(seconds=1)
    # Christmas: shut from the 24th at 18:45 UTC (energy, 12:45 CST) to the 25th at 23:00 UTC.
    christmas = datetime(2025, 12, 24, 18, 45, tzinfo=UTC)
    assert not ticks_of(
        Simulator(ELEVEN, SESSIONS, 1, christmas, 200), datetime(2025, 12, 25, 22, 59, tzinfo=UTC)
    )


def test_each_symbol_keeps_its_own_calendar() -> None:
    # Thanksgiving 2025 at 18:30 UTC: equity, rates, VX and DX have halted, energy and metals
    # trade until 19:30 UTC (13:30 CST).
    start = datetime(2025, 11, 27, 18, 30, tzinfo=UTC)
    simulator = Simulator(ELEVEN, SESSIONS, 1, start, 200)
    symbols = {tick.symbol for tick in ticks_of(simulator, start + timedelta(minutes=2))}
    assert symbols == {"CL", "SI", "HG", "GC"}
    # The dollar index opens at 20:00 New York, two hours after the others.
    evening = datetime(2025, 10, 27, 23, 0, tzinfo=UTC)
    simulator = Simulator(ELEVEN, SESSIONS, 1, evening, 200)
    symbols = {tick.symbol for tick in ticks_of(simulator, evening + timedelta(minutes=2))}
    assert symbols == ELEVEN.keys() - {"DX"}


def test_a_demonstration_trades_on_saturday_too() -> None:
    saturday = datetime(2025, 11, 1, 15, 0, tzinfo=UTC)
    simulator = Simulator(ELEVEN, SESSIONS, 1, saturday, 100, always_open=True)
    ticks = ticks_of(simulator, saturday + timedelta(seconds=20))
    assert {tick.symbol for tick in ticks} == ELEVEN.keys()
    assert len(ticks) == pytest.approx(2000, rel=0.15)  # Poisson: a standard deviation is 45


def test_volume_adds_up_what_traded_and_starts_again_with_the_session() -> None:
    start = datetime(2025, 10, 27, 20, 50, tzinfo=UTC)  # ten minutes before the close
    end = datetime(2025, 10, 27, 22, 20, tzinfo=UTC)  # twenty after the opening
    simulator = Simulator(only("ES"), SESSIONS, 1, start, 20)
    prints = [tick for tick in ticks_of(simulator, end) if tick.is_trade]
    opening = datetime(2025, 10, 27, 22, 0, tzinfo=UTC)
    for part in (
        [tick for tick in prints if tick.ts < opening],
        [tick for tick in prints if tick.ts >= opening],
    ):
        assert len(part) > 100
        running = np.cumsum([tick.last_size for tick in part]).tolist()
        assert [tick.volume for tick in part] == running


def test_the_day_is_u_shaped_and_the_night_is_thin_and_wide() -> None:
    traded, spread = {}, {}
    # Half hours from 01:00, 08:30, 11:30 and 14:30 in Chicago.
    for hour, minute in ((6, 0), (13, 30), (16, 30), (19, 30)):
        start = datetime(2025, 10, 27, hour, minute, tzinfo=UTC)
        simulator = Simulator(only("ES"), SESSIONS, 5, start, 2)
        ticks = ticks_of(simulator, start + timedelta(minutes=30))
        traded[hour] = sum(tick.last_size or 0 for tick in ticks)
        spread[hour] = np.mean([float((tick.ask or 0) - (tick.bid or 0)) for tick in ticks])
    assert traded[13] > 1.5 * traded[16]
    assert traded[19] > 1.5 * traded[16]
    assert traded[16] > 1.5 * traded[6] > 0
    assert spread[6] > 1.2 * max(spread[13], spread[16], spread[19])


def test_the_rate_is_the_mean_over_the_regular_hours() -> None:
    start = datetime(2025, 10, 27, 13, 30, tzinfo=UTC)
    ticks = ticks_of(Simulator(only("ES"), SESSIONS, 2, start, 1), start + timedelta(hours=6.5))
    # 23,400 s at one a second; a standard deviation is 153.
    assert len(ticks) == pytest.approx(23_400, rel=0.03)


def test_a_root_that_is_none_of_its_own_is_not_simulated() -> None:
    stock = instrument("BAC", "CME_EQUITY", "0.01", "0.01", "1")
    with pytest.raises(Rejected, match="instruments: BAC cannot be simulated; ES, NQ, YM"):
        Simulator({**ELEVEN, "BAC": stock}, SESSIONS, 1, MONDAY, 100)


def test_bad_arguments_are_refused_by_name() -> None:
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(Rejected, match="ticks_per_s"):
            Simulator(ELEVEN, SESSIONS, 1, MONDAY, rate)
    with pytest.raises(Rejected, match="instruments"):
        Simulator({}, SESSIONS, 1, MONDAY, 1)
    with pytest.raises(Rejected, match="time zone"):
        Simulator(ELEVEN, SESSIONS, 1, datetime(2025, 10, 27), 1)
    with pytest.raises(Rejected, match="seed"):
        Simulator(ELEVEN, SESSIONS, -1, MONDAY, 1)
    with pytest.raises(NotFound, match="CFE"):
        Simulator(only("VX"), Sessions([]), 1, MONDAY, 1)


def minute_moves(pattern: float, minutes: int) -> dict[str, list[float]]:
    """Return the moves of ES's and NQ's middle from minute to minute, in logarithms."""
    market = Simulator(only("ES", "NQ"), SESSIONS, 7, MONDAY, 4, pattern=pattern, always_open=True)
    at: dict[str, list[float]] = {"ES": [], "NQ": []}
    latest: dict[str, float] = {}
    end = MONDAY + timedelta(minutes=1)
    for step in market.steps():
        for tick in step.ticks:
            if tick.bid is not None and tick.ask is not None:
                latest[tick.symbol] = float(np.log(float(tick.bid + tick.ask) / 2))
        if step.at >= end:
            end += timedelta(minutes=1)
            for symbol, level in latest.items():
                at[symbol].append(level)
        if len(at["ES"]) > minutes:
            break
    return {symbol: list(np.diff(levels)) for symbol, levels in at.items()}


def test_the_pattern_of_the_live_market_is_there_to_be_found() -> None:
    moves = minute_moves(1.0, 400)
    led = np.sign(moves["NQ"][:-1]) * np.array(moves["ES"][1:])
    # A whole standard deviation: the mean of 400 minutes lies within a tenth of it.
    assert 0.5 < np.mean(led) / np.std(moves["ES"]) < 1.1


@pytest.mark.parametrize("pattern", [-0.1, 1.1, float("nan")])
def test_a_pattern_that_is_no_share_is_refused(pattern: float) -> None:
    with pytest.raises(Rejected, match="pattern"):
        Simulator(ELEVEN, SESSIONS, 7, MONDAY, 50, pattern=pattern)


def test_volumes_of_the_day_so_far_are_counted_on() -> None:
    market = Simulator(only("ES"), SESSIONS, 7, MONDAY, 50)
    market.carry_volumes({"ES": 1_000_000, "NQ": 5})
    first = next(tick for step in market.steps() for tick in step.ticks if tick.is_trade)
    assert first.volume == 1_000_000 + (first.volume_delta or 0)
