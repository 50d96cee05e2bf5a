"""Restore the lake's ticks, a vendor's bars and what models were shown; prove that bars are equal.

Stages: 55 lake → 10 reference, 30 ticks, 40 bars, 60 store. One transaction a partition, so an
interrupted restore resumes. The ticks came off no bus, so no batch counts them.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow import csv

from thor import database
from thor.database import Connection, copy, edition, tables
from thor.domain.bar import CLOSE_DELAY, WIDTHS, ImportedBar
from thor.domain.sessions import own_date, trade_date
from thor.errors import Broken, NotFound, Refused
from thor.flow.copy_database import bars
from thor.lake import fingerprint, manifest, parquet
from thor.lake.export import plan, reader
from thor.lake.export.plan import Bounds
from thor.lake.manifest import Part
from thor.lake.store import Store
from thor.market.bars.imported import BarFile, BarImport
from thor.market.collect.simulator.market import SOURCE

_BAR_FIELDS = (
    "symbol", "bar_start", "open", "high", "low", "close", "volume", "volume_buy", "volume_sell",
    "trades",
)  # fmt: skip
_SHOWN_COLUMNS = (
    "set_hash", "symbol", "bar_start", "version", "changed_at", "values", "written_at",
)  # fmt: skip
# Called with the task, the amount done, and the total; 0 where it is not known.
Progress = Callable[[str, int, int], None]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A trade date: the ticks restored, those already there, the bars that are equal.

    `imported` counts the vendor's bars that were restored, `shown` the rows that models were shown.
    `failed` names the parts that could not be restored, and why; the rest was restored.
    """

    trade_date: date
    ticks: int
    there: int
    imported: int
    shown: int
    bars: int
    failed: list[str]


def restore_from_lake(
    url: str, store: Store, days: list[date], on_progress: Progress = lambda *_: None
) -> list[Restored]:
    """Load trade dates of the lake where the database has no ticks of them, and their bars.

    A database without a tick gets the lake's reference data first, in place of its own. A damaged
    partition, or one of which the database has other ticks, is reported in `failed`. Raises
    `Refused` for a date whose ticks were dropped here, or while an export is under way.
    """
    with database.connect(url, "import") as connection:
        database.rows(connection, "lake_settings")
        made = edition.read(connection)
        manifest.enter(store, made.nature)
        if not database.one(connection, "lock_export")["is_locked"]:
            raise Refused("An export or import of this database is under way: wait for its end")
        if not database.one(connection, "has_ticks")["has_ticks"]:
            _replace_reference(connection, store, on_progress)
        _restore_sets(connection, store)
        one = _Import(
            connection,
            store,
            on_progress,
            marks_stale=made.is_timescale,
            is_simulated=made.nature == "simulated",
        )
        return [one.run(day) for day in days]


