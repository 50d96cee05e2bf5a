"""A rebuild: no stale bar is left, an interrupted one resumes, and bars without ticks are kept."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import bars_oracle
import psycopg
import pytest
from bars_written import Stream, caught_up, run_policies, stored_in, write
from ticks_made import rows, tick, value, wait_for
from typer.testing import CliRunner, Result

from thor import cli
from thor.domain.bar import STORED_WIDTHS
from thor.domain.tick import Tick
from thor.errors import Refused, Rejected
from thor.market.bars import refresh

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
US = timedelta(microseconds=1)
# Monday to Wednesday of a week of July 2023, in UTC.
MONDAY, TUESDAY, WEDNESDAY = (datetime(2023, 7, day, tzinfo=UTC) for day in (10, 11, 12))


def ticks_of(first: datetime, last: datetime) -> list[Tick]:
    """Return trades and quotes of two symbols, three an hour and symbol."""
    count = (last - first) // (10 * MINUTE)
    return [
        tick(
            symbol=("ES", "NQ")[n % 2], seq=int((first - MONDAY) / MINUTE) * 10 + n + 10**9,
            ts=first + n * 10 * MINUTE, last=Decimal(20_000 + n % 37) / 4,
            bid=Decimal(19_999 - n % 5) / 4, ask=Decimal(20_000) / 4, volume_delta=n % 4,
            side=("B", "S", None)[n % 3], is_trade=bool(n % 7),
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def week(database_url: str, connection: Link) -> Stream:
    """Monday to Wednesday, their bars stored."""
    stream = Stream()
    write(database_url, [[stream.entry(ticks_of(MONDAY, WEDNESDAY + DAY))]])
    caught_up(connection)
    return stream


def table(link: Link, edition: str, width: str) -> str:
    """Return where the bars of a width are stored."""
    if edition == "plain":
        return f"market._bars_{width}"
    return f"_timescaledb_internal.{stored_in(link, f'_bars_{width}')}"


def spoil(link: Link, edition: str, first: datetime, last: datetime) -> None:
    """Make the stored bars of a range wrong at every width, behind everybody's back."""
    for width in STORED_WIDTHS:
        statement = (
            f"update {table(link, edition, width)} set high = 99999, trades = trades + 1"
            " where bar_start >= %s and bar_start < %s"
        )
        assert link.execute(statement.encode(), (first, last)).rowcount


def forget(link: Link, stream: Stream, first: datetime, last: datetime) -> None:
    """Delete ticks of a range by hand, and expect them no more."""
    link.execute(b"delete from market.ticks where ts >= %s and ts < %s", (first, last))
    stream.ticks = [one for one in stream.ticks if not first <= one.ts < last]


def dropped(link: Link, day: str, first: datetime, last: datetime) -> None:
    """Drop the ticks of a trade date as one does whose copy is elsewhere."""
    with link.transaction():
        link.execute(
            b"insert into market.dropped_ranges (trade_date, ts_from, ts_to, ticks, evidence)"
            b" values (%s, %s, %s, 1, 'manifest 4711')",
            (day, first, last),
        )
        link.execute(b"delete from market.ticks where ts >= %s and ts < %s", (first, last))


def everything(link: Link) -> list[Any]:
    """Return all bars of all widths, and what is planned or stale."""
    return [
        *(bars_oracle.shown(link, width) for width in bars_oracle.WIDTHS),
        rows(link, "select * from ops.bar_rebuilds order by 1, 2, 3"),
        rows(link, "select * from bars_to_refresh order by 1"),
    ]


def run(link: Link, first: datetime, last: datetime, **given: Any) -> list[tuple[int, int]]:
    return list(refresh.rebuild(link, first, last, **given))


# What it leaves


def test_no_bar_is_left_of_ticks_that_are_gone(connection: Link, week: Stream) -> None:
    # Half an hour of each symbol's hour, the newest tick of a day, and one tick in between.
    forget(connection, week, TUESDAY + 5 * HOUR, TUESDAY + 5 * HOUR + 30 * MINUTE)
    forget(connection, week, TUESDAY + DAY - 10 * MINUTE, TUESDAY + DAY)
    forget(connection, week, TUESDAY + 11 * HOUR + 20 * MINUTE, TUESDAY + 11 * HOUR + 21 * MINUTE)
    assert week.wrong(connection) != []
    assert run(connection, TUESDAY, WEDNESDAY) == [(1, 1)]
    assert week.wrong(connection) == []


