"""How fast bars are while the market runs at 5,000 ticks/s, with every policy and the keeper.

Four processes on one database that holds a day of history, thin but for its last hour: a writer
commits what is due every 50 ms through `thor.market.ticks.writer.TickWriter`, ticks dated now, a
clock entry every second; `jobs.bars` and the database's own policies look after the bars; one
reader waits for ticks to appear in bars; another asks what a chart asks.

commit     what `TickWriter.write` takes, from call to return, the transaction's commit in it
in bars    from that return until the newest tick's bar, of a second or a minute in turn, holds
           all that the writer has put there (`ticks`), as the reader sees it over its own
           connection: its own waiting and asking is in it
queries    over the public views, one symbol at random each time, from `execute` to the last row
           as Python objects: the last hour four times a second, the others once, one of them as
           the API asks

The limits are what a screen needs: a bar within a second, a chart without a pause.
"""

import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import psycopg
from bars_market import (
    TICKS_PER_S,
    Market,
    Runs,
    caught_up,
    compare_to_ticks,
    cut_by_time,
    entries,
    in_child,
    keeper,
    made,
    policies,
    quieten,
    stale_s,
    write_all,
)
from workbench import (
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
    table,
    workbench,
)

from thor import database
from thor.market.collect.simulator.market import SOURCE
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter

BATCH_EVERY_S = 0.05
WARM_S = 3.0
# A reader that saw a mark rests so long, and looks again so soon where it is not there yet.
REST_S, AGAIN_S = 0.03, 0.002
ASK_EVERY_S = 0.25
# What is written to all day, and in the last hour: every minute has a bar of every symbol.
DAY_TICKS_PER_S, HOUR_TICKS_PER_S = 2, 100
HOUR = timedelta(hours=1)

IN_A_BAR = (
    "select coalesce(sum(ticks), 0) from market.bars_{0} where symbol = %s and bar_start = %s"
)
_OF_A_SYMBOL = (
    "select * from market.bars_{0} where symbol = %(symbol)s and bar_start >= %(now)s - {1}"
    " and bar_start <= %(now)s order by bar_start"
)
_AS_THE_API = "select * from market.bars_between('{0}', %(symbol)s, %(now)s - {1}, %(now)s, 1000)"
LAST_HOUR = "an hour of bars_1m"
QUERIES = {
    LAST_HOUR: _OF_A_SYMBOL.format("1m", "interval '1 hour'"),
    "… by bars_between": _AS_THE_API.format("1m", "interval '1 hour'"),
    "60 of bars_1s": _OF_A_SYMBOL.format("1s", "interval '1 minute'"),
    "a day of bars_5m": _OF_A_SYMBOL.format("5m", "interval '1 day'"),
    "the newest bars_1m of all": (
        "select distinct on (symbol) * from market.bars_1m"
        " where bar_start > %(now)s - interval '2 minutes' order by symbol, bar_start desc"
    ),
}
OTHERS = [name for name in QUERIES if name != LAST_HOUR]
ROWS_MIN = {LAST_HOUR: 58, "… by bars_between": 58, "a day of bars_5m": 60}


class Mark(NamedTuple):
    """A committed batch's newest tick: its bars, and the ticks that are in them by now."""

    committed_at: float
    symbol: str
    starts: dict[str, datetime]
    ticks: dict[str, int]


class Written(NamedTuple):
    """What the writer did: ms of each commit, how late the last was begun, and its ticks."""

    commits_ms: list[float]
    behind_ms: float
    ticks: int


class Stages(NamedTuple):
    """Events: the market has run for a while; it has ended."""

    is_warm: Any
    is_over: Any


def fill(database_url: str, seconds: float) -> int:
    """Write a day up to now, its last hour denser; returns the ordinal after its last tick."""
    # Up to a whole minute: what is measured has its minutes for itself.
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    thin_s, hour_s = seconds - HOUR.total_seconds(), HOUR.total_seconds()
    day = Market(int(thin_s * DAY_TICKS_PER_S), DAY_TICKS_PER_S, end - timedelta(seconds=seconds))
    hour = Market(int(hour_s * HOUR_TICKS_PER_S), HOUR_TICKS_PER_S, end - HOUR, seed=8)
    return write_all(database_url, hour, write_all(database_url, day))


