"""Copy a whole database into another, of either edition, and prove both equal.

Stages: a database → another. Users start on the plain edition and outgrow it. Everything in the
source is copied, so that Thor continues on the copy with the same bus. An interrupted copy resumes.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from thor import database
from thor.database import Connection, edition, tables
from thor.database.tables import Table
from thor.errors import Broken, Refused
from thor.flow.copy_database import bars, ticks
from thor.flow.copy_database.target import LEFT_OUT, TICKS, make_if_missing, parts, record, settle

# After so many rounds with new rows the source is clearly still being written.
PASSES_MAX = 4

# Called with the task, the amount done, and the total.
Progress = Callable[[str, int, int], None]


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a copy.

    `tables` has the rows of every table, `bars` those of every width; `arriving` the new rows that
    the last look at the source found, by table, and `writers` those of Thor's jobs that write
    there. While either is not empty the copy is not whole, and no bars were compared.
    """

    is_whole: bool
    passes: int
    ticks: int
    trade_dates: int
    copied: int
    tables: dict[str, int]
    bars: dict[str, int]
    arriving: dict[str, int]
    writers: list[str]


def copy(source_url: str, target_url: str, on_progress: Progress = lambda *_: None) -> Copied:
    """Copy what the target lacks until nothing is new, then compare everything.

    Creates the target where its server has none of that name. Raises `Refused` for an unsuitable
    target, see `target.settle`, and `Broken` where both differ.
    """
    with database.connect(source_url, "copy") as source:
        make_if_missing(target_url)
        with database.connect(target_url, "copy") as target:
            try:
                settle(source, target, target_url)
                return _Copy(source, target, on_progress).run()
            except database.InsufficientPrivilege as error:
                raise Refused(
                    f"{str(error).splitlines()[0]}: name the owner of each database in its URL"
                ) from error
            except database.IntegrityError as error:
                raise Refused(
                    f"--to: somebody else writes into database {target.info.dbname}: "
                    f"{str(error).splitlines()[0]}"
                ) from error


class _Copy:
    def __init__(
        self, source: Connection[Any], target: Connection[Any], on_progress: Progress
    ) -> None:
        self._source = source
        self._target = target
        self._on_progress = on_progress
        self._groups = tables.groups(tables.found(source, LEFT_OUT))
        self._marks_stale = edition.read(target).is_timescale
        self._copied = 0
        self._days: dict[str, ticks.Day] = {}

    def run(self) -> Copied:
        compared: dict[str, int] = {}
        new: dict[str, int] = {}
        is_settled = False
        number = 0
        if not self._writers():
            # With the source's jobs stopped nothing else refreshes its bars.
            bars.catch_up(self._source)
        while number < PASSES_MAX and not is_settled:
            number += 1
            with database.snapshot(self._source):
                new = self._pass()
                writers = self._writers()
                stale = database.rows(self._source, "stale_ranges")
                is_settled = not (new or stale)
                if is_settled and not writers:
                    compared = self._compare()
            if stale and not writers:
                bars.catch_up(self._source)
        is_whole = is_settled and not writers
        if is_whole:
            database.rows(self._target, "copy_verified")
        done = parts(self._target)
        return Copied(
            is_whole=is_whole,
            passes=number,
            ticks=sum(day.measure.records for day in self._days.values()),
            trade_dates=len(self._days),
            copied=self._copied,
            tables={
                name: measure.records
                for name, measure in sorted(done.items())
                if measure is not None and not name.startswith(f"{TICKS}/")
            },
            bars=compared,
            arriving={} if is_settled else new,
            writers=writers,
        )

    def _pass(self) -> dict[str, int]:
        """Copy what one snapshot of the source has and the target lacks; returns row numbers."""
        new: dict[str, int] = {}
        # The bars are copied without their triggers, so this records that they lack features.
        database.rows(self._target, "add_missing_features")
        for group in self._groups:
            new |= self._copy_group(group)
        tables.go_on_counting(self._source, self._target, LEFT_OUT)
        if records := self._copy_ticks():
            new[TICKS] = records
        done = parts(self._target)
        carried = {
            date.fromisoformat(part.partition("/")[2])
            for part in done
            if part.startswith(f"{bars.STORED}/")
        }
        self._on_progress("bars without ticks", 0, 0)

        def on_records(trade_date: date) -> None:
            self._on_progress(f"bars of {trade_date}", 0, 0)

        if records := bars.carry(self._source, self._target, carried, on_records):
            new[bars.STORED] = records
        return new

    def _copy_group(self, group: list[Table]) -> dict[str, int]:
        """Replace a group of tables where one of them differs from the source."""
        wanted = {table.name: tables.measured(self._source, table) for table in group}
        found = {table.name: tables.measured(self._target, table) for table in group}
        self._on_progress(group[0].name, 0, 0)
        if wanted == found:
            missing = [name for name in wanted if name not in parts(self._target)]
            for name in missing:
                record(self._target, name, wanted[name].records, wanted[name])
            return {}
        with database.transaction(self._target):
            written = tables.replace(self._source, self._target, group)
            for name, measure in wanted.items():
                if written[name] != measure:
                    raise Broken(
                        f"{name} differs: {measure.records} rows with checksum {measure.checksum} "
                        f"in the source, {written[name].records} with {written[name].checksum} in "
                        "the copy"
                    )
                record(self._target, name, measure.records, measure)
        return {
            name: measure.records - found[name].records
            for name, measure in wanted.items()
            if measure != found[name]
        }

    def _copy_ticks(self) -> int:
        self._on_progress("looking for ticks", 0, 0)
        done = parts(self._target)
        self._days = days = ticks.survey(self._source)
        ticks.refuse_lost(days, done)
        total = sum(day.measure.records for day in days.values())
        seen = copied = 0
        for part, day in days.items():
            if done.get(part) != day.measure:
                before = seen

                def on_records(records: int, day: ticks.Day = day) -> None:
                    nonlocal seen
                    seen += records
                    self._on_progress(f"ticks of {day.trade_date}", seen, total)

                copied += ticks.copy_day(
                    self._source,
                    self._target,
                    day,
                    is_known=part in done,
                    marks_stale=self._marks_stale,
                    on_records=on_records,
                )
                seen = before
                self._on_progress(f"bars of {day.trade_date}", before + day.measure.records, total)
                self._renew()
            seen += day.measure.records
            self._on_progress(f"ticks of {day.trade_date}", seen, total)
        self._renew()
        self._copied += copied
        return copied

    def _renew(self) -> None:
        if self._marks_stale:
            bars.renew(self._target)

    def _compare(self) -> dict[str, int]:
        self._on_progress("comparing ticks", 0, 0)
        ticks.compare(self._days, self._target)
        self._on_progress("comparing bars", 0, 0)
        database.rows(self._target, "analyse")
        return bars.compare(self._source, self._target)

    def _writers(self) -> list[str]:
        return [row["job"] for row in database.rows(self._source, "writers")]
