"""The days of the world's markets in the database: filled, kept, corrected."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from thor import database
from thor.market.studies import market_clock
from thor.reference import markets

Link = psycopg.Connection[Any]

MONDAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def filled(kept_url: str) -> Iterator[Link]:
    """A database whose markets have their days of three years."""
    with database.connect(kept_url, "test") as link:
        markets.renew_days(link, MONDAY, years_back=0)
        yield link


def days(link: Link, market: str, *of: str) -> list[tuple[Any, ...]]:
    found = link.execute(
        "select to_char(day, 'MM-DD'), to_char(open_at at time zone 'UTC', 'HH24:MI'), "
        "to_char(close_at at time zone 'UTC', 'HH24:MI'), is_holiday, confidence "
        "from market_days where market = %s and day = any (%s::date[]) order by day",
        (market, list(of)),
    )
    return found.fetchall()


def test_every_weekday_has_a_row_two_years_ahead(filled: Link) -> None:
    # 2026 to 2028 have 261, 261 and 260 weekdays, and India a Sunday of 2026.
    found = filled.execute("select market, count(*) from market_days group by 1").fetchall()
    assert {(name, count) for name, count in found} == {
        (name, 783 if name == "India" else 782) for name in markets.markets(filled)
    }
    assert days(filled, "USA", "2026-11-26", "2026-11-27", "2026-11-28") == [
        ("11-26", None, None, True, "library"),
        ("11-27", "14:30", "18:00", False, "library"),
    ]


def test_a_second_fill_changes_no_row_and_an_unforced_one_computes_none(filled: Link) -> None:
    assert markets.renew_days(filled, MONDAY) == 0
    markets.renew_days(filled, MONDAY, force=True, years_back=0)
    assert filled.execute("select max(version) from market_days").fetchone() == (1,)


def test_the_weights_of_the_control_markets_are_a_whole(filled: Link) -> None:
    found = markets.markets(filled)
    assert sum(round(one.weight * 100) for one in found.values() if one.is_control) == 100
    assert list(found) == [
        *("Japan", "China", "India", "Germany", "United Kingdom"),
        *("Pre_USA", "USA", "Canada", "Mexico"),
    ]


SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


def recorded(link: Link) -> list[tuple[Any, ...]]:
    return link.execute(
        "select market, at, from_state, to_state from studies.market_transitions order by 2, 1"
    ).fetchall()


def test_transitions_are_the_same_whenever_the_job_ran(filled: Link) -> None:
    hours = [SUNDAY + timedelta(hours=n) for n in range(72)]
    first = market_clock.record(filled, SUNDAY)
    # Of each market the change into its present state, which is over.
    assert {one.market for one in first} == set(markets.markets(filled))
    assert {one.is_recovered for one in first} == {True}
    for hour in hours:
        market_clock.record(filled, hour)
        # Two at work, or one that was started again.
        assert market_clock.record(filled, hour) == []
    every_hour = recorded(filled)
    filled.execute("truncate studies.market_transitions")
    market_clock.record(filled, SUNDAY)
    made_up = market_clock.record(filled, hours[-1])
    assert all(one.is_recovered for one in made_up[:-1])
    assert recorded(filled) == every_hour
    tokyo = [(f"{at:%d %H:%M}", a, b) for name, at, a, b in every_hour if name == "Japan"]
    # Labour Thanksgiving Day is on Monday, from 15:00 UTC on Sunday.
    assert tokyo[:6] == [
        ("20 06:30", "PRECLOSE", "CLOSED"),
        ("22 15:00", "CLOSED", "HOLIDAY"),
        ("23 15:00", "HOLIDAY", "CLOSED"),
        ("23 23:00", "CLOSED", "PREOPEN"),
        ("24 00:00", "PREOPEN", "OPEN"),
        ("24 02:30", "OPEN", "LUNCH"),
    ]


def test_a_change_that_is_written_within_five_seconds_is_in_time(filled: Link) -> None:
    opens = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
    market_clock.record(filled, opens - timedelta(seconds=30))
    assert market_clock.next_change(filled, opens - timedelta(seconds=30)) == opens
    assert market_clock.next_change(filled, opens) is None
    found = market_clock.record(filled, opens + timedelta(seconds=5))
    assert [(one.market, one.to_state, one.is_recovered) for one in found] == [
        ("Canada", "OPEN", False), ("Mexico", "OPEN", False), ("Pre_USA", "CLOSED", False),
        ("USA", "OPEN", False),
    ]  # fmt: skip


def test_a_day_that_is_corrected_meanwhile_changes_the_state_at_once(filled: Link) -> None:
    # Tokyo trades since 00:00 UTC; it is closed by one command, and opened again.
    opened = datetime(2026, 12, 2, 1, tzinfo=UTC)
    later = [opened + timedelta(minutes=n) for n in range(1, 5)]
    market_clock.record(filled, opened)
    markets.close(filled, "Japan", {opened.date(): "a typhoon"}, changed_by="test")
    states = [market_clock.record(filled, later[0])]
    markets.open_(filled, "Japan", opened.date(), None, None, changed_by="test")
    states += [market_clock.record(filled, at) for at in later[1:3]]
    # The second of two at work sees what the first has written.
    assert [
        [(one.market, one.at, one.from_state, one.to_state, one.is_recovered) for one in turn]
        for turn in states
    ] == [
        [("Japan", later[0], "OPEN", "HOLIDAY", False)],
        [("Japan", later[1], "HOLIDAY", "OPEN", False)],
        [],
    ]
