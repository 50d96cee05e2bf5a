"""Measure the cost of bars: ingest with and without them, on both editions.

Compared, round robin, each in a process of its own on a fresh database; batches of 5,000 ticks, a
second of a market of eleven symbols at 5,000 ticks/s, dated from now on so that none is late:

limit      COPY BINARY of the same ticks by the same Python and driver into the same columns without
index, check, trigger or hypertable, a batch a transaction; the rows are built of the ticks in the
timed path (`thor.market.ticks.batch.columns`), as the writer does prepared   the same, the rows
built beforehand bars       `thor.market.ticks.writer.TickWriter.write` as `thor db up` makes the
database: plain with the trigger that merges bars, Community with four continuous aggregates, their
policies running no bars    the same, the trigger disabled, the aggregates dropped: the difference
is what bars cost

The first batch is not timed: it makes the day's chunk, and every statement's plan.

Then: two writers at batches in turns of one market; a replayed day, so sparse that 5,000 ticks are
some 3,300 bars of a second, with the keeper of the bars beside until no bar is stale; and live
batches, 2 % of whose ticks are a minute late, beside such without, in turns on one database with
the keeper and all policies running. Late ticks are older than what Community reads live, so each
such batch leaves bars for the job bars to refresh; the longest that any waited is given.
"""

import random
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from bars_market import (
    BATCH_ROWS,
    TICKS_PER_S,
    WIDTHS,
    Market,
    caught_up,
    compare_to_ticks,
    cut,
    cut_by_time,
    entries,
    in_child,
    keeper,
    made,
    newest_materialised,
    quieten,
    some_late,
    stale_s,
    write_all,
)
from workbench import (
    COLUMNS,
    MARKET_START,
    SETTLE_S,
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    percentile,
    reported,
    settle,
    spawned,
    spread,
    table,
    thousands,
    workbench,
)

from thor import database
from thor.market.ticks.batch import COLUMN_TYPES, columns
from thor.market.ticks.writer import TickWriter

WAYS = {
    "limit": "limit: COPY of the same ticks, no index",
    "prepared": "… their rows built beforehand",
    "bars": "thor, with bars",
    "no bars": "thor, without bars",
}
# Drawn so thin, 5,000 ticks of eleven symbols are some 3,300 bars of a second.
SPARSE_TICKS_PER_S = 5.5
LATE_SHARE = 0.02
# How often a batch is due, and what it then holds.
LIVE_BATCHES = {0.05: "250 ticks every 50 ms", 1.0: "5,000 ticks every second"}
# Turns of batches without and with late ticks; what begins one is left out, since the keeper
# is still busy with the turn before.
TURN_S, TURN_LEFT_OUT_S = 10.0, 3.0
PAST_S, PAST_TICKS_PER_S = 150, 500
# By then the policy has been there: what is a minute late lies below what is stored.
LATE_MARGIN = timedelta(seconds=20)
LEAD = timedelta(seconds=10)


class Sizes(NamedTuple):
    """How much is measured."""

    ticks: int
    rounds: int
    sparse_ticks: int
    turns: int


class Taken(NamedTuple):
    """Seconds on the wall, and seconds of this process's CPU."""

    wall_s: float
    cpu_s: float


def copy_ticks(database_url: str, market: Market, are_prepared: bool) -> Taken:
    """Copy a market into the table without an index, on a connection as Thor's are."""
    batches = cut(made(database_url, market))
    rows = [[columns(tick) for tick in batch] for batch in batches] if are_prepared else []
    text = f"copy bench_unindexed ({', '.join(COLUMNS)}) from stdin (format binary)".encode()
    with database.connect(database_url, "bench") as connection, connection.cursor() as cursor:
        cursor.execute(
            "create table bench_unindexed (like market.ticks including defaults"
            " including generated)"
        )

        def copy(number: int) -> None:
            with cursor.copy(text) as copy:
                copy.set_types(COLUMN_TYPES)
                if are_prepared:
                    for row in rows[number]:
                        copy.write_row(row)
                else:
                    for tick in batches[number]:
                        copy.write_row(columns(tick))

        copy(0)
        quieten()
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for number in range(1, len(batches)):
            copy(number)
        return Taken(time.perf_counter() - begin, time.process_time() - begin_cpu)


