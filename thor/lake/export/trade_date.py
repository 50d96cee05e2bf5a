"""Export one trade date, or the reference data: file by file, then the manifest.

Stage 55, lake. Within one snapshot of the database; unchanged files are not touched, and progress
is saved, so that an interrupted export resumes.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa

from thor import clock, database
from thor.database import Connection
from thor.errors import NotFound, Refused, ThorError, Unavailable
from thor.lake import fingerprint, manifest, parquet
from thor.lake.export import plan, reader, ticks
from thor.lake.export.lock import LakeLock
from thor.lake.export.plan import Bounds, Wanted
from thor.lake.manifest import Kind, Manifest, Part
from thor.lake.store import Store

# Called with the task, the rows done, and about how many there are.
Progress = Callable[[str, int, int], None]


class Exported(msgspec.Struct, kw_only=True):
    """The result of an export of a trade date; of the reference data where it has no date.

    `written` and `kept` count files that were written and that were unchanged; `failed` says what
    could not be exported, and why; `exit_code` is the command's.
    """

    trade_date: date | None
    ticks: int = 0
    bytes: int = 0
    written: int = 0
    kept: int = 0
    failed: list[str] = msgspec.field(default_factory=list)
    exit_code: int = 0

    def fail(self, error: ThorError) -> None:
        """Record a failure."""
        self.failed.append(str(error))
        self.exit_code = self.exit_code or error.exit_code


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The selection to export."""

    days: tuple[date, ...]
    what: tuple[Kind, ...] = manifest.KINDS  # type: ignore[assignment]
    symbols: tuple[str, ...] | None = None
    allow_open: bool = False


