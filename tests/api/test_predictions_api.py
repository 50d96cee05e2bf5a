"""Predictions over REST and as events, and what became of them."""

import psycopg
import pytest
from served import Api, streaming
from ticks_made import wait_for

pytestmark = pytest.mark.editions("plain")

GIVEN = """
insert into store.feature_sets (name, version, hash, names, width, look_back)
values ('base', 1, repeat('a', 64), '{rsi_14}', '1m', '1 hour');
insert into model.runs (
    target, horizon, symbols, state, set_name, set_version, set_hash, span_from, span_to, seed,
    threads, code_version, libraries, parameters, ended_at
)
values ('direction', '1m', '{ES}', 'done', 'base', 1, repeat('a', 64), '2024-02-01Z',
    '2024-03-01Z', 1, 1, '0.1', '{}', '{}', now());
insert into model.artifacts (sha256, content) values (repeat('b', 64), 'x');
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to, libraries,
    artifact_sha256
)
select r.run_id, 'boosting', r.target, r.horizon, r.symbols, r.set_hash, r.span_from, r.span_to,
    '{}', repeat('b', 64)
from model.runs as r;
insert into model.aliases (target, horizon, symbols, alias, version_id, reason)
values ('direction', '1m', '{ES}', 'champion', 1, 'skill');
"""
PREDICTED = """
insert into model.predictions (
    model_id, symbol, bar_start, known_at, kind, row_version, value, probability, confidence,
    latency_ms, published_at
)
select 1, 'ES', b.ts, b.ts + interval '61 s', 'live', 1, 1, 0.625, 0.625, 250, now()
from generate_series(%s::timestamptz, %s::timestamptz, '1 minute') as b (ts);
"""


@pytest.fixture
def link(database_url: str) -> psycopg.Connection[object]:
    """A database with a champion."""
    with psycopg.connect(database_url, autocommit=True) as found:
        found.execute(GIVEN)
    return psycopg.connect(database_url, autocommit=True)


def test_predictions_are_listed_streamed_and_held_to_what_happened(
    link: psycopg.Connection[object], api: Api
) -> None:
    with link, streaming(api, events="prediction", symbols="ES") as stream:
        wait_for(lambda: api.hub._predictions._sent is not None, "the first look")
        link.execute(PREDICTED, ("2024-03-04 15:30Z", "2024-03-04 15:31Z"))
        first, second = stream.next("prediction").data, stream.next("prediction").data
        assert (first["symbol"], first["value"], first["probability"]) == ("ES", 1, 0.625)
        assert first["bar_start"] < second["bar_start"]
        link.execute(
            "insert into feedback.outcomes (prediction_id, label_end, actual, is_hit, loss)"
            " values (1, '2024-03-04 15:32:01Z', -1, false, 0.9)"
        )
        link.execute(
            "insert into model.predictions (model_id, symbol, bar_start, known_at, kind, refused,"
            " latency_ms) values (1, 'ES', '2024-03-04 15:32Z', '2024-03-04 15:33:01Z', 'live',"
            " 'stale: no trade', 9)"
        )
        newest, *_, oldest = api.get("/api/predictions", symbol="ES", target="direction")
        assert (newest["refused"], newest["value"]) == ("stale: no trade", None)
        assert (oldest["is_hit"], oldest["actual"]) == (False, -1)
        assert api.get("/api/predictions", symbol="NQ") == []
        (skill,) = api.get("/api/models/skill")
        assert [skill[name] for name in ("predictions", "refused", "outcomes", "hits")] == [
            2, 1, 1, 0,
        ]  # fmt: skip
        # Of none in one, Wilson: 0 to 0.793.
        assert (skill["hit_rate"], round(skill["hit_rate_high"], 3)) == (0, 0.793)
        assert api.get("/api/outlook")[0]["refused"] == "direction: stale: no trade"
        text = api.http.get("/metrics").text
        for line in (
            'last_hour{horizon="1m",result="predicted",target="direction"} 2.0',
            'last_hour{horizon="1m",result="stale",target="direction"} 1.0',
            'latency_seconds{horizon="1m",target="direction"} 0.25',
        ):
            assert f"{line}\n" in text
        assert 'thor_prediction_timestamp_seconds{horizon="1m",target="direction"} 1.' in text
        (one,) = api.get("/api/models/1/calibration")
        assert (one["bin"], one["predicted"], one["happened"]) == (7, 0.625, 0)


def test_a_champion_that_cannot_be_served_says_why_and_what_is_asked_wrongly_is_named(
    link: psycopg.Connection[object], api: Api
) -> None:
    with link:
        link.execute(
            "insert into model.demotions (target, horizon, symbols, model_id, cause, feature,"
            " measured, threshold, reason) values ('direction', '5m', '{ES}', 1, 'drift',"
            " 'rsi_14', 0.5, 0.25, 'drift of rsi_14')"
        )
    (one,) = api.get("/api/predict", symbol="ES")
    assert one["value"] is None
    assert "features are computed as" in one["refused"]
    (silence,) = api.get("/api/models/silences")
    assert (silence["horizon"], silence["cause"], silence["feature"]) == ("5m", "drift", "rsi_14")
    text = api.http.get("/metrics").text
    assert 'silent{cause="drift",horizon="5m",symbols="ES",target="direction"} 1.0' in text
    assert api.get("/api/models/drift") == api.get("/api/models/parity") == []
    missing = api.problem("/api/predict", 404, symbol="NQ")
    assert missing["detail"].startswith("symbol: no model is served for NQ")
    assert api.problem("/api/predict", 422, symbol="ES", at="x")["detail"].startswith("at: 'x'")