def write_ticks(database_url: str, market: Market) -> Taken:
    """Write a market through `TickWriter`."""
    batches = cut(made(database_url, market))
    validated = [entries(batch, number * BATCH_ROWS) for number, batch in enumerate(batches)]
    with database.connect(database_url, "bench") as connection:
        store = TickWriter(connection, "bench-1")
        store.write(validated[0])
        quieten()
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for batch in validated[1:]:
            store.write(batch)
        return Taken(time.perf_counter() - begin, time.process_time() - begin_cpu)


def soon() -> datetime:
    """Return when ticks are dated that are not late when they come to be written."""
    return datetime.now(UTC) + LEAD


def drop_bars(at: Workbench, database_url: str) -> None:
    """Leave the database as it would be without bars."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        if at.edition == "plain":
            connection.execute("alter table market.ticks disable trigger keep_bars")
            return
        # The public views are made of them and go too.
        for width in reversed(WIDTHS):
            connection.execute(f"drop materialized view market._bars_{width} cascade")
        connection.execute("checkpoint")


def counted(database_url: str, table_name: str, rows: int) -> None:
    """Hold a run without bars to the ticks that it had to write."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(f"select count(*) from {table_name}").fetchone()
        assert found == (rows,), f"{table_name} holds {found}, {rows} were to come"


def way_of(at: Workbench, way: str, market: Market) -> Taken:
    """Measure one way once on a fresh database."""
    with at.database() as url:
        if way in ("limit", "prepared"):
            done = in_child(copy_ticks, url, market, way == "prepared")
            counted(url, "bench_unindexed", market.ticks)
        elif way == "bars":
            done = in_child(write_ticks, url, market)
            compare_to_ticks(url, market.ticks)
        else:
            drop_bars(at, url)
            done = in_child(write_ticks, url, market)
            counted(url, "market.ticks", market.ticks)
        return done


def ratio(done: Sequence[dict[str, Taken]], way: str, other: str) -> float:
    """Return how many times as fast one way is as another: the median of the rounds'."""
    return statistics.median(one[other].wall_s / one[way].wall_s for one in done)


def one_writer(at: Workbench, sizes: Sizes) -> None:
    """Print the ways beside each other, and the goal."""
    done: list[dict[str, Taken]] = []
    names = list(WAYS)
    for number in range(sizes.rounds):
        reported(f"{at.edition}: round {number + 1} of {sizes.rounds}")
        shift = number % len(names)
        market = Market(sizes.ticks + BATCH_ROWS, TICKS_PER_S, soon())
        done.append({way: way_of(at, way, market) for way in names[shift:] + names[:shift]})
    rows = []
    for way, shown in WAYS.items():
        walls = [one[way].wall_s for one in done]
        cpu_us = statistics.median(one[way].cpu_s for one in done) / sizes.ticks * 1e6
        rows.append(
            [
                shown,
                thousands(sizes.ticks / statistics.median(walls)),
                spread(walls),
                f"{cpu_us:.1f}",
                f"{ratio(done, way, 'limit'):.2f}",
                f"{ratio(done, way, 'prepared'):.2f}",
            ]
        )
    print(f"{at.edition}: {sizes.ticks:,} ticks, medians of {sizes.rounds} rounds, one process\n")
    head = ["ticks → committed", "ticks/s", "spread", "CPU µs/tick", "× limit", "× prepared"]
    table(head, rows)
    measured = ratio(done, "bars", "limit")
    goal(f"{at.edition}: with bars ≥ 0.5 × limit", f"{measured:.2f} ×", measured >= 0.5)
    print(flush=True)


def write_share(
    database_url: str, market: Market, writers: int, which: int, ready: Any, answer: Any
) -> None:
    """Write every batch whose turn it is, from when all are ready; send back from when to when."""
    batches = cut(made(database_url, market))
    validated = [entries(batch, number * BATCH_ROWS) for number, batch in enumerate(batches)]
    with database.connect(database_url, "bench") as connection:
        store = TickWriter(connection, f"bench-{which}")
        if which == 0:
            store.write(validated[0])
        quieten()
        ready.wait(120)
        begin = time.monotonic()
        for batch in validated[1 + which :: writers]:
            store.write(batch)
        answer.send((begin, time.monotonic()))


