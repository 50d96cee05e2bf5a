"""`thor db jobs` and `thor doctor` show the jobs behind the bars, and their errors."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import timescale
from command import Command

from thor.database import schema
from thor.database.edition import Edition

pytestmark = pytest.mark.editions("plain", "timescale")

FAILED = """
insert into _timescaledb_internal.bgw_job_stat (
    job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success,
    total_runs, total_duration, total_duration_failures, total_successes, total_failures,
    total_crashes, consecutive_failures, consecutive_crashes
) values (
    %(job)s, now() - interval '3 hours', now() - interval '3 hours', now() - interval '2 hours',
    '-infinity', false, 7, '1 s', '1 s', 0, 7, 0, 7, 0
)
"""
ERROR = """
insert into _timescaledb_internal.bgw_job_stat_history
(job_id, pid, execution_start, execution_finish, succeeded, data)
values (%(job)s, 1, now(), now(), false, '{"error_data": {"message": "no space on the disk"}}')
"""


class Thor(Command):
    """The command, on the database of the test."""

    def __init__(self, folder: Path, url: str, redis_url: str) -> None:
        super().__init__(folder, THOR_DATABASE_URL=url, THOR_REDIS_URL=redis_url, COLUMNS="250")

    def jobs(self) -> dict[str, Any]:
        done = self.run("db", "jobs", "--json")
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    def doctor(self) -> dict[str, dict[str, str]]:
        found = json.loads(self.run("doctor", "--json").out)
        return {finding["what"]: finding for finding in found}


@pytest.fixture
def thor(tmp_path: Path, database_url: str, redis_url: str) -> Thor:
    """The command on a migrated database."""
    return Thor(tmp_path, database_url, redis_url)


def stale(connection: "psycopg.Connection[Any]", age: str) -> None:
    """Record a range that waits to be refreshed since so long ago."""
    connection.execute(
        "insert into market.bars_to_refresh (ts_from, ts_to, recorded_at) "
        "values ('2024-07-01 14:30Z', '2024-07-01 14:35Z', now() - %s::interval)",
        [age],
    )


def test_waiting_ranges_are_shown_with_the_oldest(
    thor: Thor, connection: "psycopg.Connection[Any]", edition: Edition
) -> None:
    found = thor.jobs()
    assert found["edition"] == edition
    assert found["waiting"] == {"ranges": 0, "oldest": None, "ts_from": None, "ts_to": None}
    assert found["rebuilds"] == {"slices": 0, "slices_left": 0, "last_rebuilt_at": None}
    assert "bars: no range waits to be refreshed" in thor.run("db", "jobs").out
    stale(connection, "5 s")
    stale(connection, "1 hour")
    waiting = thor.jobs()["waiting"]
    assert waiting["ranges"] == 2
    assert waiting["ts_from"].startswith("2024-07-01 14:30")
    oldest = connection.execute("select min(recorded_at) from market.bars_to_refresh").fetchone()
    assert oldest is not None
    assert waiting["oldest"] == str(oldest[0])
    assert "wait to be refreshed: 2, the oldest since" in thor.run("db", "jobs").out


def test_an_interrupted_rebuild_is_shown(thor: Thor, connection: "psycopg.Connection[Any]") -> None:
    connection.execute(
        "insert into ops.bar_rebuilds (asked_from, asked_to, ts_from, ts_to, rebuilt_at) values "
        "('2024-07-01Z', '2024-07-03Z', '2024-07-01Z', '2024-07-02Z', '2024-07-09 12:00Z'), "
        "('2024-07-01Z', '2024-07-03Z', '2024-07-02Z', '2024-07-03Z', null)"
    )
    rebuilds = thor.jobs()["rebuilds"]
    assert (rebuilds["slices"], rebuilds["slices_left"]) == (2, 1)
    assert "rebuilds: 1 of 2 slices are left, the last was done 2024-07-09 12:00:00" in (
        thor.run("db", "jobs").out
    )


@pytest.mark.editions("plain")
def test_a_plain_database_has_no_policies(thor: Thor) -> None:
    assert thor.jobs()["policies"] == []
    assert "polic" not in thor.run("db", "jobs").out


@pytest.mark.editions("timescale")
def test_every_policy_is_shown_with_its_schedule(thor: Thor) -> None:
    found = thor.jobs()["policies"]
    assert {(policy["policy"], policy["target"]) for policy in found} == {
        ("columnstore", "market.ticks"),
        *(("refresh", f"market._bars_{width}") for width in ("1s", "1m", "5m", "1h")),
        *(("columnstore", f"market._bars_{width}") for width in ("1s", "1m", "5m", "1h")),
        *(("columnstore", f"store.features_{width}") for width in ("1m", "5m", "1h")),
    }
    every = {policy["target"]: policy["every"] for policy in found if policy["policy"] == "refresh"}
    assert every["market._bars_1s"] == "0:00:02"
    assert all(policy["is_error_visible"] for policy in found)
    said = thor.run("db", "jobs")
    assert "refresh _bars_1s" in said.out
    assert "hidden" not in said.err


def job_of(connection: "psycopg.Connection[Any]", target: str) -> int:
    found = connection.execute(
        "select min(job_id) from timescaledb_information.jobs where hypertable_name = %s", [target]
    ).fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.editions("timescale")
def test_a_failing_policy_is_shown_with_its_error_by_jobs_and_doctor(
    thor: Thor, connection: "psycopg.Connection[Any]"
) -> None:
    assert thor.doctor()["policies"]["verdict"] == "good"
    job = job_of(connection, "_bars_5m")
    connection.execute(FAILED.encode(), {"job": job})
    connection.execute(ERROR.encode(), {"job": job})
    (policy,) = [policy for policy in thor.jobs()["policies"] if policy["job"] == job]
    assert (policy["status"], policy["runs"], policy["failures"]) == ("failed", 7, 7)
    assert policy["last_success"] is None
    assert policy["last_error"] == "no space on the disk"
    said = thor.run("db", "jobs").out
    assert "7 of 7" in said
    assert f"last error of job {job}, " in said
    assert "no space on the disk" in said
    findings = [f for f in json.loads(thor.run("doctor", "--json").out) if f["what"] == "policies"]
    name = f"{job} refresh market._bars_5m"
    assert [finding["found"] for finding in findings] == [
        f"failed when last run: {name}",
        f"overdue: {name}",
    ]
    assert {finding["verdict"] for finding in findings} == {"wrong"}


@pytest.fixture
def foreign(connection: "psycopg.Connection[Any]", database_url: str) -> Iterator[str]:
    """The URL of the database for a user who may read, and owns nothing."""
    name, password = f"reader_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    connection.execute(f"create role {name} login password '{password}'".encode())
    for name_of in ("reference", "market", "feat", "ops"):
        connection.execute(f"grant usage on schema {name_of} to {name}".encode())
        connection.execute(f"grant select on all tables in schema {name_of} to {name}".encode())
    parts = urlsplit(database_url)
    host = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{name}:{password}@{host}"))
    connection.execute(f"drop owned by {name}".encode())
    connection.execute(f"drop role {name}".encode())


@pytest.mark.editions("timescale")
def test_a_user_that_does_not_own_the_policies_learns_that_errors_are_hidden(
    tmp_path: Path, connection: "psycopg.Connection[Any]", foreign: str, redis_url: str
) -> None:
    job = job_of(connection, "_bars_5m")
    connection.execute(FAILED.encode(), {"job": job})
    connection.execute(ERROR.encode(), {"job": job})
    thor = Thor(tmp_path, foreign, redis_url)
    (policy,) = [policy for policy in thor.jobs()["policies"] if policy["job"] == job]
    assert (policy["status"], policy["failures"]) == ("failed", 7)
    assert (policy["last_error"], policy["is_error_visible"]) == (None, False)
    assert "the errors of 12 policies are hidden from this user" in thor.run("db", "jobs").err


def test_the_doctor_looks_at_the_server_and_at_stale_bars(
    thor: Thor, connection: "psycopg.Connection[Any]", edition: Edition
) -> None:
    found = thor.doctor()
    assert found["PostgreSQL"]["verdict"] == "good"
    assert found["time zone"]["found"] == "UTC"
    assert found["edition"]["found"] == f"{edition}, simulated"
    assert found["bars"] == {
        "what": "bars", "found": "stale ranges: 0", "verdict": "good", "fix": ""
    }  # fmt: skip
    assert ("TimescaleDB" in found and "background workers" in found) is (edition == "timescale")
    stale(connection, "5 s")
    assert thor.doctor()["bars"]["verdict"] == "good"
    stale(connection, "1 hour")
    bars = thor.doctor()["bars"]
    assert bars["found"].startswith("stale ranges: 2, since ")
    assert bars["verdict"] == "wrong"
    assert "python -m jobs.bars" in bars["fix"]


def test_the_doctor_of_somebody_who_may_little_still_tells_what_it_can(
    tmp_path: Path, foreign: str, redis_url: str, edition: Edition
) -> None:
    found = Thor(tmp_path, foreign, redis_url).doctor()
    assert found["PostgreSQL"]["verdict"] == "good"
    assert found["edition"]["found"] == f"{edition}, simulated"


def test_the_doctor_tells_a_database_that_is_not_thors_yet_how_to_begin(
    tmp_path: Path, bare_database_url: str, redis_url: str
) -> None:
    found = Thor(tmp_path, bare_database_url, redis_url).doctor()
    assert found["PostgreSQL"]["verdict"] == "good"
    assert (found["schema"]["verdict"], found["schema"]["fix"]) == ("wrong", "run `thor db up`")


@pytest.mark.editions("timescale")
@pytest.mark.usefixtures("edition")
def test_the_doctor_sees_a_community_database_under_the_apache_licence(tmp_path: Path) -> None:
    if timescale.found().pg_bin is None:
        pytest.skip("no TimescaleDB of this machine's own that could be run under another licence")
    folder = Path(tempfile.mkdtemp(prefix="thor-test-"))
    folder.chmod(0o711)
    try:
        with timescale.running(folder) as urls:
            schema.up(urls.database_url)
        with timescale.running(folder, "apache") as urls:
            thor = Thor(tmp_path, urls.database_url, urls.redis_url)
            found = thor.doctor()
            assert len(thor.jobs()["policies"]) == 12
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert found["TimescaleDB licence"]["verdict"] == "wrong"
    assert found["TimescaleDB licence"]["found"] == (
        "a Community database under timescaledb.license = apache"
    )
