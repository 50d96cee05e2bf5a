"""The state of every stage: counts, refusals, gaps, bars to refresh, the lake, processes.

Reads every part; a part that is away is omitted and named in the health.
"""

import asyncio
import shutil
from datetime import date
from typing import Any, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency

from api.errors import ProblemOperation, declared
from api.health import Health, bounded, health_of
from api.state import SharedState
from thor import __version__, clock, database, observe
from thor.errors import ThorError
from thor.lake.export.coverage import LakeDay
from thor.lake.store import Store, url_of
from thor.services.home import Home
from thor.services.status import read_status
from thor.stream.quote import Instant, State
from thor.stream.rows import converted

_REFUSED = 20
_GAPS = 20
_LAKE_DAYS = 60


class RefusedTick(msgspec.Struct, frozen=True, kw_only=True):
    """One of the newest refused ticks: which field and value, and why."""

    rejected_at: Instant
    symbol: str | None
    source: str | None
    field: str
    value: str
    reason: str
    ticks: int


class GapRow(msgspec.Struct, frozen=True, kw_only=True):
    """A silence longer than the feed's cadence."""

    symbol: str
    source: str
    trade_date: date
    gap_start: Instant
    gap_end: Instant
    cause: str
    filled_by: str | None


class BarsWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """The ranges whose stored bars are behind their ticks."""

    ranges: int
    oldest: Instant | None


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A source, and the symbols whose quotes are its own.

    The lowest `priority` is heard where two claim a symbol; `heard_at` is when it last
    looked at any of them.
    """

    source: str
    kind: Literal["feed", "simulator", "tape"]
    priority: int
    description: str
    symbols: list[str]
    heard_at: Instant | None
    state: State | None


class LakeState(msgspec.Struct, frozen=True, kw_only=True):
    """The closed trade dates that the lake lacks in part, and the newest 60 dates."""

    missing: list[date]
    days: list[LakeDay]


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A server or job that the supervisor of this home runs."""

    name: str
    kind: str
    state: str
    restarts: int
    started_at: Instant | None
    last_exit: int | None
    reason: str | None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of Thor, PostgreSQL and its extension."""

    thor: str
    postgres: str | None
    timescaledb: str | None


class SystemState(msgspec.Struct, frozen=True, kw_only=True):
    """The health, and the state behind it. Null means that a part did not answer."""

    health: Health
    refused: list[RefusedTick] | None
    gaps: list[GapRow] | None
    bars_waiting: BarsWaiting | None
    lake: LakeState | None
    sources: list[SourceRow] | None
    processes: list[ProcessRow]
    versions: Versions
    disk_free_bytes: int
    disk_total_bytes: int


@get("/api/system", responses=declared(), operation_class=ProblemOperation, tags=["ops"])
async def system(shared: NamedDependency[SharedState]) -> SystemState:
    """Return the state of every stage; never fails for a server that is away."""
    newest = {"symbol": None, "unretried": False, "limit": _REFUSED}
    found = await asyncio.gather(
        health_of(shared),
        _asked(database.fetch(shared.pool, "rejected_ticks", newest)),
        _asked(database.fetch(shared.pool, "newest_gaps", {"limit": _GAPS})),
        _asked(database.fetch(shared.pool, "bars_waiting")),
        _asked(database.fetch(shared.pool, "server_facts")),
        _asked(asyncio.to_thread(_lake, shared)),
        _asked(_sources(shared)),
    )
    health, refused, gaps, waiting, facts, lake, sources = found
    home = Home(shared.settings.home)
    disk = shutil.disk_usage(next(p for p in (home.path, *home.path.parents) if p.exists()))
    return SystemState(
        health=health,
        refused=None if refused is None else [converted(row, RefusedTick) for row in refused],
        gaps=None if gaps is None else [converted(row, GapRow) for row in gaps],
        bars_waiting=converted(waiting[0], BarsWaiting) if waiting else None,
        lake=lake,
        sources=None if sources is None else [converted(row, SourceRow) for row in sources],
        processes=_processes(home),
        versions=Versions(
            thor=__version__,
            postgres=facts[0]["version"] if facts else None,
            timescaledb=facts[0]["timescaledb"] if facts else None,
        ),
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
    )


async def _asked(answer: Any) -> Any:
    try:
        return await bounded(answer, "the database")
    except ThorError:
        return None


async def _sources(shared: SharedState) -> list[dict[str, Any]]:
    values = {"as_of": await shared.market_now()}
    return await database.fetch(shared.pool, "speaking_sources", values)


def _lake(shared: SharedState) -> LakeState:
    store = Store(url_of(shared.settings))
    with database.connect(shared.database_url, "api lake") as connection:
        found = shared.lake.days(connection, store, clock.now())
    missing = [day.trade_date for day in found if day.state == "missing"]
    return LakeState(missing=missing, days=found[-_LAKE_DAYS:])


def _processes(home: Home) -> list[ProcessRow]:
    try:
        found = read_status(home).processes.values()
    except ThorError:
        return []
    rows = [msgspec.structs.asdict(process) for process in found]
    for row in rows:
        row["reason"] = None if row["reason"] is None else observe.redacted(row["reason"])
    return [converted(row, ProcessRow) for row in rows]
