"""Trainings and fitted models over REST."""

import psycopg
import pytest
from served import Api, problem

from thor.learning import artifacts

pytestmark = pytest.mark.editions("plain")

RUN = """
insert into model.runs (
    target, horizon, symbols, state, set_name, set_version, set_hash, span_from, span_to, rows,
    data_checksum, seed, threads, code_version, libraries, parameters, best_model, baseline, skill,
    skill_low, skill_high, ended_at
)
values (
    'direction', '1m', '{ES}', 'done', 'made', 1, repeat('a', 64), '2024-01-01Z', '2024-01-02Z',
    900, 'c', 7, 1, 'x', '{}', '{}', 'boosting', 'majority', 0.02, 0.01, 0.03, now()
)
"""
FOLD = """
insert into model.folds
select
    1, 1, 'boosting', false, '2024-01-01Z', '2024-01-01 12:00Z', '2024-01-01 13:00Z',
    '2024-01-02Z', 400, 2, 500, 1.0, 0.02, 0.01, 0.03, 10, -4.5
"""
VERSION = """
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to, data_checksum, seed,
    code_version, libraries, artifact_sha256, skill, skill_low, skill_high
)
select
    r.run_id, 'boosting', r.target, r.horizon, r.symbols, r.set_hash, r.span_from, r.span_to,
    r.data_checksum, r.seed, r.code_version, r.libraries, %s, r.skill, %s, r.skill_high
from model.runs as r
"""


@pytest.fixture
def given(database_url: str) -> None:
    """A training of two versions, the second without skill in the whole of its interval."""
    facts = {
        "target": "direction",
        "horizon": "1m",
        "symbols": ["ES"],
        "set_hash": "a" * 64,
        "span_from": "2024-01-01T00:00:00+00:00",
        "span_to": "2024-01-02T00:00:00+00:00",
        "seed": 7,
        "data_checksum": "c",
        "columns": [0],
    }
    content, sha256 = artifacts.written([1.0], facts)
    with psycopg.connect(database_url, autocommit=True) as link:
        link.execute(
            "insert into store.feature_sets (name, version, hash, names, width, look_back)"
            " values ('made', 1, repeat('a', 64), '{rsi_14}', '1m', '1 hour')"
        )
        link.execute(RUN)
        link.execute(FOLD)
        link.execute("insert into model.reports values (1, '<!doctype html><p>Skill</p>')")
        link.execute("insert into model.artifacts values (%s, %s)", (sha256, content))
        for low in (0.01, -0.01):
            link.execute(VERSION, (sha256, low))


def test_a_model_is_listed_promoted_and_rolled_back(given: None, api: Api) -> None:
    assert [(row["id"], row["alias"]) for row in api.get("/api/models")] == [(2, None), (1, None)]
    run = api.get("/api/models/runs")[0]
    assert (run["run_id"], run["symbols"], run["skill_low"], run["state"]) == (
        1, ["ES"], 0.01, "done",
    )  # fmt: skip
    fold = api.get("/api/models/runs/1/folds")[0]
    assert (fold["model"], fold["purged_rows"], fold["profit_ticks"]) == ("boosting", 2, -4.5)
    done = api.http.post("/api/models/1/promote", json={"alias": "champion"})
    assert done.status_code == 200, done.text
    assert (done.json()["version_id"], done.json()["was"]) == (1, None)
    champion = api.get("/api/models/aliases")[0]
    assert (champion["alias"], champion["version_id"]) == ("champion", 1)
    assert champion["reason"] == "skill 0.0200, 95% from 0.0100 to 0.0300"
    question = {"target": "direction", "horizon": "1m", "symbols": ["ES"]}
    done = api.http.post("/api/models/rollback", json=question)
    assert (done.json()["version_id"], done.json()["was"]) == (None, 1)
    assert api.get("/api/models/aliases") == []
    assert problem(api.http.post("/api/models/rollback", json=question), 404)


def test_a_model_without_skill_is_refused_with_the_reason(given: None, api: Api) -> None:
    found = problem(api.http.post("/api/models/2/promote", json={}), 409)
    assert "the whole interval has to be above 0" in found["detail"]
    assert problem(api.http.post("/api/models/9/promote", json={}), 404)["detail"] == (
        "id: there is no model 9; `thor models list` shows them"
    )
    problem(api.http.post("/api/models/1/promote", json={"alias": "king"}), 422)


def test_a_report_is_a_page_without_scripts(given: None, api: Api) -> None:
    answer = api.http.get("/api/models/runs/1/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.text == "<!doctype html><p>Skill</p>"
    api.problem("/api/models/runs/2/report", 404)
    api.problem("/api/models/runs/2/folds", 404)
