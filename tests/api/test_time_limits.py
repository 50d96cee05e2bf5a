"""Nothing waits without end: statements, locks, requests and connections have their limits."""

import socket
import time
from collections.abc import Iterator

import psycopg
import pytest
from ticks_made import wait_for

from api import transport
from thor import database


@pytest.mark.parametrize(
    ("job", "statement", "lock"),
    [
        ("api", "10s", "3s"),
        ("ingest-2", "1min", "30s"),
        ("bars", "10min", "1min"),
        ("cli", "0", "1min"),
    ],
)
def test_a_connection_has_the_limits_of_its_purpose(
    database_url: str, job: str, statement: str, lock: str
) -> None:
    with database.connect(database_url, job) as connection:
        found = [
            connection.execute(f"show {name}".encode()).fetchone()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert found == [(statement,), (lock,), ("10min",)]


async def test_the_pool_of_the_api_has_them_too(database_url: str) -> None:
    async with database.pool(database_url, "api", 1) as pool, pool.connection() as connection:
        cursor = await connection.execute("show statement_timeout")
        assert await cursor.fetchone() == {"statement_timeout": "10s"}


def test_options_of_the_url_stay(database_url: str) -> None:
    url = f"{database_url}?options=-c%20work_mem%3D7MB"
    with database.connect(url, "api") as connection:
        assert connection.execute("show work_mem").fetchone() == ("7MB",)
        assert connection.execute("show lock_timeout").fetchone() == ("3s",)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """An API that allows three connections, and half a second for a request."""
    from served import NO_BUS, NOBODY, serving

    monkeypatch.setattr(transport, "REQUEST_WITHIN_S", 0.5)
    monkeypatch.setattr(transport, "CONNECTIONS_MAX", 3)
    with serving(NOBODY, NO_BUS) as api:
        api.http.close()
        yield "127.0.0.1", int(api.url.rsplit(":", 1)[1])


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HT",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y",
        b"POST /api/desk/sets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
    ],
)
def test_half_a_request_is_not_waited_for(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(sent)
        try:
            while client.recv(4096):
                pass
        except ConnectionResetError:
            pass


def test_of_too_many_connections_the_newest_is_closed(address: tuple[str, int]) -> None:
    clients = [socket.create_connection(address, timeout=30) for _ in range(3)]
    with socket.create_connection(address, timeout=30) as one_more:
        until = time.monotonic() + 30
        with pytest.raises((ConnectionError, AssertionError)):
            assert one_more.recv(1)
        assert time.monotonic() < until
    for client in clients:
        client.close()

    def is_answered() -> bool:
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(b"GET /docs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return client.recv(4096).startswith(b"HTTP/1.1 ")

    wait_for(is_answered, "an answer once one is free")


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_a_client_that_leaves_cancels_its_query(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    from served import serving

    from thor.database import connection as driver

    # Without limits of its own the query would wait as long as the lock is held.
    monkeypatch.setitem(driver._LIMITS_S, "api", (0, 0))
    with (
        serving(database_url, redis_url) as api,
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        api.get("/api/instruments")
        holder.execute("lock table market.ticks in access exclusive mode")

        def waiting() -> int:
            found = other.execute(
                "select count(*) from pg_stat_activity where datname = current_database() "
                "and application_name = 'thor api' and wait_event_type = 'Lock'"
            ).fetchone()
            return int(found[0]) if found else 0

        address = ("127.0.0.1", int(api.url.rsplit(":", 1)[1]))
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(
                b"GET /api/ticks/ES HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Accept: %b\r\n\r\n" % accept.encode()
            )
            wait_for(lambda: waiting() == 1, "the query of the client")
        wait_for(lambda: waiting() == 0, "the end of the query whose client left")
        holder.rollback()
        assert api.get("/api/ticks/ES") == []
        left = [
            line
            for line in api.http.get("/metrics").text.splitlines()
            if line.startswith("thor_http_request_duration_seconds_count")
            and 'status="499"' in line
        ]
        assert [line.rsplit(" ", 1)[1] for line in left] == ["1.0"]
