"""Sources publish their clocks: when, and that no clock counts as a tick."""

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from ticks_made import (
    LISTING,
    TS,
    account,
    entries,
    many,
    record,
    records,
    rejected,
    rows,
    settings,
    take_in,
    tape_file,
    tick,
    unacknowledged,
    value,
    wait_for,
)

from thor.domain.tick import SKEW_MAX
from thor.flow.replay import admit, replay
from thor.flow.simulate import simulate
from thor.flow.validate import validate
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import Entry
from thor.reference import instruments
from thor.runtime import Stop, Stopped

Link = psycopg.Connection[Any]
# The records of a tape are a second apart from here on.
FIRST = TS.replace(microsecond=0)


@pytest.fixture
def bus_settings() -> dict[str, Any]:
    """A bus that keeps nothing once it is acknowledged."""
    return {"keep_s": 0}


def clocks(client: "redis.Redis") -> list[datetime]:
    """Return the clock entries, in their order."""
    return [entry.clock for entry in entries(client) if entry.clock is not None]


def untimely(client: "redis.Redis") -> list[str]:
    """Return the ticks that lie behind a clock which had passed them."""
    passed: dict[str, datetime] = {}
    found = []
    for entry in entries(client):
        if entry.clock is not None and entry.source is not None:
            passed[entry.source] = entry.clock
            continue
        for one in wire.decode(entry.payload, entry.n, entry.entry_id)[0]:
            if one.ts < passed[one.source]:
                found.append(f"{one.ts} behind {passed[one.source]}")
    return found


def source_clocks(link: Link) -> dict[str, datetime]:
    return {row["source"]: row["ts"] for row in rows(link, "select * from market.source_clocks")}


def test_the_simulator_publishes_its_clock_every_second(
    bus: Bus, client: "redis.Redis", connection: Link, database_url: str, redis_url: str
) -> None:
    instruments.renew_sessions(connection, TS.date())
    stop, ended = Stop(), []

    def run() -> None:
        try:
            # Often no tick in a second: its clock goes on.
            simulate(settings(sim_ticks_per_s=0.5), bus, database_url, stop)
        except Stopped as end:
            ended.append(end)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: len(clocks(client)) >= 4, "four seconds")
    stop.set()
    thread.join()
    assert len(ended) == 1
    reported = clocks(client)
    assert {after - before for before, after in pairwise(reported)} == {timedelta(seconds=1)}
    assert {second.microsecond for second in reported} == {0}
    assert untimely(client) == []
    chained = [entry.since for entry in entries(client) if entry.clock is not None]
    assert chained == [None, *reported[:-1]]
    take_in(redis_url, database_url)
    assert source_clocks(connection) == {"SIM": reported[-1]}


@pytest.mark.parametrize("count", [1, 999, 2500])
def test_a_tape_publishes_its_clock_once_an_entry_and_at_its_end(
    bus: Bus, client: "redis.Redis", connection: Link, tmp_path: Path, count: int
) -> None:
    path = tape_file(tmp_path / "tape.parquet", records(count))
    tape, _ = admit(connection, path, as_root=None, overlap=False)
    assert replay(tape, bus, connection, None, Stop()) == count
    last = FIRST + timedelta(seconds=count - 1)
    found = [entry.clock if entry.n == 0 else entry.n for entry in entries(client)]
    expected: list[datetime | int] = []
    for start in range(0, count, 1000):
        expected += [FIRST + timedelta(seconds=start), min(1000, count - start)]
    assert found == ([*expected, last] if count > 1 else expected)
    assert {entry.source for entry in entries(client)} == {tape.source}
    assert untimely(client) == []
    assert bus.state().received == count


def test_a_tape_ends_with_its_last_instant_within_a_second(
    bus: Bus, client: "redis.Redis", connection: Link, tmp_path: Path
) -> None:
    reported = [record(ts=FIRST + timedelta(milliseconds=ms)) for ms in (250, 900, 1750)]
    # What is refused moves no clock.
    reported.append(record(ts=FIRST + timedelta(days=9), last=-1.0))
    tape, _ = admit(
        connection, tape_file(tmp_path / "t.csv", reported), as_root=None, overlap=False
    )
    replay(tape, bus, connection, None, Stop())
    assert clocks(client) == [FIRST, FIRST + timedelta(milliseconds=1750)]


