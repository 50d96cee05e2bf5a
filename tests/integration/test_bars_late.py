"""Late ticks, replays and what runs beside them: right at every width once the keeper has been."""

import itertools
import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import bars_oracle
import psycopg
import pytest
from bars_written import (
    Stream,
    caught_up,
    in_columns,
    job,
    meanwhile,
    run_policies,
    stored_in,
    write,
)
from ticks_made import account, rejected, rows, settings, take_in, tick, value, wait_for

from jobs import bars as keeper
from thor.database import schema
from thor.domain.bar import STORED_WIDTHS
from thor.domain.tick import Tick
from thor.errors import Unavailable
from thor.flow.replay import admit, replay
from thor.market.bars import refresh
from thor.market.bus.client import Bus
from thor.market.ticks.batch import IngestCounts
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1),
)  # fmt: skip
# Monday, 10 July 2023: a trade date from 22:00 of Sunday to 22:00, UTC.
MONDAY = datetime(2023, 7, 10, 12, 0, tzinfo=UTC)
TURN = datetime(2023, 7, 10, 22, 0, tzinfo=UTC)
_SEQS = itertools.count()


def some(first: datetime, count: int, every: timedelta = SECOND, **given: Any) -> list[Tick]:
    """Return trades and quotes from a moment on, no two of a run alike."""
    return [
        tick(
            **{
                "symbol": ("ES", "NQ")[n % 2],
                "seq": next(_SEQS),
                "ts": first + n * every,
                "last": Decimal(20_000 + n % 37) / 4,
                "bid": Decimal(20_000 + n % 31) / 4 if n % 3 else None,
                "ask": Decimal(20_001 + n % 31) / 4 if n % 5 else None,
                "volume_delta": n % 4 or None,
                "side": ("B", "S", None)[n % 3],
                "is_trade": bool(n % 4),
                **given,
            }
        )
        for n in range(count)
    ]


def late(ticks: Sequence[Tick], by: timedelta) -> list[Tick]:
    """Return ticks at the same instants, received so much later."""
    return [
        tick(
            symbol=one.symbol, seq=next(_SEQS), ts=one.ts, received_at=one.ts + by,
            last=Decimal(19_900) / 4, volume_delta=2, side="S",
        )
        for one in ticks
    ]  # fmt: skip


def is_stale(link: Link) -> bool:
    return bool(value(link, "select count(*) from bars_to_refresh"))


# Late


@pytest.mark.parametrize("by", [2 * SECOND, 2 * MINUTE, 2 * HOUR, 40 * DAY], ids=str)
def test_late_ticks_are_in_the_bars_of_every_width_and_counted_there(
    database_url: str, connection: Link, by: timedelta
) -> None:
    stream = Stream()
    base = some(MONDAY, 400, timedelta(seconds=7))
    write(database_url, [[stream.entry(base)]])
    caught_up(connection)
    before = rows(connection, "select symbol, bar_start, ticks, changed_at from bars_1m")
    write(database_url, [[stream.entry(late(base[::50], by))]])
    caught_up(connection)
    assert stream.wrong(connection) == []
    # An earlier reader of a bar sees that it changed.
    after = {
        (row["symbol"], row["bar_start"]): row
        for row in rows(connection, "select symbol, bar_start, ticks, changed_at from bars_1m")
    }
    changed = {
        key
        for row in before
        if (key := (row["symbol"], row["bar_start"]))
        and (row["ticks"], row["changed_at"]) != (after[key]["ticks"], after[key]["changed_at"])
    }
    assert changed == {(one.symbol, one.ts.replace(second=0)) for one in base[::50]}
    assert not is_stale(connection)


