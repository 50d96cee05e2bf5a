"""Find the jobs that are not well, and why: the one source of every report.

Stage 95, ops. `/health`, `/metrics`, `thor status`, `thor doctor` and the health checks of docker
compose read beats from the bus or from the home, and find the same faults in them.
"""

import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from thor.ops import heartbeat
from thor.ops.heartbeat import EVERY_S, Beat
from thor.services.home import Home
from thor.services.status import HomeStatus

# A beat is due every five seconds; a busy machine may miss three.
SILENT_S = 4 * EVERY_S
# Of less a server may soon be unable to write.
DISK_FREE_MIN_BYTES = 200 << 20


def job_fault(beat: Beat, now: datetime) -> str | None:
    """Return the fault of a job at an instant, None where it has none.

    A job that was stopped on purpose is well.
    """
    if beat.state == "stopped":
        return None
    if beat.state == "failed":
        return f"failed: {beat.reason}"
    silent_s = (now - beat.at).total_seconds()
    if silent_s > SILENT_S:
        return f"its process has not reported for {silent_s:.0f} s: it is frozen or was killed"
    if beat.state == "waiting":
        return f"waiting, {beat.reason}"
    turning_s = (now - beat.turned_at).total_seconds()
    if turning_s > beat.turn_within_s:
        return f"its loop has not turned for {turning_s:.0f} s"
    return None


def job_faults(beats: Iterable[Beat], now: datetime) -> dict[str, str]:
    """Return the faults of all jobs that are not well, by job."""
    found = {beat.job: job_fault(beat, now) for beat in beats}
    return {job: fault for job, fault in sorted(found.items()) if fault is not None}


def scheduled_faults(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each row of `ops.jobs_at` that has a fault, by the job's name."""
    return [f"job {row['name']}: {row['fault']}" for row in rows if row["fault"]]


def disk_faults(home: Path) -> list[str]:
    """Return a line where the disk of a home is nearly full."""
    try:
        free = shutil.disk_usage(next(one for one in (home, *home.parents) if one.exists())).free
    except OSError:
        return []
    if free >= DISK_FREE_MIN_BYTES:
        return []
    return [f"disk: {free >> 20} MB are free where {home} lies; free some"]


def clock_faults(ahead_s: Mapping[str, int]) -> list[str]:
    """Return a line for each source whose clock runs ahead of the bus's, by so many seconds."""
    return [
        f"{source}: its clock is {seconds} s ahead of the bus's, so that its ticks are refused; "
        f"set it, then `thor sources reset-clock {source}`"
        for source, seconds in sorted(ahead_s.items())
    ]


def beats_of_bus(reports: Mapping[str, dict[str, str]]) -> list[Beat]:
    """Return the beats on the bus; unreadable ones are omitted."""
    found = [heartbeat.of_fields(job, fields) for job, fields in reports.items()]
    return [beat for beat in found if beat is not None]


def faults_of_home(home: Home, status: HomeStatus, now: datetime) -> dict[str, str]:
    """Return the faults of the jobs that a home's supervisor runs now, by job."""
    running = [
        process.name
        for process in status.processes.values()
        if process.kind == "job" and process.state == "running"
    ]
    beats = [beat_of_home(home, name) for name in running]
    return job_faults([beat for beat in beats if beat is not None], now)


def beat_of_home(home: Home, job: str) -> Beat | None:
    """Return a job's last beat in a home, None where there is none."""
    return heartbeat.read(home.heartbeat(job))
