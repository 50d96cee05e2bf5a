"""Read and change the scheduler's jobs: what runs, when, and what ran.

Stage 95, ops. Reads and writes ops.jobs and ops.job_runs; `scheduler` runs them.
"""

import shlex
from datetime import datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.errors import NotFound, Refused, Rejected
from thor.ops import schedules
from thor.ops.schedules import Policy, SessionMoment

ZONE = "America/Chicago"
POLICIES = ("catch_up", "latest", "skip")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the scheduler; `command` is its process's arguments, run without a shell.

    `thor` and `python` as the first argument stand for those of this install.
    """

    name: str
    command: tuple[str, ...]
    schedule: str
    zone: str = ZONE
    policy: Policy = "latest"
    retries: int = 0
    timeout: timedelta = timedelta(hours=1)
    is_enabled: bool = True
    description: str = ""


def listed(
    connection: Connection[Any], as_of: datetime, name: str | None = None
) -> list[dict[str, Any]]:
    """Return the rows of `ops.jobs_at`: all jobs, or one.

    Raises `NotFound` for a name that no job has.
    """
    found = database.rows(connection, "jobs_at", {"as_of": as_of, "name": name})
    if name is not None and not found:
        names = [row["name"] for row in listed(connection, as_of)]
        raise NotFound(f"job: {name!r} is none of {', '.join(names) or 'none'}")
    return found


def runs(
    connection: Connection[Any],
    job: str | None = None,
    status: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Return runs, the newest first: of one job or all, with one status or any."""
    values = {"job": job, "status": status, "limit": limit}
    return database.rows(connection, "job_runs", values)


def find(connection: Connection[Any], name: str, as_of: datetime) -> Job:
    """Return the job of a name; raises `NotFound`."""
    [row] = listed(connection, as_of, name)
    return msgspec.convert({field: row[field] for field in Job.__struct_fields__}, Job)


def add(connection: Connection[Any], job: Job) -> None:
    """Add a job.

    Raises `Refused` where the name is taken, `Rejected` for what cannot be run or read.
    """
    check(connection, job)
    with _checked():
        if not database.rows(connection, "add_job", _values(job)):
            raise Refused(f"job: {job.name} is there already; `thor jobs edit` changes it")


def edit(connection: Connection[Any], job: Job) -> None:
    """Replace the job of the name; raises `Rejected` for what cannot be run or read."""
    check(connection, job)
    with _checked():
        database.rows(connection, "edit_job", _values(job))


def set_enabled(
    connection: Connection[Any], name: str, as_of: datetime, *, is_enabled: bool
) -> None:
    """Pause a job, or let it run by its schedule again; raises `NotFound`.

    Moments of the pause are not made up for.
    """
    job = find(connection, name, as_of)
    if is_enabled:
        check(connection, job)
    changed = msgspec.structs.replace(job, is_enabled=is_enabled)
    database.rows(connection, "edit_job", _values(changed))


def remove(connection: Connection[Any], name: str, as_of: datetime) -> None:
    """Remove a job and its runs; raises `NotFound`, and `Refused` while it runs."""
    [row] = listed(connection, as_of, name)
    if row["last_status"] == "running":
        raise Refused(f"job: {name} is running; wait for its end, or for its timeout")
    database.rows(connection, "remove_job", {"name": name})


def ask(connection: Connection[Any], name: str, by: str, as_of: datetime) -> int:
    """Ask for a run now, which a scheduler starts; returns its number.

    Raises `NotFound`, and `Refused` while the job runs or was asked for already.
    """
    [row] = listed(connection, as_of, name)
    values = {"job": name, "as_of": as_of, "asked_by": by}
    found = database.row(connection, "ask_job_run", values)
    if found is None:
        state = "is running" if row["last_status"] == "running" else "was asked for already"
        raise Refused(f"job: {name} {state}; `thor jobs history {name}` shows it")
    return int(found["id"])


def check(connection: Connection[Any], job: Job) -> None:
    """Raise `Rejected` where a job cannot be: it names the field, and gives an example."""
    if not job.command or not job.command[0]:
        raise Rejected("command: is empty; give a program and its arguments, as: thor lake verify")
    if job.policy not in POLICIES:
        raise Rejected(f"policy: {job.policy!r} is none of {', '.join(POLICIES)}")
    found = schedules.parse(job.schedule, job.zone)
    if isinstance(found, SessionMoment):
        check_calendar(connection, job.schedule, found)


def check_calendar(connection: Connection[Any], schedule: str, moment: SessionMoment) -> None:
    """Raise `Rejected` where a schedule names a calendar without sessions."""
    rows = database.rows(connection, "calendars_with_sessions")
    known = [row["calendar"] for row in rows]
    if moment.calendar not in known:
        raise Rejected(
            f"schedule: {schedule!r} names the calendar {moment.calendar}, which has no sessions; "
            f"there are {', '.join(known) or 'none: `thor db sessions` computes them'}"
        )


def split(command: str) -> tuple[str, ...]:
    """Return the arguments of a command line, quotes as in a shell; raises `Rejected`."""
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise Rejected(f"command: {command!r} cannot be read, {str(error).lower()}") from error


class _checked:
    """Raises `Rejected` in place of the driver's error where a check of the table fails."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, database.IntegrityError | database.DataError):
            diag: Any = getattr(error, "diag", None)
            column = {"jobs_name_check": "name: give small letters, digits, _ and -, as my_job"}
            why = column.get(diag.constraint_name or "", diag.message_primary)
            raise Rejected(str(why)) from error


def _values(job: Job) -> dict[str, Any]:
    return {**msgspec.structs.asdict(job), "command": list(job.command)}
