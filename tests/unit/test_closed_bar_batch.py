"""Which bars a clock entry closes, and how a stream waits for them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.domain.bar import WIDTHS, day_start
from thor.market.bus.messages import Entry
from thor.stream.buffer import Batch, EventFilter, ReplayBuffer
from thor.stream.closed_bar_batch import ROWS_MAX, BarClose, due, starts
from thor.stream.events import WHOLE

EVERY = frozenset(WIDTHS)
# Sunday, 10 March 2024: Chicago has 23 hours, a day of trade begins at 22:00 UTC instead of 23:00.
SPRING = datetime(2024, 3, 10, 12, tzinfo=UTC)
AUTUMN = datetime(2024, 11, 3, 12, tzinfo=UTC)


def reported(since: datetime | None, clock: datetime | None, entry_id: str = "7-0") -> Entry:
    """Return a clock entry."""
    return Entry(entry_id, 100, 0, b"", "SIM", clock, since)


def known(width: str, since: datetime, until: datetime) -> list[datetime]:
    """Return where the bars begin that become known after one instant, up to another."""
    if width == "1d":
        first = (since - timedelta(days=2)).date()
        days = [first + timedelta(days=n) for n in range((until - since).days + 5)]
        spans = [(day_start(day), day_start(day + timedelta(days=1))) for day in days]
    else:
        length = WIDTHS[width]
        first_start = datetime(2000, 1, 1, tzinfo=UTC)
        first_start += (since - first_start) // length * length - 2 * length
        count = (until - since) // length + 5
        spans = [(first_start + n * length, first_start + (n + 1) * length) for n in range(count)]
    second = timedelta(seconds=1)
    return [start for start, end in spans if since < end + second <= until]


instants = st.sampled_from([SPRING, AUTUMN, datetime(2024, 7, 1, 22, tzinfo=UTC)]).flatmap(
    lambda middle: st.integers(-90_000, 90_000).map(lambda s: middle + timedelta(seconds=s))
)
fractions = st.sampled_from([0, 1, 500_000, 999_999]).map(lambda us: timedelta(microseconds=us))


@given(instants, fractions, st.integers(0, 4000), fractions, st.sampled_from(list(WIDTHS)))
def test_a_clock_closes_the_bars_that_become_known_as_it_goes_on(
    since: datetime, part: timedelta, seconds: int, other: timedelta, width: str
) -> None:
    since, until = since + part, since + timedelta(seconds=seconds) + other
    expected = known(width, since, until)
    first, end = starts(width, since, until)
    found = due(reported(since, until), EVERY)
    # Of days the hours are looked at: some are in vain, none is missed.
    if width != "1d":
        assert (width in found) == bool(expected)
    assert width in found or not expected
    assert all(first <= start < end for start in expected)


def test_the_bars_of_a_minute_are_closed_by_the_second_after_it() -> None:
    minute = datetime(2024, 7, 1, 14, 31, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert due(reported(minute - second, minute), EVERY) == {"1s"}
    assert due(reported(minute, minute + second), EVERY) == {"1s", "1m"}
    assert due(reported(minute, minute + second), frozenset({"5m"})) == frozenset()
    evening = datetime(2024, 7, 1, 22, 0, 1, tzinfo=UTC)
    assert due(reported(evening - second, evening), EVERY) == EVERY
    # The first bar it closes began a minute before, the last is over a second ago.
    assert starts("1m", minute, minute + second) == (
        minute - 61 * second + timedelta(microseconds=1),
        minute - 60 * second + timedelta(microseconds=1),
    )


def test_where_a_run_began_no_bar_is_closed() -> None:
    assert due(reported(None, SPRING), EVERY) == frozenset()
    assert due(reported(SPRING, SPRING), EVERY) == frozenset()
    assert due(Entry("7-0", 100, 5, b"[]", "SIM"), EVERY) == frozenset()


def row(symbol: str, **bar: Any) -> dict[str, str]:
    """Return a row as the database gives it."""
    return {"symbol": symbol, "bar": json.dumps({"symbol": symbol, **bar})}


def bar_close(entry_id: str = "7-0", widths: frozenset[str] = EVERY) -> BarClose:
    """Return a closing that is pending."""
    return BarClose(reported(SPRING, SPRING + timedelta(days=1), entry_id), widths, 0.0)


def filled() -> BarClose:
    """Return a closing of two minutes and a day."""
    made = bar_close()
    found = {"1d": [row("ES", close="3")], "1m": [row("ES", close="1"), row("CL", close="2")]}
    made.fill(found, is_complete=True)
    return made


def only(*widths: str, symbols: frozenset[str] | None = None) -> EventFilter:
    """Return a filter for bars and nothing else."""
    return EventFilter(symbols, ticks=False, quotes=False, bars=frozenset(widths))


def test_a_bars_place_is_its_own_whatever_else_is_asked_for() -> None:
    frames, events = filled().after(None, only("1d"))
    assert events == 1
    assert frames == (
        b"event: bar\nid: 7-0.400000\n"
        b'data: {"width" : "1d", "is_complete" : true, "symbol": "ES", "close": "3"}\n\n'
    )
    assert [key[2] for key in filled().keys] == [100_000, 100_001, 400_000]


def test_bars_are_given_by_width_symbol_and_place() -> None:
    def asked(event_filter: EventFilter, key: tuple[int, int, int] | None = None) -> int:
        return filled().after(key, event_filter)[1]

    assert asked(only("1m", "1d")) == 3
    assert asked(only("1m", "5m")) == 2
    assert asked(only("1m", symbols=frozenset({"CL"}))) == 1
    assert asked(only("1m", "1d"), (7, 0, 100_000)) == 2
    assert asked(only("1m", "1d"), (7, 0, WHOLE)) == 0
    assert asked(EventFilter(None, ticks=True, quotes=True)) == 0


@pytest.mark.parametrize("is_read", [True, False])
def test_missing_bars_are_sent_as_a_gap(is_read: bool) -> None:
    made = bar_close()
    if is_read:
        made.fill({"1m": [row("ES")] * ROWS_MAX}, is_complete=True)
    else:
        made.miss()
    frames, events = made.after(None, only("1m"))
    assert frames.endswith(
        b'event: gap\nid: 7-0\ndata: {"from":"6-18446744073709551615","to":"7-0"}\n\n'
    )
    assert events == (ROWS_MAX + 1 if is_read else 1)


def test_a_pending_bar_close_delays_only_subscribers_to_bars() -> None:
    ring, made = ReplayBuffer(10**6), bar_close("7-0")
    start = ring.end
    for batch in (ticks(6), made, ticks(8)):
        ring.append(batch)
    all_of_it = EventFilter(None, ticks=True, quotes=False)
    with_bars = all_of_it._replace(bars=frozenset({"1m"}))
    assert ring.take(start, all_of_it, 10**6) == (b"t6 t8 ", 2, ring.end)
    assert ring.take(start, with_bars, 10**6) == (b"t6 ", 1, start + 1)
    assert ring.take(start + 1, with_bars, 10**6) == (b"", 0, start + 1)
    # A stream resumed from before it waits as well, and keeps its position.
    place = ring.ordinal_after((6, 0, WHOLE))
    assert place == start + 1
    assert ring.first(place, (6, 0, WHOLE), with_bars) == (b"", 0, start + 1)
    assert ring.first(place, (6, 0, WHOLE), all_of_it) == (b"", 0, start + 2)
    made.fill({"1m": [row("ES")]}, is_complete=False)
    taken = ring.take(start + 1, with_bars, 10**6)
    assert taken is not None
    assert taken.frames.startswith(b"event: bar\nid: 7-0.100000\n")
    assert b'"is_complete" : false' in taken.frames
    assert taken.frames.endswith(b"t8 ")
    assert (taken.events, taken.ordinal) == (2, ring.end)


def ticks(entry: int) -> Batch:
    """Return a batch of one tick."""
    made = Batch((entry, 0))
    made.add((entry, 0, 0), "ES", b"t%d " % entry, b"")
    return made
