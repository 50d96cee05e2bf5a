"""Check a server: which PostgreSQL fits which TimescaleDB, and its settings.

Data and functions without input or output: takes facts about a server, gives findings.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

Version = tuple[int, ...]

POSTGRES_MIN, POSTGRES_MAX = 16, 18
TIMESCALEDB_MIN: Version = (2, 29, 2)
TIMESCALEDB_RECOMMENDED: Version = (2, 31, 2)
# These two minor releases changed a structure that extensions read; the next reverted it.
_CHANGED_UNDER_EXTENSIONS: frozenset[Version] = frozenset({(16, 5), (17, 1), (15, 9)})
# From these minor releases on no background job of an older TimescaleDB succeeds.
_JOBS_STOP_FROM: dict[int, int] = {15: 20, 16: 16, 17: 12, 18: 7}
_JOBS_GO_ON: tuple[tuple[Version, Version], ...] = (
    ((2, 28, 5), (2, 29)),
    (TIMESCALEDB_RECOMMENDED, (999,)),
)
_LOSES_BARS: Version = (2, 22, 0)
# One refresh for each width and a columnstore policy may run at once, beside one scheduler for each
# database.
_JOBS_AT_ONCE = 5
# The server's own processes that use a worker, as the vendor counts them.
_WORKERS_OF_THE_SERVER = 3


class Finding(msgspec.Struct, frozen=True):
    """A finding: the thing checked, its value, and the fix where it is wrong."""

    what: str
    found: str
    verdict: Literal["good", "note", "wrong"] = "good"
    fix: str = ""


def version(text: str) -> Version:
    """Return the numbers that a version begins with: `18.6 (Debian 18.6-1)` gives (18, 6)."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def pair_faults(postgres: str, timescaledb: str) -> list[tuple[str, str]]:
    """Return the known faults of this pair, each with its fix; empty for a good one."""
    server, extension = version(postgres), version(timescaledb)
    faults = []
    if server[:2] in _CHANGED_UNDER_EXTENSIONS:
        newer = f"{server[0]}.{server[1] + 1}"
        faults.append(
            (
                f"PostgreSQL {postgres} changed a structure under extensions built for others",
                f"move to PostgreSQL {newer} or newer",
            )
        )
    if extension == _LOSES_BARS:
        faults.append((f"TimescaleDB {timescaledb} leaves gaps in bars", _newer()))
    elif extension < TIMESCALEDB_MIN:
        faults.append((f"TimescaleDB {timescaledb} is too old for Thor", _newer()))
    if _jobs_stop(server, extension):
        faults.append(
            (
                f"on PostgreSQL {postgres} every background job of TimescaleDB {timescaledb} "
                "fails: no refresh, no columnstore",
                _newer(),
            )
        )
    return faults


def server_findings(server: Mapping[str, Any], edition: str | None) -> Iterator[Finding]:
    """Yield findings on a server: `server` is the statement `server_facts`.

    `edition` is the database's; None where Thor has not created it yet.
    """
    yield _postgres(server)
    yield _time_zone(server)
    if edition == "timescale":
        yield from _community(server)
    elif server["timescaledb_offered"] is not None:
        yield _unused(server, edition)


def _postgres(server: Mapping[str, Any]) -> Finding:
    major = version(server["version"])[0]
    if POSTGRES_MIN <= major <= POSTGRES_MAX:
        return Finding("PostgreSQL", server["version"])
    return Finding("PostgreSQL", server["version"], "wrong", "use PostgreSQL 16, 17 or 18")


def _time_zone(server: Mapping[str, Any]) -> Finding:
    zone = server["time_zone"]
    if zone in ("UTC", "Etc/UTC", "GMT", "Etc/GMT"):
        return Finding("time zone", zone)
    fix = "set timezone = 'UTC' in postgresql.conf: psql shows times in this one, Thor in UTC"
    return Finding("time zone", zone, "note", fix)