def test_bars_that_are_wrong_for_whatever_reason_are_made_right(
    connection: Link, edition: str, week: Stream
) -> None:
    spoil(connection, edition, MONDAY, WEDNESDAY + DAY)
    wrong = week.wrong(connection)
    assert f"1s ES 2023-07-11 00:00:00: high is {Decimal('99999.00000000')}, not" in str(wrong)
    run(connection, TUESDAY, WEDNESDAY)
    # The other days stay as they are: only the given range is touched.
    left = {line.split(":")[0] for line in week.wrong(connection) if not line.startswith("1d")}
    assert left == {
        line.split(":")[0]
        for line in wrong
        if not line.startswith("1d") and " 2023-07-11 " not in line
    }
    run(connection, MONDAY, WEDNESDAY + DAY)
    assert week.wrong(connection) == []


def test_of_the_last_two_days_it_makes_hour_by_hour(
    database_url: str, connection: Link, edition: str
) -> None:
    stream = Stream()
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    write(database_url, [[stream.entry(ticks_of(this_hour - 9 * HOUR, this_hour))]])
    caught_up(connection)
    spoil(connection, edition, this_hour - 7 * HOUR, this_hour - 2 * HOUR)
    # The hours in which the bounds lie are made whole.
    first, last = this_hour - 7 * HOUR + 40 * MINUTE, this_hour - 3 * HOUR + US
    assert run(connection, first, last) == [(n, 5) for n in range(1, 6)]
    assert stream.wrong(connection) == []


def test_of_a_range_that_reaches_from_long_ago_only_the_last_days_go_by_the_hour(
    connection: Link,
) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # Days that were over two days ago are one slice each.
    found = run(connection, today - 30 * DAY, today)
    assert 28 <= len(found) < 30 + 2 * 24
    assert found == [(n, len(found)) for n in range(1, len(found) + 1)]
    assert run(connection, today - 30 * DAY, today - 3 * DAY) == [(n, 27) for n in range(1, 28)]


def test_a_rebuild_into_the_future_hides_nothing_that_is_read_live(
    database_url: str, connection: Link, edition: str
) -> None:
    stream = Stream()

    def live() -> list[Tick]:
        now = datetime.now(UTC)
        seq = len(stream.ticks)
        return [tick(seq=seq + n, ts=now - timedelta(seconds=300 - n)) for n in range(300)]

    write(database_url, [[stream.entry(live())]])
    now = datetime.now(UTC)
    run(connection, now - HOUR, now + DAY)
    assert stream.wrong(connection) == []
    now = datetime.now(UTC)
    write(database_url, [[stream.entry([tick(seq=9999, ts=now, symbol="NQ")])]])
    if edition == "timescale":
        assert value(connection, "select count(*) from bars_to_refresh where ts_to > %s", now) == 0
    assert stream.wrong(connection) == []


@pytest.mark.editions("timescale")
def test_ticks_in_columns_are_rebuilt_where_they_are(connection: Link, week: Stream) -> None:
    run_policies(connection, "compression", ["ticks", "_bars_1s", "_bars_1m", "_bars_5m"])
    forget(connection, week, TUESDAY + 5 * HOUR, TUESDAY + 5 * HOUR + 30 * MINUTE)
    run(connection, MONDAY, WEDNESDAY + DAY)
    assert week.wrong(connection) == []


@pytest.mark.editions("timescale")
def test_it_waits_for_a_refresh_that_is_at_the_same_bars(
    database_url: str, connection: Link, edition: str, week: Stream
) -> None:
    spoil(connection, edition, TUESDAY, WEDNESDAY)
    done: list[tuple[int, int]] = []
    with (
        psycopg.connect(database_url, autocommit=True) as other,
        psycopg.connect(database_url, autocommit=True) as own,
    ):

        def force() -> None:
            # Which of the two that wait comes first is the server's choice.
            with suppress(psycopg.errors.LockNotAvailable):
                call = (
                    "call refresh_continuous_aggregate('_bars_1s', %s, %s, force => true,"
                    """ options => '{"buckets_per_batch": 86400}')"""
                )
                other.execute(call, (TUESDAY, WEDNESDAY))

        forced = threading.Thread(target=force)
        rebuild = threading.Thread(target=lambda: done.extend(run(own, TUESDAY, WEDNESDAY)))
        waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
        reported = "select query like '%%refresh_cont%%' from pg_stat_activity where pid = %s"
        with psycopg.connect(database_url) as holder:
            held = f"lock table {table(connection, edition, '1s')} in share mode"
            holder.execute(held.encode())
            forced.start()
            wait_for(lambda: value(connection, waits, other.info.backend_pid), "the refresh")
            rebuild.start()
            wait_for(lambda: value(connection, reported, own.info.backend_pid), "the rebuild")
            assert done == []
        forced.join()
        rebuild.join()
    assert done == [(1, 1)]
    assert week.wrong(connection) == []


# Cut


def cut_after(slices: int, link: Link) -> list[tuple[int, int]]:
    """Begin to rebuild the week and leave it after so many slices."""
    return list(islice(refresh.rebuild(link, MONDAY, WEDNESDAY + DAY), slices))


