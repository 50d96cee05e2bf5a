"""Serve the real application on a real port, and read its streams as a browser does."""

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from roles_made import as_role
from ticks_made import TS, settings, tick, wait_for

from api.app import create_app
from api.serve import Server, bound
from api.serve import server as served
from thor.config import Settings
from thor.domain.tick import Tick
from thor.market.bus.client import Bus

NOBODY = "postgresql://thor:hidden@127.0.0.1:1/thor"
NO_BUS = "redis://:hidden@127.0.0.1:1/0"


class Api:
    """A server that runs in a thread of this process."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)

    @property
    def hub(self) -> Any:
        """The shared reader, which only looks are taken at."""
        return self.server.config.app.state.shared.hub  # type: ignore[union-attr]

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a 200."""
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(self, path: str, status: int, **params: Any) -> dict[str, Any]:
        """Return the problem that a request is answered with."""
        return problem(self.http.get(path, params=params), status)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem of an answer, whose form is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) == {"type", "title", "status", "detail", "instance"}
    assert found["status"] == status
    assert found["instance"] == answer.request.url.path
    assert "hidden" not in answer.text
    assert "Traceback" not in answer.text
    return found


@contextlib.contextmanager
def serving(
    database_url: str, redis_url: str, *, has_sink: bool = True, **given: Any
) -> Iterator[Api]:
    """Run the API on a free port meanwhile; without Thor's transport, on the server's own one."""
    # Heartbeats come between other events: rarely, unless a test is about them.
    asked = settings(api_port=0, **{"sse_ping_s": 10, **given})
    with bound(asked) as listener:
        server = (
            served(asked, as_role(database_url), redis_url)
            if has_sink
            else _plain(asked, as_role(database_url), redis_url)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        api = Api(server, listener.getsockname()[1])
        try:
            wait_for(lambda: server.started, "the server's start")
            yield api
        finally:
            server.should_exit = True
            thread.join()
            api.http.close()


def _plain(asked: Settings, database_url: str, redis_url: str) -> Server:
    app = create_app(asked, database_url, redis_url)
    return Server(uvicorn.Config(app, http="h11", ws="none", log_config=None, lifespan="on"))


class Event:
    """One server-sent event."""

    def __init__(self, kind: str, event_id: str | None, text: str) -> None:
        self.kind, self.id, self.text = kind, event_id, text
        self.data: Any = json.loads(text)

    def __repr__(self) -> str:
        return f"{self.kind} {self.id} {self.text}"


class Stream:
    """A client of the stream; waits at most 30 s for the server's next word."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()
        self.retry_ms: int | None = None

    def next(self, *kinds: str) -> Event:
        """Return the next event of these kinds, or of any; others are passed over."""
        while True:
            event = self.read()
            assert event is not None, "the stream ended"
            if not kinds or event.kind in kinds:
                return event

    def take(self, count: int, *kinds: str) -> list[Event]:
        """Return so many events of these kinds."""
        return [self.next(*kinds) for _ in range(count)]

    def read(self) -> Event | None:
        """Return the next event, or None where the stream ends."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line == "" and "data" in fields:
                return Event(fields["event"], fields.get("id"), fields["data"])
            name, _, value = line.partition(": ")
            if name == "retry":
                self.retry_ms = int(value)
            elif line:
                assert name in {"event", "id", "data"}, line
                fields[name] = value
        assert not fields, f"the stream broke off within an event: {fields}"
        return None


@contextlib.contextmanager
def streaming(api: Api, last_event_id: str | None = None, **params: Any) -> Iterator[Stream]:
    """Open the stream, and close it at the end."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with (
        httpx.Client(base_url=api.url, timeout=30) as client,
        client.stream("GET", "/api/quotes/stream", params=params, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        yield Stream(answer)


def series(count: int, symbol: str = "ES", first: int = 0, **given: Any) -> list[Tick]:
    """Return ticks a millisecond apart, numbered from `first`, all at 5000.25."""
    return [
        tick(symbol=symbol, seq=seq, ts=TS + timedelta(milliseconds=seq), **given)
        for seq in range(first, first + count)
    ]


def publish(redis_url: str, *entries: list[Tick]) -> list[str]:
    """Publish entries and return their ids."""
    bus = Bus(redis_url)
    try:
        return [str(bus.publish(ticks).entry_id) for ticks in entries]
    finally:
        bus.close()
