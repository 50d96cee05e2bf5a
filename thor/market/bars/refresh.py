"""Keep bars current: refresh bars that late ticks made stale, and rebuild a range on request.

Stage 40, bars. Reads market.bars_to_refresh and market.dropped_ranges; makes the stored bars of
every width equal market.ticks. The timescale edition refreshes the continuous aggregates bottom-up,
the plain one rebuilds hour by hour. Bars of dropped ticks are never touched.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from thor import clock, database
from thor.database import Connection, edition
from thor.domain.bar import STORED_WIDTHS
from thor.domain.spans import Span, joined
from thor.errors import Refused, Rejected, Unavailable

# Bottom-up: a refresh of a width makes the wider ones stale until their own turn.
HOUR = timedelta(hours=1)
# How far back the policies look; none of them refreshes anything older.
_REACH = {
    "1s": timedelta(hours=1),
    "1m": timedelta(hours=3),
    "5m": timedelta(hours=12),
    "1h": timedelta(days=3),
}
# Ticks of this age are live and are refreshed before replayed ones.
_RECENT = timedelta(minutes=30)
# A refresh beyond the policies' end would hide ticks that are read live.
LIVE = timedelta(seconds=10)
_DAY = timedelta(days=1)
# Writers of an hour wait while it is rebuilt, so whole days are rebuilt only where nothing is
# written.
_BY_THE_HOUR = timedelta(days=2)
# The error of a refresh while another refreshes the same bars, and how long to wait for that one.
_TAKEN = "55P03"
_TURN_S = 2.0
_REBUILD_TURN_S = 60.0
# How long to wait for a policy, how often to look, and how exactly its reach is known: its run
# began a little before it is seen, and the next one begins a little later.
_POLICY_S = 10.0
_LOOK_S = 0.1
_SLACK = timedelta(minutes=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def catch_up(connection: Connection[Any]) -> int:
    """Bring all stale bars up to date; returns in how many pieces, as `refresh_next` makes them."""
    pieces = 0
    while refresh_next(connection):
        pieces += 1
    return pieces


def refresh_next(connection: Connection[Any]) -> bool:
    """Refresh one piece of the stale bars, a day at most; returns whether there was one.

    The newest ticks come first, so that a late live tick does not wait behind a replay of years.
    Takes a connection in autocommit. A range stays recorded until all its widths are refreshed, so
    an interrupted refresh is repeated. Raises `Unavailable` where the server is away or another
    refresh works on the same bars: try again.
    """
    stale = _next_stale(connection)
    if stale is None:
        return _store_next(connection)
    span, range_ids = stale
    with _locked(connection, *span) as parts:
        for part in parts:
            renew(connection, *part)
    values = {"range_ids": range_ids, "until": span[1]}
    database.rows(connection, "forget_stale_ranges", values)
    return True


def renew(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    """Rebuild the bars of a range, at every width, from the stored ticks.

    The range is widened to whole bars of each width. Bars whose ticks are gone are deleted, so
    never call it on a dropped range.
    """
    if not edition.read(connection).is_timescale:
        return _rebuild_plain(connection, _floor(ts_from, HOUR), _ceil(ts_to, HOUR))
    _renew_from(connection, "1s", ts_from, ts_to)


def rebuild(
    connection: Connection[Any], ts_from: datetime, ts_to: datetime, *, drop_empty: bool = False
) -> Iterator[tuple[int, int]]:
    """Rebuild the bars of a range slice by slice; yields slices done and slices in all.

    An interrupted rebuild of the same range resumes. Raises `Rejected` for an empty range,
    `Refused` where all its ticks were dropped, or where bars would be deleted because their ticks
    are gone, unless `drop_empty`.
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
    now = server_now(connection)
    slices = [
        piece
        for first, last in parts
        for day in _slices(first, last, _DAY)
        for piece in _slices(*day, HOUR if day[1] > now - _BY_THE_HOUR else _DAY)
    ]
    firsts, lasts = [first for first, _ in slices], [last for _, last in slices]
    database.rows(connection, "plan_rebuild", {**asked, "firsts": firsts, "lasts": lasts})
    # An interrupted rebuild has its slices planned already.
    planned = database.rows(connection, "rebuild_slices", asked)
    for number, row in enumerate(planned, 1):
        if row["rebuilt_at"] is None:
            # Some of it may have been dropped since it was planned.
            with _locked(connection, row["ts_from"], row["ts_to"]) as kept:
                for part in kept:
                    _renew_all(connection, *part)
            database.rows(connection, "rebuild_done", {**asked, "ts_from": row["ts_from"]})
        yield number, len(planned)
    database.rows(connection, "forget_rebuild", asked)


