"""The world's markets and trading sessions over REST and the stream."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from markets_made import make_days
from served import Api, serving, streaming

from thor import clock
from thor.services.running import Endpoints

pytestmark = pytest.mark.editions("plain")

SESSIONS = """
insert into reference.sessions (calendar, trade_date, session_number, open_at, close_at, note)
values
('CME_EQUITY', '2026-11-24', 1, '2026-11-23 23:00Z', '2026-11-24 22:00Z', 'a note'),
('CME_EQUITY', '2026-11-25', 2, '2026-11-24 23:00Z', '2026-11-25 22:00Z', null)
"""


@pytest.fixture(scope="module")
def world(kept_url: str, endpoints: Endpoints) -> Iterator[Api]:
    """The API of a database with Tokyo and New York in the week of Thanksgiving 2026."""
    with psycopg.connect(kept_url, autocommit=True) as connection:
        make_days(connection)
        connection.execute(SESSIONS)
    with serving(kept_url, endpoints.redis_url) as api:
        yield api


def test_the_markets_of_a_moment_are_those_of_the_select(world: Api) -> None:
    tokyo, york = world.get("/api/global-markets", as_of="2026-11-24T02:40:00Z")
    assert {name: tokyo[name] for name in ("market", "state", "next_event", "local_time")} == {
        "market": "Japan", "state": "LUNCH", "next_event": "REOPEN",
        "local_time": "2026-11-24T11:40:00",
    }  # fmt: skip
    assert (tokyo["next_event_at"], tokyo["seconds_to_next_event"]) == (
        "2026-11-24T03:30:00.000000Z", 3000,
    )  # fmt: skip
    assert (york["market"], york["state"], york["open_at"]) == ("USA", None, None)
    found = world.get("/api/global-markets/composite", as_of="2026-11-24T04:00:00Z")
    assert found == {
        "as_of": "2026-11-24T04:00:00.000000Z", "composite": 25.0, "composite_max": 50.0,
        "active_markets": 1, "control_markets": 2, "phase": "ASIAN",
        "contributions": [
            {"market": "Japan", "weight": 0.25, "is_active": True, "contribution": 25.0},
            {"market": "USA", "weight": 0.25, "is_active": False, "contribution": 0.0},
        ],
    }  # fmt: skip


def test_days_and_holidays_are_listed(world: Api) -> None:
    days = world.get("/api/global-markets/japan/days", **{"from": "2026-11-23", "to": "2026-11-25"})
    assert [(day["day"], day["is_holiday"], day["confidence"]) for day in days] == [
        ("2026-11-23", True, "library"),
        ("2026-11-24", False, "library"),
        ("2026-11-25", False, "unconfirmed"),
    ]
    found = world.get("/api/global-markets/holidays", days=7, as_of="2026-11-22T20:00:00Z")
    assert [(day["market"], day["day"], day["note"]) for day in found] == [
        ("Japan", "2026-11-23", "Labour Thanksgiving Day"),
        # The first day that is not published.
        ("Japan", "2026-11-25", None),
        ("USA", "2026-11-26", "Thanksgiving"),
        ("USA", "2026-11-27", "early close"),
    ]
    every = world.get("/api/global-markets/days", **{"from": "2026-11-26", "to": "2026-11-27"})
    assert [(day["market"], day["day"], day["is_holiday"]) for day in every] == [
        ("Japan", "2026-11-26", False),
        ("Japan", "2026-11-27", False),
        ("USA", "2026-11-26", True),
        ("USA", "2026-11-27", False),
    ]


@pytest.mark.parametrize(
    ("path", "status", "params", "detail"),
    [
        ("/api/global-markets/mars/days", 404, {}, "market: 'mars' is none of Japan, USA"),
        ("/api/global-markets/mars/history", 404, {}, "market: 'mars'"),
        ("/api/global-markets/usa/days", 422, {"from": "soon"}, "from: 'soon' is no day"),
        (
            "/api/global-markets/usa/days", 422, {"from": "2026-11-02", "to": "2026-11-01"},
            "to: 2026-11-01 is before from",
        ),
        (
            "/api/global-markets/usa/days", 422, {"from": "2020-01-01", "to": "2026-11-01"},
            "more than 800 days",
        ),
        (
            "/api/global-markets/days", 422, {"from": "2026-10-01", "to": "2026-11-02"},
            "more than 31 days",
        ),
        ("/api/global-markets", 422, {"as_of": "noon"}, "as_of: 'noon'"),
        ("/api/session", 404, {"symbol": "ZZ"}, "symbol: 'ZZ'"),
        ("/api/session", 422, {"at": "noon"}, "at: 'noon' is no time"),
        (
            "/api/session", 404, {"at": "2030-01-01T00:00:00Z"},
            "known from 2026-11-23 to 2026-11-25",
        ),
        ("/api/session", 404, {"symbol": "CL"}, "CME_ENERGY has no sessions yet"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_field(
    world: Api, path: str, status: int, params: dict[str, str], detail: str
) -> None:
    assert detail in world.problem(path, status, **params)["detail"]


def test_the_session_of_a_symbol_at_a_moment(world: Api) -> None:
    found = world.get("/api/session", symbol="NQ", at="2026-11-24T12:00:00Z")
    assert found == {
        "as_of": "2026-11-24T12:00:00.000000Z", "calendar": "CME_EQUITY", "state": "OPEN",
        "trade_date": "2026-11-24", "session_number": 1,
        "open_at": "2026-11-23T23:00:00.000000Z", "close_at": "2026-11-24T22:00:00.000000Z",
        "regular_open_at": None, "regular_close_at": None, "is_early_close": False,
        "minutes_since_open": 780, "minutes_to_close": 600,
        "next_open_at": "2026-11-24T23:00:00.000000Z", "note": "a note",
    }  # fmt: skip


def test_a_stream_sends_the_session_once_and_what_changes(world: Api, kept_url: str) -> None:
    with psycopg.connect(kept_url, autocommit=True) as connection:
        now = clock.now()
        connection.execute(
            "insert into reference.sessions values "
            "('ICE', %s, 9, %s, %s), ('CME_RATES', %s, 9, %s, %s)",
            (now.date(), now - timedelta(hours=1), now + timedelta(hours=1)) * 2,
        )
        connection.execute(
            "insert into studies.market_transitions values "
            "('Japan', '2026-11-23 23:00Z', 'CLOSED', 'PREOPEN')"
        )
        with streaming(world, events="session,market", symbols="DX") as stream:
            session = stream.next("session", "market")
            assert (session.kind, session.data["calendar"]) == ("session", "ICE")
            assert session.data["state"] == "OPEN"
            connection.execute(
                "insert into studies.market_transitions values "
                "('Japan', '2026-11-24 00:00Z', 'PREOPEN', 'OPEN')"
            )
            change = stream.next("session", "market")
            assert (change.kind, change.data) == (
                "market",
                {
                    "market": "Japan", "at": "2026-11-24T00:00:00.000000Z",
                    "from_state": "PREOPEN", "to_state": "OPEN", "is_recovered": False,
                },
            )  # fmt: skip
            connection.execute(
                "update reference.sessions set close_at = %s where calendar = 'ICE'", (now,)
            )
            connection.execute(
                "insert into reference.sessions values ('ICE', %s, 10, %s, %s)",
                (now + timedelta(days=1), now + timedelta(hours=1), now + timedelta(hours=2)),
            )
            changed = stream.next("session", "market")
            assert (changed.kind, changed.data["calendar"]) == ("session", "ICE")
            assert changed.data["state"] != "OPEN"
    history = world.get("/api/global-markets/JAPAN/history", limit=1)
    assert [(row["from_state"], row["to_state"]) for row in history] == [("PREOPEN", "OPEN")]
