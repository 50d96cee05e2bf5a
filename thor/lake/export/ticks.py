"""Write the files of a trade date's ticks in parallel, one slice of time after the other.

Stage 55, lake. Takes the tables of thor/lake/export/fetch.py; gives files, each in the order of
(ts, seq, source), and yields each as soon as it is complete.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date

import msgspec

from thor.errors import Broken
from thor.lake import parquet
from thor.lake.export import fetch, plan
from thor.lake.export.blocks import Words
from thor.lake.export.fetch import Fetch
from thor.lake.export.plan import Bounds, Wanted
from thor.lake.store import Store

# Rows that may wait for their groups to be written, of all files together: some 300 MB.
PENDING_ROWS = 1 << 21
# Files of more ticks than that are not written together: an interruption loses no more of them.
TOGETHER_TICKS = 20_000_000


class Source(msgspec.Struct, frozen=True):
    """A trade date of about so many ticks, of all symbols, in a snapshot of a database."""

    url: str
    snapshot: str
    day: date
    span: Bounds
    ticks: int


class Done(msgspec.Struct, frozen=True):
    """A complete file: the server's count of its ticks, and their key."""

    one: Wanted
    written: parquet.Written
    sent: int
    key: str


def write(
    store: Store, source: Source, due: list[Wanted], on_rows: Callable[[int], None]
) -> Generator[Done, None, None]:
    """Write files of ticks, and yield each when it is complete.

    `on_rows` is called with the number of ticks as they are written. Files are written together:
    after an interruption, files not yet yielded, of up to `TOGETHER_TICKS` ticks, are begun again,
    and nothing is left of them. Raises `Broken` where fewer ticks arrive than the server counted.
    """
    with ThreadPoolExecutor(1, "sum") as summing:
        for some in together(due, source.ticks):
            with ExitStack() as opened:
                files = [opened.enter_context(_File(store, one, summing, on_rows)) for one in some]
                yield from _written(source, files)


class _File(parquet.File):
    """A file of ticks with the key of what went in."""

    def __init__(
        self, store: Store, one: Wanted, summing: Executor, on_rows: Callable[[int], None]
    ) -> None:
        super().__init__(store, one.path, summing, on_rows)
        self.one = one
        self.key = plan.Key()
        self.sent = 0

    def done(self) -> Done:
        written = self.finish() if self.rows == self.sent else None
        if written is None:
            raise Broken(f"{self.one.path}: the database sent {self.sent} ticks, and not all came")
        return Done(self.one, written, self.sent, self.key.text())


def _written(source: Source, files: list[_File]) -> Iterator[Done]:
    words_of_files = [Words(file.one.symbol or "", source.day, (), ()) for file in files]
    tasks = fetch.tasks(words_of_files, source.span.ts_from, source.span.ts_to, source.ticks)
    with Fetch(source.url, source.snapshot, tasks) as read:
        for number in range(len(tasks)):
            file = files[number % len(files)]
            for table in read.tables(number):
                file.key.note(table)
                file.add(table)
                bound(files)
            file.sent += read.sent[number]
            if number >= len(tasks) - len(files):
                yield file.done()


def bound(files: Sequence[parquet.File]) -> None:
    """Flush the file with the most waiting rows, where too many wait in all."""
    if sum(file.pending for file in files) > PENDING_ROWS:
        max(files, key=lambda file: file.pending).flush()


def together(due: list[Wanted], ticks: int) -> Iterator[list[Wanted]]:
    """Yield the files in lots to be written together: of a bounded number of ticks, or one file."""
    known = sum(one.records for one in due)
    # Without counts, all are taken as equally large.
    weights = [one.records if known else ticks / len(due) for one in due]
    lots: list[list[Wanted]] = []
    some: list[Wanted] = []
    total = 0.0
    for one, weight in zip(due, weights, strict=True):
        if some and total + weight > TOGETHER_TICKS:
            lots.append(some)
            some, total = [], 0.0
        some.append(one)
        total += weight
    yield from [*lots, some]
