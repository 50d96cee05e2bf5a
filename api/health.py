"""Check every part and report its state; a part that is away is named, not waited for.

Reads the database, the bus, the jobs' reports and the ingest counts.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from api.routes.quotes import quotes_of
from api.state import SharedState
from thor import clock, database, observe
from thor.database import edition
from thor.domain import timestamps
from thor.errors import ThorError, Unavailable
from thor.market.bus.messages import BusState
from thor.ops import checks, collectors
from thor.ops.collectors import CollectorStatus, TapeStatus
from thor.ops.heartbeat import Beat
from thor.stream.quote import Instant, Quote

T = TypeVar("T")
PROBE_MAX_S = 1.5
_NAMED_MAX = 11
State = Literal["up", "down"]


class DatabaseHealth(msgspec.Struct, kw_only=True):
    """The database: whether it answers, how fast, and its nature."""

    state: State
    reason: str | None = None
    latency_ms: float | None = None
    edition: str | None = None
    nature: str | None = None


class BusHealth(msgspec.Struct, kw_only=True):
    """The bus: ticks on the stream, and entries not yet ingested."""

    state: State
    reason: str | None = None
    latency_ms: float | None = None
    held_ticks: int | None = None
    lag_entries: int | None = None
    pending_entries: int | None = None


class StreamHealth(msgspec.Struct, kw_only=True):
    """The reader of the SSE stream: idle without subscribers, waiting while the bus is away."""

    state: Literal["idle", "running", "waiting", "down"]
    reason: str | None = None
    clients: int = 0


class JobHealth(msgspec.Struct, kw_only=True):
    """The state of a job, and how long ago its process last reported.

    `failing` where its process is silent, its loop does not turn, or it ended with an error.
    """

    state: str
    reason: str
    attempt: int
    age_ms: int | None


class CollectorHealth(msgspec.Struct, kw_only=True):
    """The state of a live feed, since when, and how long ago its collector reported.

    `spilled` counts ticks that wait in a file for the bus; `faults` are for a person to fix in the
    feed.
    """

    state: str
    reason: str
    since: Instant
    age_ms: int
    spilled: int
    faults: list[str]


class Account(msgspec.Struct, kw_only=True):
    """The ingest counts of this life of the bus: received is the sum of the rest.

    Lost ticks were deleted from the bus before they were ingested. Balanced means that no more
    ticks were counted than received, and that all pending ones are still on the bus. In SQL:
    `market.accounting(base, base + received)`.
    """

    base: int
    received: int
    inserted: int
    duplicate: int
    rejected: int
    lost: int
    pending: int
    is_balanced: bool


class Health(msgspec.Struct, kw_only=True):
    """The whole system: down without database or bus, degraded for each of `reasons`."""

    status: Literal["ok", "degraded", "down"]
    reasons: list[str]
    ts: Instant
    database: DatabaseHealth
    bus: BusHealth
    stream: StreamHealth
    jobs: dict[str, JobHealth]
    collectors: dict[str, CollectorHealth]
    tape: Annotated[TapeStatus | None, msgspec.Meta(description="null where none is played")]
    accounting: Annotated[Account | None, msgspec.Meta(description="null while a server is away")]


async def bounded(probe: Awaitable[T], what: str) -> T:
    """Wait for a probe; raises `Unavailable` after 1.5 s without an answer."""
    try:
        async with asyncio.timeout(PROBE_MAX_S):
            return await probe
    except TimeoutError as error:
        raise Unavailable(f"{what}: no answer within {PROBE_MAX_S:g} s") from error


async def health_of(shared: SharedState) -> Health:
    """Check all parts at once; no probe takes longer than 1.5 s."""
    database_health, (bus, state), jobs, feeds, tape = await asyncio.gather(
        _database(shared), _bus(shared), jobs_of(shared), collectors_of(shared), _tape(shared)
    )
    stream = _stream(shared)
    account = None
    reasons = [f"database: {database_health.reason}"] if database_health.reason else []
    reasons += [f"bus: {bus.reason}"] if bus.reason else []
    is_down = bool(reasons)
    if not is_down:
        account, fault = await account_of(shared)
        reasons += [] if fault is None else [f"accounting: {fault}"]
    if account is not None and not account.is_balanced:
        reasons.append("accounting: not balanced")
    if account is not None and account.lost:
        reasons.append(
            f"accounting: {account.lost} ticks were deleted from the bus before they were taken in"
        )
    reasons += [f"stream: {stream.reason}"] if stream.reason and not bus.reason else []
    reasons += _job_faults(jobs) if not bus.reason else []
    if state is not None:
        reasons += [f"bus: {state.fault}"] if state.fault else []
        reasons += checks.clock_faults(state.ahead_s)
    reasons += checks.disk_faults(shared.settings.home)
    reasons += await _silent(shared) if not is_down else []
    reasons += await scheduled_faults(shared) if not is_down else []
    now = clock.now()
    reasons += [
        f"{feed.source}: {fault}" for feed in feeds if (fault := collectors.fault(feed, now))
    ]
    status: Literal["ok", "degraded", "down"] = "degraded" if reasons else "ok"
    return Health(
        status="down" if is_down else status,
        reasons=reasons,
        ts=timestamps.format_utc(clock.now()),
        database=database_health,
        bus=bus,
        stream=stream,
        jobs=jobs,
        collectors={feed.source: _collector(feed, now) for feed in feeds},
        tape=tape,
        accounting=account,
    )


async def account_of(shared: SharedState) -> tuple[Account | None, str | None]:
    """Return the ingest counts, or why there are none."""
    try:
        before = await bounded(shared.listener.state(), "Redis")
        span = {"base": before.base, "next": before.next}
        (row,) = await bounded(database.fetch(shared.pool, "accounting", span), "PostgreSQL")
        # Ticks counted meanwhile had been received before this second look.
        after = await bounded(shared.listener.state(), "Redis")
    except ThorError as error:
        return None, observe.redacted(str(error))
    if after.base != before.base:
        return None, "the bus began anew just now"
    return _balance(after, row), None


def _balance(bus: BusState, row: dict[str, Any]) -> Account:
    booked = {name: row[name] for name in ("inserted", "duplicate", "rejected", "lost")}
    pending = bus.received - sum(booked.values())
    return Account(
        base=bus.base,
        received=bus.received,
        **booked,
        pending=pending,
        is_balanced=0 <= pending <= bus.held,
    )


async def _database(shared: SharedState) -> DatabaseHealth:
    start_s = clock.monotonic_s()
    try:
        made = await bounded(edition.fetch(shared.pool), "PostgreSQL")
    except ThorError as error:
        return DatabaseHealth(state="down", reason=observe.redacted(str(error)))
    return DatabaseHealth(
        state="up",
        reason=None if made else "the database has no edition; run `thor db up`",
        latency_ms=_ms_since(start_s),
        edition=made.edition if made else None,
        nature=made.nature if made else None,
    )


async def _bus(shared: SharedState) -> tuple[BusHealth, BusState | None]:
    start_s = clock.monotonic_s()
    try:
        state = await bounded(shared.listener.state(), "Redis")
    except ThorError as error:
        return BusHealth(state="down", reason=observe.redacted(str(error))), None
    found = BusHealth(
        state="up",
        latency_ms=_ms_since(start_s),
        held_ticks=state.held,
        lag_entries=state.lag_entries,
        pending_entries=state.pending_entries,
    )
    return found, state


async def scheduled_of(shared: SharedState) -> list[dict[str, Any]]:
    """Return the rows of `ops.jobs_at`. Raises `ThorError` where they cannot be read."""
    values = {"as_of": clock.now(), "name": None}
    return await bounded(database.fetch(shared.pool, "jobs_at", values), "PostgreSQL")


async def scheduled_faults(shared: SharedState) -> list[str]:
    """Return a line for each of the scheduler's jobs that is not well."""
    try:
        found = await scheduled_of(shared)
    except ThorError as error:
        return [f"jobs: {observe.redacted(str(error))}"]
    return [observe.redacted(line) for line in checks.scheduled_faults(found)]


