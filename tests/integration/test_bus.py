"""The bus on a real server: atomic, arbitrated, capped; unacknowledged entries stay."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ticks_made import LISTING, TS, entries, inject, many, tick, unacknowledged, wait_for

from thor.domain import timestamps
from thor.domain.tick import Tick
from thor.errors import Broken, Unavailable
from thor.flow.publish import Publisher
from thor.market.bus import wire
from thor.market.bus.client import Bus
from thor.market.bus.messages import (
    CLAIM,
    COUNTER,
    GROUP,
    LATEST,
    STREAM,
    BusFull,
    Claim,
    Published,
)
from thor.runtime import Stop

on_the_server = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ALWAYS = 3_600_000


@contextmanager
def opened(url: str, **given: Any) -> Iterator[Bus]:
    """A bus that is closed at the end."""
    bus = Bus(url, **given)
    try:
        yield bus
    finally:
        bus.close()


@pytest.fixture
def bus(redis_url: str) -> Iterator[Bus]:
    """A bus that keeps nothing once it is acknowledged."""
    with opened(redis_url, keep_s=0) as bus:
        yield bus


def counter(client: "redis.Redis") -> dict[str, int]:
    found: Any = client.hgetall(COUNTER)
    ordinals = {b"base", b"next", b"oldest"}
    return {name.decode(): int(value) for name, value in found.items() if name in ordinals}


def latest(bus: Bus, symbol: str = "ES") -> dict[str, str]:
    return bus.latest([symbol]).get(symbol, {})


def on_stream(client: "redis.Redis") -> list[Tick]:
    found = []
    for entry in entries(client):
        good, refused = wire.decode(entry.payload, entry.n, entry.entry_id)
        assert refused == []
        found += good
    return found


# Publishing


def test_a_publish_is_one_entry_a_count_and_the_latest_hash(
    bus: Bus, client: "redis.Redis"
) -> None:
    sent = [
        tick(seq=1, bid=Decimal("5000.00"), ask=Decimal("5000.25"), contract="ESU24"),
        tick(seq=2, ts=TS + timedelta(seconds=1), last=Decimal("5000.50"), last_size=7),
    ]
    done = bus.publish(sent)
    (entry,) = entries(client)
    count = counter(client)
    assert done == Published(2, 0, entry.entry_id)
    assert (entry.first, entry.n) == (count["base"], 2)
    assert count["next"] - count["base"] == 2
    assert on_stream(client) == sent
    assert latest(bus) == {
        "last": "5000.50", "bid": "5000.00", "ask": "5000.25", "last_size": "7",
        "contract": "ESU24", "ts": "2024-07-01T14:30:01.123456Z",
        "received_at": "2024-07-01T14:30:01.123456Z", "source": "SIM", "seq": "2",
    }  # fmt: skip
    state = bus.state()
    assert (state.received, state.held, state.entries) == (2, 2, 1)


def test_publishing_nothing_does_nothing(bus: Bus, client: "redis.Redis") -> None:
    assert bus.publish([]) == Published(0, 0)
    assert client.keys() == []


def test_ordinals_count_on_without_a_hole_for_all_publishers(
    redis_url: str, client: "redis.Redis"
) -> None:
    seeds, publishes = range(4), 40
    begin = threading.Barrier(len(seeds) + 1)
    over = threading.Event()
    torn: list[str] = []

    def publish(seed: int) -> None:
        dice, seq = random.Random(seed), 0
        with opened(redis_url) as bus:
            begin.wait()
            for _ in range(publishes):
                count = dice.randint(1, 30)
                own = many(count, seq, source=f"S{seed}", symbol=f"OWN{seed}")
                bus.publish([*own, *many(count, seq, source=f"S{seed}")])
                seq += count

    def look() -> None:
        # Counter, stream and latest are of one moment, whenever they are looked at together.
        with redis.Redis.from_url(redis_url) as link:
            begin.wait()
            while not over.wait(0.001):
                pipe = link.pipeline(transaction=True)
                pipe.hgetall(COUNTER).xrevrange(STREAM, count=1).hgetall(LATEST + "ES")
                count, newest, shown = pipe.execute()
                if not newest:
                    continue
                fields = newest[0][1]
                if int(fields[b"first"]) + int(fields[b"n"]) != int(count[b"next"]):
                    torn.append(f"{fields[b'first']} + {fields[b'n']} is not {count[b'next']}")
                reported, _ = wire.decode(fields[b"ticks"], int(fields[b"n"]), "")
                newest_ts = timestamps.format_utc(
                    max(one.ts for one in reported if one.symbol == "ES")
                )
                if newest_ts > shown[b"ts"].decode():
                    torn.append(f"the latest hash is behind {newest_ts}: {shown}")

    threads = [threading.Thread(target=publish, args=(seed,)) for seed in seeds]
    looker = threading.Thread(target=look)
    for thread in (*threads, looker):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    looker.join()

    assert torn == []
    found, count = entries(client), counter(client)
    expected = count["base"]
    for entry in found:
        assert entry.first == expected
        expected += entry.n
    assert expected == count["next"]
    reported = on_stream(client)
    assert len(reported) == count["next"] - count["base"]
    for seed in seeds:
        mine = [one.seq for one in reported if one.symbol == f"OWN{seed}"]
        assert mine == sorted(mine)
    newest = max(one.ts for one in reported if one.symbol == "ES")
    with opened(redis_url) as bus:
        assert latest(bus)["ts"] == timestamps.format_utc(newest)


def test_an_entry_holds_at_most_1000_ticks_and_256_kb(bus: Bus, client: "redis.Redis") -> None:
    sent = many(2500) + many(1000, 2500, refused="seq: " + "x" * 400)
    assert bus.publish(sent).ticks == 3500
    found = entries(client)
    assert max(entry.n for entry in found) <= 1000
    assert max(len(entry.payload) for entry in found) <= 256_000
    assert on_stream(client) == sent


def test_one_tick_that_no_entry_can_hold_travels_alone(bus: Bus, client: "redis.Redis") -> None:
    giant = tick(seq=2, refused="seq: " + "x" * 300_000)
    bus.publish([tick(seq=1), giant, tick(seq=3)])
    sizes = [(entry.n, len(entry.payload) > 256_000) for entry in entries(client)]
    assert sizes == [(1, False), (1, True), (1, False)]


def test_texts_that_are_no_text_are_published_escaped(bus: Bus, client: "redis.Redis") -> None:
    sent = [tick(seq=1), tick(seq=2, symbol="E\ud800S"), tick(seq=3, contract="\udfff")]
    assert bus.publish(sent).ticks == 3
    reported = on_stream(client)
    assert [one.seq for one in reported] == [1, 2, 3]
    assert reported[0] == sent[0]
    assert [(one.symbol, one.contract) for one in reported[1:]] == [
        (r"E\ud800S", None),
        ("ES", r"\udfff"),
    ]


def test_a_publish_of_a_thousand_symbols_is_one_step(bus: Bus, client: "redis.Redis") -> None:
    sent = [tick(symbol=f"S{n}", seq=n) for n in range(1000)]
    claims = {one.symbol: Claim(10, ALWAYS) for one in sent}
    assert bus.publish(sent, claims).ticks == 1000
    assert len(bus.latest([one.symbol for one in sent])) == 1000


# The latest hash


def merged(reported: list[Tick]) -> dict[str, str]:
    """Return what the latest hash has to be: each tick laid over those before, oldest out."""
    shown: dict[str, str] = {}
    names = ("last", "bid", "ask", "last_size", "bid_size", "ask_size", "volume", "contract")
    for one in reported:
        ts = timestamps.format_utc(one.ts)
        if one.refused is not None or ts < shown.get("ts", ""):
            continue
        for name in names:
            if getattr(one, name) is not None:
                shown[name] = str(getattr(one, name))
        shown |= {"ts": ts, "received_at": timestamps.format_utc(one.received_at)}
        shown |= {"source": one.source, "seq": str(one.seq)}
    return shown


prices = st.none() | st.integers(0, 9).map(Decimal)
reported = st.builds(
    lambda ms, refused, **given: tick(
        ts=TS + timedelta(milliseconds=ms), refused="seq: no" if refused else None, **given
    ),
    st.integers(0, 20), st.sampled_from([False, False, False, True]),
    seq=st.integers(0, 99), last=prices, bid=prices, ask=prices, last_size=st.none() | st.just(0),
    volume=st.none() | st.integers(0, 9), contract=st.sampled_from([None, "ESU24", "ESZ24"]),
    source=st.sampled_from(["SIM", "EXCEL"]),
)  # fmt: skip


@on_the_server
@given(publishes=st.lists(st.lists(reported, min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_latest_hash_merges_new_values_and_never_goes_back_in_ts(
    bus: Bus, client: "redis.Redis", publishes: list[list[Tick]]
) -> None:
    client.flushdb()
    for ticks in publishes:
        bus.publish(ticks)
    assert latest(bus) == merged([one for ticks in publishes for one in ticks])


def test_an_old_tick_within_a_newer_entry_does_not_take_the_quote_back(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish([tick(ts=TS + timedelta(seconds=10), bid=Decimal(5009))])
    late = tick(ts=TS + timedelta(seconds=5), bid=Decimal(5001))
    newer = tick(ts=TS + timedelta(seconds=11), ask=Decimal(5010))
    bus.publish([late, newer])
    shown = latest(bus)
    assert (shown["bid"], shown["ask"]) == ("5009", "5010")


def test_a_refused_tick_is_published_and_never_shown(bus: Bus, client: "redis.Redis") -> None:
    bus.publish([tick(seq=1, refused="last: is not on ES's grid")])
    assert latest(bus) == {}
    assert bus.state().received == 1
    bus.publish([tick(seq=2, last=Decimal(5000))])
    bus.publish([tick(seq=3, last=Decimal(6000), refused="seq: no", ts=TS + timedelta(hours=1))])
    assert (latest(bus)["seq"], latest(bus)["last"]) == ("2", "5000")


# Arbitration


def claims(priority: int, stale_ms: int = ALWAYS) -> dict[str, Claim]:
    return {"ES": Claim(priority, stale_ms), "CL": Claim(priority, stale_ms)}


def claimant(client: "redis.Redis", symbol: str = "ES") -> str | None:
    found: Any = client.hget(CLAIM + symbol, "source")
    return found.decode() if found else None


def test_the_preferred_source_is_heard_and_the_other_is_counted(
    bus: Bus, client: "redis.Redis"
) -> None:
    assert bus.publish(many(1, source="EXCEL"), claims(20)).ticks == 1
    assert claimant(client) == "EXCEL"
    # The preferred one does not wait until the other is stale.
    assert bus.publish(many(1, source="SCHWAB"), claims(10)).ticks == 1
    assert claimant(client) == "SCHWAB"
    for shadowed in (1, 2):
        done = bus.publish(many(3, 5, source="EXCEL"), claims(20))
        assert done == Published(0, 3)
        assert bus.state().shadowed == {"EXCEL": 3 * shadowed}
    assert [one.source for one in on_stream(client)] == ["EXCEL", "SCHWAB"]
    assert bus.state().received == 2
    assert (latest(bus)["source"], claimant(client)) == ("SCHWAB", "SCHWAB")


def test_a_stale_source_loses_its_claim_to_the_next_and_regains_it(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish(many(1, source="SCHWAB"), claims(10, stale_ms=1))
    time.sleep(0.01)
    assert bus.publish(many(1, 1, source="EXCEL"), claims(20)).ticks == 1
    assert claimant(client) == "EXCEL"
    assert bus.publish(many(1, 2, source="SCHWAB"), claims(10)).ticks == 1
    assert claimant(client) == "SCHWAB"
    assert bus.publish(many(1, 3, source="EXCEL"), claims(20)) == Published(0, 1)


def test_of_two_sources_of_one_priority_the_first_is_heard_until_it_is_stale(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish(many(1, source="EXCEL"), claims(20))
    assert bus.publish(many(1, source="SIM"), claims(20)) == Published(0, 1)
    bus.publish(many(1, 1, source="EXCEL"), claims(20, stale_ms=1))
    time.sleep(0.01)
    assert bus.publish(many(1, 1, source="SIM"), claims(20)).ticks == 1
    assert bus.publish(many(1, 2, source="EXCEL"), claims(20)) == Published(0, 1)


def test_a_claim_is_of_one_symbol(bus: Bus, client: "redis.Redis") -> None:
    bus.publish([tick(source="SCHWAB")], claims(10))
    both = [
        tick(seq=1, source="EXCEL"),
        tick(seq=2, source="EXCEL", symbol="CL"),
        tick(seq=3, source="EXCEL"),
        tick(seq=4, source="EXCEL", symbol="CL"),
    ]
    done = bus.publish(both, claims(20))
    assert (done.ticks, done.shadowed) == (2, 2)
    assert [(one.symbol, one.seq) for one in on_stream(client)[1:]] == [("CL", 2), ("CL", 4)]
    assert (claimant(client, "ES"), claimant(client, "CL")) == ("SCHWAB", "EXCEL")


def test_a_source_whose_ticks_were_all_refused_does_not_renew_its_claim(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish(many(1, source="SCHWAB"), claims(10, stale_ms=1))
    bus.publish(many(1, 1, source="SCHWAB", refused="last: is missing"), claims(10))
    time.sleep(0.01)
    assert bus.publish(many(1, 2, source="EXCEL"), claims(20)).ticks == 1
    assert claimant(client) == "EXCEL"


def test_a_replay_is_published_past_any_claim_and_makes_none(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish(many(1, source="SCHWAB"), claims(10))
    assert bus.publish(many(2, source="TAPE:0123abcd")).ticks == 2
    assert claimant(client) == "SCHWAB"
    assert bus.publish(many(1, 1, source="SCHWAB"), claims(10)).ticks == 1


def test_a_shadowed_tick_is_counted_once_though_the_rest_has_to_wait(redis_url: str) -> None:
    with opened(redis_url, ticks_max=2) as bus:
        bus.publish([tick(source="SCHWAB")], claims(10))
        bus.publish([tick(source="SCHWAB", seq=2)], claims(10))
        both = [tick(seq=1, source="EXCEL"), tick(seq=2, source="EXCEL", symbol="CL")]
        for _ in range(3):
            with pytest.raises(BusFull):
                bus.publish(both, claims(20))
        assert bus.state().shadowed in ({}, {"EXCEL": 1})


# The cap


def test_a_full_bus_refuses_a_publish_as_a_whole(redis_url: str, client: "redis.Redis") -> None:
    with opened(redis_url, ticks_max=1000, keep_s=0) as bus:
        bus.open_group()
        bus.publish(many(900))
        before = (counter(client), latest(bus), client.xlen(STREAM))
        with pytest.raises(BusFull, match="the bus holds 900 ticks"):
            bus.publish(many(101, 900))
        assert (counter(client), latest(bus), client.xlen(STREAM)) == before
        assert bus.publish(many(100, 900)).ticks == 100
        # Neither time nor a trim removes entries that were not read.
        assert bus.trim() == 0
        with pytest.raises(BusFull):
            bus.publish(many(1, 1000))
        taken = bus.read("a", 1, 1)
        assert bus.trim() == 0
        bus.acknowledge([entry.entry_id for entry in taken])
        assert bus.trim() == 1
        assert bus.publish(many(900, 1000)).ticks == 900


def test_a_collector_waits_at_the_cap_and_continues_below_it(
    redis_url: str, client: "redis.Redis"
) -> None:
    said: list[str] = []
    with opened(redis_url, ticks_max=10, keep_s=0) as bus, opened(redis_url) as reader:
        reader.open_group()
        edge = Publisher(bus, LISTING, Stop(), on_wait=lambda reason, attempt: said.append(reason))
        edge.publish(many(10))
        published: list[Published] = []
        thread = threading.Thread(target=lambda: published.append(edge.publish(many(5, 10))))
        thread.start()
        wait_for(lambda: said, "the wait")
        reader.acknowledge([entry.entry_id for entry in reader.read("a", 9, 1)])
        bus.trim()
        thread.join(60)
        assert [one.ticks for one in published] == [5]
    assert said[0] == "the bus holds 10 ticks that are not yet read"


# Trimming


class Model:
    """The model of a trimmed stream: it has every entry that is not acknowledged."""

    def __init__(self, client: "redis.Redis", bus: Bus) -> None:
        self.client, self.bus = client, bus
        self.sent: dict[str, bytes] = {}
        self.unread: list[str] = []
        self.held: set[str] = set()

    def publish(self, count: int) -> None:
        entry_id = self.bus.publish(many(count, len(self.sent))).entry_id
        assert entry_id is not None
        self.sent[entry_id] = entries(self.client)[-1].payload
        self.unread.append(entry_id)

    def read(self, consumer: str, count: int) -> None:
        ids = [entry.entry_id for entry in self.bus.read(consumer, count, 1)]
        assert ids == self.unread[:count]
        del self.unread[:count]
        self.held |= set(ids)

    def acknowledge(self, dice: random.Random) -> None:
        gone = {one for one in self.held if dice.random() < 0.5}
        self.bus.acknowledge(sorted(gone))
        self.held -= gone

    def claim(self, consumer: str, count: int) -> None:
        assert {entry.entry_id for entry in self.bus.claim(consumer, 0, count)} <= self.held

    def publish_clock(self) -> None:
        entry_id = self.bus.publish_clock("SIM", TS)
        self.sent[entry_id] = entries(self.client)[-1].payload
        self.unread.append(entry_id)

    def look(self) -> None:
        there = {entry.entry_id: entry.payload for entry in entries(self.client)}
        needed = self.held | set(self.unread)
        assert {one: there.get(one) for one in needed} == {one: self.sent[one] for one in needed}
        state = self.bus.state()
        assert state.held == sum(entry.n for entry in entries(self.client))


steps = st.lists(
    st.tuples(
        st.sampled_from(["publish", "clock", "read", "acknowledge", "claim", "trim"]),
        st.integers(1, 4),
    ),
    max_size=30,
)


@on_the_server
@given(steps=steps, seed=st.integers())
def test_a_trim_drops_nothing_that_is_pending_or_undelivered(
    bus: Bus, client: "redis.Redis", steps: list[tuple[str, int]], seed: int
) -> None:
    client.flushdb()
    bus.open_group()
    model, dice = Model(client, bus), random.Random(seed)
    for step, count in steps:
        if step == "publish":
            model.publish(count)
        elif step == "clock":
            model.publish_clock()
        elif step == "read":
            model.read(dice.choice("ab"), count)
        elif step == "acknowledge":
            model.acknowledge(dice)
        elif step == "claim":
            model.claim(dice.choice("ab"), count)
        else:
            bus.trim()
            model.look()
    while model.unread:
        model.read("a", 10)
    bus.acknowledge(sorted(model.held))
    bus.trim()
    assert client.xlen(STREAM) == 0
    assert bus.state().held == 0


def test_without_a_group_nothing_is_dropped(bus: Bus, client: "redis.Redis") -> None:
    bus.publish(many(3))
    assert bus.trim() == 0
    assert client.xlen(STREAM) == 1
    client.flushdb()
    assert bus.trim() == 0


def test_what_another_group_has_not_taken_stays(bus: Bus, client: "redis.Redis") -> None:
    bus.open_group()
    client.xgroup_create(STREAM, "other", id="0")
    bus.publish(many(3))
    bus.acknowledge([entry.entry_id for entry in bus.read("a", 10, 1)])
    assert bus.trim() == 0
    client.xgroup_destroy(STREAM, "other")
    assert bus.trim() == 1


def test_acknowledged_entries_stay_a_while_for_resumes(
    redis_url: str, client: "redis.Redis"
) -> None:
    with opened(redis_url, ticks_max=1000, keep_s=600) as bus:
        bus.open_group()
        for start in range(0, 499, 100):
            bus.publish(many(min(100, 499 - start), start))
        bus.acknowledge([entry.entry_id for entry in bus.read("a", 10, 1)])
        assert bus.trim() == 0
        # More than half full: space for new entries takes precedence over a resume.
        bus.publish(many(1, 499))
        assert bus.trim() == 5
        assert (client.xlen(STREAM), bus.state().held) == (1, 1)


def test_an_old_entry_goes_once_it_was_kept_long_enough(
    redis_url: str, client: "redis.Redis"
) -> None:
    seconds, _ = client.time()
    for age_s in (601, 500):
        inject(client, wire.encode(many(1)), 1, f"{(seconds - age_s) * 1000}-0")
    with opened(redis_url, keep_s=600) as bus:
        bus.open_group()
        bus.acknowledge([entry.entry_id for entry in bus.read("a", 10, 1)])
        assert bus.trim() == 1
        assert bus.state().held == 1
        assert bus.trim() == 0


# The group


def test_each_entry_goes_to_one_consumer_and_stays_its_own_until_acknowledged(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.open_group()
    bus.open_group()
    for start in range(4):
        bus.publish(many(1, start))
    first, second = bus.read("a", 2, 1), bus.read("b", 9, 1)
    assert [len(first), len(second)] == [2, 2]
    assert bus.read_own("a", 9) == first
    assert bus.read_own("a", 9, after=first[0].entry_id) == first[1:]
    assert bus.read_own("b", 1) == second[:1]
    bus.acknowledge([first[0].entry_id])
    assert bus.read_own("a", 9) == first[1:]
    assert bus.state().pending_entries == 3


def test_what_a_dead_consumer_left_is_taken_over_and_no_other_entry_is(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.open_group()
    for start in range(4):
        bus.publish(many(1, start))
    left = bus.read("dead", 3, 1)
    bus.acknowledge([left[0].entry_id])
    assert bus.claim("alive", 3_600_000, 9) == []
    assert bus.claim("alive", 0, 9) == left[1:]
    assert bus.read_own("dead", 9) == []
    assert bus.read_own("alive", 9) == left[1:]
    (undelivered,) = bus.read("alive", 9, 1)
    assert unacknowledged(client) == {e.entry_id for e in [*left[1:], undelivered]}


def test_an_entry_that_was_deleted_under_its_consumer_is_acknowledged(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.open_group()
    bus.publish(many(1))
    (entry,) = bus.read("a", 9, 1)
    client.xdel(STREAM, entry.entry_id)
    assert bus.read_own("a", 9) == []
    assert bus.state().pending_entries == 0


def test_a_bus_wiped_under_its_reader_restarts(bus: Bus, client: "redis.Redis") -> None:
    bus.open_group()
    bus.publish(many(5))
    (before,) = bus.read("a", 9, 1)
    last = counter(client)["next"]
    client.flushdb()
    assert bus.read("a", 9, 1) == []
    assert bus.read_own("a", 9) == []
    assert bus.claim("a", 0, 9) == []
    bus.acknowledge([before.entry_id])
    assert bus.trim() == 0
    bus.publish(many(5))
    (after,) = bus.read("a", 9, 1)
    assert after.first is not None
    assert after.first >= last
    assert bus.state().received == 5


# Ordinals after a loss


def test_ordinals_restart_where_the_bus_lost_some_that_the_database_has(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.open_group()
    bus.publish(many(3))
    taken = counter(client)["next"]
    assert bus.rebase(taken) is False
    assert bus.rebase(0) is False
    assert bus.rebase(taken + 1000) is True
    bus.publish(many(2, 3))
    entry = entries(client)[-1]
    assert entry.first is not None
    assert entry.first >= taken + 1000
    assert bus.state().received == 2
    assert bus.rebase(taken + 1000) is False


def test_a_bus_without_a_counter_needs_no_new_beginning(bus: Bus) -> None:
    assert bus.rebase(10**15) is False


@pytest.mark.parametrize("emptied", [True, False])
def test_a_new_beginning_does_not_make_the_bus_look_full(
    redis_url: str, client: "redis.Redis", emptied: bool
) -> None:
    with opened(redis_url, ticks_max=1000, keep_s=0) as bus:
        bus.open_group()
        bus.publish(many(3))
        if emptied:
            bus.acknowledge([entry.entry_id for entry in bus.read("a", 9, 1)])
            bus.trim()
        assert bus.rebase(counter(client)["next"] + 1000) is True
        bus.trim()
        assert bus.publish(many(2, 3)).ticks == 2
        assert bus.state().held <= 5


# Clocks


def test_a_clock_entry_carries_the_sources_clock_and_counts_no_tick(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish(many(3))
    entry_id = bus.publish_clock("SIM", TS + timedelta(hours=1))
    bus.publish(many(2, 3))
    before, reported, after = entries(client)
    base = counter(client)["base"]
    assert (before.first, reported.first, after.first) == (base, base + 3, base + 3)
    assert (reported.entry_id, reported.n, reported.source) == (entry_id, 0, "SIM")
    assert (reported.clock, reported.since) == (TS + timedelta(hours=1), None)
    assert (before.source, before.clock) == ("SIM", None)
    found: Any = client.xrange(STREAM, entry_id, entry_id)
    assert len(found[0][1].pop(b"sig")) == 40
    assert found[0][1] == {
        b"first": str(base + 3).encode(), b"n": b"0", b"source": b"SIM",
        b"clock": b"2024-07-01T15:30:00.123456Z", b"since": b"",
    }  # fmt: skip
    state = bus.state()
    assert (state.received, state.held, state.entries) == (5, 5, 3)
    # A source without the symbol gives no quote of it.
    assert latest(bus)["seq"] == "4"


def test_a_clock_may_be_the_first_that_a_bus_hears_of(bus: Bus, client: "redis.Redis") -> None:
    bus.publish_clock("SIM", TS)
    (reported,) = entries(client)
    assert reported.first == counter(client)["base"] == counter(client)["next"]
    assert (bus.state().received, bus.state().held) == (0, 0)


def test_a_clock_carries_the_one_before_but_not_that_of_an_earlier_run(
    bus: Bus, client: "redis.Redis"
) -> None:
    second = timedelta(seconds=1)
    for source, ts in [
        ("SIM", TS), ("EXCEL", TS - second), ("SIM", TS + second), ("SIM", TS + second),
        ("SIM", TS), ("SIM", TS + 3 * second),
    ]:  # fmt: skip
        bus.publish_clock(source, ts)
    assert [(one.source, one.since) for one in entries(client)] == [
        ("SIM", None),
        ("EXCEL", None),
        ("SIM", TS),
        ("SIM", TS + second),
        ("SIM", None),
        ("SIM", TS),
    ]


def test_a_clock_waits_where_the_bus_is_full_as_ticks_do(redis_url: str) -> None:
    with opened(redis_url, ticks_max=10) as bus:
        bus.publish(many(9))
        bus.publish_clock("SIM", TS)
        bus.publish(many(1, 9))
        with pytest.raises(BusFull, match="the bus holds 10 ticks"):
            bus.publish_clock("SIM", TS)


def test_a_trimmed_bus_counts_right_with_a_clock_as_its_oldest_entry(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.open_group()
    bus.publish(many(3))
    bus.publish_clock("SIM", TS)
    bus.publish(many(2, 3))
    bus.acknowledge([bus.read("a", 1, 1)[0].entry_id])
    assert bus.trim() == 1
    assert (bus.state().held, bus.state().received) == (2, 5)
    bus.acknowledge([entry.entry_id for entry in bus.read("a", 9, 1)])
    assert bus.trim() == 2
    assert (bus.state().held, bus.state().received) == (0, 5)


@pytest.mark.parametrize(
    "fields",
    [
        {"first": "7", "n": "0", "source": "SIM", "clock": "soon"},
        {"first": "7", "n": "0", "source": "SIM", "clock": "2024-07-01T14:30:00"},
        {"first": "7", "n": "1", "source": "SIM", "clock": "2024-07-01T14:30:00Z"},
        {"n": "0", "source": "SIM", "clock": "2024-07-01T14:30:00Z"},
        {"first": "7", "n": "0", "ticks": "[]", "clock": "2024-07-01T14:30:00Z"},
    ],
)
def test_a_clock_without_a_time_is_not_thors(
    bus: Bus, client: "redis.Redis", fields: dict[Any, Any]
) -> None:
    client.xadd(STREAM, fields)
    (entry,) = entries(client)
    assert (entry.first, entry.clock) == (None, None)


# The publisher sends the clock


def clocks(client: "redis.Redis") -> list[str]:
    """Return the published seconds, and `t` for each tick between them."""
    return [
        "t" * entry.n if entry.clock is None else f"{entry.clock:%S.%f}".removesuffix(".000000")
        for entry in entries(client)
    ]


def at(*seconds: float) -> list[Tick]:
    """Return ticks of the minute, so many seconds in."""
    minute = TS.replace(second=0, microsecond=0)
    return [tick(seq=int(s * 1000), ts=minute + timedelta(seconds=s)) for s in seconds]


def test_the_publisher_sends_the_clock_before_the_first_tick_of_a_later_second(
    bus: Bus, client: "redis.Redis"
) -> None:
    edge = Publisher(bus, LISTING, Stop())
    for ticks in (at(0.2), at(0.7), at(1, 3.5), at(3.6), at(3.7, 4.1), at(9.9)):
        edge.publish(ticks)
    # A tick a little earlier does not set the clock back.
    edge.publish([tick(seq=10_000, ts=TS.replace(second=8))])
    assert clocks(client) == ["00", "t", "t", "01", "tt", "03", "t", "tt", "09", "t", "t"]
    edge.end("SIM")
    edge.end("SIM")
    assert clocks(client)[11:] == ["09.900000"]


def test_the_publisher_sends_the_clock_where_nothing_trades(
    bus: Bus, client: "redis.Redis"
) -> None:
    edge = Publisher(bus, LISTING, Stop())
    edge.end("SIM")
    for ms in (900, 1000, 1100, 1999, 2000, 1500, 5000):
        edge.publish_clock("SIM", TS.replace(second=0, microsecond=0) + timedelta(milliseconds=ms))
    edge.publish(at(5.5))
    assert clocks(client) == ["00", "01", "02", "05", "t"]


def test_a_refused_tick_and_one_from_ahead_move_no_clock(bus: Bus, client: "redis.Redis") -> None:
    edge = Publisher(bus, LISTING, Stop())
    far = TS + timedelta(days=900)
    edge.publish([tick(seq=1, ts=far, received_at=TS), *at(2), tick(seq=3, ts=far, last=None)])
    ahead = TS.replace(second=7, microsecond=0)
    edge.publish([tick(seq=9_000, ts=ahead, received_at=ahead - timedelta(seconds=3))])
    assert clocks(client) == ["02", "ttt", "04", "t"]
    edge.end("SIM")
    assert len(entries(client)) == 4


# What else may lie on the stream


@pytest.mark.parametrize(
    "fields",
    [
        {"hello": "world"},
        {"first": "1", "n": "1"},
        {"first": "1", "ticks": "[]"},
        {"first": "x", "n": "1", "ticks": "[]"},
        {"first": "-1", "n": "1", "ticks": "[]"},
        {"first": "1", "n": "0", "ticks": "[]"},
        {"first": "1", "n": "1001", "ticks": "[]"},
        {"first": "1", "n": "00001999999999999999999", "ticks": "[]"},
        {"first": "9" * 17, "n": "1", "ticks": "[]"},
        {"first": "1", "n": "²", "ticks": "[]"},
    ],
)
def test_an_entry_that_is_not_thors_is_read_as_such(
    bus: Bus, client: "redis.Redis", fields: dict[Any, Any]
) -> None:
    bus.open_group()
    client.xadd(STREAM, fields)
    (entry,) = bus.read("a", 9, 1)
    assert (entry.first, entry.n) == (None, 0)
    assert all(str(value).encode() in entry.payload for value in fields.values())


# The server away


def test_a_server_that_is_away_is_unavailable_for_every_question(redis_url: str) -> None:
    with opened("redis://127.0.0.1:1/0") as bus:
        for ask in (
            lambda: bus.publish(many(1)), lambda: bus.publish_clock("SIM", TS),
            bus.open_group, lambda: bus.read("a", 1, 1),
            lambda: bus.claim("a", 0, 1), lambda: bus.acknowledge(["1-0"]), bus.trim,
            lambda: bus.rebase(1), bus.state, lambda: bus.latest(["ES"]), bus.server,
            lambda: bus.report("job", {"state": "running"}),
        ):  # fmt: skip
            with pytest.raises(Unavailable, match="Redis"):
                ask()


def test_a_server_out_of_memory_is_waited_for_and_nothing_is_half_written(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.publish(many(1))
    before = (counter(client), latest(bus), client.xlen(STREAM))
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable, match="out of memory"):
            bus.publish(many(1, 1))
        assert (counter(client), latest(bus), client.xlen(STREAM)) == before
    finally:
        client.config_set("maxmemory", 0)
    assert bus.publish(many(1, 1)).ticks == 1


def test_a_server_that_may_not_write_just_now_is_waited_for(
    bus: Bus, client: "redis.Redis"
) -> None:
    # As with a full disk, or a replica that is about to take over: it passes.
    bus.open_group()
    client.config_set("min-replicas-to-write", 1)
    try:
        for ask in (
            lambda: bus.publish(many(1)),
            lambda: bus.publish_clock("SIM", TS),
            lambda: bus.read("a", 1, 1),
            lambda: bus.acknowledge(["1-0"]),
            bus.trim,
            lambda: bus.report("job", {"state": "running"}),
        ):
            with pytest.raises(Unavailable, match="NOREPLICAS"):
                ask()
    finally:
        client.config_set("min-replicas-to-write", 0)
    assert bus.publish(many(1)).ticks == 1


def test_a_wrong_kind_of_key_is_for_a_person_to_look_at(bus: Bus, client: "redis.Redis") -> None:
    client.set(STREAM, "a text")
    with pytest.raises(Broken, match="WRONGTYPE"):
        bus.open_group()


def test_a_job_s_report_is_kept_until_the_next_run_or_for_a_week(
    bus: Bus, client: "redis.Redis"
) -> None:
    bus.report("ingest-1", {"state": "waiting", "attempt": 3})
    found: Any = client.hgetall("thor:job:ingest-1")
    assert found == {b"state": b"waiting", b"attempt": b"3"}
    left_s: Any = client.ttl("thor:job:ingest-1")
    assert 6 * 86_400 < left_s <= 7 * 86_400
    bus.forget_reports()
    assert client.keys("thor:job:*") == []


def test_the_server_reports_its_version_and_that_it_evicts_nothing(bus: Bus) -> None:
    version, policy = bus.server()
    assert int(version.split(".")[0]) >= 7
    assert policy == "noeviction"


def test_the_group_is_named_as_everyone_reads_it(bus: Bus, client: "redis.Redis") -> None:
    bus.open_group()
    groups: Any = client.xinfo_groups(STREAM)
    assert [group["name"].decode() for group in groups] == [GROUP]


def test_a_server_that_is_made_a_replica_is_away_and_not_broken(
    redis_url: str, client: "redis.Redis"
) -> None:
    with opened(redis_url) as bus:
        client.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(Unavailable, match="read only replica"):
                bus.publish(many(1))
        finally:
            client.replicaof("NO", "ONE")
        assert bus.publish(many(1)).ticks == 1
