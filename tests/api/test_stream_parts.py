"""The parts of the stream hub: ids, buffer, quotes."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticks_made import CL, DX, ES, LISTING, TS, tick

from api.params import instant
from thor.errors import Rejected
from thor.market.bus import wire
from thor.reference.cache import Catalogue, Source
from thor.stream.buffer import Batch, EventFilter, ReplayBuffer
from thor.stream.events import (
    WHOLE,
    before,
    entry_key,
    entry_text,
    tick_frames,
    tick_key,
    tick_text,
)
from thor.stream.quote import Latest, quote_of, shown_price

ALL = EventFilter(None, ticks=True, quotes=True)
CATALOGUE = Catalogue(LISTING, {"SIM": Source("simulator", 90, 5000)}, {}, "plain", "simulated")

ids = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@given(ids, st.integers(0, WHOLE))
def test_an_event_id_is_read_back_as_it_was_written(entry: tuple[int, int], index: int) -> None:
    assert tick_key("from", tick_text((*entry, index))) == (*entry, index)


@given(ids)
def test_the_id_before_an_entry_is_the_nearest_below(entry: tuple[int, int]) -> None:
    below = before(entry)
    assert entry_key(entry_text(below)) == below
    if entry == (0, 0):
        assert below == (0, 0)
    else:
        # Ids are one number of 128 bits, high part first.
        assert (entry[0] << 64) + entry[1] - (below[0] << 64) - below[1] == 1


@given(
    st.text(max_size=20) | st.from_regex(r"[0-9]{1,9}-[0-9]{1,9}(\.[0-9]{1,8})?", fullmatch=True)
)
def test_any_text_is_an_id_or_refused(text: str) -> None:
    if re.fullmatch(r"[0-9]{1,19}-[0-9]{1,19}(\.[0-9]{1,6})?", text, re.ASCII):
        key = tick_key("from", text)
        assert tick_key("from", tick_text(key)) == key
    else:
        with pytest.raises(Rejected, match=r"^from: "):
            tick_key("from", text)


@pytest.mark.parametrize(
    ("price", "decimals", "shown"),
    [
        ("6873.50000000", 2, "6873.50"),
        ("6873.5", 2, "6873.50"),
        ("6873", 0, "6873"),
        ("39000.0", 0, "39000"),
        ("118.015625", 6, "118.015625"),
        ("105.0005", 3, "105.0005"),
        ("1E+3", 2, "1000.00"),
        ("-37.63", 2, "-37.63"),
        ("-0.0", 2, "0.00"),
        ("0", 2, "0.00"),
        ("9999999999.99999999", 2, "9999999999.99999999"),
    ],
)
def test_a_price_has_the_decimals_it_needs_and_no_fewer_than_shown(
    price: str, decimals: int, shown: str
) -> None:
    assert shown_price(Decimal(price), decimals) == shown


@given(st.decimals(-(10**9), 10**9, places=8), st.integers(0, 8))
def test_a_price_is_shown_exactly(price: Decimal, decimals: int) -> None:
    shown = shown_price(price, decimals)
    assert Decimal(shown) == price
    fraction = shown.partition(".")[2]
    assert len(fraction) >= decimals
    assert len(fraction) == decimals or not fraction.endswith("0")


@pytest.mark.parametrize(
    "broken",
    [
        {"ts": ""},
        {"ts": "2024-07-01T14:30:00"},
        {"received_at": "soon"},
        {"seq": "first"},
        {"source": None},
    ],
)
def test_a_latest_hash_that_is_none_gives_no_quote(broken: dict[str, Any]) -> None:
    fields = {"ts": "2024-07-01T14:30:00Z", "received_at": "2024-07-01T14:30:00Z", "seq": "1",
              "source": "SIM", "last": "5000"}  # fmt: skip
    assert quote_of("ES", fields, CATALOGUE, TS) is not None
    changed = {name: value for name, value in {**fields, **broken}.items() if value is not None}
    assert quote_of("ES", changed, CATALOGUE, TS) is None


def test_a_latest_hash_with_a_count_that_is_none_gives_a_quote_without_it() -> None:
    fields = {"ts": "2024-07-01T14:30:00Z", "received_at": "2024-07-01T14:30:00Z", "seq": "1",
              "source": "SIM", "last": "5000", "volume": "1.5"}  # fmt: skip
    quote = quote_of("ES", fields, CATALOGUE, TS)
    assert quote is not None
    assert (quote.last, quote.volume) == ("5000.00", None)


@pytest.mark.parametrize("text", ["NaN", "-5000", "5000.1", "1E+99", "abc", "Infinity"])
def test_an_impossible_price_is_never_shown(text: str) -> None:
    fields = {"ts": "2024-07-01T14:30:00Z", "received_at": "2024-07-01T14:30:00Z", "seq": "1",
              "source": "SIM", "last": text, "bid": "5000"}  # fmt: skip
    quote = quote_of("ES", fields, CATALOGUE, TS)
    assert quote is not None
    assert (quote.last, quote.bid) == (None, "5000.00")


def test_a_quote_of_an_unknown_source_has_no_kind_and_no_priority() -> None:
    latest = Latest("CL", CL)
    latest.merge(tick(symbol="CL", source="EXCEL", last=Decimal(80)))
    quote = latest.shown(CATALOGUE, TS + timedelta(days=1, microseconds=999))
    assert (quote.source_kind, quote.source_priority) == (None, None)
    assert (quote.age_ms, quote.is_stale) == (86_400_000, True)


def test_a_record_that_comes_from_ahead_has_a_negative_age() -> None:
    latest = Latest("DX", DX)
    latest.merge(tick(symbol="DX", last=Decimal("105.001"), received_at=TS))
    assert latest.shown(CATALOGUE, TS - timedelta(milliseconds=1500)).age_ms == -1500


def batch(entry: int, *symbols: str) -> Batch:
    """Return an entry's batch: a tick `t<entry>.<place>` and a quote `q…` a symbol."""
    made = Batch((entry, 0))
    for at, symbol in enumerate(symbols):
        made.add((entry, 0, at), symbol, b"t%d.%d " % (entry, at), b"q%d.%d " % (entry, at))
    return made


