"""The days of the world's markets in the database: filled, kept, corrected."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from thor import database
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