def _side_by_side(at: Workbench, market: Market, writers: int) -> float:
    with at.database() as url:
        ready = spawned.Barrier(writers)
        pipes = [spawned.Pipe(duplex=False) for _ in range(writers)]
        children = [
            spawned.Process(
                target=write_share, args=(url, market, writers, which, ready, theirs), daemon=True
            )
            for which, (_, theirs) in enumerate(pipes)
        ]
        for child in children:
            child.start()
        for _, theirs in pipes:
            theirs.close()
        begins, ends = zip(*(own.recv() for own, _ in pipes), strict=True)
        for child in children:
            child.join(30)
        compare_to_ticks(url, market.ticks)
        return float(max(ends) - min(begins))


def two_writers(at: Workbench, sizes: Sizes) -> None:
    """Print what a second writer adds, and the goal."""
    done: list[dict[int, float]] = []
    for number in range(sizes.rounds):
        reported(f"{at.edition}: writers side by side, round {number + 1} of {sizes.rounds}")
        market = Market(sizes.ticks + BATCH_ROWS, TICKS_PER_S, soon())
        order = (1, 2) if number % 2 == 0 else (2, 1)
        done.append({writers: _side_by_side(at, market, writers) for writers in order})
    gained = statistics.median(one[1] / one[2] for one in done)
    walls = {writers: [one[writers] for one in done] for writers in (1, 2)}
    table(
        [f"{at.edition}, writers", "ticks/s", "spread", "× one"],
        [
            [n, thousands(sizes.ticks / statistics.median(walls[n])), spread(walls[n]), f"{x:.2f}"]
            for n, x in ((1, 1.0), (2, gained))
        ],
    )
    goal(f"{at.edition}: two writers ≥ 1.4 × one", f"{gained:.2f} ×", gained >= 1.4)
    print(flush=True)


def replayed(at: Workbench, sizes: Sizes) -> None:
    """Print how a sparse day of long ago is taken, until its bars are right."""
    market = Market(sizes.sparse_ticks + BATCH_ROWS, SPARSE_TICKS_PER_S, MARKET_START)
    done: list[dict[str, Taken]] = []
    until_right: list[float] = []
    bars_1s = 0
    for number in range(sizes.rounds):
        reported(f"{at.edition}: a replayed day, round {number + 1} of {sizes.rounds}")
        one = {way: way_of(at, way, market) for way in ("limit", "no bars")}
        with at.database() as url, keeper(at, url):
            one["bars"] = in_child(write_ticks, url, market)
            until_right.append(one["bars"].wall_s + caught_up(url))
            compare_to_ticks(url, market.ticks)
            with psycopg.connect(url) as connection:
                found = connection.execute("select count(*) from market.bars_1s").fetchone()
                bars_1s = found[0] if found else 0
        done.append(one)
    rows = []
    for way, shown in (("limit", "limit"), ("bars", "thor, with bars"), ("no bars", "without")):
        walls = [one[way].wall_s for one in done]
        rate = thousands(sizes.sparse_ticks / statistics.median(walls))
        rows.append([shown, rate, spread(walls), f"{ratio(done, way, 'limit'):.2f}"])
    right_s = statistics.median(until_right)
    against = statistics.median(
        one["limit"].wall_s / s for one, s in zip(done, until_right, strict=True)
    )
    rate = thousands(sizes.sparse_ticks / right_s)
    rows.append(["… until no bar is stale", rate, spread(until_right), f"{against:.2f}"])
    a_batch = bars_1s / market.ticks * BATCH_ROWS
    print(f"{at.edition}: {sizes.sparse_ticks:,} ticks of long ago, keeper beside;")
    print(f"{a_batch:,.0f} one-second bars a batch of {BATCH_ROWS:,}; for information\n")
    table(["a replayed day", "ticks/s", "spread", "× limit"], rows)


class Timed(NamedTuple):
    """One live batch: into its turn, with late ticks or without, and what it took."""

    into_turn_s: float
    is_late: bool
    write_ms: float
    behind_ms: float


