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
from ticks_made import taking_in, wait_for

from thor.errors import Unavailable
from thor.market.bus.client import Bus

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
def house() -> Iterator[Any]:
    """Servers of these tests' own, to be killed."""
    with crash.crash_house() as house:
        yield house


def told(_: str) -> None:
    pass


def judged(outcome: Any, kills: int) -> None:
    """Hold an outcome to its promise, and to having been put to the test."""
    assert (outcome.lost, outcome.doubled, outcome.faults) == (0, 0, [])
    assert outcome.published > 0
    assert outcome.kills == len(outcome.recoveries_s) == kills
    for part in ("inserted", "duplicate", "rejected"):
        assert outcome.account[part] > 0


def test_an_ingestor_killed_under_load_loses_nothing_and_doubles_nothing(house: Any) -> None:
    judged(crash.kill_ingestor(house, ROUNDS, told), ROUNDS)


@pytest.mark.parametrize("server", ["valkey", "postgres"])
def test_a_server_killed_under_load_loses_nothing_and_doubles_nothing(
    house: Any, server: str
) -> None:
    rounds = max(1, ROUNDS // 5)
    judged(crash.kill_server(house, server, rounds, told), rounds)


def urls_of(house: Any) -> tuple[str, str]:
    return house.urls.redis_url, house.urls.database_url


def report(house: Any) -> dict[str, str]:
    """Return what the ingestor last said of itself on the bus."""
    with redis.Redis.from_url(house.urls.redis_url, decode_responses=True) as client:
        found: Any = client.hgetall("thor:job:waiter")
        return dict(found)


def test_an_ingestor_waits_for_postgresql_says_so_and_goes_on(house: Any, tmp_path: Path) -> None:
    before = house.received()
    with (
        house.load() as load,
        taking_in(*urls_of(house), "waiter", tmp_path / "waiter.heartbeat") as said,
    ):
        house.wait_for(lambda: house.received() > before, "work")
        assert report(house)["state"] == "running"
        with house.away("postgres"):
            # Told on the bus, which is up, and in the log; the collector goes on meanwhile.
            wait_for(lambda: report(house).get("state") == "waiting", "the report")
            wait_for(lambda: int(report(house)["attempt"]) > 2, "the third attempt")
            assert "PostgreSQL" in report(house)["reason"]
            published = load.next
            wait_for(lambda: load.next > published, "the collector")
        wait_for(lambda: report(house).get("state") == "running", "the return")
        house.wait_for(lambda: house.received() > before, "work")
    waits = [more for what, more in said if what == "waiting"]
    assert [more["attempt"] for more in waits][:3] == [1, 2, 3]
    finish(house, load)


def test_an_ingestor_waits_for_the_bus_says_so_and_goes_on(house: Any, tmp_path: Path) -> None:
    before = house.received()
    with (
        house.load() as load,
        taking_in(*urls_of(house), "waiter", tmp_path / "waiter.heartbeat") as said,
    ):
        house.wait_for(lambda: house.received() > before, "work")
        with house.away("valkey"):
            wait_for(lambda: [more for what, more in said if what == "waiting"], "the wait")
            with pytest.raises(Unavailable):
                Bus(house.urls.redis_url).state()
            time.sleep(0.5)
        taken = house.received()
        house.wait_for(lambda: house.received() > taken, "the return")
        wait_for(lambda: report(house).get("state") == "running", "the report")
    assert any("Redis" in more["reason"] for what, more in said if what == "waiting")
    finish(house, load)


def finish(house: Any, load: Any) -> None:
    """Let what is left be taken in, and hold the ledger to what this load published."""
    with taking_in(house.urls.redis_url, house.urls.database_url, "waiter"):
        house.settle()
    outcome = house.judge(load, 0, [])
    assert (outcome.lost, outcome.doubled, outcome.faults) == (0, 0, [])


def test_the_judge_sees_what_is_lost_doubled_and_miscounted(house: Any) -> None:
    with house.load() as load:
        house.wait_for(lambda: load.next - load.first > 500, "a load")
    with taking_in(house.urls.redis_url, house.urls.database_url):
        house.settle()
    good = [seq for seq in range(load.first, load.next) if crash.is_good(seq)]
    taken, told_twice, wrong = good[5], good[7], good[9]
    with crash.psycopg.connect(house.urls.database_url) as connection:
        connection.execute("delete from market.ticks where seq = %s", (taken,))
        connection.execute(
            "insert into market.ticks (ts, symbol, seq, source, last, is_trade, is_sampled,"
            " received_at) select ts + interval '1 s', symbol, seq, source, last, is_trade,"
            " is_sampled, received_at from market.ticks where seq = %s",
            (told_twice,),
        )
        connection.execute("update market.ticks set last = 1 where seq = %s", (wrong,))
    outcome = house.judge(load, 0, [])
    # The one that was taken out, and the one whose values are others now.
    assert (outcome.lost, outcome.doubled) == (2, 2)
    assert outcome.faults == []
    with crash.psycopg.connect(house.urls.database_url) as connection:
        connection.execute("delete from market.ticks where seq = %s", (wrong,))
        connection.execute(
            "delete from market.rejected_ticks where rejected_id in"
            " (select min(rejected_id) from market.rejected_ticks)"
        )
    faults = [fault.split(":")[0] for fault in house.judge(load, 0, []).faults]
    assert faults == ["the rows", "the quarantine"]
