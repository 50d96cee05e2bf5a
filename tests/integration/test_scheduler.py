"""The scheduler: each due moment runs once, by its policy, whatever happens to who runs it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from thor import clock, database, observe
from thor.domain.hours import session_on
from thor.errors import NotFound, Refused, Rejected
from thor.ops import jobs
from thor.ops.jobs import Job
from thor.ops.scheduler import Scheduler, run_now
from thor.runtime import Stop

# A Sunday noon in Chicago: the day's clocks changed at 08:00 UTC.
START = datetime(2026, 3, 8, 17, tzinfo=UTC)
WITHIN_S = 20.0


class Desk:
    """A database with jobs of one test, and a clock that the test moves."""

    def __init__(self, url: str, connection: psycopg.Connection[Any]) -> None:
        self.url, self.connection = url, connection
        self.now = START
        self._schedulers: list[Scheduler] = []

    def scheduler(self, host: str = "a", **more: Any) -> Scheduler:
        found = Scheduler(
            self.url, Stop(), observe.logger("test"), now=lambda _: self.now, host=host,
            every_s=0.0, **more,
        )  # fmt: skip
        self._schedulers.append(found)
        return found

    def job(self, name: str, code: str = "print('done')", **more: Any) -> None:
        command = ("python", "-c", code)
        jobs.add(self.connection, Job(name=name, command=command, **more))

    def turn_until(self, scheduler: Scheduler, done: Callable[[], bool]) -> None:
        """Turn until something is true; it is waited for, not slept for."""
        deadline = clock.monotonic_s() + WITHIN_S
        while not done():
            assert clock.monotonic_s() < deadline, self.runs()
            scheduler.turn()
            clock.sleep_s(0.01)

    def settle(self, scheduler: Scheduler) -> None:
        """Turn until nothing runs and nothing is due."""
        scheduler.turn()
        self.turn_until(scheduler, lambda: self._is_idle(scheduler))

    def _is_idle(self, scheduler: Scheduler) -> bool:
        before = len(self.runs())
        scheduler.turn()
        return scheduler.running == 0 and len(self.runs()) == before

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)

    def runs(self, *columns: str) -> list[Any]:
        """Return all runs by their moment: status and moment, or the columns named."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("select * from ops.job_runs order by due_at, id").fetchall()
        if not columns:
            return [f"{row['due_at']:%m-%d %H:%M} {row['status']}" for row in found]
        return [tuple(row[column] for column in columns) for row in found]

    def fault(self, name: str) -> str | None:
        [row] = jobs.listed(self.connection, self.now, name)
        return None if row["fault"] is None else str(row["fault"])

    def close(self) -> None:
        for scheduler in self._schedulers:
            scheduler.close()


@pytest.fixture
def desk(kept_url: str) -> Iterator[Desk]:
    """A database without another job."""
    with database.connect(kept_url, "test") as connection:
        connection.execute("delete from ops.jobs")
        found = Desk(kept_url, connection)
        yield found
        found.close()


@pytest.fixture(scope="module")
def sessions(kept_url: str) -> str:
    """The database with the sessions of CME_EQUITY around Thanksgiving 2026."""
    early = {26: time(12), 27: time(12, 15)}
    with database.connect(kept_url, "test") as connection:
        for number in (24, 25, 26, 27, 30):
            session = session_on("CME_EQUITY", date(2026, 11, number), close=early.get(number))
            database.rows(connection, "upsert_session", msgspec.structs.asdict(session))
        # The one that comes next, however far away.
        ahead = session_on("CME_EQUITY", date(2026, 12, 1))
        database.rows(connection, "upsert_session", msgspec.structs.asdict(ahead))
    return kept_url