async def _silent(shared: SharedState) -> list[str]:
    """Return a line for each source that no symbol in an open session is heard of from."""
    try:
        quotes = await bounded(quotes_of(shared, None), "Redis")
        values = {"as_of": clock.now()}
        found = await bounded(database.fetch(shared.pool, "open_symbols", values), "PostgreSQL")
    except ThorError as error:
        return [f"quotes: {observe.redacted(str(error))}"]
    is_open = {row["symbol"] for row in found}
    known = shared.reference.known
    if known is None or known.nature == "recorded" or not is_open:
        return []
    heard: dict[str, list[Quote]] = {}
    for quote in quotes:
        if quote.symbol in is_open:
            heard.setdefault(quote.source, []).append(quote)
    if not heard:
        return ["quotes: no source has said anything, and sessions are open"]
    return [
        f"{source}: no tick for {min(quote.heard_age_ms for quote in quotes) // 1000} s of "
        f"{', '.join(quote.symbol for quote in quotes[:_NAMED_MAX])}, whose sessions are open"
        for source, quotes in sorted(heard.items())
        if all(quote.state == "DEAD" for quote in quotes)
    ]


async def jobs_of(shared: SharedState) -> dict[str, JobHealth]:
    """Return the state of each job that reported in this run; none while the bus is away."""
    try:
        reports = await bounded(shared.listener.reports(), "Redis")
    except ThorError:
        return {}
    now = clock.now()
    beats = sorted(checks.beats_of_bus(reports), key=attrgetter("job"))
    return {beat.job: _job(beat, now) for beat in beats}


