"""Ingest: every tick once, every tick counted, in races and after crashes."""

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from ticks_made import (
    TS,
    OnceBus,
    account,
    add,
    entries,
    inject,
    many,
    plain,
    rejected,
    rows,
    settings,
    stored,
    take_in,
    taking_in,
    tick,
    value,
    wait_for,
    written,
)

from thor import database
from thor.domain import timestamps
from thor.domain.tick import RejectedTick, Tick
from thor.errors import NotFound, Unavailable
from thor.flow.ingest import Ingestor
from thor.flow.publish import Publisher
from thor.flow.reset_clock import reset_clock
from thor.flow.retry_rejected import retry_rejected
from thor.market.bus.client import Bus
from thor.market.bus.messages import COUNTER, GROUP, STREAM, Entry
from thor.market.ticks.batch import EntryTicks, IngestCounts
from thor.market.ticks.writer import TickWriter
from thor.reference.instruments import add_instrument, listing
from thor.runtime import Stop, persist

pytestmark = pytest.mark.editions("plain", "timescale")
# What is about the bus, the batches and the quarantine, which are ordinary tables on both.
PLAIN = pytest.mark.editions("plain")

Link = psycopg.Connection[Any]


@pytest.fixture
def store(connection: Link) -> TickWriter:
    """The writing end on a connection of its own."""
    return TickWriter(connection, "ingest-1")


def entry(first: int, ticks: list[Tick], *refused: RejectedTick) -> EntryTicks:
    n = len(ticks) + sum(one.ticks for one in refused)
    return EntryTicks(f"{first}-0", first, n, ticks, list(refused))


def refused(ticks: int = 1) -> RejectedTick:
    return RejectedTick(
        field="last", value="x", reason="x is bad", payload="{}", entry_id="1-0", ticks=ticks
    )


def coverage(connection: Link) -> list[tuple[int, int]]:
    found = value(connection, "select range_agg(ordinals) from market.ingest_batches")
    return [(part.lower, part.upper) for part in found or []]


# Bus to database


