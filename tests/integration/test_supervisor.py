"""The supervisor: jobs that die, that are refused, that do not stop; servers that are killed."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from thor import clock
from thor.config import Settings
from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable
from thor.services import process
from thor.services import supervisor as supervisor_module
from thor.services.home import Home
from thor.services.identity import Identity, identity, is_alive
from thor.services.process import wait_until
from thor.services.running import RunningSystem, running
from thor.services.status import ProcessStatus, read_status
from thor.services.supervised import JobSpec, Supervised
from thor.services.supervisor import Supervisor, restart_job

ROOT = Path(__file__).parents[2]
WITHIN_S = 20.0
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")

# A supervisor without servers, in the main thread of a process of its own.
SUPERVISOR = """
import pathlib, sys
import thor.services.process as process
from thor.services.home import Home
from thor.services.supervisor import JobSpec, Supervisor, stop_left_jobs
if "orphan" in sys.argv:
    process._LIBC = None  # as on a system that does not signal a parent's death
with Home(pathlib.Path(sys.argv[1])).lock() as home:
    print("left", stop_left_jobs(home), flush=True)
    supervisor = Supervisor(home)
    supervisor.add(JobSpec("job", ("sleep", "600")))
    supervisor.run()
"""


@contextmanager
def open_folder() -> Iterator[Path]:
    """Any user may enter it; pytest's own folders are closed to all but one."""
    with tempfile.TemporaryDirectory(prefix="thor-supervisor-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.fixture
def home() -> Iterator[Home]:
    """A home that this process has locked."""
    with open_folder() as folder, Home(folder / "home").lock() as home:
        yield home


@pytest.fixture
def supervisor(home: Home) -> Iterator[Supervisor]:
    """A supervisor at work that has nothing to look after yet."""
    supervisor = Supervisor(home)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", _env_file=None)  # type: ignore[call-arg]


def shell(name: str, text: str, **env: str) -> JobSpec:
    return JobSpec(name, ("/bin/sh", "-c", text), env)


def await_job(home: Home, name: str, true: Callable[[ProcessStatus], bool]) -> ProcessStatus:
    """Return the job's status once it fulfils the condition."""

    def met() -> bool:
        status = read_status(home).processes.get(name)
        return status is not None and true(status)

    assert wait_until(met, WITHIN_S, 0.05), read_status(home)
    return read_status(home).processes[name]


def await_file(path: Path) -> str:
    assert wait_until(lambda: path.exists() and path.read_text().endswith("\n"), WITHIN_S, 0.05)
    return path.read_text()


def test_a_job_that_dies_is_restarted_and_the_status_shows_it(
    home: Home, supervisor: Supervisor
) -> None:
    supervisor.add(shell("ingest", "echo here I am; exit 3"))
    status = await_job(home, "ingest", lambda job: job.restarts >= 2 and job.state == "waiting")
    assert status.kind == "job"
    assert status.last_exit == 3
    assert status.process is None
    assert status.started_at is not None
    assert status.next_start_at is not None
    # The third wait is of 2 s.
    assert status.next_start_at - status.started_at >= timedelta(seconds=2)
    assert Path(status.log).read_text().startswith("here I am\nhere I am\nhere I am\n")
    assert read_status(home).is_alive


def test_a_refused_job_is_failing_with_its_reason_and_tried_again(
    home: Home, supervisor: Supervisor, tmp_path: Path
) -> None:
    assert (Refused.exit_code, Broken.exit_code) == (4, 6)
    mended = tmp_path / "mended"
    script = f"[ -e {mended} ] && sleep 60; echo the table is gone; exit "
    supervisor.add(shell("refused", script + "4"), shell("broken", script + "6"))
    for name, code in (("refused", 4), ("broken", 6)):
        status = await_job(home, name, lambda job: job.restarts >= 2 and job.state == "failing")
        assert status.reason == f"ended with {code}: the table is gone"
        assert status.next_start_at is not None
    mended.touch()
    for name in ("refused", "broken"):
        await_job(home, name, lambda job: job.state == "running" and job.reason is None)


def test_a_job_is_started_anew_on_request_even_where_it_hears_no_signal(
    home: Home, supervisor: Supervisor
) -> None:
    supervisor.add(shell("deaf", "trap '' TERM; while true; do sleep 1; done"))
    before = await_job(home, "deaf", lambda job: job.state == "running")
    restart_job(home, "deaf", WITHIN_S)
    after = await_job(home, "deaf", lambda job: job.state == "running")
    assert (after.process, after.restarts) != (before.process, before.restarts)
    with pytest.raises(NotFound, match="job: nobody is none of deaf"):
        restart_job(home, "nobody")
    supervisor.stop()
    with pytest.raises(Unavailable, match="start thor up first"):
        restart_job(home, "deaf")


def test_a_log_that_grows_is_rotated_while_its_job_runs(
    home: Home, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOG_BYTES_MAX", 10_000)
    monkeypatch.setattr(supervisor_module, "_LOGS_EVERY_S", 0.1)
    supervisor.add(shell("chatty", "while true; do echo 0123456789012345678901234567890; done"))
    status = await_job(home, "chatty", lambda job: job.state == "running")
    log = Path(status.log)
    assert wait_until(lambda: log.with_name(f"{log.name}.3").exists(), WITHIN_S, 0.05)
    assert read_status(home).processes["chatty"].restarts == 0


def test_a_program_that_is_not_there_is_named_and_tried_again(
    home: Home, supervisor: Supervisor
) -> None:
    supervisor.add(JobSpec("api", ("/no/such/program",)))
    status = await_job(home, "api", lambda job: job.restarts >= 1)
    assert status.state == "waiting"
    assert status.last_exit == 127
    assert "/no/such/program" in str(status.reason)


def test_two_jobs_of_one_name_are_rejected(home: Home, supervisor: Supervisor) -> None:
    supervisor.add(shell("api", "sleep 600"))
    with pytest.raises(Rejected, match="job api is there already"):
        supervisor.add(shell("api", "sleep 600"))


def test_a_job_gets_this_environment_and_its_own(
    home: Home, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SUPERVISOR", "one")
    supervisor.add(shell("job", 'echo "$OF_THE_SUPERVISOR $OWN"; sleep 600', OWN="two"))
    assert await_file(home.log("job")) == "one two\n"


def test_what_a_killed_job_started_is_gone_before_it_starts_again(
    home: Home, supervisor: Supervisor
) -> None:
    note = home.path / "note"
    supervisor.add(shell("job", 'sleep 600 & echo $! > "$NOTE"; wait', NOTE=str(note)))
    left = identity(int(await_file(note)))
    first = await_job(home, "job", lambda job: job.state == "running").process
    assert first is not None
    assert is_alive(left)
    note.unlink()
    os.kill(first.pid, signal.SIGKILL)
    status = await_job(home, "job", lambda job: job.restarts == 1 and job.state == "running")
    assert status.last_exit == -signal.SIGKILL
    assert status.process != first
    assert not is_alive(left)


def test_stop_may_be_called_twice_and_from_any_thread(home: Home, supervisor: Supervisor) -> None:
    supervisor.stop()
    supervisor.stop()
    assert supervisor.wait(0)


def start_supervisor(path: Path, *words: str) -> tuple["subprocess.Popen[str]", str]:
    """Start one in a process of its own; return it and its number of jobs left behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    wait_until(
        lambda: read_status(Home(path)).is_alive and bool(read_status(Home(path)).processes),
        WITHIN_S,
        0.05,
    )
    return process, said


def job_of(path: Path) -> Identity:
    status = await_job(Home(path), "job", lambda job: job.state == "running")
    assert status.process is not None
    return status.process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_supervisor_and_its_jobs(number: signal.Signals) -> None:
    with open_folder() as folder:
        process, _ = start_supervisor(folder / "home")
        job = job_of(folder / "home")
        process.send_signal(number)
        process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0
        assert not is_alive(job)
        status = read_status(Home(folder / "home"))
        assert (status.is_alive, status.processes["job"].state) == (False, "stopped")


@only_linux
def test_jobs_go_when_the_supervisor_is_killed() -> None:
    with open_folder() as folder:
        process, _ = start_supervisor(folder / "home")
        job = job_of(folder / "home")
        process.kill()
        process.communicate()
        assert wait_until(lambda: not is_alive(job), WITHIN_S, 0.05)
        status = read_status(Home(folder / "home"))
        assert (status.is_alive, status.processes["job"].state) == (False, "stopped")


def test_jobs_left_by_a_killed_supervisor_are_killed_by_the_next() -> None:
    with open_folder() as folder:
        process, said = start_supervisor(folder / "home", "orphan")
        assert said == "left 0\n"
        orphan = job_of(folder / "home")
        process.kill()
        process.communicate()
        assert is_alive(orphan)
        assert read_status(Home(folder / "home")).processes["job"].state == "running"
        process, said = start_supervisor(folder / "home")
        assert said == "left 1\n"
        assert not is_alive(orphan)
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    with open_folder() as folder, running(settings(folder)) as system:
        yield system


def killed_and_back(system: RunningSystem, name: str) -> None:
    before = await_job(system.home, name, lambda one: one.state == "running")
    assert before.process is not None
    os.kill(before.process.pid, signal.SIGKILL)
    after = await_job(
        system.home, name, lambda one: one.restarts > before.restarts and one.state == "running"
    )
    assert after.last_exit == -signal.SIGKILL
    assert after.process != before.process


def test_a_killed_postgres_comes_back_on_its_port_with_its_rows(system: RunningSystem) -> None:
    url = system.endpoints.admin_url
    with psycopg.connect(url) as link:
        link.execute("create table kept as select 7 as n")
    killed_and_back(system, "postgres")
    with psycopg.connect(url) as link:
        assert link.execute("select n from kept").fetchall() == [(7,)]


def test_a_killed_valkey_comes_back_on_its_port_with_its_keys(system: RunningSystem) -> None:
    with redis.Redis.from_url(system.endpoints.redis_url) as link:
        link.set("kept", "7")
        killed_and_back(system, "valkey")
        assert link.get("kept") == b"7"


def test_a_system_with_a_busy_client_and_a_deaf_job_stops_within_5_s() -> None:
    with open_folder() as folder:
        system = running(settings(folder))
        held = system.__enter__()
        held.supervisor.add(
            shell("deaf", 'trap "" TERM; echo deaf; while :; do sleep 1; done'),
            shell(
                "polite", 'trap "echo bye; exit 0" TERM; echo hello; while :; do sleep 0.1; done'
            ),
        )
        for name in ("deaf", "polite"):
            await_file(held.home.log(name))
        with psycopg.connect(held.endpoints.admin_url) as link:
            link.execute("create table busy as select generate_series(1, 100000) n")
            started = clock.monotonic_s()
            system.__exit__(None, None, None)
            assert clock.monotonic_s() - started < 5
            with pytest.raises(psycopg.OperationalError):
                link.execute("select 1")
        status = read_status(held.home)
        assert not status.is_alive
        assert status.stopped_at is not None
        assert {one.state for one in status.processes.values()} == {"stopped"}
        exits = {name: one.last_exit for name, one in status.processes.items()}
        # The deaf one was killed; the others came to a clean end.
        assert exits == {"postgres": 0, "valkey": 0, "polite": 0, "deaf": -signal.SIGKILL}
        assert held.home.log("polite").read_text().endswith("bye\n")
        lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
        assert [line for line in lines if str(folder) in line] == []


class FakeChild:
    """A child whose end the test decides."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.pid = 1
        self.identity = None

    def exit_code(self) -> int | None:
        return self.code


class FakeClock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.at_s)


def test_back_off_doubles_from_half_a_second_to_30_and_forgets_after_a_good_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = FakeClock()
    monkeypatch.setattr(clock, "now", time.now)
    monkeypatch.setattr(clock, "monotonic_s", lambda: time.at_s)
    children: list[FakeChild] = []

    def launch() -> FakeChild:
        children.append(FakeChild())
        return children[-1]

    job = Supervised("job", "job", Path("job.log"), launch)  # type: ignore[arg-type]

    def wait_after_running_for(seconds: float) -> float:
        """Let it start, run so long and die; return for how long it is to wait."""
        started = len(children)
        assert job.turn()
        assert (len(children), job.status.state) == (started + 1, "running")
        time.at_s += seconds
        children[-1].code = 1
        assert job.turn()
        assert job.status.state == "waiting"
        assert job.status.next_start_at is not None
        wait_s = (job.status.next_start_at - time.now()).total_seconds()
        time.at_s += wait_s - 0.01
        assert not job.turn()
        time.at_s += 0.01
        return wait_s

    waits = [wait_after_running_for(1) for _ in range(9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert wait_after_running_for(59) == 30
    assert wait_after_running_for(60) == 0.5
    assert wait_after_running_for(1) == 1
    # The twelfth start is the eleventh again.
    assert job.status.restarts == 11


def test_a_server_is_starting_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeClock()
    monkeypatch.setattr(clock, "monotonic_s", lambda: time.at_s)
    answers = iter(["not yet", "wrong password", "yes"])

    def is_ready() -> bool:
        answer = next(answers)
        if answer == "wrong password":
            raise Broken("the password is wrong")
        return answer == "yes"

    log = Path("server.log")
    server = Supervised("server", "postgres", log, FakeChild, is_ready)  # type: ignore[arg-type]
    states = []
    for _ in range(4):
        server.turn()
        states.append((server.status.state, server.status.reason))
        time.at_s += 1
    assert states == [
        ("starting", None),
        ("starting", None),
        ("starting", "the password is wrong"),
        ("running", None),
    ]
