"""The scheduler's jobs over REST: listed, asked for, paused, and named where they fail."""

import psycopg
from served import Api, problem

from thor import observe
from thor.ops.scheduler import Scheduler
from thor.runtime import Stop


def test_a_job_is_listed_paused_run_and_shown_with_its_output(api: Api, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from ops.jobs where name <> 'dump'")
        connection.execute(
            "update ops.jobs set command = '{python,-c,print(6*7)}', schedule = '0 0 1 1 *'"
        )
    [job] = api.get("/api/jobs")
    assert (job["name"], job["schedule"], job["timeout_s"]) == ("dump", "0 0 1 1 *", 21600.0)
    assert (job["last_status"], job["fault"]) == (None, None)
    paused = api.http.post("/api/jobs/dump/pause")
    assert (paused.status_code, paused.json()["is_enabled"]) == (200, False)
    assert api.http.post("/api/jobs/dump/resume").json()["is_enabled"] is True
    asked = api.http.post("/api/jobs/dump/run")
    assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
    refused = problem(api.http.post("/api/jobs/dump/run"), 409)
    assert refused["detail"].startswith("job: dump was asked for already; ")
    scheduler = Scheduler(database_url, Stop(), observe.logger("test"), every_s=0.0)
    try:
        while api.get("/api/jobs/dump/runs")[0]["status"] != "succeeded":
            scheduler.turn()
    finally:
        scheduler.close()
    found = api.get(f"/api/jobs/dump/runs/{asked.json()['id']}")
    assert (found["log"], found["run"]["exit_code"]) == ("42\n", 0)
    [job] = api.get("/api/jobs")
    assert (job["last_status"], job["fault"]) == ("succeeded", None)
    assert job["next_at"].endswith("-01-01T06:00:00.000000Z")


def test_a_job_that_failed_is_degraded_by_name_and_a_metric(api: Api, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into ops.job_runs (job, due_at, status, attempt, started_at, ended_at, error) "
            "values ('rolls', now(), 'failed', 1, now(), now(), 'ended with 3: no bars')"
        )
    reasons = api.http.get("/health").json()["reasons"]
    assert "job rolls: its last run failed: ended with 3: no bars" in reasons
    text = api.http.get("/metrics").text
    assert 'thor_scheduled_job_is_well{job="rolls"} 0.0' in text
    assert 'thor_scheduled_job_is_well{job="dump"} 1.0' in text


def test_a_job_that_is_none_is_named(asked_api: Api) -> None:
    for path in ("runs", "runs/7"):
        assert "nope" in asked_api.problem(f"/api/jobs/nope/{path}", 404)["detail"]
    for action in ("run", "pause", "resume"):
        found = problem(asked_api.http.post(f"/api/jobs/nope/{action}"), 404)
        assert found["detail"].startswith("job: 'nope' is none of")