def test_a_tick_comes_out_of_the_database_as_it_went_onto_the_bus(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    whole = Tick(
        symbol="ES", ts=TS, seq=1, source="SIM", received_at=TS + timedelta(microseconds=7),
        contract="ESU24", last=Decimal("5000.25"), bid=Decimal("5000.00"), ask=Decimal("5000.5"),
        last_size=0, bid_size=2**31 - 1, ask_size=3, side="S", volume=2**63 - 1, volume_delta=5,
        is_trade=True, is_sampled=True,
    )  # fmt: skip
    sent = [
        whole,
        tick(seq=2, last=None, is_trade=False, bid=Decimal("4999.75")),
        tick(seq=3, symbol="CL", last=Decimal("-37.63")),
        tick(seq=4, symbol="ZB", last=Decimal("117.015625")),
        tick(seq=2**63 - 1, ts=datetime(2024, 7, 1, 22, 0, tzinfo=UTC)),
        *many(2500, 5, ts=TS),
    ]
    bus.publish(sent)
    take_in(redis_url, database_url)

    def key(one: Tick) -> Any:
        return one.symbol, one.ts, one.seq

    found = sorted(stored(connection), key=key)
    assert [plain(one) for one in found] == [plain(one) for one in sorted(sent, key=key)]
    assert account(connection) == (2505, 2505, 0, 0)
    # 17:00 in Chicago, when the exchange's day turns, is 22:00 UTC in summer.
    days = "select seq from market.ticks where trade_date <> '2024-07-01'"
    assert rows(connection, days) == [{"seq": 2**63 - 1}]


def test_what_is_committed_is_acknowledged_and_covered(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    for start in range(0, 300, 100):
        bus.publish(many(100, start))
    take_in(redis_url, database_url)
    state = bus.state()
    assert (state.pending_entries, state.lag_entries, state.received) == (0, 0, 300)
    assert coverage(connection) == [(state.base, state.next)]
    values = {"base": state.base, "next": state.next}
    found = database.row(connection, "accounting", values)
    assert found == {
        "received": 300,
        "inserted": 300,
        "duplicate": 0,
        "rejected": 0,
        "lost": 0,
        "pending": 0,
    }


def test_ticks_delivered_twice_are_counted_as_duplicates_wherever_they_meet(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    # Twice in one entry, in two entries of one batch, and in two batches.
    bus.publish([*many(3), *many(3)])
    bus.publish(many(5))
    take_in(redis_url, database_url)
    assert account(connection) == (11, 5, 6, 0)
    bus.publish(many(6))
    take_in(redis_url, database_url)
    assert account(connection) == (17, 6, 11, 0)
    assert value(connection, "select count(*) from market.ticks") == 6
    assert rejected(connection) == []


def test_after_a_replay_new_ticks_are_taken_as_before(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    sent = [*many(10), *many(10), *many(10, 10), *many(10, 20)]
    with taking_in(redis_url, database_url, ingest_flush_ms=1):
        for start in range(0, 40, 10):
            bus.publish(sent[start : start + 10])
            wait_for(lambda: bus.state().pending_entries == 0 == bus.state().lag_entries, "a batch")
    assert account(connection) == (40, 30, 10, 0)


@PLAIN
def test_a_batch_closes_by_its_size(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    for start in range(0, 12_000, 1000):
        bus.publish(many(1000, start))
    take_in(redis_url, database_url, ingest_rows_max=2000)
    batches = [row["received"] for row in rows(connection, "select * from market.ingest_batches")]
    assert sum(batches) == 12_000
    # It closes with the entry that fills it, and an entry has at most 1,000 ticks.
    assert max(batches) <= 3000


@PLAIN
def test_a_batch_closes_by_its_age(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    received = "select received from market.ingest_batches order by batch_id"
    with taking_in(redis_url, database_url, ingest_flush_ms=1) as said:
        wait_for(lambda: said, "the start")
        bus.publish(many(1))
        # Nothing more comes, and yet it is committed.
        wait_for(lambda: rows(connection, received), "the first batch")
    with taking_in(redis_url, database_url, ingest_flush_ms=2000) as said:
        wait_for(lambda: said, "the start")
        bus.publish(many(1, 1))
        bus.publish(many(1, 2))
        wait_for(lambda: len(rows(connection, received)) > 1, "the second batch")
    assert [row["received"] for row in rows(connection, received)] == [1, 2]


@PLAIN
def test_an_ingestor_that_restarts_begins_with_what_it_had_taken(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    bus.open_group()
    bus.publish(many(5))
    bus.publish(many(5, 5))
    assert len(bus.read("ingest-1", 1, 1)) == 1
    # Long before anybody may claim it.
    take_in(redis_url, database_url, claim_idle_ms=3_600_000)
    assert account(connection) == (10, 10, 0, 0)
    assert bus.state().pending_entries == 0


@PLAIN
def test_an_ingestor_takes_over_what_a_dead_one_left(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    bus.open_group()
    for start in range(0, 15, 5):
        bus.publish(many(5, start))
    assert len(bus.read("dead", 2, 1)) == 2
    with taking_in(redis_url, database_url, claim_idle_ms=100):
        wait_for(lambda: account(connection)[0] == 15, "the claim")
        wait_for(lambda: bus.state().pending_entries == 0, "the acknowledgement")
    assert account(connection) == (15, 15, 0, 0)


class Unheard(OnceBus):
    """The bus of an ingestor that dies between its commit and its acknowledgement."""

    def acknowledge(self, entry_ids: list[str]) -> None:
        raise KeyboardInterrupt


def take_in_unheard(redis_url: str, database_url: str) -> None:
    """Commit a batch and die before it is acknowledged."""
    bus = Unheard(redis_url, Stop())
    with pytest.raises(KeyboardInterrupt):
        Ingestor(settings(), bus, database_url, "ingest-1").run(Stop())
    bus.close()


@PLAIN
def test_an_entry_that_was_committed_and_not_acknowledged_is_not_counted_again(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    bus.publish([*many(4), tick(seq=9, last=Decimal("0.1"))])
    take_in_unheard(redis_url, database_url)
    assert account(connection) == (5, 4, 0, 1)
    assert bus.state().pending_entries == 1
    bus.publish(many(4, 4))
    take_in(redis_url, database_url)
    assert account(connection) == (9, 8, 0, 1)
    assert len(rejected(connection)) == 1
    assert bus.state().pending_entries == 0


@PLAIN
def test_an_entry_that_is_not_thors_is_kept_once_however_often_it_comes(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    bus.open_group()
    client.xadd(STREAM, {"hello": "world"})
    take_in_unheard(redis_url, database_url)
    take_in_unheard(redis_url, database_url)
    client.xadd(STREAM, {"hello": "again"})
    take_in(redis_url, database_url)
    assert [row["payload"] for row in rejected(connection)] == ["hello=world", "hello=again"]


@PLAIN
def test_a_bus_wiped_under_the_ingestor_is_followed_into_its_next_life(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    with taking_in(redis_url, database_url):
        bus.publish(many(10))
        wait_for(lambda: account(connection)[0] == 10, "the first life")
        client.flushdb()
        bus.publish(many(15))
        wait_for(lambda: account(connection)[0] == 25, "the second life")
    assert account(connection) == (25, 15, 10, 0)
    state = bus.state()
    found = database.row(connection, "accounting", {"base": state.base, "next": state.next})
    assert found == {
        "received": 15,
        "inserted": 5,
        "duplicate": 10,
        "rejected": 0,
        "lost": 0,
        "pending": 0,
    }


@PLAIN
def test_a_bus_that_forgot_its_newest_seconds_gives_no_ordinal_twice(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    bus.publish(many(10))
    take_in(redis_url, database_url)
    forgotten: Any = client.hget(COUNTER, "next")
    bus.publish(many(10, 10))
    take_in(redis_url, database_url)
    # As a server comes back that had not synced its file.
    newest: Any = client.xrevrange(STREAM, count=1)
    client.xdel(STREAM, newest[0][0])
    client.hset(COUNTER, "next", forgotten)
    take_in(redis_url, database_url)
    bus.publish(many(10, 20))
    take_in(redis_url, database_url)
    assert value(connection, "select count(*) from market.ticks") == 30
    assert account(connection) == (30, 30, 0, 0)


# The database


def test_the_account_of_a_batch_is_what_it_did(store: TickWriter, connection: Link) -> None:
    assert store.write([entry(100, many(5))]) == IngestCounts(5, 5, 0, 0)
    again = [entry(105, many(3)), entry(110, many(2, 5), refused(), refused(4))]
    assert store.write(again) == IngestCounts(10, 2, 3, 5)
    assert account(connection) == (15, 7, 3, 5)
    assert coverage(connection) == [(100, 108), (110, 117)]
    assert store.newest_ordinal() == 117


@PLAIN
def test_an_empty_database_has_no_newest_ordinal(store: TickWriter) -> None:
    assert store.newest_ordinal() == 0


@PLAIN
def test_an_entry_that_is_not_thors_is_kept_and_not_counted(
    store: TickWriter, connection: Link
) -> None:
    alien = msgspec.structs.replace(refused(0), field="entry")
    assert store.write([EntryTicks("9-0", None, 0, [], [alien])]) == IngestCounts()
    assert rows(connection, "select * from market.ingest_batches") == []
    assert [row["ticks"] for row in rejected(connection)] == [0]


def test_a_batch_that_came_before_is_written_only_in_what_is_new_of_it(
    store: TickWriter, connection: Link
) -> None:
    first, second, third = entry(0, many(3)), entry(3, many(3, 3)), entry(6, many(3, 6))
    assert store.write([second]) == IngestCounts(3, 3, 0, 0)
    assert store.write([first, second, third]) == IngestCounts(6, 6, 0, 0)
    assert store.write([first, second, third]) == IngestCounts()
    assert account(connection) == (9, 9, 0, 0)
    assert coverage(connection) == [(0, 9)]


def side_by_side(database_url: str, *written: list[EntryTicks]) -> list[IngestCounts]:
    """Write each list through a writer of its own, all at once."""
    begin = threading.Barrier(len(written))

    def write(number: int, batch: list[EntryTicks]) -> IngestCounts:
        with psycopg.connect(database_url, autocommit=True) as connection:
            store = TickWriter(connection, f"ingest-{number}")
            begin.wait(60)
            # The server breaks a deadlock of two: one tries again.
            return persist(lambda: store.write(batch), Stop())

    with ThreadPoolExecutor(len(written)) as pool:
        return list(pool.map(write, range(len(written)), written))


def test_the_same_entry_written_by_two_at_once_is_counted_once(
    database_url: str, connection: Link
) -> None:
    for round_ in range(10):
        batch = [entry(round_ * 200, many(200, round_ * 200))]
        done = side_by_side(database_url, batch, batch)
        assert sorted(done, key=lambda one: one.received) == [
            IngestCounts(),
            IngestCounts(200, 200, 0, 0),
        ]
    assert account(connection) == (2000, 2000, 0, 0)
    assert coverage(connection) == [(0, 2000)]


def test_the_same_ticks_in_entries_of_two_at_once_become_rows_once(
    database_url: str, connection: Link
) -> None:
    for round_ in range(10):
        ticks, first = many(200, round_ * 200), round_ * 600
        done = side_by_side(
            database_url,
            [entry(first, ticks)],
            [entry(first + 200, ticks[::-1])],
            [entry(first + 400, ticks)],
        )
        assert sum(one.inserted for one in done) == 200
        assert sum(one.duplicate for one in done) == 400
    assert account(connection) == (6000, 2000, 4000, 0)
    assert value(connection, "select count(*) from market.ticks") == 2000


def test_two_that_share_only_some_entries_write_each_of_them_once(
    database_url: str, connection: Link
) -> None:
    for round_ in range(10):
        first = round_ * 300
        one, two, three = (entry(first + at, many(100, first + at)) for at in (0, 100, 200))
        done = side_by_side(database_url, [one, two], [two, three])
        assert sum(found.received for found in done) == 300
    assert account(connection) == (3000, 3000, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"last": Decimal("5000.50")},
        {"last_size": 2},
        {"side": "B"},
        {"contract": "ESU24"},
        {"bid": Decimal(5000)},
        {"volume": 1},
        {"is_trade": False},
    ],
)
def test_one_identity_with_other_values_is_refused_by_name(
    store: TickWriter, connection: Link, other: dict[str, Any]
) -> None:
    store.write([entry(0, [tick(seq=5)])])
    assert store.write([entry(1, [tick(seq=5, **other), tick(seq=6)])]) == IngestCounts(2, 1, 0, 1)
    (kept,) = rejected(connection)
    assert (kept["field"], kept["value"], kept["symbol"], kept["seq"]) == ("seq", "5", "ES", 5)
    assert kept["reason"] == (
        "(2024-07-01T14:30:00.123456+00:00, ES, 5, SIM) is stored with other values"
    )
    assert msgspec.json.decode(kept["payload"], type=Tick) == tick(seq=5, **other)
    assert kept["entry_id"] == "1-0"
    assert [one.last for one in stored(connection)] == [Decimal("5000.25")] * 2


def test_two_of_one_identity_in_one_batch_are_the_first_and_a_refusal(
    store: TickWriter, connection: Link
) -> None:
    first, second = tick(seq=5), tick(seq=5, last=Decimal("5000.50"))
    assert store.write([entry(0, [first, second, first])]) == IngestCounts(3, 1, 1, 1)
    assert stored(connection)[0].last == Decimal("5000.25")
    assert [row["field"] for row in rejected(connection)] == ["seq"]


def test_a_tick_received_at_another_moment_is_the_same_tick(
    store: TickWriter, connection: Link
) -> None:
    store.write([entry(0, [tick(seq=5)])])
    later = tick(seq=5, received_at=TS + timedelta(seconds=3))
    assert store.write([entry(1, [later])]) == IngestCounts(1, 0, 1, 0)
    assert rejected(connection) == []


@pytest.mark.parametrize(
    ("poison", "words"),
    [
        ({"contract": "ES\x00U4"}, "0x00"),
        ({"last": Decimal("NaN")}, "ticks_values_are_sane"),
        ({"last": Decimal(10) ** 12}, "overflow"),
        ({"last": Decimal("5000.25" + "0" * 20_000)}, "too precise"),
        ({"last": Decimal("5000.25" + "0" * 100_000)}, "too precise"),
    ],
)
def test_a_tick_that_only_the_database_refuses_is_taken_out_of_its_batch(
    store: TickWriter, connection: Link, poison: dict[str, Any], words: str
) -> None:
    mixed = [*many(2, 3), tick(seq=99, **poison)]
    batch = [entry(0, many(3)), entry(3, mixed), entry(6, many(3, 6))]
    assert store.write(batch) == IngestCounts(9, 8, 0, 1)
    assert account(connection) == (9, 8, 0, 1)
    (kept,) = rejected(connection)
    assert kept["field"] == "tick"
    assert words in kept["reason"]
    assert kept["entry_id"] == "3-0"
    # The next batch is written as if nothing had been.
    assert store.write([entry(9, many(3, 9))]) == IngestCounts(3, 3, 0, 0)


def test_an_entry_of_poison_only_is_kept_and_counted(store: TickWriter, connection: Link) -> None:
    poison = [tick(seq=seq, contract="\x00") for seq in range(3)]
    assert store.write([entry(0, poison)]) == IngestCounts(3, 0, 0, 3)
    assert len(rejected(connection)) == 3


def test_poison_beside_duplicates_leaves_both_counted(store: TickWriter, connection: Link) -> None:
    store.write([entry(0, many(3))])
    mixed = [*many(5), tick(seq=99, contract="\x00")]
    assert store.write([entry(3, mixed)]) == IngestCounts(6, 2, 3, 1)


def test_a_server_that_goes_away_in_a_batch_is_unavailable_and_nothing_is_written(
    store: TickWriter, connection: Link, database_url: str
) -> None:
    store.write([entry(0, many(3))])
    with psycopg.connect(database_url, autocommit=True) as other:
        pid = connection.info.backend_pid
        assert value(other, "select pg_terminate_backend(%s, 5000)", pid)
        with pytest.raises(Unavailable, match="PostgreSQL"):
            store.write([entry(3, many(3, 3))])
        assert account(other) == (3, 3, 0, 0)
        with pytest.raises(Unavailable, match="PostgreSQL"):
            store.newest_ordinal()


def test_a_server_that_goes_away_while_poison_is_sought_is_unavailable(
    store: TickWriter, connection: Link, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[int] = []
    copy = store._copy

    def copy_and_go(ticks: list[Tick]) -> int:
        copies.append(len(ticks))
        if len(copies) == 3:
            with psycopg.connect(database_url, autocommit=True) as other:
                pid = connection.info.backend_pid
                assert value(other, "select pg_terminate_backend(%s, 5000)", pid)
        return copy(ticks)

    monkeypatch.setattr(store, "_copy", copy_and_go)
    with pytest.raises(Unavailable, match="PostgreSQL"):
        store.write([entry(0, [*many(3), tick(seq=9, contract="\x00")])])
    assert copies == [4, 1, 1]


# Folding


@PLAIN
def test_folding_keeps_the_sums_and_what_is_covered(store: TickWriter, connection: Link) -> None:
    store.write([entry(1000, many(3))])
    store.write([entry(1003, many(3), refused())])
    store.write([entry(1010, many(2, 3))])
    before = (account(connection), coverage(connection))
    assert before == ((9, 5, 3, 1), [(1000, 1007), (1010, 1012)])
    future = datetime.now(UTC) + timedelta(hours=1)
    assert store.fold(future - timedelta(days=1), 1000) == 0
    assert store.fold(future, 1000) == 3
    assert (account(connection), coverage(connection)) == before
    (batch,) = rows(connection, "select * from market.ingest_batches")
    assert batch["consumer"] is None
    # What is folded is still known when it is delivered again, and goes on being folded.
    assert store.write([entry(1003, many(3), refused())]) == IngestCounts()
    store.write([entry(1012, many(1, 5))])
    assert store.fold(future, 1000) == 2
    assert account(connection) == (10, 6, 3, 1)


@PLAIN
def test_a_fold_while_others_write_and_fold_loses_no_batch(
    database_url: str, connection: Link
) -> None:
    over = threading.Event()
    future = datetime.now(UTC) + timedelta(hours=1)

    def fold() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            while not over.is_set():
                with suppress(Unavailable):
                    TickWriter(own, "folder").fold(future, 0)

    folders = [threading.Thread(target=fold) for _ in range(2)]
    for thread in folders:
        thread.start()
    try:
        batches = [[entry(first * 10, many(10, first * 10))] for first in range(60)]
        for at in range(0, 60, 3):
            side_by_side(database_url, *batches[at : at + 3])
    finally:
        over.set()
        for thread in folders:
            thread.join()
    assert account(connection) == (600, 600, 0, 0)
    assert coverage(connection) == [(0, 600)]
    assert TickWriter(connection, "late").write(batches[7] + batches[50]) == IngestCounts()


@PLAIN
def test_a_fold_does_not_mix_the_lives_of_the_bus(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    bus.publish(many(10))
    take_in(redis_url, database_url)
    client.flushdb()
    bus.publish(many(4, 10))
    take_in(redis_url, database_url)
    state = bus.state()
    values = {"base": state.base, "next": state.next}
    before = database.row(connection, "accounting", values)
    assert before == {
        "received": 4,
        "inserted": 4,
        "duplicate": 0,
        "rejected": 0,
        "lost": 0,
        "pending": 0,
    }
    with monkeypatched_age(connection):
        take_in(redis_url, database_url)
    assert value(connection, "select count(*) from market.ingest_batches") == 2
    assert database.row(connection, "accounting", values) == before
    assert account(connection) == (14, 14, 0, 0)


@contextmanager
def monkeypatched_age(connection: Link) -> Iterator[None]:
    """Make every batch an hour old, so that the ingestor folds it."""
    connection.execute(
        "update market.ingest_batches set committed_at = committed_at - interval '1 hour'"
    )
    yield


# Accounting


@PLAIN
def test_the_counts_of_an_unused_bus_are_all_zero(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    bus.publish(many(10))
    take_in(redis_url, database_url)
    client.flushdb()
    state = bus.state()
    found = database.row(connection, "accounting", {"base": state.base, "next": state.next})
    assert found == {
        "received": 0,
        "inserted": 0,
        "duplicate": 0,
        "rejected": 0,
        "lost": 0,
        "pending": 0,
    }


class Books:
    """Checks stream, group and database at one moment after another, and records faults.

    The stream of these tests is never trimmed: it has everything that was ever published.
    """

    def __init__(self, redis_url: str, database_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url)
        self._connection = psycopg.connect(database_url, autocommit=True)
        self.wrong: list[str] = []
        self.looks = 0
        self.pendings: set[int] = set()

    def close(self) -> None:
        self._redis.close()
        self._connection.close()

    def look(self) -> None:
        pipe: Any = self._redis.pipeline(transaction=True)
        pipe.hgetall(COUNTER).xrange(STREAM).xinfo_groups(STREAM)
        pipe.xpending_range(STREAM, GROUP, "-", "+", 1_000_000)
        count, raw, groups, pending = pipe.execute()
        # The database is read later: it must have everything acknowledged by then.
        found = rows(
            self._connection,
            "select coalesce(range_agg(ordinals), '{}') as ordinals,"
            " coalesce(sum(received), 0)::bigint as received,"
            " coalesce(sum(inserted), 0)::bigint as inserted,"
            " coalesce(sum(duplicate), 0)::bigint as duplicate,"
            " coalesce(sum(rejected), 0)::bigint as rejected,"
            " (select count(*) from market.ticks) as stored,"
            " (select coalesce(sum(ticks), 0) from market.rejected_ticks) as kept"
            " from market.ingest_batches",
        )[0]
        self.looks += 1
        self._compare(count, raw, groups, pending, found)

    def _compare(
        self, count: Any, raw: Any, groups: Any, pending: Any, found: dict[str, Any]
    ) -> None:
        covered = [(part.lower, part.upper) for part in found["ordinals"]]
        parts = found["inserted"] + found["duplicate"] + found["rejected"]
        self._hold("the parts of the account", parts, found["received"])
        size = sum(end - first for first, end in covered)
        self._hold("the ordinals covered", size, found["received"])
        self._hold("the rows", found["stored"], found["inserted"])
        self._hold("the quarantine", found["kept"], found["rejected"])
        base, following = int(count[b"base"]), int(count[b"next"])
        delivered = parsed(groups[0]["last-delivered-id"])
        waiting = {one["message_id"] for one in pending}
        published = pending_ticks = 0
        for entry_id, fields in raw:
            first, n = int(fields[b"first"]), int(fields[b"n"])
            self._hold("the first of an entry", first, base + published)
            published += n
            inside = [min(end, first + n) - max(begin, first) for begin, end in covered]
            taken = sum(part for part in inside if part > 0)
            if taken not in (0, n):
                self.wrong.append(f"{taken} of the {n} ticks of {entry_id} are covered")
            is_open = entry_id in waiting or parsed(entry_id) > delivered
            if not is_open and taken != n:
                self.wrong.append(f"{entry_id} is acknowledged and not in the database")
            if is_open and not taken:
                pending_ticks += n
        self._hold("the counter", following - base, published)
        # Rows written after the stream was read do not matter here.
        by_then = sum(max(0, min(end, following) - first) for first, end in covered)
        self._hold("received", following - base, by_then + pending_ticks)
        self.pendings.add(pending_ticks)

    def _hold(self, what: str, found: int, expected: int) -> None:
        if found != expected:
            self.wrong.append(f"{what}: {found}, not {expected}")


def parsed(entry_id: bytes) -> tuple[int, int]:
    ms, _, number = entry_id.partition(b"-")
    return int(ms), int(number)


class Died(BaseException):
    """A consumer is gone, whatever it was doing."""


class MortalBus(Bus):
    """The bus of a consumer that dies now and then: after a read, or before it acknowledges."""

    def __init__(self, url: str, dice: random.Random, over: threading.Event) -> None:
        super().__init__(url)
        self._dice = dice
        self._over = over

    def _perhaps_die(self) -> None:
        if self._dice.random() < 0.15 and not self._over.is_set():
            raise Died

    def read(self, consumer: str, entries_max: int, block_ms: int) -> list[Entry]:
        found = super().read(consumer, min(entries_max, 5), min(block_ms, 20))
        if found:
            self._perhaps_die()
        return found

    def acknowledge(self, entry_ids: list[str]) -> None:
        self._perhaps_die()
        super().acknowledge(entry_ids)


def in_threads(*targets: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def test_the_account_holds_at_every_moment_while_consumers_die_and_servers_hang_up(
    redis_url: str, database_url: str, connection: Link, client: "redis.Redis", bus: Bus
) -> None:
    over, published_all = threading.Event(), threading.Event()
    deaths: list[str] = []
    failures: list[str] = []
    known = listing(connection)
    sent = many(4000)
    bus.open_group()
    bus.publish(sent[:1])

    def guarded(do: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                do()
            except BaseException:
                failures.append(traceback.format_exc())

        return run

    def publish() -> None:
        dice, own, stop, at = random.Random(1), Bus(redis_url), Stop(), 0
        edge = Publisher(own, known, stop)
        while at < len(sent):
            n = dice.randint(1, 60)
            batch = sent[at : at + n]
            # Some are published again, by a collector that forgot, and some are bad.
            if dice.random() < 0.3 and at > 200:
                again = dice.randrange(at - 100)
                old = sent[again : again + dice.randint(1, 50)]
                persist(lambda old=old: own.publish(old), stop)  # type: ignore[misc]
            if dice.random() < 0.3:
                batch = [*batch, tick(seq=batch[-1].seq, symbol="NONE")]
            edge.publish(batch)
            at += n
            time.sleep(dice.random() / 100)
        own.close()
        published_all.set()

    def obey(stop: Stop) -> None:
        over.wait()
        stop.set()

    def consume(number: int) -> Callable[[], None]:
        dice = random.Random(number)

        def run() -> None:
            lives = 0
            while not over.is_set():
                lives += 1
                # A restart keeps its name; now and then one never comes back.
                name = f"mortal-{number}" if dice.random() < 0.7 else f"mortal-{number}-{lives}"
                own, stop = MortalBus(redis_url, dice, over), Stop()
                in_threads(partial(obey, stop))
                try:
                    Ingestor(settings(ingest_flush_ms=5), own, database_url, name).run(stop)
                except Died:
                    deaths.append(name)
                finally:
                    own.close()

        return run

    def hang_up() -> None:
        dice = random.Random(2)
        with psycopg.connect(database_url, autocommit=True) as own:
            while not published_all.wait(0.1 + dice.random() / 5) and not over.is_set():
                own.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name like 'thor mortal-%' order by random() limit 1"
                )
                client.client_kill_filter(_type="normal", skipme=True)

    books = Books(redis_url, database_url)
    chaos = in_threads(*(guarded(do) for do in (publish, hang_up, *map(consume, range(3)))))
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and not failures:
            try:
                books.look()
                state = bus.state()
            except (redis.ConnectionError, Unavailable):
                continue
            if published_all.is_set() and state.pending_entries == 0 == state.lag_entries:
                break
            time.sleep(random.random() / 50)
    finally:
        over.set()
        for thread in chaos:
            thread.join(60)
    books.look()
    books.close()
    assert failures == [], "\n".join(failures)
    assert books.wrong == []
    assert value(connection, "select count(*) from market.ticks") == len(sent)
    assert [one.seq for one in stored(connection)] == [one.seq for one in sent]
    received, inserted, duplicate, refused_ticks = account(connection)
    assert inserted == len(sent)
    assert received == sum(entry.n for entry in entries(client))
    assert duplicate > 0
    assert refused_ticks > 0
    # It was not quiet: consumers died, and the account was looked at while ticks waited.
    assert len(deaths) > 3
    assert books.looks > 10
    assert len(books.pendings) > 3


# Quarantine


@PLAIN
def test_a_refused_tick_goes_in_once_its_symbol_is_listed(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    unlisted = [tick(seq=1, symbol="BAC", last=Decimal("14.23")), tick(seq=2, symbol="BAC")]
    bus.publish([*unlisted, tick(seq=3)])
    take_in(redis_url, database_url)
    assert account(connection) == (3, 1, 0, 2)
    assert [row["field"] for row in rejected(connection)] == ["symbol", "symbol"]

    stock = msgspec.structs.replace(
        listing(connection).instruments["CL"],
        symbol="BAC", name="Bank of America", calendar="CME_EQUITY", is_negative_legal=False,
    )  # fmt: skip
    add_instrument(connection, stock)
    assert retry_rejected(connection, bus, "ES", 10) == (0, 0)
    assert retry_rejected(connection, bus, "BAC", 10) == (2, 0)
    take_in(redis_url, database_url)
    assert account(connection) == (5, 3, 0, 2)
    assert [one.seq for one in stored(connection) if one.symbol == "BAC"] == [1, 2]
    assert all(row["retried_at"] is not None for row in rejected(connection))
    # What was retried is not tried again.
    assert retry_rejected(connection, bus, None, 10) == (0, 0)


@PLAIN
def test_a_tick_that_is_still_wrong_comes_back_and_one_that_is_no_tick_stays(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    bus.publish([tick(seq=1, last=Decimal("5000.3")), tick(seq=2, refused="last: is odd")])
    inject(client, b"not JSON", 3)
    inject(client, [written(tick(seq=4), ts="2024-07-01T14:30:00")], 1)
    take_in(redis_url, database_url)
    assert account(connection) == (6, 0, 0, 6)
    assert retry_rejected(connection, bus, None, 10) == (2, 2)
    take_in(redis_url, database_url)
    # What only the collector doubted is loaded on a person's word; the other is off the grid.
    assert account(connection) == (8, 1, 0, 7)
    assert [one.seq for one in stored(connection)] == [2]
    assert [row["retried_at"] is None for row in rejected(connection)] == [
        False, False, True, True, True,
    ]  # fmt: skip


@PLAIN
def test_a_listed_instrument_is_known_to_an_ingestor_that_runs(
    bus: Bus, redis_url: str, database_url: str, connection: Link
) -> None:
    with taking_in(redis_url, database_url, ingest_flush_ms=1):
        bus.publish([tick(seq=1, symbol="BAC")])
        wait_for(lambda: account(connection)[3] == 1, "the refusal")
        stock = msgspec.structs.replace(listing(connection).instruments["CL"], symbol="BAC")
        add_instrument(connection, stock)
        bus.publish([tick(seq=2, symbol="BAC")])
        wait_for(lambda: account(connection)[1] == 1, "the row")
    assert account(connection) == (2, 1, 0, 1)


@PLAIN
def test_what_is_ahead_of_the_databases_clock_is_refused_and_its_clock_with_it(
    client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    now = datetime.now(UTC)
    # As a bus on a machine whose own clock is a day ahead would let them through.
    tomorrow = timestamps.format_utc(now + timedelta(days=1))
    good = written(tick(seq=1, ts=now, received_at=now))
    ahead = {**good, "seq": 2, "ts": tomorrow, "received_at": tomorrow}
    inject(client, [good, ahead], 2)
    first: Any = client.hget(COUNTER, "next")
    add(client, first=int(first), n=0, source="SIM", clock=tomorrow, since="")
    take_in(redis_url, database_url)
    assert account(connection) == (2, 1, 0, 1)
    found = {row["field"]: row for row in rejected(connection)}
    assert set(found) == {"ts", "clock"}
    assert "ahead of the database's clock" in found["ts"]["reason"]
    assert value(connection, "select count(*) from market.source_clocks") == 0


def test_a_clock_that_stands_ahead_is_reset_with_what_it_wrote(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str, connection: Link
) -> None:
    now = datetime.now(UTC)
    tomorrow = timestamps.format_utc(now + timedelta(days=1))
    connection.execute(
        "insert into market.source_clocks (source, ts) values ('SIM', now() + interval '1 day')"
    )
    bus.publish([tick(symbol="NQ", ts=now, received_at=now)])
    client.hset("quotes:latest:ES", mapping={"source": "SIM", "ts": tomorrow})
    client.hset("quotes:clocks", "SIM", tomorrow)
    client.hset("quotes:heard:SIM", "ES", tomorrow)
    bus.publish_clock("SIM", now + timedelta(days=1))
    assert "SIM" in bus.state().ahead_s
    done = reset_clock(connection, bus, "SIM")
    assert (done.was_ahead, done.quotes, done.ticks_ahead) == (True, 1, 0)
    assert bus.state().ahead_s == {}
    assert client.hget("quotes:clocks", "SIM") is None
    assert list(bus.latest(["ES", "NQ"])) == ["NQ"]
    assert value(connection, "select ts <= now() from market.source_clocks")
    assert not reset_clock(connection, bus, "SIM").was_ahead
    with pytest.raises(NotFound, match="XX is not in reference.sources"):
        reset_clock(connection, bus, "XX")
