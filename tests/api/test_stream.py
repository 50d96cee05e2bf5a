"""The stream as a browser reads it: filter, resume, gaps, conflation, heartbeats, the end."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from served import Api, Event, Stream, publish, series, serving, streaming
from ticks_made import TS, add, inject, many, rows, taking_in, tick, wait_for, written

from thor.config import Settings
from thor.market.bus.client import Bus
from thor.reference import instruments
from thor.services.home import Home
from thor.services.running import start_servers
from thor.services.server import Server, stop_all
from thor.stream.buffer import ReplayBuffer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sink", "server"])
def either(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> Iterator[Api]:
    """The API where the reader writes to clients itself, and where the server does it all."""
    with serving(database_url, redis_url, has_sink=request.param == "sink") as api:
        yield api


def seqs(events: list[Event]) -> list[int]:
    return [event.data["seq"] for event in events]


def trim_after(redis_url: str, entries: int) -> None:
    """Let the bus forget so many entries, as the ingestor does once they are committed."""
    bus = Bus(redis_url, keep_s=0)
    bus.open_group()
    taken = bus.read("ingest-1", entries, 1)
    bus.acknowledge([entry.entry_id for entry in taken])
    assert bus.trim() == entries
    bus.close()


def test_a_stream_begins_with_hello_and_its_position(api: Api, redis_url: str) -> None:
    (entry,) = publish(redis_url, many(2))
    with streaming(api, symbols="$DXY,es") as stream:
        hello = stream.next()
    assert (hello.kind, hello.id) == ("hello", entry)
    assert hello.data["nature"] == "simulated"
    assert hello.data["symbols"] == ["DX", "ES"]
    assert hello.data["position"] == entry
    assert (hello.data["mode"], hello.data["from"]) == ("ticks", None)
    assert stream.retry_ms == 1000


def test_a_tick_and_its_quote_follow_each_other_under_one_id(either: Api, redis_url: str) -> None:
    with streaming(either) as stream:
        stream.next("hello")
        first, second = publish(
            redis_url,
            [tick(seq=1, last=Decimal("5000.5"), bid=Decimal("5000.25"))],
            [tick(seq=2, last=None, last_size=None, is_trade=False, ask=Decimal(5001))],
        )
        events = stream.take(4)
    assert [(event.kind, event.id) for event in events] == [
        ("tick", f"{first}.0"),
        ("quote", f"{first}.0"),
        ("tick", f"{second}.0"),
        ("quote", f"{second}.0"),
    ]
    # The tick is the record, the quote the last values after it.
    assert events[2].data == {
        "symbol": "ES",
        "ts": "2024-07-01T14:30:00.123456Z",
        "seq": 2,
        "source": "SIM",
        "received_at": "2024-07-01T14:30:00.123456Z",
        "ask": "5001",
    }
    quote = events[3].data
    assert (quote["last"], quote["bid"], quote["ask"]) == ("5000.50", "5000.25", "5001.00")
    assert (quote["is_stale"], quote["source_kind"]) == (True, "simulator")


def test_a_new_client_is_shown_the_latest_quotes_before_any_tick(api: Api, redis_url: str) -> None:
    publish(redis_url, [tick(seq=1), tick(seq=2, symbol="CL", last=Decimal("80.1"))])
    with streaming(api, symbols="CL") as stream:
        stream.next("hello")
        shown = stream.next()
        publish(redis_url, [tick(seq=3, symbol="CL", last=Decimal("80.2"))])
        assert (shown.kind, shown.data["symbol"], shown.data["last"]) == ("quote", "CL", "80.10")
        assert stream.next("tick").data["last"] == "80.2"


def test_a_quote_of_the_stream_equals_the_quote_that_is_asked_for(api: Api, redis_url: str) -> None:
    with streaming(api, events="quote") as stream:
        stream.next("hello")
        publish(redis_url, many(5, contract="ESU24", volume=8, bid=Decimal("4999.75")))
        *_, last = stream.take(5)
    asked = api.get("/api/quotes/ES")
    ages = {"age_ms": 0, "heard_age_ms": 0}
    assert {**last.data, **ages} == {**asked, **ages}


def test_only_the_symbols_and_kinds_asked_for_are_sent(api: Api, redis_url: str) -> None:
    with (
        streaming(api, symbols="es", events="tick") as ticks,
        streaming(api, symbols="CL,es", events="quote") as quotes,
    ):
        ticks.next("hello")
        quotes.next("hello")
        publish(
            redis_url,
            [
                tick(seq=1, symbol="YM", last=Decimal(39000)),
                tick(seq=2),
                tick(seq=3, symbol="CL", last=Decimal(80)),
                tick(seq=4),
            ],
            [tick(seq=5)],
        )
        heard = ticks.take(3)
        assert [(event.kind, event.data["seq"]) for event in heard] == [
            ("tick", 2), ("tick", 4), ("tick", 5),
        ]  # fmt: skip
        assert [event.id.split(".")[1] for event in heard if event.id] == ["1", "3", "0"]
        seen = quotes.take(4)
        assert [(event.kind, event.data["symbol"]) for event in seen] == [
            ("quote", "ES"), ("quote", "CL"), ("quote", "ES"), ("quote", "ES"),
        ]  # fmt: skip


def test_quotes_are_encoded_from_the_first_tick_that_a_subscriber_wants(
    api: Api, redis_url: str
) -> None:
    with streaming(api, symbols="ES", events="tick") as ticks:
        ticks.next("hello")
        publish(redis_url, [tick(seq=1)])
        assert ticks.next("tick").data["seq"] == 1
        with streaming(api, symbols="ES") as both:
            both.next("hello")
            assert both.next("quote").data["seq"] == 1
            publish(redis_url, [tick(seq=2), tick(seq=3)])
            heard = [(event.kind, event.data["seq"]) for event in both.take(4)]
            assert heard == [("tick", 2), ("quote", 2), ("tick", 3), ("quote", 3)]
        publish(redis_url, [tick(seq=4)])
        seen = [(event.kind, event.data["seq"]) for event in ticks.take(3)]
        assert seen == [("tick", 2), ("tick", 3), ("tick", 4)]


def test_a_client_goes_on_after_the_last_event_it_saw_wherever_in_an_entry(
    either: Api, redis_url: str
) -> None:
    with streaming(either, events="tick") as stream:
        stream.next("hello")
        publish(redis_url, series(3), series(1, first=3), series(4, first=4))
        whole = stream.take(8)
        assert seqs(whole) == list(range(8))
        # While others follow, from the ring.
        _resumes_exactly(either, whole)
    wait_for(lambda: not len(either.hub.subscribers), "the last client's leaving")
    wait_for(lambda: not either.hub.has_snapshot, "the reader's rest")
    # Without other subscribers, from the bus.
    _resumes_exactly(either, whole)


def _resumes_exactly(api: Api, whole: list[Event]) -> None:
    for at, event in enumerate(whole):
        with streaming(api, last_event_id=event.id) as stream:
            hello = stream.next()
            assert (hello.kind, hello.id, hello.data["from"]) == ("hello", None, event.id)
            rest = _until_quote(stream)
        assert [(one.id, one.data) for one in rest] == [
            (one.id, one.data) for one in whole[at + 1 :]
        ]


def _until_quote(stream: Stream) -> list[Event]:
    """Return the ticks up to the quote that is shown once a client has caught up."""
    found: list[Event] = []
    while True:
        event = stream.next()
        if event.kind == "quote" and event.id is not None and "." not in event.id:
            return found
        if event.kind == "tick":
            found.append(event)
        else:
            assert event.kind == "quote"


def test_no_tick_is_lost_between_hello_and_a_return_with_its_id(api: Api, redis_url: str) -> None:
    publish(redis_url, series(2))
    with streaming(api) as stream:
        hello = stream.next("hello")
    publish(redis_url, series(3, first=2))
    with streaming(api, last_event_id=hello.id, events="tick") as stream:
        assert seqs(stream.take(3, "tick")) == [2, 3, 4]


def test_from_in_the_query_goes_on_as_the_header_does_which_comes_first(
    api: Api, redis_url: str
) -> None:
    first, second = publish(redis_url, series(2), series(2, first=2))
    with streaming(api, **{"from": f"{first}.0"}) as stream:
        assert seqs(stream.take(3, "tick")) == [1, 2, 3]
    with streaming(api, last_event_id=f"{second}.0", **{"from": "0-0"}) as stream:
        assert seqs(stream.take(1, "tick")) == [3]
    with streaming(api, **{"from": first}) as stream:
        assert seqs(stream.take(2, "tick")) == [2, 3]


def test_from_the_beginning_is_all_there_ever_was_without_a_gap(api: Api, redis_url: str) -> None:
    publish(redis_url, series(30), series(30, first=30))
    with streaming(api, **{"from": "0-0"}) as stream:
        assert [event.kind for event in stream.take(61)] == ["hello"] + ["tick"] * 60


@pytest.mark.parametrize(
    "event_id", ["abc", "1-", "-1", "1-1.", "1-1.x", "1.1", "1-1-1", "9" * 21 + "-0", "１-1"]
)
def test_an_id_that_is_none_is_refused(asked_api: Api, event_id: str) -> None:
    found = asked_api.problem("/api/quotes/stream", 422, **{"from": event_id})
    assert found["detail"].startswith("from: ")


def test_a_header_that_is_no_id_is_refused_by_its_name(asked_api: Api) -> None:
    answer = asked_api.http.get("/api/quotes/stream", headers={"Last-Event-ID": "nonsense"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Last-Event-ID: 'nonsense' is no event id")


@pytest.mark.parametrize(
    ("name", "value"), [("events", "tick,trade"), ("mode", "fast"), ("symbols", "ES,")]
)
def test_an_impossible_filter_is_refused_by_name(asked_api: Api, name: str, value: str) -> None:
    found = asked_api.problem("/api/quotes/stream", 422, **{name: value})
    assert found["detail"].startswith(f"{name}: ")


def test_a_gap_is_sent_where_the_bus_no_longer_has_the_missed_events(
    api: Api, redis_url: str
) -> None:
    entries = publish(redis_url, *(series(2, first=2 * n) for n in range(5)))
    trim_after(redis_url, 3)
    with streaming(api, last_event_id=f"{entries[0]}.1", events="tick") as stream:
        stream.next("hello")
        gap, *ticks = stream.take(5)
    ms, seq = map(int, entries[3].split("-"))
    assert gap.kind == "gap"
    assert gap.data["from"] == f"{entries[0]}.1"
    # All up to `to` may be missing: what comes first after it is the oldest there is.
    assert _key(gap.data["to"]) < (ms, seq)
    assert _key(gap.data["to"]) >= _key(entries[2])
    assert gap.id == gap.data["to"]
    assert seqs(ticks) == [6, 7, 8, 9]
    with streaming(api, last_event_id=gap.id, events="tick") as stream:
        stream.next("hello")
        kinds = [event.kind for event in stream.take(5)]
    assert kinds == ["gap", "tick", "tick", "tick", "tick"]


def _key(event_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in event_id.split("-"))


def test_no_gap_is_sent_where_only_seen_events_were_trimmed(api: Api, redis_url: str) -> None:
    entries = publish(redis_url, *(series(2, first=2 * n) for n in range(5)))
    trim_after(redis_url, 3)
    with streaming(api, last_event_id=f"{entries[3]}.0", events="tick") as stream:
        assert [event.kind for event in stream.take(4)] == ["hello", "tick", "tick", "tick"]


def test_an_id_of_the_future_is_a_gap_and_the_stream_goes_on_from_now(
    api: Api, redis_url: str
) -> None:
    (entry,) = publish(redis_url, series(1))
    with streaming(api, last_event_id="99999999999999-0.0", events="tick") as stream:
        stream.next("hello")
        gap = stream.next()
        assert (gap.kind, gap.data) == ("gap", {"from": "99999999999999-0.0", "to": entry})
        publish(redis_url, series(1, first=1))
        assert seqs([stream.next("tick")]) == [1]


def test_a_bus_that_is_wiped_under_a_client_is_a_gap(api: Api, redis_url: str) -> None:
    with streaming(api, events="tick") as stream:
        stream.next("hello")
        (before,) = publish(redis_url, series(1))
        stream.next("tick")
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        publish(redis_url, series(2, first=1))
        gap = stream.next()
        assert gap.kind == "gap"
        assert gap.data["from"] == before
        assert seqs(stream.take(2)) == [1, 2]


def test_a_bus_that_is_set_back_is_a_gap_and_the_reader_hears_again(
    api: Api, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client, streaming(api, events="tick") as stream:
        stream.next("hello")
        # An id far ahead, as a machine's wrong clock gives one.
        fields: Any = {"first": 5, "n": 1, "source": "SIM", "ticks": json.dumps([written(tick())])}
        add(client, "99999999999999-0", **fields)
        assert stream.next().id == "99999999999999-0.0"
        client.flushdb()
        gap = stream.next()
        assert (gap.kind, gap.data["from"]) == ("gap", "99999999999999-0")
        publish(redis_url, series(1, first=7))
        assert seqs([stream.next("tick")]) == [7]


def test_ticks_that_the_database_would_refuse_are_never_shown(api: Api, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, streaming(api) as stream:
        stream.next("hello")
        publish(
            redis_url,
            [
                tick(seq=1, refused="seq: 1 comes after 5"),
                tick(seq=2, last=Decimal("5000.1")),
                tick(seq=3, symbol="ZZ"),
                tick(seq=4, source="NOBODY"),
                tick(seq=5, ts=TS + timedelta(seconds=6), received_at=TS),
                tick(seq=6),
            ],
        )
        inject(client, b"not json at all", 3)
        inject(client, [written(tick(seq=7)), written(tick(seq=8), last="NaN"), 9], 3)
        client.xadd("quotes:stream:unified", {"hello": "world"})
        publish(redis_url, [tick(seq=9)])
        events = stream.take(6)
    assert [(event.kind, event.data["seq"]) for event in events] == [
        (kind, seq) for seq in (6, 7, 9) for kind in ("tick", "quote")
    ]
    assert events[0].id is not None
    assert events[0].id.endswith(".5")


def test_ticks_of_what_was_just_listed_are_shown(
    api: Api, redis_url: str, connection: "psycopg.Connection[Any]"
) -> None:
    with streaming(api, events="tick") as stream:
        stream.next("hello")
        instruments.add_months(connection, [("ESU24", "ES")])
        connection.execute(
            "insert into reference.sources (source, kind, description) "
            "values ('TAPE:00c0ffee', 'tape', 'a tape')"
        )
        publish(redis_url, [tick(symbol="ESU24", source="TAPE:00c0ffee")])
        assert stream.next().data["source"] == "TAPE:00c0ffee"


def test_a_tick_older_than_the_latest_is_sent_but_changes_no_quote(
    api: Api, redis_url: str
) -> None:
    with streaming(api) as stream:
        stream.next("hello")
        publish(
            redis_url,
            [tick(seq=1, ts=TS, last=Decimal(5000))],
            [tick(seq=2, ts=TS - timedelta(seconds=1), last=Decimal(4000))],
            [tick(seq=3, ts=TS, last=Decimal(5001))],
        )
        events = stream.take(5)
    assert [(event.kind, event.data["seq"]) for event in events] == [
        ("tick", 1), ("quote", 1), ("tick", 2), ("tick", 3), ("quote", 3),
    ]  # fmt: skip
    assert events[4].data["last"] == "5001.00"


def test_conflated_sends_the_newest_quote_of_what_changed_and_no_tick(
    database_url: str, redis_url: str
) -> None:
    with (
        serving(database_url, redis_url, sse_conflate_ms=300) as api,
        streaming(api, mode="conflated", symbols="ES,CL") as stream,
    ):
        hello = stream.next()
        assert (hello.kind, hello.data["mode"]) == ("hello", "conflated")
        publish(redis_url, *(many(10, first_seq=10 * n) for n in range(20)))
        publish(redis_url, [tick(seq=500, symbol="YM", last=Decimal(39000))])
        publish(redis_url, [tick(seq=501, symbol="CL", last=Decimal(80))])
        events: list[Event] = []
        newest: dict[str, Any] = {}
        while newest.get("ES") != 199 or newest.get("CL") != 501:
            events.append(stream.next())
            newest[events[-1].data["symbol"]] = events[-1].data["seq"]
        quote = api.get("/api/quotes/ES")
    es = [event for event in events if event.data["symbol"] == "ES"]
    assert {event.kind for event in events} == {"quote"}
    assert {event.data["symbol"] for event in events} == {"ES", "CL"}
    # 200 ticks came within a few windows of 300 ms.
    assert len(es) < 20
    ages = {"age_ms": 0, "heard_age_ms": 0}
    assert {**es[-1].data, **ages} == {**quote, **ages}


def test_a_conflated_client_begins_with_what_is_known(api: Api, redis_url: str) -> None:
    publish(redis_url, [tick(seq=1)])
    with streaming(api, mode="conflated") as stream:
        stream.next("hello")
        assert stream.next("quote").data["last"] == "5000.25"


def test_heartbeats_carry_the_place_that_a_filtered_client_has_reached(
    database_url: str, redis_url: str
) -> None:
    with serving(database_url, redis_url, sse_ping_s=0.1) as api:
        with streaming(api, symbols="CL") as stream:
            stream.next("hello")
            *_, newest = publish(redis_url, series(2), series(2, first=2))
            ping = wait_for(lambda: _ping_at(stream, newest), "a heartbeat at the newest entry")
            assert set(ping.data) == {"ts", "position"}
            assert ping.data["position"] == newest
        trim_after(redis_url, 1)
        with streaming(api, symbols="CL", last_event_id=ping.id) as stream:
            assert [event.kind for event in stream.take(3)] == ["hello", "ping", "ping"]


def _ping_at(stream: Stream, entry_id: str) -> Event | None:
    event = stream.next("ping")
    return event if event.id == entry_id else None


def test_a_client_that_leaves_is_forgotten(api: Api) -> None:
    with streaming(api) as one, streaming(api, mode="conflated"):
        one.next("hello")
        wait_for(lambda: len(api.hub.subscribers) == 2, "two clients")
    wait_for(lambda: len(api.hub.subscribers) == 0, "nobody")
    wait_for(lambda: not api.hub.has_snapshot, "the reader's rest")


def test_a_client_that_lags_gets_every_tick_and_delays_no_other(
    either: Api, redis_url: str
) -> None:
    either.hub.buffer = ReplayBuffer(200_000)
    count, port = 20_000, int(either.url.rsplit(":", 1)[1])
    with socket.socket() as slow, streaming(either, events="tick") as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"GET /api/quotes/stream?events=tick HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 200"
        wait_for(lambda: len(either.hub.subscribers) == 2, "both clients")
        quick.next("hello")
        publish(redis_url, *(series(500, first=first) for first in range(0, count, 500)))
        assert seqs(quick.take(count, "tick")) == list(range(count))
        # Its connection buffers some; the hub's buffer is far ahead.
        heard = _read_until(slow, b'"seq":%d,' % (count - 1))
    assert b"event: gap" not in heard
    text = _dechunked(heard)
    found = [int(part.split(b",")[0]) for part in text.split(b'"seq":')[1:]]
    assert found == list(range(count))


def _read_until(connection: socket.socket, end: bytes) -> bytes:
    connection.settimeout(30)
    found = bytearray()
    # A chunk's head may stand within what is looked for.
    while end not in bytes(found[-200_000:]) and end not in _dechunked(bytes(found[-200_000:])):
        part = connection.recv(65_536)
        assert part, "the stream ended"
        found += part
    return bytes(found)


def _dechunked(raw: bytes) -> bytes:
    """Return the body of what has come, or what of it can be made out from the middle."""
    body = raw.split(b"\r\n\r\n", 1)[-1] if raw.startswith(b".1 200") or b"HTTP" in raw[:9] else raw
    parts = body.split(b"\r\n")
    return b"".join(part for part in parts if not _is_size(part))


def _is_size(part: bytes) -> bool:
    return 0 < len(part) < 9 and all(letter in b"0123456789abcdef" for letter in part)


def test_a_tick_of_the_stream_equals_its_row(
    api: Api, redis_url: str, database_url: str, connection: "psycopg.Connection[Any]"
) -> None:
    sent = many(
        50, bid=Decimal("4999.75"), ask=Decimal("5002.5"), bid_size=0, ask_size=3, side="B",
        contract="ESU24", volume=10**12, volume_delta=1,
    )  # fmt: skip
    with streaming(api, events="tick") as stream, taking_in(redis_url, database_url):
        stream.next("hello")
        publish(redis_url, sent)
        heard = stream.take(50)
        query = "select count(*) as n from market.ticks"
        wait_for(lambda: rows(connection, query)[0]["n"] == 50, "fifty rows")
    names = list(heard[0].data)
    query = f"select {', '.join(names)} from market.ticks order by ts, seq, source"
    assert [{name: _plain(value) for name, value in event.data.items()} for event in heard] == [
        {name: _plain(value) for name, value in row.items()} for row in rows(connection, query)
    ]
    page = api.get("/api/ticks/ES")
    assert [[row[name] for name in names] for row in page] == [
        [_shown(name, event.data[name]) for name in names] for event in heard
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.replace(".", "").isdigit():
        return Decimal(value)
    if hasattr(value, "astimezone"):
        return value.astimezone(TS.tzinfo).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def _shown(name: str, value: Any) -> Any:
    return f"{Decimal(value):.2f}" if name in {"last", "bid", "ask"} else value


@pytest.fixture
def own_bus(database_url: str) -> Iterator[tuple[str, Server]]:
    """A Redis-compatible server that a test may stop and start, and its URL."""
    # Not under pytest's own folder, which is closed to the user that runs the server.
    folder = Path(tempfile.mkdtemp(prefix="thor-test-"))
    folder.chmod(0o711)
    home = Home(folder / "home")
    asked = Settings(home=home.path, database_url=database_url, _env_file=None)
    with home.lock():
        urls, (server,) = start_servers(home, asked, report=lambda *_, **__: None)
        try:
            yield urls.redis_url, server
        finally:
            stop_all([server])
    shutil.rmtree(folder, ignore_errors=True)


def test_a_reader_that_fails_ends_its_streams_and_shows_in_health(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with streaming(api) as stream:
        stream.next("hello")
        monkeypatch.setattr(api.hub, "_read", fail)
        assert stream.read() is None
    health = api.get("/health")
    assert health["stream"]["state"] == "down"
    assert "stream: StreamHub.run broke down: ZeroDivisionError" in health["reasons"]


@pytest.mark.parametrize("mode", ["ticks", "conflated"])
def test_a_bus_that_goes_away_is_an_error_and_comes_back_without_a_loss(
    mode: str, database_url: str, own_bus: tuple[str, Server]
) -> None:
    url, server = own_bus
    with serving(database_url, url) as api, streaming(api, mode=mode) as stream:
        stream.next("hello")
        (entry,) = publish(url, series(2))
        assert stream.take(2 if mode == "ticks" else 1, "quote")[-1].data["seq"] == 1
        stop_all([server])
        fault = stream.next()
        assert (fault.kind, fault.data["status"]) == ("error", 503)
        assert fault.data["detail"].startswith("Redis")
        assert api.problem("/api/quotes", 503)["title"] == "Unavailable"
        with streaming(api, mode=mode) as late:
            assert late.next().data["position"] == entry
            assert [late.next().kind for _ in range(2)] == ["quote", "error"]
        server.start()
        publish(url, series(2, first=2))
        seen = [stream.next()]
        while seen[-1].data.get("seq") != 3 or seen[-1].kind != "quote":
            seen.append(stream.next())
    assert {event.kind for event in seen} <= {"ping", "tick", "quote"}
    assert seen[0].kind == "ping"
    ticks = [event for event in seen if event.kind == "tick"]
    assert seqs(ticks) == ([2, 3] if mode == "ticks" else [])


def test_a_stream_asked_for_while_the_bus_is_away_waits_for_it(
    database_url: str, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        port = client.connection_pool.connection_kwargs["port"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        away = redis_url.replace(f":{port}/", f":{free.getsockname()[1]}/")
    with serving(database_url, away) as api, streaming(api) as stream:
        hello = stream.next()
        assert (hello.kind, hello.id, hello.data["position"]) == ("hello", None, None)
        assert stream.next().kind == "error"


def test_a_server_that_is_asked_to_stop_ends_its_streams_cleanly(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "THOR_HOME": str(tmp_path / "home"),
        "THOR_DATABASE_URL": database_url,
        "THOR_REDIS_URL": redis_url,
        "THOR_API_PORT": str(port),
    }
    command = [sys.executable, "-m", "jobs.api"]
    log = tmp_path / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=said) as job,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: _answers(url), "the job's start")
            with (
                httpx.stream("GET", f"{url}/api/quotes/stream", timeout=30) as one,
                httpx.stream("GET", f"{url}/api/quotes/stream?mode=conflated", timeout=30) as two,
            ):
                streams = [Stream(one), Stream(two)]
                for stream in streams:
                    stream.next("hello")
                with _who_never_reads(port, redis_url):
                    streams[0].take(20_000, "tick")
                    job.send_signal(signal.SIGTERM)
                    # A stream that is cut off, not ended, would raise here.
                    for stream in streams:
                        while stream.read() is not None:
                            pass
            assert job.wait(timeout=30) == 0
        finally:
            job.kill()
    assert "serving" in log.read_text()
    assert "Traceback" not in log.read_text()


@contextlib.contextmanager
def _who_never_reads(port: int, redis_url: str) -> Iterator[None]:
    """A client whose connection is full."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /api/quotes/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        publish(redis_url, *(series(500, first=first) for first in range(0, 20_000, 500)))
        yield


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
