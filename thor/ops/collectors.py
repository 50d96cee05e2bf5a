"""The last report of each live collector: the state of its feed, since when, and why.

Stage 95, ops. A collector reports to the bus and to its home; health, metrics and `thor status`
read that.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from thor.services.home import Home

# The states in which a feed is well; every other one needs a person.
WELL = frozenset({"live", "quiet"})
# A report is due every two seconds; a wait for Excel may take ten.
SILENT_S = 30.0


class CollectorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A collector's report. Times are UTC; `spilled` counts ticks that wait in a file.

    `faults` are for a person to fix, each with its position and the cure.
    """

    source: str
    state: str
    reason: str
    since: datetime
    at: datetime
    faults: list[str] = []
    spilled: int = 0
    ticks: int = 0


class TapeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The tape that is played: `speed` in words, 10x or max, and how many ticks are out.

    `is_over` once every tape of the run has been played.
    """

    file: str
    speed: str
    played: int
    ticks: int
    is_over: bool


def fault(status: CollectorStatus, now: datetime) -> str | None:
    """Return the fault of a feed at an instant, None where it has none."""
    silent_s = (now - status.at).total_seconds()
    if silent_s > SILENT_S:
        return f"its collector has not reported for {silent_s:.0f} s"
    if status.state not in WELL or status.spilled:
        return ", ".join(filter(None, (status.state, status.reason)))
    return None


def of_bus(reports: Mapping[str, bytes]) -> list[CollectorStatus]:
    """Return the reports on the bus, by source; unreadable ones are omitted."""
    found = []
    for _, report in sorted(reports.items()):
        with suppress(msgspec.MsgspecError):
            found.append(msgspec.json.decode(report, type=CollectorStatus))
    return found


def tape_of_bus(report: bytes | None) -> TapeStatus | None:
    """Return the tape that is played, None where none is."""
    with suppress(msgspec.MsgspecError):
        return None if report is None else msgspec.json.decode(report, type=TapeStatus)
    return None


def of_home(home: Home) -> list[CollectorStatus]:
    """Return the last report of each collector of a home, by source."""
    reports = {}
    for file in home.run.glob("collector-*.json"):
        with suppress(OSError):
            reports[file.name] = file.read_bytes()
    return of_bus(reports)


def status_file(home: Home, source: str) -> Path:
    """Return the file of a collector's last report."""
    return home.run / f"collector-{source}.json"