def write_live(database_url: str, edition: str, every_s: float, turns: int, answer: Any) -> None:
    """Write what is due when it is due, late ticks in every other turn; send back the times."""
    past = Market(
        PAST_S * PAST_TICKS_PER_S, PAST_TICKS_PER_S, datetime.now(UTC) - timedelta(seconds=PAST_S)
    )
    first = write_all(database_url, past)
    caught_up(database_url)
    past_end = past.start + timedelta(seconds=PAST_S)
    while edition == "timescale" and newest_materialised(database_url) < past_end - LATE_MARGIN:
        time.sleep(0.2)
    # Dated only now: nothing of what comes may be old before its time.
    wanted = int(TICKS_PER_S * TURN_S * turns)
    start = datetime.now(UTC) + timedelta(seconds=1 + wanted / 100_000)
    begin = time.monotonic() + (start - datetime.now(UTC)).total_seconds()
    batches = cut_by_time(made(database_url, Market(wanted, TICKS_PER_S, start)), start, every_s)
    chance = random.Random(7)
    done: list[Timed] = []
    with database.connect(database_url, "bench") as connection:
        store = TickWriter(connection, "bench-1")
        quieten()
        for number, batch in enumerate(batches):
            turn, into_turn_s = divmod(number * every_s + 1e-6, TURN_S)
            is_late = turn % 2 == 1
            validated = entries(some_late(batch, LATE_SHARE, chance) if is_late else batch, first)
            due = begin + (number + 1) * every_s
            time.sleep(max(due - time.monotonic(), 0))
            at = time.monotonic()
            store.write(validated)
            write_ms = (time.monotonic() - at) * 1000
            done.append(Timed(into_turn_s, is_late, write_ms, (at - due) * 1000))
            first += len(batch)
    answer.send((done, first))


def _live(at: Workbench, every_s: float, turns: int) -> tuple[list[Timed], float, int]:
    with at.database() as url, keeper(at, url) as beside:
        own, theirs = spawned.Pipe(duplex=False)
        writer = spawned.Process(
            target=write_live, args=(url, at.edition, every_s, turns, theirs), daemon=True
        )
        settle(SETTLE_S)
        writer.start()
        theirs.close()
        waited_s = 0.0
        with psycopg.connect(url, autocommit=True) as connection:
            while not own.poll(0.25):
                waited_s = max(waited_s, stale_s(connection))
        done, written = own.recv()
        writer.join(30)
        caught_up(url)
        compare_to_ticks(url, written)
        return done, waited_s, beside.waits.value


def late_ticks(at: Workbench, sizes: Sizes) -> None:
    """Print what a batch takes with late ticks and without, and the goals."""
    rows, goals = [], []
    for every_s, shown in LIVE_BATCHES.items():
        reported(f"{at.edition}: late ticks, {shown}")
        done, waited_s, waits = _live(at, every_s, sizes.turns)
        kept = [one for one in done if one.into_turn_s >= TURN_LEFT_OUT_S]
        times = {late: [b.write_ms for b in kept if b.is_late is late] for late in (False, True)}
        behind = max(one.behind_ms for one in kept)
        found = {
            late: [statistics.median(ms), percentile(ms, 0.99), max(ms)]
            for late, ms in times.items()
        }
        for late, ms in found.items():
            what = f"{LATE_SHARE:.0%} a minute late" if late else shown
            rows.append([what, len(times[late]), *(f"{one:.1f}" for one in ms)])
            rows[-1] += [f"{waited_s:.1f}", waits, f"{behind:.0f}"] if late else ["", "", ""]
        for name, without, late_ms in zip(("median", "P99"), *found.values(), strict=False):
            slower = late_ms / without
            text = f"{at.edition}: {shown}, {LATE_SHARE:.0%} late, {name} ≤ 2 × without"
            goals.append((text, f"{slower:.2f} ×", slower <= 2))
    print(f"{at.edition}: keeper and policies running, turns of {TURN_S:g} s; ms a batch\n")
    head = ["batch", "batches", "median", "P99", "max", "stale ≤ s", "keeper waits", "behind"]
    table(head, rows)
    for one in goals:
        goal(*one)
    print(flush=True)


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "", add_edition)
    full, quick = Sizes(200_000, 5, 50_000, 12), Sizes(50_000, 3, 15_000, 4)
    for edition in editions(args.edition):
        with workbench(edition=edition) as at:
            machine(at.versions())
            sizes = quick if args.quick else full
            for part in (one_writer, two_writers, replayed, late_ticks):
                part(at, sizes)


if __name__ == "__main__":
    main()
