"""What it costs to write a trade date of 10 million ticks into the lake.

A trade date of the simulated market, eleven symbols one after the other as a feed gives them, 10
million ticks (500,000 with `--quick`): a stretch is simulated and repeated, moved on in time and
ordinals, until the day is full. Loaded without making bars. In one run, round robin:

psql       `copy market.ticks to stdout (format binary)` by psql, to /dev/null: the least it takes
to move the rows, in the order in which they lie, without one being looked at export
`thor.lake.export.export` of ticks: read in order, packed into Parquet, summed, on disk again
the same export, where nothing has changed verify     every row of the files held against the
database's

The goal is the export's rows a second over psql's, best of the rounds. It reads on two connections
while a third thread packs: with the other core busy it is slower, psql is not.

Bytes a tick are those of a tape of real quotes and trades, numbered 1, 2, 3, whose `received_at` is
its `ts`, and of the simulated day.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
from workbench import (
    COLUMNS,
    REPO,
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    reported,
    spread,
    table,
    thousands,
    ticks,
    workbench,
)

from thor import database
from thor.domain.tick import Tick
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask, Exported
from thor.lake.export.verify import verify
from thor.lake.store import Store
from thor.market.collect.files.tape import open_tape
from thor.market.ticks.batch import COLUMN_TYPES, columns
from thor.services.home import Home
from thor.services.install import find_postgres

SIMULATED = 500_000
# So many a second that twenty such stretches fill a day of 23 hours.
TICKS_PER_S = 150.0
DAY = date(2025, 10, 28)
AFTER = datetime(2025, 11, 8, tzinfo=UTC)
TAPE = REPO.parent / "shared/data/ticks/es_esh4_20231225_l1.parquet"
TAPE_DAY = date(2023, 12, 26)
RATIO_MIN = 0.6
BYTES_MAX = 8.0

# 14:00 UTC, where the simulated stretch begins, becomes 22:00, where the trade date does.
REPEAT = """
insert into market.ticks ({columns})
select {moved} from ticks_once as t, generate_series(0, %(times)s - 1) as n
order by n, t.ts
"""
MOVED = {
    "ts": "t.ts + interval '8 hours' + n * interval '3500 seconds'",
    "received_at": "t.received_at + interval '8 hours' + n * interval '3500 seconds'",
    "seq": "t.seq + n * 10000000000",
}


def load(url: str, found: Iterable[Tick], times: int) -> int:
    """Write ticks so many times over, without bars; returns how many stand there."""
    names = ", ".join(COLUMNS)
    moved = ", ".join(MOVED.get(name, f"t.{name}") for name in COLUMNS)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        into = "ticks_once" if times else "market.ticks"
        if times:
            connection.execute(f"create temporary table {into} (like market.ticks)".encode())
            connection.execute(f"alter table {into} alter created_at set default now()".encode())
            connection.execute(f"alter table {into} drop column trade_date".encode())
        with connection.cursor().copy(
            f"copy {into} ({names}) from stdin (format binary)".encode()
        ) as copy:
            copy.set_types(COLUMN_TYPES)
            for tick in found:
                copy.write_row(columns(tick))
        if times:
            text = REPEAT.format(columns=names, moved=moved).encode()
            connection.execute(text, {"times": times})
        connection.execute("vacuum analyze market.ticks")
        row = connection.execute("select count(*) from market.ticks").fetchone()
    assert row is not None
    return int(row[0])


def psql(program: Path, url: str) -> float:
    """Return the seconds that psql takes to throw all ticks away."""
    begun = time.perf_counter()
    subprocess.run(
        [program, "-X", url, "-c", "copy market.ticks to stdout (format binary)"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - begun


def exported(url: str, store: Store, day: date) -> tuple[float, Exported]:
    """Return the seconds that an export of a date's ticks takes, and what it came to."""
    begun = time.perf_counter()
    [done] = export(url, store, Ask(days=(day,), what=("ticks",)), AFTER)
    took = time.perf_counter() - begun
    assert done.failed == [], done.failed
    return took, done


def verified(url: str, store: Store, day: date) -> float:
    """Return the seconds that it takes to hold every row against the database's."""
    begun = time.perf_counter()
    with database.connect(url, "bench") as connection:
        assert {one.state for one in verify(connection, store, day)} == {"equal"}
    return time.perf_counter() - begun


def measure(at: Workbench, *, is_quick: bool) -> None:
    """Measure one edition and print."""
    rounds = 5 if is_quick else 3
    program = find_postgres(Home(at.settings.home), None, at.settings.pg_bin).program("psql")
    took: dict[str, list[float]] = {"psql": [], "export": [], "again": []}
    with at.database() as url, tempfile.TemporaryDirectory(prefix="thor-bench-") as folder:
        reported("making ticks")
        count = load(url, ticks(url, SIMULATED, TICKS_PER_S), 1 if is_quick else 20)
        for number in range(rounds):
            reported(f"round {number + 1} of {rounds}")
            took["psql"].append(psql(program, url))
            store = Store(f"{folder}/{number}")
            seconds, done = exported(url, store, DAY)
            assert done.ticks == count, (done.ticks, count)
            took["export"].append(seconds)
            took["again"].append(exported(url, store, DAY)[0])
            reported(", ".join(f"{name} {all_s[-1]:.2f} s" for name, all_s in took.items()))
        reported("verifying")
        took["verify"] = [verified(url, store, DAY)]
        simulated = done.bytes / count
    rows = [
        [name, f"{min(all_s):.2f}", thousands(count / min(all_s)), spread(all_s)]
        for name, all_s in took.items()
    ]
    table(["", "s", "ticks/s", "spread"], rows)
    ratio = min(took["psql"]) / min(took["export"])
    goal(f"≥ {RATIO_MIN}× psql", f"{ratio:.2f}×", ratio >= RATIO_MIN)
    real = bytes_of_tape(at) if TAPE.exists() else None
    if real is None:
        print(f"no real quotes at {TAPE}: bytes a tick are of the simulated day only")
    else:
        goal(f"≤ {BYTES_MAX:g} bytes a tick of real quotes", f"{real:.2f}", real <= BYTES_MAX)
    print(f"simulated: {simulated:.2f} bytes a tick\n")


def bytes_of_tape(at: Workbench) -> float:
    """Return the bytes a tick of the tape takes in the lake."""
    with at.database() as url, tempfile.TemporaryDirectory(prefix="thor-bench-") as folder:
        found = [tick for batch in open_tape(TAPE, as_root="ES").batches() for tick in batch]
        load(url, found, 0)
        _, done = exported(url, Store(folder), TAPE_DAY)
        # Its first tick is of the trade date before.
        assert done.ticks == len(found) - 1, (done.ticks, len(found))
        return done.bytes / done.ticks


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "", add_edition)
    for edition in editions(args.edition):
        with workbench(edition=edition) as at:
            print(f"{edition} edition", file=sys.stdout)
            machine(at.versions())
            measure(at, is_quick=args.quick)


if __name__ == "__main__":
    main()
