"""kill -9 under load, and servers that stay away for a while: nothing lost, nothing twice.

THOR_TEST_CRASH_ROUNDS says how often the ingestor is killed, each server a fifth as often.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from roles_made import PASSWORDS
from ticks_made import taking_in, wait_for

from thor.database import roles
from thor.errors import Unavailable
from thor.market.bus.client import Bus
from thor.ops import heartbeat

ROUNDS = int(os.environ.get("THOR_TEST_CRASH_ROUNDS", "3"))
_FILE = Path(__file__).parents[2] / "bench" / "crash.py"


def harness() -> Any:
    """Return bench/crash.py, which is no package, as a module."""
    spec = importlib.util.spec_from_file_location("bench_crash", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


crash = harness()


@pytest.fixture(scope="module")
def system() -> Iterator[Any]:
    """Servers of these tests' own, to be killed."""
    with crash.crash_system() as system:
        roles.set_passwords(system.urls.database_url, PASSWORDS)
        yield system


def reported(_: str) -> None:
    pass


def validated(outcome: Any, kills: int) -> None:
    """Check that an outcome has no loss, and that it was tested at all."""
    assert (outcome.lost, outcome.doubled, outcome.faults) == (0, 0, [])
    assert outcome.published > 0
    assert outcome.kills == len(outcome.recoveries_s) == kills
    for part in ("inserted", "duplicate", "rejected"):
        assert outcome.account[part] > 0


def test_an_ingestor_killed_under_load_loses_nothing_and_doubles_nothing(system: Any) -> None:
    validated(crash.kill_ingestor(system, ROUNDS, reported), ROUNDS)


@pytest.mark.parametrize("server", ["valkey", "postgres"])
def test_a_server_killed_under_load_loses_nothing_and_doubles_nothing(
    system: Any, server: str
) -> None:
    rounds = max(1, ROUNDS // 5)
    validated(crash.kill_server(system, server, rounds, reported), rounds)


def urls_of(system: Any) -> tuple[str, str]:
    return system.urls.redis_url, system.urls.database_url


def report(system: Any) -> dict[str, str]:
    """Return the ingestor's last report on the bus."""
    with redis.Redis.from_url(system.urls.redis_url, decode_responses=True) as client:
        found: Any = client.hgetall("thor:job:waiter")
        return dict(found)


def test_an_ingestor_waits_for_postgresql_reports_it_and_continues(
    system: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The third attempt is reported with the next beat, and the load goes on until then.
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.1)
    before = system.received()
    with (
        system.load() as load,
        taking_in(*urls_of(system), "waiter", tmp_path / "waiter.heartbeat") as said,
    ):
        system.wait_for(lambda: system.received() > before, "work")
        assert report(system)["state"] == "running"
        with system.away("postgres"):
            # Reported on the bus, which is up, and in the log; the collector continues meanwhile.
            wait_for(lambda: report(system).get("state") == "waiting", "the report")
            wait_for(lambda: int(report(system)["attempt"]) > 2, "the third attempt")
            assert "PostgreSQL" in report(system)["reason"]
            published = load.next
            wait_for(lambda: load.next > published, "the collector")
        wait_for(lambda: report(system).get("state") == "running", "the return")
        system.wait_for(lambda: system.received() > before, "work")
    waits = [more for what, more in said if what == "waiting"]
    assert [more["attempt"] for more in waits][:3] == [1, 2, 3]
    finish(system, load)


def test_an_ingestor_waits_for_the_bus_reports_it_and_continues(
    system: Any, tmp_path: Path
) -> None:
    before = system.received()
    with (
        system.load() as load,
        taking_in(*urls_of(system), "waiter", tmp_path / "waiter.heartbeat") as said,
    ):
        system.wait_for(lambda: system.received() > before, "work")
        with system.away("valkey"):
            wait_for(lambda: [more for what, more in said if what == "waiting"], "the wait")
            with pytest.raises(Unavailable):
                Bus(system.urls.redis_url).state()
            time.sleep(0.5)
        taken = system.received()
        system.wait_for(lambda: system.received() > taken, "the return")
        wait_for(lambda: report(system).get("state") == "running", "the report")
    assert any("Redis" in more["reason"] for what, more in said if what == "waiting")
    finish(system, load)


def finish(system: Any, load: Any) -> None:
    """Ingest the rest, and compare the database with the ticks that this load published."""
    with taking_in(system.urls.redis_url, system.urls.database_url, "waiter"):
        system.settle()
    outcome = system.outcome(load, 0, [])
    assert (outcome.lost, outcome.doubled, outcome.faults) == (0, 0, [])


def test_the_outcome_counts_lost_doubled_and_miscounted_ticks(system: Any) -> None:
    with system.load() as load:
        system.wait_for(lambda: load.next - load.first > 500, "a load")
    with taking_in(system.urls.redis_url, system.urls.database_url):
        system.settle()
    good = [seq for seq in range(load.first, load.next) if crash.is_good(seq)]
    taken, reported_twice, wrong = good[5], good[7], good[9]
    with crash.psycopg.connect(system.urls.database_url) as connection:
        connection.execute("delete from market.ticks where seq = %s", (taken,))
        connection.execute(
            "insert into market.ticks (ts, symbol, seq, source, last, is_trade, is_sampled,"
            " received_at) select ts + interval '1 s', symbol, seq, source, last, is_trade,"
            " is_sampled, received_at from market.ticks where seq = %s",
            (reported_twice,),
        )
        connection.execute("update market.ticks set last = 1 where seq = %s", (wrong,))
    outcome = system.outcome(load, 0, [])
    # The one that was taken out, and the one whose values are others now.
    assert (outcome.lost, outcome.doubled) == (2, 2)
    assert outcome.faults == []
    with crash.psycopg.connect(system.urls.database_url) as connection:
        connection.execute("delete from market.ticks where seq = %s", (wrong,))
        connection.execute(
            "delete from market.rejected_ticks where rejected_id in"
            " (select min(rejected_id) from market.rejected_ticks)"
        )
    faults = [fault.split(":")[0] for fault in system.outcome(load, 0, []).faults]
    assert faults == ["the rows", "the quarantine"]