def _community(server: Mapping[str, Any]) -> Iterator[Finding]:
    here = server["timescaledb"]
    if here is None:
        fix = "restore the database from a dump: its extension was dropped, and its bars with it"
        yield Finding("TimescaleDB", "the extension is not in this database", "wrong", fix)
        return
    if server["license"] != "timescale":
        found = f"a Community database under timescaledb.license = {server['license'] or 'unset'}"
        fix = "set timescaledb.license = 'timescale' and restart; the server must be Community's"
        yield Finding("TimescaleDB licence", found, "wrong", fix)
    faults = pair_faults(server["version"], here)
    for found, fix in faults:
        yield Finding("TimescaleDB", found, "wrong", fix)
    if not faults:
        yield _recommended(here)
    offered = server["timescaledb_offered"]
    if offered is not None and version(here) < version(offered):
        fix = "as the first command of a new `psql -X`: alter extension timescaledb update"
        yield Finding("TimescaleDB update", f"{here} here, {offered} on the server", "note", fix)
    if server["telemetry"] != "off":
        found = f"timescaledb.telemetry_level = {server['telemetry']}"
        fix = "set timescaledb.telemetry_level = off: the server reports to its vendor"
        yield Finding("TimescaleDB telemetry", found, "note", fix)
    yield _workers(server)


def _recommended(here: str) -> Finding:
    if version(here) >= TIMESCALEDB_RECOMMENDED:
        return Finding("TimescaleDB", here)
    ends = ", ".join(f"{major}.{minor}" for major, minor in sorted(_JOBS_STOP_FROM.items())[1:])
    fix = f"{_newer()}: this one's jobs stop with PostgreSQL {ends}"
    return Finding("TimescaleDB", here, "note", fix)


def _workers(server: Mapping[str, Any]) -> Finding:
    jobs, slots = server["workers"], server["worker_slots"]
    jobs_min = server["databases"] + _JOBS_AT_ONCE
    slots_min = _WORKERS_OF_THE_SERVER + jobs + server["parallel_workers"]
    found = f"{jobs} for TimescaleDB, {slots} in all"
    if jobs < jobs_min:
        fix = f"set timescaledb.max_background_workers = {jobs_min}: one a database, "
        fix += f"{_JOBS_AT_ONCE} for jobs at once"
        return Finding("background workers", found, "wrong", fix)
    if slots < slots_min:
        fix = f"set max_worker_processes = {slots_min}: jobs find no worker otherwise"
        return Finding("background workers", found, "wrong", fix)
    return Finding("background workers", found)


def _unused(server: Mapping[str, Any], edition: str | None) -> Finding:
    offered, here = server["timescaledb_offered"], server["timescaledb"]
    libraries = server["preloaded"]
    made = "this database is plain" if edition else "`thor db up` wants THOR_EDITION=plain"
    if libraries is not None and "timescaledb" not in libraries.replace(" ", "").split(","):
        fix = "for a Community database add timescaledb to shared_preload_libraries and restart"
        return Finding("TimescaleDB", f"{offered} offered, not preloaded: {made}", "note", fix)
    if server["license"] == "apache":
        return Finding("TimescaleDB", f"{here} under the Apache licence, not used: {made}", "note")
    if edition is None:
        return Finding("TimescaleDB", f"{offered} offered")
    fix = "`thor db copy` moves it to a Community database, where the server is Community's"
    return Finding("TimescaleDB", f"{offered} offered, not used: {made}", "note", fix)


def _jobs_stop(server: Version, extension: Version) -> bool:
    since = _JOBS_STOP_FROM.get(server[0])
    if since is None or server[1:2] < (since,):
        return False
    return not any(first <= extension < end for first, end in _JOBS_GO_ON)


def _newer() -> str:
    wanted = ".".join(map(str, TIMESCALEDB_RECOMMENDED))
    return f"move to TimescaleDB {wanted} or newer"
