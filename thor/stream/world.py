"""Watch sessions, the world's markets and grades of their openings, for those who asked for them.

Stages: 10 reference, 45 studies → API. One reader a process asks once a second, while anybody
wants it.
"""

import asyncio
from datetime import datetime
from typing import Any, Literal

import msgspec

from thor import clock, database
from thor.errors import ThorError
from thor.reference.cache import Reference
from thor.stream.desk import Number, Signal
from thor.stream.events import event
from thor.stream.quote import Instant
from thor.stream.rows import converted
from thor.stream.subscribers import Subscriber, Subscribers

MarketStateName = Literal["OPEN", "PREOPEN", "PRECLOSE", "LUNCH", "CLOSED", "HOLIDAY"]
EVERY_S = 1.0


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `reference.session_state(calendar, as_of)`, with the moment it is of.

    The session is that of the moment's trade date, null where that has none.
    """

    as_of: Instant
    calendar: str
    state: Literal["OPEN", "CLOSED", "BREAK", "HOLIDAY"]
    trade_date: str
    session_number: int | None
    open_at: Instant | None
    close_at: Instant | None
    regular_open_at: Instant | None
    regular_close_at: Instant | None
    is_early_close: bool
    minutes_since_open: int | None
    minutes_to_close: int | None
    next_open_at: Instant | None
    note: str | None


class MarketTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a market's state; recovered, it was written after a downtime."""

    market: str
    at: Instant
    from_state: MarketStateName
    to_state: MarketStateName
    is_recovered: bool


class OpenGrade(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a capture that was made or graded."""

    id: int
    market: str
    session_date: str
    capture_kind: Literal["OPEN", "MANUAL"]
    symbol: str
    bhs: Signal | None
    wndw: Literal["WORKED", "DIDNT_WORK", "NEUTRAL", "PENDING"]
    target_hit_price: Number | None
    target_hit_at: Instant | None


def session_state(row: dict[str, Any], as_of: datetime) -> SessionState:
    """Return a row of `reference.session_state` in the form of the API."""
    return converted({**row, "as_of": as_of}, SessionState)


class WorldWatch:
    """The states of one process's sessions and markets, as they were last sent."""

    def __init__(self, pool: Any, reference: Reference, subscribers: Subscribers) -> None:
        """Take the database, the instruments' calendars, and the subscribers."""
        self._pool, self._reference, self._subscribers = pool, reference, subscribers
        self._sessions: dict[str, tuple[str, str]] = {}
        self._markets: dict[str, str] = {}
        self._grades: dict[int, str] | None = None
        self._informed: set[Subscriber] = set()

    async def run(self) -> None:
        """Look once a second, until cancelled; a database that is away is waited for."""
        while True:
            members = self._subscribers.members
            wanting = {one for one in members if one.event_filter.world - {"prediction"}}
            self._informed &= wanting
            if wanting:
                await self._look(wanting)
            else:
                # A later subscriber is sent the sessions as they are then.
                self._sessions, self._markets, self._grades = {}, {}, None
            await asyncio.sleep(EVERY_S)

    async def _look(self, wanting: set[Subscriber]) -> None:
        now = clock.now()
        try:
            sessions = await database.fetch(self._pool, "session_states", {"as_of": now})
            markets = await database.fetch(self._pool, "last_market_transitions")
            grades = await self._graded(wanting)
        except ThorError:
            return
        # A new subscriber is sent every session as it is now, the others those that changed.
        changed: dict[str, bytes] = {}
        present: dict[str, bytes] = {}
        for row in sessions:
            one = session_state(row, now)
            key, name = (one.state, one.trade_date), f"session {one.calendar}"
            present[name] = event("session", one)
            if self._sessions.get(one.calendar) != key:
                self._sessions[one.calendar] = key
                changed[name] = present[name]
        for row in markets:
            transition = converted(row, MarketTransition)
            known = self._markets.get(transition.market)
            self._markets[transition.market] = transition.at
            # A market's state is asked for; only its changes are sent.
            if known is not None and known != transition.at:
                changed[f"market {transition.market}"] = event("market", transition)
        for grade in grades:
            changed[f"grade {grade.id}"] = event("grade", grade)
        for subscriber in wanting:
            self._notify(subscriber, changed if subscriber in self._informed else present)
        self._informed |= wanting

    async def _graded(self, wanting: set[Subscriber]) -> list[OpenGrade]:
        """Return the rows of the newest captures whose outcome is another than at the last look."""
        if not any("grade" in one.event_filter.world for one in wanting):
            self._grades = None
            return []
        rows = await database.fetch(self._pool, "newest_grades")
        known, self._grades = self._grades, {row["id"]: row["wndw"] for row in rows}
        if known is None:
            return []
        return [converted(row, OpenGrade) for row in rows if known.get(row["id"]) != row["wndw"]]

    def _notify(self, subscriber: Subscriber, frames: dict[str, bytes]) -> None:
        wanted = subscriber.event_filter
        calendars = self._calendars(wanted.symbols)
        for name, frame in frames.items():
            kind, _, key = name.partition(" ")
            if kind not in wanted.world:
                continue
            if kind != "session" or calendars is None or key in calendars:
                subscriber.notices[name] = frame
        subscriber.wake()

    def _calendars(self, symbols: frozenset[str] | None) -> set[str] | None:
        """Return the calendars of symbols; None where all are wanted."""
        known = self._reference.known
        if symbols is None or known is None:
            return None
        found = (known.listing.instrument(symbol) for symbol in symbols)
        return {instrument.calendar for instrument in found if instrument is not None}
