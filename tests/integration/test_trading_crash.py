"""kill -9 between every two steps of an order's life: no order twice, no position unknown.

A lock of the test's own holds the process at the step, so that it dies there and nowhere else.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest
from processes_killed import Killable, api, trade
from roles_made import as_role
from served import Stream
from ticks_made import rows, value, wait_for
from trading_made import Desk, made_desk

from thor.flow.place_orders import cancel
from thor.market.bus.client import Bus

D = Decimal


@pytest.fixture
def desk(database_url: str, redis_url: str, bus: Bus, connection: psycopg.Connection[Any]) -> Desk:
    return made_desk(database_url, redis_url, bus, connection)


@contextlib.contextmanager
def held(desk: Desk, lock: str) -> Iterator[None]:
    """Keep a lock meanwhile, and end once a process of Thor's waits for it."""
    with psycopg.connect(desk.url) as link:
        link.execute(lock.encode())
        yield
        wait_for(lambda: blocked(desk), "a process that waits for the lock")


def blocked(desk: Desk) -> bool:
    """Return whether a process waits for a lock of the desk's database."""
    return bool(
        value(
            desk.link,
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and wait_event_type = 'Lock' and starts_with(application_name, 'thor ')",
        )
    )


ORDER = "select from trade.orders where status <> 'FILLED' for update"
ACCOUNT = "select from trade.accounts for update"
INSERTS = "lock table trade.orders in share mode"


def state(desk: Desk) -> tuple[list[str], int, int]:
    """Return the status of each order, the number of fills and the contracts held."""
    statuses = rows(desk.link, "select status from trade.orders order by placed_at, status")
    count = int(value(desk.link, "select count(*) from trade.fills"))
    return [row["status"] for row in statuses], count, desk.held()


def test_a_job_killed_between_any_two_steps_of_an_order_repeats_and_loses_nothing(
    desk: Desk,
) -> None:
    urls = as_role(desk.url), desk.redis_url

    def killed_at(lock: str, publish: bool = False) -> None:
        """Start the job, let it come to a lock, and kill it there."""
        with held(desk, lock):
            process = Killable(trade, *urls)
            if publish:
                desk.publish("5000.00", "5000.25")
            wait_for(lambda: blocked(desk), "the job at the lock")
            process.kill()
        wait_for(lambda: not blocked(desk), "the end of what it had begun")

    def killed_once(*expected: str) -> None:
        """Start the job, and kill it once the orders have these statuses."""
        process = Killable(trade, *urls)
        wait_for(lambda: state(desk)[0] == list(expected), f"{expected}")
        process.kill()

    desk.place("BUY", 2)
    # The verdict and the order are written; it dies as it sends it.
    killed_at(ORDER)
    assert state(desk) == (["PENDING"], 0, 0)
    # Sent, and no answer yet.
    killed_once("SUBMITTED")
    # The broker took and filled it, and neither was written.
    killed_at(ORDER, publish=True)
    assert state(desk) == (["SUBMITTED"], 0, 0)
    # That it took it is written in the same transaction as the fill, which does not end.
    killed_at(ACCOUNT)
    assert state(desk) == (["SUBMITTED"], 0, 0)
    # Written: it dies before anything else.
    killed_once("FILLED")
    assert state(desk) == (["FILLED"], 1, 2)
    # A resting order that is to be cancelled, and a fill that comes first.
    row = desk.place("SELL", 2, "LIMIT", limit_price=D("5001.00"), time_in_force="GTC")
    with Killable(trade, *urls):
        wait_for(lambda: "SUBMITTED" in state(desk)[0], "the order's way")
        desk.publish("5000.00", "5000.50")
        wait_for(lambda: "WORKING" in state(desk)[0], "the order at work")
    cancel(desk.link, row["order_id"], "ann")
    killed_at(ORDER)
    assert state(desk)[0] == ["FILLED", "CANCEL_PENDING"]
    killed_once("FILLED", "CANCELLED")
    # All ticks once more, with more after them: nothing is done twice, and the broker agrees.
    with Killable(trade, *urls):
        desk.publish("5002.00", "5002.25")
        newest = desk.bus.last_id()
        wait_for(
            lambda: value(desk.link, "select entry_id from trade.broker_progress") == newest,
            "the job at the stream's end",
        )
    assert state(desk) == (["FILLED", "CANCELLED"], 1, 2)
    assert value(desk.link, "select count(*) from trade.breaks") == 0
    kinds = rows(desk.link, "select kind, to_status from trade.order_events order by event_id")
    assert [tuple(kind.values()) for kind in kinds] == [
        ("PLACED", "PENDING"), ("STATUS", "SUBMITTED"), ("STATUS", "WORKING"), ("FILL", "FILLED"),
        ("PLACED", "PENDING"), ("STATUS", "SUBMITTED"), ("STATUS", "WORKING"),
        ("STATUS", "CANCEL_PENDING"), ("STATUS", "CANCELLED"),
    ]  # fmt: skip


def test_an_api_killed_between_any_two_steps_places_an_order_once_and_publishes_its_fill(
    desk: Desk,
) -> None:
    urls = as_role(desk.url), desk.redis_url
    body = {"symbol": "ES", "side": "BUY", "type": "MARKET", "quantity": 2}
    key = {"Idempotency-Key": "one"}

    def started() -> tuple[Killable, httpx.Client]:
        process, url = api(*urls)
        http = httpx.Client(base_url=url, timeout=30)

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return http.get("/api/risk/kill").status_code == 200
            return False

        wait_for(answers, "the API's answer")
        return process, http

    def sent(http: httpx.Client) -> int | None:
        with contextlib.suppress(httpx.TransportError):
            return http.post("/api/orders", json=body, headers=key).status_code
        return None

    counts = (
        "select (select count(*) from trade.verdicts) || ' ' || (select count(*) from trade.orders)"
    )
    with ThreadPoolExecutor(1) as pool:
        # Taken, and no verdict yet; then the verdict, and the order is not written.
        for lock in (ACCOUNT, INSERTS):
            process, http = started()
            with held(desk, lock):
                answer = pool.submit(sent, http)
                wait_for(lambda: blocked(desk), "the API at the lock")
                process.kill()
            assert answer.result() is None
            wait_for(lambda: not blocked(desk), "the end of what it had begun")
            assert value(desk.link, counts) == "0 0"
        # Both written, and the client may not know.
        process, http = started()
        answer = pool.submit(sent, http)
        wait_for(lambda: value(desk.link, counts) == "1 1", "the order")
        process.kill()
        answer.result()
    desk.move("5000.00", "5000.50")
    assert state(desk) == (["FILLED"], 1, 2)
    # Filled while nobody published: it is the same order, and the fill and position are published.
    process, http = started()
    with process:
        again = http.post("/api/orders", json=body, headers=key)
        assert (again.status_code, again.json()["status"]) == (201, "FILLED")
        assert len(http.get("/api/fills").json()) == 1
        with http.stream("GET", "/api/quotes/stream", params={"events": "position"}) as answered:
            assert Stream(answered).next("position").data["quantity"] == 2
    assert value(desk.link, counts) == "1 1"
