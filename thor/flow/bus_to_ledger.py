"""Walk ticks from the bus into the ledger: batch, judge, commit, acknowledge.

Hallway: 25 bus → 30 ticks. Acknowledges only what is committed, so a crash
anywhere delivers again, and the account and the ticks' identity absorb it.
"""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from thor import clock, database, reference
from thor.config import Settings
from thor.domain.instrument import Listing
from thor.errors import Unavailable
from thor.flow.backoff import FIRST_S, LONGEST_S, Stop
from thor.flow.judge import RELISTABLE, judge
from thor.market import wire
from thor.market.bus import Bus
from thor.market.ingest import Ledger
from thor.market.reply import Entry
from thor.market.ticks import Account

# An entry holds 1 to 1,000 ticks: this many bound what is in memory at once.
_ENTRIES_MAX = 256
_TRIM_EVERY_S = 1.0
_REPORT_EVERY_S = 1.0
_FOLD_EVERY_S = 60.0
_FOLD_OLDER = timedelta(minutes=10)


class Intake:
    """One ingestor: a consumer of the group with a connection of its own."""

    def __init__(self, settings: Settings, bus: Bus, database_url: str, consumer: str) -> None:
        """Take the bus, the ledger's URL and the consumer's name, which a restart keeps."""
        self._settings = settings
        self._bus = bus
        self._url = database_url
        self._consumer = consumer
        self._skew_max = timedelta(seconds=settings.skew_max_s)
        self._total = Account()
        self._due = {"trim": 0.0, "report": 0.0, "fold": 0.0, "claim": 0.0}
        self._ticks_an_entry = float(wire.ENTRY_TICKS_MAX)
        self._listing: Listing
        self._connection: database.Connection[Any]
        self._ledger: Ledger

    def run(self, stop: Stop, say: Callable[..., None] = lambda *_, **__: None) -> None:
        """Take in until told to stop; a server that is away is waited for."""
        delay_s, attempt = FIRST_S, 0
        while not stop:
            try:
                with database.connect(self._url, self._consumer) as self._connection:
                    self._open()
                    say("taking in", consumer=self._consumer)
                    delay_s, attempt = FIRST_S, 0
                    self._take_in(stop)
            except Unavailable as error:
                attempt += 1
                say("waiting", reason=str(error), attempt=attempt)
                self._report_quietly("waiting", str(error), attempt)
                stop.wait(delay_s)
                delay_s = min(delay_s * 2, LONGEST_S)

    def _open(self) -> None:
        self._listing = reference.listing(self._connection)
        self._ledger = Ledger(self._connection, self._consumer)
        self._bus.open_group()
        self._bus.rebase(self._ledger.newest_ordinal())
        # What this consumer had taken when it last went down comes first.
        while entries := self._bus.read_own(self._consumer, _ENTRIES_MAX):
            self._commit(entries)

    def _take_in(self, stop: Stop) -> None:
        while not stop:
            self._housekeep()
            entries = self._batch(stop)
            if entries:
                self._commit(entries)

    def _batch(self, stop: Stop) -> list[Entry]:
        rows_max, flush_s = self._settings.ingest_rows_max, self._settings.ingest_flush_ms / 1000
        entries: list[Entry] = []
        rows, left_s = 0, 1.0
        flush_at = 0.0
        while rows < rows_max and left_s > 0 and not stop:
            wanted = int((rows_max - rows) / self._ticks_an_entry) + 1
            found = self._bus.read(
                self._consumer, min(wanted, _ENTRIES_MAX), max(int(left_s * 1000), 1)
            )
            if not entries:
                if not found:
                    break
                flush_at = clock.monotonic_s() + flush_s
            entries += found
            rows += sum(max(entry.n, 1) for entry in found)
            left_s = flush_at - clock.monotonic_s()
        if entries:
            self._ticks_an_entry = max(rows / len(entries), 1.0)
        return entries

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
        judged = [judge(entry, self._listing, self._skew_max) for entry in entries]
        if any(tick.field in RELISTABLE for entry in judged for tick in entry.rejected):
            self._listing = reference.listing(self._connection)
            judged = [judge(entry, self._listing, self._skew_max) for entry in entries]
        account = self._ledger.write(judged)
        self._bus.acknowledge([entry.entry_id for entry in entries])
        self._total += account

    def _housekeep(self) -> None:
        if self._is_due("claim", self._settings.claim_idle_ms / 2000):
            while left := self._bus.claim(
                self._consumer, self._settings.claim_idle_ms, _ENTRIES_MAX
            ):
                self._commit(left)
        if self._is_due("trim", _TRIM_EVERY_S):
            self._bus.trim()
        if self._is_due("fold", _FOLD_EVERY_S):
            self._ledger.fold(clock.now() - _FOLD_OLDER, self._bus.state().base)
        if self._is_due("report", _REPORT_EVERY_S):
            self._report("running")

    def _is_due(self, task: str, every_s: float) -> bool:
        now_s = clock.monotonic_s()
        if now_s < self._due[task]:
            return False
        self._due[task] = now_s + every_s
        return True

    def _report(self, state: str, reason: str = "", attempt: int = 0) -> None:
        fields = msgspec.structs.asdict(self._total)
        at = clock.now().isoformat()
        self._bus.report(
            self._consumer,
            {"state": state, "reason": reason, "attempt": attempt, "at": at, **fields},
        )

    def _report_quietly(self, state: str, reason: str, attempt: int) -> None:
        # Where the bus itself is away nobody can be told through it.
        with contextlib.suppress(Unavailable):
            self._report(state, reason, attempt)
