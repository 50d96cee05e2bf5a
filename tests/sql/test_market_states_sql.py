"""studies.market_states and what follows from it, worked by hand.

Tokyo and New York of the week of Thanksgiving 2026; Tokyo is UTC+9, New York UTC-5.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from markets_made import make_days

Connection = psycopg.Connection[Any]


@pytest.fixture
def week(undone: Connection) -> Connection:
    make_days(undone)
    return undone


def states(week: Connection, at: str) -> dict[str, tuple[Any, ...]]:
    found = week.execute(
        "select market, state, next_event, seconds_to_next_event from studies.market_states(%s)",
        (at,),
    ).fetchall()
    return {row[0]: row[1:] for row in found}


@pytest.mark.parametrize(
    ("market", "at", "state", "event", "seconds"),
    [
        # Tokyo on Tuesday: 60 minutes before 09:00 local, lunch 11:30-12:30, closes at 15:30.
        ("Japan", "2026-11-23 22:59:59+00", "CLOSED", "OPEN", 3601),
        ("Japan", "2026-11-23 23:00:00+00", "PREOPEN", "OPEN", 3600),
        ("Japan", "2026-11-23 23:59:59.5+00", "PREOPEN", "OPEN", 1),
        ("Japan", "2026-11-24 00:00:00+00", "OPEN", "LUNCH", 9000),
        ("Japan", "2026-11-24 02:29:59+00", "OPEN", "LUNCH", 1),
        ("Japan", "2026-11-24 02:30:00+00", "LUNCH", "REOPEN", 3600),
        ("Japan", "2026-11-24 03:30:00+00", "OPEN", "CLOSE", 10800),
        ("Japan", "2026-11-24 06:14:59+00", "OPEN", "CLOSE", 901),
        ("Japan", "2026-11-24 06:15:00+00", "PRECLOSE", "CLOSE", 900),
        ("Japan", "2026-11-24 06:30:00+00", "CLOSED", "OPEN", 63000),
        # A holiday lasts the whole day by its own clock, from 15:00 UTC on Sunday.
        ("Japan", "2026-11-22 14:59:59+00", "CLOSED", "OPEN", 118801),
        ("Japan", "2026-11-22 15:00:00+00", "HOLIDAY", "OPEN", 118800),
        ("Japan", "2026-11-23 14:59:59+00", "HOLIDAY", "OPEN", 32401),
        ("Japan", "2026-11-23 15:00:00+00", "CLOSED", "OPEN", 32400),
        # New York on Thanksgiving and on the short day after it.
        ("USA", "2026-11-26 04:59:59+00", "CLOSED", "OPEN", 120601),
        ("USA", "2026-11-26 05:00:00+00", "HOLIDAY", "OPEN", 120600),
        ("USA", "2026-11-27 05:00:00+00", "CLOSED", "OPEN", 34200),
        ("USA", "2026-11-27 17:45:00+00", "PRECLOSE", "CLOSE", 900),
        ("USA", "2026-11-27 18:00:00+00", "CLOSED", "OPEN", 246600),
        ("USA", "2026-11-28 15:00:00+00", "CLOSED", "OPEN", 171000),
    ],
)
def test_a_market_has_one_state_at_every_moment(
    week: Connection, market: str, at: str, state: str, event: str, seconds: int
) -> None:
    assert states(week, at)[market] == (state, event, seconds)


def test_a_market_is_in_no_state_where_its_days_are_not_known(week: Connection) -> None:
    assert states(week, "2026-11-01 03:00+00")["Japan"] == (None, None, None)
    assert states(week, "2026-12-09 03:00+00")["USA"] == (None, None, None)


def test_an_unconfirmed_day_is_shown_so_before_it_comes(week: Connection) -> None:
    found = week.execute(
        "select state, confidence, next_confidence, local_time::text, open_at, note "
        "from studies.market_states('2026-11-24 12:00+00') where market = 'Japan'"
    ).fetchone()
    assert found is not None
    assert found[:4] == ("CLOSED", "library", "unconfirmed", "2026-11-24 21:00:00")
    found = week.execute(
        "select confidence, note from studies.market_states('2026-11-22 16:00+00') "
        "where market = 'Japan'"
    ).fetchone()
    assert found == ("library", "Labour Thanksgiving Day")


@pytest.mark.parametrize(
    ("at", "composite", "active", "phase"),
    [
        # Tokyo weighs 0.25, New York 0.25: only OPEN and PRECLOSE count.
        ("2026-11-24 01:00+00", 25, 1, "ASIAN"),
        ("2026-11-24 03:00+00", 0, 0, "ASIAN"),
        ("2026-11-24 06:20+00", 25, 1, "ASIAN"),
        ("2026-11-25 07:59:59+00", 0, 0, "ASIAN"),
        ("2026-11-25 08:00+00", 0, 0, "EUROPEAN"),
        ("2026-11-25 13:59:59+00", 0, 0, "EUROPEAN"),
        ("2026-11-25 15:00+00", 25, 1, "AMERICAN"),
        ("2026-11-25 20:59:59+00", 25, 1, "AMERICAN"),
        ("2026-11-25 21:00+00", 0, 0, "OVERLAP"),
        ("2026-11-25 23:59:59+00", 0, 0, "OVERLAP"),
    ],
)
def test_the_composite_is_the_weight_of_the_markets_that_trade(
    week: Connection, at: str, composite: int, active: int, phase: str
) -> None:
    found = week.execute("select * from studies.market_composite(%s)", (at,)).fetchone()
    assert found == (composite, 50, active, 2, phase)
    week.execute("update reference.markets set is_control = false")
    found = week.execute("select * from studies.market_composite(%s)", (at,)).fetchone()
    assert found == (0, 0, 0, 0, phase)


def test_changes_of_a_day_are_those_of_its_hours(week: Connection) -> None:
    found = week.execute(
        "select to_char(at at time zone 'UTC', 'DD HH24:MI'), market, from_state, to_state "
        "from studies.market_changes('2026-11-26 06:30+00', '2026-11-27 18:00+00')"
    ).fetchall()
    assert found == [
        ("26 23:00", "Japan", "CLOSED", "PREOPEN"),
        ("27 00:00", "Japan", "PREOPEN", "OPEN"),
        ("27 02:30", "Japan", "OPEN", "LUNCH"),
        ("27 03:30", "Japan", "LUNCH", "OPEN"),
        ("27 05:00", "USA", "HOLIDAY", "CLOSED"),
        ("27 06:15", "Japan", "OPEN", "PRECLOSE"),
        ("27 06:30", "Japan", "PRECLOSE", "CLOSED"),
        ("27 13:30", "USA", "CLOSED", "PREOPEN"),
        ("27 14:30", "USA", "PREOPEN", "OPEN"),
        ("27 17:45", "USA", "OPEN", "PRECLOSE"),
        ("27 18:00", "USA", "PRECLOSE", "CLOSED"),
    ]


def test_changes_and_states_agree_at_every_minute(week: Connection) -> None:
    # The changes replayed from a known state give the state of each minute of the week.
    first = datetime.fromisoformat("2026-11-25T12:00:00+00:00")
    minutes = [first + timedelta(minutes=5 * n) for n in range(1, 600)]
    asked = week.execute(
        "select m.at, s.market, s.state from unnest(%s::timestamptz[]) as m (at), "
        "studies.market_states(m.at) as s",
        (minutes,),
    ).fetchall()
    changes = week.execute(
        "select at, market, to_state from studies.market_changes(%s, %s)", (first, minutes[-1])
    ).fetchall()
    for market in ("Japan", "USA"):
        state = states(week, first.isoformat())[market][0]
        mine = [(at, to) for at, name, to in changes if name == market]
        for at, name, found in sorted(asked):
            if name != market:
                continue
            while mine and mine[0][0] <= at:
                state = mine.pop(0)[1]
            assert (at, state) == (at, found)


def session(undone: Connection, at: str, calendar: str = "CME_EQUITY") -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = undone.execute(
        "select state, trade_date::text, minutes_since_open, minutes_to_close, "
        "to_char(next_open_at at time zone 'UTC', 'DD HH24:MI'), is_early_close, note "
        "from reference.session_state(%s, %s)",
        (calendar, at),
    ).fetchone()
    return row


@pytest.fixture
def sessions(undone: Connection) -> Connection:
    undone.execute("delete from reference.sessions")
    undone.execute(
        """
        insert into reference.sessions
            (calendar, trade_date, session_number, open_at, close_at, is_early_close, note)
        values
        ('CME_EQUITY', '2026-12-22', 1, '2026-12-21 23:00Z', '2026-12-22 22:00Z', false, null),
        ('CME_EQUITY', '2026-12-23', 2, '2026-12-22 23:00Z', '2026-12-23 22:00Z', false, null),
        ('CME_EQUITY', '2026-12-24', 3, '2026-12-23 23:00Z', '2026-12-24 18:15Z', true, 'Eve'),
        ('CME_EQUITY', '2026-12-28', 5, '2026-12-27 23:00Z', '2026-12-28 22:00Z', false, null),
        ('CME_GRAINS', '2026-12-22', 1, '2026-12-22 01:00Z', '2026-12-22 19:20Z', false, null),
        ('CME_GRAINS', '2026-12-23', 2, '2026-12-23 01:00Z', '2026-12-23 19:20Z', false, null)
        """
    )
    return undone


@pytest.mark.parametrize(
    ("calendar", "at", "expected"),
    [
        ("CME_EQUITY", "2026-12-22 22:59:30Z", ("BREAK", "2026-12-22", None, None, "22 23:00")),
        ("CME_EQUITY", "2026-12-22 23:00:00Z", ("OPEN", "2026-12-23", 0, 1380, "23 23:00")),
        ("CME_EQUITY", "2026-12-23 21:59:30Z", ("OPEN", "2026-12-23", 1379, 1, "23 23:00")),
        ("CME_EQUITY", "2026-12-23 22:00:00Z", ("BREAK", "2026-12-23", None, None, "23 23:00")),
        # After the short day of Christmas Eve it is closed, and from 17:00 in Chicago a holiday.
        ("CME_EQUITY", "2026-12-24 18:15:00Z", ("CLOSED", "2026-12-24", None, None, "27 23:00")),
        ("CME_EQUITY", "2026-12-24 23:00:00Z", ("HOLIDAY", "2026-12-25", None, None, "27 23:00")),
        ("CME_EQUITY", "2026-12-25 23:00:00Z", ("CLOSED", "2026-12-26", None, None, "27 23:00")),
        # Nearly six hours between two sessions of grains are no break.
        ("CME_GRAINS", "2026-12-22 20:00:00Z", ("CLOSED", "2026-12-22", None, None, "23 01:00")),
    ],
)
def test_a_session_has_one_state_at_every_moment(
    sessions: Connection, calendar: str, at: str, expected: tuple[Any, ...]
) -> None:
    found = session(sessions, at, calendar)
    assert found is not None
    assert found[:5] == expected


def test_a_moment_without_sessions_has_no_row(sessions: Connection) -> None:
    assert session(sessions, "2026-12-01 12:00Z") is None
    assert session(sessions, "2027-01-10 12:00Z") is None
    assert session(sessions, "2026-12-24 12:00Z", "MOON") is None
