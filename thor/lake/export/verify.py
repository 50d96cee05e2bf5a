"""Compare the lake with the database: every row of every file, and the files themselves.

Stage 55, lake. Reads both; the database's rows come by the path that the export of ticks does not
use, so that an error of one shows in the other.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import Any, Literal

import msgspec

from thor import clock, database
from thor.database import Connection
from thor.errors import Broken, NotFound
from thor.lake import fingerprint, manifest, parquet
from thor.lake.export import plan, reader
from thor.lake.export.plan import Bounds, Wanted
from thor.lake.manifest import Manifest, Part
from thor.lake.store import Store

State = Literal["equal", "kept", "differs", "damaged", "missing"]

Progress = Callable[[str, int, int], None]


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The result for a file: equal to the database's rows or not, and how it differs.

    `kept` is a file whose ticks were dropped from the database and that equals its manifest.
    `damaged` does not; `missing` is in the database and not in the lake.
    """

    path: str
    state: State
    lake_rows: int | None
    database_rows: int | None
    why: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the file is as it should be."""
        return self.state in ("equal", "kept")


def verify(
    connection: Connection[Any],
    store: Store,
    day: date | None,
    on_progress: Progress = lambda *_: None,
    kinds: Collection[str] = manifest.KINDS,
) -> Iterator[Verified]:
    """Yield the result for each file of a trade date, or of the reference data without a date.

    Only of the given kinds, where any are given. Raises `NotFound` where the lake has no manifest
    of it.
    """
    manifest.enter(store)
    exported = manifest.known(store, day)
    database.rows(connection, "lake_settings")
    with database.snapshot(connection):
        span = plan.bounds(connection, day) if day is not None else None
        there = _there(connection, exported, day, span, kinds)
        parts = [part for part in exported.parts if part.what in kinds]
        for number, part in enumerate(parts):
            on_progress(part.path, number, len(parts))
            one = there.pop(part.path, None)
            yield _compare(connection, store, part, one, span)
    for path, one in there.items():
        rows = None if one.what in ("features", "reference") else one.records
        yield Verified(path=path, state="missing", lake_rows=None, database_rows=rows)


def _there(
    connection: Connection[Any],
    exported: Manifest,
    day: date | None,
    span: Bounds | None,
    kinds: Collection[str],
) -> dict[str, Wanted]:
    """Return the files that the database has rows for, of the kinds that were exported."""
    if day is None or span is None:
        return {one.path: one for one in plan.reference(connection)}
    wanted: list[Wanted] = []
    bars = plan.bars(connection, day, span, None, clock.now())
    if "ticks" in exported.what and "ticks" in kinds:
        known = exported.of("ticks")
        wanted += plan.ticks(connection, day, span, None, known)
    if "bars" in exported.what and "bars" in kinds:
        wanted += bars
    if "features" in exported.what and "features" in kinds:
        wanted += plan.features(connection, day, span, None)
    return {one.path: one for one in wanted}


def _compare(
    connection: Connection[Any], store: Store, part: Part, one: Wanted | None, span: Bounds | None
) -> Verified:
    summed = parquet.Sum()
    try:
        if parquet.sha256(store, part.path) != part.sha256:
            return _of_file(part, "damaged", why="its SHA-256 is not the manifest's")
        for table in parquet.tables(store, part.path):
            summed.add(table)
    except (Broken, NotFound) as error:
        return _of_file(part, "damaged", why=str(error))
    if (summed.rows, fingerprint.text(summed.content)) != (part.rows, part.content):
        return _of_file(part, "damaged", why="its rows do not add up to the manifest's sum")
    if part.what == "ticks" and span is not None and span.is_dropped:
        return _of_file(part, "kept")
    there = parquet.Sum()
    if one is not None:
        read = reader.relation(connection, plan.relation(one))
        for table in reader.tables(connection, read, **plan.values(one, span)):
            there.add(table)
    is_equal = (there.rows, there.content) == (summed.rows, summed.content)
    return Verified(
        path=part.path,
        state="equal" if is_equal else "differs",
        lake_rows=summed.rows,
        database_rows=there.rows,
        why="" if is_equal or there.rows != summed.rows else "rows have other values",
    )


def _of_file(part: Part, state: State, why: str = "") -> Verified:
    return Verified(path=part.path, state=state, lake_rows=part.rows, database_rows=None, why=why)