@pytest.mark.parametrize(
    ("policy", "ran"),
    [
        ("catch_up", ["03-09 07:30 succeeded", "03-10 07:30 succeeded", "03-11 07:30 succeeded"]),
        ("latest", ["03-09 07:30 skipped", "03-10 07:30 skipped", "03-11 07:30 succeeded"]),
        ("skip", ["03-09 07:30 skipped", "03-10 07:30 skipped", "03-11 07:30 skipped"]),
    ],
)
def test_three_days_of_downtime_are_made_up_for_by_the_policy(
    desk: Desk, policy: Any, ran: list[str]
) -> None:
    desk.job("nightly", schedule="30 2 * * *", policy=policy)
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    assert desk.runs() == []
    desk.move(days=3)
    desk.settle(scheduler)
    assert desk.runs() == ran
    desk.move(days=1)
    desk.settle(desk.scheduler("b"))
    assert desk.runs()[:3] == ran


def test_over_both_changes_of_the_clocks_each_night_runs_once(desk: Desk) -> None:
    desk.job("nightly", schedule="30 1 * * *", policy="catch_up")
    desk.job("gap", schedule="30 2 * * *", policy="catch_up")
    scheduler = desk.scheduler()
    desk.now = datetime(2026, 3, 7, 18, tzinfo=UTC)
    desk.settle(scheduler)
    desk.move(days=2)
    desk.settle(scheduler)
    assert desk.runs("job", "due_at") == [
        ("nightly", datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        ("gap", datetime(2026, 3, 8, 8, 0, tzinfo=UTC)),
        ("nightly", datetime(2026, 3, 9, 6, 30, tzinfo=UTC)),
        ("gap", datetime(2026, 3, 9, 7, 30, tzinfo=UTC)),
    ]
    desk.connection.execute("delete from ops.job_runs")
    desk.connection.execute("delete from ops.jobs where name = 'gap'")
    desk.connection.execute(
        "update ops.job_states set seen_until = '2026-10-31 18:00Z', next_at = null, "
        "seen_at = seen_until"
    )
    # Within the hour that comes twice, at both of its 01:30.
    for hour in (6, 7):
        desk.now = datetime(2026, 11, 1, hour, 30, 2, tzinfo=UTC)
        desk.settle(scheduler)
    assert desk.runs() == ["11-01 06:30 succeeded"]


def test_the_export_follows_the_early_close_of_a_holiday(desk: Desk, sessions: str) -> None:
    desk.job("after_close", schedule="close(CME_EQUITY) + 2 min", policy="catch_up")
    desk.now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    desk.now = datetime(2026, 12, 1, tzinfo=UTC)
    desk.settle(scheduler)
    # 16:00 Chicago, Thanksgiving until noon, the Friday after it until 12:15.
    assert desk.runs() == [
        "11-25 22:02 succeeded", "11-26 18:02 succeeded", "11-27 18:17 succeeded",
        "11-30 22:02 succeeded",
    ]  # fmt: skip


def test_two_schedulers_run_each_moment_once(desk: Desk) -> None:
    for number in range(4):
        desk.job(f"job{number}", schedule="* * * * *", policy="catch_up")
    desk.settle(desk.scheduler())
    desk.move(minutes=5)
    schedulers = [desk.scheduler(host) for host in ("b", "c")]

    def work(scheduler: Scheduler) -> None:
        deadline = clock.monotonic_s() + WITHIN_S
        while clock.monotonic_s() < deadline:
            scheduler.turn()
            with database.connect(desk.url, "test") as connection:
                found = connection.execute(
                    "select count(*) from ops.job_runs where status = 'succeeded'"
                ).fetchone()
            if found == (20,) and scheduler.running == 0:
                return

    threads = [threading.Thread(target=work, args=(one,)) for one in schedulers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ran = desk.runs("job", "due_at", "attempt", "log", "status")
    assert len(ran) == len({row[:2] for row in ran}) == 20
    assert {row[2:] for row in ran} == {(1, "done\n", "succeeded")}
    assert {row[0] for row in desk.runs("host")} == {"b", "c"}


def test_a_job_that_hangs_is_killed_with_what_it_started(desk: Desk) -> None:
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    desk.job("hangs", code, schedule="0 * * * *", timeout=timedelta(seconds=1))
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    desk.move(hours=1)
    scheduler.turn()
    attempt = scheduler._attempts[0]
    desk.turn_until(scheduler, lambda: attempt._kill_at_s is not None)
    # It ignores the request to end; five seconds are not waited for here.
    attempt._kill_at_s = 0.0
    desk.turn_until(scheduler, lambda: scheduler.running == 0)
    [(status, log, error)] = desk.runs("status", "log", "error")
    assert (status, error) == ("timed_out", "it was killed after 0:00:01, its timeout")
    assert desk.fault("hangs") == f"its last run took too long: {error}"
    deadline = clock.monotonic_s() + WITHIN_S
    while _lives(int(log)):
        assert clock.monotonic_s() < deadline
        clock.sleep_s(0.01)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with Path(f"/proc/{pid}/stat").open() as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_of_much_output_the_first_and_the_last_part_are_kept(desk: Desk) -> None:
    # 20 MB: a million lines of 20 bytes.
    code = (
        "import sys\n"
        "for n in range(0, 1_000_000, 1000):\n"
        "    sys.stdout.write(''.join(f'line {m:014d}\\n' for m in range(n, n + 1000)))\n"
    )
    desk.job("talks", code, schedule="0 * * * *")
    scheduler = desk.scheduler(kept=1000)
    desk.settle(scheduler)
    desk.move(hours=1)
    desk.settle(scheduler)
    [(status, log, total)] = desk.runs("status", "log", "log_bytes")
    assert (status, total) == ("succeeded", 20_000_000)
    assert log.startswith("line 00000000000000\nline 00000000000001\n")
    assert "\n[19,998,000 bytes are left out here]\n" in log
    assert log.endswith("line 00000000999998\nline 00000000999999\n")
    assert len(log) < 2100


def test_a_job_that_fails_for_ever_is_tried_again_later_each_time_and_named(desk: Desk) -> None:
    desk.job("fails", "import sys; print('no disk'); sys.exit(3)", schedule="0 12 * * *", retries=2)
    scheduler = desk.scheduler()
    desk.now = datetime(2026, 3, 9, 16, 59, tzinfo=UTC)
    desk.settle(scheduler)
    desk.move(minutes=1)
    desk.settle(scheduler)
    assert desk.runs("status", "attempt", "retry_at") == [
        ("retrying", 1, desk.now + timedelta(seconds=30))
    ]
    assert desk.fault("fails") is None
    desk.move(seconds=29)
    desk.settle(scheduler)
    assert desk.runs("attempt") == [(1,)]
    desk.move(seconds=1)
    desk.settle(scheduler)
    assert desk.runs("status", "attempt", "retry_at") == [
        ("retrying", 2, desk.now + timedelta(seconds=60))
    ]
    desk.move(seconds=60)
    desk.settle(scheduler)
    [(status, attempt, code, error, log)] = desk.runs(
        "status", "attempt", "exit_code", "error", "log"
    )
    assert (status, attempt, code, error) == ("failed", 3, 3, "ended with 3: no disk")
    assert log == "no disk\n\n[attempt 2]\nno disk\n\n[attempt 3]\nno disk\n"
    assert desk.fault("fails") == "its last run failed: ended with 3: no disk"
    desk.move(hours=1)
    desk.settle(scheduler)
    assert len(desk.runs()) == 1


def test_a_command_that_is_not_there_fails_by_name(desk: Desk) -> None:
    job = Job(name="gone", command=("no-such-program", "--now"), schedule="0 * * * *")
    jobs.add(desk.connection, job)
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    desk.move(hours=1)
    desk.settle(scheduler)
    [(status, error)] = desk.runs("status", "error")
    assert status == "failed"
    assert "command: cannot be run" in error
    assert "no-such-program" in error


@pytest.mark.parametrize(
    ("policy", "then"), [("latest", "03-08 18:00 succeeded"), ("skip", "03-08 18:00 abandoned")]
)
def test_the_run_of_a_killed_scheduler_is_found_abandoned(
    desk: Desk, policy: Any, then: str
) -> None:
    code = "import time; print('begun', flush=True); time.sleep(600)"
    desk.job("long", code, schedule="0 13 * * *", policy=policy)
    desk.settle(desk.scheduler("b"))
    # A real process, killed in the middle of the run.
    runner = (
        "import sys; from datetime import datetime; from thor import observe;"
        "from thor.ops.scheduler import Scheduler; from thor.runtime import Stop; import time;"
        f"at = datetime.fromisoformat('{desk.now + timedelta(hours=1)}');"
        "one = Scheduler(sys.argv[1], Stop(), observe.logger('x'), now=lambda _: at, host='a');"
        "one.turn(); print('pid', one._attempts[0]._child.pid, flush=True); time.sleep(600)"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", runner, desk.url], stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout is not None
    pid = int(next(line for line in killed.stdout if line.startswith("pid"))[4:])
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    deadline = clock.monotonic_s() + WITHIN_S
    while _lives(pid):
        assert clock.monotonic_s() < deadline, "what it started outlives it"
        clock.sleep_s(0.01)
    desk.move(hours=1, seconds=59)
    desk.settle(desk.scheduler("b"))
    assert desk.runs() == ["03-08 18:00 running"]
    desk.connection.execute("update ops.jobs set command = '{python,-c,print(1)}'")
    desk.move(seconds=2)
    desk.settle(desk.scheduler("c"))
    assert desk.runs() == [then]
    [(attempt, host, error)] = desk.runs("attempt", "host", "error")
    if policy == "latest":
        assert (attempt, host, error) == (2, "c", None)
        assert desk.fault("long") is None
    else:
        assert "its scheduler, a, has not reported it since 2026-03-08 18:00:00 UTC" in error
        assert str(desk.fault("long")).startswith("its last run was abandoned: ")


def test_a_scheduler_that_stops_leaves_its_run_to_the_next(desk: Desk) -> None:
    code = "import time; print('begun', flush=True); time.sleep(600)"
    desk.job("long", code, schedule="0 13 * * *")
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    desk.move(hours=1)
    scheduler.turn()
    attempt = scheduler._attempts[0]
    desk.turn_until(scheduler, lambda: attempt.output.total > 0)
    scheduler.close()
    [(status, log, error)] = desk.runs("status", "log", "error")
    assert (status, log, error) == (
        "retrying", "begun\n", "abandoned: its scheduler was stopped",
    )  # fmt: skip


def test_a_schedule_edited_in_psql_is_the_jobs_error_and_no_crash(desk: Desk) -> None:
    desk.job("edited", schedule="0 * * * *")
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    for schedule, zone, why in (
        ("75 * * * *", "UTC", "schedule: '75 * * * *' is no cron, bad minute; write cron, as"),
        ("close(MARS) + 5 min", "UTC", "names the calendar MARS, which has no sessions; there"),
        ("0 * * * *", "posix/UTC0", "zone: 'posix/UTC0' is no time zone, as America/Chicago is"),
    ):
        desk.connection.execute("update ops.jobs set schedule = %s, zone = %s", (schedule, zone))
        desk.move(hours=1)
        desk.settle(scheduler)
        assert why in str(desk.fault("edited"))
    assert desk.runs() == []
    desk.connection.execute("update ops.jobs set schedule = '0 * * * *', zone = 'UTC'")
    desk.settle(scheduler)
    desk.move(hours=1)
    desk.settle(scheduler)
    assert (desk.runs(), desk.fault("edited")) == (["03-08 21:00 succeeded"], None)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("schedule", "every day", "jobs_schedule_is_cron_or_session"),
        ("schedule", "close(cme) + 5 min", "jobs_schedule_is_cron_or_session"),
        ("zone", "Mars", 'time zone "Mars" not recognized'),
        ("policy", "never", "jobs_policy_check"),
        ("command", "{}", "jobs_command_check"),
    ],
)
def test_psql_refuses_what_is_no_job(desk: Desk, column: str, value: str, why: str) -> None:
    desk.job("edited", schedule="0 * * * *")
    with pytest.raises(psycopg.Error) as refused:
        desk.connection.execute(f"update ops.jobs set {column} = %s".encode(), (value,))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schedule": "75 * * * *"}, "schedule: '75 * * * *' is no cron"),
        ({"schedule": "close(MARS)"}, "schedule: 'close(MARS)' names the calendar MARS"),
        ({"zone": "Mars"}, "zone: 'Mars' is no time zone"),
        ({"policy": "never"}, "policy: 'never' is none of catch_up, latest, skip"),
        ({"command": ()}, "command: is empty"),
        ({"name": "My Job"}, "name: give small letters"),
    ],
)
def test_a_job_that_cannot_be_is_refused_by_name(
    desk: Desk, change: dict[str, Any], why: str
) -> None:
    job = Job(name="mine", command=("thor", "status"), schedule="0 * * * *")
    with pytest.raises(Rejected) as refused:
        jobs.add(desk.connection, msgspec.structs.replace(job, **change))
    assert why in str(refused.value)
    assert jobs.listed(desk.connection, desk.now) == []


