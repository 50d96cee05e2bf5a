"""What others wrote on the bus, and clocks that run away: named, repaired, never believed."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from ticks_made import TS, entries, many, tick

from thor.domain import timestamps
from thor.errors import Unavailable
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import (
    AHEAD,
    CLAIM,
    CLOCKS,
    COUNTER,
    HEARD,
    LATEST,
    SHADOWED,
    STREAM,
    Claim,
)


@pytest.fixture
def bus_settings() -> dict[str, Any]:
    """A bus that keeps nothing once it is acknowledged."""
    return {"keep_s": 0}


def now_ish() -> datetime:
    """Return this moment in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        ("bid", "abc"),
        ("volume", "1e9"),
        ("ts", "9999-12-31T23:59:59.999999Z"),
        ("ts", "soon"),
    ],
)
def test_an_odd_value_of_a_latest_hash_is_repaired_by_the_next_good_tick(
    bus: Bus, client: "redis.Redis", field: str, odd: str
) -> None:
    bus.publish([tick(ts=TS, bid=Decimal(5000), ask=Decimal(5001), volume=7)])
    client.hset(LATEST + "ES", field, odd)
    bus.publish([tick(ts=TS + timedelta(seconds=1), seq=2, last=Decimal(5000))])
    found = bus.latest(["ES"])["ES"]
    assert found["ts"] == timestamps.format_utc(TS + timedelta(seconds=1))
    assert found["last"] == "5000"
    assert found.get(field) != odd


def test_keys_of_another_kind_are_no_quote_and_are_repaired_by_the_next_good_tick(
    bus: Bus, client: "redis.Redis"
) -> None:
    for key in (LATEST + "ES", CLAIM + "ES", SHADOWED, CLOCKS, HEARD + "SIM", AHEAD):
        client.set(key, "a text")
    assert bus.latest(["ES"]) == {}
    assert bus.state().shadowed == {}
    bus.publish([tick()], {"ES": Claim(20, 1000)})
    assert bus.publish_clock("SIM", TS, ["ES"])
    assert bus.latest(["ES"])["ES"]["source"] == "SIM"
    assert client.hget(CLAIM + "ES", "source") == b"SIM"


@pytest.mark.parametrize("odd", [{"next": "abc"}, {"oldest": "-1"}, {"base": "x" * 99}])
def test_a_counter_that_counts_nothing_is_named_and_begun_anew_by_the_next_publish(
    bus: Bus, client: "redis.Redis", odd: dict[str, str]
) -> None:
    bus.publish(many(3))
    client.hset(COUNTER, mapping=odd)
    with pytest.raises(Unavailable, match=f"{next(iter(odd))} of {COUNTER} is"):
        bus.state()
    bus.publish(many(2, 3))
    assert bus.state().received == 2


def test_a_claim_that_is_ahead_of_time_keeps_nobody_from_speaking(
    bus: Bus, client: "redis.Redis"
) -> None:
    odd: Any = {"source": "EXCEL", "priority": 1, "heard_ms": 10**15, "stale_ms": 10**6}
    client.hset(CLAIM + "ES", mapping=odd)
    assert bus.publish([tick()], {"ES": Claim(20, 1000)}).ticks == 1


def test_a_tick_ahead_of_the_bus_is_refused_by_name_and_its_neighbour_is_not(
    bus: Bus, client: "redis.Redis"
) -> None:
    now, tomorrow = now_ish(), now_ish() + timedelta(days=1)
    sent = [
        tick(ts=now, received_at=now, seq=1, last=Decimal(5000)),
        tick(ts=tomorrow, received_at=tomorrow, seq=2, last=Decimal(6000)),
        tick(ts=now, received_at=tomorrow, seq=3, last=Decimal(6000)),
    ]
    assert bus.publish(sent).ticks == 3
    (entry,) = entries(client)
    ticks, _ = wire.decode(entry.payload, entry.n, entry.entry_id)
    assert ticks[0].refused is None
    for one, field in zip(ticks[1:], ("ts", "received_at"), strict=True):
        assert one.refused is not None
        assert re.match(rf"{field}: .* is 8\d{{4}} s ahead of the bus's clock", one.refused)
    assert bus.latest(["ES"])["ES"]["last"] == "5000"
    assert 86_000 < bus.state().ahead_s["SIM"] <= 86_400
    bus.publish_clock("SIM", now)
    assert bus.state().ahead_s == {}


def test_a_clock_ahead_of_the_bus_is_refused_and_named(bus: Bus, client: "redis.Redis") -> None:
    tomorrow = now_ish() + timedelta(days=1)
    assert bus.publish_clock("SIM", tomorrow, ["ES"]) is None
    assert client.xlen(STREAM) == 0
    assert client.hget(CLOCKS, "SIM") is None
    assert client.hgetall(HEARD + "SIM") == {}
    assert list(bus.state().ahead_s) == ["SIM"]
    assert bus.publish_clock("SIM", now_ish(), ["ES"])
    assert bus.state().ahead_s == {}


def test_a_file_keeps_its_own_time(bus: Bus, client: "redis.Redis") -> None:
    ahead = now_ish() + timedelta(days=400)
    for seq in (1, 2):
        bus.publish([tick(source="TAPE:0123abcd", ts=ahead, received_at=ahead, seq=seq)])
    assert bus.publish_clock("TAPE:0123abcd", ahead)
    assert bus.latest(["ES"])["ES"]["seq"] == "2"
    assert bus.state().ahead_s == {}
