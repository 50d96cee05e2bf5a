"""Whatever is put on the stream, every good tick that was published is stored."""

from typing import Any

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ticks_made import many, take_in, value

from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import COUNTER, STREAM

pytestmark = pytest.mark.editions("plain")
ALIEN = "is none of Thor's"


@pytest.fixture
def bus_settings() -> dict[str, Any]:
    """A bus that keeps nothing once it is acknowledged."""
    return {"keep_s": 0}


def balance(link: "psycopg.Connection[Any]", bus: Bus) -> tuple[int, int, int, int, int]:
    """Return received by the bus, then inserted, duplicate, rejected and pending."""
    state = bus.state()
    row = link.execute(
        "select inserted, duplicate, rejected, pending from market.accounting(%s, %s)",
        (state.base, state.next),
    ).fetchone()
    assert row is not None
    return (state.received, *row)


def lie(client: "redis.Redis", first: int, n: int, payload: bytes) -> None:
    client.xadd(STREAM, {"first": first, "n": n, "source": "SIM", "ticks": payload})


def ordinal(client: "redis.Redis") -> int:
    found: Any = client.hget(COUNTER, "next")
    return int(found or 10**15)


def test_entries_that_take_what_comes_later_make_nothing_vanish(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str
) -> None:
    bus.publish(many(3))
    payload = wire.encode(many(5, 900))
    for ahead in (0, 0, 0, 5, 400):
        lie(client, ordinal(client) + ahead, 5, payload)
    lie(client, ordinal(client) - 2, 2, payload)
    take_in(redis_url, database_url)
    for first in range(3, 503, 100):
        bus.publish(many(100, first))
    take_in(redis_url, database_url)
    with psycopg.connect(database_url, autocommit=True) as link:
        assert value(link, "select count(*) from ticks") == 503
        assert value(link, "select max(seq) from ticks") == 502
        assert balance(link, bus) == (503, 503, 0, 0, 0)
        reasons = link.execute("select reason from rejected_ticks where ticks = 0").fetchall()
        assert sum(ALIEN in reason for (reason,) in reasons) == 6


def test_a_copy_of_an_entry_adds_and_hides_nothing(
    bus: Bus, client: "redis.Redis", redis_url: str, database_url: str
) -> None:
    bus.publish(many(3))
    copied: Any = client.xrange(STREAM)[0][1]
    for _ in range(3):
        client.xadd(STREAM, copied)
    bus.publish(many(2, 3))
    take_in(redis_url, database_url)
    with psycopg.connect(database_url, autocommit=True) as link:
        assert balance(link, bus) == (5, 5, 0, 0, 0)


def test_the_oldest_entry_that_lies_does_not_make_the_bus_look_full(
    redis_url: str, client: "redis.Redis", database_url: str
) -> None:
    bus = Bus(redis_url, ticks_max=1000, keep_s=0)
    for seq in range(0, 1800, 600):
        bus.publish(many(600, seq))
        lie(client, 0, 1, b"[]")
        bus.publish(many(1, seq + 599 + 3000))
        take_in(redis_url, database_url)
        bus.trim()
        assert bus.state().held <= 1
    bus.close()


actions = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 4)),
        st.tuples(
            st.just("lie"),
            st.integers(-6, 6),
            st.integers(0, 6),
            st.sampled_from([b"", b"[]", b"junk", wire.encode(many(3, 9000))]),
        ),
        st.tuples(
            st.just("odd"), st.dictionaries(st.text(max_size=5), st.text(max_size=5), min_size=1)
        ),
        st.tuples(st.just("copy"), st.integers(0, 9)),
        st.tuples(st.just("take in")),
    ),
    max_size=12,
)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(actions)
def test_every_good_tick_is_stored_and_the_sum_holds(
    redis_url: str, database_url: str, steps: list[Any]
) -> None:
    client, bus = redis.Redis.from_url(redis_url), Bus(redis_url, keep_s=0)
    client.flushdb()
    published = 0
    with psycopg.connect(database_url, autocommit=True) as link:
        link.execute("truncate market.ticks, market.rejected_ticks, market.ingest_batches")
        for step in steps:
            if step[0] == "publish":
                bus.publish(many(step[1], published))
                published += step[1]
            elif step[0] == "lie":
                lie(client, max(ordinal(client) + step[1], 0), step[2], step[3])
            elif step[0] == "odd":
                client.xadd(STREAM, step[1])
            elif step[0] == "copy":
                found: Any = client.xrange(STREAM)
                if found:
                    client.xadd(STREAM, found[step[1] % len(found)][1])
            else:
                take_in(redis_url, database_url)
        take_in(redis_url, database_url)
        assert value(link, "select count(*) from ticks") == published
        assert balance(link, bus) == (published, published, 0, 0, 0)
    client.close()
    bus.close()