def test_a_buffer_gives_the_selected_events_in_order() -> None:
    ring = ReplayBuffer(10**6)
    start = ring.end
    for entry in (1, 2, 3):
        ring.append(batch(entry, "ES", "NQ"))
    nq = EventFilter(frozenset({"NQ"}), ticks=True, quotes=False)
    assert ring.take(start, nq, 10**6) == (b"t1.1 t2.1 t3.1 ", 3, ring.end)
    assert ring.take(start + 2, ALL, 10**6) == (b"t3.0 q3.0 t3.1 q3.1 ", 4, ring.end)
    assert ring.take(ring.end, ALL, 10**6) == (b"", 0, ring.end)
    # Slices stop at the batch that fills them.
    assert ring.take(start, nq, 1) == (b"t1.1 ", 1, start + 1)


def test_a_buffer_drops_the_oldest_and_returns_none_for_them() -> None:
    ring = ReplayBuffer(3000)
    for entry in range(1, 20):
        ring.append(batch(entry, "ES", "NQ"))
    assert ring.oldest > 0
    assert ring.take(ring.oldest - 1, ALL, 10**6) is None
    assert ring.ordinal_after((1, 0, WHOLE)) is None
    first = ring.ordinal_after((*ring.start, WHOLE))
    assert first == ring.oldest
    taken = ring.take(ring.oldest, ALL, 10**6)
    assert taken is not None
    assert taken.frames.startswith(b"t%d.0 " % (ring.start[0] + 1))
    assert taken.frames.endswith(b"q19.1 ")


def test_joins_that_readers_share_count_as_bytes_kept() -> None:
    lean, shared = ReplayBuffer(6000), ReplayBuffer(6000)
    for ring in (lean, shared):
        for entry in range(1, 40):
            ring.append(batch(entry, "ES", "NQ"))
            if ring is shared:
                for n in range(20):
                    ring.take(
                        ring.end - 1, EventFilter(frozenset({"ES", f"Z{n}"}), True, True), 10**6
                    )
    assert shared.end - shared.oldest < lean.end - lean.oldest


