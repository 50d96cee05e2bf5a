"""Write a batch of ticks and its ingest counts into the database, in one transaction.

Stage 30, ticks. Takes validated entries; gives market.ticks, market.rejected_ticks,
market.ingest_batches, market.source_clocks, last values, marks, and on the timescale edition the
ranges whose bars are to be refreshed. The same batch may be written any number of times.
"""

from datetime import date, datetime
from typing import Any

import msgspec

from thor import database
from thor.database import Connection, edition
from thor.domain.mark import Mark
from thor.domain.tick import RejectedTick, Tick
from thor.errors import Unavailable
from thor.market.ticks.batch import (
    COLUMN_TYPES,
    HEARD_PAUSE,
    EntryTicks,
    IngestCounts,
    clocks,
    columns,
    distinct,
    heard,
    in_order,
    spans,
    stretches,
)
from thor.market.ticks.last_values import last_values

_RACES_MAX = 5
# A batch whose instants lie years apart is looked up in so many parts.
_PARTS_MAX = 16
_FOLDED = ("ordinals", "received", "inserted", "duplicate", "rejected", "lost")


class TickWriter:
    """Writes ticks on one connection, which nothing else may use."""

    def __init__(self, connection: Connection[Any], consumer: str) -> None:
        """Take a connection in autocommit and the ingestor's name for its batches."""
        self._connection = connection
        self._consumer = consumer
        # After a collision more are likely (a replay): stage first until a batch has none.
        self._stages_first = False
        # The plain edition's bars are never behind its ticks.
        made = edition.found(connection)
        self._is_timescale = made is not None and made.is_timescale

    def write(self, entries: list[EntryTicks]) -> IngestCounts:
        """Commit the entries that the database does not have yet, and their counts.

        Raises `Unavailable` where the server is away; nothing is written then. A tick that the
        database refuses is kept in rejected_ticks with the database's message.
        """
        try:
            return self._write_new(entries)
        except (database.DataError, database.IntegrityError, UnicodeError):
            if len(entries) == 1:
                return self._write_new([self._sieved(entries[0])])
            half = len(entries) // 2
            return self.write(entries[:half]) + self.write(entries[half:])

    def _write_new(self, entries: list[EntryTicks]) -> IngestCounts:
        entries = distinct(entries)
        for _ in range(_RACES_MAX):
            try:
                return self._write_once(entries)
            except database.ExclusionViolation:
                # Committed before, or being written by another ingestor now.
                entries = self._uncovered(entries)
                if not entries:
                    return IngestCounts()
            except database.UniqueViolation:
                self._stages_first = True
            except Unavailable as error:
                # Writers that stage in parts can wait for each other's bars: one begins anew.
                if not isinstance(error.__cause__, database.DeadlockDetected):
                    raise
        return self._write_once(entries)

    def _sieved(self, entry: EntryTicks) -> EntryTicks:
        good: list[Tick] = []
        rejected = list(entry.rejected)
        for tick in entry.ticks:
            try:
                with database.translated(), self._connection.transaction(force_rollback=True):
                    self._copy([tick])
            except database.UniqueViolation:
                good.append(tick)
            except (database.DataError, database.IntegrityError, UnicodeError) as error:
                rejected.append(_refused(tick, "tick", str(error).splitlines()[0], entry.entry_id))
            else:
                good.append(tick)
        return EntryTicks(entry.entry_id, entry.first, entry.n, good, rejected)

    def _write_once(self, entries: list[EntryTicks]) -> IngestCounts:
        ticks = in_order(entries)
        instants = [tick.ts for tick in ticks]
        rejected = [tick for entry in entries for tick in entry.rejected]
        received = sum(entry.n for entry in entries)
        with database.transaction(self._connection):
            ticks, dropped = self._kept(ticks, instants)
            rejected += [
                _refused(tick, "ts", reason, _entry_id(tick, entries)) for tick, reason in dropped
            ]
            if dropped:
                instants = [tick.ts for tick in ticks]
            if self._stages_first:
                inserted, conflicting = self._merge(ticks)
                refused = {id(tick) for tick in conflicting}
                ticks = [tick for tick in ticks if id(tick) not in refused]
                rejected += [_conflict(tick, _entry_id(tick, entries)) for tick in conflicting]
            else:
                inserted = self._copy(ticks)
            counted = self._insert_rejected(rejected)
            self._insert_clocks(entries)
            self._insert_stale(instants if inserted else [])
            counts = IngestCounts(received, inserted, received - inserted - counted, counted)
            self._insert_batch(entries, counts)
            self._merge_quotes(entries, ticks)
        if self._stages_first and inserted == len(ticks):
            self._stages_first = False
        return counts

    def _kept(
        self, ticks: list[Tick], instants: list[datetime]
    ) -> tuple[list[Tick], list[tuple[Tick, str]]]:
        """Return the ticks that may go in, and those whose range was dropped, with the reason."""
        if not ticks:
            return ticks, []
        # The lock lasts until the commit: nothing is dropped between the check and the insert.
        database.execute(self._connection, "lock_ranges")
        span = {"first": min(instants), "last": max(instants)}
        found = database.rows(self._connection, "dropped_ranges", span)
        if not found:
            return ticks, []
        kept, dropped = [], []
        for tick in ticks:
            hit = next((row for row in found if row["ts_from"] <= tick.ts < row["ts_to"]), None)
            if hit is None:
                kept.append(tick)
            else:
                reason = f"the ticks of {hit['trade_date']} were dropped: {hit['evidence']}"
                dropped.append((tick, reason))
        return kept, dropped

    def _copy(self, ticks: list[Tick]) -> int:
        if not ticks:
            return 0
        with database.copy_into(self._connection, "copy_ticks", COLUMN_TYPES) as copy:
            for tick in ticks:
                copy.write_row(columns(tick))
        return len(ticks)

    def _merge(self, ticks: list[Tick]) -> tuple[int, list[Tick]]:
        if not ticks:
            return 0, []
        database.execute(self._connection, "create_stage")
        with database.copy_into(self._connection, "copy_stage", COLUMN_TYPES) as copy:
            for tick in ticks:
                copy.write_row(columns(tick))
        symbols = sorted({tick.symbol for tick in ticks})
        parts = [
            {"first": first, "last": last, "symbols": symbols}
            for first, last in stretches([tick.ts for tick in ticks], _PARTS_MAX)
        ]
        inserted = sum(
            database.execute(self._connection, "merge_stage", part).rowcount for part in parts
        )
        if inserted == len(ticks):
            return inserted, []
        if self._is_timescale:
            database.execute(self._connection, "avoid_nested_loops")
            found = [
                row
                for part in parts
                for row in database.execute(self._connection, "conflicting_stage", part).fetchall()
            ]
            database.execute(self._connection, "allow_nested_loops")
        else:
            found = database.execute(self._connection, "conflicting_rows").fetchall()
        return inserted, [ticks[index - 1] for (index,) in found]

    def _insert_rejected(self, rejected: list[RejectedTick]) -> int:
        """Keep refused ticks, and return how many are counted as such.

        A tape's tick that was refused before, for the same reason, stands there already.
        """
        counted = 0
        for is_counted in (True, False):
            rows = [
                msgspec.structs.asdict(one) for one in rejected if bool(one.ticks) == is_counted
            ]
            if not rows:
                continue
            known = len(rows) - database.execute_many(self._connection, "insert_rejected", rows)
            counted += sum(row["ticks"] for row in rows) - (known if is_counted else 0)
        return counted

    def _insert_clocks(self, entries: list[EntryTicks]) -> None:
        # In one order, since two writers with the same sources would otherwise deadlock.
        for source, ts in sorted(clocks(entries).items()):
            values = {"source": source, "ts": ts}
            database.execute(self._connection, "upsert_clock", values)

    def _merge_quotes(self, entries: list[EntryTicks], ticks: list[Tick]) -> None:
        # Last in the transaction: other writers wait for these rows.
        if ticks:
            own = database.one(self._connection, "own_date_symbols")["symbols"]
            merge_last_values(self._connection, last_values(ticks, own))
        if found := heard(entries):
            symbols, sources = zip(*found, strict=True)
            since, last = zip(*found.values(), strict=True)
            values = {
                "symbols": list(symbols),
                "sources": list(sources),
                "since": list(since),
                "last": list(last),
                "pause": HEARD_PAUSE,
            }
            database.execute(self._connection, "merge_heard", values)
        marks = [(mark, entry.marks_source) for entry in entries for mark in entry.marks]
        for mark, source in sorted(marks, key=_mark_order):
            values = {**msgspec.structs.asdict(mark), "source": source}
            database.execute(self._connection, "merge_mark", values)

    def _insert_stale(self, instants: list[datetime]) -> None:
        if instants and self._is_timescale:
            firsts, lasts = zip(*stretches(instants), strict=True)
            values = {"firsts": list(firsts), "lasts": list(lasts)}
            database.execute(self._connection, "insert_stale", values)

    def _insert_batch(self, entries: list[EntryTicks], counts: IngestCounts) -> None:
        ordinals = spans(entries)
        if ordinals:
            values = msgspec.structs.asdict(counts)
            database.execute(
                self._connection,
                "insert_batch",
                {**values, "ordinals": database.multirange(ordinals), "consumer": self._consumer},
            )

    def _uncovered(self, entries: list[EntryTicks]) -> list[EntryTicks]:
        wanted = database.multirange(spans(entries))
        found = database.rows(self._connection, "covered_ordinals", {"wanted": wanted})
        covered = [part for row in found for part in row["ordinals"]]
        return [
            entry
            for entry in entries
            if not entry.n or not any(part.lower <= entry.first < part.upper for part in covered)
        ]

    def count_lost(self, base: int, bound: int) -> int:
        """Count the ordinals from `base` to `bound` that no batch covers as lost; returns how many.

        The bus has nothing below `bound` that is still to be taken.
        """
        if bound <= base:
            return 0
        span = {"base": base, "bound": bound}
        with database.transaction(self._connection):
            found = database.row(self._connection, "lost_ordinals", span) or {}
            lost = int(found["ticks"])
            if lost:
                values = msgspec.structs.asdict(IngestCounts(received=lost, lost=lost))
                self._connection.execute(
                    database.statement("insert_batch").encode(),
                    {**values, "ordinals": found["ordinals"], "consumer": self._consumer},
                )
        return lost

    def newest_ordinal(self) -> int:
        """Return the ordinal after the newest that any batch covers, or 0."""
        found = database.row(self._connection, "newest_ordinal")
        return int(found["ordinal"]) if found else 0

    def fold(self, before: datetime, base: int) -> int:
        """Fold the batches committed before a moment into one; returns how many there were.

        Batches below `base`, the first ordinal of this life of the bus, stay separate.
        """
        with database.transaction(self._connection):
            values = {"before": before, "base": base}
            folded = database.rows(self._connection, "fold_batches", values)
            for row in folded:
                values = {name: row[name] for name in _FOLDED}
                database.execute(self._connection, "insert_batch", {**values, "consumer": None})
            return sum(int(row["batches"]) for row in folded)


def merge_last_values(connection: Connection[Any], rows: list[dict[str, Any]]) -> None:
    """Merge rows as `last_values` gives them into market.last_values."""
    values = {"values": msgspec.json.encode(rows).decode()}
    database.execute(connection, "merge_last_values", values)


def _mark_order(said: tuple[Mark, str]) -> tuple[str, date, str, datetime]:
    mark, source = said
    return mark.symbol, mark.trade_date, source, mark.received_at


def _entry_id(tick: Tick, entries: list[EntryTicks]) -> str:
    return next(e.entry_id for e in entries if any(one is tick for one in e.ticks))


def _conflict(tick: Tick, entry_id: str) -> RejectedTick:
    key = f"{tick.ts.isoformat()}, {tick.symbol}, {tick.seq}, {tick.source}"
    return _refused(tick, "seq", f"({key}) is stored with other values", entry_id)


def _refused(tick: Tick, field: str, reason: str, entry_id: str) -> RejectedTick:
    return RejectedTick(
        field=field,
        value=str(getattr(tick, field, "")),
        reason=reason,
        payload=msgspec.json.encode(tick).decode(),
        entry_id=entry_id,
        symbol=tick.symbol,
        ts=tick.ts,
        seq=tick.seq,
        source=tick.source,
    )