@pytest.mark.editions("timescale")
def test_late_ticks_into_columns_are_in_the_bars_of_every_width(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    base = some(MONDAY, 3000, timedelta(seconds=5))
    write(database_url, [[stream.entry(base)]])
    caught_up(connection)
    run_policies(connection, "compression", ["ticks", "_bars_1s", "_bars_1m", "_bars_5m"])
    assert in_columns(connection) == 1
    assert in_columns(connection, stored_in(connection, "_bars_1s")) == 1
    assert stream.wrong(connection) == []
    # Some of them came before: the batch is staged, and meets its own kind in columns.
    for known in ([], base[:100]):
        write(database_url, [[stream.entry([*known, *late(base[::97], HOUR)])]])
        assert is_stale(connection)
        caught_up(connection)
        assert stream.wrong(connection) == []
    assert account(connection)[1:] == (3000 + 2 * len(base[::97]), 100, 0)
    run_policies(connection, "compression", ["ticks", "_bars_1s"])
    assert stream.wrong(connection) == []


@pytest.mark.editions("timescale")
def test_late_ticks_in_and_out_of_every_window_of_the_policies_are_made_right(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    now = datetime.now(UTC)
    # The policies reach back an hour, three hours, half a day and three days.
    ages = [20 * SECOND, 50 * MINUTE, 70 * MINUTE, 170 * MINUTE, 190 * MINUTE]
    ages += [11 * HOUR, 13 * HOUR, 2 * DAY, 4 * DAY, 400 * DAY]
    base = [one for age in sorted(ages, reverse=True) for one in some(now - age, 20)]
    for n in range(0, len(base), 20):
        write(database_url, [[stream.entry(base[n : n + 20])]])
    caught_up(connection)
    run_policies(connection)
    assert stream.wrong(connection) == []
    # All in one transaction, the policies before the keeper and after it.
    write(database_url, [[stream.entry(late(base[::7], MINUTE))]])
    run_policies(connection)
    caught_up(connection)
    assert stream.wrong(connection) == []
    run_policies(connection)
    assert stream.wrong(connection) == []
    assert not is_stale(connection)


@pytest.mark.editions("timescale")
def test_within_their_windows_the_policies_alone_make_late_ticks_right(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    base = some(datetime.now(UTC) - 40 * MINUTE, 600, 2 * SECOND)
    write(database_url, [[stream.entry(base)]])
    run_policies(connection)
    assert stream.wrong(connection) == []
    write(database_url, [[stream.entry(late(base[::11], HOUR))]])
    connection.execute(b"delete from bars_to_refresh")
    assert stream.wrong(connection) != []
    run_policies(connection)
    assert stream.wrong(connection) == []


@pytest.mark.editions("timescale")
def test_what_the_policies_did_not_store_for_hours_is_not_stepped_over(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    now = datetime.now(UTC)
    # Written when they happened, thus never late, while no policy ran.
    for age in (50 * HOUR, 7 * HOUR, 2 * HOUR, 10 * MINUTE):
        write(database_url, [[stream.entry(some(now - age, 100, SECOND))]])
    connection.execute(b"delete from bars_to_refresh")
    caught_up(connection)
    run_policies(connection)
    assert stream.wrong(connection) == []


# Replayed


def test_a_day_from_2023_replayed_into_a_live_database_shows_all_its_bars(
    data: Path, database_url: str, redis_url: str, connection: Link, edition: str
) -> None:
    live = Stream()
    write(database_url, [[live.entry(some(datetime.now(UTC) - 5 * MINUTE, 600, SECOND / 2))]])
    caught_up(connection)
    if edition == "timescale":
        run_policies(connection)
    path = data / "ticks" / "es_esh4_20231225_l1.parquet"
    bus = Bus(redis_url)
    tape, _ = admit(connection, path, as_root=None, overlap=False)
    replay(tape, bus, connection, None, Stop())
    bus.close()
    take_in(redis_url, database_url)
    caught_up(connection)
    ticks = bars_oracle.of_file(path, 4)
    assert bars_oracle.differences(connection, ticks, ["ESH24"]) == []
    live_bars = bars_oracle.of_ticks(live.ticks)
    assert bars_oracle.differences(connection, live_bars, ["ES", "NQ"]) == []
    # The policies that come by later do not undo it.
    if edition == "timescale":
        run_policies(connection)
        assert bars_oracle.differences(connection, ticks, ["ESH24"]) == []
    assert not is_stale(connection)


# Dropped


def drop_monday(link: Link) -> None:
    """Drop the ticks of 10 July 2023 as one does whose copy is elsewhere."""
    with link.transaction():
        link.execute(
            b"insert into market.dropped_ranges (trade_date, ts_from, ts_to, ticks, evidence)"
            b" select '2023-07-10', %(from)s, %(to)s, count(*), 'manifest 4711'"
            b" from market.ticks where ts >= %(from)s and ts < %(to)s",
            {"from": TURN - DAY, "to": TURN},
        )
        link.execute(b"delete from market.ticks where ts >= %s and ts < %s", (TURN - DAY, TURN))


def test_a_tick_of_a_dropped_range_is_refused_and_the_bars_stay(
    database_url: str, connection: Link, edition: str
) -> None:
    _drop_and_come_late(database_url, connection, edition, in_columns_=False)


@pytest.mark.editions("timescale")
def test_a_tick_of_a_range_that_was_dropped_out_of_columns_is_refused_and_the_bars_stay(
    database_url: str, connection: Link, edition: str
) -> None:
    _drop_and_come_late(database_url, connection, edition, in_columns_=True)


def _drop_and_come_late(url: str, connection: Link, edition: str, *, in_columns_: bool) -> None:
    stream = Stream()
    # From the Friday before to the Wednesday after, and at both edges of the Monday.
    base = some(MONDAY - 3 * DAY, 5 * 24 * 12, 5 * MINUTE)
    edges = [
        one
        for edge in (TURN - DAY, TURN)
        for one in some(edge - timedelta(microseconds=1), 2, timedelta(microseconds=1))
    ]
    write(url, [[stream.entry([*base, *edges])]])
    caught_up(connection)
    if in_columns_:
        run_policies(connection, "compression", ["ticks", "_bars_1s"])
    drop_monday(connection)
    assert stream.wrong(connection) == []

    inside = late([one for one in base if TURN - DAY <= one.ts < TURN][::20], DAY)
    inside += late([edges[1], edges[2]], DAY)
    outside = late([edges[0], edges[3], base[0], base[-1]], DAY)
    store = TickWriter(connection, "ingest")
    mixed = [inside[0], outside[0], *inside[1:], *outside[1:]]
    count = len(inside)
    entry = stream.entry(mixed)
    assert store.write([entry]) == IngestCounts(count + 4, 4, 0, count)
    kept = rejected(connection)
    assert {row["field"] for row in kept} == {"ts"}
    assert sorted(row["seq"] for row in kept) == sorted(one.seq for one in inside)
    assert kept[0]["value"] == str(kept[0]["ts"])
    assert kept[0]["reason"] == "the ticks of 2023-07-10 were dropped: manifest 4711"
    stream.ticks = [one for one in stream.ticks if one not in inside]

    caught_up(connection)
    assert stream.wrong(connection) == []
    if edition == "timescale":
        run_policies(connection)
    # A rebuild around it goes around it.
    slices = list(refresh.rebuild(connection, MONDAY - 4 * DAY, MONDAY + 4 * DAY))
    assert slices[-1][0] == slices[-1][1]
    assert stream.wrong(connection) == []


def test_a_batch_of_ticks_of_a_dropped_range_only_is_counted_and_changes_nothing(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    write(database_url, [[stream.entry(some(MONDAY, 50))]])
    caught_up(connection)
    drop_monday(connection)
    gone = some(MONDAY, 5)
    store = TickWriter(connection, "ingest")
    assert store.write([Stream().entry([]), stream.entry(gone)]) == IngestCounts(5, 0, 0, 5)
    stream.ticks = stream.ticks[:-5]
    assert not is_stale(connection)
    caught_up(connection)
    assert stream.wrong(connection) == []


# Beside others


@pytest.mark.editions("timescale")
def test_a_refresh_that_meets_another_is_tried_again(database_url: str, connection: Link) -> None:
    stream = Stream()
    base = some(MONDAY, 300)
    write(database_url, [[stream.entry(base)]])
    caught_up(connection)
    write(database_url, [[stream.entry(late(base[::9], HOUR))]])
    table = f"_timescaledb_internal.{stored_in(connection, '_bars_1s')}"
    other = psycopg.connect(database_url, autocommit=True)
    first = threading.Thread(target=refresh.renew, args=(other, MONDAY, MONDAY + MINUTE))
    with psycopg.connect(database_url) as holder:
        holder.execute(f"lock table {table} in share mode".encode())
        first.start()
        waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
        wait_for(lambda: value(connection, waits, other.info.backend_pid), "the refresh")
        with pytest.raises(Unavailable, match="concurrent refresh"):
            refresh.catch_up(connection)
        assert is_stale(connection)
    first.join()
    other.close()
    caught_up(connection)
    assert stream.wrong(connection) == []
    assert not is_stale(connection)


class Log:
    """A job's log, kept."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, what: str, **more: Any) -> None:
        """Keep a line and what goes with it."""
        self.said.append(f"{what} {more}")

    debug = info


@pytest.mark.editions("timescale")
def test_the_job_refreshes_late_ticks_and_waits_for_another_refresh(
    database_url: str, connection: Link, tmp_path: Path
) -> None:
    stream, stop, log = Stream(), Stop(), Log()
    given = settings(home=tmp_path, database_url=database_url, redis_url="redis://127.0.0.1:1")
    base = some(MONDAY, 300)
    table = f"_timescaledb_internal.{stored_in(connection, '_bars_1s')}"
    job = threading.Thread(target=keeper.main, args=(given, stop, log))
    job.start()
    try:
        write(database_url, [[stream.entry(base)]])
        wait_for(lambda: not is_stale(connection), "the first refresh")
        assert stream.wrong(connection) == []
        with psycopg.connect(database_url, autocommit=True) as other:
            call = (
                "call refresh_continuous_aggregate('_bars_1s', %s, %s, force => true,"
                """ options => '{"buckets_per_batch": 86400}')"""
            )
            forced = threading.Thread(target=other.execute, args=(call, (MONDAY, MONDAY + HOUR)))
            with psycopg.connect(database_url) as holder:
                holder.execute(f"lock table {table} in share mode".encode())
                forced.start()
                waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
                wait_for(lambda: value(connection, waits, other.info.backend_pid), "the refresh")
                write(database_url, [[stream.entry(late(base[::9], HOUR))]])
                wait_for(lambda: any("concurrent refresh" in one for one in log.said), "the wait")
            forced.join()
        wait_for(lambda: not is_stale(connection), "the second refresh")
    finally:
        stop.set()
        job.join()
    assert stream.wrong(connection) == []


class Scheduler:
    """TimescaleDB's scheduler, for the policy of the seconds: runs it and keeps its record."""

    def __init__(self, url: str) -> None:
        self.failed: list[str] = []
        self.runs = 0
        self._link = psycopg.connect(url, autocommit=True)
        self._job = job(self._link, "_bars_1s", "refresh")
        self._link.execute(
            b"insert into _timescaledb_internal.bgw_job_stat"
            b" values (%s, now(), now(), now(), now(), true, 1, '0', '0', 1, 0, 0, 0, 0, 0)",
            (self._job,),
        )

    def run(self) -> None:
        """Run it once, and wait a little for the next time."""
        self._note("last_start = clock_timestamp(), last_finish = '-infinity'")
        self._note("next_start = '-infinity'")
        try:
            self._link.execute(f"call run_job({self._job})".encode())
        except psycopg.Error as error:
            self.failed.append(str(error))
        self._note("last_finish = clock_timestamp(), last_successful_finish = clock_timestamp()")
        self._note("next_start = clock_timestamp() + interval '0.2 seconds'")
        self.runs += 1
        threading.Event().wait(0.2)

    def _note(self, what: str) -> None:
        self._link.execute(
            f"update _timescaledb_internal.bgw_job_stat set {what}"
            f" where job_id = {self._job}".encode()
        )

    def close(self) -> None:
        """Run no more."""
        self._link.close()


@pytest.mark.editions("timescale")
def test_the_keeper_leaves_the_seconds_that_their_policy_reaches_to_it(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    base = some(datetime.now(UTC) - 50 * MINUTE, 2400, SECOND)
    write(database_url, [[stream.entry(base)]])
    caught_up(connection)
    run_policies(connection)
    scheduler = Scheduler(database_url)
    with meanwhile(scheduler.run):
        for n in range(8):
            write(database_url, [[stream.entry(late(base[n::37], HOUR))]])
            caught_up(connection)
            # Right when the keeper is done, though it has refreshed no second itself.
            assert stream.wrong(connection) == []
    scheduler.close()
    assert scheduler.failed == []
    assert scheduler.runs >= 8


@pytest.mark.editions("timescale")
def test_a_late_live_tick_does_not_wait_behind_2000_stale_dates(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    connection.execute(
        b"insert into bars_to_refresh (ts_from, ts_to) select d, d + interval '8 hours'"
        b" from generate_series(timestamptz '2016-01-01', '2023-06-01', '1 day') as d limit 2000"
    )
    base = some(datetime.now(UTC) - MINUTE, 20)
    write(database_url, [[stream.entry(base)]])
    assert value(connection, "select count(*) from bars_to_refresh") == 2001
    assert refresh.refresh_next(connection)
    assert stream.wrong(connection) == []
    assert value(connection, "select max(ts_to) < '2024-01-01' from bars_to_refresh")
    # The others are there still, from the oldest on, and a piece is a day at most.
    assert refresh.refresh_next(connection)
    assert value(connection, "select min(ts_from) from bars_to_refresh") == datetime(
        2016, 1, 2, tzinfo=UTC
    )


def test_of_a_stale_range_of_years_what_is_made_right_is_not_made_again(connection: Link) -> None:
    connection.execute(
        b"insert into bars_to_refresh (ts_from, ts_to)"
        b" values ('2016-01-01 12:00Z', '2016-01-04 06:00Z')"
    )
    left = "select ts_from from bars_to_refresh"
    found = []
    while refresh.refresh_next(connection):
        found += [row["ts_from"] for row in rows(connection, left)]
    assert found == [datetime(2016, 1, day, tzinfo=UTC) for day in (2, 3, 4)]
    assert not is_stale(connection)


@pytest.mark.editions("timescale")
@pytest.mark.parametrize("width", STORED_WIDTHS)
def test_a_keeper_that_dies_in_a_refresh_leaves_it_to_the_next(
    database_url: str, connection: Link, width: str
) -> None:
    stream = Stream()
    base = some(MONDAY, 300)
    write(database_url, [[stream.entry(base)]])
    caught_up(connection)
    write(database_url, [[stream.entry(late(base[::9], HOUR))]])
    table = f"_timescaledb_internal.{stored_in(connection, f'_bars_{width}')}"
    raised: list[Unavailable] = []

    def keep(own: Link) -> None:
        try:
            refresh.catch_up(own)
        except Unavailable as error:
            raised.append(error)

    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url, autocommit=True) as own,
    ):
        holder.execute(f"lock table {table} in share mode".encode())
        keeper = threading.Thread(target=keep, args=(own,))
        keeper.start()
        waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
        wait_for(lambda: value(connection, waits, own.info.backend_pid), "the refresh")
        assert value(connection, "select pg_terminate_backend(%s, 5000)", own.info.backend_pid)
        keeper.join()
    assert len(raised) == 1
    assert is_stale(connection)
    caught_up(connection)
    assert stream.wrong(connection) == []


@pytest.mark.editions("timescale")
def test_policies_conversions_and_refreshes_never_stop_writers(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    chance = random.Random(4)
    old = some(MONDAY, 4000, timedelta(seconds=2))
    write(database_url, [[stream.entry(old)]])
    ran = {"refresh": 0, "compression": 0, "keeper": 0}
    views = {"refresh": (), "compression": ("ticks", "_bars_1s", "_bars_1m")}

    def own(work: str) -> None:
        with psycopg.connect(database_url, autocommit=True) as link:
            try:
                if work == "keeper":
                    refresh.refresh_next(link)
                else:
                    run_policies(link, work, views[work])
            except Unavailable as error:
                assert "concurrent refresh" in str(error), error
            except psycopg.Error as error:
                # Where the keeper is at the same bars the policy gives way and comes again.
                assert "concurrent refresh" in str(error), error
            else:
                ran[work] += 1

    batches = 0
    # Each commits, under a limit to how long it may wait for a lock.
    with (
        meanwhile(*(lambda work=work: own(work) for work in ran)),
        psycopg.connect(database_url, autocommit=True) as link,
    ):
        link.execute(b"set lock_timeout = '10s'")
        store = TickWriter(link, "ingest")
        while batches < 40 or min(ran.values()) < 2:
            now = datetime.now(UTC)
            ticks = some(now, 200, timedelta(milliseconds=1))
            ticks += late(some(now - MINUTE, 4), MINUTE)
            ticks += late(chance.sample(old, 20), DAY)
            assert store.write([stream.entry(ticks)]).inserted == 224
            batches += 1
    caught_up(connection)
    assert stream.wrong(connection) == []
    assert not is_stale(connection)


@pytest.mark.editions("timescale")
def test_a_long_read_makes_no_queue_of_writers_and_readers(
    bare_database_url: str,
) -> None:
    url = bare_database_url
    # A setting of the database itself, which a copy of a template would lack.
    schema.up(url, requested="timescale")
    stream = Stream()
    old = some(MONDAY, 2000, timedelta(seconds=2))
    write(url, [[stream.entry(old)]])
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(b"set lock_timeout = '10s'")
        caught_up(link)
        # The chunk is converted, and once more when late ticks lie beside its columns.
        for round_ in range(2):
            with psycopg.connect(url, autocommit=True) as own:
                policy = threading.Thread(target=run_policies, args=(own, "compression", ["ticks"]))
                with psycopg.connect(url) as reader:
                    reader.execute("select count(*) from market.ticks")
                    policy.start()
                    wait_for(partial(_is_over_or_waits, policy, link, own), "the policy")
                    write(url, [[stream.entry(late(old[round_::100], DAY))]])
                    assert value(link, "select count(*) from market.ticks") == 2020 + 20 * round_
                policy.join()
            # What the reader kept from being converted is, the next time.
            run_policies(link, "compression", ["ticks"])
            assert in_columns(link) == 1
            caught_up(link)
            assert stream.wrong(link) == []


def _is_over_or_waits(work: threading.Thread, link: Link, own: Link) -> bool:
    query = "select wait_event_type in ('Lock', 'Timeout') from pg_stat_activity where pid = %s"
    return not work.is_alive() or bool(value(link, query, own.info.backend_pid))
