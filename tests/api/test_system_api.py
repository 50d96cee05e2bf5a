"""The state of the whole system in one answer, whatever is away."""

from decimal import Decimal

import pytest
from served import NO_BUS, NOBODY, Api, publish, serving
from ticks_made import take_in, tick

pytestmark = pytest.mark.editions("plain")


def test_the_state_holds_what_was_refused_and_why(
    api: Api, redis_url: str, database_url: str
) -> None:
    publish(redis_url, [tick(), tick(seq=2, last=Decimal("5000.10"))])
    take_in(redis_url, database_url)
    found = api.get("/api/system")
    assert found["health"]["accounting"]["inserted"] == 1
    (refused,) = found["refused"]
    assert (refused["symbol"], refused["field"], refused["value"]) == ("ES", "last", "5000.10")
    assert found["gaps"] == []
    assert found["bars_waiting"] == {"ranges": 0, "oldest": None}
    assert found["versions"]["postgres"].startswith("18")
    assert found["disk_free_bytes"] > 0
    speaking = {row["source"]: row["symbols"] for row in found["sources"]}
    assert (speaking["SIM"], speaking["EXCEL"]) == (["ES"], [])
    (day,) = found["lake"]["days"]
    assert (day["symbols"], day["ticks"], day["exported"]) == (1, 1, 0)
    assert [day["trade_date"]] == found["lake"]["missing"]
    assert found["health"]["tape"] is None


def test_the_state_names_servers_that_are_away_and_does_not_fail() -> None:
    with serving(NOBODY, NO_BUS) as api:
        found = api.get("/api/system")
    assert found["health"]["status"] == "down"
    assert (found["refused"], found["bars_waiting"], found["lake"]) == (None, None, None)
    assert found["sources"] is None
