"""Write ticks for tests of bars: side by side, with policies and refreshes meanwhile."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import bars_oracle
import psycopg
from ticks_made import settings, value

from thor.domain.bar import STORED_WIDTHS
from thor.domain.tick import Tick
from thor.market.bars import refresh
from thor.market.collect.files.tape import Tape
from thor.market.ticks.batch import EntryTicks
from thor.market.ticks.writer import TickWriter
from thor.runtime import Stop, persist

Link = psycopg.Connection[Any]
Batch = list[EntryTicks]

ENTRY_TICKS = 1000
# No writer waits so long for a lock that a refresh or a conversion holds.
_LOCK_TIMEOUT = "set lock_timeout = '10s'"


class Stream:
    """Ticks in entries that are numbered through, and everything that was ever put into one."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self._next = 0

    def entry(self, ticks: Sequence[Tick]) -> EntryTicks:
        """Return the next entry."""
        first, self._next = self._next, self._next + len(ticks)
        self.ticks += ticks
        return EntryTicks(f"{first}-0", first, len(ticks), list(ticks), [])

    def wrong(self, link: Link) -> list[str]:
        """Return where the bars are not those of all these ticks, at every width."""
        return bars_oracle.differences(link, bars_oracle.of_ticks(self.ticks))


def write(url: str, batches: Iterable[Batch], begin: threading.Barrier | None = None) -> None:
    """Write batches through a writer of their own; a deadlock or a queue for a lock raises."""
    with psycopg.connect(url, autocommit=True) as own:
        own.execute(_LOCK_TIMEOUT.encode())
        store = TickWriter(own, "ingest")
        if begin is not None:
            begin.wait(60)
        for batch in batches:
            store.write(batch)


def write_tape(link: Link, tape: Tape) -> None:
    """Write a tape as an ingestor does, in entries and batches of the sizes it makes."""
    store = TickWriter(link, "ingest-1")
    entries: list[EntryTicks] = []
    ordinal = store.newest_ordinal()
    for ticks in tape.batches(ENTRY_TICKS):
        entries.append(EntryTicks(f"{ordinal}-0", ordinal, len(ticks), ticks, []))
        ordinal += len(ticks)
        if sum(entry.n for entry in entries) >= settings().ingest_rows_max:
            store.write(entries)
            entries = []
    store.write(entries)


def side_by_side(url: str, *writers: list[Batch]) -> None:
    """Let each writer write its batches, all beginning at once."""
    begin = threading.Barrier(len(writers))
    with ThreadPoolExecutor(len(writers)) as pool:
        for done in [pool.submit(write, url, batches, begin) for batches in writers]:
            done.result()


@contextmanager
def meanwhile(*works: Callable[[], None]) -> Iterator[None]:
    """Do each of the works over and over while the block runs; raises what one raised."""
    over = threading.Event()

    def repeat(work: Callable[[], None]) -> None:
        while not over.is_set():
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        running: list[Future[None]] = [pool.submit(repeat, work) for work in works]
        try:
            yield
        finally:
            over.set()
        for done in running:
            done.result()


def caught_up(link: Link) -> None:
    """Refresh stale bars; waits for another refresh, as the job does."""
    persist(lambda: refresh.catch_up(link), Stop())


def job(link: Link, view: str, kind: str) -> int:
    """Return the number of the policy of a continuous aggregate, or of the ticks."""
    found: int = value(
        link,
        "select j.job_id from timescaledb_information.jobs as j"
        " left join timescaledb_information.continuous_aggregates as c"
        " on c.materialization_hypertable_name = j.hypertable_name"
        " where coalesce(c.view_name, j.hypertable_name) = %s and j.proc_name = %s",
        view,
        {"refresh": "policy_refresh_continuous_aggregate", "compression": "convert_chunks"}[kind],
    )
    return found


def run_policies(link: Link, kind: str = "refresh", views: Iterable[str] = ()) -> None:
    """Run the policies of that kind for real, from the finest width to the widest."""
    for view in views or [f"_bars_{width}" for width in STORED_WIDTHS]:
        link.execute(f"call run_job({job(link, view, kind)})".encode())


def in_columns(link: Link, hypertable: str = "ticks") -> int:
    """Return how many chunks of a hypertable are in columns."""
    found: int = value(
        link,
        "select count(*) from timescaledb_information.chunks"
        " where hypertable_name = %s and is_compressed",
        hypertable,
    )
    return found


def stored_in(link: Link, view: str) -> str:
    """Return the hypertable behind a continuous aggregate."""
    found: str = value(
        link,
        "select materialization_hypertable_name::text"
        " from timescaledb_information.continuous_aggregates where view_name = %s",
        view,
    )
    return found