def test_a_tape_that_waits_for_its_next_tick_keeps_publishing_its_clock(
    bus: Bus, client: "redis.Redis", connection: Link, tmp_path: Path
) -> None:
    reported = [record(ts=FIRST + timedelta(seconds=s)) for s in (0, 30)]
    tape, _ = admit(
        connection, tape_file(tmp_path / "t.csv", reported), as_root=None, overlap=False
    )
    replay(tape, bus, connection, 40.0, Stop())
    found = clocks(client)
    assert (found[0], found[-1]) == (FIRST, FIRST + timedelta(seconds=30))
    assert len(found) > 2
    assert found == sorted(set(found))
    assert untimely(client) == []


def test_a_tape_of_years_publishes_no_more_clocks_than_entries(
    bus: Bus, client: "redis.Redis", connection: Link, tmp_path: Path
) -> None:
    reported = [record(ts=FIRST + timedelta(days=n)) for n in range(1500)]
    tape, _ = admit(
        connection, tape_file(tmp_path / "t.csv", reported), as_root=None, overlap=False
    )
    replay(tape, bus, connection, None, Stop())
    assert len(clocks(client)) == 3


def test_the_account_counts_ticks_and_no_clock(
    bus: Bus, client: "redis.Redis", connection: Link, database_url: str, redis_url: str
) -> None:
    for number in range(6):
        bus.publish_clock("SIM", TS + timedelta(seconds=number))
        bus.publish(many(5, 5 * number))
        bus.publish_clock("EXCEL", TS + timedelta(minutes=number))
    bus.publish(many(2))
    bus.publish([tick(seq=99, last=Decimal("0.1"))])
    bus.publish_clock("SIM", TS)
    take_in(redis_url, database_url)
    assert account(connection) == (33, 30, 2, 1)
    assert value(connection, "select count(*) from market.rejected_ticks") == 1
    state = bus.state()
    found = connection.execute(
        "select received, inserted, duplicate, rejected, pending from market.accounting(%s, %s)",
        (state.base, state.next),
    ).fetchone()
    assert found == (33, 30, 2, 1, 0)
    assert (state.received, state.pending_entries, state.lag_entries) == (33, 0, 0)
    assert unacknowledged(client) == set()
    # The newest clock of each is kept, not the last one published.
    assert source_clocks(connection) == {
        "SIM": TS + timedelta(seconds=5),
        "EXCEL": TS + timedelta(minutes=5),
    }
    bus.trim()
    assert (bus.state().held, bus.state().entries) == (0, 0)


def test_a_clock_delivered_again_beside_ticks_that_stand_is_taken_and_counts_nothing(
    bus: Bus, client: "redis.Redis", connection: Link, database_url: str, redis_url: str
) -> None:
    bus.open_group()
    bus.publish(many(5))
    take_in(redis_url, database_url)
    later = TS + timedelta(minutes=1)
    with redis.Redis.from_url(redis_url) as link:
        # The group reads from the beginning once more, as after a loss of its place.
        link.xgroup_destroy("quotes:stream:unified", "ingest")
    bus.publish_clock("SIM", later)
    take_in(redis_url, database_url)
    assert account(connection) == (5, 5, 0, 0)
    assert source_clocks(connection) == {"SIM": later}


def test_a_clock_of_an_unknown_source_is_rejected_and_stops_nothing(
    bus: Bus, connection: Link, database_url: str, redis_url: str
) -> None:
    bus.publish_clock("NOBODY", TS)
    bus.publish(many(3))
    take_in(redis_url, database_url)
    assert account(connection) == (3, 3, 0, 0)
    (found,) = rejected(connection)
    assert (found["field"], found["value"], found["ticks"]) == ("source", "NOBODY", 0)
    assert found["reason"] == "NOBODY is not in reference.sources"
    assert "clock=2024-07-01T14:30:00.123456Z" in found["payload"]
    assert source_clocks(connection) == {}


def test_a_clock_is_validated_by_source_and_time() -> None:
    entry = Entry("5-0", 100, 0, b"", "SIM", TS, None)
    validated = validate(entry, LISTING, SKEW_MAX)
    assert (validated.first, validated.n, validated.ticks, validated.rejected) == (100, 0, [], [])
    assert validated.clock == ("SIM", TS)
    assert validate(Entry("5-0", 100, 0, b"", "X\x00", TS), LISTING, SKEW_MAX).clock is None
