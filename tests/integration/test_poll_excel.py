"""The desk's workbook on the bus and in the database: one poller, nothing lost, states shown."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from excel_fake import FakeApp, FakeBook, FakeExcel, FakeSheet
from excel_made import SAMPLE, save
from excel_polling import FILE, Log, polling
from ticks_made import rows, settings, stored, taking_in, value, wait_for

from thor.errors import Refused, Rejected
from thor.flow.lease import Lease
from thor.flow.poll_excel import poll_excel
from thor.market.bus.client import Bus
from thor.market.bus.messages import CLAIM, COUNTER, LATEST
from thor.market.collect.excel.live import LiveWorkbook
from thor.ops import collectors
from thor.runtime import Stop
from thor.services.home import Home

pytestmark = pytest.mark.editions("plain")


@pytest.fixture
def live_url(database_url: str) -> str:
    """A database for live data."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update ops.edition set nature = 'live'")
    return database_url


class Desk:
    """An Excel whose cells the test writes."""

    def __init__(self) -> None:
        self.sheet = FakeSheet("LiveData", SAMPLE)
        self.excel = FakeExcel(FakeApp(FakeBook(FILE, self.sheet)))

    def write(self, row: int, **cells: Any) -> None:
        """Write cells of a row by their header's name."""
        for name, written in cells.items():
            self.sheet.values[row][SAMPLE[0].index(name)] = written

    def reader(self) -> LiveWorkbook:
        return LiveWorkbook(FILE, "LiveData", "A1:N13", self.excel)


@contextmanager
def trimming(redis_url: str) -> Iterator[None]:
    """Drop meanwhile what the ingestor has acknowledged."""
    stop, bus = Stop(), Bus(redis_url, keep_s=0)

    def run() -> None:
        while not stop.wait(0.05):
            bus.trim()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        bus.close()


def state_of(home: Path) -> tuple[str, str]:
    found = collectors.of_home(Home(home))
    return (found[0].state, found[0].reason) if found else ("", "")


def in_state(home: Path, state: str) -> Callable[[], bool]:
    return lambda: state_of(home)[0] == state


