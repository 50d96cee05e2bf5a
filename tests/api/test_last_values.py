"""The last values that the stream continues equal the bus's hashes, for any ticks."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ticks_made import LISTING, TS, tick

from thor.domain.tick import Tick
from thor.market.bus.client import Bus
from thor.reference.cache import Catalogue, Source
from thor.stream.events import entry_key
from thor.stream.last_values import LastValues
from thor.stream.quote import quote_of

CATALOGUE = Catalogue(LISTING, {"SIM": Source("simulator", 90, 5000)}, {}, "plain", "simulated")
prices = st.none() | st.integers(1, 9).map(lambda n: Decimal(n) / 4 * 4)


@st.composite
def ticks(draw: st.DrawFn) -> Tick:
    fields: dict[str, Any] = {
        "symbol": draw(st.sampled_from(["ES", "CL"])),
        # Few instants, so that equal and earlier ones come often.
        "ts": TS + timedelta(seconds=draw(st.integers(0, 3))),
        "seq": draw(st.integers(0, 9)),
        "last": draw(prices),
        "bid": draw(prices),
        "ask": draw(prices),
        "bid_size": draw(st.none() | st.integers(0, 3)),
        "volume": draw(st.none() | st.integers(0, 3)),
        "contract": draw(st.none() | st.sampled_from(["ESU24", "ESZ24"])),
        "last_size": None,
        "is_trade": False,
    }
    return tick(**fields)


streams = st.lists(st.lists(ticks(), min_size=1, max_size=5), min_size=1, max_size=6)


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(streams, st.integers(0, 5))
def test_the_board_equals_the_hashes_from_wherever_it_was_seeded(
    redis_url: str, entries: list[list[Tick]], seeded_at: int
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    bus, board = Bus(redis_url), LastValues()
    for at, entry in enumerate(entries):
        if at == seeded_at:
            board.load_snapshot(bus.latest(["ES", "CL"]), CATALOGUE)
        key = entry_key(str(bus.publish(entry).entry_id))
        if at >= seeded_at:
            for one in entry:
                board.apply(one, CATALOGUE, key)
    if seeded_at >= len(entries):
        board.load_snapshot(bus.latest(["ES", "CL"]), CATALOGUE)
    hashes = bus.latest(["ES", "CL"])
    bus.close()
    wanted = {symbol: quote_of(symbol, hashes[symbol], CATALOGUE, TS) for symbol in hashes}
    found = {symbol: board.quote(symbol, CATALOGUE, TS) for symbol in hashes}
    assert found == wanted


def test_a_quote_that_is_ahead_of_time_gives_way_to_the_next_good_tick() -> None:
    board = LastValues()
    ahead = {"ts": "2033-01-01T00:00:00Z", "received_at": "2033-01-01T00:00:00Z"}
    board.load_snapshot({"ES": {**ahead, "source": "SIM", "seq": "1", "bid": "1"}}, CATALOGUE)
    key = (int(TS.timestamp() * 1000), 0)
    assert board.apply(tick(ts=TS, last=Decimal(5000)), CATALOGUE, key) is not None
    quote = board.quote("ES", CATALOGUE, TS)
    assert quote is not None
    assert (quote.last, quote.bid, quote.ts) == (
        "5000.00",
        None,
        TS.isoformat("T", "microseconds").replace("+00:00", "Z"),
    )