def _job(beat: Beat, now: datetime) -> JobHealth:
    fault = checks.job_fault(beat, now)
    is_failing = fault is not None and beat.state != "waiting"
    return JobHealth(
        state="failing" if is_failing else beat.state,
        reason=observe.redacted(fault or ""),
        attempt=beat.attempt,
        age_ms=int((now - beat.at).total_seconds() * 1000),
    )


async def collectors_of(shared: SharedState) -> list[CollectorStatus]:
    """Return the last report of each live collector; none while the bus is away."""
    try:
        return collectors.of_bus(await bounded(shared.listener.collectors(), "Redis"))
    except ThorError:
        return []


async def _tape(shared: SharedState) -> TapeStatus | None:
    try:
        return collectors.tape_of_bus(await bounded(shared.listener.tape(), "Redis"))
    except ThorError:
        return None


def _collector(feed: CollectorStatus, now: datetime) -> CollectorHealth:
    return CollectorHealth(
        state=feed.state,
        reason=observe.redacted(feed.reason),
        since=timestamps.format_utc(feed.since),
        age_ms=max(int((now - feed.at).total_seconds() * 1000), 0),
        spilled=feed.spilled,
        faults=feed.faults,
    )


def _job_faults(jobs: dict[str, JobHealth]) -> list[str]:
    ingestors = [job for name, job in jobs.items() if name.startswith("ingest")]
    found = [f"{name}: {job.reason}" for name, job in jobs.items() if job.reason]
    if all(job.state == "stopped" for job in ingestors):
        found.insert(0, "jobs: no ingestor has reported; is one running?")
    return found


def _stream(shared: SharedState) -> StreamHealth:
    hub = shared.hub
    clients = len(hub.subscribers)
    if hub.is_ended:
        return StreamHealth(state="down", reason=hub.fault or "is stopping", clients=clients)
    if hub.fault is not None:
        return StreamHealth(state="waiting", reason=hub.fault, clients=clients)
    return StreamHealth(state="running" if clients else "idle", clients=clients)


def _ms_since(start_s: float) -> float:
    return round((clock.monotonic_s() - start_s) * 1000, 3)
