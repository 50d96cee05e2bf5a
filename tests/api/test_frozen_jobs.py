"""A job's frozen process is named in every report, until it continues."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from served import Api, serving
from ticks_made import wait_for
from typer.testing import CliRunner

from thor import clock
from thor.cli import app
from thor.ops import checks, heartbeat
from thor.reference import instruments
from thor.services.home import Home
from thor.services.identity import identity
from thor.services.status import HomeStatus, ProcessStatus, write_status

JOBS = ("bars", "gaps", "simulate")
# A report so much later: a beat is due every five seconds.
LATER = timedelta(seconds=25)


@contextmanager
def running(job: str, env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a job as a process of its own meanwhile."""
    process = subprocess.Popen([sys.executable, "-m", f"jobs.{job}"], env=env)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def of_home(home: Home, jobs: dict[str, int]) -> None:
    """Write the status that a supervisor of these jobs would write."""
    processes = {
        name: ProcessStatus(
            name=name, kind="job", state="running", log=str(home.log(name)), process=identity(pid)
        )
        for name, pid in jobs.items()
    }
    home.run.mkdir(parents=True, exist_ok=True)
    write_status(
        home,
        HomeStatus(home=str(home.path), supervisor=identity(os.getpid()), processes=processes),
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user who would run the servers may enter; pytest's own is closed."""
    with tempfile.TemporaryDirectory(prefix="thor-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.editions("plain")
def test_a_frozen_job_is_named_in_every_report_until_it_continues(
    connection: psycopg.Connection[Any],
    database_url: str,
    redis_url: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instruments.renew_sessions(connection, clock.now().date())
    home = Home(folder / "home")
    home.run.mkdir(parents=True)
    given = {
        "THOR_HOME": str(home.path), "THOR_DATABASE_URL": database_url, "THOR_REDIS_URL": redis_url
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    real_now = clock.now
    with (
        running("bars", {**os.environ}) as bars,
        running("gaps", {**os.environ}) as gaps,
        running("simulate", {**os.environ}) as simulate,
        serving(database_url, redis_url) as api,
        redis.Redis.from_url(redis_url) as client,
    ):
        pids = {"bars": bars.pid, "gaps": gaps.pid, "simulate": simulate.pid}
        of_home(home, pids)
        for job in JOBS:
            wait_for(lambda job=job: client.exists(f"thor:job:{job}"), f"the first beat of {job}")
        assert faults(api) == []
        for process in (bars, gaps, simulate):
            process.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(clock, "now", lambda: real_now() + LATER)
        assert faults(api) == list(JOBS)
        metrics = api.http.get("/metrics").text
        assert all(f'thor_job_up{{job="{job}"}} 0.0' in metrics for job in JOBS)
        shown = CliRunner().invoke(app, ["status", "--json"]).output
        assert shown.count('"failing"') == 3
        doctor = CliRunner().invoke(app, ["doctor", "--json"]).output
        assert doctor.count("it is frozen or was killed") == 3
        beats = [checks.beat_of_home(home, job) for job in JOBS]
        bars.send_signal(signal.SIGCONT)
        wait_for(
            lambda: heartbeat.read(home.heartbeat("bars")) != beats[0], "the next beat of bars"
        )
        monkeypatch.setattr(clock, "now", real_now)
        assert checks.job_fault(checks.beat_of_home(home, "bars"), clock.now()) is None


def faults(api: Api) -> list[str]:
    """Return the jobs that the API names as not well."""
    health = api.http.get("/health").json()
    return [reason.split(":")[0] for reason in health["reasons"] if "frozen" in reason]