class Export:
    """The export of one trade date, or of the reference data."""

    def __init__(
        self,
        url: str,
        connection: Connection[Any],
        store: Store,
        ask: Ask,
        day: date | None,
        lake_lock: LakeLock,
        on_progress: Progress,
    ) -> None:
        """Take a connection for everything but ticks; without a date: the reference data."""
        self._url, self._connection, self._store, self._ask = url, connection, store, ask
        self._day, self._lake_lock, self._on_progress = day, lake_lock, on_progress
        self.done = Exported(trade_date=day)
        self._parts: dict[str, Part] = {}
        self._span: Bounds | None = None
        self._read: dict[str, reader.Relation] = {}
        self._is_begun = False

    def run(self, now: datetime) -> None:
        """Update the lake's files of the date to the database, then its manifest."""
        with database.snapshot(self._connection):
            self._span = plan.bounds(self._connection, self._day or now.date())
            is_open = self._day is not None and not self._span.is_closed(now)
            if is_open and not self._ask.allow_open:
                raise Refused(
                    f"--date: {self._day} is open until {self._span.ts_to:%Y-%m-%d %H:%M} UTC; "
                    "export it then, or say --open for what there is so far"
                )
            before, self._parts = plan.before(self._store, self._day)
            kinds = (
                self._export_reference()
                if self._day is None
                else self._export_day(self._day, None if is_open else now)
            )
            what = sorted({*(before.what if before else ()), *kinds}, key=manifest.KINDS.index)
            is_stale = not is_open and self._span.is_stale and {"bars", "features"} & {*what}
            is_refreshing = not is_open and self._span.is_refreshing and "features" in what
            if is_refreshing:
                self.done.fail(Unavailable(
                    f"{self._day}: features are still to be made, and are in the lake as they "
                    "stand; jobs/features makes them: export the date again when "
                    "`thor features status` shows none of it"
                ))  # fmt: skip
            if is_stale:
                self.done.fail(Unavailable(
                    f"{self._day}: bars wait for ticks that came late, and are in the lake as they "
                    "were; jobs/bars brings them in step: export the date again then"
                ))  # fmt: skip
            # A date that was written while it was open stays marked open until all of it is
            # exported again.
            is_all = self._ask.symbols is None and {*kinds} >= {*what}
            was_open = before is not None and not before.is_closed and not is_all
            is_behind = is_stale or is_refreshing
            made = self._manifest(what, is_closed=not (is_open or is_behind or was_open))
            same = before and msgspec.structs.replace(made, exported_at=before.exported_at)
            if same != before or manifest.unfinished(self._store, self._day) is not None:
                manifest.write(self._store, made)
        self.done.bytes = sum(part.bytes for part in self._parts.values())

    def _export_reference(self) -> list[Kind]:
        self._settle(plan.reference(self._connection))
        return ["reference"]

    def _export_day(self, day: date, as_of: datetime | None) -> list[Kind]:
        connection, span = self._connection, self._span
        assert span is not None
        symbols = list(self._ask.symbols) if self._ask.symbols is not None else None
        kinds: list[Kind] = [kind for kind in self._ask.what if kind != "reference"]
        has_bars = "bars" in kinds or "features" in kinds
        of_bars = plan.bars(connection, day, span, symbols, as_of) if has_bars else []
        known = {path: part for path, part in self._parts.items() if part.what == "ticks"}
        of_ticks: list[Wanted] = []
        if "ticks" in kinds and not span.is_dropped:
            of_ticks = plan.ticks(connection, day, span, symbols, known)
        if not of_ticks and not of_bars and not known and kinds:
            whose = f" of {', '.join(symbols)}" if symbols else ""
            raise NotFound(f"--date: there is nothing{whose} on {day}, a {day:%A}")
        if "ticks" in kinds and not span.is_dropped:
            self._export_ticks(day, span, of_ticks, symbols)
        if "bars" in kinds:
            self._settle(of_bars)
        if "features" in kinds:
            self._settle(plan.features(connection, day, span, symbols))
        self.done.ticks = sum(p.rows for p in self._parts.values() if p.what == "ticks")
        return kinds

    def _export_ticks(
        self, day: date, span: Bounds, wanted: list[Wanted], symbols: list[str] | None
    ) -> None:
        known = {path: part for path, part in self._parts.items() if part.what == "ticks"}
        found = {one.path: one for one in wanted}
        for path, part in known.items():
            is_asked = symbols is None or part.symbol in symbols
            records = found[path].records if path in found else 0
            if is_asked and (path not in found or (found[path].key and records < part.rows)):
                found.pop(path, None)
                self.done.fail(Refused(
                    f"{self._store.locate(path)} holds {part.rows} ticks and the database "
                    f"{records}: ticks are never taken out of the lake. `thor lake import` brings "
                    "them back"
                ))  # fmt: skip
        due = [one for one in found.values() if not self._is_there(one)]
        if not due:
            return
        snapshot = database.one(self._connection, "share_snapshot")["snapshot"]
        about = plan.about(self._connection, span, wanted)
        source = ticks.Source(self._url, snapshot, day, span, about)
        on_progress = self._begin(f"{day} ticks", sum(one.records for one in due))
        with closing(ticks.write(self._store, source, due, on_progress)) as written:
            for done in written:
                self._keep(done.one, done.written, done.sent, done.key)

    def _settle(self, wanted: list[Wanted]) -> None:
        """Update small files: those with unchanged rows stay."""
        for one in wanted:
            if self._is_there(one):
                continue
            name = plan.relation(one)
            if name not in self._read:
                self._read[name] = reader.relation(self._connection, name)
            span = None if self._day is None else self._span
            tables = list(
                reader.tables(self._connection, self._read[name], **plan.values(one, span))
            )
            if not tables and one.what == "reference":
                tables = [self._read[name].schema.empty_table()]
            old = self._parts.get(one.path)
            total = fingerprint.text(sum(map(fingerprint.of, tables)) % 2**64)
            rows = sum(table.num_rows for table in tables)
            if old and (old.content, old.rows) == (total, rows) and self._has(old):
                self._parts[one.path] = msgspec.structs.replace(
                    old, key=one.key or "", day_ticks=one.day_ticks
                )
                self.done.kept += 1
            elif (written := self._write(one, tables)) is not None:
                self._keep(one, written, rows, one.key or "")
            elif old:
                self._store.delete(one.path)
                del self._parts[one.path]

    def _is_there(self, one: Wanted) -> bool:
        part = self._parts.get(one.path)
        if part is None or one.key is None or part.key != one.key or not self._has(part):
            return False
        self.done.kept += 1
        return True

    def _has(self, part: Part) -> bool:
        return self._store.size(part.path) == part.bytes

    def _write(self, one: Wanted, tables: Iterable[pa.Table]) -> parquet.Written | None:
        what = f"{self._day or 'reference'} {one.symbol or ''} {one.what}"
        return parquet.write(self._store, one.path, tables, self._begin(what, one.records))

    def _begin(self, what: str, records: int) -> Callable[[int], None]:
        """Report the start of files, and return the callback for their rows as they are written."""
        if not self._is_begun and self._day is not None:
            for kind in ("ticks", "bars", "features"):
                self._store.sweep(f"{kind}/date={self._day}")
        self._is_begun = True
        self._lake_lock.renew()
        seen = 0

        def on_progress(rows: int) -> None:
            nonlocal seen
            seen += rows
            self._lake_lock.renew()
            self._on_progress(what, seen, max(records, seen))

        return on_progress

    def _keep(self, one: Wanted, written: parquet.Written, source_rows: int, key: str) -> None:
        self._parts[one.path] = Part(
            path=one.path,
            what=one.what,
            symbol=one.symbol,
            source_rows=source_rows,
            key=key,
            day_ticks=one.day_ticks,
            **msgspec.structs.asdict(written),
        )
        self.done.written += 1
        self._note()

    def _note(self) -> None:
        """Save the progress, so that an interrupted export resumes."""
        manifest.write(self._store, self._manifest([], is_closed=False), is_whole=False)

    def _manifest(self, what: list[Kind], *, is_closed: bool) -> Manifest:
        assert self._span is not None
        return Manifest(
            format=manifest.FORMAT,
            trade_date=self._day,
            exported_at=clock.now(),
            nature=self._span.nature,
            edition=self._span.edition,
            is_closed=is_closed,
            what=what,
            parts=[self._parts[path] for path in sorted(self._parts)],
        )
