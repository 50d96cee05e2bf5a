"""Read the ticks of a trade date on two connections at once, in order, one snapshot.

Stage 55, lake. While the server makes the rows of one task, it makes those of the next on another
connection. The rows read ahead are bounded, however many ticks a day has.
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, Self

import msgspec
import pyarrow as pa

from thor import database
from thor.database import Connection
from thor.lake.export import reader
from thor.lake.export.blocks import Words

CONNECTIONS = 2
# Tables of some 30,000 ticks that may wait to be taken.
_AHEAD = 16
# So many ticks of all symbols have pages of some 100 MB, which stay in the server's memory.
SLICE_TICKS = 500_000
_SLICES_MAX = 288
_DONE, _STOPPED = object(), object()


class Task(msgspec.Struct, frozen=True):
    """The ticks of a symbol from one instant to before another."""

    words: Words
    ts_from: datetime
    ts_to: datetime


def tasks(
    words_of_files: list[Words], ts_from: datetime, ts_to: datetime, ticks: int
) -> list[Task]:
    """Cut a day into slices of time, and each into its symbols: one slice after the other.

    A page has ticks of all symbols. Reading symbol by symbol would fetch each page once per symbol;
    slicing by time fetches it once. `ticks` is about how many the day has in all.
    """
    count = min(_SLICES_MAX, 1 + ticks // SLICE_TICKS)
    ends = [ts_from + (ts_to - ts_from) * n / count for n in range(count + 1)]
    return [Task(words, first, last) for first, last in pairwise(ends) for words in words_of_files]


class Fetch:
    """Reads tasks; use it as a context manager, and take the tables of each task in turn."""

    def __init__(self, url: str, snapshot: str, tasks: list[Task]) -> None:
        """Take the database, the snapshot to read, and the tasks, in order."""
        self._url = url
        self._snapshot = snapshot
        self._tasks = tasks
        self._found: list[deque[Any]] = [deque() for _ in tasks]
        # The server's count of each task's ticks, once it is read.
        self.sent = [0] * len(tasks)
        # The next to be read, the one whose tables are taken, and how many tables wait.
        self._next = self._taken = self._waiting = 0
        self._turn = threading.Condition()
        self._is_over = False
        self._readers = ThreadPoolExecutor(CONNECTIONS, "fetch")
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Begin to read."""
        count = min(CONNECTIONS, len(self._tasks))
        self._running = [self._readers.submit(self._read) for _ in range(count)]
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading, finished or not."""
        self._end()
        self._readers.shutdown()

    def tables(self, number: int) -> Iterator[pa.Table]:
        """Yield the tables of a task by its number; call it for the tasks in order.

        Raises what the reading thread raised.
        """
        while (item := self._take(number)) is not _DONE:
            if item is _STOPPED:
                self._end()
                for each in self._running:
                    each.result()
            yield item

    def _read(self) -> None:
        number = self._claim()
        memory: reader.Memory = {}
        try:
            with database.connect(self._url, "export") as connection:
                database.rows(connection, "lake_settings")
                with database.snapshot(connection, self._snapshot):
                    while number is not None:
                        if not self._pass_on(connection, number, memory):
                            return
                        number = self._claim()
        finally:
            if number is not None:
                self._give(number, _STOPPED)

    def _pass_on(self, connection: Connection[Any], number: int, memory: reader.Memory) -> bool:
        task = self._tasks[number]
        count = partial(self.sent.__setitem__, number)
        found = reader.ticks(connection, task.words, task.ts_from, task.ts_to, count, memory)
        return all(self._give(number, table) for table in found) and self._give(number, _DONE)

    def _claim(self) -> int | None:
        with self._turn:
            if self._next >= len(self._tasks) or self._is_over:
                return None
            self._next += 1
            return self._next - 1

    def _give(self, number: int, item: Any) -> bool:
        with self._turn:
            # The task that is waited for may always go on: the others wait for it.
            self._turn.wait_for(
                lambda: (
                    self._is_over
                    or self._waiting < _AHEAD
                    or (number == self._taken and not self._found[number])
                )
            )
            if self._is_over:
                return False
            self._found[number].append(item)
            self._waiting += 1
            self._turn.notify_all()
            return True

    def _take(self, number: int) -> Any:
        with self._turn:
            self._taken = number
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._found[number])
            self._waiting -= 1
            item = self._found[number].popleft()
            self._turn.notify_all()
            return item

    def _end(self) -> None:
        with self._turn:
            self._is_over = True
            self._turn.notify_all()
