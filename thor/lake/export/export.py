"""Export trade dates into the lake, only what changed since the last export.

Stage 55, lake. Reads market, feat and reference in one snapshot a date; writes partitions, then the
manifest. An interrupted export resumes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from thor import database
from thor.database import Connection, edition
from thor.errors import Rejected, ThorError, Unavailable
from thor.lake import manifest
from thor.lake.export import lock
from thor.lake.export.trade_date import Ask, Export, Exported, Progress
from thor.lake.store import Store


def export(
    url: str, store: Store, ask: Ask, now: datetime, on_progress: Progress = lambda *_: None
) -> Iterator[Exported]:
    """Export trade dates and yield the result of each; the reference data come last.

    A date that cannot be exported says so in `failed`, and the rest continues. Raises `Rejected`
    for a symbol that is not listed, `Refused` for a lake that is not for this database or while
    another export is under way, `Unavailable` where the lake cannot be written or the database is
    away.
    """
    with database.connect(url, "export") as connection:
        database.rows(connection, "lake_settings")
        _check_symbols(connection, ask.symbols)
        nature = edition.read(connection).nature
        manifest.enter(store, nature)
        with lock.locked(connection, store) as lake_lock:
            manifest.found_lake(store, nature)
            is_dated = set(ask.what) != {"reference"}
            for day in ask.days if is_dated else ():
                yield _guarded(
                    Export(url, connection, store, ask, day, lake_lock, on_progress), now
                )
            if "reference" in ask.what:
                yield _guarded(
                    Export(url, connection, store, ask, None, lake_lock, on_progress), now
                )


def _guarded(one: Export, now: datetime) -> Exported:
    try:
        one.run(now)
    except Unavailable:
        raise
    except ThorError as error:
        one.done.fail(error)
    return one.done


def _check_symbols(connection: Connection[Any], symbols: Iterable[str] | None) -> None:
    listed = {row["symbol"] for row in database.rows(connection, "series")}
    unknown = sorted(set(symbols or ()) - listed)
    if unknown:
        raise Rejected(
            f"--symbols: {', '.join(unknown)} is not listed; `thor instruments list` shows roots, "
            "and a month (ESH24) is listed by its tape"
        )
