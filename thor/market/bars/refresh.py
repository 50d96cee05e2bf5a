"""Keep the bars right: refresh what late ticks made stale, and rebuild what is asked.

Stage 40, bars. Reads market.bars_to_refresh and market.dropped_ranges; brings the
stored bars of every width in step with market.ticks. On the timescale edition by
refreshing the continuous aggregates bottom-up, on the plain one hour by hour. Bars
of dropped ticks are never touched.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from thor import clock, database
from thor.database import Connection
from thor.errors import NotFound, Refused, Rejected, Unavailable

# Bottom-up: what is refreshed below is stale above until its own turn.
WIDTHS = {
    "1s": timedelta(seconds=1),
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
}
HOUR = timedelta(hours=1)
# A refresh that went further than the policies do would hide what is read live.
LIVE = timedelta(seconds=10)
_DAY = timedelta(days=1)
# Writers of an hour wait while it is rebuilt: by the day only where none writes.
_BY_THE_HOUR = timedelta(days=2)
# What a refresh says when another is at the same bars, and how long a rebuild waits for it.
_TAKEN = "55P03"
_TURN_S = 60.0
_AGAIN_S = 0.2
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

Span = tuple[datetime, datetime]


def catch_up(connection: Connection[Any]) -> int:
    """Bring the bars of all stale ranges up to date; returns how many ranges those were.

    Takes a connection in autocommit. A range stays recorded until all its widths are
    right, so that whatever interrupts this, it is done again. Raises `Unavailable`
    where the server is away or another refresh is at the same bars: try again.
    """
    rows = database.rows(connection, "stale_ranges")
    spans = [(row["ts_from"], row["ts_to"]) for row in rows] or _unstored(connection)
    for ts_from, ts_to in joined(spans):
        for first, last in _slices(ts_from, ts_to, _DAY):
            with _held(connection, first, last) as parts:
                for part in parts:
                    renew(connection, *part)
    if rows:
        values = {"range_ids": [row["range_id"] for row in rows]}
        database.rows(connection, "forget_stale_ranges", values)
    return len(spans)


def renew(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    """Make the bars of a range anew, at every width, from the ticks that are there.

    The range is widened to whole bars of each width. Where the ticks are not there
    any more their bars go, so never call it on a dropped range.
    """
    if edition(connection) == "plain":
        return _rebuild_plain(connection, _floor(ts_from, HOUR), _ceil(ts_to, HOUR))
    found = database.row(connection, "server_clock") or {}
    for width, length in WIDTHS.items():
        end = min(_ceil(ts_to, length), _floor(found["now"] - LIVE, length))
        start = _floor(ts_from, length)
        if start < end:
            _refresh(connection, width, (start, end))


def rebuild(
    connection: Connection[Any], ts_from: datetime, ts_to: datetime, *, drop_empty: bool = False
) -> Iterator[tuple[int, int]]:
    """Make the bars of a range anew slice by slice; yields slices done and slices in all.

    A rebuild of the same range that was cut goes on where it was. Raises `Rejected`
    for a range that is none, `Refused` where all its ticks were dropped, or where bars
    would go because their ticks are gone, unless `drop_empty`.
    """
    if not ts_from < ts_to:
        raise Rejected(f"--from: {ts_from.isoformat()} is not before --to {ts_to.isoformat()}")
    asked = {"asked_from": _floor(ts_from, HOUR), "asked_to": _ceil(ts_to, HOUR)}
    parts = _kept(connection, asked["asked_from"], asked["asked_to"])
    if not parts:
        raise Refused(
            f"The ticks of {ts_from.isoformat()} to {ts_to.isoformat()} were dropped, see "
            "dropped_ranges: their bars stay as they are"
        )
    if not drop_empty:
        for part in parts:
            _refuse_empty(connection, *part)
    now = (database.row(connection, "server_clock") or {})["now"]
    slices = [
        piece
        for first, last in parts
        for day in _slices(first, last, _DAY)
        for piece in _slices(*day, HOUR if day[1] > now - _BY_THE_HOUR else _DAY)
    ]
    firsts, lasts = [first for first, _ in slices], [last for _, last in slices]
    database.rows(connection, "plan_rebuild", {**asked, "firsts": firsts, "lasts": lasts})
    # One that was cut had its slices planned then.
    planned = database.rows(connection, "rebuild_slices", asked)
    for number, row in enumerate(planned, 1):
        if row["rebuilt_at"] is None:
            # Some of it may have been dropped since it was planned.
            with _held(connection, row["ts_from"], row["ts_to"]) as kept:
                for part in kept:
                    _renew_all(connection, *part)
            database.rows(connection, "rebuild_done", {**asked, "ts_from": row["ts_from"]})
        yield number, len(planned)
    database.rows(connection, "forget_rebuild", asked)


def edition(connection: Connection[Any]) -> str:
    """Return the database's edition; raises `NotFound` where it was never migrated."""
    found = database.row(connection, "edition")
    if found is None:
        raise NotFound("The database has no edition yet: run `thor db up`")
    return str(found["edition"])


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the spans, neighbours within an hour joined, in order."""
    found: list[Span] = []
    for ts_from, ts_to in sorted(spans):
        if found and ts_from - found[-1][1] <= HOUR:
            found[-1] = (found[-1][0], max(found[-1][1], ts_to))
        else:
            found.append((ts_from, ts_to))
    return found


def without(span: Span, dropped: Iterable[Span]) -> list[Span]:
    """Return the parts of a span that lie in none of the dropped ones."""
    left = [span]
    for gone_from, gone_to in dropped:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, gone_from)), (max(first, gone_to), last))
            if part[0] < part[1]
        ]
    return left


def _unstored(connection: Connection[Any]) -> list[Span]:
    # Where the policies did not run, what they did not store is kept from being hidden.
    if edition(connection) == "plain":
        return []
    rows = database.rows(connection, "unstored_days")
    return [(row["ts_from"], row["ts_to"]) for row in rows]


@contextmanager
def _held(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> Iterator[list[Span]]:
    # What was not dropped, and will not be while its bars are made anew.
    database.rows(connection, "hold_ranges_on")
    try:
        yield _kept(connection, ts_from, ts_to)
    finally:
        database.rows(connection, "let_ranges_go")


def _kept(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> list[Span]:
    # Dropped ranges are of whole hours: what is outside stays outside when widened.
    values = {"first": _floor(ts_from, HOUR), "last": _ceil(ts_to, HOUR)}
    rows = database.rows(connection, "dropped_ranges", values)
    return without((ts_from, ts_to), [(row["ts_from"], row["ts_to"]) for row in rows])


def _renew_all(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    if edition(connection) == "plain":
        return _rebuild_plain(connection, ts_from, ts_to)
    found = database.row(connection, "server_clock") or {}
    for width, length in WIDTHS.items():
        end = min(ts_to, _floor(found["now"] - LIVE, length))
        if ts_from < end:
            _refresh_in_turn(connection, width, (ts_from, end))


def _rebuild_plain(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    # By the hour: it holds the seconds of what it rebuilds in memory.
    for hour_from, hour_to in _slices(ts_from, ts_to, HOUR):
        values = {"hour_from": hour_from, "hour_to": hour_to}
        database.rows(connection, "rebuild_bars", values)


def _refresh_in_turn(connection: Connection[Any], width: str, span: Span) -> None:
    until_s = clock.monotonic_s() + _TURN_S
    while True:
        try:
            # Also what no invalidation was logged for.
            return _refresh(connection, width, span, force=True)
        except Unavailable as error:
            # A policy that is at the same bars is over soon, and comes again soon.
            is_taken = getattr(error.__cause__, "sqlstate", None) == _TAKEN
            if not is_taken or clock.monotonic_s() > until_s:
                raise
            clock.sleep_s(_AGAIN_S)


def _refresh(connection: Connection[Any], width: str, span: Span, *, force: bool = False) -> None:
    bars = f"market._bars_{width}"
    values = {"bars": bars, "ts_from": span[0], "ts_to": span[1], "force": force}
    try:
        database.rows(connection, "refresh_bars", values)
    except database.DriverError as error:
        raise Unavailable(f"{bars}: {str(error).splitlines()[0]}") from error


def _refuse_empty(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    values = {"ts_from": ts_from, "ts_to": ts_to}
    if edition(connection) == "timescale":
        values |= database.row(connection, "stored_until", values) or {}
    if found := database.row(connection, "bars_without_ticks", values):
        raise Refused(
            f"{found['hours']} hours of bars have no ticks any more, the first of them "
            f"{found['symbol']} at {found['bar_start'].isoformat()}: a rebuild would delete "
            "them. Replay their ticks first, narrow --from and --to, or say --drop-empty"
        )


def _slices(ts_from: datetime, ts_to: datetime, length: timedelta) -> Iterator[Span]:
    first = ts_from
    while first < ts_to:
        last = min(_floor(first, length) + length, ts_to)
        yield first, last
        first = last


def _floor(ts: datetime, length: timedelta) -> datetime:
    return ts - (ts - _EPOCH) % length


def _ceil(ts: datetime, length: timedelta) -> datetime:
    return ts + (_EPOCH - ts) % length