def test_what_a_paused_job_missed_is_not_made_up_for(desk: Desk) -> None:
    desk.job("nightly", schedule="0 0 * * *", policy="catch_up", zone="UTC")
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    jobs.set_enabled(desk.connection, "nightly", desk.now, is_enabled=False)
    desk.settle(scheduler)
    desk.move(days=3)
    desk.settle(scheduler)
    jobs.set_enabled(desk.connection, "nightly", desk.now, is_enabled=True)
    desk.settle(scheduler)
    assert desk.runs() == []
    desk.move(days=1)
    desk.settle(scheduler)
    assert desk.runs() == ["03-12 00:00 succeeded"]


def test_a_job_that_nobody_starts_is_overdue(desk: Desk) -> None:
    desk.job("nightly", schedule="0 0 * * *", zone="UTC")
    desk.settle(desk.scheduler())
    desk.move(days=1)
    assert desk.fault("nightly") == "overdue since 2026-03-09 00:00 UTC; does a scheduler run?"
    with pytest.raises(NotFound, match="job: 'night' is none of nightly"):
        desk.fault("night")


def test_a_run_that_a_person_asks_for_starts_once(desk: Desk) -> None:
    desk.job("mine", schedule="0 0 1 1 *")
    scheduler = desk.scheduler()
    desk.settle(scheduler)
    run = jobs.ask(desk.connection, "mine", "ana", desk.now)
    with pytest.raises(Refused, match="job: mine was asked for already"):
        jobs.ask(desk.connection, "mine", "ana", desk.now + timedelta(seconds=1))
    desk.settle(scheduler)
    assert desk.runs("id", "asked_by", "status", "log") == [(run, "ana", "succeeded", "done\n")]


def test_a_run_in_a_terminal_shows_its_output_and_is_kept(desk: Desk) -> None:
    desk.job("mine", "import sys; print('one'); sys.exit(4)", schedule="0 0 1 1 *", retries=3)
    shown: list[bytes] = []
    found = run_now(desk.connection, "mine", "ana", Stop(), shown.append)
    assert (found.status, found.exit_code, found.error) == ("failed", 4, "ended with 4: one")
    assert b"".join(shown) == b"one\n"
    assert desk.runs("status", "asked_by", "log") == [("failed", "ana", "one\n")]
