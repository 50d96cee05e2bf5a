"""Closed bars on the stream: when, which, in which order, and what a return brings back."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from served import Api, Event, Stream, publish, serving, streaming
from ticks_made import LISTING, TS, rows, take_in, taking_in, tick, wait_for

from thor import database
from thor.domain.tick import Tick
from thor.flow.publish import Publisher
from thor.market.bars import refresh
from thor.market.bus.client import Bus
from thor.reference import instruments
from thor.runtime import Stop
from thor.stream import closed_bars

Link = psycopg.Connection[Any]
MINUTE = TS.replace(second=0, microsecond=0)


@pytest.fixture(params=["sink", "server"])
def either(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> Iterator[Api]:
    """The API where the reader writes to clients itself, and where the server does it all."""
    with serving(database_url, redis_url, has_sink=request.param == "sink") as api:
        yield api


@pytest.fixture
def edge(redis_url: str) -> Iterator[Publisher]:
    """A publisher that publishes the clock with its ticks."""
    bus = Bus(redis_url)
    yield Publisher(bus, LISTING, Stop())
    bus.close()


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may be slow: wait for bars, however long other events wait."""
    monkeypatch.setattr(closed_bars, "HASTE_S", 60.0)


@contextlib.contextmanager
def keeping(redis_url: str, database_url: str) -> Iterator[None]:
    """Run an ingestor meanwhile, and what keeps the bars of old ticks right."""
    over = threading.Event()

    def keep() -> None:
        with database.connect(database_url, "bars") as connection:
            while not over.wait(0.05):
                refresh.catch_up(connection)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        with taking_in(redis_url, database_url):
            yield
    finally:
        over.set()
        thread.join()


def trades(*reported: tuple[float, str], **given: Any) -> list[Tick]:
    """Return trades of one ES, so many seconds after 14:30 at these prices."""
    return [
        tick(
            seq=int(seconds * 1000),
            ts=MINUTE + timedelta(seconds=seconds),
            last=Decimal(price),
            volume_delta=1,
            **given,
        )
        for seconds, price in reported
    ]


def shown(events: list[Event]) -> list[str]:
    """Return the events in short: ticks with their price, bars with width, start and close."""
    return [
        f"{one.data['width']} {one.data['bar_start'][11:19]} {one.data['close']}"
        if one.kind == "bar"
        else f"{one.kind} {one.data.get('last')}"
        for one in events
    ]


def until(stream: Stream, *lasts: str) -> list[Event]:
    """Return the ticks and bars up to the tick of a price, once it has come so often."""
    found: list[Event] = []
    for last in lasts:
        while not found or found[-1].data.get("last") != last:
            found.append(stream.next("tick", "bar"))
    return found


