"""Compute when a job is due: cron on a zone's clock, or a session's open or close.

Stage 95, ops. Pure: sessions and the moment arrive as arguments; gives due moments in UTC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import cronsim
import msgspec

from thor.errors import Rejected

Policy = Literal["catch_up", "latest", "skip"]
Kind = Literal["open", "close", "regular_open", "regular_close"]

CRON_EXAMPLE = "30 2 * * MON-FRI"
SESSION_EXAMPLE = "close(CME_EQUITY) + 5 min"
EXAMPLES = f"write cron, as {CRON_EXAMPLE!r}, or a session, as {SESSION_EXAMPLE!r}"
# A moment seen later than this is missed: a restart of Thor takes less.
LATE = timedelta(minutes=1)
# Skipped moments that get a row of their own; of more only the newest do.
SKIPPED_MAX = 100

_SESSION = re.compile(
    r"(?P<kind>open|close|regular_open|regular_close) *\( *(?P<calendar>[A-Z][A-Z0-9_]*) *\)"
    r"(?: *(?P<sign>[+-]) *(?P<count>\d{1,6}) *(?P<unit>[a-z]+))?"
)
_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_CRON_FIELDS = 5


class Cron(msgspec.Struct, frozen=True):
    """Five fields of cron, on the wall clock of a zone.

    A time of day that a change of the clocks skips is due at the first minute after the gap, one
    that comes twice the first time only; what is due every hour or more often, by `*`, goes by
    elapsed time.
    """

    fields: str
    zone: ZoneInfo


class SessionMoment(msgspec.Struct, frozen=True):
    """An open or close of the sessions of a calendar, and how much later; earlier if negative."""

    kind: Kind
    calendar: str
    offset: timedelta


Schedule = Cron | SessionMoment
# A session's opens and closes, by the names of `Kind` with `_at`; null where it has none.
SessionTimes = Mapping[str, Any]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about the moments that are due: the one to run, and those that are skipped.

    No moment up to `seen_until` is looked at again. `left_out` counts skipped moments that are
    too many to be named.
    """

    run: datetime | None = None
    skipped: tuple[datetime, ...] = ()
    left_out: int = 0
    seen_until: datetime


def parse(text: str, zone: str) -> Schedule:
    """Read a schedule; raises `Rejected` naming what cannot be read, with an example."""
    found = _SESSION.fullmatch(text.strip())
    if found is None:
        return _cron(text, zone)
    _zone(zone)
    offset = timedelta()
    if found["sign"] is not None:
        if found["unit"] not in _UNITS:
            raise Rejected(
                f"schedule: {text!r} has {found['unit']!r} where one of {', '.join(_UNITS)} is to "
                f"be; {EXAMPLES}"
            )
        offset = int(found["count"]) * _UNITS[found["unit"]]
    kind: Any = found["kind"]
    return SessionMoment(kind, found["calendar"], -offset if found["sign"] == "-" else offset)


def moments(
    schedule: Schedule, after: datetime, until: datetime, sessions: Iterable[SessionTimes] = ()
) -> Iterator[datetime]:
    """Yield the moments with after < moment <= until, in order, UTC.

    `sessions` are those of the schedule's calendar, in order, that reach over that span.
    """
    if isinstance(schedule, Cron):
        yield from _cron_moments(schedule, after, until)
        return
    last = after
    for session in sessions:
        at = session[f"{schedule.kind}_at"]
        if at is None:
            continue
        moment = (at + schedule.offset).astimezone(UTC)
        if moment > until:
            return
        if moment > last:
            last = moment
            yield moment


def decide(
    policy: Policy,
    due: Iterator[datetime],
    seen_until: datetime,
    as_of: datetime,
    *,
    is_busy: bool = False,
) -> Decision:
    """Return what a job's policy makes of the moments that are due, the oldest first.

    `is_busy` while an earlier run of the job goes on: nothing is started then.
    """
    if policy == "catch_up":
        first = None if is_busy else next(due, None)
        return Decision(run=first, seen_until=first or seen_until)
    found = list(due)
    late = found if policy == "latest" else [at for at in found if as_of - at > LATE]
    on_time = found[-1:] if policy == "latest" else found[len(late) :]
    if is_busy:
        # The newest waits for the end of the run, as long as the policy lets it.
        late = [] if policy == "latest" else late
        return _skipped(late, None, late[-1] if late else seen_until)
    run = on_time[-1] if on_time else None
    skipped = [at for at in found if at != run]
    return _skipped(skipped, run, found[-1] if found else seen_until)


def _skipped(moments: list[datetime], run: datetime | None, seen_until: datetime) -> Decision:
    named = tuple(moments[-SKIPPED_MAX:])
    left_out = len(moments) - len(named)
    return Decision(run=run, skipped=named, left_out=left_out, seen_until=seen_until)


def _cron(text: str, zone: str) -> Cron:
    fields = text.split()
    if len(fields) != _CRON_FIELDS:
        raise Rejected(f"schedule: {text!r} is neither cron nor a session's moment; {EXAMPLES}")
    found = Cron(" ".join(fields).upper(), _zone(zone))
    try:
        # One that never comes, 30 February, is refused at its first moment only.
        next(cronsim.CronSim(found.fields, datetime(2000, 1, 1, tzinfo=UTC)))
    except (cronsim.CronSimError, StopIteration, ValueError) as error:
        why = str(error)[:1].lower() + str(error)[1:] or "no such day"
        raise Rejected(f"schedule: {text!r} is no cron, {why}; {EXAMPLES}") from error
    return found


def _zone(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(f"zone: {zone!r} is no time zone, as America/Chicago is") from error


def _cron_moments(schedule: Cron, after: datetime, until: datetime) -> Iterator[datetime]:
    last = after
    for local in cronsim.CronSim(schedule.fields, after.astimezone(schedule.zone)):
        moment = local.astimezone(UTC)
        if moment > until:
            return
        # Within an hour that comes twice the library begins with its first time.
        if moment > last:
            last = moment
            yield moment
