"""`thor jobs`: what runs by the clock, and what ran.

Reads and changes ops.jobs; shows ops.job_runs.
"""

import getpass
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, notes, open_database, show
from thor.errors import Rejected

app = typer.Typer(
    no_args_is_help=True, help="Jobs by the market's clock: list, run, pause, add, and their runs."
)

Name = Annotated[str, typer.Argument(help="The job: export_trade_date.")]
Schedule = Annotated[
    str, typer.Option(help="Cron, as '30 2 * * MON-FRI', or 'close(CME_EQUITY) + 5 min'.")
]
Command = Annotated[list[str], typer.Argument(help="The command, behind --: -- thor lake verify.")]
Zone = Annotated[str | None, typer.Option(help="Whose clock cron is on; America/Chicago.")]
Policy = Annotated[
    str | None, typer.Option(help="Missed moments: catch_up, latest (usual) or skip.")
]
Retries = Annotated[int | None, typer.Option(min=0, help="Tries after one that failed; 0.")]
Timeout = Annotated[str | None, typer.Option(help="An attempt's longest: 90s, 30min, 6h; 1h.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the jobs: when each runs next, and how its last run ended."""
    from thor.ops import jobs
    from thor.ops.scheduler import database_clock

    with open_database() as connection:
        now = database_clock(connection)
        rows = jobs.listed(connection, now)
    if as_json:
        show(rows, "jobs", as_json=True)
        return
    shown = [
        {
            "job": row["name"],
            "schedule": row["schedule"],
            "next": "paused" if not row["is_enabled"] else _short(row["next_at"]),
            "last": _short(row["last_started_at"]),
            "status": row["last_status"] or "never ran",
        }
        for row in rows
    ]
    show(shown, f"jobs, UTC; now {_short(now)}", as_json=False)
    for row in rows:
        if row["fault"]:
            console.print(f"{row['name']}: {row['fault']}", markup=False, highlight=False)


@app.command("history")
def history(
    name: Annotated[str | None, typer.Argument(help="The job; all of them.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest runs.")] = 20,
    log: Annotated[bool, typer.Option("--log", help="With their output, oldest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the newest runs of a job, or of all; with --log their output."""
    from thor.ops import jobs
    from thor.ops.scheduler import database_clock

    with open_database() as connection:
        if name is not None:
            jobs.listed(connection, database_clock(connection), name)
        rows = jobs.runs(connection, name, limit=limit)
    if as_json:
        show(rows, "runs", as_json=True)
        return
    if log:
        for row in reversed(rows):
            console.print(
                f"== {row['job']}, due {_short(row['due_at'])}: {row['status']}",
                markup=False, highlight=False,
            )  # fmt: skip
            sys.stdout.write(row["log"] if row["log"].endswith("\n") else f"{row['log']}\n")
        return
    shown = [
        {
            "job": row["job"],
            "due": _short(row["due_at"]),
            "took": _took(row["started_at"], row["ended_at"]),
            "try": row["attempt"],
            "status": row["status"],
            "reason": row["error"],
        }
        for row in rows
    ]
    show(shown, "runs, UTC", as_json=False)


@app.command("run")
def run(name: Name, as_json: AsJson = False) -> None:
    """Run a job now, here, showing its output; its failure is this command's."""
    import msgspec

    from thor.ops.scheduler import run_now
    from thor.runtime import Stop

    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def on_output(block: bytes) -> None:
        if not as_json:
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()

    with open_database() as connection:
        outcome = run_now(connection, name, getpass.getuser(), stop, on_output)
    if as_json:
        show([{"job": name, **msgspec.structs.asdict(outcome)}], "run", as_json=True)
    else:
        notes.print(f"{name}: {outcome.error or outcome.status}", markup=False, highlight=False)
    if outcome.status != "succeeded":
        code = outcome.exit_code or 1
        raise typer.Exit(code if code > 0 else 1)


@app.command("pause")
def pause(name: Name) -> None:
    """Keep a job from running by its schedule; `thor jobs run` still does."""
    _set_enabled(name, is_enabled=False)
    console.print(f"{name} is paused; `thor jobs resume {name}` lets it run again")


@app.command("resume")
def resume(name: Name) -> None:
    """Let a job run by its schedule again; what it missed is not made up for."""
    _set_enabled(name, is_enabled=True)
    console.print(f"{name} runs by its schedule again")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits, _ and -.")],
    command: Command,
    schedule: Schedule,
    zone: Zone = None,
    policy: Policy = None,
    retries: Retries = None,
    timeout: Timeout = None,
    description: Description = None,
) -> None:
    """Add a job of your own; its command runs without a shell."""
    from thor.ops import jobs

    given = _given(zone, policy, retries, timeout, description)
    job = jobs.Job(name=name, command=_command(command), schedule=schedule, **given)
    with open_database() as connection:
        jobs.add(connection, job)
    console.print(f"{name} is added: {schedule}", markup=False, highlight=False)


@app.command("edit")
def edit(
    name: Name,
    command: Annotated[list[str] | None, typer.Argument(help="Another command, behind --.")] = None,
    schedule: Annotated[str | None, typer.Option(help="Another schedule.")] = None,
    zone: Zone = None,
    policy: Policy = None,
    retries: Retries = None,
    timeout: Timeout = None,
    description: Description = None,
) -> None:
    """Change a job; what is not given stays."""
    import msgspec

    from thor.ops import jobs
    from thor.ops.scheduler import database_clock

    given = _given(zone, policy, retries, timeout, description)
    if schedule is not None:
        given["schedule"] = schedule
    if command:
        given["command"] = _command(command)
    if not given:
        raise Rejected("edit: nothing is given to change; see `thor jobs edit --help`")
    with open_database() as connection:
        job = jobs.find(connection, name, database_clock(connection))
        jobs.edit(connection, msgspec.structs.replace(job, **given))
    console.print(f"{name} is changed: {', '.join(given)}", markup=False, highlight=False)


@app.command("remove")
def remove(name: Name) -> None:
    """Remove a job, and with it the record of its runs."""
    from thor.ops import jobs
    from thor.ops.scheduler import database_clock

    with open_database() as connection:
        jobs.remove(connection, name, database_clock(connection))
    console.print(f"{name} is removed")


def _set_enabled(name: str, *, is_enabled: bool) -> None:
    from thor.ops import jobs
    from thor.ops.scheduler import database_clock

    with open_database() as connection:
        jobs.set_enabled(connection, name, database_clock(connection), is_enabled=is_enabled)


def _given(
    zone: str | None,
    policy: str | None,
    retries: int | None,
    timeout: str | None,
    description: str | None,
) -> dict[str, Any]:
    given = {
        "zone": zone,
        "policy": policy,
        "retries": retries,
        "timeout": None if timeout is None else _duration(timeout),
        "description": description,
    }
    return {field: value for field, value in given.items() if value is not None}


def _command(given: list[str]) -> tuple[str, ...]:
    """Return a command's arguments; one argument with spaces is read as a command line."""
    from thor.ops import jobs

    return jobs.split(given[0]) if len(given) == 1 else tuple(given)


def _duration(text: str) -> timedelta:
    count = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(count) :].strip()
    if not count.isdigit() or unit not in _UNITS:
        raise Rejected(f"--timeout: {text!r} is no time as 90s, 30min, 6h or 1d is")
    return timedelta(**{_UNITS[unit]: int(count)})


def _short(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%m-%d %H:%M}"


def _took(start: datetime | None, end: datetime | None) -> str:
    return "" if start is None or end is None else str(end - start).split(".", maxsplit=1)[0]