class _Import:
    def __init__(
        self,
        connection: Connection[Any],
        store: Store,
        on_progress: Progress,
        *,
        marks_stale: bool,
        is_simulated: bool,
    ) -> None:
        self._connection, self._store, self._on_progress = connection, store, on_progress
        self._marks_stale, self._is_simulated = marks_stale, is_simulated
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
        imported, refused = self._restore_bars(day, exported.of("bars").values())
        shown, unknown = self._restore_shown(day, exported.shown())
        self._on_progress(f"comparing bars of {day}", 0, 0)
        whole = [part for part in exported.of("bars").values() if part.symbol not in failed]
        equal, different = self._compare(whole, span)
        return Restored(
            trade_date=day,
            ticks=came,
            there=there,
            imported=imported,
            shown=shown,
            bars=equal,
            failed=[*failed.values(), *refused, *unknown, *different],
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

    def _restore_bars(self, day: date, parts: Iterable[Part]) -> tuple[int, list[str]]:
        """Import the bars that a vendor made, the finest first, a transaction a width.

        The wider ones that these make are not the lake's own: they stand already, and can
        give way to a file that has them.
        """
        count, failed = 0, []
        for width in WIDTHS:
            of_width = [part for part in parts if _width(part) == width]
            self._on_progress(f"imported bars of {day}, {width}", 0, 0)
            try:
                count += self._restore_width(day, width, of_width)
            except (Broken, NotFound, Refused) as error:
                failed.append(str(error))
        return count, failed

    def _restore_width(self, day: date, width: str, parts: list[Part]) -> int:
        found = [
            ImportedBar(
                width=width,
                ends_at=None if row["known_at"] == known else row["known_at"] - CLOSE_DELAY,
                imported_at=row["changed_at"],
                **{name: row[name] for name in _BAR_FIELDS},
            )
            for part in parts
            for table in parquet.tables(self._store, part.path)
            for row in table.filter(table.column("is_imported")).to_pylist()
            for known in [row["bar_end"] + CLOSE_DELAY]
        ]
        if not found:
            return 0
        name = f"lake, bars_{width} of {day}"
        content = "".join([name, *sorted(part.sha256 for part in parts)])
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        file = BarFile(
            file=f"BARS:{sha256[:8]}",
            sha256=sha256,
            file_name=name,
            format="simulated" if self._is_simulated else "lake",
            # So that a simulated database is not given its past again.
            vendor=SOURCE if self._is_simulated else None,
            records=len(found),
        )
        with database.transaction(self._connection):
            bar_import = BarImport(self._connection, file)
            bar_import.known()
            bar_import.open_stage()
            bar_import.stage(enumerate(found, 1))
            if not bar_import.remove_standing():
                return 0
            return bar_import.take(replace=False, makes_wider=not self._is_simulated)

    def _restore_shown(self, day: date, parts: Iterable[Part]) -> tuple[int, list[str]]:
        """Add the rows that models were shown; rows that are here stay as they are."""
        count, failed = 0, []
        for part in parts:
            self._on_progress(f"rows shown to models of {day}, {part.symbol}", count, 0)
            try:
                count += self._restore_rows(part)
            except (Broken, NotFound, Refused) as error:
                failed.append(str(error))
        return count, failed

    def _restore_rows(self, part: Part) -> int:
        location = self._store.locate(part.path)
        if parquet.sha256(self._store, part.path) != part.sha256:
            raise Broken(f"{location} is damaged: its SHA-256 is not the manifest's")
        with database.transaction(self._connection):
            database.rows(self._connection, "stage_restored_rows")
            copy_in = database.one(self._connection, "restored_rows_copy")["copy_in"]
            for table in parquet.tables(self._store, part.path):
                copy.pour(self._connection, copy_in, _lines(_with_texts(table)))
            found = database.execute(self._connection, "keep_restored_rows").rowcount
            odd = database.one(self._connection, "restored_rows_that_differ")["rows"]
            if odd:
                raise Refused(
                    f"{location}: the database has other values of {odd} rows that models were "
                    "shown, or not their sets: import into an empty database, and the lake's "
                    "reference data with it"
                )
        return found

    def _renew_last_values(self, part: Part, span: Bounds) -> None:
        # A stock's evening is in the folder of the next date, and of the date before.
        for day in {trade_date(span.ts_from), own_date(span.ts_from)}:
            values = {"symbol": part.symbol, "trade_date": day}
            found = database.row(self._connection, "last_values_of", values)
            if found is not None and found["found"] is not None:
                database.rows(self._connection, "merge_last_values", {"values": found["found"]})

    def _found(self, part: Part, span: Bounds) -> str | None:
        values = {"symbols": [part.symbol], "ts_from": span.ts_from, "ts_to": span.ts_to}
        found = database.row(self._connection, "lake_ticks", values)
        return None if found is None else str(found["key"])

    def _compare(self, parts: list[Part], span: Bounds) -> tuple[int, list[str]]:
        """Return how many bars equal the lake's, and what differs."""
        count = 0
        different = []
        for part in parts:
            read = reader.relation(self._connection, f"market.bars_{_width(part)}")
            values = {"symbol": part.symbol, "ts_from": span.ts_from, "ts_to": span.ts_to}
            location = self._store.locate(part.path)
            try:
                wanted = _sum(parquet.tables(self._store, part.path))
            except (Broken, NotFound) as error:
                different.append(str(error))
                continue
            found = _sum(reader.tables(self._connection, read, **values))
            if wanted == found:
                count += found[0]
            else:
                different.append(
                    f"{location} has {wanted[0]} bars with checksum "
                    f"{fingerprint.text(wanted[1])}, the database {found[0]} with "
                    f"{fingerprint.text(found[1])}: the bars differ"
                )
        return count, different


def _width(part: Part) -> str:
    return part.path.rpartition("_")[2].removesuffix(".parquet")


def _sum(parts: Iterator[pa.Table]) -> tuple[int, int]:
    rows = total = 0
    for part in parts:
        rows += part.num_rows
        total = (total + fingerprint.of(part)) % 2**64
    return rows, total


def _with_texts(table: pa.Table) -> pa.Table:
    """Return the rows of store.feature_rows with their values as PostgreSQL writes an array."""
    texts = [f"{{{','.join(map(repr, one))}}}" for one in table.column("values").to_pylist()]
    at = table.schema.get_field_index("values")
    return table.set_column(at, "values", pa.array(texts)).select(list(_SHOWN_COLUMNS))


def _lines(table: pa.Table) -> Iterator[bytes]:
    for batch in table.to_batches(max_chunksize=1 << 15):
        text = io.BytesIO()
        csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
        yield text.getvalue()


def _restore_sets(connection: Connection[Any], store: Store) -> None:
    """Add the feature sets that the lake has and the database has not."""
    exported = manifest.read(store, None)
    path = manifest.reference_path("store.feature_sets")
    if exported is None or path not in {part.path for part in exported.parts}:
        return
    for table in parquet.tables(store, path):
        for row in table.to_pylist():
            database.execute(connection, "restore_feature_set", row)


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