def test_a_cell_that_changes_is_a_row_in_the_database_and_a_quote_on_the_bus(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    desk, home = Desk(), tmp_path / "home"
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    with (
        psycopg.connect(live_url, autocommit=True) as connection,
        taking_in(redis_url, live_url),
        polling(home, redis_url, live_url, desk.reader),
    ):
        wait_for(lambda: value(connection, "select count(*) from ticks") == 11, "eleven rows")
        desk.write(2, Last=6874.25, Volume=44300)
        wait_for(lambda: client.hget(LATEST + "ES", "last") == "6874.25", "the quote")
        wait_for(lambda: value(connection, "select count(*) from ticks") == 12, "its row")
        wait_for(
            lambda: value(connection, "select count(*) from marks where source = 'EXCEL'") == 11,
            "the day's marks",
        )
        assert {(tick.source, tick.is_sampled) for tick in stored(connection)} == {("EXCEL", True)}
        es = rows(connection, "select * from ticks where symbol = 'ES' order by ts")
        assert [row["volume_delta"] for row in es] == [None, 24]
        assert [row["last"] for row in es] == [Decimal("6873.75"), Decimal("6874.25")]
        assert [row["is_trade"] for row in es] == [False, True]
        assert all(row["ts"] == row["received_at"] for row in es)
        zb = rows(connection, "select prev_close, high, low from marks where symbol = 'ZB'")
        assert zb == [
            {
                "prev_close": Decimal("118.59375"),
                "high": Decimal("118.3125"),
                "low": Decimal("118"),
            }
        ]
        basis = rows(connection, "select * from market.basis(now()) where symbol = 'ES'")
        assert (basis[0]["basis"], basis[0]["basis_source"]) == (6827, "EXCEL")
        wait_for(in_state(home, "live"), "the state")


def test_what_does_not_change_is_heard_and_stays_its_own(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    with polling(tmp_path / "home", redis_url, live_url, Desk().reader):
        wait_for(lambda: client.hget(CLAIM + "DX", "heard_ms"), "the claim")
        first = int(client.hget(CLAIM + "DX", "heard_ms") or 0)
        wait_for(
            lambda: int(client.hget(CLAIM + "DX", "heard_ms") or 0) > first + 1000,
            "the claim's renewal",
        )
        counter: Any = client.hgetall(COUNTER)
        assert int(counter["next"]) - int(counter["base"]) == 11


def test_a_second_poller_waits_and_takes_over_when_the_first_ends(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    first, second = Desk(), Desk()
    one, two = tmp_path / "one", tmp_path / "two"
    with polling(one, redis_url, live_url, first.reader):
        wait_for(in_state(one, "live"), "the first")
        with polling(two, redis_url, live_url, second.reader) as log:
            wait_for(lambda: log.said("waiting"), "the second one's wait")
            assert log.said("waiting")[0]["reason"].startswith("another poller reads it: ")
            assert second.sheet.reads == 0
            assert state_of(two) == ("", "")
    client = redis.Redis.from_url(redis_url)
    assert client.get("thor:lease:EXCEL") is None
    with polling(two, redis_url, live_url, second.reader):
        wait_for(in_state(two, "live"), "the second")


def test_a_lease_is_taken_over_from_an_owner_that_died_and_released_by_its_owner_alone(
    redis_url: str,
) -> None:
    bus = Bus(redis_url)
    client = redis.Redis.from_url(redis_url)
    dead, next_ = Lease(bus, "x", 0.4, "dead"), Lease(bus, "x", 60, "next")
    assert dead.hold()
    assert not next_.hold()
    assert next_.holder == "dead"
    next_.release()
    assert client.get("thor:lease:x") == b"dead"
    wait_for(next_.hold, "the end of the dead one's lease")
    assert not dead.hold()
    dead.release()
    assert client.get("thor:lease:x") == b"next"
    assert 50_000 < int(client.pttl("thor:lease:x")) <= 60_000
    next_.release()
    assert client.get("thor:lease:x") is None
    bus.close()


def test_a_full_bus_makes_it_spill_and_what_was_spilled_comes_out_in_order(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    desk, home = Desk(), tmp_path / "home"
    spill = home / "spill" / "EXCEL-live.jsonl"
    # Space for the first reading and a few changes; no ingestor runs.
    with polling(home, redis_url, live_url, desk.reader, ticks_max=13) as log:
        wait_for(in_state(home, "live"), "the first reading")
        for number in range(6):
            desk.write(2, Last=6880 + number)
            before = desk.sheet.reads
            wait_for(lambda: desk.sheet.reads >= before + 2, "the next reading")  # noqa: B023
        wait_for(spill.exists, "the spill")
        wait_for(lambda: "spilled to a file" in state_of(home)[1], "the state")
        assert "the bus holds 13 ticks that are not yet read" in log.said("spilled")[0]["reason"]
        with (
            taking_in(redis_url, live_url),
            trimming(redis_url),
            psycopg.connect(live_url, autocommit=True) as connection,
        ):
            wait_for(lambda: value(connection, "select count(*) from ticks") == 17, "all rows")
            wait_for(lambda: not spill.exists(), "the end of the spill")
            es = rows(connection, "select last, seq from ticks where symbol = 'ES' order by ts")
            assert [row["last"] for row in es][1:] == [6880 + number for number in range(6)]
            assert [row["seq"] for row in es] == sorted(row["seq"] for row in es)
            desk.write(2, Last=6900)
            wait_for(lambda: value(connection, "select count(*) from ticks") == 18, "the next")


def test_a_bus_that_is_away_makes_it_spill_across_a_restart(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    desk, home = Desk(), tmp_path / "home"
    with polling(home, redis_url, live_url, desk.reader) as log:
        wait_for(in_state(home, "live"), "the first reading")
        client = redis.Redis.from_url(redis_url)
        # The server answers no client for a while, as when it is stopped.
        bus_away = _Away(client)
        with bus_away:
            desk.write(2, Last=6881)
            wait_for(lambda: log.said("spilled"), "the spill", 30)
    assert (home / "spill" / "EXCEL-live.jsonl").exists()
    with (
        polling(home, redis_url, live_url, desk.reader),
        taking_in(redis_url, live_url),
        psycopg.connect(live_url, autocommit=True) as connection,
    ):
        query = "select count(*) from ticks where last = 6881"
        wait_for(lambda: value(connection, query) >= 1, "what was spilled")
        wait_for(lambda: not (home / "spill" / "EXCEL-live.jsonl").exists(), "its end")


class _Away:
    """Refuses writes, as a replica without a master does: an `Unavailable` to every publisher."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client

    def __enter__(self) -> None:
        self._client.replicaof("127.0.0.1", 1)

    def __exit__(self, *_: object) -> None:
        self._client.replicaof("NO", "ONE")


def test_each_state_is_on_the_bus_and_in_the_home(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    desk, home = Desk(), tmp_path / "home"
    client = redis.Redis.from_url(redis_url)
    running, desk.excel.running = desk.excel.running, []
    with polling(home, redis_url, live_url, desk.reader):
        wait_for(in_state(home, "not running"), "no Excel")
        desk.excel.running = [FakeApp(FakeBook("other.xlsx"))]
        wait_for(in_state(home, "workbook not open"), "another workbook")
        desk.excel.running = running
        for row in range(1, 12):
            desk.write(row, Last=-2146826246, Bid="loading", Ask=-2146826246)
        wait_for(in_state(home, "RTD not connected"), "RTD")
        assert state_of(home)[1] == "#N/A or loading in 33 of 121 cells"
        desk.sheet.values[0][1] = "Name"
        wait_for(in_state(home, "sheet or range not found"), "the header")
        desk.sheet.values = [list(row) for row in SAMPLE]
        wait_for(in_state(home, "live"), "quotes")

        def on_the_bus() -> Any:
            found: Any = client.get("thor:collector:EXCEL")
            return found and json.loads(found)

        status = wait_for(
            lambda: (on_the_bus() or {}).get("state") == "live" and on_the_bus(), "it"
        )
        assert status["source"] == "EXCEL"
        since = datetime.fromisoformat(status["since"])
        assert datetime.now(UTC) - since < timedelta(minutes=1)


def test_a_saved_workbook_is_read_where_there_is_no_excel(
    tmp_path: Path, redis_url: str, live_url: str
) -> None:
    file, record = save(tmp_path / "saved.xlsx"), tmp_path / "read.parquet"
    home = tmp_path / "home"
    with (
        psycopg.connect(live_url, autocommit=True) as connection,
        taking_in(redis_url, live_url),
        polling_file(home, redis_url, live_url, file, record),
    ):
        wait_for(lambda: value(connection, "select count(*) from ticks") == 11, "eleven rows")
    assert record.exists()


@contextmanager
def polling_file(
    home: Path, redis_url: str, database_url: str, file: Path, record: Path
) -> Iterator[None]:
    """Poll a saved workbook in a thread meanwhile."""
    home.mkdir()
    (home / "run").mkdir()
    stop, bus = Stop(), Bus(redis_url)
    asked = settings(home=home, excel_file=str(file), excel_interval_s=0.2)
    thread = threading.Thread(
        target=poll_excel, args=(asked, bus, database_url, stop, Log(), record)
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        bus.close()


def test_the_desk_stays_out_of_a_database_that_is_not_for_live_data(
    tmp_path: Path, redis_url: str, database_url: str
) -> None:
    with (
        pytest.raises(Refused, match=r"made for simulated data.*thor up --live"),
        polling(tmp_path / "home", redis_url, database_url, Desk().reader) as log,
    ):
        wait_for(lambda: log is not None, "the poller")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"excel_file": None}, "no workbook is named: give --file"),
        ({"excel_file": FILE, "excel_range": "A1"}, "range: 'A1' is no range"),
        ({"excel_file": FILE, "excel_interval_s": 0.1}, "interval: 0.1 s is too short"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_opened(
    given: dict[str, Any], reason: str
) -> None:
    # Whatever waits for a server ends at once.
    stop = Stop()
    stop.set()
    with pytest.raises(Rejected, match=reason):
        poll_excel(settings(**given), Bus("redis://127.0.0.1:1/0"), "", stop, Log())
