"""The rules of an imported bar: each field, each limit, and what is never an exception."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticks_made import LISTING

from thor.domain.bar import WIDTHS, ImportedBar, check, day_start, stamped
from thor.domain.sessions import trade_date

CHICAGO = ZoneInfo("America/Chicago")
START = datetime(2024, 7, 1, 13, 30, tzinfo=UTC)


def bar(**given: Any) -> ImportedBar:
    whole: dict[str, Any] = {
        "symbol": "ESU24", "width": "5m", "bar_start": START, "open": Decimal("5528.75"),
        "high": Decimal("5530.25"), "low": Decimal(5527), "close": Decimal("5529.5"),
        "volume": 120,
    }  # fmt: skip
    return ImportedBar(**(whole | given))


def flat(price: str) -> dict[str, Decimal]:
    return dict.fromkeys(("open", "high", "low", "close"), Decimal(price))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"symbol": "ES"},
        {"width": "1s", "bar_start": START + timedelta(seconds=59)},
        {"width": "1m", "bar_start": START + timedelta(minutes=59)},
        {"width": "1h", "bar_start": START.replace(minute=0)},
        # 17:00 in Chicago, in summer and in winter, a Sunday evening among them.
        {"width": "1d", "bar_start": datetime(2024, 6, 30, 22, tzinfo=UTC)},
        {"width": "1d", "bar_start": datetime(2024, 1, 2, 23, tzinfo=UTC)},
        flat("5528.75"),
        {"open": Decimal(5527), "close": Decimal("5530.25")},
        {"symbol": "CL", **flat("-37.63")},
        {"symbol": "DX", **flat("104.123")},
        # A missing value is not checked; zero is a count like any other.
        {"volume": None},
        {"volume": 0, "volume_buy": 0, "volume_sell": 0, "trades": 0, "open_interest": 0},
        {"volume": 2**63 - 1},
        {"volume": 3, "volume_buy": 5, "volume_sell": 5},
        {"bar_start": datetime(1980, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_bar_within_the_rules_is_loaded(given: dict[str, Any]) -> None:
    assert check(bar(**given), LISTING) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"width": "3m"}, "width: '3m' is none of 1s, 1m, 5m, 1h, 1d"),
        ({"width": ""}, "width: '' is none of 1s, 1m, 5m, 1h, 1d"),
        ({"symbol": "ZC"}, "symbol: ZC is not listed; `thor instruments add` lists one"),
        ({"symbol": "ESZ24"}, "symbol: ESZ24 is not listed; `thor instruments add` lists one"),
        (
            {"bar_start": START + timedelta(minutes=1)},
            "bar_start: 2024-07-01T13:31:00+00:00 is on no boundary of 5m; "
            "a bar is stamped with its start",
        ),
        (
            {"width": "1s", "bar_start": START + timedelta(microseconds=1)},
            "bar_start: 2024-07-01T13:30:00.000001+00:00 is on no boundary of 1s; "
            "a bar is stamped with its start",
        ),
        (
            {"width": "1h"},
            "bar_start: 2024-07-01T13:30:00+00:00 is on no boundary of 1h; "
            "a bar is stamped with its start",
        ),
        (
            # 17:00 in Chicago is 22:00 UTC on that day.
            {"width": "1d", "bar_start": datetime(2024, 7, 1, 23, tzinfo=UTC)},
            "bar_start: 2024-07-01T23:00:00+00:00 is not 17:00 in Chicago, "
            "where a trade date begins",
        ),
        (
            {"width": "1d", "bar_start": datetime(2024, 7, 6, 22, tzinfo=UTC)},
            "bar_start: 2024-07-06T22:00:00+00:00 begins trade date 2024-07-07, a Sunday; "
            "a trade date is Monday to Friday",
        ),
        (
            {"bar_start": datetime(1979, 12, 31, tzinfo=UTC)},
            "bar_start: 1979-12-31T00:00:00+00:00 is before 1980",
        ),
        (
            {"bar_start": datetime(2200, 1, 1, tzinfo=UTC)},
            "bar_start: 2200-01-01T00:00:00+00:00 is after 2199",
        ),
        ({"open": None}, "open: is missing; a bar needs open, high, low and close"),
        ({"close": None}, "close: is missing; a bar needs open, high, low and close"),
        ({"high": Decimal("5530.13")}, "high: 5530.13 is not on ES's grid of 0.25"),
        ({"low": Decimal("NaN")}, "low: NaN is not a finite number"),
        ({"high": Decimal("Infinity")}, "high: Infinity is not a finite number"),
        (flat("-5"), "open: -5 is negative, which ES does not allow"),
        (flat("1e10"), "open: 1E+10 does not fit numeric(18,8)"),
        (
            {"high": Decimal(5000), "low": Decimal(5001)},
            "high: 5000 is below the low of 5001",
        ),
        ({"open": Decimal(5526)}, "open: 5526 is below the low of 5527"),
        ({"open": Decimal(5531)}, "open: 5531 is above the high of 5530.25"),
        ({"close": Decimal(5526)}, "close: 5526 is below the low of 5527"),
        ({"close": Decimal(5531)}, "close: 5531 is above the high of 5530.25"),
        ({"volume": -1}, "volume: -1 is outside 0 … 2^63-1"),
        ({"volume_buy": -1}, "volume_buy: -1 is outside 0 … 2^63-1"),
        ({"volume_sell": -1}, "volume_sell: -1 is outside 0 … 2^63-1"),
        ({"trades": -1}, "trades: -1 is outside 0 … 2^63-1"),
        (
            {"open_interest": 2**63},
            "open_interest: 9223372036854775808 is outside 0 … 2^63-1",
        ),
        ({"refused": "ts: is missing"}, "ts: is missing"),
    ],
)
def test_a_bar_outside_the_rules_is_refused_by_field_value_and_fix(
    given: dict[str, Any], said: str
) -> None:
    assert str(check(bar(**given), LISTING)) == said


@given(st.lists(st.integers(1, 8), min_size=4, max_size=4))
def test_a_bar_passes_exactly_where_high_and_low_enclose_the_ends(quarters: list[int]) -> None:
    opening, high, low, close = (Decimal(n) / 4 for n in quarters)
    passes = check(bar(open=opening, high=high, low=low, close=close), LISTING) is None
    assert passes == (low == min(quarters) / 4 and high == max(quarters) / 4)


@pytest.mark.parametrize(
    ("day", "start"),
    [
        ("2024-01-03", "2024-01-02T23:00:00+00:00"),
        ("2024-07-03", "2024-07-02T22:00:00+00:00"),
        # A Monday begins on Sunday evening; both weekends on which the clocks change.
        ("2024-03-11", "2024-03-10T22:00:00+00:00"),
        ("2024-11-04", "2024-11-03T23:00:00+00:00"),
        ("2020-04-20", "2020-04-19T22:00:00+00:00"),
    ],
)
def test_a_day_begins_at_17_00_in_chicago_on_the_day_before(day: str, start: str) -> None:
    assert day_start(date.fromisoformat(day)).isoformat() == start


@given(st.dates(date(1980, 1, 2), date(2199, 12, 31)))
def test_the_start_of_a_day_is_the_first_instant_of_its_trade_date(day: date) -> None:
    start = day_start(day)
    assert trade_date(start) == day
    assert trade_date(start - timedelta(microseconds=1)) == day - timedelta(days=1)
    local = start.astimezone(CHICAGO)
    assert (local.hour, local.minute) == (17, 0)


def test_a_day_is_stamped_with_its_trade_date_and_the_rest_with_their_start() -> None:
    midnight = datetime(2024, 7, 3, tzinfo=UTC)
    assert stamped("1d", midnight) == datetime(2024, 7, 2, 22, tzinfo=UTC)
    assert {width: stamped(width, midnight) for width in WIDTHS if width != "1d"} == {
        "1s": midnight, "1m": midnight, "5m": midnight, "1h": midnight,
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"05:00:00\+00:00 is not 00:00 UTC; a bar of 1d is"):
        stamped("1d", midnight + timedelta(hours=5))


@pytest.mark.parametrize(
    ("year", "said"),
    [(1, "before 1980"), (1979, "before 1980"), (2200, "after 2199"), (9999, "after 2199")],
)
def test_a_day_outside_the_years_that_are_taken_is_refused(year: int, said: str) -> None:
    start = stamped("1d", datetime(year, 1, 1, tzinfo=UTC))
    assert str(check(bar(width="1d", bar_start=start), LISTING)).endswith(f"is {said}")
