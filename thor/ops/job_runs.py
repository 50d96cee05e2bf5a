"""The leases of due moments: taken, kept by a heartbeat, ended, found abandoned.

Stage 95, ops. The row of a due moment in ops.job_runs is the lease on it; the moment comes from
the caller, best by the database's clock, which all schedulers share.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from thor import database
from thor.database import Connection
from thor.errors import Refused, Rejected
from thor.ops import jobs, schedules
from thor.ops.jobs import Job
from thor.ops.schedules import Cron, Decision, Schedule, SessionTimes

Status = Literal["succeeded", "failed", "timed_out"]

# Without a heartbeat for so long a run has nobody any more.
SILENT = timedelta(seconds=60)
RETRY_FIRST, RETRY_MAX = timedelta(seconds=30), timedelta(minutes=15)
KEPT_RUNS = 1000
# How far ahead the next moment is looked for.
_AHEAD_CRON, _AHEAD_SESSIONS = timedelta(days=9 * 366), timedelta(days=40)


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of a run that this process may make, and the output of those before it."""

    id: int
    job: Job
    attempt: int
    host: str
    log: str = ""
    log_bytes: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended."""

    status: Status
    exit_code: int | None = None
    error: str | None = None


def take_due(connection: Connection[Any], name: str, host: str, as_of: datetime) -> Lease | None:
    """Look at a job whose moment may have come; return the lease where one is to be run.

    Moments that its policy skips are recorded, and so is a schedule that cannot be read.
    """
    with database.transaction(connection):
        row = database.row(connection, "lock_job", {"name": name})
        if row is None:
            return None
        job = msgspec.convert(row, Job)
        state = database.row(connection, "job_state", {"job": name})
        seen_until = as_of
        if state is not None and _is_same(job, state):
            seen_until = state["seen_until"]
        if not job.is_enabled:
            _see(connection, job, seen_until, as_of)
            return None
        try:
            schedule = schedules.parse(job.schedule, job.zone)
            sessions = _sessions(connection, job, schedule, seen_until, as_of)
        except Rejected as error:
            _see(connection, job, seen_until, as_of, error=str(error))
            return None
        return _decided(connection, job, schedule, sessions, seen_until, host, as_of)


def take_asked(
    connection: Connection[Any], run: int, name: str, host: str, as_of: datetime
) -> Lease | None:
    """Take a run that was asked for or is to be tried again; None where another has it."""
    with database.transaction(connection):
        row = database.row(connection, "lock_job", {"name": name})
        if row is None:
            return None
        values = {"id": run, "host": host, "as_of": as_of}
        found = database.row(connection, "take_job_run", values)
        return None if found is None else _lease(msgspec.convert(row, Job), host, found)


def take_now(connection: Connection[Any], name: str, by: str, host: str, as_of: datetime) -> Lease:
    """Take a run that a person asks for, at once.

    Raises `NotFound`, and `Refused` while the job runs or a scheduler looks at it.
    """
    with database.transaction(connection):
        job = jobs.find(connection, name, as_of)
        is_locked = database.row(connection, "lock_job", {"name": name}) is not None
        opened = database.row(connection, "open_job_run", {"job": name})
        if not is_locked or (opened is not None and opened["status"] == "running"):
            raise Refused(f"job: {name} is running; `thor jobs history {name}` shows it")
        values = {"job": name, "due_at": as_of, "host": host, "as_of": as_of, "asked_by": by}
        return _lease(job, host, database.one(connection, "lease_job_run", values))


def to_take(connection: Connection[Any], as_of: datetime) -> Iterator[tuple[int, str]]:
    """Yield the runs that were asked for, or are to be tried again by now, and their jobs."""
    for row in database.rows(connection, "job_runs_to_take", {"as_of": as_of}):
        yield row["id"], row["job"]


def to_see(connection: Connection[Any], as_of: datetime) -> list[str]:
    """Return the jobs that are due, or that changed since they were looked at."""
    return [row["name"] for row in database.rows(connection, "jobs_to_see", {"as_of": as_of})]


def beat(
    connection: Connection[Any], lease: Lease, as_of: datetime, log: str | None, log_bytes: int
) -> bool:
    """Report that a run goes on; returns whether it is still ours. Without a log it stays."""
    values = {
        "id": lease.id,
        "attempt": lease.attempt,
        "host": lease.host,
        "as_of": as_of,
        "log": log,
        "log_bytes": log_bytes,
    }
    return bool(database.rows(connection, "beat_job_run", values))


def end(
    connection: Connection[Any],
    lease: Lease,
    outcome: Outcome,
    as_of: datetime,
    log: str,
    log_bytes: int,
    *,
    retries: int | None = None,
) -> bool:
    """Record how an attempt ended, and when it is tried again; returns whether it was ours.

    `retries` replaces the job's number of them.
    """
    allowed = lease.job.retries if retries is None else retries
    is_again = outcome.status != "succeeded" and lease.attempt <= allowed
    values = {
        "id": lease.id,
        "attempt": lease.attempt,
        "host": lease.host,
        "as_of": as_of,
        "status": "retrying" if is_again else outcome.status,
        "retry_at": as_of + delay(lease.attempt) if is_again else None,
        "exit_code": outcome.exit_code,
        "error": outcome.error,
        "log": log,
        "log_bytes": log_bytes,
    }
    is_ours = bool(database.rows(connection, "end_job_run", values))
    dropped = {"job": lease.job.name, "kept": KEPT_RUNS}
    database.rows(connection, "drop_old_job_runs", dropped)
    return is_ours


def delay(attempt: int) -> timedelta:
    """Return how long after an attempt, counted from 1, the next is made."""
    doubled: int = 2 ** min(attempt - 1, 10)
    return min(RETRY_FIRST * doubled, RETRY_MAX)


def abandon(connection: Connection[Any], lease: Lease, as_of: datetime, why: str) -> bool:
    """Give up a run of ours that did not end by itself; returns whether it was ours."""
    job = lease.job
    return _abandon(
        connection, lease.id, lease.attempt, lease.host, job.policy, job.retries, as_of, why
    )


def abandon_silent(connection: Connection[Any], as_of: datetime) -> list[str]:
    """Find the runs whose scheduler has not reported them for a minute; returns their jobs.

    Each is tried again at once where retries are left; by the policies that make up for missed
    moments once more in any case: the job itself did not fail.
    """
    found = []
    for row in database.rows(connection, "silent_job_runs", {"as_of": as_of, "silent": SILENT}):
        why = (
            f"its scheduler, {row['host']}, has not reported it since "
            f"{row['heartbeat_at']:%Y-%m-%d %H:%M:%S} UTC: it was killed, or its machine is away"
        )
        run, attempt, host = row["id"], row["attempt"], row["host"]
        if _abandon(connection, run, attempt, host, row["policy"], row["retries"], as_of, why):
            found.append(row["job"])
    return found


def _abandon(
    connection: Connection[Any],
    run: int,
    attempt: int,
    host: str,
    policy: str,
    retries: int,
    as_of: datetime,
    why: str,
) -> bool:
    allowed = retries if policy == "skip" else max(retries, 1)
    is_again = attempt <= allowed
    values = {
        "id": run,
        "attempt": attempt,
        "host": host,
        "as_of": as_of,
        "status": "retrying" if is_again else "abandoned",
        "retry_at": as_of if is_again else None,
        "error": f"abandoned: {why}" if is_again else why,
    }
    return bool(database.rows(connection, "abandon_job_run", values))


def _decided(
    connection: Connection[Any],
    job: Job,
    schedule: Schedule,
    sessions: list[SessionTimes],
    seen_until: datetime,
    host: str,
    as_of: datetime,
) -> Lease | None:
    opened = database.row(connection, "open_job_run", {"job": job.name})
    # Where not every moment is made up for, a newer one takes the turn of a retry.
    gives_way = opened is not None and opened["status"] == "retrying" and job.policy != "catch_up"
    found = schedules.decide(
        job.policy,
        schedules.moments(schedule, seen_until, as_of, sessions),
        seen_until,
        as_of,
        is_busy=opened is not None and not gives_way,
    )
    _skip(connection, job, found, as_of)
    lease = None
    if found.run is not None:
        if opened is not None:
            database.rows(connection, "give_up_job_run", {"id": opened["id"], "as_of": as_of})
        values = {
            "job": job.name,
            "due_at": found.run,
            "host": host,
            "as_of": as_of,
            "asked_by": None,
        }
        row = database.row(connection, "lease_job_run", values)
        lease = None if row is None else _lease(job, host, row)
    ahead = as_of + (_AHEAD_CRON if isinstance(schedule, Cron) else _AHEAD_SESSIONS)
    next_at = next(schedules.moments(schedule, found.seen_until, ahead, sessions), None)
    error = None
    if next_at is None:
        error = (
            f"schedule: {job.schedule!r} gives no moment until {ahead:%Y-%m-%d}; "
            "`thor db sessions` computes sessions ahead"
        )
    _see(connection, job, found.seen_until, as_of, next_at, error)
    return lease


def _skip(connection: Connection[Any], job: Job, found: Decision, as_of: datetime) -> None:
    if not found.skipped:
        return
    why = f"missed while no scheduler ran or the job was at work; its policy is {job.policy}"
    values = {"job": job.name, "due": list(found.skipped), "as_of": as_of, "error": why}
    database.rows(connection, "skip_job_runs", values)
    if found.left_out:
        first = f"{why}; {found.left_out:,} moments before it are skipped too, without a row"
        database.rows(
            connection, "note_job_run",
            {"job": job.name, "due_at": found.skipped[0], "error": first},
        )  # fmt: skip


def _sessions(
    connection: Connection[Any],
    job: Job,
    schedule: Schedule,
    seen_until: datetime,
    as_of: datetime,
) -> list[SessionTimes]:
    if isinstance(schedule, Cron):
        return []
    jobs.check_calendar(connection, job.schedule, schedule)
    reach = abs(schedule.offset)
    values = {
        "calendar": schedule.calendar,
        "ts_from": min(seen_until, as_of) - reach - timedelta(days=2),
        "ts_to": as_of + reach + _AHEAD_SESSIONS,
    }
    return list(database.rows(connection, "sessions_of_calendar", values))


def _is_same(job: Job, state: dict[str, Any]) -> bool:
    """Return whether moments go on counting: another schedule, or a resumed job, begins anew."""
    is_resumed = job.is_enabled and not state["is_enabled"]
    return (job.schedule, job.zone) == (state["schedule"], state["zone"]) and not is_resumed


def _see(
    connection: Connection[Any],
    job: Job,
    seen_until: datetime,
    as_of: datetime,
    next_at: datetime | None = None,
    error: str | None = None,
) -> None:
    values = {
        "job": job.name,
        "schedule": job.schedule,
        "zone": job.zone,
        "is_enabled": job.is_enabled,
        "seen_until": seen_until,
        "seen_at": as_of,
        "next_at": next_at,
        "error": error,
    }
    database.rows(connection, "see_job", values)


def _lease(job: Job, host: str, row: dict[str, Any]) -> Lease:
    return Lease(job=job, host=host, **row)
