"""reference.trade_date and session_at: which day and which session an instant belongs to."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thor.domain.sessions import trade_date

Connection = psycopg.Connection[Any]

SINCE = datetime(1990, 1, 1, tzinfo=UTC)

# Chicago is six hours behind UTC in winter and five in summer, so 17:00 there is 23:00
# or 22:00 UTC. In 2024 summer time begins on Sunday 10 March and ends on 3 November.
BOUNDARIES = [
    ("2024-01-02 22:59:59.999999Z", "2024-01-02"),
    ("2024-01-02 23:00:00Z", "2024-01-03"),
    ("2024-07-02 21:59:59.999999Z", "2024-07-02"),
    ("2024-07-02 22:00:00Z", "2024-07-03"),
    # The Friday before each change, still in the old time.
    ("2024-03-08 22:59:59.999999Z", "2024-03-08"),
    ("2024-03-08 23:00:00Z", "2024-03-09"),
    ("2024-11-01 21:59:59.999999Z", "2024-11-01"),
    ("2024-11-01 22:00:00Z", "2024-11-02"),
    # The hour that is missing, and the hour that comes twice.
    ("2024-03-10 07:59:59Z", "2024-03-10"),
    ("2024-03-10 08:00:00Z", "2024-03-10"),
    ("2024-11-03 06:30:00Z", "2024-11-03"),
    ("2024-11-03 07:30:00Z", "2024-11-03"),
    # The Sunday evening of each change, in the new time.
    ("2024-03-10 21:59:59.999999Z", "2024-03-10"),
    ("2024-03-10 22:00:00Z", "2024-03-11"),
    ("2024-11-03 22:59:59.999999Z", "2024-11-03"),
    ("2024-11-03 23:00:00Z", "2024-11-04"),
    # The year turns with the day.
    ("2024-12-31 23:00:00Z", "2025-01-01"),
]


@pytest.mark.parametrize(("ts", "day"), BOUNDARIES)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_day_turns_at_17_00_in_chicago_in_every_time_zone(
    undone: Connection, ts: str, day: str, zone: str
) -> None:
    undone.execute("select set_config('TimeZone', %s, false)", (zone,))
    row = undone.execute("select reference.trade_date(%s)", (ts,)).fetchone()
    assert row == (date.fromisoformat(day),)


@pytest.mark.parametrize(("ts", "day"), BOUNDARIES)
def test_a_tick_carries_the_same_day(undone: Connection, ts: str, day: str) -> None:
    row = undone.execute(
        "insert into ticks (ts, symbol, seq, source, is_trade, is_sampled, received_at) "
        "values (%(ts)s, 'ES', 1, 'SIM', false, false, %(ts)s) returning trade_date",
        {"ts": ts},
    ).fetchone()
    assert row == (date.fromisoformat(day),)


def test_no_instant_has_no_day(undone: Connection) -> None:
    assert undone.execute("select reference.trade_date(null)").fetchone() == (None,)


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.integers(0, 46 * 365 * 86_400).map(lambda seconds: SINCE + timedelta(seconds=seconds)),
        min_size=20,
        max_size=200,
    )
)
def test_sql_and_python_agree_on_every_day(undone: Connection, instants: list[datetime]) -> None:
    rows = undone.execute(
        "select reference.trade_date(t.ts) from unnest(%s) with ordinality as t (ts, place) "
        "order by t.place",
        (instants,),
    ).fetchall()
    assert [day for (day,) in rows] == [trade_date(instant) for instant in instants]


OPEN = datetime(2024, 1, 2, 23, tzinfo=UTC)
CLOSE = datetime(2024, 1, 3, 22, tzinfo=UTC)
NEXT_OPEN = datetime(2024, 1, 3, 23, tzinfo=UTC)
NEXT_CLOSE = datetime(2024, 1, 4, 22, tzinfo=UTC)
JUST = timedelta(microseconds=1)


@pytest.fixture
def two_sessions(undone: Connection) -> Connection:
    """Two days of one calendar with the daily break of an hour between them."""
    for day, number, opens, closes in [
        ("2024-01-03", 1, OPEN, CLOSE),
        ("2024-01-04", 2, NEXT_OPEN, NEXT_CLOSE),
    ]:
        undone.execute(
            "insert into sessions (calendar, trade_date, session_number, open_at, close_at) "
            "values ('CME_EQUITY', %s, %s, %s, %s)",
            (day, number, opens, closes),
        )
    return undone


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (OPEN - JUST, None),
        (OPEN, 1),
        (CLOSE - JUST, 1),
        (CLOSE, None),
        (NEXT_OPEN - JUST, None),
        (NEXT_OPEN, 2),
        (NEXT_CLOSE, None),
    ],
)
def test_a_session_holds_its_open_and_not_its_close(
    two_sessions: Connection, at: datetime, number: int | None
) -> None:
    rows = two_sessions.execute(
        "select session_number from reference.session_at('CME_EQUITY', %s)", (at,)
    ).fetchall()
    assert rows == ([] if number is None else [(number,)])


def test_another_calendar_has_no_session_of_this_one(two_sessions: Connection) -> None:
    rows = two_sessions.execute("select * from reference.session_at('CFE', %s)", (OPEN,)).fetchall()
    assert rows == []


def test_a_session_comes_with_all_that_is_known_of_it(two_sessions: Connection) -> None:
    found = two_sessions.execute(
        "select to_jsonb(s) from reference.session_at('CME_EQUITY', %s) as s", (OPEN,)
    ).fetchone()
    kept = two_sessions.execute(
        "select to_jsonb(s) from sessions as s where session_number = 1"
    ).fetchone()
    assert found is not None
    assert found == kept