def write_live(
    database_url: str, seconds: float, first: int, marks: Any, stages: Stages, answer: Any
) -> None:
    """Write ticks when they are due; report the newest tick of each batch."""
    wanted = int(TICKS_PER_S * seconds)
    start = datetime.now(UTC) + timedelta(seconds=1 + wanted / 100_000)
    begin = time.monotonic() + (start - datetime.now(UTC)).total_seconds()
    batches = cut_by_time(
        made(database_url, Market(wanted, TICKS_PER_S, start)), start, BATCH_EVERY_S
    )
    held: dict[tuple[str, str, datetime], int] = {}
    done = Written([], 0.0, wanted)
    behind_ms = 0.0
    clock_due = begin
    with database.connect(database_url, "bench") as connection:
        store = TickWriter(connection, "bench-1")
        quieten()
        for number, batch in enumerate(batches):
            if number * BATCH_EVERY_S >= WARM_S:
                stages.is_warm.set()
            validated = entries(batch, first)
            due = begin + (number + 1) * BATCH_EVERY_S
            if due >= clock_due:
                clock_due += 1
                validated.append(EntryTicks(f"c{number}", None, 0, [], [], (SOURCE, batch[-1].ts)))
            time.sleep(max(due - time.monotonic(), 0))
            at = time.monotonic()
            store.write(validated)
            committed_at = time.monotonic()
            done.commits_ms.append((committed_at - at) * 1000)
            behind_ms = max(behind_ms, (at - due) * 1000)
            first += len(batch)
            for tick in batch:
                for width, bar_start in _starts(tick.ts).items():
                    key = (width, tick.symbol, bar_start)
                    held[key] = held.get(key, 0) + 1
            newest = batch[-1]
            starts = _starts(newest.ts)
            in_them = {width: held[width, newest.symbol, at] for width, at in starts.items()}
            marks.send(Mark(committed_at, newest.symbol, starts, in_them))
    stages.is_over.set()
    marks.send(None)
    answer.send(done._replace(behind_ms=behind_ms))


def _starts(ts: datetime) -> dict[str, datetime]:
    second = ts.replace(microsecond=0)
    return {"1s": second, "1m": second.replace(second=0)}


def watch(database_url: str, marks: Any, stages: Stages, answer: Any) -> None:
    """Look for the newest mark in one view, then for the next in the other; send back ms."""
    lags: dict[str, list[float]] = {"1s": [], "1m": []}
    with database.connect(database_url, "bench") as connection:
        for number in count():
            # Reports made while this one slept are old: wait for the next.
            mark: Mark | None = marks.recv()
            while mark is not None and marks.poll():
                mark = marks.recv()
            mark = mark and marks.recv()
            if mark is None:
                break
            width = "1s" if number % 2 == 0 else "1m"
            asked = IN_A_BAR.format(width).encode()
            values = (mark.symbol, mark.starts[width])
            while True:
                found = connection.execute(asked, values).fetchone()
                seen_at = time.monotonic()
                if found and found[0] >= mark.ticks[width]:
                    break
                time.sleep(AGAIN_S)
            if stages.is_warm.is_set():
                lags[width].append((seen_at - mark.committed_at) * 1000)
            time.sleep(REST_S)
    answer.send(lags)


def ask(database_url: str, stages: Stages, answer: Any) -> None:
    """Ask what a chart asks until it is over; send back ms of each question."""
    times: dict[str, list[float]] = {name: [] for name in QUERIES}
    chance = random.Random(7)
    with database.connect(database_url, "bench") as connection:
        found = connection.execute("select distinct symbol from market.bars_5m").fetchall()
        symbols = sorted(symbol for (symbol,) in found)
        stages.is_warm.wait()
        begin = time.monotonic()
        for number in count(1):
            if stages.is_over.is_set():
                break
            # What is only for information may not become the load that is measured.
            for name in (LAST_HOUR, OTHERS[number % len(OTHERS)]):
                values = {"symbol": chance.choice(symbols), "now": datetime.now(UTC)}
                at = time.monotonic()
                rows = connection.execute(QUERIES[name].encode(), values).fetchall()
                times[name].append((time.monotonic() - at) * 1000)
                least = ROWS_MIN.get(name, 1)
                assert len(rows) >= least, f"{name}: {len(rows)} rows, {least} were to come"
            time.sleep(max(begin + number * ASK_EVERY_S - time.monotonic(), 0))
    answer.send(times)