def test_a_rebuild_that_was_cut_does_only_the_rest(
    connection: Link, edition: str, week: Stream
) -> None:
    assert cut_after(2, connection) == [(1, 3), (2, 3)]
    done = "select ts_from from ops.bar_rebuilds where rebuilt_at is not null order by 1"
    assert [row["ts_from"] for row in rows(connection, done)] == [MONDAY, TUESDAY]
    # What it did is not done again: a bar that is spoilt since stays so.
    spoil(connection, edition, MONDAY + HOUR, MONDAY + 2 * HOUR)
    spoil(connection, edition, WEDNESDAY + HOUR, WEDNESDAY + 2 * HOUR)
    assert run(connection, MONDAY, WEDNESDAY + DAY) == [(1, 3), (2, 3), (3, 3)]
    left = week.wrong(connection)
    assert left
    assert all(" 2023-07-10 01:" in line or "1d ES 2023-07-09" in line or "1d NQ" in line
               for line in left)  # fmt: skip
    assert value(connection, "select count(*) from ops.bar_rebuilds") == 0
    # Once it is complete, a second call starts over.
    run(connection, MONDAY, WEDNESDAY + DAY)
    assert week.wrong(connection) == []


def test_a_rebuild_of_another_range_is_another_rebuild(
    connection: Link, edition: str, week: Stream
) -> None:
    cut_after(1, connection)
    spoil(connection, edition, MONDAY, MONDAY + HOUR)
    assert run(connection, MONDAY, TUESDAY) == [(1, 1)]
    assert week.wrong(connection) == []
    assert value(connection, "select count(*) from ops.bar_rebuilds") == 3


def test_what_was_dropped_after_a_rebuild_was_cut_is_not_touched_when_it_goes_on(
    connection: Link, week: Stream
) -> None:
    cut_after(1, connection)
    turn = TUESDAY + 22 * HOUR
    dropped(connection, "2023-07-12", turn, turn + DAY)
    assert run(connection, MONDAY, WEDNESDAY + DAY) == [(1, 3), (2, 3), (3, 3)]
    assert week.wrong(connection) == []


# What it refuses


def test_bars_whose_ticks_are_gone_are_not_lost_by_a_rebuild(
    connection: Link, week: Stream
) -> None:
    kept = week.ticks
    forget(connection, week, TUESDAY + 5 * HOUR, TUESDAY + 7 * HOUR)
    before = everything(connection)
    with pytest.raises(Refused) as refused:
        run(connection, MONDAY, WEDNESDAY + DAY)
    # Two hours of two symbols.
    assert str(refused.value) == (
        "4 hours of bars have no ticks any more, the first of them ES at "
        "2023-07-11T05:00:00+00:00: a rebuild would delete them. Replay their ticks first, "
        "narrow --from and --to, or say --drop-empty"
    )
    assert everything(connection) == before
    # Beside them it may be done, and they are as they were.
    run(connection, MONDAY, TUESDAY + 5 * HOUR)
    run(connection, TUESDAY + 7 * HOUR, WEDNESDAY + DAY)
    assert bars_oracle.differences(connection, bars_oracle.of_ticks(kept)) == []
    # With the option they are deleted.
    assert run(connection, MONDAY, WEDNESDAY + DAY, drop_empty=True) == [(1, 3), (2, 3), (3, 3)]
    assert week.wrong(connection) == []


def test_one_symbol_without_its_ticks_is_enough_to_refuse(connection: Link, week: Stream) -> None:
    connection.execute(
        b"delete from market.ticks where symbol = 'NQ' and ts >= %s and ts < %s",
        (TUESDAY + 5 * HOUR, TUESDAY + 6 * HOUR),
    )
    with pytest.raises(Refused, match=r"^1 hours? .* NQ at 2023-07-11T05:00:00"):
        run(connection, TUESDAY, WEDNESDAY)


@pytest.mark.parametrize("drop_empty", [False, True])
def test_a_range_that_was_dropped_whole_is_refused(
    connection: Link, week: Stream, drop_empty: bool
) -> None:
    turn = MONDAY + 22 * HOUR
    dropped(connection, "2023-07-11", turn, turn + DAY)
    before = everything(connection)
    for first, last in ((turn, turn + DAY), (TUESDAY + MINUTE, TUESDAY + 2 * HOUR)):
        with pytest.raises(Refused) as refused:
            run(connection, first, last, drop_empty=drop_empty)
        assert str(refused.value) == (
            f"The ticks of {first.isoformat()} to {last.isoformat()} were dropped, see "
            "dropped_ranges: their bars stay as they are"
        )
    assert everything(connection) == before
    assert week.wrong(connection) == []


