"""A job's heartbeat shows whether its process lives and its loop turns."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import JOBS, job_of, running_with
from thor.config import Settings
from thor.errors import NotFound, Unavailable
from thor.ops import checks, heartbeat
from thor.ops.heartbeat import Beat, Heartbeat
from thor.runtime import persist
from thor.services.home import Home

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def beat(**fields: Any) -> Beat:
    given = {"job": "bars", "state": "running", "at": NOW, "turned_at": NOW, "turn_within_s": 60.0}
    return Beat(**{**given, **fields})


def test_a_job_beats_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "run" / "gaps.heartbeat"
    published: list[Beat] = []
    begun = threading.Event()

    def publish(one: Beat) -> None:
        published.append(one)
        begun.set()

    with Heartbeat("gaps", file, 900.0, publish):
        assert begun.wait(60)
        first = heartbeat.read(file)
    assert first is not None
    assert (first.job, first.state, first.turn_within_s) == ("gaps", "running", 900.0)
    last = heartbeat.read(file)
    assert last == published[-1]
    assert last.state == "stopped"


def test_a_failed_job_leaves_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "bars.heartbeat"
    with Heartbeat("bars", file, 60.0) as job:
        job.report_failed("the schema is of another version")
    last = heartbeat.read(file)
    assert last is not None
    assert checks.job_fault(last, last.at) == "failed: the schema is of another version"


def test_a_wait_is_reported_from_its_first_attempt_to_its_end(tmp_path: Path) -> None:
    states: list[tuple[str, str, int]] = []
    job = Heartbeat(
        "bars",
        tmp_path / "bars.heartbeat",
        60.0,
        lambda it: states.append((it.state, it.reason, it.attempt)),
    )
    answers = [Unavailable("PostgreSQL: refused"), Unavailable("PostgreSQL: refused"), None]

    def ask() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    persist(ask, job)
    assert states == [("waiting", "PostgreSQL: refused", 1), ("running", "", 0)]


@pytest.mark.parametrize("ask", [bool, lambda job: job.wait(0)])
def test_asking_whether_to_stop_is_a_turn_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Any
) -> None:
    now = NOW
    monkeypatch.setattr("thor.clock.now", lambda: now)
    beats: list[Beat] = []
    job = Heartbeat("bars", tmp_path / "bars.heartbeat", 60.0, beats.append)
    now = NOW + timedelta(seconds=7)
    ask(job)
    now = NOW + timedelta(seconds=9)
    job.report_running()
    assert beats[-1].turned_at == NOW + timedelta(seconds=7)
    assert beats[-1].at == NOW + timedelta(seconds=9)


def test_a_sign_that_cannot_be_left_stops_no_job(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")

    def away(_: Beat) -> None:
        raise Unavailable("Redis: refused")

    with Heartbeat("gaps", tmp_path / "run" / "gaps.heartbeat", 60.0, away) as job:
        assert not job
        job.set()
        assert job.wait(3600) is True


def test_the_bus_s_fields_give_the_beat_back() -> None:
    reported = beat(state="waiting", reason="Redis: refused", attempt=3)
    kept = {name: str(value) for name, value in heartbeat.fields(reported).items()}
    assert heartbeat.of_fields("bars", kept) == reported
    assert heartbeat.of_fields("bars", {"state": "odd"}) is None


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (beat(), None),
        (beat(at=NOW - timedelta(seconds=20)), None),
        (
            beat(at=NOW - timedelta(seconds=21)),
            "its process has not reported for 21 s: it is frozen or was killed",
        ),
        (beat(turned_at=NOW - timedelta(seconds=60)), None),
        (beat(turned_at=NOW - timedelta(seconds=61)), "its loop has not turned for 61 s"),
        (beat(state="waiting", reason="PostgreSQL: refused"), "waiting, PostgreSQL: refused"),
        (beat(state="stopped", at=NOW - timedelta(days=1)), None),
        (beat(state="failed", reason="torn", at=NOW - timedelta(days=1)), "failed: torn"),
    ],
)
def test_a_fault_names_what_is_wrong_with_a_job(one: Beat, fault: str | None) -> None:
    assert checks.job_fault(one, NOW) == fault


def test_a_home_without_a_heartbeat_has_none(tmp_path: Path) -> None:
    assert checks.beat_of_home(Home(tmp_path), "bars") is None
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "bars.heartbeat").write_text("{half")
    assert checks.beat_of_home(Home(tmp_path), "bars") is None


def test_a_process_belongs_to_the_job_of_its_name() -> None:
    assert job_of("ingest-2").name == "ingest"
    assert job_of("simulate").module == "jobs.simulate"
    with pytest.raises(NotFound, match="bars-2"):
        job_of("bars-2")


def test_the_simulator_runs_for_simulated_data_alone() -> None:
    settings = Settings(ingestors=2, _env_file=None)
    always = ["ingest-1", "ingest-2", "api", "bars", "gaps", "extremes"]
    names = {nature: [name for name, _ in running_with(nature, settings)] for nature in ("live",)}
    assert set(always) <= set(names["live"])
    assert "simulate" not in names["live"]
    assert "simulate" in [name for name, _ in running_with("simulated", settings)]
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_extremes_are_recorded_unless_the_monitor_is_off() -> None:
    off = Settings(monitor_52w=False, _env_file=None)
    assert "extremes" not in [name for name, _ in running_with("live", off)]
