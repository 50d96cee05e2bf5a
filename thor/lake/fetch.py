"""Read the ticks of a trade date on two connections at once, in order, one snapshot.

Room 55, lake. While the server makes the rows of one stretch, it makes those of the next
on another connection; what is read ahead is bounded, however many ticks a day has.
"""

import queue
import threading
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
from thor.lake import reader
from thor.lake.blocks import Words

CONNECTIONS = 2
# Tables of some 30,000 ticks that a connection may be ahead.
_AHEAD = 8
_STRETCH_TICKS = 200_000
_STRETCHES_MAX = 96
_LOOK_S = 0.2
_DONE, _STOPPED = object(), object()


class Task(msgspec.Struct, frozen=True):
    """The ticks of a symbol from one instant to before another."""

    words: Words
    ts_from: datetime
    ts_to: datetime


def stretches(words: Words, ts_from: datetime, ts_to: datetime, ticks: int) -> list[Task]:
    """Cut a symbol's day into stretches, more of them for more ticks, in order."""
    count = min(_STRETCHES_MAX, 1 + ticks // _STRETCH_TICKS)
    ends = [ts_from + (ts_to - ts_from) * n / count for n in range(count + 1)]
    return [Task(words, first, last) for first, last in pairwise(ends)]


class Fetch:
    """The reading of tasks; use it as a context, and take the tables of each task in turn."""

    def __init__(self, url: str, snapshot: str, tasks: list[Task]) -> None:
        """Name the database, the snapshot that it shows, and what is to be read, in order."""
        self._url = url
        self._snapshot = snapshot
        self._tasks = tasks
        self._queues: list[queue.Queue[Any]] = [queue.Queue(_AHEAD) for _ in tasks]
        # How many ticks the server says each task had, once it is read.
        self.sent = [0] * len(tasks)
        self._next = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._readers = ThreadPoolExecutor(CONNECTIONS, "fetch")
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Begin to read."""
        count = min(CONNECTIONS, len(self._tasks))
        self._running = [self._readers.submit(self._read) for _ in range(count)]
        return self

    def __exit__(self, *_: object) -> None:
        """End, whatever is left to be read."""
        self._over.set()
        self._readers.shutdown()

    def tables(self, number: int) -> Iterator[pa.Table]:
        """Yield the tables of a task by its number; call it for one task after the other.

        Raises what its reading raised.
        """
        while (item := self._queues[number].get()) is not _DONE:
            if item is _STOPPED:
                self._over.set()
                for each in self._running:
                    each.result()
            yield item

    def _read(self) -> None:
        number = self._claim()
        try:
            with database.connect(self._url, "export") as connection:
                database.rows(connection, "lake_settings")
                with database.snapshot(connection, self._snapshot):
                    while number is not None:
                        if not self._pass_on(connection, number):
                            return
                        number = self._claim()
        finally:
            if number is not None:
                self._give(number, _STOPPED)

    def _pass_on(self, connection: Connection[Any], number: int) -> bool:
        task = self._tasks[number]
        count = partial(self.sent.__setitem__, number)
        for table in reader.ticks(connection, task.words, task.ts_from, task.ts_to, count):
            if not self._give(number, table):
                return False
        return self._give(number, _DONE)

    def _claim(self) -> int | None:
        with self._lock:
            if self._next >= len(self._tasks) or self._over.is_set():
                return None
            self._next += 1
            return self._next - 1

    def _give(self, number: int, item: Any) -> bool:
        while not self._over.is_set():
            try:
                self._queues[number].put(item, timeout=_LOOK_S)
                return True
            except queue.Full:
                continue
        return False