def server_now(connection: Connection[Any]) -> datetime:
    """Return the time of the database's clock, which the policies use."""
    now: datetime = database.rows(connection, "server_clock")[0]["now"]
    return now


def without(span: Span, dropped: Iterable[Span]) -> list[Span]:
    """Return the parts of a span outside all dropped ranges."""
    left = [span]
    for gone_from, gone_to in dropped:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, gone_from)), (max(first, gone_to), last))
            if part[0] < part[1]
        ]
    return left


def _renew_from(
    connection: Connection[Any], finest: str, ts_from: datetime, ts_to: datetime
) -> None:
    now = server_now(connection)
    widths = list(STORED_WIDTHS)
    for width in widths[widths.index(finest) :]:
        length = STORED_WIDTHS[width]
        end = min(_ceil(ts_to, length), _floor(now - LIVE, length))
        if part := _hiding_none(connection, width, (_floor(ts_from, length), end), now):
            _refresh_beside_policy(connection, width, part, now)


def _next_stale(connection: Connection[Any]) -> tuple[Span, list[int]] | None:
    """Return the next piece of the stale ranges, and the numbers of the ranges it belongs to."""
    now = server_now(connection)
    rows = database.rows(connection, "next_stale_ranges", {"live_from": now - _RECENT})
    rows = [row for row in rows if row["is_live"] == rows[0]["is_live"]]
    if not rows:
        return None
    first, last = joined(((row["ts_from"], row["ts_to"]) for row in rows), HOUR)[0]
    piece = next(_slices(first, last, _DAY))
    return piece, [row["range_id"] for row in rows if row["ts_from"] < piece[1]]


def _store_next(connection: Connection[Any]) -> bool:
    """Store a piece that neither a policy nor new ticks will store; returns whether there was one.

    Where the policies did not run for longer than they reach back, their next run skips everything
    older. Above the watermark that would be hidden by the run; below it, it is hidden already.
    """
    if not edition.read(connection).is_timescale:
        return False
    now = server_now(connection)
    values = {
        "bars": [f"_bars_{width}" for width in STORED_WIDTHS],
        "due": [now - reach / 2 for reach in _REACH.values()],
        "until": [_floor(now - reach / 4, STORED_WIDTHS[width]) for width, reach in _REACH.items()],
    }
    row = database.row(connection, "next_unstored_range", values)
    if row is None:
        return False
    width = row["bars"].removeprefix("_bars_")
    with _locked(connection, row["ts_from"], row["ts_to"]) as parts:
        for part in parts:
            # Bars that are stored again change the wider ones, too.
            _renew_from(connection, width, *part)
    values = {"ts_from": row["ts_from"], "ts_to": row["ts_to"]}
    database.rows(connection, "note_stored_bars", values)
    return True


def _hiding_none(connection: Connection[Any], width: str, span: Span, now: datetime) -> Span | None:
    """Return the part of a span to refresh so that no bar of the width is hidden.

    A refresh moves the watermark to its own end, and bars below the watermark are not read live: a
    refresh must begin no later than the watermark, or never go beyond it.
    """
    start, end = span
    if start >= end:
        return None
    values = {"bars": f"_bars_{width}"}
    watermark: datetime | None = database.rows(connection, "watermark", values)[0]["watermark"]
    if watermark is not None and end <= watermark:
        return span
    is_kept_up = watermark is not None and watermark >= now - _REACH[width] / 2
    if is_kept_up or start >= now - _RECENT:
        # These bars are read live until the policy stores them.
        return (start, watermark) if watermark is not None and start < watermark else None
    if watermark is None or watermark < start:
        _refresh_in_turn(connection, width, (watermark, start), _TURN_S)
    return span


def _refresh_beside_policy(
    connection: Connection[Any], width: str, span: Span, now: datetime
) -> None:
    """Refresh a span without colliding with the policy of its width.

    Of two refreshes of the same bars the second fails. The 1s bars within the policy's reach are
    left to it, since it runs every other second; for wider bars this waits for the policy's next
    run where it is near.
    """
    length, reach = STORED_WIDTHS[width], now - _REACH[width]
    outside, inside = _floor(reach - _SLACK, length), _ceil(reach + _SLACK, length)
    for part in _cut(span, outside, inside):
        if part[1] > outside:
            if width == "1s" and part[0] >= inside and _policy_came(connection, width, now):
                continue
            _let_policy_go_first(connection, width)
        _refresh_in_turn(connection, width, part, _TURN_S)