@pytest.mark.parametrize("drop_empty", [False, True])
def test_a_dropped_day_in_the_middle_stays_as_it_is(
    connection: Link, week: Stream, drop_empty: bool
) -> None:
    turn = MONDAY + 22 * HOUR
    dropped(connection, "2023-07-11", turn, turn + DAY)
    forget(connection, week, TUESDAY + 22 * HOUR, TUESDAY + 22 * HOUR + MINUTE)
    # Monday until 22:00, Tuesday from 22:00, Wednesday.
    found = run(connection, MONDAY, WEDNESDAY + DAY, drop_empty=drop_empty)
    assert found == [(1, 3), (2, 3), (3, 3)]
    # The bars of the day that was dropped are those of the ticks that it had.
    assert week.wrong(connection) == []


@pytest.mark.parametrize("length", [timedelta(0), -US, -DAY])
def test_a_range_that_is_none_is_refused(connection: Link, length: timedelta) -> None:
    with pytest.raises(Rejected) as refused:
        run(connection, TUESDAY, TUESDAY + length)
    assert str(refused.value) == (
        f"--from: 2023-07-11T00:00:00+00:00 is not before --to {(TUESDAY + length).isoformat()}"
    )
    assert value(connection, "select count(*) from ops.bar_rebuilds") == 0


@pytest.mark.editions("plain")
@pytest.mark.parametrize(
    ("first", "last"),
    [("00:00", "00:30"), ("00:30", "02:00"), ("02:00", "02:00"), ("03:00", "02:00")],
)
def test_the_function_takes_whole_hours_only(connection: Link, first: str, last: str) -> None:
    call = "select market.rebuild_bars(%s, %s)"
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="are not whole hours"):
        connection.execute(call, (f"2023-07-11 {first}Z", f"2023-07-11 {last}Z"))


# As a person types it


@pytest.fixture
def thor(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Thor":
    """The command on the test's database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("THOR_DATABASE_URL", database_url)
    monkeypatch.setenv("THOR_REDIS_URL", "redis://127.0.0.1:1")
    return Thor()


class Thor:
    """`thor bars rebuild`, as it is typed."""

    def rebuild(self, *words: str) -> Result:
        return CliRunner().invoke(cli.app, ["bars", "rebuild", *words])


def test_thor_bars_rebuild_takes_days_the_last_of_them_whole(
    thor: Thor, connection: Link, edition: str, week: Stream
) -> None:
    spoil(connection, edition, TUESDAY, WEDNESDAY + DAY)
    done = thor.rebuild("--from", "2023-07-11", "--to", "2023-07-12")
    assert (done.exit_code, done.exception) == (0, None)
    text = "the bars from 2023-07-11 00:00:00+00:00 to 2023-07-13 00:00:00+00:00 are rebuilt"
    assert text in " ".join(done.output.split())
    assert week.wrong(connection) == []


def test_thor_bars_rebuild_takes_instants_in_any_zone(
    thor: Thor, connection: Link, edition: str, week: Stream
) -> None:
    spoil(connection, edition, TUESDAY + 5 * HOUR, TUESDAY + 7 * HOUR)
    done = thor.rebuild("--from", "2023-07-11T00:00-05:00", "--to", "2023-07-11T07:00Z")
    assert done.exit_code == 0
    assert week.wrong(connection) == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            ("--from", "2023-07-12", "--to", "2023-07-10"),
            "--from: 2023-07-12T00:00:00+00:00",
        ),
        (("--from", "yesterday", "--to", "2023-07-10"), "--from"),
        (("--from", "2023-07-10", "--to", "2023-07-10T12:00"), "--to"),
        (("--from", "2023-13-10", "--to", "2023-07-10"), "--from"),
        (("--from", "", "--to", "2023-07-10"), "--from"),
    ],
)
def test_thor_bars_rebuild_names_the_option_that_makes_no_sense(
    thor: Thor, connection: Link, week: Stream, words: tuple[str, ...], fault: str
) -> None:
    before = everything(connection)
    done = thor.rebuild(*words)
    assert isinstance(done.exception, Rejected)
    assert fault in str(done.exception)
    assert everything(connection) == before


def test_thor_bars_rebuild_deletes_bars_without_ticks_only_with_the_option(
    thor: Thor, connection: Link, week: Stream
) -> None:
    forget(connection, week, TUESDAY + 5 * HOUR, TUESDAY + 6 * HOUR)
    days = ("--from", "2023-07-11", "--to", "2023-07-11")
    refused = thor.rebuild(*days)
    assert isinstance(refused.exception, Refused)
    assert "--drop-empty" in str(refused.exception)
    assert week.wrong(connection) != []
    assert thor.rebuild(*days, "--drop-empty").exit_code == 0
    assert week.wrong(connection) == []
