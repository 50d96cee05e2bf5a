"""Health names what is wrong, whatever is away; metrics never fail."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from served import NO_BUS, NOBODY, Api, publish, serving, streaming
from ticks_made import TS, inject, many, take_in, tick, wait_for

from thor import clock
from thor.domain import timestamps
from thor.market.bus.client import Bus
from thor.market.bus.messages import COUNTER
from thor.ops import checks, heartbeat
from thor.ops.collectors import CollectorStatus
from thor.ops.heartbeat import Beat

LINE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)


def report(redis_url: str, job: str, **fields: Any) -> None:
    bus, now = Bus(redis_url), clock.now()
    given = {"state": "running", "at": now, "turned_at": now, "turn_within_s": 60.0, **fields}
    bus.report(job, heartbeat.fields(Beat(job=job, **given)))
    bus.close()


def samples(api: Api) -> dict[str, float]:
    """Return the samples of a scrape, by name and labels as they are written."""
    answer = api.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        f"{found['name']}{{{found['labels']}}}" if found["labels"] else found["name"]: float(
            found["value"]
        )
        for found in LINE.finditer(answer.text)
    }


def test_all_is_well_where_all_parts_answer_and_an_ingestor_reports(
    api: Api, redis_url: str, database_url: str, edition: str
) -> None:
    bus = Bus(redis_url)
    bus.publish_clock("SIM", TS)
    publish(redis_url, many(3), [tick(seq=9, last=None, bid=None, is_trade=False)])
    # A clock entry is no tick.
    bus.publish_clock("SIM", TS + timedelta(seconds=1))
    bus.close()
    take_in(redis_url, database_url)
    report(redis_url, "ingest-1")
    health = api.get("/health")
    assert health["status"] == "ok"
    assert health["reasons"] == []
    assert (health["database"]["edition"], health["database"]["nature"]) == (edition, "simulated")
    assert health["bus"]["held_ticks"] == 4
    assert (health["bus"]["lag_entries"], health["bus"]["pending_entries"]) == (0, 0)
    assert health["stream"] == {"state": "idle", "reason": None, "clients": 0}
    assert health["jobs"]["ingest-1"]["state"] == "running"
    assert health["accounting"] == {
        "base": health["accounting"]["base"],
        "received": 4,
        "inserted": 3,
        "duplicate": 0,
        "rejected": 1,
        "lost": 0,
        "pending": 0,
        "is_balanced": True,
    }


def test_ticks_not_yet_ingested_are_pending(api: Api, redis_url: str) -> None:
    publish(redis_url, many(3), many(2, 3))
    report(redis_url, "ingest-1")
    health = api.get("/health")
    assert health["accounting"]["pending"] == 5
    assert health["accounting"]["is_balanced"] is True
    assert health["status"] == "ok"


def test_ticks_that_are_neither_booked_nor_on_the_bus_are_out_of_balance(
    api: Api, redis_url: str
) -> None:
    publish(redis_url, many(3))
    report(redis_url, "ingest-1")
    with redis.Redis.from_url(redis_url) as client:
        # As if the stream had been trimmed of entries not yet read.
        client.hset(COUNTER, "oldest", int(client.hget(COUNTER, "next") or 0))
    health = api.get("/health")
    assert (health["status"], health["accounting"]["is_balanced"]) == ("degraded", False)
    assert health["reasons"] == ["accounting: not balanced"]


def test_without_an_ingestor_it_is_degraded_with_a_reason(api: Api) -> None:
    answer = api.http.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["reasons"] == ["jobs: no ingestor has reported; is one running?"]


def test_a_job_that_waits_is_named_with_its_reason(api: Api, redis_url: str) -> None:
    reason = "PostgreSQL: postgresql://thor:hidden@db/thor refused"
    report(redis_url, "ingest-1", state="waiting", reason=reason, attempt=7)
    health = api.get("/health")
    assert health["status"] == "degraded"
    assert health["reasons"] == [
        "ingest-1: waiting, PostgreSQL: postgresql://thor:***@db/thor refused"
    ]
    assert health["jobs"]["ingest-1"]["attempt"] == 7


def test_a_job_that_fell_silent_is_named(
    api: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: TS)
    report(redis_url, "ingest-1", at=TS - timedelta(seconds=21))
    report(redis_url, "ingest-2", at=TS - timedelta(seconds=20))
    health = api.get("/health")
    assert health["reasons"] == [
        "ingest-1: its process has not reported for 21 s: it is frozen or was killed"
    ]
    assert [job["age_ms"] for job in health["jobs"].values()] == [21_000, 20_000]


def test_a_database_that_is_away_is_named_and_the_bus_still_reported(redis_url: str) -> None:
    publish(redis_url, many(2))
    with serving(NOBODY, redis_url) as api:
        answer = api.http.get("/health")
    health = answer.json()
    assert (answer.status_code, health["status"]) == (503, "down")
    assert health["database"]["state"] == "down"
    assert health["database"]["reason"].startswith("PostgreSQL: ")
    assert health["bus"]["held_ticks"] == 2
    assert health["accounting"] is None
    assert "hidden" not in answer.text


def test_a_bus_that_is_away_is_named_and_the_database_still_reported(database_url: str) -> None:
    with serving(database_url, NO_BUS) as api:
        answer = api.http.get("/health")
    health = answer.json()
    assert (answer.status_code, health["status"]) == (503, "down")
    assert health["bus"]["state"] == "down"
    assert health["bus"]["reason"].startswith("Redis: ")
    assert health["database"]["state"] == "up"
    assert len(health["reasons"]) == 1
    assert "hidden" not in answer.text


def test_metrics_hold_the_account_of_one_moment(
    api: Api, redis_url: str, database_url: str, connection: "psycopg.Connection[Any]"
) -> None:
    publish(redis_url, many(3), many(2), [tick(seq=7, symbol="ZZ")])
    take_in(redis_url, database_url)
    with redis.Redis.from_url(redis_url) as client:
        inject(client, b"not json", 4)
        client.hset("quotes:shadowed", "EXCEL", 5)
    found = samples(api)
    assert found["thor_bus_received_total"] == 10
    assert found["thor_ingest_inserted_total"] == 3
    assert found["thor_ingest_duplicate_total"] == 2
    assert found["thor_ingest_rejected_total"] == 1
    assert found["thor_ingest_pending"] == 4
    assert found["thor_ingest_is_balanced"] == 1
    assert found["thor_bus_held_ticks"] == 10
    assert found["thor_bus_pending_entries"] == 0
    assert found["thor_bus_lag_entries"] == 1
    assert found['thor_bus_shadowed_total{source="EXCEL"}'] == 5
    assert [found[f'thor_up{{part="{part}"}}'] for part in ("database", "bus", "stream")] == [1] * 3


def test_metrics_age_each_quote_by_symbol_and_source(
    api: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(redis_url, [tick(seq=1), tick(seq=2, symbol="ZZ")])
    monkeypatch.setattr(clock, "now", lambda: TS + timedelta(milliseconds=2500))
    found = samples(api)
    ages = {name: value for name, value in found.items() if name.startswith("thor_quote_age")}
    assert ages == {'thor_quote_age_seconds{source="SIM",symbol="ES"}': 2.5}


def test_metrics_count_requests_by_route_and_not_by_path(api: Api) -> None:
    for path in ("/api/quotes/ES", "/api/quotes/NQ", "/api/bogus", "/api/instruments"):
        api.http.get(path)
    api.http.request("BREW", "/api/instruments")
    counts = {
        name: value for name, value in samples(api).items() if name.startswith("thor_http_request")
    }
    head = "thor_http_request_duration_seconds_count"
    assert counts[f'{head}{{method="GET",route="/api/quotes/{{symbol}}",status="404"}}'] == 2
    assert counts[f'{head}{{method="GET",route="/api/instruments",status="200"}}'] == 1
    assert counts[f'{head}{{method="GET",route="unmatched",status="404"}}'] == 1
    assert counts[f'{head}{{method="other",route="unmatched",status="405"}}'] == 1


def test_metrics_count_the_streams_and_what_they_were_sent(api: Api, redis_url: str) -> None:
    with streaming(api, events="tick") as one, streaming(api, mode="conflated") as other:
        one.next("hello")
        other.next("hello")
        publish(redis_url, many(3))
        one.take(3, "tick")
        found = samples(api)
        assert found['thor_sse_clients{mode="ticks"}'] == 1
        assert found['thor_sse_clients{mode="conflated"}'] == 1
        # Two hellos, three ticks and at least nothing else that is not a quote.
        assert found["thor_sse_events_sent_total"] >= 5
    wait_for(lambda: samples(api)['thor_sse_clients{mode="ticks"}'] == 0, "the client's leaving")


def test_a_scrape_goes_on_while_a_server_is_away(redis_url: str, database_url: str) -> None:
    publish(redis_url, many(2))
    with serving(NOBODY, redis_url) as api:
        found = samples(api)
        assert (found['thor_up{part="database"}'], found['thor_up{part="bus"}']) == (0, 1)
        assert found["thor_bus_received_total"] == 2
        assert "thor_ingest_pending" not in found
    with serving(database_url, NO_BUS) as api:
        found = samples(api)
        assert (found['thor_up{part="database"}'], found['thor_up{part="bus"}']) == (1, 0)
        assert "thor_bus_received_total" not in found


def test_a_live_feed_s_state_is_in_health_and_metrics_and_degrades_where_it_is_not_well(
    api: Api, redis_url: str
) -> None:
    bus, now = Bus(redis_url), clock.now()
    since = now - timedelta(minutes=3)
    status = CollectorStatus(
        source="EXCEL",
        state="RTD not connected",
        reason="#N/A or loading in 33 of 121 cells",
        since=since,
        at=now,
        faults=["A4: AAPL is not listed; `thor instruments add` lists one"],
        spilled=7,
    )
    bus.report_collector("EXCEL", msgspec.json.encode(status))
    report(redis_url, "ingest-1")
    health = api.get("/health")
    found = health["collectors"]["EXCEL"]
    assert (found["state"], found["spilled"]) == ("RTD not connected", 7)
    assert found["since"] == timestamps.format_utc(since)
    assert found["faults"] == status.faults
    assert health["reasons"] == [
        "EXCEL: RTD not connected, #N/A or loading in 33 of 121 cells",
    ]
    metrics = samples(api)
    assert metrics['thor_collector_state{source="EXCEL",state="RTD not connected"}'] == 1
    assert metrics['thor_collector_spilled_ticks{source="EXCEL"}'] == 7
    bus.report_collector(
        "EXCEL", msgspec.json.encode(msgspec.structs.replace(status, state="quiet", spilled=0))
    )
    assert api.get("/health")["reasons"] == []
    bus.close()


def test_a_source_whose_clock_runs_away_is_named(api: Api, redis_url: str) -> None:
    bus = Bus(redis_url)
    bus.publish_clock("SIM", datetime.now(UTC) + timedelta(days=1))
    found = [one for one in api.get("/health")["reasons"] if one.startswith("SIM: its clock is")]
    assert len(found) == 1
    assert "`thor sources reset-clock SIM`" in found[0]
    bus.close()


@pytest.mark.parametrize("odd", [{"next": "abc"}, {"base": "-5"}])
def test_a_garbage_counter_is_a_fault_by_name_and_no_error_of_the_server(
    api: Api, redis_url: str, odd: dict[str, str]
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset(COUNTER, mapping=odd)
        health = api.http.get("/health").json()
        assert health["status"] == "down"
        assert "which is no ordinal" in health["bus"]["reason"]
        assert api.http.get("/metrics").status_code == 200
        client.set("thor:job:odd", "a text")
        client.lpush("thor:collector:ODD", "a text")
        assert api.http.get("/health").status_code in (200, 503)
        assert api.http.get("/metrics").status_code == 200


def test_a_source_that_says_nothing_in_an_open_session_is_named(
    database_url: str, redis_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as link:
        link.execute("delete from reference.sessions")
        link.execute(
            "insert into reference.sessions"
            " (calendar, trade_date, session_number, open_at, close_at)"
            " select calendar, current_date, 1, now() - interval '1 h', now() + interval '1 h'"
            " from (select distinct calendar from reference.instruments) as c"
        )
    with serving(database_url, redis_url, dead_s=0.001, stale_s=0.0001) as api:
        assert "quotes: no source has said anything" in str(api.get("/health")["reasons"])
        now = clock.now() - timedelta(seconds=60)
        publish(redis_url, [tick(ts=now, received_at=now)])
        (found,) = [one for one in api.get("/health")["reasons"] if one.startswith("SIM: no tick")]
        assert re.fullmatch(r"SIM: no tick for 6\d s of ES, whose sessions are open", found)


def test_a_bus_out_of_memory_and_a_full_disk_are_named(
    api: Api, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "DISK_FREE_MIN_BYTES", 1 << 60)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1mb")
        try:
            reasons = api.get("/health")["reasons"]
        finally:
            client.config_set("maxmemory", 0)
    assert any(one.startswith("bus: is out of memory: ") for one in reasons)
    assert any(re.match(r"disk: \d+ MB are free where ", one) for one in reasons)