def test_a_bar_is_sent_once_its_sources_clock_has_passed_known_at(
    either: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    with (
        keeping(redis_url, database_url),
        streaming(either, events="tick,bar", bars="1m") as stream,
    ):
        assert stream.next("hello").data["bars"] == ["1m"]
        edge.publish(trades((1, "5000"), (59, "5002")))
        # 14:31:00 is a second too early.
        edge.publish(trades((60.5, "5003")))
        edge.publish(trades((61.5, "5004")))
        events = until(stream, "5004")
    assert shown(events) == [
        "tick 5000", "tick 5002", "tick 5003", "1m 14:30:00 5002.00", "tick 5004",
    ]  # fmt: skip
    (bar,) = [one for one in events if one.kind == "bar"]
    (row,) = either.get("/api/bars/ES", to="2024-07-01T14:31:00Z")
    assert bar.data == {"width": "1m", "is_complete": True, **row}
    assert bar.data["is_open"] is False
    # Its id is an offset in the clock entry, which came between the two ticks.
    before, after = (events[at].id or "" for at in (2, 4))
    assert before < (bar.id or "") < after


def test_only_the_widths_and_symbols_asked_for_are_sent(
    api: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    with (
        keeping(redis_url, database_url),
        streaming(api, bars="5m,1s", symbols="cl", events="tick,bar") as some,
        streaming(api, bars="1m,1h", events="bar") as wide,
        streaming(api) as none,
    ):
        for stream in (some, wide, none):
            stream.next("hello")
        both = [*trades((1798, "5000")), *trades((1798.5, "80.1"), symbol="CL")]
        edge.publish(both)
        for seconds in (1800, 1801, 1802):
            edge.publish(trades((seconds, "81"), symbol="CL"))
        edge.publish(trades((1803, "82"), symbol="CL"))
        found = shown(until(some, "82"))
        wider = shown(wide.take(4, "bar"))
        others = {none.next("tick", "bar").kind for _ in range(6)}
    assert found == [
        "tick 80.1", "1s 14:59:58 80.10", "tick 81", "5m 14:55:00 80.10", "tick 81",
        "1s 15:00:00 81.00", "tick 81", "1s 15:00:01 81.00", "tick 82",
    ]  # fmt: skip
    assert wider == [
        "1m 14:59:00 80.10", "1m 14:59:00 5000.00", "1h 14:00:00 80.10", "1h 14:00:00 5000.00",
    ]  # fmt: skip
    assert others == {"tick"}


def test_events_after_a_clock_wait_for_its_bars_only_where_bars_are_wanted(
    either: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    with (
        streaming(either, events="bar", bars="1m") as patient,
        streaming(either, events="tick") as others,
    ):
        patient.next("hello")
        others.next("hello")
        edge.publish(trades((1, "5000")))
        edge.publish(trades((61, "5001")))
        # No ingestor runs: streams without bars get the ticks all the same.
        assert shown(others.take(2)) == ["tick 5000", "tick 5001"]
        wait_for(lambda: either.hub.buffer.end > either.hub.buffer.oldest + 1, "the closing")
        # They may also leave, and others come, while the bars are waited for.
        with streaming(either, events="tick,bar", bars="1m") as late:
            late.next("hello")
        with keeping(redis_url, database_url):
            bar = patient.next()
    assert (bar.kind, bar.data["close"], bar.data["is_complete"]) == ("bar", "5000.00", True)


def test_ticks_are_delayed_no_longer_than_the_limit_and_the_bar_is_marked_incomplete(
    api: Api, edge: Publisher, redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_bars, "HASTE_S", 0.5)
    with streaming(api, events="tick,bar", bars="1m") as stream:
        stream.next("hello")
        edge.publish(trades((1, "5000")))
        take_in(redis_url, database_url)
        edge.publish(trades((2, "5001")))
        edge.publish(trades((61, "5002")))
        events = until(stream, "5002")
        # What was given up is not waited for again.
        monkeypatch.setattr(closed_bars, "HASTE_S", 60.0)
        with keeping(redis_url, database_url):
            edge.publish(trades((122, "5003")))
            events += until(stream, "5003")
    assert shown(events) == [
        "tick 5000", "tick 5001", "1m 14:30:00 5000.00", "tick 5002", "1m 14:31:00 5002.00",
        "tick 5003",
    ]  # fmt: skip
    assert [one.data["is_complete"] for one in events if one.kind == "bar"] == [False, True]
    assert [bar["close"] for bar in api.get("/api/bars/ES")] == ["5001.00", "5002.00", "5003.00"]


def test_bars_that_cannot_be_read_are_a_gap_and_the_ticks_go_on(
    api: Api, edge: Publisher, redis_url: str, database_url: str, connection: Link,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(closed_bars, "HASTE_S", 0.5)
    with (
        keeping(redis_url, database_url),
        streaming(api, events="tick,bar", bars="1m") as stream,
        streaming(api, bars="1m", mode="conflated") as conflated,
        streaming(api, events="tick") as others,
    ):
        for one in (stream, conflated, others):
            one.next("hello")
        connection.execute(
            "alter function market.bar_json(market.bars_1m, integer, boolean, text, text, text)"
            " rename to bar_json_away"
        )
        edge.publish(trades((1, "5000")))
        edge.publish(trades((61, "5001")))
        events = stream.take(3)
        reported = conflated.next("gap")
        assert shown(others.take(2)) == ["tick 5000", "tick 5001"]
    assert [one.kind for one in events] == ["tick", "gap", "tick"]
    gap = events[1]
    assert gap.id == gap.data["to"] == reported.data["to"]
    assert (events[0].id or "") < gap.data["to"] < (events[2].id or "")


def test_a_client_goes_on_after_any_event_and_misses_no_bar_and_no_tick(
    either: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    asked = {"events": "tick,bar", "bars": "1s,1m"}
    with keeping(redis_url, database_url), streaming(either, **asked) as stream:
        stream.next("hello")
        both = [*trades((1, "5000"), (59, "5001")), *trades((59.5, "80.1"), symbol="CL")]
        edge.publish(both)
        for seconds, price in ((61, "5002"), (62.5, "5003"), (63, "5004")):
            edge.publish(trades((seconds, price)))
        whole = until(stream, "5004")
        assert [line[:2] for line in shown(whole)].count("1s") == 4
        # While others follow, from the ring.
        _resumes_exactly(either, whole, asked)
    wait_for(lambda: not len(either.hub.subscribers), "the last client's leaving")
    wait_for(lambda: not either.hub.has_snapshot, "the reader's rest")
    # Without other subscribers, from the bus.
    _resumes_exactly(either, whole, asked)


def _resumes_exactly(api: Api, whole: list[Event], asked: dict[str, Any]) -> None:
    ids = [one.id for one in whole]
    assert len(set(ids)) == len(ids)
    for at, event in enumerate(whole[:-1]):
        with streaming(api, last_event_id=event.id, **asked) as stream:
            stream.next("hello")
            rest = until(stream, "5004")
        assert [(one.id, one.data) for one in rest] == [
            (one.id, one.data) for one in whole[at + 1 :]
        ]


def test_a_resumed_stream_with_more_widths_gets_them_from_its_position(
    api: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    with keeping(redis_url, database_url), streaming(api, events="tick,bar", bars="1m") as one:
        one.next("hello")
        for seconds, price in ((1, "5000"), (61, "5001"), (62, "5002"), (121, "5003")):
            edge.publish(trades((seconds, price)))
        heard = until(one, "5003")
        with (
            streaming(api, bars="1s", mode="conflated"),
            streaming(api, last_event_id=heard[0].id, events="tick,bar", bars="1s,5m") as two,
        ):
            more = until(two, "5003")
        edge.publish(trades((122, "5004")))
        assert shown(until(one, "5004")) == ["tick 5004"]
    assert shown(more) == [
        "1s 14:30:01 5000.00", "tick 5001", "tick 5002", "1s 14:31:01 5001.00",
        "1s 14:31:02 5002.00", "tick 5003",
    ]  # fmt: skip


def test_a_conflated_client_gets_closed_bars_too(
    api: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    with (
        keeping(redis_url, database_url),
        streaming(api, mode="conflated", bars="1m", symbols="ES") as stream,
    ):
        assert stream.next("hello").data["bars"] == ["1m"]
        edge.publish([*trades((1, "5000")), *trades((2, "80"), symbol="CL")])
        edge.publish(trades((61, "5001")))
        edge.publish(trades((121, "5002")))
        heard = stream.take(2, "bar")
    assert shown(heard) == ["1m 14:30:00 5000.00", "1m 14:31:00 5001.00"]
    found = api.get("/api/bars/ES", limit=3)[:2]
    assert [one.data for one in heard] == [
        {"width": "1m", "is_complete": True, **bar} for bar in found
    ]


def test_a_source_closes_the_bars_of_its_own_symbols(
    api: Api, redis_url: str, database_url: str, connection: Link
) -> None:
    instruments.add_tape(connection, _tape("TAPE:00c0ffee", ["ES", "NQ"]))
    instruments.add_tape(connection, _tape("TAPE:0badcafe", ["CL"]))
    bus = Bus(redis_url)
    with (
        keeping(redis_url, database_url),
        streaming(api, events="tick,bar", bars="1m") as stream,
    ):
        stream.next("hello")
        end = MINUTE + timedelta(seconds=61)
        for source in ("SIM", "EXCEL", "TAPE:00c0ffee"):
            bus.publish_clock(source, MINUTE)
        # The tape had ES first; its clock closes that bar too, whatever source came later.
        bus.publish(trades((1, "5000"), source="TAPE:00c0ffee"))
        bus.publish(trades((2, "5001"), source="EXCEL"))
        bus.publish(trades((3, "80"), symbol="CL", source="SIM"))
        bus.publish_clock("SIM", end)
        bus.publish(trades((70, "1"), symbol="YM"))
        bus.publish_clock("EXCEL", end)
        bus.publish(trades((71, "2"), symbol="YM"))
        bus.publish_clock("TAPE:00c0ffee", end)
        # The start of a new run closes no bar.
        bus.publish_clock("TAPE:00c0ffee", MINUTE - timedelta(days=1))
        bus.publish_clock("TAPE:0badcafe", end)
        bus.publish(trades((72, "3"), symbol="YM"))
        events = until(stream, "3")
    bus.close()
    assert shown(events) == [
        "tick 5000", "tick 5001", "tick 80", "1m 14:30:00 80.00", "tick 1",
        "1m 14:30:00 5001.00", "tick 2", "1m 14:30:00 5001.00", "tick 3",
    ]  # fmt: skip


def _tape(source: str, symbols: list[str]) -> dict[str, Any]:
    return {
        "source": source, "sha256": source[5:] * 8, "description": "a tape", "file_name": "x.csv",
        "format": "csv", "vendor": None, "records": 1, "symbols": symbols,
        "first_ts": MINUTE, "last_ts": MINUTE,
    }  # fmt: skip


def test_a_bar_known_from_a_file_only_is_not_closed(
    api: Api, edge: Publisher, redis_url: str, database_url: str, connection: Link
) -> None:
    after = MINUTE + timedelta(minutes=1)
    connection.execute(
        "insert into market.bar_files values ('BARS:00c0ffee', repeat('0', 64), 'x', 'csv', 'v',"
        " 1, '{CL}', '{1m}', %s, %s)",
        (after, after),
    )
    connection.execute(
        "insert into market.bars_imported (symbol, width, bar_start, open, high, low, close, file)"
        " values ('CL', '1m', %s, 80, 80, 80, 80, 'BARS:00c0ffee')",
        (after,),
    )
    with (
        keeping(redis_url, database_url),
        streaming(api, events="tick,bar", bars="1m") as stream,
    ):
        stream.next("hello")
        edge.publish([*trades((1, "79"), symbol="CL"), *trades((61, "5000"))])
        edge.publish(trades((121, "5001")))
        events = until(stream, "5001")
    assert shown(events)[2:] == ["1m 14:30:00 79.00", "1m 14:31:00 5000.00", "tick 5001"]
    assert [bar["is_imported"] for bar in api.get("/api/bars/CL")] == [False, True]


def test_a_closed_bar_whose_tick_comes_late_is_not_sent_again(
    api: Api, edge: Publisher, redis_url: str, database_url: str, connection: Link
) -> None:
    with (
        keeping(redis_url, database_url),
        streaming(api, events="tick,bar", bars="1m") as stream,
    ):
        stream.next("hello")
        for seconds, price in ((1, "5000"), (61, "5001")):
            edge.publish(trades((seconds, price)))
        publish(redis_url, [tick(seq=7, ts=MINUTE, last=Decimal(4000), volume_delta=1)])
        edge.publish(trades((121, "5002")))
        events = until(stream, "5002")

        def settled() -> bool:
            return not rows(connection, "select from market.bars_to_refresh")

        wait_for(settled, "fresh bars")
    assert shown(events) == [
        "tick 5000", "1m 14:30:00 5000.00", "tick 5001", "tick 4000", "1m 14:31:00 5001.00",
        "tick 5002",
    ]  # fmt: skip
    assert api.get("/api/bars/ES")[0]["open"] == "4000.00"


def test_bars_continue_after_a_bus_was_wiped(api: Api, redis_url: str, database_url: str) -> None:
    bus = Bus(redis_url)
    with (
        keeping(redis_url, database_url),
        streaming(api, events="tick,bar", bars="1m") as stream,
    ):
        stream.next("hello")
        for day in (0, 1):
            minute = MINUTE + timedelta(days=day)
            bus.publish_clock("SIM", minute)
            bus.publish([tick(seq=day, ts=minute, last=Decimal(5000 + day))])
            bus.publish_clock("SIM", minute + timedelta(seconds=61))
            bar = stream.next("bar")
            assert (bar.data["close"], bar.data["is_complete"]) == (f"{5000 + day}.00", True)
            bus._redis.flushdb()
    bus.close()


def test_the_database_is_not_queried_while_no_subscriber_wants_bars(
    api: Api, edge: Publisher, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    fetch = database.fetch

    async def noted(pool: Any, name: str, *values: Any) -> Any:
        asked.append(name)
        return await fetch(pool, name, *values)

    monkeypatch.setattr(database, "fetch", noted)
    with streaming(api, events="tick") as stream:
        stream.next("hello")
        for seconds, price in ((1, "5000"), (61, "5001"), (3700, "5002")):
            edge.publish(trades((seconds, price)))
        assert shown(until(stream, "5002")) == ["tick 5000", "tick 5001", "tick 5002"]
    assert not {"closed_bars", "settled_until"} & set(asked)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bars": "2m"}, "bars: '2m' is none of 1s, 1m, 5m, 1h, 1d"),
        ({"bars": "1m,"}, "bars: '1m,' has an empty name"),
        ({"events": "bar"}, "bars: choose their widths where events has bar; write bars=1m"),
        ({"events": "tick,bars"}, "events: 'bars' is none of tick, quote, bar"),
    ],
)
def test_an_impossible_filter_for_bars_is_refused_by_name(
    asked_api: Api, given: dict[str, str], says: str
) -> None:
    found = asked_api.problem("/api/quotes/stream", 422, **given)
    assert found["detail"].startswith(says)


def test_a_client_that_waits_for_missed_events_may_leave(
    api: Api, edge: Publisher, redis_url: str, database_url: str
) -> None:
    with streaming(api, events="tick") as stream:
        stream.next("hello")
        for seconds, price in ((1, "5000"), (61, "5001")):
            edge.publish(trades((seconds, price)))
        first, _ = stream.take(2)
    wait_for(lambda: not api.hub.has_snapshot, "the reader's rest")
    # No ingestor runs: these wait for their bars, one for the other's query.
    with (
        streaming(api, last_event_id=first.id, events="bar", bars="1m") as one,
        streaming(api, last_event_id=first.id, events="bar", bars="1m") as two,
    ):
        one.next("hello")
        two.next("hello")
        wait_for(lambda: api.hub.closed_bars._kept, "the question")
        with streaming(api, last_event_id=first.id, events="bar", bars="1m") as three:
            three.next("hello")
    wait_for(lambda: not len(api.hub.subscribers), "their leaving")
    wait_for(lambda: not api.hub.closed_bars._kept, "the question's end")
    with (
        keeping(redis_url, database_url),
        streaming(api, last_event_id=first.id, events="bar", bars="1m") as again,
    ):
        assert shown(again.take(1, "bar")) == ["1m 14:30:00 5000.00"]