def _policy_came(connection: Connection[Any], width: str, since: datetime) -> bool:
    """Wait for a whole run of the policy that began after a moment; False where none comes."""
    until_s = clock.monotonic_s() + _POLICY_S
    while clock.monotonic_s() < until_s:
        policy = _policy(connection, width)
        if policy is None or not policy["is_alive"]:
            return False
        if policy["started_at"] >= since and policy["is_finished"]:
            return True
        clock.sleep_s(_LOOK_S)
    return False


def _let_policy_go_first(connection: Connection[Any], width: str) -> None:
    until_s = clock.monotonic_s() + _POLICY_S
    while clock.monotonic_s() < until_s:
        policy = _policy(connection, width)
        if policy is None or not policy["is_alive"] or not policy["is_near"]:
            return
        clock.sleep_s(_LOOK_S)


def _policy(connection: Connection[Any], width: str) -> dict[str, Any] | None:
    return database.row(connection, "refresh_policy", {"bars": f"_bars_{width}"})


@contextmanager
def _locked(
    connection: Connection[Any], ts_from: datetime, ts_to: datetime
) -> Iterator[list[Span]]:
    # Ranges that were not dropped, and will not be while their bars are rebuilt.
    database.rows(connection, "lock_ranges_for_session")
    try:
        yield _kept(connection, ts_from, ts_to)
    finally:
        database.rows(connection, "unlock_ranges")


def _kept(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> list[Span]:
    # Dropped ranges are whole hours, so a span outside them stays outside when it is widened.
    values = {"first": _floor(ts_from, HOUR), "last": _ceil(ts_to, HOUR)}
    rows = database.rows(connection, "dropped_ranges", values)
    return without((ts_from, ts_to), [(row["ts_from"], row["ts_to"]) for row in rows])


def _renew_all(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    if not edition.read(connection).is_timescale:
        return _rebuild_plain(connection, ts_from, ts_to)
    now = server_now(connection)
    for width, length in STORED_WIDTHS.items():
        end = min(ts_to, _floor(now - LIVE, length))
        if part := _hiding_none(connection, width, (ts_from, end), now):
            # Forced: also spans without a logged invalidation.
            _refresh_in_turn(connection, width, part, _REBUILD_TURN_S, force=True)


def _rebuild_plain(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    # By the hour, since the seconds of a rebuild are kept in memory.
    for hour_from, hour_to in _slices(ts_from, ts_to, HOUR):
        values = {"hour_from": hour_from, "hour_to": hour_to}
        database.rows(connection, "rebuild_bars", values)


def _refresh_in_turn(
    connection: Connection[Any],
    width: str,
    span: tuple[datetime | None, datetime],
    turn_s: float,
    *,
    force: bool = False,
) -> None:
    until_s = clock.monotonic_s() + turn_s
    while True:
        try:
            return _refresh(connection, width, span, force=force)
        except Unavailable as error:
            # A policy that works on the same bars ends soon, and runs again soon.
            is_taken = getattr(error.__cause__, "sqlstate", None) == _TAKEN
            if not is_taken or clock.monotonic_s() > until_s:
                raise
            clock.sleep_s(_LOOK_S)


def _refresh(
    connection: Connection[Any],
    width: str,
    span: tuple[datetime | None, datetime],
    *,
    force: bool = False,
) -> None:
    bars = f"market._bars_{width}"
    values = {"bars": bars, "ts_from": span[0], "ts_to": span[1], "force": force}
    try:
        database.rows(connection, "refresh_bars", values)
    except database.DriverError as error:
        raise Unavailable(f"{bars}: {str(error).splitlines()[0]}") from error


def _refuse_empty(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> None:
    values = {"ts_from": ts_from, "ts_to": ts_to}
    if edition.read(connection).is_timescale:
        values |= database.one(connection, "stored_until", values)
    if found := database.row(connection, "bars_without_ticks", values):
        raise Refused(
            f"{found['hours']} hours of bars have no ticks any more, the first of them "
            f"{found['symbol']} at {found['bar_start'].isoformat()}: a rebuild would delete "
            "them. Replay their ticks first, narrow --from and --to, or say --drop-empty"
        )


def _cut(span: Span, *at: datetime) -> list[Span]:
    ends = [span[0], *(ts for ts in at if span[0] < ts < span[1]), span[1]]
    return list(itertools.pairwise(ends))


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
