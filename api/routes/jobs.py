"""The scheduler's jobs, their runs, and a person's requests: run now, pause, resume.

Reads and changes ops.jobs and ops.job_runs. What a job runs is changed by `thor jobs` or in psql:
a request of the API starts no command that is not there already.
"""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from api.errors import AWAY, BAD_INPUT, ProblemOperation, declared
from api.state import SharedState
from thor import clock, database
from thor.database import Connection
from thor.domain.people import Identity
from thor.errors import NotFound, Refused
from thor.ops import jobs
from thor.ops.scheduler import database_clock
from thor.stream.quote import Instant
from thor.stream.rows import converted

RunStatus = Literal[
    "waiting",
    "running",
    "retrying",
    "succeeded",
    "failed",
    "timed_out",
    "abandoned",
    "skipped",
]
_ASKED: dict[int, ResponseSpec] = {**BAD_INPUT, **declared(Refused)}


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job: when it runs next, its newest run, and its fault, null where it is well.

    `next_at` is null where it is paused, or where no moment is known; `failures` counts the runs
    that are kept.
    """

    name: str
    description: str
    command: list[str]
    schedule: str
    zone: str
    policy: Literal["catch_up", "latest", "skip"]
    retries: int
    timeout_s: float
    is_enabled: bool
    next_at: Instant | None
    last_run: int | None
    last_due_at: Instant | None
    last_status: RunStatus | None
    last_attempt: int | None
    last_started_at: Instant | None
    last_ended_at: Instant | None
    last_succeeded_at: Instant | None
    failures: int
    fault: str | None


class JobRunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a job, or a moment that was skipped; `log_bytes` is what it wrote in all."""

    id: int
    job: str
    due_at: Instant
    asked_by: str | None
    status: RunStatus
    attempt: int
    host: str | None
    started_at: Instant | None
    retry_at: Instant | None
    ended_at: Instant | None
    exit_code: int | None
    log_bytes: int
    error: str | None


class JobRunLog(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its output: the first and the last part where it is long."""

    run: JobRunRow
    log: str


@get("/api/jobs", responses=AWAY, operation_class=ProblemOperation, tags=["jobs"])
async def job_list(shared: NamedDependency[SharedState]) -> list[JobRow]:
    """List the jobs; in SQL `select * from ops.jobs_at(now())`."""
    values = {"as_of": clock.now(), "name": None}
    return [_job(row) for row in await database.fetch(shared.pool, "jobs_at", values)]


@get(
    "/api/jobs/{name:str}/runs",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["jobs"],
)
async def job_runs(
    shared: NamedDependency[SharedState],
    name: FromPath[str],
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="The newest runs.")] = 50,
) -> list[JobRunRow]:
    """List the newest runs of a job, the newest first, without their output."""
    await _found(shared, name)
    values = {"job": name, "status": None, "limit": limit}
    return [_run(row) for row in await database.fetch(shared.pool, "job_runs", values)]


@get(
    "/api/jobs/{name:str}/runs/{run:int}",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["jobs"],
)
async def job_run_log(
    shared: NamedDependency[SharedState], name: FromPath[str], run: FromPath[int]
) -> JobRunLog:
    """Return a run with its output; that of one that runs is a few seconds old."""
    found = await database.fetch(shared.pool, "job_run", {"job": name, "id": run})
    if not found:
        raise NotFound(f"run: {name} has no run {run}; GET /api/jobs/{name}/runs lists them")
    return JobRunLog(run=_run(found[0]), log=found[0]["log"])


@post(
    "/api/jobs/{name:str}/run",
    status_code=202,
    responses=_ASKED,
    operation_class=ProblemOperation,
    tags=["jobs"],
)
async def run_job(
    shared: NamedDependency[SharedState], identity: NamedDependency[Identity], name: FromPath[str]
) -> JobRunRow:
    """Ask for a run of a job now; a scheduler starts it within a second."""

    def ask(connection: Connection[Any]) -> None:
        jobs.ask(connection, name, identity.name, database_clock(connection))

    await _change(shared, ask)
    values = {"job": name, "status": None, "limit": 1}
    [row] = await database.fetch(shared.pool, "job_runs", values)
    return _run(row)


@post(
    "/api/jobs/{name:str}/pause",
    status_code=200,
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["jobs"],
)
async def pause_job(shared: NamedDependency[SharedState], name: FromPath[str]) -> JobRow:
    """Keep a job from running by its schedule, and return it."""
    return await _set_enabled(shared, name, is_enabled=False)


@post(
    "/api/jobs/{name:str}/resume",
    status_code=200,
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["jobs"],
)
async def resume_job(shared: NamedDependency[SharedState], name: FromPath[str]) -> JobRow:
    """Let a job run by its schedule again, and return it; what it missed is not made up for."""
    return await _set_enabled(shared, name, is_enabled=True)


async def _set_enabled(shared: SharedState, name: str, *, is_enabled: bool) -> JobRow:
    def change(connection: Connection[Any]) -> None:
        now = database_clock(connection)
        jobs.set_enabled(connection, name, now, is_enabled=is_enabled)

    await _change(shared, change)
    return _job(await _found(shared, name))


async def _change(shared: SharedState, change: Any) -> None:
    def apply() -> None:
        with database.connect(shared.database_url, "api jobs") as connection:
            change(connection)

    await asyncio.to_thread(apply)


async def _found(shared: SharedState, name: str) -> dict[str, Any]:
    values = {"as_of": clock.now(), "name": name}
    found = await database.fetch(shared.pool, "jobs_at", values)
    if not found:
        raise NotFound(f"job: {name!r} is no job; GET /api/jobs lists them")
    return found[0]


def _job(row: dict[str, Any]) -> JobRow:
    return converted({**row, "timeout_s": row["timeout"].total_seconds()}, JobRow)


def _run(row: dict[str, Any]) -> JobRunRow:
    return converted(row, JobRunRow)