@given(st.integers(0, 4), st.integers(0, 3), st.booleans())
def test_a_buffer_continues_after_any_offset(entry: int, at: int, is_whole: bool) -> None:
    ring = ReplayBuffer(10**6)
    for number in (1, 2, 3):
        ring.append(batch(number, "ES", "NQ", "ES"))
    key = (entry, 0, WHOLE if is_whole else at)
    place = ring.ordinal_after(key)
    assert place is not None or entry == 0
    if place is None:
        return
    event_filter = EventFilter(None, ticks=True, quotes=False)
    found = ring.first(place, key, event_filter)
    rest = ring.take(found.ordinal, event_filter, 10**6)
    assert rest is not None
    wanted = [f"t{e}.{i}" for e in (1, 2, 3) for i in (0, 1, 2) if (e, 0, i) > key]
    assert (found.frames + rest.frames).decode().split() == wanted


def test_a_restart_leaves_everybody_behind() -> None:
    ring = ReplayBuffer(10**6)
    ring.append(batch(1, "ES"))
    standing = ring.end
    ring.restart((5, 0))
    assert ring.take(standing, ALL, 10**6) is None
    assert ring.ordinal_after((4, 0, WHOLE)) is None
    assert ring.ordinal_after((5, 0, WHOLE)) == ring.oldest


def test_an_entry_that_shows_nothing_moves_the_place_on() -> None:
    ring = ReplayBuffer(10**6)
    ring.append(batch(1, "ES"))
    ring.pass_by((2, 0))
    assert ring.last(ring.end) == (2, 0)
    assert ring.ordinal_after((2, 0, WHOLE)) == ring.end


def test_a_gap_reaches_subscribers_of_every_symbol_that_joined_before_it() -> None:
    ring = ReplayBuffer(10**6)
    ring.append(batch(1, "ES"))
    ring.append(Batch((4, 0), b"gap "))
    ring.append(batch(5, "ES"))
    nq = EventFilter(frozenset({"NQ"}), ticks=True, quotes=True)
    place = ring.ordinal_after((1, 0, 0))
    assert place is not None
    rest = ring.take(ring.first(place, (1, 0, 0), nq).ordinal, nq, 10**6)
    assert rest is not None
    assert (rest.frames, rest.events) == (b"gap ", 1)
    after = ring.ordinal_after((4, 0, WHOLE))
    assert after is not None
    assert ring.first(after, (4, 0, WHOLE), nq).frames == b""


def test_a_tick_is_framed_in_the_wire_form_on_one_line() -> None:
    whole_second = tick(ts=TS.replace(microsecond=0), received_at=TS, contract="ESU24")
    (frame,) = tick_frames("17-3", [(5, whole_second)])
    assert frame == (
        b"event: tick\nid: 17-3.5\n"
        b'data: {"symbol":"ES","ts":"2024-07-01T14:30:00.000000Z","seq":1,"source":"SIM",'
        b'"received_at":"2024-07-01T14:30:00.123456Z","contract":"ESU24","last":"5000.25",'
        b'"last_size":1,"is_trade":true}\n\n'
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda payload: payload,
        # A writer of another hand: blanks, a price as a number, a time with an offset, lines.
        lambda payload: payload.replace(b":", b": "),
        lambda payload: payload.replace(b'"5000.25"', b"5000.25"),
        lambda payload: payload.replace(b'.123456Z"', b'.123456+00:00"'),
        lambda payload: payload.replace(b"},", b"},\n"),
    ],
)
def test_ticks_are_framed_alike_from_their_entry_and_anew(change: Any) -> None:
    ticks = [tick(seq=n, ts=TS, received_at=TS) for n in range(3)]
    payload = change(wire.encode(ticks))
    # The second is not shown: the third keeps its index.
    good = [(0, ticks[0]), (2, ticks[2])]
    assert tick_frames("17-3", good, payload, ticks[0]) == tick_frames("17-3", good)


@given(st.datetimes(timezones=st.timezones(no_cache=False)))
def test_an_instant_with_its_zone_is_read_as_that_instant(moment: Any) -> None:
    text = moment.isoformat()
    try:
        found = instant("from", text)
    except Rejected:
        # Only where no market has such a year.
        assert not 1900 < moment.year < 2299
    else:
        assert found == datetime.fromisoformat(text)


def test_the_instrument_of_a_month_code_gives_its_decimals() -> None:
    fields = {"ts": "2024-07-01T14:30:00Z", "received_at": "2024-07-01T14:30:00Z", "seq": "1",
              "source": "SIM", "last": "5000.5"}  # fmt: skip
    quote = quote_of("ESU24", fields, CATALOGUE, TS)
    assert quote is not None
    assert (quote.symbol, quote.last) == ("ESU24", "5000.50")
    assert ES.display_precision == 2
