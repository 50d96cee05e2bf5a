"""Read and add calendars: those that Thor knows, and those that a user added.

Reads and writes reference.calendars; gives `Hours`.
"""

from collections.abc import Mapping
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.hours import HOURS, Hours
from thor.errors import NotFound, Refused, Rejected


class OwnCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar that a user added; times are on the wall clock of `zone`."""

    calendar: str
    zone: str
    open: time
    close: time
    regular_open: time
    regular_close: time
    opens_on_day: bool = False
    holidays_of: str | None = None

    def hours(self) -> Hours:
        """Return its usual hours."""
        return Hours(
            zone=ZoneInfo(self.zone),
            open=self.open,
            close=self.close,
            regular_open=self.regular_open,
            regular_close=self.regular_close,
            opens_on_day=self.opens_on_day,
        )


def own(connection: Connection[Any]) -> dict[str, OwnCalendar]:
    """Return the calendars that a user added, by name."""
    found = database.rows(connection, "calendars")
    return {row["calendar"]: msgspec.convert(row, OwnCalendar) for row in found}


def known(connection: Connection[Any]) -> Mapping[str, Hours]:
    """Return the usual hours of every calendar there is, by name."""
    return {**HOURS, **{name: one.hours() for name, one in own(connection).items()}}


def add(connection: Connection[Any], one: OwnCalendar) -> None:
    """Add a calendar, or change one that was added; its sessions are computed by `db sessions`.

    Raises `Refused` for a name that Thor knows already, `NotFound` for a zone or a calendar of
    holidays that there is not, `Rejected` for times that make no session.
    """
    if one.calendar in HOURS:
        raise Refused(f"calendar: {one.calendar} is one of Thor's own; give yours another name")
    try:
        ZoneInfo(one.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise NotFound(f"zone: {one.zone!r} is no time zone, as Europe/Berlin is") from error
    if one.holidays_of is not None and one.holidays_of not in HOURS:
        raise NotFound(f"holidays_of: {one.holidays_of!r} is none of {', '.join(HOURS)}")
    if one.regular_open >= one.regular_close:
        raise Rejected(
            f"regular_close: {one.regular_close} is not after regular_open {one.regular_open}"
        )
    if one.opens_on_day and one.open >= one.close:
        raise Rejected(f"close: {one.close} is not after open {one.open}")
    database.rows(connection, "add_calendar", msgspec.structs.asdict(one))
