"""The past of the simulated market: whole, consistent between widths, and ending in its present."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from test_simulator import ELEVEN, LISTING, MONDAY, SESSIONS

from thor.domain.bar import ImportedBar, check
from thor.domain.calendar import compute
from thor.domain.hours import HOURS, stand_in
from thor.domain.sessions import Session
from thor.market.collect.simulator.history import History, history
from thor.market.collect.simulator.market import Simulator

# 27 October 2025, 09:00 and some seconds in Chicago.
END = MONDAY + timedelta(seconds=17)
PRICES = {
    symbol: Decimal(price)
    for symbol, price in {
        "YM": "47670", "ES": "6873.5", "NQ": "25728.25", "RTY": "2547.8", "CL": "61.87",
        "SI": "48.16", "HG": "5.2195", "GC": "4090.2", "VX": "17.9", "DX": "98.94",
        "ZB": "118.3125",
    }.items()
}  # fmt: skip
EVERY_DAY = [
    stand_in(calendar, date(2024, 6, 1) + timedelta(days=n))
    for calendar in HOURS
    for n in range(600)
]


def made(sessions: list[Session] = EVERY_DAY, pattern: float = 0.2, seed: int = 7) -> History:
    return history(ELEVEN, sessions, PRICES, END, seed=seed, ticks_per_s=50, pattern=pattern)


@pytest.fixture(scope="module")
def past() -> dict[tuple[str, str], list[ImportedBar]]:
    """The bars of a market that never closes, by symbol and width, in order."""
    found: dict[tuple[str, str], list[ImportedBar]] = defaultdict(list)
    for bar in made().rows(ELEVEN):
        found[bar.symbol, bar.width].append(bar)
    for bars in found.values():
        bars.sort(key=lambda bar: bar.bar_start)
    return found


def test_every_bar_is_one_that_may_be_imported(
    past: dict[tuple[str, str], list[ImportedBar]],
) -> None:
    refused = {str(check(bar, LISTING) or "") for bars in past.values() for bar in bars} - {""}
    # But for the weekends, on which only a market that ignores hours has days.
    assert all("a trade date is Monday to Friday" in reason for reason in refused)
    assert all(bar.trades > 0 for bars in past.values() for bar in bars if bar.trades is not None)


def test_there_are_400_days_and_ten_of_minutes_up_to_the_end(
    past: dict[tuple[str, str], list[ImportedBar]],
) -> None:
    for symbol in ELEVEN:
        days, minutes = past[symbol, "1d"], past[symbol, "1m"]
        assert len({bar.bar_start for bar in days}) == len(days) == 400
        # The open date has no daily bar yet, and its minutes up to the last whole one.
        assert days[-1].bar_start == datetime(2025, 10, 25, 22, tzinfo=UTC)
        assert minutes[-1].bar_start >= MONDAY - timedelta(minutes=5)
        assert minutes[-1].bar_start < MONDAY
        assert minutes[0].bar_start <= datetime(2025, 10, 16, 22, 5, tzinfo=UTC)
    assert past["ES", "1m"][-1].bar_start == MONDAY - timedelta(minutes=1)


def test_the_past_ends_at_the_prices_that_the_present_begins_with(
    past: dict[tuple[str, str], list[ImportedBar]],
) -> None:
    live = Simulator(ELEVEN, SESSIONS, 7, END, 50, last_prices=PRICES).prices
    for symbol, price in PRICES.items():
        assert past[symbol, "1m"][-1].close == price == live[symbol]


def test_each_minute_begins_where_the_one_before_ended(
    past: dict[tuple[str, str], list[ImportedBar]],
) -> None:
    for symbol in ("ES", "NQ"):
        bars = past[symbol, "1m"]
        joined = [
            (one.close, other.open)
            for one, other in pairwise(bars)
            if other.bar_start - one.bar_start == timedelta(minutes=1)
        ]
        assert len(joined) > 14_000
        assert all(close == opened for close, opened in joined)


@pytest.mark.parametrize(("width", "minutes"), [("5m", 5), ("1h", 60)])
def test_a_wider_bar_is_what_its_minutes_make(
    past: dict[tuple[str, str], list[ImportedBar]], width: str, minutes: int
) -> None:
    span = timedelta(minutes=minutes)
    for symbol in ("ES", "DX"):
        of_bucket: dict[datetime, list[ImportedBar]] = defaultdict(list)
        for bar in past[symbol, "1m"]:
            of_bucket[bar.bar_start - (bar.bar_start - MONDAY) % span].append(bar)
        for bar in past[symbol, width]:
            parts = of_bucket[bar.bar_start]
            assert bar.open == parts[0].open
            assert bar.close == parts[-1].close
            assert bar.high == max(one.high for one in parts if one.high is not None)
            assert bar.low == min(one.low for one in parts if one.low is not None)
            assert bar.volume == sum(one.volume or 0 for one in parts)
            assert bar.volume_buy == sum(one.volume_buy or 0 for one in parts)
            assert bar.trades == sum(one.trades or 0 for one in parts)
        # A bar that is not over at the end is left to the ticks.
        assert past[symbol, width][-1].bar_start + span <= MONDAY


def test_a_recent_day_is_what_its_minutes_make_and_an_older_one_joins_them(
    past: dict[tuple[str, str], list[ImportedBar]],
) -> None:
    days, minutes = past["ES", "1d"], past["ES", "1m"]
    friday = next(d for d in days if d.bar_start == datetime(2025, 10, 23, 22, tzinfo=UTC))
    parts = [
        bar for bar in minutes
        if friday.bar_start <= bar.bar_start < friday.bar_start + timedelta(days=1)
    ]  # fmt: skip
    assert len(parts) == 1440
    assert (friday.open, friday.close) == (parts[0].open, parts[-1].close)
    assert friday.volume == sum(bar.volume or 0 for bar in parts)
    # 390 days end where the minutes of the ten begin.
    assert days[389].close == minutes[0].open
    assert days[389].bar_start == datetime(2025, 10, 15, 22, tzinfo=UTC)


def test_the_same_arguments_give_the_same_past_and_another_seed_another() -> None:
    one, other = made().rows(ELEVEN), made().rows(ELEVEN)
    assert one == other
    assert made(seed=8).rows(ELEVEN) != one


def test_a_market_with_hours_has_no_bar_outside_of_them() -> None:
    sessions = [
        row for calendar in HOURS for row in compute(calendar, date(2024, 1, 1), date(2025, 11, 1))
    ]
    found = made(sessions).rows(ELEVEN)
    equity = [row for row in sessions if row.calendar == "CME_EQUITY"]
    days = [bar for bar in found if (bar.symbol, bar.width) == ("ES", "1d")]
    assert len(days) == 400
    # 1d bars of the trade dates that have a session, Monday to Friday.
    dates = {(bar.bar_start + timedelta(days=1)).date() for bar in days}
    assert dates <= {row.trade_date for row in equity}
    for bar in found:
        if (bar.symbol, bar.width) == ("ES", "1m"):
            assert any(row.open_at <= bar.bar_start < row.close_at for row in equity[-20:])


def _led(found: History) -> float:
    closes = {}
    for bars in found.bars:
        if bars.width == "1m" and bars.symbol in ("ES", "NQ"):
            closes[bars.symbol] = np.diff(np.log(bars.close.astype(float)))
    sign = np.sign(closes["NQ"][:-1])
    return float(np.mean(sign * closes["ES"][1:]) / np.std(closes["ES"][1:]))


def test_the_pattern_is_there_to_be_found_and_0_leaves_none() -> None:
    # The mean of 15,000 minutes has a standard error of 0.008; the U of the day widens it.
    assert abs(_led(made(pattern=0.0))) < 0.04
    assert 0.1 < _led(made(pattern=0.2)) < 0.26
    assert _led(made(pattern=0.5)) > 0.3


def test_nothing_is_made_without_prices_or_sessions() -> None:
    nothing = history(ELEVEN, EVERY_DAY, {}, END, seed=7, ticks_per_s=50, pattern=0.2)
    assert nothing == History([], {})
    assert made([]) == History([], {})
