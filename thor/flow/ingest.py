"""Ingest ticks from the bus into the database: batch, validate, commit, acknowledge.

Stages: 25 bus → 30 ticks. Only committed entries are acknowledged, so after a crash anywhere they
are delivered again; the ingest counts and the ticks' identity absorb the repetition.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from thor import clock, database
from thor.config import Settings
from thor.domain.instrument import Listing
from thor.flow.validate import validate
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import Entry
from thor.market.ticks.batch import IngestCounts
from thor.market.ticks.writer import TickWriter
from thor.reference import instruments
from thor.runtime import Stop, resume

# An entry has 1 to 1,000 ticks: so many entries bound the memory used at once.
_ENTRIES_MAX = 256
_IDLE_MS = 1000
_LOOK_EVERY_S = 0.01
_AT_ONCE_S = 0.002
_TRIM_EVERY_S = 1.0
_FOLD_EVERY_S = 60.0
_LOST_EVERY_S = 5.0
_CLOCK_EVERY_S = 1.0
_FOLD_OLDER = timedelta(minutes=10)


class Ingestor:
    """One ingestor: a consumer of the group with a connection of its own."""

    def __init__(self, settings: Settings, bus: Bus, database_url: str, consumer: str) -> None:
        """Take the bus, the database's URL and the consumer's name, which a restart keeps."""
        self._settings = settings
        self._bus = bus
        self._url = database_url
        self._consumer = consumer
        self._skew_max = timedelta(seconds=settings.skew_max_s)
        self._total = IngestCounts()
        self._due = {"trim": 0.0, "fold": 0.0, "claim": 0.0, "lost": 0.0, "clock": 0.0}
        self._report: Callable[..., None] = lambda *_, **__: None
        self._ticks_an_entry = float(wire.ENTRY_TICKS_MAX)
        self._looked_s = clock.monotonic_s()
        self._server_clock: tuple[datetime, float]
        self._listing: Listing
        self._connection: database.Connection[Any]
        self._writer: TickWriter

    def run(self, stop: Stop, report: Callable[..., None] = lambda *_, **__: None) -> None:
        """Ingest until `stop` is set; wait for a server that is away."""
        self._report = report

        def work(has_begun: Callable[[], None]) -> None:
            with database.connect(self._url, self._consumer) as self._connection:
                self._open()
                report("taking in", consumer=self._consumer)
                has_begun()
                self._take_in(stop)

        def on_wait(reason: str, attempt: int) -> None:
            report("waiting", reason=reason, attempt=attempt)

        resume(work, stop, on_wait)

    def _open(self) -> None:
        self._listing = instruments.listing(self._connection)
        self._writer = TickWriter(self._connection, self._consumer)
        self._bus.open_group()
        self._bus.rebase(self._writer.newest_ordinal())
        # Entries that this consumer had received when it last ended come first.
        while entries := self._bus.read_own(self._consumer, _ENTRIES_MAX):
            self._commit(entries)

    def _take_in(self, stop: Stop) -> None:
        while not stop:
            self._maintain()
            entries = self._batch(stop)
            if entries:
                self._commit(entries)

    def _batch(self, stop: Stop) -> list[Entry]:
        rows_max = self._settings.ingest_rows_max
        asked_s = clock.monotonic_s()
        entries = self._bus.read(self._consumer, self._wanted(rows_max), _IDLE_MS)
        answered_s = clock.monotonic_s()
        # Entries that were there at once may have arrived at any time since the last look.
        since_s = answered_s if answered_s - asked_s > _AT_ONCE_S else self._looked_s
        flush_at = since_s + self._settings.ingest_flush_ms / 1000
        rows = sum(max(entry.n, 1) for entry in entries)
        while entries and rows < rows_max and not stop:
            left_s = flush_at - clock.monotonic_s()
            # In steps: an idle server reports the end of a blocking read up to 100 ms late.
            clock.sleep_s(max(min(left_s, _LOOK_EVERY_S), 0))
            self._looked_s = clock.monotonic_s()
            found = self._bus.read(self._consumer, self._wanted(rows_max - rows), 0)
            entries += found
            rows += sum(max(entry.n, 1) for entry in found)
            if left_s <= _LOOK_EVERY_S:
                break
        if entries:
            self._ticks_an_entry = max(rows / len(entries), 1.0)
        return entries

    def _wanted(self, rows: int) -> int:
        return min(int(rows / self._ticks_an_entry) + 1, _ENTRIES_MAX)

    def _commit(self, entries: list[Entry]) -> None:
        batch: list[Entry] = []
        rows = 0
        for entry in entries:
            if batch and rows + entry.n > self._settings.ingest_rows_max:
                self._commit_batch(batch)
                batch, rows = [], 0
            batch.append(entry)
            rows += entry.n
        self._commit_batch(batch)

    def _commit_batch(self, entries: list[Entry]) -> None:
        now = self._now()
        validated = [validate(entry, self._listing, self._skew_max, now) for entry in entries]
        if any(tick.is_relistable for entry in validated for tick in entry.rejected):
            self._listing = instruments.listing(self._connection)
            validated = [validate(entry, self._listing, self._skew_max, now) for entry in entries]
        counts = self._writer.write(validated)
        self._bus.acknowledge([entry.entry_id for entry in entries])
        self._total += counts

    def _maintain(self) -> None:
        if self._is_due("claim", self._settings.claim_idle_ms / 2000):
            while left := self._bus.claim(
                self._consumer, self._settings.claim_idle_ms, _ENTRIES_MAX
            ):
                self._commit(left)
        if self._is_due("trim", _TRIM_EVERY_S):
            self._bus.trim()
        if self._is_due("lost", _LOST_EVERY_S):
            self._count_lost()
        if self._is_due("fold", _FOLD_EVERY_S):
            self._writer.fold(clock.now() - _FOLD_OLDER, self._bus.state().base)

    def _count_lost(self) -> None:
        # The bus first: what it has acknowledged by then is booked by then.
        base, bound = self._bus.settled()
        try:
            lost = self._writer.count_lost(base, bound)
        except database.ExclusionViolation:
            return  # another ingestor counts them
        if lost:
            self._total += IngestCounts(received=lost, lost=lost)
            self._report("lost", ticks=lost, reason="deleted from the bus before they were taken")

    def _now(self) -> datetime:
        """Return the database's time, asked for every second."""
        if self._is_due("clock", _CLOCK_EVERY_S):
            (found,) = database.rows(self._connection, "database_now")
            self._server_clock = found["now"], clock.monotonic_s()
        now, asked_s = self._server_clock
        return now + timedelta(seconds=clock.monotonic_s() - asked_s)

    def _is_due(self, task: str, every_s: float) -> bool:
        now_s = clock.monotonic_s()
        if now_s < self._due[task]:
            return False
        self._due[task] = now_s + every_s
        return True
