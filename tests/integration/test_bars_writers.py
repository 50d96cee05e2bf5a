"""Bars under writers that race, die and repeat themselves: always exactly the bars of the ticks."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import bars_oracle
import msgspec
import psycopg
import pytest
from bars_written import Batch, Stream, caught_up, meanwhile, side_by_side, write
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from ticks_made import TS, account, tick, value, wait_for

from thor.domain.tick import Tick
from thor.errors import Unavailable
from thor.market.bars import refresh
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop, persist

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]
HOUR = timedelta(hours=1)

# Any order, any cut


# Around five in the afternoon in Chicago, when the day turns, and around full hours.
_ANCHORS = [datetime(2024, 3, 8, 22, 59, 59, tzinfo=UTC), datetime(2024, 3, 8, 23, 0, tzinfo=UTC)]
_OFFSETS = st.one_of(
    st.sampled_from([0, 1, 999_999, 1_000_000, 59_000_000, 60_000_000, 300_000_000]),
    st.integers(0, 4_000_000_000),
)
_DELAYS = st.sampled_from([0, 1_000_000, 1_000_001, 2_000_001, 61_000_001, 301_000_000, 9 * 10**9])
_PRICES = st.one_of(st.none(), st.integers(-8, 8).map(lambda n: Decimal(n) / 4))


@st.composite
def drawn(draw: st.DrawFn) -> Tick:
    """Return a tick of any shape that a feed may send."""
    ts = draw(st.sampled_from(_ANCHORS)) + timedelta(microseconds=draw(_OFFSETS))
    is_trade = draw(st.booleans())
    last = draw(_PRICES)
    return tick(
        ts=ts,
        received_at=ts + timedelta(microseconds=draw(_DELAYS)),
        source=draw(st.sampled_from(["SIM", "EXCEL"])),
        symbol=draw(st.sampled_from(["CL", "NG"])),
        last=Decimal("0.25") if is_trade and last is None else last,
        bid=draw(_PRICES),
        ask=draw(_PRICES),
        side=draw(st.sampled_from([None, "B", "S"])),
        volume_delta=draw(st.one_of(st.none(), st.integers(0, 3))),
        is_trade=is_trade,
        is_sampled=draw(st.booleans()),
    )


def parts(draw: st.DrawFn, ticks: list[Tick]) -> list[list[Tick]]:
    """Return the ticks cut somewhere."""
    cuts = sorted(draw(st.sets(st.integers(1, max(len(ticks) - 1, 1)), max_size=5)))
    found = [ticks[a:b] for a, b in itertools.pairwise([0, *cuts, len(ticks)])]
    return [part for part in found if part]


@st.composite
def written_by_two(draw: st.DrawFn) -> list[list[list[Tick]]]:
    """Return for each of two writers its batches; some ticks come to both."""
    ticks = draw(st.lists(drawn(), min_size=1, max_size=40))
    # Numbers repeat now and then: such ticks differ by source or instant.
    seqs = draw(st.lists(st.integers(0, 60), min_size=len(ticks), max_size=len(ticks)))
    named = {}
    for one, seq in zip(ticks, seqs, strict=True):
        named[one.ts, one.symbol, seq, one.source] = msgspec.structs.replace(one, seq=seq)
    order = draw(st.permutations(list(named.values())))
    owners = draw(
        st.lists(st.sampled_from(["first", "second", "both"]), min_size=len(order),
                 max_size=len(order))
    )  # fmt: skip
    return [
        parts(draw, [one for one, owner in zip(order, owners, strict=True) if owner != other])
        for other in ("second", "first")
    ]


_RUNS = itertools.count()


@rules(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(written=written_by_two())
def test_in_any_order_and_in_any_cut_two_writers_make_the_bars_of_one_sorted_pass(
    written: list[list[list[Tick]]], database_url: str, connection: Link
) -> None:
    stream = Stream()
    connection.execute(b"truncate market.ingest_batches")
    # Each run has symbols of its own: nothing of the one before is in its bars.
    run = next(_RUNS)
    own = [
        [[msgspec.structs.replace(t, symbol=f"{t.symbol}{run}") for t in part] for part in batches]
        for batches in written
    ]
    batches = [[[stream.entry(part)] for part in batches] for batches in own]
    side_by_side(database_url, *(written for written in batches if written))
    caught_up(connection)
    ticks = bars_oracle.of_ticks(stream.ticks)
    symbols = [f"CL{run}", f"NG{run}"]
    assert bars_oracle.differences(connection, ticks, symbols) == []


# Two writers at one bar


def racing(number: int, seed: int, shared: float = 0.0) -> tuple[list[Tick], list[Tick]]:
    """Return the ticks of two writers in one second of three symbols, some delivered to both."""
    chance = random.Random(seed)
    both: tuple[list[Tick], list[Tick]] = ([], [])
    for n in range(number):
        one = tick(
            symbol=chance.choice(["ES", "NQ", "YM"]),
            seq=seed * number + n,
            ts=TS + timedelta(milliseconds=chance.randrange(3) * 400, seconds=seed // 4),
            last=Decimal(chance.randrange(20_000, 20_040)) / 4,
            bid=Decimal(chance.randrange(20_000, 20_040)) / 4,
            ask=Decimal(chance.randrange(20_000, 20_040)) / 4,
            side=chance.choice(["B", "S", None]),
            volume_delta=chance.randrange(5),
        )
        if chance.random() < shared:
            both[0].append(one)
            both[1].append(one)
        else:
            both[n % 2].append(one)
    chance.shuffle(both[1])
    return both


@pytest.mark.parametrize("shared", [0.0, 0.3], ids=["each its own", "some delivered to both"])
def test_two_writers_at_the_same_bars_lose_nothing_and_wait_in_no_ring(
    database_url: str, connection: Link, shared: float
) -> None:
    stream = Stream()
    rounds = [racing(60, seed, shared) for seed in range(40)]
    writers = [[[stream.entry(ticks)] for ticks in column] for column in zip(*rounds, strict=True)]
    side_by_side(database_url, *writers)
    caught_up(connection)
    assert stream.wrong(connection) == []
    received, inserted, duplicate, refused = account(connection)
    assert inserted == 2400
    assert received == 2400 + duplicate
    assert (duplicate > 0, refused) == (shared > 0, 0)


def test_entries_delivered_again_and_in_other_batches_change_no_bar(
    database_url: str, connection: Link
) -> None:
    stream = Stream()
    entries = [stream.entry(ticks) for seed in range(30) for ticks in racing(20, seed)]
    chance = random.Random(1)
    again = chance.sample(entries, len(entries))
    in_threes = [again[n : n + 3] for n in range(0, len(again), 3)]
    side_by_side(database_url, [[one] for one in entries], in_threes)
    caught_up(connection)
    assert stream.wrong(connection) == []
    changed = "select symbol, bar_start, ticks, changed_at from bars_1s order by 1, 2"
    before = connection.execute(changed).fetchall()
    write(database_url, [entries])
    caught_up(connection)
    assert connection.execute(changed).fetchall() == before
    assert account(connection)[:3] == (600, 600, 0)


def dying(url: str, batch: Batch, after: str) -> None:
    """Write a batch and lose the connection after one of the steps, before the commit."""
    with psycopg.connect(url, autocommit=True) as own:
        store = TickWriter(own, "dying")
        step = getattr(store, after)

        def step_and_die(*given: Any) -> Any:
            done = step(*given)
            with psycopg.connect(url, autocommit=True) as other:
                assert value(other, "select pg_terminate_backend(%s, 5000)", own.info.backend_pid)
            return done

        setattr(store, after, step_and_die)
        with pytest.raises(Unavailable, match="PostgreSQL"):
            store.write(batch)


@pytest.mark.parametrize("after", ["_kept", "_copy", "_insert_stale", "_insert_batch"])
def test_a_writer_that_dies_before_its_commit_leaves_the_bars_of_the_others(
    database_url: str, connection: Link, after: str
) -> None:
    stream = Stream()
    rounds = [racing(60, seed) for seed in range(8)]
    own = [[stream.entry(ticks)] for ticks, _ in rounds]
    others = [[stream.entry(ticks)] for _, ticks in rounds]

    def die() -> None:
        for batch in own:
            dying(database_url, batch, after)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(die), pool.submit(write, database_url, others)]:
            done.result()
    caught_up(connection)
    alive = Stream()
    alive.ticks = [one for batch in others for entry in batch for one in entry.ticks]
    assert alive.wrong(connection) == []
    # Another consumer gets the entries that it had not acknowledged.
    write(database_url, own)
    caught_up(connection)
    assert stream.wrong(connection) == []


@pytest.mark.parametrize("days_ago", [0, 400], ids=["by the hour", "by the day"])
def test_a_rebuild_beside_writers_leaves_exactly_the_bars_of_the_ticks(
    database_url: str, connection: Link, days_ago: int
) -> None:
    stream = Stream()
    # Of the day before yesterday at the earliest it is rebuilt hour by hour.
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    start -= 6 * HOUR
    chance = random.Random(days_ago)

    def batch(n: int) -> Batch:
        ticks = [
            tick(
                symbol=chance.choice(["ES", "NQ"]), seq=n * 100 + i, volume_delta=1,
                ts=start + timedelta(seconds=chance.randrange(4 * 3600)),
                last=Decimal(chance.randrange(20_000, 20_040)) / 4,
            )
            for i in range(100)
        ]  # fmt: skip
        return [stream.entry(ticks)]

    writers = [[batch(n * 2 + writer) for n in range(20)] for writer in range(2)]
    rebuilt: list[tuple[int, int]] = []

    def rebuild() -> None:
        with psycopg.connect(database_url, autocommit=True) as own:
            persist(
                lambda: rebuilt.extend(
                    refresh.rebuild(own, start, start + 4 * HOUR, drop_empty=True)
                ),
                Stop(),
            )

    with meanwhile(rebuild):
        side_by_side(database_url, *writers)
        wait_for(lambda: rebuilt, "a rebuild")
    caught_up(connection)
    assert stream.wrong(connection) == []


def test_the_clocks_of_a_batch_are_taken_in_one_order_so_that_no_two_wait_in_a_ring(
    database_url: str, connection: Link
) -> None:
    def reported(hours: int, *sources: str) -> Batch:
        ts = TS + hours * HOUR
        return [
            EntryTicks(f"{hours}-{source}", None, 0, [], [], clock=(source, ts))
            for source in sources
        ]

    write(database_url, [reported(0, "EXCEL", "SIM")])
    row = "select from market.source_clocks where source = %s for update"
    waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
    with (
        psycopg.connect(database_url, autocommit=True) as own,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database_url) as holder,
    ):
        holder.execute(row, ("EXCEL",))
        writing = pool.submit(TickWriter(own, "ingest").write, reported(1, "SIM", "EXCEL"))
        wait_for(lambda: value(connection, waits, own.info.backend_pid), "the writer")
        # It waits for the first and has not yet taken the other.
        connection.execute(f"{row} nowait".encode(), ("SIM",))
        holder.rollback()
        writing.result()