class Found(NamedTuple):
    """All that was measured on one edition."""

    written: Written
    lags: dict[str, list[float]]
    times: dict[str, list[float]]
    ran: dict[str, Runs]
    waited_s: float
    waits: int


def measure(at: Workbench, day_s: float, seconds: float) -> Found:
    """Run all of it on a fresh database."""
    with at.database() as url, keeper(at, url) as beside:
        reported(f"{at.edition}: history")
        first = in_child(fill, url, day_s)
        caught_up(url)
        settle(SETTLE_S)
        reported(f"{at.edition}: {seconds:g} s at {TICKS_PER_S:,} ticks/s")
        before = policies(url)
        stages = Stages(spawned.Event(), spawned.Event())
        marks_in, marks_out = spawned.Pipe(duplex=False)
        own, theirs = zip(*(spawned.Pipe(duplex=False) for _ in range(3)), strict=True)
        children = [
            spawned.Process(target=target, args=values, daemon=True)
            for target, values in (
                (write_live, (url, seconds, first, marks_out, stages, theirs[0])),
                (watch, (url, marks_in, stages, theirs[1])),
                (ask, (url, stages, theirs[2])),
            )
        ]
        for child in children:
            child.start()
        # A process that dies closes its end of the pipe.
        for end in (*theirs, marks_in, marks_out):
            end.close()
        waited_s = 0.0
        with psycopg.connect(url, autocommit=True) as connection:
            while not own[0].poll(0.5):
                waited_s = max(waited_s, stale_s(connection))
        written, lags, times = (end.recv() for end in own)
        ran = {
            name: Runs(now.runs - before[name].runs, now.failures - before[name].failures, now[2])
            for name, now in policies(url).items()
        }
        for child in children:
            child.join(30)
        caught_up(url)
        compare_to_ticks(url, first + written.ticks)
        return Found(written, lags, times, ran, waited_s, beside.waits.value)


def report(edition: str, found: Found) -> None:
    """Print what was measured on one edition, and the goals."""
    kept = int(WARM_S / BATCH_EVERY_S)
    shown = {"commit of what is due every 50 ms": found.written.commits_ms[kept:]}
    shown |= {f"tick in bars_{width}": ms for width, ms in found.lags.items()}
    shown |= found.times
    head = [f"{edition}, ms", "times", "P50", "P95", "P99", "max"]
    rows: list[list[object]] = [
        [
            name,
            len(ms),
            f"{statistics.median(ms):.1f}",
            *(f"{percentile(ms, share):.1f}" for share in (0.95, 0.99)),
            f"{max(ms):.1f}",
        ]
        for name, ms in shown.items()
    ]
    table(head, rows)
    print(f"the writer was at most {found.written.behind_ms:.0f} ms behind; no range of bars was")
    print(f"stale for over {found.waited_s:.1f} s; the keeper waited {found.waits} times\n")
    if found.ran:
        rows = [[name, one.runs, one.failures, f"{one[2]:.0f}"] for name, one in found.ran.items()]
        table(["policy", "runs meanwhile", "failed", "last ms"], rows)
        failed = sum(one.failures for one in found.ran.values())
        goal(f"{edition}: no policy fails", f"{failed} failed", failed == 0)
    commit = percentile(found.written.commits_ms[kept:], 0.99)
    goal(f"{edition}: commit P99 ≤ 25 ms", f"{commit:.1f} ms", commit <= 25)
    for width, ms in found.lags.items():
        lag = percentile(ms, 0.99)
        goal(f"{edition}: tick in bars_{width} P99 ≤ 1 s", f"{lag:.0f} ms", lag <= 1000)
    hour = percentile(found.times[LAST_HOUR], 0.95)
    goal(f"{edition}: {LAST_HOUR} P95 ≤ 25 ms", f"{hour:.1f} ms", hour <= 25)
    print(flush=True)


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "", add_edition)
    day_s, seconds = (6 * 3600, 15) if args.quick else (86_400, 60)
    for edition in editions(args.edition):
        with workbench(edition=edition) as at:
            machine(at.versions())
            report(edition, measure(at, day_s, seconds))


if __name__ == "__main__":
    main()
