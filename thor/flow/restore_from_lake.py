"""Restore the lake's ticks into an empty database, and prove that their bars are the same.

Stages: 55 lake → 10 reference, 30 ticks, 40 bars. One transaction a partition, so an interrupted
restore resumes. The ticks came off no bus, so no batch counts them.
"""

import io
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from thor import database
from thor.database import Connection, copy, tables
from thor.domain.sessions import trade_date
from thor.errors import Broken, NotFound, Refused
from thor.flow.copy_database import bars
from thor.lake import fingerprint, manifest, parquet
from thor.lake.export import plan, reader
from thor.lake.export.plan import Bounds
from thor.lake.manifest import Part
from thor.lake.store import Store
from thor.market.bars import refresh

# Called with the task, the amount done, and the total; 0 where it is not known.
Progress = Callable[[str, int, int], None]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A trade date: the ticks restored, those already there, the bars that are equal.

    `failed` names the parts that could not be restored, and why; the rest was restored.
    """

    trade_date: date
    ticks: int
    there: int
    bars: int
    failed: list[str]


def restore_from_lake(
    url: str, store: Store, days: list[date], on_progress: Progress = lambda *_: None
) -> list[Restored]:
    """Load trade dates of the lake where the database has no ticks of them; then their bars.

    A database without a tick gets the lake's reference data first, in place of its own. A damaged
    partition, or one of which the database has other ticks, is reported in `failed`. Raises
    `Refused` for a date whose ticks were dropped here, or while an export is under way.
    """
    with database.connect(url, "import") as connection:
        database.rows(connection, "lake_settings")
        edition = refresh.edition(connection)
        manifest.enter(store, (database.row(connection, "edition") or {})["nature"])
        if not (database.row(connection, "lock_export") or {})["is_locked"]:
            raise Refused("An export or import of this database is under way: wait for its end")
        if not (database.row(connection, "has_ticks") or {})["has_ticks"]:
            _replace_reference(connection, store, on_progress)
        one = _Import(connection, store, on_progress, marks_stale=edition == "timescale")
        return [one.run(day) for day in days]


class _Import:
    def __init__(
        self,
        connection: Connection[Any],
        store: Store,
        on_progress: Progress,
        *,
        marks_stale: bool,
    ) -> None:
        self._connection, self._store, self._on_progress = connection, store, on_progress
        self._marks_stale = marks_stale
        self._read = reader.relation(connection, "market.ticks")

    def run(self, day: date) -> Restored:
        exported = manifest.known(self._store, day)
        span = plan.bounds(self._connection, day)
        if span.is_dropped:
            raise Refused(
                f"The ticks of {day} were dropped from this database, see dropped_ranges: its bars "
                "stay as they are. Import into an empty database"
            )
        parts = list(exported.of("ticks").values())
        total = sum(part.rows for part in parts)
        failed: dict[str | None, str] = {}
        came = there = 0
        for part in parts:
            self._on_progress(f"ticks of {day}, {part.symbol}", came + there, total)
            try:
                new = self._restore_part(part, span)
            except (Broken, Refused) as error:
                failed[part.symbol] = str(error)
            else:
                came += new
                there += part.rows - new
        if self._marks_stale:
            self._on_progress(f"bars of {day}", 0, 0)
            bars.renew(self._connection)
        self._on_progress(f"comparing bars of {day}", 0, 0)
        whole = [part for part in exported.of("bars").values() if part.symbol not in failed]
        equal, different = self._compare(whole, span)
        return Restored(
            trade_date=day,
            ticks=came,
            there=there,
            bars=equal,
            failed=[*failed.values(), *different],
        )

    def _restore_part(self, part: Part, span: Bounds) -> int:
        location = self._store.locate(part.path)
        if parquet.sha256(self._store, part.path) != part.sha256:
            raise Broken(f"{location} is damaged: its SHA-256 is not the manifest's")
        with database.transaction(self._connection):
            database.rows(self._connection, "lock_ranges")
            found = self._found(part, span)
            if found == part.key:
                return 0
            if found is not None:
                raise Refused(
                    f"The database holds other ticks of {part.symbol} on that date than "
                    f"{location}: import into an empty database"
                )
            for table in parquet.tables(self._store, part.path):
                # One statement each: on the plain edition it makes their bars.
                copy.pour(
                    self._connection,
                    f"{self._read.copy_in} (format csv)",
                    _lines(table.select(list(self._read.stored))),
                )
            if self._found(part, span) != part.key:
                raise Broken(f"{location} holds other rows than its manifest says")
            if self._marks_stale:
                hours = {"ts_from": span.ts_from, "ts_to": span.ts_to}
                database.rows(self._connection, "mark_stale", hours)
            self._renew_last_values(part, span)
        return part.rows

    def _renew_last_values(self, part: Part, span: Bounds) -> None:
        day = trade_date(span.ts_from)
        values = {"symbol": part.symbol, "trade_date": day}
        found = database.row(self._connection, "last_values_of", values)
        if found is not None and found["found"] is not None:
            database.rows(self._connection, "merge_last_values", {"values": found["found"]})

    def _found(self, part: Part, span: Bounds) -> str | None:
        values = {"symbols": [part.symbol], "ts_from": span.ts_from, "ts_to": span.ts_to}
        found = database.row(self._connection, "lake_ticks", values)
        return None if found is None else str(found["key"])

    def _compare(self, parts: list[Part], span: Bounds) -> tuple[int, list[str]]:
        """Return how many bars made of ticks equal the lake's, and what differs.

        A vendor's bars are not compared: `thor bars import` loads them.
        """
        count = 0
        different = []
        for part in parts:
            width = part.path.rpartition("_")[2].removesuffix(".parquet")
            read = reader.relation(self._connection, f"market.bars_{width}")
            values = {"symbol": part.symbol, "ts_from": span.ts_from, "ts_to": span.ts_to}
            location = self._store.locate(part.path)
            try:
                wanted = _own(parquet.tables(self._store, part.path))
            except (Broken, NotFound) as error:
                different.append(str(error))
                continue
            found = _own(reader.tables(self._connection, read, **values))
            if wanted == found:
                count += found[0]
            else:
                different.append(
                    f"{location} has {wanted[0]} bars of ticks with checksum "
                    f"{fingerprint.text(wanted[1])}, the database {found[0]} with "
                    f"{fingerprint.text(found[1])}: the ticks came back, the bars differ"
                )
        return count, different


def _own(parts: Iterator[pa.Table]) -> tuple[int, int]:
    rows = total = 0
    for part in parts:
        own = part.filter(pc.invert(part.column("is_imported")))
        rows += own.num_rows
        total = (total + fingerprint.of(own)) % 2**64
    return rows, total


def _lines(table: pa.Table) -> Iterator[bytes]:
    for batch in table.to_batches(max_chunksize=1 << 15):
        text = io.BytesIO()
        csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
        yield text.getvalue()


def _replace_reference(connection: Connection[Any], store: Store, on_progress: Progress) -> None:
    exported = manifest.read(store, None)
    if exported is None:
        return
    paths = {part.path: part for part in exported.parts}
    found = [
        table
        for group in tables.groups(tables.found(connection, ()))
        for table in group
        if table.name.startswith("reference.") and manifest.reference_path(table.name) in paths
    ]
    with database.transaction(connection):
        for table in reversed(found):
            database.answers(connection, table.silence)
            database.answers(connection, table.clear)
        for table in found:
            on_progress(table.name, 0, 0)
            part = paths[manifest.reference_path(table.name)]
            if parquet.sha256(store, part.path) != part.sha256:
                raise Broken(f"{store.locate(part.path)} is damaged: its SHA-256 is not as noted")
            read = reader.relation(connection, table.name)
            with connection.cursor() as cursor, cursor.copy(read.copy_in.encode()) as written:
                for rows in parquet.tables(store, part.path):
                    for row in rows.select(list(read.stored)).to_pylist():
                        written.write_row(list(row.values()))
        for table in found:
            database.answers(connection, table.unsilence)
